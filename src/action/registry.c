/* registry.c - which actions exist. Owns copies of what was registered. Loop thread. */
#include "action/action.h"

#include <stdlib.h>
#include <string.h>

#include "core/text.h"

#define LIVING_MAX 8

struct living {
    tsn_living_fn *fn;
    void *user;
};
struct tsn_registry {
    struct living living[LIVING_MAX];
    size_t nliving;
    tsn_gate_fn *gate;
    void *gate_user;
    tsn_rule_fn *rule;
    void *rule_user;
    struct tsn_arena *arena;
    const struct tsn_action **list;
    size_t n, cap;
};

tsn_err tsn_registry_open(struct tsn_registry **out)
{
    struct tsn_registry *r = tsn_alloc(sizeof(*r));

    r->arena = tsn_arena_new();
    *out = r;
    return 0;
}

void tsn_registry_close(struct tsn_registry *r)
{
    if (!r)
        return;
    free(r->list);
    tsn_arena_destroy(r->arena);
    free(r);
}

const struct tsn_action *tsn_registry_find(const struct tsn_registry *r, const char *name)
{
    for (size_t i = 0; i < r->n; i++) {
        if (strcmp(r->list[i]->name, name) == 0)
            return r->list[i];
    }
    return NULL;
}

/* What the engine relies on; only a bug in our own registration can break it. */
static tsn_err check(const struct tsn_action *a)
{
    const char *dot = a->name ? strchr(a->name, '.') : NULL;

    if (!dot || dot == a->name || !dot[1] || !tsn_word_ok(a->name, 100))
        return TSN_EINPUT;
    if (a->effect == TSN_EFFECT_STORE)
        return a->apply && !a->start ? 0 : TSN_EINPUT;
    return a->start && !a->apply ? 0 : TSN_EINPUT;
}

tsn_err tsn_registry_add(struct tsn_registry *r, const struct tsn_action *action)
{
    struct tsn_action *copy;
    tsn_err err = check(action);

    if (err)
        return err;
    if (tsn_registry_find(r, action->name))
        return TSN_EDUP;
    if (r->n == r->cap) {
        r->cap = r->cap ? r->cap * 2 : 32;
        r->list = tsn_realloc(r->list, r->cap * sizeof(const struct tsn_action *));
    }
    copy = tsn_arena_memdup(r->arena, action, sizeof(*action));
    copy->name = tsn_arena_strdup(r->arena, action->name);
    copy->summary = tsn_arena_strdup(r->arena, action->summary ? action->summary : "");
    copy->undo = tsn_arena_strdup(r->arena, action->undo);
    copy->plan = tsn_arena_strdup(r->arena, action->plan);
    copy->recipients = tsn_arena_strdup(r->arena, action->recipients);
    copy->goes_to = tsn_arena_strdup(r->arena, action->goes_to);
    r->list[r->n++] = copy;
    return 0;
}

void tsn_registry_defer(struct tsn_registry *r, void (*fn)(void *), void *p)
{
    tsn_arena_defer(r->arena, fn, p);
}

size_t tsn_registry_list(const struct tsn_registry *r, const struct tsn_action *const **out)
{
    *out = r->list;
    return r->n;
}

tsn_err tsn_registry_unknown(const struct tsn_registry *r, const char *name,
                             struct tsn_diag *diag)
{
    const char *dot = strchr(name, '.'), *near;
    size_t domain = dot ? (size_t)(dot - name) + 1 : 0, n = 0, len = 0;
    const char **names = tsn_alloc((r->n + 1) * sizeof(*names));
    char can[260] = "";

    for (size_t i = 0; dot && i < r->n; i++) {
        const char *have = r->list[i]->name;

        if (strncmp(have, name, domain) != 0)
            continue;
        names[n++] = have;
        if (len + strlen(have) + 3 < sizeof(can)) {
            memcpy(can + len, len ? ", " : "", len ? 2 : 0);
            len += len ? 2 : 0;
            tsn_copy(can + len, sizeof(can) - len, have + domain);
            len += strlen(have + domain);
        }
    }
    if (n == 0) {
        for (size_t i = 0; i < r->n; i++)
            names[n++] = r->list[i]->name;
        near = tsn_suggest(name, names, n);
        tsn_diag_hint(diag,
                      near ? "did you mean `%s`? A plugin must stand under `plugins:`"
                           : "a plugin `%s` must stand under `plugins:` in tocsin.yaml",
                      near ? near : name);
        tsn_diag_set(diag, TSN_ENOTFOUND, "R011", "there is no connector with `%s`", name);
    } else {
        near = tsn_suggest(name, names, n);
        if (near)
            tsn_diag_hint(diag, "did you mean `%s`? It can: %s", near + domain, can);
        else
            tsn_diag_hint(diag, "it can: %s", can);
        tsn_diag_set(diag, TSN_ENOTFOUND, "R011", "%.*s has no `%s`", (int)domain - 1, name,
                     name + domain);
    }
    free(names);
    return TSN_ENOTFOUND;
}

void tsn_registry_set_gate(struct tsn_registry *r, tsn_gate_fn *fn, void *user)
{
    r->gate = fn;
    r->gate_user = user;
}

tsn_err tsn_registry_gate(const struct tsn_registry *r, struct tsn_store *st,
                          struct tsn_arena *arena, const struct tsn_action *action,
                          const char *case_id, const json_t *args, int64_t now_ms,
                          struct tsn_diag *diag)
{
    if (!r->gate ||
        (action->effect != TSN_EFFECT_EXTERNAL && !action->irreversible && !action->sends))
        return 0;
    return r->gate(r->gate_user, st, arena, action, case_id, args, now_ms, diag);
}

tsn_err tsn_registry_add_living(struct tsn_registry *r, tsn_living_fn *fn, void *user)
{
    if (r->nliving == LIVING_MAX)
        return TSN_ETOOBIG;
    r->living[r->nliving++] = (struct living){fn, user};
    return 0;
}

tsn_err tsn_registry_share_living(struct tsn_registry *r, const struct tsn_registry *from)
{
    tsn_err err = 0;

    for (size_t i = 0; i < from->nliving && !err; i++)
        err = tsn_registry_add_living(r, from->living[i].fn, from->living[i].user);
    return err;
}

tsn_err tsn_registry_living(const struct tsn_registry *r, struct tsn_store *st,
                            struct tsn_arena *arena, const char *case_id, const json_t *part,
                            json_t **now)
{
    tsn_err err = TSN_ENOTFOUND;

    *now = NULL;
    for (size_t i = 0; i < r->nliving && err == TSN_ENOTFOUND; i++)
        err = r->living[i].fn(r->living[i].user, st, arena, case_id, part, now);
    return err;
}

void tsn_registry_set_rule(struct tsn_registry *r, tsn_rule_fn *fn, void *user)
{
    r->rule = fn;
    r->rule_user = user;
}

tsn_err tsn_registry_rule(const struct tsn_registry *r, struct tsn_store *st,
                          struct tsn_arena *arena, const struct tsn_rule_ask *ask,
                          json_t **rule)
{
    *rule = NULL;
    return r->rule && ask->case_id ? r->rule(r->rule_user, st, arena, ask, rule) : 0;
}
