/* mime.h - one mail, or one decrypted part of a mail, as JSON: the parser child's whole work.
 *
 * Reads RFC 5322 and MIME (2045-2049, 2231, 3156, 3462) with GMime, so it runs only in the child
 * tocsin-parser, behind limits and a system-call filter: GLib aborts when memory ends, and that
 * must cost one mail's details, never the core. Nothing is fetched, nothing is executed, HTML
 * becomes inert text. Whatever comes in gives an object; what is wrong stands in its `problems`.
 *
 * The object (docs/mail.md has every field): headers{...}, text, parts[...], crypto[...],
 * delivery{...} (of a bounce), keys[...] (OpenPGP public keys), problems[{code, text, part?}].
 * Pure but for GMime's own state; one thread.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TSN_MIME_BYTES_MAX   (25u << 20) /* of one mail; the core never sends more */
#define TSN_MIME_DEPTH_MAX   20
#define TSN_MIME_PARTS_MAX   500
#define TSN_MIME_HEADERS_MAX 200
#define TSN_MIME_TEXT_MAX    (1u << 20) /* of one part as text; more is cut and said */

enum tsn_mime_what {
    TSN_MIME_MESSAGE = 'm', /* a mail: headers of RFC 5322 */
    TSN_MIME_ENTITY = 'e',  /* the inside of RFC 3156: MIME headers and body */
    TSN_MIME_TEXT = 't'     /* the inside of inline PGP: only text */
};

/* Once, before the system-call filter: GMime, and the conversions of every character set that
 * mail is known to use, since the filter lets nobody load them later. */
void tsn_mime_init(void);
/* A new reference. `bytes` also gives the content of attachments ("data", base64). */
json_t *tsn_mime_parse(enum tsn_mime_what what, bool bytes, const void *p, size_t n);
