/* proof.c - see proof.h. Owns nothing. Any thread. */
#include "audit/proof.h"

#include <string.h>

#define SIZE_LIMIT ((uint64_t)1 << 63)

/* Highest level at which one complete subtree fits into n leaves (n > 0). */
static int top_level(uint64_t n)
{
    return 63 - __builtin_clzll(n);
}

/* The split of RFC 6962: the largest power of two below n (n > 1). */
static uint64_t split(uint64_t n)
{
    return (uint64_t)1 << top_level(n - 1);
}

/* Hash over n > 0 leaves from `begin`, which is a multiple of n's highest power of two: complete
 * subtrees from the left, joined from the right. */
static tsn_err range_hash(const struct tsn_nodes *nodes, uint64_t begin, uint64_t n,
                          uint8_t out[TSN_HASH_LEN])
{
    uint8_t piece[TSN_HASH_LEN];
    uint64_t end = begin + n;
    bool have = false;
    tsn_err err;

    for (int level = 0; level <= top_level(n); level++) {
        if (!((n >> level) & 1))
            continue;
        end -= (uint64_t)1 << level;
        err = nodes->get(nodes->user, level, end >> level, have ? piece : out);
        if (err)
            return err;
        if (have)
            tsn_tree_node(out, piece, out);
        have = true;
    }
    return 0;
}

/* Proofs list hashes from the leaf up; they are found from the root down. */
static void reverse(struct tsn_proof *p)
{
    uint8_t tmp[TSN_HASH_LEN];

    for (size_t i = 0, k = p->n; i + 1 < k; i++) {
        k--;
        memcpy(tmp, p->hash[i], TSN_HASH_LEN);
        memcpy(p->hash[i], p->hash[k], TSN_HASH_LEN);
        memcpy(p->hash[k], tmp, TSN_HASH_LEN);
    }
}

tsn_err tsn_proof_root(uint8_t out[TSN_HASH_LEN], const struct tsn_nodes *nodes, uint64_t size)
{
    if (size >= SIZE_LIMIT)
        return TSN_EINPUT;
    if (size == 0) {
        tsn_sha256_once(out, "", 0);
        return 0;
    }
    return range_hash(nodes, 0, size, out);
}

tsn_err tsn_proof_inclusion(struct tsn_proof *out, const struct tsn_nodes *nodes,
                            uint64_t index, uint64_t size)
{
    uint64_t begin = 0;
    tsn_err err;

    out->n = 0;
    if (index >= size || size >= SIZE_LIMIT)
        return TSN_EINPUT;
    while (size > 1) {
        uint64_t k = split(size);

        if (index - begin < k) {
            err = range_hash(nodes, begin + k, size - k, out->hash[out->n]);
            size = k;
        } else {
            err = range_hash(nodes, begin, k, out->hash[out->n]);
            begin += k;
            size -= k;
        }
        if (err)
            return err;
        out->n++;
    }
    reverse(out);
    return 0;
}

tsn_err tsn_proof_consistency(struct tsn_proof *out, const struct tsn_nodes *nodes,
                              uint64_t old_size, uint64_t size)
{
    uint64_t begin = 0, m = old_size;
    tsn_err err = 0;

    out->n = 0;
    if (old_size > size || size >= SIZE_LIMIT)
        return TSN_EINPUT;
    if (old_size == 0)
        return 0;
    while (m < size) {
        uint64_t k = split(size);

        if (m <= k) {
            err = range_hash(nodes, begin + k, size - k, out->hash[out->n]);
            size = k;
        } else {
            err = range_hash(nodes, begin, k, out->hash[out->n]);
            begin += k;
            m -= k;
            size -= k;
        }
        if (err)
            return err;
        out->n++;
    }
    /* Where the old tree is a whole left part of the new one, whoever checks has its root. */
    if (begin > 0) {
        err = range_hash(nodes, begin, m, out->hash[out->n]);
        if (err)
            return err;
        out->n++;
    }
    reverse(out);
    return 0;
}

/* --- checking: RFC 9162, 2.1.3.2 and 2.1.4.2 ---------------------------------------------- */

static tsn_err same(const uint8_t *a, const uint8_t *b)
{
    return memcmp(a, b, TSN_HASH_LEN) == 0 ? 0 : TSN_ETAMPERED;
}

/* A node at the right edge is not joined on levels where it has no sibling. */
static void skip_edge(uint64_t *at, uint64_t *last)
{
    while (!(*at & 1) && *at != 0) {
        *at >>= 1;
        *last >>= 1;
    }
}

tsn_err tsn_proof_check_inclusion(const struct tsn_proof *p, uint64_t index, uint64_t size,
                                  const uint8_t leaf[TSN_HASH_LEN],
                                  const uint8_t root[TSN_HASH_LEN])
{
    uint64_t at = index, last = size - 1;
    uint8_t h[TSN_HASH_LEN];

    if (index >= size || size >= SIZE_LIMIT || p->n > TSN_PROOF_MAX)
        return TSN_ETAMPERED;
    memcpy(h, leaf, TSN_HASH_LEN);
    for (size_t i = 0; i < p->n; i++) {
        if (last == 0)
            return TSN_ETAMPERED;
        if ((at & 1) || at == last) {
            tsn_tree_node(h, p->hash[i], h);
            skip_edge(&at, &last);
        } else {
            tsn_tree_node(h, h, p->hash[i]);
        }
        at >>= 1;
        last >>= 1;
    }
    return last == 0 ? same(h, root) : TSN_ETAMPERED;
}

tsn_err tsn_proof_check_consistency(const struct tsn_proof *p, uint64_t old_size,
                                    const uint8_t old_root[TSN_HASH_LEN], uint64_t size,
                                    const uint8_t root[TSN_HASH_LEN])
{
    uint8_t older[TSN_HASH_LEN], newer[TSN_HASH_LEN];
    uint64_t at = old_size - 1, last = size - 1;
    size_t i = 0;

    if (old_size > size || size >= SIZE_LIMIT || p->n > TSN_PROOF_MAX)
        return TSN_ETAMPERED;
    if (old_size == size)
        return p->n == 0 ? same(old_root, root) : TSN_ETAMPERED;
    if (old_size == 0) {
        tsn_sha256_once(older, "", 0);
        return p->n == 0 ? same(old_root, older) : TSN_ETAMPERED;
    }
    while (at & 1) {
        at >>= 1;
        last >>= 1;
    }
    if (at == 0) { /* the old size is a power of two: its root is the first hash */
        memcpy(older, old_root, TSN_HASH_LEN);
    } else {
        if (p->n == 0)
            return TSN_ETAMPERED;
        memcpy(older, p->hash[i++], TSN_HASH_LEN);
    }
    memcpy(newer, older, TSN_HASH_LEN);
    for (; i < p->n; i++) {
        if (last == 0)
            return TSN_ETAMPERED;
        if ((at & 1) || at == last) {
            tsn_tree_node(older, p->hash[i], older);
            tsn_tree_node(newer, p->hash[i], newer);
            skip_edge(&at, &last);
        } else {
            tsn_tree_node(newer, newer, p->hash[i]);
        }
        at >>= 1;
        last >>= 1;
    }
    if (last != 0 || same(older, old_root))
        return TSN_ETAMPERED;
    return same(newer, root);
}
