/* advisory_out.c - what time and the publisher do to an advisory: its instant comes, its files are out,
 * what follows is over. Store thread; everything in the caller's transaction. */
#include <string.h>
#include "advisory/advisory_row.h"
#include "advisory/tell.h"
#include "core/json.h"
#include "core/log.h"
#include "store/record_case.h"
#include "store/record_run.h"

#define AT_ONCE 100

/* --- scheduled ----------------------------------------------------------------------------------- */

/* Scheduled with an instant in (after, until]. */
static tsn_err scheduled(struct tsn_store *st, struct tsn_arena *arena, int64_t after,
                         int64_t until, struct tsn_rec_advisory **rows, size_t *n)
{
    const struct tsn_filter filters[] = {
        {.column = "publish_at", .cmp = TSN_CMP_GT, .number = after},
        {.column = "publish_at", .cmp = TSN_CMP_LT, .number = until + 1},
    };
    const struct tsn_list how = {.filters = filters, .nfilters = 2, .limit = AT_ONCE};
    void *list = NULL;
    tsn_err err = tsn_store_list(st, arena, &tsn_table_advisory, &how, &list, n);
    *rows = list;
    return err;
}

/* Did somebody accept the terms since those who had were told? They are told by a run of their own. */
static tsn_err accepted_since(struct tsn_store *st, const struct tsn_rec_advisory *a,
                              int64_t since, bool *yes)
{
    const struct tsn_filter filters[] = {
        {.column = "case_id", .cmp = TSN_CMP_EQ, .text = a->case_id},
        {.column = "track", .cmp = TSN_CMP_EQ, .text = "participant"},
        {.column = "state", .cmp = TSN_CMP_EQ, .text = "accepted"},
        {.column = "updated_at", .cmp = TSN_CMP_GT, .number = since},
    };
    int64_t n = 0;
    tsn_err err = tsn_store_count(st, &tsn_table_track, filters, 4, &n);
    *yes = n > 0;
    return err;
}

/* Is somebody to be told ahead now? Never while those of before are being told. */
static tsn_err ahead_due(struct tsn_store *st, struct tsn_arena *arena,
                         const struct tsn_rec_advisory *a, bool by_time, bool *due)
{
    json_t *life = NULL;
    struct tsn_rec_run run;
    tsn_err err = 0;
    if (a->life && *a->life) {
        (void)tsn_json_parse(a->life, strlen(a->life), &life, NULL);
    }
    const json_t *when = json_object_get(life, "ahead");
    const char *last = tsn_arena_strdup(arena, tsn_json_str(life, "ahead_run", NULL));
    *due = by_time && !when;
    bool idle = when != NULL;
    if (when && last) {
        err = tsn_store_get_bare(st, arena, &tsn_table_run, last, &run);
        idle = err == TSN_ENOTFOUND || (!err && run.ended_at);
        err = err == TSN_ENOTFOUND ? 0 : err;
    }
    if (!err && idle) {
        err = accepted_since(st, a, json_integer_value(when) - 1, due);
    }
    json_decref(life);
    return err;
}

/* Those that are approved, and told of ahead by a word of a person. */
static tsn_err approved(struct tsn_store *st, struct tsn_arena *arena,
                        struct tsn_rec_advisory **rows, size_t *n)
{
    const struct tsn_filter filter = {.column = "state", .cmp = TSN_CMP_EQ, .text = "approved"};
    const struct tsn_list how = {
        .filters = &filter, .nfilters = 1, .order = "id", .descending = true, .limit = AT_ONCE};
    void *list = NULL;
    tsn_err err = tsn_store_list(st, arena, &tsn_table_advisory, &how, &list, n);
    *rows = list;
    return err;
}

tsn_err tsn_advisory_waits(struct tsn_store *st, struct tsn_arena *arena, int64_t now_ms,
                           bool *due)
{
    struct tsn_rec_advisory *rows;
    size_t n;
    int64_t before = tsn_tell_before(tsn_advisory_env.lists);
    tsn_err err = scheduled(st, arena, 0, now_ms + before, &rows, &n);
    *due = false;
    for (size_t i = 0; !err && i < n && !*due; i++) {
        *due = rows[i].publish_at <= now_ms;
        if (!*due) {
            err = ahead_due(st, arena, &rows[i], true, due);
        }
    }
    if (!err && !*due && before > 0) {
        err = approved(st, arena, &rows, &n);
        for (size_t i = 0; !err && i < n && !*due; i++) {
            err = ahead_due(st, arena, &rows[i], false, due);
        }
    }
    return err;
}

