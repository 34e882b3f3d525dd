/* feed.c - the feeds of a node: timers, states, who waits for a poll. See feed.h. Loop thread. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "core/clock.h"
#include "core/json.h"
#include "core/log.h"
#include "core/rand.h"
#include "feed/feed_int.h"
#include "feed/feed_page.h"
#include "feed/inventory.h"
#include "proc/pgp.h"

#define FIRST_MS     300
#define NOT_READY_MS 500
#define SOON_MS      20 /* somebody waits */
#define BACKOFF_MIN  INT64_C(30000)
#define BACKOFF_MAX  INT64_C(21600000) /* 6 h */

void tsn_feeds_hold(struct tsn_feeds *f)
{
    f->busy++;
}

void tsn_feeds_release(struct tsn_feeds *feeds)
{
    if (--feeds->busy > 0 || !feeds->closing) {
        return;
    }
    for (struct tsn_feed *f = feeds->list, *next; f; f = next) {
        next = f->next;
        tsn_feed_poll_drop(f);
        tsn_arena_destroy(f->arena);
        tsn_arena_destroy(f->state_arena);
        json_decref(f->cursor);
        json_decref(f->marks);
        free(f->home);
        free(f->seen);
        free(f);
    }
    tsn_arena_destroy(feeds->added);
    tsn_hosts_free(feeds->hosts);
    free(feeds->lua);
    tsn_inventory_close(feeds->inventory);
    tsn_arena_destroy(feeds->bases);
    json_decref(feeds->products);
    free(feeds);
}

const char *tsn_feed_trust(const struct tsn_feed *f)
{
    static const struct {
        const char *kind, *trust;
    } usual[] = {{"csaf", "vendor"},     {"redhat", "vendor"},   {"suse", "vendor"},
                 {"ubuntu", "vendor"},   {"debian", "vendor"},   {"msrc", "vendor"},
                 {"cisco", "vendor"},    {"apt", "vendor"},      {"rpm", "vendor"},
                 {"maildir", "hint"},    {"nvd", "coordinator"}, {"kev", "enrichment"},
                 {"epss", "enrichment"}, {"rss", "hint"}};
    if (f->trusted[0]) {
        return f->trusted;
    }
    if (f->config.trust) {
        return f->config.trust;
    }
    for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++) {
        if (strcmp(usual[i].kind, f->config.kind) == 0) {
            return usual[i].trust;
        }
    }
    return "coordinator";
}

struct tsn_host_turn *tsn_feed_turn(struct tsn_feed *f, const char *url, tsn_host_go *go,
                                    void *user)
{
    /* Where an exact address is named in `reach`, it is a mirror of ours. */
    int64_t usual = f->config.reach && f->config.reach[0] ? 0 : TSN_HOST_RATE;
    int64_t most = f->config.parallel > 0 ? f->config.parallel : TSN_FEED_PARALLEL;
    return tsn_host_wait(f->feeds->hosts, url,
                         f->config.connections ? f->config.connections
                         : usual               ? TSN_HOST_CONNECTIONS
                                               : most,
                         f->config.rate ? f->config.rate : usual, go, user);
}

/* A tenth sooner or later, so that many feeds do not fall into one second. */
static int64_t jitter(int64_t ms)
{
    uint32_t r;
    tsn_rand_bytes(&r, sizeof r);
    return ms - ms / 10 + (int64_t)((uint64_t)r * (uint64_t)(ms / 5 + 1) >> 32);
}

static void arm(struct tsn_feed *f, int64_t ms)
{
    ms = jitter(ms);
    f->next_at = tsn_clock_wall_ms() + ms;
    tsn_timer_arm(f->timer, ms);
}

/* --- the end of a poll -------------------------------------------------------------------- */

