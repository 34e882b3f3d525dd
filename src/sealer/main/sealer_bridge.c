/* sealer_bridge.c - see sealer_bridge.h. */
#include "sealer/main/sealer_bridge.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/channel.h"

#define TRIES    10
#define AGAIN_MS 200

enum { END_OK = 0, END_USAGE = 2, END_GONE = 4 };

static int join(const char *path)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    memcpy(addr.sun_path, path, strlen(path)); /* the caller has measured it */
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) != 0) {
        (void)close(fd);
        fd = -1;
    }
    return fd;
}

static bool write_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t k = write(fd, p, n);

        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            return false;
        p += k;
        n -= (size_t)k;
    }
    return true;
}

/* What can be read from one goes to the other. 0: an end, or it cannot be given away. */
static ssize_t pass(int from, int to)
{
    char bytes[16 << 10];
    ssize_t n;

    do
        n = read(from, bytes, sizeof(bytes));
    while (n < 0 && errno == EINTR);
    return n > 0 && write_all(to, bytes, (size_t)n) ? n : 0;
}

/* END_GONE: the sealer hung up; *said tells whether it had said anything. */
static int relay(int fd, bool *said)
{
    struct pollfd on[2] = {{TSN_CHANNEL, POLLIN, 0}, {fd, POLLIN, 0}};

    for (;;) {
        if (poll(on, 2, -1) < 0) {
            if (errno == EINTR)
                continue;
            return END_GONE;
        }
        if (on[1].revents) {
            if (pass(fd, TSN_CHANNEL) == 0)
                return END_GONE;
            *said = true;
        }
        if (on[0].revents && pass(TSN_CHANNEL, fd) == 0)
            return END_OK; /* the core is gone */
    }
}

int tsn_sealer_bridge(const char *path)
{
    bool said = false;
    int rc = END_GONE;

    if (strlen(path) >= sizeof(((struct sockaddr_un *)0)->sun_path)) {
        (void)fprintf(stderr, "tocsin-sealer: %s is too long a path for a socket\n", path);
        return END_USAGE;
    }
    /* The sealer before it may still hold the state: then the new one hangs up without a word. */
    for (int i = 0; i < TRIES && rc == END_GONE && !said; i++) {
        int fd = join(path);

        if (fd < 0)
            break;
        rc = relay(fd, &said);
        (void)close(fd);
        if (rc == END_GONE && !said)
            (void)poll(NULL, 0, AGAIN_MS);
    }
    if (rc == END_GONE && !said)
        (void)fprintf(stderr, "tocsin-sealer: nobody serves at %s\n", path);
    return rc;
}
