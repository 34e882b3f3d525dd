/* source_distro.c - Red Hat's, SUSE's and Ubuntu's own feeds, where they are more than CSAF or OSV. Pure. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "core/json.h"
#include "feed/source_all.h"

static bool ends_in(const char *s, const char *ending)
{
    size_t n = strlen(s), m = strlen(ending);
    return n > m && strcasecmp(s + n - m, ending) == 0;
}

/* --- Red Hat: a CSAF folder with the day's archive beside its list ----------------------------------- */

static void redhat_first(struct tsn_arena *arena, const struct tsn_source_ask *ask,
                         struct tsn_pages *pages)
{
    tsn_source_csaf.first(arena, ask, pages);
}

static bool redhat_bulk(struct tsn_arena *arena, const struct tsn_source_ask *ask,
                        struct tsn_page *page)
{
    struct tsn_source_ask with = *ask;
    if (!with.archive) {
        with.archive = tsn_arena_printf(arena, "%sarchive_latest.txt", ask->url);
    }
    return tsn_source_csaf.bulk(arena, &with, page);
}

static tsn_err redhat_read(struct tsn_arena *arena, const struct tsn_page *page,
                           struct tsn_page_text *in, struct tsn_feed_rows *rows,
                           struct tsn_pages *pages, struct tsn_page_news *news,
                           struct tsn_diag *diag)
{
    return tsn_source_csaf.read(arena, page, in, rows, pages, news, diag);
}

static bool redhat_member(struct tsn_arena *arena, const char *name, const char *text,
                          size_t len, struct tsn_feed_row *row)
{
    return tsn_source_csaf.member(arena, name, text, len, row);
}

const struct tsn_source tsn_source_redhat = {.kind = "redhat",
                                             .folder = true,
                                             .hashes = true,
                                             .csaf = true,
                                             .first = redhat_first,
                                             .read = redhat_read,
                                             .member = redhat_member,
                                             .bulk = redhat_bulk};

/* --- SUSE: the archive of CVRF documents ---------------------------------------------------------------- */

static void archive_first(struct tsn_arena *arena, const struct tsn_source_ask *ask,
                          struct tsn_pages *pages)
{
    tsn_page_add(arena, pages,
                 &(struct tsn_page){.url = ask->url, .conditional = true, .archive = true});
}

static tsn_err no_list(struct tsn_arena *arena, const struct tsn_page *page,
                       struct tsn_page_text *in, struct tsn_feed_rows *rows,
                       struct tsn_pages *pages, struct tsn_page_news *news,
                       struct tsn_diag *diag)
{
    (void)arena;
    (void)rows;
    (void)pages;
    (void)news;
    in->at = in->len;
    return tsn_diag_set(diag, TSN_EINPUT, "F002", "%.200s is no archive", page->url);
}

static bool suse_member(struct tsn_arena *arena, const char *name, const char *text, size_t len,
                        struct tsn_feed_row *row)
{
    static const char mark[] = "<CurrentReleaseDate>";
    const char *slash = strrchr(name, '/'), *base = slash ? slash + 1 : name;
    const char *date = memmem(text, len, mark, sizeof mark - 1);
    if (!ends_in(base, ".xml") || !tsn_source_id_ok(base)) {
        return false;
    }
    date = date ? date + sizeof mark - 1 : "";
    *row = (struct tsn_feed_row){.path = tsn_arena_strndup(arena, base, strlen(base) - 4),
                                 .time = tsn_arena_strndup(arena, date, strcspn(date, "<\n")),
                                 .body = text,
                                 .len = len};
    if (strlen(row->time) > 40) {
        row->time = "";
    }
    return true;
}

const struct tsn_source tsn_source_suse = {
    .kind = "suse", .first = archive_first, .read = no_list, .member = suse_member};

/* --- Ubuntu: archives of OSV and OpenVEX records, or the pages of its notices -------------------------- */

static void ubuntu_first(struct tsn_arena *arena, const struct tsn_source_ask *ask,
                         struct tsn_pages *pages)
{
    bool notices = strstr(ask->url, "notices.json") != NULL;
    tsn_page_add(
        arena, pages,
        &(struct tsn_page){.url = ask->url, .conditional = !notices, .archive = !notices});
}

static bool ubuntu_member(struct tsn_arena *arena, const char *name, const char *text,
                          size_t len, struct tsn_feed_row *row)
{
    static const char *const modified[] = {"modified", NULL}, *const updated[] = {
                                                                  "last_updated", NULL};
    const char *slash = strrchr(name, '/'), *base = slash ? slash + 1 : name;
    if (!ends_in(base, ".json") || !tsn_source_id_ok(base)) {
        return false;
    }
    const char *time = tsn_source_peek(arena, text, len, modified);
    *row =
        (struct tsn_feed_row){.path = tsn_arena_strndup(arena, base, strlen(base) - 5),
                              .time = *time ? time : tsn_source_peek(arena, text, len, updated),
                              .body = text,
                              .len = len};
    return true;
}

/* Notices have no time of their last change: what they say is looked at itself. */
static tsn_err ubuntu_read(struct tsn_arena *arena, const struct tsn_page *page,
                           struct tsn_page_text *in, struct tsn_feed_rows *rows,
                           struct tsn_pages *pages, struct tsn_page_news *news,
                           struct tsn_diag *diag)
{
    static const char *const list[] = {"notices", NULL}, *const id[] = {"id", NULL};
    json_t *rest = NULL;
    (void)news;
    tsn_err err = tsn_source_records(arena, in, list, id, NULL, rows, "page of notices", diag);
    if (err || in->at < in->len || tsn_json_each_rest(&in->each, &rest, NULL) != 0) {
        return err;
    }
    int64_t offset = tsn_json_int(rest, "offset", 0), limit = tsn_json_int(rest, "limit", 0),
            total = tsn_json_int(rest, "total_results", 0), next = offset + limit;
    json_decref(rest);
    if (rows->n && limit > 0 && offset >= 0 && next < total) {
        const char *bare = tsn_arena_strndup(arena, page->url, strcspn(page->url, "?"));
        tsn_page_add(
            arena, pages,
            &(struct tsn_page){.url = tsn_arena_printf(arena, "%s?limit=%lld&offset=%lld", bare,
                                                       (long long)limit, (long long)next)});
    }
    return 0;
}

const struct tsn_source tsn_source_ubuntu = {
    .kind = "ubuntu", .first = ubuntu_first, .read = ubuntu_read, .member = ubuntu_member};
