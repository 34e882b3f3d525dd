/* csaf_render.c - from our model (docs/advisories.md) to a CSAF 2.0 document.
 *
 * Makes nothing up: what the model does not say is left out, but for what the standard needs and
 * the model implies (severity from the vector, product ids, an external reference for notices).
 * Whether the result is acceptable is tsn_csaf_check's word. Pure; any thread. */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "advisory/advisory.h"
#include "advisory/csaf_product.h"
#include "advisory/csaf_render_int.h"
#include "advisory/publish_tree.h"
#include "core/json.h"

/* --- document ----------------------------------------------------------------------------- */

/* TLP 2.0 words, in any case, as the labels of CSAF 2.0, which knows no CLEAR and no AMBER+STRICT,
 * or of 2.1. */
static void distribution(json_t *doc, const json_t *model,
                         const struct tsn_publisher *publisher, enum tsn_csaf_version version)
{
    static const struct {
        const char *said, *label[2];
    } labels[] = {
        {"clear", {"WHITE", "CLEAR"}}, {"white", {"WHITE", "CLEAR"}},
        {"green", {"GREEN", "GREEN"}}, {"amber+strict", {"AMBER", "AMBER+STRICT"}},
        {"amber", {"AMBER", "AMBER"}}, {"red", {"RED", "RED"}},
    };
    const char *tlp = tsn_json_str(model, "tlp", "WHITE");
    const char *text = tsn_json_str(model, "distribution", NULL);
    tlp += strncasecmp(tlp, "TLP:", 4) == 0 ? 4 : 0;
    const char *label = tlp; /* what is not known is the checks' to refuse */
    for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++) {
        label = strcasecmp(tlp, labels[i].said) == 0 ? labels[i].label[version != TSN_CSAF_20]
                                                     : label;
    }
    if (version == TSN_CSAF_20 && strcasecmp(tlp, "amber+strict") == 0) {
        const char *policy = publisher->amber_strict ? publisher->amber_strict : "amber";
        /* "refuse" leaves the word there, and the checks refuse it. */
        label = strcmp(policy, "red") == 0      ? "RED"
                : strcmp(policy, "refuse") == 0 ? "AMBER+STRICT"
                                                : label;
        text = text ? text : "TLP:AMBER+STRICT: only within the recipient's organisation.";
    }
    json_t *d = json_object();
    json_object_set_new(
        d, "tlp", json_pack("{s:s,s:s}", "label", label, "url", "https://www.first.org/tlp/"));
    tsn_render_put(d, "text", text);
    const json_t *group = json_object_get(model, "sharing_group");
    if (version != TSN_CSAF_20 && json_is_object(group)) {
        json_object_set_new(d, "sharing_group", json_deep_copy(group));
    }
    json_object_set_new(doc, "distribution", d);
}

static json_t *tracking(const json_t *model)
{
    const json_t *t = json_object_get(model, "tracking");
    json_t *o = json_object(), *history = json_array(), *item;
    tsn_render_put(o, "id", tsn_json_str(t, "id", NULL));
    tsn_render_put(o, "version", tsn_json_str(t, "version", NULL));
    tsn_render_put(o, "status", tsn_json_str(t, "status", "draft"));
    tsn_render_put(o, "initial_release_date", tsn_json_str(t, "initial", NULL));
    tsn_render_put(o, "current_release_date", tsn_json_str(t, "current", NULL));
    tsn_render_put_list(o, "aliases", tsn_render_list(json_object_get(t, "aliases")));
    json_object_set_new(
        o, "generator",
        json_pack("{s:{s:s,s:s}}", "engine", "name", "tocsin", "version", TOCSIN_VERSION));
    size_t i;
    json_array_foreach(json_object_get(t, "history"), i, item)
    {
        json_t *r = json_object();
        tsn_render_put(r, "date", tsn_json_str(item, "date", NULL));
        tsn_render_put(r, "number", tsn_json_str(item, "number", NULL));
        tsn_render_put(r, "summary", tsn_json_str(item, "summary", NULL));
        json_array_append_new(history, r);
    }
    json_object_set_new(o, "revision_history", history);
    return o;
}

