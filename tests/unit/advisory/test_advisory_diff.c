/* test_advisory_diff.c - levels and words of differences, next versions, file names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include "advisory/advisory_diff.h"
#include "advisory/publish_tree.h"
#include "core/json.h"

#define DOC(title, text, affected, fixed, score)                                               \
    "{\"document\":{\"title\":\"" title "\",\"tracking\":{\"version\":\"1\"}},"                \
    "\"product_tree\":{\"full_product_names\":[{\"name\":\"Gate 1\",\"product_id\":\"A\"},"    \
    "{\"name\":\"Gate 2\",\"product_id\":\"B\"}]},\"vulnerabilities\":[{\"cve\":"              \
    "\"CVE-2026-1\",\"notes\":[{\"category\":\"description\",\"text\":\"" text "\"}],"         \
    "\"product_status\":{\"known_affected\":[" affected "],\"fixed\":[" fixed "]},\"scores\":" \
    "[{\"products\":[\"A\"],\"cvss_v3\":{\"baseScore\":" score ",\"vectorString\":\"V\"}}]}]}"

static json_t *parsed(const char *text)
{
    json_t *v = NULL;
    assert_int_equal(tsn_json_parse(text, strlen(text), &v, NULL), 0);
    return v;
}

static void levels(void **state)
{
    (void)state;
    const char *first = DOC("Flaw", "It writes 12 bytes too far.", "\"A\"", "\"B\"", "9.8");
    const struct {
        const char *after;
        enum tsn_diff_level level;
        const char *words;
    } rows[] = {
        {DOC("Flaw", "It writes 12 bytes too far.", "\"A\"", "\"B\"", "9.8"), TSN_DIFF_NONE,
         NULL},
        {DOC("Flaw!", "It writes 12 bytes too far.", "\"A\"", "\"B\"", "9.8"), TSN_DIFF_PATCH,
         "the title has other wording"},
        {DOC("Flaw", "It writes 12 bytes to far.", "\"A\"", "\"B\"", "9.8"), TSN_DIFF_PATCH,
         "has other wording"},
        {DOC("Flaw", "It writes 13 bytes too far.", "\"A\"", "\"B\"", "9.8"), TSN_DIFF_MINOR,
         "was rewritten"},
        {DOC("Flaw", "It writes 12 bytes too far.", "\"A\"", "\"B\"", "9.1"), TSN_DIFF_MINOR,
         "the score was 9.8 (V), is 9.1 (V)"},
        {DOC("Flaw", "It writes 12 bytes too far.", "\"A\",\"B\"", "", "9.8"), TSN_DIFF_MAJOR,
         "Gate 2 is now affected"},
        {DOC("Flaw", "It writes 12 bytes too far.", "\"A\"", "", "9.8"), TSN_DIFF_MAJOR,
         "Gate 2 is no longer fixed"},
        {DOC("Flaw", "It writes 12 bytes too far.", "\"A\"", "\"B\",\"A\"", "9.8"),
         TSN_DIFF_MINOR, "Gate 1 is now fixed"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        json_t *a = parsed(first), *b = parsed(rows[i].after), *words = NULL;
        assert_int_equal(tsn_advisory_diff(a, b, &words), rows[i].level);
        bool found = !rows[i].words && json_array_size(words) == 0;
        size_t k;
        json_t *w;
        json_array_foreach(words, k, w)
        {
            found = found || (rows[i].words && strstr(json_string_value(w), rows[i].words));
        }
        assert_true(found);
        assert_int_equal(tsn_advisory_diff(a, b, NULL), rows[i].level);
        json_decref(words);
        json_decref(a);
        json_decref(b);
    }
}

static void numbers(void **state)
{
    (void)state;
    const struct {
        const char *before;
        enum tsn_diff_level level;
        const char *after;
    } rows[] = {
        {"1", TSN_DIFF_PATCH, "2"},         {"9", TSN_DIFF_MAJOR, "10"},
        {"1", TSN_DIFF_NONE, "1"},          {"1.2.3", TSN_DIFF_PATCH, "1.2.4"},
        {"1.2.3", TSN_DIFF_MINOR, "1.3.0"}, {"1.2.3", TSN_DIFF_MAJOR, "2.0.0"},
        {"1.2.3", TSN_DIFF_NONE, "1.2.3"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char out[40];
        tsn_version_next(rows[i].before, rows[i].level, out, sizeof out);
        assert_string_equal(out, rows[i].after);
    }
}

static void names(void **state)
{
    (void)state;
    const char *const rows[][2] = {{"2022_#01-A", "2022_01-a"},
                                   {"ACME-SA-2026-001", "acme-sa-2026-001"},
                                   {"a  b/../c", "a_b_c"},
                                   {"+x", "+x"},
                                   {"\xc3\x84x", "_x"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char out[64];
        tsn_site_name(rows[i][0], out, sizeof out);
        assert_string_equal(out, rows[i][1]);
    }
}

int main(void)
{
    tsn_json_init();
    const struct CMUnitTest tests[] = {cmocka_unit_test(levels), cmocka_unit_test(numbers),
                                       cmocka_unit_test(names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
