/* csaf_recommended21_tree.c - recommended and informative tests that only CSAF 2.1 has: the product tree and
 * extensions. Pure. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "advisory/csaf_check21.h"
#include "core/buf.h"
#include "core/json.h"
#include "core/text.h"

#define POINTER_MAX 65536
#define OFFICIAL    "https://docs.oasis-open.org/csaf/"

struct walk {
    struct tsn_csaf_check *c;
    json_t *helpers; /* "cpe\nvalue" -> product id that has it */
    json_t *paths;   /* product ids that product paths refer to */
    json_t *made;    /* product ids that product paths define */
    struct tsn_buf at;
};

static void step(struct tsn_buf *at, const char *name, size_t i)
{
    tsn_buf_printf(at, "/%s/%zu", name, i);
}

static void back(struct tsn_buf *at, size_t len)
{
    at->len = len;
    at->data[len] = '\0';
}

/* --- products --------------------------------------------------------------------------------------- */

static void helper_value(struct walk *w, const char *category, const json_t *value,
                         const char *product)
{
    char *text = tsn_json_text(value);
    struct tsn_buf key;
    tsn_buf_init(&key, POINTER_MAX);
    tsn_buf_printf(&key, "%s\n%s", category, text);
    const char *had = tsn_json_str(w->helpers, key.data ? key.data : "", NULL);
    if (had && strcmp(had, product) != 0) {
        tsn_csaf_find(w->c, "6.2.32", w->at.data, "%s %.100s is that of \"%.100s\" too",
                      category, text, had);
    } else if (!had && key.data) {
        json_object_set_new(w->helpers, key.data, json_string(product));
    }
    tsn_buf_free(&key);
    free(text);
}

/* Package URLs say the version that the branch says: set, and one of the two within the other, for a purl may
 * have an epoch or a build that the branch leaves out. */
static void purls(struct walk *w, const json_t *helper, const char *version)
{
    json_t *one;
    size_t i;
    json_array_foreach(json_object_get(helper, "purls"), i, one)
    {
        const char *purl = json_is_string(one) ? json_string_value(one) : "",
                   *at = strchr(purl, '@');
        char said[256] = "";
        if (at) {
            (void)snprintf(said, sizeof said, "%.*s", (int)strcspn(at + 1, "?#"), at + 1);
            (void)tsn_percent_decode(said);
        }
        if (!*said || (!strstr(said, version) && !strstr(version, said))) {
            tsn_csaf_find(w->c, "6.2.42", w->at.data, "%.150s is not of version %.80s", purl,
                          version);
        }
    }
}

/* `versioned`: its branches name a version, so it is software (or firmware). */
static void product(struct walk *w, const json_t *p, bool versioned)
{
    const json_t *helper = json_object_get(p, "product_identification_helper");
    const char *id = tsn_json_str(p, "product_id", ""), *category;
    union tsn_json_read in = {.in = helper};
    json_t *v, *one;
    size_t i, len = w->at.len;
    if (!helper) {
        return;
    }
    tsn_buf_puts(&w->at, "/product_identification_helper");
    json_object_foreach(in.out, category, v)
    {
        json_array_foreach(v, i, one)
        {
            helper_value(w, category, one, id);
        }
        if (json_is_string(v)) {
            helper_value(w, category, v, id);
        }
    }
    if (versioned && !json_object_get(w->paths, id) &&
        (json_object_get(helper, "serial_numbers") ||
         json_object_get(helper, "model_numbers"))) {
        tsn_csaf_find(w->c, "6.2.31", w->at.data,
                      "a version of software with the number of a device: two products");
    }
    back(&w->at, len);
}

/* Dashes, underscores, blanks and case do not count. */
static bool open_source(const char *name)
{
    char folded[16];
    size_t n = 0;
    for (const unsigned char *p = (const unsigned char *)name; *p; p++) {
        if (p[0] == 0xE2 && p[1] == 0x80 && p[2] >= 0x8B && p[2] <= 0x95) {
            p += 2; /* U+200B to U+2015: invisible ones and dashes */
        } else if (*p != '-' && *p != '_' && !isspace(*p)) {
            if (n + 1 >= sizeof folded) {
                return false;
            }
            folded[n++] = (char)tolower(*p);
        }
    }
    folded[n] = '\0';
    return strcmp(folded, "opensource") == 0;
}

