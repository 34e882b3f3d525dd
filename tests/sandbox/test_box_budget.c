/* What a wrong or hostile playbook can write, and that each ends in time with its code. Every row
 * runs under the normal cap of 16 MiB, those that loop under the normal 250 ms of CPU; the test fails when
 * one takes seconds, whatever the machine. */
#include "sandbox/sandbox_util.h"
#include "core/text.h"

#ifdef TOCSIN_SANITIZED
#define SLOW 4
#else
#define SLOW 1
#endif

static void each_ends_in_time(void **unused)
{
    struct {
        const char *body, *code; /* NULL: it ends by itself */
    } rows[] = {
        {"while true do end", "R020"},
        {"repeat until false", "R020"},
        {"goto a ::a:: goto a", "R020"},
        {"while true do pcall(function() while true do end end) end", "R020"},
        {"local function f() return pcall(f) end while true do f() end", "R020"},
        {"while true do pcall(error) end", "R020"},
        {"while true do pcall(pcall, error) end", "R020"},
        {"local t = setmetatable({}, { __index = function(t, k) return t[k + 1] end }) "
         "while true do pcall(function() return t[1] end) end",
         "R020"},
        {"local function f() return f() end f()", "R020"},
        {"for i = 1, math.huge do end", "R020"},
        {"while true do ('x'):rep(1000000) end", "R020"},
        {"local s = '' while true do s = s .. 'x' end", "R020"},
        {"while true do json.encode { 1, 2, 3 } end", "R020"},
        {"while true do uuid() end", "R020"},
        {"while true do log 'x' end", "R020"},
        {"local t = {} for i = 1, 200000 do t[i] = i end while true do table.sort(t) end",
         "R020"},
        {"local t = {} for i = 1, 200000 do t[i] = -i end table.sort(t, function(a, b) while "
         "true do end end)",
         "R020"},
        {"local t = {} while true do for i = 1, 1000 do t[i] = i end for k in pairs(t) do end "
         "end",
         "R020"},
        {"local t = {} for i = 1, 10000 do t['k' .. i] = i end local k repeat k = next(t, k) "
         "until not k",
         "R020"},
        {"table.move({}, 1, 3e8, 1, {})", "R016"},
        {"table.move({}, 1, math.maxinteger, 2)", "R016"},
        {"table.concat({}, 'x', 1, 1e9)", "R016"},
        {"table.unpack({}, 1, 1e7)", "R016"},
        {"table.unpack({}, math.mininteger, math.maxinteger)", "R016"},
        {"table.remove(setmetatable({}, { __len = function() return 1e15 end }))", NULL},
        {"table.insert(setmetatable({}, { __len = function() return 1e15 end }), 1, 2)", NULL},
        {"string.rep('', 1e15)", NULL},
        {"string.rep('x', 1e9)", "R016"},
        {"string.rep('x', -1)", NULL},
        {"string.rep('x', 1e6, ('y'):rep(1e6))", "R016"},
        {"('x'):rep(8e6):rep(1e6)", "R016"},
        {"local s = ('a'):rep(600) s:find('.-.-.-b')", "R018"},
        {"local s = ('a'):rep(600) s:match('.*.*.*b')", "R018"},
        {"local s = ('a'):rep(22) s:find(('a?'):rep(22) .. ('a'):rep(22))", "R018"},
        {"local s = ('a'):rep(3000) s:gsub('.-.-.-b', '')", "R018"},
        {"local s = ('a'):rep(3000) for x in s:gmatch('.-.-.-b') do end", "R018"},
        {"local s = ('a'):rep(200000) s:find('.-b')", "R018"},
        {"local s = ('('):rep(100000) while true do s:find('%b()') end", "R018"},
        {"local s = ('('):rep(1000) while true do pcall(string.find, s, '%b()') end", "R020"},
        {"local s = ('a'):rep(600) while true do pcall(string.find, s, '.-.-.-b') end", "R020"},
        {"local s = ('ab'):rep(500000) while true do s:find('c', 1, true) end", "R020"},
        {"local s = ('ab'):rep(100000) while true do s:gsub('a', 'bb') end", "R020"},
        {"local s = ('a'):rep(1100000) s:gsub('a', 'bbbbbbbb')", "R016"},
        {"('x'):find(('%b'):rep(100))", NULL},
        {"('x'):find(('('):rep(100000))", "R014"},
        {"('x'):format(('%s'):rep(100))", NULL},
        {"('%99999d'):format(1)", "R014"},
        {"('%s%s%s%s'):format(('x'):rep(3e6), ('x'):rep(3e6), ('x'):rep(3e6), 1)", "R016"},
        {"local t = {} while true do t[#t + 1] = ('x'):rep(100000) end", "R021"},
        {"local t = {} while true do t[#t + 1] = {} end", "R021"},
        /* A buffer that cannot grow raises a plain text in Lua; it must not be caught either. */
        {"local k = {} for i = 1, 3 do k[i] = ('x'):rep(4000000) .. i end "
         "while true do pcall(string.gsub, k[1], 'x', 'x') end",
         "R021"},
        {"while true do pcall(function() local t = {} while true do t[#t + 1] = {} end end) "
         "end",
         "R021"},
        {"local t = {} while true do pcall(function() t[#t + 1] = ('x'):rep(100000) end) end",
         "R021"},
        {"local function f() return 1 + f() end f()", "R021"},
        {"while true do local function f() return 1 + f() end pcall(f) end", "R021"},
        {"local function f() pcall(f) end f()", NULL},
        {"local t = setmetatable({}, {}) for i = 1, 3000 do t = setmetatable({}, { __index = t "
         "}) end return t.x",
         "R014"},
        {"error(setmetatable({}, { __tostring = function() while true do end end }))", "R014"},
        {"tostring(setmetatable({}, { __tostring = function() while true do end end }))",
         "R020"},
        {"tostring(setmetatable({}, { __tostring = function() return {} end }))", "R014"},
        {"local ok, e = pcall(error, setmetatable({}, { __tostring = function() error(1) end "
         "})) return tostring(e)",
         "R014"},
        {"local x <close> = setmetatable({}, { __close = function() while true do end end })",
         "L106"},
        {"local t = {} t[0/0] = 1", "R014"},
        {"return 1 // 0", "R014"},
        {"return math.mininteger // -1", NULL},
        {"return math.mininteger % -1", NULL},
        {"return 1 << 100", NULL},
        {"json.decode(('['):rep(100000))", "R019"},
        {"local t = {} for i = 1, 100000 do t[i] = 'xxxxxxxxxxxxxx' end json.encode(t)",
         "R012"},
        {"json.decode('[' .. ('1,'):rep(400000) .. '1]') while true do json.decode('1') end",
         "R020"},
        {"while true do choice { 'a' } end", "R020"},
        {"while true do pcall(ask, {}) end", "R020"},
        {"while true do pcall(function() return nope end) end", "R020"},
        {"while true do pcall(require, 'lib.none') end", "R020"},
        {"while true do pcall(require, 'lib.broken') end", "R020"},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sandbox s;
        int64_t start = cpu_now_ms();
        /* On a slow machine the time would run out before the memory: only R020 has the normal budget. */
        bool by_time = rows[i].code && strcmp(rows[i].code, "R020") == 0;
        sandbox_open(&s, rows[i].body, 0, by_time ? 0 : 10000);
        const struct tsn_box_error *e = tsn_box_error(s.box);
        int64_t took = cpu_now_ms() - start;
        if (took > (by_time ? 2000 : 4000) * SLOW)
            fail_msg("`%s` took %lld ms", rows[i].body, (long long)took);
        if (s.state == TSN_BOX_WANTS || (rows[i].code && s.state != TSN_BOX_FAILED) ||
            (rows[i].code && strcmp(e->code, rows[i].code) != 0))
            fail_msg("`%s`: %s `%s`, not %s", rows[i].body, e->code, e->text, rows[i].code);
        bool by_budget = strcmp(e->code, "R020") == 0 || strcmp(e->code, "R021") == 0;
        if (s.state == TSN_BOX_FAILED)
            assert_int_equal(e->killed, by_budget);
        sandbox_close(&s);
    }
}

