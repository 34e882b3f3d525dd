/* cvss_metrics.c - the metrics of each CVSS version and their values, in the order and with the
 * spelling of its specification (2.0 guide 2.4, 3.x specification 6, 4.0 specification 7) and of
 * FIRST's JSON schemas. Any thread. */
#include "casework/cvss.h"

/* Unused places of values[] stay NULL, which ends them. */
#define METRIC(name, json, mandatory, group, ...)                                              \
    {                                                                                          \
        name, json, mandatory, {__VA_ARGS__}, group                                            \
    }
#define END METRIC(NULL, NULL, false, TSN_CVSS_BASE, {NULL, NULL})

/* clang-format takes the lists for blocks. */
/* clang-format off */
#define NONE_LOW_HIGH     {"N", "NONE"}, {"L", "LOW"}, {"H", "HIGH"}
#define HIGH_LOW_NONE     {"H", "HIGH"}, {"L", "LOW"}, {"N", "NONE"}
#define ANY_NONE_LOW_HIGH {"X", "NOT_DEFINED"}, NONE_LOW_HIGH
#define REQUIREMENT       {"X", "NOT_DEFINED"}, {"L", "LOW"}, {"M", "MEDIUM"}, {"H", "HIGH"}
#define IMPACT_2          {"N", "NONE"}, {"P", "PARTIAL"}, {"C", "COMPLETE"}
#define REQUIREMENT_2     {"L", "LOW"}, {"M", "MEDIUM"}, {"H", "HIGH"}, {"ND", "NOT_DEFINED"}
/* clang-format on */

static const struct tsn_cvss_metric metrics20[] = {
    METRIC("AV", "accessVector", true, TSN_CVSS_BASE, {"L", "LOCAL"}, {"A", "ADJACENT_NETWORK"},
           {"N", "NETWORK"}),
    METRIC("AC", "accessComplexity", true, TSN_CVSS_BASE, {"H", "HIGH"}, {"M", "MEDIUM"},
           {"L", "LOW"}),
    METRIC("Au", "authentication", true, TSN_CVSS_BASE, {"M", "MULTIPLE"}, {"S", "SINGLE"},
           {"N", "NONE"}),
    METRIC("C", "confidentialityImpact", true, TSN_CVSS_BASE, IMPACT_2),
    METRIC("I", "integrityImpact", true, TSN_CVSS_BASE, IMPACT_2),
    METRIC("A", "availabilityImpact", true, TSN_CVSS_BASE, IMPACT_2),
    METRIC("E", "exploitability", false, TSN_CVSS_TEMPORAL, {"U", "UNPROVEN"},
           {"POC", "PROOF_OF_CONCEPT"}, {"F", "FUNCTIONAL"}, {"H", "HIGH"},
           {"ND", "NOT_DEFINED"}),
    METRIC("RL", "remediationLevel", false, TSN_CVSS_TEMPORAL, {"OF", "OFFICIAL_FIX"},
           {"TF", "TEMPORARY_FIX"}, {"W", "WORKAROUND"}, {"U", "UNAVAILABLE"},
           {"ND", "NOT_DEFINED"}),
    METRIC("RC", "reportConfidence", false, TSN_CVSS_TEMPORAL, {"UC", "UNCONFIRMED"},
           {"UR", "UNCORROBORATED"}, {"C", "CONFIRMED"}, {"ND", "NOT_DEFINED"}),
    METRIC("CDP", "collateralDamagePotential", false, TSN_CVSS_ENVIRONMENTAL, {"N", "NONE"},
           {"L", "LOW"}, {"LM", "LOW_MEDIUM"}, {"MH", "MEDIUM_HIGH"}, {"H", "HIGH"},
           {"ND", "NOT_DEFINED"}),
    METRIC("TD", "targetDistribution", false, TSN_CVSS_ENVIRONMENTAL, {"N", "NONE"},
           {"L", "LOW"}, {"M", "MEDIUM"}, {"H", "HIGH"}, {"ND", "NOT_DEFINED"}),
    METRIC("CR", "confidentialityRequirement", false, TSN_CVSS_ENVIRONMENTAL, REQUIREMENT_2),
    METRIC("IR", "integrityRequirement", false, TSN_CVSS_ENVIRONMENTAL, REQUIREMENT_2),
    METRIC("AR", "availabilityRequirement", false, TSN_CVSS_ENVIRONMENTAL, REQUIREMENT_2),
    END,
};

