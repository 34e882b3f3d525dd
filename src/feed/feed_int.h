/* feed_int.h - what the files of feed share; nobody else includes it. Loop thread unless said. */
#pragma once

#include <uv.h>
#include "core/buf.h"
#include "core/crypto.h"
#include "core/mem.h"
#include "feed/feed.h"
#include "feed/fold.h"
#include "feed/source.h"
#include "loop/loop.h"
#include "store/record_feed.h"

#define TSN_FEED_DOC_MAX   (16u << 20)
#define TSN_FEED_LIST_MAX  (64u << 20)
#define TSN_FEED_HASH_MAX  4096
#define TSN_FEED_SIG_MAX   65536
#define TSN_FEED_PAGES_MAX 256
#define TSN_FEED_PATH_MAX  512
#define TSN_FEED_PARALLEL  4
/* A document holds its place from the fetch until its commit, so this also bounds its operations
 * with the writer: 64 at most. */
#define TSN_FEED_PARALLEL_MAX 64

/* --- feed_list.c: the provider's list; pure, any thread ------------------------------------ */

/* changes.csv: RFC 4180, quoted or not, LF or CRLF, any order, header row allowed. The latest
 * time of a path counts. */
void tsn_feed_csv(struct tsn_arena *arena, const char *text, size_t len,
                  struct tsn_feed_rows *out);
/* May this path be asked for? F003. */
tsn_err tsn_feed_path_ok(const char *path, struct tsn_diag *diag);
/* Ways to read a path against the feed's address. They are tried in turn until one is there. */
enum tsn_feed_base {
    TSN_FEED_OVERLAP, /* its first folders are the last ones of the address */
    TSN_FEED_BELOW,   /* relative to the list */
    TSN_FEED_YEAR,    /* from its year folder on, relative to the list */
    TSN_FEED_ROOT,    /* from the root of the server */
    TSN_FEED_BASES
};
/* False: this way gives nothing for this path. */
bool tsn_feed_resolve(const char *url, const char *path, enum tsn_feed_base base,
                      struct tsn_buf *out);
/* A .sha256 or .sha512 file: its first word in hex against the bytes. F005. */
tsn_err tsn_feed_hash_fits(const char *file, size_t file_len, const void *p, size_t n,
                           struct tsn_diag *diag);

/* --- feed_facts.c, feed_diff.c: what a document says, as a set; pure, any thread ------------- */

struct tsn_fact {
    uint8_t hash[TSN_HASH_LEN];
    const char *kind; /* status score remediation document product withdrawn */
    char *text;       /* for people; NULL where nobody asked */
};
struct tsn_fact_set {
    struct tsn_fact *facts; /* sorted by hash; the same one may come twice */
    size_t n;
};
/* The facts that count, with texts; *facts as tsn_csaf_facts gives them. */
tsn_err tsn_csaf_fact_set(const json_t *csaf, json_t **facts, struct tsn_fact_set *set,
                          struct tsn_diag *diag);
void tsn_fact_set_free(struct tsn_fact_set *set);

/* --- feed_records.c: documents of the other formats; pure, any thread ------------------------ */

/* Facts of any document that format.h reads, in the shape that tsn_csaf_facts gives them: of its
 * first record, with the substance of all. F110, F111. */
tsn_err tsn_document_facts(const char *name, const char *text, size_t len, json_t **facts,
                           struct tsn_diag *diag);

/* --- feed.c: feeds, their timers and states -------------------------------------------------- */

struct tsn_feed_counts {
    int64_t listed, fetched, fresh, changed, cosmetic, unchanged, quarantined, refused, failed,
        matches, runs;
};

struct tsn_feed_waiter {
    struct tsn_feed_waiter *next;
    tsn_engine_done *done;
    void *user;
};

struct tsn_feed {
    struct tsn_feed *next;
    struct tsn_feeds *feeds;
    struct tsn_feed_config config;
    struct tsn_timer *timer;
    struct tsn_rec_feed state; /* strings in state_arena; name NULL = not read yet */
    struct tsn_arena *state_arena;
    int64_t next_at, backoff_ms;
    bool polling, reading, not_modified; /* reading: its state, from the store */
    bool working;                        /* the list is there and the poll is not finished */
    struct tsn_arena *arena;             /* of the running poll */
    struct tsn_xfer *list_xfer;
    const struct tsn_source *source;
    char *home;     /* GNUPGHOME with its keys; NULL = none */
    bool importing; /* the keys are on their way there */
    json_t *cursor; /* { base, pages: { url: { e, m } }, since } of the last whole poll */
    json_t *marks;  /* pages of this poll, as above */
    struct tsn_pages pages; /* of this poll */
    size_t page;            /* the one being fetched */
    bool discovered;        /* a page led somewhere: fallbacks are not needed */
    size_t pages_read, pages_same;
    const char *ns; /* publisher's namespace of the provider; NULL */
    struct tsn_feed_rows todo;
    size_t next_row, in_flight;
    struct tsn_feed_counts counts;
    struct tsn_feed_waiter *waiters;
    struct tsn_feed_doc *docs; /* in flight */
    enum tsn_feed_base base;   /* the way of reading paths that worked last */
    struct tsn_diag diag;      /* of a failed poll */
};

