/* feed_page.h - one page of a poll: its bytes fetched into a file, checked, unpacked, mapped. Only
 * feed*.c include this. Loop thread but for tsn_feed_page_map.
 *
 * Order: the transfer into a file, hashing; the hash that was said for it, or beside it; a signature,
 * its own or beside it; decompression or the archive in its child. Only then it is read. */
#pragma once

#include "feed/feed_int.h"

struct tsn_feed_page;

/* One entry of an archive or a folder, in the mapped bytes. */
struct tsn_feed_member {
    const char *name;
    size_t at, len;
};

struct tsn_feed_slice {
    struct tsn_page_text *text; /* of a page that is read; NULL: members */
    const struct tsn_feed_member *members;
    size_t n, refused;
    const char *first_refused; /* "" */
    bool last;                 /* members: nothing comes behind these */
};

/* Begins; exactly one of these follows, never inside the call, unless it is dropped first. */
struct tsn_feed_page_calls {
    void (*same)(struct tsn_feed *f);  /* 304 */
    void (*ready)(struct tsn_feed *f); /* a slice: tsn_feed_page_slice */
    /* status: of the server, 0 = it did not come to one */
    void (*failed)(struct tsn_feed *f, tsn_err err, int status, const struct tsn_diag *why);
};
void tsn_feed_page_get(struct tsn_feed *f, const struct tsn_page *page,
                       const struct tsn_feed_page_calls *calls);
/* The slice that is ready; its text is not mapped yet. */
struct tsn_feed_slice tsn_feed_page_slice(const struct tsn_feed *f);
/* Reader thread: maps what the slice is in. NULL and diag: it cannot be. */
const char *tsn_feed_page_map(struct tsn_feed_page *p, struct tsn_diag *diag);
/* Reader thread: what lies before `at` will not be looked at soon. */
void tsn_feed_page_passed(struct tsn_feed_page *p, size_t at);
/* The slice was dealt with; ready or failed follows. Not after the last one. */
void tsn_feed_page_more(struct tsn_feed *f);
/* What the server said of it. */
const char *tsn_feed_page_etag(const struct tsn_feed *f);
const char *tsn_feed_page_modified(const struct tsn_feed *f);
/* What was good of the page as a whole, so that documents in it need none of their own. */
enum { TSN_FEED_HASHED = 1, TSN_FEED_SIGNED = 2 };
int tsn_feed_page_vouched(const struct tsn_feed *f);
/* Ends whatever is under way and gives everything back; NULL page allowed. Not while the reader
 * thread has a slice. */
void tsn_feed_page_drop(struct tsn_feed *f);
/* Ends what is under way, but keeps the bytes: the reader thread may have a slice. */
void tsn_feed_page_stop(struct tsn_feed *f);
