/* sim_life.c - one life: the world outside, people, and what must hold when the run is over. */
#include "sim_life.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/clock.h"
#include "core/json.h"
#include "core/log.h"
#include "core/text.h"
#include "engine/engine_impl.h"
#include "simworld.h"
#include "store/record_case.h"
#include "store/record_run.h"

#define EFFECTS       256
#define TURNS         200000
#define HOSTILE_TURNS 2500

struct effect {
    char idem[TSN_IDEM_LEN + 1], action[24], name[24];
    unsigned times;
};

struct completion {
    struct tsn_call *call; /* NULL = free, or nobody waits any more */
    enum tsn_outcome outcome;
    bool used;
};

static struct {
    struct tsn_engine *e;
    struct tsn_registry *registry;
    struct effect effects[EFFECTS];
    size_t neffects;
    struct completion completions[64];
    bool faults, ready, hostile;
    uint64_t seed;
    char run[TSN_ULID_LEN + 1], case_id[TSN_ULID_LEN + 1];
    const char *dir;
    const struct sim_scene *scene;
    bool cancelling; /* somebody asked for it in this life of the node */
} world;

static void show_chain(const char *run);

void sim_die(const char *fmt, ...)
{
    va_list ap;

    fprintf(stderr, "seed %llu: ", (unsigned long long)world.seed);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fprintf(stderr, "\n");
    if (getenv("SIM_HISTORY") && world.run[0])
        show_chain(world.run);
    fprintf(stderr, "again: test_sim_engine %llu\n", (unsigned long long)world.seed);
    exit(1);
}

/* --- the world outside */

static struct effect *effect_of(const char *idem)
{
    for (size_t i = 0; i < world.neffects; i++)
        if (strcmp(world.effects[i].idem, idem) == 0)
            return &world.effects[i];
    return NULL;
}

/* Also when a cancel that came right behind the intent has settled it as unknown by now. */
static bool intended(const struct tsn_call *call)
{
    struct tsn_arena *a = tsn_arena_new();
    struct tsn_logged *e;
    char chain[TSN_ULID_LEN + 8];
    bool yes = false;
    size_t n = 0;

    snprintf(chain, sizeof(chain), "run:%s", call->run);
    if (tsn_store_walk(sim_store(), a, chain, 0, &e, &n))
        sim_die("%s cannot be read", chain);
    for (size_t i = n; i > 0 && !yes; i--)
        yes = e[i - 1].entry.step && strcmp(e[i - 1].entry.kind, "step.intent") == 0 &&
              strcmp(e[i - 1].entry.step, call->path) == 0;
    tsn_arena_destroy(a);
    return yes;
}

static void happens(const struct tsn_call *call)
{
    struct effect *f = effect_of(call->idem);

    if (!intended(call))
        sim_die("%s at %s happened without an intent", call->action->name, call->path);
    if (!f) {
        if (world.neffects == EFFECTS)
            sim_die("more than %d effects", EFFECTS);
        f = &world.effects[world.neffects++];
        memset(f, 0, sizeof(*f));
        (void)tsn_copy(f->idem, sizeof(f->idem), call->idem);
        (void)tsn_copy(f->action, sizeof(f->action), call->action->name);
        (void)tsn_copy(f->name, sizeof(f->name), tsn_json_str(call->args, "name", ""));
    }
    if (++f->times > 1 && call->action->doubt != TSN_DOUBT_REPEAT_SAFE)
        sim_die("%s (%s) happened twice", call->action->name, call->path);
}

static void complete(void *user)
{
    struct completion *c = user;
    struct tsn_call *call = c->call;
    json_t *result;
    struct tsn_diag diag;

    c->used = false;
    c->call = NULL;
    if (!call)
        return;
    call->impl = NULL;
    tsn_diag_init(&diag);
    (void)tsn_diag_set(&diag, TSN_EREMOTE, "R053", "the simulation says so");
    result = json_pack("{s:s}", "name", tsn_json_str(call->args, "name", "?"));
    call->done(call, c->outcome, result, c->outcome == TSN_OUTCOME_OK ? NULL : &diag);
    json_decref(result);
}

