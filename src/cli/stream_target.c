/* stream_target.c - file, UDP and TLS. See stream_target.h. */
#include "cli/stream_target.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/mem.h"

#define BUFFER_MAX ((size_t)1 << 20)
#define WAIT_MS    30000
#define BURST      256 /* datagrams between breaths: a receiver's buffer is finite */

enum way { WAY_FILE, WAY_UDP, WAY_TLS };

struct tsn_target {
    enum way way;
    int fd;
    int64_t bytes; /* written to the file, with what was kept */
    struct tsn_buf buf;
    CURL *curl;
    unsigned sent;
    const char *name;
};

static tsn_err failed(const struct tsn_target *t, struct tsn_diag *diag, tsn_err err,
                      const char *why)
{
    return tsn_diag_set(diag, err, "U103", "%.120s: %s", t->name, why);
}

/* --- opening ---------------------------------------------------------------------------------- */

static tsn_err open_file(struct tsn_target *t, const struct tsn_target_config *config,
                         struct tsn_diag *diag)
{
    struct stat info;

    if (strcmp(config->to, "-") == 0) {
        t->fd = STDOUT_FILENO;
        return 0;
    }
    t->fd = open(config->to, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (t->fd < 0 || fstat(t->fd, &info) != 0)
        return failed(t, diag, tsn_err_from_errno(errno), strerror(errno));
    if (config->keep < 0 && info.st_size > 0) {
        tsn_diag_hint(diag, "name a new file, or give the --cursor that goes with this one");
        return tsn_diag_set(diag, TSN_ECONFLICT, "U103", "%.120s is not empty", config->to);
    }
    if (config->keep > info.st_size) {
        tsn_diag_hint(diag, "remove the cursor file to begin anew in another file");
        return tsn_diag_set(diag, TSN_ECONFLICT, "U103",
                            "%.120s is shorter than what was delivered into it", config->to);
    }
    /* What came after the last cursor was not counted as delivered: it comes again. */
    t->bytes = config->keep > 0 ? config->keep : 0;
    if (ftruncate(t->fd, t->bytes) != 0 || lseek(t->fd, t->bytes, SEEK_SET) < 0)
        return failed(t, diag, tsn_err_from_errno(errno), strerror(errno));
    return 0;
}

/* "[::1]:514" or "host:514" */
static bool split(const char *text, char *host, size_t cap, const char **port)
{
    const char *colon = strrchr(text, ':');
    size_t n = colon ? (size_t)(colon - text) : 0;

    if (!colon || n == 0 || !colon[1] || n >= cap)
        return false;
    if (text[0] == '[' && text[n - 1] == ']') {
        text++;
        n -= 2;
    }
    memcpy(host, text, n);
    host[n] = '\0';
    *port = colon + 1;
    return true;
}

static tsn_err open_udp(struct tsn_target *t, const char *where, struct tsn_diag *diag)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_family = AF_UNSPEC};
    struct addrinfo *list = NULL;
    char host[256];
    const char *port;
    int rc;

    if (!split(where, host, sizeof(host), &port))
        return tsn_diag_set(diag, TSN_EINPUT, "U102", "udp:// wants HOST:PORT, not `%.80s`",
                            where);
    rc = getaddrinfo(host, port, &hints, &list);
    if (rc)
        return failed(t, diag, TSN_ENET, gai_strerror(rc));
    t->fd = -1;
    for (const struct addrinfo *a = list; a && t->fd < 0; a = a->ai_next) {
        t->fd = socket(a->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (t->fd >= 0 && connect(t->fd, a->ai_addr, a->ai_addrlen) != 0) {
            close(t->fd);
            t->fd = -1;
        }
    }
    freeaddrinfo(list);
    return t->fd < 0 ? failed(t, diag, TSN_ENET, strerror(errno)) : 0;
}

