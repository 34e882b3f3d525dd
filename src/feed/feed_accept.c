/* feed_accept.c - a person takes a quarantined document as it is: its stored bytes are read to their end, whatever
 * hash, signature, publisher or version said. What cannot be parsed stays where it is. The word and its reason are
 * an entry in the transaction of the revision. Loop thread, but for accept_read (reader thread). */
#include <stdlib.h>
#include <string.h>
#include "core/json.h"
#include "core/text.h"
#include "feed/feed_desk.h"
#include "feed/feed_int.h"

struct accept_op {
    struct tsn_op op;
    struct tsn_feed *feed;
    const char *name, *path, *person, *auth, *reason;
    tsn_engine_done *done;
    void *user;
    /* out */
    struct tsn_rec_observation seen;
    struct tsn_rec_raw raw;
};

static tsn_err nothing(struct accept_op *x, const char *why)
{
    tsn_diag_set(&x->op.diag, TSN_ENOTFOUND, "F145", "%.200s of %.60s: %s", x->path, x->name,
                 why);
    tsn_diag_hint(&x->op.diag, "`tocsin feed quarantine %s` lists what is held back", x->name);
    return TSN_ENOTFOUND;
}

static tsn_err accept_read(struct tsn_op *op, struct tsn_store *st)
{
    struct accept_op *x = (struct accept_op *)op;
    struct tsn_arena *a = op->arena;
    struct tsn_rec_document row;
    tsn_err err = tsn_store_find(st, a, &tsn_table_document, "key",
                                 tsn_arena_printf(a, "%s\n%s", x->name, x->path), &row);
    if (err == TSN_ENOTFOUND || (!err && !row.observation)) {
        return nothing(x, "there is no such document");
    }
    err = err ? err : tsn_store_get(st, a, &tsn_table_observation, row.observation, &x->seen);
    if (err == TSN_ENOTFOUND || (!err && strcmp(x->seen.state, "quarantined") != 0)) {
        return nothing(x, "it is not held back");
    }
    if (!err && !x->seen.sha256) {
        return nothing(x, "its bytes never came");
    }
    err = err ? err : tsn_store_get(st, a, &tsn_table_raw, x->seen.sha256, &x->raw);
    return err == TSN_ENOTFOUND ? nothing(x, "its bytes are not stored") : err;
}

static void accept_done(struct tsn_op *op)
{
    struct accept_op *x = (struct accept_op *)op;
    struct tsn_feeds *feeds = x->feed->feeds;
    if (op->err || feeds->closing) {
        x->done(op->err ? op->err : TSN_ECANCELLED, -1, NULL, &op->diag, x->user);
    } else {
        struct tsn_feed_doc *d = tsn_feed_doc_new(x->feed);
        struct tsn_arena *a = d->arena;
        struct tsn_accepted *by = tsn_arena_alloc(a, sizeof *by);
        *by = (struct tsn_accepted){.person = tsn_arena_strdup(a, x->person),
                                    .auth = tsn_arena_strdup(a, x->auth),
                                    .reason = tsn_arena_strdup(a, x->reason),
                                    .was = tsn_arena_strdup(a, x->seen.reason),
                                    .done = x->done,
                                    .user = x->user};
        d->redo = true;
        d->alone = true;
        d->accepted = by;
        d->path = tsn_arena_strdup(a, x->path);
        d->listed = tsn_arena_strdup(a, x->seen.listed);
        d->signature = tsn_arena_strdup(a, x->seen.signature);
        d->observation = tsn_arena_strdup(a, x->seen.id);
        d->hash = x->seen.hashed ? "" : NULL;
        d->body = tsn_arena_strndup(a, x->raw.body.data, x->raw.body.len);
        d->len = x->raw.body.len;
        tsn_copy(d->sha256, sizeof d->sha256, x->seen.sha256);
        tsn_feed_doc_normalise(d);
    }
    tsn_op_destroy(op);
    tsn_feeds_release(feeds);
}

void tsn_feed_accepted(struct tsn_feed_doc *d, const struct tsn_feed_op *x, tsn_err err)
{
    struct tsn_accepted *by = d->accepted;
    struct tsn_diag diag;
    tsn_diag_init(&diag);
    d->accepted = NULL;
    if (!err && x->why.code[0]) {
        err =
            tsn_diag_set(&diag, TSN_EINPUT, x->why.code, "it cannot be read: %s", x->why.what);
    } else if (err) {
        tsn_diag_set(&diag, err, "F012", "it could not be stored now");
    }
    json_t *info = json_pack("{s:s,s:s,s:s,s:I}", "feed", d->feed->config.name, "path", d->path,
                             "sha256", d->sha256, "matches", x ? (json_int_t)x->matches : 0);
    by->done(err, -1, err ? NULL : info, err ? &diag : NULL, by->user);
    json_decref(info);
}

void tsn_feed_accept(struct tsn_feeds *feeds, const struct tsn_actor *who, const char *name,
                     const char *path, const char *reason, tsn_engine_done *done, void *user)
{
    struct tsn_feed *f = feeds->list;
    struct tsn_diag diag;
    while (f && strcmp(f->config.name, name) != 0) {
        f = f->next;
    }
    tsn_diag_init(&diag);
    if (!f) {
        tsn_diag_set(&diag, TSN_ENOTFOUND, "F011", "there is no such feed");
        tsn_diag_hint(&diag, "`tocsin feed list` names them");
        done(TSN_ENOTFOUND, -1, NULL, &diag, user);
        return;
    }
    struct accept_op *x = tsn_op_new(sizeof *x, accept_read, accept_done, NULL);
    x->feed = f;
    x->name = tsn_arena_strdup(x->op.arena, name);
    x->path = tsn_arena_strdup(x->op.arena, path);
    x->person = tsn_arena_strdup(x->op.arena, who->person);
    x->auth = tsn_arena_strdup(x->op.arena, who->auth);
    x->reason = tsn_arena_strdup(x->op.arena, reason);
    x->done = done;
    x->user = user;
    tsn_feeds_hold(feeds);
    if (tsn_reader_submit(feeds->config.reader, &x->op)) {
        tsn_op_destroy(&x->op);
        tsn_diag_set(&diag, TSN_EFULL, "F012", "the store takes nothing now");
        done(TSN_EFULL, -1, NULL, &diag, user);
        tsn_feeds_release(feeds);
    }
}
