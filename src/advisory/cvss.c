/* cvss.c - reads CVSS vectors against one table per version. Owns nothing; any thread. */
#include "advisory/cvss.h"

#include <string.h>

#define V(a, b)                                                                                \
    {                                                                                          \
        a, b                                                                                   \
    }

#define CIA3                                                                                   \
    {                                                                                          \
        V("N", "NONE"), V("L", "LOW"), V("H", "HIGH"),                                         \
        {                                                                                      \
            NULL, NULL                                                                         \
        }                                                                                      \
    }
#define MCIA3                                                                                  \
    {                                                                                          \
        V("X", "NOT_DEFINED"), V("N", "NONE"), V("L", "LOW"), V("H", "HIGH"),                  \
        {                                                                                      \
            NULL, NULL                                                                         \
        }                                                                                      \
    }
#define REQ3                                                                                   \
    {                                                                                          \
        V("X", "NOT_DEFINED"), V("L", "LOW"), V("M", "MEDIUM"), V("H", "HIGH"),                \
        {                                                                                      \
            NULL, NULL                                                                         \
        }                                                                                      \
    }

static const struct tsn_cvss_metric metrics3[] = {
    {"AV",
     "attackVector",
     true,
     {V("N", "NETWORK"), V("A", "ADJACENT_NETWORK"), V("L", "LOCAL"), V("P", "PHYSICAL"),
      V(NULL, NULL)}},
    {"AC", "attackComplexity", true, {V("L", "LOW"), V("H", "HIGH"), V(NULL, NULL)}},
    {"PR", "privilegesRequired", true, CIA3},
    {"UI", "userInteraction", true, {V("N", "NONE"), V("R", "REQUIRED"), V(NULL, NULL)}},
    {"S", "scope", true, {V("U", "UNCHANGED"), V("C", "CHANGED"), V(NULL, NULL)}},
    {"C", "confidentialityImpact", true, CIA3},
    {"I", "integrityImpact", true, CIA3},
    {"A", "availabilityImpact", true, CIA3},
    {"E",
     "exploitCodeMaturity",
     false,
     {V("X", "NOT_DEFINED"), V("U", "UNPROVEN"), V("P", "PROOF_OF_CONCEPT"),
      V("F", "FUNCTIONAL"), V("H", "HIGH"), V(NULL, NULL)}},
    {"RL",
     "remediationLevel",
     false,
     {V("X", "NOT_DEFINED"), V("O", "OFFICIAL_FIX"), V("T", "TEMPORARY_FIX"),
      V("W", "WORKAROUND"), V("U", "UNAVAILABLE"), V(NULL, NULL)}},
    {"RC",
     "reportConfidence",
     false,
     {V("X", "NOT_DEFINED"), V("U", "UNKNOWN"), V("R", "REASONABLE"), V("C", "CONFIRMED"),
      V(NULL, NULL)}},
    {"CR", "confidentialityRequirement", false, REQ3},
    {"IR", "integrityRequirement", false, REQ3},
    {"AR", "availabilityRequirement", false, REQ3},
    {"MAV",
     "modifiedAttackVector",
     false,
     {V("X", "NOT_DEFINED"), V("N", "NETWORK"), V("A", "ADJACENT_NETWORK"), V("L", "LOCAL"),
      V("P", "PHYSICAL"), V(NULL, NULL)}},
    {"MAC",
     "modifiedAttackComplexity",
     false,
     {V("X", "NOT_DEFINED"), V("L", "LOW"), V("H", "HIGH"), V(NULL, NULL)}},
    {"MPR", "modifiedPrivilegesRequired", false, MCIA3},
    {"MUI",
     "modifiedUserInteraction",
     false,
     {V("X", "NOT_DEFINED"), V("N", "NONE"), V("R", "REQUIRED"), V(NULL, NULL)}},
    {"MS",
     "modifiedScope",
     false,
     {V("X", "NOT_DEFINED"), V("U", "UNCHANGED"), V("C", "CHANGED"), V(NULL, NULL)}},
    {"MC", "modifiedConfidentialityImpact", false, MCIA3},
    {"MI", "modifiedIntegrityImpact", false, MCIA3},
    {"MA", "modifiedAvailabilityImpact", false, MCIA3},
    {NULL, NULL, false, {V(NULL, NULL)}},
};

#define CIA2                                                                                   \
    {                                                                                          \
        V("N", "NONE"), V("P", "PARTIAL"), V("C", "COMPLETE"),                                 \
        {                                                                                      \
            NULL, NULL                                                                         \
        }                                                                                      \
    }
#define REQ2                                                                                   \
    {                                                                                          \
        V("L", "LOW"), V("M", "MEDIUM"), V("H", "HIGH"), V("ND", "NOT_DEFINED"),               \
        {                                                                                      \
            NULL, NULL                                                                         \
        }                                                                                      \
    }

