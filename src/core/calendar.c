/* calendar.c - civil dates and due times. Pure; any thread. */
#include "core/calendar.h"

#include <stdio.h>
#include <string.h>
#include "core/clock.h"
#include "core/text.h"

#define DAY_S       INT64_C(86400)
#define SEARCH_DAYS 4000 /* a rule that no day of eleven years fits is a mistake: give up */

/* Howard Hinnant's algorithms (public domain), eras of 400 years beginning in March. */
int64_t tsn_days_of(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400, yoe = year - era * 400;
    int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + doe - 719468;
}

void tsn_civil_of(int64_t days, int64_t *year, int *month, int *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097, doe = days - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    *day = (int)(doy - (153 * mp + 2) / 5 + 1);
    *month = (int)(mp < 10 ? mp + 3 : mp - 9);
    *year = yoe + era * 400 + (*month <= 2);
}

int tsn_weekday(int64_t days)
{
    return (int)(days >= -4 ? (days + 4) % 7 : (days + 5) % 7 + 6);
}

int tsn_month_days(int64_t year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

int64_t tsn_easter(int64_t year)
{
    int64_t a = year % 19, b = year / 100, c = year % 100, d = b / 4, e = b % 4;
    int64_t f = (b + 8) / 25, g = (b - f + 1) / 3, h = (19 * a + b - d - g + 15) % 30;
    int64_t i = c / 4, k = c % 4, l = (32 + 2 * e + 2 * i - h - k) % 7;
    int64_t m = (a + 11 * h + 22 * l) / 451, n = h + l - 7 * m + 114;
    return tsn_days_of(year, (int)(n / 31), (int)(n % 31 + 1));
}

/* --- periods ---------------------------------------------------------------------------------- */

tsn_err tsn_period_parse(const char *s, struct tsn_period *out)
{
    static const struct {
        const char *suffix;
        enum tsn_period_unit unit;
        int64_t factor, most;
    } units[] = {{"bd", TSN_PERIOD_BUSINESS, 1, 36525},
                 {"mo", TSN_PERIOD_MONTHS, 1, 1200},
                 {"d", TSN_PERIOD_DAYS, 1, 36525},
                 {"w", TSN_PERIOD_DAYS, 7, 5217}};
    size_t n = strlen(s);
    char digits[16];
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        size_t len = strlen(units[i].suffix);
        if (n <= len || n - len >= sizeof digits || strcmp(s + n - len, units[i].suffix) != 0)
            continue;
        int64_t value;
        (void)snprintf(digits, sizeof digits, "%.*s", (int)(n - len), s);
        if (tsn_parse_int(digits, 0, units[i].most, &value))
            return TSN_EINPUT;
        *out = (struct tsn_period){units[i].unit, value * units[i].factor};
        return 0;
    }
    out->unit = TSN_PERIOD_MS;
    return tsn_duration_parse(s, &out->n);
}

void tsn_period_format(char out[32], struct tsn_period p)
{
    const char *suffix = "ms";
    int64_t n = p.n;
    switch (p.unit) {
    case TSN_PERIOD_MS:
        if (n % 3600000 == 0) {
            n /= 3600000;
            suffix = "h";
        } else if (n % 60000 == 0) {
            n /= 60000;
            suffix = "m";
        } else if (n % 1000 == 0) {
            n /= 1000;
            suffix = "s";
        }
        break;
    case TSN_PERIOD_DAYS:
        suffix = "d";
        break;
    case TSN_PERIOD_BUSINESS:
        suffix = "bd";
        break;
    case TSN_PERIOD_MONTHS:
        suffix = "mo";
        break;
    }
    (void)snprintf(out, 32, "%lld%s", (long long)n, suffix);
}

/* --- working days ----------------------------------------------------------------------------- */

static bool listed(const struct tsn_holiday *list, size_t n, int64_t days)
{
    int64_t year;
    int month, day;
    tsn_civil_of(days, &year, &month, &day);
    for (size_t i = 0; i < n; i++) {
        bool hit = false;
        switch (list[i].kind) {
        case TSN_HOLIDAY_DATE:
            hit = list[i].days == days;
            break;
        case TSN_HOLIDAY_YEARLY:
            hit = list[i].month == month && list[i].day == day;
            break;
        case TSN_HOLIDAY_EASTER:
            hit = tsn_easter(year) + list[i].from_easter == days;
            break;
        }
        if (hit)
            return true;
    }
    return false;
}

