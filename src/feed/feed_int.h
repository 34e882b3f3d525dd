/* feed_int.h - what the files of feed share; nobody else includes it. Loop thread unless said. */
#pragma once

#include <uv.h>
#include "core/buf.h"
#include "core/crypto.h"
#include "core/mem.h"
#include "feed/decision.h"
#include "feed/feed.h"
#include "feed/feed_host.h"
#include "feed/fold.h"
#include "feed/source_all.h"
#include "loop/loop.h"
#include "store/record_feed.h"
#include "store/record_ingest.h"

#define TSN_FEED_DOC_MAX      (16u << 20)
#define TSN_FEED_LIST_MAX     (256u << 20)
#define TSN_FEED_SIGNED_MAX   (4u << 20) /* of a clear-signed list */
#define TSN_FEED_ARCHIVE_MAX  ((size_t)2 << 30)
#define TSN_FEED_INFLATED_MAX ((uint64_t)32 << 30)
#define TSN_FEED_HASH_MAX     4096
#define TSN_FEED_SIG_MAX      65536
#define TSN_FEED_PAGES_MAX    256
#define TSN_FEED_PATH_MAX     512
#define TSN_FEED_PARALLEL     4
/* A document holds its place from the fetch until its commit, so this also bounds its operations
 * with the writer: 64 at most. */
#define TSN_FEED_PARALLEL_MAX 64
/* Bytes of documents out of a list in flight together, but for the first: a tree of JSON takes some
 * times its text, and there are a few threads. */
#define TSN_FEED_HELD_MAX (2u << 20)

/* --- feed_list.c: the provider's list; pure, any thread ------------------------------------ */

/* changes.csv: RFC 4180, quoted or not, LF or CRLF, any order, header row allowed. The latest
 * time of a path counts. */
void tsn_feed_csv(struct tsn_arena *arena, const char *text, size_t len,
                  struct tsn_feed_rows *out);
/* The same, a slice of a page. */
void tsn_feed_csv_slice(struct tsn_arena *arena, struct tsn_page_text *in,
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
/* The same; of EPSS the rows of `wanted` { CVE: true } are kept as marks. */
tsn_err tsn_document_facts_for(const char *name, const char *text, size_t len,
                               const json_t *wanted, json_t **facts, struct tsn_diag *diag);

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
    struct tsn_feed_page *get;           /* the page that is being fetched or read; NULL */
    struct tsn_op *slice;                /* holds the rows of todo; NULL */
    bool slicing;                        /* the reader thread has a slice of it */
    int vouched;                         /* what was good of the page as a whole; feed_page.h */
    bool asked_again;      /* by a person: the next poll's lists are not conditional */
    bool asked_whole;      /* by a person: the next poll reconciles */
    bool relist;           /* this one: its lists are not conditional */
    bool reconciling;      /* this one: nothing is conditional, known times are no reason */
    bool page_begun, bulk; /* bulk: the archive was asked for in this poll */
    size_t pages_seen;
    const char *token; /* for the requests of this poll; NULL */
    const struct tsn_source *source;
    char *home;     /* GNUPGHOME with its keys; NULL = none */
    bool importing; /* the keys are on their way there */
    uint64_t *seen; /* hashes of the paths that this poll's list names */
    size_t nseen, seen_cap, probing;
    bool holes;       /* a page of this poll is missing */
    char trusted[16]; /* a person's word; "" = none */
    bool paused;
    json_t *cursor; /* { base, pages: { url: { e, m } }, since } of the last whole poll */
    json_t *marks;  /* pages of this poll, as above */
    struct tsn_pages pages; /* of this poll */
    size_t page;            /* the one being fetched */
    bool discovered;        /* a page led somewhere: fallbacks are not needed */
    size_t pages_read, pages_same;
    const char *ns; /* publisher's namespace of the provider; NULL */
    struct tsn_feed_rows todo;
    size_t next_row, in_flight, held_bytes; /* held: of documents out of the list */
    struct tsn_feed_counts counts;
    struct tsn_feed_waiter *waiters;
    struct tsn_feed_doc *docs; /* in flight */
    enum tsn_feed_base base;   /* the way of reading paths that worked last */
    struct tsn_diag diag;      /* of a failed poll */
};

