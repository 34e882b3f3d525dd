/* retention.h - how long a closed case is kept: a policy says at least and at most; at the end an erasure
 * is asked for, which two people carry out; a legal hold stops it.
 *
 * Track `retention` of a case, from its closing on: none, kept, held (its time is over, but a hold is
 * on), due (entry `audit.erase.asked` by svc:retention names it). Store thread.
 */
#pragma once

#include "casework/casework.h"
#include "casework/policy.h"

struct tsn_case_work;

/* One rule of a document of kind `retention`: the first that fits decides for its document. */
struct tsn_keep_rule {
    const char *id, *why;
    struct tsn_when when;
    const char *from;                    /* instant, or "closed" or "opened" */
    struct tsn_period at_least, at_most; /* n 0 = not said */
};
tsn_err tsn_policy_read_retention(struct tsn_arena *arena, const struct tsn_yaml *root,
                                  struct tsn_policy *p, struct tsn_diag *diag);

/* What all documents together say of a case; 0 and NULL where none does. */
struct tsn_keep {
    int64_t least_ms, most_ms; /* kept until here; erased from here on, never before least_ms */
    const struct tsn_keep_rule *least, *most;
    const struct tsn_keep_rule *waits; /* its at_least has not even begun: the case is open */
};
void tsn_retention_judge(const struct tsn_case_work *w, struct tsn_keep *out);

/* Moves the track as policy, hold and time say; of a closed case only. Called when a change closes
 * and by the ticker. */
tsn_err tsn_retention_settle(struct tsn_case_work *w, struct tsn_diag *diag);

/* May something of this case be erased now? W045 while a law or contract wants it kept. */
tsn_err tsn_retention_allows(struct tsn_store *st, struct tsn_arena *arena,
                             const struct tsn_casework_config *config,
                             const struct tsn_rec_case *c, int64_t now_ms,
                             struct tsn_diag *diag);
/* The key of the case is about to go: the ticker forgets it. */
tsn_err tsn_retention_over(struct tsn_store *st, struct tsn_arena *arena, const char *case_id);
