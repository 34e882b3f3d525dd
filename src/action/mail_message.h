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

struct tsn_mail_message {
    const char *from;      /* "Acme PSIRT <psirt@acme.example>" */
    const char *const *to; /* NULL-terminated plain addresses */
    const char *subject;   /* UTF-8, one line */
    const char *text;      /* UTF-8 */
    const json_t *attach;  /* list of { name, type, text }, or NULL */
    const char *id;        /* left part of the Message-ID: the idempotency key */
    int64_t date_ms;
};
/* A whole message with CRLF line ends. Refuses (R040) line breaks and control characters in
 * headers, and addresses that are not local@domain. Adds Auto-Submitted (RFC 3834). */
tsn_err tsn_mail_build(struct tsn_buf *out, const struct tsn_mail_message *m,
                       struct tsn_diag *diag);
/* "psirt@acme.example" of "Acme PSIRT <psirt@acme.example>"; points into a caller's buffer. */
tsn_err tsn_mail_address(const char *from, char *out, size_t cap, struct tsn_diag *diag);
