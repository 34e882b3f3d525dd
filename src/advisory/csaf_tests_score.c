/* csaf_tests_score.c - CVSS: do the numbers follow from the vector (6.1.9), do the spelt-out
 * properties agree with it (6.1.10)? Pure. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "advisory/csaf_check.h"
#include "casework/cvss.h"
#include "core/json.h"

void tsn_csaf_complete(const json_t *cvss, struct tsn_cvss *v)
{
    const struct tsn_cvss_metric *table = tsn_cvss_metrics(v->version);
    for (size_t m = 0; table[m].name; m++) {
        const char *said = tsn_json_str(cvss, table[m].json, NULL);
        for (size_t i = 0; said && !v->value[m] && table[m].values[i].value; i++) {
            if (strcmp(table[m].values[i].json, said) == 0) {
                v->value[m] = table[m].values[i].value;
            }
        }
    }
    tsn_cvss_score(v);
}

/* A score member against what was computed. `slack` tenths are forgiven where libraries of repute
 * differ: intermediate rounding of v2.0, exact tenths in v3.0. */
static void number(struct tsn_csaf_check *c, const json_t *cvss, const char *member, int tenths,
                   int slack, const char *at)
{
    const json_t *v = json_object_get(cvss, member);
    if (json_is_number(v) && fabs(json_number_value(v) * 10.0 - tenths) > slack + 1e-6) {
        tsn_csaf_find(c, "6.1.9", at, "%s is %.2f, the vector gives %d.%d", member,
                      json_number_value(v), tenths / 10, tenths % 10);
    }
}

/* A severity must fit its own score, which then must fit the vector. */
static void word(struct tsn_csaf_check *c, const json_t *cvss, const char *member, int tenths,
                 const char *at)
{
    const char *s = tsn_json_str(cvss, member, NULL);
    if (s && strcmp(s, tsn_cvss_severity(tenths)) != 0) {
        tsn_csaf_find(c, "6.1.9", at, "%s is %.20s, the vector gives %s", member, s,
                      tsn_cvss_severity(tenths));
    }
}

static void one(struct tsn_csaf_check *c, const json_t *cvss, const char *at)
{
    const char *vector = tsn_json_str(cvss, "vectorString", NULL);
    struct tsn_cvss v;
    if (!vector) {
        return; /* 6.1.8 says so */
    }
    if (tsn_cvss_parse(vector, &v, NULL) || v.version == TSN_CVSS_40) {
        tsn_csaf_find(c, "6.1.9", at, "no score follows from the vector \"%.100s\"", vector);
        return;
    }
    const struct tsn_cvss_metric *table = tsn_cvss_metrics(v.version);
    for (size_t m = 0; table[m].name; m++) {
        const char *said = tsn_json_str(cvss, table[m].json, NULL);
        if (!said || !v.value[m]) {
            continue; /* what the vector leaves open, a property may say */
        }
        const char *meant = "";
        for (size_t i = 0; table[m].values[i].value; i++) {
            if (strcmp(table[m].values[i].value, v.value[m]) == 0) {
                meant = table[m].values[i].json;
            }
        }
        if (strcmp(said, meant) != 0) {
            tsn_csaf_find(c, "6.1.10", at, "%s is %.40s, the vector says %s", table[m].json,
                          said, meant);
        }
    }
    tsn_csaf_complete(cvss, &v);
    number(c, cvss, "baseScore", v.base, 0, at);
    number(c, cvss, "temporalScore", v.temporal, v.version == TSN_CVSS_30, at);
    number(c, cvss, "environmentalScore", v.environmental, v.version != TSN_CVSS_31, at);
    if (v.version != TSN_CVSS_20) {
        word(c, cvss, "baseSeverity", v.base, at);
        word(c, cvss, "temporalSeverity", v.temporal, at);
        word(c, cvss, "environmentalSeverity", v.environmental, at);
    }
}

void tsn_csaf_tests_score(struct tsn_csaf_check *c)
{
    static const char *const kinds[] = {"cvss_v2", "cvss_v3"};
    size_t v, i;
    json_t *vuln, *score;
    json_array_foreach(c->vulns, v, vuln)
    {
        json_array_foreach(json_object_get(vuln, "scores"), i, score)
        {
            for (size_t k = 0; k < 2; k++) {
                const json_t *cvss = json_object_get(score, kinds[k]);
                if (cvss) {
                    char at[96];
                    snprintf(at, sizeof at, "/vulnerabilities/%zu/scores/%zu/%s", v, i,
                             kinds[k]);
                    one(c, cvss, at);
                }
            }
        }
    }
}
