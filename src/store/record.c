/* record.c - the tables, described as data for every backend. Constant; any thread. */
#include "store/record.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define TEXT(rec, f)                                                                           \
    {                                                                                          \
#f, TSN_COL_TEXT, offsetof(struct tsn_rec_##rec, f)                                    \
    }
#define INT(rec, f)                                                                            \
    {                                                                                          \
#f, TSN_COL_INT, offsetof(struct tsn_rec_##rec, f)                                     \
    }
#define BLOB(rec, f)                                                                           \
    {                                                                                          \
#f, TSN_COL_BLOB, offsetof(struct tsn_rec_##rec, f)                                    \
    }
#define SEALED(rec, f)                                                                         \
    {                                                                                          \
#f, TSN_COL_SEALED, offsetof(struct tsn_rec_##rec, f)                                  \
    }
#define TABLE(rec, case_column)                                                                \
    const struct tsn_table tsn_table_##rec = {#rec, sizeof(struct tsn_rec_##rec), rec##_cols,  \
                                              COUNT(rec##_cols), case_column}

static const struct tsn_col case_cols[] = {
    TEXT(case, id),       TEXT(case, name),     TEXT(case, kind),     TEXT(case, state),
    TEXT(case, severity), TEXT(case, tlp),      TEXT(case, product),  TEXT(case, resolution),
    TEXT(case, phase),    TEXT(case, embargo),  TEXT(case, access),   SEALED(case, title),
    SEALED(case, facts),  INT(case, opened_at), INT(case, closed_at), INT(case, updated_seq),
};
TABLE(case, 0);

static const struct tsn_col report_cols[] = {
    TEXT(report, id),     TEXT(report, name),   TEXT(report, case_id),    TEXT(report, kind),
    TEXT(report, source), SEALED(report, body), INT(report, received_at),
};
TABLE(report, 2);

static const struct tsn_col event_cols[] = {
    TEXT(event, id),     TEXT(event, dedupe),     TEXT(event, source),
    TEXT(event, kind),   TEXT(event, case_id),    TEXT(event, digest),
    TEXT(event, answer), INT(event, received_at), INT(event, seq),
};
TABLE(event, -1);

static const struct tsn_col run_cols[] = {
    TEXT(run, id),          TEXT(run, name),   TEXT(run, case_id),   TEXT(run, playbook),
    TEXT(run, title),       TEXT(run, state),  TEXT(run, reason),    TEXT(run, key),
    TEXT(run, held),        TEXT(run, hold),   TEXT(run, origin),    TEXT(run, parent),
    TEXT(run, parent_path), TEXT(run, bond),   SEALED(run, input),   SEALED(run, result),
    INT(run, level),        INT(run, epoch),   INT(run, owner),      INT(run, attempts),
    INT(run, deliver_no),   INT(run, wake_at), INT(run, started_at), INT(run, ended_at),
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

static const struct tsn_col token_cols[] = {
    TEXT(token, id),        TEXT(token, hash),      TEXT(token, person),
    TEXT(token, scopes),    TEXT(token, purpose),   INT(token, created_at),
    INT(token, expires_at), INT(token, revoked_at),
};
TABLE(token, -1);

static const struct tsn_col feed_cols[] = {
    TEXT(feed, name),  TEXT(feed, etag),     TEXT(feed, modified), TEXT(feed, cursor),
    TEXT(feed, error), INT(feed, polled_at), INT(feed, ok_at),     INT(feed, documents),
};
TABLE(feed, -1);

static const struct tsn_col document_cols[] = {
    TEXT(document, id),     TEXT(document, key),         TEXT(document, feed),
    TEXT(document, path),   TEXT(document, tracking_id), TEXT(document, version),
    TEXT(document, title),  TEXT(document, sha256),      TEXT(document, state),
    TEXT(document, reason), TEXT(document, listed),      TEXT(document, facts),
    BLOB(document, body),   INT(document, fetched_at),
};
TABLE(document, -1);

static const struct tsn_col match_cols[] = {
    TEXT(match, id),        TEXT(match, key),      TEXT(match, document),
    TEXT(match, product),   TEXT(match, owner),    TEXT(match, certainty),
    TEXT(match, evidence),  TEXT(match, case_id),  TEXT(match, run),
    TEXT(match, state),     TEXT(match, reason),   TEXT(match, priority),
    INT(match, created_at), INT(match, closed_at),
};
TABLE(match, -1);

static const struct tsn_col naming_cols[] = {
    TEXT(naming, id),
    TEXT(naming, key),
    TEXT(naming, vuln),
    TEXT(naming, document),
};
TABLE(naming, -1);

static const struct tsn_col mark_cols[] = {
    TEXT(mark, id),    TEXT(mark, key),  TEXT(mark, kind), TEXT(mark, vuln),
    TEXT(mark, value), TEXT(mark, feed), INT(mark, since),
};
TABLE(mark, -1);

static const struct tsn_col advisory_cols[] = {
    TEXT(advisory, id),         TEXT(advisory, name),      TEXT(advisory, case_id),
    TEXT(advisory, state),      TEXT(advisory, digest),    SEALED(advisory, csaf),
    SEALED(advisory, markdown), SEALED(advisory, model),   SEALED(advisory, life),
    INT(advisory, version),     INT(advisory, updated_at), INT(advisory, publish_at),
};
TABLE(advisory, 2);

static const struct tsn_col release_cols[] = {
    TEXT(release, id),        TEXT(release, advisory),   TEXT(release, name),
    TEXT(release, version),   TEXT(release, tlp),        TEXT(release, state),
    TEXT(release, digest),    SEALED(release, csaf),     SEALED(release, model),
    TEXT(release, signature), INT(release, released_at),
};
TABLE(release, -1);

static const struct tsn_col casekey_cols[] = {
    TEXT(casekey, case_id),
    BLOB(casekey, wrapped),
};
TABLE(casekey, -1);

static const struct tsn_col chain_cols[] = {
    TEXT(chain, chain),
    BLOB(chain, leaf),
    INT(chain, seq),
    INT(chain, rseq),
};
TABLE(chain, -1);

static const struct tsn_col meta_cols[] = {
    TEXT(meta, name),
    TEXT(meta, value),
};
TABLE(meta, -1);

static const struct tsn_col signal_cols[] = {
    TEXT(signal, id),       TEXT(signal, case_id), TEXT(signal, event),
    TEXT(signal, taken_by), SEALED(signal, body),  INT(signal, received_at),
};
TABLE(signal, 1);

static const struct tsn_col track_cols[] = {
    TEXT(track, id),        TEXT(track, case_id), TEXT(track, track),  TEXT(track, subject),
    TEXT(track, state),     SEALED(track, label), SEALED(track, data), INT(track, next_at),
    INT(track, updated_at), INT(track, seq),
};
TABLE(track, 1);

static const struct tsn_col checkpoint_cols[] = {
    TEXT(checkpoint, id),
    TEXT(checkpoint, note),
    INT(checkpoint, size),
    INT(checkpoint, kept),
};
TABLE(checkpoint, -1);

static const struct tsn_col sealkey_cols[] = {
    TEXT(sealkey, key),      TEXT(sealkey, origin),    INT(sealkey, epoch),
    INT(sealkey, from_size), INT(sealkey, until_size),
};
TABLE(sealkey, -1);
static const struct tsn_col policy_cols[] = {
    TEXT(policy, id),         TEXT(policy, name),   TEXT(policy, kind),
    TEXT(policy, state),      TEXT(policy, owner),  TEXT(policy, title),
    TEXT(policy, digest),     TEXT(policy, body),   TEXT(policy, proposed_by),
    TEXT(policy, decided_by), INT(policy, version), INT(policy, proposed_at),
    INT(policy, decided_at),
};
TABLE(policy, -1);

static const struct tsn_col schedule_cols[] = {
    TEXT(schedule, name),
    TEXT(schedule, spec),
    INT(schedule, next_at),
    INT(schedule, last_at),
};
TABLE(schedule, -1);

static const struct tsn_col mail_cols[] = {
    TEXT(mail, id),         TEXT(mail, sha256), TEXT(mail, twin),    TEXT(mail, source),
    TEXT(mail, state),      TEXT(mail, reason), TEXT(mail, case_id), TEXT(mail, sender),
    SEALED(mail, found),    SEALED(mail, raw),  INT(mail, size),     INT(mail, received_at),
    INT(mail, answered_at),
};
TABLE(mail, 6);

static const struct tsn_col attachment_cols[] = {
    TEXT(attachment, id),     TEXT(attachment, case_id),  TEXT(attachment, digest),
    TEXT(attachment, type),   TEXT(attachment, added_by), SEALED(attachment, name),
    SEALED(attachment, body), INT(attachment, size),      INT(attachment, added_at),
};
TABLE(attachment, 1);
