/* engine_rate.c - durable steps a second of the real engine, beside raw SQLite on the same disk in the
 * same minute. Run by hand: ./dev bench engine, or engine_rate DIRECTORY [WHAT ...] with WHAT of
 * rate latency parked wake. Prints a line a figure; never a pass or fail.
 *
 * The engine is whole: store with sealing and tree, writer and reader threads, two Lua workers. A step
 * is an external action that is done in the next turn of the loop: intent committed, effect, outcome
 * committed, then Lua goes on. That is two entries, two updates of the run's row.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "core/clock.h"
#include "core/crypto.h"
#include "core/json.h"
#include "core/log.h"
#include "engine/engine_impl.h"
#include "raw_sqlite.h"
#include "store/record_case.h"
#include "store/record_run.h"

struct bench {
    char dir[200], db[240];
    struct tsn_arena *arena;
    struct tsn_loop *loop;
    struct tsn_writer *writer;
    struct tsn_reader *reader;
    struct tsn_registry *registry;
    struct tsn_engine *engine;
    bool ready;
    char case_id[TSN_ULID_LEN + 1];
    uint64_t effects;
    int64_t first_effect_us;
    size_t text, sealed; /* bytes of an entry, as measured */
};

static int64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void die(const char *what)
{
    fprintf(stderr, "engine_rate: %s\n", what);
    exit(1);
}

/* --- the one action */

static void step_end(void *user)
{
    struct tsn_call *call = user;

    call->done(call, TSN_OUTCOME_OK, NULL, NULL);
}

static tsn_err step_start(struct tsn_call *call, struct tsn_diag *diag)
{
    struct bench *b = call->action->user;

    (void)diag;
    if (b->effects++ == 0)
        b->first_effect_us = now_us();
    tsn_loop_later(b->loop, step_end, call);
    return 0;
}

/* --- the node */

static void on_ready(void *user)
{
    ((struct bench *)user)->ready = true;
}

static void on_dead(tsn_err err, void *user)
{
    (void)err;
    (void)user;
    die("the writer died");
}

static struct tsn_store *open_store(struct bench *b, bool read_only)
{
    char key[240];
    struct tsn_store *st;
    struct tsn_diag diag;
    struct tsn_store_config config = {
        .path = b->db, .key_file = key, .read_only = read_only, .create = !read_only};

    tsn_diag_init(&diag);
    snprintf(key, sizeof(key), "%s/key", b->dir);
    if (tsn_store_open(&st, &config, &diag))
        die(diag.what);
    return st;
}

static void node_open(struct bench *b)
{
    char dir[240];
    struct tsn_diag diag;
    const struct tsn_action step = {.name = "bench.step",
                                    .summary = "does nothing, outside",
                                    .effect = TSN_EFFECT_EXTERNAL,
                                    .doubt = TSN_DOUBT_REPEAT_SAFE,
                                    .start = step_start,
                                    .user = b};
    struct tsn_engine_config config = {.workers = 2, .resident = 1024};

    tsn_diag_init(&diag);
    snprintf(dir, sizeof(dir), "%s/playbooks", b->dir);
    if (tsn_loop_open(&b->loop) || tsn_registry_open(&b->registry) ||
        tsn_registry_add(b->registry, &step))
        die("loop");
    if (tsn_writer_open(&b->writer, b->loop, open_store(b, false), on_dead, b) ||
        tsn_reader_open(&b->reader, b->loop, open_store(b, true)))
        die("store threads");
    config.loop = b->loop;
    config.writer = b->writer;
    config.reader = b->reader;
    config.registry = b->registry;
    config.playbook_dir = dir;
    b->ready = false;
    if (tsn_engine_open(&b->engine, &config, on_ready, b, &diag))
        die(diag.what);
    while (!b->ready)
        uv_run(tsn_loop_uv(b->loop), UV_RUN_ONCE);
}

static void node_close(struct bench *b)
{
    int64_t end;

    tsn_engine_close(b->engine);
    tsn_writer_close(b->writer);
    tsn_reader_close(b->reader);
    end = tsn_clock_mono_ms() + 5000;
    while (uv_loop_alive(tsn_loop_uv(b->loop)) && tsn_clock_mono_ms() < end)
        uv_run(tsn_loop_uv(b->loop), UV_RUN_NOWAIT);
    tsn_loop_close(b->loop);
    tsn_registry_close(b->registry);
}

