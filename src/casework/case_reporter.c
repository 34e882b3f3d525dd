/* case_reporter.c - what a receipt shows and what comes in by it. Store thread. */
#include "casework/case_reporter.h"

#include <stdlib.h>
#include <string.h>

#include "casework/case_work.h"
#include "core/clock.h"
#include "core/id.h"
#include "core/json.h"
#include "store/record_mail.h"

#define FACT_CREDITS "credits" /* { receipt: name }: changed by the reporter after the report */
#define MESSAGES_MAX 500

static void drop_json(void *p)
{
    json_decref(p);
}

static json_t *parsed(struct tsn_arena *arena, const char *text)
{
    json_t *out = NULL;
    if (text)
        (void)tsn_json_parse(text, strlen(text), &out, NULL);
    if (!out)
        out = json_object();
    tsn_arena_defer(arena, drop_json, out);
    return out;
}

static tsn_err load(struct tsn_store *st, struct tsn_arena *arena, const char *receipt,
                    struct tsn_rec_report *r, struct tsn_rec_case *c)
{
    tsn_err err = tsn_store_find(st, arena, &tsn_table_report, "name", receipt, r);
    return err ? err : tsn_store_get(st, arena, &tsn_table_case, r->case_id, c);
}

/* --- what is shown --- */

static bool in(const char *word, const char *const *words)
{
    for (; *words; words++)
        if (word && !strcmp(word, *words))
            return true;
    return false;
}

/* Each stage implies those before it: a reporter need not see how we got there. */
static void put_stages(json_t *out, const struct tsn_rec_case *c, const json_t *facts,
                       const struct tsn_rec_track *rows, size_t n, const char *report)
{
    static const char *const judged[] = {"valid",    "invalid", "accepted",
                                         "deferred", "closed",  NULL};
    static const char *const accepted[] = {"accepted", "deferred", NULL};
    static const char *const fixed_in[] = {"READY", "PUBLISHED", "POST", "DONE", NULL};
    bool closed = strcmp(c->state, "open") != 0, published = false, fixed = false,
         working = false, seen = c->severity || closed;
    for (size_t i = 0; i < n; i++) {
        if (!strcmp(rows[i].track, "document"))
            published = published || tsn_document_out(rows[i].state);
        else if (!strcmp(rows[i].track, "facts"))
            fixed = fixed || (tsn_facts_bits(rows[i].state) & TSN_FACT_F);
        else if (!strcmp(rows[i].track, "report") && !strcmp(rows[i].subject, report)) {
            seen = seen || in(rows[i].state, judged);
            working = working || in(rows[i].state, accepted);
        }
    }
    fixed = fixed || published || in(c->phase, fixed_in);
    working = working || fixed || (c->severity && c->severity[0]);
    seen = seen || working || json_array_size(json_object_get(facts, TSN_FACT_UPDATES)) > 0;
    json_object_set_new(out, "received", json_true());
    json_object_set_new(out, "read", json_boolean(seen));
    json_object_set_new(out, "working", json_boolean(working));
    json_object_set_new(out, "fixed", json_boolean(fixed));
    json_object_set_new(out, "published", json_boolean(published));
    json_object_set_new(out, "closed", json_boolean(closed));
}

/* The clock that promises the reporter a word: acknowledge until read, status-update after. */
static int64_t promised(struct tsn_arena *arena, const struct tsn_rec_track *rows, size_t n)
{
    static const char *const names[] = {"status-update", "first-assessment", "acknowledge",
                                        NULL};
    int64_t due = 0;
    for (size_t i = 0; i < n; i++) {
        int64_t at = 0;
        const char *text;
        if (strcmp(rows[i].track, "obligation") != 0 || strcmp(rows[i].state, "running") != 0 ||
            !in(rows[i].subject, names))
            continue;
        text = tsn_json_str(parsed(arena, rows[i].data), "due", NULL);
        if (text && tsn_time_parse(text, &at) == 0 && (due == 0 || at < due))
            due = at;
    }
    return due;
}

