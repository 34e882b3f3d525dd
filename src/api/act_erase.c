/* act_erase.c - destroys a payload, or the key of a case: one person asks, another one agrees.
 *
 * POST /audit/erasures writes `audit.erase.asked`; POST /audit/erasures/{entry} by somebody else within
 * a week destroys what that entry names and writes `audit.erase` with it as `ref`, in one
 * transaction. So both people and the legal basis stand in the log, in clear, for ever. Loop thread, but
 * for apply_* (writer).
 */
#include "api/api_impl.h"

#include <stdlib.h>
#include <string.h>
#include "casework/retention.h"
#include "core/clock.h"
#include "core/text.h"
#include "store/record_case.h"
#include "store/record_run.h"
#include "store/store_erase.h"

#define WEEK_MS INT64_C(604800000)

/* Codes of the legal basis: what an auditor may find in the clear of the log. */
static const char *const bases[] = {"gdpr-5",   "gdpr-17", "ccpa", "retention",
                                    "contract", "court",   "law"};
#define BASES (sizeof(bases) / sizeof(bases[0]))

struct erase_op {
    struct tsn_op op;
    const struct tsn_casework_config *casework;
    bool asks; /* the first person about what retention proposed: asks, as any other would */
    const char *person, *actor, *auth;
    const char *target, *basis, *reason; /* of asking; target: "#12" or a case */
    int64_t asked;                       /* of agreeing: the entry; else -1 */
    int64_t now_ms, seq;
    uint64_t payloads;
    const char *name; /* what is meant, for the answer */
};

/* What an erasure is about; one of the two. */
struct subject {
    const char *case_id; /* whole case */
    int64_t seq;         /* one entry, -1 */
};

/* --- may it be done? -------------------------------------------------------------------------- */

static tsn_err runs_are_over(struct tsn_store *st, struct tsn_arena *arena, const char *column,
                             const char *value, struct tsn_diag *diag)
{
    const struct tsn_filter filter = {column, TSN_CMP_EQ, value, 0};
    const struct tsn_list how = {
        .filters = &filter, .nfilters = 1, .limit = 100000, .skip_blobs = true};
    struct tsn_rec_run *runs;
    void *rows = NULL;
    size_t n = 0;
    tsn_err err = tsn_store_list(st, arena, &tsn_table_run, &how, &rows, &n);

    runs = rows;
    for (size_t i = 0; i < n && !err; i++) {
        if (strcmp(runs[i].state, "finished") != 0 && strcmp(runs[i].state, "failed") != 0 &&
            strcmp(runs[i].state, "cancelled") != 0) {
            tsn_diag_hint(diag, "wait for it, or: tocsin run cancel %s", runs[i].name);
            err = tsn_diag_set(diag, TSN_ECONFLICT, "V211",
                               "%s still needs it: a run that goes on is replayed from the log",
                               runs[i].name);
        }
    }
    return err;
}

/* A fact of the case: what somebody set to anything but false holds every erasure. */
static tsn_err not_held(const struct tsn_rec_case *c, struct tsn_diag *diag)
{
    json_t *facts = tsn_view_parsed(c->facts);
    const json_t *hold = json_object_get(facts, "legal_hold");
    bool held = hold && !json_is_null(hold) && !json_is_false(hold);

    json_decref(facts);
    if (!held)
        return 0;
    tsn_diag_hint(diag, "whoever set the fact legal_hold of the case can lift it");
    return tsn_diag_set(diag, TSN_ECONFLICT, "V212", "%s is under a legal hold", c->name);
}

static tsn_err check_case(struct tsn_store *st, const struct erase_op *x, const char *case_id,
                          bool whole, struct tsn_diag *diag)
{
    struct tsn_arena *arena = x->op.arena;
    /* What must be kept yields to a court and to a law alone. */
    bool stronger = !strcmp(x->basis, "court") || !strcmp(x->basis, "law");
    struct tsn_rec_case c;
    tsn_err err = tsn_store_get(st, arena, &tsn_table_case, case_id, &c);

    if (err)
        return err == TSN_ENOTFOUND ? 0 : err; /* no row tells of it any more */
    err = not_held(&c, diag);
    if (!err && !stronger)
        err = tsn_retention_allows(st, arena, x->casework, &c, x->now_ms, diag);
    if (!err && whole && strcmp(c.state ? c.state : "", "closed") != 0)
        err = tsn_diag_set(diag, TSN_ECONFLICT, "V211", "%s is still worked on: close it first",
                           c.name);
    return err ? err : whole ? runs_are_over(st, arena, "case_id", case_id, diag) : 0;
}

