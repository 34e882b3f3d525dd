/* writer.h - the writer thread: the only writing connection, group commit.
 *
 * Takes everything queued (at most TSN_WRITER_BATCH ops), one transaction, each op under a
 * savepoint; commits at once when it was idle, else at most 2 ms after the first waiter. Two
 * lanes: TSN_LANE_RUNS goes first, TSN_LANE_BULK in slices. A failed commit is *unknown*: no op
 * of the batch is answered, on_dead is called once on the loop thread, the process must exit.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "store/op.h"
#include "store/store.h"

#define TSN_WRITER_BATCH 4096
#define TSN_WRITER_QUEUE 65536

enum tsn_lane { TSN_LANE_RUNS, TSN_LANE_BULK };

struct tsn_loop;
struct tsn_writer;

struct tsn_writer_stats {
    uint64_t ops, batches, failed, queued;
    int64_t commit_us_last;
};

/* Takes `st` (closes it at close). on_dead: loop thread. */
tsn_err tsn_writer_open(struct tsn_writer **out, struct tsn_loop *loop, struct tsn_store *st,
                        void (*on_dead)(tsn_err err, void *user), void *user);
/* Loop thread. TSN_EFULL: not taken, the caller still owns it. TSN_ECLOSED likewise. */
tsn_err tsn_writer_submit(struct tsn_writer *w, struct tsn_op *op, enum tsn_lane lane);
/* fn after the answers of each batch, on the loop thread; NULL = none. */
void tsn_writer_watch(struct tsn_writer *w, void (*fn)(void *user), void *user);
/* While frozen every submit is refused with TSN_EDENIED: the node may only read. */
void tsn_writer_freeze(struct tsn_writer *w, bool frozen);
bool tsn_writer_frozen(const struct tsn_writer *w);
bool tsn_writer_full(const struct tsn_writer *w); /* intake answers 503 while true */
/* Every op that was submitted has been answered. Loop thread. */
bool tsn_writer_idle(const struct tsn_writer *w);
void tsn_writer_stats(struct tsn_writer *w, struct tsn_writer_stats *out);
/* Drains, commits, answers (runs `done`), stops the thread. Loop thread. */
void tsn_writer_close(struct tsn_writer *w);
