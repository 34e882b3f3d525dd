/* source.h - the kinds of feeds: where their lists are and what stands in them. Pure, any thread.
 *
 * A source turns its configuration into first pages, and each page into rows (documents to look
 * at) and further pages. Fetching, unpacking, comparing with the store, hashes, signatures, quarantine
 * and the transactions are the same for all (feed_page.c, feed_poll.c, feed_doc.c, feed_store.c). A new
 * kind is one table row and one small file. docs/feeds.md lists them. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include "core/diag.h"
#include "core/json_each.h"
#include "core/mem.h"

struct tsn_feed_row {
    const char *path; /* names the document within its feed */
    const char *time; /* changes when it may have changed; "" = look every time */
    const char *url;  /* NULL: found by the path from `folder` (a CSAF directory) */
    const char *folder;
    const char *accept;     /* asked for as this type; NULL = any */
    const char *hash, *sig; /* URLs; NULL: beside the document, where the source has them */
    const char *known_etag,
        *known_url;   /* of the stored bytes: asked for only if they changed; NULL */
    const char *body; /* the document itself, where the list holds it; NULL */
    size_t len;
};
struct tsn_feed_rows {
    struct tsn_feed_row *rows;
    size_t n, cap, bad; /* bad: entries that are none */
};
void tsn_feed_row_add(struct tsn_arena *arena, struct tsn_feed_rows *rows,
                      const struct tsn_feed_row *row);

struct tsn_page {
    const char *url;    /* "file:///..." and "exec:" where the kind is local */
    const char *sha256; /* of the bytes as they come, in hex, said by a page before; NULL */
    const char *accept; /* NULL = anything */
    const char *note;   /* for the source alone; NULL */
    const char *form;   /* sent as a form by POST: asks for a token; NULL */
    bool secret;        /* the feed's secret, escaped, goes behind the form */
    bool vouched;       /* its hash was said under a good signature */
    bool conditional;   /* 304 means: nothing new in it */
    bool fallback;      /* only while no page before it led anywhere */
    bool optional;      /* may be missing */
    bool direct;        /* no redirects */
    bool archive;       /* its entries are documents: member() */
    bool signed_text;   /* clear-signed: only what the signature covers is read */
    bool signed_apart;  /* its signature stands beside it, .asc */
    bool again;         /* stands in the list of pages a second time, behind its archive */
    int what;           /* for the source alone */
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
    const char *token;  /* goes with every later request of this poll; NULL */
    const char *newest; /* time of the newest thing in it, as far as it says; NULL */
};

/* The text of a page, taken in slices. A reader goes on at `at`, ends a slice after `rows` rows or
 * `bytes` of bodies, and has at == len when the page is done. A NUL stands behind the text. Rows may
 * point into it. */
struct tsn_page_text {
    const char *text;
    size_t len, at, rows, bytes;
    const char *link; /* the answer's Link header; "" */
    bool begun;       /* the rest is the reader's, from slice to slice */
    struct tsn_json_each each;
    void *memo;
    void (*forget)(void *memo);
};
/* A whole text that one slice takes. */
#define TSN_PAGE_TEXT(t, n)                                                                    \
    {                                                                                          \
        .text = (t), .len = (n), .rows = SIZE_MAX, .bytes = SIZE_MAX, .link = ""               \
    }

/* What a poll begins with. */
struct tsn_source_ask {
    const char *url, *domain;
    const char *since;   /* time of the last whole poll minus the overlap; NULL = everything */
    const char *archive; /* where everything is to be had at once; NULL = where the kind says */
    const char *id, *token_url; /* of a client; NULL */
    int64_t now_ms;
};

struct tsn_source {
    const char *kind;
    bool folder; /* the url ends in '/' */
    bool hashes; /* documents have .sha512 or .sha256 beside them */
    bool local;  /* url is a path or a command: nothing is asked of a server */
    bool secret; /* needs client_id and secret */
    bool window; /* its pages hold what changed lately, not everything */
    bool since;  /* ... because they are asked for that; without `since` they hold everything */
    bool csaf;   /* its documents are CSAF: versions count, hashes are expected */
    void (*first)(struct tsn_arena *arena, const struct tsn_source_ask *ask,
                  struct tsn_pages *pages);
    /* TSN_EINPUT with F002: the page is not what it should be. */
    tsn_err (*read)(struct tsn_arena *arena, const struct tsn_page *page,
                    struct tsn_page_text *text, struct tsn_feed_rows *rows,
                    struct tsn_pages *pages, struct tsn_page_news *news, struct tsn_diag *diag);
    /* An entry of an archive as a row; false: none of ours. NULL: there are no archives. */
    bool (*member)(struct tsn_arena *arena, const char *name, const char *text, size_t len,
                   struct tsn_feed_row *row);
    /* The page that is, or leads to, the archive of everything that the list names: taken before the
     * list when much of it is new. False: there is none. NULL likewise. */
    bool (*bulk)(struct tsn_arena *arena, const struct tsn_source_ask *ask,
                 struct tsn_page *page);
};
/* NULL: there is no such kind. */
const struct tsn_source *tsn_source_find(const char *kind);
extern const char *const tsn_source_kinds[]; /* NULL-terminated */

/* An http(s) address without user, password and fragment, not weaker than the page's. */
bool tsn_source_url_ok(const char *page, const char *url);
/* `path` against the folder of `page`; absolute URLs stay. NULL: it may not be asked for. */
const char *tsn_source_url(struct tsn_arena *arena, const char *page, const char *path);
/* Letters, digits and what ids are made of; nothing that leads out of a folder. */
bool tsn_source_id_ok(const char *id);
/* Everything but letters, digits and - . _ ~ as %XX. */
const char *tsn_source_escape(struct tsn_arena *arena, const char *s);
/* Names of vulnerabilities and advisories in a text, each once: CVE-2026-1, GHSA-..., RHSA-2026:1 ... */
void tsn_source_ids(json_t *out, const char *text);
/* SHA-256 in hex. */
const char *tsn_source_digest(struct tsn_arena *arena, const char *p, size_t n);
/* The string under a key of a JSON object, found by its first occurrence at depth 1, without a tree:
 * "" when it is not there. */
const char *tsn_source_peek(struct tsn_arena *arena, const char *text, size_t len,
                            const char *const *path);
/* Rows of the values of an array, a slice of them: each a range of the text. `id` and `time` are paths in
 * a value; NULL time: what it says. F002: the page is no `what`. */
tsn_err tsn_source_records(struct tsn_arena *arena, struct tsn_page_text *in,
                           const char *const *list, const char *const *id,
                           const char *const *time, struct tsn_feed_rows *rows,
                           const char *what, struct tsn_diag *diag);
/* The slice is full. */
bool tsn_page_full(const struct tsn_page_text *text, const struct tsn_feed_rows *rows,
                   size_t bytes);
/* The next line of the text without its end; false: no more. Moves `at`. */
bool tsn_page_line(struct tsn_page_text *text, const char **line, size_t *n);
/* The target of rel="next" in a Link header; NULL. */
const char *tsn_source_next_link(struct tsn_arena *arena, const char *link);
