/* The playbook API: what each function asks of the core, what it gives back, how it fails. */
#include "sandbox/sandbox_util.h"

static void takes_steps(void **unused)
{
    struct {
        const char *body, *want;
    } rows[] = {
        {"use'edge'.apply { a = 1 }", "call edge.apply {\"a\":1} {}"},
        {"use'edge'.apply()", "call edge.apply {} {}"},
        {"local e = use'edge' e.apply { a = 1, undo = e.remove }",
         "call edge.apply {\"a\":1} "
         "{\"undo\":{\"action\":\"edge.remove\",\"args\":{\"a\":1}}}"},
        {"local e = use'edge' e.apply { a = 1, undo = { e.remove, { b = 2 } } }",
         "call edge.apply {\"a\":1} "
         "{\"undo\":{\"action\":\"edge.remove\",\"args\":{\"b\":2}}}"},
        {"use'edge'.apply { a = 1, undo = { action = 'mail.send', args = { c = 1 } } }",
         "call edge.apply {\"a\":1} {\"undo\":{\"action\":\"mail.send\",\"args\":{\"c\":1}}}"},
        {"use'edge'.apply { none = ev.none, t = {}, l = json.list(), n = ev.nothing }",
         "call edge.apply {\"l\":[],\"none\":[],\"t\":{}} {}"},
        {"use'http'.request { url = 'u', query = { k = secret 'q' }, headers = { A = "
         "bearer(secret "
         "'t'), B = basic('u', secret 'p') }, body = joined { 'x=', secret 'b', 7 } }",
         "call http.request {\"body\":{\"$join\":[\"x=\",{\"$secret\":\"secret:b\"},\"7\"]},"
         "\"headers\":{\"A\":{\"$join\":[\"Bearer \",{\"$secret\":\"secret:t\"}]},\"B\":{"
         "\"$join\":[\"Basic "
         "\",{\"$base64\":{\"$join\":[\"u\",\":\",{\"$secret\":\"secret:p\"}]}}]"
         "}},\"query\":{\"k\":{\"$secret\":\"secret:q\"}},\"url\":\"u\"} {}"},
        /* Data cannot pass for an expression. */
        {"use'http'.request { url = 'u', json = { a = { ['$secret'] = 'secret:x' }, ['$$b'] = "
         "1, "
         "l = { 1, { } , ev.none } } }",
         "call http.request "
         "{\"json\":{\"$$$b\":1,\"a\":{\"$$secret\":\"secret:x\"},\"l\":[1,{},[]]},"
         "\"url\":\"u\"} {}"},
        {"sleep '90s'", "sleep  {\"ms\":90000} {}"},
        {"wait { event = 'x.y', id = 'w', where = { k = 1 }, within = '30d' }",
         "wait x.y {\"where\":{\"k\":1},\"within_ms\":2592000000} {\"id\":\"w\"}"},
        {"wait { event = 'x.y' }", "wait x.y {} {}"},
        {"ask { id = 'a', role = 'r' }", "ask a {\"role\":\"r\",\"title\":\"a\"} {}"},
        {"ask { id = 'a', role = 'r', title = 'T', within = '1h', remind = '5m', escalate = { "
         "after = "
         "'8h', to = 'x' }, show = { 1, 2 }, to = 'p1', fields = { s = choice { 'x', 'y', "
         "label = 'L' } } }",
         "ask a "
         "{\"escalate\":[{\"after_ms\":28800000,\"to\":\"x\"}],\"fields\":{\"s\":{\"label\":"
         "\"L\","
         "\"options\":[\"x\",\"y\"],\"required\":true,\"type\":\"choice\"}},\"remind_ms\":"
         "300000,"
         "\"role\":\"r\",\"show\":[1,2],\"title\":\"T\",\"to\":\"p1\",\"within_ms\":3600000} "
         "{}"},
        {"approve { id = 'c', role = 'r', not_by = { 'p1', 'p2' }, quorum = 2, within = '30m', "
         "on_timeout = 'reject', show = 'plan' }",
         "approve c "
         "{\"not_by\":[\"p1\",\"p2\"],\"on_timeout\":\"reject\",\"quorum\":2,\"role\":\"r\","
         "\"show\":\"plan\",\"title\":\"c\",\"within_ms\":1800000} {}"},
        {"clock('k'):start { due = '24h', owner = 'o' }",
         "call clock.start {\"due\":\"24h\",\"name\":\"k\",\"owner\":\"o\"} {}"},
        {"clock('k'):met {}", "call clock.met {\"name\":\"k\"} {}"},
        {"clock('k'):met()", "call clock.met {\"name\":\"k\"} {}"},
        {"case:set { severity = 'high' }", "call case.set {\"severity\":\"high\"} {}"},
        {"case:note('hello')", "call case.note {\"text\":\"hello\"} {}"},
        {"case:link { key = 'SEC-1' }", "call case.link {\"link\":{\"key\":\"SEC-1\"}} {}"},
        {"case:link 'https://x'", "call case.link {\"link\":\"https://x\"} {}"},
        {"case:advisory { template = 'csaf-vendor', verdicts = ev.none }",
         "call advisory.draft {\"template\":\"csaf-vendor\",\"verdicts\":[]} {}"},
        {"case:close { resolution = 'fixed', reason = 'r' }",
         "call case.close {\"reason\":\"r\",\"resolution\":\"fixed\"} {}"},
        {"case:affected_customers()", "call case.affected_customers {} {}"},
        {"case:get()", "call case.get {} {}"},
        {"case.report:update { state = 's', message = 'm' }",
         "call report.update {\"message\":\"m\",\"state\":\"s\"} {}"},
        {"case.report:acknowledge { template = 'ack' }",
         "call mail.send "
         "{\"case\":\"PSIRT-2026-0001\",\"template\":\"ack\",\"to\":\"a@b.example\",\"vars\":{"
         "\"case\":\"PSIRT-2026-0001\","
         "\"name\":\"Ann\",\"receipt\":\"TR-1\",\"title\":\"Odd traffic\"}} {}"},
        {"case.report:acknowledge { template = 'ack', vars = { extra = 'e' } }",
         "call mail.send "
         "{\"case\":\"PSIRT-2026-0001\",\"template\":\"ack\",\"to\":\"a@b.example\",\"vars\":{"
         "\"case\":\"PSIRT-2026-0001\","
         "\"extra\":\"e\",\"name\":\"Ann\",\"receipt\":\"TR-1\",\"title\":\"Odd traffic\"}} "
         "{}"},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sandbox s;
        sandbox_open(&s, rows[i].body, 0, 2000);
        if (s.state != TSN_BOX_WANTS)
            fail_msg("`%s`: %s %s", rows[i].body, tsn_box_error(s.box)->code,
                     tsn_box_error(s.box)->text);
        assert_string_equal(sandbox_want(&s), rows[i].want);
        assert_int_equal(tsn_box_want(s.box)->line, 2);
        sandbox_close(&s);
    }
}

