/* as_osv.c - one vulnerability of a CSAF document as an OSV record (schema 1.7).
 *
 * OSV knows packages of ecosystems; a vendor's products are none, so vendor, product and the
 * advisory's own words stand in database_specific. Pure; any thread. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "advisory/advisory_as.h"
#include "advisory/csaf_check.h"
#include "advisory/csaf_product.h"
#include "advisory/csaf_render_int.h"
#include "advisory/csaf_view.h"
#include "core/clock.h"
#include "core/json.h"

/* Times of OSV end in Z. */
static json_t *utc(const char *when)
{
    int64_t sec, nsec;
    char text[25];
    if (!when || !tsn_csaf_time(when, &sec, &nsec)) {
        return NULL;
    }
    tsn_time_format(text, sec * 1000 + nsec / 1000000);
    return json_string(text);
}

/* package { ecosystem, name, purl } of a package URL whose type is an ecosystem of OSV. */
static json_t *package_of(const char *purl)
{
    static const struct {
        const char *type, *ecosystem, *join;
    } known[] = {
        {"npm", "npm", "/"},           {"pypi", "PyPI", "/"},          {"maven", "Maven", ":"},
        {"golang", "Go", "/"},         {"cargo", "crates.io", "/"},    {"nuget", "NuGet", "/"},
        {"gem", "RubyGems", "/"},      {"composer", "Packagist", "/"}, {"hex", "Hex", "/"},
        {"conan", "ConanCenter", "/"}, {"cran", "CRAN", "/"},          {"pub", "Pub", "/"},
    };
    if (!purl || strncmp(purl, "pkg:", 4) != 0) {
        return NULL;
    }
    size_t end = strcspn(purl, "@?#");
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        size_t n = strlen(known[i].type);
        if (strncmp(purl + 4, known[i].type, n) != 0 || purl[4 + n] != '/') {
            continue;
        }
        char name[512], whole[600];
        (void)snprintf(name, sizeof name, "%.*s", (int)(end - 5 - n), purl + 5 + n);
        (void)snprintf(whole, sizeof whole, "%.*s", (int)end, purl);
        char *slash = strcmp(known[i].join, ":") == 0 ? strchr(name, '/') : NULL;
        if (slash) {
            *slash = ':';
        }
        return json_pack("{s:s,s:s,s:s}", "ecosystem", known[i].ecosystem, "name", name, "purl",
                         whole);
    }
    return NULL;
}

/* Bounds as events; false when events cannot say it. */
static bool events_of(const json_t *bounds, json_t *ranges, json_t *versions, const char *type)
{
    json_t *events = json_array(), *b;
    size_t i;
    bool open = false, ok = true;
    json_array_foreach(bounds, i, b)
    {
        const char *op = tsn_json_str(b, "op", ""), *version = tsn_json_str(b, "version", "");
        if (op[0] == '=') {
            json_array_append_new(versions, json_string(version));
        } else if (strcmp(op, ">=") == 0) {
            json_array_append_new(events, json_pack("{s:s}", "introduced", version));
            open = true;
        } else if (op[0] == '<') {
            if (!open) {
                json_array_append_new(events, json_pack("{s:s}", "introduced", "0"));
            }
            json_array_append_new(
                events, json_pack("{s:s}", op[1] ? "last_affected" : "fixed", version));
            open = false;
        } else {
            ok = false;
        }
    }
    if (json_array_size(bounds) == 0) {
        json_array_append_new(events, json_pack("{s:s}", "introduced", "0"));
    }
    bool fixed = false, last = false; /* a range has one kind or the other */
    json_array_foreach(events, i, b)
    {
        fixed = fixed || json_object_get(b, "fixed");
        last = last || json_object_get(b, "last_affected");
    }
    ok = ok && !(fixed && last);
    if (ok && json_array_size(events) > 0) {
        json_array_append_new(ranges, json_pack("{s:s,s:O}", "type", type, "events", events));
    }
    json_decref(events);
    return ok;
}

