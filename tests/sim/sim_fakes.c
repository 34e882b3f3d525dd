/* sim_fakes.c - the scheduler, and what stands in for loop, writer, reader and children. */
#include "simworld.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/clock.h"
#include "core/frame.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/rand.h"
#include "loop/loop.h"
#include "proc/child.h"
#include "store/reader.h"
#include "store/writer.h"
#include "worker/worker.h"

#define BASE_WALL INT64_C(1790000000000)

struct tsn_timer {
    struct tsn_timer *next;
    void (*fn)(void *user);
    void *user;
    int64_t due; /* INT64_MAX = not armed */
    uint64_t no;
};

struct later {
    struct later *next;
    void (*fn)(void *user);
    void *user;
    int64_t due;
};

struct ops {
    struct tsn_op *first, **end;
};

struct tsn_child {
    struct tsn_child *next;
    struct tsn_child_config config;
    struct tsn_worker *worker;
    struct tsn_buf in, out; /* bytes on their way to and from the worker */
    bool dead;
    int pid;
};

static struct {
    uint64_t rng, trace, timer_no;
    struct tsn_store *st;
    struct sim_faults faults;
    int64_t mono, skew;
    struct tsn_timer *timers;
    struct later *laters;
    struct ops writing, written, reading, read;
    struct tsn_child *children;
    int pids;
    bool crashed, losing;
    unsigned hostile;
} sim;

/* --- the seed */

uint64_t sim_rand(uint64_t below)
{
    sim.rng += 0x9e3779b97f4a7c15u;
    uint64_t z = sim.rng;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    return below ? z % below : z;
}

void sim_note(const void *p, size_t n)
{
    const unsigned char *b = p;

    for (size_t i = 0; i < n; i++)
        sim.trace = (sim.trace ^ b[i]) * 1099511628211u;
}

uint64_t sim_trace(void)
{
    return sim.trace;
}

void sim_lose_workers(void)
{
    sim.losing = true;
}

void sim_hostile(unsigned n)
{
    sim.hostile = n;
}

struct tsn_store *sim_store(void)
{
    return sim.st;
}

static int64_t wall(void *user)
{
    (void)user;
    return BASE_WALL + sim.mono + sim.skew;
}

static int64_t mono(void *user)
{
    (void)user;
    return 1000 + sim.mono;
}

int64_t sim_wall(void)
{
    return wall(NULL);
}

static void queue_init(struct ops *q)
{
    q->first = NULL;
    q->end = &q->first;
}

static void queue_put(struct ops *q, struct tsn_op *op)
{
    op->next = NULL;
    *q->end = op;
    q->end = &op->next;
}

static struct tsn_op *queue_take(struct ops *q)
{
    struct tsn_op *op = q->first;

    q->first = op->next;
    if (!q->first)
        q->end = &q->first;
    op->next = NULL;
    return op;
}

void sim_begin(uint64_t seed, struct tsn_store *st, const struct sim_faults *faults)
{
    static const struct tsn_clock_source source = {wall, mono, NULL};

    memset(&sim, 0, sizeof(sim));
    sim.rng = seed * 0x2545f4914f6cdd1du + 1;
    sim.trace = 1469598103934665603u;
    sim.st = st;
    sim.faults = *faults;
    queue_init(&sim.writing);
    queue_init(&sim.written);
    queue_init(&sim.reading);
    queue_init(&sim.read);
    tsn_clock_set(&source);
    tsn_rand_seed(seed + 1);
}

void sim_end(void)
{
    tsn_clock_set(NULL);
    tsn_rand_seed(0);
}

/* --- loop */

struct tsn_timer *tsn_timer_new(struct tsn_loop *loop, void (*fn)(void *user), void *user)
{
    struct tsn_timer *t = tsn_alloc(sizeof(*t));

    (void)loop;
    t->fn = fn;
    t->user = user;
    t->due = INT64_MAX;
    t->no = ++sim.timer_no;
    t->next = sim.timers;
    sim.timers = t;
    return t;
}

