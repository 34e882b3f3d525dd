/* Pause, resume, retry and resolve: what a person does to a run. */
#include "unit/engine/engine_rig.h"
#include "store/record_run.h"

static tsn_err act(struct rig *g, const struct tsn_run_act *a)
{
    struct tsn_actor who = {.person = "resp1", .auth = "token"};

    g->answered = false;
    tsn_engine_act(g->engine, &who, a, rig_answered, g);
    assert_true(rig_until(g, rig_flag, &g->answered, RIG_DEADLINE_MS));
    return g->err;
}

static tsn_err act_on(struct rig *g, const char *run, const char *verb)
{
    struct tsn_run_act a = {.run = run, .verb = verb, .reason = "because of the test"};

    return act(g, &a);
}

static void a_paused_run_begins_nothing_new(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "p",
                 "local a = ask { id = \"q\", role = \"duty\", title = \"?\" }\n"
                 "rig.send { n = 1 }\nreturn a.by");
    rig_open(g);
    const char *run = rig_start(g, "p", NULL);
    struct tsn_rec_task task = rig_task(g, run);
    assert_int_equal(act_on(g, run, "pause"), 0);
    struct tsn_rec_run row = rig_row(g, run);
    assert_string_equal(row.state, "paused");
    assert_non_null(strstr(row.reason, "resp1"));
    assert_int_equal(act_on(g, run, "pause"), TSN_ECONFLICT);
    assert_string_equal(g->diag.code, "R200");
    /* People may still answer; the code does not go on. */
    assert_int_equal(rig_answer(g, "duty1", "duty", &task, "{}"), 0);
    rig_settle(g, 100);
    assert_int_equal(g->sends, 0);
    assert_string_equal(rig_row(g, run).state, "paused");
    rig_crash(g);
    rig_settle(g, 100);
    assert_int_equal(g->sends, 0);
    assert_string_equal(rig_row(g, run).state, "paused");
    assert_int_equal(act_on(g, run, "resume"), 0);
    rig_expect(g, run, "finished");
    assert_int_equal(g->sends, 1);
    assert_int_equal(rig_count(g, run, "run.paused", NULL, NULL, NULL), 1);
    assert_int_equal(rig_count(g, run, "run.resumed", NULL, NULL, NULL), 1);
    assert_int_equal(act_on(g, run, "resume"), TSN_ECONFLICT);
    assert_string_equal(g->diag.code, "R201");
}

static void what_is_under_way_ends_while_paused(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "p", "sleep \"150ms\"\nrig.send { n = 1 }\nrig.send { n = 2 }");
    rig_open(g);
    const char *run = rig_start(g, "p", NULL);
    rig_expect(g, run, "waiting");
    assert_int_equal(act_on(g, run, "pause"), 0);
    rig_settle(g, 300);
    assert_int_equal(rig_count(g, run, "step.result", "0.1", "ok", NULL), 1);
    assert_int_equal(g->sends, 0);
    assert_string_equal(rig_row(g, run).state, "paused");
    assert_int_equal(act_on(g, run, "resume"), 0);
    rig_expect(g, run, "finished");
    assert_int_equal(g->sends, 2);
}

static void a_paused_run_can_be_cancelled(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "p", "ask { id = \"q\", role = \"duty\", title = \"?\" }");
    rig_open(g);
    const char *run = rig_start(g, "p", NULL);
    (void)rig_task(g, run);
    assert_int_equal(act_on(g, run, "pause"), 0);
    assert_int_equal(act_on(g, run, "cancel"), 0);
    rig_expect(g, run, "cancelled");
    assert_null(rig_row(g, run).held);
    assert_int_equal(act_on(g, run, "pause"), TSN_ECONFLICT);
    assert_string_equal(g->diag.code, "R037");
}

