/* claim.h - what an upstream document says, one statement at a time, whatever its format.
 *
 * A reader (format.h) turns a document into records and claims and hands them to a sink; everything
 * is borrowed for the time of the call. Pure, any thread. */
#pragma once

#include <jansson.h>
#include "feed/component.h"
#include "feed/vers.h"

enum tsn_stance {
    TSN_STANCE_AFFECTED,
    TSN_STANCE_INVESTIGATED,
    TSN_STANCE_FIXED,
    TSN_STANCE_NOT_AFFECTED
};
extern const char *const tsn_stance_names[];

/* How the versions that are meant are said. */
enum tsn_span {
    TSN_SPAN_ALL,
    TSN_SPAN_EXACT,  /* `version` */
    TSN_SPAN_VERS,   /* `version` is a vers: range */
    TSN_SPAN_OSV,    /* `range` is an entry of affected[] */
    TSN_SPAN_CVE,    /* `range` is an entry of a CVE record's affected[] */
    TSN_SPAN_WORDS,  /* `version` is ">= 1.0, < 1.2" */
    TSN_SPAN_BOUNDS, /* `bounds` */
    TSN_SPAN_UNREAD  /* prose: unknown for every version */
};

struct tsn_bounds {
    const char *from, *to; /* NULL = open */
    bool with_from, with_to;
};

struct tsn_claim {
    enum tsn_stance stance;
    const char *vuln;             /* the id it is about: a CVE, or the record's own */
    struct tsn_package package;   /* type NULL = it names no package */
    const char *cpe;              /* NULL = none */
    const char *vendor, *product; /* names; NULL = none */
    const char *ref;              /* CycloneDX: bom-ref in that document; NULL */
    const char
        *inside; /* VEX: purl or name of the product that the package is in; NULL = any */
    const char *module; /* rpm module stream "nodejs:18:..." that it is limited to; NULL */
    bool conditional;   /* only on some platform or in some product, which nobody checked */
    bool inferred;      /* not said: older than the version that is said to be fixed */
    enum tsn_span span;
    const char *version;
    const json_t *range;
    struct tsn_bounds bounds;
    const char *fixed;         /* first version without it; NULL = not said here */
    const char *justification; /* of NOT_AFFECTED; NULL = none given */
    const char *pointer;       /* JSON pointer or line, for people */
};

struct tsn_record {
    const char *id;             /* "GO-2021-0052" */
    const char *source;         /* format's name: "osv" */
    const char *publisher, *ns; /* who says it; "" */
    const json_t *aliases;  /* strings: other names of the same vulnerability; NULL = none */
    const json_t *upstream; /* strings: what it is about without being the same; NULL = none */
    const char *title, *url, *modified, *severity; /* "" */
    const char *vector;                            /* CVSS; "" */
    bool withdrawn;
    bool vex; /* made to say who is not affected */
};

/* One that says nothing but its id and source. */
struct tsn_record tsn_record_of(const char *id, const char *source);

struct tsn_sink {
    void *user;
    void (*record)(void *user, const struct tsn_record *r);
    void (*claim)(void *user, const struct tsn_claim *c);
    /* A fact about an id that no package is named for: kind "kev", "epss", "ssvc", "rejected". */
    void (*mark)(void *user, const char *kind, const char *id, const json_t *value);
};

struct tsn_verdict {
    enum tsn_in in;
    const char *fixed; /* borrowed; NULL = none known */
    const char *why;   /* constant text: where the answer is weaker than it looks; NULL */
};
/* Is this version meant by the claim? `scheme` orders where the claim brings no order of its own. */
void tsn_claim_judge(const struct tsn_claim *claim, enum tsn_scheme scheme, const char *version,
                     struct tsn_verdict *out);
/* Lowest fixed version above `version` in an entry of OSV's affected[]; NULL = none. */
const char *tsn_osv_fixed(const json_t *affected, enum tsn_scheme scheme, const char *version);
