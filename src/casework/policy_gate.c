/* policy_gate.c - what a handling plan lays down and is held to: who approves, how many, in what time,
 * and who may be told. See policy_plan.h. */
#include <string.h>
#include <strings.h>
#include "casework/access.h"
#include "casework/policy_plan.h"
#include "core/json.h"
#include "core/text.h"
#include "store/record_run.h"

#define PEOPLE_MAX 20

static const char *const recipient_words[] = {
    "reporter", "participants", "affected-customers", "contract-customers", "house", "others"};

/* --- reading ------------------------------------------------------------------------------------- */

static tsn_err word_in(const struct tsn_yaml *map, const char *key, const char **out,
                       struct tsn_diag *diag)
{
    tsn_err err = tsn_yaml_str(map, key, false, out, diag);
    if (!err && *out && !tsn_word_ok(*out, 64)) {
        err = tsn_yaml_fail(tsn_yaml_find(map, key), diag, TSN_EINPUT, "C039",
                            "`%.64s` cannot be a role", *out);
        tsn_diag_hint(diag, "a role is one word, as under `people:` of tocsin.yaml");
    }
    return err;
}

static tsn_err read_gate(const struct tsn_yaml *one, struct tsn_plan_gate *g,
                         struct tsn_diag *diag)
{
    static const char *const known[] = {"people", "role", "four_eyes", "within", "escalate"};
    g->id = one->key;
    if (one->type == TSN_YAML_SCALAR) {
        if (tsn_parse_int(one->scalar, 1, PEOPLE_MAX, &g->people) == 0)
            return 0;
        tsn_yaml_fail(one, diag, TSN_EINPUT, "C014", "`%.40s: %.40s` is no number of people",
                      one->key, one->scalar);
        tsn_diag_hint(diag, "write 1 to %d, or { people: 2, role: psirt-lead, within: 1d }",
                      PEOPLE_MAX);
        return TSN_EINPUT;
    }
    tsn_err err = tsn_yaml_known(one, "approval", known, sizeof known / sizeof known[0], diag);
    if (!err)
        err = tsn_yaml_int(one, "people", false, 1, PEOPLE_MAX, &g->people, diag);
    if (!err)
        err = word_in(one, "role", &g->role, diag);
    if (!err)
        err = word_in(one, "escalate", &g->escalate, diag);
    if (!err)
        err = tsn_yaml_bool(one, "four_eyes", false, &g->four_eyes, diag);
    if (!err)
        err = tsn_yaml_duration(one, "within", false, &g->within_ms, diag);
    return err;
}

static tsn_err group(const struct tsn_yaml *map, const char *key, const struct tsn_yaml **out,
                     struct tsn_diag *diag)
{
    *out = tsn_yaml_find(map, key);
    if (*out && (*out)->type != TSN_YAML_MAP) {
        tsn_yaml_fail(*out, diag, TSN_EINPUT, "C014", "`%s` is a group of names and values",
                      key);
        tsn_diag_hint(diag, "write `%s: { %s }`", key,
                      !strcmp(key, "roles") ? "publish: psirt-lead" : "publish: 2");
        return TSN_EINPUT;
    }
    return 0;
}

/* A word that is known, or a party that the document names. */
static tsn_err check_recipient(const struct tsn_yaml *list, const struct tsn_yaml *parties,
                               const char *word, struct tsn_diag *diag)
{
    const char *names[64];
    size_t n = 0;
    for (size_t i = 0; i < sizeof recipient_words / sizeof recipient_words[0]; i++)
        names[n++] = recipient_words[i];
    for (const struct tsn_yaml *p = parties ? parties->first : NULL; p && n < 64; p = p->next)
        names[n++] = p->key;
    for (size_t i = 0; i < n; i++)
        if (!strcmp(names[i], word))
            return 0;
    const char *near = tsn_suggest(word, names, n);
    tsn_yaml_fail(list, diag, TSN_EINPUT, "C030", "`recipients` cannot hold `%.40s`", word);
    if (near)
        tsn_diag_hint(diag, "did you mean `%s`?", near);
    else
        tsn_diag_hint(diag, "it takes: reporter, participants, affected-customers, "
                            "contract-customers, house, others, and names under `parties:`");
    return TSN_EINPUT;
}

