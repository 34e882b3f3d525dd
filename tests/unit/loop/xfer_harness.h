/* xfer_harness.h - for tests of outbound transfers: raw servers on a second thread that play one
 * part (a fixed answer, silence, a reset, a mail server), and one transfer run to its end. */
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/buf.h"
#include "core/log.h"
#include "core/mem.h"
#include "loop/httpc.h"
#include "loop/loop.h"

static struct tsn_loop *loop;
static struct tsn_httpc *client;

/* --- raw servers on a thread --- */

enum part { CANNED, SILENT, RESET_MIDWAY, MAIL };

struct raw {
    int fd, port;
    enum part part;
    const char *answer;
    size_t answer_len;
    /* mail */
    const char *at_rcpt, *at_end; /* replies; NULL = the good one, "" = close without a word */
    struct tsn_buf heard;
    atomic_int connections;
    atomic_bool stop;
    pthread_t thread;
};

static inline bool wait_readable(struct raw *r, int fd)
{
    while (!atomic_load(&r->stop)) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (poll(&p, 1, 20) > 0)
            return true;
    }
    return false;
}

static inline void put(int fd, const char *s)
{
    (void)!send(fd, s, strlen(s), MSG_NOSIGNAL);
}

/* One line; false at the end. */
static inline bool read_line(struct raw *r, int fd, char *line, size_t cap)
{
    size_t n = 0;
    while (wait_readable(r, fd)) {
        char c;
        if (recv(fd, &c, 1, 0) != 1)
            return false;
        if (n + 1 < cap)
            line[n++] = c;
        if (c == '\n') {
            line[n] = '\0';
            return true;
        }
    }
    return false;
}

static inline void serve_mail(struct raw *r, int fd)
{
    char line[2048];
    bool data = false;
    put(fd, "220 test\r\n");
    while (read_line(r, fd, line, sizeof(line))) {
        tsn_buf_puts(&r->heard, line);
        const char *reply = "250 fine\r\n";
        if (data && strcmp(line, ".\r\n") != 0)
            continue;
        if (data) {
            data = false;
            if (r->at_end)
                reply = r->at_end;
        } else if (strncasecmp(line, "RCPT", 4) == 0 && r->at_rcpt) {
            reply = r->at_rcpt;
        } else if (strncasecmp(line, "DATA", 4) == 0) {
            data = true;
            reply = "354 go on\r\n";
        } else if (strncasecmp(line, "EHLO", 4) == 0) {
            reply = "250-test\r\n250-AUTH PLAIN\r\n250 SIZE 1000000\r\n";
        } else if (strncasecmp(line, "AUTH", 4) == 0) {
            reply = "334 \r\n";
        } else if (strcmp(line, "AHUAcA==\r\n") == 0) {
            reply = "235 welcome\r\n";
        }
        if (!*reply)
            return;
        put(fd, reply);
    }
}

static inline void serve_http(struct raw *r, int fd)
{
    char line[4096];
    size_t body = 0;
    while (read_line(r, fd, line, sizeof(line)) && strcmp(line, "\r\n") != 0) {
        tsn_buf_puts(&r->heard, line);
        if (strncasecmp(line, "Content-Length: ", 16) == 0)
            body = (size_t)strtoul(line + 16, NULL, 10);
    }
    if (body)
        tsn_buf_puts(&r->heard, "\r\n");
    for (char c; body > 0 && wait_readable(r, fd) && recv(fd, &c, 1, 0) == 1; body--)
        tsn_buf_putc(&r->heard, c);
    if (r->part == SILENT) {
        (void)wait_readable(r, fd); /* until the client gives up */
        return;
    }
    (void)!send(fd, r->answer, r->answer_len, MSG_NOSIGNAL);
    if (r->part == RESET_MIDWAY) {
        usleep(50000);
        struct linger hard = {.l_onoff = 1};
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    }
}

static inline void *run_raw(void *arg)
{
    struct raw *r = arg;
    while (wait_readable(r, r->fd)) {
        int fd = accept(r->fd, NULL, NULL);
        if (fd < 0)
            continue;
        atomic_fetch_add(&r->connections, 1);
        if (r->part == MAIL)
            serve_mail(r, fd);
        else
            serve_http(r, fd);
        close(fd);
    }
    return NULL;
}

static inline void raw_start(struct raw *r, enum part part, const char *answer, size_t len)
{
    memset(r, 0, sizeof(*r));
    tsn_buf_init(&r->heard, 1u << 20);
    r->part = part;
    r->answer = answer;
    r->answer_len = len;
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(in);
    r->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(r->fd, (const struct sockaddr *)&in, sizeof(in)), 0);
    assert_int_equal(listen(r->fd, 8), 0);
    assert_int_equal(getsockname(r->fd, (struct sockaddr *)&in, &n), 0);
    r->port = ntohs(in.sin_port);
}

static inline void raw_go(struct raw *r)
{
    assert_int_equal(pthread_create(&r->thread, NULL, run_raw, r), 0);
}

static inline void raw_stop(struct raw *r)
{
    atomic_store(&r->stop, true);
    pthread_join(r->thread, NULL);
    close(r->fd);
    tsn_buf_free(&r->heard);
}

/* --- asking --- */

static struct {
    int calls;
    tsn_err err;
    int status;
    size_t len;
    char body[64], url[256], etag[32], modified[64], type[64], retry[16], code[8], what[320],
        hint[320];
} got;
static bool starting;

static inline void on_done(const struct tsn_xfer_result *r, void *user)
{
    (void)user;
    assert_false(starting);
    got.calls++;
    got.err = r->err;
    got.status = r->status;
    got.len = r->len;
    assert_int_equal(r->body[r->len], '\0');
    snprintf(got.body, sizeof(got.body), "%s", r->body);
    snprintf(got.url, sizeof(got.url), "%s", r->effective_url);
    snprintf(got.etag, sizeof(got.etag), "%s", r->etag);
    snprintf(got.modified, sizeof(got.modified), "%s", r->last_modified);
    snprintf(got.type, sizeof(got.type), "%s", r->content_type);
    snprintf(got.retry, sizeof(got.retry), "%s", r->retry_after);
    snprintf(got.code, sizeof(got.code), "%s", r->diag.code);
    snprintf(got.what, sizeof(got.what), "%s", r->diag.what);
    snprintf(got.hint, sizeof(got.hint), "%s", r->diag.hint);
    tsn_loop_stop(loop);
}

static inline struct tsn_xfer *begin(const struct tsn_xfer_request *req)
{
    struct tsn_xfer *x = NULL;
    struct tsn_diag diag;
    tsn_diag_init(&diag);
    memset(&got, 0, sizeof(got));
    starting = true;
    tsn_err err = tsn_xfer_start(client, req, on_done, NULL, &x, &diag);
    starting = false;
    got.err = err;
    snprintf(got.code, sizeof(got.code), "%s", diag.code);
    return err ? NULL : x;
}

static inline tsn_err run(const struct tsn_xfer_request *req)
{
    if (begin(req)) {
        tsn_loop_run(loop);
        assert_int_equal(got.calls, 1);
    }
    return got.err;
}

static inline const char *url_of(int port, const char *path)
{
    static char url[256];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", port, path);
    return url;
}

static inline struct tsn_xfer_request get_raw(const struct raw *r)
{
    static char text[32];
    static const char *list[2];
    snprintf(text, sizeof(text), "127.0.0.1:%d", r->port);
    list[0] = text;
    return (struct tsn_xfer_request){
        .url = url_of(r->port, "/"), .reach = list, .timeout_ms = 5000};
}