static void playbook(struct bench *b, const char *name, const char *body)
{
    char path[300];
    FILE *f;

    snprintf(path, sizeof(path), "%s/playbooks/%s.lua", b->dir, name);
    f = fopen(path, "w");
    if (!f)
        die("playbook");
    fprintf(f,
            "local bench = use \"bench\"\nreturn playbook { name = \"%s\", on = \"bench\",\n"
            "  run = function(case, ev)\n%s\n  end,\n}\n",
            name, body);
    fclose(f);
}

static void fresh(struct bench *b, const char *name)
{
    char command[900];

    snprintf(b->db, sizeof(b->db), "%s/%s.db", b->dir, name);
    snprintf(command, sizeof(command), "rm -rf %s/playbooks %s* && mkdir -p %s/playbooks",
             b->dir, b->db, b->dir);
    if (system(command))
        die("directory");
    playbook(b, "steps",
             "for i = 1, ev.n do bench.step { i = i, text = \"block 203.0.113.9\" } end");
    playbook(b, "naps", "sleep(ev.ms .. \"ms\")");
    b->case_id[0] = '\0';
}

/* --- runs, made in ops of 1,000 */

struct make_op {
    struct tsn_op op;
    struct bench *b;
    const struct tsn_playbook *pb;
    const char *event;
    size_t n;
    const char **ids;
    bool *done;
};

static tsn_err make_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct make_op *m = (struct make_op *)op;
    struct tsn_arena *a = op->arena;
    struct tsn_rec_case c = {.id = m->b->case_id,
                             .name = "BENCH-1",
                             .kind = "incident",
                             .state = "open",
                             .title = "t",
                             .facts = "{}"};
    const struct tsn_actor by = {.auth = "local"};
    tsn_err err = tsn_store_insert(st, &tsn_table_case, &c);

    if (err == TSN_ECONFLICT)
        err = 0;
    for (size_t i = 0; i < m->n && !err; i++) {
        struct tsn_rec_run row;
        struct tsn_run_new in = {
            .playbook_hash = m->pb->hash,
            .playbook_title = "bench@1",
            .case_id = m->b->case_id,
            .input = tsn_arena_printf(a,
                                      "{\"case\":{\"id\":\"%s\",\"name\":\"BENCH-1\"},"
                                      "\"event\":%s}",
                                      m->b->case_id, m->event),
            .by = &by,
            .ref = -1};

        err = tsn_run_create(st, a, &in, tsn_clock_wall_ms(), &row);
        m->ids[i] = row.id;
    }
    return err;
}

static void make_done(struct tsn_op *op)
{
    struct make_op *m = (struct make_op *)op;

    if (op->err)
        die(tsn_err_name(op->err));
    for (size_t i = 0; i < m->n; i++)
        tsn_engine_wake(m->b->engine, m->ids[i]);
    *m->done = true;
    tsn_op_destroy(op);
}

static void make_runs(struct bench *b, const char *name, const char *event, size_t n)
{
    if (!b->case_id[0])
        tsn_id_new(b->case_id);
    while (n > 0) {
        struct make_op *m = tsn_op_new(sizeof(*m), make_apply, make_done, NULL);
        bool done = false;

        m->b = b;
        m->pb = tsn_engine_playbook(b->engine, name);
        if (!m->pb)
            die("no playbook");
        m->event = event;
        m->n = n < 1000 ? n : 1000;
        m->ids = tsn_arena_alloc(m->op.arena, m->n * sizeof(*m->ids));
        m->done = &done;
        n -= m->n;
        if (tsn_writer_submit(b->writer, &m->op, TSN_LANE_RUNS))
            die("the writer is full");
        while (!done)
            uv_run(tsn_loop_uv(b->loop), UV_RUN_ONCE);
    }
}

static uint64_t finished(struct bench *b)
{
    struct tsn_engine_stats s;

    tsn_engine_stats(b->engine, &s);
    return s.finished;
}

static void until_finished(struct bench *b, uint64_t n)
{
    while (finished(b) < n)
        uv_run(tsn_loop_uv(b->loop), UV_RUN_ONCE);
}

/* --- what came of it on disk */

