/* parallel, race and each through the whole engine: outcomes on record, losers ended, and the same
 * after a crash at any moment. */
#include "unit/engine/engine_rig.h"
#include "store/record_run.h"

static void branches_run_at_once_and_results_keep_their_order(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "p",
                 "local a, b, c = parallel {\n"
                 "  function() sleep \"40ms\" return \"a\" end,\n"
                 "  function() rig.send { n = 1 } rig.note { text = \"x\" } return \"b\" end,\n"
                 "  function() rig.look {} sleep \"10ms\" return \"c\" end }\n"
                 "return a .. b .. c");
    rig_open(g);
    const char *run = rig_start(g, "p", NULL);
    rig_expect(g, run, "finished");
    assert_string_equal(rig_row(g, run).result, "\"abc\"");
    assert_int_equal(rig_count(g, run, "step.intent", "0.1", NULL, "parallel"), 1);
    assert_int_equal(rig_count(g, run, "step.result", "0.1", "ok", NULL), 1);
    assert_int_equal(rig_count(g, run, "step.result", "0.1b1.1", "ok", NULL), 1);
    assert_int_equal(rig_count(g, run, "step.result", "0.1b2.2", "ok", NULL), 1);
    assert_int_equal(rig_row(g, run).deliver_no, 6);
}

static bool hangs(struct rig *g, void *user)
{
    (void)user;
    return g->hangs > 0;
}

static void an_error_ends_the_others_on_record(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "e",
                 "local ok, e = pcall(parallel, {\n"
                 "  function() sleep \"1h\" end,\n"
                 "  function() ask { id = \"q\", role = \"r\", title = \"T\" } end,\n"
                 "  function() wait { event = \"never\" } end,\n"
                 "  function() rig.look {} rig.fail {} end })\n"
                 "return e.code");
    rig_open(g);
    const char *run = rig_start(g, "e", NULL);
    rig_expect(g, run, "finished");
    assert_string_equal(rig_row(g, run).result, "\"R053\"");
    assert_int_equal(rig_count(g, run, "step.result", "0.1b1.1", "cancelled", "dismissed"), 1);
    assert_int_equal(rig_count(g, run, "step.result", "0.1b2.1", "cancelled", "dismissed"), 1);
    assert_int_equal(rig_count(g, run, "step.result", "0.1b3.1", "cancelled", "dismissed"), 1);
    assert_int_equal(rig_count(g, run, "step.result", "0.1", "fail", NULL), 1);
    struct tsn_rec_task t;
    struct rig_get q = {NULL, run, &t};
    assert_int_equal(rig_do(g, rig_task_fn, &q, false), TSN_ENOTFOUND); /* void */
}

static void what_was_begun_is_waited_for(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "w",
                 "local v, which = race {\n"
                 "  function() rig.hang {} return \"hang\" end,\n"
                 "  function() sleep \"20ms\" return \"time\" end }\n"
                 "return v .. which");
    rig_open(g);
    const char *run = rig_start(g, "w", NULL);
    assert_true(rig_until(g, hangs, NULL, RIG_DEADLINE_MS));
    rig_settle(g, 100);
    assert_false(tsn_run_over(rig_row(g, run).state)); /* the call is under way */
    assert_int_equal(rig_count(g, run, "step.result", "0.1b1.1", NULL, NULL), 0);
    rig_crash(g);
    /* Nobody knows whether it happened: a person says. */
    struct tsn_rec_task t = rig_task(g, run);
    assert_string_equal(t.path, "0.1b1.1");
    assert_int_equal(
        rig_answer(g, "p", "responder", &t, "{\"outcome\":\"done\",\"reason\":\"looked\"}"), 0);
    rig_expect(g, run, "finished");
    assert_string_equal(rig_row(g, run).result, "\"time2\"");
    assert_int_equal(rig_count(g, run, "step.result", "0.1b1.1", "ok", NULL), 1);
    assert_int_equal(rig_count(g, run, "step.result", "0.1", "ok", NULL), 1);
    assert_int_equal(g->hangs, 1);
}

static void people_answer_branches_in_any_order(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "people",
                 "local got = each({ \"x\", \"y\", \"z\" }, function(n)\n"
                 "  return ask { id = n, role = \"r\", title = n }.by .. n end)\n"
                 "return table.concat(got, \" \")");
    rig_open(g);
    const char *run = rig_start(g, "people", NULL);
    rig_expect(g, run, "waiting");
    const char *last = "";
    char seen[3][TSN_PATH_MAX + 1];
    for (int i = 0; i < 3; i++) {
        struct tsn_rec_task t = rig_task(g, run);
        char who[8];

        snprintf(who, sizeof(who), "p%d", i);
        snprintf(seen[i], sizeof(seen[i]), "%s", t.path);
        assert_string_not_equal(t.path, last);
        last = seen[i];
        assert_int_equal(rig_answer(g, who, "r", &t, "{}"), 0);
        if (i == 1)
            rig_crash(g);
    }
    rig_expect(g, run, "finished");
    assert_int_equal(rig_count(g, run, "task.asked", NULL, NULL, NULL), 3);
    assert_int_equal(strlen(rig_row(g, run).result), strlen("\"p0x p1y p2z\""));
}

