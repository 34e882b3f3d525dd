/* publisher.c - the publisher: a small state machine over reader, gpg, writer and one thread job. */
#include "advisory/publisher.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "advisory/advisory_life.h"
#include "advisory/tell.h"
#include "core/clock.h"
#include "core/fault.h"
#include "core/json.h"
#include "core/log.h"
#include "proc/pgp.h"
#include "store/record_advisory.h"

#define EVERY_MS         500
#define RETRY_MS         10000
#define SECURITY_LATE_MS INT64_C(2419200000) /* it is renewed 30 days before its end */
#define REFRESH_MS                                                                             \
    INT64_C(21600000) /* the tree is looked at every six hours: security.txt ends */
#define KEY_LATE_MS INT64_C(2592000000) /* 30 days, as for the key of mail */
#define KEY_MAX     ((size_t)1 << 20)
#define RELEASE_MAX 100000

struct tsn_house {
    struct tsn_house_config config;
    struct tsn_timer *timer;
    bool busy, closed, refresh;
    int64_t refreshed_ms;    /* monotonic; 0 = never */
    size_t held;             /* releases whose run has stopped: a person is needed */
    int64_t security_until;  /* of the file as it was last read or written; 0 = none */
    bool looking;            /* gpg lists keys */
    int64_t key_until;       /* 0 = never, or not known */
    const char *key_problem; /* static; NULL = it can sign, and for a while */
    char reason[400];        /* of the last failure; "" = the last round was good */
};

/* One look at the store, and what it found; lives through the whole round. */
struct round {
    struct tsn_op op;
    struct tsn_house *house;
    struct tsn_rec_release *rows; /* in arena; oldest first */
    size_t n, unsigned_at;
    enum tsn_csaf_version edition; /* of what is signed now */
    bool due, waiting; /* scheduled and its time is here; committed but not public */
    size_t held;       /* public, and their run stopped */
    bool following;    /* rows are public, and what follows is over or was not begun */
};

struct job {
    uv_work_t work;
    struct tsn_house *house;
    struct round *round;
    struct tsn_arena *arena;
    struct tsn_diag diag;
    tsn_err err;
    size_t written;
    int64_t security_until;
};

static void again(struct tsn_house *h, int64_t ms)
{
    h->busy = false;
    if (h->closed && !h->looking) {
        free(h);
    } else if (!h->closed) {
        tsn_timer_arm(h->timer, ms);
    }
}

static void end_round(struct round *r, int64_t ms)
{
    struct tsn_house *h = r->house;
    tsn_op_destroy(&r->op);
    again(h, ms);
}

/* --- the last steps: it is public, what follows, it is out --------------------------------------- */

struct out_op {
    struct tsn_op op;
    struct tsn_house *house;
    const char **ids;
    size_t n;
    int64_t now_ms;
    struct tsn_advisory_wakes wake;
};

static void wake(const struct tsn_house *h, const struct tsn_advisory_wakes *w)
{
    for (size_t i = 0; h->config.engine && i < w->n; i++) {
        tsn_engine_wake(h->config.engine, w->runs[i]);
    }
}

static tsn_err apply_out(struct tsn_op *op, struct tsn_store *st)
{
    struct out_op *x = (struct out_op *)op;
    tsn_err err = 0;
    x->wake.n = 0;
    for (size_t i = 0; !err && i < x->n; i++) {
        const char *run = NULL;
        err = tsn_advisory_public(st, op->arena, x->ids[i], x->now_ms, &run, &op->diag);
        if (!err && run) {
            x->wake.runs[x->wake.n++] = run;
        }
    }
    return err;
}

static void done_out(struct tsn_op *op)
{
    struct out_op *x = (struct out_op *)op;
    struct tsn_house *h = x->house;
    if (op->err) {
        tsn_log(TSN_LOG_WARN, "publish.failed", "code", op->diag.code, "what", op->diag.what,
                NULL);
    } else {
        tsn_fault("publish.public");
        wake(h, &x->wake);
    }
    tsn_err err = op->err;
    tsn_op_destroy(op);
    again(h, err ? RETRY_MS : 1);
}

