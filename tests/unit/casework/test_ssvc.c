/* test_ssvc.c - SSVC tables explain themselves: points that follow from others, what is missing, what
 * another value would change; CWE and CVE ids by their syntax. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include "casework/ssvc.h"
#include "core/cve_id.h"
#include "core/cwe.h"
#include "core/json.h"

static json_t *decide(const char *table, const char *given)
{
    struct tsn_diag d;
    json_t *in = NULL, *out = NULL;
    tsn_diag_init(&d);
    const struct tsn_ssvc_table *t = tsn_ssvc_find(table, &d);
    assert_non_null(t);
    assert_int_equal(tsn_json_parse(given, strlen(given), &in, NULL), 0);
    if (tsn_ssvc_decide(t, in, &out, &d))
        assert_string_equal(d.code, "W083");
    json_decref(in);
    return out;
}

static void points_follow_from_others(void **state)
{
    (void)state;
    json_t *out = decide("Supplier", "{\"Exploitation\":\"active\",\"automatable\":true,"
                                     "\"value_density\":\"C\",\"TI\":\"total\","
                                     "\"safety-impact\":\"negligible\"}");
    assert_string_equal(tsn_json_str(out, "outcome", ""), "immediate");
    const json_t *utility = json_array_get(json_object_get(out, "points"), 1);
    assert_string_equal(tsn_json_str(utility, "value", ""), "super-effective");
    assert_int_equal(json_array_size(json_object_get(utility, "from")), 2);
    assert_int_equal(json_array_size(json_object_get(out, "missing")), 0);
    /* In SSVC's own form: the points of the table and the outcome. */
    assert_int_equal(json_array_size(json_object_get(out, "selections")), 5);
    /* What would change it: another exploitation would. */
    const json_t *one = json_array_get(json_object_get(out, "because"), 0);
    assert_string_equal(tsn_json_str(one, "point", ""), "exploitation");
    assert_string_not_equal(tsn_json_str(one, "instead", ""), "immediate");
    json_decref(out);
    /* A value given beats one that would follow. */
    out = decide("utility", "{\"automatable\":\"no\",\"value-density\":\"diffuse\"}");
    assert_string_equal(tsn_json_str(out, "outcome", ""), "laborious");
    json_decref(out);
}

static void what_is_missing(void **state)
{
    (void)state;
    json_t *out = decide("cisa", "{\"exploitation\":\"none\"}");
    assert_true(json_is_null(json_object_get(out, "outcome")));
    assert_int_equal(json_array_size(json_object_get(out, "missing")), 3);
    assert_int_equal(json_array_size(json_object_get(out, "possible")), 3); /* not act */
    json_decref(out);
    /* Whatever the rest is, this is the outcome: nothing is missing. */
    out = decide("public-safety-impact", "{\"safety_impact\":\"catastrophic\"}");
    assert_string_equal(tsn_json_str(out, "outcome", ""), "significant");
    json_decref(out);
    assert_null(decide("cisa", "{\"exploitation\":\"sometimes\"}"));
    assert_null(decide("cisa", "{\"weather\":\"fine\"}"));
    struct tsn_diag d;
    tsn_diag_init(&d);
    assert_null(tsn_ssvc_find("suplier", &d));
    assert_string_equal(d.code, "W082");
    assert_non_null(strstr(d.hint, "supplier"));
}

static void cwe_mappings(void **state)
{
    static const struct {
        const char *id, *warns;
    } rows[] = {{"CWE-79", NULL},
                {"CWE-20", "discourages"},
                {"CWE-787", "review"},
                {"CWE-699", "no version"},
                {"CWE-99999", "no version"}};
    const char *warn;
    struct tsn_diag d;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(tsn_cwe_judge(rows[i].id, &warn, NULL), 0);
        if (!rows[i].warns)
            assert_null(warn);
        else
            assert_non_null(strstr(warn ? warn : "", rows[i].warns));
    }
    static const char *const bad[] = {"CWE-",   "cwe-79", "79", "CWE-079",
                                      "CWE-7a", "CWE-7 ", ""};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        tsn_diag_init(&d);
        assert_int_equal(tsn_cwe_judge(bad[i], &warn, &d), TSN_EINPUT);
        assert_string_equal(d.code, "W081");
    }
    assert_null(tsn_cwe_find(20, "9.9"));
    assert_int_equal(tsn_cwe_find(22, "4.9")->usage, TSN_CWE_ALLOWED);
    assert_int_equal(tsn_cwe_find(22, "4.20")->usage, TSN_CWE_REVIEW);
}

static void cve_ids_and_blocks(void **state)
{
    static const char *const good[] = {"CVE-1999-0001", "CVE-2026-1000",
                                       "CVE-2026-123456789012"};
    static const char *const bad[] = {"CVE-1998-0001",
                                      "cve-2026-1000",
                                      "CVE-2026-100",
                                      "CVE-2026-01000",
                                      "CVE-2026-0000",
                                      "CVE-2026-1000 ",
                                      "CVE-2026-10O0",
                                      "CVE-26-1000",
                                      "CVE-2026-",
                                      "CVE-2026-1234567890123456789",
                                      ""};
    static const char *const bad_blocks[] = {
        "CVE-2026-1000..",    "CVE-2026-1000..0999", "CVE-2026-1000..CVE-2027-1001",
        "CVE-2026-1000-1099", "CVE-2026-1000..x",    "CVE-2026-1000...1001"};
    struct tsn_cve_id id;
    struct tsn_cve_block b;
    struct tsn_diag d;
    char text[TSN_CVE_ID_MAX];
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(tsn_cve_id_parse(good[i], &id, NULL), 0);
        tsn_cve_id_print(&id, text);
        assert_string_equal(text, good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        tsn_diag_init(&d);
        assert_false(tsn_cve_id_ok(bad[i]));
        assert_int_equal(tsn_cve_id_parse(bad[i], &id, &d), TSN_EINPUT);
        assert_string_equal(d.code, "W080");
    }
    for (size_t i = 0; i < sizeof bad_blocks / sizeof bad_blocks[0]; i++)
        assert_int_equal(tsn_cve_block_parse(bad_blocks[i], &b, NULL), TSN_EINPUT);
    assert_int_equal(tsn_cve_block_parse("CVE-2026-9990..CVE-2026-10010", &b, NULL), 0);
    const struct tsn_cve_id in = {2026, 10000}, before = {2026, 9989}, other = {2025, 10000};
    assert_true(tsn_cve_block_has(&b, &in));
    assert_false(tsn_cve_block_has(&b, &before));
    assert_false(tsn_cve_block_has(&b, &other));
    assert_int_equal(tsn_cve_block_parse("CVE-2026-1000..1099", &b, NULL), 0);
    assert_int_equal(b.last - b.first, 99);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(points_follow_from_others), cmocka_unit_test(what_is_missing),
        cmocka_unit_test(cwe_mappings), cmocka_unit_test(cve_ids_and_blocks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
