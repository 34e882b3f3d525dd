/* sim_actions.c - what connectors do in a simulation: nothing, but it is all written down.
 *
 * Actions that change only our own store are the real ones. mail.send is the real one too, with its
 * templates and checks, and delivers into the simulation's folder. Everything else answers what it was
 * told to, or an empty object. Loop thread.
 */
#include "author/sim_int.h"

#include <stdlib.h>
#include <string.h>
#include "action/plugin_manifest.h"
#include "casework/access.h"
#include "core/clock.h"
#include "core/json.h"

/* One call on its way; its answer comes in a turn of its own. */
struct sim_call {
    struct tsn_sim *sim;
    struct tsn_call *call;
    enum tsn_outcome outcome;
    json_t *result;
    struct tsn_diag diag;
    bool cancelled, answered, hangs;
};

static json_t *note_call(struct tsn_sim *sim, const struct tsn_call *call)
{
    size_t i;
    json_t *c;

    json_array_foreach(sim->calls, i, c)
    {
        if (strcmp(tsn_json_str(c, "key", ""), call->idem) == 0) {
            json_object_set_new(c, "tries", json_integer(tsn_json_int(c, "tries", 0) + 1));
            return c;
        }
    }
    c = json_pack("{s:s, s:O, s:s, s:s, s:s, s:I, s:i}", "action", call->action->name, "args",
                  call->args, "key", call->idem, "path", call->path, "run", call->run, "at",
                  (json_int_t)tsn_clock_wall_ms(), "tries", 1);
    if (call->action->effect == TSN_EFFECT_EXTERNAL &&
        call->action->doubt != TSN_DOUBT_REPEAT_SAFE)
        json_object_set_new(c, "once", json_true());
    json_array_append_new(sim->calls, c);
    return c;
}

/* The answer that was ordered for this action; NULL = none. Counts it. */
static json_t *ordered(struct tsn_sim *sim, const char *action)
{
    json_t *list = json_object_get(sim->answers, action), *a = json_array_get(list, 0);
    int64_t times = tsn_json_int(a, "times", 0);

    if (!a)
        return NULL;
    json_incref(a);
    if (times == 1)
        json_array_remove(list, 0);
    else if (times > 1)
        json_object_set_new(a, "times", json_integer(times - 1));
    return a;
}

void tsn_sim_answers(struct tsn_sim *sim, const char *action, const char *outcome,
                     const json_t *result, const char *code, const char *message, int64_t times)
{
    json_t *list = json_object_get(sim->answers, action);
    json_t *a =
        json_pack("{s:s, s:s, s:s, s:I, s:o}", "outcome", outcome, "code", code ? code : "R033",
                  "message", message ? message : "the spec said so", "times", (json_int_t)times,
                  "result", result ? json_deep_copy(result) : json_object());

    if (!list) {
        list = json_array();
        json_object_set_new(sim->answers, action, list);
    }
    /* What holds for a number of times goes before what holds always. */
    if (times == 0)
        json_array_clear(list);
    if (times == 0 || json_array_size(list) == 0 ||
        tsn_json_int(json_array_get(list, json_array_size(list) - 1), "times", 0) > 0)
        json_array_append_new(list, a);
    else
        json_array_insert_new(list, json_array_size(list) - 1, a);
}

static enum tsn_outcome outcome_of(const char *word)
{
    if (strcmp(word, "fail") == 0)
        return TSN_OUTCOME_FAIL;
    if (strcmp(word, "retry") == 0)
        return TSN_OUTCOME_RETRY;
    return strcmp(word, "unknown") == 0 ? TSN_OUTCOME_UNKNOWN : TSN_OUTCOME_OK;
}

static void call_free(struct sim_call *c)
{
    json_decref(c->result);
    free(c);
}

static void answer(void *user)
{
    struct sim_call *c = user;
    struct tsn_call *call = c->call;

    c->answered = true;
    if (!c->cancelled) {
        call->impl = NULL;
        call->done(call, c->outcome, c->result, c->diag.what[0] ? &c->diag : NULL);
    }
    call_free(c);
}

static void cancel(struct tsn_call *call)
{
    struct sim_call *c = call->impl;

    if (!c)
        return;
    c->cancelled = true;
    if (c->hangs) {
        c->sim->hanging--;
        call_free(c);
    }
}

