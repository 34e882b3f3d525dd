/* httpc_guard.c - the address guard: which addresses outbound transfers may connect to.
 *
 * Judges the address itself, never the name or its spelling, because the same place has many
 * names (http://2130706433/, 0x7f.1, a name of the attacker's own zone). Pure; any thread.
 * Source: IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890 and updates).
 */
#include "loop/httpc_impl.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "core/text.h"

struct block4 {
    uint32_t net;
    int bits;
};

static const struct block4 refused4[] = {
    {0x00000000, 8},  /* "this network", 0.0.0.0 */
    {0x0a000000, 8},  /* private */
    {0x64400000, 10}, /* CGNAT */
    {0x7f000000, 8},  /* loopback */
    {0xa9fe0000, 16}, /* link-local, cloud metadata */
    {0xac100000, 12}, /* private */
    {0xc0000000, 24}, /* protocol assignments */
    {0xc0000200, 24}, /* documentation */
    {0xc0586300, 24}, /* 6to4 relays */
    {0xc0a80000, 16}, /* private */
    {0xc6120000, 15}, /* benchmarks */
    {0xc6336400, 24}, /* documentation */
    {0xcb007100, 24}, /* documentation */
    {0xe0000000, 4},  /* multicast */
    {0xf0000000, 4},  /* reserved, broadcast */
};

static bool public4(const struct in_addr *a)
{
    uint32_t ip = ntohl(a->s_addr);
    for (size_t i = 0; i < sizeof(refused4) / sizeof(refused4[0]); i++)
        if ((ip ^ refused4[i].net) >> (32 - refused4[i].bits) == 0)
            return false;
    return true;
}

/* Only global unicast 2000::/3 may be public: that leaves out ::, ::1, mapped and compatible
 * IPv4, NAT64, ULA, link-local, site-local and multicast in one stroke. */
static bool public6(const struct in6_addr *a)
{
    const uint8_t *b = a->s6_addr;
    if (b[0] >> 5 != 1)
        return false;
    uint32_t head = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
    if (head >> 9 == 0x20010000u >> 9) /* 2001::/23: Teredo, ORCHID, protocol assignments */
        return false;
    if (head == 0x20010db8u || head >> 12 == 0x3fff0000u >> 12) /* documentation */
        return false;
    return head >> 16 != 0x2002; /* 6to4: an IPv4 address inside */
}

/* "127.0.0.1", "127.0.0.1:8443", "::1", "[::1]", "[::1]:8443"; port 0 = any. */
static bool parse_entry(const char *entry, struct sockaddr_storage *out, int *port)
{
    char host[64];
    const char *rest = "";
    struct sockaddr_in *v4 = (struct sockaddr_in *)out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
    memset(out, 0, sizeof(*out));
    *port = 0;
    if (inet_pton(AF_INET6, entry, &v6->sin6_addr) == 1) {
        out->ss_family = AF_INET6;
        return true;
    }
    const char *start = entry, *end;
    if (*entry == '[') {
        start = entry + 1;
        end = strchr(start, ']');
        if (!end)
            return false;
        rest = end + 1;
    } else {
        end = start + strcspn(start, ":");
        rest = end;
    }
    size_t n = (size_t)(end - start);
    if (n >= sizeof(host))
        return false;
    memcpy(host, start, n);
    host[n] = '\0';
    if (*rest) {
        int64_t p;
        if (*rest != ':' || tsn_parse_int(rest + 1, 1, 65535, &p) != 0)
            return false;
        *port = (int)p;
    }
    if (*entry == '[') {
        out->ss_family = AF_INET6;
        return inet_pton(AF_INET6, host, &v6->sin6_addr) == 1;
    }
    out->ss_family = AF_INET;
    return inet_pton(AF_INET, host, &v4->sin_addr) == 1;
}

bool tsn_reach_ok(const char *entry)
{
    struct sockaddr_storage sa;
    int port;
    return parse_entry(entry, &sa, &port);
}

static bool same_address(const struct sockaddr *a, const struct sockaddr_storage *b)
{
    if (a->sa_family != b->ss_family)
        return false;
    if (a->sa_family == AF_INET)
        return ((const struct sockaddr_in *)(const void *)a)->sin_addr.s_addr ==
               ((const struct sockaddr_in *)b)->sin_addr.s_addr;
    return memcmp(&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr,
                  &((const struct sockaddr_in6 *)b)->sin6_addr, 16) == 0;
}

static bool listed(const struct sockaddr *sa, int port, const char *const *reach)
{
    for (; reach && *reach; reach++) {
        struct sockaddr_storage entry;
        int entry_port;
        if (parse_entry(*reach, &entry, &entry_port) && same_address(sa, &entry) &&
            (entry_port == 0 || entry_port == port))
            return true;
    }
    return false;
}

bool tsn_address_allowed(const struct sockaddr *sa, const char *const *reach, char *text,
                         size_t cap)
{
    char ip[INET6_ADDRSTRLEN] = "";
    if (sa->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const void *)sa;
        int port = ntohs(v4->sin_port);
        inet_ntop(AF_INET, &v4->sin_addr, ip, sizeof(ip));
        snprintf(text, cap, "%s:%d", ip, port);
        return public4(&v4->sin_addr) || listed(sa, port, reach);
    }
    if (sa->sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const void *)sa;
        int port = ntohs(v6->sin6_port);
        inet_ntop(AF_INET6, &v6->sin6_addr, ip, sizeof(ip));
        snprintf(text, cap, "[%s]:%d", ip, port);
        return public6(&v6->sin6_addr) || listed(sa, port, reach);
    }
    snprintf(text, cap, "an address that is not IP");
    return false;
}

bool tsn_address_text_allowed(const char *ip, int port, const char *const *reach, char *text,
                              size_t cap)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    char bare[INET6_ADDRSTRLEN];
    size_t n = strcspn(ip, "%"); /* a zone says which link, not which address */
    if (n >= sizeof(bare))
        n = sizeof(bare) - 1;
    memcpy(bare, ip, n);
    bare[n] = '\0';
    if (inet_pton(AF_INET, bare, &v4.sin_addr) == 1)
        return tsn_address_allowed((const struct sockaddr *)&v4, reach, text, cap);
    if (inet_pton(AF_INET6, bare, &v6.sin6_addr) == 1)
        return tsn_address_allowed((const struct sockaddr *)&v6, reach, text, cap);
    snprintf(text, cap, "an unknown address");
    return false;
}
