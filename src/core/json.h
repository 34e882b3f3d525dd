/* json.h - strictness around jansson: one way to read, one way to write.
 *
 * Reading refuses duplicate keys, depth past TSN_JSON_DEPTH, trailing bytes and NUL in strings.
 * Writing is canonical: sorted keys, no spaces, reals with 15 digits; the same value gives the
 * same bytes in every process, so digests can be taken over them. Any thread (call
 * tsn_json_init first, once, before threads and before any system-call filter).
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include "core/buf.h"
#include "core/diag.h"

#define TSN_JSON_DEPTH 64

void tsn_json_init(void);
/* diag gets line and column and code H010. */
tsn_err tsn_json_parse(const char *p, size_t n, json_t **out, struct tsn_diag *diag);
/* Gives each whole line at the front of `in`, parsed, to `one` and drops it; ends at the first error. */
tsn_err tsn_json_lines(struct tsn_buf *in,
                       tsn_err (*one)(void *user, const json_t *m, struct tsn_diag *diag),
                       void *user, struct tsn_diag *diag);
tsn_err tsn_json_write(struct tsn_buf *out, const json_t *v);
/* malloc'ed canonical text; never NULL. */
char *tsn_json_text(const json_t *v);

/* Members with defaults; the object may be NULL or of another type. Strings are borrowed. */
const char *tsn_json_str(const json_t *obj, const char *key, const char *otherwise);
int64_t tsn_json_int(const json_t *obj, const char *key, int64_t otherwise);
bool tsn_json_bool(const json_t *obj, const char *key, bool otherwise);
/* SHA-256 of the canonical text. */
void tsn_json_digest(uint8_t out[32], const json_t *v);
/* A text of at most max_bytes and max_chars, whole characters, where control characters are blanks but
 * (with `lines`) \n and \t. `s` is UTF-8 or NULL. New reference. */
json_t *tsn_json_clean(const char *s, size_t max_bytes, size_t max_chars, bool lines);
/* TSN_EFIELD with a suggestion (code H012, pointer in diag->file) when obj has a key that is
 * not in `known`. */
tsn_err tsn_json_known(const json_t *obj, const char *const *known, size_t n,
                       struct tsn_diag *diag);
