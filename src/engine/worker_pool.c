/* worker_pool.c - the Lua workers: started, fed, watched, killed, started again.
 *
 * A worker is disposable: when one dies, its runs are replayed elsewhere. Only the run whose Lua
 * was running is charged for it. Nothing a worker says is trusted: every frame is checked, and one
 * that cannot be understood ends the worker. Loop thread.
 */
#include "engine/engine_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/clock.h"
#include "core/fault.h"
#include "core/frame.h"
#include "core/json.h"
#include "core/log.h"
#include "core/text.h"

#define HELLO_MS    10000
#define GRACE_MS    100 /* the loop itself may have been late: look once more */
#define SLOW_FACTOR 5   /* from a message to its BEGAN: other runs may be in front */
#define BACKOFF_MS  50
#define BACKOFF_MAX 10000
#define STEADY_MS   5000

static void worker_spawn(struct tsn_worker *w);

/* --- watchdog */

static void watch(struct tsn_worker *w)
{
    int64_t ms = 0;

    if (w->active[0])
        ms = w->e->config.wall_ms;
    else if (w->child && !w->up)
        ms = HELLO_MS;
    else if (w->expected > 0 || w->describing >= 0)
        ms = w->e->config.wall_ms * SLOW_FACTOR;
    w->warned = false;
    w->watching = ms > 0;
    if (ms > 0)
        tsn_timer_arm(w->watch, ms);
    else
        tsn_timer_disarm(w->watch);
}

static void watch_fired(void *user)
{
    struct tsn_worker *w = user;

    if (!w->child)
        return;
    if (!w->warned) {
        w->warned = true;
        tsn_timer_arm(w->watch, GRACE_MS);
        return;
    }
    tsn_log(TSN_LOG_WARN, "worker.overran", "run", w->active[0] ? w->active : NULL, NULL);
    w->watching = false;
    w->up = false;
    tsn_child_kill(w->child);
}

static void worker_kill(struct tsn_worker *w, const char *why)
{
    tsn_log(TSN_LOG_ERROR, "worker.killed", "why", why, NULL);
    w->up = false;
    if (w->child)
        tsn_child_kill(w->child);
}

/* --- frames */

static struct tsn_run *run_of(struct tsn_worker *w, const json_t *v)
{
    struct tsn_run *r = tsn_runmap_find(w->e, tsn_json_str(v, "run", ""));

    return r && r->worker == w && !r->dead ? r : NULL;
}

static void on_hello(struct tsn_worker *w, const json_t *v)
{
    const char *weaker = tsn_json_str(v, "weaker", "");

    if (tsn_json_int(v, "protocol", 0) != TSN_FRAME_VERSION) {
        worker_kill(w, "speaks another protocol");
        return;
    }
    w->up = true;
    if (*weaker)
        tsn_log(TSN_LOG_WARN, "worker.weaker", "why", weaker, NULL);
    if (!w->e->ready)
        tsn_playbooks_next(w->e);
    tsn_run_pump(w->e);
}

static void on_began(struct tsn_worker *w, const json_t *v, struct tsn_run *r)
{
    (void)tsn_copy(w->active, sizeof(w->active), tsn_json_str(v, "run", ""));
    if (r && !r->began) {
        r->began = true;
        if (w->expected > 0)
            w->expected--;
    }
}

static void on_idle(struct tsn_worker *w, struct tsn_run *r)
{
    w->active[0] = '\0';
    if (r && r->phase == TSN_PHASE_ACTIVE && r->began)
        tsn_run_idle(r);
}

static void on_run_frame(struct tsn_run *r, uint8_t type, const json_t *v)
{
    if (r->phase != TSN_PHASE_ACTIVE) {
        tsn_log(TSN_LOG_WARN, "worker.out_of_turn", "run", r->id, NULL);
        return;
    }
    r->suspected = 0;
    switch (type) {
    case TSN_FRAME_WANT:
        tsn_run_want(r, v);
        break;
    case TSN_FRAME_JOINED:
        tsn_run_joined(r, v);
        break;
    case TSN_FRAME_DISMISS:
        tsn_run_dismiss(r, v);
        break;
    case TSN_FRAME_ENDED:
        tsn_run_ended(r, v);
        break;
    case TSN_FRAME_FAILED:
        tsn_run_failed(r, v);
        break;
    case TSN_FRAME_DIVERGED:
        tsn_run_diverged(r, v);
        break;
    }
}

static void on_log(const struct tsn_run *r, const json_t *v)
{
    tsn_log(TSN_LOG_INFO, "playbook.logged", "run", r->id, "text", tsn_json_str(v, "text", ""),
            NULL);
}