struct tsn_feeds {
    struct tsn_feeds_config config;
    struct tsn_inventory *inventory;
    struct tsn_hosts *hosts;
    json_t *products; /* own copy: jobs on the pool may outlive the caller's */
    struct tsn_feed *list;
    struct tsn_arena *added; /* definitions of feeds that were added; NULL */
    bool desks_read;         /* what people said of feeds is known */
    const char *basis;       /* of facts and traces made now: parser and inventory; in bases */
    struct tsn_arena *bases; /* also those of before: operations borrow them */
    bool reloading;          /* an inventory is being read */
    size_t busy;             /* jobs, operations and turns that will still call back */
    bool closing;
    struct tsn_decide_lua *lua; /* NULL: no rule has a predicate */
    bool recovering;            /* what a stop left undone is read to its end first */
    size_t again_in_flight;
    bool again_reading, again_stale, again_restart;
    bool again_tracing; /* the first of two passes over what is stale */
    char again_after[27];
    struct tsn_timer *sweep; /* of decisions; NULL = closing */
    int64_t sweep_at;        /* 0 = not armed */
    bool sweeping;
};

/* vendor coordinator enrichment hint: said by a person, configured, or usual for its kind. */
const char *tsn_feed_trust(const struct tsn_feed *f);
/* A turn at the host of this address, as hard as this feed may ask. */
struct tsn_host_turn *tsn_feed_turn(struct tsn_feed *f, const char *url, tsn_host_go *go,
                                    void *user);
/* One more thing will call back; and it did. The last one frees everything after close. */
void tsn_feeds_hold(struct tsn_feeds *f);
void tsn_feeds_release(struct tsn_feeds *f);
/* The poll ends: writes the feed's row, answers who waits, arms the timer. */
void tsn_feed_finish(struct tsn_feed *f, tsn_err err);

/* Is this configuration of a feed one? F010. */
tsn_err tsn_feed_ok(const struct tsn_feed_config *c, struct tsn_diag *diag);
/* A feed with its timer; strings of `config` are borrowed for the life of feeds. */
struct tsn_feed *tsn_feed_begin(struct tsn_feeds *feeds, const struct tsn_feed_config *config,
                                size_t place);
void tsn_feed_due(struct tsn_feed *f); /* polled soon */
/* feed_added.c: a definition as JSON, checked; out and arena NULL = only checked. F143 F010. */
tsn_err tsn_feed_definition(struct tsn_arena *arena, const char *name, const json_t *body,
                            struct tsn_feed_config *out, struct tsn_diag *diag);
struct tsn_feed *tsn_feed_added(struct tsn_feeds *feeds, const char *name,
                                const char *definition);
void tsn_feeds_read_desks(struct tsn_feeds *feeds);
/* inventory_live.c: what was read from the files is what documents are matched against from now on. */
void tsn_feed_basis(struct tsn_feeds *feeds);
void tsn_inventory_log(
    struct tsn_feeds *feeds); /* inventory_log.c: an entry where it changed */
void tsn_feed_desk_take(struct tsn_feed *f, const struct tsn_rec_feeddesk *row);

/* --- feed_gone.c: what a list does not name any more --------------------------------------------- */

uint64_t tsn_feed_path_hash(const char *path);
void tsn_feed_seen(struct tsn_feed *f, const uint64_t *hashes, size_t n);
/* The end of a poll without an error: looks for what is gone, then finishes it. */
void tsn_feed_gone(struct tsn_feed *f);
void tsn_feed_check_settled(struct tsn_feed *f);
/* What the server said of it. Takes d. */
void tsn_feed_checked(struct tsn_feed_doc *d);
void tsn_feed_doc_probe(struct tsn_feed_doc *d); /* feed_doc.c: asks for d->url */

/* --- feed_poll.c: the list and what to fetch of it --------------------------------------------- */

void tsn_feed_start(struct tsn_feed *f); /* f->polling is set, its state is read */
/* Gives the bytes of its page and the rows of its slice back; at the end of everything. */
void tsn_feed_poll_drop(struct tsn_feed *f);
/* A document was dealt with: the next one, or the end of the poll. `held`: its bytes, if they came out
 * of the list. */
void tsn_feed_settled(struct tsn_feed *f, size_t held);

/* --- feed_accept.c: a quarantined document that a person takes as it is ---------------------------- */

struct tsn_accepted {
    const char *person, *auth, *reason;
    const char *was; /* why it was held back */
    tsn_engine_done *done;
    void *user;
};
struct tsn_feed_doc;
struct tsn_feed_op;
/* Answers who asked; x NULL: it came to no transaction. */
void tsn_feed_accepted(struct tsn_feed_doc *d, const struct tsn_feed_op *x, tsn_err err);

/* --- feed_doc.c: one document from its address to its facts -------------------------------------- */

