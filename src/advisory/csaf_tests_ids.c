/* csaf_tests_ids.c - tests about ids and references: 6.1.1-5, 23-25, 29, 32, 33. Pure. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "advisory/csaf_check.h"
#include "core/json.h"
#include "core/text.h"

#define AT(at, ...) snprintf(at, sizeof at, __VA_ARGS__)

/* 6.1.1: every id of the list is defined in the product tree. */
static void defined(struct tsn_csaf_check *c, const json_t *list, const char *pointer)
{
    size_t i;
    json_t *id;
    json_array_foreach(list, i, id)
    {
        const char *s = json_string_value(id);
        if (s && !json_object_get(c->ids, s)) {
            char at[192];
            AT(at, "%s/%zu", pointer, i);
            tsn_csaf_find(c, "6.1.1", at, "product id \"%.100s\" is not defined", s);
        }
    }
}

/* 6.1.4 */
static void groups_defined(struct tsn_csaf_check *c, const json_t *list, const char *pointer)
{
    size_t i;
    json_t *id;
    json_array_foreach(list, i, id)
    {
        const char *s = json_string_value(id);
        if (s && !json_object_get(c->groups, s)) {
            char at[192];
            AT(at, "%s/group_ids/%zu", pointer, i);
            tsn_csaf_find(c, "6.1.4", at, "product group \"%.100s\" is not defined", s);
        }
    }
}

/* flags, remediations, threats: both kinds of references. */
static void item_refs(struct tsn_csaf_check *c, const json_t *vuln, const char *member,
                      size_t v, const char *none_test)
{
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(vuln, member), i, item)
    {
        char at[128], ids[160];
        AT(at, "/vulnerabilities/%zu/%s/%zu", v, member, i);
        AT(ids, "%s/product_ids", at);
        defined(c, json_object_get(item, "product_ids"), ids);
        groups_defined(c, json_object_get(item, "group_ids"), at);
        if (none_test && !json_object_get(item, "product_ids") &&
            !json_object_get(item, "group_ids")) {
            tsn_csaf_find(c, none_test, at, "names neither products nor product groups");
        }
    }
}

static void references(struct tsn_csaf_check *c)
{
    char at[160];
    size_t i, k;
    json_t *item, *list;
    const char *key;
    json_array_foreach(json_object_get(c->tree, "product_groups"), i, item)
    {
        AT(at, "/product_tree/product_groups/%zu/product_ids", i);
        defined(c, json_object_get(item, "product_ids"), at);
    }
    json_array_foreach(json_object_get(c->tree, "relationships"), i, item)
    {
        static const char *const ends[] = {"product_reference", "relates_to_product_reference"};
        for (k = 0; k < 2; k++) {
            const char *s = tsn_json_str(item, ends[k], NULL);
            if (s && !json_object_get(c->ids, s)) {
                AT(at, "/product_tree/relationships/%zu/%s", i, ends[k]);
                tsn_csaf_find(c, "6.1.1", at, "product id \"%.100s\" is not defined", s);
            }
        }
    }
    json_array_foreach(c->vulns, i, item)
    {
        json_object_foreach(json_object_get(item, "product_status"), key, list)
        {
            AT(at, "/vulnerabilities/%zu/product_status/%.40s", i, key);
            defined(c, list, at);
        }
        json_array_foreach(json_object_get(item, "scores"), k, list)
        {
            AT(at, "/vulnerabilities/%zu/scores/%zu/products", i, k);
            defined(c, json_object_get(list, "products"), at);
        }
        item_refs(c, item, "flags", i, "6.1.32");
        item_refs(c, item, "remediations", i, "6.1.29");
        item_refs(c, item, "threats", i, NULL);
    }
}

/* 6.1.2 and 6.1.25 for one product */
static void one_product(struct tsn_csaf_check *c, const json_t *product, const char *pointer)
{
    const char *id = tsn_json_str(product, "product_id", NULL);
    if (id && tsn_json_int(c->ids, id, 0) > 1) {
        tsn_csaf_find(c, "6.1.2", pointer, "product id \"%.100s\" is defined more than once",
                      id);
    }
    const json_t *helper = json_object_get(product, "product_identification_helper");
    size_t i, k;
    json_t *hash, *one;
    json_array_foreach(json_object_get(helper, "hashes"), i, hash)
    {
        json_t *seen = json_object();
        json_array_foreach(json_object_get(hash, "file_hashes"), k, one)
        {
            const char *algorithm = tsn_json_str(one, "algorithm", NULL);
            if (algorithm && json_object_get(seen, algorithm)) {
                tsn_csaf_find(c, "6.1.25", pointer, "hash algorithm \"%.60s\" is used twice",
                              algorithm);
            }
            if (algorithm) {
                json_object_set_new(seen, algorithm, json_true());
            }
        }
        json_decref(seen);
    }
}

/* 6.1.3: a relationship's product must not be built from itself. Colours: 1 open, 2 done. The
 * edges are id -> [ids]; the walk keeps its own stack, since a chain may be long. */