void tsn_timer_arm(struct tsn_timer *t, int64_t ms)
{
    t->due = sim.mono + (ms > 0 ? ms : 0);
}

void tsn_timer_disarm(struct tsn_timer *t)
{
    t->due = INT64_MAX;
}

void tsn_timer_destroy(struct tsn_timer *t)
{
    struct tsn_timer **at = &sim.timers;

    if (!t)
        return;
    while (*at != t)
        at = &(*at)->next;
    *at = t->next;
    free(t);
}

void sim_later(int64_t ms, void (*fn)(void *user), void *user)
{
    struct later *l = tsn_alloc(sizeof(*l)), **at = &sim.laters;

    l->fn = fn;
    l->user = user;
    l->due = sim.mono + ms;
    while (*at)
        at = &(*at)->next;
    *at = l;
}

void tsn_loop_later(struct tsn_loop *loop, void (*fn)(void *user), void *user)
{
    (void)loop;
    sim_later(0, fn, user);
}

/* --- writer, reader */

tsn_err tsn_writer_submit(struct tsn_writer *w, struct tsn_op *op, enum tsn_lane lane)
{
    (void)w;
    (void)lane;
    queue_put(&sim.writing, op);
    return 0;
}

tsn_err tsn_reader_submit(struct tsn_reader *r, struct tsn_op *op)
{
    (void)r;
    queue_put(&sim.reading, op);
    return 0;
}

/* A batch: all or nothing on disk, each op alone undone when it refuses. */
static void commit_some(void)
{
    size_t n = 1 + sim_rand(4);
    struct ops batch;
    bool dies = sim_rand(10000) < sim.faults.crash;

    queue_init(&batch);
    TSN_ASSERT(tsn_store_begin(sim.st) == 0);
    for (; n > 0 && sim.writing.first; n--) {
        struct tsn_op *op = queue_take(&sim.writing);

        TSN_ASSERT(tsn_store_savepoint(sim.st) == 0);
        op->err = op->apply(op, sim.st);
        if (op->err)
            tsn_store_undo(sim.st);
        else
            TSN_ASSERT(tsn_store_release(sim.st) == 0);
        queue_put(&batch, op);
    }
    if (dies)
        tsn_store_rollback(sim.st);
    else
        TSN_ASSERT(tsn_store_commit(sim.st) == 0);
    while (batch.first)
        queue_put(&sim.written, queue_take(&batch));
    sim.crashed = sim.crashed || dies;
}

static void read_one(void)
{
    struct tsn_op *op = queue_take(&sim.reading);

    op->err = op->apply(op, sim.st);
    queue_put(&sim.read, op);
}

static void answer(struct ops *q)
{
    struct tsn_op *op = queue_take(q);

    sim_note(&op->err, sizeof(op->err));
    op->done(op);
}

/* --- children: Lua workers in this process */

static void worker_wrote(void *user, const void *p, size_t n)
{
    struct tsn_child *c = user;

    TSN_ASSERT(tsn_buf_put(&c->out, p, n) == 0);
}

tsn_err tsn_child_find(char *out, size_t cap, const char *program, struct tsn_diag *diag)
{
    (void)diag;
    (void)snprintf(out, cap, "/sim/%s", program);
    return 0;
}

tsn_err tsn_child_start(struct tsn_child **out, struct tsn_loop *loop,
                        const struct tsn_child_config *config, struct tsn_diag *diag)
{
    struct tsn_child *c = tsn_alloc(sizeof(*c)), **at = &sim.children;

    (void)loop;
    (void)diag;
    c->config = *config;
    c->pid = ++sim.pids;
    tsn_buf_init(&c->in, (size_t)TSN_FRAME_MAX * 2);
    tsn_buf_init(&c->out, (size_t)TSN_FRAME_MAX * 2);
    tsn_worker_new(&c->worker, worker_wrote, c);
    tsn_worker_hello(c->worker, "");
    while (*at)
        at = &(*at)->next;
    *at = c;
    *out = c;
    return 0;
}

tsn_err tsn_child_send(struct tsn_child *c, uint8_t type, const void *payload, size_t len)
{
    return c->dead ? TSN_ECLOSED : tsn_frame_put(&c->in, type, payload, len);
}

