/* hook_check.c - signatures of inbound webhooks, checked and made. Pure; any thread, but for
 * tsn_hook_load (loop). */
#include "intake/hook.h"

#include <stdlib.h>
#include <string.h>
#include "core/buf.h"
#include "core/crypto.h"
#include "core/secret.h"
#include "core/text.h"

#define SIGNATURE_MAX 64 /* bytes: Ed25519; an HMAC has 32 */

/* --- keys --------------------------------------------------------------------------------- */

tsn_err tsn_hook_key_parse(const char *text, size_t len, struct tsn_hook_key *out,
                           struct tsn_diag *diag)
{
    bool secret = len > 6 && memcmp(text, "whsec_", 6) == 0;
    bool is_public = len > 5 && memcmp(text, "whpk_", 5) == 0;

    memset(out, 0, sizeof *out);
    out->is_public = is_public;
    if (secret || is_public) {
        size_t skip = secret ? 6 : 5;
        if (tsn_unbase64(out->bytes, sizeof out->bytes, &out->len, text + skip, len - skip))
            return tsn_diag_set(diag, TSN_EINPUT, "", "what follows %.*s is no base64",
                                (int)skip, text);
    } else if (len <= sizeof out->bytes) {
        memcpy(out->bytes, text, len);
        out->len = len;
    }
    if (is_public && out->len != TSN_SIGN_KEY_LEN)
        return tsn_diag_set(diag, TSN_EINPUT, "", "a public key has %d bytes",
                            TSN_SIGN_KEY_LEN);
    if (out->len < 16)
        return tsn_diag_set(diag, TSN_EINPUT, "", "a key has 16 to %d bytes", TSN_HOOK_KEY_MAX);
    return 0;
}

tsn_err tsn_hook_load(struct tsn_hook *hook, struct tsn_hook_key room[2], struct tsn_diag *diag)
{
    struct tsn_diag why;
    hook->keys = room;
    hook->nkeys = 0;
    for (int i = 0; i < 2; i++) {
        size_t len;
        const char *text = hook->secret[i] ? tsn_secret_get(hook->secret[i], &len) : NULL;
        if (!text && i == 0)
            return tsn_secret_missing(hook->secret[i], diag);
        tsn_diag_init(&why);
        if (text && tsn_hook_key_parse(text, strcspn(text, "\r\n"), &room[hook->nkeys], &why)) {
            tsn_diag_hint(diag, "a new one: printf 'whsec_%%s' \"$(openssl rand -base64 32)\"");
            return tsn_diag_set(diag, TSN_EINPUT, "C041", "hook %s: %s is no key: %s",
                                hook->name, hook->secret[i], why.what);
        }
        hook->nkeys += text != NULL;
    }
    return 0;
}

/* --- what is signed ----------------------------------------------------------------------- */

/* "id.timestamp.body" or the body alone; freed by the caller. */
static char *signed_bytes(const char *id, const char *timestamp, const char *body, size_t len,
                          size_t *n)
{
    size_t head = id ? strlen(id) + strlen(timestamp) + 2 : 0;
    char *out = tsn_alloc(head + len + 1);
    if (id)
        (void)snprintf(out, head + 1, "%s.%s.", id, timestamp);
    memcpy(out + head, body, len);
    *n = head + len;
    return out;
}

/* Each key is tried, so that the time tells nothing about which one fits. */
static bool fits(const struct tsn_hook *h, const uint8_t *signature, size_t len, bool is_public,
                 const char *bytes, size_t n)
{
    bool ok = false;
    for (size_t i = 0; i < h->nkeys; i++) {
        const struct tsn_hook_key *k = &h->keys[i];
        if (k->is_public != is_public)
            continue;
        if (is_public) {
            ok |= len == TSN_SIGN_LEN && tsn_sign_check(signature, k->bytes, bytes, n);
        } else {
            uint8_t mac[TSN_HASH_LEN];
            tsn_hmac_sha256(mac, k->bytes, k->len, bytes, n);
            ok |= len == sizeof mac && tsn_equal_ct(mac, signature, sizeof mac);
        }
    }
    return ok;
}

static bool decode(const char *text, size_t len, bool base64, uint8_t out[SIGNATURE_MAX],
                   size_t *n)
{
    if (base64)
        return tsn_unbase64(out, SIGNATURE_MAX, n, text, len) == 0;
    *n = TSN_HASH_LEN;
    return len == 2 * TSN_HASH_LEN && tsn_unhex(out, TSN_HASH_LEN, text, len) == 0;
}

