/* verify_note.c - checkpoints, keys and signatures (C2SP signed-note, tlog-checkpoint, cosignature/v1),
 * and the checkpoint that was seen before. See tocsin_verify.h. */
#include "verify/tocsin_verify.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEYS    16
#define SIGS    64
#define DASH    "\xe2\x80\x94 "
#define COSIGNS 4

struct key {
    char name[256];
    int type;
    unsigned char id[4], pub[32];
};

static struct key keys[2][KEYS]; /* logs, witnesses */
static int nkeys[2];
static int64_t at_least = -1;
static const char *memory;
static struct checkpoint old;
static bool have_old, probed;
static unsigned char probe[HASH];

/* --- names and keys -------------------------------------------------------------------------- */

/* UTF-8 without a space of any script, a control character or '+'. */
static bool name_ok(const char *s, size_t len)
{
    static const unsigned spaces[] = {0x85,   0xa0,   0x1680, 0x2028,
                                      0x2029, 0x202f, 0x205f, 0x3000};

    if (len == 0 || len > 255)
        return false;
    for (size_t i = 0; i < len;) {
        unsigned char c = (unsigned char)s[i];
        int more = c < 0x80 ? 0 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
        unsigned v = more == 0 ? c : c & (0x3fu >> more);

        if (c == '+' || c <= 0x20 || c == 0x7f || i + (size_t)more >= len)
            return false;
        for (int k = 1; k <= more; k++)
            v = v << 6 | ((unsigned char)s[i + (size_t)k] & 0x3f);
        if ((v >= 0x80 && v < 0xa0) || (v >= 0x2000 && v <= 0x200a))
            return false;
        for (size_t k = 0; k < sizeof(spaces) / sizeof(spaces[0]); k++)
            if (v == spaces[k])
                return false;
        i += (size_t)more + 1;
    }
    return true;
}

/* Well-formed UTF-8 and no control character but line ends. */
static bool text_ok(const char *s, size_t n)
{
    for (size_t i = 0; i < n;) {
        unsigned char c = (unsigned char)s[i];
        unsigned v, low[4] = {0, 0x80, 0x800, 0x10000};
        int more;

        if (c < 0x80) {
            if (c < 0x20 && c != '\n')
                return false;
            i++;
            continue;
        }
        more = c >= 0xc2 && c < 0xe0   ? 1
               : c >= 0xe0 && c < 0xf0 ? 2
               : c >= 0xf0 && c < 0xf5 ? 3
                                       : 0;
        if (more == 0 || i + (size_t)more >= n)
            return false;
        v = c & (0x3fu >> more);
        for (int k = 1; k <= more; k++) {
            if (((unsigned char)s[i + (size_t)k] & 0xc0) != 0x80)
                return false;
            v = v << 6 | ((unsigned char)s[i + (size_t)k] & 0x3f);
        }
        if (v < low[more] || v > 0x10ffff || (v >= 0xd800 && v < 0xe000))
            return false;
        i += (size_t)more + 1;
    }
    return true;
}

static void key_id(struct key *k)
{
    char in[256 + 1 + 33];
    size_t n = strlen(k->name);
    unsigned char h[HASH];

    memcpy(in, k->name, n);
    in[n++] = '\n';
    in[n++] = (char)k->type;
    memcpy(in + n, k->pub, 32);
    sha256(h, in, n + 32);
    memcpy(k->id, h, 4);
}

static bool key_parse(struct key *k, const char *s, size_t len)
{
    const char *plus = memchr(s, '+', len);
    unsigned char raw[48];
    char id[9];
    size_t left;

    memset(k, 0, sizeof(*k));
    if (!plus || !name_ok(s, (size_t)(plus - s)))
        return false;
    memcpy(k->name, s, (size_t)(plus - s));
    left = len - (size_t)(plus + 1 - s);
    if (left != 8 + 1 + 44 || plus[9] != '+' || unbase64(raw, plus + 10, 44) != 33 ||
        (raw[0] != 1 && raw[0] != 4))
        return false;
    k->type = raw[0];
    memcpy(k->pub, raw + 1, 32);
    key_id(k);
    (void)snprintf(id, sizeof(id), "%02x%02x%02x%02x", k->id[0], k->id[1], k->id[2], k->id[3]);
    return memcmp(id, plus + 1, 8) == 0;
}

static void key_line(const char *s, size_t len, int type)
{
    int list = type == COSIGNS;
    struct key k;

    if (!key_parse(&k, s, len))
        finding(UNUSABLE, "V112", "not a verifier key: %.*s", len < 80 ? (int)len : 80, s);
    if (k.type != type)
        return;
    if (nkeys[list] == KEYS)
        finding(UNUSABLE, "V112", "more than %d keys", KEYS);
    keys[list][nkeys[list]++] = k;
}

/* The word at *s, and *s behind it and its space. */
static size_t word(const char **s, const char *end, const char **out)
{
    const char *space = memchr(*s, ' ', (size_t)(end - *s));
    size_t n = space ? (size_t)(space - *s) : (size_t)(end - *s);

    *out = *s;
    *s += n + (space ? 1 : 0);
    return n;
}

