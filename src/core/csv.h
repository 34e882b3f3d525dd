/* csv.h - RFC 4180 for people who open it in a spreadsheet. Pure. */
#pragma once

#include "core/buf.h"

/* One cell, quoted where needed. A cell that a spreadsheet would run as a formula (it begins with
 * = + - @, a tab or a carriage return) gets an apostrophe before it; numbers keep their sign. */
void tsn_csv_cell(struct tsn_buf *out, const char *text, size_t len);
