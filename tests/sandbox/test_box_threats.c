/* The threats a sandbox for Lua must answer, each with the test that shows the answer, and here the tests that no
 * other program has. Every test has a limit: the CPU budget of its box, and that of ctest.
 *
 *   what a playbook can write               the test
 *   ------------------------------------    ----------------------------------------------------------
 *   endless loops, also inside pcall        test_box_budget each_ends_in_time (R020)
 *   a message handler of xpcall that loops  here: what_is_not_there
 *   __gc that loops, also at state close    here: a_finalizer_never_runs; test_box_api (L106)
 *   pattern back-tracking                   test_box_budget each_ends_in_time (R018); test_box_pattern
 *   move, insert, remove, concat, unpack    test_box_budget each_ends_in_time (R016)
 *     over huge ranges or a false __len
 *   rep("", 1e15) and giant results         test_box_budget each_ends_in_time (R016)
 *   s = s .. x a hundred thousand times     test_box_budget each_ends_in_time (R020)
 *   pcall that eats memory and time errors  test_box_budget each_ends_in_time (R020, R021)
 *   errors with metamethods, giant errors   here: error_values_are_bounded; test_box_budget, test_box_api
 *   a coroutine that takes the engine's     here: what_is_not_there
 *     yield; 40,000 coroutine.close
 *   an order of pairs that differs          here: no_order_depends_on_the_hash_seed; test_box_api
 *   waiting across pcall, metamethods, for  test_box_api a_step_where_lua_cannot_wait
 *   waiting inside sort or gsub             test_box_api a_step_where_lua_cannot_wait (L104)
 *   __close                                 test_box_api (L106)
 *   deep nesting of source and data         here: deep_source_is_refused; test_box_budget (R019, R021)
 *   chains that cost the parser their square  here: long_chains_are_bounded (L006)
 *   globals that were left over             test_box_golden; here: what_is_not_there
 *   bytecode                                here: mutated_bytecode_is_refused; test_box_budget (L002)
 *   metatables of basic types               test_box_golden; test_box_api states_share_nothing
 *   state shared between runs               here: a_thousand_runs_see_nothing_of_each_other; test_box_api
 *   other answers on replay                 test_worker_protocol test_kill_and_replay_asks_the_same
 *
 *   around it
 *   ------------------------------------    ----------------------------------------------------------
 *   a worker that is taken over: 470 calls  test_box_confine
 *   hostile frames from core to worker      test_worker_protocol test_a_thousand_garbage_frames
 *   hostile frames from worker to core      e2e/test_hostile_runs test_ten_thousand_hostile_frames_...
 *   a hundred such runs, others finish      e2e/test_hostile_runs test_a_hundred_hostile_runs_...
 *   the core answers meanwhile, 20 ms p99   bench/bench_hostile.py
 */
#include <lauxlib.h>
#include <lua.h>
#include "sandbox/sandbox_util.h"

static void what_is_not_there(void **unused)
{
    static const char *const names[] = {
        "xpcall",     "coroutine.wrap(log)", "coroutine.close",
        "load 'x'",   "loadstring",          "loadfile",
        "dofile 'x'", "collectgarbage",      "debug.sethook",
        "io.open",    "os.execute",          "package.loadlib",
        "_G.log",     "rawset(ev, 1, 2)",    "string.dump(f)",
    };
    (void)unused;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct sandbox s;
        char body[200];
        /* Reached or not: `found` only when the name has a value. */
        snprintf(body, sizeof body,
                 "local f = function() end local ok, e = pcall(function() local v = %s return "
                 "v end) "
                 "return ok and e ~= nil and 'found'",
                 names[i]);
        sandbox_open(&s, body, 0, 2000);
        if (s.state == TSN_BOX_ENDED && json_is_string(tsn_box_result(s.box)))
            fail_msg("%s is there", names[i]);
        sandbox_close(&s);
    }
    sandbox_fails("xpcall(function() error() end, function() while true do end end)", "L102",
                  "xpcall");
    sandbox_fails("coroutine.wrap(function() sleep '1h' end)()", "L102", "coroutine");
}

