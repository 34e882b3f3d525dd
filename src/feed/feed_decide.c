/* feed_decide.c - the third transaction: one difference, one verdict with its reason, and what it
 * starts. A kill before it leaves the row open, and the sweep decides it after the start. Writer
 * thread. */
#include <stdlib.h>
#include <string.h>
#include "core/fault.h"
#include "core/json.h"
#include "feed/decide_int.h"
#include "store/record_case.h"

#define GROUP_MAX 500
#define DAY_MS    INT64_C(86400000)

static void drop(void *v)
{
    json_decref(v);
}

static bool is(const char *a, const char *b)
{
    return a && strcmp(a, b) == 0;
}

static void say(struct tsn_deciding *x, const char *verdict, const char *reason)
{
    x->verdict = verdict;
    x->reason = reason;
}

static void hold(struct tsn_deciding *x, const char *reason, int64_t until)
{
    say(x, "hold", reason);
    x->held = true;
    x->row.due_at = until;
}

/* --- the verdict ---------------------------------------------------------------------------------- */

static void to_digest(struct tsn_deciding *x)
{
    int64_t every = x->op->decide->group_ms > 0 ? x->op->decide->group_ms : DAY_MS,
            slot = x->op->now_ms / every;
    if (x->row.grouped && *x->row.grouped) { /* its time has come */
        say(x, "run", x->reason);
        return;
    }
    hold(x, x->reason, (slot + 1) * every);
    x->verdict = "digest";
    x->row.grouped = tsn_arena_printf(x->op->op.arena, "%s\n%s\n%lld", x->rule ? x->rule : "",
                                      x->row.product ? x->row.product : "", (long long)slot);
}

/* What may slow it down, after everything else has said yes. */
static tsn_err slow_down(struct tsn_store *st, struct tsn_deciding *x, const json_t *rule,
                         bool urgent)
{
    bool storm = false, spent = false;
    int64_t until = 0;
    if (urgent) {
        x->reason = "urgent: no quiet period, storm or budget holds it";
        return 0;
    }
    tsn_err err = tsn_decide_storm(st, x, &storm);
    if (!err && storm) {
        hold(x, "storm", 0);
        return 0;
    }
    err = err ? err : tsn_decide_budget(st, x, rule, &spent, &until);
    if (!err && spent) {
        hold(x, "budget", until);
    }
    return err;
}

static bool by_cause(struct tsn_deciding *x, const json_t *in)
{
    const char *cause = tsn_json_str(in, "cause", ""), *trust = tsn_json_str(in, "trust", "");
    if (is(cause, "bootstrap")) {
        say(x, "baseline", "the first load of the feed starts nothing");
    } else if (is(cause, "parser")) {
        say(x, "baseline", "another parser read it: that starts nothing");
    } else if (is(trust, "hint") || is(trust, "enrichment")) {
        say(x, "ignore", "its feed may raise questions, not start runs");
    }
    return x->verdict != NULL;
}

/* False: they are about another input, or were not asked for: the decision waits for them. */
static bool take_answers(struct tsn_deciding *x, json_t *in)
{
    const struct tsn_decide_op *o = x->op;
    json_t *asks = NULL, *answers = NULL;
    if (o->answers && o->answers_to && strcmp(o->answers_to, x->row.digest) == 0 &&
        tsn_json_parse(o->answers, strlen(o->answers), &answers, NULL) == 0) {
        json_object_set_new(in, "lua", answers); /* beside the stored inputs, not among them */
        x->lua = json_pack("{s:s,s:O}", "sha256", o->decide->lua_sha256, "answers", answers);
        tsn_arena_defer(o->op.arena, drop, x->lua);
    }
    asks = o->decide->lua ? tsn_decide_asks(o->decide->rules, in) : NULL;
    x->stale = asks != NULL;
    json_decref(asks);
    return !x->stale;
}

