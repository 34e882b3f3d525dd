/* read_feed.c - matches of upstream documents, and why one did or did not fire.
 *
 * Owns nothing. Store thread of the reader: each function is one read transaction.
 */
#include "api/api_impl.h"

#include <string.h>
#include "core/json.h"
#include "store/record_case.h"
#include "store/record_feed.h"
#include "store/record_ingest.h"

#define DOCUMENTS_MAX 100

static json_t *parsed(const char *text)
{
    json_t *v = NULL;
    if (text)
        (void)tsn_json_parse(text, strlen(text), &v, NULL);
    return v ? v : json_null();
}

static json_t *text_json(const char *s)
{
    return s && *s ? json_string(s) : json_null();
}

static const char *said(const char *s)
{
    return s ? s : "";
}

static json_t *match_json(struct tsn_store *st, struct tsn_arena *arena,
                          const struct tsn_rec_match *m)
{
    struct tsn_rec_case c;
    const char *lf = strchr(m->key, '\n');
    const char *advisory =
        tsn_arena_strndup(arena, m->key, lf ? (size_t)(lf - m->key) : strlen(m->key));
    bool has_case = m->case_id && *m->case_id &&
                    tsn_store_get(st, arena, &tsn_table_case, m->case_id, &c) == 0;
    json_t *o =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o}", "id", m->id, "advisory",
                  advisory, "product", said(m->product), "owner", said(m->owner), "certainty",
                  said(m->certainty), "state", m->state && *m->state ? m->state : "open",
                  "reason", text_json(m->reason), "case", text_json(has_case ? c.name : NULL),
                  "case_state", text_json(has_case ? c.state : NULL));
    json_object_set_new(o, "run", text_json(m->run));
    json_object_set_new(o, "evidence", parsed(m->evidence));
    json_t *priority = parsed(m->priority);
    json_object_set_new(o, "band", text_json(tsn_json_str(priority, "band", NULL)));
    json_object_set_new(o, "priority", priority);
    return o;
}

tsn_err tsn_read_matches(struct tsn_store *st, struct tsn_read *rd, json_t **out)
{
    struct tsn_filter f[1];
    struct tsn_list how = {
        .filters = f, .after = rd->param[TSN_PARAM_AFTER], .skip_blobs = true};
    void *rows = NULL;
    size_t n = 0;
    tsn_err err = tsn_read_limit(rd, 100, 1000, &how.limit);
    if (err)
        return err;
    if (rd->param[TSN_PARAM_STATE])
        f[how.nfilters++] =
            (struct tsn_filter){"state", TSN_CMP_EQ, rd->param[TSN_PARAM_STATE], 0};
    err = tsn_store_list(st, rd->op.arena, &tsn_table_match, &how, &rows, &n);
    if (err)
        return err;
    json_t *items = json_array();
    const struct tsn_rec_match *m = rows;
    for (size_t i = 0; i < n; i++)
        json_array_append_new(items, match_json(st, rd->op.arena, &m[i]));
    *out = tsn_view_list(items, n == how.limit ? m[n - 1].id : NULL);
    return 0;
}

/* --- why ------------------------------------------------------------------------------------- */

struct why {
    const char *stage, *text;
    int rank; /* of the document that came furthest */
};

static void further(struct why *w, int rank, const char *stage, const char *text)
{
    if (rank > w->rank)
        *w = (struct why){.stage = stage, .text = text, .rank = rank};
}

/* How far the document came with this product. */
static void judge(struct tsn_arena *arena, struct why *w, const struct tsn_rec_document *d,
                  const json_t *m, const struct tsn_rec_decision *by)
{
    const char *title = said(d->tracking_id);
    if (strcmp(said(d->state), "current") != 0) {
        further(w, 1, "quarantined",
                tsn_arena_printf(arena, "%s: %s", said(d->path), said(d->reason)));
    } else if (!m) {
        further(w, 2, "no-match",
                tsn_arena_printf(arena,
                                 "%s does not name this product or a component of it "
                                 "in an affected version",
                                 title));
    } else if (strcmp(tsn_json_str(m, "state", ""), "closed") == 0) {
        further(w, 3, "closed",
                tsn_arena_printf(arena, "%s: %s", title, tsn_json_str(m, "reason", "")));
    } else if (strcmp(tsn_json_str(m, "certainty", ""), "guess") == 0) {
        further(w, 4, "guess",
                tsn_arena_printf(arena,
                                 "%s: only a guess, which a person must "
                                 "judge; it starts nothing",
                                 title));
    } else if (by && strcmp(said(by->state), "open") == 0) {
        further(w, 5, "waiting",
                tsn_arena_printf(arena, "%s matched (%s); the quiet period is not over", title,
                                 tsn_json_str(m, "certainty", "")));
    } else if (by && strcmp(said(by->state), "held") == 0) {
        further(w, 5, strcmp(said(by->verdict), "digest") == 0 ? "digest" : "held",
                tsn_arena_printf(arena, "%s matched (%s), and waits: %s%s%s", title,
                                 tsn_json_str(m, "certainty", ""), said(by->reason),
                                 by->rule ? ", by the rule " : "", said(by->rule)));
    } else if (by && !tsn_json_str(m, "case", NULL)) {
        further(w, 5, said(by->verdict),
                tsn_arena_printf(arena, "%s matched (%s); decided: %s%s%s%s%s", title,
                                 tsn_json_str(m, "certainty", ""), said(by->verdict),
                                 by->reason ? ", because " : "", said(by->reason),
                                 by->rule ? ", by the rule " : "", said(by->rule)));
    } else if (!tsn_json_str(m, "run", NULL)) {
        further(w, 6, "no-run",
                tsn_arena_printf(arena,
                                 "%s matched (%s)%s%s, and no rule started a "
                                 "playbook",
                                 title, tsn_json_str(m, "certainty", ""),
                                 tsn_json_str(m, "case", NULL) ? "; " : "",
                                 tsn_json_str(m, "case", "")));
    } else {
        further(w, 7, "run",
                tsn_arena_printf(arena, "%s matched (%s); %s", title,
                                 tsn_json_str(m, "certainty", ""),
                                 tsn_json_str(m, "case", "a case")));
    }
}

