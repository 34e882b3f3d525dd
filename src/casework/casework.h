/* casework.h - reports and cases: how they open, change and close, and what playbooks may ask.
 * Functions that take a struct tsn_store run on the store's thread inside an apply. */
#pragma once

#include <jansson.h>
#include "action/action.h"
#include "engine/engine.h"
#include "store/record_case.h"
#include "store/store.h"

struct tsn_policies;  /* casework/policy.h */
struct tsn_likeness;  /* casework/likeness.h */
struct tsn_customers; /* casework/customers.h */
struct tsn_viewer;    /* casework/access.h */

/* What a role sees and may; roles without a rule see open cases and may do every operation. */
enum tsn_role_sees {
    TSN_SEES_ASSIGNED, /* only cases whose member the person is */
    TSN_SEES_PRODUCT,  /* and open ones of products that the role owns */
    TSN_SEES_OPEN,     /* all that are not closed to members */
    TSN_SEES_ALL
};
struct tsn_role_rule {
    const char *role;
    enum tsn_role_sees sees;
    const char *const *may; /* operations or their domains; NULL = every one */
};

struct tsn_cve_block;
struct tsn_casework_config {
    const char *case_prefix; /* "PSIRT" */
    const json_t
        *products; /* [{ id, name, vendor, owner, branches... }] for pick and matching */
    const json_t *customers;     /* declared: [{ name, mail, products: [...] }] */
    struct tsn_customers *known; /* those of the store, customers.h; NULL = the declared ones */
    const char *const
        *house; /* domains, hosts and addresses of our own, NULL-terminated; may be NULL */
    const char *const
        *neutral_templates; /* mails that say nothing; NULL = ack-incident ack-report case-alert
                               embargo-terms */
    const char *const *markets;    /* NULL-terminated: eu cn uk us; NULL = none */
    struct tsn_policies *policies; /* in force: clocks, plans, ...; NULL = none */
    struct tsn_likeness *likeness; /* what the writer remembers of reports; NULL = nothing */
    const struct tsn_role_rule *roles;
    size_t nroles;
    int64_t default_embargo_ms;             /* the published default; 0 = none */
    const struct tsn_cve_block *cve_blocks; /* what we may reserve from; none: anything */
    size_t ncve_blocks;
    const char *const
        *lead_roles; /* NULL-terminated; NULL = psirt-lead case-lead duty-manager */
};

/* Registers case.set case.note case.link case.close case.get case.affected_customers
 * report.update: what prelude's case: and report: methods call. The config is borrowed. */
tsn_err tsn_casework_register(struct tsn_registry *r, const struct tsn_casework_config *config);

/* Opens a case for what came in: row, name from the yearly counter, entry case.created. */
struct tsn_case_new {
    const char *kind; /* incident weakness upstream */
    const char *title;
    const json_t *facts; /* becomes facts; must hold "report" for reported ones */
    const char *severity, *product, *tlp; /* may be NULL */
    const struct tsn_actor *by;
};
tsn_err tsn_case_open(struct tsn_store *st, struct tsn_arena *arena,
                      const struct tsn_casework_config *config, const struct tsn_case_new *in,
                      int64_t now_ms, struct tsn_rec_case *out);
/* Sets columns and facts from `changes`, one case.updated entry with from and to. */
tsn_err tsn_case_set(struct tsn_store *st, struct tsn_arena *arena, const char *case_id,
                     const json_t *changes, const struct tsn_actor *by, const char *run,
                     const char *step, int64_t now_ms, int64_t *seq, struct tsn_diag *diag);
tsn_err tsn_case_note(struct tsn_store *st, struct tsn_arena *arena, const char *case_id,
                      const char *text, const struct tsn_actor *by, const char *run,
                      const char *step, int64_t now_ms, int64_t *seq, struct tsn_diag *diag);
/* By id, name or unique prefix of the name. TSN_ENOTFOUND or TSN_ECONFLICT (ambiguous). */
tsn_err tsn_case_find(struct tsn_store *st, struct tsn_arena *arena, const char *ref,
                      struct tsn_rec_case *out, struct tsn_diag *diag);
/* JSON for lists and show; timeline entries in story form: [{ seq, time, time_ms, kind, word, actor,
 * text, quiet, run, step, outcome }], from the case chain and the chains of its runs, by seq. `word`
 * is for people (report ack severity asked approved unknown closed ...), `kind` is the entry's;
 * quiet ones are look-ups and bookkeeping. Texts of sealed fields that do not open are left out. */
json_t *tsn_case_json(const struct tsn_rec_case *c);
tsn_err tsn_case_timeline(struct tsn_store *st, struct tsn_arena *arena,
                          const struct tsn_rec_case *c, json_t **out);
/* The configured product with this id or (case folded) name; NULL = none. Borrowed. Pure. */
const json_t *tsn_case_product(const struct tsn_casework_config *config, const char *ref);
/* What a run is given as its case, frozen when it starts: { id, name, title, kind, severity, product,
 * receipt, report }. New reference. */
json_t *tsn_case_frozen(const struct tsn_rec_case *c);

/* --- operations ---------------------------------------------------------------------------------- */

/* One operation on a case: track.move, embargo.propose, case.merge ...; the same for people (by),
 * and for playbooks, which have them as actions (run, step). */
struct tsn_case_act {
    const char *case_id, *op;
    const json_t *args; /* borrowed */
    const struct tsn_actor *by;
    const char *service, *run, *step; /* NULL for people */
    const struct tsn_viewer *viewer;  /* who looks at other cases it names; NULL = sees all */
    int64_t now_ms;
};
/* Checks arguments and who may, does it, lets everything follow that must (forced moves, clocks,
 * phase), all in the caller's transaction. *result: new reference. W codes. */
tsn_err tsn_case_act(struct tsn_store *st, struct tsn_arena *arena,
                     const struct tsn_casework_config *config, const struct tsn_case_act *in,
                     json_t **result, int64_t *seq, struct tsn_diag *diag);
/* [{ name, summary, who, arguments }]; any thread. */
json_t *tsn_case_ops_json(void);
/* { report: [...], facts: [...], ..., phase: { name, workflow, next_needs } } */
json_t *tsn_case_tracks_json(struct tsn_store *st, struct tsn_arena *arena,
                             const struct tsn_rec_case *c);
/* A report was stored with its case: its tracks begin. */
tsn_err tsn_case_report_came(struct tsn_store *st, struct tsn_arena *arena,
                             const struct tsn_casework_config *config,
                             const struct tsn_rec_report *r, const struct tsn_actor *by,
                             int64_t now_ms, struct tsn_diag *diag);
/* Which policies apply to a case and why; policy_plan.h. New reference. */
tsn_err tsn_case_policy(struct tsn_store *st, struct tsn_arena *arena,
                        const struct tsn_casework_config *config, const struct tsn_rec_case *c,
                        json_t **out);
