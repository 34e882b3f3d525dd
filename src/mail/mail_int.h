/* mail_int.h - what the files of mail intake share; nobody else includes it. */
#pragma once

#include "action/mail_reference.h"
#include "mail/mail.h"
#include "store/op.h"
#include "store/store.h"
#include "store/reader.h"
#include "store/writer.h"

struct tsn_mail {
    struct tsn_mail_intake_config cfg;
    struct tsn_maildir **maildirs; /* one an inbox, or NULL: then */
    struct tsn_imap **imaps;
    struct tsn_mail_job *head, *tail; /* ids still to read */
    struct tsn_mail_job *busy[2];     /* mails in a parser now */
    struct tsn_timer *again;          /* after something could not be done now */
    char *our_key;                    /* armored; NULL until gpg has told */
    size_t in_flight;                 /* ops of ours that are not done */
    bool closed;
};

/* mail_settle.c; store thread. What one read mail becomes, in one transaction. */
struct tsn_mail_settle {
    const struct tsn_mail_intake_config *cfg;
    const char *our_key;        /* armored, or NULL */
    const char *id;             /* of the row, which is still new (or held, with `by`) */
    const json_t *found;        /* the object of docs/mail.md */
    const struct tsn_actor *by; /* a person decides a held one; NULL = by the rules */
    const char *case_ref, *reason;
    const char
        *terms; /* accepted declined: what a person reads in an answer to the terms; or NULL */
    int64_t now_ms, epoch;
    /* outputs */
    struct tsn_event_out out;
    const char *state;
    const char *woken; /* joined: the run whose wait took it */
};
tsn_err tsn_mail_settle(struct tsn_store *st, struct tsn_arena *arena,
                        struct tsn_mail_settle *s, struct tsn_diag *diag);

/* mail_bounce.c; store thread. *case_id: where it was recorded, NULL: not a mail of a known case. */
tsn_err tsn_mail_bounce(struct tsn_store *st, struct tsn_arena *arena,
                        struct tsn_mail_settle *s, const char **case_id, struct tsn_diag *diag);

/* mail_terms.c. Whether the sender was asked to accept the terms of this case's embargo and has not answered;
 * store thread. */
tsn_err tsn_mail_terms_asked(struct tsn_store *st, struct tsn_arena *arena,
                             const struct tsn_mail_settle *s, const char *case_id, bool *asked);
/* Writes down that they accepted or declined, with the mail as evidence. */
tsn_err tsn_mail_terms_say(struct tsn_store *st, struct tsn_arena *arena,
                           const struct tsn_mail_settle *s, const char *case_id,
                           const char *answer, struct tsn_diag *diag);

/* mail_report.c: the report of a mail as intake's normal form plus `mail`. New reference. */
json_t *tsn_mail_report(const json_t *found, const char *our_key, const char *mail_id,
                        const char *answer);

/* mail_queue.c: reads this one, some time. */
void tsn_mail_queue(struct tsn_mail *m, const char *id);
void tsn_mail_queue_close(struct tsn_mail *m);
/* After the commit: wakes runs. */
void tsn_mail_after_settle(struct tsn_mail *m, const struct tsn_mail_settle *s);
/* mail.c: an op of ours is over; frees a closed intake with its last. */
void tsn_mail_op_done(struct tsn_mail *m);

/* maildir.c */
struct tsn_maildir;
struct tsn_maildir *tsn_maildir_open(struct tsn_mail *m, const struct tsn_mail_inbox *inbox);
void tsn_maildir_close(struct tsn_maildir *d);

/* imap.c */
struct tsn_imap;
struct tsn_imap *tsn_imap_inbox_open(struct tsn_mail *m, const struct tsn_mail_inbox *inbox);
void tsn_imap_inbox_close(struct tsn_imap *b);
