/* inventory_log.c - a change of the inventory is an entry: components of each release before and after,
 * and the SBOMs by their hashes. At the start, in one transaction. Loop thread, but for apply. */
#include <stdio.h>
#include <string.h>
#include "core/json.h"
#include "core/log.h"
#include "feed/feed_int.h"
#include "feed/inventory.h"
#include "store/record_system.h"

#define ROW "inventory"

struct inventory_op {
    struct tsn_op op;
    struct tsn_feeds *feeds;
    json_t *now; /* { "gw 5.2.1": { components, sha256 } } */
    bool changed;
};

static json_t *releases_of(const struct tsn_inventory *inv)
{
    json_t *list = tsn_inventory_json(inv), *out = json_object(), *p, *r;
    size_t i, k;
    json_array_foreach(list, i, p)
    {
        json_array_foreach(json_object_get(p, "releases"), k, r)
        {
            char name[300];
            (void)snprintf(name, sizeof name, "%.120s %.120s", tsn_json_str(p, "id", ""),
                           tsn_json_str(r, "version", ""));
            json_object_set_new(out, name,
                                json_pack("{s:I,s:s}", "components",
                                          (json_int_t)tsn_json_int(r, "components", 0),
                                          "sha256", tsn_json_str(r, "sha256", "")));
        }
    }
    json_decref(list);
    return out;
}

static tsn_err log_change(struct tsn_store *st, struct inventory_op *x, const json_t *before)
{
    json_t *changes = json_array(), *v, *args;
    const char *name;
    json_object_foreach(x->now, name, v)
    {
        const json_t *old = json_object_get(before, name);
        if (!old || !json_equal(old, v)) {
            json_array_append_new(changes, json_pack("{s:s,s:o,s:O}", "release", name, "before",
                                                     old ? json_deep_copy(old) : json_null(),
                                                     "after", v));
        }
    }
    json_object_foreach((json_t *)(uintptr_t)before, name, v)
    {
        if (!json_object_get(x->now, name)) {
            json_array_append_new(
                changes, json_pack("{s:s,s:O,s:n}", "release", name, "before", v, "after"));
        }
    }
    args = json_pack("{s:o}", "changes", changes);
    return tsn_feed_entry(st, x->op.arena, "product.inventory", NULL, NULL, args, NULL);
}

/* Reader thread: nothing is written, and no commit made, where it is as it was. */
static tsn_err inventory_look(struct tsn_op *op, struct tsn_store *st)
{
    struct inventory_op *x = (struct inventory_op *)op;
    struct tsn_rec_meta row = {.name = ROW};
    tsn_err err = tsn_store_get(st, op->arena, &tsn_table_meta, ROW, &row);
    x->changed = err ? json_object_size(x->now) > 0
                     : !row.value || strcmp(row.value, tsn_feed_kept(op->arena, x->now)) != 0;
    return err == TSN_ENOTFOUND ? 0 : err;
}

static tsn_err inventory_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct inventory_op *x = (struct inventory_op *)op;
    struct tsn_rec_meta row = {.name = ROW};
    json_t *before = NULL;
    const char *now = tsn_feed_kept(op->arena, x->now);
    x->changed = false;
    tsn_err err = tsn_store_get(st, op->arena, &tsn_table_meta, ROW, &row);
    if (err && err != TSN_ENOTFOUND) {
        return err;
    }
    if (!err && row.value && strcmp(row.value, now) == 0) {
        return 0;
    }
    if (err && json_object_size(x->now) == 0) {
        return 0; /* there was none and there is none */
    }
    if (!err && row.value) {
        (void)tsn_json_parse(row.value, strlen(row.value), &before, NULL);
    }
    err = log_change(st, x, before);
    json_decref(before);
    row = (struct tsn_rec_meta){.name = ROW, .value = now};
    x->changed = true;
    return err ? err : tsn_store_put(st, &tsn_table_meta, &row);
}

static void inventory_done(struct tsn_op *op)
{
    struct inventory_op *x = (struct inventory_op *)op;
    struct tsn_feeds *feeds = x->feeds;
    if (op->err) {
        tsn_log(TSN_LOG_ERROR, "inventory.not_logged", "err", tsn_err_name(op->err), NULL);
    } else if (x->changed) {
        tsn_log(TSN_LOG_INFO, "inventory.changed", NULL);
    }
    json_decref(x->now);
    tsn_op_destroy(op);
    tsn_feeds_release(feeds);
}

static void write_it(struct tsn_feeds *feeds, json_t *now)
{
    struct inventory_op *x = tsn_op_new(sizeof *x, inventory_apply, inventory_done, NULL);
    x->feeds = feeds;
    x->now = now;
    tsn_feeds_hold(feeds);
    if (tsn_writer_submit(feeds->config.writer, &x->op, TSN_LANE_BULK)) {
        json_decref(x->now);
        tsn_op_destroy(&x->op);
        tsn_feeds_release(feeds);
    }
}

static void inventory_looked(struct tsn_op *op)
{
    struct inventory_op *x = (struct inventory_op *)op;
    struct tsn_feeds *feeds = x->feeds;
    if (!op->err && x->changed && !feeds->closing) {
        write_it(feeds, json_incref(x->now));
    }
    json_decref(x->now);
    tsn_op_destroy(op);
    tsn_feeds_release(feeds);
}

void tsn_inventory_log(struct tsn_feeds *feeds)
{
    struct inventory_op *x = tsn_op_new(sizeof *x, inventory_look, inventory_looked, NULL);
    x->feeds = feeds;
    x->now = releases_of(feeds->inventory);
    tsn_feeds_hold(feeds);
    if (tsn_reader_submit(feeds->config.reader, &x->op)) {
        json_decref(x->now);
        tsn_op_destroy(&x->op);
        tsn_feeds_release(feeds);
    }
}
