/* csaf_view.h - one way to read CSAF 2.0 and 2.1 documents, for what is rendered from them.
 * Borrowed strings live as long as the document. Pure; any thread. */
#pragma once

#include <jansson.h>

/* [{ key: "cvss_v3", cvss: {...}, products: [...] }] of scores or metrics; new reference. */
json_t *tsn_view_scores(const json_t *vuln);
/* [{ id, name, ... }] of cwe or cwes; new reference. */
json_t *tsn_view_cwes(const json_t *vuln);
/* TLP 2.0 label: CLEAR GREEN AMBER AMBER+STRICT RED; "" without one. */
const char *tsn_view_tlp(const json_t *csaf);
/* CVE id, else the first other id, else "". */
const char *tsn_view_name(const json_t *vuln);
/* Text of the first note of such a category, or NULL. */
const char *tsn_view_note(const json_t *notes, const char *category);

/* What VEX calls a CSAF product status: "affected" "not_affected" "fixed" "under_investigation";
 * NULL for `recommended` and unknown words. */
const char *tsn_view_vex_status(const char *csaf_status);

/* A version range as bounds [{ op: "<" "<=" ">" ">=" "=" "!=", version }], new reference: empty =
 * all versions, NULL = not understood. Reads vers ("vers:generic/>=1|<2") and what people write
 * ("<= 1.2", ">= V1 < V2", ">=1 | <=2"). */
json_t *tsn_view_range(const char *text);
