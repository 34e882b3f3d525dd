/* mail_message.h - text templates and RFC 5322 messages. Pure; any thread. */
#pragma once

#include <jansson.h>
#include <stdint.h>
#include "core/buf.h"
#include "core/diag.h"

/* Replaces {{name}} by the text, number or flag of that name in `vars`; R044 when there is none.
 * No logic, no escapes: a template is text. */
tsn_err tsn_mail_expand(struct tsn_buf *out, const char *text, const json_t *vars,
                        const char *what, struct tsn_diag *diag);

/* The same for a template of HTML: values are text, so that & < > " ' in them mean themselves. */
tsn_err tsn_mail_expand_html(struct tsn_buf *out, const char *text, const json_t *vars,
                             const char *what, struct tsn_diag *diag);

struct tsn_mail_message {
    const char *from;      /* "Acme PSIRT <psirt@acme.example>" */
    const char *const *to; /* NULL-terminated plain addresses */
    const char *subject;   /* UTF-8, one line */
    const char *text;      /* UTF-8 */
    const char *html;      /* the same for readers of HTML (multipart/alternative), or NULL */
    const json_t *attach;  /* list of { name, type, text }, or NULL */
    const char *id;        /* left part of the Message-ID: the idempotency key */
    int64_t date_ms;
    const char *reply_to;      /* plain address, or NULL */
    const char *in_reply_to;   /* message id without brackets, or NULL */
    const json_t *references;  /* list of such ids, or NULL */
    const char *our_reference; /* one more of them, or NULL */
    /* The subject inside what is encrypted or signed (protected headers); NULL = none. `subject`
     * is then what everybody may see. */
    const char *inner_subject;
};
/* A whole message with CRLF line ends. Refuses (R040) line breaks and control characters in
 * headers, and addresses that are not local@domain. Adds Auto-Submitted (RFC 3834). */
tsn_err tsn_mail_build(struct tsn_buf *out, const struct tsn_mail_message *m,
                       struct tsn_diag *diag);
/* The same in two steps, with PGP between them (RFC 3156): the MIME part that is signed or
 * encrypted, CRLF and seven-bit; then the message around it. `part` is NULL when `armor` is an
 * encrypted message, else `armor` is the detached signature over it. */
tsn_err tsn_mail_part(struct tsn_buf *out, const struct tsn_mail_message *m,
                      struct tsn_diag *diag);
tsn_err tsn_mail_wrap(struct tsn_buf *out, const struct tsn_mail_message *m, const char *part,
                      const char *armor, struct tsn_diag *diag);
/* "psirt@acme.example" of "Acme PSIRT <psirt@acme.example>"; points into a caller's buffer. */
tsn_err tsn_mail_address(const char *from, char *out, size_t cap, struct tsn_diag *diag);
