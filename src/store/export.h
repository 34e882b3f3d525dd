/* export.h - the log as JSON lines that any script can read: {seq, prev, entry, leaf} a line, with
 * "gone": true where the entry commits to a payload that does not stand beside it any more; the
 * last line {size, root}. Payloads stay sealed and are not in it. Offline commands. */
#pragma once

#include "store/store.h"

/* fn gets one line without its line end; an error stops the export. */
tsn_err tsn_store_export(struct tsn_store *st,
                         tsn_err (*fn)(const char *line, size_t len, void *user), void *user);
