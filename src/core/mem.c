/* mem.c - allocation that aborts when there is none, and arenas. See mem.h. */
#include "core/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/log.h"

#define CHUNK_SIZE ((size_t)4096)
#define ALIGN      ((size_t)16)

struct chunk {
    struct chunk *next;
    size_t used, cap;
    unsigned char *data; /* behind the header, aligned */
};

struct cleanup {
    struct cleanup *next;
    void (*fn)(void *);
    void *p;
};

struct tsn_arena {
    struct chunk *chunks;
    struct cleanup *cleanups;
};

static void *must(void *p)
{
    if (!p)
        tsn_panic(__FILE__, __LINE__, "out of memory");
    return p;
}

void *tsn_alloc(size_t n)
{
    return must(calloc(1, n ? n : 1));
}

void *tsn_realloc(void *p, size_t n)
{
    return must(realloc(p, n ? n : 1));
}

char *tsn_strdup(const char *s)
{
    size_t n;
    char *copy;

    if (!s)
        return NULL;
    n = strlen(s) + 1;
    copy = tsn_alloc(n);
    memcpy(copy, s, n);
    return copy;
}

struct tsn_arena *tsn_arena_new(void)
{
    return tsn_alloc(sizeof(struct tsn_arena));
}

void tsn_arena_destroy(struct tsn_arena *a)
{
    struct chunk *c, *next;

    if (!a)
        return;
    for (struct cleanup *k = a->cleanups; k; k = k->next)
        k->fn(k->p);
    for (c = a->chunks; c; c = next) {
        next = c->next;
        free(c);
    }
    free(a);
}

static struct chunk *chunk_new(size_t cap)
{
    struct chunk *c;
    size_t head = (sizeof(struct chunk) + ALIGN - 1) & ~(ALIGN - 1);

    if (cap > SIZE_MAX - head)
        tsn_panic(__FILE__, __LINE__, "allocation is too large");
    c = tsn_alloc(head + cap);
    c->cap = cap;
    c->data = (unsigned char *)c + head;
    return c;
}

void *tsn_arena_alloc(struct tsn_arena *a, size_t n)
{
    struct chunk *c = a->chunks;
    void *p;

    if (n > SIZE_MAX - ALIGN)
        tsn_panic(__FILE__, __LINE__, "allocation is too large");
    n = (n + ALIGN - 1) & ~(ALIGN - 1);
    if (n == 0)
        n = ALIGN;
    if (!c || c->cap - c->used < n) {
        c = chunk_new(n > CHUNK_SIZE ? n : CHUNK_SIZE);
        if (n > CHUNK_SIZE && a->chunks) {
            /* A large block stands behind the current one, which stays open. */
            c->next = a->chunks->next;
            a->chunks->next = c;
        } else {
            c->next = a->chunks;
            a->chunks = c;
        }
    }
    p = c->data + c->used;
    c->used += n;
    return p;
}

void *tsn_arena_memdup(struct tsn_arena *a, const void *p, size_t n)
{
    void *copy = tsn_arena_alloc(a, n + 1);

    if (n)
        memcpy(copy, p, n);
    return copy;
}

char *tsn_arena_strndup(struct tsn_arena *a, const char *s, size_t n)
{
    return tsn_arena_memdup(a, s, n);
}

char *tsn_arena_strdup(struct tsn_arena *a, const char *s)
{
    return s ? tsn_arena_strndup(a, s, strlen(s)) : NULL;
}

char *tsn_arena_printf(struct tsn_arena *a, const char *fmt, ...)
{
    va_list ap;
    char *out;
    int n;

    TSN_ASSERT(fmt);
    va_start(ap, fmt);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    TSN_ASSERT(n >= 0);
    out = tsn_arena_alloc(a, (size_t)n + 1);
    va_start(ap, fmt);
    vsnprintf(out, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return out;
}

void tsn_arena_defer(struct tsn_arena *a, void (*fn)(void *), void *p)
{
    struct cleanup *k = tsn_arena_alloc(a, sizeof(*k));

    k->fn = fn;
    k->p = p;
    k->next = a->cleanups;
    a->cleanups = k;
}
