/* case_ops.c - the one door to every operation on a case: arguments checked, who may, opened, done,
 * settled. People come through the API, playbooks through the registry of actions. Store thread. */
#include "casework/access.h"
#include "casework/case_work.h"

#include <string.h>
#include "core/json.h"
#include "core/text.h"
#include "store/record_run.h"

static const struct tsn_case_op *const tables[] = {
    tsn_ops_track,    tsn_ops_link,   tsn_ops_clock,  tsn_ops_embargo,
    tsn_ops_evidence, tsn_ops_policy, tsn_ops_bounty, tsn_ops_filing,
    tsn_ops_assess,   tsn_ops_notice, tsn_ops_alike,  tsn_ops_case};
#define TABLES   (sizeof tables / sizeof tables[0])
#define KEYS_MAX 16

static const struct tsn_case_op *find_op(const char *name)
{
    for (size_t i = 0; i < TABLES; i++)
        for (const struct tsn_case_op *o = tables[i]; o->name; o++)
            if (!strcmp(o->name, name))
                return o;
    return NULL;
}

static tsn_err unknown(const char *name, struct tsn_diag *diag)
{
    const char *names[128];
    size_t n = 0;
    for (size_t i = 0; i < TABLES; i++)
        for (const struct tsn_case_op *o = tables[i]; o->name && n < 128; o++)
            names[n++] = o->name;
    const char *near = tsn_suggest(name, names, n);
    tsn_diag_set(diag, TSN_EINPUT, "W008", "there is no operation `%.64s`", name);
    tsn_diag_hint(diag, near ? "did you mean `%s`?" : "`tocsin case operations` lists them%.0s",
                  near ? near : "");
    return TSN_EINPUT;
}

/* Known members only, needed ones there and of a plain kind. */
static tsn_err check_args(struct tsn_arena *arena, const struct tsn_case_op *op,
                          const json_t *args, struct tsn_diag *diag)
{
    const char *names[KEYS_MAX + 1], *needed[KEYS_MAX];
    size_t n = 0, nneeded = 0;
    char *keys = tsn_arena_strdup(arena, op->keys), *save = NULL;
    for (char *k = strtok_r(keys, " ", &save); k && n < KEYS_MAX;
         k = strtok_r(NULL, " ", &save)) {
        size_t len = strlen(k);
        if (k[len - 1] == '!') {
            k[len - 1] = 0;
            needed[nneeded++] = k;
        }
        names[n++] = k;
    }
    names[n++] = "approval"; /* of a playbook; see person_of */
    if (op->keys[0] == '*' && (!args || json_is_object(args)))
        return 0; /* what it takes is its own to judge */
    if (args && !json_is_object(args) && json_array_size(args) != 0)
        return tsn_case_bad(diag, op->name, "wants a table");
    struct tsn_diag d;
    tsn_diag_init(&d);
    if (json_is_object(args) && tsn_json_known(args, names, n, &d)) {
        tsn_case_bad(diag, op->name, "%s", d.what);
        tsn_diag_hint(diag, "%s", d.hint);
        return TSN_EINPUT;
    }
    for (size_t i = 0; i < nneeded; i++) {
        const json_t *v = json_object_get(args, needed[i]);
        if (!v || json_is_null(v) || (json_is_string(v) && json_string_length(v) == 0))
            return tsn_case_bad(diag, op->name, "`%s` is missing", needed[i]);
    }
    return 0;
}

static bool has_role(const struct tsn_actor *actor, const char *const *roles)
{
    for (const char *const *r = actor ? actor->roles : NULL; r && *r; r++)
        for (const char *const *k = roles; *k; k++)
            if (!strcmp(*r, *k))
                return true;
    return false;
}

/* A playbook does what only a person may do by naming the approve{} step of this very run in which a
 * person said yes, or where any person may, the ask{} that one answered; that person is then the one
 * who acts. */
static tsn_err by_task(struct tsn_case_work *w, const json_t *args, const char *state,
                       struct tsn_actor *as, struct tsn_diag *diag)
{
    const char *ref = tsn_json_str(args, "approval", NULL);
    struct tsn_filter f[2] = {{"run", TSN_CMP_EQ, w->by.run ? w->by.run : "", 0},
                              {"state", TSN_CMP_EQ, state, 0}};
    struct tsn_list how = {.filters = f, .nfilters = 2, .limit = 1000};
    void *rows = NULL;
    size_t n = 0;
    tsn_err err = ref && w->by.run
                      ? tsn_store_list(w->st, w->arena, &tsn_table_task, &how, &rows, &n)
                      : 0;
    for (size_t i = 0; i < n && !err; i++) {
        const struct tsn_rec_task *t = &((const struct tsn_rec_task *)rows)[i];
        json_t *spec = NULL;
        if (t->spec)
            (void)tsn_json_parse(t->spec, strlen(t->spec), &spec, NULL);
        bool named = !strcmp(ref, t->name) || !strcmp(ref, tsn_json_str(spec, "name", ""));
        json_decref(spec);
        if (!named || !t->decided_by)
            continue;
        *as = (struct tsn_actor){.person = t->decided_by, .auth = "approval"};
        w->by.actor = as;
        w->approvers = t->quorum > 0 ? t->quorum : 1;
        return 0;
    }
    if (err)
        return err;
    tsn_diag_set(diag, TSN_EDENIED, "W007", "only a person does this");
    tsn_diag_hint(diag, "a playbook names the approve{} that said yes: approval = \"release\"");
    return TSN_EDENIED;
}