static void the_budget_is_per_activation(void **unused)
{
    struct sandbox s;
    (void)unused;
    /* Ten activations of about 40 ms each under a budget of 150 ms. */
    sandbox_open(&s,
                 "for i = 1, 10 do for k = 1, 400000 do end sleep '1s' end "
                 "while true do end",
                 0, 150 * SLOW);
    for (int i = 0; i < 10; i++) {
        if (s.state != TSN_BOX_WANTS)
            fail_msg("activation %d: %s", i, tsn_box_error(s.box)->code);
        sandbox_answer(&s, "ok", "{}", 1);
    }
    assert_int_equal(s.state, TSN_BOX_FAILED);
    assert_string_equal(tsn_box_error(s.box)->code, "R020");
    sandbox_close(&s);
}

static void a_killed_run_leaves_others_alone(void **unused)
{
    struct sandbox good, bad;
    (void)unused;
    sandbox_open(&good, "sleep '1s' local n = 0 for i = 1, 1000 do n = n + i end return n", 0,
                 0);
    sandbox_open(&bad, "while true do end", 0, 50);
    assert_string_equal(tsn_box_error(bad.box)->code, "R020");
    sandbox_close(&bad);
    sandbox_open(&bad, "local t = {} while true do t[#t + 1] = {} end", 2 << 20, 0);
    assert_string_equal(tsn_box_error(bad.box)->code, "R021");
    assert_in_range(tsn_box_memory(bad.box), 0, (2 << 20));
    sandbox_close(&bad);
    sandbox_answer(&good, "ok", "{}", 1);
    assert_int_equal(good.state, TSN_BOX_ENDED);
    assert_int_equal(json_integer_value(tsn_box_result(good.box)), 500500);
    sandbox_close(&good);
}

