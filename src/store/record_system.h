/* record_system.h - what the store keeps of tokens and small values.
 *
 * Conventions in record.h. Constant tables; any thread.
 */
#pragma once

#include "store/record.h"

struct tsn_rec_token {
    const char *id, *hash /* SHA-256 hex of the token */, *person, *scopes, *purpose;
    int64_t created_at, expires_at, revoked_at;
};
extern const struct tsn_table tsn_table_token;

/* Small values: node id, schema, counters. */
struct tsn_rec_meta {
    const char *name, *value;
};
extern const struct tsn_table tsn_table_meta;
