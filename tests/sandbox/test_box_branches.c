/* parallel, race and each in one box: order, results, errors, what is given up, and that the same
 * outcomes in the same order lead to the same place. */
#include "sandbox/sandbox_util.h"

/* All events since the last call: "want 0.1b1.1 edge.apply|dismiss 0.1b2.1|joined 0.1 ok|". */
static const char *events(struct sandbox *s)
{
    static char text[4096];
    const struct tsn_box_event *e;
    size_t n = 0;

    text[0] = '\0';
    while ((e = tsn_box_take(s->box)) != NULL) {
        static const char *const words[] = {"want", "joined", "dismiss"};

        n += (size_t)snprintf(text + n, sizeof text - n, "%s %s%s%s|", words[e->word],
                              e->want.path, e->word == TSN_BOX_DISMISSED ? "" : " ",
                              e->word == TSN_BOX_WANT     ? e->want.name
                              : e->word == TSN_BOX_JOINED ? e->outcome
                                                          : "");
    }
    return text;
}

static void settle(struct sandbox *s, const char *path, const char *outcome, const char *result)
{
    json_t *v = sandbox_json(result);
    s->state = tsn_box_resume(s->box, path, outcome, v, 2000);
    json_decref(v);
}

static void ends_with(struct sandbox *s, const char *result)
{
    if (s->state != TSN_BOX_ENDED)
        fail_msg("did not end: %s %s", tsn_box_error(s->box)->code,
                 tsn_box_error(s->box)->text);
    char *got = tsn_json_text(tsn_box_result(s->box));
    assert_string_equal(got, result);
    free(got);
    sandbox_close(s);
}

#define EDGE "local edge = use 'edge'\n"

static void results_come_in_the_order_of_the_arguments(void **state)
{
    struct sandbox s;
    (void)state;
    sandbox_open(&s,
                 EDGE "local a, b, c = parallel {\n"
                      "  function() return edge.apply { n = 1 }.v end,\n"
                      "  function() local x = edge.apply { n = 2 }.v\n"
                      "    return x .. edge.remove {}.v end,\n"
                      "  function() end }\n"
                      "return { a, b, c }",
                 0, 0);
    assert_string_equal(events(&s),
                        "want 0.1 parallel|want 0.1b1.1 edge.apply|want 0.1b2.1 edge.apply|");
    settle(&s, "0.1b2.1", "ok", "{\"v\":\"two\"}");
    assert_string_equal(events(&s), "want 0.1b2.2 edge.remove|");
    settle(&s, "0.1b1.1", "ok", "{\"v\":\"one\"}");
    assert_string_equal(events(&s), "");
    settle(&s, "0.1b2.2", "ok", "{\"v\":\"!\"}");
    assert_string_equal(events(&s), "joined 0.1 ok|");
    settle(&s, "0.1", "ok", "{}");
    ends_with(&s, "[\"one\",\"two!\",false]");
}

static void each_starts_no_more_than_its_limit(void **state)
{
    struct sandbox s;
    (void)state;
    sandbox_open(&s,
                 EDGE "return each({ 'a', 'b', 'c', 'd' }, function(x, i)\n"
                      "  return edge.apply { x = x }.v .. i end, { limit = 2 })",
                 0, 0);
    assert_string_equal(events(&s),
                        "want 0.1 each|want 0.1b1.1 edge.apply|want 0.1b2.1 edge.apply|");
    settle(&s, "0.1b2.1", "ok", "{\"v\":\"B\"}");
    assert_string_equal(events(&s), "want 0.1b3.1 edge.apply|");
    settle(&s, "0.1b3.1", "ok", "{\"v\":\"C\"}");
    settle(&s, "0.1b1.1", "ok", "{\"v\":\"A\"}");
    (void)events(&s);
    settle(&s, "0.1b4.1", "ok", "{\"v\":\"D\"}");
    assert_string_equal(events(&s), "joined 0.1 ok|");
    settle(&s, "0.1", "ok", "{}");
    ends_with(&s, "[\"A1\",\"B2\",\"C3\",\"D4\"]");
}

