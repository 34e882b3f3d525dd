/* feed_poll.c - one poll: page after page, each in slices; of a slice what is new, so many documents at a
 * time. Reading a slice and comparing it with the store happens on the reader thread, and its rows live
 * until the last of its documents is settled: a list of any length takes the memory of a slice. */
#include <stdlib.h>
#include <string.h>
#include "core/clock.h"
#include "core/fault.h"
#include "core/json.h"
#include "core/log.h"
#include "core/text.h"
#include "feed/feed_int.h"
#include "feed/feed_page.h"

#define BULK_FROM 250 /* new rows in one slice: then the archive is asked for instead */

static void next_page(struct tsn_feed *f);
static void read_slice(struct tsn_feed *f);
static void slice_done(struct tsn_feed *f);

/* --- documents --------------------------------------------------------------------------------- */

static void pump(struct tsn_feed *f)
{
    size_t parallel = f->config.parallel > 0 ? (size_t)f->config.parallel : TSN_FEED_PARALLEL;
    parallel = parallel > TSN_FEED_PARALLEL_MAX ? TSN_FEED_PARALLEL_MAX : parallel;
    while (f->next_row < f->todo.n) {
        const struct tsn_feed_row *row = &f->todo.rows[f->next_row];
        /* `parallel` spares the server. What stands in the list asks nobody: many at a time
         * share one commit. */
        if (f->in_flight >= (row->body ? TSN_FEED_PARALLEL_MAX : parallel) ||
            (row->body && f->in_flight && f->held_bytes + row->len > TSN_FEED_HELD_MAX)) {
            break;
        }
        f->in_flight++;
        f->held_bytes += row->body ? row->len : 0;
        f->next_row++;
        tsn_feed_doc_begin(f, row);
    }
}

/* In a turn of its own: a document may settle inside the call that began it. */
static void go_on(void *user)
{
    struct tsn_feed *f = user;
    struct tsn_feeds *feeds = f->feeds;
    /* Several documents may settle in one turn, and the first of these turns ends the slice. */
    if (!feeds->closing && f->working) {
        if (f->next_row >= f->todo.n && f->in_flight == 0) {
            slice_done(f);
        } else {
            pump(f);
        }
    }
    tsn_feeds_release(feeds);
}

void tsn_feed_settled(struct tsn_feed *f, size_t held)
{
    f->in_flight--;
    f->held_bytes -= held;
    tsn_feeds_hold(f->feeds);
    tsn_loop_later(f->feeds->config.loop, go_on, f);
}

/* --- a slice against the store: reader thread -------------------------------------------------- */

struct slice_op {
    struct tsn_op op;
    struct tsn_feed *feed;
    struct tsn_feed_page *get; /* its bytes; the loop leaves them alone meanwhile */
    const struct tsn_source *source;
    const char *name;
    struct tsn_page page;
    struct tsn_feed_slice slice;
    struct tsn_pages pages;    /* out: where it leads */
    struct tsn_page_news news; /* out */
    bool recheck;              /* the time of a row is no reason to pass over it */
    struct tsn_feed_rows rows; /* of the slice, then only what is to be fetched */
    size_t listed, unchanged, refused;
    uint64_t *seen; /* of all that are listed */
    char first_refused[160];
};

/* The same time, however many digits its seconds have. */
static bool same_time(const char *a, const char *b)
{
    int64_t x, y;
    return strcmp(a, b) == 0 || (*a && *b && tsn_time_parse(a, &x) == 0 &&
                                 tsn_time_parse(b, &y) == 0 && x == y && x % 1000 == 0);
}

static tsn_err drop_known(struct slice_op *x, struct tsn_store *st)
{
    size_t kept = 0;
    struct tsn_arena *a = tsn_arena_new();
    tsn_err err = 0;
    for (size_t i = 0; !err && i < x->rows.n; i++) {
        struct tsn_feed_row *row = &x->rows.rows[i];
        const struct tsn_filter filter = {
            .column = "key",
            .cmp = TSN_CMP_EQ,
            .text = tsn_arena_printf(a, "%s\n%s", x->name, row->path)};
        const struct tsn_list how = {
            .filters = &filter, .nfilters = 1, .limit = 1, .skip_blobs = true};
        struct tsn_diag why;
        void *list = NULL;
        size_t n = 0;
        tsn_diag_init(&why);
        err = tsn_store_list(st, a, &tsn_table_document, &how, &list, &n);
        const struct tsn_rec_document *d = list;
        bool current = !err && n && strcmp(d->state, "current") == 0;
        row->known_etag = current ? tsn_arena_strdup(x->op.arena, d->etag) : NULL;
        row->known_url = current ? tsn_arena_strdup(x->op.arena, d->url) : NULL;
        if (!err && n && !x->recheck && d->listed && *row->time &&
            same_time(row->time, d->listed)) {
            x->unchanged++;
        } else if (row->folder && tsn_feed_path_ok(row->path, &why)) {
            if (x->refused++ == 0) {
                tsn_copy(x->first_refused, sizeof x->first_refused, why.what);
            }
        } else {
            x->rows.rows[kept++] = *row;
        }
        if (i % 200 == 199) {
            tsn_arena_destroy(a);
            a = tsn_arena_new();
        }
    }
    tsn_arena_destroy(a);
    x->rows.n = kept;
    return err;
}