/* The real mail action with its own data behind it; what it says is what the sender would learn. */
static tsn_err pass_on(struct tsn_sim *sim, struct tsn_call *call, struct tsn_diag *diag)
{
    const struct tsn_action *real = tsn_registry_find(sim->real, call->action->name);

    call->action = real;
    return real->start(call, diag);
}

static void decide_answer(struct sim_call *c, const json_t *order)
{
    const char *word = tsn_json_str(order, "outcome", "ok");
    const json_t *said = json_object_get(order, "error");

    if (!said) /* of a spec; a live one has an error of its own */
        said = order;
    c->outcome = outcome_of(word);
    c->hangs = strcmp(word, "hang") == 0;
    if (c->outcome == TSN_OUTCOME_OK)
        c->result = json_incref(json_object_get(order, "result"));
    else
        (void)tsn_diag_set(&c->diag, TSN_EIO, tsn_json_str(said, "code", "R033"), "%s",
                           tsn_json_str(said, "message", ""));
}

static tsn_err start(struct tsn_call *call, struct tsn_diag *diag)
{
    struct tsn_sim *sim = call->action->user;
    json_t *order = ordered(sim, call->action->name), *noted = note_call(sim, call),
           *why = NULL;

    if (!order && sim->config.look && call->action->effect == TSN_EFFECT_NONE) {
        tsn_err err = sim->config.look(sim->config.look_user, call->action->name, call->args,
                                       &order, diag);
        if (err)
            return err;
        /* It does not know either: unknown, with its reason. */
        const char *outcome = tsn_json_str(order, "outcome", "");
        if (strcmp(outcome, "ok") != 0 && strcmp(outcome, "fail") != 0) {
            why = json_incref(json_object_get(json_object_get(order, "error"), "message"));
            json_decref(order);
            order = NULL;
        }
    }
    if (!order && !sim->config.dry && strcmp(call->action->name, "mail.send") == 0)
        return pass_on(sim, call, diag);
    struct sim_call *c = tsn_alloc(sizeof(*c));
    c->sim = sim;
    c->call = call;
    tsn_diag_init(&c->diag);
    call->impl = c;
    if (order) {
        decide_answer(c, order);
    } else if (sim->config.dry) {
        c->outcome = TSN_OUTCOME_OK;
        c->result = json_pack("{s:s, s:O*}", "tsn.unknown", call->path, "why", why);
        json_object_set_new(noted, "unknown", json_true());
    } else {
        c->outcome = TSN_OUTCOME_OK;
        c->result = json_object();
    }
    json_decref(order);
    json_decref(why);
    if (c->hangs)
        sim->hanging++;
    else
        tsn_loop_later(sim->loop, answer, c);
    return 0;
}

/* --- the registry */

static tsn_err add_plugins(const struct tsn_sim_config *config, struct tsn_arena *arena,
                           struct tsn_registry *r, struct tsn_sim *sim, struct tsn_diag *diag)
{
    for (size_t i = 0; i < config->nexec; i++) {
        char name[100];
        struct tsn_action a = tsn_action_exec(&config->exec[i], name);

        a.start = start;
        a.cancel = cancel;
        a.user = sim;
        tsn_err err = tsn_registry_add(r, &a);
        if (err)
            return err;
    }
    for (size_t i = 0; i < config->nplugins; i++) {
        struct tsn_manifest m;
        const char *text = config->plugins[i].settings;
        json_t *settings = NULL;
        tsn_err err =
            tsn_manifest_read(arena, config->plugins[i].dir, config->plugins[i].name, &m, diag);

        if (!err && text)
            (void)tsn_json_parse(text, strlen(text), &settings, NULL);
        for (size_t k = 0; !err && k < m.nactions; k++) {
            struct tsn_action a = m.actions[k];

            tsn_manifest_reach(&a, config->plugins[i].internal, settings);
            a.start = start;
            a.cancel = cancel;
            a.probe = NULL;
            a.user = sim;
            err = tsn_registry_add(r, &a);
        }
        json_decref(settings);
        if (err)
            return err;
    }
    return 0;
}

