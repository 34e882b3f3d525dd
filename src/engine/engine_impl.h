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
#include "engine/marks.h"
#include "core/buf.h"
#include "core/crypto.h"
#include "core/id.h"
#include "core/mem.h"
#include "journal/journal.h"
#include "loop/loop.h"
#include "proc/child.h"
#include "store/record_run.h"

#define TSN_ENGINE_LEVEL   1
#define TSN_WORKER_MEMORY  ((int64_t)16 << 20)
#define TSN_RUN_STEPS_MAX  10000
#define TSN_RUN_STEPS_WARN 1000
#define TSN_WANT_MAX       ((size_t)1 << 20)
#define TSN_RESULT_MAX     ((size_t)4 << 20)
#define TSN_LOADS_MAX      64 /* reader ops of the engine at once */
#define TSN_CHARGES_MAX    2  /* activations killed in a row before a run is stuck */
#define TSN_SUSPECTS_MAX   5  /* worker deaths in a row with this run's message unread */
#define TSN_IDEM_LEN       32
#define TSN_STEP_FOREVER   ((int64_t)10 * 366 * 86400 * 1000)

enum tsn_phase {
    TSN_PHASE_IDLE,    /* nothing to do here; at most a wake in the heap */
    TSN_PHASE_QUEUED,  /* in the ready queue */
    TSN_PHASE_LOADING, /* the reader collects its journal */
    TSN_PHASE_ACTIVE,  /* the worker has the word */
    TSN_PHASE_STEP,    /* Lua waits: for ops, calls, time, people, events */
    TSN_PHASE_ENDING   /* the op that closes it is on its way */
};

/* What stands last on record about an open step. */
enum tsn_last {
    TSN_LAST_NONE,
    TSN_LAST_INTENT, /* the effect may have happened */
    TSN_LAST_RETRY,  /* the last try did nothing, or may be repeated: start again */
    TSN_LAST_DOUBT   /* a person has been asked */
};

struct tsn_engine_call;
struct tsn_gate;
struct tsn_page;
struct tsn_dry;
struct tsn_version_work;
struct tsn_worker;
struct tsn_owned;
struct tsn_run;

/* One open step of a run, in memory. Strings are malloc'ed. The run holds one reference, each of
 * its ops another; `gone` once it is off its run. */
struct tsn_step {
    struct tsn_step *next; /* of its run, in order of arrival */
    struct tsn_run *run;
    unsigned refs;
    unsigned ops; /* on their way to the store */
    bool gone;
    bool fresh; /* wanted in the current activation, not begun */
    bool rests; /* on record; waits for time, people or events and needs nobody here */
    char path[TSN_PATH_MAX + 1];
    enum tsn_jkind kind;
    char *name;
    json_t *args, *opts;
    char *request; /* canonical { args, kind, name, opts } */
    char idem[TSN_IDEM_LEN + 1];
    int64_t wake_at; /* when its own time is up; 0 = none */
    int64_t attempt; /* of the last intent; 0 = none yet */
    int64_t tries;   /* in this life, for backoff */
    enum tsn_last last;
    const struct tsn_action *action; /* call */
    struct tsn_timer *timer;         /* call timeout, backoff */
    void (*timer_fn)(struct tsn_step *s);
    bool timing;   /* the timer is armed */
    bool covering; /* its intent waits for a checkpoint */
    struct tsn_engine_call *call;
    int64_t retry_after_ms;         /* of the try that ended last; 0 = nothing was asked for */
    bool probing;                   /* that call only asks whether the step took effect */
    struct tsn_gate *gate, *queued; /* inside; waiting in front of it */
    struct tsn_step *gate_next;
    void (*gate_go)(struct tsn_step *s);
    bool dismissed;      /* of a branch that nobody needs any more */
    const char *joined;  /* parallel: outcome, said by the worker; static */
    json_t *join_result; /* until its op is made */
    bool uncovered;      /* no checkpoint covered its intent in time: why it asks */
};

