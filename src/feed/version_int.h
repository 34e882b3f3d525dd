/* version_int.h - what the version_*.c share; nobody else includes it. */
#pragma once

#include <string.h>
#include "feed/version.h"

/* A part of a version; not terminated. */
struct tsn_vs {
    const char *p;
    size_t n;
};

static inline bool tsn_v_digit(char c)
{
    return c >= '0' && c <= '9';
}
static inline bool tsn_v_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
static inline char tsn_v_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}
static inline int tsn_v_sign(int n)
{
    return (n > 0) - (n < 0);
}
/* The character in front, or 0 at the end. */
static inline char tsn_v_peek(const struct tsn_vs *s)
{
    return s->n ? *s->p : '\0';
}
static inline void tsn_v_skip(struct tsn_vs *s, size_t n)
{
    if (n > 0) { /* an empty one may have no text at all */
        s->p += n;
        s->n -= n;
    }
}
static inline bool tsn_v_take(struct tsn_vs *s, char c)
{
    if (tsn_v_peek(s) != c || !s->n) {
        return false;
    }
    tsn_v_skip(s, 1);
    return true;
}
/* From the front, as far as it goes; may be empty. */
struct tsn_vs tsn_v_digits(struct tsn_vs *s);
struct tsn_vs tsn_v_letters(struct tsn_vs *s);
/* Up to the character, which is dropped; all of it where the character does not occur. */
struct tsn_vs tsn_v_until(struct tsn_vs *s, char c);
bool tsn_v_all_digits(struct tsn_vs s);
/* Digit strings; an empty one is 0. */
int tsn_v_number(struct tsn_vs a, struct tsn_vs b);
bool tsn_v_zero(struct tsn_vs digits);
int tsn_v_text(struct tsn_vs a, struct tsn_vs b); /* bytes */
int tsn_v_text_ci(struct tsn_vs a, struct tsn_vs b);
bool tsn_v_is(struct tsn_vs s, const char *word); /* ASCII case is ignored */
bool tsn_v_takes(struct tsn_vs *s, const char *word);

typedef int tsn_v_compare(struct tsn_vs a, struct tsn_vs b);
tsn_v_compare tsn_v_semver, tsn_v_npm, tsn_v_go, tsn_v_pub, tsn_v_nuget;
tsn_v_compare tsn_v_deb, tsn_v_rpm, tsn_v_alpm;
tsn_v_compare tsn_v_apk, tsn_v_gentoo;
tsn_v_compare tsn_v_pypi, tsn_v_maven, tsn_v_gem, tsn_v_composer, tsn_v_conan;
tsn_v_compare tsn_v_openssl, tsn_v_numbers, tsn_v_generic, tsn_v_datetime;

bool tsn_v_semver_ok(struct tsn_vs s);
bool tsn_v_deb_ok(struct tsn_vs s);
bool tsn_v_pypi_ok(struct tsn_vs s);
bool tsn_v_datetime_ok(struct tsn_vs s);
