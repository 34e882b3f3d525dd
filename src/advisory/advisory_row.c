/* advisory_row.c - row, draft and entry of an advisory. Store thread. */
#include "advisory/advisory_row.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "advisory/advisory_as.h"
#include "advisory/advisory_diff.h"
#include "advisory/advisory_model.h"
#include "core/clock.h"
#include "core/crypto.h"
#include "core/fault.h"
#include "core/id.h"
#include "core/json.h"
#include "core/text.h"
#include "store/record_advisory.h"

#define MARKDOWN_MAX (16u << 20)

static tsn_err parse(const char *text, json_t **out, struct tsn_diag *diag)
{
    *out = NULL;
    return text && *text ? tsn_json_parse(text, strlen(text), out, diag) : 0;
}

tsn_err tsn_advisory_find(struct tsn_store *st, struct tsn_arena *arena, const char *ref,
                          struct tsn_rec_advisory *out, struct tsn_diag *diag)
{
    tsn_err err = tsn_store_get(st, arena, &tsn_table_advisory, ref, out);
    if (err == TSN_ENOTFOUND) {
        err = tsn_store_find(st, arena, &tsn_table_advisory, "name", ref, out);
    }
    if (err == TSN_ENOTFOUND) {
        err = tsn_diag_set(diag, err, "D005", "there is no advisory `%.60s`", ref);
    }
    return err;
}

tsn_err tsn_advisory_last(struct tsn_store *st, struct tsn_arena *arena, const char *advisory,
                          struct tsn_rec_release *out)
{
    const struct tsn_filter filter = {
        .column = "advisory", .cmp = TSN_CMP_EQ, .text = advisory};
    const struct tsn_list how = {
        .filters = &filter, .nfilters = 1, .order = "id", .descending = true, .limit = 1};
    void *rows = NULL;
    size_t n = 0;
    tsn_err err = tsn_store_list(st, arena, &tsn_table_release, &how, &rows, &n);
    if (!err && n == 0) {
        err = TSN_ENOTFOUND;
    }
    if (!err) {
        *out = *(struct tsn_rec_release *)rows;
    }
    return err;
}

tsn_err tsn_advisory_work_open(struct tsn_advisory_work *w, const char *ref)
{
    tsn_err err = tsn_advisory_find(w->st, w->arena, ref, &w->a, w->diag);
    if (!err) {
        err = parse(w->a.life, &w->life, w->diag);
    }
    if (!err) {
        err = parse(w->a.model, &w->model, w->diag);
    }
    if (!err) {
        err = parse(w->a.csaf, &w->csaf, w->diag);
    }
    if (!err && !w->life) {
        w->life = json_object();
    }
    return err;
}

void tsn_advisory_work_free(struct tsn_advisory_work *w)
{
    json_decref(w->life);
    json_decref(w->model);
    json_decref(w->csaf);
    w->life = w->model = w->csaf = NULL;
}

const char *tsn_advisory_by(const struct tsn_advisory_work *w)
{
    if (w->ask->by && w->ask->by->person) {
        return tsn_arena_printf(w->arena, "u:%s", w->ask->by->person);
    }
    return w->ask->service ? w->ask->service : "svc:advisory";
}

/* --- a draft -------------------------------------------------------------------------------- */

/* Whole numbers or three-part ones; what was released decides, then the configuration. */
static bool semantic(const char *before)
{
    const char *policy = tsn_advisory_env.publisher->versions;
    return before ? strchr(before, '.') != NULL : policy && strcmp(policy, "semantic") == 0;
}

static json_t *draft_tracking(struct tsn_advisory_work *w, const json_t *last,
                              const char *change)
{
    char now[25];
    tsn_time_format(now, w->ask->now_ms);
    const json_t *before = json_object_get(json_object_get(last, "document"), "tracking"),
                 *mine = json_object_get(json_object_get(w->csaf, "document"), "tracking");
    json_t *history = json_array(), *item;
    size_t i;
    json_array_foreach(json_object_get(before, "revision_history"), i, item)
    {
        json_array_append(history, item);
    }
    const char *number = before           ? tsn_json_str(before, "version", "1")
                         : semantic(NULL) ? "0.1.0"
                                          : "0";
    json_array_append_new(history,
                          json_pack("{s:s,s:s,s:s}", "number", number, "date", now, "summary",
                                    change && *change ? change
                                    : before          ? "Update"
                                                      : "Draft"));
    const json_t *first = before ? before : mine;
    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:o}", "id", w->a.name, "version", number, "status",
                     "draft", "initial", tsn_json_str(first, "initial_release_date", now),
                     "current", now, "history", history);
}

static void renumber(json_t *csaf, const char *number)
{
    json_t *t = json_object_get(json_object_get(csaf, "document"), "tracking");
    json_t *history = json_object_get(t, "revision_history");
    json_object_set_new(t, "version", json_string(number));
    json_object_set_new(json_array_get(history, json_array_size(history) - 1), "number",
                        json_string(number));
}