/* Hooks are off inside a finalizer and when a state is closed: there must be none. */
static void a_finalizer_never_runs(void **unused)
{
    struct sandbox s;
    int64_t start = cpu_now_ms();
    (void)unused;
    sandbox_open(&s,
                 "local mt = {} for i = 1, 100 do setmetatable({}, mt) end "
                 "mt.__gc = function() while true do end end mt.__close = mt.__gc "
                 "for i = 1, 100 do pcall(setmetatable, {}, mt) end "
                 "getmetatable(setmetatable({}, {})).__gc = mt.__gc "
                 "for i = 1, 20000 do local t = { i } end return 1",
                 0, 2000);
    if (s.state != TSN_BOX_ENDED)
        fail_msg("%s %s", tsn_box_error(s.box)->code, tsn_box_error(s.box)->text);
    sandbox_close(&s);
    assert_in_range(cpu_now_ms() - start, 0, 2000);
}

static void error_values_are_bounded(void **unused)
{
    static const char *const bodies[] = {
        "error(('x'):rep(8000000))",
        "error { code = ('x'):rep(8000000), message = ('y'):rep(8000000) }",
        "error { code = {}, message = log }",
        "error(setmetatable({}, { __index = function() while true do end end }))",
        "error(setmetatable({}, { __name = ('x'):rep(1000000) }))",
        "local e = {} e.message = e e.code = e error(e)",
        "error(case)",
        "error(log)",
        "error(setmetatable({}, { __tostring = error, __concat = error, __eq = error }))",
    };
    (void)unused;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct sandbox s;
        int64_t start = cpu_now_ms();
        sandbox_open(&s, bodies[i], 0, 5000);
        if (s.state != TSN_BOX_FAILED || tsn_box_error(s.box)->killed)
            fail_msg("`%s`: %s %s", bodies[i], tsn_box_error(s.box)->code,
                     tsn_box_error(s.box)->text);
        assert_in_range(strlen(tsn_box_error(s.box)->code), 1, 40);
        assert_in_range(cpu_now_ms() - start, 0, 2000);
        sandbox_close(&s);
    }
}

/* Each state has a hash seed of its own, so an order that came from it would differ among twenty. */
static void no_order_depends_on_the_hash_seed(void **unused)
{
    char first[20000] = "";
    (void)unused;
    for (int i = 0; i < 20; i++) {
        struct sandbox s;
        sandbox_open(
            &s,
            "local t, out = {}, {} for i = 1, 200 do t['k' .. i * 7919 % 1009] = i end "
            "for k in pairs(t) do out[#out + 1] = k end local k repeat k = next(t, k) "
            "out[#out + 1] = k until not k out[#out + 1] = json.encode(t) "
            "out[#out + 1] = tostring(t) out[#out + 1] = tostring(function() end) return out",
            0, 5000);
        assert_int_equal(s.state, TSN_BOX_ENDED);
        char *got = tsn_json_text(tsn_box_result(s.box));
        if (i == 0)
            snprintf(first, sizeof first, "%s", got);
        assert_string_equal(got, first);
        free(got);
        sandbox_close(&s);
    }
}

static void nest(const char *head, const char *open, const char *in, const char *close,
                 const char *tail)
{
    enum { DEEP = 50000 };
    struct sandbox s;
    size_t no = strlen(open), nc = strlen(close);
    char *text = malloc((no + nc) * DEEP + 400), *p = text;
    p += sprintf(p, "%s", head);
    for (int i = 0; i < DEEP; i++, p += no)
        memcpy(p, open, no);
    p += sprintf(p, "%s", in);
    for (int i = 0; i < DEEP; i++, p += nc)
        memcpy(p, close, nc);
    sprintf(p, "%s", tail);
    int64_t start = cpu_now_ms();
    sandbox_open_file(&s, text, 0, 5000);
    free(text);
    if (s.state != TSN_BOX_FAILED || tsn_box_error(s.box)->code[0] == '\0')
        fail_msg("`%s` 50,000 deep was taken", open);
    assert_in_range(cpu_now_ms() - start, 0, 4000);
    sandbox_close(&s);
}

