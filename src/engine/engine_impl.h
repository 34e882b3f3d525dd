/* engine_impl.h - what the files of the engine share: the run in memory, its step, its ops.
 *
 * Loop thread only, but for the functions that take a struct tsn_store (store thread, inside an
 * apply). A run in memory holds no copy of its row: every op reads the row, checks the epoch,
 * changes it and writes it back in one transaction, so memory can never overwrite what a person
 * decided meanwhile.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/engine.h"
#include "core/buf.h"
#include "core/crypto.h"
#include "core/id.h"
#include "core/mem.h"
#include "journal/journal.h"
#include "loop/loop.h"
#include "proc/child.h"

#define TSN_ENGINE_LEVEL  1
#define TSN_WORKER_MEMORY ((int64_t)16 << 20)
#define TSN_RUN_STEPS_MAX 10000
#define TSN_WANT_MAX      ((size_t)1 << 20)
#define TSN_RESULT_MAX    ((size_t)4 << 20)
#define TSN_LOADS_MAX     64 /* reader ops of the engine at once */
#define TSN_CHARGES_MAX   2  /* activations killed in a row before a run is stuck */
#define TSN_SUSPECTS_MAX  5  /* worker deaths in a row with this run's message unread */
#define TSN_IDEM_LEN      32
#define TSN_STEP_FOREVER  ((int64_t)10 * 366 * 86400 * 1000)

enum tsn_phase {
    TSN_PHASE_IDLE,    /* nothing to do here; at most a wake in the heap */
    TSN_PHASE_QUEUED,  /* in the ready queue */
    TSN_PHASE_LOADING, /* the reader collects its journal */
    TSN_PHASE_ACTIVE,  /* the worker has the word */
    TSN_PHASE_STEP,    /* one step is open: an op, a call, a timer */
    TSN_PHASE_ENDING   /* the op that closes it is on its way */
};

/* What stands last on record about an open step. */
enum tsn_last {
    TSN_LAST_NONE,
    TSN_LAST_INTENT, /* the effect may have happened */
    TSN_LAST_RETRY,  /* the last try did nothing, or may be repeated: start again */
    TSN_LAST_DOUBT   /* a person has been asked */
};

/* The one open step of a run (level 1: only the main branch). Strings are malloc'ed. */
struct tsn_step {
    char path[TSN_PATH_MAX + 1];
    enum tsn_jkind kind;
    char *name;
    json_t *args, *opts;
    char *request; /* canonical { args, kind, name, opts } */
    char idem[TSN_IDEM_LEN + 1];
    int64_t attempt; /* of the last intent; 0 = none yet */
    int64_t tries;   /* in this life, for backoff */
    enum tsn_last last;
    const struct tsn_action *action; /* call */
};

struct tsn_engine_call;
struct tsn_worker;

struct tsn_run {
    char id[TSN_ULID_LEN + 1];
    struct tsn_engine *e;
    struct tsn_run *hash_next, *queue_next;
    struct tsn_run *lru_prev, *lru_next; /* resident ones, oldest first */
    bool in_lru;
    int64_t wake_at;
    size_t heap_pos; /* from 1; 0 = not in the heap */
    enum tsn_phase phase;
    unsigned refs;
    bool dead;  /* forgotten: no op may act on it any more */
    bool again; /* something changed while it was being loaded */
    bool began; /* the worker started the activation we last asked for */
    unsigned suspected;
    struct tsn_worker *worker; /* resident there */
    char *name, *case_id, *title;
    json_t *roles;        /* of its playbook */
    struct tsn_step step; /* path "" = none open */
    char last_path[TSN_PATH_MAX + 1];
    int64_t deliver_no;
    struct tsn_timer *timer; /* call timeout, backoff */
    void (*timer_fn)(struct tsn_run *r);
    struct tsn_engine_call *call;
};

