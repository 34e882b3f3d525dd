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

/* The parts are in the arena and canonical: case and characters by the rules of the type.
 * `strict` refuses keys that begin with a capital, as the specification's parse tests do;
 * otherwise keys are folded. TSN_EINPUT: *why says what is
 * wrong in a few words. */
tsn_err tsn_purl_parse(struct tsn_arena *arena, const char *text, bool strict,
                       struct tsn_purl *out, const char **why);
/* The same checks and rules for parts that came from elsewhere. */
tsn_err tsn_purl_canonical(struct tsn_arena *arena, struct tsn_purl *purl, const char **why);
void tsn_purl_print(const struct tsn_purl *purl, struct tsn_buf *out);
