/* engine_rig.h - a real engine for tests: store, writer, reader, worker processes, a small set of
 * actions whose effects are counted, and calls that wait for what happens. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
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
#include "store/record_case.h"
#include "store/record_run.h"
#include "store/record_system.h"

#define RIG_DEADLINE_MS 30000

struct rig {
    char dir[64];
    struct tsn_arena *arena;
    struct tsn_loop *loop;
    struct tsn_writer *writer;
    struct tsn_reader *reader;
    struct tsn_registry *registry;
    struct tsn_engine *engine;
    struct tsn_timer *tick;
    struct tsn_engine_config config;
    bool ready;
    char case_id[TSN_ULID_LEN + 1];
    /* effects */
    unsigned looks, sends, arms, hangs, stalls, flakies, cancels;
    unsigned flaky_fails;
    char idem[64];
    int64_t attempt;
    void (*more_actions)(struct rig *g); /* of one test; NULL = none */
    char sink[100];                      /* file that counts effects from outside */
    /* the last decision, signal or cancel */
    bool answered;
    tsn_err err;
    struct tsn_diag diag;
    json_t *info;
};

/* --- actions */

struct rig_later {
    struct tsn_call *call;
    enum tsn_outcome outcome;
    json_t *result;
    const char *code;
};

static inline void rig_finish(void *user)
{
    struct rig_later *l = user;
    struct tsn_diag diag;

    tsn_diag_init(&diag);
    if (l->code)
        (void)tsn_diag_set(&diag, TSN_EREMOTE, l->code, "the test says no");
    l->call->done(l->call, l->outcome, l->result, l->code ? &diag : NULL);
    json_decref(l->result);
    free(l);
}

static inline tsn_err rig_later(struct rig *g, struct tsn_call *call, enum tsn_outcome outcome,
                                json_t *result, const char *code)
{
    struct rig_later *l = tsn_alloc(sizeof(*l));

    *l = (struct rig_later){call, outcome, result, code};
    tsn_loop_later(g->loop, rig_finish, l);
    return 0;
}

static inline void rig_seen(struct rig *g, struct tsn_call *call)
{
    snprintf(g->idem, sizeof(g->idem), "%s", call->idem);
    g->attempt = call->attempt;
}

static inline tsn_err rig_look(struct tsn_call *call, struct tsn_diag *diag)
{
    struct rig *g = call->action->user;

    (void)diag;
    g->looks++;
    return rig_later(g, call, TSN_OUTCOME_OK, json_pack("{s:i}", "looks", (int)g->looks), NULL);
}

static inline tsn_err rig_send(struct tsn_call *call, struct tsn_diag *diag)
{
    struct rig *g = call->action->user;

    (void)diag;
    g->sends++;
    rig_seen(g, call);
    return rig_later(g, call, TSN_OUTCOME_OK, json_pack("{s:i}", "sent", (int)g->sends), NULL);
}

static inline tsn_err rig_arm(struct tsn_call *call, struct tsn_diag *diag)
{
    struct rig *g = call->action->user;

    (void)diag;
    g->arms++;
    rig_seen(g, call);
    return rig_later(g, call, TSN_OUTCOME_UNKNOWN, NULL, "R050");
}

static inline tsn_err rig_hang(struct tsn_call *call, struct tsn_diag *diag)
{
    struct rig *g = call->action->user;

    (void)diag;
    rig_seen(g, call);
    if (call->action->doubt == TSN_DOUBT_ASK)
        g->hangs++;
    else
        g->stalls++;
    return 0;
}

static inline void rig_cancel(struct tsn_call *call)
{
    struct rig *g = call->action->user;

    g->cancels++;
}

static inline tsn_err rig_flaky(struct tsn_call *call, struct tsn_diag *diag)
{
    struct rig *g = call->action->user;

    (void)diag;
    g->flakies++;
    rig_seen(g, call);
    if (g->flaky_fails > 0) {
        g->flaky_fails--;
        return rig_later(g, call, TSN_OUTCOME_RETRY, NULL, "R051");
    }
    return rig_later(g, call, TSN_OUTCOME_OK, json_pack("{s:b}", "ok", 1), NULL);
}

