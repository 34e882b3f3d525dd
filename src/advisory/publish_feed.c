/* publish_feed.c - everything that lists: ROLIE, index.txt, changes.csv, Atom, RSS, the page of
 * pages; then provider-metadata.json, the key and security.txt.
 *
 * Sources: CSAF 2.0 section 7.1 (requirements 7 to 20), RFC 8322, RFC 4287, RFC 9116. Pure. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "advisory/csaf_check.h"
#include "advisory/publish_tree.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/json.h"

#define LIST_MAX   ((size_t)64 << 20)
#define DAY_MS     INT64_C(86400000)
#define EXPIRES_MS (180 * DAY_MS) /* RFC 9116 advises less than a year */
#define RENEW_MS   (30 * DAY_MS)

static const char *const labels[] = {"white", "green", "amber", "red"};

static const char *title_of(struct tsn_site *t, const struct tsn_site_release *r)
{
    json_t *csaf = NULL;
    const char *title = r->name;
    if (tsn_json_parse(r->csaf, strlen(r->csaf), &csaf, NULL) == 0) {
        title = tsn_arena_strdup(
            t->arena, tsn_json_str(json_object_get(csaf, "document"), "title", r->name));
    }
    json_decref(csaf);
    return title;
}

/* A member of tracking. */
static const char *date_of(struct tsn_site *t, const struct tsn_site_release *r,
                           const char *which)
{
    json_t *csaf = NULL;
    const char *date = "";
    if (tsn_json_parse(r->csaf, strlen(r->csaf), &csaf, NULL) == 0) {
        const json_t *tracking = json_object_get(json_object_get(csaf, "document"), "tracking");
        date = tsn_arena_strdup(t->arena, tsn_json_str(tracking, which, ""));
    }
    json_decref(csaf);
    return date;
}

static const char *newest(struct tsn_site *t, const char *label)
{
    char *text = tsn_arena_alloc(t->arena, 25);
    int64_t at = 0;
    for (size_t i = 0; i < t->nreleases; i++) {
        const struct tsn_site_release *r = &t->releases[i];
        bool mine = !label || strcmp(tsn_site_label(r), label) == 0;
        at = mine && r->released_at > at ? r->released_at : at;
    }
    tsn_time_format(text, at);
    return text;
}

static const char *root(const char *label)
{
    return strcmp(label, "white") == 0 ? TSN_SITE_PUBLIC : TSN_SITE_RESTRICTED;
}

static void add_json(struct tsn_site *t, const char *path, json_t *v)
{
    char *text = tsn_json_text(v);
    tsn_site_add(t, path, text, strlen(text));
    free(text);
    json_decref(v);
}

/* --- per label ------------------------------------------------------------------------------- */

static json_t *rolie_entry(struct tsn_site *t, const struct tsn_site_release *r)
{
    const char *url = tsn_arena_printf(t->arena, "%s/.well-known/csaf/%s.json", t->config->url,
                                       tsn_site_stem(t, r));
    const char *title = title_of(t, r);
    json_t *links =
        json_pack("[{s:s,s:s},{s:s,s:s},{s:s,s:s}]", "rel", "self", "href", url, "rel", "hash",
                  "href", tsn_arena_printf(t->arena, "%s.sha256", url), "rel", "hash", "href",
                  tsn_arena_printf(t->arena, "%s.sha512", url));
    if (r->signature) {
        json_array_append_new(links, json_pack("{s:s,s:s}", "rel", "signature", "href",
                                               tsn_arena_printf(t->arena, "%s.asc", url)));
    }
    return json_pack(
        "{s:s,s:s,s:o,s:s,s:s,s:{s:s},s:{s:s,s:s},s:{s:s,s:s}}", "id", r->name, "title", title,
        "link", links, "published", date_of(t, r, "initial_release_date"), "updated",
        date_of(t, r, "current_release_date"), "summary", "content", title, "content", "type",
        "application/json", "src", url, "format", "schema",
        "https://docs.oasis-open.org/csaf/csaf/v2.0/csaf_json_schema.json", "version", "2.0");
}

