/* run_step.c - a new step: checked, its intent committed, only then begun.
 *
 * Look-ups have no intent; what changes only our own store is applied inside the op that records
 * the outcome; everything else is intended first. Loop thread, but for the apply functions.
 */
#include "engine/engine_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/calendar.h"
#include "core/clock.h"
#include "core/fault.h"
#include "core/json.h"
#include "core/log.h"
#include "core/text.h"

void tsn_run_idem(char out[TSN_IDEM_LEN + 1], const char *run, const char *path)
{
    char text[160];
    uint8_t hash[TSN_HASH_LEN];
    int n = snprintf(text, sizeof(text), "tocsin-idem/v1\n%s\n%s", run, path);

    tsn_sha256_once(hash, text, (size_t)n);
    tsn_hex(out, hash, TSN_IDEM_LEN / 2);
}

char *tsn_step_request(const char *kind, const char *name, const json_t *args,
                       const json_t *opts)
{
    json_t *v = json_object();
    char *text;

    json_object_set_new(v, "kind", json_string(kind));
    json_object_set_new(v, "name", json_string(name));
    json_object_set_new(v, "args", args ? json_deep_copy(args) : json_object());
    json_object_set_new(v, "opts", opts ? json_deep_copy(opts) : json_object());
    text = tsn_json_text(v);
    json_decref(v);
    return text;
}

void tsn_step_fail(struct tsn_step *s, const char *code, const char *message)
{
    tsn_step_end(s, "fail", code,
                 json_pack("{s:{s:s,s:s}}", "error", "code", code, "message", message));
}

/* --- intent */

struct intent_op {
    struct tsn_eop o;
    const char *path, *name, *request, *idem;
    int64_t attempt, seq;
    const struct tsn_registry *registry;
    const struct tsn_action *action;
    json_t *args;
};

static void free_json(void *p)
{
    json_decref(p);
}

static tsn_err intent_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct intent_op *in = (struct intent_op *)op;
    struct tsn_arena *a = op->arena;
    struct tsn_owned own;
    struct tsn_append e;
    struct tsn_field field = {"args", in->request, strlen(in->request)};
    tsn_err err = tsn_eop_own_open(&in->o, st, in->path, &own);

    /* What may not go out is not even intended. */
    if (!err && in->action)
        err = tsn_registry_gate(in->registry, st, a, in->action, own.row.case_id, in->args,
                                in->o.now_ms, &op->diag);
    if (err)
        return err;
    e = tsn_run_entry(a, &own.row, "step.intent");
    e.step = in->path;
    e.attempt = in->attempt;
    e.idem = in->idem;
    e.reason = in->name;
    if (in->attempt == 1) {
        e.fields = &field;
        e.nfields = 1;
    }
    err = tsn_store_append(st, &e, &in->seq);
    if (!err && in->attempt == 1 && in->action && in->action->intended)
        err = in->action->intended(st, a,
                                   &(struct tsn_call){.action = in->action,
                                                      .run = own.row.id,
                                                      .case_id = own.row.case_id,
                                                      .path = in->path,
                                                      .idem = in->idem,
                                                      .args = in->args},
                                   in->seq, in->o.now_ms);
    if (err)
        return err;
    tsn_run_works(&own);
    own.row.attempts = 0;
    own.row.wake_at = 0;
    return tsn_run_save(st, &own, in->o.epoch);
}

static void effect_start(struct tsn_step *s);

static void begin_effect(struct tsn_step *s)
{
    if (s->dismissed || (s->run->ending && !tsn_path_undoes(s->path))) /* and not begun */
        tsn_step_end(s, "cancelled", "dismissed", json_object());
    else if (s->action->effect == TSN_EFFECT_STORE)
        effect_start(s);
    else
        tsn_call_start(s);
}

/* The action or the gate before it said no: nothing is in the store, and the playbook sees why. */
static bool refused(struct tsn_eop *o)
{
    if (o->step->gone || o->run->dead || tsn_err_class(o->op.err) != TSN_CLASS_INPUT)
        return false;
    tsn_step_fail(o->step, tsn_code_word(o->op.diag.code, "R033"),
                  o->op.diag.what[0] ? o->op.diag.what : tsn_err_text(o->op.err));
    return true;
}

