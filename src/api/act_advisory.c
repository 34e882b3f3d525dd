/* act_advisory.c - advisories over HTTP: the verbs of their life, renderings, what changed.
 *
 * Loop thread, but for apply_verb (writer) and tsn_read_* (reader).
 */
#include "api/api_advisory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "advisory/advisory_as.h"
#include "advisory/advisory_life.h"
#include "advisory/tell.h"
#include "api/api_case.h"
#include "casework/access.h"
#include "core/clock.h"
#include "store/record_advisory.h"
#include "store/record_case.h"

#define RENDERED_MAX ((size_t)64 << 20)

/* --- verbs --------------------------------------------------------------------------------- */

struct verb_op {
    struct tsn_op op;
    struct tsn_advisory_ask ask;
    struct tsn_actor by;
    struct tsn_viewer who;
    const struct tsn_casework_config *casework;
    const char *ref;
    json_t *args, *result;
    bool dry; /* what it would do is answered, and undone with the op */
};

/* An advisory of a case that the caller may not see is not there. */
static tsn_err seen(struct verb_op *x, struct tsn_store *st, const struct tsn_rec_advisory *a)
{
    struct tsn_rec_case c;
    bool sees = false, closed;
    tsn_err err = tsn_store_get(st, x->op.arena, &tsn_table_case, a->case_id, &c);
    if (!err)
        err = tsn_access_sees(st, x->op.arena, x->casework, &x->who, &c, &sees, &closed);
    if (!err && !sees)
        err = tsn_diag_set(&x->op.diag, TSN_ENOTFOUND, "H031", "there is no advisory `%s`",
                           x->ref);
    return err;
}

static tsn_err apply_verb(struct tsn_op *op, struct tsn_store *st)
{
    struct verb_op *x = (struct verb_op *)op;
    tsn_err err = 0;
    bool closed;
    json_decref(x->result);
    x->result = NULL;
    if (strcmp(x->ask.verb, "new") == 0) {
        struct tsn_rec_case c;
        err = tsn_access_find(st, op->arena, x->casework, &x->who, x->ref, &c, &closed,
                              &op->diag);
        x->ask.ref = err ? "" : c.id;
    } else {
        struct tsn_rec_advisory a;
        err = tsn_read_resolve(st, op->arena, &tsn_table_advisory, "advisory", x->ref, &a,
                               &op->diag);
        x->ask.ref = err ? "" : a.id;
        err = err ? err : seen(x, st, &a);
    }
    err = err ? err : tsn_advisory_act(st, op->arena, &x->ask, &x->result, &op->diag);
    if (!err && x->dry) {
        struct tsn_rec_advisory a;
        json_t *plan = NULL;
        err = tsn_advisory_find(st, op->arena, x->ask.ref, &a, &op->diag);
        err = err ? err : tsn_tell_plan(st, op->arena, &a, &plan, &op->diag);
        if (!err) {
            json_object_set_new(x->result, "plan", plan);
            json_object_set_new(x->result, "dry_run", json_true());
            err = TSN_ECONFLICT;
        }
    }
    return err;
}

static void done_verb(struct tsn_op *op)
{
    struct verb_op *x = (struct verb_op *)op;
    if (op->err && !json_object_get(x->result, "plan")) {
        tsn_req_problem(op->user, op->err, &op->diag);
    } else if (op->err) {
        tsn_req_json(op->user, 200, x->result);
    } else {
        struct tsn_engine *engine = ((struct tsn_req *)op->user)->api->config.engine;
        const char *run = tsn_json_str(x->result, "run", NULL);
        if (run && engine)
            tsn_engine_wake(engine, run);
        tsn_req_json(op->user, 200, x->result);
    }
    json_decref(x->result);
    json_decref(x->args);
    tsn_req_end(op->user);
    tsn_op_destroy(op);
}

