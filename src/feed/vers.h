/* vers.h - does a version lie in a range? `vers:` ranges and the ranges of OSV. Pure, any thread.
 *
 * Three answers: what cannot be decided is unknown, and neither affected nor safe. */
#pragma once

#include <jansson.h>
#include "core/err.h"
#include "core/mem.h"
#include "feed/version.h"

enum tsn_in { TSN_IN_NO, TSN_IN_YES, TSN_IN_UNKNOWN };

enum tsn_vers_op {
    TSN_VERS_LT,
    TSN_VERS_LE,
    TSN_VERS_EQ,
    TSN_VERS_NE,
    TSN_VERS_GE,
    TSN_VERS_GT
};

struct tsn_vers_part {
    enum tsn_vers_op op;
    const char *version; /* decoded */
};

struct tsn_vers {
    const char *type; /* as written, lower case */
    enum tsn_scheme scheme;
    bool all;                    /* "*" */
    struct tsn_vers_part *parts; /* sorted by version where the scheme orders all of them */
    size_t n;
    bool sorted;    /* the order of the parts is known */
    bool canonical; /* was written in that order, each version once */
};

#define TSN_VERS_MAX   16384
#define TSN_VERS_PARTS 1000

/* Everything in the arena. TSN_EINPUT: *why says in a few words what is wrong. A type without an
 * order of its own is compared as generic; one that vers does not know is no error. */
tsn_err tsn_vers_parse(struct tsn_arena *arena, const char *text, struct tsn_vers *out,
                       const char **why);
enum tsn_in tsn_vers_has(const struct tsn_vers *v, const char *version);

/* One entry of OSV's affected[]: versions[], or any of ranges[]. SEMVER ranges are compared so,
 * ECOSYSTEM ranges by the package's ecosystem, GIT ranges are unknown unless a commit is named. */
enum tsn_in tsn_osv_has(const json_t *affected, const char *version);