/* Is what stands last, but for what is left out (!=), without an upper end? */
static bool upper_open(const char *range)
{
    const char *last = NULL;
    const char *p = strncmp(range, "vers:", 5) == 0 ? strchr(range, '/') : NULL;
    for (p = p ? p + 1 : range; *p;) {
        p += strspn(p, "| ");
        if (*p && *p != '!') {
            last = p;
        }
        p += strcspn(p, "|");
    }
    return last && *last == '>';
}

static void branches(struct walk *w, const json_t *list, bool versioned)
{
    json_t *b;
    size_t i, len = w->at.len;
    tsn_csaf_ranges21(w->c, list, w->at.data);
    json_array_foreach(list, i, b)
    {
        const char *category = tsn_json_str(b, "category", ""),
                   *name = tsn_json_str(b, "name", "");
        bool range = strcmp(category, "product_version_range") == 0,
             here = versioned || range || strcmp(category, "product_version") == 0;
        step(&w->at, "branches", i);
        size_t own = w->at.len;
        tsn_buf_puts(&w->at, "/name");
        if (strcmp(category, "vendor") == 0 && open_source(name)) {
            tsn_csaf_find(w->c, "6.2.48", w->at.data, "\"%.40s\" is no vendor", name);
        }
        if (range && upper_open(name)) {
            tsn_csaf_find(w->c, "6.2.49", w->at.data, "\"%.100s\" has no upper end", name);
        }
        back(&w->at, own);
        if (json_object_get(b, "product")) {
            tsn_buf_puts(&w->at, "/product");
            product(w, json_object_get(b, "product"), here);
            if (strcmp(category, "product_version") == 0) {
                purls(w,
                      json_object_get(json_object_get(b, "product"),
                                      "product_identification_helper"),
                      name);
            }
            back(&w->at, own);
        }
        branches(w, json_object_get(b, "branches"), here);
        back(&w->at, len);
    }
}

static void refer(struct walk *w, const json_t *from, const char *member, size_t i,
                  const char *more)
{
    const char *id = tsn_json_str(from, member, "");
    json_object_set_new(w->paths, id, json_true());
    if (json_object_get(w->made, id)) {
        char at[128];
        (void)snprintf(at, sizeof at, "/product_tree/product_paths/%zu%s/%s", i, more, member);
        tsn_csaf_find(w->c, "6.3.22", at, "\"%.100s\" is a product path itself", id);
    }
}

static void paths(struct walk *w)
{
    const json_t *list = json_object_get(w->c->tree, "product_paths");
    json_t *p, *sub;
    size_t i, k;
    json_array_foreach(list, i, p)
    {
        const json_t *full = json_object_get(p, "full_product_name");
        json_object_set_new(w->made, tsn_json_str(full, "product_id", ""), json_true());
    }
    json_array_foreach(list, i, p)
    {
        refer(w, p, "beginning_product_reference", i, "");
        json_array_foreach(json_object_get(p, "subpaths"), k, sub)
        {
            char more[40];
            (void)snprintf(more, sizeof more, "/subpaths/%zu", k);
            refer(w, sub, "next_product_reference", i, more);
        }
    }
}

static void tree(struct walk *w)
{
    static const char *const lists[] = {"full_product_names", "product_paths"};
    json_t *p;
    size_t i;
    paths(w);
    tsn_buf_puts(&w->at, "/product_tree");
    size_t len = w->at.len;
    branches(w, json_object_get(w->c->tree, "branches"), false);
    for (size_t k = 0; k < 2; k++) {
        json_array_foreach(json_object_get(w->c->tree, lists[k]), i, p)
        {
            step(&w->at, lists[k], i);
            if (k == 1) {
                tsn_buf_puts(&w->at, "/full_product_name");
                product(w, json_object_get(p, "full_product_name"), false);
            } else {
                product(w, p, false);
            }
            back(&w->at, len);
        }
    }
    back(&w->at, 0);
}

