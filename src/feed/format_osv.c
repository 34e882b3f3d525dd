/* format_osv.c - OSV records (schema 1.7), and GitHub's advisories as REST and GraphQL give them.
 * Pure. */
#include <string.h>
#include "core/json.h"
#include "feed/format.h"

static const char *text(const json_t *o, const char *key)
{
    return tsn_json_str(o, key, "");
}

/* The vector worth most: 4.0, then 3, then 2. */
static const char *vector_of(const json_t *severity)
{
    static const char *const order[] = {"CVSS_V4", "CVSS_V3", "CVSS_V2"};
    for (size_t k = 0; k < 3; k++) {
        size_t i;
        json_t *s;
        json_array_foreach(severity, i, s)
        {
            if (strcmp(text(s, "type"), order[k]) == 0) {
                return text(s, "score");
            }
        }
    }
    return "";
}

static const char *url_of(struct tsn_arena *arena, const json_t *doc, const char *id)
{
    size_t i;
    json_t *r;
    json_array_foreach(json_object_get(doc, "references"), i, r)
    {
        if (strcmp(text(r, "type"), "ADVISORY") == 0) {
            return text(r, "url");
        }
    }
    return tsn_arena_printf(arena, "https://osv.dev/vulnerability/%s", id);
}

static const char *severity_of(const json_t *doc)
{
    const char *own = text(json_object_get(doc, "database_specific"), "severity");
    return own;
}

/* Distribution records are about a CVE by `upstream`; older ones only by `related`. */
static bool distribution_id(const char *id)
{
    static const char *const heads[] = {
        "DSA-",  "DLA-",  "USN-",  "RHSA-", "RHBA-",     "RHEA-",  "ALSA-", "ALBA-",
        "ALEA-", "RLSA-", "RXSA-", "SUSE-", "openSUSE-", "MGASA-", "OESA-", "DTSA-"};
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        if (strncmp(id, heads[i], strlen(heads[i])) == 0) {
            return true;
        }
    }
    return false;
}

static const json_t *joined(struct tsn_arena *arena, const json_t *a, const json_t *b)
{
    if (json_array_size(a) == 0 || json_array_size(b) == 0) {
        return json_array_size(a) ? a : b;
    }
    json_t *all = tsn_format_strings(arena);
    json_array_extend(all, (json_t *)(uintptr_t)a);
    json_array_extend(all, (json_t *)(uintptr_t)b);
    return all;
}

tsn_err tsn_read_osv(struct tsn_arena *arena, const json_t *doc, const struct tsn_sink *sink,
                     struct tsn_diag *diag)
{
    const char *id = text(doc, "id");
    size_t i;
    json_t *a;
    if (!*id) {
        return tsn_diag_set(diag, TSN_EINPUT, "F110", "the OSV record has no id");
    }
    /* An alias of many: a distribution's id is no other name of its CVEs. */
    bool distro = distribution_id(id);
    const json_t *aliases = json_object_get(doc, "aliases"),
                 *upstream = json_object_get(doc, "upstream"),
                 *related = json_object_get(doc, "related");
    const struct tsn_record r = {
        .id = id,
        .source = "osv",
        .publisher = text(json_object_get(doc, "database_specific"), "source"),
        .ns = "",
        .aliases = distro ? NULL : aliases,
        .upstream =
            distro ? joined(arena, upstream, joined(arena, aliases, related)) : upstream,
        .title = tsn_json_str(doc, "summary", ""),
        .url = url_of(arena, doc, id),
        .modified = text(doc, "modified"),
        .severity = severity_of(doc),
        .vector = vector_of(json_object_get(doc, "severity")),
        .withdrawn = *text(doc, "withdrawn") != '\0',
    };
    sink->record(sink->user, &r);
    json_array_foreach(json_object_get(doc, "affected"), i, a)
    {
        const json_t *package = json_object_get(a, "package");
        struct tsn_claim c = {.stance = TSN_STANCE_AFFECTED,
                              .vuln = id,
                              .span = TSN_SPAN_OSV,
                              .range = a,
                              .pointer = tsn_arena_printf(arena, "/affected/%zu", i)};
        const char *version;
        /* Without a range and without versions nothing is said, which is not "all". */
        if (json_array_size(json_object_get(a, "ranges")) == 0 &&
            json_array_size(json_object_get(a, "versions")) == 0) {
            c.span = TSN_SPAN_UNREAD;
        }
        if (!tsn_package_of_osv(arena, text(package, "ecosystem"), text(package, "name"),
                                &c.package) &&
            !tsn_package_of_purl(arena, text(package, "purl"), &c.package, &version)) {
            c.package.type = NULL;
            c.product = text(package, "name");
        }
        sink->claim(sink->user, &c);
    }
    return 0;
}

