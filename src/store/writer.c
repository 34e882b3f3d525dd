/* writer.c - group commit: everything that waits goes into one transaction. See writer.h.
 *
 * While a commit syncs, the next batch gathers; so a lone op commits at once and a crowd shares
 * one sync. The writer thread runs work(); the rest is the loop thread.
 */
#include "store/writer.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "core/fault.h"
#include "core/log.h"
#include "core/mem.h"
#include "store/op_thread.h"

#define BULK_SLICE  64
#define BATCH_BYTES ((size_t)1 << 20)
#define BEGIN_TRIES 12

struct tsn_writer {
    struct tsn_store *st;
    struct tsn_op_thread *thread;
    void (*on_dead)(tsn_err err, void *user);
    void *user;
    void (*watch)(void *user);
    void *watch_user;
    bool frozen;
    _Atomic uint64_t ops, batches, failed;
    _Atomic int64_t commit_us;
};

static int64_t now_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* One op in its savepoint. Returns only what ends the writer. */
static tsn_err apply_one(struct tsn_writer *w, struct tsn_op *op)
{
    tsn_err err = tsn_store_savepoint(w->st);

    if (err)
        return err;
    op->err = op->apply(op, w->st);
    /* Whatever apply made of it: after a full or broken disk nothing is answered. */
    if (tsn_store_dead(w->st))
        return tsn_store_dead(w->st);
    if (op->err) {
        tsn_store_undo(w->st);
        w->failed++;
        return tsn_store_dead(w->st);
    }
    return tsn_store_release(w->st);
}

/* Somebody else may hold the file for a moment (a backup, a shell); nothing is lost by waiting. */
static tsn_err begin(struct tsn_writer *w)
{
    tsn_err err = tsn_store_begin(w->st);

    for (int i = 1; err == TSN_EBUSY && i < BEGIN_TRIES; i++) {
        tsn_log(TSN_LOG_WARN, "store.waits", "why", "another process holds the database", NULL);
        err = tsn_store_begin(w->st); /* waits five seconds by itself */
    }
    return err;
}

static tsn_err work(struct tsn_op *batch, struct tsn_op **rest, void *user)
{
    struct tsn_writer *w = user;
    uint64_t n = 0;
    int64_t began;
    tsn_err err = begin(w);

    for (struct tsn_op *op = batch; op && !err; op = op->next) {
        err = apply_one(w, op);
        n++;
        if (tsn_store_batch_bytes(w->st) >= BATCH_BYTES) {
            *rest = op->next;
            op->next = NULL;
        }
    }
    if (err) {
        tsn_store_rollback(w->st);
        return err;
    }
    tsn_fault("writer.before_commit");
    began = now_us();
    err = tsn_store_commit(w->st);
    if (err)
        return err;
    w->commit_us = now_us() - began;
    w->ops += n;
    w->batches++;
    tsn_fault("writer.after_commit");
    return 0;
}

static void dead(tsn_err err, void *user)
{
    struct tsn_writer *w = user;

    if (w->on_dead)
        w->on_dead(err, w->user);
}

static void batch_done(void *user)
{
    struct tsn_writer *w = user;

    if (w->watch)
        w->watch(w->watch_user);
}

void tsn_writer_watch(struct tsn_writer *w, void (*fn)(void *user), void *user)
{
    w->watch = fn;
    w->watch_user = user;
}

void tsn_writer_freeze(struct tsn_writer *w, bool frozen)
{
    w->frozen = frozen;
}

bool tsn_writer_frozen(const struct tsn_writer *w)
{
    return w->frozen;
}

tsn_err tsn_writer_open(struct tsn_writer **out, struct tsn_loop *loop, struct tsn_store *st,
                        void (*on_dead)(tsn_err err, void *user), void *user)
{
    struct tsn_writer *w = tsn_alloc(sizeof(*w));
    struct tsn_op_thread_config config = {.batch = TSN_WRITER_BATCH,
                                          .slice = BULK_SLICE,
                                          .queue = TSN_WRITER_QUEUE,
                                          .work = work,
                                          .on_dead = dead,
                                          .on_batch = batch_done,
                                          .user = w};
    tsn_err err;

    w->st = st;
    w->on_dead = on_dead;
    w->user = user;
    err = tsn_op_thread_open(&w->thread, loop, &config);
    if (err) {
        free(w);
        return err;
    }
    *out = w;
    return 0;
}

tsn_err tsn_writer_submit(struct tsn_writer *w, struct tsn_op *op, enum tsn_lane lane)
{
    if (w->frozen)
        return TSN_EDENIED;
    return tsn_op_thread_submit(w->thread, op, lane == TSN_LANE_RUNS ? 0 : 1);
}

bool tsn_writer_full(const struct tsn_writer *w)
{
    /* Before the very end, so that running steps still find room. */
    return tsn_op_thread_queued(w->thread) >= (size_t)TSN_WRITER_QUEUE / 8 * 7;
}

bool tsn_writer_idle(const struct tsn_writer *w)
{
    return tsn_op_thread_pending(w->thread) == 0;
}

void tsn_writer_stats(struct tsn_writer *w, struct tsn_writer_stats *out)
{
    out->ops = w->ops;
    out->batches = w->batches;
    out->failed = w->failed;
    out->queued = tsn_op_thread_queued(w->thread);
    out->commit_us_last = w->commit_us;
}

void tsn_writer_close(struct tsn_writer *w)
{
    if (!w)
        return;
    tsn_op_thread_close(w->thread);
    tsn_store_close(w->st);
    free(w);
}
