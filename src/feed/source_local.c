/* source_local.c - documents that lie in a file or a folder of ours: what another program fetched, converted
 * or was given. Each file is a document of any format; a zip or tar is read like a publisher's. Pure. */
#include <string.h>
#include <strings.h>
#include "feed/source_all.h"

static bool ends_in(const char *s, const char *ending)
{
    size_t n = strlen(s), m = strlen(ending);
    return n > m && strcasecmp(s + n - m, ending) == 0;
}

static void file_first(struct tsn_arena *arena, const struct tsn_source_ask *ask,
                       struct tsn_pages *pages)
{
    bool archive = ends_in(ask->url, ".zip") || ends_in(ask->url, ".tar") ||
                   strstr(ask->url, ".tar.") || ends_in(ask->url, ".tgz");
    tsn_page_add(arena, pages, &(struct tsn_page){.url = ask->url, .archive = archive});
}

static tsn_err file_read(struct tsn_arena *arena, const struct tsn_page *page,
                         struct tsn_page_text *in, struct tsn_feed_rows *rows,
                         struct tsn_pages *pages, struct tsn_page_news *news,
                         struct tsn_diag *diag)
{
    const char *slash = strrchr(page->url, '/');
    (void)pages;
    (void)news;
    if (in->len == 0) {
        return tsn_diag_set(diag, TSN_EINPUT, "F002", "%.200s is empty", page->url);
    }
    in->at = in->len;
    tsn_feed_row_add(arena, rows,
                     &(struct tsn_feed_row){.path = slash ? slash + 1 : page->url,
                                            .time = tsn_source_digest(arena, in->text, in->len),
                                            .body = in->text,
                                            .len = in->len});
    return 0;
}

static bool file_member(struct tsn_arena *arena, const char *name, const char *text, size_t len,
                        struct tsn_feed_row *row)
{
    (void)arena;
    *row = (struct tsn_feed_row){.path = name, .body = text, .len = len};
    return len > 0;
}

const struct tsn_source tsn_source_file = {.kind = "file",
                                           .local = true,
                                           .first = file_first,
                                           .read = file_read,
                                           .member = file_member};

/* --- mailboxes: advisories that come by mail --------------------------------------------------------- */

static void maildir_first(struct tsn_arena *arena, const struct tsn_source_ask *ask,
                          struct tsn_pages *pages)
{
    tsn_page_add(arena, pages, &(struct tsn_page){.url = ask->url});
}

const struct tsn_source tsn_source_maildir = {.kind = "maildir",
                                              .local = true,
                                              .first = maildir_first,
                                              .read = file_read,
                                              .member = file_member};

/* --- exec: what a converter prints -------------------------------------------------------------------- */

static void exec_first(struct tsn_arena *arena, const struct tsn_source_ask *ask,
                       struct tsn_pages *pages)
{
    (void)ask;
    tsn_page_add(arena, pages, &(struct tsn_page){.url = "exec:"});
}

/* A line is a document, or { path, time, document }. Without a path its id names it. */
static bool exec_row(struct tsn_arena *arena, const char *line, size_t n,
                     struct tsn_feed_row *row)
{
    static const char *const inside[] = {"document", NULL}, *const path[] = {"path", NULL},
                             *const time[] = {"time", NULL}, *const id[] = {"id", NULL};
    const char *value;
    size_t len;
    bool wrapped = tsn_json_find(line, n, inside, &value, &len) && *value == '{' &&
                   *tsn_source_peek(arena, line, n, path);
    if (!wrapped && !tsn_json_find(line, n, (const char *const[]){NULL}, &value, &len)) {
        return false;
    }
    *row = (struct tsn_feed_row){.path = tsn_source_peek(arena, line, n, wrapped ? path : id),
                                 .time = wrapped ? tsn_source_peek(arena, line, n, time) : "",
                                 .body = wrapped ? value : line,
                                 .len = wrapped ? len : n};
    row->path = *row->path ? row->path : tsn_source_digest(arena, row->body, row->len);
    row->time = *row->time ? row->time : tsn_source_digest(arena, row->body, row->len);
    return *row->body == '{' && tsn_source_id_ok(row->path);
}

static tsn_err exec_read(struct tsn_arena *arena, const struct tsn_page *page,
                         struct tsn_page_text *in, struct tsn_feed_rows *rows,
                         struct tsn_pages *pages, struct tsn_page_news *news,
                         struct tsn_diag *diag)
{
    const char *line;
    size_t n, bytes = 0;
    (void)page;
    (void)pages;
    (void)news;
    (void)diag;
    while (!tsn_page_full(in, rows, bytes) && tsn_page_line(in, &line, &n)) {
        struct tsn_feed_row row;
        if (n == 0) {
            continue;
        }
        if (exec_row(arena, line, n, &row)) {
            tsn_feed_row_add(arena, rows, &row);
            bytes += n;
        } else {
            rows->bad++;
        }
    }
    return 0;
}

const struct tsn_source tsn_source_exec = {
    .kind = "exec", .local = true, .first = exec_first, .read = exec_read};