static const struct tsn_calendar *or_plain(const struct tsn_calendar *c)
{
    static const struct tsn_calendar plain = {.name = "plain", .weekend = 1u << 0 | 1u << 6};
    return c ? c : &plain;
}

bool tsn_calendar_working(const struct tsn_calendar *c, int64_t days)
{
    c = or_plain(c);
    if (listed(c->workdays, c->nworkdays, days))
        return true;
    return !(c->weekend >> tsn_weekday(days) & 1) && !listed(c->holidays, c->nholidays, days);
}

/* --- due times -------------------------------------------------------------------------------- */

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static int64_t to_local(const struct tsn_calendar *c, int64_t utc_s)
{
    return c->zone ? utc_s + tsn_zone_offset(c->zone, utc_s) : utc_s;
}

static int64_t to_utc(const struct tsn_calendar *c, int64_t local_s)
{
    return c->zone ? tsn_zone_instant(c->zone, local_s, NULL) : local_s;
}

static bool between(int month, int day, const struct tsn_end_rule *r, size_t i)
{
    int at = month * 100 + day;
    int from = r->not_between[i].from_month * 100 + r->not_between[i].from_day;
    int to = r->not_between[i].to_month * 100 + r->not_between[i].to_day;
    return from <= to ? at >= from && at <= to : at >= from || at <= to;
}

static bool end_ok(const struct tsn_calendar *c, const struct tsn_end_rule *r, int64_t days)
{
    int64_t year;
    int month, day;
    if (r->working_day && !tsn_calendar_working(c, days))
        return false;
    if (r->not_on >> tsn_weekday(days) & 1)
        return false;
    tsn_civil_of(days, &year, &month, &day);
    for (size_t i = 0; i < r->nbetween; i++)
        if (between(month, day, r, i))
            return false;
    return true;
}

static int64_t add_months(int64_t days, int64_t n)
{
    int64_t year;
    int month, day;
    tsn_civil_of(days, &year, &month, &day);
    int64_t index = year * 12 + (month - 1) + n;
    int64_t y = floor_div(index, 12);
    int m = (int)(index - y * 12) + 1, last = tsn_month_days(y, m);
    return tsn_days_of(y, m, day < last ? day : last);
}

int64_t tsn_calendar_due(const struct tsn_calendar *calendar, int64_t start_ms,
                         struct tsn_period period, const struct tsn_end_rule *rule)
{
    static const struct tsn_end_rule none = {0};
    const struct tsn_calendar *c = or_plain(calendar);
    const struct tsn_end_rule *r = rule ? rule : &none;
    if (period.unit == TSN_PERIOD_MS) {
        start_ms += period.n; /* hours run through nights, weekends and clock changes */
        if (!r->end_of_day && !r->working_day && !r->not_on && !r->nbetween)
            return start_ms;
    }
    int64_t start_s = floor_div(start_ms, 1000), rest_ms = start_ms - start_s * 1000;
    int64_t local = to_local(c, start_s), days = floor_div(local, DAY_S);
    int64_t time_s = local - days * DAY_S, before = days;
    switch (period.unit) {
    case TSN_PERIOD_MS:
        break;
    case TSN_PERIOD_DAYS:
        days += period.n;
        break;
    case TSN_PERIOD_BUSINESS:
        for (int64_t n = period.n, tries = n * 10 + SEARCH_DAYS; n > 0 && tries > 0; tries--)
            n -= tsn_calendar_working(c, ++days);
        break;
    case TSN_PERIOD_MONTHS:
        days = add_months(days, period.n);
        break;
    }
    for (int i = 0; i < SEARCH_DAYS && !end_ok(c, r, days); i++)
        days++;
    if (r->end_of_day)
        return to_utc(c, (days + 1) * DAY_S) * 1000;
    /* Nothing moved: the very instant, not another one that clocks show the same. */
    if (days == before)
        return start_ms;
    return to_utc(c, days * DAY_S + time_s) * 1000 + rest_ms;
}