static json_t *counts_json(const struct tsn_feed *f)
{
    const struct tsn_feed_counts *c = &f->counts;
    return json_pack("{s:s,s:b,s:b,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "feed",
                     f->config.name, "not_modified", f->not_modified, "reconciled",
                     f->reconciling, "listed", (json_int_t)c->listed, "fetched",
                     (json_int_t)c->fetched, "new", (json_int_t)c->fresh, "changed",
                     (json_int_t)c->changed, "cosmetic", (json_int_t)c->cosmetic, "unchanged",
                     (json_int_t)c->unchanged, "quarantined", (json_int_t)c->quarantined,
                     "refused", (json_int_t)c->refused, "failed", (json_int_t)c->failed,
                     "matches", (json_int_t)c->matches, "runs", (json_int_t)c->runs);
}

static void answer(struct tsn_feed *f, tsn_err err)
{
    json_t *info = counts_json(f);
    struct tsn_feed_waiter *w = f->waiters, *next;
    f->waiters = NULL;
    for (; w; w = next) {
        next = w->next;
        w->done(err, -1, err ? NULL : info, err ? &f->diag : NULL, w->user);
        free(w);
    }
    json_decref(info);
}

static void over(struct tsn_feed *f, tsn_err err)
{
    int64_t wait = f->config.every_ms;
    f->polling = false;
    if (err || f->counts.failed > 0) {
        f->backoff_ms = f->backoff_ms ? f->backoff_ms * 2 : BACKOFF_MIN;
        f->backoff_ms = f->backoff_ms > BACKOFF_MAX ? BACKOFF_MAX : f->backoff_ms;
        if (tsn_feed_broken(json_object_get(f->cursor, "health")) && f->backoff_ms < wait) {
            f->backoff_ms = wait; /* one try a period */
        }
        /* A feed that is polled often is not slowed down by its first failures. */
        wait = err || f->backoff_ms < wait ? f->backoff_ms : wait;
    } else {
        f->backoff_ms = 0;
    }
    int64_t held = tsn_host_held_until(f->feeds->hosts, f->config.url) - tsn_clock_wall_ms();
    wait = held > wait ? held : wait;
    if (err) {
        tsn_log(TSN_LOG_WARN, "feed.poll_failed", "feed", f->config.name, "code", f->diag.code,
                "why", f->diag.what, NULL);
    } else {
        tsn_log(TSN_LOG_INFO, "feed.polled", "feed", f->config.name, NULL);
    }
    tsn_arena_destroy(f->arena);
    f->arena = NULL;
    arm(f, wait);
    answer(f, err);
}

/* The feed's row; the list's conditions only when everything in it was dealt with, so that a
 * poll that was cut short is begun again. */
struct state_op {
    struct tsn_op op;
    struct tsn_feed *feed;
    struct tsn_rec_feed row;
    tsn_err poll_err;
    bool found;
    json_t *alarms; /* raised and cleared by this poll */
};

/* An entry for each alarm that came or went. */
static tsn_err log_alarms(struct tsn_store *st, const struct state_op *x)
{
    size_t i;
    json_t *a;
    tsn_err err = 0;
    json_array_foreach(x->alarms, i, a)
    {
        bool raised = tsn_json_bool(a, "raised", false);
        json_t *args = json_pack("{s:s,s:O,s:O}", "feed", x->row.name, "alarm",
                                 json_object_get(a, "alarm"), "why", json_object_get(a, "why"));
        char *text = tsn_json_text(args);
        const struct tsn_field field = {.name = "args", .data = text, .len = strlen(text)};
        struct tsn_append e = TSN_APPEND_INIT;
        int64_t seq;
        e.kind = "feed.alarm";
        e.actor = "svc:feed";
        e.auth = "svc";
        e.outcome = raised ? "fail" : "ok";
        e.reason = raised ? "raised" : "cleared";
        e.fields = &field;
        e.nfields = 1;
        err = err ? err : tsn_store_append(st, &e, &seq);
        free(text);
        json_decref(args);
    }
    return err;
}

static tsn_err state_write(struct tsn_op *op, struct tsn_store *st)
{
    struct state_op *x = (struct state_op *)op;
    const struct tsn_filter filter = {.column = "feed", .cmp = TSN_CMP_EQ, .text = x->row.name};
    tsn_err err = tsn_store_count(st, &tsn_table_document, &filter, 1, &x->row.documents);
    if (!err) {
        err = tsn_store_put(st, &tsn_table_feed, &x->row);
    }
    return err ? err : log_alarms(st, x);
}

