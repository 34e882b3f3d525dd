/* What a run does when all goes well, and how people, time and signals move it. */
#include "unit/engine/engine_rig.h"
#include "store/record_run.h"
#include "store/record_system.h"

static void every_kind_of_step_in_one_run(void **state)
{
    struct rig *g = *state;

    rig_playbook(
        g, "all-kinds",
        "local seen = rig.look { what = ev.what }\n"
        "rig.note { text = \"first\" }\n"
        "rig.send { to = \"x\", undo = rig.note }\n"
        "sleep \"30ms\"\n"
        "local a = ask { id = \"triage\", role = \"responder\", title = \"T\",\n"
        "  fields = { sev = choice { \"low\", \"high\" } } }\n"
        "local ok, d = approve { id = \"contain\", role = \"contain\", not_by = a.by,\n"
        "  title = \"Block\", show = { rules = { 1, 2 } } }\n"
        "local e = wait { event = \"fixed\", where = { key = \"K-1\" } }\n"
        "return { looks = seen.looks, sev = a.sev, by = a.by, ok = ok, who = d.by, n = e.n }");
    rig_open(g);
    const char *run = rig_start(g, "all-kinds", "{\"what\":\"gw\"}");
    struct tsn_rec_task t = rig_task(g, run);

    assert_string_equal(t.kind, "ask");
    assert_string_equal(t.role, "responder");
    assert_int_equal(strncmp(t.name, "as-", 3), 0);
    rig_expect(g, run, "waiting");
    assert_int_equal(rig_answer(g, "resp1", "responder", &t, "{\"sev\":\"high\"}"), 0);

    t = rig_task(g, run);
    assert_string_equal(t.kind, "approve");
    assert_string_equal(t.role, "duty"); /* through the playbook's roles */
    assert_int_equal(strncmp(t.name, "ap-", 3), 0);
    assert_int_equal(strncmp(t.digest, "sha256:", 7), 0);
    assert_int_equal(rig_vote(g, "resp1", "duty", &t, "approve"), TSN_EDENIED);
    assert_string_equal(g->diag.code, "A007");
    assert_int_equal(rig_vote(g, "duty1", "duty", &t, "approve"), 0);
    assert_true(tsn_json_bool(g->info, "decided", false));

    rig_expect(g, run, "parked");
    assert_int_equal(rig_signal(g, "fixed", "{\"key\":\"K-2\",\"n\":1}"), 0); /* not this one */
    assert_int_equal(rig_signal(g, "fixed", "{\"key\":\"K-1\",\"n\":2}"), 0);
    rig_expect(g, run, "finished");

    struct tsn_rec_run row = rig_row(g, run);
    assert_string_equal(row.result, "{\"by\":\"resp1\",\"looks\":1,\"n\":2,\"ok\":true,"
                                    "\"sev\":\"high\",\"who\":\"duty1\"}");
    assert_int_equal(row.deliver_no, 7);
    assert_int_equal(g->looks, 1);
    assert_int_equal(g->sends, 1);
    assert_int_equal(strlen(g->idem), 32);
}

static void the_chain_tells_it_in_order(void **state)
{
    struct rig *g = *state;
    static const char *const kinds[] = {"run.started", "step.intent", "step.result",
                                        "step.result", "step.result", "run.closed"};

    rig_playbook(
        g, "short",
        "rig.send { n = 1 }\nrig.note { text = \"n\" }\nrig.look {}\nreturn { done = true }");
    rig_open(g);
    const char *run = rig_start(g, "short", NULL);
    rig_expect(g, run, "finished");
    struct rig_chain c = rig_chain(g, run);

    assert_int_equal(c.n, sizeof(kinds) / sizeof(kinds[0]));
    for (size_t i = 0; i < c.n; i++)
        assert_string_equal(c.entries[i].entry.kind, kinds[i]);
    assert_string_equal(c.entries[1].entry.reason, "rig.send");
    assert_string_equal(c.entries[1].entry.idem, g->idem);
    assert_string_equal(c.entries[2].entry.outcome, "ok");
    assert_string_equal(c.entries[5].entry.outcome, "ok");

    /* The case's chain holds the run's length and last leaf. */
    struct rig_chain k = {.chain = tsn_arena_printf(g->arena, "case:%s", g->case_id)};
    assert_int_equal(rig_do(g, rig_chain_fn, &k, false), 0);
    assert_int_equal(k.n, 2);
    assert_string_equal(k.entries[0].entry.kind, "run.opened");
    assert_string_equal(k.entries[1].entry.kind, "run.ended");
    assert_int_equal(k.entries[1].entry.rlen, c.n);
    assert_memory_equal(k.entries[1].entry.rlast, c.entries[5].leaf, TSN_HASH_LEN);
}