/* One op of the engine. First member, so that the store's op is ours. */
struct tsn_eop {
    struct tsn_op op;
    struct tsn_engine *e;
    struct tsn_run *run; /* holds a reference; NULL = none */
    /* Loop thread: op.err is 0 or what trying again cannot help. */
    void (*settled)(struct tsn_eop *o);
    struct tsn_eop *later_next;
    const char *run_id;
    int64_t epoch, now_ms;
    bool reads;     /* goes to the reader */
    bool impatient; /* a person waits: no second try on a full disk */
};

struct tsn_worker {
    struct tsn_engine *e;
    int number;
    struct tsn_child *child; /* NULL = down */
    bool up;                 /* HELLO seen */
    size_t runs;
    unsigned expected;             /* activations sent and not begun */
    char active[TSN_ULID_LEN + 1]; /* run whose Lua runs now; "" = none */
    struct tsn_timer *watch, *respawn;
    bool watching;
    bool warned; /* the watchdog fired once and no frame came since */
    int64_t backoff_ms, started_mono;
    int describing; /* index into the playbook files, -1 = none */
};

/* A playbook file while the engine opens. */
struct tsn_pbfile {
    char *file;   /* "customer-incident.lua" */
    char *bundle; /* canonical JSON */
    char hash[2 * TSN_HASH_LEN + 1];
    json_t *meta;
    bool done, broken;
    int kills;
};

struct tsn_engine {
    struct tsn_engine_config config;
    char *playbook_dir;
    void (*ready_fn)(void *user);
    void *ready_user;
    bool ready, recovering, closing;
    unsigned refs; /* itself, ops, children, detached calls */
    int64_t epoch;
    char worker_program[4096];
    struct tsn_worker *workers;
    size_t nworkers;

    struct tsn_run **buckets;
    size_t nbuckets, nruns;
    struct tsn_run **heap;
    size_t heap_n, heap_cap;
    struct tsn_timer *wake_timer;
    struct tsn_run *queue_first, *queue_last;
    struct tsn_run *lru_first, *lru_last;
    size_t loading;

    struct tsn_eop *later_first, *later_last; /* ops the store could not take or do yet */
    struct tsn_timer *later_timer;

    struct tsn_pbfile *files;
    size_t nfiles;
    struct tsn_playbook *playbooks;
    size_t nplaybooks;
    struct tsn_diag *broken;
    size_t nbroken;
    json_t *connectors;
    char *connectors_text;
    struct tsn_engine_stats stats;
};

/* --- engine.c */
void tsn_engine_ref(struct tsn_engine *e);
void tsn_engine_unref(struct tsn_engine *e);
int64_t tsn_engine_backoff(const struct tsn_engine *e, int64_t attempt);

/* --- runmap.c: runs in memory */
struct tsn_run *tsn_runmap_find(struct tsn_engine *e, const char *id);
struct tsn_run *tsn_runmap_get(struct tsn_engine *e, const char *id); /* makes one */
void tsn_run_ref(struct tsn_run *r);
void tsn_run_unref(struct tsn_run *r);
/* Out of map, heap, queue; DROP to its worker; its call is cancelled. `r` may be freed. */
void tsn_run_forget(struct tsn_run *r);
/* Lua state and strings go; stays as an id with a wake when there is one. `r` may be freed. */
void tsn_run_park(struct tsn_run *r, int64_t wake_at);
void tsn_run_unload(struct tsn_run *r);                   /* only the Lua state */
void tsn_run_wake_at(struct tsn_run *r, int64_t wake_at); /* 0 = out of the heap */
void tsn_runmap_tick(void *engine);                       /* the wake timer */
void tsn_run_touch(struct tsn_run *r);                    /* most recently used */
void tsn_run_unlist(struct tsn_run *r);                   /* out of the LRU list */
void tsn_run_enqueue(struct tsn_run *r);
struct tsn_run *tsn_run_dequeue(struct tsn_engine *e);
void tsn_run_timer(struct tsn_run *r, int64_t ms, void (*fn)(struct tsn_run *r));
void tsn_run_timer_off(struct tsn_run *r);
void tsn_step_clear(struct tsn_step *s);
void tsn_runmap_close(struct tsn_engine *e);

