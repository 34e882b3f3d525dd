/* httpc_setup.c - from a request to a curl easy handle: checks, our copy, options, callbacks.
 * Owns nothing beyond the transfer it is given. Loop thread only. */
#include "loop/httpc_impl.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/text.h"
#include "loop/http_text.h"

#define TIMEOUT_MS   30000
#define CONNECT_MS   10000
#define ANSWER_BYTES (16u << 20)
#define HEAD_BYTES   (256u << 10)

/* --- checks --- */

static bool mail_address_ok(const char *s)
{
    size_t n = strlen(s);
    return n > 0 && n <= 320 && tsn_http_value_ok(s, n) && !strpbrk(s, " \t<>\r\n");
}

static tsn_err bad(struct tsn_diag *diag, const char *what, const char *which)
{
    return tsn_diag_set(diag, TSN_EINPUT, "H061", "%s: %s", what, which);
}

static tsn_err check_url(const char *url, bool *smtp, struct tsn_diag *diag)
{
    static const char *const schemes[] = {"http", "https", "smtp", "smtps"};
    CURLU *u = curl_url();
    char *scheme = NULL;
    tsn_err err = 0;
    if (!url)
        err = bad(diag, "the URL cannot be read", "there is none");
    else if (strlen(url) > 8192 || !tsn_http_value_ok(url, strlen(url)))
        err = bad(diag, "the URL cannot be read", "too long or with control characters");
    else if (curl_url_set(u, CURLUPART_URL, url, CURLU_DISALLOW_USER) != CURLUE_OK ||
             curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK)
        err = bad(diag, "the URL cannot be read", url);
    if (!err) {
        size_t i = 0;
        while (scheme && i < 4 && strcasecmp(scheme, schemes[i]) != 0)
            i++;
        *smtp = i >= 2;
        if (i == 4)
            err = bad(diag, "only http, https, smtp and smtps are spoken, not", scheme);
    }
    curl_free(scheme);
    curl_url_cleanup(u);
    return err;
}

static tsn_err check_headers(const struct tsn_xfer_request *req, struct tsn_diag *diag)
{
    static const char *const ours[] = {"Host", "Content-Length", "Transfer-Encoding",
                                       "Connection", "Expect"};
    for (size_t i = 0; i < req->nheaders; i++) {
        const char *name = req->headers[i].name, *value = req->headers[i].value;
        if (!name || !value || !tsn_http_token_ok(name))
            return bad(diag, "a header name is not one", name ? name : "(none)");
        if (!tsn_http_value_ok(value, strlen(value)))
            return bad(diag, "a header value has a line end or control character", name);
        for (size_t k = 0; k < sizeof(ours) / sizeof(ours[0]); k++)
            if (strcasecmp(name, ours[k]) == 0)
                return bad(diag, "this header is set by tocsin itself", name);
    }
    return 0;
}

static tsn_err check_mail(const struct tsn_xfer_request *req, struct tsn_diag *diag)
{
    /* "" is the null sender of bounces and auto-replies. */
    if (req->mail_from && *req->mail_from && !mail_address_ok(req->mail_from))
        return bad(diag, "not a mail address", req->mail_from);
    if (!req->rcpt || !req->rcpt[0])
        return bad(diag, "a mail needs a recipient", req->url);
    for (const char *const *r = req->rcpt; *r; r++)
        if (!mail_address_ok(*r))
            return bad(diag, "not a mail address", *r);
    return 0;
}

tsn_err tsn_xfer_check(const struct tsn_xfer_request *req, struct tsn_diag *diag)
{
    bool smtp = false;
    tsn_err err = check_url(req->url, &smtp, diag);
    if (err)
        return err;
    if (req->method && (!tsn_http_token_ok(req->method) || strlen(req->method) > 20 ||
                        strcasecmp(req->method, "CONNECT") == 0))
        return bad(diag, "not a method", req->method);
    for (const char *const *r = req->reach; r && *r; r++)
        if (!tsn_reach_ok(*r))
            return bad(diag, "an entry of reach is not an exact address (127.0.0.1:8443)", *r);
    return smtp ? check_mail(req, diag) : check_headers(req, diag);
}

/* --- our copy --- */

static const char *const *copy_list(struct tsn_arena *a, const char *const *list)
{
    size_t n = 0;
    while (list && list[n])
        n++;
    const char **out = tsn_arena_alloc(a, (n + 1) * sizeof(*out));
    for (size_t i = 0; i < n; i++)
        out[i] = tsn_arena_strdup(a, list[i]);
    return out;
}

/* Mail has CRLF line ends, always: a bare CR or LF is read differently by different servers. */
static const void *copy_mail(struct tsn_arena *a, const char *p, size_t n, size_t *len)
{
    char *out = tsn_arena_alloc(a, n * 2 + 1);
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        if (p[i] != '\r' && p[i] != '\n') {
            out[k++] = p[i];
            continue;
        }
        if (p[i] == '\r' && i + 1 < n && p[i + 1] == '\n')
            i++;
        out[k++] = '\r';
        out[k++] = '\n';
    }
    *len = k;
    return out;
}

