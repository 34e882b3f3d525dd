/* publish_people.c - lists for people: Atom, RSS and the page of pages. Sources: RFC 4287, RSS 2.0. Pure. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "advisory/publish_tree.h"
#include "core/buf.h"

#define LIST_MAX ((size_t)64 << 20)

static void xml(struct tsn_buf *b, const char *s)
{
    tsn_buf_markup(b, s, strlen(s), ' ', "");
}

static const char *page_url(struct tsn_site *t, const struct tsn_site_doc *d)
{
    char name[512];
    tsn_site_name(d->release->name, name, sizeof name);
    return tsn_arena_printf(t->arena, "%s/advisories/%s.html", t->config->url, name);
}

static void element(struct tsn_buf *b, const char *name, const char *text)
{
    tsn_buf_printf(b, "<%s>", name);
    xml(b, text);
    tsn_buf_printf(b, "</%s>\n", name);
}

/* One page for each advisory, of what everybody may read. */
static bool for_people(const struct tsn_site_doc *d)
{
    return d->open && d->edition == TSN_CSAF_20;
}

static void atom(struct tsn_site *t)
{
    struct tsn_buf b;
    tsn_buf_init(&b, LIST_MAX);
    tsn_buf_puts(&b, "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
                     "<feed xmlns=\"http://www.w3.org/2005/Atom\">\n");
    element(&b, "id", tsn_arena_printf(t->arena, "%s/advisories/feed.atom", t->config->url));
    element(&b, "title",
            tsn_arena_printf(t->arena, "%s: security advisories", t->publisher->name));
    element(&b, "updated", tsn_site_newest(t, TSN_CSAF_20, "white"));
    tsn_buf_puts(&b, "<author>");
    element(&b, "name", t->publisher->name);
    tsn_buf_puts(&b, "</author>\n<link rel=\"self\" href=\"");
    xml(&b, t->config->url);
    tsn_buf_puts(&b, "/advisories/feed.atom\"/>\n");
    for (size_t i = 0; i < t->ndocs; i++) {
        const struct tsn_site_doc *d = &t->docs[i];
        if (!for_people(d)) {
            continue;
        }
        tsn_buf_puts(&b, "<entry>\n");
        element(&b, "id", page_url(t, d));
        element(&b, "title", tsn_arena_printf(t->arena, "%s: %s", d->release->name, d->title));
        tsn_buf_puts(&b, "<link href=\"");
        xml(&b, page_url(t, d));
        tsn_buf_puts(&b, "\"/>\n");
        element(&b, "published", d->initial);
        element(&b, "updated", d->current);
        element(&b, "summary", d->title);
        tsn_buf_puts(&b, "</entry>\n");
    }
    tsn_buf_puts(&b, "</feed>\n");
    tsn_site_add(t, TSN_SITE_PUBLIC "/advisories/feed.atom", b.data, b.len);
    tsn_buf_free(&b);
}

/* RFC 822 date of RSS, in UTC and English whatever the locale is. */
static const char *rss_date(struct tsn_site *t, int64_t ms)
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct tm tm = {0};
    time_t sec = (time_t)(ms / 1000);
    (void)gmtime_r(&sec, &tm);
    return tsn_arena_printf(t->arena, "%s, %02d %s %d %02d:%02d:%02d +0000", days[tm.tm_wday],
                            tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour,
                            tm.tm_min, tm.tm_sec);
}

static void rss(struct tsn_site *t)
{
    struct tsn_buf b;
    tsn_buf_init(&b, LIST_MAX);
    tsn_buf_puts(
        &b, "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<rss version=\"2.0\">\n<channel>\n");
    element(&b, "title",
            tsn_arena_printf(t->arena, "%s: security advisories", t->publisher->name));
    element(&b, "link", tsn_arena_printf(t->arena, "%s/advisories/index.html", t->config->url));
    element(&b, "description", "Security advisories");
    for (size_t i = 0; i < t->ndocs; i++) {
        const struct tsn_site_doc *d = &t->docs[i];
        if (!for_people(d)) {
            continue;
        }
        tsn_buf_puts(&b, "<item>\n");
        element(&b, "title", tsn_arena_printf(t->arena, "%s: %s", d->release->name, d->title));
        element(&b, "link", page_url(t, d));
        tsn_buf_puts(&b, "<guid isPermaLink=\"false\">");
        xml(&b, tsn_arena_printf(t->arena, "%s#%s", page_url(t, d), d->release->version));
        tsn_buf_puts(&b, "</guid>\n");
        element(&b, "pubDate", rss_date(t, d->release->released_at));
        tsn_buf_puts(&b, "</item>\n");
    }
    tsn_buf_puts(&b, "</channel>\n</rss>\n");
    tsn_site_add(t, TSN_SITE_PUBLIC "/advisories/feed.rss", b.data, b.len);
    tsn_buf_free(&b);
}

static void page(struct tsn_site *t)
{
    struct tsn_buf b;
    tsn_buf_init(&b, LIST_MAX);
    tsn_buf_puts(&b,
                 "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta "
                 "name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>");
    xml(&b, t->publisher->name);
    tsn_buf_puts(
        &b, ": security advisories</title>\n<link rel=\"alternate\" "
            "type=\"application/atom+xml\" href=\"feed.atom\">\n</head>\n<body>\n<main>\n<h1>"
            "Security advisories</h1>\n<table>\n<caption>Newest first</caption>\n<thead>\n<tr>"
            "<th scope=\"col\">Advisory</th><th scope=\"col\">Version</th><th "
            "scope=\"col\">Date</th><th scope=\"col\">Title</th></tr>\n</thead>\n<tbody>\n");
    for (size_t i = 0; i < t->ndocs; i++) {
        const struct tsn_site_doc *d = &t->docs[i];
        if (!for_people(d)) {
            continue;
        }
        tsn_buf_printf(&b, "<tr><th scope=\"row\"><a href=\"%s\">",
                       strrchr(page_url(t, d), '/') + 1);
        xml(&b, d->release->name);
        tsn_buf_printf(&b, "</a></th><td>%s</td><td>%.10s</td><td>", d->release->version,
                       d->current);
        xml(&b, d->title);
        tsn_buf_puts(&b, "</td></tr>\n");
    }
    tsn_buf_puts(&b, "</tbody>\n</table>\n</main>\n</body>\n</html>\n");
    tsn_site_add(t, TSN_SITE_PUBLIC "/advisories/index.html", b.data, b.len);
    tsn_buf_free(&b);
}

void tsn_site_people(struct tsn_site *t)
{
    atom(t);
    rss(t);
    page(t);
}
