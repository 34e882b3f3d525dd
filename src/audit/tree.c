/* tree.c - the Merkle tree of RFC 6962 as a frontier: one node for each set bit of the size.
 *
 * Owns nothing: the caller's struct holds all state. Any thread.
 */
#include "audit/tree.h"

#include <string.h>

void tsn_tree_node(uint8_t out[TSN_HASH_LEN], const uint8_t *left, const uint8_t *right)
{
    uint8_t in[1 + 2 * TSN_HASH_LEN];

    in[0] = 0x01;
    memcpy(in + 1, left, TSN_HASH_LEN);
    memcpy(in + 1 + TSN_HASH_LEN, right, TSN_HASH_LEN);
    tsn_sha256_once(out, in, sizeof in);
}

void tsn_tree_init(struct tsn_tree *t)
{
    memset(t, 0, sizeof *t);
}

void tsn_tree_append(struct tsn_tree *t, const uint8_t leaf[TSN_HASH_LEN])
{
    uint8_t carry[TSN_HASH_LEN];
    int level = 0;

    memcpy(carry, leaf, TSN_HASH_LEN);
    /* Adding one to the size carries through the low set bits; each carry joins two trees. */
    while ((t->size >> level) & 1) {
        tsn_tree_node(carry, t->node[level], carry);
        level++;
    }
    memcpy(t->node[level], carry, TSN_HASH_LEN);
    t->size++;
}

void tsn_tree_root(const struct tsn_tree *t, uint8_t out[TSN_HASH_LEN])
{
    bool have = false;

    if (t->size == 0) {
        tsn_sha256_once(out, "", 0);
        return;
    }
    for (int level = 0; level < TSN_TREE_LEVELS; level++) {
        if (!((t->size >> level) & 1))
            continue;
        if (have)
            tsn_tree_node(out, t->node[level], out);
        else
            memcpy(out, t->node[level], TSN_HASH_LEN);
        have = true;
    }
}

size_t tsn_tree_pack(const struct tsn_tree *t, uint8_t *out, size_t cap)
{
    size_t need = 8;

    for (int level = 0; level < TSN_TREE_LEVELS; level++)
        if ((t->size >> level) & 1)
            need += TSN_HASH_LEN;
    if (need > cap)
        return 0;
    for (int i = 0; i < 8; i++)
        out[i] = (uint8_t)(t->size >> (56 - 8 * i));
    out += 8;
    for (int level = TSN_TREE_LEVELS - 1; level >= 0; level--)
        if ((t->size >> level) & 1) {
            memcpy(out, t->node[level], TSN_HASH_LEN);
            out += TSN_HASH_LEN;
        }
    return need;
}

tsn_err tsn_tree_unpack(struct tsn_tree *t, const uint8_t *p, size_t n)
{
    uint64_t size = 0;

    tsn_tree_init(t);
    if (n < 8)
        return TSN_EINPUT;
    for (int i = 0; i < 8; i++)
        size = size << 8 | p[i];
    if (size >> TSN_TREE_LEVELS)
        return TSN_EINPUT;
    p += 8;
    n -= 8;
    for (int level = TSN_TREE_LEVELS - 1; level >= 0; level--) {
        if (!((size >> level) & 1))
            continue;
        if (n < TSN_HASH_LEN) {
            tsn_tree_init(t);
            return TSN_EINPUT;
        }
        memcpy(t->node[level], p, TSN_HASH_LEN);
        p += TSN_HASH_LEN;
        n -= TSN_HASH_LEN;
    }
    if (n != 0) {
        tsn_tree_init(t);
        return TSN_EINPUT;
    }
    t->size = size;
    return 0;
}
