/* test_httpc_proxy.c - the way out through a proxy, and names whose answer changes: what each request asks of whom,
 * and where nobody may be asked at all. The resolver is our own: libcurl's getaddrinfo ends here. */
#include <arpa/inet.h>
#include <netdb.h>

#include "core/secret.h"
#include "unit/loop/xfer_harness.h"

#define OK_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi"

static _Atomic int asked; /* names looked up */
static const char *_Atomic answers[4];

/* The n-th look-up gets the n-th answer, the last one from then on. */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **out)
{
    int k = atomic_fetch_add(&asked, 1);
    struct addrinfo *a = calloc(1, sizeof(*a) + sizeof(struct sockaddr_in));
    struct sockaddr_in *in = (struct sockaddr_in *)(void *)(a + 1);

    (void)hints;
    (void)node;
    while (k > 0 && (k > 3 || !atomic_load(&answers[k])))
        k--;
    in->sin_family = AF_INET;
    in->sin_port = htons((uint16_t)(service ? strtol(service, NULL, 10) : 0));
    (void)inet_pton(AF_INET, atomic_load(&answers[k]), &in->sin_addr);
    a->ai_family = AF_INET;
    a->ai_socktype = SOCK_STREAM;
    a->ai_addrlen = sizeof(*in);
    a->ai_addr = (struct sockaddr *)in;
    *out = a;
    return 0;
}

void freeaddrinfo(struct addrinfo *a)
{
    free(a);
}

static struct raw proxy;
static char proxy_url[64];
static struct tsn_proxy settings;

static int setup(void **state)
{
    (void)state;
    atomic_store(&asked, 0);
    for (size_t i = 0; i < 4; i++)
        atomic_store(&answers[i], i == 0 ? "127.0.0.1" : NULL);
    settings = (struct tsn_proxy){.url = proxy_url};
    return tsn_loop_open(&loop) || tsn_httpc_open(&client, loop);
}

static int teardown(void **state)
{
    (void)state;
    tsn_httpc_close(client);
    tsn_loop_close(loop);
    tsn_secret_forget();
    return 0;
}

static void proxy_start(const char *answer)
{
    raw_start(&proxy, CANNED, answer, strlen(answer));
    (void)snprintf(proxy_url, sizeof(proxy_url), "http://127.0.0.1:%d", proxy.port);
    raw_go(&proxy);
    tsn_httpc_proxy(client, &settings);
}

static tsn_err ask(const char *url, const char *method, const char *const *reach)
{
    struct tsn_header headers[] = {{"Authorization", "Bearer t"}};
    struct tsn_xfer_request req = {.url = url,
                                   .method = method,
                                   .headers = headers,
                                   .nheaders = 1,
                                   .reach = reach,
                                   .timeout_ms = 5000};

    return run(&req);
}

static void asks_the_proxy(void **state)
{
    (void)state;
    assert_int_equal(tsn_secret_put("secret:p", "pass word", 9), 0);
    settings.user = "tocsin";
    settings.password = "secret:p";
    proxy_start(OK_ANSWER);
    setenv("no_proxy", "*", 1); /* the environment has no say in either direction */
    setenv("http_proxy", "http://127.0.0.1:1/", 1);
    assert_int_equal(ask("http://svc.example/x?y=1", "GET", NULL), 0);
    assert_string_equal(got.body, "hi");
    unsetenv("no_proxy");
    unsetenv("http_proxy");
    assert_int_equal(atomic_load(&asked), 0); /* the name is the proxy's to look up */
    assert_non_null(strstr(proxy.heard.data, "GET http://svc.example/x?y=1 HTTP/1.1\r\n"));
    assert_non_null(strstr(proxy.heard.data, "Authorization: Bearer t\r\n"));
    assert_non_null(
        strstr(proxy.heard.data, "Proxy-Authorization: Basic dG9jc2luOnBhc3Mgd29yZA==\r\n"));
    raw_stop(&proxy);
}