static void a_stuck_run_goes_on_in_place(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "loops", "rig.send {}\nwhile true do end");
    g->config.cpu_ms = 50;
    rig_open(g);
    const char *run = rig_start(g, "loops", NULL);
    rig_expect(g, run, "stuck");
    assert_int_equal(act_on(g, run, "pause"), TSN_ECONFLICT);
    assert_string_equal(g->diag.code, "R202");
    assert_int_equal(act_on(g, run, "retry"), 0);
    rig_expect(g, run, "stuck"); /* it loops still, and is stopped again */
    assert_int_equal(g->sends, 1);
    assert_int_equal(rig_count(g, run, "run.stuck", NULL, NULL, NULL), 2);
    assert_int_equal(rig_count(g, run, "run.retried", NULL, NULL, NULL), 1);
}

static const char *new_run(struct rig *g)
{
    return tsn_arena_strdup(g->arena, tsn_json_str(g->info, "new_run", ""));
}

static void a_failed_run_goes_on_as_a_new_one_from_where_it_failed(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "f",
                 "local a, u = rig.send { n = random(1000000) }, uuid()\nlocal t = now()\n"
                 "rig.flaky { u = u, t = t }\nreturn { a.sent, u, t }");
    g->flaky_fails = 3; /* the last of its tries too */
    rig_open(g);
    const char *run = rig_start(g, "f", NULL);
    rig_expect(g, run, "failed");
    assert_int_equal(g->sends, 1);

    struct tsn_run_act plan = {.run = run, .verb = "retry", .plan = true};
    assert_int_equal(act(g, &plan), 0);
    const json_t *p = json_object_get(g->info, "plan");
    assert_int_equal(tsn_json_int(p, "kept", -1), 1);
    assert_string_equal(tsn_json_str(p, "from", ""), "0.2");
    assert_int_equal(json_array_size(json_object_get(p, "again")), 1);

    assert_int_equal(act_on(g, run, "retry"), 0);
    const char *again = new_run(g);
    rig_expect(g, again, "finished"); /* same uuid, same random, same now: no divergence */
    assert_int_equal(g->sends, 1);
    assert_int_equal(rig_count(g, again, "step.result", "0.1", "ok", TSN_TAKEN_OVER), 1);
    assert_string_equal(rig_row(g, again).origin, run);
    assert_string_equal(rig_row(g, run).state, "failed");

    /* And that one once more, from the first step: it is done again. */
    struct tsn_run_act whole = {
        .run = again, .verb = "retry", .from = "0.1", .reason = "from the beginning"};
    assert_int_equal(act(g, &whole), 0);
    const char *third = new_run(g);
    rig_expect(g, third, "finished");
    assert_int_equal(g->sends, 2);
    assert_string_equal(rig_row(g, third).origin, run);
    whole.from = "0.9";
    assert_int_equal(act(g, &whole), TSN_ENOTFOUND);
    assert_string_equal(g->diag.code, "R204");
    whole.from = NULL;
    whole.version = 7;
    assert_int_equal(act(g, &whole), TSN_ENOTFOUND);
    assert_string_equal(g->diag.code, "R206");
}

static void what_works_is_not_retried(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "p", "ask { id = \"q\", role = \"duty\", title = \"?\" }");
    rig_open(g);
    const char *run = rig_start(g, "p", NULL);
    (void)rig_task(g, run);
    assert_int_equal(act_on(g, run, "retry"), TSN_ECONFLICT);
    assert_string_equal(g->diag.code, "R203");
    struct tsn_run_act silent = {.run = run, .verb = "pause", .reason = "x"};
    assert_int_equal(act(g, &silent), TSN_EINPUT);
    assert_string_equal(g->diag.code, "A008");
    struct tsn_run_act odd = {.run = run, .verb = "melt", .reason = "because"};
    assert_int_equal(act(g, &odd), TSN_EINPUT);
    assert_int_equal(act_on(g, "r-nowhere", "pause"), TSN_ENOTFOUND);
}

