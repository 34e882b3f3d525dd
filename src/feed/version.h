/* version.h - which of two versions is older, by the rules of the ecosystem they come from. Pure,
 * any thread, no allocation; numbers are compared as digit strings and may have any length.
 * Sources of each order: docs/matching.md. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum tsn_scheme {
    TSN_SCHEME_NONE, /* no such scheme: every comparison is unknown */
    TSN_SCHEME_SEMVER,
    TSN_SCHEME_NPM,
    TSN_SCHEME_GO,
    TSN_SCHEME_PUB,
    TSN_SCHEME_NUGET,
    TSN_SCHEME_DEB,
    TSN_SCHEME_RPM,
    TSN_SCHEME_ALPM,
    TSN_SCHEME_APK,
    TSN_SCHEME_GENTOO,
    TSN_SCHEME_PYPI,
    TSN_SCHEME_MAVEN,
    TSN_SCHEME_GEM,
    TSN_SCHEME_COMPOSER,
    TSN_SCHEME_CONAN,
    TSN_SCHEME_OPENSSL,
    TSN_SCHEME_HACKAGE,
    TSN_SCHEME_CRAN,
    TSN_SCHEME_GENERIC,
    TSN_SCHEME_LEXICOGRAPHIC,
    TSN_SCHEME_DATETIME,
};

/* Longer versions are not compared. */
#define TSN_VERSION_MAX     4096
#define TSN_VERSION_UNKNOWN 2

/* By its purl type, vers scheme or OSV ecosystem ("Debian:12" too), any case; NONE if unknown. */
enum tsn_scheme tsn_scheme_find(const char *name);
const char *tsn_scheme_name(enum tsn_scheme scheme); /* as in a vers range */

/* -1, 0 or 1: a is older, equal, newer; TSN_VERSION_UNKNOWN where the scheme has no answer. */
int tsn_version_compare(enum tsn_scheme scheme, const char *a, const char *b);
/* Is it a version of the scheme at all? Some orders go on where its grammar ends (legacy
 * versions of PyPI); ranges do not. */
bool tsn_version_conforms(enum tsn_scheme scheme, const char *version);
