/* stream_target.h - where a stream of the log goes: a file, UDP datagrams or TLS. One thread; blocks.
 *
 * FILE        lines; kept up to what the cursor says, synced before the cursor moves
 * udp://H:P   one message a datagram (RFC 5426)
 * tls://H:P   octet counting (RFC 5425), server certificate checked
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/diag.h"

struct tsn_target;

struct tsn_target_config {
    const char *to; /* "-" is standard output */
    const char *ca; /* CA file for tls; NULL = the system's */
    int64_t
        keep; /* file: bytes that were delivered before; the rest is cut off. -1 = must be new */
};

/* Codes U102 (not understood), U103 (not reached). */
tsn_err tsn_target_open(struct tsn_target **out, const struct tsn_target_config *config,
                        struct tsn_diag *diag);
bool tsn_target_is_file(const struct tsn_target *t);
/* One message; of a file with its line end, else without. Frames are added here. */
tsn_err tsn_target_put(struct tsn_target *t, const char *text, size_t len,
                       struct tsn_diag *diag);
/* Everything put so far is on disk, or acknowledged by the receiver's TCP; *bytes gets the size
 * of the file. */
tsn_err tsn_target_settle(struct tsn_target *t, int64_t *bytes, struct tsn_diag *diag);
void tsn_target_close(struct tsn_target *t); /* NULL allowed */