static void two_people_must_agree(void **state)
{
    struct rig *g = *state;

    rig_playbook(
        g, "quorum",
        "local ok, d = approve { id = \"p\", role = \"contain\", quorum = 2, title = \"Go\" }\n"
        "return { ok = ok, by = d.by, votes = #d.votes }");
    rig_open(g);
    const char *run = rig_start(g, "quorum", NULL);
    struct tsn_rec_task t = rig_task(g, run);

    assert_int_equal(rig_vote(g, "duty1", "duty", &t, "approve"), 0);
    assert_false(tsn_json_bool(g->info, "decided", true));
    assert_int_equal(rig_vote(g, "duty1", "duty", &t, "approve"), TSN_ECONFLICT);
    assert_string_equal(g->diag.code, "A015");
    rig_expect(g, run, "waiting");
    assert_int_equal(rig_vote(g, "duty2", "duty", &t, "approve"), 0);
    rig_expect(g, run, "finished");
    assert_string_equal(rig_row(g, run).result, "{\"by\":\"duty2\",\"ok\":true,\"votes\":2}");
    assert_int_equal(rig_count(g, run, "approval.granted", "0.1", NULL, NULL), 2);
    assert_int_equal(rig_vote(g, "duty3", "duty", &t, "reject"), TSN_ECONFLICT);
    assert_string_equal(g->diag.code, "A016");
    assert_int_equal(rig_count(g, run, "approval.denied", NULL, NULL, NULL), 0);
}

static void one_rejection_decides(void **state)
{
    struct rig *g = *state;
    struct tsn_decision d = {.verb = "reject", .reason = "too wide"};

    rig_playbook(
        g, "reject",
        "local ok, d = approve { id = \"p\", role = \"contain\", quorum = 2, title = \"Go\" }\n"
        "return { ok = ok, why = d.reason }");
    rig_open(g);
    const char *run = rig_start(g, "reject", NULL);
    struct tsn_rec_task t = rig_task(g, run);

    assert_int_equal(rig_vote(g, "duty1", "duty", &t, "approve"), 0);
    d.task = tsn_arena_printf(g->arena, "%.6s", t.name); /* a prefix is enough */
    assert_int_equal(rig_decide(g, "duty2", "duty", &d), 0);
    rig_expect(g, run, "finished");
    assert_string_equal(rig_row(g, run).result, "{\"ok\":false,\"why\":\"too wide\"}");
    assert_string_equal(rig_task_row(g, t.id).state, "rejected");
}