static void put_message(json_t *list, int64_t at, bool ours, const char *text)
{
    size_t i = json_array_size(list);
    while (i > 0 && tsn_json_int(json_array_get(list, i - 1), "at", 0) > at)
        i--;
    json_array_insert_new(
        list, i,
        json_pack("{s:I, s:b, s:s}", "at", (json_int_t)at, "ours", ours, "text", text));
}

static tsn_err put_messages(struct tsn_store *st, struct tsn_arena *arena, json_t *out,
                            const json_t *facts, const char *report)
{
    const struct tsn_filter of = {.column = "report", .cmp = TSN_CMP_EQ, .text = report};
    const struct tsn_list how = {
        .filters = &of, .nfilters = 1, .descending = true, .limit = MESSAGES_MAX};
    const json_t *updates = json_object_get(facts, TSN_FACT_UPDATES), *one;
    json_t *list = json_array();
    int64_t last = tsn_json_int(out, "at", 0);
    void *rows = NULL;
    size_t n = 0, i;
    tsn_err err = tsn_store_list(st, arena, &tsn_table_message, &how, &rows, &n);
    const struct tsn_rec_message *m = rows;
    for (i = 0; !err && i < n; i++)
        if (!strcmp(m[i].way, "in") && !strcmp(m[i].channel, "form"))
            put_message(list, m[i].at, false,
                        tsn_json_str(parsed(arena, m[i].body), "text", ""));
    json_array_foreach(updates, i, one)
    {
        const char *text = tsn_json_str(one, "message", NULL);
        int64_t at = 0;
        if (!text || tsn_time_parse(tsn_json_str(one, "at", ""), &at) != 0)
            continue;
        put_message(list, at, true, text);
        last = at > last ? at : last;
    }
    json_object_set_new(out, "messages", list);
    json_object_set_new(out, "last_word", json_integer(last));
    return err;
}

tsn_err tsn_reporter_view(struct tsn_store *st, struct tsn_arena *arena, const char *receipt,
                          json_t **out)
{
    struct tsn_rec_report r;
    struct tsn_rec_case c;
    struct tsn_rec_track *rows = NULL;
    size_t n = 0;
    *out = NULL;
    tsn_err err = load(st, arena, receipt, &r, &c);
    if (!err)
        err = tsn_track_list(st, arena, c.id, TSN_TRACKS, &rows, &n);
    if (err)
        return err;
    json_t *facts = tsn_case_facts(&c);
    tsn_arena_defer(arena, drop_json, facts);
    const char *credit = tsn_json_str(json_object_get(facts, FACT_CREDITS), receipt,
                                      tsn_json_str(parsed(arena, r.body), "credit", NULL));
    *out = json_pack("{s:s, s:I, s:s*}", "case", c.name, "at", (json_int_t)r.received_at,
                     "credit", credit);
    put_stages(*out, &c, facts, rows, n, r.id);
    int64_t due = promised(arena, rows, n);
    if (due)
        json_object_set_new(*out, "due", json_integer(due));
    return put_messages(st, arena, *out, facts, r.id);
}

/* --- what comes in --- */

tsn_err tsn_case_keep_files(struct tsn_store *st, struct tsn_arena *arena,
                            const struct tsn_casework_config *config, const char *case_id,
                            const json_t *files, const char *note, const struct tsn_actor *by,
                            int64_t now_ms, struct tsn_diag *diag)
{
    const json_t *one;
    size_t i;
    json_array_foreach(files, i, one)
    {
        json_t *args = json_pack("{s:O, s:O, s:s*, s:s*}", "name", json_object_get(one, "name"),
                                 "base64", json_object_get(one, "data"), "type",
                                 tsn_json_str(one, "type", NULL), "note", note);
        const struct tsn_case_act add = {.case_id = case_id,
                                         .op = "evidence.add",
                                         .args = args,
                                         .by = by && by->person ? by : NULL,
                                         .service = "svc:intake",
                                         .now_ms = now_ms};
        json_t *result = NULL;
        tsn_err err = tsn_case_act(st, arena, config, &add, &result, NULL, diag);
        json_decref(result);
        json_decref(args);
        if (err)
            return err;
    }
    return 0;
}

