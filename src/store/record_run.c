/* record_run.c - columns of runs, the questions they ask, playbooks and schedules. Constant; any thread. */
#include "store/record_run.h"
#include "store/record_cols.h"

static const struct tsn_col run_cols[] = {
    TEXT(run, id),          TEXT(run, name),   TEXT(run, case_id),   TEXT(run, playbook),
    TEXT(run, title),       TEXT(run, state),  TEXT(run, reason),    TEXT(run, key),
    TEXT(run, held),        TEXT(run, hold),   TEXT(run, origin),    TEXT(run, parent),
    TEXT(run, parent_path), TEXT(run, bond),   SEALED(run, input),   SEALED(run, result),
    INT(run, level),        INT(run, epoch),   INT(run, owner),      INT(run, attempts),
    INT(run, deliver_no),   INT(run, wake_at), INT(run, started_at), INT(run, ended_at),
    INT(run, unwinding),
};
TABLE(run, 2);

static const struct tsn_col task_cols[] = {
    TEXT(task, id),       TEXT(task, name),       TEXT(task, run),      TEXT(task, path),
    TEXT(task, case_id),  TEXT(task, kind),       TEXT(task, state),    TEXT(task, role),
    TEXT(task, digest),   TEXT(task, decided_by), SEALED(task, spec),   SEALED(task, votes),
    SEALED(task, answer), INT(task, quorum),      INT(task, opened_at), INT(task, due_at),
    INT(task, closed_at), INT(task, nudge_at),
};
TABLE(task, 4);

static const struct tsn_col playbook_cols[] = {
    TEXT(playbook, hash),   TEXT(playbook, name),   TEXT(playbook, meta),
    TEXT(playbook, bundle), INT(playbook, version), INT(playbook, deployed_at),
};
TABLE(playbook, -1);

static const struct tsn_col schedule_cols[] = {
    TEXT(schedule, name),
    TEXT(schedule, spec),
    INT(schedule, next_at),
    INT(schedule, last_at),
};
TABLE(schedule, -1);

static const struct tsn_col page_cols[] = {
    TEXT(page, id),   TEXT(page, task),  TEXT(page, run),     TEXT(page, person),
    TEXT(page, kind), TEXT(page, state), INT(page, attempts), INT(page, next_at),
};
TABLE(page, -1);
