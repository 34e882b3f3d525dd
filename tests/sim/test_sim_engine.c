/* Deterministic simulation of the engine: thousands of seeds, each a life of one run of everything
 * a playbook may do, with crashes, lost workers, delayed, late and unknown completions, people who
 * take their time and clocks that step.
 *
 * After the faults stop: every run is over; what it returned is what a life without faults returns;
 * no effect without its intent on record; nothing that must not be repeated happened twice; what was
 * to be taken back was; the log verifies. A quarter more lives have workers that lie; there only the
 * effects and the log are judged. The first seed that fails is named:
 *
 *   test_sim_engine            SIM_SEEDS seeds (default 250), from SIM_FIRST (default 1)
 *   test_sim_engine SEED       that one, twice: the histories must be equal
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "core/clock.h"
#include "core/json.h"
#include "core/log.h"
#include "core/text.h"
#include "engine/engine_impl.h"
#include "simworld.h"
#include "store/record_case.h"
#include "store/record_run.h"
#include "store/verify_store.h"
#include "worker/box.h"

#define EFFECTS       256
#define TURNS         200000
#define HOSTILE_TURNS 6000

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
    bool faults, ready;
    uint64_t seed;
    char run[TSN_ULID_LEN + 1], case_id[TSN_ULID_LEN + 1];
    char dir[64];
} world;

__attribute__((format(printf, 1, 2), noreturn)) static void die(const char *fmt, ...)
{
    va_list ap;

    fprintf(stderr, "seed %llu: ", (unsigned long long)world.seed);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fprintf(stderr, "\nagain: test_sim_engine %llu\n", (unsigned long long)world.seed);
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

static void happens(const struct tsn_call *call)
{
    struct effect *f = effect_of(call->idem);
    struct tsn_arena *a = tsn_arena_new();
    struct tsn_past past;

    /* I2: its intent is on disk before. */
    if (tsn_past_read(sim_store(), a, call->run, false, &past) ||
        !tsn_past_find(&past, call->path))
        die("%s at %s happened without an intent", call->action->name, call->path);
    tsn_arena_destroy(a);
    if (!f) {
        if (world.neffects == EFFECTS)
            die("more than %d effects", EFFECTS);
        f = &world.effects[world.neffects++];
        memset(f, 0, sizeof(*f));
        (void)tsn_copy(f->idem, sizeof(f->idem), call->idem);
        (void)tsn_copy(f->action, sizeof(f->action), call->action->name);
        (void)tsn_copy(f->name, sizeof(f->name), tsn_json_str(call->args, "name", ""));
    }
    if (++f->times > 1 && call->action->doubt != TSN_DOUBT_REPEAT_SAFE)
        die("%s (%s) happened twice", call->action->name, call->path);
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
    die("too many calls");
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

/* --- the playbooks */

static const char main_text[] =
    "local sim = use \"sim\"\n"
    "return playbook { name = \"main\", title = \"T\", on = \"x\", run = function(case, ev)\n"
    "  local out = {}\n"
    "  local function put(n, expires)\n"
    "    return sim.once { name = n, undo = sim.undo, expires = expires }.name\n"
    "  end\n"
    "  out.a = sim.look { name = \"a\" }.name .. sim.probed { name = \"p\" }.name\n"
    "  out.b = { parallel {\n"
    "    function() sleep \"3s\" return put(\"x\") end,\n"
    "    function() sim.note { name = \"n\" } return sim.safe { name = \"s\" }.name end,\n"
    "    function() return ask { id = \"q\", role = \"r\", title = \"T\", fields = { v = text "
    "{} } }.v end } }\n"
    "  out.i = { parallel {\n"
    "    function() return each({ 1, 2, 3, 4 }, function(i)\n"
    "      return ask { id = \"m\" .. i, role = \"r\", title = \"T\", fields = { v = text {} } "
    "}.v end) end,\n"
    "    function() for i = 1, 8 do sim.look { name = \"l\" } sim.note { name = \"m\" } end "
    "return 8 end,\n"
    "    function() for i = 1, 4 do race { function() sim.look { name = \"l\" } end,\n"
    "      function() sleep \"1h\" end } end return 4 end } }\n"
    "  out.c = each({ 1, 2, 3, 4, 5 }, function(i)\n"
    "    if i % 2 == 0 then sleep(i .. \"s\") end\n"
    "    return sim.safe { name = \"e\" .. i }.name end, { limit = 3 })\n"
    "  out.d = race { function() sleep \"100d\" return \"late\" end,\n"
    "    function() return wait { event = \"go\", where = { n = 1 } }.v end }\n"
    "  put(\"y\", \"2h\")\n"
    "  local ok, e = pcall(parallel, { function() put(\"z\") error({ code = \"X1\", message = "
    "\"m\" }) end,\n"
    "    function() sleep \"1d\" end,\n"
    "    function() race { function() sleep \"2d\" end, function() ask { id = \"r\", role = "
    "\"r\", title = \"T\" } end } end })\n"
    "  out.e = e.code\n"
    "  out.f = join(start(\"child\", { n = 3 })) .. \"\"\n"
    "  out.g = approve { id = \"p\", role = \"r\", title = \"T\" }\n"
    "  case:unwind()\n"
    "  put(\"w\")\n"
    "  local ok2, e2 = pcall(join, start(\"broken\"))\n"
    "  out.h = e2.code\n"
    "  sleep \"3d\"\n"
    "  sim.note { name = \"end\" }\n"
    "  return out\n"
    "end }\n";