static void deep_source_is_refused(void **unused)
{
    (void)unused;
    nest("return ", "(", "1", ")", "");
    nest("return ", "{", "", "}", "");
    nest("return ", "-", "1", "", "");
    nest("return ", "not ", "1", "", "");
    nest("return ", "a..", "a", "", "");
    nest("return ", "2^", "2", "", "");
    nest("return ", "f{", "", "}", "");
    nest("", "do ", "", "end ", "");
    nest("", "if 1 then ", "", "end ", "");
    nest("return ", "function() return ", "1", " end", "");
    nest("", "local a <const> = 1 ", "", "", "");
    nest("local a = 1 return a", "[a", "", "]", "");
    nest("--", "[[", "", "]]", "");
}

static int into_buf(lua_State *L, const void *p, size_t n, void *user)
{
    (void)L;
    return tsn_buf_put(user, p, n) ? 1 : 0;
}

/* A chunk of stock Lua, dumped, with none to seven of its bytes changed, ten thousand times: required one after
 * the other, each is refused before the parser of Lua sees it. */
static void mutated_bytecode_is_refused(void **unused)
{
    enum { N = 10000 };
    struct tsn_box_config config = {.main = "t.lua",
                                    .seed = "5eed",
                                    .started_ms = 1000,
                                    .memory_bytes = 64 << 20,
                                    .cpu_ms = 10000};
    struct tsn_box *box = NULL;
    struct tsn_buf dump;
    lua_State *L = luaL_newstate();
    json_t *files = json_object(), *connectors = json_object();
    uint64_t rng = 20261124;
    (void)unused;

    tsn_buf_init(&dump, 900);
    assert_int_equal(
        luaL_loadstring(L,
                        "local a = { n = 1 } for i = 1, 10 do a[i] = a.n .. 'x' end return a"),
        0);
    assert_int_equal(lua_dump(L, into_buf, &dump, 0), 0);
    lua_close(L);
    assert_true(dump.len > 50 && dump.data[0] == 0x1b);
    for (int i = 0; i < N; i++) {
        char copy[900], name[40];
        memcpy(copy, dump.data, dump.len);
        for (int k = i % 8; k > 0; k--) {
            rng = rng * 6364136223846793005ull + 1442695040888963407ull;
            copy[1 + (rng >> 33) % (dump.len - 1)] = (char)(rng >> 24);
        }
        snprintf(name, sizeof name, "lib/m%d.lua", i);
        json_object_set_new(files, name, json_stringn_nocheck(copy, dump.len));
    }
    json_object_set_new(
        files, "t.lua",
        json_string("local n = 0 for i = 0, 9999 do local ok, e = pcall(require, 'lib.m' .. i) "
                    "if not ok and e.code == 'L002' then n = n + 1 end end "
                    "error { code = 'X' .. n, message = 'of them' }"));
    config.files = files;
    config.connectors = connectors;
    assert_int_not_equal(tsn_box_open(&box, &config), 0);
    assert_string_equal(tsn_box_error(box)->code, "X10000");
    tsn_box_close(box);
    json_decref(files);
    json_decref(connectors);
    tsn_buf_free(&dump);
}

/* Two lives overlap at any time; each plants what it can. */
static void a_thousand_runs_see_nothing_of_each_other(void **unused)
{
    static struct sandbox s[2];
    (void)unused;
    for (int i = 0; i < 1000; i++) {
        struct sandbox *now = &s[i % 2], *before = &s[(i + 1) % 2];
        sandbox_open(
            now,
            "local text, seen = require 'lib.text', 0 "
            "for _, t in ipairs { case, ev, text } do "
            "if rawget(t, 'planted') then seen = seen + 1 end t.planted = true end "
            "pcall(function() planted = true end) pcall(function() math.planted = true end) "
            "pcall(function() string.rep = log end) pcall(setmetatable, '', {}) "
            "pcall(function() getmetatable('').__index = {} end) "
            "if pcall(function() return planted end) then seen = seen + 1 end "
            "if ('x'):rep(2) ~= 'xx' or text.twice('a') ~= 'aa' then seen = seen + 1 end "
            "sleep '1h' return seen",
            0, 5000);
        if (i > 0) {
            sandbox_answer(before, "ok", "{}", 1);
            if (before->state != TSN_BOX_ENDED ||
                json_integer_value(tsn_box_result(before->box)) != 0)
                fail_msg("%d: %s", i, tsn_box_error(before->box)->text);
            sandbox_close(before);
        }
    }
    sandbox_close(&s[1]);
}

