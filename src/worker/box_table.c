/* box_table.c - table functions on raw lengths, with range limits, and a sort that is stable,
 * bounded, and safe with a comparator that contradicts itself. All JUMPS.
 */
#include <string.h>
#include "worker/box_int.h"

#define MAX_ITEMS  1000000
#define MAX_UNPACK 10000
#define MAX_TEXT   (4u << 20)

static lua_Integer length_of(lua_State *L, int idx)
{
    luaL_checktype(L, idx, LUA_TTABLE);
    return (lua_Integer)lua_rawlen(L, idx);
}

static void check_range(lua_State *L, lua_Integer from, lua_Integer to, lua_Integer most,
                        const char *who)
{
    if (from <= to && (lua_Unsigned)to - (lua_Unsigned)from >= (lua_Unsigned)most)
        tsn_box_raise(L, "R016", NULL, "%s: more than %lld items", who, (long long)most);
}

static int tab_insert(lua_State *L)
{
    lua_Integer end = length_of(L, 1) + 1, at = end;
    switch (lua_gettop(L)) {
    case 2:
        break;
    case 3:
        at = luaL_checkinteger(L, 2);
        luaL_argcheck(L, at >= 1 && at <= end, 2, "position out of bounds");
        for (lua_Integer i = end; i > at; i--) {
            lua_rawgeti(L, 1, i - 1);
            lua_rawseti(L, 1, i);
        }
        break;
    default:
        return luaL_error(L, "wrong number of arguments to 'insert'");
    }
    lua_rawseti(L, 1, at);
    tsn_box_poll(L);
    return 0;
}

static int tab_remove(lua_State *L)
{
    lua_Integer size = length_of(L, 1), at = luaL_optinteger(L, 2, size);
    if (lua_gettop(L) > 1)
        luaL_argcheck(L, (at >= 1 && at <= size + 1) || (size == 0 && at == 0), 2,
                      "position out of bounds");
    lua_rawgeti(L, 1, at);
    for (; at < size; at++) {
        lua_rawgeti(L, 1, at + 1);
        lua_rawseti(L, 1, at);
    }
    if (at <= size || lua_gettop(L) > 1) {
        lua_pushnil(L);
        lua_rawseti(L, 1, at);
    }
    tsn_box_poll(L);
    return 1;
}

static int tab_concat(lua_State *L)
{
    lua_Integer n = length_of(L, 1);
    size_t sep_len, total = 0;
    const char *sep = luaL_optlstring(L, 2, "", &sep_len);
    lua_Integer i = luaL_optinteger(L, 3, 1), last = luaL_optinteger(L, 4, n);
    luaL_Buffer b;

    check_range(L, i, last, MAX_ITEMS, "table.concat");
    luaL_buffinit(L, &b);
    for (lua_Integer first = i; i <= last; i++) {
        if (i != first) {
            luaL_addlstring(&b, sep, sep_len);
            total += sep_len;
        }
        lua_rawgeti(L, 1, i);
        if (!lua_isstring(L, -1))
            return luaL_error(L, "invalid value (at index %d) in table for 'concat'", (int)i);
        size_t len;
        lua_tolstring(L, -1, &len);
        total += len;
        if (total > MAX_TEXT)
            return tsn_box_raise(L, "R016", NULL,
                                 "table.concat: the text would be longer than 4 MiB");
        luaL_addvalue(&b);
        if (i == LUA_MAXINTEGER)
            break;
    }
    luaL_pushresult(&b);
    return 1;
}

static int tab_pack(lua_State *L)
{
    int n = lua_gettop(L);
    lua_createtable(L, n, 1);
    lua_insert(L, 1);
    for (int i = n; i >= 1; i--)
        lua_rawseti(L, 1, i);
    lua_pushinteger(L, n);
    lua_setfield(L, 1, "n");
    return 1;
}

