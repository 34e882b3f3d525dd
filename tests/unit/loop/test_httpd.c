/* test_httpd.c - the HTTP server over raw sockets: guard, limits, deadlines, late answers.
 * The server runs on this thread's loop; a blocking client runs on a second thread. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/mem.h"
#include "loop/httpd.h"
#include "loop/loop.h"
#include "loop/mailbox.h"

#define HEADER_MS 300
#define BODY_MS   400
#define BIG       (3u << 20)

static struct tsn_loop *loop;
static struct tsn_httpd *server;
static struct tsn_mailbox *ended;
static char dir[] = "/tmp/tsn-httpd-XXXXXX";
static char sock_path[128];

static int handled, refused;
static char last[512]; /* what the handler saw last */
static struct tsn_http_in *held;
static bool close_in_handler;

/* --- handler --- */

static void answer_text(struct tsn_http_in *in, const char *text)
{
    struct tsn_header extra = {"X-Extra", "yes"};
    tsn_http_answer(in, 200, "text/plain", text, strlen(text), &extra, 1);
}

static void answer_late(void *user)
{
    answer_text(user, "late");
}

static void handle(struct tsn_http_in *in, void *user)
{
    (void)user;
    handled++;
    const char *q = tsn_http_query(in, "q"), *agent = tsn_http_header(in, "user-agent");
    snprintf(last, sizeof(last), "%s %s len=%zu q=%s agent=%s local=%d uid=%d peer=%s",
             in->method, in->path, in->len, q ? q : "-", agent ? agent : "-", in->local,
             (int)in->uid, in->peer);
    assert_int_equal(in->body[in->len], '\0');
    if (close_in_handler)
        tsn_httpd_close(server);
    if (strcmp(in->path, "/late") == 0) {
        tsn_loop_later(loop, answer_late, in);
    } else if (strcmp(in->path, "/hold") == 0) {
        held = in;
    } else if (strcmp(in->path, "/big") == 0) {
        char *p = tsn_alloc(BIG);
        memset(p, 'b', BIG);
        tsn_http_answer(in, 200, "text/plain", p, BIG, NULL, 0);
        free(p);
    } else if (strcmp(in->path, "/echo") == 0) {
        tsn_http_answer(in, 200, "text/plain", in->body, in->len, NULL, 0);
    } else if (strcmp(in->path, "/none") == 0) {
        tsn_http_answer(in, 304, NULL, NULL, 0, NULL, 0);
    } else {
        answer_text(in, last);
    }
}

static void on_refused(struct tsn_http_in *in, int status, const char *code, const char *why,
                       void *user)
{
    (void)user;
    refused++;
    char text[256];
    snprintf(text, sizeof(text), "refused %s: %s\n", code, why);
    if (strcmp(code, "H053") != 0) /* there the plain document is sent */
        tsn_http_answer(in, status, "text/plain", text, strlen(text), NULL, 0);
}

static size_t body_limit(const char *method, const char *path, void *user)
{
    (void)user;
    (void)method;
    return strcmp(path, "/nobody") == 0 ? 0 : 1000;
}

/* --- client --- */

struct step {
    const char *bytes;
    size_t len;  /* 0 = strlen */
    int wait_ms; /* before sending */
};

struct client {
    struct tsn_msg msg; /* first */
    const struct step *steps;
    size_t nsteps;
    bool local, shut, vanish;
    int read_ms;
    struct tsn_buf answer;
    int took_ms;
};

static int dial(bool local)
{
    struct sockaddr_in in = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)tsn_httpd_port(server)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    memcpy(un.sun_path, sock_path, strlen(sock_path) + 1);
    int fd = socket(local ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct sockaddr *sa =
        local ? (const struct sockaddr *)&un : (const struct sockaddr *)&in;
    if (connect(fd, sa, local ? sizeof(un) : sizeof(in)) != 0)
        abort();
    return fd;
}

