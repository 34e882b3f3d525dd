/* act_http.c - http.request: one outbound request per call, with the idempotency key. Loop thread. */
#include "action/builtin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "action/plugin_express.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/crypto.h"
#include "core/json.h"
#include "core/text.h"
#include "loop/httpc.h"

#define HEADERS_MAX      32
#define RETRY_AFTER_MOST INT64_C(3600)
#define URL_MAX          8192

struct http_user {
    struct tsn_httpc *client;
    const struct tsn_http_config *config;
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

/* --- what stands for secrets ------------------------------------------------------------------ */

/* The handles that may go to this origin: what tsn_plugin_express takes for settings. */
static json_t *granted(const struct tsn_http_config *config, const char *origin)
{
    json_t *out = json_array();

    for (size_t i = 0; i < config->nsecrets; i++) {
        for (const char *const *to = config->secrets[i].to; *to; to++) {
            if (strcmp(*to, origin) == 0) {
                json_array_append_new(out, json_string(config->secrets[i].handle));
                break;
            }
        }
    }
    return out;
}

/* The parts of a request that may hold expressions, with their values in place; what is new is the caller's. */
static tsn_err fill(const struct http_user *u, const char *url, const json_t *given,
                    json_t **out, struct tsn_diag *diag)
{
    static const char *const parts[] = {"query", "headers", "json", "body"};
    char origin[300];
    json_t *handles, *made = json_object();
    tsn_err err = 0;

    if (!tsn_url_origin(url, origin, sizeof(origin)))
        err = bad(diag, "url cannot be read");
    handles = granted(u->config, err ? "" : origin);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && !err; i++) {
        const json_t *part = json_object_get(given, parts[i]);
        json_t *value = NULL;

        if (!part)
            continue;
        err = tsn_plugin_express(part, handles, NULL, &value, diag);
        if (!err)
            json_object_set_new(made, parts[i], value);
    }
    if (err == TSN_EDENIED) {
        (void)tsn_diag_set(diag, err, "K004", "http.request: a secret of it may not go to %s",
                           origin);
        tsn_diag_hint(diag, "`http: secrets:` of tocsin.yaml says which may go where");
    }
    json_decref(handles);
    *out = made;
    return err;
}

static void forget(json_t *v)
{
    size_t i;
    json_t *one;
    const char *name;

    if (json_is_string(v) && v->refcount == 1)
        tsn_wipe((char *)(uintptr_t)json_string_value(v), json_string_length(v));
    json_array_foreach(v, i, one) forget(one);
    json_object_foreach(v, name, one) forget(one);
}

/* url with `query` behind it; R040. */
static tsn_err address(struct tsn_buf *out, const char *url, const json_t *query,
                       struct tsn_diag *diag)
{
    const char *name;
    json_t *v;
    char sep = strchr(url, '?') ? '&' : '?', digits[32];

    if (query && !json_is_object(query))
        return bad(diag, "query must be a table of names and values");
    if (query && strchr(url, '#'))
        return bad(diag, "url has a fragment: nothing can be added behind it");
    tsn_buf_puts(out, url);
    json_object_foreach((json_t *)(uintptr_t)query, name, v)
    {
        const char *text = json_string_value(v);

        if (json_is_integer(v)) {
            (void)snprintf(digits, sizeof(digits), "%lld", (long long)json_integer_value(v));
            text = digits;
        } else if (json_is_boolean(v)) {
            text = json_is_true(v) ? "true" : "false";
        }
        if (!text)
            return bad(diag, "a value of query must be text, a whole number, true or false");
        tsn_buf_putc(out, sep);
        tsn_buf_percent(out, name, strlen(name));
        tsn_buf_putc(out, '=');
        tsn_buf_percent(out, text, strlen(text));
        sep = '&';
    }
    return out->err ? bad(diag, "the address is too long") : 0;
}

/* --- a call ----------------------------------------------------------------------------------- */

const char *tsn_action_http_method(const json_t *args)
{
    return tsn_json_str(args, "method", json_object_get(args, "json") ? "POST" : "GET");
}

bool tsn_action_http_reads(const json_t *args)
{
    const char *method = tsn_action_http_method(args);

    return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
}

static tsn_err check(const json_t *args, struct tsn_xfer_request *req, struct tsn_diag *diag)
{
    static const char *const known[] = {"url",  "query", "method",  "headers",
                                        "body", "json",  "timeout", "accept"};
    const char *timeout = tsn_json_str(args, "timeout", NULL);
    tsn_err err = tsn_json_known(args, known, sizeof(known) / sizeof(known[0]), diag);

    if (err)
        return err;
    req->url = tsn_json_str(args, "url", NULL);
    req->method = tsn_action_http_method(args);
    req->redirects = 3;
    if (!req->url ||
        (strncmp(req->url, "http://", 7) != 0 && strncmp(req->url, "https://", 8) != 0))
        return bad(diag, "url must begin with http:// or https://");
    if (!accept_ok(json_object_get(args, "accept")))
        return bad(diag, "accept is a list of statuses, or \"any\"");
    if (timeout && tsn_duration_parse(timeout, &req->timeout_ms) != 0)
        return bad(diag, "timeout must be a duration such as 10s");
    return 0;
}

static tsn_err start(struct tsn_call *call, struct tsn_diag *diag)
{
    const struct http_user *u = call->action->user;
    struct tsn_header headers[HEADERS_MAX + 2];
    struct tsn_xfer_request req = {.headers = headers};
    struct tsn_buf url;
    json_t *parts = NULL, *json;
    char *text = NULL;
    struct request *q = NULL;
    tsn_err err = check(call->args, &req, diag);

    if (err)
        return err;
    tsn_buf_init(&url, URL_MAX);
    req.reach = u->config->reach;
    err = fill(u, req.url, call->args, &parts, diag);
    if (!err)
        err = address(&url, req.url, json_object_get(parts, "query"), diag);
    if (!err)
        err = add_headers(parts, headers, &req.nheaders, diag);
    if (err)
        goto out;
    req.url = url.data;
    headers[req.nheaders].name = "Idempotency-Key";
    headers[req.nheaders++].value = call->idem;
    json = json_object_get(parts, "json");
    if (json) {
        text = tsn_json_text(json);
        req.body = text;
        headers[req.nheaders].name = "Content-Type";
        headers[req.nheaders++].value = "application/json";
    } else {
        req.body = tsn_json_str(parts, "body", NULL);
    }
    req.body_len = req.body ? strlen(req.body) : 0;
    q = tsn_alloc(sizeof(*q));
    q->call = call;
    q->has_effect = !tsn_action_http_reads(call->args);
    err = tsn_xfer_start(u->client, &req, finished, q, &q->xfer, diag);
    if (err)
        free(q);
    else
        call->impl = q;
out:
    if (text)
        tsn_wipe(text, strlen(text));
    free(text);
    if (url.len)
        tsn_wipe(url.data, url.len);
    tsn_buf_free(&url);
    forget(parts);
    json_decref(parts);
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
                                 const struct tsn_http_config *config)
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
    u->config = config;
    tsn_registry_defer(r, free, u);
    return tsn_registry_add(r, &action);
}
