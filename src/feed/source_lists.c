/* source_lists.c - feeds that list ids with times: OSV's bucket, the CVE list; and pages that hold the
 * records themselves: NVD, GitHub, KEV, EPSS, any single document. Pure. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include "core/clock.h"
#include "core/crypto.h"
#include "core/json.h"
#include "core/text.h"
#include "feed/feed_int.h"
#include "feed/source_all.h"

static const char *text(const json_t *o, const char *key)
{
    return tsn_json_str(o, key, "");
}

/* --- OSV: modified_id.csv ------------------------------------------------------------------------ */

static void osv_first(struct tsn_arena *arena, const struct tsn_source_ask *ask,
                      struct tsn_pages *pages)
{
    tsn_page_add(
        arena, pages,
        &(struct tsn_page){.url = tsn_arena_printf(arena, "%smodified_id.csv", ask->url),
                           .conditional = true});
}

/* npm's malware records are 98 % of it and about packages nobody ships. */
static bool malware(const char *path)
{
    const char *base = strrchr(path, '/');
    return strncmp(base ? base + 1 : path, "MAL-", 4) == 0;
}

static tsn_err osv_read(struct tsn_arena *arena, const struct tsn_page *page,
                        struct tsn_page_text *in, struct tsn_feed_rows *rows,
                        struct tsn_pages *pages, struct tsn_page_news *news,
                        struct tsn_diag *diag)
{
    const char *p;
    size_t n, seen = 0;
    bool first = !in->begun;
    (void)pages;
    (void)news;
    in->begun = true;
    while (!tsn_page_full(in, rows, 0) && tsn_page_line(in, &p, &n)) {
        const char *comma = memchr(p, ',', n);
        if (!n) {
            continue;
        }
        const char *id =
            comma ? tsn_arena_strndup(arena, comma + 1, (size_t)(p + n - comma) - 1) : "";
        if (!comma || comma - p < 10 || !isdigit((unsigned char)*p) || !tsn_source_id_ok(id)) {
            rows->bad++;
            continue;
        }
        seen++;
        if (malware(id)) {
            continue;
        }
        const char *url =
            tsn_source_url(arena, page->url, tsn_arena_printf(arena, "%s.json", id));
        if (url) {
            const char *time = tsn_arena_strndup(arena, p, (size_t)(comma - p));
            tsn_feed_row_add(arena, rows,
                             &(struct tsn_feed_row){.path = id, .time = time, .url = url});
        }
    }
    return seen || !first
               ? 0
               : tsn_diag_set(diag, TSN_EINPUT, "F002",
                              "modified_id.csv holds no row time,id (%zu other lines)",
                              rows->bad);
}

/* "GO-2021-0052.json" of all.zip, or "Go/GO-2021-0052.json" of the archive of all ecosystems. */
static bool osv_member(struct tsn_arena *arena, const char *name, const char *body, size_t len,
                       struct tsn_feed_row *row)
{
    static const char *const modified[] = {"modified", NULL};
    size_t n = strlen(name);
    if (n < 6 || strcmp(name + n - 5, ".json") != 0 || malware(name)) {
        return false;
    }
    *row = (struct tsn_feed_row){.path = tsn_arena_strndup(arena, name, n - 5),
                                 .time = tsn_source_peek(arena, body, len, modified),
                                 .body = body,
                                 .len = len};
    return tsn_source_id_ok(row->path);
}

static bool osv_bulk(struct tsn_arena *arena, const struct tsn_source_ask *ask,
                     struct tsn_page *page)
{
    *page = (struct tsn_page){.url = tsn_arena_printf(arena, "%sall.zip", ask->url),
                              .optional = true,
                              .archive = true};
    return true;
}

const struct tsn_source tsn_source_osv = {.kind = "osv",
                                          .folder = true,
                                          .first = osv_first,
                                          .read = osv_read,
                                          .member = osv_member,
                                          .bulk = osv_bulk};

enum { RELEASE = 1 }; /* a page that names the archive */

