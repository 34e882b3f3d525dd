/* as_cve.c - one vulnerability of a CSAF 2.1 document as a CVE record (format 5.2.0).
 *
 * Source: CVE Record Format 5.2.0. Lengths are those of its schema: texts past them are cut and
 * end in three dots. Pure; any thread. */
#include <stdio.h>
#include <string.h>
#include "advisory/advisory_as.h"
#include "advisory/csaf_product.h"
#include "advisory/csaf_render_int.h"
#include "advisory/csaf_view.h"
#include "core/crypto.h"
#include "core/json.h"

#define TEXT_MAX    4096 /* code points of a description */
#define TITLE_MAX   256
#define NAME_MAX_   512
#define PRODUCT_MAX 2048

/* At most `max` code points of s. */
static json_t *cut(const char *s, size_t max)
{
    size_t points = 0, end = 0, i = 0;
    for (; s[i]; i++) {
        if (((unsigned char)s[i] & 0xc0) != 0x80) {
            end = points == max - 3 ? i : end;
            if (points == max) {
                break;
            }
            points++;
        }
    }
    if (!s[i]) {
        return json_string(s);
    }
    return json_pack("s#+", s, (int)end, "...");
}

static bool there(const json_t *list, const json_t *item)
{
    size_t i;
    json_t *x;
    json_array_foreach(list, i, x)
    {
        if (json_equal(x, item)) {
            return true;
        }
    }
    return false;
}

/* Takes the item; each once. */
static void add_once(json_t *list, json_t *item)
{
    if (!there(list, item)) {
        json_array_append(list, item);
    }
    json_decref(item);
}

/* --- affected ------------------------------------------------------------------------------ */

static json_t *exact(const char *version, const char *status)
{
    return json_pack("{s:o,s:s}", "version", cut(version, 1024), "status", status);
}

static json_t *between(const char *from, const char *key, const char *to, const char *status,
                       const char *type)
{
    return json_pack("{s:o,s:o,s:s,s:s}", "version", cut(from, 1024), key, cut(to, 1024),
                     "status", status, "versionType", type);
}

/* Bounds in ascending order as items; false when they say what the format cannot. */
static bool add_bounds(json_t *out, const json_t *bounds, const char *status, const char *type)
{
    const char *from = NULL;
    size_t i;
    json_t *b;
    json_array_foreach(bounds, i, b)
    {
        const char *op = tsn_json_str(b, "op", ""), *version = tsn_json_str(b, "version", "");
        bool upper = op[0] == '<';
        if (op[0] == '!' || strcmp(op, ">") == 0 || (from && !upper)) {
            return false;
        }
        if (upper) {
            add_once(out, between(from ? from : "0", op[1] ? "lessThanOrEqual" : "lessThan",
                                  version, status, type));
            from = NULL;
        } else if (op[0] == '>') {
            from = version;
        } else {
            add_once(out, exact(version, status));
        }
    }
    if (from || json_array_size(bounds) == 0) {
        add_once(out, between(from ? from : "0", "lessThan", "*", status, type));
    }
    return true;
}

static void add_versions(json_t *entry, const char *text, const char *status)
{
    json_t *out = json_object_get(entry, "versions");
    if (!*text) {
        json_object_set_new(entry, "defaultStatus", json_string(status));
        return;
    }
    json_t *bounds = tsn_view_range(text), *made = json_array();
    const char *type = strncmp(text, "vers:semver/", 12) == 0 ? "semver" : "custom";
    if (!bounds || !add_bounds(made, bounds, status, type)) {
        json_array_clear(made);
        json_array_append_new(made, exact(text, status));
    }
    size_t i;
    json_t *item;
    json_array_foreach(made, i, item)
    {
        add_once(out, json_incref(item));
    }
    json_decref(made);
    json_decref(bounds);
}