tsn_err tsn_plan_read_gates(struct tsn_arena *arena, const struct tsn_yaml *plan,
                            const struct tsn_yaml *parties, struct tsn_plan *out,
                            struct tsn_diag *diag)
{
    const struct tsn_yaml *approvals, *roles;
    tsn_err err = group(plan, "roles", &roles, diag);
    for (const struct tsn_yaml *r = roles ? roles->first : NULL; r && !err; r = r->next) {
        const char *role = NULL;
        err = word_in(roles, r->key, &role, diag);
    }
    if (!err)
        err = group(plan, "approvals", &approvals, diag);
    if (err)
        return err;
    size_t n = 0;
    for (const struct tsn_yaml *a = approvals ? approvals->first : NULL; a; a = a->next)
        n++;
    struct tsn_plan_gate *gates = tsn_arena_alloc(arena, (n + 1) * sizeof *gates);
    memset(gates, 0, (n + 1) * sizeof *gates);
    out->gates = gates;
    for (const struct tsn_yaml *a = approvals ? approvals->first : NULL; a && !err; a = a->next)
        err = read_gate(a, &gates[out->ngates++], diag);
    size_t words = 0;
    out->recipients = NULL;
    if (!err && tsn_yaml_find(plan, "recipients"))
        err = tsn_yaml_strs(arena, plan, "recipients", false, &out->recipients, &words, diag);
    for (size_t i = 0; i < words && !err; i++)
        err = check_recipient(tsn_yaml_find(plan, "recipients"), parties, out->recipients[i],
                              diag);
    return err;
}

tsn_err tsn_plan_read_parties(struct tsn_arena *arena, const struct tsn_yaml *parties,
                              const json_t **out, struct tsn_diag *diag)
{
    struct tsn_when lists;
    const char *key;
    json_t *list, *one;
    size_t i;
    *out = NULL;
    tsn_err err = tsn_when_read(arena, parties, &lists, diag);
    if (err)
        return err;
    json_object_foreach((json_t *)(uintptr_t)lists.map, key, list){
        json_array_foreach(list, i, one){if (strchr(json_string_value(one), '@')) continue;
    tsn_yaml_fail(tsn_yaml_find(parties, key), diag, TSN_EINPUT, "C039",
                  "`%.80s` is no address of the party %.40s", json_string_value(one), key);
    tsn_diag_hint(diag, "write cert@cert.example for one, @cert.example for all of it");
    return TSN_EINPUT;
}
}
*out = lists.map;
return 0;
}

/* --- what holds ------------------------------------------------------------------------------------ */

json_t *tsn_plan_why(const struct tsn_when *when, const json_t *values)
{
    const char *key;
    json_t *words, *out = NULL;
    json_object_foreach((json_t *)(uintptr_t)when->map, key, words)
    {
        const json_t *v = json_object_get(values, key);
        char *is = json_is_string(v) ? tsn_strdup(json_string_value(v))
                   : v               ? tsn_json_text(v)
                                     : tsn_strdup("not known");
        json_t *more = json_sprintf("%s%s%s is %.200s", out ? json_string_value(out) : "",
                                    out ? ", " : "", key, is);
        free(is);
        json_decref(out);
        out = more;
    }
    return out ? out : json_string("it is for every case");
}

static const struct tsn_plan_gate *gate_of(const struct tsn_plan *plan, const char *id)
{
    for (size_t i = 0; i < plan->ngates; i++)
        if (!strcmp(plan->gates[i].id, id))
            return &plan->gates[i];
    return NULL;
}

