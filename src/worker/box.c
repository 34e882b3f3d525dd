/* box.c - life of a sandboxed state: allocator, opening, running, faults (see box.h).
 *
 * All Lua runs inside one coroutine through lua_resume, so nothing can escape and an error leaves
 * its stack for box_explain.c. The main state only owns.
 */
#include "worker/box.h"

#include <lua.h>
#include <lualib.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/crypto.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/text.h"
#include "worker/box_int.h"
#include "worker/box_value.h"

const char tsn_box_key_error = 'e', tsn_box_key_list = 'l', tsn_box_key_env = 'v',
           tsn_box_key_prelude = 'P', tsn_box_key_entry = 'r';

static char fault_mark = 'f';

/* --- memory -------------------------------------------------------------------------------- */

/* Small objects come from a pool of the state, in classes of 16 bytes, large ones are in a list: a run that
 * wakes builds a state and throws it away, and half of what that cost was malloc, free, and Lua looking
 * for all it ever made. Nothing in a state has a finalizer (box_base.c refuses __gc), so it ends by its
 * memory being let go. Blocks are used again by the next one. A sanitizer wants to see each object, so it gets
 * none of this. */
#ifdef __SANITIZE_ADDRESS__
#define POOLED ((size_t)0)
#else
#define POOLED ((size_t)512)
#endif
#define BLOCK       ((size_t)64 << 10)
#define SPARE_MAX   64
#define CLASS_OF(n) (((n)-1) / 16)

struct tsn_box_block {
    struct tsn_box_block *next;
    _Alignas(16) char data[];
};
struct tsn_box_large {
    struct tsn_box_large *prev, *next;
    _Alignas(16) char data[];
};
static struct tsn_box_block *spare; /* of this process; Lua runs in one thread */
static size_t nspare;

static bool small(size_t n)
{
    return POOLED > 0 && n <= POOLED;
}

static void *pool_get(struct tsn_box *box, size_t n)
{
    size_t c = CLASS_OF(n), size = (c + 1) * 16;
    void *p = box->pool_free[c];

    if (p) {
        memcpy(&box->pool_free[c], p, sizeof(void *));
        return p;
    }
    if (box->pool_left < size) {
        struct tsn_box_block *b = spare;

        if (b) {
            spare = b->next;
            nspare--;
        } else {
            b = realloc(NULL, BLOCK);
        }
        if (!b)
            return NULL;
        b->next = box->pool;
        box->pool = b;
        box->pool_at = b->data;
        box->pool_left = BLOCK - offsetof(struct tsn_box_block, data);
    }
    p = box->pool_at;
    box->pool_at += size;
    box->pool_left -= size;
    return p;
}

static void pool_put(struct tsn_box *box, void *p, size_t n)
{
    memcpy(p, &box->pool_free[CLASS_OF(n)], sizeof(void *));
    box->pool_free[CLASS_OF(n)] = p;
}

static void pool_close(struct tsn_box *box)
{
    struct tsn_box_block *b;

    while ((b = box->pool) != NULL) {
        box->pool = b->next;
        if (nspare < SPARE_MAX) {
            b->next = spare;
            spare = b;
            nspare++;
        } else {
            free(b);
        }
    }
}

/* --- large ones */

#define LARGE_OF(p)                                                                            \
    ((struct tsn_box_large *)(void *)((char *)(p)-offsetof(struct tsn_box_large, data)))

static void large_link(struct tsn_box *box, struct tsn_box_large *l)
{
    l->prev = NULL;
    l->next = box->large;
    if (l->next)
        l->next->prev = l;
    box->large = l;
}

static void large_unlink(struct tsn_box *box, struct tsn_box_large *l)
{
    if (l->prev)
        l->prev->next = l->next;
    else
        box->large = l->next;
    if (l->next)
        l->next->prev = l->prev;
}

