/* record_log.h - what the store keeps of the log: case keys, chains, checkpoints and sealing keys.
 *
 * Conventions in record.h. Constant tables; any thread.
 */
#pragma once

#include "store/record.h"

struct tsn_rec_casekey {
    const char *case_id;
    struct tsn_blob wrapped; /* key sealed under the master key */
};
extern const struct tsn_table tsn_table_casekey;

struct tsn_rec_chain {
    const char *chain;
    struct tsn_blob leaf;
    int64_t seq, rseq; /* of its last entry */
};
extern const struct tsn_table tsn_table_chain;

/* A signed checkpoint of the log; id = size in 20 digits. */
struct tsn_rec_checkpoint {
    const char *id, *note;
    int64_t size,
        kept; /* 1: an entry names it, so it stays when a newer one comes; 2: it was handed
                         * out under an export, and later exports show that they continue it */
    int64_t sealed_at; /* when the sealer's answer was here, by our clock */
};
extern const struct tsn_table tsn_table_checkpoint;

/* A key that signed this log: for sizes from from_size on, below until_size (0 = in use). */
struct tsn_rec_sealkey {
    const char *key /* verifier key, NAME+8HEX+BASE64 */, *origin;
    int64_t epoch, from_size, until_size;
};
extern const struct tsn_table tsn_table_sealkey;
