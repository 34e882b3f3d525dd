/* cvss.h - CVSS 2.0, 3.0, 3.1 and 4.0: vectors read strictly, scores exact to the tenth.
 *
 * Source of every formula, weight and table: FIRST's "A Complete Guide to CVSS 2.0" (section 3),
 * the specifications of 3.0 and 3.1 (section 7) and of 4.0 (section 8). All arithmetic is in
 * integers; a score is a whole number of tenths (98 = 9.8). No allocation; pure; any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include "core/diag.h"
#include "core/err.h"

enum tsn_cvss_version { TSN_CVSS_20, TSN_CVSS_30, TSN_CVSS_31, TSN_CVSS_40 };

#define TSN_CVSS_METRICS    32
#define TSN_CVSS_VECTOR_MAX 512 /* bytes of a vector that is read; a canonical one is shorter */

struct tsn_cvss {
    enum tsn_cvss_version version;
    const char *value[TSN_CVSS_METRICS]; /* static text "N" "POC"; NULL = not in the vector */
    int base;
    int temporal; /* 2.0, 3.x: of base and temporal metrics. 4.0: base and threat (CVSS-BT) */
    int environmental; /* 2.0, 3.x: of all metrics. 4.0: without threat metrics (CVSS-BE) */
    int overall;       /* of all that the vector defines */
    /* The vector gives such a metric a value other than "not defined". Without one, the score
     * above is computed all the same, with every such metric not defined. */
    bool has_temporal, has_environmental;
};

enum tsn_cvss_group {
    TSN_CVSS_BASE,
    TSN_CVSS_TEMPORAL, /* threat in 4.0 */
    TSN_CVSS_ENVIRONMENTAL,
    TSN_CVSS_SUPPLEMENTAL /* 4.0; never changes a score */
};

/* What a metric is called in a vector and in the JSON form, and what its values are called there. */
struct tsn_cvss_metric {
    const char *name; /* "AV" */
    const char *json; /* "attackVector" */
    bool mandatory;
    struct {
        const char *value, *json; /* "N", "NETWORK" */
    } values[8];                  /* ends with NULL */
    enum tsn_cvss_group group;
};
/* Table of a version, in the order of its specification; ends with a NULL name. Index = index
 * into tsn_cvss.value. */
const struct tsn_cvss_metric *tsn_cvss_metrics(enum tsn_cvss_version version);

/* Reads and scores. Strict: upper and lower case as specified, each metric once, all of the base
 * group, nothing else; in 4.0 in the order of the specification, otherwise in any. TSN_EINPUT
 * with a code K101 to K107 and the column (from 1, in bytes) where the vector stops being one. */
tsn_err tsn_cvss_parse(const char *vector, struct tsn_cvss *out, struct tsn_diag *diag);
/* Scores again from version and value[], which the caller may have completed. */
void tsn_cvss_score(struct tsn_cvss *v);

/* The one way to write it: order of the specification, without what is not defined. */
void tsn_cvss_canonical(const struct tsn_cvss *v, char out[TSN_CVSS_VECTOR_MAX]);
/* "2.0" "3.0" "3.1" "4.0". */
const char *tsn_cvss_version_text(enum tsn_cvss_version version);
/* 4.0: "CVSS-B" "CVSS-BT" "CVSS-BE" "CVSS-BTE", by the groups in use; else "". */
const char *tsn_cvss_nomenclature(const struct tsn_cvss *v);
/* "NONE" "LOW" "MEDIUM" "HIGH" "CRITICAL" (bands of 3.0, 3.1 and 4.0). */
const char *tsn_cvss_severity(int tenths);
/* The same for a version. 2.0 has no bands of its own: NVD's "LOW" "MEDIUM" "HIGH". */
const char *tsn_cvss_band(enum tsn_cvss_version version, int tenths);
/* The value of a metric by name, or NULL. */
const char *tsn_cvss_get(const struct tsn_cvss *v, const char *name);

/* Used by cvss.c: fill the four scores. */
void tsn_cvss2_score(struct tsn_cvss *v);
void tsn_cvss3_score(struct tsn_cvss *v);
void tsn_cvss4_score(struct tsn_cvss *v);
