/* advisory_life.h - the life of an advisory: one table of verbs for people, playbooks and timers.
 *
 * States and edges are those of the case's track `document` (casework/track.h); each verb moves it,
 * in the caller's transaction, together with row, release and entry. An approval is bound to the
 * digest that was shown: any edit ends it. What was released is a row of its own that never
 * changes. Store thread. */
#pragma once

#include "advisory/advisory.h"
#include "casework/casework.h"
#include "store/record_advisory.h"

struct tsn_advisory_ask {
    const char *
        verb; /* new edit review changes approve publish unschedule resume ahead withdraw supersede */
    const char *ref; /* id or name of the advisory; of `new` the case's id */
    const json_t *args;
    const struct tsn_actor *by; /* NULL: a service */
    const char *service, *run, *step;
    int64_t now_ms;
};

/* What the verbs work with: borrowed, set before the threads start. */
struct tsn_advisory_env {
    const struct tsn_publisher *publisher;
    const json_t *products;
    const struct tsn_casework_config *casework; /* may be NULL */
    bool tree; /* a publisher takes releases out: a release is out when that is done */
    bool cve;  /* there is an action cve.publish */
    const json_t *lists; /* who is told: `publish: lists:`; may be NULL */
};
extern struct tsn_advisory_env tsn_advisory_env;

/* *result: new reference { id, name, state, version, digest ... }. D codes: D101 not in this state,
 * D102 four eyes, D103 another digest, D104 nothing changed, D105 embargo, D106 bad instant. */
tsn_err tsn_advisory_act(struct tsn_store *st, struct tsn_arena *arena,
                         const struct tsn_advisory_ask *ask, json_t **result,
                         struct tsn_diag *diag);
/* By ULID or name; TSN_ENOTFOUND with D005. */
tsn_err tsn_advisory_find(struct tsn_store *st, struct tsn_arena *arena, const char *ref,
                          struct tsn_rec_advisory *out, struct tsn_diag *diag);
/* Review and approval by a playbook that has asked people itself: its log says who. */
tsn_err tsn_advisory_approved(struct tsn_store *st, struct tsn_arena *arena,
                              const struct tsn_advisory_ask *ask, struct tsn_diag *diag);
/* Runs that an op has made, to be woken after the commit. */
#define TSN_WAKES_MAX 200
struct tsn_advisory_wakes {
    const char *runs[TSN_WAKES_MAX];
    size_t n;
};
/* Scheduled ones whose instant has come, each moved to publishing with its release; those whose lists
 * want to know ahead (tell.h): their run is started, once. */
tsn_err tsn_advisory_due(struct tsn_store *st, struct tsn_arena *arena, int64_t now_ms,
                         struct tsn_advisory_wakes *wake, struct tsn_diag *diag);
/* Is there one? Reader as well. */
tsn_err tsn_advisory_waits(struct tsn_store *st, struct tsn_arena *arena, int64_t now_ms,
                           bool *due);
/* The files of the release are out: starts what follows (tell.h), or says that it is out when nothing
 * does. *run: id for tsn_engine_wake after the commit, or NULL. Again changes nothing. */
tsn_err tsn_advisory_public(struct tsn_store *st, struct tsn_arena *arena, const char *release,
                            int64_t now_ms, const char **run, struct tsn_diag *diag);
/* Public, and its run is over (or was never there): is there something to do? Reader as well. */
tsn_err tsn_advisory_follows(struct tsn_store *st, struct tsn_arena *arena,
                             const struct tsn_rec_release *r, bool *due, bool *held);
/* Newest release of the advisory, or TSN_ENOTFOUND. */
tsn_err tsn_advisory_last(struct tsn_store *st, struct tsn_arena *arena, const char *advisory,
                          struct tsn_rec_release *out);
/* The release with this number, or TSN_ENOTFOUND with D005. */
tsn_err tsn_advisory_numbered(struct tsn_store *st, struct tsn_arena *arena,
                              const struct tsn_rec_advisory *a, const char *number,
                              struct tsn_rec_release *out, struct tsn_diag *diag);
/* { id, name, case, state, level, changes: [words] } between two releases, by number; `from` NULL: the
 * last one, `to` NULL: the draft as it is. New reference. */
tsn_err tsn_advisory_changes(struct tsn_store *st, struct tsn_arena *arena,
                             const struct tsn_rec_advisory *a, const char *from, const char *to,
                             json_t **out, struct tsn_diag *diag);
/* The model of a draft with tracking, for any rendering; new reference. */
tsn_err tsn_advisory_model_of(const struct tsn_rec_advisory *a, json_t **model,
                              struct tsn_diag *diag);
/* For actions: the draft of the case as one call made it. */
tsn_err tsn_advisory_draft(struct tsn_store *st, struct tsn_arena *arena, const char *case_id,
                           const struct tsn_advisory_ask *ask, json_t **result,
                           struct tsn_diag *diag);
