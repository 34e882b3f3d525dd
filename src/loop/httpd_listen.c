/* httpd_listen.c - listening sockets of the HTTP server, made by us so that libmicrohttpd only
 * gets ready ones. Owns nothing. Called at start; no name look-ups, so it does not block. */
#include "loop/httpd_impl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/log.h"
#include "core/text.h"

#define BACKLOG 256

static tsn_err bad_address(const char *address, struct tsn_diag *diag)
{
    tsn_diag_set(diag, TSN_EINPUT, "S042", "cannot listen on \"%s\"", address);
    tsn_diag_hint(diag, "write an address and a port: 127.0.0.1:8420 or [::1]:8420");
    return TSN_EINPUT;
}

/* "127.0.0.1:8420", "[::1]:0", "localhost:8420" */
static tsn_err parse_address(const char *s, struct sockaddr_storage *out, socklen_t *len)
{
    char host[80];
    const char *colon = strrchr(s, ':');
    int64_t port;
    if (!colon || tsn_parse_int(colon + 1, 0, 65535, &port) != 0)
        return TSN_EINPUT;
    size_t n = (size_t)(colon - s);
    bool brackets = n >= 2 && s[0] == '[' && s[n - 1] == ']';
    if (brackets) {
        s++;
        n -= 2;
    }
    if (n == 0 || n >= sizeof(host))
        return TSN_EINPUT;
    memcpy(host, s, n);
    host[n] = '\0';
    if (strcmp(host, "localhost") == 0)
        (void)tsn_copy(host, sizeof(host), "127.0.0.1");

    memset(out, 0, sizeof(*out));
    struct sockaddr_in *v4 = (struct sockaddr_in *)out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
    if (!brackets && inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
        *len = sizeof(*v4);
        return 0;
    }
    if (brackets && inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)port);
        *len = sizeof(*v6);
        return 0;
    }
    return TSN_EINPUT;
}

static bool is_loopback(const struct sockaddr_storage *a)
{
    if (a->ss_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)a)->sin_addr.s_addr) >> 24 == 127;
    return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)a)->sin6_addr);
}

tsn_err tsn_http_listen_tcp(const char *address, int *fd_out, int *port_out,
                            struct tsn_diag *diag)
{
    struct sockaddr_storage sa;
    socklen_t len;
    if (parse_address(address, &sa, &len) != 0)
        return bad_address(address, diag);
    int on = 1;
    int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        goto fail;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0)
        goto fail;
    if (sa.ss_family == AF_INET6 &&
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) != 0)
        goto fail;
    if (bind(fd, (struct sockaddr *)&sa, len) != 0 || listen(fd, BACKLOG) != 0 ||
        getsockname(fd, (struct sockaddr *)&sa, &len) != 0)
        goto fail;
    if (!is_loopback(&sa))
        tsn_log(TSN_LOG_WARN, "http.listens_beyond_loopback", "address", address, "note",
                "put a reverse proxy that normalises requests in front", NULL);
    *port_out = ntohs(sa.ss_family == AF_INET ? ((struct sockaddr_in *)&sa)->sin_port
                                              : ((struct sockaddr_in6 *)&sa)->sin6_port);
    *fd_out = fd;
    return 0;
fail:;
    int e = errno;
    tsn_diag_set(diag, e == EADDRINUSE ? TSN_ECONFLICT : tsn_err_from_errno(e), "S042",
                 "cannot listen on %s: %s", address, strerror(e));
    if (e == EADDRINUSE)
        tsn_diag_hint(diag, "another program uses this port: stop it, or choose another one");
    if (fd >= 0)
        close(fd);
    return e == EADDRINUSE ? TSN_ECONFLICT : tsn_err_from_errno(e);
}

/* A socket file that nobody listens on is left over from a crash. */
static tsn_err remove_stale(const struct sockaddr_un *un, struct tsn_diag *diag)
{
    struct stat st;
    if (lstat(un->sun_path, &st) != 0)
        return 0;
    if (!S_ISSOCK(st.st_mode))
        return tsn_diag_set(diag, TSN_ECONFLICT, "S043", "%s exists and is not a socket",
                            un->sun_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return tsn_diag_set(diag, TSN_EIO, "S043", "no socket: %s", strerror(errno));
    int rc = connect(fd, (const struct sockaddr *)un, sizeof(*un));
    int e = errno;
    close(fd);
    if (rc == 0 || e == EAGAIN) {
        tsn_diag_set(diag, TSN_ECONFLICT, "S043", "somebody already listens on %s",
                     un->sun_path);
        tsn_diag_hint(diag, "stop the other tocsin that serves this directory");
        return TSN_ECONFLICT;
    }
    if (e == ECONNREFUSED && unlink(un->sun_path) == 0)
        return 0;
    return tsn_diag_set(diag, TSN_EIO, "S043", "cannot replace %s: %s", un->sun_path,
                        strerror(errno));
}

tsn_err tsn_http_listen_unix(const char *path, int *fd_out, struct tsn_diag *diag)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    if (!tsn_copy(un.sun_path, sizeof(un.sun_path), path)) {
        tsn_diag_set(diag, TSN_EINPUT, "S043", "the path of the socket is too long: %s", path);
        tsn_diag_hint(diag, "a Unix socket's path has at most %zu bytes",
                      sizeof(un.sun_path) - 1);
        return TSN_EINPUT;
    }
    tsn_err err = remove_stale(&un, diag);
    if (err)
        return err;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    /* Never open wider than meant, not even between bind and chmod. */
    mode_t old = umask(0117);
    int rc = fd < 0 ? -1 : bind(fd, (const struct sockaddr *)&un, sizeof(un));
    int e = errno;
    umask(old);
    if (rc == 0 && (chmod(path, 0660) != 0 || listen(fd, BACKLOG) != 0)) {
        e = errno;
        rc = -1;
        unlink(path);
    }
    if (rc != 0) {
        if (fd >= 0)
            close(fd);
        return tsn_diag_set(diag, tsn_err_from_errno(e), "S043", "cannot listen on %s: %s",
                            path, strerror(e));
    }
    *fd_out = fd;
    return 0;
}
