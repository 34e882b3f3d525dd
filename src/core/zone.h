/* zone.h - time zones of the IANA database: what the clocks on a wall show.
 *
 * Reads TZif files (RFC 9636, version 2 and later) with the POSIX rule of their last line, so
 * that years past the table are right too. Independent of TZ, of the locale and of the C library's
 * global state: a zone is a constant once loaded and may be used by any thread. Loading blocks on
 * a file (TZDIR, else /usr/share/zoneinfo); everything else is pure. Seconds are Unix seconds,
 * without leap seconds; "local" seconds are the civil time counted as if it were UTC.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "core/diag.h"
#include "core/mem.h"

struct tsn_zone;

/* "Europe/Berlin", "UTC". The zone lives in `arena`. C044 when there is none of this name. */
tsn_err tsn_zone_load(struct tsn_arena *arena, const char *name, const struct tsn_zone **out,
                      struct tsn_diag *diag);
/* The same from bytes; TSN_EINPUT when they are no TZif file. */
tsn_err tsn_zone_parse(struct tsn_arena *arena, const char *name, const void *bytes, size_t len,
                       const struct tsn_zone **out);
const char *tsn_zone_name(const struct tsn_zone *z);
/* Seconds east of UTC at this instant. */
int32_t tsn_zone_offset(const struct tsn_zone *z, int64_t utc_s);

enum tsn_local { TSN_LOCAL_ONCE, TSN_LOCAL_TWICE, TSN_LOCAL_NEVER };
/* The instant at which clocks show `local_s`. TWICE (clocks go back): the first one. NEVER (clocks
 * jump over it): counted with the offset before the jump, as RFC 5545 3.3.5 does, so 02:30
 * becomes 03:30. */
int64_t tsn_zone_instant(const struct tsn_zone *z, int64_t local_s, enum tsn_local *kind);

/* A moment that can only mean one thing: RFC 3339 with an offset, or a civil time and a zone name:
 * "2026-12-31T12:00 Europe/Berlin". Without a zone, and where clocks show the time twice or never,
 * TSN_EINPUT with C045. */
tsn_err tsn_moment_parse(const char *text, int64_t *ms, struct tsn_diag *diag);
