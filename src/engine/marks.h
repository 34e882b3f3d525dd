/* marks.h - which runs the core was at when it died: a small file that outlives the process.
 *
 * A run is marked before it is loaded and until it has come on: its first commit, a call that was begun, or rest. A
 * mark that is still there at the next start counts against the run: TSN_MARKS_CRASH when the process
 * ended by a fault of its own (SIGSEGV, SIGABRT ...), TSN_MARKS_GONE when nobody knows why (kill -9, memory,
 * power). Runs with a count are loaded alone, so that the count of an innocent goes; at
 * TSN_MARKS_STUCK a run is not loaded any more. The file is mapped and shared, so a mark costs two stores and
 * survives the process. Loop thread; the signal handler only writes one word.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include "core/diag.h"

#define TSN_MARKS_MAX   256
#define TSN_MARKS_CRASH 4
#define TSN_MARKS_GONE  1
#define TSN_MARKS_STUCK 20

struct tsn_marks;

/* Counts what the last life left, and watches for signals that end this one. One at a time in a process. */
tsn_err tsn_marks_open(struct tsn_marks **out, const char *path, struct tsn_diag *diag);
/* An orderly end: what is marked does not count. NULL allowed, here and below. */
void tsn_marks_close(struct tsn_marks *m);
/* The mark, for tsn_marks_clear; 0: all are taken, the run goes unmarked. */
unsigned tsn_marks_set(struct tsn_marks *m, const char *run_id);
void tsn_marks_clear(struct tsn_marks *m, unsigned mark);
/* What stands against a run; 0 = nothing. */
unsigned tsn_marks_count(const struct tsn_marks *m, const char *run_id);
size_t tsn_marks_active(const struct tsn_marks *m);