static void keep_state(struct tsn_feed *f, const struct tsn_rec_feed *row)
{
    struct tsn_arena *a = tsn_arena_new();
    f->state = *row;
    f->state.name = f->config.name;
    f->state.etag = tsn_arena_strdup(a, row->etag);
    f->state.modified = tsn_arena_strdup(a, row->modified);
    f->state.cursor = tsn_arena_strdup(a, row->cursor);
    f->state.error = tsn_arena_strdup(a, row->error);
    tsn_arena_destroy(f->state_arena);
    f->state_arena = a;
}

static void state_written(struct tsn_op *op)
{
    struct state_op *x = (struct state_op *)op;
    struct tsn_feed *f = x->feed;
    struct tsn_feeds *feeds = f->feeds;
    if (!feeds->closing) {
        if (!op->err) {
            keep_state(f, &x->row);
        }
        over(f, x->poll_err);
    }
    json_decref(x->alarms);
    tsn_op_destroy(op);
    tsn_feeds_release(feeds);
}

/* What this poll says of the feed's health, in its cursor. */
static json_t *judge_health(struct tsn_feed *f, tsn_err err, int64_t now_ms)
{
    const struct tsn_feed_counts *c = &f->counts;
    const char *why = err ? f->diag.what : c->failed > 0 ? "documents could not be had" : "";
    const struct tsn_feed_polled polled = {.now_ms = now_ms,
                                           .failed = err || c->failed > 0,
                                           .why = why,
                                           .whole = !err && f->pages_read > 0 &&
                                                    f->pages_same == 0 && !f->source->window,
                                           .first = f->state.ok_at == 0,
                                           .listed = c->listed,
                                           .news = c->fresh + c->changed,
                                           .other = c->cosmetic + c->unchanged,
                                           .bad = c->quarantined};
    json_t *health = json_incref(json_object_get(f->cursor, "health"));
    json_t *changes = tsn_feed_health(&health, &f->config.expect, &polled);
    json_object_set_new(f->cursor, "health", health);
    size_t i;
    json_t *a;
    json_array_foreach(changes, i, a)
    {
        tsn_log(TSN_LOG_WARN, "feed.alarm", "feed", f->config.name, "alarm",
                tsn_json_str(a, "alarm", ""), "state",
                tsn_json_bool(a, "raised", false) ? "raised" : "cleared", "why",
                tsn_json_str(a, "why", ""), NULL);
    }
    return changes;
}

void tsn_feed_finish(struct tsn_feed *f, tsn_err err)
{
    struct state_op *x = tsn_op_new(sizeof *x, state_write, state_written, f);
    struct tsn_arena *a = x->op.arena;
    bool whole = !err && f->counts.failed == 0 && !f->not_modified;
    f->working = false;
    x->feed = f;
    x->poll_err = err;
    x->row.name = tsn_arena_strdup(a, f->config.name);
    if (!f->cursor) {
        f->cursor = json_object();
    }
    json_object_set_new(f->cursor, "base", json_integer(f->base));
    if (whole) {
        char since[25];
        /* Two days of overlap: publishers' clocks and caches are not ours. */
        tsn_time_format(since, tsn_clock_wall_ms() - INT64_C(48) * 3600 * 1000);
        json_object_set(f->cursor, "pages", f->marks);
        json_object_set_new(f->cursor, "since", json_string(since));
        if (f->reconciling || !json_object_get(f->cursor, "whole")) {
            json_object_set_new(f->cursor, "whole", json_integer(tsn_clock_wall_ms()));
            f->asked_whole = false;
        }
    }
    x->alarms = judge_health(f, err, tsn_clock_wall_ms());
    x->row.cursor = tsn_feed_kept(a, f->cursor);
    x->row.error = err ? tsn_arena_printf(a, "%s %s", f->diag.code, f->diag.what) : NULL;
    x->row.polled_at = tsn_clock_wall_ms();
    x->row.ok_at = err ? f->state.ok_at : x->row.polled_at;
    tsn_feeds_hold(f->feeds);
    if (tsn_writer_submit(f->feeds->config.writer, &x->op, TSN_LANE_BULK)) {
        json_decref(x->alarms);
        tsn_op_destroy(&x->op);
        over(f, err);
        tsn_feeds_release(f->feeds);
    }
}

