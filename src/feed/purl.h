/* purl.h - package URLs: parse, bring into the canonical form, print. Pure, any thread. */
#pragma once

#include <stdbool.h>
#include "core/buf.h"
#include "core/mem.h"

struct tsn_purl_qualifier {
    const char *key, *value;
};

/* Decoded parts; NULL = absent. */
struct tsn_purl {
    const char *type, *ns, *name, *version, *subpath; /* ns and subpath: "a/b" */
    struct tsn_purl_qualifier *qualifiers;            /* sorted by key once canonical */
    size_t nqualifiers;
};

#define TSN_PURL_MAX 8192

enum tsn_purl_how {
    TSN_PURL_FOLD,   /* keys of qualifiers in any case */
    TSN_PURL_STRICT, /* they begin with a small letter, as the specification's parse tests want */
    TSN_PURL_LOOSE /* what real SBOMs hold: a namespace or qualifier that its type needs may be
                      * absent, one that it forbids present */
};
/* The parts are in the arena and canonical: case and characters by the rules of the type.
 * TSN_EINPUT: *why says what is wrong in a few words. */
tsn_err tsn_purl_parse(struct tsn_arena *arena, const char *text, enum tsn_purl_how how,
                       struct tsn_purl *out, const char **why);
/* The same checks and rules for parts that came from elsewhere. */
tsn_err tsn_purl_canonical(struct tsn_arena *arena, struct tsn_purl *purl, const char **why);
/* NULL = absent. */
const char *tsn_purl_qualifier(const struct tsn_purl *purl, const char *key);
void tsn_purl_print(const struct tsn_purl *purl, struct tsn_buf *out);