static void on_value(struct tsn_worker *w, uint8_t type, const json_t *v)
{
    struct tsn_run *r = run_of(w, v);
    int file = w->describing;

    if (w->e->dries && tsn_dry_take(w, type, v))
        return;

    switch (type) {
    case TSN_FRAME_HELLO:
        on_hello(w, v);
        break;
    case TSN_FRAME_BEGAN:
        on_began(w, v, r);
        break;
    case TSN_FRAME_IDLE:
        on_idle(w, r);
        break;
    case TSN_FRAME_ENDED:
    case TSN_FRAME_FAILED:
    case TSN_FRAME_DIVERGED:
        w->active[0] = '\0';
        if (r)
            on_run_frame(r, type, v);
        break;
    case TSN_FRAME_WANT:
    case TSN_FRAME_JOINED:
    case TSN_FRAME_DISMISS:
        if (r)
            on_run_frame(r, type, v);
        break;
    case TSN_FRAME_LOG:
        if (r)
            on_log(r, v);
        break;
    case TSN_FRAME_DESCRIBED:
        w->describing = -1;
        if (file >= 0)
            tsn_playbooks_described(w->e, file, v);
        break;
    default:
        worker_kill(w, "sent a frame of an unknown type");
    }
}

static void on_frame(struct tsn_child *c, const struct tsn_frame *f, void *user)
{
    struct tsn_worker *w = user;
    struct tsn_engine *e = w->e;
    json_t *v = NULL;

    (void)c;
    if (e->closing)
        return;
    tsn_engine_ref(e);
    if (tsn_json_parse(f->payload, f->len, &v, NULL) || !json_is_object(v))
        worker_kill(w, "sent a frame that is not a JSON object");
    else
        on_value(w, f->type, v);
    json_decref(v);
    if (!e->closing && w->child)
        watch(w);
    tsn_engine_unref(e);
}

/* --- death */

/* Nobody's Lua ran. The message it was at may be what kills it; once proves nothing. */
static bool suspect(struct tsn_run *r, bool head)
{
    if (!head || r->began)
        return false;
    return ++r->suspected >= TSN_SUSPECTS_MAX;
}

static void orphan(struct tsn_run *r, const char *active, bool head)
{
    if (r->phase != TSN_PHASE_ACTIVE)
        return; /* its open step goes on here; it is loaded when that is settled */
    if (strcmp(r->id, active) == 0)
        tsn_run_charge(r, "R023", "the worker died or was ended while this run's code ran");
    else if (suspect(r, head))
        tsn_run_stuck(r, "R023", "workers die when they are given this run");
    else {
        r->phase = TSN_PHASE_STEP;
        tsn_run_reload(r);
    }
}

static struct tsn_run *resident_of(struct tsn_engine *e, const struct tsn_worker *w)
{
    struct tsn_run *r = e->lru_first;

    while (r && r->worker != w)
        r = r->lru_next;
    return r;
}

static void respawn_fired(void *user)
{
    worker_spawn(user);
}

static void worker_later(struct tsn_worker *w)
{
    if (tsn_clock_mono_ms() - w->started_mono > STEADY_MS)
        w->backoff_ms = BACKOFF_MS;
    tsn_timer_arm(w->respawn, w->backoff_ms);
    w->backoff_ms *= 2;
    if (w->backoff_ms > BACKOFF_MAX)
        w->backoff_ms = BACKOFF_MAX;
}

static void on_exit_of(struct tsn_child *c, int64_t status, int sig, void *user)
{
    struct tsn_worker *w = user;
    struct tsn_engine *e = w->e;
    char active[sizeof(w->active)], text[32];
    struct tsn_run *r;
    bool head = true;
    int file = w->describing;

    (void)c;
    w->child = NULL;
    w->up = false;
    if (e->closing)
        goto out;
    (void)snprintf(text, sizeof(text), "%lld/%d", (long long)status, sig);
    tsn_log(TSN_LOG_WARN, "worker.died", "status", text, NULL);
    e->stats.worker_deaths++;
    e->stats.workers--;
    memcpy(active, w->active, sizeof(active));
    w->active[0] = '\0';
    w->expected = 0;
    w->describing = -1;
    watch(w);
    tsn_dry_lost(e, w);
    while ((r = resident_of(e, w)) != NULL) {
        bool first = head && !active[0] && r->phase == TSN_PHASE_ACTIVE && !r->began;

        r->worker = NULL;
        tsn_run_unlist(r);
        if (first)
            head = false;
        orphan(r, active, first);
    }
    w->runs = 0;
    worker_later(w);
    if (file >= 0)
        tsn_playbooks_killed(e, file);
out:
    tsn_engine_unref(e);
}

/* --- life */