/* --- eop.c: ops that are never dropped */
void *tsn_eop_new(struct tsn_engine *e, size_t size, struct tsn_run *r,
                  tsn_err (*apply)(struct tsn_op *, struct tsn_store *),
                  void (*settled)(struct tsn_eop *));
void tsn_eop_submit(struct tsn_eop *o);
void tsn_eop_close(struct tsn_engine *e); /* what waits for a second try is dropped */
/* The usual end of a run's op: true = go on. False: handled, `r` may be gone. */
bool tsn_eop_ok(struct tsn_eop *o);

/* --- run_row.c: store thread */
struct tsn_owned {
    struct tsn_rec_run row;
    int64_t guard; /* epoch the row had */
};
bool tsn_run_over(const char *state); /* finished, failed, cancelled */
/* The row, if this epoch may write it: TSN_ELOST when it is over or somebody else's. */
tsn_err tsn_run_own(struct tsn_store *st, struct tsn_arena *a, const char *id, int64_t epoch,
                    struct tsn_owned *out);
tsn_err tsn_run_save(struct tsn_store *st, struct tsn_owned *own, int64_t epoch);
/* An entry about this run on its own chain, by the engine. */
struct tsn_append tsn_run_entry(struct tsn_arena *a, const struct tsn_rec_run *row,
                                const char *kind);
tsn_err tsn_run_time_of(struct tsn_store *st, struct tsn_arena *a, int64_t seq, int64_t *ms);
/* Appends run.closed and run.ended and puts the row into its last state (not yet saved). */
tsn_err tsn_run_close(struct tsn_store *st, struct tsn_arena *a, struct tsn_owned *own,
                      const char *state, const char *outcome, const char *code,
                      const char *reason, const char *result, int64_t now_ms);
/* A code word that may stand in an entry; else `otherwise`. */
const char *tsn_code_word(const char *s, const char *otherwise);

struct tsn_settle {
    const char *path, *outcome, *reason, *result;
    const char *request; /* for steps without an intent of their own */
    const char *idem;
    int64_t attempt, ref;
};
struct tsn_settled {
    int64_t deliver_no, at_ms, seq;
};
/* step.result; row counters move, the caller sets state and saves. */
tsn_err tsn_step_settle(struct tsn_store *st, struct tsn_arena *a, struct tsn_owned *own,
                        const struct tsn_settle *in, struct tsn_settled *out);

/* --- past.c: store thread; what the chain of a run says */
struct tsn_past_step {
    const char *path, *kind, *name, *outcome, *result, *request;
    uint8_t fp[32];
    int64_t deliver_no, at_ms;
};
struct tsn_past {
    struct tsn_past_step *steps; /* settled, in order; only with `full` */
    size_t nsteps;               /* always right */
    bool open;
    char open_path[TSN_PATH_MAX + 1];
    const char *open_request;
    enum tsn_last open_last;
    int64_t open_attempt, open_seq;
    char last_path[TSN_PATH_MAX + 1];
};
tsn_err tsn_past_read(struct tsn_store *st, struct tsn_arena *a, const char *run_id, bool full,
                      struct tsn_past *out);

/* --- run_load.c */
void tsn_run_pump(struct tsn_engine *e); /* starts loads while there is room */
/* Where a run in the heap goes on when its time has come. */
void tsn_run_due(struct tsn_run *r);
/* Nothing is open: the worker gets the run (or it is queued until a worker is up). */
void tsn_run_reload(struct tsn_run *r);

/* --- run_step.c */
void tsn_run_want(struct tsn_run *r, const json_t *want);
/* After a load that found an open call. */
void tsn_run_resume_call(struct tsn_run *r);
void tsn_run_idem(char out[TSN_IDEM_LEN + 1], const char *run, const char *path);
char *tsn_step_request(const char *kind, const char *name, const json_t *args,
                       const json_t *opts);
/* The open step ends as a failure that the playbook sees. */
void tsn_step_fail(struct tsn_run *r, const char *code, const char *message);

/* --- run_call.c */
void tsn_call_start(struct tsn_run *r);
void tsn_call_cancel(struct tsn_run *r);
/* In doubt after a crash, and may be repeated: goes again with the same key. */
void tsn_call_repeat(struct tsn_run *r);

