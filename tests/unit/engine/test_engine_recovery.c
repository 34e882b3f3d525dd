/* After a crash: everything goes on, and nothing that must not be repeated is repeated. */
#include "unit/engine/engine_rig.h"
#include "store/record_run.h"

static bool hangs(struct rig *g, void *user)
{
    (void)user;
    return g->hangs > 0;
}

static bool stalls(struct rig *g, void *user)
{
    (void)user;
    return g->stalls > 0;
}

static void a_repeatable_step_goes_again_with_the_same_key(void **state)
{
    struct rig *g = *state;
    char key[64];

    rig_playbook(g, "stall", "rig.look {}\nrig.stall {}\nreturn 1");
    rig_open(g);
    const char *run = rig_start(g, "stall", NULL);
    assert_true(rig_until(g, stalls, NULL, RIG_DEADLINE_MS));
    snprintf(key, sizeof(key), "%s", g->idem);
    g->stalls = 0;
    rig_crash(g);
    assert_true(rig_until(g, stalls, NULL, RIG_DEADLINE_MS));
    assert_string_equal(g->idem, key);
    assert_int_equal(g->attempt, 2);
    assert_int_equal(g->looks, 1);
    assert_int_equal(rig_count(g, run, "step.retry", "0.2", "unknown", "in_doubt"), 1);
    assert_int_equal(rig_count(g, run, "step.intent", "0.2", NULL, NULL), 2);
    assert_int_equal(rig_kill_run(g, run, "enough"), 0);
}

static void other_steps_wait_for_a_person(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "hang", "local r = rig.hang { n = 1 }\nreturn { r = r }");
    rig_open(g);
    const char *run = rig_start(g, "hang", NULL);
    assert_true(rig_until(g, hangs, NULL, RIG_DEADLINE_MS));
    rig_crash(g);
    rig_expect(g, run, "in_doubt");
    assert_int_equal(g->hangs, 1);
    struct tsn_rec_task t = rig_task(g, run);
    assert_string_equal(t.kind, "resolve");
    rig_crash(g); /* and keeps waiting */
    rig_settle(g, 50);
    rig_expect(g, run, "in_doubt");
    assert_int_equal(g->hangs, 1);
    assert_int_equal(
        rig_answer(g, "x", "auditor", &t, "{\"outcome\":\"done\",\"reason\":\"saw it\"}"),
        TSN_EDENIED);
    assert_int_equal(rig_answer(g, "resp1", "responder", &t, "{\"outcome\":\"done\"}"),
                     TSN_EINPUT);
    assert_int_equal(
        rig_answer(g, "resp1", "responder", &t,
                   "{\"outcome\":\"done\",\"reason\":\"saw it\",\"result\":\"{\\\"x\\\":1}\"}"),
        0);
    rig_expect(g, run, "finished");
    assert_string_equal(rig_row(g, run).result, "{\"r\":{\"x\":1}}");
    assert_int_equal(g->hangs, 1);
}

static void a_person_may_say_failed_or_once_more(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "hang", "local ok, e = pcall(rig.hang, {})\nreturn ok");
    rig_open(g);
    const char *run = rig_start(g, "hang", NULL);
    assert_true(rig_until(g, hangs, NULL, RIG_DEADLINE_MS));
    rig_crash(g);
    struct tsn_rec_task t = rig_task(g, run);
    g->hangs = 0;
    assert_int_equal(rig_answer(g, "resp1", "responder", &t,
                                "{\"outcome\":\"retry\",\"reason\":\"never arrived\"}"),
                     0);
    assert_true(rig_until(g, hangs, NULL, RIG_DEADLINE_MS));
    assert_int_equal(g->attempt, 2);
    rig_crash(g);
    t = rig_task(g, run);
    assert_int_equal(rig_answer(g, "resp1", "responder", &t,
                                "{\"outcome\":\"failed\",\"reason\":\"host is down\"}"),
                     0);
    rig_expect(g, run, "finished");
    assert_string_equal(rig_row(g, run).result, "false");
}

static void an_unknown_outcome_while_running_asks_too(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "arm", "local r = rig.arm {}\nreturn r.note");
    rig_open(g);
    const char *run = rig_start(g, "arm", NULL);
    rig_expect(g, run, "in_doubt");
    struct tsn_rec_task t = rig_task(g, run);
    assert_int_equal(
        rig_answer(g, "resp1", "responder", &t,
                   "{\"outcome\":\"done\",\"result\":\"fine\",\"reason\":\"saw it\"}"),
        0);
    rig_expect(g, run, "finished");
    assert_int_equal(g->arms, 1);
}

