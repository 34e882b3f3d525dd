/* buf.h - a growing byte buffer with a stated maximum.
 *
 * Always NUL-terminated behind `len`. Past `max` every append fails with TSN_ETOOBIG and the
 * buffer remembers it (`err`), so a writer may append freely and check once at the end.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include "core/err.h"

struct tsn_buf {
    char *data;
    size_t len, cap, max;
    tsn_err err;
};

void tsn_buf_init(struct tsn_buf *b, size_t max);
void tsn_buf_free(struct tsn_buf *b);  /* back to the state after init */
void tsn_buf_clear(struct tsn_buf *b); /* keeps the memory; clears err */
tsn_err tsn_buf_put(struct tsn_buf *b, const void *p, size_t n);
tsn_err tsn_buf_puts(struct tsn_buf *b, const char *s);
tsn_err tsn_buf_putc(struct tsn_buf *b, char c);
tsn_err tsn_buf_printf(struct tsn_buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
tsn_err tsn_buf_vprintf(struct tsn_buf *b, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));
/* Appends text as the content or an attribute's value of HTML and XML: & < > " ' as entities. Control
 * characters below 0x20 that are not in `keep` become `odd`; '\0': they stay. */
void tsn_buf_markup(struct tsn_buf *b, const char *s, size_t n, char odd, const char *keep);
/* Appends text percent-encoded (RFC 3986): unreserved characters stay as they are. */
void tsn_buf_percent(struct tsn_buf *b, const char *s, size_t n);
void tsn_buf_shift(struct tsn_buf *b, size_t n); /* drops n bytes at the front */
/* Moves the bytes out (malloc'ed, NUL-terminated); the buffer is empty afterwards. */
char *tsn_buf_take(struct tsn_buf *b, size_t *len_out);
/* Reads a whole file, at most b->max bytes. Blocking: never on the loop thread after start. */
tsn_err tsn_buf_read_file(struct tsn_buf *b, const char *path);
/* The same; of a larger file its first `keep` bytes. *whole: its size. */
tsn_err tsn_buf_read_head(struct tsn_buf *b, const char *path, size_t keep, uint64_t *whole);