/* NULL = none: what was there stays. */
static void *large_resize(struct tsn_box *box, void *p, size_t n)
{
    struct tsn_box_large *l = p ? LARGE_OF(p) : NULL, *fresh;

    if (l)
        large_unlink(box, l);
    fresh = realloc(l, sizeof(*l) + n);
    if (fresh)
        large_link(box, fresh);
    else if (l)
        large_link(box, l);
    return fresh ? fresh->data : NULL;
}

static void release(struct tsn_box *box, void *p, size_t n)
{
    struct tsn_box_large *l;

    if (!p || n == 0) /* Lua has nothing that is empty; the compiler cannot know */
        return;
    if (small(n)) {
        pool_put(box, p, n);
        return;
    }
    l = LARGE_OF(p);
    large_unlink(box, l);
    free(l);
}

static void *resize(struct tsn_box *box, void *p, size_t old, size_t n)
{
    bool from = p && small(old), to = small(n);
    void *q;

    if (!from && !to)
        return large_resize(box, p, n);
    if (from && to && CLASS_OF(old) == CLASS_OF(n))
        return p;
    q = to ? pool_get(box, n) : large_resize(box, NULL, n);
    if (!q || !p)
        return q;
    memcpy(q, p, old < n ? old : n);
    release(box, p, old);
    return q;
}

static void state_close(struct tsn_box *box)
{
    struct tsn_box_large *l;

    if (box->L && POOLED == 0)
        lua_close(box->L);
    box->L = NULL;
    while ((l = box->large) != NULL) {
        box->large = l->next;
        free(l);
    }
    pool_close(box);
}

/* Lua's own allocator, capped: NULL makes Lua collect and try again, then raise. The worker also
 * lives under RLIMIT_AS, so the system may refuse before the cap does; that is one run's end. */
static void *capped_alloc(void *ud, void *p, size_t old, size_t n)
{
    struct tsn_box *box = ud;
    if (!p)
        old = 0; /* Lua passes the kind of object here */
    if (n == 0) {
        release(box, p, old);
        box->used -= old;
        return NULL;
    }
    if (n > old && (box->used - old) + n > box->cap)
        return NULL;
    void *q = resize(box, p, old, n);
    if (!q)
        return NULL;
    box->used = box->used - old + n;
    return q;
}

/* --- faults and errors ---------------------------------------------------------------------- */

static void fault_set(struct tsn_box *box, const char *code, const char *text, const char *hint,
                      int line)
{
    if (box->fault[0])
        return;
    tsn_copy(box->fault, sizeof box->fault, code);
    tsn_copy(box->fault_text, sizeof box->fault_text, text);
    tsn_copy(box->fault_hint, sizeof box->fault_hint, hint ? hint : "");
    box->fault_line = line;
}

