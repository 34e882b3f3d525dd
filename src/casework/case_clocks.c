/* case_clocks.c - the clocks of a case: computed from its instants at every change, never counted.
 *
 * A clock is a row of the track `obligation`; due times come from facts, so restarts and steps of the
 * wall clock change nothing. A corrected instant computes them again and keeps the old values under
 * `history`. Warnings and misses are told by the ticker (clock_tick.c), which looks at rows whose
 * next_at has come. Store thread.
 */
#include "casework/case_clocks.h"

#include <string.h>
#include "core/clock.h"
#include "core/json.h"
#include "store/record_case.h"

static json_t *time_json(int64_t ms)
{
    char text[25];
    tsn_time_format(text, ms);
    return json_string(text);
}

static int64_t time_of(const json_t *o, const char *key)
{
    int64_t ms = 0;
    const char *text = tsn_json_str(o, key, NULL);
    return text && tsn_time_parse(text, &ms) == 0 ? ms : 0;
}

/* --- values that conditions look at --------------------------------------------------------------- */

json_t *tsn_case_values(const struct tsn_case_work *w)
{
    json_t *v = json_copy(w->facts);
    const struct {
        const char *key, *value;
    } words[] = {{"kind", w->c.kind},       {"severity", w->c.severity},
                 {"product", w->c.product}, {"tlp", w->c.tlp},
                 {"phase", w->c.phase},     {"state", w->c.state},
                 {"embargo", w->c.embargo}};
    json_object_del(v, TSN_FACT_REPORT);
    /* Known to the public: false while that was never noted. */
    json_object_set_new(v, "public",
                        json_boolean(tsn_case_instant_at(w->facts, "public_aware") != 0));
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (words[i].value)
            json_object_set_new(v, words[i].key, json_string(words[i].value));
        else
            json_object_del(v, words[i].key);
    }
    if (!json_object_get(v, "market")) {
        json_t *market = json_array();
        for (const char *const *m = w->config ? w->config->markets : NULL; m && *m; m++)
            json_array_append_new(market, json_string(*m));
        json_object_set_new(v, "market", market);
    }
    return v;
}

/* --- what a definition says about this case --------------------------------------------------------- */

struct due {
    int64_t start, due; /* 0 = not known yet */
    const char *fact;
};

static struct due due_of(const struct tsn_case_work *w, const struct tsn_clock_def *d)
{
    struct due out = {0};
    for (const char *const *f = d->start; *f; f++) {
        int64_t at = tsn_case_instant_at(w->facts, *f);
        if (!at && d->latest)
            return (struct due){0}; /* the latest of several: all must be there */
        if (at && (!out.start || (d->latest ? at > out.start : at < out.start))) {
            out.start = at;
            out.fact = *f;
        }
    }
    if (!out.start)
        return out;
    if (d->at) {
        out.due = out.start;
        out.start = w->c.opened_at;
        return out;
    }
    out.due = tsn_calendar_due(d->calendar, out.start, d->due, d->has_end ? &d->end : NULL);
    if (d->most.n > 0) {
        int64_t most = tsn_calendar_due(d->calendar, out.start, d->most, NULL);
        out.due = out.due < most ? out.due : most;
    }
    return out;
}

static int64_t warn_at(const struct tsn_clock_def *d, size_t i, int64_t start, int64_t due)
{
    return d->warn[i].percent ? start + (due - start) / 100 * d->warn[i].n : due - d->warn[i].n;
}

/* The first stop that is not before this period began. */
static int64_t stopped_at(const struct tsn_case_work *w, const struct tsn_clock_def *d,
                          int64_t start)
{
    int64_t first = 0;
    for (const char *const *s = d->stop; *s; s++) {
        int64_t at = tsn_case_instant_at(w->facts, *s);
        if (at >= start && at && (!first || at < first))
            first = at;
    }
    return first;
}

/* --- one clock ----------------------------------------------------------------------------------------- */

static tsn_err move(struct tsn_case_work *w, const char *id, const char *to,
                    const struct tsn_track_how *how, struct tsn_diag *diag)
{
    return tsn_track_move(w, TSN_TRACK_OBLIGATION, id, to, how, diag);
}

static json_t *fresh_data(const struct tsn_clock_def *d, const struct due *due)
{
    json_t *data = json_object(), *warn = json_array(), *roles = json_array();
    json_object_set_new(data, "title", json_string(d->title));
    json_object_set_new(data, "source", json_string(d->source));
    json_object_set_new(data, "pack", json_string(d->pack));
    json_object_set_new(data, "owner", json_string(d->owner));
    json_object_set_new(data, "from", json_string(due->fact));
    json_object_set_new(data, "start", time_json(due->start));
    json_object_set_new(data, "due", time_json(due->due));
    for (size_t i = 0; i < d->nwarn; i++)
        json_array_append_new(warn, time_json(warn_at(d, i, due->start, due->due)));
    for (const char *const *r = d->escalate; *r; r++)
        json_array_append_new(roles, json_string(*r));
    json_object_set_new(data, "warn", warn);
    json_object_set_new(data, "escalate", roles);
    json_object_set_new(data, "told", json_integer(0));
    return data;
}

