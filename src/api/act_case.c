/* act_case.c - operations on a case over HTTP: one route for all of them, one for their list.
 *
 * Loop thread, but for apply_act (writer) and tsn_read_* (reader).
 */
#include "api/api_case.h"

#include <string.h>
#include "core/clock.h"
#include "store/record_case.h"
#include "store/record_run.h"

struct tsn_viewer tsn_auth_viewer(const struct tsn_req *req)
{
    return (struct tsn_viewer){.person = req->who.person,
                               .roles = req->who.roles,
                               .owner = req->who.owner && !req->who.person};
}

/* What is not seen is not there, before anything of the body is judged. */
tsn_err tsn_read_seen_task(struct tsn_store *st, struct tsn_read *rd, json_t **out)
{
    struct tsn_rec_task task;
    *out = NULL;
    return tsn_read_resolve(st, rd->op.arena, &tsn_table_task, "task", rd->id, &task,
                            &rd->op.diag);
}

tsn_err tsn_read_seen_run(struct tsn_store *st, struct tsn_read *rd, json_t **out)
{
    struct tsn_rec_run run;
    *out = NULL;
    return tsn_read_resolve(st, rd->op.arena, &tsn_table_run, "run", rd->id, &run,
                            &rd->op.diag);
}

tsn_err tsn_read_tracks(struct tsn_store *st, struct tsn_read *rd, json_t **out)
{
    struct tsn_rec_case c;
    tsn_err err = tsn_case_find(st, rd->op.arena, rd->id, &c, &rd->op.diag);
    if (!err)
        *out = tsn_case_tracks_json(st, rd->op.arena, &c);
    if (!err)
        json_object_set_new(*out, "case", json_string(c.name));
    return err;
}

void tsn_act_case_ops(struct tsn_req *req)
{
    json_t *out = tsn_view_list(tsn_case_ops_json(), NULL);
    tsn_req_json(req, 200, out);
    json_decref(out);
    tsn_req_end(req);
}

struct case_op {
    struct tsn_op op;
    const struct tsn_casework_config *casework;
    const char *ref;
    struct tsn_viewer who;
    struct tsn_case_act act;
    struct tsn_actor by;
    const json_t *refs; /* of the request's body */
    json_t *result;
    int64_t seq;
    struct tsn_intake *intake;
    json_t *runs; /* ids of runs that the rules began */
};

/* Words to the reporter are an event: a rule may send a mail that there is news. */
static tsn_err tell(struct case_op *x, struct tsn_store *st, const char *case_id)
{
    const char *dedupe = tsn_arena_printf(x->op.arena, "%lld", (long long)x->seq);
    json_t *body;
    tsn_err err;
    if (strcmp(x->act.op, "report.tell") != 0)
        return 0;
    body = json_pack("{s:O*, s:O*}", "message", json_object_get(x->act.args, "message"),
                     "state", json_object_get(x->act.args, "state"));
    err = tsn_intake_case_event(x->intake, st, x->op.arena, case_id, "report.told", "api",
                                dedupe, body, x->act.now_ms, x->runs, &x->op.diag);
    json_decref(body);
    return err;
}

static tsn_err apply_act(struct tsn_op *op, struct tsn_store *st)
{
    struct case_op *x = (struct case_op *)op;
    struct tsn_rec_case c;
    json_decref(x->result);
    x->result = NULL;
    bool closed;
    tsn_err err =
        tsn_access_find(st, op->arena, x->casework, &x->who, x->ref, &c, &closed, &op->diag);
    if (err)
        return err;
    x->act.viewer = &x->who;
    x->act.case_id = c.id;
    json_array_clear(x->runs);
    err = tsn_case_act(st, op->arena, x->casework, &x->act, &x->result, &x->seq, &op->diag);
    return err ? err : tell(x, st, c.id);
}