int tsn_box_fault(lua_State *L, const char *code, const char *hint, const char *fmt, ...)
{
    char text[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    fault_set(tsn_box_of(L), code, text, hint, tsn_box_where(L, NULL, 0));
    lua_pushlightuserdata(L, &fault_mark);
    return lua_error(L);
}

void tsn_box_poll(lua_State *L)
{
    struct tsn_box *box = tsn_box_of(L);
    if (box->fault[0])
        tsn_box_fault(L, box->fault, NULL, "%s", box->fault_text);
    if (box->spent)
        tsn_box_fault(L, "R020", "look for a loop that does not end, or wait between the parts",
                      "used more than %lld ms of computing time without a step",
                      (long long)box->cpu_ms);
}

bool tsn_box_out_of_memory(lua_State *L)
{
    return lua_type(L, -1) == LUA_TSTRING &&
           strcmp(lua_tostring(L, -1), "not enough memory") == 0;
}

int tsn_box_where(lua_State *L, char *file, size_t cap)
{
    lua_Debug ar;
    for (int level = 0; lua_getstack(L, level, &ar); level++) {
        lua_getinfo(L, "Sl", &ar);
        if (ar.source[0] == '@') {
            if (file)
                tsn_copy(file, cap, ar.source + 1);
            return ar.currentline > 0 ? ar.currentline : 0;
        }
    }
    if (file && cap)
        file[0] = '\0';
    return 0;
}

void tsn_box_push_error(lua_State *L, const char *code, const char *message, const char *hint)
{
    char file[200];
    int line = tsn_box_where(L, file, sizeof file);
    luaL_checkstack(L, 4, NULL);
    lua_createtable(L, 0, 5);
    lua_pushstring(L, code);
    lua_setfield(L, -2, "code");
    lua_pushstring(L, message);
    lua_setfield(L, -2, "message");
    if (hint && hint[0]) {
        lua_pushstring(L, hint);
        lua_setfield(L, -2, "hint");
    }
    if (line) {
        lua_pushstring(L, file);
        lua_setfield(L, -2, "file");
        lua_pushinteger(L, line);
        lua_setfield(L, -2, "line");
    }
    lua_rawgetp(L, LUA_REGISTRYINDEX, &tsn_box_key_error);
    lua_setmetatable(L, -2);
}

int tsn_box_raise(lua_State *L, const char *code, const char *hint, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    tsn_box_push_error(L, code, text, hint);
    return lua_error(L);
}

/* --- running -------------------------------------------------------------------------------- */

int tsn_box_drive(struct tsn_box *box, lua_State *co, int nargs, int *nres)
{
    box->wanting = false;
    tsn_budget_begin(box, co, box->cpu_ms);
    int status = lua_resume(co, NULL, nargs, nres);
    tsn_budget_end(box);
    if (status == LUA_OK || status == LUA_YIELD) {
        /* Code that swallowed a fault in a way nobody thought of still ends here. */
        if (!box->fault[0])
            return status;
        status = LUA_ERRRUN;
        lua_pushlightuserdata(co, &fault_mark);
    }
    if (status == LUA_ERRMEM || tsn_box_out_of_memory(co))
        fault_set(box, "R021", "needed more memory than a run may have", NULL,
                  tsn_box_where(co, NULL, 0));
    lua_Debug deep;
    if (strcmp(box->fault, "R021") == 0 && lua_getstack(co, 10000, &deep))
        tsn_copy(box->fault_hint, sizeof box->fault_hint,
                 "a function calls itself without end");
    tsn_box_explain(box, co, status);
    return status;
}

/* The main coroutine alone, while there are no branches yet. */
static int drive(struct tsn_box *box, int nargs, int *nres)
{
    int status = tsn_box_drive(box, box->co, nargs, nres);

    if (status != LUA_OK && status != LUA_YIELD)
        box->phase = BOX_OVER;
    return status;
}

static int panic(lua_State *L)
{
    (void)L;
    tsn_panic(__FILE__, __LINE__, "Lua error outside of a protected call");
    return 0;
}

/* Body of the coroutine at the start: environment, prelude, main file, its playbook. JUMPS. */
static int boot(lua_State *L)
{
    struct tsn_box *box = tsn_box_of(L);
    /* All of it stays: a collection meanwhile finds nothing. */
    lua_gc(L, LUA_GCSTOP);
    tsn_box_open_env(L);
    lua_gc(L, LUA_GCRESTART);
    if (!box->main[0]) {
        box->meta = json_object();
        return 0;
    }
    tsn_box_load_file(L, box->main);
    lua_call(L, 0, 1);
    /* The prelude judges what came back and stores it, with a plain copy for describe. */
    lua_rawgetp(L, LUA_REGISTRYINDEX, &tsn_box_key_prelude);
    lua_getfield(L, -1, "loaded");
    lua_pushvalue(L, -3);
    lua_call(L, 1, 1);
    struct tsn_value_error e;
    box->meta = tsn_value_from_lua(L, -1, "playbook", &e);
    if (!box->meta)
        return tsn_box_raise(L, "L004", "playbook { ... } takes texts, lists and functions",
                             "%s %s", e.path, e.what);
    return 0;
}

static void rng_seed(struct tsn_box *box, const char *seed)
{
    uint8_t hash[TSN_HASH_LEN];
    tsn_sha256_once(hash, seed, strlen(seed));
    memcpy(box->rng, hash, sizeof box->rng);
    box->rng[0] |= 1; /* the generator must not start from all zeroes */
}

static json_t *keep(const json_t *v)
{
    return json_incref(tsn_value_unconst(v));
}

tsn_err tsn_box_open(struct tsn_box **out, const struct tsn_box_config *config)
{
    struct tsn_box *box = tsn_alloc(sizeof *box);
    int nres = 0;

    *out = box;
    box->cap = config->memory_bytes ? config->memory_bytes : (size_t)16 << 20;
    if (box->cap < (size_t)1 << 20)
        box->cap = (size_t)1 << 20;
    box->cpu_ms = config->cpu_ms > 0 ? config->cpu_ms : 250;
    box->files = keep(config->files);
    box->connectors = config->connectors ? keep(config->connectors) : NULL;
    box->main = tsn_strdup(config->main ? config->main : "");
    box->author = config->author;
    box->dry = config->dry;
    box->connected = json_array();
    box->now_ms = config->started_ms;
    box->log = config->log;
    box->patched = config->patched;
    box->user = config->user;
    rng_seed(box, config->seed ? config->seed : "");
    box->L = lua_newstate(capped_alloc, box);
    if (!box->L) {
        tsn_copy(box->error.code, sizeof box->error.code, "R021");
        tsn_copy(box->error.text, sizeof box->error.text, "no memory for a Lua state");
        box->error.killed = true;
        box->phase = BOX_OVER;
        return TSN_EKILLED;
    }
    lua_atpanic(box->L, panic);
    *(struct tsn_box **)lua_getextraspace(box->L) = box;
    box->co = lua_newthread(box->L); /* stays on the stack of L: anchored */
    lua_pushcfunction(box->co, boot);
    if (drive(box, 0, &nres) != LUA_OK)
        return box->error.killed ? TSN_EKILLED : TSN_EINPUT;
    lua_settop(box->co, 0);
    json_object_set_new(box->meta, "connectors", keep(box->connected));
    box->phase = BOX_LOADED;
    return 0;
}

void tsn_box_close(struct tsn_box *box)
{
    if (!box)
        return;
    tsn_box_branches_close(box);
    state_close(box);
    json_decref(box->files);
    json_decref(box->connectors);
    json_decref(box->connected);
    json_decref(box->meta);
    json_decref(box->want.args);
    json_decref(box->want.opts);
    json_decref(box->result);
    json_decref(box->scratch);
    free(box->main);
    free(box);
}

json_t *tsn_box_meta(const struct tsn_box *box)
{
    return json_deep_copy(box->meta);
}

void tsn_box_fail(struct tsn_box *box, const char *code, const char *text)
{
    memset(&box->error, 0, sizeof box->error);
    tsn_copy(box->error.text, sizeof box->error.text, text);
    tsn_copy(box->error.code, sizeof box->error.code, code);
    tsn_copy(box->error.file, sizeof box->error.file, box->main);
    box->phase = BOX_OVER;
}

/* After the branches have run: what became of the whole. */
static enum tsn_box_state outcome_of(struct tsn_box *box, bool goes_on)
{
    struct tsn_value_error e;
    char text[400];

    box->incoming = NULL;
    if (goes_on)
        return TSN_BOX_WANTS;
    if (box->phase == BOX_OVER || box->fault[0] || box->main_status != LUA_OK) {
        box->phase = BOX_OVER;
        return TSN_BOX_FAILED;
    }
    box->phase = BOX_OVER;
    int nres = box->main_branch->nres;
    box->result = nres > 0 ? tsn_value_from_lua(box->co, -nres, "result", &e) : json_null();
    if (!box->result) {
        snprintf(text, sizeof text, "%s %s, so it cannot be the result of a run", e.path,
                 e.what);
        tsn_box_fail(box, "R012", text);
        return TSN_BOX_FAILED;
    }
    return TSN_BOX_ENDED;
}

/* Body of a tool: native.tools[name](input). JUMPS. */
static int tool(lua_State *L)
{
    const char *name = lua_touserdata(L, 1);
    const json_t *input = lua_touserdata(L, 2);
    lua_settop(L, 0);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &tsn_box_key_prelude);
    lua_getfield(L, -1, "tools");
    lua_getfield(L, -1, name);
    tsn_value_push(L, input);
    lua_call(L, 1, 1);
    return 1;
}

