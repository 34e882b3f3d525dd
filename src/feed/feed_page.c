/* feed_page.c - see feed_page.h. Owns, for one page, transfers, children, files and mapping. */
#include "feed/feed_page.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/fault.h"
#include "core/json.h"
#include "core/secret.h"
#include "core/text.h"
#include "feed/feed_local.h"
#include "loop/spool.h"
#include "proc/pgp.h"
#include "proc/unpack.h"

#define LIST_MS     120000
#define ARCHIVE_MS  3600000 /* some hundred megabytes at a provider's pace */
#define SLICE_ROWS  2000
#define SLICE_BYTES (8u << 20)

struct tsn_feed_page {
    struct tsn_feed *feed;
    struct tsn_page page;
    struct tsn_feed_page_calls calls;
    struct tsn_arena *arena, *slice_arena;
    struct tsn_spool *spool;
    struct tsn_xfer *xfer; /* of the hash or signature beside it */
    struct tsn_host_turn *turn;
    struct tsn_unpack *unpack;
    struct tsn_feed_local *local;
    int fd, out; /* as it came; what came out of it */
    size_t len;  /* of the text */
    char sha256[2 * TSN_HASH_LEN + 1];
    const char *etag, *modified, *next_url;
    size_t next_max;
    void (*then)(const struct tsn_xfer_result *r, void *user);
    char *map;
    size_t map_len;
    struct tsn_page_text text;
    struct tsn_feed_member *members;
    size_t nmembers, refused;
    const char *first_refused;
    bool last;
    int vouched;
    bool lent; /* the caller has a slice: a failure waits until it asks for more */
    bool failed;
    struct tsn_diag why; /* of that failure */
};

/* gpg has the page and does not let go of it: it outlives a drop. */
struct asked {
    struct tsn_feeds *feeds;
    struct tsn_feed *feed;
    struct tsn_feed_page *page;
};

static void unmap(struct tsn_feed_page *p)
{
    if (p->map) {
        munmap(p->map, p->map_len);
        p->map = NULL;
    }
}

static void fail(struct tsn_feed_page *p, tsn_err err, int status, const struct tsn_diag *why)
{
    struct tsn_diag d = *why;
    p->calls.failed(p->feed, err, status, &d);
}

static void fail_with(struct tsn_feed_page *p, tsn_err err, const char *code, const char *what)
{
    struct tsn_diag d;
    tsn_diag_init(&d);
    tsn_diag_set(&d, err, code, "%s", what);
    fail(p, err, 0, &d);
}

/* --- unpacking --------------------------------------------------------------------------------- */

static void on_slice(const struct tsn_unpack_slice *s, void *user)
{
    struct tsn_feed_page *p = user;
    if (s->end) {
        p->unpack = NULL;
    }
    if (!p->page.archive) { /* one file: the text */
        p->len = s->n ? (size_t)s->entries[0].size : 0;
        p->calls.ready(p->feed);
        return;
    }
    tsn_arena_destroy(p->slice_arena);
    p->slice_arena = tsn_arena_new();
    p->members = tsn_arena_alloc(p->slice_arena, (s->n + 1) * sizeof *p->members);
    p->nmembers = s->n;
    p->len = 0;
    for (size_t i = 0; i < s->n; i++) {
        p->members[i] = (struct tsn_feed_member){
            .name = tsn_arena_strdup(p->slice_arena, s->entries[i].name),
            .at = (size_t)s->entries[i].at,
            .len = (size_t)s->entries[i].size};
        p->len = p->members[i].at + p->members[i].len + 1;
    }
    p->refused = (size_t)s->refused;
    p->first_refused = tsn_arena_strdup(p->slice_arena, s->first_refused);
    p->last = s->end;
    p->lent = true;
    p->calls.ready(p->feed);
}

static void on_failed(const struct tsn_diag *why, void *user)
{
    struct tsn_feed_page *p = user;
    p->unpack = NULL;
    if (p->lent) {
        p->failed = true;
        p->why = *why;
    } else {
        fail(p, TSN_EINPUT, 0, why);
    }
}

