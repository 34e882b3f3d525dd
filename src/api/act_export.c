/* act_export.c - an export of the log begins, and ends: both are entries.
 *
 * The rows themselves are pages of GET /audit/entries; whoever makes them into a file or a stream says here what
 * they take and where it goes (POST /audit/exports), and at the end how far they came
 * (POST /audit/exports/{entry}). An export that was killed has its beginning in the log.
 * Owns nothing. Loop thread, but for apply_export (writer).
 */
#include "api/api_impl.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "core/text.h"

struct export_op {
    struct tsn_op op;
    const char *actor, *auth, *reason, *args, *from, *to, *outcome;
    int64_t ref, seq;
};

static tsn_err apply_export(struct tsn_op *op, struct tsn_store *st)
{
    struct export_op *x = (struct export_op *)op;
    const struct tsn_field field = {"args", x->args, strlen(x->args)};
    struct tsn_append in = TSN_APPEND_INIT;
    struct tsn_logged begun;

    if (x->ref >= 0) {
        tsn_err err = tsn_store_entry(st, op->arena, x->ref, &begun);
        if (err == TSN_ENOTFOUND || (!err && strcmp(begun.entry.kind, "audit.export") != 0))
            return tsn_diag_set(&op->diag, TSN_ENOTFOUND, "H031", "entry %lld began no export",
                                (long long)x->ref);
        if (err)
            return err;
        x->reason = begun.entry.reason;
    }
    in.kind = "audit.export";
    in.actor = x->actor;
    in.auth = x->auth;
    in.reason = x->reason;
    in.from = x->from;
    in.to = x->to;
    in.outcome = x->outcome;
    in.ref = x->ref;
    in.fields = &field;
    in.nfields = 1;
    return tsn_store_append(st, &in, &x->seq);
}

static void done_export(struct tsn_op *op)
{
    struct export_op *x = (struct export_op *)op;
    struct tsn_req *req = op->user;

    if (op->err) {
        tsn_req_problem(req, op->err, &op->diag);
    } else {
        char host[256] = "";
        json_t *out;

        if (gethostname(host, sizeof(host) - 1))
            host[0] = '\0';
        out = json_pack("{s:I, s:s, s:s, s:s}", "entry", (json_int_t)x->seq, "host",
                        host[0] ? host : "unknown", "version", req->api->config.version,
                        "origin", "tocsin");
        tsn_req_json(req, x->ref < 0 ? 201 : 200, out);
        json_decref(out);
    }
    tsn_req_end(req);
    tsn_op_destroy(op);
}

/* Where each export came from and goes to, sealed: what people are asked about an export. */
static bool keep(struct tsn_req *req, const char *const *known, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const json_t *v = json_object_get(req->body, known[i]);
        const char *text = json_string_value(v);

        if (v && !json_is_integer(v) && (!text || strlen(text) > 2000)) {
            tsn_body_bad(req, tsn_arena_printf(req->arena, "/%s", known[i]),
                         "must be text of at most 2,000 bytes, or a number");
            return false;
        }
    }
    return true;
}

void tsn_act_export(struct tsn_req *req)
{
    static const char *const begins[] = {"format", "query", "tlp", "to", "from", "open"};
    static const char *const ends[] = {"first", "last", "count"};
    bool begin = req->id[0] == '\0';
    struct export_op *x;
    char *text;
    int64_t ref = -1;

    if (!tsn_body_ok(req, begin ? begins : ends, begin ? 6 : 3) ||
        !keep(req, begin ? begins : ends, begin ? 6 : 3))
        return;
    const char *format = tsn_json_str(req->body, "format", "");
    if (begin && !tsn_word_ok(format, 32)) {
        tsn_body_bad(req, "/format", "format must be one short word");
        return;
    }
    if (!begin && tsn_parse_int(req->id, 0, INT64_MAX, &ref)) {
        tsn_body_bad(req, "/", "an export is named by the entry that began it");
        return;
    }
    x = tsn_op_new(sizeof(*x), apply_export, done_export, req);
    x->actor = tsn_arena_strdup(x->op.arena, tsn_auth_name(req));
    x->auth = req->who.auth;
    x->ref = ref;
    x->reason = begin ? tsn_arena_strdup(x->op.arena, format) : NULL;
    if (!begin) {
        x->outcome = "ok";
        x->from = tsn_arena_printf(x->op.arena, "%lld",
                                   (long long)tsn_json_int(req->body, "first", -1));
        x->to = tsn_arena_printf(x->op.arena, "%lld",
                                 (long long)tsn_json_int(req->body, "last", -1));
    }
    text = tsn_json_text(req->body);
    x->args = tsn_arena_strdup(x->op.arena, text);
    free(text);
    tsn_req_write(req, &x->op);
}
