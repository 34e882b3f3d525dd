/* cvss_shape.c - the CVSS JSON forms (FIRST's schemas for 2.0, 3.0, 3.1) as tables.
 *
 * The vector patterns of those schemas allow any order and repetition; a repeated or missing
 * metric is found by 6.1.9, whose strict parser cannot score such a vector. Any thread. */
#include <string.h>
#include "advisory/csaf_shape.h"
#include "casework/cvss.h"

#define ENUM(...)                                                                              \
    {                                                                                          \
        .kind = TSN_SHAPE_STRING, .values = (const char *const[])                              \
        {                                                                                      \
            __VA_ARGS__, NULL                                                                  \
        }                                                                                      \
    }
#define END                                                                                    \
    {                                                                                          \
        NULL, NULL, false                                                                      \
    }

static const struct tsn_shape score = {.kind = TSN_SHAPE_SCORE};

/* Every part a known NAME:VALUE of the version. */
static bool parts_ok(const char *p, const struct tsn_cvss_metric *table)
{
    for (;;) {
        size_t n = strcspn(p, "/");
        const char *colon = memchr(p, ':', n);
        bool found = false;
        for (size_t m = 0; colon && table[m].name && !found; m++) {
            size_t name = (size_t)(colon - p);
            if (strlen(table[m].name) != name || memcmp(table[m].name, p, name) != 0) {
                continue;
            }
            for (size_t i = 0; table[m].values[i].value && !found; i++) {
                const char *v = table[m].values[i].value;
                found = strlen(v) == n - name - 1 && memcmp(v, colon + 1, strlen(v)) == 0;
            }
        }
        if (!found) {
            return false;
        }
        if (p[n] == '\0') {
            return true;
        }
        p += n + 1;
    }
}

static bool vector20(const char *s)
{
    return parts_ok(s, tsn_cvss_metrics(TSN_CVSS_20));
}

static bool vector30(const char *s)
{
    return strncmp(s, "CVSS:3.0/", 9) == 0 && parts_ok(s + 9, tsn_cvss_metrics(TSN_CVSS_30));
}

static bool vector31(const char *s)
{
    return strncmp(s, "CVSS:3.1/", 9) == 0 && parts_ok(s + 9, tsn_cvss_metrics(TSN_CVSS_31));
}

#define VECTOR(fn, text)                                                                       \
    {                                                                                          \
        .kind = TSN_SHAPE_STRING, .format = (fn), .what = (text)                               \
    }
static const struct tsn_shape vec20 = VECTOR(vector20, "a CVSS 2.0 vector");
static const struct tsn_shape vec30 = VECTOR(vector30, "a CVSS 3.0 vector");
static const struct tsn_shape vec31 = VECTOR(vector31, "a CVSS 3.1 vector");
static const struct tsn_shape v20 = ENUM("2.0"), v30 = ENUM("3.0"), v31 = ENUM("3.1");

static const struct tsn_shape requirement = ENUM("LOW", "MEDIUM", "HIGH", "NOT_DEFINED");
static const struct tsn_shape remediation =
    ENUM("OFFICIAL_FIX", "TEMPORARY_FIX", "WORKAROUND", "UNAVAILABLE", "NOT_DEFINED");
static const struct tsn_shape maturity =
    ENUM("UNPROVEN", "PROOF_OF_CONCEPT", "FUNCTIONAL", "HIGH", "NOT_DEFINED");

/* 2.0 */
static const struct tsn_shape access_vector = ENUM("NETWORK", "ADJACENT_NETWORK", "LOCAL");
static const struct tsn_shape access_complexity = ENUM("HIGH", "MEDIUM", "LOW");
static const struct tsn_shape authentication = ENUM("MULTIPLE", "SINGLE", "NONE");
static const struct tsn_shape cia2 = ENUM("NONE", "PARTIAL", "COMPLETE");
static const struct tsn_shape confidence2 =
    ENUM("UNCONFIRMED", "UNCORROBORATED", "CONFIRMED", "NOT_DEFINED");
static const struct tsn_shape damage =
    ENUM("NONE", "LOW", "LOW_MEDIUM", "MEDIUM_HIGH", "HIGH", "NOT_DEFINED");
static const struct tsn_shape spread = ENUM("NONE", "LOW", "MEDIUM", "HIGH", "NOT_DEFINED");

