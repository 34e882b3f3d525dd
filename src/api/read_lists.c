/* read_lists.c - lists and single records: reports, cases, runs, tasks, advisories.
 *
 * Owns nothing. Store thread of the reader: each function is one read transaction.
 */
#include "api/api_impl.h"

#include <string.h>
#include "core/text.h"
#include "intake/noise.h"
#include "store/record_advisory.h"
#include "store/record_case.h"
#include "store/record_run.h"

tsn_err tsn_read_limit(struct tsn_read *rd, size_t otherwise, size_t most, size_t *out)
{
    *out = otherwise;
    const char *text = rd->param[TSN_PARAM_LIMIT];
    if (!text)
        return 0;
    int64_t n;
    if (tsn_parse_int(text, 1, (int64_t)most, &n))
        return tsn_diag_set(&rd->op.diag, TSN_EINPUT, "H033",
                            "limit must be a number from 1 to %zu", most);
    *out = (size_t)n;
    return 0;
}

/* Every record begins with its id and, where it has one, its name. */
static const char *rec_id(const void *rec)
{
    return *(const char *const *)rec;
}

static bool has_name(const struct tsn_table *t)
{
    for (size_t i = 0; i < t->ncols; i++) {
        if (strcmp(t->cols[i].name, "name") == 0)
            return true;
    }
    return false;
}

tsn_err tsn_read_resolve(struct tsn_store *st, struct tsn_arena *arena,
                         const struct tsn_table *t, const char *what, const char *ref,
                         void *out, struct tsn_diag *diag)
{
    tsn_err err = tsn_store_get(st, arena, t, ref, out);
    if (err != TSN_ENOTFOUND)
        return err;
    static const char *const columns[] = {"name", "id"};
    for (int i = has_name(t) ? 0 : 1; i < 2; i++) {
        if (i == 0) {
            err = tsn_store_find(st, arena, t, "name", ref, out);
            if (err != TSN_ENOTFOUND)
                return err;
        }
        const struct tsn_filter filter = {columns[i], TSN_CMP_PREFIX, ref, 0};
        const struct tsn_list how = {
            .filters = &filter, .nfilters = 1, .limit = 2, .skip_blobs = true};
        void *rows;
        size_t n;
        err = tsn_store_list(st, arena, t, &how, &rows, &n);
        if (err)
            return err;
        if (n == 1)
            return tsn_store_get(st, arena, t, rec_id(rows), out);
        if (n > 1) {
            (void)tsn_diag_set(diag, TSN_ECONFLICT, "H032", "`%s` fits more than one %s", ref,
                               what);
            tsn_diag_hint(diag, "Give more of it.");
            return TSN_ECONFLICT;
        }
    }
    return tsn_diag_set(diag, TSN_ENOTFOUND, "H031", "there is no %s `%s`", what, ref);
}

/* The case a query names, by id, name or prefix; *id NULL when none was named. */
static tsn_err param_case(struct tsn_store *st, struct tsn_read *rd, const char **id)
{
    *id = NULL;
    if (!rd->param[TSN_PARAM_CASE])
        return 0;
    struct tsn_rec_case c;
    tsn_err err = tsn_case_find(st, rd->op.arena, rd->param[TSN_PARAM_CASE], &c, &rd->op.diag);
    if (!err)
        *id = c.id;
    return err;
}

static tsn_err param_run(struct tsn_store *st, struct tsn_read *rd, const char **id)
{
    *id = NULL;
    if (!rd->param[TSN_PARAM_RUN])
        return 0;
    struct tsn_rec_run r;
    tsn_err err = tsn_read_resolve(st, rd->op.arena, &tsn_table_run, "run",
                                   rd->param[TSN_PARAM_RUN], &r, &rd->op.diag);
    if (!err)
        *id = r.id;
    return err;
}

/* One page of a table: filters from the query, key cursor; ids grow with time. */
static tsn_err page(struct tsn_store *st, struct tsn_read *rd, const struct tsn_table *t,
                    struct tsn_filter *filters, size_t nfilters, bool newest_first, void **rows,
                    size_t *n, const char **next)
{
    size_t limit;
    tsn_err err = tsn_read_limit(rd, 100, 1000, &limit);
    if (err)
        return err;
    const struct tsn_list how = {.filters = filters,
                                 .nfilters = nfilters,
                                 .descending = newest_first,
                                 .limit = limit + 1,
                                 .after = rd->param[TSN_PARAM_AFTER]};
    err = tsn_store_list(st, rd->op.arena, t, &how, rows, n);
    if (err)
        return err;
    *next = NULL;
    if (*n > limit) {
        *n = limit;
        *next = rec_id((const char *)*rows + (limit - 1) * t->size);
    }
    return 0;
}