/* --- the start of one --------------------------------------------------------------------- */

static tsn_err state_read(struct tsn_op *op, struct tsn_store *st)
{
    struct state_op *x = (struct state_op *)op;
    tsn_err err = tsn_store_get(st, op->arena, &tsn_table_feed, x->feed->config.name, &x->row);
    x->found = err == 0;
    return err == TSN_ENOTFOUND ? 0 : err;
}

static void state_was_read(struct tsn_op *op)
{
    struct state_op *x = (struct state_op *)op;
    struct tsn_feed *f = x->feed;
    struct tsn_feeds *feeds = f->feeds;
    f->reading = false;
    if (!feeds->closing) {
        if (!op->err && x->found) {
            keep_state(f, &x->row);
            const char *cursor = x->row.cursor ? x->row.cursor : "";
            json_decref(f->cursor);
            f->cursor = NULL;
            (void)tsn_json_parse(cursor, strlen(cursor), &f->cursor, NULL);
            int64_t base = tsn_json_int(f->cursor, "base", 0);
            f->base = base > 0 && base < TSN_FEED_BASES ? (enum tsn_feed_base)base : 0;
        }
        f->state.name = f->config.name;
        if (f->polling) {
            tsn_feed_start(f);
        }
    }
    tsn_op_destroy(op);
    tsn_feeds_release(feeds);
}

static bool read_state(struct tsn_feed *f)
{
    struct state_op *x = tsn_op_new(sizeof *x, state_read, state_was_read, f);
    x->feed = f;
    tsn_feeds_hold(f->feeds);
    if (tsn_reader_submit(f->feeds->config.reader, &x->op) == 0) {
        f->reading = true;
        return true;
    }
    tsn_op_destroy(&x->op);
    tsn_feeds_release(f->feeds);
    return false;
}

static void begin(struct tsn_feed *f)
{
    struct tsn_engine *engine = f->feeds->config.engine;
    if (f->polling || (f->paused && !f->waiters)) {
        return;
    }
    /* Before the engine is ready an event would be refused: wait for it. */
    if (f->importing || (engine && !tsn_engine_ready(engine)) || f->feeds->recovering ||
        !f->feeds->desks_read) {
        tsn_feed_again(f->feeds);
        f->next_at = tsn_clock_wall_ms() + NOT_READY_MS;
        tsn_timer_arm(f->timer, f->waiters ? SOON_MS : NOT_READY_MS);
        return;
    }
    tsn_timer_disarm(f->timer);
    f->polling = true;
    if (f->state.name) {
        tsn_feed_start(f);
    } else if (!f->reading && !read_state(f)) {
        f->polling = false;
        arm(f, NOT_READY_MS);
    }
}

static void on_timer(void *user)
{
    begin(user);
}

/* --- the interface ------------------------------------------------------------------------ */

tsn_err tsn_feed_ok(const struct tsn_feed_config *c, struct tsn_diag *diag)
{
    const struct tsn_source *source = tsn_source_find(c->kind);
    size_t n = c->url ? strlen(c->url) : 0;
    if (!source) {
        return tsn_diag_set(diag, TSN_EUNSUPPORTED, "F010", "feed %s: there is no kind `%s`",
                            c->name, c->kind ? c->kind : "");
    }
    if (!c->url && !c->command && (!c->domain || !source->csaf)) {
        return tsn_diag_set(diag, TSN_EINPUT, "F010", "feed %s: it has no url", c->name);
    }
    if (source->local) {
        return c->url || c->command
                   ? 0
                   : tsn_diag_set(diag, TSN_EINPUT, "F010", "feed %s: it has no path", c->name);
    }
    if (c->url &&
        (n < 10 ||
         (strncmp(c->url, "http://", 7) != 0 && strncmp(c->url, "https://", 8) != 0) ||
         (source->folder && (c->url[n - 1] != '/' || strpbrk(c->url, "?#"))))) {
        return tsn_diag_set(diag, TSN_EINPUT, "F010",
                            "feed %s: url must be an http or https %s", c->name,
                            source->folder ? "folder ending in /" : "address");
    }
    return 0;
}

