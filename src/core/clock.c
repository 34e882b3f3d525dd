/* clock.c - both clocks, their test seam, and times and durations as text. Any thread. */
#include "core/clock.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static struct tsn_clock_source source; /* set only while one thread runs */

static int64_t read_clock(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t tsn_clock_wall_ms(void)
{
    return source.wall_ms ? source.wall_ms(source.user) : read_clock(CLOCK_REALTIME);
}

int64_t tsn_clock_mono_ms(void)
{
    return source.mono_ms ? source.mono_ms(source.user) : read_clock(CLOCK_MONOTONIC);
}

void tsn_clock_set(const struct tsn_clock_source *s)
{
    source = s ? *s : (struct tsn_clock_source){0};
}

/* Days since 1970-01-01 of a civil date, and back (proleptic Gregorian, years 0 to 9999). */
static int64_t days_from_civil(int64_t y, int m, int d)
{
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + doe - 719468;
}

static void civil_from_days(int64_t z, int *y_out, int *m_out, int *d_out)
{
    z += 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    *d_out = (int)(doy - (153 * mp + 2) / 5 + 1);
    *m_out = (int)(mp < 10 ? mp + 3 : mp - 9);
    *y_out = (int)(yoe + era * 400 + (*m_out <= 2));
}

#define MS_DAY INT64_C(86400000)
#define MS_MAX INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */

void tsn_time_format(char out[25], int64_t ms)
{
    if (ms < 0)
        ms = 0;
    if (ms > MS_MAX)
        ms = MS_MAX;
    int y, m, d;
    civil_from_days(ms / MS_DAY, &y, &m, &d);
    int64_t t = ms % MS_DAY;
    /* Every number is in range by the clamp above; % tells the compiler so. */
    snprintf(out, 25, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ", (unsigned)y % 10000u,
             (unsigned)m % 100u, (unsigned)d % 100u, (unsigned)(t / 3600000) % 24u,
             (unsigned)(t / 60000) % 60u, (unsigned)(t / 1000) % 60u, (unsigned)t % 1000u);
}

/* Reads exactly n digits at *s. */
static bool digits(const char **s, int n, int *out)
{
    int v = 0;
    for (int i = 0; i < n; i++) {
        if (!isdigit((unsigned char)(*s)[i]))
            return false;
        v = v * 10 + ((*s)[i] - '0');
    }
    *s += n;
    *out = v;
    return true;
}

static bool one(const char **s, const char *set)
{
    if (!**s || !strchr(set, **s))
        return false;
    (*s)++;
    return true;
}

static int month_days(int y, int m)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    return m == 2 && leap ? 29 : days[m - 1];
}

/* ".123456": milliseconds, the rest cut off. */
static bool fraction(const char **s, int *ms)
{
    *ms = 0;
    if (**s != '.')
        return true;
    (*s)++;
    int n = 0;
    for (; isdigit((unsigned char)**s); (*s)++, n++)
        if (n < 3)
            *ms = *ms * 10 + (**s - '0');
    for (int i = n; i < 3; i++)
        *ms *= 10;
    return n > 0 && n <= 18;
}

static bool offset(const char **s, int64_t *ms)
{
    *ms = 0;
    if (one(s, "Zz"))
        return true;
    int sign = **s == '-' ? -1 : 1, h, m;
    if (!one(s, "+-") || !digits(s, 2, &h) || !one(s, ":") || !digits(s, 2, &m))
        return false;
    *ms = sign * (h * 60 + m) * INT64_C(60000);
    return h <= 23 && m <= 59;
}

tsn_err tsn_time_parse(const char *s, int64_t *ms_out)
{
    int y, mo, d, h, mi, sec, ms;
    int64_t off;
    if (!s || !digits(&s, 4, &y) || !one(&s, "-") || !digits(&s, 2, &mo) || !one(&s, "-") ||
        !digits(&s, 2, &d) || !one(&s, "Tt ") || !digits(&s, 2, &h) || !one(&s, ":") ||
        !digits(&s, 2, &mi) || !one(&s, ":") || !digits(&s, 2, &sec) || !fraction(&s, &ms) ||
        !offset(&s, &off) || *s)
        return TSN_EINPUT;
    if (mo < 1 || mo > 12 || d < 1 || d > month_days(y, mo) || h > 23 || mi > 59 || sec > 60)
        return TSN_EINPUT;
    if (sec == 60) /* a leap second counts as the last one of its minute */
        sec = 59;
    int64_t t = days_from_civil(y, mo, d) * MS_DAY + h * INT64_C(3600000) + mi * INT64_C(60000) +
                sec * INT64_C(1000) + ms - off;
    if (t < 0 || t > MS_MAX)
        return TSN_EINPUT;
    *ms_out = t;
    return 0;
}

static const struct {
    const char *unit;
    int64_t ms;
} units[] = {{"ms", 1},         {"s", 1000},        {"m", 60000},
             {"h", 3600000},    {"d", MS_DAY},      {"w", 7 * MS_DAY}};

tsn_err tsn_duration_parse(const char *s, int64_t *ms_out)
{
    const int64_t most = 36525 * MS_DAY; /* 100 years */
    if (!s || !isdigit((unsigned char)*s))
        return TSN_EINPUT;
    int64_t n = 0;
    for (; isdigit((unsigned char)*s); s++) {
        n = n * 10 + (*s - '0');
        if (n > most)
            return TSN_EINPUT;
    }
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(s, units[i].unit) != 0)
            continue;
        if (n > most / units[i].ms)
            return TSN_EINPUT;
        *ms_out = n * units[i].ms;
        return 0;
    }
    return TSN_EINPUT;
}

void tsn_duration_format(char out[32], int64_t ms)
{
    static const struct {
        const char *name;
        int64_t ms;
    } parts[] = {{"d", MS_DAY}, {"h", 3600000}, {"min", 60000}, {"s", 1000}, {"ms", 1}};
    const size_t n = sizeof(parts) / sizeof(parts[0]);
    const char *sign = "";
    if (ms < 0) {
        sign = "-";
        ms = ms == INT64_MIN ? INT64_MAX : -ms;
    }
    size_t i = 0;
    while (i + 1 < n && ms < parts[i].ms)
        i++;
    int64_t big = ms / parts[i].ms, small = 0;
    if (i + 1 < n && i < 3) /* beside seconds nobody wants milliseconds */
        small = ms % parts[i].ms / parts[i + 1].ms;
    if (ms == 0)
        snprintf(out, 32, "0 s");
    else if (small)
        snprintf(out, 32, "%s%" PRId64 " %s %" PRId64 " %s", sign, big, parts[i].name, small,
                 parts[i + 1].name);
    else
        snprintf(out, 32, "%s%" PRId64 " %s", sign, big, parts[i].name);
}