static void filter_text(struct tsn_filter *filters, size_t *n, const char *column,
                        const char *value)
{
    if (value)
        filters[(*n)++] = (struct tsn_filter){column, TSN_CMP_EQ, value, 0};
}

/* People see names; ids stay beside them. */
static void add_case_name(struct tsn_store *st, struct tsn_arena *arena, json_t *item,
                          const char *case_id)
{
    struct tsn_rec_case c;
    if (!case_id || tsn_store_get(st, arena, &tsn_table_case, case_id, &c))
        return;
    json_object_set_new(item, "case_name", tsn_view_text(c.name));
    json_object_set_new(item, "case_title", tsn_view_text(c.title));
    json_object_set_new(item, "severity", tsn_view_text(c.severity));
}

static void add_run_name(struct tsn_store *st, struct tsn_arena *arena, json_t *item,
                         const char *run_id)
{
    struct tsn_rec_run r;
    if (!run_id || tsn_store_get(st, arena, &tsn_table_run, run_id, &r))
        return;
    json_object_set_new(item, "run_name", tsn_view_text(r.name));
    json_object_set_new(item, "playbook", tsn_view_text(r.title));
}

/* Newest first, those that rank low behind all others; `after` says by its own rank where it stands. */
static tsn_err reports_ranked(struct tsn_store *st, struct tsn_read *rd, struct tsn_filter *f,
                              size_t nf, size_t limit, json_t *items, const char **next)
{
    const char *after = rd->param[TSN_PARAM_AFTER];
    struct tsn_rec_report last;
    bool low = false;
    tsn_err err = 0;
    if (after && tsn_store_get(st, rd->op.arena, &tsn_table_report, after, &last) == 0)
        low = last.noise >= TSN_NOISE_LOW;
    for (int pass = low; pass < 2 && !err && !*next; pass++) {
        f[nf] = (struct tsn_filter){"noise", pass ? TSN_CMP_GT : TSN_CMP_LT, NULL,
                                    pass ? TSN_NOISE_LOW - 1 : TSN_NOISE_LOW};
        const struct tsn_list how = {.filters = f,
                                     .nfilters = nf + 1,
                                     .descending = true,
                                     .limit = limit + 1 - json_array_size(items),
                                     .after = pass == low ? after : NULL};
        void *list = NULL;
        size_t n = 0;
        err = tsn_store_list(st, rd->op.arena, &tsn_table_report, &how, &list, &n);
        const struct tsn_rec_report *r = list;
        for (size_t i = 0; i < n && !err; i++) {
            if (json_array_size(items) == limit) {
                *next = tsn_json_str(json_array_get(items, limit - 1), "id", NULL);
                break;
            }
            json_t *item = tsn_view_report(&r[i], false);
            add_case_name(st, rd->op.arena, item, r[i].case_id);
            json_array_append_new(items, item);
        }
    }
    return err;
}

tsn_err tsn_read_reports(struct tsn_store *st, struct tsn_read *rd, json_t **out)
{
    struct tsn_filter f[3];
    size_t nf = 0, limit;
    const char *case_id, *next = NULL;
    tsn_err err = param_case(st, rd, &case_id);
    if (!err)
        err = tsn_read_limit(rd, 100, 1000, &limit);
    if (err)
        return err;
    filter_text(f, &nf, "case_id", case_id);
    filter_text(f, &nf, "kind", rd->param[TSN_PARAM_KIND]);
    json_t *items = json_array();
    err = reports_ranked(st, rd, f, nf, limit, items, &next);
    if (err) {
        json_decref(items);
        return err;
    }
    *out = tsn_view_list(items, next);
    return 0;
}

tsn_err tsn_read_cases(struct tsn_store *st, struct tsn_read *rd, json_t **out)
{
    struct tsn_filter f[2];
    size_t nf = 0, n;
    const char *next;
    void *rows;
    filter_text(f, &nf, "state", rd->param[TSN_PARAM_STATE]);
    filter_text(f, &nf, "kind", rd->param[TSN_PARAM_KIND]);
    tsn_err err = page(st, rd, &tsn_table_case, f, nf, true, &rows, &n, &next);
    if (err)
        return err;
    json_t *items = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(items, tsn_case_json(&((const struct tsn_rec_case *)rows)[i]));
    *out = tsn_view_list(items, next);
    return 0;
}