static const char child_text[] = "local sim = use \"sim\"\n"
                                 "return playbook { name = \"child\", title = \"T\", on = "
                                 "\"x\", run = function(case, ev, s)\n"
                                 "  local n = s and s.n or ev.n\n"
                                 "  sim.probed { name = \"c\" .. n }\n"
                                 "  sleep \"1h\"\n"
                                 "  if n > 0 then restart { n = n - 1 } end\n"
                                 "  return \"done\"\n"
                                 "end }\n";
static const char broken_text[] =
    "local sim = use \"sim\"\n"
    "return playbook { name = \"broken\", title = \"T\", on = \"x\", run = function()\n"
    "  sim.once { name = \"k1\", undo = sim.undo }\n"
    "  parallel { function() sim.once { name = \"k2\", undo = sim.undo } end, function() sleep "
    "\"1s\" end }\n"
    "  error({ code = \"B1\", message = \"breaks\" })\n"
    "end }\n";
static const char expected[] = "{\"a\":\"ap\",\"b\":[\"x\",\"s\",\"yes\"],\"c\":[\"e1\",\"e2\","
                               "\"e3\",\"e4\",\"e5\"],\"d\":\"gone\","
                               "\"e\":\"X1\",\"f\":\"done\",\"g\":true,\"h\":\"B1\",\"i\":[["
                               "\"yes\",\"yes\",\"yes\",\"yes\"],8,4]}";
static const char *const taken_back[] = {"x", "y", "z", "k1", "k2"};

static void write_file(const char *name, const char *text)
{
    char path[128];
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s", world.dir, name);
    f = fopen(path, "w");
    if (!f || fputs(text, f) < 0 || fclose(f))
        abort();
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
        die("engine: %s %s", diag.code, diag.what);
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
        die("the run was not made");
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
    const struct tsn_actor who = {"resp1", roles, "token"};
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

        /* The question in the branch that is given up is nobody's business. */
        if (sim_rand(3) == 0 && !(t->path && strstr(t->path, "b3.1b2.1")))
            person_acts(t);
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

static void check_effects(void)
{
    for (size_t i = 0; i < sizeof(taken_back) / sizeof(taken_back[0]); i++) {
        int put = 0, undone = 0;

        for (size_t k = 0; k < world.neffects; k++) {
            const struct effect *f = &world.effects[k];

            if (strcmp(f->name, taken_back[i]) != 0)
                continue;
            put += strcmp(f->action, "sim.once") == 0;
            undone += strcmp(f->action, "sim.undo") == 0;
        }
        if (put != 1 || undone != 1)
            die("%s was not taken back (%s)", taken_back[i],
                put == 1 ? "done once" : "not done once");
    }
}

static void check_run(void)
{
    struct tsn_arena *a = tsn_arena_new();
    struct tsn_rec_run row;

    if (tsn_store_get(sim_store(), a, &tsn_table_run, world.run, &row))
        abort();
    if (strcmp(row.state, "finished") != 0)
        die("the run is %s: %s", row.state, row.reason ? row.reason : "");
    if (!row.result || strcmp(row.result, expected) != 0)
        die("it returned %s instead of %s", row.result ? row.result : "nothing", expected);
    tsn_arena_destroy(a);
    check_effects();
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
    }
    tsn_arena_destroy(a);
    die("not over after %d turns", TURNS);
}

