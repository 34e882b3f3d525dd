/* feed_again.c - after a start: observations that a stop left pending are read to their end before any
 * feed is polled; then documents whose facts were made by another parser or matched against another
 * inventory are read again, beside everything else, in two passes: first the traces, so that none is judged without
 * those that take its matches away, then all of it. All from stored bytes. Loop thread, but for
 * again_read (reader thread). */
#include <stdio.h>
#include <string.h>
#include "core/clock.h"
#include "core/json.h"
#include "core/log.h"
#include "core/text.h"
#include "feed/feed_int.h"

#define BATCH     32
#define BATCH_MAX ((size_t)32 << 20) /* bytes in memory at a time, but for the first */

struct one {
    const char *feed, *path, *listed, *sha256, *signature, *observation, *ns, *cause;
    bool hashed;
    struct tsn_blob body;
};

struct again_op {
    struct tsn_op op;
    struct tsn_feeds *feeds;
    const char *basis, *after;
    bool stale, tracing;
    struct one list[BATCH];
    size_t n;
    char last[27];
};

static void fill(struct tsn_arena *arena, struct one *o, const struct tsn_rec_document *d,
                 const char *basis)
{
    json_t *facts = NULL;
    if (d->facts && tsn_json_parse(d->facts, strlen(d->facts), &facts, NULL) == 0) {
        o->ns = tsn_arena_strdup(arena, tsn_json_str(facts, "provider", NULL));
    }
    json_decref(facts);
    /* "1:ab12...": the parser in front of the inventory; "parser 1:ab12...": what the first pass knew. */
    size_t n = strcspn(basis, ":") + 1, word = d->basis ? strcspn(d->basis, " ") : 0;
    if (d->basis && d->basis[word]) {
        o->cause = strncmp(d->basis, "parser", word) == 0 ? "parser" : "inventory";
    } else {
        o->cause = d->basis && strncmp(d->basis, basis, n) == 0 ? "inventory" : "parser";
    }
}

const char *tsn_feed_traced(struct tsn_arena *arena, const char *cause, const char *basis)
{
    return tsn_arena_printf(arena, "%s %s", cause, basis);
}

bool tsn_feed_has_basis(const char *of, const char *basis)
{
    const char *blank = of ? strchr(of, ' ') : NULL;
    return of && strcmp(blank ? blank + 1 : of, basis) == 0;
}

static tsn_err body_of(struct tsn_store *st, struct again_op *x, struct one *o, size_t *bytes)
{
    struct tsn_rec_raw raw;
    tsn_err err = o->sha256 ? tsn_store_get(st, x->op.arena, &tsn_table_raw, o->sha256, &raw)
                            : TSN_ENOTFOUND;
    if (!err) {
        o->body = raw.body;
        *bytes += raw.body.len;
        x->n++;
    }
    return err == TSN_ENOTFOUND ? 0 : err; /* nothing to read it from: it stays as it is */
}

static tsn_err pending_read(struct tsn_store *st, struct again_op *x,
                            const struct tsn_list *how)
{
    void *list = NULL;
    size_t n = 0, bytes = 0;
    struct tsn_arena *a = x->op.arena;
    tsn_err err = tsn_store_list(st, a, &tsn_table_observation, how, &list, &n);
    const struct tsn_rec_observation *rows = list;
    for (size_t i = 0; !err && i < n && bytes < BATCH_MAX; i++) {
        struct tsn_rec_document d;
        struct one *o = &x->list[x->n];
        *o = (struct one){.feed = rows[i].feed,
                          .path = rows[i].path,
                          .listed = rows[i].listed,
                          .sha256 = rows[i].sha256,
                          .signature = rows[i].signature,
                          .observation = rows[i].id,
                          .hashed = rows[i].hashed != 0};
        err = tsn_store_find(st, a, &tsn_table_document, "key",
                             tsn_arena_printf(a, "%s\n%s", o->feed, o->path), &d);
        if (!err) {
            fill(a, o, &d, x->basis);
        }
        o->cause = NULL;
        err = !err || err == TSN_ENOTFOUND ? body_of(st, x, o, &bytes) : err;
        tsn_copy(x->last, sizeof x->last, rows[i].id);
    }
    return err;
}

/* Only what a parser said can change with a parser: bytes that nobody vouched for stay aside. */
static bool readable(const struct tsn_rec_document *d)
{
    static const char *const read[] = {"F006", "F007", "F110", "F111", "F113"};
    if (strcmp(d->state, "quarantined") != 0) {
        return strcmp(d->state, "current") == 0;
    }
    for (size_t i = 0; d->reason && i < sizeof read / sizeof read[0]; i++) {
        if (strncmp(d->reason, read[i], 4) == 0) {
            return true;
        }
    }
    return false;
}

static tsn_err stale_read(struct tsn_store *st, struct again_op *x, const struct tsn_list *how)
{
    void *list = NULL;
    size_t n = 0, bytes = 0;
    tsn_err err = tsn_store_list(st, x->op.arena, &tsn_table_document, how, &list, &n);
    const struct tsn_rec_document *rows = list;
    for (size_t i = 0; !err && i < n && bytes < BATCH_MAX; i++) {
        struct one *o = &x->list[x->n];
        tsn_copy(x->last, sizeof x->last, rows[i].id);
        if (!readable(&rows[i])) {
            continue;
        }
        *o = (struct one){.feed = rows[i].feed,
                          .path = rows[i].path,
                          .listed = rows[i].listed,
                          .sha256 = rows[i].sha256};
        fill(x->op.arena, o, &rows[i], x->basis);
        err = body_of(st, x, o, &bytes);
    }
    return err;
}

