/* record_feed.h - what the store keeps of feeds, their documents and what these mean to us.
 *
 * Conventions in record.h. Constant tables; any thread.
 */
#pragma once

#include "store/record.h"

struct tsn_rec_feed {
    const char *name, *etag, *modified, *cursor, *error;
    int64_t polled_at, ok_at, documents;
};
extern const struct tsn_table tsn_table_feed;

struct tsn_rec_document {
    const char *id, *key /* unique: feed LF path */, *feed, *path, *tracking_id, *version,
        *title;
    const char *sha256, *state /* current quarantined withdrawn */, *reason,
        *listed /* time in the list */;
    const char *facts; /* JSON: what matching and difference need */
    const char
        *trace; /* JSON: what it says of components of ours (feed/judge.h); NULL = none */
    const char *basis;       /* parser and inventory that facts and trace were made with */
    const char *observation; /* record_ingest.h: what the state above comes from */
    const char *url;         /* where it was; NULL = inside a list */
    const char *etag;        /* what the server called these bytes there; NULL */
    int64_t fetched_at, revisions;
    int64_t unlisted_at, asked_at,
        gone_at; /* the list names it no more; the server was asked for
                                               it last; did not have it first */
};
extern const struct tsn_table tsn_table_document;

struct tsn_rec_match {
    const char *id, *key /* unique: tracking id LF product */, *document, *product, *owner;
    const char *certainty /* certain likely guess */, *evidence /* JSON */, *case_id, *run;
    const char *state /* open closed */, *reason /* why it was closed */;
    const char *priority; /* JSON: band and what it was computed from */
    int64_t created_at, closed_at;
};
extern const struct tsn_table tsn_table_match;

/* A document of a feed speaks of a vulnerability. */
struct tsn_rec_naming {
    const char *id, *key /* unique: vuln LF document */, *vuln, *document;
};
extern const struct tsn_table tsn_table_naming;

/* What a feed says of a vulnerability whatever the product: kev, ssvc, epss. */
struct tsn_rec_mark {
    const char *id, *key /* unique: kind LF vuln */, *kind, *vuln, *value /* JSON */, *feed;
    int64_t since;
};
extern const struct tsn_table tsn_table_mark;
