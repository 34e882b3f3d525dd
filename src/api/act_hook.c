/* act_hook.c - POST /hooks/NAME and what the house sees of it.
 *
 * The signature says who calls, over the bytes as they came. A sender whose message is not accepted
 * learns that and nothing else; why stands in the last attempt of the hook, which `tocsin hook list`
 * and `tocsin hook test` show. A test message is one that we made ourselves: it goes the whole
 * way and is then dropped. Loop thread.
 */
#include "api/api_impl.h"

#include <stdlib.h>
#include <string.h>
#include "core/clock.h"
#include "core/crypto.h"
#include "core/id.h"
#include "core/text.h"
#include "intake/hook.h"

/* What became of the messages of one hook in this life. */
struct tsn_hook_state {
    uint64_t accepted, duplicate, unplaced, refused;
    int64_t at_ms; /* last attempt; 0 = none */
    struct tsn_told told;
    size_t len;
    char digest[2 * TSN_HASH_LEN + 1], outcome[16], code[8];
    char why[320], hint[320];
    char sample[2 * TSN_HASH_LEN + 1]; /* digest of the test message; "" = none is out */
};

static const struct tsn_hook *find(struct tsn_req *req, struct tsn_hook_state **state)
{
    const struct tsn_api_config *c = &req->api->config;
    *state = NULL;
    for (size_t i = 0; i < c->nhooks; i++) {
        if (strcmp(c->hooks[i].name, req->id) != 0)
            continue;
        if (!req->api->hook_states)
            req->api->hook_states = tsn_alloc(c->nhooks * sizeof(*req->api->hook_states));
        *state = &req->api->hook_states[i];
        return &c->hooks[i];
    }
    tsn_req_refuse(req, 404, TSN_ENOTFOUND, "H031", "there is no such hook",
                   "`tocsin hook list` names those of the configuration.");
    tsn_req_end(req);
    return NULL;
}

static const char *header(void *user, const char *name)
{
    return tsn_http_header(user, name);
}

static void digest_of(char out[2 * TSN_HASH_LEN + 1], const char *body, size_t len)
{
    uint8_t hash[TSN_HASH_LEN];
    tsn_sha256_once(hash, body, len);
    tsn_hex(out, hash, sizeof hash);
}

static void remember(struct tsn_hook_state *s, const char *outcome, const struct tsn_diag *diag)
{
    (void)tsn_copy(s->outcome, sizeof s->outcome, outcome);
    s->code[0] = s->why[0] = s->hint[0] = '\0';
    if (diag) {
        (void)tsn_copy(s->code, sizeof s->code, diag->code);
        (void)tsn_copy(s->why, sizeof s->why, diag->what);
        (void)tsn_copy(s->hint, sizeof s->hint, diag->hint);
    }
}

/* --- a message comes in ---------------------------------------------------------------------- */

/* At most one entry a second and hook, with how many it stands for. */
static void refuse(struct tsn_req *req, const struct tsn_hook *hook, struct tsn_hook_state *s,
                   const struct tsn_diag *diag)
{
    s->refused++;
    remember(s, "refused", diag);
    tsn_auth_failed(req, &s->told,
                    strcmp(diag->code, "H082") == 0   ? "hook-time"
                    : strcmp(diag->code, "H083") == 0 ? "hook-header"
                                                      : "hook-signature",
                    hook->name);
    tsn_req_refuse(req, 401, TSN_EUNAUTH, "H080", "the message is not accepted",
                   "Whoever runs this tocsin sees why: tocsin hook list.");
    tsn_req_end(req);
}

static void taken(tsn_err err, int64_t seq, const json_t *info, const struct tsn_diag *diag,
                  void *user)
{
    struct tsn_req *req = user;
    struct tsn_hook_state *s = req->hook;
    (void)seq;
    if (err) {
        remember(s, "failed", diag);
        tsn_req_problem(req, err, diag);
        tsn_req_end(req);
        return;
    }
    bool duplicate = tsn_json_bool(info, "duplicate", false);
    bool placed = !json_is_null(json_object_get(info, "case"));
    *(duplicate ? &s->duplicate : placed ? &s->accepted : &s->unplaced) += 1;
    remember(s, duplicate ? "duplicate" : placed ? "accepted" : "unplaced", NULL);
    /* The sender learns no names of cases. */
    json_t *out = json_pack("{s:b, s:b}", "accepted", 1, "duplicate", duplicate);
    tsn_req_json(req, 202, out);
    json_decref(out);
    tsn_req_end(req);
}

