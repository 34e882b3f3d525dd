/* csaf_tests21_tree.c - product trees of CSAF 2.1: references of paths, branch rules, ranges,
 * package URLs, stars. Pure. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include "advisory/csaf_check21.h"
#include "advisory/csaf_view.h"
#include "core/buf.h"
#include "core/json.h"

#define AT(at, ...)  (void)snprintf(at, sizeof at, __VA_ARGS__)
#define DEPTH_MAX    30 /* 6.1.34 */
#define PATHS_WALKED 4096

/* --- product paths ------------------------------------------------------------------------- */

static const json_t *path_of(const struct tsn_csaf_check *c, const char *id)
{
    size_t i;
    json_t *p;
    json_array_foreach(json_object_get(c->tree, "product_paths"), i, p)
    {
        const json_t *full = json_object_get(p, "full_product_name");
        if (strcmp(tsn_json_str(full, "product_id", ""), id) == 0) {
            return p;
        }
    }
    return NULL;
}

/* Does the path of `id` lead back to `goal`? `left` bounds the walk. */
static bool leads_to(const struct tsn_csaf_check *c, const char *id, const char *goal,
                     int depth, size_t *left)
{
    const json_t *p = path_of(c, id);
    if (!p || depth > DEPTH_MAX || *left == 0) {
        return false;
    }
    (*left)--;
    const char *start = tsn_json_str(p, "beginning_product_reference", "");
    if (strcmp(start, goal) == 0 || leads_to(c, start, goal, depth + 1, left)) {
        return true;
    }
    size_t i;
    json_t *s;
    json_array_foreach(json_object_get(p, "subpaths"), i, s)
    {
        const char *next = tsn_json_str(s, "next_product_reference", "");
        if (strcmp(next, goal) == 0 || leads_to(c, next, goal, depth + 1, left)) {
            return true;
        }
    }
    return false;
}

static void paths(struct tsn_csaf_check *c)
{
    size_t i, k, left = PATHS_WALKED;
    json_t *p, *s;
    char at[160];
    json_array_foreach(json_object_get(c->tree, "product_paths"), i, p)
    {
        json_array_foreach(json_object_get(p, "subpaths"), k, s)
        {
            const char *id = tsn_json_str(s, "next_product_reference", NULL);
            AT(at, "/product_tree/product_paths/%zu/subpaths/%zu/next_product_reference", i, k);
            if (k > 0 && id && !json_object_get(c->ids, id)) {
                tsn_csaf_find(c, "6.1.1", at, "product id \"%.100s\" is not defined", id);
            }
        }
        const char *own =
            tsn_json_str(json_object_get(p, "full_product_name"), "product_id", NULL);
        if (own && leads_to(c, own, own, 0, &left)) {
            AT(at, "/product_tree/product_paths/%zu", i);
            tsn_csaf_find(c, "6.1.3", at, "product \"%.100s\" is defined by itself", own);
        }
    }
}

/* Ids that 2.1 allows in more places. */
static void ids_defined(struct tsn_csaf_check *c, const json_t *item, const char *at)
{
    size_t i;
    json_t *id;
    char where[256];
    json_array_foreach(json_object_get(item, "product_ids"), i, id)
    {
        const char *s = json_string_value(id);
        if (s && !json_object_get(c->ids, s)) {
            AT(where, "%s/product_ids/%zu", at, i);
            tsn_csaf_find(c, "6.1.1", where, "product id \"%.100s\" is not defined", s);
        }
    }
    json_array_foreach(json_object_get(item, "group_ids"), i, id)
    {
        const char *s = json_string_value(id);
        if (s && !json_object_get(c->groups, s)) {
            AT(where, "%s/group_ids/%zu", at, i);
            tsn_csaf_find(c, "6.1.4", where, "product group \"%.100s\" is not defined", s);
        }
    }
}

