/* feed_poll.c - one poll: the list by conditional request, what is new in it, so many documents at
 * a time. Reading the list and comparing it with the store happens on the reader thread. */
#include <string.h>
#include "core/fault.h"
#include "core/json.h"
#include "core/log.h"
#include "core/text.h"
#include "feed/feed_int.h"

static void next_page(struct tsn_feed *f);

static void pump(struct tsn_feed *f)
{
    size_t parallel = f->config.parallel > 0 ? (size_t)f->config.parallel : TSN_FEED_PARALLEL;
    parallel = parallel > TSN_FEED_PARALLEL_MAX ? TSN_FEED_PARALLEL_MAX : parallel;
    while (f->next_row < f->todo.n && f->in_flight < parallel) {
        f->in_flight++;
        tsn_feed_doc_begin(f, &f->todo.rows[f->next_row++]);
    }
}

/* In a turn of its own: a document may settle inside the call that began it. */
static void go_on(void *user)
{
    struct tsn_feed *f = user;
    struct tsn_feeds *feeds = f->feeds;
    /* Several documents may settle in one turn, and the first of these turns ends the poll. */
    if (!feeds->closing && f->working) {
        if (f->next_row >= f->todo.n && f->in_flight == 0) {
            tsn_feed_finish(f, 0);
        } else {
            pump(f);
        }
    }
    tsn_feeds_release(feeds);
}

void tsn_feed_settled(struct tsn_feed *f)
{
    f->in_flight--;
    tsn_feeds_hold(f->feeds);
    tsn_loop_later(f->feeds->config.loop, go_on, f);
}

/* --- the list against the store: reader thread ---------------------------------------------- */

struct list_op {
    struct tsn_op op;
    struct tsn_feed *feed;
    const struct tsn_source *source;
    const char *name, *text;
    size_t len;
    struct tsn_page page;
    struct tsn_pages pages;    /* out: where it leads */
    struct tsn_page_news news; /* out */
    struct tsn_feed_rows rows; /* of the whole list, then only what is to be fetched */
    size_t listed, unchanged, refused;
    char first_refused[160];
};

/* The stored rows page by page, each page in an arena of its own: lists may be long. */
static tsn_err drop_known(struct list_op *x, struct tsn_store *st, const json_t *place,
                          bool *known)
{
    const struct tsn_filter filter = {.column = "feed", .cmp = TSN_CMP_EQ, .text = x->name};
    struct tsn_list how = {.filters = &filter, .nfilters = 1, .limit = 200, .skip_blobs = true};
    char after[64] = "";
    for (size_t n = how.limit; n == how.limit;) {
        struct tsn_arena *page = tsn_arena_new();
        void *list = NULL;
        how.after = *after ? after : NULL;
        tsn_err err = tsn_store_list(st, page, &tsn_table_document, &how, &list, &n);
        const struct tsn_rec_document *rows = list;
        for (size_t i = 0; !err && i < n; i++) {
            const json_t *at = json_object_get(place, rows[i].path);
            if (at && rows[i].listed) {
                size_t k = (size_t)json_integer_value(at);
                known[k] = strcmp(x->rows.rows[k].time, rows[i].listed) == 0;
            }
            tsn_copy(after, sizeof after, rows[i].id);
        }
        tsn_arena_destroy(page);
        if (err) {
            return err;
        }
    }
    return 0;
}

static tsn_err list_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct list_op *x = (struct list_op *)op;
    x->unchanged = x->refused = 0;
    x->rows = (struct tsn_feed_rows){0};
    x->pages = (struct tsn_pages){0};
    x->news = (struct tsn_page_news){0};
    tsn_err err = x->source->read(op->arena, &x->page, x->text, x->len, &x->rows, &x->pages,
                                  &x->news, &op->diag);
    x->listed = x->rows.n;
    if (err || x->rows.n == 0) {
        return err;
    }
    json_t *place = json_object();
    bool *known = tsn_arena_alloc(op->arena, x->rows.n * sizeof *known);
    for (size_t i = 0; i < x->rows.n; i++) {
        json_object_set_new(place, x->rows.rows[i].path, json_integer((json_int_t)i));
    }
    err = drop_known(x, st, place, known);
    json_decref(place);
    size_t kept = 0;
    for (size_t i = 0; !err && i < x->rows.n; i++) {
        struct tsn_diag why;
        tsn_diag_init(&why);
        if (known[i]) {
            x->unchanged++;
        } else if (x->rows.rows[i].folder && tsn_feed_path_ok(x->rows.rows[i].path, &why)) {
            if (x->refused++ == 0) {
                tsn_copy(x->first_refused, sizeof x->first_refused, why.what);
            }
        } else {
            x->rows.rows[kept++] = x->rows.rows[i];
        }
    }
    x->rows.n = kept;
    return err;
}

