/* act_bundle.c - somebody is handed a part of the log: the entry about it, sealed before the
 * answer. The files are made by the command from the database.
 *
 * The entry of a case names how many entries the case has before it and their root, so that an
 * export that leaves one out does not verify. Loop thread, but for apply_export (writer).
 */
#include "api/api_impl.h"

#include <string.h>
#include "core/text.h"
#include "seal/sealing.h"
#include "store/bundle_out.h"
#include "store/record_case.h"

struct export_op {
    struct tsn_op op;
    const char *ref, *from, *to, *open, *actor, *auth;
    struct tsn_rec_case c;
    int64_t seq;
    const char *note; /* the checkpoint that covers it, and its size */
    int64_t size;
};

static tsn_err apply_export(struct tsn_op *op, struct tsn_store *st)
{
    struct export_op *x = (struct export_op *)op;
    struct tsn_append in = TSN_APPEND_INIT;
    struct tsn_logged *list;
    uint8_t root[TSN_HASH_LEN];
    size_t n;
    tsn_err err = 0;

    in.kind = "audit.export";
    in.actor = x->actor;
    in.auth = x->auth;
    in.outcome = "ok";
    in.reason = x->ref ? "case" : x->from ? "range" : "all";
    in.from = x->from;
    in.to = x->to;
    in.tlp = x->open; /* what the recipient may see */
    if (x->ref) {
        err =
            tsn_read_resolve(st, op->arena, &tsn_table_case, "case", x->ref, &x->c, &op->diag);
        if (!err)
            err = tsn_bundle_case(st, op->arena, x->c.id, -1, &list, &n);
        if (err)
            return err;
        tsn_bundle_root(root, list, n);
        in.case_id = x->c.id;
        in.rlen = (int64_t)n;
        in.rlast = root;
    }
    return tsn_store_append(st, &in, &x->seq);
}

static void finish(struct export_op *x)
{
    struct tsn_req *req = x->op.user;

    tsn_req_end(req);
    tsn_op_destroy(&x->op);
}

/* The checkpoint is on record as one that somebody has. */
static void answer(void *user)
{
    struct export_op *x = user;
    struct tsn_req *req = x->op.user;
    json_t *out = json_pack("{s:I, s:I, s:s, s:s}", "entry", (json_int_t)x->seq, "size",
                            (json_int_t)x->size, "note", x->note, "key",
                            tsn_sealing_key(req->api->config.sealing));

    if (x->c.id) {
        json_object_set_new(out, "case", json_string(x->c.id));
        json_object_set_new(out, "name", tsn_view_text(x->c.name));
    }
    tsn_req_json(req, 200, out);
    json_decref(out);
    finish(x);
}

static void covered(bool yes, void *user)
{
    struct export_op *x = user;
    struct tsn_req *req = x->op.user;
    struct tsn_sealing *s = req->api->config.sealing;
    struct tsn_diag diag;
    int64_t size;
    const char *note = tsn_sealing_covered_note(s, &size);

    (void)yes;
    /* Without its witnesses in time it is still signed: the recipient sees which. */
    if (size <= x->seq) {
        struct tsn_sealing_stats stats;

        tsn_sealing_stats(s, &stats);
        size = stats.size;
        note = tsn_sealing_note(s);
    }
    if (note && size > x->seq) {
        x->note = tsn_arena_strdup(x->op.arena, note);
        x->size = size;
        tsn_sealing_handed_out(s, x->note, size, answer, x);
        return;
    }
    tsn_diag_init(&diag);
    tsn_diag_hint(&diag, "look at the sealer: tocsin status");
    (void)tsn_diag_set(&diag, TSN_ETIMEOUT, "V109",
                       "no checkpoint covers the entry about this export yet");
    tsn_req_problem(req, TSN_ETIMEOUT, &diag);
    finish(x);
}

static void done_export(struct tsn_op *op)
{
    struct export_op *x = (struct export_op *)op;
    struct tsn_req *req = op->user;

    if (op->err) {
        tsn_req_problem(req, op->err, &op->diag);
        tsn_req_end(req);
        tsn_op_destroy(op);
        return;
    }
    tsn_sealing_cover(req->api->config.sealing, x->seq, covered, x);
}

void tsn_act_bundle(struct tsn_req *req)
{
    static const char *const known[] = {"case", "from", "to", "open"};
    struct export_op *x;
    struct tsn_diag diag;
    tsn_err err;

    tsn_diag_init(&diag);
    err = tsn_json_known(req->body, known, 4, &diag);
    x = tsn_op_new(sizeof(*x), apply_export, done_export, req);
    x->ref = tsn_arena_strdup(x->op.arena, tsn_json_str(req->body, "case", NULL));
    x->from = tsn_arena_strdup(x->op.arena, tsn_json_str(req->body, "from", NULL));
    x->to = tsn_arena_strdup(x->op.arena, tsn_json_str(req->body, "to", NULL));
    x->open = tsn_arena_strdup(x->op.arena, tsn_json_str(req->body, "open", NULL));
    x->actor = tsn_arena_strdup(x->op.arena, tsn_auth_name(req));
    x->auth = tsn_arena_strdup(x->op.arena, req->who.auth);
    if (!err && ((x->from && !tsn_word_ok(x->from, 20)) || (x->to && !tsn_word_ok(x->to, 20)) ||
                 (x->open && !tsn_word_ok(x->open, 20))))
        err = tsn_diag_set(&diag, TSN_EINPUT, "H011", "from, to and open are single words");
    if (err) {
        tsn_op_destroy(&x->op);
        tsn_req_problem(req, err, &diag);
        tsn_req_end(req);
        return;
    }
    tsn_req_write(req, &x->op);
}
