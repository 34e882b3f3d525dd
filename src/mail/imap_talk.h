/* imap_talk.h - what we say to an IMAP server (RFC 9051, 3501), on a pool thread.
 *
 * One message at a time, by UID, with BODY.PEEK so that nothing is marked seen by looking; the flag
 * is set by imap_seen after the message is committed. Blocking; one thread at a time.
 */
#pragma once

#include <stdint.h>
#include "core/buf.h"
#include "core/diag.h"

struct tsn_imap_config {
    const char *host, *folder, *user, *password;
    int port;
    const char *ca_file;
    const char *const *reach;
};

struct tsn_imap_talk;

/* Connects, logs in, opens the folder. `validity`: its UIDVALIDITY. Codes H070, M030. */
tsn_err tsn_imap_open(struct tsn_imap_talk **out, const struct tsn_imap_config *config,
                      uint32_t *validity, struct tsn_diag *diag);
void tsn_imap_close(struct tsn_imap_talk *t); /* LOGOUT; NULL allowed */
/* UIDs above `after`, lowest first, at most `max`. */
tsn_err tsn_imap_search(struct tsn_imap_talk *t, uint32_t after, uint32_t *uids, size_t max,
                        size_t *n, struct tsn_diag *diag);
/* Of a message larger than out->max its first `keep` bytes; *whole: its size. TSN_ENOTFOUND: gone
 * meanwhile. */
tsn_err tsn_imap_fetch(struct tsn_imap_talk *t, uint32_t uid, size_t keep, struct tsn_buf *out,
                       uint64_t *whole, struct tsn_diag *diag);
tsn_err tsn_imap_seen(struct tsn_imap_talk *t, uint32_t uid, struct tsn_diag *diag);
