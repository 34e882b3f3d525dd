/* Tries by policy, deadlines that end a step, limits of an action, and asking the plugin in doubt. */
#include "unit/engine/engine_rig.h"
#include "store/record_run.h"

static unsigned begun, under_way, most, probes;
static enum tsn_outcome probe_says;
static struct tsn_call *held[16];
static size_t nheld;

static tsn_err gate_start(struct tsn_call *call, struct tsn_diag *diag)
{
    (void)diag;
    begun++;
    if (++under_way > most)
        most = under_way;
    held[nheld++] = call;
    return 0;
}

static void gate_cancel(struct tsn_call *call)
{
    (void)call;
    under_way--;
}

static tsn_err fast_start(struct tsn_call *call, struct tsn_diag *diag)
{
    (void)diag;
    begun++;
    return rig_later(call->action->user, call, TSN_OUTCOME_OK, NULL, NULL);
}

static tsn_err large_start(struct tsn_call *call, struct tsn_diag *diag)
{
    char *text = tsn_alloc(TSN_RESULT_MAX + 1);
    json_t *result;

    (void)diag;
    begun++;
    memset(text, 'x', TSN_RESULT_MAX);
    result = json_pack("{s:s}", "text", text);
    free(text);
    return rig_later(call->action->user, call, TSN_OUTCOME_OK, result, NULL);
}

static tsn_err lost_start(struct tsn_call *call, struct tsn_diag *diag)
{
    (void)diag;
    begun++;
    return rig_later(call->action->user, call, begun > 1 ? TSN_OUTCOME_OK : TSN_OUTCOME_UNKNOWN,
                     json_pack("{s:s}", "by", "start"), begun > 1 ? NULL : "R043");
}

static tsn_err lost_probe(struct tsn_call *call, struct tsn_diag *diag)
{
    (void)diag;
    probes++;
    return rig_later(call->action->user, call, probe_says, json_pack("{s:s}", "by", "probe"),
                     NULL);
}

static void more(struct rig *g)
{
    const struct tsn_action actions[] = {
        {.name = "lim.two",
         .summary = "two at once",
         .effect = TSN_EFFECT_EXTERNAL,
         .doubt = TSN_DOUBT_ASK,
         .at_once = 2,
         .start = gate_start,
         .cancel = gate_cancel,
         .user = g},
        {.name = "lim.rate",
         .summary = "three a minute",
         .effect = TSN_EFFECT_EXTERNAL,
         .doubt = TSN_DOUBT_ASK,
         .per_minute = 3,
         .start = fast_start,
         .user = g},
        {.name = "lim.large",
         .summary = "says more than is kept",
         .effect = TSN_EFFECT_EXTERNAL,
         .doubt = TSN_DOUBT_ASK,
         .start = large_start,
         .user = g},
        {.name = "lim.lost",
         .summary = "outcome lost, can be asked",
         .effect = TSN_EFFECT_EXTERNAL,
         .doubt = TSN_DOUBT_PROBE,
         .start = lost_start,
         .probe = lost_probe,
         .user = g},
        {.name = "lim.hang",
         .summary = "never answers, can be asked",
         .effect = TSN_EFFECT_EXTERNAL,
         .doubt = TSN_DOUBT_PROBE,
         .start = gate_start,
         .probe = lost_probe,
         .cancel = gate_cancel,
         .user = g},
    };

    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
        assert_int_equal(tsn_registry_add(g->registry, &actions[i]), 0);
}

static int setup(void **state)
{
    int err = rig_setup(state);

    ((struct rig *)*state)->more_actions = more;
    begun = under_way = most = probes = 0;
    nheld = 0;
    return err;
}

static void waits_double_up_to_a_limit_and_never_fall_together(void **state)
{
    static const int64_t least[] = {1000, 2000, 4000, 8000, 10000, 10000};
    const struct tsn_engine e = {0}; /* as configured outside of tests */
    const struct tsn_retry p = {.attempts = 9, .first_ms = 1000, .max_ms = 10000};

    (void)state;
    for (size_t i = 0; i < sizeof(least) / sizeof(least[0]); i++) {
        int64_t first = tsn_retry_wait(&e, &p, (int64_t)i + 1);
        bool differs = false;

        for (int n = 0; n < 200; n++) {
            int64_t ms = tsn_retry_wait(&e, &p, (int64_t)i + 1);

            assert_in_range(ms, least[i], least[i] + least[i] / 4);
            differs = differs || ms != first;
        }
        assert_true(differs);
    }
    assert_in_range(tsn_retry_wait(&e, &p, INT64_MAX), 10000, 12500);
}

