/* cron.h - times that come again: five fields as in crontab(5), in a time zone.
 *
 * minute hour day-of-month month day-of-week; "*", numbers, names (jan, mon), lists "1,15", ranges
 * "1-5", steps "0-59/10"; Sunday is 0 and 7. When both days are restricted, either fits, as in
 * crontab(5). @hourly @daily @weekly @monthly @yearly. A local time that clocks jump over comes at the
 * moment they jump to; one that comes twice counts once. Pure; any thread. */
#pragma once

#include "core/zone.h"

struct tsn_cron {
    uint64_t minutes;                       /* bits 0 to 59 */
    uint32_t hours, days, months, weekdays; /* bits 0-23, 1-31, 1-12, 0-6 */
    bool any_day, any_weekday;
};
/* TSN_EINPUT; *wrong (may be NULL) says which field. */
tsn_err tsn_cron_parse(const char *text, struct tsn_cron *out, const char **wrong);
/* The first moment behind `after_ms`; zone NULL = UTC. 0 = none within 30 years. */
int64_t tsn_cron_next(const struct tsn_cron *cron, const struct tsn_zone *zone,
                      int64_t after_ms);