static void hands_results_to_lua(void **unused)
{
    struct {
        const char *body, *outcome, *result, *out;
    } rows[] = {
        {"return use'edge'.apply {}", "ok", "{\"n\":[1,{\"a\":null}]}", "{\"n\":[1,{}]}"},
        {"return use'edge'.apply {} == nil", "ok", "null", "true"},
        {"return #use'edge'.plan_block {}.rules", "ok", "{\"rules\":[1,2,3]}", "3"},
        {"local ok, e = pcall(use'edge'.apply, {}) return { ok, e.code, e.message }", "fail",
         "{\"error\":{\"code\":\"R041\",\"message\":\"no\"}}",
         "[false,\"R041\",\"edge.apply: no\"]"},
        {"local ok, e = pcall(use'edge'.apply, {}) return { ok, e.code, tostring(e) }", "fail",
         "null", "[false,\"R017\",\"edge.apply: it ended as `fail`\"]"},
        {"local ok, e = pcall(function() return pcall(use'edge'.apply, {}) end) return { ok, e "
         "}",
         "fail", "{}", "[true,false]"},
        {"local t = ask { id = 'a', role = 'r' } return t.by", "ok",
         "{\"by\":\"p1\",\"at\":\"x\"}", "\"p1\""},
        {"local ok, e = pcall(ask, { id = 'a', role = 'r' }) return e.code", "timeout",
         "{\"error\":{\"code\":\"R070\",\"message\":\"nobody\"}}", "\"R070\""},
        {"local ok, d = approve { id = 'a', role = 'r' } return { ok, d.by, d.reason }", "ok",
         "{\"ok\":true,\"by\":\"p\",\"reason\":\"fine\"}", "[true,\"p\",\"fine\"]"},
        {"local ok, d = approve { id = 'a', role = 'r' } return { ok, d.by, d.reason }", "ok",
         "{\"ok\":false,\"by\":\"timeout\"}", "[false,\"timeout\",\"\"]"},
        {"local ok, d = approve { id = 'a', role = 'r' } return { ok, d.by, d.reason }",
         "timeout", "{}", "[false,\"timeout\",\"\"]"},
        /* Nothing but an outcome that says ok, with ok = true in it, is a yes. */
        {"local ok = approve { id = 'a', role = 'r' } return ok", "ok", "{\"ok\":\"yes\"}",
         "false"},
        {"local ok = approve { id = 'a', role = 'r' } return ok", "timeout", "{\"ok\":true}",
         "false"},
        {"local ev2, why = wait { event = 'e' } return { ev2 == nil, why }", "timeout", "{}",
         "[true,\"timeout\"]"},
        {"return wait { event = 'e' }", "ok", "{\"event\":{\"k\":1}}", "{\"k\":1}"},
        {"sleep '1s' return now()", "ok", "{}", "5000"},
        {"case:set { severity = 'low', note = 'x', extra = { 1 } } return { case.severity, "
         "case.extra[1], case.title }",
         "ok", "{}", "[\"low\",1,\"Odd traffic\"]"},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sandbox s;
        sandbox_open(&s, rows[i].body, 0, 2000);
        sandbox_want(&s);
        sandbox_answer(&s, rows[i].outcome, rows[i].result, 5000);
        if (s.state != TSN_BOX_ENDED)
            fail_msg("`%s`: %s %s", rows[i].body, tsn_box_error(s.box)->code,
                     tsn_box_error(s.box)->text);
        char *got = tsn_json_text(tsn_box_result(s.box));
        if (strcmp(got, rows[i].out) != 0)
            fail_msg("`%s` gave %s, not %s", rows[i].body, got, rows[i].out);
        free(got);
        sandbox_close(&s);
    }
}