static void file_line(const char *s, size_t len, int type)
{
    const char *end = s + len, *w, *at;
    size_t n;

    while (s < end && strchr(" \t\r", *s))
        s++;
    while (end > s && strchr(" \t\r", end[-1]))
        end--;
    if (s == end || *s == '#')
        return;
    at = s;
    n = word(&at, end, &w);
    if ((n == 5 && memcmp(w, "group", 5) == 0) || (n == 6 && memcmp(w, "quorum", 6) == 0))
        return;
    if (n == 3 && memcmp(w, "log", 3) == 0) {
        if (type != COSIGNS)
            key_line(at, (size_t)(end - at), type);
    } else if (n == 7 && memcmp(w, "witness", 7) == 0) {
        if (type != COSIGNS)
            return;
        (void)word(&at, end, &w); /* its name */
        n = word(&at, end, &w);
        key_line(w, n, type);
    } else {
        key_line(s, (size_t)(end - s), type);
    }
}

void keys_add(const char *value, int type)
{
    struct bytes b;
    struct stat info;

    if (stat(value, &info) != 0 || !S_ISREG(info.st_mode)) {
        key_line(value, strlen(value), type);
        return;
    }
    if (!read_file(&b, value, ""))
        finding(UNUSABLE, "V112", "%s cannot be read", value);
    for (size_t at = 0; at < b.n;) {
        const char *end = memchr(b.p + at, '\n', b.n - at);
        size_t len = end ? (size_t)(end - (b.p + at)) : b.n - at;

        file_line(b.p + at, len, type);
        at += len + 1;
    }
    free(b.p);
}

/* --- checkpoints ----------------------------------------------------------------------------- */

struct sig {
    const char *name;
    size_t name_len;
    unsigned char *raw;
    long n;
};

static bool sig_parse(struct sig *out, const char *line, size_t len)
{
    const char *space;

    if (len < 4 || memcmp(line, DASH, 4) != 0)
        return false;
    out->name = line + 4;
    space = memchr(out->name, ' ', len - 4);
    if (!space)
        return false;
    out->name_len = (size_t)(space - out->name);
    len -= (size_t)(space + 1 - line);
    out->raw = need(len + 4);
    out->n = unbase64(out->raw, space + 1, len);
    return name_ok(out->name, out->name_len) && out->n > 4;
}

/* Every signature line in turn; returns false when one is malformed. */
static bool each_sig(const struct checkpoint *c, bool (*fn)(const struct sig *s, void *user),
                     void *user)
{
    size_t at = c->text_len + 1, len, n = 0;
    const char *line;

    while (next_line(&c->note, &at, &line, &len)) {
        struct sig s = {.raw = NULL};
        bool good = n++ < SIGS && sig_parse(&s, line, len) && (!fn || fn(&s, user));

        free(s.raw);
        if (!good)
            return false;
    }
    return n > 0;
}

static bool body_parse(struct checkpoint *c)
{
    struct bytes text = {c->note.p, c->text_len};
    const char *line;
    size_t at = 0, len;
    unsigned char raw[48];

    if (!next_line(&text, &at, &line, &len) || !name_ok(line, len))
        return false;
    memcpy(c->origin, line, len);
    c->origin[len] = '\0';
    if (!next_line(&text, &at, &line, &len) || !decimal_of(line, len, &c->size) ||
        !next_line(&text, &at, &line, &len) || len != 44 || unbase64(raw, line, len) != HASH)
        return false;
    memcpy(c->root, raw, HASH);
    return at == text.n;
}

static bool note_parse(struct checkpoint *c, struct bytes note)
{
    memset(c, 0, sizeof(*c));
    c->note = note;
    if (note.n == 0 || note.n > 128 << 10 || note.p[note.n - 1] != '\n' ||
        !text_ok(note.p, note.n))
        return false;
    for (size_t i = 1; i < note.n; i++)
        if (note.p[i] == '\n' && note.p[i - 1] == '\n')
            c->text_len = i; /* the last empty line divides */
    return c->text_len > 0 && each_sig(c, NULL, NULL) && body_parse(c);
}

void checkpoint_parse(struct checkpoint *out, struct bytes note)
{
    if (!note_parse(out, note))
        finding(TAMPERED, "V111",
                "the checkpoint is not origin, size and root in a signed note");
}

/* --- signatures -------------------------------------------------------------------------------- */

static bool ed25519(const unsigned char *pub, const unsigned char *sig, const char *p, size_t n)
{
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, pub, 32);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = key && ctx && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) == 1 &&
                EVP_DigestVerify(ctx, sig, 64, (const unsigned char *)p, n) == 1;

    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
    return good;
}

struct looking {
    const struct checkpoint *c;
    const struct key *k;
    bool found;
};

