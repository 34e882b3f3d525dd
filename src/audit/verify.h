/* verify.h - checks a log entry by entry: text, position, chains, closes, tree. Pure.
 *
 * Feed entries in order, then finish with the head that the database claims. The first finding
 * is kept. Memory: one small record per chain seen.
 */
#pragma once

#include "audit/entry.h"
#include "audit/tree.h"

enum tsn_verdict { TSN_VERIFIED, TSN_TAMPERED, TSN_CANNOT_TELL, TSN_UNUSABLE };

struct tsn_verify;
struct tsn_verify *tsn_verify_new(void);
void tsn_verify_destroy(struct tsn_verify *v);
/* `seq` is the position where it was found, `leaf` the stored leaf (NULL = none stored). */
void tsn_verify_add(struct tsn_verify *v, int64_t seq, const char *text, size_t len,
                    const uint8_t *leaf);
/* For a part of a log, with the leaf of the text: positions may have gaps and no tree is kept. With `partial` chains may also begin anywhere. */
void tsn_verify_add_at(struct tsn_verify *v, int64_t seq, const char *text, size_t len,
                       const uint8_t *leaf);
bool tsn_verify_tampered(const struct tsn_verify *v); /* something was found already */
void tsn_verify_partial(struct tsn_verify *v);
/* Every closed run must have its run.ended; finish does it too. */
void tsn_verify_closes(struct tsn_verify *v);
/* The payload that stands beside the last added entry; key NULL = cannot be opened here. Once it
 * was called at all, an entry that commits to a payload and has none (len 0) is a finding, unless an
 * audit.erase entry behind it covers it. */
void tsn_verify_payload(struct tsn_verify *v, const void *blob, size_t len, const uint8_t *key);
/* The store's own link of the last added entry to the one before it in its chain, -1 = none. */
void tsn_verify_prev(struct tsn_verify *v, int64_t prev);
/* Where the store says that a chain ends; after all entries, before finish. */
void tsn_verify_chain(struct tsn_verify *v, const char *chain, int64_t seq, int64_t rseq,
                      const uint8_t *leaf);
/* What somebody else found wrong at `seq`, in order with the rest. */
void tsn_verify_find(struct tsn_verify *v, int64_t seq, const char *code, const char *why);
/* `root` NULL = no claimed root. Checks size and root, and that chain ends match closes. */
void tsn_verify_finish(struct tsn_verify *v, uint64_t size, const uint8_t *root);

struct tsn_verify_result {
    enum tsn_verdict verdict;
    uint64_t entries, chains, payloads_opened, payloads_sealed;
    uint64_t payloads_erased; /* absent, and an audit.erase entry says so */
    uint8_t root[TSN_HASH_LEN];
    int64_t bad_seq;      /* first wrong entry, or -1 */
    struct tsn_diag diag; /* why, with a V code */
};
void tsn_verify_result(const struct tsn_verify *v, struct tsn_verify_result *out);
