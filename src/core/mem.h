/* mem.h - memory: allocation that ends the process when there is none, and arenas.
 *
 * Out of memory in the core is a clean abort: every promise is on disk, the next start goes
 * on from there, and no half-handled state can exist. Lua has its own capped allocator.
 *
 * An arena is freed as a whole. A message between threads is one arena: sending moves it.
 * Not thread-safe; owned by one thread at a time.
 */
#pragma once

#include <stddef.h>

void *tsn_alloc(size_t n);            /* zeroed; never NULL */
void *tsn_realloc(void *p, size_t n); /* never NULL for n > 0 */
char *tsn_strdup(const char *s);      /* NULL gives NULL */

struct tsn_arena;
struct tsn_arena *tsn_arena_new(void);
void tsn_arena_destroy(struct tsn_arena *a);                /* NULL allowed */
void *tsn_arena_alloc(struct tsn_arena *a, size_t n);       /* zeroed, aligned; never NULL */
char *tsn_arena_strdup(struct tsn_arena *a, const char *s); /* NULL gives NULL */
char *tsn_arena_strndup(struct tsn_arena *a, const char *s, size_t n);
void *tsn_arena_memdup(struct tsn_arena *a, const void *p, size_t n);
char *tsn_arena_printf(struct tsn_arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Runs fn(p) when the arena is destroyed, newest first: for json_decref and the like. */
void tsn_arena_defer(struct tsn_arena *a, void (*fn)(void *), void *p);
