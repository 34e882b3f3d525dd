/* run_ops.c - what a person does to a run: pause, resume, retry. One function for every path.
 *
 * Each is one op that checks, writes an entry with who and why, and changes the row; only then the
 * run in memory is told. Cancel is in run_end.c, resolve is a decision (decide.c). Loop thread, but
 * for the apply functions.
 */
#include "engine/engine_impl.h"

#include <stdlib.h>
#include <string.h>
#include "core/fault.h"
#include "core/json.h"
#include "core/log.h"
#include "core/text.h"
#include "store/record_run.h"

struct act_op {
    struct tsn_eop o;
    struct tsn_run_act act;
    const char *person, *auth;
    tsn_engine_done *done;
    void *user;
    /* out */
    struct tsn_owned own;
    const char *wake, *forget; /* ids */
    bool pauses;
    int64_t seq;
    json_t *info;
};

static const char *actor_of(struct act_op *x)
{
    return tsn_run_actor(x->o.op.arena, x->person, x->auth);
}

static tsn_err note_act(struct act_op *x, struct tsn_store *st, const char *kind,
                        bool case_chain, const char *from, const char *to)
{
    struct tsn_append e = tsn_run_entry(x->o.op.arena, &x->own.row, kind);
    struct tsn_field field = {"note", x->act.reason, strlen(x->act.reason)};

    e.actor = actor_of(x);
    e.auth = x->auth;
    e.case_chain = case_chain;
    e.from = from;
    e.to = to;
    e.fields = &field;
    e.nfields = 1;
    return tsn_store_append(st, &e, &x->seq);
}

static tsn_err not_now(struct act_op *x, const char *code, const char *what, const char *verb)
{
    struct tsn_diag *diag = &x->o.op.diag;

    tsn_diag_hint(diag, "tocsin run %s %s%s", verb, x->own.row.name,
                  strcmp(verb, "show") == 0 ? "" : " --reason \"...\"");
    return tsn_diag_set(diag, TSN_ECONFLICT, code, "%s %s", x->own.row.name, what);
}

static bool is(const struct act_op *x, const char *state)
{
    return strcmp(x->own.row.state, state) == 0;
}

/* --- pause, resume */

static tsn_err pause_run(struct act_op *x, struct tsn_store *st)
{
    struct tsn_rec_run *row = &x->own.row;
    tsn_err err;

    if (tsn_run_over(row->state))
        return not_now(x, "R037", "is over", "show");
    if (is(x, "stuck") || is(x, "diverged") || is(x, "queued"))
        return not_now(x, "R202", "stands still already", "show");
    if (row->held)
        return not_now(x, "R200", "is paused already", "resume");
    err = note_act(x, st, "run.paused", false, row->state, "paused");
    if (err)
        return err;
    row->held = "";
    row->hold = tsn_arena_printf(x->o.op.arena, "paused by %s: %.300s",
                                 x->person ? x->person : "tocsin", x->act.reason);
    x->pauses = true;
    return tsn_run_save(st, &x->own, x->o.epoch);
}

static tsn_err resume_run(struct act_op *x, struct tsn_store *st)
{
    struct tsn_rec_run *row = &x->own.row;
    tsn_err err;

    if (!row->held)
        return not_now(x, "R201", "is not paused", "show");
    if (is(x, "running"))
        row->state = "ready";
    err = note_act(x, st, "run.resumed", false, "paused", row->state);
    if (err)
        return err;
    row->held = row->hold = NULL;
    x->wake = row->id;
    return tsn_run_save(st, &x->own, x->o.epoch);
}

/* --- retry: in place while its chain is open, else (or from an earlier step) as a new run */

static tsn_err retry_in_place(struct act_op *x, struct tsn_store *st)
{
    struct tsn_rec_run *row = &x->own.row;
    tsn_err err = note_act(x, st, "run.retried", false, row->state, "ready");

    if (err)
        return err;
    row->state = "ready";
    row->reason = NULL;
    row->attempts = 0;
    x->wake = row->id;
    return tsn_run_save(st, &x->own, x->o.epoch);
}

