/* clock_tick.c - see clock_tick.h. Owns its timer; lives on until its last op came back. */
#include "casework/clock_tick.h"

#include <stdlib.h>
#include <string.h>
#include "casework/case_clocks.h"
#include "core/clock.h"
#include "core/json.h"
#include "core/log.h"
#include "loop/loop.h"
#include "store/record_case.h"

#define BATCH   200
#define BAD_MAX 64

struct tsn_clock_tick {
    struct tsn_clock_tick_config config;
    struct tsn_timer *timer;
    bool busy, closed;
    char *bad[BAD_MAX]; /* rows that failed alone; until the next start */
    size_t nbad;
};

/* --- store thread ------------------------------------------------------------------------------------ */

static tsn_err due_rows(struct tsn_store *st, struct tsn_arena *arena, int64_t now_ms,
                        size_t limit, struct tsn_rec_track **out, size_t *n)
{
    struct tsn_filter f[2] = {{"next_at", TSN_CMP_GT, NULL, 0},
                              {"next_at", TSN_CMP_LT, NULL, now_ms + 1}};
    struct tsn_list how = {.filters = f, .nfilters = 2, .order = "next_at", .limit = limit};
    void *rows = NULL;
    tsn_err err = tsn_store_list(st, arena, &tsn_table_track, &how, &rows, n);
    *out = rows;
    return err;
}

struct tell {
    const struct tsn_clock_tick_config *config;
    json_t *runs;
};

static tsn_err told(void *user, struct tsn_case_work *w, const char *kind,
                    const struct tsn_rec_track *r, const json_t *data, const char *role)
{
    const struct tell *to = user;
    const struct tsn_clock_tick_config *c = to->config;
    struct tsn_diag diag;
    if (!c->event)
        return 0;
    tsn_diag_init(&diag);
    json_t *body = json_object();
    json_object_set_new(body, "clock", json_string(r->subject));
    json_object_set(body, "title", json_object_get(data, "title"));
    json_object_set(body, "due", json_object_get(data, "due"));
    json_object_set(body, "owner", json_object_get(data, "owner"));
    json_object_set_new(body, "role", role ? json_string(role) : json_null());
    json_object_set(body, "escalate", json_object_get(data, "escalate"));
    const char *dedupe = tsn_arena_printf(w->arena, "%s\n%s\n%s\n%lld", r->id, kind,
                                          tsn_json_str(data, "due", ""),
                                          (long long)tsn_json_int(data, "told", 0));
    tsn_err err = c->event(c->user, w->st, w->arena, w->c.id, kind, dedupe, body, w->now_ms,
                           to->runs, &diag);
    json_decref(body);
    return err;
}

/* What is agreed may go out from now on: an event for rules. */
static tsn_err ended(const struct tell *to, struct tsn_case_work *w, struct tsn_diag *diag)
{
    const struct tsn_clock_tick_config *c = to->config;
    if (!c->event)
        return 0;
    json_t *body = json_pack("{s:s}", "embargo", w->c.embargo);
    const char *dedupe =
        tsn_arena_printf(w->arena, "%s\nembargo.ended\n%lld", w->c.id, (long long)w->seq);
    tsn_err err = strcmp(w->c.embargo, "exited") != 0
                      ? 0
                      : c->event(c->user, w->st, w->arena, w->c.id, "embargo.ended", dedupe,
                                 body, w->now_ms, to->runs, diag);
    json_decref(body);
    return err;
}

/* Attacks are known while an embargo holds: it should end, and that is for people to decide at once. */
static tsn_err attacked(const struct tell *to, struct tsn_case_work *w, struct tsn_diag *diag)
{
    const struct tsn_clock_tick_config *c = to->config;
    const char *dedupe = tsn_arena_printf(w->arena, "%s\ncase.exploited", w->c.id);
    if (!c->event)
        return 0;
    json_t *body =
        json_pack("{s:s, s:s}", "embargo", w->c.embargo, "exploitation", "attacks_observed");
    tsn_err err = c->event(c->user, w->st, w->arena, w->c.id, "case.exploited", dedupe, body,
                           w->now_ms, to->runs, diag);
    json_decref(body);
    return err;
}

static bool skipped(const struct tsn_clock_tick_config *c, const char *id)
{
    for (size_t i = 0; i < c->nskip; i++)
        if (!strcmp(c->skip[i], id))
            return true;
    return false;
}

/* One due row, as it stands now: what came before in this pass may have moved it. */
static tsn_err look(struct tell *to, struct tsn_case_work *w, const struct tsn_rec_track *due,
                    struct tsn_diag *diag)
{
    static const struct tsn_track_how off = {0};
    enum tsn_track t = (enum tsn_track)tsn_track_of(due->track);
    struct tsn_rec_track r;
    bool moved = false;
    tsn_err err = tsn_embargo_due(w, &moved, diag);
    if (!err && moved) /* closing settles the clocks that ran to it */
        return ended(to, w, diag);
    if (!err)
        err = tsn_track_get(w, t, due->subject, &r);
    if (err || r.next_at == 0 || r.next_at > w->now_ms)
        return err;
    if (t == TSN_TRACK_FACTS)
        err = attacked(to, w, diag);
    if (err)
        return err;
    if (t == TSN_TRACK_OBLIGATION)
        return tsn_clock_look(w, &r, told, to, diag);
    return tsn_track_put(w, t, r.subject, r.state, &off);
}

