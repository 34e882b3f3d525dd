/* channel.c - see channel.h. */
#include "core/channel.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

/* After a failed call: is it worth another? */
static bool again(short what)
{
    struct pollfd p = {.fd = TSN_CHANNEL, .events = what};

    if (errno == EINTR)
        return true;
    if (errno != EAGAIN && errno != EWOULDBLOCK)
        return false;
    return poll(&p, 1, -1) >= 0 || errno == EINTR;
}

size_t tsn_channel_read(void *p, size_t cap)
{
    for (;;) {
        ssize_t n = read(TSN_CHANNEL, p, cap);

        if (n >= 0)
            return (size_t)n;
        if (!again(POLLIN))
            return 0;
    }
}

bool tsn_channel_write(const void *p, size_t n)
{
    const char *from = p;

    while (n > 0) {
        ssize_t k = write(TSN_CHANNEL, from, n);

        if (k > 0) {
            from += k;
            n -= (size_t)k;
        } else if (k == 0 || !again(POLLOUT)) {
            return false;
        }
    }
    return true;
}
