/* box_string.c - string functions with bounds: rep, format, find, match, gmatch, gsub.
 *
 * The method form ("x"):rep(n) must reach these too, so the metatable of strings points at the
 * table built here, and is protected. All JUMPS.
 */
#include <string.h>
#include "worker/box_int.h"
#include "worker/box_pattern.h"

#define MAX_TEXT (4u << 20) /* what one call may produce */

static int text_too_long(lua_State *L, const char *who)
{
    return tsn_box_raise(L, "R016", NULL, "%s: the text would be longer than 4 MiB", who);
}

static int str_rep(lua_State *L)
{
    size_t len, sep_len;
    const char *s = luaL_checklstring(L, 1, &len);
    lua_Integer n = luaL_checkinteger(L, 2);
    const char *sep = luaL_optlstring(L, 3, "", &sep_len);
    luaL_Buffer b;

    if (n <= 0 || len + sep_len == 0) {
        lua_pushliteral(L, "");
        return 1;
    }
    if ((lua_Unsigned)n > MAX_TEXT / (len + sep_len) + 1 ||
        (lua_Unsigned)n * len + ((lua_Unsigned)n - 1) * sep_len > MAX_TEXT)
        return text_too_long(L, "string.rep");
    size_t total = (size_t)n * len + ((size_t)n - 1) * sep_len;
    char *p = luaL_buffinitsize(L, &b, total);
    for (lua_Integer i = 0; i < n; i++) {
        memcpy(p, s, len);
        p += len;
        if (i + 1 < n) {
            memcpy(p, sep, sep_len);
            p += sep_len;
        }
    }
    luaL_pushresultsize(&b, total);
    return 1;
}

/* The stock format, with every %s argument made a text by us (no addresses), and no %p. */
static int str_format(lua_State *L)
{
    size_t len;
    const char *f = luaL_checklstring(L, 1, &len), *end = f + len;
    int arg = 1, top = lua_gettop(L);
    size_t sum = len;

    while (f < end) {
        if (*f++ != '%')
            continue;
        if (f < end && *f == '%') {
            f++;
            continue;
        }
        while (f < end && *f && strchr("-+ #0123456789.", *f))
            f++;
        arg++;
        if (f >= end)
            break;
        if (*f == 'p')
            return luaL_error(L, "invalid conversion '%%p' to 'format'");
        if (*f == 'q' && arg <= top && !lua_isstring(L, arg) && !lua_isboolean(L, arg) &&
            !lua_isnil(L, arg))
            return luaL_argerror(L, arg, "value has no literal form");
        if (*f == 's' && arg <= top) {
            size_t n;
            tsn_box_tostring(L, arg);
            lua_tolstring(L, -1, &n);
            lua_replace(L, arg);
            sum += n;
        }
        if (sum > MAX_TEXT)
            return text_too_long(L, "string.format");
        f++;
    }
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, top, 1);
    return 1;
}

/* --- patterns ------------------------------------------------------------------------------- */

static void compile(lua_State *L, struct tsn_pattern *p, int idx, bool anchors)
{
    size_t len;
    const char *why, *text = luaL_checklstring(L, idx, &len);
    if (tsn_pattern_compile(p, text, len, anchors, &why))
        luaL_error(L, "%s", why);
}

static void match_init(lua_State *L, struct tsn_match *m, const char *s, size_t len)
{
    m->s = s;
    m->len = len;
    m->stop = &tsn_box_of(L)->spent;
    m->steps = TSN_PATTERN_STEPS + len;
}

/* Tries from *at on; true with [*at, *end) matched. */
static bool search(lua_State *L, const struct tsn_pattern *p, struct tsn_match *m, size_t *at,
                   size_t *end)
{
    for (;; ++*at) {
        switch (tsn_pattern_match(p, m, *at, end)) {
        case TSN_MATCH_YES:
            return true;
        case TSN_MATCH_COSTLY:
            tsn_box_poll(L);
            tsn_box_raise(L, "R018",
                          "use fewer of `.-` and `.*`, or plain text: find(s, p, 1, true)",
                          "the pattern needs too many steps on this text");
            return false;
        case TSN_MATCH_NO:
            if (p->anchored || *at >= m->len)
                return false;
        }
    }
}

