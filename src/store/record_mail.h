/* record_mail.h - what the store keeps of mails that came in.
 *
 * Conventions in record.h. Constant tables; any thread.
 */
#pragma once

#include "store/record.h"

/* One mail as it came in, and what became of it. */
struct tsn_rec_mail {
    const char *id;
    const char *sha256; /* of the raw bytes, hex; unique: the same bytes are one mail */
    const char *twin;   /* unique: message id and body, hashed; the same mail by another way */
    const char *source; /* "maildir" "imap" "pipe" */
    const char *state;  /* new report joined held bounce automatic duplicate */
    const char *reason; /* why it is held, or was not answered; may be NULL */
    const char *case_id, *sender /* address, hashed */;
    const char *found; /* sealed JSON: the object of docs/mail.md without its parts' content */
    const char *raw;   /* sealed; base64 of the bytes */
    int64_t size, received_at, answered_at;
};
extern const struct tsn_table tsn_table_mail;
