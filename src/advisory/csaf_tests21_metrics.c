/* csaf_tests21_metrics.c - metrics of CSAF 2.1: one of a kind for a product and source, CVSS 4.0,
 * SSVC and EPSS. Pure. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "advisory/csaf_check21.h"
#include "casework/cvss.h"
#include "core/json.h"

#define AT(at, ...) (void)snprintf(at, sizeof at, __VA_ARGS__)

/* 6.1.7 and 6.1.56: what was seen for product and source. */
static void kinds(struct tsn_csaf_check *c, const json_t *vuln, size_t v)
{
    static const char *const members[] = {"cvss_v2", "cvss_v3", "cvss_v4"};
    json_t *seen = json_object(), *m, *id;
    size_t i, p;
    json_array_foreach(json_object_get(vuln, "metrics"), i, m)
    {
        const json_t *content = json_object_get(m, "content");
        const char *source = tsn_json_str(m, "source", "");
        char at[96];
        AT(at, "/vulnerabilities/%zu/metrics/%zu", v, i);
        json_array_foreach(json_object_get(m, "products"), p, id)
        {
            char key[768];
            const char *product = json_is_string(id) ? json_string_value(id) : "";
            AT(key, "%.300s\n%.300s", product, source);
            json_t *of = json_object_get(seen, key);
            if (!of) {
                of = json_object();
                json_object_set_new(seen, key, of);
            }
            bool cvss = json_object_get(of, "cvss"), rated = json_object_get(of, "rated");
            for (size_t k = 0; k < 3; k++) {
                const json_t *score = json_object_get(content, members[k]);
                const char *version = tsn_json_str(score, "version", members[k]);
                if (score && json_object_get(of, version)) {
                    tsn_csaf_find(c, "6.1.7", at,
                                  "product \"%.100s\" has a second score of CVSS %.20s",
                                  product, version);
                }
                if (score) {
                    json_object_set_new(of, version, json_true());
                    json_object_set_new(of, "cvss", json_true());
                    cvss = true;
                }
            }
            if (json_object_get(content, "qualitative_severity_rating")) {
                json_object_set_new(of, "rated", json_true());
                rated = true;
            }
            if (cvss && rated) {
                tsn_csaf_find(c, "6.1.56", at,
                              "product \"%.100s\" has a CVSS score and a severity rating",
                              product);
            }
        }
    }
    json_decref(seen);
}

/* 6.1.9 and 10 for CVSS 4.0; the others come from the tests of 2.0. */
static void cvss4(struct tsn_csaf_check *c, const json_t *score, const char *at)
{
    struct tsn_cvss v;
    if (tsn_cvss_parse(tsn_json_str(score, "vectorString", ""), &v, NULL) ||
        v.version != TSN_CVSS_40) {
        return; /* 6.1.8 says so */
    }
    const struct tsn_cvss_metric *table = tsn_cvss_metrics(TSN_CVSS_40);
    for (size_t m = 0; table[m].name; m++) {
        const char *said = tsn_json_str(score, table[m].json, NULL);
        for (size_t i = 0; said && v.value[m] && table[m].values[i].value; i++) {
            if (strcmp(table[m].values[i].value, v.value[m]) == 0 &&
                strcmp(table[m].values[i].json, said) != 0) {
                tsn_csaf_find(c, "6.1.10", at, "%s is %.40s, the vector says %s", table[m].json,
                              said, table[m].values[i].json);
            }
        }
    }
    tsn_csaf_complete(score, &v);
    const json_t *base = json_object_get(score, "baseScore");
    if (json_is_number(base) && fabs(json_number_value(base) * 10.0 - v.overall) > 1e-6) {
        tsn_csaf_find(c, "6.1.9", at, "baseScore is %.2f, the vector gives %d.%d",
                      json_number_value(base), v.overall / 10, v.overall % 10);
    }
    const char *word = tsn_json_str(score, "baseSeverity", NULL);
    if (word && strcmp(word, tsn_cvss_severity(v.overall)) != 0) {
        tsn_csaf_find(c, "6.1.9", at, "baseSeverity is %.20s, the vector gives %s", word,
                      tsn_cvss_severity(v.overall));
    }
}

