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
#include "feed/source.h"

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

static void csaf_first(struct tsn_arena *arena, const char *url, const char *domain,
                       const char *since, struct tsn_pages *pages)
{
    (void)since;
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

static void security_txt(struct tsn_arena *arena, const struct tsn_page *page, const char *body,
                         struct tsn_pages *pages)
{
    for (const char *p = body; p && *p; p = strchr(p, '\n'), p = p ? p + 1 : NULL) {
        if (strncasecmp(p, "csaf:", 5) != 0) {
            continue;
        }
        p += 5;
        p += strspn(p, " \t");
        const char *url = tsn_arena_strndup(arena, p, strcspn(p, " \t\r\n"));
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

static void rolie(struct tsn_arena *arena, const struct tsn_page *page, const json_t *feed,
                  struct tsn_feed_rows *rows)
{
    size_t i;
    json_t *e;
    json_array_foreach(json_object_get(feed, "entry"), i, e)
    {
        const char *src = text(json_object_get(e, "content"), "src");
        const char *self = link_of(arena, page, e, "self", "");
        const char *url = *src ? tsn_source_url(arena, page->url, src) : self;
        const char *hash = link_of(arena, page, e, "hash", ".sha512");
        if (!url || !*text(e, "updated")) {
            rows->bad++;
            continue;
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

static tsn_err read_json(struct tsn_arena *arena, const struct tsn_page *page, const char *body,
                         size_t len, struct tsn_feed_rows *rows, struct tsn_pages *pages,
                         struct tsn_page_news *news, struct tsn_diag *diag)
{
    json_t *doc = NULL;
    if (tsn_json_parse(body, len, &doc, diag)) {
        return tsn_diag_set(diag, TSN_EINPUT, "F002", "%.200s is not JSON", page->url);
    }
    tsn_err err = 0;
    if (json_object_get(doc, "distributions")) {
        provider(arena, page, doc, pages, news);
    } else if (json_object_get(doc, "feed")) {
        rolie(arena, page, json_object_get(doc, "feed"), rows);
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

static tsn_err csaf_read(struct tsn_arena *arena, const struct tsn_page *page, const char *body,
                         size_t len, struct tsn_feed_rows *rows, struct tsn_pages *pages,
                         struct tsn_page_news *news, struct tsn_diag *diag)
{
    size_t at = strspn(body, " \t\r\n\xEF\xBB\xBF"), n = strlen(page->url);
    if (body[at] == '{') {
        return read_json(arena, page, body, len, rows, pages, news, diag);
    }
    if (n > 12 && strcmp(page->url + n - 12, "security.txt") == 0) {
        security_txt(arena, page, body, pages);
        return 0;
    }
    struct tsn_feed_rows list;
    tsn_feed_csv(arena, body, len, &list);
    rows->bad += list.bad;
    if (list.n == 0) {
        return tsn_diag_set(diag, TSN_EINPUT, "F002",
                            "changes.csv holds no row path,time (%zu other lines)", list.bad);
    }
    const char *folder = tsn_arena_strndup(arena, page->url, n - strlen("changes.csv"));
    for (size_t i = 0; i < list.n; i++) {
        list.rows[i].sig = NULL;
        list.rows[i].url = NULL;
        list.rows[i].folder = folder;
        tsn_feed_row_add(arena, rows, &list.rows[i]);
    }
    return 0;
}

const struct tsn_source tsn_source_csaf = {
    .kind = "csaf", .hashes = true, .first = csaf_first, .read = csaf_read};
