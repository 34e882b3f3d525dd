/* httpd_request.c - the life of one request: head judged, body collected, handed over, answered.
 *
 * Owns the request (see httpd_impl.h for its two holders). Loop thread only, most of it inside
 * MHD_run. libmicrohttpd cannot take an answer in the middle of an upload; there we write one
 * ourselves, then read on and throw away for a while, so that the client gets to see it.
 */
#include "loop/httpd_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "core/log.h"

#define LINGER_MS      5000
#define LINGER_BYTES   (64u << 20)
#define DEFAULT_BODY   (1u << 20)
#define BYTES_A_MS_MIN 16 /* slowest reader of an answer that we put up with: 16 KB/s */

void *tsn_http_req_new(struct tsn_http_conn *conn, const char *target)
{
    struct tsn_arena *arena = tsn_arena_new();
    struct tsn_http_req *req = tsn_arena_alloc(arena, sizeof(*req));
    req->arena = arena;
    req->conn = conn;
    req->server = conn->port->server;
    req->target = tsn_arena_strdup(arena, target);
    tsn_buf_init(&req->body, 0);
    req->in.impl = req;
    req->in.method = req->in.path = req->in.body = "";
    req->in.local = conn->port->local;
    req->in.uid = conn->uid;
    req->in.gid = conn->gid;
    req->in.peer = tsn_arena_strdup(arena, conn->peer);
    return req;
}

static void req_free(struct tsn_http_req *req)
{
    tsn_buf_free(&req->body);
    free(req->bytes);
    tsn_arena_destroy(req->arena); /* req itself lives in it */
}

void tsn_http_req_detach(struct tsn_http_req *req)
{
    if (req->server)
        req->server->bodies -= req->counted;
    req->counted = 0;
    req->conn = NULL;
    req->server = NULL;
    if (!req->handed)
        req_free(req);
}

/* --- answers --- */

static void store_answer(struct tsn_http_req *req, int status, const char *type,
                         const void *body, size_t len, const struct tsn_header *extra,
                         size_t nextra)
{
    req->answered = true;
    req->status = status;
    req->type = tsn_arena_strdup(req->arena, type);
    req->bytes = tsn_alloc(len + 1);
    if (len > 0)
        memcpy(req->bytes, body, len);
    req->nbytes = len;
    if (nextra > 0)
        req->extra = tsn_arena_alloc(req->arena, nextra * sizeof(*extra));
    for (size_t i = 0; i < nextra; i++) {
        req->extra[i].name = tsn_arena_strdup(req->arena, extra[i].name);
        req->extra[i].value = tsn_arena_strdup(req->arena, extra[i].value);
    }
    req->nextra = nextra;
}

static void resume(struct tsn_http_req *req)
{
    if (!req->suspended)
        return;
    req->suspended = false;
    MHD_resume_connection(req->conn->mhd);
    tsn_http_port_wake(req->conn->port); /* resuming does not wake an external loop */
}

void tsn_http_answer(struct tsn_http_in *in, int status, const char *type, const void *body,
                     size_t len, const struct tsn_header *extra, size_t nextra)
{
    struct tsn_http_req *req = in->impl;
    if (!req->conn || req->answered) {
        /* The client has gone, or the server was closed and has answered for the handler. */
        TSN_ASSERT(req->handed);
        req->handed = false;
        if (!req->conn)
            req_free(req);
        return;
    }
    store_answer(req, status, type, body, len, extra, nextra);
    req->handed = false;
    resume(req);
}

static void plain_problem(struct tsn_http_req *req, int status, const char *code,
                          const char *why)
{
    char text[512];
    int n = snprintf(text, sizeof(text),
                     "{\"type\":\"urn:tocsin:code:%s\",\"title\":\"%s\",\"status\":%d,"
                     "\"code\":\"%s\",\"detail\":\"%s\"}\n",
                     code, MHD_get_reason_phrase_for(status), status, code, why);
    store_answer(req, status, "application/problem+json", text, n > 0 ? (size_t)n : 0, NULL, 0);
}

void tsn_http_req_abandon(struct tsn_http_req *req)
{
    if (req->answered || !req->suspended)
        return;
    plain_problem(req, 503, "H055", "the server is stopping");
    req->close_after = true;
    resume(req); /* handed stays: the handler still holds a pointer */
}

/* Fills in an answer for a request that never reaches the handler. */
static void refuse(struct tsn_http_req *req, int status, const char *code, const char *why)
{
    struct tsn_httpd *server = req->server;
    req->close_after = true;
    tsn_log(TSN_LOG_INFO, "http.refused", "peer", req->in.peer, "code", code, "why", why, NULL);
    if (server->cfg.refused && !server->closing) {
        req->handed = true;
        server->cfg.refused(&req->in, status, code, why, server->cfg.user);
        req->handed = false; /* it must answer inside, or not at all */
    }
    if (!req->answered)
        plain_problem(req, status, code, why);
}

static void phase(struct tsn_http_conn *conn, enum tsn_http_phase phase, int64_t ms)
{
    conn->phase = phase;
    if (ms > 0)
        tsn_timer_arm(conn->deadline, ms);
    else
        tsn_timer_disarm(conn->deadline);
}