static tsn_err ahead(struct tsn_store *st, struct tsn_arena *arena,
                     const struct tsn_rec_advisory *a, int64_t now_ms,
                     struct tsn_advisory_wakes *wake, struct tsn_diag *diag)
{
    const struct tsn_advisory_ask ask = {
        .verb = "ahead", .ref = a->id, .service = "svc:publisher", .now_ms = now_ms};
    struct tsn_advisory_work w = {.st = st, .arena = arena, .ask = &ask, .diag = diag};
    const char *run = NULL;
    tsn_err err = tsn_advisory_work_open(&w, a->id);
    if (!err) {
        err = tsn_tell_start(st, arena, &w.a, NULL, NULL, now_ms, &run, diag);
        if (err == TSN_ENOTFOUND) { /* no such playbook: said once, not again each round */
            tsn_log(TSN_LOG_WARN, "publish.no_playbook", "code", "P004", "playbook",
                    TSN_TELL_AHEAD, "advisory", w.a.name, NULL);
            err = 0;
        }
    }
    if (!err) {
        tsn_advisory_told_ahead(w.life, run, now_ms);
        err = tsn_advisory_work_save(&w, "advisory.ahead");
    }
    if (!err && run && wake->n < TSN_WAKES_MAX) {
        wake->runs[wake->n++] = run;
    }
    tsn_advisory_work_free(&w);
    return err;
}

static tsn_err ahead_if_due(struct tsn_store *st, struct tsn_arena *arena,
                            const struct tsn_rec_advisory *a, bool by_time, int64_t now_ms,
                            struct tsn_advisory_wakes *wake, struct tsn_diag *diag)
{
    bool due = false;
    tsn_err err = ahead_due(st, arena, a, by_time, &due);
    return !err && due ? ahead(st, arena, a, now_ms, wake, diag) : err;
}

static tsn_err publish(struct tsn_store *st, struct tsn_arena *arena,
                       const struct tsn_rec_advisory *a, int64_t now_ms, struct tsn_diag *diag)
{
    const struct tsn_advisory_ask ask = {
        .verb = "publish", .ref = a->id, .service = "svc:publisher", .now_ms = now_ms};
    struct tsn_advisory_work w = {.st = st, .arena = arena, .ask = &ask, .diag = diag};
    tsn_err err = tsn_advisory_work_open(&w, a->id);
    if (!err) {
        err = tsn_advisory_begin(&w);
        /* An embargo that still stands keeps it scheduled; it is tried again. */
        err = err == TSN_ECONFLICT && strcmp(diag->code, "D105") == 0 ? 0 : err;
    }
    tsn_advisory_work_free(&w);
    return err;
}

tsn_err tsn_advisory_due(struct tsn_store *st, struct tsn_arena *arena, int64_t now_ms,
                         struct tsn_advisory_wakes *wake, struct tsn_diag *diag)
{
    struct tsn_rec_advisory *rows;
    size_t n;
    int64_t before = tsn_tell_before(tsn_advisory_env.lists);
    wake->n = 0;
    tsn_err err = scheduled(st, arena, 0, now_ms + before, &rows, &n);
    for (size_t i = 0; !err && i < n; i++) {
        if (rows[i].publish_at <= now_ms) {
            err = publish(st, arena, &rows[i], now_ms, diag);
        } else {
            err = ahead_if_due(st, arena, &rows[i], true, now_ms, wake, diag);
        }
    }
    if (!err && before > 0) {
        err = approved(st, arena, &rows, &n);
        for (size_t i = 0; !err && i < n; i++) {
            err = ahead_if_due(st, arena, &rows[i], false, now_ms, wake, diag);
        }
    }
    return err;
}

/* --- a release ------------------------------------------------------------------------------------- */

static tsn_err open_release(struct tsn_advisory_work *w, const char *release,
                            struct tsn_rec_release *r)
{
    tsn_err err = tsn_store_get(w->st, w->arena, &tsn_table_release, release, r);
    return err ? err : tsn_advisory_work_open(w, r->advisory);
}

/* Files are there and nothing is left to follow. */
static tsn_err out(struct tsn_advisory_work *w, struct tsn_rec_release *r)
{
    r->state = "out";
    tsn_err err = tsn_store_put(w->st, &tsn_table_release, r);
    if (!err && w->a.state && strcmp(w->a.state, "publishing") == 0) {
        err = tsn_advisory_work_move(w, tsn_json_str(w->life, "status", "final"), NULL);
    }
    if (!err) {
        json_object_del(w->life, "authors");
        json_object_del(w->life, "change");
        json_object_del(w->life, "ahead");
        json_object_del(w->life, "ahead_run");
        json_object_del(w->life, "to");
        err = tsn_advisory_work_save(w, "advisory.published");
    }
    return err;
}

/* The run of this release, as the life of the advisory knows it; NULL = none was started. */
static const char *run_of(const json_t *life, const char *release)
{
    const json_t *p = json_object_get(life, "publication");
    return strcmp(tsn_json_str(p, "release", ""), release) == 0 ? tsn_json_str(p, "run", NULL)
                                                                : NULL;
}