/* `tree`: those whose files are out now; else those whose run is over. A batch at a time. */
static void say_out(struct round *r, bool tree)
{
    struct tsn_house *h = r->house;
    struct out_op *x = tsn_op_new(sizeof(*x), apply_out, done_out, NULL);
    x->house = h;
    x->now_ms = tsn_clock_wall_ms();
    x->ids = tsn_arena_alloc(x->op.arena, (r->n + 1) * sizeof *x->ids);
    for (size_t i = 0; i < r->n && x->n < TSN_WAKES_MAX; i++) {
        const char *state = r->rows[i].state;
        if (tree ? strcmp(state, "committed") == 0 : strcmp(state, "public") == 0) {
            x->ids[x->n++] = tsn_arena_strdup(x->op.arena, r->rows[i].id);
        }
    }
    tsn_op_destroy(&r->op);
    if (x->n == 0) { /* the tree was only looked at */
        tsn_op_destroy(&x->op);
        again(h, EVERY_MS);
        return;
    }
    if (tree) {
        tsn_fault("publish.tree");
    }
    tsn_err err = tsn_writer_submit(h->config.writer, &x->op, TSN_LANE_RUNS);
    if (err) {
        tsn_op_destroy(&x->op);
        again(h, RETRY_MS);
    }
}

/* --- the tree ------------------------------------------------------------------------------------- */

static const char *read_text(struct tsn_arena *arena, const char *path)
{
    struct tsn_buf b;
    const char *text = NULL;
    tsn_buf_init(&b, KEY_MAX);
    if (path && tsn_buf_read_file(&b, path) == 0) {
        text = tsn_arena_strdup(arena, b.data ? b.data : "");
    }
    tsn_buf_free(&b);
    return text;
}

/* Newest release of each advisory, newest first. Rows come by id: advisory, then number. */
static void newest(struct job *j, struct tsn_site *t)
{
    const struct round *r = j->round;
    struct tsn_site_release *list = tsn_arena_alloc(j->arena, (r->n + 1) * sizeof *list);
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++) {
        const struct tsn_rec_release *row = &r->rows[i];
        if (i + 1 < r->n && strcmp(row->advisory, r->rows[i + 1].advisory) == 0) {
            continue;
        }
        const struct tsn_site_release one = {.name = row->name,
                                             .version = row->version,
                                             .tlp = row->tlp,
                                             .csaf = row->csaf,
                                             .csaf21 = row->csaf21,
                                             .model = row->model,
                                             .signature = row->signature,
                                             .signature21 = row->signature21,
                                             .released_at = row->released_at};
        size_t at = n++;
        while (at > 0 && list[at - 1].released_at < one.released_at) {
            list[at] = list[at - 1];
            at--;
        }
        list[at] = one;
    }
    t->releases = list;
    t->nreleases = n;
}

static void job_run(uv_work_t *work)
{
    struct job *j = work->data;
    const struct tsn_publish_config *c = j->house->config.publish;
    struct tsn_site t = {.config = c,
                         .publisher = j->house->config.publisher,
                         .arena = j->arena,
                         .now_ms = tsn_clock_wall_ms()};
    t.public_key = c->key ? read_text(j->arena, c->key_file) : NULL;
    const char *security =
        tsn_arena_printf(j->arena, "%s/" TSN_SITE_PUBLIC "/.well-known/security.txt", c->dir);
    t.security = read_text(j->arena, security);
    newest(j, &t);
    j->err = tsn_site_build(&t, &j->diag);
    if (!j->err) {
        j->err = tsn_site_write(&t, c->dir, &j->written, &j->diag);
    }
    /* What lies there decides, not what was meant to. */
    j->security_until = tsn_site_expires(read_text(j->arena, security));
}

/* Renewing it failed for so long that readers will soon have no contact. */
static void watch_security(struct tsn_house *h, int64_t until)
{
    h->security_until = until;
    if (until < tsn_clock_wall_ms() + SECURITY_LATE_MS) {
        tsn_log(TSN_LOG_WARN, "publish.security_txt", "code", "P005", "what",
                until ? "security.txt ends within four weeks and is not renewed"
                      : "there is no security.txt",
                NULL);
    }
}

