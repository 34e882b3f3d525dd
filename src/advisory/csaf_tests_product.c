/* csaf_tests_product.c - tests about statuses, scores per product, CWE, language, package URL and
 * version names: 6.1.6, 7, 11, 12, 13, 31. Pure. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "advisory/csaf_check.h"
#include "core/buf.h"
#include "core/json.h"

#define AT(at, ...) snprintf(at, sizeof at, __VA_ARGS__)

static const struct {
    const char *status, *group;
} groups[] = {
    {"first_affected", "affected"},
    {"known_affected", "affected"},
    {"last_affected", "affected"},
    {"known_not_affected", "not affected"},
    {"first_fixed", "fixed"},
    {"fixed", "fixed"},
    {"under_investigation", "under investigation"},
};

/* 6.1.6 */
static void contradictions(struct tsn_csaf_check *c, const json_t *vuln, size_t v)
{
    json_t *seen = json_object();
    for (size_t g = 0; g < sizeof groups / sizeof groups[0]; g++) {
        const json_t *list =
            json_object_get(json_object_get(vuln, "product_status"), groups[g].status);
        size_t i;
        json_t *id;
        json_array_foreach(list, i, id)
        {
            const char *s = json_string_value(id);
            if (!s) {
                continue;
            }
            const char *before = tsn_json_str(seen, s, NULL);
            if (before && strcmp(before, groups[g].group) != 0) {
                char at[128];
                AT(at, "/vulnerabilities/%zu/product_status/%s/%zu", v, groups[g].status, i);
                tsn_csaf_find(c, "6.1.6", at, "product \"%.100s\" is %s and %s", s, before,
                              groups[g].group);
            } else if (!before) {
                json_object_set_new(seen, s, json_string(groups[g].group));
            }
        }
    }
    json_decref(seen);
}

/* 6.1.7: one score of a CVSS version for a product. */
static void scores_once(struct tsn_csaf_check *c, const json_t *vuln, size_t v)
{
    static const char *const kinds[] = {"cvss_v2", "cvss_v3"};
    json_t *seen = json_object(); /* version -> { product } */
    size_t i, p;
    json_t *score, *id;
    json_array_foreach(json_object_get(vuln, "scores"), i, score)
    {
        for (size_t k = 0; k < 2; k++) {
            const json_t *cvss = json_object_get(score, kinds[k]);
            if (!cvss) {
                continue;
            }
            const char *version = tsn_json_str(cvss, "version", kinds[k]);
            json_t *products = json_object_get(seen, version);
            if (!products) {
                products = json_object();
                json_object_set_new(seen, version, products);
            }
            json_array_foreach(json_object_get(score, "products"), p, id)
            {
                const char *s = json_string_value(id);
                if (s && json_object_get(products, s)) {
                    char at[96];
                    AT(at, "/vulnerabilities/%zu/scores/%zu", v, i);
                    tsn_csaf_find(c, "6.1.7", at,
                                  "product \"%.100s\" has a second score of CVSS %.20s", s,
                                  version);
                }
                if (s) {
                    json_object_set_new(products, s, json_true());
                }
            }
        }
    }
    json_decref(seen);
}

/* 6.1.11 */
static void cwe(struct tsn_csaf_check *c, const json_t *vuln, size_t v)
{
    const json_t *w = json_object_get(vuln, "cwe");
    const char *id = tsn_json_str(w, "id", NULL), *name = tsn_json_str(w, "name", "");
    if (!id) {
        return;
    }
    char at[64];
    AT(at, "/vulnerabilities/%zu/cwe", v);
    switch (tsn_csaf_cwe_known(id, name)) {
    case TSN_CWE_OK:
        break;
    case TSN_CWE_UNKNOWN:
        tsn_csaf_find(c, "6.1.11", at, "%.20s does not exist", id);
        break;
    case TSN_CWE_OTHER_NAME:
        tsn_csaf_find(c, "6.1.11", at, "%.20s is not called \"%.200s\"", id, name);
        break;
    }
}

/* 6.1.12 */
static void language(struct tsn_csaf_check *c, const char *member)
{
    const char *tag = tsn_json_str(c->document, member, NULL);
    if (tag && !tsn_csaf_lang_exists(tag)) {
        char at[64];
        AT(at, "/document/%s", member);
        tsn_csaf_find(c, "6.1.12", at, "no language \"%.60s\" is registered", tag);
    }
}

/* 6.1.13 */
static void purl(struct tsn_csaf_check *c, const json_t *product, const char *pointer)
{
    const char *s =
        tsn_json_str(json_object_get(product, "product_identification_helper"), "purl", NULL);
    if (s && !tsn_csaf_is_purl(s)) {
        tsn_csaf_find(c, "6.1.13", pointer, "\"%.160s\" is not a package URL", s);
    }
}

bool tsn_csaf_names_range(const char *name)
{
    static const char *const words[] = {"after", "all",   "before",  "earlier",
                                        "later", "prior", "versions"};
    if (strpbrk(name, "<>")) {
        return true;
    }
    /* Words are what blanks divide: "snappy-java-all" is a name. Punctuation around is ignored. */
    for (const char *p = name; *p;) {
        size_t n = strcspn(p, " \t\r\n"), from = 0, to = n;
        while (from < to && !isalnum((unsigned char)p[from])) {
            from++;
        }
        while (to > from && !isalnum((unsigned char)p[to - 1])) {
            to--;
        }
        for (size_t w = 0; w < sizeof words / sizeof words[0]; w++) {
            if (strlen(words[w]) == to - from &&
                strncasecmp(words[w], p + from, to - from) == 0) {
                return true;
            }
        }
        p += n + (p[n] != '\0');
    }
    return false;
}

/* 6.1.31 */
static void version_names(struct tsn_csaf_check *c, const json_t *branches, const char *pointer)
{
    size_t i;
    json_t *b;
    json_array_foreach(branches, i, b)
    {
        struct tsn_buf at;
        tsn_buf_init(&at, 8192);
        tsn_buf_printf(&at, "%s/%zu", pointer, i);
        const char *name = tsn_json_str(b, "name", "");
        if (strcmp(tsn_json_str(b, "category", ""), "product_version") == 0 &&
            tsn_csaf_names_range(name)) {
            tsn_csaf_find(c, "6.1.31", at.data, "product_version \"%.100s\" names a range",
                          name);
        }
        tsn_buf_puts(&at, "/branches");
        version_names(c, json_object_get(b, "branches"), at.data);
        tsn_buf_free(&at);
    }
}

void tsn_csaf_tests_product(struct tsn_csaf_check *c)
{
    size_t v;
    json_t *vuln;
    json_array_foreach(c->vulns, v, vuln)
    {
        contradictions(c, vuln, v);
        scores_once(c, vuln, v);
        cwe(c, vuln, v);
    }
    language(c, "lang");
    language(c, "source_lang");
    tsn_csaf_products(c, purl);
    version_names(c, json_object_get(c->tree, "branches"), "/product_tree/branches");
}
