/* verify_store.h - verifies and exports the log of an open store: offline commands. */
#pragma once

#include "audit/verify.h"
#include "store/store.h"

/* Scans everything against the stored head; alone or inside an op of the reader. Returns 0 with a
 * verdict also for damaged files; an error when not even a transaction can begin. `progress` (may be NULL) is called now and then. */
tsn_err tsn_store_verify(struct tsn_store *st,
                         void (*progress)(uint64_t done, uint64_t total, void *user),
                         void *user, struct tsn_verify_result *out);
/* The same, with the newest checkpoint that holds: malloc'ed, or NULL. */
tsn_err tsn_store_verify_sealed(struct tsn_store *st,
                                void (*progress)(uint64_t done, uint64_t total, void *user),
                                void *user, struct tsn_verify_result *out, char **note);