/* What signs must be there, and go on signing longer than readers are told in advance of a new key. */
static void on_keys(struct tsn_pgp_result *res, void *user)
{
    struct tsn_house *h = user;
    json_t *list = res->reason ? NULL : tsn_pgp_keys_json(res->plain.data), *key;
    const char *problem = res->reason ? "unknown" : "missing";
    int64_t now = tsn_clock_wall_ms(), until = 0;
    size_t i;
    json_array_foreach(list, i, key)
    {
        const char *state = tsn_json_str(key, "state", "");
        if (strcasecmp(tsn_json_str(key, "fpr", ""), h->config.publish->key) != 0) {
            continue;
        }
        until = tsn_json_int(key, "expires_ms", 0);
        problem = strcmp(state, "revoked") == 0                             ? "revoked"
                  : strcmp(state, "expired") == 0 || (until && until < now) ? "expired"
                  : strcmp(state, "valid") != 0 || !tsn_json_bool(key, "secret", false)
                      ? "unusable"
                  : until && until - now < KEY_LATE_MS ? "expires-soon"
                                                       : NULL;
    }
    h->key_until = until;
    h->key_problem = problem;
    if (problem) {
        char when[25] = "";
        if (until) {
            tsn_time_format(when, until);
        }
        tsn_log(strcmp(problem, "expires-soon") == 0 ? TSN_LOG_WARN : TSN_LOG_ERROR,
                "publish.key", "code", "P006", "key", h->config.publish->key, "problem",
                problem, "expires", when, NULL);
    }
    json_decref(list);
    h->looking = false;
    if (h->closed && !h->busy) {
        free(h);
    }
}

static void look_key(struct tsn_house *h)
{
    const struct tsn_publish_config *c = h->config.publish;
    if (c->dir && c->key && !h->looking) {
        h->looking = true;
        tsn_pgp_list(h->config.loop, c->gnupg, on_keys, h);
    }
}

static void failed(struct tsn_house *h, const struct tsn_diag *diag)
{
    tsn_log(TSN_LOG_WARN, "publish.failed", "code", diag->code, "what", diag->what, NULL);
    (void)snprintf(h->reason, sizeof h->reason, "%s: %s", diag->code, diag->what);
}

static void job_done(uv_work_t *work, int status)
{
    struct job *j = work->data;
    struct tsn_house *h = j->house;
    struct round *r = j->round;
    tsn_err err = status ? TSN_EIO : j->err;
    if (err) {
        failed(h, &j->diag);
    } else {
        h->refresh = false;
        h->refreshed_ms = tsn_clock_mono_ms();
        h->reason[0] = '\0';
    }
    if (!status) {
        watch_security(h, j->security_until);
        look_key(h);
    }
    tsn_arena_destroy(j->arena);
    free(j);
    if (err) {
        end_round(r, RETRY_MS);
    } else {
        say_out(r, true);
    }
}

static void write_tree(struct round *r)
{
    struct job *j = tsn_alloc(sizeof *j);
    j->house = r->house;
    j->round = r;
    j->arena = tsn_arena_new();
    tsn_diag_init(&j->diag);
    j->work.data = j;
    if (uv_queue_work(tsn_loop_uv(r->house->config.loop), &j->work, job_run, job_done)) {
        tsn_arena_destroy(j->arena);
        free(j);
        end_round(r, RETRY_MS);
    }
}

/* --- signatures --------------------------------------------------------------------------------------- */

struct sign_op {
    struct tsn_op op;
    struct tsn_house *house;
    const char *id, *signature;
    enum tsn_csaf_version edition;
};

static tsn_err apply_sign(struct tsn_op *op, struct tsn_store *st)
{
    struct sign_op *x = (struct sign_op *)op;
    struct tsn_rec_release row;
    tsn_err err = tsn_store_get(st, op->arena, &tsn_table_release, x->id, &row);
    const char **to = x->edition == TSN_CSAF_21 ? &row.signature21 : &row.signature;
    if (err || *to) {
        return err;
    }
    *to = x->signature;
    return tsn_store_put(st, &tsn_table_release, &row);
}

static void done_sign(struct tsn_op *op)
{
    struct tsn_house *h = ((struct sign_op *)op)->house;
    tsn_err err = op->err;
    tsn_op_destroy(op);
    again(h, err ? RETRY_MS : 1);
}

