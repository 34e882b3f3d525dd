/* act_http.c - http.request: one outbound request per call, with the idempotency key. Loop thread. */
#include "action/builtin.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/clock.h"
#include "core/json.h"
#include "core/text.h"
#include "loop/httpc.h"

#define HEADERS_MAX      32
#define RETRY_AFTER_MOST INT64_C(3600)

struct http_user {
    struct tsn_httpc *client;
    const char *const *reach;
};

struct request {
    struct tsn_call *call;
    struct tsn_xfer *xfer;
    bool has_effect;
};

static tsn_err bad(struct tsn_diag *diag, const char *what)
{
    return tsn_diag_set(diag, TSN_EINPUT, "R040", "http.request: %s", what);
}

/* The other side's wish (RFC 9110 10.2.3): seconds or a date; at most an hour, 0 = none or unreadable. */
static int64_t retry_after(const char *text)
{
    int64_t seconds = 0;
    struct tm at = {0};
    const char *end;

    if (tsn_parse_int(text, 0, INT64_MAX, &seconds) != 0) {
        end = strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &at);
        seconds = end && !*end ? (int64_t)timegm(&at) - tsn_clock_wall_ms() / 1000 : 0;
    }
    if (seconds < 0)
        seconds = 0;
    return (seconds < RETRY_AFTER_MOST ? seconds : RETRY_AFTER_MOST) * 1000;
}

static bool accepted(const json_t *accept, int status)
{
    size_t i;
    json_t *one;

    if (json_is_string(accept))
        return strcmp(json_string_value(accept), "any") == 0;
    json_array_foreach(accept, i, one)
    {
        if (json_integer_value(one) == status)
            return true;
    }
    return false;
}

/* 2xx and 3xx are answers, and what `accept` names; what a later try may change is a retry; the rest is
 * final. A gateway that gave up does not say whether the server behind it acted. */
static enum tsn_outcome outcome_of(const struct tsn_xfer_result *r, const struct request *q,
                                   struct tsn_diag *diag)
{
    if (r->err == TSN_EOUTCOME) {
        tsn_diag_set(diag, r->err, "R043", "the request was sent, the answer was lost: %s",
                     r->diag.what);
        return TSN_OUTCOME_UNKNOWN;
    }
    if (r->err) {
        enum tsn_outcome o =
            tsn_err_class(r->err) == TSN_CLASS_RETRY ? TSN_OUTCOME_RETRY : TSN_OUTCOME_FAIL;

        tsn_diag_set(diag, r->err, o == TSN_OUTCOME_RETRY ? "R042" : "R041", "%s",
                     r->diag.what);
        tsn_diag_hint(diag, "%s", r->diag.hint);
        return o;
    }
    if (r->status < 400 || accepted(json_object_get(q->call->args, "accept"), r->status))
        return TSN_OUTCOME_OK;
    tsn_diag_set(diag, TSN_EREMOTE, "R041", "the server answered %d", r->status);
    if (q->has_effect && (r->status == 502 || r->status == 504))
        return TSN_OUTCOME_UNKNOWN;
    if (r->status == 408 || r->status == 425 || r->status == 429 || r->status == 502 ||
        r->status == 503 || r->status == 504) {
        q->call->retry_after_ms = retry_after(r->retry_after);
        return TSN_OUTCOME_RETRY;
    }
    return TSN_OUTCOME_FAIL;
}

/* Text as text; other bytes as base64, so that nothing vanishes. */
static void put_body(json_t *result, const struct tsn_xfer_result *r)
{
    char *text;

    if (json_object_set_new(result, "body", json_stringn(r->body, r->len)) == 0)
        return;
    text = tsn_alloc(4 * ((r->len + 2) / 3) + 1);
    tsn_base64(text, r->body, r->len);
    json_object_set_new(result, "base64", json_string(text));
    free(text);
}

static void finished(const struct tsn_xfer_result *r, void *user)
{
    struct request *q = user;
    struct tsn_call *call = q->call;
    struct tsn_diag diag;
    enum tsn_outcome outcome;
    json_t *result = NULL, *body = NULL;

    tsn_diag_init(&diag);
    outcome = outcome_of(r, q, &diag);
    if (outcome == TSN_OUTCOME_OK) {
        result = json_object();
        json_object_set_new(result, "status", json_integer(r->status));
        if (strstr(r->content_type, "json") &&
            tsn_json_parse(r->body, r->len, &body, NULL) == 0)
            json_object_set_new(result, "json", body);
        else
            put_body(result, r);
    }
    free(q);
    call->impl = NULL;
    call->done(call, outcome, result, outcome == TSN_OUTCOME_OK ? NULL : &diag);
    json_decref(result);
}

