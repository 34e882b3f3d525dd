/* text.c - hex, base64, suggestions, UTF-8, small checks. Pure; any thread. */
#include "core/text.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

void tsn_hex(char *out, const void *p, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *in = p;

    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[in[i] >> 4];
        out[2 * i + 1] = digits[in[i] & 15];
    }
    out[2 * n] = '\0';
}

int tsn_hex_digit(char c)
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
    unsigned char *o = out;

    if (hex_len != 2 * n)
        return TSN_EINPUT;
    for (size_t i = 0; i < n; i++) {
        int hi = tsn_hex_digit(hex[2 * i]), lo = tsn_hex_digit(hex[2 * i + 1]);

        if (hi < 0 || lo < 0)
            return TSN_EINPUT;
        o[i] = (unsigned char)(hi * 16 + lo);
    }
    return 0;
}

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t tsn_base64(char *out, const void *p, size_t n)
{
    const unsigned char *in = p;
    char *o = out;

    for (size_t i = 0; i < n; i += 3) {
        size_t left = n - i;
        unsigned v = (unsigned)in[i] << 16;

        if (left > 1)
            v |= (unsigned)in[i + 1] << 8;
        if (left > 2)
            v |= in[i + 2];
        *o++ = base64_digits[v >> 18];
        *o++ = base64_digits[v >> 12 & 63];
        *o++ = left > 1 ? base64_digits[v >> 6 & 63] : '=';
        *o++ = left > 2 ? base64_digits[v & 63] : '=';
    }
    *o = '\0';
    return (size_t)(o - out);
}

tsn_err tsn_unbase64(void *out, size_t cap, size_t *n_out, const char *s, size_t len)
{
    unsigned char *o = out;
    size_t n = 0;

    if (len % 4 != 0)
        return TSN_EINPUT;
    for (size_t i = 0; i < len; i += 4) {
        unsigned v = 0;
        size_t pad = 0;

        for (size_t k = 0; k < 4; k++) {
            const char *at = s[i + k] ? strchr(base64_digits, s[i + k]) : NULL;

            if (s[i + k] == '=' && i + 4 == len && k >= 2)
                pad++;
            else if (!at || pad)
                return TSN_EINPUT;
            v = v << 6 | (at ? (unsigned)(at - base64_digits) : 0);
        }
        for (size_t k = 0; k < 3 - pad; k++) {
            if (n == cap)
                return TSN_ETOOBIG;
            o[n++] = (unsigned char)(v >> (16 - 8 * k));
        }
        /* Bits that no byte uses must be zero, so that one value has one text. */
        if ((pad == 1 && (v & 0xff)) || (pad == 2 && (v & 0xffff)))
            return TSN_EINPUT;
    }
    *n_out = n;
    return 0;
}

bool tsn_utf8_valid(const char *s, size_t n)
{
    const unsigned char *p = (const unsigned char *)s;

    for (size_t i = 0; i < n;) {
        unsigned c = p[i], cp, more;

        if (c < 0x80) {
            i++;
            continue;
        }
        if (c >= 0xc2 && c <= 0xdf) {
            more = 1;
            cp = c & 0x1f;
        } else if (c >= 0xe0 && c <= 0xef) {
            more = 2;
            cp = c & 0x0f;
        } else if (c >= 0xf0 && c <= 0xf4) {
            more = 3;
            cp = c & 0x07;
        } else {
            return false;
        }
        if (n - i <= more)
            return false;
        for (unsigned k = 1; k <= more; k++) {
            if ((p[i + k] & 0xc0) != 0x80)
                return false;
            cp = cp << 6 | (p[i + k] & 0x3f);
        }
        if ((more == 2 && cp < 0x800) || (more == 3 && cp < 0x10000) || cp > 0x10ffff ||
            (cp >= 0xd800 && cp <= 0xdfff))
            return false;
        i += more + 1;
    }
    return true;
}

#define WORD_MAX 48

/* Optimal string alignment: a swap of neighbours is one mistake. */
static size_t distance(const char *a, const char *b)
{
    size_t la = strlen(a), lb = strlen(b);
    size_t rows[3][WORD_MAX + 1];
    size_t *before = rows[0], *last = rows[1], *now = rows[2];

    if (la > WORD_MAX || lb > WORD_MAX)
        return WORD_MAX;
    for (size_t j = 0; j <= lb; j++)
        last[j] = j;
    memset(before, 0, sizeof(rows[0]));
    for (size_t i = 1; i <= la; i++) {
        size_t *spare = before;

        now[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            size_t best = last[j - 1] + (a[i - 1] != b[j - 1]);

            if (last[j] + 1 < best)
                best = last[j] + 1;
            if (now[j - 1] + 1 < best)
                best = now[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            now[j] = best;
        }
        before = last;
        last = now;
        now = spare;
    }
    return last[lb];
}

const char *tsn_suggest(const char *word, const char *const *candidates, size_t n)
{
    size_t limit = strlen(word) / 3 > 0 ? strlen(word) / 3 : 1;
    size_t best = limit + 1;
    const char *found = NULL;

    for (size_t i = 0; i < n; i++) {
        size_t d = candidates[i] ? distance(word, candidates[i]) : best;

        if (d < best) {
            best = d;
            found = candidates[i];
        }
    }
    return found;
}

bool tsn_copy(char *out, size_t cap, const char *s)
{
    size_t n = strlen(s);
    bool whole = n < cap;

    if (cap == 0)
        return false;
    if (!whole)
        n = cap - 1;
    memcpy(out, s, n);
    out[n] = '\0';
    return whole;
}

tsn_err tsn_parse_int(const char *s, int64_t min, int64_t max, int64_t *out)
{
    const char *digits = s[0] == '-' ? s + 1 : s;
    long long v;

    if (!digits[0] || strspn(digits, "0123456789") != strlen(digits))
        return TSN_EINPUT;
    errno = 0;
    v = strtoll(s, NULL, 10);
    if (errno || v < min || v > max)
        return TSN_EINPUT;
    *out = v;
    return 0;
}

bool tsn_word_ok(const char *s, size_t max)
{
    size_t n = 0;

    for (; s[n]; n++) {
        if (n == max || s[n] < 0x21 || s[n] > 0x7e)
            return false;
    }
    return n > 0;
}

bool tsn_percent_decode(char *s)
{
    char *out = s;

    for (; *s; s++) {
        int high, low;

        if (*s != '%') {
            *out++ = *s;
            continue;
        }
        high = tsn_hex_digit(s[1]);
        low = high < 0 ? -1 : tsn_hex_digit(s[2]);
        if (low < 0 || high * 16 + low == 0)
            return false;
        *out++ = (char)(high * 16 + low);
        s += 2;
    }
    *out = '\0';
    return true;
}

bool tsn_mail_ok(const char *s)
{
    const char *at = strchr(s, '@');
    if (strlen(s) > 254 /* RFC 5321 4.5.3.1.3 */ || !at || at == s || !at[1] ||
        strchr(at + 1, '@'))
        return false;
    for (const char *p = s; *p; p++)
        if ((unsigned char)*p <= 0x20 || (unsigned char)*p >= 0x7f ||
            strchr("<>()[]\\,;:\"", *p))
            return false;
    /* The domain: labels of letters, digits and inner hyphens. */
    for (const char *p = at + 1;; p++) {
        size_t n = strcspn(p, ".");
        if (n == 0 || n > 63 || p[0] == '-' || p[n - 1] == '-')
            return false;
        for (size_t i = 0; i < n; i++)
            if (!isalnum((unsigned char)p[i]) && p[i] != '-')
                return false;
        p += n;
        if (!*p)
            return true;
    }
}
