/* intake.h - from bytes to an event, a case and runs: one store operation, then the answer.
 *
 * Limits and authenticity were checked before (api, feed). Normalises a report to one JSON form,
 * computes the dedupe key, applies the YAML rules (trigger -> playbook), and in one transaction
 * writes trigger.received, the event, report, case and run rows. Only after the commit `done`.
 * Loop thread.
 */
#pragma once

#include "casework/casework.h"
#include "engine/engine.h"
#include "store/record_case.h"

struct tsn_intake;

/* One rule: event kind, equal fields, playbook. */
struct tsn_rule {
    const char *on;          /* report.accepted advisory.matched */
    const char *const *when; /* NULL-terminated field, value, field, value ... */
    const char *run;         /* playbook name */
};

struct tsn_intake_config {
    struct tsn_engine *engine;
    struct tsn_writer *writer;
    const struct tsn_casework_config *casework;
    const struct tsn_rule *rules;
    size_t nrules;
    const json_t *noise; /* tsn_noise_rules(); NULL: no report ranks low */
    /* How rules find their playbook; NULL = tsn_engine_playbook(engine). Tests give their own. */
    const struct tsn_playbook *(*playbook)(const char *name, void *user);
    void *playbook_user;
};
/* At most TSN_RULES_MAX rules for one event kind (TSN_ETOOBIG). The config's rules, casework and
 * strings are borrowed until close. */
#define TSN_RULES_MAX 8
tsn_err tsn_intake_open(struct tsn_intake **out, const struct tsn_intake_config *config);
/* What is still with the writer finishes (and answers) by itself, without waking runs. */
void tsn_intake_close(struct tsn_intake *in);
/* Keeps `in` usable by an op that calls tsn_event_accept until release, also past close. Loop
 * thread. */
void tsn_intake_hold(struct tsn_intake *in);
void tsn_intake_release(struct tsn_intake *in);
/* Looks up again which playbooks the rules name. Call when the engine is ready (until then reports
 * and events are TSN_EBUSY: accepted, they would start nothing) and before submitting ops that
 * call tsn_event_accept; each report does it too. Cheap. */
void tsn_intake_refresh(struct tsn_intake *in);

/* done(0, seq, info): info = { report, receipt, case, case_id, runs: [..], duplicate: bool }, names
 * for people but for report and case_id. The same key with the same body gives the first answer
 * again; with another body TSN_ECONFLICT (H022). TSN_EFULL: answer 503. A key is the sender's: the
 * person's, or the source's where there is none. done may run inside the call when the report is
 * refused at once (H0xx, TSN_EFULL); else after the commit. */
void tsn_intake_report(struct tsn_intake *in, const struct tsn_actor *who, const char *source,
                       const char *idempotency_key, const json_t *report, tsn_engine_done *done,
                       void *user);
/* Starts a run by hand. `inputs` (may be NULL) must fit the playbook's: A012 A013 A014. done(0, -1,
 * info): info = { run, name, case, playbook, result: started|queued|joined|dropped }. R209: no such
 * playbook; R061: the case is closed. done may run inside the call when it is refused at once. */
void tsn_intake_start(struct tsn_intake *in, const struct tsn_actor *who, const char *playbook,
                      const char *case_ref, const json_t *inputs, tsn_engine_done *done,
                      void *user);
/* Shape of a report, the neutral form of docs/mail.md: { kind: incident|weakness, title, text, product,
 * contact{mail,phone,name}, severity?, version?, files?: [{ name, type, data: base64 }] ... }; in the
 * normal form files have size and sha256 instead of data. H012 H013 with a JSON pointer. Pure. */
#define TSN_REPORT_FILES     10
#define TSN_REPORT_FILE_MAX  ((size_t)8 << 20)
#define TSN_REPORT_FILES_MAX ((size_t)12 << 20)
tsn_err tsn_report_check(const json_t *report, json_t **normal, struct tsn_diag *diag);

/* --- store thread: used by feed to start runs for its matches in its own transaction ------ */

struct tsn_event_new {
    const char *source, *dedupe, *kind; /* "feed:acme", "CVE LF product", "advisory.matched" */
    const json_t *body;                 /* becomes input.event */
    const struct tsn_case_new *open;    /* case to open; may be NULL when case_id is set */
    const char *case_id;                /* use this existing case instead; NULL = open one */
    const struct tsn_actor *by;
    bool quiet; /* no note on the case when no rule is for this kind */
};
struct tsn_event_out {
    bool duplicate;
    int64_t seq;
    struct tsn_rec_case rcase;
    const char *runs[8]; /* ids: new ones, and open ones that the event joined */
    size_t nruns;
    const char *wake[24]; /* ids, for tsn_engine_wake after the commit */
    size_t nwake;
    size_t dropped; /* rules whose playbook has an open run with this key and wants no other */
    size_t missing; /* rules that name a playbook which is not there (noted on the case) */
};
tsn_err tsn_event_accept(struct tsn_store *st, struct tsn_arena *arena,
                         const struct tsn_intake *in, const struct tsn_event_new *ev,
                         int64_t now_ms, struct tsn_event_out *out, struct tsn_diag *diag);
/* An event about a case that exists: starts what the rules say for this kind, and writes nothing
 * when no rule is for it. *runs: ids of new runs are appended. Store thread. */
tsn_err tsn_intake_case_event(const struct tsn_intake *in, struct tsn_store *st,
                              struct tsn_arena *arena, const char *case_id, const char *kind,
                              const char *source, const char *dedupe, const json_t *body,
                              int64_t now_ms, json_t *runs, struct tsn_diag *diag);

/* A report inside another's transaction (a mail): the same entries, rows and runs as by
 * tsn_intake_report. `normal` is tsn_report_check's form; it may have more members. With `case_id`
 * it joins that open case as a `report.joined` event, for which there need not be a rule. The caller
 * makes sure that it comes once. TSN_EBUSY until the engine is ready. */
struct tsn_report_new {
    const char *source, *key; /* "mail", and what makes this one unique */
    const json_t *normal;
    const char *case_id;
    const struct tsn_actor *by;
};
tsn_err tsn_report_accept(struct tsn_store *st, struct tsn_arena *arena,
                          const struct tsn_intake *in, const struct tsn_report_new *report,
                          int64_t now_ms, struct tsn_event_out *out, struct tsn_diag *diag);
