/* engine.h - runs: claimed, driven through a worker, journaled, woken, settled.
 *
 * Loop thread, but for functions that take a struct tsn_store (store thread, inside an apply).
 * Every state change of a run is a writer op: intent before effect, outcome before Lua sees it.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include "action/action.h"
#include "core/diag.h"
#include "seal/sealing.h"
#include "store/reader.h"
#include "store/record_run.h"
#include "store/writer.h"

struct tsn_loop;
struct tsn_calendar;
struct tsn_engine;

/* Who acts. Four-eyes and quorum count people, never tokens. */
struct tsn_actor {
    const char *person;       /* "resp1"; NULL = not a person (svc) */
    const char *const *roles; /* NULL-terminated */
    const char *auth;         /* "token" "local" "svc" */
};

/* `people:` of the configuration. */
struct tsn_person {
    const char *id;
    const char *const *roles; /* NULL-terminated */
    int64_t uid;              /* -1 = none: Unix socket peers with this uid are this person */
    const char *mail;         /* reminders go there; NULL = nowhere */
    const char *key;          /* fingerprint of their key; NULL = mails are not encrypted */
};

struct tsn_engine_config {
    struct tsn_loop *loop;
    struct tsn_writer *writer;
    struct tsn_reader *reader;
    struct tsn_registry *registry;
    const char *playbook_dir;
    const char *marks;                    /* file of engine/marks.h; NULL = none */
    int workers;                          /* processes; 0 = 2 */
    size_t resident;                      /* runs with a Lua state per worker; 0 = 256 */
    int64_t cpu_ms;                       /* per activation; 0 = 250 */
    int64_t wall_ms;                      /* watchdog per activation; 0 = 2,000 */
    int64_t park_ms;                      /* next wake further away parks; 0 = 10,000 */
    int64_t (*retry_ms)(int64_t attempt); /* NULL = 1 s doubling to 5 min, with jitter */
    bool
        dry; /* a dry run: results { "tsn.unknown": path } stop the playbook when it looks at them */
    /* The calendar of this name, for "3bd@name"; may be NULL: only "3bd", Monday to Friday in UTC. */
    const struct tsn_calendar *(*calendar)(void *user, const char *name);
    void *calendar_user;
    /* { "product": ["edge-gw", ...] }: what a pick may be answered with; NULL or a name that is
     * not there = not checked. Borrowed; not changed while the engine is open. */
    const json_t *picks;
    /* Who is called to a question that waits too long (engine/page.c); NULL = nobody. Borrowed. */
    const struct tsn_person *people;
    size_t npeople;
    /* May this person see this case? Store thread; NULL = yes. */
    tsn_err (*sees)(void *user, struct tsn_store *st, struct tsn_arena *arena,
                    const char *case_id, const struct tsn_person *who, bool *sees);
    void *sees_user;
    struct tsn_sealing *sealing; /* covers irreversible steps; NULL = none is asked for */
};

/* Starts workers, loads and describes every playbook in playbook_dir (a bad one is reported and
 * left out), takes a new node epoch, settles what older epochs left: ready() is called once on
 * the loop when runs go on. */
tsn_err tsn_engine_open(struct tsn_engine **out, const struct tsn_engine_config *config,
                        void (*ready)(void *user), void *user, struct tsn_diag *diag);
void tsn_engine_close(struct tsn_engine *e);
/* These and the other questions take NULL: no engine, nothing known. */
bool tsn_engine_ready(const struct tsn_engine *e);
/* Nothing here goes on by itself: every run waits for time, people, events, a call under way (see
 * stats), or an op that the writer or the reader still has. */
bool tsn_engine_quiet(const struct tsn_engine *e);

/* --- playbooks ------------------------------------------------------------------------- */

struct tsn_playbook {
    const char *name, *hash, *title, *on, *file;
    int64_t version;
    const json_t *meta; /* what describe returned */
};
/* The newest deployed one; NULL = none. Borrowed. */
const struct tsn_playbook *tsn_engine_playbook(const struct tsn_engine *e, const char *name);
size_t tsn_engine_playbooks(const struct tsn_engine *e, const struct tsn_playbook **out);
/* Playbook files that could not be loaded: diagnostics, for status and readyz. */
size_t tsn_engine_broken(const struct tsn_engine *e, const struct tsn_diag **out);

/* --- runs: store thread ------------------------------------------------------------------ */

