/* feed_doc.c - one document: fetched with its hash and signature, checked against them, then handed to
 * the transaction that keeps its bytes. Loop thread, but for job(), which touches only its document. */
#include <string.h>
#include "core/fault.h"
#include "core/log.h"
#include "core/text.h"
#include "feed/feed_int.h"
#include "feed/feed_page.h"
#include "feed/inventory.h"
#include "proc/pgp.h"

static void fetch(struct tsn_feed_doc *d);
static void fetch_hash(struct tsn_feed_doc *d);
static void start(struct tsn_feed_doc *d, const char *url, size_t max,
                  void (*done)(const struct tsn_xfer_result *r, void *user));
static bool not_there(int status);

void tsn_feed_doc_destroy(struct tsn_feed_doc *d)
{
    struct tsn_feed_doc **at = &d->feed->docs;
    if (d->accepted) {
        tsn_feed_accepted(d, NULL, TSN_ECANCELLED);
    }
    while (*at && *at != d) {
        at = &(*at)->next;
    }
    if (*at) {
        *at = d->next;
    }
    json_decref(d->facts);
    json_decref(d->matches);
    json_decref(d->trace);
    json_decref(d->wanted);
    tsn_inventory_close(d->inventory);
    /* The inventory became another one meanwhile: what was made of it is behind already. */
    if (d->basis != d->feed->feeds->basis && !d->feed->feeds->closing) {
        tsn_feed_again_stale(d->feed->feeds);
    }
    tsn_arena_destroy(d->arena);
}

void tsn_feed_doc_settled(struct tsn_feed_doc *d)
{
    struct tsn_feed *f = d->feed;
    bool redo = d->redo, check = d->check, alone = d->alone;
    size_t held = d->inside ? d->len : 0;
    tsn_feed_doc_destroy(d);
    if (alone) { /* of no poll */
        ;
    } else if (check) {
        tsn_feed_check_settled(f);
    } else if (redo) {
        tsn_feed_again_settled(f->feeds);
    } else {
        tsn_feed_settled(f, held);
    }
}

/* Could not be had now: its row of the list stays unrecorded, so the next poll tries again. */
void tsn_feed_doc_failed(struct tsn_feed_doc *d, const char *why)
{
    struct tsn_feed *f = d->feed;
    tsn_log(TSN_LOG_WARN, "feed.document_failed", "feed", f->config.name, "path", d->path,
            "why", why, NULL);
    f->counts.failed += !d->redo && !d->check;
    tsn_feed_doc_settled(d);
}

/* Will not be had until the list changes: remembered with its reason. */
static void set_aside(struct tsn_feed_doc *d, const char *code, tsn_err err, const char *why)
{
    tsn_diag_set(&d->why, err, code, "%s", why);
    tsn_feed_raw_store(d);
}

/* --- on the pool -------------------------------------------------------------------------- */

static void job(uv_work_t *work)
{
    struct tsn_feed_doc *d = work->data;
    uint8_t digest[TSN_HASH_LEN];
    tsn_sha256_once(digest, d->body, d->len);
    tsn_hex(d->sha256, digest, sizeof digest);
    if (d->hash && tsn_feed_hash_fits(d->hash, d->hash_len, d->body, d->len, &d->why)) {
        return;
    }
    if (!d->hash && !(d->vouched & TSN_FEED_HASHED) && d->feed->config.need_hash) {
        (void)tsn_diag_set(&d->why, TSN_EINPUT, "F009", "no hash file stands beside it");
    }
}

static void job_done(uv_work_t *work, int status)
{
    struct tsn_feed_doc *d = work->data;
    struct tsn_feeds *feeds = d->feed->feeds;
    if (feeds->closing || status != 0) {
        tsn_feed_doc_destroy(d);
    } else {
        d->worked(d);
    }
    tsn_feeds_release(feeds);
}

