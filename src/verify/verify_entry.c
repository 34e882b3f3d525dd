/* verify_entry.c - the canonical form of an entry, as docs/audit.md states it: one scan over the
 * lines, each key checked by a rule named in a table. */
#include "verify/tocsin_verify.h"

#include <string.h>

#define HEAD      "tocsin-audit/v1\n"
#define LONGEST   4096
#define VALUE_MAX 512

/* Rules: n number, u ULID, t time, c clock, o node, k kind, h chain, x hash, w word. */
/* What the checks between entries need of it, K_NONE: nothing. */
enum keep {
    K_NONE,
    K_SEQ,
    K_RSEQ,
    K_REF,
    K_RLEN,
    K_KIND,
    K_NODE,
    K_CHAIN,
    K_RUN,
    K_CASE,
    K_FROM,
    K_RPREV,
    K_RLAST
};

static const struct {
    const char *name;
    size_t len;
    char rule;
    bool need;
    enum keep keep;
} table[] = {
    {"seq", 3, 'n', true, K_SEQ},        {"id", 2, 'u', true, K_NONE},
    {"time", 4, 't', true, K_NONE},      {"clock", 5, 'c', true, K_NONE},
    {"node", 4, 'o', true, K_NODE},      {"kind", 4, 'k', true, K_KIND},
    {"actor", 5, 'w', true, K_NONE},     {"auth", 4, 'w', true, K_NONE},
    {"case", 4, 'u', false, K_CASE},     {"run", 3, 'u', false, K_RUN},
    {"chain", 5, 'h', true, K_CHAIN},    {"rseq", 4, 'n', true, K_RSEQ},
    {"rprev", 5, 'x', true, K_RPREV},    {"ref", 3, 'n', false, K_REF},
    {"playbook", 8, 'w', false, K_NONE}, {"step", 4, 'w', false, K_NONE},
    {"attempt", 7, 'n', false, K_NONE},  {"idem", 4, 'w', false, K_NONE},
    {"outcome", 7, 'w', false, K_NONE},  {"reason", 6, 'w', false, K_NONE},
    {"from", 4, 'w', false, K_FROM},     {"to", 2, 'w', false, K_NONE},
    {"rlen", 4, 'n', false, K_RLEN},     {"rlast", 5, 'x', false, K_RLAST},
    {"tlp", 3, 'w', false, K_NONE},      {"ret", 3, 'w', false, K_NONE},
};
#define KEYS (sizeof(table) / sizeof(table[0]))

struct span {
    const char *p;
    size_t n;
};

static bool is(struct span s, const char *text)
{
    return s.n == strlen(text) && memcmp(s.p, text, s.n) == 0;
}

/* What a byte may be part of: entries are mostly hashes, ids and numbers, so this is asked often. */
enum { DIGIT = 1, HEXA = 2, CROCKFORD = 4 };

static const unsigned char classes[256] = {
    ['0'] = 7, ['1'] = 7, ['2'] = 7, ['3'] = 7, ['4'] = 7, ['5'] = 7, ['6'] = 7, ['7'] = 7,
    ['8'] = 7, ['9'] = 7, ['a'] = 2, ['b'] = 2, ['c'] = 2, ['d'] = 2, ['e'] = 2, ['f'] = 2,
    ['A'] = 4, ['B'] = 4, ['C'] = 4, ['D'] = 4, ['E'] = 4, ['F'] = 4, ['G'] = 4, ['H'] = 4,
    ['J'] = 4, ['K'] = 4, ['M'] = 4, ['N'] = 4, ['P'] = 4, ['Q'] = 4, ['R'] = 4, ['S'] = 4,
    ['T'] = 4, ['V'] = 4, ['W'] = 4, ['X'] = 4, ['Y'] = 4, ['Z'] = 4,
};

static bool only(struct span s, unsigned char class)
{
    for (size_t i = 0; i < s.n; i++)
        if (!(classes[(unsigned char)s.p[i]] & class))
            return false;
    return s.n > 0;
}

static bool decimal(struct span s)
{
    return only(s, DIGIT) && (s.n == 1 || s.p[0] != '0');
}

