/* zone.c - TZif files and their POSIX rules. Constant after loading; any thread. */
#include "core/zone.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/buf.h"
#include "core/calendar.h"
#include "core/clock.h"

#define FILE_MAX  ((size_t)256 << 10)
#define TYPES_MAX 256
#define DAY_S     86400

/* One end of daylight saving in a POSIX TZ rule: month, week, day, or a day of the year. */
struct change {
    enum { MONTH_WEEK, JULIAN, DAY_OF_YEAR } form;
    int month, week, day; /* day: 0 = Sunday, or the day of the year */
    int32_t time_s;       /* local time of the day, may be negative or over a day */
};

struct rule {
    int32_t std, dst;
    bool has_dst;
    struct change start, end;
};

struct tsn_zone {
    const char *name;
    size_t n;
    const int64_t *at; /* transitions, ascending */
    const int32_t *offset;
    int32_t first; /* before the first transition */
    struct rule rule;
    bool has_rule;
};

/* --- the POSIX rule -------------------------------------------------------------------------- */

static bool take_int(const char **p, int max, int *out)
{
    int n = 0, digits = 0;
    for (; isdigit((unsigned char)**p) && digits < 4; (*p)++, digits++)
        n = n * 10 + (**p - '0');
    *out = n;
    return digits > 0 && n <= max;
}

static bool take_abbreviation(const char **p)
{
    const char *from = *p;
    if (**p == '<') {
        *p = strchr(*p, '>');
        return *p && (*p)++;
    }
    while (isalpha((unsigned char)**p))
        (*p)++;
    return *p - from >= 3;
}

/* [+-]hh[:mm[:ss]] */
static bool take_hms(const char **p, int32_t *out)
{
    int sign = **p == '-' ? -1 : 1, h, m = 0, s = 0;
    if (**p == '-' || **p == '+')
        (*p)++;
    if (!take_int(p, 167, &h))
        return false;
    if (**p == ':' && ((*p)++, !take_int(p, 59, &m)))
        return false;
    if (**p == ':' && ((*p)++, !take_int(p, 59, &s)))
        return false;
    *out = sign * (h * 3600 + m * 60 + s);
    return true;
}

static bool take_change(const char **p, struct change *c)
{
    c->time_s = 2 * 3600;
    if (**p == 'M') {
        c->form = MONTH_WEEK;
        (*p)++;
        if (!take_int(p, 12, &c->month) || *(*p)++ != '.' || !take_int(p, 5, &c->week) ||
            *(*p)++ != '.' || !take_int(p, 6, &c->day) || c->month < 1 || c->week < 1)
            return false;
    } else if (**p == 'J') {
        c->form = JULIAN;
        (*p)++;
        if (!take_int(p, 365, &c->day) || c->day < 1)
            return false;
    } else {
        c->form = DAY_OF_YEAR;
        if (!take_int(p, 365, &c->day))
            return false;
    }
    if (**p == '/') {
        (*p)++;
        return take_hms(p, &c->time_s);
    }
    return true;
}

static bool take_rule(const char *p, struct rule *r)
{
    int32_t west;
    memset(r, 0, sizeof *r);
    if (!take_abbreviation(&p) || !take_hms(&p, &west))
        return false;
    r->std = -west;
    if (!*p)
        return true;
    r->has_dst = true;
    r->dst = r->std + 3600;
    if (!take_abbreviation(&p))
        return false;
    if (*p != ',') {
        if (!take_hms(&p, &west))
            return false;
        r->dst = -west;
    }
    return *p++ == ',' && take_change(&p, &r->start) && *p++ == ',' &&
           take_change(&p, &r->end) && !*p;
}

/* Local seconds of the change in this year. */
static int64_t change_local(const struct change *c, int64_t year)
{
    int64_t day = 0;
    switch (c->form) {
    case MONTH_WEEK: {
        int64_t first = tsn_days_of(year, c->month, 1);
        int weekday = tsn_weekday(first);
        day = first + (c->day - weekday + 7) % 7 + (int64_t)(c->week - 1) * 7;
        if (day >= first + tsn_month_days(year, c->month))
            day -= 7; /* week 5: the last one */
        break;
    }
    case JULIAN: /* 1 to 365, February 29 is never counted */
        day = tsn_days_of(year, 1, 1) + c->day - 1;
        if (tsn_month_days(year, 2) == 29 && c->day > 59)
            day++;
        break;
    case DAY_OF_YEAR:
        day = tsn_days_of(year, 1, 1) + c->day;
        break;
    }
    return day * DAY_S + c->time_s;
}