void tsn_feed_doc_work(struct tsn_feed_doc *d, uv_work_cb on_pool,
                       void (*then)(struct tsn_feed_doc *d))
{
    struct tsn_feeds *feeds = d->feed->feeds;
    d->work.data = d;
    d->worked = then;
    tsn_feeds_hold(feeds);
    if (uv_queue_work(tsn_loop_uv(feeds->config.loop), &d->work, on_pool, job_done) != 0) {
        tsn_feed_doc_failed(d, "no thread takes the work");
        tsn_feeds_release(feeds);
    }
}

static void was_read(struct tsn_feed_doc *d)
{
    tsn_fault("feed.document_read");
    tsn_feed_raw_store(d);
}

/* --- fetching ------------------------------------------------------------------------------ */

static void arrived(const struct tsn_xfer_result *r, void *user)
{
    struct tsn_feed_doc *d = user;
    tsn_host_done(d->turn, r);
    d->turn = NULL;
    d->xfer = NULL;
    d->then(r, d);
}

static void my_turn(bool ok, void *user)
{
    struct tsn_feed_doc *d = user;
    struct tsn_header headers[2];
    size_t nheaders = 0;
    if (d->accept) {
        headers[nheaders++] = (struct tsn_header){"Accept", d->accept};
    }
    /* Only for the document itself, where it was before. */
    if (d->known_etag && d->known_url && !d->body && !d->check &&
        strcmp(d->next_url, d->known_url) == 0) {
        headers[nheaders++] = (struct tsn_header){"If-None-Match", d->known_etag};
    }
    struct tsn_xfer_request req = {.url = d->next_url,
                                   .headers = headers,
                                   .nheaders = nheaders,
                                   .reach = d->feed->config.reach,
                                   .max_bytes = d->next_max,
                                   .redirects = 3,
                                   .timeout_ms = 60000};
    struct tsn_diag diag;
    tsn_diag_init(&diag);
    if (!ok) {
        d->turn = NULL;
        tsn_feed_doc_failed(d, "its server wants to be left alone for a while");
    } else if (tsn_xfer_start(d->feed->feeds->config.httpc, &req, arrived, d, &d->xfer,
                              &diag)) {
        d->xfer = NULL;
        tsn_host_done(d->turn, NULL);
        d->turn = NULL;
        tsn_feed_doc_failed(d, diag.what);
    }
}

static void start(struct tsn_feed_doc *d, const char *url, size_t max,
                  void (*done)(const struct tsn_xfer_result *r, void *user))
{
    d->next_url = url;
    d->next_max = max;
    d->then = done;
    d->turn = tsn_feed_turn(d->feed, url, my_turn, d);
}

static bool not_there(int status)
{
    return status == 404 || status == 410 || status == 403;
}

/* --- signatures: before anything is parsed ---------------------------------------------------- */

static void verified(struct tsn_pgp_result *r, void *user)
{
    struct tsn_feed_doc *d = user;
    struct tsn_feeds *feeds = d->feed->feeds;
    bool good = r->signature == TSN_PGP_GOOD;
    d->signature = tsn_pgp_signature_text(r->signature);
    if (feeds->closing) {
        tsn_feed_doc_destroy(d);
    } else if (good || (!d->feed->config.need_signature && r->signature != TSN_PGP_BAD)) {
        tsn_feed_doc_work(d, job, was_read);
    } else {
        set_aside(
            d, "F112", TSN_ETAMPERED,
            tsn_arena_printf(d->arena, "its OpenPGP signature is not good: %s", d->signature));
    }
    tsn_feeds_release(feeds);
}

static void check_signature(struct tsn_feed_doc *d)
{
    struct tsn_feeds *feeds = d->feed->feeds;
    tsn_feeds_hold(feeds);
    tsn_pgp_verify(feeds->config.loop, d->feed->home, d->body, d->len, d->sig, d->sig_len,
                   verified, d);
}

