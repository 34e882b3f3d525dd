/* cpe.c - CPE 2.3 formatted strings and 2.2 URIs (NISTIR 7695), name matching (NISTIR 7696). */
#include <string.h>
#include <strings.h>
#include "core/cpe.h"
#include "core/text.h"

const char *const tsn_cpe_part_names[TSN_CPE_PARTS] = {
    "part",     "vendor",     "product",   "version",   "update", "edition",
    "language", "sw_edition", "target_sw", "target_hw", "other"};

static bool no(const char **why, const char *text)
{
    if (why) {
        *why = text;
    }
    return false;
}

static bool alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
static bool digit(char c)
{
    return c >= '0' && c <= '9';
}
static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

/* --- the grammar -------------------------------------------------------------------------- */

static bool escapable(char c)
{
    return c && strchr("\\*?!\"#$%&'()+,/:;<=>@[]^`{|}~", c);
}

static bool one_char(const char **p)
{
    if (**p == '\\') {
        if (!escapable((*p)[1])) {
            return false;
        }
        *p += 2;
        return true;
    }
    if (alpha(**p) || digit(**p) || **p == '-' || **p == '.' || **p == '_') {
        *p += 1;
        return true;
    }
    return false;
}

/* One * or any number of ?, at either end of a value. */
static void wildcards(const char **p)
{
    if (**p == '*') {
        *p += 1;
        return;
    }
    while (**p == '?') {
        *p += 1;
    }
}

static bool value(const char **p)
{
    if ((**p == '*' || **p == '-') && ((*p)[1] == ':' || (*p)[1] == '\0')) {
        *p += 1;
        return true;
    }
    size_t n = 0;
    wildcards(p);
    while (one_char(p)) {
        n++;
    }
    wildcards(p);
    return n > 0;
}

/* RFC 5646 as CPE takes it: two or three letters, then a region. */
static bool language(const char **p)
{
    size_t n = 0;
    if (**p == '*' || **p == '-') {
        *p += 1;
        return true;
    }
    while (alpha(**p)) {
        *p += 1;
        n++;
    }
    if (n < 2 || n > 3) {
        return false;
    }
    if (**p == '-') {
        const char *r = *p + 1;
        if (alpha(r[0]) && alpha(r[1])) {
            *p += 3;
        } else if (digit(r[0]) && digit(r[1]) && digit(r[2])) {
            *p += 4;
        } else {
            return false;
        }
    }
    return true;
}

static bool formatted_ok(const char *text, const char **why)
{
    const char *p = text + 8;
    if (!*p || !strchr("aho*-", *p)) {
        return no(why, "the part is not a, h, o, * or -");
    }
    p++;
    for (int i = TSN_CPE_VENDOR; i < TSN_CPE_PARTS; i++) {
        if (*p != ':') {
            return no(why, *p ? "an attribute has a character that must be escaped"
                              : "it has fewer than 11 attributes");
        }
        p++;
        if (!(i == TSN_CPE_LANGUAGE ? language(&p) : value(&p))) {
            return no(why, i == TSN_CPE_LANGUAGE ? "the language is no language tag"
                                                 : "an attribute is empty or has a character "
                                                   "that must be escaped");
        }
    }
    return *p == '\0' || no(why, "something follows the 11 attributes");
}

static bool uri_ok(const char *text, const char **why)
{
    int colons = 0;
    if (!text[5] || !strchr("AHOaho", text[5])) {
        return no(why, "the part is not a, h or o");
    }
    for (const char *p = text + 6; *p; p++) {
        if (*p == ':') {
            colons++;
        } else if (colons == 0 || (!alpha(*p) && !digit(*p) && !strchr("._-~%", *p))) {
            return no(why, "it has a character that a CPE URI does not take");
        }
    }
    return colons <= 6 || no(why, "it has more than seven components");
}

bool tsn_cpe_ok(const char *text, const char **why)
{
    if (strnlen(text, TSN_CPE_MAX + 1) > TSN_CPE_MAX) {
        return no(why, "it is too long");
    }
    if (strncmp(text, "cpe:2.3:", 8) == 0) {
        return formatted_ok(text, why);
    }
    if (strncasecmp(text, "cpe:/", 5) == 0) {
        return uri_ok(text, why);
    }
    return no(why, "it begins neither with cpe:2.3: nor with cpe:/");
}

