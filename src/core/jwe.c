/* jwe.c - ECDH-ES with P-256, the Concat KDF of NIST SP 800-56A as RFC 7518 4.6.2 has it, A256GCM. */
#include "core/jwe.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/crypto.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/text.h"

#define COORD      32
#define POINT      (1 + 2 * COORD)
#define IV         12
#define TAG        16
#define HEADER_MAX 2048

struct tsn_jwe_key {
    EVP_PKEY *pkey;
    char kid[44];
    char *jwk;
};

/* --- base64url without padding (RFC 7515 2) --- */

static void url_of(char *out, const void *p, size_t n)
{
    size_t len = tsn_base64(out, p, n);

    while (len > 0 && out[len - 1] == '=')
        len--;
    out[len] = '\0';
    for (char *c = out; *c; c++)
        *c = (char)(*c == '+' ? '-' : *c == '/' ? '_' : *c);
}

/* The caller frees; NULL: not base64url. */
static uint8_t *from_url(const char *s, size_t len, size_t *n)
{
    char *text = tsn_alloc(len + 4);
    uint8_t *out = tsn_alloc(len / 4 * 3 + 4);
    bool good = len % 4 != 1;

    for (size_t i = 0; i < len && good; i++) {
        good = s[i] != '+' && s[i] != '/' && s[i] != '=';
        text[i] = (char)(s[i] == '-' ? '+' : s[i] == '_' ? '/' : s[i]);
    }
    for (size_t pad = len; pad % 4; pad++)
        text[pad] = '=';
    if (good && tsn_unbase64(out, len / 4 * 3 + 4, n, text, (len + 3) / 4 * 4) != 0)
        good = false;
    free(text);
    if (good)
        return out;
    free(out);
    return NULL;
}

/* --- the key --- */

static bool describe(struct tsn_jwe_key *key)
{
    uint8_t point[POINT], hash[TSN_HASH_LEN];
    size_t n = 0;
    char x[48], y[48], text[256];
    struct tsn_buf b;

    if (EVP_PKEY_get_octet_string_param(key->pkey, OSSL_PKEY_PARAM_PUB_KEY, point,
                                        sizeof(point), &n) != 1 ||
        n != POINT)
        return false;
    url_of(x, point + 1, COORD);
    url_of(y, point + 1 + COORD, COORD);
    /* RFC 7638: the needed members, in the order of their names. */
    (void)snprintf(text, sizeof(text),
                   "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}", x, y);
    tsn_sha256_once(hash, text, strlen(text));
    url_of(key->kid, hash, sizeof(hash));
    tsn_buf_init(&b, 1000);
    tsn_buf_printf(&b,
                   "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s\",\"y\":\"%s\",\"kid\":\"%s\","
                   "\"use\":\"enc\",\"alg\":\"ECDH-ES\"}",
                   x, y, key->kid);
    key->jwk = tsn_buf_take(&b, &n);
    return true;
}

static EVP_PKEY *read_key(const char *path)
{
    FILE *f = fopen(path, "re");
    EVP_PKEY *pkey = f ? PEM_read_PrivateKey(f, NULL, NULL, NULL) : NULL;

    if (f)
        (void)fclose(f);
    return pkey;
}

static EVP_PKEY *make_key(const char *path)
{
    EVP_PKEY *pkey = EVP_EC_gen("P-256");
    int fd = pkey ? open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
    FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;
    bool good = f && PEM_write_PrivateKey(f, pkey, NULL, NULL, 0, NULL, NULL) == 1 &&
                fflush(f) == 0 && fsync(fd) == 0;

    if (f)
        good = fclose(f) == 0 && good;
    else if (fd >= 0)
        (void)close(fd);
    if (good)
        return pkey;
    if (fd >= 0)
        (void)unlink(path);
    EVP_PKEY_free(pkey);
    return NULL;
}

tsn_err tsn_jwe_key_open(struct tsn_jwe_key **out, const char *path, struct tsn_diag *diag)
{
    struct tsn_jwe_key *key = tsn_alloc(sizeof(*key));
    struct stat st;
    bool there = stat(path, &st) == 0;

    *out = NULL;
    key->pkey = there ? read_key(path) : errno == ENOENT ? make_key(path) : NULL;
    if (!key->pkey || !describe(key)) {
        tsn_jwe_key_close(key);
        tsn_diag_set(diag, TSN_EIO, "S050", "the form's key %s cannot be %s", path,
                     there ? "read" : "made");
        tsn_diag_hint(diag,
                      "a P-256 key in PEM, mode 0600; move it away and a new one is made");
        return TSN_EIO;
    }
    *out = key;
    return 0;
}

void tsn_jwe_key_close(struct tsn_jwe_key *key)
{
    if (!key)
        return;
    EVP_PKEY_free(key->pkey);
    free(key->jwk);
    free(key);
}

const char *tsn_jwe_key_public(const struct tsn_jwe_key *key)
{
    return key->jwk;
}

/* --- opening --- */

