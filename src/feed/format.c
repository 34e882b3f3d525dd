/* format.c - which format is it, and who reads it. Pure. */
#include <string.h>
#include "core/json.h"
#include "core/text.h"
#include "core/yaml.h"
#include "feed/format.h"
#include "feed/xml_tree.h"

static const struct {
    const char *name;
    tsn_format_reader *read;
} formats[TSN_FORMATS] = {
    [TSN_FORMAT_NONE] = {"none", NULL},
    [TSN_FORMAT_OSV] = {"osv", tsn_read_osv},
    [TSN_FORMAT_GHSA] = {"ghsa", tsn_read_ghsa},
    [TSN_FORMAT_CVE] = {"cve", tsn_read_cve},
    [TSN_FORMAT_CSAF] = {"csaf", tsn_read_csaf},
    [TSN_FORMAT_NVD] = {"nvd", tsn_read_nvd},
    [TSN_FORMAT_KEV] = {"kev", tsn_read_kev},
    [TSN_FORMAT_OPENVEX] = {"openvex", tsn_read_openvex},
    [TSN_FORMAT_CYCLONEDX] = {"cyclonedx", tsn_read_cyclonedx},
    [TSN_FORMAT_SECDB] = {"secdb", tsn_read_secdb},
    [TSN_FORMAT_DEBIAN] = {"debian", tsn_read_debian},
    [TSN_FORMAT_DSA] = {"dsa", NULL},
    [TSN_FORMAT_EPSS] = {"epss", NULL},
    [TSN_FORMAT_CVRF] = {"cvrf", NULL},
    [TSN_FORMAT_MSRC] = {"msrc", tsn_read_msrc},
    [TSN_FORMAT_UPDATEINFO] = {"updateinfo", NULL},
    [TSN_FORMAT_APT] = {"apt", tsn_read_apt},
    [TSN_FORMAT_USN] = {"usn", tsn_read_usn},
    [TSN_FORMAT_OPENVULN] = {"openvuln", tsn_read_openvuln},
    [TSN_FORMAT_ENTRY] = {"entry", tsn_read_entry},
};

const char *tsn_format_name(enum tsn_format format)
{
    return formats[format].name;
}

static bool has(const json_t *o, const char *key)
{
    return json_object_get(o, key) != NULL;
}

/* { package: { "CVE-...": { "releases": ... } } } */
static bool debian_tracker(const json_t *doc)
{
    void *first = json_object_iter(
        json_object_iter((json_t *)(uintptr_t)doc)
            ? json_object_iter_value(json_object_iter((json_t *)(uintptr_t)doc))
            : NULL);
    return first && has(json_object_iter_value(first), "releases");
}

enum tsn_format tsn_format_of(const json_t *doc)
{
    const char *context = tsn_json_str(doc, "@context", "");
    if (!json_is_object(doc)) {
        return TSN_FORMAT_NONE;
    }
    if (strcmp(tsn_json_str(doc, "dataType", ""), "CVE_RECORD") == 0 ||
        has(doc, "cveMetadata")) {
        return TSN_FORMAT_CVE;
    }
    if (has(json_object_get(doc, "document"), "csaf_version")) {
        return TSN_FORMAT_CSAF;
    }
    if (strstr(context, "openvex")) {
        return TSN_FORMAT_OPENVEX;
    }
    if (strcmp(tsn_json_str(doc, "bomFormat", ""), "CycloneDX") == 0) {
        return TSN_FORMAT_CYCLONEDX;
    }
    if (has(doc, "ghsaId") || has(doc, "ghsa_id") ||
        has(json_object_get(doc, "data"), "securityVulnerabilities") ||
        has(json_object_get(doc, "data"), "securityAdvisories")) {
        return TSN_FORMAT_GHSA;
    }
    if (has(doc, "catalogVersion") && has(doc, "vulnerabilities")) {
        return TSN_FORMAT_KEV;
    }
    if (strcmp(tsn_json_str(doc, "format", ""), "NVD_CVE") == 0 ||
        (has(doc, "resultsPerPage") && has(doc, "vulnerabilities")) ||
        (has(doc, "cve") && has(json_object_get(doc, "cve"), "sourceIdentifier"))) {
        return TSN_FORMAT_NVD;
    }
    if (strcmp(tsn_json_str(doc, "tocsin", ""), "entry") == 0) {
        return TSN_FORMAT_ENTRY;
    }
    if (strcmp(tsn_json_str(doc, "tocsin", ""), "apt") == 0) {
        return TSN_FORMAT_APT;
    }
    if (has(doc, "DocumentTracking") && has(doc, "ProductTree")) {
        return TSN_FORMAT_MSRC;
    }
    if (has(doc, "release_packages") && has(doc, "id")) {
        return TSN_FORMAT_USN;
    }
    if (has(doc, "advisoryId") && has(doc, "advisoryTitle")) {
        return TSN_FORMAT_OPENVULN;
    }
    if (has(doc, "apkurl") || (has(doc, "packages") && has(doc, "reponame"))) {
        return TSN_FORMAT_SECDB;
    }
    if (has(doc, "id") &&
        (has(doc, "affected") || has(doc, "modified") || has(doc, "schema_version"))) {
        return TSN_FORMAT_OSV;
    }
    return debian_tracker(doc) ? TSN_FORMAT_DEBIAN : TSN_FORMAT_NONE;
}

