/* auth.c - the one place that says who calls and whether the route lets them.
 *
 * Over the Unix socket the kernel names the peer: a uid of `people:` is that person; root and the
 * daemon's own uid own the daemon and may act as any person named in Tocsin-As. Over TCP only a
 * bearer token counts. A refused caller learns nothing but that; the log gets at most one
 * auth.failed entry a second. Loop thread, but for read_token (reader) and apply_failed (writer).
 */
#include "api/api_impl.h"

#include <string.h>
#include <strings.h>
#include <unistd.h>
#include "core/clock.h"
#include "core/crypto.h"
#include "core/rand.h"
#include "core/text.h"
#include "store/record_system.h"

static const char *const operator_roles[] = {"operator", NULL};

static const struct {
    const char *name;
    unsigned bit;
} scopes[] = {
    {"report:submit", TSN_SCOPE_SUBMIT},
    {"read", TSN_SCOPE_READ},
    {"decide", TSN_SCOPE_DECIDE},
    {"admin", TSN_SCOPE_ADMIN},
};

tsn_err tsn_auth_scopes(const char *text, unsigned *out, struct tsn_diag *diag)
{
    *out = 0;
    for (const char *p = text; *p;) {
        size_t len = strcspn(p, ", ");
        bool known = len == 0;
        for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++) {
            if (strlen(scopes[i].name) == len && strncmp(scopes[i].name, p, len) == 0) {
                *out |= scopes[i].bit;
                known = true;
            }
        }
        if (!known) {
            (void)tsn_diag_set(diag, TSN_EINPUT, "H041", "there is no scope `%.*s`", (int)len,
                               p);
            tsn_diag_hint(diag, "Scopes are report:submit, read, decide and admin.");
            return TSN_EINPUT;
        }
        p += len;
        p += strspn(p, ", ");
    }
    if (*out == 0)
        return tsn_diag_set(diag, TSN_EINPUT, "H041", "a token needs at least one scope");
    return 0;
}

void tsn_token_hash(const char *token, char hash[65])
{
    uint8_t digest[TSN_HASH_LEN];
    tsn_sha256_once(digest, token, strlen(token));
    tsn_hex(hash, digest, sizeof(digest));
}

void tsn_token_new(char out[TSN_TOKEN_LEN + 1], char hash[65])
{
    uint8_t secret[32];
    tsn_rand_bytes(secret, sizeof(secret));
    tsn_copy(out, TSN_TOKEN_LEN + 1, "tocsin_");
    tsn_hex(out + 7, secret, sizeof(secret));
    tsn_wipe(secret, sizeof(secret));
    tsn_token_hash(out, hash);
}

const struct tsn_person *tsn_auth_person(const struct tsn_api *api, const char *id)
{
    for (size_t i = 0; id && i < api->config.npeople; i++) {
        if (strcmp(api->config.people[i].id, id) == 0)
            return &api->config.people[i];
    }
    return NULL;
}

bool tsn_auth_has_role(const struct tsn_who *who, const char *role)
{
    for (const char *const *r = who->roles; r && *r; r++) {
        if (strcmp(*r, role) == 0)
            return true;
    }
    return false;
}

void tsn_auth_actor(const struct tsn_req *req, struct tsn_actor *out)
{
    out->person = req->who.person;
    out->roles = req->who.roles;
    out->auth = req->who.auth;
}

const char *tsn_auth_name(const struct tsn_req *req)
{
    return req->who.person ? tsn_arena_printf(req->arena, "u:%s", req->who.person) : "op:owner";
}

/* --- may they? ------------------------------------------------------------------------- */

/* A role beyond handing in reports; `work` also leaves out those who only look. */
static bool role_beyond(const struct tsn_who *who, bool work)
{
    for (const char *const *r = who->roles; r && *r; r++) {
        bool outside = strcmp(*r, "intake") == 0 || strcmp(*r, "reporter") == 0;
        bool looks = strcmp(*r, "auditor") == 0;
        if (!outside && !(work && looks))
            return true;
    }
    return false;
}

