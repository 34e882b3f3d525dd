/* test_act_net.c - http.request and mail.send as actions: against raw servers of the loop's tests
 * and into a maildir; what each answer, silence and failure means for the step. */
#include "action_lab.h"

#include <dirent.h>

#include "action/builtin.h"
#include "core/secret.h"
#include "loop/httpd.h"
#include "unit/loop/xfer_harness.h"

static struct lab lab;
static struct lab_call call;
static const char *reach_list[2];
static struct tsn_http_config http_config;
static char reach_text[32];

static int setup(void **state)
{
    (void)state;
    lab_open(&lab);
    http_config = (struct tsn_http_config){0};
    loop = lab.loop;
    return tsn_httpc_open(&client, lab.loop);
}

static int teardown(void **state)
{
    (void)state;
    tsn_httpc_close(client);
    lab_close(&lab);
    lab_call_free(&call);
    return 0;
}

static void reach(const struct raw *r)
{
    snprintf(reach_text, sizeof(reach_text), "127.0.0.1:%d", r->port);
    reach_list[0] = reach_text;
    http_config.reach = reach_list;
}

/* --- http.request --- */

/* Runs http.request against a server with this answer. */
static void ask(const char *answer, const char *more, enum tsn_outcome want, char *heard,
                size_t cap)
{
    struct raw r;
    char args[600];

    raw_start(&r, CANNED, answer, strlen(answer));
    reach(&r);
    raw_go(&r);
    if (!tsn_registry_find(lab.registry, "http.request"))
        assert_int_equal(tsn_action_http_register(lab.registry, client, &http_config), 0);
    snprintf(args, sizeof(args), "{\"url\":\"http://127.0.0.1:%d/x?y=1\"%s}", r.port, more);
    lab_call_free(&call);
    lab_expect(&lab, &call, "http.request", args, want);
    if (heard)
        tsn_copy(heard, cap, r.heard.data);
    raw_stop(&r);
    assert_int_equal(call.ended, 1);
    assert_null(call.call.impl);
}

static void test_http_answers(void **state)
{
    char heard[2000];

    (void)state;
    ask("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
        "7\r\n\r\n{\"a\":1}",
        "", TSN_OUTCOME_OK, heard, sizeof(heard));
    assert_int_equal(tsn_json_int(call.result, "status", 0), 200);
    assert_int_equal(tsn_json_int(json_object_get(call.result, "json"), "a", 0), 1);
    assert_non_null(strstr(heard, "GET /x?y=1 HTTP/1.1\r\n"));
    assert_non_null(strstr(heard, "Idempotency-Key: 0123456789abcdef0123456789abcdef\r\n"));
    ask("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4\r\n\r\noops",
        "", TSN_OUTCOME_OK, NULL, 0);
    assert_string_equal(tsn_json_str(call.result, "body", ""), "oops"); /* says JSON, is none */
}

/* Says what it was asked. */
static void echo(struct tsn_http_in *in, void *user)
{
    json_t *v =
        json_pack("{s:s,s:s,s:s,s:s?,s:s?,s:s?}", "method", in->method, "path", in->path, "got",
                  in->body, "type", tsn_http_header(in, "Content-Type"), "key",
                  tsn_http_header(in, "Idempotency-Key"), "x", tsn_http_header(in, "X-A"));
    char *text = tsn_json_text(v);

    (void)user;
    tsn_http_answer(in, 201, "application/json", text, strlen(text), NULL, 0);
    free(text);
    json_decref(v);
}

static size_t any_body(const char *method, const char *path, void *user)
{
    (void)method;
    (void)path;
    (void)user;
    return 10000;
}

