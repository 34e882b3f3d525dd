/* box_branch.c - branches of a run: parallel, race and each, as coroutines of one state.
 *
 * A fork is a step of its own (kind parallel) at a path such as 0.4; its branches count their steps
 * as 0.4b1.1, 0.4b1.2, ... The driver here resumes one branch at a time, always from the bottom, so
 * nothing nests and a step may be taken anywhere. The order is that of the outcomes handed in, hence
 * the same at every replay. A branch that is given up is never resumed again: no handler of the
 * author runs, and its open step gets its outcome on record without anybody seeing it.
 *
 * The coroutines of a fork lie in a table on the stack of the coroutine that forked, which waits;
 * so they live exactly as long as they are needed, and none of this allocates outside of Lua's
 * protection.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/mem.h"
#include "core/text.h"
#include "worker/box_int.h"
#include "worker/box_value.h"

#define BRANCHES_MAX 1000
#define LIVE_MAX     4000

/* --- events: what the driver's owner must hear of ---------------------------------------------- */

static struct box_event *event_add(struct tsn_box *box, enum tsn_box_word word,
                                   const char *path)
{
    struct box_event *e = tsn_alloc(sizeof *e);

    e->pub.word = word;
    tsn_copy(e->pub.want.path, sizeof e->pub.want.path, path);
    if (!box->events_end)
        box->events_end = &box->events;
    *box->events_end = e;
    box->events_end = &e->next;
    return e;
}

static void event_free(struct box_event *e)
{
    json_decref(e->pub.want.args);
    json_decref(e->pub.want.opts);
    json_decref(e->pub.result);
    free(e);
}

void tsn_box_events_clear(struct tsn_box *box)
{
    struct box_event *e;

    if (box->taken)
        event_free(box->taken);
    box->taken = NULL;
    while ((e = box->events) != NULL) {
        box->events = e->next;
        event_free(e);
    }
    box->events_end = NULL;
}

const struct tsn_box_event *tsn_box_take(struct tsn_box *box)
{
    struct box_event *e = box->events;

    if (box->taken)
        event_free(box->taken);
    box->taken = e;
    if (!e)
        return NULL;
    box->events = e->next;
    if (!box->events)
        box->events_end = NULL;
    return &e->pub;
}

const struct tsn_box_want *tsn_box_want(const struct tsn_box *box)
{
    const struct box_event *e = box->events;

    while (e && e->pub.word != TSN_BOX_WANT)
        e = e->next;
    return e ? &e->pub.want : &box->want;
}

/* --- branches ----------------------------------------------------------------------------------- */

static struct box_branch *branch_new(struct tsn_box *box, struct box_fork *in, size_t index,
                                     lua_State *co)
{
    struct box_branch *b = tsn_alloc(sizeof *b), **at = &box->branches;

    b->in = in;
    b->index = index;
    b->co = co;
    while (*at)
        at = &(*at)->next;
    *at = b;
    return b;
}

void tsn_box_branch_main(struct tsn_box *box)
{
    box->main_branch = branch_new(box, NULL, 0, box->co);
}

static void branch_unlink(struct tsn_box *box, struct box_branch *b)
{
    struct box_branch **at = &box->branches;

    while (*at != b)
        at = &(*at)->next;
    *at = b->next;
    free(b);
}

static void fork_free(struct box_fork *f)
{
    free(f->branches);
    free(f->error);
    free(f);
}

void tsn_box_branches_close(struct tsn_box *box)
{
    struct box_branch *b;

    while ((b = box->branches) != NULL) {
        box->branches = b->next;
        if (b->fork)
            fork_free(b->fork);
        free(b);
    }
    tsn_box_events_clear(box);
}

