/* csaf_recommended21.c - recommended and informative tests that only CSAF 2.1 has: the document, its
 * weaknesses, remediations, metrics and dates. Pure, but for 6.2.33, which asks what is past. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "advisory/csaf_check21.h"
#include "core/clock.h"
#include "core/cwe.h"
#include "core/json.h"

#define AT(at, ...) (void)snprintf(at, sizeof at, __VA_ARGS__)
#define DAY         INT64_C(86400)

static const char *tlp_of(const struct tsn_csaf_check *c)
{
    return tsn_json_str(json_object_get(json_object_get(c->document, "distribution"), "tlp"),
                        "label", "");
}

static bool clear(const struct tsn_csaf_check *c)
{
    return strcmp(tlp_of(c), "CLEAR") == 0;
}

/* --- the document --------------------------------------------------------------------------------- */

static void same_times(struct tsn_csaf_check *c)
{
    const json_t *history = json_object_get(c->tracking, "revision_history"), *a, *b;
    size_t n = json_array_size(history);
    for (size_t i = 0; i < n; i++) {
        int64_t sec, nsec, s, ns;
        a = json_array_get(history, i);
        if (!tsn_csaf_time(tsn_json_str(a, "date", ""), &sec, &nsec)) {
            continue;
        }
        for (size_t k = 0; k < i; k++) {
            b = json_array_get(history, k);
            if (tsn_csaf_time(tsn_json_str(b, "date", ""), &s, &ns) && s == sec && ns == nsec) {
                char at[80];
                AT(at, "/document/tracking/revision_history/%zu/date", i);
                tsn_csaf_find(c, "6.2.21", at, "the same moment as item %zu", k);
                break;
            }
        }
    }
}

static void id_in_title(struct tsn_csaf_check *c)
{
    const char *id = tsn_json_str(c->tracking, "id", ""),
               *title = tsn_json_str(c->document, "title", "");
    if (*id && strstr(title, id)) {
        tsn_csaf_find(c, "6.2.22", "/document/title", "the title repeats the id %.100s", id);
    }
}

static void sharing_group(struct tsn_csaf_check *c)
{
    const json_t *group =
        json_object_get(json_object_get(c->document, "distribution"), "sharing_group");
    const char *id = tsn_json_str(group, "id", "");
    if (!group) {
        return;
    }
    if (strcasecmp(id, "ffffffff-ffff-ffff-ffff-ffffffffffff") == 0) {
        tsn_csaf_find(c, "6.2.28", "/document/distribution/sharing_group/id",
                      "the Max UUID names everybody, so no group");
    }
    if (strcmp(id, "00000000-0000-0000-0000-000000000000") == 0) {
        tsn_csaf_find(c, "6.2.29", "/document/distribution/sharing_group/id",
                      "the Nil UUID names nobody");
    }
    if (clear(c)) {
        tsn_csaf_find(c, "6.2.30", "/document/distribution/sharing_group",
                      "TLP:CLEAR is for everybody, a sharing group for some");
    }
}

/* What a document that ends says of itself in another language than English; those that are recorded. */
static const struct {
    const char *lang, *withdrawal, *supersession, *successor;
} words[] = {
    {"de", "Begründung für die Zurückziehung", "Begründung für die Ersetzung",
     "Ersetztes Dokument"},
};

static void one_note(struct tsn_csaf_check *c, const char *test, const char *title)
{
    json_t *n;
    size_t i, found = 0;
    json_array_foreach(json_object_get(c->document, "notes"), i, n)
    {
        found += strcmp(tsn_json_str(n, "title", ""), title) == 0 &&
                 strcmp(tsn_json_str(n, "category", ""), "description") == 0;
    }
    if (found != 1) {
        tsn_csaf_find(c, test, "/document/notes",
                      "%zu notes of category description are titled \"%s\", not one", found,
                      title);
    }
}

static void ended(struct tsn_csaf_check *c)
{
    bool withdrawn = strcmp(c->category, "csaf_withdrawn") == 0,
         superseded = strcmp(c->category, "csaf_superseded") == 0;
    const char *lang = tsn_json_str(c->document, "lang", "en");
    if (strncmp(c->category, "csaf_deprecated_", 16) == 0) {
        tsn_csaf_find(c, "6.2.38", "/document/category", "%.80s is a profile of before",
                      c->category);
    }
    for (size_t w = 0; w < sizeof words / sizeof words[0]; w++) {
        size_t n = strlen(words[w].lang), i;
        json_t *ref;
        bool named = false;
        if (strncasecmp(lang, words[w].lang, n) != 0 || (lang[n] && lang[n] != '-')) {
            continue;
        }
        if (withdrawn) {
            one_note(c, "6.2.39.2", words[w].withdrawal);
        }
        if (!superseded) {
            continue;
        }
        one_note(c, "6.2.39.3", words[w].supersession);
        json_array_foreach(json_object_get(c->document, "references"), i, ref)
        {
            named = named || (strncmp(tsn_json_str(ref, "summary", ""), words[w].successor,
                                      strlen(words[w].successor)) == 0 &&
                              strcmp(tsn_json_str(ref, "category", ""), "external") == 0);
        }
        if (!named) {
            tsn_csaf_find(c, "6.2.39.4", "/document/references",
                          "no external reference is summarised as \"%s\"", words[w].successor);
        }
    }
}

