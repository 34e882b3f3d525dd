/* csaf_tests_profile.c - what each document category asks for: 6.1.15, 26, 27.1-27.11, 28. Pure. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "advisory/csaf_check.h"
#include "core/json.h"

#define AT(at, ...) snprintf(at, sizeof at, __VA_ARGS__)

static bool among(const char *s, const char *const *words)
{
    for (; *words; words++) {
        if (strcmp(s, *words) == 0) {
            return true;
        }
    }
    return false;
}

/* 6.1.26: a base document must not look like one of a profile. */
static void category(struct tsn_csaf_check *c)
{
    static const char *const profiles[] = {"csaf_informational_advisory",
                                           "csaf_security_advisory",
                                           "csaf_security_incident_response", "csaf_vex", NULL};
    static const char *const names[] = {"informationaladvisory",
                                        "securityadvisory",
                                        "securityincidentresponse",
                                        "vex",
                                        "csafinformationaladvisory",
                                        "csafsecurityadvisory",
                                        "csafsecurityincidentresponse",
                                        "csafvex",
                                        NULL};
    if (!*c->category || among(c->category, profiles) ||
        strcmp(c->category, "csaf_base") == 0) {
        return;
    }
    char folded[64];
    size_t n = 0;
    for (const char *p = c->category; *p && n < sizeof folded - 1; p++) {
        if (*p != '-' && *p != '_' && !isspace((unsigned char)*p)) {
            folded[n++] = (char)tolower((unsigned char)*p);
        }
    }
    folded[n] = '\0';
    if (strncasecmp(c->category, "csaf_", 5) == 0 || among(folded, names)) {
        tsn_csaf_find(c, "6.1.26", "/document/category",
                      "\"%.80s\" looks like a CSAF profile but is none", c->category);
    }
}

static void notes_and_references(struct tsn_csaf_check *c)
{
    static const char *const kinds[] = {"description", "details", "general", "summary", NULL};
    bool note = false, reference = false;
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(c->document, "notes"), i, item)
    {
        note = note || among(tsn_json_str(item, "category", ""), kinds);
    }
    json_array_foreach(json_object_get(c->document, "references"), i, item)
    {
        reference =
            reference || strcmp(tsn_json_str(item, "category", "external"), "external") == 0;
    }
    if (!note) {
        tsn_csaf_find(c, "6.1.27.1", "/document/notes",
                      "needs a note of category description, details, general or summary");
    }
    if (!reference) {
        tsn_csaf_find(c, "6.1.27.2", "/document/references", "needs an external reference");
    }
}

/* 6.1.27.9 and 10: each product of `status` is named by one of the lists. */
static void covered(struct tsn_csaf_check *c, const json_t *vuln, size_t v, const char *status,
                    const char *test, const char *lack)
{
    json_t *set = json_object();
    size_t i;
    json_t *item;
    if (strcmp(status, "known_affected") == 0) {
        json_array_foreach(json_object_get(vuln, "remediations"), i, item)
        {
            tsn_csaf_refs(c, item, set);
        }
    } else {
        json_array_foreach(json_object_get(vuln, "flags"), i, item)
        {
            tsn_csaf_refs(c, item, set);
        }
        json_array_foreach(json_object_get(vuln, "threats"), i, item)
        {
            if (strcmp(tsn_json_str(item, "category", ""), "impact") == 0) {
                tsn_csaf_refs(c, item, set);
            }
        }
    }
    const json_t *list = json_object_get(json_object_get(vuln, "product_status"), status);
    json_array_foreach(list, i, item)
    {
        const char *id = json_string_value(item);
        if (id && !json_object_get(set, id)) {
            char at[128];
            AT(at, "/vulnerabilities/%zu/product_status/%s/%zu", v, status, i);
            tsn_csaf_find(c, test, at, "product \"%.100s\" has no %s", id, lack);
        }
    }
    json_decref(set);
}

static void vex(struct tsn_csaf_check *c, const json_t *vuln, size_t v)
{
    const json_t *status = json_object_get(vuln, "product_status");
    char at[64];
    AT(at, "/vulnerabilities/%zu", v);
    if (!json_object_get(status, "fixed") && !json_object_get(status, "known_affected") &&
        !json_object_get(status, "known_not_affected") &&
        !json_object_get(status, "under_investigation")) {
        tsn_csaf_find(c, "6.1.27.7", at,
                      "needs fixed, known_affected, known_not_affected or under_investigation");
    }
    if (!json_object_get(vuln, "cve") && !json_object_get(vuln, "ids")) {
        tsn_csaf_find(c, "6.1.27.8", at, "needs cve or ids");
    }
    covered(c, vuln, v, "known_not_affected", "6.1.27.9", "flag or impact statement");
    covered(c, vuln, v, "known_affected", "6.1.27.10", "remediation");
}

static void vulnerabilities(struct tsn_csaf_check *c, bool is_vex)
{
    if (!c->tree) {
        tsn_csaf_find(c, "6.1.27.4", "/product_tree", "is missing");
    }
    if (!c->vulns) {
        tsn_csaf_find(c, "6.1.27.11", "/vulnerabilities", "is missing");
    }
    size_t v;
    json_t *vuln;
    json_array_foreach(c->vulns, v, vuln)
    {
        char at[64];
        AT(at, "/vulnerabilities/%zu", v);
        if (!json_object_get(vuln, "notes")) {
            tsn_csaf_find(c, "6.1.27.5", at, "needs notes");
        }
        if (is_vex) {
            vex(c, vuln, v);
        } else if (!json_object_get(vuln, "product_status")) {
            tsn_csaf_find(c, "6.1.27.6", at, "needs product_status");
        }
    }
}

void tsn_csaf_tests_profile(struct tsn_csaf_check *c)
{
    const char *lang = tsn_json_str(c->document, "lang", NULL);
    const char *source = tsn_json_str(c->document, "source_lang", NULL);
    const char *by = tsn_json_str(json_object_get(c->document, "publisher"), "category", "");
    if (strcmp(by, "translator") == 0 && !source) {
        tsn_csaf_find(c, "6.1.15", "/document/source_lang", "a translation needs source_lang");
    }
    if (lang && source && strcasecmp(lang, source) == 0) {
        tsn_csaf_find(c, "6.1.28", "/document/lang", "lang and source_lang are both %.60s",
                      lang);
    }
    category(c);
    if (strcmp(c->category, "csaf_informational_advisory") == 0) {
        notes_and_references(c);
        if (c->vulns) {
            tsn_csaf_find(c, "6.1.27.3", "/vulnerabilities",
                          "must not be in an informational advisory");
        }
    } else if (strcmp(c->category, "csaf_security_incident_response") == 0) {
        notes_and_references(c);
    } else if (strcmp(c->category, "csaf_security_advisory") == 0) {
        vulnerabilities(c, false);
    } else if (strcmp(c->category, "csaf_vex") == 0) {
        vulnerabilities(c, true);
    }
}
