/* feed_raw.c - the first transaction of a document: its bytes, and that they were seen. What goes on
 * from there needs no network: a kill after it loses nothing. Also the operations that both
 * transactions of a document are. Apply runs on the writer thread, the rest on the loop thread. */
#include <stdlib.h>
#include <string.h>
#include "core/clock.h"
#include "core/fault.h"
#include "core/id.h"
#include "core/json.h"
#include "core/log.h"
#include "feed/feed_int.h"

#define RETRY_MS 50

/* --- what both transactions write ---------------------------------------------------------- */

tsn_err tsn_feed_entry(struct tsn_store *st, struct tsn_arena *arena, const char *kind,
                       const char *reason, const struct tsn_actor *by, json_t *args,
                       int64_t *seq)
{
    const char *text = tsn_feed_kept(arena, args);
    const struct tsn_field field = {.name = "args", .data = text, .len = strlen(text)};
    struct tsn_append e = TSN_APPEND_INIT;
    int64_t at;
    json_decref(args);
    e.kind = kind;
    e.actor = !by          ? "svc:feed"
              : by->person ? tsn_arena_printf(arena, "u:%s", by->person)
                           : "op:owner";
    e.auth = by && by->auth ? by->auth : "svc";
    e.outcome = "ok";
    e.reason = reason;
    e.fields = &field;
    e.nfields = 1;
    return tsn_store_append(st, &e, seq ? seq : &at);
}

tsn_err tsn_feed_tally(struct tsn_store *st, struct tsn_arena *arena, const char *feed,
                       const struct tsn_feed_tally *t)
{
    struct tsn_rec_feeddesk row;
    tsn_err err = tsn_store_get(st, arena, &tsn_table_feeddesk, feed, &row);
    if (err == TSN_ENOTFOUND) {
        row = (struct tsn_rec_feeddesk){.name = feed};
    } else if (err) {
        return err;
    }
    row.observed += t->observed;
    row.revised += t->revised;
    row.quarantined += t->quarantined;
    row.duplicate += t->duplicate;
    return tsn_store_put(st, &tsn_table_feeddesk, &row);
}

tsn_err tsn_feed_document(struct tsn_store *st, struct tsn_feed_op *x,
                          struct tsn_rec_document *row, bool *known)
{
    struct tsn_arena *arena = x->op.arena;
    const char *key = tsn_arena_printf(arena, "%s\n%s", x->feed, x->doc->path);
    char id[TSN_ULID_LEN + 1];
    tsn_err err = tsn_store_find(st, arena, &tsn_table_document, "key", key, row);
    *known = err == 0;
    if (err != TSN_ENOTFOUND) {
        return err;
    }
    tsn_id_new(id);
    *row = (struct tsn_rec_document){
        .id = tsn_arena_strdup(arena, id), .key = key, .feed = x->feed, .path = x->doc->path};
    return 0;
}

tsn_err tsn_feed_log(struct tsn_store *st, const struct tsn_feed_op *x, const char *kind,
                     const char *outcome, const char *reason)
{
    const struct tsn_feed_doc *d = x->doc;
    json_t *args = json_pack("{s:s,s:s,s:s,s:s}", "feed", x->feed, "path", d->path, "sha256",
                             d->sha256, "listed", d->listed ? d->listed : "");
    if (d->facts) {
        json_object_set(args, "id", json_object_get(d->facts, "id"));
        json_object_set(args, "version", json_object_get(d->facts, "version"));
        json_object_set(args, "substance", json_object_get(d->facts, "substance"));
    }
    if (d->signature) {
        json_object_set_new(args, "signature", json_string(d->signature));
    }
    if (d->hash) {
        json_object_set_new(args, "hash", json_true());
    }
    if (x->why.what[0]) {
        json_object_set_new(args, "why", json_string(x->why.what));
    }
    char *text = tsn_json_text(args);
    json_decref(args);
    const struct tsn_field field = {.name = "args", .data = text, .len = strlen(text)};
    struct tsn_append e = TSN_APPEND_INIT;
    int64_t seq;
    e.kind = kind;
    e.actor = "svc:feed";
    e.auth = "svc";
    e.outcome = outcome;
    e.reason = reason;
    e.fields = &field;
    e.nfields = 1;
    tsn_err err = tsn_store_append(st, &e, &seq);
    free(text);
    return err;
}

tsn_err tsn_feed_quarantine(struct tsn_store *st, struct tsn_feed_op *x,
                            struct tsn_rec_document *row, bool known)
{
    const struct tsn_feed_doc *d = x->doc;
    x->kind = TSN_FEED_QUARANTINED;
    row->reason = tsn_arena_printf(x->op.arena, "%s %s", x->why.code, x->why.what);
    row->listed = d->redo ? row->listed : d->listed;
    row->observation = d->observation ? d->observation : row->observation;
    row->basis = x->basis;
    if (!known || strcmp(row->state, "quarantined") == 0) {
        row->state = "quarantined";
        row->sha256 = d->sha256[0] ? d->sha256 : NULL;
        row->fetched_at = x->now_ms;
    }
    tsn_err err = tsn_store_put(st, &tsn_table_document, row);
    return err ? err : tsn_feed_log(st, x, "feed.document", "fail", x->why.code);
}