/* --- GitHub --------------------------------------------------------------------------------- */

static const char *either(const json_t *o, const char *camel, const char *snake)
{
    return tsn_json_str(o, camel, tsn_json_str(o, snake, ""));
}

/* connection { nodes [] } or { edges [ { node } ] }, or a plain array */
static size_t connection_size(const json_t *v)
{
    return json_is_array(v)              ? json_array_size(v)
           : json_object_get(v, "nodes") ? json_array_size(json_object_get(v, "nodes"))
                                         : json_array_size(json_object_get(v, "edges"));
}
static const json_t *connection_get(const json_t *v, size_t i)
{
    return json_is_array(v) ? json_array_get(v, i)
           : json_object_get(v, "nodes")
               ? json_array_get(json_object_get(v, "nodes"), i)
               : json_object_get(json_array_get(json_object_get(v, "edges"), i), "node");
}

static void ghsa_record(struct tsn_arena *arena, const json_t *doc, const struct tsn_sink *sink)
{
    const char *id = either(doc, "ghsaId", "ghsa_id"), *cve = text(doc, "cve_id");
    json_t *aliases = tsn_format_strings(arena), *x;
    size_t i;
    if (*cve) {
        json_array_append_new(aliases, json_string(cve));
    }
    json_array_foreach(json_object_get(doc, "identifiers"), i, x)
    {
        const char *value = text(x, "value");
        if (*value && strcmp(value, id) != 0 && strcmp(value, cve) != 0) {
            json_array_append_new(aliases, json_string(value));
        }
    }
    const json_t *cvss = json_object_get(doc, "cvss");
    const struct tsn_record r = {
        .id = id,
        .source = "ghsa",
        .publisher = "GitHub",
        .ns = "",
        .aliases = aliases,
        .title = text(doc, "summary"),
        .url = either(doc, "permalink", "html_url"),
        .modified = either(doc, "updatedAt", "updated_at"),
        .severity = text(doc, "severity"),
        .vector = either(cvss, "vectorString", "vector_string"),
        .withdrawn = *either(doc, "withdrawnAt", "withdrawn_at") != '\0',
    };
    sink->record(sink->user, &r);
}

static void ghsa_claim(struct tsn_arena *arena, const json_t *v, const char *id, size_t i,
                       const struct tsn_sink *sink)
{
    const json_t *package = json_object_get(v, "package");
    const json_t *first = json_object_get(v, "firstPatchedVersion");
    const char *range = either(v, "vulnerableVersionRange", "vulnerable_version_range");
    const char *fixed = json_is_string(first) ? json_string_value(first)
                        : first               ? text(first, "identifier")
                                              : text(v, "first_patched_version");
    struct tsn_claim c = {
        .stance = TSN_STANCE_AFFECTED,
        .vuln = id,
        .span = *range ? TSN_SPAN_WORDS : TSN_SPAN_UNREAD,
        .version = range,
        .fixed = *fixed ? fixed : NULL,
        .pointer = tsn_arena_printf(arena, "/vulnerabilities/%zu", i),
    };
    if (tsn_package_of_osv(arena, text(package, "ecosystem"), text(package, "name"),
                           &c.package)) {
        sink->claim(sink->user, &c);
    }
}

tsn_err tsn_read_ghsa(struct tsn_arena *arena, const json_t *doc, const struct tsn_sink *sink,
                      struct tsn_diag *diag)
{
    const json_t *data = json_object_get(doc, "data");
    const json_t *list = json_object_get(data, "securityVulnerabilities");
    list = list ? list : json_object_get(data, "securityAdvisories");
    if (list) {
        for (size_t i = 0; i < connection_size(list); i++) {
            const json_t *v = connection_get(list, i), *adv = json_object_get(v, "advisory");
            if (adv) {
                ghsa_record(arena, adv, sink);
                ghsa_claim(arena, v, text(adv, "ghsaId"), i, sink);
            } else if (*text(v, "ghsaId")) {
                (void)tsn_read_ghsa(arena, v, sink, diag);
            }
        }
        return 0;
    }
    const char *id = either(doc, "ghsaId", "ghsa_id");
    if (!*id) {
        return tsn_diag_set(diag, TSN_EINPUT, "F110", "the advisory has no ghsaId");
    }
    ghsa_record(arena, doc, sink);
    const json_t *vulns = json_object_get(doc, "vulnerabilities");
    for (size_t i = 0; i < connection_size(vulns); i++) {
        ghsa_claim(arena, connection_get(vulns, i), id, i, sink);
    }
    return 0;
}
