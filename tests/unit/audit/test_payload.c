/* test_payload.c - sealed payloads: what was put in comes out, and anything touched does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "audit/payload.h"

static const uint8_t key[TSN_KEY_LEN] = {1, 2, 3}, other_key[TSN_KEY_LEN] = {9};
static const struct tsn_field fields[] = {
    {"result", "{\"ok\":true}", 11}, {"args", "{}", 2}, {"note", "", 0}};

static int setup(void **state)
{
    (void)state;
    tsn_crypto_init();
    return 0;
}

static void seal(struct tsn_entry *e, struct tsn_buf *blob)
{
    tsn_entry_init(e);
    e->seq = 42;
    tsn_buf_init(blob, 1 << 20);
    assert_int_equal(tsn_payload_seal(e, blob, key, fields, 3), 0);
}

static void test_round_trip(void **state)
{
    struct tsn_entry e, twin;
    struct tsn_buf blob, twin_blob, out;

    (void)state;
    seal(&e, &blob);
    assert_int_equal(e.ncommits, 3);
    assert_string_equal(e.commits[0].name, "args");
    assert_string_equal(e.commits[1].name, "note");
    assert_string_equal(e.commits[2].name, "result");
    tsn_buf_init(&out, 1 << 20);
    for (size_t i = 0; i < 3; i++) {
        tsn_buf_clear(&out);
        assert_int_equal(tsn_payload_open(&e, blob.data, blob.len, key, fields[i].name, &out),
                         0);
        assert_int_equal(out.len, fields[i].len);
        assert_memory_equal(out.data, fields[i].data, out.len);
    }
    assert_int_equal(tsn_payload_open(&e, blob.data, blob.len, key, "diff", &out),
                     TSN_ENOTFOUND);
    assert_int_equal(tsn_payload_open(&e, NULL, 0, key, "args", &out), TSN_ENOTFOUND);
    assert_int_equal(tsn_payload_open(&e, blob.data, blob.len, other_key, "args", &out),
                     TSN_ETAMPERED);
    /* Salted: the same payload commits to something else each time. */
    seal(&twin, &twin_blob);
    assert_memory_not_equal(e.commits[0].value, twin.commits[0].value, TSN_HASH_LEN);
    /* Bound to commitment and position: the twin's box opens under neither. */
    assert_int_equal(tsn_payload_open(&e, twin_blob.data, twin_blob.len, key, "args", &out),
                     TSN_ETAMPERED);
    twin.seq = 43;
    assert_int_equal(tsn_payload_open(&twin, twin_blob.data, twin_blob.len, key, "args", &out),
                     TSN_ETAMPERED);
    tsn_buf_free(&blob);
    tsn_buf_free(&twin_blob);
    tsn_buf_free(&out);
}

/* The commitment by an independent path: open the box by hand and hash what the format says. */
static void test_commitment_format(void **state)
{
    struct tsn_entry e;
    struct tsn_buf blob, plain, pre;
    struct tsn_payload_box box;
    uint8_t value[TSN_HASH_LEN];
    size_t at = 0;
    static const char bound[] = "tocsin-payload/v1\n42\nargs";

    (void)state;
    seal(&e, &blob);
    assert_int_equal(tsn_payload_next(blob.data, blob.len, &at, &box), 0);
    tsn_buf_init(&plain, 1024);
    tsn_buf_init(&pre, 1024);
    assert_int_equal(tsn_unseal(&plain, key, bound, sizeof(bound) - 1, box.box, box.len), 0);
    assert_int_equal(plain.len, 34);
    tsn_buf_puts(&pre, "tocsin-commit/v1\nargs\n");
    tsn_buf_put(&pre, plain.data, plain.len);
    tsn_sha256_once(value, pre.data, pre.len);
    assert_memory_equal(value, e.commits[0].value, TSN_HASH_LEN);
    tsn_buf_free(&plain);
    tsn_buf_free(&pre);
    tsn_buf_free(&blob);
}

/* No single byte of a blob may change unnoticed, no cut may pass for a whole. */
static void test_every_byte(void **state)
{
    struct tsn_entry e;
    struct tsn_buf blob;

    (void)state;
    seal(&e, &blob);
    for (size_t i = 0; i < blob.len; i++) {
        size_t good = 0;

        blob.data[i] = (char)(blob.data[i] ^ 0x20);
        for (size_t f = 0; f < 3; f++)
            good += tsn_payload_open(&e, blob.data, blob.len, key, fields[f].name, NULL) == 0;
        assert_true(good < 3);
        blob.data[i] = (char)(blob.data[i] ^ 0x20);
    }
    for (size_t n = 0; n < blob.len; n++) {
        char *exact = malloc(n ? n : 1); /* so that the sanitizer sees a read behind the end */

        assert_non_null(exact);
        memcpy(exact, blob.data, n);
        assert_int_not_equal(tsn_payload_open(&e, exact, n, key, "result", NULL), 0);
        free(exact);
    }
    tsn_buf_free(&blob);
}

static void test_bad_fields(void **state)
{
    static const struct tsn_field twice[] = {{"a", "1", 1}, {"a", "2", 1}},
                                  nameless[] = {{"", "1", 1}},
                                  long_name[] = {{"abcdefghijklmnop", "1", 1}};
    struct tsn_field many[TSN_ENTRY_FIELDS_MAX + 1] = {{"a", "", 0}};
    struct tsn_entry e;
    struct tsn_buf blob;

    (void)state;
    tsn_entry_init(&e);
    tsn_buf_init(&blob, 1024);
    assert_int_equal(tsn_payload_seal(&e, &blob, key, twice, 2), TSN_EDUP);
    assert_int_equal(tsn_payload_seal(&e, &blob, key, nameless, 1), TSN_EINPUT);
    assert_int_equal(tsn_payload_seal(&e, &blob, key, long_name, 1), TSN_EINPUT);
    assert_int_equal(tsn_payload_seal(&e, &blob, key, many, TSN_ENTRY_FIELDS_MAX + 1),
                     TSN_ETOOBIG);
    tsn_buf_free(&blob);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_commitment_format),
        cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_bad_fields),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