static void intended(struct tsn_eop *o)
{
    struct tsn_step *s = o->step;

    tsn_fault("engine.intent.committed");
    if (refused(o))
        return;
    if (!tsn_eop_ok(o))
        return;
    s->attempt = ((struct intent_op *)o)->attempt;
    s->last = TSN_LAST_INTENT;
    tsn_step_cover(s, ((struct intent_op *)o)->seq, begin_effect);
}

/* The next try of the open call: intent n + 1, then the effect. */
static void intend(struct tsn_step *s)
{
    struct intent_op *in = tsn_eop_of_step(s, sizeof(*in), intent_apply, intended);
    struct tsn_arena *a = in->o.op.arena;

    in->path = tsn_arena_strdup(a, s->path);
    in->name = tsn_arena_strdup(a, s->name);
    in->request = tsn_arena_strdup(a, s->request);
    in->idem = tsn_arena_strdup(a, s->idem);
    in->attempt = s->attempt + 1;
    in->registry = s->run->e->config.registry;
    in->action = s->action;
    in->args = json_deep_copy(s->args);
    tsn_arena_defer(a, free_json, in->args);
    s->run->rested = false;
    tsn_fault("engine.intent.begin");
    tsn_eop_submit(&in->o);
}

/* --- store effects: outcome and effect are one transaction */

struct effect_op {
    struct tsn_eop o;
    const struct tsn_registry *registry;
    const struct tsn_action *action;
    struct tsn_call call;
    const char *request;
    char *result; /* canonical, in the arena */
    struct tsn_settled settled;
};

static tsn_err effect_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct effect_op *x = (struct effect_op *)op;
    struct tsn_arena *a = op->arena;
    struct tsn_settle s = {
        .path = x->call.path,
        .outcome = "ok",
        .reason = x->action->name,
        .request = x->request,
        .idem = x->call.idem,
        .attempt = x->call.attempt,
        .ref = -1,
    };
    struct tsn_owned own;
    json_t *result = NULL;
    char *text;
    tsn_err err = tsn_eop_own(&x->o, st, &own);

    if (!err)
        err = tsn_registry_gate(x->registry, st, a, x->action, x->call.case_id, x->call.args,
                                x->o.now_ms, &op->diag);
    if (!err)
        err = x->action->apply(st, a, &x->call, x->o.now_ms, &result, &op->diag);
    if (err) {
        json_decref(result);
        return err;
    }
    text = result ? tsn_json_text(result) : tsn_strdup("{}");
    json_decref(result);
    x->result = tsn_arena_strdup(a, text);
    free(text);
    s.result = x->result;
    err = tsn_step_settle(st, a, &own, &s, &x->settled);
    if (err)
        return err;
    tsn_run_works(&own);
    return tsn_run_save(st, &own, x->o.epoch);
}

static void effect_done(struct tsn_eop *o)
{
    struct effect_op *x = (struct effect_op *)o;
    struct tsn_step *s = o->step;

    tsn_fault("engine.store_effect.committed");
    if (refused(o))
        return;
    if (tsn_eop_ok(o))
        tsn_step_settled(s, &x->settled, "ok", x->result);
}

static void effect_start(struct tsn_step *s)
{
    struct effect_op *x = tsn_eop_of_step(s, sizeof(*x), effect_apply, effect_done);
    struct tsn_arena *a = x->o.op.arena;

    x->registry = s->run->e->config.registry;
    x->action = s->action;
    /* With an intent of its own the request is on record. */
    x->request = s->attempt > 0 ? NULL : tsn_arena_strdup(a, s->request);
    x->call.action = s->action;
    x->call.run = x->o.run_id;
    x->call.run_name = tsn_arena_strdup(a, s->run->name);
    x->call.case_id = tsn_arena_strdup(a, s->run->case_id);
    x->call.path = tsn_arena_strdup(a, s->path);
    x->call.idem = tsn_arena_strdup(a, s->idem);
    x->call.attempt = s->attempt > 0 ? s->attempt : 1;
    x->call.args = json_deep_copy(s->args);
    tsn_arena_defer(a, free_json, x->call.args);
    tsn_eop_submit(&x->o);
}

/* --- calls */

