/* csaf_render.c - from our model (docs/advisories.md) to a CSAF 2.0 document.
 *
 * Makes nothing up: what the model does not say is left out, but for what the standard needs and
 * the model implies (severity from the vector, product ids, an external reference for notices).
 * Whether the result is acceptable is tsn_csaf_check's word. Pure; any thread. */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "advisory/advisory.h"
#include "advisory/csaf_check.h"
#include "advisory/csaf_product.h"
#include "casework/cvss.h"
#include "core/json.h"

/* Sets a member when the text is there and not empty. */
static void put(json_t *o, const char *key, const char *value)
{
    if (value && *value) {
        json_object_set_new(o, key, json_string(value));
    }
}

/* Sets a list when it has items; takes it. */
static void put_list(json_t *o, const char *key, json_t *list)
{
    if (json_array_size(list) > 0) {
        json_object_set_new(o, key, list);
    } else {
        json_decref(list);
    }
}

/* A list, or one thing as a list of one; borrowed items. */
static json_t *as_list(const json_t *v)
{
    json_t *list = json_array();
    size_t i;
    json_t *item;
    if (json_is_array(v)) {
        json_array_foreach(v, i, item)
        {
            json_array_append(list, item);
        }
    } else if (v && !json_is_null(v)) {
        json_array_append_new(list, json_deep_copy(v));
    }
    return list;
}

static json_t *note(const char *category, const char *title, const char *text)
{
    json_t *n = json_object();
    put(n, "category", category);
    put(n, "title", title);
    put(n, "text", text);
    return n;
}

/* Texts become notes of `category`; objects are notes already. */
static void add_notes(json_t *out, const json_t *v, const char *category, const char *title)
{
    json_t *list = as_list(v), *item;
    size_t i;
    json_array_foreach(list, i, item)
    {
        if (json_is_object(item)) {
            json_array_append_new(out, note(tsn_json_str(item, "category", category),
                                            tsn_json_str(item, "title", NULL),
                                            tsn_json_str(item, "text", NULL)));
        } else if (json_is_string(item) && json_string_length(item) > 0) {
            json_array_append_new(out, note(category, title, json_string_value(item)));
        }
    }
    json_decref(list);
}

static json_t *references(const json_t *v)
{
    json_t *out = json_array(), *list = as_list(v), *item;
    size_t i;
    json_array_foreach(list, i, item)
    {
        const char *url =
            json_is_string(item) ? json_string_value(item) : tsn_json_str(item, "url", NULL);
        if (!url || !*url) {
            continue;
        }
        json_t *r = json_object();
        put(r, "category", tsn_json_str(item, "category", "external"));
        put(r, "summary", tsn_json_str(item, "summary", url));
        put(r, "url", url);
        json_array_append_new(out, r);
    }
    json_decref(list);
    return out;
}

static json_t *acknowledgments(const json_t *v)
{
    static const char *const keys[] = {"names", "organization", "summary", "urls"};
    json_t *out = json_array(), *list = as_list(v), *item;
    size_t i;
    json_array_foreach(list, i, item)
    {
        json_t *a = json_object();
        if (json_is_string(item)) {
            json_object_set_new(a, "names", json_pack("[O]", item));
        }
        for (size_t k = 0; k < 4 && json_is_object(item); k++) {
            const json_t *m = json_object_get(item, keys[k]);
            if ((json_is_string(m) && json_string_length(m) > 0) || json_array_size(m) > 0) {
                json_object_set_new(a, keys[k], json_deep_copy(m));
            }
        }
        if (json_object_size(a) > 0) {
            json_array_append(out, a);
        }
        json_decref(a);
    }
    json_decref(list);
    return out;
}

/* --- vulnerabilities ------------------------------------------------------------------- */

