/* client.c - see client.h. Owns one curl handle per request. One thread; blocks. */
#include "cli/client.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include "cli/out.h"
#include "core/buf.h"
#include "core/json.h"
#include "core/text.h"

#define MEMBERS_MAX ((size_t)1 << 20) /* of a file that --from names */

#define ANSWER_MAX  ((size_t)64 << 20)

const char *tsn_client_escape(struct tsn_cli *cli, const char *s)
{
    static const char digits[] = "0123456789ABCDEF";
    char *out = tsn_arena_alloc(cli->arena, strlen(s) * 3 + 1), *p = out;
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
            strchr("-._~", c)) {
            *p++ = (char)c;
        } else {
            *p++ = '%';
            *p++ = digits[c >> 4];
            *p++ = digits[c & 15];
        }
    }
    *p = '\0';
    return out;
}

const char *tsn_client_path(struct tsn_cli *cli, const char *fmt, ...)
{
    struct tsn_buf b;
    tsn_buf_init(&b, 16384);
    (void)tsn_buf_puts(&b, "/api/v1/");
    va_list ap;
    va_start(ap, fmt);
    (void)tsn_buf_vprintf(&b, fmt, ap);
    va_end(ap);
    const char *out = tsn_arena_strdup(cli->arena, b.data);
    tsn_buf_free(&b);
    return out;
}

/* --- one request --------------------------------------------------------------------------- */

struct incoming {
    struct tsn_buf body;
    bool replayed;
};

static size_t on_body(char *data, size_t size, size_t n, void *user)
{
    struct incoming *in = user;
    return tsn_buf_put(&in->body, data, size * n) ? 0 : size * n;
}

static size_t on_header(char *data, size_t size, size_t n, void *user)
{
    struct incoming *in = user;
    static const char name[] = "Idempotent-Replayed:";
    if (size * n >= sizeof(name) - 1 && strncasecmp(data, name, sizeof(name) - 1) == 0)
        in->replayed = true;
    return size * n;
}

static tsn_err read_token(struct tsn_cli *cli, const char **out, struct tsn_diag *diag)
{
    *out = NULL;
    const char *path = getenv("TOCSIN_TOKEN_FILE");
    if (!path || !path[0])
        return 0;
    struct stat st;
    struct tsn_buf b;
    tsn_buf_init(&b, 4096);
    tsn_err err = tsn_buf_read_file(&b, path);
    if (err) {
        (void)tsn_diag_set(diag, err, "U008", "token file %s: %s", path, tsn_err_text(err));
        tsn_buf_free(&b);
        return err;
    }
    if (stat(path, &st) == 0 && (st.st_mode & 077))
        tsn_out_say(cli, "warning: %s can be read by others; chmod 600 it", path);
    size_t len = b.len;
    while (len > 0 && (unsigned char)b.data[len - 1] <= ' ')
        len--;
    *out = tsn_arena_strndup(cli->arena, b.data ? b.data : "", len);
    tsn_buf_free(&b);
    if (!tsn_word_ok(*out, 500)) {
        (void)tsn_diag_set(diag, TSN_EINPUT, "U008", "%s does not hold a token", path);
        return TSN_EINPUT;
    }
    return 0;
}

static int exit_of_status(int status)
{
    switch (status) {
    case 401:
    case 403:
        return TSN_EXIT_DENIED;
    case 404:
        return TSN_EXIT_NOT_FOUND;
    case 409:
    case 412:
        return TSN_EXIT_CONFLICT;
    case 502:
    case 503:
    case 504:
        return TSN_EXIT_UNREACHABLE;
    default:
        return TSN_EXIT_FAILED;
    }
}

/* problem+json back into a message. */
static void read_problem(struct tsn_answer *a)
{
    const json_t *p = a->body;
    const char *code = tsn_json_str(p, "code", "S028");
    const char *detail = tsn_json_str(p, "detail", "the answer has no explanation");
    (void)tsn_diag_set(&a->diag, TSN_EINPUT, code, "%s", detail);
    const char *hint = tsn_json_str(p, "hint", "");
    if (hint[0])
        tsn_diag_hint(&a->diag, "%s", hint);
    const json_t *first = json_array_get(json_object_get(p, "errors"), 0);
    const char *pointer = tsn_json_str(first, "pointer", NULL);
    if (pointer)
        tsn_diag_at(&a->diag, pointer, 0, 0);
    const char *source = tsn_json_str(p, "source", NULL);
    if (source) {
        tsn_diag_at(&a->diag, tsn_json_str(p, "place", ""), (int)tsn_json_int(p, "line", 0),
                    (int)tsn_json_int(p, "column", 0));
        (void)tsn_copy(a->diag.source, sizeof(a->diag.source), source);
    }
    a->exit = exit_of_status(a->status);
    /* The same key with another body: it exists already. */
    if (strcmp(code, "H022") == 0)
        a->exit = TSN_EXIT_CONFLICT;
}

