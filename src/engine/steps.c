/* steps.c - the open steps of a run in memory, and how a run comes to rest.
 *
 * A run may have many steps open at once, one for each branch. It rests when none of them needs
 * this process: then its row says so, and nearly all of its memory is given back.
 * Loop thread, but for tsn_rest_put and the apply function.
 */
#include "engine/engine_impl.h"

#include <stdlib.h>
#include <string.h>
#include "core/clock.h"
#include "core/text.h"

struct tsn_step *tsn_step_new(struct tsn_run *r, const char *path)
{
    struct tsn_step *s = tsn_alloc(sizeof(*s)), **at = &r->steps;

    s->run = r;
    s->refs = 1;
    (void)tsn_copy(s->path, sizeof(s->path), path);
    tsn_run_idem(s->idem, r->id, s->path);
    while (*at)
        at = &(*at)->next;
    *at = s;
    return s;
}

struct tsn_step *tsn_step_find(const struct tsn_run *r, const char *path)
{
    struct tsn_step *s = r->steps;

    while (s && strcmp(s->path, path) != 0)
        s = s->next;
    return s;
}

void tsn_step_ref(struct tsn_step *s)
{
    s->refs++;
}

void tsn_step_unref(struct tsn_step *s)
{
    if (--s->refs > 0)
        return;
    free(s->name);
    free(s->request);
    json_decref(s->args);
    json_decref(s->opts);
    json_decref(s->join_result);
    free(s);
}

void tsn_step_remove(struct tsn_step *s)
{
    struct tsn_step **at = &s->run->steps;

    if (s->gone)
        return;
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    s->next = NULL;
    s->gone = true;
    tsn_call_cancel(s);
    tsn_gate_leave(s);
    tsn_timer_destroy(s->timer);
    s->timer = NULL;
    s->timing = false;
    tsn_step_unref(s);
}

void tsn_steps_clear(struct tsn_run *r)
{
    struct tsn_step *next;

    for (struct tsn_step *s = r->steps; s; s = next) {
        next = s->next;
        tsn_step_remove(s);
    }
}

bool tsn_step_busy(const struct tsn_step *s)
{
    return s->ops > 0 || s->call || s->timing || s->covering || s->queued;
}

bool tsn_step_waits(const struct tsn_step *s)
{
    switch (s->kind) {
    case TSN_J_SLEEP:
    case TSN_J_WAIT:
    case TSN_J_ASK:
    case TSN_J_APPROVE:
    case TSN_J_JOIN:
        return true;
    case TSN_J_CALL:
    case TSN_J_START:
    case TSN_J_PARALLEL:
    case TSN_J_UNDO:
    case TSN_J_RESTART:
    case TSN_J_END:
        return false;
    }
    return false;
}

/* --- the step's own timer */

static void step_timer_fired(void *user)
{
    struct tsn_step *s = user;
    struct tsn_run *r = s->run;

    tsn_run_ref(r);
    tsn_step_ref(s);
    s->timing = false;
    if (!s->gone && s->timer_fn)
        s->timer_fn(s);
    tsn_step_unref(s);
    tsn_run_unref(r);
}

void tsn_step_timer(struct tsn_step *s, int64_t ms, void (*fn)(struct tsn_step *s))
{
    if (s->gone || s->run->e->closing)
        return;
    if (!s->timer)
        s->timer = tsn_timer_new(s->run->e->config.loop, step_timer_fired, s);
    s->timer_fn = fn;
    s->timing = true;
    tsn_timer_arm(s->timer, ms);
}

void tsn_step_timer_off(struct tsn_step *s)
{
    s->timing = false;
    if (s->timer)
        tsn_timer_disarm(s->timer);
}

/* --- branches */

/* "0.4b2.1" belongs to the branch "0.4b2", "0.4" to "0". */
static size_t branch_len(const char *path)
{
    return (size_t)(strrchr(path, '.') - path);
}

static char *tip_of(const struct tsn_run *r, const char *path)
{
    size_t n = branch_len(path);

    for (size_t i = 0; i < r->ntips; i++)
        if (branch_len(r->tips[i]) == n && strncmp(r->tips[i], path, n) == 0)
            return r->tips[i];
    return NULL;
}

