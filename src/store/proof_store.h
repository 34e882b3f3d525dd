/* proof_store.h - RFC 6962 proofs about the stored log. Store thread: reader, writer or a command.
 *
 * Reads leaves for the lowest eight levels and kept nodes (table `node`: levels 8, 16, 24 ...)
 * above, at most 255 rows a node. What it makes is right only if the file is: a proof from a
 * damaged file does not check, so nothing signed or shown depends on trusting it.
 */
#pragma once

#include "audit/proof.h"
#include "store/record_log.h"
#include "store/store.h"

/* For tsn_proof_*: `user` is the store. */
tsn_err tsn_store_node(void *st, int level, uint64_t index, uint8_t out[TSN_HASH_LEN]);
/* Of the first `size` entries; TSN_ENOTFOUND when the log is shorter. */
tsn_err tsn_store_root_at(struct tsn_store *st, uint64_t size, uint8_t root[TSN_HASH_LEN]);
tsn_err tsn_store_consistency(struct tsn_store *st, uint64_t old_size, uint64_t size,
                              struct tsn_proof *out);
tsn_err tsn_store_inclusion(struct tsn_store *st, uint64_t index, uint64_t size,
                            struct tsn_proof *out);

/* The newest checkpoint that was stored; TSN_ENOTFOUND when there is none. */
tsn_err tsn_store_checkpoint(struct tsn_store *st, struct tsn_arena *arena,
                             struct tsn_rec_checkpoint *out);
/* Puts a checkpoint; the one before it goes unless it is kept. */
tsn_err tsn_store_checkpoint_put(struct tsn_store *st, struct tsn_arena *arena,
                                 const struct tsn_rec_checkpoint *cp);
/* The key in use (of the newest epoch); TSN_ENOTFOUND: this log was never sealed. */
tsn_err tsn_store_sealkey(struct tsn_store *st, struct tsn_arena *arena,
                          struct tsn_rec_sealkey *out);
