/* phase.h - the one word people see for a case, computed from its data, never set by hand.
 *
 * The algorithm is OSIDB's: the first workflow (by priority) whose condition holds, then its last
 * state whose own and whose predecessors' requirements all hold. So a case whose data is withdrawn
 * falls back by itself, and an embargoed one cannot be DONE, because its workflow ends at READY.
 * Pure; any thread.
 */
#pragma once

#include <jansson.h>
#include <stdint.h>

/* What is known about a case: bits of `have`. */
enum tsn_phase_bit {
    TSN_HAVE_SOURCE = 1 << 0,
    TSN_HAVE_TIME = 1 << 1,
    TSN_HAVE_PRODUCT = 1 << 2,
    TSN_HAVE_CONTACT = 1 << 3,
    TSN_HAVE_REPRODUCED = 1 << 4, /* or disputed */
    TSN_HAVE_CWE = 1 << 5,
    TSN_HAVE_CVSS = 1 << 6,
    TSN_HAVE_OWNER = 1 << 7,
    TSN_HAVE_AFFECTED = 1 << 8, /* closed for every supported branch */
    TSN_HAVE_SSVC = 1 << 9,
    TSN_HAVE_TARGET = 1 << 10,
    TSN_HAVE_ETA = 1 << 11,      /* fix or mitigation per affected branch */
    TSN_HAVE_FIX = 1 << 12,      /* fact F */
    TSN_HAVE_ADVISORY = 1 << 13, /* approved */
    TSN_HAVE_CVE = 1 << 14,      /* drafted, or none is needed */
    TSN_HAVE_NOTICES = 1 << 15,
    TSN_HAVE_PUBLISHED = 1 << 16,
    TSN_HAVE_DEPLOYED = 1 << 17, /* fact D, or feedback */
    TSN_HAVE_APPROVAL = 1 << 18, /* a named person closed it */
    TSN_HAVE_REJECTED = 1 << 19, /* every report is invalid, a duplicate or not ours */
    TSN_HAVE_EMBARGO = 1 << 20,
    TSN_HAVE_MANUAL = 1 << 21
};
#define TSN_PHASE_BITS 22

struct tsn_phase {
    const char *workflow; /* rejected embargoed manual default */
    const char *name;     /* NEW TRIAGE ANALYSIS PLAN FIX READY PUBLISHED POST DONE REJECTED */
    uint32_t missing;     /* bits that the next state needs; 0 at the end */
};
void tsn_phase_of(uint32_t have, struct tsn_phase *out);
/* "cwe" for people: what is missing. */
const char *tsn_phase_bit_name(uint32_t bit);
