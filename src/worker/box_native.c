/* box_native.c - what the prelude needs from C: the step itself, errors, names, text of times.
 *
 * A step checks and copies its arguments, leaves them in the box and yields; the yield carries
 * nothing, because no Lua code of a playbook may see it. All JUMPS.
 */
#include <string.h>
#include "core/clock.h"
#include "core/embed.h"
#include "core/json.h"
#include "core/text.h"
#include "worker/box_int.h"
#include "worker/box_value.h"

#define MAX_LOG_LINES 200
#define MAX_LOG_TEXT  2000
#define MAX_JSON_TEXT (1u << 20)

/* --- the step ------------------------------------------------------------------------------- */

/* The C function between us and the playbook that cannot be left and entered again. */
static const char *barrier(lua_State *L, lua_Debug *ar)
{
    for (int level = 1; lua_getstack(L, level, ar); level++) {
        lua_getinfo(L, "Sn", ar);
        if (strcmp(ar->what, "C") != 0)
            continue;
        if (ar->name && strcmp(ar->name, "sort") == 0)
            return "table.sort";
        if (ar->name && strcmp(ar->name, "gsub") == 0)
            return "string.gsub";
        return ar->name ? ar->name : "a library function";
    }
    return "a library function";
}

void tsn_box_check_step(lua_State *L)
{
    lua_Debug ar;

    if (tsn_box_of(L)->phase != BOX_RUNNING)
        tsn_box_raise(L, "L107", "move it into run = function(case) ... end",
                      "a step can only be taken inside run, not while the file loads");
    if (!lua_isyieldable(L))
        tsn_box_fault(L, "L104", "take the step before, and use its result here",
                      "a step cannot wait inside %s", barrier(L, &ar));
}

static json_t *plain(lua_State *L, int idx, const char *root, const char *step)
{
    struct tsn_value_error e;
    json_t *v = tsn_value_from_lua(L, idx, root, &e);
    if (!v)
        tsn_box_raise(L, "R012",
                      "give numbers, texts, true and false, lists and tables with names",
                      "%s: %s %s, so it cannot be written down", step, e.path, e.what);
    return v;
}

static int step_done(lua_State *L, int status, lua_KContext unused)
{
    struct tsn_box *box = tsn_box_of(L);
    (void)status;
    (void)unused;
    tsn_box_poll(L);
    lua_pushstring(L, box->outcome);
    tsn_value_push(L, box->incoming);
    return 2;
}

/* step(kind, name, args, opts) -> outcome, result */
static int native_step(lua_State *L)
{
    struct tsn_box *box = tsn_box_of(L);
    const char *kind = luaL_checkstring(L, 1), *name = luaL_checkstring(L, 2);

    luaL_checktype(L, 3, LUA_TTABLE);
    luaL_checktype(L, 4, LUA_TTABLE);
    tsn_box_check_step(L);
    if (tsn_jkind_parse(kind, &box->want.kind))
        return luaL_error(L, "no step kind `%s`", kind);
    if (strlen(name) >= sizeof box->want.name || !tsn_utf8_valid(name, strlen(name)))
        return tsn_box_raise(L, "L012", NULL, "the name of a step is too long");
    tsn_copy(box->want.name, sizeof box->want.name, name);
    json_decref(box->want.args);
    box->want.args = NULL;
    box->want.args = plain(L, 3, "", name);
    json_decref(box->want.opts);
    box->want.opts = NULL;
    box->want.opts = plain(L, 4, "opts", name);
    box->want.line = tsn_box_where(L, NULL, 0);
    box->wanting = true;
    return lua_yieldk(L, 0, 0, step_done);
}

/* patched(id) -> boolean: is the new code meant here? */
static int native_patched(lua_State *L)
{
    struct tsn_box *box = tsn_box_of(L);
    const char *id = luaL_checkstring(L, 1);
    char path[TSN_PATH_MAX + 1];

    tsn_box_check_step(L);
    if (tsn_box_next_path(box, path))
        return tsn_box_raise(L, "L012", NULL, "too many steps");
    lua_pushboolean(L, !box->patched || box->patched(box->user, path, id));
    return 1;
}

/* --- small helpers --------------------------------------------------------------------------- */

static int native_raise(lua_State *L)
{
    tsn_box_push_error(L, luaL_checkstring(L, 1), luaL_checkstring(L, 2),
                       luaL_optstring(L, 3, NULL));
    return lua_error(L);
}