static tsn_err by_approval(struct tsn_case_work *w, const struct tsn_case_op *op,
                           const json_t *args, struct tsn_actor *as, struct tsn_diag *diag)
{
    if (op->who == TSN_OP_PERSON && by_task(w, args, "answered", as, diag) == 0)
        return 0;
    return by_task(w, args, "approved", as, diag);
}

static tsn_err may(struct tsn_case_work *w, const struct tsn_case_op *op, const json_t *args,
                   struct tsn_actor *as, struct tsn_diag *diag)
{
    static const char *const leads[] = {"psirt-lead", "case-lead", "duty-manager", NULL};
    const char *const *roles =
        w->config && w->config->lead_roles ? w->config->lead_roles : leads;
    if (w->by.actor && w->by.actor->person) {
        const struct tsn_access_ask ask = {.kind = TSN_ASKER_PERSON,
                                           .person = w->by.actor->person,
                                           .roles = w->by.actor->roles,
                                           .rules = w->config ? w->config->roles : NULL,
                                           .nrules = w->config ? w->config->nroles : 0};
        const char *role = tsn_access_may(&ask, op->name);
        if (role) {
            tsn_diag_set(diag, TSN_EDENIED, "W010", "%s is not for the role %.60s", op->name,
                         role);
            tsn_diag_hint(diag, "`cases: roles:` of the configuration says what a role may do");
            return TSN_EDENIED;
        }
    }
    switch (op->who) {
    case TSN_OP_WORK:
        return 0;
    case TSN_OP_PERSON:
    case TSN_OP_LEAD:
        break;
    }
    if (!w->by.actor || !w->by.actor->person)
        return by_approval(w, op, args, as, diag);
    if (op->who == TSN_OP_LEAD && !has_role(w->by.actor, roles)) {
        tsn_diag_set(diag, TSN_EDENIED, "W009", "%s needs a role that leads cases", op->name);
        tsn_diag_hint(diag, "roles that lead stand in cases: lead_roles: of the configuration");
        return TSN_EDENIED;
    }
    return 0;
}

tsn_err tsn_case_act(struct tsn_store *st, struct tsn_arena *arena,
                     const struct tsn_casework_config *config, const struct tsn_case_act *in,
                     json_t **result, int64_t *seq, struct tsn_diag *diag)
{
    struct tsn_case_by by = {
        .actor = in->by, .service = in->service, .run = in->run, .step = in->step};
    struct tsn_case_work w;
    struct tsn_actor as;
    const struct tsn_case_op *op = find_op(in->op);
    *result = NULL;
    if (seq)
        *seq = -1;
    if (!op)
        return unknown(in->op, diag);
    tsn_err err = check_args(arena, op, in->args, diag);
    if (!err)
        err = tsn_case_work_open(&w, st, arena, config, in->case_id, &by, in->now_ms, diag);
    if (err)
        return err;
    w.viewer = in->viewer;
    err = may(&w, op, in->args, &as, diag);
    if (!err)
        err = op->fn(&w, in->args, result, diag);
    err = tsn_case_work_close(&w, err, diag);
    if (err) {
        json_decref(*result);
        *result = NULL;
        return err;
    }
    if (!*result)
        *result = json_object();
    if (seq)
        *seq = w.seq;
    return 0;
}

static tsn_err apply_op(struct tsn_store *st, struct tsn_arena *arena,
                        const struct tsn_call *call, int64_t now_ms, json_t **result,
                        struct tsn_diag *diag)
{
    const struct tsn_case_act in = {.case_id = call->case_id,
                                    .op = call->action->name,
                                    .args = call->args,
                                    .service = "svc:engine",
                                    .run = call->run,
                                    .step = call->path,
                                    .now_ms = now_ms};
    return tsn_case_act(st, arena, call->action->user, &in, result, NULL, diag);
}

tsn_err tsn_case_ops_register(struct tsn_registry *r, const struct tsn_casework_config *config)
{
    for (size_t i = 0; i < TABLES; i++)
        for (const struct tsn_case_op *o = tables[i]; o->name; o++) {
            struct tsn_action a = {.name = o->name,
                                   .summary = o->summary,
                                   .effect = TSN_EFFECT_STORE,
                                   .apply = apply_op,
                                   .user = (void *)(uintptr_t)config};
            if (tsn_registry_find(r, o->name))
                continue; /* playbooks have it as an action of its own */
            tsn_err err = tsn_registry_add(r, &a);
            if (err)
                return err;
        }
    return 0;
}

json_t *tsn_case_ops_json(void)
{
    static const char *const who[] = {
        [TSN_OP_WORK] = "work", [TSN_OP_PERSON] = "person", [TSN_OP_LEAD] = "lead"};
    json_t *out = json_array();
    for (size_t i = 0; i < TABLES; i++)
        for (const struct tsn_case_op *o = tables[i]; o->name; o++)
            json_array_append_new(out, json_pack("{s:s, s:s, s:s, s:s}", "name", o->name,
                                                 "summary", o->summary, "who", who[o->who],
                                                 "arguments", o->keys));
    return out;
}
