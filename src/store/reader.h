/* reader.h - the reader thread: lists, timelines, exports, on a read-only connection.
 * Same ops as the writer; each runs alone in a read transaction. Loop thread submits. */
#pragma once

#include <stdbool.h>
#include "store/op.h"
#include "store/store.h"

struct tsn_loop;
struct tsn_reader;
tsn_err tsn_reader_open(struct tsn_reader **out, struct tsn_loop *loop, struct tsn_store *st);
tsn_err tsn_reader_submit(struct tsn_reader *r, struct tsn_op *op);
bool tsn_reader_idle(const struct tsn_reader *r); /* as tsn_writer_idle */
void tsn_reader_close(struct tsn_reader *r);
