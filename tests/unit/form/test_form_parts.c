/* The public form's pure parts: readers of forms, languages, receipts, limits, texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "form/form_int.h"

static tsn_err parse(struct tsn_arena *a, const char *type, const char *body,
                     struct tsn_form_data *d)
{
    return tsn_form_parse(a, type, body, strlen(body), d);
}

static void fields_and_files(void **state)
{
    /* "--b" inside a part stands behind no line end, so it is content. */
    static const char body[] =
        "--b\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\none\r\ntwo\r\n--b\r\n"
        "content-disposition: form-data; name=\"x\"; filename=\"C:\\dir\\..a b.txt\"\r\n"
        "Content-Type: text/plain; charset=x\r\n\r\nx--b\r\n--b\r\n"
        "Content-Disposition: form-data; filename=\"\"; name=\"none\"\r\n\r\n\r\n--b--\r\n";
    struct tsn_arena *a = tsn_arena_new();
    struct tsn_form_data d;
    (void)state;

    assert_int_equal(parse(a, "multipart/form-data; boundary=\"b\"", body, &d), 0);
    assert_int_equal(d.n, 3);
    assert_string_equal(tsn_form_field(&d, "text"), "one\ntwo");
    assert_string_equal(tsn_form_field(&d, "x"), "");
    assert_string_equal(d.part[1].filename, "a b.txt");
    assert_string_equal(d.part[1].type, "text/plain");
    assert_int_equal(d.part[1].len, 4);
    assert_memory_equal(d.part[1].data, "x--b", 4);
    assert_string_equal(d.part[2].filename, "");

    assert_int_equal(parse(a, "application/x-www-form-urlencoded; charset=UTF-8",
                           "a=1+2&b=%c3%A9%0d%0A&a=3&c=", &d),
                     0);
    assert_string_equal(tsn_form_field(&d, "a"), "1 2");
    assert_string_equal(tsn_form_field(&d, "b"), "\xc3\xa9\n");
    assert_string_equal(tsn_form_field(&d, "c"), "");
    tsn_arena_destroy(a);
}

static void broken_forms(void **state)
{
    static const char *const rows[][2] = {
        {"application/x-www-form-urlencoded", "a"},
        {"application/x-www-form-urlencoded", "a=%4"},
        {"application/x-www-form-urlencoded", "a=%00"},
        {"application/x-www-form-urlencoded", "a=%ff"},
        {"text/plain", "a=b"},
        {"multipart/form-data", "--b--"},
        {"multipart/form-data; boundary=", "----"},
        {"multipart/form-data; boundary=b", "preamble\r\n--b--"},
        {"multipart/form-data; boundary=b", "--b"},
        {"multipart/form-data; boundary=b", "--b\r\n\r\nno head\r\n--b--"},
        {"multipart/form-data; boundary=b",
         "--b\r\nContent-Disposition: attachment; name=\"a\"\r\n\r\nx\r\n--b--"},
        {"multipart/form-data; boundary=b",
         "--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--"},
        {"multipart/form-data; boundary=b",
         "--b\r\nContent-Disposition: form-data; name=\"a\"\r\nContent-Disposition: form-data; "
         "name=\"b\"\r\n\r\nx\r\n--b--"},
        {"multipart/form-data; boundary=b",
         "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nnever ends"},
    };
    struct tsn_arena *a = tsn_arena_new();
    struct tsn_form_data d;
    (void)state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (parse(a, rows[i][0], rows[i][1], &d) != TSN_EINPUT)
            fail_msg("row %zu was taken", i);
    }
    assert_int_equal(tsn_form_parse(a, NULL, "a=b", 3, &d), TSN_EINPUT);
    tsn_arena_destroy(a);
}

static void languages(void **state)
{
    static const struct {
        const char *accept, *want;
    } rows[] = {{NULL, "en"},
                {"", "en"},
                {"*", "en"},
                {"DE-at", "de"},
                {"fr, de;q=0.1", "de"},
                {"ja;q=0.2,zh-TW;q=0.9", "zh"},
                {"de;q=0", "en"},
                {"de;q=x, ja ; q=0.5", "ja"},
                {"deutsch", "en"},
                {",,;;,ja", "ja"}};
    (void)state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_string_equal(tsn_languages[tsn_texts_choose(rows[i].accept)], rows[i].want);
}

