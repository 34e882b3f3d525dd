/* log_index.h - the log as columns: what searches, reports and exports ask.
 *
 * A file of its own beside the database, made from the entries alone and brought up to date by
 * whoever asks, so that appending costs nothing for it. It is never evidence: an answer is built
 * from the entry itself, and an index that does not fit the log (another log, an older copy,
 * another layout, a damaged file) is thrown away and made again.
 *
 * Belongs to the store it was opened with and to that store's thread: the reader, or an offline
 * command. Holds only what stands in clear in an entry, never a payload.
 */
#pragma once

#include "store/store.h"

struct tsn_log_index;

/* The index of this store, opened at first use in the file `index` of its configuration (NULL: a
 * temporary one that no name leads to) and closed with it. It may be behind. */
tsn_err tsn_log_index(struct tsn_store *st, struct tsn_log_index **out, struct tsn_diag *diag);
/* Takes up to `most` further entries (0 = all there are); *left gets how many are still missing.
 * Inside the reader's transaction, or in none. About 6 us an entry. */
tsn_err tsn_log_index_more(struct tsn_log_index *ix, uint64_t most, uint64_t *left,
                           struct tsn_diag *diag);

/* What the stored checkpoints say about an entry: -1 = nothing yet. */
struct tsn_log_sealed {
    int64_t size;      /* of the first checkpoint that covers it */
    int64_t after_ms;  /* when the last one without it was signed: it is not older */
    int64_t before_ms; /* when the first one with it was signed: it is not younger */
};
void tsn_log_sealed(struct tsn_log_index *ix, int64_t seq, struct tsn_log_sealed *out);

/* Markings in rising order: clear green amber amber+strict red; -1 = no such word. An entry counts
 * as the highest of its own marking and its case's present one; a case without one is amber, what
 * belongs to no case is green. */
int tsn_tlp_rank(const char *tlp);