static tsn_err completes(struct tsn_call *call, enum tsn_outcome outcome)
{
    /* Now and then an answer comes when the step's time is up already. */
    int64_t ms = world.faults && sim_rand(20) == 0 ? 90000 : (int64_t)sim_rand(400);

    for (size_t i = 0; i < 64; i++) {
        struct completion *c = &world.completions[i];

        if (c->used)
            continue;
        *c = (struct completion){call, outcome, true};
        call->impl = c;
        sim_later(ms, complete, c);
        return 0;
    }
    sim_die("too many calls");
}

static void cancelled(struct tsn_call *call)
{
    struct completion *c = call->impl;

    if (c)
        c->call = NULL;
}

static tsn_err act_start(struct tsn_call *call, struct tsn_diag *diag)
{
    uint64_t luck = world.faults ? sim_rand(10) : 9;

    (void)diag;
    if (call->action->effect == TSN_EFFECT_NONE)
        return completes(call, luck == 0 ? TSN_OUTCOME_RETRY : TSN_OUTCOME_OK);
    switch (luck) {
    case 0: /* nothing happened, later it may */
        return completes(call, TSN_OUTCOME_RETRY);
    case 1: /* nothing happened, and nobody knows */
        return completes(call, TSN_OUTCOME_UNKNOWN);
    case 2: /* it happened, and nobody knows */
        happens(call);
        return completes(call, TSN_OUTCOME_UNKNOWN);
    default:
        happens(call);
        return completes(call, TSN_OUTCOME_OK);
    }
}

static tsn_err act_probe(struct tsn_call *call, struct tsn_diag *diag)
{
    (void)diag;
    if (world.faults && sim_rand(5) == 0)
        return completes(call, TSN_OUTCOME_UNKNOWN);
    return completes(call, effect_of(call->idem) ? TSN_OUTCOME_OK : TSN_OUTCOME_FAIL);
}

static tsn_err act_note(struct tsn_store *st, struct tsn_arena *a, const struct tsn_call *call,
                        int64_t now_ms, json_t **result, struct tsn_diag *diag)
{
    (void)st;
    (void)a;
    (void)now_ms;
    (void)diag;
    *result = json_pack("{s:s}", "name", tsn_json_str(call->args, "name", "?"));
    return 0;
}

static void register_actions(void)
{
    static const struct tsn_action actions[] = {
        {.name = "sim.look", .summary = "s", .start = act_start, .cancel = cancelled},
        {.name = "sim.safe",
         .summary = "s",
         .effect = TSN_EFFECT_EXTERNAL,
         .doubt = TSN_DOUBT_REPEAT_SAFE,
         .attempts = 100,
         .at_once = 2,
         .start = act_start,
         .cancel = cancelled},
        {.name = "sim.once",
         .summary = "s",
         .effect = TSN_EFFECT_EXTERNAL,
         .doubt = TSN_DOUBT_ASK,
         .attempts = 100,
         .start = act_start,
         .cancel = cancelled},
        {.name = "sim.probed",
         .summary = "s",
         .effect = TSN_EFFECT_EXTERNAL,
         .doubt = TSN_DOUBT_PROBE,
         .attempts = 100,
         .start = act_start,
         .probe = act_probe,
         .cancel = cancelled},
        {.name = "sim.undo",
         .summary = "s",
         .effect = TSN_EFFECT_EXTERNAL,
         .doubt = TSN_DOUBT_REPEAT_SAFE,
         .attempts = 100,
         .start = act_start,
         .cancel = cancelled},
        {.name = "sim.note", .summary = "s", .effect = TSN_EFFECT_STORE, .apply = act_note},
    };

    if (tsn_registry_open(&world.registry))
        abort();
    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
        struct tsn_action a = actions[i];

        if (a.effect != TSN_EFFECT_STORE)
            a.attempts = 100;
        if (tsn_registry_add(world.registry, &a))
            abort();
    }
}

