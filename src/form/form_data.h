/* form_data.h - what a browser sends when a form is submitted: fields and files.
 *
 * multipart/form-data (RFC 7578, RFC 2046 5.1.1) and application/x-www-form-urlencoded (WHATWG URL 5),
 * strictly: every part has a name, lines end with CRLF, at most TSN_FORM_PARTS parts, no transfer
 * encoding. Pure; hostile input.
 */
#pragma once

#include "core/err.h"
#include "core/mem.h"

#define TSN_FORM_PARTS 64

struct tsn_form_part {
    const char *name;
    const char *filename; /* last segment, UTF-8, without control characters; NULL = a field */
    const char *type;     /* of a file; never NULL there */
    const char *data;     /* field: text in the arena, CRLF made LF. File: inside the body */
    size_t len;
};
struct tsn_form_data {
    struct tsn_form_part part[TSN_FORM_PARTS];
    size_t n;
};
/* TSN_EINPUT: not a form, or a broken one. Fields that are not UTF-8 or hold NUL are refused. */
tsn_err tsn_form_parse(struct tsn_arena *arena, const char *content_type, const char *body,
                       size_t len, struct tsn_form_data *out);
/* Text of the first field of this name, "" when there is none. */
const char *tsn_form_field(const struct tsn_form_data *d, const char *name);
