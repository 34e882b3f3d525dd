/* run_end.c - how a run stops: ended, failed, diverged, stuck, cancelled.
 *
 * An end writes run.closed as the last entry of the run's chain and run.ended, with its length and
 * last leaf, into the chain of the case. stuck and diverged are no ends: a person decides.
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

#define RUN_REASON_MAX 400

struct end_op {
    struct tsn_eop o;
    struct tsn_ending how;
    bool look;
    bool closed;      /* out */
    const char *next; /* out: to be woken */
    const struct tsn_wake *wakes;
};

static const char *text_in(struct tsn_arena *a, json_t *v)
{
    char *text = tsn_json_text(v);
    const char *kept = tsn_arena_strdup(a, text);

    free(text);
    json_decref(v);
    return kept;
}

/* --- returned, or failed */

static tsn_err end_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct end_op *x = (struct end_op *)op;
    struct tsn_arena *a = op->arena;
    struct tsn_owned own = {.next = NULL};
    tsn_err err = tsn_eop_own(&x->o, st, &own);

    if (err)
        return err;
    x->closed = true;
    if (x->look)
        err = tsn_run_wind_up(st, a, &own, &x->how, true, x->o.now_ms, &x->closed);
    else
        err = tsn_run_close(st, a, &own, x->how.state, x->how.outcome, x->how.code,
                            x->how.reason, x->how.result, x->o.now_ms);
    x->next = err ? NULL : own.next;
    x->wakes = err ? NULL : own.wakes;
    return err ? err : tsn_run_save(st, &own, x->o.epoch);
}

static void end_done(struct tsn_eop *o)
{
    struct end_op *x = (struct end_op *)o;
    struct tsn_run *r = o->run;

    tsn_fault("engine.run.closed");
    if (!o->op.err && x->next)
        tsn_engine_wake(o->e, x->next);
    if (!o->op.err)
        tsn_engine_wake_all(o->e, x->wakes);
    if (!tsn_eop_ok(o))
        return;
    tsn_log(TSN_LOG_INFO, x->closed ? "run.ended" : "run.unwinding", "run", o->run_id, "state",
            x->how.state, "code", x->how.code, NULL);
    if (!x->closed) {
        r->phase = TSN_PHASE_STEP;
        tsn_run_reload(r);
        return;
    }
    o->e->stats.finished++;
    tsn_run_forget(r);
}

/* Nothing is open and nothing to be taken back: then its chain need not be read. */
static struct end_op *end_new(struct tsn_run *r)
{
    struct end_op *x;

    r->phase = TSN_PHASE_ENDING;
    tsn_fault("engine.run.closing");
    x = tsn_eop_new(r->e, sizeof(struct end_op), r, end_apply, end_done);
    x->look = tsn_undo_pending(r) || r->steps;
    x->how.ref = -1;
    return x;
}

void tsn_run_ended(struct tsn_run *r, const json_t *frame)
{
    struct end_op *x = end_new(r);
    json_t *result = json_object_get(frame, "result");

    x->how.state = "finished";
    x->how.outcome = "ok";
    x->how.result = text_in(x->o.op.arena, result ? json_incref(result) : json_null());
    if (strlen(x->how.result) > TSN_RESULT_MAX)
        x->how.result = "null";
    tsn_eop_submit(&x->o);
}

void tsn_run_end_as(struct tsn_run *r, const char *outcome, const char *code,
                    const char *reason, json_t *result)
{
    struct end_op *x = end_new(r);
    struct tsn_arena *a = x->o.op.arena;

    x->look = false;
    x->how.state = strcmp(outcome, "ok") == 0     ? "finished"
                   : strcmp(outcome, "fail") == 0 ? "failed"
                                                  : "cancelled";
    x->how.outcome = tsn_arena_strdup(a, outcome);
    x->how.code = tsn_arena_strdup(a, code);
    x->how.reason = tsn_arena_strdup(a, reason);
    x->how.result = text_in(a, result ? json_incref(result) : json_null());
    tsn_eop_submit(&x->o);
}

