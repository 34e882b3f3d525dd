/* loop.c - the core's one event loop: turns, the "next turn" queue and timers.
 *
 * Owns the uv_loop_t and one idle handle that is active only while something waits for the next
 * turn. Loop thread only.
 */
#include "loop/loop.h"

#include <signal.h>
#include <stdlib.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/mem.h"

struct later {
    void (*fn)(void *user);
    void *user;
};

struct later_queue {
    struct later *items;
    size_t n, cap;
};

struct tsn_loop {
    uv_loop_t uv;
    uv_idle_t idle;
    uv_check_t check;
    struct later_queue waiting; /* filled during this turn */
    struct later_queue running; /* being run in this turn */
    size_t running_at;
    bool inside, stopping;
    struct tsn_timer *simulated; /* armed ones, in order of arming; only in simulated time */
    bool simulates;
    uint64_t last_check_ns, last_idle_ns;
    int64_t worst_us;
};

struct tsn_timer {
    uv_timer_t uv;
    struct tsn_loop *loop;
    void (*fn)(void *user);
    void *user;
    bool due;               /* sits in the next-turn queue */
    struct tsn_timer *next; /* simulated time: armed ones */
    int64_t at;             /* simulated time: 0 = not armed */
};

static void queue_put(struct later_queue *q, void (*fn)(void *), void *user)
{
    if (q->n == q->cap) {
        q->cap = q->cap ? q->cap * 2 : 32;
        q->items = tsn_realloc(q->items, q->cap * sizeof(*q->items));
    }
    q->items[q->n++] = (struct later){fn, user};
}

/* What is added while the queue runs belongs to the next turn: otherwise two parties that call
 * each other "later" would starve sockets and timers. */
static void on_idle(uv_idle_t *idle)
{
    struct tsn_loop *loop = idle->data;
    struct later_queue swap = loop->running;
    loop->running = loop->waiting;
    loop->waiting = swap;
    loop->waiting.n = 0;
    for (loop->running_at = 0; loop->running_at < loop->running.n;) {
        struct later item = loop->running.items[loop->running_at++];
        if (item.fn)
            item.fn(item.user);
    }
    loop->running.n = 0;
    if (loop->waiting.n == 0)
        uv_idle_stop(idle);
}

/* One turn lasts from one check to the next, less the time spent waiting in the kernel. */
static void on_check(uv_check_t *check)
{
    struct tsn_loop *loop = check->data;
    uint64_t now = uv_hrtime();
    uint64_t idle = uv_metrics_idle_time(&loop->uv);
    if (loop->last_check_ns) {
        int64_t busy =
            (int64_t)(now - loop->last_check_ns) - (int64_t)(idle - loop->last_idle_ns);
        if (busy / 1000 > loop->worst_us)
            loop->worst_us = busy / 1000;
    }
    loop->last_check_ns = now;
    loop->last_idle_ns = idle;
}

tsn_err tsn_loop_open(struct tsn_loop **out)
{
    struct tsn_loop *loop = tsn_alloc(sizeof(*loop));
    /* A peer that goes away must be an error of that write, never the end of the process. */
    signal(SIGPIPE, SIG_IGN);
    if (uv_loop_init(&loop->uv) != 0) {
        free(loop);
        return TSN_EIO;
    }
    uv_loop_configure(&loop->uv, UV_METRICS_IDLE_TIME);
    loop->uv.data = loop;
    uv_idle_init(&loop->uv, &loop->idle);
    uv_check_init(&loop->uv, &loop->check);
    loop->idle.data = loop;
    loop->check.data = loop;
    uv_check_start(&loop->check, on_check);
    uv_unref((uv_handle_t *)&loop->check);
    *out = loop;
    return 0;
}

static void find_closing(uv_handle_t *h, void *arg)
{
    if (uv_is_closing(h))
        *(bool *)arg = true;
}

/* True while the next turn has work that is already decided. */
static bool unfinished(struct tsn_loop *loop)
{
    bool closing = loop->waiting.n > 0;
    if (!closing)
        uv_walk(&loop->uv, find_closing, &closing);
    return closing;
}

void tsn_loop_run(struct tsn_loop *loop)
{
    loop->last_check_ns = 0;
    if (!loop->stopping) {
        loop->inside = true;
        uv_run(&loop->uv, UV_RUN_DEFAULT);
        loop->inside = false;
    }
    for (int i = 0; loop->stopping && i < 1000 && unfinished(loop); i++)
        uv_run(&loop->uv, UV_RUN_NOWAIT);
    loop->stopping = false;
}

void tsn_loop_stop(struct tsn_loop *loop)
{
    loop->stopping = true;
    if (loop->inside) /* else uv would keep the request for a later run */
        uv_stop(&loop->uv);
}

static void name_open(uv_handle_t *h, void *arg)
{
    struct tsn_loop *loop = arg;
    if (!uv_is_closing(h) && h != (uv_handle_t *)&loop->idle &&
        h != (uv_handle_t *)&loop->check)
        tsn_log(TSN_LOG_ERROR, "loop.handle_leaked", "type",
                uv_handle_type_name(uv_handle_get_type(h)), NULL);
}

