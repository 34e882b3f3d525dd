/* api_keys.c - the PGP keys of mail over HTTP. Loop thread. */
#include <stdlib.h>
#include <string.h>

#include "api/api_impl.h"
#include "core/text.h"
#include "mail/mail_keys.h"

static bool have_keys(struct tsn_req *req)
{
    if (req->api->config.keys)
        return true;
    tsn_req_refuse(req, 404, TSN_ENOTFOUND, "M050", "no PGP keys are kept here",
                   "`mail: pgp: home:` of the configuration names their home.");
    tsn_req_end(req);
    return false;
}

void tsn_act_keys(struct tsn_req *req)
{
    if (have_keys(req))
        tsn_keys_list(req->api->config.keys, tsn_req_engine_done, req);
}

void tsn_act_key_export(struct tsn_req *req)
{
    if (have_keys(req))
        tsn_keys_export(req->api->config.keys, req->id, tsn_req_engine_done, req);
}

/* The body's reason, of which the entry keeps the words; false = answered. */
static bool reason_of(struct tsn_req *req, const char **out)
{
    *out = tsn_json_str(req->body, "reason", "");
    if (strlen(*out) >= 3 && strlen(*out) <= 2000)
        return true;
    tsn_body_bad(req, "/reason", "reason needs 3 to 2,000 characters");
    return false;
}

void tsn_act_key_import(struct tsn_req *req)
{
    static const char *const known[] = {"key", "reason"};
    const char *text = tsn_json_str(req->body, "key", NULL), *reason;
    struct tsn_actor actor;
    size_t n = 0;
    char *bytes;

    if (!have_keys(req) || !tsn_body_ok(req, known, 2) || !reason_of(req, &reason))
        return;
    if (!text) {
        tsn_body_bad(req, "/key", "key is the bytes of a key file as base64");
        return;
    }
    bytes = tsn_alloc(strlen(text) / 4 * 3 + 4);
    tsn_auth_actor(req, &actor);
    if (tsn_unbase64(bytes, strlen(text) / 4 * 3 + 4, &n, text, strlen(text)) != 0 || n == 0)
        tsn_body_bad(req, "/key", "key is the bytes of a key file as base64");
    else
        tsn_keys_import(req->api->config.keys, &actor, bytes, n, reason, tsn_req_engine_done,
                        req);
    free(bytes);
}

void tsn_act_key_rotate(struct tsn_req *req)
{
    static const char *const known[] = {"reason"};
    const char *reason;
    struct tsn_actor actor;

    if (!have_keys(req) || !tsn_body_ok(req, known, 1) || !reason_of(req, &reason))
        return;
    tsn_auth_actor(req, &actor);
    tsn_keys_rotate(req->api->config.keys, &actor, reason, tsn_req_engine_done, req);
}

/* Ours, and what is wrong with them: for status and metrics. New reference. */
json_t *tsn_keys_status(const struct tsn_api *api)
{
    const json_t *seen = tsn_keys_seen(api->config.keys), *key;
    json_t *out = json_array();
    size_t i;

    json_array_foreach(seen, i, key)
    {
        if (!tsn_json_bool(key, "ours", false))
            continue;
        json_array_append_new(
            out, json_pack("{s:s, s:o, s:I, s:s*}", "fpr", tsn_json_str(key, "fpr", ""),
                           "expires_at", tsn_view_time(tsn_json_int(key, "expires_ms", 0)),
                           "expires_ms", (json_int_t)tsn_json_int(key, "expires_ms", 0),
                           "problem", tsn_json_str(key, "problem", NULL)));
    }
    return out;
}
