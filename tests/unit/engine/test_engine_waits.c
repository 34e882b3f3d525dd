/* wait{} with filters, events that come before it, and times: business days, years, restarts. */
#include "unit/engine/engine_rig.h"

#include <time.h>
#include "core/calendar.h"

static void filters_choose_the_event(void **state)
{
    static const struct {
        const char *where, *body;
        bool fits;
    } rows[] = {
        {"{ a = 1 }", "{\"a\":1,\"b\":2}", true},
        {"{ a = 1 }", "{\"a\":2}", false},
        {"{ a = { 1, 2 } }", "{\"a\":2}", true},
        {"{ a = { 1, 2 } }", "{\"a\":3}", false},
        {"{ a = { 1, 2 } }", "{\"a\":[1,2]}", true},
        {"{ [\"issue.key\"] = \"S-1\" }", "{\"issue\":{\"key\":\"S-1\"}}", true},
        {"{ [\"issue.key\"] = \"S-1\" }", "{\"issue.key\":\"S-1\"}", true},
        {"{ [\"issue.key\"] = \"S-1\" }", "{\"issue\":{\"key\":\"S-2\"}}", false},
        {"{ n = { min = 2, max = 4 } }", "{\"n\":4}", true},
        {"{ n = { min = 2, max = 4 } }", "{\"n\":4.5}", false},
        {"{ n = { min = 2 } }", "{\"n\":\"9\"}", false},
        {"{ s = { prefix = \"CVE-\" } }", "{\"s\":\"CVE-2026-1\"}", true},
        {"{ s = { prefix = \"CVE-\" } }", "{\"s\":\"GHSA-1\"}", false},
        {"{ s = { is_not = \"open\" } }", "{\"s\":\"closed\"}", true},
        {"{ s = { is_not = \"open\" } }", "{\"s\":\"open\"}", false},
        {"{ o = { min = 1, x = 2 } }", "{\"o\":{\"min\":1,\"x\":2}}", true},
    };
    struct rig *g = *state;
    char name[16], body[300];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        snprintf(name, sizeof(name), "w%zu", i);
        snprintf(body, sizeof(body),
                 "return wait { event = \"e%zu\", where = %s, within = \"1h\" } ~= nil", i,
                 rows[i].where);
        rig_playbook(g, name, body);
    }
    rig_open(g);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        snprintf(name, sizeof(name), "w%zu", i);
        const char *run = rig_start(g, name, NULL);
        rig_expect(g, run, "parked");
        snprintf(name, sizeof(name), "e%zu", i);
        assert_int_equal(rig_signal(g, name, rows[i].body), 0);
        if (rows[i].fits)
            rig_expect(g, run, "finished");
        else if (strcmp(rig_row(g, run).state, "parked") != 0)
            fail_msg("%s took %s", rows[i].where, rows[i].body);
    }
}

static void an_event_that_came_first_counts(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "late",
                 "rig.look {}\n"
                 "local a = wait { event = \"e\", where = { k = 2 } }\n"
                 "local b = wait { event = \"e\" }\n"
                 "local c, why = wait { event = \"e\", within = \"20ms\" }\n"
                 "return { a.v, b.v, why }");
    rig_open(g);
    tsn_id_new(g->case_id);
    const char *first = rig_start(g, "late", NULL); /* makes the case */
    assert_int_equal(rig_kill_run(g, first, "only for the case"), 0);
    assert_int_equal(rig_signal(g, "e", "{\"k\":1,\"v\":\"one\"}"), 0);
    assert_int_equal(rig_signal(g, "e", "{\"k\":2,\"v\":\"two\"}"), 0);
    rig_crash(g);
    const char *run = rig_start(g, "late", NULL);
    rig_expect(g, run, "finished");
    assert_string_equal(rig_row(g, run).result, "[\"two\",\"one\",\"timeout\"]");
}

static void years_are_a_row_and_restarts_move_nothing(void **state)
{
    struct rig *g = *state;
    int64_t now = tsn_clock_wall_ms(), due;

    rig_playbook(g, "y", "sleep \"1095d\" return 1");
    rig_open(g);
    const char *run = rig_start(g, "y", NULL);
    rig_expect(g, run, "parked");
    due = rig_row(g, run).wake_at;
    assert_in_range(due - now, INT64_C(1095) * 86400000, INT64_C(1095) * 86400000 + 60000);
    rig_crash(g);
    assert_int_equal(rig_row(g, run).wake_at, due);
    assert_string_equal(rig_row(g, run).state, "parked");
}

