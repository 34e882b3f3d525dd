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