static bool allowed(const struct tsn_who *who, enum tsn_need need)
{
    switch (need) {
    case TSN_NEED_NOTHING:
    case TSN_NEED_SIGNATURE:
    case TSN_NEED_CALLER:
        return true;
    case TSN_NEED_SUBMIT:
        return who->scopes & TSN_SCOPE_SUBMIT;
    case TSN_NEED_READ:
        return (who->scopes & TSN_SCOPE_READ) && role_beyond(who, false);
    case TSN_NEED_WORK:
        return (who->scopes & TSN_SCOPE_DECIDE) && role_beyond(who, true);
    case TSN_NEED_PAIR:
        return (who->scopes & TSN_SCOPE_DECIDE) &&
               (tsn_auth_has_role(who, "operator") || tsn_auth_has_role(who, "psirt-lead") ||
                tsn_auth_has_role(who, "auditor"));
    case TSN_NEED_ADMIN:
        return (who->scopes & TSN_SCOPE_ADMIN) && tsn_auth_has_role(who, "operator");
    }
    return false;
}

/* --- the entry about refused callers ------------------------------------------------------ */

struct failed_op {
    struct tsn_op op;
    struct tsn_api *api;
    const char *why, *src;
};

static tsn_err apply_failed(struct tsn_op *op, struct tsn_store *st)
{
    struct failed_op *f = (struct failed_op *)op;
    const struct tsn_field field = {"src", f->src, strlen(f->src)};
    struct tsn_append in = TSN_APPEND_INIT;
    in.kind = "auth.failed";
    in.actor = "none";
    in.outcome = "denied";
    in.reason = f->why;
    in.fields = &field;
    in.nfields = 1;
    return tsn_store_append(st, &in, NULL);
}

static void done_failed(struct tsn_op *op)
{
    struct tsn_api *api = ((struct failed_op *)op)->api;
    tsn_op_destroy(op);
    api->nops--;
    tsn_api_unref(api);
}

void tsn_auth_failed(struct tsn_req *req, struct tsn_told *told, const char *why,
                     const char *hook)
{
    struct tsn_api *api = req->api;
    int64_t now = tsn_clock_mono_ms();
    told->since++;
    if ((told->at_ms && now - told->at_ms < 1000) || api->not_ready[0])
        return;
    json_t *src =
        json_pack("{s:I, s:s, s:s*}", "count", (json_int_t)told->since, "peer",
                  req->in->local ? tsn_arena_printf(req->arena, "uid:%ld", (long)req->in->uid)
                                 : req->in->peer,
                  "hook", hook);
    char *text = tsn_json_text(src);
    struct failed_op *f = tsn_op_new(sizeof(*f), apply_failed, done_failed, NULL);
    f->api = api;
    f->why = why;
    f->src = tsn_arena_strdup(f->op.arena, text);
    free(text);
    json_decref(src);
    if (tsn_writer_submit(api->config.writer, &f->op, TSN_LANE_BULK)) {
        tsn_op_destroy(&f->op);
    } else {
        api->nops++;
        told->at_ms = now;
        told->since = 0;
    }
}

/* `why` is for the log alone; the caller is told nothing that helps to guess. */
static void refuse(struct tsn_req *req, const char *why)
{
    tsn_auth_failed(req, &req->api->failed, why, NULL);
    tsn_req_refuse(req, 401, TSN_EUNAUTH, "A001", "not logged in",
                   "Send a valid token: Authorization: Bearer tocsin_...");
    tsn_req_end(req);
}

static void judge(struct tsn_req *req, void (*then)(struct tsn_req *req))
{
    if (allowed(&req->who, req->route->need)) {
        then(req);
        return;
    }
    const char *hint = req->route->need == TSN_NEED_ADMIN
                           ? "It needs the role operator, and with a token the scope admin."
                           : "`GET /api/v1/me` says which roles and scopes you have.";
    tsn_req_refuse(req, 403, TSN_EDENIED, "A002", "you may not do this", hint);
    tsn_req_end(req);
}

/* --- the Unix socket --------------------------------------------------------------------- */