static void test_http_sends(void **state)
{
    struct tsn_httpd_config config = {
        .listen = "127.0.0.1:0", .body_limit = any_body, .handle = echo};
    static const char *const to_self[] = {"127.0.0.1", NULL};
    struct tsn_httpd *d;
    char args[300];
    json_t *said;

    (void)state;
    assert_int_equal(tsn_httpd_open(&d, lab.loop, &config, NULL), 0);
    http_config.reach = to_self;
    assert_int_equal(tsn_action_http_register(lab.registry, client, &http_config), 0);
    snprintf(args, sizeof(args),
             "{\"url\":\"http://127.0.0.1:%d/"
             "x\",\"json\":{\"b\":1,\"a\":2},\"headers\":{\"X-A\":\"v\"}}",
             tsn_httpd_port(d));
    lab_expect(&lab, &call, "http.request", args, TSN_OUTCOME_OK);
    assert_int_equal(tsn_json_int(call.result, "status", 0), 201);
    said = json_object_get(call.result, "json");
    assert_string_equal(tsn_json_str(said, "method", ""), "POST");
    assert_string_equal(tsn_json_str(said, "got", ""), "{\"a\":2,\"b\":1}");
    assert_string_equal(tsn_json_str(said, "type", ""), "application/json");
    assert_string_equal(tsn_json_str(said, "key", ""), call.call.idem);
    assert_string_equal(tsn_json_str(said, "x", ""), "v");
    lab_call_free(&call);
    snprintf(args, sizeof(args),
             "{\"url\":\"http://127.0.0.1:%d/y\",\"method\":\"PUT\",\"body\":\"b\"}",
             tsn_httpd_port(d));
    lab_expect(&lab, &call, "http.request", args, TSN_OUTCOME_OK);
    said = json_object_get(call.result, "json");
    assert_string_equal(tsn_json_str(said, "method", ""), "PUT");
    assert_string_equal(tsn_json_str(said, "got", ""), "b");
    tsn_httpd_close(d);
}

static void test_http_statuses(void **state)
{
    static const struct {
        const char *status;
        enum tsn_outcome want;
    } rows[] = {
        {"204 No", TSN_OUTCOME_OK},    {"400 No", TSN_OUTCOME_FAIL},
        {"401 No", TSN_OUTCOME_FAIL},  {"404 No", TSN_OUTCOME_FAIL},
        {"408 No", TSN_OUTCOME_RETRY}, {"409 No", TSN_OUTCOME_FAIL},
        {"429 No", TSN_OUTCOME_RETRY}, {"500 No", TSN_OUTCOME_FAIL},
        {"502 No", TSN_OUTCOME_RETRY}, {"503 No", TSN_OUTCOME_RETRY},
        {"504 No", TSN_OUTCOME_RETRY},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char answer[100];

        snprintf(answer, sizeof(answer), "HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n",
                 rows[i].status);
        ask(answer, "", rows[i].want, NULL, 0);
    }
}

/* What Retry-After asks for reaches the engine: seconds or a date, at most an hour. */
static void test_http_retry_after(void **state)
{
    char date[40], answer[200];
    time_t then = (time_t)(tsn_clock_wall_ms() / 1000) + 90;
    struct tm at;
    struct {
        const char *value;
        int64_t least, most;
    } rows[] = {
        {"7", 7000, 7000}, {date, 60000, 90000}, {"999999999", 3600000, 3600000},
        {"-5", 0, 0},      {"soon", 0, 0},       {"Sun, 06 Nov 1994 08:49:37 GMT", 0, 0}};
    static const char *const statuses[] = {"408", "425", "429", "503"};

    (void)state;
    assert_non_null(gmtime_r(&then, &at));
    assert_true(strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &at) > 0);
    for (size_t k = 0; k < sizeof(statuses) / sizeof(statuses[0]); k++)
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
            (void)snprintf(answer, sizeof(answer),
                           "HTTP/1.1 %s X\r\nRetry-After: %s\r\nContent-Length: 0\r\n\r\n",
                           statuses[k], rows[i].value);
            ask(answer, "", TSN_OUTCOME_RETRY, NULL, 0);
            if (call.call.retry_after_ms < rows[i].least ||
                call.call.retry_after_ms > rows[i].most)
                fail_msg("%s: %lld", rows[i].value, (long long)call.call.retry_after_ms);
        }
    /* A refusal that no waiting changes. */
    ask("HTTP/1.1 404 No\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n", "", TSN_OUTCOME_FAIL,
        NULL, 0);
    assert_int_equal(call.call.retry_after_ms, 0);
}

