/* httpc_proxy.c - which requests take the way out through the configured proxy. Pure but for the client's copy
 * of the settings; loop thread.
 *
 * What never goes there: what `direct` lists, `localhost`, and addresses that are not public: these are made
 * straight, where the address guard sees them. Where a name leads behind the proxy is the proxy's to say.
 */
#include "loop/httpc_impl.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/secret.h"
#include "core/text.h"

struct place {
    int family; /* AF_INET, AF_INET6; 0 = a name */
    uint8_t ip[16];
};

static struct place place_of(const char *host, size_t n)
{
    struct place p = {0};
    char text[INET6_ADDRSTRLEN];

    if (n > 2 && host[0] == '[' && host[n - 1] == ']') {
        host++;
        n -= 2;
    }
    if (memchr(host, '%', n))
        n = (size_t)((const char *)memchr(host, '%', n) - host);
    if (n >= sizeof(text))
        return p;
    memcpy(text, host, n);
    text[n] = '\0';
    if (inet_pton(AF_INET, text, p.ip) == 1)
        p.family = AF_INET;
    else if (inet_pton(AF_INET6, text, p.ip) == 1)
        p.family = AF_INET6;
    return p;
}

static bool inside(const struct place *a, const struct place *net, int64_t bits)
{
    size_t whole = (size_t)bits / 8, rest = (size_t)bits % 8;

    if (a->family != net->family || memcmp(a->ip, net->ip, whole) != 0)
        return false;
    return rest == 0 || (a->ip[whole] ^ net->ip[whole]) >> (8 - rest) == 0;
}

/* "10.0.0.0/8", an address, or a name, which stands for the names below it too. */
static bool matches(const char *entry, const char *host, const struct place *at)
{
    const char *slash = strchr(entry, '/');
    size_t n = slash ? (size_t)(slash - entry) : strlen(entry), len = strlen(host);
    struct place net = place_of(entry, n);
    int64_t bits = net.family == AF_INET ? 32 : 128;

    if (net.family)
        return (!slash || tsn_parse_int(slash + 1, 0, bits, &bits) == 0) &&
               inside(at, &net, bits);
    return !at->family && len >= n && strcasecmp(host + len - n, entry) == 0 &&
           (len == n || host[len - n - 1] == '.');
}

bool tsn_proxy_direct_ok(const char *entry)
{
    const char *slash = strchr(entry, '/');
    struct place net = place_of(entry, slash ? (size_t)(slash - entry) : strlen(entry));
    int64_t bits;

    if (net.family)
        return !slash ||
               tsn_parse_int(slash + 1, 0, net.family == AF_INET ? 32 : 128, &bits) == 0;
    return !slash && entry[0] && !strpbrk(entry, ":*/ \t[]") && entry[0] != '.';
}

bool tsn_proxy_used(const struct tsn_proxy *proxy, const char *url)
{
    CURLU *u = curl_url();
    char *host = NULL, where[96];
    bool used = proxy &&
                curl_url_set(u, CURLUPART_URL, url, CURLU_DISALLOW_USER) == CURLUE_OK &&
                curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK;

    if (used) { /* curl has written numbers in any spelling as a.b.c.d by now */
        size_t n = strlen(host);
        struct place at;

        while (n > 1 && host[n - 1] == '.') /* the root's own dot changes no name */
            host[--n] = '\0';
        at = place_of(host, n);
        for (const char *const *d = proxy->direct; d && *d && used; d++)
            used = !matches(*d, host, &at);
        if (!at.family)
            used = used && !matches("localhost", host, &at);
        else {
            char bare[INET6_ADDRSTRLEN];

            used = used && inet_ntop(at.family, at.ip, bare, sizeof(bare)) &&
                   tsn_address_text_allowed(bare, 0, NULL, where, sizeof(where));
        }
    }
    curl_free(host);
    curl_url_cleanup(u);
    return used;
}

void tsn_proxy_setup(const struct tsn_proxy *proxy, CURL *e)
{
    const char *password =
        proxy && proxy->password ? tsn_secret_get(proxy->password, NULL) : NULL;

    /* Whatever the environment says: both options given. */
    curl_easy_setopt(e, CURLOPT_PROXY, proxy ? proxy->url : "");
    curl_easy_setopt(e, CURLOPT_NOPROXY, "");
    if (!proxy)
        return;
    curl_easy_setopt(e, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(e, CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE); /* ours are not its */
    if (proxy->user) {
        curl_easy_setopt(e, CURLOPT_PROXYAUTH, (long)CURLAUTH_BASIC);
        curl_easy_setopt(e, CURLOPT_PROXYUSERNAME, proxy->user);
        curl_easy_setopt(e, CURLOPT_PROXYPASSWORD, password ? password : "");
    }
}

bool tsn_url_origin(const char *url, char *out, size_t cap)
{
    CURLU *u = curl_url();
    char *scheme = NULL, *host = NULL, *port = NULL;
    bool ok = curl_url_set(u, CURLUPART_URL, url, CURLU_DISALLOW_USER) == CURLUE_OK &&
              curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
              curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
              curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK;
    if (ok)
        ok = (size_t)snprintf(out, cap, "%s://%s:%s", scheme, host, port) < cap;
    for (char *p = out; ok && *p; p++)
        *p = (char)(*p >= 'A' && *p <= 'Z' ? *p + 32 : *p);
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(u);
    return ok;
}

void tsn_httpc_proxy(struct tsn_httpc *c, const struct tsn_proxy *proxy)
{
    c->proxy = proxy && proxy->url ? proxy : NULL;
}