void tsn_act_hook(struct tsn_req *req)
{
    struct tsn_hook_state *s;
    struct tsn_hook_seen seen;
    struct tsn_diag diag;
    struct tsn_hook_key room[2];
    const struct tsn_hook *named = find(req, &s);
    if (!named)
        return;
    struct tsn_hook *hook = tsn_arena_alloc(req->arena, sizeof *hook);
    *hook = *named;
    const struct tsn_hook_message m = {.header = header,
                                       .user = req->in,
                                       .body = req->in->body ? req->in->body : "",
                                       .len = req->in->len,
                                       .now_ms = tsn_clock_wall_ms()};
    tsn_diag_init(&diag);
    req->hook = s;
    s->at_ms = m.now_ms;
    s->len = m.len;
    digest_of(s->digest, m.body, m.len);
    tsn_err err = tsn_hook_load(hook, room, &diag);
    if (!err)
        err = tsn_hook_check(req->arena, hook, &m, &seen, &diag);
    tsn_wipe(room, sizeof room);
    if (err) {
        refuse(req, hook, s, &diag);
        return;
    }
    if (s->sample[0] && strcmp(s->sample, s->digest) == 0) {
        s->sample[0] = '\0';
        remember(s, "test", NULL);
        json_t *out = json_pack("{s:b, s:b}", "accepted", 1, "test", 1);
        tsn_req_json(req, 202, out);
        json_decref(out);
        tsn_req_end(req);
        return;
    }
    tsn_hook_take(req->api->config.intake, named, &seen, m.body, m.len, taken, req);
}

/* --- what the house sees ------------------------------------------------------------------ */

static json_t *view(const struct tsn_hook *h, const struct tsn_hook_state *s)
{
    static const char *const schemes[] = {"standard", "github", "hmac"};
    json_t *last = NULL;
    if (s && s->at_ms) {
        last = json_pack("{s:o, s:I, s:s, s:s}", "at", tsn_view_time(s->at_ms), "bytes",
                         (json_int_t)s->len, "sha256", s->digest, "outcome", s->outcome);
        if (s->why[0])
            json_object_update_new(last, json_pack("{s:s, s:s, s:s}", "code", s->code, "why",
                                                   s->why, "hint", s->hint));
    }
    return json_pack("{s:s, s:o, s:s, s:s, s:I, s:I, s:I, s:I, s:o}", "name", h->name, "path",
                     json_sprintf("/hooks/%s", h->name), "scheme", schemes[h->scheme],
                     "becomes", h->report ? "report" : "event of a case", "accepted",
                     (json_int_t)(s ? s->accepted : 0), "duplicate",
                     (json_int_t)(s ? s->duplicate : 0), "unplaced",
                     (json_int_t)(s ? s->unplaced : 0), "refused",
                     (json_int_t)(s ? s->refused : 0), "last", last ? last : json_null());
}

void tsn_act_hooks(struct tsn_req *req)
{
    const struct tsn_api_config *c = &req->api->config;
    json_t *items = json_array();
    for (size_t i = 0; i < c->nhooks; i++) {
        const struct tsn_hook_state *s = req->api->hook_states;
        json_array_append_new(items, view(&c->hooks[i], s ? &s[i] : NULL));
    }
    json_t *out = tsn_view_list(items, NULL);
    tsn_req_json(req, 200, out);
    json_decref(out);
    tsn_req_end(req);
}

void tsn_act_hook_sample(struct tsn_req *req)
{
    struct tsn_hook_header made[4];
    struct tsn_hook_state *s;
    struct tsn_diag diag;
    char id[TSN_ULID_LEN + 1];
    size_t n;
    struct tsn_hook_key room[2];
    const struct tsn_hook *named;
    if (!tsn_body_ok(req, NULL, 0) || !(named = find(req, &s)))
        return;
    struct tsn_hook hook = *named;
    tsn_diag_init(&diag);
    tsn_id_new(id);
    /* Spaces, so that a proxy which writes JSON anew is noticed. */
    const char *body = tsn_arena_printf(
        req->arena, "{\"test\": \"%s\", \"sender\": \"tocsin hook test\"}", id);
    tsn_err err = tsn_hook_load(&hook, room, &diag);
    if (!err)
        err = tsn_hook_sign(req->arena, &hook, id, body, strlen(body), tsn_clock_wall_ms(),
                            made, &n, &diag);
    tsn_wipe(room, sizeof room);
    if (err) {
        tsn_req_problem(req, err, &diag);
        tsn_req_end(req);
        return;
    }
    digest_of(s->sample, body, strlen(body));
    json_t *headers = json_object();
    for (size_t i = 0; i < n; i++)
        json_object_set_new(headers, made[i].name, json_string(made[i].value));
    json_t *out = json_pack("{s:o, s:s, s:o, s:i, s:s}", "path",
                            json_sprintf("/hooks/%s", hook.name), "body", body, "headers",
                            headers, "bytes", (int)strlen(body), "sha256", s->sample);
    tsn_req_json(req, 200, out);
    json_decref(out);
    tsn_req_end(req);
}
