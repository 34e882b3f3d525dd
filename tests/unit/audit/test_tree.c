/* test_tree.c - the tree against the published roots of RFC 6962 and a plain recursive one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "audit/entry.h"
#include "audit/tree.h"
#include "core/text.h"

static int setup(void **state)
{
    (void)state;
    tsn_crypto_init();
    return 0;
}

/* The eight leaves and roots that every implementation of certificate transparency tests with. */
static void test_known_roots(void **state)
{
    static const char *const leaves[] = {"",
                                         "00",
                                         "10",
                                         "2021",
                                         "3031",
                                         "40414243",
                                         "5051525354555657",
                                         "606162636465666768696a6b6c6d6e6f"};
    static const char *const roots[] = {
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};
    struct tsn_tree t;
    uint8_t root[TSN_HASH_LEN], leaf[TSN_HASH_LEN];
    char bytes[64], hex[65];

    (void)state;
    tsn_tree_init(&t);
    for (size_t n = 0;; n++) {
        tsn_tree_root(&t, root);
        tsn_hex(hex, root, sizeof(root));
        assert_string_equal(hex, roots[n]);
        if (n == 8)
            break;
        assert_int_equal(tsn_unhex(bytes, strlen(leaves[n]) / 2, leaves[n], strlen(leaves[n])),
                         0);
        tsn_entry_leaf(leaf, bytes, strlen(leaves[n]) / 2);
        tsn_tree_append(&t, leaf);
    }
}

static void join(uint8_t out[TSN_HASH_LEN], uint8_t (*leaf)[TSN_HASH_LEN], size_t n)
{
    uint8_t in[65] = {1};
    size_t k = 1;

    if (n == 1) {
        memcpy(out, leaf[0], TSN_HASH_LEN);
        return;
    }
    while (k * 2 < n)
        k *= 2;
    join(in + 1, leaf, k);
    join(in + 33, leaf + k, n - k);
    tsn_sha256_once(out, in, sizeof(in));
}

static void test_against_definition(void **state)
{
    static uint8_t leaves[300][TSN_HASH_LEN];
    uint8_t packed[8 + TSN_TREE_LEVELS * TSN_HASH_LEN], root[TSN_HASH_LEN], want[TSN_HASH_LEN];
    struct tsn_tree t, copy;

    (void)state;
    tsn_tree_init(&t);
    for (size_t n = 0; n < 300; n++) {
        size_t len;

        tsn_sha256_once(leaves[n], &n, sizeof(n));
        tsn_tree_append(&t, leaves[n]);
        join(want, leaves, n + 1);
        /* On and on from a packed frontier: what a restart does. */
        len = tsn_tree_pack(&t, packed, sizeof(packed));
        assert_true(len > 0);
        assert_int_equal(tsn_tree_unpack(&copy, packed, len), 0);
        tsn_tree_root(&copy, root);
        assert_memory_equal(root, want, TSN_HASH_LEN);
        t = copy;
        assert_int_equal(tsn_tree_unpack(&copy, packed, len - 1), TSN_EINPUT);
        assert_int_equal(copy.size, 0);
        packed[len] = 0;
        assert_int_equal(tsn_tree_unpack(&copy, packed, len + 1), TSN_EINPUT);
        assert_int_equal(tsn_tree_pack(&t, packed, len - 1), 0);
    }
    memset(packed, 0xff, sizeof(packed));
    assert_int_equal(tsn_tree_unpack(&copy, packed, sizeof(packed)), TSN_EINPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_roots),
        cmocka_unit_test(test_against_definition),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
