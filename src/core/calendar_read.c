/* calendar_read.c - calendars and end rules from YAML. Everything lives in the arena given. */
#include "core/calendar.h"

#include <stdio.h>
#include <string.h>
#include "core/text.h"

static const char *const weekdays[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

static tsn_err take_weekdays(const struct tsn_yaml *map, const char *key, unsigned *out,
                             struct tsn_diag *diag)
{
    const struct tsn_yaml *list = tsn_yaml_find(map, key);
    if (!list)
        return 0;
    if (list->type != TSN_YAML_LIST)
        return tsn_yaml_fail(list, diag, TSN_EINPUT, "C014", "`%s` must be a list", key);
    *out = 0;
    for (const struct tsn_yaml *i = list->first; i; i = i->next) {
        size_t day = 0;
        while (day < 7 && !(i->type == TSN_YAML_SCALAR && !strcmp(i->scalar, weekdays[day])))
            day++;
        if (day == 7) {
            tsn_yaml_fail(i, diag, TSN_EINPUT, "C030", "`%s` takes days of the week", key);
            tsn_diag_hint(diag, "sun mon tue wed thu fri sat");
            return TSN_EINPUT;
        }
        *out |= 1u << day;
    }
    return 0;
}

static bool month_day(const char *s, int *month, int *day)
{
    int n = 0;
    return sscanf(s, "%2d-%2d%n", month, day, &n) == 2 && n == 5 && !s[5] && *month >= 1 &&
           *month <= 12 && *day >= 1 && *day <= tsn_month_days(2024, *month);
}

static bool take_day(const char *s, struct tsn_holiday *out)
{
    int year, n = 0;
    int64_t offset;
    memset(out, 0, sizeof *out);
    if (!strncmp(s, "easter", 6)) {
        out->kind = TSN_HOLIDAY_EASTER;
        if (s[6] == 0)
            return true;
        if (tsn_parse_int(s[6] == '+' ? s + 7 : s + 6, -200, 200, &offset))
            return false;
        out->from_easter = (int)offset;
        return true;
    }
    if (month_day(s, &out->month, &out->day)) {
        out->kind = TSN_HOLIDAY_YEARLY;
        return true;
    }
    out->kind = TSN_HOLIDAY_DATE;
    if (sscanf(s, "%4d-%2d-%2d%n", &year, &out->month, &out->day, &n) != 3 || n != 10 || s[n] ||
        year < 1970 || out->month < 1 || out->month > 12 || out->day < 1 ||
        out->day > tsn_month_days(year, out->month))
        return false;
    out->days = tsn_days_of(year, out->month, out->day);
    return true;
}

static tsn_err take_days(struct tsn_arena *arena, const struct tsn_yaml *map, const char *key,
                         const struct tsn_holiday **out, size_t *n, struct tsn_diag *diag)
{
    const struct tsn_yaml *list = tsn_yaml_find(map, key);
    if (!list)
        return 0;
    if (list->type != TSN_YAML_LIST)
        return tsn_yaml_fail(list, diag, TSN_EINPUT, "C014", "`%s` must be a list", key);
    for (const struct tsn_yaml *i = list->first; i; i = i->next)
        (*n)++;
    struct tsn_holiday *days = tsn_arena_alloc(arena, (*n + 1) * sizeof *days), *d = days;
    for (const struct tsn_yaml *i = list->first; i; i = i->next) {
        if (i->type != TSN_YAML_SCALAR || !take_day(i->scalar, d++)) {
            tsn_yaml_fail(i, diag, TSN_EINPUT, "C046", "this is not a day of a calendar");
            tsn_diag_hint(diag, "2026-04-03, 12-25 for every year, or easter+1");
            return TSN_EINPUT;
        }
    }
    *out = days;
    return 0;
}

tsn_err tsn_calendar_read(struct tsn_arena *arena, const struct tsn_yaml *map, const char *name,
                          struct tsn_calendar **out, struct tsn_diag *diag)
{
    static const char *const known[] = {"zone", "weekend", "holidays", "workdays"};
    struct tsn_calendar *c = tsn_arena_alloc(arena, sizeof *c);
    const char *zone = "UTC";
    c->name = tsn_arena_strdup(arena, name);
    c->weekend = 1u << 0 | 1u << 6;
    *out = c;
    if (map->type != TSN_YAML_MAP)
        return tsn_yaml_fail(map, diag, TSN_EINPUT, "C014",
                             "a calendar is a group of settings");
    tsn_err err = tsn_yaml_known(map, "calendar", known, 4, diag);
    if (!err)
        err = tsn_yaml_str(map, "zone", false, &zone, diag);
    if (!err && tsn_zone_load(arena, zone, &c->zone, diag)) {
        char hint[sizeof diag->hint] = "";
        if (diag)
            (void)tsn_copy(hint, sizeof hint, diag->hint);
        err = tsn_yaml_fail(tsn_yaml_find(map, "zone"), diag, TSN_EINPUT, "C044",
                            "there is no time zone `%.64s`", zone);
        tsn_diag_hint(diag, "%s", hint);
    }
    if (!err)
        err = take_weekdays(map, "weekend", &c->weekend, diag);
    if (!err)
        err = take_days(arena, map, "holidays", &c->holidays, &c->nholidays, diag);
    if (!err)
        err = take_days(arena, map, "workdays", &c->workdays, &c->nworkdays, diag);
    return err;
}

tsn_err tsn_end_rule_read(const struct tsn_yaml *map, struct tsn_end_rule *out,
                          struct tsn_diag *diag)
{
    static const char *const known[] = {"end_of_day", "working_day", "not_on", "not_between"};
    memset(out, 0, sizeof *out);
    if (map->type != TSN_YAML_MAP)
        return tsn_yaml_fail(map, diag, TSN_EINPUT, "C014",
                             "an end rule is a group of settings");
    tsn_err err = tsn_yaml_known(map, "end", known, 4, diag);
    if (!err)
        err = tsn_yaml_bool(map, "end_of_day", false, &out->end_of_day, diag);
    if (!err)
        err = tsn_yaml_bool(map, "working_day", false, &out->working_day, diag);
    if (!err)
        err = take_weekdays(map, "not_on", &out->not_on, diag);
    if (err)
        return err;
    if (out->not_on == 0x7f)
        return tsn_yaml_fail(tsn_yaml_find(map, "not_on"), diag, TSN_EINPUT, "C030",
                             "`not_on` leaves no day of the week");
    const struct tsn_yaml *list = tsn_yaml_find(map, "not_between");
    for (const struct tsn_yaml *i = list ? list->first : NULL; i; i = i->next) {
        char from[6] = "", to[6] = "";
        size_t n = out->nbetween;
        bool ok =
            n < 4 && i->type == TSN_YAML_SCALAR &&
            sscanf(i->scalar, "%5[0-9-]..%5[0-9-]", from, to) == 2 && strlen(i->scalar) == 12 &&
            month_day(from, &out->not_between[n].from_month, &out->not_between[n].from_day) &&
            month_day(to, &out->not_between[n].to_month, &out->not_between[n].to_day);
        if (!ok) {
            tsn_yaml_fail(i, diag, TSN_EINPUT, "C046", "this is not a span of days");
            tsn_diag_hint(diag, "12-24..01-02; at most four");
            return TSN_EINPUT;
        }
        out->nbetween++;
    }
    return 0;
}