static bool undo_known(const struct tsn_step *s, struct tsn_diag *diag)
{
    const struct tsn_registry *registry = s->run->e->config.registry;
    const json_t *undo = json_object_get(s->opts, "undo");
    const char *name = tsn_json_str(undo, "action", NULL);

    if (!undo || json_is_null(undo))
        return true;
    if (name && tsn_registry_find(registry, name))
        return true;
    (void)tsn_registry_unknown(registry, name ? name : "", diag);
    return false;
}

void tsn_step_call(struct tsn_step *s)
{
    const struct tsn_registry *registry = s->run->e->config.registry;
    struct tsn_diag diag;

    tsn_diag_init(&diag);
    s->action = tsn_registry_find(registry, s->name);
    if (!s->action)
        (void)tsn_registry_unknown(registry, s->name, &diag);
    /* What cannot be taken back as promised is not begun. */
    if (!s->action || !undo_known(s, &diag)) {
        tsn_step_fail(s, tsn_code_word(diag.code, "R011"), diag.what);
        return;
    }
    switch (s->action->effect) {
    case TSN_EFFECT_NONE:
        s->attempt = 1;
        tsn_look_start(s);
        break;
    case TSN_EFFECT_STORE:
        if (tsn_step_needs_cover(s))
            intend(s);
        else
            effect_start(s);
        break;
    case TSN_EFFECT_EXTERNAL:
        tsn_gate_enter(s, intend);
        break;
    }
}

void tsn_step_resume_call(struct tsn_step *s)
{
    const struct tsn_registry *registry = s->run->e->config.registry;
    const struct tsn_action *a = tsn_registry_find(registry, s->name);
    struct tsn_diag diag;

    s->action = a;
    if (s->last == TSN_LAST_RETRY && a) {
        tsn_gate_enter(s, intend);
        return;
    }
    if (s->last == TSN_LAST_RETRY) { /* nothing happened, and nothing can any more */
        tsn_diag_init(&diag);
        (void)tsn_registry_unknown(registry, s->name, &diag);
        tsn_step_fail(s, tsn_code_word(diag.code, "R011"), diag.what);
        return;
    }
    /* What changes our own database alone has not happened without an outcome. */
    if (a && a->effect == TSN_EFFECT_STORE) {
        intend(s);
        return;
    }
    /* An intent and no outcome: an older life of this process got no further. */
    tsn_log(TSN_LOG_WARN, "step.in_doubt", "run", s->run->id, "step", s->path, "action",
            s->name, NULL);
    if (a && a->effect == TSN_EFFECT_EXTERNAL && a->doubt == TSN_DOUBT_REPEAT_SAFE)
        tsn_call_repeat(s);
    else if (a && a->doubt == TSN_DOUBT_PROBE && a->probe)
        tsn_call_probe(s);
    else
        tsn_step_doubt(s);
}

/* --- WANT */

/* "0.4b2.1" may begin once the parallel at "0.4" has. */
static bool branch_open(const struct tsn_run *r, const char *path)
{
    char fork[TSN_PATH_MAX + 1];
    char *b;
    const struct tsn_step *s;

    (void)tsn_copy(fork, sizeof(fork), path);
    b = strrchr(fork, 'b');
    if (!b)
        return true;
    *b = '\0';
    s = tsn_step_find(r, fork);
    return s && s->kind == TSN_J_PARALLEL;
}

static bool in_order(const struct tsn_run *r, const char *path)
{
    char next[TSN_PATH_MAX + 1];
    const char *tip = tsn_run_tip(r, path);

    if (tip[0]) {
        memcpy(next, tip, sizeof(next));
        return tsn_path_next(next, sizeof(next)) == 0 && strcmp(path, next) == 0;
    }
    return strcmp(strrchr(path, '.'), ".1") == 0 && branch_open(r, path);
}

