/* httpd_impl.h - what the parts of the HTTP server share. Only httpd*.c include this.
 *
 * One daemon of libmicrohttpd a listening socket (a "port"), driven by its epoll descriptor. A
 * connection lives as long as its socket. A request has two holders: the connection, and the
 * handler from `handle` until tsn_http_answer; it is freed when both have let go.
 */
#pragma once

#include <microhttpd.h>
#include <stdbool.h>
#include <uv.h>

#include "core/buf.h"
#include "core/mem.h"
#include "loop/httpd.h"
#include "loop/loop.h"

struct tsn_http_port {
    struct tsn_httpd *server; /* NULL = not in use */
    struct MHD_Daemon *mhd;
    uv_poll_t poll;
    struct tsn_timer *timer; /* when libmicrohttpd wants to run without an event */
    int fd;
    bool local;
    bool running; /* inside MHD_run: it must not be entered again */
    bool again;   /* run once more in the next turn */
};

struct tsn_httpd {
    struct tsn_httpd_config cfg;
    struct tsn_loop *loop;
    struct tsn_http_port ports[2]; /* TCP, Unix */
    struct tsn_http_conn *conns;
    char *unix_path;
    int tcp_port;
    int open_handles;
    bool closing, close_wanted;
    size_t bodies; /* bytes of bodies that requests hold */
};

enum tsn_http_phase {
    TSN_HTTP_HEAD, /* waiting for or reading a request head */
    TSN_HTTP_BODY,
    TSN_HTTP_HANDLING, /* complete; the handler has it */
    TSN_HTTP_WRITING
};

struct tsn_http_conn {
    struct tsn_http_conn *next, *prev;
    struct tsn_http_port *port;
    struct MHD_Connection *mhd;
    int fd;
    struct tsn_timer *deadline;
    enum tsn_http_phase phase;
    bool first;     /* no request has been answered on it yet */
    bool line_seen; /* the request line of the current request has arrived */
    struct tsn_http_req *req;
    char peer[64];
    uid_t uid;
    gid_t gid;
};

struct tsn_http_req {
    struct tsn_http_in in; /* in.impl points back here */
    struct tsn_arena *arena;
    struct tsn_http_conn *conn; /* NULL once the connection let go */
    struct tsn_httpd *server;   /* valid while conn is */
    char *target;               /* raw, with query */
    struct tsn_header *headers;
    size_t nheaders;
    struct tsn_header *args;
    size_t nargs;
    struct tsn_buf body;
    size_t counted; /* of body, in server->bodies */
    size_t discarded;
    bool started;    /* the head has been judged */
    bool discarding; /* answered raw; what still comes is thrown away */
    bool handed;     /* the handler holds it until it answers */
    bool suspended;
    bool answered;
    bool close_after;
    /* the answer */
    int status;
    const char *type; /* arena */
    char *bytes;      /* malloc'ed */
    size_t nbytes;
    struct tsn_header *extra; /* arena */
    size_t nextra;
};

/* httpd_guard.c: judges a head. NULL = good; else why not, with *status and *code set. */
struct tsn_http_head {
    const char *method, *version;
    const struct tsn_header *headers;
    const size_t *value_lens; /* as received: a NUL inside shows */
    size_t nheaders;
    /* out */
    bool has_body; /* announced or chunked */
    uint64_t announced;
    bool chunked;
    bool expect;
};
const char *tsn_http_guard(struct tsn_http_head *head, int *status, const char **code);
/* Splits and decodes a target; path and arguments live in the arena. NULL = good. */
const char *tsn_http_target(struct tsn_arena *arena, const char *target, const char **path,
                            struct tsn_header **args, size_t *nargs);

/* httpd_request.c */
void *tsn_http_req_new(struct tsn_http_conn *conn, const char *target);
enum MHD_Result tsn_http_req_step(struct tsn_http_conn *conn, const char *method,
                                  const char *version, const char *data, size_t *size,
                                  struct tsn_http_req *req);
/* The connection lets go of its request. */
void tsn_http_req_detach(struct tsn_http_req *req);
/* Ends the wait of a request that its handler still holds with 503; the handler's own answer
 * later only frees it. */
void tsn_http_req_abandon(struct tsn_http_req *req);
/* Too slow: says 408 when nothing was answered yet, then cuts. */
void tsn_http_too_slow(struct tsn_http_conn *conn);

/* httpd.c */
void tsn_http_port_wake(struct tsn_http_port *port);

/* httpd_listen.c: bound, listening, non-blocking, close-on-exec descriptors. */
tsn_err tsn_http_listen_tcp(const char *address, int *fd, int *port, struct tsn_diag *diag);
tsn_err tsn_http_listen_unix(const char *path, int *fd, struct tsn_diag *diag);
