/* feed_alarm.h - is a feed well? What a poll came to against what is expected of it. Pure. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct tsn_feed_expect {
    int64_t news_within_ms; /* 0 = nothing is expected */
    int64_t at_most_a_day;  /* documents; 0 = any number */
};

struct tsn_feed_polled {
    int64_t now_ms;
    bool failed;                      /* it came to no list, or not to all documents */
    const char *why;                  /* of a failure; "" */
    bool whole;                       /* the whole list was read, not what changed in it */
    bool first;                       /* nothing was there before */
    int64_t listed, news, other, bad; /* other: the same as before; bad: quarantined */
};

/* Brings *health (of the feed's row; NULL at first) up to date. The new reference: what changed,
 * [{ alarm, raised, why }]. */
json_t *tsn_feed_health(json_t **health, const struct tsn_feed_expect *expect,
                        const struct tsn_feed_polled *p);
/* One try a period, until one succeeds. */
bool tsn_feed_broken(const json_t *health);
