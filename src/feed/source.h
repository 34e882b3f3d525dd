/* source.h - the kinds of feeds: where their lists are and what stands in them. Pure, any thread.
 *
 * A source turns its configuration into first pages, and each page into rows (documents to look
 * at) and further pages. Fetching, comparing with the store, hashes, signatures, quarantine and
 * the transaction are the same for all (feed_poll.c, feed_doc.c, feed_store.c). A new kind is one
 * table row and one function. docs/feeds.md lists them. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include "core/diag.h"
#include "core/mem.h"

struct tsn_feed_row {
    const char *path; /* names the document within its feed */
    const char *time; /* changes when it may have changed; "" = look every time */
    const char *url;  /* NULL: found by the path from `folder` (a CSAF directory) */
    const char *folder;
    const char *hash, *sig; /* URLs; NULL: beside the document, where the source has them */
    const char *body;       /* the document itself, where the list holds it; NULL */
    size_t len;
};
struct tsn_feed_rows {
    struct tsn_feed_row *rows;
    size_t n, cap, bad; /* bad: entries that are none */
};
void tsn_feed_row_add(struct tsn_arena *arena, struct tsn_feed_rows *rows,
                      const struct tsn_feed_row *row);

struct tsn_page {
    const char *url;
    bool conditional; /* 304 means: nothing new in it */
    bool fallback;    /* only while no page before it led anywhere */
    bool optional;    /* may be missing */
    bool direct;      /* no redirects */
};
struct tsn_pages {
    struct tsn_page *pages;
    size_t n, cap;
};
void tsn_page_add(struct tsn_arena *arena, struct tsn_pages *pages,
                  const struct tsn_page *page);

/* What a page says besides rows. */
struct tsn_page_news {
    const char *ns;   /* publisher's namespace of a CSAF provider; NULL */
    json_t *keys;     /* its OpenPGP keys [{ fingerprint, url }], deferred to the arena; NULL */
    json_t *suggests; /* providers that an aggregator lists; NULL */
    const char *gap;  /* why entries may have been missed; NULL */
};

struct tsn_source {
    const char *kind;
    bool folder; /* the url ends in '/' */
    bool hashes; /* documents have .sha512 or .sha256 beside them */
    void (*first)(struct tsn_arena *arena, const char *url, const char *domain,
                  const char *since, struct tsn_pages *pages);
    /* TSN_EINPUT with F002: the page is not what it should be. */
    tsn_err (*read)(struct tsn_arena *arena, const struct tsn_page *page, const char *text,
                    size_t len, struct tsn_feed_rows *rows, struct tsn_pages *pages,
                    struct tsn_page_news *news, struct tsn_diag *diag);
};
/* NULL: there is no such kind. */
const struct tsn_source *tsn_source_find(const char *kind);
extern const char *const tsn_source_kinds[]; /* NULL-terminated */

/* The readers, each beside its like. */
extern const struct tsn_source tsn_source_csaf, tsn_source_osv, tsn_source_cvelist,
    tsn_source_nvd, tsn_source_ghsa, tsn_source_document, tsn_source_kev, tsn_source_epss,
    tsn_source_rss;

/* An http(s) address without user, password and fragment, not weaker than the page's. */
bool tsn_source_url_ok(const char *page, const char *url);
/* `path` against the folder of `page`; absolute URLs stay. NULL: it may not be asked for. */
const char *tsn_source_url(struct tsn_arena *arena, const char *page, const char *path);
