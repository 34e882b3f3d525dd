/* Taking back: on failure, cancel, case:unwind() and expiry; newest first, once, whatever happens. */
#include "unit/engine/engine_box.h"
#include "store/record_run.h"

static void a_failure_takes_back_newest_first(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "f",
                 BOX "put(\"a\") rig.note { text = \"x\" } put(\"b\")\n"
                     "box.put { name = \"kept\" }\nput(\"c\")\nerror(\"no more\")");
    rig_open(g);
    const char *run = rig_start(g, "f", NULL);
    rig_expect(g, run, "failed");
    assert_string_equal(did, "+a +b +kept +c -c -b -a ");
    assert_non_null(strstr(rig_row(g, run).reason, "no more"));
    assert_int_equal(rig_count(g, run, "step.intent", "0.5u", NULL, "box.take"), 1);
    assert_int_equal(rig_count(g, run, "step.result", "0.1u", "ok", NULL), 1);
    assert_int_equal(rig_count(g, run, "run.unwinding", NULL, "fail", NULL), 1);
    assert_int_equal(rig_count(g, run, "run.closed", NULL, "fail", NULL), 1);
    assert_int_equal(rig_row(g, run).deliver_no, 5);
}

static void a_cancel_takes_back_and_then_ends(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "c",
                 BOX "put(\"a\") put(\"b\")\n"
                     "parallel { function() sleep \"1h\" end,\n"
                     "  function() ask { id = \"q\", role = \"r\", title = \"T\" } end }");
    rig_open(g);
    const char *run = rig_start(g, "c", NULL);
    rig_expect(g, run, "waiting");
    assert_int_equal(rig_kill_run(g, run, "not needed"), 0);
    assert_string_equal(tsn_json_str(g->info, "state", ""), "cancelling");
    rig_expect(g, run, "cancelled");
    assert_string_equal(did, "+a +b -b -a ");
    assert_int_equal(rig_count(g, run, "step.result", "0.3b1.1", "cancelled", NULL), 1);
    assert_int_equal(rig_count(g, run, "step.result", "0.3b2.1", "cancelled", NULL), 1);
    assert_int_equal(rig_count(g, run, "run.closed", NULL, "cancelled", "R030"), 1);
}

static void what_is_under_way_is_settled_before_it_is_taken_back(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "w", BOX "put(\"a\") put(\"b\")");
    rig_open(g);
    hold_put = 1;
    held_call = NULL;
    const char *run = rig_start(g, "w", NULL);
    assert_true(rig_until(g, put_is_held, NULL, RIG_DEADLINE_MS));
    assert_int_equal(rig_kill_run(g, run, "not needed"), 0);
    rig_settle(g, 50);
    assert_string_equal(rig_row(g, run).state, "cancelling");
    assert_string_equal(did, "+a ");
    hold_put = 0;
    held_call->done(held_call, TSN_OUTCOME_OK, NULL, NULL);
    rig_expect(g, run, "cancelled");
    assert_string_equal(did, "+a -a ");
}

static void unwind_is_a_step_and_the_run_goes_on(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "u",
                 BOX "put(\"a\") put(\"b\") case:unwind() put(\"c\") case:unwind()\n"
                     "case:unwind() return \"clean\"");
    rig_open(g);
    const char *run = rig_start(g, "u", NULL);
    rig_expect(g, run, "finished");
    assert_string_equal(did, "+a +b -b -a +c -c ");
    assert_string_equal(rig_row(g, run).result, "\"clean\"");
    assert_int_equal(rig_count(g, run, "step.result", "0.3", "ok", "unwind"), 1);
}

static bool taken_back(struct rig *g, void *user)
{
    (void)g;
    (void)user;
    return strchr(did, '-') != NULL;
}

static void what_expires_takes_itself_back(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "e",
                 /* Last, or on a slow machine it would be back before the other is put. */
                 BOX "put(\"b\") put(\"a\", \"60ms\")\n"
                     "ask { id = \"q\", role = \"r\", title = \"T\" }\nreturn \"ok\"");
    rig_open(g);
    const char *run = rig_start(g, "e", NULL);
    struct tsn_rec_task t = rig_task(g, run);
    assert_true(rig_until(g, taken_back, NULL, RIG_DEADLINE_MS));
    rig_expect(g, run, "waiting");
    assert_string_equal(did, "+b +a -a ");
    assert_int_equal(rig_answer(g, "p", "r", &t, "{}"), 0);
    rig_expect(g, run, "finished");
    assert_string_equal(did, "+b +a -a "); /* b stays: nobody said otherwise */
}

