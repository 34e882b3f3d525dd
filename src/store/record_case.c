/* record_case.c - columns of cases: reports, events, signals, tracks, policies, evidence. Constant; any thread. */
#include "store/record_case.h"
#include "store/record_cols.h"

static const struct tsn_col case_cols[] = {
    TEXT(case, id),       TEXT(case, name),     TEXT(case, kind),     TEXT(case, state),
    TEXT(case, severity), TEXT(case, tlp),      TEXT(case, product),  TEXT(case, resolution),
    TEXT(case, phase),    TEXT(case, embargo),  TEXT(case, access),   SEALED(case, title),
    SEALED(case, facts),  INT(case, opened_at), INT(case, closed_at), INT(case, updated_seq),
};
TABLE(case, 0);

static const struct tsn_col report_cols[] = {
    TEXT(report, id),     TEXT(report, name),   TEXT(report, case_id),    TEXT(report, kind),
    TEXT(report, source), SEALED(report, body), INT(report, received_at), INT(report, noise),
};
TABLE(report, 2);

static const struct tsn_col event_cols[] = {
    TEXT(event, id),     TEXT(event, dedupe),     TEXT(event, source),
    TEXT(event, kind),   TEXT(event, case_id),    TEXT(event, digest),
    TEXT(event, answer), INT(event, received_at), INT(event, seq),
};
TABLE(event, -1);

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

static const struct tsn_col policy_cols[] = {
    TEXT(policy, id),         TEXT(policy, name),   TEXT(policy, kind),
    TEXT(policy, state),      TEXT(policy, owner),  TEXT(policy, title),
    TEXT(policy, digest),     TEXT(policy, body),   TEXT(policy, proposed_by),
    TEXT(policy, decided_by), INT(policy, version), INT(policy, proposed_at),
    INT(policy, decided_at),
};
TABLE(policy, -1);

static const struct tsn_col customer_cols[] = {
    TEXT(customer, id),        TEXT(customer, handle),     TEXT(customer, origin),
    SEALED(customer, body),    TEXT(customer, changed_by), INT(customer, added_at),
    INT(customer, changed_at),
};
TABLE(customer, -1);

static const struct tsn_col attachment_cols[] = {
    TEXT(attachment, id),     TEXT(attachment, case_id),  TEXT(attachment, digest),
    TEXT(attachment, type),   TEXT(attachment, added_by), SEALED(attachment, name),
    SEALED(attachment, body), INT(attachment, size),      INT(attachment, added_at),
};
TABLE(attachment, 1);
