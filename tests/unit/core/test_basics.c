/* test_basics.c - errors, codes, messages, text helpers, ids, randomness, crypto, the log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <errno.h>
#include <jansson.h>

#include "core/clock.h"
#include "core/crypto.h"
#include "core/diag.h"
#include "core/buf.h"
#include "core/id.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/rand.h"
#include "core/text.h"

static void test_errors(void **state)
{
    (void)state;
    assert_string_equal(tsn_err_name(TSN_ENOSPC), "TSN_ENOSPC");
    assert_string_equal(tsn_err_text(TSN_EUNAUTH), "not logged in");
    assert_int_equal(tsn_err_class(0), TSN_CLASS_OK);
    assert_int_equal(tsn_err_class(TSN_EFULL), TSN_CLASS_RETRY);
    assert_int_equal(tsn_err_class(TSN_EOUTCOME), TSN_CLASS_LOST);
    assert_int_equal(tsn_err_class(-9999), TSN_CLASS_BUG);
    assert_non_null(tsn_err_name(-9999));
    assert_non_null(tsn_err_text(0));
    assert_int_equal(tsn_err_from_errno(ENOSPC), TSN_ENOSPC);
    assert_int_equal(tsn_err_from_errno(ENOENT), TSN_ENOTFOUND);
    assert_int_equal(tsn_err_from_errno(ECONNREFUSED), TSN_ENET);
    assert_int_equal(tsn_err_from_errno(ETIMEDOUT), TSN_ETIMEOUT);
    assert_int_equal(tsn_err_from_errno(EACCES), TSN_EDENIED);
    assert_int_equal(tsn_err_from_errno(12345), TSN_EIO);
}

static void test_codes(void **state)
{
    (void)state;
    assert_non_null(tsn_code_title("C012"));
    assert_non_null(tsn_code_page("C012"));
    assert_null(tsn_code_title("C999"));
    assert_null(tsn_code_page(""));
}

static void check_print(const struct tsn_diag *d, const char *want)
{
    struct tsn_buf b;

    tsn_buf_init(&b, 4096);
    tsn_diag_print(d, &b);
    assert_string_equal(b.data, want);
    tsn_buf_free(&b);
}

static void test_diag(void **state)
{
    struct tsn_diag d;
    char big[1000];

    (void)state;
    tsn_diag_init(&d);
    assert_int_equal(tsn_diag_set(&d, TSN_EINPUT, "L001", "a comma is missing"), TSN_EINPUT);
    check_print(&d, "error L001: a comma is missing\n");
    tsn_diag_at(&d, "x.lua", 5, 9);
    tsn_diag_hint(&d, "put `,` here");
    tsn_copy(d.source, sizeof(d.source), "name = 1");
    check_print(&d, "error L001: a comma is missing\n  x.lua:5:9\n     5 | name = 1\n"
                    "       |         ^\n  put `,` here\n"); /* behind the end of the line */
    tsn_copy(d.source, sizeof(d.source), "\t\xc3\xa4 = bad_word + 1");
    d.col = 6;
    check_print(
        &d, "error L001: a comma is missing\n  x.lua:5:6\n     5 | \t\xc3\xa4 = bad_word + 1\n"
            "       | \t    ^^^^^^^^\n  put `,` here\n"); /* tabs kept, characters counted */
    d.col = 5000;                                         /* nonsense stays in bounds */
    check_print(
        &d,
        "error L001: a comma is missing\n  x.lua:5:5000\n     5 | \t\xc3\xa4 = bad_word + 1\n"
        "       | \t                ^\n  put `,` here\n");
    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    tsn_diag_set(&d, TSN_EINPUT, "TOOLONGCODE", "%s", big);
    tsn_diag_hint(&d, "%s", big);
    tsn_diag_at(&d, big, 1, 1);
    assert_int_equal(strlen(d.code), sizeof(d.code) - 1);
    assert_int_equal(strlen(d.what), sizeof(d.what) - 1);
    assert_int_equal(strlen(d.file), sizeof(d.file) - 1);
    /* NULL is allowed everywhere. */
    assert_int_equal(tsn_diag_set(NULL, TSN_EIO, "S001", "x"), TSN_EIO);
    tsn_diag_at(NULL, "x", 1, 1);
    tsn_diag_hint(NULL, "x");
}

