/* act_look.c - POST /actions/NAME/look: a look-up of a connector that no run asks for.
 *
 * For dry runs: what a plan would be is asked of the system that knows. Only actions without any
 * effect; what is asked about a case is judged as in a run of it, and that somebody asked is an entry
 * before the call begins. The answer is what the connector
 * said, whichever way it went; nothing is retried and nothing is kept. At most LOOKS_MAX at once.
 *
 * Owns the calls under way, and gives them up when the API closes. Loop thread.
 */
#include "api/api_impl.h"

#include "core/clock.h"
#include "core/rand.h"
#include "core/text.h"
#include "store/record_case.h"

#define LOOKS_MAX  4
#define TIMEOUT_MS 60000

struct tsn_look {
    struct tsn_look *next, **link; /* in api->looks */
    struct tsn_req *req;
    struct tsn_timer *timer;
    struct tsn_call call;
    char idem[33];
    bool starting;
};

static void look_end(struct tsn_look *l)
{
    struct tsn_req *req = l->req;

    *l->link = l->next;
    if (l->next)
        l->next->link = l->link;
    req->api->nlooks--;
    tsn_timer_destroy(l->timer);
    tsn_req_end(req); /* the look is in its arena */
}

static const char *word_of(enum tsn_outcome outcome)
{
    switch (outcome) {
    case TSN_OUTCOME_OK:
        return "ok";
    case TSN_OUTCOME_FAIL:
        return "fail";
    case TSN_OUTCOME_RETRY:
        return "retry";
    case TSN_OUTCOME_UNKNOWN:
        break;
    }
    return "unknown";
}

static void say(struct tsn_look *l, enum tsn_outcome outcome, const json_t *result,
                const struct tsn_diag *diag)
{
    json_t *out =
        json_pack("{s:s, s:s}", "action", l->call.action->name, "outcome", word_of(outcome));

    if (outcome == TSN_OUTCOME_OK)
        json_object_set_new(out, "result", result ? json_deep_copy(result) : json_object());
    else
        json_object_set_new(out, "error",
                            json_pack("{s:s, s:s}", "code", diag ? diag->code : "R033",
                                      "message", diag ? diag->what : "it did not say why"));
    tsn_req_json(l->req, 200, out);
    json_decref(out);
}

static void done(struct tsn_call *call, enum tsn_outcome outcome, const json_t *result,
                 const struct tsn_diag *diag)
{
    struct tsn_look *l = call->engine;

    say(l, outcome, result, diag);
    if (!l->starting)
        look_end(l);
}

static void give_up(struct tsn_look *l)
{
    if (l->call.action->cancel)
        l->call.action->cancel(&l->call);
}

static void late(void *user)
{
    struct tsn_look *l = user;
    struct tsn_diag diag;

    tsn_diag_init(&diag);
    (void)tsn_diag_set(&diag, TSN_ETIMEOUT, "R034", "%s gave no answer in time",
                       l->call.action->name);
    give_up(l);
    say(l, TSN_OUTCOME_UNKNOWN, NULL, &diag);
    look_end(l);
}

void tsn_looks_end(struct tsn_api *api)
{
    while (api->looks) {
        struct tsn_look *l = api->looks;

        give_up(l);
        tsn_req_refuse(l->req, 503, TSN_ECLOSED, "S021", "tocsin stops", "Try again soon.");
        look_end(l);
    }
}

/* The action that the path names; NULL = answered and ended. */
static const struct tsn_action *find(struct tsn_req *req)
{
    const struct tsn_registry *r = req->api->config.registry;
    const struct tsn_action *a = tsn_registry_find(r, req->id);
    struct tsn_diag diag;

    tsn_diag_init(&diag);
    if (!a) {
        (void)tsn_registry_unknown(r, req->id, &diag);
        tsn_req_problem(req, TSN_ENOTFOUND, &diag);
    } else if (a->effect != TSN_EFFECT_NONE) {
        tsn_req_refuse(req, 422, TSN_EINPUT, "A019",
                       tsn_arena_printf(req->arena, "%s is not a look-up", a->name),
                       a->plan
                           ? tsn_arena_printf(req->arena, "%s says what it would do.", a->plan)
                           : "Only a playbook may do this, with what it has to be asked.");
        a = NULL;
    }
    if (!a)
        tsn_req_end(req);
    return a;
}

