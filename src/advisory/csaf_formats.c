/* csaf_formats.c - the string formats of the CSAF 2.0 schema, by hand and in linear time.
 *
 * Foreign documents reach these, so no regular expression engine is used: each function reads
 * its string once. Pure; any thread. */
#include <string.h>
#include "advisory/csaf_check.h"
#include "core/cpe.h"

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool alnum(char c)
{
    return digit(c) || alpha(c);
}

static bool hex(char c)
{
    return digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool all(const char *s, size_t n, bool (*is)(char))
{
    for (size_t i = 0; i < n; i++) {
        if (!is(s[i])) {
            return false;
        }
    }
    return n > 0;
}

/* RFC 3986: scheme ":" and then only allowed bytes; brackets only around an address. */
bool tsn_csaf_is_uri(const char *s)
{
    if (!alpha(*s)) {
        return false;
    }
    const char *p = s;
    while (alnum(*p) || *p == '+' || *p == '-' || *p == '.') {
        p++;
    }
    if (*p++ != ':') {
        return false;
    }
    const char *authority_end = p;
    if (p[0] == '/' && p[1] == '/') {
        authority_end = p + 2 + strcspn(p + 2, "/?#");
        if (strcspn(p + 2, "/?#") == 0 && strncmp(s, "file:", 5) != 0) {
            return false; /* "https://" and nothing more */
        }
    }
    bool fragment = false;
    for (; *p; p++) {
        if (*p == '%') {
            if (!hex(p[1]) || !hex(p[2])) {
                return false;
            }
            p += 2;
        } else if (*p == '#') {
            if (fragment) {
                return false;
            }
            fragment = true;
        } else if (*p == '[' || *p == ']') {
            if (p >= authority_end) {
                return false;
            }
        } else if (!alnum(*p) && !strchr("-._~:/?@!$&'()*+,;=", *p)) {
            return false;
        }
    }
    return true;
}

static int two(const char *p)
{
    return digit(p[0]) && digit(p[1]) ? (p[0] - '0') * 10 + (p[1] - '0') : -1;
}

/* Days since 1970-01-01 in the proleptic Gregorian calendar. */
static int64_t days_of(int64_t y, int m, int d)
{
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400, yoe = y - era * 400;
    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

bool tsn_csaf_time(const char *s, int64_t *sec, int64_t *nsec)
{
    static const int month_days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (strlen(s) < 20 || s[4] != '-' || s[7] != '-' || (s[10] != 'T' && s[10] != 't') ||
        s[13] != ':' || s[16] != ':') {
        return false;
    }
    int century = two(s), year = two(s + 2), mon = two(s + 5), day = two(s + 8);
    int hour = two(s + 11), min = two(s + 14), second = two(s + 17);
    if (century < 0 || year < 0 || mon < 1 || mon > 12 || day < 1 ||
        day > month_days[mon - 1] || hour < 0 || hour > 23 || min < 0 || min > 59 ||
        second < 0 || second > 60) {
        return false;
    }
    int y = century * 100 + year;
    if (mon == 2 && day == 29 && (y % 4 != 0 || (y % 100 == 0 && y % 400 != 0))) {
        return false;
    }
    const char *p = s + 19;
    int64_t frac = 0, unit = 100000000;
    if (*p == '.') {
        if (!digit(*++p)) {
            return false;
        }
        for (; digit(*p); p++) {
            frac += unit * (*p - '0');
            unit /= 10;
        }
    }
    int64_t offset = 0; /* seconds east of UTC */
    if (*p == 'Z' || *p == 'z') {
        p++;
    } else if (*p == '+' || *p == '-') {
        if (strlen(p) < 6 || p[3] != ':' || two(p + 1) < 0 || two(p + 1) > 23 ||
            two(p + 4) < 0 || two(p + 4) > 59) {
            return false;
        }
        offset = INT64_C(60) * (INT64_C(60) * two(p + 1) + two(p + 4));
        offset = *p == '-' ? -offset : offset;
        p += 6;
    } else {
        return false;
    }
    *sec = days_of(y, mon, day) * 86400 + INT64_C(3600) * hour + INT64_C(60) * min + second -
           offset;
    *nsec = frac;
    return *p == '\0';
}

bool tsn_csaf_is_time(const char *s)
{
    int64_t sec, nsec;
    return tsn_csaf_time(s, &sec, &nsec);
}

/* Numeric identifier without leading zeros; returns what follows, NULL when there is none. */
static const char *number(const char *p)
{
    if (*p == '0') {
        return p + 1;
    }
    if (!digit(*p)) {
        return NULL;
    }
    while (digit(*p)) {
        p++;
    }
    return p;
}

/* Dot-separated identifiers of [0-9A-Za-z-]; `strict`: numeric ones without leading zeros. */
static const char *identifiers(const char *p, bool strict)
{
    for (;;) {
        const char *start = p;
        bool numeric = true;
        while (alnum(*p) || *p == '-') {
            numeric = numeric && digit(*p);
            p++;
        }
        if (p == start || (strict && numeric && *start == '0' && p - start > 1)) {
            return NULL;
        }
        if (*p != '.') {
            return p;
        }
        p++;
    }
}

bool tsn_csaf_is_version(const char *s)
{
    const char *p = number(s);
    if (!p || *p == '\0') {
        return p != NULL;
    }
    for (int i = 0; i < 2; i++) {
        if (*p != '.' || !(p = number(p + 1))) {
            return false;
        }
    }
    if (*p == '-' && !(p = identifiers(p + 1, true))) {
        return false;
    }
    if (*p == '+' && !(p = identifiers(p + 1, false))) {
        return false;
    }
    return *p == '\0';
}

/* BCP 47 as far as the schema's pattern goes. */
bool tsn_csaf_is_lang(const char *s)
{
    struct {
        const char *p;
        size_t n;
    } part[32];
    size_t n = 0;
    for (const char *p = s;;) {
        size_t len = strcspn(p, "-");
        if (n == 32 || len == 0 || len > 8 || !all(p, len, alnum)) {
            return false;
        }
        part[n].p = p;
        part[n++].n = len;
        if (p[len] == '\0') {
            break;
        }
        p += len + 1;
    }
    size_t i = 0;
    if (part[0].n == 1) {
        if (n == 2 && (part[0].p[0] == 'i' || part[0].p[0] == 'I')) {
            return strcasecmp(part[1].p, "default") == 0 || strcasecmp(part[1].p, "mingo") == 0;
        }
        return (part[0].p[0] == 'x' || part[0].p[0] == 'X') && n > 1;
    }
    if (!all(part[0].p, part[0].n, alpha)) {
        return false;
    }
    i = 1;
    if (part[0].n <= 3) {
        for (int ext = 0; ext < 3 && i < n && part[i].n == 3 && all(part[i].p, 3, alpha);
             ext++) {
            i++;
        }
    }
    if (i < n && part[i].n == 4 && all(part[i].p, 4, alpha)) {
        i++;
    }
    if (i < n && ((part[i].n == 2 && all(part[i].p, 2, alpha)) ||
                  (part[i].n == 3 && all(part[i].p, 3, digit)))) {
        i++;
    }
    while (i < n && (part[i].n >= 5 || (part[i].n == 4 && digit(part[i].p[0])))) {
        i++;
    }
    while (i < n && part[i].n == 1 && part[i].p[0] != 'x' && part[i].p[0] != 'X') {
        size_t start = ++i;
        while (i < n && part[i].n >= 2) {
            i++;
        }
        if (i == start) {
            return false;
        }
    }
    if (i < n && part[i].n == 1) {
        return i + 1 < n; /* private use takes all the rest */
    }
    return i == n;
}

bool tsn_csaf_is_cpe(const char *s)
{
    return tsn_cpe_ok(s, NULL);
}

bool tsn_csaf_is_purl_shape(const char *s)
{
    if (strncmp(s, "pkg:", 4) != 0 || !tsn_csaf_is_uri(s)) {
        return false;
    }
    const char *p = s + 4;
    if (!alpha(*p) && !strchr(".-+", *p)) {
        return false;
    }
    while (alnum(*p) || (*p && strchr(".-+", *p))) {
        p++;
    }
    return p > s + 4 && p[0] == '/' && p[1] != '\0';
}

/* pkg:type/namespace/name@version?qualifiers#subpath with a name. */
bool tsn_csaf_is_purl(const char *s)
{
    if (!tsn_csaf_is_purl_shape(s) || !alpha(s[4])) {
        return false;
    }
    const char *path = strchr(s, '/') + 1;
    path += strspn(path, "/");
    size_t len = strcspn(path, "?#");
    const char *at = NULL;
    for (size_t i = len; i > 0 && path[i - 1] != '/'; i--) {
        if (path[i - 1] == '@') {
            at = path + i - 1;
        }
    }
    size_t name_end = at ? (size_t)(at - path) : len;
    if (at && at + 1 == path + len) {
        return false; /* "@" without a version */
    }
    while (!at && name_end > 0 && path[name_end - 1] == '/') {
        name_end--;
    }
    if (name_end == 0 || path[name_end - 1] == '/') {
        return false;
    }
    if (path[len] == '?') {
        const char *q = path + len + 1;
        size_t end = strcspn(q, "#");
        for (size_t i = 0; i < end;) {
            size_t pair = strcspn(q + i, "&#"), key = strcspn(q + i, "=&#");
            if (key == 0 || key >= pair || digit(q[i])) {
                return false;
            }
            for (size_t k = 0; k < key; k++) {
                if (!alnum(q[i + k]) && !strchr(".-_", q[i + k])) {
                    return false;
                }
            }
            i += pair + 1;
        }
    }
    return true;
}

bool tsn_csaf_is_cve(const char *s)
{
    return strncmp(s, "CVE-", 4) == 0 && strlen(s) >= 13 && all(s + 4, 4, digit) &&
           s[8] == '-' && all(s + 9, strlen(s + 9), digit);
}

bool tsn_csaf_is_cwe(const char *s)
{
    size_t n = strlen(s);
    return n >= 5 && n <= 10 && strncmp(s, "CWE-", 4) == 0 && s[4] != '0' &&
           all(s + 4, n - 4, digit);
}

bool tsn_csaf_is_hash(const char *s)
{
    return strlen(s) >= 32 && all(s, strlen(s), hex);
}

/* ECMAScript's \s beyond ASCII: NBSP, BOM, U+1680, U+2000-200A, 2028, 2029, 202F, 205F, 3000. */
static size_t space_at(const char *s)
{
    const unsigned char *u = (const unsigned char *)s;
    if (*u == ' ' || (*u >= 9 && *u <= 13)) {
        return 1;
    }
    if (u[0] == 0xC2 && u[1] == 0xA0) {
        return 2;
    }
    if ((u[0] == 0xE1 && u[1] == 0x9A && u[2] == 0x80) ||
        (u[0] == 0xE2 && u[1] == 0x80 &&
         ((u[2] >= 0x80 && u[2] <= 0x8A) || u[2] == 0xA8 || u[2] == 0xA9 || u[2] == 0xAF)) ||
        (u[0] == 0xE2 && u[1] == 0x81 && u[2] == 0x9F) ||
        (u[0] == 0xE3 && u[1] == 0x80 && u[2] == 0x80) ||
        (u[0] == 0xEF && u[1] == 0xBB && u[2] == 0xBF)) {
        return 3;
    }
    return 0;
}

static bool space_before(const char *s, const char *end)
{
    for (size_t n = 1; n <= 3; n++) {
        if ((size_t)(end - s) >= n && space_at(end - n) == n) {
            return true;
        }
    }
    return false;
}

bool tsn_csaf_is_trimmed(const char *s)
{
    return *s && !space_at(s) && !space_before(s, s + strlen(s)) && !strpbrk(s, "\n\r");
}

bool tsn_csaf_is_category(const char *s)
{
    return tsn_csaf_is_trimmed(s) && !strchr("-_.", s[0]) && !strchr("-_.", s[strlen(s) - 1]);
}
