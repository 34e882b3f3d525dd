/* decide.c - a person's decision, from whichever path: one op that checks, records and settles.
 *
 * The vote, the task, the step's outcome and the run's row are one transaction: a decision that
 * was acknowledged cannot be half there. Loop thread, but for the apply functions.
 */
#include "engine/engine_impl.h"

#include <stdlib.h>
#include <string.h>
#include "core/clock.h"
#include "core/fault.h"
#include "core/json.h"
#include "core/log.h"
#include "core/text.h"
#include "store/record_run.h"

struct decide_op {
    struct tsn_eop o;
    struct tsn_actor who;
    struct tsn_decision d;
    tsn_engine_done *done;
    void *user;
    /* out */
    const char *wake; /* run to go on with, NULL = not decided yet */
    int64_t seq, nudge_at;
    bool voided; /* the plan had changed: asked again */
    json_t *info;
};

/* What the steps of one apply hand to each other. */
struct deciding {
    struct decide_op *x;
    struct tsn_store *st;
    struct tsn_arena *a;
    struct tsn_rec_task task;
    struct tsn_owned own;
    json_t *spec, *votes, *answer;
    char at[25];
};

static const char *keep_text(struct tsn_arena *a, const json_t *v)
{
    char *text = tsn_json_text(v);
    const char *kept = tsn_arena_strdup(a, text);

    free(text);
    return kept;
}

/* --- the task meant */

static tsn_err task_by_prefix(struct tsn_store *st, struct tsn_arena *a, const char *ref,
                              struct tsn_rec_task *out, struct tsn_diag *diag)
{
    struct tsn_filter f = {"name", TSN_CMP_PREFIX, ref, 0};
    struct tsn_list how = {.filters = &f, .nfilters = 1, .limit = 2};
    void *rows = NULL;
    size_t n = 0;
    tsn_err err = tsn_store_list(st, a, &tsn_table_task, &how, &rows, &n);

    if (err)
        return err;
    if (n == 0)
        return tsn_diag_set(diag, TSN_ENOTFOUND, "H031", "there is no task %s", ref);
    if (n > 1)
        return tsn_diag_set(diag, TSN_ECONFLICT, "H032", "%s could be several tasks", ref);
    *out = *(struct tsn_rec_task *)rows;
    return 0;
}

static tsn_err find_task(struct tsn_store *st, struct tsn_arena *a, const char *ref,
                         struct tsn_rec_task *out, struct tsn_diag *diag)
{
    tsn_err err = TSN_ENOTFOUND;

    if (tsn_id_valid(ref))
        err = tsn_store_get(st, a, &tsn_table_task, ref, out);
    if (err == TSN_ENOTFOUND)
        err = tsn_store_find(st, a, &tsn_table_task, "name", ref, out);
    if (err == TSN_ENOTFOUND)
        err = task_by_prefix(st, a, ref, out, diag);
    return err;
}

/* The open question what became of a step: a run is named, and the step where there are several. */
static tsn_err find_resolve(struct tsn_store *st, struct tsn_arena *a, const char *ref,
                            const char *step, struct tsn_rec_task *out, struct tsn_diag *diag)
{
    struct tsn_rec_run run;
    tsn_err err = tsn_run_find(st, a, ref, &run, diag);
    struct tsn_filter f[] = {{"run", TSN_CMP_EQ, "", 0},
                             {"state", TSN_CMP_EQ, "open", 0},
                             {"kind", TSN_CMP_EQ, "resolve", 0},
                             {"path", TSN_CMP_EQ, step, 0}};
    struct tsn_list how = {.filters = f, .nfilters = step ? 4 : 3, .limit = 2};
    void *rows = NULL;
    size_t n = 0;

    if (err)
        return err;
    f[0].text = run.id;
    err = tsn_store_list(st, a, &tsn_table_task, &how, &rows, &n);
    if (err)
        return err;
    if (n == 0) {
        tsn_diag_hint(diag, "tocsin run show %s", run.name);
        return tsn_diag_set(diag, TSN_ECONFLICT, "R207", "no step of %s%s%s is in doubt",
                            run.name, step ? " at " : "", step ? step : "");
    }
    if (n > 1) {
        tsn_diag_hint(diag, "name one: --step PATH");
        return tsn_diag_set(diag, TSN_ECONFLICT, "R208", "several steps of %s are in doubt",
                            run.name);
    }
    *out = *(struct tsn_rec_task *)rows;
    return 0;
}

/* --- entries and rows */

static struct tsn_append entry_by(struct deciding *c, const char *kind)
{
    struct tsn_append e = tsn_run_entry(c->a, &c->own.row, kind);

