/* box_value.c - values between Lua and JSON (see box_value.h). */
#include "worker/box_value.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/mem.h"
#include "core/text.h"
#include "worker/box_int.h"

struct walk {
    lua_State *L;
    size_t nodes, bytes;
    const void *above[TSN_VALUE_DEPTH + 1]; /* tables we are inside of: cycles */
    struct tsn_value_error *e;
    char path[160];
};

static json_t *refuse(struct walk *w, const char *what)
{
    snprintf(w->e->path, sizeof w->e->path, "%s", w->path);
    snprintf(w->e->what, sizeof w->e->what, "%s", what);
    return NULL;
}

static json_t *convert(struct walk *w, int idx, int depth);

static json_t *from_string(struct walk *w, int idx)
{
    size_t n;
    const char *s = lua_tolstring(w->L, idx, &n);
    w->bytes += n;
    if (w->bytes > TSN_VALUE_BYTES)
        return refuse(w, "is too large (at most 1 MiB in all)");
    if (!tsn_utf8_valid(s, n))
        return refuse(w, "is not UTF-8 text");
    if (memchr(s, '\0', n))
        return refuse(w, "holds a zero byte");
    return json_stringn_nocheck(s, n);
}

static json_t *from_number(struct walk *w, int idx)
{
    if (lua_isinteger(w->L, idx))
        return json_integer(lua_tointeger(w->L, idx));
    double d = lua_tonumber(w->L, idx);
    if (!isfinite(d))
        return refuse(w, isnan(d) ? "is not a number (0/0)" : "is infinite");
    return json_real(d);
}

enum shape { SHAPE_EMPTY, SHAPE_LIST, SHAPE_OBJECT, SHAPE_BAD };

static enum shape shape_of(struct walk *w, int idx, lua_Integer *count)
{
    lua_State *L = w->L;
    lua_Integer n = 0, top = 0;
    bool names = false, others = false;

    lua_pushnil(L);
    while (lua_next(L, idx)) {
        lua_pop(L, 1);
        if (lua_type(L, -1) == LUA_TSTRING) {
            names = true;
        } else if (lua_isinteger(L, -1) && lua_tointeger(L, -1) >= 1) {
            n++;
            if (lua_tointeger(L, -1) > top)
                top = lua_tointeger(L, -1);
        } else {
            others = true;
        }
    }
    *count = n;
    if (others) {
        refuse(w, "has keys that are neither names nor list positions");
        return SHAPE_BAD;
    }
    if (names && n > 0) {
        refuse(w, "has both names and list positions");
        return SHAPE_BAD;
    }
    if (n != top) {
        refuse(w, "is a list with holes");
        return SHAPE_BAD;
    }
    return names ? SHAPE_OBJECT : n ? SHAPE_LIST : SHAPE_EMPTY;
}

static json_t *from_list(struct walk *w, int idx, lua_Integer n, int depth)
{
    json_t *list = json_array();
    size_t len = strlen(w->path);
    for (lua_Integer i = 1; i <= n; i++) {
        snprintf(w->path + len, sizeof w->path - len, "[%lld]", (long long)i);
        lua_rawgeti(w->L, idx, i);
        json_t *v = convert(w, lua_gettop(w->L), depth + 1);
        lua_pop(w->L, 1);
        if (!v) {
            json_decref(list);
            list = NULL;
            break;
        }
        json_array_append_new(list, v);
    }
    w->path[len] = '\0';
    return list;
}

/* lua_next has another order in every process: of several wrong members the one with the
 * smallest name is reported, so that the message is the same at every replay. */
static json_t *from_object(struct walk *w, int idx, int depth)
{
    lua_State *L = w->L;
    json_t *obj = json_object();
    struct tsn_value_error first = {.path = ""};
    const char *worst = NULL;
    size_t worst_len = 0, len = strlen(w->path);

    lua_pushnil(L);
    while (lua_next(L, idx)) {
        size_t n;
        const char *key = lua_tolstring(L, -2, &n);
        snprintf(w->path + len, sizeof w->path - len, "%s%.60s", len ? "." : "", key);
        w->bytes += n;
        json_t *v = NULL;
        if (!tsn_utf8_valid(key, n) || memchr(key, '\0', n))
            refuse(w, "has a name that is not plain UTF-8 text");
        else if (w->nodes <= TSN_VALUE_NODES && w->bytes <= TSN_VALUE_BYTES)
            v = convert(w, lua_gettop(L), depth + 1);
        else
            refuse(w, "is too large");
        if (v) {
            json_object_setn_new_nocheck(obj, key, n, v);
        } else {
            size_t least = n < worst_len ? n : worst_len;
            int c = worst ? memcmp(key, worst, least) : -1;
            if (c < 0 || (c == 0 && n < worst_len)) {
                worst = key;
                worst_len = n;
                first = *w->e;
            }
        }
        lua_pop(L, 1);
    }
    w->path[len] = '\0';
    if (worst) {
        *w->e = first;
        json_decref(obj);
        return NULL;
    }
    return obj;
}