static inline tsn_err rig_fail(struct tsn_call *call, struct tsn_diag *diag)
{
    return rig_later(call->action->user, call, TSN_OUTCOME_FAIL, NULL, diag ? "R053" : NULL);
}

static inline tsn_err rig_refuse(struct tsn_call *call, struct tsn_diag *diag)
{
    (void)call;
    return tsn_diag_set(diag, TSN_EINPUT, "R054", "it cannot begin");
}

/* A row beside the outcome: both or neither. */
static inline tsn_err rig_note(struct tsn_store *st, struct tsn_arena *arena,
                               const struct tsn_call *call, int64_t now_ms, json_t **result,
                               struct tsn_diag *diag)
{
    struct tsn_rec_meta row;

    (void)now_ms;
    row.name = tsn_arena_printf(arena, "note:%s:%s", call->run, call->path);
    row.value = tsn_json_str(call->args, "text", "");
    tsn_err err = tsn_store_put(st, &tsn_table_meta, &row);
    if (!err && tsn_json_bool(call->args, "bad", false))
        return tsn_diag_set(diag, TSN_EINPUT, "R060", "this note is refused");
    *result = json_pack("{s:s}", "kept", row.value);
    return err;
}

static inline void rig_actions(struct rig *g)
{
    const struct tsn_action actions[] = {
        {.name = "rig.look", .summary = "looks", .start = rig_look, .user = g},
        {.name = "rig.send",
         .summary = "sends",
         .effect = TSN_EFFECT_EXTERNAL,
         .doubt = TSN_DOUBT_REPEAT_SAFE,
         .start = rig_send,
         .user = g},
        {.name = "rig.arm",
         .summary = "outcome lost",
         .effect = TSN_EFFECT_EXTERNAL,
         .doubt = TSN_DOUBT_ASK,
         .start = rig_arm,
         .user = g},
        {.name = "rig.hang",
         .summary = "never ends",
         .effect = TSN_EFFECT_EXTERNAL,
         .doubt = TSN_DOUBT_ASK,
         .start = rig_hang,
         .cancel = rig_cancel,
         .user = g},
        {.name = "rig.stall",
         .summary = "never ends",
         .effect = TSN_EFFECT_EXTERNAL,
         .doubt = TSN_DOUBT_REPEAT_SAFE,
         .start = rig_hang,
         .cancel = rig_cancel,
         .user = g},
        {.name = "rig.slow",
         .summary = "never ends in time",
         .effect = TSN_EFFECT_EXTERNAL,
         .doubt = TSN_DOUBT_ASK,
         .timeout_ms = 50,
         .start = rig_hang,
         .cancel = rig_cancel,
         .user = g},
        {.name = "rig.flaky",
         .summary = "fails a few times",
         .effect = TSN_EFFECT_EXTERNAL,
         .doubt = TSN_DOUBT_ASK,
         .attempts = 3,
         .start = rig_flaky,
         .user = g},
        {.name = "rig.fail",
         .summary = "fails",
         .effect = TSN_EFFECT_EXTERNAL,
         .doubt = TSN_DOUBT_ASK,
         .start = rig_fail,
         .user = g},
        {.name = "rig.refuse",
         .summary = "cannot begin",
         .effect = TSN_EFFECT_EXTERNAL,
         .doubt = TSN_DOUBT_ASK,
         .start = rig_refuse,
         .user = g},
        {.name = "rig.note",
         .summary = "keeps a note",
         .effect = TSN_EFFECT_STORE,
         .apply = rig_note,
         .user = g},
    };

    assert_int_equal(tsn_registry_open(&g->registry), 0);
    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
        assert_int_equal(tsn_registry_add(g->registry, &actions[i]), 0);
    if (g->more_actions)
        g->more_actions(g);
}

