/* api.c - opens the HTTP interface and walks a request: route, caller, body, handler, answer.
 *
 * Owns the requests under way and the API's life: it outlives tsn_api_close until the last op of a
 * request came back. Loop thread, but for apply_read (reader thread).
 */
#include "api/api_advisory.h"
#include "api/api_case.h"

#include <stdlib.h>
#include <string.h>
#include "core/clock.h"
#include "core/log.h"

void tsn_api_unref(struct tsn_api *api)
{
    if (api->closed && !api->live && api->nops == 0) {
        tsn_traces_free(api->traces);
        free(api->hook_states);
        free(api);
    }
}

/* --- answering ------------------------------------------------------------------------- */

static struct tsn_req *req_new(struct tsn_api *api, struct tsn_http_in *in)
{
    struct tsn_arena *arena = tsn_arena_new();
    struct tsn_req *req = tsn_arena_alloc(arena, sizeof(*req));
    req->arena = arena;
    req->api = api;
    req->in = in;
    req->next = api->live;
    req->link = &api->live;
    if (req->next)
        req->next->link = &req->next;
    api->live = req;
    api->requests++;
    return req;
}

void tsn_req_end(struct tsn_req *req)
{
    struct tsn_api *api = req->api;
    if (req->in) {
        tsn_req_refuse(req, 500, TSN_EBUG, "S000", "no answer was made", "");
    }
    *req->link = req->next;
    if (req->next)
        req->next->link = req->link;
    json_decref(req->body);
    json_decref(req->held);
    tsn_arena_destroy(req->arena);
    tsn_api_unref(api);
}

void tsn_req_json_with(struct tsn_req *req, int status, const json_t *body,
                       const struct tsn_header *extra, size_t nextra)
{
    if (!req->in)
        return;
    char *text = tsn_json_text(body);
    tsn_http_answer(req->in, status, "application/json", text, strlen(text), extra, nextra);
    req->in = NULL;
    free(text);
}

void tsn_req_json(struct tsn_req *req, int status, const json_t *body)
{
    /* Case data must not stay in a shared cache. */
    const struct tsn_header extra[] = {{"Cache-Control", "no-store"}};
    tsn_req_json_with(req, status, body, extra, 1);
}

void tsn_req_text(struct tsn_req *req, int status, const char *type, const char *text)
{
    if (!req->in)
        return;
    tsn_http_answer(req->in, status, type, text, strlen(text), NULL, 0);
    req->in = NULL;
}

void tsn_req_engine_done(tsn_err err, int64_t seq, const json_t *info,
                         const struct tsn_diag *diag, void *user)
{
    struct tsn_req *req = user;
    if (err) {
        tsn_req_problem(req, err, diag);
    } else {
        json_t *out =
            json_is_object(info) ? json_copy((json_t *)(uintptr_t)info) : json_object();
        if (seq >= 0)
            json_object_set_new(out, "entry", json_integer(seq));
        tsn_req_json(req, 200, out);
        json_decref(out);
    }
    tsn_req_end(req);
}

/* --- reads ----------------------------------------------------------------------------- */

static tsn_err apply_read(struct tsn_op *op, struct tsn_store *st)
{
    struct tsn_read *rd = (struct tsn_read *)op;
    json_decref(rd->out);
    rd->out = NULL;
    tsn_err err = tsn_access_view(st, op->arena, rd->casework, &rd->who, &rd->view);
    if (err)
        return err;
    tsn_store_set_view(st, &rd->view);
    err = rd->fn(st, rd, &rd->out);
    tsn_store_set_view(st, NULL);
    return err;
}

static void send_held(struct tsn_req *req)
{
    if (req->held_then) {
        req->held_then(req, req->held);
        return;
    }
    tsn_req_json(req, 200, req->held);
    tsn_req_end(req);
}