struct tsn_feed_doc {
    struct tsn_feed_doc *next;
    struct tsn_feed *feed;
    struct tsn_inventory *inventory; /* held: it is judged against one and the same */
    const char *basis;
    struct tsn_arena *arena;
    const char *path, *listed, *url, *folder;
    const char *hash_url, *sig_url;     /* said by the list; NULL */
    const char *accept;                 /* NULL = any */
    const char *known_etag, *known_url; /* of the stored bytes; NULL */
    const char *etag;                   /* of these; NULL */
    bool same;                          /* the server says: the stored bytes */
    int tried;                          /* ways of reading the path so far */
    enum tsn_feed_base base, first;     /* the way of `url`; the way tried first */
    struct tsn_xfer *xfer;
    struct tsn_host_turn *turn; /* waited for, or taken by the transfer; NULL */
    const char *next_url;       /* what is asked for in that turn */
    size_t next_max;
    void (*then)(const struct tsn_xfer_result *r, void *user);
    const char *body, *hash,
        *sig; /* bytes of the document, its hash file, its signature; NULL */
    size_t len, hash_len, sig_len;
    const char *signature; /* what gpg said: "good" "bad" ...; NULL = not asked */
    bool inside;           /* it stood in the list */
    int vouched;           /* with what was good of that list */
    const char *ns;        /* of the provider that is polled; NULL */
    int hash_try;          /* 0: .sha512, 1: .sha256 */
    uv_work_t work;
    void (*worked)(struct tsn_feed_doc *d); /* what follows the work on the pool */
    const char *observation;                /* its row; NULL = not stored yet */
    bool check;                             /* unlisted: is it still there? feed_gone.c */
    bool there;                             /* of such a one: it is */
    bool alone;                             /* accepted: of no poll and no second reading */
    struct tsn_accepted *accepted;          /* NULL = nobody did */
    bool redo;                              /* read from its stored bytes: not part of a poll */
    bool tracing;                           /* only its trace is made anew: feed_again.c */
    const char *cause; /* of reading it again: parser inventory; NULL = it came in */
    json_t *wanted;    /* EPSS: vulnerabilities of which it is kept; NULL = all */
    /* filled by the jobs */
    json_t *facts, *matches;
    json_t *trace; /* judge.h; NULL = it says nothing of a component of ours */
    char sha256[2 * TSN_HASH_LEN + 1];
    struct tsn_diag why; /* code set = quarantined */
};
void tsn_feed_doc_begin(struct tsn_feed *f, const struct tsn_feed_row *row);
struct tsn_feed_doc *tsn_feed_doc_new(struct tsn_feed *f);
void tsn_feed_doc_cancel(struct tsn_feed_doc *d);
void tsn_feed_doc_destroy(struct tsn_feed_doc *d); /* unlinks it from its feed */
/* It was dealt with: destroys it and lets its poll or the second reading go on. */
void tsn_feed_doc_settled(struct tsn_feed_doc *d);
/* Not dealt with: what is on disk says where to go on. */
void tsn_feed_doc_failed(struct tsn_feed_doc *d, const char *why);
/* Runs `job` with the document on the pool, then `then` on the loop; at the feeds' end it is dropped. */
void tsn_feed_doc_work(struct tsn_feed_doc *d, uv_work_cb job,
                       void (*then)(struct tsn_feed_doc *d));

/* --- feed_normal.c: stored bytes to facts, on the pool ---------------------------------------------- */

/* Facts and trace of the same bytes are others than before: raise it. */
#define TSN_FEED_PARSER 1
/* Takes d; its transaction follows. */
void tsn_feed_doc_normalise(struct tsn_feed_doc *d);

/* --- feed_again.c: what a stop left undone, and what must be read again ------------------------------ */

/* Reads pending observations to their end, then documents whose basis is another. */
void tsn_feed_again(struct tsn_feeds *feeds);
void tsn_feed_again_settled(struct tsn_feeds *feeds);
/* Basis of a document whose trace is made with `basis` and whose matches are not: why it is read again in front. */
const char *tsn_feed_traced(struct tsn_arena *arena, const char *cause, const char *basis);
/* Its trace may be judged together with others of this basis. */
bool tsn_feed_has_basis(const char *of, const char *basis);
/* Documents of another basis than that of now are there: they are read again, when nothing else is. */
void tsn_feed_again_stale(struct tsn_feeds *feeds);

