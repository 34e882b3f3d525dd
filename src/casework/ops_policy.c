/* ops_policy.c - what playbooks ask of the policies in force. Store thread. */
#include "casework/living.h"
#include "casework/policy_plan.h"
#include "store/record_case.h"

static tsn_err op_plan(struct tsn_case_work *w, const json_t *args, json_t **result,
                       struct tsn_diag *diag)
{
    (void)args;
    (void)diag;
    *result = json_pack("{s:o}", "plan", tsn_living_plan(w));
    return 0;
}

tsn_err tsn_case_policy(struct tsn_store *st, struct tsn_arena *arena,
                        const struct tsn_casework_config *config, const struct tsn_rec_case *c,
                        json_t **out)
{
    struct tsn_case_work w = {
        .st = st, .arena = arena, .config = config, .c = *c, .facts = tsn_case_facts(c)};
    *out = tsn_plan_explain(&w);
    json_object_set_new(*out, "asked", tsn_plan_asked(st, arena, c->id));
    json_decref(w.facts);
    return 0;
}

const struct tsn_case_op tsn_ops_policy[] = {
    {"policy.plan", "The handling plan that applies: playbooks, clocks, approvals, recipients",
     TSN_OP_WORK, "", op_plan},
    {NULL, NULL, TSN_OP_WORK, NULL, NULL},
};
