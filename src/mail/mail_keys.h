/* mail_keys.h - the PGP keys of mail: listed, taken in, given out, replaced; watched for their end.
 *
 * The gpg home stands beside the store, so a change of it is an entry first and then done. Our own key
 * (mail: pgp: key:) is looked at every hour: from 30 days before its end on the log warns, status and
 * metrics say it. With a published tree our keys stand in a web key directory (WKD, direct method of
 * draft-koch-openpgp-webkey-service: /.well-known/openpgpkey/hu/HASH). Loop thread.
 */
#pragma once

#include <jansson.h>
#include "engine/engine.h"

struct tsn_mail;
struct tsn_keys;

struct tsn_keys_config {
    struct tsn_loop *loop;
    struct tsn_writer *writer;
    const char *gnupghome;   /* absolute */
    const char *our_fpr;     /* signs and decrypts; NULL = none yet */
    const char *uid;         /* "Acme PSIRT <psirt@acme.example>": of a new key */
    const char *publish_dir; /* its public folder gets the WKD files; NULL = none */
};
#define TSN_KEY_WARN_MS (INT64_C(30) * 86400 * 1000)

tsn_err tsn_keys_open(struct tsn_keys **out, const struct tsn_keys_config *config);
void tsn_keys_close(struct tsn_keys *k);

/* What was seen last: [{ fpr, ..., ours, expires_ms, problem? }]; borrowed. NULL allowed: empty. */
const json_t *tsn_keys_seen(const struct tsn_keys *k);
/* Looks now; info = { items: [...] }. */
void tsn_keys_list(struct tsn_keys *k, tsn_engine_done *done, void *user);
/* Keys of a file, any number; info = { fpr }: the last. M050 */
void tsn_keys_import(struct tsn_keys *k, const struct tsn_actor *who, const void *p, size_t n,
                     const char *reason, tsn_engine_done *done, void *user);
/* The armored public key of one; info = { fpr, armor }. M051 */
void tsn_keys_export(struct tsn_keys *k, const char *fpr, tsn_engine_done *done, void *user);
/* A new key of ours, vouched for by the one before, published beside it; info = { fpr, was }. It signs
 * when mail: pgp: key: names it: people must be able to fetch it before. M052 */
void tsn_keys_rotate(struct tsn_keys *k, const struct tsn_actor *who, const char *reason,
                     tsn_engine_done *done, void *user);
/* zbase32 of the SHA-1 of a local part: its name in a web key directory. Pure. */
void tsn_wkd_hash(char out[33], const char *local);