static int32_t rule_offset(const struct rule *r, int64_t utc_s)
{
    int64_t year;
    int month, day;
    if (!r->has_dst)
        return r->std;
    tsn_civil_of((utc_s + r->std) / DAY_S - ((utc_s + r->std) % DAY_S < 0), &year, &month,
                 &day);
    int64_t start = change_local(&r->start, year) - r->std;
    int64_t end = change_local(&r->end, year) - r->dst;
    bool dst = start < end ? utc_s >= start && utc_s < end : utc_s >= start || utc_s < end;
    return dst ? r->dst : r->std;
}

/* --- the file --------------------------------------------------------------------------------- */

static int64_t big_endian(const unsigned char *p, int n)
{
    uint64_t v = p[0] & 0x80 ? UINT64_MAX : 0;
    for (int i = 0; i < n; i++)
        v = v << 8 | p[i];
    return (int64_t)v;
}

struct counts {
    size_t isut, isstd, leap, time, type, chars;
};

static bool take_header(const unsigned char *p, size_t len, struct counts *c)
{
    if (len < 44 || memcmp(p, "TZif", 4) != 0)
        return false;
    size_t *const out[] = {&c->isut, &c->isstd, &c->leap, &c->time, &c->type, &c->chars};
    for (int i = 0; i < 6; i++) {
        int64_t n = big_endian(p + 20 + 4 * i, 4);
        if (n < 0 || n > 100000)
            return false;
        *out[i] = (size_t)n;
    }
    return c->type >= 1 && c->type <= TYPES_MAX;
}

static size_t body_len(const struct counts *c, size_t time_size)
{
    return c->time * time_size + c->time + c->type * 6 + c->chars + c->leap * (time_size + 4) +
           c->isstd + c->isut;
}

tsn_err tsn_zone_parse(struct tsn_arena *arena, const char *name, const void *bytes, size_t len,
                       const struct tsn_zone **out)
{
    const unsigned char *p = bytes;
    struct counts c;
    if (!take_header(p, len, &c) || p[4] < '2')
        return TSN_EINPUT;
    size_t skip = 44 + body_len(&c, 4);
    if (skip > len || !take_header(p + skip, len - skip, &c))
        return TSN_EINPUT;
    const unsigned char *body = p + skip + 44;
    size_t left = len - skip - 44, size = body_len(&c, 8);
    if (size > left)
        return TSN_EINPUT;

    struct tsn_zone *z = tsn_arena_alloc(arena, sizeof *z);
    int64_t *at = tsn_arena_alloc(arena, (c.time + 1) * sizeof *at);
    int32_t *offset = tsn_arena_alloc(arena, (c.time + 1) * sizeof *offset);
    const unsigned char *index = body + c.time * 8, *types = index + c.time;
    for (size_t i = 0; i < c.time; i++) {
        at[i] = big_endian(body + 8 * i, 8);
        if (index[i] >= c.type || (i > 0 && at[i] <= at[i - 1]))
            return TSN_EINPUT;
        offset[i] = (int32_t)big_endian(types + 6 * index[i], 4);
    }
    z->name = tsn_arena_strdup(arena, name);
    z->n = c.time;
    z->at = at;
    z->offset = offset;
    z->first = (int32_t)big_endian(types, 4);
    /* LF, the rule, LF; an empty rule: the last offset goes on. */
    const char *footer = (const char *)body + size;
    left -= size;
    if (left >= 2 && footer[0] == '\n') {
        const char *end = memchr(footer + 1, '\n', left - 1);
        if (!end)
            return TSN_EINPUT;
        char *text = tsn_arena_strndup(arena, footer + 1, (size_t)(end - footer - 1));
        z->has_rule = text[0] != 0;
        if (z->has_rule && !take_rule(text, &z->rule))
            return TSN_EINPUT;
    }
    *out = z;
    return 0;
}

static bool name_ok(const char *name)
{
    for (const char *p = name; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr("/_+-", *p))
            return false;
    return name[0] && name[0] != '/' && strlen(name) <= 64;
}

