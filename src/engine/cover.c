/* cover.c - what cannot be taken back waits until its intent is in a signed checkpoint that has its
 * quorum of witnesses. Loop thread, but for uncovered_apply.
 *
 * When that does not come, the configured rule decides: a person is asked (the step rests, as one
 * in doubt does), or it goes on with an entry that says so.
 */
#include "engine/engine_impl.h"

#include <stdlib.h>

#include "core/fault.h"
#include "core/log.h"

struct cover {
    struct tsn_step *step;
    void (*go)(struct tsn_step *s);
};

struct uncovered_op {
    struct tsn_eop o;
    void (*go)(struct tsn_step *s);
    const char *path, *idem;
    int64_t attempt;
};

static tsn_err uncovered_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct uncovered_op *x = (struct uncovered_op *)op;
    struct tsn_owned own;
    struct tsn_append e;
    tsn_err err = tsn_eop_own_open(&x->o, st, x->path, &own);

    if (err)
        return err;
    e = tsn_run_entry(op->arena, &own.row, "step.uncovered");
    e.step = x->path;
    e.attempt = x->attempt;
    e.idem = x->idem;
    e.outcome = "ok";
    e.reason = "V109";
    return tsn_store_append(st, &e, NULL);
}

static void uncovered_done(struct tsn_eop *o)
{
    if (tsn_eop_ok(o))
        ((struct uncovered_op *)o)->go(o->step);
}

static void go_uncovered(struct tsn_step *s, void (*go)(struct tsn_step *s))
{
    struct uncovered_op *x = tsn_eop_of_step(s, sizeof(*x), uncovered_apply, uncovered_done);

    x->go = go;
    x->path = tsn_arena_strdup(x->o.op.arena, s->path);
    x->idem = tsn_arena_strdup(x->o.op.arena, s->idem);
    x->attempt = s->attempt;
    tsn_eop_submit(&x->o);
}

static void covered(bool yes, void *user)
{
    struct cover *c = user;
    struct tsn_step *s = c->step;
    void (*go)(struct tsn_step *) = c->go;

    free(c);
    s->covering = false;
    if (s->gone || s->run->dead || s->run->e->closing) {
        tsn_step_unref(s);
        return;
    }
    if (yes || s->dismissed) {
        go(s);
    } else if (tsn_sealing_without(s->run->e->config.sealing) == TSN_NO_COVER_GO) {
        tsn_log(TSN_LOG_WARN, "step.uncovered", "run", s->run->id, "step", s->path, NULL);
        go_uncovered(s, go);
    } else {
        s->uncovered = true;
        tsn_step_doubt(s);
    }
    tsn_step_unref(s);
}

bool tsn_step_needs_cover(const struct tsn_step *s)
{
    return s->action && s->action->irreversible && s->run->e->config.sealing;
}

void tsn_step_cover(struct tsn_step *s, int64_t seq, void (*go)(struct tsn_step *s))
{
    struct cover *c;

    if (!tsn_step_needs_cover(s)) {
        go(s);
        return;
    }
    c = tsn_alloc(sizeof(*c));
    tsn_step_ref(s);
    c->step = s;
    c->go = go;
    s->covering = true;
    tsn_sealing_cover(s->run->e->config.sealing, seq, covered, c);
}