static void refuses_mistakes(void **unused)
{
    struct {
        const char *body, *code, *text;
    } rows[] = {
        {"use'jra'.x()", "L011", "there are: edge, http, mail"},
        {"use'mial'.x()", "L011", "did you mean `mail`?"},
        {"use(1)", "L011", "name of a connector"},
        {"use'http'.request { url = secret 'x' }", "R012", "url is a secret"},
        {"use'edge'.apply { a = { b = secret 'x' } }", "R012", "b is a secret"},
        {"case:set { note = secret 'x' }", "R012", "note is a secret"},
        {"return { secret 'x' }", "R012", "is a secret"},
        {"json.encode(bearer(secret 'x'))", "R012", "is a secret"},
        {"log(secret 'x' .. '')", "L301", "cannot be joined"},
        {"local a = secret('x').value", "L301", "cannot be read"},
        {"local s = secret 'x' s.y = 1", "L301", "cannot be changed"},
        {"secret 'a b'", "L012", "name of a secret"},
        {"secret()", "L012", "name of a secret"},
        {"bearer {}", "L012", "texts and secrets"},
        {"use'edge'.aply {}", "L010", "did you mean `apply`?"},
        {"use'edge'.x = 1", "L103", NULL},
        {"use'edge'.apply('x')", "L012", "takes one table"},
        {"use'edge'.apply { 'x' }", "L012", "named fields"},
        {"use'edge'.apply { undo = 'x' }", "L012", "undo is"},
        {"use'edge'.apply { undo = function() end }", "L012", "undo is"},
        {"use'edge'.apply { a = { b = { print_ = log } } }", "R012",
         "a.b.print_ is a function"},
        {"ask { id = 'x' }", "L012", "needs `role`"},
        {"ask { role = 'x' }", "L012", "needs `id`"},
        {"ask { id = 'x', role = 'r', filds = {} }", "L012", "did you mean `fields`?"},
        {"ask 'x'", "L012", "takes one table"},
        {"ask { id = 'x', role = 'r', fields = { a = 'text' } }", "L013", "field `a`"},
        {"ask { id = 'x', role = 'r', fields = { by = text {} } }", "L013",
         "`by` is who answered"},
        {"ask { id = 'x', role = 'r', fields = { ['a b'] = text {} } }", "L013",
         "needs a name"},
        {"ask { id = 'x', role = 'r', within = 5 }", "R013", "needs a unit"},
        {"choice {}", "L013", "at least one"},
        {"choice { 'a', 'a' }", "L013", "once"},
        {"choice { 1 }", "L013", "option 1"},
        {"text { requird = true }", "L013", "did you mean `required`?"},
        {"text { 'x' }", "L013", "named fields"},
        {"number { min = 'x' }", "L013", "must be a number"},
        {"pick {}", "L012", "needs `of`"},
        {"approve { id = 'x', role = 'r', assurance = 'passkey' }", "L012", "assurance"},
        {"approve { id = 'x', role = 'r', on_timeout = 'approve' }", "L012", "only be"},
        {"approve { id = 'x', role = 'r', quorum = 0 }", "L012", "quorum"},
        {"approve { id = 'x', role = 'r', not_by = 5 }", "L012", "not_by"},
        {"approve { id = 'x\\n', role = 'r' }", "L012", "id"},
        {"wait { where = {} }", "L012", "needs `event`"},
        {"sleep()", "L012", "takes a duration"},
        {"sleep '5 bananas'", "R013", "not a duration"},
        {"clock()", "L012", "takes a name"},
        {"clock('x'):start {}", "L012", "needs `due`"},
        {"clock('x'):start { due = '5' }", "R013", "unit"},
        {"clock('x'):stop {}", "L010", "met, start"},
        {"case:close {}", "L012", "needs `resolution`"},
        {"case:note()", "L012", "takes a text"},
        {"case:frob()", "R010", "case:frob is nil"},
        {"case.report:acknowledge {}", "L012", "needs `template`"},
        {"require 'lib.none'", "L005", "lib/none.lua"},
        {"require 'lib.ring'", "L005", "requires itself"},
        {"require '../etc'", "L005", NULL},
        {"require 'lib.broken'", "L001", "comma"},
        {"x = 1", "L103", "write `local x`"},
        {"function f() end", "L103", "write `local f`"},
        {"aprove {}", "L101", "did you mean `approve`?"},
        {"os.time()", "L102", "now()"},
        {"print('x')", "L102", "log()"},
        {"math.random()", "L102", "random()"},
        {"parallel { 1 }", "L012", "not a function"},
        {"race {}", "L012", "at least one"},
        {"each({1}, print)", "L102", "log"},
        {"each({1}, function() end, { limit = 0 })", "L012", "from 1"},
        {"string.rep = nil", "L103", NULL},
        {"return case.report.contact.phone.x", "R010", "case.report.contact.phone is nil"},
        {"local s = 'a' .. case.nope", "R010", "case.nope is nil"},
        {"return ev.n + ev.m", "R010", "ev.m is nil"},
        {"error('x')", "R014", "x"},
        {"error()", "R014", "nil"},
        {"error { code = 'X1', message = 'mine' }", "X1", "mine"},
        {"error(setmetatable({}, { __tostring = function() while true do end end }))", "R014",
         NULL},
        {"return 1 < 'x'", "R014", "compare"},
        {"return { 1, nil, 3 }", "R012", "holes"},
        {"playbook { name = 'X', on = 'e', run = log }", "L004", "small letters"},
        {"playbook { name = 'x', on = 'e' }", "L004", "needs run"},
        {"playbook { name = 'x', run = log }", "L004", "needs `on`"},
        {"playbook { name = 'x', on = 'e', run = log, when = 1 }", "L012",
         "does not take `when`"},
        {"playbook { name = 'x', on = 'e', run = log, clocks = { a = '5' } }", "R013", "unit"},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        sandbox_fails(rows[i].body, rows[i].code, rows[i].text);
}

static void plain_lua_works(void **unused)
{
    (void)unused;
    sandbox_ends("return { one_of('a', 'b', 'a'), one_of('a', 'b'), one_of(nil, nil) }",
                 "[true,false,true]");
    sandbox_ends("local l = {} for k, v in pairs { z = 1, a = 2, [3] = 3, [1] = 4, [-1] = 5, "
                 "[1.5] = 6 } do "
                 "l[#l + 1] = tostring(k) .. v end return l",
                 "[\"-15\",\"14\",\"1.56\",\"33\",\"a2\",\"z1\"]");
    sandbox_ends("local n = 0 local t = { a = 1, b = 2, c = 3 } for k in pairs(t) do t[k] = "
                 "nil t.b = nil "
                 "n = n + 1 end return { n, next(t) == nil }",
                 "[2,true]");
    sandbox_ends("local t, l, k = { b = 1, a = 2, [7] = 3 }, {}, nil repeat k = next(t, k) "
                 "l[#l + 1] = k and tostring(k) until k == nil return l",
                 "[\"7\",\"a\",\"b\"]");
    sandbox_fails("for k in pairs { [{}] = 1 } do end", "L105", "table as a key");
    sandbox_fails("for k in pairs { [true] = 1 } do end", "L105", "boolean");
    sandbox_ends(
        "return { tostring({}), tostring(log), tostring(nil), tostring(1.5), tostring(case) }",
        "[\"table\",\"function\",\"nil\",\"1.5\",\"table\"]");
    sandbox_ends(
        "return { ('%s|%s|%d|%5.1f|%%'):format({}, true, 3, 2.25), ('%q'):format('a') }",
        "[\"table|true|3|  2.2|%\",\"\\\"a\\\"\"]");
    sandbox_fails("return ('%p'):format({})", "R014", "%p");
    sandbox_fails("return ('%q'):format({})", "R014", "literal");
    sandbox_ends("return { getmetatable(''), getmetatable(case), getmetatable(use'edge') }",
                 "[\"string\",\"case\",\"connector\"]");
    sandbox_ends("return { pcall(setmetatable, case, {}) }",
                 "[false,\"cannot change a protected metatable\"]");
    sandbox_fails("setmetatable({}, { __gc = log })", "L106", "__gc");
    sandbox_fails("setmetatable({}, { __mode = 'k' })", "L106", "__mode");
    sandbox_fails("setmetatable({}, { __close = log })", "L106", "__close");
    sandbox_fails("setmetatable({}, { __pairs = log })", "L106", "__pairs");
    /* Added later, it is not in the copy that Lua looks at. */
    sandbox_ends(
        "local mt = { __index = { a = 1 } } local t = setmetatable({}, mt) mt.__mode = 'k' "
        "return { t.a, getmetatable(t) == mt }",
        "[1,true]");
    sandbox_ends("local C = {} C.__index = C function C.hi(s) return s.n end "
                 "local o = setmetatable({ n = 4 }, C) return { o:hi(), getmetatable(o) == C }",
                 "[4,true]");
    sandbox_ends("local t = setmetatable({}, { __add = function(a, b) return 7 end, __call = "
                 "function(_, x) "
                 "return x end, __len = function() return 3 end }) return { t + 1, t(5), #t }",
                 "[7,5,3]");
    sandbox_ends(
        "return { require'lib.text'.twice('ab'), require'lib.text' == require'lib.text' }",
        "[\"abab\",true]");
    sandbox_ends(
        "return { select('#', 1, 2), select(-1, 1, 2), tonumber('0x10'), tonumber('z', 36), "
        "type(nil), rawlen({ 1 }), rawget({ 5 }, 1), rawequal(1, 1) }",
        "[2,2,16,35,\"nil\",1,5,true]");
    sandbox_ends(
        "return { math.floor(1.5), math.max(1, 2), math.type(1), 7 // 2, utf8.len('hé'), "
        "utf8.char(233) }",
        "[1,2,\"integer\",3,2,\"\xc3\xa9\"]");
    sandbox_ends("return { json.encode { a = { 1, 2 }, b = json.list() }, "
                 "json.decode('[1,{\"a\":null}]') }",
                 "[\"{\\\"a\\\":[1,2],\\\"b\\\":[]}\",[1,{}]]");
    sandbox_fails("json.decode('{')", "R019", "json.decode");
    sandbox_fails("json.encode(log)", "R012", "value is a function");
    sandbox_ends(
        "return { case.id, case.name, case.report.title, case.report.kind, ev.n, #ev.list, "
        "ev.nothing == nil, type(case.set), type(case.report.update) }",
        "[\"c1\",\"PSIRT-2026-0001\",\"Odd\",\"incident\",1,2,true,\"function\",\"function\"]");
    sandbox_ends(
        "case.report.contact = nil return case.report:acknowledge { template = 'x' } == nil",
        "true");
    sandbox_ends("return { timestamp(0), now(), #uuid(), uuid():sub(15, 15), random(1) }",
                 "[\"1970-01-01T00:00:00.000Z\",1000,36,\"4\",1]");
    sandbox_ends(
        "local f = choice.optional { 'a' } return { f.required, f.type, flag('L').label, "
        "text { required = true, min = 3 }.min, pick { of = 'product', label = 'l' }.of, "
        "date().type }",
        "[false,\"choice\",\"L\",3,\"product\",\"date\"]");
    /* Faults and errors keep apart: an error can be caught, and cleaned up after. */
    sandbox_ends("local ok, e = pcall(error, { code = 'x' }) return { ok, e.code }",
                 "[false,\"x\"]");
    sandbox_ends(
        "local ok, e = pcall(function() local x = nil; return x.y end) return { ok, e }",
        "[false,\"t.lua:2: attempt to index a nil value (local 'x')\"]");
}

static void same_seed_same_stream(void **unused)
{
    char first[400] = "";
    (void)unused;
    for (int i = 0; i < 2; i++) {
        struct sandbox s;
        sandbox_open(
            &s,
            "local t = { uuid(), random(), random(6), random(-5, 5), "
            "random(math.mininteger, math.maxinteger) } "
            "for k = 1, 2000 do local r = random(3) assert(r >= 1 and r <= 3) end return t",
            0, 2000);
        assert_int_equal(s.state, TSN_BOX_ENDED);
        char *got = tsn_json_text(tsn_box_result(s.box));
        if (i == 0)
            snprintf(first, sizeof first, "%s", got);
        assert_string_equal(got, first);
        free(got);
        sandbox_close(&s);
    }
    sandbox_fails("random(0)", "R014", "empty");
}

static void log_is_silent_on_replay(void **unused)
{
    struct sandbox s;
    (void)unused;
    sandbox_open(&s, "log('one', 1, {}) sleep '1s' log 'two' sleep '1s' log 'a\\0b\\nc'", 0,
                 2000);
    assert_string_equal(s.log, "info:one 1 table|");
    tsn_box_set_replaying(s.box, true);
    sandbox_answer(&s, "ok", "{}", 1);
    assert_string_equal(s.log, "info:one 1 table|");
    tsn_box_set_replaying(s.box, false);
    sandbox_answer(&s, "ok", "{}", 1);
    assert_string_equal(s.log, "info:one 1 table|info:a b c|");
    sandbox_close(&s);
    sandbox_open(&s, "for i = 1, 100000 do log('x') end", 0, 2000);
    assert_int_equal(s.state, TSN_BOX_ENDED);
    assert_non_null(strstr(s.log, "left out"));
    sandbox_close(&s);
}

static void now_never_goes_back(void **unused)
{
    struct sandbox s;
    (void)unused;
    sandbox_open(&s, "sleep '1s' local a = now() sleep '1s' return { a, now() }", 0, 2000);
    sandbox_answer(&s, "ok", "{}", 9000);
    sandbox_answer(&s, "ok", "{}", 8000);
    char *got = tsn_json_text(tsn_box_result(s.box));
    assert_string_equal(got, "[9000,9000]");
    free(got);
    sandbox_close(&s);
}

static void files_that_do_not_load(void **unused)
{
    struct {
        const char *source, *code, *text;
        int line, col;
    } rows[] = {
        {"return playbook {\n  name   = \"customer-incident\"\n  title  = \"T\",\n}", "L001",
         "a comma is missing", 2, 31},
        {"return playbook {\n  on = { \"a\" \"b\" },\n}", "L001", "a comma is missing", 2, 13},
        {"local x = = 1", "L001", "unexpected symbol", 1, 0},
        {"if true then\n", "L001", "'end' expected", 2, 0},
        {"\x1bLua", "L002", NULL, 0, 0},
        {"return {}", "L003", "does not return a playbook", 0, 0},
        {"", "L003", NULL, 0, 0},
        {"local e = use 'edge'\ne.apply {}\nreturn 1", "L107", "inside run", 2, 0},
        {"while true do end", "R020", NULL, 1, 0},
        {"return setmetatable(playbook { name = 'x', on = 'y', run = 5 }, nil)", "L004", NULL,
         1, 0},
        {"goto x", "L001", "label", 1, 0},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sandbox s;
        sandbox_open_file(&s, rows[i].source, 0, 100);
        const struct tsn_box_error *e = tsn_box_error(s.box);
        assert_int_equal(s.state, TSN_BOX_FAILED);
        if (strcmp(e->code, rows[i].code) != 0 ||
            (rows[i].text && !strstr(e->text, rows[i].text)) ||
            (rows[i].line && (e->line != rows[i].line || e->col != rows[i].col)))
            fail_msg("row %zu: %s `%s` at %d:%d", i, e->code, e->text, e->line, e->col);
        assert_string_equal(e->file, "t.lua");
        sandbox_close(&s);
    }
}

static void a_step_where_lua_cannot_wait(void **unused)
{
    static const char *const bodies[] = {
        "table.sort({ 3, 2, 1 }, function(a, b) use'mail'.send {} return a < b end)",
        "pcall(function() table.sort({ 2, 1 }, function(a, b) use'mail'.send {} end) end) "
        "sleep '1h'",
        "('x'):gsub('x', function() sleep '1h' end)",
        "for i = 1, 3 do pcall(string.gsub, 'x', '.', function() sleep '1h' end) end return 1",
        "tostring(setmetatable({}, { __tostring = function() sleep '1h' return 'x' end }))",
        "('%s'):format(setmetatable({}, { __tostring = function() sleep '1h' return 'x' end "
        "}))",
    };
    (void)unused;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++)
        sandbox_fails(bodies[i], "L104", "a step cannot wait inside");
    /* Where Lua can wait, it does. */
    static const char *const fine[] = {
        "pcall(sleep, '1h')",
        "pcall(pcall, sleep, '1h')",
        "for _ in (function() sleep '1h' end) do end",
        "local t = setmetatable({}, { __index = function() sleep '1h' end }) local x = t.y",
        "local t = setmetatable({}, { __lt = function() sleep '1h' end }) local x = t < t",
        "for k, v in pairs { a = 1 } do sleep '1h' end",
    };
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++) {
        struct sandbox s;
        sandbox_open(&s, fine[i], 0, 2000);
        assert_string_equal(sandbox_want(&s), "sleep  {\"ms\":3600000} {}");
        sandbox_answer(&s, "ok", "{}", 1);
        assert_int_equal(s.state, TSN_BOX_ENDED);
        sandbox_close(&s);
    }
}

