/* op.h - one unit of work for the writer or the reader thread.
 *
 * Made on the loop thread in its own arena, moved by submit, applied on the store's thread,
 * moved back: `done` runs on the loop thread, after the commit, in submit order, and owns the op
 * (destroy its arena). An op is atomic. Embed it as the first member of a larger struct that is
 * allocated in the same arena.
 */
#pragma once

#include "core/diag.h"
#include "core/mem.h"

struct tsn_store;

struct tsn_op {
    struct tsn_op *next; /* the queues' */
    /* Store thread. May run more than once (a PostgreSQL retry): must depend on the op alone and
     * reset its own outputs. An error undoes this op alone. */
    tsn_err (*apply)(struct tsn_op *op, struct tsn_store *st);
    /* Loop thread. Sees err and diag: 0 means it is on disk. */
    void (*done)(struct tsn_op *op);
    struct tsn_arena *arena;
    void *user;
    tsn_err err;
    int lane; /* the queues' */
    struct tsn_diag diag;
};

/* A zeroed struct of `size` (>= sizeof(struct tsn_op)) in a new arena. */
void *tsn_op_new(size_t size, tsn_err (*apply)(struct tsn_op *, struct tsn_store *),
                 void (*done)(struct tsn_op *), void *user);
void tsn_op_destroy(struct tsn_op *op); /* destroys its arena */