tsn_err tsn_box_tool(struct tsn_box *box, const char *name, const json_t *input, json_t **out)
{
    *out = NULL;
    if (box->phase != BOX_LOADED || box->main[0] || !box->author)
        return TSN_EBUG;
    lua_pushcfunction(box->co, tool);
    lua_pushlightuserdata(box->co, (char *)(uintptr_t)name);
    lua_pushlightuserdata(box->co, tsn_value_unconst(input));
    box->phase = BOX_RUNNING;
    tsn_box_branch_main(box);
    if (outcome_of(box, tsn_box_branches_start(box, 2)) != TSN_BOX_ENDED)
        return box->error.killed ? TSN_EKILLED : TSN_EINPUT;
    *out = keep(box->result);
    return 0;
}

/* Body of the run: the prelude's entry with case and input. JUMPS. */
static int enter(lua_State *L)
{
    const json_t *rcase = lua_touserdata(L, 1), *input = lua_touserdata(L, 2),
                 *state = lua_touserdata(L, 3);
    lua_settop(L, 0);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &tsn_box_key_prelude);
    lua_getfield(L, -1, "enter");
    tsn_value_push(L, rcase);
    tsn_value_push(L, input);
    tsn_value_push(L, state);
    lua_call(L, 3, 3);
    return 3;
}

