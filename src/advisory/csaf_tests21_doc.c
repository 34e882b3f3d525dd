/* csaf_tests21_doc.c - documents of CSAF 2.1: category and profiles, dates, sharing groups,
 * licences, extensions. Pure. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "advisory/csaf_check21.h"
#include "core/buf.h"
#include "core/json.h"

#define AT(at, ...) (void)snprintf(at, sizeof at, __VA_ARGS__)

static bool is(const struct tsn_csaf_check *c, const char *category)
{
    return strcmp(c->category, category) == 0;
}

/* 6.1.26: other categories must not look like profiles. Dashes of all kinds, blanks and
 * underscores do not count, nor does case. */
static void category(struct tsn_csaf_check *c)
{
    static const char *const profiles[] = {"base",
                                           "securityincidentresponse",
                                           "informationaladvisory",
                                           "vex",
                                           "securityadvisory",
                                           "deprecatedsecurityadvisory",
                                           "withdrawn",
                                           "superseded",
                                           NULL};
    static const char *const names[] = {"csaf_base",
                                        "csaf_security_incident_response",
                                        "csaf_informational_advisory",
                                        "csaf_vex",
                                        "csaf_security_advisory",
                                        "csaf_deprecated_security_advisory",
                                        "csaf_withdrawn",
                                        "csaf_superseded",
                                        NULL};
    for (size_t i = 0; names[i]; i++) {
        if (is(c, names[i])) {
            return;
        }
    }
    char folded[96];
    size_t n = 0;
    for (const unsigned char *p = (const unsigned char *)c->category;
         *p && n + 1 < sizeof folded; p++) {
        if (p[0] == 0xE2 && ((p[1] == 0x80 && p[2] >= 0x90 && p[2] <= 0x95) ||
                             (p[1] == 0x88 && p[2] == 0x92))) {
            p += 2; /* U+2010 to U+2015, the minus sign */
        } else if (*p != '-' && *p != '_' && !isspace(*p)) {
            folded[n++] = (char)tolower(*p);
        }
    }
    folded[n] = '\0';
    const char *rest = strncmp(folded, "csaf", 4) == 0 ? folded + 4 : folded;
    bool like = strncasecmp(c->category, "csaf_", 5) == 0;
    for (size_t i = 0; profiles[i]; i++) {
        like = like || (strcmp(rest, profiles[i]) == 0 && (i > 0 || rest != folded));
    }
    if (like) {
        tsn_csaf_find(c, "6.1.26", "/document/category",
                      "\"%.80s\" looks like a CSAF profile but is none", c->category);
    }
}

/* Notes with this title, and among them those of category description. */
static void reasons(const struct tsn_csaf_check *c, const char *title, size_t *all,
                    size_t *good)
{
    size_t i;
    json_t *n;
    *all = *good = 0;
    json_array_foreach(json_object_get(c->document, "notes"), i, n)
    {
        if (!title || strcmp(tsn_json_str(n, "title", ""), title) == 0) {
            *all += 1;
            *good += strcmp(tsn_json_str(n, "category", ""), "description") == 0;
        }
    }
}

static void ended(struct tsn_csaf_check *c)
{
    size_t all, good, i;
    json_t *r;
    const char *lang = tsn_json_str(c->document, "lang", "en");
    bool english = strncasecmp(lang, "en", 2) == 0 && (lang[2] == '\0' || lang[2] == '-');
    bool superseded = is(c, "csaf_superseded");
    const char *title = superseded ? "Reasoning for Supersession" : "Reasoning for Withdrawal";
    if (c->vulns) {
        tsn_csaf_find(c, "6.1.27.3", "/vulnerabilities", "must not be in such a document");
    }
    if (c->tree) {
        tsn_csaf_find(c, "6.1.27.15", "/product_tree", "must not be in such a document");
    }
    reasons(c, NULL, &all, &good);
    if (good == 0) {
        tsn_csaf_find(c, "6.1.27.14", "/document/notes",
                      "needs a note of category description");
    }
    if (json_array_size(json_object_get(c->tracking, "revision_history")) < 2) {
        tsn_csaf_find(c, "6.1.27.16", "/document/tracking/revision_history",
                      "needs at least two entries");
    }
    reasons(c, title, &all, &good);
    if (english && (all != 1 || good != 1)) {
        tsn_csaf_find(c, superseded ? "6.1.27.18" : "6.1.27.17", "/document/notes",
                      "needs exactly one note titled \"%s\", of category description", title);
    }
    bool successor = false;
    json_array_foreach(json_object_get(c->document, "references"), i, r)
    {
        successor = successor ||
                    (strncmp(tsn_json_str(r, "summary", ""), "Superseding Document", 20) == 0 &&
                     strcmp(tsn_json_str(r, "category", ""), "external") == 0);
    }
    if (superseded && english && !successor) {
        tsn_csaf_find(c, "6.1.27.19", "/document/references",
                      "needs an external reference whose summary starts with \"Superseding "
                      "Document\"");
    }
}

