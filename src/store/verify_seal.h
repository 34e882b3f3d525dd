/* verify_seal.h - while a log is scanned: what stands beside it about its proof. Store thread.
 *
 * Every kept node of the tree, every checkpoint and every signing key must be what the entries
 * give: nodes by hashing; checkpoints by their root, by a signature of a key that the log names,
 * and by the audit.checkpoint entries; keys by audit.key.rotate and audit.epoch.*.
 */
#pragma once

#include "audit/verify.h"
#include "store/store.h"

struct tsn_verify_seal;
struct tsn_verify_seal *tsn_verify_seal_new(struct tsn_store *st, struct tsn_verify *v);
void tsn_verify_seal_destroy(struct tsn_verify_seal *s); /* NULL allowed */
/* In order, after tsn_verify_add. */
tsn_err tsn_verify_seal_add(struct tsn_verify_seal *s, int64_t seq, const char *text,
                            size_t len);
tsn_err tsn_verify_seal_finish(struct tsn_verify_seal *s);
/* The newest checkpoint that holds: its note, malloc'ed for the caller; NULL = none. */
char *tsn_verify_seal_take_note(struct tsn_verify_seal *s);