/* --- the engine's life */

static void is_ready(void *user)
{
    (void)user;
    world.ready = true;
}

static void open_engine(void)
{
    struct tsn_engine_config config = {.registry = world.registry,
                                       .playbook_dir = world.dir,
                                       .workers = 2,
                                       .resident = 2,
                                       .cpu_ms = 60000,
                                       .wall_ms = 3600000};
    struct tsn_diag diag;

    tsn_diag_init(&diag);
    world.ready = false;
    if (tsn_engine_open(&world.e, &config, is_ready, NULL, &diag))
        sim_die("engine: %s %s", diag.code, diag.what);
}

static void close_engine(void)
{
    memset(world.completions, 0, sizeof(world.completions));
    tsn_engine_close(world.e);
    world.e = NULL;
    sim_drop();
}

static void start_run(void)
{
    const struct tsn_playbook *pb = tsn_engine_playbook(world.e, "main");
    struct tsn_store *st = sim_store();
    struct tsn_arena *a = tsn_arena_new();
    struct tsn_actor by = {.auth = "local"};
    struct tsn_run_new in = {.ref = -1, .by = &by, .input = "{\"event\":{}}"};
    struct tsn_rec_case c = {
        .kind = "incident", .state = "open", .title = "t", .facts = "{}", .opened_at = 1};
    struct tsn_rec_run row;

    tsn_id_new(world.case_id);
    c.id = c.name = in.case_id = world.case_id;
    in.playbook_hash = pb->hash;
    in.playbook_title = "main@1";
    if (tsn_store_begin(st) || tsn_store_insert(st, &tsn_table_case, &c) ||
        tsn_run_create(st, a, &in, sim_wall(), &row) || tsn_store_commit(st))
        sim_die("the run was not made");
    (void)tsn_copy(world.run, sizeof(world.run), row.id);
    tsn_arena_destroy(a);
    tsn_engine_wake(world.e, world.run);
}

/* --- people */

static void decided(tsn_err err, int64_t seq, const json_t *info, const struct tsn_diag *diag,
                    void *user)
{
    (void)err;
    (void)seq;
    (void)info;
    (void)diag;
    (void)user;
}

static json_t *answer_for(const struct tsn_rec_task *t)
{
    char idem[TSN_IDEM_LEN + 1];

    if (strcmp(t->kind, "ask") == 0)
        return json_pack("{s:s}", "v", "yes");
    /* Who resolves looks, and finds out. */
    tsn_run_idem(idem, t->run, t->path);
    if (effect_of(idem)) {
        char *result = NULL;
        json_t *v;

        if (asprintf(&result, "{\"name\":\"%s\"}", effect_of(idem)->name) < 0)
            abort();
        v = json_pack("{s:s, s:s, s:s}", "outcome", "done", "result", result, "reason", "seen");
        free(result);
        return v;
    }
    return json_pack("{s:s, s:s}", "outcome", "retry", "reason", "not there");
}

static void person_acts(const struct tsn_rec_task *t)
{
    const char *roles[] = {"r", "responder", NULL};
    const struct tsn_actor who = {sim_rand(2) ? "resp1" : "resp2", roles, "token"};
    struct tsn_decision d = {.task = t->id, .verb = "answer"};

    if (strcmp(t->kind, "approve") == 0) {
        d.verb = "approve";
        d.reason = "looked at it";
        d.digest = t->digest;
    } else {
        d.answer = answer_for(t);
    }
    tsn_engine_decide(world.e, &who, &d, decided, NULL);
    json_decref(d.answer);
}