/* An outcome on record that Lua has not seen: handed over one at a time, in recorded order. */
struct tsn_delivery {
    struct tsn_delivery *next;
    char path[TSN_PATH_MAX + 1];
    int64_t deliver_no, at_ms;
    char *outcome, *result;
};

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
    bool dead;    /* forgotten: no op may act on it any more */
    bool again;   /* something changed while nobody could look: read it again */
    bool began;   /* the worker started the activation we last asked for */
    bool rested;  /* its row says that it rests */
    bool resting; /* the op that tells it so is on its way */
    bool held;    /* paused: what is under way ends, nothing new begins */
    unsigned suspected;
    unsigned mark;             /* in the engine's marks; 0 = none */
    struct tsn_worker *worker; /* resident there */
    char *name, *case_id, *title;
    json_t *roles;          /* of its playbook */
    struct tsn_undo *undos; /* what can be taken back, newest first */
    char *ending;           /* outcome it ends with once all is taken back; NULL = it goes on */
    char *ending_code, *ending_args;
    struct tsn_step *steps;         /* open ones */
    char (*tips)[TSN_PATH_MAX + 1]; /* last path of each branch that ever had a step */
    size_t ntips, tips_cap;
    int64_t deliver_no; /* of what Lua got last */
    struct tsn_delivery *due, **due_end;
};

/* One op of the engine. First member, so that the store's op is ours. */
struct tsn_eop {
    struct tsn_op op;
    struct tsn_engine *e;
    struct tsn_run *run;   /* holds a reference; NULL = none */
    struct tsn_step *step; /* same; its run is `run` */
    /* Loop thread: op.err is 0 or what trying again cannot help. */
    void (*settled)(struct tsn_eop *o);
    struct tsn_eop *later_next;
    const char *run_id;
    int64_t epoch, now_ms;
    bool unwinds;   /* when it was made the run was being taken back */
    bool stale;     /* out: made before that began, so it must not happen */
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
    struct tsn_gate *gates; /* of actions with a limit */
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
    int64_t disk_at; /* nearest time that stands only on disk; 0 = none known */
    bool sweeping;
    struct tsn_page *pages; /* mails under way */
    size_t npages;
    bool paging; /* the op that takes what is due is on its way */
    struct tsn_run *queue_first, *queue_last;
    struct tsn_marks *marks;                      /* NULL = none */
    struct tsn_run *suspect_first, *suspect_last; /* queued too, to be loaded alone */
    struct tsn_timer *suspect_timer;
    int64_t suspect_since; /* monotonic: when the first of them came */
    struct tsn_run *lru_first, *lru_last;
    size_t loading;

    struct tsn_eop *later_first, *later_last; /* ops the store could not take or do yet */
    struct tsn_timer *later_timer;