static tsn_err playbook_for(struct act_op *x, struct tsn_store *st,
                            struct tsn_rec_playbook *out)
{
    struct tsn_arena *a = x->o.op.arena;
    const char *title = x->own.row.title ? x->own.row.title : "";
    const char *name = tsn_arena_strndup(a, title, strcspn(title, "@"));
    tsn_err err = tsn_playbook_version(st, a, name, x->act.version, out);

    if (err == TSN_ENOTFOUND && x->act.version > 0)
        return tsn_diag_set(&x->o.op.diag, err, "R206", "there is no version %lld of %s",
                            (long long)x->act.version, name);
    return err;
}

/* One settled step of the old run, as the new one's own. */
static tsn_err take_over_step(struct act_op *x, struct tsn_store *st, struct tsn_owned *fresh,
                              const struct tsn_past_step *s)
{
    struct tsn_settle in = {.path = s->path,
                            .outcome = s->outcome,
                            .reason = TSN_TAKEN_OVER,
                            .request = s->request,
                            .result = s->result,
                            .attempt = 1,
                            .ref = s->seq};
    struct tsn_settled out;

    return tsn_step_settle(st, x->o.op.arena, fresh, &in, &out);
}

static tsn_err retry_anew(struct act_op *x, struct tsn_store *st, const struct tsn_past *past,
                          size_t kept)
{
    struct tsn_arena *a = x->o.op.arena;
    struct tsn_rec_run *old = &x->own.row;
    const char *roles[] = {NULL};
    const struct tsn_actor by = {x->person, roles, x->auth};
    struct tsn_rec_playbook pb;
    struct tsn_run_new in = {.case_id = old->case_id,
                             .input = old->input ? old->input : "{}",
                             .key = old->key,
                             .origin = old->origin ? old->origin : old->id,
                             .by = &by};
    struct tsn_owned fresh = {.guard = 0};
    tsn_err err = playbook_for(x, st, &pb);

    if (err)
        return err;
    in.playbook_hash = pb.hash;
    in.playbook_title = tsn_arena_printf(a, "%s@%lld", pb.name, (long long)pb.version);
    err = note_act(x, st, "run.retried", true, old->state,
                   kept < past->nsteps ? past->steps[kept].path : "next");
    in.ref = x->seq;
    if (!err && !tsn_run_over(old->state))
        err = tsn_run_end_now(st, a, &x->own, actor_of(x), x->auth, x->act.reason, x->o.epoch,
                              x->o.now_ms);
    if (!err)
        err = tsn_run_create(st, a, &in, x->o.now_ms, &fresh.row);
    for (size_t i = 0; i < kept && !err; i++)
        err = take_over_step(x, st, &fresh, &past->steps[i]);
    if (!err)
        err = tsn_run_save(st, &fresh, x->o.epoch);
    if (err)
        return err;
    x->forget = old->id;
    x->wake = fresh.row.id;
    json_object_set_new(x->info, "new_run", json_string(fresh.row.id));
    json_object_set_new(x->info, "new_name", json_string(fresh.row.name));
    json_object_set_new(x->info, "playbook", json_string(fresh.row.title));
    return 0;
}

static tsn_err retry_run(struct act_op *x, struct tsn_store *st)
{
    struct tsn_arena *a = x->o.op.arena;
    struct tsn_rec_run *row = &x->own.row;
    bool in_place = (is(x, "stuck") || is(x, "diverged")) && !x->act.from && !x->act.version;
    struct tsn_past past;
    size_t kept;
    tsn_err err;

    if (!in_place && !tsn_run_over(row->state) && !is(x, "stuck") && !is(x, "diverged"))
        return not_now(x, "R203", "is at work; only what stopped can be retried", "cancel");
    if (in_place && !x->act.plan)
        return retry_in_place(x, st);
    err = tsn_past_read(st, a, row->id, true, &past);
    if (err)
        return tsn_diag_set(&x->o.op.diag, err, "R070", "its journal cannot be read back");
    if (in_place)
        kept = past.nsteps;
    else
        err = tsn_retry_cut(&past, x->act.from, row->state, &kept, &x->o.op.diag);
    if (err)
        return err;
    json_object_set_new(x->info, "in_place", json_boolean(in_place));
    json_object_set_new(x->info, "plan", tsn_run_outlook(x->o.e->config.registry, &past, kept));
    return x->act.plan ? 0 : retry_anew(x, st, &past, kept);
}

