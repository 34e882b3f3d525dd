/* run_settle.c - outcomes: committed first, then delivered; and what to do when one is unknown.
 *
 * Loop thread, but for the apply functions.
 */
#include "engine/engine_impl.h"

#include <stdlib.h>
#include <string.h>
#include "core/clock.h"
#include "core/fault.h"
#include "core/json.h"
#include "core/log.h"
#include "core/text.h"

/* --- delivery */

static bool deliver(struct tsn_run *r, const char *path, const struct tsn_settled *s,
                    const char *outcome, const char *result)
{
    struct tsn_buf b;
    bool sent;

    tsn_buf_init(&b, TSN_FRAME_MAX - TSN_FRAME_HEAD);
    (void)tsn_buf_printf(&b,
                         "{\"at_ms\":%lld,\"deliver_no\":%lld,\"outcome\":\"%s\","
                         "\"path\":\"%s\",\"result\":%s,\"run\":\"%s\"}",
                         (long long)s->at_ms, (long long)s->deliver_no, outcome, path, result,
                         r->id);
    sent = !b.err && tsn_worker_activate(r->worker, r, TSN_FRAME_DELIVER, b.data, b.len);
    tsn_buf_free(&b);
    return sent;
}

void tsn_run_settled(struct tsn_run *r, const struct tsn_settled *s, const char *outcome,
                     const char *result)
{
    char path[TSN_PATH_MAX + 1];

    tsn_fault("engine.outcome.committed");
    memcpy(path, r->step.path, sizeof(path));
    memcpy(r->last_path, path, sizeof(path));
    r->deliver_no = s->deliver_no;
    tsn_step_clear(&r->step);
    tsn_run_wake_at(r, 0);
    if (r->worker) {
        r->phase = TSN_PHASE_ACTIVE;
        tsn_run_touch(r);
        if (deliver(r, path, s, outcome, result))
            return;
    }
    r->phase = TSN_PHASE_IDLE;
    tsn_run_reload(r);
}

/* --- outcome of the open step */

struct settle_op {
    struct tsn_eop o;
    struct tsn_settle in;
    struct tsn_settled out;
};

static tsn_err settle_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct settle_op *x = (struct settle_op *)op;
    struct tsn_owned own;
    tsn_err err = tsn_run_own(st, op->arena, x->o.run_id, x->o.epoch, &own);

    if (!err)
        err = tsn_step_settle(st, op->arena, &own, &x->in, &x->out);
    if (err)
        return err;
    own.row.state = "running";
    own.row.reason = NULL;
    return tsn_run_save(st, &own, x->o.epoch);
}

static void settle_done(struct tsn_eop *o)
{
    struct settle_op *x = (struct settle_op *)o;

    if (tsn_eop_ok(o))
        tsn_run_settled(o->run, &x->out, x->in.outcome, x->in.result);
}

void tsn_step_end(struct tsn_run *r, const char *outcome, const char *reason, json_t *result)
{
    struct settle_op *x = tsn_eop_new(r->e, sizeof(*x), r, settle_apply, settle_done);
    struct tsn_arena *a = x->o.op.arena;
    char *text = tsn_json_text(result);

    if (strlen(text) > TSN_RESULT_MAX) {
        free(text);
        text =
            tsn_strdup("{\"error\":{\"code\":\"R073\",\"message\":\"the action ended, but its "
                       "result is over 4 MiB and was not kept\"}}");
        outcome = "fail";
        reason = "R073";
    }
    x->in.path = tsn_arena_strdup(a, r->step.path);
    x->in.outcome = outcome;
    x->in.reason = tsn_arena_strdup(a, tsn_code_word(reason, NULL));
    x->in.result = tsn_arena_strdup(a, text);
    x->in.idem = tsn_arena_strdup(a, r->step.kind == TSN_J_CALL ? r->step.idem : NULL);
    x->in.attempt = r->step.attempt;
    x->in.ref = -1;
    /* Nothing of it is on record yet: the result carries what was asked. */
    if (r->step.last == TSN_LAST_NONE)
        x->in.request = tsn_arena_strdup(a, r->step.request);
    free(text);
    json_decref(result);
    tsn_eop_submit(&x->o);
}

/* --- sleep */

struct sleep_op {
    struct tsn_eop o;
    const char *path, *request;
    int64_t wake_at;
    bool parks;
};

static tsn_err sleep_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct sleep_op *x = (struct sleep_op *)op;
    struct tsn_field field = {"args", x->request, strlen(x->request)};
    struct tsn_owned own;
    struct tsn_append e;
    tsn_err err = tsn_run_own(st, op->arena, x->o.run_id, x->o.epoch, &own);

    if (err)
        return err;
    e = tsn_run_entry(op->arena, &own.row, "step.intent");
    e.step = x->path;
    e.attempt = 1;
    e.reason = "sleep";
    e.fields = &field;
    e.nfields = 1;
    err = tsn_store_append(st, &e, NULL);
    if (err)
        return err;
    own.row.state = x->parks ? "parked" : "waiting";
    own.row.reason = NULL;
    own.row.attempts = 0;
    own.row.wake_at = x->wake_at;
    return tsn_run_save(st, &own, x->o.epoch);
}