static void it_does_so_after_a_restart_and_after_the_playbook_has_ended(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "r", BOX "put(\"a\", \"6s\") return \"done\"");
    g->config.park_ms = 10;
    rig_open(g);
    const char *run = rig_start(g, "r", NULL);
    rig_expect(g, run, "parked");
    assert_string_equal(did, "+a ");
    assert_non_null(strstr(rig_row(g, run).reason, "expires"));
    rig_crash(g);
    rig_expect(g, run, "finished");
    assert_string_equal(did, "+a -a ");
    assert_string_equal(rig_row(g, run).result, "\"done\"");
}

static void what_does_not_expire_is_kept_and_does_not_keep_the_run(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "k", BOX "put(\"b\") put(\"a\", \"300ms\") return \"done\"");
    rig_open(g);
    const char *run = rig_start(g, "k", NULL);
    rig_expect(g, run, "finished");
    assert_string_equal(did, "+b +a -a ");
}

static void a_cancel_does_not_wait_for_the_expiry(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "x", BOX "put(\"a\", \"10h\") return \"done\"");
    rig_open(g);
    const char *run = rig_start(g, "x", NULL);
    rig_expect(g, run, "parked");
    assert_int_equal(rig_kill_run(g, run, "lift it now"), 0);
    rig_expect(g, run, "cancelled");
    assert_string_equal(did, "+a -a ");
}

static void an_undo_that_fails_waits_for_a_person(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "s", BOX "put(\"a\") put(\"b\") error(\"x\")");
    rig_open(g);
    refuse_undo = 1;
    const char *run = rig_start(g, "s", NULL);
    rig_expect(g, run, "stuck");
    assert_non_null(strstr(rig_row(g, run).reason, "R102"));
    assert_string_equal(did, "+a +b ");
    struct tsn_actor who = {.person = "lead1", .auth = "token"};
    struct tsn_run_act act = {.run = run, .verb = "retry", .reason = "the firewall is back"};
    g->answered = false;
    tsn_engine_act(g->engine, &who, &act, rig_answered, g);
    assert_true(rig_until(g, rig_flag, &g->answered, RIG_DEADLINE_MS));
    assert_int_equal(g->err, 0);
    rig_expect(g, run, "failed");
    assert_string_equal(did, "+a +b -b -a ");
    assert_int_equal(rig_count(g, run, "step.result", "0.2u", "fail", NULL), 1);
    assert_int_equal(rig_count(g, run, "step.result", "0.2u2", "ok", NULL), 1);
}

static void the_second_cancel_is_a_kill(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "k", BOX "put(\"a\") error(\"x\")");
    rig_open(g);
    refuse_undo = 1;
    const char *run = rig_start(g, "k", NULL);
    rig_expect(g, run, "stuck");
    assert_int_equal(rig_kill_run(g, run, "taken back by hand"), 0);
    rig_expect(g, run, "cancelled");
    assert_string_equal(did, "+a ");
}

static void a_crash_in_the_middle_repeats_nothing(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "m",
                 BOX "for i = 1, 6 do put(\"n\" .. i) end\nsleep \"20ms\"\nerror(\"x\")");
    rig_open(g);
    char run[TSN_ULID_LEN + 1];
    snprintf(run, sizeof(run), "%s", rig_start(g, "m", NULL));
    for (int i = 0; i < 200 && !strchr(did, '-'); i++)
        rig_settle(g, 1);
    rig_crash(g);
    rig_expect(g, run, "failed");
    for (int i = 1; i <= 6; i++) {
        char path[8];

        snprintf(path, sizeof(path), "0.%du", i);
        assert_int_equal(rig_count(g, run, "step.result", path, "ok", NULL), 1);
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, box_setup, rig_teardown)
    const struct CMUnitTest tests[] = {
        T(a_failure_takes_back_newest_first),
        T(a_cancel_takes_back_and_then_ends),
        T(what_is_under_way_is_settled_before_it_is_taken_back),
        T(unwind_is_a_step_and_the_run_goes_on),
        T(what_expires_takes_itself_back),
        T(what_does_not_expire_is_kept_and_does_not_keep_the_run),
        T(it_does_so_after_a_restart_and_after_the_playbook_has_ended),
        T(a_cancel_does_not_wait_for_the_expiry),
        T(an_undo_that_fails_waits_for_a_person),
        T(the_second_cancel_is_a_kill),
        T(a_crash_in_the_middle_repeats_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