static void unreachable(struct tsn_answer *a, CURLcode rc, const char *where)
{
    if (rc == CURLE_OPERATION_TIMEDOUT) {
        a->exit = TSN_EXIT_GAVE_UP;
        (void)tsn_diag_set(&a->diag, TSN_ETIMEOUT, "U007", "%s did not answer in time", where);
        return;
    }
    a->exit = TSN_EXIT_UNREACHABLE;
    (void)tsn_diag_set(&a->diag, TSN_ENET, "S001", "no tocsin answers at %s: %s", where,
                       curl_easy_strerror(rc));
    tsn_diag_hint(&a->diag, "Start it with `tocsin serve`, or name it with --socket, --server, "
                            "--data or --config.");
}

static struct curl_slist *header(struct curl_slist *list, struct tsn_cli *cli, const char *name,
                                 const char *value)
{
    struct curl_slist *more =
        curl_slist_append(list, tsn_arena_printf(cli->arena, "%s: %s", name, value));
    return more ? more : list;
}

/* What one request is made of; see the two below. */
struct request {
    const char *method, *path, *text, *key, *token;
    const struct tsn_client_header *headers;
    size_t nheaders;
    bool stranger;
    int64_t timeout_ms;
};

static void perform(struct tsn_cli *cli, const struct request *r, struct tsn_answer *out)
{
    static bool begun;
    if (!begun) {
        (void)curl_global_init(CURL_GLOBAL_DEFAULT);
        begun = true;
    }
    CURL *curl = curl_easy_init();
    if (!curl) {
        (void)tsn_diag_set(&out->diag, TSN_EBUG, "S000", "libcurl does not start");
        return;
    }
    const char *socket = cli->server ? NULL : tsn_place_socket(cli);
    const char *where = cli->server ? cli->server : socket;
    size_t base = cli->server ? strlen(cli->server) : 0;
    while (base > 0 && cli->server[base - 1] == '/')
        base--;
    const char *url =
        cli->server ? tsn_arena_printf(cli->arena, "%.*s%s", (int)base, cli->server, r->path)
                    : tsn_arena_printf(cli->arena, "http://localhost%s", r->path);
    struct incoming in = {.replayed = false};
    tsn_buf_init(&in.body, ANSWER_MAX);
    struct curl_slist *headers = header(NULL, cli, "Accept", "application/json");
    headers = header(headers, cli, "Expect", "");
    if (r->text)
        headers = header(headers, cli, "Content-Type", "application/json");
    if (r->key)
        headers = header(headers, cli, "Idempotency-Key", r->key);
    if (cli->as && !r->stranger)
        headers = header(headers, cli, "Tocsin-As", cli->as);
    if (r->token && cli->server)
        headers = header(headers, cli, "Authorization",
                         tsn_arena_printf(cli->arena, "Bearer %s", r->token));
    for (size_t i = 0; i < r->nheaders; i++)
        headers = header(headers, cli, r->headers[i].name, r->headers[i].value);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    if (socket)
        curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "tocsin/" TOCSIN_VERSION);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, r->method);
    if (r->text) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(r->text));
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, r->text);
    } else if (strcmp(r->method, "POST") == 0) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)0);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, "");
    }
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &in);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &in);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS,
                     (long)(r->timeout_ms > 0 ? r->timeout_ms : 30000));
    CURLcode rc = curl_easy_perform(curl);
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (cli->verbose && !cli->quiet)
        (void)fprintf(stderr, "%s %s (%s) -> %ld, %zu bytes\n", r->method, r->path, where,
                      status, in.body.len);
    if (rc != CURLE_OK) {
        unreachable(out, rc, where);
    } else {
        out->status = (int)status;
        out->replayed = in.replayed;
        struct tsn_diag ignored;
        tsn_diag_init(&ignored);
        (void)tsn_json_parse(in.body.data ? in.body.data : "", in.body.len, &out->body,
                             &ignored);
        if (status >= 200 && status < 300 && out->body)
            out->exit = TSN_EXIT_OK;
        else if (status >= 400 && out->body)
            read_problem(out);
        else
            (void)tsn_diag_set(&out->diag, TSN_EREMOTE, "S028",
                               "%s answered %ld without JSON that tocsin knows", where, status);
    }
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    tsn_buf_free(&in.body);
}

