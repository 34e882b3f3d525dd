/* record_ingest.c - columns of what feeds brought and what was decided about it. Constant; any thread. */
#include "store/record_ingest.h"
#include "store/record_cols.h"

static const struct tsn_col raw_cols[] = {
    TEXT(raw, sha256),
    BLOB(raw, body),
    INT(raw, size),
    INT(raw, seen_at),
};
TABLE(raw, -1);

static const struct tsn_col observation_cols[] = {
    TEXT(observation, id),     TEXT(observation, feed),      TEXT(observation, path),
    TEXT(observation, sha256), TEXT(observation, listed),    TEXT(observation, state),
    TEXT(observation, reason), TEXT(observation, signature), INT(observation, hashed),
    INT(observation, seen_at), INT(observation, settled_at),
};
TABLE(observation, -1);

static const struct tsn_col revision_cols[] = {
    TEXT(revision, id),        TEXT(revision, key),         TEXT(revision, document),
    TEXT(revision, feed),      TEXT(revision, observation), TEXT(revision, sha256),
    TEXT(revision, kind),      TEXT(revision, substance),   TEXT(revision, version),
    TEXT(revision, flags),     TEXT(revision, changes),     INT(revision, n),
    INT(revision, created_at),
};
TABLE(revision, -1);

static const struct tsn_col decision_cols[] = {
    TEXT(decision, id),        TEXT(decision, key),       TEXT(decision, feed),
    TEXT(decision, document),  TEXT(decision, advisory),  TEXT(decision, state),
    TEXT(decision, verdict),   TEXT(decision, reason),    TEXT(decision, rule),
    TEXT(decision, band),      TEXT(decision, product),   TEXT(decision, grouped),
    TEXT(decision, input),     TEXT(decision, digest),    TEXT(decision, lua),
    TEXT(decision, case_id),   TEXT(decision, run),       TEXT(decision, by),
    INT(decision, urgent),     INT(decision, created_at), INT(decision, due_at),
    INT(decision, decided_at),
};
TABLE(decision, -1);

static const struct tsn_col feeddesk_cols[] = {
    TEXT(feeddesk, name),       TEXT(feeddesk, definition), TEXT(feeddesk, trust),
    TEXT(feeddesk, storm),      TEXT(feeddesk, paused_by),  INT(feeddesk, paused_at),
    INT(feeddesk, storm_at),    INT(feeddesk, observed),    INT(feeddesk, revised),
    INT(feeddesk, quarantined), INT(feeddesk, duplicate),
};
TABLE(feeddesk, -1);

static const struct tsn_col mapping_cols[] = {
    TEXT(mapping, id),      TEXT(mapping, key),    TEXT(mapping, kind),
    TEXT(mapping, product), TEXT(mapping, vendor), TEXT(mapping, name),
    TEXT(mapping, verdict), TEXT(mapping, by),     TEXT(mapping, reason),
    INT(mapping, made_at),
};
TABLE(mapping, -1);