static double query(const char *db, const char *sql)
{
    sqlite3 *h = NULL;
    sqlite3_stmt *s = NULL;
    double v = 0;

    if (sqlite3_open_v2(db, &h, SQLITE_OPEN_READWRITE, NULL) == 0 &&
        sqlite3_prepare_v2(h, sql, -1, &s, NULL) == 0 && sqlite3_step(s) == SQLITE_ROW)
        v = sqlite3_column_double(s, 0);
    sqlite3_finalize(s);
    sqlite3_close(h);
    return v;
}

static double file_size(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 ? (double)st.st_size : 0;
}

/* Anonymous resident memory of this process: what the core itself holds. */
static double rss_mib(void)
{
    char line[256];
    double kb = 0;
    FILE *f = fopen("/proc/self/status", "r");

    while (f && fgets(line, sizeof(line), f))
        if (sscanf(line, "RssAnon: %lf", &kb) == 1)
            break;
    if (f)
        fclose(f);
    return kb / 1024;
}

static double child_mib(struct bench *b)
{
    char path[64], line[256];
    double sum = 0;

    for (size_t i = 0; i < b->engine->nworkers; i++) {
        double kb = 0;
        FILE *f;

        snprintf(path, sizeof(path), "/proc/%d/status",
                 (int)tsn_child_pid(b->engine->workers[i].child));
        f = fopen(path, "r");
        while (f && fgets(line, sizeof(line), f))
            if (sscanf(line, "RssAnon: %lf", &kb) == 1)
                break;
        if (f)
            fclose(f);
        sum += kb / 1024;
    }
    return sum;
}

/* --- the figures */

static void rate(struct bench *b, size_t runs, size_t each)
{
    struct tsn_writer_stats before, after;
    char event[64], raw[260];
    double took, steps = (double)(runs * each), entries, batch, bare, same;

    fresh(b, "rate");
    node_open(b);
    make_runs(b, "steps", "{\"n\":1}", 1); /* warm */
    until_finished(b, 1);
    tsn_writer_stats(b->writer, &before);
    snprintf(event, sizeof(event), "{\"n\":%zu}", each);
    int64_t began = now_us();
    make_runs(b, "steps", event, runs);
    until_finished(b, 1 + runs);
    took = (double)(now_us() - began) / 1e6;
    tsn_writer_stats(b->writer, &after);
    double resident = child_mib(b);
    node_close(b);
    entries = query(b->db, "SELECT count(*) FROM entry");
    b->text = (size_t)query(b->db, "SELECT avg(length(text)) FROM entry");
    b->sealed = (size_t)query(b->db, "SELECT avg(coalesce(length(sealed), 0)) FROM entry");
    batch = (double)(after.ops - before.ops) / (double)(after.batches - before.batches);

    snprintf(raw, sizeof(raw), "%s/raw.db", b->dir);
    struct raw_job job = {.path = raw,
                          .entries = (size_t)entries < 2000 ? 2000 : (size_t)entries,
                          .batch = (size_t)(batch + 0.5),
                          .text = b->text,
                          .sealed = b->sealed};
    bare = raw_rate(&job);
    job.runs = runs;
    same = raw_rate(&job);
    double mine = entries / took;
    printf(
        "rate       %4zu in flight: %8.0f steps/s, %8.0f entries/s; batch %6.1f; raw append "
        "%8.0f, "
        "raw same rows %8.0f entries/s; ratio %.2f of append, %.2f of same rows; %.0f bytes a "
        "step; workers %.0f MiB\n",
        runs, steps / took, mine, batch, bare, same, mine / bare, mine / same,
        file_size(b->db) / steps, resident);
    fflush(stdout);
}

static int by_value(const void *x, const void *y)
{
    int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;

    return a < b ? -1 : a > b;
}

static void latency(struct bench *b)
{
    enum { N = 300 };
    static int64_t us[N];
    char raw[260];
    double commit;

    fresh(b, "latency");
    node_open(b);
    for (int i = 0; i < N; i++) {
        int64_t began;

        b->effects = 0;
        began = now_us();
        make_runs(b, "steps", "{\"n\":1}", 1);
        until_finished(b, (uint64_t)i + 1);
        us[i] = b->first_effect_us - began;
    }
    node_close(b);
    qsort(us, N, sizeof(us[0]), by_value);
    snprintf(raw, sizeof(raw), "%s/raw.db", b->dir);
    commit = raw_commit_us(raw, N, b->text ? b->text : 600, b->sealed ? b->sealed : 200);
    printf("latency    trigger to first effect: p50 %" PRId64 " us, p99 %" PRId64
           " us; one raw commit p50 %.0f us; p50 is %.1f commits\n",
           us[N / 2], us[N * 99 / 100], commit, (double)us[N / 2] / commit);
    fflush(stdout);
}

