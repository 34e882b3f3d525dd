/* schedule.c - the timer of the schedules, and the op that turns a due one into an event.
 *
 * When each comes next stands in a row, so a restart neither forgets nor repeats one. Loop thread, but
 * for apply_due. */
#include "intake/schedule.h"

#include <string.h>
#include "core/clock.h"
#include "core/fault.h"
#include "core/json.h"
#include "core/log.h"
#include "loop/loop.h"
#include "store/record_run.h"

#define LOOK_MS    60000 /* the wall clock may step */
#define AGAIN_MS   5000
#define MISSED_MAX 100000

struct tsn_schedules {
    struct tsn_schedules_config config;
    struct tsn_timer *timer;
    int64_t next_ms; /* nearest of all; 0 = look now */
    bool busy, closed;
};

struct due_op {
    struct tsn_op op; /* first */
    struct tsn_schedules *s;
    int64_t now_ms;
    /* outputs of apply */
    int64_t next_ms;
    const char **wake;
    size_t nwake;
};

void tsn_schedule_step(const struct tsn_schedule_config *c, int64_t from_ms, int64_t now_ms,
                       int64_t *planned_ms, int64_t *missed, int64_t *next_ms)
{
    *planned_ms = from_ms;
    *missed = 0;
    if (c->every_ms > 0) {
        if (now_ms >= from_ms)
            *missed = (now_ms - from_ms) / c->every_ms;
        *planned_ms = from_ms + *missed * c->every_ms;
        *next_ms = *planned_ms + c->every_ms;
        return;
    }
    *next_ms = tsn_cron_next(&c->cron, c->zone, from_ms);
    while (*next_ms > 0 && *next_ms <= now_ms && *missed < MISSED_MAX) {
        ++*missed;
        *planned_ms = *next_ms;
        *next_ms = tsn_cron_next(&c->cron, c->zone, *planned_ms);
    }
    /* Nobody counts the minutes of years: the rest is one too. */
    if (*next_ms > 0 && *next_ms <= now_ms)
        *next_ms = tsn_cron_next(&c->cron, c->zone, now_ms);
}

static const char *spec_of(struct tsn_arena *a, const struct tsn_schedule_config *c)
{
    if (c->every_ms > 0)
        return tsn_arena_printf(a, "every %lld", (long long)c->every_ms);
    return tsn_arena_printf(a, "cron %s %s", c->cron_text,
                            c->zone ? tsn_zone_name(c->zone) : "UTC");
}

static int64_t first_time(const struct tsn_schedule_config *c, int64_t now_ms)
{
    return c->every_ms > 0 ? now_ms + c->every_ms : tsn_cron_next(&c->cron, c->zone, now_ms);
}

static tsn_err fire(struct due_op *d, struct tsn_store *st, const struct tsn_schedule_config *c,
                    int64_t planned, int64_t missed)
{
    struct tsn_arena *a = d->op.arena;
    struct tsn_case_new open = {.kind = "scheduled", .title = c->title ? c->title : c->name};
    struct tsn_event_out out;
    char at[25];
    tsn_time_format(at, planned);
    json_t *body = json_pack("{s:s, s:s, s:s, s:I}", "kind", "schedule.due", "schedule",
                             c->name, "at", at, "missed", (json_int_t)missed);
    json_object_set_new(body, "inputs", c->inputs ? json_deep_copy(c->inputs) : json_object());
    const struct tsn_event_new ev = {.source = tsn_arena_printf(a, "schedule:%s", c->name),
                                     .dedupe = at,
                                     .kind = "schedule.due",
                                     .body = body,
                                     .open = &open};
    tsn_err err =
        tsn_event_accept(st, a, d->s->config.intake, &ev, d->now_ms, &out, &d->op.diag);
    json_decref(body);
    for (size_t i = 0; !err && i < out.nwake; i++)
        d->wake[d->nwake++] = out.wake[i];
    return err;
}

