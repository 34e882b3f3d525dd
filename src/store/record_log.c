/* record_log.c - columns of the log: case keys, chains, checkpoints and sealing keys. Constant; any thread. */
#include "store/record_log.h"
#include "store/record_cols.h"

static const struct tsn_col casekey_cols[] = {
    TEXT(casekey, case_id),
    BLOB(casekey, wrapped),
};
TABLE(casekey, -1);

static const struct tsn_col chain_cols[] = {
    TEXT(chain, chain),
    BLOB(chain, leaf),
    INT(chain, seq),
    INT(chain, rseq),
};
TABLE(chain, -1);

static const struct tsn_col checkpoint_cols[] = {
    TEXT(checkpoint, id),  TEXT(checkpoint, note),     INT(checkpoint, size),
    INT(checkpoint, kept), INT(checkpoint, sealed_at),
};
TABLE(checkpoint, -1);

static const struct tsn_col sealkey_cols[] = {
    TEXT(sealkey, key),      TEXT(sealkey, origin),    INT(sealkey, epoch),
    INT(sealkey, from_size), INT(sealkey, until_size),
};
TABLE(sealkey, -1);
