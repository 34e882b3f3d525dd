/* test_httpc.c - outbound transfers against servers of our own: answers, limits, the address
 * guard, what is known after a break, mail. Raw servers run on a second thread. */
#include <arpa/inet.h>
#include <errno.h>
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
#include "core/clock.h"
#include "core/log.h"
#include "core/mem.h"
#include "loop/httpc.h"
#include "loop/httpd.h"
#include "loop/loop.h"

static struct tsn_loop *loop;
static struct tsn_httpc *client;
static struct tsn_httpd *server;
static int served;
static char last_auth[128], last_key[64], last_type[64], last_body[64];
static char redirect_to[256];
static char reach_text[32];
static const char *reach[2];

/* --- our own HTTP server as the other side --- */

static void note_head(const struct tsn_http_in *in)
{
    const char *auth = tsn_http_header(in, "Authorization");
    const char *key = tsn_http_header(in, "X-Key"), *type = tsn_http_header(in, "Content-Type");
    snprintf(last_auth, sizeof(last_auth), "%s", auth ? auth : "");
    snprintf(last_key, sizeof(last_key), "%s", key ? key : "");
    snprintf(last_type, sizeof(last_type), "%s", type ? type : "");
    snprintf(last_body, sizeof(last_body), "%s %s", in->method, in->body);
}

static void handle(struct tsn_http_in *in, void *user)
{
    (void)user;
    served++;
    note_head(in);
    struct tsn_header extra[] = {{"ETag", "\"v1\""},
                                 {"Last-Modified", "Mon, 23 Nov 2026 10:00:00 GMT"},
                                 {"Retry-After", "7"},
                                 {"Location", redirect_to}};
    if (strncmp(in->path, "/redirect", 9) == 0) {
        tsn_http_answer(in, 302, NULL, "", 0, extra, 4);
    } else if (strcmp(in->path, "/missing") == 0) {
        tsn_http_answer(in, 404, "text/plain", "no", 2, extra, 3);
    } else if (strcmp(in->path, "/large") == 0) {
        char *p = tsn_alloc(300000);
        tsn_http_answer(in, 200, "text/plain", p, 300000, NULL, 0);
        free(p);
    } else {
        tsn_http_answer(in, 200, "text/plain", "hello", 5, extra, 3);
    }
}

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

static bool wait_readable(struct raw *r, int fd)
{
    while (!atomic_load(&r->stop)) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (poll(&p, 1, 20) > 0)
            return true;
    }
    return false;
}

static void put(int fd, const char *s)
{
    (void)!send(fd, s, strlen(s), MSG_NOSIGNAL);
}

/* One line; false at the end. */
static bool read_line(struct raw *r, int fd, char *line, size_t cap)
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

static void serve_mail(struct raw *r, int fd)
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

