/* read_audit.c - the log as JSON: pages of entries, and the journal of one run.
 *
 * Asking for the log is itself an entry (audit.read), committed before the answer is read.
 * Loop thread, but for apply_* (writer) and tsn_read_* (reader).
 */
#include "api/api_impl.h"

#include <string.h>
#include "core/text.h"

/* --- GET /audit/entries ------------------------------------------------------------------- */

tsn_err tsn_read_entries(struct tsn_store *st, struct tsn_read *rd, json_t **out)
{
    size_t limit;
    int64_t from = 0;
    uint64_t size;
    uint8_t root[TSN_HASH_LEN];
    tsn_err err = tsn_read_limit(rd, 100, 1000, &limit);
    if (err)
        return err;
    err = tsn_store_stored_head(st, &size, root);
    if (err)
        return err;
    const char *text = rd->param[TSN_PARAM_FROM];
    if (text) {
        if (tsn_parse_int(text[0] == '#' ? text + 1 : text, 0, INT64_MAX, &from))
            return tsn_diag_set(&rd->op.diag, TSN_EINPUT, "H033",
                                "from must be the number of an entry");
    } else if (size > limit) {
        from = (int64_t)(size - limit); /* the newest */
    }
    json_t *items = json_array();
    int64_t seq = from;
    for (; (uint64_t)seq < size && seq < from + (int64_t)limit; seq++) {
        struct tsn_logged e;
        err = tsn_store_entry(st, rd->op.arena, seq, &e);
        if (err == TSN_ENOTFOUND)
            break;
        if (err) {
            json_decref(items);
            return err;
        }
        json_array_append_new(items, tsn_view_entry(&e));
    }
    const char *next =
        (uint64_t)seq < size ? tsn_arena_printf(rd->op.arena, "%lld", (long long)seq) : NULL;
    char hex[2 * TSN_HASH_LEN + 1];
    tsn_hex(hex, root, sizeof(root));
    *out = tsn_view_list(items, next);
    json_object_set_new(*out, "size", json_integer((json_int_t)size));
    json_object_set_new(*out, "root", json_string(hex));
    return 0;
}

struct asked_op {
    struct tsn_op op;
    const char *actor, *auth;
};

static tsn_err apply_asked(struct tsn_op *op, struct tsn_store *st)
{
    const struct asked_op *a = (const struct asked_op *)op;
    struct tsn_append in = TSN_APPEND_INIT;
    in.kind = "audit.read";
    in.actor = a->actor;
    in.auth = a->auth;
    in.outcome = "ok";
    return tsn_store_append(st, &in, NULL);
}

static void done_asked(struct tsn_op *op)
{
    struct tsn_req *req = op->user;
    if (op->err) {
        tsn_req_problem(req, op->err, &op->diag);
        tsn_req_end(req);
    } else if (!req->in) {
        tsn_req_end(req);
    } else {
        tsn_req_read(req, tsn_read_entries, NULL);
    }
    tsn_op_destroy(op);
}

void tsn_act_entries(struct tsn_req *req)
{
    struct asked_op *a = tsn_op_new(sizeof(*a), apply_asked, done_asked, req);
    a->actor = tsn_auth_name(req);
    a->auth = req->who.auth;
    tsn_req_write(req, &a->op);
}

/* --- GET /runs/{id}/log ------------------------------------------------------------------- */

/* What stands sealed beside the entry: JSON where it is JSON. */
static void add_fields(struct tsn_store *st, struct tsn_arena *arena,
                       const struct tsn_logged *e, json_t *item)
{
    if (e->blob.len == 0)
        return;
    json_t *fields = json_object();
    for (size_t i = 0; i < e->entry.ncommits; i++) {
        const char *name = e->entry.commits[i].name, *text;
        size_t len;
        if (tsn_store_open_field(st, arena, e, name, &text, &len))
            continue;
        json_t *value = NULL;
        if (tsn_json_parse(text, len, &value, NULL))
            value = tsn_utf8_valid(text, len) ? json_stringn(text, len) : json_null();
        json_object_set_new(fields, name, value);
    }
    json_object_set_new(item, "fields", fields);
}

tsn_err tsn_read_run_log(struct tsn_store *st, struct tsn_read *rd, json_t **out)
{
    struct tsn_rec_run r;
    size_t limit, n;
    struct tsn_logged *entries;
    tsn_err err =
        tsn_read_resolve(st, rd->op.arena, &tsn_table_run, "run", rd->id, &r, &rd->op.diag);
    if (!err)
        err = tsn_read_limit(rd, 1000, 10000, &limit);
    if (!err)
        err = tsn_store_walk(st, rd->op.arena, tsn_arena_printf(rd->op.arena, "run:%s", r.id),
                             limit, &entries, &n);
    if (err == TSN_ENOTFOUND) {
        n = 0;
        err = 0;
    }
    if (err)
        return err;
    json_t *items = json_array();
    for (size_t i = 0; i < n; i++) {
        json_t *item = tsn_view_entry(&entries[i]);
        add_fields(st, rd->op.arena, &entries[i], item);
        json_array_append_new(items, item);
    }
    *out = tsn_view_list(items, NULL);
    json_object_set_new(*out, "run", tsn_view_run(&r, false));
    return 0;
}