static tsn_err list_runs(struct tsn_store *st, struct tsn_read *rd, const char *case_id,
                         json_t **items, const char **next)
{
    struct tsn_filter f[3];
    size_t nf = 0, n;
    void *rows;
    filter_text(f, &nf, "case_id", case_id);
    filter_text(f, &nf, "state", rd->param[TSN_PARAM_STATE]);
    if (rd->param[TSN_PARAM_PLAYBOOK])
        f[nf++] =
            (struct tsn_filter){"title", TSN_CMP_PREFIX, rd->param[TSN_PARAM_PLAYBOOK], 0};
    tsn_err err = page(st, rd, &tsn_table_run, f, nf, true, &rows, &n, next);
    if (err)
        return err;
    *items = json_array();
    for (size_t i = 0; i < n; i++) {
        const struct tsn_rec_run *r = &((const struct tsn_rec_run *)rows)[i];
        json_t *item = tsn_view_run(r, false);
        add_case_name(st, rd->op.arena, item, r->case_id);
        json_array_append_new(*items, item);
    }
    return 0;
}

static tsn_err list_tasks(struct tsn_store *st, struct tsn_read *rd, const char *case_id,
                          const char *run_id, json_t **items, const char **next)
{
    struct tsn_filter f[4];
    size_t nf = 0, n;
    void *rows;
    filter_text(f, &nf, "case_id", case_id);
    filter_text(f, &nf, "run", run_id);
    filter_text(f, &nf, "state", rd->param[TSN_PARAM_STATE]);
    filter_text(f, &nf, "kind", rd->param[TSN_PARAM_KIND]);
    tsn_err err = page(st, rd, &tsn_table_task, f, nf, false, &rows, &n, next);
    if (err)
        return err;
    *items = json_array();
    for (size_t i = 0; i < n; i++) {
        const struct tsn_rec_task *t = &((const struct tsn_rec_task *)rows)[i];
        json_t *item = tsn_view_task(t);
        add_case_name(st, rd->op.arena, item, t->case_id);
        add_run_name(st, rd->op.arena, item, t->run);
        json_array_append_new(*items, item);
    }
    return 0;
}

tsn_err tsn_read_runs(struct tsn_store *st, struct tsn_read *rd, json_t **out)
{
    const char *case_id, *next;
    json_t *items;
    tsn_err err = param_case(st, rd, &case_id);
    if (!err)
        err = list_runs(st, rd, case_id, &items, &next);
    if (!err)
        *out = tsn_view_list(items, next);
    return err;
}

void tsn_mark_mine(struct tsn_req *req, json_t *tasks)
{
    struct tsn_actor who;
    size_t i;
    json_t *task;

    tsn_auth_actor(req, &who);
    json_array_foreach(tasks, i, task)
    {
        bool mine =
            tsn_engine_may_decide(tsn_json_str(task, "role", ""), json_object_get(task, "spec"),
                                  json_object_get(task, "votes"), &who);
        json_object_set_new(task, "mine", json_boolean(mine));
    }
}

void tsn_finish_tasks(struct tsn_req *req, json_t *out)
{
    tsn_mark_mine(req, json_object_get(out, "items"));
}

tsn_err tsn_read_tasks(struct tsn_store *st, struct tsn_read *rd, json_t **out)
{
    const char *case_id, *run_id, *next;
    json_t *items;
    tsn_err err = param_case(st, rd, &case_id);
    if (!err)
        err = param_run(st, rd, &run_id);
    if (!err)
        err = list_tasks(st, rd, case_id, run_id, &items, &next);
    if (!err)
        *out = tsn_view_list(items, next);
    return err;
}