tsn_err tsn_format_read(const json_t *doc, const struct tsn_sink *sink, struct tsn_diag *diag)
{
    size_t i;
    json_t *one;
    if (json_is_array(doc)) {
        bool any = false;
        json_array_foreach(doc, i, one)
        {
            any = (!json_is_array(one) && tsn_format_read(one, sink, diag) == 0) || any;
        }
        return any ? 0
                   : tsn_diag_set(diag, TSN_EINPUT, "F110",
                                  "nothing in the array is in a format that is read here");
    }
    enum tsn_format f = tsn_format_of(doc);
    if (!formats[f].read) {
        return tsn_diag_set(diag, TSN_EINPUT, "F110", "it is in no format that is read here");
    }
    struct tsn_arena *arena = tsn_arena_new();
    tsn_err err = formats[f].read(arena, doc, sink, diag);
    tsn_arena_destroy(arena);
    return err;
}

/* --- text ----------------------------------------------------------------------------------- */

static json_t *of_yaml(const struct tsn_yaml *node)
{
    json_t *out;
    switch (node->type) {
    case TSN_YAML_SCALAR:
        /* Versions look like numbers and are none: everything is text but null and flags. */
        return !node->quoted && strcmp(node->scalar, "null") == 0   ? json_null()
               : !node->quoted && strcmp(node->scalar, "true") == 0 ? json_true()
               : !node->quoted && strcmp(node->scalar, "false") == 0
                   ? json_false()
                   : json_string(node->scalar);
    case TSN_YAML_MAP:
        out = json_object();
        for (const struct tsn_yaml *c = node->first; c; c = c->next) {
            json_object_set_new(out, c->key, of_yaml(c));
        }
        return out;
    case TSN_YAML_LIST:
        out = json_array();
        for (const struct tsn_yaml *c = node->first; c; c = c->next) {
            json_array_append_new(out, of_yaml(c));
        }
        return out;
    }
    return json_null();
}

static tsn_err parse(struct tsn_arena *arena, const char *name, const char *text, size_t len,
                     json_t **doc, struct tsn_diag *diag)
{
    size_t at = len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    size_t skip = strspn(text + at, " \t\r\n");
    if (text[at + skip] == '{' || text[at + skip] == '[') {
        return tsn_json_parse(text + at, len - at, doc, diag);
    }
    struct tsn_yaml_doc *yaml;
    tsn_err err = tsn_yaml_parse(arena, name, text, len, &yaml, diag);
    if (!err) {
        *doc = of_yaml(yaml->root);
    }
    return err;
}

/* "[29 Mar 2023] DSA-5380-1 ..." */
static bool dsa_list(const char *text)
{
    return *text == '[' && text[1] >= '0' && text[1] <= '9' &&
           (strstr(text, "] DSA-") || strstr(text, "] DLA-"));
}

/* XML, told apart by its root. */
static tsn_err read_xml(struct tsn_arena *arena, const char *text, size_t len,
                        const struct tsn_sink *sink, enum tsn_format *format,
                        struct tsn_diag *diag)
{
    struct tsn_xml *root;
    tsn_err err = tsn_xml_parse(arena, text, len, &root, diag);
    if (err) {
        return err;
    }
    if (strcmp(root->name, "cvrfdoc") == 0) {
        *format = TSN_FORMAT_CVRF;
        return tsn_read_cvrf(arena, root, sink, diag);
    }
    if (strcmp(root->name, "updates") == 0 || strcmp(root->name, "update") == 0) {
        *format = TSN_FORMAT_UPDATEINFO;
        return tsn_read_updateinfo(arena, root, sink, diag);
    }
    return tsn_diag_set(diag, TSN_EINPUT, "F110",
                        "it is in no format that is read here: its root is <%.60s>",
                        root->name);
}

tsn_err tsn_format_read_text(const char *name, const char *text, size_t len,
                             const struct tsn_sink *sink, enum tsn_format *format,
                             struct tsn_diag *diag)
{
    struct tsn_arena *arena = tsn_arena_new();
    json_t *doc = NULL;
    tsn_err err;
    *format = TSN_FORMAT_NONE;
    if (dsa_list(text)) {
        *format = TSN_FORMAT_DSA;
        err = tsn_read_dsa(arena, text, len, sink, diag);
    } else if (strncmp(text, "#model_version", 14) == 0 || strncmp(text, "cve,epss", 8) == 0) {
        *format = TSN_FORMAT_EPSS;
        err = tsn_read_epss(arena, text, len, sink, diag);
    } else if (tsn_xml_looks(text)) {
        err = read_xml(arena, text, len, sink, format, diag);
    } else {
        err = parse(arena, name, text, len, &doc, diag);
        if (err && diag) {
            tsn_copy(diag->code, sizeof diag->code, "F111");
        }
        if (!err) {
            const json_t *first = json_is_array(doc) ? json_array_get(doc, 0) : doc;
            *format = tsn_format_of(first);
            err = tsn_format_read(doc, sink, diag);
        }
    }
    json_decref(doc);
    tsn_arena_destroy(arena);
    return err;
}

static void drop(void *json)
{
    json_decref(json);
}

json_t *tsn_format_strings(struct tsn_arena *arena)
{
    json_t *list = json_array();
    tsn_arena_defer(arena, drop, list);
    return list;
}