/* fault(code, message, hint): what no pcall catches. */
static int native_fault(lua_State *L)
{
    return tsn_box_fault(L, luaL_checkstring(L, 1), luaL_optstring(L, 3, NULL), "%s",
                         luaL_checkstring(L, 2));
}

static int native_duration(lua_State *L)
{
    int64_t ms;
    if (lua_type(L, 1) == LUA_TSTRING && tsn_duration_parse(lua_tostring(L, 1), &ms) == 0)
        lua_pushinteger(L, ms);
    else
        lua_pushnil(L);
    return 1;
}

static int native_now(lua_State *L)
{
    lua_pushinteger(L, tsn_box_of(L)->now_ms);
    return 1;
}

static int native_timestamp(lua_State *L)
{
    char out[25];
    lua_Integer ms = luaL_checkinteger(L, 1);
    luaL_argcheck(L, ms >= 0 && ms <= INT64_C(253402300799999), 1,
                  "not a time in milliseconds");
    tsn_time_format(out, ms);
    lua_pushstring(L, out);
    return 1;
}

static int native_log(lua_State *L)
{
    struct tsn_box *box = tsn_box_of(L);
    const char *level = luaL_checkstring(L, 1);
    char text[MAX_LOG_TEXT + 1];
    size_t n;
    const char *s = luaL_checklstring(L, 2, &n);

    if (!box->log || box->replaying || box->logged > MAX_LOG_LINES)
        return 0;
    if (++box->logged > MAX_LOG_LINES) {
        box->log(box->user, "warn", "more than 200 lines without a step: the rest is left out");
        return 0;
    }
    n = n > MAX_LOG_TEXT ? MAX_LOG_TEXT : n;
    for (size_t i = 0; i < n; i++)
        text[i] = (unsigned char)s[i] < 0x20 || s[i] == 0x7f ? ' ' : s[i];
    text[n] = '\0';
    box->log(box->user, level, text);
    return 0;
}

/* suggest(word, list) -> the nearest or nil */
static int native_suggest(lua_State *L)
{
    const char *word = luaL_checkstring(L, 1), *names[256];
    size_t n = 0;
    luaL_checktype(L, 2, LUA_TTABLE);
    for (lua_Integer i = 1; n < 256; i++) {
        lua_rawgeti(L, 2, i);
        if (lua_type(L, -1) != LUA_TSTRING) {
            lua_pop(L, 1);
            break;
        }
        names[n++] = lua_tostring(L, -1); /* the list keeps it */
        lua_pop(L, 1);
    }
    const char *hit = strlen(word) < 100 ? tsn_suggest(word, names, n) : NULL;
    lua_pushstring(L, hit); /* NULL is nil */
    return 1;
}

/* connector(name) -> list of methods, true (any), or nil and all names */
static int native_connector(lua_State *L)
{
    struct tsn_box *box = tsn_box_of(L);
    const char *name = luaL_checkstring(L, 1);
    bool seen = false;
    size_t i;
    json_t *v;

    json_array_foreach(box->connected, i, v) seen =
        seen || strcmp(json_string_value(v), name) == 0;
    if (!seen && json_array_size(box->connected) < 100 && tsn_utf8_valid(name, strlen(name)))
        json_array_append_new(box->connected, json_string(name));
    if (!box->connectors) {
        lua_pushboolean(L, 1);
        return 1;
    }
    const json_t *methods = json_object_get(box->connectors, name);
    if (json_is_array(methods)) {
        tsn_value_push(L, methods);
        return 1;
    }
    lua_pushnil(L);
    lua_newtable(L);
    const char *key;
    lua_Integer k = 0;
    json_object_foreach(box->connectors, key, v)
    {
        lua_pushstring(L, key);
        lua_rawseti(L, -2, ++k);
    }
    return 2;
}

static int native_load(lua_State *L)
{
    tsn_box_load_file(L, luaL_checkstring(L, 1));
    return 1;
}

/* entry(f): the function that a run begins with */
static int native_entry(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_settop(L, 1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &tsn_box_key_entry);
    return 0;
}

/* --- json ------------------------------------------------------------------------------------ */

static int json_list(lua_State *L)
{
    if (lua_isnoneornil(L, 1)) {
        lua_settop(L, 0);
        lua_newtable(L);
    }
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    if (lua_getmetatable(L, 1)) {
        lua_pop(L, 1);
        return 1;
    }
    lua_rawgetp(L, LUA_REGISTRYINDEX, &tsn_box_key_list);
    lua_setmetatable(L, 1);
    return 1;
}