static double count_parked(struct bench *b)
{
    return query(b->db, "SELECT count(*) FROM run WHERE state IN ('parked', 'waiting')");
}

static void until_parked(struct bench *b, size_t n)
{
    while (b->engine->nruns > 0)
        uv_run(tsn_loop_uv(b->loop), UV_RUN_ONCE);
    if (count_parked(b) < (double)n)
        die("not all of them are parked");
}

static void parked(struct bench *b, size_t n)
{
    double before, after, made;
    int64_t began;

    fresh(b, "parked");
    node_open(b);
    make_runs(b, "naps", "{\"ms\":86400000}", 10);
    until_parked(b, 10);
    before = rss_mib();
    began = now_us();
    for (size_t i = 0; i < n; i += 2000) {
        make_runs(b, "naps", "{\"ms\":86400000}", 2000);
        while (b->engine->nruns > 1000)
            uv_run(tsn_loop_uv(b->loop), UV_RUN_ONCE);
    }
    until_parked(b, n);
    made = (double)(now_us() - began) / 1e6;
    after = rss_mib();
    double size = file_size(b->db);
    node_close(b);
    began = now_us();
    node_open(b);
    double ready_ms = (double)(now_us() - began) / 1e3;
    double idle = rss_mib();
    printf(
        "parked     %zu runs, made and parked in %.1f s; they add %.1f MiB to the core (from "
        "%.1f), %.0f bytes each; %.0f bytes each on disk; ready again in %.0f ms, core then "
        "%.1f "
        "MiB\n",
        n, made, after - before, before, (after - before) * 1048576 / (double)n,
        size / (double)n, ready_ms, idle);
    fflush(stdout);
    node_close(b);
}

static void wake(struct bench *b, size_t n)
{
    int64_t began, due;
    char event[64];

    fresh(b, "wake");
    node_open(b);
    due = tsn_clock_wall_ms() + 45000;
    for (size_t i = 0; i < n; i += 1000) {
        snprintf(event, sizeof(event), "{\"ms\":%lld}", (long long)(due - tsn_clock_wall_ms()));
        make_runs(b, "naps", event, 1000);
        while (b->engine->nruns > 500)
            uv_run(tsn_loop_uv(b->loop), UV_RUN_ONCE);
    }
    until_parked(b, n);
    while (tsn_clock_wall_ms() < due)
        uv_run(tsn_loop_uv(b->loop), UV_RUN_ONCE);
    began = now_us();
    until_finished(b, n);
    double took = (double)(now_us() - began) / 1e6;
    printf(
        "wake       %zu parked runs due at once: all finished in %.2f s, %.0f a second; core "
        "%.1f MiB\n",
        n, took, (double)n / took, rss_mib());
    fflush(stdout);
    node_close(b);
}

static bool wanted(int argc, char **argv, const char *what)
{
    for (int i = 2; i < argc; i++)
        if (strcmp(argv[i], what) == 0)
            return true;
    return argc <= 2;
}

int main(int argc, char **argv)
{
    static const size_t flights[][2] = {{1, 500}, {10, 200}, {100, 100}, {1000, 20}};
    struct bench b = {.text = 0};

    if (argc < 2)
        die("usage: engine_rate DIRECTORY [rate|latency|parked|wake ...]");
    tsn_json_init();
    tsn_crypto_init();
    tsn_log_open(-1);
    snprintf(b.dir, sizeof(b.dir), "%s", argv[1]);
    for (size_t i = 0; i < 4 && wanted(argc, argv, "rate"); i++)
        rate(&b, flights[i][0], flights[i][1]);
    if (wanted(argc, argv, "latency"))
        latency(&b);
    if (wanted(argc, argv, "parked"))
        parked(&b, 100000);
    if (wanted(argc, argv, "wake"))
        wake(&b, 10000);
    return 0;
}