/* A gateway that gave up does not say whether the server behind it acted. */
static void test_http_gateways(void **state)
{
    static const struct {
        const char *status, *method;
        enum tsn_outcome want;
    } rows[] = {
        {"502", "GET", TSN_OUTCOME_RETRY},     {"502", "HEAD", TSN_OUTCOME_RETRY},
        {"502", "POST", TSN_OUTCOME_UNKNOWN},  {"502", "PUT", TSN_OUTCOME_UNKNOWN},
        {"504", "GET", TSN_OUTCOME_RETRY},     {"504", "DELETE", TSN_OUTCOME_UNKNOWN},
        {"504", "PATCH", TSN_OUTCOME_UNKNOWN}, {"503", "POST", TSN_OUTCOME_RETRY},
        {"429", "POST", TSN_OUTCOME_RETRY},    {"500", "POST", TSN_OUTCOME_FAIL},
    };
    char answer[100], more[60];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        (void)snprintf(answer, sizeof(answer), "HTTP/1.1 %s X\r\nContent-Length: 0\r\n\r\n",
                       rows[i].status);
        (void)snprintf(more, sizeof(more), ",\"method\":\"%s\"", rows[i].method);
        ask(answer, more, rows[i].want, NULL, 0);
    }
}

static void test_http_accept(void **state)
{
    static const char gone[] = "HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\nno";
    static const char down[] = "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n";

    (void)state;
    ask(gone, ",\"accept\":[404]", TSN_OUTCOME_OK, NULL, 0);
    assert_int_equal(tsn_json_int(call.result, "status", 0), 404);
    assert_string_equal(tsn_json_str(call.result, "body", ""), "no");
    ask(gone, ",\"accept\":[409,410]", TSN_OUTCOME_FAIL, NULL, 0);
    ask(gone, ",\"accept\":\"any\"", TSN_OUTCOME_OK, NULL, 0);
    ask(down, ",\"accept\":\"any\"", TSN_OUTCOME_OK, NULL, 0);
    ask(down, ",\"accept\":[]", TSN_OUTCOME_RETRY, NULL, 0);
    lab_call_free(&call);
    assert_int_not_equal(
        lab_start(&lab, &call, "http.request", "{\"url\":\"http://a/\",\"accept\":\"all\"}"),
        0);
    lab_call_free(&call);
    assert_int_not_equal(
        lab_start(&lab, &call, "http.request", "{\"url\":\"http://a/\",\"accept\":[\"x\"]}"),
        0);
}

static void test_http_query(void **state)
{
    char heard[2000];

    (void)state;
    ask("HTTP/1.1 204 No\r\n\r\n",
        ",\"query\":{\"a b\":\"c&d=\\u00e9\",\"n\":7,\"t\":true,\"z\":\"~-._\"}",
        TSN_OUTCOME_OK, heard, sizeof(heard));
    assert_non_null(
        strstr(heard, "GET /x?y=1&a%20b=c%26d%3D%C3%A9&n=7&t=true&z=~-._ HTTP/1.1\r\n"));
    lab_call_free(&call);
    assert_int_not_equal(lab_start(&lab, &call, "http.request",
                                   "{\"url\":\"http://a/\",\"query\":{\"a\":{\"b\":1}}}"),
                         0);
    lab_call_free(&call);
    assert_int_not_equal(lab_start(&lab, &call, "http.request",
                                   "{\"url\":\"http://a/#f\",\"query\":{\"a\":\"b\"}}"),
                         0);
}