static tsn_err check_entry(struct tsn_store *st, const struct erase_op *x, int64_t seq,
                           struct tsn_diag *diag)
{
    struct tsn_arena *arena = x->op.arena;
    struct tsn_logged e;
    tsn_err err = tsn_store_entry(st, arena, seq, &e);

    if (err == TSN_ENOTFOUND)
        return tsn_diag_set(diag, err, "H031", "there is no entry %lld", (long long)seq);
    if (!err && e.blob.len == 0)
        err = tsn_diag_set(diag, TSN_ECONFLICT, "V210",
                           "nothing stands sealed beside entry %lld", (long long)seq);
    if (!err && e.entry.case_id)
        err = check_case(st, x, e.entry.case_id, false, diag);
    if (!err && e.entry.run)
        err = runs_are_over(st, arena, "id", e.entry.run, diag);
    return err;
}

static tsn_err check(struct tsn_store *st, const struct erase_op *x, const struct subject *what,
                     struct tsn_diag *diag)
{
    if (what->case_id && tsn_store_case_erased(st, what->case_id))
        return tsn_diag_set(diag, TSN_ECONFLICT, "V210",
                            "the key of this case is gone already");
    return what->case_id ? check_case(st, x, what->case_id, true, diag)
                         : check_entry(st, x, what->seq, diag);
}

/* --- the two entries ------------------------------------------------------------------------------ */

static struct tsn_append entry_of(const struct erase_op *x, const struct subject *what)
{
    struct tsn_append in = TSN_APPEND_INIT;

    in.actor = x->actor;
    in.auth = x->auth;
    in.case_id = what->case_id;
    in.from =
        what->case_id ? "case" : tsn_arena_printf(x->op.arena, "%lld", (long long)what->seq);
    return in;
}

static tsn_err find_subject(struct tsn_store *st, struct erase_op *x, struct subject *out)
{
    struct tsn_rec_case c;
    tsn_err err;

    *out = (struct subject){.seq = -1};
    if (x->target[0] == '#')
        return tsn_parse_int(x->target + 1, 0, INT64_MAX, &out->seq)
                   ? tsn_diag_set(&x->op.diag, TSN_EINPUT, "H013", "`%.40s` is no entry",
                                  x->target)
                   : 0;
    err = tsn_case_find(st, x->op.arena, x->target, &c, &x->op.diag);
    out->case_id = c.id;
    return err;
}

static tsn_err ask_for(struct erase_op *x, struct tsn_store *st, const struct subject *what,
                       int64_t ref)
{
    /* The reason may name a person: it is sealed under the system's key, not the one to destroy. */
    struct tsn_field field = {"note", x->reason, strlen(x->reason)};
    struct tsn_append in = entry_of(x, what);

    in.kind = "audit.erase.asked";
    in.reason = x->basis;
    in.to = what->case_id; /* and not as its case: see field */
    in.case_id = NULL;
    in.fields = &field;
    in.nfields = 1;
    in.ref = ref;
    return tsn_store_append(st, &in, &x->seq);
}

static tsn_err apply_ask(struct tsn_op *op, struct tsn_store *st)
{
    struct erase_op *x = (struct erase_op *)op;
    struct subject what;
    tsn_err err = find_subject(st, x, &what);

    if (!err)
        err = check(st, x, &what, &op->diag);
    x->asks = true;
    return err ? err : ask_for(x, st, &what, -1);
}

static tsn_err asked_before(struct tsn_store *st, struct erase_op *x, struct tsn_logged *out)
{
    tsn_err err = tsn_store_entry(st, x->op.arena, x->asked, out);

    if (err == TSN_ENOTFOUND || (!err && strcmp(out->entry.kind, "audit.erase.asked") != 0))
        return tsn_diag_set(&x->op.diag, TSN_ENOTFOUND, "H031",
                            "entry %lld does not ask for an erasure", (long long)x->asked);
    if (err)
        return err;
    if (strcmp(out->entry.actor, x->actor) == 0) {
        tsn_diag_hint(&x->op.diag, "another operator, PSIRT lead or auditor agrees");
        return tsn_diag_set(&x->op.diag, TSN_EDENIED, "V213",
                            "%s asked: a second person must agree", x->person);
    }
    x->asks = !strncmp(out->entry.actor, "svc:", 4); /* a proposal; no person has asked yet */
    if (!x->asks && x->now_ms - out->entry.time_ms > WEEK_MS)
        return tsn_diag_set(&x->op.diag, TSN_ECONFLICT, "V213",
                            "it was asked for over a week ago: ask again");
    return 0;
}

