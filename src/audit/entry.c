/* entry.c - prints and parses audit entries; the two are inverse to each other.
 *
 * One table states every key, its form and its place in struct tsn_entry, so that printing and
 * parsing cannot drift apart. Parsing ends by printing again and comparing the bytes: whatever
 * a form check forgets, a text that print would not have written is refused. Pure; any thread.
 */
#include "audit/entry.h"

#include <string.h>
#include "core/clock.h"
#include "core/id.h"
#include "core/mem.h"
#include "core/text.h"

#define HEAD    "tocsin-audit/v1\n"
#define HEX_LEN ((size_t)2 * TSN_HASH_LEN)

enum form {
    FORM_INT, /* decimal, no leading zero, 0 to INT64_MAX */
    FORM_ULID,
    FORM_TIME,
    FORM_CLOCK, /* s|u , error , 8 hex , ns */
    FORM_NODE,  /* name , epoch */
    FORM_KIND,  /* words of [a-z0-9_] joined by dots */
    FORM_CHAIN,
    FORM_HASH,  /* 64 hex inside the struct */
    FORM_HASHP, /* 64 hex behind a pointer */
    FORM_WORD
};

struct key {
    const char *name;
    enum form form;
    bool need;
    size_t offset;
};

#define KEY(name, form, need, member)                                                          \
    {                                                                                          \
        name, form, need, offsetof(struct tsn_entry, member)                                   \
    }
/* In the order of the text; the commitments follow. */
static const struct key keys[] = {
    KEY("seq", FORM_INT, true, seq),
    KEY("id", FORM_ULID, true, id),
    KEY("time", FORM_TIME, true, time_ms),
    KEY("clock", FORM_CLOCK, true, clock),
    KEY("node", FORM_NODE, true, node),
    KEY("kind", FORM_KIND, true, kind),
    KEY("actor", FORM_WORD, true, actor),
    KEY("auth", FORM_WORD, true, auth),
    KEY("case", FORM_ULID, false, case_id),
    KEY("run", FORM_ULID, false, run),
    KEY("chain", FORM_CHAIN, true, chain),
    KEY("rseq", FORM_INT, true, rseq),
    KEY("rprev", FORM_HASH, true, rprev),
    KEY("ref", FORM_INT, false, ref),
    KEY("playbook", FORM_WORD, false, playbook),
    KEY("step", FORM_WORD, false, step),
    KEY("attempt", FORM_INT, false, attempt),
    KEY("idem", FORM_WORD, false, idem),
    KEY("outcome", FORM_WORD, false, outcome),
    KEY("reason", FORM_WORD, false, reason),
    KEY("from", FORM_WORD, false, from),
    KEY("to", FORM_WORD, false, to),
    KEY("rlen", FORM_INT, false, rlen),
    KEY("rlast", FORM_HASHP, false, rlast),
    KEY("tlp", FORM_WORD, false, tlp),
    KEY("ret", FORM_WORD, false, ret),
};
#define NKEYS    (sizeof keys / sizeof keys[0])
#define TIME_MAX 253402300799999 /* end of year 9999 */

/* --- the forms ------------------------------------------------------------------------ */

static bool is_digits(const char *s, size_t n)
{
    if (n == 0 || (n > 1 && s[0] == '0'))
        return false;
    for (size_t i = 0; i < n; i++)
        if (s[i] < '0' || s[i] > '9')
            return false;
    return true;
}

static bool is_hex(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!((s[i] >= '0' && s[i] <= '9') || (s[i] >= 'a' && s[i] <= 'f')))
            return false;
    return true;
}

static bool is_clock(const char *s)
{
    const char *err = NULL, *boot = NULL, *ns = NULL;

    if ((s[0] != 's' && s[0] != 'u') || s[1] != ',')
        return false;
    err = s + 2;
    boot = strchr(err, ',');
    if (boot == NULL || !is_digits(err, (size_t)(boot - err)))
        return false;
    boot++;
    ns = strchr(boot, ',');
    if (ns == NULL || ns - boot != 8 || !is_hex(boot, 8))
        return false;
    return is_digits(ns + 1, strlen(ns + 1));
}

