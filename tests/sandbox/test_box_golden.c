/* Every function a playbook can reach, walked through tables, metatables and upvalues, against the
 * golden list tests/sandbox/golden.txt. A new line is a new way out of the sandbox: look at it, then
 * write the list again with TOCSIN_GOLDEN_WRITE=1 build/.../test_box_golden. */
#include <lauxlib.h>
#include <lua.h>
#include "sandbox/sandbox_util.h"
#include "worker/box_int.h"

#define GOLDEN TOCSIN_SOURCE_DIR "/tests/sandbox/golden.txt"

/* Breadth first, so that each function stands under its shortest path. The values that are still to be
 * looked at wait in a table of the state, at `queue` on its stack. */
struct walk {
    lua_State *L;
    int queue;
    char *paths[16384];
    size_t head, tail;
    const void *seen[4096];
    size_t nseen;
    char *lines[4096];
    size_t n;
};

static bool first_time(struct walk *w, const void *p)
{
    for (size_t i = 0; i < w->nseen; i++) {
        if (w->seen[i] == p)
            return false;
    }
    assert_in_range(w->nseen, 0, 4095);
    w->seen[w->nseen++] = p;
    return true;
}

static void note(struct walk *w, const char *path, const char *kind)
{
    char line[600];
    assert_in_range(w->n, 0, 4095);
    snprintf(line, sizeof line, "%s %s", path, kind);
    w->lines[w->n++] = strdup(line);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Puts the value on top into the queue; leaves it there. */
static void visit(struct walk *w, const char *path)
{
    assert_in_range(w->tail, 0, 16383);
    w->paths[w->tail++] = strdup(path);
    lua_pushvalue(w->L, -1);
    lua_rawseti(w->L, w->queue, (lua_Integer)w->tail);
}

/* Members in the order of their names, so that a thing that can be reached in two ways gets the same
 * path in every process. */
static void visit_table(struct walk *w, const char *path)
{
    lua_State *L = w->L;
    char *names[512];
    size_t n = 0;
    int t = lua_gettop(L);

    for (lua_pushnil(L); lua_next(L, t);) {
        lua_pop(L, 1);
        if (lua_type(L, -1) == LUA_TSTRING && n < 512)
            names[n++] = strdup(lua_tostring(L, -1));
    }
    qsort(names, n, sizeof names[0], by_text);
    for (size_t i = 0; i < n; i++) {
        char sub[400];
        snprintf(sub, sizeof sub, "%.200s.%.100s", path, names[i]);
        lua_pushstring(L, names[i]);
        lua_rawget(L, t);
        visit(w, sub);
        lua_pop(L, 1);
        free(names[i]);
    }
    /* Keys that are not texts may hold functions as well (undo = edge.remove finds its name so). */
    for (lua_pushnil(L); lua_next(L, t);) {
        char sub[400];
        if (lua_type(L, -2) != LUA_TSTRING) {
            snprintf(sub, sizeof sub, "%.200s[%s]", path, luaL_typename(L, -2));
            visit(w, sub);
            lua_pushvalue(L, -2);
            visit(w, sub);
            lua_pop(L, 1);
        }
        lua_pop(L, 1);
    }
}

static void look_at(struct walk *w, const char *path)
{
    lua_State *L = w->L;
    int type = lua_type(L, -1);
    char sub[400];

    luaL_checkstack(L, 10, NULL);
    if ((type == LUA_TTABLE || type == LUA_TFUNCTION || type == LUA_TUSERDATA) &&
        !first_time(w, lua_topointer(L, -1)))
        return;
    if (type == LUA_TFUNCTION) {
        bool c = lua_iscfunction(L, -1);
        note(w, path, c ? "C" : "Lua");
        for (int i = 1;; i++) {
            const char *name = lua_getupvalue(L, -1, i);
            if (!name)
                break;
            if (c)
                snprintf(sub, sizeof sub, "%.200s^%d", path, i);
            else
                snprintf(sub, sizeof sub, "%.200s^%.60s", path, name);
            visit(w, sub);
            lua_pop(L, 1);
        }
    } else if (type == LUA_TTABLE) {
        visit_table(w, path);
    } else if (type == LUA_TTHREAD || type == LUA_TUSERDATA) {
        note(w, path, luaL_typename(L, -1));
    }
    if (lua_getmetatable(L, -1)) {
        snprintf(sub, sizeof sub, "%.200s%%meta", path);
        visit(w, sub);
        lua_pop(L, 1);
    }
}

static void look_at_all(struct walk *w)
{
    while (w->head < w->tail) {
        char *path = w->paths[w->head++];
        lua_rawgeti(w->L, w->queue, (lua_Integer)w->head);
        look_at(w, path);
        lua_pop(w->L, 1);
        free(path);
    }
}

static void golden(void **unused)
{
    static struct walk w;
    struct sandbox s;
    struct tsn_buf want, got;
    (void)unused;

    sandbox_open(&s, "sleep '1s'", 64 << 20, 2000);
    w.L = s.box->L;
    lua_newtable(w.L);
    w.queue = lua_gettop(w.L);
    lua_rawgetp(w.L, LUA_REGISTRYINDEX, &tsn_box_key_env);
    visit(&w, "env");
    lua_pop(w.L, 1);
    /* What methods of values reach. */
    lua_pushliteral(w.L, "");
    visit(&w, "(string)");
    lua_pop(w.L, 1);
    lua_pushinteger(w.L, 1);
    visit(&w, "(number)");
    lua_pushboolean(w.L, 1);
    visit(&w, "(boolean)");
    lua_pushnil(w.L);
    visit(&w, "(nil)");
    lua_pushcfunction(w.L, lua_error);
    assert_false(lua_getmetatable(w.L, -1));
    lua_pop(w.L, 4);
    /* Errors and lists, as the engine makes them. */
    tsn_box_push_error(w.L, "X", "m", NULL);
    visit(&w, "(error)");
    lua_pop(w.L, 1);
    /* The case and the event, as run gets them. */
    lua_rawgetp(w.L, LUA_REGISTRYINDEX, &tsn_box_key_prelude);
    lua_getfield(w.L, -1, "enter");
    visit(&w, "(enter)");
    lua_pop(w.L, 2);
    /* The globals of the state itself: nothing. */
    lua_pushglobaltable(w.L);
    visit(&w, "(globals)");
    lua_pop(w.L, 1);

    look_at_all(&w);
    qsort(w.lines, w.n, sizeof w.lines[0], by_text);
    tsn_buf_init(&got, 1 << 20);
    for (size_t i = 0; i < w.n; i++) {
        tsn_buf_printf(&got, "%s\n", w.lines[i]);
        free(w.lines[i]);
    }
    assert_true(w.n > 50);
    if (getenv("TOCSIN_GOLDEN_WRITE")) {
        FILE *f = fopen(GOLDEN, "w");
        assert_non_null(f);
        fwrite(got.data, 1, got.len, f);
        fclose(f);
    }
    tsn_buf_init(&want, 1 << 20);
    assert_int_equal(tsn_buf_read_file(&want, GOLDEN), 0);
    if (strcmp(want.data, got.data) != 0) {
        print_error("what playbooks reach has changed; it is now:\n%s", got.data);
        fail();
    }
    /* Whatever the list says, these never. */
    static const char *const never[] = {"loadstring",     "dofile",          "string.dump",
                                        "setupvalue",     ".popen",          "getinfo",
                                        "collectgarbage", "coroutine.create"};
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
        assert_null(strstr(got.data, never[i]));
    tsn_buf_free(&want);
    tsn_buf_free(&got);
    sandbox_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(golden)};
    return cmocka_run_group_tests(tests, sandbox_group_setup, NULL);
}
