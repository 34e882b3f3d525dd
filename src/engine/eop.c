/* eop.c - the engine's ops: submitted in order, tried again while the store cannot, never lost.
 *
 * An op keeps its run and the engine alive. What the store refuses (full queue) or could not do
 * (no space, busy) waits here and goes again; while something waits, later ops queue behind it,
 * so the order of submission holds. Loop thread.
 */
#include "engine/engine_impl.h"

#include <string.h>
#include "core/clock.h"
#include "core/log.h"

#define AGAIN_FULL_MS 20
#define AGAIN_DISK_MS 1000

static void eop_finish(struct tsn_eop *o)
{
    struct tsn_engine *e = o->e;
    struct tsn_run *r = o->run;

    if (o->step)
        o->step->ops--;
    /* What is being read may be older than what this op wrote: a step that it opened would be
     * missing there, dropped here, and begun a second time. */
    if (r && !o->reads && r->phase == TSN_PHASE_LOADING)
        r->again = true;
    if (r && !o->reads && !o->op.err)
        tsn_run_unmark(r);
    if (!e->closing)
        o->settled(o);
    if (o->step)
        tsn_step_unref(o->step);
    tsn_op_destroy(&o->op);
    if (r)
        tsn_run_unref(r);
    tsn_engine_unref(e);
}

static void eop_later(struct tsn_eop *o, int64_t ms)
{
    struct tsn_engine *e = o->e;

    o->later_next = NULL;
    if (e->later_last)
        e->later_last->later_next = o;
    else
        e->later_first = o;
    e->later_last = o;
    tsn_timer_arm(e->later_timer, ms);
}

static bool worth_again(tsn_err err)
{
    return err == TSN_EFULL || err == TSN_EBUSY || err == TSN_ETIMEOUT || err == TSN_EIO ||
           err == TSN_ENOSPC;
}

static void eop_done(struct tsn_op *op)
{
    struct tsn_eop *o = (struct tsn_eop *)op;

    if (!o->e->closing && worth_again(op->err) && !o->impatient) {
        tsn_log(TSN_LOG_WARN, "op.repeated", "run", o->run_id, "error", tsn_err_name(op->err),
                NULL);
        op->err = 0;
        tsn_diag_init(&op->diag);
        eop_later(o, AGAIN_DISK_MS);
        return;
    }
    eop_finish(o);
}

void *tsn_eop_new(struct tsn_engine *e, size_t size, struct tsn_run *r,
                  tsn_err (*apply)(struct tsn_op *, struct tsn_store *),
                  void (*settled)(struct tsn_eop *))
{
    struct tsn_eop *o = tsn_op_new(size, apply, eop_done, NULL);

    o->e = e;
    o->run = r;
    o->settled = settled;
    o->epoch = e->epoch;
    o->now_ms = tsn_clock_wall_ms();
    if (r) {
        o->unwinds = r->ending != NULL;
        tsn_run_ref(r);
        o->run_id = tsn_arena_strdup(o->op.arena, r->id);
    }
    tsn_engine_ref(e);
    return o;
}

void *tsn_eop_of_step(struct tsn_step *s, size_t size,
                      tsn_err (*apply)(struct tsn_op *, struct tsn_store *),
                      void (*settled)(struct tsn_eop *))
{
    struct tsn_eop *o = tsn_eop_new(s->run->e, size, s->run, apply, settled);

    o->step = s;
    /* A step of the playbook's own is none of what is done to take things back. */
    o->unwinds = o->unwinds && tsn_path_undoes(s->path);
    s->ops++;
    tsn_step_ref(s);
    return o;
}

static tsn_err eop_send(struct tsn_eop *o)
{
    if (o->reads)
        return tsn_reader_submit(o->e->config.reader, &o->op);
    return tsn_writer_submit(o->e->config.writer, &o->op, TSN_LANE_RUNS);
}