/* --- the CVE list: deltaLog.json ------------------------------------------------------------------- */

static void cvelist_first(struct tsn_arena *arena, const struct tsn_source_ask *ask,
                          struct tsn_pages *pages)
{
    tsn_page_add(arena, pages,
                 &(struct tsn_page){.url = tsn_arena_printf(arena, "%sdeltaLog.json", ask->url),
                                    .conditional = true});
}

/* CVE-2025-14617 is 2025/14xxx/CVE-2025-14617.json: the path is made, never taken. */
static void cve_row(struct tsn_arena *arena, const struct tsn_page *page, const json_t *o,
                    json_t *seen, struct tsn_feed_rows *rows)
{
    const char *id = text(o, "cveId"), *time = text(o, "dateUpdated");
    bool cve = strncmp(id, "CVE-", 4) == 0 && strspn(id + 4, "0123456789") == 4 && id[8] == '-';
    const char *number = cve ? id + 9 : "";
    size_t n = strspn(number, "0123456789");
    if (n < 4 || n > 12 || number[n] || !*time) {
        rows->bad++;
        return;
    }
    json_t *at = json_object_get(seen, id);
    if (at) {
        struct tsn_feed_row *row = &rows->rows[json_integer_value(at)];
        if (strcmp(time, row->time) > 0) {
            row->time = tsn_arena_strdup(arena, time);
        }
        return;
    }
    json_object_set_new(seen, id, json_integer((json_int_t)rows->n));
    tsn_feed_row_add(
        arena, rows,
        &(struct tsn_feed_row){
            .path = tsn_arena_strdup(arena, id),
            .time = tsn_arena_strdup(arena, time),
            .url = tsn_source_url(arena, page->url,
                                  tsn_arena_printf(arena, "%.4s/%.*sxxx/%s.json", id + 4,
                                                   (int)n - 3, number, id))});
}

static void release_page(struct tsn_arena *arena, const struct tsn_page *page,
                         const struct tsn_page_text *in, struct tsn_pages *pages)
{
    json_t *doc = NULL, *a;
    size_t i;
    (void)tsn_json_parse(in->text, in->len, &doc, NULL);
    json_array_foreach(json_object_get(doc, "assets"), i, a)
    {
        const char *url = text(a, "browser_download_url");
        if (strstr(text(a, "name"), "all_CVEs") && tsn_source_url_ok(page->url, url)) {
            tsn_page_add(arena, pages,
                         &(struct tsn_page){.url = tsn_arena_strdup(arena, url),
                                            .optional = true,
                                            .archive = true});
            break;
        }
    }
    json_decref(doc);
}

/* One slice: an id may come several times, and its latest time counts. */
static tsn_err cvelist_read(struct tsn_arena *arena, const struct tsn_page *page,
                            struct tsn_page_text *in, struct tsn_feed_rows *rows,
                            struct tsn_pages *pages, struct tsn_page_news *news,
                            struct tsn_diag *diag)
{
    static const char *const lists[] = {"new", "updated"}, *const whole[] = {NULL};
    struct tsn_buf key;
    const char *value;
    size_t n, k, deltas = 0;
    json_t *o, *seen;
    (void)news;
    if (page->what == RELEASE) {
        release_page(arena, page, in, pages);
        in->at = in->len;
        return 0;
    }
    seen = json_object();
    tsn_err err = tsn_json_each_begin(&in->each, in->text, in->len, whole, diag);
    tsn_buf_init(&key, 4096);
    /* deltaLog.json is an array of what delta.json is one of. */
    bool one = !err && in->each.object;
    while (!err && !one && tsn_json_each_next(&in->each, &key, &value, &n)) {
        json_t *delta = NULL;
        err = tsn_json_parse(value, n, &delta, diag);
        deltas += json_is_object(delta);
        for (size_t l = 0; l < 2; l++) {
            json_array_foreach(json_object_get(delta, lists[l]), k, o)
            {
                cve_row(arena, page, o, seen, rows);
            }
        }
        json_decref(delta);
    }
    for (size_t l = 0; one && l < 2; l++) {
        const char *const path[] = {lists[l], NULL};
        struct tsn_json_each each;
        json_t *doc = NULL;
        if (tsn_json_each_begin(&each, in->text, in->len, path, NULL) == 0) {
            deltas++;
            while (tsn_json_each_next(&each, &key, &value, &n)) {
                if (tsn_json_parse(value, n, &doc, NULL) == 0) {
                    cve_row(arena, page, doc, seen, rows);
                }
                json_decref(doc);
                doc = NULL;
            }
        }
    }
    if (err || !deltas) {
        err = tsn_diag_set(diag, TSN_EINPUT, "F002", "deltaLog.json is no list of changes");
    }
    in->at = in->len;
    tsn_buf_free(&key);
    json_decref(seen);
    return err;
}

