/* mail_key_fpr.c - the fingerprint of a public key that came along: armor off, first packet, hash. Pure.
 *
 * RFC 9580: 6.2 armor, 4.2 packet headers, 5.5.4 fingerprints. gpg knows the key only once it was taken
 * in; a person wants to compare before. */
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/text.h"
#include "mail/mail_read.h"

#define KEY_TAG 6

/* The bytes of an armored key; NULL: not armored. malloc'ed. */
static char *dearmor(const char *p, size_t n, size_t *len)
{
    static const char begin[] = "-----BEGIN PGP PUBLIC KEY BLOCK-----";
    const char *s = memmem(p, n, begin, sizeof(begin) - 1), *end = p + n, *line;
    char *text, *out;
    size_t k = 0;
    bool body = false;

    if (!s)
        return NULL;
    text = tsn_alloc(n + 1);
    s = memchr(s, '\n', (size_t)(end - s)); /* the rest of that line */
    for (s = s ? s + 1 : end; s < end; s = line + 1) {
        line = memchr(s, '\n', (size_t)(end - s));
        line = line ? line : end;
        size_t width = (size_t)(line - s);

        while (width > 0 && strchr(" \t\r", s[width - 1]))
            width--;
        if (width > 0 && (*s == '-' || (*s == '=' && body))) /* the end, or the checksum */
            break;
        if (!body && width > 0 && memchr(s, ':', width))
            continue; /* a header field */
        body = true;
        memcpy(text + k, s, width);
        k += width;
    }
    out = tsn_alloc(k / 4 * 3 + 4);
    if (tsn_unbase64(out, k / 4 * 3 + 4, len, text, k) != 0)
        *len = 0;
    free(text);
    return out;
}

/* Where the first packet's content is; false: no public key. */
static bool first_packet(const uint8_t *p, size_t n, const uint8_t **body, size_t *len)
{
    size_t head, size;

    if (n < 3 || !(p[0] & 0x80))
        return false;
    if (p[0] & 0x40) { /* as of RFC 4880 */
        if ((p[0] & 0x3f) != KEY_TAG)
            return false;
        head = p[1] < 192 ? 2 : p[1] < 224 ? 3 : p[1] == 255 ? 6 : 0;
        if (head == 0 || n < head)
            return false;
        size = head == 2   ? p[1]
               : head == 3 ? ((size_t)(p[1] - 192) << 8) + p[2] + 192
                           : (size_t)p[2] << 24 | (size_t)p[3] << 16 | (size_t)p[4] << 8 | p[5];
    } else {
        unsigned width = p[0] & 3;

        if ((p[0] >> 2 & 0xf) != KEY_TAG || width == 3)
            return false;
        head = 1 + ((size_t)1 << width);
        if (n < head)
            return false;
        size = 0;
        for (size_t i = 1; i < head; i++)
            size = size << 8 | p[i];
    }
    *body = p + head;
    *len = size;
    return size > 0 && size <= n - head;
}

void tsn_mail_key_fpr(char out[65], const char *p, size_t n)
{
    size_t len = n;
    char *plain = dearmor(p, n, &len);
    const uint8_t *body;
    uint8_t hash[EVP_MAX_MD_SIZE], head[5];
    unsigned got = 0;
    size_t size, nhead;

    out[0] = '\0';
    if (!first_packet((const uint8_t *)(plain ? plain : p), len, &body, &size) ||
        (body[0] != 4 && body[0] != 6) || size > 0xffff) {
        free(plain);
        return;
    }
    EVP_MD_CTX *md = EVP_MD_CTX_new();

    if (body[0] == 4) {
        nhead = 3;
        head[0] = 0x99;
        head[1] = (uint8_t)(size >> 8);
        head[2] = (uint8_t)size;
    } else {
        nhead = 5;
        head[0] = 0x9b;
        for (unsigned i = 0; i < 4; i++)
            head[1 + i] = (uint8_t)(size >> (24 - 8 * i));
    }
    if (md && EVP_DigestInit_ex(md, body[0] == 4 ? EVP_sha1() : EVP_sha256(), NULL) == 1 &&
        EVP_DigestUpdate(md, head, nhead) == 1 && EVP_DigestUpdate(md, body, size) == 1 &&
        EVP_DigestFinal_ex(md, hash, &got) == 1) {
        tsn_hex(out, hash, got);
        for (char *c = out; *c; c++)
            *c = (char)(*c >= 'a' && *c <= 'f' ? *c - 32 : *c);
    }
    EVP_MD_CTX_free(md);
    free(plain);
}