/* One life. Returns the digest of its history. */
static uint64_t live(uint64_t seed, struct tsn_store *st, bool faults, bool hostile,
                     unsigned *crashes)
{
    const struct sim_faults none = {0, 0, 0};
    const struct sim_faults some = {(unsigned)(seed % 40), (unsigned)(seed % 30),
                                    (unsigned)(seed % 20)};
    uint64_t trace;
    int turns = 0, quiet_after = 20000;
    bool started = false;

    memset(&world.effects, 0, sizeof(world.effects));
    world.neffects = 0;
    world.seed = seed;
    world.faults = faults;
    sim_begin(seed, st, faults ? &some : &none);
    register_actions();
    open_engine();
    for (; turns < (hostile ? HOSTILE_TURNS : TURNS); turns++) {
        if (turns == quiet_after)
            world.faults = false;
        bool still = !sim_turn();

        if (sim_crashed()) {
            ++*crashes;
            close_engine();
            open_engine();
            continue;
        }
        if (!world.ready)
            continue;
        if (!started) {
            started = true;
            start_run();
            sim_hostile(hostile ? 500 : 0);
        }
        if (still || sim_rand(12) == 0)
            people_look();
        if (sim_rand(still ? 4 : 400) == 0)
            event_comes();
        if (turns % 64 == 0 && all_over())
            break;
    }
    trace = sim_trace();
    if (!hostile) {
        if (!all_over())
            where_it_hangs();
        check_run();
    }
    close_engine();
    tsn_registry_close(world.registry);
    sim_end();
    return trace;
}

/* --- a life in a process of its own, with a store of its own: nothing of one reaches the next */

static struct tsn_store *open_store(void)
{
    char db[128], key[128];
    struct tsn_store_config config = {.path = db, .key_file = key, .create = true};
    struct tsn_store *st;
    struct tsn_diag diag;

    tsn_diag_init(&diag);
    snprintf(db, sizeof(db), "%s/sim.db", world.dir);
    snprintf(key, sizeof(key), "%s/sim.key", world.dir);
    if (tsn_store_open(&st, &config, &diag)) {
        fprintf(stderr, "store: %s %s\n", diag.code, diag.what);
        exit(1);
    }
    return st;
}

static void check_log(struct tsn_store *st)
{
    struct tsn_verify_result v;

    if (tsn_store_verify(st, NULL, NULL, &v) || v.verdict != TSN_VERIFIED)
        die("the log: %s %s", v.diag.code, v.diag.what);
}

static void clean(void)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -rf '%s'", world.dir);
    if (system(command))
        fprintf(stderr, "%s is still there\n", world.dir);
}

struct life {
    uint64_t trace;
    unsigned crashes;
};

static void child(uint64_t seed, bool faults, bool hostile, int out)
{
    const char *shm = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    struct life life = {0, 0};
    struct tsn_store *st;

    snprintf(world.dir, sizeof(world.dir), "%s/tsn-sim-XXXXXX", shm);
    if (!mkdtemp(world.dir))
        exit(1);
    atexit(clean);
    write_file("main.lua", main_text);
    write_file("child.lua", child_text);
    write_file("broken.lua", broken_text);
    st = open_store();
    life.trace = live(seed, st, faults, hostile, &life.crashes);
    check_log(st);
    tsn_store_close(st);
    if (write(out, &life, sizeof(life)) != (ssize_t)sizeof(life))
        exit(1);
    exit(0);
}

static struct life live_apart(uint64_t seed, bool faults, bool hostile)
{
    struct life life = {0, 0};
    int fds[2], status = 1;
    pid_t pid;

    if (pipe(fds))
        abort();
    fflush(stdout);
    pid = fork();
    if (pid == 0)
        child(seed, faults, hostile, fds[1]);
    close(fds[1]);
    if (pid < 0 || read(fds[0], &life, sizeof(life)) != (ssize_t)sizeof(life) ||
        waitpid(pid, &status, 0) != pid || status != 0) {
        (void)waitpid(pid, &status, 0);
        fprintf(stderr, "seed %llu failed; again: test_sim_engine %llu\n",
                (unsigned long long)seed, (unsigned long long)seed);
        exit(1);
    }
    close(fds[0]);
    return life;
}

int main(int argc, char **argv)
{
    uint64_t first = getenv("SIM_FIRST") ? strtoull(getenv("SIM_FIRST"), NULL, 10) : 1;
    uint64_t n = getenv("SIM_SEEDS") ? strtoull(getenv("SIM_SEEDS"), NULL, 10) : 250;
    uint64_t crashes = 0;

    tsn_json_init();
    tsn_crypto_init();
    tsn_log_open(getenv("SIM_LOG") ? 2 : -1);
    (void)tsn_box_init();
    if (argc > 1)
        first = strtoull(argv[1], NULL, 10);
    if (live_apart(first, true, false).trace != live_apart(first, true, false).trace) {
        fprintf(stderr, "seed %llu made two histories\n", (unsigned long long)first);
        return 1;
    }
    if (argc > 1)
        return 0;
    (void)live_apart(first, false, false);
    for (uint64_t seed = first; seed < first + n; seed++)
        crashes += live_apart(seed, true, false).crashes;
    /* Workers that lie: the core goes on, does nothing without an intent, and its log verifies. */
    for (uint64_t seed = first; seed < first + n / 4; seed++)
        (void)live_apart(seed, true, true);
    printf("%llu seeds, %llu crashes\n", (unsigned long long)n, (unsigned long long)crashes);
    return 0;
}