/* Where it will be published, when the publisher has such a place and the model does not say. */
static void add_canonical(json_t *refs, const json_t *doc,
                          const struct tsn_publisher *publisher, enum tsn_csaf_version version)
{
    const json_t *t = json_object_get(doc, "tracking");
    const json_t *tlp = json_object_get(json_object_get(doc, "distribution"), "tlp");
    char path[1024], url[2048];
    size_t i;
    json_t *ref;
    json_array_foreach(refs, i, ref)
    {
        if (strcmp(tsn_json_str(ref, "category", ""), "self") == 0) {
            return;
        }
    }
    if (!publisher->url) {
        return;
    }
    /* What is not CSAF points at the document of record. */
    enum tsn_csaf_version edition = version == TSN_CSAF_21 ? TSN_CSAF_21 : TSN_CSAF_20;
    tsn_site_where(edition, tsn_json_str(tlp, "label", ""),
                   tsn_json_str(t, "initial_release_date", ""), tsn_json_str(t, "id", ""), path,
                   sizeof path);
    (void)snprintf(url, sizeof url, "%.1000s/%s.json", publisher->url, path);
    json_t *self = json_object();
    tsn_render_put(self, "category", "self");
    tsn_render_put(self, "summary", "Canonical URL");
    tsn_render_put(self, "url", url);
    json_array_append_new(refs, self);
}

static json_t *publisher_of(const struct tsn_publisher *p)
{
    json_t *o = json_object();
    tsn_render_put(o, "category", p->category ? p->category : "vendor");
    tsn_render_put(o, "name", p->name);
    tsn_render_put(o, "namespace", p->namespace_url);
    tsn_render_put(o, "contact_details", p->contact);
    return o;
}

static json_t *document(const json_t *model, const struct tsn_publisher *publisher,
                        const char *category, enum tsn_csaf_version version)
{
    json_t *doc = json_object(), *notes = json_array();
    tsn_render_put(doc, "category", category);
    tsn_render_put(doc, "csaf_version", version != TSN_CSAF_20 ? "2.1" : "2.0");
    tsn_render_put(doc, "lang", tsn_json_str(model, "lang", "en"));
    tsn_render_put(doc, "source_lang", tsn_json_str(model, "source_lang", NULL));
    tsn_render_put(doc, "title", tsn_json_str(model, "title", NULL));
    if (version != TSN_CSAF_20) {
        tsn_render_put(doc, "license_expression",
                       tsn_json_str(model, "license_expression", NULL));
    }
    json_object_set_new(doc, "publisher", publisher_of(publisher));
    json_object_set_new(doc, "tracking", tracking(model));
    distribution(doc, model, publisher, version);
    const char *severity = tsn_json_str(model, "severity", NULL);
    if (severity && *severity) {
        json_object_set_new(doc, "aggregate_severity", json_pack("{s:s}", "text", severity));
    }
    tsn_render_notes(notes, json_object_get(model, "summary"), "summary", "Summary");
    tsn_render_notes(notes, json_object_get(model, "notes"), "general", NULL);
    tsn_render_put_list(doc, "notes", notes);
    json_t *refs = tsn_render_references(json_object_get(model, "references"));
    add_canonical(refs, doc, publisher, version);
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
        tsn_render_put(home, "category", "external");
        tsn_render_put(home, "summary", "Product security of the publisher");
        tsn_render_put(home, "url", publisher->namespace_url);
        json_array_append_new(refs, home);
    }
    tsn_render_put_list(doc, "references", refs);
    tsn_render_put_list(doc, "acknowledgments",
                        tsn_render_acks(json_object_get(model, "acknowledgments")));
    return doc;
}

tsn_err tsn_csaf_render(const json_t *model, const struct tsn_publisher *publisher,
                        enum tsn_csaf_version version, json_t **out, struct tsn_diag *diag)
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
    tsn_err err = tsn_csaf_tree(model, publisher->name, version, &tree, every, diag);
    size_t i;
    json_array_foreach(json_object_get(model, "vulnerabilities"), i, vuln)
    {
        json_t *v = NULL;
        if (err) {
            break;
        }
        err = tsn_render_vulnerability(vuln, every, title, version, &v, diag);
        json_array_append_new(vulns, v);
    }
    if (!err) {
        /* In 2.1 what is withdrawn or superseded has a profile that names nothing any more. */
        const char *ended = version == TSN_CSAF_21 ? tsn_json_str(model, "ended", NULL) : NULL;
        bool both = tree && json_array_size(vulns) > 0;
        const char *category = tsn_json_str(
            model, "category", both ? "csaf_security_advisory" : "csaf_informational_advisory");
        if (ended) {
            category = strcmp(ended, "superseded") == 0 ? "csaf_superseded" : "csaf_withdrawn";
            json_decref(tree);
            tree = NULL;
            json_array_clear(vulns);
        }
        json_t *csaf = json_object();
        if (version != TSN_CSAF_20) {
            json_object_set_new(csaf, "$schema", json_string(TSN_CSAF_21_SCHEMA));
        }
        json_object_set_new(csaf, "document", document(model, publisher, category, version));
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
