/* branch.c - parallel steps: opened, joined when the worker says that all branches have ended, and
 * the open steps of branches that nobody needs any more.
 *
 * A dismissed step still gets its outcome on record: what waits is cancelled at once, an effect that
 * was begun is waited for. Loop thread, but for the apply functions.
 */
#include "engine/engine_impl.h"

#include <stdlib.h>
#include <string.h>
#include "core/fault.h"
#include "core/json.h"
#include "core/log.h"
#include "core/text.h"
#include "store/record_run.h"

/* --- opened */

struct fork_op {
    struct tsn_eop o;
    const char *path, *name, *request;
    struct tsn_rest rest;
};

static tsn_err fork_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct fork_op *x = (struct fork_op *)op;
    struct tsn_field field = {"args", x->request, strlen(x->request)};
    struct tsn_owned own;
    struct tsn_append e;
    tsn_err err = tsn_eop_own(&x->o, st, &own);

    if (err)
        return err;
    e = tsn_run_entry(op->arena, &own.row, "step.intent");
    e.step = x->path;
    e.attempt = 1;
    e.reason = x->name;
    e.fields = &field;
    e.nfields = 1;
    err = tsn_store_append(st, &e, NULL);
    if (err)
        return err;
    (void)tsn_rest_put(&own, &x->rest, NULL);
    return tsn_run_save(st, &own, x->o.epoch);
}

static void fork_done(struct tsn_eop *o)
{
    struct tsn_step *s = o->step;

    tsn_fault("engine.parallel.committed");
    if (!tsn_eop_ok(o))
        return;
    s->last = TSN_LAST_INTENT;
    s->attempt = 1;
    if (s->kind == TSN_J_UNDO)
        tsn_undo_next(o->run);
    else
        tsn_run_settle_down(o->run);
}

void tsn_step_fork(struct tsn_step *s)
{
    struct fork_op *x = tsn_eop_of_step(s, sizeof(*x), fork_apply, fork_done);

    x->path = tsn_arena_strdup(x->o.op.arena, s->path);
    x->name = tsn_arena_strdup(x->o.op.arena, tsn_code_word(s->name, "parallel"));
    x->request = tsn_arena_strdup(x->o.op.arena, s->request);
    x->rest = tsn_run_rest(s->run);
    s->last = TSN_LAST_INTENT; /* ops go in order: what follows finds it on record */
    tsn_eop_submit(&x->o);
}

/* --- joined */

void tsn_run_joined(struct tsn_run *r, const json_t *frame)
{
    struct tsn_step *s = tsn_step_find(r, tsn_json_str(frame, "path", ""));
    static const char *const outcomes[] = {"ok", "fail", "cancelled"};
    const char *word = tsn_json_str(frame, "outcome", ""), *outcome = NULL;
    json_t *result = json_object_get(frame, "result");

    for (size_t i = 0; i < 3; i++)
        if (strcmp(word, outcomes[i]) == 0)
            outcome = outcomes[i];
    if (!s && tsn_run_is_due(r, tsn_json_str(frame, "path", "")))
        return;
    if (!s || s->kind != TSN_J_PARALLEL || !json_is_object(result) || !outcome) {
        tsn_run_stuck(r, "R070", "a parallel step is said to have ended that is not open");
        return;
    }
    /* Said again after a replay, while the op is on its way. */
    if (s->joined)
        return;
    s->joined = outcome;
    s->join_result = json_deep_copy(result);
}

/* --- dismissed */

struct drop_op {
    struct tsn_eop o;
    const char *path;
    bool dropped; /* out: false = it was settled before */
    struct tsn_settled out;
};

static tsn_err drop_task(struct drop_op *x, struct tsn_store *st)
{
    struct tsn_rec_task t;
    tsn_err err = tsn_task_open_of(st, x->o.op.arena, x->o.run_id, x->path, &t);

    if (err)
        return err == TSN_ENOTFOUND ? 0 : err;
    t.state = "void";
    t.decided_by = "tocsin";
    t.closed_at = x->o.now_ms;
    t.nudge_at = 0;
    return tsn_store_update_if_text(st, &tsn_table_task, &t, "state", "open");
}

static tsn_err drop_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct drop_op *x = (struct drop_op *)op;
    struct tsn_settle in = {.path = x->path,
                            .outcome = "cancelled",
                            .reason = "dismissed",
                            .result = "{}",
                            .attempt = 1,
                            .ref = -1};
    struct tsn_past past;
    struct tsn_owned own;
    tsn_err err = tsn_run_own(st, op->arena, x->o.run_id, x->o.epoch, &own);

    x->dropped = false;
    if (!err)
        err = tsn_past_read(st, op->arena, x->o.run_id, false, &past);
    if (err || !tsn_past_find(&past, x->path))
        return err;
    x->dropped = true;
    err = drop_task(x, st);
    if (!err)
        err = tsn_step_settle(st, op->arena, &own, &in, &x->out);
    if (err)
        return err;
    tsn_run_works(&own);
    return tsn_run_save(st, &own, x->o.epoch);
}

static void drop_done(struct tsn_eop *o)
{
    struct drop_op *x = (struct drop_op *)o;

    tsn_fault("engine.dismissed.committed");
    if (!tsn_eop_ok(o))
        return;
    if (x->dropped)
        tsn_step_settled(o->step, &x->out, "cancelled", "{}");
    else
        tsn_run_reload(o->run);
}

static void drop(struct tsn_step *s)
{
    struct drop_op *x = tsn_eop_of_step(s, sizeof(*x), drop_apply, drop_done);

    s->rests = false;
    s->wake_at = 0;
    x->path = tsn_arena_strdup(x->o.op.arena, s->path);
    tsn_eop_submit(&x->o);
}

static void dismiss_call(struct tsn_step *s)
{
    if (s->last == TSN_LAST_DOUBT)
        return; /* a person finds out */
    if (s->call && s->action->effect == TSN_EFFECT_EXTERNAL)
        return; /* begun: its outcome counts */
    if (s->last == TSN_LAST_INTENT && !s->call && !s->covering)
        return; /* begun by an older life: what became of it is found out first */
    tsn_call_cancel(s);
    tsn_step_timer_off(s);
    tsn_step_end(s, "cancelled", "dismissed", json_object());
}

void tsn_step_dismiss(struct tsn_step *s)
{
    s->dismissed = true;
    if (s->ops > 0)
        return; /* looked at when they come back */
    switch (s->kind) {
    case TSN_J_SLEEP:
    case TSN_J_WAIT:
    case TSN_J_ASK:
    case TSN_J_APPROVE:
    case TSN_J_JOIN:
        drop(s);
        return;
    case TSN_J_CALL:
        dismiss_call(s);
        return;
    case TSN_J_START:
    case TSN_J_PARALLEL:
    case TSN_J_UNDO:
    case TSN_J_RESTART:
    case TSN_J_END:
        return;
    }
}

void tsn_run_dismiss(struct tsn_run *r, const json_t *frame)
{
    struct tsn_step *s = tsn_step_find(r, tsn_json_str(frame, "path", ""));

    if (s)
        s->dismissed = true;
}

void tsn_run_branches(struct tsn_run *r)
{
    struct tsn_step *next;

    for (struct tsn_step *s = r->steps; s; s = next) {
        next = s->next;
        if (s->joined && s->join_result) {
            json_t *result = s->join_result;

            s->join_result = NULL;
            tsn_step_end(s, s->joined, s->name, result);
        } else if (s->dismissed && !s->gone) {
            tsn_step_dismiss(s);
        }
    }
}