/* NULL = fine; else what is wrong with it. A worker that gets here with nonsense is broken. */
static const char *want_wrong(const struct tsn_run *r, const json_t *want)
{
    const char *path = tsn_json_str(want, "path", "");
    const char *fp = tsn_json_str(want, "fp", "");
    const json_t *args = json_object_get(want, "args");
    const struct tsn_step *open;
    char hex[65];
    enum tsn_jkind kind;
    uint8_t hash[32];

    if (!tsn_path_valid(path) || !json_is_object(args))
        return "malformed step request";
    if (tsn_jkind_parse(tsn_json_str(want, "kind", ""), &kind))
        return "step request of an unknown kind";
    tsn_json_digest(hash, args);
    tsn_hex(hex, hash, sizeof(hash));
    if (strcmp(hex, fp) != 0)
        return "fingerprint of the arguments is wrong";
    /* Under way here, but not on record when the run was loaded: asked for once more. */
    open = tsn_step_find(r, path);
    if (open)
        return open->kind == kind && json_equal(open->args, args) && !open->fresh &&
                       strcmp(open->name, tsn_json_str(want, "name", "")) == 0
                   ? NULL
                   : "another step is open at this path";
    return in_order(r, path) ? NULL : "step request out of order";
}

bool tsn_run_is_due(const struct tsn_run *r, const char *path)
{
    for (const struct tsn_delivery *d = r->due; d; d = d->next)
        if (strcmp(d->path, path) == 0)
            return true;
    return false;
}

static void take_step(struct tsn_run *r, const json_t *want)
{
    const char *path = tsn_json_str(want, "path", "");
    json_t *opts = json_object_get(want, "opts");
    struct tsn_step *s;

    tsn_run_tip_set(r, path);
    if (tsn_step_find(r, path) || tsn_run_is_due(r, path))
        return;
    s = tsn_step_new(r, path);
    (void)tsn_jkind_parse(tsn_json_str(want, "kind", ""), &s->kind);
    s->name = tsn_strdup(tsn_json_str(want, "name", ""));
    s->args = json_deep_copy(json_object_get(want, "args"));
    s->opts = json_is_object(opts) ? json_deep_copy(opts) : json_object();
    s->last = TSN_LAST_NONE;
    s->fresh = true;
}

void tsn_run_want(struct tsn_run *r, const json_t *want)
{
    const char *wrong = want_wrong(r, want);

    if (wrong)
        tsn_run_stuck(r, "R070", wrong);
    else
        take_step(r, want);
}

/* --- IDLE: all that is wanted begins */

/* "3bd@brussels" from now; -1: no such period or calendar. */
static int64_t period_end(const struct tsn_engine *e, const char *text)
{
    const char *at = strchr(text, '@');
    const struct tsn_calendar *calendar = NULL;
    struct tsn_period period;
    char span[32];

    if (at && (!e->config.calendar ||
               !(calendar = e->config.calendar(e->config.calendar_user, at + 1))))
        return -1;
    (void)tsn_copy(span, sizeof(span), text);
    if (at && (size_t)(at - text) < sizeof(span))
        span[at - text] = '\0';
    if (tsn_period_parse(span, &period))
        return -1;
    return tsn_calendar_due(calendar, tsn_clock_wall_ms(), period, NULL);
}

/* When its own time is up. In the request, so that it stands on record with the step. */
static void set_wake(struct tsn_step *s)
{
    int64_t ms = tsn_json_int(s->args, s->kind == TSN_J_SLEEP ? "ms" : "within_ms", 0);

    if (s->kind == TSN_J_CALL) {
        ms = tsn_retry_within(tsn_registry_find(s->run->e->config.registry, s->name), s->opts);
        if (ms > 0)
            json_object_set_new(s->opts, "deadline_at", json_integer(tsn_clock_wall_ms() + ms));
        return;
    }

    const char *period =
        tsn_json_str(s->args, s->kind == TSN_J_SLEEP ? "period" : "within", NULL);

    if (tsn_step_waits(s) && period) {
        s->wake_at = period_end(s->run->e, period);
        if (s->wake_at > 0)
            json_object_set_new(s->opts, "wake_at", json_integer(s->wake_at));
        return;
    }
    if (!tsn_step_waits(s) || ms < 0 || ms > TSN_STEP_FOREVER ||
        (ms == 0 && s->kind != TSN_J_SLEEP))
        return;
    s->wake_at = tsn_clock_wall_ms() + ms;
    json_object_set_new(s->opts, "wake_at", json_integer(s->wake_at));
}