/* --- waiting */

static inline void rig_tick(void *user)
{
    struct rig *g = user;

    tsn_timer_arm(g->tick, 10);
}

typedef bool rig_cond(struct rig *g, void *user);

static inline bool rig_until(struct rig *g, rig_cond *cond, void *user, int64_t ms)
{
    int64_t end = tsn_clock_mono_ms() + ms;

    while (!cond(g, user)) {
        if (tsn_clock_mono_ms() > end)
            return false;
        uv_run(tsn_loop_uv(g->loop), UV_RUN_ONCE);
    }
    return true;
}

static inline bool rig_never(struct rig *g, void *user)
{
    (void)g;
    (void)user;
    return false;
}

static inline void rig_settle(struct rig *g, int64_t ms)
{
    (void)rig_until(g, rig_never, NULL, ms);
}

/* --- open and close */

static inline void rig_write(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

static inline void rig_file(struct rig *g, const char *name, const char *text)
{
    char path[200];

    snprintf(path, sizeof(path), "%s/playbooks/%s", g->dir, name);
    rig_write(path, text);
}

/* A playbook whose run function has this body; `rig` is the connector. */
static inline void rig_playbook(struct rig *g, const char *name, const char *body)
{
    char file[100];
    char *text = NULL;

    snprintf(file, sizeof(file), "%s.lua", name);
    assert_true(asprintf(&text,
                         "local rig = use \"rig\"\n"
                         "return playbook {\n"
                         "  name = \"%s\", title = \"Test\", on = \"test\",\n"
                         "  roles = { contain = \"duty\" },\n"
                         "  run = function(case, ev)\n%s\n  end,\n}\n",
                         name, body) > 0);
    rig_file(g, file, text);
    free(text);
}

static inline void rig_ready(void *user)
{
    struct rig *g = user;

    g->ready = true;
}

static inline bool rig_is_ready(struct rig *g, void *user)
{
    (void)user;
    return g->ready;
}

static inline void rig_dead(tsn_err err, void *user)
{
    (void)err;
    (void)user;
    fail_msg("the writer died");
}

static inline int64_t rig_retry(int64_t attempt)
{
    (void)attempt;
    return 5;
}

static inline struct tsn_store *rig_store(struct rig *g, bool read_only)
{
    char db[100], key[100];
    struct tsn_store *st;
    struct tsn_diag diag;
    struct tsn_store_config config = {
        .path = db, .key_file = key, .read_only = read_only, .create = !read_only};

    snprintf(db, sizeof(db), "%s/tocsin.db", g->dir);
    snprintf(key, sizeof(key), "%s/tocsin.key", g->dir);
    tsn_diag_init(&diag);
    if (tsn_store_open(&st, &config, &diag))
        fail_msg("store: %s %s", diag.code, diag.what);
    return st;
}

static inline void rig_open(struct rig *g)
{
    char dir[100];
    struct tsn_diag diag;

    tsn_diag_init(&diag);
    snprintf(dir, sizeof(dir), "%s/playbooks", g->dir);
    assert_int_equal(tsn_loop_open(&g->loop), 0);
    g->tick = tsn_timer_new(g->loop, rig_tick, g);
    tsn_timer_arm(g->tick, 10);
    struct tsn_store *st = rig_store(g, false), *ro = rig_store(g, true);
    assert_int_equal(tsn_writer_open(&g->writer, g->loop, st, rig_dead, g), 0);
    assert_int_equal(tsn_reader_open(&g->reader, g->loop, ro), 0);
    rig_actions(g);
    g->config.loop = g->loop;
    g->config.writer = g->writer;
    g->config.reader = g->reader;
    g->config.registry = g->registry;
    g->config.playbook_dir = dir;
    g->config.workers = g->config.workers ? g->config.workers : 1;
    g->config.retry_ms = rig_retry;
    g->ready = false;
    if (tsn_engine_open(&g->engine, &g->config, rig_ready, g, &diag))
        fail_msg("engine: %s %s", diag.code, diag.what);
    if (!rig_until(g, rig_is_ready, NULL, RIG_DEADLINE_MS))
        fail_msg("the engine did not get ready");
}

static inline bool rig_alone(struct rig *g, void *user)
{
    (void)user;
    /* Our tick, and nothing else that is alive. */
    return !uv_loop_alive(tsn_loop_uv(g->loop));
}

static inline void rig_shut(struct rig *g)
{
    tsn_engine_close(g->engine);
    tsn_writer_close(g->writer);
    tsn_reader_close(g->reader);
    tsn_timer_destroy(g->tick);
    g->engine = NULL;
    (void)rig_until(g, rig_alone, NULL, 5000);
    tsn_loop_close(g->loop);
    tsn_registry_close(g->registry);
}

/* As after a kill: what is not on disk is gone, calls that were under way are nobody's. */
static inline void rig_crash(struct rig *g)
{
    rig_shut(g);
    rig_open(g);
}

static inline int rig_setup(void **state)
{
    struct rig *g = tsn_alloc(sizeof(*g));
    char path[100];

    tsn_json_init();
    tsn_crypto_init();
    tsn_log_open(getenv("RIG_LOG") ? 2 : -1);
    snprintf(g->dir, sizeof(g->dir), "/tmp/tsn-engine-XXXXXX");
    assert_non_null(mkdtemp(g->dir));
    snprintf(path, sizeof(path), "%s/playbooks", g->dir);
    assert_int_equal(mkdir(path, 0700), 0);
    g->arena = tsn_arena_new();
    *state = g;
    return 0;
}

static inline int rig_teardown(void **state)
{
    struct rig *g = *state;
    char command[128];

    if (g->engine)
        rig_shut(g);
    json_decref(g->info);
    tsn_arena_destroy(g->arena);
    snprintf(command, sizeof(command), "rm -rf '%s'", g->dir);
    assert_int_equal(system(command), 0);
    free(g);
    return 0;
}

/* --- the store, from outside */

typedef tsn_err rig_fn(struct tsn_store *st, struct tsn_arena *a, void *user);

struct rig_op {
    struct tsn_op op;
    rig_fn *fn;
    void *arg;
    bool *done;
    tsn_err *err;
    struct rig *g;
};

static inline tsn_err rig_op_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct rig_op *o = (struct rig_op *)op;

    return o->fn(st, op->arena, o->arg);
}