/* --- extensions --------------------------------------------------------------------------------------- */

/* Informative: where there is one. Ends with those at the root. */
static const char *place_of(const char *pointer)
{
    static const struct {
        const char *starts, *has, *test;
    } places[] = {
        {"/document/", "", "6.3.21.3"},
        {"/product_tree/branches/", "", "6.3.21.4"},
        {"/product_tree/full_product_names/", "", "6.3.21.5"},
        {"/product_tree/product_paths/", "", "6.3.21.6"},
        {"/vulnerabilities/", "/metrics/", "6.3.21.7"},
        {"/vulnerabilities/", "", "6.3.21.8"},
        {"/x_extensions", "", "6.3.21.9"},
    };
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        if (strncmp(pointer, places[i].starts, strlen(places[i].starts)) == 0 &&
            strstr(pointer, places[i].has)) {
            return places[i].test;
        }
    }
    return "6.3.21.9";
}

/* None is registered or official that this program knows, so each is named: a reader may not know it. */
static void extension(struct walk *w, const json_t *x, size_t i, size_t len)
{
    struct tsn_csaf_check *c = w->c;
    const char *schema = tsn_json_str(x, "$schema", "?"),
               *category = tsn_json_str(x, "category", "?"),
               *tlp = tsn_json_str(
                   json_object_get(json_object_get(c->document, "distribution"), "tlp"),
                   "label", "");
    bool official = strncmp(schema, OFFICIAL, sizeof OFFICIAL - 1) == 0,
         clear = strcmp(tlp, "CLEAR") == 0;
    tsn_buf_printf(&w->at, "/%zu", i);
    if (!official) {
        tsn_csaf_find(c, "6.2.54.1", w->at.data, "%.20s extension %.150s is not registered",
                      category, schema);
        tsn_csaf_find(c, "6.2.54.2", w->at.data, "%.20s extension %.150s is not official",
                      category, schema);
        tsn_csaf_find(c, clear ? "6.2.54.4" : "6.3.21.2", w->at.data,
                      "%.20s extension %.150s: readers may not know it", category, schema);
    }
    if (tsn_json_bool(x, "critical", false)) {
        tsn_csaf_find(c, "6.2.54.3", w->at.data, "who does not know %.150s must not go on",
                      schema);
    }
    back(&w->at, len);
}

static void extensions(struct walk *w, const json_t *v)
{
    size_t i, len = w->at.len;
    json_t *item, *x;
    const char *key;
    json_array_foreach(v, i, item)
    {
        tsn_buf_printf(&w->at, "/%zu", i);
        extensions(w, item);
        back(&w->at, len);
    }
    union tsn_json_read in = {.in = v};
    json_object_foreach(in.out, key, item)
    {
        tsn_buf_printf(&w->at, "/%s", key);
        if (strcmp(key, "x_extensions") != 0) {
            extensions(w, item);
        } else {
            bool ends = strcmp(w->c->category, "csaf_withdrawn") == 0 ||
                        strcmp(w->c->category, "csaf_superseded") == 0;
            tsn_csaf_find(w->c, place_of(w->at.data), w->at.data, "an extension is used here");
            if (ends) {
                tsn_csaf_find(w->c, "6.2.39.5", w->at.data,
                              "a document that says it no longer holds needs no extension");
            }
            size_t here = w->at.len;
            json_array_foreach(item, i, x)
            {
                extension(w, x, i, here);
            }
        }
        back(&w->at, len);
    }
}

void tsn_csaf_recommended21_tree(struct tsn_csaf_check *c)
{
    struct walk w = {
        .c = c, .helpers = json_object(), .paths = json_object(), .made = json_object()};
    tsn_buf_init(&w.at, POINTER_MAX);
    tsn_buf_puts(&w.at, "");
    if (c->tree) {
        tree(&w);
    }
    extensions(&w, c->doc);
    tsn_buf_free(&w.at);
    json_decref(w.helpers);
    json_decref(w.paths);
    json_decref(w.made);
}