static void people_look(void)
{
    struct tsn_filter f[] = {{"case_id", TSN_CMP_EQ, world.case_id, 0},
                             {"state", TSN_CMP_EQ, "open", 0}};
    struct tsn_list how = {.filters = f, .nfilters = 2};
    struct tsn_arena *a = tsn_arena_new();
    void *rows = NULL;
    size_t n = 0;

    if (tsn_store_list(sim_store(), a, &tsn_table_task, &how, &rows, &n))
        abort();
    for (size_t i = 0; i < n; i++) {
        const struct tsn_rec_task *t = (const struct tsn_rec_task *)rows + i;

        if (sim_rand(3) == 0 && strcmp(t->role, "nobody") != 0)
            person_acts(t);
    }
    tsn_arena_destroy(a);
}

static void person_does(const char *run, const char *verb)
{
    const struct tsn_actor who = {"resp1", NULL, "token"};
    const struct tsn_run_act act = {.run = run, .verb = verb, .reason = "because"};

    tsn_engine_act(world.e, &who, &act, decided, NULL);
}

/* Its worker was lost twice in a row: it may try again. Nothing else may stop a run here. */
static void look_at_stopped(const struct tsn_rec_run *row, bool still)
{
    if (strcmp(row->state, "stuck") != 0 && strcmp(row->state, "diverged") != 0)
        return;
    if (strcmp(row->state, "stuck") == 0 && strncmp(row->reason, "R022", 4) == 0) {
        if (still || sim_rand(8) == 0)
            person_does(row->id, "retry");
    } else if (!world.hostile) {
        sim_die("%s is %s: %s", row->title, row->state, row->reason);
    }
}

/* Runs are paused and go on, and one that is to be cancelled is: once, because a second time ends it
 * without taking anything back. */
static void look_at_ours(const struct tsn_rec_run *row, bool still)
{
    if (strcmp(row->state, "paused") == 0) {
        if (still || sim_rand(4) == 0)
            person_does(row->id, "resume");
    } else if (world.scene->cancelled && !row->unwinding && !world.cancelling &&
               sim_rand(still ? 40 : 8) == 0) {
        world.cancelling = true;
        person_does(row->id, "cancel");
    } else if (world.faults && sim_rand(still ? 200 : 40) == 0) {
        person_does(row->id, "pause");
    }
}

static void somebody_acts(bool still)
{
    struct tsn_filter f[] = {{"case_id", TSN_CMP_EQ, world.case_id, 0},
                             {"ended_at", TSN_CMP_EQ, NULL, 0}};
    struct tsn_list how = {.filters = f, .nfilters = 2, .skip_blobs = true};
    struct tsn_arena *a = tsn_arena_new();
    void *rows = NULL;
    size_t n = 0;

    if (tsn_store_list(sim_store(), a, &tsn_table_run, &how, &rows, &n))
        abort();
    for (size_t i = 0; i < n; i++) {
        const struct tsn_rec_run *row = (const struct tsn_rec_run *)rows + i;

        look_at_stopped(row, still);
        if (strcmp(row->id, world.run) == 0)
            look_at_ours(row, still);
    }
    tsn_arena_destroy(a);
}

static void event_comes(void)
{
    json_t *body = json_pack("{s:i, s:s}", "n", (int)sim_rand(2), "v", "gone");

    tsn_engine_signal(world.e, world.case_id, "go", body, decided, NULL);
    json_decref(body);
}

/* --- what must hold */

static bool all_over(void)
{
    struct tsn_filter f[] = {{"case_id", TSN_CMP_EQ, world.case_id, 0},
                             {"ended_at", TSN_CMP_EQ, NULL, 0}};
    int64_t open = 0;

    if (tsn_store_count(sim_store(), &tsn_table_run, f, 2, &open))
        abort();
    return open == 0;
}