    e.actor = tsn_arena_printf(c->a, "u:%s", c->x->who.person);
    e.auth = c->x->who.auth;
    e.step = c->task.path;
    e.ref = tsn_json_int(c->spec, "seq", -1);
    return e;
}

static tsn_err close_task(struct deciding *c, const char *state, const char *answer)
{
    c->task.state = state;
    c->task.decided_by = c->x->who.person;
    c->task.answer = answer;
    c->task.closed_at = c->x->o.now_ms;
    c->task.nudge_at = 0;
    c->task.votes = keep_text(c->a, c->votes);
    return tsn_store_update_if_text(c->st, &tsn_table_task, &c->task, "state", "open");
}

/* The step has its outcome: the run may go on. */
static tsn_err settle(struct deciding *c, const char *outcome, const char *reason,
                      const char *result)
{
    struct tsn_settle in = {
        .path = c->task.path,
        .outcome = outcome,
        .reason = reason,
        .result = result,
        .attempt = tsn_json_int(json_object_get(c->spec, "show"), "attempt", 1),
        .ref = c->x->seq,
    };
    struct tsn_settled out;
    tsn_err err = tsn_step_settle(c->st, c->a, &c->own, &in, &out);

    if (err)
        return err;
    c->own.row.state = "ready";
    c->own.row.reason = NULL;
    c->x->wake = c->own.row.id;
    return tsn_run_save(c->st, &c->own, c->x->o.epoch);
}

/* --- approve, reject */

static int64_t granted(const json_t *votes)
{
    int64_t n = 0;
    json_t *v;
    size_t i;

    json_array_foreach(votes, i, v) n += strcmp(tsn_json_str(v, "verdict", ""), "approve") == 0;
    return n;
}

static tsn_err record_vote(struct deciding *c, bool yes)
{
    const struct tsn_decision *d = &c->x->d;
    const char *args = tsn_arena_printf(c->a, "{\"digest\":\"%s\",\"shown\":%s}",
                                        c->task.digest ? c->task.digest : "",
                                        d->digest || d->plan_seen ? "true" : "false");
    struct tsn_field fields[] = {
        {"args", args, strlen(args)},
        {"note", d->reason, strlen(d->reason)},
    };
    struct tsn_append e = entry_by(c, yes ? "approval.granted" : "approval.denied");

    e.outcome = yes ? "ok" : "denied";
    e.fields = fields;
    e.nfields = 2;
    json_array_append_new(c->votes, json_pack("{s:s, s:s, s:s, s:s}", "by", c->x->who.person,
                                              "verdict", yes ? "approve" : "reject", "reason",
                                              d->reason, "at", c->at));
    return tsn_store_append(c->st, &e, &c->x->seq);
}

static tsn_err decide_approval(struct deciding *c)
{
    bool yes = strcmp(c->x->d.verb, "approve") == 0;
    const char *result;
    json_t *v;
    tsn_err err = record_vote(c, yes);

    if (err)
        return err;
    if (yes && granted(c->votes) < c->task.quorum) {
        c->task.votes = keep_text(c->a, c->votes);
        return tsn_store_update_if_text(c->st, &tsn_table_task, &c->task, "state", "open");
    }
    v = json_pack("{s:b, s:s, s:s, s:s, s:O}", "ok", yes, "by", c->x->who.person, "reason",
                  c->x->d.reason, "at", c->at, "votes", c->votes);
    result = keep_text(c->a, v);
    json_decref(v);
    err = close_task(c, yes ? "approved" : "rejected", result);
    return err ? err : settle(c, "ok", yes ? "approved" : "rejected", result);
}

/* The plan is not the one that was shown any more: no vote counts, people are asked again. */
static tsn_err ask_again(struct deciding *c)
{
    struct decide_op *x = c->x;
    struct tsn_rec_task fresh;
    tsn_err err = tsn_plan_again(x->o.e->config.registry, c->st, c->a, &c->own, &c->task,
                                 c->spec, x->o.now_ms, &fresh);

    if (!err)
        err = tsn_run_save(c->st, &c->own, x->o.epoch);
    if (err)
        return err;
    x->voided = true;
    x->nudge_at = fresh.nudge_at;
    tsn_diag_hint(&x->o.op.diag, "look at it and decide: tocsin show %s", fresh.name);
    (void)tsn_diag_set(
        &x->o.op.diag, TSN_ECONFLICT, "A100",
        "the plan of %s changed after it was shown: no vote counts, and it is asked "
        "again as %s",
        c->task.name, fresh.name);
    return 0;
}

/* --- delegate */