/* "v1,BASE64 v1a,BASE64 ...": any of the first few. */
static bool any_fits(const struct tsn_hook *h, const char *list, const char *bytes, size_t n)
{
    bool ok = false;
    for (int i = 0; *list && i < TSN_HOOK_SIGNATURES; i++) {
        size_t word = strcspn(list, " "), got;
        uint8_t signature[SIGNATURE_MAX];
        bool v1 = word > 3 && memcmp(list, "v1,", 3) == 0;
        bool v1a = word > 4 && memcmp(list, "v1a,", 4) == 0;
        size_t skip = v1 ? 3 : 4;
        if ((v1 || v1a) && decode(list + skip, word - skip, true, signature, &got))
            ok |= fits(h, signature, got, v1a, bytes, n);
        list += word;
        list += strspn(list, " ");
    }
    return ok;
}

static bool signature_fits(const struct tsn_hook *h, const char *signature, const char *bytes,
                           size_t n)
{
    const char *prefix = h->scheme == TSN_HOOK_GITHUB ? "sha256=" : h->prefix ? h->prefix : "";
    size_t skip = strlen(prefix), got;
    uint8_t raw[SIGNATURE_MAX];
    if (h->scheme == TSN_HOOK_STANDARD)
        return any_fits(h, signature, bytes, n);
    return strncmp(signature, prefix, skip) == 0 &&
           decode(signature + skip, strlen(signature) - skip,
                  h->scheme == TSN_HOOK_HMAC && h->base64, raw, &got) &&
           fits(h, raw, got, false, bytes, n);
}

/* --- why not ------------------------------------------------------------------------------ */

/* A proxy that reads and writes JSON again, or cuts a line end, is the usual reason. */
static tsn_err wrong(const struct tsn_hook *h, const struct tsn_hook_message *m, const char *id,
                     const char *timestamp, const char *signature, struct tsn_diag *diag)
{
    static const char *const how[] = {"without the line end", "with a line end",
                                      "written compactly", "written with spaces"};
    char *variants[4] = {NULL, NULL, NULL, NULL};
    size_t len = m->len, n;
    json_t *parsed = json_loadb(m->body, m->len, JSON_REJECT_DUPLICATES, NULL);
    tsn_err err = TSN_EUNAUTH;

    while (len > 0 && (m->body[len - 1] == '\n' || m->body[len - 1] == '\r'))
        len--;
    variants[0] = tsn_alloc(len + 1);
    memcpy(variants[0], m->body, len);
    variants[1] = tsn_alloc(len + 2);
    memcpy(variants[1], m->body, len);
    variants[1][len] = '\n';
    if (parsed) {
        variants[2] = json_dumps(parsed, JSON_COMPACT | JSON_ENCODE_ANY);
        variants[3] = json_dumps(parsed, JSON_ENCODE_ANY);
    }
    (void)tsn_diag_set(diag, err, "H081",
                       "no key of hook `%s` made this signature of %zu bytes", h->name, m->len);
    tsn_diag_hint(diag,
                  "compare the key on both sides; `tocsin hook test %s` sends a message "
                  "that is signed rightly",
                  h->name);
    for (int i = 0; i < 4; i++) {
        if (!variants[i])
            continue;
        char *bytes = signed_bytes(id, timestamp, variants[i], strlen(variants[i]), &n);
        if (signature_fits(h, signature, bytes, n)) {
            (void)tsn_diag_set(diag, err, "H081",
                               "the signed bytes are others: %zu came, the signature fits %zu",
                               m->len, strlen(variants[i]));
            tsn_diag_hint(diag,
                          "it fits the body %s: something on the way writes it anew, "
                          "probably a proxy",
                          how[i]);
        }
        free(bytes);
    }
    for (int i = 0; i < 4; i++)
        free(variants[i]);
    json_decref(parsed);
    return err;
}

static tsn_err missing(struct tsn_diag *diag, const char *name)
{
    (void)tsn_diag_set(diag, TSN_EUNAUTH, "H083", "the header %s is missing or unusable", name);
    tsn_diag_hint(diag, "the sender uses another scheme, or a proxy removes the header");
    return TSN_EUNAUTH;
}

/* --- checking ----------------------------------------------------------------------------- */

static const char *signature_header(const struct tsn_hook *h)
{
    return h->scheme == TSN_HOOK_STANDARD ? "webhook-signature"
           : h->scheme == TSN_HOOK_GITHUB ? "X-Hub-Signature-256"
                                          : h->header;
}

static bool seconds_ok(const char *text, int64_t *ms)
{
    size_t len = text ? strlen(text) : 0;
    if (len < 1 || len > 11 || strspn(text, "0123456789") != len)
        return false;
    *ms = (int64_t)strtoll(text, NULL, 10) * 1000;
    return true;
}