/* "cves/2024/1xxx/CVE-2024-1234.json" of a release; the deltas beside the records are left out. */
static bool cvelist_member(struct tsn_arena *arena, const char *name, const char *body,
                           size_t len, struct tsn_feed_row *row)
{
    static const char *const updated[] = {"cveMetadata", "dateUpdated", NULL};
    const char *slash = strrchr(name, '/'), *base = slash ? slash + 1 : name;
    size_t n = strlen(base);
    if (n < 15 || strncmp(base, "CVE-", 4) != 0 || strcmp(base + n - 5, ".json") != 0) {
        return false;
    }
    *row = (struct tsn_feed_row){.path = tsn_arena_strndup(arena, base, n - 5),
                                 .time = tsn_source_peek(arena, body, len, updated),
                                 .body = body,
                                 .len = len};
    return tsn_source_id_ok(row->path);
}

/* The release's zip has another address each day: `archive` is it, or GitHub's page of the latest
 * release, whose asset with all CVEs is taken. */
static bool cvelist_bulk(struct tsn_arena *arena, const struct tsn_source_ask *ask,
                         struct tsn_page *page)
{
    size_t n = ask->archive ? strlen(ask->archive) : 0;
    (void)arena;
    if (!n) {
        return false;
    }
    bool zip = n > 4 && strcmp(ask->archive + n - 4, ".zip") == 0;
    *page = (struct tsn_page){
        .url = ask->archive, .optional = true, .archive = zip, .what = zip ? 0 : RELEASE};
    return true;
}

const struct tsn_source tsn_source_cvelist = {.kind = "cvelist",
                                              .folder = true,
                                              .window = true,
                                              .first = cvelist_first,
                                              .read = cvelist_read,
                                              .member = cvelist_member,
                                              .bulk = cvelist_bulk};

/* --- records inside the page ------------------------------------------------------------------------ */

/* The record is a range of the page's text. */
static void inline_row(struct tsn_arena *arena, struct tsn_feed_rows *rows, const char *path,
                       const char *time, const char *body, size_t len)
{
    tsn_feed_row_add(
        arena, rows,
        &(struct tsn_feed_row){.path = tsn_arena_strdup(arena, path),
                               .time = *time ? time : tsn_source_digest(arena, body, len),
                               .body = body,
                               .len = len});
}

tsn_err tsn_source_records(struct tsn_arena *arena, struct tsn_page_text *in,
                           const char *const *list, const char *const *id,
                           const char *const *time, struct tsn_feed_rows *rows,
                           const char *what, struct tsn_diag *diag)
{
    struct tsn_buf key;
    const char *value;
    size_t n, bytes = 0;
    bool more = true;
    if (!in->begun) {
        if (tsn_json_each_begin(&in->each, in->text, in->len, list, diag) != 0 ||
            in->each.object) {
            return tsn_diag_set(diag, TSN_EINPUT, "F002", "the answer is no %s", what);
        }
        in->begun = true;
    }
    tsn_buf_init(&key, 4096);
    while (!tsn_page_full(in, rows, bytes) &&
           (more = tsn_json_each_next(&in->each, &key, &value, &n))) {
        const char *path = tsn_source_peek(arena, value, n, id);
        if (tsn_source_id_ok(path)) {
            inline_row(arena, rows, path, time ? tsn_source_peek(arena, value, n, time) : "",
                       value, n);
            bytes += n;
        } else {
            rows->bad++;
        }
    }
    in->at = more ? in->each.at : in->len;
    tsn_buf_free(&key);
    return 0;
}

