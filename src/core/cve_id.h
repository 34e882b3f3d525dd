/* cve_id.h - CVE ids and blocks of them: syntax, order, membership. Pure; any thread.
 *
 * Source: the CVE Program's id syntax of 2014 and the record format 5.2 (^CVE-[0-9]{4}-[0-9]{4,19}$):
 * the year has four digits, ids begin with 1999; the number has at least four, and no zeros in front
 * beyond that. A block is what a numbering authority is given: CVE-2026-1000..1099, or both ids in
 * full.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "core/diag.h"
#include "core/err.h"

#define TSN_CVE_ID_MAX 32 /* bytes of an id with its NUL: CVE-2026- and up to 18 digits */

struct tsn_cve_id {
    int year;
    int64_t number;
};
struct tsn_cve_block {
    int year;
    int64_t first, last; /* both belong to it */
};

/* Strict, upper case. TSN_EINPUT with W080. */
tsn_err tsn_cve_id_parse(const char *s, struct tsn_cve_id *out, struct tsn_diag *diag);
bool tsn_cve_id_ok(const char *s);
/* The one way to write it: four digits at least. */
void tsn_cve_id_print(const struct tsn_cve_id *id, char out[TSN_CVE_ID_MAX]);
/* "A..B" or a single id. Both of one year, A not after B. TSN_EINPUT with W080. */
tsn_err tsn_cve_block_parse(const char *s, struct tsn_cve_block *out, struct tsn_diag *diag);
bool tsn_cve_block_has(const struct tsn_cve_block *b, const struct tsn_cve_id *id);
