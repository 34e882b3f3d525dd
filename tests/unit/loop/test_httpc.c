/* test_httpc.c - outbound transfers against servers of our own: answers, limits, the address
 * guard, what is known after a break. */
#include "unit/loop/xfer_harness.h"

#include "loop/httpd.h"

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

static struct tsn_xfer_request get(const char *path)
{
    return (struct tsn_xfer_request){
        .url = url_of(tsn_httpd_port(server), path), .reach = reach, .timeout_ms = 5000};
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