void tsn_xfer_copy(struct tsn_xfer *x, const struct tsn_xfer_request *req)
{
    struct tsn_arena *a = x->arena;
    x->req = *req;
    x->url = tsn_arena_strdup(a, req->url);
    x->req.url = x->url;
    x->smtp = strncasecmp(req->url, "smtp", 4) == 0;
    x->req.method = tsn_arena_strdup(a, req->method ? req->method : "GET");
    struct tsn_header *h = tsn_arena_alloc(a, (req->nheaders + 1) * sizeof(*h));
    for (size_t i = 0; i < req->nheaders; i++) {
        h[i].name = tsn_arena_strdup(a, req->headers[i].name);
        h[i].value = tsn_arena_strdup(a, req->headers[i].value);
    }
    x->req.headers = h;
    if (x->smtp)
        x->req.body = copy_mail(a, req->body, req->body_len, &x->req.body_len);
    else
        x->req.body = tsn_arena_memdup(a, req->body_len ? req->body : "", req->body_len);
    x->req.reach = copy_list(a, req->reach);
    x->req.rcpt = copy_list(a, req->rcpt);
    x->req.mail_from = tsn_arena_strdup(a, req->mail_from);
    x->req.user = tsn_arena_strdup(a, req->user);
    x->req.password = tsn_arena_strdup(a, req->password);
    x->req.ca_file = tsn_arena_strdup(a, req->ca_file);
    if (req->timeout_ms <= 0)
        x->req.timeout_ms = TIMEOUT_MS;
    if (req->connect_ms <= 0)
        x->req.connect_ms = CONNECT_MS;
    if (req->max_bytes == 0)
        x->req.max_bytes = ANSWER_BYTES;
    const char *m = x->req.method;
    x->has_effect = x->smtp || !(strcmp(m, "GET") == 0 || strcmp(m, "HEAD") == 0 ||
                                 strcmp(m, "OPTIONS") == 0);
    x->same_origin = true;
    x->redirects_left = req->redirects;
    x->deadline_ms = tsn_clock_mono_ms() + x->req.timeout_ms;
}

/* --- callbacks: they note and never call curl --- */

/* Runs for every request, also on a kept connection, which never asked for a socket. */
static int on_prereq(void *user, char *ip, char *local_ip, int port, int local_port)
{
    (void)local_ip;
    (void)local_port;
    struct tsn_xfer *x = user;
    char where[sizeof(x->denied)];
    if (!x->proxied &&
        !tsn_address_text_allowed(ip, port, x->req.reach, where, sizeof(where))) {
        memcpy(x->denied, where, sizeof(where));
        return CURL_PREREQFUNC_ABORT;
    }
    if (!x->smtp)
        x->sent = true;
    return CURL_PREREQFUNC_OK;
}

static size_t on_body(char *p, size_t size, size_t n, void *user)
{
    struct tsn_xfer *x = user;
    if (x->req.take && x->hop_status == 200) {
        if (x->taken + size * n > x->req.max_bytes) {
            x->too_big = true;
            return 0;
        }
        if (!x->req.take(p, size * n, x->user))
            return CURL_WRITEFUNC_PAUSE;
        x->taken += size * n;
        return size * n;
    }
    if (tsn_buf_put(&x->body, p, size * n) != 0) {
        x->too_big = true;
        return 0;
    }
    return size * n;
}

static size_t on_head(char *p, size_t size, size_t n, void *user)
{
    struct tsn_xfer *x = user;
    if (size * n > 12 && memcmp(p, "HTTP/", 5) == 0) {
        const char *code = memchr(p, ' ', size * n - 4);
        int64_t status = 0;
        char text[4] = "";
        if (code)
            memcpy(text, code + 1, 3);
        x->hop_status = tsn_parse_int(text, 100, 999, &status) == 0 ? (int)status : 0;
    }
    x->head_bytes += size * n;
    if (x->head_bytes > HEAD_BYTES) {
        x->too_big = true;
        return 0;
    }
    return size * n;
}

static size_t on_upload(char *p, size_t size, size_t n, void *user)
{
    struct tsn_xfer *x = user;
    size_t left = x->req.body_len - x->uploaded;
    if (left > size * n)
        left = size * n;
    memcpy(p, (const char *)x->req.body + x->uploaded, left);
    x->uploaded += left;
    /* From here the final dot may go out. Before it no server accepts a mail. */
    if (x->uploaded == x->req.body_len)
        x->sent = true;
    return left;
}

/* --- options --- */

static bool goes_to_strangers(const char *name)
{
    static const char *const plain[] = {"Accept",        "Accept-Language",   "User-Agent",
                                        "If-None-Match", "If-Modified-Since", "Range"};
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
        if (strcasecmp(name, plain[i]) == 0)
            return true;
    return false;
}

static void add_line(struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*list, line);
    TSN_ASSERT(longer);
    *list = longer;
}

