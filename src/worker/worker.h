/* worker.h - the worker as a state machine over frames: which runs live here, who gets what.
 *
 * Knows no descriptor: bytes come in by tsn_worker_feed, frames leave through `write`. Main
 * thread.
 */
#pragma once

#include <stddef.h>
#include "core/err.h"

struct tsn_worker;

/* `write` gets whole encoded frames and must not fail (it ends the process where it cannot). It is
 * called before Lua runs too (BEGAN), so it must not collect. */
void tsn_worker_new(struct tsn_worker **out, void (*write)(void *user, const void *p, size_t n),
                    void *user);
void tsn_worker_destroy(struct tsn_worker *w);
void tsn_worker_hello(struct tsn_worker *w, const char *weaker);
/* TSN_EINPUT: what came is not the protocol; the conversation is over. */
tsn_err tsn_worker_feed(struct tsn_worker *w, const void *p, size_t n);
