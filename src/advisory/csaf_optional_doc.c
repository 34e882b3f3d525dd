/* csaf_optional_doc.c - optional tests about the document and its form: 6.2.4-15, 20. A finding
 * is a warning. Pure. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "advisory/csaf_check.h"
#include "advisory/csaf_shape.h"
#include "core/buf.h"
#include "core/json.h"

#define AT(at, ...) snprintf(at, sizeof at, __VA_ARGS__)
#define POINTER_MAX 65536

/* --- revision history -------------------------------------------------------------------- */

static void build_metadata(struct tsn_csaf_check *c)
{
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(c->tracking, "revision_history"), i, item)
    {
        const char *number = tsn_json_str(item, "number", "");
        size_t n = strcspn(number, "+");
        if (number[n]) {
            char at[96];
            AT(at, "/document/tracking/revision_history/%zu/number", i);
            tsn_csaf_find(c, "6.2.4", at, "version %.60s has build metadata", number);
            tsn_csaf_fix(c, "replace", at, json_stringn(number, n));
        }
    }
}

static int compare_time(const char *a, const char *b, bool *known)
{
    int64_t as, an, bs, bn;
    *known = tsn_csaf_time(a, &as, &an) && tsn_csaf_time(b, &bs, &bn);
    if (!*known) {
        return 0;
    }
    return as != bs ? (as < bs ? -1 : 1) : (an > bn) - (an < bn);
}

/* The oldest (way -1) or newest (way 1) date of the history; NULL = none. */
static const char *extreme(const struct tsn_csaf_check *c, int way)
{
    const char *best = NULL;
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(c->tracking, "revision_history"), i, item)
    {
        const char *date = tsn_json_str(item, "date", "");
        bool known;
        int r = compare_time(date, best ? best : date, &known);
        if (known && (!best || r == way)) {
            best = date;
        }
    }
    return best;
}

static void release_dates(struct tsn_csaf_check *c)
{
    const char *oldest = extreme(c, -1);
    const char *initial = tsn_json_str(c->tracking, "initial_release_date", "");
    bool known;
    if (oldest && compare_time(initial, oldest, &known) < 0) {
        tsn_csaf_find(c, "6.2.5", "/document/tracking/initial_release_date",
                      "%.40s is before the first revision, %.40s", initial, oldest);
    }
}

static void current_date(struct tsn_csaf_check *c)
{
    const char *newest = extreme(c, 1);
    const char *current = tsn_json_str(c->tracking, "current_release_date", "");
    bool known;
    if (newest && compare_time(current, newest, &known) < 0) {
        const char *at = "/document/tracking/current_release_date";
        tsn_csaf_find(c, "6.2.6", at, "%.40s is before the newest revision, %.40s", current,
                      newest);
        tsn_csaf_fix(c, "replace", at, json_string(newest));
    }
}

static void involvement_dates(struct tsn_csaf_check *c)
{
    size_t v, i;
    json_t *vuln, *item;
    json_array_foreach(c->vulns, v, vuln)
    {
        json_array_foreach(json_object_get(vuln, "involvements"), i, item)
        {
            if (!json_object_get(item, "date")) {
                char at[96];
                AT(at, "/vulnerabilities/%zu/involvements/%zu", v, i);
                tsn_csaf_find(c, "6.2.7", at, "the involvement of %.40s has no date",
                              tsn_json_str(item, "party", "a party"));
            }
        }
    }
}

/* --- hashes ------------------------------------------------------------------------------ */

static void only_hash(struct tsn_csaf_check *c, const json_t *product, const char *pointer,
                      const char *algorithm, const char *test)
{
    const json_t *helper = json_object_get(product, "product_identification_helper");
    size_t i, k;
    json_t *file, *one;
    json_array_foreach(json_object_get(helper, "hashes"), i, file)
    {
        const json_t *list = json_object_get(file, "file_hashes");
        bool only = json_array_size(list) > 0;
        json_array_foreach(list, k, one)
        {
            only = only && strcasecmp(tsn_json_str(one, "algorithm", ""), algorithm) == 0;
        }
        if (only) {
            struct tsn_buf at;
            tsn_buf_init(&at, 8192);
            tsn_buf_printf(&at, "%s/product_identification_helper/hashes/%zu/file_hashes",
                           pointer, i);
            tsn_csaf_find(c, test, at.data, "%s is the only hash of \"%.100s\"", algorithm,
                          tsn_json_str(file, "filename", ""));
            tsn_buf_free(&at);
        }
    }
}

static void one_md5(struct tsn_csaf_check *c, const json_t *product, const char *pointer)
{
    only_hash(c, product, pointer, "md5", "6.2.8");
}

