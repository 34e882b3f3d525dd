/* How runs stop when something is wrong, and that a cancel always works. */
#include "unit/engine/engine_rig.h"
#include "store/record_run.h"

static void an_error_fails_the_run_with_its_place(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "wrong", "local x = nil\nreturn x.y");
    rig_open(g);
    const char *run = rig_start(g, "wrong", NULL);
    rig_expect(g, run, "failed");
    struct tsn_rec_run row = rig_row(g, run);

    assert_non_null(strstr(row.reason, "wrong.lua:7"));
    assert_int_equal(rig_count(g, run, "run.closed", NULL, "fail", NULL), 1);
}

static void an_action_that_does_not_exist(void **state)
{
    struct rig *g = *state;

    /* Known when the run began, gone since: the worker cannot catch it. */
    rig_playbook(g, "gone",
                 "local ok, e = pcall(function() return case:note(\"x\") end)\nreturn ok");
    rig_open(g);
    const char *run = rig_start(g, "gone", NULL);
    rig_expect(g, run, "finished");
    assert_string_equal(rig_row(g, run).result, "false");
    assert_int_equal(rig_count(g, run, "step.result", "0.1", "fail", "R011"), 1);
    assert_int_equal(rig_count(g, run, "step.intent", NULL, NULL, NULL), 0);
}

static void a_failing_action_is_an_error_the_playbook_may_catch(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "fails",
                 "local a = pcall(rig.fail, {})\nlocal b = pcall(rig.refuse, {})\n"
                 "rig.fail {}\nreturn a");
    rig_open(g);
    const char *run = rig_start(g, "fails", NULL);
    rig_expect(g, run, "failed");
    assert_int_equal(rig_count(g, run, "step.result", NULL, "fail", "R053"), 2);
    assert_int_equal(rig_count(g, run, "step.result", "0.2", "fail", "R054"), 1);
    assert_non_null(strstr(rig_row(g, run).reason, "the test says no"));
}

static void a_loop_without_end_is_stopped_twice_then_stuck(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "loops", "rig.look {}\nwhile true do end");
    rig_playbook(g, "fine", "return 1");
    g->config.cpu_ms = 50;
    rig_open(g);
    const char *run = rig_start(g, "loops", NULL);
    rig_expect(g, run, "stuck");
    assert_int_equal(rig_count(g, run, "run.killed", NULL, NULL, NULL), 1);
    assert_int_equal(rig_count(g, run, "run.stuck", NULL, NULL, NULL), 1);
    assert_int_equal(g->looks, 1); /* replayed, not looked again */
    rig_expect(g, rig_start(g, "fine", NULL), "finished");
    assert_int_equal(rig_kill_run(g, run, "it loops"), 0);
    rig_expect(g, run, "cancelled");
}

static int worker_pid(struct rig *g, size_t i)
{
    return g->engine->workers[i].child ? tsn_child_pid(g->engine->workers[i].child) : 0;
}

static void a_killed_worker_costs_only_time(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "naps",
                 "for i = 1, 5 do rig.send { i = i } sleep \"60ms\" end\nreturn \"ok\"");
    rig_open(g);
    const char *run = rig_start(g, "naps", NULL);
    for (int i = 0; i < 3; i++) {
        rig_settle(g, 70);
        int pid = worker_pid(g, 0);
        if (pid > 0)
            kill(pid, SIGKILL);
    }
    rig_expect(g, run, "finished");
    assert_int_equal(g->sends, 5);
    assert_string_equal(rig_row(g, run).result, "\"ok\"");
    struct tsn_engine_stats stats;
    tsn_engine_stats(g->engine, &stats);
    assert_true(stats.worker_deaths >= 1);
}

static bool a_run_is_active(struct rig *g, void *user)
{
    (void)user;
    return g->engine->workers[0].active[0] != '\0';
}

static void a_worker_that_hangs_is_ended_by_the_watchdog(void **state)
{
    struct rig *g = *state;

    /* A budget that never ends leaves it to the wall clock. */
    rig_playbook(g, "hangs", "while true do end");
    g->config.cpu_ms = 60000;
    g->config.wall_ms = 300;
    rig_open(g);
    const char *run = rig_start(g, "hangs", NULL);
    assert_true(rig_until(g, a_run_is_active, NULL, RIG_DEADLINE_MS));
    rig_expect(g, run, "stuck");
    assert_int_equal(rig_count(g, run, "run.killed", NULL, NULL, "R022"), 1);
    assert_non_null(strstr(rig_row(g, run).reason, "R023"));
}

