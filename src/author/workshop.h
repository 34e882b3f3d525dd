/* workshop.h - a worker for playbook authors: files described and looked at, without a daemon.
 *
 * Starts one tocsin-worker on a loop of its own and talks to it in turn: a request, its answer. Blocks;
 * one thread, before any other loop of the process runs. A worker that dies or overruns 20 s is an error
 * of that request, and the next one starts another.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include "core/diag.h"

struct tsn_workshop;

tsn_err tsn_workshop_open(struct tsn_workshop **out, struct tsn_diag *diag);
void tsn_workshop_close(struct tsn_workshop *w); /* NULL allowed */

/* Answers of frames DESCRIBE and TOOL (docs/worker-protocol.md): *out is a new reference. */
tsn_err tsn_workshop_describe(struct tsn_workshop *w, const char *file, const json_t *bundle,
                              json_t **out, struct tsn_diag *diag);
/* *out is the tool's output; TSN_EINPUT with what the tool said when it failed. */
tsn_err tsn_workshop_tool(struct tsn_workshop *w, const char *tool, const json_t *input,
                          json_t **out, struct tsn_diag *diag);

/* A conversation with a loaded box: sends LOAD or DELIVER (takes `payload`) and waits until it has the word
 * again. *wants: the WANT frames that came (new reference, may be empty). *type IDLE: it waits for them;
 * else ENDED, FAILED or DIVERGED with *frame (new reference, NULL for IDLE). */
tsn_err tsn_workshop_play(struct tsn_workshop *w, uint8_t type, json_t *payload, json_t **wants,
                          uint8_t *type_out, json_t **frame, struct tsn_diag *diag);