static void an_error_gives_the_others_up_and_comes_out_at_the_call(void **state)
{
    struct sandbox s;
    (void)state;
    sandbox_open(&s,
                 EDGE "local ok, e = pcall(parallel, {\n"
                      "  function() sleep '1h' return 'never' end,\n"
                      "  function() edge.apply {} error({ code = 'X1', message = 'no' }) end,\n"
                      "  function() return pcall(edge.remove, {}) end })\n"
                      "return { ok, e.code, e.message }",
                 0, 0);
    (void)events(&s);
    settle(&s, "0.1b2.1", "ok", "{}");
    assert_string_equal(events(&s), "dismiss 0.1b1.1|dismiss 0.1b3.1|");
    settle(&s, "0.1b1.1", "cancelled", "{}");
    assert_string_equal(events(&s), "");
    /* An effect under way is waited for, and nobody sees its outcome. */
    settle(&s, "0.1b3.1", "ok", "{}");
    assert_string_equal(events(&s), "joined 0.1 fail|");
    settle(&s, "0.1", "fail", "{}");
    ends_with(&s, "[false,\"X1\",\"no\"]");
}

static void a_plain_error_keeps_its_words_and_place(void **state)
{
    struct sandbox s;
    (void)state;
    sandbox_open(&s, "parallel { function() local x return x.y end }", 0, 0);
    assert_string_equal(events(&s), "want 0.1 parallel|joined 0.1 fail|");
    settle(&s, "0.1", "fail", "{}");
    assert_int_equal(s.state, TSN_BOX_FAILED);
    assert_string_equal(tsn_box_error(s.box)->code, "R010");
    assert_int_equal(tsn_box_error(s.box)->line, 2);
    sandbox_close(&s);
}

static void a_race_has_one_winner(void **state)
{
    struct sandbox s;
    (void)state;
    sandbox_open(&s,
                 EDGE "local v, which = race {\n"
                      "  function() sleep '30m' return 'late' end,\n"
                      "  function() return wait { event = 'answer' }.text end }\n"
                      "return { v, which }",
                 0, 0);
    assert_string_equal(events(&s), "want 0.1 race|want 0.1b1.1 |want 0.1b2.1 answer|");
    settle(&s, "0.1b2.1", "ok", "{\"event\":{\"text\":\"yes\"}}");
    assert_string_equal(events(&s), "dismiss 0.1b1.1|");
    settle(&s, "0.1b1.1", "cancelled", "{}");
    assert_string_equal(events(&s), "joined 0.1 ok|");
    settle(&s, "0.1", "ok", "{\"winner\":2}");
    ends_with(&s, "[\"yes\",2]");
}

static void nested_branches_are_given_up_from_the_inside(void **state)
{
    struct sandbox s;
    (void)state;
    sandbox_open(&s,
                 EDGE "local ok = pcall(parallel, {\n"
                      "  function()\n"
                      "    parallel { function() sleep '1h' end, function() sleep '2h' end }\n"
                      "    edge.remove {}\n"
                      "  end,\n"
                      "  function() edge.apply {} error('stop') end })\n"
                      "return ok",
                 0, 0);
    assert_string_equal(events(&s), "want 0.1 parallel|want 0.1b1.1 parallel|"
                                    "want 0.1b2.1 edge.apply|want 0.1b1.1b1.1 |"
                                    "want 0.1b1.1b2.1 |");
    settle(&s, "0.1b2.1", "ok", "{}");
    assert_string_equal(events(&s), "dismiss 0.1b1.1b1.1|dismiss 0.1b1.1b2.1|");
    settle(&s, "0.1b1.1b2.1", "cancelled", "{}");
    settle(&s, "0.1b1.1b1.1", "cancelled", "{}");
    assert_string_equal(events(&s), "joined 0.1b1.1 cancelled|");
    settle(&s, "0.1b1.1", "cancelled", "{}");
    assert_string_equal(events(&s), "joined 0.1 fail|");
    settle(&s, "0.1", "fail", "{}");
    ends_with(&s, "false");
}