static const struct tsn_cvss_metric metrics3[] = {
    METRIC("AV", "attackVector", true, TSN_CVSS_BASE, {"N", "NETWORK"},
           {"A", "ADJACENT_NETWORK"}, {"L", "LOCAL"}, {"P", "PHYSICAL"}),
    METRIC("AC", "attackComplexity", true, TSN_CVSS_BASE, {"L", "LOW"}, {"H", "HIGH"}),
    METRIC("PR", "privilegesRequired", true, TSN_CVSS_BASE, NONE_LOW_HIGH),
    METRIC("UI", "userInteraction", true, TSN_CVSS_BASE, {"N", "NONE"}, {"R", "REQUIRED"}),
    METRIC("S", "scope", true, TSN_CVSS_BASE, {"U", "UNCHANGED"}, {"C", "CHANGED"}),
    METRIC("C", "confidentialityImpact", true, TSN_CVSS_BASE, NONE_LOW_HIGH),
    METRIC("I", "integrityImpact", true, TSN_CVSS_BASE, NONE_LOW_HIGH),
    METRIC("A", "availabilityImpact", true, TSN_CVSS_BASE, NONE_LOW_HIGH),
    METRIC("E", "exploitCodeMaturity", false, TSN_CVSS_TEMPORAL, {"X", "NOT_DEFINED"},
           {"U", "UNPROVEN"}, {"P", "PROOF_OF_CONCEPT"}, {"F", "FUNCTIONAL"}, {"H", "HIGH"}),
    METRIC("RL", "remediationLevel", false, TSN_CVSS_TEMPORAL, {"X", "NOT_DEFINED"},
           {"O", "OFFICIAL_FIX"}, {"T", "TEMPORARY_FIX"}, {"W", "WORKAROUND"},
           {"U", "UNAVAILABLE"}),
    METRIC("RC", "reportConfidence", false, TSN_CVSS_TEMPORAL, {"X", "NOT_DEFINED"},
           {"U", "UNKNOWN"}, {"R", "REASONABLE"}, {"C", "CONFIRMED"}),
    METRIC("CR", "confidentialityRequirement", false, TSN_CVSS_ENVIRONMENTAL, REQUIREMENT),
    METRIC("IR", "integrityRequirement", false, TSN_CVSS_ENVIRONMENTAL, REQUIREMENT),
    METRIC("AR", "availabilityRequirement", false, TSN_CVSS_ENVIRONMENTAL, REQUIREMENT),
    METRIC("MAV", "modifiedAttackVector", false, TSN_CVSS_ENVIRONMENTAL, {"X", "NOT_DEFINED"},
           {"N", "NETWORK"}, {"A", "ADJACENT_NETWORK"}, {"L", "LOCAL"}, {"P", "PHYSICAL"}),
    METRIC("MAC", "modifiedAttackComplexity", false, TSN_CVSS_ENVIRONMENTAL,
           {"X", "NOT_DEFINED"}, {"L", "LOW"}, {"H", "HIGH"}),
    METRIC("MPR", "modifiedPrivilegesRequired", false, TSN_CVSS_ENVIRONMENTAL,
           ANY_NONE_LOW_HIGH),
    METRIC("MUI", "modifiedUserInteraction", false, TSN_CVSS_ENVIRONMENTAL,
           {"X", "NOT_DEFINED"}, {"N", "NONE"}, {"R", "REQUIRED"}),
    METRIC("MS", "modifiedScope", false, TSN_CVSS_ENVIRONMENTAL, {"X", "NOT_DEFINED"},
           {"U", "UNCHANGED"}, {"C", "CHANGED"}),
    METRIC("MC", "modifiedConfidentialityImpact", false, TSN_CVSS_ENVIRONMENTAL,
           ANY_NONE_LOW_HIGH),
    METRIC("MI", "modifiedIntegrityImpact", false, TSN_CVSS_ENVIRONMENTAL, ANY_NONE_LOW_HIGH),
    METRIC("MA", "modifiedAvailabilityImpact", false, TSN_CVSS_ENVIRONMENTAL,
           ANY_NONE_LOW_HIGH),
    END,
};

