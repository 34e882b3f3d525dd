/* source_repo.c - package repositories: apt (InRelease, Packages) and rpm-md (repomd.xml, updateinfo).
 *
 * What the signed list says of the others' hashes is held against their bytes before they are unpacked. A
 * list past its Valid-Until is refused: somebody may be serving an old one. Pure. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "core/buf.h"
#include "core/clock.h"
#include "core/json.h"
#include "core/text.h"
#include "feed/component.h"
#include "feed/source_all.h"
#include "feed/xml_guard.h"
#include "feed/xml_tree.h"

enum { LIST = 1 }; /* Packages, updateinfo */

/* --- apt: InRelease --------------------------------------------------------------------------------- */

static void apt_first(struct tsn_arena *arena, const struct tsn_source_ask *ask,
                      struct tsn_pages *pages)
{
    tsn_page_add(arena, pages,
                 &(struct tsn_page){.url = tsn_arena_printf(arena, "%sInRelease", ask->url),
                                    .conditional = true,
                                    .signed_text = true});
}

/* The value behind "Name: " at the beginning of a line; NULL: it is another line. */
static const char *field(struct tsn_arena *arena, const char *line, size_t n, const char *name)
{
    size_t m = strlen(name);
    if (n <= m || strncasecmp(line, name, m) != 0 || line[m] != ':') {
        return NULL;
    }
    const char *v = tsn_arena_strndup(arena, line + m + 1, n - m - 1);
    return v + strspn(v, " \t");
}

struct release {
    const char *suite, *codename, *origin, *valid, *version;
    bool by_hash, sums;
};

/* "Sat, 28 Nov 2026 00:53:02 UTC" (RFC 5322 without its zone's number). */
static bool date_of(const char *s, int64_t *ms)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    char month[4], iso[32];
    int day, year, h, m, sec;
    const char *comma = strchr(s, ',');
    if (sscanf(comma ? comma + 1 : s, " %d %3s %d %d:%d:%d", &day, month, &year, &h, &m,
               &sec) != 6) {
        return false;
    }
    const char *at = strstr(months, month);
    (void)snprintf(iso, sizeof iso, "%04d-%02d-%02dT%02d:%02d:%02dZ", year,
                   at ? (int)(at - months) / 3 + 1 : 0, day, h, m, sec);
    return tsn_time_parse(iso, ms) == 0;
}

/* " HASH SIZE main/binary-amd64/Packages.xz": a page, for one architecture alone, as versions are of
 * sources. */
static void sum_line(struct tsn_arena *arena, const struct tsn_page *page, const char *line,
                     const struct release *r, struct tsn_pages *pages)
{
    char hash[65] = "", path[300] = "";
    long long size = 0;
    if (sscanf(line, " %64s %lld %299s", hash, &size, path) != 3 || size < 64 ||
        strlen(hash) != 64 || strspn(hash, "0123456789abcdef") != 64) {
        return;
    }
    const char *end = strstr(path, "/binary-amd64/Packages.xz");
    if (!end || end[strlen("/binary-amd64/Packages.xz")] || !tsn_source_id_ok(path)) {
        return;
    }
    const char *below = r->by_hash
                            ? tsn_arena_printf(arena, "%.*s/binary-amd64/by-hash/SHA256/%s",
                                               (int)(end - path), path, hash)
                            : path;
    const char *url = tsn_source_url(arena, page->url, below);
    if (url) {
        tsn_page_add(
            arena, pages,
            &(struct tsn_page){.url = url,
                               .sha256 = tsn_arena_strdup(arena, hash),
                               .note = tsn_arena_printf(arena, "%s\n%s\n%s", r->codename,
                                                        r->origin, r->version),
                               .what = LIST});
    }
}

