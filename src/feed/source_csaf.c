/* source_csaf.c - CSAF providers: discovery, provider-metadata, directory, ROLIE, aggregator
 * (CSAF 2.0 and 2.1, section 7). Pure.
 *
 * Discovery: the well-known address without redirects; then CSAF fields of security.txt; then
 * csaf.data.security.DOMAIN. Of two distributions ROLIE is preferred: it names hashes and
 * signatures. An aggregator only suggests providers: whom to trust is a person's decision. */
#include <string.h>
#include <strings.h>
#include "core/json.h"
#include "feed/feed_int.h"
#include "feed/source_all.h"

#define WHOLE_MAX (8u << 20) /* of what is no list of documents */

enum { ARCHIVE_NAME = 1 }; /* a page that names the archive */

static const char *text(const json_t *o, const char *key)
{
    return tsn_json_str(o, key, "");
}

static void drop(void *json)
{
    json_decref(json);
}

static void add(struct tsn_arena *arena, struct tsn_pages *pages, const char *url,
                struct tsn_page flags)
{
    flags.url = url;
    tsn_page_add(arena, pages, &flags);
}

static void csaf_first(struct tsn_arena *arena, const struct tsn_source_ask *ask,
                       struct tsn_pages *pages)
{
    const char *url = ask->url, *domain = ask->domain;
    if (url) {
        size_t n = strlen(url);
        bool folder = url[n - 1] == '/';
        add(arena, pages, folder ? tsn_arena_printf(arena, "%schanges.csv", url) : url,
            (struct tsn_page){.conditional = folder});
        return;
    }
    /* A domain; "http://127.0.0.1:81" for tests and intranets. */
    const char *base =
        strstr(domain, "://") ? domain : tsn_arena_printf(arena, "https://%s", domain);
    add(arena, pages,
        tsn_arena_printf(arena, "%s/.well-known/csaf/provider-metadata.json", base),
        (struct tsn_page){.optional = true, .direct = true});
    add(arena, pages, tsn_arena_printf(arena, "%s/.well-known/security.txt", base),
        (struct tsn_page){.optional = true, .fallback = true});
    if (!strstr(domain, "://")) {
        add(arena, pages, tsn_arena_printf(arena, "https://csaf.data.security.%s/", domain),
            (struct tsn_page){.optional = true, .fallback = true});
    }
}

/* --- security.txt ---------------------------------------------------------------------------- */

static void security_txt(struct tsn_arena *arena, const struct tsn_page *page,
                         struct tsn_page_text *in, struct tsn_pages *pages)
{
    const char *line;
    size_t len;
    while (tsn_page_line(in, &line, &len)) {
        const char *p = tsn_arena_strndup(arena, line, len);
        if (strncasecmp(p, "csaf:", 5) != 0) {
            continue;
        }
        p += 5;
        p += strspn(p, " \t");
        const char *url = tsn_arena_strndup(arena, p, strcspn(p, " \t"));
        if (tsn_source_url_ok(page->url, url)) {
            add(arena, pages, url, (struct tsn_page){.optional = true});
        }
    }
}

/* --- provider-metadata ------------------------------------------------------------------------ */

static void provider(struct tsn_arena *arena, const struct tsn_page *page, const json_t *doc,
                     struct tsn_pages *pages, struct tsn_page_news *news)
{
    const json_t *dist = json_object_get(doc, "distributions"),
                 *keys = json_object_get(doc, "public_openpgp_keys");
    size_t i, k, before = pages->n;
    json_t *d, *f;
    const char *ns = text(json_object_get(doc, "publisher"), "namespace");
    news->ns = *ns ? tsn_arena_strdup(arena, ns) : NULL;
    if (json_array_size(keys)) {
        news->keys = json_deep_copy(keys);
        tsn_arena_defer(arena, drop, news->keys);
    }
    json_array_foreach(dist, i, d)
    {
        json_array_foreach(json_object_get(json_object_get(d, "rolie"), "feeds"), k, f)
        {
            const char *url = tsn_source_url(arena, page->url, text(f, "url"));
            if (url) {
                add(arena, pages, tsn_arena_strdup(arena, url),
                    (struct tsn_page){.conditional = true});
            }
        }
    }
    if (pages->n > before) {
        return;
    }
    json_array_foreach(dist, i, d)
    {
        const char *dir =
            tsn_json_str(d, "directory_url", text(json_object_get(d, "directory"), "url"));
        size_t n = strlen(dir);
        if (n && tsn_source_url_ok(page->url, dir)) {
            add(arena, pages,
                tsn_arena_printf(arena, "%s%schanges.csv", dir, dir[n - 1] == '/' ? "" : "/"),
                (struct tsn_page){.conditional = true});
        }
    }
}

/* --- ROLIE ------------------------------------------------------------------------------------- */