static void imported(struct tsn_pgp_result *r, void *user)
{
    struct tsn_feed *f = user;
    struct tsn_feeds *feeds = f->feeds;
    f->importing = false;
    if (!r->ok) {
        tsn_log(TSN_LOG_ERROR, "feed.keys_unusable", "feed", f->config.name, "why",
                r->reason ? r->reason : "no key in the file", NULL);
    }
    tsn_feeds_release(feeds);
}

/* A home of its own for each feed: no feed's key vouches for another's documents. */
static void bring_keys(struct tsn_feed *f)
{
    struct tsn_feeds *feeds = f->feeds;
    if (!f->config.keys || !feeds->config.dir) {
        return;
    }
    size_t room = strlen(feeds->config.dir) + strlen(f->config.name) + 16;
    char *home = tsn_alloc(room);
    (void)snprintf(home, room, "%s/gnupg-%s", feeds->config.dir, f->config.name);
    (void)mkdir(home, 0700);
    f->home = home;
    f->importing = true;
    tsn_feeds_hold(feeds);
    tsn_pgp_import(feeds->config.loop, home, f->config.keys, strlen(f->config.keys), imported,
                   f);
}

struct tsn_feed *tsn_feed_begin(struct tsn_feeds *feeds, const struct tsn_feed_config *config,
                                size_t place)
{
    struct tsn_feed **tail = &feeds->list;
    struct tsn_feed *f = tsn_alloc(sizeof *f);
    while (*tail) {
        tail = &(*tail)->next;
    }
    f->config = *config;
    f->feeds = feeds;
    f->source = tsn_source_find(config->kind);
    f->timer = tsn_timer_new(feeds->config.loop, on_timer, f);
    *tail = f;
    bring_keys(f);
    (void)read_state(f); /* so that lists show the last life; else the first poll reads it */
    arm(f, FIRST_MS + 100 * (int64_t)place);
    return f;
}

void tsn_feed_due(struct tsn_feed *f)
{
    if (!f->polling) {
        arm(f, FIRST_MS);
    }
}

tsn_err tsn_feeds_open(struct tsn_feeds **out, const struct tsn_feeds_config *config,
                       struct tsn_diag *diag)
{
    for (size_t i = 0; i < config->nfeeds; i++) {
        tsn_err err = tsn_feed_ok(&config->feeds[i], diag);
        if (err) {
            return err;
        }
    }
    struct tsn_feeds *feeds = tsn_alloc(sizeof *feeds);
    feeds->config = *config;
    feeds->products = config->products ? json_deep_copy(config->products) : json_array();
    feeds->inventory = tsn_inventory_open(feeds->products, config->dir);
    feeds->bases = tsn_arena_new();
    tsn_feed_basis(feeds);
    feeds->hosts = tsn_hosts_new(config->loop);
    feeds->recovering = true;
    feeds->sweep = tsn_timer_new(config->loop, tsn_decide_sweep, feeds);
    feeds->lua = config->decide.lua ? tsn_decide_lua_new(feeds) : NULL;
    for (size_t i = 0; i < config->nfeeds; i++) {
        (void)tsn_feed_begin(feeds, &config->feeds[i], i);
    }
    tsn_feeds_read_desks(feeds);
    tsn_inventory_log(feeds);
    *out = feeds;
    return 0;
}