static void signed_by_gpg(struct tsn_pgp_result *res, void *user)
{
    struct round *r = user;
    struct tsn_house *h = r->house;
    if (!res->ok) {
        const char *why = res->reason ? res->reason : "gpg failed";
        tsn_log(TSN_LOG_WARN, "publish.unsigned", "code", "P002", "advisory",
                r->rows[r->unsigned_at].name, "reason", why, NULL);
        (void)snprintf(h->reason, sizeof h->reason, "P002: %.200s", why);
        end_round(r, RETRY_MS);
        return;
    }
    struct sign_op *x = tsn_op_new(sizeof(*x), apply_sign, done_sign, NULL);
    x->house = h;
    x->edition = r->edition;
    x->id = tsn_arena_strdup(x->op.arena, r->rows[r->unsigned_at].id);
    x->signature = tsn_arena_strndup(x->op.arena, res->plain.data, res->plain.len);
    tsn_op_destroy(&r->op);
    tsn_fault("publish.signed");
    if (tsn_writer_submit(h->config.writer, &x->op, TSN_LANE_RUNS)) {
        tsn_op_destroy(&x->op);
        again(h, RETRY_MS);
    }
}

/* --- a round ---------------------------------------------------------------------------------------------- */

static tsn_err count(struct tsn_store *st, const char *state, bool *any)
{
    const struct tsn_filter filter = {.column = "state", .cmp = TSN_CMP_EQ, .text = state};
    int64_t n = 0;
    tsn_err err = tsn_store_count(st, &tsn_table_release, &filter, 1, &n);
    *any = n > 0;
    return err;
}

/* Public ones that want something, as rows. */
static tsn_err look_following(struct round *r, struct tsn_store *st)
{
    const struct tsn_filter filter = {.column = "state", .cmp = TSN_CMP_EQ, .text = "public"};
    const struct tsn_list how = {
        .filters = &filter, .nfilters = 1, .limit = TSN_WAKES_MAX, .skip_blobs = true};
    void *list = NULL;
    size_t n = 0, held_n = 0;
    tsn_err err = tsn_store_list(st, r->op.arena, &tsn_table_release, &how, &list, &n);
    struct tsn_rec_release *rows = list;
    r->rows = rows;
    r->n = 0;
    for (size_t i = 0; !err && i < n; i++) {
        bool due, held;
        err = tsn_advisory_follows(st, r->op.arena, &rows[i], &due, &held);
        held_n += held;
        if (due) {
            rows[r->n++] = rows[i];
        }
    }
    r->held = held_n;
    r->following = r->n > 0;
    return err;
}

static tsn_err apply_look(struct tsn_op *op, struct tsn_store *st)
{
    struct round *r = (struct round *)op;
    const struct tsn_house *h = r->house;
    bool public = false;
    tsn_err err = tsn_advisory_waits(st, op->arena, tsn_clock_wall_ms(), &r->due);
    if (!err) {
        err = count(st, "committed", &r->waiting);
    }
    if (!err) {
        err = count(st, "public", &public);
    }
    if (!err && (r->waiting || (h->refresh && h->config.publish->dir))) {
        const struct tsn_list how = {.limit = RELEASE_MAX};
        void *rows = NULL;
        err = tsn_store_list(st, op->arena, &tsn_table_release, &how, &rows, &r->n);
        r->rows = rows;
    } else if (!err && public) {
        err = look_following(r, st);
    }
    return err;
}

struct due_op {
    struct tsn_op op;
    struct tsn_house *house;
    struct tsn_advisory_wakes wake;
};

static tsn_err apply_due(struct tsn_op *op, struct tsn_store *st)
{
    return tsn_advisory_due(st, op->arena, tsn_clock_wall_ms(), &((struct due_op *)op)->wake,
                            &op->diag);
}

static void done_due(struct tsn_op *op)
{
    struct due_op *x = (struct due_op *)op;
    struct tsn_house *h = x->house;
    tsn_err err = op->err;
    if (err) {
        tsn_log(TSN_LOG_WARN, "publish.failed", "code", op->diag.code, "what", op->diag.what,
                NULL);
    } else {
        wake(h, &x->wake);
    }
    tsn_op_destroy(op);
    again(h, err ? RETRY_MS : EVERY_MS);
}

