/* write_feed.c - a person's word on feeds, decisions and matches; what today's rules would say.
 *
 * Checks the shape of the body, then hands over to feed; answers only in its callback. Loop thread,
 * but for read_replay (reader thread). Owns nothing.
 */
#include "api/api_impl.h"

#include <string.h>
#include "core/clock.h"
#include "core/json.h"
#include "feed/feed_desk.h"
#include "store/record_ingest.h"

static bool feeds_there(struct tsn_req *req)
{
    if (req->api->config.feeds)
        return true;
    tsn_req_refuse(req, 404, TSN_ENOTFOUND, "H031", "no feeds are configured", "");
    tsn_req_end(req);
    return false;
}

/* The last word of the route. */
static const char *verb(const struct tsn_req *req)
{
    return strrchr(req->route->pattern, '/') + 1;
}

void tsn_act_feed_desk(struct tsn_req *req)
{
    struct tsn_actor actor;
    if (!feeds_there(req))
        return;
    tsn_auth_actor(req, &actor);
    tsn_feed_desk(req->api->config.feeds, &actor, verb(req), req->id, req->body,
                  tsn_req_engine_done, req);
}

void tsn_act_feed_accept(struct tsn_req *req)
{
    static const char *const known[] = {"path", "reason"};
    const char *path, *reason;
    struct tsn_actor actor;
    if (!feeds_there(req) || !tsn_body_ok(req, known, 2) || !tsn_body_person(req))
        return;
    path = tsn_json_str(req->body, "path", "");
    reason = tsn_json_str(req->body, "reason", "");
    if (!*path || strlen(path) > 2000) {
        tsn_body_bad(req, "/path", "path must name the document, as `feed quarantine` does");
        return;
    }
    if (!*reason || strlen(reason) > 2000) {
        tsn_body_bad(req, "/reason", "reason must say why, in at most 2,000 bytes");
        return;
    }
    tsn_auth_actor(req, &actor);
    tsn_feed_accept(req->api->config.feeds, &actor, req->id, path, reason, tsn_req_engine_done,
                    req);
}

void tsn_act_products_reload(struct tsn_req *req)
{
    if (feeds_there(req) && tsn_body_ok(req, NULL, 0))
        tsn_feeds_reload(req->api->config.feeds, tsn_req_engine_done, req);
}

void tsn_act_feed_decide(struct tsn_req *req)
{
    static const char *const known[] = {"reason"};
    struct tsn_actor actor;
    if (!feeds_there(req) || !tsn_body_ok(req, known, 1) || !tsn_body_person(req))
        return;
    tsn_auth_actor(req, &actor);
    tsn_feed_decide(req->api->config.feeds, &actor, req->id, verb(req),
                    tsn_json_str(req->body, "reason", NULL), tsn_req_engine_done, req);
}

void tsn_act_match_decide(struct tsn_req *req)
{
    static const char *const known[] = {"verdict", "reason", "always"};
    const char *verdict, *reason;
    struct tsn_actor actor;
    if (!feeds_there(req) || !tsn_body_ok(req, known, 3) || !tsn_body_person(req))
        return;
    verdict = tsn_json_str(req->body, "verdict", "");
    reason = tsn_json_str(req->body, "reason", "");
    if (strcmp(verdict, "affected") != 0 && strcmp(verdict, "not_affected") != 0 &&
        strcmp(verdict, "fixed") != 0) {
        tsn_body_bad(req, "/verdict", "verdict must be affected, not_affected or fixed");
        return;
    }
    if (!*reason || strlen(reason) > 2000) {
        tsn_body_bad(req, "/reason", "reason must say why, in at most 2,000 bytes");
        return;
    }
    tsn_auth_actor(req, &actor);
    tsn_match_decide(req->api->config.feeds, &actor, req->id, verdict, reason,
                     tsn_json_bool(req->body, "always", false), tsn_req_engine_done, req);
}

/* --- replay ------------------------------------------------------------------------------- */

static tsn_err read_replay(struct tsn_store *st, struct tsn_read *rd, json_t **out)
{
    int64_t since = 0;
    const char *text = rd->param[TSN_PARAM_SINCE];
    if (text && tsn_time_parse(text, &since))
        return tsn_diag_set(&rd->op.diag, TSN_EINPUT, "H033",
                            "since must be a time, as in 2026-11-01T00:00:00Z");
    const struct tsn_filter filters[] = {
        {.column = "feed", .cmp = TSN_CMP_EQ, .text = rd->id},
        {.column = "created_at", .cmp = TSN_CMP_GT, .number = since - 1}};
    const struct tsn_list how = {
        .filters = filters, .nfilters = 2, .order = "created_at", .limit = 5000};
    void *list = NULL;
    size_t n = 0;
    tsn_err err = tsn_store_list(st, rd->op.arena, &tsn_table_decision, &how, &list, &n);
    const struct tsn_rec_decision *rows = list;
    json_t *items = json_array();
    for (size_t i = 0; !err && i < n; i++) {
        json_t *input = NULL;
        if (tsn_json_parse(rows[i].input, strlen(rows[i].input), &input, NULL))
            continue;
        json_array_append_new(
            items, json_pack("{s:s,s:s,s:s*,s:s*,s:s*,s:s,s:O*}", "decision", rows[i].id,
                             "advisory", rows[i].advisory, "product", rows[i].product, "was",
                             rows[i].verdict, "was_reason", rows[i].reason, "state",
                             rows[i].state, "inputs", json_object_get(input, "inputs")));
        json_decref(input);
    }
    *out = tsn_view_list(items, NULL);
    return err;
}

struct replayed {
    struct tsn_req *req;
    json_t *out;
};

static void would_said(void *user)
{
    struct replayed *r = user;
    json_t *item, *counts = json_object();
    size_t i;
    json_array_foreach(json_object_get(r->out, "items"), i, item)
    {
        const char *v = tsn_json_str(json_object_get(item, "would"), "verdict", "");
        json_object_set_new(counts, v, json_integer(tsn_json_int(counts, v, 0) + 1));
    }
    json_object_set_new(r->out, "would", counts);
    if (r->req->in)
        tsn_req_json(r->req, 200, r->out);
    json_decref(r->out);
    tsn_req_end(r->req); /* its arena holds r */
}

static void answer_replay(struct tsn_req *req, json_t *out)
{
    struct replayed *r = tsn_arena_alloc(req->arena, sizeof(*r));
    *r = (struct replayed){req, json_incref(out)};
    tsn_feeds_would(req->api->config.feeds, json_object_get(out, "items"), would_said, r);
}

void tsn_act_feed_replay(struct tsn_req *req)
{
    if (feeds_there(req))
        tsn_req_read(req, read_replay, answer_replay);
}
