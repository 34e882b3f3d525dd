/* version.c - the schemes, their names, and what their orders share. Pure. */
#include <strings.h>
#include "feed/version_int.h"

static const struct {
    const char *name;
    tsn_v_compare *compare;
} schemes[] = {
    [TSN_SCHEME_NONE] = {"", NULL},
    [TSN_SCHEME_SEMVER] = {"semver", tsn_v_semver},
    [TSN_SCHEME_NPM] = {"npm", tsn_v_npm},
    [TSN_SCHEME_GO] = {"golang", tsn_v_go},
    [TSN_SCHEME_PUB] = {"pub", tsn_v_pub},
    [TSN_SCHEME_NUGET] = {"nuget", tsn_v_nuget},
    [TSN_SCHEME_DEB] = {"deb", tsn_v_deb},
    [TSN_SCHEME_RPM] = {"rpm", tsn_v_rpm},
    [TSN_SCHEME_ALPM] = {"alpm", tsn_v_alpm},
    [TSN_SCHEME_APK] = {"apk", tsn_v_apk},
    [TSN_SCHEME_GENTOO] = {"gentoo", tsn_v_gentoo},
    [TSN_SCHEME_PYPI] = {"pypi", tsn_v_pypi},
    [TSN_SCHEME_MAVEN] = {"maven", tsn_v_maven},
    [TSN_SCHEME_GEM] = {"gem", tsn_v_gem},
    [TSN_SCHEME_COMPOSER] = {"composer", tsn_v_composer},
    [TSN_SCHEME_CONAN] = {"conan", tsn_v_conan},
    [TSN_SCHEME_OPENSSL] = {"openssl", tsn_v_openssl},
    [TSN_SCHEME_HACKAGE] = {"hackage", tsn_v_numbers},
    [TSN_SCHEME_CRAN] = {"cran", tsn_v_numbers},
    [TSN_SCHEME_GENERIC] = {"generic", tsn_v_generic},
    [TSN_SCHEME_LEXICOGRAPHIC] = {"lexicographic", tsn_v_text},
    [TSN_SCHEME_DATETIME] = {"datetime", tsn_v_datetime},
};

/* Other names: OSV ecosystems, purl types that share an order. */
static const struct {
    const char *name;
    enum tsn_scheme scheme;
} aliases[] = {
    {"alma linux", TSN_SCHEME_RPM},     {"almalinux", TSN_SCHEME_RPM},
    {"alpaquita", TSN_SCHEME_APK},      {"alpine", TSN_SCHEME_APK},
    {"arch", TSN_SCHEME_ALPM},          {"cargo", TSN_SCHEME_SEMVER},
    {"chainguard", TSN_SCHEME_APK},     {"conancenter", TSN_SCHEME_CONAN},
    {"crates.io", TSN_SCHEME_SEMVER},   {"debian", TSN_SCHEME_DEB},
    {"ebuild", TSN_SCHEME_GENTOO},      {"go", TSN_SCHEME_GO},
    {"hex", TSN_SCHEME_SEMVER},         {"mageia", TSN_SCHEME_RPM},
    {"openeuler", TSN_SCHEME_RPM},      {"opensuse", TSN_SCHEME_RPM},
    {"packagist", TSN_SCHEME_COMPOSER}, {"red hat", TSN_SCHEME_RPM},
    {"redhat", TSN_SCHEME_RPM},         {"rocky linux", TSN_SCHEME_RPM},
    {"rubygems", TSN_SCHEME_GEM},       {"suse", TSN_SCHEME_RPM},
    {"swift", TSN_SCHEME_SEMVER},       {"swifturl", TSN_SCHEME_SEMVER},
    {"ubuntu", TSN_SCHEME_DEB},         {"wolfi", TSN_SCHEME_APK},
};

enum tsn_scheme tsn_scheme_find(const char *name)
{
    size_t n = strcspn(name, ":");
    if (n == 0) {
        return TSN_SCHEME_NONE;
    }
    for (size_t i = 1; i < sizeof schemes / sizeof schemes[0]; i++) {
        if (strlen(schemes[i].name) == n && strncasecmp(schemes[i].name, name, n) == 0) {
            return (enum tsn_scheme)i;
        }
    }
    for (size_t i = 0; i < sizeof aliases / sizeof aliases[0]; i++) {
        if (strlen(aliases[i].name) == n && strncasecmp(aliases[i].name, name, n) == 0) {
            return aliases[i].scheme;
        }
    }
    return TSN_SCHEME_NONE;
}

const char *tsn_scheme_name(enum tsn_scheme scheme)
{
    return schemes[scheme].name;
}

/* False: empty, or too long to be a version. */
static bool slice(const char *s, struct tsn_vs *out)
{
    out->p = s + strspn(s, " \t");
    out->n = strnlen(out->p, TSN_VERSION_MAX + 1);
    while (out->n && (out->p[out->n - 1] == ' ' || out->p[out->n - 1] == '\t')) {
        out->n--;
    }
    return out->n > 0 && out->n <= TSN_VERSION_MAX;
}

