/* format_distro.c - what distributions say of their packages: Alpine's secdb, Debian's security
 * tracker and its lists of DSA and DLA. All name source packages. Pure. */
#include <string.h>
#include "core/json.h"
#include "feed/format.h"

static const char *text(const json_t *o, const char *key)
{
    return tsn_json_str(o, key, "");
}

/* Affected below `fixed`; "0": never was; "": still is. */
static void fixed_in(struct tsn_claim *c, const char *fixed)
{
    if (strcmp(fixed, "0") == 0) {
        c->stance = TSN_STANCE_NOT_AFFECTED;
        c->justification = "the distribution's package never had it";
        c->span = TSN_SPAN_ALL;
    } else if (!*fixed) {
        c->stance = TSN_STANCE_AFFECTED;
        c->span = TSN_SPAN_ALL;
    } else {
        c->stance = TSN_STANCE_AFFECTED;
        c->span = TSN_SPAN_BOUNDS;
        c->bounds = (struct tsn_bounds){.to = fixed};
        c->fixed = fixed;
    }
}

static struct tsn_record record(const char *id, const char *source, const char *publisher)
{
    struct tsn_record r = tsn_record_of(id, source);
    r.publisher = publisher;
    return r;
}

/* --- Alpine ----------------------------------------------------------------------------------- */

static void secfix(struct tsn_arena *arena, const struct tsn_package *package,
                   const char *version, const char *ids, const struct tsn_sink *sink)
{
    /* "CVE-2019-1 XSA-1": several names of one flaw in one string. */
    char *copy = tsn_arena_strdup(arena, ids), *save = NULL;
    for (char *id = strtok_r(copy, " ", &save); id; id = strtok_r(NULL, " ", &save)) {
        const struct tsn_record r = record(id, "secdb", package->family);
        struct tsn_claim c = {.vuln = id, .package = *package, .pointer = "secfixes"};
        sink->record(sink->user, &r);
        fixed_in(&c, version);
        sink->claim(sink->user, &c);
    }
}

tsn_err tsn_read_secdb(struct tsn_arena *arena, const json_t *doc, const struct tsn_sink *sink,
                       struct tsn_diag *diag)
{
    const char *repo = text(doc, "reponame"), *release = text(doc, "distroversion");
    bool own = strcmp(repo, "wolfi") == 0 || strcmp(repo, "chainguard") == 0 ||
               strcmp(repo, "os") == 0;
    const json_t *packages = json_object_get(doc, "packages");
    struct tsn_package p = {.type = "apk",
                            .family = strcmp(repo, "os") == 0 ? "wolfi"
                                      : own                   ? repo
                                                              : "alpine",
                            .release = *release == 'v' ? release + 1 : release,
                            .scheme = TSN_SCHEME_APK};
    size_t i, k;
    json_t *one, *ids, *id;
    const char *version;
    if (!json_is_array(packages)) {
        return tsn_diag_set(diag, TSN_EINPUT, "F110", "/packages is no list");
    }
    json_array_foreach(packages, i, one)
    {
        json_t *pkg = json_object_get(one, "pkg"), *fixes = json_object_get(pkg, "secfixes");
        p.name = text(pkg, "name");
        json_object_foreach(fixes, version, ids)
        {
            json_array_foreach(ids, k, id)
            {
                if (json_string_value(id)) {
                    secfix(arena, &p, version, json_string_value(id), sink);
                }
            }
        }
    }
    return 0;
}

/* --- Debian ------------------------------------------------------------------------------------- */

static void tracker_releases(const struct tsn_package *base, const char *cve, json_t *releases,
                             const struct tsn_sink *sink)
{
    const char *suite;
    json_t *r;
    json_object_foreach(releases, suite, r)
    {
        const char *status = text(r, "status");
        struct tsn_claim c = {.vuln = cve, .package = *base, .pointer = suite};
        c.package.release = tsn_release_number("debian", suite);
        if (strcmp(status, "resolved") == 0) {
            fixed_in(&c, tsn_json_str(r, "fixed_version", "0"));
        } else if (strcmp(status, "undetermined") == 0) {
            c.stance = TSN_STANCE_INVESTIGATED;
            c.span = TSN_SPAN_ALL;
        } else {
            fixed_in(&c, "");
        }
        sink->claim(sink->user, &c);
    }
}

