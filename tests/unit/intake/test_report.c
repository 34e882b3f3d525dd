/* The shape of a report: what passes, what is refused and where. Pure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/json.h"
#include "core/mem.h"
#include "core/text.h"
#include "intake/intake.h"

static json_t *parse(const char *text)
{
    json_t *v = NULL;
    assert_int_equal(tsn_json_parse(text, strlen(text), &v, NULL), 0);
    return v;
}

#define REPORT "\"kind\":\"incident\",\"title\":\"t\",\"text\":\"x\""

static void refuse(const char *text, const char *code, const char *pointer, tsn_err err)
{
    struct tsn_diag d;
    json_t *normal = NULL, *v = parse(text);
    tsn_diag_init(&d);
    tsn_err got = tsn_report_check(v, &normal, &d);
    json_decref(v);
    assert_null(normal);
    assert_string_equal(d.code, code);
    assert_string_equal(d.file, pointer);
    assert_int_equal(got, err);
    assert_true(d.what[0] != 0);
}

static void test_good(void **state)
{
    (void)state;
    json_t *v =
        parse("{" REPORT ",\"product\":\"edge\",\"version\":\"9\",\"severity\":\"high\","
              "\"contact\":{\"mail\":\"a@b.example\",\"name\":\"A\"},"
              "\"indicators\":[\"203.0.113.7\"],\"cves\":[],\"references\":null}");
    json_t *normal = NULL;
    assert_int_equal(tsn_report_check(v, &normal, NULL), 0);
    char *text = tsn_json_text(normal);
    /* Empty lists and nulls are the same as absent: one digest. */
    assert_string_equal(text, "{\"contact\":{\"mail\":\"a@b.example\",\"name\":\"A\"},"
                              "\"indicators\":[\"203.0.113.7\"],\"kind\":\"incident\","
                              "\"product\":\"edge\",\"severity\":\"high\",\"text\":\"x\","
                              "\"title\":\"t\",\"version\":\"9\"}");
    free(text);
    json_decref(normal);
    json_decref(v);
}

static void test_fields(void **state)
{
    (void)state;
    refuse("[]", "H013", "", TSN_EINPUT);
    refuse("{\"kind\":\"incident\",\"text\":\"x\"}", "H013", "/title", TSN_EINPUT);
    refuse("{\"kind\":\"incident\",\"title\":\"x\"}", "H013", "/text", TSN_EINPUT);
    refuse("{\"title\":\"x\",\"text\":\"x\"}", "H013", "/kind", TSN_EINPUT);
    refuse("{\"kind\":\"incident\",\"title\":\" \\t\",\"text\":\"x\"}", "H013", "/title",
           TSN_EINPUT);
    refuse("{\"kind\":7,\"title\":\"t\",\"text\":\"x\"}", "H013", "/kind", TSN_EINPUT);
    refuse("{\"kind\":\"incident\",\"title\":[],\"text\":\"x\"}", "H013", "/title", TSN_EINPUT);
    refuse("{\"kind\":\"rumour\",\"title\":\"t\",\"text\":\"x\"}", "H015", "/kind", TSN_EINPUT);
    refuse("{" REPORT ",\"severity\":\"bad\"}", "H015", "/severity", TSN_EINPUT);
    refuse("{" REPORT ",\"indicators\":\"a\"}", "H013", "/indicators", TSN_EINPUT);
    refuse("{" REPORT ",\"indicators\":[\"a\",7]}", "H013", "/indicators/1", TSN_EINPUT);
    refuse("{" REPORT ",\"contact\":\"a@b.c\"}", "H013", "/contact", TSN_EINPUT);
    refuse("{" REPORT ",\"contact\":{\"organisation\":\"A\"}}", "H013", "/contact/mail",
           TSN_EINPUT);
    refuse("{" REPORT ",\"contact\":{\"mail\":\"A <a@b.c>\"}}", "H015", "/contact/mail",
           TSN_EINPUT);
    refuse("{" REPORT ",\"product\":\"a\\nBcc: x\"}", "H015", "/product", TSN_EINPUT);
    refuse("{\"kind\":\"incident\",\"title\":\"a\\r\\nBcc: x\",\"text\":\"x\"}", "H015",
           "/title", TSN_EINPUT);
    refuse("{\"kind\":\"incident\",\"title\":\"a\",\"text\":\"x\\u001b[2J\"}", "H015", "/text",
           TSN_EINPUT);
}

static void test_unknown(void **state)
{
    struct tsn_diag d;
    json_t *normal = NULL;
    (void)state;
    json_t *v = parse("{" REPORT ",\"prodcut\":\"a\"}");
    tsn_diag_init(&d);
    assert_int_equal(tsn_report_check(v, &normal, &d), TSN_EFIELD);
    assert_string_equal(d.code, "H012");
    assert_string_equal(d.file, "/prodcut");
    assert_non_null(strstr(d.hint, "product"));
    json_decref(v);
    v = parse("{" REPORT ",\"contact\":{\"mial\":\"a@b.example\"}}");
    assert_int_equal(tsn_report_check(v, &normal, &d), TSN_EFIELD);
    assert_string_equal(d.file, "/contact/mial");
    json_decref(v);
}

static json_t *with_text(const char *key, size_t n, const char *unit)
{
    char *s = tsn_alloc(n * strlen(unit) + 1);
    for (size_t i = 0; i < n; i++)
        memcpy(s + i * strlen(unit), unit, strlen(unit));
    json_t *v = parse("{" REPORT "}");
    json_object_set_new(v, key, json_string(s));
    free(s);
    return v;
}

static void size(const char *key, size_t n, const char *unit, bool fits)
{
    struct tsn_diag d;
    json_t *normal = NULL, *v = with_text(key, n, unit);
    tsn_diag_init(&d);
    tsn_err err = tsn_report_check(v, &normal, &d);
    assert_int_equal(err, fits ? 0 : TSN_ETOOBIG);
    if (!fits) {
        assert_string_equal(d.code, "H016");
        assert_string_equal(d.file + 1, key);
    }
    json_decref(normal);
    json_decref(v);
}

static void test_sizes(void **state)
{
    (void)state;
    size("title", 200, "a", true);
    size("title", 201, "a", false);
    size("title", 200, "\xe2\x86\x92", true); /* characters, not bytes */
    size("title", 201, "\xe2\x86\x92", false);
    size("text", 65536, "a", true);
    size("text", 65537, "a", false);
    size("product", 200, "a", true);
    size("product", 201, "a", false);
    for (size_t n = 1000; n <= 1001; n++) {
        json_t *v = parse("{" REPORT "}"), *list = json_array(), *normal = NULL;
        for (size_t i = 0; i < n; i++)
            json_array_append_new(list, json_string("203.0.113.7"));
        json_object_set_new(v, "indicators", list);
        assert_int_equal(tsn_report_check(v, &normal, NULL), n == 1000 ? 0 : TSN_ETOOBIG);
        json_decref(normal);
        json_decref(v);
    }
}

static void test_mail(void **state)
{
    static const char *const good[] = {"a@b", "a.b+c@d-e.example", "x@1.example"};
    static const char *const bad[] = {"",        "a",       "@b",     "a@",          "a@b@c",
                                      "a b@c",   "a@b..c",  "a@-b.c", "a@b-.c",      "a@b.c.",
                                      "a@b,c@d", "<a@b.c>", "a@b\n",  "\xc3\xa4@b.c"};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(tsn_mail_ok(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(tsn_mail_ok(bad[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),    cmocka_unit_test(test_fields),
        cmocka_unit_test(test_unknown), cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_mail),
    };
    tsn_json_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