/* A secret goes where the configuration says, and nowhere else; data never becomes one. */
static void test_http_secrets(void **state)
{
    static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    static const char secrets[] =
        ",\"method\":\"POST\",\"query\":{\"k\":{\"$secret\":\"secret:one\"}},\"headers\":{"
        "\"A\":{\"$join\":["
        "\"Bearer "
        "\",{\"$secret\":\"secret:one\"}]}},\"json\":{\"t\":{\"$secret\":\"secret:one\"},"
        "\"d\":{\"$$secret\":\"secret:one\"}}";
    char heard[2000], origin[64], args[600];
    const char *to[] = {origin, "https://elsewhere.example:443", NULL};
    const struct tsn_http_secret grants[] = {{"secret:one", to}};
    struct raw r;

    (void)state;
    assert_int_equal(tsn_secret_put("secret:one", "va/lue one", 10), 0);
    assert_int_equal(tsn_secret_put("secret:two", "value two!", 10), 0);
    http_config.secrets = grants;
    http_config.nsecrets = 1;
    /* The port is known when the server is there. */
    raw_start(&r, CANNED, ok, strlen(ok));
    reach(&r);
    raw_go(&r);
    (void)snprintf(origin, sizeof(origin), "http://127.0.0.1:%d", r.port);
    assert_int_equal(tsn_action_http_register(lab.registry, client, &http_config), 0);
    (void)snprintf(args, sizeof(args), "{\"url\":\"http://127.0.0.1:%d/x\"%s}", r.port,
                   secrets);
    lab_expect(&lab, &call, "http.request", args, TSN_OUTCOME_OK);
    (void)tsn_copy(heard, sizeof(heard), r.heard.data);
    raw_stop(&r);
    assert_non_null(strstr(heard, "POST /x?k=va%2Flue%20one HTTP/1.1\r\n"));
    assert_non_null(strstr(heard, "A: Bearer va/lue one\r\n"));
    assert_non_null(
        strstr(heard, "\r\n\r\n{\"d\":{\"$secret\":\"secret:one\"},\"t\":\"va/lue one\"}"));
    /* Another port is another origin; so is a name that only begins like it. */
    static const char *const elsewhere[] = {
        "http://127.0.0.1:1/", "https://127.0.0.1/", "http://elsewhere.example/",
        "https://elsewhere.example.evil.example/", "https://elsewhere.example:8443/"};
    for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++) {
        lab_call_free(&call);
        (void)snprintf(args, sizeof(args), "{\"url\":\"%s\"%s}", elsewhere[i], secrets);
        assert_int_equal(lab_start(&lab, &call, "http.request", args), TSN_EDENIED);
        assert_string_equal(call.diag.code, "K004");
        assert_non_null(strstr(call.diag.what, "may not go to"));
    }
    /* One that is not granted at all, one that is not set, and places that take none. */
    lab_call_free(&call);
    (void)snprintf(args, sizeof(args),
                   "{\"url\":\"%s/\",\"headers\":{\"A\":{\"$secret\":\"secret:two\"}}}",
                   origin);
    assert_int_equal(lab_start(&lab, &call, "http.request", args), TSN_EDENIED);
    lab_call_free(&call);
    tsn_secret_drop("secret:one");
    (void)snprintf(args, sizeof(args),
                   "{\"url\":\"%s/\",\"headers\":{\"A\":{\"$secret\":\"secret:one\"}}}",
                   origin);
    assert_int_equal(lab_start(&lab, &call, "http.request", args), TSN_ENOTFOUND);
    assert_string_equal(call.diag.code, "K001");
    lab_call_free(&call);
    assert_int_not_equal(
        lab_start(&lab, &call, "http.request", "{\"url\":{\"$secret\":\"secret:one\"}}"), 0);
    tsn_secret_forget();
}

/* Bytes that are no text cannot stand in JSON as they are; they must not vanish either. */
static void test_http_binary(void **state)
{
    (void)state;
    ask("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n\xff\xfe\x01\x02", "", TSN_OUTCOME_OK,
        NULL, 0);
    assert_null(json_object_get(call.result, "body"));
    assert_string_equal(tsn_json_str(call.result, "base64", ""), "//4BAg==");
}

