/* record_system.h - what the store keeps of tokens, secrets and small values.
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

/* A secret that `tocsin secret set` brought; core/secret.h. */
struct tsn_rec_secret {
    const char *name;
    const char *value; /* sealed under the system's key */
    const char *set_by;
    int64_t set_at;
};
extern const struct tsn_table tsn_table_secret;

/* Small values: node id, schema, counters. */
struct tsn_rec_meta {
    const char *name, *value;
};
extern const struct tsn_table tsn_table_meta;