static void *run_client(void *arg)
{
    struct client *c = arg;
    int64_t start = tsn_clock_mono_ms();
    int fd = dial(c->local);
    for (size_t i = 0; i < c->nsteps; i++) {
        if (c->steps[i].wait_ms)
            usleep((useconds_t)c->steps[i].wait_ms * 1000);
        size_t n = c->steps[i].len ? c->steps[i].len : strlen(c->steps[i].bytes);
        size_t sent = 0;
        while (sent < n) {
            ssize_t w = send(fd, c->steps[i].bytes + sent, n - sent, MSG_NOSIGNAL);
            if (w <= 0)
                break;
            sent += (size_t)w;
        }
        if (sent < n)
            break;
    }
    if (c->shut)
        shutdown(fd, SHUT_WR);
    struct timeval tv = {.tv_sec = 5};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
    char chunk[65536];
    ssize_t n;
    while (!c->vanish && (n = recv(fd, chunk, sizeof(chunk), 0)) > 0)
        tsn_buf_put(&c->answer, chunk, (size_t)n);
    close(fd);
    c->took_ms = (int)(tsn_clock_mono_ms() - start);
    tsn_mailbox_send(ended, &c->msg);
    return NULL;
}

static int waiting_for;
static void on_ended(struct tsn_msg *first, void *user)
{
    (void)user;
    for (; first; first = first->next)
        if (--waiting_for == 0)
            tsn_loop_stop(loop);
}

static struct client talk_to;

/* Sends the steps and reads to the end of the connection. */
static const char *talk(const struct step *steps, size_t n, bool local)
{
    pthread_t thread;
    tsn_buf_clear(&talk_to.answer);
    talk_to.steps = steps;
    talk_to.nsteps = n;
    talk_to.local = local;
    waiting_for = 1;
    assert_int_equal(pthread_create(&thread, NULL, run_client, &talk_to), 0);
    tsn_loop_run(loop);
    pthread_join(thread, NULL);
    return talk_to.answer.data ? talk_to.answer.data : "";
}

static const char *ask(const char *bytes)
{
    struct step s = {.bytes = bytes};
    return talk(&s, 1, false);
}

static int count(const char *text, const char *what)
{
    int n = 0;
    for (; (text = strstr(text, what)); text++)
        n++;
    return n;
}

static int status_of(const char *answer)
{
    return strncmp(answer, "HTTP/1.1 ", 9) == 0 ? (int)strtol(answer + 9, NULL, 10) : 0;
}

/* --- set-up --- */

static void open_server(void)
{
    struct tsn_httpd_config cfg = {.listen = "127.0.0.1:0",
                                   .unix_path = sock_path,
                                   .header_ms = HEADER_MS,
                                   .body_ms = BODY_MS,
                                   .body_limit = body_limit,
                                   .handle = handle,
                                   .refused = on_refused};
    struct tsn_diag diag;
    tsn_diag_init(&diag);
    assert_int_equal(tsn_httpd_open(&server, loop, &cfg, &diag), 0);
    assert_true(tsn_httpd_port(server) > 0);
}

static int setup(void **state)
{
    (void)state;
    handled = refused = 0;
    last[0] = '\0';
    held = NULL;
    close_in_handler = false;
    memset(&talk_to, 0, sizeof(talk_to));
    tsn_buf_init(&talk_to.answer, 64u << 20);
    if (tsn_loop_open(&loop) != 0 || tsn_mailbox_open(&ended, loop, on_ended, NULL) != 0)
        return 1;
    open_server();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    tsn_httpd_close(server);
    server = NULL;
    tsn_mailbox_close(ended);
    tsn_loop_close(loop);
    tsn_buf_free(&talk_to.answer);
    return 0;
}

/* --- tests --- */

#define HEAD "Host: a\r\nConnection: close\r\n"

static void a_plain_request(void **state)
{
    (void)state;
    const char *a =
        ask("GET /a%20b/%C3%A9?q=x%26y+z&r HTTP/1.1\r\nUser-Agent: t/1\r\n" HEAD "\r\n");
    assert_int_equal(status_of(a), 200);
    assert_non_null(strstr(a, "X-Extra: yes\r\n"));
    assert_non_null(strstr(a, "GET /a b/\xc3\xa9 len=0 q=x&y z agent=t/1 local=0"));
    assert_non_null(strstr(a, "peer=127.0.0.1"));
}

