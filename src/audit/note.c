/* note.c - see note.h. Owns nothing. Any thread. */
#include "audit/note.h"

#include <stdio.h>
#include <string.h>

#include "core/text.h"

#define DASH          "\xe2\x80\x94 " /* U+2014 and a space */
#define DASH_LEN      (sizeof(DASH) - 1)
#define SECRET        "PRIVATE+KEY+"
#define SECRET_LEN    (sizeof(SECRET) - 1)
#define KEY_BYTES     (1 + TSN_SIGN_KEY_LEN) /* type and key */
#define ID_HEX        ((size_t)2 * TSN_NOTE_ID_LEN)
#define COSIG_LEN     (8 + TSN_SIGN_LEN)
#define SIG_BYTES_MAX 8192
#define SIZE_LIMIT    ((uint64_t)1 << 63)

/* --- names and keys ----------------------------------------------------------------------- */

/* Length of the Unicode space at s, or 0. */
static size_t space_at(const unsigned char *s, size_t n)
{
    if (s[0] <= 0x20)
        return 1;
    if (n >= 2 && s[0] == 0xc2 && (s[1] == 0x85 || s[1] == 0xa0))
        return 2;
    if (n < 3)
        return 0;
    if (s[0] == 0xe1 && s[1] == 0x9a && s[2] == 0x80) /* U+1680 */
        return 3;
    if (s[0] == 0xe2 && s[1] == 0x80 &&
        ((s[2] >= 0x80 && s[2] <= 0x8a) || s[2] == 0xa8 || s[2] == 0xa9 || s[2] == 0xaf))
        return 3;                                     /* U+2000-200A, 2028, 2029, 202F */
    if (s[0] == 0xe2 && s[1] == 0x81 && s[2] == 0x9f) /* U+205F */
        return 3;
    return s[0] == 0xe3 && s[1] == 0x80 && s[2] == 0x80 ? 3 : 0; /* U+3000 */
}

bool tsn_note_name_ok(const char *name, size_t len)
{
    if (len == 0 || len > TSN_NOTE_NAME_MAX || !tsn_utf8_valid(name, len) ||
        memchr(name, '+', len))
        return false;
    for (size_t i = 0; i < len; i++)
        if (space_at((const unsigned char *)name + i, len - i))
            return false;
    return true;
}

static void key_id(struct tsn_note_key *k)
{
    const char end = '\n';
    const uint8_t type = (uint8_t)k->type;
    uint8_t hash[TSN_HASH_LEN];
    struct tsn_sha256 *h = tsn_sha256_new();

    tsn_sha256_begin(h);
    tsn_sha256_add(h, k->name, strlen(k->name));
    tsn_sha256_add(h, &end, 1);
    tsn_sha256_add(h, &type, 1);
    tsn_sha256_add(h, k->pub, sizeof(k->pub));
    tsn_sha256_end(h, hash);
    tsn_sha256_destroy(h);
    memcpy(k->id, hash, sizeof(k->id));
}

tsn_err tsn_note_key_make(struct tsn_note_key *k, const char *name, enum tsn_note_type type,
                          const uint8_t pub[TSN_SIGN_KEY_LEN])
{
    if (!tsn_note_name_ok(name, strlen(name)))
        return TSN_EINPUT;
    memset(k, 0, sizeof(*k));
    (void)tsn_copy(k->name, sizeof(k->name), name); /* it fits: the name is one */
    k->type = type;
    memcpy(k->pub, pub, sizeof(k->pub));
    key_id(k);
    return 0;
}

/* NAME+8HEX+BASE64(type || 32 bytes): public and secret keys differ in these bytes only. */
static tsn_err key_text(struct tsn_buf *out, const struct tsn_note_key *k,
                        const uint8_t bytes[TSN_SIGN_KEY_LEN])
{
    uint8_t raw[KEY_BYTES];
    char hex[2 * TSN_NOTE_ID_LEN + 1], base64[4 * ((KEY_BYTES + 2) / 3) + 1];
    tsn_err err;

    raw[0] = (uint8_t)k->type;
    memcpy(raw + 1, bytes, TSN_SIGN_KEY_LEN);
    tsn_hex(hex, k->id, sizeof(k->id));
    tsn_base64(base64, raw, sizeof(raw));
    err = tsn_buf_printf(out, "%s+%s+%s", k->name, hex, base64);
    tsn_wipe(raw, sizeof(raw));
    tsn_wipe(base64, sizeof(base64));
    return err;
}