static inline void rig_op_free(void *p)
{
    tsn_op_destroy(p);
}

/* What an op found lives in its arena: kept until the test ends. */
static inline void rig_op_done(struct tsn_op *op)
{
    struct rig_op *o = (struct rig_op *)op;

    *o->done = true;
    *o->err = op->err;
    tsn_arena_defer(o->g->arena, rig_op_free, op);
}

static inline bool rig_flag(struct rig *g, void *user)
{
    (void)g;
    return *(bool *)user;
}

static inline tsn_err rig_do(struct rig *g, rig_fn *fn, void *arg, bool write)
{
    struct rig_op *o = tsn_op_new(sizeof(*o), rig_op_apply, rig_op_done, NULL);
    bool done = false;
    tsn_err err = 0;

    o->fn = fn;
    o->arg = arg;
    o->done = &done;
    o->err = &err;
    o->g = g;
    if (write)
        assert_int_equal(tsn_writer_submit(g->writer, &o->op, TSN_LANE_RUNS), 0);
    else
        assert_int_equal(tsn_reader_submit(g->reader, &o->op), 0);
    assert_true(rig_until(g, rig_flag, &done, RIG_DEADLINE_MS));
    return err;
}

struct rig_start {
    struct rig *g;
    const struct tsn_playbook *pb;
    const char *event;
    struct tsn_rec_run row;
};

