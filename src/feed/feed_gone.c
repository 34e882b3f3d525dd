/* feed_gone.c - documents that a list does not name any more: unlisted, and in force until the server
 * says twice, a day apart, that they are not there; then withdrawn, and their matches close.
 *
 * Only a list that holds everything and was read whole takes anything away. What a feed gives without
 * an address of its own is withdrawn after a day without it. Loop thread, but for the apply
 * functions (reader and writer thread). */
#include <stdlib.h>
#include <string.h>
#include "core/clock.h"
#include "core/fault.h"
#include "core/id.h"
#include "core/json.h"
#include "core/log.h"
#include "core/text.h"
#include "feed/feed_int.h"

#define PAGE      500
#define PROBES    50
#define NAMED_MAX 20
#define DAY_MS    INT64_C(86400000)

uint64_t tsn_feed_path_hash(const char *path)
{
    uint64_t h = UINT64_C(14695981039346656037); /* FNV-1a: two paths of one list rarely meet */
    for (; *path; path++) {
        h = (h ^ (unsigned char)*path) * UINT64_C(1099511628211);
    }
    return h;
}

void tsn_feed_seen(struct tsn_feed *f, const uint64_t *hashes, size_t n)
{
    if (f->nseen + n > f->seen_cap) {
        f->seen_cap = (f->nseen + n) * 2;
        f->seen = tsn_realloc(f->seen, f->seen_cap * sizeof *f->seen);
    }
    if (n) {
        memcpy(f->seen + f->nseen, hashes, n * sizeof *hashes);
        f->nseen += n;
    }
}

static int by_value(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

/* --- what is stored and not listed: reader thread, a page at a time ------------------------------- */

struct gone_op {
    struct tsn_op op;
    struct tsn_feed *feed;
    const char *name, *after;
    const uint64_t *seen; /* sorted; the loop leaves it alone meanwhile */
    size_t nseen;
    bool last;
    char next[27];
    const char *vanished[PAGE], *back[PAGE]; /* ids */
    size_t nvanished, nback;
};

static tsn_err gone_read(struct tsn_op *op, struct tsn_store *st)
{
    struct gone_op *x = (struct gone_op *)op;
    const struct tsn_filter filter = {.column = "feed", .cmp = TSN_CMP_EQ, .text = x->name};
    const struct tsn_list how = {
        .filters = &filter, .nfilters = 1, .limit = PAGE, .after = *x->after ? x->after : NULL};
    void *list = NULL;
    size_t n = 0;
    x->nvanished = x->nback = 0;
    tsn_err err = tsn_store_list(st, op->arena, &tsn_table_document, &how, &list, &n);
    const struct tsn_rec_document *d = list;
    for (size_t i = 0; !err && i < n; i++) {
        uint64_t h = tsn_feed_path_hash(d[i].path);
        bool listed = bsearch(&h, x->seen, x->nseen, sizeof h, by_value) != NULL;
        if (!listed && d[i].unlisted_at == 0 && strcmp(d[i].state, "current") == 0) {
            x->vanished[x->nvanished++] = d[i].id;
        } else if (listed && d[i].unlisted_at != 0) {
            x->back[x->nback++] = d[i].id;
        }
        tsn_copy(x->next, sizeof x->next, d[i].id);
    }
    x->last = n < PAGE;
    return err;
}

/* --- writer thread ---------------------------------------------------------------------------------- */

struct mark_op {
    struct tsn_op op;
    struct tsn_feed *feed;
    const char *name;
    const char **vanished, **back;
    size_t nvanished, nback;
    bool last;
    char next[27];
    int64_t now_ms;
};

static tsn_err mark_one(struct tsn_store *st, struct mark_op *x, const char *id, int64_t at,
                        json_t *paths)
{
    struct tsn_rec_document d;
    tsn_err err = tsn_store_get(st, x->op.arena, &tsn_table_document, id, &d);
    if (err) {
        return err == TSN_ENOTFOUND ? 0 : err;
    }
    d.unlisted_at = at;
    d.gone_at = d.asked_at = 0;
    if (json_array_size(paths) < NAMED_MAX) {
        json_array_append_new(paths, json_string(d.path));
    }
    return tsn_store_put(st, &tsn_table_document, &d);
}

static tsn_err log_gone(struct tsn_store *st, struct tsn_arena *arena, const char *what,
                        json_t *args)
{
    return tsn_feed_entry(st, arena, "feed.unlisted", what, NULL, args, NULL);
}

static tsn_err mark_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct mark_op *x = (struct mark_op *)op;
    json_t *gone = json_array(), *back = json_array();
    tsn_err err = 0;
    for (size_t i = 0; !err && i < x->nvanished; i++) {
        err = mark_one(st, x, x->vanished[i], x->now_ms, gone);
    }
    for (size_t i = 0; !err && i < x->nback; i++) {
        err = mark_one(st, x, x->back[i], 0, back);
    }
    json_t *args = json_pack("{s:s,s:I,s:o,s:I,s:o}", "feed", x->name, "unlisted",
                             (json_int_t)x->nvanished, "paths", gone, "listed_again",
                             (json_int_t)x->nback, "again", back);
    if (err) {
        json_decref(args);
        return err;
    }
    return log_gone(st, op->arena, "list", args);
}

