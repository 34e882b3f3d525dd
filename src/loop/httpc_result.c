/* httpc_result.c - what a transfer came to: curl's words in ours, redirects, answer fields.
 *
 * The question that matters is whether the other side may have acted. Before anything was sent
 * it has not (TSN_ENET, TSN_ETIMEOUT: repeat at will); after a request with an effect was sent
 * and its answer lost, nobody knows (TSN_EOUTCOME). Loop thread only.
 */
#include "loop/httpc_impl.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static char *field(struct tsn_xfer *x, const char *name)
{
    struct curl_header *h;
    if (x->smtp || curl_easy_header(x->easy, name, 0, CURLH_HEADER, -1, &h) != CURLHE_OK)
        return tsn_arena_strdup(x->arena, "");
    return tsn_arena_strdup(x->arena, h->value);
}

static void take_answer(struct tsn_xfer *x)
{
    struct tsn_xfer_result *r = &x->result;
    long status = 0;
    char *url = NULL;
    curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(x->easy, CURLINFO_EFFECTIVE_URL, &url);
    r->status = (int)status;
    r->body = x->body.data ? x->body.data : "";
    r->len = x->body.len;
    r->effective_url = tsn_arena_strdup(x->arena, url ? url : x->url);
    r->etag = field(x, "ETag");
    r->last_modified = field(x, "Last-Modified");
    r->content_type = field(x, "Content-Type");
    r->retry_after = field(x, "Retry-After");
    r->link = field(x, "Link");
}

static const char *words(const struct tsn_xfer *x, CURLcode code)
{
    return x->error[0] ? x->error : curl_easy_strerror(code);
}

static void fail(struct tsn_xfer *x, tsn_err err, const char *code, const char *why)
{
    x->result.err = err;
    tsn_diag_set(&x->result.diag, err, code, "%s: %s", x->url, why);
}

/* Sent and then broken: harmless for a look-up, unknown for what has an effect. */
static void lost(struct tsn_xfer *x, tsn_err harmless, const char *code, const char *why)
{
    if (x->sent && x->has_effect)
        fail(x, TSN_EOUTCOME, "H064", why);
    else
        fail(x, harmless, code, why);
}

static void refused_by_guard(struct tsn_xfer *x)
{
    struct tsn_diag *d = &x->result.diag;
    x->result.err = TSN_EDENIED;
    tsn_diag_set(d, TSN_EDENIED, "H060", "%s leads to %s, where tocsin does not connect",
                 x->url, x->denied);
    tsn_diag_hint(d, "if that is meant, add the exact address to reach: [\"%s\"]", x->denied);
}

static bool judge_mail(struct tsn_xfer *x, CURLcode code)
{
    int status = x->result.status;
    if (code == CURLE_OK || status < 400)
        return false;
    /* 4xx and 5xx are answers: this mail was not taken. */
    fail(x, status < 500 ? TSN_EBUSY : TSN_EREMOTE, "H066", words(x, code));
    return true;
}

/* The proxy's own no: it did not let the request through. */
static bool judge_proxy(struct tsn_xfer *x, CURLcode code)
{
    long said = 0;
    char why[80];

    curl_easy_getinfo(x->easy, CURLINFO_HTTP_CONNECTCODE, &said);
    if (code == CURLE_OK && x->result.status == 407)
        said = 407;
    else if (code == CURLE_OK || said < 300)
        return false;
    (void)snprintf(why, sizeof(why), "the proxy answered %ld", said);
    fail(x, said >= 500 || said == 429 ? TSN_ENET : TSN_EREMOTE, "H069", why);
    if (said == 407)
        tsn_diag_hint(&x->result.diag, "`http: proxy:` of tocsin.yaml has user and password");
    return true;
}

void tsn_xfer_judge(struct tsn_xfer *x, CURLcode code)
{
    struct tsn_xfer_result *r = &x->result;
    take_answer(x);
    if (x->smtp && judge_mail(x, code))
        return;
    if (x->proxied && judge_proxy(x, code))
        return;
    if (x->too_big || code == CURLE_FILESIZE_EXCEEDED) {
        char why[80];
        snprintf(why, sizeof(why), "the answer is larger than %zu bytes", x->req.max_bytes);
        lost(x, TSN_ETOOBIG, "H065", why);
        r->body = "";
        r->len = 0;
        return;
    }
    switch ((int)code) {
    case CURLE_OK:
        r->err = 0;
        return;
    case CURLE_ABORTED_BY_CALLBACK: /* only on_prereq aborts */
        refused_by_guard(x);
        return;
    case CURLE_COULDNT_CONNECT:
        if (x->denied[0] && !x->proxied)
            refused_by_guard(x);
        else
            fail(x, TSN_ENET, "H062", words(x, code));
        return;
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
        fail(x, TSN_EINPUT, "H061", words(x, code));
        return;
    case CURLE_COULDNT_RESOLVE_HOST:
        fail(x, TSN_ENET, "H062", words(x, code));
        return;
    case CURLE_OPERATION_TIMEDOUT:
        lost(x, TSN_ETIMEOUT, "H063", words(x, code));
        return;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_USE_SSL_FAILED:
    case CURLE_LOGIN_DENIED:
    case CURLE_REMOTE_ACCESS_DENIED:
        lost(x, TSN_EREMOTE, "H066", words(x, code));
        return;
    default:
        lost(x, TSN_ENET, "H062", words(x, code));
        return;
    }
}

/* --- redirects --- */

static bool stop_here(struct tsn_xfer *x, const char *why)
{
    fail(x, TSN_EREMOTE, "H067", why);
    return false;
}

bool tsn_xfer_redirected(struct tsn_xfer *x)
{
    int s = x->result.status;
    char *to = NULL;
    if (x->smtp || x->result.err || x->req.redirects <= 0 || x->has_effect ||
        !(s == 301 || s == 302 || s == 303 || s == 307 || s == 308))
        return false;
    curl_easy_getinfo(x->easy, CURLINFO_REDIRECT_URL, &to);
    if (!to)
        return false;
    char from_origin[512], to_origin[512];
    if (!tsn_url_origin(x->url, from_origin, sizeof(from_origin)) ||
        !tsn_url_origin(to, to_origin, sizeof(to_origin)))
        return stop_here(x, "the redirect's target cannot be read");
    if (x->redirects_left-- <= 0)
        return stop_here(x, "too many redirects");
    bool secure = strncasecmp(from_origin, "https:", 6) == 0;
    if (strncasecmp(to_origin, "https:", 6) != 0 &&
        (secure || strncasecmp(to_origin, "http:", 5) != 0))
        return stop_here(x, "a redirect away from https, or to another protocol");
    if (strcasecmp(from_origin, to_origin) != 0)
        x->same_origin = false; /* for good: also when a later hop leads back */
    x->url = tsn_arena_strdup(x->arena, to);
    return true;
}
