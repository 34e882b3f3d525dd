/* feed_news.c - what a new or changed document means: a case and its runs, an event for the run that
 * is at work, matches opened and closed. Within the document's transaction, writer thread. */
#include <stdlib.h>
#include <string.h>
#include "core/id.h"
#include "core/json.h"
#include "feed/feed_int.h"
#include "store/record_case.h"
#include "store/record_feed.h"
#include "store/record_run.h"

static const char *const nobody[] = {NULL};
static const struct tsn_actor feed_actor = {.roles = nobody, .auth = "svc"};

static bool certain_enough(const json_t *match)
{
    return strcmp(tsn_json_str(match, "certainty", "guess"), "guess") != 0;
}

static const char *match_key(struct tsn_feed_op *x, const char *product)
{
    return tsn_arena_printf(x->op.arena, "%s\n%s", tsn_json_str(x->doc->facts, "id", ""),
                            product);
}

/* Matches of earlier revisions of this advisory, whatever feed brought them. */
struct earlier {
    const struct tsn_rec_match *rows;
    size_t n;
    const char *case_id; /* the open case of one of them; NULL */
};

static tsn_err read_earlier(struct tsn_store *st, struct tsn_feed_op *x, struct earlier *out)
{
    const char *prefix = match_key(x, "");
    const struct tsn_filter filter = {.column = "key", .cmp = TSN_CMP_PREFIX, .text = prefix};
    const struct tsn_list how = {.filters = &filter, .nfilters = 1};
    void *list = NULL;
    *out = (struct earlier){0};
    tsn_err err = tsn_store_list(st, x->op.arena, &tsn_table_match, &how, &list, &out->n);
    out->rows = list;
    for (size_t i = 0; !err && !out->case_id && i < out->n; i++) {
        struct tsn_rec_case c;
        if (!out->rows[i].case_id || !*out->rows[i].case_id) {
            continue;
        }
        err = tsn_store_get(st, x->op.arena, &tsn_table_case, out->rows[i].case_id, &c);
        if (!err && strcmp(c.state, "open") == 0) {
            out->case_id = c.id;
        }
        err = err == TSN_ENOTFOUND ? 0 : err;
    }
    return err;
}

static bool still_there(const json_t *matches, const char *product)
{
    size_t i;
    json_t *m;
    json_array_foreach(matches, i, m)
    {
        if (strcmp(tsn_json_str(m, "product", ""), product) == 0) {
            return true;
        }
    }
    return false;
}

/* Products of ours that an earlier revision touched and this one does not. */
static json_t *dropped(const struct tsn_feed_op *x, const struct earlier *before)
{
    json_t *out = json_array();
    for (size_t i = 0; i < before->n; i++) {
        const struct tsn_rec_match *m = &before->rows[i];
        bool open = !m->state || strcmp(m->state, "closed") != 0;
        if (open && strcmp(m->certainty ? m->certainty : "", "guess") != 0 &&
            !still_there(x->doc->matches, m->product)) {
            json_array_append_new(out, json_string(m->product));
        }
    }
    return out;
}

/* What a playbook gets as input.event.advisory, and the case as its fact `advisory`. */
static json_t *advisory_of(const json_t *facts, bool kev)
{
    static const char *const keys[] = {"id",        "title", "severity",       "version",
                                       "cves",      "url",   "summary",        "withdrawn",
                                       "publisher", "score", "vulnerabilities"};
    json_t *a = json_object();
    for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++) {
        json_t *v = json_object_get(facts, keys[k]);
        if (v) {
            json_object_set(a, keys[k], v);
        }
    }
    json_object_set(a, "canonical_id", json_object_get(facts, "id"));
    json_object_set_new(a, "kev", json_boolean(kev));
    json_object_set_new(a, "epss", json_integer(0));
    return a;
}

static json_t *products_of(const json_t *matches)
{
    json_t *out = json_array(), *m;
    size_t i;
    json_array_foreach(matches, i, m)
    {
        if (certain_enough(m)) {
            json_t *p = json_pack(
                "{s:O,s:O,s:O,s:O,s:O}", "id", json_object_get(m, "product"), "name",
                json_object_get(m, "name"), "owner", json_object_get(m, "owner"), "certainty",
                json_object_get(m, "certainty"), "evidence", json_object_get(m, "evidence"));
            if (json_object_get(m, "priority")) {
                json_object_set(p, "priority", json_object_get(m, "priority"));
            }
            json_array_append_new(out, p);
        }
    }
    return out;
}