/* The server has it or not: the first time that it has not is remembered, after a day it counts. */
static tsn_err checked_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct tsn_feed_op *x = (struct tsn_feed_op *)op;
    struct tsn_rec_document row;
    bool known;
    x->decision = NULL;
    x->woken = NULL;
    x->matches = 0;
    x->kind = TSN_FEED_CHANGED;
    tsn_err err = tsn_feed_document(st, x, &row, &known);
    if (err || !known || row.unlisted_at == 0 || strcmp(row.state, "current") != 0) {
        return err;
    }
    row.asked_at = x->now_ms;
    if (x->doc->there) {
        row.gone_at = 0;
        return tsn_store_put(st, &tsn_table_document, &row);
    }
    int64_t since = row.gone_at ? row.gone_at : x->doc->url ? 0 : row.unlisted_at;
    json_t *args = json_pack("{s:s,s:s,s:s,s:I}", "feed", x->feed, "path", row.path, "id",
                             row.tracking_id ? row.tracking_id : "", "unlisted_at",
                             (json_int_t)row.unlisted_at);
    if (!since || x->now_ms - since < DAY_MS) {
        row.gone_at = row.gone_at ? row.gone_at : x->now_ms;
        err = tsn_store_put(st, &tsn_table_document, &row);
        if (err) {
            json_decref(args);
            return err;
        }
        return log_gone(st, op->arena, "not-there", args);
    }
    tsn_fault("feed.withdrawn_apply");
    char id[TSN_ULID_LEN + 1];
    tsn_id_new(id);
    row.state = "withdrawn";
    row.reason = "its provider lists it no more and does not have it";
    row.trace = NULL;
    row.revisions++;
    const struct tsn_rec_revision r = {
        .id = id,
        .key = tsn_arena_printf(op->arena, "%s\n%lld", row.id, (long long)row.revisions),
        .document = row.id,
        .feed = x->feed,
        .sha256 = row.sha256,
        .kind = "withdrawn",
        .substance = "",
        .version = row.version,
        .flags = "[\"unlisted\"]",
        .n = row.revisions,
        .created_at = x->now_ms};
    json_t *changes = json_pack("{s:b,s:[s]}", "material", true, "kinds", "withdrawn");
    x->hits = json_array();
    x->spared = NULL;
    tsn_arena_defer(op->arena, (void (*)(void *))json_decref, x->hits);
    err = tsn_store_insert(st, &tsn_table_revision, &r);
    err = err ? err : tsn_store_put(st, &tsn_table_document, &row);
    err = err ? err : log_gone(st, op->arena, "withdrawn", json_incref(args));
    err = err ? err : tsn_feed_together(st, x, &row);
    err = err ? err : tsn_feed_news(st, x, &row, changes);
    err = err ? err : tsn_feed_matches(st, x, &row);
    json_decref(changes);
    json_decref(args);
    return err;
}