static void broken_playbooks_are_left_out_and_named(void **state)
{
    struct rig *g = *state;
    const struct tsn_diag *broken;
    const struct tsn_playbook *all;

    rig_file(g, "syntax.lua", "return playbook {\n  name = \n}\n");
    rig_file(g, "nothing.lua", "return 7\n");
    rig_file(g, "loop.lua", "while true do end\n");
    rig_file(g, "a_spec.lua", "this is no playbook");
    rig_playbook(g, "good", "return 1");
    g->config.cpu_ms = 50;
    rig_open(g);
    assert_int_equal(tsn_engine_broken(g->engine, &broken), 3);
    for (size_t i = 0; i < 3; i++) {
        assert_true(broken[i].file[0] != '\0');
        assert_true(broken[i].code[0] != '\0');
    }
    assert_int_equal(tsn_engine_playbooks(g->engine, &all), 1);
    assert_string_equal(all[0].name, "good");
    assert_int_equal(all[0].version, 1);
}

static void a_new_text_is_a_new_version_and_runs_keep_theirs(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "v", "ask { id = \"q\", role = \"r\", title = \"T\" }\nreturn \"one\"");
    rig_open(g);
    const char *run = rig_start(g, "v", NULL);
    struct tsn_rec_task t = rig_task(g, run);
    rig_shut(g);
    rig_playbook(g, "v", "return \"two\"");
    rig_open(g);
    assert_int_equal(tsn_engine_playbook(g->engine, "v")->version, 2);
    assert_int_equal(rig_answer(g, "p", "r", &t, "{}"), 0);
    rig_expect(g, run, "finished");
    assert_string_equal(rig_row(g, run).result, "\"one\"");
    const char *next = rig_start(g, "v", NULL);
    rig_expect(g, next, "finished");
    assert_string_equal(rig_row(g, next).result, "\"two\"");
}

/* The run now belongs to another bundle: what a rebase by hand would do wrong. */
static tsn_err swap_fn(struct tsn_store *st, struct tsn_arena *a, void *user)
{
    const char **ids = user;
    struct tsn_rec_run row;
    tsn_err err = tsn_store_get(st, a, &tsn_table_run, ids[0], &row);

    row.playbook = ids[1];
    return err ? err : tsn_store_update_if(st, &tsn_table_run, &row, "epoch", row.epoch);
}

static void another_way_than_recorded_stops_with_both_sides(void **state)
{
    struct rig *g = *state;

    rig_playbook(
        g, "one",
        "rig.send { n = 1 }\nask { id = \"q\", role = \"r\", title = \"T\" }\nreturn 1");
    rig_playbook(
        g, "two",
        "rig.look { n = 1 }\nask { id = \"q\", role = \"r\", title = \"T\" }\nreturn 2");
    rig_open(g);
    const char *run = rig_start(g, "one", NULL);
    struct tsn_rec_task t = rig_task(g, run);
    const char *ids[] = {run, tsn_engine_playbook(g->engine, "two")->hash};

    assert_int_equal(rig_do(g, swap_fn, ids, true), 0);
    assert_int_equal(rig_answer(g, "p", "r", &t, "{}"), 0);
    rig_expect(g, run, "diverged");
    struct tsn_rec_run row = rig_row(g, run);
    assert_non_null(strstr(row.reason, "rig.send"));
    assert_non_null(strstr(row.reason, "rig.look"));
    assert_int_equal(g->looks, 0);
    assert_int_equal(rig_count(g, run, "run.diverged", NULL, NULL, NULL), 1);
    assert_int_equal(rig_kill_run(g, run, "start anew"), 0);
    rig_expect(g, run, "cancelled");
}

static bool hangs(struct rig *g, void *user)
{
    (void)user;
    return g->hangs > 0;
}

