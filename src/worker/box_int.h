/* box_int.h - what the files of the box share. Functions marked JUMPS leave by longjmp when they
 * raise: they own nothing while they may.
 */
#pragma once

#include <lauxlib.h>
#include <lua.h>
#include <signal.h>
#include "worker/box.h"

enum box_phase { BOX_LOADING, BOX_LOADED, BOX_RUNNING, BOX_OVER };

/* box_branch.c; docs there. */
struct box_event {
    struct tsn_box_event pub;
    struct box_event *next;
};

struct box_fork {
    struct box_branch *parent;
    char path[TSN_PATH_MAX + 1];
    struct box_branch **branches;
    size_t n, limit, started;
    size_t live;  /* started and not over */
    size_t first; /* the one that decided, from 1; 0 = none */
    bool race, failed;
    bool closing; /* nothing more is started */
    bool joined;  /* said so */
    struct tsn_box_error *error;
};

struct box_branch {
    struct box_branch *next, *ready_next;
    struct box_fork *in; /* NULL = main */
    size_t index;        /* in it, from 1 */
    lua_State *co;
    char path[TSN_PATH_MAX + 1]; /* of its last step; "" before the first */
    struct box_fork *fork;       /* what it waits for at `path`, when that is a fork */
    int nres;                    /* results on the stack of co, once it is over */
    bool waiting, dismissed, over;
};

struct tsn_box_block;
struct tsn_box_large;
struct tsn_box {
    lua_State *L;  /* main thread: never runs code itself */
    lua_State *co; /* where everything runs, so that an error leaves its stack to look at */
    lua_State *running; /* whom the signal handler hooks; NULL = nobody */
    size_t used, cap;
    struct tsn_box_block *pool;  /* blocks of small objects */
    struct tsn_box_large *large; /* objects that are not small */
    char *pool_at;
    size_t pool_left;
    void *pool_free[32]; /* by class of 16 bytes */
    int64_t cpu_ms;
    volatile sig_atomic_t spent; /* set by the signal handler */
    bool replaying, author, dry;
    enum box_phase phase;

    /* A fault ends the run whatever the code catches. Empty = none. */
    char fault[8];
    char fault_text[256], fault_hint[256];
    int fault_line;

    json_t *files, *connectors; /* connectors NULL = any */
    json_t *connected;          /* names given to use(), in order */
    json_t *meta;
    char *main;
    int64_t now_ms;
    uint64_t rng[4];
    unsigned logged; /* lines in this activation */
    bool (*patched)(void *user, const char *path, const char *id);
    void (*log)(void *user, const char *level, const char *text);
    void *user;

    struct box_branch *branches, *main_branch, *current, *ready;
    struct box_fork *joining; /* of the branch that runs, when it waited for one */
    struct box_event *events, **events_end, *taken;
    int main_status;
    struct tsn_box_want want; /* being made */
    bool wanting;
    const json_t *incoming; /* borrowed during resume */
    const char *outcome;
    json_t *result;
    json_t *scratch; /* of json.encode and decode: freed here when they raise */
    struct tsn_box_error error;
};

/* Registry keys: the address of each. */
extern const char tsn_box_key_error, tsn_box_key_list, tsn_box_key_env, tsn_box_key_prelude,
    tsn_box_key_entry;

static inline struct tsn_box *tsn_box_of(lua_State *L)
{
    return *(struct tsn_box **)lua_getextraspace(L);
}

/* box.c */
/* Raises what no pcall catches. The first fault stays. JUMPS, always. */
int tsn_box_fault(lua_State *L, const char *code, const char *hint, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* Resumes one coroutine; LUA_OK, LUA_YIELD or an error that was explained in box->error. */
int tsn_box_drive(struct tsn_box *box, lua_State *co, int nargs, int *nres);
/* The run is over by no error of Lua. */
void tsn_box_fail(struct tsn_box *box, const char *code, const char *text);
/* May a step be taken here? JUMPS when not. */
void tsn_box_check_step(lua_State *L);
/* Re-raises a fault that is pending, or the budget's. JUMPS when there is one. */
void tsn_box_poll(lua_State *L);
/* Is the error on top what a luaL_Buffer raises when the allocator refuses? That is an ordinary
 * text, raised without a collection, and must not be caught either. */
bool tsn_box_out_of_memory(lua_State *L);
/* An ordinary structured error { code, message, hint, file, line }. JUMPS, always. */
int tsn_box_raise(lua_State *L, const char *code, const char *hint, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* The structured error on the stack from its parts. JUMPS. */
void tsn_box_push_error(lua_State *L, const char *code, const char *message, const char *hint);
/* First playbook frame of L: file into out (may be NULL), line as result; 0 = none. */
int tsn_box_where(lua_State *L, char *file, size_t cap);

/* box_branch.c */
void tsn_box_branch_main(struct tsn_box *box);
void tsn_box_branches_close(struct tsn_box *box);
void tsn_box_events_clear(struct tsn_box *box);
/* False: the run is over (main_status, or a fault). */
bool tsn_box_branches_start(struct tsn_box *box, int nargs);
bool tsn_box_branches_resume(struct tsn_box *box, const char *path, bool *known);
int tsn_box_native_fork(lua_State *L);
/* Where the branch that runs would take its next step. */
tsn_err tsn_box_next_path(const struct tsn_box *box, char out[TSN_PATH_MAX + 1]);

/* box_budget.c */
void tsn_budget_begin(struct tsn_box *box, lua_State *L, int64_t cpu_ms);
void tsn_budget_end(struct tsn_box *box);
const char *tsn_budget_init(void);

/* Libraries: each adds its functions to the table on top. JUMPS. */
void tsn_box_open_base(lua_State *L);
void tsn_box_open_string(lua_State *L, int stock);
void tsn_box_open_table(lua_State *L);
void tsn_box_open_env(lua_State *L); /* builds the environment and runs the prelude */
/* Text of any value without addresses, pushed. JUMPS. */
void tsn_box_tostring(lua_State *L, int idx);
/* Loads bundle file `path` as a chunk with the playbook environment and pushes it. JUMPS: L001,
 * L002, L005. */
void tsn_box_load_file(lua_State *L, const char *path);

/* box_explain.c */
/* Fills box->error for the error value on top of L, which has not been unwound. */
void tsn_box_explain(struct tsn_box *box, lua_State *L, int status);
/* From Lua's own message of a chunk that does not parse: fills e. Pure. */
void tsn_box_explain_syntax(struct tsn_box_error *e, const char *file, const char *source,
                            const char *message);
