/* httpc_impl.h - what the parts of the outbound client share. Only httpc*.c include this.
 *
 * A pool is one curl multi handle with its connections; transfers with the same `reach` share
 * one, so that a connection one policy allowed is never reused under another. curl is never
 * called from inside its own callbacks: they only note things and arm timers.
 */
#pragma once

#include <curl/curl.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <uv.h>

#include "core/buf.h"
#include "core/mem.h"
#include "loop/httpc.h"
#include "loop/loop.h"

struct tsn_sock { /* one watched descriptor */
    struct tsn_sock *next;
    uv_poll_t poll;
    struct tsn_pool *pool;
    int fd;
};

struct tsn_pool {
    struct tsn_pool *next;
    struct tsn_httpc *client;
    CURLM *multi;
    struct tsn_timer *timer;
    struct tsn_sock *socks;
    char *reach_key;
    size_t active;
    int64_t used_ms;
};

struct tsn_httpc {
    struct tsn_loop *loop;
    struct tsn_pool *pools;
    size_t npools;
    struct tsn_xfer *live;         /* started, done not called yet */
    const struct tsn_proxy *proxy; /* NULL = none */
    bool closing;
};

struct tsn_xfer {
    struct tsn_xfer *next, *prev;
    struct tsn_httpc *client;
    struct tsn_pool *pool;
    struct tsn_arena *arena; /* x itself and the copied request */
    struct tsn_xfer_request req;
    void (*done)(const struct tsn_xfer_result *r, void *user);
    void *user;

    CURL *easy;
    struct curl_slist *headers, *rcpt;
    char error[CURL_ERROR_SIZE];
    char *url; /* of this hop */
    bool smtp, has_effect;
    bool proxied;     /* this hop goes through the proxy */
    bool same_origin; /* still where the caller sent it: credentials may go along */
    int redirects_left;
    int64_t deadline_ms; /* monotonic */

    struct tsn_buf body;
    size_t head_bytes;
    int hop_status; /* of this hop's answer, as soon as its first line is there */
    uint64_t taken; /* bytes given to req.take */
    bool too_big;
    bool sent;       /* the request, or the end of the mail, may have reached the other side */
    char denied[96]; /* the address the guard refused last */
    size_t uploaded;

    struct tsn_xfer_result result;
    char *effective_url, *etag, *last_modified, *content_type, *retry_after, *link;
    bool finished; /* waits for its turn to call done */
    bool dead;     /* cancelled or reported while it waited */
};

/* httpc_guard.c: may we connect there? Says where "there" is in text. Pure. */
bool tsn_address_allowed(const struct sockaddr *sa, const char *const *reach, char *text,
                         size_t cap);
bool tsn_address_text_allowed(const char *ip, int port, const char *const *reach, char *text,
                              size_t cap);
/* An entry of `reach` that can never match is a mistake. */
bool tsn_reach_ok(const char *entry);

/* httpc_proxy.c: does a request for this address go through the proxy? NULL: no. */
bool tsn_proxy_used(const struct tsn_proxy *proxy, const char *url);
/* NULL: no proxy at all. */
void tsn_proxy_setup(const struct tsn_proxy *proxy, CURL *e);

/* httpc_pool.c */
struct tsn_pool *tsn_pool_get(struct tsn_httpc *c, const char *const *reach);
void tsn_pool_destroy(struct tsn_pool *pool);
curl_socket_t tsn_pool_open_socket(void *clientp, curlsocktype purpose,
                                   struct curl_sockaddr *addr);
int tsn_pool_close_socket(void *clientp, curl_socket_t fd);

/* httpc_setup.c */
tsn_err tsn_xfer_check(const struct tsn_xfer_request *req, struct tsn_diag *diag);
void tsn_xfer_copy(struct tsn_xfer *x, const struct tsn_xfer_request *req);
/* Makes the easy handle of the next hop; x->url is set. */
tsn_err tsn_xfer_setup(struct tsn_xfer *x);

/* httpc.c: curl is done with this transfer's hop. */
void tsn_xfer_hop_done(struct tsn_xfer *x, CURLcode code);
/* httpc_result.c: fills x->result from what curl says. */
void tsn_xfer_judge(struct tsn_xfer *x, CURLcode code);
/* A redirect to follow: x->url is replaced and true returned. False: x->result tells. */
bool tsn_xfer_redirected(struct tsn_xfer *x);