static void a_result_that_is_too_large_is_an_error_in_words(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "p",
                 "local lim = use \"lim\"\nlocal ok, e = pcall(lim.large, {})\nrig.send "
                 "{}\nreturn { ok, e.code }");
    rig_open(g);
    const char *run = rig_start(g, "p", NULL);
    rig_expect(g, run, "finished");
    assert_string_equal(rig_row(g, run).result, "[false,\"R073\"]");
    assert_int_equal(rig_count(g, run, "step.result", "0.1", "fail", "R073"), 1);
    assert_int_equal(begun, 1); /* it had its effect: not once more */
    assert_int_equal(g->sends, 1);
}

static void a_call_says_what_is_worth_another_try(void **state)
{
    struct rig *g = *state;

    rig_playbook(
        g, "p",
        "local a = pcall(rig.fail, { retry = { attempts = 3, on = { \"failed\" } } })\n"
        "local b = pcall(rig.fail, {})\n"
        "local c = pcall(rig.flaky, { retry = { on = { \"timeout\" } } })\n"
        "local d = pcall(rig.send, { retry = { on = { \"luck\" } } })\n"
        "return { a, b, c, d }");
    rig_open(g);
    g->flaky_fails = 1;
    const char *run = rig_start(g, "p", NULL);
    rig_expect(g, run, "finished");
    assert_string_equal(rig_row(g, run).result, "[false,false,false,false]");
    assert_int_equal(rig_count(g, run, "step.intent", "0.1", NULL, NULL), 3);
    assert_int_equal(rig_count(g, run, "step.intent", "0.2", NULL, NULL), 1);
    assert_int_equal(rig_count(g, run, "step.intent", "0.3", NULL, NULL), 1);
    assert_int_equal(g->sends, 0);
}

static void a_deadline_ends_a_step_whatever_its_tries(void **state)
{
    struct rig *g = *state;

    rig_playbook(
        g, "d",
        "local ok, e = pcall(rig.flaky, { retry = { attempts = 100, within = \"60ms\" } })\n"
        "local ok2 = pcall(rig.stall, { retry = { within = \"60ms\" } })\n"
        "return e.code");
    rig_open(g);
    g->flaky_fails = 1000;
    const char *run = rig_start(g, "d", NULL);
    /* The second may have happened: not even then does tocsin guess. */
    rig_expect(g, run, "in_doubt");
    struct tsn_rec_task t = rig_task(g, run);
    assert_string_equal(t.path, "0.2");
    assert_int_equal(rig_answer(g, "p", "responder", &t,
                                "{\"outcome\":\"failed\",\"reason\":\"it did not\"}"),
                     0);
    rig_expect(g, run, "finished");
    assert_string_equal(rig_row(g, run).result, "\"R051\"");
    assert_true(g->flakies < 100);
}

static void tries_before_a_crash_count(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "c", "return (pcall(rig.flaky, {}))"); /* three attempts */
    rig_open(g);
    g->flaky_fails = 1000;
    const char *run = rig_start(g, "c", NULL);
    rig_crash(g);
    for (int i = 0; i < 3000 && !tsn_run_over(rig_row(g, run).state); i++) {
        struct tsn_rec_task t;
        struct rig_get q = {NULL, run, &t};

        if (rig_do(g, rig_task_fn, &q, false) == 0)
            (void)rig_answer(g, "p", "responder", &t,
                             "{\"outcome\":\"retry\",\"reason\":\"not done\"}");
        rig_settle(g, 2);
    }
    rig_expect(g, run, "finished");
    assert_true(rig_count(g, run, "step.intent", "0.1", NULL, NULL) <= 3);
}

static bool two_held(struct rig *g, void *user)
{
    (void)g;
    (void)user;
    return nheld == 2;
}

static bool run_over(struct rig *g, void *user)
{
    while (nheld > 0) {
        struct tsn_call *c = held[--nheld];

        under_way--;
        c->done(c, TSN_OUTCOME_OK, NULL, NULL);
    }
    return tsn_run_over(rig_row(g, user).state);
}