static tsn_err delegate(struct deciding *c)
{
    const struct tsn_decision *d = &c->x->d;
    struct tsn_append e = entry_by(c, "task.delegated");
    struct tsn_field field = {"note", d->reason, strlen(d->reason)};
    json_t *list = json_object_get(c->spec, "delegates");
    tsn_err err;

    e.from = c->x->who.person;
    e.to = d->to;
    e.fields = &field;
    e.nfields = 1;
    err = tsn_store_append(c->st, &e, &c->x->seq);
    if (err)
        return err;
    if (!list) {
        list = json_array();
        json_object_set_new(c->spec, "delegates", list);
    }
    json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s}", "to", d->to, "by",
                                          c->x->who.person, "reason", d->reason, "at", c->at));
    c->task.spec = keep_text(c->a, c->spec);
    return tsn_store_update_if_text(c->st, &tsn_table_task, &c->task, "state", "open");
}

/* --- answer */

static tsn_err record_answer(struct deciding *c, const char *result)
{
    struct tsn_append e = entry_by(c, "task.answered");
    struct tsn_field field = {"result", result, strlen(result)};

    e.outcome = "ok";
    e.fields = &field;
    e.nfields = 1;
    return tsn_store_append(c->st, &e, &c->x->seq);
}

static tsn_err decide_ask(struct deciding *c)
{
    const char *result;
    tsn_err err;

    json_object_set_new(c->answer, "by", json_string(c->x->who.person));
    json_object_set_new(c->answer, "at", json_string(c->at));
    result = keep_text(c->a, c->answer);
    err = record_answer(c, result);
    if (!err)
        err = close_task(c, "answered", result);
    return err ? err : settle(c, "ok", "answered", result);
}

/* --- resolve: what became of a step in doubt */

static const char *resolved_result(struct deciding *c)
{
    const char *given = tsn_json_str(c->answer, "result", NULL);
    json_t *v = NULL;
    const char *text;

    if (!given || !*given)
        return "{}";
    if (tsn_json_parse(given, strlen(given), &v, NULL))
        v = json_pack("{s:s}", "note", given);
    text = keep_text(c->a, v);
    json_decref(v);
    return text;
}

static tsn_err start_again(struct deciding *c)
{
    struct tsn_append e = entry_by(c, "step.retry");
    tsn_err err;

    e.ref = c->x->seq;
    e.attempt = tsn_json_int(json_object_get(c->spec, "show"), "attempt", 1);
    e.outcome = "unknown";
    e.reason = "resolved";
    err = tsn_store_append(c->st, &e, NULL);
    if (err)
        return err;
    c->own.row.state = "ready";
    c->own.row.reason = NULL;
    c->x->wake = c->own.row.id;
    return tsn_run_save(c->st, &c->own, c->x->o.epoch);
}

static tsn_err decide_resolve(struct deciding *c)
{
    const char *what = tsn_json_str(c->answer, "outcome", "");
    const char *answer = keep_text(c->a, c->answer), *result;
    json_t *v;
    tsn_err err = record_answer(c, answer);

    if (!err)
        err = close_task(c, "answered", answer);
    if (err)
        return err;
    if (strcmp(what, "retry") == 0)
        return start_again(c);
    if (strcmp(what, "done") == 0)
        return settle(c, "ok", "resolved", resolved_result(c));
    v = json_pack("{s:{s:s, s:s}}", "error", "code", "R031", "message",
                  tsn_json_str(c->answer, "reason", "it did not happen"));
    result = keep_text(c->a, v);
    json_decref(v);
    return settle(c, "fail", "R031", result);
}

/* --- the op */

static json_t *info_of(const struct deciding *c)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:b, s:I, s:I}", "task", c->task.id, "name",
                     c->task.name, "run", c->task.run, "state", c->task.state, "decided",
                     c->x->wake != NULL, "votes", (json_int_t)json_array_size(c->votes),
                     "quorum", (json_int_t)c->task.quorum);
}

