/* diag.c - filling and printing messages for people. Pure; any thread. */
#include "core/diag.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/buf.h"
#include "core/secret.h"
#include "core/text.h"

/* What the other side said may hold what it was told: no message carries a secret. */
__attribute__((format(printf, 3, 0))) static void put(char *out, size_t cap, const char *fmt,
                                                      va_list ap)
{
    int n = vsnprintf(out, cap, fmt, ap);
    bool cut = n >= 0 && (size_t)n >= cap;

    if (n > 0)
        (void)tsn_redact(out, cut ? cap - 1 : (size_t)n, cut);
}

void tsn_diag_init(struct tsn_diag *d)
{
    memset(d, 0, sizeof(*d));
}

tsn_err tsn_diag_set(struct tsn_diag *d, tsn_err err, const char *code, const char *fmt, ...)
{
    va_list ap;

    if (!d)
        return err;
    d->err = err;
    tsn_copy(d->code, sizeof(d->code), code);
    va_start(ap, fmt);
    put(d->what, sizeof(d->what), fmt, ap);
    va_end(ap);
    return err;
}

void tsn_diag_at(struct tsn_diag *d, const char *file, int line, int col)
{
    if (!d)
        return;
    tsn_copy(d->file, sizeof(d->file), file ? file : "");
    d->line = line;
    d->col = col;
}

void tsn_diag_hint(struct tsn_diag *d, const char *fmt, ...)
{
    va_list ap;

    if (!d)
        return;
    va_start(ap, fmt);
    put(d->hint, sizeof(d->hint), fmt, ap);
    va_end(ap);
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '.';
}

/* The caret stands under the column; tabs before it are kept so that it lines up. */
static void print_source(const struct tsn_diag *d, struct tsn_buf *out)
{
    const char *at = d->source;

    tsn_buf_printf(out, "  %4d | %s\n", d->line, d->source);
    if (d->col <= 0)
        return;
    tsn_buf_puts(out, "       | ");
    for (int col = 1; col < d->col; col++) {
        if (!*at) /* past the end: the source was cut, or is not what the column counts in */
            break;
        tsn_buf_putc(out, *at == '\t' ? '\t' : ' ');
        for (at++; ((unsigned char)*at & 0xc0) == 0x80;) /* columns count characters */
            at++;
    }
    /* The caret covers the word it points at. */
    do
        tsn_buf_putc(out, '^');
    while (is_word(*at) && is_word(*++at));
    tsn_buf_putc(out, '\n');
}

void tsn_diag_print(const struct tsn_diag *d, struct tsn_buf *out)
{
    tsn_buf_printf(out, "error %s: %s\n", d->code[0] ? d->code : "S000",
                   d->what[0] ? d->what : tsn_err_text(d->err));
    if (d->file[0]) {
        tsn_buf_printf(out, "  %s", d->file);
        if (d->line > 0)
            tsn_buf_printf(out, ":%d", d->line);
        if (d->line > 0 && d->col > 0)
            tsn_buf_printf(out, ":%d", d->col);
        tsn_buf_putc(out, '\n');
    }
    if (d->source[0] && d->line > 0)
        print_source(d, out);
    if (d->hint[0])
        tsn_buf_printf(out, "  %s\n", d->hint);
}