/* --- the op */

static const struct {
    const char *verb;
    tsn_err (*fn)(struct act_op *x, struct tsn_store *st);
} verbs[] = {{"pause", pause_run}, {"resume", resume_run}, {"retry", retry_run}};
#define NVERBS (sizeof(verbs) / sizeof(verbs[0]))

static tsn_err act_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct act_op *x = (struct act_op *)op;
    tsn_err err;

    json_decref(x->info);
    x->info = json_object();
    x->wake = x->forget = NULL;
    x->pauses = false;
    x->own.next = NULL;
    x->own.wakes = NULL;
    x->seq = -1;
    err = tsn_run_find(st, op->arena, x->act.run, &x->own.row, &op->diag);
    if (err)
        return err;
    x->own.guard = x->own.row.epoch;
    json_object_set_new(x->info, "run", json_string(x->own.row.id));
    json_object_set_new(x->info, "name", json_string(x->own.row.name));
    json_object_set_new(x->info, "was", json_string(x->own.row.state));
    for (size_t i = 0; i < NVERBS; i++)
        if (strcmp(verbs[i].verb, x->act.verb) == 0)
            err = verbs[i].fn(x, st);
    return err;
}

/* What is under way in memory learns of it. */
static void tell(struct act_op *x)
{
    struct tsn_engine *e = x->o.e;
    struct tsn_run *r = tsn_runmap_find(e, x->own.row.id);

    if (r && x->forget)
        tsn_run_forget(r);
    else if (r && x->pauses) {
        r->held = true;
        r->again = true;
    } else if (r && x->wake) {
        r->held = false;
    }
    if (x->wake)
        tsn_engine_wake(e, x->wake);
    if (x->own.next)
        tsn_engine_wake(e, x->own.next);
    tsn_engine_wake_all(e, x->own.wakes);
}

static void act_done(struct tsn_eop *o)
{
    struct act_op *x = (struct act_op *)o;

    tsn_fault("engine.act.committed");
    if (!o->op.err) {
        tsn_log(TSN_LOG_INFO, "run.acted", "run", x->own.row.name, "verb", x->act.verb, "by",
                x->person, NULL);
        tell(x);
    }
    if (x->done)
        x->done(o->op.err, x->seq, o->op.err ? NULL : x->info, &o->op.diag, x->user);
}

static void free_info(void *p)
{
    json_decref(((struct act_op *)p)->info);
}

void tsn_engine_act(struct tsn_engine *e, const struct tsn_actor *who,
                    const struct tsn_run_act *act, tsn_engine_done *done, void *user)
{
    struct act_op *x;
    struct tsn_arena *a;
    bool known = false;

    if (strcmp(act->verb, "cancel") == 0) {
        tsn_engine_cancel(e, who, act->run, act->reason, done, user);
        return;
    }
    x = tsn_eop_new(e, sizeof(*x), NULL, act_apply, act_done);
    a = x->o.op.arena;
    x->o.impatient = true;
    x->act = *act;
    x->act.run = tsn_arena_strdup(a, act->run ? act->run : "");
    x->act.verb = tsn_arena_strdup(a, act->verb);
    x->act.reason = tsn_arena_strdup(a, act->reason ? act->reason : "");
    x->act.from = tsn_arena_strdup(a, act->from);
    x->person = tsn_arena_strdup(a, who ? who->person : NULL);
    x->auth = tsn_arena_strdup(a, who ? who->auth : NULL);
    x->done = done;
    x->user = user;
    tsn_arena_defer(a, free_info, x);
    for (size_t i = 0; i < NVERBS; i++)
        known = known || strcmp(verbs[i].verb, act->verb) == 0;
    if (!known)
        x->o.op.err = tsn_diag_set(&x->o.op.diag, TSN_EINPUT, "H013",
                                   "nothing can be done to a run by %s", act->verb);
    else if (!act->plan)
        x->o.op.err = tsn_reason_check(act->reason, &x->o.op.diag);
    if (!x->o.op.err && !*x->act.run)
        x->o.op.err = tsn_diag_set(&x->o.op.diag, TSN_EINPUT, "H031", "no run is named");
    tsn_fault("engine.act.begin");
    tsn_eop_submit(&x->o);
}
