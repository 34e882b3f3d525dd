/* decide_slow.c - what slows decisions down: a storm of their feed, budgets of runs. Kept in the store,
 * so that a restart gives nobody more. Writer thread. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/json.h"
#include "core/log.h"
#include "feed/decide_int.h"
#include "store/record_system.h"

#define HOUR_MS INT64_C(3600000)
#define DAY_MS  INT64_C(86400000)
/* Of fewer documents half is no storm. */
#define REWRITE_MIN 100

static tsn_err made_since(struct tsn_store *st, const struct tsn_deciding *x, int64_t since,
                          int64_t *out)
{
    const struct tsn_filter filters[] = {
        {.column = "feed", .cmp = TSN_CMP_EQ, .text = x->row.feed},
        {.column = "created_at", .cmp = TSN_CMP_GT, .number = since},
        {.column = "verdict", .cmp = TSN_CMP_NE, .text = "baseline"}};
    return tsn_store_count(st, &tsn_table_decision, filters, 3, out);
}

/* Does a feed rewrite itself? More than half of its documents have other bytes than yesterday, or a tenth of
 * them is withdrawn. *why NULL: it does not. */
static tsn_err rewritten(struct tsn_store *st, const struct tsn_deciding *x, const char **why)
{
    int64_t changed = 0, gone = 0, all = 0;
    const struct tsn_filter revisions[] = {
        {.column = "feed", .cmp = TSN_CMP_EQ, .text = x->row.feed},
        {.column = "created_at", .cmp = TSN_CMP_GT, .number = x->op->now_ms - DAY_MS},
        {.column = "kind", .cmp = TSN_CMP_NE, .text = "new"}};
    const struct tsn_filter withdrawn[] = {
        revisions[0], revisions[1], {.column = "kind", .cmp = TSN_CMP_EQ, .text = "withdrawn"}};
    const struct tsn_filter documents = {
        .column = "feed", .cmp = TSN_CMP_EQ, .text = x->row.feed};
    tsn_err err = tsn_store_count(st, &tsn_table_revision, revisions, 3, &changed);
    err = err ? err : tsn_store_count(st, &tsn_table_revision, withdrawn, 3, &gone);
    err = err ? err : tsn_store_count(st, &tsn_table_document, &documents, 1, &all);
    bool much = changed * 2 > all, lost = gone * 10 > all;
    *why = err || all < REWRITE_MIN || (!much && !lost)
               ? NULL
               : tsn_arena_printf(x->op->op.arena, "%lld of its %lld documents %s in a day",
                                  (long long)(lost ? gone : changed), (long long)all,
                                  lost ? "were withdrawn" : "changed");
    return err;
}

static tsn_err begin_storm(struct tsn_store *st, struct tsn_deciding *x,
                           struct tsn_rec_feeddesk *desk, const char *why)
{
    json_t *args = json_pack("{s:s,s:s}", "feed", x->row.feed, "why", why);
    desk->name = x->row.feed;
    desk->storm = why;
    desk->storm_at = x->op->now_ms;
    tsn_err err = tsn_store_put(st, &tsn_table_feeddesk, desk);
    tsn_log(TSN_LOG_WARN, "feed.storm", "feed", x->row.feed, "why", why, NULL);
    tsn_err logged =
        tsn_feed_entry(st, x->op->op.arena, "feed.storm", "begun", NULL, args, NULL);
    return err ? err : logged;
}

tsn_err tsn_decide_storm(struct tsn_store *st, struct tsn_deciding *x, bool *storm)
{
    const struct tsn_decide_config *c = x->op->decide;
    struct tsn_rec_feeddesk desk = {0};
    int64_t hour = 0, month = 0;
    *storm = false;
    tsn_err err = tsn_store_get(st, x->op->op.arena, &tsn_table_feeddesk, x->row.feed, &desk);
    if (err && err != TSN_ENOTFOUND) {
        return err;
    }
    if (!err && desk.storm_at > 0) {
        *storm = true;
        return 0;
    }
    if (c->storm_per_hour <= 0) {
        return 0;
    }
    /* After a release the hour begins anew. */
    int64_t since = x->op->now_ms - HOUR_MS;
    since = desk.storm_at < 0 && -desk.storm_at > since ? -desk.storm_at : since;
    err = made_since(st, x, since, &hour);
    err = err ? err : made_since(st, x, x->op->now_ms - 30 * DAY_MS, &month);
    int64_t usual = (month - hour) / 30 * c->storm_factor;
    int64_t most = usual > c->storm_per_hour ? usual : c->storm_per_hour;
    const char *why = NULL;
    if (!err && hour <= most && desk.storm_at == 0) {
        err = rewritten(st, x, &why);
        *storm = why != NULL;
        if (*storm) {
            return begin_storm(st, x, &desk, why);
        }
    }
    if (err || hour <= most) {
        return err;
    }
    *storm = true;
    return begin_storm(st, x, &desk,
                       tsn_arena_printf(x->op->op.arena,
                                        "%lld differences within an hour; %lld are let through",
                                        (long long)hour, (long long)most));
}

tsn_err tsn_decide_budget(struct tsn_store *st, struct tsn_deciding *x, const json_t *rule,
                          bool *spent, int64_t *until)
{
    const struct tsn_decide_config *c = x->op->decide;
    struct tsn_arena *a = x->op->op.arena;
    int64_t per_hour = tsn_json_int(rule, "per_hour", c->per_hour);
    int64_t burst = tsn_json_int(rule, "burst", c->burst);
    struct tsn_rec_meta meta;
    double tokens = (double)burst;
    long long then = 0;
    *spent = false;
    if (per_hour <= 0) {
        return 0;
    }
    const char *name = tsn_arena_printf(a, "feed.budget.%s", tsn_json_str(rule, "name", ""));
    tsn_err err = tsn_store_get(st, a, &tsn_table_meta, name, &meta);
    if (err && err != TSN_ENOTFOUND) {
        return err;
    }
    if (!err && meta.value && sscanf(meta.value, "%lf %lld", &tokens, &then) == 2) {
        tokens = tsn_decide_tokens(tokens, then, x->op->now_ms, burst, per_hour);
    }
    if (tokens < 1) {
        /* Behind those that wait already: each finds its token when its time comes. */
        const struct tsn_filter filters[] = {
            {.column = "state", .cmp = TSN_CMP_EQ, .text = "held"},
            {.column = "reason", .cmp = TSN_CMP_EQ, .text = "budget"}};
        int64_t waiting = 0;
        err = tsn_store_count(st, &tsn_table_decision, filters, 2, &waiting);
        waiting -= strcmp(x->row.state, "held") == 0;
        *spent = true;
        *until = x->op->now_ms + 1 +
                 (int64_t)((1 - tokens + (double)(waiting > 0 ? waiting : 0)) *
                           (double)HOUR_MS / (double)per_hour);
        return err == TSN_ENOTFOUND ? 0 : err;
    }
    meta = (struct tsn_rec_meta){
        .name = name,
        .value = tsn_arena_printf(a, "%.6f %lld", tokens - 1, (long long)x->op->now_ms)};
    return tsn_store_put(st, &tsn_table_meta, &meta);
}
