/* policy_plan.c - see policy_plan.h. */
#include "casework/policy_plan.h"

#include <string.h>
#include "core/json.h"
#include "core/text.h"

static void free_json(void *p)
{
    json_decref(p);
}

json_t *tsn_policy_yaml_json(const struct tsn_yaml *node)
{
    json_t *out;
    int64_t n;
    switch (node->type) {
    case TSN_YAML_SCALAR:
        if (!node->quoted && tsn_parse_int(node->scalar, INT64_MIN / 2, INT64_MAX / 2, &n) == 0)
            return json_integer(n);
        if (!node->quoted && (!strcmp(node->scalar, "true") || !strcmp(node->scalar, "false")))
            return json_boolean(node->scalar[0] == 't');
        return json_string(node->scalar);
    case TSN_YAML_LIST:
        out = json_array();
        for (const struct tsn_yaml *c = node->first; c; c = c->next)
            json_array_append_new(out, tsn_policy_yaml_json(c));
        return out;
    case TSN_YAML_MAP:
        break;
    }
    out = json_object();
    for (const struct tsn_yaml *c = node->first; c; c = c->next)
        json_object_set_new(out, c->key, tsn_policy_yaml_json(c));
    return out;
}

static tsn_err items_of(const struct tsn_yaml *root, const char *key,
                        const struct tsn_yaml **list, size_t *n, struct tsn_diag *diag)
{
    *list = tsn_yaml_find(root, key);
    *n = 0;
    if (!*list || (*list)->type != TSN_YAML_LIST || !(*list)->first)
        return tsn_yaml_fail(*list ? *list : root, diag, TSN_EINPUT, "C013",
                             "`%s` needs at least one item", key);
    for (const struct tsn_yaml *i = (*list)->first; i; i = i->next) {
        if (i->type != TSN_YAML_MAP)
            return tsn_yaml_fail(i, diag, TSN_EINPUT, "C014", "each of `%s` is a group", key);
        (*n)++;
    }
    return 0;
}

tsn_err tsn_policy_read_plans(struct tsn_arena *arena, const struct tsn_yaml *root,
                              struct tsn_policy *p, struct tsn_diag *diag)
{
    static const char *const top[] = {"policy", "kind",   "version", "owner",
                                      "title",  "source", "plans",   "parties"};
    static const char *const known[] = {"id",    "when",      "playbooks", "clocks",
                                        "roles", "approvals", "notify",    "recipients",
                                        "note",  "access"};
    const struct tsn_yaml *list;
    tsn_err err = tsn_yaml_known(root, "handling", top, sizeof top / sizeof top[0], diag);
    if (!err)
        err = items_of(root, "plans", &list, &p->nplans, diag);
    const struct tsn_yaml *parties = tsn_yaml_find(root, "parties");
    if (!err)
        err = tsn_plan_read_parties(arena, parties, &p->parties, diag);
    if (err)
        return err;
    struct tsn_plan *plans = tsn_arena_alloc(arena, p->nplans * sizeof *plans), *one = plans;
    p->plans = plans;
    for (const struct tsn_yaml *i = list->first; i && !err; i = i->next, one++) {
        err = tsn_yaml_known(i, "plan", known, sizeof known / sizeof known[0], diag);
        if (!err)
            err = tsn_yaml_str(i, "id", true, &one->id, diag);
        if (!err)
            err = tsn_when_read(arena, tsn_yaml_find(i, "when"), &one->when, diag);
        if (!err)
            err = tsn_plan_read_gates(arena, i, parties, one, diag);
        json_t *says = err ? NULL : tsn_policy_yaml_json(i);
        json_object_del(says, "when");
        one->says = says;
        tsn_arena_defer(arena, free_json, says);
    }
    return err;
}

tsn_err tsn_policy_read_rules(struct tsn_arena *arena, const struct tsn_yaml *root,
                              struct tsn_policy *p, struct tsn_diag *diag)
{
    static const char *const top[] = {"policy", "kind",   "version", "owner",
                                      "title",  "source", "rules"};
    static const char *const known[] = {"id", "when", "recipient", "verdict", "why"};
    const struct tsn_yaml *list;
    tsn_err err = tsn_yaml_known(root, "jurisdiction", top, sizeof top / sizeof top[0], diag);
    if (!err)
        err = items_of(root, "rules", &list, &p->nrules, diag);
    if (err)
        return err;
    struct tsn_juris_rule *rules = tsn_arena_alloc(arena, p->nrules * sizeof *rules),
                          *one = rules;
    p->rules = rules;
    for (const struct tsn_yaml *i = list->first; i && !err; i = i->next, one++) {
        const char *verdict = NULL;
        err = tsn_yaml_known(i, "rule", known, sizeof known / sizeof known[0], diag);
        if (!err)
            err = tsn_yaml_str(i, "id", true, &one->id, diag);
        if (!err)
            err = tsn_when_read(arena, tsn_yaml_find(i, "when"), &one->when, diag);
        if (!err)
            err = tsn_when_read(arena, tsn_yaml_find(i, "recipient"), &one->recipient, diag);
        if (!err)
            err = tsn_yaml_str(i, "why", true, &one->why, diag);
        if (!err)
            err = tsn_yaml_str(i, "verdict", true, &verdict, diag);
        one->refuse = verdict && !strcmp(verdict, "refuse");
        if (!err && verdict && !one->refuse && strcmp(verdict, "allow") != 0) {
            err = tsn_yaml_fail(tsn_yaml_find(i, "verdict"), diag, TSN_EINPUT, "C030",
                                "`verdict` cannot be `%.40s`", verdict);
            tsn_diag_hint(diag, "it takes: refuse, allow");
        }
    }
    return err;
}

