/* read_decision.c - what became of what feeds brought: the counters of one feed, and decisions with
 * what they were made from.
 *
 * Owns nothing. Store thread of the reader: each function is one read transaction.
 */
#include "api/api_impl.h"

#include <string.h>
#include "core/json.h"
#include "store/record_feed.h"
#include "store/record_ingest.h"

static json_t *text_json(const char *s)
{
    return s && *s ? json_string(s) : json_null();
}

static const char *said(const char *s)
{
    return s ? s : "";
}

static tsn_err count_of(struct tsn_store *st, const struct tsn_table *t, const char *feed,
                        const char *state, json_t *out)
{
    const struct tsn_filter filters[] = {{.column = "feed", .cmp = TSN_CMP_EQ, .text = feed},
                                         {.column = "state", .cmp = TSN_CMP_EQ, .text = state}};
    int64_t n = 0;
    tsn_err err = tsn_store_count(st, t, filters, 2, &n);
    if (!err)
        json_object_set_new(out, state, json_integer(n));
    return err;
}

/* What was observed is revised, quarantined, a duplicate or pending; nothing else. */
tsn_err tsn_read_feed(struct tsn_store *st, struct tsn_read *rd, json_t **out)
{
    static const char *const states[] = {"open", "held", "done"};
    struct tsn_arena *arena = rd->op.arena;
    struct tsn_rec_feed feed = {0};
    struct tsn_rec_feeddesk d = {0};
    tsn_err err = tsn_store_get(st, arena, &tsn_table_feed, rd->id, &feed);
    bool none = err == TSN_ENOTFOUND;
    if (!err || none)
        err = tsn_store_get(st, arena, &tsn_table_feeddesk, rd->id, &d);
    if (err == TSN_ENOTFOUND && none)
        return tsn_diag_set(&rd->op.diag, TSN_ENOTFOUND, "F011",
                            "nothing is known of a feed `%.100s`", rd->id);
    if (err && err != TSN_ENOTFOUND)
        return err;
    json_t *o = json_pack("{s:s,s:I,s:I,s:I,s:I,s:I}", "name", rd->id, "documents",
                          (json_int_t)feed.documents, "observed", (json_int_t)d.observed,
                          "revised", (json_int_t)d.revised, "quarantined",
                          (json_int_t)d.quarantined, "duplicate", (json_int_t)d.duplicate);
    json_t *decisions = json_object();
    err = count_of(st, &tsn_table_observation, rd->id, "pending", o);
    for (size_t i = 0; !err && i < 3; i++)
        err = count_of(st, &tsn_table_decision, rd->id, states[i], decisions);
    int64_t settled = d.revised + d.quarantined + d.duplicate + tsn_json_int(o, "pending", 0);
    json_object_set_new(o, "balanced", json_boolean(d.observed == settled));
    json_object_set_new(o, "decisions", decisions);
    json_object_set_new(o, "trust", text_json(d.trust));
    json_object_set_new(o, "storm", text_json(d.storm_at > 0 ? d.storm : NULL));
    json_object_set_new(o, "paused_by", text_json(d.paused_at ? d.paused_by : NULL));
    json_object_set_new(o, "error", text_json(feed.error));
    *out = o;
    return err;
}

/* --- decisions --------------------------------------------------------------------------- */

static json_t *decision_json(struct tsn_store *st, struct tsn_arena *arena,
                             const struct tsn_rec_decision *d)
{
    struct tsn_rec_case c;
    bool has_case = d->case_id && *d->case_id &&
                    tsn_store_get(st, arena, &tsn_table_case, d->case_id, &c) == 0;
    json_t *o =
        json_pack("{s:s,s:s,s:s,s:s,s:o,s:o,s:o,s:s,s:b,s:o,s:o,s:o,s:o}", "id", d->id,
                  "advisory", said(d->advisory), "feed", said(d->feed), "state", said(d->state),
                  "verdict", text_json(d->verdict), "reason", text_json(d->reason), "rule",
                  text_json(d->rule), "band", said(d->band), "urgent", d->urgent != 0,
                  "product", text_json(d->product), "case", text_json(has_case ? c.name : NULL),
                  "run", text_json(d->run), "by", text_json(d->by));
    json_object_set_new(o, "created_at", tsn_view_time(d->created_at));
    json_object_set_new(o, "due_at", tsn_view_time(d->due_at));
    json_object_set_new(o, "decided_at", tsn_view_time(d->decided_at));
    return o;
}