static void begin_due(struct tsn_house *h)
{
    struct due_op *x = tsn_op_new(sizeof(*x), apply_due, done_due, NULL);
    x->house = h;
    if (tsn_writer_submit(h->config.writer, &x->op, TSN_LANE_RUNS)) {
        tsn_op_destroy(&x->op);
        again(h, RETRY_MS);
    }
}

/* The first document without a signature goes to gpg; false: there is none. */
static bool sign_next(struct round *r)
{
    const struct tsn_publish_config *c = r->house->config.publish;
    for (size_t i = 0; i < r->n; i++) {
        const struct tsn_rec_release *row = &r->rows[i];
        bool newer = row->signature && row->csaf21 && !row->signature21;
        const char *text = newer ? row->csaf21 : row->csaf;
        if (row->signature && !newer) {
            continue;
        }
        r->unsigned_at = i;
        r->edition = newer ? TSN_CSAF_21 : TSN_CSAF_20;
        tsn_pgp_sign(r->house->config.loop, c->gnupg, c->key, text, strlen(text), signed_by_gpg,
                     r);
        return true;
    }
    return false;
}

static void done_look(struct tsn_op *op)
{
    struct round *r = (struct round *)op;
    struct tsn_house *h = r->house;
    const struct tsn_publish_config *c = h->config.publish;
    if (op->err || h->closed) {
        end_round(r, RETRY_MS);
        return;
    }
    h->held = r->waiting ? h->held : r->held;
    if (r->due) {
        tsn_op_destroy(op);
        begin_due(h);
        return;
    }
    if (r->following) {
        say_out(r, false);
        return;
    }
    if (!r->waiting && !(c->dir && h->refresh)) {
        end_round(r, EVERY_MS);
        return;
    }
    if (c->dir && c->key && sign_next(r)) {
        return;
    }
    if (c->dir) {
        write_tree(r);
    } else { /* no files here: it is public as soon as it is released */
        say_out(r, true);
    }
}

static void look(void *user)
{
    struct tsn_house *h = user;
    if (h->busy || h->closed) {
        return;
    }
    h->busy = true;
    h->refresh = h->refresh || tsn_clock_mono_ms() - h->refreshed_ms > REFRESH_MS;
    struct round *r = tsn_op_new(sizeof(*r), apply_look, done_look, NULL);
    r->house = h;
    if (tsn_reader_submit(h->config.reader, &r->op)) {
        end_round(r, RETRY_MS);
    }
}

tsn_err tsn_house_open(struct tsn_house **out, const struct tsn_house_config *config,
                       struct tsn_diag *diag)
{
    const struct tsn_publish_config *c = config->publish;
    if (c->dir && c->key && (!c->gnupg || !c->key_file)) {
        return tsn_diag_set(diag, TSN_EINPUT, "P003",
                            "publish: `key` needs `gnupg` and `key_file` as well");
    }
    struct tsn_house *h = tsn_alloc(sizeof *h);
    h->config = *config;
    h->refresh = true;
    tsn_advisory_env.tree = c->dir != NULL || json_array_size(tsn_advisory_env.lists) > 0;
    h->timer = tsn_timer_new(config->loop, look, h);
    tsn_timer_arm(h->timer, 0);
    *out = h;
    return 0;
}

void tsn_house_close(struct tsn_house *h)
{
    if (!h) {
        return;
    }
    tsn_timer_destroy(h->timer);
    h->timer = NULL;
    h->closed = true;
    if (!h->busy && !h->looking) {
        free(h);
    }
}

void tsn_house_state(const struct tsn_house *h, struct tsn_house_state *out)
{
    *out = (struct tsn_house_state){0};
    if (h) {
        out->on = h->config.publish->dir != NULL;
        out->reason = h->reason[0] ? h->reason : NULL;
        out->held = h->held;
        out->security_until = h->security_until;
        out->key = out->on ? h->config.publish->key : NULL;
        out->key_until = h->key_until;
        out->key_problem = h->key_problem;
    }
}
