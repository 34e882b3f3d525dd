/* diag.h - a message for a person: stable code, what, where, and the one thing that fixes it.
 *
 * Lives in the caller's memory. Functions whose failure a person will read take one (NULL is
 * allowed everywhere) and fill it when they return an error. Codes: C configuration, L Lua,
 * R run, A access and approvals, H HTTP, S server and store, V audit verification, F feeds,
 * I inventory, D advisories, K scores, U usage, W casework. Every code has a row in core/codes.def (for
 * `tocsin explain`).
 */
#pragma once

#include "core/err.h"

struct tsn_diag {
    tsn_err err;
    char code[8];     /* "C012" */
    char what[320];   /* what is wrong, in the reader's words */
    char hint[320];   /* the one edit or command that fixes it; may be "" */
    char file[200];   /* file, JSON pointer or object id; may be "" */
    int line, col;    /* from 1; 0 = unknown */
    char source[200]; /* the offending source line, for the caret; may be "" */
};

void tsn_diag_init(struct tsn_diag *d);
/* Fills err, code and what; keeps place and hint. Returns err, so `return tsn_diag_set(...)`. */
tsn_err tsn_diag_set(struct tsn_diag *d, tsn_err err, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void tsn_diag_at(struct tsn_diag *d, const char *file, int line, int col);
void tsn_diag_hint(struct tsn_diag *d, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

struct tsn_buf;
/* The human form, several lines: "error C012: ...\n  file:line:col\n  30 | ...\n     ^\n  hint". */
void tsn_diag_print(const struct tsn_diag *d, struct tsn_buf *out);

/* Title of a code ("a key is not known") and its page, or NULL when there is no such code. */
const char *tsn_code_title(const char *code);
const char *tsn_code_page(const char *code);