/* A secret of prelude 28: only a request takes one, which got its expression before it came here. */
static bool is_secret(lua_State *L, int idx)
{
    bool yes = luaL_getmetafield(L, idx, "__metatable") != LUA_TNIL;

    if (!yes)
        return false;
    yes = lua_type(L, -1) == LUA_TSTRING && strcmp(lua_tostring(L, -1), "secret") == 0;
    lua_pop(L, 1);
    return yes;
}

static json_t *from_table(struct walk *w, int idx, int depth)
{
    lua_Integer n;
    if (is_secret(w->L, idx))
        return refuse(w,
                      "is a secret: it goes into query, headers, json or body of http.request");
    if (depth >= TSN_VALUE_DEPTH)
        return refuse(w, "is nested too deeply (at most 32)");
    w->above[depth] = lua_topointer(w->L, idx);
    for (int i = 0; i < depth; i++) {
        if (w->above[i] == w->above[depth])
            return refuse(w, "contains itself");
    }
    switch (shape_of(w, idx, &n)) {
    case SHAPE_EMPTY: {
        bool list = false;
        if (lua_getmetatable(w->L, idx)) {
            lua_rawgetp(w->L, LUA_REGISTRYINDEX, &tsn_box_key_list);
            list = lua_rawequal(w->L, -1, -2);
            lua_pop(w->L, 2);
        }
        return list ? json_array() : json_object();
    }
    case SHAPE_LIST:
        return from_list(w, idx, n, depth);
    case SHAPE_OBJECT:
        return from_object(w, idx, depth);
    case SHAPE_BAD:
        break;
    }
    return NULL;
}

static json_t *convert(struct walk *w, int idx, int depth)
{
    if (!lua_checkstack(w->L, 6))
        return refuse(w, "needs too much stack");
    if (++w->nodes > TSN_VALUE_NODES)
        return refuse(w, "is too large (at most 100,000 values in all)");
    switch (lua_type(w->L, idx)) {
    case LUA_TNIL:
        return json_null();
    case LUA_TBOOLEAN:
        return json_boolean(lua_toboolean(w->L, idx));
    case LUA_TNUMBER:
        return from_number(w, idx);
    case LUA_TSTRING:
        return from_string(w, idx);
    case LUA_TTABLE:
        return from_table(w, idx, depth);
    case LUA_TFUNCTION:
        return refuse(w, "is a function");
    default:
        return refuse(w, "is not plain data");
    }
}

json_t *tsn_value_from_lua(lua_State *L, int idx, const char *root, struct tsn_value_error *e)
{
    struct walk w = {.L = L, .e = e};
    snprintf(w.path, sizeof w.path, "%s", root);
    int top = lua_gettop(L);
    json_t *v = convert(&w, lua_absindex(L, idx), 0);
    lua_settop(L, top);
    return v;
}

static void push_list(lua_State *L, const json_t *v)
{
    size_t n = json_array_size(v);
    lua_createtable(L, n < 4096 ? (int)n : 4096, 0);
    for (size_t i = 0; i < n; i++) {
        tsn_value_push(L, json_array_get(v, i));
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    if (n == 0) {
        lua_rawgetp(L, LUA_REGISTRYINDEX, &tsn_box_key_list);
        lua_setmetatable(L, -2);
    }
}

static void push_object(lua_State *L, const json_t *v)
{
    const char *key;
    json_t *member;
    size_t n = json_object_size(v);
    lua_createtable(L, 0, n < 4096 ? (int)n : 4096);
    /* jansson keeps the order of the text, which is canonical: sorted. */
    json_object_foreach(tsn_value_unconst(v), key, member)
    {
        lua_pushstring(L, key);
        tsn_value_push(L, member);
        lua_rawset(L, -3);
    }
}

void tsn_value_push(lua_State *L, const json_t *v)
{
    luaL_checkstack(L, 6, "JSON is nested too deeply");
    switch (v ? json_typeof(v) : JSON_NULL) {
    case JSON_NULL:
        lua_pushnil(L);
        return;
    case JSON_TRUE:
    case JSON_FALSE:
        lua_pushboolean(L, json_is_true(v));
        return;
    case JSON_INTEGER:
        lua_pushinteger(L, json_integer_value(v));
        return;
    case JSON_REAL:
        lua_pushnumber(L, json_real_value(v));
        return;
    case JSON_STRING:
        lua_pushlstring(L, json_string_value(v), json_string_length(v));
        return;
    case JSON_ARRAY:
        push_list(L, v);
        return;
    case JSON_OBJECT:
        push_object(L, v);
        return;
    }
}

json_t *tsn_worker_text(const char *s)
{
    size_t n = strlen(s);
    if (tsn_utf8_valid(s, n))
        return json_stringn_nocheck(s, n);
    char *copy = tsn_strdup(s);
    for (char *p = copy; *p; p++) {
        if ((unsigned char)*p >= 0x80)
            *p = '?';
    }
    json_t *v = json_string_nocheck(copy);
    free(copy);
    return v;
}