/* --- taking apart ------------------------------------------------------------------------- */

static char *lowered(struct tsn_arena *arena, const char *s, size_t n)
{
    char *out = tsn_arena_strndup(arena, s, n);
    for (char *p = out; *p; p++) {
        *p = lower(*p);
    }
    return out;
}

/* A component of a URI as a formatted string spells it (NISTIR 7695, 6.1.3.2): %01 is ?, %02 is *.
 * An empty one is any. */
static const char *from_uri(struct tsn_arena *arena, const char *s, size_t n)
{
    if (n == 0) {
        return "*";
    }
    char *out = tsn_arena_alloc(arena, 2 * n + 1);
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        char c = s[i];
        bool quoted = false;
        if (c == '%' && i + 2 < n && tsn_hex_digit(s[i + 1]) >= 0 &&
            tsn_hex_digit(s[i + 2]) >= 0) {
            c = (char)(tsn_hex_digit(s[i + 1]) * 16 + tsn_hex_digit(s[i + 2]));
            i += 2;
            if (c == 1 || c == 2) {
                out[k++] = c == 1 ? '?' : '*';
                continue;
            }
            quoted = true;
        }
        c = lower(c);
        if (quoted ? escapable(c) : (c == '~' || c == '%')) {
            out[k++] = '\\';
        }
        out[k++] = c > 0x20 && c < 0x7F ? c : '_';
    }
    out[k] = '\0';
    return out;
}

/* ~edition~sw_edition~target_sw~target_hw~other, packed into the edition of a URI. */
static void unpack(struct tsn_arena *arena, const char *s, size_t n, struct tsn_cpe *out)
{
    static const enum tsn_cpe_part at[] = {TSN_CPE_EDITION, TSN_CPE_SW_EDITION,
                                           TSN_CPE_TARGET_SW, TSN_CPE_TARGET_HW, TSN_CPE_OTHER};
    const char *p = s + 1, *end = s + n;
    for (size_t i = 0; i < 5 && p <= end; i++) {
        const char *stop = memchr(p, '~', (size_t)(end - p));
        stop = stop ? stop : end;
        out->part[at[i]] = from_uri(arena, p, (size_t)(stop - p));
        p = stop + 1;
    }
}

static void parse_uri(struct tsn_arena *arena, const char *text, struct tsn_cpe *out)
{
    const char *p = text + 5;
    for (int i = TSN_CPE_PART; i <= TSN_CPE_LANGUAGE && p; i++) {
        size_t n = strcspn(p, ":");
        if (i == TSN_CPE_EDITION && *p == '~') {
            unpack(arena, p, n, out);
        } else {
            out->part[i] = from_uri(arena, p, n);
        }
        p = p[n] ? p + n + 1 : NULL;
    }
}

tsn_err tsn_cpe_parse(struct tsn_arena *arena, const char *text, struct tsn_cpe *out,
                      const char **why)
{
    for (int i = 0; i < TSN_CPE_PARTS; i++) {
        out->part[i] = "*";
    }
    if (!tsn_cpe_ok(text, why)) {
        return TSN_EINPUT;
    }
    if (text[4] == '/') {
        parse_uri(arena, text, out);
        return 0;
    }
    const char *p = text + 8;
    for (int i = 0; i < TSN_CPE_PARTS; i++) {
        size_t n = 0;
        while (p[n] && p[n] != ':') {
            n += p[n] == '\\' ? 2 : 1;
        }
        out->part[i] = lowered(arena, p, n);
        p += n + (p[n] == ':');
    }
    return 0;
}

void tsn_cpe_print(const struct tsn_cpe *cpe, struct tsn_buf *out)
{
    (void)tsn_buf_puts(out, "cpe:2.3");
    for (int i = 0; i < TSN_CPE_PARTS; i++) {
        (void)tsn_buf_putc(out, ':');
        (void)tsn_buf_puts(out, cpe->part[i]);
    }
}