/* False when it does not fit. */
static bool number(struct span s, int64_t *out)
{
    int64_t v = 0;

    if (!decimal(s))
        return false;
    for (size_t i = 0; i < s.n; i++) {
        int d = s.p[i] - '0';

        if (v > (INT64_MAX - d) / 10)
            return false;
        v = v * 10 + d;
    }
    *out = v;
    return true;
}

static bool hash(struct span s)
{
    return s.n == 2 * HASH && only(s, HEXA);
}

static bool ulid(struct span s)
{
    return s.n == 26 && only(s, CROCKFORD) && s.p[0] <= '7';
}

static int two(const char *p)
{
    return (p[0] - '0') * 10 + p[1] - '0';
}

/* YYYY-MM-DDTHH:MM:SS.mmm000000Z, a day that exists, from 1970 on. */
static bool time_ok(struct span s)
{
    static const char shape[] = "0000-00-00T00:00:00.000......Z";
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year, month, day;

    if (s.n != sizeof(shape) - 1)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];

        if (shape[i] == '0' ? c < '0' || c > '9'
                            : c != (shape[i] == '.' && i > 19 ? '0' : shape[i]))
            return false;
    }
    year = two(s.p) * 100 + two(s.p + 2);
    month = two(s.p + 5);
    day = two(s.p + 8);
    if (year < 1970 || month < 1 || month > 12 || day < 1)
        return false;
    if (day > days[month - 1] &&
        !(month == 2 && day == 29 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)))
        return false;
    return two(s.p + 11) < 24 && two(s.p + 14) < 60 && two(s.p + 17) < 60;
}

/* Cuts off the front up to the next comma. */
static bool until_comma(struct span *rest, struct span *out)
{
    const char *comma = memchr(rest->p, ',', rest->n);

    if (!comma)
        return false;
    *out = (struct span){rest->p, (size_t)(comma - rest->p)};
    rest->n -= out->n + 1;
    rest->p = comma + 1;
    return true;
}

static bool clock_ok(struct span s, struct entry *out)
{
    struct span state, error, boot;

    if (!until_comma(&s, &state) || !until_comma(&s, &error) || !until_comma(&s, &boot) ||
        !(is(state, "s") || is(state, "u")) || !decimal(error) || boot.n != 8 ||
        !only(boot, HEXA) || !decimal(s))
        return false;
    memcpy(out->boot, boot.p, 8);
    if (!number(s, &out->boot_ns))
        out->boot_ns = -1;
    return true;
}

static bool node_ok(struct span s)
{
    struct span name;

    return until_comma(&s, &name) && name.n > 0 && decimal(s);
}

static bool kind_ok(struct span s)
{
    char before = '.';

    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];

        if (c == '.' ? before == '.'
                     : !((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'))
            return false;
        before = c;
    }
    return before != '.';
}

static bool chain_ok(struct span s)
{
    if (s.n > 4 && memcmp(s.p, "run:", 4) == 0)
        return ulid((struct span){s.p + 4, s.n - 4});
    if (s.n > 5 && memcmp(s.p, "case:", 5) == 0)
        return ulid((struct span){s.p + 5, s.n - 5});
    return is(s, "sys");
}

static bool value_ok(char rule, struct span s, struct entry *out)
{
    int64_t v;

    switch (rule) {
    case 'n':
        return number(s, &v);
    case 'u':
        return ulid(s);
    case 't':
        return time_ok(s);
    case 'c':
        return clock_ok(s, out);
    case 'o':
        return node_ok(s);
    case 'k':
        return kind_ok(s);
    case 'h':
        return chain_ok(s);
    case 'x':
        return hash(s);
    default:
        return true; /* a word: the scan saw to it */
    }
}

static void keep(char *to, struct span s)
{
    memcpy(to, s.p, s.n); /* every target is as long as its rule allows, and one more */
    to[s.n] = '\0';
}

static void remember(struct entry *out, enum keep what, struct span s)
{
    switch (what) {
    case K_NONE:
        break;
    case K_SEQ:
        (void)number(s, &out->seq);
        break;
    case K_RSEQ:
        (void)number(s, &out->rseq);
        break;
    case K_REF:
        (void)number(s, &out->ref);
        break;
    case K_RLEN:
        (void)number(s, &out->rlen);
        break;
    case K_KIND:
        keep(out->kind, s);
        break;
    case K_NODE:
        keep(out->node, s);
        break;
    case K_CHAIN:
        keep(out->chain, s);
        break;
    case K_RUN:
        keep(out->run, s);
        break;
    case K_CASE:
        keep(out->case_id, s);
        break;
    case K_FROM:
        keep(out->from, s);
        break;
    case K_RPREV:
        keep(out->rprev, s);
        break;
    case K_RLAST:
        keep(out->rlast, s);
        break;
    }
}

static bool field_ok(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!((s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= '0' && s.p[i] <= '9')))
            return false;
    return s.n > 0;
}

