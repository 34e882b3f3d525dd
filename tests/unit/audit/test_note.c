/* test_note.c - signed notes and checkpoints against the examples of the specification, of Go's
 * package and of transparency-dev's cosigner, and against everything they must not be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "audit/note.h"
#include "core/text.h"

#define DASH "\xe2\x80\x94 "
#define ROOT "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="

/* The specification's example. */
static const char spec_key[] =
    "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
static const char spec_note[] =
    "This is an example message.\n\n" DASH
    "example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRK"
    "uwHjG1Yu72IneyaQM=\n";
/* The example of Go's note package, which has a secret key too. */
static const char go_key[] =
    "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
static const char go_secret[] =
    "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
static const char go_text[] = "If you think cryptography is the answer to your problem,\n"
                              "then you don't know what your problem is.\n";
static const char go_sig[] = DASH
    "PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotp"
    "RZb6KE6RyyBwJnAM=\n";
/* A cosignature by github.com/transparency-dev/formats. */
static const char cosig_key[] =
    "vec.example/cosigv10+c12688da+BLMSTPoQj0PojM8eKiPf9xUT8g6b0OuMyvYb5sSu9JH5";
static const char cosig_note[] =
    "vec.example/cosigv10\n42\n" ROOT "\n\n" DASH "vec.example/cosigv10 "
    "wSaI2gAAAABqbL5Q3HjbTCJeqMg3tmpdYGAg05ijTi7k0pyreJSULmtv3g+yXH+G/Ko87J"
    "G+QkLF6af9+GVVNlEIgf6T0bw0wQyMDw==\n";

static int setup(void **state)
{
    (void)state;
    tsn_crypto_init();
    return 0;
}

static struct tsn_note_key key_of(const char *text)
{
    struct tsn_note_key k;

    assert_int_equal(tsn_note_key_parse(&k, text, strlen(text)), 0);
    return k;
}

static void test_examples(void **state)
{
    struct tsn_note note;
    struct tsn_note_key k = key_of(spec_key), other = key_of(go_key);
    struct tsn_buf out;
    int64_t t = -1;

    (void)state;
    assert_memory_equal(k.id, "\x53\x0d\x90\x3a", 4);
    assert_int_equal(tsn_note_parse(&note, spec_note, strlen(spec_note)), 0);
    assert_int_equal(note.len, strlen("This is an example message.\n"));
    assert_int_equal(note.nsigs, 1);
    assert_int_equal(tsn_note_check(&note, &k, &t), 0);
    assert_int_equal(t, 0);
    assert_int_equal(tsn_note_check(&note, &other, NULL), TSN_ENOTFOUND);
    /* Same name, other id; same key under another name; and another type of it: all unknown. */
    other = k;
    other.id[0] ^= 1;
    assert_int_equal(tsn_note_check(&note, &other, NULL), TSN_ENOTFOUND);
    assert_int_equal(tsn_note_key_make(&other, "example.com/fo", k.type, k.pub), 0);
    assert_int_equal(tsn_note_check(&note, &other, NULL), TSN_ENOTFOUND);
    assert_int_equal(tsn_note_key_make(&other, k.name, TSN_NOTE_COSIGNATURE, k.pub), 0);
    assert_int_equal(tsn_note_check(&note, &other, NULL), TSN_ENOTFOUND);
    tsn_buf_init(&out, 1024);
    assert_int_equal(tsn_note_key_print(&out, &k), 0);
    assert_string_equal(out.data, spec_key);
    tsn_buf_free(&out);
}

static void test_sign_as_go(void **state)
{
    struct tsn_note_key k;
    uint8_t seed[TSN_SIGN_KEY_LEN];
    struct tsn_buf out;

    (void)state;
    tsn_buf_init(&out, 4096);
    assert_int_equal(tsn_note_secret_parse(&k, seed, go_secret, strlen(go_secret)), 0);
    assert_int_equal(tsn_note_key_print(&out, &k), 0);
    assert_string_equal(out.data, go_key);
    tsn_buf_clear(&out);
    assert_int_equal(tsn_note_secret_print(&out, &k, seed), 0);
    assert_string_equal(out.data, go_secret);
    tsn_buf_clear(&out);
    assert_int_equal(tsn_note_sign(&out, &k, seed, go_text, strlen(go_text), 0), 0);
    assert_string_equal(out.data, go_sig);
    assert_int_equal(tsn_note_sign(&out, &k, seed, "no end", 6, 0), TSN_EINPUT);
    assert_int_equal(tsn_note_sign(&out, &k, seed, "", 0, 0), TSN_EINPUT);
    tsn_buf_free(&out);
}