static void got_signature(const struct tsn_xfer_result *r, void *user)
{
    struct tsn_feed_doc *d = user;
    if (!r->err && r->status == 200 && r->len > 0) {
        d->sig = tsn_arena_memdup(d->arena, r->body, r->len);
        d->sig_len = r->len;
        check_signature(d);
    } else if (!r->err && not_there(r->status)) {
        if (d->feed->config.need_signature) {
            set_aside(d, "F112", TSN_EREMOTE, "no signature stands beside it");
        } else {
            d->signature = "none";
            tsn_feed_doc_work(d, job, was_read);
        }
    } else if (r->err == TSN_ETOOBIG) {
        set_aside(d, "F112", r->err, "the file with its signature is too large to be one");
    } else {
        tsn_feed_doc_failed(d, r->err ? r->diag.what : "its signature cannot be had");
    }
}

/* The bytes and their hash are there. */
static void bytes_there(struct tsn_feed_doc *d)
{
    if (!d->feed->home || d->inside) {
        tsn_feed_doc_work(d, job, was_read);
        return;
    }
    start(d, d->sig_url ? d->sig_url : tsn_arena_printf(d->arena, "%s.asc", d->url),
          TSN_FEED_SIG_MAX, got_signature);
}

static void got_hash(const struct tsn_xfer_result *r, void *user)
{
    struct tsn_feed_doc *d = user;
    if (!r->err && r->status == 200) {
        d->hash = tsn_arena_memdup(d->arena, r->body, r->len);
        d->hash_len = r->len;
        bytes_there(d);
    } else if (!r->err && not_there(r->status)) {
        if (d->hash_try++ == 0 && !d->hash_url) {
            fetch_hash(d);
        } else {
            bytes_there(d); /* none is published: accepted, and the row says so */
        }
    } else if (r->err == TSN_ETOOBIG) {
        set_aside(d, "F005", r->err, "the file with its hash is too large to be one");
    } else {
        tsn_feed_doc_failed(d, r->err ? r->diag.what : "its hash cannot be had");
    }
}

static void fetch_hash(struct tsn_feed_doc *d)
{
    const char *url = d->hash_url;
    if (!d->feed->source->hashes && !url) {
        bytes_there(d);
        return;
    }
    start(d,
          url ? url
              : tsn_arena_printf(d->arena, "%s%s", d->url, d->hash_try ? ".sha256" : ".sha512"),
          TSN_FEED_HASH_MAX, got_hash);
}

static void got_document(const struct tsn_xfer_result *r, void *user)
{
    struct tsn_feed_doc *d = user;
    struct tsn_feed *f = d->feed;
    if (!r->err && r->status == 200) {
        f->base = d->folder ? d->base : f->base;
        f->counts.fetched++;
        d->body = tsn_arena_memdup(d->arena, r->body, r->len + 1);
        d->len = r->len;
        d->etag = r->etag && *r->etag ? tsn_arena_strdup(d->arena, r->etag) : NULL;
        fetch_hash(d);
    } else if (!r->err && r->status == 304 && d->known_etag) {
        f->base = d->folder ? d->base : f->base;
        d->same = true;
        tsn_feed_raw_store(d);
    } else if (!r->err && not_there(r->status)) {
        fetch(d); /* the path may be meant another way */
    } else if (r->err == TSN_ETOOBIG) {
        set_aside(
            d, "F008", r->err,
            tsn_arena_printf(d->arena, "it is larger than %u MiB", TSN_FEED_DOC_MAX >> 20));
    } else {
        tsn_feed_doc_failed(d, r->err ? r->diag.what : "the server does not give it now");
    }
}

static void got_probe(const struct tsn_xfer_result *r, void *user)
{
    struct tsn_feed_doc *d = user;
    if (!r->err && (r->status == 404 || r->status == 410)) {
        tsn_feed_checked(d);
    } else if (!r->err && r->status == 200) {
        d->there = true;
        tsn_feed_checked(d);
    } else {
        tsn_feed_doc_failed(
            d, "it is not listed, and the server does not say whether it is there");
    }
}