/* libcurl makes the connection and checks the certificate; what is sent over it is ours. */
static tsn_err open_tls(struct tsn_target *t, const struct tsn_target_config *config,
                        const char *where, struct tsn_diag *diag)
{
    curl_socket_t fd = CURL_SOCKET_BAD;
    char url[300], host[256], why[CURL_ERROR_SIZE] = "";
    const char *port;
    CURLcode rc;

    if (!split(where, host, sizeof(host), &port))
        return tsn_diag_set(diag, TSN_EINPUT, "U102", "tls:// wants HOST:PORT, not `%.80s`",
                            where);
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    t->curl = curl_easy_init();
    if (!t->curl)
        return failed(t, diag, TSN_EBUG, "libcurl does not start");
    (void)snprintf(url, sizeof(url), "https://%s", where);
    curl_easy_setopt(t->curl, CURLOPT_URL, url);
    curl_easy_setopt(t->curl, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(t->curl, CURLOPT_PROXY, "");
    curl_easy_setopt(t->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(t->curl, CURLOPT_SSL_ENABLE_ALPN, 0L);
    curl_easy_setopt(t->curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(t->curl, CURLOPT_CONNECTTIMEOUT_MS, (long)WAIT_MS);
    curl_easy_setopt(t->curl, CURLOPT_ERRORBUFFER, why);
    if (config->ca)
        curl_easy_setopt(t->curl, CURLOPT_CAINFO, config->ca);
    rc = curl_easy_perform(t->curl);
    if (rc == CURLE_OK)
        rc = curl_easy_getinfo(t->curl, CURLINFO_ACTIVESOCKET, &fd);
    if (rc != CURLE_OK || fd == CURL_SOCKET_BAD)
        return failed(t, diag, TSN_ENET, why[0] ? why : curl_easy_strerror(rc));
    t->fd = fd;
    return 0;
}

tsn_err tsn_target_open(struct tsn_target **out, const struct tsn_target_config *config,
                        struct tsn_diag *diag)
{
    struct tsn_target *t = tsn_alloc(sizeof(*t));
    tsn_err err;

    t->fd = -1;
    t->name = config->to;
    tsn_buf_init(&t->buf, BUFFER_MAX * 2);
    if (strncmp(config->to, "udp://", 6) == 0) {
        t->way = WAY_UDP;
        err = open_udp(t, config->to + 6, diag);
    } else if (strncmp(config->to, "tls://", 6) == 0) {
        t->way = WAY_TLS;
        err = open_tls(t, config, config->to + 6, diag);
    } else if (strstr(config->to, "://")) {
        err = tsn_diag_set(diag, TSN_EINPUT, "U102", "`%.80s` is no place to stream to",
                           config->to);
        tsn_diag_hint(diag, "a file, udp://HOST:PORT or tls://HOST:PORT");
    } else {
        t->way = WAY_FILE;
        err = open_file(t, config, diag);
    }
    if (err) {
        tsn_target_close(t);
        return err;
    }
    *out = t;
    return 0;
}

bool tsn_target_is_file(const struct tsn_target *t)
{
    return t->way == WAY_FILE;
}

void tsn_target_close(struct tsn_target *t)
{
    if (!t)
        return;
    if (t->curl)
        curl_easy_cleanup(t->curl); /* closes the socket */
    else if (t->fd > STDERR_FILENO)
        close(t->fd);
    tsn_buf_free(&t->buf);
    free(t);
}

/* --- writing ---------------------------------------------------------------------------------- */

static bool wait_for(int fd, short what)
{
    struct pollfd p = {.fd = fd, .events = what};

    return poll(&p, 1, WAIT_MS) > 0;
}

static tsn_err flush_file(struct tsn_target *t, struct tsn_diag *diag)
{
    size_t done = 0;

    while (done < t->buf.len) {
        ssize_t n = write(t->fd, t->buf.data + done, t->buf.len - done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return failed(t, diag, tsn_err_from_errno(errno), strerror(errno));
        done += (size_t)n;
    }
    t->bytes += (int64_t)done;
    tsn_buf_clear(&t->buf);
    return 0;
}

static tsn_err flush_tls(struct tsn_target *t, struct tsn_diag *diag)
{
    size_t done = 0;

    while (done < t->buf.len) {
        size_t n = 0;
        CURLcode rc = curl_easy_send(t->curl, t->buf.data + done, t->buf.len - done, &n);

        if (rc == CURLE_AGAIN) {
            if (!wait_for(t->fd, POLLOUT))
                return failed(t, diag, TSN_ETIMEOUT, "the receiver takes nothing");
        } else if (rc != CURLE_OK) {
            return failed(t, diag, TSN_ENET, curl_easy_strerror(rc));
        }
        done += n;
    }
    tsn_buf_clear(&t->buf);
    return 0;
}

static tsn_err put_udp(struct tsn_target *t, const char *text, size_t len,
                       struct tsn_diag *diag)
{
    for (;;) {
        if (send(t->fd, text, len, MSG_NOSIGNAL) >= 0)
            break;
        /* A refusal that came back for an earlier datagram is told now. */
        if (errno != EINTR && errno != ENOBUFS && errno != EAGAIN)
            return failed(t, diag, TSN_ENET, strerror(errno));
        (void)wait_for(t->fd, POLLOUT);
    }
    if (++t->sent % BURST == 0)
        (void)poll(NULL, 0, 2);
    return 0;
}

tsn_err tsn_target_put(struct tsn_target *t, const char *text, size_t len,
                       struct tsn_diag *diag)
{
    switch (t->way) {
    case WAY_UDP:
        return put_udp(t, text, len, diag);
    case WAY_TLS:
        tsn_buf_printf(&t->buf, "%zu ", len);
        tsn_buf_put(&t->buf, text, len);
        return t->buf.len > BUFFER_MAX ? flush_tls(t, diag) : 0;
    case WAY_FILE:
        tsn_buf_put(&t->buf, text, len);
        return t->buf.len > BUFFER_MAX ? flush_file(t, diag) : 0;
    }
    return TSN_EBUG;
}

/* The protocol has no answers, so what the receiver's kernel acknowledged is what can be known. */
static tsn_err settle_tls(struct tsn_target *t, struct tsn_diag *diag)
{
    int64_t began = tsn_clock_mono_ms();
    tsn_err err = flush_tls(t, diag);

    while (!err) {
        int waiting = 0, why = 0;
        socklen_t len = sizeof(why);
        char byte;
        ssize_t n;

        if (getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &why, &len) == 0 && why)
            return failed(t, diag, TSN_ENET, strerror(why));
        n = recv(t->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        if (n == 0)
            return failed(t, diag, TSN_ENET, "the receiver closed the connection");
        if (ioctl(t->fd, SIOCOUTQ, &waiting) != 0 || waiting == 0)
            return 0;
        if (tsn_clock_mono_ms() - began > WAIT_MS)
            return failed(t, diag, TSN_ETIMEOUT, "the receiver acknowledges nothing");
        (void)poll(NULL, 0, 1);
    }
    return err;
}

tsn_err tsn_target_settle(struct tsn_target *t, int64_t *bytes, struct tsn_diag *diag)
{
    tsn_err err;

    *bytes = 0;
    switch (t->way) {
    case WAY_UDP:
        return 0;
    case WAY_TLS:
        return settle_tls(t, diag);
    case WAY_FILE:
        err = flush_file(t, diag);
        if (!err && t->fd != STDOUT_FILENO && fsync(t->fd) != 0)
            err = failed(t, diag, tsn_err_from_errno(errno), strerror(errno));
        *bytes = t->bytes;
        return err;
    }
    return TSN_EBUG;
}
