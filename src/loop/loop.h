/* loop.h - the one libuv loop of the core, its timers, signals and "next turn" queue.
 * Loop thread only, but for tsn_mailbox_send (mailbox.h). */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>
#include "core/err.h"

struct tsn_loop;
/* Also ignores SIGPIPE, for the whole process. */
tsn_err tsn_loop_open(struct tsn_loop **out);
/* Runs until tsn_loop_stop, or until nothing is left to do. After stop it still finishes what is
 * queued for the next turn and the handles that are closing, then returns; it does not wait for
 * open handles, timers or children. May be called again. */
void tsn_loop_run(struct tsn_loop *loop);
/* Also before run, which then returns at once. */
void tsn_loop_stop(struct tsn_loop *loop);
/* Close what uses the loop first: handles still open are named in the log and then lost. */
void tsn_loop_close(struct tsn_loop *loop);
uv_loop_t *tsn_loop_uv(struct tsn_loop *loop);
/* The longest single turn since the last call, in microseconds: what must stay small. */
int64_t tsn_loop_worst_turn_us(struct tsn_loop *loop);

/* fn runs once in a fresh turn, never inside the caller. */
void tsn_loop_later(struct tsn_loop *loop, void (*fn)(void *user), void *user);

/* Something waits for the next turn. */
bool tsn_loop_pending(const struct tsn_loop *loop);

struct tsn_timer;
/* fn after ms (0 = next turn), once; a timer can be armed again and again. */
struct tsn_timer *tsn_timer_new(struct tsn_loop *loop, void (*fn)(void *user), void *user);
void tsn_timer_arm(struct tsn_timer *t, int64_t ms);
void tsn_timer_disarm(struct tsn_timer *t);
void tsn_timer_destroy(struct tsn_timer *t); /* NULL allowed; also from inside fn */

/* Simulated time: from now on the timers of this loop count by tsn_clock_mono_ms, which the caller
 * has replaced (core/clock.h), and fire in tsn_loop_fire alone, in order of time and arming. Before
 * the first timer is armed. */
void tsn_loop_simulate(struct tsn_loop *loop);
int64_t tsn_loop_next_due(const struct tsn_loop *loop); /* monotonic; INT64_MAX = none armed */
void tsn_loop_fire(struct tsn_loop *loop);              /* all that are due now */
