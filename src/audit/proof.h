/* proof.h - inclusion and consistency proofs of RFC 6962 (2.1.1, 2.1.2): made and checked.
 *
 * Making asks a function for the hashes of complete subtrees, so it does not care where they are
 * kept. Checking needs the proof alone. A proof binds leaf and roots to each other, not the sizes
 * to the roots: that is what the signature under a checkpoint does. Pure. Any thread.
 */
#pragma once

#include "audit/tree.h"

#define TSN_PROOF_MAX 64 /* hashes; a tree of 2^63 leaves needs no more */

struct tsn_proof {
    size_t n;
    uint8_t hash[TSN_PROOF_MAX][TSN_HASH_LEN];
};

/* Gives the node over the leaves [index << level, (index + 1) << level): level 0 is a leaf hash. */
struct tsn_nodes {
    tsn_err (*get)(void *user, int level, uint64_t index, uint8_t out[TSN_HASH_LEN]);
    void *user;
};

/* TSN_EINPUT: index >= size, old_size > size, or a size past 2^63; else what get returned. */
tsn_err tsn_proof_inclusion(struct tsn_proof *out, const struct tsn_nodes *nodes,
                            uint64_t index, uint64_t size);
/* Empty for old_size 0 and for old_size == size. */
tsn_err tsn_proof_consistency(struct tsn_proof *out, const struct tsn_nodes *nodes,
                              uint64_t old_size, uint64_t size);
tsn_err tsn_proof_root(uint8_t out[TSN_HASH_LEN], const struct tsn_nodes *nodes, uint64_t size);

/* 0, or TSN_ETAMPERED: the proof does not show it. */
tsn_err tsn_proof_check_inclusion(const struct tsn_proof *p, uint64_t index, uint64_t size,
                                  const uint8_t leaf[TSN_HASH_LEN],
                                  const uint8_t root[TSN_HASH_LEN]);
tsn_err tsn_proof_check_consistency(const struct tsn_proof *p, uint64_t old_size,
                                    const uint8_t old_root[TSN_HASH_LEN], uint64_t size,
                                    const uint8_t root[TSN_HASH_LEN]);
