/* Runs that start runs: join, bonds, failures, restart with state, and crashes in between. */
#include "unit/engine/engine_rig.h"
#include "store/record_run.h"

static const char child_text[] = "rig.send { n = ev.n }\nask { id = \"q\", role = \"r\", title "
                                 "= \"T\" }\nreturn { twice = 2 * ev.n }";

struct children {
    const char *parent;
    struct tsn_rec_run *rows;
    size_t n;
};

static tsn_err children_fn(struct tsn_store *st, struct tsn_arena *a, void *user)
{
    struct children *c = user;
    struct tsn_filter f = {"parent", TSN_CMP_EQ, c->parent, 0};
    struct tsn_list how = {.filters = &f, .nfilters = 1};
    void *rows = NULL;
    tsn_err err = tsn_store_list(st, a, &tsn_table_run, &how, &rows, &c->n);

    c->rows = rows;
    return err;
}

static const char *child_of(struct rig *g, const char *run)
{
    struct children c = {.parent = run};

    for (int i = 0; i < 2000; i++) {
        assert_int_equal(rig_do(g, children_fn, &c, false), 0);
        if (c.n > 0)
            return c.rows[c.n - 1].id;
        rig_settle(g, 5);
    }
    fail_msg("it started no run");
    return NULL;
}

static void answer_of(struct rig *g, const char *run)
{
    struct tsn_rec_task t = rig_task(g, run);

    assert_int_equal(rig_answer(g, "p", "r", &t, "{}"), 0);
}

static void a_join_waits_for_the_result(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "child", child_text);
    rig_playbook(g, "parent", "local c = start(\"child\", { n = 21 })\nreturn join(c).twice");
    rig_open(g);
    const char *run = rig_start(g, "parent", NULL);
    const char *child = child_of(g, run);
    rig_expect(g, run, "parked");
    assert_non_null(strstr(rig_row(g, run).reason, rig_row(g, child).name));
    rig_crash(g);
    answer_of(g, child);
    rig_expect(g, run, "finished");
    assert_string_equal(rig_row(g, run).result, "42");
    assert_string_equal(rig_row(g, child).case_id, g->case_id);
    assert_int_equal(g->sends, 1);
}

static void a_join_that_comes_late_finds_it_over(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "quick", "return ev.n + 1");
    rig_playbook(
        g, "parent",
        "local c = each({ 1, 2, 3 }, function(n) return start(\"quick\", { n = n }) end)\n"
        "sleep \"150ms\"\n"
        "local sum = 0 for _, x in ipairs(c) do sum = sum + join(x) end return sum");
    rig_open(g);
    const char *run = rig_start(g, "parent", NULL);
    rig_expect(g, run, "finished");
    assert_string_equal(rig_row(g, run).result, "9");
}

static void a_failure_is_an_error_at_the_join(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "bad", "error({ code = \"X7\", message = \"no way\" })");
    rig_playbook(g, "parent",
                 "local ok, e = pcall(join, start(\"bad\"))\n"
                 "local none, why = pcall(start, \"nobody\")\n"
                 "return { e.code, why.code, (select(2, join(start(\"slow\"), { within = "
                 "\"20ms\" }))) }");
    rig_playbook(g, "slow", "sleep \"1h\"");
    rig_open(g);
    const char *run = rig_start(g, "parent", NULL);
    rig_expect(g, run, "finished");
    assert_string_equal(rig_row(g, run).result, "[\"X7\",\"R103\",\"timeout\"]");
}

static void children_go_with_their_parent_or_stay(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "child", child_text);
    rig_playbook(g, "with", "start(\"child\", { n = 1 }) sleep \"1h\"");
    rig_playbook(g, "without", "start(\"child\", { n = 2 }, { on_end = \"leave\" }) return 1");
    rig_open(g);
    const char *run = rig_start(g, "with", NULL);
    const char *child = child_of(g, run);
    (void)rig_task(g, child);
    assert_int_equal(rig_kill_run(g, run, "not needed"), 0);
    rig_expect(g, run, "cancelled");
    rig_expect(g, child, "cancelled");
    const char *other = rig_start(g, "without", NULL);
    const char *left = child_of(g, other);
    rig_expect(g, other, "finished");
    answer_of(g, left);
    rig_expect(g, left, "finished");
}

static void a_run_that_starts_itself_is_stopped(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "self", "return join(start(\"self\", {}))");
    rig_open(g);
    const char *run = rig_start(g, "self", NULL);
    rig_expect(g, run, "failed");
    assert_non_null(strstr(rig_row(g, run).reason, "R104"));
}

static void restart_goes_on_with_its_state(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "loop", "return 0"); /* replaced below: run takes three arguments */
    rig_file(g, "loop.lua",
             "local rig = use \"rig\"\n"
             "return playbook { name = \"loop\", title = \"T\", on = \"x\", run = "
             "function(case, ev, s)\n"
             "  local n = s and s.n or 0\n"
             "  rig.send { n = n }\n"
             "  if n < 3 then restart { n = n + 1 } end\n"
             "  return n\nend }\n");
    rig_playbook(g, "parent", "return join(start(\"loop\", {}))");
    rig_open(g);
    const char *run = rig_start(g, "parent", NULL);
    rig_expect(g, run, "finished");
    assert_string_equal(rig_row(g, run).result, "3");
    assert_int_equal(g->sends, 4);
    struct children c = {.parent = run};
    assert_int_equal(rig_do(g, children_fn, &c, false), 0);
    assert_int_equal(c.n, 4);
    for (size_t i = 0; i < c.n; i++)
        assert_string_equal(c.rows[i].state, "finished");
    assert_int_equal(rig_count(g, c.rows[0].id, "step.result", "0.2", "ok", "restarted"), 1);
}

static void restart_is_refused_where_it_would_leave_something(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "no",
                 "local ok, e = pcall(parallel, { function() restart() end })\n"
                 "rig.send { undo = rig.flaky }\n"
                 "local ok2, e2 = pcall(restart)\n"
                 "return { e.code, e2.code }");
    rig_open(g);
    const char *run = rig_start(g, "no", NULL);
    rig_expect(g, run, "finished");
    assert_string_equal(rig_row(g, run).result, "[\"R105\",\"R105\"]");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
    const struct CMUnitTest tests[] = {
        T(a_join_waits_for_the_result),
        T(a_join_that_comes_late_finds_it_over),
        T(a_failure_is_an_error_at_the_join),
        T(children_go_with_their_parent_or_stay),
        T(a_run_that_starts_itself_is_stopped),
        T(restart_goes_on_with_its_state),
        T(restart_is_refused_where_it_would_leave_something),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