/* By the first bytes, never by the name. */
static bool packed(const unsigned char *b, ssize_t n)
{
    static const struct {
        const char *bytes;
        ssize_t n;
    } heads[] = {{"\x1F\x8B", 2},
                 {"\xFD"
                  "7zXZ",
                  5},
                 {"\x28\xB5\x2F\xFD", 4},
                 {"BZh", 3}};
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        if (n >= heads[i].n && memcmp(b, heads[i].bytes, (size_t)heads[i].n) == 0) {
            return true;
        }
    }
    return false;
}

static void open_it(struct tsn_feed_page *p)
{
    unsigned char head[8] = {0};
    ssize_t n = pread(p->fd, head, sizeof head, 0);
    struct tsn_diag why;
    tsn_diag_init(&why);
    if (!p->page.archive && !packed(head, n)) {
        p->calls.ready(p->feed);
        return;
    }
    p->out = tsn_spool_file(p->feed->feeds->config.dir);
    const struct tsn_unpack_config cfg = {
        .in = p->fd,
        .out = p->out,
        .single = !p->page.archive,
        .entry_max = p->page.archive ? TSN_FEED_DOC_MAX : TSN_FEED_LIST_MAX,
        .total_max = p->page.archive ? TSN_FEED_INFLATED_MAX : TSN_FEED_LIST_MAX,
        .slice = on_slice,
        .failed = on_failed,
        .user = p};
    tsn_err err =
        p->out < 0
            ? tsn_diag_set(&why, TSN_EIO, "F001", "no file can be made for what is in it")
            : tsn_unpack_start(&p->unpack, p->feed->feeds->config.loop, &cfg, &why);
    if (err) {
        fail(p, err, 0, &why);
    }
}

/* --- hash and signature ------------------------------------------------------------------------- */

static void check_signature(struct tsn_feed_page *p);

static void judged(struct tsn_pgp_result *r, void *user)
{
    struct asked *a = user;
    struct tsn_feeds *feeds = a->feeds;
    struct tsn_feed_page *p = a->page;
    bool here = !feeds->closing && a->feed->get == p; /* not dropped meanwhile */
    if (here) {
        bool good = r->signature == TSN_PGP_GOOD;
        if (!good && (p->feed->config.need_signature || r->signature == TSN_PGP_BAD)) {
            struct tsn_diag d;
            tsn_diag_init(&d);
            tsn_diag_set(&d, TSN_ETAMPERED, "F112", "its OpenPGP signature is not good: %s",
                         tsn_pgp_signature_text(r->signature));
            fail(p, TSN_ETAMPERED, 0, &d);
        } else {
            p->vouched |= good ? TSN_FEED_SIGNED : 0;
            if (p->page.signed_text && r->plain.len > 0) {
                /* Only what the signature covers is read. */
                int fd = tsn_spool_file(feeds->config.dir);
                if (fd < 0 ||
                    pwrite(fd, r->plain.data, r->plain.len, 0) != (ssize_t)r->plain.len) {
                    fail_with(p, TSN_EIO, "F001", "no file can be made for its text");
                    if (fd >= 0) {
                        close(fd);
                    }
                    tsn_feeds_release(feeds);
                    return;
                }
                close(p->fd);
                p->fd = fd;
                p->len = r->plain.len;
            }
            open_it(p);
        }
    }
    tsn_feeds_release(feeds);
}

static struct asked *asked_new(struct tsn_feed_page *p)
{
    struct asked *a = tsn_arena_alloc(p->feed->arena, sizeof *a);
    *a = (struct asked){p->feed->feeds, p->feed, p};
    tsn_feeds_hold(p->feed->feeds);
    return a;
}

static void got_signature(const struct tsn_xfer_result *r, void *user)
{
    struct tsn_feed_page *p = user;
    struct tsn_feed *f = p->feed;
    if (!r->err && r->status == 200 && r->len > 0) {
        tsn_pgp_verify_file(f->feeds->config.loop, f->home, p->fd, r->body, r->len, judged,
                            asked_new(p));
    } else if (f->config.need_signature) {
        fail_with(p, TSN_EREMOTE, "F112", "no signature stands beside it");
    } else {
        open_it(p);
    }
}

static void busy(struct tsn_feed_page *p)
{
    p->turn = NULL;
    fail_with(p, TSN_EBUSY, "F001", "its server wants to be left alone for a while");
}

static void arrived(const struct tsn_xfer_result *r, void *user)
{
    struct tsn_feed_page *p = user;
    tsn_host_done(p->turn, r);
    p->turn = NULL;
    p->xfer = NULL;
    p->then(r, p);
}

