/* source_vendor.c - vendors with an interface of their own: Microsoft's MSRC and Cisco's openVuln. Pure. */
#include <string.h>
#include <strings.h>
#include "core/clock.h"
#include "core/json.h"
#include "feed/source_all.h"

static const char *text(const json_t *o, const char *key)
{
    return tsn_json_str(o, key, "");
}

/* --- MSRC: a document for each month, revised for weeks --------------------------------------------------- */

static void msrc_first(struct tsn_arena *arena, const struct tsn_source_ask *ask,
                       struct tsn_pages *pages)
{
    tsn_page_add(arena, pages,
                 &(struct tsn_page){.url = tsn_arena_printf(arena, "%supdates", ask->url),
                                    .accept = "application/json",
                                    .conditional = true});
}

/* The document's address is made from its id, never taken from the list. */
static tsn_err msrc_read(struct tsn_arena *arena, const struct tsn_page *page,
                         struct tsn_page_text *in, struct tsn_feed_rows *rows,
                         struct tsn_pages *pages, struct tsn_page_news *news,
                         struct tsn_diag *diag)
{
    json_t *doc = NULL, *u;
    size_t i;
    (void)news;
    if (tsn_json_parse(in->text, in->len, &doc, diag) ||
        !json_is_array(json_object_get(doc, "value"))) {
        json_decref(doc);
        return tsn_diag_set(diag, TSN_EINPUT, "F002",
                            "the answer is no list of MSRC's updates");
    }
    in->at = in->len;
    json_array_foreach(json_object_get(doc, "value"), i, u)
    {
        const char *id = text(u, "ID"), *time = text(u, "CurrentReleaseDate");
        if (!tsn_source_id_ok(id) || strchr(id, '/') || !*time) {
            rows->bad++;
            continue;
        }
        const char *url =
            tsn_source_url(arena, page->url, tsn_arena_printf(arena, "cvrf/%s", id));
        tsn_feed_row_add(arena, rows,
                         &(struct tsn_feed_row){.path = tsn_arena_strdup(arena, id),
                                                .time = tsn_arena_strdup(arena, time),
                                                .url = url,
                                                .accept = "application/json"});
    }
    const char *next = text(doc, "@odata.nextLink");
    if (*next && tsn_source_url_ok(page->url, next)) {
        tsn_page_add(
            arena, pages,
            &(struct tsn_page){.url = tsn_arena_strdup(arena, next), .accept = page->accept});
    }
    json_decref(doc);
    return 0;
}

const struct tsn_source tsn_source_msrc = {
    .kind = "msrc", .folder = true, .first = msrc_first, .read = msrc_read};

/* --- Cisco openVuln: OAuth2 client credentials, then pages ------------------------------------------------- */

#define CISCO_TOKEN "https://id.cisco.com/oauth2/default/v1/token"

enum { TOKEN = 1 };

/* All of them at first, later what was published since; dates are whole days. */
static void cisco_first(struct tsn_arena *arena, const struct tsn_source_ask *ask,
                        struct tsn_pages *pages)
{
    char today[25];
    tsn_page_add(arena, pages,
                 &(struct tsn_page){
                     .url = ask->token_url ? ask->token_url : CISCO_TOKEN,
                     .form = tsn_arena_printf(
                         arena, "grant_type=client_credentials&client_id=%s&client_secret=",
                         tsn_source_escape(arena, ask->id ? ask->id : "")),
                     .secret = true,
                     .accept = "application/json",
                     .what = TOKEN});
    tsn_time_format(today, ask->now_ms);
    const char *url =
        ask->since
            ? tsn_arena_printf(arena, "%sall/lastpublished?startDate=%.10s&endDate=%.10s",
                               ask->url, ask->since, today)
            : tsn_arena_printf(arena, "%sall", ask->url);
    tsn_page_add(arena, pages, &(struct tsn_page){.url = url, .accept = "application/json"});
}

static tsn_err cisco_token(struct tsn_arena *arena, struct tsn_page_text *in,
                           struct tsn_page_news *news, struct tsn_diag *diag)
{
    json_t *doc = NULL;
    (void)tsn_json_parse(in->text, in->len, &doc, NULL);
    const char *token = text(doc, "access_token");
    bool ok = *token && strlen(token) < 8000 && !strpbrk(token, " \t\r\n");
    in->at = in->len;
    news->token = ok ? tsn_arena_strdup(arena, token) : NULL;
    json_decref(doc);
    return ok ? 0 : tsn_diag_set(diag, TSN_EINPUT, "F002", "the answer holds no access token");
}

/* The CSAF document of an advisory says more than its record does. */
static tsn_err cisco_read(struct tsn_arena *arena, const struct tsn_page *page,
                          struct tsn_page_text *in, struct tsn_feed_rows *rows,
                          struct tsn_pages *pages, struct tsn_page_news *news,
                          struct tsn_diag *diag)
{
    static const char *const list[] = {"advisories", NULL}, *const id[] = {"advisoryId", NULL},
                             *const time[] = {"lastUpdated", NULL},
                             *const csaf[] = {"csafUrl", NULL};
    json_t *rest = NULL;
    size_t before = rows->n;
    if (page->what == TOKEN) {
        return cisco_token(arena, in, news, diag);
    }
    tsn_err err = tsn_source_records(arena, in, list, id, time, rows, "page of openVuln", diag);
    for (size_t i = before; !err && i < rows->n; i++) {
        struct tsn_feed_row *r = &rows->rows[i];
        const char *url = tsn_source_peek(arena, r->body, r->len, csaf);
        if (strncasecmp(url, "http", 4) == 0 && tsn_source_url_ok(page->url, url)) {
            r->url = url;
            r->body = NULL;
            r->len = 0;
        }
    }
    if (err || in->at < in->len || tsn_json_each_rest(&in->each, &rest, NULL) != 0) {
        return err;
    }
    const char *next = text(json_object_get(rest, "paging"), "next");
    const char *url = *next && strcasecmp(next, "NA") != 0
                          ? tsn_source_url(arena, page->url, tsn_arena_strdup(arena, next))
                          : NULL;
    if (url && rows->n) {
        tsn_page_add(arena, pages, &(struct tsn_page){.url = url, .accept = page->accept});
    }
    json_decref(rest);
    return 0;
}

const struct tsn_source tsn_source_cisco = {.kind = "cisco",
                                            .folder = true,
                                            .secret = true,
                                            .window = true,
                                            .since = true,
                                            .first = cisco_first,
                                            .read = cisco_read};