static void test_http_lost(void **state)
{
    struct raw r;
    char args[200], post[200];

    (void)state;
    raw_start(&r, SILENT, "", 0);
    reach(&r);
    raw_go(&r);
    assert_int_equal(tsn_action_http_register(lab.registry, client, &http_config), 0);
    snprintf(args, sizeof(args), "{\"url\":\"http://127.0.0.1:%d/\",\"timeout\":\"300ms\"}",
             r.port);
    /* A read may simply be tried again; what changes something is unknown. */
    lab_expect(&lab, &call, "http.request", args, TSN_OUTCOME_RETRY);
    assert_string_equal(call.diag.code, "R042");
    lab_call_free(&call);
    snprintf(post, sizeof(post),
             "{\"url\":\"http://127.0.0.1:%d/\",\"timeout\":\"300ms\",\"method\":\"POST\"}",
             r.port);
    lab_expect(&lab, &call, "http.request", post, TSN_OUTCOME_UNKNOWN);
    assert_string_equal(call.diag.code, "R043");
    /* Cancelled: nothing more is heard of it. */
    lab_call_free(&call);
    assert_int_equal(lab_start(&lab, &call, "http.request", args), 0);
    lab_for(&lab, 50);
    call.call.action->cancel(&call.call);
    assert_null(call.call.impl);
    call.call.action->cancel(&call.call); /* twice does no harm */
    lab_for(&lab, 400);
    assert_int_equal(call.ended, 0);
    raw_stop(&r);
    /* Nobody listens: nothing was sent. */
    lab_call_free(&call);
    lab_expect(&lab, &call, "http.request", args, TSN_OUTCOME_RETRY);
    assert_string_equal(call.diag.code, "R042");
}

static void test_http_refused(void **state)
{
    static const char *const args[] = {
        "{}",
        "{\"url\":\"ftp://a/\"}",
        "{\"url\":\"file:///etc/passwd\"}",
        "{\"url\":\"x\"}",
        "{\"url\":7}",
        "{\"url\":\"http://a/\",\"headers\":[]}",
        "{\"url\":\"http://a/\",\"headers\":{\"a\":1}}",
        "{\"url\":\"http://a/\",\"timeout\":\"5\"}",
        "{\"url\":\"http://a/\",\"bodi\":\"\"}",
        "{\"url\":\"http://a/\",\"headers\":{\"A\":\"b\\r\\nC: d\"}}",
        "{\"url\":\"http://a/\",\"headers\":{\"A: b\\r\\nC\":\"d\"}}",
        "{\"url\":\"http://a/\",\"method\":\"GET /x HTTP/1.1\\r\\nA: b\"}",
    };

    (void)state;
    assert_int_equal(tsn_action_http_register(lab.registry, client, &http_config), 0);
    for (size_t i = 0; i < sizeof(args) / sizeof(args[0]); i++) {
        tsn_err err = lab_start(&lab, &call, "http.request", args[i]);

        if (!err || !call.diag.code[0])
            fail_msg("started: %s", args[i]);
        assert_null(call.call.impl);
        lab_call_free(&call);
    }
    /* The address guard: loopback is not listed, so it is final, not a try again. */
    lab_expect(&lab, &call, "http.request", "{\"url\":\"http://127.0.0.1:1/\"}",
               TSN_OUTCOME_FAIL);
    assert_string_equal(call.diag.code, "R041");
}

/* --- mail.send --- */

static void mail_register(struct tsn_mail_config config)
{
    char templates[100];

    snprintf(templates, sizeof(templates), "%s/templates", lab.dir);
    if (mkdir(templates, 0700) == 0) {
        lab_write(&lab, "templates/ack.txt",
                  "Subject: We have {{case}}\nHello {{name}},\n{{organisation}}\n", 0644);
        lab_write(&lab, "templates/both.txt", "Subject: Two forms\nHello {{name}},\n", 0644);
        lab_write(&lab, "templates/both.html", "<p>Hello {{name}},</p>\n", 0644);
        lab_write(&lab, "templates/bad.txt", "no subject\n", 0644);
        lab_write(&lab, "templates/README", "not a template", 0644);
    }
    config.from = "Acme PSIRT <psirt@acme.example>";
    config.organisation = "Acme";
    config.template_dir = templates;
    assert_int_equal(tsn_action_mail_register(lab.registry, lab.loop, client, &config), 0);
}

