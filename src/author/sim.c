/* sim.c - life of the simulation: opened, settled, crashed, closed; its clock. Loop thread, but for the
 * fault hook, which is told in the thread that passes the point. */
#include "author/sim_int.h"
#include "casework/policy.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "core/clock.h"
#include "core/fault.h"
#include "core/log.h"
#include "store/record_run.h"

#define STUCK_MS   30000
#define LATE_TURNS 100000 /* timers at one instant: more is a loop */

/* --- the clock: the process's, so there is one simulation at a time */

static _Atomic int64_t now_ms;

static int64_t clock_ms(void *user)
{
    (void)user;
    return now_ms;
}

int64_t tsn_sim_now(const struct tsn_sim *sim)
{
    (void)sim;
    return now_ms;
}

/* --- crashes */

/* Outcomes on record, of all runs. */
static int64_t settled(struct tsn_sim *sim)
{
    struct tsn_arena *arena = tsn_arena_new();
    const struct tsn_list how = {.skip_blobs = true};
    void *rows = NULL;
    size_t n = 0;
    int64_t sum = 0;

    if (tsn_store_begin(sim->peek) == 0) {
        if (tsn_store_list(sim->peek, arena, &tsn_table_run, &how, &rows, &n))
            n = 0;
        for (size_t i = 0; i < n; i++)
            sum += ((const struct tsn_rec_run *)rows)[i].deliver_no;
        tsn_store_rollback(sim->peek);
    }
    tsn_arena_destroy(arena);
    return sum;
}

/* An op of the engine has been committed and nothing of it has been acted on yet: the moment at which a
 * crash is hardest. Loop thread. */
static void on_fault(const char *name, void *user)
{
    struct tsn_sim *sim = user;
    size_t n = strlen(name);

    if (strncmp(name, "engine.", 7) != 0 || strcmp(name + n - 10, ".committed") != 0 ||
        !sim->peek)
        return;
    for (int64_t now = settled(sim); sim->outcomes < now; sim->outcomes++) {
        if (sim->crash_at == 0 || --sim->crash_at > 0)
            continue;
        sim->crash_now = true;
        if (sim->crash_every)
            sim->crash_at = 1;
    }
}

void tsn_sim_crash_at(struct tsn_sim *sim, int64_t n, bool every)
{
    sim->crash_at = n;
    sim->crash_every = every;
    sim->crash_now = false;
}

int64_t tsn_sim_crashes(const struct tsn_sim *sim)
{
    return sim->crashes;
}

int64_t tsn_sim_outcomes(const struct tsn_sim *sim)
{
    return sim->outcomes;
}

/* --- parts */

static void on_dead(tsn_err err, void *user)
{
    (void)err;
    ((struct tsn_sim *)user)->dead = true;
}

static void on_ready(void *user)
{
    ((struct tsn_sim *)user)->ready = true;
}

/* As at a node's start: what the store does not know is adopted, then all is loaded. */
static tsn_err open_policies(struct tsn_sim *sim, struct tsn_store *st, struct tsn_diag *diag)
{
    struct tsn_arena *arena = tsn_arena_new();
    tsn_err err = tsn_store_begin(st);

    sim->policies = tsn_policies_new();
    sim->casework.policies = sim->policies;
    if (!err)
        err = tsn_policies_start(sim->policies, st, arena, sim->config.policies,
                                 sim->config.npolicies, tsn_sim_now(sim), diag);
    if (!err)
        err = tsn_store_commit(st);
    tsn_arena_destroy(arena);
    return err;
}

static tsn_err open_store(struct tsn_sim *sim, struct tsn_diag *diag)
{
    struct tsn_store_config sc = {
        .path = sim->database, .key_file = sim->key_file, .create = true, .scratch = true};
    struct tsn_store *st = NULL;
    tsn_err err = tsn_store_open(&st, &sc, diag);

    if (!err && sim->config.npolicies) {
        err = open_policies(sim, st, diag);
        if (err)
            tsn_store_close(st);
    }
    if (!err)
        err = tsn_writer_open(&sim->writer, sim->loop, st, on_dead, sim);
    if (err)
        return err;
    sc.create = false;
    sc.read_only = true;
    err = tsn_store_open(&st, &sc, diag);
    if (!err)
        err = tsn_reader_open(&sim->reader, sim->loop, st);
    return err ? err : tsn_store_open(&sim->peek, &sc, diag);
}