static void turn_beside(bool ok, void *user)
{
    struct tsn_feed_page *p = user;
    struct tsn_diag why;
    const struct tsn_xfer_request req = {.url = p->next_url,
                                         .reach = p->feed->config.reach,
                                         .redirects = 3,
                                         .max_bytes = p->next_max};
    tsn_diag_init(&why);
    if (!ok) {
        busy(p);
        return;
    }
    tsn_err err =
        tsn_xfer_start(p->feed->feeds->config.httpc, &req, arrived, p, &p->xfer, &why);
    if (err) {
        p->xfer = NULL;
        tsn_host_done(p->turn, NULL);
        p->turn = NULL;
        fail(p, err, 0, &why);
    }
}

/* What stands beside the page. */
static void beside(struct tsn_feed_page *p, const char *ending, size_t max,
                   void (*done)(const struct tsn_xfer_result *r, void *user))
{
    p->next_url = tsn_arena_printf(p->arena, "%s%s", p->page.url, ending);
    p->next_max = max;
    p->then = done;
    p->turn = tsn_feed_turn(p->feed, p->next_url, turn_beside, p);
}

static void check_signature(struct tsn_feed_page *p)
{
    struct tsn_feed *f = p->feed;
    if (p->page.signed_text && f->home) {
        struct tsn_buf b;
        tsn_buf_init(&b, TSN_FEED_SIGNED_MAX);
        char piece[16384];
        for (ssize_t n, at = 0; (n = pread(p->fd, piece, sizeof piece, at)) > 0; at += n) {
            (void)tsn_buf_put(&b, piece, (size_t)n);
        }
        if (b.err) {
            fail_with(p, TSN_ETOOBIG, "F002", "it is too large to be a signed list");
        } else {
            tsn_pgp_decrypt(f->feeds->config.loop, f->home, b.len ? b.data : "", b.len, judged,
                            asked_new(p));
        }
        tsn_buf_free(&b);
    } else if (p->page.signed_apart && f->home) {
        beside(p, ".asc", TSN_FEED_SIG_MAX, got_signature);
    } else if ((p->page.signed_text || p->page.signed_apart) && f->config.need_signature) {
        fail_with(p, TSN_EREMOTE, "F112", "there are no keys to check its signature with");
    } else {
        open_it(p);
    }
}

static void got_hash(const struct tsn_xfer_result *r, void *user)
{
    struct tsn_feed_page *p = user;
    char first[2 * TSN_HASH_LEN + 1] = "";
    if (!r->err && r->status == 200) {
        size_t at = strspn(r->body, " \t\r\n");
        tsn_copy(first, sizeof first, r->body + at);
        if (strcasecmp(first, p->sha256) != 0) {
            fail_with(p, TSN_ETAMPERED, "F005",
                      "its bytes do not have the hash that stands beside it");
            return;
        }
        p->vouched |= TSN_FEED_HASHED;
    } else if (p->feed->config.need_hash) {
        fail_with(p, TSN_EREMOTE, "F009", "no hash file stands beside it");
        return;
    }
    check_signature(p);
}

static void check_hash(struct tsn_feed_page *p)
{
    if (p->page.sha256 && strcasecmp(p->page.sha256, p->sha256) != 0) {
        fail_with(p, TSN_ETAMPERED, "F005",
                  "its bytes do not have the hash that the list names for it");
    } else if (p->page.archive && p->page.signed_apart) {
        beside(p, ".sha256", TSN_FEED_HASH_MAX, got_hash);
    } else {
        p->vouched |= p->page.sha256 ? TSN_FEED_HASHED : 0;
        p->vouched |= p->page.vouched ? TSN_FEED_SIGNED : 0;
        check_signature(p);
    }
}

/* --- the transfer -------------------------------------------------------------------------------- */