static const char *kept(struct tsn_feed *f, const char *s)
{
    return tsn_arena_strdup(f->arena, s);
}

/* What the page brought, into the arena of the poll. */
static void take_page(struct tsn_feed *f, const struct list_op *x)
{
    f->counts.listed += (int64_t)x->listed;
    f->counts.unchanged += (int64_t)x->unchanged;
    f->counts.refused += (int64_t)(x->refused + x->rows.bad);
    f->discovered = f->discovered || x->pages.n || x->listed;
    f->ns = x->news.ns ? kept(f, x->news.ns) : f->ns;
    if (x->refused) {
        tsn_log(TSN_LOG_WARN, "feed.rows_refused", "feed", f->config.name, "code", "F003",
                "first", x->first_refused, NULL);
    }
    for (size_t i = 0; i < x->pages.n && f->pages.n < TSN_FEED_PAGES_MAX; i++) {
        struct tsn_page p = x->pages.pages[i];
        p.url = kept(f, p.url);
        tsn_page_add(f->arena, &f->pages, &p);
    }
    for (size_t i = 0; i < x->rows.n; i++) {
        struct tsn_feed_row r = x->rows.rows[i];
        r.path = kept(f, r.path);
        r.time = kept(f, r.time);
        r.url = kept(f, r.url);
        r.folder = kept(f, r.folder);
        r.hash = kept(f, r.hash);
        r.sig = kept(f, r.sig);
        r.body = r.body ? tsn_arena_strndup(f->arena, r.body, r.len) : NULL;
        tsn_feed_row_add(f->arena, &f->todo, &r);
    }
}

static void list_done(struct tsn_op *op)
{
    struct list_op *x = (struct list_op *)op;
    struct tsn_feed *f = x->feed;
    struct tsn_feeds *feeds = f->feeds;
    if (!feeds->closing) {
        if (op->err && !x->page.optional) {
            f->diag = op->diag;
            if (!f->diag.code[0]) {
                tsn_diag_set(&f->diag, op->err, "F012",
                             "the stored documents cannot be read: %s", tsn_err_text(op->err));
            }
            tsn_feed_finish(f, op->err);
        } else {
            if (!op->err) {
                take_page(f, x);
            }
            f->page++;
            next_page(f);
        }
    }
    tsn_op_destroy(op);
    tsn_feeds_release(feeds);
}

/* "changes.csv" of its address. */
static const char *page_name(const struct tsn_feed *f, const char *url)
{
    const char *bare = tsn_arena_strndup(f->arena, url, strcspn(url, "?#"));
    const char *slash = strrchr(bare, '/');
    return slash && slash[1] ? slash + 1 : bare;
}

static void page_failed(struct tsn_feed *f, const struct tsn_xfer_result *r)
{
    const struct tsn_page *page = &f->pages.pages[f->page];
    const char *name = page_name(f, page->url);
    tsn_err err = r->err ? r->err : TSN_EREMOTE;
    if (page->optional) {
        f->page++;
        next_page(f);
        return;
    }
    if (r->err == TSN_ETOOBIG) {
        tsn_diag_set(&f->diag, err, "F002", "%s is larger than %u MiB", name,
                     TSN_FEED_LIST_MAX >> 20);
    } else if (r->err) {
        tsn_diag_set(&f->diag, err, "F001", "%s cannot be had: %s", name, r->diag.what);
        tsn_diag_hint(&f->diag, "%s", r->diag.hint);
    } else {
        tsn_diag_set(&f->diag, err, "F001", "%s cannot be had: the server said %d", name,
                     r->status);
    }
    tsn_feed_finish(f, err);
}

/* For the next poll: what the server said of this page. */
static void mark_page(struct tsn_feed *f, const struct tsn_page *page, const char *etag,
                      const char *modified)
{
    if (page->conditional && (*etag || *modified)) {
        json_object_set_new(f->marks, page->url,
                            json_pack("{s:s,s:s}", "e", etag, "m", modified));
    }
}