const char *tsn_cpe_plain(struct tsn_arena *arena, const struct tsn_cpe *cpe,
                          enum tsn_cpe_part part)
{
    char *out = tsn_arena_strdup(arena, cpe->part[part]), *to = out;
    for (const char *p = out; *p; p++) {
        if (*p == '\\' && p[1]) {
            p++;
        }
        *to++ = *p;
    }
    *to = '\0';
    return out;
}

/* --- comparing ---------------------------------------------------------------------------- */

static bool any(const char *s)
{
    return strcmp(s, "*") == 0;
}
static bool na(const char *s)
{
    return strcmp(s, "-") == 0;
}

/* Characters of a value, an escaped one counting once. */
static size_t length(const char *s, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        i += s[i] == '\\';
        count++;
    }
    return count;
}

struct pattern {
    const char *core;
    size_t n;
    size_t lead, tail; /* characters a wildcard may stand for; SIZE_MAX: any number */
    bool wild;
};

static struct pattern pattern(const char *s)
{
    struct pattern p = {.core = s, .n = strlen(s)};
    if (*p.core == '*') {
        p.lead = SIZE_MAX;
        p.core++;
        p.n--;
    } else {
        while (p.n && *p.core == '?') {
            p.lead++;
            p.core++;
            p.n--;
        }
    }
    /* A wildcard at the end is one that no backslash stands in front of. */
    while (p.n && (p.core[p.n - 1] == '*' || p.core[p.n - 1] == '?')) {
        size_t slashes = 0;
        while (slashes < p.n - 1 && p.core[p.n - 2 - slashes] == '\\') {
            slashes++;
        }
        if (slashes % 2 || p.tail == SIZE_MAX) {
            break;
        }
        p.tail = p.core[p.n - 1] == '*' ? SIZE_MAX : p.tail + 1;
        p.n--;
    }
    p.wild = p.lead || p.tail;
    return p;
}

static bool fits(const struct pattern *p, const char *target)
{
    size_t n = strlen(target);
    if (p->n > n) {
        return false;
    }
    for (size_t at = 0; at + p->n <= n; at += target[at] == '\\' ? 2 : 1) {
        if (memcmp(target + at, p->core, p->n) == 0 && length(target, at) <= p->lead &&
            length(target + at + p->n, n - at - p->n) <= p->tail) {
            return true;
        }
    }
    return false;
}

enum tsn_cpe_relation tsn_cpe_attribute(const char *source, const char *target)
{
    struct pattern p = pattern(source);
    bool t_wild = !any(target) && pattern(target).wild;
    if (t_wild) {
        return strcmp(source, target) == 0 ? TSN_CPE_EQUAL
               : any(source)               ? TSN_CPE_SUPERSET
                                           : TSN_CPE_UNDEFINED;
    }
    if (strcmp(source, target) == 0) {
        return TSN_CPE_EQUAL;
    }
    if (any(source)) {
        return TSN_CPE_SUPERSET;
    }
    if (any(target)) {
        return TSN_CPE_SUBSET;
    }
    if (na(source) || na(target)) {
        return TSN_CPE_DISJOINT;
    }
    return p.wild && fits(&p, target) ? TSN_CPE_SUPERSET : TSN_CPE_DISJOINT;
}

enum tsn_cpe_relation tsn_cpe_compare(const struct tsn_cpe *source,
                                      const struct tsn_cpe *target)
{
    bool sub = false, super = false, undefined = false;
    for (int i = 0; i < TSN_CPE_PARTS; i++) {
        enum tsn_cpe_relation r = tsn_cpe_attribute(source->part[i], target->part[i]);
        if (r == TSN_CPE_DISJOINT) {
            return r;
        }
        undefined = undefined || r == TSN_CPE_UNDEFINED;
        sub = sub || r == TSN_CPE_SUBSET;
        super = super || r == TSN_CPE_SUPERSET;
    }
    return undefined || (sub && super) ? TSN_CPE_UNDEFINED
           : sub                       ? TSN_CPE_SUBSET
           : super                     ? TSN_CPE_SUPERSET
                                       : TSN_CPE_EQUAL;
}