static tsn_err in_release(struct tsn_arena *arena, const struct tsn_page *page,
                          struct tsn_page_text *in, struct tsn_pages *pages,
                          struct tsn_page_news *news, struct tsn_diag *diag)
{
    struct release r = {.suite = "", .codename = "", .origin = "", .version = ""};
    const char *line, *v;
    size_t n;
    int64_t until = 0;
    while (tsn_page_line(in, &line, &n)) {
        if (n >= 27 && strncmp(line, "-----BEGIN PGP SIGNATURE---", 27) == 0) {
            break;
        }
        if (r.sums && *line == ' ') {
            sum_line(arena, page, tsn_arena_strndup(arena, line, n), &r, pages);
            continue;
        }
        r.sums = false;
        if ((v = field(arena, line, n, "Suite"))) {
            r.suite = v;
        } else if ((v = field(arena, line, n, "Codename"))) {
            r.codename = v;
        } else if ((v = field(arena, line, n, "Origin"))) {
            r.origin = v;
        } else if ((v = field(arena, line, n, "Version"))) {
            r.version = v;
        } else if ((v = field(arena, line, n, "Date"))) {
            news->newest = v;
        } else if ((v = field(arena, line, n, "Valid-Until"))) {
            r.valid = v;
        } else if ((v = field(arena, line, n, "Acquire-By-Hash"))) {
            r.by_hash = strcasecmp(v, "yes") == 0;
        } else if (n == 7 && strncmp(line, "SHA256:", 7) == 0) {
            r.sums = true;
            r.codename = *r.codename ? r.codename : r.suite;
        }
    }
    in->at = in->len;
    if (!*r.codename || !pages->n) {
        return tsn_diag_set(diag, TSN_EINPUT, "F002",
                            "InRelease names no Packages.xz of amd64 with its SHA256");
    }
    if (r.valid && (!date_of(r.valid, &until) || until < tsn_clock_wall_ms())) {
        return tsn_diag_set(diag, TSN_EINPUT, "F002",
                            "InRelease was valid until %.60s: it is old, or kept back",
                            r.valid);
    }
    return 0;
}

/* --- apt: Packages ------------------------------------------------------------------------------------- */

struct stanza {
    const char *package, *source, *version;
};

static void apt_row(struct tsn_arena *arena, const char *note, const struct stanza *s,
                    json_t *seen, struct tsn_feed_rows *rows)
{
    /* "Source: foo (1.2-3)" where the binary was built again. */
    const char *source = s->source ? s->source : s->package, *version = s->version;
    size_t n = strcspn(source ? source : "", " (");
    const char *paren = source ? strchr(source, '(') : NULL;
    if (!source || !version) {
        return;
    }
    if (paren) {
        version = tsn_arena_strndup(arena, paren + 1, strcspn(paren + 1, ")"));
    }
    source = tsn_arena_strndup(arena, source, n);
    if (!tsn_source_id_ok(source)) {
        rows->bad++;
        return;
    }
    if (json_object_get(seen, source)) {
        return;
    }
    json_object_set_new(seen, source, json_true());
    size_t a = strcspn(note, "\n"), b = strcspn(note + a + 1, "\n");
    const char *suite = tsn_arena_strndup(arena, note, a),
               *origin = tsn_arena_strndup(arena, note + a + 1, b),
               *number = note + a + 1 + b + 1;
    const char *family = strcasecmp(origin, "Ubuntu") == 0 ? "ubuntu" : "debian";
    const char *bare = tsn_arena_strndup(arena, suite, strcspn(suite, "-/"));
    const char *known = tsn_release_number(family, bare);
    json_t *doc = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s}", "tocsin", "apt", "suite", suite,
                            "origin", origin, "family", family, "release",
                            known != bare || !*number ? known : number, "source", source,
                            "version", version);
    char *body = doc ? tsn_json_text(doc) : NULL;
    if (body) {
        tsn_feed_row_add(arena, rows,
                         &(struct tsn_feed_row){.path = source,
                                                .time = version,
                                                .body = tsn_arena_strdup(arena, body),
                                                .len = strlen(body)});
    } else {
        rows->bad++; /* not UTF-8 */
    }
    free(body);
    json_decref(doc);
}

