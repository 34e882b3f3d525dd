/* call_policy.c - when a call is tried again, and how many calls of one action are under way at once.
 *
 * A policy is what the action declares, changed by `retry` of the call. What counts are tries on
 * record and a deadline that stands with the intent, so a restart gives nobody more of them. The gate
 * lets a call begin (its intent too) when its action has room: what waits there has not begun.
 * Loop thread.
 */
#include "engine/engine_impl.h"

#include <stdlib.h>
#include <string.h>
#include "core/clock.h"
#include "core/json.h"
#include "core/log.h"
#include "core/rand.h"

#define ATTEMPTS     5
#define FIRST_MS     1000
#define MAX_MS       300000
#define ATTEMPTS_MAX 100

static bool lists(const json_t *on, const char *word, bool otherwise)
{
    json_t *v;
    size_t i;

    if (!json_is_array(on))
        return otherwise;
    json_array_foreach(on, i, v)
    {
        if (json_is_string(v) && strcmp(json_string_value(v), word) == 0)
            return true;
    }
    return false;
}

static int64_t within(int64_t v, int64_t least, int64_t most, int64_t otherwise)
{
    return v >= least && v <= most ? v : otherwise;
}

struct tsn_retry tsn_retry_of(const struct tsn_action *a, const json_t *opts)
{
    const json_t *own = json_object_get(opts, "retry"), *on = json_object_get(own, "on");
    struct tsn_retry p = {
        .attempts = a->attempts > 0 ? a->attempts : ATTEMPTS,
        .first_ms = a->retry_first_ms > 0 ? a->retry_first_ms : FIRST_MS,
        .max_ms = a->retry_max_ms > 0 ? a->retry_max_ms : MAX_MS,
        .deadline_at = tsn_json_int(opts, "deadline_at", 0),
        .unavailable = lists(on, "unavailable", true),
        .timeout = lists(on, "timeout", true),
        .failed = lists(on, "failed", false),
    };

    p.attempts = within(tsn_json_int(own, "attempts", 0), 1, ATTEMPTS_MAX, p.attempts);
    p.first_ms = within(tsn_json_int(own, "first_ms", 0), 1, TSN_STEP_FOREVER, p.first_ms);
    p.max_ms = within(tsn_json_int(own, "max_ms", 0), 1, TSN_STEP_FOREVER, p.max_ms);
    return p;
}

int64_t tsn_retry_within(const struct tsn_action *a, const json_t *opts)
{
    int64_t own = tsn_json_int(json_object_get(opts, "retry"), "within_ms", 0);

    return within(own, 1, TSN_STEP_FOREVER, a ? a->retry_within_ms : 0);
}

/* Doubling, with up to a quarter of jitter so that what failed together does not return so. */
int64_t tsn_retry_wait(const struct tsn_engine *e, const struct tsn_retry *p, int64_t attempt)
{
    int64_t ms = p->first_ms;
    uint16_t r;

    if (e->config.retry_ms)
        return e->config.retry_ms(attempt);
    for (int64_t i = 1; i < attempt && ms < p->max_ms; i++)
        ms *= 2;
    if (ms > p->max_ms)
        ms = p->max_ms;
    tsn_rand_bytes(&r, sizeof(r));
    return ms + ms / 4 * r / 65536;
}

/* --- the gate */

struct tsn_gate {
    struct tsn_gate *next;
    struct tsn_engine *e;
    const struct tsn_action *action;
    int64_t under_way;
    double tokens; /* of the rate */
    int64_t filled_mono;
    struct tsn_step *first, **end; /* waiting, in order of arrival */
    struct tsn_timer *timer;
};

static void gate_pump(void *gate);

static struct tsn_gate *gate_of(struct tsn_engine *e, const struct tsn_action *a)
{
    struct tsn_gate *g = e->gates;

    while (g && g->action != a)
        g = g->next;
    if (g)
        return g;
    g = tsn_alloc(sizeof(*g));
    g->e = e;
    g->action = a;
    g->tokens = (double)a->per_minute;
    g->filled_mono = tsn_clock_mono_ms();
    g->end = &g->first;
    g->timer = tsn_timer_new(e->config.loop, gate_pump, g);
    g->next = e->gates;
    e->gates = g;
    return g;
}

/* 0: a call may begin. Else ms until one may; -1: when another has ended. */
static int64_t gate_wait(struct tsn_gate *g)
{
    const struct tsn_action *a = g->action;
    int64_t now = tsn_clock_mono_ms();
    double per_ms = (double)a->per_minute / 60000.0;

    if (a->at_once > 0 && g->under_way >= a->at_once)
        return -1;
    if (a->per_minute <= 0)
        return 0;
    g->tokens += (double)(now - g->filled_mono) * per_ms;
    if (g->tokens > (double)a->per_minute)
        g->tokens = (double)a->per_minute;
    g->filled_mono = now;
    return g->tokens >= 1.0 ? 0 : (int64_t)((1.0 - g->tokens) / per_ms) + 1;
}

static void gate_take(struct tsn_gate *g, struct tsn_step *s)
{
    g->under_way++;
    if (g->action->per_minute > 0)
        g->tokens -= 1.0;
    s->gate = g;
}

static void gate_unlist(struct tsn_gate *g, struct tsn_step *s)
{
    struct tsn_step **at = &g->first;

    while (*at && *at != s)
        at = &(*at)->gate_next;
    if (!*at)
        return;
    *at = s->gate_next;
    if (g->end == &s->gate_next)
        g->end = at;
    s->gate_next = NULL;
}

static void gate_pump(void *gate)
{
    struct tsn_gate *g = gate;
    struct tsn_step *s;
    int64_t wait = 0;

    while (!g->e->closing && (s = g->first) != NULL && (wait = gate_wait(g)) == 0) {
        struct tsn_run *r = s->run;

        gate_unlist(g, s);
        s->queued = NULL;
        tsn_step_timer_off(s);
        gate_take(g, s);
        tsn_run_ref(r);
        tsn_step_ref(s);
        s->gate_go(s);
        tsn_step_unref(s);
        tsn_run_unref(r);
    }
    if (g->first && wait > 0)
        tsn_timer_arm(g->timer, wait);
}

void tsn_gate_enter(struct tsn_step *s, void (*go)(struct tsn_step *s))
{
    const struct tsn_action *a = s->action;
    struct tsn_gate *g;

    if (s->gate || (a->at_once <= 0 && a->per_minute <= 0)) {
        go(s);
        return;
    }
    g = gate_of(s->run->e, a);
    s->gate_go = go;
    s->queued = g;
    s->gate_next = NULL;
    *g->end = s;
    g->end = &s->gate_next;
    gate_pump(g);
}

void tsn_gate_leave(struct tsn_step *s)
{
    struct tsn_gate *g = s->gate ? s->gate : s->queued;

    if (!g)
        return;
    if (s->queued)
        gate_unlist(g, s);
    if (s->gate)
        g->under_way--;
    s->gate = s->queued = NULL;
    /* In a fresh turn: whoever leaves is in the middle of something. */
    if (g->first && !g->e->closing)
        tsn_timer_arm(g->timer, 0);
}

void tsn_gates_close(struct tsn_engine *e)
{
    struct tsn_gate *g;

    while ((g = e->gates) != NULL) {
        e->gates = g->next;
        tsn_timer_destroy(g->timer);
        free(g);
    }
}