static inline tsn_err rig_start_fn(struct tsn_store *st, struct tsn_arena *a, void *user)
{
    struct rig_start *s = user;
    struct tsn_actor by = {.auth = "local"};
    struct tsn_run_new in = {.ref = -1, .by = &by, .playbook_hash = s->pb->hash};
    struct tsn_rec_case c = {.id = s->g->case_id,
                             .name = "PSIRT-2026-0001",
                             .kind = "incident",
                             .state = "open",
                             .title = "t",
                             .facts = "{}",
                             .opened_at = 1};
    tsn_err err = tsn_store_insert(st, &tsn_table_case, &c);

    if (err && err != TSN_ECONFLICT)
        return err;
    in.playbook_title = tsn_arena_printf(a, "%s@%lld", s->pb->name, (long long)s->pb->version);
    in.case_id = s->g->case_id;
    in.input = tsn_arena_printf(
        a,
        "{\"case\":{\"id\":\"%s\",\"kind\":\"incident\",\"name\":\"PSIRT-2026-0001\","
        "\"title\":\"t\"},\"event\":%s}",
        s->g->case_id, s->event);
    return tsn_run_create(st, a, &in, tsn_clock_wall_ms(), &s->row);
}

static inline const char *rig_start(struct rig *g, const char *playbook, const char *event)
{
    struct rig_start s = {
        .g = g, .pb = tsn_engine_playbook(g->engine, playbook), .event = event ? event : "{}"};

    assert_non_null(s.pb);
    if (!g->case_id[0])
        tsn_id_new(g->case_id);
    assert_int_equal(rig_do(g, rig_start_fn, &s, true), 0);
    tsn_engine_wake(g->engine, s.row.id);
    return s.row.id;
}

struct rig_get {
    const struct tsn_table *table;
    const char *key;
    void *out;
};

static inline tsn_err rig_get_fn(struct tsn_store *st, struct tsn_arena *a, void *user)
{
    struct rig_get *q = user;

    return tsn_store_get(st, a, q->table, q->key, q->out);
}

static inline struct tsn_rec_run rig_row(struct rig *g, const char *run)
{
    struct tsn_rec_run row;
    struct rig_get q = {&tsn_table_run, run, &row};

    assert_int_equal(rig_do(g, rig_get_fn, &q, false), 0);
    return row;
}

static inline struct tsn_rec_task rig_task_row(struct rig *g, const char *id)
{
    struct tsn_rec_task row;
    struct rig_get q = {&tsn_table_task, id, &row};

    assert_int_equal(rig_do(g, rig_get_fn, &q, false), 0);
    return row;
}

static inline void rig_expect(struct rig *g, const char *run, const char *state)
{
    int64_t end = tsn_clock_mono_ms() + RIG_DEADLINE_MS;
    struct tsn_rec_run row = rig_row(g, run);

    while (strcmp(row.state, state) != 0) {
        if (tsn_clock_mono_ms() > end || (tsn_run_over(row.state) && !tsn_run_over(state)))
            fail_msg("run is %s (%s), expected %s; result %s", row.state,
                     row.reason ? row.reason : "", state, row.result ? row.result : "");
        rig_settle(g, 5);
        row = rig_row(g, run);
    }
}

struct rig_chain {
    const char *chain;
    struct tsn_logged *entries;
    size_t n;
};

static inline tsn_err rig_chain_fn(struct tsn_store *st, struct tsn_arena *a, void *user)
{
    struct rig_chain *c = user;

    return tsn_store_walk(st, a, c->chain, 0, &c->entries, &c->n);
}

static inline struct rig_chain rig_chain(struct rig *g, const char *run)
{
    struct rig_chain c = {.chain = tsn_arena_printf(g->arena, "run:%s", run)};

    assert_int_equal(rig_do(g, rig_chain_fn, &c, false), 0);
    return c;
}

