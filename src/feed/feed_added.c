/* feed_added.c - feeds that people added to a running node: their definitions are rows, read at the
 * start and checked like those of the configuration. Loop thread, but for added_read. */
#include <stdlib.h>
#include <string.h>
#include "core/clock.h"
#include "core/json.h"
#include "core/log.h"
#include "feed/feed_desk.h"
#include "feed/feed_int.h"

#define EVERY_MIN INT64_C(1000)
#define EVERY_MAX (INT64_C(30) * 86400000)

static tsn_err wrong(struct tsn_diag *diag, const char *key, const char *why)
{
    return tsn_diag_set(diag, TSN_EINPUT, "F143", "`%s` %s", key, why);
}

static bool one_of(const char *word, const char *const *list)
{
    for (; word && *list; list++) {
        if (strcmp(word, *list) == 0) {
            return true;
        }
    }
    return false;
}

static const char *const *texts(struct tsn_arena *arena, const json_t *list)
{
    size_t n = json_array_size(list), i;
    json_t *v;
    const char **out;
    if (n == 0) {
        return NULL;
    }
    out = tsn_arena_alloc(arena, (n + 1) * sizeof *out);
    json_array_foreach(list, i, v)
    {
        out[i] = tsn_arena_strdup(arena, json_string_value(v) ? json_string_value(v) : "");
    }
    return out;
}

static tsn_err keys_known(const json_t *body, struct tsn_diag *diag)
{
    static const char *const known[] = {
        "kind",       "url",   "domain",    "every",     "reach",    "hash",   "signature",
        "speaks_for", "trust", "bootstrap", "reconcile", "parallel", "reason", NULL};
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)body, key, v)
    {
        bool list = strcmp(key, "reach") == 0 || strcmp(key, "speaks_for") == 0;
        bool number = strcmp(key, "parallel") == 0;
        if (!one_of(key, known)) {
            return wrong(diag, key, "is not known of a feed");
        }
        if (list ? !json_is_array(v) : number ? !json_is_integer(v) : !json_is_string(v)) {
            return wrong(diag, key, list ? "must be a list" : "has the wrong type");
        }
    }
    return 0;
}

tsn_err tsn_feed_definition(struct tsn_arena *arena, const char *name, const json_t *body,
                            struct tsn_feed_config *out, struct tsn_diag *diag)
{
    static const char *const trusts[] = {"vendor", "coordinator", "enrichment", "hint", NULL};
    static const char *const needs[] = {"required", "optional", NULL};
    static const char *const firsts[] = {"run", "silent", NULL};
    struct tsn_arena *own = arena ? NULL : tsn_arena_new();
    struct tsn_arena *a = arena ? arena : own;
    struct tsn_feed_config c = {0};
    int64_t every = 3600000;
    const char *text;
    tsn_err err = keys_known(body, diag);
    if (!err &&
        (!*name || strlen(name) > 64 ||
         strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") !=
             strlen(name))) {
        err = wrong(diag, "name", "must be letters, digits, - _ or . and at most 64 of them");
    }
    text = tsn_json_str(body, "every", NULL);
    if (!err && text &&
        (tsn_duration_parse(text, &every) || every < EVERY_MIN || every > EVERY_MAX)) {
        err = wrong(diag, "every", "must be a time from 1s to 30d, as in 15m");
    }
    int64_t reconcile = TSN_FEED_RECONCILE_MS;
    text = tsn_json_str(body, "reconcile", NULL);
    if (!err && text && (tsn_duration_parse(text, &reconcile) || reconcile < 0)) {
        err = wrong(diag, "reconcile", "must be a time, as in 7d, or 0s for never");
    }
    text = tsn_json_str(body, "trust", NULL);
    if (!err && text && !one_of(text, trusts)) {
        err = wrong(diag, "trust", "must be vendor, coordinator, enrichment or hint");
    }
    static const char *const pair[] = {"hash", "signature"};
    for (size_t i = 0; !err && i < 2; i++) {
        text = tsn_json_str(body, pair[i], NULL);
        err = text && !one_of(text, needs)
                  ? wrong(diag, pair[i], "must be required or optional")
                  : 0;
    }
    text = tsn_json_str(body, "bootstrap", NULL);
    if (!err && text && !one_of(text, firsts)) {
        err = wrong(diag, "bootstrap", "must be run or silent");
    }
    c.name = tsn_arena_strdup(a, name);
    c.kind = tsn_arena_strdup(a, tsn_json_str(body, "kind", NULL));
    c.url = tsn_arena_strdup(a, tsn_json_str(body, "url", NULL));
    c.domain = tsn_arena_strdup(a, tsn_json_str(body, "domain", NULL));
    c.every_ms = every;
    c.reconcile_ms = reconcile;
    c.reach = texts(a, json_object_get(body, "reach"));
    c.speaks_for = texts(a, json_object_get(body, "speaks_for"));
    c.parallel = tsn_json_int(body, "parallel", 0);
    c.need_hash = strcmp(tsn_json_str(body, "hash", ""), "required") == 0;
    c.need_signature = strcmp(tsn_json_str(body, "signature", ""), "required") == 0;
    c.trust = tsn_arena_strdup(a, tsn_json_str(body, "trust", NULL));
    c.silent = text && strcmp(text, "silent") == 0;
    if (!err && (c.parallel < 0 || c.parallel > 16)) {
        err = wrong(diag, "parallel", "must be 1 to 16");
    }
    if (!err && c.need_signature) {
        err = wrong(diag, "signature", "needs `keys`, which only the configuration has");
    }
    err = err ? err : tsn_feed_ok(&c, diag);
    if (!err && out) {
        *out = c;
    }
    tsn_arena_destroy(own);
    return err;
}

