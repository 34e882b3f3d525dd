/* httpd.c - drives libmicrohttpd from the loop: ports, connections, deadlines, open and close.
 *
 * Owns the daemons, their epoll watchers and the list of connections. Loop thread only.
 * libmicrohttpd's epoll is edge-triggered, so after every run its own time-out is obeyed too;
 * its connection time-out counts idleness only and is not used: deadlines here are absolute.
 */
#include "loop/httpd_impl.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/log.h"
#include "core/text.h"

#define HEADER_MS       10000
#define BODY_MS         30000
#define MAX_CONNECTIONS 1024
#define CONN_MEMORY     (32u << 10) /* bounds the head, and is the read buffer of bodies */

/* --- running --- */

static void run_port(struct tsn_http_port *port)
{
    struct tsn_httpd *server = port->server;
    if (port->running || !port->mhd)
        return;
    port->again = false;
    port->running = true;
    MHD_run(port->mhd);
    port->running = false;
    if (server->close_wanted) {
        tsn_httpd_close(server);
        return;
    }
    MHD_UNSIGNED_LONG_LONG ms;
    if (port->again)
        tsn_timer_arm(port->timer, 0);
    else if (MHD_get_timeout(port->mhd, &ms) == MHD_YES)
        tsn_timer_arm(port->timer, ms > 60000 ? 60000 : (int64_t)ms);
    else
        tsn_timer_disarm(port->timer);
}

static void on_timer(void *user)
{
    run_port(user);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    run_port(poll->data);
}

void tsn_http_port_wake(struct tsn_http_port *port)
{
    tsn_timer_arm(port->timer, 0);
}

/* --- connections --- */

static void on_deadline(void *user)
{
    tsn_http_too_slow(user);
}

static void name_peer(struct tsn_http_conn *conn)
{
    conn->uid = (uid_t)-1;
    conn->gid = (gid_t)-1;
    if (conn->port->local) {
        struct ucred cred;
        socklen_t len = sizeof(cred);
        if (getsockopt(conn->fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0) {
            conn->uid = cred.uid;
            conn->gid = cred.gid;
        }
        (void)tsn_copy(conn->peer, sizeof(conn->peer), "unix");
        return;
    }
    struct sockaddr_storage sa = {0};
    socklen_t len = sizeof(sa);
    const char *text = NULL;
    if (getpeername(conn->fd, (struct sockaddr *)&sa, &len) == 0) {
        const void *addr = sa.ss_family == AF_INET6
                               ? (const void *)&((struct sockaddr_in6 *)&sa)->sin6_addr
                               : (const void *)&((struct sockaddr_in *)&sa)->sin_addr;
        text = inet_ntop(sa.ss_family, addr, conn->peer, sizeof(conn->peer));
    }
    if (!text)
        (void)tsn_copy(conn->peer, sizeof(conn->peer), "unknown");
}

static void conn_begin(struct tsn_http_port *port, struct MHD_Connection *mhd, void **context)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct tsn_http_conn *conn = tsn_alloc(sizeof(*conn));
    conn->port = port;
    conn->mhd = mhd;
    conn->fd = info ? info->connect_fd : -1;
    conn->first = true;
    conn->deadline = tsn_timer_new(port->server->loop, on_deadline, conn);
    conn->next = port->server->conns;
    if (conn->next)
        conn->next->prev = conn;
    port->server->conns = conn;
    name_peer(conn);
    tsn_timer_arm(conn->deadline, port->server->cfg.header_ms);
    *context = conn;
}

static void conn_end(struct tsn_http_port *port, struct tsn_http_conn *conn)
{
    if (conn->req)
        tsn_http_req_detach(conn->req);
    tsn_timer_destroy(conn->deadline);
    /* At the connection limit libmicrohttpd stops watching its listening socket, and begins again
     * only in the run after the one that ended a connection. */
    port->again = true;
    if (conn->next)
        conn->next->prev = conn->prev;
    if (conn->prev)
        conn->prev->next = conn->next;
    else
        port->server->conns = conn->next;
    free(conn);
}

static void on_connection(void *cls, struct MHD_Connection *mhd, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    switch (code) {
    case MHD_CONNECTION_NOTIFY_STARTED:
        conn_begin(cls, mhd, context);
        break;
    case MHD_CONNECTION_NOTIFY_CLOSED:
        if (*context)
            conn_end(cls, *context);
        *context = NULL;
        break;
    }
}

static struct tsn_http_conn *conn_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

/* The request line has come; the earliest moment of a request that we get to see. */
static void *on_target(void *cls, const char *target, struct MHD_Connection *mhd)
{
    (void)cls;
    struct tsn_http_conn *conn = conn_of(mhd);
    TSN_ASSERT(conn);
    if (conn->req)
        tsn_http_req_detach(conn->req);
    conn->line_seen = true;
    conn->req = tsn_http_req_new(conn, target);
    return conn->req;
}

static enum MHD_Result on_access(void *cls, struct MHD_Connection *mhd, const char *url,
                                 const char *method, const char *version, const char *data,
                                 size_t *size, void **req)
{
    (void)cls;
    (void)url;
    struct tsn_http_conn *conn = conn_of(mhd);
    if (!conn || !*req)
        return MHD_NO;
    return tsn_http_req_step(conn, method, version, data, size, *req);
}

