/* csv.h - RFC 4180 for people who open it in a spreadsheet. Pure. */
#pragma once

#include "core/buf.h"
#include "core/mem.h"

/* One cell, quoted where needed. A cell that a spreadsheet would run as a formula (it begins with
 * = + - @, a tab or a carriage return) gets an apostrophe before it; numbers keep their sign. */
/* Cells of the record at *at of a text, and *at moves behind it; quotes are undone. `cells` gets at most
 * `max` texts of the arena, *n how many there were. TSN_ENOTFOUND: no more. TSN_EINPUT: a quote that does
 * not end, or more cells than `max`. Blank lines are skipped. */
tsn_err tsn_csv_record(struct tsn_arena *arena, const char **at, const char **cells, size_t max,
                       size_t *n);
void tsn_csv_cell(struct tsn_buf *out, const char *text, size_t len);
