/* case_figures.c - how long work takes by stage, and a case in the open. Reader's thread. */
#include <stdlib.h>
#include <string.h>
#include "casework/case_desk.h"
#include "casework/case_work.h"
#include "core/clock.h"
#include "core/json.h"
#include "store/record_case.h"

#define CASES_MAX 20000
#define DAY_MS    INT64_C(86400000)

static const char *const phases[] = {"NEW",   "TRIAGE",    "ANALYSIS", "PLAN", "FIX",
                                     "READY", "PUBLISHED", "POST",     "DONE", "REJECTED"};
#define PHASES (sizeof phases / sizeof phases[0])
static const int64_t within_days[] = {1, 3, 7, 14, 30, 90, 180, 365};
#define BUCKETS (sizeof within_days / sizeof within_days[0])

struct stage {
    int64_t *ms;
    size_t n, cap, now;
};

static size_t phase_of(const char *name)
{
    size_t i = 0;
    while (i < PHASES - 1 && strcmp(phases[i], name) != 0)
        i++;
    return i;
}

static void add(struct stage *s, int64_t ms)
{
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 64;
        s->ms = tsn_realloc(s->ms, s->cap * sizeof *s->ms);
    }
    s->ms[s->n++] = ms;
}

static tsn_err walk_case(struct tsn_store *st, struct tsn_arena *arena,
                         const struct tsn_rec_case *c, struct stage *stages)
{
    struct tsn_logged *e = NULL;
    size_t n = 0;
    int64_t since = c->opened_at;
    tsn_err err =
        tsn_store_walk(st, arena, tsn_arena_printf(arena, "case:%s", c->id), 0, &e, &n);
    if (err == TSN_ENOTFOUND)
        return 0;
    for (size_t i = 0; i < n && !err; i++) {
        if (strcmp(e[i].entry.kind, "case.phase") != 0 || !e[i].entry.from)
            continue;
        add(&stages[phase_of(e[i].entry.from)], e[i].entry.time_ms - since);
        since = e[i].entry.time_ms;
    }
    if (!strcmp(c->state, "open"))
        stages[phase_of(c->phase ? c->phase : "NEW")].now++;
    return err;
}

static int by_ms(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static json_t *stage_json(const char *name, struct stage *s)
{
    json_t *buckets = json_array();
    size_t at = 0, before = 0;
    int64_t sum = 0;
    if (s->n > 1)
        qsort(s->ms, s->n, sizeof *s->ms, by_ms);
    for (size_t i = 0; i < s->n; i++)
        sum += s->ms[i];
    for (size_t b = 0; b <= BUCKETS; b++) {
        while (at < s->n && (b == BUCKETS || s->ms[at] <= within_days[b] * DAY_MS))
            at++;
        json_t *within = b < BUCKETS ? json_sprintf("%lldd", (long long)within_days[b])
                                     : json_string("longer");
        json_array_append_new(
            buckets, json_pack("{s:o, s:I}", "within", within, "n", (json_int_t)(at - before)));
        before = at;
    }
    /* Nearest rank: a value that was there. */
    json_t *o = json_pack("{s:s, s:I, s:I, s:o}", "phase", name, "n", (json_int_t)s->n, "now",
                          (json_int_t)s->now, "buckets", buckets);
    if (s->n) {
        json_object_set_new(o, "median_ms", json_integer(s->ms[(s->n - 1) / 2]));
        json_object_set_new(o, "p90_ms", json_integer(s->ms[(s->n * 9 + 9) / 10 - 1]));
        json_object_set_new(o, "mean_ms", json_integer(sum / (int64_t)s->n));
    }
    return o;
}

tsn_err tsn_case_figures(struct tsn_store *st, struct tsn_arena *arena, int64_t now_ms,
                         json_t **out)
{
    struct tsn_list how = {.descending = true, .limit = CASES_MAX, .skip_blobs = true};
    struct stage stages[PHASES] = {0};
    void *rows;
    size_t n = 0;
    char at[25];
    tsn_err err = tsn_store_list(st, arena, &tsn_table_case, &how, &rows, &n);
    for (size_t i = 0; i < n && !err; i++)
        err = walk_case(st, arena, &((const struct tsn_rec_case *)rows)[i], stages);
    json_t *list = json_array();
    for (size_t i = 0; i < PHASES; i++) {
        json_array_append_new(list, stage_json(phases[i], &stages[i]));
        free(stages[i].ms);
    }
    tsn_time_format(at, now_ms);
    *out = json_pack("{s:o, s:I, s:s}", "stages", list, "cases", (json_int_t)n, "at", at);
    return err;
}

/* --- export ------------------------------------------------------------------------------------------ */

static tsn_err add_reports(struct tsn_store *st, struct tsn_arena *arena,
                           const struct tsn_rec_case *c, json_t *list)
{
    struct tsn_rec_track *rows;
    size_t n;
    tsn_err err = tsn_track_list(st, arena, c->id, TSN_TRACK_LINK, &rows, &n);
    for (size_t i = 0; i < n && !err; i++) {
        struct tsn_rec_report r;
        json_t *body = NULL;
        char at[25];
        if (strcmp(rows[i].state, "attached") != 0 ||
            tsn_store_get(st, arena, &tsn_table_report, rows[i].subject, &r))
            continue;
        if (r.body && tsn_json_parse(r.body, strlen(r.body), &body, NULL))
            body = NULL;
        tsn_time_format(at, r.received_at);
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:s, s:s, s:o}", "id", r.id, "name", r.name,
                                        "source", r.source ? r.source : "", "received_at", at,
                                        "report", body ? body : json_null()));
    }
    return err;
}