/* The entry is committed. */
static void begin(struct tsn_req *req)
{
    struct tsn_api *api = req->api;
    struct tsn_diag diag;
    uint8_t key[16];

    if (api->nlooks >= LOOKS_MAX || api->closed) {
        tsn_req_refuse(req, 503, TSN_EBUSY, "A020", "too many look-ups are under way",
                       "Try again when one of them has its answer.");
        tsn_req_end(req);
        return;
    }
    const struct tsn_action *a = tsn_registry_find(api->config.registry, req->id);
    struct tsn_look *l = tsn_arena_alloc(req->arena, sizeof(*l));
    tsn_rand_bytes(key, sizeof(key));
    tsn_hex(l->idem, key, sizeof(key));
    l->req = req;
    l->call = (struct tsn_call){.action = a,
                                .run = "",
                                .run_name = "",
                                .case_id = "",
                                .path = "",
                                .idem = l->idem,
                                .args = json_object_get(req->body, "args"),
                                .attempt = 1,
                                .done = done,
                                .engine = l};
    l->next = api->looks;
    l->link = &api->looks;
    if (l->next)
        l->next->link = &l->next;
    api->looks = l;
    api->nlooks++;
    l->timer = tsn_timer_new(api->config.loop, late, l);
    int64_t ms = a->timeout_ms;
    tsn_timer_arm(l->timer, ms > 0 && ms < TIMEOUT_MS ? ms : TIMEOUT_MS);
    tsn_diag_init(&diag);
    l->starting = true;
    tsn_err err = a->start(&l->call, &diag);
    l->starting = false;
    if (err)
        say(l, TSN_OUTCOME_FAIL, NULL, &diag);
    if (err || !req->in)
        look_end(l);
}

static void ask(struct tsn_req *req, json_t *judged)
{
    const struct tsn_action *a = tsn_registry_find(req->api->config.registry, req->id);
    struct tsn_trace what = {.kind = "action.look", .reason = a->name};

    if (!a->secret_args)
        what.args = json_pack("{s:O}", "args", json_object_get(req->body, "args"));
    if (judged)
        what.case_id = tsn_arena_strdup(req->arena, tsn_json_str(judged, "case", NULL));
    tsn_req_trace(req, &what, begin);
}

/* What is asked is of a case: may it go where the look-up goes? */
static tsn_err read_judged(struct tsn_store *st, struct tsn_read *rd, json_t **out)
{
    const struct tsn_req *req = rd->op.user; /* waits; its body is only read */
    const struct tsn_registry *r = req->api->config.registry;
    struct tsn_rec_case c;
    tsn_err err = tsn_read_resolve(st, rd->op.arena, &tsn_table_case, "case",
                                   tsn_json_str(req->body, "case", ""), &c, &rd->op.diag);

    if (!err)
        err = tsn_registry_gate(r, st, rd->op.arena, tsn_registry_find(r, rd->id), c.id,
                                json_object_get(req->body, "args"), tsn_clock_wall_ms(),
                                &rd->op.diag);
    if (!err)
        *out = json_pack("{s:s}", "case", c.id);
    return err;
}

void tsn_act_look(struct tsn_req *req)
{
    static const char *const known[] = {"args", "case"};

    if (!tsn_body_ok(req, known, 2))
        return;
    if (json_object_get(req->body, "case") && !tsn_json_str(req->body, "case", NULL)) {
        tsn_body_bad(req, "/case", "must be the name or id of a case");
        return;
    }
    json_t *args = json_object_get(req->body, "args");
    if (args && !json_is_object(args)) {
        tsn_body_bad(req, "/args", "must be an object");
        return;
    }
    if (!args)
        json_object_set_new(req->body, "args", json_object());
    if (!find(req))
        return;
    if (json_object_get(req->body, "case"))
        tsn_req_read(req, read_judged, ask);
    else
        ask(req, NULL);
}
