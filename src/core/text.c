/* text.c - hex, base64, UTF-8, suggestions, numbers. Pure; any thread. */
#include "core/text.h"

#include <stdint.h>
#include <string.h>

static const char hex_digits[] = "0123456789abcdef";
static const char b64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void tsn_hex(char *out, const void *p, size_t n)
{
    const uint8_t *b = p;
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = hex_digits[b[i] >> 4];
        out[2 * i + 1] = hex_digits[b[i] & 15];
    }
    out[2 * n] = '\0';
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

tsn_err tsn_unhex(void *out, size_t n, const char *hex, size_t hex_len)
{
    uint8_t *b = out;
    if (hex_len % 2 != 0 || hex_len / 2 != n)
        return TSN_EINPUT;
    for (size_t i = 0; i < n; i++) {
        int hi = hex_value(hex[2 * i]), lo = hex_value(hex[2 * i + 1]);
        if (hi < 0 || lo < 0)
            return TSN_EINPUT;
        b[i] = (uint8_t)(hi << 4 | lo);
    }
    return 0;
}

size_t tsn_base64(char *out, const void *p, size_t n)
{
    const uint8_t *b = p;
    size_t o = 0;
    for (size_t i = 0; i < n; i += 3) {
        size_t left = n - i;
        uint32_t v = (uint32_t)b[i] << 16 | (left > 1 ? (uint32_t)b[i + 1] << 8 : 0) |
                     (left > 2 ? b[i + 2] : 0);
        out[o++] = b64[v >> 18];
        out[o++] = b64[v >> 12 & 63];
        out[o++] = left > 1 ? b64[v >> 6 & 63] : '=';
        out[o++] = left > 2 ? b64[v & 63] : '=';
    }
    out[o] = '\0';
    return o;
}

static int b64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Strict: padding required, no white space, unused bits zero, so one value has one form. */
tsn_err tsn_unbase64(void *out, size_t cap, size_t *n_out, const char *s, size_t len)
{
    uint8_t *b = out;
    size_t o = 0;
    *n_out = 0;
    if (len % 4 != 0)
        return TSN_EINPUT;
    for (size_t i = 0; i < len; i += 4) {
        size_t pad = 0;
        if (i + 4 == len)
            pad = s[i + 3] != '=' ? 0 : s[i + 2] == '=' ? 2 : 1;
        uint32_t v = 0;
        for (size_t k = 0; k < 4; k++) {
            int d = k < 4 - pad ? b64_value(s[i + k]) : 0;
            if (d < 0)
                return TSN_EINPUT;
            v = v << 6 | (uint32_t)d;
        }
        if ((pad == 1 && (v & 0xff)) || (pad == 2 && (v & 0xffff)))
            return TSN_EINPUT;
        if (cap - o < 3 - pad)
            return TSN_ETOOBIG;
        b[o++] = (uint8_t)(v >> 16);
        if (pad < 2)
            b[o++] = (uint8_t)(v >> 8);
        if (pad < 1)
            b[o++] = (uint8_t)v;
    }
    *n_out = o;
    return 0;
}

bool tsn_utf8_valid(const char *s, size_t n)
{
    const uint8_t *p = (const uint8_t *)s, *end = p + n;
    while (p < end) {
        uint8_t c = *p++;
        if (c < 0x80)
            continue;
        int more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
        if (c < 0xc2 || c > 0xf4 || end - p < more)
            return false;
        /* The second byte alone excludes overlong forms, surrogates and past U+10FFFF. */
        uint8_t lo = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
        uint8_t hi = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
        if (*p < lo || *p > hi)
            return false;
        for (int i = 1; i < more; i++)
            if ((p[i] & 0xc0) != 0x80)
                return false;
        p += more;
    }
    return true;
}

#define SUGGEST_MAX 64

/* Edits between a and b, a swap of neighbours counting as one. */
static size_t distance(const char *a, const char *b)
{
    size_t na = strlen(a), nb = strlen(b);
    if (na > SUGGEST_MAX || nb > SUGGEST_MAX)
        return SIZE_MAX;
    size_t rows[3][SUGGEST_MAX + 1];
    for (size_t j = 0; j <= nb; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= na; i++) {
        size_t *row = rows[i % 3], *up = rows[(i + 2) % 3], *up2 = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            size_t best = up[j - 1] + (a[i - 1] != b[j - 1]);
            if (up[j] + 1 < best)
                best = up[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                up2[j - 2] + 1 < best)
                best = up2[j - 2] + 1;
            row[j] = best;
        }
    }
    return rows[na % 3][nb];
}

const char *tsn_suggest(const char *word, const char *const *candidates, size_t n)
{
    const char *best = NULL;
    size_t best_d = SIZE_MAX, most = (strlen(word) + 2) / 3;
    for (size_t i = 0; i < n; i++) {
        size_t d = candidates[i] ? distance(word, candidates[i]) : SIZE_MAX;
        if (d <= most && d < best_d) {
            best = candidates[i];
            best_d = d;
        }
    }
    return best;
}

bool tsn_copy(char *out, size_t cap, const char *s)
{
    if (cap == 0)
        return false;
    size_t n = strlen(s);
    bool whole = n < cap;
    if (!whole)
        n = cap - 1;
    memmove(out, s, n);
    out[n] = '\0';
    return whole;
}

tsn_err tsn_parse_int(const char *s, int64_t min, int64_t max, int64_t *out)
{
    if (!s)
        return TSN_EINPUT;
    bool negative = *s == '-';
    s += negative;
    if (!*s)
        return TSN_EINPUT;
    int64_t v = 0; /* counted downwards, where the range is larger by one */
    for (; *s; s++) {
        int d = *s - '0';
        if (d < 0 || d > 9 || v < (INT64_MIN + d) / 10)
            return TSN_EINPUT;
        v = v * 10 - d;
    }
    if (!negative && v == INT64_MIN)
        return TSN_EINPUT;
    v = negative ? v : -v;
    if (v < min || v > max)
        return TSN_EINPUT;
    *out = v;
    return 0;
}

bool tsn_word_ok(const char *s, size_t max)
{
    size_t n = 0;
    for (; s && s[n]; n++)
        if (s[n] < 0x21 || s[n] > 0x7e || n >= max)
            return false;
    return n > 0;
}