static void serve_http(struct raw *r, int fd)
{
    char line[4096];
    while (read_line(r, fd, line, sizeof(line)) && strcmp(line, "\r\n") != 0)
        tsn_buf_puts(&r->heard, line);
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

static void *run_raw(void *arg)
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

static void raw_start(struct raw *r, enum part part, const char *answer, size_t len)
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

static void raw_go(struct raw *r)
{
    assert_int_equal(pthread_create(&r->thread, NULL, run_raw, r), 0);
}

static void raw_stop(struct raw *r)
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

static void on_done(const struct tsn_xfer_result *r, void *user)
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

static struct tsn_xfer *begin(const struct tsn_xfer_request *req)
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

static tsn_err run(const struct tsn_xfer_request *req)
{
    if (begin(req)) {
        tsn_loop_run(loop);
        assert_int_equal(got.calls, 1);
    }
    return got.err;
}

static const char *url_of(int port, const char *path)
{
    static char url[256];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", port, path);
    return url;
}

static struct tsn_xfer_request get(const char *path)
{
    return (struct tsn_xfer_request){
        .url = url_of(tsn_httpd_port(server), path), .reach = reach, .timeout_ms = 5000};
}

static struct tsn_xfer_request get_raw(const struct raw *r)
{
    static char text[32];
    static const char *list[2];
    snprintf(text, sizeof(text), "127.0.0.1:%d", r->port);
    list[0] = text;
    return (struct tsn_xfer_request){
        .url = url_of(r->port, "/"), .reach = list, .timeout_ms = 5000};
}

static int setup(void **state)
{
    (void)state;
    struct tsn_diag diag;
    struct tsn_httpd_config cfg = {.listen = "127.0.0.1:0", .handle = handle};
    served = 0;
    if (tsn_loop_open(&loop) || tsn_httpc_open(&client, loop) ||
        tsn_httpd_open(&server, loop, &cfg, &diag))
        return 1;
    snprintf(reach_text, sizeof(reach_text), "127.0.0.1:%d", tsn_httpd_port(server));
    reach[0] = reach_text;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    tsn_httpc_close(client);
    tsn_httpd_close(server);
    tsn_loop_close(loop);
    client = NULL;
    return 0;
}

/* --- answers --- */

static void answers_come_with_their_fields(void **state)
{
    (void)state;
    struct tsn_xfer_request req = get("/x");
    assert_int_equal(run(&req), 0);
    assert_int_equal(got.status, 200);
    assert_string_equal(got.body, "hello");
    assert_string_equal(got.etag, "\"v1\"");
    assert_string_equal(got.modified, "Mon, 23 Nov 2026 10:00:00 GMT");
    assert_string_equal(got.type, "text/plain");
    assert_string_equal(got.retry, "7");
    assert_string_equal(got.url, req.url);
    req = get("/missing");
    assert_int_equal(run(&req), 0);
    assert_int_equal(got.status, 404);
    req = get("/x");
    req.method = "HEAD";
    assert_int_equal(run(&req), 0);
    assert_int_equal(got.len, 0);
    assert_int_equal(got.status, 200);
}

static void bodies_and_credentials_are_sent(void **state)
{
    (void)state;
    struct tsn_header headers[] = {{"Content-Type", "application/json"}, {"X-Key", "k"}};
    struct tsn_xfer_request req = get("/x");
    req.method = "POST";
    req.body = "{}";
    req.body_len = 2;
    req.headers = headers;
    req.nheaders = 2;
    req.user = "u";
    req.password = "p";
    assert_int_equal(run(&req), 0);
    assert_string_equal(last_body, "POST {}");
    assert_string_equal(last_type, "application/json");
    assert_string_equal(last_key, "k");
    assert_string_equal(last_auth, "Basic dTpw");
    req.nheaders = 0;
    req.method = "PUT";
    assert_int_equal(run(&req), 0);
    assert_string_equal(last_body, "PUT {}");
    assert_string_equal(last_type, ""); /* no guess by the library */
    req.method = "DELETE";
    req.body_len = 0;
    assert_int_equal(run(&req), 0);
    assert_string_equal(last_body, "DELETE ");
}

static void too_much_is_refused(void **state)
{
    (void)state;
    struct tsn_xfer_request req = get("/large");
    req.max_bytes = 1000;
    assert_int_equal(run(&req), TSN_ETOOBIG);
    assert_string_equal(got.code, "H065");
    assert_int_equal(got.len, 0);
    req.max_bytes = 300000;
    assert_int_equal(run(&req), 0);
    assert_int_equal(got.len, 300000);
    req.max_bytes = 299999;
    assert_int_equal(run(&req), TSN_ETOOBIG);
}

/* 4 MB of zeros in 4 KB: counted after decompression. */
static void a_gzip_bomb_is_cut(void **state)
{
    (void)state;
    struct tsn_buf answer;
    tsn_buf_init(&answer, 1u << 20);
    FILE *f = popen("head -c 4000000 /dev/zero | gzip -9", "r");
    assert_non_null(f);
    static char packed[65536];
    size_t n = fread(packed, 1, sizeof(packed), f);
    assert_int_equal(pclose(f), 0);
    tsn_buf_printf(&answer,
                   "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %zu\r\n"
                   "Connection: close\r\n\r\n",
                   n);
    tsn_buf_put(&answer, packed, n);
    struct raw r;
    raw_start(&r, CANNED, answer.data, answer.len);
    raw_go(&r);
    struct tsn_xfer_request req = get_raw(&r);
    req.max_bytes = 100000;
    assert_int_equal(run(&req), TSN_ETOOBIG);
    req.max_bytes = 4000000;
    assert_int_equal(run(&req), 0);
    assert_int_equal(got.len, 4000000);
    raw_stop(&r);
    tsn_buf_free(&answer);
}

/* --- what is known after a break --- */

static void no_answer_in_time(void **state)
{
    (void)state;
    struct raw r;
    raw_start(&r, SILENT, "", 0);
    raw_go(&r);
    struct tsn_xfer_request req = get_raw(&r);
    req.timeout_ms = 200;
    assert_int_equal(run(&req), TSN_ETIMEOUT);
    assert_string_equal(got.code, "H063");
    req.method = "POST"; /* it may have acted */
    assert_int_equal(run(&req), TSN_EOUTCOME);
    assert_string_equal(got.code, "H064");
    raw_stop(&r);
}

static void reset_in_the_middle(void **state)
{
    (void)state;
    static const char part[] = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf";
    struct raw r;
    raw_start(&r, RESET_MIDWAY, part, sizeof(part) - 1);
    raw_go(&r);
    struct tsn_xfer_request req = get_raw(&r);
    assert_int_equal(run(&req), TSN_ENET);
    req.method = "POST";
    assert_int_equal(run(&req), TSN_EOUTCOME);
    raw_stop(&r);
    raw_start(&r, CANNED, "", 0); /* closes without a word */
    raw_go(&r);
    req = get_raw(&r);
    assert_int_equal(run(&req), TSN_ENET);
    req.method = "DELETE";
    assert_int_equal(run(&req), TSN_EOUTCOME);
    assert_int_equal(atomic_load(&r.connections), 2); /* nothing was sent a second time */
    raw_stop(&r);
}

static void nobody_listens(void **state)
{
    (void)state;
    struct raw r;
    raw_start(&r, CANNED, "", 0);
    close(r.fd);
    struct tsn_xfer_request req = get_raw(&r);
    req.method = "POST"; /* even so: nothing was sent */
    assert_int_equal(run(&req), TSN_ENET);
    assert_string_equal(got.code, "H062");
    req.url = "http://name.invalid/";
    assert_int_equal(run(&req), TSN_ENET);
}

/* --- redirects --- */

static void redirects_are_followed_by_hops(void **state)
{
    (void)state;
    struct tsn_header headers[] = {{"X-Key", "secret"}};
    struct tsn_xfer_request req = get("/redirect");
    req.headers = headers;
    req.nheaders = 1;
    snprintf(redirect_to, sizeof(redirect_to), "/x");
    assert_int_equal(run(&req), 0); /* not followed unless asked */
    assert_int_equal(got.status, 302);
    req.redirects = 3;
    assert_int_equal(run(&req), 0);
    assert_int_equal(got.status, 200);
    assert_non_null(strstr(got.url, "/x"));
    assert_string_equal(last_key, "secret"); /* same origin */

    snprintf(redirect_to, sizeof(redirect_to), "/redirect");
    served = 0;
    assert_int_equal(run(&req), TSN_EREMOTE);
    assert_string_equal(got.code, "H067");
    assert_int_equal(served, 4);

    req.method = "POST"; /* never repeated elsewhere */
    assert_int_equal(run(&req), 0);
    assert_int_equal(got.status, 302);
    req.method = NULL;
    snprintf(redirect_to, sizeof(redirect_to), "file:///etc/passwd");
    assert_int_equal(run(&req), TSN_EREMOTE);
    snprintf(redirect_to, sizeof(redirect_to), "gopher://127.0.0.1/");
    assert_int_equal(run(&req), TSN_EREMOTE);
}

static void secrets_stay_with_their_origin(void **state)
{
    (void)state;
    struct raw r;
    static const char answer[] =
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    raw_start(&r, CANNED, answer, sizeof(answer) - 1);
    raw_go(&r);
    struct tsn_header headers[] = {
        {"X-Key", "secret"}, {"Authorization", "Bearer t"}, {"If-None-Match", "\"v1\""}};
    struct tsn_xfer_request req = get("/redirect");
    static const char *const anywhere[] = {"127.0.0.1", NULL};
    req.reach = anywhere;
    req.headers = headers;
    req.nheaders = 3;
    req.redirects = 1;
    snprintf(redirect_to, sizeof(redirect_to), "http://127.0.0.1:%d/", r.port);
    assert_int_equal(run(&req), 0);
    assert_int_equal(got.status, 200);
    assert_null(strstr(r.heard.data, "secret"));
    assert_null(strstr(r.heard.data, "Bearer"));
    assert_non_null(strstr(r.heard.data, "If-None-Match"));
    raw_stop(&r);
}

/* --- the address guard --- */

static void the_guard_knows_all_spellings(void **state)
{
    (void)state;
    static const char *const spellings[] = {
        "http://127.0.0.1:%d/",
        "http://2130706433:%d/",
        "http://0x7f.1:%d/",
        "http://0x7f000001:%d/",
        "http://127.1:%d/",
        "http://0177.0.0.1:%d/",
        "http://localhost:%d/",
        "http://LOCALHOST.:%d/",
        "http://0.0.0.0:%d/",
        "http://0:%d/",
        "http://[::1]:%d/",
        "http://[::]:%d/",
        "http://[::ffff:127.0.0.1]:%d/",
        "http://[::ffff:7f00:1]:%d/",
        "http://[::127.0.0.1]:%d/",
        "http://[64:ff9b::7f00:1]:%d/",
        "http://[2002:7f00:1::]:%d/",
        "http://127.0.0.2:%d/",
        "http://10.0.0.1:%d/",
        "http://169.254.169.254:%d/",
        "http://192.168.1.1:%d/",
        "http://172.31.255.255:%d/",
        "http://100.64.0.1:%d/",
        "http://224.0.0.1:%d/",
        "http://255.255.255.255:%d/",
        "http://[fe80::1]:%d/",
        "http://[fd00::1]:%d/",
        "http://[ff02::1]:%d/",
        "http://[2001:db8::1]:%d/",
        "smtp://127.0.0.1:%d/",
        "https://127.0.0.1:%d/",
        "http://ip6-localhost:%d/",
    };
    static const char *const rcpt[] = {"a@b.example", NULL};
    struct raw canary;
    raw_start(&canary, CANNED, "", 0);
    raw_go(&canary);
    setenv("http_proxy", "http://127.0.0.1:1/", 1);
    setenv("all_proxy", "http://127.0.0.1:1/", 1);
    for (size_t i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++) {
        char url[128];
        struct tsn_buf b;
        tsn_buf_init(&b, sizeof(url) - 1);
        const char *mark = strstr(spellings[i], "%d");
        tsn_buf_put(&b, spellings[i], (size_t)(mark - spellings[i]));
        tsn_buf_printf(&b, "%d%s", canary.port, mark + 2);
        snprintf(url, sizeof(url), "%s", b.data);
        tsn_buf_free(&b);
        /* A port in reach is no leave for another one, an address none for another. */
        static const char *const other[] = {"127.0.0.1:1", "[::1]:1", "127.0.0.9", NULL};
        for (int k = 0; k < 2; k++) {
            struct tsn_xfer_request req = {.url = url,
                                           .reach = k ? other : NULL,
                                           .rcpt = rcpt,
                                           .body = "x",
                                           .body_len = 1,
                                           .timeout_ms = 3000,
                                           .redirects = 3};
            tsn_err err = run(&req);
            /* A name may not exist on this host; then there is nothing to refuse. */
            if (err != TSN_EDENIED && !(err == TSN_ENET && strcasestr(url, "localhost")))
                fail_msg("%s: %s %s", url, tsn_err_name(err), got.what);
            if (err == TSN_EDENIED) {
                assert_string_equal(got.code, "H060");
                assert_non_null(strstr(got.hint, "reach"));
            }
        }
    }
    unsetenv("http_proxy");
    unsetenv("all_proxy");
    assert_int_equal(atomic_load(&canary.connections), 0);
    raw_stop(&canary);
}

static void redirects_meet_the_guard_too(void **state)
{
    (void)state;
    struct raw canary;
    raw_start(&canary, CANNED, "", 0);
    raw_go(&canary);
    struct tsn_xfer_request req = get("/redirect");
    req.redirects = 3;
    snprintf(redirect_to, sizeof(redirect_to), "http://127.0.0.1:%d/", canary.port);
    assert_int_equal(run(&req), TSN_EDENIED);
    snprintf(redirect_to, sizeof(redirect_to), "http://localhost:%d/", canary.port);
    tsn_err err = run(&req);
    assert_true(err == TSN_EDENIED);
    assert_int_equal(atomic_load(&canary.connections), 0);
    raw_stop(&canary);
}

/* A connection that stays open under one policy must not serve another. */
static void kept_connections_meet_the_guard(void **state)
{
    (void)state;
    struct tsn_xfer_request req = get("/x");
    assert_int_equal(run(&req), 0);
    assert_int_equal(run(&req), 0);
    served = 0;
    req.reach = NULL;
    assert_int_equal(run(&req), TSN_EDENIED);
    static const char *const other[] = {"127.0.0.1:1", NULL};
    req.reach = other;
    assert_int_equal(run(&req), TSN_EDENIED);
    assert_int_equal(served, 0);
    static const char *const whole[] = {"127.0.0.1", NULL};
    req.reach = whole;
    assert_int_equal(run(&req), 0);
}

/* --- bad requests --- */

static void bad_requests_never_start(void **state)
{
    (void)state;
    struct tsn_header bad_value = {"X", "a\r\nY: b"}, bad_name = {"X Y", "a"},
                      framing = {"Content-Length", "3"};
    static const char *const none[] = {NULL};
    static const char *const bad_reach[] = {"localhost:80", NULL};
    static const char *const one[] = {"a@b", NULL}, *const inject[] = {"a@b>\r\nDATA", NULL};
    struct tsn_xfer_request rows[] = {
        {.url = NULL},
        {.url = ""},
        {.url = "ftp://h/"},
        {.url = "file:///etc/passwd"},
        {.url = "http://u:p@h/"},
        {.url = "http://h/\r\nX: y"},
        {.url = "http://h/", .method = "GET /\r\n"},
        {.url = "http://h/", .method = "CONNECT"},
        {.url = "http://h/", .headers = &bad_value, .nheaders = 1},
        {.url = "http://h/", .headers = &bad_name, .nheaders = 1},
        {.url = "http://h/", .headers = &framing, .nheaders = 1},
        {.url = "http://h/", .reach = bad_reach},
        {.url = "smtp://h/"},
        {.url = "smtp://h/", .rcpt = none},
        {.url = "smtp://h/", .rcpt = inject},
        {.url = "smtp://h/", .rcpt = one, .mail_from = "x y"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (begin(&rows[i]))
            fail_msg("row %zu was started", i);
        assert_int_equal(got.err, TSN_EINPUT);
        assert_string_equal(got.code, "H061");
    }
}

/* --- life --- */

static void stop_loop(void *user)
{
    (void)user;
    tsn_loop_stop(loop);
}

static void cancelled_and_closed(void **state)
{
    (void)state;
    struct raw r;
    raw_start(&r, SILENT, "", 0);
    raw_go(&r);
    struct tsn_xfer_request req = get_raw(&r);
    struct tsn_xfer *x = begin(&req);
    assert_non_null(x);
    tsn_xfer_cancel(x);
    struct tsn_timer *t = tsn_timer_new(loop, stop_loop, NULL);
    x = begin(&req);
    tsn_timer_arm(t, 50);
    tsn_loop_run(loop);
    tsn_xfer_cancel(x); /* in the middle */
    assert_int_equal(got.calls, 0);

    assert_non_null(begin(&req)); /* not one turn run */
    tsn_httpc_close(client);
    assert_int_equal(got.calls, 1);
    assert_int_equal(got.err, TSN_ECANCELLED);
    assert_int_equal(tsn_httpc_open(&client, loop), 0);
    req.method = "POST";
    assert_non_null(begin(&req));
    tsn_timer_arm(t, 50);
    tsn_loop_run(loop);
    tsn_httpc_close(client); /* sent: nobody knows */
    assert_int_equal(got.calls, 1);
    assert_int_equal(got.err, TSN_EOUTCOME);
    assert_int_equal(tsn_httpc_open(&client, loop), 0);
    tsn_timer_destroy(t);
    raw_stop(&r);
}

static int many_done;
static void on_one_of_many(const struct tsn_xfer_result *r, void *user)
{
    (void)user;
    assert_int_equal(r->err, 0);
    assert_int_equal(r->status, 200);
    if (++many_done == 100)
        tsn_loop_stop(loop);
}

static void a_hundred_at_once(void **state)
{
    (void)state;
    struct tsn_xfer_request req = get("/x");
    req.timeout_ms = 20000;
    many_done = 0;
    for (int i = 0; i < 100; i++)
        assert_int_equal(tsn_xfer_start(client, &req, on_one_of_many, NULL, NULL, NULL), 0);
    tsn_loop_run(loop);
    assert_int_equal(many_done, 100);
    assert_int_equal(served, 100);
}

static void many_policies(void **state)
{
    (void)state;
    char port[48];
    for (int i = 0; i < 40; i++) { /* more than are kept */
        snprintf(port, sizeof(port), "192.0.2.1:%d", i + 1);
        const char *list[] = {reach_text, port, NULL};
        struct tsn_xfer_request req = get("/x");
        req.reach = list;
        assert_int_equal(run(&req), 0);
    }
}

/* --- mail --- */

static struct tsn_xfer_request mail_to(const struct raw *r, const char *text)
{
    static char url[64];
    static const char *const rcpt[] = {"one@b.example", "two@b.example", NULL};
    struct tsn_xfer_request req = get_raw(r);
    snprintf(url, sizeof(url), "smtp://127.0.0.1:%d/client.example", r->port);
    req.url = url;
    req.mail_from = "psirt@a.example";
    req.rcpt = rcpt;
    req.body = text;
    req.body_len = strlen(text);
    return req;
}

static void a_mail_is_sent_as_it_is(void **state)
{
    (void)state;
    struct raw r;
    raw_start(&r, MAIL, NULL, 0);
    raw_go(&r);
    struct tsn_xfer_request req =
        mail_to(&r, ".first\nSubject: x\r\n\r\nbare\rcr\n.\n..two\nend");
    req.user = "u";
    req.password = "p";
    assert_int_equal(run(&req), 0);
    assert_int_equal(got.status, 250);
    const char *h = r.heard.data;
    assert_non_null(strstr(h, "EHLO client.example\r\n"));
    assert_non_null(strstr(h, "AUTH PLAIN\r\nAHUAcA==\r\n"));
    assert_non_null(strstr(h, "MAIL FROM:<psirt@a.example>"));
    assert_non_null(strstr(h, "RCPT TO:<one@b.example>"));
    assert_non_null(strstr(h, "RCPT TO:<two@b.example>"));
    /* Dots doubled, line ends CRLF, one final dot. */
    assert_non_null(strstr(
        h, "DATA\r\n..first\r\nSubject: x\r\n\r\nbare\r\ncr\r\n..\r\n...two\r\nend\r\n.\r\n"));
    raw_stop(&r);
}

static void the_null_sender(void **state)
{
    (void)state;
    struct raw r;
    raw_start(&r, MAIL, NULL, 0);
    raw_go(&r);
    struct tsn_xfer_request req = mail_to(&r, "x\r\n");
    req.mail_from = "";
    assert_int_equal(run(&req), 0);
    assert_non_null(strstr(r.heard.data, "MAIL FROM:<>"));
    raw_stop(&r);
}

static void what_mail_servers_say(void **state)
{
    (void)state;
    static const struct {
        const char *at_rcpt, *at_end;
        tsn_err err;
        int status;
    } rows[] = {
        {"550 nobody here\r\n", NULL, TSN_EREMOTE, 550},
        {"451 come back\r\n", NULL, TSN_EBUSY, 451},
        {"", NULL, TSN_ENET, 0}, /* gone before the mail: it was not taken */
        {NULL, "552 too large\r\n", TSN_EREMOTE, 552},
        {NULL, "451 come back\r\n", TSN_EBUSY, 451},
        {NULL, "", TSN_EOUTCOME, 354}, /* gone after the final dot: nobody knows */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct raw r;
        raw_start(&r, MAIL, NULL, 0);
        r.at_rcpt = rows[i].at_rcpt;
        r.at_end = rows[i].at_end;
        raw_go(&r);
        struct tsn_xfer_request req = mail_to(&r, "Subject: x\r\n\r\ntext\r\n");
        tsn_err err = run(&req);
        if (err != rows[i].err || (rows[i].status && got.status != rows[i].status))
            fail_msg("row %zu: %s, status %d, %s", i, tsn_err_name(err), got.status, got.what);
        raw_stop(&r);
    }
    struct raw r;
    raw_start(&r, MAIL, NULL, 0);
    raw_go(&r);
    struct tsn_xfer_request req = mail_to(&r, "x\r\n");
    req.starttls = 1; /* not offered: nothing is sent in the clear */
    assert_int_equal(run(&req), TSN_EREMOTE);
    assert_null(strstr(r.heard.data, "MAIL FROM"));
    raw_stop(&r);
}

int main(void)
{
    tsn_log_level_set(TSN_LOG_ERROR);
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(answers_come_with_their_fields),
        T(bodies_and_credentials_are_sent),
        T(too_much_is_refused),
        T(a_gzip_bomb_is_cut),
        T(no_answer_in_time),
        T(reset_in_the_middle),
        T(nobody_listens),
        T(redirects_are_followed_by_hops),
        T(secrets_stay_with_their_origin),
        T(the_guard_knows_all_spellings),
        T(redirects_meet_the_guard_too),
        T(kept_connections_meet_the_guard),
        T(bad_requests_never_start),
        T(cancelled_and_closed),
        T(a_hundred_at_once),
        T(many_policies),
        T(a_mail_is_sent_as_it_is),
        T(the_null_sender),
        T(what_mail_servers_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
