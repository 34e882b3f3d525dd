/* What ranks a report low: phrases across lines, facts, weights, one's own rules. Pure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "core/json.h"
#include "intake/noise.h"

static json_t *parse(const char *text)
{
    json_t *v = NULL;
    assert_int_equal(tsn_json_parse(text, strlen(text), &v, NULL), 0);
    return v;
}

/* Reasons as one text, with the score before them. */
static int64_t judge(const char *own, const char *report, char *why, size_t cap)
{
    struct tsn_diag d;
    json_t *mine = own ? parse(own) : NULL, *rules = NULL, *reasons = NULL, *r = parse(report),
           *ours = parse("[{\"id\":\"edge-gw\",\"name\":\"Edge Gateway\"}]"), *one;
    int64_t score;
    size_t i;

    tsn_diag_init(&d);
    assert_int_equal(tsn_noise_rules(mine, &rules, &d), 0);
    score = tsn_noise_of(rules, ours, r, &reasons);
    why[0] = '\0';
    json_array_foreach(reasons, i, one)
    {
        (void)strncat(why, json_string_value(one), cap - strlen(why) - 1);
        (void)strncat(why, " ", cap - strlen(why) - 1);
    }
    json_decref(reasons);
    json_decref(rules);
    json_decref(mine);
    json_decref(ours);
    json_decref(r);
    return score;
}

#define LONG                                                                                   \
    "The gateway restarts when this request arrives, which we saw on three machines in two "   \
    "places since Monday, each time after the same address had logged in; the log has the "    \
    "time, and the request can be repeated with the attached script as often as one likes."

static void test_rules(void **state)
{
    static const struct {
        const char *own, *report, *why;
        int64_t score;
    } rows[] = {
        {NULL, "{\"title\":\"a\",\"text\":\"" LONG "\",\"product\":\"edge-gw\"}", "", 0},
        {NULL, "{\"title\":\"a\",\"text\":\"" LONG "\"}", "no-product ", 1},
        /* The name in the text is as good as the field. */
        {NULL, "{\"title\":\"EDGE\\n gateway\",\"text\":\"" LONG "\"}", "", 0},
        {NULL, "{\"title\":\"a\",\"text\":\"crash\"}", "no-product no-detail ", 2},
        {NULL, "{\"title\":\"a\",\"text\":\"crash\",\"cves\":[\"CVE-2026-1\"]}", "no-product ",
         1},
        /* A phrase broken by lines, once however often it stands there. */
        {NULL,
         "{\"title\":\"Bug  Bounty\\nReward?\",\"text\":\"bounty reward paypal " LONG "\"}",
         "begs-for-bounty no-product ", 3},
        /* A finding in a product of ours counts against what scanners also say. */
        {NULL,
         "{\"title\":\"X-Frame-Options\",\"text\":\"" LONG "\",\"product\":\"Edge Gateway\","
         "\"version\":\"9.2\"}",
         "scanner-output ", 0},
        {NULL,
         "{\"title\":\"a\",\"text\":\"" LONG
         "\",\"product\":\"edge-gw\",\"noise\":[\"filled-in-"
         "trap\"]}",
         "filled-in-trap ", 3},
        {NULL, "{\"title\":\"a\",\"text\":\"" LONG "\",\"mail\":{\"automatic\":\"list\"}}",
         "no-product bulk ", 3},
        {NULL,
         "{\"title\":\"a\",\"text\":\"" LONG "\",\"mail\":{\"automatic\":\"auto-reply\"}}",
         "no-product ", 1},
        {"[{\"name\":\"no-product\",\"weight\":0},{\"name\":\"mine\",\"weight\":4,\"any\":"
         "[\"three machines\"]}]",
         "{\"title\":\"a\",\"text\":\"" LONG "\"}", "mine ", 4},
    };
    char why[300];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t score = judge(rows[i].own, rows[i].report, why, sizeof(why));

        if (score != rows[i].score || strcmp(why, rows[i].why) != 0)
            fail_msg("row %zu: %lld %s", i, (long long)score, why);
    }
}

static void test_bad_rules(void **state)
{
    static const char *const bad[] = {
        "[{\"weight\":1,\"any\":[\"abc\"]}]",
        "[{\"name\":\"a\",\"any\":[\"abc\"]}]",
        "[{\"name\":\"a\",\"weight\":11,\"any\":[\"abc\"]}]",
        "[{\"name\":\"a\",\"weight\":1,\"any\":[\"ab\"]}]",
        "[{\"name\":\"a\",\"weight\":1}]",
        "[{\"name\":\"a\",\"weight\":1,\"fact\":\"colour\"}]",
        "[{\"name\":\"a\",\"weight\":1,\"fact\":\"bulk\",\"any\":[\"abc\"]}]",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct tsn_diag d;
        json_t *own = parse(bad[i]), *out = NULL;

        tsn_diag_init(&d);
        assert_int_equal(tsn_noise_rules(own, &out, &d), TSN_EINPUT);
        assert_string_equal(d.code, "S052");
        json_decref(own);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_bad_rules),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
