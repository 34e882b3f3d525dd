/* test_cvss.c - what the strict parser says and where, canonical form, bands, single scores, and
 * properties that hold for every vector. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include "casework/cvss.h"

#define B31 "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
#define B40 "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:H/SI:H/SA:H"
#define B20 "AV:N/AC:L/Au:N/C:P/I:P/A:P"

static void refused(void **state)
{
    (void)state;
    static const struct {
        const char *vector, *code;
        int col;
    } bad[] = {
        {"", "K101", 1},
        {"CVSS:3.2/AV:N", "K101", 6},
        {"cvss:3.1/AV:N", "K101", 1},
        {"CVSS:3.1", "K101", 6},
        {"CVSS:3.1/", "K102", 10},
        {" " B31, "K101", 1},
        {"hello", "K101", 1},
        {B31 "/", "K102", 46},
        {B31 "/ZZ:Q", "K104", 46},
        {B31 "/E:Q", "K103", 48},
        {B31 "/E:", "K103", 48},
        {B31 "/E", "K102", 46},
        {B31 "/E:H:H", "K103", 48},
        {B31 "/E:h", "K103", 48},
        {B31 "/E:H ", "K103", 48},
        {B31 "/E:H\n", "K103", 48},
        {B31 "/Au:N", "K104", 46},
        {B31 "/MA:ND", "K103", 49},
        {"CVSS:3.1//AV:N", "K102", 10},
        {"CVSS:3.1/AV:N/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "K105", 15},
        {"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H", "K107", 41},
        {"AV:N/AC:L/Au:N/C:P/I:P", "K107", 23},
        {"(" B20 ")", "K104", 1},
        {B20 "/A:P", "K105", 28},
        {B20 "/E:X", "K103", 30},
        {"CVSS:2.0/" B20, "K101", 6},
        {"CVSS:4.0/AC:L/AV:N/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:H/SI:H/SA:H", "K106", 15},
        {B40 "/CR:H/E:A", "K106", 70},
        {B40 "/MSC:S", "K103", 69},
        {B40 "/E:A/E:A", "K105", 69},
        {B40 "/U:clear", "K103", 67},
        {"CVSS:4.0/AV:N", "K107", 14},
        {B40 "/S:C", "K103", 67},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct tsn_cvss v;
        struct tsn_diag d;
        tsn_diag_init(&d);
        tsn_err err = tsn_cvss_parse(bad[i].vector, &v, &d);
        if (err != TSN_EINPUT || strcmp(d.code, bad[i].code) != 0 || d.col != bad[i].col) {
            fail_msg("%s: %d %s at %d (%s)", bad[i].vector, err, d.code, d.col, d.what);
        }
        assert_int_equal(TSN_EINPUT, tsn_cvss_parse(bad[i].vector, &v, NULL));
    }
}

/* Each vector cut at each byte, and with each byte replaced: never a crash, and refusals have a
 * place inside the text. */
static void damaged(void **state)
{
    (void)state;
    static const char *const vectors[] = {B20 "/E:POC/CDP:LM/AR:ND", B31 "/E:P/MS:C/MA:N",
                                          B40 "/E:U/CR:L/MSA:S/U:Amber"};
    for (size_t i = 0; i < 3; i++) {
        size_t len = strlen(vectors[i]);
        for (size_t at = 0; at < len; at++) {
            for (int byte = 0; byte < 256; byte++) {
                char text[256];
                memcpy(text, vectors[i], len + 1);
                text[at] = (char)byte;
                struct tsn_cvss v;
                struct tsn_diag d;
                tsn_diag_init(&d);
                if (tsn_cvss_parse(text, &v, &d)) {
                    assert_true(d.col >= 1 && (size_t)d.col <= strlen(text) + 1);
                    assert_true(d.code[0] == 'K' && d.what[0]);
                } else {
                    assert_true(v.overall >= 0 && v.overall <= 100);
                }
            }
        }
    }
    char big[1024];
    memset(big, 'A', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    struct tsn_cvss v;
    assert_int_equal(TSN_EINPUT, tsn_cvss_parse(big, &v, NULL));
    memcpy(big, B31 "/", 45);
    assert_int_equal(TSN_EINPUT, tsn_cvss_parse(big, &v, NULL));
    assert_int_equal(TSN_EINPUT, tsn_cvss_parse(NULL, &v, NULL));
}

static void canonical(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {B31, B31},
        {"CVSS:3.1/S:U/AV:N/E:X/AC:L/PR:N/UI:N/C:H/I:H/A:H/MS:X/MAV:L/RC:C", B31 "/RC:C/MAV:L"},
        {"C:P/AV:N/AC:L/Au:N/I:P/A:P/TD:ND/CDP:N/E:POC", B20 "/E:POC/CDP:N"},
        {B40 "/E:X/CR:H/MSI:S/U:Amber", B40 "/CR:H/MSI:S/U:Amber"},
    };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        struct tsn_cvss v;
        char text[TSN_CVSS_VECTOR_MAX];
        assert_int_equal(0, tsn_cvss_parse(pairs[i][0], &v, NULL));
        tsn_cvss_canonical(&v, text);
        assert_string_equal(pairs[i][1], text);
    }
}

