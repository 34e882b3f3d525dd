/* action.h - what steps may do: the registry of actions and the life of one call.
 *
 * An action is `domain.verb` with a declared effect and in-doubt class. Three effects:
 *   none      a look-up: started, then its outcome is one commit, no intent
 *   store     changes only our own database: `apply` runs on the writer thread inside the very
 *             transaction that records the outcome, so it cannot be in doubt
 *   external  intent committed, then `start`, then outcome committed
 * The engine calls only this registry; higher layers register theirs at start. Loop thread only,
 * but for `apply`.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include "core/diag.h"
#include "core/mem.h"

enum tsn_effect { TSN_EFFECT_NONE, TSN_EFFECT_STORE, TSN_EFFECT_EXTERNAL };
enum tsn_doubt { TSN_DOUBT_REPEAT_SAFE, TSN_DOUBT_PROBE, TSN_DOUBT_ASK };
enum tsn_outcome {
    TSN_OUTCOME_OK,
    TSN_OUTCOME_FAIL,   /* final, with a reason the playbook can see */
    TSN_OUTCOME_RETRY,  /* nothing happened; may work later */
    TSN_OUTCOME_UNKNOWN /* may have happened: in doubt */
};

struct tsn_registry;
struct tsn_action;
struct tsn_store;

/* Who calls, filled by the engine; valid until done. Strings borrowed. */
struct tsn_call {
    const struct tsn_action *action;
    const char *run, *run_name, *case_id, *path;
    const char *idem;       /* idempotency key, 32 hex: hash(run, path) */
    json_t *args;           /* borrowed */
    int64_t attempt;        /* from 1 */
    int64_t retry_after_ms; /* set before done(RETRY): the other side asked to wait so long */
    void *impl;             /* the action's own state while in flight */
    /* Completes the call: loop thread, exactly once, never inside start. `result` may be NULL and
     * is copied; on a failure diag says why. */
    void (*done)(struct tsn_call *call, enum tsn_outcome outcome, const json_t *result,
                 const struct tsn_diag *diag);
    void *engine; /* the engine's; not for actions */
};

struct tsn_action {
    const char *name;    /* "edge.apply" */
    const char *summary; /* one line for lists */
    enum tsn_effect effect;
    enum tsn_doubt doubt; /* external only */
    int64_t timeout_ms;   /* 0 = 60 s; past it the engine cancels: external = unknown */
    int attempts;         /* tries when the outcome is RETRY; 0 = 5 */
    int64_t retry_first_ms,
        retry_max_ms;        /* pause before the second try, doubling; 0 = 1 s, 5 min */
    int64_t retry_within_ms; /* all tries of a step together; 0 = no end */
    int at_once;             /* calls under way at once; 0 = any number */
    int per_minute;          /* calls begun in a minute; 0 = any number */
    bool secret_args;        /* arguments are shown as *** */
    bool irreversible;       /* publish, notify, disclose */
    bool sends; /* tells people or systems outside something; a look-up: asks them */
    /* Who gets what it tells; the gate asks for each (casework/access.h). The argument that names
     * them, addresses or URLs; else the one system that it talks to, URL or host; both NULL: what
     * `sends` goes to nobody knows whom, anything else is a tool of our own. `internal`: the operator
     * says that the system behind it is of our own house. */
    const char *recipients, *goes_to;
    bool internal;
    const char *undo; /* name of the action that takes it back, NULL = none */
    const char *plan; /* name of the look-up that says what it would do, NULL = none */
    /* none and external: begin; an error means it could not begin (outcome FAIL with diag). */
    tsn_err (*start)(struct tsn_call *call, struct tsn_diag *diag);
    /* doubt probe: did the call with this key take effect? As start; outcome OK (it did, with its
     * result), FAIL (it did not and will not), UNKNOWN (a person is asked). */
    tsn_err (*probe)(struct tsn_call *call, struct tsn_diag *diag);
    void (*cancel)(
        struct tsn_call *call); /* stop it; done must not be called after; may be NULL */
    /* store: writer thread, inside the outcome's transaction. *result is the caller's (new
     * reference). An input error becomes outcome FAIL, others undo the whole op. `now_ms` is the
     * time of the outcome. */
    tsn_err (*apply)(struct tsn_store *st, struct tsn_arena *arena, const struct tsn_call *call,
                     int64_t now_ms, json_t **result, struct tsn_diag *diag);
    /* external: in the transaction of the first intent, whose entry is `seq`; for what must be found
     * again when an answer comes back another way. Store thread; may be NULL. */
    tsn_err (*intended)(struct tsn_store *st, struct tsn_arena *arena,
                        const struct tsn_call *call, int64_t seq, int64_t now_ms);
    void *user;
};

