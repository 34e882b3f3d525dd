/* task_rule.c - what the house has laid down counts for every question of a run, whatever it says itself.
 *
 * A playbook names roles and people as its author thought fit; a handling plan of the case's own may
 * name others. The role of the plan replaces that of the playbook; of everything else the stricter
 * counts: more people, less time, and nobody who answered a question of the run where four eyes are
 * asked for. Looked up in the transaction that asks, kept with the question (`rule`, and under `own`
 * what the playbook said), and looked up again when somebody approves. Store thread.
 */
#include "engine/engine_impl.h"

#include <string.h>
#include "core/json.h"
#include "store/record_run.h"

/* What is asked: `policy`, else the name up to a slash: "publish/2" is `publish`. */
static const char *gate_of(struct tsn_arena *a, const json_t *spec)
{
    const char *name = tsn_json_str(spec, "name", "");

    return tsn_json_str(spec, "policy", tsn_arena_strndup(a, name, strcspn(name, "/")));
}

static void keep_own(json_t *spec, const struct tsn_rec_task *t)
{
    json_t *own, *not_by = json_object_get(spec, "not_by");

    if (json_object_get(spec, "own"))
        return;
    own = json_pack("{s:s, s:I, s:I}", "role", t->role, "quorum", (json_int_t)t->quorum,
                    "due_at", (json_int_t)t->due_at);
    if (not_by)
        json_object_set(own, "not_by", not_by);
    json_object_set_new(spec, "own", own);
}

static void keep_out(json_t *list, const char *person)
{
    json_t *one;
    size_t i;

    json_array_foreach(list, i, one) if (strcmp(json_string_value(one), person) == 0) return;
    json_array_append_new(list, json_string(person));
}

/* Whoever answered a question of this run has a part in what is decided now. */
static tsn_err four_eyes(struct tsn_store *st, struct tsn_arena *a, const char *run,
                         json_t *list)
{
    struct tsn_filter f[] = {{"run", TSN_CMP_EQ, run, 0}, {"state", TSN_CMP_EQ, "answered", 0}};
    struct tsn_list how = {.filters = f, .nfilters = 2, .limit = 10000};
    void *rows = NULL;
    size_t n = 0;
    tsn_err err = tsn_store_list(st, a, &tsn_table_task, &how, &rows, &n);

    for (size_t i = 0; i < n && !err; i++) {
        const struct tsn_rec_task *t = &((const struct tsn_rec_task *)rows)[i];

        if (strcmp(t->kind, "ask") == 0 && t->decided_by)
            keep_out(list, t->decided_by);
    }
    return err;
}

static tsn_err set_not_by(struct tsn_store *st, struct tsn_arena *a, json_t *spec,
                          const struct tsn_rec_task *t, bool eyes)
{
    const json_t *own = json_object_get(json_object_get(spec, "own"), "not_by");
    json_t *list = json_is_array(own) ? json_deep_copy(own) : json_array();
    tsn_err err = 0;

    if (json_is_string(own))
        json_array_append_new(list, json_string(json_string_value(own)));
    if (eyes)
        err = four_eyes(st, a, t->run, list);
    if (json_array_size(list) > 0)
        json_object_set(spec, "not_by", list);
    else
        json_object_del(spec, "not_by");
    json_decref(list);
    return err;
}

static void set_chain(json_t *spec, const json_t *rule)
{
    const char *to = tsn_json_str(rule, "escalate", NULL);
    int64_t within = tsn_json_int(rule, "within_ms", 0);

    if (!to || json_array_size(json_object_get(spec, "escalate")) > 0)
        return;
    json_object_set_new(spec, "escalate",
                        json_pack("[{s:I, s:s}]", "after_ms",
                                  (json_int_t)(within ? within / 2 : 4 * 3600 * 1000), "to",
                                  to));
}

tsn_err tsn_rule_apply(struct tsn_engine *e, struct tsn_store *st, struct tsn_arena *a,
                       json_t *spec, struct tsn_rec_task *t)
{
    struct tsn_rule_ask ask = {.case_id = t->case_id,
                               .gate = gate_of(a, spec),
                               .key = tsn_json_str(spec, "role", ""),
                               .approval = strcmp(t->kind, "approve") == 0};
    const json_t *own;
    json_t *rule = NULL;
    tsn_err err = tsn_registry_rule(e->config.registry, st, a, &ask, &rule);
    int64_t people, within;

    if (err || (!rule && !json_object_get(spec, "rule")))
        return err;
    keep_own(spec, t);
    own = json_object_get(spec, "own");
    t->role = tsn_arena_strdup(a, tsn_json_str(rule, "role", tsn_json_str(own, "role", "")));
    t->quorum = tsn_json_int(own, "quorum", 1);
    people = tsn_json_int(rule, "people", 1);
    if (people > t->quorum)
        t->quorum = people;
    t->due_at = tsn_json_int(own, "due_at", 0);
    within = tsn_json_int(rule, "within_ms", 0);
    if (within > 0 && (t->due_at == 0 || t->opened_at + within < t->due_at))
        t->due_at = t->opened_at + within;
    err = set_not_by(st, a, spec, t, json_is_true(json_object_get(rule, "four_eyes")));
    set_chain(spec, rule);
    json_object_set_new(spec, "quorum", json_integer(t->quorum));
    json_object_set_new(spec, "roles", json_pack("[s]", t->role));
    json_object_set_new(spec, "rule", rule ? rule : json_null());
    return err;
}

static bool same(const json_t *a, const json_t *b)
{
    return a == b || (a && b && json_equal(a, b));
}

tsn_err tsn_rule_changed(struct tsn_engine *e, struct tsn_store *st, struct tsn_arena *a,
                         json_t *spec, struct tsn_rec_task *t, bool *changed)
{
    json_t *now = json_deep_copy(spec);
    struct tsn_rec_task fresh = *t;
    tsn_err err = tsn_rule_apply(e, st, a, now, &fresh);

    *changed = !err && (strcmp(fresh.role, t->role) != 0 || fresh.quorum != t->quorum ||
                        !same(json_object_get(now, "not_by"), json_object_get(spec, "not_by")));
    if (*changed) {
        json_object_update(spec, now);
        if (!json_object_get(now, "not_by"))
            json_object_del(spec, "not_by");
        t->role = fresh.role;
        t->quorum = fresh.quorum;
    }
    json_decref(now);
    return err;
}