static json_t *severity_of(const json_t *scores, const char *id)
{
    json_t *out = json_array(), *s, *p;
    size_t i, k;
    json_array_foreach(scores, i, s)
    {
        bool mine = false;
        json_array_foreach(json_object_get(s, "products"), k, p)
        {
            mine = mine || strcmp(json_string_value(p), id) == 0;
        }
        if (mine) {
            const char *key = tsn_json_str(s, "key", "");
            char type[] = "CVSS_V0";
            type[6] = key[6];
            json_array_append_new(
                out, json_pack("{s:s,s:s}", "type", type, "score",
                               tsn_json_str(json_object_get(s, "cvss"), "vectorString", "")));
        }
    }
    return out;
}

static json_t *affected_one(const json_t *row, const char *id, const char *kind)
{
    const json_t *helper = json_object_get(row, "helper");
    const char *purl = tsn_json_str(
        helper, "purl", json_string_value(json_array_get(json_object_get(helper, "purls"), 0)));
    const char *version = tsn_json_str(row, "version", "");
    json_t *o = json_object(), *ranges = json_array(), *versions = json_array();
    json_t *package = package_of(purl), *bounds = *version ? tsn_view_range(version) : NULL;
    bool semver = strncmp(version, "vers:semver/", 12) == 0;
    if (package) {
        json_object_set_new(o, "package", package);
    }
    if (!bounds || !events_of(bounds, ranges, versions, semver ? "SEMVER" : "ECOSYSTEM")) {
        json_array_clear(versions);
        json_array_clear(ranges);
        if (*version) {
            json_array_append_new(versions, json_string(version));
        }
    }
    tsn_render_put_list(o, "ranges", ranges);
    tsn_render_put_list(o, "versions", versions);
    json_t *own = json_pack("{s:s,s:s}", "product_id", id, "status", kind);
    tsn_render_put(own, "vendor", tsn_json_str(row, "vendor", NULL));
    tsn_render_put(own, "product", tsn_json_str(row, "product", NULL));
    tsn_render_put(own, "version", version);
    tsn_render_put(own, "cpe", tsn_json_str(helper, "cpe", NULL));
    json_object_set_new(o, "database_specific", own);
    json_decref(bounds);
    return o;
}

/* Severities stand at the record when all affected products share them, else at each. */
static void affected(json_t *o, const json_t *vuln, const json_t *index)
{
    json_t *list = json_array(), *scores = tsn_view_scores(vuln), *shared = NULL, *ids, *id, *x;
    const char *kind;
    bool same = true;
    size_t i;
    json_object_foreach(json_object_get(vuln, "product_status"), kind, ids)
    {
        const char *vex = tsn_view_vex_status(kind);
        if (!vex || strcmp(vex, "affected") != 0) {
            continue;
        }
        json_array_foreach(ids, i, id)
        {
            const char *name = json_string_value(id);
            json_t *one = affected_one(json_object_get(index, name), name, kind);
            json_t *severity = severity_of(scores, name);
            same = same && (!shared || json_equal(shared, severity));
            shared = shared ? shared : json_incref(severity);
            tsn_render_put_list(one, "severity", severity);
            json_array_append_new(list, one);
        }
    }
    json_array_foreach(list, i, x)
    {
        if (same) {
            json_object_del(x, "severity");
        }
    }
    if (same && json_array_size(shared) > 0) {
        json_object_set(o, "severity", shared);
    }
    tsn_render_put_list(o, "affected", list);
    json_decref(shared);
    json_decref(scores);
}

static void references(json_t *o, const json_t *doc, const json_t *vuln)
{
    json_t *out = json_array(), *r;
    const json_t *lists[] = {json_object_get(doc, "references"),
                             json_object_get(vuln, "references")};
    for (size_t l = 0; l < 2; l++) {
        size_t i;
        json_array_foreach(lists[l], i, r)
        {
            bool self = strcmp(tsn_json_str(r, "category", ""), "self") == 0;
            json_array_append_new(out, json_pack("{s:s,s:s}", "type", self ? "ADVISORY" : "WEB",
                                                 "url", tsn_json_str(r, "url", "")));
        }
    }
    tsn_render_put_list(o, "references", out);
}