/* --- loop thread ---------------------------------------------------------------------------------------- */

static void probe(struct tsn_feed *f);

static void read_page(struct tsn_feed *f, const char *after);

static void ended(struct tsn_feed *f)
{
    free(f->seen);
    f->seen = NULL;
    f->nseen = f->seen_cap = 0;
    tsn_feed_finish(f, 0);
}

static void mark_done(struct tsn_op *op)
{
    struct mark_op *x = (struct mark_op *)op;
    struct tsn_feed *f = x->feed;
    struct tsn_feeds *feeds = f->feeds;
    if (feeds->closing) {
        ;
    } else if (op->err || x->last) {
        probe(f);
    } else {
        read_page(f, x->next);
    }
    tsn_op_destroy(op);
    tsn_feeds_release(feeds);
}

static void page_done(struct tsn_op *op)
{
    struct gone_op *x = (struct gone_op *)op;
    struct tsn_feed *f = x->feed;
    struct tsn_feeds *feeds = f->feeds;
    if (feeds->closing) {
        ;
    } else if (op->err || (x->last && !x->nvanished && !x->nback)) {
        probe(f);
    } else if (!x->nvanished && !x->nback) {
        read_page(f, x->next);
    } else {
        struct mark_op *m = tsn_op_new(sizeof *m, mark_apply, mark_done, NULL);
        struct tsn_arena *a = m->op.arena;
        m->feed = f;
        m->name = f->config.name;
        m->vanished = tsn_arena_alloc(a, (x->nvanished + 1) * sizeof *m->vanished);
        m->back = tsn_arena_alloc(a, (x->nback + 1) * sizeof *m->back);
        for (size_t i = 0; i < x->nvanished; i++) {
            m->vanished[m->nvanished++] = tsn_arena_strdup(a, x->vanished[i]);
        }
        for (size_t i = 0; i < x->nback; i++) {
            m->back[m->nback++] = tsn_arena_strdup(a, x->back[i]);
        }
        m->last = x->last;
        tsn_copy(m->next, sizeof m->next, x->next);
        m->now_ms = tsn_clock_wall_ms();
        tsn_feeds_hold(feeds);
        if (tsn_writer_submit(feeds->config.writer, &m->op, TSN_LANE_BULK)) {
            tsn_op_destroy(&m->op); /* the next whole list finds them again */
            tsn_feeds_release(feeds);
            probe(f);
        }
    }
    tsn_op_destroy(op);
    tsn_feeds_release(feeds);
}

static void read_page(struct tsn_feed *f, const char *after)
{
    struct gone_op *x = tsn_op_new(sizeof *x, gone_read, page_done, NULL);
    x->feed = f;
    x->name = f->config.name;
    x->after = tsn_arena_strdup(x->op.arena, after);
    x->seen = f->seen;
    x->nseen = f->nseen;
    tsn_feeds_hold(f->feeds);
    if (tsn_reader_submit(f->feeds->config.reader, &x->op)) {
        tsn_op_destroy(&x->op);
        tsn_feeds_release(f->feeds);
        probe(f);
    }
}

/* --- asking for what is unlisted ------------------------------------------------------------------------- */

struct probe_op {
    struct tsn_op op;
    struct tsn_feed *feed;
    const char *name;
    int64_t now_ms;
    const struct tsn_rec_document *rows;
    size_t n;
};

static tsn_err probe_read(struct tsn_op *op, struct tsn_store *st)
{
    struct probe_op *x = (struct probe_op *)op;
    const struct tsn_filter filters[] = {
        {.column = "feed", .cmp = TSN_CMP_EQ, .text = x->name},
        {.column = "unlisted_at", .cmp = TSN_CMP_GT, .number = 0},
        {.column = "state", .cmp = TSN_CMP_EQ, .text = "current"},
        {.column = "asked_at", .cmp = TSN_CMP_LT, .number = x->now_ms - DAY_MS + 1}};
    const struct tsn_list how = {.filters = filters, .nfilters = 4, .limit = PROBES};
    void *list = NULL;
    tsn_err err = tsn_store_list(st, op->arena, &tsn_table_document, &how, &list, &x->n);
    x->rows = list;
    return err;
}

