/* seal_routes.c - checkpoints over HTTP: the last one, and what takes two people: a new epoch of a
 * log that cannot go on, and another signing key.
 *
 * The first person's request is kept in memory for an hour under a digest of what was shown; the
 * second, another one, gives that digest. Loop thread.
 */
#include "api/api_impl.h"

#include <stdlib.h>
#include <string.h>
#include "core/clock.h"
#include "core/crypto.h"
#include "core/text.h"
#include "seal/sealing.h"

#define PAIR_MS 3600000

json_t *tsn_seal_status(const struct tsn_api *api)
{
    struct tsn_sealing_stats s;

    tsn_sealing_stats(api->config.sealing, &s);
    return json_pack("{s:b, s:b, s:I, s:o, s:I, s:I, s:I, s:I, s:s}", "up", s.up, "suspect",
                     s.suspect, "size", (json_int_t)s.size, "sealed_at",
                     tsn_view_time(s.sealed_at_ms), "epoch", (json_int_t)s.epoch, "witnesses",
                     (json_int_t)s.witnesses, "cosigned", (json_int_t)s.fresh, "waiting",
                     (json_int_t)s.waiting, "key", tsn_sealing_key(api->config.sealing));
}

void tsn_act_checkpoint(struct tsn_req *req)
{
    json_t *out = tsn_seal_status(req->api);

    json_object_set_new(out, "note", tsn_view_text(tsn_sealing_note(req->api->config.sealing)));
    tsn_req_json(req, 200, out);
    json_decref(out);
    tsn_req_end(req);
}

/* --- two people ---------------------------------------------------------------------------- */

static tsn_err check_person(const struct tsn_req *req, const char *reason,
                            struct tsn_diag *diag)
{
    if (!req->who.person) {
        tsn_diag_hint(diag, "use --as PERSON");
        return tsn_diag_set(diag, TSN_EDENIED, "A005", "only a person can ask for this");
    }
    if (strlen(reason) < 3 || strlen(reason) > 2000)
        return tsn_diag_set(diag, TSN_EINPUT, "A008",
                            "a reason of 3 to 2,000 characters is needed");
    return 0;
}

static void digest_of(char out[80], const char *what, const char *shown, const char *reason)
{
    struct tsn_buf b;
    char hex[2 * TSN_HASH_LEN + 1];
    uint8_t hash[TSN_HASH_LEN];

    tsn_buf_init(&b, 8192);
    (void)tsn_buf_printf(&b, "%s\n%s\n%s", what, shown, reason);
    tsn_sha256_once(hash, b.data, b.len);
    tsn_buf_free(&b);
    tsn_hex(hex, hash, TSN_HASH_LEN);
    (void)snprintf(out, 80, "sha256:%s", hex);
}

/* The first of two: what is agreed to is shown with its digest. */
static void ask_second(struct tsn_req *req, const char *what, const char *shown,
                       const char *reason)
{
    struct tsn_pair *p = &req->api->pair;
    json_t *out;

    (void)tsn_copy(p->what, sizeof(p->what), what);
    (void)tsn_copy(p->first, sizeof(p->first), req->who.person);
    (void)tsn_copy(p->auth, sizeof(p->auth), req->who.auth);
    (void)tsn_copy(p->reason, sizeof(p->reason), reason);
    digest_of(p->digest, what, shown, reason);
    p->at_mono = tsn_clock_mono_ms();
    out = json_pack("{s:s, s:s, s:s, s:s, s:s}", "state", "waits", "asked_by", p->first,
                    "digest", p->digest, "shown", shown, "reason", reason);
    tsn_req_json(req, 202, out);
    json_decref(out);
    tsn_req_end(req);
}

/* 0: this is the second person, and all fits. */
static tsn_err check_second(const struct tsn_req *req, const char *what, const char *digest,
                            struct tsn_diag *diag)
{
    const struct tsn_pair *p = &req->api->pair;

