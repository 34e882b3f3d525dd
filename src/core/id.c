/* id.c - ULIDs, each greater than the last of this process. Any thread. */
#include "core/id.h"

#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/rand.h"

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint8_t last[16]; /* under lock: 6 bytes of time, 10 of randomness */

static void put_time(uint8_t *p, uint64_t ms)
{
    for (int i = 5; i >= 0; i--, ms >>= 8)
        p[i] = (uint8_t)ms;
}

/* 128 bits as 26 characters of 5 bits, the first holding 3. */
static void encode(char *out, const uint8_t b[16])
{
    for (int i = 0; i < TSN_ULID_LEN; i++) {
        unsigned v = 0;
        for (int k = 0; k < 5; k++) {
            int bit = i * 5 + k - 2;
            v = v << 1 | (bit < 0 ? 0u : (b[bit / 8] >> (7 - bit % 8) & 1u));
        }
        out[i] = alphabet[v];
    }
    out[TSN_ULID_LEN] = '\0';
}

void tsn_id_new(char out[TSN_ULID_LEN + 1])
{
    uint8_t now[16];
    put_time(now, (uint64_t)tsn_clock_wall_ms());
    tsn_rand_bytes(now + 6, 10);
    pthread_mutex_lock(&lock);
    if (memcmp(now, last, 6) > 0) {
        memcpy(last, now, 16);
    } else {
        /* Same millisecond, or the clock stepped back: the last one plus one keeps the order. The
         * carry may run into the time, which then is a millisecond ahead: harmless. */
        for (int i = 15; i >= 0 && ++last[i] == 0; i--)
            ;
    }
    encode(out, last);
    pthread_mutex_unlock(&lock);
}

bool tsn_id_valid(const char *s)
{
    if (!s || strlen(s) != TSN_ULID_LEN || s[0] > '7')
        return false;
    for (; *s; s++)
        if (!strchr(alphabet, *s))
            return false;
    return true;
}

void tsn_id_short(char *out, size_t cap, const char *prefix, const char *ulid, int chars)
{
    size_t len = strlen(ulid), p = strlen(prefix);
    size_t n = chars < 0 ? 0 : (size_t)chars;
    if (n > len)
        n = len;
    TSN_ASSERT(p + n + 1 <= cap);
    memcpy(out, prefix, p);
    for (size_t i = 0; i < n; i++)
        out[p + i] = (char)tolower((unsigned char)ulid[len - n + i]);
    out[p + n] = '\0';
}