/* What Lua's parser does with a megabyte of one construct, the best and the worst a file may hold: each in
 * seconds, refused or not. Without the limit `and` took over a minute. */
static void long_chains_are_bounded(void **unused)
{
    static const struct {
        const char *name, *begin, *again, *end;
        size_t times;     /* 0 = a megabyte of it */
        const char *code; /* NULL = the file is good */
    } chains[] = {
        {"and", "local a = 1 local x = a", " and a", "", 0, "L006"},
        {"and", "local a = 1 local x = a", " and a", "", 2900, NULL},
        {"or", "local a = 1 local x = a", " or a", "", 0, "L006"},
        {"or", "local a = 1 local x = a", " or a", "", 2900, NULL},
        {"and or", "local a = 1 local x = a", " and a or a", "", 0, "L006"},
        {"elseif", "local a if a then", " elseif a then", " end", 0, "L006"},
        {"elseif", "local a if a then", " elseif a then", " end", 2900, NULL},
        {"goto", "do", " goto x", " ::x:: end", 0, "L006"},
        {"goto", "do", " goto x", " ::x:: end", 2900, NULL},
        {"break", "local a while a do", " if a then break end", " end", 0, "L006"},
        {"break", "local a while a do", " if a then break end", " end", 2900, NULL},
        {"labels", "", " ::l:: ", "", 0, "L001"},
        {"plus", "local a = 1 local x = a", "+a", "", 0, NULL},
        {"compare", "local a = 1 local x = a", "<a", "", 0, ""},
        {"concat", "local a = 1 local x = a", "..a", "", 0, ""},
        {"not", "local x = ", "not ", "1", 0, ""},
        {"paren", "local x = ", "(", "1", 0, ""},
        {"table", "local x = ", "{", "", 0, ""},
        {"function", "", "function f() ", "", 0, ""},
        {"index", "local a = {} local x = function() return a", ".b", " end", 0, NULL},
        {"call", "local a = log local x = function() a", "()", " end", 0, NULL},
        {"locals", "", "local a ", "", 0, ""},
        {"constants", "local x = {", "'a',", "}", 0, NULL},
        {"comment", "--", "x", "\n", 0, NULL},
        {"string", "local x = '", "x", "'", 0, NULL},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof chains / sizeof chains[0]; i++) {
        static const char tail[] =
            "\nreturn playbook { name = 't', title = 'T', on = 'a.b', run = function() end }";
        size_t n =
            chains[i].times ? chains[i].times : ((size_t)1000 << 10) / strlen(chains[i].again);
        size_t one = strlen(chains[i].again), begin = strlen(chains[i].begin);
        char *source = malloc(begin + n * one + 200), *at = source;
        struct sandbox s;
        clock_t began;

        at += sprintf(at, "%s", chains[i].begin);
        for (size_t k = 0; k < n; k++, at += one)
            memcpy(at, chains[i].again, one);
        sprintf(at, "%s%s", chains[i].end, tail);
        began = clock();
        sandbox_open_file(&s, source, 0, 5000);
        double took = (double)(clock() - began) / CLOCKS_PER_SEC;
        const char *code = tsn_box_error(s.box) ? tsn_box_error(s.box)->code : "";
        if (took > 4)
            fail_msg("%s: %.1f s", chains[i].name, took);
        if (chains[i].code
                ? !code[0] || (chains[i].code[0] && strcmp(code, chains[i].code) != 0)
                : code[0] != 0)
            fail_msg("%s x %zu: %s %s", chains[i].name, n, code, tsn_box_error(s.box)->text);
        sandbox_close(&s);
        free(source);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_there),
        cmocka_unit_test(a_finalizer_never_runs),
        cmocka_unit_test(error_values_are_bounded),
        cmocka_unit_test(no_order_depends_on_the_hash_seed),
        cmocka_unit_test(deep_source_is_refused),
        cmocka_unit_test(long_chains_are_bounded),
        cmocka_unit_test(mutated_bytecode_is_refused),
        cmocka_unit_test(a_thousand_runs_see_nothing_of_each_other),
    };
    return cmocka_run_group_tests(tests, sandbox_group_setup, NULL);
}