    if (strcmp(p->what, what) != 0 || strcmp(p->digest, digest) != 0 ||
        tsn_clock_mono_ms() - p->at_mono > PAIR_MS) {
        tsn_diag_hint(diag, "run it without --plan: it shows what there is to agree to");
        return tsn_diag_set(diag, TSN_ECONFLICT, "A009",
                            "nobody has asked for this in the last "
                            "hour");
    }
    if (strcmp(p->first, req->who.person) == 0) {
        tsn_diag_hint(diag, "another operator, PSIRT lead or auditor runs the same command");
        return tsn_diag_set(diag, TSN_EDENIED, "V106", "%s asked: a second person must agree",
                            p->first);
    }
    return 0;
}

static void fail(struct tsn_req *req, tsn_err err, const struct tsn_diag *diag)
{
    tsn_req_problem(req, err, diag);
    tsn_req_end(req);
}

static void done_pair(tsn_err err, const struct tsn_diag *diag, void *user)
{
    struct tsn_req *req = user;
    struct tsn_pair *p = &req->api->pair;
    json_t *out;

    if (err) {
        fail(req, err, diag);
        return;
    }
    out = tsn_seal_status(req->api);
    json_object_set_new(out, "state", json_string("done"));
    json_object_set_new(out, "asked_by", json_string(p->first));
    json_object_set_new(out, "agreed_by", json_string(req->who.person));
    memset(p, 0, sizeof(*p));
    tsn_req_json(req, 200, out);
    json_decref(out);
    tsn_req_end(req);
}

static struct tsn_epoch_request agreed(const struct tsn_req *req)
{
    const struct tsn_pair *p = &req->api->pair;

    return (struct tsn_epoch_request){.first = p->first,
                                      .second = req->who.person,
                                      .first_auth = p->auth,
                                      .second_auth = req->who.auth,
                                      .reason = p->reason};
}

void tsn_act_new_epoch(struct tsn_req *req)
{
    const struct tsn_api_config *c = &req->api->config;
    const char *digest = tsn_json_str(req->body, "digest", NULL);
    const char *reason = tsn_json_str(req->body, "reason", "");
    struct tsn_sealing_stats stats;
    struct tsn_pair *p = &req->api->pair;
    struct tsn_diag diag;
    tsn_err err;

    tsn_diag_init(&diag);
    tsn_sealing_stats(c->sealing, &stats);
    err = check_person(req, digest ? p->reason : reason, &diag);
    if (!err && !stats.suspect)
        err = tsn_diag_set(&diag, TSN_ECONFLICT, "V106",
                           "nothing is wrong with this log: it goes on as it is");
    if (!err && digest)
        err = check_second(req, "epoch", digest, &diag);
    if (err) {
        fail(req, err, &diag);
    } else if (!digest) {
        ask_second(req, "epoch", tsn_sealing_situation(c->sealing, req->arena), reason);
    } else {
        const struct tsn_epoch_request request = agreed(req);

        c->new_epoch(c->node, &request, done_pair, req);
    }
}

void tsn_act_rotate(struct tsn_req *req)
{
    const struct tsn_api_config *c = &req->api->config;
    const char *digest = tsn_json_str(req->body, "digest", NULL);
    const char *reason = tsn_json_str(req->body, "reason", "");
    const char *what = tsn_json_bool(req->body, "end", false) ? "key.end" : "key.begin";
    const char *shown =
        tsn_arena_printf(req->arena, "%s %s\n", what, tsn_sealing_key(c->sealing));
    struct tsn_pair *p = &req->api->pair;
    struct tsn_diag diag;
    tsn_err err;

    tsn_diag_init(&diag);
    err = check_person(req, digest ? p->reason : reason, &diag);
    if (!err && digest)
        err = check_second(req, what, digest, &diag);
    if (err)
        fail(req, err, &diag);
    else if (!digest)
        ask_second(req, what, shown, reason);
    else {
        const struct tsn_epoch_request request = agreed(req);

        tsn_sealing_rotate(c->sealing, strcmp(what, "key.end") == 0, &request, done_pair, req);
    }
}