static tsn_err marks(struct tsn_store *st, struct tsn_read *rd, const char *vuln, json_t *out)
{
    static const char *const kinds[] = {"kev", "ssvc", "epss"};
    for (size_t i = 0; i < 3; i++) {
        struct tsn_rec_mark m;
        const char *key = tsn_arena_printf(rd->op.arena, "%s\n%s", kinds[i], vuln);
        tsn_err err = tsn_store_find(st, rd->op.arena, &tsn_table_mark, "key", key, &m);
        if (err && err != TSN_ENOTFOUND)
            return err;
        if (!err)
            json_object_set_new(out, kinds[i], parsed(m.value));
    }
    return 0;
}

/* What the latest difference that this advisory made led to. */
static tsn_err last_decision(struct tsn_store *st, struct tsn_arena *arena,
                             const char *advisory, struct tsn_rec_decision *out, bool *found)
{
    const struct tsn_filter filter = {"advisory", TSN_CMP_EQ, advisory, 0};
    const struct tsn_list how = {.filters = &filter,
                                 .nfilters = 1,
                                 .order = "created_at",
                                 .descending = true,
                                 .limit = 1};
    void *list = NULL;
    size_t n = 0;
    tsn_err err = tsn_store_list(st, arena, &tsn_table_decision, &how, &list, &n);
    *found = !err && n > 0;
    if (*found)
        *out = *(const struct tsn_rec_decision *)list;
    return err;
}

static tsn_err one_document(struct tsn_store *st, struct tsn_read *rd, const char *id,
                            const char *product, struct why *w, json_t *documents)
{
    struct tsn_arena *arena = rd->op.arena;
    struct tsn_rec_document d;
    struct tsn_rec_match m;
    tsn_err err = tsn_store_get(st, arena, &tsn_table_document, id, &d);
    if (err)
        return err == TSN_ENOTFOUND ? 0 : err;
    const char *key = tsn_arena_printf(arena, "%s\n%s", said(d.tracking_id), product);
    err = tsn_store_find(st, arena, &tsn_table_match, "key", key, &m);
    if (err && err != TSN_ENOTFOUND)
        return err;
    json_t *match = err ? NULL : match_json(st, arena, &m);
    struct tsn_rec_decision by = {0};
    bool decided = false;
    err = last_decision(st, arena, said(d.tracking_id), &by, &decided);
    judge(arena, w, &d, match, decided ? &by : NULL);
    json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:s}", "feed", said(d.feed), "path",
                          said(d.path), "advisory", said(d.tracking_id), "title", said(d.title),
                          "state", said(d.state), "reason", text_json(d.reason), "sha256",
                          said(d.sha256));
    json_object_set_new(o, "match", match ? match : json_null());
    if (decided)
        json_object_set_new(o, "decision",
                            json_pack("{s:s,s:s,s:s*,s:s*,s:s*,s:s*}", "id", by.id, "state",
                                      said(by.state), "verdict", by.verdict, "reason",
                                      by.reason, "rule", by.rule, "band", by.band));
    json_array_append_new(documents, o);
    return err;
}

tsn_err tsn_read_explain(struct tsn_store *st, struct tsn_read *rd, json_t **out)
{
    const char *product = rd->param[TSN_PARAM_Q], *vuln = rd->id;
    const struct tsn_filter filter = {"vuln", TSN_CMP_EQ, vuln, 0};
    const struct tsn_list how = {.filters = &filter, .nfilters = 1, .limit = DOCUMENTS_MAX};
    struct why w = {.stage = "no-document",
                    .text = "no feed has brought a document that names it",
                    .rank = 0};
    void *list = NULL;
    size_t n = 0;
    if (!product || !*product)
        return tsn_diag_set(&rd->op.diag, TSN_EINPUT, "H033", "q must name a product");
    tsn_err err = tsn_store_list(st, rd->op.arena, &tsn_table_naming, &how, &list, &n);
    const struct tsn_rec_naming *rows = list;
    json_t *documents = json_array(), *known = json_object();
    for (size_t i = 0; !err && i < n; i++)
        err = one_document(st, rd, rows[i].document, product, &w, documents);
    if (!err)
        err = marks(st, rd, vuln, known);
    if (!err)
        *out = json_pack("{s:s, s:s, s:s, s:s, s:O, s:O}", "vulnerability", vuln, "product",
                         product, "stage", w.stage, "why", w.text, "marks", known, "documents",
                         documents);
    json_decref(documents);
    json_decref(known);
    return err;
}
