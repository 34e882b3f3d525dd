/* csaf_tests21_vuln.c - vulnerabilities of CSAF 2.1: weaknesses, involvements, remediations against
 * each other and against the status, dates. Pure. */
#include <stdio.h>
#include <string.h>
#include "advisory/csaf_check21.h"
#include "core/json.h"

#define AT(at, ...) (void)snprintf(at, sizeof at, __VA_ARGS__)

/* 6.1.11: id and name as that version of CWE has them. */
static void weaknesses(struct tsn_csaf_check *c, const json_t *vuln, size_t v)
{
    size_t i;
    json_t *w;
    json_array_foreach(json_object_get(vuln, "cwes"), i, w)
    {
        const char *id = tsn_json_str(w, "id", ""), *name = tsn_json_str(w, "name", ""),
                   *version = tsn_json_str(w, "version", "");
        char at[96];
        AT(at, "/vulnerabilities/%zu/cwes/%zu", v, i);
        switch (tsn_csaf_cwe_known_in(id, name, version)) {
        case TSN_CWE_OK:
            break;
        case TSN_CWE_UNKNOWN:
            tsn_csaf_find(c, "6.1.11", at, "%.20s does not exist in CWE %.20s", id, version);
            break;
        case TSN_CWE_OTHER_NAME:
            tsn_csaf_find(c, "6.1.11", at, "%.20s is not called \"%.200s\" in CWE %.20s", id,
                          name, version);
            break;
        }
    }
}

/* 6.1.24: party, date and (2.1) contact and products. */
static void involvements(struct tsn_csaf_check *c, const json_t *vuln, size_t v)
{
    const json_t *list = json_object_get(vuln, "involvements");
    static const char *const keys[] = {"party", "date", "contact", "product_ids", "group_ids"};
    size_t i, k;
    json_t *a, *b;
    json_array_foreach(list, i, a)
    {
        for (k = 0; k < i; k++) {
            b = json_array_get(list, k);
            bool same = true;
            for (size_t m = 0; m < sizeof keys / sizeof keys[0]; m++) {
                json_t *x = json_object_get(a, keys[m]), *y = json_object_get(b, keys[m]);
                same = same && (x == y || (x && y && json_equal(x, y)));
            }
            if (same) {
                char at[96];
                AT(at, "/vulnerabilities/%zu/involvements/%zu", v, i);
                tsn_csaf_find(c, "6.1.24", at, "the same party and date is there already");
            }
        }
    }
}

/* --- remediations ------------------------------------------------------------------------- */

enum {
    FIX = 1,
    PLANNED = 2,
    NOT_PLANNED = 4,
    NONE = 8,
    OPTIONAL = 16,
    MITIGATION = 32,
    AROUND = 64
};

static unsigned bit_of(const char *category)
{
    static const struct {
        const char *word;
        unsigned bit;
    } words[] = {
        {"vendor_fix", FIX},      {"fix_planned", PLANNED},     {"no_fix_planned", NOT_PLANNED},
        {"none_available", NONE}, {"optional_patch", OPTIONAL}, {"mitigation", MITIGATION},
        {"workaround", AROUND},
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(words[i].word, category) == 0) {
            return words[i].bit;
        }
    }
    return 0;
}

/* What contradicts a category (table of 3.2.4.14.1 of 2.1). */
static unsigned against(unsigned bit)
{
    switch (bit) {
    case FIX:
        return PLANNED | NOT_PLANNED | NONE | OPTIONAL;
    case PLANNED:
        return FIX | NOT_PLANNED | NONE | OPTIONAL;
    case NOT_PLANNED:
        return FIX | PLANNED | NONE | OPTIONAL;
    case NONE:
        return FIX | PLANNED | NOT_PLANNED | OPTIONAL | MITIGATION | AROUND;
    case OPTIONAL:
        return FIX | PLANNED | NOT_PLANNED | NONE | MITIGATION | AROUND;
    case MITIGATION:
    case AROUND:
        return NONE | OPTIONAL;
    default:
        return 0;
    }
}

