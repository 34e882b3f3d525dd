/* record_ingest.h - what the store keeps of what feeds brought: bytes, observations, revisions,
 * decisions, and what people said of feeds and matches.
 *
 * Conventions in record.h. Constant tables; any thread.
 */
#pragma once

#include "store/record.h"

/* Bytes as a feed gave them; for ever. */
struct tsn_rec_raw {
    const char *sha256;
    struct tsn_blob body;
    int64_t size, seen_at;
};
extern const struct tsn_table tsn_table_raw;

/* A document was there with these bytes: what became of them. */
struct tsn_rec_observation {
    const char *id, *feed, *path, *sha256 /* of raw; NULL = there were no bytes */, *listed;
    const char *state /* pending revised quarantined duplicate */, *reason;
    const char *signature; /* what gpg said; NULL = not asked */
    int64_t hashed /* a hash stood beside it and fits */, seen_at, settled_at;
};
extern const struct tsn_table tsn_table_observation;

/* One state of what a document says. */
struct tsn_rec_revision {
    const char *id, *key /* unique: document LF number */, *document, *feed, *observation,
        *sha256;
    const char *kind /* new changed cosmetic withdrawn */, *substance, *version;
    const char *flags, *changes; /* JSON: of the difference from the one before */
    int64_t n, created_at;
};
extern const struct tsn_table tsn_table_revision;

/* What a difference in our matches leads to; feed/decision.h. */
struct tsn_rec_decision {
    const char *id, *key /* unique: document LF number of its revision */, *feed, *document,
        *advisory;
    const char *state /* open held done */, *verdict, *reason, *rule, *band;
    const char *product; /* the first of them, for lists */
    const char *grouped; /* digest: what it is collected with; NULL */
    const char *input;   /* JSON: advisory, products, dropped, changes, inputs */
    const char *digest;  /* SHA-256 of the input */
    const char *lua;     /* JSON: what predicates said, by which file; NULL = none was asked */
    const char *case_id, *run, *by /* a person; NULL = the rules */;
    int64_t urgent, created_at, due_at, decided_at;
};
extern const struct tsn_table tsn_table_decision;

/* What people said of a feed, and its counters. */
struct tsn_rec_feeddesk {
    const char *name, *definition /* JSON: added by a person; NULL = of the configuration */;
    const char *trust /* NULL = as configured */, *storm /* why; NULL = none */, *paused_by;
    int64_t paused_at, storm_at, observed, revised, quarantined, duplicate;
};
extern const struct tsn_table tsn_table_feeddesk;

/* A person's word on a match: whether a name in documents means a product of ours. */
struct tsn_rec_mapping {
    const char *id, *key /* unique: what it is about */, *kind /* name match */, *product,
        *vendor, *name, *verdict /* same other not_affected */, *by, *reason;
    int64_t made_at;
};
extern const struct tsn_table tsn_table_mapping;
