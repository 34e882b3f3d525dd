/* The rules of deciding, as tables: who may, when, on what, with which answers. */
#include "unit/engine/engine_rig.h"
#include "store/record_run.h"

struct row {
    const char *name, *kind, *state, *verb, *person, *role, *reason, *digest;
    bool seen;
    const char *code; /* NULL = allowed */
    tsn_err err;
};

static void every_rule_of_an_approval(void **state)
{
    static const struct row rows[] = {
        {"fine", "approve", "open", "approve", "duty1", "duty", "looks right", "sha256:aa",
         false, NULL, 0},
        {"plan seen in the same command", "approve", "open", "approve", "duty1", "duty",
         "looks right", NULL, true, NULL, 0},
        {"a rejection needs no digest", "approve", "open", "reject", "duty1", "duty",
         "too wide", NULL, false, NULL, 0},
        {"late", "approve", "approved", "approve", "duty1", "duty", "looks right", "sha256:aa",
         false, "A016", TSN_ECONFLICT},
        {"after the time-out", "approve", "expired", "reject", "duty1", "duty", "looks right",
         "sha256:aa", false, "A016", TSN_ECONFLICT},
        {"of a cancelled run", "approve", "void", "approve", "duty1", "duty", "looks right",
         "sha256:aa", false, "A016", TSN_ECONFLICT},
        {"no person", "approve", "open", "approve", NULL, "duty", "looks right", "sha256:aa",
         false, "A017", TSN_EDENIED},
        {"other role", "approve", "open", "approve", "duty1", "auditor", "looks right",
         "sha256:aa", false, "A018", TSN_EDENIED},
        {"four eyes", "approve", "open", "approve", "resp1", "duty", "looks right", "sha256:aa",
         false, "A007", TSN_EDENIED},
        {"four eyes also to reject", "approve", "open", "reject", "resp1", "duty",
         "looks right", "sha256:aa", false, "A007", TSN_EDENIED},
        {"second vote", "approve", "open", "approve", "voter", "duty", "looks right",
         "sha256:aa", false, "A015", TSN_ECONFLICT},
        {"other plan", "approve", "open", "approve", "duty1", "duty", "looks right",
         "sha256:bb", true, "A009", TSN_ECONFLICT},
        {"no digest", "approve", "open", "approve", "duty1", "duty", "looks right", NULL, false,
         "A010", TSN_EINPUT},
        {"no reason", "approve", "open", "approve", "duty1", "duty", NULL, "sha256:aa", false,
         "A008", TSN_EINPUT},
        {"short reason", "approve", "open", "reject", "duty1", "duty", "no", NULL, false,
         "A008", TSN_EINPUT},
        {"answer to an approval", "approve", "open", "answer", "duty1", "duty", "looks right",
         "sha256:aa", false, "A011", TSN_EINPUT},
        {"approval of a question", "ask", "open", "approve", "duty1", "duty", "looks right",
         NULL, true, "A011", TSN_EINPUT},
        {"unknown verb", "ask", "open", "shrug", "duty1", "duty", "looks right", NULL, true,
         "A011", TSN_EINPUT},
        {"question", "ask", "open", "answer", "duty1", "duty", NULL, NULL, false, NULL, 0},
        {"late answer", "ask", "answered", "answer", "duty1", "duty", NULL, NULL, false, "A016",
         TSN_ECONFLICT},
        {"resolve", "resolve", "open", "answer", "duty1", "duty", NULL, NULL, false, NULL, 0},
    };
    json_t *spec = json_pack("{s:[s], s:{}}", "not_by", "resp1", "fields");
    json_t *votes = json_pack("[{s:s, s:s}]", "by", "voter", "verdict", "approve");
    json_t *empty = json_object();

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *r = &rows[i];
        const char *roles[] = {"other", r->role, NULL};
        struct tsn_actor who = {.person = r->person, .roles = roles, .auth = "token"};
        struct tsn_rec_task t = {.name = "ap-7k3m",
                                 .kind = r->kind,
                                 .state = r->state,
                                 .role = "duty",
                                 .quorum = 2,
                                 .decided_by = "duty2",
                                 .digest = strcmp(r->kind, "approve") ? NULL : "sha256:aa"};
        struct tsn_decision d = {.task = "ap-7k3m",
                                 .verb = r->verb,
                                 .reason = r->reason,
                                 .digest = r->digest,
                                 .plan_seen = r->seen,
                                 .answer = empty};
        struct tsn_diag diag;
        json_t *answer = NULL;

        tsn_diag_init(&diag);
        tsn_err err = tsn_decide_check(&t, spec, votes, &who, &d, NULL, &answer, &diag);
        if (err != r->err || strcmp(diag.code, r->code ? r->code : "") != 0)
            fail_msg("%s: got %s %s (%s)", r->name, tsn_err_name(err), diag.code, diag.what);
        json_decref(answer);
    }
    json_decref(spec);
    json_decref(votes);
    json_decref(empty);
}

struct hand {
    const char *name, *person, *role, *to, *reason, *code;
};

