/* op_thread.h - one thread that works through ops in batches. Private to src/store. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include "store/op.h"

struct tsn_loop;
struct tsn_op_thread;

struct tsn_op_thread_config {
    size_t batch, slice; /* most ops of lane 0 and of lane 1 in one batch */
    size_t queue;        /* most ops waiting */
    /* The thread. Sets err of each op. It may cut the list and leave the end in *rest, which goes
     * back to the front of the queue. An error ends the thread, answers none of the batch and is
     * reported once through on_dead. */
    tsn_err (*work)(struct tsn_op *batch, struct tsn_op **rest, void *user);
    void (*on_dead)(tsn_err err, void *user); /* loop thread */
    void (*on_batch)(void *user); /* loop thread, after the answers of a batch; NULL = none */
    void *user;
};

tsn_err tsn_op_thread_open(struct tsn_op_thread **out, struct tsn_loop *loop,
                           const struct tsn_op_thread_config *config);
tsn_err tsn_op_thread_submit(struct tsn_op_thread *t, struct tsn_op *op, int lane);
size_t tsn_op_thread_queued(struct tsn_op_thread *t);
/* Ops submitted whose `done` has not run. Loop thread. */
size_t tsn_op_thread_pending(const struct tsn_op_thread *t);
/* Works off what is queued, runs `done` of it, ends the thread. */
void tsn_op_thread_close(struct tsn_op_thread *t);