/* Any LicenseRef but those of the registry of AboutCode, whose prefix is agreed in the SPDX project. */
static void licences(struct tsn_csaf_check *c)
{
    const char *text = tsn_json_str(c->document, "license_expression", "");
    for (const char *p = text; (p = strstr(p, "LicenseRef-")); p += 11) {
        if (strncmp(p + 11, "scancode-", 9) != 0) {
            tsn_csaf_find(c, "6.3.17", "/document/license_expression",
                          "\"%.*s\" is in no registry of licences",
                          (int)(strcspn(p, " ()") < 100 ? strcspn(p, " ()") : 100), p);
        }
    }
}

/* English alone: translations of the title are not recorded. */
static void descriptions(struct tsn_csaf_check *c)
{
    const char *lang = tsn_json_str(c->document, "lang", "en");
    json_t *n;
    size_t i;
    json_array_foreach(json_object_get(c->document, "notes"), i, n)
    {
        if (strncasecmp(lang, "en", 2) == 0 &&
            strcmp(tsn_json_str(n, "category", ""), "description") == 0 &&
            strncasecmp(tsn_json_str(n, "title", ""), "Product Description", 19) == 0 &&
            !json_object_get(n, "product_ids") && !json_object_get(n, "group_ids")) {
            char at[64];
            AT(at, "/document/notes/%zu", i);
            tsn_csaf_find(c, "6.2.40", at, "the description does not say of which product");
        }
    }
}

/* --- weaknesses ------------------------------------------------------------------------------------- */

/* When versions of CWE came out (cwe.mitre.org, "Release Archive"); days count from 00:00 UTC. */
static const struct {
    const char *version, *day;
} cwe_days[] = {
    {"4.9", "2022-10-13T00:00:00Z"},  {"4.10", "2023-01-31T00:00:00Z"},
    {"4.11", "2023-04-27T00:00:00Z"}, {"4.12", "2023-06-29T00:00:00Z"},
    {"4.13", "2023-10-26T00:00:00Z"}, {"4.14", "2024-02-29T00:00:00Z"},
    {"4.15", "2024-07-16T00:00:00Z"}, {"4.16", "2024-11-19T00:00:00Z"},
    {"4.17", "2025-04-03T00:00:00Z"}, {"4.18", "2025-09-09T00:00:00Z"},
    {"4.19", "2025-12-11T00:00:00Z"}, {"4.20", "2026-04-30T00:00:00Z"},
};

/* The newest version at that moment; NULL before the first of the table. */
static const char *cwe_version_at(int64_t sec)
{
    const char *found = NULL;
    for (size_t i = 0; i < sizeof cwe_days / sizeof cwe_days[0]; i++) {
        int64_t day, nsec;
        if (tsn_csaf_time(cwe_days[i].day, &day, &nsec) && day <= sec) {
            found = cwe_days[i].version;
        }
    }
    return found;
}

static void weaknesses(struct tsn_csaf_check *c, const json_t *vuln, size_t v)
{
    int64_t sec, nsec;
    bool dated = tsn_csaf_newest(c, &sec, &nsec);
    const char *newest = dated ? cwe_version_at(sec) : NULL;
    json_t *cwe;
    size_t i;
    json_array_foreach(json_object_get(vuln, "cwes"), i, cwe)
    {
        const char *id = tsn_json_str(cwe, "id", ""),
                   *version = tsn_json_str(cwe, "version", "");
        const struct tsn_cwe_row *row = tsn_cwe_find(tsn_cwe_number(id), version);
        char at[80];
        AT(at, "/vulnerabilities/%zu/cwes/%zu", v, i);
        if (row && row->status == TSN_CWE_DEPRECATED) {
            tsn_csaf_find(c, "6.2.23", at, "%.20s is deprecated in CWE %.10s", id, version);
        }
        if (newest && strcmp(newest, version) != 0) {
            tsn_csaf_find(c, "6.2.24", at, "CWE %.10s; the newest at the last revision was %s",
                          version, newest);
        }
        if (row && (row->usage == TSN_CWE_DISCOURAGED || row->usage == TSN_CWE_PROHIBITED)) {
            tsn_csaf_find(c, "6.2.25", at, "mapping a vulnerability to %.20s is %s", id,
                          tsn_cwe_usage_text(row->usage));
        }
        if (row && row->usage == TSN_CWE_REVIEW) {
            tsn_csaf_find(c, "6.2.26", at, "%.20s may be mapped to after a review alone", id);
        }
    }
}