static tsn_err packages(struct tsn_arena *arena, const struct tsn_page *page,
                        struct tsn_page_text *in, struct tsn_feed_rows *rows,
                        struct tsn_diag *diag)
{
    struct stanza s = {0};
    json_t *seen = json_object();
    const char *line, *v;
    size_t n;
    while (tsn_page_line(in, &line, &n)) {
        if (n == 0) {
            apt_row(arena, page->note, &s, seen, rows);
            s = (struct stanza){0};
        } else if ((v = field(arena, line, n < 200 ? n : 0, "Package"))) {
            s.package = v;
        } else if ((v = field(arena, line, n < 400 ? n : 0, "Source"))) {
            s.source = v;
        } else if ((v = field(arena, line, n < 200 ? n : 0, "Version"))) {
            s.version = v;
        }
    }
    apt_row(arena, page->note, &s, seen, rows);
    json_decref(seen);
    return rows->n ? 0
                   : tsn_diag_set(diag, TSN_EINPUT, "F002",
                                  "Packages holds no package with a "
                                  "version");
}

static tsn_err apt_read(struct tsn_arena *arena, const struct tsn_page *page,
                        struct tsn_page_text *in, struct tsn_feed_rows *rows,
                        struct tsn_pages *pages, struct tsn_page_news *news,
                        struct tsn_diag *diag)
{
    return page->what == LIST ? packages(arena, page, in, rows, diag)
                              : in_release(arena, page, in, pages, news, diag);
}

const struct tsn_source tsn_source_apt = {
    .kind = "apt", .folder = true, .first = apt_first, .read = apt_read};

/* --- rpm: repomd.xml -------------------------------------------------------------------------------------- */

static void rpm_first(struct tsn_arena *arena, const struct tsn_source_ask *ask,
                      struct tsn_pages *pages)
{
    tsn_page_add(
        arena, pages,
        &(struct tsn_page){.url = tsn_arena_printf(arena, "%srepodata/repomd.xml", ask->url),
                           .conditional = true,
                           .signed_apart = true});
}

static tsn_err repomd(struct tsn_arena *arena, const struct tsn_page *page,
                      struct tsn_page_text *in, struct tsn_pages *pages, struct tsn_diag *diag)
{
    struct tsn_xml *root;
    tsn_err err = tsn_xml_parse(arena, in->text, in->len, &root, diag);
    in->at = in->len;
    if (err) {
        return tsn_diag_set(diag, err, "F002", "repomd.xml: %s", diag->what);
    }
    for (const struct tsn_xml *d = tsn_xml_child(root, "data"); d; d = tsn_xml_again(d)) {
        const struct tsn_xml *sum = tsn_xml_child(d, "checksum");
        const char *href = tsn_xml_attr(tsn_xml_child(d, "location"), "href");
        if (strcmp(tsn_xml_attr(d, "type"), "updateinfo") != 0) {
            continue;
        }
        /* Locations are relative to the repository, which lies above repodata. */
        const char *repo = strstr(page->url, "repodata/repomd.xml");
        const char *base = tsn_arena_strndup(
            arena, page->url, repo ? (size_t)(repo - page->url) : strlen(page->url));
        const char *url = tsn_source_id_ok(href) ? tsn_source_url(arena, base, href) : NULL;
        bool sha256 =
            strcmp(tsn_xml_attr(sum, "type"), "sha256") == 0 && strlen(sum->text) == 64;
        if (!url || !sha256) {
            return tsn_diag_set(diag, TSN_EINPUT, "F002", "repomd.xml gives updateinfo no %s",
                                url ? "SHA-256" : "place in this repository");
        }
        tsn_page_add(arena, pages,
                     &(struct tsn_page){.url = url, .sha256 = sum->text, .what = LIST});
        return 0;
    }
    return tsn_diag_set(diag, TSN_EINPUT, "F002",
                        "this repository has no updateinfo: it says nothing of security");
}

/* --- rpm: updateinfo -------------------------------------------------------------------------------------------- */

/* Each <update> is a range of the text. */
struct updates {
    struct tsn_xml_guard guard;
    struct tsn_arena *arena;
    struct tsn_feed_rows *rows;
    const char *text, *time;
    struct tsn_buf id;
    json_t *seen;
    XML_Index begin;
    int depth, at; /* at: depth of the open <update>; 0 = none */
    bool in_id, root;
};

