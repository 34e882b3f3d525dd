/* csaf_informative.c - informative tests 6.3.1-7, 9-11. A finding is for information. Pure.
 *
 * Nothing is fetched: 6.3.6 and 6.3.7 name the URLs of which the text alone says that they cannot
 * be reached. 6.3.8 is csaf_spelling.c. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "advisory/csaf_check.h"
#include "core/buf.h"
#include "core/json.h"

#define AT(at, ...) snprintf(at, sizeof at, __VA_ARGS__)
#define COUNT(list) (sizeof(list) / sizeof((list)[0]))
#define POINTER_MAX 65536
#define HASH_MIN    64 /* hex digits: 256 bits */

/* --- scores ------------------------------------------------------------------------------ */

static void only_v2(struct tsn_csaf_check *c)
{
    size_t v, i, p;
    json_t *vuln, *score, *id;
    json_array_foreach(c->vulns, v, vuln)
    {
        json_t *v3 = json_object();
        json_array_foreach(json_object_get(vuln, "scores"), i, score)
        {
            json_array_foreach(json_object_get(score, "products"), p, id)
            {
                if (json_is_string(id) && json_object_get(score, "cvss_v3")) {
                    json_object_set_new(v3, json_string_value(id), json_true());
                }
            }
        }
        json_array_foreach(json_object_get(vuln, "scores"), i, score)
        {
            if (!json_object_get(score, "cvss_v2") || json_object_get(score, "cvss_v3")) {
                continue;
            }
            const char *lack = NULL;
            json_array_foreach(json_object_get(score, "products"), p, id)
            {
                const char *s = json_string_value(id);
                lack = s && !json_object_get(v3, s) ? s : lack;
            }
            if (lack) {
                char at[96];
                AT(at, "/vulnerabilities/%zu/scores/%zu", v, i);
                tsn_csaf_find(c, "6.3.1", at, "CVSS v2 is the only score of product \"%.100s\"",
                              lack);
            }
        }
        json_decref(v3);
    }
}

static void v30(struct tsn_csaf_check *c)
{
    size_t v, i;
    json_t *vuln, *score;
    json_array_foreach(c->vulns, v, vuln)
    {
        json_array_foreach(json_object_get(vuln, "scores"), i, score)
        {
            const json_t *cvss = json_object_get(score, "cvss_v3");
            if (strcmp(tsn_json_str(cvss, "version", ""), "3.0") == 0 ||
                strncmp(tsn_json_str(cvss, "vectorString", ""), "CVSS:3.0/", 9) == 0) {
                char at[96];
                AT(at, "/vulnerabilities/%zu/scores/%zu/cvss_v3", v, i);
                tsn_csaf_find(c, "6.3.2", at, "the score is of CVSS 3.0");
            }
        }
    }
}

/* --- vulnerabilities --------------------------------------------------------------------- */

static void without(struct tsn_csaf_check *c, const char *member, const char *test,
                    const char *what)
{
    size_t v;
    json_t *vuln;
    json_array_foreach(c->vulns, v, vuln)
    {
        if (!json_object_get(vuln, member)) {
            char at[64];
            AT(at, "/vulnerabilities/%zu", v);
            tsn_csaf_find(c, test, at, "the vulnerability has no %s", what);
        }
    }
}

static void no_cve(struct tsn_csaf_check *c)
{
    without(c, "cve", "6.3.3", "CVE id");
}

static void no_cwe(struct tsn_csaf_check *c)
{
    without(c, "cwe", "6.3.4", "CWE");
}

static void one_hash(struct tsn_csaf_check *c, const json_t *product, const char *pointer)
{
    const json_t *helper = json_object_get(product, "product_identification_helper");
    size_t i, k;
    json_t *file, *one;
    json_array_foreach(json_object_get(helper, "hashes"), i, file)
    {
        json_array_foreach(json_object_get(file, "file_hashes"), k, one)
        {
            const char *value = tsn_json_str(one, "value", NULL);
            if (!value || strlen(value) >= HASH_MIN) {
                continue;
            }
            struct tsn_buf at;
            tsn_buf_init(&at, POINTER_MAX);
            tsn_buf_printf(&at,
                           "%s/product_identification_helper/hashes/%zu/file_hashes/%zu/value",
                           pointer, i, k);
            tsn_csaf_find(c, "6.3.5", at.data, "the hash has %zu digits", strlen(value));
            tsn_buf_free(&at);
        }
    }
}