/* --- the transaction ------------------------------------------------------------------------- */

/* The same bytes wait already: a stop came between them and their reading. */
static tsn_err waits(struct tsn_store *st, struct tsn_feed_op *x, bool *out)
{
    const struct tsn_filter filters[] = {
        {.column = "feed", .cmp = TSN_CMP_EQ, .text = x->feed},
        {.column = "path", .cmp = TSN_CMP_EQ, .text = x->doc->path},
        {.column = "state", .cmp = TSN_CMP_EQ, .text = "pending"}};
    const struct tsn_list how = {.filters = filters, .nfilters = 3};
    void *list = NULL;
    size_t n = 0;
    tsn_err err = tsn_store_list(st, x->op.arena, &tsn_table_observation, &how, &list, &n);
    const struct tsn_rec_observation *rows = list;
    *out = false;
    for (size_t i = 0; !err && i < n; i++) {
        *out = *out || strcmp(rows[i].sha256, x->doc->sha256) == 0;
    }
    return err;
}

static tsn_err keep_bytes(struct tsn_store *st, struct tsn_feed_op *x)
{
    const struct tsn_feed_doc *d = x->doc;
    struct tsn_rec_raw row;
    tsn_err err = tsn_store_get_bare(st, x->op.arena, &tsn_table_raw, d->sha256, &row);
    if (err != TSN_ENOTFOUND) {
        return err;
    }
    row = (struct tsn_rec_raw){.sha256 = d->sha256,
                               .body = {.data = d->body, .len = d->len},
                               .size = (int64_t)d->len,
                               .seen_at = x->now_ms};
    return tsn_store_insert(st, &tsn_table_raw, &row);
}

/* Nothing to learn: the counter alone says that somebody looked. */
static tsn_err duplicate(struct tsn_store *st, struct tsn_feed_op *x,
                         struct tsn_rec_document *row, bool current)
{
    const struct tsn_feed_tally t = {.observed = 1, .duplicate = 1};
    x->kind = TSN_FEED_UNCHANGED;
    tsn_err err = 0;
    if (current) {
        row->listed = x->doc->listed;
        row->etag = x->doc->etag ? x->doc->etag : row->etag;
        row->reason = x->doc->hash || !x->versions ? NULL : row->reason;
        err = tsn_store_put(st, &tsn_table_document, row);
    }
    return err ? err : tsn_feed_tally(st, x->op.arena, x->feed, &t);
}

tsn_err tsn_feed_raw_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct tsn_feed_op *x = (struct tsn_feed_op *)op;
    const struct tsn_feed_doc *d = x->doc;
    struct tsn_rec_document row;
    bool known, pending = false;
    char id[TSN_ULID_LEN + 1];
    x->pending = NULL;
    x->why = d->why;
    tsn_err err = tsn_feed_document(st, x, &row, &known);
    if (err) {
        return err;
    }
    tsn_fault("feed.raw_apply");
    bool refused = d->why.code[0] != 0;
    bool same = known && !refused && strcmp(row.state, "current") == 0 && row.sha256 &&
                (d->same || strcmp(row.sha256, d->sha256) == 0);
    if (d->same && !same) { /* something else came meanwhile: the next poll asks again */
        return tsn_diag_set(&op->diag, TSN_EBUSY, "F012", "its stored state changed meanwhile");
    }
    if (!refused && !same) {
        err = waits(st, x, &pending);
    }
    if (err || same || pending) {
        return err ? err : duplicate(st, x, &row, same);
    }
    if (d->body && d->sha256[0]) {
        err = keep_bytes(st, x);
    }
    tsn_id_new(id);
    const struct tsn_rec_observation seen = {
        .id = id,
        .feed = x->feed,
        .path = d->path,
        .sha256 = d->sha256[0] ? d->sha256 : NULL,
        .listed = d->listed,
        .state = refused ? "quarantined" : "pending",
        .reason =
            refused ? tsn_arena_printf(op->arena, "%s %s", d->why.code, d->why.what) : NULL,
        .signature = d->signature,
        .hashed = d->hash != NULL,
        .seen_at = x->now_ms,
        .settled_at = refused ? x->now_ms : 0};
    const struct tsn_feed_tally t = {.observed = 1, .quarantined = refused};
    err = err ? err : tsn_store_insert(st, &tsn_table_observation, &seen);
    err = err ? err : tsn_feed_tally(st, op->arena, x->feed, &t);
    if (!err && refused) {
        row.observation = seen.id;
        err = tsn_feed_quarantine(st, x, &row, known);
    } else if (!err) {
        err = tsn_feed_log(st, x, "feed.observed", "ok", NULL);
        x->pending = tsn_arena_strdup(op->arena, id);
    }
    return err;
}

