/* case_work.h - one change to a case: opened once, moved on its tracks, settled and saved once.
 *
 * Everything that happens to a case, from a person, a playbook or a timer, is a `struct
 * tsn_case_work` inside the caller's transaction. Closing it computes what follows by itself: forced
 * moves, clocks, the visible phase, who may see it. Private to src/casework. Store thread.
 */
#pragma once

#include "casework/case_int.h"
#include "casework/track.h"
#include "store/record_case.h"

#define TSN_FACT_INSTANTS "instants" /* { name: { at, noted_at, evidence?, was: [...] } } */

struct tsn_case_work {
    struct tsn_store *st;
    struct tsn_arena *arena;
    const struct tsn_casework_config *config; /* may be NULL */
    struct tsn_case_by by;
    int64_t now_ms;
    const struct tsn_viewer *viewer; /* NULL = sees all */
    int64_t approvers; /* people behind the approval that a playbook names; else 0 */
    struct tsn_rec_case c;
    json_t *facts; /* owned until close */
    int64_t seq;   /* of the last entry written; -1 = none */
    bool dirty;
};

/* TSN_ENOTFOUND with R064. After 0, close or abandon it. */
tsn_err tsn_case_work_open(struct tsn_case_work *w, struct tsn_store *st,
                           struct tsn_arena *arena, const struct tsn_casework_config *config,
                           const char *case_id, const struct tsn_case_by *by, int64_t now_ms,
                           struct tsn_diag *diag);
/* Settles and saves, unless `err` says that the change failed; returns err or what went wrong. */
tsn_err tsn_case_work_close(struct tsn_case_work *w, tsn_err err, struct tsn_diag *diag);
/* Open and close around nothing: after a change that was made another way. */
tsn_err tsn_case_settle(struct tsn_store *st, struct tsn_arena *arena,
                        const struct tsn_casework_config *config, const char *case_id,
                        const struct tsn_case_by *by, int64_t now_ms, struct tsn_diag *diag);

/* An entry on the case's chain, with one sealed field when `text` is given. */
tsn_err tsn_case_log(struct tsn_case_work *w, const char *kind, const char *reason,
                     const char *from, const char *to, const char *field, const char *text);

/* --- tracks ------------------------------------------------------------------------------------- */

/* How a move is written: everything may be NULL or 0. */
struct tsn_track_how {
    const char *reason; /* short word in clear */
    const char *label;  /* what the subject is called; sealed */
    const char *note;   /* why, in words; sealed */
    const json_t *data; /* replaces the row's data; NULL keeps it */
    int64_t at_ms;      /* when it happened, if not now */
    int64_t next_at;    /* when the ticker looks at it; 0 = never */
};

/* The row, or a fresh one in the first state of its track. */
tsn_err tsn_track_get(struct tsn_case_work *w, enum tsn_track t, const char *subject,
                      struct tsn_rec_track *out);
/* Rows of one track, or with TSN_TRACKS of all; oldest subject first. */
tsn_err tsn_track_list(struct tsn_store *st, struct tsn_arena *arena, const char *case_id,
                       enum tsn_track t, struct tsn_rec_track **out, size_t *n);
/* Judged by the tables, written as entry track.moved with from and to. No forced moves: those come
 * at close, so that what one action does is judged against the world it found. */
tsn_err tsn_track_move(struct tsn_case_work *w, enum tsn_track t, const char *subject,
                       const char *to, const struct tsn_track_how *how, struct tsn_diag *diag);
/* The row as it stands without judging or an entry: bookkeeping that an entry already tells. */
tsn_err tsn_track_put(struct tsn_case_work *w, enum tsn_track t, const char *subject,
                      const char *state, const struct tsn_track_how *how);
/* One letter of the case's own facts (subject ""), or of a vendor's. Nothing when it is set. */
tsn_err tsn_facts_raise(struct tsn_case_work *w, const char *vendor, unsigned letter,
                        const struct tsn_track_how *how, struct tsn_diag *diag);
tsn_err tsn_tracks_now(struct tsn_case_work *w, struct tsn_tracks_now *out);
/* data of a row as an object; new reference, never NULL. */
json_t *tsn_track_data(const struct tsn_rec_track *r);
/* "v-1f0c..." for names that must not stand in clear. */
const char *tsn_track_subject(struct tsn_case_work *w, const char *label);

/* --- instants ----------------------------------------------------------------------------------- */

/* When something happened. A first value is kept unless `correct`; a correction keeps the old ones
 * and is an entry. */
tsn_err tsn_case_instant(struct tsn_case_work *w, const char *name, int64_t at_ms,
                         const char *evidence, bool correct, struct tsn_diag *diag);
/* 0 = not known. */
int64_t tsn_case_instant_at(const json_t *facts, const char *name);

/* --- what closing computes ------------------------------------------------------------------------ */

tsn_err tsn_case_settle_clocks(struct tsn_case_work *w, struct tsn_diag *diag);
/* Ends the embargo whose agreed moment has come; *moved says that it did. The ticker's. */
tsn_err tsn_embargo_due(struct tsn_case_work *w, bool *moved, struct tsn_diag *diag);
/* A person said that this report is, or is not, the same as one of the case. */
tsn_err tsn_case_alike(struct tsn_case_work *w, const struct tsn_rec_report *of, bool same,
                       const char *why, struct tsn_diag *diag);
uint32_t tsn_case_have(const struct tsn_case_work *w, const struct tsn_rec_track *rows,
                       size_t n);
tsn_err tsn_case_ops_register(struct tsn_registry *r, const struct tsn_casework_config *config);

/* --- operations: one table for people, playbooks and tests ------------------------------------------ */

enum tsn_case_who {
    TSN_OP_WORK,   /* whoever works on the case, and playbooks */
    TSN_OP_PERSON, /* a named person only */
    TSN_OP_LEAD    /* a person with a lead's role */
};
struct tsn_case_op {
    const char *name; /* "embargo.propose" */
    const char *summary;
    enum tsn_case_who who;
    const char *keys; /* "end! note": names, `!` needed; separated by spaces */
    tsn_err (*fn)(struct tsn_case_work *w, const json_t *args, json_t **result,
                  struct tsn_diag *diag);
};
/* Each file of operations ends its table with a NULL name. */
/* The score that a report brings is kept for reference; report.received is its entry. */
void tsn_case_reporter_score(struct tsn_case_work *w, const struct tsn_rec_report *r);
extern const struct tsn_case_op tsn_ops_track[], tsn_ops_link[], tsn_ops_clock[],
    tsn_ops_embargo[], tsn_ops_evidence[], tsn_ops_policy[], tsn_ops_bounty[], tsn_ops_filing[],
    tsn_ops_assess[], tsn_ops_notice[], tsn_ops_alike[], tsn_ops_case[];
