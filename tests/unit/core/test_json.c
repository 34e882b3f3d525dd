/* test_json.c - what JSON is accepted, and that writing is canonical. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/json.h"
#include "core/text.h"

static json_t *good(const char *text)
{
    json_t *v;
    struct tsn_diag d;

    tsn_diag_init(&d);
    assert_int_equal(tsn_json_parse(text, strlen(text), &v, &d), 0);
    assert_non_null(v);
    return v;
}

static struct tsn_diag bad_n(const char *text, size_t n)
{
    json_t *v = (json_t *)1;
    struct tsn_diag d;

    tsn_diag_init(&d);
    assert_int_equal(tsn_json_parse(text, n, &v, &d), TSN_EINPUT);
    assert_null(v);
    assert_string_equal(d.code, "H010");
    assert_int_equal(tsn_json_parse(text, n, &v, NULL), TSN_EINPUT); /* diag is optional */
    return d;
}

static struct tsn_diag bad(const char *text)
{
    return bad_n(text, strlen(text));
}

static void check_canonical(const char *in, const char *want)
{
    json_t *v = good(in);
    char *text = tsn_json_text(v);

    assert_string_equal(text, want);
    free(text);
    json_decref(v);
}

static void test_refused(void **state)
{
    static const char *const texts[] = {
        "",
        " ",
        "{",
        "[1,]",
        "{\"a\":1,}",
        "{'a':1}",
        "{a:1}",
        "nul",
        "01",
        "+1",
        "1.",
        ".5",
        "1e",
        "NaN",
        "Infinity",
        "\"\\x\"",
        "\"a",
        "[1] 2",
        "{} {}",
        "{}x",
        "\"\t\"",
        "[1 2]",
        "/* c */ 1",
        "1 // c",
        "\xef\xbb\xbf{}",
        "99999999999999999999",
        "1e999",
        "\"\\ud800\"",
        "\"\\udc00\"",
        "\"\xff\"",
        "\"\xc0\x80\"",
        "\"\xed\xa0\x80\"",
        "{\"a\":1,\"a\":2}",
        "{\"a\":1,\"\\u0061\":2}",
        "[{\"k\":{\"x\":1,\"x\":1}}]",
        "\"\\u0000\"",
        "{\"a\\u0000b\":1}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        bad(texts[i]);
    bad_n("{\"a\":\"b\0c\"}", 11); /* a raw NUL in a string */
    bad_n("{}\0", 3);              /* and behind the value */
    bad_n("\0", 1);
    bad_n("{}", 1); /* the length counts, not the terminator */
}

static void test_place(void **state)
{
    struct tsn_diag d = bad("{\n  \"a\": 1,\n  \"b\": oops\n}");

    (void)state;
    assert_int_equal(d.line, 3);
    assert_true(d.col >= 8 && d.col <= 12);
    assert_non_null(strstr(d.what, "line 3"));
}

static void test_depth(void **state)
{
    char text[2 * (TSN_JSON_DEPTH + 1) + 1];
    json_t *v;

    (void)state;
    for (int depth = TSN_JSON_DEPTH; depth <= TSN_JSON_DEPTH + 1; depth++) {
        memset(text, '[', (size_t)depth);
        memset(text + depth, ']', (size_t)depth);
        text[2 * depth] = '\0';
        if (depth <= TSN_JSON_DEPTH) {
            v = good(text);
            json_decref(v);
        } else {
            bad(text);
        }
    }
    /* Brackets inside strings do not count, escaped quotes do not end strings. */
    v = good(
        "[\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[[\"]");
    json_decref(v);
    /* A backslash that is escaped itself does not escape the quote behind it. */
    char deep[TSN_JSON_DEPTH + 32];
    int n = snprintf(deep, sizeof deep, "[\"\\\\\",\"\\\\\\\"[\",");
    memset(deep + n, '[', TSN_JSON_DEPTH);
    deep[n + TSN_JSON_DEPTH] = '\0';
    struct tsn_diag d = bad(deep);
    assert_non_null(strstr(d.what, "nested deeper"));
    d = bad("[\"[[[[ no end");
    assert_null(strstr(d.what, "nested deeper"));
}

static void test_canonical(void **state)
{
    (void)state;
    check_canonical("9.8", "9.8");
    check_canonical("[0.1, 9.8, 7.5, 10.0, 1e2, 0.30000000000000004, -0.0]",
                    "[0.1,9.8,7.5,10.0,100.0,0.3,-0.0]");
    check_canonical(" { \"b\" : 1 , \"a\" : [ true , null , \"\\u00e4\\/\" ] } ",
                    "{\"a\":[true,null,\"\xc3\xa4/\"],\"b\":1}");
    check_canonical("{\"\\u00e9\":1,\"z\":2,\"A\":3,\"aa\":4,\"a\":5}",
                    "{\"A\":3,\"a\":5,\"aa\":4,\"z\":2,\"\xc3\xa9\":1}");
    check_canonical("\"\\ud83d\\ude00\\n\\u001f\"", "\"\xf0\x9f\x98\x80\\n\\u001F\"");
    check_canonical("-9223372036854775808", "-9223372036854775808");
}

static void test_digest_follows_value(void **state)
{
    json_t *a = good("{\"x\":1,\"y\":[2.50]}"), *b = good("{ \"y\":[2.5], \"x\":1 }");
    uint8_t da[32], db[32];
    char hex[65];

    (void)state;
    tsn_json_digest(da, a);
    tsn_json_digest(db, b);
    assert_memory_equal(da, db, 32);
    json_object_set_new(b, "x", json_integer(2));
    tsn_json_digest(db, b);
    assert_memory_not_equal(da, db, 32);
    json_decref(a);
    a = json_object();
    tsn_json_digest(da, a);
    tsn_hex(hex, da, 32); /* sha256 of {} */
    assert_string_equal(hex,
                        "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
    json_decref(a);
    json_decref(b);
}

static void test_members(void **state)
{
    json_t *o = good("{\"s\":\"x\",\"i\":7,\"b\":true,\"r\":1.5,\"n\":null}");

    (void)state;
    assert_string_equal(tsn_json_str(o, "s", "?"), "x");
    assert_string_equal(tsn_json_str(o, "i", "?"), "?");
    assert_null(tsn_json_str(NULL, "s", NULL));
    assert_int_equal(tsn_json_int(o, "i", 1), 7);
    assert_int_equal(tsn_json_int(o, "r", 1), 1);
    assert_true(tsn_json_bool(o, "b", false));
    assert_true(tsn_json_bool(o, "n", true));
    assert_false(tsn_json_bool(json_object_get(o, "s"), "b", false));
    json_decref(o);
}

static void test_known(void **state)
{
    static const char *const known[] = {"title", "product", "severity"};
    json_t *o = good("{\"title\":1,\"prodct\":2}");
    struct tsn_diag d;

    (void)state;
    tsn_diag_init(&d);
    assert_int_equal(tsn_json_known(o, known, 3, &d), TSN_EFIELD);
    assert_string_equal(d.code, "H012");
    assert_string_equal(d.file, "/prodct");
    assert_non_null(strstr(d.hint, "`product`"));
    assert_int_equal(tsn_json_known(o, known, 3, NULL), TSN_EFIELD);
    json_object_del(o, "prodct");
    assert_int_equal(tsn_json_known(o, known, 3, &d), 0);
    json_decref(o);
}

static void test_write_capped(void **state)
{
    json_t *v = good("[1,2,3,4,5,6,7,8,9]");
    struct tsn_buf b;

    (void)state;
    tsn_buf_init(&b, 10);
    assert_int_equal(tsn_json_write(&b, v), TSN_ETOOBIG);
    tsn_buf_free(&b);
    json_decref(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_place),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_canonical),
        cmocka_unit_test(test_digest_follows_value),
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_write_capped),
    };
    tsn_json_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
