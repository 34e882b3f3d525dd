/* form_limit.c - fixed windows of an hour in a table of fixed size. Pure. */
#include "form/form_limit.h"

#include <arpa/inet.h>
#include <string.h>

#include "core/crypto.h"
#include "core/mem.h"
#include "core/rand.h"

#define HOUR_MS INT64_C(3600000)
#define PROBES  8

struct tsn_form_limit *tsn_form_limit_new(int64_t reports, int64_t receipts, int64_t all)
{
    struct tsn_form_limit *l = tsn_alloc(sizeof(*l));

    tsn_rand_bytes(l->key, sizeof(l->key));
    l->per_hour[TSN_KNOCK_REPORT] = reports;
    l->per_hour[TSN_KNOCK_RECEIPT] = receipts;
    l->all_per_hour = all;
    return l;
}

static uint64_t who_is(const struct tsn_form_limit *l, const char *address)
{
    uint8_t mac[TSN_HASH_LEN], v6[16];
    uint64_t out;

    if (inet_pton(AF_INET6, address, v6) == 1)
        tsn_hmac_sha256(mac, l->key, sizeof(l->key), v6, 7); /* a /56 is one household */
    else
        tsn_hmac_sha256(mac, l->key, sizeof(l->key), address, strlen(address));
    memcpy(&out, mac, sizeof(out));
    return out ? out : 1;
}

static uint32_t sum(const struct tsn_form_limit *l, size_t i)
{
    uint32_t n = 0;

    for (size_t k = 0; k < TSN_KNOCKS; k++)
        n += l->slot[i].n[k];
    return n;
}

/* Its slot, or the one that it may take: a free or over one, else the quietest. */
static size_t slot_of(struct tsn_form_limit *l, uint64_t who, int64_t now_ms, bool *mine)
{
    size_t best = who % TSN_LIMIT_SLOTS;
    uint32_t least = UINT32_MAX;

    *mine = false;
    for (size_t i = 0; i < PROBES; i++) {
        size_t at = (who + i) % TSN_LIMIT_SLOTS;
        bool over = l->slot[at].since == 0 || now_ms - l->slot[at].since >= HOUR_MS;
        uint32_t n = over ? 0 : sum(l, at) + 1;

        if (!over && l->slot[at].who == who) {
            *mine = true;
            return at;
        }
        if (n < least) {
            least = n;
            best = at;
        }
    }
    return best;
}

bool tsn_form_limit_ok(struct tsn_form_limit *l, const char *address, enum tsn_form_knock what,
                       int64_t now_ms)
{
    bool mine;
    size_t at = slot_of(l, who_is(l, address), now_ms, &mine);

    if (what == TSN_KNOCK_REPORT && l->all_per_hour > 0 && now_ms - l->hour_at < HOUR_MS &&
        l->all >= l->all_per_hour)
        return false;
    return !mine || (int64_t)l->slot[at].n[what] < l->per_hour[what];
}

void tsn_form_limit_count(struct tsn_form_limit *l, const char *address,
                          enum tsn_form_knock what, int64_t now_ms)
{
    uint64_t who = who_is(l, address);
    bool mine;
    size_t at = slot_of(l, who, now_ms, &mine);

    if (!mine) {
        memset(&l->slot[at], 0, sizeof(l->slot[at]));
        l->slot[at].who = who;
        l->slot[at].since = now_ms > 0 ? now_ms : 1;
    }
    l->slot[at].n[what]++;
    if (what != TSN_KNOCK_REPORT)
        return;
    if (l->hour_at == 0 || now_ms - l->hour_at >= HOUR_MS) {
        l->hour_at = now_ms > 0 ? now_ms : 1;
        l->all = 0;
    }
    l->all++;
}
