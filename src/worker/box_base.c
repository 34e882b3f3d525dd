/* box_base.c - what a playbook has of Lua's base, math and utf8 libraries.
 *
 * The environment starts from an empty table; names come in one by one. Stock functions are taken
 * where they are harmless and the same in every process; the others are replaced here. Everything
 * that could show an address, an order of a hash, a clock or collection stays out. All JUMPS.
 */
#include <lualib.h>
#include <stdlib.h>
#include <string.h>
#include "worker/box_int.h"

static const char original_key = 'o'; /* in our copy of a metatable: the author's own */

/* --- pcall: catches errors, never faults ---------------------------------------------------- */

static int pcall_done(lua_State *L, int status, lua_KContext unused)
{
    (void)unused;
    if (status == LUA_ERRMEM || (status != LUA_OK && tsn_box_out_of_memory(L)))
        return tsn_box_fault(L, "R021", NULL, "needed more memory than a run may have");
    tsn_box_poll(L);
    if (status != LUA_OK && status != LUA_YIELD) {
        lua_pushboolean(L, 0);
        lua_insert(L, -2);
        return 2;
    }
    return lua_gettop(L);
}

static int base_pcall(lua_State *L)
{
    luaL_checkany(L, 1);
    lua_pushboolean(L, 1);
    lua_insert(L, 1);
    return pcall_done(L, lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 0, 0, pcall_done), 0);
}

/* --- order ---------------------------------------------------------------------------------- */

struct key {
    const char *s; /* NULL: a number */
    size_t len;
    lua_Integer i;
    lua_Number d;
    bool is_int;
};

static int number_cmp(const struct key *a, const struct key *b)
{
    if (a->is_int && b->is_int)
        return (a->i > b->i) - (a->i < b->i);
    lua_Number x = a->is_int ? (lua_Number)a->i : a->d;
    lua_Number y = b->is_int ? (lua_Number)b->i : b->d;
    if (x != y)
        return x < y ? -1 : 1;
    /* A huge integer may equal a float after rounding; any fixed order will do. */
    return a->is_int - b->is_int;
}

static int key_cmp(const void *pa, const void *pb)
{
    const struct key *a = pa, *b = pb;
    if (!a->s || !b->s)
        return a->s ? 1 : b->s ? -1 : number_cmp(a, b);
    int c = memcmp(a->s, b->s, a->len < b->len ? a->len : b->len);
    return c ? c : (a->len > b->len) - (a->len < b->len);
}

static void key_read(lua_State *L, int idx, struct key *k, const char *who)
{
    memset(k, 0, sizeof *k);
    switch (lua_type(L, idx)) {
    case LUA_TNUMBER:
        k->is_int = lua_isinteger(L, idx);
        if (k->is_int)
            k->i = lua_tointeger(L, idx);
        else
            k->d = lua_tonumber(L, idx);
        return;
    case LUA_TSTRING:
        k->s = lua_tolstring(L, idx, &k->len);
        return;
    default:
        tsn_box_raise(L, "L105", "use numbers and texts as keys",
                      "%s: a %s as a key has no order that is the same at every replay", who,
                      luaL_typename(L, idx));
    }
}

static void key_push(lua_State *L, const struct key *k)
{
    if (k->s)
        lua_pushlstring(L, k->s, k->len);
    else if (k->is_int)
        lua_pushinteger(L, k->i);
    else
        lua_pushnumber(L, k->d);
}

/* Upvalues: the table, its keys in order, the position. Keys set to nil meanwhile are left out. */
static int pairs_step(lua_State *L)
{
    lua_Integer i = lua_tointeger(L, lua_upvalueindex(3));
    for (;;) {
        if (lua_rawgeti(L, lua_upvalueindex(2), ++i) == LUA_TNIL)
            return 1;
        lua_pushvalue(L, -1);
        if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) {
            lua_pushinteger(L, i);
            lua_replace(L, lua_upvalueindex(3));
            return 2;
        }
        lua_pop(L, 2);
    }
}

/* Dry run: going through a result that nobody knows ends it, as looking into it does (prelude 30). */
static void look_into(lua_State *L)
{
    if (!tsn_box_of(L)->dry)
        return;
    lua_pushliteral(L, "tsn.unknown");
    if (lua_rawget(L, 1) != LUA_TNIL)
        luaL_callmeta(L, 1, "__len");
    lua_settop(L, 2);
}