/* 6.1.46 to 48. */
static void ssvc(struct tsn_csaf_check *c, const json_t *vuln, const json_t *s, const char *at)
{
    static const char *const wanted[] = {"key", "namespace", "values", "version"};
    size_t i, k;
    json_t *item, *id;
    const json_t *selections = json_object_get(s, "selections");
    bool good = json_array_size(selections) > 0 &&
                strcmp(tsn_json_str(s, "schemaVersion", ""), "2.0.0") == 0 &&
                json_is_string(json_object_get(s, "timestamp"));
    json_array_foreach(selections, i, item)
    {
        for (k = 0; k < sizeof wanted / sizeof wanted[0]; k++) {
            good = good && json_object_get(item, wanted[k]);
        }
        good = good && json_array_size(json_object_get(item, "values")) > 0;
        const char *wrong = tsn_csaf_ssvc_wrong(item);
        if (wrong) {
            tsn_csaf_find(c, "6.1.48", at, "selection %zu (%.40s %.40s) %s", i,
                          tsn_json_str(item, "namespace", ""), tsn_json_str(item, "key", ""),
                          wrong);
        }
    }
    if (!good) {
        tsn_csaf_find(c, "6.1.46", at, "is not an SSVC selection list of schema 2.0.0");
    }
    json_array_foreach(json_object_get(s, "target_ids"), i, id)
    {
        const char *text = json_is_string(id) ? json_string_value(id) : "";
        bool mine = strcmp(tsn_json_str(vuln, "cve", ""), text) == 0;
        json_array_foreach(json_object_get(vuln, "ids"), k, item)
        {
            mine = mine || strcmp(tsn_json_str(item, "text", ""), text) == 0;
        }
        bool whole = json_array_size(c->vulns) == 1 &&
                     strcmp(tsn_json_str(c->tracking, "id", ""), text) == 0;
        if (!mine && !whole) {
            tsn_csaf_find(c, "6.1.47", at, "target id \"%.100s\" is not of this vulnerability",
                          text);
        }
    }
}

/* 6.1.49 and 51. */
static void moment(struct tsn_csaf_check *c, const json_t *of, const char *test, const char *at)
{
    int64_t sec, nsec;
    bool released = strcmp(c->status, "final") == 0 || strcmp(c->status, "interim") == 0;
    const char *when = tsn_json_str(of, "timestamp", "");
    if (released && tsn_csaf_newest(c, &sec, &nsec) && tsn_csaf_past(when, sec, nsec)) {
        tsn_csaf_find(c, test, at, "timestamp %.40s is later than the newest revision", when);
    }
}

void tsn_csaf_tests21_metrics(struct tsn_csaf_check *c)
{
    size_t v, i;
    json_t *vuln, *m;
    json_array_foreach(c->vulns, v, vuln)
    {
        kinds(c, vuln, v);
        json_array_foreach(json_object_get(vuln, "metrics"), i, m)
        {
            const json_t *content = json_object_get(m, "content");
            const json_t *s = json_object_get(content, "ssvc_v2"),
                         *epss = json_object_get(content, "epss"),
                         *four = json_object_get(content, "cvss_v4");
            char at[128];
            if (four) {
                AT(at, "/vulnerabilities/%zu/metrics/%zu/content/cvss_v4", v, i);
                cvss4(c, four, at);
            }
            if (s) {
                AT(at, "/vulnerabilities/%zu/metrics/%zu/content/ssvc_v2", v, i);
                ssvc(c, vuln, s, at);
                moment(c, s, "6.1.49", at);
            }
            if (epss) {
                AT(at, "/vulnerabilities/%zu/metrics/%zu/content/epss", v, i);
                moment(c, epss, "6.1.51", at);
            }
        }
    }
}