static void begin(void *user, const char *name, const char **atts)
{
    struct updates *u = user;
    if (++u->depth > TSN_XML_DEPTH) {
        tsn_xml_stop(&u->guard, "it is nested too deeply");
    } else if (u->depth == 1) {
        u->root = strcmp(name, "updates") == 0;
    } else if (!u->at && strcmp(name, "update") == 0) {
        u->at = u->depth;
        u->begin = XML_GetCurrentByteIndex(u->guard.parser);
        u->time = "";
        tsn_buf_clear(&u->id);
    } else if (u->at && u->depth == u->at + 1) {
        u->in_id = strcmp(name, "id") == 0;
        bool updated = strcmp(name, "updated") == 0;
        for (size_t i = 0; (updated || strcmp(name, "issued") == 0) && atts[i]; i += 2) {
            if (strcmp(atts[i], "date") == 0 && (updated || !*u->time)) {
                u->time = tsn_arena_strdup(u->arena, atts[i + 1]);
            }
        }
    }
}

static void words(void *user, const char *s, int len)
{
    struct updates *u = user;
    if (u->in_id && len > 0) {
        (void)tsn_buf_put(&u->id, s, (size_t)len);
    }
}

static void end(void *user, const char *name)
{
    struct updates *u = user;
    (void)name;
    u->in_id = false;
    if (u->at && u->depth == u->at) {
        const char *id = u->id.len ? u->id.data : "";
        XML_Index stop = XML_GetCurrentByteIndex(u->guard.parser) +
                         (XML_Index)XML_GetCurrentByteCount(u->guard.parser);
        u->at = 0;
        if (!tsn_source_id_ok(id) || json_object_get(u->seen, id) || u->begin < 0 ||
            stop <= u->begin) {
            u->rows->bad++;
        } else {
            size_t len = (size_t)(stop - u->begin);
            json_object_set_new(u->seen, id, json_true());
            tsn_feed_row_add(
                u->arena, u->rows,
                &(struct tsn_feed_row){
                    .path = tsn_arena_strdup(u->arena, id),
                    .time = *u->time ? u->time
                                     : tsn_source_digest(u->arena, u->text + u->begin, len),
                    .body = u->text + u->begin,
                    .len = len});
        }
    }
    u->depth--;
}

static tsn_err updateinfo(struct tsn_arena *arena, struct tsn_page_text *in,
                          struct tsn_feed_rows *rows, struct tsn_diag *diag)
{
    struct updates u = {.guard.parser = XML_ParserCreate(NULL),
                        .arena = arena,
                        .rows = rows,
                        .text = in->text,
                        .time = "",
                        .seen = json_object()};
    tsn_err err = 0;
    tsn_buf_init(&u.id, 300);
    if (!tsn_utf8_valid(in->text, in->len) ||
        !tsn_xml_run(&u.guard, in->text, in->len, begin, end, words) || !u.root) {
        rows->n = 0; /* nothing of a list that does not hold together */
        err =
            tsn_diag_set(diag, TSN_EINPUT, "F002", "updateinfo: %s (line %lu)",
                         tsn_xml_why(&u.guard, "it is not UTF-8, or its root is not <updates>"),
                         tsn_xml_line(&u.guard));
    }
    XML_ParserFree(u.guard.parser);
    tsn_buf_free(&u.id);
    json_decref(u.seen);
    in->at = in->len;
    return err;
}

static tsn_err rpm_read(struct tsn_arena *arena, const struct tsn_page *page,
                        struct tsn_page_text *in, struct tsn_feed_rows *rows,
                        struct tsn_pages *pages, struct tsn_page_news *news,
                        struct tsn_diag *diag)
{
    (void)news;
    return page->what == LIST ? updateinfo(arena, in, rows, diag)
                              : repomd(arena, page, in, pages, diag);
}

const struct tsn_source tsn_source_rpm = {
    .kind = "rpm", .folder = true, .first = rpm_first, .read = rpm_read};