static void on_completed(void *cls, struct MHD_Connection *mhd, void **req,
                         enum MHD_RequestTerminationCode why)
{
    struct tsn_http_port *port = cls;
    struct tsn_http_conn *conn = conn_of(mhd);
    (void)why;
    if (!conn || !conn->req || conn->req != *req)
        return;
    *req = NULL;
    tsn_http_req_detach(conn->req);
    conn->req = NULL;
    conn->first = false;
    conn->line_seen = false;
    conn->phase = TSN_HTTP_HEAD;
    tsn_timer_arm(conn->deadline, port->server->cfg.header_ms);
}

/* Escapes stay as they are: tsn_http_target decodes the raw target itself. */
static size_t keep_escapes(void *cls, struct MHD_Connection *mhd, char *s)
{
    (void)cls;
    (void)mhd;
    return strlen(s);
}

static void on_log(void *cls, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));
static void on_log(void *cls, const char *fmt, va_list ap)
{
    (void)cls;
    char text[256];
    vsnprintf(text, sizeof(text), fmt, ap);
    text[strcspn(text, "\r\n")] = '\0';
    tsn_log(TSN_LOG_DEBUG, "http.library_said", "text", text, NULL);
}

/* --- open and close --- */

static tsn_err port_start(struct tsn_httpd *server, struct tsn_http_port *port, int fd,
                          bool local, struct tsn_diag *diag)
{
    port->fd = fd;
    port->local = local;
    port->server = server;
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    port->mhd = MHD_start_daemon(
        flags, 0, NULL, NULL, on_access, port, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)server->cfg.max_connections, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)CONN_MEMORY, MHD_OPTION_NOTIFY_CONNECTION, on_connection, port,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, port, MHD_OPTION_URI_LOG_CALLBACK, on_target,
        port, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_END);
    const union MHD_DaemonInfo *info =
        port->mhd ? MHD_get_daemon_info(port->mhd, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
    if (!info || uv_poll_init(tsn_loop_uv(server->loop), &port->poll, info->epoll_fd) != 0) {
        if (port->mhd)
            MHD_stop_daemon(port->mhd);
        else
            close(fd);
        port->mhd = NULL;
        port->server = NULL;
        return tsn_diag_set(diag, TSN_EIO, "S042", "the HTTP server did not start");
    }
    port->poll.data = port;
    server->open_handles++;
    port->timer = tsn_timer_new(server->loop, on_timer, port);
    uv_poll_start(&port->poll, UV_READABLE, on_poll);
    return 0;
}

tsn_err tsn_httpd_open(struct tsn_httpd **out, struct tsn_loop *loop,
                       const struct tsn_httpd_config *cfg, struct tsn_diag *diag)
{
    struct tsn_httpd *server = tsn_alloc(sizeof(*server));
    server->cfg = *cfg;
    server->cfg.listen = server->cfg.unix_path = NULL;
    server->loop = loop;
    if (server->cfg.header_ms <= 0)
        server->cfg.header_ms = HEADER_MS;
    if (server->cfg.body_ms <= 0)
        server->cfg.body_ms = BODY_MS;
    if (server->cfg.max_connections == 0)
        server->cfg.max_connections = MAX_CONNECTIONS;
    int fd;
    tsn_err err = 0;
    if (cfg->listen) {
        err = tsn_http_listen_tcp(cfg->listen, &fd, &server->tcp_port, diag);
        if (!err)
            err = port_start(server, &server->ports[0], fd, false, diag);
    }
    if (!err && cfg->unix_path) {
        err = tsn_http_listen_unix(cfg->unix_path, &fd, diag);
        if (!err) {
            server->unix_path = tsn_strdup(cfg->unix_path);
            err = port_start(server, &server->ports[1], fd, true, diag);
        }
    }
    if (err) {
        tsn_httpd_close(server);
        return err;
    }
    *out = server;
    return 0;
}

int tsn_httpd_port(const struct tsn_httpd *server)
{
    return server->tcp_port;
}

static void on_poll_closed(uv_handle_t *h)
{
    struct tsn_http_port *port = h->data;
    struct tsn_httpd *server = port->server;
    if (--server->open_handles == 0)
        free(server);
}

static void port_stop(struct tsn_http_port *port)
{
    uv_poll_stop(&port->poll); /* before the daemon closes its epoll descriptor */
    tsn_timer_destroy(port->timer);
    MHD_stop_daemon(port->mhd);
    port->mhd = NULL;
    uv_close((uv_handle_t *)&port->poll, on_poll_closed);
}

/* Lets answers that are ready go out; never waits for a client. */
static void flush(struct tsn_httpd *server)
{
    for (int i = 0; i < 8; i++)
        for (size_t p = 0; p < 2; p++)
            if (server->ports[p].mhd) {
                server->ports[p].running = true;
                MHD_run(server->ports[p].mhd);
                server->ports[p].running = false;
            }
}

void tsn_httpd_close(struct tsn_httpd *server)
{
    if (!server)
        return;
    if (server->ports[0].running || server->ports[1].running) {
        server->close_wanted = true; /* called from a handler: as soon as it has returned */
        return;
    }
    server->close_wanted = false;
    server->closing = true;
    for (size_t p = 0; p < 2; p++)
        if (server->ports[p].mhd) {
            int fd = MHD_quiesce_daemon(server->ports[p].mhd);
            if (fd >= 0)
                close(fd);
        }
    if (server->unix_path)
        unlink(server->unix_path);
    for (struct tsn_http_conn *c = server->conns; c; c = c->next)
        if (c->req)
            tsn_http_req_abandon(c->req);
    flush(server);
    free(server->unix_path);
    server->unix_path = NULL;
    bool any = false;
    for (size_t p = 0; p < 2; p++)
        if (server->ports[p].mhd) {
            any = true;
            port_stop(&server->ports[p]);
        }
    if (!any)
        free(server);
}