/* Who else may decide, and who may be made to. */
static void more_people_than_the_role(void **state)
{
    static const struct hand rows[] = {
        {"the role", "duty1", "duty", NULL, "looks right", NULL},
        {"a role it was escalated to", "lead1", "lead", NULL, "looks right", NULL},
        {"asked by name", "owner1", "other", NULL, "looks right", NULL},
        {"handed over to", "deputy1", "other", NULL, "looks right", NULL},
        {"nobody of these", "stranger", "other", NULL, "looks right", "A018"},
        {"handed over, but kept out", "resp1", "other", NULL, "looks right", "A007"},
        {"hands over", "duty1", "duty", "deputy2", "on a plane", NULL},
        {"hands over without a reason", "duty1", "duty", "deputy2", "", "A008"},
        {"hands over to nobody", "duty1", "duty", NULL, "on a plane", NULL},
        {"hands over to themselves", "duty1", "duty", "duty1", "on a plane", "A101"},
        {"hands over again", "duty1", "duty", "deputy1", "on a plane", "A102"},
        {"hands over to who voted", "duty1", "duty", "voter", "on a plane", "A102"},
        {"hands over to who is kept out", "duty1", "duty", "resp1", "on a plane", "A007"},
        {"a stranger hands over", "stranger", "other", "deputy2", "on a plane", "A018"},
        {"who voted hands over", "voter", "duty", "deputy2", "on a plane", "A015"},
    };
    json_t *spec =
        json_pack("{s:[s], s:[s,s], s:s, s:[{s:s}, {s:s}]}", "not_by", "resp1", "roles", "duty",
                  "lead", "to", "owner1", "delegates", "to", "deputy1", "to", "resp1");
    json_t *votes = json_pack("[{s:s, s:s}]", "by", "voter", "verdict", "approve");

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct hand *r = &rows[i];
        const char *roles[] = {r->role, NULL};
        struct tsn_actor who = {.person = r->person, .roles = roles, .auth = "token"};
        struct tsn_rec_task t = {.name = "ap-1",
                                 .kind = "approve",
                                 .state = "open",
                                 .role = "duty",
                                 .quorum = 2,
                                 .digest = "sha256:aa"};
        struct tsn_decision d = {.task = "ap-1",
                                 .verb = r->to ? "delegate" : "approve",
                                 .to = r->to,
                                 .reason = r->reason,
                                 .digest = "sha256:aa"};
        struct tsn_diag diag;
        json_t *answer = NULL;

        tsn_diag_init(&diag);
        (void)tsn_decide_check(&t, spec, votes, &who, &d, NULL, &answer, &diag);
        if (strcmp(diag.code, r->code ? r->code : "") != 0)
            fail_msg("%s: got %s (%s)", r->name, diag.code, diag.what);
        json_decref(answer);
    }
    json_decref(spec);
    json_decref(votes);
}

static void not_by_takes_one_name_or_many(void **state)
{
    const char *roles[] = {"duty", NULL};
    struct tsn_actor who = {.person = "b", .roles = roles};
    struct tsn_rec_task t = {.name = "as-1", .kind = "ask", .state = "open", .role = "duty"};
    struct tsn_decision d = {.task = "as-1", .verb = "answer"};
    json_t *one = json_pack("{s:s}", "not_by", "b");
    json_t *many = json_pack("{s:[s,s]}", "not_by", "a", "b");
    json_t *others = json_pack("{s:[s,s]}", "not_by", "a", "c");
    json_t *answer = NULL;
    struct tsn_diag diag;

    (void)state;
    assert_int_equal(tsn_decide_check(&t, one, NULL, &who, &d, NULL, &answer, &diag),
                     TSN_EDENIED);
    assert_int_equal(tsn_decide_check(&t, many, NULL, &who, &d, NULL, &answer, &diag),
                     TSN_EDENIED);
    assert_int_equal(tsn_decide_check(&t, others, NULL, &who, &d, NULL, &answer, &diag), 0);
    json_decref(answer);
    json_decref(one);
    json_decref(many);
    json_decref(others);
}

static void a_reason_is_counted_in_characters(void **state)
{
    char longest[2002];
    struct tsn_diag diag;

    (void)state;
    memset(longest, 'x', sizeof(longest));
    longest[2001] = '\0';
    assert_int_equal(tsn_reason_check(longest, &diag), TSN_EINPUT);
    longest[2000] = '\0';
    assert_int_equal(tsn_reason_check(longest, &diag), 0);
    assert_int_equal(tsn_reason_check("\xc3\xa4\xc3\xb6", &diag), TSN_EINPUT); /* 2 letters */
    assert_int_equal(tsn_reason_check("\xc3\xa4\xc3\xb6\xc3\xbc", &diag), 0);
}

struct answer_row {
    const char *answer, *code, *taken;
};