static void got_list(const struct tsn_xfer_result *r, void *user)
{
    struct tsn_feed *f = user;
    const struct tsn_page *page = &f->pages.pages[f->page];
    f->list_xfer = NULL;
    if (!r->err && r->status == 304 && page->conditional) {
        const json_t *old = json_object_get(json_object_get(f->cursor, "pages"), page->url);
        mark_page(f, page, tsn_json_str(old, "e", ""), tsn_json_str(old, "m", ""));
        f->pages_same++;
        f->discovered = true;
        f->page++;
        next_page(f);
        return;
    }
    if (r->err || r->status != 200) {
        page_failed(f, r);
        return;
    }
    tsn_fault("feed.listed");
    f->pages_read++;
    mark_page(f, page, r->etag, r->last_modified);
    struct list_op *x = tsn_op_new(sizeof *x, list_apply, list_done, f);
    x->feed = f;
    x->source = f->source;
    x->name = tsn_arena_strdup(x->op.arena, f->config.name);
    x->text = tsn_arena_strndup(x->op.arena, r->body, r->len);
    x->len = r->len;
    x->page = *page;
    x->page.url = tsn_arena_strdup(x->op.arena, page->url);
    tsn_feeds_hold(f->feeds);
    if (tsn_reader_submit(f->feeds->config.reader, &x->op)) {
        tsn_op_destroy(&x->op);
        tsn_diag_set(&f->diag, TSN_EBUSY, "F012", "the stored documents cannot be read now");
        tsn_feed_finish(f, TSN_EBUSY);
        tsn_feeds_release(f->feeds);
    }
}

/* All pages are read: the documents. */
static void pages_done(struct tsn_feed *f)
{
    if (!f->discovered) {
        tsn_diag_set(&f->diag, TSN_EREMOTE, "F001",
                     "%s: neither the well-known address nor security.txt leads to a provider",
                     f->config.domain ? f->config.domain : f->config.url);
        tsn_feed_finish(f, TSN_EREMOTE);
        return;
    }
    f->not_modified = f->pages_read == 0;
    f->working = true;
    if (f->todo.n == 0) {
        tsn_feed_finish(f, 0);
    } else {
        pump(f);
    }
}

static void next_page(struct tsn_feed *f)
{
    struct tsn_header headers[2];
    while (f->page < f->pages.n && f->pages.pages[f->page].fallback && f->discovered) {
        f->page++;
    }
    if (f->page >= f->pages.n) {
        pages_done(f);
        return;
    }
    const struct tsn_page *page = &f->pages.pages[f->page];
    const json_t *old = json_object_get(json_object_get(f->cursor, "pages"), page->url);
    struct tsn_xfer_request req = {.url = page->url,
                                   .headers = headers,
                                   .reach = f->config.reach,
                                   .max_bytes = TSN_FEED_LIST_MAX,
                                   .redirects = page->direct ? 0 : 3,
                                   .timeout_ms = 120000};
    if (page->conditional && *tsn_json_str(old, "e", "")) {
        headers[req.nheaders++] =
            (struct tsn_header){"If-None-Match", tsn_json_str(old, "e", "")};
    }
    if (page->conditional && *tsn_json_str(old, "m", "")) {
        headers[req.nheaders++] =
            (struct tsn_header){"If-Modified-Since", tsn_json_str(old, "m", "")};
    }
    struct tsn_diag why;
    tsn_diag_init(&why);
    tsn_err err =
        tsn_xfer_start(f->feeds->config.httpc, &req, got_list, f, &f->list_xfer, &why);
    if (err) {
        f->list_xfer = NULL;
        tsn_diag_set(&f->diag, err, "F001", "%s cannot be asked for: %s",
                     page_name(f, page->url), why.what);
        tsn_diag_hint(&f->diag, "%s", why.hint);
        tsn_feed_finish(f, err);
    }
}

void tsn_feed_start(struct tsn_feed *f)
{
    f->not_modified = false;
    f->arena = tsn_arena_new();
    f->todo = (struct tsn_feed_rows){0};
    f->next_row = f->in_flight = 0;
    f->pages = (struct tsn_pages){0};
    f->page = f->pages_read = f->pages_same = 0;
    f->discovered = false;
    f->ns = NULL;
    json_decref(f->marks);
    f->marks = json_object();
    f->counts = (struct tsn_feed_counts){0};
    tsn_diag_init(&f->diag);
    f->source->first(f->arena, f->config.url, f->config.domain,
                     tsn_json_str(f->cursor, "since", NULL), &f->pages);
    next_page(f);
}
