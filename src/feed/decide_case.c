/* decide_case.c - the case that a decision is about: the advisory's own, or the open one about the same
 * vulnerability under another name; telling it, starting something in it. Writer thread. */
#include <stdlib.h>
#include <string.h>
#include "core/id.h"
#include "core/json.h"
#include "feed/decide_int.h"

static const char *const nobody[] = {NULL};
static const struct tsn_actor feed_actor = {.roles = nobody, .auth = "svc"};

static void drop(void *v)
{
    json_decref(v);
}

/* --- one upstream event under several names ------------------------------------------------------ */

static bool has(const json_t *list, const char *id)
{
    size_t i;
    json_t *v;
    json_array_foreach(list, i, v)
    {
        if (strcmp(json_string_value(v), id) == 0) {
            return true;
        }
    }
    return false;
}

/* Two documents that share a name: the same event? A document about one vulnerability is that
 * vulnerability's; one about many is the other's when it says no more, or nearly the same. */
static bool same_event(const json_t *mine, const json_t *theirs)
{
    const json_t *a = json_object_get(mine, "cves"), *b = json_object_get(theirs, "cves");
    size_t na = json_array_size(a), nb = json_array_size(b), both = 0, i;
    json_t *v;
    if (na <= 1 && nb <= 1) {
        return true;
    }
    json_array_foreach(a, i, v)
    {
        both += has(b, json_string_value(v));
    }
    return both > 0 && (both == na || both * 10 >= (na + nb - both) * 8);
}

static tsn_err open_case(struct tsn_store *st, struct tsn_arena *arena, const char *document,
                         const char **out)
{
    const struct tsn_filter filter = {
        .column = "document", .cmp = TSN_CMP_EQ, .text = document};
    const struct tsn_list how = {.filters = &filter, .nfilters = 1};
    struct tsn_rec_case c;
    void *list = NULL;
    size_t n = 0;
    tsn_err err = tsn_store_list(st, arena, &tsn_table_match, &how, &list, &n);
    const struct tsn_rec_match *rows = list;
    *out = NULL;
    for (size_t i = 0; !err && !*out && i < n; i++) {
        if (!rows[i].case_id || !*rows[i].case_id) {
            continue;
        }
        err = tsn_store_get(st, arena, &tsn_table_case, rows[i].case_id, &c);
        *out = !err && strcmp(c.state, "open") == 0 ? c.id : NULL;
        err = err == TSN_ENOTFOUND ? 0 : err;
    }
    return err;
}

static tsn_err facts_of(struct tsn_store *st, struct tsn_arena *arena, const char *document,
                        json_t **out)
{
    struct tsn_rec_document d;
    *out = NULL;
    tsn_err err = tsn_store_get(st, arena, &tsn_table_document, document, &d);
    if (!err && d.facts) {
        (void)tsn_json_parse(d.facts, strlen(d.facts), out, NULL);
    }
    return err == TSN_ENOTFOUND ? 0 : err;
}

/* Open cases of other documents about the same; the oldest first in *first. */
static tsn_err cluster(struct tsn_store *st, struct tsn_deciding *x, json_t *cases,
                       const char **first)
{
    struct tsn_arena *arena = x->op->op.arena;
    json_t *mine = NULL, *names = json_array(), *ids = json_object(), *v;
    const char *id;
    tsn_err err = facts_of(st, arena, x->row.document, &mine);
    json_array_append_new(names, json_string(x->row.advisory));
    json_array_extend(names, json_object_get(mine, "cves"));
    json_array_extend(names, json_object_get(mine, "names"));
    err = err ? err : tsn_feed_named(st, arena, names, ids);
    *first = NULL;
    json_object_foreach(ids, id, v)
    {
        json_t *theirs = NULL;
        const char *case_id = NULL;
        if (err || strcmp(id, x->row.document) == 0) {
            continue;
        }
        err = facts_of(st, arena, id, &theirs);
        if (!err && theirs && same_event(mine, theirs)) {
            err = open_case(st, arena, id, &case_id);
        }
        json_decref(theirs);
        if (!err && case_id) {
            json_object_set_new(cases, case_id, json_true());
            *first = !*first || strcmp(case_id, *first) < 0 ? case_id : *first;
        }
    }
    json_decref(mine);
    json_decref(names);
    json_decref(ids);
    return err;
}

/* Does a playbook work on this case? */
static tsn_err is_worked_on(struct tsn_store *st, struct tsn_arena *arena, const char *case_id,
                            bool *out)
{
    const struct tsn_filter filter = {.column = "case_id", .cmp = TSN_CMP_EQ, .text = case_id};
    const struct tsn_list how = {.filters = &filter, .nfilters = 1, .skip_blobs = true};
    void *list = NULL;
    size_t n = 0;
    tsn_err err = tsn_store_list(st, arena, &tsn_table_run, &how, &list, &n);
    const struct tsn_rec_run *runs = list;
    *out = false;
    for (size_t i = 0; !err && i < n; i++) {
        const char *s = runs[i].state;
        *out = *out || (strcmp(s, "finished") != 0 && strcmp(s, "failed") != 0 &&
                        strcmp(s, "cancelled") != 0);
    }
    return err;
}

