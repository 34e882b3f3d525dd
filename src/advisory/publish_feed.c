/* publish_feed.c - everything that programs list, per label: ROLIE, index.txt, changes.csv, and the
 * folder as a page.
 *
 * Sources: CSAF 2.0 section 7.1 (requirements 11 to 17) and the same of CSAF 2.1, RFC 8322. Pure. */
#include <stdlib.h>
#include <string.h>
#include "advisory/publish_tree.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/json.h"

#define LIST_MAX ((size_t)64 << 20)

static const struct edition {
    enum tsn_csaf_version edition;
    const char *labels[6];
    const char *version, *schema;
} editions[] = {
    {TSN_CSAF_20,
     {"white", "green", "amber", "red"},
     "2.0",
     "https://docs.oasis-open.org/csaf/csaf/v2.0/csaf_json_schema.json"},
    {TSN_CSAF_21,
     {"clear", "green", "amber", "amber+strict", "red"},
     "2.1",
     TSN_CSAF_21_SCHEMA},
};

const char *tsn_site_newest(struct tsn_site *t, enum tsn_csaf_version edition,
                            const char *label)
{
    char *text = tsn_arena_alloc(t->arena, 25);
    int64_t at = 0;
    for (size_t i = 0; i < t->ndocs; i++) {
        const struct tsn_site_doc *d = &t->docs[i];
        bool mine = d->edition == edition && (!label || strcmp(d->label, label) == 0);
        at = mine && d->release->released_at > at ? d->release->released_at : at;
    }
    tsn_time_format(text, at);
    return text;
}

void tsn_site_add_json(struct tsn_site *t, const char *path, json_t *v)
{
    char *text = tsn_json_text(v);
    tsn_site_add(t, path, text, strlen(text));
    free(text);
    json_decref(v);
}

static json_t *rolie_entry(struct tsn_site *t, const struct edition *e,
                           const struct tsn_site_doc *d)
{
    const char *url = tsn_arena_printf(t->arena, "%s/%s", t->config->url, d->path);
    json_t *links =
        json_pack("[{s:s,s:s},{s:s,s:s},{s:s,s:s}]", "rel", "self", "href", url, "rel", "hash",
                  "href", tsn_arena_printf(t->arena, "%s.sha256", url), "rel", "hash", "href",
                  tsn_arena_printf(t->arena, "%s.sha512", url));
    if (d->signature) {
        json_array_append_new(links, json_pack("{s:s,s:s}", "rel", "signature", "href",
                                               tsn_arena_printf(t->arena, "%s.asc", url)));
    }
    return json_pack("{s:s,s:s,s:o,s:s,s:s,s:{s:s},s:{s:s,s:s},s:{s:s,s:s}}", "id",
                     d->release->name, "title", d->title, "link", links, "published",
                     d->initial, "updated", d->current, "summary", "content", d->title,
                     "content", "type", "application/json", "src", url, "format", "schema",
                     e->schema, "version", e->version);
}

/* Names of a folder as links, so that it can be walked without a feed (requirement 14). */
static void folder_page(struct tsn_site *t, const char *at, const struct tsn_buf *rows)
{
    const char *name = tsn_arena_printf(t->arena, "/%s/", strchr(at, '/') + 1);
    struct tsn_buf b;
    tsn_buf_init(&b, LIST_MAX);
    tsn_buf_printf(&b,
                   "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                   "<title>%s</title>\n</head>\n<body>\n<main>\n<h1>%s</h1>\n<ul>\n%s</ul>\n"
                   "</main>\n</body>\n</html>\n",
                   name, name, rows->data ? rows->data : "");
    tsn_site_add(t, tsn_arena_printf(t->arena, "%s/index.html", at), b.data, b.len);
    tsn_buf_free(&b);
}

static void link_to(struct tsn_buf *b, const char *name)
{
    tsn_buf_printf(b, "<li><a href=\"%s\">%s</a></li>\n", name, name);
}