static void new_references(struct tsn_csaf_check *c)
{
    static const char *const lists[] = {"first_known_exploitation_dates", "ids", "involvements",
                                        "notes"};
    size_t v, i;
    json_t *vuln, *item, *id;
    char at[128];
    json_array_foreach(json_object_get(c->document, "notes"), i, item)
    {
        AT(at, "/document/notes/%zu", i);
        ids_defined(c, item, at);
    }
    json_array_foreach(c->vulns, v, vuln)
    {
        for (size_t l = 0; l < sizeof lists / sizeof lists[0]; l++) {
            json_array_foreach(json_object_get(vuln, lists[l]), i, item)
            {
                AT(at, "/vulnerabilities/%zu/%s/%zu", v, lists[l], i);
                ids_defined(c, item, at);
            }
        }
        json_array_foreach(json_object_get(json_object_get(vuln, "product_status"), "unknown"),
                           i, id)
        {
            const char *s = json_string_value(id);
            if (s && !json_object_get(c->ids, s)) {
                AT(at, "/vulnerabilities/%zu/product_status/unknown/%zu", v, i);
                tsn_csaf_find(c, "6.1.1", at, "product id \"%.100s\" is not defined", s);
            }
        }
    }
}

/* --- branches ------------------------------------------------------------------------------ */

/* A version range: vers:SCHEME/constraints, or the constraints alone (a vers-like one). */
static const char *range_wrong(const char *name)
{
    const char *p = name;
    bool vers = strncmp(name, "vers:", 5) == 0;
    if (vers) {
        size_t n = strspn(name + 5, "abcdefghijklmnopqrstuvwxyz0123456789.-+");
        if (n == 0 || name[5 + n] != '/') {
            return "names no version scheme";
        }
        p = name + 5 + n + 1;
        if (strcmp(p, "*") == 0) {
            return NULL;
        }
        if (n == 3 && strncmp(name + 5, "all", 3) == 0) {
            return "of scheme all may only be vers:all/*";
        }
    }
    for (;;) {
        size_t op = strspn(p, "<>=!"), n = strcspn(p, "|");
        bool known = op == 0 || (op == 1 && *p != '!') || (op == 2 && p[1] == '=' && *p != '=');
        if (!known || n == op || (op == 0 && !vers)) {
            return "has a constraint that is not operator and version";
        }
        if (memchr(p, ' ', n) || strcspn(p + op, "<>=!*") < n - op) {
            return "has characters that must be percent-encoded";
        }
        if (p[n] == '\0') {
            return NULL;
        }
        p += n + 1;
    }
}

static void one_branch(struct tsn_csaf_check *c, const json_t *b, const char *at)
{
    const char *name = tsn_json_str(b, "name", "");
    if (strcmp(tsn_json_str(b, "category", ""), "product_version_range") != 0) {
        return;
    }
    const char *wrong = range_wrong(name);
    if (wrong) {
        tsn_csaf_find(c, "6.1.50", at, "the version range \"%.100s\" %s", name, wrong);
        return;
    }
    json_t *bounds = tsn_view_range(name);
    const char *op = tsn_json_str(json_array_get(bounds, 0), "op", "");
    if (json_array_size(bounds) == 1 && strcmp(op, "=") == 0) {
        tsn_csaf_find(c, "6.1.59", at, "the range \"%.100s\" is a single version", name);
    }
    json_decref(bounds);
}

struct trail {
    const struct trail *up;
    const char *category;
};