/* Opens a case with its runs, or starts them in the case that is open. */
static tsn_err start_event(struct tsn_store *st, struct tsn_feed_op *x, const char *case_id,
                           json_t *advisory, json_t *products)
{
    const json_t *facts = x->doc->facts;
    const char *id = tsn_json_str(facts, "id", "");
    size_t n = json_array_size(products);
    json_t *body = json_pack("{s:O,s:O}", "advisory", advisory, "products", products);
    json_t *known = json_pack("{s:O}", "advisory", advisory);
    const struct tsn_case_new fresh = {
        .kind = "upstream",
        .title = tsn_json_str(facts, "title", id),
        .severity = tsn_json_str(facts, "severity", NULL),
        .product = n == 1 ? tsn_json_str(json_array_get(products, 0), "id", NULL) : NULL,
        .facts = known,
        .by = &feed_actor,
    };
    const struct tsn_event_new ev = {
        .source = "feed", /* whichever feed brings it: the same event */
        .dedupe =
            tsn_arena_printf(x->op.arena, "%s\n%s", id, tsn_json_str(facts, "substance", "")),
        .kind = "advisory.matched",
        .body = body,
        .open = &fresh,
        .case_id = case_id,
        .by = &feed_actor,
    };
    tsn_err err =
        tsn_event_accept(st, x->op.arena, x->intake, &ev, x->now_ms, &x->event, &x->op.diag);
    json_decref(body);
    json_decref(known);
    return err;
}