int tsn_version_compare(enum tsn_scheme scheme, const char *a, const char *b)
{
    struct tsn_vs x, y;
    if (scheme == TSN_SCHEME_NONE || !slice(a, &x) || !slice(b, &y)) {
        return TSN_VERSION_UNKNOWN;
    }
    return schemes[scheme].compare(x, y);
}

bool tsn_version_conforms(enum tsn_scheme scheme, const char *version)
{
    struct tsn_vs s;
    if (!slice(version, &s)) {
        return false;
    }
    switch (scheme) {
    case TSN_SCHEME_NONE:
        return false;
    case TSN_SCHEME_SEMVER:
    case TSN_SCHEME_NPM:
    case TSN_SCHEME_GO:
    case TSN_SCHEME_PUB:
    case TSN_SCHEME_NUGET:
        return tsn_v_semver_ok(s);
    case TSN_SCHEME_DEB:
        return tsn_v_deb_ok(s);
    case TSN_SCHEME_PYPI:
        return tsn_v_pypi_ok(s);
    case TSN_SCHEME_DATETIME:
        return tsn_v_datetime_ok(s);
    case TSN_SCHEME_APK:
    case TSN_SCHEME_GENTOO:
    case TSN_SCHEME_OPENSSL:
    case TSN_SCHEME_HACKAGE:
    case TSN_SCHEME_CRAN:
    case TSN_SCHEME_GEM:
        return tsn_v_digit(*s.p);
    case TSN_SCHEME_COMPOSER:
        return strncasecmp(s.p, "dev-", 4) != 0; /* a branch */
    case TSN_SCHEME_RPM:
    case TSN_SCHEME_ALPM:
    case TSN_SCHEME_MAVEN:
    case TSN_SCHEME_CONAN:
    case TSN_SCHEME_GENERIC:
    case TSN_SCHEME_LEXICOGRAPHIC:
        return true;
    }
    return false;
}

struct tsn_vs tsn_v_digits(struct tsn_vs *s)
{
    struct tsn_vs out = {s->p, 0};
    while (out.n < s->n && tsn_v_digit(s->p[out.n])) {
        out.n++;
    }
    tsn_v_skip(s, out.n);
    return out;
}

struct tsn_vs tsn_v_letters(struct tsn_vs *s)
{
    struct tsn_vs out = {s->p, 0};
    while (out.n < s->n && tsn_v_alpha(s->p[out.n])) {
        out.n++;
    }
    tsn_v_skip(s, out.n);
    return out;
}

struct tsn_vs tsn_v_until(struct tsn_vs *s, char c)
{
    const char *at = s->n ? memchr(s->p, c, s->n) : NULL;
    struct tsn_vs out = {s->p, at ? (size_t)(at - s->p) : s->n};
    tsn_v_skip(s, out.n + (at != NULL));
    return out;
}

bool tsn_v_all_digits(struct tsn_vs s)
{
    size_t n = s.n;
    return n > 0 && tsn_v_digits(&s).n == n;
}

bool tsn_v_zero(struct tsn_vs d)
{
    while (d.n && *d.p == '0') {
        tsn_v_skip(&d, 1);
    }
    return d.n == 0;
}

int tsn_v_number(struct tsn_vs a, struct tsn_vs b)
{
    while (a.n && *a.p == '0') {
        tsn_v_skip(&a, 1);
    }
    while (b.n && *b.p == '0') {
        tsn_v_skip(&b, 1);
    }
    if (a.n != b.n) {
        return a.n < b.n ? -1 : 1;
    }
    return a.n ? tsn_v_sign(memcmp(a.p, b.p, a.n)) : 0;
}

int tsn_v_text(struct tsn_vs a, struct tsn_vs b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.p, b.p, n) : 0;
    return c ? tsn_v_sign(c) : (a.n > b.n) - (a.n < b.n);
}

int tsn_v_text_ci(struct tsn_vs a, struct tsn_vs b)
{
    for (size_t i = 0; i < a.n && i < b.n; i++) {
        unsigned char x = (unsigned char)tsn_v_lower(a.p[i]);
        unsigned char y = (unsigned char)tsn_v_lower(b.p[i]);
        if (x != y) {
            return x < y ? -1 : 1;
        }
    }
    return (a.n > b.n) - (a.n < b.n);
}

bool tsn_v_is(struct tsn_vs s, const char *word)
{
    size_t n = strlen(word);
    return s.n == n && strncasecmp(s.p, word, n) == 0;
}

bool tsn_v_takes(struct tsn_vs *s, const char *word)
{
    size_t n = strlen(word);
    if (s->n < n || strncasecmp(s->p, word, n) != 0) {
        return false;
    }
    tsn_v_skip(s, n);
    return true;
}
