/* record_system.c - columns of tokens and small values. Constant; any thread. */
#include "store/record_system.h"
#include "store/record_cols.h"

static const struct tsn_col token_cols[] = {
    TEXT(token, id),        TEXT(token, hash),      TEXT(token, person),
    TEXT(token, scopes),    TEXT(token, purpose),   INT(token, created_at),
    INT(token, expires_at), INT(token, revoked_at),
};
TABLE(token, -1);

static const struct tsn_col secret_cols[] = {
    TEXT(secret, name),
    SEALED(secret, value),
    TEXT(secret, set_by),
    INT(secret, set_at),
};
TABLE(secret, -1);

static const struct tsn_col meta_cols[] = {
    TEXT(meta, name),
    TEXT(meta, value),
};
TABLE(meta, -1);