/* --- feed_raw.c, feed_store.c: a transaction for the bytes, one for what they say --------------------- */

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
    const json_t *products;                /* of the configuration */
    const struct tsn_inventory *inventory; /* only read */
    const struct tsn_decide_config *decide;
    const char *basis, *trust;
    const char *cause; /* revision bootstrap inventory parser */
    bool versions;     /* a lower version is a rollback, and a hash is expected beside it */
    bool baseline;     /* first load, or another parser: nothing starts */
    int64_t now_ms,
        epoch; /* epoch: of the engine; 0 = there is none, and no run takes a signal */
    /* results */
    enum tsn_feed_kind kind;
    struct tsn_diag why; /* of a quarantine */
    json_t *hits;   /* products it touches, all documents considered; borrowed or the arena's */
    json_t *spared; /* { product: why } that only other documents take away; NULL */
    bool kev;       /* one of its vulnerabilities is known to be exploited */
    double epss;    /* highest of them; 0 = not known */
    int64_t matches;
    const char *pending;  /* feed_raw.c: the observation to go on with; NULL = done */
    const char *decision; /* to be decided; NULL = there is none */
    int64_t due_ms;       /* of it */
    const char *woken;    /* run that heard of a mark; NULL */
};
/* feed_raw.c. Writer thread; tests call it on a store of their own. */
tsn_err tsn_feed_raw_apply(struct tsn_op *op, struct tsn_store *st);
/* Takes d; tsn_feed_doc_normalise follows when the bytes are on disk. */
void tsn_feed_raw_store(struct tsn_feed_doc *d);
/* An operation of this document with all it needs; the loop thread holds intake for it. */
struct tsn_feed_op *tsn_feed_op_new(struct tsn_feed_doc *d,
                                    tsn_err (*apply)(struct tsn_op *, struct tsn_store *),
                                    void (*done)(struct tsn_op *));
/* Hands it over. A full queue waits and calls `again`; false: it was not taken, nothing follows. */
void tsn_feed_op_submit(struct tsn_feed_op *x, void (*again)(struct tsn_feed_doc *d));
void tsn_feed_op_free(struct tsn_feed_op *x);
void tsn_feed_counted(struct tsn_feed *f, const struct tsn_feed_op *x);
/* The counters of its feed: what was observed is revised, quarantined, a duplicate or pending. */
struct tsn_feed_tally {
    int observed, revised, quarantined, duplicate;
};
tsn_err tsn_feed_tally(struct tsn_store *st, struct tsn_arena *arena, const char *feed,
                       const struct tsn_feed_tally *t);
/* The row of its document, or a new one. */
tsn_err tsn_feed_document(struct tsn_store *st, struct tsn_feed_op *x,
                          struct tsn_rec_document *row, bool *known);
tsn_err tsn_feed_log(struct tsn_store *st, const struct tsn_feed_op *x, const char *kind,
                     const char *outcome, const char *reason);
/* What is on record stays when the new bytes are no good; the reason says what came since. */
tsn_err tsn_feed_quarantine(struct tsn_store *st, struct tsn_feed_op *x,
                            struct tsn_rec_document *row, bool known);
/* feed_marks.c: names, marks, urgency. Writer thread, before the news. */
tsn_err tsn_feed_names(struct tsn_store *st, struct tsn_feed_op *x, const char *document);
const char *tsn_feed_exposure(const struct tsn_feed_op *x, const char *product);
tsn_err tsn_feed_marks(struct tsn_store *st, struct tsn_feed_op *x);
tsn_err tsn_feed_priority(struct tsn_store *st, struct tsn_feed_op *x);
/* feed_together.c: matches as all documents of the same vulnerabilities make them: x->doc->matches,
 * and the rows of the others where this one changes them. Writer thread. */
tsn_err tsn_feed_together(struct tsn_store *st, struct tsn_feed_op *x,
                          const struct tsn_rec_document *row);
/* match_decide.c: what people said of matches and names before; takes hits away or makes them sure. */
tsn_err tsn_feed_mapped(struct tsn_store *st, struct tsn_feed_op *x);
/* Documents that name one of these, at most 100, in `out` as { id: true }. */
tsn_err tsn_feed_named(struct tsn_store *st, struct tsn_arena *arena, const json_t *names,
                       json_t *out);
/* An entry of the system's chain; takes args. `by` NULL = svc:feed. seq may be NULL. */
tsn_err tsn_feed_entry(struct tsn_store *st, struct tsn_arena *arena, const char *kind,
                       const char *reason, const struct tsn_actor *by, json_t *args,
                       int64_t *seq);