static void submit(struct tsn_req *req, const char *verb, const char *ref, json_t *args)
{
    struct verb_op *x = tsn_op_new(sizeof(*x), apply_verb, done_verb, req);
    tsn_auth_actor(req, &x->by);
    x->who = tsn_auth_viewer(req);
    x->casework = req->api->config.casework;
    x->dry = strcmp(verb, "publish") == 0 && tsn_json_bool(args, "dry_run", false);
    if (strcmp(verb, "publish") == 0)
        json_object_del(args, "dry_run");
    x->args = args;
    x->ref = ref;
    x->ask = (struct tsn_advisory_ask){
        .verb = verb, .args = args, .by = &x->by, .now_ms = tsn_clock_wall_ms()};
    tsn_req_write(req, &x->op);
}

/* POST /advisories { case, template, ... }: the other members are those of advisory.draft. */
void tsn_act_advisory_new(struct tsn_req *req)
{
    const char *ref = tsn_json_str(req->body, "case", "");
    if (!*ref) {
        tsn_req_refuse(req, 400, TSN_EINPUT, "H013", "case is missing",
                       "{ case: PSIRT-2026-0001, template: csaf-vendor }");
        tsn_req_end(req);
        return;
    }
    json_t *args = json_deep_copy(req->body);
    json_object_del(args, "case");
    if (!json_object_get(args, "template"))
        json_object_set_new(args, "template", json_string("csaf-vendor"));
    submit(req, "new", tsn_arena_strdup(req->arena, ref), args);
}

/* POST /advisories/{id}/VERB: the last part of the path is the verb. */
void tsn_act_advisory(struct tsn_req *req)
{
    json_t *args = req->body ? json_copy(req->body) : json_object();
    submit(req, strrchr(req->route->pattern, '/') + 1, req->id, args);
}

/* --- reads --------------------------------------------------------------------------------- */

static tsn_err find(struct tsn_store *st, struct tsn_read *rd, struct tsn_rec_advisory *a)
{
    return tsn_read_resolve(st, rd->op.arena, &tsn_table_advisory, "advisory", rd->id, a,
                            &rd->op.diag);
}

tsn_err tsn_read_advisory_diff(struct tsn_store *st, struct tsn_read *rd, json_t **out)
{
    struct tsn_rec_advisory a;
    tsn_err err = find(st, rd, &a);
    return err ? err
               : tsn_advisory_changes(st, rd->op.arena, &a, rd->param[TSN_PARAM_FROM],
                                      rd->param[TSN_PARAM_UNTIL], out, &rd->op.diag);
}

tsn_err tsn_read_advisory_versions(struct tsn_store *st, struct tsn_read *rd, json_t **out)
{
    struct tsn_rec_advisory a;
    tsn_err err = find(st, rd, &a);
    const struct tsn_filter filter = {
        .column = "advisory", .cmp = TSN_CMP_EQ, .text = err ? "" : a.id};
    const struct tsn_list how = {
        .filters = &filter, .nfilters = 1, .order = "id", .skip_blobs = true};
    void *rows = NULL;
    size_t n = 0;
    if (!err)
        err = tsn_store_list(st, rd->op.arena, &tsn_table_release, &how, &rows, &n);
    json_t *items = json_array();
    for (size_t i = 0; !err && i < n; i++) {
        const struct tsn_rec_release *r = (const struct tsn_rec_release *)rows + i;
        json_array_append_new(items, json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:b}", "id",
                                               r->id, "number", r->version, "digest", r->digest,
                                               "tlp", r->tlp, "state", r->state, "released_at",
                                               tsn_view_time(r->released_at), "signed",
                                               r->signature != NULL));
    }
    *out = tsn_view_list(items, NULL);
    return err;
}

tsn_err tsn_read_advisory_notices(struct tsn_store *st, struct tsn_read *rd, json_t **out)
{
    struct tsn_rec_advisory a;
    tsn_err err = find(st, rd, &a);
    return err ? err : tsn_tell_view(st, rd->op.arena, &a, out, &rd->op.diag);
}

/* What `Accept` or ?kind= asks for; CSAF when it does not say. */
static enum tsn_as wanted(const struct tsn_read *rd)
{
    static const struct {
        const char *media;
        enum tsn_as as;
    } media[] = {
        {"text/html", TSN_AS_HTML},
        {"text/markdown", TSN_AS_MARKDOWN},
        {"text/plain", TSN_AS_TEXT},
        {"application/csaf+json", TSN_AS_CSAF},
        {"application/vex+json", TSN_AS_OPENVEX},
    };
    const char *kind = rd->param[TSN_PARAM_KIND];
    if (kind)
        return tsn_as_find(kind);
    for (size_t i = 0; rd->accept && i < sizeof(media) / sizeof(media[0]); i++) {
        if (strstr(rd->accept, media[i].media))
            return media[i].as;
    }
    return TSN_AS_CSAF;
}