static void words(void **state)
{
    (void)state;
    struct tsn_cvss v;
    assert_int_equal(0, tsn_cvss_parse(B31, &v, NULL));
    assert_int_equal(98, v.base);
    assert_string_equal("N", tsn_cvss_get(&v, "AV"));
    assert_null(tsn_cvss_get(&v, "E"));
    assert_null(tsn_cvss_get(&v, "VC"));
    assert_string_equal("", tsn_cvss_nomenclature(&v));
    static const struct {
        int tenths;
        const char *band3, *band2;
    } bands[] = {
        {0, "NONE", "LOW"},       {1, "LOW", "LOW"},        {39, "LOW", "LOW"},
        {40, "MEDIUM", "MEDIUM"}, {69, "MEDIUM", "MEDIUM"}, {70, "HIGH", "HIGH"},
        {89, "HIGH", "HIGH"},     {90, "CRITICAL", "HIGH"}, {100, "CRITICAL", "HIGH"},
    };
    for (size_t i = 0; i < sizeof(bands) / sizeof(bands[0]); i++) {
        assert_string_equal(bands[i].band3, tsn_cvss_severity(bands[i].tenths));
        assert_string_equal(bands[i].band3, tsn_cvss_band(TSN_CVSS_40, bands[i].tenths));
        assert_string_equal(bands[i].band2, tsn_cvss_band(TSN_CVSS_20, bands[i].tenths));
    }
}

/* base, temporal, environmental, overall, name. */
static void groups(void **state)
{
    (void)state;
    static const struct {
        const char *vector;
        int base, temporal, environmental, overall;
        const char *name;
    } cases[] = {
        {B40, 100, 100, 100, 100, "CVSS-B"},
        {B40 "/E:U", 100, 91, 100, 91, "CVSS-BT"},
        {B40 "/MAV:P", 100, 100, 86, 86, "CVSS-BE"},
        {B40 "/E:U/MAV:P", 100, 91, 86, 56, "CVSS-BTE"},
        {B40 "/E:X/MAV:X/S:P", 100, 100, 100, 100, "CVSS-B"},
        {B31 "/E:U", 98, 90, 90, 90, ""},
        {B31 "/E:U/MAV:L", 98, 90, 77, 77, ""},
        {B31 "/E:X/MAV:X", 98, 98, 98, 98, ""},
        {B20, 75, 75, 75, 75, ""},
        {B20 "/E:U/TD:N", 75, 64, 0, 0, ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tsn_cvss v;
        assert_int_equal(0, tsn_cvss_parse(cases[i].vector, &v, NULL));
        if (v.base != cases[i].base || v.temporal != cases[i].temporal ||
            v.environmental != cases[i].environmental || v.overall != cases[i].overall) {
            fail_msg("%s: %d %d %d %d", cases[i].vector, v.base, v.temporal, v.environmental,
                     v.overall);
        }
        assert_string_equal(cases[i].name, tsn_cvss_nomenclature(&v));
    }
}

static uint64_t seed = 20261124;
static uint64_t chance(uint64_t n)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (seed >> 33) % n;
}

/* Random vectors of every version: scores stay in range, temporal never exceeds base, text and
 * values agree, and what is not defined might as well be absent. */
static void properties(void **state)
{
    (void)state;
    for (int n = 0; n < 40000; n++) {
        struct tsn_cvss v = {.version = (enum tsn_cvss_version)(n % 4)}, again;
        const struct tsn_cvss_metric *table = tsn_cvss_metrics(v.version);
        for (size_t m = 0; table[m].name; m++) {
            size_t values = 0;
            while (table[m].values[values].value) {
                values++;
            }
            assert_true(values >= 2);
            if (table[m].mandatory || chance(3) == 0) {
                v.value[m] = table[m].values[chance(values)].value;
            }
        }
        tsn_cvss_score(&v);
        char text[TSN_CVSS_VECTOR_MAX];
        tsn_cvss_canonical(&v, text);
        if (tsn_cvss_parse(text, &again, NULL)) {
            fail_msg("refused %s", text);
        }
        bool same = v.base == again.base && v.temporal == again.temporal &&
                    v.environmental == again.environmental && v.overall == again.overall &&
                    v.has_temporal == again.has_temporal &&
                    v.has_environmental == again.has_environmental;
        bool in_range = v.base >= 0 && v.base <= 100 && v.temporal >= 0 &&
                        v.temporal <= v.base && v.environmental >= 0 &&
                        v.environmental <= 100 && v.overall >= 0 && v.overall <= 100;
        if (!same || !in_range) {
            fail_msg("%s: %d %d %d %d", text, v.base, v.temporal, v.environmental, v.overall);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused), cmocka_unit_test(damaged), cmocka_unit_test(canonical),
        cmocka_unit_test(words),   cmocka_unit_test(groups),  cmocka_unit_test(properties),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
