/* record_advisory.h - what the store keeps of advisories and what was published of them.
 *
 * Conventions in record.h. Constant tables; any thread.
 */
#pragma once

#include "store/record.h"

struct tsn_rec_advisory {
    const char *id, *name /* ACME-SA-2026-001 */, *case_id, *digest;
    const char *state; /* of the track `document`: draft in_review ... final */
    const char *csaf, *markdown, *model /* JSON */,
        *life /* JSON; docs/advisories.md */; /* sealed */
    int64_t version, updated_at;
    int64_t publish_at; /* scheduled: when; else 0 */
};
extern const struct tsn_table tsn_table_advisory;

/* A version that was published: never changed, but for state and signature. */
struct tsn_rec_release {
    const char *id; /* ADVISORY:000001 */
    const char *advisory, *name, *version /* of the document */, *tlp, *digest;
    const char *state;        /* committed: on its way out; public: its files are; out */
    const char *csaf, *model; /* sealed under the system's key */
    const char *csaf21;       /* the same as CSAF 2.1; sealed; NULL: cannot be said in it */
    const char *signature, *signature21; /* detached OpenPGP, armored; NULL = none yet */
    int64_t released_at;
};
extern const struct tsn_table tsn_table_release;