static int base_pairs(lua_State *L)
{
    lua_Integer n = 0, i = 0;
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 2);
    look_into(L);
    lua_settop(L, 1);
    lua_pushnil(L);
    while (lua_next(L, 1)) {
        lua_pop(L, 1);
        n++;
    }
    lua_createtable(L, n < INT32_MAX ? (int)n : INT32_MAX, 0); /* 2: keys */
    struct key *keys = lua_newuserdatauv(L, (size_t)(n ? n : 1) * sizeof *keys, 0); /* 3 */
    lua_pushnil(L);
    while (i < n && lua_next(L, 1)) {
        lua_pop(L, 1);
        key_read(L, -1, &keys[i++], "pairs");
    }
    lua_settop(L, 3);
    if (n > 1)
        qsort(keys, (size_t)n, sizeof *keys, key_cmp);
    for (i = 0; i < n; i++) {
        key_push(L, &keys[i]);
        lua_rawseti(L, 2, i + 1);
    }
    lua_settop(L, 2);
    lua_pushvalue(L, 1);
    lua_pushvalue(L, 2);
    lua_pushinteger(L, 0);
    lua_pushcclosure(L, pairs_step, 3);
    return 1;
}

/* next(t, k): the smallest key above k. Walks the whole table: for `next(t) == nil`, not loops. */
static int base_next(lua_State *L)
{
    struct key from, best, k;
    bool have = false, start;
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 2);
    look_into(L);
    start = lua_isnil(L, 2);
    if (!start)
        key_read(L, 2, &from, "next");
    lua_pushnil(L);
    while (lua_next(L, 1)) {
        lua_pop(L, 1);
        key_read(L, -1, &k, "next");
        if ((start || key_cmp(&k, &from) > 0) && (!have || key_cmp(&k, &best) < 0)) {
            best = k;
            have = true;
        }
    }
    lua_settop(L, 2);
    if (!have) {
        lua_pushnil(L);
        return 1;
    }
    key_push(L, &best);
    lua_pushvalue(L, -1);
    lua_rawget(L, 1);
    return 2;
}

/* --- tostring ------------------------------------------------------------------------------- */

void tsn_box_tostring(lua_State *L, int idx)
{
    idx = lua_absindex(L, idx);
    if (luaL_callmeta(L, idx, "__tostring")) {
        if (!lua_isstring(L, -1))
            luaL_error(L, "'__tostring' must return a string");
        return;
    }
    switch (lua_type(L, idx)) {
    case LUA_TNUMBER:
    case LUA_TSTRING:
    case LUA_TBOOLEAN:
    case LUA_TNIL:
        luaL_tolstring(L, idx, NULL);
        return;
    default: /* no addresses */
        lua_pushstring(L, luaL_typename(L, idx));
        return;
    }
}

static int base_tostring(lua_State *L)
{
    luaL_checkany(L, 1);
    tsn_box_tostring(L, 1);
    return 1;
}

/* --- metatables ----------------------------------------------------------------------------- */

/* What a metatable may hold. __gc runs code at collection, __mode makes collection visible,
 * __close runs code while a fault unwinds: refused. __pairs would bring back other orders. */
static const char *const meta_names[] = {
    "__index", "__newindex", "__call", "__tostring", "__name", "__metatable", "__len",
    "__eq",    "__lt",       "__le",   "__add",      "__sub",  "__mul",       "__div",
    "__mod",   "__pow",      "__unm",  "__idiv",     "__band", "__bor",       "__bxor",
    "__shl",   "__shr",      "__bnot", "__concat"};

/* The table gets a copy, so that a later change of the author's metatable cannot bring in what was
 * refused: Lua reads __mode from it at every collection. */
static int base_setmetatable(lua_State *L)
{
    static const char *const refused[] = {"__gc", "__mode", "__close", "__pairs"};
    luaL_checktype(L, 1, LUA_TTABLE);
    if (!lua_isnil(L, 2))
        luaL_checktype(L, 2, LUA_TTABLE);
    lua_settop(L, 2);
    if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL)
        return luaL_error(L, "cannot change a protected metatable");
    if (lua_isnil(L, 2)) {
        lua_setmetatable(L, 1);
        return 1;
    }
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        lua_pushstring(L, refused[i]);
        if (lua_rawget(L, 2) != LUA_TNIL)
            return tsn_box_raise(L, "L106", NULL, "setmetatable: %s is not available",
                                 refused[i]);
        lua_pop(L, 1);
    }
    lua_newtable(L);
    for (size_t i = 0; i < sizeof meta_names / sizeof meta_names[0]; i++) {
        lua_pushstring(L, meta_names[i]);
        lua_pushvalue(L, -1);
        if (lua_rawget(L, 2) == LUA_TNIL)
            lua_pop(L, 2);
        else
            lua_rawset(L, 3);
    }
    lua_pushvalue(L, 2);
    lua_rawsetp(L, 3, &original_key);
    lua_setmetatable(L, 1);
    lua_settop(L, 1);
    return 1;
}

static int base_getmetatable(lua_State *L)
{
    luaL_checkany(L, 1);
    if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL)
        return 1;
    if (lua_type(L, 1) != LUA_TTABLE || !lua_getmetatable(L, 1)) {
        lua_pushnil(L);
        return 1;
    }
    lua_rawgetp(L, -1, &original_key); /* nil for the engine's own */
    return 1;
}

/* --- random --------------------------------------------------------------------------------- */