static void check_local(struct tsn_req *req, void (*then)(struct tsn_req *req))
{
    struct tsn_api *api = req->api;
    struct tsn_who *who = &req->who;
    const char *as = tsn_http_header(req->in, "Tocsin-As");
    who->auth = "local";
    who->scopes = TSN_SCOPE_ALL;
    who->owner = req->in->uid == 0 || req->in->uid == geteuid();
    const struct tsn_person *person = NULL;
    if (as) {
        person = tsn_auth_person(api, as);
        /* A person may name themselves; anybody else only the owner may be. */
        bool self = person && person->uid >= 0 && (uid_t)person->uid == req->in->uid;
        if (!who->owner && !self) {
            refuse(req, "as_not_owner");
            return;
        }
        if (!person) {
            tsn_req_refuse(req, 403, TSN_EDENIED, "A003",
                           "no person of this name is configured",
                           "`people:` in tocsin.yaml names who exists.");
            tsn_req_end(req);
            return;
        }
    }
    for (size_t i = 0; !person && i < api->config.npeople; i++) {
        if (api->config.people[i].uid >= 0 && (uid_t)api->config.people[i].uid == req->in->uid)
            person = &api->config.people[i];
    }
    if (person) {
        who->person = person->id;
        who->roles = person->roles;
    } else if (who->owner) {
        who->roles = operator_roles;
    } else {
        refuse(req, "unknown_uid");
        return;
    }
    judge(req, then);
}

/* --- tokens ----------------------------------------------------------------------------- */

struct token_op {
    struct tsn_op op;
    void (*then)(struct tsn_req *req);
    const char *hash;
    bool found;
    struct tsn_rec_token token;
};

static tsn_err read_token(struct tsn_op *op, struct tsn_store *st)
{
    struct token_op *t = (struct token_op *)op;
    t->found = false;
    tsn_err err = tsn_store_find(st, op->arena, &tsn_table_token, "hash", t->hash, &t->token);
    if (err == TSN_ENOTFOUND)
        return 0;
    t->found = err == 0;
    return err;
}

static void done_token(struct tsn_op *op)
{
    struct token_op *t = (struct token_op *)op;
    struct tsn_req *req = op->user;
    void (*then)(struct tsn_req *) = t->then;
    const char *why = NULL;
    unsigned bits = 0;
    const struct tsn_person *person = NULL;
    if (!req->in) {
        tsn_op_destroy(op);
        tsn_req_end(req);
        return;
    }
    if (op->err) {
        tsn_req_problem(req, op->err, &op->diag);
        tsn_op_destroy(op);
        tsn_req_end(req);
        return;
    }
    if (!t->found)
        why = "bad_token";
    else if (t->token.revoked_at)
        why = "revoked";
    else if (t->token.expires_at && t->token.expires_at <= tsn_clock_wall_ms())
        why = "expired";
    else if (!(person = tsn_auth_person(req->api, t->token.person)))
        why = "person_gone";
    else if (tsn_auth_scopes(t->token.scopes, &bits, NULL))
        why = "bad_scopes";
    tsn_op_destroy(op);
    if (why) {
        refuse(req, why);
        return;
    }
    req->who.person = person->id;
    req->who.roles = person->roles;
    req->who.auth = "token";
    req->who.scopes = bits;
    judge(req, then);
}

static void check_token(struct tsn_req *req, void (*then)(struct tsn_req *req))
{
    const char *header = tsn_http_header(req->in, "Authorization");
    const char *token = "";
    if (header && strncasecmp(header, "Bearer ", 7) == 0)
        token = header + 7 + strspn(header + 7, " ");
    if (!header) {
        /* Nobody tried anything: no entry for a browser that looks by. */
        tsn_req_refuse(req, 401, TSN_EUNAUTH, "A001", "not logged in",
                       "Send a valid token: Authorization: Bearer tocsin_...");
        tsn_req_end(req);
        return;
    }
    /* The same work for every shape of token: hash, one look-up, then the verdict. */
    char hash[65];
    tsn_token_hash(token, hash);
    struct token_op *t = tsn_op_new(sizeof(*t), read_token, done_token, req);
    t->then = then;
    t->hash = tsn_arena_strdup(t->op.arena, hash);
    tsn_err err = tsn_reader_submit(req->api->config.reader, &t->op);
    if (err) {
        tsn_op_destroy(&t->op);
        tsn_req_problem(req, err, NULL);
        tsn_req_end(req);
    }
}

void tsn_auth_check(struct tsn_req *req, void (*then)(struct tsn_req *req))
{
    if (req->in->local && !tsn_http_header(req->in, "Authorization")) {
        check_local(req, then);
    } else if (tsn_http_header(req->in, "Tocsin-As")) {
        tsn_req_refuse(req, 403, TSN_EDENIED, "A004",
                       "Tocsin-As is for the daemon's owner over the Unix socket", "");
        tsn_req_end(req);
    } else {
        check_token(req, then);
    }
}