/* The path of the branch's next step: into b->path. */
static tsn_err path_step(struct box_branch *b)
{
    if (b->path[0])
        return tsn_path_next(b->path, sizeof b->path);
    if (!b->in) {
        tsn_copy(b->path, sizeof b->path, "0.1");
        return 0;
    }
    int n = snprintf(b->path, sizeof b->path, "%sb%zu.1", b->in->path, b->index);
    return n > 0 && (size_t)n < sizeof b->path ? 0 : TSN_ETOOBIG;
}

tsn_err tsn_box_next_path(const struct tsn_box *box, char out[TSN_PATH_MAX + 1])
{
    struct box_branch b = *box->current;
    tsn_err err = path_step(&b);

    memcpy(out, b.path, sizeof b.path);
    return err;
}

static void ready_add(struct tsn_box *box, struct box_branch *b)
{
    struct box_branch **at = &box->ready;

    b->ready_next = NULL;
    while (*at)
        at = &(*at)->ready_next;
    *at = b;
}

static void ready_drop(struct tsn_box *box, const struct box_branch *b)
{
    struct box_branch **at = &box->ready;

    while (*at && *at != b)
        at = &(*at)->ready_next;
    if (*at)
        *at = b->ready_next;
}

/* --- forks -------------------------------------------------------------------------------------- */

static void fork_fill(struct tsn_box *box, struct box_fork *f)
{
    while (!f->closing && f->started < f->n && f->live < f->limit) {
        struct box_branch *b = f->branches[f->started++];

        f->live++;
        ready_add(box, b);
    }
}

static json_t *fork_result(const struct box_fork *f)
{
    json_t *v = json_object();

    if (f->first)
        json_object_set_new(v, f->failed ? "failed" : "winner",
                            json_integer((json_int_t)f->first));
    if (f->failed && f->error) {
        json_t *e = json_object();
        json_object_set_new(e, "code", json_string(f->error->code));
        json_object_set_new(e, "message", tsn_worker_text(f->error->text));
        json_object_set_new(v, "error", e);
    }
    return v;
}

static void fork_check(struct tsn_box *box, struct box_fork *f)
{
    fork_fill(box, f);
    if (f->live > 0 || f->joined || (!f->closing && f->started < f->n))
        return;
    f->joined = true;
    struct box_event *e = event_add(box, TSN_BOX_JOINED, f->path);
    e->pub.outcome = f->parent->dismissed ? "cancelled" : f->failed ? "fail" : "ok";
    e->pub.result = fork_result(f);
}

static void fork_close(struct tsn_box *box, struct box_fork *f);

static void branch_over(struct tsn_box *box, struct box_branch *b)
{
    b->over = true;
    b->waiting = false;
    b->in->live--;
    fork_check(box, b->in);
}

/* Nobody wants it any more. What it waits for is asked to end. */
static void dismiss(struct tsn_box *box, struct box_branch *b)
{
    if (b->dismissed || b->over)
        return;
    b->dismissed = true;
    ready_drop(box, b);
    if (b->fork) {
        fork_close(box, b->fork);
        fork_check(box, b->fork);
    } else if (b->waiting) {
        event_add(box, TSN_BOX_DISMISSED, b->path);
    }
}

static void fork_close(struct tsn_box *box, struct box_fork *f)
{
    f->closing = true;
    for (size_t i = 0; i < f->started; i++) {
        struct box_branch *b = f->branches[i];

        if (b->over)
            continue;
        dismiss(box, b);
        if (!b->waiting) /* started, and never got to run */
            branch_over(box, b);
    }
}

/* A branch that has just run to its end decides: the first error, or in a race the first end. */
static void fork_decide(struct tsn_box *box, struct box_branch *b, bool failed)
{
    struct box_fork *f = b->in;

    b->over = true;
    b->waiting = false;
    f->live--;
    if (!f->closing && (failed || f->race)) {
        f->first = b->index;
        f->failed = failed;
        if (failed) {
            f->error = tsn_alloc(sizeof *f->error);
            *f->error = box->error;
        }
        fork_close(box, f);
    }
    fork_check(box, f);
}

