/* csaf_check21.c - judges CSAF 2.1 documents.
 *
 * Most tests of 2.1 are those of 2.0 with other names, so they run over a view of the document
 * that has the names of 2.0, item for item in the same places; pointers of their findings are put
 * back into 2.1. What is new or changed runs over the document itself. Pure; any thread. */
#include "advisory/csaf_check21.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "advisory/csaf_shape.h"
#include "core/buf.h"
#include "core/json.h"

bool tsn_csaf_is_21(const json_t *doc)
{
    const json_t *d = json_object_get(doc, "document");
    return strcmp(tsn_json_str(d, "csaf_version", ""), "2.1") == 0;
}

bool tsn_csaf_newest(const struct tsn_csaf_check *c, int64_t *sec, int64_t *nsec)
{
    size_t i;
    json_t *item;
    bool any = false;
    json_array_foreach(json_object_get(c->tracking, "revision_history"), i, item)
    {
        int64_t s, n;
        if (tsn_csaf_time(tsn_json_str(item, "date", ""), &s, &n) &&
            (!any || s > *sec || (s == *sec && n > *nsec))) {
            *sec = s;
            *nsec = n;
            any = true;
        }
    }
    return any;
}

bool tsn_csaf_past(const char *when, int64_t sec, int64_t nsec)
{
    int64_t s, n;
    return tsn_csaf_time(when, &s, &n) && (s > sec || (s == sec && n > nsec));
}

/* --- the view ----------------------------------------------------------------------------- */

static json_t *relations(const json_t *paths)
{
    json_t *out = json_array(), *p;
    size_t i;
    json_array_foreach(paths, i, p)
    {
        const json_t *first = json_array_get(json_object_get(p, "subpaths"), 0);
        json_t *r = json_object();
        static const char *const from[] = {"category", "next_product_reference"};
        static const char *const to[] = {"category", "relates_to_product_reference"};
        for (size_t k = 0; k < 2; k++) {
            json_t *v = json_object_get(first, from[k]);
            if (v) {
                json_object_set(r, to[k], v);
            }
        }
        json_t *start = json_object_get(p, "beginning_product_reference");
        json_t *full = json_object_get(p, "full_product_name");
        if (start) {
            json_object_set(r, "product_reference", start);
        }
        if (full) {
            json_object_set(r, "full_product_name", full);
        }
        json_array_append_new(out, r);
    }
    return out;
}

static json_t *vulnerabilities(const json_t *list)
{
    json_t *out = json_array(), *v, *m;
    size_t i, k;
    json_array_foreach(list, i, v)
    {
        json_t *copy = json_is_object(v) ? json_copy(v) : json_object();
        json_t *scores = json_array();
        json_array_foreach(json_object_get(v, "metrics"), k, m)
        {
            json_t *content = json_object_get(m, "content");
            json_t *score = json_is_object(content) ? json_copy(content) : json_object();
            json_t *products = json_object_get(m, "products");
            json_object_del(score, "epss");
            if (products) {
                json_object_set(score, "products", products);
            }
            json_array_append_new(scores, score);
        }
        json_t *weakness = json_array_get(json_object_get(v, "cwes"), 0);
        if (weakness) {
            json_object_set(copy, "cwe", weakness);
        }
        json_object_set_new(copy, "scores", scores);
        json_object_del(copy, "metrics");
        json_array_append_new(out, copy);
    }
    return out;
}

static json_t *view_of(const json_t *doc)
{
    json_t *view = json_is_object(doc) ? json_deep_copy(doc) : json_object();
    json_t *tree = json_object_get(doc, "product_tree");
    json_t *vulns = json_object_get(doc, "vulnerabilities");
    if (json_is_object(tree)) {
        json_t *copy = json_copy(tree);
        json_object_set_new(copy, "relationships",
                            relations(json_object_get(tree, "product_paths")));
        json_object_set_new(view, "product_tree", copy);
    }
    if (json_is_array(vulns)) {
        json_object_set_new(view, "vulnerabilities", vulnerabilities(vulns));
    }
    return view;
}

/* /vulnerabilities/0/scores/1/cvss_v3 -> /vulnerabilities/0/metrics/1/content/cvss_v3, and
 * /product_tree/relationships -> product_paths. */
static json_t *pointer21(const char *p)
{
    struct tsn_buf b;
    tsn_buf_init(&b, 1u << 16);
    tsn_buf_puts(&b, "");
    const char *scores = strstr(p, "/scores/"), *related = strstr(p, "/relationships/");
    if (scores) {
        const char *rest = strchr(scores + 8, '/');
        rest = rest ? rest : scores + strlen(scores);
        tsn_buf_put(&b, p, (size_t)(scores - p));
        tsn_buf_printf(&b, "/metrics/%.*s%s%s", (int)(rest - scores - 8), scores + 8,
                       strncmp(rest, "/cvss", 5) == 0 ? "/content" : "", rest);
    } else if (related) {
        tsn_buf_put(&b, p, (size_t)(related - p));
        tsn_buf_printf(&b, "/product_paths/%s", related + 15);
    } else {
        tsn_buf_puts(&b, p);
    }
    json_t *out = json_string(b.data);
    tsn_buf_free(&b);
    return out;
}

/* Tests of 2.0 that 2.1 words anew; they run over the document itself. */
static bool changed(const char *test)
{
    static const char *const ids[] = {"6.1.7", "6.1.8", "6.1.11", "6.1.13", "6.1.24", "6.1.26"};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        if (strcmp(test, ids[i]) == 0) {
            return true;
        }
    }
    return strncmp(test, "6.1.27.", 7) == 0;
}

static void as_in_20(struct tsn_csaf_check *c)
{
    struct tsn_csaf_check v;
    json_t *view = view_of(c->doc), *f;
    size_t i;
    tsn_csaf_begin(&v, view);
    tsn_csaf_tests_ids(&v);
    tsn_csaf_tests_product(&v);
    tsn_csaf_tests_score(&v);
    tsn_csaf_tests_version(&v);
    tsn_csaf_tests_profile(&v);
    json_t *found = tsn_csaf_end(&v);
    json_array_foreach(found, i, f)
    {
        if (!changed(tsn_json_str(f, "test", "")) && json_array_size(c->findings) < c->limit) {
            json_object_set_new(f, "pointer", pointer21(tsn_json_str(f, "pointer", "")));
            json_array_append(c->findings, f);
        }
    }
    json_decref(found);
    json_decref(view);
}

void tsn_csaf_as_20(struct tsn_csaf_check *c, void (*run)(struct tsn_csaf_check *v, void *user),
                    void *user)
{
    struct tsn_csaf_check v;
    json_t *view = view_of(c->doc), *f;
    size_t i;
    tsn_csaf_begin(&v, view);
    run(&v, user);
    json_t *found = tsn_csaf_end(&v);
    json_array_foreach(found, i, f)
    {
        json_object_set_new(f, "pointer", pointer21(tsn_json_str(f, "pointer", "")));
        json_object_del(f, "fix"); /* its path is one of 2.0 */
        json_array_append(c->findings, f);
    }
    json_decref(found);
    json_decref(view);
}

void tsn_csaf_mandatory21(struct tsn_csaf_check *c)
{
    tsn_csaf_schema(c);
    as_in_20(c);
    tsn_csaf_tests21_tree(c);
    tsn_csaf_tests21_doc(c);
    tsn_csaf_tests21_vuln(c);
    tsn_csaf_tests21_metrics(c);
}