static const char *link_of(struct tsn_arena *arena, const struct tsn_page *page,
                           const json_t *entry, const char *rel, const char *ending)
{
    size_t i;
    json_t *l;
    json_array_foreach(json_object_get(entry, "link"), i, l)
    {
        const char *href = text(l, "href");
        size_t n = strlen(href), m = strlen(ending);
        if (strcmp(text(l, "rel"), rel) == 0 &&
            (m == 0 || (n > m && strcasecmp(href + n - m, ending) == 0))) {
            const char *url = tsn_source_url(arena, page->url, href);
            return url ? tsn_arena_strdup(arena, url) : NULL;
        }
    }
    return NULL;
}

static void rolie_row(struct tsn_arena *arena, const struct tsn_page *page, const json_t *e,
                      struct tsn_feed_rows *rows)
{
    const char *src = text(json_object_get(e, "content"), "src");
    const char *self = link_of(arena, page, e, "self", "");
    const char *url = *src ? tsn_source_url(arena, page->url, src) : self;
    const char *hash = link_of(arena, page, e, "hash", ".sha512");
    if (!url || !*text(e, "updated")) {
        rows->bad++;
        return;
    }
    const struct tsn_feed_row row = {
        .path = tsn_arena_strdup(arena, url),
        .time = tsn_arena_strdup(arena, text(e, "updated")),
        .url = tsn_arena_strdup(arena, url),
        .hash = hash ? hash : link_of(arena, page, e, "hash", ""),
        .sig = link_of(arena, page, e, "signature", ""),
    };
    tsn_feed_row_add(arena, rows, &row);
}

/* The list grows for ever: entries one at a time, never as one tree. */
static void rolie(struct tsn_arena *arena, const struct tsn_page *page,
                  struct tsn_page_text *in, struct tsn_feed_rows *rows)
{
    struct tsn_buf key;
    const char *value;
    size_t n;
    bool more = true;
    tsn_buf_init(&key, 4096);
    while (!tsn_page_full(in, rows, 0) &&
           (more = tsn_json_each_next(&in->each, &key, &value, &n))) {
        json_t *entry = NULL;
        if (tsn_json_parse(value, n, &entry, NULL) == 0) {
            rolie_row(arena, page, entry, rows);
        } else {
            rows->bad++;
        }
        json_decref(entry);
    }
    in->at = more ? in->each.at : in->len;
    tsn_buf_free(&key);
}

/* A service document names workspaces with collections: more feeds. */
static void service(struct tsn_arena *arena, const struct tsn_page *page, const json_t *doc,
                    struct tsn_pages *pages)
{
    size_t i, k;
    json_t *w, *c;
    json_array_foreach(json_object_get(json_object_get(doc, "service"), "workspace"), i, w)
    {
        json_array_foreach(json_object_get(w, "collection"), k, c)
        {
            const char *url = tsn_source_url(arena, page->url, text(c, "href"));
            if (url) {
                add(arena, pages, tsn_arena_strdup(arena, url),
                    (struct tsn_page){.conditional = true});
            }
        }
    }
}

/* --- aggregator ---------------------------------------------------------------------------------- */

static void aggregator(struct tsn_arena *arena, const json_t *doc, struct tsn_page_news *news)
{
    static const char *const lists[] = {"csaf_providers", "csaf_publishers"};
    news->suggests = json_array();
    tsn_arena_defer(arena, drop, news->suggests);
    for (size_t k = 0; k < 2; k++) {
        size_t i;
        json_t *p;
        json_array_foreach(json_object_get(doc, lists[k]), i, p)
        {
            const json_t *meta = json_object_get(p, "metadata");
            json_array_append_new(news->suggests,
                                  json_pack("{s:s,s:s,s:s}", "name",
                                            text(json_object_get(meta, "publisher"), "name"),
                                            "url", text(meta, "url"), "role",
                                            text(meta, "role")));
        }
    }
}

/* --- everything at once ------------------------------------------------------------------------- */

/* archive_latest.txt (Red Hat) names the day's archive beside it; `archive` may also be one. Its hash
 * and signature stand beside it, so documents out of it need none of their own. */
static bool csaf_bulk(struct tsn_arena *arena, const struct tsn_source_ask *ask,
                      struct tsn_page *page)
{
    size_t n = ask->archive ? strlen(ask->archive) : 0;
    (void)arena;
    if (!n) {
        return false;
    }
    bool name = n > 4 && strcmp(ask->archive + n - 4, ".txt") == 0;
    *page = (struct tsn_page){.url = ask->archive,
                              .optional = true,
                              .archive = !name,
                              .signed_apart = !name,
                              .what = name ? ARCHIVE_NAME : 0};
    return true;
}