static void bytecode_is_refused(void **unused)
{
    static const char *const heads[] = {"\x1bLua", "\x1b", "return 1 \x1bLua", "#!\x1b"};
    (void)unused;
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        struct sandbox s;
        sandbox_open_file(&s, heads[i], 0, 0);
        assert_int_equal(s.state, TSN_BOX_FAILED);
        assert_string_equal(tsn_box_error(s.box)->code, "L002");
        sandbox_close(&s);
    }
}

static void random_text_does_not_crash_the_parser(void **unused)
{
    static const char *const words[] = {
        "local ", "x",   " = ",    "{",       "}",  "(",     ")",   "function ",
        "end ",   "if ", "then ",  "return ", "'",  "\"",    "[[",  "]]",
        "--",     "\n",  "1",      "..",      ",",  "goto ", "::",  "<close>",
        "~",      "#",   "while ", "do ",     "\\", "\xff",  "nil "};
    uint64_t rng = 12345;
    (void)unused;
    for (int i = 0; i < 500; i++) {
        char text[400] = "";
        for (int k = 0; k < 30; k++) {
            rng = rng * 6364136223846793005ull + 1442695040888963407ull;
            strcat(text, words[(rng >> 33) % (sizeof words / sizeof words[0])]);
        }
        if (!tsn_utf8_valid(text, strlen(text)))
            continue; /* cannot come in by JSON */
        struct sandbox s;
        sandbox_open_file(&s, text, 0, 50);
        assert_int_equal(s.state, TSN_BOX_FAILED);
        assert_true(tsn_box_error(s.box)->code[0] != '\0');
        sandbox_close(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_ends_in_time),
        cmocka_unit_test(the_budget_is_per_activation),
        cmocka_unit_test(a_killed_run_leaves_others_alone),
        cmocka_unit_test(bytecode_is_refused),
        cmocka_unit_test(random_text_does_not_crash_the_parser),
    };
    return cmocka_run_group_tests(tests, sandbox_group_setup, NULL);
}
