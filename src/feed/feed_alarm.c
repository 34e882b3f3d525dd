/* feed_alarm.c - what a poll says about the health of its feed: a breaker, and alarms on silence, floods,
 * shrunken lists and much that is unusable. Kept in the cursor of the feed's row. Pure but for the log.
 *
 *   health: { failures, news_at, listed, day, news, seen, bad, alarms: { NAME: { since, why } } }
 *
 * broken      5 polls in a row failed: then one try a period at most
 * silent      nothing new or changed for longer than expect.news_within (the publisher froze, or a
 *             category was renamed: an answer of 304 is no news)
 * flood       more than expect.at_most_a_day new or changed documents since midnight, UTC
 * shrunken    the list has less than half the entries it had
 * unusable    more than 5 % of at least 20 documents of a day were quarantined */
#include <stdlib.h>
#include <string.h>
#include "core/clock.h"
#include "core/json.h"
#include "feed/feed_alarm.h"

#define FAILURES   5
#define LISTED_MIN 20
#define SEEN_MIN   20
#define BAD_SHARE  20 /* one in so many */
#define DAY_MS     INT64_C(86400000)
#define WEEK_MS    (7 * DAY_MS)

static int64_t number(const json_t *o, const char *key)
{
    return tsn_json_int(o, key, 0);
}

static void put(json_t *o, const char *key, int64_t v)
{
    json_object_set_new(o, key, json_integer(v));
}

/* Raised or cleared now: one more entry for the audit log. */
static void set(json_t *health, json_t *changes, const char *name, bool on, const char *why,
                int64_t now_ms)
{
    json_t *alarms = json_object_get(health, "alarms"), *old = json_object_get(alarms, name);
    if (on && !old) {
        char since[25];
        tsn_time_format(since, now_ms);
        json_object_set_new(alarms, name, json_pack("{s:s,s:s}", "since", since, "why", why));
        json_array_append_new(
            changes, json_pack("{s:s,s:b,s:s}", "alarm", name, "raised", true, "why", why));
    } else if (!on && old) {
        json_array_append_new(changes, json_pack("{s:s,s:b,s:s}", "alarm", name, "raised",
                                                 false, "why", tsn_json_str(old, "why", "")));
        json_object_del(alarms, name);
    }
}

static void count_day(json_t *health, const struct tsn_feed_polled *p)
{
    int64_t day = p->now_ms / DAY_MS;
    if (number(health, "day") != day) {
        put(health, "day", day);
        put(health, "news", 0);
        put(health, "seen", 0);
        put(health, "bad", 0);
    }
    /* A first load is no flood. */
    put(health, "news", number(health, "news") + (p->first ? 0 : p->news));
    put(health, "seen", number(health, "seen") + p->news + p->other + p->bad);
    put(health, "bad", number(health, "bad") + p->bad);
}

json_t *tsn_feed_health(json_t **health, const struct tsn_feed_expect *expect,
                        const struct tsn_feed_polled *p)
{
    json_t *changes = json_array();
    if (!json_is_object(*health)) {
        json_decref(*health);
        *health = json_object();
    }
    json_t *h = *health;
    if (!json_is_object(json_object_get(h, "alarms"))) {
        json_object_set_new(h, "alarms", json_object());
    }
    if (p->failed) {
        put(h, "failures", number(h, "failures") + 1);
        set(h, changes, "broken", number(h, "failures") >= FAILURES, p->why, p->now_ms);
    } else {
        put(h, "failures", 0);
        set(h, changes, "broken", false, "", p->now_ms);
    }
    count_day(h, p);
    if (p->news || !number(h, "news_at")) {
        put(h, "news_at", p->now_ms); /* its first poll counts as news */
    }
    set(h, changes, "silent",
        expect->news_within_ms > 0 && p->now_ms - number(h, "news_at") > expect->news_within_ms,
        "nothing new came for longer than is expected", p->now_ms);
    set(h, changes, "flood",
        expect->at_most_a_day > 0 && number(h, "news") > expect->at_most_a_day,
        "more came in a day than is expected", p->now_ms);
    set(h, changes, "unusable",
        number(h, "seen") >= SEEN_MIN && number(h, "bad") * BAD_SHARE > number(h, "seen"),
        "many documents of today could not be used", p->now_ms);
    if (p->whole && p->listed > 0) {
        int64_t before = number(h, "listed"), at = number(h, "shrunken_at");
        bool less = before >= LISTED_MIN && p->listed * 2 < before;
        /* After a week it is what the list has become. */
        bool on = less && (!at || p->now_ms - at < WEEK_MS);
        put(h, "shrunken_at", !on ? 0 : at ? at : p->now_ms);
        put(h, "listed", on ? before : p->listed);
        set(h, changes, "shrunken", on, "its list has less than half the entries it had",
            p->now_ms);
    }
    return changes;
}

bool tsn_feed_broken(const json_t *health)
{
    return number(health, "failures") >= FAILURES;
}
