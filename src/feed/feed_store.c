/* feed_store.c - one document, one transaction: bytes, facts, difference, matches, event, runs.
 *
 * A kill anywhere loses and doubles nothing: either all of it is on disk, or the row of the list is
 * not recorded and the next poll fetches it again. Apply runs on the writer thread, the rest on the
 * loop thread. */
#include <stdlib.h>
#include <string.h>
#include "core/clock.h"
#include "core/fault.h"
#include "core/id.h"
#include "core/json.h"
#include "core/log.h"
#include "feed/feed_int.h"
#include "feed/version.h"
#include "store/record_feed.h"

#define RETRY_MS     50
#define PRODUCTS_MAX 100 /* product rows kept with the stored facts */

const char *tsn_feed_kept(struct tsn_arena *arena, const json_t *v)
{
    char *text = tsn_json_text(v);
    const char *out = tsn_arena_strdup(arena, text);
    free(text);
    return out;
}

static tsn_err log_document(struct tsn_store *st, const struct tsn_feed_op *x,
                            const char *outcome, const char *reason)
{
    const struct tsn_feed_doc *d = x->doc;
    json_t *args = json_pack("{s:s,s:s,s:s,s:s}", "feed", x->feed, "path", d->path, "sha256",
                             d->sha256, "listed", d->listed);
    if (d->facts) {
        json_object_set(args, "id", json_object_get(d->facts, "id"));
        json_object_set(args, "version", json_object_get(d->facts, "version"));
        json_object_set(args, "substance", json_object_get(d->facts, "substance"));
    }
    if (d->signature) {
        json_object_set_new(args, "signature", json_string(d->signature));
    }
    if (x->why.what[0]) {
        json_object_set_new(args, "why", json_string(x->why.what));
    }
    char *text = tsn_json_text(args);
    json_decref(args);
    const struct tsn_field field = {.name = "args", .data = text, .len = strlen(text)};
    struct tsn_append e = TSN_APPEND_INIT;
    int64_t seq;
    e.kind = "feed.document";
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

/* What is on record stays when the new bytes are no good; the reason says what came since. */
static tsn_err quarantine(struct tsn_store *st, struct tsn_feed_op *x,
                          struct tsn_rec_document *row, bool known)
{
    const struct tsn_feed_doc *d = x->doc;
    x->kind = TSN_FEED_QUARANTINED;
    row->reason = tsn_arena_printf(x->op.arena, "%s %s", x->why.code, x->why.what);
    row->listed = d->listed;
    if (!known || strcmp(row->state, "quarantined") == 0) {
        row->state = "quarantined";
        row->sha256 = d->sha256[0] ? d->sha256 : NULL;
        row->body = (struct tsn_blob){.data = d->body, .len = d->body ? d->len : 0};
        row->fetched_at = x->now_ms;
    }
    tsn_err err = tsn_store_put(st, &tsn_table_document, row);
    return err ? err : log_document(st, x, "fail", x->why.code);
}

/* The facts without the long tail of products: matching is done, the bytes are there. */
static const char *facts_text(struct tsn_feed_op *x)
{
    json_t *facts = json_copy(x->doc->facts);
    json_object_del(facts, "marked");
    const json_t *all = json_object_get(facts, "products");
    json_t *some = json_array();
    for (size_t i = 0; i < json_array_size(all) && i < PRODUCTS_MAX; i++) {
        json_array_append(some, json_array_get(all, i));
    }
    json_object_set_new(facts, "products_n", json_integer((json_int_t)json_array_size(all)));
    json_object_set_new(facts, "products", some);
    const char *out = tsn_feed_kept(x->op.arena, facts);
    json_decref(facts);
    return out;
}

static bool same_substance(const char *before, const json_t *facts)
{
    json_t *old = NULL;
    bool same =
        before && tsn_json_parse(before, strlen(before), &old, NULL) == 0 &&
        strcmp(tsn_json_str(old, "substance", "-"), tsn_json_str(facts, "substance", "")) == 0;
    json_decref(old);
    return same;
}

static tsn_err store_good(struct tsn_store *st, struct tsn_feed_op *x,
                          struct tsn_rec_document *row, bool known)
{
    const struct tsn_feed_doc *d = x->doc;
    bool good_before = known && strcmp(row->state, "current") == 0;
    const struct tsn_blob before = good_before ? row->body : (struct tsn_blob){0};
    x->kind = !good_before                           ? TSN_FEED_NEW
              : same_substance(row->facts, d->facts) ? TSN_FEED_COSMETIC
                                                     : TSN_FEED_CHANGED;
    row->tracking_id = tsn_json_str(d->facts, "id", "");
    row->version = tsn_json_str(d->facts, "version", "");
    row->title = tsn_json_str(d->facts, "title", "");
    row->sha256 = d->sha256;
    row->state = "current";
    row->reason = d->hash || !x->versions ? NULL
                                          : tsn_arena_printf(x->op.arena, "%s %s", "F009",
                                                             "no hash file stands beside it");
    row->listed = d->listed;
    row->fetched_at = x->now_ms;
    row->body = (struct tsn_blob){.data = d->body, .len = d->len};
    row->facts = facts_text(x);
    tsn_err err = tsn_store_put(st, &tsn_table_document, row);
    if (!err) {
        err = log_document(st, x, "ok", x->kind == TSN_FEED_COSMETIC ? "cosmetic" : NULL);
    }
    if (!err && x->kind != TSN_FEED_COSMETIC) {
        err = tsn_feed_names(st, x, row->id);
    }
    if (!err) {
        err = tsn_feed_marks(st, x);
    }
    if (!err) {
        err = tsn_feed_priority(st, x);
    }
    if (!err && x->kind != TSN_FEED_COSMETIC) {
        err = tsn_feed_news(st, x, before.data, before.len);
    }
    return err ? err : tsn_feed_matches(st, x, row->id);
}

tsn_err tsn_feed_doc_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct tsn_feed_op *x = (struct tsn_feed_op *)op;
    const struct tsn_feed_doc *d = x->doc;
    const char *key = tsn_arena_printf(op->arena, "%s\n%s", x->feed, d->path);
    struct tsn_rec_document row;
    x->matches = 0;
    x->woken = NULL;
    memset(&x->event, 0, sizeof x->event);
    tsn_err err = tsn_store_find(st, op->arena, &tsn_table_document, "key", key, &row);
    bool known = err == 0;
    if (err == TSN_ENOTFOUND) {
        char id[TSN_ULID_LEN + 1];
        tsn_id_new(id);
        row = (struct tsn_rec_document){.id = tsn_arena_strdup(op->arena, id),
                                        .key = key,
                                        .feed = x->feed,
                                        .path = d->path};
    } else if (err) {
        return err;
    }
    tsn_fault("feed.document_apply");
    x->why = d->why;
    if (d->why.code[0]) {
        return quarantine(st, x, &row, known);
    }
    if (known && row.sha256 && strcmp(row.sha256, d->sha256) == 0 &&
        strcmp(row.state, "current") == 0) {
        x->kind = TSN_FEED_UNCHANGED;
        row.listed = d->listed;
        row.reason = d->hash || !x->versions ? NULL : row.reason;
        return tsn_store_put(st, &tsn_table_document, &row);
    }
    /* Somebody serves an older state: what is newer stays in force. */
    if (known && strcmp(row.state, "current") == 0 && row.version &&
        tsn_version_compare(TSN_SCHEME_SEMVER, tsn_json_str(d->facts, "version", ""),
                            row.version) == -1 &&
        x->versions) {
        struct tsn_diag *why = &x->why;
        *why = d->why;
        tsn_diag_set(why, TSN_EINPUT, "F114", "it is version %.60s, and %.60s was here before",
                     tsn_json_str(d->facts, "version", ""), row.version);
        return quarantine(st, x, &row, known);
    }
    return store_good(st, x, &row, known);
}