const struct tsn_juris_rule *tsn_juris_judge(const struct tsn_policy_set *set,
                                             const json_t *values, const json_t *recipient)
{
    for (size_t i = 0; i < set->n; i++)
        for (size_t k = 0; k < set->docs[i]->nrules; k++) {
            const struct tsn_juris_rule *r = &set->docs[i]->rules[k];
            if (!tsn_when_fits(&r->when, values) || !tsn_when_fits(&r->recipient, recipient))
                continue;
            if (r->refuse)
                return r;
            break; /* the first that fits decides for its document */
        }
    return NULL;
}

const struct tsn_plan *tsn_plan_of(const struct tsn_policy_set *set, const json_t *values,
                                   const struct tsn_policy **doc)
{
    for (size_t i = 0; i < set->n; i++)
        for (size_t k = 0; k < set->docs[i]->nplans; k++)
            if (tsn_when_fits(&set->docs[i]->plans[k].when, values)) {
                *doc = set->docs[i];
                return &set->docs[i]->plans[k];
            }
    return NULL;
}

/* "severity is medium, not critical": the first condition that does not hold; NULL = all hold. */
static json_t *because(const struct tsn_when *when, const json_t *values)
{
    const char *key;
    json_t *words;
    json_object_foreach((json_t *)(uintptr_t)when->map, key, words)
    {
        json_t *only = json_pack("{s:O}", key, words);
        struct tsn_when one = {.map = only};
        bool fits = tsn_when_fits(&one, values);
        json_decref(only);
        if (fits)
            continue;
        char *is = json_object_get(values, key) ? tsn_json_text(json_object_get(values, key))
                                                : tsn_strdup("not known");
        char *want = tsn_json_text(words);
        json_t *out = json_sprintf("%s is %.200s, not one of %.200s", key, is, want);
        free(is);
        free(want);
        return out;
    }
    return NULL;
}

static bool lists(const struct tsn_plan *plan, const char *key, const char *word)
{
    size_t i;
    json_t *one;
    json_array_foreach(plan ? json_object_get(plan->says, key) : NULL, i, one)
    {
        if (json_is_string(one) && !strcmp(json_string_value(one), word))
            return true;
    }
    return false;
}

/* Clocks that the plan counts on and no pack defines. New reference. */
static json_t *no_such_clocks(const struct tsn_policy_set *set, const struct tsn_plan *plan)
{
    size_t i;
    json_t *one, *out = json_array();
    json_array_foreach(plan ? json_object_get(plan->says, "clocks") : NULL, i, one)
    {
        if (json_is_string(one) && !tsn_policies_clock(set, json_string_value(one)))
            json_array_append(out, one);
    }
    return out;
}

json_t *tsn_plan_explain(const struct tsn_case_work *w)
{
    const struct tsn_policy_set *set = tsn_policies_now(w->config ? w->config->policies : NULL);
    json_t *values = tsn_case_values(w), *considered = json_array(), *clocks = json_array();
    json_t *juris = json_array(), *out = json_object();
    const struct tsn_policy *doc = NULL;
    const struct tsn_plan *plan = tsn_plan_of(set, values, &doc);
    for (size_t i = 0; i < set->n; i++) {
        const struct tsn_policy *p = set->docs[i];
        json_t *name = json_sprintf("%s@%lld", p->name, (long long)p->version);
        for (size_t k = 0; k < p->nplans; k++) {
            json_t *why = because(&p->plans[k].when, values);
            json_array_append_new(
                considered,
                json_pack("{s:O, s:s, s:b, s:b, s:o}", "policy", name, "plan", p->plans[k].id,
                          "fits", why == NULL, "applies", &p->plans[k] == plan, "because",
                          why ? why : tsn_plan_why(&p->plans[k].when, values)));
        }
        for (size_t k = 0; k < p->nclocks; k++) {
            json_t *why = because(&p->clocks[k].applies_if, values);
            json_array_append_new(
                clocks, json_pack("{s:O, s:s, s:b, s:b, s:o, s:s}", "policy", name, "clock",
                                  p->clocks[k].id, "fits", why == NULL, "planned",
                                  lists(plan, "clocks", p->clocks[k].id), "because",
                                  why ? why : json_string("all conditions hold"), "source",
                                  p->clocks[k].source));
        }
        for (size_t k = 0; k < p->nrules; k++) {
            json_t *why = because(&p->rules[k].when, values);
            json_array_append_new(
                juris,
                json_pack("{s:O, s:s, s:b, s:o, s:s, s:s}", "policy", name, "rule",
                          p->rules[k].id, "fits", why == NULL, "because",
                          why ? why : json_string("all conditions hold"), "verdict",
                          p->rules[k].refuse ? "refuse" : "allow", "why", p->rules[k].why));
        }
        json_decref(name);
    }
    if (plan) {
        json_t *says = json_deep_copy(plan->says);
        json_object_set_new(says, "policy",
                            json_sprintf("%s@%lld", doc->name, (long long)doc->version));
        json_object_set_new(says, "owner", json_string(doc->owner));
        json_object_set_new(out, "plan", says);
    } else {
        json_object_set_new(out, "plan", json_null());
    }
    json_object_set_new(out, "considered", considered);
    json_object_set_new(out, "clocks", clocks);
    json_object_set_new(out, "no_such_clocks", no_such_clocks(set, plan));
    json_object_set_new(out, "jurisdictions", juris);
    json_object_set_new(out, "case", json_string(w->c.name));
    json_decref(values);
    return out;
}
