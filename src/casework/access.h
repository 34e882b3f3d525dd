/* access.h - one function that says who may see a case and what of it may go to whom.
 *
 * API, command line, search, lists, exports, notifications, metrics, error texts and the gate before
 * every outgoing step all ask tsn_access_judge. It is pure: the same answer for the same case
 * and asker. Not allowed and does not exist look the same to the asker; the reason is for the log.
 */
#pragma once

#include "casework/casework.h"
#include "store/record_case.h"

/* What the answer depends on, taken from the rows of one case. */
struct tsn_access_case {
    const char *tlp;                 /* clear green amber amber+strict red; NULL = none */
    const char *embargo;             /* state of the track; NULL = none */
    bool restricted;                 /* a lead has closed it to members */
    const char *const *members;      /* persons, NULL-terminated */
    const char *const *participants; /* mail addresses and hosts that accepted the terms */
    const char *const *invited;      /* asked for the terms: get what says nothing */
    const char *const *reporters;    /* mail addresses and receipts of attached reports */
    const char *const *customers;    /* mail addresses of configured customers of the product */
    const char *owner_role;          /* of the product; NULL = none */
    const char *const *plan_roles;   /* roles that the handling plan lets see it; may be NULL */
};

enum tsn_asker {
    TSN_ASKER_PERSON,  /* looks or acts */
    TSN_ASKER_ADDRESS, /* gets a mail */
    TSN_ASKER_HOST,    /* gets a request */
    TSN_ASKER_PUBLIC   /* a page, a file, a feed, unauthenticated metrics */
};
struct tsn_access_ask {
    enum tsn_asker kind;
    const char *person;
    const char *const *roles;
    bool owner;       /* the daemon's own owner, who may be anybody */
    const char *name; /* address or host */
    bool neutral;     /* says that there is a case, nothing about it */
    const char *const *lead_roles, *const *house; /* hosts and domains of our own */
    const struct tsn_role_rule *rules;            /* of the configuration */
    size_t nrules;
};
/* NULL = yes; else why not, for the log: embargo, tlp-red, members-only ... */
const char *tsn_access_judge(const struct tsn_access_ask *ask, const struct tsn_access_case *c);
/* Whether the roles of the person asking let them do this operation ("embargo.accept"); NULL = yes, else
 * the role that does not. Pure. */
const char *tsn_access_may(const struct tsn_access_ask *ask, const char *operation);
/* The widest of what the roles see. */
enum tsn_role_sees tsn_access_level(const struct tsn_access_ask *ask);
/* Only members see it: embargo proposed or in force, TLP:RED, or restricted. */
bool tsn_access_closed(const struct tsn_access_case *c);

/* --- on the store ---------------------------------------------------------------------------------- */

/* Who looks; strings are borrowed. */
struct tsn_viewer {
    const char *person;
    const char *const *roles;
    bool owner;
};
tsn_err tsn_access_load(struct tsn_store *st, struct tsn_arena *arena,
                        const struct tsn_casework_config *config, const struct tsn_rec_case *c,
                        struct tsn_access_case *out);
/* Whether this viewer sees this case; *closed: looking at it is an entry. `who` NULL = anybody of the
 * house, for figures that name nobody. */
tsn_err tsn_access_sees(struct tsn_store *st, struct tsn_arena *arena,
                        const struct tsn_casework_config *config, const struct tsn_viewer *who,
                        const struct tsn_rec_case *c, bool *sees, bool *closed);
/* Whether their roles let them see every case, whatever cases there are. */
bool tsn_access_sees_every(const struct tsn_casework_config *config,
                           const struct tsn_viewer *who);
/* tsn_case_find for a viewer: what is hidden is not there, in names and in hints too. */
tsn_err tsn_access_find(struct tsn_store *st, struct tsn_arena *arena,
                        const struct tsn_casework_config *config, const struct tsn_viewer *who,
                        const char *ref, struct tsn_rec_case *out, bool *closed,
                        struct tsn_diag *diag);
/* The registry's gate: in the transaction that records that a step will go out. W030 to W033. */
tsn_err tsn_access_gate(void *user, struct tsn_store *st, struct tsn_arena *arena,
                        const struct tsn_action *action, const char *case_id,
                        const json_t *args, int64_t now_ms, struct tsn_diag *diag);
/* The registry's rule: what the handling plan of the case lays down about a question. */
tsn_err tsn_plan_rule(void *user, struct tsn_store *st, struct tsn_arena *arena,
                      const struct tsn_rule_ask *ask, json_t **rule);
/* What this viewer must not see and what is noted when it is seen; in the arena. */
tsn_err tsn_access_view(struct tsn_store *st, struct tsn_arena *arena,
                        const struct tsn_casework_config *config, const struct tsn_viewer *who,
                        struct tsn_store_view *out);
