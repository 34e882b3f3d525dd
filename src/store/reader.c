/* reader.c - the reader thread: each op in a read transaction of its own. See reader.h. */
#include "store/reader.h"

#include <stdlib.h>

#include "core/mem.h"
#include "store/op_thread.h"

#define READER_BATCH 16
#define READER_QUEUE 4096

struct tsn_reader {
    struct tsn_store *st;
    struct tsn_op_thread *thread;
};

static tsn_err work(struct tsn_op *batch, struct tsn_op **rest, void *user)
{
    struct tsn_reader *r = user;

    (void)rest;

    for (struct tsn_op *op = batch; op; op = op->next) {
        op->err = tsn_store_begin(r->st);
        if (op->err)
            continue;
        op->err = op->apply(op, r->st);
        tsn_store_rollback(r->st);
    }
    return 0;
}

tsn_err tsn_reader_open(struct tsn_reader **out, struct tsn_loop *loop, struct tsn_store *st)
{
    struct tsn_reader *r = tsn_alloc(sizeof(*r));
    struct tsn_op_thread_config config = {
        .batch = READER_BATCH, .slice = 0, .queue = READER_QUEUE, .work = work, .user = r};
    tsn_err err;

    r->st = st;
    err = tsn_op_thread_open(&r->thread, loop, &config);
    if (err) {
        free(r);
        return err;
    }
    *out = r;
    return 0;
}

tsn_err tsn_reader_submit(struct tsn_reader *r, struct tsn_op *op)
{
    return tsn_op_thread_submit(r->thread, op, 0);
}

bool tsn_reader_idle(const struct tsn_reader *r)
{
    return tsn_op_thread_pending(r->thread) == 0;
}

void tsn_reader_close(struct tsn_reader *r)
{
    if (!r)
        return;
    tsn_op_thread_close(r->thread);
    tsn_store_close(r->st);
    free(r);
}