static const struct tsn_cvss_metric metrics40[] = {
    METRIC("AV", "attackVector", true, TSN_CVSS_BASE, {"N", "NETWORK"}, {"A", "ADJACENT"},
           {"L", "LOCAL"}, {"P", "PHYSICAL"}),
    METRIC("AC", "attackComplexity", true, TSN_CVSS_BASE, {"L", "LOW"}, {"H", "HIGH"}),
    METRIC("AT", "attackRequirements", true, TSN_CVSS_BASE, {"N", "NONE"}, {"P", "PRESENT"}),
    METRIC("PR", "privilegesRequired", true, TSN_CVSS_BASE, NONE_LOW_HIGH),
    METRIC("UI", "userInteraction", true, TSN_CVSS_BASE, {"N", "NONE"}, {"P", "PASSIVE"},
           {"A", "ACTIVE"}),
    METRIC("VC", "vulnConfidentialityImpact", true, TSN_CVSS_BASE, HIGH_LOW_NONE),
    METRIC("VI", "vulnIntegrityImpact", true, TSN_CVSS_BASE, HIGH_LOW_NONE),
    METRIC("VA", "vulnAvailabilityImpact", true, TSN_CVSS_BASE, HIGH_LOW_NONE),
    METRIC("SC", "subConfidentialityImpact", true, TSN_CVSS_BASE, HIGH_LOW_NONE),
    METRIC("SI", "subIntegrityImpact", true, TSN_CVSS_BASE, HIGH_LOW_NONE),
    METRIC("SA", "subAvailabilityImpact", true, TSN_CVSS_BASE, HIGH_LOW_NONE),
    METRIC("E", "exploitMaturity", false, TSN_CVSS_TEMPORAL, {"X", "NOT_DEFINED"},
           {"A", "ATTACKED"}, {"P", "PROOF_OF_CONCEPT"}, {"U", "UNREPORTED"}),
    METRIC("CR", "confidentialityRequirement", false, TSN_CVSS_ENVIRONMENTAL, REQUIREMENT),
    METRIC("IR", "integrityRequirement", false, TSN_CVSS_ENVIRONMENTAL, REQUIREMENT),
    METRIC("AR", "availabilityRequirement", false, TSN_CVSS_ENVIRONMENTAL, REQUIREMENT),
    METRIC("MAV", "modifiedAttackVector", false, TSN_CVSS_ENVIRONMENTAL, {"X", "NOT_DEFINED"},
           {"N", "NETWORK"}, {"A", "ADJACENT"}, {"L", "LOCAL"}, {"P", "PHYSICAL"}),
    METRIC("MAC", "modifiedAttackComplexity", false, TSN_CVSS_ENVIRONMENTAL,
           {"X", "NOT_DEFINED"}, {"L", "LOW"}, {"H", "HIGH"}),
    METRIC("MAT", "modifiedAttackRequirements", false, TSN_CVSS_ENVIRONMENTAL,
           {"X", "NOT_DEFINED"}, {"N", "NONE"}, {"P", "PRESENT"}),
    METRIC("MPR", "modifiedPrivilegesRequired", false, TSN_CVSS_ENVIRONMENTAL,
           ANY_NONE_LOW_HIGH),
    METRIC("MUI", "modifiedUserInteraction", false, TSN_CVSS_ENVIRONMENTAL,
           {"X", "NOT_DEFINED"}, {"N", "NONE"}, {"P", "PASSIVE"}, {"A", "ACTIVE"}),
    METRIC("MVC", "modifiedVulnConfidentialityImpact", false, TSN_CVSS_ENVIRONMENTAL,
           ANY_NONE_LOW_HIGH),
    METRIC("MVI", "modifiedVulnIntegrityImpact", false, TSN_CVSS_ENVIRONMENTAL,
           ANY_NONE_LOW_HIGH),
    METRIC("MVA", "modifiedVulnAvailabilityImpact", false, TSN_CVSS_ENVIRONMENTAL,
           ANY_NONE_LOW_HIGH),
    METRIC("MSC", "modifiedSubConfidentialityImpact", false, TSN_CVSS_ENVIRONMENTAL,
           {"X", "NOT_DEFINED"}, {"H", "HIGH"}, {"L", "LOW"}, {"N", "NEGLIGIBLE"}),
    METRIC("MSI", "modifiedSubIntegrityImpact", false, TSN_CVSS_ENVIRONMENTAL,
           {"X", "NOT_DEFINED"}, {"S", "SAFETY"}, {"H", "HIGH"}, {"L", "LOW"},
           {"N", "NEGLIGIBLE"}),
    METRIC("MSA", "modifiedSubAvailabilityImpact", false, TSN_CVSS_ENVIRONMENTAL,
           {"X", "NOT_DEFINED"}, {"S", "SAFETY"}, {"H", "HIGH"}, {"L", "LOW"},
           {"N", "NEGLIGIBLE"}),
    METRIC("S", "Safety", false, TSN_CVSS_SUPPLEMENTAL, {"X", "NOT_DEFINED"},
           {"N", "NEGLIGIBLE"}, {"P", "PRESENT"}),
    METRIC("AU", "Automatable", false, TSN_CVSS_SUPPLEMENTAL, {"X", "NOT_DEFINED"}, {"N", "NO"},
           {"Y", "YES"}),
    METRIC("R", "Recovery", false, TSN_CVSS_SUPPLEMENTAL, {"X", "NOT_DEFINED"},
           {"A", "AUTOMATIC"}, {"U", "USER"}, {"I", "IRRECOVERABLE"}),
    METRIC("V", "valueDensity", false, TSN_CVSS_SUPPLEMENTAL, {"X", "NOT_DEFINED"},
           {"D", "DIFFUSE"}, {"C", "CONCENTRATED"}),
    METRIC("RE", "vulnerabilityResponseEffort", false, TSN_CVSS_SUPPLEMENTAL,
           {"X", "NOT_DEFINED"}, {"L", "LOW"}, {"M", "MODERATE"}, {"H", "HIGH"}),
    METRIC("U", "providerUrgency", false, TSN_CVSS_SUPPLEMENTAL, {"X", "NOT_DEFINED"},
           {"Clear", "CLEAR"}, {"Green", "GREEN"}, {"Amber", "AMBER"}, {"Red", "RED"}),
    END,
};

const struct tsn_cvss_metric *tsn_cvss_metrics(enum tsn_cvss_version version)
{
    switch (version) {
    case TSN_CVSS_20:
        return metrics20;
    case TSN_CVSS_30:
    case TSN_CVSS_31:
        return metrics3;
    case TSN_CVSS_40:
        return metrics40;
    }
    return metrics20;
}