/* id -> product: the names above the version; ids that share it are versions of one. */
static void families(json_t *of, const json_t *list, const char *path)
{
    size_t i;
    json_t *b;
    json_array_foreach(list, i, b)
    {
        struct tsn_buf at;
        tsn_buf_init(&at, 1u << 16);
        bool version = strncmp(tsn_json_str(b, "category", ""), "product_version", 15) == 0;
        tsn_buf_puts(&at, path);
        if (!version) {
            tsn_buf_printf(&at, "/%s", tsn_json_str(b, "name", ""));
        }
        const char *id = tsn_json_str(json_object_get(b, "product"), "product_id", NULL);
        if (id) {
            json_object_set_new(of, id, json_string(at.data));
        }
        families(of, json_object_get(b, "branches"), at.data);
        tsn_buf_free(&at);
    }
}

/* 6.1.27.12 and 13. */
static void affected(struct tsn_csaf_check *c, const json_t *vuln, size_t v, const json_t *of)
{
    const json_t *status = json_object_get(vuln, "product_status");
    const json_t *known = json_object_get(status, "known_affected");
    size_t i, k;
    json_t *id, *other;
    char at[128];
    if (!known) {
        AT(at, "/vulnerabilities/%zu/product_status", v);
        tsn_csaf_find(c, "6.1.27.12", at, "needs known_affected");
    }
    json_array_foreach(json_object_get(status, "fixed"), i, id)
    {
        const char *mine = tsn_json_str(of, json_string_value(id), NULL);
        bool found = !mine && json_array_size(known) > 0;
        json_array_foreach(known, k, other)
        {
            const char *theirs = tsn_json_str(of, json_string_value(other), NULL);
            found = found || (mine && theirs && strcmp(mine, theirs) == 0);
        }
        if (!found) {
            AT(at, "/vulnerabilities/%zu/product_status/fixed/%zu", v, i);
            tsn_csaf_find(c, "6.1.27.13", at,
                          "no version of the fixed product \"%.100s\" is known_affected",
                          json_string_value(id));
        }
    }
}

/* The tests that profiles of 2.0 have too come from the profile tests of 2.0. */
static void profile(struct tsn_csaf_check *c)
{
    if (is(c, "csaf_withdrawn") || is(c, "csaf_superseded")) {
        ended(c);
        return;
    }
    struct tsn_csaf_check inner = *c;
    json_t *f;
    size_t i, v;
    inner.findings = json_array();
    if (is(c, "csaf_deprecated_security_advisory")) {
        inner.category = "csaf_security_advisory";
    }
    tsn_csaf_tests_profile(&inner);
    json_array_foreach(inner.findings, i, f)
    {
        if (strncmp(tsn_json_str(f, "test", ""), "6.1.27.", 7) == 0) {
            json_array_append(c->findings, f);
        }
    }
    json_decref(inner.findings);
    if (is(c, "csaf_security_advisory")) {
        json_t *of = json_object(), *vuln;
        families(of, json_object_get(c->tree, "branches"), "");
        json_array_foreach(c->vulns, v, vuln)
        {
            affected(c, vuln, v, of);
        }
        json_decref(of);
    }
}

