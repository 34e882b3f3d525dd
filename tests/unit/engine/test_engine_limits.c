/* How long a run may get, and that a kill ends whatever a run is at. */
#include "unit/engine/engine_rig.h"

#include <fcntl.h>
#include "core/text.h"
#include "store/record_run.h"

/* Lines of the log with both words. */
static int logged(const struct rig *g, const char *a, const char *b)
{
    char path[100], line[4000];
    int n = 0;

    snprintf(path, sizeof(path), "%s/log", g->dir);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while (fgets(line, sizeof(line), f))
        n += strstr(line, a) && strstr(line, b);
    assert_int_equal(fclose(f), 0);
    return n;
}

static int log_to_file(const struct rig *g)
{
    char path[100];

    snprintf(path, sizeof(path), "%s/log", g->dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    tsn_log_open(fd);
    return fd;
}

static void a_thousand_steps_are_warned_of_and_ten_thousand_end_it(void **state)
{
    static const struct {
        const char *name, *body;
        int warned;
        bool ends;
    } rows[] = {
        {"below", "for i = 1, 999 do rig.look {} end", 0, false},
        {"long", "for i = 1, 1001 do rig.look {} end", 1, false},
        {"wide", "for r = 1, 30 do parallel(each_of(35)) end", 1, false},
        {"endless", "while true do parallel(each_of(100)) end", 1, true},
        {"caught", "while true do pcall(parallel, each_of(100)) end", 1, true},
    };
    struct rig *g = *state;
    char *text;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_true(asprintf(&text,
                             "local function each_of(n) local t = {} for i = 1, n do t[i] = "
                             "function() return rig.look {} end end return t end\n%s\nreturn 1",
                             rows[i].body) > 0);
        rig_playbook(g, rows[i].name, text);
        free(text);
    }
    int fd = log_to_file(g);
    rig_open(g);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        unsigned before = g->looks;
        const char *run = rig_start(g, rows[i].name, NULL);
        bool over = false;

        for (int k = 0; k < 600 && !over; k++) {
            rig_settle(g, 100);
            over = tsn_run_over(rig_row(g, run).state);
        }
        struct tsn_rec_run row = rig_row(g, run);
        assert_string_equal(row.state, rows[i].ends ? "failed" : "finished");
        if (logged(g, row.name, "R106") != rows[i].warned)
            fail_msg("%s was warned of %d times", rows[i].name, logged(g, row.name, "R106"));
        if (rows[i].ends) {
            assert_non_null(strstr(row.reason, "R072"));
            /* What was begun at once with the last one counts no more, and less are calls. */
            assert_in_range(g->looks - before, TSN_RUN_STEPS_MAX - 200,
                            TSN_RUN_STEPS_MAX + 100);
        }
    }
    rig_shut(g);
    tsn_log_open(-1);
    close(fd);
}

struct place {
    const char *name, *body;
    const char *state; /* that the kill meets */
};

static const struct place places[] = {
    {"asks", "ask { id = \"q\", role = \"r\", title = \"T\" }", "waiting"},
    {"approves", "approve { id = \"contain\", role = \"contain\", show = {} }", "waiting"},
    {"waits", "wait { event = \"e\", within = \"9d\" }", "parked"},
    {"sleeps", "sleep \"9d\"", "parked"},
    {"naps", "sleep \"9s\"", "waiting"},
    {"joins", "join(start(\"sleeps\", {}))", "parked"},
    {"doubts", "rig.arm {}", "in_doubt"},
    {"hangs", "rig.hang {}", "running"},
    {"stalls", "rig.stall {}", "running"},
    {"branches", "parallel { function() sleep \"9d\" end, function() rig.hang {} end }",
     "running"},
    {"loops", "while true do end", "stuck"},
};

static void a_kill_ends_whatever_a_run_is_at(void **state)
{
    struct rig *g = *state;
    const char *runs[sizeof(places) / sizeof(places[0])];

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
        rig_playbook(g, places[i].name, places[i].body);
    g->config.cpu_ms = 50;
    for (int crash = 0; crash < 2; crash++) {
        rig_open(g);
        for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
            runs[i] = rig_start(g, places[i].name, NULL);
        for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
            rig_expect(g, runs[i], places[i].state);
        if (crash)
            rig_crash(g);
        for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
            /* What may have had its effect is asked for first; the second one does not wait. */
            for (int n = 0; n < 2 && !tsn_run_over(rig_row(g, runs[i]).state); n++)
                assert_int_equal(rig_kill_run(g, runs[i], "no longer needed"), 0);
            rig_expect(g, runs[i], "cancelled");
            assert_string_equal(rig_row(g, runs[i]).reason, "R030 cancelled by lead1");
        }
        rig_shut(g);
        g->engine = NULL;
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
    const struct CMUnitTest tests[] = {
        T(a_thousand_steps_are_warned_of_and_ten_thousand_end_it),
        T(a_kill_ends_whatever_a_run_is_at),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
