/* write_secrets.c - secrets: set and removed by the operator, listed by name; a value never comes back.
 *
 * Rows are sealed in the store; what the process uses is core/secret.h, brought up to date after the
 * commit. Owns nothing. Loop thread, but for apply_* (writer) and the read (reader).
 */
#include "api/api_impl.h"

#include <string.h>
#include "core/clock.h"
#include "core/crypto.h"
#include "core/secret.h"
#include "store/record_system.h"

struct secret_write {
    struct tsn_op op;
    struct tsn_rec_secret rec;
    char *value; /* in the arena; wiped when done */
    const char *actor, *auth;
    int64_t seq;
    bool replaced;
};

static tsn_err log_secret(struct tsn_store *st, struct secret_write *w, const char *kind)
{
    const struct tsn_field field = {"note", w->rec.name, strlen(w->rec.name)};
    struct tsn_append in = TSN_APPEND_INIT;
    in.kind = kind;
    in.actor = w->actor;
    in.auth = w->auth;
    in.outcome = "ok";
    in.fields = &field;
    in.nfields = 1;
    return tsn_store_append(st, &in, &w->seq);
}

static tsn_err apply_set(struct tsn_op *op, struct tsn_store *st)
{
    struct secret_write *w = (struct secret_write *)op;
    struct tsn_rec_secret old;
    tsn_err err = tsn_store_get_bare(st, op->arena, &tsn_table_secret, w->rec.name, &old);
    w->replaced = err == 0;
    if (err && err != TSN_ENOTFOUND)
        return err;
    err = tsn_store_put(st, &tsn_table_secret, &w->rec);
    if (err == TSN_EDENIED)
        return tsn_diag_set(&op->diag, err, "K002",
                            "without the store's key file nothing can be sealed");
    return err ? err : log_secret(st, w, "secret.set");
}

static tsn_err apply_remove(struct tsn_op *op, struct tsn_store *st)
{
    struct secret_write *w = (struct secret_write *)op;
    struct tsn_rec_secret old;
    tsn_err err = tsn_store_get_bare(st, op->arena, &tsn_table_secret, w->rec.name, &old);
    if (err == TSN_ENOTFOUND) {
        tsn_diag_hint(&op->diag, "tocsin secret list");
        return tsn_diag_set(&op->diag, err, "K001", "there is no secret `%s` in the store",
                            w->rec.name);
    }
    if (!err)
        err = tsn_store_delete(st, &tsn_table_secret, w->rec.name);
    return err ? err : log_secret(st, w, "secret.removed");
}

static const char *handle_of(const struct secret_write *w)
{
    return tsn_arena_printf(w->op.arena, "secret:%s", w->rec.name);
}

static void done(struct tsn_op *op)
{
    struct secret_write *w = (struct secret_write *)op;
    struct tsn_req *req = op->user;
    if (op->err) {
        tsn_req_problem(req, op->err, &op->diag);
    } else {
        if (w->value)
            (void)tsn_secret_put(handle_of(w), w->value, strlen(w->value));
        else
            tsn_secret_drop(handle_of(w));
        json_t *out = json_pack("{s:s, s:b, s:I}", "name", w->rec.name, "replaced", w->replaced,
                                "entry", (json_int_t)w->seq);
        tsn_req_json(req, w->value && !w->replaced ? 201 : 200, out);
        json_decref(out);
    }
    if (w->value)
        tsn_wipe(w->value, strlen(w->value));
    tsn_req_end(req);
    tsn_op_destroy(op);
}

static struct secret_write *write_new(struct tsn_req *req, const char *name,
                                      tsn_err (*apply)(struct tsn_op *, struct tsn_store *))
{
    struct secret_write *w = tsn_op_new(sizeof(*w), apply, done, req);
    w->rec.name = tsn_arena_strdup(w->op.arena, name);
    w->rec.set_at = tsn_clock_wall_ms();
    w->actor = tsn_auth_name(req);
    w->auth = req->who.auth;
    w->rec.set_by = w->actor;
    return w;
}