/* The same for many cases, all or none: what came out for each. */
static tsn_err apply_many(struct tsn_op *op, struct tsn_store *st)
{
    struct case_op *x = (struct case_op *)op;
    size_t i;
    json_t *ref, *items = json_array();
    tsn_err err = 0;
    json_decref(x->result);
    x->result = NULL;
    json_array_clear(x->runs);
    json_array_foreach(x->refs, i, ref)
    {
        struct tsn_rec_case c;
        json_t *one = NULL;
        bool closed;
        err = tsn_access_find(st, op->arena, x->casework, &x->who,
                              json_is_string(ref) ? json_string_value(ref) : "", &c, &closed,
                              &op->diag);
        if (err)
            break;
        x->act.viewer = &x->who;
        x->act.case_id = c.id;
        err = tsn_case_act(st, op->arena, x->casework, &x->act, &one, &x->seq, &op->diag);
        if (!err)
            err = tell(x, st, c.id);
        if (err)
            break;
        json_object_set_new(one, "case", json_string(c.name));
        json_array_append_new(items, one);
    }
    if (err)
        json_decref(items);
    else
        x->result = json_pack("{s:o}", "items", items);
    return err;
}

static void done_act(struct tsn_op *op)
{
    struct case_op *x = (struct case_op *)op;
    struct tsn_req *req = op->user;
    json_t *id;
    size_t i;
    if (op->err) {
        tsn_req_problem(req, op->err, &op->diag);
    } else {
        if (x->seq >= 0)
            json_object_set_new(x->result, "entry", json_integer(x->seq));
        json_array_foreach(x->runs, i, id)
            tsn_engine_wake(req->api->config.engine, json_string_value(id));
        tsn_req_json(req, 200, x->result);
    }
    json_decref(x->runs);
    json_decref(x->result);
    tsn_req_end(req);
    tsn_op_destroy(op);
}

static void act(struct tsn_req *req, const char *const *known, size_t n,
                tsn_err (*apply)(struct tsn_op *, struct tsn_store *))
{
    struct tsn_diag diag;
    tsn_diag_init(&diag);
    if (!req->body)
        req->body = json_object();
    tsn_err err = tsn_json_known(req->body, known, n, &diag);
    const char *name = tsn_json_str(req->body, "operation", "");
    if (!err && !name[0]) {
        tsn_diag_at(&diag, "/operation", 0, 0);
        err = tsn_diag_set(&diag, TSN_EINPUT, "H013", "operation is missing");
    }
    if (err) {
        tsn_req_problem(req, err, &diag);
        tsn_req_end(req);
        return;
    }
    struct case_op *x = tsn_op_new(sizeof(*x), apply, done_act, req);
    x->casework = req->api->config.casework;
    x->intake = req->api->config.intake;
    x->runs = json_array();
    if (x->intake && strcmp(name, "report.tell") == 0)
        tsn_intake_refresh(x->intake);
    x->ref = req->id;
    x->refs = json_object_get(req->body, "cases");
    tsn_auth_actor(req, &x->by);
    x->who = tsn_auth_viewer(req);
    x->act = (struct tsn_case_act){.op = name,
                                   .args = json_object_get(req->body, "args"),
                                   .by = &x->by,
                                   .now_ms = tsn_clock_wall_ms()};
    tsn_req_write(req, &x->op);
}

void tsn_act_case(struct tsn_req *req)
{
    static const char *const known[] = {"operation", "args"};
    act(req, known, 2, apply_act);
}

void tsn_act_cases(struct tsn_req *req)
{
    static const char *const known[] = {"operation", "args", "cases"};
    size_t n = json_array_size(json_object_get(req->body, "cases"));
    if (n < 1 || n > 1000) {
        tsn_req_refuse(req, 422, TSN_EINPUT, "H013", "cases is a list of 1 to 1,000 cases", "");
        tsn_req_end(req);
        return;
    }
    act(req, known, 3, apply_many);
}