static void short_hash(struct tsn_csaf_check *c)
{
    tsn_csaf_products(c, one_hash);
}

/* --- URLs -------------------------------------------------------------------------------- */

/* What the text of an http or https URL says about its host: NULL = nothing against it. */
static const char *unreachable(const char *url)
{
    static const char *const never[] = {".invalid", ".test", ".localhost", ".local"};
    size_t scheme = strncasecmp(url, "https://", 8) == 0  ? 8
                    : strncasecmp(url, "http://", 7) == 0 ? 7
                                                          : 0;
    if (!scheme) {
        return NULL;
    }
    const char *host = url + scheme;
    size_t n = strcspn(host, "/?#");
    const char *user = memchr(host, '@', n);
    if (user) {
        n -= (size_t)(user + 1 - host);
        host = user + 1;
    }
    if (n > 0 && *host == '[') {
        return NULL;
    }
    const char *port = memchr(host, ':', n);
    n = port ? (size_t)(port - host) : n;
    n -= n > 0 && host[n - 1] == '.';
    if (n == 0) {
        return "names no host";
    }
    if (!memchr(host, '.', n)) {
        return "names a host without a domain";
    }
    for (size_t k = 0; k < COUNT(never); k++) {
        size_t len = strlen(never[k]);
        if (n >= len && strncasecmp(host + n - len, never[k], len) == 0) {
            return "names a host that no public name server knows";
        }
    }
    return NULL;
}

struct links {
    struct tsn_csaf_check *c;
    struct tsn_buf at;
    bool self; /* those of category self, or the others */
};

static void one_url(struct links *l, const json_t *v)
{
    const char *url = json_string_value(v), *why = url ? unreachable(url) : NULL;
    if (why) {
        tsn_csaf_find(l->c, l->self ? "6.3.7" : "6.3.6", l->at.data, "%.160s %s", url, why);
    }
}

static void cut(struct tsn_buf *at, size_t len)
{
    at->len = len;
    at->data[len] = '\0';
}

static void walk_links(struct links *l, const json_t *v)
{
    static const char *const one[] = {"url", "namespace", "uri"};
    static const char *const many[] = {"urls", "sbom_urls"};
    union {
        const json_t *in;
        json_t *out;
    } o = {v}; /* jansson's iterators take no const, but change nothing */
    const char *key;
    json_t *item;
    size_t i, k, len = l->at.len;
    bool self = strcmp(tsn_json_str(v, "category", ""), "self") == 0;
    for (k = 0; k < COUNT(one) && self == l->self; k++) {
        item = json_object_get(v, one[k]);
        if (item) {
            tsn_buf_printf(&l->at, "/%s", one[k]);
            one_url(l, item);
            cut(&l->at, len);
        }
    }
    for (k = 0; k < COUNT(many) && self == l->self; k++) {
        json_array_foreach(json_object_get(v, many[k]), i, item)
        {
            tsn_buf_printf(&l->at, "/%s/%zu", many[k], i);
            one_url(l, item);
            cut(&l->at, len);
        }
    }
    json_object_foreach(o.out, key, item)
    {
        /* Members that CSAF knows need no escape, and others hold no URLs of CSAF. */
        if ((json_is_object(item) || json_is_array(item)) && !strpbrk(key, "~/")) {
            tsn_buf_printf(&l->at, "/%s", key);
            walk_links(l, item);
            cut(&l->at, len);
        }
    }
    json_array_foreach(v, i, item)
    {
        if (json_is_object(item) || json_is_array(item)) {
            tsn_buf_printf(&l->at, "/%zu", i);
            walk_links(l, item);
            cut(&l->at, len);
        }
    }
}

static void links(struct tsn_csaf_check *c, bool self)
{
    struct links l = {.c = c, .self = self};
    tsn_buf_init(&l.at, POINTER_MAX);
    tsn_buf_puts(&l.at, "");
    walk_links(&l, c->doc);
    tsn_buf_free(&l.at);
}