static void one_sha1(struct tsn_csaf_check *c, const json_t *product, const char *pointer)
{
    only_hash(c, product, pointer, "sha1", "6.2.9");
}

static void only_md5(struct tsn_csaf_check *c)
{
    tsn_csaf_products(c, one_md5);
}

static void only_sha1(struct tsn_csaf_check *c)
{
    tsn_csaf_products(c, one_sha1);
}

/* --- document ---------------------------------------------------------------------------- */

static void tlp(struct tsn_csaf_check *c)
{
    const json_t *d = json_object_get(c->document, "distribution");
    if (!tsn_json_str(json_object_get(d, "tlp"), "label", NULL)) {
        tsn_csaf_find(c, "6.2.10", "/document/distribution/tlp/label",
                      "the document has no TLP label");
    }
}

/* Name of the file that holds this document (section 5.1 of the standard). */
static void file_name(const char *id, struct tsn_buf *out)
{
    bool gap = false;
    for (; *id; id++) {
        char ch = (char)tolower((unsigned char)*id);
        bool plain =
            (ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9') || ch == '+' || ch == '-';
        if (plain) {
            tsn_buf_putc(out, ch);
        } else if (!gap) {
            tsn_buf_putc(out, '_');
        }
        gap = !plain;
    }
    tsn_buf_puts(out, ".json");
}

static void canonical_url(struct tsn_csaf_check *c)
{
    struct tsn_buf name;
    tsn_buf_init(&name, POINTER_MAX);
    tsn_buf_putc(&name, '/');
    file_name(tsn_json_str(c->tracking, "id", ""), &name);
    bool found = false;
    size_t i;
    json_t *r;
    json_array_foreach(json_object_get(c->document, "references"), i, r)
    {
        const char *url = tsn_json_str(r, "url", "");
        size_t n = strlen(url);
        found = found || (strcmp(tsn_json_str(r, "category", ""), "self") == 0 &&
                          strncmp(url, "https://", 8) == 0 && n > name.len &&
                          strcmp(url + n - name.len, name.data) == 0);
    }
    if (!found) {
        tsn_csaf_find(c, "6.2.11", "/document/references",
                      "no reference of category self has an https URL that ends with %.200s",
                      name.data);
    }
    tsn_buf_free(&name);
}

static void no_language(struct tsn_csaf_check *c)
{
    if (!json_object_get(c->document, "lang")) {
        tsn_csaf_find(c, "6.2.12", "/document/lang", "the document does not name its language");
    }
}

static bool between(const char *s, size_t n, const char *from, const char *to)
{
    return strlen(from) == n && strncasecmp(s, from, n) >= 0 && strncasecmp(s, to, n) <= 0;
}

/* A subtag that ISO 639, 15924 or 3166 leaves to private agreement, or the singleton x. */
static bool is_private(const char *tag)
{
    bool first = true;
    for (const char *p = tag; *p; first = false) {
        size_t n = strcspn(p, "-");
        if (n == 1 && (*p == 'x' || *p == 'X')) {
            return true;
        }
        if (n == 1) {
            /* Behind another singleton are its own words; only x still matters. */
            const char *x = strcasestr(p, "-x-");
            return x != NULL;
        }
        if (first ? between(p, n, "qaa", "qtz")
                  : between(p, n, "Qaaa", "Qabx") || between(p, n, "AA", "AA") ||
                        between(p, n, "QM", "QZ") || between(p, n, "XA", "XZ") ||
                        between(p, n, "ZZ", "ZZ")) {
            return true;
        }
        p += n + (p[n] == '-');
    }
    return false;
}

static const char *const lang_members[] = {"lang", "source_lang"};

static void private_language(struct tsn_csaf_check *c)
{
    for (size_t k = 0; k < 2; k++) {
        const char *tag = tsn_json_str(c->document, lang_members[k], NULL);
        if (tag && is_private(tag)) {
            char at[64];
            AT(at, "/document/%s", lang_members[k]);
            tsn_csaf_find(c, "6.2.14", at, "\"%.60s\" is for private use", tag);
        }
    }
}

static void default_language(struct tsn_csaf_check *c)
{
    for (size_t k = 0; k < 2; k++) {
        const char *tag = tsn_json_str(c->document, lang_members[k], NULL);
        if (tag && strcasecmp(tag, "i-default") == 0) {
            char at[64];
            AT(at, "/document/%s", lang_members[k]);
            tsn_csaf_find(c, "6.2.15", at, "i-default is no language");
        }
    }
}

/* --- form -------------------------------------------------------------------------------- */

/* One reference token of a JSON pointer, with its two escapes. */
static void put_token(struct tsn_buf *at, const char *key)
{
    tsn_buf_putc(at, '/');
    for (; *key; key++) {
        if (*key == '~' || *key == '/') {
            tsn_buf_puts(at, *key == '~' ? "~0" : "~1");
        } else {
            tsn_buf_putc(at, *key);
        }
    }
}

static void cut(struct tsn_buf *at, size_t len)
{
    at->len = len;
    at->data[len] = '\0';
}

static void sorted(struct tsn_csaf_check *c, const json_t *v, struct tsn_buf *at)
{
    union {
        const json_t *in;
        json_t *out;
    } o = {v}; /* jansson's iterators take no const, but change nothing */
    const char *key, *before = NULL, *bad = NULL;
    json_t *item;
    size_t i, len = at->len;
    json_object_foreach(o.out, key, item)
    {
        if (!bad && before && strcmp(before, key) > 0) {
            bad = key;
            tsn_csaf_find(c, "6.2.13", at->data, "\"%.60s\" stands behind \"%.60s\"", key,
                          before);
        }
        before = key;
        if (json_is_object(item) || json_is_array(item)) {
            put_token(at, key);
            sorted(c, item, at);
            cut(at, len);
        }
    }
    json_array_foreach(v, i, item)
    {
        if (json_is_object(item) || json_is_array(item)) {
            tsn_buf_printf(at, "/%zu", i);
            sorted(c, item, at);
            cut(at, len);
        }
    }
}

static void sorting(struct tsn_csaf_check *c)
{
    struct tsn_buf at;
    tsn_buf_init(&at, POINTER_MAX);
    tsn_buf_puts(&at, "");
    sorted(c, c->doc, &at);
    tsn_buf_free(&at);
}

static const struct tsn_shape *of_object(const struct tsn_shape *shape, const json_t *v)
{
    switch (shape->kind) {
    case TSN_SHAPE_CVSS2:
        return &tsn_shape_cvss20;
    case TSN_SHAPE_CVSS3:
        return strcmp(tsn_json_str(v, "version", ""), "3.0") == 0 ? &tsn_shape_cvss30
                                                                  : &tsn_shape_cvss31;
    case TSN_SHAPE_OBJECT:
        return shape;
    case TSN_SHAPE_STRING:
    case TSN_SHAPE_SCORE:
    case TSN_SHAPE_ARRAY:
    case TSN_SHAPE_CVSS4:
    case TSN_SHAPE_ANY:
        break;
    }
    return NULL;
}

static void unknown(struct tsn_csaf_check *c, const struct tsn_shape *shape, const json_t *v,
                    struct tsn_buf *at)
{
    union {
        const json_t *in;
        json_t *out;
    } o = {v};
    size_t i, len = at->len;
    json_t *item;
    const char *key;
    if (shape->kind == TSN_SHAPE_ARRAY) {
        json_array_foreach(v, i, item)
        {
            tsn_buf_printf(at, "/%zu", i);
            unknown(c, shape->items, item, at);
            cut(at, len);
        }
        return;
    }
    shape = of_object(shape, v);
    if (!shape) {
        return;
    }
    json_object_foreach(o.out, key, item)
    {
        const struct tsn_member *m = shape->members;
        while (m->name && strcmp(m->name, key) != 0) {
            m++;
        }
        put_token(at, key);
        if (m->name) {
            unknown(c, m->shape, item, at);
        } else {
            tsn_csaf_find(c, "6.2.20", at->data, "CSAF has no member \"%.80s\" here", key);
            tsn_csaf_fix(c, "remove", at->data, NULL);
        }
        cut(at, len);
    }
}

static void additional(struct tsn_csaf_check *c)
{
    struct tsn_buf at;
    tsn_buf_init(&at, POINTER_MAX);
    tsn_buf_puts(&at, "");
    unknown(c, &tsn_shape_csaf, c->doc, &at);
    tsn_buf_free(&at);
}

const struct tsn_csaf_test tsn_csaf_optional_doc[] = {
    {"6.2.4", build_metadata},
    {"6.2.5", release_dates},
    {"6.2.6", current_date},
    {"6.2.7", involvement_dates},
    {"6.2.8", only_md5},
    {"6.2.9", only_sha1},
    {"6.2.10", tlp},
    {"6.2.11", canonical_url},
    {"6.2.12", no_language},
    {"6.2.13", sorting},
    {"6.2.14", private_language},
    {"6.2.15", default_language},
    {"6.2.20", additional},
    {NULL, NULL},
};