static void decisions_that_are_refused_change_nothing(void **state)
{
    struct rig *g = *state;
    struct tsn_decision none = {.task = "ap-zzzz", .verb = "approve", .reason = "because"};

    rig_playbook(
        g, "refused",
        "local ok = approve { id = \"p\", role = \"contain\", title = \"Go\", show = { 1 } }\n"
        "return ok");
    rig_open(g);
    const char *run = rig_start(g, "refused", NULL);
    struct tsn_rec_task t = rig_task(g, run);
    struct tsn_decision d = {
        .task = t.name, .verb = "approve", .reason = "because", .digest = "sha256:00"};

    assert_int_equal(rig_decide(g, "duty1", "duty", &none), TSN_ENOTFOUND);
    assert_int_equal(rig_decide(g, "duty1", "duty", &d), TSN_ECONFLICT);
    assert_string_equal(g->diag.code, "A009");
    d.digest = NULL;
    assert_int_equal(rig_decide(g, "duty1", "duty", &d), TSN_EINPUT);
    assert_string_equal(g->diag.code, "A010");
    assert_int_equal(rig_vote(g, "duty1", "auditor", &t, "approve"), TSN_EDENIED);
    assert_int_equal(rig_vote(g, NULL, "duty", &t, "approve"), TSN_EDENIED);
    assert_int_equal(rig_answer(g, "duty1", "duty", &t, "{}"), TSN_EINPUT);
    assert_int_equal(rig_count(g, run, "approval.granted", NULL, NULL, NULL), 0);
    assert_string_equal(rig_task_row(g, t.id).votes, "[]");
    d.plan_seen = true;
    assert_int_equal(rig_decide(g, "duty1", "duty", &d), 0);
    rig_expect(g, run, "finished");
}

static void silence_is_a_no(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "silence",
                 "local ok, d = approve { id = \"p\", role = \"contain\", title = \"Go\", "
                 "within = \"60ms\" }\n"
                 "return { ok = ok, by = d.by }");
    rig_open(g);
    const char *run = rig_start(g, "silence", NULL);
    struct tsn_rec_task t = rig_task(g, run);

    rig_expect(g, run, "finished");
    assert_string_equal(rig_row(g, run).result, "{\"by\":\"timeout\",\"ok\":false}");
    assert_string_equal(rig_task_row(g, t.id).state, "expired");
    assert_int_equal(rig_count(g, run, "approval.expired", "0.1", "timeout", NULL), 1);
    assert_int_equal(rig_vote(g, "duty1", "duty", &t, "approve"), TSN_ECONFLICT);
}

static void an_unanswered_question_is_an_error_or_a_default(void **state)
{
    struct rig *g = *state;

    rig_playbook(
        g, "late",
        "local ok, e = pcall(ask, { id = \"q\", role = \"r\", title = \"T\", within = \"30ms\" "
        "})\n"
        "local d = ask { id = \"q2\", role = \"r\", title = \"T\", within = \"30ms\",\n"
        "  fields = { sev = text \"How bad?\" }, on_timeout = { sev = \"low\" } }\n"
        "return { ok = ok, sev = d.sev, by = d.by }");
    rig_open(g);
    const char *run = rig_start(g, "late", NULL);

    rig_expect(g, run, "finished");
    assert_string_equal(rig_row(g, run).result,
                        "{\"by\":\"timeout\",\"ok\":false,\"sev\":\"low\"}");
    assert_int_equal(rig_count(g, run, "task.expired", "0.1", "timeout", NULL), 1);
    assert_int_equal(rig_count(g, run, "task.expired", NULL, NULL, NULL), 2);
}

static void a_wait_takes_what_came_before_it(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "wait",
                 "ask { id = \"q\", role = \"r\", title = \"T\" }\n"
                 "local a = wait { event = \"go\" }\n"
                 "local b = wait { event = \"go\" }\n"
                 "local c, why = wait { event = \"go\", within = \"30ms\" }\n"
                 "return { a = a.n, b = b.n, why = why }");
    rig_open(g);
    const char *run = rig_start(g, "wait", NULL);
    struct tsn_rec_task t = rig_task(g, run);

    assert_int_equal(rig_signal(g, "go", "{\"n\":1}"), 0);
    assert_int_equal(rig_signal(g, "go", "{\"n\":2}"), 0);
    assert_int_equal(rig_answer(g, "p", "r", &t, "{}"), 0);
    rig_expect(g, run, "finished");
    assert_string_equal(rig_row(g, run).result, "{\"a\":1,\"b\":2,\"why\":\"timeout\"}");
}

