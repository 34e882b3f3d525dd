/* csaf_render_vuln.c - one vulnerability of our model as CSAF 2.0 or 2.1 says it. Pure. */
#include <stdio.h>
#include <string.h>
#include "advisory/csaf_check.h"
#include "advisory/csaf_render_int.h"
#include "casework/cvss.h"
#include "core/json.h"

/* --- vulnerabilities ------------------------------------------------------------------- */

static json_t *cvss_object(const struct tsn_cvss *v, const char *vector)
{
    json_t *o = json_object();
    tsn_render_put(o, "version", tsn_cvss_version_text(v->version));
    tsn_render_put(o, "vectorString", vector);
    /* 4.0 has one score, that of the whole vector. */
    bool v3 = v->version != TSN_CVSS_20, v4 = v->version == TSN_CVSS_40;
    int base = v4 ? v->overall : v->base;
    json_object_set_new(o, "baseScore", json_real(base / 10.0));
    if (v3) {
        tsn_render_put(o, "baseSeverity", tsn_cvss_severity(base));
    }
    if (v->has_temporal && !v4) {
        json_object_set_new(o, "temporalScore", json_real(v->temporal / 10.0));
        tsn_render_put(o, "temporalSeverity", v3 ? tsn_cvss_severity(v->temporal) : NULL);
    }
    if (v->has_environmental && !v4) {
        json_object_set_new(o, "environmentalScore", json_real(v->environmental / 10.0));
        tsn_render_put(o, "environmentalSeverity",
                       v3 ? tsn_cvss_severity(v->environmental) : NULL);
    }
    const struct tsn_cvss_metric *table = tsn_cvss_metrics(v->version);
    for (size_t m = 0; table[m].name; m++) {
        for (size_t i = 0; v->value[m] && table[m].values[i].value; i++) {
            if (strcmp(table[m].values[i].value, v->value[m]) == 0) {
                tsn_render_put(o, table[m].json, table[m].values[i].json);
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

/* CSAF 2.0 has no place for CVSS 4.0 but a note. */
static json_t *score_note(const struct tsn_cvss *v, const char *vector, const json_t *products)
{
    struct tsn_buf b;
    tsn_buf_init(&b, 1u << 20);
    tsn_buf_printf(&b, "%s %d.%d %s, %s, for", tsn_cvss_nomenclature(v), v->overall / 10,
                   v->overall % 10, tsn_cvss_severity(v->overall), vector);
    size_t i;
    json_t *id;
    json_array_foreach(products, i, id)
    {
        tsn_buf_printf(&b, "%s %s", i ? "," : "", json_string_value(id));
    }
    json_t *n = tsn_render_note("other", "CVSS v4.0", b.data);
    tsn_buf_free(&b);
    return n;
}

struct measured {
    json_t *list;  /* scores or metrics */
    json_t *notes; /* of the vulnerability */
    enum tsn_csaf_version version;
};

static void add_score(struct measured *m, const json_t *s, const struct tsn_cvss *v,
                      const char *vector, json_t *products)
{
    static const char *const keys[] = {"cvss_v2", "cvss_v3", "cvss_v3", "cvss_v4"};
    if (v->version == TSN_CVSS_40 && m->version == TSN_CSAF_20) {
        json_array_append_new(m->notes, score_note(v, vector, products));
        json_decref(products);
        return;
    }
    json_t *o = json_object(), *cvss = cvss_object(v, vector);
    if (m->version == TSN_CSAF_20) {
        json_object_set_new(o, keys[v->version], cvss);
    } else {
        json_object_set_new(o, "content", json_pack("{s:o}", keys[v->version], cvss));
        tsn_render_put(o, "source", tsn_json_str(s, "source", NULL));
    }
    json_object_set_new(o, "products", products);
    json_array_append_new(m->list, o);
}

/* Metrics that are no vector (epss, ssvc_v2, qualitative_severity_rating) are said in 2.1 only. */
static bool add_other(struct measured *m, const json_t *s, json_t *products)
{
    static const char *const keys[] = {"epss", "qualitative_severity_rating", "ssvc_v2"};
    json_t *content = json_object();
    for (size_t k = 0; k < 3; k++) {
        json_t *value = json_object_get(s, keys[k]);
        if (value && !json_is_null(value)) {
            json_object_set(content, keys[k], value);
        }
    }
    bool some = json_object_size(content) > 0;
    if (some && m->version != TSN_CSAF_20) {
        json_t *o = json_pack("{s:O,s:O}", "content", content, "products", products);
        tsn_render_put(o, "source", tsn_json_str(s, "source", NULL));
        json_array_append_new(m->list, o);
    }
    json_decref(content);
    return some;
}

static tsn_err scores(const json_t *vuln, json_t *affected, struct measured *m,
                      struct tsn_diag *diag)
{
    json_t *list = tsn_render_list(json_object_get(vuln, "scores")), *s;
    if (json_array_size(list) == 0 && json_object_get(vuln, "vector")) {
        json_array_append_new(list,
                              json_pack("{s:O}", "vector", json_object_get(vuln, "vector")));
    }
    size_t i;
    tsn_err err = 0;
    json_array_foreach(list, i, s)
    {
        const char *vector = tsn_json_str(s, "vector", NULL);
        json_t *products = ids_or(json_object_get(s, "products"), affected);
        struct tsn_cvss v;
        if (add_other(m, s, products) && !vector) {
            json_decref(products);
            continue;
        }
        if (tsn_cvss_parse(vector ? vector : "", &v, NULL)) {
            json_decref(products);
            err = tsn_diag_set(diag, TSN_EINPUT, "D003",
                               "\"%.120s\" is not a CVSS 2.0, 3.0, 3.1 or 4.0 vector",
                               vector ? vector : "");
            break;
        }
        add_score(m, s, &v, vector, products);
    }
    json_decref(list);
    return err;
}

/* Copies the members named; products default to the affected ones unless groups are named. */
static json_t *statement(const json_t *item, json_t *products, enum tsn_csaf_version version)
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
    /* Words of 2.1 in those of 2.0. */
    const char *category = tsn_json_str(o, "category", "");
    if (version == TSN_CSAF_20 && strcmp(category, "fix_planned") == 0) {
        tsn_render_put(o, "category", "none_available");
    } else if (version == TSN_CSAF_20 && strcmp(category, "optional_patch") == 0) {
        tsn_render_put(o, "category", "vendor_fix");
    }
    if (!json_object_get(o, "group_ids") || json_object_get(item, "product_ids")) {
        json_t *ids = ids_or(json_object_get(item, "product_ids"), products);
        tsn_render_put_list(o, "product_ids", ids);
    }
    return o;
}

static json_t *statements(const json_t *vuln, const char *key, json_t *products,
                          enum tsn_csaf_version version)
{
    json_t *out = json_array(), *list = tsn_render_list(json_object_get(vuln, key)), *item;
    size_t i;
    json_array_foreach(list, i, item)
    {
        json_array_append_new(out, statement(item, products, version));
    }
    json_decref(list);
    return out;
}

/* 2.0 has one weakness, 2.1 a list with the version of CWE that knows id and name. */
static void put_cwes(json_t *o, const json_t *vuln, enum tsn_csaf_version version)
{
    json_t *list = tsn_render_list(json_object_get(vuln, "cwes")), *out = json_array(), *cwe;
    if (json_array_size(list) == 0) {
        json_decref(list);
        list = tsn_render_list(json_object_get(vuln, "cwe"));
    }
    size_t i;
    json_array_foreach(list, i, cwe)
    {
        const char *id =
            json_is_string(cwe) ? json_string_value(cwe) : tsn_json_str(cwe, "id", NULL);
        const char *name = tsn_json_str(cwe, "name", id ? tsn_csaf_cwe_name(id) : NULL);
        if (!id || !name) {
            continue;
        }
        json_t *c = json_pack("{s:s,s:s}", "id", id, "name", name);
        if (version != TSN_CSAF_20) {
            tsn_render_put(c, "version",
                           tsn_json_str(cwe, "version", tsn_csaf_cwe_version(id, name)));
        }
        json_array_append_new(out, c);
    }
    if (version != TSN_CSAF_20) {
        tsn_render_put_list(o, "cwes", json_incref(out));
    } else if (json_array_size(out) > 0) {
        json_object_set(o, "cwe", json_array_get(out, 0));
    }
    json_decref(out);
    json_decref(list);
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

static json_t *product_status(const json_t *vuln, json_t *every, enum tsn_csaf_version version)
{
    json_t *out = json_object();
    const char *key;
    json_t *list;
    json_object_foreach(json_object_get(vuln, "status"), key, list)
    {
        if (json_array_size(list) > 0) {
            bool unknown = version == TSN_CSAF_20 && strcmp(key, "unknown") == 0;
            const char *as = unknown ? "under_investigation" : key;
            json_t *there = json_object_get(out, as);
            if (there) {
                json_array_extend(there, list);
            } else {
                json_object_set_new(out, as, json_deep_copy(list));
            }
        }
    }
    if (json_object_size(out) == 0 && json_array_size(every) > 0) {
        json_object_set_new(out, "known_affected", json_copy(every));
    }
    return out;
}

/* 2.1 has none_available only where there is no other remediation for the product. Where there is,
 * the sentence becomes a note about the product, so nothing is lost. */
static void exclusive(json_t *remediations, json_t *notes)
{
    size_t i, k;
    json_t *r, *id;
    json_t *others = json_object();
    json_array_foreach(remediations, i, r)
    {
        bool none = strcmp(tsn_json_str(r, "category", ""), "none_available") == 0;
        json_array_foreach(none ? NULL : json_object_get(r, "product_ids"), k, id)
        {
            json_object_set_new(others, json_string_value(id), json_true());
        }
    }
    for (i = 0; i < json_array_size(remediations);) {
        r = json_array_get(remediations, i);
        json_t *keep = json_array(), *gone = json_array();
        bool none = strcmp(tsn_json_str(r, "category", ""), "none_available") == 0;
        json_array_foreach(none ? json_object_get(r, "product_ids") : NULL, k, id)
        {
            json_array_append(json_object_get(others, json_string_value(id)) ? gone : keep, id);
        }
        if (json_array_size(gone) > 0) {
            json_t *n =
                tsn_render_note("details", "No fix available", tsn_json_str(r, "details", "-"));
            json_object_set(n, "product_ids", gone);
            json_array_append_new(notes, n);
            json_object_set(r, "product_ids", keep);
        }
        if (json_array_size(gone) > 0 && json_array_size(keep) == 0) {
            json_array_remove(remediations, i);
        } else {
            i++;
        }
        json_decref(keep);
        json_decref(gone);
    }
    json_decref(others);
}

/* Members that are the same in both versions, or in 2.1 only. */
static void copies(json_t *o, const json_t *vuln, enum tsn_csaf_version version)
{
    static const struct {
        const char *key;
        bool only21;
    } members[] = {{"involvements", false}, {"first_known_exploitation_dates", true}};
    for (size_t k = 0; k < sizeof members / sizeof members[0]; k++) {
        json_t *list = json_object_get(vuln, members[k].key);
        if (json_array_size(list) > 0 && (version != TSN_CSAF_20 || !members[k].only21)) {
            json_object_set_new(o, members[k].key, json_deep_copy(list));
        }
    }
    const char *shown =
        tsn_json_str(vuln, "disclosure_date", tsn_json_str(vuln, "release_date", NULL));
    tsn_render_put(o, version != TSN_CSAF_20 ? "disclosure_date" : "release_date", shown);
}

tsn_err tsn_render_vulnerability(const json_t *vuln, json_t *every, const char *fallback,
                                 enum tsn_csaf_version version, json_t **out,
                                 struct tsn_diag *diag)
{
    json_t *o = json_object(), *status = product_status(vuln, every, version);
    json_t *affected = affected_of(status), *list = json_array(), *notes = json_array();
    json_t *spared = json_object_get(status, "known_not_affected");
    *out = o;
    tsn_render_put(o, "cve", tsn_json_str(vuln, "cve", NULL));
    tsn_render_put(o, "title", tsn_json_str(vuln, "title", NULL));
    tsn_render_put(o, "discovery_date", tsn_json_str(vuln, "discovery_date", NULL));
    put_cwes(o, vuln, version);
    copies(o, vuln, version);
    tsn_render_put_list(o, "ids", tsn_render_list(json_object_get(vuln, "ids")));
    tsn_render_notes(notes, json_object_get(vuln, "description"), "description", "Description");
    tsn_render_notes(notes, json_object_get(vuln, "notes"), "details", NULL);
    if (json_array_size(notes) == 0) {
        json_array_append_new(notes, tsn_render_note("summary", "Summary",
                                                     tsn_json_str(vuln, "title", fallback)));
    }
    struct measured m = {.list = list, .notes = notes, .version = version};
    tsn_err err = scores(vuln, affected, &m, diag);
    json_t *remediations = statements(vuln, "remediations", affected, version);
    if (version == TSN_CSAF_21) {
        exclusive(remediations, notes);
    }
    json_object_set_new(o, "notes", notes);
    tsn_render_put_list(o, version != TSN_CSAF_20 ? "metrics" : "scores", list);
    tsn_render_put_list(o, "remediations", remediations);
    tsn_render_put_list(o, "threats", statements(vuln, "threats", affected, version));
    tsn_render_put_list(o, "flags",
                        statements(vuln, "flags", spared ? spared : affected, version));
    tsn_render_put_list(o, "references",
                        tsn_render_references(json_object_get(vuln, "references")));
    tsn_render_put_list(o, "acknowledgments",
                        tsn_render_acks(json_object_get(vuln, "acknowledgments")));
    json_decref(affected);
    if (json_object_size(status) > 0) {
        json_object_set_new(o, "product_status", status);
    } else {
        json_decref(status);
    }
    return err;
}
