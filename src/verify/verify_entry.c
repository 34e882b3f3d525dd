/* verify_entry.c - the canonical form of an entry, as docs/audit.md states it: one scan over the
 * lines, each key checked by a rule named in a table. */
#include "verify/tocsin_verify.h"

#include <string.h>

#define HEAD      "tocsin-audit/v1\n"
#define LONGEST   4096
#define VALUE_MAX 512

/* Rules: n number, u ULID, t time, c clock, o node, k kind, h chain, x hash, w word. */
static const struct {
    const char *name;
    char rule;
    bool need;
} table[] = {
    {"seq", 'n', true},      {"id", 'u', true},       {"time", 't', true},
    {"clock", 'c', true},    {"node", 'o', true},     {"kind", 'k', true},
    {"actor", 'w', true},    {"auth", 'w', true},     {"case", 'u', false},
    {"run", 'u', false},     {"chain", 'h', true},    {"rseq", 'n', true},
    {"rprev", 'x', true},    {"ref", 'n', false},     {"playbook", 'w', false},
    {"step", 'w', false},    {"attempt", 'n', false}, {"idem", 'w', false},
    {"outcome", 'w', false}, {"reason", 'w', false},  {"from", 'w', false},
    {"to", 'w', false},      {"rlen", 'n', false},    {"rlast", 'x', false},
    {"tlp", 'w', false},     {"ret", 'w', false},
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

static bool only(struct span s, const char *allowed)
{
    for (size_t i = 0; i < s.n; i++)
        if (!s.p[i] || !strchr(allowed, s.p[i]))
            return false;
    return s.n > 0;
}

static bool decimal(struct span s)
{
    return only(s, "0123456789") && (s.n == 1 || s.p[0] != '0');
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
    return s.n == 2 * HASH && only(s, "0123456789abcdef");
}

static bool ulid(struct span s)
{
    return s.n == 26 && only(s, "0123456789ABCDEFGHJKMNPQRSTVWXYZ") && s.p[0] <= '7';
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
        !only(boot, "0123456789abcdef") || !decimal(s))
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
    memcpy(to, s.p, s.n); /* every target is as long as its rule allows */
    to[s.n] = '\0';
}

/* What the checks between entries need. */
static void remember(struct entry *out, const char *name, struct span s)
{
    if (strcmp(name, "seq") == 0)
        (void)number(s, &out->seq);
    else if (strcmp(name, "rseq") == 0)
        (void)number(s, &out->rseq);
    else if (strcmp(name, "ref") == 0)
        (void)number(s, &out->ref);
    else if (strcmp(name, "rlen") == 0)
        (void)number(s, &out->rlen);
    else if (strcmp(name, "kind") == 0)
        keep(out->kind, s);
    else if (strcmp(name, "node") == 0)
        keep(out->node, s);
    else if (strcmp(name, "chain") == 0)
        keep(out->chain, s);
    else if (strcmp(name, "run") == 0)
        keep(out->run, s);
    else if (strcmp(name, "case") == 0)
        keep(out->case_id, s);
    else if (strcmp(name, "from") == 0)
        keep(out->from, s);
    else if (strcmp(name, "rprev") == 0)
        keep(out->rprev, s);
    else if (strcmp(name, "rlast") == 0)
        keep(out->rlast, s);
}

const char *entry_parse(struct entry *out, const char *text, size_t len)
{
    struct span last_commitment = {"", 0};
    size_t next = 0, commitments = 0, at = sizeof(HEAD) - 1;
    bool seen[KEYS] = {false};

    memset(out, 0, sizeof(*out));
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

            if (field.n > 15 || !only(field, "abcdefghijklmnopqrstuvwxyz0123456789") ||
                !hash(value) || ++commitments > 6 || order > 0 ||
                (order == 0 && last_commitment.n >= field.n))
                return "a commitment is malformed or out of order";
            last_commitment = field;
            keep(out->commit[commitments - 1].name, field);
            keep(out->commit[commitments - 1].value, value);
            out->ncommits = commitments;
            next = KEYS;
            continue;
        }
        while (k < KEYS && !is(name, table[k].name))
            k++;
        if (k == KEYS)
            return "a key is unknown, repeated or out of order";
        if (!value_ok(table[k].rule, value, out))
            return "a value does not have the form of its key";
        seen[k] = true;
        next = k + 1;
        remember(out, table[k].name, value);
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