static void add_header(struct MHD_Response *resp, const char *name, const char *value)
{
    if (MHD_add_response_header(resp, name, value) != MHD_YES)
        tsn_log(TSN_LOG_ERROR, "http.header_not_sent", "name", name, NULL);
}

/* Hands the stored answer to libmicrohttpd. */
static enum MHD_Result queue(struct tsn_http_req *req)
{
    struct tsn_http_conn *conn = req->conn;
    struct MHD_Response *resp =
        MHD_create_response_from_buffer(req->nbytes, req->bytes, MHD_RESPMEM_MUST_FREE);
    if (!resp)
        return MHD_NO;
    size_t len = req->nbytes;
    req->bytes = NULL; /* now of the response */
    req->nbytes = 0;
    if (req->type)
        add_header(resp, "Content-Type", req->type);
    for (size_t i = 0; i < req->nextra; i++)
        add_header(resp, req->extra[i].name, req->extra[i].value);
    if (req->close_after || req->server->closing)
        add_header(resp, "Connection", "close");
    phase(conn, TSN_HTTP_WRITING, req->server->cfg.body_ms + (int64_t)(len / BYTES_A_MS_MIN));
    enum MHD_Result rc = MHD_queue_response(conn->mhd, (unsigned)req->status, resp);
    MHD_destroy_response(resp);
    return rc;
}

/* Writes the stored answer past libmicrohttpd, which has sent nothing for this request. What
 * does not fit into the socket's buffer is lost; the connection ends anyway. */
static void send_raw(struct tsn_http_req *req)
{
    struct tsn_buf b;
    tsn_buf_init(&b, req->nbytes + 4096);
    tsn_buf_printf(&b, "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n",
                   req->status, MHD_get_reason_phrase_for((unsigned)req->status),
                   req->type ? req->type : "text/plain", req->nbytes);
    for (size_t i = 0; i < req->nextra; i++)
        if (!strpbrk(req->extra[i].name, "\r\n") && !strpbrk(req->extra[i].value, "\r\n"))
            tsn_buf_printf(&b, "%s: %s\r\n", req->extra[i].name, req->extra[i].value);
    tsn_buf_puts(&b, "Connection: close\r\n\r\n");
    if (strcmp(req->in.method, "HEAD") != 0)
        tsn_buf_put(&b, req->bytes, req->nbytes);
    if (!b.err)
        (void)!send(req->conn->fd, b.data, b.len, MSG_DONTWAIT | MSG_NOSIGNAL);
    tsn_buf_free(&b);
}

static void refuse_raw(struct tsn_http_req *req, int status, const char *code, const char *why)
{
    refuse(req, status, code, why);
    send_raw(req);
    shutdown(req->conn->fd, SHUT_WR);
    req->discarding = true;
    int64_t ms = req->server->cfg.body_ms;
    phase(req->conn, TSN_HTTP_BODY, ms < LINGER_MS ? ms : LINGER_MS);
}