void tsn_client_ask(struct tsn_cli *cli, const char *method, const char *path,
                    const json_t *body, const char *key, int64_t timeout_ms,
                    struct tsn_answer *out)
{
    struct request r = {.method = method, .path = path, .key = key, .timeout_ms = timeout_ms};
    *out = (struct tsn_answer){.exit = TSN_EXIT_FAILED};
    tsn_diag_init(&out->diag);
    if (read_token(cli, &r.token, &out->diag))
        return;
    char *text = body ? tsn_json_text(body) : NULL;
    r.text = text;
    perform(cli, &r, out);
    free(text);
}

void tsn_client_send(struct tsn_cli *cli, const char *path,
                     const struct tsn_client_header *headers, size_t n, const char *body,
                     struct tsn_answer *out)
{
    const struct request r = {.method = "POST",
                              .path = path,
                              .text = body,
                              .headers = headers,
                              .nheaders = n,
                              .stranger = true};
    *out = (struct tsn_answer){.exit = TSN_EXIT_FAILED};
    tsn_diag_init(&out->diag);
    perform(cli, &r, out);
}

void tsn_answer_free(struct tsn_answer *a)
{
    json_decref(a->body);
    a->body = NULL;
}

int tsn_client_call(struct tsn_cli *cli, const char *method, const char *path,
                    const json_t *body, const char *key, json_t **out)
{
    struct tsn_answer a;
    *out = NULL;
    tsn_client_ask(cli, method, path, body, key, cli->timeout_ms, &a);
    if (a.exit != TSN_EXIT_OK) {
        tsn_answer_free(&a);
        return tsn_out_fail(cli, a.exit, &a.diag);
    }
    *out = a.body;
    return TSN_EXIT_OK;
}

int tsn_client_do(struct tsn_cli *cli, const char *method, const char *path, json_t *body,
                  json_t **out)
{
    int rc = tsn_client_call(cli, method, path, body, NULL, out);

    json_decref(body);
    if (rc)
        *out = NULL;
    if (!rc && cli->json) {
        tsn_out_json(cli, *out);
        json_decref(*out);
        *out = NULL;
    }
    return rc;
}

void tsn_client_reason(const struct tsn_cli *cli, json_t *body)
{
    if (cli->given & TSN_BIT(TSN_FLAG_REASON))
        json_object_set_new(body, "reason", json_string(cli->flag[TSN_FLAG_REASON]));
}

int tsn_client_get(struct tsn_cli *cli, const char *path, json_t **out)
{
    return tsn_client_call(cli, "GET", path, NULL, NULL, out);
}

int tsn_client_members(struct tsn_cli *cli, json_t *into)
{
    const char *from = cli->flag[TSN_FLAG_FROM];
    if (from) {
        struct tsn_buf b;
        struct tsn_diag diag;
        json_t *file = NULL;
        tsn_diag_init(&diag);
        tsn_buf_init(&b, MEMBERS_MAX);
        tsn_err err = tsn_buf_read_file(&b, strcmp(from, "-") == 0 ? "/dev/stdin" : from);
        if (err)
            tsn_diag_set(&diag, err, "U008", "%s: %s", from, tsn_err_text(err));
        else
            err = tsn_json_parse(b.data ? b.data : "", b.len, &file, &diag);
        tsn_buf_free(&b);
        if (!err && json_is_object(file))
            json_object_update(into, file);
        json_decref(file);
        if (err)
            return tsn_out_fail(cli, TSN_EXIT_PROBLEMS, &diag);
    }
    for (size_t i = 0; i < cli->nset; i++) {
        const char *eq = strchr(cli->set[i], '=');
        if (!eq || eq == cli->set[i])
            return tsn_out_failf(cli, TSN_EXIT_USAGE, TSN_EINPUT, "U002", "",
                                 "--set wants NAME=VALUE, not `%.64s`", cli->set[i]);
        json_t *value = strchr("[{tfn", eq[1]) && eq[1]
                            ? json_loads(eq + 1, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL)
                            : NULL;
        json_object_set_new(
            into, tsn_arena_strndup(cli->arena, cli->set[i], (size_t)(eq - cli->set[i])),
            value ? value : json_string(eq + 1));
    }
    return 0;
}
