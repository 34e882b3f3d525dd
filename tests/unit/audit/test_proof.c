/* test_proof.c - proofs of every pair of sizes up to 70 against the definition, and mutated. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "audit/entry.h"
#include "audit/proof.h"
#include "core/text.h"

#define N 70

static uint8_t leaves[N][TSN_HASH_LEN];
static uint8_t roots[N + 1][TSN_HASH_LEN];

/* RFC 6962, 2.1, as it is written there. */
static void mth(uint8_t out[TSN_HASH_LEN], size_t begin, size_t n)
{
    uint8_t in[65] = {1};
    size_t k = 1;

    if (n == 1) {
        memcpy(out, leaves[begin], TSN_HASH_LEN);
        return;
    }
    while (k * 2 < n)
        k *= 2;
    mth(in + 1, begin, k);
    mth(in + 33, begin + k, n - k);
    tsn_sha256_once(out, in, sizeof(in));
}

/* RFC 6962, 2.1.1 and 2.1.2, as they are written there. */
static void path(struct tsn_proof *p, size_t m, size_t begin, size_t n)
{
    size_t k = 1;

    if (n == 1)
        return;
    while (k * 2 < n)
        k *= 2;
    if (m < k) {
        path(p, m, begin, k);
        mth(p->hash[p->n++], begin + k, n - k);
    } else {
        path(p, m - k, begin + k, n - k);
        mth(p->hash[p->n++], begin, k);
    }
}

static void subproof(struct tsn_proof *p, size_t m, size_t begin, size_t n, bool known)
{
    size_t k = 1;

    if (m == n) {
        if (!known)
            mth(p->hash[p->n++], begin, n);
        return;
    }
    while (k * 2 < n)
        k *= 2;
    if (m <= k) {
        subproof(p, m, begin, k, known);
        mth(p->hash[p->n++], begin + k, n - k);
    } else {
        subproof(p, m - k, begin + k, n - k, false);
        mth(p->hash[p->n++], begin, k);
    }
}

/* Only complete subtrees inside the tree of N leaves exist. */
static tsn_err get(void *user, int level, uint64_t index, uint8_t out[TSN_HASH_LEN])
{
    uint64_t limit = *(const uint64_t *)user;

    assert_true(((index + 1) << level) <= limit);
    mth(out, (size_t)(index << level), (size_t)1 << level);
    return 0;
}

static tsn_err get_nothing(void *user, int level, uint64_t index, uint8_t out[TSN_HASH_LEN])
{
    (void)user, (void)level, (void)index, (void)out;
    return TSN_EIO;
}

static int setup(void **state)
{
    (void)state;
    tsn_crypto_init();
    for (size_t i = 0; i < N; i++)
        tsn_entry_leaf(leaves[i], (const char *)&i, sizeof(i));
    tsn_sha256_once(roots[0], "", 0);
    for (size_t n = 1; n <= N; n++)
        mth(roots[n], 0, n);
    return 0;
}

static void same_proof(const struct tsn_proof *a, const struct tsn_proof *b)
{
    assert_int_equal(a->n, b->n);
    for (size_t i = 0; i < a->n; i++)
        assert_memory_equal(a->hash[i], b->hash[i], TSN_HASH_LEN);
}

/* One check of a mutated proof: true when it is (wrongly) accepted. */
struct claim {
    bool inclusion;
    uint64_t a, size; /* index or old size */
};

static bool accepted(const struct claim *c, const struct tsn_proof *p)
{
    return c->inclusion
               ? tsn_proof_check_inclusion(p, c->a, c->size, leaves[c->a], roots[c->size]) == 0
               : tsn_proof_check_consistency(p, c->a, roots[c->a], c->size, roots[c->size]) ==
                     0;
}

static void mutate(const struct claim *c, const struct tsn_proof *good)
{
    struct tsn_proof p = *good;

    assert_true(accepted(c, &p));
    for (size_t i = 0; i < good->n; i++) {
        /* one bit */
        p.hash[i][(c->a + i) % TSN_HASH_LEN] ^= (uint8_t)(1u << (c->size % 8));
        assert_false(accepted(c, &p));
        p = *good;
        /* one removed */
        memmove(p.hash[i], p.hash[i + 1], (good->n - i - 1) * TSN_HASH_LEN);
        p.n--;
        assert_false(accepted(c, &p));
        p = *good;
        /* one twice */
        memmove(p.hash[i + 1], p.hash[i], (good->n - i) * TSN_HASH_LEN);
        p.n++;
        assert_false(accepted(c, &p));
        p = *good;
        /* two exchanged */
        if (i + 1 < good->n) {
            memcpy(p.hash[i], good->hash[i + 1], TSN_HASH_LEN);
            memcpy(p.hash[i + 1], good->hash[i], TSN_HASH_LEN);
            assert_false(accepted(c, &p));
            p = *good;
        }
    }
    /* one too many */
    memcpy(p.hash[p.n++], roots[c->size], TSN_HASH_LEN);
    assert_false(accepted(c, &p));
}

