/* spool.h - a transfer into an unnamed file: hashed on its way, never whole in memory.
 *
 * Bytes go to the file on libuv's thread pool; what is not written yet is at most TSN_SPOOL_HELD, past
 * which the sender is made to wait. The file has no name, so nothing is left behind by a crash. Loop
 * thread.
 */
#pragma once

#include <stdint.h>
#include "core/crypto.h"
#include "loop/httpc.h"

#define TSN_SPOOL_HELD (1u << 20)

struct tsn_loop;
struct tsn_spool;

struct tsn_spool_result {
    const struct tsn_xfer_result
        *xfer; /* its body is empty; TSN_ENOSPC and TSN_EIO of the file */
    int fd;    /* the caller's; at its start, a NUL behind its last byte; -1: no 200 */
    uint64_t len;
    uint8_t sha256[TSN_HASH_LEN];
};

/* `dir` holds the file. done exactly once, never inside start. */
tsn_err tsn_spool_start(struct tsn_spool **out, struct tsn_loop *loop, struct tsn_httpc *c,
                        const char *dir, const struct tsn_xfer_request *req,
                        void (*done)(const struct tsn_spool_result *r, void *user), void *user,
                        struct tsn_diag *diag);
void tsn_spool_cancel(struct tsn_spool *s); /* done is not called; NULL allowed */

/* A new file without a name in `dir`, readable and writable; -1 with errno. Blocking. */
int tsn_spool_file(const char *dir);