static bool is_node(const char *s)
{
    const char *comma = strchr(s, ',');

    return comma != NULL && comma != s && is_digits(comma + 1, strlen(comma + 1));
}

static bool is_kind(const char *s)
{
    bool start = true;

    for (; *s != '\0'; s++) {
        if (*s == '.') {
            if (start)
                return false;
            start = true;
        } else if ((*s >= 'a' && *s <= 'z') || (*s >= '0' && *s <= '9') || *s == '_') {
            start = false;
        } else {
            return false;
        }
    }
    return !start;
}

static bool is_chain(const char *s)
{
    if (strcmp(s, "sys") == 0)
        return true;
    if (strncmp(s, "run:", 4) == 0)
        return tsn_id_valid(s + 4);
    return strncmp(s, "case:", 5) == 0 && tsn_id_valid(s + 5);
}

static bool is_word(const char *s)
{
    return tsn_word_ok(s, TSN_ENTRY_VALUE_MAX);
}

/* A word (is_word) against the rest of its form; numbers and hashes have their own paths. */
static bool form_ok(enum form form, const char *s)
{
    switch (form) {
    case FORM_ULID:
        return tsn_id_valid(s);
    case FORM_CLOCK:
        return is_clock(s);
    case FORM_NODE:
        return is_node(s);
    case FORM_KIND:
        return is_kind(s);
    case FORM_CHAIN:
        return is_chain(s);
    case FORM_WORD:
        return true;
    case FORM_INT:
    case FORM_TIME:
    case FORM_HASH:
    case FORM_HASHP:
        break;
    }
    return false;
}

static bool commit_name_ok(const char *s)
{
    size_t n = 0;

    for (; s[n] != '\0'; n++)
        if (!((s[n] >= 'a' && s[n] <= 'z') || (s[n] >= '0' && s[n] <= '9')))
            return false;
    return n >= 1 && n < sizeof((struct tsn_commit *)0)->name;
}

/* What ties values to each other. NULL = all hold. */
static const char *contradiction(const struct tsn_entry *e)
{
    if (strncmp(e->chain, "run:", 4) == 0 &&
        (e->run == NULL || strcmp(e->chain + 4, e->run) != 0))
        return "the chain names another run than the key run";
    if (strncmp(e->chain, "case:", 5) == 0 &&
        (e->case_id == NULL || strcmp(e->chain + 5, e->case_id) != 0))
        return "the chain names another case than the key case";
    if ((e->rlen < 0) != (e->rlast == NULL))
        return "rlen and rlast belong together";
    return NULL;
}

/* --- printing ------------------------------------------------------------------------- */

void tsn_entry_init(struct tsn_entry *e)
{
    memset(e, 0, sizeof *e);
    e->seq = e->time_ms = e->rseq = e->ref = e->attempt = e->rlen = -1;
}

void tsn_entry_leaf(uint8_t out[TSN_HASH_LEN], const char *text, size_t len)
{
    uint8_t in[1 + TSN_ENTRY_MAX];

    in[0] = 0x00;
    if (len <= TSN_ENTRY_MAX) {
        memcpy(in + 1, text, len);
        tsn_sha256_once(out, in, len + 1);
    } else { /* never an entry; still a defined value for a verifier that meets one */
        struct tsn_sha256 *h = tsn_sha256_new();

        tsn_sha256_begin(h);
        tsn_sha256_add(h, in, 1);
        tsn_sha256_add(h, text, len);
        tsn_sha256_end(h, out);
        tsn_sha256_destroy(h);
    }
}