/* What was to be taken back was, once; in a run that was cancelled, what it came to do. */
static void check_effects(bool finished)
{
    for (const char *const *name = world.scene->taken_back; name && *name; name++) {
        int put = 0, undone = 0;

        for (size_t k = 0; k < world.neffects; k++) {
            const struct effect *f = &world.effects[k];

            if (strcmp(f->name, *name) != 0)
                continue;
            if (strcmp(f->action, "sim.undo") == 0)
                undone++;
            else
                put++;
        }
        /* A run that returned before anybody cancelled it keeps what does not expire. */
        if (world.scene->cancelled && finished && **name != 'y')
            undone++;
        if (put != undone || put > 1 || (put == 0 && !world.scene->cancelled))
            sim_die("%s: done %d times, taken back %d times", *name, put, undone);
    }
}

/* The chain of the run, for who looks into a seed that fails. */
static void show_chain(const char *run)
{
    struct tsn_arena *a = tsn_arena_new();
    struct tsn_logged *e;
    char chain[TSN_ULID_LEN + 8], at[25];
    size_t n = 0;

    snprintf(chain, sizeof(chain), "run:%s", run);
    if (tsn_store_walk(sim_store(), a, chain, 0, &e, &n))
        fprintf(stderr, "  %s cannot be read: %zu entries\n", chain, n);
    for (size_t i = 0; i < n; i++) {
        const struct tsn_entry *t = &e[i].entry;

        tsn_time_format(at, t->time_ms);
        fprintf(stderr, "  #%lld %s %s %s %s %s try %lld by %s\n", (long long)t->seq, at,
                t->kind, t->step ? t->step : "-", t->outcome ? t->outcome : "-",
                t->reason ? t->reason : "-", (long long)t->attempt, t->actor);
    }
    tsn_arena_destroy(a);
}

static void check_run(void)
{
    const struct sim_scene *scene = world.scene;
    struct tsn_arena *a = tsn_arena_new();
    struct tsn_rec_run row;

    if (tsn_store_get(sim_store(), a, &tsn_table_run, world.run, &row))
        abort();
    if (strcmp(row.state, scene->state) != 0 &&
        !(scene->cancelled && strcmp(row.state, "finished") == 0))
        sim_die("the run is %s: %s", row.state, row.reason ? row.reason : "");
    if (scene->result && (!row.result || strcmp(row.result, scene->result) != 0))
        sim_die("it returned %s instead of %s", row.result ? row.result : "nothing",
                scene->result);
    check_effects(strcmp(row.state, "finished") == 0);
    tsn_arena_destroy(a);
}