tsn_err tsn_decide_find_case(struct tsn_store *st, struct tsn_deciding *x)
{
    struct tsn_feed_earlier earlier;
    struct tsn_arena *arena = x->op->op.arena;
    tsn_err err = tsn_feed_earlier(st, arena, x->row.advisory, &earlier);
    x->case_id = earlier.case_id;
    if (!err) {
        json_t *cases = json_object();
        const char *first = NULL;
        err = cluster(st, x, cases, &first);
        x->joined = !x->case_id && first;
        x->case_id = x->case_id ? x->case_id : first;
        json_object_del(cases, x->case_id ? x->case_id : "");
        tsn_arena_defer(arena, drop, cases);
        x->others = cases;
    }
    return err || !x->case_id ? err : is_worked_on(st, arena, x->case_id, &x->worked_on);
}

/* --- telling it ------------------------------------------------------------------------------------ */

static tsn_err note(struct tsn_store *st, const char *case_id, const char *text)
{
    const struct tsn_field field = {.name = "note", .data = text, .len = strlen(text)};
    struct tsn_append a = TSN_APPEND_INIT;
    int64_t seq;
    a.kind = "case.note";
    a.actor = "svc:feed";
    a.auth = "svc";
    a.case_id = case_id;
    a.case_chain = true;
    a.reason = "advisory-changed";
    a.fields = &field;
    a.nfields = 1;
    return tsn_store_append(st, &a, &seq);
}

/* "ICSA-1 changed (st sc: +2 -1); it does not name core-api any more" */
static const char *told(const struct tsn_deciding *x)
{
    struct tsn_buf b;
    size_t i;
    json_t *v;
    const json_t *changes = json_object_get(x->input, "changes"),
                 *gone = json_object_get(x->input, "dropped"),
                 *advisory = json_object_get(x->input, "advisory");
    tsn_buf_init(&b, 4000);
    (void)tsn_buf_printf(&b, "%.200s %s", x->row.advisory,
                         tsn_json_bool(advisory, "withdrawn", false) ? "was withdrawn"
                         : x->joined ? "is about the same vulnerability"
                                     : "changed");
    json_array_foreach(json_object_get(changes, "kinds"), i, v)
    {
        (void)tsn_buf_printf(&b, "%s%s", i ? " " : " (", json_string_value(v));
    }
    if (i) {
        (void)tsn_buf_printf(&b, ": +%lld -%lld)", (long long)tsn_json_int(changes, "added", 0),
                             (long long)tsn_json_int(changes, "removed", 0));
    }
    json_array_foreach(gone, i, v)
    {
        (void)tsn_buf_printf(&b, "%s%.100s",
                             i ? ", " : "; it does not name any more: ", json_string_value(v));
    }
    (void)tsn_buf_putc(&b, '.');
    const char *out = tsn_arena_strdup(x->op->op.arena, b.data);
    tsn_buf_free(&b);
    return out;
}

static tsn_err signal_to(struct tsn_store *st, struct tsn_deciding *x, const char *case_id,
                         const char *event, const json_t *body)
{
    struct tsn_decide_op *op = x->op;
    struct tsn_signal_out out = {0};
    const struct tsn_signal_new signal = {.case_id = case_id,
                                          .event = event,
                                          .body = tsn_feed_kept(op->op.arena, body),
                                          .actor = "svc:feed"};
    tsn_err err =
        tsn_signal_put(st, op->op.arena, op->epoch, &signal, op->now_ms, &out, &op->op.diag);
    op->woken = out.woken ? out.woken : op->woken;
    return err;
}

/* Said once of two cases: true when it was not said yet. */
static tsn_err unsaid(struct tsn_store *st, struct tsn_deciding *x, const char *other,
                      bool *out)
{
    struct tsn_arena *a = x->op->op.arena;
    bool low = strcmp(other, x->case_id) < 0;
    struct tsn_rec_mapping row;
    char id[TSN_ULID_LEN + 1];
    const char *key =
        tsn_arena_printf(a, "same\n%s\n%s", low ? other : x->case_id, low ? x->case_id : other);
    tsn_err err = tsn_store_find(st, a, &tsn_table_mapping, "key", key, &row);
    *out = err == TSN_ENOTFOUND;
    if (!*out) {
        return err;
    }
    tsn_id_new(id);
    row = (struct tsn_rec_mapping){.id = id,
                                   .key = key,
                                   .kind = "case",
                                   .verdict = "same",
                                   .reason = x->row.advisory,
                                   .made_at = x->op->now_ms};
    return tsn_store_insert(st, &tsn_table_mapping, &row);
}

