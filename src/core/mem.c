/* mem.c - the only place that calls the C allocator for the core; arenas on top of it.
 *
 * An arena is a list of blocks, newest first, each at least BLOCK bytes. One thread at a time. */
#include "core/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/log.h"

#define BLOCK 4096u
#define ALIGN 16u

void *tsn_alloc(size_t n)
{
    void *p = calloc(1, n ? n : 1);
    if (!p)
        tsn_panic(__FILE__, __LINE__, "out of memory");
    return p;
}

void *tsn_realloc(void *p, size_t n)
{
    void *q = realloc(p, n ? n : 1);
    if (!q)
        tsn_panic(__FILE__, __LINE__, "out of memory");
    return q;
}

char *tsn_strdup(const char *s)
{
    if (!s)
        return NULL;
    size_t n = strlen(s) + 1;
    return memcpy(tsn_alloc(n), s, n);
}

struct block {
    struct block *next;
    size_t used, cap;
    _Alignas(ALIGN) unsigned char data[];
};

struct deferred {
    struct deferred *next;
    void (*fn)(void *);
    void *p;
};

struct tsn_arena {
    struct block *blocks;
    struct deferred *deferred;
};

struct tsn_arena *tsn_arena_new(void)
{
    return tsn_alloc(sizeof(struct tsn_arena));
}

void tsn_arena_destroy(struct tsn_arena *a)
{
    if (!a)
        return;
    /* Deferred records live in the blocks, so they go first. */
    for (struct deferred *d = a->deferred; d; d = d->next)
        d->fn(d->p);
    while (a->blocks) {
        struct block *b = a->blocks;
        a->blocks = b->next;
        free(b);
    }
    free(a);
}

void *tsn_arena_alloc(struct tsn_arena *a, size_t n)
{
    TSN_ASSERT(n < SIZE_MAX / 2);
    size_t need = (n + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (need == 0)
        need = ALIGN;
    struct block *b = a->blocks;
    if (!b || b->cap - b->used < need) {
        size_t cap = need > BLOCK / 2 ? need : BLOCK - sizeof(struct block);
        struct block *fresh = tsn_alloc(sizeof(struct block) + cap);
        fresh->cap = cap;
        if (b && need > BLOCK / 2) {
            /* A large piece stands behind the block in use, whose rest stays usable. */
            fresh->next = b->next;
            b->next = fresh;
        } else {
            fresh->next = b;
            a->blocks = fresh;
        }
        b = fresh;
    }
    void *p = b->data + b->used; /* blocks come zeroed and are never reused */
    b->used += need;
    return p;
}

void *tsn_arena_memdup(struct tsn_arena *a, const void *p, size_t n)
{
    void *q = tsn_arena_alloc(a, n);
    if (n)
        memcpy(q, p, n);
    return q;
}

char *tsn_arena_strndup(struct tsn_arena *a, const char *s, size_t n)
{
    char *q = tsn_arena_alloc(a, n + 1);
    if (n)
        memcpy(q, s, n);
    return q;
}

char *tsn_arena_strdup(struct tsn_arena *a, const char *s)
{
    return s ? tsn_arena_strndup(a, s, strlen(s)) : NULL;
}

char *tsn_arena_printf(struct tsn_arena *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    TSN_ASSERT(n >= 0);
    char *q = tsn_arena_alloc(a, (size_t)n + 1);
    va_start(ap, fmt);
    vsnprintf(q, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return q;
}

void tsn_arena_defer(struct tsn_arena *a, void (*fn)(void *), void *p)
{
    struct deferred *d = tsn_arena_alloc(a, sizeof(*d));
    d->fn = fn;
    d->p = p;
    d->next = a->deferred;
    a->deferred = d;
}