/* The match of this product in a list of them; NULL = none. */
const json_t *tsn_feed_hit(const json_t *matches, const char *product);
/* Canonical text in the arena. */
const char *tsn_feed_kept(struct tsn_arena *arena, const json_t *v);
/* feed_news.c: does the difference have to be decided about? Writer thread, before the matches.
 * `changes` of the revision; NULL = there was none before. */
tsn_err tsn_feed_news(struct tsn_store *st, struct tsn_feed_op *x,
                      const struct tsn_rec_document *row, json_t *changes);
/* Rows of the matches of this document; those whose product is not in it any more are closed. */
tsn_err tsn_feed_matches(struct tsn_store *st, struct tsn_feed_op *x,
                         const struct tsn_rec_document *row);
/* Matches of earlier revisions of an advisory, whatever feed brought them. */
struct tsn_feed_earlier {
    const struct tsn_rec_match *rows;
    size_t n;
    const char *case_id; /* the open case of one of them; NULL */
};
tsn_err tsn_feed_earlier(struct tsn_store *st, struct tsn_arena *arena, const char *advisory,
                         struct tsn_feed_earlier *out);
bool tsn_feed_sure(const json_t *match); /* more than a guess */
/* One product's match of an advisory is there; closed with m->reason. With their entries. */
tsn_err tsn_feed_put_match(struct tsn_store *st, struct tsn_feed_op *x, const char *advisory,
                           const char *document, const json_t *m);
tsn_err tsn_feed_close_match(struct tsn_store *st, struct tsn_feed_op *x,
                             struct tsn_rec_match *m);
/* feed_decide.c: the open case of a match that another publisher's word closed hears of it. */
tsn_err tsn_feed_tell_spared(struct tsn_store *st, struct tsn_feed_op *x,
                             const struct tsn_rec_match *m);
/* feed_store.c. Writer thread; tests call it on a store of their own. */
tsn_err tsn_feed_doc_apply(struct tsn_op *op, struct tsn_store *st);
/* Takes d; tsn_feed_doc_settled follows when it and what it leads to at once are committed. */
void tsn_feed_doc_store(struct tsn_feed_doc *d);

/* --- feed_decide.c, decide_now.c: decisions ------------------------------------------------------------ */

/* Decides now; done (may be NULL) on the loop thread after the commit. */
struct tsn_decide_op {
    struct tsn_op op;
    struct tsn_feeds *feeds;
    struct tsn_intake *intake;
    const struct tsn_decide_config *decide;
    const char *id;
    const char *verdict, *reason; /* of a person: run, drop; NULL = the rules decide */
    const struct tsn_actor *by;
    const char *answers,
        *answers_to; /* of predicates, JSON, and the digest of the input that they
                                       * are about; NULL = nobody asked */
    int64_t now_ms, epoch;
    void (*then)(struct tsn_decide_op *x, void *user);
    void *user;
    /* results */
    const char *said; /* the verdict; NULL: it was decided before */
    struct tsn_event_out event;
    const char *woken;
    int64_t due_ms; /* it waits until then; 0 = for a person, or done */
};
tsn_err tsn_decide_apply(struct tsn_op *op, struct tsn_store *st);
bool tsn_decide_start(struct tsn_feeds *feeds, const char *id, int64_t now_ms,
                      void (*then)(struct tsn_decide_op *x, void *user), void *user);
/* The same in two steps, for more to be said. submit takes x; false: nothing follows. */
struct tsn_decide_op *tsn_decide_new(struct tsn_feeds *feeds, const char *id);
bool tsn_decide_submit(struct tsn_decide_op *x, enum tsn_lane lane);
/* decide_lua.c: predicates of rules. */
typedef void tsn_decide_answered(const json_t *answers, void *user); /* NULL: closing */
struct tsn_decide_lua *tsn_decide_lua_new(struct tsn_feeds *feeds);
/* Ends its worker and every question; its memory is freed with the feeds. */
void tsn_decide_lua_stop(struct tsn_decide_lua *l);
/* Takes names; `done` in a later turn, or at the stop. */
void tsn_decide_lua_ask(struct tsn_decide_lua *l, const json_t *inputs, json_t *names,
                        tsn_decide_answered *done, void *user);
/* Asks what the rules need, then submits. Takes x; false: nothing follows. */
bool tsn_decide_ask(struct tsn_decide_op *x);
/* Something waits until `due_ms`: the sweep looks then. */
void tsn_decide_due(struct tsn_feeds *feeds, int64_t due_ms);
void tsn_decide_sweep(void *feeds);