void tsn_feed_doc_probe(struct tsn_feed_doc *d)
{
    start(d, d->url, TSN_FEED_DOC_MAX, got_probe);
}

/* The way that worked last comes first, then the others in order. */
static bool next_base(struct tsn_feed_doc *d, struct tsn_buf *url)
{
    while (d->tried <= TSN_FEED_BASES) {
        int turn = d->tried++;
        d->base = turn == 0 ? d->feed->base : (enum tsn_feed_base)(turn - 1);
        if (turn > 0 && d->base == d->first) {
            continue;
        }
        if (turn == 0) {
            d->first = d->base;
        }
        if (tsn_feed_resolve(d->folder, d->path, d->base, url) &&
            (!d->url || strcmp(d->url, url->data) != 0)) {
            return true;
        }
    }
    return false;
}

static void fetch(struct tsn_feed_doc *d)
{
    struct tsn_buf url;
    tsn_buf_init(&url, 8192);
    if (!d->folder) { /* its address is known: once */
        if (d->tried++ == 0) {
            start(d, d->url, TSN_FEED_DOC_MAX, got_document);
        } else {
            set_aside(d, "F004", TSN_EREMOTE, "the provider lists it but does not have it");
        }
        return;
    }
    bool more = next_base(d, &url);
    if (more) {
        d->url = tsn_arena_strdup(d->arena, url.data);
    }
    tsn_buf_free(&url);
    if (more) {
        start(d, d->url, TSN_FEED_DOC_MAX, got_document);
    } else {
        set_aside(d, "F004", TSN_EREMOTE, "the provider lists it but does not have it");
    }
}

struct tsn_feed_doc *tsn_feed_doc_new(struct tsn_feed *f)
{
    struct tsn_arena *arena = tsn_arena_new();
    struct tsn_feed_doc *d = tsn_arena_alloc(arena, sizeof *d);
    d->arena = arena;
    d->feed = f;
    d->inventory = tsn_inventory_hold(f->feeds->inventory);
    d->basis = f->feeds->basis;
    tsn_diag_init(&d->why);
    d->next = f->docs;
    f->docs = d;
    return d;
}

void tsn_feed_doc_begin(struct tsn_feed *f, const struct tsn_feed_row *row)
{
    struct tsn_feed_doc *d = tsn_feed_doc_new(f);
    struct tsn_arena *arena = d->arena;
    d->path = tsn_arena_strdup(arena, row->path);
    d->listed = tsn_arena_strdup(arena, row->time);
    d->url = tsn_arena_strdup(arena, row->url);
    d->folder = tsn_arena_strdup(arena, row->folder);
    d->hash_url = tsn_arena_strdup(arena, row->hash);
    d->sig_url = tsn_arena_strdup(arena, row->sig);
    d->accept = tsn_arena_strdup(arena, row->accept);
    d->known_etag = tsn_arena_strdup(arena, row->known_etag);
    d->known_url = tsn_arena_strdup(arena, row->known_url);
    d->ns = tsn_arena_strdup(arena, f->ns);
    if (row->body) {
        d->inside = true;
        d->vouched = f->vouched;
        d->body = tsn_arena_strndup(arena, row->body, row->len);
        d->len = row->len;
        f->counts.fetched++;
        if (f->config.need_signature && !(d->vouched & TSN_FEED_SIGNED)) {
            set_aside(d, "F112", TSN_EREMOTE, "no signature covers the list that it stands in");
        } else {
            tsn_feed_doc_work(d, job, was_read);
        }
        return;
    }
    fetch(d);
}

/* At close: a transfer ends without a word; a job or an operation ends by itself. */
void tsn_feed_doc_cancel(struct tsn_feed_doc *d)
{
    if (d->turn) {
        tsn_xfer_cancel(d->xfer);
        tsn_host_done(d->turn, NULL);
        tsn_feed_doc_destroy(d);
    }
}
