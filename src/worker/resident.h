/* resident.h - one run that lives in this worker: its box, its journal, its place.
 *
 * Turns what Lua wants and what the record holds into frames. Owned by struct tsn_worker; main
 * thread.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include "core/err.h"

/* Sends one frame; takes the reference to `payload`. */
typedef void tsn_worker_emit(void *user, uint8_t type, json_t *payload);

struct tsn_resident;

/* From a LOAD frame: replays as far as the record goes and asks for what is new. *out is NULL
 * when the run is over already (ENDED, FAILED or DIVERGED was sent). TSN_EINPUT: not a LOAD. */
tsn_err tsn_resident_open(struct tsn_resident **out, const json_t *load, tsn_worker_emit *emit,
                          void *user);
void tsn_resident_close(struct tsn_resident *r); /* NULL allowed */
const char *tsn_resident_run(const struct tsn_resident *r);
/* An outcome from the core. False: the run is over here, close it. */
bool tsn_resident_deliver(struct tsn_resident *r, const json_t *frame);
/* FAILED R030; close it afterwards. */
void tsn_resident_cancel(struct tsn_resident *r, const char *reason);

/* Answers a DESCRIBE frame. TSN_EINPUT: not one. */
tsn_err tsn_resident_describe(const json_t *frame, tsn_worker_emit *emit, void *user);

/* Answers a TOOL frame: a tool of src/worker/author. TSN_EINPUT: not one. */
tsn_err tsn_resident_tool(const json_t *frame, tsn_worker_emit *emit, void *user);
