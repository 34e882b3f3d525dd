/* case_int.h - what the files of casework share; nobody else includes it.
 *
 * Store thread (inside an apply), but for the pure text helpers. */
#pragma once

#include "casework/casework.h"
#include "store/record_case.h"

/* Facts that casework keeps itself: case.set refuses these names. */
#define TSN_FACT_REPORT      "report"  /* the report as received, normalised */
#define TSN_FACT_RECEIPT     "receipt" /* "TR-..." */
#define TSN_FACT_STATE       "report_state"
#define TSN_FACT_UPDATES     "updates" /* [{ at, state, message }], newest last */
#define TSN_FACT_LINKS       "links"
#define TSN_FACT_CLOCKS      "clocks" /* { name: { started_at, due_at, owner?, met_at? } } */

#define TSN_CASE_TEXT_MAX    (64u << 10) /* one note, message or fact text, bytes */
#define TSN_CASE_TITLE_MAX   1000
#define TSN_CASE_FACTS_MAX   (1u << 20) /* all facts of a case as JSON */
#define TSN_CASE_LINKS_MAX   1000
#define TSN_CASE_UPDATES_MAX 1000
/* One more line for whoever holds a receipt; state and message may be NULL. */
void tsn_case_put_update(json_t *facts, const char *state, const char *message, int64_t now_ms);

/* Where a change comes from: who, and the step of a run when a playbook did it. */
struct tsn_case_by {
    const struct tsn_actor *actor; /* NULL or without person: the service */
    const char *service;           /* "svc:engine"; NULL = "svc:tocsin" */
    const char *run, *step;        /* NULL = not from a run */
};

/* "u:resp1" or the service name. */
const char *tsn_case_actor(struct tsn_arena *arena, const struct tsn_case_by *by);
/* Facts as an object (new reference); an empty one when there are none or they are sealed. */
json_t *tsn_case_facts(const struct tsn_rec_case *c);
/* Loads the case, TSN_ENOTFOUND with R064. */
tsn_err tsn_case_load(struct tsn_store *st, struct tsn_arena *arena, const char *case_id,
                      struct tsn_rec_case *out, struct tsn_diag *diag);
/* Writes the row back with these facts and the seq of the entry that changed it. */
tsn_err tsn_case_save(struct tsn_store *st, struct tsn_arena *arena, struct tsn_rec_case *c,
                      const json_t *facts, int64_t seq, struct tsn_diag *diag);
/* An entry on the chain of the case; `in` is filled up with who, case and run. */
tsn_err tsn_case_append(struct tsn_store *st, struct tsn_arena *arena,
                        const struct tsn_rec_case *c, const struct tsn_case_by *by,
                        struct tsn_append *in, int64_t *seq);
/* R060 "case.close: `resolution` ..." */
tsn_err tsn_case_bad(struct tsn_diag *diag, const char *where, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* A short word that may stand in clear in an entry: lower-case letters, digits, - _ . + */
bool tsn_case_word(const char *s, size_t max);

/* --- changes: each writes the row and its entry ------------------------------------------ */

tsn_err tsn_case_change(struct tsn_store *st, struct tsn_arena *arena,
                        const struct tsn_casework_config *config, const char *case_id,
                        const json_t *changes, const struct tsn_case_by *by, int64_t *seq,
                        json_t **changed, struct tsn_diag *diag);
tsn_err tsn_case_write_note(struct tsn_store *st, struct tsn_arena *arena, const char *case_id,
                            const char *text, const struct tsn_case_by *by, int64_t *seq,
                            struct tsn_diag *diag);
tsn_err tsn_case_link(struct tsn_store *st, struct tsn_arena *arena, const char *case_id,
                      const json_t *link, const struct tsn_case_by *by, int64_t now_ms,
                      int64_t *seq, struct tsn_diag *diag);
tsn_err tsn_case_close(struct tsn_store *st, struct tsn_arena *arena, const char *case_id,
                       const char *resolution, const char *reason, const struct tsn_case_by *by,
                       int64_t now_ms, int64_t *seq, struct tsn_diag *diag);
tsn_err tsn_case_report_update(struct tsn_store *st, struct tsn_arena *arena,
                               const char *case_id, const char *state, const char *message,
                               const struct tsn_case_by *by, int64_t now_ms, int64_t *seq,
                               struct tsn_diag *diag);
/* *clock: the clock as it stands now (new reference). Starting a running clock and meeting a met
 * one change nothing. */
tsn_err tsn_case_clock_start(struct tsn_store *st, struct tsn_arena *arena, const char *case_id,
                             const char *name, int64_t due_at_ms, const char *owner,
                             const struct tsn_case_by *by, int64_t now_ms, json_t **clock,
                             struct tsn_diag *diag);
tsn_err tsn_case_clock_met(struct tsn_store *st, struct tsn_arena *arena, const char *case_id,
                           const char *name, const struct tsn_case_by *by, int64_t now_ms,
                           json_t **clock, struct tsn_diag *diag);

/* --- products and customers of the configuration ----------------------------------------- */

/* [{ name, mail }] of the customers who have any of these products (ids), each mail once, in the
 * order of the configuration. New reference. */
json_t *tsn_case_customers(const struct tsn_casework_config *config, const json_t *products);
