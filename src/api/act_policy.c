/* act_policy.c - clocks and policy documents over HTTP.
 *
 * Loop thread, but for apply_* (writer) and tsn_read_* (reader).
 */
#include "api/api_case.h"

#include <string.h>
#include "casework/policy.h"
#include "core/clock.h"
#include "store/record_case.h"

#define PAGE_ROWS 20000

/* --- clocks ------------------------------------------------------------------------------------------ */

static bool state_wanted(const struct tsn_read *rd, const char *state)
{
    const char *want = rd->param[TSN_PARAM_STATE];
    return want ? strcmp(want, state) == 0 || strcmp(want, "all") == 0
                : strcmp(state, "running") == 0 || strcmp(state, "missed") == 0;
}

static json_t *clock_json(const struct tsn_rec_track *r, const struct tsn_rec_case *c)
{
    static const char *const keys[] = {"title",     "start",   "due",    "owner",
                                       "from",      "pack",    "source", "met_at",
                                       "missed_at", "history", "warn"};
    json_t *data = tsn_view_parsed(r->data);
    json_t *o = json_pack("{s:s, s:s, s:s, s:s}", "clock", r->subject, "state", r->state,
                          "case", c->id, "case_name", c->name);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        json_t *v = json_object_get(data, keys[i]);
        if (v)
            json_object_set(o, keys[i], v);
    }
    json_decref(data);
    return o;
}

static int by_due(const void *a, const void *b)
{
    return strcmp(tsn_json_str(*(json_t *const *)a, "due", "~"),
                  tsn_json_str(*(json_t *const *)b, "due", "~"));
}

tsn_err tsn_read_clocks(struct tsn_store *st, struct tsn_read *rd, json_t **out)
{
    struct tsn_rec_case c = {0};
    struct tsn_filter f[2] = {{"track", TSN_CMP_EQ, "obligation", 0}};
    struct tsn_list how = {.filters = f, .nfilters = 1, .limit = PAGE_ROWS};
    void *rows;
    size_t n, kept = 0;
    tsn_err err = 0;
    if (rd->param[TSN_PARAM_CASE]) {
        err = tsn_case_find(st, rd->op.arena, rd->param[TSN_PARAM_CASE], &c, &rd->op.diag);
        f[how.nfilters++] = (struct tsn_filter){"case_id", TSN_CMP_EQ, c.id, 0};
    }
    if (!err)
        err = tsn_store_list(st, rd->op.arena, &tsn_table_track, &how, &rows, &n);
    if (err)
        return err;
    json_t **list = tsn_arena_alloc(rd->op.arena, (n + 1) * sizeof(json_t *));
    for (size_t i = 0; i < n; i++) {
        const struct tsn_rec_track *r = &((const struct tsn_rec_track *)rows)[i];
        if (!state_wanted(rd, r->state))
            continue;
        if ((!c.id || strcmp(c.id, r->case_id) != 0) &&
            tsn_store_get(st, rd->op.arena, &tsn_table_case, r->case_id, &c))
            continue;
        list[kept++] = clock_json(r, &c);
    }
    if (kept > 1)
        qsort(list, kept, sizeof(list[0]), by_due);
    json_t *items = json_array();
    for (size_t i = 0; i < kept; i++)
        json_array_append_new(items, list[i]);
    *out = tsn_view_list(items, NULL);
    return 0;
}

/* --- policies ------------------------------------------------------------------------------------------ */

tsn_err tsn_read_policies(struct tsn_store *st, struct tsn_read *rd, json_t **out)
{
    struct tsn_list how = {.order = "name", .limit = 5000};
    void *rows;
    size_t n;
    tsn_err err = tsn_store_list(st, rd->op.arena, &tsn_table_policy, &how, &rows, &n);
    if (err)
        return err;
    json_t *items = json_array();
    const char *state = rd->param[TSN_PARAM_STATE];
    for (size_t i = 0; i < n; i++) {
        const struct tsn_rec_policy *r = &((const struct tsn_rec_policy *)rows)[i];
        bool want = state ? !strcmp(state, r->state) || !strcmp(state, "all")
                          : !strcmp(r->state, "approved") || !strcmp(r->state, "proposed");
        if (want)
            json_array_append_new(items, tsn_policy_json(r, false));
    }
    *out = tsn_view_list(items, NULL);
    return 0;
}