tsn_err tsn_zone_load(struct tsn_arena *arena, const char *name, const struct tsn_zone **out,
                      struct tsn_diag *diag)
{
    static const struct tsn_zone utc = {.name = "UTC"};
    const char *dir = getenv("TZDIR");
    struct tsn_buf b;
    *out = NULL;
    if (name && !strcmp(name, "UTC")) {
        *out = &utc;
        return 0;
    }
    tsn_buf_init(&b, FILE_MAX);
    tsn_err err = TSN_ENOTFOUND;
    if (name && name_ok(name))
        err = tsn_buf_read_file(
            &b, tsn_arena_printf(arena, "%s/%s", dir ? dir : "/usr/share/zoneinfo", name));
    if (!err)
        err = tsn_zone_parse(arena, name, b.data, b.len, out);
    tsn_buf_free(&b);
    if (err) {
        tsn_diag_set(diag, TSN_EINPUT, "C044", "there is no time zone `%.64s`",
                     name ? name : "");
        tsn_diag_hint(diag, "names of the IANA database, such as Europe/Berlin or UTC; the "
                            "package tzdata brings them");
        err = TSN_EINPUT;
    }
    return err;
}

const char *tsn_zone_name(const struct tsn_zone *z)
{
    return z->name;
}

int32_t tsn_zone_offset(const struct tsn_zone *z, int64_t utc_s)
{
    if (z->n == 0 || utc_s < z->at[0])
        return z->n == 0 && z->has_rule ? rule_offset(&z->rule, utc_s) : z->first;
    if (utc_s >= z->at[z->n - 1] && z->has_rule)
        return rule_offset(&z->rule, utc_s);
    size_t lo = 0, hi = z->n; /* at[lo] <= utc_s < at[hi] */
    while (hi - lo > 1) {
        size_t mid = lo + (hi - lo) / 2;
        if (z->at[mid] <= utc_s)
            lo = mid;
        else
            hi = mid;
    }
    return z->offset[lo];
}

int64_t tsn_zone_instant(const struct tsn_zone *z, int64_t local_s, enum tsn_local *kind)
{
    /* Offsets are within a day, so those of a day before and after are the only candidates. */
    int32_t before = tsn_zone_offset(z, local_s - DAY_S);
    int32_t after = tsn_zone_offset(z, local_s + DAY_S);
    int64_t a = local_s - before, b = local_s - after;
    bool a_ok = tsn_zone_offset(z, a) == before, b_ok = tsn_zone_offset(z, b) == after;
    enum tsn_local ignored;
    if (!kind)
        kind = &ignored;
    *kind = a_ok && b_ok && a != b ? TSN_LOCAL_TWICE
            : a_ok || b_ok         ? TSN_LOCAL_ONCE
                                   : TSN_LOCAL_NEVER;
    if (a_ok && b_ok)
        return a < b ? a : b;
    return b_ok ? b : a;
}

/* --- moments ---------------------------------------------------------------------------------- */

static tsn_err bad_moment(struct tsn_diag *diag, const char *text, const char *why)
{
    tsn_diag_set(diag, TSN_EINPUT, "C045", "`%.64s` %s", text, why);
    tsn_diag_hint(diag, "2026-12-31T12:00:00+01:00, or 2026-12-31T12:00 Europe/Berlin");
    return TSN_EINPUT;
}

tsn_err tsn_moment_parse(const char *text, int64_t *ms, struct tsn_diag *diag)
{
    const char *space = strchr(text, ' ');
    if (!space) {
        if (tsn_time_parse(text, ms) == 0)
            return 0;
        return bad_moment(diag, text, "is not a moment with its zone");
    }
    /* The civil part must be all that stands before the zone: seconds may be left out. */
    char civil[40];
    size_t n = (size_t)(space - text);
    bool minutes = n == 16;
    if ((n != 16 && n != 19) || text[10] != 'T')
        return bad_moment(diag, text, "is not a moment with its zone");
    (void)snprintf(civil, sizeof civil, "%.*s%sZ", (int)n, text, minutes ? ":00" : "");
    int64_t local_ms;
    if (tsn_time_parse(civil, &local_ms))
        return bad_moment(diag, text, "is not a moment with its zone");
    struct tsn_arena *arena = tsn_arena_new();
    const struct tsn_zone *zone = NULL;
    enum tsn_local kind = TSN_LOCAL_ONCE;
    tsn_err err = tsn_zone_load(arena, space + 1, &zone, diag);
    if (!err)
        *ms = tsn_zone_instant(zone, local_ms / 1000, &kind) * 1000;
    tsn_arena_destroy(arena);
    if (err)
        return err;
    if (kind == TSN_LOCAL_TWICE)
        return bad_moment(diag, text, "comes twice: clocks go back then; give an offset");
    if (kind == TSN_LOCAL_NEVER)
        return bad_moment(diag, text, "does not exist: clocks jump over it");
    return 0;
}
