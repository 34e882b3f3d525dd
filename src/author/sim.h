/* sim.h - a whole tocsin in one process without a daemon: real store, engine, worker, casework and
 * decisions; simulated time; connectors that record what they are asked and answer what they are told.
 *
 * For specs, dry runs and the debugger. One process has one at a time, because the clock is the
 * process's (core/clock.h). One thread, which is the loop thread; calls block until nothing moves. The
 * database is a file of its own folder and is removed at close. Errors: diag; L28x from here.
 */
#pragma once

#include <jansson.h>
#include "action/builtin.h"
#include "advisory/advisory.h"
#include "casework/casework.h"
#include "intake/intake.h"

struct tsn_sim;

struct tsn_sim_person {
    const char *id;
    const char *const *roles; /* NULL-terminated */
};

/* Everything borrowed until close. */
struct tsn_sim_config {
    const char *playbook_dir;
    const struct tsn_casework_config *casework;
    const struct tsn_policy_file *policies; /* adopted at the start, as a node does */
    size_t npolicies;
    const struct tsn_publisher *publisher;
    const json_t *products, *picks;
    const struct tsn_mail_config *mail; /* its templates are used; nothing leaves the process */
    const struct tsn_plugin_config *plugins; /* dir must be set; only the manifests are read */
    size_t nplugins;
    const struct tsn_exec_config *exec; /* nothing is started */
    size_t nexec;
    const struct tsn_sim_person *people;
    size_t npeople;
    int64_t start_ms; /* 0 = TSN_SIM_START */
    /* Dry run: a call that has no answer is noted and not played, and its result is { "tsn.unknown": path },
     * which stops the playbook with L285 when it looks into it. mail.send is not composed either. */
    bool dry;
    /* Dry run only: asks the real system for a look-up (an action without effect). 0: *out is { outcome,
     * result or error: { code, message } }, a new reference. NULL: look-ups are unknown. Blocks. */
    tsn_err (*look)(void *user, const char *action, const json_t *args, json_t **out,
                    struct tsn_diag *diag);
    void *look_user;
};
#define TSN_SIM_START INT64_C(1767225600000) /* 2026-01-01T00:00:00Z, a Thursday */

tsn_err tsn_sim_open(struct tsn_sim **out, const struct tsn_sim_config *config,
                     struct tsn_diag *diag);
void tsn_sim_close(struct tsn_sim *sim); /* NULL allowed */

/* Connectors without starting anything: { "edge": { "apply": { effect, undo, irreversible, summary } } }
 * for lint and lists; new reference. */
tsn_err tsn_sim_connectors(const struct tsn_sim_config *config, json_t **out,
                           struct tsn_diag *diag);
/* File and diagnosis of playbooks that do not load; NULL when there are none. */
const struct tsn_diag *tsn_sim_broken(const struct tsn_sim *sim, const char *playbook);

/* --- what happens ------------------------------------------------------------------------- */

/* Starts `playbook` through the intake: what = { report } as a reporter would send it, or { event,
 * case: { kind, title, severity, product, facts } } for any other trigger. The run is then `current`. */
tsn_err tsn_sim_start(struct tsn_sim *sim, const char *playbook, const json_t *what,
                      struct tsn_diag *diag);
/* Time passes; all that falls due on the way happens at its own time. */
tsn_err tsn_sim_advance(struct tsn_sim *sim, int64_t ms, struct tsn_diag *diag);
/* verb: "answer" "approve" "reject"; `id` is the playbook's name of the question. A refusal is the
 * engine's own, with its code. */
tsn_err tsn_sim_decide(struct tsn_sim *sim, const char *verb, const char *id,
                       const char *person, const char *reason, const json_t *answer,
                       struct tsn_diag *diag);
/* An operation on the case of the run (docs/casework.md), done by a person. */
tsn_err tsn_sim_act(struct tsn_sim *sim, const char *op, const json_t *args, const char *person,
                    struct tsn_diag *diag);
tsn_err tsn_sim_signal(struct tsn_sim *sim, const char *event, const json_t *body,
                       struct tsn_diag *diag);
tsn_err tsn_sim_cancel(struct tsn_sim *sim, const char *person, const char *reason,
                       struct tsn_diag *diag);
/* What is not on disk is gone; everything starts again from the database. */
tsn_err tsn_sim_crash(struct tsn_sim *sim, struct tsn_diag *diag);
/* The same by itself behind the n-th outcome that is committed from now on (1 = the next), and, with
 * `every`, behind all later ones too. 0 = never. */
void tsn_sim_crash_at(struct tsn_sim *sim, int64_t n, bool every);
int64_t tsn_sim_crashes(const struct tsn_sim *sim);  /* so far */
int64_t tsn_sim_outcomes(const struct tsn_sim *sim); /* committed since open */

/* How a connector answers from now on: outcome ok, fail, retry, unknown or hang; `result` for ok (may be
 * NULL), code and message otherwise; `times` 0 = always. */
void tsn_sim_answers(struct tsn_sim *sim, const char *action, const char *outcome,
                     const json_t *result, const char *code, const char *message,
                     int64_t times);

/* --- what is so --------------------------------------------------------------------------- */

/* { now, run: { id, name, title, state, reason, result, path }, case, entries: [ { seq, at, chain, kind,
 * actor, step, outcome, reason, from, to, args, result } ], tasks: [ { id, kind, state, role, roles, title,
 * show, fields, quorum, votes, due_at, opened_at, may: [ person ] } ], calls: [ { action, args, at, tries }
 * ] } of the current run; new reference. */
tsn_err tsn_sim_look(struct tsn_sim *sim, json_t **out, struct tsn_diag *diag);
int64_t tsn_sim_now(const struct tsn_sim *sim);