/* The tree and its text belong to the box while Lua may raise: kept in `scratch`. */
static int json_encode(lua_State *L)
{
    struct tsn_value_error e;
    struct tsn_buf text;
    char copy[4096];

    luaL_checkany(L, 1);
    json_t *v = tsn_value_from_lua(L, 1, "value", &e);
    if (!v)
        return tsn_box_raise(L, "R012", NULL, "json.encode: %s %s", e.path, e.what);
    tsn_buf_init(&text, 8u << 20);
    tsn_err err = tsn_json_write(&text, v);
    json_decref(v);
    if (err || text.len < sizeof copy) {
        if (!err)
            memcpy(copy, text.data, text.len);
        size_t n = text.len;
        tsn_buf_free(&text);
        if (err)
            return tsn_box_raise(L, "R016", NULL, "json.encode: the text would be too long");
        lua_pushlstring(L, copy, n);
        return 1;
    }
    /* Long texts: into memory that Lua owns already, so that nothing is lost when it raises. */
    struct tsn_box *box = tsn_box_of(L);
    json_decref(box->scratch);
    box->scratch = json_stringn_nocheck(text.data, text.len);
    tsn_buf_free(&text);
    lua_pushlstring(L, json_string_value(box->scratch), json_string_length(box->scratch));
    return 1;
}

static int json_decode(lua_State *L)
{
    struct tsn_box *box = tsn_box_of(L);
    size_t n;
    const char *s = luaL_checklstring(L, 1, &n);
    struct tsn_diag diag;

    if (n > MAX_JSON_TEXT)
        return tsn_box_raise(L, "R016", NULL, "json.decode: the text is longer than 1 MiB");
    json_decref(box->scratch);
    box->scratch = NULL;
    tsn_diag_init(&diag);
    if (tsn_json_parse(s, n, &box->scratch, &diag))
        return tsn_box_raise(L, "R019", NULL, "json.decode: %s", diag.what);
    tsn_value_push(L, box->scratch);
    return 1;
}

/* --- loading --------------------------------------------------------------------------------- */

/* Words whose jumps the compiler keeps in lists that it walks again for each: a megabyte of `and` takes a
 * minute in C, where no hook ends it. Those in strings and comments count too: simpler, and as well. */
#define LINKS_MAX 3000

