/* log.c - one JSON object a line, one write a line. Any thread. */
#include "core/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/secret.h"

#define LINE_MAX_LEN 4096

static _Atomic int least = TSN_LOG_INFO;
static _Atomic int log_fd = 2;

void tsn_log_level_set(enum tsn_log_level level)
{
    least = (int)level;
}

void tsn_log_open(int fd)
{
    log_fd = fd;
}

/* A line has a fixed size and no allocation: it must work when memory is short. */
struct line {
    char text[LINE_MAX_LEN];
    size_t len;
};

/* What was written from `from` on, without secrets: a value in full, or the beginning of one. */
static void hide(struct line *l, size_t from, bool cut)
{
    l->len = from + tsn_redact(l->text + from, l->len - from, cut);
}

static void put(struct line *l, const char *s)
{
    for (; *s && l->len < sizeof(l->text) - 4; s++)
        l->text[l->len++] = *s;
}

static void put_string(struct line *l, const char *s)
{
    char esc[8];
    size_t from;

    put(l, "\"");
    from = l->len;
    for (; *s && l->len < sizeof(l->text) - 16; s++) {
        unsigned char c = (unsigned char)*s;

        if (c == '"' || c == '\\') {
            snprintf(esc, sizeof(esc), "\\%c", c);
        } else if (c < 0x20 || c == 0x7f) {
            snprintf(esc, sizeof(esc), "\\u%04x", c);
        } else {
            esc[0] = (char)c;
            esc[1] = '\0';
        }
        put(l, esc);
    }
    /* Cut in the middle of a character: take its first bytes away again. */
    for (; ((unsigned char)*s & 0xc0) == 0x80; s--)
        l->len--;
    hide(l, from, *s != '\0');
    put(l, "\"");
}

void tsn_log(enum tsn_log_level level, const char *event, ...)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    struct line l = {.len = 0};
    const char *key, *value;
    char now[25];
    va_list ap;
    int fd = log_fd;

    if ((int)level < least || fd < 0)
        return;
    tsn_time_format(now, tsn_clock_wall_ms());
    put(&l, "{\"time\":");
    put_string(&l, now);
    put(&l, ",\"level\":");
    put_string(&l, names[level]);
    put(&l, ",\"event\":");
    put_string(&l, event);
    va_start(ap, event);
    while ((key = va_arg(ap, const char *)) != NULL) {
        value = va_arg(ap, const char *);
        /* A full line drops whole pairs, so that it stays one JSON object. */
        if (!value || l.len > sizeof(l.text) - 128)
            continue;
        put(&l, ",");
        put_string(&l, key);
        put(&l, ":");
        put_string(&l, value);
    }
    va_end(ap);
    l.text[l.len++] = '}';
    l.text[l.len++] = '\n';
    /* A log that cannot be written must not stop the work. */
    if (write(fd, l.text, l.len) < 0)
        return;
}

_Noreturn void tsn_panic(const char *file, int line, const char *what)
{
    char where[160];

    snprintf(where, sizeof(where), "%s:%d", file, line);
    tsn_log(TSN_LOG_ERROR, "process.panicked", "where", where, "what", what, (char *)NULL);
    abort();
}
