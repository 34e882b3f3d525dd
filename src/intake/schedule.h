/* schedule.h - events that come by the clock: intervals and cron times; rules say what they start.
 *
 * Each is an event `schedule.due` with the time it was planned for as its key, so it comes once,
 * whatever is killed when. Times that were missed while nobody ran count as one. Loop thread. */
#pragma once

#include "intake/cron.h"
#include "intake/intake.h"

struct tsn_loop;
struct tsn_schedules;

struct tsn_schedule_config {
    const char *name, *title; /* title of the case it opens */
    int64_t every_ms;         /* 0 = by cron: */
    const char *cron_text;
    struct tsn_cron cron;
    const struct tsn_zone *zone; /* NULL = UTC */
    const json_t *inputs;        /* object of what the run sees as ev.inputs; NULL = none */
};

struct tsn_schedules_config {
    struct tsn_loop *loop;
    struct tsn_writer *writer;
    struct tsn_engine *engine;
    struct tsn_intake *intake;
    const struct tsn_schedule_config *list; /* borrowed until close */
    size_t n;
};
/* When the engine is ready: looks what is due. */
tsn_err tsn_schedules_open(struct tsn_schedules **out,
                           const struct tsn_schedules_config *config);
void tsn_schedules_close(struct tsn_schedules *s);
/* The time behind `from_ms` (an earlier planned time) that is the last not after `now_ms`, how many
 * were missed before it, and the next one. Pure. */
void tsn_schedule_step(const struct tsn_schedule_config *c, int64_t from_ms, int64_t now_ms,
                       int64_t *planned_ms, int64_t *missed, int64_t *next_ms);