static tsn_err evaluate(struct tsn_store *st, struct tsn_deciding *x)
{
    json_t *in = json_object_get(x->input, "inputs");
    bool withdrawn = tsn_json_bool(in, "withdrawn", false);
    bool ours = json_array_size(json_object_get(x->input, "products")) > 0;
    if (x->op->verdict) {
        say(x, x->op->verdict, x->op->reason);
        return 0;
    }
    if (by_cause(x, in)) {
        return 0;
    }
    if (withdrawn && !tsn_json_bool(in, "urgent", false)) {
        bool storm =
            false; /* a provider that lost its documents takes nothing from a case unseen */
        tsn_err err = tsn_decide_storm(st, x, &storm);
        if (err || storm) {
            hold(x, "storm", 0);
            return err;
        }
    }
    if (x->case_id && (x->worked_on || !ours || withdrawn)) {
        say(x, "told", NULL);
        return 0;
    }
    if (!ours || withdrawn) {
        say(x, "ignore", withdrawn ? "it was withdrawn" : "no product of ours is hit any more");
        return 0;
    }
    const json_t *rules = x->op->decide->rules;
    if (!take_answers(x, in)) {
        return 0;
    }
    const json_t *rule = tsn_decide_rule(rules, in);
    bool urgent = tsn_json_bool(in, "urgent", false);
    const char *verdict = tsn_json_str(rule, "verdict", "run");
    const char *failed = tsn_decide_lua_failed(rule, in);
    x->rule = tsn_json_str(rule, "name", NULL);
    x->reason = tsn_json_str(rule, "reason", NULL);
    if (failed) { /* nobody knows what the rule would say: what cannot wait goes on */
        x->reason = tsn_arena_printf(x->op->op.arena, "its Lua failed: %.300s", failed);
        verdict = urgent ? "run" : "hold";
    }
    if (is(verdict, "digest")) {
        to_digest(x);
    } else if (is(verdict, "hold")) {
        hold(x, x->reason ? x->reason : "rule", 0);
    } else {
        say(x, verdict, x->reason);
    }
    return is(x->verdict, "run") && !x->row.grouped ? slow_down(st, x, rule, urgent) : 0;
}

/* --- what it does ---------------------------------------------------------------------------------- */

/* The matches of the products that were decided about belong to the case now. */
static tsn_err to_case(struct tsn_store *st, struct tsn_deciding *x,
                       const struct tsn_rec_decision *row, const json_t *products)
{
    const struct tsn_event_out *ev = &x->op->event;
    struct tsn_arena *a = x->op->op.arena;
    json_t *p;
    size_t i;
    json_array_foreach(products, i, p)
    {
        struct tsn_rec_match m;
        const char *key =
            tsn_arena_printf(a, "%s\n%s", row->advisory, tsn_json_str(p, "id", ""));
        tsn_err err = tsn_store_find(st, a, &tsn_table_match, "key", key, &m);
        if (err == TSN_ENOTFOUND) {
            continue;
        }
        if (!err && ev->rcase.id) {
            m.case_id = ev->rcase.id;
            m.run = ev->nruns ? ev->runs[0] : m.run;
            err = tsn_store_put(st, &tsn_table_match, &m);
        }
        if (err) {
            return err;
        }
    }
    return 0;
}

static tsn_err finish(struct tsn_store *st, struct tsn_deciding *x,
                      struct tsn_rec_decision *row)
{
    const struct tsn_event_out *ev = &x->op->event;
    if (x->held && is(row->state, "held") && is(row->reason, x->reason)) {
        return tsn_store_put(st, &tsn_table_decision, row); /* still: its entry is there */
    }
    row->state = x->held ? "held" : "done";
    row->verdict = x->verdict;
    row->reason = x->reason;
    row->rule = x->rule;
    row->decided_at = x->op->now_ms;
    row->lua = x->lua ? tsn_feed_kept(x->op->op.arena, x->lua) : NULL;
    row->by = x->op->by ? x->op->by->person : NULL;
    row->case_id = ev->rcase.id ? ev->rcase.id : NULL;
    row->run = ev->nruns ? ev->runs[0] : NULL;
    tsn_err err = tsn_store_put(st, &tsn_table_decision, row);
    if (err) {
        return err;
    }
    json_t *args =
        json_pack("{s:s,s:s,s:s,s:s,s:s*,s:s*,s:s,s:s,s:s*,s:s*}", "decision", row->id,
                  "advisory", row->advisory, "feed", row->feed, "verdict", row->verdict,
                  "reason", row->reason, "rule", row->rule, "band", row->band ? row->band : "",
                  "inputs", row->digest, "case", row->case_id, "run", row->run);
    if (x->lua) {
        json_object_set(args, "lua", x->lua);
    }
    return tsn_feed_entry(st, x->op->op.arena, "feed.decision", row->verdict, x->op->by, args,
                          NULL);
}