static void time_goes_on_while_nobody_runs(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "naps", "rig.send {}\nsleep \"300ms\"\nreturn \"up\"");
    rig_playbook(
        g, "asks",
        "local ok = approve { id = \"p\", role = \"r\", title = \"T\", within = \"300ms\" }\n"
        "return ok");
    rig_playbook(g, "waits",
                 "local e, why = wait { event = \"e\", within = \"300ms\" }\nreturn why");
    g->config.park_ms = 100; /* all three park */
    rig_open(g);
    const char *naps = rig_start(g, "naps", NULL);
    const char *asks = rig_start(g, "asks", NULL);
    const char *waits = rig_start(g, "waits", NULL);
    rig_expect(g, naps, "parked");
    rig_expect(g, asks, "waiting");
    rig_expect(g, waits, "parked");
    rig_shut(g);
    usleep(350 * 1000);
    rig_open(g);
    rig_expect(g, naps, "finished");
    rig_expect(g, asks, "finished");
    rig_expect(g, waits, "finished");
    assert_string_equal(rig_row(g, asks).result, "false");
    assert_string_equal(rig_row(g, waits).result, "\"timeout\"");
    assert_int_equal(g->sends, 1);
}

static void a_vote_survives(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "quorum",
                 "local ok, d = approve { id = \"p\", role = \"r\", quorum = 2, title = \"T\" "
                 "}\nreturn ok");
    rig_open(g);
    const char *run = rig_start(g, "quorum", NULL);
    struct tsn_rec_task t = rig_task(g, run);
    assert_int_equal(rig_vote(g, "a", "r", &t, "approve"), 0);
    rig_crash(g);
    assert_int_equal(rig_vote(g, "a", "r", &t, "approve"), TSN_ECONFLICT);
    assert_int_equal(rig_vote(g, "b", "r", &t, "approve"), 0);
    rig_expect(g, run, "finished");
    assert_string_equal(rig_row(g, run).result, "true");
}

static void crashes_at_many_moments_repeat_nothing(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "long",
                 "local n = 0\nfor i = 1, 12 do\n"
                 "  rig.note { text = tostring(i) }\n  n = n + rig.look {}.looks * 0 + 1\n"
                 "  sleep \"15ms\"\nend\nreturn n");
    rig_open(g);
    const char *run = rig_start(g, "long", NULL);
    for (int i = 0; i < 8; i++) {
        rig_settle(g, 20 + 7 * i);
        rig_crash(g);
    }
    rig_expect(g, run, "finished");
    assert_string_equal(rig_row(g, run).result, "12");
    assert_int_equal(rig_row(g, run).deliver_no, 36);
    /* Each step has exactly one result. */
    for (int i = 1; i <= 36; i++)
        assert_int_equal(
            rig_count(g, run, "step.result", tsn_arena_printf(g->arena, "0.%d", i), "ok", NULL),
            1);
}

static tsn_err steal_fn(struct tsn_store *st, struct tsn_arena *a, void *user)
{
    struct tsn_rec_run row;
    tsn_err err = tsn_store_get(st, a, &tsn_table_run, user, &row);

    row.epoch += 100;
    return err ? err : tsn_store_update_if(st, &tsn_table_run, &row, "epoch", row.epoch - 100);
}

static void a_lost_run_is_left_alone(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "naps", "sleep \"100ms\"\nrig.send {}\nreturn 1");
    rig_open(g);
    const char *run = rig_start(g, "naps", NULL);
    rig_expect(g, run, "waiting");
    assert_int_equal(rig_do(g, steal_fn, (void *)(uintptr_t)run, true), 0);
    rig_settle(g, 250);
    assert_int_equal(g->sends, 0);
    assert_string_equal(rig_row(g, run).state, "waiting");
    assert_int_equal(g->engine->nruns, 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
    const struct CMUnitTest tests[] = {
        T(a_repeatable_step_goes_again_with_the_same_key),
        T(other_steps_wait_for_a_person),
        T(a_person_may_say_failed_or_once_more),
        T(an_unknown_outcome_while_running_asks_too),
        T(time_goes_on_while_nobody_runs),
        T(a_vote_survives),
        T(crashes_at_many_moments_repeat_nothing),
        T(a_lost_run_is_left_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