static bool look(const struct sig *s, void *user)
{
    struct looking *l = user;
    struct bytes message = {NULL, 0};
    const unsigned char *sig = s->raw + 4;
    bool good;

    if (s->name_len != strlen(l->k->name) || memcmp(s->name, l->k->name, s->name_len) != 0 ||
        memcmp(s->raw, l->k->id, 4) != 0)
        return true;
    if (l->k->type != COSIGNS) {
        good = s->n == 4 + 64 && ed25519(l->k->pub, sig, l->c->note.p, l->c->text_len);
    } else {
        unsigned long long t = 0;

        for (int i = 0; i < 8 && s->n == 4 + 72; i++)
            t = t << 8 | sig[i];
        message.p = need(l->c->text_len + 64);
        message.n = (size_t)snprintf(message.p, 64, "cosignature/v1\ntime %llu\n", t);
        memcpy(message.p + message.n, l->c->note.p, l->c->text_len);
        message.n += l->c->text_len;
        good = s->n == 4 + 72 && ed25519(l->k->pub, sig + 8, message.p, message.n);
        free(message.p);
    }
    if (!good)
        finding(TAMPERED, "V111", "the signature of %s is wrong", l->k->name);
    l->found = true;
    return true;
}

static int signers(const struct checkpoint *c, int list)
{
    int n = 0;

    for (int i = 0; i < nkeys[list]; i++) {
        struct looking l = {c, &keys[list][i], false};

        (void)each_sig(c, look, &l);
        if (l.found && list == 0 && strcmp(l.k->name, c->origin) != 0)
            finding(TAMPERED, "V111", "the signing key is of another log");
        n += l.found;
    }
    return n;
}

/* --- age and memory ------------------------------------------------------------------------------ */

void at_least_set(const char *text)
{
    if (!decimal_of(text, strlen(text), &at_least))
        finding(UNUSABLE, "V114", "--at-least is not a number");
}

void memory_read(const char *path)
{
    struct bytes b;

    memory = path;
    if (access(path, F_OK) != 0)
        return;
    if (!read_file(&b, path, "") || !note_parse(&old, b))
        finding(UNUSABLE, "V115", "%s is not a checkpoint that was kept", path);
    have_old = true;
}

int64_t memory_size(void)
{
    return have_old ? old.size : -1;
}

void memory_probe(const unsigned char *root)
{
    memcpy(probe, root, HASH);
    probed = true;
}

/* root NULL: only what was probed is compared. */
static void memory_check(int64_t size, const unsigned char *root)
{
    if (old.size > size)
        finding(TAMPERED, "V115",
                "a checkpoint of %lld entries was seen before, this one has %lld",
                (long long)old.size, (long long)size);
    if ((root && old.size == size && memcmp(old.root, root, HASH) != 0) ||
        (probed && memcmp(old.root, probe, HASH) != 0))
        finding(TAMPERED, "V115",
                "the checkpoint of %lld entries seen before is of another log",
                (long long)old.size);
}

static void memory_keep(const struct checkpoint *c)
{
    char draft[8192];
    FILE *f;

    (void)snprintf(draft, sizeof(draft), "%s.new", memory);
    f = fopen(draft, "wb");
    if (!f || fwrite(c->note.p, 1, c->note.n, f) != c->note.n || fclose(f) != 0 ||
        rename(draft, memory) != 0)
        (void)fprintf(stderr, "warning: %s is not kept\n", memory);
}

static void size_check(int64_t size)
{
    if (at_least >= 0 && size < at_least)
        finding(TAMPERED, "V114", "%lld entries, and at least %lld were asked for",
                (long long)size, (long long)at_least);
}

void settle_unsigned(int64_t size)
{
    size_check(size);
    if (have_old)
        memory_check(size, NULL);
    if (nkeys[0] || nkeys[1])
        finding(
            CANNOT_TELL, "V112",
            "JSON lines are not signed: ask for a bundle (tocsin audit export all --out FILE)");
    free(old.note.p);
}

void settle(const struct checkpoint *c, const char *code, const char *why_not)
{
    int logs = signers(c, 0), witnesses = signers(c, 1);
    char unshown[160];

    size_check(c->size);
    if (have_old && strcmp(old.origin, c->origin) != 0)
        finding(UNUSABLE, "V115", "the memory is of another log, %s", old.origin);
    if (have_old)
        memory_check(c->size, c->root);
    if (!why_not && have_old && !probed && old.size > 0 && old.size < c->size) {
        (void)snprintf(
            unshown, sizeof(unshown),
            "nothing here shows that it continues the checkpoint of %lld entries seen "
            "before: ask for an export with --since %lld",
            (long long)old.size, (long long)old.size);
        code = "V115";
        why_not = unshown;
    }
    if (logs == 0)
        finding(CANNOT_TELL, "V112", "%s",
                nkeys[0] ? "no key that you trust has signed it"
                         : "consistent in itself; without --trust anyone can have signed it");
    if (witnesses < nkeys[1])
        finding(CANNOT_TELL, "V113", "%d of %d witnesses have cosigned it", witnesses,
                nkeys[1]);
    if (why_not)
        finding(CANNOT_TELL, code, "%s", why_not);
    if (memory)
        memory_keep(c);
    printf("VERIFIED  in checkpoint %lld of %s, signed by %d of your keys, %d witnesses\n",
           (long long)c->size, c->origin, logs, witnesses);
    puts("not proved: what was done outside tocsin; anything after this checkpoint; that");
    puts("statements are true; what the reader page says");
    free(old.note.p);
}
