/* feed_news.c - what a difference does to our matches, and the row that says that it has to be decided
 * about. Within the document's transaction, writer thread. */
#include <stdlib.h>
#include <string.h>
#include "core/crypto.h"
#include "core/id.h"
#include "core/json.h"
#include "core/text.h"
#include "feed/feed_int.h"
#include "store/record_case.h"
#include "store/record_run.h"

#define URGENT_DAYS 3

bool tsn_feed_sure(const json_t *match)
{
    return strcmp(tsn_json_str(match, "certainty", "guess"), "guess") != 0;
}

tsn_err tsn_feed_earlier(struct tsn_store *st, struct tsn_arena *arena, const char *advisory,
                         struct tsn_feed_earlier *out)
{
    const char *prefix = tsn_arena_printf(arena, "%s\n", advisory);
    const struct tsn_filter filter = {.column = "key", .cmp = TSN_CMP_PREFIX, .text = prefix};
    const struct tsn_list how = {.filters = &filter, .nfilters = 1};
    void *list = NULL;
    *out = (struct tsn_feed_earlier){0};
    tsn_err err = tsn_store_list(st, arena, &tsn_table_match, &how, &list, &out->n);
    out->rows = list;
    for (size_t i = 0; !err && !out->case_id && i < out->n; i++) {
        struct tsn_rec_case c;
        if (!out->rows[i].case_id || !*out->rows[i].case_id) {
            continue;
        }
        err = tsn_store_get(st, arena, &tsn_table_case, out->rows[i].case_id, &c);
        if (!err && strcmp(c.state, "open") == 0) {
            out->case_id = c.id;
        }
        err = err == TSN_ENOTFOUND ? 0 : err;
    }
    return err;
}

const json_t *tsn_feed_hit(const json_t *matches, const char *product)
{
    size_t i;
    json_t *m;
    json_array_foreach(matches, i, m)
    {
        if (strcmp(tsn_json_str(m, "product", ""), product) == 0) {
            return m;
        }
    }
    return NULL;
}

static bool row_open(const struct tsn_rec_match *m)
{
    return !m->state || strcmp(m->state, "closed") != 0;
}

/* It says only that another document takes its place: what it said stays until that one is there. */
static bool superseded(const struct tsn_feed_op *x)
{
    return strcmp(tsn_json_str(x->doc->facts, "category", ""), "csaf_superseded") == 0;
}

/* Products of ours that an earlier revision touched and this one does not. */
static json_t *dropped(const struct tsn_feed_op *x, const struct tsn_feed_earlier *before)
{
    json_t *out = json_array();
    for (size_t i = 0; i < before->n && !superseded(x); i++) {
        const struct tsn_rec_match *m = &before->rows[i];
        if (row_open(m) && strcmp(m->certainty ? m->certainty : "", "guess") != 0 &&
            !tsn_feed_hit(x->hits, m->product)) {
            json_array_append_new(out, json_string(m->product));
        }
    }
    return out;
}

/* Is one of them hit for the first time, or surely for the first time? */
static bool added(const json_t *products, const struct tsn_feed_earlier *before)
{
    size_t i;
    json_t *p;
    json_array_foreach(products, i, p)
    {
        bool had = false;
        for (size_t k = 0; k < before->n; k++) {
            const struct tsn_rec_match *m = &before->rows[k];
            had = had || (row_open(m) && strcmp(m->product, tsn_json_str(p, "id", "")) == 0 &&
                          strcmp(m->certainty ? m->certainty : "", "guess") != 0);
        }
        if (!had) {
            return true;
        }
    }
    return false;
}

/* What a playbook gets as input.event.advisory, and the case as its fact `advisory`. */
static json_t *advisory_of(const json_t *facts, bool kev, double epss)
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
    json_object_set_new(a, "epss", json_real(epss));
    return a;
}