static void label_lists(struct tsn_site *t, const char *label)
{
    struct tsn_buf index, changes;
    json_t *entries = json_array();
    tsn_buf_init(&index, LIST_MAX);
    tsn_buf_init(&changes, LIST_MAX);
    tsn_buf_puts(&index, "");
    tsn_buf_puts(&changes, "");
    for (size_t i = 0; i < t->nreleases; i++) {
        const struct tsn_site_release *r = &t->releases[i];
        if (strcmp(tsn_site_label(r), label) != 0) {
            continue;
        }
        const char *path = strchr(tsn_site_stem(t, r), '/') + 1;
        tsn_buf_printf(&index, "%s.json\n", path);
        tsn_buf_printf(&changes, "\"%s.json\",\"%s\"\n", path,
                       date_of(t, r, "current_release_date"));
        json_array_append_new(entries, rolie_entry(t, r));
    }
    /* The public feed is there before its first entry. */
    if (json_array_size(entries) > 0 || strcmp(label, "white") == 0) {
        const char *name = tsn_arena_printf(t->arena, "csaf-feed-tlp-%s", label);
        const char *at =
            tsn_arena_printf(t->arena, "%s/.well-known/csaf/%s", root(label), label);
        json_t *feed = json_pack(
            "{s:{s:s,s:s,s:[{s:s,s:s}],s:[{s:s,s:s}],s:s,s:O}}", "feed", "id", name, "title",
            tsn_arena_printf(t->arena, "%s: CSAF documents, TLP:%s", t->publisher->name,
                             strcmp(label, "white") == 0 ? "WHITE" : label),
            "link", "rel", "self", "href",
            tsn_arena_printf(t->arena, "%s/.well-known/csaf/%s/%s.json", t->config->url, label,
                             name),
            "category", "scheme", "urn:ietf:params:rolie:category:information-type", "term",
            "csaf", "updated", newest(t, label), "entry", entries);
        add_json(t, tsn_arena_printf(t->arena, "%s/%s.json", at, name), feed);
        tsn_site_add(t, tsn_arena_printf(t->arena, "%s/index.txt", at), index.data, index.len);
        tsn_site_add(t, tsn_arena_printf(t->arena, "%s/changes.csv", at), changes.data,
                     changes.len);
    }
    json_decref(entries);
    tsn_buf_free(&index);
    tsn_buf_free(&changes);
}

/* --- for people -------------------------------------------------------------------------------- */

static void xml(struct tsn_buf *b, const char *s)
{
    for (; *s; s++) {
        switch (*s) {
        case '&':
            tsn_buf_puts(b, "&amp;");
            break;
        case '<':
            tsn_buf_puts(b, "&lt;");
            break;
        case '>':
            tsn_buf_puts(b, "&gt;");
            break;
        case '"':
            tsn_buf_puts(b, "&quot;");
            break;
        default:
            tsn_buf_putc(b, (unsigned char)*s < 0x20 ? ' ' : *s);
        }
    }
}

static const char *page_url(struct tsn_site *t, const struct tsn_site_release *r)
{
    char name[512];
    tsn_site_name(r->name, name, sizeof name);
    return tsn_arena_printf(t->arena, "%s/advisories/%s.html", t->config->url, name);
}

