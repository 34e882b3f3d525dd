/* payload.h - what an entry only commits to: salted, sealed beside it, erasable.
 *
 * Commitment: SHA-256("tocsin-commit/v1" LF field LF salt32 payload). Beside the entry stands one
 * blob for all its fields; each field is sealed under the case key with origin-independent
 * associated data "tocsin-payload/v1" LF seq LF field, plaintext salt32 || payload. Blob layout:
 * repeated (1 byte name length, name, 4 bytes big-endian box length, box). Pure but for
 * randomness. `field` names and order are those of the entry's commitments.
 */
#pragma once

#include "audit/entry.h"

struct tsn_field {
    const char *name;
    const void *data;
    size_t len;
};

/* Fills commits[0..n) of e (sorted) and appends the blob. n <= TSN_ENTRY_FIELDS_MAX. */
tsn_err tsn_payload_seal(struct tsn_entry *e, struct tsn_buf *blob,
                         const uint8_t key[TSN_KEY_LEN], const struct tsn_field *fields,
                         size_t n);
/* Opens one field and checks it against the commitment in e. TSN_ENOTFOUND: no such field
 * (erased or never there); TSN_ETAMPERED: does not open or does not match. */
tsn_err tsn_payload_open(const struct tsn_entry *e, const void *blob, size_t len,
                         const uint8_t key[TSN_KEY_LEN], const char *field,
                         struct tsn_buf *out);