static tsn_err open_engine(struct tsn_sim *sim, struct tsn_diag *diag)
{
    const struct tsn_engine_config ec = {.loop = sim->loop,
                                         .writer = sim->writer,
                                         .reader = sim->reader,
                                         .registry = sim->registry,
                                         .playbook_dir = sim->config.playbook_dir,
                                         .picks = sim->config.picks,
                                         .workers = 1,
                                         .dry = sim->config.dry};

    return tsn_engine_open(&sim->engine, &ec, on_ready, sim, diag);
}

static tsn_err parts_open(struct tsn_sim *sim, struct tsn_diag *diag)
{
    tsn_err err = tsn_loop_open(&sim->loop);

    if (err)
        return err;
    tsn_loop_simulate(sim->loop);
    sim->ready = false;
    err = open_store(sim, diag);
    if (!err)
        err = tsn_httpc_open(&sim->httpc, sim->loop);
    if (!err)
        err = tsn_sim_actions_open(sim, diag);
    if (!err)
        err = open_engine(sim, diag);
    return err ? err : tsn_sim_settle(sim, diag);
}

static void parts_close(struct tsn_sim *sim)
{
    if (sim->intake)
        tsn_intake_close(sim->intake);
    if (sim->engine)
        tsn_engine_close(sim->engine);
    if (sim->httpc)
        tsn_httpc_close(sim->httpc);
    tsn_writer_close(sim->writer);
    tsn_reader_close(sim->reader);
    sim->intake = NULL;
    sim->engine = NULL;
    sim->httpc = NULL;
    sim->writer = NULL;
    sim->reader = NULL;
    if (sim->peek)
        tsn_store_close(sim->peek);
    sim->peek = NULL;
    if (sim->loop) {
        tsn_loop_run(sim->loop); /* until the worker has been reaped */
        tsn_loop_close(sim->loop);
    }
    sim->loop = NULL;
    tsn_sim_actions_close(sim);
    tsn_policies_destroy(sim->policies);
    sim->policies = NULL;
    sim->casework.policies = NULL;
    sim->hanging = 0;
}

/* --- until nothing moves */

static bool quiet(struct tsn_sim *sim)
{
    struct tsn_engine_stats stats;

    if (!sim->ready || tsn_loop_pending(sim->loop) || !tsn_writer_idle(sim->writer) ||
        !tsn_reader_idle(sim->reader) || !tsn_engine_quiet(sim->engine))
        return false;
    tsn_engine_stats(sim->engine, &stats);
    return (int64_t)stats.in_flight <= sim->hanging;
}

static void on_stuck(uv_timer_t *timer)
{
    *(bool *)timer->data = true;
}

/* In real time, because what we wait for is: threads and the worker. */
static tsn_err run_until_quiet(struct tsn_sim *sim, struct tsn_diag *diag)
{
    uv_loop_t *uv = tsn_loop_uv(sim->loop);
    uv_timer_t *guard = tsn_alloc(sizeof(*guard));
    bool stuck = false;

    uv_timer_init(uv, guard);
    guard->data = &stuck;
    uv_timer_start(guard, on_stuck, STUCK_MS, 0);
    while (!stuck && !sim->dead && !sim->crash_now && !quiet(sim))
        uv_run(uv, UV_RUN_ONCE);
    uv_close((uv_handle_t *)guard, (uv_close_cb)free);
    if (sim->dead)
        return tsn_diag_set(diag, TSN_EIO, "L280",
                            "the simulation's database cannot be written");
    if (stuck)
        return tsn_diag_set(
            diag, TSN_ETIMEOUT, "L280",
            "the simulation does not come to rest: the playbook, or the worker, hangs");
    return 0;
}

tsn_err tsn_sim_settle(struct tsn_sim *sim, struct tsn_diag *diag)
{
    tsn_err err = run_until_quiet(sim, diag);

    while (!err && sim->crash_now) {
        sim->crash_now = false;
        err = tsn_sim_crash(sim, diag);
    }
    return err;
}

tsn_err tsn_sim_crash(struct tsn_sim *sim, struct tsn_diag *diag)
{
    sim->crashes++;
    parts_close(sim);
    return parts_open(sim, diag);
}