static tsn_err run_one(struct tsn_store *st, struct tsn_deciding *x)
{
    json_t *advisory = json_object_get(x->input, "advisory"),
           *products = json_object_get(x->input, "products");
    json_t *body = json_pack("{s:O,s:O}", "advisory", advisory, "products", products);
    const char *substance = tsn_json_str(x->input, "substance", "");
    tsn_err err = 0;
    if (x->case_id && x->joined) { /* under another name: the timeline says so */
        err = tsn_decide_tell(st, x);
    }
    err = err ? err
              : tsn_decide_event(
                    st, x, "advisory.matched", body,
                    tsn_json_str(advisory, "title", x->row.advisory),
                    tsn_arena_printf(x->op->op.arena, "%s\n%s", x->row.advisory, substance));
    json_decref(body);
    return err ? err : to_case(st, x, &x->row, products);
}

/* All that was collected under one rule for one product: one event, one run. */
static tsn_err run_digest(struct tsn_store *st, struct tsn_deciding *x)
{
    struct tsn_arena *a = x->op->op.arena;
    const struct tsn_filter filters[] = {
        {.column = "state", .cmp = TSN_CMP_EQ, .text = "held"},
        {.column = "grouped", .cmp = TSN_CMP_EQ, .text = x->row.grouped}};
    const struct tsn_list how = {.filters = filters, .nfilters = 2, .limit = GROUP_MAX};
    void *list = NULL;
    size_t n = 0;
    tsn_err err = tsn_store_list(st, a, &tsn_table_decision, &how, &list, &n);
    struct tsn_rec_decision *rows = list;
    json_t *advisories = json_array(), *body;
    const char *product = x->row.product ? x->row.product : "";
    for (size_t i = 0; !err && i < n; i++) {
        json_t *input = NULL;
        if (tsn_json_parse(rows[i].input, strlen(rows[i].input), &input, NULL)) {
            continue;
        }
        json_array_append_new(
            advisories, json_pack("{s:O,s:O}", "advisory", json_object_get(input, "advisory"),
                                  "products", json_object_get(input, "products")));
        json_decref(input);
    }
    body = json_pack("{s:s,s:O,s:[{s:s}]}", "product", product, "advisories", advisories,
                     "products", "id", product);
    x->case_id = NULL;
    err = err ? err
              : tsn_decide_event(st, x, "advisory.digest", body,
                                 tsn_arena_printf(a, "%zu advisories about %s",
                                                  json_array_size(advisories), product),
                                 tsn_arena_printf(a, "digest\n%s", x->row.grouped));
    for (size_t i = 0; !err && i < n; i++) {
        json_t *in = json_object_get(json_array_get(advisories, i), "products");
        err = to_case(st, x, &rows[i], in);
        err = err ? err : finish(st, x, &rows[i]);
    }
    json_decref(advisories);
    json_decref(body);
    return err;
}

tsn_err tsn_decide_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct tsn_decide_op *o = (struct tsn_decide_op *)op;
    struct tsn_deciding x = {.op = o};
    o->said = o->woken = NULL;
    o->due_ms = 0;
    memset(&o->event, 0, sizeof o->event);
    tsn_err err = tsn_store_get(st, op->arena, &tsn_table_decision, o->id, &x.row);
    if (err) {
        return tsn_diag_set(&op->diag, err, "F140", "there is no decision `%.60s`", o->id);
    }
    if (is(x.row.state, "done")) {
        return o->verdict ? tsn_diag_set(&op->diag, TSN_ECONFLICT, "F141",
                                         "it was decided before: %s", x.row.verdict)
                          : 0;
    }
    if (tsn_json_parse(x.row.input, strlen(x.row.input), &x.input, &op->diag)) {
        return TSN_ETAMPERED;
    }
    tsn_arena_defer(op->arena, drop, x.input);
    tsn_fault("feed.decide_apply");
    err = tsn_decide_find_case(st, &x);
    err = err ? err : evaluate(st, &x);
    if (!err && x.stale) {
        o->due_ms = o->now_ms; /* the sweep asks for answers to what stands there now */
        return 0;
    }
    if (!err && is(x.verdict, "told")) {
        err = tsn_decide_tell(st, &x);
        err = err ? err : to_case(st, &x, &x.row, json_object_get(x.input, "products"));
    } else if (!err && is(x.verdict, "run") && x.row.grouped && *x.row.grouped) {
        err = run_digest(st, &x);
    } else if (!err && is(x.verdict, "run")) {
        err = run_one(st, &x);
    }
    if (!err && !(is(x.verdict, "run") && x.row.grouped && *x.row.grouped)) {
        err = finish(st, &x, &x.row);
    }
    o->said = x.verdict;
    o->due_ms = x.held ? x.row.due_at : 0;
    return err;
}