static void circles(struct tsn_csaf_check *c)
{
    const json_t *relations = json_object_get(c->tree, "relationships");
    json_t *edges = json_object(), *colour = json_object(), *stack = json_array();
    size_t i;
    json_t *r;
    json_array_foreach(relations, i, r)
    {
        const char *id =
            tsn_json_str(json_object_get(r, "full_product_name"), "product_id", NULL);
        if (!id) {
            continue;
        }
        json_t *to = json_object_get(edges, id);
        if (!to) {
            to = json_array();
            json_object_set_new(edges, id, to);
        }
        json_array_append(to, json_object_get(r, "product_reference"));
        json_array_append(to, json_object_get(r, "relates_to_product_reference"));
    }
    const char *start;
    json_t *ignored;
    json_object_foreach(edges, start, ignored)
    {
        if (tsn_json_int(colour, start, 0) != 0) {
            continue;
        }
        json_array_append_new(stack, json_pack("[s,i]", start, 0));
        json_object_set_new(colour, start, json_integer(1));
        while (json_array_size(stack) > 0) {
            json_t *top = json_array_get(stack, json_array_size(stack) - 1);
            const char *id = json_string_value(json_array_get(top, 0));
            json_int_t at = json_integer_value(json_array_get(top, 1));
            const json_t *to = json_object_get(edges, id);
            if ((size_t)at >= json_array_size(to)) {
                json_object_set_new(colour, id, json_integer(2));
                json_array_remove(stack, json_array_size(stack) - 1);
                continue;
            }
            json_array_set_new(top, 1, json_integer(at + 1));
            const char *next = json_string_value(json_array_get(to, (size_t)at));
            if (!next || !json_object_get(edges, next)) {
                continue;
            }
            int64_t seen = tsn_json_int(colour, next, 0);
            if (seen == 1) {
                tsn_csaf_find(c, "6.1.3", "/product_tree/relationships",
                              "product \"%.100s\" is defined by way of itself", next);
            } else if (seen == 0) {
                json_object_set_new(colour, next, json_integer(1));
                json_array_append_new(stack, json_pack("[s,i]", next, 0));
            }
        }
    }
    json_decref(edges);
    json_decref(colour);
    json_decref(stack);
}

/* 6.1.5 */
static void group_twice(struct tsn_csaf_check *c)
{
    json_t *seen = json_object();
    size_t i;
    json_t *group;
    json_array_foreach(json_object_get(c->tree, "product_groups"), i, group)
    {
        const char *id = tsn_json_str(group, "group_id", NULL);
        if (id && json_object_get(seen, id)) {
            char at[96];
            AT(at, "/product_tree/product_groups/%zu/group_id", i);
            tsn_csaf_find(c, "6.1.5", at, "product group \"%.100s\" is defined twice", id);
        }
        if (id) {
            json_object_set_new(seen, id, json_true());
        }
    }
    json_decref(seen);
}

/* 6.1.23 */
static void cve_twice(struct tsn_csaf_check *c)
{
    json_t *seen = json_object();
    size_t i;
    json_t *vuln;
    json_array_foreach(c->vulns, i, vuln)
    {
        const char *cve = tsn_json_str(vuln, "cve", NULL);
        if (cve && json_object_get(seen, cve)) {
            char at[64];
            AT(at, "/vulnerabilities/%zu/cve", i);
            tsn_csaf_find(c, "6.1.23", at, "%.40s is used by two vulnerabilities", cve);
        }
        if (cve) {
            json_object_set_new(seen, cve, json_true());
        }
    }
    json_decref(seen);
}

/* 6.1.24: one party speaks once at a moment. */
static void involvements(struct tsn_csaf_check *c)
{
    size_t v, i;
    json_t *vuln, *item;
    json_array_foreach(c->vulns, v, vuln)
    {
        json_t *seen = json_object();
        json_array_foreach(json_object_get(vuln, "involvements"), i, item)
        {
            const char *party = tsn_json_str(item, "party", NULL);
            const char *date = tsn_json_str(item, "date", NULL);
            int64_t sec = 0, nsec = 0;
            if (!party || !date || !tsn_csaf_time(date, &sec, &nsec)) {
                continue;
            }
            char key[128], at[96];
            snprintf(key, sizeof key, "%" PRId64 ".%" PRId64 " %.60s", sec, nsec, party);
            if (tsn_utf8_valid(key, strlen(key)) && json_object_get(seen, key)) {
                AT(at, "/vulnerabilities/%zu/involvements/%zu", v, i);
                tsn_csaf_find(c, "6.1.24", at, "%.60s is involved twice at %.40s", party, date);
            }
            json_object_set_new(seen, key, json_true());
        }
        json_decref(seen);
    }
}

/* 6.1.33 */
static void one_flag(struct tsn_csaf_check *c)
{
    size_t v, i;
    json_t *vuln, *flag, *ignored;
    json_array_foreach(c->vulns, v, vuln)
    {
        json_t *seen = json_object();
        json_array_foreach(json_object_get(vuln, "flags"), i, flag)
        {
            json_t *ids = json_object();
            tsn_csaf_refs(c, flag, ids);
            const char *id;
            json_object_foreach(ids, id, ignored)
            {
                if (json_object_get(seen, id)) {
                    char at[96];
                    AT(at, "/vulnerabilities/%zu/flags/%zu", v, i);
                    tsn_csaf_find(c, "6.1.33", at, "product \"%.100s\" has a second flag", id);
                }
                json_object_set_new(seen, id, json_true());
            }
            json_decref(ids);
        }
        json_decref(seen);
    }
}

void tsn_csaf_tests_ids(struct tsn_csaf_check *c)
{
    references(c);
    tsn_csaf_products(c, one_product);
    circles(c);
    group_twice(c);
    cve_twice(c);
    involvements(c);
    one_flag(c);
}