static void got_page(const struct tsn_spool_result *r, void *user)
{
    struct tsn_feed_page *p = user;
    const struct tsn_xfer_result *x = r->xfer;
    struct tsn_diag why;
    tsn_host_done(p->turn, x);
    p->turn = NULL;
    p->spool = NULL;
    p->etag = tsn_arena_strdup(p->arena, x->etag);
    p->modified = tsn_arena_strdup(p->arena, x->last_modified);
    if (!x->err && x->status == 304 && p->page.conditional) {
        p->calls.same(p->feed);
        return;
    }
    if (r->fd < 0) {
        why = x->diag;
        fail(p, x->err ? x->err : TSN_EREMOTE, x->err ? 0 : x->status, &why);
        return;
    }
    tsn_fault("feed.listed");
    p->fd = r->fd;
    p->len = (size_t)r->len;
    p->text.link = tsn_arena_strdup(p->arena, x->link);
    tsn_hex(p->sha256, r->sha256, sizeof r->sha256);
    check_hash(p);
}

static void got_local(const struct tsn_feed_local_result *r, void *user)
{
    struct tsn_feed_page *p = user;
    if (r->err) {
        fail(p, r->err, 0, &r->diag);
        return;
    }
    if (!r->members) {
        p->fd = r->fd;
        p->len = r->len;
        open_it(p);
        return;
    }
    p->out = r->fd >= 0 ? r->fd : p->out;
    p->len = r->len;
    p->members = r->members;
    p->nmembers = r->n;
    p->refused = r->refused;
    p->first_refused = r->first_refused;
    p->last = r->last;
    p->calls.ready(p->feed);
}

static void ask(bool ok, void *user)
{
    struct tsn_feed_page *p = user;
    struct tsn_feed *f = p->feed;
    struct tsn_header headers[4];
    const json_t *old = json_object_get(json_object_get(f->cursor, "pages"), p->page.url);
    struct tsn_diag why;
    struct tsn_xfer_request req = {.url = p->page.url,
                                   .headers = headers,
                                   .reach = f->config.reach,
                                   .max_bytes = p->page.archive ? TSN_FEED_ARCHIVE_MAX
                                                                : TSN_FEED_LIST_MAX,
                                   .redirects = p->page.direct ? 0 : 3,
                                   .timeout_ms = p->page.archive ? ARCHIVE_MS : LIST_MS};
    if (p->page.conditional && !f->relist && *tsn_json_str(old, "e", "")) {
        headers[req.nheaders++] =
            (struct tsn_header){"If-None-Match", tsn_json_str(old, "e", "")};
    }
    if (p->page.conditional && !f->relist && *tsn_json_str(old, "m", "")) {
        headers[req.nheaders++] =
            (struct tsn_header){"If-Modified-Since", tsn_json_str(old, "m", "")};
    }
    if (p->page.accept) {
        headers[req.nheaders++] = (struct tsn_header){"Accept", p->page.accept};
    }
    tsn_diag_init(&why);
    if (!ok) {
        busy(p);
        return;
    }
    if (p->page.form) {
        const char *secret =
            p->page.secret && f->config.secret ? tsn_secret_get(f->config.secret, NULL) : NULL;
        if (p->page.secret && !secret) {
            tsn_host_done(p->turn, NULL);
            p->turn = NULL;
            tsn_err none = tsn_secret_missing(f->config.secret ? f->config.secret : "", &why);
            fail(p, none, 0, &why);
            return;
        }
        /* It lives as long as the page. */
        req.method = "POST";
        req.body = tsn_arena_printf(p->arena, "%s%s", p->page.form,
                                    secret ? tsn_source_escape(p->arena, secret) : "");
        req.body_len = strlen(req.body);
        headers[req.nheaders++] =
            (struct tsn_header){"Content-Type", "application/x-www-form-urlencoded"};
    } else if (f->token) {
        headers[req.nheaders++] = (struct tsn_header){
            "Authorization", tsn_arena_printf(p->arena, "Bearer %s", f->token)};
    }
    tsn_err err = tsn_spool_start(&p->spool, f->feeds->config.loop, f->feeds->config.httpc,
                                  f->feeds->config.dir, &req, got_page, p, &why);
    if (err) {
        tsn_host_done(p->turn, NULL);
        p->turn = NULL;
        fail(p, err, 0, &why);
    }
}

