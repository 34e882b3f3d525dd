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
#include "feed/source.h"

static const char *text(const json_t *o, const char *key)
{
    return tsn_json_str(o, key, "");
}

static const char *digest(struct tsn_arena *arena, const char *p, size_t n)
{
    uint8_t hash[TSN_HASH_LEN];
    char hex[2 * TSN_HASH_LEN + 1];
    tsn_sha256_once(hash, p, n);
    tsn_hex(hex, hash, sizeof hash);
    return tsn_arena_strdup(arena, hex);
}

/* Letters, digits and what ids are made of; nothing that leads out of a folder. */
static bool id_ok(const char *id)
{
    size_t n = strlen(id);
    return n > 0 && n < 200 && !strstr(id, "..") &&
           strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:+/") ==
               n &&
           id[0] != '/' && id[0] != '.';
}

/* --- OSV: modified_id.csv ------------------------------------------------------------------------ */

static void osv_first(struct tsn_arena *arena, const char *url, const char *domain,
                      const char *since, struct tsn_pages *pages)
{
    (void)domain;
    (void)since;
    tsn_page_add(arena, pages,
                 &(struct tsn_page){.url = tsn_arena_printf(arena, "%smodified_id.csv", url),
                                    .conditional = true});
}

static tsn_err osv_read(struct tsn_arena *arena, const struct tsn_page *page, const char *body,
                        size_t len, struct tsn_feed_rows *rows, struct tsn_pages *pages,
                        struct tsn_page_news *news, struct tsn_diag *diag)
{
    const char *p = body, *end = body + len;
    (void)pages;
    (void)news;
    while (p < end) {
        const char *eol = memchr(p, '\n', (size_t)(end - p));
        eol = eol ? eol : end;
        size_t n = (size_t)(eol - p);
        while (n && isspace((unsigned char)p[n - 1])) {
            n--;
        }
        char *line = tsn_arena_strndup(arena, p, n), *comma = strchr(line, ',');
        p = eol + 1;
        if (!n) {
            continue;
        }
        if (!comma || comma - line < 10 || !isdigit((unsigned char)*line) ||
            !id_ok(comma + 1)) {
            rows->bad++;
            continue;
        }
        *comma = '\0';
        /* npm's malware records are 98 % of it and about packages nobody ships. */
        const char *base = strrchr(comma + 1, '/');
        if (strncmp(base ? base + 1 : comma + 1, "MAL-", 4) == 0) {
            continue;
        }
        const char *url =
            tsn_source_url(arena, page->url, tsn_arena_printf(arena, "%s.json", comma + 1));
        if (url) {
            tsn_feed_row_add(
                arena, rows,
                &(struct tsn_feed_row){.path = comma + 1, .time = line, .url = url});
        }
    }
    return rows->n ? 0
                   : tsn_diag_set(diag, TSN_EINPUT, "F002",
                                  "modified_id.csv holds no row time,id (%zu other lines)",
                                  rows->bad);
}

const struct tsn_source tsn_source_osv = {
    .kind = "osv", .folder = true, .first = osv_first, .read = osv_read};

/* --- the CVE list: deltaLog.json ------------------------------------------------------------------- */

