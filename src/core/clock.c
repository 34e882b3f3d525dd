/* clock.c - wall and monotonic time behind a seam, RFC 3339, durations. Any thread. */
#include "core/clock.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/text.h"

#define DAY_MS     ((int64_t)86400000)
#define MAX_MS     ((int64_t)253402300799999) /* 9999-12-31T23:59:59.999Z */
#define CENTURY_MS (DAY_MS * 36525)

static struct tsn_clock_source source;

void tsn_clock_set(const struct tsn_clock_source *s)
{
    if (s)
        source = *s;
    else
        memset(&source, 0, sizeof(source));
}

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

/* Civil date from days since 1970-01-01 and back, in the proleptic Gregorian calendar: eras of
 * 400 years, years starting in March so that the leap day comes last. */
static void civil_from_days(int64_t days, int *y, int *m, int *d)
{
    int64_t z = days + 719468, era = z / 146097, doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;

    *d = (int)(doy - (153 * mp + 2) / 5 + 1);
    *m = (int)(mp < 10 ? mp + 3 : mp - 9);
    *y = (int)(yoe + era * 400 + (*m <= 2));
}

static int64_t days_from_civil(int y, int m, int d)
{
    int64_t yy = m <= 2 ? y - 1 : y, era = yy / 400, yoe = yy - era * 400;
    int64_t doy = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;

    return era * 146097 + doe - 719468;
}

void tsn_time_format(char out[25], int64_t ms)
{
    int y, m, d;
    unsigned t;

    if (ms < 0)
        ms = 0;
    if (ms > MAX_MS)
        ms = MAX_MS;
    civil_from_days(ms / DAY_MS, &y, &m, &d);
    t = (unsigned)(ms % DAY_MS);
    /* All are in range already; the remainders only show the compiler that the text fits. */
    snprintf(out, 25, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ", (unsigned)y % 10000u,
             (unsigned)m % 100u, (unsigned)d % 100u, t / 3600000u % 24u, t / 60000u % 60u,
             t / 1000u % 60u, t % 1000u);
}

static bool digits(const char *s, int n, int *out)
{
    *out = 0;
    for (int i = 0; i < n; i++) {
        if (!isdigit((unsigned char)s[i]))
            return false;
        *out = *out * 10 + (s[i] - '0');
    }
    return true;
}

static int month_days(int y, int m)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;

    return days[m - 1] + (m == 2 && leap);
}

tsn_err tsn_time_parse(const char *s, int64_t *ms_out)
{
    int y, mo, d, h, mi, sec, oh, om, frac = 0, scale = 100;
    int64_t ms;

    if (strlen(s) < 20 || !digits(s, 4, &y) || s[4] != '-' || !digits(s + 5, 2, &mo) ||
        s[7] != '-' || !digits(s + 8, 2, &d) ||
        (s[10] != 'T' && s[10] != 't' && s[10] != ' ') || !digits(s + 11, 2, &h) ||
        s[13] != ':' || !digits(s + 14, 2, &mi) || s[16] != ':' || !digits(s + 17, 2, &sec))
        return TSN_EINPUT;
    /* A leap second is read as the second before: 60 exists only in print. */
    if (sec == 60)
        sec = 59;
    if (y < 1970 || mo < 1 || mo > 12 || d < 1 || d > month_days(y, mo) || h > 23 || mi > 59 ||
        sec > 59)
        return TSN_EINPUT;
    s += 19;
    if (*s == '.') {
        if (!isdigit((unsigned char)*++s))
            return TSN_EINPUT;
        for (; isdigit((unsigned char)*s); s++, scale /= 10)
            frac += (*s - '0') * scale;
    }
    ms = days_from_civil(y, mo, d) * DAY_MS + h * (int64_t)3600000 + mi * (int64_t)60000 +
         sec * (int64_t)1000 + frac;
    if ((*s == 'Z' || *s == 'z') && s[1] == '\0') {
        *ms_out = ms; /* in range: the year has four digits */
        return 0;
    }
    if ((*s != '+' && *s != '-') || strlen(s) != 6 || !digits(s + 1, 2, &oh) || s[3] != ':' ||
        !digits(s + 4, 2, &om) || oh > 23 || om > 59)
        return TSN_EINPUT;
    ms += (*s == '-' ? 1 : -1) * (oh * (int64_t)3600000 + om * (int64_t)60000);
    if (ms < 0 || ms > MAX_MS)
        return TSN_EINPUT;
    *ms_out = ms;
    return 0;
}

static const struct {
    const char *unit;
    int64_t ms;
} units[] = {
    {"w", 7 * DAY_MS}, {"d", DAY_MS}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1},
};
#define NUNITS (sizeof(units) / sizeof(units[0]))

tsn_err tsn_duration_parse(const char *s, int64_t *ms_out)
{
    int64_t n = 0;
    const char *p = s;

    for (; isdigit((unsigned char)*p); p++) {
        n = n * 10 + (*p - '0');
        if (n > CENTURY_MS)
            return TSN_EINPUT;
    }
    if (p == s)
        return TSN_EINPUT;
    for (size_t i = 0; i < NUNITS; i++) {
        if (strcmp(p, units[i].unit) != 0)
            continue;
        if (n > CENTURY_MS / units[i].ms)
            return TSN_EINPUT;
        *ms_out = n * units[i].ms;
        return 0;
    }
    return TSN_EINPUT;
}

void tsn_duration_format(char out[32], int64_t ms)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } words[] = {{"d", DAY_MS}, {"h", 3600000}, {"min", 60000}, {"s", 1000}};
    const char *sign = ms < 0 ? "-" : "";
    uint64_t left = ms < 0 ? (uint64_t)0 - (uint64_t)ms : (uint64_t)ms;
    char text[64];

    for (size_t i = 0; i < 4; i++) {
        uint64_t unit = (uint64_t)words[i].ms, n = left / unit;
        uint64_t rest = i < 3 ? left % unit / (uint64_t)words[i + 1].ms : 0;

        if (n == 0)
            continue;
        if (rest > 0)
            snprintf(text, sizeof(text), "%s%llu %s %llu %s", sign, (unsigned long long)n,
                     words[i].unit, (unsigned long long)rest, words[i + 1].unit);
        else
            snprintf(text, sizeof(text), "%s%llu %s", sign, (unsigned long long)n,
                     words[i].unit);
        tsn_copy(out, 32, text); /* at most 24 bytes: 12 digits of days and two units */
        return;
    }
    snprintf(text, sizeof(text), "%s%llu ms", sign, (unsigned long long)left);
    tsn_copy(out, 32, text);
}