tsn_err tsn_advisory_work_render(struct tsn_advisory_work *w, const char *change)
{
    struct tsn_rec_release r;
    json_t *last = NULL, *csaf = NULL, *model = json_deep_copy(w->model);
    tsn_err err = tsn_advisory_last(w->st, w->arena, w->a.id, &r);
    if (!err) {
        err = parse(r.csaf, &last, w->diag);
    } else if (err == TSN_ENOTFOUND) {
        err = 0;
    }
    if (!err) {
        json_object_set_new(model, "tracking", draft_tracking(w, last, change));
        err = tsn_csaf_render(model, tsn_advisory_env.publisher, TSN_CSAF_20, &csaf, w->diag);
    }
    if (!err && last) {
        char number[40];
        enum tsn_diff_level level = tsn_advisory_diff(last, csaf, NULL);
        tsn_version_next(r.version, level ? level : TSN_DIFF_PATCH, number, sizeof number);
        renumber(csaf, number);
    }
    if (!err) {
        json_decref(w->csaf);
        w->csaf = csaf;
    } else {
        json_decref(csaf);
    }
    json_decref(last);
    json_decref(model);
    return err;
}

tsn_err tsn_advisory_numbered(struct tsn_store *st, struct tsn_arena *arena,
                              const struct tsn_rec_advisory *a, const char *number,
                              struct tsn_rec_release *out, struct tsn_diag *diag)
{
    const struct tsn_filter filters[] = {
        {.column = "advisory", .cmp = TSN_CMP_EQ, .text = a->id},
        {.column = "version", .cmp = TSN_CMP_EQ, .text = number},
    };
    const struct tsn_list how = {.filters = filters, .nfilters = 2, .limit = 1};
    void *rows = NULL;
    size_t n = 0;
    tsn_err err = tsn_store_list(st, arena, &tsn_table_release, &how, &rows, &n);
    if (!err && n == 0) {
        return tsn_diag_set(diag, TSN_ENOTFOUND, "D005", "%s has no version %.40s", a->name,
                            number);
    }
    if (!err) {
        *out = *(struct tsn_rec_release *)rows;
    }
    return err;
}

tsn_err tsn_advisory_changes(struct tsn_store *st, struct tsn_arena *arena,
                             const struct tsn_rec_advisory *a, const char *from, const char *to,
                             json_t **out, struct tsn_diag *diag)
{
    struct tsn_rec_release r = {0}, until = {0};
    json_t *last = NULL, *csaf = NULL, *words = NULL;
    tsn_err err = from ? tsn_advisory_numbered(st, arena, a, from, &r, diag)
                       : tsn_advisory_last(st, arena, a->id, &r);
    bool first = !from && err == TSN_ENOTFOUND;
    err = first ? 0 : err;
    if (!err && to) {
        err = tsn_advisory_numbered(st, arena, a, to, &until, diag);
    }
    if (!err) {
        err = parse(to ? until.csaf : a->csaf, &csaf, NULL);
    }
    if (!err && !first) {
        err = parse(r.csaf, &last, NULL);
    }
    if (!err) {
        enum tsn_diff_level level =
            first ? TSN_DIFF_MAJOR : tsn_advisory_diff(last, csaf, &words);
        if (first) {
            words = json_pack("[s]", "nothing was released before");
        }
        const json_t *t = json_object_get(json_object_get(csaf, "document"), "tracking");
        *out = json_pack("{s:s,s:s,s:s,s:s?,s:s,s:O}", "id", a->id, "name", a->name, "level",
                         tsn_diff_level_text(level), "from", first ? NULL : r.version, "to",
                         tsn_json_str(t, "version", ""), "changes", words);
    }
    json_decref(words);
    json_decref(last);
    json_decref(csaf);
    return err;
}

tsn_err tsn_advisory_model_of(const struct tsn_rec_advisory *a, json_t **model,
                              struct tsn_diag *diag)
{
    json_t *csaf = NULL;
    tsn_err err = parse(a->model, model, diag);
    if (!err) {
        err = parse(a->csaf, &csaf, diag);
    }
    if (!err && !*model) {
        err = tsn_diag_set(diag, TSN_ENOTFOUND, "D005", "%s has no draft", a->name);
    }
    if (!err) {
        tsn_advisory_model_track(*model, csaf);
    } else {
        json_decref(*model);
        *model = NULL;
    }
    json_decref(csaf);
    return err;
}

/* --- the row --------------------------------------------------------------------------------- */

