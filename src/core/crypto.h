/* crypto.h - the few primitives tocsin uses, each from one library.
 *
 * SHA-256 and HMAC: OpenSSL (algorithm fetched once). Sealing: libsodium XChaCha20-Poly1305
 * (IETF), nonce first. Signatures: libsodium Ed25519 (RFC 8032), deterministic. Call tsn_crypto_init once at start, before threads and filters.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/buf.h"
#include "core/err.h"

#define TSN_HASH_LEN      32
#define TSN_KEY_LEN       32
#define TSN_SEAL_OVERHEAD (24 + 16)
#define TSN_SIGN_KEY_LEN  32 /* the seed; and the public key */
#define TSN_SIGN_LEN      64

void tsn_crypto_init(void);

struct tsn_sha256; /* reusable context, one thread */
struct tsn_sha256 *tsn_sha256_new(void);
void tsn_sha256_destroy(struct tsn_sha256 *h);
void tsn_sha256_begin(struct tsn_sha256 *h);
void tsn_sha256_add(struct tsn_sha256 *h, const void *p, size_t n);
void tsn_sha256_end(struct tsn_sha256 *h, uint8_t out[TSN_HASH_LEN]);
void tsn_sha256_once(uint8_t out[TSN_HASH_LEN], const void *p, size_t n);
void tsn_sha512_once(uint8_t out[64], const void *p, size_t n);
void tsn_hmac_sha256(uint8_t out[TSN_HASH_LEN], const void *key, size_t key_len, const void *p,
                     size_t n);
bool tsn_equal_ct(const void *a, const void *b, size_t n); /* constant time */

/* out gets nonce || ciphertext || tag. `aad` is bound but not stored. */
tsn_err tsn_seal(struct tsn_buf *out, const uint8_t key[TSN_KEY_LEN], const void *aad,
                 size_t aad_len, const void *p, size_t n);
/* TSN_ETAMPERED when key, aad or bytes do not fit. */
tsn_err tsn_unseal(struct tsn_buf *out, const uint8_t key[TSN_KEY_LEN], const void *aad,
                   size_t aad_len, const void *p, size_t n);
/* Ed25519. The secret is the seed of RFC 8032; everything else is computed from it. */
void tsn_sign_public(uint8_t pub[TSN_SIGN_KEY_LEN], const uint8_t seed[TSN_SIGN_KEY_LEN]);
void tsn_sign(uint8_t sig[TSN_SIGN_LEN], const uint8_t seed[TSN_SIGN_KEY_LEN], const void *p,
              size_t n);
bool tsn_sign_check(const uint8_t sig[TSN_SIGN_LEN], const uint8_t pub[TSN_SIGN_KEY_LEN],
                    const void *p, size_t n);
void tsn_wipe(void *p, size_t n);
