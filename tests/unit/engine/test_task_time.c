/* Questions and time: reminders, escalation, and a plan that changed while people thought. */
#include "unit/engine/engine_rig.h"
#include "store/record_run.h"

static void when_people_are_reminded(void **state)
{
    json_t *spec = json_pack("{s:i, s:[{s:i, s:s}, {s:i, s:s}]}", "remind_ms", 100, "escalate",
                             "after_ms", 250, "to", "lead", "after_ms", 900, "to", "boss");

    (void)state;
    assert_int_equal(tsn_nudge_next(spec, 1000, 0), 1100);
    json_object_set_new(spec, "reminded", json_integer(2));
    assert_int_equal(tsn_nudge_next(spec, 1000, 0), 1250); /* escalation comes first */
    json_object_set_new(spec, "escalated", json_integer(1));
    assert_int_equal(tsn_nudge_next(spec, 1000, 0), 1300);
    assert_int_equal(tsn_nudge_next(spec, 1000, 1300), 0); /* it ends before */
    json_object_del(spec, "remind_ms");
    assert_int_equal(tsn_nudge_next(spec, 1000, 0), 1900);
    json_object_set_new(spec, "escalated", json_integer(2));
    assert_int_equal(tsn_nudge_next(spec, 1000, 0), 0);
    json_decref(spec);
}

static void a_question_is_repeated_and_goes_up(void **state)
{
    struct rig *g = *state;

    rig_playbook(
        g, "p",
        "return ask { id = \"q\", role = \"contain\", title = \"?\", remind = \"1s\",\n"
        "  escalate = { { after = \"500ms\", to = \"lead\" }, { after = \"40d\", to = \"boss\" "
        "} "
        "} }.by");
    rig_open(g);
    const char *run = rig_start(g, "p", NULL);
    struct tsn_rec_task t = rig_task(g, run);
    assert_int_equal(rig_answer(g, "lead1", "lead", &t, "{}"), TSN_EDENIED);
    while (rig_count(g, run, "task.escalated", "0.1", NULL, NULL) == 0)
        rig_settle(g, 20);
    rig_crash(g); /* what is due is on disk */
    while (rig_count(g, run, "task.reminded", "0.1", NULL, NULL) == 0)
        rig_settle(g, 20);
    assert_int_equal(rig_count(g, run, "task.escalated", NULL, NULL, NULL), 1);
    struct tsn_rec_task later = rig_task_row(g, t.id);
    assert_true(later.nudge_at > t.nudge_at);
    assert_int_equal(rig_answer(g, "lead1", "lead", &t, "{}"), 0);
    rig_expect(g, run, "finished");
    assert_string_equal(rig_row(g, run).result, "\"lead1\"");
    assert_int_equal(rig_task_row(g, t.id).nudge_at, 0);
}

/* --- plans */

/* What a module above the engine would keep: a row whose text people approve. */
static tsn_err put_draft(struct tsn_store *st, struct tsn_arena *a, void *user)
{
    struct tsn_rec_meta row = {.name = "draft", .value = user};

    (void)a;
    return tsn_store_put(st, &tsn_table_meta, &row);
}

static void set_draft(struct rig *g, const char *digest)
{
    char text[32];

    snprintf(text, sizeof(text), "%s", digest);
    assert_int_equal(rig_do(g, put_draft, text, true), 0);
}

static tsn_err living(void *user, struct tsn_store *st, struct tsn_arena *a,
                      const char *case_id, const json_t *part, json_t **now)
{
    struct rig *g = user;
    struct tsn_rec_meta row;
    tsn_err err;

    assert_string_equal(case_id, g->case_id);
    if (strcmp(tsn_json_str(part, "id", ""), "draft") != 0)
        return TSN_ENOTFOUND;
    err = tsn_store_get(st, a, &tsn_table_meta, "draft", &row);
    if (!err && strcmp(row.value, "gone") == 0)
        *now = json_null();
    else if (!err)
        *now = json_pack("{s:s, s:s, s:s}", "id", "draft", "digest", row.value, "markdown",
                         row.value);
    return err;
}

static void add_living(struct rig *g)
{
    assert_int_equal(tsn_registry_add_living(g->registry, living, g), 0);
}

static void a_changed_plan_is_asked_again(void **state)
{
    struct rig *g = *state;

    g->more_actions = add_living;
    rig_playbook(
        g, "p",
        "local ok, d = approve { id = \"publish\", role = \"lead\", title = \"Publish\",\n"
        "  quorum = 2, show = { draft = { id = \"draft\",\n"
        "  digest = \"one\", markdown = \"one\" } } }\n"
        "return { ok = ok, n = #d.votes }");
    rig_open(g);
    set_draft(g, "one");
    const char *run = rig_start(g, "p", NULL);
    struct tsn_rec_task t = rig_task(g, run);
    assert_int_equal(rig_vote(g, "lead1", "lead", &t, "approve"), 0);
    set_draft(g, "two");
    assert_int_equal(rig_vote(g, "lead2", "lead", &t, "approve"), TSN_ECONFLICT);
    assert_string_equal(g->diag.code, "A100");
    assert_string_equal(rig_task_row(g, t.id).state, "void");
    struct tsn_rec_task again = rig_task(g, run);
    assert_string_not_equal(again.id, t.id);
    assert_string_not_equal(again.digest, t.digest);
    assert_non_null(strstr(again.spec, "\"markdown\":\"two\""));
    assert_non_null(strstr(rig_row(g, run).reason, again.name));
    /* Who saw the old plan cannot approve the new one with it; the vote of before is void. */
    struct tsn_rec_task old_eyes = again;
    old_eyes.digest = t.digest;
    assert_int_equal(rig_vote(g, "lead1", "lead", &old_eyes, "approve"), TSN_ECONFLICT);
    assert_string_equal(g->diag.code, "A009");
    rig_crash(g);
    assert_int_equal(rig_vote(g, "lead1", "lead", &again, "approve"), 0);
    assert_int_equal(rig_vote(g, "lead2", "lead", &again, "approve"), 0);
    rig_expect(g, run, "finished");
    assert_string_equal(rig_row(g, run).result, "{\"n\":2,\"ok\":true}");
    assert_int_equal(rig_count(g, run, "approval.voided", "0.1", NULL, "A100"), 1);
    assert_int_equal(rig_count(g, run, "approval.requested", "0.1", NULL, NULL), 2);
}