void tsn_child_kill(struct tsn_child *c)
{
    c->dead = true;
}

int tsn_child_pid(const struct tsn_child *c)
{
    return c->pid;
}

static void child_gone(struct tsn_child *c)
{
    struct tsn_child **at = &sim.children;

    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    c->config.on_exit(c, 0, 9, c->config.user);
    tsn_worker_destroy(c->worker);
    tsn_buf_free(&c->in);
    tsn_buf_free(&c->out);
    free(c);
}

/* The bytes of one frame reach the worker, which works until it must wait. */
static void child_hears(struct tsn_child *c)
{
    struct tsn_frame f;
    size_t used = 0;

    TSN_ASSERT(tsn_frame_get(&c->in, &f, &used) == 0 && used > 0);
    if (tsn_worker_feed(c->worker, c->in.data, used))
        c->dead = true;
    tsn_buf_shift(&c->in, used);
}

/* What a worker that was taken over might say: bytes changed, another type, something it said before,
 * about another run. */
static void lie(struct tsn_frame *f)
{
    static const uint8_t types[] = {TSN_FRAME_WANT,
                                    TSN_FRAME_ENDED,
                                    TSN_FRAME_FAILED,
                                    TSN_FRAME_DIVERGED,
                                    TSN_FRAME_LOG,
                                    TSN_FRAME_BEGAN,
                                    TSN_FRAME_IDLE,
                                    TSN_FRAME_JOINED,
                                    TSN_FRAME_DISMISS,
                                    TSN_FRAME_HELLO,
                                    99};
    static char text[8][4096];
    static size_t len[8];
    size_t keep = sim_rand(8), old = sim_rand(8);

    if (f->len < sizeof(text[0])) {
        memcpy(text[keep], f->payload, f->len);
        len[keep] = f->len;
    }
    if (sim_rand(10000) >= sim.hostile)
        return;
    switch (sim_rand(3)) {
    case 0:
        f->type = types[sim_rand(sizeof(types))];
        return;
    case 1:
        break;
    default:
        old = keep;
        for (uint64_t n = 1 + sim_rand(4); n > 0 && len[old] > 0; n--)
            text[old][sim_rand(len[old])] = (char)(32 + sim_rand(95));
        break;
    }
    f->payload = text[old];
    f->len = len[old];
}

static void child_says(struct tsn_child *c)
{
    struct tsn_frame f;
    size_t used = 0;

    TSN_ASSERT(tsn_frame_get(&c->out, &f, &used) == 0 && used > 0);
    if (sim.hostile)
        lie(&f);
    sim_note(&f.type, 1);
    if (f.type != TSN_FRAME_HELLO) /* names a process */
        sim_note(f.payload, f.len);
    c->config.on_frame(c, &f, c->config.user);
    tsn_buf_shift(&c->out, used);
}

/* --- the turn */

enum source { COMMIT, WRITTEN, READ, ANSWER, LATER, TIMER, HEAR, SAY, GONE, SOURCES };

static struct tsn_child *child_with(enum source what, size_t nth, size_t *n)
{
    struct tsn_child *found = NULL;

    *n = 0;
    for (struct tsn_child *c = sim.children; c; c = c->next) {
        bool yes = what == GONE ? c->dead
                                : !c->dead && (what == HEAR ? c->in.len > 0 : c->out.len > 0);

        if (yes && (*n)++ == nth)
            found = c;
    }
    return found;
}

static size_t laters_due(void)
{
    size_t n = 0;

    for (const struct later *l = sim.laters; l; l = l->next)
        n += l->due <= sim.mono;
    return n;
}

static struct tsn_timer *timer_due(void)
{
    struct tsn_timer *best = NULL;

    for (struct tsn_timer *t = sim.timers; t; t = t->next)
        if (t->due <= sim.mono &&
            (!best || t->due < best->due || (t->due == best->due && t->no < best->no)))
            best = t;
    return best;
}