static tsn_err apply_agree(struct tsn_op *op, struct tsn_store *st)
{
    struct erase_op *x = (struct erase_op *)op;
    struct subject what = {.seq = -1};
    struct tsn_logged asked, one = {.text = NULL};
    struct tsn_append in;
    tsn_err err = asked_before(st, x, &asked);

    if (err)
        return err;
    if (strcmp(asked.entry.from, "case") == 0)
        what.case_id = asked.entry.to;
    else
        (void)tsn_parse_int(asked.entry.from, 0, INT64_MAX, &what.seq);
    x->basis = asked.entry.reason;
    err = check(st, x, &what, &op->diag);
    if (!err && x->asks) {
        x->reason = "proposed by retention";
        return ask_for(x, st, &what, x->asked);
    }
    x->payloads = 1;
    if (!err && !what.case_id)
        err = tsn_store_entry(st, op->arena, what.seq, &one);
    if (!err && what.case_id)
        err = tsn_retention_over(st, op->arena, what.case_id);
    if (!err)
        err = what.case_id
                  ? tsn_store_erase_case(st, op->arena, what.case_id, &x->payloads, &op->diag)
                  : tsn_store_erase_entry(st, what.seq, &op->diag);
    if (err)
        return err;
    in = entry_of(x, &what);
    in.kind = "audit.erase";
    /* In the chain of the case, so that an export of the case says why it is gone. */
    if (!what.case_id)
        in.case_id = one.entry.case_id;
    in.reason = asked.entry.reason;
    in.outcome = "ok";
    in.to = tsn_arena_printf(op->arena, "%llu", (unsigned long long)x->payloads);
    in.ref = x->asked;
    return tsn_store_append(st, &in, &x->seq);
}

static void done_erase(struct tsn_op *op)
{
    struct erase_op *x = (struct erase_op *)op;
    struct tsn_req *req = op->user;

    if (op->err) {
        tsn_req_problem(req, op->err, &op->diag);
    } else {
        json_t *out =
            x->asks ? json_pack("{s:s, s:I}", "state", "waits", "entry", (json_int_t)x->seq)
                    : json_pack("{s:s, s:I, s:I}", "state", "erased", "entry",
                                (json_int_t)x->seq, "payloads", (json_int_t)x->payloads);
        tsn_req_json(req, x->asks ? 202 : 200, out);
        json_decref(out);
    }
    tsn_req_end(req);
    tsn_op_destroy(op);
}

/* --- the request ---------------------------------------------------------------------------------- */

static bool known_basis(struct tsn_req *req, const char *basis)
{
    const char *near;

    for (size_t i = 0; i < BASES; i++) {
        if (strcmp(bases[i], basis) == 0)
            return true;
    }
    near = tsn_suggest(basis, bases, BASES);
    tsn_body_bad(
        req, "/basis",
        tsn_arena_printf(req->arena,
                         "the legal basis is gdpr-5, gdpr-17, ccpa, retention, contract, "
                         "court or law%s%s",
                         near ? ": did you mean " : "", near ? near : ""));
    return false;
}

static bool good_body(struct tsn_req *req)
{
    static const char *const known[] = {"target", "basis", "reason"};
    size_t len;

    if (!tsn_body_ok(req, known, 3))
        return false;
    len = strlen(tsn_json_str(req->body, "reason", ""));
    if (len < 3 || len > 2000) {
        tsn_body_bad(req, "/reason", "a reason of 3 to 2,000 bytes is needed");
        return false;
    }
    return known_basis(req, tsn_json_str(req->body, "basis", ""));
}

void tsn_act_erase(struct tsn_req *req)
{
    bool ask = req->id[0] == '\0';
    int64_t asked = -1;
    struct erase_op *x;

    if (!tsn_body_person(req) || (ask && !good_body(req)))
        return;
    if (!ask && tsn_parse_int(req->id, 0, INT64_MAX, &asked)) {
        tsn_body_bad(req, "/", "an erasure is named by the entry that asks for it");
        return;
    }
    x = tsn_op_new(sizeof(*x), ask ? apply_ask : apply_agree, done_erase, req);
    x->asked = asked;
    x->casework = req->api->config.casework;
    x->now_ms = tsn_clock_wall_ms();
    x->person = tsn_arena_strdup(x->op.arena, req->who.person);
    x->actor = tsn_arena_strdup(x->op.arena, tsn_auth_name(req));
    x->auth = req->who.auth;
    x->target = tsn_arena_strdup(x->op.arena, tsn_json_str(req->body, "target", ""));
    x->basis = tsn_arena_strdup(x->op.arena, tsn_json_str(req->body, "basis", ""));
    x->reason = tsn_arena_strdup(x->op.arena, tsn_json_str(req->body, "reason", ""));
    tsn_req_write(req, &x->op);
}