static void remediations(struct tsn_csaf_check *c, const json_t *vuln, size_t v)
{
    /* Which categories contradict the group a product is in. */
    static const struct {
        const char *status;
        unsigned wrong;
    } groups[] = {
        {"first_affected", OPTIONAL},
        {"known_affected", OPTIONAL},
        {"last_affected", OPTIONAL},
        {"known_not_affected", FIX | NONE | MITIGATION | AROUND},
        {"first_fixed", FIX | PLANNED | NOT_PLANNED | NONE | MITIGATION | AROUND},
        {"fixed", FIX | PLANNED | NOT_PLANNED | NONE | MITIGATION | AROUND},
    };
    json_t *seen = json_object(), *wrong = json_object(), *r, *id, *unused;
    size_t i;
    for (size_t g = 0; g < sizeof groups / sizeof groups[0]; g++) {
        const json_t *list =
            json_object_get(json_object_get(vuln, "product_status"), groups[g].status);
        json_array_foreach(list, i, id)
        {
            if (json_is_string(id)) {
                json_object_set_new(wrong, json_string_value(id),
                                    json_integer((json_int_t)groups[g].wrong));
            }
        }
    }
    json_array_foreach(json_object_get(vuln, "remediations"), i, r)
    {
        const char *category = tsn_json_str(r, "category", ""), *product;
        unsigned bit = bit_of(category);
        json_t *set = json_object();
        char at[96];
        AT(at, "/vulnerabilities/%zu/remediations/%zu", v, i);
        tsn_csaf_refs(c, r, set);
        json_object_foreach(set, product, unused)
        {
            unsigned before = (unsigned)tsn_json_int(seen, product, 0);
            if (before & against(bit)) {
                tsn_csaf_find(c, "6.1.35", at,
                              "%s contradicts another remediation of \"%.100s\"", category,
                              product);
            }
            if ((unsigned)tsn_json_int(wrong, product, 0) & bit) {
                tsn_csaf_find(c, "6.1.36", at, "%s contradicts the status of \"%.100s\"",
                              category, product);
            }
            json_object_set_new(seen, product, json_integer((json_int_t)(before | bit)));
        }
        json_decref(set);
    }
    json_decref(seen);
    json_decref(wrong);
}

/* --- dates -------------------------------------------------------------------------------- */

static void dates(struct tsn_csaf_check *c, const json_t *vuln, size_t v)
{
    int64_t sec, nsec, s, n;
    bool released = strcmp(c->status, "final") == 0 || strcmp(c->status, "interim") == 0;
    const json_t *tlp = json_object_get(json_object_get(c->document, "distribution"), "tlp");
    bool clear = strcmp(tsn_json_str(tlp, "label", ""), "CLEAR") == 0;
    size_t i;
    json_t *item;
    char at[128];
    bool newest = tsn_csaf_newest(c, &sec, &nsec);
    const char *shown = tsn_json_str(vuln, "disclosure_date", "");
    if (newest && released && clear && tsn_csaf_past(shown, sec, nsec)) {
        AT(at, "/vulnerabilities/%zu/disclosure_date", v);
        tsn_csaf_find(c, "6.1.45", at, "%.40s is later than the newest revision", shown);
    }
    json_array_foreach(json_object_get(vuln, "first_known_exploitation_dates"), i, item)
    {
        const char *date = tsn_json_str(item, "date", ""),
                   *known = tsn_json_str(item, "exploitation_date", "");
        AT(at, "/vulnerabilities/%zu/first_known_exploitation_dates/%zu", v, i);
        if (newest && released && tsn_csaf_past(date, sec, nsec)) {
            tsn_csaf_find(c, "6.1.52", at, "date %.40s is later than the newest revision",
                          date);
        }
        if (newest && released && tsn_csaf_past(known, sec, nsec)) {
            tsn_csaf_find(c, "6.1.52", at, "%.40s is later than the newest revision", known);
        }
        if (tsn_csaf_time(date, &s, &n) && tsn_csaf_past(known, s, n)) {
            tsn_csaf_find(c, "6.1.53", at, "exploitation_date is later than date");
        }
    }
}

void tsn_csaf_tests21_vuln(struct tsn_csaf_check *c)
{
    size_t v;
    json_t *vuln;
    json_array_foreach(c->vulns, v, vuln)
    {
        weaknesses(c, vuln, v);
        involvements(c, vuln, v);
        remediations(c, vuln, v);
        dates(c, vuln, v);
    }
}
