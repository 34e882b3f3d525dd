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

/* policy.notify{}: whom of the house the plan wants told: { plan, mails: [{ name, mail }], unknown:
 * [names without an address under `parties`] }. */
static tsn_err op_notify(struct tsn_case_work *w, const json_t *args, json_t **result,
                         struct tsn_diag *diag)
{
    const struct tsn_policy_set *set = tsn_policies_now(w->config ? w->config->policies : NULL);
    const struct tsn_policy *doc = NULL;
    json_t *values = tsn_case_values(w), *mails = json_array(), *unknown = json_array();
    const struct tsn_plan *plan = tsn_plan_of(set, values, &doc);
    json_t *name, *mail;
    size_t i, k;
    (void)args;
    (void)diag;
    json_array_foreach(plan ? json_object_get(plan->says, "notify") : NULL, i, name)
    {
        const char *word = json_is_string(name) ? json_string_value(name) : "";
        json_t *list = json_object_get(doc->parties, word);
        if (!list)
            json_array_append_new(unknown, json_string(word));
        json_array_foreach(list, k, mail)
        {
            if (json_string_value(mail)[0] != '@')
                json_array_append_new(mails,
                                      json_pack("{s:s, s:O}", "name", word, "mail", mail));
        }
    }
    *result = json_pack("{s:s, s:o, s:o}", "plan", plan ? plan->id : "none", "mails", mails,
                        "unknown", unknown);
    json_decref(values);
    return 0;
}

const struct tsn_case_op tsn_ops_policy[] = {
    {"policy.notify", "Whom of the house the plan wants told, with their addresses",
     TSN_OP_WORK, "", op_notify},
    {"policy.plan", "The handling plan that applies: playbooks, clocks, approvals, recipients",
     TSN_OP_WORK, "", op_plan},
    {NULL, NULL, TSN_OP_WORK, NULL, NULL},
};
