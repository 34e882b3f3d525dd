/* The story of a case in words: entries as engine and casework write them, told in order. */
#include "unit/casework/case_world.h"

#include "core/id.h"
#include "store/record_case.h"
#include "store/record_run.h"

struct story {
    struct case_world *w;
    struct tsn_rec_case c;
    const char *run;
};

static void say(struct story *s, const char *kind, const char *actor, const char *step,
                const char *outcome, const char *args, const char *result)
{
    struct tsn_field fields[2];
    struct tsn_append a = TSN_APPEND_INIT;
    size_t n = 0;
    if (args)
        fields[n++] = (struct tsn_field){.name = "args", .data = args, .len = strlen(args)};
    if (result)
        fields[n++] =
            (struct tsn_field){.name = "result", .data = result, .len = strlen(result)};
    a.kind = kind;
    a.actor = actor;
    a.case_id = s->c.id;
    a.run = s->run;
    a.playbook = "customer-incident@1@0123456789abcdef";
    a.step = step;
    a.outcome = outcome;
    a.fields = fields;
    a.nfields = n;
    int64_t seq;
    assert_int_equal(tsn_store_append(s->w->st, &a, &seq), 0);
}

static void say_note(struct story *s, const char *kind, const char *actor, const char *step,
                     const char *note)
{
    struct tsn_field field = {.name = "note", .data = note, .len = strlen(note)};
    struct tsn_append a = TSN_APPEND_INIT;
    int64_t seq;
    a.kind = kind;
    a.actor = actor;
    a.case_id = s->c.id;
    a.run = s->run;
    a.step = step;
    a.fields = &field;
    a.nfields = 1;
    assert_int_equal(tsn_store_append(s->w->st, &a, &seq), 0);
}

static void run_row(struct story *s)
{
    char id[TSN_ULID_LEN + 1];
    tsn_id_new(id);
    s->run = tsn_arena_strdup(s->w->arena, id);
    struct tsn_rec_run run = {.id = s->run,
                              .name = "r-test",
                              .case_id = s->c.id,
                              .playbook = "00",
                              .title = "customer-incident@1",
                              .state = "running",
                              .input = "{}",
                              .started_at = NOW};
    assert_int_equal(tsn_store_insert(s->w->st, &tsn_table_run, &run), 0);
}

static const json_t *find(const json_t *list, const char *word)
{
    size_t i;
    json_t *o;
    json_array_foreach(list, i, o) if (!strcmp(tsn_json_str(o, "word", ""), word)) return o;
    return NULL;
}

static void expect(const json_t *list, const char *word, const char *text, bool quiet)
{
    const json_t *o = find(list, word);
    if (!o)
        fail_msg("no line `%s`", word);
    if (!strstr(tsn_json_str(o, "text", ""), text))
        fail_msg("`%s` says: %s", word, tsn_json_str(o, "text", ""));
    assert_int_equal(tsn_json_bool(o, "quiet", !quiet), quiet);
}

