/* mail_read.h - one mail from bytes to what was found in it, PGP and all.
 *
 * Starts a tsn parser child for this mail alone, has gpg decrypt and verify what it finds, gives
 * decrypted parts back to the same child, and joins everything to one object (docs/mail.md). A
 * mail that the child cannot survive still gives its header fields and a problem that says so.
 * Decrypted parts are never joined with what stood around them.
 * Loop thread; `done` runs exactly once, never inside start.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include "core/diag.h"

struct tsn_loop;
struct tsn_mail_read;

struct tsn_mail_read_config {
    struct tsn_loop *loop;
    const char *gnupghome; /* absolute; NULL: PGP stays unread ("no-keys") */
    const char *const
        *products;            /* NULL-terminated names to look for in the text; may be NULL */
    const char *case_pattern; /* what a case id looks like in a subject: "PSIRT"; its prefix */
    size_t whole;             /* > n: the mail's size, of which only the head was kept */
    bool bytes;               /* attachments with their content */
};

/* `mail` is a new reference; `diag` tells why it is NULL (the parser cannot be started). */
typedef void tsn_mail_read_done(json_t *mail, const struct tsn_diag *diag, void *user);
/* Borrows config's strings and [p, p+n) until done. */
struct tsn_mail_read *tsn_mail_read_start(const struct tsn_mail_read_config *config,
                                          const void *p, size_t n, tsn_mail_read_done *done,
                                          void *user);
/* Forgets it: done is not called. Children are ended. */
void tsn_mail_read_cancel(struct tsn_mail_read *m);

/* --- pure parts --- */

/* Parser document with results in its crypto entries to the final object. New reference. */
json_t *tsn_mail_form(json_t *doc, const struct tsn_mail_read_config *config, const void *p,
                      size_t n);
/* What a text says, as fields with their place, put to `out`, each name and value once: [{name, value,
 * line, at, part?, outside?}]: docs/mail.md. `line` from 1, `at` in bytes, both in `text`; line 0 is
 * the subject (`part` NULL, text a subject). */
struct tsn_mail_source {
    const char *text;
    const char *part; /* its path; NULL: the joined text, or the subject */
    bool subject, outside;
};
void tsn_mail_fields(json_t *out, const struct tsn_mail_source *in,
                     const char *const *products);
/* One field: also of what is no text, as a key. */
void tsn_mail_field(json_t *out, const struct tsn_mail_source *in, const char *name,
                    const char *value, size_t n, int64_t line, size_t at);
/* The fingerprint of a public key, armored or not: 40 (v4) or 64 (v6) digits; "" = it is none. */
void tsn_mail_key_fpr(char out[65], const char *p, size_t n);
/* incident or weakness, by the words used (docs/mail.md lists them). */
const char *tsn_mail_kind(const char *subject, const char *text);
/* "en" "de" "zh" "ja", or NULL: not clear. Static. */
const char *tsn_mail_language(const char *text);
/* NULL, or why no automatic answer may go out (RFC 3834 2): bounce auto-reply list bulk own. */
const char *tsn_mail_automatic(const json_t *doc);
/* The case id that a subject carries in brackets, or NULL. malloc'ed. */
char *tsn_mail_case_id(const char *subject, const char *prefix);

/* What somebody answered to the terms of an embargo: clear words in the first line of their own, nothing that
 * narrows them, and no question. mail_terms.c; pure. */
enum tsn_terms_answer { TSN_TERMS_DOUBT, TSN_TERMS_YES, TSN_TERMS_NO };
enum tsn_terms_answer tsn_mail_terms_answer(const char *text);