static tsn_err add_evidence(struct tsn_store *st, struct tsn_arena *arena,
                            const struct tsn_rec_case *c, json_t *list)
{
    struct tsn_filter f = {.column = "case_id", .cmp = TSN_CMP_EQ, .text = c->id};
    struct tsn_list how = {.filters = &f, .nfilters = 1, .limit = 10000};
    void *rows;
    size_t n = 0;
    tsn_err err = tsn_store_list(st, arena, &tsn_table_attachment, &how, &rows, &n);
    for (size_t i = 0; i < n && !err; i++) {
        const struct tsn_rec_attachment *a = &((const struct tsn_rec_attachment *)rows)[i];
        char at[25];
        tsn_time_format(at, a->added_at);
        json_array_append_new(list, json_pack("{s:s, s:s?, s:s?, s:s?, s:I, s:s?, s:s, s:b}",
                                              "id", a->id, "name", a->name, "type", a->type,
                                              "digest", a->digest, "size", (json_int_t)a->size,
                                              "added_by", a->added_by, "added_at", at, "erased",
                                              a->body == NULL));
    }
    return err;
}

tsn_err tsn_case_export(struct tsn_store *st, struct tsn_arena *arena,
                        const struct tsn_rec_case *c, json_t **out)
{
    struct tsn_logged *e = NULL;
    size_t n = 0;
    json_t *reports = json_array(), *evidence = json_array(), *story = NULL,
           *entries = json_array();
    tsn_err err = add_reports(st, arena, c, reports);
    if (!err)
        err = add_evidence(st, arena, c, evidence);
    if (!err)
        err = tsn_case_timeline(st, arena, c, &story);
    if (!err)
        err = tsn_store_walk(st, arena, tsn_arena_printf(arena, "case:%s", c->id), 0, &e, &n);
    for (size_t i = 0; i < n && !err; i++)
        json_array_append_new(entries, json_stringn(e[i].text, e[i].text_len));
    *out = json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "format", "tocsin-case/1", "case",
                     tsn_case_json(c), "tracks", tsn_case_tracks_json(st, arena, c), "reports",
                     reports, "evidence", evidence, "story", story ? story : json_array(),
                     "entries", entries);
    return err;
}
