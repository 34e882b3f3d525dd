/* mail.h - mail intake: every mail is kept, read, and becomes a report or joins its case.
 *
 * A mail is committed raw before anybody is told that we have it; only then a maildir file is
 * moved, a pipe answered, an IMAP message marked seen. Then it is read (mail_read.h), and one
 * transaction says what became of it:
 *
 *   report     a new report with its case and runs; also one that nobody could read
 *   joined     a further report of an open case: our reference came back, from somebody we know there
 *   terms      the answer of somebody who was asked to accept the terms of an embargo
 *   held       it names a case, but sender and reference do not both fit: a person decides
 *   bounce     ours came back: noted on the case that it belongs to
 *   automatic  an auto-reply, or a mail of another tocsin: kept, answered by nobody
 *   duplicate  the same mail by another way
 *
 * A kill at any point loses and doubles nothing: what is `new` at the start is read again, and the
 * same bytes or the same message by another way are one mail. Loop thread.
 */
#pragma once

#include <jansson.h>
#include "engine/engine.h"
#include "intake/intake.h"

struct tsn_loop;
struct tsn_writer;
struct tsn_reader;
struct tsn_mail;

#define TSN_MAIL_BYTES_MAX (64u << 20) /* one mail as it comes in; of a larger one: */
#define TSN_MAIL_HEAD      (25u << 20) /* its first bytes, as many as the parser reads */

struct tsn_mail_inbox {
    const char *maildir; /* absolute: new/ is read, what was taken moves to cur/; NULL: IMAP */
    int64_t every_ms;    /* 0 = 10 s, IMAP 60 s */
    /* IMAP over TLS (port 993 or another): one folder, read by UID */
    const char *host, *folder, *user, *password; /* password: a handle (core/secret.h) */
    int port;
    const char *ca_file;      /* NULL = the system's */
    const char *const *reach; /* exact addresses allowed though private or loopback */
};

struct tsn_mail_intake_config {
    struct tsn_loop *loop;
    struct tsn_writer *writer;
    struct tsn_reader *reader;
    struct tsn_engine *engine;
    struct tsn_intake *intake;
    const struct tsn_casework_config *casework;
    const char *case_prefix;      /* "PSIRT" */
    const char *domain;           /* of our reference in message ids */
    const uint8_t *reference_key; /* TSN_KEY_LEN bytes: mail_reference.h */
    const char *gnupghome;        /* NULL: PGP stays unread */
    const char *our_fpr; /* our key in it: sent to those whose mail we cannot read; NULL */
    const char *const *products; /* NULL-terminated names to look for; may be NULL */
    const struct tsn_mail_inbox *inboxes;
    size_t ninboxes;
    int64_t answers_per_hour; /* to everybody together; 0 = 100 */
};
/* Borrows the config's strings. Starts reading what is still new. */
tsn_err tsn_mail_open(struct tsn_mail **out, const struct tsn_mail_intake_config *config,
                      struct tsn_diag *diag);
void tsn_mail_close(struct tsn_mail *m);

/* Copies. `whole` > n: the size of a mail that is too large, of which this is the head. done after the
 * commit: info = { mail, sha256, duplicate }. TSN_EFULL: try again later. M0xx codes. */
void tsn_mail_accept(struct tsn_mail *m, const char *source, const void *p, size_t n,
                     uint64_t whole, tsn_engine_done *done, void *user);
/* A person says where a held mail belongs: `case_ref` of an open case, or NULL = a new one; or with `terms`,
 * what it answers to the terms of an embargo: accepted or declined (M027). */
void tsn_mail_decide(struct tsn_mail *m, const struct tsn_actor *who, const char *mail_id,
                     const char *case_ref, const char *terms, const char *reason,
                     tsn_engine_done *done, void *user);

/* Reader thread: [{ mail, state, reason, case, from, subject, received_at ... }], newest first;
 * `state` NULL = all. */
tsn_err tsn_mail_list(struct tsn_store *st, struct tsn_arena *arena, const char *state,
                      size_t limit, json_t **out);