static void put_int(struct tsn_buf *out, int64_t v)
{
    char text[24];
    size_t at = sizeof text;

    do {
        text[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v > 0);
    tsn_buf_put(out, text + at, sizeof text - at);
}

static void put_hash(struct tsn_buf *out, const uint8_t *hash)
{
    char hex[2 * TSN_HASH_LEN + 1];

    tsn_hex(hex, hash, TSN_HASH_LEN);
    tsn_buf_put(out, hex, HEX_LEN);
}

static void put_time(struct tsn_buf *out, int64_t ms)
{
    char text[25];

    tsn_time_format(text, ms); /* 2026-11-24T09:15:02.123Z */
    tsn_buf_put(out, text, 23);
    tsn_buf_puts(out, "000000Z");
}

static void put_key(struct tsn_buf *out, const char *name)
{
    tsn_buf_puts(out, name);
    tsn_buf_putc(out, ' ');
}

/* One key of the table. Returns false when its value cannot be written. */
static bool print_key(struct tsn_buf *out, const struct key *k, const struct tsn_entry *e)
{
    const char *member = (const char *)e + k->offset;

    switch (k->form) {
    case FORM_INT:
    case FORM_TIME: {
        int64_t v = *(const int64_t *)(const void *)member;

        if (v == -1 && !k->need)
            return true;
        if (v < 0 || (k->form == FORM_TIME && v > TIME_MAX))
            return false;
        put_key(out, k->name);
        if (k->form == FORM_TIME)
            put_time(out, v);
        else
            put_int(out, v);
        break;
    }
    case FORM_HASH:
        put_key(out, k->name);
        put_hash(out, (const uint8_t *)member);
        break;
    case FORM_HASHP: {
        const uint8_t *hash = *(const uint8_t *const *)(const void *)member;

        if (hash == NULL)
            return !k->need;
        put_key(out, k->name);
        put_hash(out, hash);
        break;
    }
    case FORM_ULID:
    case FORM_CLOCK:
    case FORM_NODE:
    case FORM_KIND:
    case FORM_CHAIN:
    case FORM_WORD: {
        const char *s = *(const char *const *)(const void *)member;

        if (s == NULL)
            return !k->need;
        if (!is_word(s) || !form_ok(k->form, s))
            return false;
        put_key(out, k->name);
        tsn_buf_puts(out, s);
        break;
    }
    }
    tsn_buf_putc(out, '\n');
    return true;
}

/* No message: the caller words it. `bad` gets the name of the key at fault. */
static tsn_err print(struct tsn_buf *out, const struct tsn_entry *e, const char **bad)
{
    size_t start = out->len;

    tsn_buf_put(out, HEAD, sizeof HEAD - 1);
    for (size_t i = 0; i < NKEYS; i++)
        if (!print_key(out, &keys[i], e)) {
            *bad = keys[i].name;
            return TSN_EINPUT;
        }
    *bad = "c";
    if (e->ncommits > TSN_ENTRY_FIELDS_MAX)
        return TSN_EINPUT;
    for (size_t i = 0; i < e->ncommits; i++) {
        if (!commit_name_ok(e->commits[i].name) ||
            (i > 0 && strcmp(e->commits[i - 1].name, e->commits[i].name) >= 0))
            return TSN_EINPUT;
        tsn_buf_puts(out, "c.");
        put_key(out, e->commits[i].name);
        put_hash(out, e->commits[i].value);
        tsn_buf_putc(out, '\n');
    }
    *bad = contradiction(e);
    if (*bad != NULL)
        return TSN_EINPUT;
    if (out->err != 0)
        return out->err;
    return out->len - start > TSN_ENTRY_MAX ? TSN_ETOOBIG : 0;
}

tsn_err tsn_entry_print(struct tsn_buf *out, const struct tsn_entry *e, struct tsn_diag *diag)
{
    const char *bad = NULL;
    tsn_err err = print(out, e, &bad);

    if (err == TSN_ETOOBIG)
        return tsn_diag_set(diag, err, "V010", "the entry is longer than %d bytes",
                            TSN_ENTRY_MAX);
    if (err != 0)
        return tsn_diag_set(diag, err, "V010", "the entry cannot be written: %s", bad);
    return 0;
}

/* --- parsing -------------------------------------------------------------------------- */

static bool parse_int(const char *s, int64_t *out)
{
    size_t n = strlen(s);

    *out = 0;
    if (!is_digits(s, n) || n > 19)
        return false;
    for (size_t i = 0; i < n; i++)
        if (__builtin_mul_overflow(*out, 10, out) ||
            __builtin_add_overflow(*out, s[i] - '0', out))
            return false;
    return true;
}

static int digits(const char *s, int n)
{
    int v = 0;

    while (n-- > 0)
        v = v * 10 + (*s++ - '0');
    return v;
}

/* The one text that put_time writes, of a day and time that there is. */
static bool parse_time(const char *s, int64_t *out)
{
    static const char shape[] = "dddd-dd-ddTdd:dd:dd.ddd000000Z";
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t year, month, day, hour, minute, second, date;
    bool leap;

    for (size_t i = 0; i < sizeof shape; i++)
        if (shape[i] == 'd' ? !(s[i] >= '0' && s[i] <= '9') : s[i] != shape[i])
            return false;
    year = digits(s, 4);
    month = digits(s + 5, 2);
    day = digits(s + 8, 2);
    hour = digits(s + 11, 2);
    minute = digits(s + 14, 2);
    second = digits(s + 17, 2);
    leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if (year < 1970 || month < 1 || month > 12 || day < 1 ||
        day > days[month - 1] + (month == 2 && leap) || hour > 23 || minute > 59 || second > 59)
        return false;
    /* Days since 1970; a year that begins in March has its leap day at its end. */
    year -= month <= 2;
    date = year * 365 + year / 4 - year / 100 + year / 400 +
           (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1 - 719468;
    *out = ((date * 24 + hour) * 60 + minute) * 60000 + second * 1000 + digits(s + 20, 3);
    return true;
}

/* 64 small hexadecimal digits. */
static bool parse_hash(const char *s, uint8_t out[TSN_HASH_LEN])
{
    unsigned char bad = 0;
    size_t i;

    for (i = 0; i < HEX_LEN && s[i] != '\0'; i++) {
        unsigned char c = (unsigned char)s[i], d = (unsigned char)(c - '0'),
                      l = (unsigned char)(c - 'a');
        unsigned char v = d < 10 ? d : (unsigned char)(l + 10);

        bad |= d >= 10 && l >= 6;
        out[i / 2] = (unsigned char)(i % 2 ? out[i / 2] | v : v << 4);
    }
    return i == HEX_LEN && s[i] == '\0' && !bad;
}

static bool parse_key(struct tsn_arena *arena, const struct key *k, struct tsn_entry *e,
                      const char *value)
{
    char *member = (char *)e + k->offset;
    uint8_t hash[TSN_HASH_LEN];

    switch (k->form) {
    case FORM_INT:
        return parse_int(value, (int64_t *)(void *)member);
    case FORM_TIME:
        return parse_time(value, (int64_t *)(void *)member);
    case FORM_HASH:
    case FORM_HASHP:
        if (!parse_hash(value, hash))
            return false;
        if (k->form == FORM_HASH)
            memcpy(member, hash, sizeof hash);
        else
            *(const uint8_t **)(void *)member = tsn_arena_memdup(arena, hash, sizeof hash);
        return true;
    case FORM_ULID:
    case FORM_CLOCK:
    case FORM_NODE:
    case FORM_KIND:
    case FORM_CHAIN:
    case FORM_WORD:
        if (!form_ok(k->form, value))
            return false;
        *(const char **)(void *)member = value;
        return true;
    }
    return false;
}

static bool parse_commit(struct tsn_entry *e, const char *name, const char *value)
{
    struct tsn_commit *c = NULL;

    if (e->ncommits == TSN_ENTRY_FIELDS_MAX || !commit_name_ok(name))
        return false;
    if (e->ncommits > 0 && strcmp(e->commits[e->ncommits - 1].name, name) >= 0)
        return false;
    c = &e->commits[e->ncommits];
    if (!parse_hash(value, c->value))
        return false;
    tsn_copy(c->name, sizeof c->name, name);
    e->ncommits++;
    return true;
}

tsn_err tsn_entry_parse(struct tsn_arena *arena, const char *text, size_t len,
                        struct tsn_entry *out, struct tsn_diag *diag)
{
    char *copy = NULL, *line = NULL, *end = NULL;
    const char *why = NULL;
    size_t next = 0; /* first key of the table that may still come */
    bool rprev = false, odd = false;
    int number = 1;

    tsn_entry_init(out);
    if (len > TSN_ENTRY_MAX)
        return tsn_diag_set(diag, TSN_ETOOBIG, "V001", "the entry is longer than %d bytes",
                            TSN_ENTRY_MAX);
    if (len < sizeof HEAD - 1 || memcmp(text, HEAD, sizeof HEAD - 1) != 0)
        return tsn_diag_set(diag, TSN_EINPUT, "V001",
                            "the entry does not begin with tocsin-audit/v1");
    if (text[len - 1] != '\n')
        return tsn_diag_set(diag, TSN_EINPUT, "V001", "the entry's last line does not end");
    for (size_t i = 0; i < len; i++)
        odd |=
            (unsigned char)text[i] > 0x7E || ((unsigned char)text[i] < 0x20 && text[i] != '\n');
    if (odd)
        return tsn_diag_set(diag, TSN_EINPUT, "V001",
                            "the entry has a byte that is not printable ASCII");
    copy = tsn_arena_strndup(arena, text, len);
    end = copy + len;
    for (line = copy + sizeof HEAD - 1; line < end; number++) {
        char *eol = memchr(line, '\n', (size_t)(end - line));
        char *space = memchr(line, ' ', (size_t)(eol - line));
        char *value = space == NULL ? NULL : space + 1;
        size_t at = next;

        if (value == NULL || value == eol || memchr(value, ' ', (size_t)(eol - value)) ||
            eol - value > TSN_ENTRY_VALUE_MAX) {
            why = "a line is not one key, one space and one value";
            goto bad;
        }
        *space = *eol = '\0';
        if (strncmp(line, "c.", 2) == 0) {
            next = NKEYS;
            if (!parse_commit(out, line + 2, value)) {
                why = "a commitment is malformed, out of order or one too many";
                goto bad;
            }
        } else {
            while (at < NKEYS &&
                   (keys[at].name[0] != line[0] || strcmp(keys[at].name, line) != 0))
                at++;
            if (at == NKEYS) {
                why = "a key is unknown, given twice or out of order";
                goto bad;
            }
            next = at + 1;
            rprev |= keys[at].form == FORM_HASH;
            if (!parse_key(arena, &keys[at], out, value)) {
                why = "a value does not have the form its key demands";
                goto bad;
            }
        }
        line = eol + 1;
    }
    for (size_t i = 0; i < NKEYS; i++) {
        const char *member = (const char *)out + keys[i].offset;

        if (!keys[i].need)
            continue;
        if (keys[i].form == FORM_HASH ? !rprev
            : (keys[i].form == FORM_INT || keys[i].form == FORM_TIME)
                ? *(const int64_t *)(const void *)member < 0
                : *(const char *const *)(const void *)member == NULL)
            return tsn_diag_set(diag, TSN_EINPUT, "V001", "the entry lacks the key %s",
                                keys[i].name);
    }
    /* Each value has one text and each key one place, so printing gives these bytes again: tests/fuzz. */
    why = contradiction(out);
    if (why != NULL)
        return tsn_diag_set(diag, TSN_EINPUT, "V001", "%s", why);
    return 0;
bad:
    return tsn_diag_set(diag, TSN_EINPUT, "V001", "line %d: %s", number + 1, why);
}
