/* csaf_optional_product.c - optional tests about products and their vulnerabilities: 6.2.1-3,
 * 16-19. A finding is a warning. Pure. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include "advisory/csaf_check.h"
#include "casework/cvss.h"
#include "core/buf.h"
#include "core/json.h"

#define AT(at, ...) snprintf(at, sizeof at, __VA_ARGS__)
#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static const char *const affected[] = {"first_affected", "known_affected", "last_affected"};

static void add_list(json_t *set, const json_t *list)
{
    size_t i;
    json_t *id;
    json_array_foreach(list, i, id)
    {
        if (json_is_string(id)) {
            json_object_set_new(set, json_string_value(id), json_true());
        }
    }
}

/* --- 6.2.1 ------------------------------------------------------------------------------- */

static void used_by_tree(const struct tsn_csaf_check *c, json_t *used)
{
    static const char *const ends[] = {"product_reference", "relates_to_product_reference"};
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(c->tree, "product_groups"), i, item)
    {
        add_list(used, json_object_get(item, "product_ids"));
    }
    json_array_foreach(json_object_get(c->tree, "relationships"), i, item)
    {
        for (size_t k = 0; k < COUNT(ends); k++) {
            const char *id = tsn_json_str(item, ends[k], NULL);
            if (id) {
                json_object_set_new(used, id, json_true());
            }
        }
    }
}

static void used_by_vulnerability(const json_t *vuln, json_t *used)
{
    static const char *const lists[] = {"flags", "remediations", "threats"};
    const char *key;
    size_t i;
    json_t *item;
    json_object_foreach(json_object_get(vuln, "product_status"), key, item)
    {
        add_list(used, item);
    }
    json_array_foreach(json_object_get(vuln, "scores"), i, item)
    {
        add_list(used, json_object_get(item, "products"));
    }
    for (size_t k = 0; k < COUNT(lists); k++) {
        json_array_foreach(json_object_get(vuln, lists[k]), i, item)
        {
            add_list(used, json_object_get(item, "product_ids"));
        }
    }
}

/* What nothing refers to was taken out of the ids' counts: left are 0. */
static void one_unused(struct tsn_csaf_check *c, const json_t *product, const char *pointer)
{
    const char *id = tsn_json_str(product, "product_id", NULL);
    if (id && tsn_json_int(c->ids, id, 0) > 0) {
        struct tsn_buf at;
        tsn_buf_init(&at, 8192);
        tsn_buf_printf(&at, "%s/product_id", pointer);
        tsn_csaf_find(c, "6.2.1", at.data, "nothing refers to product \"%.100s\"", id);
        tsn_buf_free(&at);
    }
}

static void unused(struct tsn_csaf_check *c)
{
    if (strcmp(c->category, "csaf_informational_advisory") == 0) {
        return;
    }
    json_t *used = json_object(), *all = c->ids, *vuln, *ignored;
    const char *id;
    size_t v;
    used_by_tree(c, used);
    json_array_foreach(c->vulns, v, vuln)
    {
        used_by_vulnerability(vuln, used);
    }
    c->ids = json_copy(all);
    json_object_foreach(used, id, ignored)
    {
        json_object_del(c->ids, id);
    }
    tsn_csaf_products(c, one_unused);
    json_decref(c->ids);
    c->ids = all;
    json_decref(used);
}

/* --- 6.2.2 and 6.2.3 --------------------------------------------------------------------- */

static void lacks(struct tsn_csaf_check *c, const json_t *vuln, size_t v, const char *status,
                  const json_t *set, const char *test, const char *what)
{
    size_t i;
    json_t *id;
    json_array_foreach(json_object_get(json_object_get(vuln, "product_status"), status), i, id)
    {
        const char *s = json_string_value(id);
        if (s && !json_object_get(set, s)) {
            char at[128];
            AT(at, "/vulnerabilities/%zu/product_status/%s/%zu", v, status, i);
            tsn_csaf_find(c, test, at, "product \"%.100s\" has no %s", s, what);
        }
    }
}

static void no_remediation(struct tsn_csaf_check *c)
{
    size_t v, i;
    json_t *vuln, *item;
    json_array_foreach(c->vulns, v, vuln)
    {
        json_t *set = json_object();
        json_array_foreach(json_object_get(vuln, "remediations"), i, item)
        {
            tsn_csaf_refs(c, item, set);
        }
        for (size_t k = 0; k < COUNT(affected); k++) {
            lacks(c, vuln, v, affected[k], set, "6.2.2", "remediation");
        }
        lacks(c, vuln, v, "under_investigation", set, "6.2.2", "remediation");
        json_decref(set);
    }
}

static void no_score(struct tsn_csaf_check *c)
{
    size_t v, i;
    json_t *vuln, *item;
    json_array_foreach(c->vulns, v, vuln)
    {
        json_t *set = json_object();
        json_array_foreach(json_object_get(vuln, "scores"), i, item)
        {
            add_list(set, json_object_get(item, "products"));
        }
        for (size_t k = 0; k < COUNT(affected); k++) {
            lacks(c, vuln, v, affected[k], set, "6.2.3", "score");
        }
        json_decref(set);
    }
}

/* --- 6.2.16 to 6.2.18 -------------------------------------------------------------------- */

static void one_helper(struct tsn_csaf_check *c, const json_t *product, const char *pointer)
{
    if (json_is_object(product) && !json_object_get(product, "product_identification_helper")) {
        tsn_csaf_find(c, "6.2.16", pointer,
                      "product \"%.100s\" has no product_identification_helper",
                      tsn_json_str(product, "product_id", ""));
    }
}

