/* record_run.h - what the store keeps of runs, the questions they ask, playbooks and schedules.
 *
 * Conventions in record.h. Constant tables; any thread.
 */
#pragma once

#include "store/record.h"

struct tsn_rec_run {
    const char *id, *name /* r-7k3m */, *case_id;
    const char *playbook; /* bundle hash, 64 hex */
    const char *title;    /* name@version */
    const char *state;    /* ready running waiting parked in_doubt stuck diverged cancelling
                             paused queued finished failed cancelled */
    const char *reason;   /* why it stopped: code and words a person may see; may be NULL */
    const char *key;      /* of the playbook's key=; may be NULL */
    const char *held;     /* paused: the state and reason it has otherwise, "state LF reason" */
    const char *hold;     /* paused: by whom and why */
    const char *origin;   /* retried or moved: id of the run it goes on from (seed, start) */
    const char *parent, *parent_path; /* started by that step of that run; may be NULL */
    const char *bond;                 /* what the parent's end means to it: cancel leave */
    const char *input, *result;       /* sealed JSON */
    int64_t level, epoch, owner, attempts, deliver_no, wake_at, started_at, ended_at;
    int64_t unwinding; /* 1: run.unwinding is on record, Lua has no part in it any more */
};
extern const struct tsn_table tsn_table_run;

struct tsn_rec_task {
    const char *id, *name /* ap-7k3m as-2x9d */, *run, *path, *case_id;
    const char *kind;       /* ask approve resolve */
    const char *state;      /* open answered approved rejected expired void */
    const char *role;       /* who may decide */
    const char *digest;     /* of what was shown, "sha256:..." */
    const char *decided_by; /* person, or "timeout" */
    const char *spec, *votes,
        *answer; /* sealed JSON: what is asked; votes so far; the result */
    int64_t quorum, opened_at, due_at, closed_at, nudge_at /* next reminder or escalation */;
};
extern const struct tsn_table tsn_table_task;

struct tsn_rec_playbook {
    const char *hash, *name;
    const char *meta;   /* JSON: what the worker's describe returned */
    const char *bundle; /* JSON: { files: { path: source } } */
    int64_t version, deployed_at;
};
extern const struct tsn_table tsn_table_playbook;

/* When a schedule comes next; `spec` tells whether it was changed. */
struct tsn_rec_schedule {
    const char *name, *spec;
    int64_t next_at, last_at;
};
extern const struct tsn_table tsn_table_schedule;

/* A mail to somebody about a question that waits too long, not yet sent; gone once it is settled. */
struct tsn_rec_page {
    const char *id; /* idempotency key, from task, kind, number and person */
    const char *task, *run, *person;
    const char *kind;          /* reminded escalated */
    const char *state;         /* due sending */
    int64_t attempts, next_at; /* next_at 0 while it is being sent */
};
extern const struct tsn_table tsn_table_page;