void tsn_http_too_slow(struct tsn_http_conn *conn)
{
    struct tsn_http_req *req = conn->req;
    static const char body[] =
        "{\"type\":\"urn:tocsin:code:H052\",\"title\":\"Request Timeout\",\"status\":408,"
        "\"code\":\"H052\",\"detail\":\"the request head came too slowly\"}\n";
    if (conn->phase == TSN_HTTP_BODY && req && !req->discarding) {
        refuse(req, 408, "H052", "the body came too slowly");
        send_raw(req);
        req->discarding = true;
    } else if (conn->phase == TSN_HTTP_HEAD && (conn->first || conn->line_seen)) {
        /* An idle kept-alive connection is closed without a word, as clients expect. */
        char text[512];
        int n =
            snprintf(text, sizeof(text),
                     "HTTP/1.1 408 Request Timeout\r\nContent-Type: application/problem+json"
                     "\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
                     sizeof(body) - 1, body);
        (void)!send(conn->fd, text, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    tsn_log(TSN_LOG_INFO, "http.too_slow", "peer", conn->peer, NULL);
    shutdown(conn->fd, SHUT_RDWR); /* libmicrohttpd sees the end and cleans up */
}

/* --- the head --- */

struct collect {
    struct tsn_http_req *req;
    size_t *lens;
    size_t cap;
};

static enum MHD_Result on_field(void *cls, enum MHD_ValueKind kind, const char *name,
                                size_t name_len, const char *value, size_t value_len)
{
    (void)kind;
    struct collect *c = cls;
    struct tsn_http_req *req = c->req;
    if (req->nheaders == c->cap)
        return MHD_NO;
    struct tsn_header *h = &req->headers[req->nheaders];
    h->name = tsn_arena_strndup(req->arena, name, name_len);
    h->value = value ? tsn_arena_strndup(req->arena, value, value_len) : "";
    c->lens[req->nheaders] = value ? value_len : 0;
    if (strlen(h->name) != name_len)
        h->name = ""; /* a NUL in it: not a token */
    req->nheaders++;
    return MHD_YES;
}

static void collect_fields(struct tsn_http_req *req, struct tsn_http_head *head)
{
    int n = MHD_get_connection_values_n(req->conn->mhd, MHD_HEADER_KIND, NULL, NULL);
    size_t cap = n > 0 ? (size_t)n : 0;
    struct collect c = {.req = req, .cap = cap};
    req->headers = tsn_arena_alloc(req->arena, (cap + 1) * sizeof(*req->headers));
    c.lens = tsn_arena_alloc(req->arena, (cap + 1) * sizeof(*c.lens));
    MHD_get_connection_values_n(req->conn->mhd, MHD_HEADER_KIND, on_field, &c);
    head->headers = req->headers;
    head->value_lens = c.lens;
    head->nheaders = req->nheaders;
}

static enum MHD_Result refuse_head(struct tsn_http_req *req, int status, const char *code,
                                   const char *why)
{
    refuse(req, status, code, why);
    return queue(req); /* allowed before the body is read; the connection is closed behind it */
}

static enum MHD_Result judge_head(struct tsn_http_req *req, const char *method,
                                  const char *version)
{
    struct tsn_httpd *server = req->server;
    struct tsn_http_head head = {.method = method, .version = version};
    collect_fields(req, &head);
    int status;
    const char *code, *path;
    const char *why = tsn_http_guard(&head, &status, &code);
    req->in.method = tsn_arena_strdup(req->arena, method);
    if (why)
        return refuse_head(req, status, code, why);
    why = tsn_http_target(req->arena, req->target, &path, &req->args, &req->nargs);
    if (why)
        return refuse_head(req, 400, "H053", why);
    req->in.path = path;
    if (strcmp(method, "HEAD") == 0)
        req->in.method = "GET"; /* libmicrohttpd leaves the body out */
    if (server->closing)
        return refuse_head(req, 503, "H055", "the server is stopping");

    size_t limit = server->cfg.body_limit
                       ? server->cfg.body_limit(req->in.method, path, server->cfg.user)
                       : DEFAULT_BODY;
    tsn_buf_init(&req->body, limit);
    if (head.announced > limit) {
        const char *too_big = "the body is larger than this path takes";
        if (head.expect) /* the client waits: it has not begun to send */
            return refuse_head(req, 413, "H051", too_big);
        refuse_raw(req, 413, "H051", too_big);
        return MHD_YES;
    }
    if (head.has_body)
        phase(req->conn, TSN_HTTP_BODY, server->cfg.body_ms);
    return MHD_YES;
}

/* --- the body and the handler --- */

static enum MHD_Result take_body(struct tsn_http_req *req, const char *data, size_t *size)
{
    size_t n = *size;
    *size = 0; /* all of it is taken, one way or the other */
    if (req->discarding) {
        req->discarded += n;
        return req->discarded <= LINGER_BYTES ? MHD_YES : MHD_NO;
    }
    struct tsn_httpd *server = req->server;
    if (n > req->body.max - req->body.len) {
        refuse_raw(req, 413, "H051", "the body is larger than this path takes");
    } else if (server->cfg.bodies_max && server->bodies + n > server->cfg.bodies_max) {
        refuse_raw(req, 503, "H056", "too many large requests at once");
    } else {
        server->bodies += n;
        req->counted += n;
        tsn_buf_put(&req->body, data, n);
    }
    return MHD_YES;
}

static enum MHD_Result hand_over(struct tsn_http_req *req)
{
    struct tsn_httpd *server = req->server;
    phase(req->conn, TSN_HTTP_HANDLING, 0);
    if (server->closing)
        return refuse_head(req, 503, "H055", "the server is stopping");
    req->in.body = req->body.data ? req->body.data : "";
    req->in.len = req->body.len;
    req->handed = true;
    server->cfg.handle(&req->in, server->cfg.user);
    if (req->answered)
        return queue(req);
    req->suspended = true;
    MHD_suspend_connection(req->conn->mhd);
    return MHD_YES;
}

enum MHD_Result tsn_http_req_step(struct tsn_http_conn *conn, const char *method,
                                  const char *version, const char *data, size_t *size,
                                  struct tsn_http_req *req)
{
    (void)conn;
    if (!req->started) {
        req->started = true;
        return judge_head(req, method, version);
    }
    if (*size > 0)
        return take_body(req, data, size);
    if (req->discarding)
        return MHD_NO; /* answered already; this closes the connection */
    if (req->answered)
        return queue(req);
    if (req->handed) {
        req->suspended = true;
        MHD_suspend_connection(req->conn->mhd);
        return MHD_YES;
    }
    return hand_over(req);
}

/* --- what handlers read --- */

const char *tsn_http_header(const struct tsn_http_in *in, const char *name)
{
    const struct tsn_http_req *req = in->impl;
    for (size_t i = 0; i < req->nheaders; i++)
        if (strcasecmp(req->headers[i].name, name) == 0)
            return req->headers[i].value;
    return NULL;
}

const char *tsn_http_query(const struct tsn_http_in *in, const char *name)
{
    const struct tsn_http_req *req = in->impl;
    for (size_t i = 0; i < req->nargs; i++)
        if (strcmp(req->args[i].name, name) == 0)
            return req->args[i].value;
    return NULL;
}