static void page_first(struct tsn_arena *arena, const struct tsn_source_ask *ask,
                       struct tsn_pages *pages)
{
    tsn_page_add(arena, pages, &(struct tsn_page){.url = ask->url, .conditional = true});
}

/* Both dates or neither, at most 120 days apart (NVD API 2.0). */
static void nvd_first(struct tsn_arena *arena, const struct tsn_source_ask *ask,
                      struct tsn_pages *pages)
{
    int64_t from = 0, most = INT64_C(120) * 86400 * 1000;
    const char *url = ask->url;
    char a[25], b[25];
    if (ask->since && tsn_time_parse(ask->since, &from) == 0 && ask->now_ms - from < most) {
        tsn_time_format(a, from);
        tsn_time_format(b, ask->now_ms);
        url = tsn_arena_printf(arena, "%s%slastModStartDate=%s&lastModEndDate=%s", url,
                               strchr(url, '?') ? "&" : "?", a, b);
    }
    tsn_page_add(arena, pages, &(struct tsn_page){.url = url});
}

/* The next page, as the numbers beside the records say. */
static void nvd_next(struct tsn_arena *arena, const struct tsn_page *page,
                     const struct tsn_json_each *each, struct tsn_pages *pages)
{
    json_t *doc = NULL;
    if (tsn_json_each_rest(each, &doc, NULL) != 0) {
        return;
    }
    int64_t start = tsn_json_int(doc, "startIndex", 0),
            per = tsn_json_int(doc, "resultsPerPage", 0),
            total = tsn_json_int(doc, "totalResults", 0);
    int64_t next = start + per;
    bool any = each->end > each->start + 2;
    if (any && per > 0 && start >= 0 && next < total) {
        const char *bare =
            tsn_arena_strndup(arena, page->url,
                              strstr(page->url, "startIndex=")
                                  ? (size_t)(strstr(page->url, "startIndex=") - page->url) - 1
                                  : strlen(page->url));
        tsn_page_add(arena, pages,
                     &(struct tsn_page){.url = tsn_arena_printf(
                                            arena, "%s%sstartIndex=%lld", bare,
                                            strchr(bare, '?') ? "&" : "?", (long long)next)});
    }
    json_decref(doc);
}

static tsn_err nvd_read(struct tsn_arena *arena, const struct tsn_page *page,
                        struct tsn_page_text *in, struct tsn_feed_rows *rows,
                        struct tsn_pages *pages, struct tsn_page_news *news,
                        struct tsn_diag *diag)
{
    static const char *const list[] = {"vulnerabilities", NULL},
                             *const id[] = {"cve", "id", NULL},
                             *const time[] = {"cve", "lastModified", NULL};
    (void)news;
    tsn_err err =
        tsn_source_records(arena, in, list, id, time, rows, "page of NVD's API 2.0", diag);
    if (!err && in->at == in->len) {
        nvd_next(arena, page, &in->each, pages);
    }
    return err;
}

const struct tsn_source tsn_source_nvd = {
    .kind = "nvd", .window = true, .since = true, .first = nvd_first, .read = nvd_read};

/* Only what changed since the last whole poll; pages follow the Link header. */
static void ghsa_first(struct tsn_arena *arena, const struct tsn_source_ask *ask,
                       struct tsn_pages *pages)
{
    const char *url = ask->url;
    if (ask->since && !strstr(url, "modified=")) {
        url = tsn_arena_printf(arena, "%s%smodified=%%3E%%3D%.10s", url,
                               strchr(url, '?') ? "&" : "?", ask->since);
    }
    tsn_page_add(arena, pages,
                 &(struct tsn_page){
                     .url = url, .accept = "application/vnd.github+json", .conditional = true});
}