tsn_err tsn_hook_check(struct tsn_arena *arena, const struct tsn_hook *hook,
                       const struct tsn_hook_message *m, struct tsn_hook_seen *out,
                       struct tsn_diag *diag)
{
    const char *signature = m->header(m->user, signature_header(hook));
    const char *id = NULL, *timestamp = NULL, *type;
    int64_t sent = 0;
    size_t n;

    if (!signature || !signature[0] || strlen(signature) > 2048)
        return missing(diag, signature_header(hook));
    if (hook->scheme == TSN_HOOK_STANDARD) {
        id = m->header(m->user, "webhook-id");
        timestamp = m->header(m->user, "webhook-timestamp");
        /* A point would let one part pass for another: "a.1" "2" as "a" "1.2". */
        if (!id || !tsn_word_ok(id, 64) || strchr(id, '.'))
            return missing(diag, "webhook-id");
        if (!seconds_ok(timestamp, &sent))
            return missing(diag, "webhook-timestamp");
    }
    char *bytes = signed_bytes(id, timestamp, m->body, m->len, &n);
    bool ok = signature_fits(hook, signature, bytes, n);
    free(bytes);
    if (!ok)
        return wrong(hook, m, id, timestamp, signature, diag);
    if (id && (sent > m->now_ms + TSN_HOOK_TOLERANCE_MS ||
               sent < m->now_ms - TSN_HOOK_TOLERANCE_MS)) {
        (void)tsn_diag_set(diag, TSN_EUNAUTH, "H082",
                           "signed rightly, but %lld s away from our time; 300 s are allowed",
                           (long long)((sent - m->now_ms) / 1000));
        tsn_diag_hint(diag, "set both clocks, or it is an old message that somebody repeats");
        return TSN_EUNAUTH;
    }
    if (id) {
        out->id = tsn_arena_strdup(arena, id);
    } else {
        uint8_t hash[TSN_HASH_LEN];
        char hex[2 * TSN_HASH_LEN + 1];
        tsn_sha256_once(hash, m->body, m->len);
        tsn_hex(hex, hash, sizeof hash);
        out->id = tsn_arena_strdup(arena, hex);
    }
    type = hook->type_header ? m->header(m->user, hook->type_header) : NULL;
    out->type = type && tsn_word_ok(type, 64) ? tsn_arena_strdup(arena, type) : "";
    return 0;
}

tsn_err tsn_hook_sign(struct tsn_arena *arena, const struct tsn_hook *hook, const char *id,
                      const char *body, size_t len, int64_t now_ms,
                      struct tsn_hook_header out[4], size_t *n, struct tsn_diag *diag)
{
    const struct tsn_hook_key *key = NULL;
    const char *timestamp = tsn_arena_printf(arena, "%lld", (long long)(now_ms / 1000));
    bool standard = hook->scheme == TSN_HOOK_STANDARD;
    uint8_t mac[TSN_HASH_LEN];
    char text[4 * ((TSN_HASH_LEN + 2) / 3) + 1 + 2 * TSN_HASH_LEN];
    size_t count;

    *n = 0;
    for (size_t i = 0; i < hook->nkeys && !key; i++)
        key = hook->keys[i].is_public ? NULL : &hook->keys[i];
    if (!key) {
        (void)tsn_diag_set(diag, TSN_EUNSUPPORTED, "H086",
                           "hook `%s` has public keys only: nothing can be signed here",
                           hook->name);
        tsn_diag_hint(diag, "let the sender send a test message of its own");
        return TSN_EUNSUPPORTED;
    }
    char *bytes = signed_bytes(standard ? id : NULL, timestamp, body, len, &count);
    tsn_hmac_sha256(mac, key->bytes, key->len, bytes, count);
    free(bytes);
    if (standard || (hook->scheme == TSN_HOOK_HMAC && hook->base64))
        (void)tsn_base64(text, mac, sizeof mac);
    else
        tsn_hex(text, mac, sizeof mac);
    const char *prefix = standard                          ? "v1,"
                         : hook->scheme == TSN_HOOK_GITHUB ? "sha256="
                         : hook->prefix                    ? hook->prefix
                                                           : "";
    if (standard) {
        out[(*n)++] = (struct tsn_hook_header){"webhook-id", tsn_arena_strdup(arena, id)};
        out[(*n)++] = (struct tsn_hook_header){"webhook-timestamp", timestamp};
    }
    out[(*n)++] = (struct tsn_hook_header){signature_header(hook),
                                           tsn_arena_printf(arena, "%s%s", prefix, text)};
    if (hook->type_header)
        out[(*n)++] = (struct tsn_hook_header){hook->type_header, "tocsin.test"};
    return 0;
}
