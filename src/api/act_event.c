/* act_event.c - POST /cases/ID/events: a person tells a case what happened, for playbooks that wait.
 *
 * What no system of ours reports (a finder has chosen, an authority has answered, it began again) is told
 * by whoever heard it, under their name. Kept until a wait{} of the case takes it. Answers after the
 * commit. Loop thread, but for apply (writer).
 */
#include "api/api_case.h"

#include <stdlib.h>
#include <string.h>
#include "core/clock.h"
#include "core/text.h"
#include "store/record_case.h"

struct event_op {
    struct tsn_op op;
    const struct tsn_casework_config *casework;
    struct tsn_viewer who;
    const char *ref;
    struct tsn_signal_new fresh;
    struct tsn_signal_out out;
    int64_t epoch, now_ms;
};

static tsn_err apply_event(struct tsn_op *op, struct tsn_store *st)
{
    struct event_op *x = (struct event_op *)op;
    struct tsn_rec_case c;
    bool closed;
    tsn_err err =
        tsn_access_find(st, op->arena, x->casework, &x->who, x->ref, &c, &closed, &op->diag);
    if (err)
        return err;
    x->out.woken = NULL;
    x->fresh.case_id = c.id;
    return tsn_signal_put(st, op->arena, x->epoch, &x->fresh, x->now_ms, &x->out, &op->diag);
}

static void done_event(struct tsn_op *op)
{
    struct event_op *x = (struct event_op *)op;
    struct tsn_req *req = op->user;
    if (op->err) {
        tsn_req_problem(req, op->err, &op->diag);
    } else {
        if (x->out.woken)
            tsn_engine_wake(req->api->config.engine, x->out.woken);
        json_t *out = json_pack("{s:I, s:b}", "entry", (json_int_t)x->out.seq, "taken",
                                x->out.woken != NULL);
        tsn_req_json(req, 201, out);
        json_decref(out);
    }
    tsn_req_end(req);
    tsn_op_destroy(op);
}

void tsn_act_event(struct tsn_req *req)
{
    static const char *const known[] = {"event", "body"};
    if (!tsn_body_ok(req, known, 2) || !tsn_body_person(req))
        return;
    const char *event = tsn_json_str(req->body, "event", "");
    json_t *body = json_object_get(req->body, "body");
    if (!tsn_word_ok(event, 128)) {
        tsn_body_bad(req, "/event",
                     "event is the word that a playbook waits for, such as report.reply");
        return;
    }
    if (body && !json_is_object(body)) {
        tsn_body_bad(req, "/body", "body is an object: what the playbook gets as the event");
        return;
    }
    struct event_op *x = tsn_op_new(sizeof(*x), apply_event, done_event, req);
    char *text = body ? tsn_json_text(body) : tsn_strdup("{}");
    struct tsn_actor actor;
    tsn_auth_actor(req, &actor);
    x->fresh = (struct tsn_signal_new){
        .event = tsn_arena_strdup(x->op.arena, event),
        .body = tsn_arena_strdup(x->op.arena, text),
        .actor = tsn_arena_printf(x->op.arena, "u:%s", actor.person),
        .auth = tsn_arena_strdup(x->op.arena, actor.auth),
    };
    free(text);
    x->ref = req->id;
    x->epoch = tsn_engine_epoch(req->api->config.engine);
    x->now_ms = tsn_clock_wall_ms();
    x->who = tsn_auth_viewer(req);
    x->casework = req->api->config.casework;
    tsn_req_write(req, &x->op);
}