tsn_err tsn_registry_open(struct tsn_registry **out);
void tsn_registry_close(struct tsn_registry *r);
/* The struct and its strings are copied but for `user`. TSN_EDUP on a taken name. */
tsn_err tsn_registry_add(struct tsn_registry *r, const struct tsn_action *action);
const struct tsn_action *tsn_registry_find(const struct tsn_registry *r, const char *name);
/* R011 "edge has no `aply`" with what the domain can do and a suggestion. */
tsn_err tsn_registry_unknown(const struct tsn_registry *r, const char *name,
                             struct tsn_diag *diag);
/* Asked in the transaction that records the intent of an external step, or a change of our own store
 * that is irreversible or tells somebody: may this go out? TSN_EDENIED: the step fails with diag, and nothing was begun.
 * Store thread. */
typedef tsn_err tsn_gate_fn(void *user, struct tsn_store *st, struct tsn_arena *arena,
                            const struct tsn_action *action, const char *case_id,
                            const json_t *args, int64_t now_ms, struct tsn_diag *diag);
/* Before the engine opens. */
void tsn_registry_set_gate(struct tsn_registry *r, tsn_gate_fn *fn, void *user);
tsn_err tsn_registry_gate(const struct tsn_registry *r, struct tsn_store *st,
                          struct tsn_arena *arena, const struct tsn_action *action,
                          const char *case_id, const json_t *args, int64_t now_ms,
                          struct tsn_diag *diag);
/* What a part of a plan that people were shown is now. `part` is an object with `id` and `digest`: 0 and
 * *now, a new reference with a fresh `digest` (null: it is gone), or TSN_ENOTFOUND: not one of
 * this module's, or nothing that lives on. Only what belongs to the case may be given. Store thread. */
typedef tsn_err tsn_living_fn(void *user, struct tsn_store *st, struct tsn_arena *arena,
                              const char *case_id, const json_t *part, json_t **now);
/* Before the engine opens; TSN_ETOOBIG when there are too many. */
tsn_err tsn_registry_add_living(struct tsn_registry *r, tsn_living_fn *fn, void *user);
/* Those of `from` as well. */
tsn_err tsn_registry_share_living(struct tsn_registry *r, const struct tsn_registry *from);
tsn_err tsn_registry_living(const struct tsn_registry *r, struct tsn_store *st,
                            struct tsn_arena *arena, const char *case_id, const json_t *part,
                            json_t **now);
/* What the house has laid down about a question that a run of a case puts to people, asked in the
 * transaction that puts it: *rule is { policy, plan, because, role?, people?, four_eyes?, within_ms?,
 * escalate? }, a new reference, or NULL when nothing is laid down. `gate` is what is asked, `key` what
 * the playbook calls the role. Store thread. */
struct tsn_rule_ask {
    const char *case_id, *gate, *key;
    bool approval;
};
typedef tsn_err tsn_rule_fn(void *user, struct tsn_store *st, struct tsn_arena *arena,
                            const struct tsn_rule_ask *ask, json_t **rule);
/* Before the engine opens. */
void tsn_registry_set_rule(struct tsn_registry *r, tsn_rule_fn *fn, void *user);
tsn_err tsn_registry_rule(const struct tsn_registry *r, struct tsn_store *st,
                          struct tsn_arena *arena, const struct tsn_rule_ask *ask,
                          json_t **rule);
/* Runs fn(p) at close: for what an action's `user` points to. */
void tsn_registry_defer(struct tsn_registry *r, void (*fn)(void *), void *p);
size_t tsn_registry_list(const struct tsn_registry *r, const struct tsn_action *const **out);
