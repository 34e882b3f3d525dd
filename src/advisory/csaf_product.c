/* csaf_product.c - product trees: built from a flat list, read into a flat index. Pure. */
#include "advisory/csaf_product.h"

#include <stdio.h>
#include <string.h>
#include "advisory/csaf_check.h"
#include "advisory/csaf_view.h"
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

/* purl of 2.0 and purls of 2.1 stand for each other. */
static json_t *helper_of(const json_t *p, enum tsn_csaf_version version)
{
    const json_t *given = json_object_get(p, "helper");
    if (json_object_size(given) == 0) {
        return NULL;
    }
    json_t *helper = json_deep_copy(given);
    json_t *one = json_object_get(given, "purl"), *many = json_object_get(given, "purls");
    if (version != TSN_CSAF_20 && one && !many) {
        json_object_set_new(helper, "purls", json_pack("[O]", one));
    } else if (version == TSN_CSAF_20 && !one && json_array_size(many) > 0) {
        json_object_set(helper, "purl", json_array_get(many, 0));
    }
    json_object_del(helper, version != TSN_CSAF_20 ? "purl" : "purls");
    return helper;
}

static json_t *full_name(const json_t *p, const char *id, const char *vendor,
                         const char *product, const char *version, enum tsn_csaf_version csaf)
{
    struct tsn_buf name;
    tsn_buf_init(&name, 65536);
    bool told = strncmp(product, vendor, strlen(vendor)) == 0;
    tsn_buf_printf(&name, "%s%s%s%s%s", told ? "" : vendor, told ? "" : " ", product,
                   *version ? " " : "", version);
    json_t *o = json_object();
    json_object_set_new(o, "name", json_string(name.data));
    json_object_set_new(o, "product_id", json_string(id));
    json_t *helper = helper_of(p, csaf);
    if (helper) {
        json_object_set_new(o, "product_identification_helper", helper);
    }
    tsn_buf_free(&name);
    return o;
}

/* A range as 2.1 has it: vers as it is, what people write as bare constraints. NULL where the text
 * is not understood. */
static char *range21(const char *text, struct tsn_buf *out)
{
    json_t *bounds = tsn_view_range(text), *b;
    size_t i;
    if (!bounds) {
        return NULL;
    }
    bool all = strncmp(text, "vers:all/", 9) == 0;
    tsn_buf_puts(out, "");
    if (json_array_size(bounds) == 0) {
        tsn_buf_puts(out, "vers:all/*");
    } else if (strncmp(text, "vers:", 5) == 0 && !all) {
        tsn_buf_put(out, text, strcspn(text, "/") + 1);
    }
    json_array_foreach(bounds, i, b)
    {
        tsn_buf_printf(out, "%s%s", i ? "|" : "", tsn_json_str(b, "op", ""));
        for (const char *p = tsn_json_str(b, "version", ""); *p; p++) {
            bool plain = *p > ' ' && !strchr("<>=!|*", *p);
            (void)(plain ? tsn_buf_putc(out, *p)
                         : tsn_buf_printf(out, "%%%02X", (unsigned char)*p));
        }
    }
    json_decref(bounds);
    return out->data;
}

/* relationships { ref, name, category, product, relates_to }: 2.0 says them as such, 2.1 as
 * product paths. */
static void relations(const json_t *model, enum tsn_csaf_version version, json_t *tree,
                      json_t *ids)
{
    json_t *out = json_array(), *r;
    size_t i;
    json_array_foreach(json_object_get(model, "relationships"), i, r)
    {
        const char *id = tsn_json_str(r, "ref", ""), *name = tsn_json_str(r, "name", id);
        const char *category = tsn_json_str(r, "category", "default_component_of");
        const char *part = tsn_json_str(r, "product", ""),
                   *whole = tsn_json_str(r, "relates_to", "");
        json_t *full = json_pack("{s:s,s:s}", "name", name, "product_id", id);
        json_t *o = version == TSN_CSAF_20
                        ? json_pack("{s:s,s:o,s:s,s:s}", "category", category,
                                    "full_product_name", full, "product_reference", part,
                                    "relates_to_product_reference", whole)
                        : json_pack("{s:s,s:o,s:[{s:s,s:s}]}", "beginning_product_reference",
                                    part, "full_product_name", full, "subpaths", "category",
                                    category, "next_product_reference", whole);
        json_array_append_new(out, o);
        json_array_append_new(ids, json_string(id));
    }
    if (json_array_size(out) > 0) {
        json_object_set(tree, version == TSN_CSAF_20 ? "relationships" : "product_paths", out);
    }
    json_decref(out);
}

tsn_err tsn_csaf_tree(const json_t *model, const char *vendor, enum tsn_csaf_version version,
                      json_t **tree, json_t *ids, struct tsn_diag *diag)
{
    const json_t *products = json_object_get(model, "products");
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
        const char *exact = tsn_json_str(p, "version", "");
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
            *range || tsn_csaf_names_range(exact) || strncmp(exact, "vers:", 5) == 0;
        const char *leaf = *range ? range : exact, *said = leaf;
        struct tsn_buf range_text;
        tsn_buf_init(&range_text, 1u << 16);
        json_t *branches = child(root, "vendor", maker);
        json_t *b = json_object();
        if (*leaf) {
            branches = child(branches, "product_name", product);
            const char *category = is_range ? "product_version_range" : "product_version";
            if (is_range && version == TSN_CSAF_21) {
                const char *written = range21(leaf, &range_text);
                category = written ? category : "specification";
                leaf = written ? written : leaf;
            }
            json_object_set_new(b, "category", json_string(category));
        } else {
            json_object_set_new(b, "category", json_string("product_name"));
        }
        json_object_set_new(b, "name", json_string(*leaf ? leaf : product));
        json_object_set_new(b, "product", full_name(p, id, maker, product, said, version));
        json_array_append_new(branches, b);
        tsn_buf_free(&range_text);
    }
    json_decref(seen);
    *tree = NULL;
    if (!err && json_array_size(root) > 0) {
        *tree = json_pack("{s:O}", "branches", root);
        relations(model, version, *tree, ids);
        json_t *groups = json_object_get(model, "product_groups");
        if (json_array_size(groups) > 0) {
            json_object_set(*tree, "product_groups", groups);
        }
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
    json_t *row =
        json_pack("{s:s,s:s,s:s,s:s}", "vendor", at->vendor, "product",
                  *at->product ? at->product : name, "version", at->version, "name", name);
    json_t *helper = json_object_get(product, "product_identification_helper");
    if (helper) {
        json_object_set(row, "helper", helper);
    }
    json_object_set_new(index, id, row);
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
        } else if (strncmp(category, "product_version", 15) == 0 ||
                   (strcmp(category, "specification") == 0 && json_object_get(b, "product"))) {
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
    static const char *const joined[] = {"relationships", "product_paths"};
    for (size_t k = 0; k < 2; k++) {
        json_array_foreach(json_object_get(tree, joined[k]), i, item)
        {
            add(index, json_object_get(item, "full_product_name"), &none);
        }
    }
    return index;
}
