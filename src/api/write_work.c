/* write_work.c - what people and machines do over HTTP: report, note, answer, decide, poll.
 *
 * Checks the shape of the body, then hands over to intake, engine, casework or feed; answers only
 * after their commit. Loop thread, but for apply_note (writer).
 */
#include "api/api_case.h"

#include <string.h>
#include "core/clock.h"
#include "core/crypto.h"
#include "core/id.h"
#include "core/text.h"
#include "intake/foreign.h"
#include "store/record_case.h"

bool tsn_body_ok(struct tsn_req *req, const char *const *known, size_t n)
{
    struct tsn_diag diag;
    tsn_diag_init(&diag);
    tsn_err err = 0;
    if (!req->body)
        req->body = json_object();
    err = tsn_json_known(req->body, known, n, &diag);
    if (!err)
        return true;
    tsn_req_problem(req, err, &diag);
    tsn_req_end(req);
    return false;
}

void tsn_body_bad(struct tsn_req *req, const char *field, const char *what)
{
    struct tsn_diag diag;
    tsn_diag_init(&diag);
    tsn_diag_at(&diag, field, 0, 0);
    (void)tsn_diag_set(&diag, TSN_EINPUT, "H013", "%s", what);
    tsn_req_problem(req, TSN_EINPUT, &diag);
    tsn_req_end(req);
}

bool tsn_body_person(struct tsn_req *req)
{
    if (req->who.person)
        return true;
    tsn_req_refuse(req, 403, TSN_EDENIED, "A005", "only a person decides this",
                   "Use --as PERSON as the daemon's owner, a token, or give your uid to a "
                   "person in `people:`.");
    tsn_req_end(req);
    return false;
}

/* --- reports ----------------------------------------------------------------------------- */

static void done_report(tsn_err err, int64_t seq, const json_t *info,
                        const struct tsn_diag *diag, void *user)
{
    struct tsn_req *req = user;
    if (err) {
        tsn_req_problem(req, err, diag);
        tsn_req_end(req);
        return;
    }
    json_t *out = json_is_object(info) ? json_copy((json_t *)(uintptr_t)info) : json_object();
    if (seq >= 0)
        json_object_set_new(out, "entry", json_integer(seq));
    char location[128];
    (void)snprintf(location, sizeof(location), "/api/v1/show/%s",
                   tsn_json_str(out, "receipt", ""));
    const struct tsn_header extra[] = {
        {"Location", location}, {"Cache-Control", "no-store"}, {"Idempotent-Replayed", "true"}};
    tsn_req_json_with(req, 202, out, extra, tsn_json_bool(out, "duplicate", false) ? 3 : 2);
    json_decref(out);
    tsn_req_end(req);
}

static void drop_json(void *p)
{
    json_decref(p);
}

void tsn_act_report(struct tsn_req *req)
{
    if (!req->body) {
        tsn_body_bad(req, "/", "the report is missing: send it as a JSON object");
        return;
    }
    const char *key = tsn_http_header(req->in, "Idempotency-Key"), *own = NULL, *skipped = NULL;
    const json_t *report = req->body;
    /* A report of another system, as it has it: VINCE, CSAF, HackerOne. Its number there is its key. */
    if (!json_object_get(req->body, "kind")) {
        json_t *row = NULL;
        if (tsn_foreign_report(req->body, &row, &own, &skipped) == 0) {
            tsn_arena_defer(req->arena, drop_json, row);
            report = json_object_get(row, "report");
            key = key ? key : own;
        }
    }
    if (skipped) {
        json_t *out = json_pack("{s:s}", "skipped", skipped);
        tsn_req_json(req, 200, out);
        json_decref(out);
        tsn_req_end(req);
        return;
    }
    if (key && !tsn_word_ok(key, 255)) {
        tsn_req_refuse(req, 400, TSN_EINPUT, "H020",
                       "Idempotency-Key must be 1 to 255 visible ASCII characters", "");
        tsn_req_end(req);
        return;
    }
    if (!key && !req->in->local) {
        tsn_req_refuse(req, 400, TSN_EINPUT, "H021", "the header Idempotency-Key is missing",
                       "Send one of your own per report (a UUID), and the same one when you "
                       "try again.");
        tsn_req_end(req);
        return;
    }
    char made[TSN_ULID_LEN + 1];
    if (!key) {
        tsn_id_new(made);
        key = made;
    }
    struct tsn_actor actor;
    tsn_auth_actor(req, &actor);
    tsn_intake_report(req->api->config.intake, &actor, "api", tsn_arena_strdup(req->arena, key),
                      report, done_report, req);
}

/* --- notes ------------------------------------------------------------------------------- */

struct note_op {
    struct tsn_op op;
    const struct tsn_casework_config *casework;
    struct tsn_viewer who;
    const char *ref, *text;
    struct tsn_actor by;
    int64_t now_ms, seq;
};

static tsn_err apply_note(struct tsn_op *op, struct tsn_store *st)
{
    struct note_op *n = (struct note_op *)op;
    struct tsn_rec_case c;
    bool closed;
    tsn_err err =
        tsn_access_find(st, op->arena, n->casework, &n->who, n->ref, &c, &closed, &op->diag);
    if (err)
        return err;
    return tsn_case_note(st, op->arena, c.id, n->text, &n->by, NULL, NULL, n->now_ms, &n->seq,
                         &op->diag);
}