static tsn_err add_real(const struct tsn_sim_config *config, const struct tsn_mail_config *mail,
                        struct tsn_registry *r, struct tsn_loop *loop, struct tsn_httpc *httpc,
                        struct tsn_diag *diag)
{
    static const struct tsn_http_config nowhere;
    tsn_err err = tsn_action_http_register(r, httpc, &nowhere);

    if (!err)
        err = tsn_action_mail_register(r, loop, httpc, mail);
    if (!err)
        err = tsn_casework_register(r, config->casework);
    if (!err)
        err = tsn_advisory_register(r, config->publisher, config->products);
    return err ? tsn_diag_set(diag, err, "L280", "the built-in actions cannot be set up: %s",
                              tsn_err_text(err))
               : 0;
}

tsn_err tsn_sim_actions_open(struct tsn_sim *sim, struct tsn_diag *diag)
{
    const struct tsn_action *const *list;
    tsn_err err = tsn_registry_open(&sim->real);

    if (!err)
        err = tsn_registry_open(&sim->registry);
    if (!err)
        err = add_real(&sim->config, &sim->mail, sim->real, sim->loop, sim->httpc, diag);
    if (err)
        return err;
    size_t n = tsn_registry_list(sim->real, &list);
    for (size_t i = 0; i < n && !err; i++) {
        struct tsn_action a = *list[i];

        if (a.effect != TSN_EFFECT_STORE) {
            a.start = start;
            a.cancel = cancel;
            a.probe = NULL; /* would reach outside: what is in doubt is asked */
            a.user = sim;
        }
        err = tsn_registry_add(sim->registry, &a);
    }
    if (!err)
        err = add_plugins(&sim->config, sim->arena, sim->registry, sim, diag);
    /* The same judgement of what may go out as in the daemon; it changes nothing of its user. */
    tsn_registry_set_gate(sim->registry, tsn_access_gate,
                          (void *)(uintptr_t)sim->config.casework);
    tsn_registry_set_rule(sim->registry, tsn_plan_rule,
                          (void *)(uintptr_t)sim->config.casework);
    return err ? err : tsn_registry_share_living(sim->registry, sim->real);
}

void tsn_sim_actions_close(struct tsn_sim *sim)
{
    tsn_registry_close(sim->registry);
    tsn_registry_close(sim->real);
    sim->registry = sim->real = NULL;
}

/* --- as data */

static const char *effect_word(enum tsn_effect e)
{
    switch (e) {
    case TSN_EFFECT_NONE:
        return "none";
    case TSN_EFFECT_STORE:
        return "store";
    case TSN_EFFECT_EXTERNAL:
        return "external";
    }
    return "";
}

static void put_action(json_t *out, const struct tsn_action *a)
{
    const char *dot = strchr(a->name, '.');
    char domain[101];

    (void)snprintf(domain, sizeof(domain), "%.*s", (int)(dot - a->name), a->name);
    json_t *verbs = json_object_get(out, domain);
    if (!verbs) {
        verbs = json_object();
        json_object_set_new(out, domain, verbs);
    }
    json_object_set_new(
        verbs, dot + 1,
        json_pack("{s:s, s:s, s:s, s:b, s:b, s:s}", "effect", effect_word(a->effect), "undo",
                  a->undo ? a->undo : "", "plan", a->plan ? a->plan : "", "irreversible",
                  a->irreversible, "sends", a->sends, "summary", a->summary ? a->summary : ""));
}

tsn_err tsn_sim_connectors(const struct tsn_sim_config *config, json_t **out,
                           struct tsn_diag *diag)
{
    struct tsn_arena *arena = tsn_arena_new();
    struct tsn_mail_config mail = *config->mail;
    struct tsn_registry *r = NULL;
    const struct tsn_action *const *list;
    tsn_err err = tsn_registry_open(&r);

    *out = json_object();
    mail.template_dir = NULL; /* a list of names needs none */
    if (!err)
        err = add_real(config, &mail, r, NULL, NULL, diag);
    if (!err)
        err = add_plugins(config, arena, r, NULL, diag);
    size_t n = r ? tsn_registry_list(r, &list) : 0;
    for (size_t i = 0; !err && i < n; i++)
        put_action(*out, list[i]);
    tsn_registry_close(r);
    tsn_arena_destroy(arena);
    if (err) {
        json_decref(*out);
        *out = NULL;
    }
    return err;
}