/* The only file under new/, read whole. */
static char *delivered(const char *maildir, int *n)
{
    char path[600];
    struct tsn_buf b;
    struct dirent *e;
    DIR *d;

    *n = 0;
    tsn_buf_init(&b, 1 << 20);
    snprintf(path, sizeof(path), "%s/new", maildir);
    d = opendir(path);
    while (d && (e = readdir(d))) {
        if (e->d_name[0] == '.')
            continue;
        ++*n;
        tsn_buf_clear(&b);
        snprintf(path, sizeof(path), "%s/new/%s", maildir, e->d_name);
        assert_int_equal(tsn_buf_read_file(&b, path), 0);
    }
    if (d)
        closedir(d);
    return tsn_buf_take(&b, NULL);
}

static void test_maildir(void **state)
{
    char dir[100], *text;
    int n;

    (void)state;
    snprintf(dir, sizeof(dir), "%s/mail", lab.dir);
    mail_register((struct tsn_mail_config){.maildir = dir});
    lab_expect(&lab, &call, "mail.send",
               "{\"to\":\"bob@b.example\",\"template\":\"ack\",\"vars\":{\"case\":\"PSIRT-1\","
               "\"name\":\"Bob\"}}",
               TSN_OUTCOME_OK);
    text = delivered(dir, &n);
    assert_int_equal(n, 1);
    assert_non_null(strstr(text, "Subject: We have PSIRT-1\r\n"));
    assert_non_null(
        strstr(text, "Message-ID: <0123456789abcdef0123456789abcdef@acme.example>"));
    assert_non_null(strstr(text, "Hello Bob,\r\nAcme\r\n"));
    free(text);
    /* The same step again, after a crash: still one mail. */
    lab_call_free(&call);
    lab_expect(&lab, &call, "mail.send",
               "{\"to\":[\"bob@b.example\"],\"subject\":\"s\",\"text\":\"again\"}",
               TSN_OUTCOME_OK);
    text = delivered(dir, &n);
    assert_int_equal(n, 1);
    assert_non_null(strstr(text, "again"));
    free(text);
    assert_int_equal(tsn_registry_find(lab.registry, "mail.send")->doubt,
                     TSN_DOUBT_REPEAT_SAFE);
}

static void test_both_forms(void **state)
{
    char dir[100], *text;
    int n;

    (void)state;
    (void)snprintf(dir, sizeof(dir), "%s/both", lab.dir);
    mail_register((struct tsn_mail_config){.maildir = dir});
    lab_expect(&lab, &call, "mail.send",
               "{\"to\":\"bob@b.example\",\"template\":\"both\",\"vars\":{\"name\":\"<b>\"}}",
               TSN_OUTCOME_OK);
    text = delivered(dir, &n);
    assert_int_equal(n, 1);
    assert_non_null(strstr(text, "multipart/alternative"));
    assert_non_null(strstr(text, "Hello <b>,"));
    assert_non_null(strstr(text, "<p>Hello &lt;b&gt;,</p>"));
    free(text);
}

static void test_maildir_fails(void **state)
{
    char dir[100];

    (void)state;
    lab_write(&lab, "file", "", 0644);
    snprintf(dir, sizeof(dir), "%s/file", lab.dir); /* a file where the folder should be */
    mail_register((struct tsn_mail_config){.maildir = dir});
    lab_expect(&lab, &call, "mail.send",
               "{\"to\":\"b@b.example\",\"subject\":\"s\",\"text\":\"t\"}", TSN_OUTCOME_RETRY);
    assert_string_equal(call.diag.code, "R042");
    lab_call_free(&call);
    assert_int_equal(lab_start(&lab, &call, "mail.send",
                               "{\"to\":\"b@b.example\",\"subject\":\"s\",\"text\":\"t\"}"),
                     0);
    call.call.action->cancel(&call.call); /* while the pool works on it */
    lab_for(&lab, 100);
    assert_int_equal(call.ended, 0);
}

