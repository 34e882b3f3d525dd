/* feed_poll.c - one poll: the list by conditional request, what is new in it, so many documents at
 * a time. Reading the list and comparing it with the store happens on the reader thread. */
#include <string.h>
#include "core/fault.h"
#include "core/json.h"
#include "core/log.h"
#include "core/text.h"
#include "feed/feed_int.h"

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
    const char *name, *text;
    size_t len;
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
    tsn_feed_csv(op->arena, x->text, x->len, &x->rows);
    x->listed = x->rows.n;
    if (x->rows.n == 0) {
        return tsn_diag_set(&op->diag, TSN_EINPUT, "F002",
                            "changes.csv holds no row path,time (%zu "
                            "other lines)",
                            x->rows.bad);
    }
    json_t *place = json_object();
    bool *known = tsn_arena_alloc(op->arena, x->rows.n * sizeof *known);
    for (size_t i = 0; i < x->rows.n; i++) {
        json_object_set_new(place, x->rows.rows[i].path, json_integer((json_int_t)i));
    }
    tsn_err err = drop_known(x, st, place, known);
    json_decref(place);
    size_t kept = 0;
    for (size_t i = 0; !err && i < x->rows.n; i++) {
        struct tsn_diag why;
        tsn_diag_init(&why);
        if (known[i]) {
            x->unchanged++;
        } else if (tsn_feed_path_ok(x->rows.rows[i].path, &why)) {
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

static void list_done(struct tsn_op *op)
{
    struct list_op *x = (struct list_op *)op;
    struct tsn_feed *f = x->feed;
    struct tsn_feeds *feeds = f->feeds;
    if (!feeds->closing) {
        if (op->err) {
            f->diag = op->diag;
            if (!f->diag.code[0]) {
                tsn_diag_set(&f->diag, op->err, "F012",
                             "the stored documents cannot be read: %s", tsn_err_text(op->err));
            }
            tsn_feed_finish(f, op->err);
        } else {
            f->counts.listed = (int64_t)x->listed;
            f->counts.unchanged = (int64_t)x->unchanged;
            f->counts.refused = (int64_t)(x->refused + x->rows.bad);
            if (x->refused) {
                tsn_log(TSN_LOG_WARN, "feed.rows_refused", "feed", f->config.name, "code",
                        "F003", "first", x->first_refused, NULL);
            }
            struct tsn_feed_row *rows =
                tsn_arena_alloc(f->arena, (x->rows.n + 1) * sizeof *rows);
            for (size_t i = 0; i < x->rows.n; i++) {
                rows[i].path = tsn_arena_strdup(f->arena, x->rows.rows[i].path);
                rows[i].time = tsn_arena_strdup(f->arena, x->rows.rows[i].time);
            }
            f->todo = (struct tsn_feed_rows){.rows = rows, .n = x->rows.n};
            f->working = true;
            if (f->todo.n == 0) {
                tsn_feed_finish(f, 0);
            } else {
                pump(f);
            }
        }
    }
    tsn_op_destroy(op);
    tsn_feeds_release(feeds);
}

static void got_list(const struct tsn_xfer_result *r, void *user)
{
    struct tsn_feed *f = user;
    f->list_xfer = NULL;
    if (!r->err && r->status == 304) {
        f->not_modified = true;
        tsn_feed_finish(f, 0);
        return;
    }
    if (r->err || r->status != 200) {
        tsn_err err = r->err ? r->err : TSN_EREMOTE;
        if (r->err == TSN_ETOOBIG) {
            tsn_diag_set(&f->diag, err, "F002", "changes.csv is larger than %u MiB",
                         TSN_FEED_LIST_MAX >> 20);
        } else if (r->err) {
            tsn_diag_set(&f->diag, err, "F001", "changes.csv cannot be had: %s", r->diag.what);
            tsn_diag_hint(&f->diag, "%s", r->diag.hint);
        } else {
            tsn_diag_set(&f->diag, err, "F001", "changes.csv cannot be had: the server said %d",
                         r->status);
        }
        tsn_feed_finish(f, err);
        return;
    }
    tsn_fault("feed.listed");
    f->etag = r->etag[0] ? tsn_arena_strdup(f->arena, r->etag) : NULL;
    f->modified = r->last_modified[0] ? tsn_arena_strdup(f->arena, r->last_modified) : NULL;
    struct list_op *x = tsn_op_new(sizeof *x, list_apply, list_done, f);
    x->feed = f;
    x->name = tsn_arena_strdup(x->op.arena, f->config.name);
    x->text = tsn_arena_strndup(x->op.arena, r->body, r->len);
    x->len = r->len;
    tsn_feeds_hold(f->feeds);
    if (tsn_reader_submit(f->feeds->config.reader, &x->op)) {
        tsn_op_destroy(&x->op);
        tsn_diag_set(&f->diag, TSN_EBUSY, "F012", "the stored documents cannot be read now");
        tsn_feed_finish(f, TSN_EBUSY);
        tsn_feeds_release(f->feeds);
    }
}

void tsn_feed_start(struct tsn_feed *f)
{
    struct tsn_header headers[2];
    struct tsn_xfer_request req = {.headers = headers,
                                   .reach = f->config.reach,
                                   .max_bytes = TSN_FEED_LIST_MAX,
                                   .redirects = 3,
                                   .timeout_ms = 120000};
    f->not_modified = false;
    f->arena = tsn_arena_new();
    f->todo = (struct tsn_feed_rows){0};
    f->next_row = f->in_flight = 0;
    f->etag = f->modified = NULL;
    f->counts = (struct tsn_feed_counts){0};
    tsn_diag_init(&f->diag);
    req.url = tsn_arena_printf(f->arena, "%schanges.csv", f->config.url);
    if (f->state.etag) {
        headers[req.nheaders++] = (struct tsn_header){"If-None-Match", f->state.etag};
    }
    if (f->state.modified) {
        headers[req.nheaders++] = (struct tsn_header){"If-Modified-Since", f->state.modified};
    }
    struct tsn_diag why;
    tsn_diag_init(&why);
    tsn_err err =
        tsn_xfer_start(f->feeds->config.httpc, &req, got_list, f, &f->list_xfer, &why);
    if (err) {
        f->list_xfer = NULL;
        tsn_diag_set(&f->diag, err, "F001", "changes.csv cannot be asked for: %s", why.what);
        tsn_diag_hint(&f->diag, "%s", why.hint);
        tsn_feed_finish(f, err);
    }
}