static void texts(void **state)
{
    json_t *out[TSN_LANGUAGES] = {NULL}, *value;
    struct tsn_diag diag;
    const char *key;
    (void)state;

    tsn_diag_init(&diag);
    assert_int_equal(tsn_texts_load(TOCSIN_SOURCE_DIR "/playbooks/templates/form", out, &diag),
                     0);
    for (size_t i = 1; i < TSN_LANGUAGES; i++) {
        assert_int_equal(json_object_size(out[i]), json_object_size(out[0]));
        /* What is filled in stands in every language. */
        json_object_foreach(out[0], key, value)
        {
            const char *hole = json_string_value(value),
                       *theirs = tsn_json_str(out[i], key, "");
            while ((hole = strstr(hole, "{{")) != NULL) {
                char name[40];
                (void)snprintf(name, sizeof(name), "%.*s", (int)(strstr(hole, "}}") + 2 - hole),
                               hole);
                if (!strstr(theirs, name))
                    fail_msg("%s: %s has no %s", tsn_languages[i], key, name);
                hole += 2;
            }
        }
    }
    for (size_t i = 0; i < TSN_LANGUAGES; i++) {
        json_decref(out[i]);
        out[i] = NULL;
    }
    assert_int_equal(tsn_texts_load("/nowhere", out, &diag), TSN_ENOTFOUND);
    assert_string_equal(diag.code, "S051");
}

static void receipts(void **state)
{
    static const char *const bad[] = {"",
                                      "TR",
                                      "TR-7K3M-9QWD-2HXN-5VB",
                                      "TR-7K3M-9QWD-2HXN-5VBEE",
                                      "XR-7K3M-9QWD-2HXN-5VBE",
                                      "TR-7K3M-9QWD-2HXN-5VBU",
                                      "TR-7K3M-9QWD-2HXN-5VB\xc3\xa9"};
    struct tsn_arena *a = tsn_arena_new();
    (void)state;

    assert_string_equal(tsn_receipt_of(a, " tr 7k3m-9qwd 2hxn5vbe\r\n"),
                        "TR-7K3M-9QWD-2HXN-5VBE");
    assert_string_equal(tsn_receipt_of(a, "TR-OIL0-0000-0000-0000"), "TR-0110-0000-0000-0000");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_null(tsn_receipt_of(a, bad[i]));
    tsn_arena_destroy(a);
}

static void limits(void **state)
{
    struct tsn_form_limit *l = tsn_form_limit_new(3, 2, 1000000);
    int64_t now = 5000;
    (void)state;

    for (int i = 0; i < 3; i++) {
        assert_true(tsn_form_limit_ok(l, "192.0.2.1", TSN_KNOCK_REPORT, now));
        tsn_form_limit_count(l, "192.0.2.1", TSN_KNOCK_REPORT, now);
    }
    assert_false(tsn_form_limit_ok(l, "192.0.2.1", TSN_KNOCK_REPORT, now + 3599999));
    assert_true(tsn_form_limit_ok(l, "192.0.2.1", TSN_KNOCK_RECEIPT, now));
    assert_true(tsn_form_limit_ok(l, "192.0.2.2", TSN_KNOCK_REPORT, now));
    assert_true(tsn_form_limit_ok(l, "192.0.2.1", TSN_KNOCK_REPORT, now + 3600000));
    /* A flood of other networks does not free the one that was loud. */
    for (int i = 0; i < 50000; i++) {
        char peer[40];
        (void)snprintf(peer, sizeof(peer), "10.%d.%d.%d", i >> 16, i >> 8 & 255, i & 255);
        tsn_form_limit_count(l, peer, TSN_KNOCK_RECEIPT, now);
    }
    assert_false(tsn_form_limit_ok(l, "192.0.2.1", TSN_KNOCK_REPORT, now));
    free(l);

    l = tsn_form_limit_new(100, 100, 2);
    tsn_form_limit_count(l, "a", TSN_KNOCK_REPORT, now);
    tsn_form_limit_count(l, "b", TSN_KNOCK_REPORT, now);
    assert_false(tsn_form_limit_ok(l, "c", TSN_KNOCK_REPORT, now));
    assert_true(tsn_form_limit_ok(l, "c", TSN_KNOCK_RECEIPT, now));
    assert_true(tsn_form_limit_ok(l, "c", TSN_KNOCK_REPORT, now + 3600000));
    free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_and_files), cmocka_unit_test(broken_forms),
        cmocka_unit_test(languages),        cmocka_unit_test(texts),
        cmocka_unit_test(receipts),         cmocka_unit_test(limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
