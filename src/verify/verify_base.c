/* verify_base.c - hashing, strict text, files and trees. See tocsin_verify.h. */
#include "verify/tocsin_verify.h"

#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void finding(int verdict, const char *code, const char *fmt, ...)
{
    va_list ap;

    printf("%s  %s ",
           verdict == TAMPERED   ? "TAMPERED"
           : verdict == UNUSABLE ? "UNUSABLE"
                                 : "CANNOT TELL",
           code);
    va_start(ap, fmt);
    (void)vprintf(fmt, ap);
    va_end(ap);
    (void)putchar('\n');
    (void)fflush(stdout);
    _exit(verdict); /* the first finding ends it: nothing is given back */
}

void *more(void *p, size_t old, size_t n)
{
    void *out = need(n);

    if (p)
        memcpy(out, p, old);
    free(p);
    return out;
}

void *need(size_t n)
{
    void *p = calloc(1, n ? n : 1);

    if (!p)
        finding(UNUSABLE, "-", "out of memory");
    return p;
}

/* --- hashing: fetched once, or half the time goes into finding the algorithm ------------------- */

static EVP_MD *md;
static EVP_MD_CTX *ctx;

static void hash_begin(void)
{
    if (!md) {
        md = EVP_MD_fetch(NULL, "SHA256", NULL);
        ctx = EVP_MD_CTX_new();
        if (!md || !ctx)
            finding(UNUSABLE, "-", "libcrypto has no SHA-256");
        (void)EVP_DigestInit_ex2(ctx, md, NULL);
        return;
    }
    (void)EVP_DigestInit_ex2(ctx, NULL, NULL); /* the same algorithm again */
}

void sha256(unsigned char out[HASH], const void *p, size_t n)
{
    hash_begin();
    (void)EVP_DigestUpdate(ctx, p, n);
    (void)EVP_DigestFinal_ex(ctx, out, NULL);
}

void leaf_of(unsigned char out[HASH], const void *text, size_t n)
{
    hash_begin();
    (void)EVP_DigestUpdate(ctx, "\0", 1);
    (void)EVP_DigestUpdate(ctx, text, n);
    (void)EVP_DigestFinal_ex(ctx, out, NULL);
}

void join(unsigned char out[HASH], const unsigned char *left, const unsigned char *right)
{
    unsigned char in[1 + 2 * HASH];

    in[0] = 1;
    memcpy(in + 1, left, HASH);
    memcpy(in + 1 + HASH, right, HASH);
    sha256(out, in, sizeof(in));
}

void hex(char out[2 * HASH + 1], const unsigned char *p)
{
    static const char digits[] = "0123456789abcdef";

    for (int i = 0; i < HASH; i++) {
        out[2 * i] = digits[p[i] >> 4];
        out[2 * i + 1] = digits[p[i] & 15];
    }
    out[2 * HASH] = '\0';
}

/* --- text ----------------------------------------------------------------------------------- */

static int sextet(char c)
{
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '+'             ? 62
           : c == '/'             ? 63
                                  : -1;
}

long unbase64(unsigned char *out, const char *s, size_t len)
{
    long n = 0;
    size_t pad = len >= 1 && s[len - 1] == '=' ? (len >= 2 && s[len - 2] == '=' ? 2 : 1) : 0;
    unsigned bits = 0;
    int have = 0;

    if (len % 4 != 0)
        return -1;
    for (size_t i = 0; i < len - pad; i++) {
        int v = sextet(s[i]);

        if (v < 0)
            return -1;
        bits = bits << 6 | (unsigned)v;
        have += 6;
        if (have >= 8) {
            have -= 8;
            out[n++] = (unsigned char)(bits >> have);
            bits &= (1u << have) - 1;
        }
    }
    return bits == 0 ? n : -1; /* left-over bits make a second text of one value */
}

bool decimal_of(const char *s, size_t len, int64_t *out)
{
    int64_t v = 0;

    if (len == 0 || (len > 1 && s[0] == '0'))
        return false;
    for (size_t i = 0; i < len; i++) {
        int d = s[i] - '0';

        if (d < 0 || d > 9 || v > (INT64_MAX - d) / 10)
            return false;
        v = v * 10 + d;
    }
    *out = v;
    return true;
}

/* --- files ---------------------------------------------------------------------------------- */

bool read_file(struct bytes *out, const char *root, const char *name)
{
    char path[8192];
    struct stat info;
    FILE *f;

    memset(out, 0, sizeof(*out));
    (void)snprintf(path, sizeof(path), "%s%s%s", root, *name ? "/" : "", name);
    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode))
        return false;
    f = fopen(path, "rb");
    if (!f)
        return false;
    out->p = need((size_t)info.st_size + 1);
    out->n = fread(out->p, 1, (size_t)info.st_size, f);
    if (fclose(f) != 0 || out->n != (size_t)info.st_size) {
        free(out->p);
        return false;
    }
    return true;
}

bool next_line(const struct bytes *b, size_t *at, const char **line, size_t *len)
{
    const char *end = *at < b->n ? memchr(b->p + *at, '\n', b->n - *at) : NULL;

    if (!end)
        return false;
    *line = b->p + *at;
    *len = (size_t)(end - *line);
    *at += *len + 1;
    return true;
}

/* --- trees ---------------------------------------------------------------------------------- */

void tree_add(struct tree *t, const unsigned char *leaf)
{
    unsigned char h[HASH];

    memcpy(h, leaf, HASH);
    for (uint64_t n = t->size; n & 1; n >>= 1)
        join(h, t->peak[--t->n], h);
    memcpy(t->peak[t->n++], h, HASH);
    t->size++;
}

void tree_root(const struct tree *t, unsigned char out[HASH])
{
    if (t->n == 0) {
        sha256(out, "", 0);
        return;
    }
    memcpy(out, t->peak[t->n - 1], HASH);
    for (int i = t->n - 1; i > 0; i--)
        join(out, t->peak[i - 1], out);
}