/* A name that the configuration gives to a file would win at the next start: refuse it now. */
static const struct tsn_secret_use *configured(const struct tsn_req *req, const char *name)
{
    const struct tsn_api_config *c = &req->api->config;
    for (size_t i = 0; i < c->nsecret_uses; i++) {
        if (c->secret_uses[i].origin && strncmp(c->secret_uses[i].handle, "secret:", 7) == 0 &&
            strcmp(c->secret_uses[i].handle + 7, name) == 0)
            return &c->secret_uses[i];
    }
    return NULL;
}

void tsn_act_secret_set(struct tsn_req *req)
{
    static const char *const known[] = {"name", "value"};
    if (!tsn_body_ok(req, known, 2))
        return;
    const char *name = tsn_json_str(req->body, "name", "");
    const char *value = tsn_json_str(req->body, "value", "");
    size_t n = strlen(value);
    const struct tsn_secret_use *use = configured(req, name);
    if (!tsn_secret_name_ok(name)) {
        tsn_body_bad(req, "/name", "letters, digits, - _ . ; at most 64");
    } else if (n < TSN_SECRET_LEAST || n > TSN_SECRET_MOST) {
        tsn_body_bad(req, "/value", "a secret has 8 to 16384 bytes");
    } else if (use) {
        tsn_req_refuse(req, 409, TSN_ECONFLICT, "K003",
                       tsn_arena_printf(req->arena,
                                        "the configuration takes `%s` from a file (%s)", name,
                                        use->where),
                       "change the file, or take the name out of `secrets:`");
        tsn_req_end(req);
    } else {
        struct secret_write *w = write_new(req, name, apply_set);
        w->value = tsn_arena_strdup(w->op.arena, value);
        w->rec.value = w->value;
        tsn_req_write(req, &w->op);
        /* The body lives until the answer: its copy of the value need not. */
        tsn_wipe((char *)(uintptr_t)value, n);
    }
}

void tsn_act_secret_remove(struct tsn_req *req)
{
    struct secret_write *w = write_new(req, req->id, apply_remove);
    tsn_req_write(req, &w->op);
}

tsn_err tsn_read_secrets(struct tsn_store *st, struct tsn_read *rd, json_t **out)
{
    const struct tsn_list how = {.limit = 10000, .skip_blobs = true};
    struct tsn_rec_secret *rows;
    void *list;
    size_t n;
    tsn_err err = tsn_store_list(st, rd->op.arena, &tsn_table_secret, &how, &list, &n);
    if (err)
        return err;
    rows = list;
    json_t *items = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(
            items, json_pack("{s:s, s:s, s:o, s:o, s:[], s:s}", "name", rows[i].name, "from",
                             "store", "set_by", tsn_view_text(rows[i].set_by), "set_at",
                             tsn_view_time(rows[i].set_at), "used", "state", "set"));
    *out = tsn_view_list(items, NULL);
    return 0;
}

/* The item of a handle; one that nobody set is listed as missing. */
static json_t *item_of(json_t *items, const char *handle, const char *origin)
{
    const char *name = strncmp(handle, "secret:", 7) == 0 ? handle + 7 : handle;
    size_t i;
    json_t *item;
    json_array_foreach(items, i, item)
    {
        if (strcmp(tsn_json_str(item, "name", ""), name) == 0)
            return item;
    }
    item = json_pack("{s:s, s:s, s:n, s:n, s:[], s:s}", "name", name, "from",
                     origin ? origin : "nowhere", "set_by", "set_at", "used", "state",
                     tsn_secret_get(handle, NULL) ? "set" : "missing");
    json_array_append_new(items, item);
    return item;
}

/* What only the loop knows: where the configuration names each, and which are not there. */
void tsn_finish_secrets(struct tsn_req *req, json_t *out)
{
    const struct tsn_api_config *c = &req->api->config;
    for (size_t i = 0; i < c->nsecret_uses; i++) {
        const struct tsn_secret_use *u = &c->secret_uses[i];
        json_t *item = item_of(json_object_get(out, "items"), u->handle, u->origin);
        if (!u->origin || strcmp(u->origin, "clear") == 0)
            json_array_append_new(json_object_get(item, "used"), json_string(u->where));
    }
}