static json_t *cvss_object(const struct tsn_cvss *v, const char *vector)
{
    json_t *o = json_object();
    put(o, "version", tsn_cvss_version_text(v->version));
    put(o, "vectorString", vector);
    json_object_set_new(o, "baseScore", json_real(v->base / 10.0));
    bool v3 = v->version != TSN_CVSS_20;
    if (v3) {
        put(o, "baseSeverity", tsn_cvss_severity(v->base));
    }
    if (v->has_temporal) {
        json_object_set_new(o, "temporalScore", json_real(v->temporal / 10.0));
        put(o, "temporalSeverity", v3 ? tsn_cvss_severity(v->temporal) : NULL);
    }
    if (v->has_environmental) {
        json_object_set_new(o, "environmentalScore", json_real(v->environmental / 10.0));
        put(o, "environmentalSeverity", v3 ? tsn_cvss_severity(v->environmental) : NULL);
    }
    const struct tsn_cvss_metric *table = tsn_cvss_metrics(v->version);
    for (size_t m = 0; table[m].name; m++) {
        for (size_t i = 0; v->value[m] && table[m].values[i].value; i++) {
            if (strcmp(table[m].values[i].value, v->value[m]) == 0) {
                put(o, table[m].json, table[m].values[i].json);
            }
        }
    }
    return o;
}

/* Product ids given, else `otherwise` (borrowed). */
static json_t *ids_or(const json_t *given, json_t *otherwise)
{
    return json_array_size(given) > 0 ? json_deep_copy(given) : json_copy(otherwise);
}

static tsn_err scores(const json_t *vuln, json_t *affected, json_t *out, struct tsn_diag *diag)
{
    json_t *list = as_list(json_object_get(vuln, "scores")), *s;
    if (json_array_size(list) == 0 && json_object_get(vuln, "vector")) {
        json_array_append_new(list,
                              json_pack("{s:O}", "vector", json_object_get(vuln, "vector")));
    }
    size_t i;
    tsn_err err = 0;
    json_array_foreach(list, i, s)
    {
        const char *vector = tsn_json_str(s, "vector", "");
        struct tsn_cvss v;
        if (tsn_cvss_parse(vector, &v, NULL) || v.version == TSN_CVSS_40) {
            err = tsn_diag_set(diag, TSN_EINPUT, "D003",
                               "\"%.120s\" is not a CVSS 2.0, 3.0 or 3.1 "
                               "vector",
                               vector);
            break;
        }
        json_t *o = json_object();
        json_object_set_new(o, v.version == TSN_CVSS_20 ? "cvss_v2" : "cvss_v3",
                            cvss_object(&v, vector));
        json_object_set_new(o, "products", ids_or(json_object_get(s, "products"), affected));
        json_array_append_new(out, o);
    }
    json_decref(list);
    return err;
}

/* Copies the members named; products default to the affected ones unless groups are named. */
static json_t *statement(const json_t *item, json_t *products)
{
    static const char *const keys[] = {"category",  "details",         "url",
                                       "date",      "entitlements",    "label",
                                       "group_ids", "restart_required"};
    json_t *o = json_object();
    for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++) {
        const json_t *m = json_object_get(item, keys[k]);
        if (m && !json_is_null(m) && !(json_is_string(m) && json_string_length(m) == 0)) {
            json_object_set_new(o, keys[k], json_deep_copy(m));
        }
    }
    if (!json_object_get(o, "group_ids") || json_object_get(item, "product_ids")) {
        json_t *ids = ids_or(json_object_get(item, "product_ids"), products);
        put_list(o, "product_ids", ids);
    }
    return o;
}

static json_t *statements(const json_t *vuln, const char *key, json_t *products)
{
    json_t *out = json_array(), *list = as_list(json_object_get(vuln, key)), *item;
    size_t i;
    json_array_foreach(list, i, item)
    {
        json_array_append_new(out, statement(item, products));
    }
    json_decref(list);
    return out;
}

static void put_cwe(json_t *o, const json_t *cwe)
{
    const char *id =
        json_is_string(cwe) ? json_string_value(cwe) : tsn_json_str(cwe, "id", NULL);
    const char *name = tsn_json_str(cwe, "name", id ? tsn_csaf_cwe_name(id) : NULL);
    if (id && name) {
        json_object_set_new(o, "cwe", json_pack("{s:s,s:s}", "id", id, "name", name));
    }
}

/* Ids of the affected kinds, each once. */
static json_t *affected_of(const json_t *status)
{
    static const char *const kinds[] = {"known_affected", "first_affected", "last_affected"};
    json_t *out = json_array(), *seen = json_object();
    for (size_t k = 0; k < 3; k++) {
        size_t i;
        json_t *id;
        json_array_foreach(json_object_get(status, kinds[k]), i, id)
        {
            const char *s = json_string_value(id);
            if (s && !json_object_get(seen, s)) {
                json_object_set_new(seen, s, json_true());
                json_array_append(out, id);
            }
        }
    }
    json_decref(seen);
    return out;
}