static void fail_with(struct tsn_run *r, const char *code, const char *error, const char *place,
                      json_t *result)
{
    struct end_op *x = end_new(r);
    struct tsn_arena *a = x->o.op.arena;

    x->how.state = "failed";
    x->how.outcome = "fail";
    x->how.code = tsn_arena_strdup(a, tsn_code_word(code, "R010"));
    x->how.reason = tsn_arena_printf(a, "%s %s%.*s", x->how.code, place, RUN_REASON_MAX, error);
    x->how.result = text_in(a, result);
    tsn_eop_submit(&x->o);
}

void tsn_run_fail(struct tsn_run *r, const char *code, const char *why)
{
    fail_with(r, code, why, "",
              json_pack("{s:{s:s, s:s}}", "error", "code", code, "message", why));
}

void tsn_run_failed(struct tsn_run *r, const json_t *frame)
{
    const char *code = tsn_json_str(frame, "code", "R010");
    const char *error = tsn_json_str(frame, "error", "");
    const char *file = tsn_json_str(frame, "file", "");
    int64_t line = tsn_json_int(frame, "line", 0);
    json_t *result;
    struct tsn_buf place;

    if (tsn_json_bool(frame, "killed", false)) {
        tsn_run_charge(r, tsn_code_word(code, "R020"), error);
        return;
    }
    tsn_buf_init(&place, 300);
    if (*file && line > 0)
        (void)tsn_buf_printf(&place, "%.200s:%lld: ", file, (long long)line);
    result = json_pack("{s:{s:s, s:s, s:s, s:I, s:s}}", "error", "code", code, "message", error,
                       "file", file, "line", (json_int_t)line, "traceback",
                       tsn_json_str(frame, "traceback", ""));
    fail_with(r, code, error, place.data ? place.data : "", result);
    tsn_buf_free(&place);
}

/* --- stops that a person looks at */

struct stop_op {
    struct tsn_eop o;
    const char *kind, *state, *code, *reason, *args;
    bool charge;
    bool stuck; /* out, of a charge */
};

static tsn_err stop_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct stop_op *x = (struct stop_op *)op;
    struct tsn_arena *a = op->arena;
    struct tsn_field field = {"args", x->args, x->args ? strlen(x->args) : 0};
    struct tsn_owned own;
    struct tsn_append e;
    const char *kind = x->kind;
    tsn_err err = tsn_run_own(st, a, x->o.run_id, x->o.epoch, &own);

    if (err)
        return err;
    if (x->charge) {
        x->stuck = ++own.row.attempts >= TSN_CHARGES_MAX;
        kind = x->stuck ? "run.stuck" : "run.killed";
    }
    e = tsn_run_entry(a, &own.row, kind);
    e.outcome = "fail";
    e.reason = x->code;
    e.attempt = x->charge ? own.row.attempts : 0;
    if (x->args) {
        e.fields = &field;
        e.nfields = 1;
    }
    err = tsn_store_append(st, &e, NULL);
    if (err)
        return err;
    if (!x->charge || x->stuck) {
        own.row.state = x->state;
        own.row.reason = x->reason;
        own.row.wake_at = 0;
    }
    return tsn_run_save(st, &own, x->o.epoch);
}

/* Not tsn_eop_ok: it would come back here. */
static void stop_done(struct tsn_eop *o)
{
    struct stop_op *x = (struct stop_op *)o;
    struct tsn_run *r = o->run;

    tsn_fault("engine.stop.committed");
    if (r->dead)
        return;
    if (o->op.err)
        tsn_log(TSN_LOG_ERROR, "run.not_stopped", "run", r->id, "error",
                tsn_err_name(o->op.err), "why", o->op.diag.what, NULL);
    if (!o->op.err && x->charge && !x->stuck) {
        r->phase = TSN_PHASE_IDLE;
        tsn_run_reload(r);
        return;
    }
    tsn_log(TSN_LOG_WARN, "run.stopped", "run", r->id, "state", x->state, "why", x->reason,
            NULL);
    tsn_run_forget(r);
}

static void stop(struct tsn_run *r, const char *kind, const char *state, const char *code,
                 const char *why, json_t *args, bool charge)
{
    struct stop_op *x = tsn_eop_new(r->e, sizeof(*x), r, stop_apply, stop_done);
    struct tsn_arena *a = x->o.op.arena;

    tsn_run_unload(r);
    tsn_run_undue(r);
    if (!charge) /* else it goes on, and with it what is under way in other branches */
        tsn_steps_clear(r);
    tsn_run_wake_at(r, 0);
    r->phase = TSN_PHASE_ENDING;
    x->kind = kind;
    x->state = state;
    x->code = tsn_arena_strdup(a, tsn_code_word(code, "R070"));
    x->reason = tsn_arena_printf(a, "%s %.*s", x->code, RUN_REASON_MAX, why);
    x->args = args ? text_in(a, args) : NULL;
    x->charge = charge;
    tsn_eop_submit(&x->o);
}

