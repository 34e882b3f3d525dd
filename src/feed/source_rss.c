/* source_rss.c - RSS 2.0, RSS 1.0 (RDF) and Atom: pointers only, never a reason to start a run.
 *
 * expat, without a DTD: a document that declares entities is refused. The identity of an entry is
 * Atom's id, RSS's guid, else its link, else its title and date. The window slides: when every
 * entry is new to us, some may have been lost, which is said. Pure. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "core/buf.h"
#include "core/crypto.h"
#include "core/json.h"
#include "core/text.h"
#include "feed/source_all.h"
#include "feed/xml_guard.h"

#define TEXT_MAX  20000
#define DEPTH_MAX 64
#define ENTRIES   5000
#define IDS_MAX   500 /* of one entry */

enum field { NOTHING, TITLE, LINK, ID, DATE, TEXT, FIELDS };

struct reading {
    struct tsn_xml_guard guard;
    struct tsn_arena *arena;
    struct tsn_feed_rows *rows;
    const char *page;
    int depth, entry; /* depth at which the entry began; 0 = outside */
    enum field at;
    int at_depth;
    struct tsn_buf text[FIELDS];
    bool any; /* the root is one of a feed */
};

/* "http://www.w3.org/2005/Atom|entry" or "item" without its namespace. */
static const char *local(const char *name)
{
    const char *bar = strrchr(name, '|');
    return bar ? bar + 1 : name;
}

static const char *attribute(const char **atts, const char *name)
{
    for (size_t i = 0; atts[i]; i += 2) {
        if (strcmp(local(atts[i]), name) == 0) {
            return atts[i + 1];
        }
    }
    return NULL;
}

static enum field field_of(const char *name)
{
    static const struct {
        const char *name;
        enum field field;
    } names[] = {{"title", TITLE},  {"link", LINK},      {"guid", ID},
                 {"id", ID},        {"pubDate", DATE},   {"date", DATE},
                 {"updated", DATE}, {"published", DATE}, {"description", TEXT},
                 {"summary", TEXT}, {"content", TEXT},   {"encoded", TEXT}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i].name, name) == 0) {
            return names[i].field;
        }
    }
    return NOTHING;
}

static void begin(void *user, const char *name, const char **atts)
{
    struct reading *r = user;
    const char *tag = local(name);
    if (++r->depth > DEPTH_MAX) {
        tsn_xml_stop(&r->guard, "it is nested too deeply");
        return;
    }
    if (r->depth == 1) {
        r->any = strcasecmp(tag, "rss") == 0 || strcasecmp(tag, "feed") == 0 ||
                 strcasecmp(tag, "RDF") == 0;
    }
    if (!r->entry && (strcmp(tag, "item") == 0 || strcmp(tag, "entry") == 0)) {
        r->entry = r->depth;
        for (int i = 0; i < FIELDS; i++) {
            tsn_buf_clear(&r->text[i]);
        }
        const char *about = attribute(atts, "about");
        (void)tsn_buf_puts(&r->text[ID], about ? about : "");
        return;
    }
    if (r->entry && r->at == NOTHING && r->depth == r->entry + 1) {
        r->at = field_of(tag);
        r->at_depth = r->depth;
        const char *href = attribute(atts, "href"), *rel = attribute(atts, "rel");
        if (r->at == LINK && href &&
            (!rel || strcmp(rel, "alternate") == 0 || !r->text[LINK].len)) {
            tsn_buf_clear(&r->text[LINK]);
            (void)tsn_buf_puts(&r->text[LINK], href);
        } else if ((r->at == DATE && strcmp(tag, "published") == 0 && r->text[DATE].len) ||
                   (r->at == TEXT && r->text[TEXT].len)) {
            r->at = NOTHING; /* the first says it, and `updated` says it better */
        } else if (r->at != NOTHING && r->at != LINK) {
            tsn_buf_clear(&r->text[r->at]);
        }
    }
}

static void words(void *user, const char *s, int len)
{
    struct reading *r = user;
    if (r->at != NOTHING && len > 0) {
        (void)tsn_buf_put(&r->text[r->at], s, (size_t)len); /* what is too long is cut */
    }
}

static const char *trimmed(struct reading *r, enum field f)
{
    const char *s = r->text[f].len ? r->text[f].data : "";
    s += strspn(s, " \t\r\n");
    size_t n = strlen(s);
    while (n && isspace((unsigned char)s[n - 1])) {
        n--;
    }
    return tsn_arena_strndup(r->arena, s, n);
}

/* --- ids in texts ------------------------------------------------------------------------------ */

static size_t digits(const char *s)
{
    return strspn(s, "0123456789");
}