static void cancel_while_a_call_is_under_way(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "hang", "rig.hang {}\nreturn 1");
    rig_open(g);
    const char *run = rig_start(g, "hang", NULL);
    assert_true(rig_until(g, hangs, NULL, RIG_DEADLINE_MS));
    assert_int_equal(rig_kill_run(g, run, "no"), TSN_EINPUT);
    assert_string_equal(g->diag.code, "A008");
    assert_int_equal(rig_kill_run(g, run, "wrong case"), 0);
    rig_expect(g, run, "cancelled");
    assert_int_equal(g->cancels, 1);
    assert_int_equal(rig_count(g, run, "step.result", "0.1", "unknown", NULL), 1);
    assert_int_equal(rig_count(g, run, "run.cancelled", NULL, NULL, NULL), 1);
    assert_int_equal(rig_count(g, run, "run.closed", NULL, "cancelled", NULL), 1);
    assert_int_equal(rig_kill_run(g, run, "once more"), TSN_ECONFLICT);
    assert_int_equal(rig_kill_run(g, "r-zzzzzz", "nobody"), TSN_ENOTFOUND);
}

static void cancel_while_people_time_or_events_are_awaited(void **state)
{
    static const char *const bodies[] = {
        "ask { id = \"q\", role = \"r\", title = \"T\" }",
        "approve { id = \"q\", role = \"r\", title = \"T\" }",
        "wait { event = \"e\" }",
        "sleep \"1h\"",
        "sleep \"5s\"",
    };
    static const char *const states[] = {"waiting", "waiting", "parked", "parked", "waiting"};
    struct rig *g = *state;
    char name[8];

    for (size_t i = 0; i < 5; i++) {
        snprintf(name, sizeof(name), "c%zu", i);
        rig_playbook(g, name, bodies[i]);
    }
    rig_open(g);
    for (size_t i = 0; i < 5; i++) {
        snprintf(name, sizeof(name), "c%zu", i);
        const char *run = rig_start(g, name, NULL);
        rig_expect(g, run, states[i]);
        struct tsn_rec_task t = {0};
        if (i < 2)
            t = rig_task(g, run);
        assert_int_equal(rig_kill_run(g, rig_row(g, run).name, "not needed"), 0);
        rig_expect(g, run, "cancelled");
        assert_int_equal(rig_count(g, run, "step.result", "0.1", "cancelled", NULL), 1);
        if (i < 2) {
            assert_string_equal(rig_task_row(g, t.id).state, "void");
            assert_int_equal(rig_vote(g, "p", "r", &t, i ? "approve" : "answer"),
                             TSN_ECONFLICT);
            assert_string_equal(g->diag.code, "A016");
        }
    }
    assert_int_equal(g->engine->nruns, 0);
}

static void a_call_without_answer_in_time_is_in_doubt(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "slow", "local r = rig.slow {}\nreturn r.note");
    rig_open(g);
    const char *run = rig_start(g, "slow", NULL);
    rig_expect(g, run, "in_doubt");
    struct tsn_rec_task t = rig_task(g, run);

    assert_string_equal(t.kind, "resolve");
    assert_int_equal(g->cancels, 1);
    assert_int_equal(g->hangs, 1);
    assert_int_equal(rig_count(g, run, "step.in_doubt", "0.1", "unknown", NULL), 1);
    assert_int_equal(
        rig_answer(
            g, "resp1", "responder", &t,
            "{\"outcome\":\"done\",\"result\":\"seen in the console\",\"reason\":\"looked\"}"),
        0);
    rig_expect(g, run, "finished");
    assert_string_equal(rig_row(g, run).result, "\"seen in the console\"");
}

static void bad_steps_fail_in_words(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "undo",
                 "local ok = pcall(rig.send, { undo = { \"rig.nothing\", {} } })\nreturn ok");
    rig_open(g);
    const char *run = rig_start(g, "undo", NULL);
    rig_expect(g, run, "finished");
    assert_string_equal(rig_row(g, run).result, "false");
    assert_int_equal(g->sends, 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
    const struct CMUnitTest tests[] = {
        T(an_error_fails_the_run_with_its_place),
        T(an_action_that_does_not_exist),
        T(a_failing_action_is_an_error_the_playbook_may_catch),
        T(a_loop_without_end_is_stopped_twice_then_stuck),
        T(a_killed_worker_costs_only_time),
        T(a_worker_that_hangs_is_ended_by_the_watchdog),
        T(broken_playbooks_are_left_out_and_named),
        T(a_new_text_is_a_new_version_and_runs_keep_theirs),
        T(another_way_than_recorded_stops_with_both_sides),
        T(cancel_while_a_call_is_under_way),
        T(cancel_while_people_time_or_events_are_awaited),
        T(a_call_without_answer_in_time_is_in_doubt),
        T(bad_steps_fail_in_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
