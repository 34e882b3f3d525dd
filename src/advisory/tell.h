/* tell.h - what follows when the files of a release are out, and who is told ahead: a run.
 *
 * A release ends with its CVE records and with those who are told, in this order. Both go out as steps of
 * a run, so they have intents, outcomes, retries, the gate and people for what is in doubt like every
 * other effect: playbook `publication`, and `advance-notice` for those who accepted the terms before an
 * embargo ends. The event that such a run gets is made here and holds everything it sends, frozen: lists
 * of the configuration with the customers they mean (by product and contract), letters as rendered, CNA containers.
 * Store thread, in the caller's transaction. */
#pragma once

#include "advisory/advisory_life.h"

#define TSN_TELL_OUT   "publication"
#define TSN_TELL_AHEAD "advance-notice"

/* { kind, advisory, version, release?, tlp, cve: [{ cve, container, reference }], over: [the same, of what is
 * withdrawn or superseded], mails: [{ to, customer,
 * list, letter, encrypt?, language? }], invite: [{ to, customer, ... }], letters: { LIST or LIST:FORMS:
 * { subject, text, attach } } }. `r` NULL:
 * ahead of publication, from the draft. Whoever was told of this version already is left out. *empty:
 * there is nothing to do. New reference. */
tsn_err tsn_tell_event(struct tsn_store *st, struct tsn_arena *arena,
                       const struct tsn_rec_advisory *a, const struct tsn_rec_release *r,
                       json_t **event, bool *empty, struct tsn_diag *diag);
/* What would follow if it were released as it stands, for people: the event without letters, each mail with its
 * subject and the names of what goes along. New reference. */
tsn_err tsn_tell_plan(struct tsn_store *st, struct tsn_arena *arena,
                      const struct tsn_rec_advisory *a, json_t **out, struct tsn_diag *diag);
/* Makes the run; *run is its id, for tsn_engine_wake after the commit, or NULL: nothing to do. P004
 * without such a playbook. */
tsn_err tsn_tell_start(struct tsn_store *st, struct tsn_arena *arena,
                       const struct tsn_rec_advisory *a, const struct tsn_rec_release *r,
                       const struct tsn_actor *by, int64_t now_ms, const char **run,
                       struct tsn_diag *diag);
/* { advisory, version, items: [{ to, customer, list, stage, state, since?, version? }] }: who was told,
 * and who would be (state planned, or invited ... where the terms are not accepted). New reference. */
tsn_err tsn_tell_view(struct tsn_store *st, struct tsn_arena *arena,
                      const struct tsn_rec_advisory *a, json_t **out, struct tsn_diag *diag);
/* How long before its instant the first list wants to know; 0 = none does. Pure. */
int64_t tsn_tell_before(const json_t *lists);