static void element(struct tsn_buf *b, const char *name, const char *text)
{
    tsn_buf_printf(b, "<%s>", name);
    xml(b, text);
    tsn_buf_printf(b, "</%s>\n", name);
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
    element(&b, "updated", newest(t, "white"));
    tsn_buf_puts(&b, "<author>");
    element(&b, "name", t->publisher->name);
    tsn_buf_puts(&b, "</author>\n<link rel=\"self\" href=\"");
    xml(&b, t->config->url);
    tsn_buf_puts(&b, "/advisories/feed.atom\"/>\n");
    for (size_t i = 0; i < t->nreleases; i++) {
        const struct tsn_site_release *r = &t->releases[i];
        if (!tsn_site_is_public(r)) {
            continue;
        }
        tsn_buf_puts(&b, "<entry>\n");
        element(&b, "id", page_url(t, r));
        element(&b, "title", tsn_arena_printf(t->arena, "%s: %s", r->name, title_of(t, r)));
        tsn_buf_puts(&b, "<link href=\"");
        xml(&b, page_url(t, r));
        tsn_buf_puts(&b, "\"/>\n");
        element(&b, "published", date_of(t, r, "initial_release_date"));
        element(&b, "updated", date_of(t, r, "current_release_date"));
        element(&b, "summary", title_of(t, r));
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
    for (size_t i = 0; i < t->nreleases; i++) {
        const struct tsn_site_release *r = &t->releases[i];
        if (!tsn_site_is_public(r)) {
            continue;
        }
        tsn_buf_puts(&b, "<item>\n");
        element(&b, "title", tsn_arena_printf(t->arena, "%s: %s", r->name, title_of(t, r)));
        element(&b, "link", page_url(t, r));
        tsn_buf_puts(&b, "<guid isPermaLink=\"false\">");
        xml(&b, tsn_arena_printf(t->arena, "%s#%s", page_url(t, r), r->version));
        tsn_buf_puts(&b, "</guid>\n");
        element(&b, "pubDate", rss_date(t, r->released_at));
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
    for (size_t i = 0; i < t->nreleases; i++) {
        const struct tsn_site_release *r = &t->releases[i];
        if (!tsn_site_is_public(r)) {
            continue;
        }
        tsn_buf_printf(&b, "<tr><th scope=\"row\"><a href=\"%s\">",
                       strrchr(page_url(t, r), '/') + 1);
        xml(&b, r->name);
        tsn_buf_printf(&b, "</a></th><td>%s</td><td>%.10s</td><td>", r->version,
                       date_of(t, r, "current_release_date"));
        xml(&b, title_of(t, r));
        tsn_buf_puts(&b, "</td></tr>\n");
    }
    tsn_buf_puts(&b, "</tbody>\n</table>\n</main>\n</body>\n</html>\n");
    tsn_site_add(t, TSN_SITE_PUBLIC "/advisories/index.html", b.data, b.len);
    tsn_buf_free(&b);
}

void tsn_site_lists(struct tsn_site *t)
{
    for (size_t l = 0; l < sizeof labels / sizeof labels[0]; l++) {
        label_lists(t, labels[l]);
    }
    atom(t);
    rss(t);
    page(t);
}

/* --- where all is -------------------------------------------------------------------------------- */

static const char *key_url(struct tsn_site *t)
{
    return tsn_arena_printf(t->arena, "%s/.well-known/csaf/openpgp/%s.asc", t->config->url,
                            t->config->key);
}

static void provider(struct tsn_site *t)
{
    const struct tsn_publisher *p = t->publisher;
    json_t *own = json_pack("{s:s,s:s,s:s}", "category", p->category ? p->category : "vendor",
                            "name", p->name, "namespace", p->namespace_url);
    if (p->contact) {
        json_object_set_new(own, "contact_details", json_string(p->contact));
    }
    const char *base = tsn_arena_printf(t->arena, "%s/.well-known/csaf", t->config->url);
    json_t *v = json_pack(
        "{s:s,s:s,s:b,s:b,s:s,s:o,s:s,s:[{s:s},{s:{s:[{s:s,s:s,s:s}]}}]}", "canonical_url",
        tsn_arena_printf(t->arena, "%s/provider-metadata.json", base), "last_updated",
        newest(t, NULL), "list_on_CSAF_aggregators", 1, "mirror_on_CSAF_aggregators", 1,
        "metadata_version", "2.0", "publisher", own, "role",
        t->public_key ? "csaf_trusted_provider" : "csaf_provider", "distributions",
        "directory_url", tsn_arena_printf(t->arena, "%s/white/", base), "rolie", "feeds",
        "summary", "TLP:WHITE advisories", "tlp_label", "WHITE", "url",
        tsn_arena_printf(t->arena, "%s/white/csaf-feed-tlp-white.json", base));
    if (t->public_key) {
        json_object_set_new(
            v, "public_openpgp_keys",
            json_pack("[{s:s,s:s}]", "fingerprint", t->config->key, "url", key_url(t)));
    }
    add_json(t, TSN_SITE_PUBLIC "/.well-known/csaf/provider-metadata.json", v);
}

/* When the security.txt at hand ends; 0 = not known. */
static int64_t ends(const char *text)
{
    int64_t sec, nsec;
    char when[64];
    const char *p = text ? strstr(text, "\nExpires: ") : NULL;
    if (!p || sscanf(p + 10, "%63s", when) != 1 || !tsn_csaf_time(when, &sec, &nsec)) {
        return 0;
    }
    return sec * 1000;
}

static void security(struct tsn_site *t)
{
    struct tsn_buf b;
    int64_t until = ends(t->security);
    char when[25];
    if (until < t->now_ms + RENEW_MS || until > t->now_ms + EXPIRES_MS) {
        until = (t->now_ms + EXPIRES_MS) / DAY_MS * DAY_MS;
    }
    tsn_time_format(when, until);
    const char *contact =
        t->publisher->contact ? t->publisher->contact : t->publisher->namespace_url;
    bool uri = strstr(contact, "://") || strncmp(contact, "mailto:", 7) == 0;
    tsn_buf_init(&b, 1u << 16);
    tsn_buf_printf(&b, "Contact: %s%s\n", uri ? "" : "mailto:", contact);
    tsn_buf_printf(&b, "Expires: %.19sZ\n", when);
    tsn_buf_printf(&b, "Canonical: %s/.well-known/security.txt\n", t->config->url);
    if (t->config->languages) {
        tsn_buf_printf(&b, "Preferred-Languages: %s\n", t->config->languages);
    }
    if (t->public_key) {
        tsn_buf_printf(&b, "Encryption: %s\n", key_url(t));
    }
    if (t->config->policy) {
        tsn_buf_printf(&b, "Policy: %s\n", t->config->policy);
    }
    tsn_buf_printf(&b, "CSAF: %s/.well-known/csaf/provider-metadata.json\n", t->config->url);
    tsn_site_add(t, TSN_SITE_PUBLIC "/.well-known/security.txt", b.data, b.len);
    tsn_buf_free(&b);
}

void tsn_site_metadata(struct tsn_site *t)
{
    if (t->public_key) {
        tsn_site_add(t,
                     tsn_arena_printf(t->arena, "%s/.well-known/csaf/openpgp/%s.asc",
                                      TSN_SITE_PUBLIC, t->config->key),
                     t->public_key, strlen(t->public_key));
    }
    provider(t);
    security(t);
}