static void sleep_done(struct tsn_eop *o)
{
    struct sleep_op *x = (struct sleep_op *)o;
    struct tsn_run *r = o->run;

    tsn_fault("engine.sleep.committed");
    if (!tsn_eop_ok(o))
        return;
    r->step.last = TSN_LAST_INTENT;
    r->step.attempt = 1;
    if (x->parks)
        tsn_run_park(r, x->wake_at);
    else
        tsn_run_wake_at(r, x->wake_at);
}

void tsn_step_sleep(struct tsn_run *r)
{
    int64_t ms = tsn_json_int(r->step.args, "ms", -1);
    struct sleep_op *x;

    if (ms < 0 || ms > TSN_STEP_FOREVER) {
        tsn_step_fail(r, "R036", "sleep needs a duration of 0 to 10 years");
        return;
    }
    x = tsn_eop_new(r->e, sizeof(*x), r, sleep_apply, sleep_done);
    x->path = tsn_arena_strdup(x->o.op.arena, r->step.path);
    x->request = tsn_arena_strdup(x->o.op.arena, r->step.request);
    x->wake_at = x->o.now_ms + ms;
    x->parks = ms > r->e->config.park_ms;
    tsn_eop_submit(&x->o);
}

void tsn_step_sleep_due(struct tsn_run *r)
{
    tsn_step_end(r, "ok", "sleep", json_object());
}

/* --- in doubt: intent on record, outcome unknown */

struct doubt_op {
    struct tsn_eop o;
    const char *path, *idem, *name, *spec;
    int64_t attempt;
    char task_id[TSN_ULID_LEN + 1];
};

static tsn_err doubt_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct doubt_op *x = (struct doubt_op *)op;
    struct tsn_arena *a = op->arena;
    struct tsn_rec_task task = {.id = x->task_id, .kind = "resolve", .state = "open"};
    struct tsn_owned own;
    struct tsn_append e;
    tsn_err err = tsn_run_own(st, a, x->o.run_id, x->o.epoch, &own);

    if (err)
        return err;
    e = tsn_run_entry(a, &own.row, "step.in_doubt");
    e.step = x->path;
    e.attempt = x->attempt;
    e.idem = x->idem;
    e.outcome = "unknown";
    e.reason = "R031";
    err = tsn_store_append(st, &e, NULL);
    if (err)
        return err;
    task.run = own.row.id;
    task.path = x->path;
    task.case_id = own.row.case_id;
    task.role = "responder";
    task.spec = x->spec;
    task.votes = "[]";
    task.quorum = 1;
    task.opened_at = x->o.now_ms;
    err = tsn_task_insert(st, a, &task, "as-");
    if (err)
        return err;
    own.row.state = "in_doubt";
    own.row.reason = tsn_arena_printf(a, "R031 did %s at step %s happen? Answer %s", x->name,
                                      x->path, task.name);
    own.row.wake_at = 0;
    return tsn_run_save(st, &own, x->o.epoch);
}

static void doubt_done(struct tsn_eop *o)
{
    tsn_fault("engine.doubt.committed");
    if (tsn_eop_ok(o))
        tsn_run_park(o->run, 0);
}

static char *doubt_spec(const struct tsn_run *r)
{
    const struct tsn_step *s = &r->step;
    bool secret = s->action && s->action->secret_args;
    char *title, *text;
    struct tsn_buf b;
    json_t *v;

    tsn_buf_init(&b, 1024);
    (void)tsn_buf_printf(&b, "Did %s at step %s happen?", s->name, s->path);
    title = b.data;
    v = json_pack("{s:s, s:s, s:s, s:[s], s:i, s:{s:{s:s,s:[s,s,s],s:s}, s:{s:s,s:s}, "
                  "s:{s:s,s:b,s:i,s:s}}}",
                  "name", s->name, "title", title ? title : "Did the step happen?", "role",
                  "responder", "roles", "responder", "quorum", 1, "fields", "outcome", "type",
                  "choice", "options", "done", "failed", "retry", "label", "What became of it",
                  "result", "type", "text", "label", "Its result, as JSON or words", "reason",
                  "type", "text", "required", 1, "min", 3, "label", "How you know");
    json_object_set_new(v, "show",
                        json_pack("{s:s, s:s, s:I, s:o}", "action", s->name, "key", s->idem,
                                  "attempt", (json_int_t)s->attempt, "args",
                                  secret ? json_string("***") : json_deep_copy(s->args)));
    text = tsn_json_text(v);
    json_decref(v);
    tsn_buf_free(&b);
    return text;
}

void tsn_step_doubt(struct tsn_run *r)
{
    struct tsn_step *s = &r->step;
    struct doubt_op *x = tsn_eop_new(r->e, sizeof(*x), r, doubt_apply, doubt_done);
    char *spec = doubt_spec(r);

    x->path = tsn_arena_strdup(x->o.op.arena, s->path);
    x->idem = tsn_arena_strdup(x->o.op.arena, s->idem);
    x->name = tsn_arena_strdup(x->o.op.arena, s->name);
    x->spec = tsn_arena_strdup(x->o.op.arena, spec);
    x->attempt = s->attempt;
    tsn_id_new(x->task_id);
    free(spec);
    tsn_eop_submit(&x->o);
}