/* Pushes capture i, or the whole match when the pattern has none and i is 0. */
static void push_capture(lua_State *L, const struct tsn_pattern *p, const struct tsn_match *m,
                         unsigned i, size_t at, size_t end)
{
    if (i >= p->ncaptures) {
        if (i != 0)
            luaL_error(L, "invalid capture index %%%d", (int)i + 1);
        lua_pushlstring(L, m->s + at, end - at);
    } else if (m->capture[i].len == TSN_CAPTURE_POSITION) {
        lua_pushinteger(L, (lua_Integer)m->capture[i].start + 1);
    } else {
        lua_pushlstring(L, m->s + m->capture[i].start, (size_t)m->capture[i].len);
    }
}

static int push_captures(lua_State *L, const struct tsn_pattern *p, const struct tsn_match *m,
                         size_t at, size_t end, bool whole)
{
    int n = p->ncaptures || !whole ? (int)p->ncaptures : 1;
    luaL_checkstack(L, n + 4, "too many captures");
    for (int i = 0; i < n; i++)
        push_capture(L, p, m, (unsigned)i, at, end);
    return n;
}

/* The optional start: 0-based, or len + 1 when past the end. */
static size_t start_at(lua_State *L, int idx, size_t len)
{
    lua_Integer i = luaL_optinteger(L, idx, 1);
    if (i > 0)
        return (lua_Unsigned)i - 1 > len ? len + 1 : (size_t)i - 1;
    if (i == 0 || -(lua_Unsigned)i > len)
        return 0;
    return len - (size_t)(-(lua_Unsigned)i);
}

static int find_or_match(lua_State *L, bool find)
{
    size_t len, plen, end;
    const char *s = luaL_checklstring(L, 1, &len), *text = luaL_checklstring(L, 2, &plen);
    size_t at = start_at(L, 3, len);
    struct tsn_pattern p;
    struct tsn_match m;

    if (at > len) {
        lua_pushnil(L);
        return 1;
    }
    if (find && (lua_toboolean(L, 4) || !memchr(text, 0, plen)) &&
        (lua_toboolean(L, 4) || !strpbrk(text, "^$*+?.([%-"))) {
        const char *hit = memmem(s + at, len - at, text, plen);
        if (!hit) {
            lua_pushnil(L);
            return 1;
        }
        lua_pushinteger(L, hit - s + 1);
        lua_pushinteger(L, hit - s + (lua_Integer)plen);
        return 2;
    }
    compile(L, &p, 2, true);
    match_init(L, &m, s, len);
    if (!search(L, &p, &m, &at, &end)) {
        lua_pushnil(L);
        return 1;
    }
    if (!find)
        return push_captures(L, &p, &m, at, end, true);
    lua_pushinteger(L, (lua_Integer)at + 1);
    lua_pushinteger(L, (lua_Integer)end);
    return 2 + push_captures(L, &p, &m, at, end, false);
}

static int str_find(lua_State *L)
{
    return find_or_match(L, true);
}

static int str_match(lua_State *L)
{
    return find_or_match(L, false);
}

struct gmatch {
    struct tsn_pattern p;
    size_t at, last; /* next try; end of the last match, which must not match empty again */
    size_t steps;    /* over the whole loop */
};

static int gmatch_step(lua_State *L)
{
    size_t len, end;
    const char *s = lua_tolstring(L, lua_upvalueindex(1), &len);
    struct gmatch *g = lua_touserdata(L, lua_upvalueindex(2));
    struct tsn_match m;

    while (g->at <= len) {
        size_t at = g->at;
        match_init(L, &m, s, len);
        if (!search(L, &g->p, &m, &at, &end))
            break;
        if (end != g->last || at != end) {
            g->at = g->last = end;
            return push_captures(L, &g->p, &m, at, end, true);
        }
        g->at = at + 1;
    }
    g->at = len + 1;
    lua_pushnil(L);
    return 1;
}

static int str_gmatch(lua_State *L)
{
    size_t len;
    luaL_checklstring(L, 1, &len);
    size_t at = start_at(L, 3, len);
    lua_settop(L, 2);
    struct gmatch *g = lua_newuserdatauv(L, sizeof *g, 0);
    compile(L, &g->p, 2, false);
    g->at = at;
    g->last = SIZE_MAX;
    lua_pushvalue(L, 1);
    lua_pushvalue(L, 3);
    lua_pushcclosure(L, gmatch_step, 2);
    return 1;
}

