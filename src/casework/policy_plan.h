/* policy_plan.h - handling plans and jurisdictions: what applies to a case, why, and what a
 * jurisdiction says about a recipient. Private to src/casework. Pure but for tsn_plan_explain. */
#pragma once

#include "casework/case_clocks.h"

/* What a plan lays down for one approval; `id` is its gate: the id of approve{} up to a `/`. */
struct tsn_plan_gate {
    const char *id, *role, *escalate; /* role NULL = what `roles` says, or the playbook */
    int64_t people, within_ms;        /* 0 = nothing laid down */
    bool four_eyes;                   /* nobody who has answered a question of the run */
};
/* One plan of a document of kind `handling`: the first that fits applies. */
struct tsn_plan {
    const char *id;
    struct tsn_when when;
    const json_t *says; /* { playbooks, clocks, roles, approvals, notify, recipients } */
    const struct tsn_plan_gate *gates;
    size_t ngates;
    const char *const *recipients; /* NULL = anybody; else words and names of parties */
};
/* One rule of a document of kind `jurisdiction`. */
struct tsn_juris_rule {
    const char *id, *why;
    struct tsn_when when, recipient;
    bool refuse;
};
tsn_err tsn_policy_read_plans(struct tsn_arena *arena, const struct tsn_yaml *root,
                              struct tsn_policy *p, struct tsn_diag *diag);
tsn_err tsn_policy_read_rules(struct tsn_arena *arena, const struct tsn_yaml *root,
                              struct tsn_policy *p, struct tsn_diag *diag);
/* NULL = may go; else the rule that refuses. */
const struct tsn_juris_rule *tsn_juris_judge(const struct tsn_policy_set *set,
                                             const json_t *values, const json_t *recipient);
/* { plan: {...}, considered: [{ policy, plan, fits, because }], clocks: [...], jurisdictions: [...] } */
json_t *tsn_plan_explain(const struct tsn_case_work *w);
/* The plan that applies, or NULL. */
const struct tsn_plan *tsn_plan_of(const struct tsn_policy_set *set, const json_t *values,
                                   const struct tsn_policy **doc);
/* `approvals`, `roles` and `recipients` of one plan; `parties` of the document. */
tsn_err tsn_plan_read_gates(struct tsn_arena *arena, const struct tsn_yaml *plan,
                            const struct tsn_yaml *parties, struct tsn_plan *out,
                            struct tsn_diag *diag);
tsn_err tsn_plan_read_parties(struct tsn_arena *arena, const struct tsn_yaml *parties,
                              const json_t **out, struct tsn_diag *diag);
/* NULL = the plan that applies names this recipient, or nobody; else the plan that does not. */
const struct tsn_plan *tsn_plan_leaves_out(const struct tsn_policy_set *set,
                                           const json_t *values, const json_t *recipient,
                                           const struct tsn_policy **doc);
/* The conditions that hold, in words; new reference, text. */
json_t *tsn_plan_why(const struct tsn_when *when, const json_t *values);
/* Every approval of the case that was asked for: what was laid down and who decides. New reference. */
json_t *tsn_plan_asked(struct tsn_store *st, struct tsn_arena *arena, const char *case_id);
/* YAML as JSON; numbers and flags stay what they are. New reference. */
json_t *tsn_policy_yaml_json(const struct tsn_yaml *node);
