/* httpd.h - inbound HTTP: libmicrohttpd's epoll descriptor in the loop, behind our guard.
 *
 * The guard refuses (400 and close) what DESIGN section 10 lists, before any handler. Bodies are
 * collected whole within the limit of the route (413 before reading when announced), absolute
 * header and body deadlines cut slow clients (408). Handlers get complete requests on the loop
 * thread and answer once, now or later. Listens on TCP and on a Unix socket whose peers are
 * known by SO_PEERCRED.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "core/diag.h"
#include "loop/httpc.h"

struct tsn_loop;
struct tsn_httpd;

struct tsn_http_in {
    const char *method, *path; /* path without query, percent-decoded, "/api/v1/cases" */
    const char *body;          /* NUL-terminated behind len */
    size_t len;
    bool local; /* came over the Unix socket: */
    uid_t uid;
    gid_t gid;
    const char *peer; /* "127.0.0.1" or "unix" */
    void *impl;
};

/* First value or NULL; borrowed while the request lives. Header names are case-insensitive. */
const char *tsn_http_header(const struct tsn_http_in *in, const char *name);
const char *tsn_http_query(const struct tsn_http_in *in, const char *name);
/* Answers and ends the request; everything is copied; extra headers may be NULL. Exactly once,
 * also when the client has gone or the server was closed meanwhile: it frees the request. */
void tsn_http_answer(struct tsn_http_in *in, int status, const char *content_type,
                     const void *body, size_t len, const struct tsn_header *extra,
                     size_t nextra);

struct tsn_httpd_config {
    const char *listen;         /* "127.0.0.1:8420", "[::1]:0"; NULL = none */
    const char *unix_path;      /* NULL = none; made with mode 0660; a stale one is removed */
    int64_t header_ms, body_ms; /* absolute deadlines; 0 = 10 s and 30 s */
    size_t max_connections;     /* 0 = 1,024 */
    size_t bodies_max;          /* bytes of all bodies held at once, else 503; 0 = no limit */
    /* Largest body for this method and path; 0 = this route takes none. */
    size_t (*body_limit)(const char *method, const char *path, void *user);
    /* A complete request. */
    void (*handle)(struct tsn_http_in *in, void *user);
    /* A request the guard refused; makes the problem body. May be NULL. Answers inside, or a
     * plain problem document is sent. Method, path and fields may be missing. */
    void (*refused)(struct tsn_http_in *in, int status, const char *code, const char *why,
                    void *user);
    void *user;
};

tsn_err tsn_httpd_open(struct tsn_httpd **out, struct tsn_loop *loop,
                       const struct tsn_httpd_config *config, struct tsn_diag *diag);
int tsn_httpd_port(const struct tsn_httpd *d); /* the bound TCP port, 0 = none */
void tsn_httpd_close(struct tsn_httpd *d); /* stops listening, answers what is open with 503 */
