/* wire.h - one TLS connection to a server, line by line, for work on a pool thread.
 *
 * Blocking: never on the loop thread. libcurl connects (names, addresses, TLS, certificates) and
 * carries the bytes; the same address guard as for transfers (httpc.h) decides where to. Every
 * call ends by the deadline. One thread at a time.
 */
#pragma once

#include "core/buf.h"
#include "core/diag.h"

struct tsn_wire;

struct tsn_wire_config {
    const char *host; /* name or address */
    int port;
    const char *ca_file;      /* NULL = the system's */
    const char *const *reach; /* as in httpc.h */
    int64_t timeout_ms;       /* of each call; 0 = 30 s */
};
/* TSN_ENET, TSN_EDENIED (the guard) ...; code H070. */
tsn_err tsn_wire_open(struct tsn_wire **out, const struct tsn_wire_config *config,
                      struct tsn_diag *diag);
void tsn_wire_close(struct tsn_wire *w); /* NULL allowed */

/* One line without its CRLF, NUL-terminated, valid until the next call; at most `max` bytes. */
tsn_err tsn_wire_line(struct tsn_wire *w, size_t max, const char **line, struct tsn_diag *diag);
/* Exactly n bytes, appended to `out`. */
tsn_err tsn_wire_read(struct tsn_wire *w, size_t n, struct tsn_buf *out, struct tsn_diag *diag);
tsn_err tsn_wire_write(struct tsn_wire *w, const void *p, size_t n, struct tsn_diag *diag);
