/* cpe.h - CPE names: check, take apart, bring into one form, compare as sets. Pure, any thread.
 *
 * Formatted strings of CPE 2.3 and URIs of CPE 2.2, as the CSAF schema takes them. Comparison is
 * the table of NISTIR 7696 section 6: each attribute of the source against that of the target. */
#pragma once

#include <stdbool.h>
#include "core/buf.h"
#include "core/mem.h"

#define TSN_CPE_MAX 4096

enum tsn_cpe_part {
    TSN_CPE_PART,
    TSN_CPE_VENDOR,
    TSN_CPE_PRODUCT,
    TSN_CPE_VERSION,
    TSN_CPE_UPDATE,
    TSN_CPE_EDITION,
    TSN_CPE_LANGUAGE,
    TSN_CPE_SW_EDITION,
    TSN_CPE_TARGET_SW,
    TSN_CPE_TARGET_HW,
    TSN_CPE_OTHER,
    TSN_CPE_PARTS
};
extern const char *const tsn_cpe_part_names[TSN_CPE_PARTS];

/* Values as a formatted string spells them, escapes included, letters in lower case; "*" is any,
 * "-" is not applicable. */
struct tsn_cpe {
    const char *part[TSN_CPE_PARTS];
};

/* No allocation. *why says in a few words what is wrong; NULL allowed. */
bool tsn_cpe_ok(const char *text, const char **why);
/* Everything in the arena. TSN_EINPUT with *why. */
tsn_err tsn_cpe_parse(struct tsn_arena *arena, const char *text, struct tsn_cpe *out,
                      const char **why);
void tsn_cpe_print(const struct tsn_cpe *cpe, struct tsn_buf *out); /* as a formatted string */
/* The attribute as people read it, without escapes. In the arena. */
const char *tsn_cpe_plain(struct tsn_arena *arena, const struct tsn_cpe *cpe,
                          enum tsn_cpe_part part);

enum tsn_cpe_relation {
    TSN_CPE_DISJOINT,
    TSN_CPE_EQUAL,
    TSN_CPE_SUBSET,   /* what the source names lies within the target */
    TSN_CPE_SUPERSET, /* and the other way round */
    TSN_CPE_UNDEFINED /* the target has a wildcard where the table has no answer */
};
enum tsn_cpe_relation tsn_cpe_attribute(const char *source, const char *target);
/* The whole name: EQUAL, SUPERSET or SUBSET where all attributes agree on that direction. */
enum tsn_cpe_relation tsn_cpe_compare(const struct tsn_cpe *source,
                                      const struct tsn_cpe *target);
