/* decide_sweep.c - decisions whose time has come, urgent ones first, feeds in turn. Loop thread, but
 * for due_read (reader thread). */
#include <string.h>
#include "core/clock.h"
#include "core/fault.h"
#include "core/id.h"
#include "core/log.h"
#include "core/text.h"
#include "feed/feed_int.h"

#define DUE_MAX   64
#define AGAIN_MS  1000
#define LATEST_MS INT64_C(3600000)

static void done(struct tsn_op *op)
{
    struct tsn_decide_op *x = (struct tsn_decide_op *)op;
    struct tsn_feeds *feeds = x->feeds;
    tsn_fault("feed.decided");
    if (op->err) {
        tsn_log(TSN_LOG_ERROR, "feed.decision_failed", "decision", x->id, "err",
                tsn_err_name(op->err), "why", op->diag.what, NULL);
    }
    if (!op->err && feeds->config.engine && !feeds->closing) {
        for (size_t i = 0; i < x->event.nwake; i++) {
            tsn_engine_wake(feeds->config.engine, x->event.wake[i]);
        }
        if (x->woken) {
            tsn_engine_wake(feeds->config.engine, x->woken);
        }
    }
    if (!feeds->closing && (x->due_ms > 0 || op->err)) {
        tsn_decide_due(feeds, op->err ? x->now_ms + AGAIN_MS : x->due_ms);
    }
    tsn_intake_release(x->intake);
    if (x->then) {
        x->then(x, x->user);
    }
    tsn_op_destroy(op);
    tsn_feeds_release(feeds);
}

struct tsn_decide_op *tsn_decide_new(struct tsn_feeds *feeds, const char *id)
{
    struct tsn_decide_op *x = tsn_op_new(sizeof *x, tsn_decide_apply, done, NULL);
    x->feeds = feeds;
    x->intake = feeds->config.intake;
    x->decide = &feeds->config.decide;
    x->id = tsn_arena_strdup(x->op.arena, id);
    x->now_ms = tsn_clock_wall_ms();
    x->epoch = feeds->config.engine ? tsn_engine_epoch(feeds->config.engine) : 0;
    return x;
}

bool tsn_decide_submit(struct tsn_decide_op *x, enum tsn_lane lane)
{
    struct tsn_feeds *feeds = x->feeds;
    tsn_intake_refresh(x->intake);
    tsn_intake_hold(x->intake);
    tsn_feeds_hold(feeds);
    if (tsn_writer_submit(feeds->config.writer, &x->op, lane) == 0) {
        return true;
    }
    tsn_intake_release(x->intake);
    tsn_op_destroy(&x->op);
    tsn_feeds_release(feeds);
    return false;
}

bool tsn_decide_start(struct tsn_feeds *feeds, const char *id, int64_t now_ms,
                      void (*then)(struct tsn_decide_op *x, void *user), void *user)
{
    struct tsn_decide_op *x = tsn_decide_new(feeds, id);
    x->now_ms = now_ms > x->now_ms ? now_ms : x->now_ms;
    x->then = then;
    x->user = user;
    return feeds->lua ? tsn_decide_ask(x) : tsn_decide_submit(x, TSN_LANE_BULK);
}

/* --- the sweep -------------------------------------------------------------------------------------- */

struct due_op {
    struct tsn_op op;
    struct tsn_feeds *feeds;
    int64_t now_ms, next_ms; /* next: of what is not due yet; 0 = nothing waits */
    size_t n;
    struct {
        char id[TSN_ULID_LEN + 1], feed[128];
        bool urgent, taken;
    } due[DUE_MAX];
};