/* Appends what replaces the match: text with %0 to %9. */
static void add_text(lua_State *L, luaL_Buffer *b, const struct tsn_pattern *p,
                     const struct tsn_match *m, size_t at, size_t end)
{
    size_t n;
    const char *r = lua_tolstring(L, 3, &n);
    for (size_t i = 0; i < n; i++) {
        if (r[i] != '%') {
            luaL_addchar(b, r[i]);
            continue;
        }
        char c = ++i < n ? r[i] : '\0';
        if (c == '%') {
            luaL_addchar(b, '%');
        } else if (c == '0') {
            luaL_addlstring(b, m->s + at, end - at);
        } else if (c >= '1' && c <= '9') {
            push_capture(L, p, m, (unsigned)(c - '1'), at, end);
            luaL_tolstring(L, -1, NULL); /* a position is a number; numbers have no address */
            lua_remove(L, -2);
            luaL_addvalue(b);
        } else {
            luaL_error(L, "invalid use of '%%' in replacement string");
        }
    }
}

/* Appends the replacement; a table or function that gives nothing keeps the match. */
static void add_replacement(lua_State *L, luaL_Buffer *b, const struct tsn_pattern *p,
                            const struct tsn_match *m, size_t at, size_t end, int type)
{
    if (type == LUA_TFUNCTION) {
        lua_pushvalue(L, 3);
        int n = push_captures(L, p, m, at, end, true);
        lua_call(L, n, 1);
    } else if (type == LUA_TTABLE) {
        push_capture(L, p, m, 0, at, end);
        lua_gettable(L, 3);
    } else {
        add_text(L, b, p, m, at, end);
        return;
    }
    if (!lua_toboolean(L, -1)) {
        lua_pop(L, 1);
        luaL_addlstring(b, m->s + at, end - at);
    } else if (lua_isstring(L, -1)) {
        luaL_addvalue(b);
    } else {
        luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
    }
}

static int str_gsub(lua_State *L)
{
    size_t len, at = 0, copied = 0, last = SIZE_MAX, end;
    const char *s = luaL_checklstring(L, 1, &len);
    int type = lua_type(L, 3);
    lua_Integer most, n = 0;
    struct tsn_pattern p;
    struct tsn_match m;
    luaL_Buffer b;

    luaL_argexpected(L,
                     type == LUA_TNUMBER || type == LUA_TSTRING || type == LUA_TFUNCTION ||
                         type == LUA_TTABLE,
                     3, "string/function/table");
    most = luaL_optinteger(L, 4, (lua_Integer)len + 1);
    compile(L, &p, 2, true);
    lua_settop(L, 3);
    luaL_buffinit(L, &b);
    while (n < most && at <= len) {
        match_init(L, &m, s, len);
        if (!search(L, &p, &m, &at, &end))
            break;
        if (end == last && at == end) { /* empty, right behind the last one */
            at++;
        } else {
            n++;
            luaL_addlstring(&b, s + copied, at - copied);
            add_replacement(L, &b, &p, &m, at, end, type);
            at = copied = last = end;
            if (luaL_bufflen(&b) > MAX_TEXT)
                return text_too_long(L, "string.gsub");
        }
        if (p.anchored)
            break;
    }
    if (copied < len)
        luaL_addlstring(&b, s + copied, len - copied);
    luaL_pushresult(&b);
    lua_pushinteger(L, n);
    return 2;
}

void tsn_box_open_string(lua_State *L, int stock)
{
    static const luaL_Reg own[] = {{"rep", str_rep},     {"find", str_find},
                                   {"match", str_match}, {"gmatch", str_gmatch},
                                   {"gsub", str_gsub},   {NULL, NULL}};
    int lib = stock - 1;
    lua_pushvalue(L, lib);
    luaL_setfuncs(L, own, 0);
    lua_getfield(L, stock, "format");
    lua_pushcclosure(L, str_format, 1);
    lua_setfield(L, lib, "format");
    /* ("x"):rep(3) */
    lua_pushliteral(L, "");
    lua_createtable(L, 0, 2);
    lua_pushvalue(L, lib);
    lua_setfield(L, -2, "__index");
    lua_pushliteral(L, "string");
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
    lua_settop(L, stock);
}
