/* ssvc.h - decisions by the tables of SSVC: which outcome, and what it hangs on.
 *
 * Source: CERTCC/SSVC (Stakeholder-Specific Vulnerability Categorization) of July 2026: the tables of
 * suppliers, deployers and coordinators, CISA's two, the small ones that give a value for a larger
 * one (utility, human impact, public safety impact), and the equivalence sets of CVSS 4.0. Pure; any
 * thread.
 */
#pragma once

#include <jansson.h>
#include <stdint.h>
#include "core/diag.h"
#include "core/err.h"

#define TSN_SSVC_POINTS 8 /* of one table, at most */
#define TSN_SSVC_VALUES 6

struct tsn_ssvc_point {
    const char *space, *key, *version, *name; /* "ssvc" "E" "1.1.0" "Exploitation" */
    uint8_t n;
    struct {
        const char *key, *name; /* "P" "Public PoC" */
    } values[TSN_SSVC_VALUES];
};
struct tsn_ssvc_table {
    const char *id; /* "supplier": what people and playbooks call it */
    const char *space, *key, *version, *name;
    uint8_t n;
    uint8_t points[TSN_SSVC_POINTS]; /* into tsn_ssvc_points */
    uint8_t outcome;                 /* the same */
    const char *rows; /* index of the outcome's value as a digit; the last point runs fastest */
};
extern const struct tsn_ssvc_point tsn_ssvc_points[];
extern const struct tsn_ssvc_table tsn_ssvc_tables[];
extern const size_t tsn_ssvc_ntables;

/* By id or key, whatever its case; W082 with a suggestion. */
const struct tsn_ssvc_table *tsn_ssvc_find(const char *name, struct tsn_diag *diag);

/* Decides. `given`: { point: value }, points and values by name or key, case, blanks, `-` and `_` not
 * counting; a point may be left out when it follows from others (utility from automatable and value
 * density) or does not matter. W083 for a point or value that is none of this table.
 *
 * *out (new reference): { table, name, version, outcome: "immediate" or null, possible: [outcomes that
 * the missing points leave open], missing: [points], points: [{ point, value, from?: [points] }],
 * because: [{ point, value, instead: outcome }] - which other value of one point would change it -,
 * selections: [the same in the form of SSVC's JSON 2.0: namespace, key, version, name, values] }. */
tsn_err tsn_ssvc_decide(const struct tsn_ssvc_table *t, const json_t *given, json_t **out,
                        struct tsn_diag *diag);
/* [{ table, name, version, points: [{ point, values: [...] }], outcomes: [...] }] of one table, or
 * with NULL of all; new reference. */
json_t *tsn_ssvc_tables_json(const struct tsn_ssvc_table *t);
/* The decision by this table (an id, or NULL = supplier) that stands in the facts of a case, as SSVC's
 * selection list: { timestamp, schemaVersion, selections }, what CSAF 2.1 calls ssvc_v2. New reference; NULL =
 * the case was not decided by it. */
json_t *tsn_ssvc_selected(const json_t *facts, const char *table);
/* "Public PoC" to "public-poc": how points and values are written. */
void tsn_ssvc_word(const char *name, char out[64]);
