/* Cron fields and the next time they fit, across zones; what schedules missed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/clock.h"
#include "intake/schedule.h"

static int64_t ms_of(const char *text)
{
    int64_t ms = 0;

    if (tsn_time_parse(text, &ms))
        fail_msg("%s is no time", text);
    return ms;
}

struct row {
    const char *cron, *zone, *after, *next; /* next NULL: never */
};

static void next_times(void **state)
{
    static const struct row rows[] = {
        {"* * * * *", NULL, "2026-11-24T09:15:02Z", "2026-11-24T09:16:00Z"},
        {"*/15 * * * *", NULL, "2026-11-24T09:15:00Z", "2026-11-24T09:30:00Z"},
        {"5-59/20 9 * * *", NULL, "2026-11-24T09:26:00Z", "2026-11-24T09:45:00Z"},
        {"0 9 * * 1-5", NULL, "2026-11-27T09:00:00Z", "2026-11-30T09:00:00Z"},
        {"0 9 * * mon,wed", NULL, "2026-11-24T09:15:02Z", "2026-11-25T09:00:00Z"},
        {"0 0 * * 7", NULL, "2026-11-24T00:00:00Z", "2026-11-29T00:00:00Z"},
        {"0 12 1 jan *", NULL, "2026-11-24T00:00:00Z", "2027-01-01T12:00:00Z"},
        {"0 0 29 2 *", NULL, "2026-11-24T00:00:00Z", "2028-02-29T00:00:00Z"},
        {"0 0 31 2 *", NULL, "2026-11-24T00:00:00Z", NULL},
        {"0 0 13 * fri", NULL, "2026-11-24T00:00:00Z", "2026-11-27T00:00:00Z"}, /* either */
        {"30 2 * * *", "Europe/Berlin", "2026-11-24T09:00:00Z", "2026-11-25T01:30:00Z"},
        /* Clocks go forward 2027-03-28 at 02:00: 02:30 is 03:30 local, 01:30 UTC. */
        {"30 2 * * *", "Europe/Berlin", "2027-03-27T02:00:00Z", "2027-03-28T01:30:00Z"},
        {"30 2 * * *", "Europe/Berlin", "2027-03-28T01:30:00Z", "2027-03-29T00:30:00Z"},
        /* And back 2026-10-25 at 03:00: 02:30 comes once, the first time. */
        {"30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z"},
        {"30 2 * * *", "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"},
        {"0 9 * * *", "Pacific/Auckland", "2026-11-24T00:00:00Z", "2026-11-24T20:00:00Z"},
        {"@daily", NULL, "2026-11-24T09:15:02Z", "2026-11-25T00:00:00Z"},
        {"@weekly", NULL, "2026-11-24T09:15:02Z", "2026-11-29T00:00:00Z"},
    };
    struct tsn_arena *a = tsn_arena_new();

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct tsn_zone *zone = NULL;
        struct tsn_cron c;
        char got[25] = "never";

        if (rows[i].zone && tsn_zone_load(a, rows[i].zone, &zone, NULL))
            continue; /* no zone database here */
        assert_int_equal(tsn_cron_parse(rows[i].cron, &c, NULL), 0);
        int64_t next = tsn_cron_next(&c, zone, ms_of(rows[i].after));
        if (next)
            tsn_time_format(got, next);
        if (next != (rows[i].next ? ms_of(rows[i].next) : 0))
            fail_msg("%s after %s: %s, wanted %s", rows[i].cron, rows[i].after, got,
                     rows[i].next ? rows[i].next : "never");
    }
    tsn_arena_destroy(a);
}

static void what_is_not_cron(void **state)
{
    static const char *const bad[] = {
        "",           "* * * *",     "* * * * * *", "60 * * * *",  "* 24 * * *",   "* * 0 * *",
        "* * * 13 *", "* * * * 8",   "5-1 * * * *", "*/0 * * * *", "5/10 * * * *", "a * * * *",
        "1, * * * *", "* * * foo *", "@never",      "1 1 1 1 1x"};
    struct tsn_cron c;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const char *wrong = NULL;

        if (tsn_cron_parse(bad[i], &c, &wrong) == 0)
            fail_msg("`%s` was taken", bad[i]);
        assert_non_null(wrong);
    }
}

static void missed_times_count_as_one(void **state)
{
    struct tsn_schedule_config every = {.name = "e", .every_ms = 1000}, cron = {.name = "c"};
    int64_t planned, missed, next;

    (void)state;
    tsn_schedule_step(&every, 5000, 5000, &planned, &missed, &next);
    assert_int_equal(planned, 5000);
    assert_int_equal(missed, 0);
    assert_int_equal(next, 6000);
    tsn_schedule_step(&every, 5000, 9500, &planned, &missed, &next);
    assert_int_equal(planned, 9000);
    assert_int_equal(missed, 4);
    assert_int_equal(next, 10000);
    assert_int_equal(tsn_cron_parse("0 * * * *", &cron.cron, NULL), 0);
    tsn_schedule_step(&cron, ms_of("2026-11-24T09:00:00Z"), ms_of("2026-11-24T12:30:00Z"),
                      &planned, &missed, &next);
    assert_int_equal(planned, ms_of("2026-11-24T12:00:00Z"));
    assert_int_equal(missed, 3);
    assert_int_equal(next, ms_of("2026-11-24T13:00:00Z"));
    /* Years of minutes: still one, and in reasonable time. */
    assert_int_equal(tsn_cron_parse("* * * * *", &cron.cron, NULL), 0);
    tsn_schedule_step(&cron, ms_of("2020-01-01T00:00:00Z"), ms_of("2026-11-24T12:30:20Z"),
                      &planned, &missed, &next);
    assert_int_equal(next, ms_of("2026-11-24T12:31:00Z"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(next_times),
        cmocka_unit_test(what_is_not_cron),
        cmocka_unit_test(missed_times_count_as_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