void tsn_feeds_close(struct tsn_feeds *feeds)
{
    if (!feeds) {
        return;
    }
    feeds->closing = true;
    tsn_feeds_hold(feeds); /* until the end of this function */
    tsn_timer_destroy(feeds->sweep);
    feeds->sweep = NULL;
    tsn_decide_lua_stop(feeds->lua);
    for (struct tsn_feed *f = feeds->list; f; f = f->next) {
        tsn_timer_destroy(f->timer);
        f->timer = NULL;
        tsn_feed_page_stop(f);
        for (struct tsn_feed_doc *d = f->docs, *next; d; d = next) {
            next = d->next;
            tsn_feed_doc_cancel(d);
        }
        if (f->waiters) {
            tsn_diag_set(&f->diag, TSN_ECANCELLED, "F012", "tocsin is stopping");
            answer(f, TSN_ECANCELLED);
        }
    }
    tsn_feeds_release(feeds);
}

void tsn_feed_poll(struct tsn_feeds *feeds, const char *name, bool whole, tsn_engine_done *done,
                   void *user)
{
    struct tsn_feed *f = feeds->list;
    while (f && strcmp(f->config.name, name) != 0) {
        f = f->next;
    }
    if (!f || feeds->closing) {
        struct tsn_diag diag;
        tsn_diag_init(&diag);
        tsn_diag_set(&diag, TSN_ENOTFOUND, "F011", "there is no feed `%.100s`", name);
        tsn_diag_hint(&diag, "`tocsin feed list` names them");
        done(TSN_ENOTFOUND, -1, NULL, &diag, user);
        return;
    }
    f->asked_whole = f->asked_whole || (whole && !f->polling);
    struct tsn_feed_waiter *w = tsn_alloc(sizeof *w);
    w->done = done;
    w->user = user;
    w->next = f->waiters;
    f->waiters = w;
    begin(f);
}

static json_t *time_json(int64_t ms)
{
    char text[25];
    if (ms <= 0) {
        return json_null();
    }
    tsn_time_format(text, ms);
    return json_string(text);
}

json_t *tsn_feeds_products(const struct tsn_feeds *feeds)
{
    return tsn_inventory_json(feeds->inventory);
}

json_t *tsn_feeds_json(const struct tsn_feeds *feeds)
{
    json_t *out = json_array();
    for (const struct tsn_feed *f = feeds->list; f; f = f->next) {
        const char *state = f->polling           ? "polling"
                            : f->paused          ? "paused"
                            : f->state.error     ? "failing"
                            : f->state.ok_at > 0 ? "good"
                                                 : "new";
        json_t *o = json_pack("{s:s,s:s,s:s,s:s,s:o,s:o,s:o,s:I,s:I}", "name", f->config.name,
                              "kind", f->config.kind, "url",
                              f->config.url      ? f->config.url
                              : f->config.domain ? f->config.domain
                                                 : f->config.command[0],
                              "state", state, "polled_at", time_json(f->state.polled_at),
                              "ok_at", time_json(f->state.ok_at), "next_at",
                              time_json(f->polling ? 0 : f->next_at), "documents",
                              (json_int_t)f->state.documents, "every_ms",
                              (json_int_t)f->config.every_ms);
        const json_t *health = json_object_get(f->cursor, "health");
        json_t *alarms = json_object_get(health, "alarms");
        struct tsn_buf names;
        const char *alarm;
        json_t *about;
        tsn_buf_init(&names, 1000);
        json_object_foreach(alarms, alarm, about)
        {
            (void)tsn_buf_printf(&names, "%s%s", names.len ? ", " : "", alarm);
        }
        json_object_set_new(o, "alarm", names.len ? json_string(names.data) : json_null());
        tsn_buf_free(&names);
        json_object_set_new(o, "failures", json_integer(tsn_json_int(health, "failures", 0)));
        json_object_set_new(o, "alarms", alarms ? json_deep_copy(alarms) : json_object());
        if (f->state.error) {
            json_object_set_new(o, "error", json_string(f->state.error));
        }
        json_object_set_new(o, "trust", json_string(tsn_feed_trust(f)));
        json_array_append_new(out, o);
    }
    return out;
}