static void test_hex_base64(void **state)
{
    static const char *const pairs[][2] = {{"", ""},
                                           {"f", "Zg=="},
                                           {"fo", "Zm8="},
                                           {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="},
                                           {"foobar", "Zm9vYmFy"}};
    static const char *const bad[] = {"Z",    "Zg",   "Zg=",  "Zg=a",     "====",   "Z===",
                                      "Zh==", "Zm9=", "Zm 9", "Zg==Zg==", "Zm9v\n", "Zm9\xff"};
    unsigned char out[16];
    char text[32];
    size_t n;

    (void)state;
    tsn_hex(text, "\x00\xff\x1a", 3);
    assert_string_equal(text, "00ff1a");
    assert_int_equal(tsn_unhex(out, 3, "00FF1a", 6), 0);
    assert_memory_equal(out, "\x00\xff\x1a", 3);
    assert_int_equal(tsn_unhex(out, 3, "00ff1", 5), TSN_EINPUT);
    assert_int_equal(tsn_unhex(out, 3, "00ff1g", 6), TSN_EINPUT);
    assert_int_equal(tsn_unhex(out, 2, "00ff1a", 6), TSN_EINPUT);
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        assert_int_equal(tsn_base64(text, pairs[i][0], strlen(pairs[i][0])),
                         strlen(pairs[i][1]));
        assert_string_equal(text, pairs[i][1]);
        assert_int_equal(tsn_unbase64(out, sizeof(out), &n, text, strlen(text)), 0);
        assert_int_equal(n, strlen(pairs[i][0]));
        assert_memory_equal(out, pairs[i][0], n);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(tsn_unbase64(out, sizeof(out), &n, bad[i], strlen(bad[i])),
                         TSN_EINPUT);
    assert_int_equal(tsn_unbase64(out, 2, &n, "Zm9v", 4), TSN_ETOOBIG);
}

static void test_utf8(void **state)
{
    static const char *const ok[] = {"",
                                     "abc",
                                     "\xc3\xa4",
                                     "\xe2\x82\xac",
                                     "\xf0\x9f\x98\x80",
                                     "\xef\xbf\xbf",
                                     "\xf4\x8f\xbf\xbf",
                                     "\xed\x9f\xbf"};
    static const char *const bad[] = {
        "\x80",     "\xc3",         "\xc0\x80",         "\xc1\xbf",         "\xe0\x80\x80",
        "\xe2\x82", "\xed\xa0\x80", "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
        "\xff",     "a\xe2(\xa1"};

    (void)state;
    for (size_t i = 0; i < sizeof(ok) / sizeof(ok[0]); i++)
        assert_true(tsn_utf8_valid(ok[i], strlen(ok[i])));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(tsn_utf8_valid(bad[i], strlen(bad[i])));
    assert_true(tsn_utf8_valid("a\0b", 3)); /* NUL is a character; others refuse it */
}

static void test_suggest(void **state)
{
    static const char *const words[] = {"create", "comment", "transition", NULL, "find", "id"};

    (void)state;
    assert_string_equal(tsn_suggest("creat", words, 6), "create");
    assert_string_equal(tsn_suggest("cmoment", words, 6), "comment"); /* a swap is one edit */
    assert_string_equal(tsn_suggest("fnd", words, 6), "find");
    assert_null(tsn_suggest("publish", words, 6));
    assert_null(tsn_suggest("create", words, 0));
    assert_null(tsn_suggest(
        "a word that is far longer than any key anybody would write in a file", words, 6));
}

static void test_small_text(void **state)
{
    char out[4];
    int64_t v = 1;

    (void)state;
    assert_true(tsn_copy(out, sizeof(out), "abc"));
    assert_false(tsn_copy(out, sizeof(out), "abcd"));
    assert_string_equal(out, "abc");
    assert_false(tsn_copy(out, 0, "x"));
    assert_int_equal(tsn_parse_int("-9223372036854775808", INT64_MIN, INT64_MAX, &v), 0);
    assert_true(v == INT64_MIN);
    assert_int_equal(tsn_parse_int("9223372036854775807", INT64_MIN, INT64_MAX, &v), 0);
    assert_true(v == INT64_MAX);
    v = 3;
    static const char *const bad[] = {"",
                                      "-",
                                      "+1",
                                      " 1",
                                      "1 ",
                                      "0x1",
                                      "1.0",
                                      "9223372036854775808",
                                      "-9223372036854775809",
                                      "99999999999999999999999"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(tsn_parse_int(bad[i], INT64_MIN, INT64_MAX, &v), TSN_EINPUT);
    assert_int_equal(tsn_parse_int("11", 0, 10, &v), TSN_EINPUT);
    assert_int_equal(v, 3);
    assert_true(tsn_word_ok("abc", 3));
    assert_false(tsn_word_ok("abcd", 3));
    assert_false(tsn_word_ok("", 3));
    assert_false(tsn_word_ok("a b", 3));
    assert_false(tsn_word_ok("\xc3\xa4", 3));
}

static int64_t fake_ms;

static int64_t fake_wall(void *user)
{
    (void)user;
    return fake_ms;
}

static void test_ids(void **state)
{
    static const struct tsn_clock_source fake = {fake_wall, fake_wall, NULL};
    char last[27] = "", id[27], name[16];

    (void)state;
    fake_ms = 1700000000000;
    tsn_clock_set(&fake);
    for (int i = 0; i < 20000; i++) {
        if (i % 1000 == 0)
            fake_ms += i % 3000 == 0 ? 5 : -2; /* a clock that steps back */
        tsn_id_new(id);
        assert_true(tsn_id_valid(id));
        assert_true(strcmp(id, last) > 0);
        memcpy(last, id, sizeof(id));
    }
    tsn_clock_set(NULL);
    assert_memory_equal(id, "01HF7YAT", 8); /* 1700000000000 by another implementation */
    assert_false(tsn_id_valid("81HF7YAT00000000000000000Z"));
    assert_false(tsn_id_valid("01HF7YAT0000000000000000I0")); /* no I */
    assert_false(tsn_id_valid("01HF7YAT"));
    tsn_id_short(name, sizeof(name), "r-", "01HF7YAT0000000000007K3M", 4);
    assert_string_equal(name, "r-7k3m");
}

static void test_rand(void **state)
{
    uint8_t a[20], b[20];

    (void)state;
    tsn_rand_seed(42);
    tsn_rand_bytes(a, sizeof(a));
    tsn_rand_seed(42);
    tsn_rand_bytes(b, sizeof(b));
    assert_memory_equal(a, b, sizeof(a));
    tsn_rand_bytes(b, sizeof(b));
    assert_memory_not_equal(a, b, sizeof(a));
    tsn_rand_seed(0);
    tsn_rand_bytes(a, sizeof(a));
    tsn_rand_bytes(b, sizeof(b));
    assert_memory_not_equal(a, b, sizeof(a));
}

static void check_hash(const uint8_t h[32], const char *want)
{
    char hex[65];

    tsn_hex(hex, h, 32);
    assert_string_equal(hex, want);
}

static void test_hashes(void **state)
{
    struct tsn_sha256 *h = tsn_sha256_new();
    uint8_t out[32], key[131];

    (void)state;
    tsn_sha256_once(out, "", 0);
    check_hash(out, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    for (int round = 0; round < 2; round++) { /* a context can be used again */
        tsn_sha256_begin(h);
        tsn_sha256_add(h, "a", 1);
        tsn_sha256_add(h, "bc", 2);
        tsn_sha256_end(h, out);
        check_hash(out, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
    tsn_sha256_destroy(h);
    tsn_sha256_destroy(NULL);
    /* RFC 4231, cases 2 and 6 */
    tsn_hmac_sha256(out, "Jefe", 4, "what do ya want for nothing?", 28);
    check_hash(out, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof(key));
    tsn_hmac_sha256(out, key, sizeof(key),
                    "Test Using Larger Than Block-Size Key - Hash Key First", 54);
    check_hash(out, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    assert_true(tsn_equal_ct("abc", "abc", 3));
    assert_false(tsn_equal_ct("abc", "abd", 3));
    assert_true(tsn_equal_ct("a", "b", 0));
}

/* draft-irtf-cfrg-xchacha-03, A.3.1: key 80..9f, nonce 40..57. */
static void test_seal_vector(void **state)
{
    static const char plain[] =
        "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the "
        "future, sunscreen would be it.";
    static const char box[] =
        "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa6440bf3a8"
        "2f4e"
        "da7e39ae64c6708c54c216cb96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f"
        "76b2"
        "383565d3fff921f9664c97637da9768812f615c68b13b52ec0875924c1c7987947deafd8780acf49";
    uint8_t key[32], aad[12], in[24 + 130];
    struct tsn_buf out;

    (void)state;
    for (int i = 0; i < 32; i++)
        key[i] = (uint8_t)(0x80 + i);
    for (int i = 0; i < 24; i++)
        in[i] = (uint8_t)(0x40 + i);
    assert_int_equal(tsn_unhex(aad, 12, "50515253c0c1c2c3c4c5c6c7", 24), 0);
    assert_int_equal(tsn_unhex(in + 24, 130, box, sizeof(box) - 1), 0);
    tsn_buf_init(&out, 1000);
    assert_int_equal(tsn_unseal(&out, key, aad, 12, in, sizeof(in)), 0);
    assert_string_equal(out.data, plain);
    tsn_buf_free(&out);
}

static void test_seal(void **state)
{
    uint8_t key[32] = {1}, other[32] = {2};
    struct tsn_buf box, out;

    (void)state;
    tsn_buf_init(&box, 1000);
    tsn_buf_init(&out, 1000);
    assert_int_equal(tsn_seal(&box, key, "case", 4, "secret", 6), 0);
    assert_int_equal(box.len, 6 + TSN_SEAL_OVERHEAD);
    assert_int_equal(tsn_unseal(&out, key, "case", 4, box.data, box.len), 0);
    assert_string_equal(out.data, "secret");
    tsn_buf_clear(&out);
    assert_int_equal(tsn_unseal(&out, other, "case", 4, box.data, box.len), TSN_ETAMPERED);
    assert_int_equal(tsn_unseal(&out, key, "cases", 5, box.data, box.len), TSN_ETAMPERED);
    assert_int_equal(tsn_unseal(&out, key, "case", 4, box.data, box.len - 1), TSN_ETAMPERED);
    assert_int_equal(tsn_unseal(&out, key, "case", 4, box.data, 39), TSN_ETAMPERED);
    for (size_t i = 0; i < box.len; i++) { /* every byte counts */
        box.data[i] ^= 1;
        assert_int_equal(tsn_unseal(&out, key, "case", 4, box.data, box.len), TSN_ETAMPERED);
        box.data[i] ^= 1;
    }
    assert_int_equal(out.len, 0);
    tsn_buf_clear(&box);
    assert_int_equal(tsn_seal(&box, key, NULL, 0, NULL, 0), 0); /* empty is sealed as well */
    assert_int_equal(tsn_unseal(&out, key, NULL, 0, box.data, box.len), 0);
    assert_int_equal(out.len, 0);
    tsn_buf_free(&box);
    tsn_buf_free(&out);
}

static void test_log(void **state)
{
    int p[2];
    char line[8192], big[6000];
    json_t *v;
    ssize_t n;

    (void)state;
    assert_int_equal(pipe(p), 0);
    tsn_log_open(p[1]);
    tsn_log(TSN_LOG_DEBUG, "not.shown", NULL);
    tsn_log(TSN_LOG_WARN, "run.parked", "run", "r-\"7\n", "none", (char *)NULL, "x", "\xc3\xa4",
            NULL);
    n = read(p[0], line, sizeof(line) - 1);
    assert_true(n > 0);
    v = json_loadb(line, (size_t)n, 0, NULL);
    assert_non_null(v);
    assert_string_equal(json_string_value(json_object_get(v, "event")), "run.parked");
    assert_string_equal(json_string_value(json_object_get(v, "level")), "warn");
    assert_string_equal(json_string_value(json_object_get(v, "run")), "r-\"7\n");
    assert_null(json_object_get(v, "none"));
    assert_string_equal(json_string_value(json_object_get(v, "x")), "\xc3\xa4");
    json_decref(v);
    /* Too long: cut, but still one JSON object on one line, even in the middle of a character. */
    for (size_t skew = 0; skew < 3; skew++) {
        memset(big, 'x', skew);
        for (size_t i = skew; i + 3 < sizeof(big); i += 3)
            memcpy(big + i, "\xe2\x82\xac", 4);
        tsn_log(TSN_LOG_INFO, "too.long", "a", big, "b", "end", "c", big, NULL);
        n = read(p[0], line, sizeof(line) - 1);
        assert_true(n > 1000 && line[n - 1] == '\n');
        v = json_loadb(line, (size_t)n, 0, NULL);
        assert_non_null(v);
        json_decref(v);
    }
    tsn_log_level_set(TSN_LOG_ERROR);
    tsn_log(TSN_LOG_WARN, "not.shown", NULL);
    tsn_log_level_set(TSN_LOG_INFO);
    tsn_log_open(-1);
    tsn_log(TSN_LOG_ERROR, "nowhere.shown", NULL);
    close(p[1]);
    assert_int_equal(read(p[0], line, sizeof(line)), 0);
    close(p[0]);
    tsn_log_open(2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors),      cmocka_unit_test(test_codes),
        cmocka_unit_test(test_diag),        cmocka_unit_test(test_hex_base64),
        cmocka_unit_test(test_utf8),        cmocka_unit_test(test_suggest),
        cmocka_unit_test(test_small_text),  cmocka_unit_test(test_ids),
        cmocka_unit_test(test_rand),        cmocka_unit_test(test_hashes),
        cmocka_unit_test(test_seal_vector), cmocka_unit_test(test_seal),
        cmocka_unit_test(test_log),
    };
    tsn_crypto_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
