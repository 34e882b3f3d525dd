/* feed_exec.h - a converter of the operator: a program that prints documents, one JSON text a line.
 *
 * Started through tocsin-exec (1 GiB, 600 s of processor time, its own process group), with nothing to
 * read; what it prints goes to a file without a name. A converter that does not end with 0, or after
 * TSN_FEED_EXEC_MS, brought nothing. Only feed_local.c includes this. Loop thread. */
#pragma once

#include "feed/feed_int.h"

#define TSN_FEED_EXEC_MS INT64_C(900000)

struct tsn_feed_exec;
/* fd: the caller's, at its start; -1 with a diag (F001). */
typedef void tsn_feed_exec_done(int fd, size_t len, const struct tsn_diag *why, void *user);
/* done once, never inside start. */
tsn_err tsn_feed_exec_start(struct tsn_feed_exec **out, struct tsn_feed *f,
                            tsn_feed_exec_done *done, void *user, struct tsn_diag *diag);
void tsn_feed_exec_stop(struct tsn_feed_exec *x); /* done is not called; NULL allowed */