/* An alias that came late: two cases are about one vulnerability. People join them. */
static tsn_err tell_others(struct tsn_store *st, struct tsn_deciding *x)
{
    const char *id;
    json_t *v;
    struct tsn_rec_case c;
    if (json_object_size(x->others) == 0) {
        return 0;
    }
    tsn_err err = tsn_store_get(st, x->op->op.arena, &tsn_table_case, x->case_id, &c);
    json_object_foreach(x->others, id, v)
    {
        bool fresh = false;
        err = err ? err : unsaid(st, x, id, &fresh);
        if (err || !fresh) {
            continue;
        }
        json_t *body = json_pack("{s:s,s:s}", "same_as", c.name, "advisory", x->row.advisory);
        err = err ? err
                  : note(st, id,
                         tsn_arena_printf(x->op->op.arena,
                                          "%.200s says that this is the same vulnerability as "
                                          "in %.40s.",
                                          x->row.advisory, c.name));
        err = err ? err : signal_to(st, x, id, "case.same", body);
        json_decref(body);
    }
    return err;
}

tsn_err tsn_decide_tell(struct tsn_store *st, struct tsn_deciding *x)
{
    static const char *const keys[] = {"advisory", "products", "dropped", "changes"};
    json_t *body = json_object();
    for (size_t i = 0; i < 4; i++) {
        json_object_set(body, keys[i], json_object_get(x->input, keys[i]));
    }
    tsn_err err = note(st, x->case_id, told(x));
    err = err ? err : signal_to(st, x, x->case_id, "advisory.changed", body);
    err = err ? err : tell_others(st, x);
    if (!err) {
        err = tsn_store_get(st, x->op->op.arena, &tsn_table_case, x->case_id,
                            &x->op->event.rcase);
    }
    json_decref(body);
    return err;
}

tsn_err tsn_feed_tell_spared(struct tsn_store *st, struct tsn_feed_op *x,
                             const struct tsn_rec_match *m)
{
    struct tsn_rec_case c;
    struct tsn_signal_out out = {0};
    tsn_err err = m->case_id && *m->case_id
                      ? tsn_store_get(st, x->op.arena, &tsn_table_case, m->case_id, &c)
                      : TSN_ENOTFOUND;
    if (err || strcmp(c.state, "open") != 0) {
        return err == TSN_ENOTFOUND ? 0 : err;
    }
    err = note(st, c.id,
               tsn_arena_printf(x->op.arena, "%.200s is not affected: %.500s.", m->product,
                                m->reason));
    json_t *body = json_pack("{s:{s:s},s:[],s:[s],s:{}}", "advisory", "id",
                             tsn_arena_strndup(x->op.arena, m->key, strcspn(m->key, "\n")),
                             "products", "dropped", m->product, "changes");
    const struct tsn_signal_new signal = {.case_id = c.id,
                                          .event = "advisory.changed",
                                          .body = tsn_feed_kept(x->op.arena, body),
                                          .actor = "svc:feed"};
    json_decref(body);
    err =
        err ? err
            : tsn_signal_put(st, x->op.arena, x->epoch, &signal, x->now_ms, &out, &x->op.diag);
    x->woken = out.woken ? out.woken : x->woken;
    return err;
}

/* --- starting ------------------------------------------------------------------------------------------ */

tsn_err tsn_decide_event(struct tsn_store *st, struct tsn_deciding *x, const char *kind,
                         const json_t *body, const char *title, const char *dedupe)
{
    struct tsn_decide_op *op = x->op;
    const json_t *advisory = json_object_get(x->input, "advisory"),
                 *products = json_object_get(body, "products");
    json_t *known = json_pack("{s:O*}", "advisory", json_object_get(body, "advisory"));
    const char *severity = tsn_json_str(advisory, "severity", NULL);
    const struct tsn_case_new fresh = {
        .kind = "upstream",
        .title = title,
        .severity = severity,
        .product = json_array_size(products) == 1
                       ? tsn_json_str(json_array_get(products, 0), "id", NULL)
                       : NULL,
        .facts = known,
        .by = &feed_actor,
    };
    const struct tsn_event_new ev = {
        .source = "feed", /* whichever feed brings it: the same event */
        .dedupe = dedupe,
        .kind = kind,
        .body = body,
        .open = &fresh,
        .case_id = x->case_id,
        .by = op->by ? op->by : &feed_actor,
    };
    tsn_err err = tsn_event_accept(st, op->op.arena, op->intake, &ev, op->now_ms, &op->event,
                                   &op->op.diag);
    json_decref(known);
    return err;
}