static void passed(size_t at, void *user)
{
    tsn_feed_page_passed(user, at);
}

static tsn_err read_members(struct slice_op *x, const char *text)
{
    for (size_t i = 0; i < x->slice.n; i++) {
        const struct tsn_feed_member *m = &x->slice.members[i];
        struct tsn_feed_row row = {0};
        if (x->source->member &&
            x->source->member(x->op.arena, m->name, text + m->at, m->len, &row)) {
            row.time = row.time && *row.time
                           ? row.time
                           : tsn_source_digest(x->op.arena, text + m->at, m->len);
            tsn_feed_row_add(x->op.arena, &x->rows, &row);
        }
    }
    x->refused += x->slice.refused;
    tsn_copy(x->first_refused, sizeof x->first_refused, x->slice.first_refused);
    return 0;
}

static tsn_err slice_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct slice_op *x = (struct slice_op *)op;
    x->unchanged = x->refused = 0;
    x->rows = (struct tsn_feed_rows){0};
    x->pages = (struct tsn_pages){0};
    x->news = (struct tsn_page_news){0};
    const char *text = tsn_feed_page_map(x->get, &op->diag);
    if (!text) {
        return TSN_EIO;
    }
    tsn_err err;
    if (x->slice.text) {
        x->slice.text->each.passed = passed;
        x->slice.text->each.user = x->get;
        err = x->source->read(op->arena, &x->page, x->slice.text, &x->rows, &x->pages, &x->news,
                              &op->diag);
        tsn_feed_page_passed(x->get, x->slice.text->at);
    } else {
        err = read_members(x, text);
    }
    x->listed = x->rows.n;
    x->seen = tsn_arena_alloc(op->arena, (x->rows.n + 1) * sizeof *x->seen);
    for (size_t i = 0; i < x->rows.n; i++) {
        x->seen[i] = tsn_feed_path_hash(x->rows.rows[i].path);
    }
    return err ? err : drop_known(x, st);
}

static const char *kept(struct tsn_feed *f, const char *s)
{
    return tsn_arena_strdup(f->arena, s);
}

/* Behind the page that names them: what is behind it may be a fallback. */
static void add_pages(struct tsn_feed *f, const struct tsn_pages *more)
{
    struct tsn_pages all = {0};
    for (size_t i = 0; i <= f->page; i++) {
        tsn_page_add(f->arena, &all, &f->pages.pages[i]);
    }
    for (size_t i = 0; i < more->n && f->pages_seen < TSN_FEED_PAGES_MAX; i++) {
        struct tsn_page p = more->pages[i];
        p.url = kept(f, p.url);
        p.vouched = p.sha256 && (f->vouched & TSN_FEED_SIGNED);
        p.sha256 = kept(f, p.sha256);
        p.accept = kept(f, p.accept);
        p.form = kept(f, p.form);
        p.note = kept(f, p.note);
        f->pages_seen++;
        tsn_page_add(f->arena, &all, &p);
    }
    for (size_t i = f->page + 1; i < f->pages.n; i++) {
        tsn_page_add(f->arena, &all, &f->pages.pages[i]);
    }
    f->pages = all;
}

/* What the slice brought. */
static void take_slice(struct tsn_feed *f, struct slice_op *x)
{
    f->counts.listed += (int64_t)x->listed;
    tsn_feed_seen(f, x->seen, x->listed);
    f->holes = f->holes || x->news.gap;
    f->counts.unchanged += (int64_t)x->unchanged;
    f->counts.refused += (int64_t)(x->refused + x->rows.bad);
    f->discovered = f->discovered || x->pages.n || x->listed;
    f->ns = x->news.ns ? kept(f, x->news.ns) : f->ns;
    f->token = x->news.token ? kept(f, x->news.token) : f->token;
    if (x->refused) {
        tsn_log(TSN_LOG_WARN, "feed.rows_refused", "feed", f->config.name, "code", "F003",
                "first", x->first_refused, NULL);
    }
    if (x->news.gap) {
        tsn_log(TSN_LOG_WARN, "feed.gap", "feed", f->config.name, "why", x->news.gap, NULL);
    }
    if (x->pages.n) {
        add_pages(f, &x->pages);
    }
    f->todo = x->rows;
    f->next_row = 0;
    f->slice = &x->op; /* the rows live in it */
}

