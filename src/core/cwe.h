/* cwe.h - what is known of the weaknesses of CWE: which exist, and which may be mapped to.
 *
 * Facts of CWE 4.9 to 4.20 (MITRE, cwe.mitre.org): id, the versions that list it, status and mapping
 * usage. Names are known by a hash, so that a name can be checked; those of frequent weaknesses also
 * as text. Pure; any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/diag.h"
#include "core/err.h"

enum tsn_cwe_status {
    TSN_CWE_DEPRECATED,
    TSN_CWE_INCOMPLETE,
    TSN_CWE_DRAFT,
    TSN_CWE_STABLE,
};
/* May a vulnerability be mapped to it? CWE states that since 4.12; for older versions the oldest
 * statement is given. */
enum tsn_cwe_usage {
    TSN_CWE_UNSTATED,
    TSN_CWE_ALLOWED,
    TSN_CWE_REVIEW,
    TSN_CWE_DISCOURAGED,
    TSN_CWE_PROHIBITED,
};
struct tsn_cwe_row {
    uint16_t id;
    uint16_t versions; /* bit n: tsn_cwe_versions[n] says so */
    uint8_t status, usage;
    uint32_t name; /* FNV-1a of the name */
};
extern const struct tsn_cwe_row tsn_cwe_rows[]; /* by id, then by version */
extern const size_t tsn_cwe_nrows;
extern const char *const tsn_cwe_versions[]; /* oldest first; ends with NULL */

/* "CWE-79", nothing around it: 79; 0 = not the syntax. */
unsigned tsn_cwe_number(const char *s);
/* Bits of the versions that list it (under this name, unless NULL); 0 = none does. */
unsigned tsn_cwe_in(unsigned number, const char *name);
/* What the version says ("4.12"; NULL = the newest that lists it); NULL = nothing. */
const struct tsn_cwe_row *tsn_cwe_find(unsigned number, const char *version);
/* "Stable", "Allowed-with-Review" as CWE writes them; "" for TSN_CWE_UNSTATED. */
const char *tsn_cwe_status_text(unsigned status);
const char *tsn_cwe_usage_text(unsigned usage);
/* The official name of a frequent weakness, or NULL. */
const char *tsn_cwe_name(unsigned number);

/* For what a person or playbook says a case's weakness is. TSN_EINPUT with W081 when it is no CWE
 * id. Else 0, and *warn is NULL or why a better one should be looked for; static text. */
tsn_err tsn_cwe_judge(const char *s, const char **warn, struct tsn_diag *diag);