static tsn_err add_headers(const json_t *given, struct tsn_header *out, size_t *n,
                           struct tsn_diag *diag)
{
    json_t *headers = json_object_get(given, "headers");
    const char *name;
    json_t *value;

    if (headers && !json_is_object(headers))
        return bad(diag, "headers must be a table of names and values");
    json_object_foreach(headers, name, value)
    {
        if (!json_is_string(value))
            return bad(diag, "a header's value must be text");
        if (*n == HEADERS_MAX)
            return bad(diag, "too many headers");
        out[*n].name = name;
        out[(*n)++].value = json_string_value(value);
    }
    return 0;
}

static bool accept_ok(const json_t *accept)
{
    size_t i;
    json_t *one;

    if (!accept || json_is_string(accept))
        return !accept || strcmp(json_string_value(accept), "any") == 0;
    json_array_foreach(accept, i, one)
    {
        if (!json_is_integer(one))
            return false;
    }
    return json_is_array(accept);
}

static tsn_err start(struct tsn_call *call, struct tsn_diag *diag)
{
    static const char *const known[] = {"url",  "method",  "headers", "body",
                                        "json", "timeout", "accept"};
    const struct http_user *u = call->action->user;
    struct tsn_header headers[HEADERS_MAX + 2];
    struct tsn_xfer_request req = {.headers = headers};
    const char *timeout = tsn_json_str(call->args, "timeout", NULL);
    json_t *json = json_object_get(call->args, "json");
    char *text = NULL;
    struct request *q;
    tsn_err err;

    err = tsn_json_known(call->args, known, sizeof(known) / sizeof(known[0]), diag);
    if (err)
        return err;
    req.url = tsn_json_str(call->args, "url", NULL);
    req.method = tsn_json_str(call->args, "method", json ? "POST" : "GET");
    req.reach = u->reach;
    req.redirects = 3;
    if (!req.url ||
        (strncmp(req.url, "http://", 7) != 0 && strncmp(req.url, "https://", 8) != 0))
        return bad(diag, "url must begin with http:// or https://");
    if (!accept_ok(json_object_get(call->args, "accept")))
        return bad(diag, "accept is a list of statuses, or \"any\"");
    if (timeout && tsn_duration_parse(timeout, &req.timeout_ms) != 0)
        return bad(diag, "timeout must be a duration such as 10s");
    err = add_headers(call->args, headers, &req.nheaders, diag);
    if (err)
        return err;
    headers[req.nheaders].name = "Idempotency-Key";
    headers[req.nheaders++].value = call->idem;
    if (json) {
        text = tsn_json_text(json);
        req.body = text;
        headers[req.nheaders].name = "Content-Type";
        headers[req.nheaders++].value = "application/json";
    } else {
        req.body = tsn_json_str(call->args, "body", NULL);
    }
    req.body_len = req.body ? strlen(req.body) : 0;
    q = tsn_alloc(sizeof(*q));
    q->call = call;
    q->has_effect = strcmp(req.method, "GET") != 0 && strcmp(req.method, "HEAD") != 0;
    err = tsn_xfer_start(u->client, &req, finished, q, &q->xfer, diag);
    free(text);
    if (err)
        free(q);
    else
        call->impl = q;
    return err;
}

static void cancel(struct tsn_call *call)
{
    struct request *q = call->impl;

    if (!q)
        return;
    tsn_xfer_cancel(q->xfer);
    free(q);
    call->impl = NULL;
}

tsn_err tsn_action_http_register(struct tsn_registry *r, struct tsn_httpc *c,
                                 const char *const *reach)
{
    struct http_user *u = tsn_alloc(sizeof(*u));
    struct tsn_action action = {
        .name = "http.request",
        .summary = "Send one HTTP request; the step's key goes out as Idempotency-Key",
        .effect = TSN_EFFECT_EXTERNAL,
        .doubt = TSN_DOUBT_REPEAT_SAFE,
        .start = start,
        .cancel = cancel,
        .user = u,
    };

    u->client = c;
    u->reach = reach;
    tsn_registry_defer(r, free, u);
    return tsn_registry_add(r, &action);
}