/* 6.1.37: RFC 3339 with capital T and Z, days that exist, no leap seconds. */
static bool good_date(const char *s)
{
    int64_t sec, nsec;
    return tsn_csaf_time(s, &sec, &nsec) && s[10] == 'T' && !strchr(s, 'z') &&
           strncmp(s + 17, "60", 2) != 0;
}

static void dates(struct tsn_csaf_check *c, const json_t *v, struct tsn_buf *at)
{
    size_t i, len = at->len;
    json_t *item;
    const char *key;
    json_array_foreach(v, i, item)
    {
        tsn_buf_printf(at, "/%zu", i);
        dates(c, item, at);
        at->len = len;
        at->data[len] = '\0';
    }
    union tsn_json_read r = {.in = v};
    json_object_foreach(r.out, key, item)
    {
        if (strcmp(key, "x_extensions") == 0) {
            continue;
        }
        size_t n = strlen(key);
        bool date = strcmp(key, "timestamp") == 0 || strcmp(key, "date") == 0 ||
                    (n > 5 && strcmp(key + n - 5, "_date") == 0);
        tsn_buf_printf(at, "/%s", key);
        if (date && json_is_string(item) && !good_date(json_string_value(item))) {
            tsn_csaf_find(c, "6.1.37", at->data,
                          "\"%.60s\" is not a date and time as 2.1 wants",
                          json_string_value(item));
        } else {
            dates(c, item, at);
        }
        at->len = len;
        at->data[len] = '\0';
    }
}

static void sharing(struct tsn_csaf_check *c)
{
    static const char none[] = "00000000-0000-0000-0000-000000000000",
                      every[] = "ffffffff-ffff-ffff-ffff-ffffffffffff";
    const json_t *d = json_object_get(c->document, "distribution");
    const json_t *group = json_object_get(d, "sharing_group");
    const char *id = tsn_json_str(group, "id", NULL), *name = tsn_json_str(group, "name", "");
    bool clear = strcmp(tsn_json_str(json_object_get(d, "tlp"), "label", ""), "CLEAR") == 0;
    const char *at = "/document/distribution/sharing_group";
    if (!id) {
        return;
    }
    bool max = strcmp(id, every) == 0, nil = strcmp(id, none) == 0;
    if (max && !clear) {
        tsn_csaf_find(c, "6.1.38", at, "the group of everybody needs TLP:CLEAR");
    }
    /* Drafts may be for nobody yet. */
    if (clear && !max && !(nil && strcmp(c->status, "draft") == 0)) {
        tsn_csaf_find(c, "6.1.39", at, "TLP:CLEAR is for everybody: the group must be %s",
                      every);
    }
    if ((strcmp(name, "Public") == 0 && !max) ||
        (strcmp(name, "No sharing allowed") == 0 && !nil)) {
        tsn_csaf_find(c, "6.1.40", at, "the name \"%.40s\" belongs to another id", name);
    }
    if ((max && strcmp(name, "Public") != 0) ||
        (nil && strcmp(name, "No sharing allowed") != 0)) {
        tsn_csaf_find(c, "6.1.41", at, "this id must be named \"%s\"",
                      max ? "Public" : "No sharing allowed");
    }
}

/* --- licences (SPDX license expressions, annex D of SPDX 2.3) -------------------------------- */

struct spdx {
    const char *p;
    bool own; /* a LicenseRef was seen */
};

static const char *word(struct spdx *s, size_t *n)
{
    s->p += strspn(s->p, " ");
    *n = *s->p == '(' || *s->p == ')' ? 1 : strcspn(s->p, " ()");
    return s->p;
}

static bool idstring(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!isalnum((unsigned char)p[i]) && p[i] != '-' && p[i] != '.') {
            return false;
        }
    }
    return n > 0;
}

static bool license(struct spdx *s, const char *p, size_t n)
{
    const char *colon = memchr(p, ':', n);
    size_t head = colon ? (size_t)(colon - p) + 1 : 0;
    if (colon && (strncmp(p, "DocumentRef-", 12) != 0 || !idstring(p + 12, head - 13))) {
        return false;
    }
    if (strncmp(p + head, "LicenseRef-", 11) == 0 && n > head + 11) {
        s->own = true;
        return idstring(p + head + 11, n - head - 11);
    }
    n -= n > 1 && p[n - 1] == '+';
    return !colon && idstring(p, n);
}