static void test_inclusion(void **state)
{
    struct tsn_proof p, want;
    uint64_t size;
    const struct tsn_nodes nodes = {.get = get, .user = &size};
    uint8_t root[TSN_HASH_LEN];

    (void)state;
    for (size = 1; size <= N; size++) {
        assert_int_equal(tsn_proof_root(root, &nodes, size), 0);
        assert_memory_equal(root, roots[size], TSN_HASH_LEN);
        for (uint64_t i = 0; i < size; i++) {
            const struct claim c = {.inclusion = true, .a = i, .size = size};

            want.n = 0;
            path(&want, i, 0, size);
            assert_int_equal(tsn_proof_inclusion(&p, &nodes, i, size), 0);
            same_proof(&p, &want);
            mutate(&c, &p);
            /* of another leaf, at every other place, under another root */
            for (uint64_t k = 0; k < size; k++) {
                if (k == i)
                    continue;
                assert_int_not_equal(
                    tsn_proof_check_inclusion(&p, i, size, leaves[k], roots[size]), 0);
                assert_int_not_equal(
                    tsn_proof_check_inclusion(&p, k, size, leaves[i], roots[size]), 0);
            }
            assert_int_not_equal(
                tsn_proof_check_inclusion(&p, i, size, leaves[i], roots[size - 1]), 0);
        }
        assert_int_equal(tsn_proof_inclusion(&p, &nodes, size, size), TSN_EINPUT);
        assert_int_not_equal(tsn_proof_check_inclusion(&p, size, size, leaves[0], roots[size]),
                             0);
    }
}

static void test_consistency(void **state)
{
    struct tsn_proof p, want;
    uint64_t size;
    const struct tsn_nodes nodes = {.get = get, .user = &size};

    (void)state;
    for (size = 0; size <= N; size++) {
        for (uint64_t old = 0; old <= size; old++) {
            const struct claim c = {.a = old, .size = size};

            want.n = 0;
            if (old > 0)
                subproof(&want, old, 0, size, true);
            assert_int_equal(tsn_proof_consistency(&p, &nodes, old, size), 0);
            same_proof(&p, &want);
            mutate(&c, &p);
            /* from or to another tree */
            for (uint64_t k = 0; k <= N; k++) {
                if (k != old)
                    assert_int_not_equal(
                        tsn_proof_check_consistency(&p, old, roots[k], size, roots[size]), 0);
                if (k != size && old != 0)
                    assert_int_not_equal(
                        tsn_proof_check_consistency(&p, old, roots[old], size, roots[k]), 0);
            }
            if (old > 0)
                assert_int_not_equal(
                    tsn_proof_check_consistency(&p, size + 1, roots[old], size, roots[size]),
                    0);
        }
        assert_int_equal(tsn_proof_consistency(&p, &nodes, size + 1, size), TSN_EINPUT);
    }
}

/* A history that differs in one leaf before the old size never gets a proof. */
static void test_fork(void **state)
{
    struct tsn_proof p;
    uint64_t size = 37;
    const struct tsn_nodes nodes = {.get = get, .user = &size};
    uint8_t keep[TSN_HASH_LEN], forked[TSN_HASH_LEN];

    (void)state;
    for (uint64_t old = 1; old < size; old++)
        for (uint64_t bad = 0; bad < old; bad++) {
            memcpy(keep, leaves[bad], TSN_HASH_LEN);
            leaves[bad][0] ^= 1;
            assert_int_equal(tsn_proof_consistency(&p, &nodes, old, size), 0);
            mth(forked, 0, size);
            memcpy(leaves[bad], keep, TSN_HASH_LEN);
            assert_int_equal(tsn_proof_check_consistency(&p, old, roots[old], size, forked),
                             TSN_ETAMPERED);
        }
}

/* Far out: only one level a hash, no overflow, and errors of the source come through. */
static void test_limits(void **state)
{
    struct tsn_proof p = {.n = 0};
    const struct tsn_nodes none = {.get = get_nothing};

    (void)state;
    assert_int_equal(tsn_proof_inclusion(&p, &none, 5, 9), TSN_EIO);
    assert_int_equal(tsn_proof_consistency(&p, &none, 5, 9), TSN_EIO);
    assert_int_equal(tsn_proof_root(roots[0], &none, 3), TSN_EIO);
    assert_int_equal(tsn_proof_inclusion(&p, &none, 0, UINT64_MAX), TSN_EINPUT);
    assert_int_equal(tsn_proof_consistency(&p, &none, 1, (uint64_t)1 << 63), TSN_EINPUT);
    assert_int_equal(tsn_proof_root(roots[0], &none, (uint64_t)1 << 63), TSN_EINPUT);
    p.n = TSN_PROOF_MAX + 1;
    assert_int_equal(tsn_proof_check_inclusion(&p, 0, 9, leaves[0], roots[9]), TSN_ETAMPERED);
    assert_int_equal(tsn_proof_check_consistency(&p, 1, roots[1], 9, roots[9]), TSN_ETAMPERED);
    p.n = 0;
    assert_int_equal(tsn_proof_check_inclusion(&p, 0, 0, leaves[0], roots[0]), TSN_ETAMPERED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inclusion),
        cmocka_unit_test(test_consistency),
        cmocka_unit_test(test_fork),
        cmocka_unit_test(test_limits),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
