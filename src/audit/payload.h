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

/* One sealed field as it stands in a blob; `box` is borrowed. */
struct tsn_payload_box {
    char name[16];
    const uint8_t *box;
    size_t len;
};
/* Walks a blob: *at starts at 0. TSN_ENOTFOUND: the end. TSN_ETAMPERED: not a blob. */
tsn_err tsn_payload_next(const void *blob, size_t len, size_t *at, struct tsn_payload_box *out);
/* The commitment over `salted` = salt32 || payload. */
tsn_err tsn_payload_commit(uint8_t value[TSN_HASH_LEN], const char *name, const void *salted,
                           size_t len);
/* As below, with the salt in front. */
tsn_err tsn_payload_open_salted(const struct tsn_entry *e, const struct tsn_commit *c,
                                const struct tsn_payload_box *box,
                                const uint8_t key[TSN_KEY_LEN], struct tsn_buf *out);
/* Opens one box against one commitment of e; out NULL = check only. */
tsn_err tsn_payload_open_box(const struct tsn_entry *e, const struct tsn_commit *c,
                             const struct tsn_payload_box *box, const uint8_t key[TSN_KEY_LEN],
                             struct tsn_buf *out);