static void test_story(void **state)
{
    struct story s = {.w = *state};
    json_t *list = NULL, *o;
    s.c = world_case(s.w, "incident");
    run_row(&s);
    say(&s, "run.started", "u:intake", NULL, NULL, NULL, NULL);
    say(&s, "step.intent", "svc:engine", "0.1", NULL,
        "{\"kind\":\"call\",\"name\":\"mail.send\",\"opts\":{},\"args\":{\"to\":\"a@b."
        "example\","
        "\"template\":\"ack-incident\"}}",
        NULL);
    say(&s, "step.result", "svc:engine", "0.1", "ok", NULL, "{\"message_id\":\"x\"}");
    say(&s, "task.asked", "svc:engine", "0.2", NULL,
        "{\"kind\":\"ask\",\"name\":\"triage\",\"opts\":{},\"args\":{\"role\":\"responder\","
        "\"title\":\"Judge it\"}}",
        NULL);
    say(&s, "task.answered", "u:resp1", "0.2", NULL, NULL,
        "{\"severity\":\"critical\",\"by\":\"resp1\"}");
    say(&s, "step.result", "svc:engine", "0.2", "ok", NULL, "{\"severity\":\"critical\"}");
    assert_int_equal(world_act(s.w, s.c.id, "case.set",
                               "{\"severity\":\"critical\",\"reason\":\"tokens replayed\"}",
                               NOW, NULL),
                     0);
    say(&s, "step.result", "svc:engine", "0.3", "ok",
        "{\"kind\":\"call\",\"name\":\"edge.plan_block\",\"opts\":{},\"args\":{}}", "{}");
    say(&s, "approval.requested", "svc:engine", "0.4", NULL,
        "{\"kind\":\"approve\",\"name\":\"contain\",\"opts\":{},\"args\":{\"role\":\"duty\","
        "\"title\":\"Block it\",\"within_ms\":1800000}}",
        NULL);
    say_note(&s, "approval.granted", "u:duty1", "0.4", "confirmed");
    say(&s, "step.intent", "svc:engine", "0.5", NULL,
        "{\"kind\":\"call\",\"name\":\"edge.apply\",\"opts\":{},\"args\":{}}", NULL);
    say(&s, "step.in_doubt", "svc:engine", "0.5", "unknown", NULL, NULL);
    say(&s, "step.intent", "svc:engine", "0.6", NULL,
        "{\"kind\":\"call\",\"name\":\"http.request\",\"opts\":{},\"args\":{}}", NULL);
    say(&s, "step.frobnicated", "svc:engine", "0.6", NULL, NULL, NULL);
    assert_int_equal(
        world_act(s.w, s.c.id, "clock.start", "{\"name\":\"cra\",\"due\":\"24h\"}", NOW, NULL),
        0);
    assert_int_equal(world_act(s.w, s.c.id, "case.close",
                               "{\"resolution\":\"fixed\",\"reason\":\"done\"}", NOW, NULL),
                     0);

    assert_int_equal(tsn_case_timeline(s.w->st, s.w->arena, &s.c, &list), 0);
    assert_int_equal(json_array_size(list), 17);
    int64_t last = -1;
    size_t i;
    json_array_foreach(list, i, o)
    {
        assert_true(tsn_json_int(o, "seq", -1) > last);
        last = tsn_json_int(o, "seq", -1);
        assert_true(tsn_json_str(o, "kind", "")[0] != 0);
    }
    expect(list, "opened", "Tokens replayed", true); /* the report tells it */
    expect(list, "ack", "a@b.example", false);
    expect(list, "asked", "responder for triage \"Judge it\"", false);
    expect(list, "answered", "resp1 triage: severity critical", false);
    expect(list, "severity", "none → critical: \"tokens replayed\"", false);
    expect(list, "done", "edge.plan_block", true); /* a look-up */
    expect(list, "approved", "duty1, contain: \"confirmed\"", false);
    expect(list, "unknown", "edge.apply", false);
    expect(list, "clock", "cra started, due 2026-11-25T08:00Z", false);
    expect(list, "closed", "fixed: \"done\"", false);
    expect(list, "step.frobnicated", "", true); /* a kind of a later version */
    /* Three intents: two came to an end, the third goes on now. */
    size_t doing = 0;
    json_array_foreach(list, i, o) if (!strcmp(tsn_json_str(o, "word", ""), "doing") &&
                                       !tsn_json_bool(o, "quiet", true))
    {
        assert_string_equal(tsn_json_str(o, "text", ""), "http.request");
        doing++;
    }
    assert_int_equal(doing, 1);
    json_decref(list);
}

static void test_failures_are_loud(void **state)
{
    struct story s = {.w = *state};
    json_t *list = NULL;
    s.c = world_case(s.w, "upstream");
    run_row(&s);
    say(&s, "step.result", "svc:engine", "0.1", "fail",
        "{\"kind\":\"call\",\"name\":\"case.set\",\"opts\":{},\"args\":{}}",
        "{\"error\":{\"code\":\"R062\",\"message\":\"no such product\"}}");
    say(&s, "run.stuck", "svc:engine", NULL, "fail", "{\"message\":\"over its budget\"}", NULL);
    assert_int_equal(tsn_case_timeline(s.w->st, s.w->arena, &s.c, &list), 0);
    expect(list, "opened", "Tokens replayed", false); /* nobody reported it */
    expect(list, "failed", "case.set: no such product", false);
    expect(list, "run", "customer-incident@1 stuck: \"over its budget\"", false);
    json_decref(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_story, world_open, world_close),
        cmocka_unit_test_setup_teardown(test_failures_are_loud, world_open, world_close),
    };
    tsn_crypto_init();
    tsn_json_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