static tsn_err decide_all(struct deciding *c)
{
    struct decide_op *x = c->x;
    struct tsn_diag *diag = &x->o.op.diag;
    tsn_err err = x->d.run ? find_resolve(c->st, c->a, x->d.run, x->d.step, &c->task, diag)
                           : find_task(c->st, c->a, x->d.task, &c->task, diag);

    if (err)
        return err;
    if (!c->task.spec || tsn_json_parse(c->task.spec, strlen(c->task.spec), &c->spec, NULL))
        return tsn_diag_set(diag, TSN_ETAMPERED, "R070", "%s cannot be read back",
                            c->task.name);
    if (!c->task.votes || tsn_json_parse(c->task.votes, strlen(c->task.votes), &c->votes, NULL))
        c->votes = json_array();
    err = tsn_decide_check(&c->task, c->spec, c->votes, &x->who, &x->d, x->o.e->config.picks,
                           &c->answer, diag);
    if (err)
        return err;
    err = tsn_run_own(c->st, c->a, c->task.run, x->o.epoch, &c->own);
    if (err == TSN_ELOST)
        return tsn_diag_set(diag, TSN_ECONFLICT, "A016", "the run of %s is over", c->task.name);
    if (err)
        return err;
    tsn_time_format(c->at, x->o.now_ms);
    if (strcmp(x->d.verb, "approve") == 0) {
        bool changed;

        err = tsn_rule_changed(x->o.e, c->st, c->a, c->spec, &c->task, &changed);
        if (!err && !changed)
            err = tsn_plan_changed(x->o.e->config.registry, c->st, c->a, c->spec, &c->task,
                                   &changed);
        if (err)
            return err;
        if (changed)
            return ask_again(c);
    }
    if (strcmp(x->d.verb, "delegate") == 0)
        err = delegate(c);
    else if (strcmp(c->task.kind, "approve") == 0)
        err = decide_approval(c);
    else if (strcmp(c->task.kind, "ask") == 0)
        err = decide_ask(c);
    else
        err = decide_resolve(c);
    if (err)
        return err;
    json_decref(x->info);
    x->info = info_of(c);
    return 0;
}

static tsn_err decide_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct decide_op *x = (struct decide_op *)op;
    struct deciding c = {.x = x, .st = st, .a = op->arena};
    tsn_err err;

    x->wake = NULL;
    x->seq = -1;
    x->voided = false;
    err = decide_all(&c);
    json_decref(c.spec);
    json_decref(c.votes);
    json_decref(c.answer);
    return err;
}

static void decide_done(struct tsn_eop *o)
{
    struct decide_op *x = (struct decide_op *)o;

    tsn_err err = o->op.err ? o->op.err : x->voided ? TSN_ECONFLICT : 0;

    tsn_fault("engine.decision.committed");
    if (!err && x->wake)
        tsn_engine_wake(o->e, x->wake);
    if (x->voided)
        tsn_sweep_at(o->e, x->nudge_at);
    if (x->done)
        x->done(err, x->seq, err ? NULL : x->info, &o->op.diag, x->user);
}

static void free_op_json(void *p)
{
    struct decide_op *x = p;

    json_decref(x->info);
    json_decref(x->d.answer);
}

static void copy_actor(struct tsn_arena *a, struct tsn_actor *out, const struct tsn_actor *in)
{
    const char **roles;
    size_t n = 0;

    out->person = tsn_arena_strdup(a, in->person);
    out->auth = tsn_arena_strdup(a, in->auth);
    while (in->roles && in->roles[n])
        n++;
    roles = tsn_arena_alloc(a, (n + 1) * sizeof(*roles));
    for (size_t i = 0; i < n; i++)
        roles[i] = tsn_arena_strdup(a, in->roles[i]);
    out->roles = roles;
}

void tsn_engine_decide(struct tsn_engine *e, const struct tsn_actor *who,
                       const struct tsn_decision *d, tsn_engine_done *done, void *user)
{
    struct decide_op *x = tsn_eop_new(e, sizeof(*x), NULL, decide_apply, decide_done);
    struct tsn_arena *a = x->o.op.arena;

    x->o.impatient = true;
    x->done = done;
    x->user = user;
    copy_actor(a, &x->who, who);
    x->d.task = tsn_arena_strdup(a, d->task ? d->task : "");
    x->d.verb = tsn_arena_strdup(a, d->verb ? d->verb : "");
    x->d.run = tsn_arena_strdup(a, d->run);
    x->d.step = tsn_arena_strdup(a, d->step);
    x->d.reason = tsn_arena_strdup(a, d->reason);
    x->d.to = tsn_arena_strdup(a, d->to);
    x->d.digest = tsn_arena_strdup(a, d->digest);
    x->d.plan_seen = d->plan_seen;
    x->d.answer = json_is_object(d->answer) ? json_deep_copy(d->answer) : json_object();
    tsn_arena_defer(a, free_op_json, x);
    if (!*x->d.task && !x->d.run)
        x->o.op.err = tsn_diag_set(&x->o.op.diag, TSN_EINPUT, "H031", "no task is named");
    else if (who->person && !tsn_word_ok(who->person, 64))
        x->o.op.err = tsn_diag_set(&x->o.op.diag, TSN_EINPUT, "A017",
                                   "a person's id is a word of up to 64 plain characters");
    tsn_fault("engine.decision.begin");
    tsn_eop_submit(&x->o);
}
