/* run_look.c - before a look-up: may what it asks go where it goes?
 *
 * A question tells something as well. What changes things outside is judged in the transaction of its
 * intent; a look-up has none, so it is judged on the reader, before each try: an embargo may have begun
 * since the last. Loop thread, but for look_apply (reader).
 */
#include "engine/engine_impl.h"

#include "core/text.h"

struct look_op {
    struct tsn_eop o;
    const struct tsn_registry *registry;
    const struct tsn_action *action;
    const char *case_id;
    json_t *args;
    bool denied;
    struct tsn_diag why;
};

static void drop_json(void *p)
{
    json_decref(p);
}

static tsn_err look_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct look_op *l = (struct look_op *)op;
    tsn_err err = tsn_registry_gate(l->registry, st, op->arena, l->action, l->case_id, l->args,
                                    l->o.now_ms, &l->why);

    l->denied = err == TSN_EDENIED;
    return l->denied ? 0 : err;
}

static void look_judged(struct tsn_eop *o)
{
    struct look_op *l = (struct look_op *)o;

    if (!tsn_eop_ok(o))
        return;
    if (l->denied)
        tsn_step_fail(o->step, tsn_code_word(l->why.code, "W032"), l->why.what);
    else
        tsn_gate_enter(o->step, tsn_call_start);
}

void tsn_look_start(struct tsn_step *s)
{
    struct look_op *l;

    if (!s->action->sends || s->action->internal) { /* a tool of our own */
        tsn_gate_enter(s, tsn_call_start);
        return;
    }
    l = tsn_eop_of_step(s, sizeof(*l), look_apply, look_judged);
    l->o.reads = true;
    l->registry = s->run->e->config.registry;
    l->action = s->action;
    l->case_id = tsn_arena_strdup(l->o.op.arena, s->run->case_id);
    l->args = json_deep_copy(s->args);
    tsn_arena_defer(l->o.op.arena, drop_json, l->args);
    tsn_diag_init(&l->why);
    tsn_eop_submit(&l->o);
}