static void describes(void **unused)
{
    struct sandbox s;
    (void)unused;
    sandbox_open_file(&s,
                      "local a, b = use 'mail', use 'edge'\nuse 'mail'\n"
                      "return playbook { name = 'p-1', title = 'T', on = 'e', summary = 'S', "
                      "roles = { r = 'x' }, clocks = { c = '1d' }, key = function(e) return "
                      "e.a.b .. \"/\" .. e.c end, run = "
                      "function() end }",
                      0, 0);
    assert_int_equal(s.state, TSN_BOX_ENDED);
    json_t *meta = tsn_box_meta(s.box);
    char *text = tsn_json_text(meta);
    assert_string_equal(text,
                        "{\"clocks\":{\"c\":\"1d\"},\"connectors\":[\"mail\",\"edge\"],\"key\":"
                        "[{\"path\":\"a.b\"},\"/\",{\"path\":\"c\"}],"
                        "\"match\":false,\"name\":\"p-1\",\"on\":\"e\",\"roles\":{\"r\":\"x\"},"
                        "\"summary\":\"S\",\"title\":\"T\"}");
    free(text);
    json_decref(meta);
    sandbox_close(&s);
}

/* A key is a recipe: it names fields and joins them, and nothing else. */
static void keys_are_recipes(void **unused)
{
    static const char *const bad[] = {
        "return e.id:lower()",
        "return e",
        "return 7",
        "return e.list[1]",
        "e.id = 1 return e.id",
        "return (e.a .. e.b).c",
        "return #e.id .. e.other",
        "return nil",
        "return e.id .. {}",
    };
    (void)unused;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char text[300];
        struct sandbox s;
        snprintf(text, sizeof text,
                 "return playbook { name = 'p', on = 'e', key = function(e) %s end, run = "
                 "function() end }",
                 bad[i]);
        sandbox_open_file(&s, text, 0, 0);
        if (s.state != TSN_BOX_FAILED)
            fail_msg("`%s` was taken as a key", bad[i]);
        sandbox_close(&s);
    }
}

