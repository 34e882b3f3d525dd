/* csaf_check.c - is this a valid CSAF 2.0 document? Schema and the mandatory tests 6.1.1-6.1.33.
 *
 * Collects what all groups of tests need (product ids, groups), runs them, returns findings.
 * Every function copes with any JSON: a wrong type is the schema's finding, never a crash.
 * Pure; any thread. */
#include "advisory/csaf_check.h"
#include "advisory/csaf_check21.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "advisory/advisory.h"
#include "core/json.h"

void tsn_csaf_find(struct tsn_csaf_check *c, const char *test, const char *pointer,
                   const char *fmt, ...)
{
    c->last = NULL;
    if (json_array_size(c->findings) >= c->limit) {
        c->dropped++;
        return;
    }
    char message[512];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(message, sizeof message, fmt, ap);
    va_end(ap);
    /* A cut may fall into a character; what is not UTF-8 would be refused by jansson. */
    if (n >= (int)sizeof message) {
        n = (int)sizeof message - 1;
    }
    json_t *text = NULL;
    for (; n >= 0 && !text; n--) {
        text = json_stringn(message, (size_t)n);
    }
    json_t *f = json_object();
    json_object_set_new(f, "test", json_string(test));
    json_object_set_new(f, "pointer", json_string(pointer));
    json_object_set_new(f, "message", text ? text : json_string("?"));
    json_array_append_new(c->findings, f);
    c->last = f;
}

void tsn_csaf_fix(struct tsn_csaf_check *c, const char *op, const char *path, json_t *value)
{
    if (!c->last) {
        json_decref(value);
        return;
    }
    json_t *fix = json_object();
    json_object_set_new(fix, "op", json_string(op));
    json_object_set_new(fix, "path", json_string(path));
    if (value) {
        json_object_set_new(fix, "value", value);
    }
    json_object_set_new(c->last, "fix", fix);
}

static void walk_branches(struct tsn_csaf_check *c, const json_t *branches, const char *pointer,
                          tsn_csaf_product_fn *fn)
{
    size_t i;
    json_t *b;
    json_array_foreach(branches, i, b)
    {
        struct tsn_buf at;
        tsn_buf_init(&at, 8192);
        tsn_buf_printf(&at, "%s/%zu", pointer, i);
        size_t len = at.len;
        const json_t *product = json_object_get(b, "product");
        if (product) {
            tsn_buf_puts(&at, "/product");
            fn(c, product, at.data);
            at.len = len;
            at.data[len] = '\0';
        }
        tsn_buf_puts(&at, "/branches");
        walk_branches(c, json_object_get(b, "branches"), at.data, fn);
        tsn_buf_free(&at);
    }
}

void tsn_csaf_products(struct tsn_csaf_check *c, tsn_csaf_product_fn *fn)
{
    char at[128];
    size_t i;
    json_t *item;
    walk_branches(c, json_object_get(c->tree, "branches"), "/product_tree/branches", fn);
    json_array_foreach(json_object_get(c->tree, "full_product_names"), i, item)
    {
        snprintf(at, sizeof at, "/product_tree/full_product_names/%zu", i);
        fn(c, item, at);
    }
    static const char *const joined[] = {"relationships", "product_paths"};
    for (size_t k = 0; k < 2; k++) {
        bool both = k == 1 && json_object_get(c->tree, joined[0]); /* a view of 2.1 has both */
        json_array_foreach(both ? NULL : json_object_get(c->tree, joined[k]), i, item)
        {
            snprintf(at, sizeof at, "/product_tree/%s/%zu/full_product_name", joined[k], i);
            fn(c, json_object_get(item, "full_product_name"), at);
        }
    }
}

static void add_ids(json_t *set, const json_t *list)
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

void tsn_csaf_refs(struct tsn_csaf_check *c, const json_t *obj, json_t *set)
{
    add_ids(set, json_object_get(obj, "product_ids"));
    size_t i;
    json_t *group;
    json_array_foreach(json_object_get(obj, "group_ids"), i, group)
    {
        if (json_is_string(group)) {
            add_ids(set, json_object_get(c->groups, json_string_value(group)));
        }
    }
}

static void count_product(struct tsn_csaf_check *c, const json_t *product, const char *pointer)
{
    (void)pointer;
    const char *id = tsn_json_str(product, "product_id", NULL);
    if (id) {
        json_object_set_new(c->ids, id, json_integer(tsn_json_int(c->ids, id, 0) + 1));
    }
}

static void collect(struct tsn_csaf_check *c)
{
    c->document = json_object_get(c->doc, "document");
    c->tracking = json_object_get(c->document, "tracking");
    c->tree = json_object_get(c->doc, "product_tree");
    c->vulns = json_object_get(c->doc, "vulnerabilities");
    c->category = tsn_json_str(c->document, "category", "");
    c->status = tsn_json_str(c->tracking, "status", "");
    tsn_csaf_products(c, count_product);
    size_t i;
    json_t *group;
    json_array_foreach(json_object_get(c->tree, "product_groups"), i, group)
    {
        const char *id = tsn_json_str(group, "group_id", NULL);
        json_t *members = json_object_get(group, "product_ids");
        if (id && members && !json_object_get(c->groups, id)) {
            json_object_set(c->groups, id, members);
        }
    }
}

void tsn_csaf_begin(struct tsn_csaf_check *c, const json_t *doc)
{
    *c = (struct tsn_csaf_check){.doc = doc,
                                 .findings = json_array(),
                                 .ids = json_object(),
                                 .groups = json_object(),
                                 .limit = TSN_CSAF_FINDINGS_MAX};
    collect(c);
}

void tsn_csaf_mandatory(struct tsn_csaf_check *c)
{
    if (tsn_csaf_is_21(c->doc)) {
        tsn_csaf_mandatory21(c);
        return;
    }
    tsn_csaf_schema(c);
    tsn_csaf_tests_ids(c);
    tsn_csaf_tests_product(c);
    tsn_csaf_tests_score(c);
    tsn_csaf_tests_version(c);
    tsn_csaf_tests_profile(c);
}

json_t *tsn_csaf_end(struct tsn_csaf_check *c)
{
    json_decref(c->ids);
    json_decref(c->groups);
    return c->findings;
}

tsn_err tsn_csaf_check(const json_t *doc, json_t **findings)
{
    struct tsn_csaf_check c;
    tsn_csaf_begin(&c, doc);
    tsn_csaf_mandatory(&c);
    *findings = tsn_csaf_end(&c);
    return 0;
}
