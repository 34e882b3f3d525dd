/* clock_tick.h - looks at clocks whose time has come: once a second a cheap read, and a write only
 * when there is something to do. Loop thread. */
#pragma once

#include "casework/casework.h"
#include "store/reader.h"
#include "store/writer.h"

struct tsn_loop;
struct tsn_clock_tick;

struct tsn_clock_tick_config {
    struct tsn_loop *loop;
    struct tsn_reader *reader;
    struct tsn_writer *writer;
    const struct tsn_casework_config *casework;
    int64_t every_ms; /* 0 = 1,000 */
    /* Store thread, in the transaction that tells a warning or miss: an event for rules. */
    tsn_err (*event)(void *user, struct tsn_store *st, struct tsn_arena *arena,
                     const char *case_id, const char *kind, const char *dedupe,
                     const json_t *body, int64_t now_ms, json_t *runs, struct tsn_diag *diag);
    /* Loop thread, after the commit: ids of the runs that were created. */
    void (*told)(const json_t *runs, void *user);
    void *user;
    /* Ids of rows that failed before: left out, so that one cannot hold up all others. */
    const char *const *skip;
    size_t nskip, most; /* most: rows at once; 0 = 200 */
};
tsn_err tsn_clock_tick_open(struct tsn_clock_tick **out,
                            const struct tsn_clock_tick_config *config);
/* What is under way finishes by itself. NULL allowed. */
void tsn_clock_tick_close(struct tsn_clock_tick *t);
/* Store thread: clocks and embargoes that are due at now_ms; *n: how many rows were looked at. Tests call it
 * with years to come. On an error diag's file is the id of the row that failed. */
tsn_err tsn_clock_tick_now(struct tsn_store *st, struct tsn_arena *arena,
                           const struct tsn_clock_tick_config *config, int64_t now_ms,
                           size_t *n, json_t *runs, struct tsn_diag *diag);
