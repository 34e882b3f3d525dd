/* crypto.c - SHA-256 and HMAC from OpenSSL, sealing and signatures from libsodium. See crypto.h. */
#include "core/crypto.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "core/mem.h"
#include "core/rand.h"

struct tsn_sha256 {
    EVP_MD_CTX *ctx;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static EVP_MD *sha256;
static pthread_key_t own; /* a context each thread keeps: making one costs as much as a hash */

static void free_context(void *ctx)
{
    EVP_MD_CTX_free(ctx);
}

static void init(void)
{
    int sodium = sodium_init();

    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    TSN_ASSERT(sodium >= 0 && sha256);
    TSN_ASSERT(pthread_key_create(&own, free_context) == 0);
}

void tsn_crypto_init(void)
{
    pthread_once(&once, init);
}

struct tsn_sha256 *tsn_sha256_new(void)
{
    struct tsn_sha256 *h = tsn_alloc(sizeof(*h));

    tsn_crypto_init();
    h->ctx = EVP_MD_CTX_new();
    TSN_ASSERT(h->ctx);
    return h;
}

void tsn_sha256_destroy(struct tsn_sha256 *h)
{
    if (!h)
        return;
    EVP_MD_CTX_free(h->ctx);
    free(h);
}

void tsn_sha256_begin(struct tsn_sha256 *h)
{
    int ok = EVP_DigestInit_ex2(h->ctx, sha256, NULL);

    TSN_ASSERT(ok == 1);
}

void tsn_sha256_add(struct tsn_sha256 *h, const void *p, size_t n)
{
    int ok = EVP_DigestUpdate(h->ctx, p, n);

    TSN_ASSERT(ok == 1);
}

void tsn_sha256_end(struct tsn_sha256 *h, uint8_t out[TSN_HASH_LEN])
{
    int ok = EVP_DigestFinal_ex(h->ctx, out, NULL);

    TSN_ASSERT(ok == 1);
}

void tsn_sha512_once(uint8_t out[64], const void *p, size_t n)
{
    if (EVP_Digest(p, n, out, NULL, EVP_sha512(), NULL) != 1) {
        abort();
    }
}

void tsn_sha256_once(uint8_t out[TSN_HASH_LEN], const void *p, size_t n)
{
    EVP_MD_CTX *ctx;
    int ok;

    tsn_crypto_init();
    ctx = pthread_getspecific(own);
    if (ctx) {
        ok = EVP_DigestInit_ex2(ctx, NULL, NULL); /* the same algorithm again */
    } else {
        ctx = EVP_MD_CTX_new();
        TSN_ASSERT(ctx && pthread_setspecific(own, ctx) == 0);
        ok = EVP_DigestInit_ex2(ctx, sha256, NULL);
    }
    ok &= EVP_DigestUpdate(ctx, p, n);
    ok &= EVP_DigestFinal_ex(ctx, out, NULL);
    TSN_ASSERT(ok == 1);
}

void tsn_hmac_sha256(uint8_t out[TSN_HASH_LEN], const void *key, size_t key_len, const void *p,
                     size_t n)
{
    unsigned len = TSN_HASH_LEN;
    unsigned char *ok;

    TSN_ASSERT(key_len <= 4096);
    ok = HMAC(EVP_sha256(), key, (int)key_len, p, n, out, &len);
    TSN_ASSERT(ok && len == TSN_HASH_LEN);
}

bool tsn_equal_ct(const void *a, const void *b, size_t n)
{
    return sodium_memcmp(a, b, n) == 0;
}

#define NONCE_LEN crypto_aead_xchacha20poly1305_ietf_NPUBBYTES

tsn_err tsn_seal(struct tsn_buf *out, const uint8_t key[TSN_KEY_LEN], const void *aad,
                 size_t aad_len, const void *p, size_t n)
{
    unsigned char nonce[NONCE_LEN], *box;
    unsigned long long len;
    tsn_err err;

    tsn_crypto_init();
    tsn_rand_bytes(nonce, sizeof(nonce));
    box = tsn_alloc(n + TSN_SEAL_OVERHEAD);
    crypto_aead_xchacha20poly1305_ietf_encrypt(box, &len, p, n, aad, aad_len, NULL, nonce, key);
    err = tsn_buf_put(out, nonce, sizeof(nonce));
    if (!err)
        err = tsn_buf_put(out, box, (size_t)len);
    free(box);
    return err;
}

tsn_err tsn_unseal(struct tsn_buf *out, const uint8_t key[TSN_KEY_LEN], const void *aad,
                   size_t aad_len, const void *p, size_t n)
{
    const unsigned char *in = p;
    unsigned char *plain;
    unsigned long long len;
    tsn_err err;

    tsn_crypto_init();
    if (n < TSN_SEAL_OVERHEAD)
        return TSN_ETAMPERED;
    plain = tsn_alloc(n);
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(plain, &len, NULL, in + NONCE_LEN,
                                                   n - NONCE_LEN, aad, aad_len, in, key) != 0)
        err = TSN_ETAMPERED;
    else
        err = tsn_buf_put(out, plain, (size_t)len);
    tsn_wipe(plain, n);
    free(plain);
    return err;
}

_Static_assert(TSN_SIGN_KEY_LEN == crypto_sign_SEEDBYTES, "the seed is the key");
_Static_assert(TSN_SIGN_LEN == crypto_sign_BYTES, "Ed25519");

void tsn_sign_public(uint8_t pub[TSN_SIGN_KEY_LEN], const uint8_t seed[TSN_SIGN_KEY_LEN])
{
    unsigned char secret[crypto_sign_SECRETKEYBYTES];

    tsn_crypto_init();
    (void)crypto_sign_seed_keypair(pub, secret, seed);
    tsn_wipe(secret, sizeof(secret));
}

void tsn_sign(uint8_t sig[TSN_SIGN_LEN], const uint8_t seed[TSN_SIGN_KEY_LEN], const void *p,
              size_t n)
{
    unsigned char pub[TSN_SIGN_KEY_LEN], secret[crypto_sign_SECRETKEYBYTES];

    tsn_crypto_init();
    (void)crypto_sign_seed_keypair(pub, secret, seed);
    (void)crypto_sign_detached(sig, NULL, p, n, secret);
    tsn_wipe(secret, sizeof(secret));
}

bool tsn_sign_check(const uint8_t sig[TSN_SIGN_LEN], const uint8_t pub[TSN_SIGN_KEY_LEN],
                    const void *p, size_t n)
{
    tsn_crypto_init();
    return crypto_sign_verify_detached(sig, p, n, pub) == 0;
}

void tsn_wipe(void *p, size_t n)
{
    sodium_memzero(p, n);
}