static tsn_err one_due(struct due_op *d, struct tsn_store *st,
                       const struct tsn_schedule_config *c)
{
    struct tsn_rec_schedule row;
    const char *spec = spec_of(d->op.arena, c);
    int64_t planned, missed;
    tsn_err err = tsn_store_get(st, d->op.arena, &tsn_table_schedule, c->name, &row);
    bool fresh = err == TSN_ENOTFOUND || (!err && (!row.spec || strcmp(row.spec, spec) != 0));
    if (err && err != TSN_ENOTFOUND)
        return err;
    if (fresh) {
        row = (struct tsn_rec_schedule){
            .name = c->name, .spec = spec, .next_at = first_time(c, d->now_ms)};
        err = tsn_store_put(st, &tsn_table_schedule, &row);
    } else if (row.next_at > 0 && row.next_at <= d->now_ms) {
        tsn_schedule_step(c, row.next_at, d->now_ms, &planned, &missed, &row.next_at);
        row.last_at = planned;
        err = fire(d, st, c, planned, missed);
        if (!err)
            err = tsn_store_put(st, &tsn_table_schedule, &row);
    }
    if (row.next_at > 0 && (d->next_ms == 0 || row.next_at < d->next_ms))
        d->next_ms = row.next_at;
    return err;
}

/* Store thread. */
static tsn_err apply_due(struct tsn_op *op, struct tsn_store *st)
{
    struct due_op *d = (struct due_op *)op;
    tsn_err err = 0;
    d->next_ms = 0;
    d->nwake = 0;
    for (size_t i = 0; i < d->s->config.n && !err; i++)
        err = one_due(d, st, &d->s->config.list[i]);
    return err;
}

static void schedules_free(struct tsn_schedules *s)
{
    tsn_timer_destroy(s->timer);
    free(s);
}

static void arm(struct tsn_schedules *s)
{
    int64_t ms = s->next_ms - tsn_clock_wall_ms();
    if (s->closed || s->config.n == 0)
        return;
    tsn_timer_arm(s->timer, ms < 0 ? 0 : ms > LOOK_MS ? LOOK_MS : ms);
}

static void due_done(struct tsn_op *op)
{
    struct due_op *d = (struct due_op *)op;
    struct tsn_schedules *s = d->s;
    tsn_fault("intake.schedule.committed");
    s->busy = false;
    if (op->err)
        tsn_log(TSN_LOG_ERROR, "schedule.failed", "error", tsn_err_name(op->err), "why",
                op->diag.what, NULL);
    s->next_ms = op->err ? tsn_clock_wall_ms() + AGAIN_MS : d->next_ms;
    for (size_t i = 0; !op->err && !s->closed && i < d->nwake; i++)
        tsn_engine_wake(s->config.engine, d->wake[i]);
    tsn_op_destroy(op);
    tsn_intake_release(s->config.intake);
    if (s->closed)
        schedules_free(s);
    else if (s->next_ms > 0)
        arm(s);
}

static void look(void *user)
{
    struct tsn_schedules *s = user;
    if (s->busy || s->closed)
        return;
    if (s->next_ms > tsn_clock_wall_ms()) {
        arm(s);
        return;
    }
    struct due_op *d = tsn_op_new(sizeof *d, apply_due, due_done, NULL);
    d->s = s;
    d->now_ms = tsn_clock_wall_ms();
    d->wake = tsn_arena_alloc(d->op.arena, (s->config.n * 24 + 1) * sizeof *d->wake);
    tsn_intake_refresh(s->config.intake);
    tsn_intake_hold(s->config.intake);
    s->busy = true;
    if (tsn_writer_submit(s->config.writer, &d->op, TSN_LANE_RUNS)) {
        s->busy = false;
        tsn_intake_release(s->config.intake);
        tsn_op_destroy(&d->op);
        s->next_ms = d->now_ms + AGAIN_MS;
        arm(s);
    }
}

tsn_err tsn_schedules_open(struct tsn_schedules **out,
                           const struct tsn_schedules_config *config)
{
    struct tsn_schedules *s = tsn_alloc(sizeof *s);
    s->config = *config;
    s->timer = tsn_timer_new(config->loop, look, s);
    if (config->n > 0)
        look(s);
    *out = s;
    return 0;
}

void tsn_schedules_close(struct tsn_schedules *s)
{
    if (!s)
        return;
    s->closed = true;
    tsn_timer_disarm(s->timer);
    if (!s->busy)
        schedules_free(s);
}
