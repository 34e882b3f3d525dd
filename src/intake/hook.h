/* hook.h - inbound webhooks: is a message really its sender's, and what becomes of it.
 *
 * Three schemes, all over the raw bytes before anything parses them:
 *   standard  Standard Webhooks 1.0: webhook-id, webhook-timestamp, webhook-signature; v1 is
 *             HMAC-SHA256 over "id.timestamp.body", v1a Ed25519 over the same
 *   github    X-Hub-Signature-256: "sha256=" and the HMAC-SHA256 of the body in hex
 *   hmac      the same with another header, prefix and encoding
 * Only what is signed says that a message is new: the id in `standard`; elsewhere the digest of the
 * body, since whoever repeats it may change the other headers. A message becomes a report, or an
 * event of the case that it names: for rules (`hook.received`) and for wait{}.
 */
#pragma once

#include "intake/intake.h"

#define TSN_HOOK_KEY_MAX      256
#define TSN_HOOK_TOLERANCE_MS (INT64_C(300) * 1000)
#define TSN_HOOK_SIGNATURES   8 /* of one message that are looked at */

enum tsn_hook_scheme { TSN_HOOK_STANDARD, TSN_HOOK_GITHUB, TSN_HOOK_HMAC };

struct tsn_hook_key {
    uint8_t bytes[TSN_HOOK_KEY_MAX];
    size_t len;
    bool is_public; /* Ed25519: it checks v1a and cannot sign */
};

struct tsn_hook {
    const char *name;
    enum tsn_hook_scheme scheme;
    const char *secret[2]; /* handles of core/secret.h: the key, and an old one or NULL */
    const struct tsn_hook_key *keys; /* any of them may have signed: tsn_hook_load */
    size_t nkeys;
    const char *header, *prefix; /* hmac */
    bool base64;                 /* hmac: the signature is base64, not hex */
    const char *type_header;     /* names what happened; NULL = none */
    const char *case_at;         /* JSON pointer to a case's name; NULL = reports */
    const json_t *report;        /* member of a report: value, or a JSON pointer to it */
    const char *foreign_at;   /* JSON pointer to a report of a known system (foreign.h); NULL */
    const char *const *types; /* NULL-terminated: others are accepted and dropped; NULL = all */
};

/* A secret's text: whsec_BASE64, whpk_BASE64, or the key itself (16 bytes at least). TSN_EINPUT
 * with diag without code: it is none. */
tsn_err tsn_hook_key_parse(const char *text, size_t len, struct tsn_hook_key *out,
                           struct tsn_diag *diag);

/* Takes the keys that the handles have now into `room`, which the caller wipes after use: they may be
 * replaced at any time. K001 there is none; C041 it is no key. Loop thread. */
tsn_err tsn_hook_load(struct tsn_hook *hook, struct tsn_hook_key room[2],
                      struct tsn_diag *diag);

struct tsn_hook_message {
    const char *(*header)(void *user, const char *name); /* NULL = not there */
    void *user;
    const char *body;
    size_t len;
    int64_t now_ms;
};
/* What was signed and fits. */
struct tsn_hook_seen {
    const char *id;   /* unique to the message, 1 to 64 characters */
    const char *type; /* "" = unknown */
};
/* Constant time in what an attacker could learn from. H081 signature, H082 time, H083 header: for the
 * operator; the sender learns nothing of it. Pure. */
tsn_err tsn_hook_check(struct tsn_arena *arena, const struct tsn_hook *hook,
                       const struct tsn_hook_message *m, struct tsn_hook_seen *out,
                       struct tsn_diag *diag);

struct tsn_hook_header {
    const char *name, *value;
};
/* Signs `body` as a sender would: up to 4 headers. TSN_EUNSUPPORTED (H086): there are only public
 * keys. */
tsn_err tsn_hook_sign(struct tsn_arena *arena, const struct tsn_hook *hook, const char *id,
                      const char *body, size_t len, int64_t now_ms,
                      struct tsn_hook_header out[4], size_t *n, struct tsn_diag *diag);

/* A message that was checked. done(0, seq, info) after the commit: info = { duplicate, case, runs },
 * case null when it names no open case: then nothing is stored. H084: its body is not the JSON
 * that the hook needs; H022: this id came before with another body. Loop thread. */
void tsn_hook_take(struct tsn_intake *in, const struct tsn_hook *hook,
                   const struct tsn_hook_seen *seen, const char *body, size_t len,
                   tsn_engine_done *done, void *user);