/* What only members see was read: that becomes an entry before the answer goes out. */
static bool hold(struct tsn_req *req, const struct tsn_read *rd, json_t *out)
{
    struct tsn_trace look = {.kind = "case.read", .reason = req->route->pattern};
    if (rd->view.ntouched == 0 || req->route->need == TSN_NEED_NOTHING)
        return false;
    req->held = json_incref(out);
    req->held_then = rd->then;
    if (rd->view.ntouched == 1) {
        look.case_id = tsn_arena_strdup(req->arena, rd->view.touched[0]);
    } else {
        json_t *ids = json_array();
        for (size_t i = 0; i < rd->view.ntouched; i++)
            json_array_append_new(ids, json_string(rd->view.touched[i]));
        look.args = json_pack("{s:o}", "cases", ids);
    }
    tsn_req_trace(req, &look, send_held);
    return true;
}

static void done_read(struct tsn_op *op)
{
    struct tsn_read *rd = (struct tsn_read *)op;
    struct tsn_req *req = op->user;
    json_t *out = rd->out;
    if (op->err) {
        tsn_req_problem(req, op->err, &op->diag);
        tsn_req_end(req);
    } else if (!req->in) {
        tsn_req_end(req);
    } else if (rd->then) {
        /* Who changes something has an entry of that. */
        if (strcmp(req->route->method, "GET") != 0 || !hold(req, rd, out))
            rd->then(req, out);
    } else {
        if (req->route->finish)
            req->route->finish(req, out);
        if (!hold(req, rd, out)) {
            tsn_req_json(req, 200, out);
            tsn_req_end(req);
        }
    }
    json_decref(out);
    tsn_op_destroy(op);
}

static const char *const param_names[TSN_PARAMS] = {
    [TSN_PARAM_LIMIT] = "limit", [TSN_PARAM_AFTER] = "after",
    [TSN_PARAM_STATE] = "state", [TSN_PARAM_CASE] = "case",
    [TSN_PARAM_RUN] = "run",     [TSN_PARAM_FROM] = "from",
    [TSN_PARAM_KIND] = "kind",   [TSN_PARAM_PLAYBOOK] = "playbook",
    [TSN_PARAM_Q] = "q",         [TSN_PARAM_BEFORE] = "before",
    [TSN_PARAM_TLP] = "tlp",     [TSN_PARAM_RAW] = "raw",
    [TSN_PARAM_OPEN] = "open",   [TSN_PARAM_SINCE] = "since",
    [TSN_PARAM_UNTIL] = "until", [TSN_PARAM_AT] = "at",
    [TSN_PARAM_SEED] = "seed",
};

static void read_on(struct tsn_req *req, struct tsn_reader *reader, tsn_read_fn *fn,
                    void (*then)(struct tsn_req *req, json_t *out))
{
    struct tsn_read *rd = tsn_op_new(sizeof(*rd), apply_read, done_read, req);
    rd->fn = fn;
    rd->then = then;
    rd->id = tsn_arena_strdup(rd->op.arena, req->id);
    rd->casework = req->api->config.casework;
    rd->who = (struct tsn_viewer){.person = req->who.person,
                                  .roles = req->who.roles,
                                  .owner = req->who.owner && !req->who.person};
    rd->engine = req->api->config.engine;
    if (req->in)
        rd->accept = tsn_arena_strdup(rd->op.arena, tsn_http_header(req->in, "Accept"));
    for (int i = 0; req->in && i < TSN_PARAMS; i++)
        rd->param[i] = tsn_arena_strdup(rd->op.arena, tsn_http_query(req->in, param_names[i]));
    tsn_err err = tsn_reader_submit(reader, &rd->op);
    if (err) {
        tsn_op_destroy(&rd->op);
        tsn_req_problem(req, err, NULL);
        tsn_req_end(req);
    }
}

void tsn_req_read(struct tsn_req *req, tsn_read_fn *fn,
                  void (*then)(struct tsn_req *req, json_t *out))
{
    read_on(req, req->api->config.reader, fn, then);
}

void tsn_req_read_log(struct tsn_req *req, tsn_read_fn *fn)
{
    const struct tsn_api_config *c = &req->api->config;
    read_on(req, c->log_reader ? c->log_reader : c->reader, fn, NULL);
}

