/* csaf_shape.h - how a JSON schema is written down as data. Read-only; any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum tsn_shape_kind {
    TSN_SHAPE_STRING, /* never empty */
    TSN_SHAPE_SCORE,  /* number from 0 to 10 */
    TSN_SHAPE_ARRAY,
    TSN_SHAPE_OBJECT,
    TSN_SHAPE_CVSS2,
    TSN_SHAPE_CVSS3,
    TSN_SHAPE_CVSS4,
    TSN_SHAPE_ANY /* judged elsewhere, or by nobody */
};

struct tsn_shape;
struct tsn_member {
    const char *name; /* NULL ends the list */
    const struct tsn_shape *shape;
    bool required;
};

struct tsn_shape {
    enum tsn_shape_kind kind;
    bool (*format)(const char *s); /* string: NULL = any */
    const char *what;              /* "a URI": for the message */
    const char *const *values;     /* string: NULL-terminated enumeration */
    const struct tsn_shape *items; /* array */
    bool unique;                   /* array */
    size_t min, max;               /* items of an array, members of an object; max 0 = any */
    const struct tsn_member *members;
};

extern const struct tsn_shape tsn_shape_csaf, tsn_shape_csaf21;
extern const struct tsn_shape tsn_shape_cvss20, tsn_shape_cvss30, tsn_shape_cvss31,
    tsn_shape_cvss40;