/* --- loop thread --------------------------------------------------------------------------- */

struct tsn_feed_op *tsn_feed_op_new(struct tsn_feed_doc *d,
                                    tsn_err (*apply)(struct tsn_op *, struct tsn_store *),
                                    void (*done)(struct tsn_op *))
{
    struct tsn_feed *f = d->feed;
    struct tsn_feeds *feeds = f->feeds;
    struct tsn_feed_op *x = tsn_op_new(sizeof *x, apply, done, d);
    x->doc = d;
    x->feed = f->config.name;
    x->products = feeds->products;
    x->inventory = d->inventory;
    x->decide = &feeds->config.decide;
    x->basis = d->basis;
    x->trust = tsn_feed_trust(f);
    x->versions = f->source->csaf;
    bool first = f->config.silent && f->state.ok_at == 0;
    x->cause = d->cause ? d->cause : first ? "bootstrap" : "revision";
    x->baseline = strcmp(x->cause, "bootstrap") == 0 || strcmp(x->cause, "parser") == 0;
    x->intake = feeds->config.intake;
    x->now_ms = tsn_clock_wall_ms();
    x->epoch = feeds->config.engine ? tsn_engine_epoch(feeds->config.engine) : 0;
    return x;
}

void tsn_feed_op_free(struct tsn_feed_op *x)
{
    tsn_op_destroy(&x->op);
}

/* A full queue waits, it never drops: the place of this document stays taken meanwhile. */
struct later {
    struct tsn_feed_doc *doc;
    struct tsn_timer *timer;
    void (*again)(struct tsn_feed_doc *d);
};

static void again(void *user)
{
    struct later *l = user;
    struct tsn_feed_doc *d = l->doc;
    struct tsn_feeds *feeds = d->feed->feeds;
    void (*fn)(struct tsn_feed_doc *) = l->again;
    tsn_timer_destroy(l->timer);
    free(l);
    if (feeds->closing) {
        tsn_feed_doc_destroy(d);
    } else {
        fn(d);
    }
    tsn_feeds_release(feeds);
}

void tsn_feed_op_submit(struct tsn_feed_op *x, void (*fn)(struct tsn_feed_doc *d))
{
    struct tsn_feed_doc *d = x->op.user;
    struct tsn_feeds *feeds = d->feed->feeds;
    tsn_err err = tsn_writer_submit(feeds->config.writer, &x->op, TSN_LANE_BULK);
    if (!err) {
        tsn_feeds_hold(feeds);
        return;
    }
    tsn_feed_op_free(x);
    if (err != TSN_EFULL) {
        tsn_feed_doc_failed(d, "the store takes nothing now");
        return;
    }
    struct later *l = tsn_alloc(sizeof *l);
    l->doc = d;
    l->again = fn;
    l->timer = tsn_timer_new(feeds->config.loop, again, l);
    tsn_feeds_hold(feeds);
    tsn_timer_arm(l->timer, RETRY_MS);
}

void tsn_feed_counted(struct tsn_feed *f, const struct tsn_feed_op *x)
{
    switch (x->kind) {
    case TSN_FEED_NEW:
        f->counts.fresh++;
        break;
    case TSN_FEED_CHANGED:
        f->counts.changed++;
        break;
    case TSN_FEED_COSMETIC:
        f->counts.cosmetic++;
        break;
    case TSN_FEED_UNCHANGED:
        f->counts.unchanged++;
        break;
    case TSN_FEED_QUARANTINED:
        f->counts.quarantined++;
        tsn_log(TSN_LOG_WARN, "feed.quarantined", "feed", f->config.name, "path", x->doc->path,
                "code", x->why.code, "why", x->why.what, NULL);
        break;
    }
    f->counts.matches += x->matches;
}

static void stored(struct tsn_op *op)
{
    struct tsn_feed_op *x = (struct tsn_feed_op *)op;
    struct tsn_feed_doc *d = op->user;
    struct tsn_feeds *feeds = d->feed->feeds;
    tsn_fault("feed.raw_stored");
    if (feeds->closing) {
        tsn_feed_doc_destroy(d);
    } else if (op->err) {
        tsn_log(TSN_LOG_ERROR, "feed.document_not_stored", "feed", x->feed, "path", d->path,
                "err", tsn_err_name(op->err), "why", op->diag.what, NULL);
        tsn_feed_doc_failed(d, op->diag.what);
    } else if (x->pending) {
        d->observation = tsn_arena_strdup(d->arena, x->pending);
        tsn_feed_doc_normalise(d);
    } else {
        tsn_feed_counted(d->feed, x);
        tsn_feed_doc_settled(d);
    }
    tsn_feed_op_free(x);
    tsn_feeds_release(feeds);
}

void tsn_feed_raw_store(struct tsn_feed_doc *d)
{
    tsn_feed_op_submit(tsn_feed_op_new(d, tsn_feed_raw_apply, stored), tsn_feed_raw_store);
}