/* Length of the id that begins here; 0 = none. */
static size_t id_at(const char *s)
{
    static const struct {
        const char *head;
        const char *shape; /* 9: one digit or more, x: four of a GHSA, else itself */
    } ids[] = {{"CVE-", "9-9"},     {"GHSA-", "x-x-x"}, {"RHSA-", "9:9"},  {"RHBA-", "9:9"},
               {"USN-", "9-9"},     {"DSA-", "9-9"},    {"DLA-", "9-9"},   {"ICSA-", "9-9-9"},
               {"ICSMA-", "9-9-9"}, {"SSA-", "9"},      {"ALSA-", "9:9"},  {"ALAS-", "9-9"},
               {"RUSTSEC-", "9-9"}, {"VU#", "9"},       {"PYSEC-", "9-9"}, {"GO-", "9-9"}};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        size_t n = strlen(ids[i].head);
        if (strncmp(s, ids[i].head, n) != 0) {
            continue;
        }
        const char *p = s + n;
        for (const char *f = ids[i].shape; *f; f++) {
            size_t k = *f == '9'   ? digits(p)
                       : *f == 'x' ? strspn(p, "23456789cfghjmpqrvwx")
                                   : (size_t)(*p == *f);
            if (k == 0 || (*f == 'x' && k != 4)) {
                return 0;
            }
            p += k;
        }
        return (size_t)(p - s);
    }
    return 0;
}

static bool has_id(const json_t *list, const char *id, size_t n)
{
    size_t i;
    json_t *v;
    json_array_foreach(list, i, v)
    {
        if (json_string_length(v) == n && memcmp(json_string_value(v), id, n) == 0) {
            return true;
        }
    }
    return false;
}

void tsn_source_ids(json_t *out, const char *s)
{
    for (const char *p = s; *p; p++) {
        size_t n = p == s || !isalnum((unsigned char)p[-1]) ? id_at(p) : 0;
        if (n) {
            if (json_array_size(out) < IDS_MAX && !has_id(out, p, n)) {
                json_array_append_new(out, json_stringn(p, n));
            }
            p += n - 1;
        }
    }
}

static void entry_done(struct reading *r)
{
    const char *title = trimmed(r, TITLE), *link = trimmed(r, LINK), *id = trimmed(r, ID),
               *date = trimmed(r, DATE), *body = trimmed(r, TEXT);
    id = *id ? id : *link ? link : tsn_arena_printf(r->arena, "%s %s", title, date);
    if (r->rows->n >= ENTRIES || !tsn_utf8_valid(id, strlen(id)) || !id[strspn(id, " ")]) {
        r->rows->bad++;
        return;
    }
    json_t *ids = json_array();
    tsn_source_ids(ids, id);
    tsn_source_ids(ids, title);
    tsn_source_ids(ids, link);
    tsn_source_ids(ids, body);
    json_t *doc = json_pack("{s:s,s:s,s:s*,s:s,s:s*,s:o}", "tocsin", "entry", "id", id, "title",
                            title, "url", link, "summary", body, "ids", ids);
    json_object_set_new(doc, "updated", json_string(date));
    char *text = tsn_json_text(doc);
    tsn_feed_row_add(
        r->arena, r->rows,
        &(struct tsn_feed_row){.path = tsn_arena_strndup(r->arena, id, strnlen(id, 400)),
                               .time = tsn_source_digest(r->arena, text, strlen(text)),
                               .body = tsn_arena_strdup(r->arena, text),
                               .len = strlen(text)});
    free(text);
    json_decref(doc);
}

static void end(void *user, const char *name)
{
    struct reading *r = user;
    (void)name;
    if (r->at != NOTHING && r->depth == r->at_depth) {
        r->at = NOTHING;
    }
    if (r->entry == r->depth) {
        r->entry = 0;
        entry_done(r);
    }
    r->depth--;
}

static void rss_first(struct tsn_arena *arena, const struct tsn_source_ask *ask,
                      struct tsn_pages *pages)
{
    tsn_page_add(arena, pages, &(struct tsn_page){.url = ask->url, .conditional = true});
}

static tsn_err rss_read(struct tsn_arena *arena, const struct tsn_page *page,
                        struct tsn_page_text *in, struct tsn_feed_rows *rows,
                        struct tsn_pages *pages, struct tsn_page_news *news,
                        struct tsn_diag *diag)
{
    struct reading r = {.guard.parser = XML_ParserCreateNS(NULL, '|'),
                        .arena = arena,
                        .rows = rows,
                        .page = page->url};
    (void)pages;
    (void)news;
    for (int i = 0; i < FIELDS; i++) {
        tsn_buf_init(&r.text[i], TEXT_MAX);
    }
    tsn_err err = 0;
    if (!tsn_xml_run(&r.guard, in->text, in->len, begin, end, words) || !r.any) {
        err = tsn_diag_set(diag, TSN_EINPUT, "F002", "%.200s is no feed: %s (line %lu)",
                           page->url,
                           tsn_xml_why(&r.guard, "its root is neither rss, feed nor RDF"),
                           tsn_xml_line(&r.guard));
    }
    in->at = in->len;
    XML_ParserFree(r.guard.parser);
    for (int i = 0; i < FIELDS; i++) {
        tsn_buf_free(&r.text[i]);
    }
    return err;
}

const struct tsn_source tsn_source_rss = {
    .kind = "rss", .window = true, .first = rss_first, .read = rss_read};