/* Old values stay: { start, due, until }. */
static void keep_history(struct tsn_case_work *w, const json_t *old, json_t *data)
{
    json_t *history = json_object_get(old, "history");
    history = history ? json_deep_copy(history) : json_array();
    json_t *was = json_object();
    json_object_set(was, "start", json_object_get(old, "start"));
    json_object_set(was, "due", json_object_get(old, "due"));
    json_object_set_new(was, "until", time_json(w->now_ms));
    json_array_append_new(history, was);
    json_object_set_new(data, "history", history);
}

static tsn_err begin(struct tsn_case_work *w, const struct tsn_clock_def *d,
                     const struct tsn_rec_track *r, const struct due *due,
                     struct tsn_diag *diag)
{
    json_t *data = fresh_data(d, due), *old = tsn_track_data(r);
    tsn_err err = 0;
    if (json_object_get(old, "due"))
        keep_history(w, old, data);
    char due_text[25];
    tsn_time_format(due_text, due->due);
    struct tsn_track_how how = {.reason = due_text, .data = data, .next_at = w->now_ms};
    err = move(w, d->id, "running", &how, diag);
    json_decref(old);
    json_decref(data);
    return err;
}

static tsn_err again(struct tsn_case_work *w, const struct tsn_clock_def *d,
                     const struct tsn_rec_track *r, const json_t *old, const struct due *due)
{
    json_t *data = fresh_data(d, due);
    char from[25], to[25];
    keep_history(w, old, data);
    tsn_time_format(from, time_of(old, "due"));
    tsn_time_format(to, due->due);
    struct tsn_track_how how = {.data = data, .next_at = w->now_ms};
    tsn_err err = tsn_case_log(w, "clock.recomputed", d->id, from, to, NULL, NULL);
    if (!err)
        err = tsn_track_put(w, TSN_TRACK_OBLIGATION, d->id, r->state, &how);
    json_decref(data);
    return err;
}

static bool over(const char *state)
{
    return !strcmp(state, "waived") || !strcmp(state, "superseded");
}

static tsn_err settle_def(struct tsn_case_work *w, const struct tsn_clock_def *d,
                          const json_t *values, struct tsn_diag *diag)
{
    struct tsn_rec_track r;
    tsn_err err = tsn_track_get(w, TSN_TRACK_OBLIGATION, d->id, &r);
    if (err || over(r.state))
        return err;
    json_t *own = tsn_track_data(&r);
    bool adhoc = tsn_json_bool(own, "adhoc", false); /* a playbook's own, under this name */
    json_decref(own);
    if (adhoc)
        return 0;
    bool fits = tsn_when_fits(&d->applies_if, values);
    struct due due = due_of(w, d);
    bool idle = !strcmp(r.state, "not_applicable") || !strcmp(r.state, "armed");
    if (!fits || !due.start) {
        /* What ran and lost its ground waits; what is over stays as it was. A clock that never ran
         * has no row: it is armed as long as its condition fits. */
        if (!strcmp(r.state, "running"))
            return move(w, d->id, "armed", NULL, diag);
        return !fits && !strcmp(r.state, "armed") ? move(w, d->id, "not_applicable", NULL, diag)
                                                  : 0;
    }
    if (idle)
        return begin(w, d, &r, &due, diag);
    json_t *old = tsn_track_data(&r);
    bool changed = time_of(old, "start") != due.start || time_of(old, "due") != due.due;
    bool later = due.start > time_of(old, "start");
    if (changed && !strcmp(r.state, "running"))
        err = again(w, d, &r, old, &due);
    else if (changed &&
             ((d->repeat && later) || (!strcmp(r.state, "missed") && due.due > w->now_ms)))
        err = begin(w, d, &r, &due, diag);
    json_decref(old);
    return err;
}

/* --- stops --------------------------------------------------------------------------------------------- */

/* A met clock says when; one that was met too late was missed, and both are known. A miss turns into
 * a met one when it becomes known that it was met in time. */
static tsn_err stop(struct tsn_case_work *w, const struct tsn_rec_track *r, int64_t at,
                    struct tsn_diag *diag)
{
    json_t *data = tsn_track_data(r);
    int64_t due = time_of(data, "due");
    bool late = due && at > due;
    json_object_set_new(data, "met_at", time_json(at));
    struct tsn_track_how how = {.reason = late ? "late" : "in-time", .data = data, .at_ms = at};
    tsn_err err = 0;
    if (late) {
        /* The ticker tells the miss if it has not. */
        how.next_at = json_object_get(data, "missed_at") ? 0 : w->now_ms;
        if (!strcmp(r->state, "running"))
            err = move(w, r->subject, "missed", &how, diag);
        else
            err = tsn_track_put(w, TSN_TRACK_OBLIGATION, r->subject, r->state, &how);
    } else {
        err = move(w, r->subject, "met", &how, diag);
    }
    json_decref(data);
    return err;
}

