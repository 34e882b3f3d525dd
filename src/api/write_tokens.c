/* write_tokens.c - bearer tokens: made (shown once, only the hash is kept) and revoked.
 *
 * Owns nothing. Loop thread, but for apply_* (writer). Both are entries of the log.
 */
#include "api/api_impl.h"

#include <string.h>
#include "core/clock.h"
#include "core/crypto.h"
#include "core/id.h"
#include "store/record_system.h"

struct token_write {
    struct tsn_op op;
    struct tsn_rec_token rec;
    const char *ref; /* revoke: which */
    const char *actor, *auth;
    char token[TSN_TOKEN_LEN + 1]; /* create: for the answer alone */
    int64_t now_ms, seq;
};

static tsn_err log_token(struct tsn_store *st, struct token_write *t, const char *kind)
{
    const char *note =
        tsn_arena_printf(t->op.arena, "%s %s %s", t->rec.id, t->rec.person, t->rec.scopes);
    const struct tsn_field field = {"note", note, strlen(note)};
    struct tsn_append in = TSN_APPEND_INIT;
    in.kind = kind;
    in.actor = t->actor;
    in.auth = t->auth;
    in.outcome = "ok";
    in.fields = &field;
    in.nfields = 1;
    return tsn_store_append(st, &in, &t->seq);
}

static tsn_err apply_create(struct tsn_op *op, struct tsn_store *st)
{
    struct token_write *t = (struct token_write *)op;
    tsn_err err = tsn_store_insert(st, &tsn_table_token, &t->rec);
    return err ? err : log_token(st, t, "token.created");
}

static json_t *view(const struct tsn_rec_token *t)
{
    return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o}", "id", t->id, "person", t->person,
                     "scopes", t->scopes, "purpose", tsn_view_text(t->purpose), "created_at",
                     tsn_view_time(t->created_at), "expires_at", tsn_view_time(t->expires_at),
                     "revoked_at", tsn_view_time(t->revoked_at));
}

static void done_create(struct tsn_op *op)
{
    struct token_write *t = (struct token_write *)op;
    struct tsn_req *req = op->user;
    if (op->err) {
        tsn_req_problem(req, op->err, &op->diag);
    } else {
        json_t *out = view(&t->rec);
        json_object_set_new(out, "token", json_string(t->token));
        json_object_set_new(out, "entry", json_integer(t->seq));
        tsn_req_json(req, 201, out);
        json_decref(out);
    }
    tsn_wipe(t->token, sizeof(t->token));
    tsn_req_end(req);
    tsn_op_destroy(op);
}

static tsn_err parse_create(struct tsn_req *req, struct token_write *t, struct tsn_diag *diag)
{
    static const char *const known[] = {"person", "scopes", "purpose", "expires_at"};
    tsn_err err = tsn_json_known(req->body, known, 4, diag);
    if (err)
        return err;
    struct tsn_arena *arena = t->op.arena;
    const char *person = tsn_json_str(req->body, "person", "");
    if (!tsn_auth_person(req->api, person)) {
        tsn_diag_at(diag, "/person", 0, 0);
        (void)tsn_diag_set(diag, TSN_EINPUT, "H013", "there is no person `%s`", person);
        tsn_diag_hint(diag, "`people:` in tocsin.yaml names who exists.");
        return TSN_EINPUT;
    }
    unsigned bits;
    const char *scopes = tsn_json_str(req->body, "scopes", "");
    err = tsn_auth_scopes(scopes, &bits, diag);
    if (err)
        return err;
    t->rec.person = tsn_arena_strdup(arena, person);
    t->rec.scopes = tsn_arena_strdup(arena, scopes);
    t->rec.purpose = tsn_arena_strdup(arena, tsn_json_str(req->body, "purpose", NULL));
    t->rec.created_at = t->now_ms;
    const char *expires = tsn_json_str(req->body, "expires_at", NULL);
    if (expires &&
        (tsn_time_parse(expires, &t->rec.expires_at) || t->rec.expires_at <= t->now_ms)) {
        tsn_diag_at(diag, "/expires_at", 0, 0);
        return tsn_diag_set(diag, TSN_EINPUT, "H013",
                            "expires_at must be an RFC 3339 time in the future");
    }
    return 0;
}

static struct token_write *write_new(struct tsn_req *req,
                                     tsn_err (*apply)(struct tsn_op *, struct tsn_store *),
                                     void (*done)(struct tsn_op *))
{
    struct token_write *t = tsn_op_new(sizeof(*t), apply, done, req);
    t->now_ms = tsn_clock_wall_ms();
    t->actor = tsn_auth_name(req);
    t->auth = req->who.auth;
    return t;
}

void tsn_act_token_create(struct tsn_req *req)
{
    struct token_write *t = write_new(req, apply_create, done_create);
    struct tsn_diag diag;
    tsn_diag_init(&diag);
    tsn_err err = parse_create(req, t, &diag);
    if (err) {
        tsn_op_destroy(&t->op);
        tsn_req_problem(req, err, &diag);
        tsn_req_end(req);
        return;
    }
    char id[TSN_ULID_LEN + 1], hash[65];
    tsn_id_new(id);
    tsn_token_new(t->token, hash);
    t->rec.id = tsn_arena_strdup(t->op.arena, id);
    t->rec.hash = tsn_arena_strdup(t->op.arena, hash);
    tsn_req_write(req, &t->op);
}

static tsn_err apply_revoke(struct tsn_op *op, struct tsn_store *st)
{
    struct token_write *t = (struct token_write *)op;
    tsn_err err =
        tsn_read_resolve(st, op->arena, &tsn_table_token, "token", t->ref, &t->rec, &op->diag);
    if (err)
        return err;
    if (t->rec.revoked_at)
        return tsn_diag_set(&op->diag, TSN_ECONFLICT, "H042", "this token is revoked already");
    t->rec.revoked_at = t->now_ms;
    err = tsn_store_put(st, &tsn_table_token, &t->rec);
    return err ? err : log_token(st, t, "token.revoked");
}

static void done_revoke(struct tsn_op *op)
{
    struct token_write *t = (struct token_write *)op;
    struct tsn_req *req = op->user;
    if (op->err) {
        tsn_req_problem(req, op->err, &op->diag);
    } else {
        json_t *out = view(&t->rec);
        json_object_set_new(out, "entry", json_integer(t->seq));
        tsn_req_json(req, 200, out);
        json_decref(out);
    }
    tsn_req_end(req);
    tsn_op_destroy(op);
}

void tsn_act_token_revoke(struct tsn_req *req)
{
    struct token_write *t = write_new(req, apply_revoke, done_revoke);
    t->ref = req->id;
    tsn_req_write(req, &t->op);
}
