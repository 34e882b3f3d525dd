/* wire.c - see wire.h. Pool threads only. */
#include "loop/wire.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/crypto.h"
#include "core/log.h"
#include "loop/httpc_impl.h"

#define TIMEOUT_MS 30000
#define CHUNK      16384

struct tsn_wire {
    CURL *easy;
    const char *const *reach;
    char denied[128]; /* the address that the guard refused */
    struct tsn_buf in;
    size_t used; /* of `in`: given away by the last call */
    int64_t timeout_ms, deadline_ms;
    curl_socket_t fd;
};

static curl_socket_t guarded(void *clientp, curlsocktype purpose, struct curl_sockaddr *addr)
{
    struct tsn_wire *w = clientp;

    if (purpose != CURLSOCKTYPE_IPCXN ||
        !tsn_address_allowed(&addr->addr, w->reach, w->denied, sizeof(w->denied)))
        return CURL_SOCKET_BAD;
    w->denied[0] = '\0';
    return socket(addr->family, addr->socktype | SOCK_CLOEXEC, addr->protocol);
}

static void set_options(struct tsn_wire *w, const struct tsn_wire_config *c)
{
    char url[400];
    bool six = strchr(c->host, ':') != NULL;

    (void)snprintf(url, sizeof(url), six ? "https://[%s]:%d/" : "https://%s:%d/", c->host,
                   c->port);
    curl_easy_setopt(w->easy, CURLOPT_URL, url);
    curl_easy_setopt(w->easy, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(w->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(w->easy, CURLOPT_PROXY, "");
    curl_easy_setopt(w->easy, CURLOPT_SSL_ENABLE_ALPN, 0L);
    curl_easy_setopt(w->easy, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(w->easy, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(w->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)w->timeout_ms);
    curl_easy_setopt(w->easy, CURLOPT_OPENSOCKETFUNCTION, guarded);
    curl_easy_setopt(w->easy, CURLOPT_OPENSOCKETDATA, w);
    if (c->ca_file)
        curl_easy_setopt(w->easy, CURLOPT_CAINFO, c->ca_file);
}

tsn_err tsn_wire_open(struct tsn_wire **out, const struct tsn_wire_config *config,
                      struct tsn_diag *diag)
{
    struct tsn_wire *w = tsn_alloc(sizeof(*w));
    CURLcode rc;

    *out = NULL;
    w->reach = config->reach;
    w->timeout_ms = config->timeout_ms ? config->timeout_ms : TIMEOUT_MS;
    tsn_buf_init(&w->in, 1u << 20);
    w->easy = curl_easy_init();
    TSN_ASSERT(w->easy);
    set_options(w, config);
    rc = curl_easy_perform(w->easy);
    if (rc == CURLE_OK)
        rc = curl_easy_getinfo(w->easy, CURLINFO_ACTIVESOCKET, &w->fd);
    if (rc == CURLE_OK) {
        *out = w;
        return 0;
    }
    if (w->denied[0]) {
        tsn_diag_set(diag, TSN_EDENIED, "H070", "%s:%d leads to %s, which is not allowed",
                     config->host, config->port, w->denied);
        tsn_diag_hint(diag, "list that exact address in `reach:` when it is meant");
    } else {
        tsn_diag_set(diag, TSN_ENET, "H070", "%s:%d: %s", config->host, config->port,
                     curl_easy_strerror(rc));
        tsn_diag_hint(diag, rc == CURLE_PEER_FAILED_VERIFICATION
                                ? "its certificate must be for this name; give the file of its "
                                  "authority as `ca_file:`"
                                : "is the server up, and the name and port right?");
    }
    tsn_wire_close(w);
    return diag->err;
}

void tsn_wire_close(struct tsn_wire *w)
{
    if (!w)
        return;
    curl_easy_cleanup(w->easy);
    if (w->in.len)
        tsn_wipe(w->in.data, w->in.len);
    tsn_buf_free(&w->in);
    free(w);
}

static tsn_err broken(struct tsn_diag *diag, const char *why)
{
    return tsn_diag_set(diag, TSN_ENET, "H070", "the connection: %s", why);
}

static tsn_err wait_for(struct tsn_wire *w, short what, struct tsn_diag *diag)
{
    int64_t left = w->deadline_ms - tsn_clock_mono_ms();
    struct pollfd p = {.fd = w->fd, .events = what};
    int rc = left > 0 ? poll(&p, 1, (int)left) : 0;

    if (rc < 0 && errno != EINTR)
        return broken(diag, strerror(errno));
    return left > 0 && (rc != 0) ? 0 : broken(diag, "no answer in time");
}

static void begin(struct tsn_wire *w)
{
    w->deadline_ms = tsn_clock_mono_ms() + w->timeout_ms;
    if (w->used) {
        tsn_buf_shift(&w->in, w->used);
        w->used = 0;
    }
}

/* At least one byte more in `in`. */
static tsn_err more(struct tsn_wire *w, struct tsn_diag *diag)
{
    char chunk[CHUNK];
    size_t n = 0;

    for (;;) {
        CURLcode rc = curl_easy_recv(w->easy, chunk, sizeof(chunk), &n);
        tsn_err err;

        if (rc == CURLE_OK && n == 0)
            return broken(diag, "the server hung up");
        if (rc == CURLE_OK)
            return tsn_buf_put(&w->in, chunk, n) ? broken(diag, "more than fits") : 0;
        if (rc != CURLE_AGAIN)
            return broken(diag, curl_easy_strerror(rc));
        err = wait_for(w, POLLIN, diag);
        if (err)
            return err;
    }
}

tsn_err tsn_wire_line(struct tsn_wire *w, size_t max, const char **line, struct tsn_diag *diag)
{
    begin(w);
    for (;;) {
        char *nl = w->in.len ? memchr(w->in.data, '\n', w->in.len) : NULL;
        tsn_err err;

        if (nl) {
            w->used = (size_t)(nl - w->in.data) + 1;
            *nl = '\0';
            if (nl > w->in.data && nl[-1] == '\r')
                nl[-1] = '\0';
            *line = w->in.data;
            return 0;
        }
        if (w->in.len > max)
            return broken(diag, "a line that is too long");
        err = more(w, diag);
        if (err)
            return err;
    }
}

tsn_err tsn_wire_read(struct tsn_wire *w, size_t n, struct tsn_buf *out, struct tsn_diag *diag)
{
    begin(w);
    while (n > 0) {
        size_t take = w->in.len < n ? w->in.len : n;
        tsn_err err;

        if (take) {
            if (tsn_buf_put(out, w->in.data, take))
                return broken(diag, "more than fits");
            tsn_buf_shift(&w->in, take);
            n -= take;
            w->deadline_ms = tsn_clock_mono_ms() + w->timeout_ms; /* it moves */
            continue;
        }
        err = more(w, diag);
        if (err)
            return err;
    }
    return 0;
}

tsn_err tsn_wire_write(struct tsn_wire *w, const void *p, size_t n, struct tsn_diag *diag)
{
    const char *from = p;

    begin(w);
    while (n > 0) {
        size_t k = 0;
        CURLcode rc = curl_easy_send(w->easy, from, n, &k);
        tsn_err err = 0;

        if (rc == CURLE_OK) {
            from += k;
            n -= k;
            continue;
        }
        if (rc != CURLE_AGAIN)
            return broken(diag, curl_easy_strerror(rc));
        err = wait_for(w, POLLOUT, diag);
        if (err)
            return err;
    }
    return 0;
}
