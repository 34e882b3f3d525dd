/* buf.c - capped growing byte buffer. See buf.h. One thread at a time. */
#include "core/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/mem.h"

/* What `data` points at while nothing is allocated (cap 0), so that an empty buffer is already
 * a terminated string. Never written. */
static char nothing[1];

void tsn_buf_init(struct tsn_buf *b, size_t max)
{
    memset(b, 0, sizeof(*b));
    b->data = nothing;
    b->max = max;
}

void tsn_buf_free(struct tsn_buf *b)
{
    size_t max = b->max;

    if (b->cap)
        free(b->data);
    tsn_buf_init(b, max);
}

void tsn_buf_clear(struct tsn_buf *b)
{
    b->len = 0;
    b->err = 0;
    if (b->cap)
        b->data[0] = '\0';
}

/* Room for n more bytes and the terminator, or the sticky error. */
static tsn_err reserve(struct tsn_buf *b, size_t n)
{
    size_t cap;

    if (b->err)
        return b->err;
    if (n > b->max || b->len > b->max - n) {
        b->err = TSN_ETOOBIG;
        return b->err;
    }
    if (b->cap - b->len > n)
        return 0;
    cap = b->cap ? b->cap : 64;
    while (cap < b->len + n + 1)
        cap = cap < ((size_t)1 << 40) ? cap * 2 : b->len + n + 1;
    b->data = tsn_realloc(b->cap ? b->data : NULL, cap);
    b->cap = cap;
    return 0;
}

tsn_err tsn_buf_put(struct tsn_buf *b, const void *p, size_t n)
{
    tsn_err err = reserve(b, n);

    if (err)
        return err;
    if (n)
        memcpy(b->data + b->len, p, n);
    b->len += n;
    b->data[b->len] = '\0';
    return 0;
}

tsn_err tsn_buf_puts(struct tsn_buf *b, const char *s)
{
    return tsn_buf_put(b, s, strlen(s));
}

tsn_err tsn_buf_putc(struct tsn_buf *b, char c)
{
    return tsn_buf_put(b, &c, 1);
}

tsn_err tsn_buf_vprintf(struct tsn_buf *b, const char *fmt, va_list ap)
{
    va_list again;
    size_t room = b->cap - b->len; /* 0: nothing is allocated */
    tsn_err err;
    int n;

    if (b->err)
        return b->err;
    va_copy(again, ap);
    n = vsnprintf(room ? b->data + b->len : NULL, room, fmt, again);
    va_end(again);
    err = n < 0 ? TSN_EBUG : reserve(b, (size_t)n);
    if (err) {
        if (room)
            b->data[b->len] = '\0';
        return b->err = err;
    }
    if ((size_t)n >= room)
        vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
    b->len += (size_t)n;
    return 0;
}

tsn_err tsn_buf_printf(struct tsn_buf *b, const char *fmt, ...)
{
    va_list ap;
    tsn_err err;

    va_start(ap, fmt);
    err = tsn_buf_vprintf(b, fmt, ap);
    va_end(ap);
    return err;
}

void tsn_buf_percent(struct tsn_buf *b, const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                     (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';

        if (plain)
            tsn_buf_putc(b, s[i]);
        else
            tsn_buf_printf(b, "%%%02X", c);
    }
}

void tsn_buf_markup(struct tsn_buf *b, const char *s, size_t n, char odd, const char *keep)
{
    for (size_t i = 0; i < n; i++) {
        switch (s[i]) {
        case '&':
            tsn_buf_puts(b, "&amp;");
            break;
        case '<':
            tsn_buf_puts(b, "&lt;");
            break;
        case '>':
            tsn_buf_puts(b, "&gt;");
            break;
        case '"':
            tsn_buf_puts(b, "&quot;");
            break;
        case '\'':
            tsn_buf_puts(b, "&#39;");
            break;
        default: {
            bool control = (unsigned char)s[i] < 0x20 && !(s[i] && strchr(keep, s[i]));

            tsn_buf_putc(b, odd && control ? odd : s[i]);
        }
        }
    }
}

void tsn_buf_shift(struct tsn_buf *b, size_t n)
{
    if (n >= b->len) {
        tsn_buf_clear(b);
        return;
    }
    memmove(b->data, b->data + n, b->len - n);
    b->len -= n;
    b->data[b->len] = '\0';
}

char *tsn_buf_take(struct tsn_buf *b, size_t *len_out)
{
    char *out;

    out = b->cap ? b->data : tsn_alloc(1);
    if (len_out)
        *len_out = b->len;
    tsn_buf_init(b, b->max);
    return out;
}

/* /dev/stdin is not opened: that fails for a socket, and for a pipe that another user made (Postfix). */
static int open_to_read(const char *path)
{
    return strcmp(path, "/dev/stdin") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                                           : open(path, O_RDONLY | O_CLOEXEC);
}

tsn_err tsn_buf_read_head(struct tsn_buf *b, const char *path, size_t keep, uint64_t *whole)
{
    char chunk[16384];
    bool cut = false;
    ssize_t n;
    tsn_err err = 0;
    int fd = open_to_read(path);

    *whole = 0;
    if (fd < 0)
        return tsn_err_from_errno(errno);
    while ((n = read(fd, chunk, sizeof(chunk))) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            err = tsn_err_from_errno(errno);
            break;
        }
        *whole += (uint64_t)n;
        if (!cut && *whole > b->max) {
            cut = true;
            if (b->len > keep) { /* keep is below max: there is more than that by now */
                b->len = keep;
                b->data[keep] = '\0';
            }
        }
        if (!cut && !err)
            err = tsn_buf_put(b, chunk, (size_t)n);
        if (err)
            break;
    }
    close(fd);
    return err;
}

tsn_err tsn_buf_read_file(struct tsn_buf *b, const char *path)
{
    char chunk[16384];
    tsn_err err = 0;
    ssize_t n;
    int fd;

    fd = open_to_read(path);
    if (fd < 0)
        return tsn_err_from_errno(errno);
    for (;;) {
        n = read(fd, chunk, sizeof(chunk));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            err = tsn_err_from_errno(errno);
        if (n <= 0)
            break;
        err = tsn_buf_put(b, chunk, (size_t)n);
        if (err)
            break;
    }
    close(fd);
    return err;
}