static void a_tunnel_for_https(void **state)
{
    (void)state;
    proxy_start("HTTP/1.1 403 not there\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(ask("https://svc.example/x", "POST", NULL), TSN_EREMOTE);
    assert_string_equal(got.code, "H069"); /* nothing was sent: no doubt about a POST */
    assert_non_null(strstr(got.what, "the proxy answered 403"));
    assert_non_null(strstr(proxy.heard.data, "CONNECT svc.example:443 HTTP/1.1\r\n"));
    assert_null(strstr(proxy.heard.data, "Bearer")); /* what is for the server is not for it */
    raw_stop(&proxy);
}

static void refusals_of_the_proxy(void **state)
{
    static const struct {
        const char *answer, *url;
        tsn_err want;
    } rows[] = {
        {"HTTP/1.1 407 who\r\nContent-Length: 0\r\n\r\n", "https://svc.example/", TSN_EREMOTE},
        {"HTTP/1.1 407 who\r\nContent-Length: 0\r\n\r\n", "http://svc.example/", TSN_EREMOTE},
        {"HTTP/1.1 502 no\r\nContent-Length: 0\r\n\r\n", "https://svc.example/", TSN_ENET},
        {"HTTP/1.1 503 no\r\nContent-Length: 0\r\n\r\n", "https://svc.example/", TSN_ENET},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        proxy_start(rows[i].answer);
        assert_int_equal(ask(rows[i].url, "GET", NULL), rows[i].want);
        assert_string_equal(got.code, "H069");
        raw_stop(&proxy);
    }
    /* Nobody listens there: nothing was sent, later may help. */
    assert_int_equal(ask("http://svc.example/", "POST", NULL), TSN_ENET);
    /* A password that nobody has set is said before anything is asked. */
    settings.user = "tocsin";
    settings.password = "secret:none";
    assert_int_equal(ask("http://svc.example/", "GET", NULL), TSN_ENOTFOUND);
    assert_string_equal(got.code, "K001");
}

/* Addresses inside are not asked of the proxy: it may reach what we must not. */
static void never_through_the_proxy(void **state)
{
    static const char *const urls[] = {
        "http://127.0.0.1:%d/",       "http://2130706433:%d/",
        "http://0x7f.1:%d/",          "http://0177.0.0.1:%d/",
        "http://127.1:%d/",           "http://[::1]:%d/",
        "http://[::ffff:7f00:1]:%d/", "http://169.254.169.254:%d/",
        "http://10.0.0.1:%d/",        "http://localhost:%d/",
        "http://LocalHost.:%d/",      "http://a.localhost:%d/",
        "https://192.168.1.1:%d/",    "http://[fd00::1]:%d/",
        "http://[fe80::1%%25lo]:%d/"};
    char url[100];

    (void)state;
    proxy_start(OK_ANSWER);
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        struct tsn_buf b;

        tsn_buf_init(&b, sizeof(url));
        for (const char *p = urls[i]; *p; p++) {
            if (p[0] == '%' && p[1] == 'd')
                tsn_buf_printf(&b, "%d", proxy.port), p++;
            else if (p[0] == '%' && p[1] == '%')
                tsn_buf_putc(&b, '%'), p++;
            else
                tsn_buf_putc(&b, *p);
        }
        (void)snprintf(url, sizeof(url), "%s", b.data);
        tsn_buf_free(&b);
        tsn_err err = ask(url, "GET", NULL);
        if (err != TSN_EDENIED)
            fail_msg("%s: %s %s", url, tsn_err_name(err), got.what);
    }
    assert_int_equal(atomic_load(&proxy.connections), 0);
    raw_stop(&proxy);
}