static void every_type_of_answer(void **state)
{
    static const char form[] = "{\"sev\":{\"type\":\"choice\",\"options\":[\"low\",\"high\"]},"
                               "\"product\":{\"type\":\"pick\",\"of\":\"product\"},"
                               "\"hot\":{\"type\":\"flag\",\"required\":false},"
                               "\"why\":{\"type\":\"text\",\"required\":true,\"max\":10},"
                               "\"n\":{\"type\":\"number\",\"min\":1,\"max\":5},"
                               "\"day\":{\"type\":\"date\"}}";
#define BASE "\"sev\":\"low\",\"product\":\"edge-gw\",\"why\":\"x\""
    static const struct answer_row rows[] = {
        {"{" BASE "}", NULL, "{\"product\":\"edge-gw\",\"sev\":\"low\",\"why\":\"x\"}"},
        {"{" BASE ",\"hot\":\"yes\"}", NULL,
         "{\"hot\":true,\"product\":\"edge-gw\",\"sev\":\"low\",\"why\":\"x\"}"},
        {"{" BASE ",\"hot\":false,\"n\":\"3\"}", NULL,
         "{\"hot\":false,\"n\":3,\"product\":\"edge-gw\",\"sev\":\"low\",\"why\":\"x\"}"},
        {"{" BASE ",\"day\":\"2026-11-24\"}", NULL,
         "{\"day\":\"2026-11-24\",\"product\":\"edge-gw\",\"sev\":\"low\",\"why\":\"x\"}"},
        {"{" BASE ",\"hot\":\"maybe\"}", "A014", NULL},
        {"{" BASE ",\"n\":6}", "A014", NULL},
        {"{" BASE ",\"n\":\"3x\"}", "A014", NULL},
        {"{" BASE ",\"n\":\"nan\"}", "A014", NULL},
        {"{" BASE ",\"day\":\"tomorrow\"}", "A014", NULL},
        {"{" BASE ",\"day\":\"2026-13-24\"}", "A014", NULL},
        {"{" BASE ",\"sevv\":\"low\"}", "A012", NULL},
        {"{\"product\":\"edge-gw\",\"why\":\"x\"}", "A013", NULL},
        {"{\"sev\":null,\"product\":\"edge-gw\",\"why\":\"x\"}", "A013", NULL},
        {"{\"sev\":\"mid\",\"product\":\"edge-gw\",\"why\":\"x\"}", "A014", NULL},
        {"{\"sev\":\"low\",\"product\":\"edge-gv\",\"why\":\"x\"}", "A014", NULL},
        {"{\"sev\":\"low\",\"product\":7,\"why\":\"x\"}", "A014", NULL},
        {"{\"sev\":\"low\",\"product\":\"edge-gw\",\"why\":\"\"}", "A014", NULL},
        {"{\"sev\":\"low\",\"product\":\"edge-gw\",\"why\":\"12345678901\"}", "A014", NULL},
        {"{\"sev\":\"low\",\"product\":\"edge-gw\"}", "A013", NULL},
    };
    json_t *fields = NULL, *picks = json_pack("{s:[s,s]}", "product", "edge-gw", "relay");

    (void)state;
    assert_int_equal(tsn_json_parse(form, strlen(form), &fields, NULL), 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        json_t *answer = NULL, *taken = NULL;
        struct tsn_diag diag;

        tsn_diag_init(&diag);
        assert_int_equal(tsn_json_parse(rows[i].answer, strlen(rows[i].answer), &answer, NULL),
                         0);
        (void)tsn_answer_check(fields, picks, answer, &taken, &diag);
        if (strcmp(diag.code, rows[i].code ? rows[i].code : "") != 0)
            fail_msg("%s: got %s (%s)", rows[i].answer, diag.code, diag.what);
        if (!rows[i].code) {
            char *text = tsn_json_text(taken);
            assert_string_equal(text, rows[i].taken);
            free(text);
        }
        if (rows[i].code && strcmp(rows[i].code, "A012") == 0)
            assert_non_null(strstr(diag.hint, "sev"));
        json_decref(answer);
        json_decref(taken);
    }
    json_decref(fields);
    json_decref(picks);
}

static void a_form_must_make_sense(void **state)
{
    static const char *const bad[] = {
        "[]",
        "{\"a\":{\"type\":\"colour\"}}",
        "{\"a\":{\"type\":\"choice\"}}",
        "{\"a\":{\"type\":\"choice\",\"options\":[]}}",
        "{\"by\":{\"type\":\"text\"}}",
        "{\"a\":7}",
    };
    struct tsn_diag diag;

    (void)state;
    assert_int_equal(tsn_answer_fields(NULL, &diag), 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        json_t *v = NULL;

        assert_int_equal(tsn_json_parse(bad[i], strlen(bad[i]), &v, NULL), 0);
        tsn_diag_init(&diag);
        if (!tsn_answer_fields(v, &diag))
            fail_msg("%s was taken", bad[i]);
        assert_string_equal(diag.code, "R036");
        json_decref(v);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rule_of_an_approval),
        cmocka_unit_test(more_people_than_the_role),
        cmocka_unit_test(not_by_takes_one_name_or_many),
        cmocka_unit_test(a_reason_is_counted_in_characters),
        cmocka_unit_test(every_type_of_answer),
        cmocka_unit_test(a_form_must_make_sense),
    };

    tsn_json_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