static _Atomic int64_t stepped_ms; /* what the wall clock was set forward by */

static int64_t real_ms(clockid_t id)
{
    struct timespec now;

    assert_int_equal(clock_gettime(id, &now), 0);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t stepping_wall(void *user)
{
    (void)user;
    return real_ms(CLOCK_REALTIME) + stepped_ms;
}

static int64_t steady(void *user)
{
    (void)user;
    return real_ms(CLOCK_MONOTONIC);
}

static void what_is_due_comes_across_years_and_steps_of_the_clock(void **state)
{
    static const struct tsn_clock_source source = {stepping_wall, steady, NULL};
    static const char *const bodies[] = {
        "sleep \"1095d\" return 1",
        "return (select(2, wait { event = \"never\", within = \"1095d\" })) == \"timeout\" and "
        "1",
        "sleep \"9s\" return 1", /* stays in memory */
    };
    struct rig *g = *state;
    const char *runs[3];
    char name[8];

    for (size_t i = 0; i < 3; i++) {
        snprintf(name, sizeof(name), "t%zu", i);
        rig_playbook(g, name, bodies[i]);
    }
    for (int crash = 0; crash < 2; crash++) {
        stepped_ms = 0;
        tsn_clock_set(&source);
        rig_open(g);
        for (size_t i = 0; i < 3; i++) {
            snprintf(name, sizeof(name), "t%zu", i);
            runs[i] = rig_start(g, name, NULL);
            rig_expect(g, runs[i], i < 2 ? "parked" : "waiting");
        }
        /* Back by a day, nothing comes early and nothing is lost; then forward by more than years. */
        stepped_ms = INT64_C(-86400000);
        tsn_runmap_tick(g->engine);
        rig_settle(g, 50);
        for (size_t i = 0; i < 3; i++)
            assert_false(tsn_run_over(rig_row(g, runs[i]).state));
        stepped_ms = INT64_C(1096) * 86400000;
        if (crash)
            rig_crash(g);
        else
            tsn_runmap_tick(g->engine); /* what its timer does at least once a minute */
        for (size_t i = 0; i < 3; i++) {
            rig_expect(g, runs[i], "finished");
            assert_string_equal(rig_row(g, runs[i]).result, "1");
        }
        rig_shut(g);
    }
    tsn_clock_set(NULL);
}

static const struct tsn_calendar *calendar(void *user, const char *name)
{
    static struct tsn_calendar lazy = {.name = "lazy", .weekend = 0x7f};

    (void)user;
    if (strcmp(name, "work") != 0)
        return NULL;
    lazy.weekend = 0; /* no day is free */
    return &lazy;
}

static void business_days_go_by_a_calendar(void **state)
{
    struct rig *g = *state;
    int64_t now = tsn_clock_wall_ms();
    struct tsn_period three = {TSN_PERIOD_BUSINESS, 3};

    rig_playbook(g, "b", "sleep \"3bd\"");
    rig_playbook(g, "c", "wait { event = \"never\", within = \"3bd@work\" }");
    rig_playbook(
        g, "d",
        "local ok, e = pcall(sleep, \"3bd@nowhere\") local ok2, e2 = pcall(sleep, \"3xd\")\n"
        "return { e.code, e2.code }");
    g->config.calendar = calendar;
    rig_open(g);
    const char *b = rig_start(g, "b", NULL), *c = rig_start(g, "c", NULL),
               *d = rig_start(g, "d", NULL);
    rig_expect(g, b, "parked");
    rig_expect(g, c, "parked");
    rig_expect(g, d, "finished");
    assert_in_range(rig_row(g, b).wake_at - tsn_calendar_due(NULL, now, three, NULL), 0, 60000);
    assert_in_range(rig_row(g, c).wake_at - now, INT64_C(3) * 86400000,
                    INT64_C(3) * 86400000 + 60000);
    assert_string_equal(rig_row(g, d).result, "[\"R108\",\"R013\"]");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
    const struct CMUnitTest tests[] = {
        T(filters_choose_the_event),
        T(an_event_that_came_first_counts),
        T(years_are_a_row_and_restarts_move_nothing),
        T(what_is_due_comes_across_years_and_steps_of_the_clock),
        T(business_days_go_by_a_calendar),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