/* What of a result is the same in every life: not who answered, when, and what got which id. */
static void scrub(json_t *v)
{
    static const char *const changing[] = {"at", "by", "votes", "run", "id", "name"};
    json_t *item;
    const char *key;
    size_t i;

    for (i = 0; json_is_object(v) && i < sizeof(changing) / sizeof(changing[0]); i++)
        json_object_del(v, changing[i]);
    json_object_foreach(v, key, item) scrub(item);
    json_array_foreach(v, i, item) scrub(item);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *history_line(const struct tsn_past_step *p)
{
    bool call = strcmp(p->kind, "call") == 0;
    /* A child is known by its id, which is another in every life. */
    bool child = strcmp(p->kind, "start") == 0 || strcmp(p->kind, "join") == 0;
    json_t *result = NULL;
    char *text, *line = NULL;

    if (tsn_json_parse(p->result, strlen(p->result), &result, NULL))
        result = json_null();
    if (!call)
        scrub(result);
    text = strcmp(p->kind, "start") == 0 ? strdup("") : tsn_json_text(result);
    if (asprintf(&line, "%s %s %s %s %s %s", p->path, p->kind, child ? "-" : p->name,
                 p->outcome, call ? p->request : "", text) < 0)
        abort();
    free(text);
    json_decref(result);
    return line;
}

/* What a reader of the run sees of it: every step with its outcome, by its place in the playbook. */
static uint64_t history_of(const char *run, bool show)
{
    struct tsn_arena *a = tsn_arena_new();
    struct tsn_past past;
    uint64_t sum = 1469598103934665603u;
    char **lines;

    if (tsn_past_read(sim_store(), a, run, true, &past))
        sim_die("its record cannot be read");
    lines = tsn_arena_alloc(a, (past.nsteps + 1) * sizeof(*lines));
    for (size_t i = 0; i < past.nsteps; i++)
        lines[i] = history_line(&past.steps[i]);
    qsort(lines, past.nsteps, sizeof(*lines), by_text);
    for (size_t i = 0; i < past.nsteps; i++) {
        for (const char *c = lines[i]; *c; c++)
            sum = (sum ^ (unsigned char)*c) * 1099511628211u;
        if (show)
            fprintf(stderr, "  %s\n", lines[i]);
        free(lines[i]);
    }
    for (size_t i = 0; show && i < past.nopen; i++)
        fprintf(stderr, "  %s open: %s\n", past.open[i].path, past.open[i].request);
    tsn_arena_destroy(a);
    return sum;
}

static void where_it_hangs(void)
{
    struct tsn_filter f = {"case_id", TSN_CMP_EQ, world.case_id, 0};
    struct tsn_list how = {.filters = &f, .nfilters = 1};
    struct tsn_arena *a = tsn_arena_new();
    void *rows = NULL;
    size_t n = 0;

    if (tsn_store_list(sim_store(), a, &tsn_table_run, &how, &rows, &n))
        abort();
    for (size_t i = 0; i < n; i++) {
        const struct tsn_rec_run *r = (const struct tsn_rec_run *)rows + i;

        fprintf(stderr, "  %s %s: %s %s\n", r->name, r->title, r->state,
                r->reason ? r->reason : "");
        show_chain(r->id);
    }
    tsn_arena_destroy(a);
    sim_die("not over after %d turns", TURNS);
}

void sim_live(const struct sim_scene *scene, const char *dir, uint64_t seed,
              struct tsn_store *st, bool faults, bool hostile, struct sim_life *life)
{
    const struct sim_faults none = {0, 0, 0};
    /* Short lives see as many faults as the long one. */
    unsigned dense = strcmp(scene->name, "whole") == 0 ? 1 : 3;
    const struct sim_faults some = {(unsigned)(seed % 41) * dense,
                                    (unsigned)(seed % 31) * dense,
                                    (unsigned)(seed % 23) * dense};
    int turns = 0, quiet_after = dense == 1 ? 20000 : 4000;
    bool started = false;

    memset(&world.effects, 0, sizeof(world.effects));
    world.neffects = 0;
    world.dir = dir;
    world.scene = scene;
    world.seed = seed;
    world.faults = faults;
    world.hostile = hostile;
    sim_begin(seed, st, faults ? &some : &none);
    register_actions();
    open_engine();
    for (; turns < (hostile ? HOSTILE_TURNS : TURNS); turns++) {
        if (turns == quiet_after)
            world.faults = false;
        bool still = !sim_turn();

        if (sim_crashed()) {
            life->crashes++;
            world.cancelling = false;
            close_engine();
            open_engine();
            continue;
        }
        if (!world.ready)
            continue;
        if (!started) {
            started = true;
            start_run();
            sim_lose_workers();
            sim_hostile(hostile ? 500 : 0);
        }
        if (still || sim_rand(12) == 0)
            people_look();
        if (still || sim_rand(24) == 0)
            somebody_acts(still);
        if (sim_rand(still ? 4 : 400) == 0)
            event_comes();
        if ((still || turns % 64 == 0) && all_over())
            break;
    }
    life->trace = sim_trace();
    if (!hostile) {
        if (!all_over())
            where_it_hangs();
        check_run();
        life->history = history_of(world.run, getenv("SIM_HISTORY") != NULL);
    }
    close_engine();
    tsn_registry_close(world.registry);
    sim_end();
}