    struct tsn_dry *dries; /* replays that nobody hears of */
    struct tsn_version_work *deploying;
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

/* --- runmap.c: runs in memory */
struct tsn_run *tsn_runmap_find(struct tsn_engine *e, const char *id);
struct tsn_run *tsn_runmap_get(struct tsn_engine *e, const char *id); /* makes one */
void tsn_run_ref(struct tsn_run *r);
void tsn_run_unref(struct tsn_run *r);
/* Out of map, heap, queue; DROP to its worker; its call is cancelled. `r` may be freed. */
void tsn_run_forget(struct tsn_run *r);
/* Its row says when it goes on: nothing of it stays in memory. `r` may be freed. */
void tsn_run_park(struct tsn_run *r, int64_t wake_at);
void tsn_run_unload(struct tsn_run *r);                   /* only the Lua state */
void tsn_run_wake_at(struct tsn_run *r, int64_t wake_at); /* 0 = out of the heap */
void tsn_runmap_suspects(void *engine);                   /* the suspects' timer */
void tsn_runmap_tick(void *engine);                       /* the wake timer */
void tsn_wake_arm(struct tsn_engine *e); /* for the nearest in memory or on disk */
void tsn_run_touch(struct tsn_run *r);   /* most recently used */
void tsn_run_unlist(struct tsn_run *r);  /* out of the LRU list */
void tsn_run_enqueue(struct tsn_run *r);
struct tsn_run *tsn_run_dequeue(struct tsn_engine *e);
/* One that must be loaded alone; they have a queue of their own. NULL: none, or not now. */
struct tsn_run *tsn_run_suspect(struct tsn_engine *e);
bool tsn_run_stands_back(const struct tsn_engine *e); /* the others wait for one of them */
void tsn_run_unmark(struct tsn_run *r);               /* it came on: the mark goes */
void tsn_run_undue(struct tsn_run *r);                /* drops what waits for delivery */
void tsn_runmap_close(struct tsn_engine *e);

/* --- sweep.c: what is due on disk */
void tsn_sweep_at(struct tsn_engine *e, int64_t at_ms); /* something is, then */
void tsn_sweep_run(struct tsn_engine *e);

/* --- eop.c: ops that are never dropped */
void *tsn_eop_new(struct tsn_engine *e, size_t size, struct tsn_run *r,
                  tsn_err (*apply)(struct tsn_op *, struct tsn_store *),
                  void (*settled)(struct tsn_eop *));
void *tsn_eop_of_step(struct tsn_step *s, size_t size,
                      tsn_err (*apply)(struct tsn_op *, struct tsn_store *),
                      void (*settled)(struct tsn_eop *));
void tsn_eop_submit(struct tsn_eop *o);
void tsn_eop_close(struct tsn_engine *e); /* what waits for a second try is dropped */
/* Store thread: tsn_run_own of the op's run. An op from before run.unwinding was written is stale and
 * refused, also when it was already on its way: no step begins or ends behind a cancel. */
tsn_err tsn_eop_own(struct tsn_eop *o, struct tsn_store *st, struct tsn_owned *own);
/* The same for what says how a step went: good also then if that step is one that is waited for. */
tsn_err tsn_eop_own_open(struct tsn_eop *o, struct tsn_store *st, const char *path,
                         struct tsn_owned *own);
tsn_err tsn_eop_own_whole(struct tsn_eop *o, struct tsn_store *st, struct tsn_owned *own);
/* The usual end of a run's op: true = go on. False: handled, `r` may be gone, or its step is. */
bool tsn_eop_ok(struct tsn_eop *o);

/* --- run_row.c: store thread */
/* A run that an apply changed beside its own: to be told after the commit. */
struct tsn_wake {
    const struct tsn_wake *next;
    const char *id;
    bool stops; /* Lua has no part in it any more */
};
struct tsn_owned {
    struct tsn_rec_run row; /* from tsn_run_own: without input and result */
    struct tsn_rec_run was; /* as it was read; id NULL: `row` is whole and written whole */
    int64_t epoch;          /* whoever owns it now */
    const struct tsn_wake *wakes;
    int64_t guard;    /* epoch the row had */
    const char *next; /* closed: id of the run of its key that is ready now, to be woken */
};
bool tsn_run_over(const char *state); /* finished, failed, cancelled */
/* The row, if this epoch may write it: TSN_ELOST when it is over or somebody else's. */
tsn_err tsn_run_own(struct tsn_store *st, struct tsn_arena *a, const char *id, int64_t epoch,
                    struct tsn_owned *out);
/* The same with input and result. */
tsn_err tsn_run_own_whole(struct tsn_store *st, struct tsn_arena *a, const char *id,
                          int64_t epoch, struct tsn_owned *out);
tsn_err tsn_run_save(struct tsn_store *st, struct tsn_owned *own, int64_t epoch);
/* A paused run's row reads as what it is otherwise; tsn_run_save puts the word back. */
void tsn_run_unhold(struct tsn_arena *a, struct tsn_rec_run *row);
/* By id, name or unique prefix of the name; H031 H032. Unheld. */
tsn_err tsn_run_find(struct tsn_store *st, struct tsn_arena *a, const char *ref,
                     struct tsn_rec_run *out, struct tsn_diag *diag);
/* "u:resp1", "op:owner" for the daemon's owner who is nobody in particular, else "svc:tocsin". */
const char *tsn_run_actor(struct tsn_arena *a, const char *person, const char *auth);
/* A run of this key ends: the oldest that waits for it is ready, own->next. */
tsn_err tsn_run_next_of_key(struct tsn_store *st, struct tsn_arena *a, struct tsn_owned *own);
/* An entry about this run on its own chain, by the engine. */
struct tsn_append tsn_run_entry(struct tsn_arena *a, const struct tsn_rec_run *row,
                                const char *kind);
tsn_err tsn_run_time_of(struct tsn_store *st, struct tsn_arena *a, int64_t seq, int64_t *ms);
/* Appends run.closed and run.ended and puts the row into its last state (not yet saved). */
tsn_err tsn_run_close(struct tsn_store *st, struct tsn_arena *a, struct tsn_owned *own,
                      const char *state, const char *outcome, const char *code,
                      const char *reason, const char *result, int64_t now_ms);
/* The row of a run that is at work: running, or still cancelling. */
void tsn_run_works(struct tsn_owned *own);
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

/* --- steps.c: the open steps of a run in memory */
struct tsn_step *tsn_step_new(struct tsn_run *r, const char *path); /* last in the list */
struct tsn_step *tsn_step_find(const struct tsn_run *r, const char *path);
void tsn_step_ref(struct tsn_step *s);
void tsn_step_unref(struct tsn_step *s);
/* Off its run: timer and call are let go. `s` may be freed. */
void tsn_step_remove(struct tsn_step *s);
void tsn_steps_clear(struct tsn_run *r);
/* It needs something of this process: an op, a call, a timer. */
bool tsn_step_busy(const struct tsn_step *s);
void tsn_step_timer(struct tsn_step *s, int64_t ms, void (*fn)(struct tsn_step *s));
void tsn_step_timer_off(struct tsn_step *s);
/* Kinds that cost nothing while they are open. */
bool tsn_step_waits(const struct tsn_step *s);
/* Last path of the branch that `path` belongs to, "" = it had none yet; and its place, to set. */
const char *tsn_run_tip(const struct tsn_run *r, const char *path);
void tsn_run_tip_set(struct tsn_run *r, const char *path);

/* What the row says while nothing of a run needs this process. Made on the loop thread from all
 * open steps, put into the row by the op that opens the last one. */
struct tsn_rest {
    bool rests;
    const char *state; /* waiting parked in_doubt; static */
    int64_t wake_at;
    int64_t seen; /* deliver_no of what Lua got last: with more on record it does not rest */
};
/* As if `s` (NULL = none) rested already. */
struct tsn_rest tsn_run_rest(const struct tsn_run *r);
/* The run may have come to rest: its row is told, and its memory given back. `r` may be freed. */
void tsn_run_settle_down(struct tsn_run *r);
/* Store thread. True = the row rests now. */
bool tsn_rest_put(struct tsn_owned *own, const struct tsn_rest *rest, const char *reason);

/* --- past.c: store thread; what the chain of a run says */
struct tsn_past_step {
    const char *path, *kind, *name, *outcome, *result, *request;
    uint8_t fp[32];
    int64_t deliver_no, at_ms;
    int64_t seq; /* of the entry with the outcome; of the first one when it was taken over */
};
struct tsn_past_open {
    const char *path, *request;
    enum tsn_last last;
    int64_t attempt, seq, at_ms;
    const struct tsn_logged *opener; /* entry that carries the request */
};
/* A call that worked and can be taken back. */
struct tsn_past_undo {
    const char *path; /* of the call */
    const char *action, *args;
    int64_t due_at; /* when it takes itself back; 0 = only on failure, cancel or unwind */
    int64_t no;     /* deliver_no of the call: newest first */
    int64_t nth;    /* of the next try, from 1 */
    bool done;
};
#define TSN_TAKEN_OVER "taken-over" /* reason of a step.result that stands for another run's */
struct tsn_past {
    struct tsn_past_step *steps; /* settled, in order; only with `full` */
    size_t nsteps;               /* always right */
    struct tsn_past_open *open;  /* in the order they were opened */
    size_t nopen;
    struct tsn_past_undo *undos; /* only with `full` */
    size_t nundos;
    const char *ending; /* outcome it ends with once all is taken back; NULL = it goes on */
    const char *ending_code, *ending_args; /* args: JSON { reason, result } */
};
tsn_err tsn_past_read(struct tsn_store *st, struct tsn_arena *a, const char *run_id, bool full,
                      struct tsn_past *out);
const struct tsn_past_open *tsn_past_find(const struct tsn_past *p, const char *path);
/* Kind, name and fingerprint out of a request. */
tsn_err tsn_past_identify(struct tsn_arena *a, const char *request, struct tsn_past_step *s);

/* --- run_outlook.c: pure */
json_t *tsn_run_steps_json(const struct tsn_registry *registry, const struct tsn_past *past);
/* { kept, from, again: [{step,kind,name,outcome,effect,says,repeats}] } of a retry. */
json_t *tsn_run_outlook(const struct tsn_registry *registry, const struct tsn_past *past,
                        size_t kept);
/* How many settled steps a retry keeps; R204 R205. */
tsn_err tsn_retry_cut(const struct tsn_past *past, const char *from, const char *state,
                      size_t *kept, struct tsn_diag *diag);

/* --- run_load.c */
void tsn_run_seed(char out[2 * TSN_HASH_LEN + 1], const char *run_id);
void tsn_run_pump(struct tsn_engine *e); /* starts loads while there is room */
/* Where a run in the heap goes on when its time has come. */
void tsn_run_due(struct tsn_run *r);
/* What is on record says how it goes on: read again as soon as the worker does not have the word.
 * Steps that are under way here go on under way. */
void tsn_run_reload(struct tsn_run *r);

/* --- run_step.c */
void tsn_run_want(struct tsn_run *r, const json_t *want);
/* Settled while the run was being loaded: the worker asks for it, and is about to get it. */
bool tsn_run_is_due(const struct tsn_run *r, const char *path);
/* Paused: what only Lua wants is dropped, memory given back as far as it goes. `r` may be freed. */
void tsn_run_stand(struct tsn_run *r);
/* The worker has said all it wants: what is fresh begins, what is due is delivered. */
void tsn_run_idle(struct tsn_run *r);
/* A call (or an undo) from its start: look-up, store effect or external. */
void tsn_step_call(struct tsn_step *s);
/* After a load that found an open call. */
void tsn_step_resume_call(struct tsn_step *s);
void tsn_run_idem(char out[TSN_IDEM_LEN + 1], const char *run, const char *path);
char *tsn_step_request(const char *kind, const char *name, const json_t *args,
                       const json_t *opts);
/* The open step ends as a failure that the playbook sees. */
void tsn_step_fail(struct tsn_step *s, const char *code, const char *message);

/* --- cover.c */
bool tsn_step_needs_cover(const struct tsn_step *s);
/* go(s) when the entry is covered, or at once where the action or the node asks for none. */
void tsn_step_cover(struct tsn_step *s, int64_t seq, void (*go)(struct tsn_step *s));

/* --- run_call.c */
void tsn_call_start(struct tsn_step *s);
/* run_look.c: a look-up, once it is judged that it may be asked. */
void tsn_look_start(struct tsn_step *s);
void tsn_call_cancel(struct tsn_step *s);
/* In doubt after a crash, and may be repeated: goes again with the same key. */
void tsn_call_repeat(struct tsn_step *s);

/* In doubt, and its action can be asked: is asked, then goes on as that says. */
void tsn_call_probe(struct tsn_step *s);

/* --- call_policy.c */
struct tsn_retry {
    int64_t attempts, first_ms, max_ms;
    int64_t deadline_at;               /* 0 = none */
    bool unavailable, timeout, failed; /* what is worth another try */
};
struct tsn_retry tsn_retry_of(const struct tsn_action *a, const json_t *opts);
int64_t tsn_retry_within(const struct tsn_action *a, const json_t *opts); /* 0 = no end */
int64_t tsn_retry_wait(const struct tsn_engine *e, const struct tsn_retry *p, int64_t attempt);
/* `go` is called once its action has room: now, or in a later turn. */
void tsn_gate_enter(struct tsn_step *s, void (*go)(struct tsn_step *s));
void tsn_gate_leave(struct tsn_step *s);
void tsn_gates_close(struct tsn_engine *e);

/* --- run_settle.c */
void tsn_step_end(struct tsn_step *s, const char *outcome, const char *reason, json_t *result);
/* Committed: the step is gone from here and Lua will hear of it. */
void tsn_step_settled(struct tsn_step *s, const struct tsn_settled *out, const char *outcome,
                      const char *result);
/* The next outcome goes to the worker. False: there is none, or it could not be sent. */
bool tsn_run_deliver(struct tsn_run *r);
void tsn_step_doubt(struct tsn_step *s);
/* The step is on record and waits; `row_rests`: the row says that the whole run does. */
void tsn_step_rests(struct tsn_step *s, bool row_rests);
void tsn_step_sleep(struct tsn_step *s);
void tsn_step_sleep_due(struct tsn_step *s);

/* --- child_run.c */
void tsn_owned_wake(struct tsn_arena *a, struct tsn_owned *own, const char *id, bool stops);
void tsn_engine_wake_all(struct tsn_engine *e, const struct tsn_wake *w);
/* Store thread, from tsn_run_close: the parent's join is settled; children that go with it end. */
tsn_err tsn_child_ended(struct tsn_store *st, struct tsn_arena *a, struct tsn_owned *child,
                        int64_t epoch);
tsn_err tsn_children_end(struct tsn_store *st, struct tsn_arena *a, struct tsn_owned *parent,
                         int64_t epoch, int64_t now_ms);
void tsn_step_start(struct tsn_step *s);
void tsn_step_join(struct tsn_step *s);
void tsn_step_restart(struct tsn_step *s);

/* --- undo.c */
/* Loop thread. A call with an undo has worked. */
void tsn_undo_note(struct tsn_run *r, const char *path, const json_t *undo, int64_t no,
                   int64_t at_ms);
/* The pending ones of a run as it was loaded. */
void tsn_undo_load(struct tsn_run *r, const struct tsn_past *past);
void tsn_undo_clear(struct tsn_run *r);
bool tsn_undo_pending(const struct tsn_run *r);
/* case:unwind(), and its being taken up again. */
void tsn_step_unwind(struct tsn_step *s);
void tsn_step_unwind_resume(struct tsn_step *s);
void tsn_step_undo_due(struct tsn_step *s);
/* The next undo begins when nothing stands before it; when all are done, what waited for them goes
 * on. `r` may be freed. */
void tsn_undo_next(struct tsn_run *r);
/* An undo has its outcome on record. */
void tsn_undo_settled(struct tsn_step *s, const char *outcome, const char *result);

/* How a run is to end. */
struct tsn_ending {
    const char *state, *outcome, *code, *reason, *result;
    int64_t ref; /* seq of the entry that says so; -1 */
};
/* Store thread: ends the run, or (`look`) begins to take back what must be taken back first: open
 * steps are settled, run.unwinding says how it will end. The caller saves. */
tsn_err tsn_run_wind_up(struct tsn_store *st, struct tsn_arena *a, struct tsn_owned *own,
                        const struct tsn_ending *how, bool look, int64_t now_ms, bool *closed);

/* --- branch.c */
void tsn_step_fork(struct tsn_step *s);
void tsn_run_joined(struct tsn_run *r, const json_t *frame);
void tsn_run_dismiss(struct tsn_run *r, const json_t *frame);
/* The worker waits: parallels that joined end, dismissed steps are ended. */
void tsn_run_branches(struct tsn_run *r);
void tsn_step_dismiss(struct tsn_step *s);

/* --- wait.c */
void tsn_step_wait(struct tsn_step *s);
void tsn_step_wait_due(struct tsn_step *s);

/* --- task.c */
void tsn_step_task(struct tsn_step *s); /* ask and approve */
void tsn_step_task_due(struct tsn_step *s);
/* Store thread: inserts with the shortest free name. */
tsn_err tsn_task_insert(struct tsn_store *st, struct tsn_arena *a, struct tsn_rec_task *t,
                        const char *prefix);
/* An open one of the run: of the step at `path`, or (NULL) any. */
tsn_err tsn_task_open_of(struct tsn_store *st, struct tsn_arena *a, const char *run_id,
                         const char *path, struct tsn_rec_task *out);

/* --- task_nudge.c */
/* Next reminder or escalation of an open question; 0 = none before it expires. Pure. */
int64_t tsn_nudge_next(const json_t *spec, int64_t opened_at, int64_t due_at);
void tsn_nudge_run(struct tsn_engine *e);

/* --- page.c: mails to people about questions that wait too long */
#define TSN_PAGES_MAX 8 /* under way at once */
/* Store thread: one page for each person who may decide, or (`role`) has that role. */
tsn_err tsn_page_put(const struct tsn_engine *e, struct tsn_store *st, struct tsn_arena *a,
                     const struct tsn_rec_task *t, const json_t *spec, const char *kind,
                     int64_t number, const char *role, int64_t now_ms);
void tsn_pages_run(struct tsn_engine *e); /* sends what is due */
/* Store thread, at a start: what an older life was sending is due again, with the same key. */
tsn_err tsn_pages_recover(struct tsn_store *st, struct tsn_arena *a, int64_t now_ms);
void tsn_pages_close(struct tsn_engine *e);

/* --- task_rule.c: store thread */
/* What the house has laid down goes into spec and task; kind, name, role, case and times are set. */
tsn_err tsn_rule_apply(struct tsn_engine *e, struct tsn_store *st, struct tsn_arena *a,
                       json_t *spec, struct tsn_rec_task *t);
/* *changed: it is another one by now, and spec and task say so. */
tsn_err tsn_rule_changed(struct tsn_engine *e, struct tsn_store *st, struct tsn_arena *a,
                         json_t *spec, struct tsn_rec_task *t, bool *changed);

/* --- task_plan.c: store thread */
/* Shows what lives on as it is now, and gives the task its digest. case_id, run, path, role, quorum
 * are set. */
tsn_err tsn_plan_bind(const struct tsn_registry *r, struct tsn_store *st, struct tsn_arena *a,
                      json_t *spec, struct tsn_rec_task *t);
tsn_err tsn_plan_changed(const struct tsn_registry *r, struct tsn_store *st,
                         struct tsn_arena *a, const json_t *spec, const struct tsn_rec_task *t,
                         bool *changed);
/* The old question is void, the new one open; the caller saves the run's row. */
tsn_err tsn_plan_again(const struct tsn_registry *r, struct tsn_store *st, struct tsn_arena *a,
                       struct tsn_owned *own, struct tsn_rec_task *old, json_t *spec,
                       int64_t now_ms, struct tsn_rec_task *fresh);

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
/* Lua has no part in it any more; what is under way goes on here. `r` may be freed. */
void tsn_run_unwinds(struct tsn_run *r);
/* Store thread: cancelled, after what is to be taken back has been. */
tsn_err tsn_run_cancel(struct tsn_store *st, struct tsn_arena *a, struct tsn_owned *own,
                       const char *actor, const char *auth, const char *note, int64_t epoch,
                       int64_t now_ms);
/* Ends it as was promised before it took back what was to be taken back. */
void tsn_run_end_as(struct tsn_run *r, const char *outcome, const char *code,
                    const char *reason, json_t *result);
/* Its activation was killed: reloaded, the second time stuck. */
void tsn_run_charge(struct tsn_run *r, const char *code, const char *why);
/* Stops for good until a person ends it: what is on record cannot be used. */
void tsn_run_stuck(struct tsn_run *r, const char *code, const char *why);

/* Store thread: run.cancelled, open step settled, tasks void, closed, saved. */
tsn_err tsn_run_end_now(struct tsn_store *st, struct tsn_arena *a, struct tsn_owned *own,
                        const char *actor, const char *auth, const char *note, int64_t epoch,
                        int64_t now_ms);

/* --- worker_pool.c */
tsn_err tsn_pool_open(struct tsn_engine *e, struct tsn_diag *diag);
void tsn_pool_close(struct tsn_engine *e);
struct tsn_worker *tsn_pool_pick(struct tsn_engine *e);
bool tsn_pool_up(const struct tsn_engine *e);
/* An activation: LOAD or DELIVER. False: the worker is gone. */
bool tsn_worker_activate(struct tsn_worker *w, struct tsn_run *r, uint8_t type,
                         const char *text, size_t len);
void tsn_worker_watch(struct tsn_worker *w); /* something was sent to it */
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

/* Store thread: this version of a playbook, 0 = the newest; TSN_ENOTFOUND. */
tsn_err tsn_playbook_version(struct tsn_store *st, struct tsn_arena *a, const char *name,
                             int64_t version, struct tsn_rec_playbook *out);

char *tsn_playbook_bundle(const char *file, json_t *source, json_t *lib,
                          char hash[2 * TSN_HASH_LEN + 1]); /* steals source; malloc'ed */
/* Has one more file described; its index, or -1. tsn_deploy_described gets the end of it. */
int tsn_playbooks_add(struct tsn_engine *e, const char *file, const char *bundle,
                      const char *hash);
/* What is new begins on this file from now on. */
void tsn_playbooks_replace(struct tsn_engine *e, int file, int64_t version);

/* --- replay_dry.c */
/* Store thread: the LOAD frame of this run's record, under another id, on this bundle. */
tsn_err tsn_dry_frame(struct tsn_store *st, struct tsn_arena *a, const struct tsn_engine *e,
                      const char *run_id, const char *as, const char *bundle,
                      struct tsn_buf *frame);
/* False: no worker. `verdict` is { fits, ... }, borrowed. */
bool tsn_dry_start(struct tsn_engine *e, const char *id, const struct tsn_buf *frame,
                   void (*done)(json_t *verdict, void *user), void *user);
bool tsn_dry_take(struct tsn_worker *w, uint8_t type, const json_t *v); /* true: it was one's */
void tsn_dry_lost(struct tsn_engine *e, const struct tsn_worker *w);    /* NULL: all of them */

/* --- versions.c */
void tsn_deploy_described(struct tsn_engine *e, const struct tsn_diag *wrong);

/* --- recover.c */
void tsn_recover_begin(struct tsn_engine *e);