struct tsn_feed *tsn_feed_added(struct tsn_feeds *feeds, const char *name,
                                const char *definition)
{
    struct tsn_feed_config c;
    struct tsn_diag diag;
    json_t *body = NULL;
    struct tsn_feed *f = NULL;
    tsn_diag_init(&diag);
    tsn_err err = tsn_json_parse(definition, strlen(definition), &body, &diag);
    if (!feeds->added) {
        feeds->added = tsn_arena_new();
    }
    err = err ? err : tsn_feed_definition(feeds->added, name, body, &c, &diag);
    if (err) {
        tsn_log(TSN_LOG_ERROR, "feed.definition_unusable", "feed", name, "code", diag.code,
                "why", diag.what, NULL);
    } else {
        f = tsn_feed_begin(feeds, &c, 0);
    }
    json_decref(body);
    return f;
}

/* --- at the start ------------------------------------------------------------------------------ */

struct added_op {
    struct tsn_op op;
    struct tsn_feeds *feeds;
    const struct tsn_rec_feeddesk *rows;
    size_t n;
};

static tsn_err added_read(struct tsn_op *op, struct tsn_store *st)
{
    struct added_op *x = (struct added_op *)op;
    const struct tsn_list how = {.limit = 10000};
    void *list = NULL;
    tsn_err err = tsn_store_list(st, op->arena, &tsn_table_feeddesk, &how, &list, &x->n);
    x->rows = list;
    return err;
}

static bool configured(const struct tsn_feeds *feeds, const char *name)
{
    for (const struct tsn_feed *f = feeds->list; f; f = f->next) {
        if (strcmp(f->config.name, name) == 0) {
            return true;
        }
    }
    return false;
}

static void added_done(struct tsn_op *op)
{
    struct added_op *x = (struct added_op *)op;
    struct tsn_feeds *feeds = x->feeds;
    for (size_t i = 0; !op->err && !feeds->closing && i < x->n; i++) {
        struct tsn_feed *f;
        if (x->rows[i].definition && !configured(feeds, x->rows[i].name)) {
            (void)tsn_feed_added(feeds, x->rows[i].name, x->rows[i].definition);
        }
        for (f = feeds->list; f && strcmp(f->config.name, x->rows[i].name) != 0;) {
            f = f->next;
        }
        if (f) {
            tsn_feed_desk_take(f, &x->rows[i]);
        }
    }
    feeds->desks_read = true;
    tsn_op_destroy(op);
    tsn_feeds_release(feeds);
}

void tsn_feeds_read_desks(struct tsn_feeds *feeds)
{
    struct added_op *x = tsn_op_new(sizeof *x, added_read, added_done, NULL);
    x->feeds = feeds;
    tsn_feeds_hold(feeds);
    if (tsn_reader_submit(feeds->config.reader, &x->op)) {
        tsn_op_destroy(&x->op);
        feeds->desks_read = true;
        tsn_feeds_release(feeds);
    }
}