static int tab_unpack(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_Integer i = luaL_optinteger(L, 2, 1);
    lua_Integer last = luaL_optinteger(L, 3, (lua_Integer)lua_rawlen(L, 1));
    if (i > last)
        return 0;
    check_range(L, i, last, MAX_UNPACK, "table.unpack");
    int n = (int)(last - i) + 1;
    luaL_checkstack(L, n, "too many results to unpack");
    for (int k = 0; k < n; k++)
        lua_rawgeti(L, 1, i + k);
    return n;
}

static int tab_move(lua_State *L)
{
    lua_Integer from = luaL_checkinteger(L, 2), last = luaL_checkinteger(L, 3);
    lua_Integer to = luaL_checkinteger(L, 4);
    int dest = lua_isnoneornil(L, 5) ? 1 : 5;
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checktype(L, dest, LUA_TTABLE);
    if (last >= from) {
        check_range(L, from, last, MAX_ITEMS, "table.move");
        lua_Integer n = last - from + 1;
        luaL_argcheck(L, to <= LUA_MAXINTEGER - n + 1, 4, "destination wrap around");
        bool forward = to > last || to <= from || (dest != 1 && !lua_rawequal(L, 1, 5));
        for (lua_Integer k = 0; k < n; k++) {
            lua_Integer i = forward ? k : n - 1 - k;
            lua_rawgeti(L, 1, from + i);
            lua_rawseti(L, dest, to + i);
        }
        tsn_box_poll(L);
    }
    lua_pushvalue(L, dest);
    return 1;
}

/* --- sort: merges runs between the table (1) and a spare one (3) ------------------------------ */

/* Is the value at the top before the one below it? Both stay. */
static bool second_first(lua_State *L)
{
    bool yes;
    if (lua_isnil(L, 2))
        return lua_compare(L, -1, -2, LUA_OPLT);
    lua_pushvalue(L, 2);
    lua_pushvalue(L, -2);
    lua_pushvalue(L, -4);
    lua_call(L, 2, 1); /* cannot wait: a step in here is a fault (L104) */
    yes = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return yes;
}

static void merge(lua_State *L, int from, int to, lua_Integer a, lua_Integer mid,
                  lua_Integer end)
{
    lua_Integer b = mid;
    for (lua_Integer k = a; k < end; k++) {
        if (a < mid && b < end) {
            lua_rawgeti(L, from, a);
            lua_rawgeti(L, from, b);
            if (second_first(L)) {
                lua_rawseti(L, to, k);
                lua_pop(L, 1);
                b++;
            } else {
                lua_pop(L, 1);
                lua_rawseti(L, to, k);
                a++;
            }
        } else {
            lua_rawgeti(L, from, a < mid ? a++ : b++);
            lua_rawseti(L, to, k);
        }
    }
    tsn_box_poll(L);
}

static int tab_sort(lua_State *L)
{
    lua_Integer n = length_of(L, 1);
    int from = 1, to = 3;
    if (!lua_isnoneornil(L, 2))
        luaL_checktype(L, 2, LUA_TFUNCTION);
    check_range(L, 1, n, MAX_ITEMS, "table.sort");
    lua_settop(L, 2);
    lua_createtable(L, (int)n, 0);
    for (lua_Integer width = 1; width < n; width *= 2) {
        for (lua_Integer a = 1; a <= n; a += 2 * width) {
            lua_Integer mid = a + width < n + 1 ? a + width : n + 1;
            lua_Integer end = a + 2 * width < n + 1 ? a + 2 * width : n + 1;
            merge(L, from, to, a, mid, end);
        }
        int other = from;
        from = to;
        to = other;
    }
    for (lua_Integer i = 1; from != 1 && i <= n; i++) {
        lua_rawgeti(L, from, i);
        lua_rawseti(L, 1, i);
    }
    return 0;
}

void tsn_box_open_table(lua_State *L)
{
    static const luaL_Reg own[] = {{"insert", tab_insert}, {"remove", tab_remove},
                                   {"concat", tab_concat}, {"pack", tab_pack},
                                   {"unpack", tab_unpack}, {"move", tab_move},
                                   {"sort", tab_sort},     {NULL, NULL}};
    luaL_setfuncs(L, own, 0);
}
