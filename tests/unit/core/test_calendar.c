/* When promises are due: zones against the C library's own, civil dates against gmtime, and a table
 * of starts, calendars and expected instants over gaps, leap days, month ends, weekends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>
#include "core/calendar.h"
#include "core/clock.h"
#include "core/yaml.h"

static const struct tsn_zone *zone(struct tsn_arena *a, const char *name)
{
    const struct tsn_zone *z;
    struct tsn_diag d;
    tsn_diag_init(&d);
    assert_int_equal(tsn_zone_load(a, name, &z, &d), 0);
    return z;
}

static const struct tsn_calendar *calendar(struct tsn_arena *a, const char *yaml)
{
    struct tsn_yaml_doc *doc;
    struct tsn_calendar *c;
    struct tsn_diag d;
    tsn_diag_init(&d);
    assert_int_equal(tsn_yaml_parse(a, "test", yaml, strlen(yaml), &doc, &d), 0);
    if (tsn_calendar_read(a, doc->root, "test", &c, &d))
        fail_msg("%s: %s", d.code, d.what);
    return c;
}

static int64_t ms(const char *text)
{
    int64_t out;
    assert_int_equal(tsn_time_parse(text, &out), 0);
    return out;
}

static uint64_t seed = 20261124;
static uint64_t next_random(void)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return seed >> 33;
}

/* The C library reads the same files with code of its own. */
static void test_zones_as_libc(void **state)
{
    static const char *const names[] = {
        "Europe/Berlin",       "America/New_York", "Asia/Shanghai",
        "Australia/Lord_Howe", "Asia/Kathmandu",   "America/St_Johns",
        "Africa/Casablanca",   "Pacific/Apia",     "America/Santiago"};
    struct tsn_arena *a = tsn_arena_new();
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct tsn_zone *z = zone(a, names[i]);
        setenv("TZ", names[i], 1);
        tzset();
        for (int k = 0; k < 20000; k++) {
            /* 1970 to 2100: half of it is behind the table, where the rule counts. */
            time_t t = (time_t)(next_random() % UINT64_C(4102444800));
            struct tm tm;
            localtime_r(&t, &tm);
            if (tsn_zone_offset(z, t) != tm.tm_gmtoff)
                fail_msg("%s at %lld: %d, libc %ld", names[i], (long long)t,
                         tsn_zone_offset(z, t), tm.tm_gmtoff);
            enum tsn_local kind;
            int64_t local = t + tm.tm_gmtoff, back = tsn_zone_instant(z, local, &kind);
            assert_int_not_equal(kind, TSN_LOCAL_NEVER);
            if (kind == TSN_LOCAL_ONCE)
                assert_int_equal(back, t);
            else
                assert_true(back <= t && back >= t - 24 * 3600);
        }
    }
    unsetenv("TZ");
    tzset();
    tsn_arena_destroy(a);
}

static void test_gap_and_overlap(void **state)
{
    struct tsn_arena *a = tsn_arena_new();
    const struct tsn_zone *z = zone(a, "Europe/Berlin");
    enum tsn_local kind;
    (void)state;
    /* 29 March 2026, 02:30 is jumped over; 25 October 2026, 02:30 comes twice. */
    assert_int_equal(tsn_zone_instant(z, ms("2026-03-29T02:30:00Z") / 1000, &kind),
                     ms("2026-03-29T01:30:00Z") / 1000);
    assert_int_equal(kind, TSN_LOCAL_NEVER);
    assert_int_equal(tsn_zone_instant(z, ms("2026-10-25T02:30:00Z") / 1000, &kind),
                     ms("2026-10-25T00:30:00Z") / 1000);
    assert_int_equal(kind, TSN_LOCAL_TWICE);
    int64_t t;
    struct tsn_diag d;
    tsn_diag_init(&d);
    assert_int_equal(tsn_moment_parse("2026-12-31T12:00 Europe/Berlin", &t, &d), 0);
    assert_int_equal(t, ms("2026-12-31T11:00:00Z"));
    assert_int_equal(tsn_moment_parse("2026-12-31T12:00:00+01:00", &t, &d), 0);
    assert_int_equal(t, ms("2026-12-31T11:00:00Z"));
    static const char *const bad[] = {"2026-12-31T12:00",
                                      "2026-12-31",
                                      "tomorrow",
                                      "2026-03-29T02:30 Europe/Berlin",
                                      "2026-10-25T02:30 Europe/Berlin",
                                      "2026-12-31T12:00 Europe/Nowhere",
                                      "2026-12-31T12:00 ../../etc/passwd",
                                      "2026-13-31T12:00 UTC",
                                      ""};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(tsn_moment_parse(bad[i], &t, &d), TSN_EINPUT);
    const struct tsn_zone *none;
    assert_int_equal(tsn_zone_load(a, "../zoneinfo/UTC", &none, NULL), TSN_EINPUT);
    assert_int_equal(tsn_zone_parse(a, "x", "TZif2", 5, &none), TSN_EINPUT);
    tsn_arena_destroy(a);
}

