/* living.h - parts of a plan that live on in a case: facts, handling plan, tracks, filings, evidence.
 *
 * Private to src/casework. JSON objects with `id` and `digest`; new references. Store thread.
 */
#pragma once

#include "casework/case_work.h"

/* What is known of the case; `names` separated by commas, NULL = all but the phase. */
json_t *tsn_living_facts(const struct tsn_case_work *w, const char *names);
/* The handling plan that applies; null = none. */
json_t *tsn_living_plan(const struct tsn_case_work *w);
json_t *tsn_living_track(const struct tsn_case_work *w, const struct tsn_rec_track *r);
/* Ids of parts whose digest the document has itself. In the arena. */
const char *tsn_living_filing_id(struct tsn_arena *arena, const char *subject);
const char *tsn_living_evidence_id(struct tsn_arena *arena, const char *evidence);
/* A tsn_living_fn; user: const struct tsn_casework_config, may be NULL. */
tsn_err tsn_case_living(void *user, struct tsn_store *st, struct tsn_arena *arena,
                        const char *case_id, const json_t *part, json_t **now);