static void one_less(struct tsn_feed *f)
{
    if (--f->probing == 0) {
        ended(f);
    }
}

static void probe_done(struct tsn_op *op)
{
    struct probe_op *x = (struct probe_op *)op;
    struct tsn_feed *f = x->feed;
    struct tsn_feeds *feeds = f->feeds;
    if (!feeds->closing) {
        f->probing = 1; /* for this function */
        for (size_t i = 0; !op->err && i < x->n; i++) {
            struct tsn_feed_doc *d = tsn_feed_doc_new(f);
            json_t *facts = NULL;
            const char *text = x->rows[i].facts ? x->rows[i].facts : "";
            f->probing++;
            d->check = true;
            d->path = tsn_arena_strdup(d->arena, x->rows[i].path);
            d->listed = tsn_arena_strdup(d->arena, x->rows[i].listed);
            d->url = tsn_arena_strdup(d->arena, x->rows[i].url);
            (void)tsn_json_parse(text, strlen(text), &facts, NULL);
            d->facts = json_is_object(facts) ? facts : json_object();
            json_object_set_new(d->facts, "withdrawn", json_true());
            if (d->url) {
                tsn_feed_doc_probe(d);
            } else {
                tsn_feed_checked(d);
            }
        }
        one_less(f);
    }
    tsn_op_destroy(op);
    tsn_feeds_release(feeds);
}

static void probe(struct tsn_feed *f)
{
    struct probe_op *x = tsn_op_new(sizeof *x, probe_read, probe_done, NULL);
    x->feed = f;
    x->name = f->config.name;
    x->now_ms = tsn_clock_wall_ms();
    tsn_feeds_hold(f->feeds);
    if (tsn_reader_submit(f->feeds->config.reader, &x->op)) {
        tsn_op_destroy(&x->op);
        tsn_feeds_release(f->feeds);
        ended(f);
    }
}

void tsn_feed_check_settled(struct tsn_feed *f)
{
    one_less(f);
}

static void decided(struct tsn_decide_op *x, void *user)
{
    struct tsn_feed_doc *d = user;
    struct tsn_feeds *feeds = d->feed->feeds;
    (void)x;
    if (feeds->closing) {
        tsn_feed_doc_destroy(d);
    } else {
        tsn_feed_doc_settled(d);
    }
    tsn_feeds_release(feeds);
}

static void checked_done(struct tsn_op *op)
{
    struct tsn_feed_op *x = (struct tsn_feed_op *)op;
    struct tsn_feed_doc *d = op->user;
    struct tsn_feeds *feeds = d->feed->feeds;
    bool held = false;
    if (!op->err && x->woken && feeds->config.engine && !feeds->closing) {
        tsn_engine_wake(feeds->config.engine, x->woken);
    }
    if (!op->err && x->decision && !feeds->closing) {
        tsn_feeds_hold(feeds);
        held = tsn_decide_start(feeds, x->decision, x->now_ms, decided, d);
        if (!held) {
            tsn_decide_due(feeds, x->due_ms);
            tsn_feeds_release(feeds);
        }
    }
    if (feeds->closing) {
        tsn_feed_doc_destroy(d);
    } else if (!held) {
        tsn_feed_doc_settled(d);
    }
    tsn_feed_op_free(x);
    tsn_feeds_release(feeds);
}

void tsn_feed_checked(struct tsn_feed_doc *d)
{
    tsn_feed_op_submit(tsn_feed_op_new(d, checked_apply, checked_done), tsn_feed_checked);
}

void tsn_feed_gone(struct tsn_feed *f)
{
    bool everything = !f->source->window || (f->reconciling && (f->source->since || f->bulk));
    bool whole = everything && f->pages_read > 0 && f->pages_same == 0 && !f->holes &&
                 f->counts.failed == 0 && f->nseen > 0;
    if (!whole) {
        probe(f);
        return;
    }
    qsort(f->seen, f->nseen, sizeof *f->seen, by_value);
    read_page(f, "");
}