static void cvelist_first(struct tsn_arena *arena, const char *url, const char *domain,
                          const char *since, struct tsn_pages *pages)
{
    (void)domain;
    (void)since;
    tsn_page_add(arena, pages,
                 &(struct tsn_page){.url = tsn_arena_printf(arena, "%sdeltaLog.json", url),
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

static tsn_err cvelist_read(struct tsn_arena *arena, const struct tsn_page *page,
                            const char *body, size_t len, struct tsn_feed_rows *rows,
                            struct tsn_pages *pages, struct tsn_page_news *news,
                            struct tsn_diag *diag)
{
    static const char *const lists[] = {"new", "updated"};
    json_t *doc = NULL, *delta, *o, *seen = json_object();
    size_t i, k;
    (void)pages;
    (void)news;
    tsn_err err = tsn_json_parse(body, len, &doc, diag);
    json_t *log = json_is_array(doc) ? json_incref(doc) : json_pack("[O*]", doc);
    if (err || !log || !json_is_object(json_array_get(log, 0))) {
        err = tsn_diag_set(diag, TSN_EINPUT, "F002", "deltaLog.json is no list of changes");
    }
    json_array_foreach(log, i, delta)
    {
        for (size_t l = 0; l < 2; l++) {
            json_array_foreach(json_object_get(delta, lists[l]), k, o)
            {
                cve_row(arena, page, o, seen, rows);
            }
        }
    }
    json_decref(log);
    json_decref(seen);
    json_decref(doc);
    return err;
}

const struct tsn_source tsn_source_cvelist = {
    .kind = "cvelist", .folder = true, .first = cvelist_first, .read = cvelist_read};

/* --- records inside the page ------------------------------------------------------------------------ */

static void inline_row(struct tsn_arena *arena, struct tsn_feed_rows *rows, const char *path,
                       const char *time, const json_t *doc)
{
    char *body = tsn_json_text(doc);
    size_t len = strlen(body);
    char *kept = tsn_arena_strndup(arena, body, len);
    tsn_feed_row_add(arena, rows,
                     &(struct tsn_feed_row){.path = tsn_arena_strdup(arena, path),
                                            .time = *time ? tsn_arena_strdup(arena, time)
                                                          : digest(arena, kept, len),
                                            .body = kept,
                                            .len = len});
    free(body);
}

static void page_first(struct tsn_arena *arena, const char *url, const char *domain,
                       const char *since, struct tsn_pages *pages)
{
    (void)domain;
    (void)since;
    tsn_page_add(arena, pages, &(struct tsn_page){.url = url, .conditional = true});
}

/* Both dates or neither, at most 120 days apart (NVD API 2.0). */
static void nvd_first(struct tsn_arena *arena, const char *url, const char *domain,
                      const char *since, struct tsn_pages *pages)
{
    int64_t from = 0, now = tsn_clock_wall_ms(), most = INT64_C(120) * 86400 * 1000;
    char a[25], b[25];
    (void)domain;
    if (since && tsn_time_parse(since, &from) == 0 && now - from < most) {
        tsn_time_format(a, from);
        tsn_time_format(b, now);
        url = tsn_arena_printf(arena, "%s%slastModStartDate=%s&lastModEndDate=%s", url,
                               strchr(url, '?') ? "&" : "?", a, b);
    }
    tsn_page_add(arena, pages, &(struct tsn_page){.url = url});
}

static tsn_err nvd_read(struct tsn_arena *arena, const struct tsn_page *page, const char *body,
                        size_t len, struct tsn_feed_rows *rows, struct tsn_pages *pages,
                        struct tsn_page_news *news, struct tsn_diag *diag)
{
    json_t *doc = NULL, *v;
    size_t i;
    (void)news;
    if (tsn_json_parse(body, len, &doc, diag) ||
        !json_is_array(json_object_get(doc, "vulnerabilities"))) {
        json_decref(doc);
        return tsn_diag_set(diag, TSN_EINPUT, "F002", "the answer is no page of NVD's API 2.0");
    }
    json_array_foreach(json_object_get(doc, "vulnerabilities"), i, v)
    {
        const json_t *cve = json_object_get(v, "cve");
        if (id_ok(text(cve, "id"))) {
            inline_row(arena, rows, text(cve, "id"), text(cve, "lastModified"), v);
        } else {
            rows->bad++;
        }
    }
    int64_t start = tsn_json_int(doc, "startIndex", 0),
            per = tsn_json_int(doc, "resultsPerPage", 0),
            total = tsn_json_int(doc, "totalResults", 0);
    int64_t next = start + per;
    if (i > 0 && per > 0 && start >= 0 && next < total) {
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
    return 0;
}

const struct tsn_source tsn_source_nvd = {.kind = "nvd", .first = nvd_first, .read = nvd_read};

static tsn_err ghsa_read(struct tsn_arena *arena, const struct tsn_page *page, const char *body,
                         size_t len, struct tsn_feed_rows *rows, struct tsn_pages *pages,
                         struct tsn_page_news *news, struct tsn_diag *diag)
{
    json_t *doc = NULL, *a;
    size_t i;
    (void)page;
    (void)pages;
    (void)news;
    if (tsn_json_parse(body, len, &doc, diag) || !json_is_array(doc)) {
        json_decref(doc);
        return tsn_diag_set(diag, TSN_EINPUT, "F002", "the answer is no list of advisories");
    }
    json_array_foreach(doc, i, a)
    {
        if (id_ok(text(a, "ghsa_id"))) {
            inline_row(arena, rows, text(a, "ghsa_id"), text(a, "updated_at"), a);
        } else {
            rows->bad++;
        }
    }
    json_decref(doc);
    return 0;
}

const struct tsn_source tsn_source_ghsa = {
    .kind = "ghsa", .first = page_first, .read = ghsa_read};

/* The page is the document. An empty one is an error, not "no news". */
static tsn_err document_read(struct tsn_arena *arena, const struct tsn_page *page,
                             const char *body, size_t len, struct tsn_feed_rows *rows,
                             struct tsn_pages *pages, struct tsn_page_news *news,
                             struct tsn_diag *diag)
{
    const char *bare = tsn_arena_strndup(arena, page->url, strcspn(page->url, "?#"));
    const char *slash = strrchr(bare, '/');
    (void)pages;
    (void)news;
    if (len == 0) {
        return tsn_diag_set(diag, TSN_EINPUT, "F002", "%.200s is empty", page->url);
    }
    tsn_feed_row_add(arena, rows,
                     &(struct tsn_feed_row){.path = slash && slash[1] ? slash + 1 : "document",
                                            .time = digest(arena, body, len),
                                            .body = body,
                                            .len = len});
    return 0;
}

const struct tsn_source tsn_source_document = {
    .kind = "document", .first = page_first, .read = document_read};
const struct tsn_source tsn_source_kev = {
    .kind = "kev", .first = page_first, .read = document_read};
const struct tsn_source tsn_source_epss = {
    .kind = "epss", .first = page_first, .read = document_read};