tsn_err tsn_clock_tick_now(struct tsn_store *st, struct tsn_arena *arena,
                           const struct tsn_clock_tick_config *config, int64_t now_ms,
                           size_t *n, json_t *runs, struct tsn_diag *diag)
{
    static const struct tsn_case_by by = {.service = "svc:clock"};
    struct tsn_rec_track *rows;
    size_t most = config->most ? config->most : BATCH, done = 0;
    tsn_err err = due_rows(st, arena, now_ms, BATCH + config->nskip, &rows, n);
    for (size_t i = 0; i < *n && !err && done < most; i++) {
        struct tsn_case_work w;
        if (skipped(config, rows[i].id))
            continue;
        done++;
        tsn_diag_at(diag, rows[i].id, 0, 0);
        err = tsn_case_work_open(&w, st, arena, config->casework, rows[i].case_id, &by, now_ms,
                                 diag);
        if (err)
            break;
        struct tell to = {config, runs};
        err = look(&to, &w, &rows[i], diag);
        err = tsn_case_work_close(&w, err, diag);
    }
    *n = done;
    return err;
}

/* --- loop thread --------------------------------------------------------------------------------------- */

struct tick_op {
    struct tsn_op op;
    struct tsn_clock_tick *t;
    struct tsn_clock_tick_config config; /* with what to skip, copied */
    int64_t now_ms;
    size_t n;
    json_t *runs;
};

static void drop(struct tsn_clock_tick *t)
{
    for (size_t i = 0; i < t->nbad; i++)
        free(t->bad[i]);
    free(t);
}

static void rest(struct tsn_clock_tick *t)
{
    t->busy = false;
    if (t->closed) {
        drop(t);
        return;
    }
    tsn_timer_arm(t->timer, t->config.every_ms);
}

static tsn_err apply_tick(struct tsn_op *op, struct tsn_store *st)
{
    struct tick_op *x = (struct tick_op *)op;
    json_decref(x->runs);
    x->runs = json_array();
    return tsn_clock_tick_now(st, op->arena, &x->config, x->now_ms, &x->n, x->runs, &op->diag);
}

static void done_tick(struct tsn_op *op)
{
    struct tick_op *x = (struct tick_op *)op;
    struct tsn_clock_tick *t = x->t;
    if (op->err) {
        tsn_log(TSN_LOG_ERROR, "clock.tick_failed", "row", op->diag.file, "code", op->diag.code,
                "error", op->diag.what[0] ? op->diag.what : tsn_err_text(op->err), NULL);
        /* Its own fault, not the disk's: the others go on without it. */
        bool own = tsn_err_class(op->err) == TSN_CLASS_INPUT || op->err == TSN_ETAMPERED;
        if (own && op->diag.file[0] && t->nbad < BAD_MAX)
            t->bad[t->nbad++] = tsn_strdup(op->diag.file);
    } else if (x->n > 0 && t->config.told && !t->closed) {
        t->config.told(x->runs, t->config.user);
    }
    json_decref(x->runs);
    tsn_op_destroy(op);
    rest(t);
}

static tsn_err apply_look(struct tsn_op *op, struct tsn_store *st)
{
    struct tick_op *x = (struct tick_op *)op;
    struct tsn_rec_track *rows;
    return due_rows(st, op->arena, x->now_ms, 1, &rows, &x->n);
}

static void done_look(struct tsn_op *op)
{
    struct tick_op *x = (struct tick_op *)op, *w;
    struct tsn_clock_tick *t = x->t;
    bool due = !op->err && x->n > 0;
    tsn_op_destroy(op);
    if (!due || t->closed) {
        rest(t);
        return;
    }
    w = tsn_op_new(sizeof *w, apply_tick, done_tick, NULL);
    w->t = t;
    w->config = t->config;
    w->config.skip = (const char *const *)t->bad; /* grows only when this op has come back */
    w->config.nskip = t->nbad;
    w->now_ms = tsn_clock_wall_ms();
    if (tsn_writer_submit(t->config.writer, &w->op, TSN_LANE_RUNS)) {
        tsn_op_destroy(&w->op);
        rest(t);
    }
}

static void on_timer(void *user)
{
    struct tsn_clock_tick *t = user;
    struct tick_op *x = tsn_op_new(sizeof *x, apply_look, done_look, NULL);
    x->t = t;
    x->now_ms = tsn_clock_wall_ms();
    t->busy = true;
    if (tsn_reader_submit(t->config.reader, &x->op)) {
        tsn_op_destroy(&x->op);
        rest(t);
    }
}

tsn_err tsn_clock_tick_open(struct tsn_clock_tick **out,
                            const struct tsn_clock_tick_config *config)
{
    struct tsn_clock_tick *t = tsn_alloc(sizeof *t);
    t->config = *config;
    if (t->config.every_ms <= 0)
        t->config.every_ms = 1000;
    t->timer = tsn_timer_new(config->loop, on_timer, t);
    tsn_timer_arm(t->timer, 0);
    *out = t;
    return 0;
}

void tsn_clock_tick_close(struct tsn_clock_tick *t)
{
    if (!t)
        return;
    tsn_timer_destroy(t->timer);
    t->timer = NULL;
    t->closed = true;
    if (!t->busy)
        drop(t);
}