static void a_limit_holds_through_a_crash(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "l",
                 "local list = {} for i = 1, 12 do list[i] = i end\n"
                 "local got = each(list, function(i) rig.send { i = i } sleep \"5ms\"\n"
                 "  return i * i end, { limit = 3 })\n"
                 "local sum = 0 for _, v in ipairs(got) do sum = sum + v end return sum");
    rig_open(g);
    const char *run = rig_start(g, "l", NULL);
    for (int i = 0; i < 4; i++) {
        rig_settle(g, 12);
        rig_crash(g);
    }
    rig_expect(g, run, "finished");
    assert_string_equal(rig_row(g, run).result, "650");
    assert_int_equal(rig_count(g, run, "step.result", NULL, "ok", "rig.send"), 12);
}

static bool last_note_is_there(struct rig *g, void *user)
{
    return rig_count(g, user, "step.result", "0.1b2.6", "ok", NULL) == 1;
}

static void one_branch_in_doubt_leaves_the_others_going(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "d",
                 "local a, b = parallel {\n"
                 "  function() return rig.arm {}.note end,\n"
                 "  function() for i = 1, 3 do sleep \"5ms\" rig.note { text = \"n\" } end\n"
                 "    return \"b\" end }\n"
                 "return a .. b");
    rig_open(g);
    char run[TSN_ULID_LEN + 1];

    snprintf(run, sizeof(run), "%s", rig_start(g, "d", NULL));
    assert_true(rig_until(g, last_note_is_there, run, RIG_DEADLINE_MS));
    rig_expect(g, run, "in_doubt");
    struct tsn_rec_task t = rig_task(g, run);
    assert_int_equal(rig_answer(g, "p", "responder", &t,
                                "{\"outcome\":\"done\",\"result\":\"{\\\"note\\\":\\\"a\\\"}\","
                                "\"reason\":\"looked\"}"),
                     0);
    rig_expect(g, run, "finished");
    assert_string_equal(rig_row(g, run).result, "\"ab\"");
}

static void signals_reach_the_branch_that_waits(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "s",
                 "local a, b = parallel {\n"
                 "  function() return wait { event = \"e\", where = { k = 1 } }.v end,\n"
                 "  function() return wait { event = \"e\", where = { k = 2 } }.v end }\n"
                 "return a .. b");
    rig_open(g);
    const char *run = rig_start(g, "s", NULL);
    rig_expect(g, run, "parked");
    assert_int_equal(rig_signal(g, "e", "{\"k\":2,\"v\":\"two\"}"), 0);
    rig_crash(g);
    assert_int_equal(rig_signal(g, "e", "{\"k\":1,\"v\":\"one\"}"), 0);
    rig_expect(g, run, "finished");
    assert_string_equal(rig_row(g, run).result, "\"onetwo\"");
}

static void workers_may_die_while_branches_are_under_way(void **state)
{
    struct rig *g = *state;

    rig_playbook(
        g, "k",
        "local got = each({ 1, 2, 3, 4 }, function(i)\n"
        "  for n = 1, 3 do rig.send { i = i, n = n } sleep \"15ms\" end return i end)\n"
        "return #got");
    rig_open(g);
    const char *run = rig_start(g, "k", NULL);
    for (int i = 0; i < 3; i++) {
        rig_settle(g, 12);
        if (g->engine->workers[0].child)
            kill(tsn_child_pid(g->engine->workers[0].child), SIGKILL);
    }
    rig_expect(g, run, "finished");
    assert_int_equal(g->sends, 12);
    assert_string_equal(rig_row(g, run).result, "4");
}

static void an_evicted_run_comes_back_with_its_branches(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "v",
                 "local a, b = parallel {\n"
                 "  function() sleep \"30ms\" return rig.send {}.sent end,\n"
                 "  function() sleep \"60ms\" return \"b\" end }\n"
                 "return b");
    g->config.resident = 1;
    rig_open(g);
    const char *runs[4];
    for (int i = 0; i < 4; i++)
        runs[i] = rig_start(g, "v", NULL);
    for (int i = 0; i < 4; i++)
        rig_expect(g, runs[i], "finished");
    assert_int_equal(g->sends, 4);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
    const struct CMUnitTest tests[] = {
        T(branches_run_at_once_and_results_keep_their_order),
        T(an_error_ends_the_others_on_record),
        T(what_was_begun_is_waited_for),
        T(people_answer_branches_in_any_order),
        T(a_limit_holds_through_a_crash),
        T(one_branch_in_doubt_leaves_the_others_going),
        T(signals_reach_the_branch_that_waits),
        T(workers_may_die_while_branches_are_under_way),
        T(an_evicted_run_comes_back_with_its_branches),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
