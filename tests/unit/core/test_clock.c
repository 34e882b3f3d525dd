/* test_clock.c - times and durations as text, and the seam. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "core/clock.h"

static void round_trip(const char *text, int64_t ms)
{
    char out[25];
    int64_t back = -1;

    assert_int_equal(tsn_time_parse(text, &back), 0);
    assert_int_equal(back, ms);
    tsn_time_format(out, ms);
    assert_int_equal(tsn_time_parse(out, &back), 0);
    assert_int_equal(back, ms);
}

static void test_format(void **state)
{
    char out[25];

    (void)state;
    tsn_time_format(out, 0);
    assert_string_equal(out, "1970-01-01T00:00:00.000Z");
    tsn_time_format(out, INT64_C(1795511702123));
    assert_string_equal(out, "2026-11-24T09:15:02.123Z");
    tsn_time_format(out, INT64_C(253402300799999));
    assert_string_equal(out, "9999-12-31T23:59:59.999Z");
    tsn_time_format(out, INT64_MAX);
    assert_string_equal(out, "9999-12-31T23:59:59.999Z");
    tsn_time_format(out, -1);
    assert_string_equal(out, "1970-01-01T00:00:00.000Z");
}

/* Every day of 400 years against the C library. */
static void test_days(void **state)
{
    char out[25], want[25];

    (void)state;
    for (int64_t day = 0; day < 146097; day++) {
        time_t t = (time_t)(day * 86400 + 3723);
        struct tm tm;

        gmtime_r(&t, &tm);
        strftime(want, sizeof(want), "%Y-%m-%dT%H:%M:%S.000Z", &tm);
        tsn_time_format(out, (int64_t)t * 1000);
        assert_string_equal(out, want);
        round_trip(out, (int64_t)t * 1000);
    }
}

static void test_parse(void **state)
{
    static const char *const bad[] = {
        "",
        "2026",
        "2026-11-24",
        "2026-11-24T09:15Z",
        "2026-11-24T09:15:02",
        "2026-13-24T09:15:02Z",
        "2026-00-24T09:15:02Z",
        "2026-02-29T09:15:02Z",
        "2026-11-31T00:00:00Z",
        "2026-11-24T24:15:02Z",
        "2026-11-24T09:60:02Z",
        "2026-11-24T09:15:61Z",
        "2026-11-24T09:15:02.Z",
        "2026-11-24T09:15:02ZZ",
        "2026-11-24T09:15:02+1:00",
        "2026-11-24T09:15:02+0100",
        "2026-11-24T09:15:02+24:00",
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        " 2026-11-24T09:15:02Z",
        "2026-11-24T09:15:02 Z",
        "+026-11-24T09:15:02Z",
        "2100-02-29T00:00:00Z",
    };
    int64_t ms = 7;

    (void)state;
    round_trip("2026-11-24T09:15:02.123Z", INT64_C(1795511702123));
    round_trip("2026-11-24T09:15:02Z", INT64_C(1795511702000));
    round_trip("2026-11-24t09:15:02.1z", INT64_C(1795511702100));
    round_trip("2026-11-24T09:15:02.123987654Z", INT64_C(1795511702123)); /* cut, not rounded */
    round_trip("2026-11-24T10:15:02+01:00", INT64_C(1795511702000));
    round_trip("2026-11-24T03:45:02-05:30", INT64_C(1795511702000));
    round_trip("2024-02-29T00:00:00Z", INT64_C(1709164800000));
    round_trip("2016-12-31T23:59:60Z", INT64_C(1483228799000)); /* the leap second */
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (tsn_time_parse(bad[i], &ms) != TSN_EINPUT)
            fail_msg("accepted: %s", bad[i]);
    assert_int_equal(ms, 7);
}

static void test_durations(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } ok[] = {{"0s", 0},          {"250ms", 250},
              {"30s", 30000},     {"30m", 1800000},
              {"2h", 7200000},    {"1d", 86400000},
              {"2w", 1209600000}, {"36525d", INT64_C(3155760000000)}};
    static const char *const bad[] = {
        "",     "5",     "s",    "-5s", "+5s", "5 s",    "5S",
        "5min", "1h30m", "1.5h", " 5s", "5s ", "36526d", "99999999999999999999s",
        "5y"};
    int64_t ms = 7;

    (void)state;
    for (size_t i = 0; i < sizeof(ok) / sizeof(ok[0]); i++) {
        assert_int_equal(tsn_duration_parse(ok[i].text, &ms), 0);
        assert_int_equal(ms, ok[i].ms);
    }
    ms = 7;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (tsn_duration_parse(bad[i], &ms) != TSN_EINPUT)
            fail_msg("accepted: %s", bad[i]);
    assert_int_equal(ms, 7);
}

static void shown(int64_t ms, const char *want)
{
    char out[32];

    tsn_duration_format(out, ms);
    assert_string_equal(out, want);
}

static void test_duration_format(void **state)
{
    (void)state;
    shown(250, "250 ms");
    shown(12000, "12 s");
    shown(12999, "12 s");
    shown(27 * 60000, "27 min");
    shown(27 * 60000 + 5000, "27 min 5 s");
    shown(26 * INT64_C(3600000), "1 d 2 h");
    shown(24 * INT64_C(3600000) + 60000, "1 d"); /* two largest units only */
    shown(-60000, "-1 min");
    shown(INT64_MIN, "-106751991167 d 7 h");
    shown(INT64_MAX, "106751991167 d 7 h");
}

static int64_t five(void *user)
{
    return *(int64_t *)user;
}

static void test_seam(void **state)
{
    int64_t value = 5;
    struct tsn_clock_source s = {five, five, &value};

    (void)state;
    assert_true(tsn_clock_wall_ms() > INT64_C(1600000000000));
    tsn_clock_set(&s);
    assert_int_equal(tsn_clock_wall_ms(), 5);
    value = 9;
    assert_int_equal(tsn_clock_mono_ms(), 9);
    tsn_clock_set(NULL);
    assert_true(tsn_clock_wall_ms() > INT64_C(1600000000000));
    assert_true(tsn_clock_mono_ms() > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format),          cmocka_unit_test(test_days),
        cmocka_unit_test(test_parse),           cmocka_unit_test(test_durations),
        cmocka_unit_test(test_duration_format), cmocka_unit_test(test_seam),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
