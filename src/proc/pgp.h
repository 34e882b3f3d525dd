/* pgp.h - OpenPGP by gpg as a child: decrypt, verify, sign, encrypt; its status lines decide.
 *
 * gpg runs in a home of its own, fetches nothing, asks nobody, and gets its input and gives its
 * output through memory files (memfd), so that no plaintext touches a disk. Whatever it wrote is
 * thrown away unless it ended with 0 and its status lines say that decryption succeeded and the
 * message was protected against change (GnuPG doc/DETAILS; reference: RFC 4880 5.13, RFC 3156).
 * A bad signature is a state to show, never a reason to drop a mail.
 * Loop thread; `done` runs exactly once, never inside the call that starts it.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include "core/buf.h"
#include "core/diag.h"

struct tsn_loop;

#define TSN_PGP_PLAIN_MAX (64u << 20) /* what one message may expand to */
#define TSN_PGP_TIME_MS   30000
#define TSN_PGP_MEMORY    (512u << 20) /* address space of one gpg */
#define TSN_PGP_TO_MAX    8            /* recipients of one encryption */

enum tsn_pgp_signature {
    TSN_PGP_NONE,
    TSN_PGP_GOOD,
    TSN_PGP_BAD,         /* the bytes are not those that were signed */
    TSN_PGP_UNKNOWN_KEY, /* nothing can be said: we do not have the signer's key */
    TSN_PGP_EXPIRED_KEY,
    TSN_PGP_REVOKED_KEY,
    TSN_PGP_EXPIRED, /* the signature itself has an end, and it is past */
    TSN_PGP_ERROR    /* a signature that gpg cannot read */
};
const char *tsn_pgp_signature_text(enum tsn_pgp_signature s); /* "unknown-key" */

struct tsn_pgp_result {
    bool decrypted;
    bool ok; /* sign, encrypt, import: it was done */
    /* Why not: no-secret-key no-integrity modified damaged too-large timeout gpg-missing; static. */
    const char *reason;
    enum tsn_pgp_signature signature; /* the worst of several */
    unsigned signatures;
    char fpr[65];         /* the signer's primary key, upper case hex; "" = not known */
    char keyid[17];       /* what the signature names when the key is not known */
    char *signer;         /* user id as gpg shows it, UTF-8; may be NULL */
    struct tsn_buf plain; /* decrypted, or what a clear signature covers */
};
/* `r` lives during the call; take `plain` with tsn_buf_take. */
typedef void tsn_pgp_done(struct tsn_pgp_result *r, void *user);

/* `home`: the GNUPGHOME, an absolute path. Each starts one gpg. */
void tsn_pgp_decrypt(struct tsn_loop *loop, const char *home, const void *p, size_t n,
                     tsn_pgp_done *done, void *user);
void tsn_pgp_verify(struct tsn_loop *loop, const char *home, const void *text, size_t text_len,
                    const void *sig, size_t sig_len, tsn_pgp_done *done, void *user);
/* The same over a file that is already there; borrowed for the call, and at its start. */
void tsn_pgp_verify_file(struct tsn_loop *loop, const char *home, int fd, const void *sig,
                         size_t sig_len, tsn_pgp_done *done, void *user);
/* A detached armored signature over the text by the key `signer` (fingerprint or address), or the
 * text encrypted to the keys `to` (NULL-terminated fingerprints), signed inside when `signer` is
 * given. Result: `ok`, and `plain` holds the armor. `home` must hold the secret key without a
 * passphrase, or its agent know it. */
void tsn_pgp_sign(struct tsn_loop *loop, const char *home, const char *signer, const void *text,
                  size_t n, tsn_pgp_done *done, void *user);
void tsn_pgp_encrypt(struct tsn_loop *loop, const char *home, const char *const *to,
                     const char *signer, const void *text, size_t n, tsn_pgp_done *done,
                     void *user);
/* Keys of every kind into `home`; `ok` = at least one is there now; `fpr` is the last of them. */
void tsn_pgp_import(struct tsn_loop *loop, const char *home, const void *p, size_t n,
                    tsn_pgp_done *done, void *user);
/* The armored public key of `fpr`; `ok` and `plain`. */
void tsn_pgp_export(struct tsn_loop *loop, const char *home, const char *fpr,
                    tsn_pgp_done *done, void *user);
/* --- pgp_keys.c: the keys of a home ------------------------------------------------------- */

/* Every public key, those with a secret half marked: `plain` is gpg's colon listing (doc/DETAILS). */
void tsn_pgp_list(struct tsn_loop *loop, const char *home, tsn_pgp_done *done, void *user);
/* The same of one key, by its fingerprint. */
void tsn_pgp_look(struct tsn_loop *loop, const char *home, const char *fpr, tsn_pgp_done *done,
                  void *user);
/* That listing as [{ fpr, keyid, created_ms, expires_ms, secret, state: valid expired revoked disabled,
 * algorithm, bits, uids: [..] }]; expires_ms 0 = never. New reference. Pure. */
json_t *tsn_pgp_keys_json(const char *listing);
/* A new key (Ed25519, with a Curve25519 subkey) for `uid` that ends after `days`; `ok` and `fpr`. */
void tsn_pgp_generate(struct tsn_loop *loop, const char *home, const char *uid, int days,
                      tsn_pgp_done *done, void *user);
/* The key `signer` vouches for `fpr`. */
void tsn_pgp_certify(struct tsn_loop *loop, const char *home, const char *signer,
                     const char *fpr, tsn_pgp_done *done, void *user);
/* Keys as bytes (NULL-terminated fingerprints, at most TSN_PGP_TO_MAX), only with the user ids of this
 * address: what a web key directory serves. */
void tsn_pgp_export_wkd(struct tsn_loop *loop, const char *home, const char *const *fprs,
                        const char *address, tsn_pgp_done *done, void *user);

/* Ends the agent that gpg started for this home. Blocking, short; at the end of a process. */
void tsn_pgp_quit(const char *home);

/* Status lines to a result, one after the other; for tests and pgp.c. `line` without [GNUPG:]. */
struct tsn_pgp_status {
    struct tsn_pgp_result *r;
    char considered[65]; /* the key that gpg looked at last */
    bool okay, integrity, unprotected, made, failed, no_key, modified, no_data, too_large,
        imported;
};
void tsn_pgp_status_line(struct tsn_pgp_status *s, const char *line);
void tsn_pgp_status_end(struct tsn_pgp_status *s, bool decrypting, int64_t exit_status,
                        int signal);
