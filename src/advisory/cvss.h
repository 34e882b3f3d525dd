/* cvss.h - CVSS v2.0, v3.0 and v3.1: vectors read strictly, scores computed to the tenth.
 *
 * Formulas: FIRST, CVSS v2.0 guide 3.2, CVSS v3.0 and v3.1 specification 7. Scores are whole
 * tenths (98 = 9.8) so that they compare exactly. Pure; any thread.
 */
#pragma once

#include <stdbool.h>
#include "core/err.h"

enum tsn_cvss_version { TSN_CVSS_20, TSN_CVSS_30, TSN_CVSS_31 };

#define TSN_CVSS_METRICS 22

struct tsn_cvss {
    enum tsn_cvss_version version;
    const char *value[TSN_CVSS_METRICS]; /* static text "N" "POC"; NULL = not in the vector */
    int base, temporal,
        environmental; /* tenths; temporal and environmental are always computed */
    bool has_temporal, has_environmental; /* the vector names such a metric */
};

/* What a metric is called in a vector and in the JSON form, and what its values are called there. */
struct tsn_cvss_metric {
    const char *name; /* "AV" */
    const char *json; /* "attackVector" */
    bool mandatory;
    struct {
        const char *value, *json; /* "N", "NETWORK" */
    } values[8];                  /* ends with NULL */
};
/* Table of a version; ends with a NULL name. Index = index into tsn_cvss.value. */
const struct tsn_cvss_metric *tsn_cvss_metrics(enum tsn_cvss_version version);

/* TSN_EINPUT: unknown, repeated or missing mandatory metric, or another prefix. */
tsn_err tsn_cvss_parse(const char *vector, struct tsn_cvss *out);
/* "NONE" "LOW" "MEDIUM" "HIGH" "CRITICAL" (v3 bands). */
const char *tsn_cvss_severity(int tenths);
/* The value of a metric by name, or NULL. */
const char *tsn_cvss_get(const struct tsn_cvss *v, const char *name);

/* Used by cvss.c: fill base, temporal and environmental of a parsed vector. */
void tsn_cvss2_score(struct tsn_cvss *v);
void tsn_cvss3_score(struct tsn_cvss *v);