/* --- run_settle.c */
void tsn_step_end(struct tsn_run *r, const char *outcome, const char *reason, json_t *result);
void tsn_run_settled(struct tsn_run *r, const struct tsn_settled *s, const char *outcome,
                     const char *result);
void tsn_step_doubt(struct tsn_run *r);
void tsn_step_sleep(struct tsn_run *r);
void tsn_step_sleep_due(struct tsn_run *r);

/* --- wait.c */
void tsn_step_wait(struct tsn_run *r);
void tsn_step_wait_due(struct tsn_run *r);

/* --- task.c */
void tsn_step_task(struct tsn_run *r); /* ask and approve */
void tsn_step_task_due(struct tsn_run *r);
/* Store thread: inserts with the shortest free name. */
tsn_err tsn_task_insert(struct tsn_store *st, struct tsn_arena *a, struct tsn_rec_task *t,
                        const char *prefix);
tsn_err tsn_task_open_of(struct tsn_store *st, struct tsn_arena *a, const char *run_id,
                         struct tsn_rec_task *out);

/* jansson's loops want a pointer they could change; these loops do not. */
static inline json_t *tsn_json_walk(const json_t *v)
{
    union {
        const json_t *in;
        json_t *out;
    } u = {v};

    return u.out;
}

/* --- answer.c: pure */
tsn_err tsn_answer_check(const json_t *fields, const json_t *picks, const json_t *answer,
                         json_t **out, struct tsn_diag *diag);
/* Is this a shape of fields an ask may have? */
tsn_err tsn_answer_fields(const json_t *fields, struct tsn_diag *diag);
/* All rules but those of the store. *answer_out (ask, resolve) is a new reference. */
tsn_err tsn_decide_check(const struct tsn_rec_task *task, const json_t *spec,
                         const json_t *votes, const struct tsn_actor *who,
                         const struct tsn_decision *d, const json_t *picks, json_t **answer_out,
                         struct tsn_diag *diag);
tsn_err tsn_reason_check(const char *reason, struct tsn_diag *diag);

/* --- run_end.c */
void tsn_run_ended(struct tsn_run *r, const json_t *frame);
void tsn_run_failed(struct tsn_run *r, const json_t *frame);
void tsn_run_diverged(struct tsn_run *r, const json_t *frame);
/* Ends it as failed: its own fault, nothing to repeat. */
void tsn_run_fail(struct tsn_run *r, const char *code, const char *why);
/* Its activation was killed: reloaded, the second time stuck. */
void tsn_run_charge(struct tsn_run *r, const char *code, const char *why);
/* Stops for good until a person ends it: what is on record cannot be used. */
void tsn_run_stuck(struct tsn_run *r, const char *code, const char *why);

/* --- worker_pool.c */
tsn_err tsn_pool_open(struct tsn_engine *e, struct tsn_diag *diag);
void tsn_pool_close(struct tsn_engine *e);
struct tsn_worker *tsn_pool_pick(struct tsn_engine *e);
bool tsn_pool_up(const struct tsn_engine *e);
/* An activation: LOAD or DELIVER. False: the worker is gone. */
bool tsn_worker_activate(struct tsn_worker *w, struct tsn_run *r, uint8_t type,
                         const char *text, size_t len);
void tsn_worker_drop(struct tsn_worker *w, struct tsn_run *r);
void tsn_worker_describe(struct tsn_worker *w, int file);

/* --- playbooks.c */
tsn_err tsn_playbooks_read(struct tsn_engine *e, struct tsn_diag *diag);
/* A worker is free: sends the next file, or goes on to recovery when all are known. */
void tsn_playbooks_next(struct tsn_engine *e);
void tsn_playbooks_described(struct tsn_engine *e, int file, const json_t *frame);
void tsn_playbooks_killed(struct tsn_engine *e, int file);
void tsn_playbooks_close(struct tsn_engine *e);
void tsn_playbooks_broken(struct tsn_engine *e, const struct tsn_diag *diag);

/* --- recover.c */
void tsn_recover_begin(struct tsn_engine *e);