/* A release by its number (?at=2) in its own words, else the draft. CSAF is given as it was released. */
static tsn_err model_at(struct tsn_store *st, struct tsn_read *rd,
                        const struct tsn_rec_advisory *a, enum tsn_as as, json_t **model,
                        const char **exact)
{
    struct tsn_rec_release r;
    const char *number = rd->param[TSN_PARAM_AT];
    *exact = NULL;
    if (!number)
        return tsn_advisory_model_of(a, model, &rd->op.diag);
    tsn_err err = tsn_advisory_numbered(st, rd->op.arena, a, number, &r, &rd->op.diag);
    if (!err)
        err = tsn_json_parse(r.model, strlen(r.model), model, &rd->op.diag);
    if (!err)
        *exact = as == TSN_AS_CSAF ? r.csaf : as == TSN_AS_CSAF_21 ? r.csaf21 : NULL;
    return err;
}

tsn_err tsn_read_advisory_as(struct tsn_store *st, struct tsn_read *rd, json_t **out)
{
    struct tsn_rec_advisory a;
    struct tsn_buf text;
    json_t *model = NULL;
    const char *exact = NULL;
    enum tsn_as as = wanted(rd);
    tsn_buf_init(&text, RENDERED_MAX);
    tsn_err err = find(st, rd, &a);
    if (!err && as == TSN_AS_COUNT)
        err = tsn_diag_set(&rd->op.diag, TSN_EINPUT, "D100", "nothing is rendered as `%.40s`",
                           rd->param[TSN_PARAM_KIND]);
    if (!err)
        err = model_at(st, rd, &a, as, &model, &exact);
    if (!err && exact)
        err = tsn_buf_puts(&text, exact);
    else if (!err)
        err = tsn_advisory_as(model, tsn_advisory_env.publisher, as, &text, &rd->op.diag);
    if (!err)
        *out = json_pack("{s:s, s:s#}", "media", tsn_as_formats[as].media, "text", text.data,
                         (int)text.len);
    json_decref(model);
    tsn_buf_free(&text);
    return err;
}

static void answer_text(struct tsn_req *req, json_t *out)
{
    const json_t *text = json_object_get(out, "text");
    const struct tsn_header extra[] = {
        {"Cache-Control", "no-store"},
        {"X-Content-Type-Options", "nosniff"},
        {"Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"}};
    if (req->in)
        tsn_http_answer(req->in, 200, tsn_json_str(out, "media", "text/plain"),
                        json_string_value(text), json_string_length(text), extra, 3);
    req->in = NULL;
    tsn_req_end(req);
}

/* ?raw=1: { media, text } as JSON, for programs that read nothing else. */
void tsn_act_advisory_as(struct tsn_req *req)
{
    bool json = req->in && tsn_http_query(req->in, "raw");
    tsn_req_read(req, tsn_read_advisory_as, json ? NULL : answer_text);
}

/* The resource itself: what its readers get where `Accept` asks for a page or a document of a kind, else
 * the record. */
void tsn_act_advisory_get(struct tsn_req *req)
{
    static const char *const kinds[] = {"text/html", "text/markdown", "text/plain", "csaf+json",
                                        "vex+json"};
    const char *accept = req->in ? tsn_http_header(req->in, "Accept") : NULL;
    for (size_t i = 0; accept && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strstr(accept, kinds[i])) {
            tsn_req_read(req, tsn_read_advisory_as, answer_text);
            return;
        }
    }
    tsn_req_read(req, tsn_read_advisory, NULL);
}

/* PUT /advisories/{id} { members of the model }: those that are given; null takes one away. */
void tsn_act_advisory_put(struct tsn_req *req)
{
    json_t *set = req->body ? json_incref(req->body) : json_object();
    submit(req, "edit", req->id, json_pack("{s:o}", "set", set));
}
