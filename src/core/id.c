/* id.c - ULIDs (github.com/ulid/spec: 48-bit ms, 80-bit random, Crockford base32). Any thread. */
#include "core/id.h"

#include <pthread.h>
#include <string.h>

#include "core/clock.h"
#include "core/rand.h"

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int64_t last_ms = -1;
static unsigned char last_random[10];

/* The next larger 80-bit number; wraps once in 2^80, which nobody will see. */
static void increment(unsigned char r[10])
{
    for (int i = 9; i >= 0; i--) {
        if (++r[i] != 0)
            return;
    }
}

void tsn_id_new(char out[TSN_ULID_LEN + 1])
{
    unsigned char bytes[16];
    int64_t ms = tsn_clock_wall_ms();
    unsigned acc = 0;
    int bits = 0, o = TSN_ULID_LEN;

    pthread_mutex_lock(&lock);
    if (ms > last_ms) {
        last_ms = ms;
        tsn_rand_bytes(last_random, sizeof(last_random));
        /* Room to count up within the same millisecond. */
        last_random[0] &= 0x7f;
    } else {
        ms = last_ms;
        increment(last_random);
    }
    memcpy(bytes + 6, last_random, 10);
    pthread_mutex_unlock(&lock);
    for (int i = 0; i < 6; i++)
        bytes[i] = (unsigned char)(ms >> (40 - 8 * i));
    out[TSN_ULID_LEN] = '\0';
    for (int i = 15; i >= 0; i--) {
        acc |= (unsigned)bytes[i] << bits;
        for (bits += 8; bits >= 5; bits -= 5) {
            out[--o] = alphabet[acc & 31];
            acc >>= 5;
        }
    }
    out[--o] = alphabet[acc & 31];
}

bool tsn_id_valid(const char *s)
{
    return strlen(s) == TSN_ULID_LEN && strspn(s, alphabet) == TSN_ULID_LEN && s[0] <= '7';
}

void tsn_id_short(char *out, size_t cap, const char *prefix, const char *ulid, int chars)
{
    size_t n = strlen(prefix), len = strlen(ulid);
    size_t take = (size_t)chars < len ? (size_t)chars : len;

    if (cap == 0)
        return;
    if (n > cap - 1)
        n = cap - 1;
    memcpy(out, prefix, n);
    for (size_t i = len - take; i < len && n + 1 < cap; i++) {
        char c = ulid[i];

        out[n++] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    out[n] = '\0';
}
