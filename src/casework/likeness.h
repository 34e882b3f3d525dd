/* likeness.h - reports that may say the same: what two have in common, how much that is worth, and the
 * proposals that stand in a case from the moment a report comes in.
 *
 * Scores rank, they reject nothing and merge nothing: a proposal is a row of the track `alike` of the
 * case, until a person says that the reports are the same (report.duplicate) or are not
 * (report.different). Owns, for the writer's thread, what it remembers of the newest reports: hashes
 * and ids, no text.
 */
#pragma once

#include "casework/casework.h"
#include "store/record_case.h"

struct tsn_case_work;
struct tsn_likeness;

struct tsn_likeness *tsn_likeness_new(void);
void tsn_likeness_destroy(struct tsn_likeness *l); /* NULL allowed */

/* Writer thread, in the transaction that stores the report: at most five proposals, the best first, each
 * an entry. `l` in the configuration NULL: the newest 300 are read instead. */
tsn_err tsn_likeness_propose(struct tsn_case_work *w, const struct tsn_rec_report *r,
                             struct tsn_diag *diag);
/* Any store thread. { items: [{ report, name, case, score (0 to 100), reasons: [...], earlier }] }, newest
 * first; of what this connection may see. */
tsn_err tsn_report_candidates(struct tsn_store *st, struct tsn_arena *arena,
                              const struct tsn_casework_config *config,
                              const struct tsn_rec_report *r, json_t **out);
