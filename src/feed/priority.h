/* priority.h - how soon, by the table of CISA's Binding Operational Directive 26-04 (10 June 2026):
 * four questions, sixteen rows. Pure, any thread. Every answer keeps what it was computed from. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

struct tsn_priority_inputs {
    bool kev, exposed, automatable, total;
    /* Where an answer comes from: "inventory", "ssvc", "vector", "assumed". */
    const char *exposed_by, *automatable_by, *total_by;
};

/* "3 days & forensic investigation", "3 days", "14 days", "60 days", "fix on system upgrade" */
const char *tsn_priority_band(const struct tsn_priority_inputs *in);
int tsn_priority_days(const struct tsn_priority_inputs *in); /* 0 = with the next upgrade */
/* Automatable and technical impact from CISA's SSVC points where there are any, else from the
 * vector (AV:N, PR:N, UI:N; C, I and A high), else assumed: what nobody judged counts as bad. */
void tsn_priority_from(struct tsn_priority_inputs *in, const json_t *ssvc, const char *vector,
                       const char *exposure);
/* { band, days, table, and each answer with where it is from }. `table`: "bod-26-04" or NULL, else an
 * SSVC table (supplier deployer cisa) by the same answers, `ssvc` of the CVE record and the product's
 * exposure, mission and safety, with all that it says as `ssvc`; points that nobody answered leave
 * the worst. */
#define TSN_PRIORITY_BOD "bod-26-04"
json_t *tsn_priority_json(const struct tsn_priority_inputs *in, const char *table,
                          const json_t *ssvc, const json_t *product);