/* --- loop thread -------------------------------------------------------------------------- */

static void count(struct tsn_feed *f, const struct tsn_feed_op *x)
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
    f->counts.runs += (int64_t)x->event.nruns;
}

static void stored(struct tsn_op *op)
{
    struct tsn_feed_op *x = (struct tsn_feed_op *)op;
    struct tsn_feed_doc *d = op->user;
    struct tsn_feed *f = d->feed;
    struct tsn_feeds *feeds = f->feeds;
    tsn_fault("feed.document_stored");
    if (op->err) {
        f->counts.failed++;
        tsn_log(TSN_LOG_ERROR, "feed.document_not_stored", "feed", x->feed, "path", d->path,
                "err", tsn_err_name(op->err), "why", op->diag.what, NULL);
    } else {
        count(f, x);
        for (size_t i = 0; i < x->event.nwake && feeds->config.engine && !feeds->closing; i++) {
            tsn_engine_wake(feeds->config.engine, x->event.wake[i]);
        }
        if (x->woken && feeds->config.engine && !feeds->closing) {
            tsn_engine_wake(feeds->config.engine, x->woken);
        }
    }
    tsn_intake_release(x->intake);
    tsn_op_destroy(op);
    tsn_feed_doc_destroy(d);
    if (!feeds->closing) {
        tsn_feed_settled(f);
    }
    tsn_feeds_release(feeds);
}

/* A full queue waits, it never drops: the place of this document stays taken meanwhile. */
struct later {
    struct tsn_feed_doc *doc;
    struct tsn_timer *timer;
};

static void again(void *user)
{
    struct later *l = user;
    struct tsn_feed_doc *d = l->doc;
    struct tsn_feeds *feeds = d->feed->feeds;
    tsn_timer_destroy(l->timer);
    free(l);
    if (feeds->closing) {
        tsn_feed_doc_destroy(d);
    } else {
        tsn_feed_doc_store(d);
    }
    tsn_feeds_release(feeds);
}

static void wait_for_room(struct tsn_feed_doc *d)
{
    struct later *l = tsn_alloc(sizeof *l);
    l->doc = d;
    l->timer = tsn_timer_new(d->feed->feeds->config.loop, again, l);
    tsn_feeds_hold(d->feed->feeds);
    tsn_timer_arm(l->timer, RETRY_MS);
}

void tsn_feed_doc_store(struct tsn_feed_doc *d)
{
    struct tsn_feed *f = d->feed;
    struct tsn_feeds *feeds = f->feeds;
    struct tsn_feed_op *x = tsn_op_new(sizeof *x, tsn_feed_doc_apply, stored, d);
    x->doc = d;
    x->feed = f->config.name;
    x->products = feeds->products;
    x->versions = f->source == &tsn_source_csaf;
    x->intake = feeds->config.intake;
    x->now_ms = tsn_clock_wall_ms();
    x->epoch = feeds->config.engine ? tsn_engine_epoch(feeds->config.engine) : 0;
    tsn_intake_refresh(x->intake);
    tsn_intake_hold(x->intake);
    tsn_err err = tsn_writer_submit(feeds->config.writer, &x->op, TSN_LANE_BULK);
    if (!err) {
        tsn_feeds_hold(feeds);
        return;
    }
    tsn_intake_release(x->intake);
    tsn_op_destroy(&x->op);
    if (err == TSN_EFULL) {
        wait_for_room(d);
    } else {
        f->counts.failed++;
        tsn_feed_doc_destroy(d);
        tsn_feed_settled(f);
    }
}