static tsn_err resolve(struct rig *g, const char *run, const char *step, const char *outcome)
{
    json_t *answer = json_pack("{s:s, s:s, s:s}", "outcome", outcome, "reason", "looked at it",
                               "result", "{\"sent\":9}");
    struct tsn_decision d = {.run = run, .step = step, .verb = "answer", .answer = answer};
    tsn_err err = rig_decide(g, "resp1", "responder", &d);

    json_decref(answer);
    return err;
}

static void a_step_in_doubt_is_settled_by_its_run(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "p", "return rig.arm {}.sent");
    rig_open(g);
    const char *run = rig_start(g, "p", NULL);
    (void)rig_task(g, run);
    assert_int_equal(resolve(g, run, "0.7", "done"), TSN_ECONFLICT);
    assert_string_equal(g->diag.code, "R207");
    assert_int_equal(resolve(g, run, "0.1", "perhaps"), TSN_EINPUT);
    assert_int_equal(resolve(g, run, NULL, "retry"), 0);
    while (g->arms < 2)
        rig_settle(g, 5);
    (void)rig_task(g, run);
    assert_int_equal(resolve(g, rig_row(g, run).name, NULL, "done"), 0);
    rig_expect(g, run, "finished");
    assert_string_equal(rig_row(g, run).result, "9");
    assert_int_equal(resolve(g, run, NULL, "done"), TSN_ECONFLICT);
}

static void of_several_in_doubt_one_is_named(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "p",
                 "local a, b = parallel { function() return rig.arm {} end,\n"
                 "  function() return rig.arm {} end }\nreturn { a.sent, b.sent }");
    rig_open(g);
    const char *run = rig_start(g, "p", NULL);
    while (rig_count(g, run, "step.in_doubt", NULL, NULL, NULL) < 2)
        rig_settle(g, 5);
    assert_int_equal(resolve(g, run, NULL, "done"), TSN_ECONFLICT);
    assert_string_equal(g->diag.code, "R208");
    assert_int_equal(resolve(g, run, "0.1b2.1", "done"), 0);
    assert_int_equal(resolve(g, run, NULL, "done"), 0); /* the other one is left */
    rig_expect(g, run, "finished");
    assert_string_equal(rig_row(g, run).result, "[9,9]");
    assert_int_equal(g->arms, 2);
}

static void what_was_taken_back_is_not_kept_by_a_retry(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "p",
                 "rig.send { undo = rig.look }\nrig.send { n = 2 }\nerror(\"no more\")");
    rig_open(g);
    const char *run = rig_start(g, "p", NULL);
    rig_expect(g, run, "failed");
    assert_int_equal(g->looks, 1); /* the undo */
    struct tsn_run_act from = {
        .run = run, .verb = "retry", .from = "0.2", .reason = "because of the test"};
    assert_int_equal(act(g, &from), TSN_ECONFLICT);
    assert_string_equal(g->diag.code, "R205");
    assert_int_equal(act_on(g, run, "retry"), 0);
    rig_expect(g, new_run(g), "failed");
    assert_int_equal(g->sends, 4); /* from the beginning */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_paused_run_begins_nothing_new, rig_setup,
                                        rig_teardown),
        cmocka_unit_test_setup_teardown(what_is_under_way_ends_while_paused, rig_setup,
                                        rig_teardown),
        cmocka_unit_test_setup_teardown(a_paused_run_can_be_cancelled, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(a_stuck_run_goes_on_in_place, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(a_failed_run_goes_on_as_a_new_one_from_where_it_failed,
                                        rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(what_works_is_not_retried, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(a_step_in_doubt_is_settled_by_its_run, rig_setup,
                                        rig_teardown),
        cmocka_unit_test_setup_teardown(of_several_in_doubt_one_is_named, rig_setup,
                                        rig_teardown),
        cmocka_unit_test_setup_teardown(what_was_taken_back_is_not_kept_by_a_retry, rig_setup,
                                        rig_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