static void a_signal_needs_a_case_and_a_name(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "x", "return 1");
    rig_open(g);
    tsn_id_new(g->case_id);
    assert_int_equal(rig_signal(g, "go", "{}"), TSN_ENOTFOUND);
    assert_int_equal(rig_signal(g, "two words", "{}"), TSN_EINPUT);
}

static void a_store_action_that_refuses_leaves_nothing(void **state)
{
    struct rig *g = *state;
    struct tsn_rec_meta meta;

    rig_playbook(g, "refuse",
                 "local ok, e = pcall(rig.note, { text = \"a\", bad = true })\n"
                 "rig.note { text = \"b\" }\nreturn { ok = ok }");
    rig_open(g);
    const char *run = rig_start(g, "refuse", NULL);
    rig_expect(g, run, "finished");
    struct rig_get bad = {&tsn_table_meta, tsn_arena_printf(g->arena, "note:%s:0.1", run),
                          &meta};
    struct rig_get good = {&tsn_table_meta, tsn_arena_printf(g->arena, "note:%s:0.2", run),
                           &meta};

    assert_string_equal(rig_row(g, run).result, "{\"ok\":false}");
    assert_int_equal(rig_do(g, rig_get_fn, &bad, false), TSN_ENOTFOUND);
    assert_int_equal(rig_do(g, rig_get_fn, &good, false), 0);
    assert_string_equal(meta.value, "b");
    assert_int_equal(rig_count(g, run, "step.result", "0.1", "fail", "R060"), 1);
}

static void tries_again_with_the_same_key_until_it_works_or_not(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "flaky",
                 "local ok = pcall(rig.flaky, {})\n"
                 "return ok");
    rig_open(g);
    g->flaky_fails = 2;
    const char *run = rig_start(g, "flaky", NULL);
    rig_expect(g, run, "finished");
    assert_string_equal(rig_row(g, run).result, "true");
    assert_int_equal(g->flakies, 3);
    assert_int_equal(rig_count(g, run, "step.intent", "0.1", NULL, NULL), 3);
    assert_int_equal(rig_count(g, run, "step.retry", "0.1", "fail", "R051"), 2);

    g->flaky_fails = 9;
    g->flakies = 0;
    run = rig_start(g, "flaky", NULL);
    rig_expect(g, run, "finished");
    assert_string_equal(rig_row(g, run).result, "false");
    assert_int_equal(g->flakies, 3);
}

static void many_runs_share_few_lua_states(void **state)
{
    struct rig *g = *state;
    const char *runs[12];

    rig_playbook(g, "many", "for i = 1, 3 do sleep \"40ms\" end\nreturn ev.n");
    g->config.resident = 3;
    g->config.workers = 2;
    rig_open(g);
    for (size_t i = 0; i < 12; i++)
        runs[i] = rig_start(g, "many", tsn_arena_printf(g->arena, "{\"n\":%zu}", i));
    for (size_t i = 0; i < 12; i++) {
        rig_expect(g, runs[i], "finished");
        assert_int_equal(atoi(rig_row(g, runs[i]).result), i);
    }
    struct tsn_engine_stats stats;
    tsn_engine_stats(g->engine, &stats);
    assert_int_equal(stats.finished, 12);
    assert_int_equal(stats.resident, 0);
    assert_int_equal(stats.in_flight, 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
    const struct CMUnitTest tests[] = {
        T(every_kind_of_step_in_one_run),
        T(the_chain_tells_it_in_order),
        T(two_people_must_agree),
        T(one_rejection_decides),
        T(decisions_that_are_refused_change_nothing),
        T(silence_is_a_no),
        T(an_unanswered_question_is_an_error_or_a_default),
        T(a_wait_takes_what_came_before_it),
        T(a_signal_needs_a_case_and_a_name),
        T(a_store_action_that_refuses_leaves_nothing),
        T(tries_again_with_the_same_key_until_it_works_or_not),
        T(many_runs_share_few_lua_states),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