static void begin(struct tsn_step *s)
{
    if (strlen(s->request) > TSN_WANT_MAX) {
        tsn_run_fail(s->run, "R036", "the arguments of a step are over 1 MiB");
        return;
    }
    if (s->wake_at < 0) {
        s->wake_at = 0;
        tsn_step_fail(s, "R108", "there is no such calendar, or no such number of days");
        return;
    }
    /* These two stand in clear in the log. */
    if ((s->kind == TSN_J_CALL || s->kind == TSN_J_WAIT) && !tsn_word_ok(s->name, 128)) {
        tsn_step_fail(
            s, "R036",
            "the name of an action or event is 1 to 128 plain characters without spaces");
        return;
    }
    switch (s->kind) {
    case TSN_J_CALL:
        tsn_step_call(s);
        return;
    case TSN_J_SLEEP:
        tsn_step_sleep(s);
        return;
    case TSN_J_WAIT:
        tsn_step_wait(s);
        return;
    case TSN_J_ASK:
    case TSN_J_APPROVE:
        tsn_step_task(s);
        return;
    case TSN_J_PARALLEL:
        tsn_step_fork(s);
        return;
    case TSN_J_UNDO:
        tsn_step_unwind(s);
        return;
    case TSN_J_START:
        tsn_step_start(s);
        return;
    case TSN_J_JOIN:
        tsn_step_join(s);
        return;
    case TSN_J_RESTART:
        tsn_step_restart(s);
        return;
    case TSN_J_END:
        tsn_step_fail(s, "R036", "this kind of step is not offered");
        return;
    }
}

static struct tsn_step *first_fresh(const struct tsn_run *r)
{
    struct tsn_step *s = r->steps;

    while (s && !s->fresh)
        s = s->next;
    return s;
}

static void begin_all(struct tsn_run *r)
{
    struct tsn_step *s;

    for (s = r->steps; s; s = s->next) {
        if (!s->fresh)
            continue;
        set_wake(s);
        s->request = tsn_step_request(tsn_jkind_name(s->kind), s->name, s->args, s->opts);
    }
    while (!r->dead && r->phase == TSN_PHASE_STEP && (s = first_fresh(r)) != NULL) {
        s->fresh = false;
        if (s->dismissed) /* given up before it was begun */
            tsn_step_end(s, "cancelled", "dismissed", json_object());
        else
            begin(s);
    }
}

/* Is there anything that could still bring an outcome? */
static bool awaits_something(const struct tsn_run *r)
{
    for (const struct tsn_step *s = r->steps; s; s = s->next)
        if (!tsn_path_undoes(s->path) &&
            (s->kind != TSN_J_PARALLEL || tsn_step_busy(s) || s->joined))
            return true;
    return r->due || r->again;
}

void tsn_run_stand(struct tsn_run *r)
{
    struct tsn_step *next;
    bool busy = false;

    if (r->dead || r->phase != TSN_PHASE_STEP)
        return;
    for (struct tsn_step *s = r->steps; s; s = next) {
        next = s->next;
        if (s->fresh)
            tsn_step_remove(s); /* asked again when it is resumed */
        else
            busy = busy || tsn_step_busy(s);
    }
    tsn_run_undue(r);
    tsn_run_unload(r);
    if (!busy)
        tsn_run_park(r, tsn_run_rest(r).wake_at);
}

void tsn_run_idle(struct tsn_run *r)
{
    if (r->held) {
        r->phase = TSN_PHASE_STEP;
        tsn_run_stand(r);
        return;
    }
    if (!awaits_something(r)) {
        tsn_run_stuck(r, "R071", "the playbook waits for something that nobody was asked for");
        return;
    }
    if (r->deliver_no >= TSN_RUN_STEPS_MAX) {
        tsn_run_fail(r, "R072", "the run has reached 10,000 steps");
        return;
    }
    if (r->deliver_no == TSN_RUN_STEPS_WARN)
        tsn_log(TSN_LOG_WARN, "run.long", "run", r->name, "code", "R106", NULL);
    r->phase = TSN_PHASE_STEP;
    tsn_run_touch(r);
    tsn_run_ref(r);
    begin_all(r);
    if (!r->dead && r->phase == TSN_PHASE_STEP)
        tsn_run_branches(r);
    if (r->dead || r->phase != TSN_PHASE_STEP) {
        /* it ended in there */
    } else if (r->again) {
        r->again = false;
        tsn_run_reload(r);
    } else if (!tsn_run_deliver(r)) {
        tsn_run_due(r);
        tsn_run_settle_down(r);
    }
    tsn_run_unref(r);
}