static const struct tsn_cvss_metric metrics2[] = {
    {"AV",
     "accessVector",
     true,
     {V("L", "LOCAL"), V("A", "ADJACENT_NETWORK"), V("N", "NETWORK"), V(NULL, NULL)}},
    {"AC",
     "accessComplexity",
     true,
     {V("H", "HIGH"), V("M", "MEDIUM"), V("L", "LOW"), V(NULL, NULL)}},
    {"Au",
     "authentication",
     true,
     {V("M", "MULTIPLE"), V("S", "SINGLE"), V("N", "NONE"), V(NULL, NULL)}},
    {"C", "confidentialityImpact", true, CIA2},
    {"I", "integrityImpact", true, CIA2},
    {"A", "availabilityImpact", true, CIA2},
    {"E",
     "exploitability",
     false,
     {V("U", "UNPROVEN"), V("POC", "PROOF_OF_CONCEPT"), V("F", "FUNCTIONAL"), V("H", "HIGH"),
      V("ND", "NOT_DEFINED"), V(NULL, NULL)}},
    {"RL",
     "remediationLevel",
     false,
     {V("OF", "OFFICIAL_FIX"), V("TF", "TEMPORARY_FIX"), V("W", "WORKAROUND"),
      V("U", "UNAVAILABLE"), V("ND", "NOT_DEFINED"), V(NULL, NULL)}},
    {"RC",
     "reportConfidence",
     false,
     {V("UC", "UNCONFIRMED"), V("UR", "UNCORROBORATED"), V("C", "CONFIRMED"),
      V("ND", "NOT_DEFINED"), V(NULL, NULL)}},
    {"CDP",
     "collateralDamagePotential",
     false,
     {V("N", "NONE"), V("L", "LOW"), V("LM", "LOW_MEDIUM"), V("MH", "MEDIUM_HIGH"),
      V("H", "HIGH"), V("ND", "NOT_DEFINED"), V(NULL, NULL)}},
    {"TD",
     "targetDistribution",
     false,
     {V("N", "NONE"), V("L", "LOW"), V("M", "MEDIUM"), V("H", "HIGH"), V("ND", "NOT_DEFINED"),
      V(NULL, NULL)}},
    {"CR", "confidentialityRequirement", false, REQ2},
    {"IR", "integrityRequirement", false, REQ2},
    {"AR", "availabilityRequirement", false, REQ2},
    {NULL, NULL, false, {V(NULL, NULL)}},
};

const struct tsn_cvss_metric *tsn_cvss_metrics(enum tsn_cvss_version version)
{
    return version == TSN_CVSS_20 ? metrics2 : metrics3;
}

/* One "NAME:VALUE" of n bytes into its place. */
static tsn_err take(struct tsn_cvss *v, const struct tsn_cvss_metric *table, const char *p,
                    size_t n)
{
    const char *colon = memchr(p, ':', n);
    if (!colon) {
        return TSN_EINPUT;
    }
    size_t name_len = (size_t)(colon - p), value_len = n - name_len - 1;
    for (size_t m = 0; table[m].name; m++) {
        if (strlen(table[m].name) != name_len || memcmp(table[m].name, p, name_len) != 0) {
            continue;
        }
        if (v->value[m]) {
            return TSN_EINPUT;
        }
        for (size_t i = 0; table[m].values[i].value; i++) {
            const char *value = table[m].values[i].value;
            if (strlen(value) == value_len && memcmp(value, colon + 1, value_len) == 0) {
                v->value[m] = value;
                return 0;
            }
        }
        return TSN_EINPUT;
    }
    return TSN_EINPUT;
}

tsn_err tsn_cvss_parse(const char *vector, struct tsn_cvss *out)
{
    memset(out, 0, sizeof *out);
    if (!vector || strlen(vector) > 512) {
        return TSN_EINPUT;
    }
    const char *p = vector;
    out->version = TSN_CVSS_20;
    if (strncmp(vector, "CVSS:", 5) == 0) {
        if (strncmp(vector + 5, "3.0/", 4) == 0) {
            out->version = TSN_CVSS_30;
        } else if (strncmp(vector + 5, "3.1/", 4) == 0) {
            out->version = TSN_CVSS_31;
        } else {
            return TSN_EINPUT;
        }
        p += 9;
    }
    const struct tsn_cvss_metric *table = tsn_cvss_metrics(out->version);
    for (;;) {
        size_t n = strcspn(p, "/");
        tsn_err err = take(out, table, p, n);
        if (err) {
            return err;
        }
        if (p[n] == '\0') {
            break;
        }
        p += n + 1;
    }
    size_t first_env = out->version == TSN_CVSS_20 ? 9 : 11;
    size_t first_temporal = out->version == TSN_CVSS_20 ? 6 : 8;
    for (size_t m = 0; table[m].name; m++) {
        if (table[m].mandatory && !out->value[m]) {
            return TSN_EINPUT;
        }
        if (out->value[m] && m >= first_env) {
            out->has_environmental = true;
        } else if (out->value[m] && m >= first_temporal) {
            out->has_temporal = true;
        }
    }
    if (out->version == TSN_CVSS_20) {
        tsn_cvss2_score(out);
    } else {
        tsn_cvss3_score(out);
    }
    return 0;
}

const char *tsn_cvss_severity(int tenths)
{
    return tenths == 0   ? "NONE"
           : tenths < 40 ? "LOW"
           : tenths < 70 ? "MEDIUM"
           : tenths < 90 ? "HIGH"
                         : "CRITICAL";
}

const char *tsn_cvss_get(const struct tsn_cvss *v, const char *name)
{
    const struct tsn_cvss_metric *table = tsn_cvss_metrics(v->version);
    for (size_t m = 0; table[m].name; m++) {
        if (strcmp(table[m].name, name) == 0) {
            return v->value[m];
        }
    }
    return NULL;
}