static void other_links(struct tsn_csaf_check *c)
{
    links(c, false);
}

static void self_links(struct tsn_csaf_check *c)
{
    links(c, true);
}

/* --- branches ---------------------------------------------------------------------------- */

/* 6.3.9: on the way to a product come vendor, product_name and product_version, in this order;
 * `seen` of them did. */
static void levels(struct tsn_csaf_check *c, const json_t *branches, const char *pointer,
                   size_t seen)
{
    static const char *const order[] = {"vendor", "product_name", "product_version"};
    size_t i;
    json_t *b;
    json_array_foreach(branches, i, b)
    {
        struct tsn_buf at;
        tsn_buf_init(&at, POINTER_MAX);
        tsn_buf_printf(&at, "%s/%zu", pointer, i);
        size_t len = at.len, here = seen;
        if (here < COUNT(order) && strcmp(tsn_json_str(b, "category", ""), order[here]) == 0) {
            here++;
        }
        if (json_object_get(b, "product") && here < COUNT(order)) {
            tsn_buf_puts(&at, "/product");
            tsn_csaf_find(c, "6.3.9", at.data, "no branch of category %s leads here%s%s",
                          order[here], here ? " behind " : "", here ? order[here - 1] : "");
            cut(&at, len);
        }
        tsn_buf_puts(&at, "/branches");
        levels(c, json_object_get(b, "branches"), at.data, here);
        tsn_buf_free(&at);
    }
}

static void branch_levels(struct tsn_csaf_check *c)
{
    levels(c, json_object_get(c->tree, "branches"), "/product_tree/branches", 0);
}

static void one_branch(struct tsn_csaf_check *c, const json_t *b, const char *at,
                       const char *test)
{
    const char *category = tsn_json_str(b, "category", ""), *name = tsn_json_str(b, "name", "");
    if (strcmp(test, "6.3.10") == 0) {
        if (strcmp(category, "product_version_range") == 0) {
            tsn_csaf_find(c, test, at, "\"%.100s\" is a range, not a version", name);
        }
    } else if (strcmp(category, "product_version") == 0 && (name[0] == 'v' || name[0] == 'V') &&
               isdigit((unsigned char)name[1])) {
        struct tsn_buf path;
        tsn_buf_init(&path, POINTER_MAX);
        tsn_buf_printf(&path, "%s/name", at);
        tsn_csaf_find(c, test, path.data, "version \"%.100s\" begins with a v", name);
        tsn_csaf_fix(c, "replace", path.data, json_string(name + 1));
        tsn_buf_free(&path);
    }
}

static void branches_of(struct tsn_csaf_check *c, const json_t *branches, const char *pointer,
                        const char *test)
{
    size_t i;
    json_t *b;
    json_array_foreach(branches, i, b)
    {
        struct tsn_buf at;
        tsn_buf_init(&at, POINTER_MAX);
        tsn_buf_printf(&at, "%s/%zu", pointer, i);
        one_branch(c, b, at.data, test);
        tsn_buf_puts(&at, "/branches");
        branches_of(c, json_object_get(b, "branches"), at.data, test);
        tsn_buf_free(&at);
    }
}

static void version_range(struct tsn_csaf_check *c)
{
    branches_of(c, json_object_get(c->tree, "branches"), "/product_tree/branches", "6.3.10");
}

static void version_v(struct tsn_csaf_check *c)
{
    branches_of(c, json_object_get(c->tree, "branches"), "/product_tree/branches", "6.3.11");
}

const struct tsn_csaf_test tsn_csaf_informative[] = {
    {"6.3.1", only_v2},       {"6.3.2", v30},
    {"6.3.3", no_cve},        {"6.3.4", no_cwe},
    {"6.3.5", short_hash},    {"6.3.6", other_links},
    {"6.3.7", self_links},    {"6.3.8", tsn_csaf_spelling},
    {"6.3.9", branch_levels}, {"6.3.10", version_range},
    {"6.3.11", version_v},    {NULL, NULL},
};
