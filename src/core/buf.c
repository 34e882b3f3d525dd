/* buf.c - the growing byte buffer. Owned by one thread at a time. */
#include "core/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/log.h"
#include "core/mem.h"

static char empty[1]; /* what `data` points at while nothing is allocated; never written */

void tsn_buf_init(struct tsn_buf *b, size_t max)
{
    *b = (struct tsn_buf){.data = empty, .max = max};
}

void tsn_buf_free(struct tsn_buf *b)
{
    if (b->cap)
        free(b->data);
    tsn_buf_init(b, b->max);
}

void tsn_buf_clear(struct tsn_buf *b)
{
    b->len = 0;
    b->err = 0;
    if (b->cap)
        b->data[0] = '\0';
}

/* Room for n more bytes and the NUL. */
static tsn_err reserve(struct tsn_buf *b, size_t n)
{
    if (b->err)
        return b->err;
    if (n > b->max || b->len > b->max - n)
        return b->err = TSN_ETOOBIG;
    size_t need = b->len + n + 1;
    if (need <= b->cap)
        return 0;
    size_t cap = b->cap ? b->cap : 64;
    while (cap < need)
        cap = cap > SIZE_MAX / 2 ? need : cap * 2;
    bool fresh = b->cap == 0;
    b->data = tsn_realloc(fresh ? NULL : b->data, cap);
    b->cap = cap;
    if (fresh)
        b->data[0] = '\0';
    return 0;
}

tsn_err tsn_buf_put(struct tsn_buf *b, const void *p, size_t n)
{
    tsn_err err = reserve(b, n);
    if (err || n == 0)
        return err;
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
    char small[256];
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(small, sizeof(small), fmt, ap);
    TSN_ASSERT(n >= 0);
    tsn_err err;
    if ((size_t)n < sizeof(small)) {
        err = tsn_buf_put(b, small, (size_t)n);
    } else {
        err = reserve(b, (size_t)n);
        if (!err) {
            vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
            b->len += (size_t)n;
        }
    }
    va_end(again);
    return err;
}

tsn_err tsn_buf_printf(struct tsn_buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    tsn_err err = tsn_buf_vprintf(b, fmt, ap);
    va_end(ap);
    return err;
}

void tsn_buf_shift(struct tsn_buf *b, size_t n)
{
    TSN_ASSERT(n <= b->len);
    if (n == 0)
        return;
    b->len -= n;
    memmove(b->data, b->data + n, b->len + 1);
}

char *tsn_buf_take(struct tsn_buf *b, size_t *len_out)
{
    char *p = b->cap ? b->data : tsn_alloc(1);
    if (len_out)
        *len_out = b->len;
    tsn_buf_init(b, b->max);
    return p;
}

tsn_err tsn_buf_read_file(struct tsn_buf *b, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return tsn_err_from_errno(errno);
    tsn_err err = 0;
    for (;;) {
        char chunk[16384];
        ssize_t n = read(fd, chunk, sizeof(chunk));
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