static void test_mail_refused(void **state)
{
    static const struct {
        const char *args, *code;
    } rows[] = {
        {"{}", "R040"},
        {"{\"to\":\"b@b.example\"}", "R040"},
        {"{\"to\":[],\"subject\":\"s\",\"text\":\"t\"}", "R040"},
        {"{\"to\":[7],\"subject\":\"s\",\"text\":\"t\"}", "R040"},
        {"{\"to\":\"b@b.example\\nBcc: x@y\",\"subject\":\"s\",\"text\":\"t\"}", "R040"},
        {"{\"to\":\"b@b.example\",\"subject\":\"s\\r\\nBcc: x@y\",\"text\":\"t\"}", "R040"},
        {"{\"to\":\"b@b.example\",\"subjekt\":\"s\",\"text\":\"t\"}", "H012"},
        {"{\"to\":\"b@b.example\",\"template\":\"none\"}", "R044"},
        {"{\"to\":\"b@b.example\",\"template\":\"../ack\"}", "R044"},
        {"{\"to\":\"b@b.example\",\"template\":\"bad\"}", "R044"},
        {"{\"to\":\"b@b.example\",\"template\":\"ack\",\"vars\":{\"case\":\"x\"}}", "R044"},
        {"{\"to\":\"b@b.example\",\"template\":\"ack\",\"vars\":{\"case\":\"x\\nBcc: "
         "y@z\",\"name\":\"n\"}}",
         "R040"},
    };
    char dir[100];

    (void)state;
    snprintf(dir, sizeof(dir), "%s/mail", lab.dir);
    mail_register((struct tsn_mail_config){.maildir = dir});
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        tsn_err err = lab_start(&lab, &call, "mail.send", rows[i].args);

        if (!err || strcmp(call.diag.code, rows[i].code) != 0)
            fail_msg("%s: %s %s", rows[i].args, call.diag.code, call.diag.what);
        assert_null(call.call.impl);
        lab_call_free(&call);
    }
}

static void test_smtp(void **state)
{
    static const struct {
        const char *at_rcpt, *at_end;
        enum tsn_outcome want;
        const char *code;
    } rows[] = {
        {NULL, NULL, TSN_OUTCOME_OK, ""},
        {"550 nobody here\r\n", NULL, TSN_OUTCOME_FAIL, "R041"},
        {"451 come back\r\n", NULL, TSN_OUTCOME_RETRY, "R042"},
        {"", NULL, TSN_OUTCOME_RETRY, "R042"}, /* gone before the mail */
        {NULL, "552 too large\r\n", TSN_OUTCOME_FAIL, "R041"},
        {NULL, "451 come back\r\n", TSN_OUTCOME_RETRY, "R042"},
        {NULL, "", TSN_OUTCOME_UNKNOWN, "R043"}, /* gone after the final dot */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct raw r;
        char url[64];

        raw_start(&r, MAIL, NULL, 0);
        reach(&r);
        r.at_rcpt = rows[i].at_rcpt;
        r.at_end = rows[i].at_end;
        raw_go(&r);
        tsn_registry_close(lab.registry);
        assert_int_equal(tsn_registry_open(&lab.registry), 0);
        snprintf(url, sizeof(url), "smtp://127.0.0.1:%d", r.port);
        mail_register((struct tsn_mail_config){.smtp_url = url, .reach = reach_list});
        lab_expect(
            &lab, &call, "mail.send",
            "{\"to\":[\"b@b.example\",\"c@c.example\"],\"subject\":\"s\",\"text\":\".t\"}",
            rows[i].want);
        assert_string_equal(call.diag.code, rows[i].code);
        if (i == 0) {
            assert_non_null(strstr(r.heard.data, "MAIL FROM:<psirt@acme.example>"));
            assert_non_null(strstr(r.heard.data, "RCPT TO:<b@b.example>"));
            assert_non_null(strstr(r.heard.data, "RCPT TO:<c@c.example>"));
            assert_non_null(strstr(r.heard.data, "To: b@b.example,\r\n c@c.example\r\n"));
            assert_non_null(strstr(r.heard.data, "\r\n=2Et\r\n.\r\n"));
        }
        raw_stop(&r);
        lab_call_free(&call);
    }
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_http_answers), T(test_http_sends),       T(test_http_statuses),
        T(test_http_binary),  T(test_http_retry_after), T(test_http_gateways),
        T(test_http_accept),  T(test_http_query),       T(test_http_secrets),
        T(test_http_lost),    T(test_http_refused),     T(test_maildir),
        T(test_both_forms),   T(test_maildir_fails),    T(test_mail_refused),
        T(test_smtp),
    };
    tsn_log_level_set(TSN_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
