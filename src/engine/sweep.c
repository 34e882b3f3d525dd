/* sweep.c - what is due on disk: parked runs whose time has come, questions to be repeated, mails about them.
 *
 * A parked run costs a row and no memory: its next time stands in run.wake_at, that of an open
 * question in task.nudge_at, each with an index. The engine keeps only the nearest of them. When it
 * is reached, one look-up finds who is due. Loop thread, but for the apply functions.
 */
#include "engine/engine_impl.h"

#include <string.h>
#include "core/clock.h"
#include "core/log.h"
#include "store/record_run.h"

#define PAGE     20000 /* runs woken by one look-up */
#define AGAIN_MS 1000  /* after a full page */
#define LOOK_MS  60000 /* after one that found something: nothing may be forgotten for ever */

struct sweep_op {
    struct tsn_eop o;
    /* out */
    const char **due;
    size_t ndue;
    bool nudges, pages;
    int64_t next;
};

void tsn_sweep_at(struct tsn_engine *e, int64_t at_ms)
{
    if (at_ms <= 0 || e->closing || (e->disk_at > 0 && e->disk_at <= at_ms))
        return;
    e->disk_at = at_ms;
    tsn_wake_arm(e);
}

static void sooner(int64_t *at, int64_t other)
{
    if (other > 0 && (*at == 0 || other < *at))
        *at = other;
}

/* The nearest time behind now in this column; 0 = none. */
static tsn_err nearest(struct sweep_op *x, struct tsn_store *st, const struct tsn_table *t,
                       const char *column, size_t offset)
{
    struct tsn_filter f = {column, TSN_CMP_GT, NULL, x->o.now_ms};
    struct tsn_list how = {
        .filters = &f, .nfilters = 1, .order = column, .limit = 1, .skip_blobs = true};
    void *rows = NULL;
    size_t n = 0;
    tsn_err err = tsn_store_list(st, x->o.op.arena, t, &how, &rows, &n);

    if (!err && n)
        sooner(&x->next, *(const int64_t *)((const char *)rows + offset));
    return err;
}

static tsn_err due_rows(struct sweep_op *x, struct tsn_store *st, const struct tsn_table *t,
                        const char *column, size_t limit, void **rows, size_t *n)
{
    struct tsn_filter f[] = {{column, TSN_CMP_GT, NULL, 0},
                             {column, TSN_CMP_LT, NULL, x->o.now_ms + 1}};
    struct tsn_list how = {
        .filters = f, .nfilters = 2, .order = column, .limit = limit, .skip_blobs = true};

    return tsn_store_list(st, x->o.op.arena, t, &how, rows, n);
}

static tsn_err sweep_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct sweep_op *x = (struct sweep_op *)op;
    void *rows = NULL, *tasks = NULL;
    size_t ntasks = 0, npages = 0;
    tsn_err err = due_rows(x, st, &tsn_table_run, "wake_at", PAGE, &rows, &x->ndue);

    x->next = 0;
    x->due = tsn_arena_alloc(op->arena, (x->ndue + 1) * sizeof(*x->due));
    for (size_t i = 0; i < x->ndue; i++)
        x->due[i] = ((struct tsn_rec_run *)rows)[i].id;
    if (!err)
        err = due_rows(x, st, &tsn_table_task, "nudge_at", 1, &tasks, &ntasks);
    x->nudges = ntasks > 0;
    if (!err)
        err = due_rows(x, st, &tsn_table_page, "next_at", 1, &tasks, &npages);
    x->pages = npages > 0;
    if (!err)
        err =
            nearest(x, st, &tsn_table_page, "next_at", offsetof(struct tsn_rec_page, next_at));
    if (!err)
        err = nearest(x, st, &tsn_table_run, "wake_at", offsetof(struct tsn_rec_run, wake_at));
    if (!err)
        err = nearest(x, st, &tsn_table_task, "nudge_at",
                      offsetof(struct tsn_rec_task, nudge_at));
    return err;
}

static void swept(struct tsn_eop *o)
{
    struct sweep_op *x = (struct sweep_op *)o;
    struct tsn_engine *e = o->e;
    int64_t now = tsn_clock_wall_ms();

    e->sweeping = false;
    if (o->op.err) {
        tsn_log(TSN_LOG_WARN, "sweep.failed", "error", tsn_err_name(o->op.err), NULL);
        tsn_sweep_at(e, now + AGAIN_MS);
        return;
    }
    for (size_t i = 0; i < x->ndue && !e->closing; i++) {
        struct tsn_run *r = tsn_runmap_find(e, x->due[i]);

        if (r)
            tsn_run_due(r);
        else
            tsn_engine_wake(e, x->due[i]);
    }
    if (x->nudges)
        tsn_nudge_run(e);
    if (x->pages)
        tsn_pages_run(e);
    if (x->ndue == PAGE)
        sooner(&x->next, now + AGAIN_MS);
    else if (x->ndue > 0)
        sooner(&x->next, now + LOOK_MS);
    tsn_sweep_at(e, x->next);
}

void tsn_sweep_run(struct tsn_engine *e)
{
    struct sweep_op *x;

    if (e->sweeping || e->closing || !e->ready)
        return;
    e->sweeping = true;
    e->disk_at = 0;
    x = tsn_eop_new(e, sizeof(*x), NULL, sweep_apply, swept);
    x->o.reads = true;
    tsn_eop_submit(&x->o);
}