const char *entry_parse(struct entry *out, const char *text, size_t len)
{
    struct span last_commitment = {"", 0};
    size_t next = 0, commitments = 0, at = sizeof(HEAD) - 1;
    bool seen[KEYS] = {false};

    out->kind[0] = out->node[0] = out->chain[0] = out->run[0] = '\0';
    out->case_id[0] = out->from[0] = out->rprev[0] = out->rlast[0] = '\0';
    memset(out->boot, 0, sizeof(out->boot));
    out->seq = out->rseq = out->ncommits = 0;
    out->ref = out->rlen = out->boot_ns = -1;
    if (len > LONGEST)
        return "the entry is too long";
    if (len < at || memcmp(text, HEAD, at) != 0 || text[len - 1] != '\n')
        return "it does not begin and end as an entry does";
    while (at < len) {
        const char *end = memchr(text + at, '\n', len - at);
        size_t line = (size_t)(end - (text + at)), k = next;
        const char *gap = memchr(text + at, ' ', line);
        struct span name = {text + at, gap ? (size_t)(gap - (text + at)) : 0}, value;

        if (!gap || name.n + 1 == line || line - name.n - 1 > VALUE_MAX)
            return "a line is not a key and a value";
        value = (struct span){gap + 1, line - name.n - 1};
        for (size_t i = 0; i < line; i++)
            if ((text[at + i] < 0x21 || text[at + i] > 0x7e) && text + at + i != gap)
                return "a byte that no entry may hold";
        at += line + 1;
        if (name.n >= 2 && memcmp(name.p, "c.", 2) == 0) {
            struct span field = {name.p + 2, name.n - 2};
            size_t both = field.n < last_commitment.n ? field.n : last_commitment.n;
            int order = memcmp(last_commitment.p, field.p, both);

            if (field.n > 15 || !field_ok(field) || !hash(value) || ++commitments > 6 ||
                order > 0 || (order == 0 && last_commitment.n >= field.n))
                return "a commitment is malformed or out of order";
            last_commitment = field;
            keep(out->commit[commitments - 1].name, field);
            keep(out->commit[commitments - 1].value, value);
            out->ncommits = commitments;
            next = KEYS;
            continue;
        }
        while (k < KEYS &&
               (name.n != table[k].len || memcmp(name.p, table[k].name, name.n) != 0))
            k++;
        if (k == KEYS)
            return "a key is unknown, repeated or out of order";
        if (!value_ok(table[k].rule, value, out))
            return "a value does not have the form of its key";
        seen[k] = true;
        next = k + 1;
        remember(out, table[k].keep, value);
    }
    for (size_t k = 0; k < KEYS; k++)
        if (table[k].need && !seen[k])
            return "a key is missing";
    if (out->chain[0] == 'r' && strcmp(out->chain + 4, out->run) != 0)
        return "chain and run are not the same run";
    if (out->chain[0] == 'c' && strcmp(out->case_id, out->chain + 5) != 0)
        return "chain and case are not the same case";
    if ((out->rlen >= 0) != (out->rlast[0] != '\0'))
        return "rlen and rlast belong together";
    return NULL;
}