/* The sender's key of one message, checked to be on the curve. */
static EVP_PKEY *ephemeral(const json_t *epk)
{
    static char group[] = "prime256v1";
    const char *x = tsn_json_str(epk, "x", ""), *y = tsn_json_str(epk, "y", "");
    uint8_t point[POINT] = {4}, *px, *py;
    size_t nx = 0, ny = 0;
    EVP_PKEY *pkey = NULL;
    EVP_PKEY_CTX *ctx = NULL, *check = NULL;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)),
        OSSL_PARAM_construct_end()};

    if (strcmp(tsn_json_str(epk, "kty", ""), "EC") != 0 ||
        strcmp(tsn_json_str(epk, "crv", ""), "P-256") != 0)
        return NULL;
    px = from_url(x, strlen(x), &nx);
    py = from_url(y, strlen(y), &ny);
    if (px && py && nx == COORD && ny == COORD) {
        memcpy(point + 1, px, COORD);
        memcpy(point + 1 + COORD, py, COORD);
        ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
        if (!ctx || EVP_PKEY_fromdata_init(ctx) != 1 ||
            EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
            pkey = NULL;
        check = pkey ? EVP_PKEY_CTX_new(pkey, NULL) : NULL;
        if (pkey && (!check || EVP_PKEY_public_check(check) != 1)) {
            EVP_PKEY_free(pkey);
            pkey = NULL;
        }
    }
    EVP_PKEY_CTX_free(check);
    EVP_PKEY_CTX_free(ctx);
    free(px);
    free(py);
    return pkey;
}

static void put32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

static bool agree(const struct tsn_jwe_key *key, EVP_PKEY *peer, uint8_t out[TSN_KEY_LEN])
{
    static const char alg[] = "A256GCM";
    uint8_t input[4 + COORD + 4 + 7 + 4 + 4 + 4] = {0};
    size_t n = COORD;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key->pkey, NULL);
    bool good = ctx && EVP_PKEY_derive_init(ctx) == 1 &&
                EVP_PKEY_derive_set_peer(ctx, peer) == 1 &&
                EVP_PKEY_derive(ctx, input + 4, &n) == 1 && n == COORD;

    EVP_PKEY_CTX_free(ctx);
    put32(input, 1);
    put32(input + 4 + COORD, sizeof(alg) - 1);
    memcpy(input + 8 + COORD, alg, sizeof(alg) - 1);
    put32(input + sizeof(input) - 4, 256); /* apu and apv are empty */
    if (good)
        tsn_sha256_once(out, input, sizeof(input));
    tsn_wipe(input, sizeof(input));
    return good;
}

static tsn_err decrypt(const uint8_t cek[TSN_KEY_LEN], const char *aad, size_t aad_len,
                       const uint8_t *iv, const uint8_t *p, size_t n, uint8_t *tag,
                       struct tsn_buf *out)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    uint8_t *plain = tsn_alloc(n + 1);
    int got = 0, rest = 0;
    bool good = ctx && EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, cek, iv) == 1 &&
                EVP_DecryptUpdate(ctx, NULL, &got, (const uint8_t *)aad, (int)aad_len) == 1 &&
                EVP_DecryptUpdate(ctx, plain, &got, p, (int)n) == 1 &&
                EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG, tag) == 1 &&
                EVP_DecryptFinal_ex(ctx, plain + got, &rest) == 1;
    tsn_err err = good ? tsn_buf_put(out, plain, (size_t)got) : TSN_ETAMPERED;

    EVP_CIPHER_CTX_free(ctx);
    tsn_wipe(plain, n + 1);
    free(plain);
    return err;
}

/* Reads the protected header; the content key in `cek`. */
static tsn_err header(const struct tsn_jwe_key *key, const char *text, size_t len,
                      uint8_t cek[TSN_KEY_LEN])
{
    static const char *const known[] = {"alg", "enc", "epk", "kid", "typ", "cty"};
    size_t n = 0;
    uint8_t *raw = len <= HEADER_MAX ? from_url(text, len, &n) : NULL;
    json_t *head = NULL;
    EVP_PKEY *peer = NULL;
    tsn_err err = TSN_EINPUT;

    if (raw && tsn_json_parse((const char *)raw, n, &head, NULL) == 0 &&
        tsn_json_known(head, known, sizeof(known) / sizeof(known[0]), NULL) == 0 &&
        strcmp(tsn_json_str(head, "alg", ""), "ECDH-ES") == 0 &&
        strcmp(tsn_json_str(head, "enc", ""), "A256GCM") == 0 &&
        strcmp(tsn_json_str(head, "kid", key->kid), key->kid) == 0)
        peer = ephemeral(json_object_get(head, "epk"));
    if (peer && agree(key, peer, cek))
        err = 0;
    EVP_PKEY_free(peer);
    json_decref(head);
    free(raw);
    return err;
}

tsn_err tsn_jwe_open(const struct tsn_jwe_key *key, const char *text, size_t len,
                     struct tsn_buf *out)
{
    const char *part[5], *end = text + len;
    size_t n[5], niv = 0, nbody = 0, ntag = 0;
    uint8_t cek[TSN_KEY_LEN], *iv, *body, *tag;
    tsn_err err;

    for (size_t i = 0; i < 5; i++) {
        const char *dot = memchr(text, '.', (size_t)(end - text));

        if ((dot == NULL) != (i == 4))
            return TSN_EINPUT;
        part[i] = text;
        n[i] = (size_t)((dot ? dot : end) - text);
        text = dot ? dot + 1 : end;
    }
    if (n[1] != 0 || n[3] > (size_t)1 << 30) /* ECDH-ES: no wrapped key */
        return TSN_EINPUT;
    err = header(key, part[0], n[0], cek);
    if (err)
        return err;
    iv = from_url(part[2], n[2], &niv);
    body = from_url(part[3], n[3], &nbody);
    tag = from_url(part[4], n[4], &ntag);
    if (!iv || !body || !tag || niv != IV || ntag != TAG)
        err = TSN_EINPUT;
    else
        err = decrypt(cek, part[0], n[0], iv, body, nbody, tag, out);
    tsn_wipe(cek, sizeof(cek));
    free(iv);
    free(body);
    free(tag);
    return err;
}