static json_t *why_of(const char *code, const char *why)
{
    return json_pack("{s:s, s:s}", "code", code, "message", why);
}

void tsn_run_stuck(struct tsn_run *r, const char *code, const char *why)
{
    stop(r, "run.stuck", "stuck", code, why, why_of(code, why), false);
}

void tsn_run_charge(struct tsn_run *r, const char *code, const char *why)
{
    struct tsn_buf b;

    tsn_buf_init(&b, 1000);
    (void)tsn_buf_printf(&b, "stopped twice: %s %.300s", code, why);
    stop(r, NULL, "stuck", "R022", b.data ? b.data : "", why_of(code, why), true);
    tsn_buf_free(&b);
}

static const char *side(struct tsn_buf *b, const json_t *v)
{
    tsn_buf_clear(b);
    if (json_is_object(v))
        (void)tsn_buf_printf(b, "%.20s %.100s", tsn_json_str(v, "kind", "?"),
                             tsn_json_str(v, "name", ""));
    else
        (void)tsn_buf_puts(b, "nothing");
    return b->data;
}

void tsn_run_diverged(struct tsn_run *r, const json_t *frame)
{
    static const char *const kept[] = {"path", "recorded", "asked", "line"};
    json_t *args = json_object();
    struct tsn_buf recorded, asked, why;

    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        json_t *v = json_object_get(frame, kept[i]);

        if (v)
            json_object_set(args, kept[i], v);
    }
    tsn_buf_init(&recorded, 200);
    tsn_buf_init(&asked, 200);
    tsn_buf_init(&why, 600);
    (void)tsn_buf_printf(&why, "at %.63s the record has %s, the playbook asks %s",
                         tsn_json_str(frame, "path", "?"),
                         side(&recorded, json_object_get(frame, "recorded")),
                         side(&asked, json_object_get(frame, "asked")));
    stop(r, "run.diverged", "diverged", "R038", why.data ? why.data : "", args, false);
    tsn_buf_free(&recorded);
    tsn_buf_free(&asked);
    tsn_buf_free(&why);
}

/* --- cancel: always works */

struct cancel_op {
    struct tsn_eop o;
    const char *ref, *person, *auth, *note;
    tsn_engine_done *done;
    void *user;
    /* out */
    struct tsn_owned own;
    int64_t seq;
    bool kills, closed;
};

static tsn_err end_now(struct tsn_store *st, struct tsn_arena *a, struct tsn_owned *own,
                       const char *actor, const char *auth, const char *note, bool look,
                       int64_t epoch, int64_t now_ms, int64_t *seq, bool *closed)
{
    const char *by = strchr(actor, ':') + 1;
    struct tsn_field field = {"note", note, strlen(note)};
    struct tsn_append e = tsn_run_entry(a, &own->row, "run.cancelled");
    struct tsn_ending how = {.state = "cancelled", .outcome = "cancelled", .code = "R030"};
    tsn_err err;

    e.actor = actor;
    e.auth = auth;
    e.outcome = "cancelled";
    e.fields = &field;
    e.nfields = 1;
    err = tsn_store_append(st, &e, seq);
    if (err)
        return err;
    own->epoch = epoch;
    how.ref = *seq;
    how.reason = tsn_arena_printf(a, "R030 cancelled by %s", by);
    how.result =
        text_in(a, json_pack("{s:{s:s, s:s}}", "error", "code", "R030", "message", note));
    err = tsn_run_wind_up(st, a, own, &how, look, now_ms, closed);
    return err ? err : tsn_run_save(st, own, epoch);
}

tsn_err tsn_run_end_now(struct tsn_store *st, struct tsn_arena *a, struct tsn_owned *own,
                        const char *actor, const char *auth, const char *note, int64_t epoch,
                        int64_t now_ms)
{
    int64_t seq;
    bool closed;

    return end_now(st, a, own, actor, auth, note, false, epoch, now_ms, &seq, &closed);
}

