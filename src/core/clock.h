/* clock.h - the two clocks, behind a seam so that tests can live through years.
 *
 * Wall time is UTC milliseconds since 1970 in int64_t; it may step. Monotonic time is
 * milliseconds since some start; use it for time-outs and leases. Any thread.
 */
#pragma once

#include <stdint.h>
#include "core/err.h"

int64_t tsn_clock_wall_ms(void);
int64_t tsn_clock_mono_ms(void);

/* Tests: replace both clocks until called with NULL. Not while threads run. */
struct tsn_clock_source {
    int64_t (*wall_ms)(void *user);
    int64_t (*mono_ms)(void *user);
    void *user;
};
void tsn_clock_set(const struct tsn_clock_source *source);

/* "2026-11-24T09:15:02.123Z"; out holds 25 bytes. Years 1970 to 9999. */
void tsn_time_format(char out[25], int64_t ms);
/* RFC 3339 with Z or a numeric offset, optional fraction. */
tsn_err tsn_time_parse(const char *s, int64_t *ms_out);
/* "250ms" "30s" "30m" "2h" "1d" "2w"; a unit is required; 0 to 100 years. */
tsn_err tsn_duration_parse(const char *s, int64_t *ms_out);
/* "1 d 2 h", "27 min", "12 s": two largest units for people; out holds 32 bytes. */
void tsn_duration_format(char out[32], int64_t ms);