void tsn_req_write(struct tsn_req *req, struct tsn_op *op)
{
    tsn_err err = req->api->not_ready[0]
                      ? TSN_ECLOSED
                      : tsn_writer_submit(req->api->config.writer, op, TSN_LANE_RUNS);
    if (err) {
        tsn_op_destroy(op);
        tsn_req_problem(req, err, NULL);
        tsn_req_end(req);
    }
}

/* --- a request comes in ------------------------------------------------------------------ */

/* Who changes a run or a task must see it. */
static tsn_read_fn *looked_at(const struct tsn_route *route)
{
    static const struct {
        const char *begins;
        tsn_read_fn *read;
    } kinds[] = {{"/api/v1/tasks/{id}", tsn_read_seen_task},
                 {"/api/v1/approvals/{id}", tsn_read_seen_task},
                 {"/api/v1/runs/{id}", tsn_read_seen_run}};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strncmp(route->pattern, kinds[i].begins, strlen(kinds[i].begins)) == 0)
            return kinds[i].read;
    return NULL;
}

static void then_act(struct tsn_req *req, json_t *out)
{
    (void)out;
    req->route->act(req);
}

static void run_route(struct tsn_req *req)
{
    struct tsn_http_in *in = req->in;
    /* What is signed is checked before it is parsed. */
    if ((strcmp(in->method, "POST") == 0 || strcmp(in->method, "PUT") == 0) && in->len > 0 &&
        req->route->need != TSN_NEED_SIGNATURE) {
        const char *type = tsn_http_header(in, "Content-Type");
        if (type && strncmp(type, "application/json", 16) != 0) {
            tsn_req_refuse(req, 415, TSN_EUNSUPPORTED, "H014",
                           "the body is not application/json", "Send JSON in UTF-8.");
            tsn_req_end(req);
            return;
        }
        struct tsn_diag diag;
        tsn_diag_init(&diag);
        tsn_err err = tsn_json_parse(in->body, in->len, &req->body, &diag);
        if (!err && !json_is_object(req->body))
            err = tsn_diag_set(&diag, TSN_EINPUT, "H011", "the body must be a JSON object");
        if (err) {
            tsn_req_problem(req, err, &diag);
            tsn_req_end(req);
            return;
        }
    }
    /* What changes something waits until recovery is over and stops when the disk is lost. */
    if (strcmp(req->route->method, "GET") != 0 && req->route->need != TSN_NEED_NOTHING &&
        req->route->act != tsn_act_new_epoch) {
        json_t *reasons = tsn_ready_reasons(req->api);
        bool ready = json_array_size(reasons) == 0;
        const char *why = json_string_value(json_array_get(reasons, 0));
        if (!ready)
            tsn_req_refuse(req, 503, TSN_EBUSY, "S021", why ? why : "not ready",
                           "Try again soon; /readyz says when.");
        json_decref(reasons);
        if (!ready) {
            tsn_req_end(req);
            return;
        }
    }
    if (req->route->read)
        tsn_req_read(req, req->route->read, NULL);
    else if (strcmp(req->route->method, "POST") == 0 && looked_at(req->route))
        tsn_req_read(req, looked_at(req->route), then_act);
    else
        req->route->act(req);
}

