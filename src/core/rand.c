/* rand.c - getrandom(2), or a seeded generator for tests (splitmix64). Any thread. */
#include "core/rand.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>

#include "core/log.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t state; /* under lock; 0 = the kernel's randomness */

static uint64_t next64(void)
{
    state += 0x9e3779b97f4a7c15u;
    uint64_t z = state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

void tsn_rand_seed(uint64_t seed)
{
    pthread_mutex_lock(&lock);
    state = seed;
    pthread_mutex_unlock(&lock);
}

static int seeded(unsigned char *out, size_t n)
{
    pthread_mutex_lock(&lock);
    int used = state != 0;
    while (used && n) {
        uint64_t r = next64();
        size_t part = n < sizeof(r) ? n : sizeof(r);
        memcpy(out, &r, part);
        out += part;
        n -= part;
    }
    pthread_mutex_unlock(&lock);
    return used;
}

void tsn_rand_bytes(void *out, size_t n)
{
    unsigned char *p = out;
    if (seeded(p, n))
        return;
    while (n) {
        ssize_t got = getrandom(p, n, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            tsn_panic(__FILE__, __LINE__, "the kernel gives no randomness");
        p += got;
        n -= (size_t)got;
    }
}
