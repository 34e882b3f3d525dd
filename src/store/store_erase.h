/* store_erase.h - destroys what stands sealed beside entries, without touching a hash. Writer thread.
 *
 * An entry keeps its commitments for ever. Its payload, or the key of a whole case, goes for good: file
 * and write-ahead log are overwritten. The caller writes the `audit.erase` entry that covers it in the
 * same transaction: an absent payload that no such entry names is a finding of every verifier.
 */
#pragma once

#include "store/store.h"

/* The payload of one entry. TSN_ENOTFOUND: no such entry; TSN_ECONFLICT: nothing stands beside it. */
tsn_err tsn_store_erase_entry(struct tsn_store *st, int64_t seq, struct tsn_diag *diag);
/* The key of a case and every payload under it; sealed columns of its rows read as NULL from now
 * on, and nothing can be sealed for it again. *n gets the number of payloads. TSN_ECONFLICT: done before. */
tsn_err tsn_store_erase_case(struct tsn_store *st, struct tsn_arena *arena, const char *case_id,
                             uint64_t *n, struct tsn_diag *diag);
bool tsn_store_case_erased(struct tsn_store *st, const char *case_id);