static json_t *product_status(const json_t *vuln, json_t *every)
{
    json_t *out = json_object();
    const char *key;
    json_t *list;
    json_object_foreach(json_object_get(vuln, "status"), key, list)
    {
        if (json_array_size(list) > 0) {
            json_object_set_new(out, key, json_deep_copy(list));
        }
    }
    if (json_object_size(out) == 0 && json_array_size(every) > 0) {
        json_object_set_new(out, "known_affected", json_copy(every));
    }
    return out;
}

static tsn_err vulnerability(const json_t *vuln, json_t *every, const char *fallback,
                             json_t **out, struct tsn_diag *diag)
{
    json_t *o = json_object(), *status = product_status(vuln, every);
    json_t *affected = affected_of(status), *list = json_array(), *notes = json_array();
    *out = o;
    put(o, "cve", tsn_json_str(vuln, "cve", NULL));
    put(o, "title", tsn_json_str(vuln, "title", NULL));
    put(o, "discovery_date", tsn_json_str(vuln, "discovery_date", NULL));
    put(o, "release_date", tsn_json_str(vuln, "release_date", NULL));
    put_cwe(o, json_object_get(vuln, "cwe"));
    json_t *ids = as_list(json_object_get(vuln, "ids"));
    put_list(o, "ids", ids);
    add_notes(notes, json_object_get(vuln, "description"), "description", "Description");
    add_notes(notes, json_object_get(vuln, "notes"), "details", NULL);
    if (json_array_size(notes) == 0) {
        json_array_append_new(
            notes, note("summary", "Summary", tsn_json_str(vuln, "title", fallback)));
    }
    json_object_set_new(o, "notes", notes);
    tsn_err err = scores(vuln, affected, list, diag);
    put_list(o, "scores", list);
    put_list(o, "remediations", statements(vuln, "remediations", affected));
    put_list(o, "threats", statements(vuln, "threats", affected));
    put_list(o, "flags",
             statements(vuln, "flags",
                        json_object_get(status, "known_not_affected")
                            ? json_object_get(status, "known_not_affected")
                            : affected));
    put_list(o, "references", references(json_object_get(vuln, "references")));
    put_list(o, "acknowledgments", acknowledgments(json_object_get(vuln, "acknowledgments")));
    json_decref(affected);
    if (json_object_size(status) > 0) {
        json_object_set_new(o, "product_status", status);
    } else {
        json_decref(status);
    }
    return err;
}

/* --- document ----------------------------------------------------------------------------- */

/* TLP 2.0 words, in any case, in the label set of CSAF 2.0, which knows no CLEAR and no
 * AMBER+STRICT. */
static void distribution(json_t *doc, const json_t *model)
{
    static const struct {
        const char *said, *label;
    } labels[] = {
        {"clear", "WHITE"}, {"white", "WHITE"},        {"green", "GREEN"},
        {"amber", "AMBER"}, {"amber+strict", "AMBER"}, {"red", "RED"},
    };
    const char *tlp = tsn_json_str(model, "tlp", "WHITE");
    const char *text = tsn_json_str(model, "distribution", NULL);
    tlp += strncasecmp(tlp, "TLP:", 4) == 0 ? 4 : 0;
    const char *label = tlp; /* what is not known is the checks' to refuse */
    for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++) {
        label = strcasecmp(tlp, labels[i].said) == 0 ? labels[i].label : label;
    }
    if (strcasecmp(tlp, "amber+strict") == 0 && !text) {
        text = "TLP:AMBER+STRICT: only within the recipient's organisation.";
    }
    json_t *d = json_object();
    json_object_set_new(
        d, "tlp", json_pack("{s:s,s:s}", "label", label, "url", "https://www.first.org/tlp/"));
    put(d, "text", text);
    json_object_set_new(doc, "distribution", d);
}