tsn_err tsn_sim_advance(struct tsn_sim *sim, int64_t ms, struct tsn_diag *diag)
{
    int64_t end = now_ms + ms;
    tsn_err err = tsn_sim_settle(sim, diag);

    for (int turns = 0; !err; turns++) {
        int64_t at = tsn_loop_next_due(sim->loop);

        if (at > end)
            break;
        if (at > now_ms)
            turns = 0;
        if (turns > LATE_TURNS)
            return tsn_diag_set(diag, TSN_EBUG, "L280",
                                "time does not go on: timers set each other");
        if (at > now_ms)
            now_ms = at;
        tsn_loop_fire(sim->loop);
        err = tsn_sim_settle(sim, diag);
    }
    if (!err)
        now_ms = end;
    return err;
}

/* --- reading */

struct read_op {
    struct tsn_op op;
    tsn_sim_fn *fn;
    struct tsn_arena *arena;
    void *arg;
    tsn_err *err;
    bool *done;
};

static tsn_err read_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct read_op *r = (struct read_op *)op;

    return r->fn(st, r->arena, r->arg);
}

static void read_done(struct tsn_op *op)
{
    struct read_op *r = (struct read_op *)op;

    *r->err = op->err;
    *r->done = true;
    tsn_op_destroy(op);
}

tsn_err tsn_sim_read(struct tsn_sim *sim, struct tsn_arena *arena, tsn_sim_fn *fn, void *user)
{
    struct read_op *r = tsn_op_new(sizeof(*r), read_apply, read_done, NULL);
    tsn_err err = 0;
    bool done = false;

    r->fn = fn;
    r->arena = arena;
    r->arg = user;
    r->err = &err;
    r->done = &done;
    if (tsn_reader_submit(sim->reader, &r->op)) {
        tsn_op_destroy(&r->op);
        return TSN_EBUSY;
    }
    while (!done)
        uv_run(tsn_loop_uv(sim->loop), UV_RUN_ONCE);
    return err;
}

/* --- life */

tsn_err tsn_sim_open(struct tsn_sim **out, const struct tsn_sim_config *config,
                     struct tsn_diag *diag)
{
    static const struct tsn_clock_source source = {.wall_ms = clock_ms, .mono_ms = clock_ms};
    const char *tmp = getenv("TMPDIR");
    struct tsn_sim *sim = tsn_alloc(sizeof(*sim));

    sim->config = *config;
    sim->arena = tsn_arena_new();
    sim->answers = json_object();
    sim->calls = json_array();
    (void)snprintf(sim->dir, sizeof(sim->dir), "%.40s/tocsin-sim-XXXXXX",
                   tmp && *tmp ? tmp : "/tmp");
    now_ms = config->start_ms ? config->start_ms : TSN_SIM_START;
    tsn_clock_set(&source);
    tsn_fault_hook(on_fault, sim);
    *out = sim;
    if (!mkdtemp(sim->dir)) {
        sim->dir[0] = '\0';
        return tsn_diag_set(diag, TSN_EIO, "L280", "no folder for the simulation can be made");
    }
    sim->database = tsn_arena_printf(sim->arena, "%s/tocsin.db", sim->dir);
    sim->key_file = tsn_arena_printf(sim->arena, "%s/tocsin.key", sim->dir);
    sim->maildir = tsn_arena_printf(sim->arena, "%s/mail", sim->dir);
    sim->mail = *config->mail;
    sim->mail.maildir = sim->maildir;
    sim->mail.smtp_url = NULL;
    if (config->casework) { /* a copy: each process of the simulation has its own policies */
        sim->casework = *config->casework;
        sim->config.casework = &sim->casework;
    }
    return parts_open(sim, diag);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st;
    (void)kind;
    (void)ftw;
    return remove(path);
}

void tsn_sim_close(struct tsn_sim *sim)
{
    if (!sim)
        return;
    parts_close(sim);
    tsn_fault_hook(NULL, NULL);
    tsn_clock_set(NULL);
    if (sim->dir[0])
        (void)nftw(sim->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    json_decref(sim->answers);
    json_decref(sim->calls);
    tsn_arena_destroy(sim->arena);
    free(sim);
}

const struct tsn_diag *tsn_sim_broken(const struct tsn_sim *sim, const char *playbook)
{
    const struct tsn_diag *list;
    size_t n = tsn_engine_broken(sim->engine, &list), len = strlen(playbook);

    for (size_t i = 0; i < n; i++) {
        if (strncmp(list[i].file, playbook, len) == 0 &&
            strcmp(list[i].file + len, ".lua") == 0)
            return &list[i];
    }
    return NULL;
}