const char *tsn_run_tip(const struct tsn_run *r, const char *path)
{
    const char *tip = tip_of(r, path);

    return tip ? tip : "";
}

static int64_t number_of(const char *path)
{
    return strtoll(strrchr(path, '.') + 1, NULL, 10);
}

void tsn_run_tip_set(struct tsn_run *r, const char *path)
{
    char *tip = tip_of(r, path);

    if (tip && number_of(tip) >= number_of(path))
        return;
    if (!tip) {
        if (r->ntips == r->tips_cap) {
            r->tips_cap = r->tips_cap ? r->tips_cap * 2 : 1;
            r->tips = tsn_realloc(r->tips, r->tips_cap * sizeof(*r->tips));
        }
        tip = r->tips[r->ntips++];
    }
    (void)tsn_copy(tip, sizeof(*r->tips), path);
}

/* --- rest */

struct tsn_rest tsn_run_rest(const struct tsn_run *r)
{
    struct tsn_rest rest = {
        .rests = !r->due && !r->again, .state = NULL, .seen = r->deliver_no};
    bool asked = false, doubt = false;

    for (const struct tsn_step *s = r->steps; s; s = s->next) {
        bool waits = s->rests || (tsn_step_waits(s) && !s->call && !s->timing);

        if (s->kind == TSN_J_PARALLEL && !tsn_step_busy(s))
            continue;
        rest.rests = rest.rests && waits;
        asked = asked || s->kind == TSN_J_ASK || s->kind == TSN_J_APPROVE;
        doubt = doubt || s->last == TSN_LAST_DOUBT;
        if (s->wake_at > 0 && (rest.wake_at == 0 || s->wake_at < rest.wake_at))
            rest.wake_at = s->wake_at;
    }
    if (doubt)
        rest.state = "in_doubt";
    else if (asked ||
             (rest.wake_at > 0 && rest.wake_at - tsn_clock_wall_ms() <= r->e->config.park_ms))
        rest.state = "waiting";
    else
        rest.state = "parked";
    return rest;
}

bool tsn_rest_put(struct tsn_owned *own, const struct tsn_rest *rest, const char *reason)
{
    bool rests = rest->rests && own->row.deliver_no == rest->seen;

    if (rests) {
        own->row.state = rest->state;
        own->row.reason = reason;
    } else {
        tsn_run_works(own);
    }
    own->row.attempts = 0;
    own->row.wake_at = rests ? rest->wake_at : 0;
    return rests;
}

struct rest_op {
    struct tsn_eop o;
    struct tsn_rest rest;
    bool rests; /* out */
};

static tsn_err rest_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct rest_op *x = (struct rest_op *)op;
    struct tsn_owned own;
    tsn_err err = tsn_eop_own(&x->o, st, &own);

    if (err)
        return err;
    x->rests = tsn_rest_put(&own, &x->rest, own.row.reason);
    return tsn_run_save(st, &own, x->o.epoch);
}

/* Not at rest after all: what was settled meanwhile comes with a wake of its own. */
static void rest_done(struct tsn_eop *o)
{
    struct rest_op *x = (struct rest_op *)o;

    o->run->resting = false;
    if (!tsn_eop_ok(o) || !x->rests)
        return;
    o->run->rested = true;
    tsn_run_settle_down(o->run);
}

static bool settled_in(const struct tsn_run *r)
{
    for (const struct tsn_step *s = r->steps; s; s = s->next)
        if (tsn_step_busy(s) || (!s->rests && s->kind != TSN_J_PARALLEL))
            return false;
    return r->steps && !r->due && !r->again;
}

void tsn_run_settle_down(struct tsn_run *r)
{
    struct tsn_rest rest;

    if (r->dead || r->phase != TSN_PHASE_STEP || !settled_in(r))
        return;
    rest = tsn_run_rest(r);
    if (!r->rested) {
        struct rest_op *x;

        if (r->resting)
            return;
        x = tsn_eop_new(r->e, sizeof(*x), r, rest_apply, rest_done);
        x->rest = rest;
        r->resting = true;
        tsn_eop_submit(&x->o);
        return;
    }
    if (rest.wake_at > 0 && rest.wake_at - tsn_clock_wall_ms() <= r->e->config.park_ms)
        tsn_run_wake_at(r, rest.wake_at);
    else
        tsn_run_park(r, rest.wake_at);
}