/* The entry of vendor and product, made when absent. */
static json_t *entry_of(json_t *affected, const json_t *row)
{
    json_t *vendor = cut(tsn_json_str(row, "vendor", ""), NAME_MAX_);
    json_t *product = cut(tsn_json_str(row, "product", ""), PRODUCT_MAX);
    size_t i;
    json_t *e, *found = NULL;
    if (json_string_length(vendor) == 0) {
        json_decref(vendor);
        vendor = json_string("n/a");
    }
    json_array_foreach(affected, i, e)
    {
        if (json_equal(json_object_get(e, "vendor"), vendor) &&
            json_equal(json_object_get(e, "product"), product)) {
            found = e;
        }
    }
    if (!found) {
        found = json_pack("{s:O,s:O,s:[]}", "vendor", vendor, "product", product, "versions");
        json_array_append_new(affected, found);
    }
    json_decref(vendor);
    json_decref(product);
    return found;
}

static void add_helper(json_t *entry, const json_t *helper)
{
    const char *cpe = tsn_json_str(helper, "cpe", NULL);
    json_t *purls = json_object_get(helper, "purls");
    const char *purl =
        tsn_json_str(helper, "purl", json_string_value(json_array_get(purls, 0)));
    if (cpe) {
        json_t *cpes = json_object_get(entry, "cpes");
        if (!cpes) {
            cpes = json_array();
            json_object_set_new(entry, "cpes", cpes);
        }
        add_once(cpes, json_string(cpe));
    }
    if (purl && !json_object_get(entry, "packageURL")) {
        size_t n = strcspn(purl, "@?#"); /* without version, qualifiers and subpath */
        json_object_set_new(entry, "packageURL", json_stringn(purl, n));
    }
}

static json_t *affected_of(const json_t *vuln, const json_t *index)
{
    json_t *out = json_array(), *list, *id;
    const json_t *all = json_object_get(vuln, "product_status");
    static const char *const kinds[] = {
        "known_affected", "first_affected",     "last_affected",       "fixed",  "first_fixed",
        "recommended",    "known_not_affected", "under_investigation", "unknown"};
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        list = json_object_get(all, kinds[k]);
        const char *vex = tsn_view_vex_status(kinds[k]);
        const char *status = "unaffected";
        if (vex && strcmp(vex, "affected") == 0) {
            status = "affected";
        } else if (vex && strcmp(vex, "under_investigation") == 0) {
            status = "unknown";
        }
        size_t i;
        json_array_foreach(list, i, id)
        {
            const json_t *row = json_object_get(index, json_string_value(id));
            json_t *entry = row ? entry_of(out, row) : NULL;
            if (entry) {
                add_versions(entry, tsn_json_str(row, "version", ""), status);
                add_helper(entry, json_object_get(row, "helper"));
            }
        }
    }
    size_t i;
    json_array_foreach(out, i, list)
    {
        if (json_array_size(json_object_get(list, "versions")) == 0) {
            json_object_del(list, "versions");
        } else if (!json_object_get(list, "defaultStatus")) {
            json_object_set_new(list, "defaultStatus", json_string("unknown"));
        }
    }
    return out;
}

/* --- the rest ------------------------------------------------------------------------------ */

static json_t *text_of(const char *lang, const char *text)
{
    return json_pack("{s:s,s:o}", "lang", lang, "value", cut(text, TEXT_MAX));
}

static json_t *metrics_of(const json_t *vuln, const char *lang, const json_t *index)
{
    json_t *scores = tsn_view_scores(vuln), *out = json_array(), *s, *id;
    size_t i, k;
    json_array_foreach(scores, i, s)
    {
        const json_t *cvss = json_object_get(s, "cvss");
        const char *version = tsn_json_str(cvss, "version", "");
        char key[] = "cvssV0_0";
        key[5] = version[0];
        key[7] = version[0] ? version[2] : '0';
        struct tsn_buf names;
        tsn_buf_init(&names, 1u << 20);
        tsn_buf_puts(&names, "");
        json_array_foreach(json_object_get(s, "products"), k, id)
        {
            const json_t *row = json_object_get(index, json_string_value(id));
            tsn_buf_printf(&names, "%s%s", k ? "; " : "",
                           tsn_json_str(row, "name", json_string_value(id)));
        }
        bool all = json_array_size(scores) == 1 || names.len == 0;
        add_once(out, json_pack("{s:s,s:[{s:s,s:o}],s:O}", "format", "CVSS", "scenarios",
                                "lang", lang, "value",
                                cut(all ? "GENERAL" : names.data, TEXT_MAX), key, cvss));
        tsn_buf_free(&names);
    }
    json_decref(scores);
    return out;
}