static void test_cosignature(void **state)
{
    struct tsn_note_key k = key_of(cosig_key), mine;
    struct tsn_note note;
    struct tsn_buf out;
    uint8_t seed[TSN_SIGN_KEY_LEN] = {7}, pub[TSN_SIGN_KEY_LEN];
    const char *text = "example.com/log\n7\n" ROOT "\n";
    char *copy = strdup(cosig_note);
    int64_t t = 0;

    (void)state;
    assert_int_equal(k.type, TSN_NOTE_COSIGNATURE);
    assert_int_equal(tsn_note_parse(&note, copy, strlen(copy)), 0);
    assert_int_equal(tsn_note_check(&note, &k, &t), 0);
    assert_int_equal(t, 0x6a6cbe50);
    strstr(copy, "42")[1] = '3';
    assert_int_equal(tsn_note_check(&note, &k, &t), TSN_ETAMPERED);
    free(copy);
    /* Two of one witness: the latest time; one bad of two: the note is refused. */
    tsn_sign_public(pub, seed);
    assert_int_equal(tsn_note_key_make(&mine, "witness.example/w", TSN_NOTE_COSIGNATURE, pub),
                     0);
    tsn_buf_init(&out, 4096);
    tsn_buf_printf(&out, "%s\n", text);
    assert_int_equal(tsn_note_sign(&out, &mine, seed, text, strlen(text), 1700000000), 0);
    assert_int_equal(tsn_note_sign(&out, &mine, seed, text, strlen(text), 1600000000), 0);
    assert_int_equal(tsn_note_parse(&note, out.data, out.len), 0);
    assert_int_equal(tsn_note_check(&note, &mine, &t), 0);
    assert_int_equal(t, 1700000000);
    assert_int_equal(tsn_note_sign(&out, &mine, seed, "another\n", 8, 5), 0);
    assert_int_equal(tsn_note_parse(&note, out.data, out.len), 0);
    assert_int_equal(tsn_note_check(&note, &mine, &t), TSN_ETAMPERED);
    assert_int_equal(tsn_note_sign(&out, &mine, seed, text, strlen(text), -1), TSN_EINPUT);
    tsn_buf_free(&out);
}

/* No part of a key's text is a key, and no changed byte goes unseen. */
static void test_bad_keys(void **state)
{
    static const char *const bad[] = {
        "",
        "+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW\n",
    };
    struct tsn_note_key k;
    uint8_t seed[TSN_SIGN_KEY_LEN];
    char copy[sizeof(go_key)];
    size_t len = strlen(go_key);

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_not_equal(tsn_note_key_parse(&k, bad[i], strlen(bad[i])), 0);
    for (size_t i = 0; i < len; i++)
        for (size_t n = 0; n <= len - i; n++)
            if (n < len)
                assert_int_not_equal(tsn_note_key_parse(&k, go_key + i, n), 0);
    for (size_t i = 0; i < len; i++) {
        memcpy(copy, go_key, sizeof(copy));
        copy[i] = (char)(copy[i] + 1);
        assert_int_not_equal(tsn_note_key_parse(&k, copy, len), 0);
    }
    assert_int_not_equal(tsn_note_secret_parse(&k, seed, go_key, len), 0);
    for (size_t n = 0; n < strlen(go_secret); n++)
        assert_int_not_equal(tsn_note_secret_parse(&k, seed, go_secret, n), 0);
}

static void test_names(void **state)
{
    static const char *const good[] = {"a", "psirt.example.com/tocsin/prod/audit/1",
                                       "\xc3\xa9\xe2\x82\xac"};
    static const char *const bad[] = {"",
                                      "a b",
                                      "a+b",
                                      "a\tb",
                                      "a\n",
                                      "a\xc2\xa0",
                                      "a\xc2\x85",
                                      "a\xe1\x9a\x80",
                                      "a\xe2\x80\x80",
                                      "a\xe2\x80\x8a",
                                      "a\xe2\x80\xa8",
                                      "a\xe2\x80\xa9",
                                      "a\xe2\x80\xaf",
                                      "a\xe2\x81\x9f",
                                      "a\xe3\x80\x80",
                                      "\xff"};
    char longest[TSN_NOTE_NAME_MAX + 1];

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(tsn_note_name_ok(good[i], strlen(good[i])));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(tsn_note_name_ok(bad[i], strlen(bad[i])));
    memset(longest, 'n', sizeof(longest));
    assert_true(tsn_note_name_ok(longest, TSN_NOTE_NAME_MAX));
    assert_false(tsn_note_name_ok(longest, TSN_NOTE_NAME_MAX + 1));
}

