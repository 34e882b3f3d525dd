/* feed_marks.c - names and marks of what documents speak of, and how urgent a match is. Within the
 * document's transaction, writer thread. */
#include <string.h>
#include "core/id.h"
#include "core/json.h"
#include "feed/feed_int.h"
#include "feed/priority.h"
#include "store/record_case.h"

#define NAMES_MAX 500

static tsn_err one_name(struct tsn_store *st, struct tsn_feed_op *x, const char *vuln,
                        const char *document)
{
    struct tsn_rec_naming row;
    const char *key = tsn_arena_printf(x->op.arena, "%s\n%s", vuln, document);
    char id[TSN_ULID_LEN + 1];
    tsn_err err = tsn_store_find(st, x->op.arena, &tsn_table_naming, "key", key, &row);
    if (err != TSN_ENOTFOUND) {
        return err;
    }
    tsn_id_new(id);
    row = (struct tsn_rec_naming){.id = id, .key = key, .vuln = vuln, .document = document};
    return tsn_store_insert(st, &tsn_table_naming, &row);
}

tsn_err tsn_feed_names(struct tsn_store *st, struct tsn_feed_op *x, const char *document)
{
    const json_t *facts = x->doc->facts;
    size_t i;
    json_t *cve;
    if (json_object_size(json_object_get(facts, "marked")) > 1) {
        return 0; /* a list of marks names thousands and explains none */
    }
    tsn_err err = one_name(st, x, tsn_json_str(facts, "id", ""), document);
    static const char *const lists[] = {"cves", "names"};
    for (size_t k = 0; k < 2; k++) {
        json_array_foreach(json_object_get(facts, lists[k]), i, cve)
        {
            const char *id = json_string_value(cve);
            if (err || i >= NAMES_MAX) {
                break;
            }
            err = id ? one_name(st, x, id, document) : 0;
        }
    }
    return err;
}

/* --- marks ------------------------------------------------------------------------------------ */

static tsn_err case_of(struct tsn_store *st, struct tsn_feed_op *x, const char *document,
                       const char **case_id)
{
    const struct tsn_filter filter = {
        .column = "document", .cmp = TSN_CMP_EQ, .text = document};
    const struct tsn_list how = {.filters = &filter, .nfilters = 1};
    void *list = NULL;
    size_t n = 0;
    struct tsn_rec_case c;
    tsn_err err = tsn_store_list(st, x->op.arena, &tsn_table_match, &how, &list, &n);
    const struct tsn_rec_match *rows = list;
    *case_id = NULL;
    for (size_t i = 0; !err && !*case_id && i < n; i++) {
        if (!rows[i].case_id || !*rows[i].case_id) {
            continue;
        }
        err = tsn_store_get(st, x->op.arena, &tsn_table_case, rows[i].case_id, &c);
        *case_id = !err && strcmp(c.state, "open") == 0 ? c.id : NULL;
        err = err == TSN_ENOTFOUND ? 0 : err;
    }
    return err;
}

/* Open cases about this vulnerability hear that it is exploited, or likely to be. */
static tsn_err tell_of(struct tsn_store *st, struct tsn_feed_op *x, const char *vuln,
                       const char *event, json_t *value)
{
    const struct tsn_filter filter = {.column = "vuln", .cmp = TSN_CMP_EQ, .text = vuln};
    const struct tsn_list how = {.filters = &filter, .nfilters = 1, .limit = 200};
    void *list = NULL;
    size_t n = 0;
    tsn_err err = tsn_store_list(st, x->op.arena, &tsn_table_naming, &how, &list, &n);
    const struct tsn_rec_naming *rows = list;
    json_t *told = json_object();
    for (size_t i = 0; !err && i < n; i++) {
        const char *case_id;
        err = case_of(st, x, rows[i].document, &case_id);
        if (err || !case_id || json_object_get(told, case_id)) {
            continue;
        }
        json_object_set_new(told, case_id, json_true());
        json_t *body = json_pack("{s:s,s:O}", "vulnerability", vuln, "value", value);
        struct tsn_signal_out out = {0};
        const struct tsn_signal_new signal = {.case_id = case_id,
                                              .event = event,
                                              .body = tsn_feed_kept(x->op.arena, body),
                                              .actor = "svc:feed"};
        err = tsn_signal_put(st, x->op.arena, x->epoch, &signal, x->now_ms, &out, &x->op.diag);
        x->woken = out.woken ? out.woken : x->woken;
        json_decref(body);
    }
    json_decref(told);
    return err;
}

/* EPSS only raises: past a tenth, or to five times what it was. Another model rates everything anew. */
static bool rose(const char *old, const json_t *value)
{
    json_t *was = NULL;
    (void)tsn_json_parse(old ? old : "{}", old ? strlen(old) : 2, &was, NULL);
    double before = json_number_value(json_object_get(was, "epss")),
           now = json_number_value(json_object_get(value, "epss"));
    const char *model = tsn_json_str(value, "model", "");
    bool same = strcmp(tsn_json_str(was, "model", model), model) == 0;
    json_decref(was);
    return same &&
           ((before < 0.1 && now >= 0.1) || (before > 0 && now >= 5 * before && now >= 0.02));
}

