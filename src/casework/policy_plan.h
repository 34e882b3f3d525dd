/* policy_plan.h - handling plans and jurisdictions: what applies to a case, why, and what a
 * jurisdiction says about a recipient. Private to src/casework. Pure but for tsn_plan_explain. */
#pragma once

#include "casework/case_clocks.h"

/* One plan of a document of kind `handling`: the first that fits applies. */
struct tsn_plan {
    const char *id;
    struct tsn_when when;
    const json_t *says; /* { playbooks, clocks, roles, approvals, notify, recipients } */
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
/* YAML as JSON; numbers and flags stay what they are. New reference. */
json_t *tsn_policy_yaml_json(const struct tsn_yaml *node);