static void done_note(struct tsn_op *op)
{
    struct tsn_req *req = op->user;
    if (op->err) {
        tsn_req_problem(req, op->err, &op->diag);
    } else {
        json_t *out = json_pack("{s:I}", "entry", (json_int_t)((struct note_op *)op)->seq);
        tsn_req_json(req, 201, out);
        json_decref(out);
    }
    tsn_req_end(req);
    tsn_op_destroy(op);
}

void tsn_act_note(struct tsn_req *req)
{
    static const char *const known[] = {"text"};
    if (!tsn_body_ok(req, known, 1))
        return;
    const char *text = tsn_json_str(req->body, "text", "");
    size_t len = strlen(text);
    if (len < 1 || len > 20000) {
        tsn_body_bad(req, "/text", "text must be 1 to 20,000 bytes");
        return;
    }
    struct note_op *n = tsn_op_new(sizeof(*n), apply_note, done_note, req);
    n->ref = req->id;
    n->text = text;
    n->now_ms = tsn_clock_wall_ms();
    tsn_auth_actor(req, &n->by);
    n->who = tsn_auth_viewer(req);
    n->casework = req->api->config.casework;
    tsn_req_write(req, &n->op);
}

/* --- tasks ------------------------------------------------------------------------------- */

void tsn_act_answer(struct tsn_req *req)
{
    static const char *const known[] = {"answer"};
    if (!tsn_body_ok(req, known, 1) || !tsn_body_person(req))
        return;
    json_t *answer = json_object_get(req->body, "answer");
    if (!json_is_object(answer)) {
        tsn_body_bad(req, "/answer", "answer must be an object of fields");
        return;
    }
    struct tsn_actor actor;
    tsn_auth_actor(req, &actor);
    const struct tsn_decision d = {.task = req->id, .verb = "answer", .answer = answer};
    tsn_engine_decide(req->api->config.engine, &actor, &d, tsn_req_engine_done, req);
}

void tsn_act_delegate(struct tsn_req *req)
{
    static const char *const known[] = {"to", "reason"};
    if (!tsn_body_ok(req, known, 2) || !tsn_body_person(req))
        return;
    const char *to = tsn_json_str(req->body, "to", "");
    struct tsn_actor actor;
    tsn_auth_actor(req, &actor);
    /* Only here is known who there is. */
    if (!tsn_auth_person(req->api, to)) {
        struct tsn_diag diag;
        tsn_diag_init(&diag);
        tsn_diag_at(&diag, "/to", 0, 0);
        (void)tsn_diag_set(&diag, TSN_EINPUT, "A101", "there is no person `%.64s`", to);
        tsn_req_problem(req, TSN_EINPUT, &diag);
        tsn_req_end(req);
        return;
    }
    const struct tsn_decision d = {.task = req->id,
                                   .verb = "delegate",
                                   .to = to,
                                   .reason = tsn_json_str(req->body, "reason", "")};
    tsn_engine_decide(req->api->config.engine, &actor, &d, tsn_req_engine_done, req);
}

static bool digest_ok(const char *s)
{
    uint8_t raw[TSN_HASH_LEN];
    return strncmp(s, "sha256:", 7) == 0 &&
           tsn_unhex(raw, sizeof(raw), s + 7, strlen(s + 7)) == 0;
}

void tsn_act_decision(struct tsn_req *req)
{
    static const char *const known[] = {"decision", "reason", "plan_digest"};
    if (!tsn_body_ok(req, known, 3) || !tsn_body_person(req))
        return;
    const char *verb = tsn_json_str(req->body, "decision", "");
    const char *reason = tsn_json_str(req->body, "reason", "");
    const char *digest = tsn_json_str(req->body, "plan_digest", NULL);
    bool approve = strcmp(verb, "approve") == 0;
    if (!approve && strcmp(verb, "reject") != 0) {
        tsn_body_bad(req, "/decision", "decision must be approve or reject");
        return;
    }
    if (digest && !digest_ok(digest)) {
        tsn_body_bad(req, "/plan_digest", "plan_digest must be sha256: and 64 hex digits");
        return;
    }
    struct tsn_actor actor;
    tsn_auth_actor(req, &actor);
    const struct tsn_decision d = {.task = req->id,
                                   .verb = approve ? "approve" : "reject",
                                   .reason = reason,
                                   .digest = digest};
    tsn_engine_decide(req->api->config.engine, &actor, &d, tsn_req_engine_done, req);
}

/* --- feeds ------------------------------------------------------------------------------- */

void tsn_act_feed_poll(struct tsn_req *req)
{
    static const char *const known[] = {"whole"};
    if (!tsn_body_ok(req, known, 1))
        return;
    if (!req->api->config.feeds) {
        tsn_req_refuse(req, 404, TSN_ENOTFOUND, "H031", "no feeds are configured", "");
        tsn_req_end(req);
        return;
    }
    tsn_feed_poll(req->api->config.feeds, req->id, tsn_json_bool(req->body, "whole", false),
                  tsn_req_engine_done, req);
}
