/* source.c - the table of kinds, and what all of them use. Pure. */
#include <jansson.h>
#include <string.h>
#include <strings.h>
#include "feed/source.h"

static const struct tsn_source *const sources[] = {
    &tsn_source_csaf, &tsn_source_osv,  &tsn_source_cvelist,
    &tsn_source_nvd,  &tsn_source_ghsa, &tsn_source_document,
    &tsn_source_kev,  &tsn_source_epss, &tsn_source_rss,
};
const char *const tsn_source_kinds[] = {"csaf",     "osv", "cvelist", "nvd", "ghsa",
                                        "document", "kev", "epss",    "rss", NULL};

const struct tsn_source *tsn_source_find(const char *kind)
{
    for (size_t i = 0; kind && i < sizeof sources / sizeof sources[0]; i++) {
        if (strcmp(sources[i]->kind, kind) == 0) {
            return sources[i];
        }
    }
    return NULL;
}

/* Room for one more; what was before stays in the arena. */
static void *room(struct tsn_arena *arena, void *old, size_t n, size_t *cap, size_t size)
{
    if (n < *cap) {
        return old;
    }
    size_t more = *cap ? *cap * 2 : 64;
    char *out = tsn_arena_alloc(arena, more * size);
    if (n) {
        memcpy(out, old, n * size);
    }
    *cap = more;
    return out;
}

void tsn_feed_row_add(struct tsn_arena *arena, struct tsn_feed_rows *rows,
                      const struct tsn_feed_row *row)
{
    rows->rows = room(arena, rows->rows, rows->n, &rows->cap, sizeof *rows->rows);
    rows->rows[rows->n++] = *row;
}

void tsn_page_add(struct tsn_arena *arena, struct tsn_pages *pages, const struct tsn_page *page)
{
    for (size_t i = 0; i < pages->n; i++) {
        if (strcmp(pages->pages[i].url, page->url) == 0) {
            return; /* lists that name each other end */
        }
    }
    pages->pages = room(arena, pages->pages, pages->n, &pages->cap, sizeof *pages->pages);
    pages->pages[pages->n++] = *page;
}

bool tsn_source_url_ok(const char *page, const char *url)
{
    bool tls = strncasecmp(url, "https://", 8) == 0;
    const char *host = tls ? url + 8 : strncasecmp(url, "http://", 7) == 0 ? url + 7 : NULL;
    if (!host || (!tls && strncasecmp(page, "https://", 8) == 0) || strlen(url) > 2000) {
        return false;
    }
    size_t n = strcspn(host, "/?#");
    if (n == 0 || memchr(host, '@', n) || strchr(url, '#')) {
        return false;
    }
    for (const char *p = url; *p; p++) {
        if ((unsigned char)*p <= 0x20 || *p == 0x7F || *p == '\\') {
            return false;
        }
    }
    return true;
}

const char *tsn_source_url(struct tsn_arena *arena, const char *page, const char *path)
{
    if (strstr(path, "://")) {
        return tsn_source_url_ok(page, path) ? path : NULL;
    }
    const char *host = strstr(page, "://");
    const char *root = host ? strchr(host + 3, '/') : NULL;
    if (!root || strstr(path, "..") || strpbrk(path, "\\#") || strncmp(path, "//", 2) == 0) {
        return NULL;
    }
    size_t end = (size_t)(root - page);
    if (*path != '/') {
        const char *bare = tsn_arena_strndup(arena, page, strcspn(page, "?#"));
        end = (size_t)(strrchr(bare, '/') - bare) + 1;
    }
    const char *out = tsn_arena_printf(arena, "%.*s%s", (int)end, page, path);
    return tsn_source_url_ok(page, out) ? out : NULL;
}
