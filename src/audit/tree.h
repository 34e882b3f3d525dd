/* tree.h - the Merkle tree of RFC 6962: the frontier that appends in O(log n), and its root.
 * Node = SHA-256(0x01 || left || right); the empty root is SHA-256 of nothing. Pure. Any thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include "core/crypto.h"

#define TSN_TREE_LEVELS 63

struct tsn_tree {
    uint64_t size;
    uint8_t node[TSN_TREE_LEVELS]
                [TSN_HASH_LEN]; /* node[i] is meaningful when bit i of size is set */
};

/* SHA-256(0x01 || left || right); `out` may be one of the two. */
void tsn_tree_node(uint8_t out[TSN_HASH_LEN], const uint8_t *left, const uint8_t *right);
void tsn_tree_init(struct tsn_tree *t);
void tsn_tree_append(struct tsn_tree *t, const uint8_t leaf[TSN_HASH_LEN]);
void tsn_tree_root(const struct tsn_tree *t, uint8_t out[TSN_HASH_LEN]);
/* Frontier as bytes: size (8, big endian) then the set nodes from the highest level down. */
size_t tsn_tree_pack(const struct tsn_tree *t, uint8_t *out, size_t cap);
tsn_err tsn_tree_unpack(struct tsn_tree *t, const uint8_t *p, size_t n);