/* xoshiro256**: small, and the same on every machine. Not for secrets. */
static uint64_t rotl(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

static uint64_t rng_next(uint64_t s[4])
{
    uint64_t out = rotl(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return out;
}

/* random() in [0,1); random(n) in 1..n; random(m, n) in m..n. */
static int base_random(lua_State *L)
{
    uint64_t *s = tsn_box_of(L)->rng;
    lua_Integer low = 1, high;
    switch (lua_gettop(L)) {
    case 0:
        lua_pushnumber(L, (lua_Number)(rng_next(s) >> 11) * (1.0 / 9007199254740992.0));
        return 1;
    case 1:
        high = luaL_checkinteger(L, 1);
        break;
    default:
        low = luaL_checkinteger(L, 1);
        high = luaL_checkinteger(L, 2);
    }
    luaL_argcheck(L, low <= high, lua_gettop(L) > 1 ? 2 : 1, "interval is empty");
    uint64_t span = (uint64_t)high - (uint64_t)low, limit, r;
    if (span == UINT64_MAX) {
        lua_pushinteger(L, (lua_Integer)rng_next(s));
        return 1;
    }
    limit = UINT64_MAX - (UINT64_MAX % (span + 1) + 1) % (span + 1);
    do {
        r = rng_next(s);
    } while (r > limit);
    r = (uint64_t)low + r % (span + 1);
    lua_pushinteger(L, (lua_Integer)r);
    return 1;
}

static int base_uuid(lua_State *L)
{
    uint64_t *s = tsn_box_of(L)->rng;
    uint64_t a = rng_next(s), b = rng_next(s);
    char out[37];
    a = (a & ~UINT64_C(0xf000)) | 0x4000;
    b = (b & ~(UINT64_C(3) << 62)) | (UINT64_C(2) << 62);
    static const char digits[] = "0123456789abcdef";
    for (int i = 0, k = 0; i < 32; i++) {
        uint64_t half = i < 16 ? a : b;
        if (i == 8 || i == 12 || i == 16 || i == 20)
            out[k++] = '-';
        out[k++] = digits[(half >> (60 - 4 * (i & 15))) & 15];
        out[k] = '\0';
    }
    lua_pushstring(L, out);
    return 1;
}

/* --- the lists ------------------------------------------------------------------------------ */

/* Moves the named functions and values of the stock library on top into the table at `to`. */
static void take(lua_State *L, int to, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        lua_getfield(L, -1, names[i]);
        lua_setfield(L, to, names[i]);
    }
}
#define TAKE(L, to, names) take(L, to, names, sizeof(names) / sizeof(names)[0])

/* Runs a stock opener and leaves its table on top. */
static void stock(lua_State *L, lua_CFunction open)
{
    lua_pushcfunction(L, open);
    lua_call(L, 0, 1);
}

void tsn_box_open_base(lua_State *L)
{
    static const char *const base[] = {"assert", "error",    "ipairs", "select", "tonumber",
                                       "type",   "rawequal", "rawlen", "rawget"};
    /* No log, exp, sin, pow: libm differs between machines. */
    static const char *const math[] = {"abs", "ceil",       "floor", "fmod",       "huge",
                                       "max", "maxinteger", "min",   "mininteger", "modf",
                                       "pi",  "sqrt",       "type",  "tointeger",  "ult"};
    static const char *const utf8[] = {"char",  "charpattern", "codepoint",
                                       "codes", "len",         "offset"};
    static const char *const strings[] = {"byte",  "char",    "len", "lower",
                                          "upper", "reverse", "sub"};
    static const luaL_Reg own[] = {{"pcall", base_pcall},
                                   {"pairs", base_pairs},
                                   {"next", base_next},
                                   {"tostring", base_tostring},
                                   {"setmetatable", base_setmetatable},
                                   {"getmetatable", base_getmetatable},
                                   {"random", base_random},
                                   {"uuid", base_uuid},
                                   {NULL, NULL}};
    int env = lua_gettop(L);

    stock(L, luaopen_base); /* fills the globals, which are replaced below */
    TAKE(L, env, base);
    lua_pop(L, 1);
    luaL_setfuncs(L, own, 0);

    lua_newtable(L);
    stock(L, luaopen_math);
    TAKE(L, env + 1, math);
    lua_pop(L, 1);
    lua_setfield(L, env, "math");

    lua_newtable(L);
    stock(L, luaopen_utf8);
    TAKE(L, env + 1, utf8);
    lua_pop(L, 1);
    lua_setfield(L, env, "utf8");

    lua_newtable(L);
    stock(L, luaopen_string);
    TAKE(L, env + 1, strings);
    tsn_box_open_string(L, env + 2);
    lua_settop(L, env + 1);
    lua_setfield(L, env, "string");

    lua_newtable(L);
    tsn_box_open_table(L);
    lua_setfield(L, env, "table");

    lua_newtable(L);
    lua_rawseti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
}