static const struct tsn_member members20[] = {
    {"version", &v20, true},
    {"vectorString", &vec20, true},
    {"baseScore", &score, true},
    {"accessVector", &access_vector, false},
    {"accessComplexity", &access_complexity, false},
    {"authentication", &authentication, false},
    {"confidentialityImpact", &cia2, false},
    {"integrityImpact", &cia2, false},
    {"availabilityImpact", &cia2, false},
    {"exploitability", &maturity, false},
    {"remediationLevel", &remediation, false},
    {"reportConfidence", &confidence2, false},
    {"temporalScore", &score, false},
    {"collateralDamagePotential", &damage, false},
    {"targetDistribution", &spread, false},
    {"confidentialityRequirement", &requirement, false},
    {"integrityRequirement", &requirement, false},
    {"availabilityRequirement", &requirement, false},
    {"environmentalScore", &score, false},
    END,
};
const struct tsn_shape tsn_shape_cvss20 = {.kind = TSN_SHAPE_OBJECT, .members = members20};

/* 3.x */
static const struct tsn_shape av = ENUM("NETWORK", "ADJACENT_NETWORK", "LOCAL", "PHYSICAL");
static const struct tsn_shape mav =
    ENUM("NETWORK", "ADJACENT_NETWORK", "LOCAL", "PHYSICAL", "NOT_DEFINED");
static const struct tsn_shape ac = ENUM("HIGH", "LOW");
static const struct tsn_shape mac = ENUM("HIGH", "LOW", "NOT_DEFINED");
static const struct tsn_shape three = ENUM("HIGH", "LOW", "NONE");
static const struct tsn_shape mthree = ENUM("HIGH", "LOW", "NONE", "NOT_DEFINED");
static const struct tsn_shape ui = ENUM("NONE", "REQUIRED");
static const struct tsn_shape mui = ENUM("NONE", "REQUIRED", "NOT_DEFINED");
static const struct tsn_shape scope = ENUM("UNCHANGED", "CHANGED");
static const struct tsn_shape mscope = ENUM("UNCHANGED", "CHANGED", "NOT_DEFINED");
static const struct tsn_shape confidence3 =
    ENUM("UNKNOWN", "REASONABLE", "CONFIRMED", "NOT_DEFINED");
static const struct tsn_shape severity = ENUM("NONE", "LOW", "MEDIUM", "HIGH", "CRITICAL");

#define MEMBERS3(version, vector)                                                              \
    {"version", &(version), true}, {"vectorString", &(vector), true},                          \
        {"baseScore", &score, true}, {"baseSeverity", &severity, true},                        \
        {"attackVector", &av, false}, {"attackComplexity", &ac, false},                        \
        {"privilegesRequired", &three, false}, {"userInteraction", &ui, false},                \
        {"scope", &scope, false}, {"confidentialityImpact", &three, false},                    \
        {"integrityImpact", &three, false}, {"availabilityImpact", &three, false},             \
        {"exploitCodeMaturity", &maturity, false}, {"remediationLevel", &remediation, false},  \
        {"reportConfidence", &confidence3, false}, {"temporalScore", &score, false},           \
        {"temporalSeverity", &severity, false},                                                \
        {"confidentialityRequirement", &requirement, false},                                   \
        {"integrityRequirement", &requirement, false},                                         \
        {"availabilityRequirement", &requirement, false},                                      \
        {"modifiedAttackVector", &mav, false}, {"modifiedAttackComplexity", &mac, false},      \
        {"modifiedPrivilegesRequired", &mthree, false},                                        \
        {"modifiedUserInteraction", &mui, false}, {"modifiedScope", &mscope, false},           \
        {"modifiedConfidentialityImpact", &mthree, false},                                     \
        {"modifiedIntegrityImpact", &mthree, false},                                           \
        {"modifiedAvailabilityImpact", &mthree, false}, {"environmentalScore", &score, false}, \
        {"environmentalSeverity", &severity, false}, END

static const struct tsn_member members30[] = {MEMBERS3(v30, vec30)};
static const struct tsn_member members31[] = {MEMBERS3(v31, vec31)};
const struct tsn_shape tsn_shape_cvss30 = {.kind = TSN_SHAPE_OBJECT, .members = members30};
const struct tsn_shape tsn_shape_cvss31 = {.kind = TSN_SHAPE_OBJECT, .members = members31};

/* 4.0: its vector has one order, so the strict parser stands for the pattern. */
static bool vector40(const char *s)
{
    struct tsn_cvss v;
    return tsn_cvss_parse(s, &v, NULL) == 0 && v.version == TSN_CVSS_40;
}

static const struct tsn_shape v40 = ENUM("4.0");
static const struct tsn_shape vec40 = {
    .kind = TSN_SHAPE_STRING, .format = vector40, .what = "a CVSS 4.0 vector"};
static const struct tsn_member members40[] = {
    {"version", &v40, true},
    {"vectorString", &vec40, true},
    {"baseScore", &score, true},
    {"baseSeverity", &severity, true},
    END,
};
const struct tsn_shape tsn_shape_cvss40 = {.kind = TSN_SHAPE_OBJECT, .members = members40};