static tsn_err due_read(struct tsn_op *op, struct tsn_store *st)
{
    static const char *const states[] = {"open", "held"};
    struct due_op *x = (struct due_op *)op;
    x->n = 0;
    x->next_ms = 0;
    for (size_t s = 0; s < 2; s++) {
        /* A held one without a time waits for a person. */
        const struct tsn_filter filters[] = {
            {.column = "state", .cmp = TSN_CMP_EQ, .text = states[s]},
            {.column = "due_at", .cmp = TSN_CMP_GT, .number = 0}};
        const struct tsn_list how = {
            .filters = filters, .nfilters = 2, .order = "due_at", .limit = DUE_MAX + 1};
        void *list = NULL;
        size_t n = 0;
        tsn_err err = tsn_store_list(st, op->arena, &tsn_table_decision, &how, &list, &n);
        if (err) {
            return err;
        }
        const struct tsn_rec_decision *rows = list;
        for (size_t i = 0; i < n; i++) {
            if (rows[i].due_at > x->now_ms || x->n == DUE_MAX) {
                int64_t at = rows[i].due_at > x->now_ms ? rows[i].due_at : x->now_ms + 1;
                x->next_ms = !x->next_ms || at < x->next_ms ? at : x->next_ms;
                continue;
            }
            tsn_copy(x->due[x->n].id, sizeof x->due[0].id, rows[i].id);
            tsn_copy(x->due[x->n].feed, sizeof x->due[0].feed, rows[i].feed);
            x->due[x->n].urgent = rows[i].urgent != 0;
            x->due[x->n++].taken = false;
        }
    }
    return 0;
}

/* The next one: urgent, else of another feed than the last. */
static int pick(struct due_op *x, const char *last)
{
    int best = -1;
    for (size_t i = 0; i < x->n; i++) {
        if (x->due[i].taken) {
            continue;
        }
        if (x->due[i].urgent) {
            return (int)i;
        }
        bool turn = best < 0 ||
                    (strcmp(x->due[best].feed, last) == 0 && strcmp(x->due[i].feed, last) != 0);
        best = turn ? (int)i : best;
    }
    return best;
}

static void due_done(struct tsn_op *op)
{
    struct due_op *x = (struct due_op *)op;
    struct tsn_feeds *feeds = x->feeds;
    const char *last = "";
    int64_t next = op->err ? x->now_ms + AGAIN_MS : x->next_ms;
    feeds->sweeping = false;
    for (int i; !feeds->closing && (i = pick(x, last)) >= 0;) {
        x->due[i].taken = true;
        last = x->due[i].feed;
        if (!tsn_decide_start(feeds, x->due[i].id, x->now_ms, NULL, NULL)) {
            next = x->now_ms + AGAIN_MS; /* a full queue */
            break;
        }
    }
    if (!feeds->closing && next) {
        tsn_decide_due(feeds, next);
    }
    tsn_op_destroy(op);
    tsn_feeds_release(feeds);
}

void tsn_decide_sweep(void *user)
{
    struct tsn_feeds *feeds = user;
    struct tsn_engine *engine = feeds->config.engine;
    feeds->sweep_at = 0;
    if (feeds->closing || feeds->sweeping) {
        return;
    }
    if (engine && !tsn_engine_ready(engine)) {
        tsn_decide_due(feeds, tsn_clock_wall_ms() + AGAIN_MS);
        return;
    }
    struct due_op *x = tsn_op_new(sizeof *x, due_read, due_done, NULL);
    x->feeds = feeds;
    x->now_ms = tsn_clock_wall_ms();
    tsn_feeds_hold(feeds);
    feeds->sweeping = true;
    if (tsn_reader_submit(feeds->config.reader, &x->op)) {
        feeds->sweeping = false;
        tsn_op_destroy(&x->op);
        tsn_decide_due(feeds, tsn_clock_wall_ms() + AGAIN_MS);
        tsn_feeds_release(feeds);
    }
}

void tsn_decide_due(struct tsn_feeds *feeds, int64_t due_ms)
{
    int64_t now = tsn_clock_wall_ms();
    if (feeds->closing || !feeds->sweep || (feeds->sweep_at && feeds->sweep_at <= due_ms)) {
        return;
    }
    feeds->sweep_at = due_ms;
    int64_t wait = due_ms > now ? due_ms - now : 0;
    tsn_timer_arm(feeds->sweep, wait > LATEST_MS ? LATEST_MS : wait);
}