static void drop_slice(struct tsn_feed *f)
{
    f->todo = (struct tsn_feed_rows){0};
    f->next_row = 0;
    if (f->slice) {
        tsn_op_destroy(f->slice);
        f->slice = NULL;
    }
}

static void fail_poll(struct tsn_feed *f, tsn_err err)
{
    tsn_feed_page_drop(f);
    drop_slice(f);
    tsn_feed_finish(f, err);
}

static struct tsn_source_ask ask_of(struct tsn_feed *f)
{
    return (struct tsn_source_ask){
        .url = f->config.url,
        .domain = f->config.domain,
        .archive = f->config.archive,
        .id = f->config.client_id,
        .token_url = f->config.token_url,
        .since = f->reconciling ? NULL : tsn_json_str(f->cursor, "since", NULL),
        .now_ms = tsn_clock_wall_ms()};
}

/* Much of the list is new: once a poll its archive comes first, then the list again. */
static bool bulk_instead(struct tsn_feed *f, const struct slice_op *x)
{
    const struct tsn_source_ask ask = ask_of(f);
    struct tsn_page bulk, again = f->pages.pages[f->page];
    again.again = true;
    bool few = x->rows.n < BULK_FROM && !(f->reconciling && f->source->window);
    if (x->page.archive || f->bulk || few || !f->source->bulk ||
        !f->source->bulk(f->arena, &ask, &bulk)) {
        return false;
    }
    f->bulk = true;
    struct tsn_page both[] = {bulk, again};
    const struct tsn_pages more = {.pages = both, .n = 2};
    add_pages(f, &more);
    tsn_log(TSN_LOG_INFO, "feed.archive_first", "feed", f->config.name, "archive", bulk.url,
            NULL);
    return true;
}

static void page_over(struct tsn_feed *f)
{
    tsn_feed_page_drop(f);
    f->page++;
    next_page(f);
}

static void list_done(struct tsn_op *op)
{
    struct slice_op *x = (struct slice_op *)op;
    struct tsn_feed *f = x->feed;
    struct tsn_feeds *feeds = f->feeds;
    f->slicing = false;
    if (feeds->closing) {
        tsn_op_destroy(op);
    } else if (op->err && !x->page.optional) {
        f->diag = op->diag;
        if (!f->diag.code[0]) {
            tsn_diag_set(&f->diag, op->err, "F012", "the stored documents cannot be read: %s",
                         tsn_err_text(op->err));
        }
        tsn_err err = op->err;
        tsn_op_destroy(op);
        fail_poll(f, err);
    } else if (op->err || bulk_instead(f, x)) {
        tsn_op_destroy(op);
        page_over(f);
    } else {
        take_slice(f, x);
        f->working = true;
        if (f->todo.n == 0) {
            slice_done(f);
        } else {
            pump(f);
        }
    }
    tsn_feeds_release(feeds);
}

static void read_slice(struct tsn_feed *f)
{
    struct slice_op *x = tsn_op_new(sizeof *x, slice_apply, list_done, f);
    x->feed = f;
    x->get = f->get;
    x->source = f->source;
    x->name = tsn_arena_strdup(x->op.arena, f->config.name);
    x->page = f->pages.pages[f->page]; /* its strings live with the poll */
    x->slice = tsn_feed_page_slice(f);
    /* Behind the archive the list says only what was not in it. */
    x->recheck = f->reconciling && (x->page.archive || !f->bulk);
    tsn_feeds_hold(f->feeds);
    f->slicing = true;
    if (tsn_reader_submit(f->feeds->config.reader, &x->op)) {
        f->slicing = false;
        tsn_op_destroy(&x->op);
        tsn_diag_set(&f->diag, TSN_EBUSY, "F012", "the stored documents cannot be read now");
        fail_poll(f, TSN_EBUSY);
        tsn_feeds_release(f->feeds);
    }
}

/* All documents of the slice are settled. */
static void slice_done(struct tsn_feed *f)
{
    const struct tsn_feed_slice s = tsn_feed_page_slice(f);
    f->working = false;
    drop_slice(f);
    if (s.text ? s.text->at < s.text->len : !s.last) {
        tsn_feed_page_more(f);
    } else {
        page_over(f);
    }
}

/* --- pages --------------------------------------------------------------------------------------- */

