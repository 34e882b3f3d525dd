/* write_runs.c - what people do to runs over HTTP: cancel, pause, resume, retry, resolve.
 *
 * Checks the shape of the body, then hands over to the engine, which knows the rules; answers after
 * its commit. Loop thread.
 */
#include "api/api_impl.h"

#include <string.h>
#include "core/text.h"

/* The word at the end of the route. */
static const char *verb_of(const struct tsn_req *req)
{
    return strrchr(req->route->pattern, '/') + 1;
}

/* False: refused and ended. */
static bool version_ok(struct tsn_req *req)
{
    const json_t *version = json_object_get(req->body, "version");

    if (!version || (json_is_integer(version) && json_integer_value(version) >= 1))
        return true;
    tsn_body_bad(req, "/version", "version is the number of a version, from 1");
    return false;
}

void tsn_act_run(struct tsn_req *req)
{
    static const char *const known[] = {"reason", "from", "version", "dry_run"};
    bool retry = strcmp(verb_of(req), "retry") == 0;
    struct tsn_actor actor;

    if (!tsn_body_ok(req, known, retry ? 4 : 1))
        return;
    if (!version_ok(req))
        return;
    tsn_auth_actor(req, &actor);
    const struct tsn_run_act act = {.run = req->id,
                                    .verb = verb_of(req),
                                    .reason = tsn_json_str(req->body, "reason", ""),
                                    .from = tsn_json_str(req->body, "from", NULL),
                                    .version = tsn_json_int(req->body, "version", 0),
                                    .plan = tsn_json_bool(req->body, "dry_run", false)};
    tsn_engine_act(req->api->config.engine, &actor, &act, tsn_req_engine_done, req);
}

void tsn_act_resolve(struct tsn_req *req)
{
    static const char *const known[] = {"outcome", "reason", "result", "step"};
    struct tsn_actor actor;

    if (!tsn_body_ok(req, known, 4) || !tsn_body_person(req))
        return;
    json_t *answer = json_object();
    for (size_t i = 0; i < 3; i++) {
        json_t *v = json_object_get(req->body, known[i]);
        if (v)
            json_object_set(answer, known[i], v);
    }
    tsn_auth_actor(req, &actor);
    const struct tsn_decision d = {.run = req->id,
                                   .step = tsn_json_str(req->body, "step", NULL),
                                   .verb = "answer",
                                   .answer = answer};
    tsn_engine_decide(req->api->config.engine, &actor, &d, tsn_req_engine_done, req);
    json_decref(answer);
}

void tsn_act_run_version(struct tsn_req *req)
{
    static const char *const known[] = {"reason", "dry_run", "version"};
    bool move = strcmp(verb_of(req), "move") == 0;
    struct tsn_actor actor;

    if (!tsn_body_ok(req, known, move ? 3 : 2))
        return;
    if (!version_ok(req))
        return;
    tsn_auth_actor(req, &actor);
    const struct tsn_version_ask ask = {.name = req->id,
                                        .reason = tsn_json_str(req->body, "reason", ""),
                                        .version = tsn_json_int(req->body, "version", 0),
                                        .dry_run = tsn_json_bool(req->body, "dry_run", false)};
    (move ? tsn_engine_move : tsn_engine_deploy)(req->api->config.engine, &actor, &ask,
                                                 tsn_req_engine_done, req);
}

void tsn_act_run_start(struct tsn_req *req)
{
    static const char *const known[] = {"playbook", "case", "inputs"};
    struct tsn_actor actor;

    if (!tsn_body_ok(req, known, 3))
        return;
    const char *playbook = tsn_json_str(req->body, "playbook", "");
    const char *case_ref = tsn_json_str(req->body, "case", "");
    const json_t *inputs = json_object_get(req->body, "inputs");
    if (!playbook[0] || !case_ref[0]) {
        tsn_body_bad(req, playbook[0] ? "/case" : "/playbook", "it is needed, as text");
        return;
    }
    if (inputs && !json_is_object(inputs)) {
        tsn_body_bad(req, "/inputs", "inputs is an object of fields");
        return;
    }
    tsn_auth_actor(req, &actor);
    tsn_intake_start(req->api->config.intake, &actor, playbook, case_ref, inputs,
                     tsn_req_engine_done, req);
}
