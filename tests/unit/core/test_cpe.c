/* test_cpe.c - CPE names: the escapes, both spellings, and the table of NISTIR 7696. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "core/cpe.h"

static void grammar(void **state)
{
    static const struct {
        const char *text;
        bool ok;
    } cases[] = {
        {"cpe:2.3:a:ntp:ntp:4.2.8:p3:*:*:*:*:*:*", true},
        {"cpe:2.3:o:microsoft:windows_7:-:sp2:*:*:*:*:*:*", true},
        {"cpe:2.3:a:disney:where\\'s_my_perry\\?_free:1.5.1:*:*:*:*:android:*:*", true},
        {"cpe:2.3:a:hp:insight:??:*:*:de-DE:*:*:*:*", false},
        {"cpe:2.3:a:hp:insight:a??:*:*:de-DE:*:*:*:*", true},
        {"cpe:2.3:a:hp:insight:*8.1:*:*:de-276:*:*:*:*", true},
        {"cpe:2.3:a:hp:insight:8*1:*:*:*:*:*:*:*", false},
        {"cpe:2.3:a:hp:insight:**1:*:*:*:*:*:*:*", false},
        {"cpe:2.3:a:hp:in sight:1:*:*:*:*:*:*:*", false},
        {"cpe:2.3:a:hp::1:*:*:*:*:*:*:*", false},
        {"cpe:2.3:a:hp:x:1:*:*:deutsch:*:*:*:*", false},
        {"cpe:2.3:a:hp:x:1\\", false},
        {"CPE:2.3:a:ntp:ntp:4.2.8:p3:*:*:*:*:*:*", false},
        {"cpe:/a:hp:insight_diagnostics:7.4.0.1570:-:~~online~win2003~x64~", true},
        {"CPE:/O:redhat", true},
        {"cpe:/", false},
        {"cpe:/ox:redhat", false},
        {"cpe:/a:a:b:c:d:e:f", true},
        {"cpe:/a:a:b:c:d:e:f:g", false},
        {"", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *why = NULL;
        bool ok = tsn_cpe_ok(cases[i].text, &why);
        assert_string_equal(ok == cases[i].ok ? "" : cases[i].text, "");
        assert_true(ok || why);
    }
}

static void uri(void **state)
{
    struct tsn_arena *arena = tsn_arena_new();
    struct tsn_cpe c;
    struct tsn_buf b;
    (void)state;
    tsn_buf_init(&b, 4096);
    assert_int_equal(
        tsn_cpe_parse(arena, "cpe:/a:hp:insight_diagnostics:7.4.0.1570:-:~~online~win2003~x64~",
                      &c, NULL),
        0);
    tsn_cpe_print(&c, &b);
    assert_string_equal(
        b.data, "cpe:2.3:a:hp:insight_diagnostics:7.4.0.1570:-:*:*:online:win2003:x64:*");
    tsn_buf_clear(&b);
    assert_int_equal(tsn_cpe_parse(arena, "cpe:/a:foo%5cbar:big%24money:8%02:%01", &c, NULL),
                     0);
    tsn_cpe_print(&c, &b);
    assert_string_equal(b.data, "cpe:2.3:a:foo\\\\bar:big\\$money:8*:?:*:*:*:*:*:*");
    assert_string_equal(tsn_cpe_plain(arena, &c, TSN_CPE_PRODUCT), "big$money");
    tsn_buf_free(&b);
    tsn_arena_destroy(arena);
}

static void table(void **state)
{
    static const struct {
        const char *source, *target;
        enum tsn_cpe_relation want;
    } cases[] = {
        {"*", "*", TSN_CPE_EQUAL},
        {"*", "-", TSN_CPE_SUPERSET},
        {"*", "a", TSN_CPE_SUPERSET},
        {"*", "a*", TSN_CPE_SUPERSET},
        {"-", "*", TSN_CPE_SUBSET},
        {"-", "-", TSN_CPE_EQUAL},
        {"-", "a", TSN_CPE_DISJOINT},
        {"a", "*", TSN_CPE_SUBSET},
        {"a", "-", TSN_CPE_DISJOINT},
        {"a", "a", TSN_CPE_EQUAL},
        {"a", "b", TSN_CPE_DISJOINT},
        {"a", "a*", TSN_CPE_UNDEFINED},
        {"a*", "*", TSN_CPE_SUBSET},
        {"a*", "-", TSN_CPE_DISJOINT},
        {"a*", "abc", TSN_CPE_SUPERSET},
        {"*c", "abc", TSN_CPE_SUPERSET},
        {"*b*", "abc", TSN_CPE_SUPERSET},
        {"a??", "abc", TSN_CPE_SUPERSET},
        {"a?", "abc", TSN_CPE_DISJOINT},
        {"?bc", "abc", TSN_CPE_SUPERSET},
        {"8\\.1?", "8\\.1", TSN_CPE_SUPERSET},
        {"a\\?", "a\\?", TSN_CPE_EQUAL},
        {"a\\*", "abc", TSN_CPE_DISJOINT},
        {"a*", "a*", TSN_CPE_EQUAL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (tsn_cpe_attribute(cases[i].source, cases[i].target) != cases[i].want) {
            print_error("%s against %s\n", cases[i].source, cases[i].target);
            fail();
        }
    }
}

static void names(void **state)
{
    struct tsn_arena *arena = tsn_arena_new();
    struct tsn_cpe any, one, sp, hardware;
    (void)state;
    assert_int_equal(tsn_cpe_parse(arena, "cpe:2.3:o:ms:win:*:*:*:*:*:*:*:*", &any, NULL), 0);
    assert_int_equal(tsn_cpe_parse(arena, "cpe:2.3:o:ms:win:-:*:*:*:*:*:*:*", &one, NULL), 0);
    assert_int_equal(tsn_cpe_parse(arena, "cpe:2.3:o:ms:win:7:sp1:*:*:*:*:*:*", &sp, NULL), 0);
    assert_int_equal(tsn_cpe_parse(arena, "cpe:2.3:h:ms:win:7:*:*:*:*:*:*:*", &hardware, NULL),
                     0);
    assert_int_equal(tsn_cpe_compare(&any, &sp), TSN_CPE_SUPERSET);
    assert_int_equal(tsn_cpe_compare(&sp, &any), TSN_CPE_SUBSET);
    assert_int_equal(tsn_cpe_compare(&one, &sp),
                     TSN_CPE_DISJOINT); /* "-" is not every version */
    assert_int_equal(tsn_cpe_compare(&any, &hardware), TSN_CPE_DISJOINT);
    assert_int_equal(tsn_cpe_compare(&sp, &sp), TSN_CPE_EQUAL);
    tsn_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(grammar), cmocka_unit_test(uri),
                                       cmocka_unit_test(table), cmocka_unit_test(names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