tsn_err tsn_plan_rule(void *user, struct tsn_store *st, struct tsn_arena *arena,
                      const struct tsn_rule_ask *ask, json_t **rule)
{
    const struct tsn_casework_config *config = user;
    const struct tsn_policy_set *set = tsn_policies_now(config ? config->policies : NULL);
    const struct tsn_policy *doc = NULL;
    struct tsn_rec_case c;
    tsn_err err = tsn_store_get(st, arena, &tsn_table_case, ask->case_id, &c);
    if (err)
        return err == TSN_ENOTFOUND ? 0 : err;
    struct tsn_case_work w = {.config = config, .c = c, .facts = tsn_case_facts(&c)};
    json_t *values = tsn_case_values(&w), *why = NULL;
    const struct tsn_plan *plan = tsn_plan_of(set, values, &doc);
    const struct tsn_plan_gate *g = plan && ask->approval ? gate_of(plan, ask->gate) : NULL;
    const char *role =
        plan ? tsn_json_str(json_object_get(plan->says, "roles"), ask->key, NULL) : NULL;
    if (g && g->role)
        role = g->role;
    if (g || role) {
        why = tsn_plan_why(&plan->when, values);
        *rule = json_pack("{s:o, s:s, s:s, s:s}", "policy",
                          json_sprintf("%s@%lld", doc->name, (long long)doc->version), "plan",
                          plan->id, "because", json_string_value(why), "gate", ask->gate);
    }
    if (role)
        json_object_set_new(*rule, "role", json_string(role));
    if (g && g->people)
        json_object_set_new(*rule, "people", json_integer(g->people));
    if (g && g->four_eyes)
        json_object_set_new(*rule, "four_eyes", json_true());
    if (g && g->within_ms)
        json_object_set_new(*rule, "within_ms", json_integer(g->within_ms));
    if (g && g->escalate)
        json_object_set_new(*rule, "escalate", json_string(g->escalate));
    json_decref(why);
    json_decref(values);
    json_decref(w.facts);
    return 0;
}

json_t *tsn_plan_asked(struct tsn_store *st, struct tsn_arena *arena, const char *case_id)
{
    struct tsn_filter f = {"case_id", TSN_CMP_EQ, case_id, 0};
    struct tsn_list how = {.filters = &f, .nfilters = 1, .order = "opened_at", .limit = 200};
    void *rows = NULL;
    size_t n = 0;
    json_t *out = json_array();
    if (tsn_store_list(st, arena, &tsn_table_task, &how, &rows, &n))
        return out;
    for (size_t i = 0; i < n; i++) {
        const struct tsn_rec_task *t = &((const struct tsn_rec_task *)rows)[i];
        json_t *spec = NULL, *rule;
        if (t->spec)
            (void)tsn_json_parse(t->spec, strlen(t->spec), &spec, NULL);
        rule = json_object_get(spec, "rule");
        if (!strcmp(t->kind, "approve") || rule)
            json_array_append_new(out, json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:O}", "task",
                                                 t->name, "kind", t->kind, "state", t->state,
                                                 "id", tsn_json_str(spec, "name", ""), "role",
                                                 t->role, "people", (json_int_t)t->quorum,
                                                 "rule", rule ? rule : json_null()));
        json_decref(spec);
    }
    return out;
}

/* --- who may be told ----------------------------------------------------------------------------------- */

static bool of_party(const json_t *addresses, const char *to)
{
    size_t i;
    json_t *one;
    const char *at = strrchr(to, '@');
    json_array_foreach(addresses, i, one)
    {
        const char *a = json_string_value(one);
        if (!strcasecmp(a, to) || (a[0] == '@' && at && !strcasecmp(a, at)))
            return true;
    }
    return false;
}

static bool names(const struct tsn_policy *doc, const char *word, const json_t *to)
{
    const char *kind = tsn_json_str(to, "kind", "");
    if (!strcmp(word, "others"))
        return true;
    if (!strcmp(word, "reporter") || !strcmp(word, "house"))
        return !strcmp(kind, word);
    if (!strcmp(word, "participants"))
        return !strcmp(kind, "participant");
    if (!strcmp(word, "affected-customers"))
        return !strcmp(kind, "customer");
    if (!strcmp(word, "contract-customers"))
        return json_object_get(to, "contract") != NULL;
    return of_party(json_object_get(doc->parties, word), tsn_json_str(to, "address", ""));
}

const struct tsn_plan *tsn_plan_leaves_out(const struct tsn_policy_set *set,
                                           const json_t *values, const json_t *recipient,
                                           const struct tsn_policy **doc)
{
    const char *kind = tsn_json_str(recipient, "kind", "");
    const struct tsn_plan *plan = tsn_plan_of(set, values, doc);
    if (!plan || !plan->recipients || !strcmp(kind, "house") || !strcmp(kind, "host") ||
        json_is_true(json_object_get(values, "public")))
        return NULL;
    for (const char *const *r = plan->recipients; *r; r++)
        if (names(*doc, *r, recipient))
            return NULL;
    return plan;
}