static void branches(struct tsn_csaf_check *c, const json_t *list, const char *pointer,
                     const struct trail *up, int depth)
{
    size_t i;
    json_t *b;
    json_array_foreach(list, i, b)
    {
        struct tsn_buf at;
        tsn_buf_init(&at, 1u << 16);
        tsn_buf_printf(&at, "%s/%zu", pointer, i);
        const struct trail here = {.up = up, .category = tsn_json_str(b, "category", "")};
        bool family = strcmp(here.category, "product_family") == 0, version = false,
             range = false, stacked = false;
        for (const struct trail *t = up; t; t = t->up) {
            stacked = stacked || (!family && strcmp(t->category, here.category) == 0);
            version = version || strcmp(t->category, "product_version") == 0;
            range = range || strcmp(t->category, "product_version_range") == 0;
        }
        if (stacked) {
            tsn_csaf_find(c, "6.1.57", at.data, "category %.40s is there twice on the path",
                          here.category);
        }
        if ((version && strcmp(here.category, "product_version_range") == 0) ||
            (range && strcmp(here.category, "product_version") == 0)) {
            tsn_csaf_find(c, "6.1.58", at.data,
                          "product_version and product_version_range are on one path");
        }
        if (depth > DEPTH_MAX) {
            tsn_csaf_find(c, "6.1.34", at.data, "branches are deeper than %d", DEPTH_MAX);
        }
        one_branch(c, b, at.data);
        tsn_buf_puts(&at, "/branches");
        branches(c, json_object_get(b, "branches"), at.data, &here, depth + 1);
        tsn_buf_free(&at);
    }
}

/* --- identification helpers ---------------------------------------------------------------- */

/* More than one star that is no text; `\*` is. */
static bool many_stars(const char *s)
{
    size_t n = 0;
    for (; *s; s++) {
        if (*s == '\\' && s[1]) {
            s++;
        } else {
            n += *s == '*';
        }
    }
    return n > 1;
}

static void stars(struct tsn_csaf_check *c, const json_t *helper, const char *key,
                  const char *test, const char *pointer)
{
    size_t i;
    json_t *s;
    json_array_foreach(json_object_get(helper, key), i, s)
    {
        if (json_is_string(s) && many_stars(json_string_value(s))) {
            tsn_csaf_find(c, test, pointer, "\"%.100s\" has more than one star",
                          json_string_value(s));
        }
    }
}

/* Types whose package URLs have no namespace. */
static bool wrong_namespace(const char *purl)
{
    static const char *const types[] = {"bitnami", "cargo", "cocoapods", "cran",  "gem",
                                        "hackage", "julia", "mlflow",    "nuget", "oci",
                                        "opam",    "otp",   "pub",       "pypi"};
    const char *slash = strchr(purl, '/');
    size_t n = slash ? (size_t)(slash - purl) - 4 : 0;
    if (!slash) {
        return false;
    }
    slash += strspn(slash, "/");
    size_t name = strcspn(slash, "@?#"), space = strcspn(slash, "/");
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strlen(types[i]) == n && strncmp(purl + 4, types[i], n) == 0 && space < name) {
            return true;
        }
    }
    return false;
}

/* Without qualifiers and subpath. */
static size_t purl_core(const char *s)
{
    return strcspn(s, "?#");
}

static void helper(struct tsn_csaf_check *c, const json_t *product, const char *pointer)
{
    const json_t *h = json_object_get(product, "product_identification_helper");
    const json_t *purls = json_object_get(h, "purls");
    const char *first = json_string_value(json_array_get(purls, 0));
    size_t i;
    json_t *p;
    json_array_foreach(purls, i, p)
    {
        const char *s = json_string_value(p);
        if (s && (!tsn_csaf_is_purl(s) || wrong_namespace(s))) {
            tsn_csaf_find(c, "6.1.13", pointer, "\"%.160s\" is not a package URL", s);
        }
        if (s && first &&
            (purl_core(s) != purl_core(first) || strncmp(s, first, purl_core(s)) != 0)) {
            tsn_csaf_find(
                c, "6.1.42", pointer,
                "\"%.100s\" differs from the first package URL in more than qualifiers", s);
        }
    }
    stars(c, h, "model_numbers", "6.1.43", pointer);
    stars(c, h, "serial_numbers", "6.1.44", pointer);
    stars(c, h, "skus", "6.1.61", pointer);
}

void tsn_csaf_tests21_tree(struct tsn_csaf_check *c)
{
    paths(c);
    new_references(c);
    branches(c, json_object_get(c->tree, "branches"), "/product_tree/branches", NULL, 1);
    tsn_csaf_products(c, helper);
}