enum followed { FOLLOW_NONE, FOLLOW_RUNS, FOLLOW_DONE, FOLLOW_STOPPED };

static tsn_err followed(struct tsn_store *st, struct tsn_arena *arena, const char *run,
                        enum followed *out)
{
    struct tsn_rec_run row;
    *out = FOLLOW_NONE;
    tsn_err err = run ? tsn_store_get(st, arena, &tsn_table_run, run, &row) : TSN_ENOTFOUND;
    if (err) {
        return err == TSN_ENOTFOUND ? 0 : err;
    }
    *out = !row.ended_at                        ? FOLLOW_RUNS
           : strcmp(row.state, "finished") == 0 ? FOLLOW_DONE
                                                : FOLLOW_STOPPED;
    /* Somebody retried it: the run that goes on with its work decides. */
    const struct tsn_filter filter = {.column = "origin", .cmp = TSN_CMP_EQ, .text = run};
    const struct tsn_list how = {
        .filters = &filter, .nfilters = 1, .order = "id", .descending = true, .limit = 1};
    void *rows = NULL;
    size_t n = 0;
    if (*out == FOLLOW_STOPPED) {
        err = tsn_store_list(st, arena, &tsn_table_run, &how, &rows, &n);
    }
    return !err && n > 0 ? followed(st, arena, ((struct tsn_rec_run *)rows)->id, out) : err;
}

tsn_err tsn_advisory_follows(struct tsn_store *st, struct tsn_arena *arena,
                             const struct tsn_rec_release *r, bool *due, bool *held)
{
    struct tsn_rec_advisory a;
    enum followed what = FOLLOW_NONE;
    json_t *life = NULL;
    *due = *held = false;
    if (strcmp(r->state, "public") != 0) {
        return 0;
    }
    tsn_err err = tsn_store_get(st, arena, &tsn_table_advisory, r->advisory, &a);
    if (!err && a.life && *a.life) {
        err = tsn_json_parse(a.life, strlen(a.life), &life, NULL);
    }
    if (!err) {
        err = followed(st, arena, run_of(life, r->id), &what);
    }
    if (tsn_json_bool(json_object_get(life, "publication"), "missing", false)) {
        what = FOLLOW_STOPPED;
    }
    *due = what == FOLLOW_NONE || what == FOLLOW_DONE;
    *held = what == FOLLOW_STOPPED;
    json_decref(life);
    return err;
}

static tsn_err make_public(struct tsn_advisory_work *w, struct tsn_rec_release *r)
{
    r->state = "public";
    tsn_err err = tsn_store_put(w->st, &tsn_table_release, r);
    return err ? err : tsn_advisory_work_save(w, "advisory.public");
}

tsn_err tsn_advisory_public(struct tsn_store *st, struct tsn_arena *arena, const char *release,
                            int64_t now_ms, const char **run, struct tsn_diag *diag)
{
    struct tsn_rec_release r;
    const struct tsn_advisory_ask ask = {
        .verb = "out", .service = "svc:publisher", .now_ms = now_ms};
    struct tsn_advisory_work w = {.st = st, .arena = arena, .ask = &ask, .diag = diag};
    enum followed what = FOLLOW_NONE;
    *run = NULL;
    tsn_err err = open_release(&w, release, &r);
    if (err || strcmp(r.state, "out") == 0) {
        tsn_advisory_work_free(&w);
        return err;
    }
    if (strcmp(r.state, "public") != 0) {
        err = make_public(&w, &r);
    } else {
        err = followed(st, arena, run_of(w.life, release), &what);
    }
    bool missing = false;
    if (!err && what == FOLLOW_NONE) {
        err = tsn_tell_start(st, arena, &w.a, &r, NULL, now_ms, run, diag);
        missing = err == TSN_ENOTFOUND && strcmp(diag->code, "P004") == 0;
    }
    if (missing) { /* it is public; the rest waits for a person */
        tsn_log(TSN_LOG_WARN, "publish.held", "code", "P004", "playbook", TSN_TELL_OUT,
                "advisory", w.a.name, NULL);
        json_object_set_new(w.life, "publication",
                            json_pack("{s:s, s:b}", "release", release, "missing", 1));
        err = tsn_advisory_work_save(&w, "advisory.held");
    } else if (!err && *run) {
        json_object_set_new(w.life, "publication",
                            json_pack("{s:s, s:s}", "release", release, "run", *run));
        err = tsn_advisory_work_save(&w, "advisory.following");
    } else if (!err && (what == FOLLOW_NONE || what == FOLLOW_DONE)) {
        err = out(&w, &r);
    }
    tsn_advisory_work_free(&w);
    return err;
}
