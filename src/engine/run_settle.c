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
#include "store/record_run.h"

/* --- delivery */

static bool deliver(struct tsn_run *r, const struct tsn_delivery *d)
{
    struct tsn_buf b;
    bool sent;

    tsn_buf_init(&b, TSN_FRAME_MAX - TSN_FRAME_HEAD);
    (void)tsn_buf_printf(&b,
                         "{\"at_ms\":%lld,\"deliver_no\":%lld,\"outcome\":\"%s\","
                         "\"path\":\"%s\",\"result\":%s,\"run\":\"%s\"}",
                         (long long)d->at_ms, (long long)d->deliver_no, d->outcome, d->path,
                         d->result, r->id);
    sent = !b.err && tsn_worker_activate(r->worker, r, TSN_FRAME_DELIVER, b.data, b.len);
    tsn_buf_free(&b);
    return sent;
}

static struct tsn_delivery *due_take(struct tsn_run *r)
{
    struct tsn_delivery *d = r->due;

    r->due = d->next;
    if (!r->due)
        r->due_end = NULL;
    d->next = NULL;
    return d;
}

static void due_add(struct tsn_run *r, const char *path, const struct tsn_settled *s,
                    const char *outcome, const char *result)
{
    struct tsn_delivery *d = tsn_alloc(sizeof(*d));

    memcpy(d->path, path, sizeof(d->path));
    d->deliver_no = s->deliver_no;
    d->at_ms = s->at_ms;
    d->outcome = tsn_strdup(outcome);
    d->result = tsn_strdup(result);
    if (!r->due_end)
        r->due_end = &r->due;
    *r->due_end = d;
    r->due_end = &d->next;
}

bool tsn_run_deliver(struct tsn_run *r)
{
    struct tsn_delivery *d;
    bool sent = false;

    if (!r->due)
        return false;
    d = due_take(r);
    /* One is missing when a person or an event settled another branch in an op of theirs. */
    if (r->worker && d->deliver_no == r->deliver_no + 1) {
        r->deliver_no = d->deliver_no;
        r->phase = TSN_PHASE_ACTIVE;
        tsn_run_touch(r);
        sent = deliver(r, d);
    }
    free(d->outcome);
    free(d->result);
    free(d);
    if (!sent) {
        r->phase = TSN_PHASE_STEP;
        tsn_run_reload(r);
    }
    return true;
}

void tsn_step_settled(struct tsn_step *s, const struct tsn_settled *out, const char *outcome,
                      const char *result)
{
    struct tsn_run *r = s->run;
    char path[TSN_PATH_MAX + 1];

    tsn_fault("engine.outcome.committed");
    if (tsn_path_undoes(s->path)) {
        tsn_undo_settled(s, outcome, result);
        return;
    }
    memcpy(path, s->path, sizeof(path));
    if (s->kind == TSN_J_CALL && strcmp(outcome, "ok") == 0)
        tsn_undo_note(r, path, json_object_get(s->opts, "undo"), out->deliver_no, out->at_ms);
    tsn_step_remove(s);
    r->rested = false;
    if (r->ending && r->phase == TSN_PHASE_STEP) {
        tsn_undo_next(r);
        return;
    }
    switch (r->phase) {
    case TSN_PHASE_ACTIVE:
        due_add(r, path, out, outcome, result);
        break;
    case TSN_PHASE_STEP:
        due_add(r, path, out, outcome, result);
        (void)tsn_run_deliver(r);
        break;
    case TSN_PHASE_LOADING:
        r->again = true;
        break;
    case TSN_PHASE_IDLE:
        tsn_run_reload(r);
        break;
    case TSN_PHASE_QUEUED:
    case TSN_PHASE_ENDING:
        break;
    }
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
    tsn_err err = tsn_eop_own_open(&x->o, st, x->in.path, &own);

    if (!err)
        err = tsn_step_settle(st, op->arena, &own, &x->in, &x->out);
    if (err)
        return err;
    tsn_run_works(&own);
    return tsn_run_save(st, &own, x->o.epoch);
}

static void settle_done(struct tsn_eop *o)
{
    struct settle_op *x = (struct settle_op *)o;

    if (tsn_eop_ok(o))
        tsn_step_settled(o->step, &x->out, x->in.outcome, x->in.result);
}

void tsn_step_end(struct tsn_step *s, const char *outcome, const char *reason, json_t *result)
{
    struct settle_op *x = tsn_eop_of_step(s, sizeof(*x), settle_apply, settle_done);
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
    x->in.path = tsn_arena_strdup(a, s->path);
    x->in.outcome = outcome;
    x->in.reason = tsn_arena_strdup(a, tsn_code_word(reason, NULL));
    x->in.result = tsn_arena_strdup(a, text);
    x->in.idem = tsn_arena_strdup(a, s->action ? s->idem : NULL);
    x->in.attempt = s->attempt;
    x->in.ref = -1;
    /* Nothing of it is on record yet: the result carries what was asked. */
    if (s->last == TSN_LAST_NONE)
        x->in.request = tsn_arena_strdup(a, s->request);
    free(text);
    json_decref(result);
    tsn_eop_submit(&x->o);
}

/* --- sleep */

