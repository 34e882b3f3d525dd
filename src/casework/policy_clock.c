/* policy_clock.c - clock packs: reads and checks what a document of kind `clocks` says. Pure. */
#include "casework/policy.h"

#include <string.h>
#include "core/clock.h"
#include "core/text.h"

/* { earliest: [facts] } or { latest: [facts] } or { at: fact } */
static tsn_err take_start(struct tsn_arena *arena, const struct tsn_yaml *map,
                          struct tsn_clock_def *d, struct tsn_diag *diag)
{
    static const char *const known[] = {"earliest", "latest", "at"};
    const struct tsn_yaml *start = tsn_yaml_find(map, "start");
    size_t n;
    if (!start || start->type != TSN_YAML_MAP || !start->first || start->first->next) {
        tsn_yaml_fail(start ? start : map, diag, TSN_EINPUT, "W020",
                      "`start` says which instant counts");
        tsn_diag_hint(diag,
                      "start: { earliest: [ received ] }, { latest: [ .. ] } or { at: .. }");
        return TSN_EINPUT;
    }
    tsn_err err = tsn_yaml_known(start, "start", known, 3, diag);
    d->latest = !strcmp(start->first->key, "latest");
    d->at = !strcmp(start->first->key, "at");
    return err ? err
               : tsn_yaml_strs(arena, start, start->first->key, true, &d->start, &n, diag);
}

static tsn_err take_period(const struct tsn_yaml *map, const char *key, bool need,
                           struct tsn_period *out, struct tsn_diag *diag)
{
    const char *text = NULL;
    tsn_err err = tsn_yaml_str(map, key, need, &text, diag);
    if (err || !text)
        return err;
    if (tsn_period_parse(text, out) == 0)
        return 0;
    tsn_yaml_fail(tsn_yaml_find(map, key), diag, TSN_EINPUT, "C021", "`%s` is no period", key);
    tsn_diag_hint(diag, "24h, 2d (calendar days), 1bd (business days), 1mo (months)");
    return TSN_EINPUT;
}

/* "50%" of the way, or "24h" before the end. */
static tsn_err take_warnings(struct tsn_arena *arena, const struct tsn_yaml *map,
                             struct tsn_clock_def *d, struct tsn_diag *diag)
{
    const char *const *list = NULL;
    size_t n = 0;
    tsn_err err = tsn_yaml_strs(arena, map, "warn", false, &list, &n, diag);
    if (err)
        return err;
    for (size_t i = 0; i < n && list; i++) {
        size_t len = strlen(list[i]);
        char digits[8];
        bool percent = len > 1 && len < 8 && list[i][len - 1] == '%';
        if (percent)
            (void)snprintf(digits, sizeof digits, "%.*s", (int)len - 1, list[i]);
        d->warn[d->nwarn < 8 ? d->nwarn : 7].percent = percent;
        bool ok =
            d->nwarn < 8 && (percent ? tsn_parse_int(digits, 1, 99, &d->warn[d->nwarn].n) == 0
                                     : tsn_duration_parse(list[i], &d->warn[d->nwarn].n) == 0);
        if (!ok) {
            tsn_yaml_fail(tsn_yaml_find(map, "warn"), diag, TSN_EINPUT, "W020",
                          "`%.20s` is no warning", list[i]);
            tsn_diag_hint(diag, "50%% of the way, or 24h before the end; at most eight");
            return TSN_EINPUT;
        }
        d->nwarn++;
    }
    return 0;
}