/* How many entries of this kind (and step, outcome, reason when given) the run has. */
static inline int rig_count(struct rig *g, const char *run, const char *kind, const char *step,
                            const char *outcome, const char *reason)
{
    struct rig_chain c = rig_chain(g, run);
    int n = 0;

    for (size_t i = 0; i < c.n; i++) {
        const struct tsn_entry *e = &c.entries[i].entry;

        n += strcmp(e->kind, kind) == 0 && (!step || (e->step && strcmp(e->step, step) == 0)) &&
             (!outcome || (e->outcome && strcmp(e->outcome, outcome) == 0)) &&
             (!reason || (e->reason && strcmp(e->reason, reason) == 0));
    }
    return n;
}

static inline tsn_err rig_task_fn(struct tsn_store *st, struct tsn_arena *a, void *user)
{
    struct rig_get *q = user;

    return tsn_task_open_of(st, a, q->key, NULL, q->out);
}

/* Waits for the run's open task. */
static inline struct tsn_rec_task rig_task(struct rig *g, const char *run)
{
    int64_t end = tsn_clock_mono_ms() + RIG_DEADLINE_MS;
    struct tsn_rec_task task;
    struct rig_get q = {NULL, run, &task};

    while (rig_do(g, rig_task_fn, &q, false) != 0) {
        struct tsn_rec_run row = rig_row(g, run);

        if (tsn_clock_mono_ms() > end || tsn_run_over(row.state))
            fail_msg("no task; run is %s (%s)", row.state, row.reason ? row.reason : "");
        rig_settle(g, 5);
    }
    return task;
}

/* --- people */

static inline void rig_answered(tsn_err err, int64_t seq, const json_t *info,
                                const struct tsn_diag *diag, void *user)
{
    struct rig *g = user;

    (void)seq;
    g->answered = true;
    g->err = err;
    g->diag = *diag;
    json_decref(g->info);
    g->info = info ? json_deep_copy(info) : NULL;
}

static inline tsn_err rig_decide(struct rig *g, const char *person, const char *role,
                                 const struct tsn_decision *d)
{
    const char *roles[] = {role, NULL};
    struct tsn_actor who = {.person = person, .roles = roles, .auth = "token"};

    g->answered = false;
    tsn_engine_decide(g->engine, &who, d, rig_answered, g);
    assert_true(rig_until(g, rig_flag, &g->answered, RIG_DEADLINE_MS));
    return g->err;
}

static inline tsn_err rig_vote(struct rig *g, const char *person, const char *role,
                               const struct tsn_rec_task *t, const char *verb)
{
    struct tsn_decision d = {
        .task = t->name, .verb = verb, .reason = "seen and agreed", .digest = t->digest};

    return rig_decide(g, person, role, &d);
}

static inline tsn_err rig_answer(struct rig *g, const char *person, const char *role,
                                 const struct tsn_rec_task *t, const char *json)
{
    json_t *v = NULL;
    tsn_err err;

    assert_int_equal(tsn_json_parse(json, strlen(json), &v, NULL), 0);
    struct tsn_decision d = {.task = t->id, .verb = "answer", .answer = v};
    err = rig_decide(g, person, role, &d);
    json_decref(v);
    return err;
}

static inline tsn_err rig_kill_run(struct rig *g, const char *run, const char *reason)
{
    struct tsn_actor who = {.person = "lead1", .auth = "token"};

    g->answered = false;
    tsn_engine_cancel(g->engine, &who, run, reason, rig_answered, g);
    assert_true(rig_until(g, rig_flag, &g->answered, RIG_DEADLINE_MS));
    return g->err;
}

static inline tsn_err rig_signal(struct rig *g, const char *event, const char *body)
{
    json_t *v = NULL;

    assert_int_equal(tsn_json_parse(body, strlen(body), &v, NULL), 0);
    g->answered = false;
    tsn_engine_signal(g->engine, g->case_id, event, v, rig_answered, g);
    json_decref(v);
    assert_true(rig_until(g, rig_flag, &g->answered, RIG_DEADLINE_MS));
    return g->err;
}
