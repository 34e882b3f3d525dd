/* run_call.c - the life of one call of an action: begun, timed, finished once, or let go.
 *
 * A call may outlive its run (cancelled, lost): then its completion is logged and dropped.
 * Loop thread.
 */
#include "engine/engine_impl.h"

#include <stdlib.h>
#include <string.h>
#include "core/clock.h"
#include "core/fault.h"
#include "core/json.h"
#include "core/log.h"
#include "core/secret.h"

#define CALL_TIMEOUT_MS     60000
#define CALL_TIMEOUT_MAX_MS ((int64_t)24 * 3600 * 1000)

struct tsn_engine_call {
    struct tsn_call pub; /* first: what the action holds */
    struct tsn_engine *e;
    struct tsn_step *step; /* NULL: let go */
    char *strings[5];
    bool starting, completed;
};

static void call_free(struct tsn_engine_call *c)
{
    struct tsn_engine *e = c->e;

    for (size_t i = 0; i < sizeof(c->strings) / sizeof(c->strings[0]); i++)
        free(c->strings[i]);
    json_decref(c->pub.args);
    free(c);
    tsn_engine_unref(e);
}

/* Off the step; the action may still hold it. */
static void call_detach(struct tsn_step *s)
{
    struct tsn_engine_call *c = s->call;

    s->call = NULL;
    s->probing = false;
    tsn_step_timer_off(s);
    tsn_gate_leave(s);
    if (!c)
        return;
    c->step = NULL;
    c->e->stats.in_flight--;
}

void tsn_call_cancel(struct tsn_step *s)
{
    struct tsn_engine_call *c = s->call;

    call_detach(s);
    if (c && c->pub.action->cancel) {
        c->pub.action->cancel(&c->pub); /* it will not call done any more */
        call_free(c);
    }
}

/* --- what an outcome means */

static json_t *error_of(const struct tsn_diag *diag, const json_t *result, const char *code)
{
    json_t *error = json_object(), *v = json_object();
    bool said = diag && diag->what[0];

    json_object_set_new(error, "code",
                        json_string(tsn_code_word(said ? diag->code : NULL, code)));
    json_object_set_new(error, "message",
                        json_string(said                   ? diag->what
                                    : tsn_code_title(code) ? tsn_code_title(code)
                                                           : "failed"));
    if (result && json_object_size(result) > 0)
        json_object_set_new(error, "detail", json_deep_copy(result));
    json_object_set_new(v, "error", error);
    return v;
}

static void end_failed(struct tsn_step *s, const char *code, const struct tsn_diag *diag,
                       const json_t *result)
{
    json_t *v = error_of(diag, result, code);
    char *word = tsn_strdup(tsn_json_str(json_object_get(v, "error"), "code", code));

    tsn_step_end(s, "fail", word, v);
    free(word);
}

/* --- one more try */

struct retry_op {
    struct tsn_eop o;
    const char *path, *idem, *outcome, *reason;
    int64_t attempt, wait_ms;
};

static tsn_err retry_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct retry_op *t = (struct retry_op *)op;
    struct tsn_owned own;
    struct tsn_append e;
    tsn_err err = tsn_eop_own_open(&t->o, st, t->path, &own);

    if (err)
        return err;
    e = tsn_run_entry(op->arena, &own.row, "step.retry");
    e.step = t->path;
    e.attempt = t->attempt;
    e.idem = t->idem;
    e.outcome = t->outcome;
    e.reason = t->reason;
    err = tsn_store_append(st, &e, NULL);
    if (err)
        return err;
    tsn_run_works(&own);
    return tsn_run_save(st, &own, t->o.epoch);
}

static void retry_due(struct tsn_step *s)
{
    if (s->run->held) {
        tsn_run_stand(s->run);
        return;
    }
    if (s->action->effect == TSN_EFFECT_NONE) {
        s->attempt++;
        tsn_look_start(s);
    } else {
        s->last = TSN_LAST_RETRY;
        tsn_step_resume_call(s);
    }
}

static void retry_noted(struct tsn_eop *o)
{
    struct retry_op *t = (struct retry_op *)o;

    tsn_fault("engine.retry.committed");
    if (tsn_eop_ok(o) && o->step->dismissed && strcmp(t->outcome, "fail") == 0)
        tsn_step_dismiss(o->step);
    else if (tsn_eop_ok(o))
        tsn_step_timer(o->step, t->wait_ms, retry_due);
}