tsn_err tsn_read_policy(struct tsn_store *st, struct tsn_read *rd, json_t **out)
{
    struct tsn_rec_policy r;
    tsn_err err = tsn_policy_find(st, rd->op.arena, rd->id, &r, &rd->op.diag);
    if (!err)
        *out = tsn_policy_json(&r, true);
    return err;
}

struct policy_op {
    struct tsn_op op;
    struct tsn_policies *policies;
    const char *ref, *file, *text, *reason, *actor, *auth;
    bool approve;
    int64_t now_ms;
    struct tsn_rec_policy out;
};

static tsn_err apply_propose(struct tsn_op *op, struct tsn_store *st)
{
    struct policy_op *x = (struct policy_op *)op;
    return tsn_policy_propose(st, op->arena, x->file, x->text, x->actor, x->auth, x->now_ms,
                              &x->out, &op->diag);
}

static tsn_err apply_decide(struct tsn_op *op, struct tsn_store *st)
{
    struct policy_op *x = (struct policy_op *)op;
    return tsn_policy_decide(x->policies, st, op->arena, x->ref, x->approve, x->reason,
                             x->actor, x->auth, x->now_ms, &x->out, &op->diag);
}

static void done_policy(struct tsn_op *op)
{
    struct tsn_req *req = op->user;
    if (op->err) {
        tsn_req_problem(req, op->err, &op->diag);
    } else {
        json_t *out = tsn_policy_json(&((struct policy_op *)op)->out, false);
        tsn_req_json(req, 200, out);
        json_decref(out);
    }
    tsn_req_end(req);
    tsn_op_destroy(op);
}

/* Policies are changed by people who lead, whatever socket they come through. */
static struct policy_op *policy_op(struct tsn_req *req,
                                   tsn_err (*apply)(struct tsn_op *, struct tsn_store *),
                                   const char *const *known, size_t n)
{
    struct tsn_diag diag;
    tsn_diag_init(&diag);
    if (!req->body)
        req->body = json_object();
    tsn_err err = tsn_json_known(req->body, known, n, &diag);
    if (err) {
        tsn_req_problem(req, err, &diag);
        tsn_req_end(req);
        return NULL;
    }
    if (!req->who.person) {
        tsn_req_refuse(req, 403, TSN_EDENIED, "A005", "only a person decides this",
                       "Use --as PERSON as the daemon's owner, or a token.");
        tsn_req_end(req);
        return NULL;
    }
    struct policy_op *x = tsn_op_new(sizeof(*x), apply, done_policy, req);
    x->policies = req->api->config.casework->policies;
    x->actor = tsn_arena_strdup(x->op.arena, tsn_auth_name(req));
    x->auth = req->who.auth;
    x->now_ms = tsn_clock_wall_ms();
    return x;
}

void tsn_act_policy_propose(struct tsn_req *req)
{
    static const char *const known[] = {"file", "body"};
    struct policy_op *x = policy_op(req, apply_propose, known, 2);
    if (!x)
        return;
    x->file = tsn_json_str(req->body, "file", "policy");
    x->text = tsn_json_str(req->body, "body", "");
    tsn_req_write(req, &x->op);
}

void tsn_act_policy_decide(struct tsn_req *req)
{
    static const char *const known[] = {"decision", "reason"};
    const char *verb = tsn_json_str(req->body, "decision", "");
    const char *reason = tsn_json_str(req->body, "reason", "");
    bool approve = strcmp(verb, "approve") == 0;
    if ((!approve && strcmp(verb, "reject") != 0) || strlen(reason) < 3 ||
        strlen(reason) > 2000) {
        tsn_req_refuse(req, 422, TSN_EINPUT, "H013",
                       "decision is approve or reject, reason has 3 to 2,000 bytes", "");
        tsn_req_end(req);
        return;
    }
    struct policy_op *x = policy_op(req, apply_decide, known, 2);
    if (!x)
        return;
    x->ref = req->id;
    x->approve = approve;
    x->reason = reason;
    tsn_req_write(req, &x->op);
}