tsn_err tsn_read_decisions(struct tsn_store *st, struct tsn_read *rd, json_t **out)
{
    struct tsn_filter f[2];
    struct tsn_list how = {.filters = f, .after = rd->param[TSN_PARAM_AFTER]};
    void *rows = NULL;
    size_t n = 0;
    tsn_err err = tsn_read_limit(rd, 100, 1000, &how.limit);
    if (err)
        return err;
    if (rd->param[TSN_PARAM_STATE])
        f[how.nfilters++] =
            (struct tsn_filter){"state", TSN_CMP_EQ, rd->param[TSN_PARAM_STATE], 0};
    if (rd->param[TSN_PARAM_KIND])
        f[how.nfilters++] =
            (struct tsn_filter){"verdict", TSN_CMP_EQ, rd->param[TSN_PARAM_KIND], 0};
    err = tsn_store_list(st, rd->op.arena, &tsn_table_decision, &how, &rows, &n);
    if (err)
        return err;
    json_t *items = json_array();
    const struct tsn_rec_decision *d = rows;
    for (size_t i = 0; i < n; i++)
        json_array_append_new(items, decision_json(st, rd->op.arena, &d[i]));
    *out = tsn_view_list(items, n == how.limit ? d[n - 1].id : NULL);
    return 0;
}

tsn_err tsn_read_decision(struct tsn_store *st, struct tsn_read *rd, json_t **out)
{
    struct tsn_rec_decision d;
    json_t *input = NULL, *lua = NULL;
    tsn_err err = tsn_store_get(st, rd->op.arena, &tsn_table_decision, rd->id, &d);
    if (err == TSN_ENOTFOUND)
        return tsn_diag_set(&rd->op.diag, err, "F140", "there is no decision `%.60s`", rd->id);
    if (err)
        return err;
    *out = decision_json(st, rd->op.arena, &d);
    (void)tsn_json_parse(said(d.input), strlen(said(d.input)), &input, NULL);
    json_object_set_new(*out, "input", input ? input : json_null());
    json_object_set_new(*out, "digest", text_json(d.digest));
    (void)tsn_json_parse(said(d.lua), strlen(said(d.lua)), &lua, NULL);
    json_object_set_new(*out, "lua", lua ? lua : json_null());
    return 0;
}

/* --- what is held back ---------------------------------------------------------------------- */

/* Observations that are the last word on their document. */
tsn_err tsn_read_quarantine(struct tsn_store *st, struct tsn_read *rd, json_t **out)
{
    struct tsn_arena *a = rd->op.arena;
    const struct tsn_filter f[] = {
        {.column = "feed", .cmp = TSN_CMP_EQ, .text = rd->id},
        {.column = "state", .cmp = TSN_CMP_EQ, .text = "quarantined"}};
    struct tsn_list how = {.filters = f, .nfilters = 2, .after = rd->param[TSN_PARAM_AFTER]};
    void *list = NULL;
    size_t n = 0;
    json_t *items = json_array();
    tsn_err err = tsn_read_limit(rd, 100, 1000, &how.limit);
    if (!err)
        err = tsn_store_list(st, a, &tsn_table_observation, &how, &list, &n);
    const struct tsn_rec_observation *o = list;
    for (size_t i = 0; i < n && !err; i++) {
        struct tsn_rec_document d;
        err = tsn_store_find(st, a, &tsn_table_document, "key",
                             tsn_arena_printf(a, "%s\n%s", rd->id, o[i].path), &d);
        if (!err && d.observation && strcmp(d.observation, o[i].id) == 0) {
            bool good = strcmp(said(d.state), "current") == 0;
            json_t *item =
                json_pack("{s:s,s:o,s:o,s:o,s:o,s:b}", "path", said(o[i].path), "reason",
                          text_json(o[i].reason), "sha256", text_json(o[i].sha256), "signature",
                          text_json(o[i].signature), "in_force",
                          text_json(good ? d.version : NULL), "has_good", good);
            json_object_set_new(item, "seen_at", tsn_view_time(o[i].seen_at));
            json_array_append_new(items, item);
        }
        err = err == TSN_ENOTFOUND ? 0 : err;
    }
    *out = tsn_view_list(items, n && n == how.limit ? o[n - 1].id : NULL);
    return err;
}
