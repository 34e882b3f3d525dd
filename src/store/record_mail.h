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
    const char *state;  /* new report joined terms held bounce automatic duplicate */
    const char *reason; /* why it is held, or was not answered; may be NULL */
    const char *case_id, *sender /* address, hashed */;
    const char *found; /* sealed JSON: the object of docs/mail.md without its parts' content */
    const char *raw;   /* sealed; base64 of the bytes */
    int64_t size, received_at, answered_at;
};
/* One word between us and a reporter: of theirs by receipt, or a mail of ours on its way. */
struct tsn_rec_message {
    const char *id; /* of ours: the idempotency key, which is its Message-ID's left side */
    const char *case_id, *report /* id; NULL = not about one report */;
    const char *way /* in out */, *channel /* form mail */, *state /* kept sent bounced */;
    const char *run, *path; /* the step that sent it; NULL */
    const char *body;       /* sealed JSON: { text, files } or { to, bounce } */
    int64_t at, seq /* of its entry */;
};
extern const struct tsn_table tsn_table_message;

extern const struct tsn_table tsn_table_mail;