/* Does a playbook work on this case? */
static tsn_err is_worked_on(struct tsn_store *st, struct tsn_feed_op *x, const char *case_id,
                            bool *out)
{
    const struct tsn_filter filter = {.column = "case_id", .cmp = TSN_CMP_EQ, .text = case_id};
    const struct tsn_list how = {.filters = &filter, .nfilters = 1, .skip_blobs = true};
    void *list = NULL;
    size_t n = 0;
    tsn_err err = tsn_store_list(st, x->op.arena, &tsn_table_run, &how, &list, &n);
    const struct tsn_rec_run *runs = list;
    *out = false;
    for (size_t i = 0; !err && i < n; i++) {
        const char *s = runs[i].state;
        *out = *out || (strcmp(s, "finished") != 0 && strcmp(s, "failed") != 0 &&
                        strcmp(s, "cancelled") != 0);
    }
    return err;
}

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
static const char *told(struct tsn_feed_op *x, const json_t *changes, const json_t *gone)
{
    struct tsn_buf b;
    size_t i;
    json_t *v;
    tsn_buf_init(&b, 4000);
    (void)tsn_buf_printf(&b, "%.200s %s", tsn_json_str(x->doc->facts, "id", ""),
                         tsn_json_bool(x->doc->facts, "withdrawn", false) ? "was withdrawn"
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
    const char *out = tsn_arena_strdup(x->op.arena, b.data);
    tsn_buf_free(&b);
    return out;
}

/* What the later revision changes: the earlier bytes are on record. */
static json_t *changes_of(const struct tsn_feed_op *x, const char *before, size_t len)
{
    json_t *a = NULL, *b = NULL, *out = NULL;
    if (before && len && tsn_json_parse(before, len, &a, NULL) == 0 &&
        tsn_json_parse(x->doc->body, x->doc->len, &b, NULL) == 0) {
        (void)tsn_csaf_diff(a, b, &out, NULL);
    }
    json_decref(a);
    json_decref(b);
    return out ? out : json_object();
}

/* The open case hears of it: a wait{} for advisory.changed takes it, the timeline shows it. */
static tsn_err tell_case(struct tsn_store *st, struct tsn_feed_op *x, const char *case_id,
                         json_t *advisory, json_t *products, json_t *gone, const char *before,
                         size_t before_len)
{
    json_t *changes = changes_of(x, before, before_len);
    json_t *body = json_pack("{s:O,s:O,s:O,s:O}", "advisory", advisory, "products", products,
                             "dropped", gone, "changes", changes);
    struct tsn_signal_out out = {0};
    const struct tsn_signal_new signal = {.case_id = case_id,
                                          .event = "advisory.changed",
                                          .body = tsn_feed_kept(x->op.arena, body),
                                          .actor = "svc:feed"};
    tsn_err err = note(st, case_id, told(x, changes, gone));
    if (!err) {
        err = tsn_signal_put(st, x->op.arena, x->epoch, &signal, x->now_ms, &out, &x->op.diag);
    }
    x->woken = out.woken;
    json_decref(body);
    json_decref(changes);
    return err;
}

/* One upstream event, one case, whatever the number of products. A later revision goes to the run
 * that is at work; where none is, it starts one in the open case. */
tsn_err tsn_feed_news(struct tsn_store *st, struct tsn_feed_op *x, const char *before,
                      size_t before_len)
{
    struct earlier earlier;
    tsn_err err = read_earlier(st, x, &earlier);
    if (err) {
        return err;
    }
    json_t *products = products_of(x->doc->matches), *gone = dropped(x, &earlier);
    json_t *advisory = advisory_of(x->doc->facts, x->kev);
    bool worked_on = false;
    if (earlier.case_id) {
        err = tell_case(st, x, earlier.case_id, advisory, products, gone, before, before_len);
        if (!err) {
            err = is_worked_on(st, x, earlier.case_id, &worked_on);
        }
    }
    if (worked_on) {
        err = err ? err
                  : tsn_store_get(st, x->op.arena, &tsn_table_case, earlier.case_id,
                                  &x->event.rcase);
    } else if (!err && json_array_size(products) &&
               !tsn_json_bool(x->doc->facts, "withdrawn", false)) {
        err = start_event(st, x, earlier.case_id, advisory, products);
    }
    json_decref(advisory);
    json_decref(gone);
    json_decref(products);
    return err;
}

/* The evidence is gone: closed with the reason, kept for the record. */
static tsn_err close_gone(struct tsn_store *st, struct tsn_feed_op *x)
{
    struct earlier earlier;
    tsn_err err = read_earlier(st, x, &earlier);
    for (size_t i = 0; !err && i < earlier.n; i++) {
        struct tsn_rec_match m = earlier.rows[i];
        if (still_there(x->doc->matches, m.product) ||
            (m.state && strcmp(m.state, "closed") == 0)) {
            continue;
        }
        m.state = "closed";
        m.reason = tsn_json_bool(x->doc->facts, "withdrawn", false)
                       ? "the advisory was withdrawn"
                       : "the advisory does not name the product any more";
        m.closed_at = x->now_ms;
        err = tsn_store_put(st, &tsn_table_match, &m);
    }
    return err;
}

tsn_err tsn_feed_matches(struct tsn_store *st, struct tsn_feed_op *x, const char *document)
{
    json_t *m;
    size_t i;
    json_array_foreach(x->doc->matches, i, m)
    {
        struct tsn_rec_match row;
        const char *key = match_key(x, tsn_json_str(m, "product", ""));
        tsn_err err = tsn_store_find(st, x->op.arena, &tsn_table_match, "key", key, &row);
        if (err == TSN_ENOTFOUND) {
            char id[TSN_ULID_LEN + 1];
            tsn_id_new(id);
            row = (struct tsn_rec_match){
                .id = tsn_arena_strdup(x->op.arena, id), .key = key, .created_at = x->now_ms};
            x->matches++;
        } else if (err) {
            return err;
        }
        row.document = document;
        row.state = "open";
        row.reason = NULL;
        row.closed_at = 0;
        row.product = tsn_json_str(m, "product", "");
        row.owner = tsn_json_str(m, "owner", "");
        row.certainty = tsn_json_str(m, "certainty", "");
        row.evidence = tsn_feed_kept(x->op.arena, json_object_get(m, "evidence"));
        row.priority = json_object_get(m, "priority")
                           ? tsn_feed_kept(x->op.arena, json_object_get(m, "priority"))
                           : NULL;
        if (certain_enough(m) && x->event.rcase.id) {
            row.case_id = x->event.rcase.id;
            row.run = x->event.nruns ? x->event.runs[0] : row.run;
        }
        err = tsn_store_put(st, &tsn_table_match, &row);
        if (err) {
            return err;
        }
    }
    return close_gone(st, x);
}
