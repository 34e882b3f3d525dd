/* jwe.h - opening what a browser sealed for us: JSON Web Encryption of exactly one kind.
 *
 * Compact serialisation (RFC 7516 7.1) with `alg` ECDH-ES on P-256 and `enc` A256GCM (RFC 7518 4.6
 * and 5.3): what every browser's WebCrypto can make without a library. Any other header is refused.
 * The key's `kid` is its RFC 7638 thumbprint. Loop thread; loading blocks on the file.
 */
#pragma once

#include "core/buf.h"
#include "core/diag.h"

struct tsn_jwe_key;

/* The private key in `path` (PEM, PKCS #8); made with mode 0600 when the file is absent. S050 */
tsn_err tsn_jwe_key_open(struct tsn_jwe_key **out, const char *path, struct tsn_diag *diag);
void tsn_jwe_key_close(struct tsn_jwe_key *key);
/* The public half as a JWK with kid, use and alg; borrowed. */
const char *tsn_jwe_key_public(const struct tsn_jwe_key *key);
/* TSN_EINPUT: not a JWE of this kind or for another key; TSN_ETAMPERED: it does not open; TSN_ETOOBIG:
 * more than out->max. */
tsn_err tsn_jwe_open(const struct tsn_jwe_key *key, const char *text, size_t len,
                     struct tsn_buf *out);
