/* log.c - the debug log. One write(2) a line, so lines of several threads never mix. Any thread. */
#include "core/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"

#define LINE_MAX_LEN 4096

static atomic_int least = TSN_LOG_INFO;
static atomic_int out_fd = 2;

void tsn_log_level_set(enum tsn_log_level level)
{
    atomic_store(&least, (int)level);
}

void tsn_log_open(int fd)
{
    atomic_store(&out_fd, fd);
}

/* A line under construction on the stack: logging must work when memory is gone. */
struct line {
    char text[LINE_MAX_LEN];
    size_t len;
};

static void add(struct line *l, const char *s, size_t n)
{
    size_t room = sizeof(l->text) - 8 - l->len; /* 8: the end of a cut line */
    if (n > room)
        n = room;
    memcpy(l->text + l->len, s, n);
    l->len += n;
}

static void add_string(struct line *l, const char *s)
{
    add(l, "\"", 1);
    for (; *s && l->len < sizeof(l->text) - 24; s++) {
        unsigned char c = (unsigned char)*s;
        char hex[8];
        if (c == '"' || c == '\\') {
            add(l, "\\", 1);
            add(l, s, 1);
        } else if (c < 0x20 || c == 0x7f) {
            int n = snprintf(hex, sizeof(hex), "\\u%04x", (unsigned)c);
            add(l, hex, (size_t)n);
        } else {
            add(l, s, 1);
        }
    }
    /* A character cut in the middle would make the line invalid UTF-8. */
    while (*s && l->len && ((unsigned char)*s & 0xc0) == 0x80) {
        s--;
        l->len--;
    }
    add(l, "\"", 1);
}

static void pair(struct line *l, const char *key, const char *value)
{
    if (!value || l->len > sizeof(l->text) - 128)
        return;
    add(l, l->len == 0 ? "{" : ",", 1);
    add_string(l, key);
    add(l, ":", 1);
    add_string(l, value);
}

static void write_all(int fd, const char *p, size_t n)
{
    while (n) {
        ssize_t done = write(fd, p, n);
        if (done <= 0)
            return; /* nowhere to complain */
        p += done;
        n -= (size_t)done;
    }
}

static const char *level_name(enum tsn_log_level level)
{
    switch (level) {
    case TSN_LOG_DEBUG:
        return "debug";
    case TSN_LOG_INFO:
        return "info";
    case TSN_LOG_WARN:
        return "warn";
    case TSN_LOG_ERROR:
        return "error";
    }
    return "error";
}

void tsn_log(enum tsn_log_level level, const char *event, ...)
{
    int fd = atomic_load(&out_fd);
    if (fd < 0 || (int)level < atomic_load(&least))
        return;
    struct line l;
    l.len = 0;
    char now[25];
    tsn_time_format(now, tsn_clock_wall_ms());
    pair(&l, "at", now);
    pair(&l, "level", level_name(level));
    pair(&l, "event", event);
    va_list ap;
    va_start(ap, event);
    const char *key;
    while ((key = va_arg(ap, const char *)))
        pair(&l, key, va_arg(ap, const char *));
    va_end(ap);
    l.text[l.len++] = '}';
    l.text[l.len++] = '\n';
    write_all(fd, l.text, l.len);
}

_Noreturn void tsn_panic(const char *file, int line, const char *what)
{
    char place[300];
    snprintf(place, sizeof(place), "%s:%d", file, line);
    tsn_log(TSN_LOG_ERROR, "process.panicked", "what", what, "place", place, NULL);
    abort();
}