static tsn_err ghsa_read(struct tsn_arena *arena, const struct tsn_page *page,
                         struct tsn_page_text *in, struct tsn_feed_rows *rows,
                         struct tsn_pages *pages, struct tsn_page_news *news,
                         struct tsn_diag *diag)
{
    static const char *const list[] = {NULL}, *const id[] = {"ghsa_id", NULL},
                             *const time[] = {"updated_at", NULL};
    (void)news;
    tsn_err err =
        tsn_source_records(arena, in, list, id, time, rows, "list of advisories", diag);
    const char *next = err || in->at < in->len ? NULL : tsn_source_next_link(arena, in->link);
    if (next && tsn_source_url_ok(page->url, next)) {
        tsn_page_add(arena, pages, &(struct tsn_page){.url = next, .accept = page->accept});
    }
    return err;
}

const struct tsn_source tsn_source_ghsa = {
    .kind = "ghsa", .window = true, .since = true, .first = ghsa_first, .read = ghsa_read};

/* Debian's tracker: one file of tens of megabytes, a document for each source package. */
static tsn_err debian_read(struct tsn_arena *arena, const struct tsn_page *page,
                           struct tsn_page_text *in, struct tsn_feed_rows *rows,
                           struct tsn_pages *pages, struct tsn_page_news *news,
                           struct tsn_diag *diag)
{
    static const char *const whole[] = {NULL};
    struct tsn_buf key;
    const char *value;
    size_t n, bytes = 0;
    bool more = true;
    (void)page;
    (void)pages;
    (void)news;
    if (!in->begun) {
        if (tsn_json_each_begin(&in->each, in->text, in->len, whole, diag) != 0 ||
            !in->each.object) {
            return tsn_diag_set(diag, TSN_EINPUT, "F002",
                                "the answer is not the JSON of Debian's tracker: %s",
                                diag->what);
        }
        in->begun = true;
    }
    tsn_buf_init(&key, 4096);
    while (!tsn_page_full(in, rows, bytes) &&
           (more = tsn_json_each_next(&in->each, &key, &value, &n))) {
        const char *name = key.len ? key.data : "";
        if (!tsn_source_id_ok(name) || *value != '{') {
            rows->bad++;
            continue;
        }
        const char *body = tsn_arena_printf(arena, "{\"%s\":%.*s}", name, (int)n, value);
        inline_row(arena, rows, name, "", body, strlen(body));
        bytes += n;
    }
    in->at = more ? in->each.at : in->len;
    tsn_buf_free(&key);
    return 0;
}

const struct tsn_source tsn_source_debian = {
    .kind = "debian", .first = page_first, .read = debian_read};

/* The page is the document. An empty one is an error, not "no news". */
static tsn_err document_read(struct tsn_arena *arena, const struct tsn_page *page,
                             struct tsn_page_text *in, struct tsn_feed_rows *rows,
                             struct tsn_pages *pages, struct tsn_page_news *news,
                             struct tsn_diag *diag)
{
    const char *bare = tsn_arena_strndup(arena, page->url, strcspn(page->url, "?#"));
    const char *slash = strrchr(bare, '/');
    (void)pages;
    (void)news;
    if (in->len == 0) {
        return tsn_diag_set(diag, TSN_EINPUT, "F002", "%.200s is empty", page->url);
    }
    in->at = in->len;
    inline_row(arena, rows, slash && slash[1] ? slash + 1 : "document", "", in->text, in->len);
    return 0;
}

const struct tsn_source tsn_source_document = {
    .kind = "document", .first = page_first, .read = document_read};
const struct tsn_source tsn_source_kev = {
    .kind = "kev", .first = page_first, .read = document_read};
const struct tsn_source tsn_source_epss = {
    .kind = "epss", .first = page_first, .read = document_read};