void tsn_loop_close(struct tsn_loop *loop)
{
    if (!loop)
        return;
    for (int i = 0; i < 1000 && unfinished(loop); i++)
        uv_run(&loop->uv, UV_RUN_NOWAIT);
    uv_walk(&loop->uv, name_open, loop);
    uv_close((uv_handle_t *)&loop->idle, NULL);
    uv_close((uv_handle_t *)&loop->check, NULL);
    uv_run(&loop->uv, UV_RUN_NOWAIT);
    if (uv_loop_close(&loop->uv) != 0)
        return; /* a leaked handle still points here */
    free(loop->waiting.items);
    free(loop->running.items);
    free(loop);
}

uv_loop_t *tsn_loop_uv(struct tsn_loop *loop)
{
    return &loop->uv;
}

int64_t tsn_loop_worst_turn_us(struct tsn_loop *loop)
{
    int64_t worst = loop->worst_us;
    loop->worst_us = 0;
    return worst;
}

void tsn_loop_later(struct tsn_loop *loop, void (*fn)(void *user), void *user)
{
    queue_put(&loop->waiting, fn, user);
    if (!uv_is_active((uv_handle_t *)&loop->idle))
        uv_idle_start(&loop->idle, on_idle);
}

bool tsn_loop_pending(const struct tsn_loop *loop)
{
    return loop->waiting.n > 0 || loop->running_at < loop->running.n;
}

/* --- simulated time --- */

void tsn_loop_simulate(struct tsn_loop *loop)
{
    loop->simulates = true;
}

int64_t tsn_loop_next_due(const struct tsn_loop *loop)
{
    int64_t at = INT64_MAX;
    for (const struct tsn_timer *t = loop->simulated; t; t = t->next)
        at = t->at < at ? t->at : at;
    return at;
}

static void simulated_arm(struct tsn_timer *t, int64_t ms)
{
    struct tsn_timer **end = &t->loop->simulated;
    while (*end)
        end = &(*end)->next;
    t->at = tsn_clock_mono_ms() + ms;
    t->next = NULL;
    *end = t;
}

static void simulated_disarm(struct tsn_timer *t)
{
    struct tsn_timer **p = &t->loop->simulated;
    if (!t->at)
        return;
    while (*p != t)
        p = &(*p)->next;
    *p = t->next;
    t->at = 0;
}

void tsn_loop_fire(struct tsn_loop *loop)
{
    int64_t at;
    while ((at = tsn_loop_next_due(loop)) <= tsn_clock_mono_ms()) {
        struct tsn_timer *t = loop->simulated;
        while (t->at != at)
            t = t->next;
        simulated_disarm(t);
        t->fn(t->user); /* may destroy t */
    }
}

/* --- timers --- */

static void timer_due(void *arg)
{
    struct tsn_timer *t = arg;
    t->due = false;
    t->fn(t->user); /* may destroy t */
}

static void on_timer(uv_timer_t *uv)
{
    struct tsn_timer *t = uv->data;
    t->fn(t->user); /* may destroy t */
}

struct tsn_timer *tsn_timer_new(struct tsn_loop *loop, void (*fn)(void *user), void *user)
{
    struct tsn_timer *t = tsn_alloc(sizeof(*t));
    t->loop = loop;
    t->fn = fn;
    t->user = user;
    uv_timer_init(&loop->uv, &t->uv);
    t->uv.data = t;
    return t;
}

static void forget(struct later_queue *q, size_t from, const struct tsn_timer *t)
{
    for (size_t i = from; i < q->n; i++)
        if (q->items[i].fn == timer_due && q->items[i].user == t)
            q->items[i].fn = NULL;
}

void tsn_timer_disarm(struct tsn_timer *t)
{
    uv_timer_stop(&t->uv);
    simulated_disarm(t);
    if (t->due) {
        forget(&t->loop->waiting, 0, t);
        forget(&t->loop->running, t->loop->running_at, t);
        t->due = false;
    }
}

void tsn_timer_arm(struct tsn_timer *t, int64_t ms)
{
    tsn_timer_disarm(t);
    if (ms <= 0) {
        /* Not a zero uv timer: armed again inside its callback, that would never let the turn
         * end. */
        t->due = true;
        tsn_loop_later(t->loop, timer_due, t);
        return;
    }
    if (t->loop->simulates) {
        simulated_arm(t, ms);
        return;
    }
    uv_update_time(&t->loop->uv); /* count from now, not from the start of a long turn */
    uv_timer_start(&t->uv, on_timer, (uint64_t)ms, 0);
}

static void timer_closed(uv_handle_t *h)
{
    free(h->data);
}

void tsn_timer_destroy(struct tsn_timer *t)
{
    if (!t)
        return;
    tsn_timer_disarm(t);
    uv_close((uv_handle_t *)&t->uv, timer_closed);
}