static tsn_err archive_name(struct tsn_arena *arena, const struct tsn_page *page,
                            struct tsn_page_text *in, struct tsn_pages *pages,
                            struct tsn_diag *diag)
{
    const char *line;
    size_t n;
    bool any = tsn_page_line(in, &line, &n);
    const char *name = any ? tsn_arena_strndup(arena, line, n) : "";
    const char *url = tsn_source_id_ok(name) ? tsn_source_url(arena, page->url, name) : NULL;
    in->at = in->len;
    if (!url) {
        return tsn_diag_set(diag, TSN_EINPUT, "F002", "%.200s names no archive", page->url);
    }
    add(arena, pages, url,
        (struct tsn_page){.optional = true, .archive = true, .signed_apart = true});
    return 0;
}

/* "2024/cve-2024-1234.json": the path that changes.csv has for it as well. */
static bool csaf_member(struct tsn_arena *arena, const char *name, const char *body, size_t len,
                        struct tsn_feed_row *row)
{
    static const char *const date[] = {"document", "tracking", "current_release_date", NULL};
    size_t n = strlen(name);
    const char *year = name;
    while (year && !(strspn(year, "0123456789") == 4 && year[4] == '/')) {
        year = strchr(year, '/');
        year = year ? year + 1 : NULL;
    }
    if (n < 6 || strcasecmp(name + n - 5, ".json") != 0) {
        return false;
    }
    *row = (struct tsn_feed_row){.path = year ? year : name,
                                 .time = tsn_source_peek(arena, body, len, date),
                                 .body = body,
                                 .len = len};
    return true;
}

static tsn_err read_json(struct tsn_arena *arena, const struct tsn_page *page,
                         struct tsn_page_text *in, struct tsn_feed_rows *rows,
                         struct tsn_pages *pages, struct tsn_page_news *news,
                         struct tsn_diag *diag)
{
    static const char *const entries[] = {"feed", "entry", NULL};
    json_t *doc = NULL;
    tsn_err err =
        in->begun ? 0 : tsn_json_each_begin(&in->each, in->text, in->len, entries, diag);
    in->begun = !err;
    if (!err) {
        rolie(arena, page, in, rows);
        return 0;
    }
    if (err != TSN_ENOTFOUND || in->len > WHOLE_MAX ||
        tsn_json_parse(in->text, in->len, &doc, diag)) {
        return tsn_diag_set(diag, TSN_EINPUT, "F002", "%.200s is not JSON, or too large",
                            page->url);
    }
    err = 0;
    in->at = in->len;
    if (json_object_get(doc, "distributions")) {
        provider(arena, page, doc, pages, news);
    } else if (json_object_get(doc, "feed")) {
        /* without an entry */
    } else if (json_object_get(doc, "service")) {
        service(arena, page, doc, pages);
    } else if (json_object_get(doc, "aggregator")) {
        aggregator(arena, doc, news);
    } else {
        err = tsn_diag_set(diag, TSN_EINPUT, "F002",
                           "%.200s is no provider-metadata, ROLIE feed, service or aggregator",
                           page->url);
    }
    json_decref(doc);
    return err;
}

static tsn_err read_csv(struct tsn_arena *arena, const struct tsn_page *page,
                        struct tsn_page_text *in, struct tsn_feed_rows *rows,
                        struct tsn_diag *diag)
{
    bool first = !in->begun;
    size_t n = strlen(page->url);
    tsn_feed_csv_slice(arena, in, rows);
    if (rows->n == 0 && first) {
        return tsn_diag_set(diag, TSN_EINPUT, "F002",
                            "changes.csv holds no row path,time (%zu other lines)", rows->bad);
    }
    const char *folder = tsn_arena_strndup(arena, page->url, n - strlen("changes.csv"));
    for (size_t i = 0; i < rows->n; i++) {
        rows->rows[i].folder = folder;
    }
    return 0;
}

static tsn_err csaf_read(struct tsn_arena *arena, const struct tsn_page *page,
                         struct tsn_page_text *in, struct tsn_feed_rows *rows,
                         struct tsn_pages *pages, struct tsn_page_news *news,
                         struct tsn_diag *diag)
{
    size_t at = strspn(in->text, " \t\r\n\xEF\xBB\xBF"), n = strlen(page->url);
    if (page->what == ARCHIVE_NAME) {
        return archive_name(arena, page, in, pages, diag);
    }
    if (in->text[at] == '{') {
        return read_json(arena, page, in, rows, pages, news, diag);
    }
    if (n > 12 && strcmp(page->url + n - 12, "security.txt") == 0) {
        security_txt(arena, page, in, pages);
        return 0;
    }
    if (n < strlen("changes.csv")) {
        return tsn_diag_set(diag, TSN_EINPUT, "F002", "%.200s is no list of documents",
                            page->url);
    }
    return read_csv(arena, page, in, rows, diag);
}

const struct tsn_source tsn_source_csaf = {.kind = "csaf",
                                           .hashes = true,
                                           .csaf = true,
                                           .first = csaf_first,
                                           .read = csaf_read,
                                           .member = csaf_member,
                                           .bulk = csaf_bulk};