static json_t *products_of(const json_t *matches)
{
    json_t *out = json_array(), *m;
    size_t i;
    json_array_foreach(matches, i, m)
    {
        if (tsn_feed_sure(m)) {
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

/* --- what a decision is made from -------------------------------------------------------------- */

/* 0 is the most urgent; "with the next upgrade" has no days. */
static int urgency_of(int days)
{
    return days <= 0 ? 1000 : days;
}

static json_t *column(const json_t *list, const char *key)
{
    json_t *out = json_array(), *o;
    size_t i;
    json_array_foreach(list, i, o)
    {
        json_array_append(out, json_object_get(o, key));
    }
    return out;
}

static json_t *inputs_of(struct tsn_feed_op *x, const json_t *advisory, const json_t *products)
{
    const json_t *facts = x->doc->facts;
    const char *band = "", *certainty = "guess";
    int days = 0;
    json_t *p, *exposures = json_array();
    size_t i;
    json_array_foreach(products, i, p)
    {
        const json_t *priority = json_object_get(p, "priority");
        const char *b = tsn_json_str(priority, "band", ""),
                   *c = tsn_json_str(p, "certainty", "");
        int n = (int)tsn_json_int(priority, "days", 0);
        if (!*band || urgency_of(n) < urgency_of(days) ||
            (n == days && strstr(b, "forensic"))) {
            band = b;
            days = n;
        }
        certainty = strcmp(certainty, "certain") == 0 ? certainty : c;
        json_array_append_new(exposures,
                              json_string(tsn_feed_exposure(x, tsn_json_str(p, "id", ""))));
    }
    json_t *in = json_pack(
        "{s:s,s:s,s:s,s:s,s:b,s:s,s:i,s:s,s:o,s:o,s:o,s:O*,s:s,s:s,s:b}", "feed", x->feed,
        "trust", x->trust, "advisory", tsn_json_str(facts, "id", ""), "severity",
        tsn_json_str(facts, "severity", ""), "kev", x->kev, "band", band, "days", days,
        "certainty", certainty, "exposure", exposures, "products", column(products, "id"),
        "owners", column(products, "owner"), "cves", json_object_get(facts, "cves"), "kind",
        x->kind == TSN_FEED_NEW ? "new" : "changed", "cause", x->cause, "withdrawn",
        tsn_json_bool(facts, "withdrawn", false));
    json_object_set(in, "score", json_object_get(advisory, "score"));
    json_object_set(in, "epss", json_object_get(advisory, "epss"));
    json_object_set_new(in, "urgent", json_boolean(days > 0 && days <= URGENT_DAYS));
    return in;
}

/* --- its row ------------------------------------------------------------------------------------ */

/* The one of this advisory that nobody decided about yet takes the later revision in. */
static tsn_err undecided(struct tsn_store *st, struct tsn_feed_op *x, const char *advisory,
                         struct tsn_rec_decision *out, bool *found)
{
    static const char *const states[] = {"open", "held"};
    *found = false;
    for (size_t i = 0; i < 2; i++) {
        const struct tsn_filter filters[] = {
            {.column = "advisory", .cmp = TSN_CMP_EQ, .text = advisory},
            {.column = "state", .cmp = TSN_CMP_EQ, .text = states[i]}};
        const struct tsn_list how = {.filters = filters, .nfilters = 2, .limit = 1};
        void *list = NULL;
        size_t n = 0;
        tsn_err err = tsn_store_list(st, x->op.arena, &tsn_table_decision, &how, &list, &n);
        if (err || n) {
            *found = n > 0;
            *out = n ? *(struct tsn_rec_decision *)list : (struct tsn_rec_decision){0};
            return err;
        }
    }
    return 0;
}

static int64_t due(const struct tsn_feed_op *x, const struct tsn_rec_decision *d)
{
    int64_t at = x->now_ms + x->decide->quiet_ms,
            last = d->created_at + x->decide->quiet_max_ms;
    if (d->urgent || x->baseline || x->decide->quiet_ms == 0) {
        return x->now_ms;
    }
    return x->decide->quiet_max_ms > 0 && at > last ? last : at;
}

static tsn_err put_decision(struct tsn_store *st, struct tsn_feed_op *x,
                            const struct tsn_rec_document *row, const json_t *input)
{
    struct tsn_arena *a = x->op.arena;
    const json_t *in = json_object_get(input, "inputs");
    const char *advisory = tsn_json_str(in, "advisory", "");
    struct tsn_rec_decision d;
    uint8_t hash[TSN_HASH_LEN];
    char *hex = tsn_arena_alloc(a, 2 * TSN_HASH_LEN + 1), id[TSN_ULID_LEN + 1];
    bool found;
    tsn_err err = undecided(st, x, advisory, &d, &found);
    if (err) {
        return err;
    }
    if (!found) {
        tsn_id_new(id);
        d = (struct tsn_rec_decision){.id = tsn_arena_strdup(a, id),
                                      .key = tsn_arena_printf(a, "%s\n%s", row->id, id),
                                      .state = "open",
                                      .verdict = "",
                                      .created_at = x->now_ms};
    }
    d.feed = x->feed;
    d.document = row->id;
    d.advisory = advisory;
    d.urgent = tsn_json_bool(in, "urgent", false);
    d.band = tsn_json_str(in, "band", "");
    d.product = tsn_json_str(json_array_get(json_object_get(input, "products"), 0), "id", NULL);
    d.input = tsn_feed_kept(a, input);
    tsn_sha256_once(hash, d.input, strlen(d.input));
    tsn_hex(hex, hash, sizeof hash);
    d.digest = hex;
    if (strcmp(d.state, "open") == 0 || d.urgent) {
        d.state = "open";
        d.due_at = due(x, &d);
        x->decision = d.id;
        x->due_ms = d.due_at;
    }
    return tsn_store_put(st, &tsn_table_decision, &d);
}

/* The same advisory with the same facts came from another place before. */
static tsn_err known_elsewhere(struct tsn_store *st, struct tsn_feed_op *x,
                               const struct tsn_rec_document *row, bool *out)
{
    const struct tsn_filter filter = {
        .column = "tracking_id", .cmp = TSN_CMP_EQ, .text = row->tracking_id};
    const struct tsn_list how = {.filters = &filter, .nfilters = 1, .limit = 20};
    void *list = NULL;
    size_t n = 0;
    tsn_err err = tsn_store_list(st, x->op.arena, &tsn_table_document, &how, &list, &n);
    const struct tsn_rec_document *rows = list;
    *out = false;
    for (size_t i = 0; !err && i < n; i++) {
        json_t *facts = NULL;
        if (strcmp(rows[i].id, row->id) == 0 || strcmp(rows[i].state, "current") != 0 ||
            !rows[i].facts ||
            tsn_json_parse(rows[i].facts, strlen(rows[i].facts), &facts, NULL)) {
            continue;
        }
        *out = *out || strcmp(tsn_json_str(facts, "substance", "-"),
                              tsn_json_str(x->doc->facts, "substance", "")) == 0;
        json_decref(facts);
    }
    return err;
}

tsn_err tsn_feed_news(struct tsn_store *st, struct tsn_feed_op *x,
                      const struct tsn_rec_document *row, json_t *changes)
{
    struct tsn_feed_earlier earlier;
    const char *advisory_id = tsn_json_str(x->doc->facts, "id", "");
    tsn_err err = tsn_feed_earlier(st, x->op.arena, advisory_id, &earlier);
    if (err) {
        return err;
    }
    json_t *products = products_of(x->hits), *gone = dropped(x, &earlier);
    bool touched = json_array_size(products) > 0 || earlier.case_id;
    bool differs = added(products, &earlier) || json_array_size(gone) > 0;
    bool elsewhere = false;
    if (touched && !differs && x->kind == TSN_FEED_NEW) {
        err = known_elsewhere(st, x, row, &elsewhere);
    }
    if (!err && touched && (differs || (x->kind != TSN_FEED_COSMETIC && !elsewhere))) {
        json_t *advisory = advisory_of(x->doc->facts, x->kev, x->epss);
        json_t *input = json_pack("{s:O,s:O,s:O,s:o,s:s,s:o}", "advisory", advisory, "products",
                                  products, "dropped", gone, "changes",
                                  changes ? json_incref(changes) : json_object(), "substance",
                                  tsn_json_str(x->doc->facts, "substance", ""), "inputs",
                                  inputs_of(x, advisory, products));
        err = put_decision(st, x, row, input);
        json_decref(input);
        json_decref(advisory);
    }
    json_decref(gone);
    json_decref(products);
    return err;
}

/* --- matches ------------------------------------------------------------------------------------ */

static tsn_err log_match(struct tsn_store *st, struct tsn_feed_op *x,
                         const struct tsn_rec_match *m, const char *outcome)
{
    json_t *args = json_pack("{s:s,s:s,s:s,s:s*,s:s*}", "key", m->key, "product", m->product,
                             "certainty", m->certainty ? m->certainty : "", "reason", m->reason,
                             "evidence", m->evidence);
    return tsn_feed_entry(st, x->op.arena, "feed.match", outcome, NULL, args, NULL);
}

/* The evidence is gone: closed with the reason, kept for the record. */
static tsn_err close_gone(struct tsn_store *st, struct tsn_feed_op *x)
{
    struct tsn_feed_earlier earlier;
    tsn_err err =
        tsn_feed_earlier(st, x->op.arena, tsn_json_str(x->doc->facts, "id", ""), &earlier);
    for (size_t i = 0; !err && i < earlier.n; i++) {
        struct tsn_rec_match m = earlier.rows[i];
        if (!row_open(&m) || superseded(x) || tsn_feed_hit(x->hits, m.product)) {
            continue;
        }
        const char *why = tsn_json_str(x->spared, m.product, NULL);
        m.state = "closed";
        m.reason = tsn_json_bool(x->doc->facts, "withdrawn", false)
                       ? "the advisory was withdrawn"
                   : why ? why
                         : "the advisory does not name the product any more";
        m.closed_at = x->now_ms;
        err = tsn_feed_close_match(st, x, &m);
    }
    return err;
}

tsn_err tsn_feed_close_match(struct tsn_store *st, struct tsn_feed_op *x,
                             struct tsn_rec_match *m)
{
    tsn_err err = tsn_store_put(st, &tsn_table_match, m);
    return err ? err : log_match(st, x, m, "closed");
}

tsn_err tsn_feed_put_match(struct tsn_store *st, struct tsn_feed_op *x, const char *advisory,
                           const char *document, const json_t *m)
{
    struct tsn_arena *a = x->op.arena;
    struct tsn_rec_match row;
    const char *key = tsn_arena_printf(a, "%s\n%s", advisory, tsn_json_str(m, "product", ""));
    tsn_err err = tsn_store_find(st, a, &tsn_table_match, "key", key, &row);
    bool fresh = err == TSN_ENOTFOUND;
    if (err && !fresh) {
        return err;
    }
    bool opened = fresh || !row_open(&row);
    if (fresh) {
        char id[TSN_ULID_LEN + 1];
        tsn_id_new(id);
        row = (struct tsn_rec_match){
            .id = tsn_arena_strdup(a, id), .key = key, .created_at = x->now_ms};
        x->matches++;
    }
    row.document = document;
    row.state = "open";
    row.reason = NULL;
    row.closed_at = 0;
    row.product = tsn_json_str(m, "product", "");
    row.owner = tsn_json_str(m, "owner", "");
    row.certainty = tsn_json_str(m, "certainty", "");
    row.evidence = tsn_feed_kept(a, json_object_get(m, "evidence"));
    row.priority = json_object_get(m, "priority")
                       ? tsn_feed_kept(a, json_object_get(m, "priority"))
                       : row.priority;
    err = tsn_store_put(st, &tsn_table_match, &row);
    return err || !opened ? err : log_match(st, x, &row, "opened");
}

tsn_err tsn_feed_matches(struct tsn_store *st, struct tsn_feed_op *x,
                         const struct tsn_rec_document *row)
{
    json_t *m;
    size_t i;
    json_array_foreach(x->hits, i, m)
    {
        tsn_err err =
            tsn_feed_put_match(st, x, tsn_json_str(x->doc->facts, "id", ""), row->id, m);
        if (err) {
            return err;
        }
    }
    return close_gone(st, x);
}
