/* test_tlog.c - proofs, tile paths, manifests and openings: printed, parsed, and nothing else taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "audit/payload.h"
#include "audit/tlog.h"

static void test_tile_paths(void **state)
{
    char p[96];

    (void)state;
    tsn_tile_path(p, 0, 0, 256);
    assert_string_equal(p, "tile/0/000");
    tsn_tile_path(p, 1, 1234067, 256); /* the specification's example */
    assert_string_equal(p, "tile/1/x001/x234/067");
    tsn_tile_path(p, 0, 273, 112);
    assert_string_equal(p, "tile/0/273.p/112");
    tsn_tile_path(p, -1, 1000, 1);
    assert_string_equal(p, "tile/entries/x001/000.p/1");
}

static void test_proof_round_trip(void **state)
{
    static const char note[] = "example.com/log\n3\nAAAA\n\nsig\n";
    struct tsn_proof proof = {.n = 2};
    struct tsn_tlog_proof out;
    struct tsn_buf b;

    (void)state;
    memset(proof.hash, 7, sizeof(proof.hash));
    tsn_buf_init(&b, 1 << 20);
    assert_int_equal(tsn_tlog_proof_print(&b, "entry", 5, 42, &proof, note), 0);
    assert_memory_equal(b.data, "c2sp.org/tlog-proof@v1\nextra ZW50cnk=\nindex 42\n", 47);
    assert_int_equal(tsn_tlog_proof_parse(&out, b.data, b.len), 0);
    assert_int_equal(out.index, 42);
    assert_int_equal(out.proof.n, 2);
    assert_int_equal(out.extra_len, 5);
    assert_memory_equal(out.extra, "entry", 5);
    assert_int_equal(out.note_len, sizeof(note) - 1);
    tsn_tlog_proof_free(&out);
    /* Nothing that print would not have written, up to the checkpoint. */
    for (size_t i = 0; i < b.len - sizeof(note) + 1; i++) {
        char was = b.data[i];

        b.data[i] = (char)(was ^ 0x80);
        assert_int_not_equal(tsn_tlog_proof_parse(&out, b.data, b.len), 0);
        b.data[i] = was;
        assert_int_not_equal(tsn_tlog_proof_parse(&out, b.data, i), 0);
    }
    tsn_buf_clear(&b);
    assert_int_equal(tsn_tlog_proof_print(&b, NULL, 0, 0, &(struct tsn_proof){.n = 0}, note),
                     0);
    assert_int_equal(tsn_tlog_proof_parse(&out, b.data, b.len), 0);
    assert_null(out.extra);
    tsn_buf_free(&b);
}

static void test_manifest_heads(void **state)
{
    static const char *const bad[] = {
        "",
        "tocsin-bundle/v1\n",
        "tocsin-bundle/v2\nscope all\norigin a\nsize 1\n",
        "tocsin-bundle/v1\nscope all \norigin a\nsize 1\n",
        "tocsin-bundle/v1\nscope case 1\norigin a\nsize 1\n",
        "tocsin-bundle/v1\nscope range 1\norigin a\nsize 1\n",
        "tocsin-bundle/v1\nscope range 01 2\norigin a\nsize 1\n",
        "tocsin-bundle/v1\nscope all\norigin a b\nsize 1\n",
        "tocsin-bundle/v1\nscope all\norigin a\nsize -1\n",
        "tocsin-bundle/v1\nscope all\norigin a\nsize 01\n",
        "tocsin-bundle/v1\nscope all\norigin a\nsize 1",
        "tocsin-bundle/v1\nscope all\norigin a\nsize 9223372036854775808\n"};
    struct tsn_bundle_head h = {.scope = TSN_BUNDLE_RANGE, .from = 3, .to = 9, .size = 10}, out;
    struct tsn_buf b;
    size_t used;

    (void)state;
    memcpy(h.origin, "a/b/1", 6);
    tsn_buf_init(&b, 4096);
    assert_int_equal(tsn_bundle_head_print(&b, &h), 0);
    assert_int_equal(tsn_bundle_head_parse(&out, b.data, b.len, &used), 0);
    assert_int_equal(used, b.len);
    assert_int_equal(out.from, 3);
    assert_int_equal(out.to, 9);
    assert_int_equal(out.size, 10);
    assert_string_equal(out.origin, "a/b/1");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_not_equal(tsn_bundle_head_parse(&out, bad[i], strlen(bad[i]), &used), 0);
    tsn_buf_free(&b);
}

/* An opening must hash to what the entry committed to when it was sealed. */
static void test_opening_fits_its_commitment(void **state)
{
    static const uint8_t key[TSN_KEY_LEN] = {1};
    const struct tsn_field field = {"note", "told them", 9};
    struct tsn_payload_box box;
    struct tsn_opening o;
    struct tsn_entry e;
    struct tsn_buf blob, salted, line;
    uint8_t hash[TSN_HASH_LEN];
    size_t at = 0;

    (void)state;
    tsn_crypto_init();
    tsn_entry_init(&e);
    e.seq = 5;
    tsn_buf_init(&blob, 4096);
    tsn_buf_init(&salted, 4096);
    tsn_buf_init(&line, 4096);
    tsn_buf_init(&o.salted, 4096);
    assert_int_equal(tsn_payload_seal(&e, &blob, key, &field, 1), 0);
    assert_int_equal(tsn_payload_next(blob.data, blob.len, &at, &box), 0);
    assert_int_equal(tsn_payload_open_salted(&e, &e.commits[0], &box, key, &salted), 0);
    assert_int_equal(tsn_opening_print(&line, 5, "note", &salted), 0);
    assert_int_equal(tsn_opening_parse(&o, line.data, line.len - 1), 0);
    assert_int_equal(o.seq, 5);
    assert_string_equal(o.field, "note");
    assert_memory_equal(o.salted.data + TSN_SALT_LEN, "told them", 9);
    assert_int_equal(tsn_payload_commit(hash, o.field, o.salted.data, o.salted.len), 0);
    assert_memory_equal(hash, e.commits[0].value, TSN_HASH_LEN);
    for (size_t i = 0; i + 1 < line.len; i++) {
        line.data[i] ^= (char)0x80;
        assert_int_not_equal(tsn_opening_parse(&o, line.data, line.len - 1), 0);
        line.data[i] ^= (char)0x80;
    }
    tsn_buf_clear(&line);
    assert_int_equal(tsn_opening_print_gone(&line, 5), 0);
    assert_int_equal(tsn_opening_parse(&o, line.data, line.len - 1), 0);
    assert_string_equal(o.field, "");
    assert_int_equal(o.salted.len, 0);
    assert_int_not_equal(tsn_opening_parse(&o, "5 gone ", 7), 0);
    assert_int_not_equal(tsn_opening_parse(&o, "05 gone", 7), 0);
    assert_int_not_equal(tsn_opening_parse(&o, "gone", 4), 0);
    tsn_buf_free(&blob);
    tsn_buf_free(&salted);
    tsn_buf_free(&line);
    tsn_buf_free(&o.salted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tile_paths),
        cmocka_unit_test(test_proof_round_trip),
        cmocka_unit_test(test_manifest_heads),
        cmocka_unit_test(test_opening_fits_its_commitment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