static void a_body_arrives_whole(void **state)
{
    (void)state;
    const char *a = ask("POST /echo HTTP/1.1\r\nContent-Length: 5\r\n" HEAD "\r\nhello");
    assert_int_equal(status_of(a), 200);
    assert_non_null(strstr(a, "\r\n\r\nhello"));
    struct step chunked[] = {
        {"POST /echo HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n" HEAD "\r\n5\r\nhel", 0, 0},
        {"lo\r\n3\r\n wo\r\n0\r\n\r\n", 0, 20}};
    a = talk(chunked, 2, false);
    assert_non_null(strstr(a, "\r\n\r\nhello wo"));
    assert_string_equal(last, "POST /echo len=8 q=- agent=- local=0 uid=-1 peer=127.0.0.1");
}

static void head_is_get_without_a_body(void **state)
{
    (void)state;
    const char *a = ask("HEAD /x HTTP/1.1\r\n" HEAD "\r\n");
    assert_int_equal(status_of(a), 200);
    assert_non_null(strstr(last, "GET /x"));
    assert_string_equal(strstr(a, "\r\n\r\n"), "\r\n\r\n");
    a = ask("GET /none HTTP/1.1\r\n" HEAD "\r\n");
    assert_int_equal(status_of(a), 304);
}

struct row {
    const char *what, *bytes;
    size_t len;
    int status;
};