/* Stopped while it took back, or at it. Timed ones of a run that has returned are no such thing. */
static tsn_err unwinds_already(struct tsn_store *st, struct tsn_arena *a,
                               const struct tsn_rec_run *row, bool *out)
{
    struct tsn_past past;
    tsn_err err = tsn_past_read(st, a, row->id, false, &past);

    if (err == TSN_ETAMPERED || err == TSN_ENOTFOUND)
        err = 0;
    else if (!err)
        *out = past.ending && strcmp(past.ending, "ok") != 0;
    return err;
}

tsn_err tsn_run_cancel(struct tsn_store *st, struct tsn_arena *a, struct tsn_owned *own,
                       const char *actor, const char *auth, const char *note, int64_t epoch,
                       int64_t now_ms)
{
    int64_t seq;
    bool closed;

    return end_now(st, a, own, actor, auth, note, true, epoch, now_ms, &seq, &closed);
}

static tsn_err cancel_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct cancel_op *x = (struct cancel_op *)op;
    struct tsn_arena *a = op->arena;
    struct tsn_rec_run *row = &x->own.row;
    tsn_err err = tsn_run_find(st, a, x->ref, row, &op->diag);

    if (err)
        return err;
    if (tsn_run_over(row->state))
        return tsn_diag_set(&op->diag, TSN_ECONFLICT, "R037", "%s is over: %s", row->name,
                            row->state);
    x->own.guard = row->epoch;
    x->own.next = NULL;
    x->own.wakes = NULL;
    /* The second time is a kill: whatever it was taking back stays as it is. */
    err = unwinds_already(st, a, row, &x->kills);
    if (err)
        return err;
    return end_now(st, a, &x->own, tsn_run_actor(a, x->person, x->auth), x->auth, x->note,
                   !x->kills, x->o.epoch, x->o.now_ms, &x->seq, &x->closed);
}

void tsn_run_unwinds(struct tsn_run *r)
{
    if (!r->ending)
        r->ending = tsn_strdup("cancelled");
    if (r->phase == TSN_PHASE_ACTIVE) {
        tsn_run_unload(r);
        r->phase = TSN_PHASE_STEP;
    }
    tsn_run_reload(r);
}

static void cancel_done(struct tsn_eop *o)
{
    struct cancel_op *x = (struct cancel_op *)o;
    struct tsn_run *r;
    json_t *info = NULL;

    tsn_fault("engine.cancel.committed");
    if (!o->op.err) {
        r = tsn_runmap_find(o->e, x->own.row.id);
        if (x->closed)
            o->e->stats.finished++;
        if (r && x->closed)
            tsn_run_forget(r);
        else if (!x->closed)
            tsn_run_unwinds(tsn_runmap_get(o->e, x->own.row.id));
        if (x->own.next)
            tsn_engine_wake(o->e, x->own.next);
        tsn_engine_wake_all(o->e, x->own.wakes);
        info = json_pack("{s:s, s:s, s:s}", "run", x->own.row.id, "name", x->own.row.name,
                         "state", x->own.row.state);
    }
    if (x->done)
        x->done(o->op.err, x->seq, info, &o->op.diag, x->user);
    json_decref(info);
}

void tsn_engine_cancel(struct tsn_engine *e, const struct tsn_actor *who, const char *run,
                       const char *reason, tsn_engine_done *done, void *user)
{
    struct cancel_op *x = tsn_eop_new(e, sizeof(*x), NULL, cancel_apply, cancel_done);
    struct tsn_arena *a = x->o.op.arena;

    x->o.impatient = true;
    x->ref = tsn_arena_strdup(a, run ? run : "");
    x->person = tsn_arena_strdup(a, who ? who->person : NULL);
    x->auth = tsn_arena_strdup(a, who ? who->auth : NULL);
    x->note = tsn_arena_strdup(a, reason ? reason : "");
    x->done = done;
    x->user = user;
    x->seq = -1;
    x->o.op.err = tsn_reason_check(reason, &x->o.op.diag);
    if (!x->o.op.err && !*x->ref)
        x->o.op.err = tsn_diag_set(&x->o.op.diag, TSN_EINPUT, "H031", "no run is named");
    tsn_fault("engine.cancel.begin");
    tsn_eop_submit(&x->o);
}