static json_t *tracking(const json_t *model)
{
    const json_t *t = json_object_get(model, "tracking");
    json_t *o = json_object(), *history = json_array(), *item;
    put(o, "id", tsn_json_str(t, "id", NULL));
    put(o, "version", tsn_json_str(t, "version", NULL));
    put(o, "status", tsn_json_str(t, "status", "draft"));
    put(o, "initial_release_date", tsn_json_str(t, "initial", NULL));
    put(o, "current_release_date", tsn_json_str(t, "current", NULL));
    put_list(o, "aliases", as_list(json_object_get(t, "aliases")));
    json_object_set_new(
        o, "generator",
        json_pack("{s:{s:s,s:s}}", "engine", "name", "tocsin", "version", TOCSIN_VERSION));
    size_t i;
    json_array_foreach(json_object_get(t, "history"), i, item)
    {
        json_t *r = json_object();
        put(r, "date", tsn_json_str(item, "date", NULL));
        put(r, "number", tsn_json_str(item, "number", NULL));
        put(r, "summary", tsn_json_str(item, "summary", NULL));
        json_array_append_new(history, r);
    }
    json_object_set_new(o, "revision_history", history);
    return o;
}

static json_t *publisher_of(const struct tsn_publisher *p)
{
    json_t *o = json_object();
    put(o, "category", p->category ? p->category : "vendor");
    put(o, "name", p->name);
    put(o, "namespace", p->namespace_url);
    put(o, "contact_details", p->contact);
    return o;
}

static json_t *document(const json_t *model, const struct tsn_publisher *publisher,
                        const char *category)
{
    json_t *doc = json_object(), *notes = json_array();
    put(doc, "category", category);
    put(doc, "csaf_version", "2.0");
    put(doc, "lang", tsn_json_str(model, "lang", "en"));
    put(doc, "title", tsn_json_str(model, "title", NULL));
    json_object_set_new(doc, "publisher", publisher_of(publisher));
    json_object_set_new(doc, "tracking", tracking(model));
    distribution(doc, model);
    const char *severity = tsn_json_str(model, "severity", NULL);
    if (severity && *severity) {
        json_object_set_new(doc, "aggregate_severity", json_pack("{s:s}", "text", severity));
    }
    add_notes(notes, json_object_get(model, "summary"), "summary", "Summary");
    add_notes(notes, json_object_get(model, "notes"), "general", NULL);
    put_list(doc, "notes", notes);
    json_t *refs = references(json_object_get(model, "references"));
    bool external = false;
    size_t i;
    json_t *r;
    json_array_foreach(refs, i, r)
    {
        external = external || strcmp(tsn_json_str(r, "category", ""), "external") == 0;
    }
    if (!external && (strcmp(category, "csaf_security_incident_response") == 0 ||
                      strcmp(category, "csaf_informational_advisory") == 0)) {
        json_t *home = json_object();
        put(home, "category", "external");
        put(home, "summary", "Product security of the publisher");
        put(home, "url", publisher->namespace_url);
        json_array_append_new(refs, home);
    }
    put_list(doc, "references", refs);
    put_list(doc, "acknowledgments",
             acknowledgments(json_object_get(model, "acknowledgments")));
    return doc;
}

tsn_err tsn_csaf_render(const json_t *model, const struct tsn_publisher *publisher,
                        json_t **out, struct tsn_diag *diag)
{
    *out = NULL;
    const char *title = tsn_json_str(model, "title", "");
    const json_t *t = json_object_get(model, "tracking");
    if (!*title || !tsn_json_str(t, "id", NULL) || !tsn_json_str(t, "version", NULL) ||
        !tsn_json_str(t, "initial", NULL) || !tsn_json_str(t, "current", NULL)) {
        return tsn_diag_set(diag, TSN_EINPUT, "D002",
                            "an advisory needs a title, an id, a version and its dates");
    }
    json_t *tree = NULL, *every = json_array(), *vulns = json_array(), *vuln;
    tsn_err err =
        tsn_csaf_tree(json_object_get(model, "products"), publisher->name, &tree, every, diag);
    size_t i;
    json_array_foreach(json_object_get(model, "vulnerabilities"), i, vuln)
    {
        json_t *v = NULL;
        if (err) {
            break;
        }
        err = vulnerability(vuln, every, title, &v, diag);
        json_array_append_new(vulns, v);
    }
    if (!err) {
        bool both = tree && json_array_size(vulns) > 0;
        const char *category = tsn_json_str(
            model, "category", both ? "csaf_security_advisory" : "csaf_informational_advisory");
        json_t *csaf = json_object();
        json_object_set_new(csaf, "document", document(model, publisher, category));
        if (tree) {
            json_object_set(csaf, "product_tree", tree);
        }
        if (json_array_size(vulns) > 0) {
            json_object_set(csaf, "vulnerabilities", vulns);
        }
        *out = csaf;
    }
    json_decref(tree);
    json_decref(every);
    json_decref(vulns);
    return err;
}
