/* inventory_live.c - SBOMs that were imported while we run: read on the pool, then the new index takes the place of
 * the old one, which lives until the last document that was begun with it is settled. Everything stored is matched
 * again behind it. Loop thread, but for job(). */
#include <stdlib.h>
#include <string.h>
#include "core/json.h"
#include "core/log.h"
#include "feed/feed_int.h"
#include "feed/inventory.h"

struct reload {
    uv_work_t work;
    struct tsn_feeds *feeds;
    json_t *products; /* own copy */
    struct tsn_inventory *fresh;
    tsn_engine_done *done;
    void *user;
};

void tsn_feed_basis(struct tsn_feeds *feeds)
{
    feeds->basis = tsn_arena_printf(feeds->bases, "%d:%.32s", TSN_FEED_PARSER,
                                    tsn_inventory_digest(feeds->inventory));
}

static void job(uv_work_t *work)
{
    struct reload *r = work->data;
    r->fresh = tsn_inventory_open(r->products, r->feeds->config.dir);
}

static void finish(struct reload *r, tsn_err err, const char *why, json_t *info)
{
    struct tsn_diag diag;
    tsn_diag_init(&diag);
    if (err) {
        tsn_diag_set(&diag, err, "F012", "%s", why);
    }
    r->done(err, -1, info, err ? &diag : NULL, r->user);
    json_decref(info);
    json_decref(r->products);
    free(r);
}

static void job_done(uv_work_t *work, int status)
{
    struct reload *r = work->data;
    struct tsn_feeds *feeds = r->feeds;
    feeds->reloading = false;
    if (feeds->closing || status != 0) {
        tsn_inventory_close(r->fresh);
        finish(r, TSN_ECANCELLED, "tocsin is stopping", NULL);
    } else {
        struct tsn_inventory *old = feeds->inventory;
        bool changed = strcmp(tsn_inventory_digest(old), tsn_inventory_digest(r->fresh)) != 0;
        json_t *info = json_pack("{s:b,s:I,s:I}", "changed", changed, "before",
                                 (json_int_t)tsn_inventory_components(old), "after",
                                 (json_int_t)tsn_inventory_components(r->fresh));
        if (changed) {
            feeds->inventory = r->fresh;
            tsn_feed_basis(feeds);
            tsn_inventory_close(old);
            tsn_inventory_log(feeds);
            tsn_feed_again_stale(feeds);
        } else {
            tsn_inventory_close(r->fresh);
        }
        finish(r, 0, NULL, info);
    }
    tsn_feeds_release(feeds);
}

void tsn_feeds_reload(struct tsn_feeds *feeds, tsn_engine_done *done, void *user)
{
    struct reload *r = tsn_alloc(sizeof *r);
    *r = (struct reload){.feeds = feeds,
                         .products = json_deep_copy(feeds->products),
                         .done = done,
                         .user = user};
    r->work.data = r;
    if (feeds->reloading ||
        uv_queue_work(tsn_loop_uv(feeds->config.loop), &r->work, job, job_done) != 0) {
        finish(r, TSN_EBUSY, "the inventory is being read already", NULL);
        return;
    }
    feeds->reloading = true;
    tsn_feeds_hold(feeds);
}