static void on_request(struct tsn_http_in *in, void *user)
{
    struct tsn_api *api = user;
    struct tsn_req *req = req_new(api, in);
    char id[256];
    bool known;
    req->route = tsn_route_find(in->method, in->path, &known, id, sizeof(id));
    req->id = tsn_arena_strdup(req->arena, id);
    if (!req->route && !known)
        req->route = tsn_public_route(api, in->method, in->path);
    if (!req->route && known) {
        struct tsn_buf allow;
        tsn_buf_init(&allow, 256);
        tsn_route_allow(in->path, &allow);
        struct tsn_diag diag;
        tsn_diag_init(&diag);
        (void)tsn_diag_set(&diag, TSN_EUNSUPPORTED, "H030", "%s is not possible here; %s is",
                           in->method, allow.data ? allow.data : "nothing");
        json_t *body = tsn_problem_json(405, &diag);
        char *text = tsn_json_text(body);
        const struct tsn_header extra[] = {{"Allow", allow.data ? allow.data : ""}};
        tsn_http_answer(in, 405, "application/problem+json", text, strlen(text), extra, 1);
        req->in = NULL;
        free(text);
        json_decref(body);
        tsn_buf_free(&allow);
        tsn_req_end(req);
    } else if (!req->route) {
        tsn_req_refuse(req, 404, TSN_ENOTFOUND, "H030", "there is nothing at this path",
                       "Paths begin with /api/v1/.");
        tsn_req_end(req);
    } else if (req->route->need == TSN_NEED_NOTHING || req->route->need == TSN_NEED_SIGNATURE) {
        run_route(req);
    } else {
        tsn_auth_check(req, run_route);
    }
}

static size_t on_body_limit(const char *method, const char *path, void *user)
{
    (void)user;
    char id[256];
    bool known;
    const struct tsn_route *route = tsn_route_find(method, path, &known, id, sizeof(id));
    /* A body for nowhere is read within reason, so that the answer is 404 or 405, not 413. */
    return route ? route->body : (size_t)64 << 10;
}

static void on_refused(struct tsn_http_in *in, int status, const char *code, const char *why,
                       void *user)
{
    struct tsn_api *api = user;
    api->refusals++;
    struct tsn_req *req = req_new(api, in);
    tsn_req_refuse(req, status, TSN_EINPUT, code, why, "");
    tsn_req_end(req);
}

/* --- life ------------------------------------------------------------------------------ */

tsn_err tsn_api_open(struct tsn_api **out, const struct tsn_api_config *config,
                     struct tsn_diag *diag)
{
    struct tsn_api *api = tsn_alloc(sizeof(*api));
    api->config = *config;
    api->opened_ms = tsn_clock_mono_ms();
    struct tsn_httpd_config http = {
        .listen = config->listen,
        .unix_path = config->unix_path,
        .body_limit = on_body_limit,
        .handle = on_request,
        .refused = on_refused,
        .user = api,
    };
    tsn_err err = tsn_httpd_open(&api->httpd, config->loop, &http, diag);
    if (err) {
        free(api);
        return err;
    }
    tsn_index_begin(api);
    *out = api;
    return 0;
}

void tsn_api_close(struct tsn_api *api)
{
    if (!api)
        return;
    tsn_api_not_ready(api, "stopping");
    for (struct tsn_req *req = api->live; req; req = req->next) {
        if (req->in)
            tsn_req_refuse(req, 503, TSN_ECLOSED, "S021", "the server is stopping",
                           "Try again soon. What was asked may still be done: look before you "
                           "repeat it.");
    }
    tsn_looks_end(api);
    tsn_index_end(api);
    tsn_httpd_close(api->httpd);
    api->httpd = NULL;
    api->closed = true;
    tsn_api_unref(api);
}

int tsn_api_port(const struct tsn_api *api)
{
    return tsn_httpd_port(api->httpd);
}

void tsn_api_set_feeds(struct tsn_api *api, struct tsn_feeds *feeds)
{
    api->config.feeds = feeds;
}

void tsn_api_go_on(struct tsn_api *api, struct tsn_engine *engine, struct tsn_intake *intake)
{
    api->config.engine = engine;
    api->config.intake = intake;
    api->not_ready[0] = '\0';
}

void tsn_api_set_mail(struct tsn_api *api, struct tsn_mail *mail, struct tsn_keys *keys)
{
    api->config.mail = mail;
    api->config.keys = keys;
}

void tsn_api_not_ready(struct tsn_api *api, const char *reason)
{
    if (!api->not_ready[0])
        (void)snprintf(api->not_ready, sizeof(api->not_ready), "%s", reason);
}