static size_t waiting(enum source s)
{
    size_t n;

    switch (s) {
    case COMMIT:
        return sim.writing.first != NULL;
    case WRITTEN:
        return sim.written.first != NULL;
    case READ:
        return sim.reading.first != NULL;
    case ANSWER:
        return sim.read.first != NULL;
    case LATER:
        return laters_due();
    case TIMER:
        return timer_due() != NULL;
    case HEAR:
    case SAY:
    case GONE:
        (void)child_with(s, 0, &n);
        return n;
    case SOURCES:
        break;
    }
    return 0;
}

static void run_later(size_t nth)
{
    struct later **at = &sim.laters, *l;

    for (;; at = &(*at)->next)
        if ((*at)->due <= sim.mono && nth-- == 0)
            break;
    l = *at;
    *at = l->next;
    l->fn(l->user);
    free(l);
}

static void run_source(enum source s, size_t n)
{
    struct tsn_timer *t;
    size_t all;

    switch (s) {
    case COMMIT:
        commit_some();
        break;
    case WRITTEN:
        answer(&sim.written);
        break;
    case READ:
        read_one();
        break;
    case ANSWER:
        answer(&sim.read);
        break;
    case LATER:
        run_later(sim_rand(n));
        break;
    case TIMER:
        t = timer_due();
        t->due = INT64_MAX;
        t->fn(t->user);
        break;
    case HEAR:
        child_hears(child_with(HEAR, sim_rand(n), &all));
        break;
    case SAY:
        child_says(child_with(SAY, sim_rand(n), &all));
        break;
    case GONE:
        child_gone(child_with(GONE, sim_rand(n), &all));
        break;
    case SOURCES:
        break;
    }
}

/* Nothing else can happen now: time goes on to what is next. */
static bool pass_time(void)
{
    int64_t next = INT64_MAX;

    for (const struct tsn_timer *t = sim.timers; t; t = t->next)
        if (t->due < next)
            next = t->due;
    for (const struct later *l = sim.laters; l; l = l->next)
        if (l->due < next)
            next = l->due;
    if (next == INT64_MAX)
        return false;
    if (next > sim.mono)
        sim.mono = next;
    return true;
}

bool sim_turn(void)
{
    size_t n[SOURCES], total = 0, pick;
    size_t nchildren = 0;

    if (sim_rand(10000) < sim.faults.crash)
        sim.crashed = true;
    if (sim.crashed)
        return true;
    if (sim_rand(10000) < sim.faults.step)
        sim.skew += (int64_t)sim_rand(120000) - 60000;
    for (struct tsn_child *c = sim.children; c; c = c->next)
        nchildren++;
    if (nchildren && sim.losing && sim_rand(10000) < sim.faults.worker) {
        struct tsn_child *c = sim.children;

        for (pick = sim_rand(nchildren); pick > 0; pick--)
            c = c->next;
        c->dead = true;
    }
    for (int s = 0; s < SOURCES; s++) {
        n[s] = waiting((enum source)s);
        total += n[s] > 0;
    }
    if (total == 0)
        return pass_time();
    pick = sim_rand(total);
    for (int s = 0; s < SOURCES; s++) {
        if (n[s] == 0 || pick-- > 0)
            continue;
        unsigned char c = (unsigned char)s;

        sim_note(&c, 1);
        run_source((enum source)s, n[s]);
        break;
    }
    return true;
}

bool sim_crashed(void)
{
    return sim.crashed;
}

void sim_drop(void)
{
    struct ops *const queues[] = {&sim.written, &sim.read, &sim.writing, &sim.reading};
    struct later *l;

    /* The engine is closing: answers only free what they hold. */
    for (size_t i = 0; i < sizeof(queues) / sizeof(queues[0]); i++)
        while (queues[i]->first) {
            struct tsn_op *op = queue_take(queues[i]);

            op->done(op);
        }
    while (sim.children)
        child_gone(sim.children);
    while ((l = sim.laters) != NULL) {
        sim.laters = l->next;
        free(l);
    }
    TSN_ASSERT(!sim.timers);
    sim.crashed = false;
}
