/* replay.h - a recorded run, stepped through: its code in a confined worker, its outcomes as recorded.
 *
 * Sends nothing and needs no store: the worker asks, the record answers, and there is nobody else. Going back
 * loads the run again and goes forward to there. Blocks; one thread.
 */
#pragma once

#include "author/workshop.h"

struct tsn_replay;

/* `record` as tsn_run_record gives it (L287: it is not); `bundle` NULL = the recorded one; `connectors` as
 * tsn_sim_connectors. All borrowed until close. Stands before the first outcome. */
tsn_err tsn_replay_open(struct tsn_replay **out, struct tsn_workshop *w, const json_t *record,
                        const json_t *bundle, const json_t *connectors, struct tsn_diag *diag);
void tsn_replay_close(struct tsn_replay *r);           /* NULL allowed */
int64_t tsn_replay_length(const struct tsn_replay *r); /* outcomes on record */
/* To the place behind the n-th outcome, or as far as the code and the record agree. */
tsn_err tsn_replay_go(struct tsn_replay *r, int64_t n, struct tsn_diag *diag);
/* { at, of, now, last: item, wants: [ { path, kind, name, args, line, recorded: item or absent } ], end: {
 * says: ended|failed, ... }, diverged: { path, recorded, asked } }; new reference. */
json_t *tsn_replay_place(const struct tsn_replay *r);