void tsn_feed_page_get(struct tsn_feed *f, const struct tsn_page *page,
                       const struct tsn_feed_page_calls *calls)
{
    struct tsn_arena *arena = tsn_arena_new();
    struct tsn_feed_page *p = tsn_arena_alloc(arena, sizeof *p);
    tsn_feed_page_drop(f);
    p->arena = arena;
    p->feed = f;
    p->page = *page;
    p->calls = *calls;
    p->fd = p->out = -1;
    p->etag = p->modified = p->first_refused = "";
    p->text.link = "";
    f->get = p;
    if (f->source->local) {
        struct tsn_diag why;
        tsn_diag_init(&why);
        tsn_err err = tsn_feed_local_start(&p->local, f, page->url, got_local, p, &why);
        if (err) {
            fail(p, err, 0, &why);
        }
        return;
    }
    p->turn = tsn_feed_turn(f, page->url, ask, p);
}

struct tsn_feed_slice tsn_feed_page_slice(const struct tsn_feed *f)
{
    struct tsn_feed_page *p = f->get;
    if (p->page.archive || p->members) {
        return (struct tsn_feed_slice){.members = p->members,
                                       .n = p->nmembers,
                                       .refused = p->refused,
                                       .first_refused = p->first_refused,
                                       .last = p->last};
    }
    p->text.rows = SLICE_ROWS;
    p->text.bytes = SLICE_BYTES;
    return (struct tsn_feed_slice){.text = &p->text, .first_refused = ""};
}

/* A byte behind the text is there and NUL: the rest of the last block, or one more block. */
const char *tsn_feed_page_map(struct tsn_feed_page *p, struct tsn_diag *diag)
{
    int fd = p->out >= 0 ? p->out : p->fd;
    size_t block = (size_t)sysconf(_SC_PAGESIZE);
    if (p->map) {
        return p->map;
    }
    p->map_len = p->len + 1;
    if (p->len % block == 0 && ftruncate(fd, (off_t)(p->len + 1)) != 0) {
        (void)tsn_diag_set(diag, TSN_EIO, "F012", "the file of the page cannot grow by a byte");
        return NULL;
    }
    void *map = mmap(NULL, p->map_len, PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) {
        (void)tsn_diag_set(diag, TSN_EIO, "F012", "the file of the page cannot be mapped");
        return NULL;
    }
    p->map = map;
    p->text.text = map;
    p->text.len = p->len;
    return map;
}

void tsn_feed_page_passed(struct tsn_feed_page *p, size_t at)
{
    size_t block = (size_t)sysconf(_SC_PAGESIZE);
    at -= at % block;
    if (p->map && at) {
        (void)madvise(p->map, at, MADV_DONTNEED);
    }
}

void tsn_feed_page_more(struct tsn_feed *f)
{
    struct tsn_feed_page *p = f->get;
    if (p->page.archive || p->members) {
        unmap(p);
        p->lent = false;
        if (p->failed) {
            fail(p, TSN_EINPUT, 0, &p->why);
        } else if (p->unpack) { /* also of a file of ours */
            tsn_unpack_more(p->unpack);
        } else {
            tsn_feed_local_more(p->local);
        }
    } else {
        p->calls.ready(f);
    }
}

const char *tsn_feed_page_etag(const struct tsn_feed *f)
{
    return f->get->etag;
}

const char *tsn_feed_page_modified(const struct tsn_feed *f)
{
    return f->get->modified;
}

int tsn_feed_page_vouched(const struct tsn_feed *f)
{
    return f->get->vouched;
}

void tsn_feed_page_stop(struct tsn_feed *f)
{
    struct tsn_feed_page *p = f->get;
    if (!p) {
        return;
    }
    tsn_spool_cancel(p->spool);
    tsn_xfer_cancel(p->xfer);
    tsn_host_done(p->turn, NULL);
    tsn_unpack_stop(p->unpack);
    tsn_feed_local_end(p->local);
    p->spool = NULL;
    p->xfer = NULL;
    p->turn = NULL;
    p->unpack = NULL;
}

void tsn_feed_page_drop(struct tsn_feed *f)
{
    struct tsn_feed_page *p = f->get;
    if (!p) {
        return;
    }
    tsn_feed_page_stop(f);
    f->get = NULL;
    tsn_feed_local_stop(p->local);
    if (p->text.forget) {
        p->text.forget(p->text.memo);
    }
    unmap(p);
    if (p->fd >= 0) {
        close(p->fd);
    }
    if (p->out >= 0) {
        close(p->out);
    }
    tsn_arena_destroy(p->slice_arena);
    tsn_arena_destroy(p->arena);
}
