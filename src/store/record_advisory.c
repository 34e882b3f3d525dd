/* record_advisory.c - columns of advisories and what was published of them. Constant; any thread. */
#include "store/record_advisory.h"
#include "store/record_cols.h"

static const struct tsn_col advisory_cols[] = {
    TEXT(advisory, id),         TEXT(advisory, name),      TEXT(advisory, case_id),
    TEXT(advisory, state),      TEXT(advisory, digest),    SEALED(advisory, csaf),
    SEALED(advisory, markdown), SEALED(advisory, model),   SEALED(advisory, life),
    INT(advisory, version),     INT(advisory, updated_at), INT(advisory, publish_at),
};
TABLE(advisory, 2);

static const struct tsn_col release_cols[] = {
    TEXT(release, id),         TEXT(release, advisory),  TEXT(release, name),
    TEXT(release, version),    TEXT(release, tlp),       TEXT(release, state),
    TEXT(release, digest),     SEALED(release, csaf),    SEALED(release, model),
    SEALED(release, csaf21),   TEXT(release, signature), TEXT(release, signature21),
    INT(release, released_at),
};
TABLE(release, -1);
