/* task_nudge.c - questions that wait too long: repeated, and put to more people.
 *
 * When comes from the question itself: every `remind_ms` once more, and along `escalate` to one
 * role after the other, which may then decide as well. Missed times count once. Each is an entry.
 * Loop thread, but for the apply function and tsn_nudge_next.
 */
#include "engine/engine_impl.h"

#include <stdlib.h>
#include <string.h>
#include "core/fault.h"
#include "core/json.h"
#include "core/log.h"
#include "store/record_run.h"

#define PAGE          200
#define REMINDERS_MAX 1000

int64_t tsn_nudge_next(const json_t *spec, int64_t opened_at, int64_t due_at)
{
    int64_t every = tsn_json_int(spec, "remind_ms", 0);
    int64_t reminded = tsn_json_int(spec, "reminded", 0);
    const json_t *chain = json_object_get(spec, "escalate");
    const json_t *up = json_array_get(chain, (size_t)tsn_json_int(spec, "escalated", 0));
    int64_t next = 0, at;

    if (every > 0 && reminded < REMINDERS_MAX)
        next = opened_at + every * (reminded + 1);
    if (up) {
        at = opened_at + tsn_json_int(up, "after_ms", 0);
        if (next == 0 || at < next)
            next = at;
    }
    return due_at > 0 && next >= due_at ? 0 : next;
}

struct nudge_op {
    struct tsn_eop o;
    size_t n;     /* out: looked at */
    int64_t next; /* out: the nearest of those that were looked at */
};

static tsn_err entry_of(struct nudge_op *x, struct tsn_store *st, const struct tsn_rec_run *run,
                        const struct tsn_rec_task *t, const json_t *spec, const char *kind,
                        const char *to)
{
    struct tsn_append e = tsn_run_entry(x->o.op.arena, run, kind);

    e.step = t->path;
    e.to = to;
    e.ref = tsn_json_int(spec, "seq", -1);
    return tsn_store_append(st, &e, NULL);
}

static tsn_err escalate(struct nudge_op *x, struct tsn_store *st, const struct tsn_rec_run *run,
                        const struct tsn_rec_task *t, json_t *spec)
{
    const json_t *chain = json_object_get(spec, "escalate");
    size_t i = (size_t)tsn_json_int(spec, "escalated", 0);
    const json_t *up;
    tsn_err err = 0;

    while (!err && (up = json_array_get(chain, i)) != NULL &&
           t->opened_at + tsn_json_int(up, "after_ms", 0) <= x->o.now_ms) {
        const char *to = tsn_json_str(up, "to", "");

        json_array_append_new(json_object_get(spec, "roles"), json_string(to));
        err = entry_of(x, st, run, t, spec, "task.escalated", to);
        if (!err)
            err = tsn_page_put(x->o.e, st, x->o.op.arena, t, spec, "escalated", (int64_t)i, to,
                               x->o.now_ms);
        tsn_log(TSN_LOG_WARN, "task.escalated", "task", t->name, "to", to, NULL);
        i++;
    }
    json_object_set_new(spec, "escalated", json_integer((json_int_t)i));
    return err;
}

static tsn_err remind(struct nudge_op *x, struct tsn_store *st, const struct tsn_rec_run *run,
                      const struct tsn_rec_task *t, json_t *spec)
{
    int64_t every = tsn_json_int(spec, "remind_ms", 0);
    int64_t times = every > 0 ? (x->o.now_ms - t->opened_at) / every : 0;
    tsn_err err;

    if (times <= tsn_json_int(spec, "reminded", 0))
        return 0;
    json_object_set_new(spec, "reminded", json_integer(times));
    tsn_log(TSN_LOG_INFO, "task.reminded", "task", t->name, "role", t->role, NULL);
    err = entry_of(x, st, run, t, spec, "task.reminded", t->role);
    return err ? err
               : tsn_page_put(x->o.e, st, x->o.op.arena, t, spec, "reminded", times, NULL,
                              x->o.now_ms);
}

static tsn_err nudge(struct nudge_op *x, struct tsn_store *st, struct tsn_rec_task *t)
{
    struct tsn_arena *a = x->o.op.arena;
    struct tsn_owned own;
    json_t *spec = NULL;
    char *text;
    tsn_err err = tsn_run_own(st, a, t->run, x->o.epoch, &own);

    t->nudge_at = 0;
    if (err && err != TSN_ELOST)
        return err;
    if (!err && t->spec && tsn_json_parse(t->spec, strlen(t->spec), &spec, NULL) == 0) {
        /* Who it goes up to now is told that, and not reminded at the same moment. */
        err = remind(x, st, &own.row, t, spec);
        if (!err)
            err = escalate(x, st, &own.row, t, spec);
        t->nudge_at = tsn_nudge_next(spec, t->opened_at, t->due_at);
        text = tsn_json_text(spec);
        t->spec = tsn_arena_strdup(a, text);
        free(text);
        json_decref(spec);
    }
    if (err && err != TSN_ELOST)
        return err;
    if (t->nudge_at > 0 && (x->next == 0 || t->nudge_at < x->next))
        x->next = t->nudge_at;
    return tsn_store_update_if_text(st, &tsn_table_task, t, "state", t->state);
}

static tsn_err nudge_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct nudge_op *x = (struct nudge_op *)op;
    struct tsn_filter f[] = {{"nudge_at", TSN_CMP_GT, NULL, 0},
                             {"nudge_at", TSN_CMP_LT, NULL, x->o.now_ms + 1}};
    struct tsn_list how = {.filters = f, .nfilters = 2, .order = "nudge_at", .limit = PAGE};
    void *rows = NULL;
    tsn_err err = tsn_store_list(st, op->arena, &tsn_table_task, &how, &rows, &x->n);

    x->next = 0;
    for (size_t i = 0; i < x->n && !err; i++) {
        struct tsn_rec_task *t = &((struct tsn_rec_task *)rows)[i];

        if (strcmp(t->state, "open") == 0)
            err = nudge(x, st, t);
        else {
            t->nudge_at = 0;
            err = tsn_store_put(st, &tsn_table_task, t);
        }
    }
    return err;
}

static void nudged(struct tsn_eop *o)
{
    struct nudge_op *x = (struct nudge_op *)o;

    tsn_fault("engine.nudge.committed");
    if (o->op.err)
        tsn_log(TSN_LOG_ERROR, "task.not_reminded", "error", tsn_err_name(o->op.err), NULL);
    else if (x->n == PAGE)
        tsn_nudge_run(o->e);
    else
        tsn_sweep_at(o->e, x->next);
    if (!o->op.err)
        tsn_pages_run(o->e);
}

void tsn_nudge_run(struct tsn_engine *e)
{
    tsn_eop_submit(tsn_eop_new(e, sizeof(struct nudge_op), NULL, nudge_apply, nudged));
}