struct tsn_run_new {
    const char *playbook_hash, *playbook_title; /* "customer-incident@1" */
    const char *case_id;                        /* must exist in the same transaction */
    const char *input;                          /* canonical JSON: { event: {...} } */
    const char *key;                            /* NULL = none */
    const char *origin;                      /* run whose work it goes on with; NULL = none */
    const char *parent, *parent_path, *bond; /* started by a step of that run; NULL = none */
    const struct tsn_actor *by;
    int64_t ref; /* seq of the entry that caused it; -1 */
    bool queued; /* waits for another run of its key */
};
/* What becomes of an event whose key an open run of the same playbook has: the playbook says. */
enum tsn_admitted {
    TSN_ADMITTED_RUN,    /* a run of its own, now */
    TSN_ADMITTED_QUEUED, /* a run of its own, when the one before has ended */
    TSN_ADMITTED_JOINED, /* the open run was told, as a signal of its case */
    TSN_ADMITTED_DROPPED
};
struct tsn_admission {
    struct tsn_run_new run; /* key: NULL or tsn_run_key */
    const char *policy;     /* "join" "queue" "drop" "replace"; NULL = join */
    const char *event;      /* join: name of the signal ... */
    const char *body;       /* ... and its JSON */
    int64_t epoch;          /* tsn_engine_epoch */
};
struct tsn_admission_out {
    enum tsn_admitted what;
    struct tsn_rec_run run; /* the new one, or the one that was there */
    const char *wake[2];    /* ids for tsn_engine_wake after the commit; NULL = none */
    const char *ended;      /* replaced: id of the run that was ended */
};
/* Makes the run, or does what its key asks for; entries say what. Store thread. */
tsn_err tsn_run_admit(struct tsn_store *st, struct tsn_arena *arena,
                      const struct tsn_admission *in, int64_t now_ms,
                      struct tsn_admission_out *out);
/* Key of a run in the store: digest of playbook name and text, because an event may be secret. */
const char *tsn_run_key(struct tsn_arena *arena, const char *playbook, const char *text);
/* The newest open run with this key; TSN_ENOTFOUND. */
tsn_err tsn_run_with_key(struct tsn_store *st, struct tsn_arena *arena, const char *key,
                         struct tsn_rec_run *out);

/* Row plus entries run.opened (case chain) and run.started (run chain). The caller's done must
 * call tsn_engine_wake. */
tsn_err tsn_run_create(struct tsn_store *st, struct tsn_arena *arena,
                       const struct tsn_run_new *in, int64_t now_ms, struct tsn_rec_run *out);

/* What somebody who starts it by hand gives, against `inputs` of the playbook: A012 A013 A014.
 * *out is a new reference. Loop thread. */
tsn_err tsn_engine_inputs(const struct tsn_engine *e, const struct tsn_playbook *p,
                          const json_t *given, json_t **out, struct tsn_diag *diag);
/* Everything on record about a run: { fixture: 1, playbook, title, hash, bundle, case, event, seed, started_at,
 * level, state, items: [{ path, kind, name, args, outcome, result, deliver_no, at_ms }], open: [{ path, kind,
 * name, args }] }. New reference. */
tsn_err tsn_run_record(struct tsn_store *st, struct tsn_arena *arena, const char *run_id,
                       json_t **out);

/* --- runs: loop thread ------------------------------------------------------------------- */

void tsn_engine_wake(struct tsn_engine *e, const char *run_id);

/* The one place where tasks are decided, whatever the path: role, not_by, quorum, state, digest
 * of the plan shown, answer fields. Journaled, audited; done gets 0 or A0xx (TSN_EDENIED,
 * TSN_ECONFLICT, TSN_EINPUT) and the entry's seq. */
struct tsn_decision {
    const char *task; /* id, name or unique prefix of the name */
    const char *verb; /* "approve" "reject" "answer" "delegate" */
    const char
        *to; /* delegate: the person who may decide as well; the caller knows it is one */
    const char *reason; /* all but answer: 3 to 2,000 characters */
    const char *digest; /* "sha256:..." of what was shown; NULL: not given (refused for
                              approve unless `plan_seen`) */
    const char *run;    /* answer: instead of a task, the open resolve task of this run */
    const char *step;   /* of this step; NULL = the only one */
    bool plan_seen;     /* the client printed the plan in the same command */
    json_t *answer;     /* answer: object of fields; borrowed */
};
typedef void tsn_engine_done(tsn_err err, int64_t seq, const json_t *info,
                             const struct tsn_diag *diag, void *user);
