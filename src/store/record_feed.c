/* record_feed.c - columns of feeds, their documents and what these mean to us. Constant; any thread. */
#include "store/record_feed.h"
#include "store/record_cols.h"

static const struct tsn_col feed_cols[] = {
    TEXT(feed, name),  TEXT(feed, etag),     TEXT(feed, modified), TEXT(feed, cursor),
    TEXT(feed, error), INT(feed, polled_at), INT(feed, ok_at),     INT(feed, documents),
};
TABLE(feed, -1);

static const struct tsn_col document_cols[] = {
    TEXT(document, id),       TEXT(document, key),         TEXT(document, feed),
    TEXT(document, path),     TEXT(document, tracking_id), TEXT(document, version),
    TEXT(document, title),    TEXT(document, sha256),      TEXT(document, state),
    TEXT(document, reason),   TEXT(document, listed),      TEXT(document, facts),
    TEXT(document, trace),    TEXT(document, basis),       TEXT(document, observation),
    TEXT(document, url),      TEXT(document, etag),        INT(document, fetched_at),
    INT(document, revisions), INT(document, unlisted_at),  INT(document, asked_at),
    INT(document, gone_at),
};
TABLE(document, -1);

static const struct tsn_col match_cols[] = {
    TEXT(match, id),        TEXT(match, key),      TEXT(match, document),
    TEXT(match, product),   TEXT(match, owner),    TEXT(match, certainty),
    TEXT(match, evidence),  TEXT(match, case_id),  TEXT(match, run),
    TEXT(match, state),     TEXT(match, reason),   TEXT(match, priority),
    INT(match, created_at), INT(match, closed_at),
};
TABLE(match, -1);

static const struct tsn_col naming_cols[] = {
    TEXT(naming, id),
    TEXT(naming, key),
    TEXT(naming, vuln),
    TEXT(naming, document),
};
TABLE(naming, -1);

static const struct tsn_col mark_cols[] = {
    TEXT(mark, id),    TEXT(mark, key),  TEXT(mark, kind), TEXT(mark, vuln),
    TEXT(mark, value), TEXT(mark, feed), INT(mark, since),
};
TABLE(mark, -1);