struct sleep_op {
    struct tsn_eop o;
    const char *path, *request;
    struct tsn_rest rest;
    bool rests; /* out */
};

static tsn_err sleep_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct sleep_op *x = (struct sleep_op *)op;
    struct tsn_field field = {"args", x->request, strlen(x->request)};
    struct tsn_owned own;
    struct tsn_append e;
    tsn_err err = tsn_eop_own(&x->o, st, &own);

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
    x->rests = tsn_rest_put(&own, &x->rest, NULL);
    return tsn_run_save(st, &own, x->o.epoch);
}

static void sleep_done(struct tsn_eop *o)
{
    struct sleep_op *x = (struct sleep_op *)o;

    tsn_fault("engine.sleep.committed");
    if (tsn_eop_ok(o))
        tsn_step_rests(o->step, x->rests);
}

void tsn_step_rests(struct tsn_step *s, bool row_rests)
{
    struct tsn_run *r = s->run;

    s->last = TSN_LAST_INTENT;
    s->attempt = 1;
    s->rests = true;
    r->rested = row_rests;
    if (s->wake_at > 0 && (r->wake_at == 0 || s->wake_at < r->wake_at))
        tsn_run_wake_at(r, s->wake_at);
    if (s->dismissed)
        tsn_step_dismiss(s);
    else
        tsn_run_settle_down(r);
}

void tsn_step_sleep(struct tsn_step *s)
{
    int64_t ms = tsn_json_int(s->args, "ms", -1);
    struct sleep_op *x;

    if (s->wake_at <= 0 && (ms < 0 || ms > TSN_STEP_FOREVER)) {
        tsn_step_fail(s, "R036", "sleep needs a duration of 0 to 10 years");
        return;
    }
    x = tsn_eop_of_step(s, sizeof(*x), sleep_apply, sleep_done);
    x->path = tsn_arena_strdup(x->o.op.arena, s->path);
    x->request = tsn_arena_strdup(x->o.op.arena, s->request);
    x->rest = tsn_run_rest(s->run);
    tsn_eop_submit(&x->o);
}

void tsn_step_sleep_due(struct tsn_step *s)
{
    tsn_step_end(s, "ok", "sleep", json_object());
}

/* --- in doubt: intent on record, outcome unknown */

struct doubt_op {
    struct tsn_eop o;
    const char *path, *idem, *name, *spec;
    int64_t attempt;
    bool uncovered;
    struct tsn_rest rest;
    bool rests; /* out */
    char task_id[TSN_ULID_LEN + 1];
};

static tsn_err doubt_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct doubt_op *x = (struct doubt_op *)op;
    struct tsn_arena *a = op->arena;
    struct tsn_rec_task task = {.id = x->task_id, .kind = "resolve", .state = "open"};
    struct tsn_owned own;
    struct tsn_append e;
    tsn_err err = tsn_eop_own_open(&x->o, st, x->path, &own);

    if (err)
        return err;
    e = tsn_run_entry(a, &own.row, "step.in_doubt");
    e.step = x->path;
    e.attempt = x->attempt;
    e.idem = x->idem;
    e.outcome = x->uncovered ? "na" : "unknown";
    e.reason = x->uncovered ? "V109" : "R031";
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
    x->rests =
        tsn_rest_put(&own, &x->rest,
                     tsn_arena_printf(a,
                                      x->uncovered ? "V109 no checkpoint covers %s at step %s; "
                                                     "answer %s"
                                                   : "R031 did %s at step %s happen? Answer %s",
                                      x->name, x->path, task.name));
    return tsn_run_save(st, &own, x->o.epoch);
}

static void doubt_done(struct tsn_eop *o)
{
    struct doubt_op *x = (struct doubt_op *)o;

    tsn_fault("engine.doubt.committed");
    if (!tsn_eop_ok(o))
        return;
    o->run->rested = x->rests;
    tsn_run_settle_down(o->run);
}

static char *doubt_spec(const struct tsn_step *s)
{
    bool secret = s->action && s->action->secret_args;
    char *title, *text;
    struct tsn_buf b;
    json_t *v;

    tsn_buf_init(&b, 1024);
    (void)tsn_buf_printf(&b,
                         s->uncovered ? "%s at step %s was not begun: no checkpoint with its "
                                        "witnesses covers it. Retry waits for one again."
                                      : "Did %s at step %s happen?",
                         s->name, s->path);
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

void tsn_step_doubt(struct tsn_step *s)
{
    struct doubt_op *x = tsn_eop_of_step(s, sizeof(*x), doubt_apply, doubt_done);
    char *spec = doubt_spec(s);

    s->last = TSN_LAST_DOUBT;
    s->rests = true;
    x->path = tsn_arena_strdup(x->o.op.arena, s->path);
    x->idem = tsn_arena_strdup(x->o.op.arena, s->idem);
    x->name = tsn_arena_strdup(x->o.op.arena, s->name);
    x->spec = tsn_arena_strdup(x->o.op.arena, spec);
    x->attempt = s->attempt;
    x->uncovered = s->uncovered;
    s->uncovered = false;
    x->rest = tsn_run_rest(s->run);
    tsn_id_new(x->task_id);
    free(spec);
    tsn_eop_submit(&x->o);
}