static void test_bad_notes(void **state)
{
    static const char *const bad[] = {
        "",
        "\n",
        "text\n",
        "text\n\n",
        "text\n\nno dash\n",
        "text\n\n" DASH "a\n",                /* no signature */
        "text\n\n" DASH "a \n",               /* an empty one */
        "text\n\n" DASH "a AAAA\n",           /* three bytes */
        "text\n\n" DASH "a AAAAAA==\n",       /* an id alone */
        "text\n\n" DASH "a AAAAAAB=\n",       /* bits that no byte uses */
        "text\n\n" DASH "a AAAAAAA=",         /* no end */
        "text\n\n" DASH " AAAAAAA=\n",        /* no name */
        "text\n\n" DASH "a  AAAAAAA=\n",      /* two spaces */
        "text\n\n" DASH "a AAAAAAA= \n",      /* a space at the end */
        "text\n\n" DASH "a+b AAAAAAA=\n",     /* '+' */
        "text\n\n-- a AAAAAAA=\n",            /* another dash */
        "text\n\n" DASH "a AAAAAAA=\r\n",     /* CR */
        "te\x01xt\n\n" DASH "a AAAAAAA=\n",   /* a control character */
        "te\xffxt\n\n" DASH "a AAAAAAA=\n",   /* not UTF-8 */
        "text\n\n" DASH "a AAAAAAA=\n\n",     /* ends with an empty line */
        "text\n\n" DASH "a AAAAAAA=\nmore\n", /* more behind it */
    };
    static const char with_nul[] = "te\0xt\n\n" DASH "a AAAAAAA=\n";
    static const char two_parts[] = "a\n\nb\n\n" DASH "a AAAAAAA=\n";
    struct tsn_note note;
    struct tsn_buf b;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(tsn_note_parse(&note, bad[i], strlen(bad[i])), TSN_EINPUT);
    assert_int_equal(tsn_note_parse(&note, with_nul, sizeof(with_nul) - 1), TSN_EINPUT);
    /* An empty line inside the text is text. */
    assert_int_equal(tsn_note_parse(&note, two_parts, strlen(two_parts)), 0);
    assert_int_equal(note.len, 5);
    /* As many signatures as are taken, and one more. */
    tsn_buf_init(&b, TSN_NOTE_MAX);
    tsn_buf_puts(&b, "text\n\n");
    for (size_t i = 0; i < TSN_NOTE_SIGS_MAX; i++)
        tsn_buf_puts(&b, DASH "a AAAAAAA=\n");
    assert_int_equal(tsn_note_parse(&note, b.data, b.len), 0);
    assert_int_equal(note.nsigs, TSN_NOTE_SIGS_MAX);
    tsn_buf_puts(&b, DASH "a AAAAAAA=\n");
    assert_int_equal(tsn_note_parse(&note, b.data, b.len), TSN_ETOOBIG);
    tsn_buf_free(&b);
}

static void test_checkpoint_text(void **state)
{
    static const char *const bad[] = {"",
                                      "o\n",
                                      "o\n1\n",
                                      "\n1\n" ROOT "\n",
                                      "o\n1\n" ROOT,
                                      "o\n01\n" ROOT "\n",
                                      "o\n-1\n" ROOT "\n",
                                      "o\n+1\n" ROOT "\n",
                                      "o\n 1\n" ROOT "\n",
                                      "o\n1 \n" ROOT "\n",
                                      "o\n9223372036854775808\n" ROOT "\n",
                                      "o\n99999999999999999999999999\n" ROOT "\n",
                                      "o\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I\n",
                                      "o\n1\nCsUY\n",
                                      "o\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2J=\n",
                                      "o\n1\n" ROOT "\n\n",
                                      "o\n1\n" ROOT "\nx\n\ny\n",
                                      "o\n1\n" ROOT "\nx",
                                      "o\r\n1\n" ROOT "\n",
                                      "\xff\n1\n" ROOT "\n"};
    struct tsn_checkpoint c;
    struct tsn_buf b;
    uint8_t root[TSN_HASH_LEN] = {0x0a, 0xc5};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(tsn_checkpoint_parse(&c, bad[i], strlen(bad[i])), TSN_EINPUT);
    assert_int_equal(tsn_checkpoint_parse(&c, "o\n0\n" ROOT "\nmore\n", 4 + 45 + 5), 0);
    assert_true(c.extended);
    tsn_buf_init(&b, 1024);
    assert_int_equal(tsn_checkpoint_print(&b, "example.com/log", INT64_MAX, root), 0);
    assert_int_equal(tsn_checkpoint_parse(&c, b.data, b.len), 0);
    assert_false(c.extended);
    assert_int_equal(c.size, INT64_MAX);
    assert_int_equal(c.origin_len, strlen("example.com/log"));
    assert_memory_equal(c.root, root, sizeof(root));
    assert_int_equal(tsn_checkpoint_print(&b, "o", (uint64_t)1 << 63, root), TSN_EINPUT);
    assert_int_equal(tsn_checkpoint_print(&b, "o x", 1, root), TSN_EINPUT);
    tsn_buf_free(&b);
}