static json_t *problems_of(const json_t *vuln, const char *lang)
{
    json_t *cwes = tsn_view_cwes(vuln), *out = json_array(), *cwe;
    size_t i;
    json_array_foreach(cwes, i, cwe)
    {
        const char *id = tsn_json_str(cwe, "id", "");
        char text[512];
        (void)snprintf(text, sizeof text, "%s %.480s", id, tsn_json_str(cwe, "name", ""));
        add_once(out, json_pack("{s:[{s:s,s:s,s:s,s:s}]}", "descriptions", "lang", lang, "type",
                                "CWE", "cweId", id, "description", text));
    }
    json_decref(cwes);
    return out;
}

static void add_references(json_t *out, const json_t *list, const char *own)
{
    size_t i, k;
    json_t *r, *x;
    json_array_foreach(list, i, r)
    {
        const char *url = tsn_json_str(r, "url", ""), *name = tsn_json_str(r, "summary", url);
        bool known = strlen(url) > 2048;
        json_array_foreach(out, k, x)
        {
            known = known || strcmp(tsn_json_str(x, "url", ""), url) == 0;
        }
        if (known || json_array_size(out) >= 512) {
            continue;
        }
        json_t *o = json_pack("{s:s}", "url", url);
        if (*name && strcmp(name, url) != 0) {
            json_object_set_new(o, "name", cut(name, NAME_MAX_));
        }
        if (strcmp(tsn_json_str(r, "category", ""), "self") == 0) {
            json_object_set_new(o, "tags", json_pack("[s]", own));
        }
        json_array_append_new(out, o);
    }
}

static void add_credits(json_t *out, const json_t *list, const char *lang)
{
    size_t i, k;
    json_t *a, *name;
    json_array_foreach(list, i, a)
    {
        const char *of = tsn_json_str(a, "organization", NULL);
        const char *type =
            strstr(tsn_json_str(a, "summary", ""), "report") ? "reporter" : "finder";
        json_array_foreach(json_object_get(a, "names"), k, name)
        {
            struct tsn_buf b;
            tsn_buf_init(&b, 1u << 16);
            tsn_buf_printf(&b, "%s%s%s", json_string_value(name), of ? " of " : "",
                           of ? of : "");
            json_t *o = text_of(lang, b.data);
            json_object_set_new(o, "type", json_string(type));
            add_once(out, o);
            tsn_buf_free(&b);
        }
        if (json_array_size(json_object_get(a, "names")) == 0 && of) {
            json_t *o = text_of(lang, of);
            json_object_set_new(o, "type", json_string(type));
            add_once(out, o);
        }
    }
}

static void add_remedies(json_t *cna, const json_t *vuln, const char *lang)
{
    json_t *solutions = json_array(), *workarounds = json_array(), *r;
    size_t i;
    json_array_foreach(json_object_get(vuln, "remediations"), i, r)
    {
        const char *category = tsn_json_str(r, "category", ""),
                   *url = tsn_json_str(r, "url", NULL);
        struct tsn_buf b;
        tsn_buf_init(&b, 1u << 20);
        tsn_buf_printf(&b, "%s%s%s", tsn_json_str(r, "details", ""), url ? " " : "",
                       url ? url : "");
        bool around =
            strcmp(category, "mitigation") == 0 || strcmp(category, "workaround") == 0;
        add_once(around ? workarounds : solutions, text_of(lang, b.data));
        tsn_buf_free(&b);
    }
    tsn_render_put_list(cna, "solutions", solutions);
    tsn_render_put_list(cna, "workarounds", workarounds);
}