static void credit(json_t *out, const char *name, const char *of, const json_t *urls)
{
    char text[1024];
    (void)snprintf(text, sizeof text, "%s%s%s", name ? name : of, name && of ? " of " : "",
                   name && of ? of : "");
    json_t *c = json_pack("{s:s,s:s}", "name", text, "type", "FINDER");
    if (json_array_size(urls) > 0) {
        json_object_set_new(c, "contact", json_deep_copy(urls));
    }
    json_array_append_new(out, c);
}

static void credits(json_t *o, const json_t *doc, const json_t *vuln)
{
    json_t *out = json_array(), *a, *name;
    const json_t *lists[] = {json_object_get(vuln, "acknowledgments"),
                             json_object_get(doc, "acknowledgments")};
    for (size_t l = 0; l < 2; l++) {
        size_t i, k;
        json_array_foreach(lists[l], i, a)
        {
            const char *of = tsn_json_str(a, "organization", NULL);
            const json_t *names = json_object_get(a, "names"),
                         *urls = json_object_get(a, "urls");
            json_array_foreach(names, k, name)
            {
                credit(out, json_string_value(name), of, urls);
            }
            if (json_array_size(names) == 0 && of) {
                credit(out, NULL, of, urls);
            }
        }
    }
    tsn_render_put_list(o, "credits", out);
}

json_t *tsn_as_osv(const json_t *csaf, const json_t *vuln)
{
    const json_t *doc = json_object_get(csaf, "document");
    const json_t *t = json_object_get(doc, "tracking");
    const json_t *notes = json_object_get(vuln, "notes");
    const char *advisory = tsn_json_str(t, "id", ""), *cve = tsn_json_str(vuln, "cve", NULL);
    json_t *o = json_object(), *index = tsn_csaf_product_index(csaf), *aliases = json_array(),
           *id, *r;
    char made[512];
    size_t i;
    (void)snprintf(made, sizeof made, "x_%.400s", advisory);
    json_object_set_new(o, "schema_version", json_string("1.7.0"));
    json_object_set_new(o, "id", json_string(cve ? cve : made));
    json_t *modified = utc(tsn_json_str(t, "current_release_date", NULL));
    json_object_set_new(o, "modified",
                        modified ? modified : json_string("1970-01-01T00:00:00.000Z"));
    json_t *published = utc(tsn_json_str(t, "initial_release_date", NULL));
    if (published) {
        json_object_set_new(o, "published", published);
    }
    json_array_foreach(json_object_get(vuln, "ids"), i, id)
    {
        json_array_append_new(aliases, json_string(tsn_json_str(id, "text", "")));
    }
    tsn_render_put_list(o, "aliases", aliases);
    json_object_set_new(o, "related", json_pack("[s]", advisory));
    tsn_render_put(o, "summary", tsn_json_str(vuln, "title", tsn_json_str(doc, "title", NULL)));
    const char *text = tsn_view_note(notes, "description");
    tsn_render_put(o, "details",
                   text ? text : tsn_json_str(json_array_get(notes, 0), "text", NULL));
    affected(o, vuln, index);
    references(o, doc, vuln);
    credits(o, doc, vuln);
    json_t *own = json_object(), *cwes = tsn_view_cwes(vuln), *ids = json_array();
    json_array_foreach(cwes, i, r)
    {
        json_array_append_new(ids, json_string(tsn_json_str(r, "id", "")));
    }
    tsn_render_put_list(own, "cwe_ids", ids);
    static const char *const keys[] = {"product_status", "remediations", "flags", "threats"};
    for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++) {
        json_t *v = json_object_get(vuln, keys[k]);
        if (v) {
            json_object_set(own, keys[k], v);
        }
    }
    json_object_set_new(o, "database_specific", own);
    json_decref(cwes);
    json_decref(index);
    return o;
}
