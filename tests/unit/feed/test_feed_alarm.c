/* test_feed_alarm.c - alarms of a feed, and how long a host wants to be left alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "core/clock.h"
#include "core/json.h"
#include "feed/feed_alarm.h"
#include "feed/feed_host.h"
#include "loop/loop.h"

#define DAY INT64_C(86400000)

static json_t *health;

/* "+flood -broken" */
static const char *poll_once(const struct tsn_feed_expect *e, struct tsn_feed_polled p)
{
    static char text[200];
    size_t i;
    json_t *a;
    json_t *changes = tsn_feed_health(&health, e, &p);
    text[0] = '\0';
    json_array_foreach(changes, i, a)
    {
        strcat(text, tsn_json_bool(a, "raised", false) ? "+" : "-");
        strcat(text, tsn_json_str(a, "alarm", ""));
    }
    json_decref(changes);
    return text;
}

static void alarms(void **state)
{
    const struct tsn_feed_expect e = {.news_within_ms = 14 * DAY, .at_most_a_day = 10};
    int64_t t = 100 * DAY;
    (void)state;
    health = NULL;
    /* The first load is never a flood. */
    assert_string_equal(poll_once(&e, (struct tsn_feed_polled){.now_ms = t,
                                                               .why = "",
                                                               .first = true,
                                                               .whole = true,
                                                               .listed = 100,
                                                               .news = 100}),
                        "");
    for (int i = 0; i < 4; i++) {
        assert_string_equal(
            poll_once(&e, (struct tsn_feed_polled){.now_ms = t, .why = "x", .failed = true}),
            "");
    }
    assert_false(tsn_feed_broken(health));
    t += DAY;
    assert_string_equal(
        poll_once(&e, (struct tsn_feed_polled){.now_ms = t, .why = "x", .failed = true}),
        "+broken");
    assert_true(tsn_feed_broken(health));
    assert_string_equal(
        poll_once(&e, (struct tsn_feed_polled){.now_ms = t, .why = "", .other = 1}), "-broken");
    assert_string_equal(
        poll_once(&e, (struct tsn_feed_polled){.now_ms = t, .why = "", .news = 11}), "+flood");
    t += DAY;
    assert_string_equal(poll_once(&e, (struct tsn_feed_polled){.now_ms = t, .why = ""}),
                        "-flood");
    /* An answer is proof of life, not news. */
    t += 14 * DAY;
    assert_string_equal(poll_once(&e, (struct tsn_feed_polled){.now_ms = t, .why = ""}),
                        "+silent");
    assert_string_equal(
        poll_once(&e, (struct tsn_feed_polled){.now_ms = t, .why = "", .news = 1}), "-silent");
    /* Half the list is gone; after a week it is what it has become. */
    assert_string_equal(
        poll_once(
            &e, (struct tsn_feed_polled){.now_ms = t, .why = "", .whole = true, .listed = 40}),
        "+shrunken");
    assert_string_equal(
        poll_once(
            &e, (struct tsn_feed_polled){.now_ms = t, .why = "", .whole = true, .listed = 40}),
        "");
    t += 8 * DAY;
    assert_string_equal(
        poll_once(
            &e, (struct tsn_feed_polled){.now_ms = t, .why = "", .whole = true, .listed = 40}),
        "-shrunken");
    assert_string_equal(
        poll_once(&e, (struct tsn_feed_polled){.now_ms = t, .why = "", .other = 30, .bad = 2}),
        "+unusable");
    json_decref(health);
}

static void retry_after(void **state)
{
    int64_t now = 0;
    (void)state;
    assert_int_equal(tsn_time_parse("2026-11-24T16:00:00Z", &now), 0);
    assert_int_equal(tsn_retry_after_ms("", now), 0);
    assert_int_equal(tsn_retry_after_ms("120", now), 120000);
    assert_int_equal(tsn_retry_after_ms("-5", now), 0);
    assert_int_equal(tsn_retry_after_ms("99999999", now), TSN_HOST_RETRY_MAX);
    assert_int_equal(tsn_retry_after_ms("Tue, 24 Nov 2026 16:05:00 GMT", now), 300000);
    assert_int_equal(tsn_retry_after_ms("Tue, 24 Nov 2020 16:05:00 GMT", now), 0);
    assert_int_equal(tsn_retry_after_ms("soon", now), 0);
}

/* --- turns ---------------------------------------------------------------------------------------- */

struct asker {
    struct tsn_loop *loop;
    struct tsn_hosts *hosts;
    struct tsn_host_turn *turns[8];
    size_t asked, refused;
};

static void go(bool ok, void *user)
{
    struct asker *a = user;
    a->asked += ok;
    a->refused += !ok;
}

static void stop_loop(void *user)
{
    tsn_loop_stop(user);
}

static void run(struct asker *a, int64_t ms)
{
    struct tsn_timer *t = tsn_timer_new(a->loop, stop_loop, a->loop);
    tsn_timer_arm(t, ms);
    tsn_loop_run(a->loop);
    tsn_timer_destroy(t);
}

static void turns(void **state)
{
    struct asker a = {0};
    struct tsn_xfer_result busy = {.status = 429, .retry_after = "3600"};
    (void)state;
    assert_int_equal(tsn_loop_open(&a.loop), 0);
    a.hosts = tsn_hosts_new(a.loop);
    for (int i = 0; i < 5; i++) {
        a.turns[i] = tsn_host_wait(a.hosts, "https://Slow.example/a", 2, 0, go, &a);
    }
    assert_int_equal(a.asked, 0); /* never inside the call */
    run(&a, 30);
    assert_int_equal(a.asked, 2);
    /* Another host does not wait for this one. */
    a.turns[5] = tsn_host_wait(a.hosts, "https://other.example/a", 2, 0, go, &a);
    run(&a, 30);
    assert_int_equal(a.asked, 3);
    tsn_host_done(a.turns[0], NULL);
    run(&a, 30);
    assert_int_equal(a.asked, 4);
    /* It wants an hour of rest: who waits is told, and nobody asks. */
    tsn_host_done(a.turns[1], &busy);
    run(&a, 30);
    assert_int_equal(a.asked, 4);
    assert_int_equal(a.refused, 2);
    assert_true(tsn_host_held_until(a.hosts, "https://slow.example/b") > tsn_clock_wall_ms());
    assert_int_equal(tsn_host_held_until(a.hosts, "https://other.example/"), 0);
    tsn_host_done(a.turns[2], NULL);
    tsn_host_done(a.turns[5], NULL);
    tsn_hosts_free(a.hosts);
    run(&a, 1);
    tsn_loop_close(a.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(alarms), cmocka_unit_test(retry_after),
                                       cmocka_unit_test(turns)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