/* Takes the text apart; the id is as it is written there, not yet checked. */
static tsn_err key_untext(struct tsn_note_key *k, uint8_t bytes[TSN_SIGN_KEY_LEN],
                          uint8_t id[TSN_NOTE_ID_LEN], const char *text, size_t len)
{
    const char *plus = memchr(text, '+', len), *hex, *base64;
    uint8_t raw[KEY_BYTES];
    char again[2 * TSN_NOTE_ID_LEN + 1];
    size_t left, n = 0;
    tsn_err err = TSN_EINPUT;

    memset(k, 0, sizeof(*k));
    if (!plus || !tsn_note_name_ok(text, (size_t)(plus - text)))
        return TSN_EINPUT;
    hex = plus + 1;
    left = len - (size_t)(hex - text);
    if (left < ID_HEX + 1 || hex[ID_HEX] != '+')
        return TSN_EINPUT;
    if (tsn_unhex(id, TSN_NOTE_ID_LEN, hex, ID_HEX) != 0)
        return TSN_EINPUT;
    tsn_hex(again, id, TSN_NOTE_ID_LEN);
    if (memcmp(again, hex, ID_HEX) != 0) /* upper case */
        return TSN_EINPUT;
    base64 = hex + ID_HEX + 1;
    left = len - (size_t)(base64 - text);
    if (tsn_unbase64(raw, sizeof(raw), &n, base64, left) != 0 || n != sizeof(raw))
        goto out;
    err = TSN_EUNSUPPORTED;
    if (raw[0] != TSN_NOTE_ED25519 && raw[0] != TSN_NOTE_COSIGNATURE)
        goto out;
    memcpy(k->name, text, (size_t)(plus - text));
    k->type = raw[0] == TSN_NOTE_ED25519 ? TSN_NOTE_ED25519 : TSN_NOTE_COSIGNATURE;
    memcpy(bytes, raw + 1, TSN_SIGN_KEY_LEN);
    err = 0;
out:
    tsn_wipe(raw, sizeof(raw));
    return err;
}

tsn_err tsn_note_key_print(struct tsn_buf *out, const struct tsn_note_key *k)
{
    return key_text(out, k, k->pub);
}

tsn_err tsn_note_key_parse(struct tsn_note_key *k, const char *text, size_t len)
{
    uint8_t id[TSN_NOTE_ID_LEN], pub[TSN_SIGN_KEY_LEN];
    tsn_err err = key_untext(k, pub, id, text, len);

    if (err)
        return err;
    memcpy(k->pub, pub, sizeof(pub));
    key_id(k);
    return memcmp(k->id, id, sizeof(id)) == 0 ? 0 : TSN_EINPUT;
}

tsn_err tsn_note_secret_print(struct tsn_buf *out, const struct tsn_note_key *k,
                              const uint8_t seed[TSN_SIGN_KEY_LEN])
{
    tsn_err err = tsn_buf_puts(out, SECRET);

    return err ? err : key_text(out, k, seed);
}

tsn_err tsn_note_secret_parse(struct tsn_note_key *k, uint8_t seed[TSN_SIGN_KEY_LEN],
                              const char *text, size_t len)
{
    uint8_t id[TSN_NOTE_ID_LEN];
    tsn_err err;

    if (len < SECRET_LEN || memcmp(text, SECRET, SECRET_LEN) != 0)
        return TSN_EINPUT;
    err = key_untext(k, seed, id, text + SECRET_LEN, len - SECRET_LEN);
    if (err)
        return err;
    tsn_sign_public(k->pub, seed);
    key_id(k);
    return memcmp(k->id, id, sizeof(id)) == 0 ? 0 : TSN_EINPUT;
}

/* --- signatures --------------------------------------------------------------------------- */

/* What a cosigner signs: a header, its time, the text. */
static tsn_err cosigned(struct tsn_buf *out, const char *text, size_t len, uint64_t time_s)
{
    (void)tsn_buf_printf(out, "cosignature/v1\ntime %llu\n", (unsigned long long)time_s);
    return tsn_buf_put(out, text, len);
}