static void branches_share_what_they_close_over(void **state)
{
    struct sandbox s;
    (void)state;
    sandbox_open(&s,
                 EDGE "local log = {}\n"
                      "each({ 'x', 'y' }, function(n) log[#log + 1] = n\n"
                      "  edge.apply { n = n } log[#log + 1] = n .. now() end)\n"
                      "return log",
                 0, 0);
    (void)events(&s);
    settle(&s, "0.1b2.1", "ok", "{}");
    settle(&s, "0.1b1.1", "ok", "{}");
    settle(&s, "0.1", "ok", "{}");
    ends_with(&s, "[\"x\",\"y\",\"y2000\",\"x2000\"]");
}

static void faults_in_a_branch_end_the_run(void **state)
{
    static const struct {
        const char *body, *code;
    } cases[] = {
        {"pcall(parallel, { function() while true do pcall(function() end) end end })", "R020"},
        {"pcall(parallel, { function() local s = 'x' while true do s = s .. s end end })",
         "R021"},
        {"pcall(parallel, { function() table.sort({ 2, 1 }, function() sleep '1s' end) end })",
         "L104"},
        {"local function f() parallel { f } end f()", "R100"},
        {"local t = {} for i = 1, 1001 do t[i] = function() end end parallel(t)", "R100"},
        {"table.sort({ 2, 1 }, function() parallel { function() end } end)", "L104"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sandbox s;
        const struct tsn_box_event *e;

        sandbox_open(&s, cases[i].body, 0, 100);
        /* Forks that nobody may refuse join; the error climbs up through them. */
        char joined[64][TSN_PATH_MAX + 1];
        for (int turn = 0; turn < 64 && s.state == TSN_BOX_WANTS; turn++) {
            size_t n = 0;
            while ((e = tsn_box_take(s.box)) != NULL)
                if (e->word == TSN_BOX_JOINED)
                    snprintf(joined[n++], sizeof joined[0], "%s", e->want.path);
            if (n == 0)
                break;
            settle(&s, joined[0], "fail", "{}");
        }
        if (s.state != TSN_BOX_FAILED || strcmp(tsn_box_error(s.box)->code, cases[i].code) != 0)
            fail_msg("`%s`: %d %s %s", cases[i].body, (int)s.state, tsn_box_error(s.box)->code,
                     tsn_box_error(s.box)->text);
        sandbox_close(&s);
    }
}

static void a_thousand_branches_fit(void **state)
{
    struct sandbox s;
    char path[32];
    (void)state;
    sandbox_open(&s,
                 EDGE "local list = {} for i = 1, 1000 do list[i] = i end\n"
                      "local got = each(list, function(i) return edge.apply { i = i }.v end)\n"
                      "local sum = 0 for _, v in ipairs(got) do sum = sum + v end return sum",
                 0, 0);
    for (int i = 1000; i >= 1; i--) {
        char result[32];
        snprintf(path, sizeof path, "0.1b%d.1", i);
        snprintf(result, sizeof result, "{\"v\":%d}", i);
        settle(&s, path, "ok", result);
        assert_int_equal(s.state, TSN_BOX_WANTS);
    }
    settle(&s, "0.1", "ok", "{}");
    ends_with(&s, "500500");
}

static void closing_in_the_middle_leaves_nothing(void **state)
{
    struct sandbox s;
    (void)state;
    sandbox_open(&s,
                 EDGE "parallel { function() each({ 1, 2 }, function() sleep '1s' end) end,\n"
                      "  function() pcall(race, { function() sleep '1s' end,\n"
                      "    function() edge.apply {} end }) end }",
                 0, 0);
    assert_int_equal(s.state, TSN_BOX_WANTS);
    sandbox_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_come_in_the_order_of_the_arguments),
        cmocka_unit_test(each_starts_no_more_than_its_limit),
        cmocka_unit_test(an_error_gives_the_others_up_and_comes_out_at_the_call),
        cmocka_unit_test(a_plain_error_keeps_its_words_and_place),
        cmocka_unit_test(a_race_has_one_winner),
        cmocka_unit_test(nested_branches_are_given_up_from_the_inside),
        cmocka_unit_test(branches_share_what_they_close_over),
        cmocka_unit_test(faults_in_a_branch_end_the_run),
        cmocka_unit_test(a_thousand_branches_fit),
        cmocka_unit_test(closing_in_the_middle_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, sandbox_group_setup, NULL);
}