/* `outcome` fail: the try did nothing. unknown: it may have, but may be repeated. */
static void try_again(struct tsn_step *s, const char *outcome, const char *reason, bool at_once)
{
    struct tsn_retry p = tsn_retry_of(s->action, s->opts);
    int64_t wait = at_once ? 0 : tsn_retry_wait(s->run->e, &p, s->tries + 1);
    int64_t left = p.deadline_at - tsn_clock_wall_ms();
    struct retry_op *t;

    /* Sooner than the other side asked for would only be refused again. */
    if (wait < s->retry_after_ms)
        wait = s->retry_after_ms;
    s->retry_after_ms = 0;
    if (p.deadline_at > 0 && wait > left)
        wait = left > 0 ? left : 0; /* the last one, at the deadline */
    s->tries++;
    if (s->action->effect == TSN_EFFECT_NONE) {
        tsn_step_timer(s, wait, retry_due);
        return;
    }
    t = tsn_eop_of_step(s, sizeof(*t), retry_apply, retry_noted);
    t->path = tsn_arena_strdup(t->o.op.arena, s->path);
    t->idem = tsn_arena_strdup(t->o.op.arena, s->idem);
    t->outcome = outcome;
    t->reason = tsn_arena_strdup(t->o.op.arena, reason);
    t->attempt = s->attempt;
    t->wait_ms = wait;
    tsn_eop_submit(&t->o);
}

/* Another try: within the number and the time that the policy gives. Tries on record count. */
static bool may_again(const struct tsn_step *s, const struct tsn_retry *p)
{
    int64_t tries = s->attempt > s->tries + 1 ? s->attempt : s->tries + 1;

    return tries < p->attempts && (p->deadline_at == 0 || tsn_clock_wall_ms() < p->deadline_at);
}

/* Nobody wants it to happen any more. */
static bool unwanted(const struct tsn_step *s)
{
    return s->dismissed || (s->run->ending && !tsn_path_undoes(s->path));
}

static void did_nothing(struct tsn_step *s, const struct tsn_retry *p, bool late,
                        const json_t *result, const struct tsn_diag *diag)
{
    if (unwanted(s))
        tsn_step_end(s, "cancelled", "dismissed", json_object());
    else if ((late ? p->timeout : p->unavailable) && may_again(s, p))
        try_again(s, "fail", tsn_code_word(diag ? diag->code : NULL, "R032"), false);
    else
        end_failed(s, "R032", diag, result);
}

static void call_outcome(struct tsn_step *s, enum tsn_outcome outcome, const json_t *result,
                         const struct tsn_diag *diag)
{
    const struct tsn_action *a = s->action;
    struct tsn_retry p = tsn_retry_of(a, s->opts);
    bool late = diag && strcmp(diag->code, "R034") == 0;

    tsn_fault("engine.effect.done");
    if (outcome == TSN_OUTCOME_UNKNOWN && a->effect == TSN_EFFECT_NONE)
        outcome = TSN_OUTCOME_RETRY; /* a look-up has no effect to be unsure about */
    switch (outcome) {
    case TSN_OUTCOME_OK:
        tsn_step_end(s, "ok", s->name, result ? json_deep_copy(result) : json_object());
        break;
    case TSN_OUTCOME_FAIL:
        if (p.failed && may_again(s, &p) && !unwanted(s))
            try_again(s, "fail", tsn_code_word(diag ? diag->code : NULL, "R033"), false);
        else
            end_failed(s, "R033", diag, result);
        break;
    case TSN_OUTCOME_RETRY:
        did_nothing(s, &p, late, result, diag);
        break;
    case TSN_OUTCOME_UNKNOWN:
        if (a->doubt == TSN_DOUBT_REPEAT_SAFE && may_again(s, &p))
            try_again(s, "unknown", "in_doubt", false);
        else if (a->doubt == TSN_DOUBT_PROBE && a->probe)
            tsn_call_probe(s);
        else
            tsn_step_doubt(s);
        break;
    }
}

/* The plugin was asked whether a call took effect. */
static void probe_outcome(struct tsn_step *s, enum tsn_outcome outcome, const json_t *result)
{
    tsn_fault("engine.probe.done");
    switch (outcome) {
    case TSN_OUTCOME_OK:
        tsn_step_end(s, "ok", "probed", result ? json_deep_copy(result) : json_object());
        break;
    case TSN_OUTCOME_FAIL:
        if (unwanted(s))
            tsn_step_end(s, "cancelled", "dismissed", json_object());
        else
            try_again(s, "fail", "probed", true);
        break;
    case TSN_OUTCOME_RETRY:
    case TSN_OUTCOME_UNKNOWN:
        tsn_step_doubt(s);
        break;
    }
}