/* Timer: the waiting ops in order, until the store refuses again. */
static void eop_again(void *engine)
{
    struct tsn_engine *e = engine;
    struct tsn_eop *o;

    tsn_engine_ref(e);
    while (!e->closing && (o = e->later_first) != NULL) {
        tsn_err err = o->op.err ? o->op.err : eop_send(o);

        if (worth_again(err) && !o->op.err) {
            tsn_timer_arm(e->later_timer, AGAIN_FULL_MS);
            break;
        }
        e->later_first = o->later_next;
        if (!e->later_first)
            e->later_last = NULL;
        if (err) {
            o->op.err = err;
            eop_finish(o);
        }
    }
    tsn_engine_unref(e);
}

void tsn_eop_submit(struct tsn_eop *o)
{
    struct tsn_engine *e = o->e;
    tsn_err err = TSN_EFULL;

    if (!e->later_timer)
        e->later_timer = tsn_timer_new(e->config.loop, eop_again, e);
    if (o->op.err) /* refused before it was sent */
        err = o->op.err;
    else if (!e->later_first || o->reads || o->impatient)
        err = eop_send(o);
    if (!err)
        return;
    /* A refusal is answered in a fresh turn, as an answer would be. */
    if (!worth_again(err) || o->impatient)
        o->op.err = err;
    eop_later(o, o->op.err ? 0 : AGAIN_FULL_MS);
}

void tsn_eop_close(struct tsn_engine *e)
{
    struct tsn_eop *o;

    while ((o = e->later_first) != NULL) {
        e->later_first = o->later_next;
        eop_finish(o);
    }
    e->later_last = NULL;
    tsn_timer_destroy(e->later_timer);
    e->later_timer = NULL;
}

static tsn_err fenced(struct tsn_eop *o, const struct tsn_owned *own, tsn_err err)
{
    o->stale = !err && own->row.unwinding && !o->unwinds;
    return o->stale ? TSN_ELOST : err;
}

tsn_err tsn_eop_own(struct tsn_eop *o, struct tsn_store *st, struct tsn_owned *own)
{
    return fenced(o, own, tsn_run_own(st, o->op.arena, o->run_id, o->epoch, own));
}

tsn_err tsn_eop_own_whole(struct tsn_eop *o, struct tsn_store *st, struct tsn_owned *own)
{
    return fenced(o, own, tsn_run_own_whole(st, o->op.arena, o->run_id, o->epoch, own));
}

tsn_err tsn_eop_own_open(struct tsn_eop *o, struct tsn_store *st, const char *path,
                         struct tsn_owned *own)
{
    struct tsn_past past;
    tsn_err err = tsn_eop_own(o, st, own);

    if (!o->stale)
        return err;
    err = tsn_past_read(st, o->op.arena, o->run_id, false, &past);
    if (err)
        return err;
    o->stale = !tsn_past_find(&past, path);
    return o->stale ? TSN_ELOST : 0;
}

bool tsn_eop_ok(struct tsn_eop *o)
{
    struct tsn_run *r = o->run;
    tsn_err err = o->op.err;

    if (!err)
        return !r->dead && !(o->step && o->step->gone);
    if (r->dead)
        return false;
    if (o->stale) {
        /* What is on record says how it goes on. */
        if (r->phase == TSN_PHASE_ENDING)
            r->phase = TSN_PHASE_STEP;
        tsn_run_reload(r);
        return false;
    }
    switch (tsn_err_class(err)) {
    case TSN_CLASS_OK:
        return true;
    case TSN_CLASS_LOST:
        /* Over, or somebody else's: whatever we were about to do must not happen. */
        tsn_log(TSN_LOG_INFO, "run.lost", "run", r->id, "error", tsn_err_name(err), NULL);
        tsn_run_forget(r);
        return false;
    case TSN_CLASS_BUG:
    case TSN_CLASS_INPUT:
    case TSN_CLASS_RETRY:
    case TSN_CLASS_FINAL:
    case TSN_CLASS_KILLED:
        tsn_log(TSN_LOG_ERROR, "run.op_failed", "run", r->id, "error", tsn_err_name(err), "why",
                o->op.diag.what, NULL);
        tsn_run_stuck(r, "R070", o->op.diag.what[0] ? o->op.diag.what : tsn_err_text(err));
        return false;
    }
    return false;
}