static tsn_err entry(struct tsn_advisory_work *w, const char *kind, const char *before)
{
    const json_t *doc = json_object_get(w->csaf, "document");
    const json_t *tlp = json_object_get(json_object_get(doc, "distribution"), "tlp");
    json_t *v = json_pack("{s:s,s:I,s:s,s:s}", "name", w->a.name, "version",
                          (json_int_t)w->a.version, "digest", w->a.digest, "state", w->a.state);
    char *text = tsn_json_text(v);
    json_decref(v);
    const struct tsn_field field = {.name = "result", .data = text, .len = strlen(text)};
    struct tsn_append in = TSN_APPEND_INIT;
    int64_t seq;
    in.kind = kind;
    in.actor = tsn_advisory_by(w);
    in.auth = w->ask->by ? w->ask->by->auth : "svc";
    in.case_id = w->a.case_id;
    in.run = w->ask->run;
    in.case_chain = true;
    in.step = w->ask->step;
    in.outcome = "ok";
    in.from = before;
    in.to = w->a.state;
    in.tlp = tsn_json_str(tlp, "label", NULL);
    in.fields = &field;
    in.nfields = 1;
    tsn_err err = tsn_store_append(w->st, &in, &seq);
    free(text);
    return err;
}

tsn_err tsn_advisory_work_save(struct tsn_advisory_work *w, const char *kind)
{
    struct tsn_buf markdown;
    uint8_t hash[TSN_HASH_LEN];
    char hex[2 * TSN_HASH_LEN + 1];
    char *csaf = NULL, *life = NULL, *model = NULL;
    struct tsn_rec_advisory stored;
    const char *before = "none";
    tsn_buf_init(&markdown, MARKDOWN_MAX);
    tsn_err err = tsn_advisory_accepted(w->csaf, w->diag);
    if (!err) {
        err = tsn_advisory_markdown(w->csaf, &markdown);
    }
    if (!err) {
        csaf = tsn_json_text(w->csaf);
        life = tsn_json_text(w->life);
        model = w->model ? tsn_json_text(w->model) : NULL;
        tsn_sha256_once(hash, csaf, strlen(csaf));
        tsn_hex(hex, hash, sizeof hash);
        w->a.digest = tsn_arena_printf(w->arena, "sha256:%s", hex);
        w->a.csaf = tsn_arena_strdup(w->arena, csaf);
        w->a.life = tsn_arena_strdup(w->arena, life);
        w->a.model = model ? tsn_arena_strdup(w->arena, model) : NULL;
        w->a.markdown = tsn_arena_strdup(w->arena, markdown.data);
        w->a.version++;
        w->a.updated_at = w->ask->now_ms;
        tsn_fault("advisory.store");
        if (tsn_store_get(w->st, w->arena, &tsn_table_advisory, w->a.id, &stored) == 0)
            before = stored.state ? stored.state : "draft";
        err = tsn_store_put(w->st, &tsn_table_advisory, &w->a);
    }
    if (!err) {
        err = entry(w, kind, before);
    }
    free(csaf);
    free(life);
    free(model);
    tsn_buf_free(&markdown);
    return err;
}

tsn_err tsn_advisory_work_move(struct tsn_advisory_work *w, const char *to, const char *why)
{
    if (strcmp(w->a.state ? w->a.state : "draft", to) == 0) {
        w->a.state = to;
        return 0;
    }
    json_t *args =
        json_pack("{s:s,s:s,s:s}", "track", "document", "subject", w->a.name, "to", to);
    if (why && *why) {
        json_object_set_new(args, "note", json_string(why));
    }
    const struct tsn_case_act act = {.case_id = w->a.case_id,
                                     .op = "track.move",
                                     .args = args,
                                     .by = w->ask->by,
                                     .service = w->ask->by ? NULL : "svc:advisory",
                                     .run = w->ask->run,
                                     .step = w->ask->step,
                                     .now_ms = w->ask->now_ms};
    json_t *result = NULL;
    int64_t seq = -1;
    tsn_err err =
        tsn_case_act(w->st, w->arena, tsn_advisory_env.casework, &act, &result, &seq, w->diag);
    if (err == TSN_ECONFLICT && strcmp(w->diag->code, "W001") == 0) {
        err = tsn_diag_set(w->diag, err, "D101", "%s is %s and cannot become %s", w->a.name,
                           w->a.state, to);
    }
    if (!err) {
        w->a.state = to;
    }
    json_decref(result);
    json_decref(args);
    return err;
}

json_t *tsn_advisory_work_view(const struct tsn_advisory_work *w)
{
    const json_t *doc = json_object_get(w->csaf, "document");
    json_t *out = json_pack(
        "{s:s,s:s,s:s,s:I,s:s,s:s,s:s,s:s}", "id", w->a.id, "name", w->a.name, "state",
        w->a.state, "version", (json_int_t)w->a.version, "number",
        tsn_json_str(json_object_get(doc, "tracking"), "version", ""), "digest", w->a.digest,
        "title", tsn_json_str(doc, "title", ""), "markdown", w->a.markdown);
    json_object_set(out, "csaf", w->csaf);
    if (w->a.publish_at) {
        char when[25];
        tsn_time_format(when, w->a.publish_at);
        json_object_set_new(out, "publish_at", json_string(when));
    }
    return out;
}

void tsn_advisory_told_ahead(json_t *life, const char *run, int64_t now_ms)
{
    json_object_set_new(life, "ahead", json_integer((json_int_t)now_ms));
    if (run) {
        json_object_set_new(life, "ahead_run", json_string(run));
    }
}