/* A thousand states at once, each spoiling what it can reach; none sees another's. */
static void states_share_nothing(void **unused)
{
    enum { N = 200 };
    static struct sandbox s[N];
    (void)unused;
    for (int i = 0; i < N; i++)
        sandbox_open(
            &s[i],
            "local seen = case.planted or ev.planted or getmetatable('') "
            "case.planted = 1 ev.planted = 1 "
            "pcall(function() planted = 1 end) pcall(function() string.planted = 1 end) "
            "pcall(setmetatable, '', {}) pcall(function() use'mail'.send = 1 end) "
            "sleep '1h' return seen",
            0, 2000);
    for (int i = N - 1; i >= 0; i--) {
        sandbox_answer(&s[i], "ok", "{}", 1);
        assert_int_equal(s[i].state, TSN_BOX_ENDED);
        assert_string_equal(json_string_value(tsn_box_result(s[i].box)), "string");
        sandbox_close(&s[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_steps),
        cmocka_unit_test(hands_results_to_lua),
        cmocka_unit_test(refuses_mistakes),
        cmocka_unit_test(plain_lua_works),
        cmocka_unit_test(same_seed_same_stream),
        cmocka_unit_test(log_is_silent_on_replay),
        cmocka_unit_test(now_never_goes_back),
        cmocka_unit_test(files_that_do_not_load),
        cmocka_unit_test(a_step_where_lua_cannot_wait),
        cmocka_unit_test(describes),
        cmocka_unit_test(keys_are_recipes),
        cmocka_unit_test(states_share_nothing),
    };
    return cmocka_run_group_tests(tests, sandbox_group_setup, NULL);
}