static void a_stale_plan_may_be_rejected(void **state)
{
    struct rig *g = *state;

    g->more_actions = add_living;
    rig_playbook(
        g, "p",
        "local ok = approve { id = \"publish\", role = \"lead\", title = \"Publish\",\n"
        "  show = { id = \"draft\", digest = \"one\" } }\nreturn ok");
    rig_open(g);
    set_draft(g, "one");
    const char *run = rig_start(g, "p", NULL);
    struct tsn_rec_task t = rig_task(g, run);
    set_draft(g, "two");
    assert_int_equal(rig_vote(g, "lead1", "lead", &t, "reject"), 0);
    rig_expect(g, run, "finished");
    assert_string_equal(rig_row(g, run).result, "false");
}

/* What a draft was is gone: nobody can approve it, and the new question says so. */
static void a_plan_that_is_gone_is_asked_again(void **state)
{
    struct rig *g = *state;

    g->more_actions = add_living;
    rig_playbook(g, "p",
                 "local ok = approve { id = \"x\", role = \"lead\", title = \"T\",\n"
                 "  show = { { { id = \"draft\", digest = \"one\" } } } }\nreturn ok");
    rig_open(g);
    set_draft(g, "one");
    const char *run = rig_start(g, "p", NULL);
    struct tsn_rec_task t = rig_task(g, run);
    set_draft(g, "gone");
    assert_int_equal(rig_vote(g, "lead1", "lead", &t, "approve"), TSN_ECONFLICT);
    assert_string_equal(g->diag.code, "A100");
    t = rig_task(g, run);
    assert_non_null(strstr(t.spec, "\"gone\":true"));
    assert_int_equal(rig_vote(g, "lead1", "lead", &t, "approve"), 0);
    rig_expect(g, run, "finished");
}

/* A plain table of the run: nobody can put another one in its place. */
static tsn_err change_spec(struct tsn_store *st, struct tsn_arena *a, void *user)
{
    struct tsn_rec_task *t = user;
    const char *at = strstr(t->spec, "192.0.2.7");

    if (at)
        t->spec = tsn_arena_printf(a, "%.*s192.0.2.8%s", (int)(at - t->spec), t->spec, at + 9);
    return tsn_store_put(st, &tsn_table_task, t);
}

static void a_plain_plan_is_bound_too(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "p",
                 "local ok = approve { id = \"x\", role = \"lead\", title = \"T\",\n"
                 "  show = { rules = { \"deny 192.0.2.7\" } } }\nreturn ok");
    rig_open(g);
    const char *run = rig_start(g, "p", NULL);
    struct tsn_rec_task t = rig_task(g, run);
    assert_int_equal(rig_do(g, change_spec, &t, true), 0);
    assert_int_equal(rig_vote(g, "lead1", "lead", &t, "approve"), TSN_ECONFLICT);
    assert_string_equal(g->diag.code, "A100");
    struct tsn_rec_task again = rig_task(g, run);
    assert_string_not_equal(again.digest, t.digest);
    assert_int_equal(rig_vote(g, "lead1", "lead", &t, "approve"), TSN_ECONFLICT); /* A016 */
    assert_int_equal(rig_vote(g, "lead1", "lead", &again, "approve"), 0);
    rig_expect(g, run, "finished");
}

static void a_task_is_handed_over(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "p",
                 "local ok, d = approve { id = \"x\", role = \"lead\", title = \"T\",\n"
                 "  not_by = \"resp1\" }\nreturn d.by");
    rig_open(g);
    const char *run = rig_start(g, "p", NULL);
    struct tsn_rec_task t = rig_task(g, run);
    assert_int_equal(rig_vote(g, "deputy", "other", &t, "approve"), TSN_EDENIED);
    struct tsn_decision d = {
        .task = t.name, .verb = "delegate", .to = "deputy", .reason = "on a plane"};
    assert_int_equal(rig_decide(g, "lead1", "lead", &d), 0);
    assert_int_equal(rig_count(g, run, "task.delegated", "0.1", NULL, NULL), 1);
    assert_int_equal(rig_vote(g, "deputy", "other", &t, "approve"), 0);
    rig_expect(g, run, "finished");
    assert_string_equal(rig_row(g, run).result, "\"deputy\"");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(when_people_are_reminded),
        T(a_question_is_repeated_and_goes_up),
        T(a_changed_plan_is_asked_again),
        T(a_stale_plan_may_be_rejected),
        T(a_plan_that_is_gone_is_asked_again),
        T(a_plain_plan_is_bound_too),
        T(a_task_is_handed_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
