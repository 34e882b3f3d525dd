/* Our string and table functions against the stock library: the same answers on a table of cases
 * and on random patterns. A stock Lua state runs beside the box. */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include "sandbox/sandbox_util.h"
#include "worker/box_pattern.h"

static uint64_t rng = 88172645463325252u;
static unsigned rnd(unsigned n)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return (unsigned)(rng % n);
}

/* Runs one chunk in stock Lua that sets `out` to a text. */
static char *in_stock(const char *chunk)
{
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    char *copy = NULL;
    if (luaL_dostring(L, chunk))
        fail_msg("stock Lua: %s", lua_tostring(L, -1));
    copy = strdup(lua_tostring(L, -1));
    lua_close(L);
    return copy;
}

static char *in_box(const char *chunk)
{
    struct sandbox s;
    sandbox_open(&s, chunk, 0, 10000);
    if (s.state != TSN_BOX_ENDED)
        fail_msg("box: %s %s in %s", tsn_box_error(s.box)->code, tsn_box_error(s.box)->text,
                 chunk);
    char *copy = strdup(json_string_value(tsn_box_result(s.box)));
    sandbox_close(&s);
    return copy;
}

#define SHOW                                                                                   \
    "local function show(...) local t = {} for i = 1, select('#', ...) do local v = "          \
    "select(i, ...) "                                                                          \
    "t[i] = type(v) == 'string' and ('%q'):format(v) or tostring(v) end return "               \
    "table.concat(t, ',') end "                                                                \
    "local function place(e) e = type(e) == 'table' and e.message or e "                       \
    "return (tostring(e):gsub('^[^:]*:%d+: ', '')) end "                                       \
    "local function try(f, ...) local r = table.pack(pcall(f, ...)) if r[1] then "             \
    "return show(table.unpack(r, 2, r.n)) end return 'error' end local out = {} "

static void same(const char *body)
{
    char *chunk = malloc(strlen(body) + 2000);
    sprintf(chunk, "%s%s return table.concat(out, '\\n')", SHOW, body);
    char *want = in_stock(chunk), *got = in_box(chunk);
    if (strcmp(want, got) != 0)
        fail_msg("%s\nstock:\n%s\nbox:\n%s", body, want, got);
    free(want);
    free(got);
    free(chunk);
}

static void known_patterns(void **unused)
{
    static const char *const cases[] = {
        "'hello world', 'o w'",
        "'hello', 'l+'",
        "'hello', '(l)(l)'",
        "'hello', '()ll()'",
        "'hello', '^h'",
        "'hello', '^e'",
        "'hello', 'o$'",
        "'a$b', '$b'",
        "'hello', ''",
        "'', ''",
        "'', '^$'",
        "'abc', '.-'",
        "'abc', '.-c'",
        "'aaa', 'a-$'",
        "'key = value', '^(%w+)%s*=%s*(%w+)$'",
        "'f(a(b)c)d', '%b()'",
        "'THE (quick) fox', '%f[%a]%a+%f[%A]'",
        "'THE (quick) fox', '%f[%l]%l+'",
        "'abab', '(ab)%1'",
        "'say \"x\" ok', '([\"\\'])(.-)%1'",
        "'a]b', '[]]'",
        "'a]b', '[^]]+'",
        "'a-b', '[a-]+'",
        "'a-b', '[-a]+'",
        "'x^y', '[%^x]+'",
        "'0x1F', '%x+'",
        "'tab\\there', '%c'",
        "'  trim  ', '^%s*(.-)%s*$'",
        "'a.b', 'a%.b'",
        "'a.b', '.', 3",
        "'abc', 'b', -2",
        "'abc', 'b', 10",
        "'abc', 'b', 4",
        "'abc', '', 4",
        "'abc', '', 5",
        "'a\\0b', '%z'",
        "'a\\0b', '[%z]'",
        "'a\\0b', '\\0b'",
        "'CVE-2024-1234', '(CVE)%-(%d+)%-(%d+)'",
        "'1.2.3', '(%d+)%.(%d+)%.(%d+)'",
        "'aXb', '%u'",
        "'aab', 'a?ab'",
        "'aab', 'a*ab'",
        "'x--y', '%-%-'",
        "'x', '-'",
        "'-', '-'",
        "'--', '--'",
        "'a*', 'a%*'",
        "'[[x]]', '%[%[(.-)%]%]'",
        "'foo.bar', '.', 1, true",
        "'foo.bar', 'o.b', 1, true",
        "'abc', '[a-c]+'",
        "'abc', '[c-a]+'",
        "'é', '[\\128-\\255]+'",
        "'abc', '((a)(b))'",
        "'abc', '%w%w%w%w?'",
        "'ab', '(a)(b)()'",
        "'abc', '%f[%z]'",
        "'abc', '[%a_][%w_]*'",
        "'5%', '%d%%'",
        "'a1', '%D'",
        "'a b', '%S+'",
        "'a!', '%p'",
        "'aaa', '^a-'",
        "'aaa', '^a-$'",
        "'ab', '(()a())'",
        "'abc', '[%w%-]+'",
        "'(x)', '%((.)%)'",
        /* malformed */
        "'abc', '['",
        "'abc', '[a'",
        "'abc', '%'",
        "'abc', 'a)'",
        "'abc', '%1'",
        "'abc', '(a%1)'",
        "'abc', '%b'",
        "'abc', '%f'",
        "'abc', '[]'",
        "'abc', '[^]'",
        "'abc', '[a%'",
    };
    char body[8192];
    (void)unused;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        snprintf(body, sizeof body,
                 "out[1] = try(string.find, %s) out[2] = try(string.match, %s) "
                 "local s, p = %s out[3] = try(function() local n = 0 for a, b, c in "
                 "string.gmatch(s, p) do "
                 "out[#out + 1] = show(a, b, c) n = n + 1 if n > 50 then break end end end) "
                 "for _, r in ipairs { '<%%0>', '<%%1>', '%%%%', 'x' } do out[#out + 1] = "
                 "try(string.gsub, s, p, r) end "
                 "out[#out + 1] = try(string.gsub, s, p, '%%0', 1) "
                 "out[#out + 1] = try(string.gsub, s, p, function(a, b) return b or (a ~= 'l' "
                 "and '.') end) "
                 "out[#out + 1] = try(string.gsub, s, p, { l = 'L', a = 1, key = false })",
                 cases[i], cases[i], cases[i]);
        same(body);
    }
}