/* --- remediations, dates ------------------------------------------------------------------------------ */

/* Combinations that the standard discourages (its table of remediation categories, 3.2.4.14.1). */
static void discouraged(struct tsn_csaf_check *c, const json_t *vuln, size_t v)
{
    static const struct {
        const char *status, *categories;
    } table[] = {
        {"known_not_affected", " fix_planned no_fix_planned "},
        {"first_fixed", " optional_patch "},
        {"fixed", " optional_patch "},
        {"under_investigation", " workaround mitigation vendor_fix fix_planned "},
        {"unknown", " workaround mitigation vendor_fix fix_planned "},
    };
    json_t *r, *id;
    size_t i, k;
    json_array_foreach(json_object_get(vuln, "remediations"), i, r)
    {
        json_t *set = json_object();
        char word[40], at[96];
        AT(word, " %.32s ", tsn_json_str(r, "category", "?"));
        AT(at, "/vulnerabilities/%zu/remediations/%zu", v, i);
        tsn_csaf_refs(c, r, set);
        for (size_t t = 0; t < sizeof table / sizeof table[0]; t++) {
            const json_t *list =
                json_object_get(json_object_get(vuln, "product_status"), table[t].status);
            if (!strstr(table[t].categories, word)) {
                continue;
            }
            json_array_foreach(list, k, id)
            {
                const char *product = json_is_string(id) ? json_string_value(id) : "";
                if (json_object_get(set, product)) {
                    tsn_csaf_find(c, "6.2.27", at, "\"%.100s\" is %s: %.32s is discouraged",
                                  product, table[t].status, tsn_json_str(r, "category", ""));
                }
            }
        }
        json_decref(set);
    }
}

static void disclosure(struct tsn_csaf_check *c, const json_t *vuln, size_t v)
{
    const char *shown = tsn_json_str(vuln, "disclosure_date", "");
    int64_t sec, nsec, now = tsn_clock_wall_ms() / 1000;
    char at[64];
    if (tsn_csaf_newest(c, &sec, &nsec) && tsn_csaf_past(shown, sec, nsec) &&
        !tsn_csaf_past(shown, now, 0)) {
        AT(at, "/vulnerabilities/%zu/disclosure_date", v);
        tsn_csaf_find(c, "6.2.33", at, "%.40s has passed since the newest revision", shown);
    }
}

/* --- metrics --------------------------------------------------------------------------------------------- */

static void epss(struct tsn_csaf_check *c, const json_t *vuln, size_t v)
{
    int64_t newest, nsec, sec, best = INT64_MIN;
    size_t i, where = 0;
    json_t *m;
    json_array_foreach(json_object_get(vuln, "metrics"), i, m)
    {
        const json_t *e = json_object_get(json_object_get(m, "content"), "epss");
        if (e && tsn_csaf_time(tsn_json_str(e, "timestamp", ""), &sec, &nsec) && sec > best) {
            best = sec;
            where = i;
        }
    }
    bool released = strcmp(c->status, "final") == 0 || strcmp(c->status, "interim") == 0;
    if (released && best != INT64_MIN && tsn_csaf_newest(c, &newest, &nsec) &&
        newest - best > 15 * DAY) {
        char at[96];
        AT(at, "/vulnerabilities/%zu/metrics/%zu/content/epss/timestamp", v, where);
        tsn_csaf_find(c, "6.2.41", at, "more than 15 days before the newest revision");
    }
}

/* Reserved for documentation and tests: neither registered nor blamed. */
static bool reserved(const char *space, size_t base)
{
    return (base == 4 && strncmp(space, "test", 4) == 0) ||
           (base == 7 && strncmp(space, "example", 7) == 0);
}