static tsn_err one_mark(struct tsn_store *st, struct tsn_feed_op *x, const char *key,
                        json_t *value)
{
    struct tsn_rec_mark row;
    char id[TSN_ULID_LEN + 1];
    const char *lf = strchr(key, '\n'), *text = tsn_feed_kept(x->op.arena, value);
    tsn_err err = tsn_store_find(st, x->op.arena, &tsn_table_mark, "key", key, &row);
    if (err && err != TSN_ENOTFOUND) {
        return err;
    }
    if (!err && strcmp(row.value, text) == 0) {
        return 0;
    }
    const char *old = err ? NULL : row.value;
    if (err) {
        tsn_id_new(id);
        row = (struct tsn_rec_mark){.id = id, .key = key, .since = x->now_ms};
    }
    row.kind = tsn_arena_strndup(x->op.arena, key, (size_t)(lf - key));
    row.vuln = lf + 1;
    row.value = text;
    row.feed = x->feed;
    err = tsn_store_put(st, &tsn_table_mark, &row);
    if (!err && strcmp(row.kind, "kev") == 0) {
        err = tell_of(st, x, row.vuln, "advisory.exploited", value);
    } else if (!err && strcmp(row.kind, "epss") == 0 && rose(old, value)) {
        err = tell_of(st, x, row.vuln, "advisory.likely", value);
    }
    return err;
}

tsn_err tsn_feed_marks(struct tsn_store *st, struct tsn_feed_op *x)
{
    json_t *marked = json_object_get(x->doc->facts, "marked"), *value;
    const char *key;
    tsn_err err = 0;
    json_object_foreach(marked, key, value)
    {
        err = err ? err : one_mark(st, x, key, value);
    }
    return err;
}

/* --- urgency ------------------------------------------------------------------------------------ */

static tsn_err mark_of(struct tsn_store *st, struct tsn_feed_op *x, const char *kind,
                       json_t **out)
{
    size_t i;
    json_t *cve;
    *out = NULL;
    json_array_foreach(json_object_get(x->doc->facts, "cves"), i, cve)
    {
        struct tsn_rec_mark row;
        const char *key = tsn_arena_printf(x->op.arena, "%s\n%s", kind, json_string_value(cve));
        tsn_err err = tsn_store_find(st, x->op.arena, &tsn_table_mark, "key", key, &row);
        if (!err) {
            return tsn_json_parse(row.value, strlen(row.value), out, NULL);
        }
        if (err != TSN_ENOTFOUND || i >= NAMES_MAX) {
            return err == TSN_ENOTFOUND ? 0 : err;
        }
    }
    return 0;
}

static const char *vector_of(const json_t *facts)
{
    const json_t *first = json_array_get(json_object_get(facts, "vulnerabilities"), 0);
    const json_t *score = json_array_get(json_object_get(first, "scores"), 0);
    return tsn_json_str(facts, "vector", tsn_json_str(score, "vector", ""));
}

static const json_t *product_of(const struct tsn_feed_op *x, const char *id)
{
    size_t i;
    json_t *p;
    json_array_foreach(x->products, i, p)
    {
        if (strcmp(tsn_json_str(p, "id", ""), id) == 0) {
            return p;
        }
    }
    return NULL;
}

const char *tsn_feed_exposure(const struct tsn_feed_op *x, const char *id)
{
    return tsn_json_str(product_of(x, id), "exposure", "");
}

/* Each match gets its priority with what it was computed from. */
tsn_err tsn_feed_priority(struct tsn_store *st, struct tsn_feed_op *x)
{
    json_t *kev = NULL, *ssvc = NULL, *epss = NULL, *m;
    size_t i;
    x->kev = false;
    x->epss = 0;
    if (json_array_size(x->hits) == 0) {
        return 0;
    }
    tsn_err err = mark_of(st, x, "kev", &kev);
    if (!err) {
        err = mark_of(st, x, "ssvc", &ssvc);
    }
    if (!err) {
        err = mark_of(st, x, "epss", &epss);
    }
    x->epss = json_number_value(json_object_get(epss, "epss"));
    json_decref(epss);
    json_array_foreach(x->hits, i, m)
    {
        struct tsn_priority_inputs in = {.kev = kev != NULL};
        tsn_priority_from(&in, ssvc, vector_of(x->doc->facts),
                          tsn_feed_exposure(x, tsn_json_str(m, "product", "")));
        json_object_set_new(m, "priority",
                            tsn_priority_json(&in, x->decide ? x->decide->priority : NULL, ssvc,
                                              product_of(x, tsn_json_str(m, "product", ""))));
    }
    x->kev = kev != NULL;
    json_decref(kev);
    json_decref(ssvc);
    return err;
}