static void random_patterns(void **unused)
{
    static const char *const parts[] = {
        "a",       "b",      ".",  "%a", "%d",  "[ab]", "[^a]", "%w",   "()",   "(a)",
        "(.)",     "(%a-)",  "a*", "b+", "a-",  "b?",   ".-",   ".*",   "%1",   "[a-c]*",
        "%b()",    "%f[%a]", "$",  "^",  "%s*", "c",    "x",    "(a*)", "(b-)", "%2",
        "[%s%d]+", "%.",     "(",  ")",  "[",   "%",    "-",    "1"};
    char *body = malloc(200000);
    (void)unused;
    for (int round = 0; round < 60; round++) {
        size_t n = 0;
        n += (size_t)sprintf(body + n, "local cases = {");
        for (int i = 0; i < 100; i++) {
            char subject[40] = "", pattern[80] = "";
            unsigned len = rnd(12);
            for (unsigned k = 0; k < len; k++)
                subject[k] = "aabbc (x)1.$ "[rnd(13)];
            for (unsigned k = 1 + rnd(5); k > 0; k--)
                strcat(pattern, parts[rnd(sizeof parts / sizeof parts[0])]);
            n += (size_t)sprintf(body + n, "{'%s','%s'},", subject, pattern);
        }
        /* A pattern that is malformed only behind what fits is refused by us at once and by the stock
         * library when it comes to it: those are left out. */
        sprintf(body + n, "} for _, c in ipairs(cases) do local s, p = c[1], c[2] "
                          "if pcall(string.rep, p, 1) and VALID(p) then "
                          "out[#out + 1] = p .. '|' .. try(string.find, s, p) .. '|' .. "
                          "try(string.match, s, p) "
                          ".. '|' .. try(string.gsub, s, p, '<%%0>') end end");
        /* VALID: decided by our compiler, given to both as a table of patterns. */
        char *chunk = malloc(400000), *q = chunk;
        q += sprintf(q, "local ok = {");
        for (char *p = body; (p = strstr(p, "','")); p += 3) {
            char *end = strstr(p + 3, "'}");
            struct tsn_pattern compiled;
            const char *why;
            if (end &&
                tsn_pattern_compile(&compiled, p + 3, (size_t)(end - p - 3), true, &why) == 0)
                q += sprintf(q, "['%.*s']=true,", (int)(end - p - 3), p + 3);
        }
        q += sprintf(q, "} local function VALID(p) return ok[p] end ");
        strcpy(q, body);
        same(chunk);
        free(chunk);
    }
    free(body);
}

