/* rand.c - getrandom(2), or a seeded generator for tests. Any thread. */
#include "core/rand.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>

#include "core/log.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t seed_state;
/* What the kernel gave and nobody has taken yet: one call for many salts and nonces. */
static unsigned char pool[1024];
static size_t pool_left;

void tsn_rand_seed(uint64_t seed)
{
    pthread_mutex_lock(&lock);
    seed_state = seed;
    pthread_mutex_unlock(&lock);
}

/* splitmix64 (public domain constants by S. Vigna): repeatable, never for secrets. */
static uint64_t next_seeded(void)
{
    uint64_t z = seed_state += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static void from_kernel(unsigned char *p, size_t n)
{
    while (n > 0) {
        ssize_t got = getrandom(p, n, 0);

        if (got < 0 && errno == EINTR)
            continue;
        TSN_ASSERT(got > 0);
        p += got;
        n -= (size_t)got;
    }
}

void tsn_rand_bytes(void *out, size_t n)
{
    unsigned char *p = out;

    pthread_mutex_lock(&lock);
    if (seed_state) {
        for (size_t i = 0; i < n; i += 8) {
            uint64_t v = next_seeded();

            memcpy(p + i, &v, n - i < 8 ? n - i : 8);
        }
        pthread_mutex_unlock(&lock);
        return;
    }
    if (n <= sizeof(pool) / 4) {
        unsigned char *from;

        if (pool_left < n) {
            from_kernel(pool, sizeof(pool));
            pool_left = sizeof(pool);
        }
        from = pool + sizeof(pool) - pool_left;
        memcpy(p, from, n);
        explicit_bzero(from, n); /* given once, and not to be found here again */
        pool_left -= n;
        n = 0;
    }
    pthread_mutex_unlock(&lock);
    from_kernel(p, n);
}