/* --- fork(mode, functions, limit) -> outcome, results ------------------------------------------- */

/* Body of the parent after its fork has joined. Stack: mode, functions, limit, threads. JUMPS. */
static int fork_done(lua_State *L, int status, lua_KContext unused)
{
    struct tsn_box *box = tsn_box_of(L);
    struct box_fork *f = box->joining;
    (void)status;
    (void)unused;

    tsn_box_poll(L);
    if (strcmp(box->outcome, "ok") != 0 || f->failed) {
        lua_State *co = f->first ? f->branches[f->first - 1]->co : NULL;

        if (co && lua_type(co, -1) == LUA_TTABLE && lua_checkstack(co, 1)) {
            lua_pushvalue(co, -1);
            lua_xmove(co, L, 1);
            return lua_error(L);
        }
        if (!f->error)
            return tsn_box_raise(L, "R017", NULL, "parallel ended as `%s`", box->outcome);
        tsn_box_push_error(L, f->error->code, f->error->text, f->error->hint);
        if (f->error->line) {
            lua_pushstring(L, f->error->file);
            lua_setfield(L, -2, "file");
            lua_pushinteger(L, f->error->line);
            lua_setfield(L, -2, "line");
        }
        return lua_error(L);
    }
    lua_pushinteger(L, (lua_Integer)f->first);
    lua_createtable(L, (int)f->n, 0);
    for (size_t i = 0; i < f->n; i++) {
        struct box_branch *b = f->branches[i];

        if (b->nres > 0 && !b->dismissed && lua_checkstack(b->co, 1)) {
            lua_pushvalue(b->co, -b->nres);
            lua_xmove(b->co, L, 1);
        } else {
            lua_pushboolean(L, 0);
        }
        if (lua_isnil(L, -1)) {
            lua_pop(L, 1);
            lua_pushboolean(L, 0);
        }
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 2;
}

static size_t live_branches(const struct tsn_box *box)
{
    size_t n = 0;
    for (const struct box_branch *b = box->branches; b; b = b->next)
        n += !b->over;
    return n;
}

int tsn_box_native_fork(lua_State *L)
{
    struct tsn_box *box = tsn_box_of(L);
    const char *mode = luaL_checkstring(L, 1);
    lua_Integer limit = luaL_checkinteger(L, 3);

    luaL_checktype(L, 2, LUA_TTABLE);
    size_t n = lua_rawlen(L, 2);
    tsn_box_check_step(L);
    if (n < 1 || n > BRANCHES_MAX || live_branches(box) + n > LIVE_MAX)
        return tsn_box_raise(L, "R100", "work through the list in parts",
                             "%s takes 1 to %d branches at once, not %d", mode, BRANCHES_MAX,
                             (int)n);
    if (strlen(box->current->path) + 24 > TSN_PATH_MAX)
        return tsn_box_raise(L, "R100", "move the inner part into a function of its own step",
                             "%s: branches in branches in branches: too deep", mode);
    lua_settop(L, 3);
    lua_createtable(L, (int)n, 0);
    for (size_t i = 1; i <= n; i++) {
        lua_State *co = lua_newthread(L);

        lua_rawgeti(L, 2, (lua_Integer)i);
        luaL_checktype(L, -1, LUA_TFUNCTION);
        lua_xmove(L, co, 1);
        lua_rawseti(L, 4, (lua_Integer)i);
    }
    json_decref(box->want.args);
    json_decref(box->want.opts);
    box->want.kind = TSN_J_PARALLEL;
    tsn_copy(box->want.name, sizeof box->want.name, mode);
    box->want.args = json_object();
    json_object_set_new(box->want.args, "branches", json_integer((json_int_t)n));
    if ((size_t)limit < n)
        json_object_set_new(box->want.args, "limit", json_integer(limit));
    box->want.opts = json_object();
    box->want.line = tsn_box_where(L, NULL, 0);
    struct box_fork *f = tsn_alloc(sizeof *f);
    f->n = n;
    f->limit = limit > 0 ? (size_t)limit : n;
    f->race = strcmp(mode, "race") == 0;
    f->branches = tsn_alloc(n * sizeof(struct box_branch *));
    f->parent = box->current;
    box->current->fork = f;
    for (size_t i = 1; i <= n; i++) {
        lua_rawgeti(L, 4, (lua_Integer)i);
        f->branches[i - 1] = branch_new(box, f, i, lua_tothread(L, -1));
        lua_pop(L, 1);
    }
    box->wanting = true;
    return lua_yieldk(L, 0, 0, fork_done);
}

/* Its parent goes on (or is given up): the coroutines go with the parent's stack. */
static void fork_end(struct tsn_box *box, struct box_branch *parent)
{
    struct box_fork *f = parent->fork;

    parent->fork = NULL;
    for (size_t i = 0; i < f->n; i++)
        branch_unlink(box, f->branches[i]);
    fork_free(f);
}

/* --- the driver --------------------------------------------------------------------------------- */

static tsn_err want_out(struct tsn_box *box, struct box_branch *b)
{
    if (path_step(b))
        return TSN_ETOOBIG;
    b->waiting = true;
    struct box_event *e = event_add(box, TSN_BOX_WANT, b->path);
    e->pub.want.kind = box->want.kind;
    tsn_copy(e->pub.want.name, sizeof e->pub.want.name, box->want.name);
    e->pub.want.args = box->want.args;
    e->pub.want.opts = box->want.opts;
    e->pub.want.line = box->want.line;
    box->want.args = box->want.opts = NULL;
    if (b->fork) {
        tsn_copy(b->fork->path, sizeof b->fork->path, b->path);
        fork_fill(box, b->fork);
    }
    return 0;
}

/* One branch from where it stands to where it waits. False: the run is over. */
static bool branch_run(struct tsn_box *box, struct box_branch *b, int nargs)
{
    struct box_fork *joined = b->fork; /* it waited for it */
    int nres = 0;

    box->current = b;
    box->joining = joined;
    b->fork = NULL;
    int status = tsn_box_drive(box, b->co, nargs, &nres);
    struct box_fork *opened = b->fork;
    if (joined) {
        b->fork = joined;
        fork_end(box, b);
        b->fork = opened;
    }
    box->joining = NULL;
    box->current = NULL;
    if (status == LUA_YIELD && box->wanting) {
        if (want_out(box, b) == 0)
            return true;
        tsn_box_fail(box, "R100", "a branch has more steps than a path can count");
        return false;
    }
    if (status == LUA_YIELD) {
        tsn_box_fail(box, "L104", "Lua waited for nothing that tocsin knows");
        return false;
    }
    if (box->fault[0])
        return false;
    b->nres = status == LUA_OK ? nres : 0;
    if (!b->in) {
        box->main_status = status;
        b->over = true;
        return false;
    }
    fork_decide(box, b, status != LUA_OK);
    return true;
}

static bool run_ready(struct tsn_box *box)
{
    while (box->ready) {
        struct box_branch *b = box->ready;

        box->ready = b->ready_next;
        b->ready_next = NULL;
        if (!branch_run(box, b, 0))
            return false;
    }
    return true;
}

bool tsn_box_branches_start(struct tsn_box *box, int nargs)
{
    return branch_run(box, box->main_branch, nargs) && run_ready(box);
}

bool tsn_box_branches_resume(struct tsn_box *box, const char *path, bool *known)
{
    struct box_branch *b = box->branches;

    while (b && !(b->waiting && strcmp(b->path, path) == 0))
        b = b->next;
    *known = b != NULL;
    if (!b)
        return true;
    b->waiting = false;
    if (b->dismissed) {
        if (b->fork)
            fork_end(box, b);
        branch_over(box, b);
        return run_ready(box);
    }
    return branch_run(box, b, 0) && run_ready(box);
}