static tsn_err again_read(struct tsn_op *op, struct tsn_store *st)
{
    struct again_op *x = (struct again_op *)op;
    const struct tsn_filter filters[] = {
        {.column = x->stale ? "basis" : "state",
         .cmp = x->stale ? TSN_CMP_NE : TSN_CMP_EQ,
         .text = x->stale ? x->basis : "pending"},
        {.column = "basis",
         .cmp = TSN_CMP_NE,
         .text = tsn_feed_traced(op->arena, "inventory", x->basis)},
        {.column = "basis",
         .cmp = TSN_CMP_NE,
         .text = tsn_feed_traced(op->arena, "parser", x->basis)}};
    const struct tsn_list how = {.filters = filters,
                                 .nfilters = x->stale && x->tracing ? 3 : 1,
                                 .limit = BATCH,
                                 .after = *x->after ? x->after : NULL};
    x->n = 0;
    x->last[0] = '\0';
    return x->stale ? stale_read(st, x, &how) : pending_read(st, x, &how);
}

static bool begin_one(struct tsn_feeds *feeds, const struct one *o)
{
    struct tsn_feed *f = feeds->list;
    while (f && strcmp(f->config.name, o->feed) != 0) {
        f = f->next;
    }
    if (!f) {
        return false; /* its feed is not configured any more */
    }
    struct tsn_feed_doc *d = tsn_feed_doc_new(f);
    struct tsn_arena *a = d->arena;
    d->redo = true;
    d->path = tsn_arena_strdup(a, o->path);
    d->listed = tsn_arena_strdup(a, o->listed);
    d->signature = tsn_arena_strdup(a, o->signature);
    d->observation = tsn_arena_strdup(a, o->observation);
    d->ns = tsn_arena_strdup(a, o->ns);
    d->cause = o->cause;
    d->tracing = feeds->again_stale && feeds->again_tracing;
    d->hash = o->hashed ? "" : NULL;
    d->body = tsn_arena_strndup(a, o->body.data, o->body.len);
    d->len = o->body.len;
    tsn_copy(d->sha256, sizeof d->sha256, o->sha256);
    feeds->again_in_flight++;
    tsn_feed_doc_normalise(d);
    return true;
}

static void read_on(struct tsn_feeds *feeds);

static void ended(struct tsn_feeds *feeds)
{
    feeds->again_after[0] = '\0';
    if (!feeds->again_stale) {
        feeds->recovering = false;
        feeds->again_stale = feeds->again_tracing = true;
        tsn_decide_due(feeds, tsn_clock_wall_ms());
        read_on(feeds);
    } else if (feeds->again_restart) {
        feeds->again_restart = false;
        feeds->again_tracing = true;
        read_on(feeds);
    } else if (feeds->again_tracing) {
        feeds->again_tracing = false;
        read_on(feeds);
    }
}

void tsn_feed_again_stale(struct tsn_feeds *feeds)
{
    if (feeds->recovering || feeds->again_reading || feeds->again_in_flight) {
        feeds->again_restart = true; /* from the beginning, behind what is under way */
        return;
    }
    feeds->again_after[0] = '\0';
    feeds->again_stale = feeds->again_tracing = true;
    read_on(feeds);
}

static void again_done(struct tsn_op *op)
{
    struct again_op *x = (struct again_op *)op;
    struct tsn_feeds *feeds = x->feeds;
    feeds->again_reading = false;
    if (!feeds->closing && op->err) {
        tsn_log(TSN_LOG_ERROR, "feed.not_read_again", "err", tsn_err_name(op->err), NULL);
        ended(feeds);
    } else if (!feeds->closing && !x->last[0]) {
        ended(feeds);
    } else if (!feeds->closing) {
        tsn_copy(feeds->again_after, sizeof feeds->again_after, x->last);
        /* Kept at one so that the last of them does not go on before all were begun. */
        feeds->again_in_flight++;
        for (size_t i = 0; i < x->n; i++) {
            (void)begin_one(feeds, &x->list[i]);
        }
        tsn_feed_again_settled(feeds);
    }
    tsn_op_destroy(op);
    tsn_feeds_release(feeds);
}

static void read_on(struct tsn_feeds *feeds)
{
    struct again_op *x = tsn_op_new(sizeof *x, again_read, again_done, NULL);
    x->feeds = feeds;
    x->basis = feeds->basis;
    x->stale = feeds->again_stale;
    x->tracing = feeds->again_tracing;
    x->after = tsn_arena_strdup(x->op.arena, feeds->again_after);
    tsn_feeds_hold(feeds);
    feeds->again_reading = true;
    if (tsn_reader_submit(feeds->config.reader, &x->op)) {
        feeds->again_reading = false;
        tsn_op_destroy(&x->op);
        feeds->recovering = false;
        tsn_feeds_release(feeds);
    }
}

static void go_on(void *user)
{
    struct tsn_feeds *feeds = user;
    if (!feeds->closing && feeds->again_in_flight == 0 && !feeds->again_reading) {
        read_on(feeds);
    }
    tsn_feeds_release(feeds);
}

void tsn_feed_again_settled(struct tsn_feeds *feeds)
{
    feeds->again_in_flight--;
    tsn_feeds_hold(feeds);
    tsn_loop_later(feeds->config.loop, go_on, feeds);
}

void tsn_feed_again(struct tsn_feeds *feeds)
{
    struct tsn_engine *engine = feeds->config.engine;
    if (engine && !tsn_engine_ready(engine)) {
        return; /* the poll that waits for it asks again */
    }
    if (!feeds->recovering || feeds->again_reading || feeds->again_in_flight) {
        return;
    }
    read_on(feeds);
}