static void the_guard_refuses(void **state)
{
    (void)state;
#define INNER "GET /inner HTTP/1.1\r\nHost: a\r\n\r\n"
#define ROW(what, bytes, status)                                                               \
    {                                                                                          \
        what, bytes, sizeof(bytes) - 1, status                                                 \
    }
    static const struct row rows[] = {
        ROW("CL twice, 0 first",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: "
            "32\r\n\r\n" INNER,
            400),
        ROW("CL twice, 0 last",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 32\r\nContent-Length: "
            "0\r\n\r\n" INNER,
            400),
        ROW("CL twice, the same",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
            400),
        ROW("CL list", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\nhello", 400),
        ROW("CL plus", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nhello", 400),
        ROW("CL empty", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n" INNER, 400),
        ROW("CL hex", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\nhello", 400),
        ROW("CL with TE",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 32\r\nTransfer-Encoding: chunked"
            "\r\n\r\n0\r\n\r\n" INNER,
            400),
        ROW("TE with CL",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5"
            "\r\n\r\n0\r\n\r\n" INNER,
            400),
        ROW("TE other",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" INNER,
            400),
        ROW("TE gzip, chunked",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, "
            "chunked\r\n\r\n0\r\n\r\n" INNER,
            400),
        ROW("TE identity",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n" INNER, 400),
        ROW("TE twice",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
            "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" INNER,
            400),
        ROW("TE with vertical tab",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n" INNER,
            400),
        ROW("TE in 1.0",
            "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" INNER,
            400),
        ROW("Host twice", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        ROW("no Host", "GET / HTTP/1.1\r\nAccept: a\r\n\r\n", 400),
        ROW("name with space", "GET / HTTP/1.1\r\nHost: a\r\nA b: c\r\n\r\n", 400),
        ROW("space before colon",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 32\r\n\r\n" INNER, 400),
        ROW("name with NUL", "GET / HTTP/1.1\r\nHost: a\r\nA\0b: c\r\n\r\n", 400),
        ROW("name not ASCII", "GET / HTTP/1.1\r\nHost: a\r\nA\xc3\xa9: c\r\n\r\n", 400),
        ROW("CL-like name", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length-X: 5\r\n\r\n" INNER,
            400),
        ROW("TE-like name",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encodingx: chunked\r\n\r\n" INNER, 400),
        ROW("value with control", "GET / HTTP/1.1\r\nHost: a\r\nA: b\x01\r\n\r\n", 400),
        ROW("target without slash", "GET x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ROW("target absolute", "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ROW("CONNECT", "CONNECT b:80 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ROW("escape cut", "GET /a%2 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ROW("escape not hex", "GET /a%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ROW("escape NUL", "GET /a%00b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ROW("path not UTF-8", "GET /a%ff HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ROW("path overlong", "GET /a%c0%af HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ROW("path newline", "GET /a%0d%0ab HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ROW("dot segments", "GET /a/../b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ROW("dot segments, escaped", "GET /a/%2e%2e/b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ROW("query not UTF-8", "GET /a?q=%ff HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ROW("method not a token", "G(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    };
    /* libmicrohttpd refuses some of these itself, and then may write its head twice. */
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        handled = 0;
        struct step s = {.bytes = rows[i].bytes, .len = rows[i].len};
        const char *a = talk(&s, 1, false);
        if (status_of(a) != rows[i].status || count(a, "HTTP/1.1 2") != 0 || handled != 0 ||
            talk_to.took_ms > 4000)
            fail_msg("%s: handled %d, %d ms, got:\n%s", rows[i].what, handled, talk_to.took_ms,
                     a);
    }
    assert_true(refused > 20);
}

static void versions_and_counts(void **state)
{
    (void)state;
    const char *a = ask("GET / HTTP/1.2\r\nHost: a\r\n\r\n");
    assert_true(status_of(a) >= 400);
    a = ask("GET / HTTP/2.0\r\nHost: a\r\n\r\n");
    assert_true(status_of(a) >= 400);
    struct tsn_buf b;
    tsn_buf_init(&b, 1u << 20);
    tsn_buf_puts(&b, "GET / HTTP/1.1\r\nHost: a\r\n");
    for (int i = 0; i < 101; i++)
        tsn_buf_printf(&b, "a%d: b\r\n", i);
    tsn_buf_puts(&b, "\r\n");
    a = ask(b.data);
    assert_int_equal(status_of(a), 431);
    tsn_buf_clear(&b);
    tsn_buf_puts(&b, "GET / HTTP/1.1\r\nHost: a\r\nX: ");
    for (int i = 0; i < 100000; i++)
        tsn_buf_putc(&b, 'x');
    tsn_buf_puts(&b, "\r\n\r\n");
    a = ask(b.data);
    assert_true(a[0] == '\0' || status_of(a) == 413 || status_of(a) == 431);
    assert_int_equal(handled, 0);
    tsn_buf_free(&b);
}

static void too_large_is_413(void **state)
{
    (void)state;
    static char big[200000];
    memset(big, 'x', sizeof(big));
    struct step announced[] = {
        {"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n", 0, 0},
        {big, sizeof(big), 0}};
    const char *a = talk(announced, 2, false);
    assert_int_equal(status_of(a), 413);
    assert_non_null(strstr(a, "refused H051"));
    assert_int_equal(count(a, "HTTP/1.1 "), 1);

    struct step chunked[] = {
        {"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n30d40\r\n", 0, 0},
        {big, sizeof(big), 0},
        {"\r\n0\r\n\r\n" INNER, 0, 0}};
    a = talk(chunked, 3, false);
    assert_int_equal(status_of(a), 413);
    assert_int_equal(count(a, "HTTP/1.1 "), 1);

    /* The client waits for leave: it gets the refusal, never "100 Continue". */
    a = ask("POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
            "Content-Length: 200000\r\n\r\n");
    assert_int_equal(status_of(a), 413);
    a = ask("POST /nobody HTTP/1.1\r\nContent-Length: 1\r\n" HEAD "\r\nx");
    assert_int_equal(status_of(a), 413);
    a = ask("POST /x HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n" HEAD "\r\n");
    assert_true(status_of(a) == 413 || status_of(a) == 400);
    assert_int_equal(handled, 0);
    a = ask("POST /nobody HTTP/1.1\r\nContent-Length: 0\r\n" HEAD "\r\n");
    assert_int_equal(status_of(a), 200);
}

static void slow_heads_are_cut(void **state)
{
    (void)state;
    struct step drip[40] = {{"GET / HTTP/1.1\r\nHost: a\r\nX: ", 0, 0}};
    for (size_t i = 1; i < 40; i++)
        drip[i] = (struct step){"y", 1, 50};
    const char *a = talk(drip, 40, false);
    assert_int_equal(status_of(a), 408);
    assert_in_range(talk_to.took_ms, HEADER_MS - 20, HEADER_MS + 700);
    const char *end = strstr(a, "\r\n\r\n");
    assert_non_null(end);
    char length[40];
    snprintf(length, sizeof(length), "Content-Length: %zu\r\n", strlen(end + 4));
    assert_non_null(strstr(a, length));

    struct step silent[] = {{"", 0, 0}};
    a = talk(silent, 1, false);
    assert_int_equal(status_of(a), 408);
    assert_int_equal(handled, 0);

    /* Idle after an answer: closed without a word. */
    a = ask("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(count(a, "HTTP/1.1 "), 1);
    assert_int_equal(status_of(a), 200);
}

static void slow_bodies_are_cut(void **state)
{
    (void)state;
    struct step drip[40] = {
        {"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 900\r\n\r\n", 0, 0}};
    for (size_t i = 1; i < 40; i++)
        drip[i] = (struct step){"y", 1, 50};
    const char *a = talk(drip, 40, false);
    assert_int_equal(status_of(a), 408);
    assert_non_null(strstr(a, "refused H052"));
    assert_in_range(talk_to.took_ms, BODY_MS - 20, BODY_MS + 700);
    assert_int_equal(handled, 0);
}

static void kept_and_pipelined(void **state)
{
    (void)state;
    struct step kept[] = {
        {"GET /one HTTP/1.1\r\nHost: a\r\n\r\n", 0, 0},
        {"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi", 0, 100},
        {"GET /late HTTP/1.1\r\n" HEAD "\r\n", 0, 100}};
    const char *a = talk(kept, 3, false);
    assert_int_equal(count(a, "HTTP/1.1 200"), 3);
    assert_int_equal(handled, 3);
    handled = 0;
    a = ask("GET /one HTTP/1.1\r\nHost: a\r\n\r\nGET /late HTTP/1.1\r\nHost: a\r\n\r\n"
            "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"
            "GET /two HTTP/1.1\r\n" HEAD "\r\n");
    assert_int_equal(count(a, "HTTP/1.1 200"), 4);
    assert_int_equal(handled, 4);
    const char *one = strstr(a, "GET /one"), *late = strstr(a, "\r\n\r\nlate"),
               *two = strstr(a, "GET /two");
    assert_true(one && late && two && one < late && late < two);
}

static void big_answers_arrive_whole(void **state)
{
    (void)state;
    ask("GET /big HTTP/1.1\r\n" HEAD "\r\n");
    assert_in_range(talk_to.answer.len, BIG, BIG + 1000);
    ask("GET /late HTTP/1.0\r\n\r\n");
    assert_int_equal(status_of(talk_to.answer.data), 200);
}

static void many_at_once(void **state)
{
    (void)state;
    static struct client clients[64];
    static const struct step late = {.bytes = "GET /late HTTP/1.1\r\n" HEAD "\r\n"};
    pthread_t threads[64];
    waiting_for = 64;
    for (size_t i = 0; i < 64; i++) {
        memset(&clients[i], 0, sizeof(clients[i]));
        tsn_buf_init(&clients[i].answer, 1u << 20);
        clients[i].steps = &late;
        clients[i].nsteps = 1;
        assert_int_equal(pthread_create(&threads[i], NULL, run_client, &clients[i]), 0);
    }
    tsn_loop_run(loop);
    for (size_t i = 0; i < 64; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(status_of(clients[i].answer.data ? clients[i].answer.data : ""), 200);
        tsn_buf_free(&clients[i].answer);
    }
    assert_int_equal(handled, 64);
}

static void the_client_goes_before_the_answer(void **state)
{
    (void)state;
    talk_to.vanish = true;
    ask("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    while (!held)
        uv_run(tsn_loop_uv(loop), UV_RUN_ONCE);
    answer_text(held, "nobody listens");
    talk_to.vanish = false;
    assert_int_equal(status_of(ask("GET /x HTTP/1.1\r\n" HEAD "\r\n")), 200);
}

static void unix_peers_are_known(void **state)
{
    (void)state;
    struct stat st;
    assert_int_equal(stat(sock_path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0660);
    struct step s = {.bytes = "GET /x HTTP/1.1\r\n" HEAD "\r\n"};
    const char *a = talk(&s, 1, true);
    assert_int_equal(status_of(a), 200);
    char want[64];
    snprintf(want, sizeof(want), "local=1 uid=%d peer=unix", (int)getuid());
    assert_non_null(strstr(a, want));
}

static void close_soon(void *user)
{
    (void)user;
    if (!held) {
        tsn_loop_later(loop, close_soon, NULL);
        return;
    }
    tsn_httpd_close(server);
    server = NULL;
}

static void closing_answers_503(void **state)
{
    (void)state;
    tsn_loop_later(loop, close_soon, NULL);
    const char *a = ask("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(status_of(a), 503);
    assert_non_null(strstr(a, "Connection: close"));
    assert_non_null(held);
    answer_text(held, "too late"); /* harmless, and frees it */
    assert_int_equal(access(sock_path, F_OK), -1);
}

static void closing_from_a_handler(void **state)
{
    (void)state;
    close_in_handler = true;
    const char *a = ask("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(status_of(a), 200);
    server = NULL;
}

static void addresses(void **state)
{
    (void)state;
    static const char *const wrong[] = {"8420",  "127.0.0.1",       "127.0.0.1:x",
                                        ":8420", "a.b:1",           "::1:5",
                                        "[::1]", "127.0.0.1:70000", "[127.0.0.1]:1"};
    struct tsn_httpd *other;
    struct tsn_diag diag;
    struct tsn_httpd_config cfg = {.handle = handle};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        tsn_diag_init(&diag);
        cfg.listen = wrong[i];
        assert_int_equal(tsn_httpd_open(&other, loop, &cfg, &diag), TSN_EINPUT);
        assert_string_equal(diag.code, "S042");
    }
    char taken[32];
    snprintf(taken, sizeof(taken), "127.0.0.1:%d", tsn_httpd_port(server));
    cfg.listen = taken;
    assert_int_equal(tsn_httpd_open(&other, loop, &cfg, &diag), TSN_ECONFLICT);
    cfg.listen = NULL;
    cfg.unix_path = sock_path;
    assert_int_equal(tsn_httpd_open(&other, loop, &cfg, &diag), TSN_ECONFLICT);
    assert_string_equal(diag.code, "S043");
    assert_int_equal(access(sock_path, F_OK), 0); /* not taken away from its owner */

    char stale[160];
    snprintf(stale, sizeof(stale), "%s/stale.sock", dir);
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    memcpy(un.sun_path, stale, strlen(stale) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&un, sizeof(un)), 0);
    close(fd);
    cfg.unix_path = stale;
    assert_int_equal(tsn_httpd_open(&other, loop, &cfg, &diag), 0);
    tsn_httpd_close(other);
    assert_int_equal(access(stale, F_OK), -1);
}

static void the_cap_holds_and_recovers(void **state)
{
    (void)state;
    struct tsn_httpd *first = server;
    struct tsn_httpd_config cfg = {.listen = "127.0.0.1:0",
                                   .header_ms = HEADER_MS,
                                   .max_connections = 4,
                                   .handle = handle};
    struct tsn_diag diag;
    assert_int_equal(tsn_httpd_open(&server, loop, &cfg, &diag), 0);
    int fds[8];
    for (size_t i = 0; i < 8; i++)
        fds[i] = dial(false); /* silent: they take the places until their deadline */
    const char *a = ask("GET /x HTTP/1.1\r\n" HEAD "\r\n");
    assert_int_equal(status_of(a), 200);
    for (size_t i = 0; i < 8; i++)
        close(fds[i]);
    tsn_httpd_close(server);
    server = first;
}

int main(void)
{
    tsn_log_level_set(TSN_LOG_WARN);
    if (!mkdtemp(dir))
        return 1;
    snprintf(sock_path, sizeof(sock_path), "%s/api.sock", dir);
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_plain_request),
        T(a_body_arrives_whole),
        T(head_is_get_without_a_body),
        T(the_guard_refuses),
        T(versions_and_counts),
        T(too_large_is_413),
        T(slow_heads_are_cut),
        T(slow_bodies_are_cut),
        T(kept_and_pipelined),
        T(big_answers_arrive_whole),
        T(many_at_once),
        T(the_client_goes_before_the_answer),
        T(unix_peers_are_known),
        T(closing_answers_503),
        T(closing_from_a_handler),
        T(addresses),
        T(the_cap_holds_and_recovers),
    };
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(dir);
    return rc;
}