/* The pages of the years, and the names of the years into `rows`. */
static void year_pages(struct tsn_site *t, const struct edition *e, const char *label,
                       const char *at, struct tsn_buf *rows)
{
    static const char *const suffixes[] = {"", ".sha256", ".sha512", ".asc"};
    char last[5] = "";
    for (;;) { /* years from the newest on */
        char year[5] = "";
        struct tsn_buf names;
        for (size_t i = 0; i < t->ndocs; i++) {
            const struct tsn_site_doc *d = &t->docs[i];
            bool mine = d->edition == e->edition && strcmp(d->label, label) == 0;
            if (mine && strncmp(d->initial, year, 4) > 0 &&
                (!*last || strncmp(d->initial, last, 4) < 0)) {
                memcpy(year, d->initial, 4);
            }
        }
        if (!*year) {
            return;
        }
        tsn_buf_init(&names, LIST_MAX);
        for (size_t i = 0; i < t->ndocs; i++) {
            const struct tsn_site_doc *d = &t->docs[i];
            for (size_t k = 0; d->edition == e->edition && strcmp(d->label, label) == 0 &&
                               strncmp(d->initial, year, 4) == 0 && k < 4;
                 k++) {
                if (k < 3 || d->signature) {
                    link_to(&names, tsn_arena_printf(t->arena, "%s%s",
                                                     strrchr(d->path, '/') + 1, suffixes[k]));
                }
            }
        }
        folder_page(t, tsn_arena_printf(t->arena, "%s/%s", at, year), &names);
        tsn_buf_free(&names);
        link_to(rows, tsn_arena_printf(t->arena, "%s/", year));
        memcpy(last, year, sizeof last);
    }
}

static void folder_pages(struct tsn_site *t, const struct edition *e, const char *label,
                         const char *at, const char *feed)
{
    struct tsn_buf rows;
    tsn_buf_init(&rows, LIST_MAX);
    year_pages(t, e, label, at, &rows);
    link_to(&rows, feed);
    link_to(&rows, "index.txt");
    link_to(&rows, "changes.csv");
    folder_page(t, at, &rows);
    tsn_buf_free(&rows);
}

static json_t *rolie(struct tsn_site *t, const struct edition *e, const char *label,
                     const char *name, json_t *entries)
{
    char upper[16];
    size_t n = 0;
    for (; label[n] && n + 1 < sizeof upper; n++) {
        upper[n] = label[n] >= 'a' && label[n] <= 'z' ? (char)(label[n] - 32) : label[n];
    }
    upper[n] = '\0';
    return json_pack(
        "{s:{s:s,s:s,s:[{s:s,s:s}],s:[{s:s,s:s}],s:s,s:O}}", "feed", "id", name, "title",
        tsn_arena_printf(t->arena, "%s: CSAF %s documents, TLP:%s", t->publisher->name,
                         e->version, upper),
        "link", "rel", "self", "href",
        tsn_arena_printf(t->arena, "%s/%s/%s/%s.json", t->config->url,
                         tsn_site_base(e->edition), label, name),
        "category", "scheme", "urn:ietf:params:rolie:category:information-type", "term", "csaf",
        "updated", tsn_site_newest(t, e->edition, label), "entry", entries);
}

static void label_lists(struct tsn_site *t, const struct edition *e, const char *label)
{
    struct tsn_buf index, changes;
    bool open = strcmp(label, tsn_site_open_label(e->edition)) == 0;
    json_t *entries = json_array();
    tsn_buf_init(&index, LIST_MAX);
    tsn_buf_init(&changes, LIST_MAX);
    tsn_buf_puts(&index, "");
    tsn_buf_puts(&changes, "");
    for (size_t i = 0; i < t->ndocs; i++) {
        const struct tsn_site_doc *d = &t->docs[i];
        if (d->edition != e->edition || strcmp(d->label, label) != 0) {
            continue;
        }
        const char *path = strrchr(d->path, '/') - 4; /* YEAR/NAME.json */
        tsn_buf_printf(&index, "%s\n", path);
        tsn_buf_printf(&changes, "\"%s\",\"%s\"\n", path, d->current);
        json_array_append_new(entries, rolie_entry(t, e, d));
    }
    /* The public feed is there before its first entry. */
    if (json_array_size(entries) > 0 || open) {
        const char *name = tsn_arena_printf(t->arena, "csaf-feed-tlp-%s", label);
        const char *feed = tsn_arena_printf(t->arena, "%s.json", name);
        const char *at =
            tsn_arena_printf(t->arena, "%s/%s/%s", open ? TSN_SITE_PUBLIC : TSN_SITE_RESTRICTED,
                             tsn_site_base(e->edition), label);
        tsn_site_add_json(t, tsn_arena_printf(t->arena, "%s/%s", at, feed),
                          rolie(t, e, label, name, entries));
        tsn_site_add(t, tsn_arena_printf(t->arena, "%s/index.txt", at), index.data, index.len);
        tsn_site_add(t, tsn_arena_printf(t->arena, "%s/changes.csv", at), changes.data,
                     changes.len);
        folder_pages(t, e, label, at, feed);
    }
    json_decref(entries);
    tsn_buf_free(&index);
    tsn_buf_free(&changes);
}

void tsn_site_lists(struct tsn_site *t)
{
    for (size_t e = 0; e < sizeof editions / sizeof editions[0]; e++) {
        for (size_t l = 0; editions[e].labels[l]; l++) {
            label_lists(t, &editions[e], editions[e].labels[l]);
        }
    }
    tsn_site_people(t);
}