static void no_helper(struct tsn_csaf_check *c)
{
    tsn_csaf_products(c, one_helper);
}

static void cve_as_id(struct tsn_csaf_check *c)
{
    size_t v, i;
    json_t *vuln, *item;
    json_array_foreach(c->vulns, v, vuln)
    {
        json_array_foreach(json_object_get(vuln, "ids"), i, item)
        {
            const char *text = tsn_json_str(item, "text", "");
            if (!tsn_csaf_is_cve(text)) {
                continue;
            }
            char at[96];
            AT(at, "/vulnerabilities/%zu/ids/%zu", v, i);
            tsn_csaf_find(c, "6.2.17", at, "%.40s belongs into the member cve", text);
            /* Said already: this item can go, the list with its last item. */
            if (strcmp(tsn_json_str(vuln, "cve", ""), text) == 0) {
                if (json_array_size(json_object_get(vuln, "ids")) == 1) {
                    AT(at, "/vulnerabilities/%zu/ids", v);
                }
                tsn_csaf_fix(c, "remove", at, NULL);
            }
        }
    }
}

/* vers:TYPE/CONSTRAINTS, as far as the standard asks. */
static bool is_vers(const char *name)
{
    if (strncmp(name, "vers:", 5) != 0) {
        return false;
    }
    const char *p = name + 5;
    for (; islower((unsigned char)*p) || strchr("0123456789.-+", *p); p++) {
        if (!*p || (p == name + 5 && isdigit((unsigned char)*p))) {
            return false;
        }
    }
    return p > name + 5 && p[0] == '/' && p[1];
}

static void ranges(struct tsn_csaf_check *c, const json_t *branches, const char *pointer)
{
    size_t i;
    json_t *b;
    json_array_foreach(branches, i, b)
    {
        struct tsn_buf at;
        tsn_buf_init(&at, 8192);
        tsn_buf_printf(&at, "%s/%zu", pointer, i);
        size_t len = at.len;
        const char *name = tsn_json_str(b, "name", "");
        if (strcmp(tsn_json_str(b, "category", ""), "product_version_range") == 0 &&
            !is_vers(name)) {
            tsn_buf_puts(&at, "/name");
            tsn_csaf_find(c, "6.2.18", at.data, "\"%.100s\" is not a vers: range", name);
            at.len = len;
            at.data[len] = '\0';
        }
        tsn_buf_puts(&at, "/branches");
        ranges(c, json_object_get(b, "branches"), at.data);
        tsn_buf_free(&at);
    }
}

static void range_without_vers(struct tsn_csaf_check *c)
{
    ranges(c, json_object_get(c->tree, "branches"), "/product_tree/branches");
}

/* --- 6.2.19 ------------------------------------------------------------------------------ */

/* The environmental score in tenths: as stated, else from the vector completed with the metrics
 * that only stand beside it. -1 = none follows. */
static int environmental(const json_t *cvss)
{
    const json_t *said = json_object_get(cvss, "environmentalScore");
    const char *vector = tsn_json_str(cvss, "vectorString", "");
    struct tsn_cvss v;
    if (json_is_number(said)) {
        return (int)(json_number_value(said) * 10.0 + 0.5);
    }
    if (tsn_cvss_parse(vector, &v, NULL)) {
        return -1;
    }
    tsn_csaf_complete(cvss, &v);
    return v.environmental;
}

/* One score against the products of a status that means fixed. */
static void fixed_score(struct tsn_csaf_check *c, const json_t *cvss, const json_t *products,
                        const json_t *status, size_t v, const char *score)
{
    static const char *const fixed[] = {"first_fixed", "fixed"};
    if (!cvss || environmental(cvss) == 0) {
        return;
    }
    json_t *set = json_object();
    add_list(set, products);
    for (size_t k = 0; k < COUNT(fixed); k++) {
        size_t i;
        json_t *id;
        json_array_foreach(json_object_get(status, fixed[k]), i, id)
        {
            const char *s = json_string_value(id);
            if (s && json_object_get(set, s)) {
                char at[96];
                AT(at, "/vulnerabilities/%zu/product_status/%s/%zu", v, fixed[k], i);
                tsn_csaf_find(c, "6.2.19", at,
                              "product \"%.100s\" is fixed, but the environmental score of %s "
                              "is not 0",
                              s, score);
            }
        }
    }
    json_decref(set);
}

static void fixed_with_score(struct tsn_csaf_check *c)
{
    static const char *const kinds[] = {"cvss_v2", "cvss_v3"};
    size_t v, i;
    json_t *vuln, *score;
    json_array_foreach(c->vulns, v, vuln)
    {
        const json_t *status = json_object_get(vuln, "product_status");
        json_array_foreach(json_object_get(vuln, "scores"), i, score)
        {
            for (size_t k = 0; k < COUNT(kinds); k++) {
                char where[64];
                AT(where, "scores/%zu/%s", i, kinds[k]);
                fixed_score(c, json_object_get(score, kinds[k]),
                            json_object_get(score, "products"), status, v, where);
            }
        }
    }
}

const struct tsn_csaf_test tsn_csaf_optional_product[] = {
    {"6.2.1", unused},
    {"6.2.2", no_remediation},
    {"6.2.3", no_score},
    {"6.2.16", no_helper},
    {"6.2.17", cve_as_id},
    {"6.2.18", range_without_vers},
    {"6.2.19", fixed_with_score},
    {NULL, NULL},
};
