/* csaf_product.c - product trees: built from a flat list, read into a flat index. Pure. */
#include "advisory/csaf_product.h"

#include <stdio.h>
#include <string.h>
#include "advisory/csaf_check.h"
#include "core/buf.h"
#include "core/json.h"

/* The child branch of this category and name that may have children, made when absent. */
static json_t *child(json_t *branches, const char *category, const char *name)
{
    size_t i;
    json_t *b;
    json_array_foreach(branches, i, b)
    {
        if (!json_object_get(b, "product") &&
            strcmp(tsn_json_str(b, "category", ""), category) == 0 &&
            strcmp(tsn_json_str(b, "name", ""), name) == 0) {
            return json_object_get(b, "branches");
        }
    }
    json_t *list = json_array();
    b = json_object();
    json_object_set_new(b, "category", json_string(category));
    json_object_set_new(b, "name", json_string(name));
    json_object_set_new(b, "branches", list);
    json_array_append_new(branches, b);
    return list;
}

static json_t *full_name(const json_t *p, const char *id, const char *vendor,
                         const char *product, const char *version)
{
    struct tsn_buf name;
    tsn_buf_init(&name, 65536);
    bool told = strncmp(product, vendor, strlen(vendor)) == 0;
    tsn_buf_printf(&name, "%s%s%s%s%s", told ? "" : vendor, told ? "" : " ", product,
                   *version ? " " : "", version);
    json_t *o = json_object();
    json_object_set_new(o, "name", json_string(name.data));
    json_object_set_new(o, "product_id", json_string(id));
    const json_t *helper = json_object_get(p, "helper");
    if (json_object_size(helper) > 0) {
        json_object_set_new(o, "product_identification_helper", json_deep_copy(helper));
    }
    tsn_buf_free(&name);
    return o;
}

tsn_err tsn_csaf_tree(const json_t *products, const char *vendor, json_t **tree, json_t *ids,
                      struct tsn_diag *diag)
{
    json_t *root = json_array(), *seen = json_object(), *p;
    tsn_err err = 0;
    size_t i;
    json_array_foreach(products, i, p)
    {
        char made[32];
        snprintf(made, sizeof made, "CSAFPID-%04zu", i + 1);
        const char *id = tsn_json_str(p, "ref", made);
        const char *product = tsn_json_str(p, "product", tsn_json_str(p, "name", ""));
        const char *maker = tsn_json_str(p, "vendor", "");
        maker = *maker ? maker : vendor;
        const char *range = tsn_json_str(p, "version_range", "");
        const char *version = tsn_json_str(p, "version", "");
        if (!*product || !*maker || json_object_get(seen, id)) {
            err = tsn_diag_set(diag, TSN_EINPUT, "D002",
                               *product ? "product ref \"%.100s\" is there twice"
                                        : "product \"%.100s\" has no name",
                               id);
            break;
        }
        json_object_set_new(seen, id, json_true());
        json_array_append_new(ids, json_string(id));
        bool is_range =
            *range || tsn_csaf_names_range(version) || strncmp(version, "vers:", 5) == 0;
        const char *leaf = *range ? range : version;
        json_t *branches = child(root, "vendor", maker);
        json_t *b = json_object();
        if (*leaf) {
            branches = child(branches, "product_name", product);
            json_object_set_new(
                b, "category",
                json_string(is_range ? "product_version_range" : "product_version"));
        } else {
            json_object_set_new(b, "category", json_string("product_name"));
        }
        json_object_set_new(b, "name", json_string(*leaf ? leaf : product));
        json_object_set_new(b, "product", full_name(p, id, maker, product, leaf));
        json_array_append_new(branches, b);
    }
    json_decref(seen);
    *tree = NULL;
    if (!err && json_array_size(root) > 0) {
        *tree = json_pack("{s:O}", "branches", root);
    }
    json_decref(root);
    return err;
}

struct path {
    const char *vendor, *product, *version;
};

static void add(json_t *index, const json_t *product, const struct path *at)
{
    const char *id = tsn_json_str(product, "product_id", NULL);
    if (!id) {
        return;
    }
    const char *name = tsn_json_str(product, "name", "");
    json_object_set_new(index, id,
                        json_pack("{s:s,s:s,s:s,s:s}", "vendor", at->vendor, "product",
                                  *at->product ? at->product : name, "version", at->version,
                                  "name", name));
}

static void walk(json_t *index, const json_t *branches, struct path at)
{
    size_t i;
    json_t *b;
    json_array_foreach(branches, i, b)
    {
        struct path here = at;
        const char *category = tsn_json_str(b, "category", "");
        const char *name = tsn_json_str(b, "name", "");
        if (strcmp(category, "vendor") == 0) {
            here.vendor = name;
        } else if (strcmp(category, "product_name") == 0) {
            here.product = name;
        } else if (strncmp(category, "product_version", 15) == 0) {
            here.version = name;
        }
        add(index, json_object_get(b, "product"), &here);
        walk(index, json_object_get(b, "branches"), here);
    }
}

json_t *tsn_csaf_product_index(const json_t *csaf)
{
    const json_t *tree = json_object_get(csaf, "product_tree");
    json_t *index = json_object(), *item;
    struct path none = {"", "", ""};
    size_t i;
    walk(index, json_object_get(tree, "branches"), none);
    json_array_foreach(json_object_get(tree, "full_product_names"), i, item)
    {
        add(index, item, &none);
    }
    json_array_foreach(json_object_get(tree, "relationships"), i, item)
    {
        add(index, json_object_get(item, "full_product_name"), &none);
    }
    return index;
}