static tsn_err settle_stops(struct tsn_case_work *w, const struct tsn_policy_set *set,
                            struct tsn_diag *diag)
{
    struct tsn_rec_track *rows;
    size_t n;
    tsn_err err = tsn_track_list(w->st, w->arena, w->c.id, TSN_TRACK_OBLIGATION, &rows, &n);
    for (size_t i = 0; i < n && !err; i++) {
        const struct tsn_clock_def *d = tsn_policies_clock(set, rows[i].subject);
        bool running = !strcmp(rows[i].state, "running"),
             missed = !strcmp(rows[i].state, "missed");
        if (!d || (!running && !missed))
            continue;
        json_t *data = tsn_track_data(&rows[i]);
        int64_t at = stopped_at(w, d, time_of(data, "start"));
        if (d->at) /* its start is only for warnings */
            at = stopped_at(w, d, w->c.opened_at);
        bool told = missed && json_object_get(data, "met_at");
        json_decref(data);
        if (at && !told)
            err = stop(w, &rows[i], at, diag);
    }
    return err;
}

tsn_err tsn_case_settle_clocks(struct tsn_case_work *w, struct tsn_diag *diag)
{
    const struct tsn_policy_set *set = tsn_policies_now(w->config ? w->config->policies : NULL);
    json_t *values = tsn_case_values(w);
    tsn_err err = 0;
    bool open = !strcmp(w->c.state, "open");
    for (size_t i = 0; i < set->n && !err && open; i++)
        for (size_t k = 0; k < set->docs[i]->nclocks && !err; k++)
            err = settle_def(w, &set->docs[i]->clocks[k], values, diag);
    json_decref(values);
    return err ? err : settle_stops(w, set, diag);
}

/* --- the ticker's view -------------------------------------------------------------------------------- */

/* One warning or the miss, then when to look again. */
tsn_err tsn_clock_look(struct tsn_case_work *w, const struct tsn_rec_track *r,
                       tsn_clock_told *told, void *user, struct tsn_diag *diag)
{
    json_t *data = tsn_track_data(r), *warn = json_object_get(data, "warn");
    int64_t due = time_of(data, "due"), next = 0;
    size_t n = (size_t)tsn_json_int(data, "told", 0), all = json_array_size(warn);
    bool running = !strcmp(r->state, "running"), missed = !strcmp(r->state, "missed");
    tsn_err err = 0;
    if (!running && !missed)
        goto out;
    while (running && n < all && !err) {
        int64_t at = 0;
        const char *text = json_string_value(json_array_get(warn, n));
        if (!text || tsn_time_parse(text, &at) || at > w->now_ms) {
            next = at;
            break;
        }
        const char *role = json_string_value(
            json_array_get(json_object_get(data, "escalate"),
                           n < json_array_size(json_object_get(data, "escalate")) ? n : 0));
        n++;
        /* Old news after a long stop: only the last warning and the miss are told. */
        bool last = n == all || due <= w->now_ms;
        if (due > w->now_ms || last)
            err = tsn_case_log(w, "clock.warned", r->subject, NULL, role ? role : "owner", NULL,
                               NULL);
        if (!err && due > w->now_ms)
            err = told(user, w, "clock.warned", r, data, role);
        json_object_set_new(data, "told", json_integer((json_int_t)n));
    }
    if (running && due > w->now_ms && (!next || next > due))
        next = due;
    struct tsn_track_how how = {.data = data, .next_at = next};
    if (!err && (missed || due <= w->now_ms) && !json_object_get(data, "missed_at")) {
        json_object_set_new(data, "missed_at", time_json(w->now_ms));
        how.next_at = 0;
        how.reason = "due";
        if (running)
            err = tsn_track_move(w, TSN_TRACK_OBLIGATION, r->subject, "missed", &how, diag);
        else
            err = tsn_track_put(w, TSN_TRACK_OBLIGATION, r->subject, r->state, &how);
        char text[25];
        tsn_time_format(text, due);
        if (!err)
            err = tsn_case_log(w, "clock.missed", r->subject, text, "alarm", NULL, NULL);
        if (!err)
            err = told(user, w, "clock.missed", r, data, NULL);
        goto out;
    }
    if (!err)
        err = tsn_track_put(w, TSN_TRACK_OBLIGATION, r->subject, r->state, &how);
out:
    if (!err && !running && !missed) {
        struct tsn_track_how off = {0};
        err = tsn_track_put(w, TSN_TRACK_OBLIGATION, r->subject, r->state, &off);
    }
    json_decref(data);
    return err;
}
