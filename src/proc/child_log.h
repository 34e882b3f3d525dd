/* child_log.h - what a child writes to stderr, as lines of our log: cut, counted, never trusted.
 * Part of child.c; loop thread only. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define TSN_CHILD_LOG_LINE 1000

struct tsn_child_log {
    const char *name; /* borrowed */
    char line[TSN_CHILD_LOG_LINE + 1];
    size_t len;
    int cut;            /* the rest of this line is dropped */
    int64_t window_ms;  /* start of the current minute */
    unsigned in_window; /* lines written in it */
    unsigned dropped;
};

void tsn_child_log_init(struct tsn_child_log *log, const char *name);
void tsn_child_log_add(struct tsn_child_log *log, const char *p, size_t n);
void tsn_child_log_end(struct tsn_child_log *log); /* writes a last line without an end */
