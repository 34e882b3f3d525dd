/* op.c - ops and the thread that works through them: what writer and reader share.
 *
 * A queue with two lanes, one thread, one mailbox back to the loop. Any thread may look at the
 * counters; submit is for the loop thread.
 */
#include "store/op_thread.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "loop/mailbox.h"

void *tsn_op_new(size_t size, tsn_err (*apply)(struct tsn_op *, struct tsn_store *),
                 void (*done)(struct tsn_op *), void *user)
{
    struct tsn_arena *arena = tsn_arena_new();
    struct tsn_op *op = tsn_arena_alloc(arena, size);

    op->arena = arena;
    op->apply = apply;
    op->done = done;
    op->user = user;
    return op;
}

void tsn_op_destroy(struct tsn_op *op)
{
    if (op)
        tsn_arena_destroy(op->arena);
}

struct lane {
    struct tsn_op *first, **tail;
    size_t n;
};

/* What comes back: a worked batch, or the news that the thread has ended. */
struct answer {
    struct tsn_msg msg;
    struct tsn_op *ops;
    tsn_err dead;
};

struct tsn_op_thread {
    struct tsn_op_thread_config config;
    struct tsn_mailbox *box;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct lane lanes[2];
    struct tsn_op *unanswered; /* of a batch whose commit failed */
    bool stopping, dead;
    size_t pending; /* the loop thread's */
};

static void lane_put(struct lane *l, struct tsn_op *op)
{
    op->next = NULL;
    if (!l->first)
        l->tail = &l->first;
    *l->tail = op;
    l->tail = &op->next;
    l->n++;
}

/* Moves up to max ops to the end of a list. */
static struct tsn_op **lane_take(struct lane *l, size_t max, struct tsn_op **tail)
{
    for (; l->first && max > 0; max--) {
        struct tsn_op *op = l->first;

        l->first = op->next;
        l->n--;
        op->next = NULL;
        *tail = op;
        tail = &op->next;
    }
    return tail;
}

/* Ops of one lane back to its front, in their order. */
static void lane_put_back(struct lane *l, struct tsn_op *first, struct tsn_op **tail, size_t n)
{
    if (n == 0)
        return;
    *tail = l->first;
    if (!l->first)
        l->tail = tail;
    l->first = first;
    l->n += n;
}

static void put_back(struct tsn_op_thread *t, struct tsn_op *rest)
{
    struct tsn_op *first[2] = {NULL, NULL}, **tail[2] = {&first[0], &first[1]}, *next;
    size_t n[2] = {0, 0};

    for (; rest; rest = next) {
        next = rest->next;
        rest->next = NULL;
        *tail[rest->lane] = rest;
        tail[rest->lane] = &rest->next;
        n[rest->lane]++;
    }
    pthread_mutex_lock(&t->lock);
    for (int i = 0; i < 2; i++)
        lane_put_back(&t->lanes[i], first[i], tail[i], n[i]);
    pthread_mutex_unlock(&t->lock);
}

static struct tsn_op *take_batch(struct tsn_op_thread *t)
{
    struct tsn_op *batch = NULL, **tail;

    pthread_mutex_lock(&t->lock);
    while (!t->stopping && t->lanes[0].n + t->lanes[1].n == 0)
        pthread_cond_wait(&t->wake, &t->lock);
    tail = lane_take(&t->lanes[0], t->config.batch, &batch);
    lane_take(&t->lanes[1], t->config.slice, tail);
    pthread_mutex_unlock(&t->lock);
    return batch;
}

static void answer(struct tsn_op_thread *t, struct tsn_op *ops, tsn_err dead)
{
    struct answer *a = tsn_alloc(sizeof(*a));
    tsn_err err;

    a->ops = ops;
    a->dead = dead;
    err = tsn_mailbox_send(t->box, &a->msg);
    TSN_ASSERT(err == 0); /* the mailbox closes only after this thread has ended */
}

static void *work(void *arg)
{
    struct tsn_op_thread *t = arg;
    struct tsn_op *batch, *rest;
    tsn_err err;

    while ((batch = take_batch(t)) != NULL) {
        rest = NULL;
        err = t->config.work(batch, &rest, t->config.user);
        put_back(t, rest);
        if (!err) {
            answer(t, batch, 0);
            continue;
        }
        pthread_mutex_lock(&t->lock);
        t->dead = true;
        t->unanswered = batch;
        pthread_mutex_unlock(&t->lock);
        answer(t, NULL, err);
        break;
    }
    return NULL;
}

static void on_messages(struct tsn_msg *first, void *user)
{
    struct tsn_op_thread *t = user;

    while (first) {
        struct answer *a = (struct answer *)first;
        struct tsn_op *op, *next;

        first = first->next;
        for (op = a->ops; op; op = next) {
            next = op->next;
            op->next = NULL;
            t->pending--;
            op->done(op);
        }
        if (!a->dead && t->config.on_batch)
            t->config.on_batch(t->config.user);
        if (a->dead && t->config.on_dead)
            t->config.on_dead(a->dead, t->config.user);
        free(a);
    }
}

tsn_err tsn_op_thread_open(struct tsn_op_thread **out, struct tsn_loop *loop,
                           const struct tsn_op_thread_config *config)
{
    struct tsn_op_thread *t = tsn_alloc(sizeof(*t));
    sigset_t all, before;
    tsn_err err;
    int rc;

    t->config = *config;
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->wake, NULL);
    err = tsn_mailbox_open(&t->box, loop, on_messages, t);
    if (err) {
        free(t);
        return err;
    }
    /* Signals are the loop thread's. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&t->thread, NULL, work, t);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    TSN_ASSERT(rc == 0);
    *out = t;
    return 0;
}

tsn_err tsn_op_thread_submit(struct tsn_op_thread *t, struct tsn_op *op, int lane)
{
    tsn_err err = 0;

    pthread_mutex_lock(&t->lock);
    if (t->stopping || t->dead)
        err = TSN_ECLOSED;
    else if (t->lanes[0].n + t->lanes[1].n >= t->config.queue)
        err = TSN_EFULL;
    else {
        op->lane = lane;
        lane_put(&t->lanes[lane], op);
    }
    pthread_cond_signal(&t->wake);
    pthread_mutex_unlock(&t->lock);
    t->pending += !err;
    return err;
}

size_t tsn_op_thread_pending(const struct tsn_op_thread *t)
{
    return t->pending;
}

size_t tsn_op_thread_queued(struct tsn_op_thread *t)
{
    size_t n;

    pthread_mutex_lock(&t->lock);
    n = t->lanes[0].n + t->lanes[1].n;
    pthread_mutex_unlock(&t->lock);
    return n;
}

static void destroy_all(struct tsn_op *op)
{
    struct tsn_op *next;

    for (; op; op = next) {
        next = op->next;
        tsn_op_destroy(op);
    }
}

void tsn_op_thread_close(struct tsn_op_thread *t)
{
    pthread_mutex_lock(&t->lock);
    t->stopping = true;
    pthread_cond_signal(&t->wake);
    pthread_mutex_unlock(&t->lock);
    pthread_join(t->thread, NULL);
    tsn_mailbox_close(t->box);
    /* Only after a death: nobody may be told that these are on disk, or that they are not. */
    destroy_all(t->unanswered);
    destroy_all(t->lanes[0].first);
    destroy_all(t->lanes[1].first);
    pthread_cond_destroy(&t->wake);
    pthread_mutex_destroy(&t->lock);
    free(t);
}