tsn_err tsn_note_sign(struct tsn_buf *out, const struct tsn_note_key *k,
                      const uint8_t seed[TSN_SIGN_KEY_LEN], const char *text, size_t len,
                      int64_t time_s)
{
    uint8_t raw[TSN_NOTE_ID_LEN + COSIG_LEN];
    char base64[4 * ((sizeof(raw) + 2) / 3) + 1];
    size_t n = TSN_NOTE_ID_LEN;
    struct tsn_buf message;
    tsn_err err;

    if (len == 0 || text[len - 1] != '\n' || time_s < 0)
        return TSN_EINPUT;
    memcpy(raw, k->id, TSN_NOTE_ID_LEN);
    switch (k->type) {
    case TSN_NOTE_ED25519:
        tsn_sign(raw + n, seed, text, len);
        n += TSN_SIGN_LEN;
        break;
    case TSN_NOTE_COSIGNATURE:
        tsn_buf_init(&message, TSN_NOTE_MAX + 64);
        err = cosigned(&message, text, len, (uint64_t)time_s);
        if (!err) {
            for (int i = 0; i < 8; i++)
                raw[n++] = (uint8_t)((uint64_t)time_s >> (56 - 8 * i));
            tsn_sign(raw + n, seed, message.data, message.len);
            n += TSN_SIGN_LEN;
        }
        tsn_buf_free(&message);
        if (err)
            return err;
        break;
    }
    tsn_base64(base64, raw, n);
    return tsn_buf_printf(out, DASH "%s %s\n", k->name, base64);
}

/* One signature line without its end. */
static tsn_err parse_sig(struct tsn_note_sig *sig, const char *line, size_t len)
{
    uint8_t raw[SIG_BYTES_MAX];
    const char *space;
    size_t n = 0;
    tsn_err err;

    if (len < DASH_LEN || memcmp(line, DASH, DASH_LEN) != 0)
        return TSN_EINPUT;
    sig->name = line + DASH_LEN;
    space = memchr(sig->name, ' ', len - DASH_LEN);
    if (!space)
        return TSN_EINPUT;
    sig->name_len = (size_t)(space - sig->name);
    if (!tsn_note_name_ok(sig->name, sig->name_len))
        return TSN_EINPUT;
    sig->base64 = space + 1;
    sig->base64_len = len - (size_t)(sig->base64 - line);
    err = tsn_unbase64(raw, sizeof(raw), &n, sig->base64, sig->base64_len);
    if (err)
        return err;
    if (n <= TSN_NOTE_ID_LEN)
        return TSN_EINPUT;
    memcpy(sig->id, raw, TSN_NOTE_ID_LEN);
    return 0;
}

tsn_err tsn_note_parse(struct tsn_note *note, const char *p, size_t n)
{
    size_t at, text_len = 0;
    tsn_err err;

    memset(note, 0, sizeof(*note));
    if (n > TSN_NOTE_MAX)
        return TSN_ETOOBIG;
    if (n == 0 || p[n - 1] != '\n' || !tsn_utf8_valid(p, n))
        return TSN_EINPUT;
    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)p[i] < 0x20 && p[i] != '\n')
            return TSN_EINPUT;
        if (i > 0 && p[i] == '\n' && p[i - 1] == '\n')
            text_len = i; /* the last empty line divides */
    }
    if (text_len == 0)
        return TSN_EINPUT;
    for (at = text_len + 1; at < n;) {
        const char *end = memchr(p + at, '\n', n - at); /* there is one: p ends with it */
        size_t len = end ? (size_t)(end - (p + at)) : n - at;

        if (note->nsigs == TSN_NOTE_SIGS_MAX)
            return TSN_ETOOBIG;
        err = parse_sig(&note->sigs[note->nsigs], p + at, len);
        if (err)
            return err;
        note->nsigs++;
        at += len + 1;
    }
    if (note->nsigs == 0)
        return TSN_EINPUT;
    note->text = p;
    note->len = text_len;
    return 0;
}

static bool sig_good(const struct tsn_note *note, const struct tsn_note_sig *sig,
                     const struct tsn_note_key *k, int64_t *time_s)
{
    uint8_t raw[TSN_NOTE_ID_LEN + COSIG_LEN];
    const uint8_t *at = raw + TSN_NOTE_ID_LEN;
    struct tsn_buf message;
    uint64_t t = 0;
    size_t n = 0;
    bool good;

    if (tsn_unbase64(raw, sizeof(raw), &n, sig->base64, sig->base64_len) != 0)
        return false; /* longer than any of a known type */
    n -= TSN_NOTE_ID_LEN;
    if (k->type == TSN_NOTE_ED25519)
        return n == TSN_SIGN_LEN && tsn_sign_check(at, k->pub, note->text, note->len);
    if (n != COSIG_LEN)
        return false;
    for (int i = 0; i < 8; i++)
        t = t << 8 | at[i];
    if (t > INT64_MAX)
        return false;
    tsn_buf_init(&message, TSN_NOTE_MAX + 64);
    good = cosigned(&message, note->text, note->len, t) == 0 &&
           tsn_sign_check(at + 8, k->pub, message.data, message.len);
    tsn_buf_free(&message);
    if (good && (int64_t)t > *time_s)
        *time_s = (int64_t)t;
    return good;
}