static void set_http(struct tsn_xfer *x)
{
    CURL *e = x->easy;
    const char *m = x->req.method;
    bool typed = false;
    for (size_t i = 0; i < x->req.nheaders; i++) {
        const struct tsn_header *h = &x->req.headers[i];
        if (!x->same_origin && !goes_to_strangers(h->name))
            continue; /* a key for one host must not reach another */
        typed = typed || strcasecmp(h->name, "Content-Type") == 0;
        add_line(&x->headers, *h->value
                                  ? tsn_arena_printf(x->arena, "%s: %s", h->name, h->value)
                                  : tsn_arena_printf(x->arena, "%s;", h->name));
    }
    add_line(&x->headers, "Expect:"); /* no waiting for 100 */
    bool body = x->req.body_len > 0 || strcmp(m, "POST") == 0 || strcmp(m, "PUT") == 0 ||
                strcmp(m, "PATCH") == 0;
    if (body) {
        curl_easy_setopt(e, CURLOPT_POST, 1L);
        curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)x->req.body_len);
        curl_easy_setopt(e, CURLOPT_POSTFIELDS, x->req.body);
        if (!typed)
            add_line(&x->headers, "Content-Type:"); /* not curl's guess */
    }
    if (strcmp(m, "HEAD") == 0)
        curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
    else
        curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, m);
    curl_easy_setopt(e, CURLOPT_HTTPHEADER, x->headers);
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(e, CURLOPT_ACCEPT_ENCODING, "gzip, deflate");
    curl_easy_setopt(e, CURLOPT_USERAGENT, "tocsin/" TOCSIN_VERSION);
    curl_easy_setopt(e, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
    curl_easy_setopt(e, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)x->req.max_bytes);
    /* On a kept connection that turns out dead curl sends again by itself: not what has an
     * effect. */
    if (x->has_effect)
        curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, 1L);
}

static void set_smtp(struct tsn_xfer *x)
{
    CURL *e = x->easy;
    if (x->req.mail_from && *x->req.mail_from)
        curl_easy_setopt(e, CURLOPT_MAIL_FROM,
                         tsn_arena_printf(x->arena, "<%s>", x->req.mail_from));
    for (const char *const *r = x->req.rcpt; *r; r++)
        add_line(&x->rcpt, tsn_arena_printf(x->arena, "<%s>", *r));
    curl_easy_setopt(e, CURLOPT_MAIL_RCPT, x->rcpt);
    curl_easy_setopt(e, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(e, CURLOPT_INFILESIZE_LARGE, (curl_off_t)x->req.body_len);
    curl_easy_setopt(e, CURLOPT_READFUNCTION, on_upload);
    curl_easy_setopt(e, CURLOPT_READDATA, x);
    curl_easy_setopt(e, CURLOPT_USE_SSL,
                     x->req.starttls ? (long)CURLUSESSL_ALL : (long)CURLUSESSL_NONE);
    if (x->req.ca_file)
        curl_easy_setopt(e, CURLOPT_CAINFO, x->req.ca_file);
    curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(e, CURLOPT_FORBID_REUSE, 1L); /* QUIT after each mail */
}

tsn_err tsn_xfer_setup(struct tsn_xfer *x)
{
    int64_t left = x->deadline_ms - tsn_clock_mono_ms();
    CURL *e = x->easy = curl_easy_init();
    if (!e)
        return TSN_EIO;
    x->error[0] = '\0';
    x->head_bytes = 0;
    x->sent = false;
    x->hop_status = 0;
    x->taken = 0;
    tsn_buf_clear(&x->body);
    curl_easy_setopt(e, CURLOPT_PRIVATE, x);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, x->error);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L); /* never wait for a resolver thread */
    x->proxied = !x->smtp && tsn_proxy_used(x->client->proxy, x->url);
    tsn_proxy_setup(x->proxied ? x->client->proxy : NULL, e);
    curl_easy_setopt(e, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(e, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, tsn_pool_open_socket);
    curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, x);
    curl_easy_setopt(e, CURLOPT_CLOSESOCKETFUNCTION, tsn_pool_close_socket);
    curl_easy_setopt(e, CURLOPT_CLOSESOCKETDATA, x->pool);
    curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, on_prereq);
    curl_easy_setopt(e, CURLOPT_PREREQDATA, x);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, x);
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_head);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, x);
    curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, left > 1 ? (long)left : 1L);
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)x->req.connect_ms);
    curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME, 30L);
    if (curl_easy_setopt(e, CURLOPT_URL, x->url) != CURLE_OK ||
        curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, x->smtp ? "smtp,smtps" : "http,https") !=
            CURLE_OK ||
        curl_easy_setopt(e, CURLOPT_REDIR_PROTOCOLS_STR, "http,https") != CURLE_OK)
        return TSN_EBUG;
    if (x->same_origin && x->req.user) {
        curl_easy_setopt(e, CURLOPT_USERNAME, x->req.user);
        curl_easy_setopt(e, CURLOPT_PASSWORD, x->req.password ? x->req.password : "");
    }
    if (x->smtp)
        set_smtp(x);
    else
        set_http(x);
    return 0;
}