/* A UUID of version 4 from the publisher's namespace, for drafts of those who are no CNA (yet). */
static void draft_org(const char *namespace_url, char out[37])
{
    uint8_t h[TSN_HASH_LEN];
    tsn_sha256_once(h, namespace_url, strlen(namespace_url));
    h[6] = (uint8_t)((h[6] & 0x0f) | 0x40);
    h[8] = (uint8_t)((h[8] & 0x3f) | 0x80);
    (void)snprintf(out, 37,
                   "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", h[0],
                   h[1], h[2], h[3], h[4], h[5], h[6], h[7], h[8], h[9], h[10], h[11], h[12],
                   h[13], h[14], h[15]);
}

static json_t *container(const json_t *csaf, const json_t *vuln,
                         const struct tsn_publisher *publisher, const char *org)
{
    const json_t *doc = json_object_get(csaf, "document");
    const json_t *tracking = json_object_get(doc, "tracking");
    const char *lang = tsn_json_str(doc, "lang", "en");
    lang = strncmp(lang, "en-", 3) == 0 ? "en" : lang;
    json_t *index = tsn_csaf_product_index(csaf), *cna = json_object();
    json_t *provider = json_pack("{s:s}", "orgId", org);
    tsn_render_put(provider, "shortName", publisher->cna_name);
    json_object_set_new(cna, "providerMetadata", provider);
    json_object_set_new(
        cna, "title",
        cut(tsn_json_str(vuln, "title", tsn_json_str(doc, "title", "")), TITLE_MAX));
    tsn_render_put(cna, "datePublic",
                   tsn_json_str(vuln, "disclosure_date",
                                tsn_json_str(tracking, "initial_release_date", NULL)));
    const json_t *notes = json_object_get(vuln, "notes");
    const char *text = tsn_view_note(notes, "description");
    text = text ? text : tsn_view_note(notes, "summary");
    text = text ? text : tsn_json_str(json_array_get(notes, 0), "text", NULL);
    json_object_set_new(
        cna, "descriptions",
        json_pack("[o]", text_of(lang, text ? text : tsn_json_str(doc, "title", ""))));
    json_object_set_new(cna, "affected", affected_of(vuln, index));
    tsn_render_put_list(cna, "problemTypes", problems_of(vuln, lang));
    tsn_render_put_list(cna, "metrics", metrics_of(vuln, lang, index));
    const char *own =
        strcmp(publisher->category ? publisher->category : "vendor", "vendor") == 0
            ? "vendor-advisory"
            : "third-party-advisory";
    json_t *references = json_array(), *credits = json_array();
    add_references(references, json_object_get(doc, "references"), own);
    add_references(references, json_object_get(vuln, "references"), own);
    if (json_array_size(references) == 0) {
        json_array_append_new(references, json_pack("{s:s}", "url", publisher->namespace_url));
    }
    json_object_set_new(cna, "references", references);
    add_credits(credits, json_object_get(vuln, "acknowledgments"), lang);
    add_credits(credits, json_object_get(doc, "acknowledgments"), lang);
    tsn_render_put_list(cna, "credits", credits);
    add_remedies(cna, vuln, lang);
    json_object_set_new(cna, "source",
                        json_pack("{s:s,s:s}", "advisory", tsn_json_str(tracking, "id", ""),
                                  "discovery", "UNKNOWN"));
    json_object_set_new(cna, "x_generator",
                        json_pack("{s:s}", "engine", "tocsin " TOCSIN_VERSION));
    json_decref(index);
    return cna;
}

json_t *tsn_as_cve_record(const json_t *csaf, const json_t *vuln,
                          const struct tsn_publisher *publisher)
{
    char made[37];
    draft_org(publisher->namespace_url, made);
    const char *org = publisher->cna_org ? publisher->cna_org : made;
    json_t *meta = json_pack("{s:s,s:s,s:s}", "assignerOrgId", org, "cveId",
                             tsn_json_str(vuln, "cve", ""), "state", "PUBLISHED");
    tsn_render_put(meta, "assignerShortName", publisher->cna_name);
    return json_pack("{s:s,s:s,s:o,s:{s:o}}", "dataType", "CVE_RECORD", "dataVersion", "5.2.0",
                     "cveMetadata", meta, "containers", "cna",
                     container(csaf, vuln, publisher, org));
}