/* The case with what hangs on it: runs, open and closed tasks, advisories. */
tsn_err tsn_read_case(struct tsn_store *st, struct tsn_read *rd, json_t **out)
{
    struct tsn_rec_case c;
    tsn_err err = tsn_case_find(st, rd->op.arena, rd->id, &c, &rd->op.diag);
    if (err)
        return err;
    for (int i = 0; i < TSN_PARAMS; i++)
        rd->param[i] = NULL;
    json_t *runs = NULL, *tasks = NULL, *advisories = NULL;
    const char *next;
    err = list_runs(st, rd, c.id, &runs, &next);
    if (!err)
        err = list_tasks(st, rd, c.id, NULL, &tasks, &next);
    if (!err) {
        json_t *list = NULL;
        rd->param[TSN_PARAM_CASE] = c.id;
        err = tsn_read_advisories(st, rd, &list);
        advisories = json_incref(json_object_get(list, "items"));
        json_decref(list);
    }
    if (err) {
        json_decref(runs);
        json_decref(tasks);
        json_decref(advisories);
        return err;
    }
    *out = tsn_case_json(&c);
    json_object_set_new(*out, "runs", runs);
    json_object_set_new(*out, "tasks", tasks);
    json_object_set_new(*out, "advisories", advisories);
    return 0;
}

tsn_err tsn_read_timeline(struct tsn_store *st, struct tsn_read *rd, json_t **out)
{
    struct tsn_rec_case c;
    tsn_err err = tsn_case_find(st, rd->op.arena, rd->id, &c, &rd->op.diag);
    if (err)
        return err;
    json_t *items = NULL;
    err = tsn_case_timeline(st, rd->op.arena, &c, &items);
    if (err)
        return err;
    *out = tsn_view_list(items, NULL);
    json_object_set_new(*out, "case", tsn_case_json(&c));
    return 0;
}

tsn_err tsn_read_run(struct tsn_store *st, struct tsn_read *rd, json_t **out)
{
    struct tsn_rec_run r;
    tsn_err err =
        tsn_read_resolve(st, rd->op.arena, &tsn_table_run, "run", rd->id, &r, &rd->op.diag);
    if (err)
        return err;
    for (int i = 0; i < TSN_PARAMS; i++)
        rd->param[i] = NULL;
    json_t *tasks;
    const char *next;
    err = list_tasks(st, rd, NULL, r.id, &tasks, &next);
    if (err)
        return err;
    *out = tsn_view_run(&r, true);
    add_case_name(st, rd->op.arena, *out, r.case_id);
    json_object_set_new(*out, "tasks", tasks);
    return 0;
}

tsn_err tsn_read_run_steps(struct tsn_store *st, struct tsn_read *rd, json_t **out)
{
    struct tsn_rec_run r;
    json_t *steps = NULL;
    tsn_err err =
        tsn_read_resolve(st, rd->op.arena, &tsn_table_run, "run", rd->id, &r, &rd->op.diag);
    if (!err)
        err = tsn_engine_steps(rd->engine, st, rd->op.arena, r.id, &steps);
    if (err)
        return err;
    *out = tsn_view_list(steps, NULL);
    json_object_set_new(*out, "run", tsn_view_run(&r, false));
    return 0;
}

tsn_err tsn_read_task(struct tsn_store *st, struct tsn_read *rd, json_t **out)
{
    struct tsn_rec_task t;
    tsn_err err =
        tsn_read_resolve(st, rd->op.arena, &tsn_table_task, "task", rd->id, &t, &rd->op.diag);
    if (err)
        return err;
    *out = tsn_view_task(&t);
    add_case_name(st, rd->op.arena, *out, t.case_id);
    add_run_name(st, rd->op.arena, *out, t.run);
    return 0;
}

tsn_err tsn_read_advisories(struct tsn_store *st, struct tsn_read *rd, json_t **out)
{
    struct tsn_filter f[2];
    size_t nf = 0, n;
    const char *case_id, *next;
    void *rows;
    tsn_err err = param_case(st, rd, &case_id);
    if (err)
        return err;
    filter_text(f, &nf, "case_id", case_id);
    filter_text(f, &nf, "state", rd->param[TSN_PARAM_STATE]);
    err = page(st, rd, &tsn_table_advisory, f, nf, true, &rows, &n, &next);
    if (err)
        return err;
    json_t *items = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(
            items, tsn_view_advisory(&((const struct tsn_rec_advisory *)rows)[i], false));
    *out = tsn_view_list(items, next);
    return 0;
}

tsn_err tsn_read_advisory(struct tsn_store *st, struct tsn_read *rd, json_t **out)
{
    struct tsn_rec_advisory a;
    tsn_err err = tsn_read_resolve(st, rd->op.arena, &tsn_table_advisory, "advisory", rd->id,
                                   &a, &rd->op.diag);
    if (!err)
        *out = tsn_view_advisory(&a, true);
    return err;
}