/* "changes.csv" of its address. */
static const char *page_name(const struct tsn_feed *f, const char *url)
{
    const char *bare = tsn_arena_strndup(f->arena, url, strcspn(url, "?#"));
    const char *slash = strrchr(bare, '/');
    return slash && slash[1] ? slash + 1 : bare;
}

static void page_failed(struct tsn_feed *f, tsn_err err, int status, const struct tsn_diag *why)
{
    const struct tsn_page *page = &f->pages.pages[f->page];
    const char *name = page_name(f, page->url);
    bool ours = why->code[0] == 'F'; /* said already */
    if (page->optional) {            /* what it would bring comes another way */
        tsn_log(TSN_LOG_WARN, "feed.page_failed", "feed", f->config.name, "page", name, "code",
                why->code, "why", why->what, NULL);
        f->holes = true;
        page_over(f);
        return;
    }
    if (ours) {
        tsn_diag_set(&f->diag, err, why->code, "%s: %s", name, why->what);
    } else if (err == TSN_ETOOBIG) {
        tsn_diag_set(&f->diag, err, "F002", "%s is larger than is allowed", name);
    } else if (!status) {
        tsn_diag_set(&f->diag, err, "F001", "%s cannot be had: %s", name, why->what);
        tsn_diag_hint(&f->diag, "%s", why->hint);
    } else {
        tsn_diag_set(&f->diag, err, "F001", "%s cannot be had: the server said %d", name,
                     status);
    }
    fail_poll(f, err);
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

static void page_same(struct tsn_feed *f)
{
    const struct tsn_page *page = &f->pages.pages[f->page];
    const json_t *old = json_object_get(json_object_get(f->cursor, "pages"), page->url);
    mark_page(f, page, tsn_json_str(old, "e", ""), tsn_json_str(old, "m", ""));
    f->pages_same++;
    f->discovered = true;
    page_over(f);
}

static void page_ready(struct tsn_feed *f)
{
    const struct tsn_page *page = &f->pages.pages[f->page];
    if (!f->page_begun) {
        f->page_begun = true;
        f->pages_read++;
        f->vouched = tsn_feed_page_vouched(f);
        mark_page(f, page, tsn_feed_page_etag(f), tsn_feed_page_modified(f));
    }
    read_slice(f);
}

/* All pages are read, and all documents settled. */
static void pages_done(struct tsn_feed *f)
{
    if (!f->discovered && f->config.domain) {
        tsn_diag_set(&f->diag, TSN_EREMOTE, "F001",
                     "%s: neither the well-known address nor security.txt leads to a provider",
                     f->config.domain);
        tsn_feed_finish(f, TSN_EREMOTE);
        return;
    }
    f->not_modified = f->pages_read == 0;
    tsn_feed_gone(f);
}

static void next_page(struct tsn_feed *f)
{
    static const struct tsn_feed_page_calls calls = {
        .same = page_same, .ready = page_ready, .failed = page_failed};
    while (f->page < f->pages.n && f->pages.pages[f->page].fallback && f->discovered) {
        f->page++;
    }
    f->page_begun = false;
    if (f->page >= f->pages.n) {
        pages_done(f);
    } else {
        tsn_feed_page_get(f, &f->pages.pages[f->page], &calls);
    }
}

/* Lists forget, dates lie: now and then everything is compared. The first whole poll was one. */
static bool reconcile_due(const struct tsn_feed *f)
{
    int64_t last = tsn_json_int(f->cursor, "whole", 0);
    return f->asked_whole || (f->config.reconcile_ms > 0 && last > 0 &&
                              tsn_clock_wall_ms() - last >= f->config.reconcile_ms);
}

void tsn_feed_start(struct tsn_feed *f)
{
    f->reconciling = reconcile_due(f);
    f->relist = f->reconciling || f->asked_again;
    f->asked_again = false;
    const struct tsn_source_ask ask = ask_of(f);
    f->not_modified = false;
    f->arena = tsn_arena_new();
    f->todo = (struct tsn_feed_rows){0};
    f->next_row = f->in_flight = f->held_bytes = 0;
    f->pages = (struct tsn_pages){0};
    f->page = f->pages_read = f->pages_same = f->pages_seen = 0;
    f->discovered = f->bulk = f->holes = false;
    f->nseen = f->probing = 0;
    f->ns = f->token = NULL;
    json_decref(f->marks);
    f->marks = json_object();
    f->counts = (struct tsn_feed_counts){0};
    tsn_diag_init(&f->diag);
    f->source->first(f->arena, &ask, &f->pages);
    next_page(f);
}

void tsn_feed_poll_drop(struct tsn_feed *f)
{
    tsn_feed_page_drop(f);
    drop_slice(f);
}
