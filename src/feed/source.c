/* source.c - the table of kinds, and what all of them use. Pure. */
#include "feed/source.h"

#include <ctype.h>
#include <jansson.h>
#include <string.h>
#include <strings.h>
#include "core/crypto.h"
#include "core/text.h"
#include "feed/source_all.h"

static const struct tsn_source *const sources[] = {
    &tsn_source_csaf, &tsn_source_osv,      &tsn_source_cvelist, &tsn_source_nvd,
    &tsn_source_ghsa, &tsn_source_document, &tsn_source_kev,     &tsn_source_epss,
    &tsn_source_rss,  &tsn_source_debian,   &tsn_source_file,    &tsn_source_apt,
    &tsn_source_rpm,  &tsn_source_redhat,   &tsn_source_suse,    &tsn_source_ubuntu,
    &tsn_source_msrc, &tsn_source_cisco,    &tsn_source_maildir, &tsn_source_exec};
const char *const tsn_source_kinds[] = {
    "csaf", "osv",    "cvelist", "nvd",   "ghsa",    "document", "kev",
    "epss", "rss",    "debian",  "file",  "apt",     "rpm",      "redhat",
    "suse", "ubuntu", "msrc",    "cisco", "maildir", "exec",     NULL};

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
    for (size_t i = 0; i < pages->n && !page->again; i++) {
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

bool tsn_source_id_ok(const char *id)
{
    size_t n = strlen(id);
    return n > 0 && n < 200 && !strstr(id, "..") &&
           strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:+/") ==
               n &&
           id[0] != '/' && id[0] != '.';
}

const char *tsn_source_digest(struct tsn_arena *arena, const char *p, size_t n)
{
    uint8_t hash[TSN_HASH_LEN];
    char hex[2 * TSN_HASH_LEN + 1];
    tsn_sha256_once(hash, p, n);
    tsn_hex(hex, hash, sizeof hash);
    return tsn_arena_strdup(arena, hex);
}

const char *tsn_source_peek(struct tsn_arena *arena, const char *text, size_t len,
                            const char *const *path)
{
    const char *value;
    size_t n;
    if (!tsn_json_find(text, len, path, &value, &n) || n < 2 || *value != '"' || n > 4096) {
        return "";
    }
    json_t *v = json_loadb(value, n, JSON_DECODE_ANY, NULL);
    const char *out = v ? tsn_arena_strdup(arena, json_string_value(v)) : "";
    json_decref(v);
    return out;
}

bool tsn_page_full(const struct tsn_page_text *text, const struct tsn_feed_rows *rows,
                   size_t bytes)
{
    return rows->n >= text->rows || bytes >= text->bytes;
}

bool tsn_page_line(struct tsn_page_text *text, const char **line, size_t *n)
{
    if (text->at >= text->len) {
        return false;
    }
    const char *p = text->text + text->at, *end = text->text + text->len;
    const char *eol = memchr(p, '\n', (size_t)(end - p));
    text->at = eol ? (size_t)(eol - text->text) + 1 : text->len;
    eol = eol ? eol : end;
    *line = p;
    *n = (size_t)(eol - p);
    while (*n && isspace((unsigned char)p[*n - 1])) {
        --*n;
    }
    return true;
}

const char *tsn_source_next_link(struct tsn_arena *arena, const char *link)
{
    for (const char *p = link; (p = strchr(p, '<')); p++) {
        const char *close = strchr(p, '>');
        if (!close) {
            return NULL;
        }
        const char *end = close + strcspn(close, ",");
        const char *params = tsn_arena_strndup(arena, close, (size_t)(end - close));
        if (strstr(params, "rel=\"next\"") || strstr(params, "rel=next")) {
            return tsn_arena_strndup(arena, p + 1, (size_t)(close - p) - 1);
        }
        p = close;
    }
    return NULL;
}

const char *tsn_source_escape(struct tsn_arena *arena, const char *s)
{
    char *out = tsn_arena_alloc(arena, 3 * strlen(s) + 1), *to = out;
    static const char hex[] = "0123456789ABCDEF";
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (isalnum(c) || strchr("-._~", c)) {
            *to++ = (char)c;
        } else {
            *to++ = '%';
            *to++ = hex[c >> 4];
            *to++ = hex[c & 15];
        }
    }
    return out;
}