static void ssvc(struct tsn_csaf_check *c, const json_t *s, const char *content)
{
    json_t *one, *r;
    size_t i, k;
    json_array_foreach(json_object_get(s, "selections"), i, one)
    {
        const char *space = tsn_json_str(one, "namespace", "");
        size_t base = strcspn(space, "/$#");
        bool own = strncmp(space, "x_", 2) == 0, known = tsn_csaf_ssvc_registered(space, base),
             extended = strchr(space, '/') != NULL, told = false;
        char at[160];
        AT(at, "%s/ssvc_v2/selections/%zu/namespace", content, i);
        if (reserved(space, base)) {
            known = true;
        } else if (own || !known) {
            tsn_csaf_find(c, "6.2.34", at, "\"%.100s\" is no registered base namespace", space);
        }
        if (own) {
            tsn_csaf_find(c, clear(c) ? "6.2.35" : "6.3.14", at,
                          "readers may not know \"%.100s\", which is not registered", space);
        }
        if (extended) {
            tsn_csaf_find(c, clear(c) ? "6.2.36" : "6.3.15", at,
                          "\"%.100s\" extends its namespace: readers may not know how", space);
        }
        json_array_foreach(json_object_get(s, "decision_point_resources"), k, r)
        {
            told = told || strstr(tsn_json_str(r, "summary", ""), space);
        }
        if (!told && !reserved(space, base) && (own || !known || extended)) {
            AT(at, "%s/ssvc_v2/decision_point_resources", content);
            tsn_csaf_find(c, "6.2.37", at, "no resource says what \"%.100s\" is", space);
        }
    }
}

static bool any_cvss(const json_t *content)
{
    return json_object_get(content, "cvss_v2") || json_object_get(content, "cvss_v3") ||
           json_object_get(content, "cvss_v4");
}

static bool ours(const struct tsn_csaf_check *c, const json_t *metric)
{
    const char *source = tsn_json_str(metric, "source", NULL);
    json_t *ref;
    size_t i;
    bool self = source == NULL;
    json_array_foreach(json_object_get(c->document, "references"), i, ref)
    {
        self = self || (strcmp(tsn_json_str(ref, "category", ""), "self") == 0 &&
                        strcmp(tsn_json_str(ref, "url", ""), source) == 0);
    }
    return self;
}

static void metrics(struct tsn_csaf_check *c, const json_t *vuln, size_t v)
{
    json_t *m;
    size_t i;
    json_array_foreach(json_object_get(vuln, "metrics"), i, m)
    {
        const json_t *content = json_object_get(m, "content"),
                     *s = json_object_get(content, "ssvc_v2");
        char at[96];
        AT(at, "/vulnerabilities/%zu/metrics/%zu/content", v, i);
        if (s) {
            ssvc(c, s, at);
        }
        if (any_cvss(content) && !json_object_get(content, "cvss_v4")) {
            tsn_csaf_find(c, "6.3.12", at, "there is no CVSS 4.0 score");
        }
        if (json_object_get(content, "qualitative_severity_rating") && ours(c, m)) {
            tsn_csaf_find(c, "6.2.47", at, "who issues the document can score it");
        }
    }
    epss(c, vuln, v);
}

/* An affected product without any score has none of CVSS 4.0 either. */
static void unscored(struct tsn_csaf_check *c, const json_t *vuln, size_t v)
{
    static const char *const affected[] = {"first_affected", "known_affected", "last_affected"};
    json_t *scored = json_object(), *m, *id;
    size_t i, k;
    json_array_foreach(json_object_get(vuln, "metrics"), i, m)
    {
        json_array_foreach(
            any_cvss(json_object_get(m, "content")) ? json_object_get(m, "products") : NULL, k,
            id)
        {
            if (json_is_string(id)) {
                json_object_set_new(scored, json_string_value(id), json_true());
            }
        }
    }
    for (size_t s = 0; s < sizeof affected / sizeof affected[0]; s++) {
        const json_t *list =
            json_object_get(json_object_get(vuln, "product_status"), affected[s]);
        json_array_foreach(list, i, id)
        {
            if (json_is_string(id) && !json_object_get(scored, json_string_value(id))) {
                char at[96];
                AT(at, "/vulnerabilities/%zu/product_status/%s/%zu", v, affected[s], i);
                tsn_csaf_find(c, "6.3.12", at, "\"%.100s\" has no score",
                              json_string_value(id));
            }
        }
    }
    json_decref(scored);
}

void tsn_csaf_recommended21(struct tsn_csaf_check *c)
{
    json_t *vuln;
    size_t v;
    same_times(c);
    id_in_title(c);
    sharing_group(c);
    ended(c);
    licences(c);
    descriptions(c);
    json_array_foreach(c->vulns, v, vuln)
    {
        weaknesses(c, vuln, v);
        discouraged(c, vuln, v);
        disclosure(c, vuln, v);
        metrics(c, vuln, v);
        unscored(c, vuln, v);
    }
}