tsn_err tsn_note_check(const struct tsn_note *note, const struct tsn_note_key *k,
                       int64_t *time_s)
{
    size_t name_len = strlen(k->name);
    int64_t latest = 0;
    bool found = false;

    for (size_t i = 0; i < note->nsigs; i++) {
        const struct tsn_note_sig *sig = &note->sigs[i];

        if (sig->name_len != name_len || memcmp(sig->name, k->name, name_len) != 0 ||
            memcmp(sig->id, k->id, sizeof(k->id)) != 0)
            continue;
        if (!sig_good(note, sig, k, &latest))
            return TSN_ETAMPERED;
        found = true;
    }
    if (time_s)
        *time_s = latest;
    return found ? 0 : TSN_ENOTFOUND;
}

/* --- checkpoints -------------------------------------------------------------------------- */

tsn_err tsn_checkpoint_print(struct tsn_buf *out, const char *origin, uint64_t size,
                             const uint8_t root[TSN_HASH_LEN])
{
    char base64[4 * ((TSN_HASH_LEN + 2) / 3) + 1];

    if (!tsn_note_name_ok(origin, strlen(origin)) || size >= SIZE_LIMIT)
        return TSN_EINPUT;
    tsn_base64(base64, root, TSN_HASH_LEN);
    return tsn_buf_printf(out, "%s\n%llu\n%s\n", origin, (unsigned long long)size, base64);
}

/* Cuts the next line off the front; NULL at the end or for an empty one. */
static const char *next_line(const char **p, size_t *left, size_t *len)
{
    const char *line = *p, *end = *left ? memchr(line, '\n', *left) : NULL;

    if (!end || end == line)
        return NULL;
    *len = (size_t)(end - line);
    *left -= *len + 1;
    *p = end + 1;
    return line;
}

static tsn_err parse_size(const char *s, size_t len, uint64_t *out)
{
    char copy[24];
    int64_t v;

    /* tsn_parse_int may take a sign or zeros in front, which would be a second text of a size. */
    if (len >= sizeof(copy) || s[0] < '0' || s[0] > '9' || (s[0] == '0' && len > 1))
        return TSN_EINPUT;
    memcpy(copy, s, len);
    copy[len] = '\0';
    if (strlen(copy) != len || tsn_parse_int(copy, 0, INT64_MAX, &v) != 0)
        return TSN_EINPUT;
    *out = (uint64_t)v;
    return 0;
}

tsn_err tsn_checkpoint_parse(struct tsn_checkpoint *c, const char *text, size_t len)
{
    const char *line, *p = text;
    size_t n = 0, got = 0;

    memset(c, 0, sizeof(*c));
    if (len == 0 || len > TSN_NOTE_MAX || !tsn_utf8_valid(text, len))
        return TSN_EINPUT;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] < 0x20 && text[i] != '\n')
            return TSN_EINPUT;
    line = next_line(&p, &len, &n);
    if (!line)
        return TSN_EINPUT;
    c->origin = line;
    c->origin_len = n;
    line = next_line(&p, &len, &n);
    if (!line || parse_size(line, n, &c->size) != 0)
        return TSN_EINPUT;
    line = next_line(&p, &len, &n);
    if (!line || tsn_unbase64(c->root, sizeof(c->root), &got, line, n) != 0 ||
        got != sizeof(c->root))
        return TSN_EINPUT;
    while (len > 0) {
        if (!next_line(&p, &len, &n))
            return TSN_EINPUT;
        c->extended = true;
    }
    return 0;
}

tsn_err tsn_checkpoint_open(struct tsn_checkpoint *c, struct tsn_note *note, const char *p,
                            size_t n, const struct tsn_note_key *k)
{
    tsn_err err = tsn_note_parse(note, p, n);

    if (!err)
        err = tsn_note_check(note, k, NULL);
    if (!err)
        err = tsn_checkpoint_parse(c, note->text, note->len);
    if (!err &&
        (c->origin_len != strlen(k->name) || memcmp(c->origin, k->name, c->origin_len) != 0))
        err = TSN_ETAMPERED;
    return err;
}