/* A log's key, its successor and a witness on one checkpoint; then every byte changed. */
static void test_many_signatures(void **state)
{
    static const char origin[] = "psirt.example.com/tocsin/prod/audit/1";
    uint8_t seed[3][TSN_SIGN_KEY_LEN] = {{1}, {2}, {3}}, pub[TSN_SIGN_KEY_LEN];
    uint8_t root[TSN_HASH_LEN] = {9};
    struct tsn_note_key k[3], stranger;
    struct tsn_checkpoint c;
    struct tsn_note note;
    struct tsn_buf b;
    size_t text_len, refused = 0, unknown = 0;

    (void)state;
    for (int i = 0; i < 3; i++) {
        tsn_sign_public(pub, seed[i]);
        assert_int_equal(tsn_note_key_make(&k[i], i < 2 ? origin : "witness.example/w",
                                           i < 2 ? TSN_NOTE_ED25519 : TSN_NOTE_COSIGNATURE,
                                           pub),
                         0);
    }
    tsn_buf_init(&b, 4096);
    assert_int_equal(tsn_checkpoint_print(&b, origin, 17, root), 0);
    text_len = b.len;
    tsn_buf_putc(&b, '\n');
    for (int i = 0; i < 3; i++) {
        char text[256];

        memcpy(text, b.data, text_len);
        assert_int_equal(tsn_note_sign(&b, &k[i], seed[i], text, text_len, 1700000000), 0);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(tsn_checkpoint_open(&c, &note, b.data, b.len, &k[i]), 0);
        assert_int_equal(c.size, 17);
    }
    assert_int_equal(tsn_note_check(&note, &k[2], NULL), 0);
    /* A witness is not the log, whatever it signs. */
    assert_int_equal(tsn_checkpoint_open(&c, &note, b.data, b.len, &k[2]), TSN_ETAMPERED);
    pub[0] ^= 1;
    assert_int_equal(tsn_note_key_make(&stranger, origin, TSN_NOTE_ED25519, pub), 0);
    assert_int_equal(tsn_checkpoint_open(&c, &note, b.data, b.len, &stranger), TSN_ENOTFOUND);
    for (size_t i = 0; i < b.len; i++)
        for (int bit = 0; bit < 8; bit++) {
            bool all = true;

            b.data[i] ^= (char)(1 << bit);
            for (int n = 0; n < 3; n++)
                if (tsn_note_parse(&note, b.data, b.len) != 0 ||
                    tsn_note_check(&note, &k[n], NULL) != 0)
                    all = false;
            assert_false(all);
            if (i < text_len) {
                refused++;
                assert_int_not_equal(tsn_checkpoint_open(&c, &note, b.data, b.len, &k[0]), 0);
            } else if (tsn_checkpoint_open(&c, &note, b.data, b.len, &k[0]) == 0) {
                unknown++; /* another line became one of an unknown key */
            }
            b.data[i] ^= (char)(1 << bit);
        }
    assert_int_equal(refused, text_len * 8);
    assert_true(unknown > 0);
    tsn_buf_free(&b);
}

/* RFC 8032, 7.1, tests 1 to 3. */
static void test_ed25519(void **state)
{
    static const struct {
        const char *seed, *pub, *message, *sig;
    } v[] = {
        {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
         "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
         "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e3"
         "97"
         "01cf9b46bd25bf5f0595bbe24655141438e7a100b"},
        {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
         "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
         "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3"
         "61"
         "3d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
        {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
         "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
         "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f"
         "76"
         "0984dc6594a7c15e9716ed28dc027beceea1ec40a"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
        uint8_t seed[32], pub[32], sig[64], message[2] = {0};
        char hex[129];
        size_t n = strlen(v[i].message) / 2;

        assert_int_equal(tsn_unhex(seed, 32, v[i].seed, 64), 0);
        assert_int_equal(tsn_unhex(message, n, v[i].message, 2 * n), 0);
        tsn_sign_public(pub, seed);
        tsn_hex(hex, pub, sizeof(pub));
        assert_string_equal(hex, v[i].pub);
        tsn_sign(sig, seed, message, n);
        tsn_hex(hex, sig, sizeof(sig));
        assert_string_equal(hex, v[i].sig);
        assert_true(tsn_sign_check(sig, pub, message, n));
        sig[i] ^= 1;
        assert_false(tsn_sign_check(sig, pub, message, n));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples),        cmocka_unit_test(test_sign_as_go),
        cmocka_unit_test(test_cosignature),     cmocka_unit_test(test_bad_keys),
        cmocka_unit_test(test_names),           cmocka_unit_test(test_bad_notes),
        cmocka_unit_test(test_checkpoint_text), cmocka_unit_test(test_many_signatures),
        cmocka_unit_test(test_ed25519),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