static void an_action_has_no_more_under_way_than_it_takes(void **state)
{
    struct rig *g = *state;
    char run[TSN_ULID_LEN + 1];

    rig_playbook(g, "l",
                 "local lim = use \"lim\"\n"
                 "each({ 1, 2, 3, 4, 5, 6 }, function(i) lim.two { i = i } end) return \"ok\"");
    rig_open(g);
    snprintf(run, sizeof(run), "%s", rig_start(g, "l", NULL));
    assert_true(rig_until(g, two_held, NULL, RIG_DEADLINE_MS));
    rig_settle(g, 30);
    /* What waits at the gate has no intent: nothing to be in doubt about. */
    assert_int_equal(rig_count(g, run, "step.intent", NULL, NULL, "lim.two"), 2);
    assert_true(rig_until(g, run_over, run, RIG_DEADLINE_MS));
    assert_int_equal(begun, 6);
    assert_int_equal(most, 2);
}

static void a_rate_holds_the_rest_back(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "r",
                 "local lim = use \"lim\"\n"
                 "race { function() each({ 1, 2, 3, 4, 5 }, function() lim.rate {} end) end,\n"
                 "  function() sleep \"300ms\" end }\nreturn \"ok\"");
    rig_open(g);
    const char *run = rig_start(g, "r", NULL);
    rig_expect(g, run, "finished");
    assert_int_equal(begun, 3);
    assert_int_equal(rig_count(g, run, "step.result", NULL, "cancelled", "dismissed"), 2);
}

static void the_plugin_says_that_it_happened(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "ok", "local lim = use \"lim\"\nreturn lim.lost {}.by");
    rig_open(g);
    probe_says = TSN_OUTCOME_OK;
    const char *run = rig_start(g, "ok", NULL);
    rig_expect(g, run, "finished");
    assert_string_equal(rig_row(g, run).result, "\"probe\"");
    assert_int_equal(begun, 1);
    assert_int_equal(rig_count(g, run, "step.result", "0.1", "ok", "probed"), 1);
}

static void the_plugin_says_that_it_did_not(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "no", "local lim = use \"lim\"\nreturn lim.lost {}.by");
    rig_open(g);
    probe_says = TSN_OUTCOME_FAIL;
    const char *run = rig_start(g, "no", NULL);
    rig_expect(g, run, "finished");
    assert_string_equal(rig_row(g, run).result, "\"start\"");
    assert_int_equal(begun, 2);
    assert_int_equal(rig_count(g, run, "step.retry", "0.1", "fail", "probed"), 1);
}

static void only_what_nobody_knows_goes_to_a_person(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "un", "local lim = use \"lim\"\nreturn lim.lost {}.by");
    rig_open(g);
    probe_says = TSN_OUTCOME_UNKNOWN;
    const char *run = rig_start(g, "un", NULL);
    rig_expect(g, run, "in_doubt");
    assert_int_equal(probes, 1);
    assert_int_equal(begun, 1);
}

static bool one_held(struct rig *g, void *user)
{
    (void)g;
    (void)user;
    return nheld == 1;
}

static void after_a_restart_the_plugin_is_asked(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "re", "local lim = use \"lim\"\nreturn lim.hang {}.by");
    rig_open(g);
    probe_says = TSN_OUTCOME_OK;
    const char *run = rig_start(g, "re", NULL);
    assert_true(rig_until(g, one_held, NULL, RIG_DEADLINE_MS));
    rig_crash(g);
    rig_expect(g, run, "finished");
    assert_string_equal(rig_row(g, run).result, "\"probe\"");
    assert_int_equal(begun, 1);
    assert_int_equal(probes, 1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, rig_teardown)
    const struct CMUnitTest tests[] = {
        T(waits_double_up_to_a_limit_and_never_fall_together),
        T(a_result_that_is_too_large_is_an_error_in_words),
        T(a_call_says_what_is_worth_another_try),
        T(a_deadline_ends_a_step_whatever_its_tries),
        T(tries_before_a_crash_count),
        T(an_action_has_no_more_under_way_than_it_takes),
        T(a_rate_holds_the_rest_back),
        T(the_plugin_says_that_it_happened),
        T(the_plugin_says_that_it_did_not),
        T(only_what_nobody_knows_goes_to_a_person),
        T(after_a_restart_the_plugin_is_asked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