struct tsn_feeds {
    struct tsn_feeds_config config;
    struct tsn_inventory *inventory;
    json_t *products; /* own copy: jobs on the pool may outlive the caller's */
    struct tsn_feed *list;
    size_t busy; /* jobs, operations and turns that will still call back */
    bool closing;
};

/* One more thing will call back; and it did. The last one frees everything after close. */
void tsn_feeds_hold(struct tsn_feeds *f);
void tsn_feeds_release(struct tsn_feeds *f);
/* The poll ends: writes the feed's row, answers who waits, arms the timer. */
void tsn_feed_finish(struct tsn_feed *f, tsn_err err);

/* --- feed_poll.c: the list and what to fetch of it --------------------------------------------- */

void tsn_feed_start(struct tsn_feed *f); /* f->polling is set, its state is read */
/* A document was dealt with: the next one, or the end of the poll. */
void tsn_feed_settled(struct tsn_feed *f);

/* --- feed_doc.c: one document from its address to its facts -------------------------------------- */

struct tsn_feed_doc {
    struct tsn_feed_doc *next;
    struct tsn_feed *feed;
    struct tsn_arena *arena;
    const char *path, *listed, *url, *folder;
    const char *hash_url, *sig_url; /* said by the list; NULL */
    int tried;                      /* ways of reading the path so far */
    enum tsn_feed_base base, first; /* the way of `url`; the way tried first */
    struct tsn_xfer *xfer;
    const char *body, *hash,
        *sig; /* bytes of the document, its hash file, its signature; NULL */
    size_t len, hash_len, sig_len;
    const char *signature; /* what gpg said: "good" "bad" ...; NULL = not asked */
    bool inside;           /* it stood in the list */
    const char *ns;        /* of the provider that is polled; NULL */
    int hash_try;          /* 0: .sha512, 1: .sha256 */
    uv_work_t work;
    /* filled by the job */
    json_t *facts, *matches;
    char sha256[2 * TSN_HASH_LEN + 1];
    struct tsn_diag why; /* code set = quarantined */
};
void tsn_feed_doc_begin(struct tsn_feed *f, const struct tsn_feed_row *row);
void tsn_feed_doc_cancel(struct tsn_feed_doc *d);
void tsn_feed_doc_destroy(struct tsn_feed_doc *d); /* unlinks it from its feed */

/* --- feed_store.c: one transaction a document ----------------------------------------------------- */

enum tsn_feed_kind {
    TSN_FEED_NEW,
    TSN_FEED_CHANGED,
    TSN_FEED_COSMETIC,  /* other bytes, same substance */
    TSN_FEED_UNCHANGED, /* same bytes */
    TSN_FEED_QUARANTINED
};

struct tsn_feed_op {
    struct tsn_op op;
    const struct tsn_feed_doc *doc; /* the loop leaves it alone while the writer has the op */
    struct tsn_intake *intake;
    const char *feed;
    const json_t *products; /* of the configuration */
    bool versions; /* a lower version is a rollback, and a hash is expected beside it */
    int64_t now_ms,
        epoch; /* epoch: of the engine; 0 = there is none, and no run takes a signal */
    /* results */
    enum tsn_feed_kind kind;
    struct tsn_diag why; /* of a quarantine */
    bool kev;            /* one of its vulnerabilities is known to be exploited */
    int64_t matches;
    struct tsn_event_out event;
    const char *woken; /* run that a changed revision was handed to; NULL */
};
/* feed_marks.c: names, marks, urgency. Writer thread, before the news. */
tsn_err tsn_feed_names(struct tsn_store *st, struct tsn_feed_op *x, const char *document);
tsn_err tsn_feed_marks(struct tsn_store *st, struct tsn_feed_op *x);
tsn_err tsn_feed_priority(struct tsn_store *st, struct tsn_feed_op *x);
/* Canonical text in the arena. */
const char *tsn_feed_kept(struct tsn_arena *arena, const json_t *v);
/* feed_news.c: what the document's substance means for cases and runs. Writer thread. */
tsn_err tsn_feed_news(struct tsn_store *st, struct tsn_feed_op *x, const char *before,
                      size_t before_len);
/* Rows of the matches of this document; those whose product is not in it any more are closed. */
tsn_err tsn_feed_matches(struct tsn_store *st, struct tsn_feed_op *x, const char *document);
/* Writer thread; tests call it on a store of their own. */
tsn_err tsn_feed_doc_apply(struct tsn_op *op, struct tsn_store *st);
/* Takes d; tsn_feed_settled follows when it is committed. */
void tsn_feed_doc_store(struct tsn_feed_doc *d);