static tsn_err worker_start(struct tsn_worker *w, struct tsn_diag *diag)
{
    char name[32];
    const char *argv[] = {w->e->worker_program, NULL};
    struct tsn_child_config config = {
        .name = name,
        .argv = argv,
        .on_frame = on_frame,
        .on_exit = on_exit_of,
        .user = w,
    };
    tsn_err err;

    (void)snprintf(name, sizeof(name), "worker %d", w->number);
    w->started_mono = tsn_clock_mono_ms();
    err = tsn_child_start(&w->child, w->e->config.loop, &config, diag);
    if (err)
        return err;
    tsn_engine_ref(w->e); /* until on_exit */
    w->e->stats.workers++;
    watch(w);
    return 0;
}

static void worker_spawn(struct tsn_worker *w)
{
    struct tsn_diag diag;

    if (w->e->closing || w->child)
        return;
    tsn_diag_init(&diag);
    if (worker_start(w, &diag)) {
        tsn_log(TSN_LOG_ERROR, "worker.not_started", "why", diag.what, NULL);
        worker_later(w);
    }
}

tsn_err tsn_pool_open(struct tsn_engine *e, struct tsn_diag *diag)
{
    tsn_err err =
        tsn_child_find(e->worker_program, sizeof(e->worker_program), "tocsin-worker", diag);

    if (err)
        return err;
    e->nworkers = (size_t)e->config.workers;
    e->workers = tsn_alloc(e->nworkers * sizeof(*e->workers));
    for (size_t i = 0; i < e->nworkers && !err; i++) {
        struct tsn_worker *w = &e->workers[i];

        w->e = e;
        w->number = (int)i + 1;
        w->describing = -1;
        w->backoff_ms = BACKOFF_MS;
        w->watch = tsn_timer_new(e->config.loop, watch_fired, w);
        w->respawn = tsn_timer_new(e->config.loop, respawn_fired, w);
        err = worker_start(w, diag);
    }
    return err;
}

void tsn_pool_close(struct tsn_engine *e)
{
    for (size_t i = 0; i < e->nworkers; i++) {
        struct tsn_worker *w = &e->workers[i];

        tsn_timer_destroy(w->watch);
        tsn_timer_destroy(w->respawn);
        w->watch = w->respawn = NULL;
        w->up = false;
        if (w->child)
            tsn_child_kill(w->child);
    }
}

bool tsn_pool_up(const struct tsn_engine *e)
{
    for (size_t i = 0; i < e->nworkers; i++)
        if (e->workers[i].up)
            return true;
    return false;
}

struct tsn_worker *tsn_pool_pick(struct tsn_engine *e)
{
    struct tsn_worker *best = NULL;

    for (size_t i = 0; i < e->nworkers; i++) {
        struct tsn_worker *w = &e->workers[i];

        if (w->up && (!best || w->runs < best->runs))
            best = w;
    }
    return best;
}

bool tsn_worker_activate(struct tsn_worker *w, struct tsn_run *r, uint8_t type,
                         const char *text, size_t len)
{
    r->began = false;
    tsn_fault("engine.worker.send");
    if (!w->child || !w->up || tsn_child_send(w->child, type, text, len)) {
        worker_kill(w, "does not take what is sent to it");
        return false;
    }
    w->expected++;
    if (!w->watching)
        watch(w);
    return true;
}

void tsn_worker_watch(struct tsn_worker *w)
{
    if (!w->watching)
        watch(w);
}

void tsn_worker_drop(struct tsn_worker *w, struct tsn_run *r)
{
    char text[64];
    int n = snprintf(text, sizeof(text), "{\"run\":\"%s\"}", r->id);

    if (w->runs > 0)
        w->runs--;
    if (r->phase == TSN_PHASE_ACTIVE && !r->began && w->expected > 0)
        w->expected--;
    if (w->child && w->up && !w->e->closing)
        (void)tsn_child_send(w->child, TSN_FRAME_DROP, text, (size_t)n);
}

void tsn_worker_describe(struct tsn_worker *w, int file)
{
    const struct tsn_pbfile *f = &w->e->files[file];
    struct tsn_buf b;
    json_t *name = json_string(f->file);
    char *quoted = tsn_json_text(name);

    tsn_buf_init(&b, TSN_FRAME_MAX - TSN_FRAME_HEAD);
    (void)tsn_buf_printf(&b, "{\"bundle\":%s,\"file\":%s}", f->bundle, quoted);
    w->describing = file;
    if (b.err || tsn_child_send(w->child, TSN_FRAME_DESCRIBE, b.data, b.len))
        worker_kill(w, "does not take a playbook");
    else
        watch(w);
    tsn_buf_free(&b);
    free(quoted);
    json_decref(name);
}
