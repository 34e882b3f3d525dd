/* cron.c - crontab(5) fields, and the next time they fit. Pure. */
#include "intake/cron.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "core/calendar.h"

#define DAYS_MAX (30 * 366)

struct field {
    const char *name;
    int min, max;
    const char *const *names; /* of min, min + 1 ...; NULL = none */
    int nnames;
};

static const char *const month_names[] = {"jan", "feb", "mar", "apr", "may", "jun",
                                          "jul", "aug", "sep", "oct", "nov", "dec"};
static const char *const day_names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

static const struct field fields[] = {{"minute", 0, 59, NULL, 0},
                                      {"hour", 0, 23, NULL, 0},
                                      {"day of month", 1, 31, NULL, 0},
                                      {"month", 1, 12, month_names, 12},
                                      {"day of week", 0, 7, day_names, 7}};

/* One number or name; moves *s behind it. -1: neither, or out of range. */
static int value_of(const struct field *f, const char **s)
{
    char *end;
    long n;
    for (int i = 0; i < f->nnames; i++) {
        if (strncasecmp(*s, f->names[i], 3) == 0) {
            *s += 3;
            return f->min + i;
        }
    }
    if (**s < '0' || **s > '9')
        return -1;
    n = strtol(*s, &end, 10);
    *s = end;
    return n >= f->min && n <= f->max ? (int)n : -1;
}

/* "*", "3", "1-5", "1-30/5", "star/10"; sets bits. */
static bool take_part(const struct field *f, const char **s, uint64_t *bits)
{
    int from = f->min, to = f->max, step = 1;
    bool range = true;
    if (**s == '*') {
        ++*s;
    } else {
        from = to = value_of(f, s);
        range = false;
        if (**s == '-') {
            ++*s;
            to = value_of(f, s);
            range = true;
        }
    }
    if (**s == '/') {
        char *end;
        long n = strtol(*s + 1, &end, 10);
        if (end == *s + 1 || n < 1 || n > 60 || !range)
            return false;
        step = (int)n;
        *s = end;
    }
    if (from < 0 || to < from)
        return false;
    for (int i = from; i <= to; i += step)
        *bits |= UINT64_C(1) << i;
    return true;
}

static bool take_field(const struct field *f, const char **s, uint64_t *bits, bool *any)
{
    *bits = 0;
    *any = **s == '*' && ((*s)[1] == ' ' || (*s)[1] == '\0');
    do {
        if (!take_part(f, s, bits))
            return false;
    } while (**s == ',' && ++*s);
    return **s == ' ' || **s == '\0';
}

static const char *whole(const char *text)
{
    static const char *const words[][2] = {{"@hourly", "0 * * * *"},   {"@daily", "0 0 * * *"},
                                           {"@midnight", "0 0 * * *"}, {"@weekly", "0 0 * * 0"},
                                           {"@monthly", "0 0 1 * *"},  {"@yearly", "0 0 1 1 *"},
                                           {"@annually", "0 0 1 1 *"}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(text, words[i][0]) == 0)
            return words[i][1];
    return text;
}

tsn_err tsn_cron_parse(const char *text, struct tsn_cron *out, const char **wrong)
{
    const char *s = whole(text);
    uint64_t bits[5];
    bool any[5];
    for (size_t i = 0; i < 5; i++) {
        while (*s == ' ')
            s++;
        if (!take_field(&fields[i], &s, &bits[i], &any[i])) {
            if (wrong)
                *wrong = fields[i].name;
            return TSN_EINPUT;
        }
    }
    while (*s == ' ')
        s++;
    if (*s) {
        if (wrong)
            *wrong = "end: there are more than five fields";
        return TSN_EINPUT;
    }
    out->minutes = bits[0];
    out->hours = (uint32_t)bits[1];
    out->days = (uint32_t)bits[2];
    out->months = (uint32_t)bits[3];
    out->weekdays = (uint32_t)((bits[4] | bits[4] >> 7) & 0x7f);
    out->any_day = any[2];
    out->any_weekday = any[4];
    return 0;
}

static bool day_fits(const struct tsn_cron *c, int64_t days)
{
    int64_t year;
    int month, day;
    tsn_civil_of(days, &year, &month, &day);
    if (!(c->months >> month & 1))
        return false;
    bool by_day = c->days >> day & 1, by_week = c->weekdays >> tsn_weekday(days) & 1;
    if (c->any_day || c->any_weekday)
        return by_day && by_week;
    return by_day || by_week;
}

/* The first moment of this local day behind `after_s`; 0 = none. Where clocks change, local order is
 * not the order of moments, so all of the day are looked at. */
static int64_t in_day(const struct tsn_cron *c, const struct tsn_zone *zone, int64_t days,
                      int64_t after_s)
{
    int64_t best = 0;
    for (int h = 0; h < 24; h++) {
        if (!(c->hours >> h & 1))
            continue;
        for (int m = 0; m < 60; m++) {
            int64_t local = days * 86400 + h * 3600 + m * 60, at = local;
            if (!(c->minutes >> m & 1))
                continue;
            if (zone)
                at = tsn_zone_instant(zone, local, NULL);
            if (at > after_s && (best == 0 || at < best))
                best = at;
        }
    }
    return best;
}

int64_t tsn_cron_next(const struct tsn_cron *cron, const struct tsn_zone *zone,
                      int64_t after_ms)
{
    int64_t after = after_ms / 1000;
    int64_t local = after + (zone ? tsn_zone_offset(zone, after) : 0);
    int64_t first = local / 86400 - 1; /* a jump of the clocks may lie between */
    for (int64_t day = first; day < first + DAYS_MAX; day++) {
        int64_t at = day_fits(cron, day) ? in_day(cron, zone, day, after) : 0;
        if (at)
            return at * 1000;
    }
    return 0;
}