static json_t *names_of(const json_t *files)
{
    json_t *names = json_array();
    const json_t *one;
    size_t i;
    json_array_foreach(files, i, one) json_array_append(names, json_object_get(one, "name"));
    return names;
}

static tsn_err tell_runs(struct tsn_store *st, struct tsn_arena *arena,
                         const struct tsn_rec_case *c, const struct tsn_reporter_word *word,
                         int64_t epoch, int64_t now_ms, const char **woken,
                         struct tsn_diag *diag)
{
    json_t *body = json_pack("{s:s, s:s, s:s, s:o}", "receipt", word->receipt, "channel",
                             "form", "text", word->text, "files", names_of(word->files));
    char *text = tsn_json_text(body);
    const struct tsn_signal_new signal = {
        .case_id = c->id, .event = "report.reply", .body = text, .actor = "svc:form"};
    struct tsn_signal_out told = {0};
    tsn_err err = tsn_signal_put(st, arena, epoch, &signal, now_ms, &told, diag);
    free(text);
    json_decref(body);
    *woken = told.woken;
    return err;
}

static tsn_err change_credit(struct tsn_case_work *w, const struct tsn_reporter_word *word)
{
    json_t *credits = json_object_get(w->facts, FACT_CREDITS);
    if (!credits)
        json_object_set_new(w->facts, FACT_CREDITS, credits = json_object());
    json_object_set_new(credits, word->receipt, json_string(word->text));
    return tsn_case_log(w, "report.credit", NULL, NULL, NULL, "note", word->text);
}

static tsn_err keep_message(struct tsn_case_work *w, const struct tsn_rec_report *r,
                            const struct tsn_reporter_word *word, struct tsn_diag *diag)
{
    char id[TSN_ULID_LEN + 1];
    json_t *body = json_pack("{s:s, s:o}", "text", word->text, "files", names_of(word->files));
    char *text = tsn_json_text(body);
    struct tsn_rec_message m = {.id = id,
                                .case_id = w->c.id,
                                .report = r->id,
                                .way = "in",
                                .channel = "form",
                                .state = "kept",
                                .body = text,
                                .at = w->now_ms};
    (void)diag;
    tsn_id_new(id);
    tsn_err err = tsn_case_log(w, "report.message", "form", NULL, NULL, "note", word->text);
    m.seq = w->seq;
    if (!err)
        err = tsn_store_insert(w->st, &tsn_table_message, &m);
    free(text);
    json_decref(body);
    return err;
}

tsn_err tsn_reporter_say(struct tsn_store *st, struct tsn_arena *arena,
                         const struct tsn_casework_config *config,
                         const struct tsn_reporter_word *word, int64_t epoch, int64_t now_ms,
                         const char **woken, struct tsn_diag *diag)
{
    const struct tsn_case_by by = {.service = "svc:form"};
    struct tsn_rec_report r;
    struct tsn_rec_case c;
    struct tsn_case_work w;
    *woken = NULL;
    tsn_err err = load(st, arena, word->receipt, &r, &c);
    if (err)
        return err;
    if (!word->credit)
        err = tsn_case_keep_files(st, arena, config, c.id, word->files, word->receipt, NULL,
                                  now_ms, diag);
    if (!err)
        err = tsn_case_work_open(&w, st, arena, config, c.id, &by, now_ms, diag);
    if (err)
        return err;
    err = word->credit ? change_credit(&w, word) : keep_message(&w, &r, word, diag);
    err = tsn_case_work_close(&w, err, diag);
    if (!err && !word->credit && !strcmp(c.state, "open"))
        err = tell_runs(st, arena, &c, word, epoch, now_ms, woken, diag);
    return err;
}
