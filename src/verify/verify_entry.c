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
enum { DIGIT = 1, HEXA = 2, CROCKFORD = 4, PRINT = 8 };

#define P PRINT
#define N (DIGIT | HEXA | CROCKFORD | PRINT)
#define X (HEXA | PRINT)
#define C (CROCKFORD | PRINT)
static const unsigned char classes[256] = {
    [0x20] = 0, P, P, P, P, P, P, P, P, P, P, P, P, P, P, P,
    [0x30] = N, N, N, N, N, N, N, N, N, N, P, P, P, P, P, P,
    [0x40] = P, C, C, C, C, C, C, C, C, P, C, C, P, C, C, P,
    [0x50] = C, C, C, C, C, P, C, C, C, C, C, P, P, P, P, P,
    [0x60] = P, X, X, X, X, X, X, P, P, P, P, P, P, P, P, P,
    [0x70] = P, P, P, P, P, P, P, P, P, P, P, P, P, P, P, 0,
};
#undef P
#undef N
#undef X
#undef C

static bool only(struct span s, unsigned char class)
{
    unsigned char all = class;

    for (size_t i = 0; i < s.n; i++)
        all &= classes[(unsigned char)s.p[i]];
    return all && s.n > 0;
}

static bool decimal(struct span s)
{
    return only(s, DIGIT) && (s.n == 1 || s.p[0] != '0');
}

/* False when it does not fit. */
static bool number(struct span s, int64_t *out)
{
    uint64_t v = 0;

    if (!decimal(s) || s.n > 19)
        return false;
    for (size_t i = 0; i < s.n; i++)
        v = v * 10 + (uint64_t)(s.p[i] - '0'); /* 19 digits fit */
    *out = (int64_t)v;
    return v <= INT64_MAX;
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

    return until_comma(&s, &name) && only(name, PRINT) && decimal(s);
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

/* `v` gets a number's value. */
static bool value_ok(char rule, struct span s, struct entry *out, int64_t *v)
{
    switch (rule) {
    case 'n':
        return number(s, v);
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
        return only(s, PRINT); /* a word */
    }
}

static void keep(char *to, struct span s)
{
    memcpy(to, s.p, s.n); /* every target is as long as its rule allows, and one more */
    to[s.n] = '\0';
}

static void remember(struct entry *out, enum keep what, struct span s, int64_t v)
{
    switch (what) {
    case K_NONE:
        break;
    case K_SEQ:
        out->seq = v;
        break;
    case K_RSEQ:
        out->rseq = v;
        break;
    case K_REF:
        out->ref = v;
        break;
    case K_RLEN:
        out->rlen = v;
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

/* Does the text go on with this key and a space? */
static bool goes_on(const char *p, size_t left, const char *name, size_t len)
{
    return left > len && p[0] == name[0] && p[len] == ' ' && memcmp(p, name, len) == 0;
}

/* c.FIELD HASH: in order of the fields, none twice. */
static bool commitment(struct entry *out, const char *line, size_t len, struct span *last)
{
    const char *gap = memchr(line, ' ', len);
    struct span field = {line + 2, gap ? (size_t)(gap - line) - 2 : 0}, value;
    size_t both = field.n < last->n ? field.n : last->n;
    int order = memcmp(last->p, field.p, both);

    if (!gap || field.n > 15 || !field_ok(field) || out->ncommits == COMMITS || order > 0 ||
        (order == 0 && last->n >= field.n))
        return false;
    value = (struct span){gap + 1, len - (size_t)(gap + 1 - line)};
    if (!hash(value))
        return false;
    keep(out->commit[out->ncommits].name, field);
    keep(out->commit[out->ncommits++].value, value);
    *last = field;
    return true;
}

/* The order of the keys is fixed, so the next line is nearly always the key that is due. */
static const char *lines_parse(struct entry *out, const char *text, size_t len, size_t at)
{
    struct span last = {"", 0};
    size_t next = 0;

    while (at < len) {
        const char *line = text + at, *end = memchr(line, '\n', len - at);
        size_t n = (size_t)(end - line), k = next;
        struct span value;
        int64_t v = 0;

        at += n + 1;
        if (n > 2 && line[0] == 'c' && line[1] == '.') {
            if (!commitment(out, line, n, &last))
                return "a commitment is malformed or out of order";
            for (; next < KEYS; next++)
                if (table[next].need)
                    return "a key is missing";
            continue;
        }
        for (; k < KEYS && !goes_on(line, n, table[k].name, table[k].len); k++)
            if (table[k].need)
                return "a key is unknown, missing, repeated or out of order";
        if (k == KEYS)
            return "a key is unknown, repeated or out of order";
        value = (struct span){line + table[k].len + 1, n - table[k].len - 1};
        if (value.n > VALUE_MAX || !value_ok(table[k].rule, value, out, &v))
            return "a value does not have the form of its key";
        next = k + 1;
        remember(out, table[k].keep, value, v);
    }
    for (; next < KEYS; next++)
        if (table[next].need)
            return "a key is missing";
    return NULL;
}

const char *entry_parse(struct entry *out, const char *text, size_t len)
{
    const char *wrong;
    size_t at = sizeof(HEAD) - 1;

    out->kind[0] = out->node[0] = out->chain[0] = out->run[0] = '\0';
    out->case_id[0] = out->from[0] = out->rprev[0] = out->rlast[0] = '\0';
    memset(out->boot, 0, sizeof(out->boot));
    out->seq = out->rseq = out->ncommits = 0;
    out->ref = out->rlen = out->boot_ns = -1;
    if (len > LONGEST)
        return "the entry is too long";
    if (len < at || memcmp(text, HEAD, at) != 0 || text[len - 1] != '\n')
        return "it does not begin and end as an entry does";
    wrong = lines_parse(out, text, len, at);
    if (wrong)
        return wrong;
    if (out->chain[0] == 'r' && strcmp(out->chain + 4, out->run) != 0)
        return "chain and run are not the same run";
    if (out->chain[0] == 'c' && strcmp(out->case_id, out->chain + 5) != 0)
        return "chain and case are not the same case";
    if ((out->rlen >= 0) != (out->rlast[0] != '\0'))
        return "rlen and rlast belong together";
    return NULL;
}
