/* httpd_guard.c - the guard in front of every handler: which request heads are not well formed.
 *
 * libmicrohttpd 0.9.75 takes heads that another program may read differently (request
 * smuggling); the list is in DESIGN section 10 and docs/architecture.md. Pure; any thread.
 * Not visible here, so beyond loopback a proxy that normalises belongs in front: bare LF as a
 * line end, folded lines, what follows a NUL inside a value, and a line that begins with a colon
 * (the library takes it as the end of the head).
 * Source: RFC 9110 section 5.1 and 5.6.2 (names are tokens), RFC 9112 section 3.2 (Host) and
 * section 6 (message body length).
 */
#include "loop/httpd_impl.h"

#include <string.h>
#include <strings.h>

#include "core/text.h"
#include "loop/http_text.h"

#define MAX_HEADERS 100
#define MAX_ARGS    100
#define MAX_METHOD  20

static bool has_prefix_but_longer(const char *name, const char *prefix)
{
    size_t n = strlen(prefix);
    return strncasecmp(name, prefix, n) == 0 && name[n] != '\0';
}

static const char *judge_length(const char *value, struct tsn_http_head *head)
{
    uint64_t n = 0;
    if (!*value)
        return "Content-Length has no value";
    for (const char *p = value; *p; p++) {
        if (*p < '0' || *p > '9')
            return "Content-Length is not a number";
        if (n > UINT64_MAX / 10 - 10)
            return "Content-Length is not possible";
        n = n * 10 + (uint64_t)(*p - '0');
    }
    head->announced = n;
    return NULL;
}

static const char *judge_fields(struct tsn_http_head *head)
{
    size_t lengths = 0, codings = 0, hosts = 0;
    for (size_t i = 0; i < head->nheaders; i++) {
        const char *name = head->headers[i].name, *value = head->headers[i].value;
        if (!tsn_http_token_ok(name))
            return "a field name is not a token";
        if (head->value_lens[i] != strlen(value) ||
            !tsn_http_value_ok(value, head->value_lens[i]))
            return "a field value has a control character";
        if (has_prefix_but_longer(name, "Content-Length") ||
            has_prefix_but_longer(name, "Transfer-Encoding"))
            return "a field name only begins like one that frames the body";
        if (strcasecmp(name, "Content-Length") == 0) {
            const char *why = judge_length(value, head);
            if (why)
                return why;
            lengths++;
        } else if (strcasecmp(name, "Transfer-Encoding") == 0) {
            if (strcasecmp(value, "chunked") != 0)
                return "a transfer coding other than chunked";
            codings++;
        } else if (strcasecmp(name, "Host") == 0) {
            hosts++;
        } else if (strcasecmp(name, "Expect") == 0) {
            head->expect = true;
        }
    }
    if (lengths > 1)
        return "Content-Length is given more than once";
    if (codings > 1)
        return "Transfer-Encoding is given more than once";
    if (lengths && codings)
        return "Content-Length together with Transfer-Encoding";
    if (hosts > 1)
        return "Host is given more than once";
    bool old = strcmp(head->version, "HTTP/1.0") == 0;
    if (hosts == 0 && !old)
        return "Host is missing";
    if (codings && old)
        return "Transfer-Encoding in an HTTP/1.0 request";
    head->chunked = codings > 0;
    head->has_body = head->chunked || head->announced > 0;
    return NULL;
}

const char *tsn_http_guard(struct tsn_http_head *head, int *status, const char **code)
{
    *status = 505;
    *code = "H050";
    if (strcmp(head->version, "HTTP/1.1") != 0 && strcmp(head->version, "HTTP/1.0") != 0)
        return "only HTTP/1.1 and HTTP/1.0 are spoken here";
    *status = 431;
    *code = "H054";
    if (head->nheaders > MAX_HEADERS)
        return "more than 100 header fields";
    *status = 400;
    *code = "H050";
    if (!tsn_http_token_ok(head->method) || strlen(head->method) > MAX_METHOD)
        return "the method is not one";
    return judge_fields(head);
}

/* NULL when an escape is malformed, NUL, or the text is not UTF-8. */
static const char *decode(struct tsn_arena *arena, const char *s, size_t len, bool plus)
{
    char *out = tsn_arena_alloc(arena, len + 1);
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        char c = s[i];
        if (c == '%') {
            bool whole = len - i > 2;
            int hi = whole ? tsn_hex_digit(s[i + 1]) : -1;
            int lo = whole ? tsn_hex_digit(s[i + 2]) : -1;
            if (hi < 0 || lo < 0)
                return NULL;
            c = (char)(hi * 16 + lo);
            if (c == '\0')
                return NULL;
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        out[n++] = c;
    }
    out[n] = '\0';
    return tsn_utf8_valid(out, n) ? out : NULL;
}

static const char *split_args(struct tsn_arena *arena, const char *query,
                              struct tsn_header **args, size_t *nargs)
{
    *args = tsn_arena_alloc(arena, MAX_ARGS * sizeof(**args));
    while (*query) {
        size_t len = strcspn(query, "&");
        const char *equals = memchr(query, '=', len);
        size_t name_len = equals ? (size_t)(equals - query) : len;
        if (len > 0) {
            if (*nargs == MAX_ARGS)
                return "more than 100 query parameters";
            struct tsn_header *a = &(*args)[*nargs];
            a->name = decode(arena, query, name_len, true);
            a->value = equals ? decode(arena, equals + 1, len - name_len - 1, true) : "";
            if (!a->name || !a->value)
                return "the query is not percent-encoded UTF-8";
            (*nargs)++;
        }
        query += len;
        if (*query == '&')
            query++;
    }
    return NULL;
}

const char *tsn_http_target(struct tsn_arena *arena, const char *target, const char **path,
                            struct tsn_header **args, size_t *nargs)
{
    *path = "";
    *args = NULL;
    *nargs = 0;
    if (target[0] != '/')
        return "the target does not begin with /";
    for (const char *p = target; *p; p++)
        if ((unsigned char)*p <= 0x20 || *p == 0x7f || *p == '#')
            return "the target has a character that must be percent-encoded";
    size_t len = strcspn(target, "?");
    const char *decoded = decode(arena, target, len, false);
    if (!decoded || !tsn_http_value_ok(decoded, strlen(decoded)))
        return "the path is not percent-encoded UTF-8 without control characters";
    /* Segments are what clients and proxies resolve; one that is still here is a trick. */
    for (const char *p = decoded; (p = strstr(p, "/.")); p++)
        if (p[2] == '/' || p[2] == '\0' || (p[2] == '.' && (p[3] == '/' || p[3] == '\0')))
            return "the path has a . or .. segment";
    *path = decoded;
    return target[len] == '?' ? split_args(arena, target + len + 1, args, nargs) : NULL;
}