void tsn_engine_decide(struct tsn_engine *e, const struct tsn_actor *who,
                       const struct tsn_decision *d, tsn_engine_done *done, void *user);
/* Would a decision of this person be heard at all: role (or escalated, named, handed over to), not_by,
 * not voted yet. For lists of what somebody can do; deciding judges again. Pure, any thread. */
bool tsn_engine_may_decide(const char *role, const json_t *spec, const json_t *votes,
                           const struct tsn_actor *who);
/* What a person does to a run, whatever the path; journaled with who and why. R2xx, A008. */
struct tsn_run_act {
    const char *run;    /* id, name or unique prefix of the name */
    const char *verb;   /* "cancel" "pause" "resume" "retry" */
    const char *reason; /* 3 to 2,000 characters */
    /* retry: a run that is stuck or diverged goes on in place; one that is over, or from an earlier
     * step, or on another version, as a new run that takes the steps before it over. */
    const char *from; /* path of the first step to do again; NULL = where it stopped */
    int64_t version;  /* of the same playbook; 0 = the newest */
    bool plan; /* only say what would happen: info.plan; changes nothing, needs no reason */
};
void tsn_engine_act(struct tsn_engine *e, const struct tsn_actor *who,
                    const struct tsn_run_act *act, tsn_engine_done *done, void *user);
/* Another version of a playbook. move: of one run, by its record replayed on that version first; R206
 * R210 R211 R212. deploy: the playbook's file as it is now, with every open run replayed on it; runs at
 * work keep their version; R039 R213 R214 and what describing it says. info of move: { run, name, from,
 * to, fits, path?, recorded?, asked?, line?, asks? }; of deploy: { playbook, was, version, hash, runs:
 * [{ run, name, on, state, fits, ... }] }. */
struct tsn_version_ask {
    const char *name; /* run, or playbook */
    const char *reason;
    int64_t version; /* move; 0 = the newest */
    bool dry_run;
};
void tsn_engine_move(struct tsn_engine *e, const struct tsn_actor *who,
                     const struct tsn_version_ask *ask, tsn_engine_done *done, void *user);
void tsn_engine_deploy(struct tsn_engine *e, const struct tsn_actor *who,
                       const struct tsn_version_ask *ask, tsn_engine_done *done, void *user);
/* Store thread: { steps: [{step,kind,name,outcome,effect,says?}] }, what a run did and what becomes
 * of the step it is at. */
tsn_err tsn_engine_steps(const struct tsn_engine *e, struct tsn_store *st, struct tsn_arena *a,
                         const char *run_id, json_t **out);
/* A kill always works: also a run that is stuck, diverged or in doubt. */
void tsn_engine_cancel(struct tsn_engine *e, const struct tsn_actor *who, const char *run,
                       const char *reason, tsn_engine_done *done, void *user);
/* An event for wait{}: kept until a wait of that case takes it. */
void tsn_engine_signal(struct tsn_engine *e, const char *case_id, const char *event,
                       const json_t *body, tsn_engine_done *done, void *user);

/* Store thread: the same within the caller's transaction. Wake `woken` after the commit. */
struct tsn_signal_new {
    const char *case_id, *event;
    const char *body;  /* JSON text */
    const char *actor; /* "svc:feed" "u:lead1"; NULL = the engine */
    const char *auth;  /* of a person; NULL = as services are */
    const char *run;   /* id of the run it is meant for; NULL = any of the case */
    int64_t cause;     /* 1 + seq of the entry that caused it; 0 = none */
};
struct tsn_signal_out {
    const char *woken; /* id of the run that took it, in the arena; NULL = none yet */
    int64_t seq;
};
tsn_err tsn_signal_put(struct tsn_store *st, struct tsn_arena *a, int64_t epoch,
                       const struct tsn_signal_new *fresh, int64_t now_ms,
                       struct tsn_signal_out *out, struct tsn_diag *diag);
/* This life's number, which guards every write to a run; 0 until ready. Loop thread. */
int64_t tsn_engine_epoch(const struct tsn_engine *e);

struct tsn_engine_stats {
    uint64_t resident, in_flight, started, finished, replays, worker_deaths, workers;
};
void tsn_engine_stats(const struct tsn_engine *e, struct tsn_engine_stats *out);