enum tsn_box_state tsn_box_start(struct tsn_box *box, const json_t *rcase, const json_t *input,
                                 const json_t *state)
{
    int nres = 0;
    if (box->phase != BOX_LOADED)
        return TSN_BOX_FAILED;
    lua_pushcfunction(box->co, enter);
    lua_pushlightuserdata(box->co, tsn_value_unconst(rcase));
    lua_pushlightuserdata(box->co, tsn_value_unconst(input));
    lua_pushlightuserdata(box->co, tsn_value_unconst(state));
    if (drive(box, 3, &nres) != LUA_OK)
        return TSN_BOX_FAILED;
    /* On the stack now: case object and event. The run function goes below them, and is itself
     * the body of the coroutine, so that every frame of it can wait. */
    lua_rawgetp(box->co, LUA_REGISTRYINDEX, &tsn_box_key_entry);
    lua_insert(box->co, 1);
    box->phase = BOX_RUNNING;
    box->logged = 0;
    tsn_box_branch_main(box);
    return outcome_of(box, tsn_box_branches_start(box, 3));
}

enum tsn_box_state tsn_box_resume(struct tsn_box *box, const char *path, const char *outcome,
                                  const json_t *result, int64_t at_ms)
{
    char at[TSN_PATH_MAX + 1]; /* `path` may belong to an event */
    bool known;

    if (box->phase != BOX_RUNNING)
        return TSN_BOX_FAILED;
    tsn_copy(at, sizeof at, path);
    tsn_box_events_clear(box);
    box->incoming = result;
    box->outcome = outcome;
    box->logged = 0;
    /* Wall time may step back; now() never does, but in a spec: each of its lives begins anew. */
    if (at_ms > box->now_ms || box->author)
        box->now_ms = at_ms;
    bool goes_on = tsn_box_branches_resume(box, at, &known);
    if (!known) {
        tsn_box_fail(box, "R029", "an outcome came for a step that nothing waits for");
        box->error.killed = true;
    }
    return outcome_of(box, goes_on && known);
}

void tsn_box_set_replaying(struct tsn_box *box, bool replaying)
{
    box->replaying = replaying;
}

const json_t *tsn_box_result(const struct tsn_box *box)
{
    return box->result;
}

const struct tsn_box_error *tsn_box_error(const struct tsn_box *box)
{
    return &box->error;
}

size_t tsn_box_memory(const struct tsn_box *box)
{
    return box->used;
}

const char *tsn_box_init(void)
{
    return tsn_budget_init();
}
