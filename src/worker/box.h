/* box.h - one sandboxed Lua state: a playbook bundle, loaded, run from step to step.
 *
 * A box owns its state, the step it wants, its result and its last error. Nothing that Lua does
 * can leave a box but through tsn_box_start/resume: no exception, no address, no endless loop
 * (CPU budget between two yields), no memory past its cap. One thread: the worker's main one,
 * because the budget's timer signals it.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/err.h"
#include "journal/journal.h"

struct tsn_box;

struct tsn_box_config {
    const json_t *files;      /* path -> source; the bundle */
    const char *main;         /* "customer-incident.lua"; NULL = a box for tools only */
    const json_t *connectors; /* name -> [method, ...]; NULL = any (describe) */
    const char *seed;         /* any text; the same one gives the same random() and uuid() */
    int64_t started_ms;       /* now() before the first step */
    size_t memory_bytes;      /* 0 = 16 MiB */
    int64_t cpu_ms;           /* between two yields; 0 = 250 */
    bool dry;                 /* results that nobody knows stop the code that looks at them */
    bool author;              /* with the author's tools, and specs instead of playbooks */
    /* Does the code of `patched(id)` run at this path? True: new, or on record as such. NULL: yes. */
    bool (*patched)(void *user, const char *path, const char *id);
    void (*log)(void *user, const char *level, const char *text); /* may be NULL */
    void *user;
};

/* Why it stopped. `killed`: by budget or cap, not by its own doing. */
struct tsn_box_error {
    char code[32];
    char text[1024];
    char hint[320];
    char file[200];
    int line, col;
    char source[200];
    char traceback[2048];
    bool killed;
};

/* A step that a playbook wants. */
struct tsn_box_want {
    char path[TSN_PATH_MAX + 1];
    enum tsn_jkind kind;
    char name[200];
    json_t *args, *opts; /* objects, never NULL */
    int line;
};

/* What an activation brought, in order. */
enum tsn_box_word {
    TSN_BOX_WANT,     /* a new step: want */
    TSN_BOX_JOINED,   /* all branches of the parallel at want.path have ended: its outcome */
    TSN_BOX_DISMISSED /* nobody needs the open step at want.path any more */
};
struct tsn_box_event {
    enum tsn_box_word word;
    struct tsn_box_want want;
    const char *outcome; /* joined: "ok" "fail" "cancelled" */
    json_t *result;      /* joined: { winner } or { failed, error } */
};

enum tsn_box_state {
    TSN_BOX_WANTS, /* tsn_box_take until NULL, then tsn_box_resume */
    TSN_BOX_ENDED, /* tsn_box_result */
    TSN_BOX_FAILED /* tsn_box_error; nothing but destroy is allowed */
};

/* Once, before the system-call filter: the CPU timer. A worker without a usable timer still
 * runs, watched by the core's wall clock alone; the sentence says so ("" = fine). */
const char *tsn_box_init(void);

/* Runs the file's top level; `*out` is set also on failure, so that the error can be read. */
tsn_err tsn_box_open(struct tsn_box **out, const struct tsn_box_config *config);
void tsn_box_close(struct tsn_box *box); /* NULL allowed */

/* Of a box with the author's tools and no main file: calls tool `name` of src/worker/author. *out is
 * a new reference. TSN_EINPUT, TSN_EKILLED: tsn_box_error says why, and the box is over. */
tsn_err tsn_box_tool(struct tsn_box *box, const char *name, const json_t *input, json_t **out);

/* name, title, on, roles, clocks, key and match (flags), connectors. New reference. */
json_t *tsn_box_meta(const struct tsn_box *box);

/* run(case, ev, state). All borrowed; state is what restart{} left, NULL at first. */
enum tsn_box_state tsn_box_start(struct tsn_box *box, const json_t *rcase, const json_t *input,
                                 const json_t *state);
/* Hands over the outcome of the open step at `path`. `result` is borrowed. FAILED with code R029
 * when no branch waits there. */
enum tsn_box_state tsn_box_resume(struct tsn_box *box, const char *path, const char *outcome,
                                  const json_t *result, int64_t at_ms);
/* The next event, or NULL. The box owns it, until the next take or resume. */
const struct tsn_box_event *tsn_box_take(struct tsn_box *box);
/* While recorded results are still to come, log() is silent. */
void tsn_box_set_replaying(struct tsn_box *box, bool replaying);

/* The first step wanted that was not taken; else an empty one. */
const struct tsn_box_want *tsn_box_want(const struct tsn_box *box);
const json_t *tsn_box_result(const struct tsn_box *box);
const struct tsn_box_error *tsn_box_error(const struct tsn_box *box);
size_t tsn_box_memory(const struct tsn_box *box); /* bytes in use */