static void other_functions(void **unused)
{
    (void)unused;
    same("for _, a in ipairs { {'ab', 3}, {'ab', 3, ','}, {'', 5}, {'x', 0}, {'x', "
         "-1}, {'a', 1, 'zz'} } "
         "do out[#out + 1] = try(string.rep, table.unpack(a)) end");
    same("for _, a in ipairs { {'%d %s', 1, 'x'}, {'%5s|%-5s|', 'a', 'b'}, {'%s'}, {'%%'}, "
         "{'%d', 'x'}, {'%c', 65}, "
         "{'%q', 'a\\nb'}, {'%x', 255}, {'%5.2f', 1.234}, {'%y', 1}, {'%s %s', nil, true}, "
         "{'%', 1}, {'%.3s', 'abcdef'} } do "
         "out[#out + 1] = try(string.format, table.unpack(a, 1, 3)) end");
    same("local function t(...) return { ... } end "
         "local function run(f, l, ...) local r = try(f, l, ...) return r .. '|' .. "
         "table.concat(l, ',') end "
         "for i = 0, 5 do out[#out + 1] = run(table.insert, t(1, 2, 3), i, 9) "
         "out[#out + 1] = run(table.remove, t(1, 2, 3), i) end "
         "out[#out + 1] = run(table.insert, t(1), 2) out[#out + 1] = run(table.remove, t()) "
         "out[#out + 1] = run(table.remove, t(5)) out[#out + 1] = run(table.insert, t(), 1, 2, "
         "3) "
         "for f = 1, 3 do for e = 0, 4 do for d = 1, 4 do "
         "local ok, r = pcall(table.move, t(1, 2, 3, 4), f, e, d) out[#out + 1] = "
         "table.concat(r, ',') end end end "
         "out[#out + 1] = table.concat(table.move(t(1, 2, 3), 1, 3, 2, t(9)), ',') "
         "out[#out + 1] = show(table.unpack({ 1, 2, 3 }, 2)) out[#out + 1] = "
         "show(table.unpack({ 1, 2 }, 1, 4)) "
         "out[#out + 1] = tostring(table.pack(1, nil, 3).n) "
         "out[#out + 1] = try(table.concat, { 1, 2, 'x' }, '-', 2) out[#out + 1] = "
         "try(table.concat, { 1, {}, 3 }) "
         "out[#out + 1] = try(table.concat, {}, ',')");
    same("local seed = 7 local function r(n) seed = (seed * 1103515245 + 12345) % 2147483648 "
         "return seed % n end "
         "for n = 0, 70 do local l = {} for i = 1, n do l[i] = r(50) end table.sort(l) "
         "out[#out + 1] = table.concat(l, ',') table.sort(l, function(a, b) return a > b end) "
         "out[#out + 1] = table.concat(l, ',') end "
         "local w = { 'b', 'B', 'a', '', 'aa' } table.sort(w) out[#out + 1] = table.concat(w, "
         "',') "
         "out[#out + 1] = try(table.sort, { 1, 'x' })");
}

/* The stock library lets some of these through until it needs what is wrong; we never do. */
static void malformed_is_refused_at_once(void **unused)
{
    (void)unused;
    sandbox_fails("('abc'):gsub('(a', 'x')", "R014", "unfinished capture");
    sandbox_fails("('abc'):find('zzz%')", "R014", "ends with '%'");
    sandbox_fails("('abc'):find('zzz[')", "R014", "missing ']'");
    sandbox_fails("('abc'):find(('()'):rep(33))", "R014", "too many captures");
    sandbox_fails("('abc'):find(('a'):rep(300) .. '.')", "R014", "too long");
}

static void sort_survives_nonsense(void **unused)
{
    (void)unused;
    sandbox_ends("local l = {} for i = 1, 100 do l[i] = i end table.sort(l, function() return "
                 "true end) return #l",
                 "100");
    sandbox_ends("local l = {} for i = 1, 50 do l[i] = { k = i % 3, i = i } end "
                 "table.sort(l, function(a, b) return a.k < b.k end) "
                 "for i = 2, 50 do if l[i].k == l[i - 1].k and l[i].i < l[i - 1].i then return "
                 "'unstable' end end "
                 "return 'stable'",
                 "\"stable\"");
    sandbox_fails("table.sort({ 1, 2, 3 }, 5)", "R014", "function expected");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_patterns),
        cmocka_unit_test(random_patterns),
        cmocka_unit_test(other_functions),
        cmocka_unit_test(malformed_is_refused_at_once),
        cmocka_unit_test(sort_survives_nonsense),
    };
    return cmocka_run_group_tests(tests, sandbox_group_setup, NULL);
}