static bool branches_too_much(const char *text)
{
    static const char *const words[] = {"and", "or", "elseif", "goto", "break"};
    size_t seen = 0;

    for (const char *p = text; *p;) {
        size_t n = strspn(p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");

        for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
            seen += n == strlen(words[i]) && memcmp(p, words[i], n) == 0;
        p += n ? n : 1;
    }
    return seen > LINKS_MAX;
}

void tsn_box_load_file(lua_State *L, const char *path)
{
    struct tsn_box *box = tsn_box_of(L);
    const json_t *source = json_object_get(box->files, path);
    const char *text = json_string_value(source);
    char name[210];

    luaL_checkstack(L, 8, NULL);
    if (!text || strlen(path) > 199) {
        tsn_box_raise(L, "L005",
                      "modules live in the playbook folder: lib/text.lua is \"lib.text\"",
                      "there is no file `%.100s` in this bundle", path);
        return;
    }
    /* JSON texts hold no zero byte, so a strlen is the whole of it. */
    if (strchr(text, 0x1b)) {
        tsn_box_raise(L, "L002", NULL, "%.100s is not Lua source text", path);
        return;
    }
    if (branches_too_much(text)) {
        tsn_box_raise(L, "L006", "use a table instead of a chain",
                      "%.100s has more than %d `and`, `or`, `elseif`, `goto` and `break`", path,
                      LINKS_MAX);
        return;
    }
    lua_pushfstring(L, "@%s", path);
    tsn_copy(name, sizeof name, lua_tostring(L, -1));
    lua_pop(L, 1);
    int status = luaL_loadbufferx(L, text, strlen(text), name, "t");
    if (status == LUA_ERRMEM)
        tsn_box_fault(L, "R021", NULL, "needed more memory than a run may have");
    tsn_box_poll(L);
    if (status != LUA_OK) {
        struct tsn_box_error e;
        tsn_box_explain_syntax(&e, path, text,
                               lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "");
        tsn_box_push_error(L, e.code, e.text, e.hint);
        lua_pushstring(L, e.file);
        lua_setfield(L, -2, "file");
        lua_pushinteger(L, e.line);
        lua_setfield(L, -2, "line");
        lua_pushinteger(L, e.col);
        lua_setfield(L, -2, "col");
        lua_error(L);
    }
    lua_rawgetp(L, LUA_REGISTRYINDEX, &tsn_box_key_env);
    lua_setupvalue(L, -2, 1); /* _ENV */
}

static int error_tostring(lua_State *L)
{
    lua_settop(L, 1);
    if (lua_type(L, 1) == LUA_TTABLE) {
        lua_pushliteral(L, "message");
        if (lua_rawget(L, 1) == LUA_TSTRING)
            return 1;
    }
    lua_pushliteral(L, "error");
    return 1;
}

static void open_registry(lua_State *L)
{
    lua_createtable(L, 0, 2);
    lua_pushcfunction(L, error_tostring);
    lua_setfield(L, -2, "__tostring");
    lua_pushliteral(L, "error");
    lua_setfield(L, -2, "__metatable");
    lua_rawsetp(L, LUA_REGISTRYINDEX, &tsn_box_key_error);
    lua_createtable(L, 0, 1);
    lua_pushliteral(L, "list");
    lua_setfield(L, -2, "__metatable");
    lua_rawsetp(L, LUA_REGISTRYINDEX, &tsn_box_key_list);
}

static void open_native(lua_State *L)
{
    static const luaL_Reg own[] = {{"step", native_step},
                                   {"patched", native_patched},
                                   {"fork", tsn_box_native_fork},
                                   {"raise", native_raise},
                                   {"fault", native_fault},
                                   {"duration", native_duration},
                                   {"now", native_now},
                                   {"timestamp", native_timestamp},
                                   {"log", native_log},
                                   {"suggest", native_suggest},
                                   {"connector", native_connector},
                                   {"load", native_load},
                                   {"entry", native_entry},
                                   {"json_list", json_list},
                                   {"json_encode", json_encode},
                                   {"json_decode", json_decode},
                                   {NULL, NULL}};
    luaL_newlib(L, own);
}

/* Our own Lua is parsed once in a process and kept compiled, since each run has a state of its own
 * and parsing was most of what opening one cost. Only what this process compiled from its own
 * embedded text is ever loaded this way. */
struct own_code {
    const struct tsn_embedded *files;
    struct tsn_buf compiled[16];
};
static struct own_code prelude_code = {.files = tsn_prelude},
                       author_code = {.files = tsn_author};

static int dump_part(lua_State *L, const void *p, size_t n, void *ud)
{
    (void)L;
    return tsn_buf_put(ud, p, n) ? 1 : 0;
}

static void push_own(lua_State *L, struct own_code *code, size_t i)
{
    const struct tsn_embedded *f = &code->files[i];
    const size_t kept = sizeof code->compiled / sizeof code->compiled[0];
    struct tsn_buf *b = i < kept ? &code->compiled[i] : NULL;

    if (b && b->len > 0) {
        if (luaL_loadbufferx(L, b->data, b->len, "=[tocsin]", "b") != LUA_OK)
            lua_error(L);
        return;
    }
    if (luaL_loadbufferx(L, (const char *)f->data, f->len, "=[tocsin]", "t") != LUA_OK)
        lua_error(L);
    if (b) {
        tsn_buf_init(b, 1u << 20);
        if (lua_dump(L, dump_part, b, 0) != 0)
            tsn_buf_free(b);
    }
}

/* Each file with (native, api), in the environment at stack index 1. */
static void run_own(lua_State *L, struct own_code *code)
{
    for (size_t i = 0; code->files[i].name; i++) {
        push_own(L, code, i);
        lua_pushvalue(L, 1);
        lua_setupvalue(L, -2, 1);
        lua_pushvalue(L, 3);
        lua_pushvalue(L, 2);
        lua_call(L, 2, 0);
    }
}

/* Stack: base (environment of the prelude), api (environment of playbooks), native. */
void tsn_box_open_env(lua_State *L)
{
    lua_settop(L, 0);
    open_registry(L);
    lua_newtable(L);
    tsn_box_open_base(L);
    lua_newtable(L);
    open_native(L);
    lua_pushboolean(L, tsn_box_of(L)->author);
    lua_setfield(L, -2, "author");
    lua_pushboolean(L, tsn_box_of(L)->dry);
    lua_setfield(L, -2, "dry");
    lua_pushvalue(L, 2);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &tsn_box_key_env);
    lua_pushvalue(L, 3);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &tsn_box_key_prelude);
    run_own(L, &prelude_code);
    if (tsn_box_of(L)->author)
        run_own(L, &author_code);
    lua_settop(L, 0);
}