static void straight_where_it_says_so(void **state)
{
    static const char *const direct[] = {"inside.example", "10.0.0.0/8", NULL};
    static char place[32];
    static const char *reach[] = {place, NULL};
    struct raw server;
    char url[100];

    (void)state;
    settings.direct = direct;
    raw_start(&server, CANNED, OK_ANSWER, strlen(OK_ANSWER));
    raw_go(&server);
    proxy_start(OK_ANSWER);
    (void)snprintf(place, sizeof(place), "127.0.0.1:%d", server.port);
    /* The names lead to loopback: straight means that the guard looks, and reach lets it through. */
    (void)snprintf(url, sizeof(url), "http://svc.Inside.example:%d/", server.port);
    assert_int_equal(ask(url, "GET", NULL), TSN_EDENIED);
    assert_int_equal(ask(url, "GET", reach), 0);
    assert_int_equal(atomic_load(&server.connections), 1);
    assert_int_equal(atomic_load(&proxy.connections), 0);
    (void)snprintf(url, sizeof(url), "http://notinside.example:%d/", server.port);
    assert_int_equal(ask(url, "GET", NULL), 0);
    assert_int_equal(atomic_load(&proxy.connections), 1);
    raw_stop(&proxy);
    raw_stop(&server);

    static const struct {
        const char *entry;
        bool good;
    } entries[] = {{"a.example", true},     {"10.0.0.0/8", true}, {"10.0.0.1", true},
                   {"fd00::/8", true},      {"::1", true},        {"10.0.0.0/33", false},
                   {"a.example:80", false}, {"*", false},         {"", false},
                   {".a.example", false},   {"http://a", false},  {"a/b", false}};
    for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++)
        if (tsn_proxy_direct_ok(entries[i].entry) != entries[i].good)
            fail_msg("%s", entries[i].entry);
}

/* Rebinding: a name that first leads to where we may go, then inside. Each connection is judged by its own
 * address, and a kept one again. */
static void names_that_change(void **state)
{
    static char place[32];
    static const char *reach[] = {place, NULL};
    static const char keeps[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    struct raw server, canary;
    char url[100];

    (void)state;
    raw_start(&server, CANNED, keeps, strlen(keeps));
    raw_go(&server);
    raw_start(&canary, CANNED, OK_ANSWER, strlen(OK_ANSWER));
    raw_go(&canary);
    (void)snprintf(place, sizeof(place), "127.0.0.1:%d", server.port);
    (void)snprintf(url, sizeof(url), "http://rebind.example:%d/", server.port);
    atomic_store(&answers[1], "127.0.0.2");
    assert_int_equal(ask(url, "GET", reach), 0);
    /* With an effect: a connection of its own, so the name is asked for again (curl keeps an answer for a
     * minute: another client has none of it). */
    tsn_httpc_close(client);
    assert_int_equal(tsn_httpc_open(&client, loop), 0);
    assert_int_equal(ask(url, "POST", reach), TSN_EDENIED);
    assert_non_null(strstr(got.what, "127.0.0.2"));
    assert_int_equal(atomic_load(&asked), 2);
    /* The same name and a port that is not allowed; other policies do not share what one looked up. */
    (void)snprintf(url, sizeof(url), "http://rebind.example:%d/", canary.port);
    assert_int_equal(ask(url, "GET", reach), TSN_EDENIED);
    assert_int_equal(atomic_load(&canary.connections), 0);
    raw_stop(&canary);
    raw_stop(&server);
}

static void origins(void **state)
{
    static const struct {
        const char *url, *want;
    } rows[] = {{"https://A.Example/x?y#z", "https://a.example:443"},
                {"http://a.example:80", "http://a.example:80"},
                {"HTTP://a.example:8080/", "http://a.example:8080"},
                {"http://0x7f.1/", "http://127.0.0.1:80"},
                {"http://[::1]:9/", "http://[::1]:9"},
                {"https://u:p@a.example/", NULL},
                {"a.example", NULL},
                {"https://", NULL}};
    char out[64];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bool ok = tsn_url_origin(rows[i].url, out, sizeof(out));

        if (ok != (rows[i].want != NULL) || (ok && strcmp(out, rows[i].want) != 0))
            fail_msg("%s: %s", rows[i].url, ok ? out : "none");
    }
    assert_false(tsn_url_origin("https://a.example/", out, 10));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(asks_the_proxy),
        T(a_tunnel_for_https),
        T(refusals_of_the_proxy),
        T(never_through_the_proxy),
        T(straight_where_it_says_so),
        T(names_that_change),
        T(origins),
    };
    tsn_log_level_set(TSN_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
