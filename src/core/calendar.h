/* calendar.h - civil dates, working days and when a promise is due.
 *
 * Proleptic Gregorian calendar; days count from 1970-01-01. A calendar is a constant once read and
 * may be used by any thread; everything but reading is pure, so a restart or a step of the clock
 * changes no result. Years 1970 to 9999.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "core/yaml.h"
#include "core/zone.h"

int64_t tsn_days_of(int64_t year, int month, int day); /* month and day from 1 */
void tsn_civil_of(int64_t days, int64_t *year, int *month, int *day);
int tsn_weekday(int64_t days); /* 0 = Sunday */
int tsn_month_days(int64_t year, int month);
int64_t tsn_easter(int64_t year); /* Western Easter Sunday (Meeus, Jones, Butcher) */

/* One free (or, in `workdays`, working) day: a date, a date of every year, or days from Easter. */
struct tsn_holiday {
    enum { TSN_HOLIDAY_DATE, TSN_HOLIDAY_YEARLY, TSN_HOLIDAY_EASTER } kind;
    int64_t days; /* DATE */
    int month, day;
    int from_easter;
};

struct tsn_calendar {
    const char *name;
    const struct tsn_zone *zone;
    unsigned weekend; /* bit n = weekday n is free */
    const struct tsn_holiday *holidays, *workdays;
    size_t nholidays, nworkdays;
};

/* Hours are 3,600,000 ms whatever clocks do. Days and months keep the local time of day; a month
 * without that day ends on its last. Business days: the n-th working day after the start's date. */
enum tsn_period_unit { TSN_PERIOD_MS, TSN_PERIOD_DAYS, TSN_PERIOD_BUSINESS, TSN_PERIOD_MONTHS };
struct tsn_period {
    enum tsn_period_unit unit;
    int64_t n; /* of units; MS: milliseconds */
};
/* "24h" "90m" "2d" "2w" "1bd" "3mo"; 0 to 100 years. TSN_EINPUT. */
tsn_err tsn_period_parse(const char *s, struct tsn_period *out);
void tsn_period_format(char out[32], struct tsn_period p); /* "24h" "1bd" */

/* What moves a due time that falls on an unwanted day: always later, to the next day that fits. */
struct tsn_end_rule {
    bool
        end_of_day; /* due at the end of the local day (24:00), not at the start's time of day */
    bool working_day; /* never on a free day */
    unsigned not_on;  /* weekdays, bit n */
    struct {
        int from_month, from_day, to_month, to_day; /* inclusive, may cross the new year */
    } not_between[4];
    size_t nbetween;
};

bool tsn_calendar_working(const struct tsn_calendar *c, int64_t days);
/* Start and result in UTC milliseconds. `calendar` NULL = UTC, Saturday and Sunday free; `rule`
 * NULL = none. */
int64_t tsn_calendar_due(const struct tsn_calendar *calendar, int64_t start_ms,
                         struct tsn_period period, const struct tsn_end_rule *rule);

/* { zone: Europe/Berlin, weekend: [ sat, sun ], holidays: [ 2026-04-03, 12-25, easter+1 ],
 *   workdays: [ 2026-02-14 ] } */
tsn_err tsn_calendar_read(struct tsn_arena *arena, const struct tsn_yaml *map, const char *name,
                          struct tsn_calendar **out, struct tsn_diag *diag);
/* { end_of_day: true, working_day: true, not_on: [ fri ], not_between: [ 12-24..01-02 ] } */
tsn_err tsn_end_rule_read(const struct tsn_yaml *map, struct tsn_end_rule *out,
                          struct tsn_diag *diag);
