/* What may cross between Lua and JSON, and what is refused with which place. */
#include "sandbox/sandbox_util.h"

static void goes_there_and_back(void **unused)
{
    static const char *const same[] = {
        "{\"a\":[1,2,[3,[4]]],\"b\":{\"c\":{\"d\":true}},\"e\":\"text\",\"f\":false}",
        "[9223372036854775807,-9223372036854775808,0]",
        "{\"empty\":[],\"obj\":{}}",
        "[\"\",\"h\xc3\xa9\",\"\\\"\\\\\\n\"]",
        "{\"\":1,\"1\":2,\"a b\":3}",
        "1.5",
        "\"x\"",
        "true",
        "null",
    };
    (void)unused;
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        struct sandbox s;
        sandbox_open(&s, "return use'edge'.apply {}", 0, 2000);
        sandbox_answer(&s, "ok", same[i], 1);
        assert_int_equal(s.state, TSN_BOX_ENDED);
        char *got = tsn_json_text(tsn_box_result(s.box));
        assert_string_equal(got, same[i]);
        free(got);
        sandbox_close(&s);
    }
}

static void refuses_with_the_place(void **unused)
{
    struct {
        const char *args, *text;
    } rows[] = {
        {"{ f = log }", "f is a function"},
        {"{ a = { { x = log } } }", "a[1].x is a function"},
        {"{ a = { 1, log } }", "a[2] is a function"},
        {"{ a = { 1, nil, 3 } }", "a is a list with holes"},
        {"{ a = { [2] = 1 } }", "a is a list with holes"},
        {"{ a = { [0] = 1 } }", "neither names nor list positions"},
        {"{ a = { [1.5] = 1 } }", "neither names nor list positions"},
        {"{ a = { [true] = 1 } }", "neither names nor list positions"},
        {"{ a = { 1, x = 2 } }", "both names and list positions"},
        {"{ a = 0/0 }", "a is not a number"},
        {"{ a = 1/0 }", "a is infinite"},
        {"{ a = '\\xff' }", "a is not UTF-8"},
        {"{ a = '\\xed\\xa0\\x80' }", "a is not UTF-8"},
        {"{ a = 'x\\0y' }", "a holds a zero byte"},
        {"{ a = { ['\\xff'] = 1 } }", "a name that is not plain UTF-8"},
        {"{ a = { ['x\\0'] = 1 } }", "a name that is not plain UTF-8"},
        {"(function() local t = {} t.t = t return { a = t } end)()", "a.t contains itself"},
        {"(function() local t = {} local r = t for i = 1, 40 do t.n = {} t = t.n end return { "
         "a = r } end)()",
         "nested too deeply"},
        /* Small in Lua, huge in JSON: the same table again and again. */
        {"(function() local t = { 'x' } for i = 1, 30 do t = { t, t } end return { a = t } "
         "end)()",
         "too large"},
        {"{ a = ('x'):rep(2000000) }", "a is too large"},
        {"(function() local t = {} for i = 1, 8 do t[i] = ('x'):rep(200000) end return { a = t "
         "} end)()",
         "too large"},
        /* Of several, always the same one, whatever the order of the hash. */
        {"{ z = log, y = log, x = log, b1 = 1, c = 2, d = log }", "d is a function"},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char body[512];
        snprintf(body, sizeof body, "use'edge'.apply(%s)", rows[i].args);
        sandbox_fails(body, "R012", rows[i].text);
    }
}

static void objects_go_as_their_data(void **unused)
{
    struct sandbox s;
    (void)unused;
    sandbox_open(&s, "use'edge'.apply { c = case, r = case.report.contact }", 0, 2000);
    assert_string_equal(
        sandbox_want(&s),
        "call edge.apply "
        "{\"c\":{\"id\":\"c1\",\"name\":\"PSIRT-2026-0001\",\"receipt\":\"TR-1\","
        "\"report\":{\"contact\":{\"mail\":\"a@b.example\",\"name\":\"Ann\"},\"kind\":"
        "\"incident\",\"title\":\"Odd\"},\"title\":\"Odd traffic\"},\"r\":{\"mail\":"
        "\"a@b.example\",\"name\":\"Ann\"}} {}");
    sandbox_close(&s);
}

static void a_refusal_can_be_caught_and_leaves_nothing(void **unused)
{
    struct sandbox s;
    (void)unused;
    sandbox_open(&s,
                 "local ok, e = pcall(use'edge'.apply, { f = log }) "
                 "use'edge'.apply { code = e.code } return 1",
                 0, 2000);
    assert_string_equal(sandbox_want(&s), "call edge.apply {\"code\":\"R012\"} {}");
    sandbox_answer(&s, "ok", "{}", 1);
    assert_int_equal(s.state, TSN_BOX_ENDED);
    sandbox_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_there_and_back),
        cmocka_unit_test(refuses_with_the_place),
        cmocka_unit_test(objects_go_as_their_data),
        cmocka_unit_test(a_refusal_can_be_caught_and_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, sandbox_group_setup, NULL);
}