void tsn_call_repeat(struct tsn_step *s)
{
    try_again(s, "unknown", "in_doubt", true);
}

static void call_done(struct tsn_call *call, enum tsn_outcome outcome, const json_t *result,
                      const struct tsn_diag *diag)
{
    struct tsn_engine_call *c = (struct tsn_engine_call *)call;
    struct tsn_step *s = c->step;
    json_t *hidden = tsn_redact_json(result); /* what was sent may come back in the answer */

    TSN_ASSERT(!c->completed);
    c->completed = true;
    result = hidden ? hidden : result;
    if (!s) {
        tsn_log(TSN_LOG_WARN, "call.completed_late", "run", call->run, "step", call->path,
                NULL);
    } else {
        struct tsn_run *r = s->run;

        bool probing = s->probing;

        s->retry_after_ms = call->retry_after_ms;
        tsn_run_ref(r);
        tsn_step_ref(s);
        call_detach(s);
        if (probing)
            probe_outcome(s, outcome, result);
        else
            call_outcome(s, outcome, result, diag);
        tsn_step_unref(s);
        tsn_run_unref(r);
    }
    json_decref(hidden);
    if (!c->starting)
        call_free(c);
}

static void call_timeout(struct tsn_step *s)
{
    bool probing = s->probing;
    struct tsn_diag diag;

    tsn_diag_init(&diag);
    (void)tsn_diag_set(&diag, TSN_ETIMEOUT, "R034", "%s gave no answer in time", s->name);
    tsn_call_cancel(s);
    if (probing)
        probe_outcome(s, TSN_OUTCOME_UNKNOWN, NULL);
    else
        call_outcome(s, TSN_OUTCOME_UNKNOWN, NULL, &diag);
}

/* No longer than the step has left in all; what is under way then is ended all the same. */
static int64_t timeout_of(const struct tsn_step *s)
{
    int64_t ms = tsn_json_int(s->opts, "timeout_ms", 0);
    int64_t deadline_at = tsn_json_int(s->opts, "deadline_at", 0);
    int64_t left = deadline_at - tsn_clock_wall_ms();

    if (ms <= 0 || ms > CALL_TIMEOUT_MAX_MS)
        ms = s->action->timeout_ms;
    if (ms <= 0)
        ms = CALL_TIMEOUT_MS;
    if (deadline_at > 0 && left < ms)
        ms = left > 1 ? left : 1;
    return ms;
}

static void call_begin(struct tsn_step *s, bool probing)
{
    struct tsn_run *r = s->run;
    struct tsn_engine_call *c = tsn_alloc(sizeof(*c));
    struct tsn_diag diag;
    tsn_err err;

    c->e = r->e;
    c->step = s;
    c->pub.action = s->action;
    c->pub.run = c->strings[0] = tsn_strdup(r->id);
    c->pub.run_name = c->strings[1] = tsn_strdup(r->name);
    c->pub.case_id = c->strings[2] = tsn_strdup(r->case_id);
    c->pub.path = c->strings[3] = tsn_strdup(s->path);
    c->pub.idem = c->strings[4] = tsn_strdup(s->idem);
    c->pub.args = json_deep_copy(s->args);
    c->pub.attempt = s->attempt;
    c->pub.done = call_done;
    c->pub.engine = r->e;
    tsn_engine_ref(r->e);
    s->call = c;
    s->probing = probing;
    r->e->stats.in_flight++;
    tsn_step_timer(s, timeout_of(s), call_timeout);

    tsn_diag_init(&diag);
    c->starting = true;
    err = probing ? s->action->probe(&c->pub, &diag) : s->action->start(&c->pub, &diag);
    c->starting = false;
    if (c->completed) { /* it should not have, inside start */
        call_free(c);
        return;
    }
    if (!err) {
        tsn_run_unmark(r); /* now somebody else is at work */
        return;
    }
    call_detach(s);
    call_free(c);
    if (probing)
        probe_outcome(s, TSN_OUTCOME_UNKNOWN, NULL);
    else
        call_outcome(s, TSN_OUTCOME_FAIL, NULL, &diag);
}

void tsn_call_start(struct tsn_step *s)
{
    call_begin(s, false);
}

void tsn_call_probe(struct tsn_step *s)
{
    call_begin(s, true);
}