static void test_civil(void **state)
{
    (void)state;
    for (int64_t day = -20000; day < 200000; day += 7) {
        time_t t = (time_t)(day * 86400);
        struct tm tm;
        int64_t y;
        int m, d;
        gmtime_r(&t, &tm);
        tsn_civil_of(day, &y, &m, &d);
        assert_int_equal(y, tm.tm_year + 1900);
        assert_int_equal(m, tm.tm_mon + 1);
        assert_int_equal(d, tm.tm_mday);
        assert_int_equal(tsn_weekday(day), tm.tm_wday);
        assert_int_equal(tsn_days_of(y, m, d), day);
    }
    assert_int_equal(tsn_easter(2024), tsn_days_of(2024, 3, 31));
    assert_int_equal(tsn_easter(2026), tsn_days_of(2026, 4, 5));
    assert_int_equal(tsn_easter(2038), tsn_days_of(2038, 4, 25)); /* the latest there is */
    assert_int_equal(tsn_easter(2285), tsn_days_of(2285, 3, 22)); /* the earliest */
}

static void test_due_table(void **state)
{
    static const char utc[] = "zone: UTC\n";
    static const char munich[] =
        "zone: Europe/Berlin\nholidays: [ 01-01, 01-06, easter-2, easter+1, 05-01, easter+39,\n"
        "  easter+50, easter+60, 08-15, 10-03, 11-01, 12-25, 12-26 ]\n";
    static const char beijing[] =
        "zone: Asia/Shanghai\nholidays: [ 2026-02-16, 2026-02-17, 2026-02-18, 2026-02-19,\n"
        "  2026-02-20, 2026-02-23 ]\nworkdays: [ 2026-02-14, 2026-02-28 ]\n";
    static const char riyadh[] = "zone: Asia/Riyadh\nweekend: [ fri, sat ]\n";
    static const char york[] = "zone: America/New_York\n";
    static const struct {
        const char *calendar, *start, *period, *rule, *due;
    } rows[] = {
        /* Hours run on whatever happens. */
        {munich, "2026-03-28T20:00:00Z", "24h", NULL, "2026-03-29T20:00:00Z"},
        {munich, "2026-10-24T20:00:00Z", "72h", NULL, "2026-10-27T20:00:00Z"},
        {munich, "2026-12-24T15:30:00Z", "24h", NULL, "2026-12-25T15:30:00Z"},
        {utc, "2028-02-28T23:59:59.999Z", "24h", NULL, "2028-02-29T23:59:59.999Z"},
        /* Days keep the time on the wall. */
        {munich, "2026-03-28T10:00:00Z", "1d", NULL, "2026-03-29T09:00:00Z"},
        {munich, "2026-10-24T10:00:00Z", "1d", NULL, "2026-10-25T11:00:00Z"},
        {munich, "2026-03-28T01:30:00Z", "1d", NULL, "2026-03-29T01:30:00Z"}, /* into the gap */
        {munich, "2026-10-24T00:30:00Z", "1d", NULL, "2026-10-25T00:30:00Z"}, /* twice: first */
        {york, "2026-03-01T04:59:00Z", "14d", NULL, "2026-03-15T03:59:00Z"},
        {utc, "2028-02-15T12:00:00Z", "14d", NULL, "2028-02-29T12:00:00Z"},
        {utc, "2027-02-15T12:00:00Z", "14d", NULL, "2027-03-01T12:00:00Z"},
        /* Months end on their last day at most. */
        {utc, "2026-01-31T09:00:00Z", "1mo", NULL, "2026-02-28T09:00:00Z"},
        {utc, "2028-01-31T09:00:00Z", "1mo", NULL, "2028-02-29T09:00:00Z"},
        {utc, "2026-12-31T09:00:00Z", "2mo", NULL, "2027-02-28T09:00:00Z"},
        {utc, "2026-08-31T09:00:00Z", "6mo", NULL, "2027-02-28T09:00:00Z"},
        {munich, "2026-02-28T23:30:00Z", "1mo", NULL,
         "2026-03-31T22:30:00Z"}, /* 1 March there */
        /* Working days. */
        {munich, "2026-11-27T14:00:00Z", "1bd", NULL, "2026-11-30T14:00:00Z"}, /* Friday */
        {munich, "2026-11-28T14:00:00Z", "1bd", NULL, "2026-11-30T14:00:00Z"}, /* Saturday */
        {munich, "2026-04-02T14:00:00Z", "1bd", NULL, "2026-04-07T14:00:00Z"}, /* Easter */
        {munich, "2026-12-23T14:00:00Z", "3bd", NULL,
         "2026-12-29T14:00:00Z"}, /* 25 free, 26 Sat */
        {munich, "2026-03-27T14:00:00Z", "1bd", NULL,
         "2026-03-30T13:00:00Z"}, /* clocks changed */
        {beijing, "2026-02-13T08:00:00Z", "1bd", NULL,
         "2026-02-14T08:00:00Z"}, /* working Sat */
        {beijing, "2026-02-14T08:00:00Z", "1bd", NULL, "2026-02-24T08:00:00Z"}, /* new year */
        {riyadh, "2026-11-26T08:00:00Z", "1bd", NULL, "2026-11-29T08:00:00Z"},  /* Thu to Sun */
        {utc, "2026-11-24T08:00:00Z", "0bd", NULL, "2026-11-24T08:00:00Z"},
        /* The date is the one on the wall where the calendar is. */
        {york, "2026-11-28T02:00:00Z", "1bd", NULL, "2026-12-01T02:00:00Z"}, /* Friday there */
        /* End rules. */
        {munich, "2026-11-14T10:00:00Z", "14d", "working_day: true", "2026-11-30T10:00:00Z"},
        {munich, "2026-12-04T10:00:00Z", "3w", "working_day: true", "2026-12-28T10:00:00Z"},
        {munich, "2026-12-14T10:00:00Z", "14d", "not_between: [ 12-24..01-02 ]",
         "2027-01-03T10:00:00Z"},
        {munich, "2026-12-14T10:00:00Z", "14d",
         "{ not_between: [ 12-24..01-02 ], not_on: [ fri, sat, sun ], working_day: true }",
         "2027-01-04T10:00:00Z"},
        {munich, "2026-11-24T10:00:00Z", "2d", "end_of_day: true", "2026-11-26T23:00:00Z"},
        {munich, "2026-11-24T10:00:00Z", "24h", "{ working_day: true }",
         "2026-11-25T10:00:00Z"},
        {utc, "2026-02-28T10:00:00Z", "0d", "end_of_day: true", "2026-03-01T00:00:00Z"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct tsn_arena *a = tsn_arena_new();
        struct tsn_period p;
        struct tsn_end_rule rule = {0};
        char due[25];
        assert_int_equal(tsn_period_parse(rows[i].period, &p), 0);
        if (rows[i].rule) {
            struct tsn_yaml_doc *doc;
            assert_int_equal(
                tsn_yaml_parse(a, "rule", rows[i].rule, strlen(rows[i].rule), &doc, NULL), 0);
            assert_int_equal(tsn_end_rule_read(doc->root, &rule, NULL), 0);
        }
        tsn_time_format(due, tsn_calendar_due(calendar(a, rows[i].calendar), ms(rows[i].start),
                                              p, rows[i].rule ? &rule : NULL));
        char want[25];
        tsn_time_format(want, ms(rows[i].due));
        if (strcmp(due, want) != 0)
            fail_msg("row %zu: %s + %s = %s, not %s", i, rows[i].start, rows[i].period, due,
                     want);
        tsn_arena_destroy(a);
    }
}

/* What must hold for every start and period: later starts are never due earlier, nothing is due
 * before it starts, and the due day is one that the rule allows. */
static void test_due_properties(void **state)
{
    struct tsn_arena *a = tsn_arena_new();
    const struct tsn_calendar *c =
        calendar(a, "zone: America/New_York\nholidays: [ 07-04, 12-25, easter-2 ]\n");
    struct tsn_end_rule rule = {.working_day = true};
    (void)state;
    for (int k = 0; k < 20000; k++) {
        struct tsn_period p = {(enum tsn_period_unit)(next_random() % 4), 0};
        p.n = (int64_t)(next_random() % 40) * (p.unit == TSN_PERIOD_MS ? 3600000 : 1);
        int64_t s = (int64_t)(next_random() % UINT64_C(4000000000)) * 1000;
        int64_t later = s + (int64_t)(next_random() % 200000) * 1000;
        int64_t due = tsn_calendar_due(c, s, p, NULL),
                due2 = tsn_calendar_due(c, later, p, NULL);
        assert_true(due >= s - 3600000); /* a repeated hour may be named by its first */
        if (p.unit != TSN_PERIOD_MONTHS && p.unit != TSN_PERIOD_BUSINESS)
            assert_true(due2 >= due - 3600000);
        int64_t ruled = tsn_calendar_due(c, s, p, &rule);
        int64_t local = ruled / 1000 + tsn_zone_offset(c->zone, ruled / 1000);
        assert_true(tsn_calendar_working(c, local / 86400));
        assert_true(ruled >= due);
    }
    tsn_arena_destroy(a);
}

static void test_text(void **state)
{
    struct tsn_period p;
    char text[32];
    static const char *const good[] = {"24h", "90m", "14d", "1bd", "3mo", "15s", "250ms"};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(tsn_period_parse(good[i], &p), 0);
        tsn_period_format(text, p);
        assert_string_equal(text, good[i]);
    }
    assert_int_equal(tsn_period_parse("2w", &p), 0);
    assert_int_equal(p.n, 14);
    static const char *const bad[] = {"", "5", "bd", "-1d", "1.5d", "1y", "99999999d", "1 d"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(tsn_period_parse(bad[i], &p), TSN_EINPUT);
    static const struct {
        const char *yaml, *code;
    } wrong[] = {{"zone: Mars/Olympus\n", "C044"},       {"holidays: [ 13-01 ]\n", "C046"},
                 {"holidays: [ 2026-02-29 ]\n", "C046"}, {"holidays: [ easter+x ]\n", "C046"},
                 {"weekend: [ someday ]\n", "C030"},     {"hollidays: []\n", "C012"}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct tsn_arena *a = tsn_arena_new();
        struct tsn_yaml_doc *doc;
        struct tsn_calendar *c;
        struct tsn_diag d;
        tsn_diag_init(&d);
        assert_int_equal(
            tsn_yaml_parse(a, "t", wrong[i].yaml, strlen(wrong[i].yaml), &doc, NULL), 0);
        assert_int_not_equal(tsn_calendar_read(a, doc->root, "t", &c, &d), 0);
        assert_string_equal(d.code, wrong[i].code);
        assert_true(d.line > 0);
        tsn_arena_destroy(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_zones_as_libc),  cmocka_unit_test(test_gap_and_overlap),
        cmocka_unit_test(test_civil),          cmocka_unit_test(test_due_table),
        cmocka_unit_test(test_due_properties), cmocka_unit_test(test_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