tsn_err tsn_read_debian(struct tsn_arena *arena, const json_t *doc, const struct tsn_sink *sink,
                        struct tsn_diag *diag)
{
    const char *name, *cve;
    json_t *cves, *v;
    (void)arena;
    (void)diag;
    json_object_foreach((json_t *)(uintptr_t)doc, name, cves)
    {
        const struct tsn_package base = {
            .type = "deb", .family = "debian", .name = name, .scheme = TSN_SCHEME_DEB};
        json_object_foreach(cves, cve, v)
        {
            struct tsn_record r = record(cve, "debian", "Debian");
            r.title = text(v, "description");
            sink->record(sink->user, &r);
            tracker_releases(&base, cve, json_object_get(v, "releases"), sink);
        }
    }
    return 0;
}

/* One line without its end, in the arena; false at the end of the text. */
static bool next_line(struct tsn_arena *arena, const char **p, const char *end,
                      const char **line)
{
    if (*p >= end) {
        return false;
    }
    const char *eol = memchr(*p, '\n', (size_t)(end - *p));
    eol = eol ? eol : end;
    size_t n = (size_t)(eol - *p);
    while (n && ((*p)[n - 1] == '\r' || (*p)[n - 1] == ' ')) {
        n--;
    }
    *line = tsn_arena_strndup(arena, *p, n);
    *p = eol + 1;
    return true;
}

static json_t *braces(struct tsn_arena *arena, const char *line)
{
    json_t *out = tsn_format_strings(arena);
    char *copy = tsn_arena_strdup(arena, line), *save = NULL;
    for (char *id = strtok_r(copy, "{} \t", &save); id; id = strtok_r(NULL, "{} \t", &save)) {
        json_array_append_new(out, json_string(id));
    }
    return out;
}

/* "[bullseye] - openssl 1.1.1n-0+deb11u4", "[buster] - x <not-affected> (why)" */
static bool suite_line(struct tsn_arena *arena, const char *line, struct tsn_claim *c)
{
    const char *close = strchr(line, ']'), *dash = close ? strstr(close, "- ") : NULL;
    if (*line != '[' || !dash) {
        return false;
    }
    const char *name = dash + 2;
    size_t n = strcspn(name, " ");
    const char *version = name + n + strspn(name + n, " ");
    const char *suite = tsn_arena_strndup(arena, line + 1, (size_t)(close - line - 1));
    c->package = (struct tsn_package){.type = "deb",
                                      .family = "debian",
                                      .release = tsn_release_number("debian", suite),
                                      .name = tsn_arena_strndup(arena, name, n),
                                      .scheme = TSN_SCHEME_DEB};
    version = tsn_arena_strndup(arena, version, strcspn(version, " "));
    fixed_in(c, strcmp(version, "<not-affected>") == 0 ? "0" : *version == '<' ? "" : version);
    return true;
}

tsn_err tsn_read_dsa(struct tsn_arena *arena, const char *text_in, size_t len,
                     const struct tsn_sink *sink, struct tsn_diag *diag)
{
    const char *p = text_in, *end = text_in + len, *line;
    struct tsn_record r = record("", "dsa", "Debian");
    bool told = true; /* the record was handed over */
    size_t n = 0, number = 0;
    while (next_line(arena, &p, end, &line)) {
        number++;
        const char *at = line + strspn(line, " \t");
        struct tsn_claim c = {.vuln = r.id,
                              .pointer = tsn_arena_printf(arena, "line %zu", number)};
        if (*line == '[' && strstr(line, "] D")) {
            const char *id = strstr(line, "] D") + 2;
            r = record(tsn_arena_strndup(arena, id, strcspn(id, " ")), "dsa", "Debian");
            r.title = id + strlen(r.id) + strspn(id + strlen(r.id), " ");
            r.url =
                tsn_arena_printf(arena, "https://security-tracker.debian.org/tracker/%s", r.id);
            told = false;
            n++;
        } else if (*at == '{') {
            r.upstream = braces(arena, at);
        } else if (*at == '[' && *r.id && suite_line(arena, at, &c)) {
            if (!told) {
                sink->record(sink->user, &r);
                told = true;
            }
            sink->claim(sink->user, &c);
        }
    }
    return n ? 0 : tsn_diag_set(diag, TSN_EINPUT, "F110", "the list names no DSA or DLA");
}