static bool expression(struct spdx *s, int depth)
{
    for (;;) {
        size_t n;
        const char *p = word(s, &n);
        if (n == 0 || depth > 20) {
            return false;
        }
        s->p += n;
        if (*p == '(') {
            if (!expression(s, depth + 1)) {
                return false;
            }
            p = word(s, &n);
            if (n != 1 || *p != ')') {
                return false;
            }
            s->p += n;
        } else if (*p == ')' || !license(s, p, n)) {
            return false;
        }
        p = word(s, &n);
        if (n == 4 && strncmp(p, "WITH", 4) == 0) {
            s->p += n;
            p = word(s, &n);
            if (!idstring(p, n)) {
                return false;
            }
            s->p += n;
            p = word(s, &n);
        }
        bool and = n == 3 && strncmp(p, "AND", 3) == 0, or = n == 2 && strncmp(p, "OR", 2) == 0;
        if (!and&&! or) {
            return n == 0 || (*p == ')' && depth > 0);
        }
        s->p += n;
    }
}

static void licences(struct tsn_csaf_check *c)
{
    const char *text = tsn_json_str(c->document, "license_expression", NULL);
    struct spdx s = {.p = text};
    size_t i, found = 0;
    json_t *n;
    if (!text) {
        return;
    }
    if (!expression(&s, 0)) {
        tsn_csaf_find(c, "6.1.54", "/document/license_expression",
                      "\"%.100s\" is not an SPDX license expression", text);
        return;
    }
    const char *lang = tsn_json_str(c->document, "lang", "en");
    json_array_foreach(json_object_get(c->document, "notes"), i, n)
    {
        found += strcmp(tsn_json_str(n, "title", ""), "License") == 0 &&
                 strcmp(tsn_json_str(n, "category", ""), "legal_disclaimer") == 0;
    }
    if (s.own && strncasecmp(lang, "en", 2) == 0 && found != 1) {
        tsn_csaf_find(c, "6.1.55", "/document/notes",
                      "a LicenseRef needs one note \"License\" of category legal_disclaimer");
    }
}

/* 6.1.60.1: what every extension must look like; the schema it names is not fetched. */
static void extensions(struct tsn_csaf_check *c, const json_t *v, struct tsn_buf *at)
{
    static const char *const known[] = {"$schema", "category", "content", "critical"};
    size_t i, len = at->len;
    json_t *item, *x;
    const char *key;
    json_array_foreach(v, i, item)
    {
        tsn_buf_printf(at, "/%zu", i);
        extensions(c, item, at);
        at->len = len;
        at->data[len] = '\0';
    }
    union tsn_json_read r = {.in = v};
    json_object_foreach(r.out, key, item)
    {
        tsn_buf_printf(at, "/%s", key);
        bool here = strcmp(key, "x_extensions") == 0;
        json_array_foreach(here ? item : NULL, i, x)
        {
            size_t others = json_object_size(x);
            for (size_t k = 0; k < sizeof known / sizeof known[0]; k++) {
                others -= json_object_get(x, known[k]) != NULL;
            }
            if (!json_is_string(json_object_get(x, "$schema")) ||
                !json_is_string(json_object_get(x, "category")) ||
                !json_object_get(x, "content") || others > 0) {
                tsn_csaf_find(c, "6.1.60.1", at->data,
                              "item %zu is not { $schema, category, content, critical }", i);
            }
        }
        if (!here) {
            extensions(c, item, at);
        }
        at->len = len;
        at->data[len] = '\0';
    }
}

void tsn_csaf_tests21_doc(struct tsn_csaf_check *c)
{
    struct tsn_buf at;
    tsn_buf_init(&at, 1u << 16);
    tsn_buf_puts(&at, "");
    category(c);
    profile(c);
    dates(c, c->doc, &at);
    sharing(c);
    licences(c);
    extensions(c, c->doc, &at);
    tsn_buf_free(&at);
}