static tsn_err take_clock(struct tsn_arena *arena, const struct tsn_yaml *map,
                          const struct tsn_policy *p,
                          const struct tsn_calendar *const *calendars, size_t ncalendars,
                          struct tsn_clock_def *d, struct tsn_diag *diag)
{
    static const char *const known[] = {"id",    "title", "source",   "owner", "applies_if",
                                        "start", "due",   "most",     "end",   "calendar",
                                        "stop",  "warn",  "escalate", "repeat"};
    static const char *const none[] = {NULL};
    const char *calendar = NULL;
    size_t n;
    if (map->type != TSN_YAML_MAP)
        return tsn_yaml_fail(map, diag, TSN_EINPUT, "C014", "a clock is a group of settings");
    d->pack = p->name;
    d->owner = p->owner;
    d->source = p->source;
    d->stop = d->escalate = none;
    tsn_err err = tsn_yaml_known(map, "clock", known, sizeof known / sizeof known[0], diag);
    if (!err)
        err = tsn_yaml_str(map, "id", true, &d->id, diag);
    if (!err && !tsn_word_ok(d->id, 64))
        err = tsn_yaml_fail(map, diag, TSN_EINPUT, "C039", "`%.64s` cannot be an id", d->id);
    if (!err)
        err = tsn_yaml_str(map, "title", true, &d->title, diag);
    if (!err)
        err = tsn_yaml_str(map, "source", false, &d->source, diag);
    if (!err)
        err = tsn_yaml_str(map, "owner", false, &d->owner, diag);
    if (!err)
        err = tsn_when_read(arena, tsn_yaml_find(map, "applies_if"), &d->applies_if, diag);
    if (!err)
        err = take_start(arena, map, d, diag);
    if (!err)
        err = take_period(map, "due", !d->at, &d->due, diag);
    if (!err)
        err = take_period(map, "most", false, &d->most, diag);
    if (!err)
        err = tsn_yaml_str(map, "calendar", false, &calendar, diag);
    for (size_t i = 0; calendar && i < ncalendars; i++)
        if (!strcmp(calendars[i]->name, calendar))
            d->calendar = calendars[i];
    if (!err && calendar && !d->calendar)
        err = tsn_yaml_fail(tsn_yaml_find(map, "calendar"), diag, TSN_EINPUT, "C031",
                            "there is no calendar `%.40s` in this document", calendar);
    const struct tsn_yaml *end = tsn_yaml_find(map, "end");
    d->has_end = end != NULL;
    if (!err && end)
        err = tsn_end_rule_read(end, &d->end, diag);
    if (!err)
        err = tsn_yaml_strs(arena, map, "stop", true, &d->stop, &n, diag);
    if (!err)
        err = take_warnings(arena, map, d, diag);
    if (!err)
        err = tsn_yaml_strs(arena, map, "escalate", false, &d->escalate, &n, diag);
    if (!err)
        err = tsn_yaml_bool(map, "repeat", false, &d->repeat, diag);
    return err;
}

static size_t children(const struct tsn_yaml *node)
{
    size_t n = 0;
    for (const struct tsn_yaml *c = node ? node->first : NULL; c; c = c->next)
        n++;
    return n;
}

tsn_err tsn_policy_read_clocks(struct tsn_arena *arena, const struct tsn_yaml *root,
                               struct tsn_policy *p, struct tsn_diag *diag)
{
    static const char *const known[] = {"policy", "kind",   "version",   "owner",
                                        "title",  "source", "calendars", "clocks"};
    const struct tsn_yaml *calendars = tsn_yaml_find(root, "calendars");
    const struct tsn_yaml *clocks = tsn_yaml_find(root, "clocks");
    size_t ncal = 0;
    tsn_err err =
        tsn_yaml_known(root, "clock pack", known, sizeof known / sizeof known[0], diag);
    if (err)
        return err;
    if (!clocks || clocks->type != TSN_YAML_LIST || !clocks->first)
        return tsn_yaml_fail(clocks ? clocks : root, diag, TSN_EINPUT, "C013",
                             "`clocks` needs at least one clock");
    const struct tsn_calendar **list =
        tsn_arena_alloc(arena, (children(calendars) + 1) * sizeof(const void *));
    for (const struct tsn_yaml *c = calendars ? calendars->first : NULL; c && !err;
         c = c->next) {
        struct tsn_calendar *one;
        err = tsn_calendar_read(arena, c, c->key ? c->key : "", &one, diag);
        list[ncal++] = one;
    }
    struct tsn_clock_def *defs =
        tsn_arena_alloc(arena, children(clocks) * sizeof(struct tsn_clock_def));
    for (const struct tsn_yaml *c = clocks->first; c && !err; c = c->next) {
        struct tsn_clock_def *d = &defs[p->nclocks];
        err = take_clock(arena, c, p, list, ncal, d, diag);
        for (size_t i = 0; i < p->nclocks && !err; i++)
            if (!strcmp(defs[i].id, d->id))
                err = tsn_yaml_fail(c, diag, TSN_EDUP, "C032", "two clocks are called `%.64s`",
                                    d->id);
        p->nclocks++;
    }
    p->clocks = defs;
    return err;
}
