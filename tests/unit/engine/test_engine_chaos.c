/* Kills the whole process at fault points of one run, starts it again, and looks from outside:
 * the run ends, nothing of class ask happened twice, every effect has its intent, the log verifies.
 *
 * The parent starts this very program again as the child that works. About forty points spread
 * over the run; all of them with TOCSIN_CHAOS_FULL=1. */
#include "unit/engine/engine_rig.h"
#include "store/record_run.h"

#include <fcntl.h>
#include <sys/wait.h>
#include "store/verify_store.h"

#define POINTS 40
#define STEPS  17 /* outcomes that Lua gets */
#define UNDOS  1

static void sink_line(struct rig *g, const struct tsn_call *call)
{
    char line[256];
    int fd = open(g->sink, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    int n = snprintf(line, sizeof(line), "%s %s\n", call->action->name, call->idem);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, line, (size_t)n), n);
    close(fd);
}

static tsn_err sink_start(struct tsn_call *call, struct tsn_diag *diag)
{
    struct rig *g = call->action->user;

    (void)diag;
    sink_line(g, call);
    return rig_later(g, call, TSN_OUTCOME_OK, json_pack("{s:s}", "by", "resp1"), NULL);
}

static void sink_actions(struct rig *g)
{
    const struct tsn_action actions[] = {
        {.name = "sink.safe",
         .summary = "may be repeated",
         .effect = TSN_EFFECT_EXTERNAL,
         .doubt = TSN_DOUBT_REPEAT_SAFE,
         .start = sink_start,
         .user = g},
        {.name = "sink.once",
         .summary = "must not be",
         .effect = TSN_EFFECT_EXTERNAL,
         .doubt = TSN_DOUBT_ASK,
         .start = sink_start,
         .user = g},
    };

    for (size_t i = 0; i < 2; i++)
        assert_int_equal(tsn_registry_add(g->registry, &actions[i]), 0);
}

static const char body[] =
    "local sink = use \"sink\"\n"
    "rig.look {}\n"
    "sink.once { n = 1 }\n"
    "rig.note { text = \"a\" }\n"
    "local a = ask { id = \"q\", role = \"r\", title = \"T\" }\n"
    "sink.safe { n = 2 }\n"
    "sleep \"10ms\"\n"
    "local ok = approve { id = \"p\", role = \"r\", quorum = 2, not_by "
    "= a.by, title = \"T\" }\n"
    "parallel { function() sink.once { n = 3, undo = sink.safe } end,\n"
    "  function() sleep \"5ms\" sink.safe { n = 4 } end,\n"
    "  function() rig.look {} race {\n"
    "    function() sleep \"1h\" end, function() rig.look {} end } end }\n"
    "case:unwind()\n"
    "rig.note { text = \"b\" }\n"
    "return ok";

static struct rig *rig_in(const char *dir)
{
    struct rig *g = tsn_alloc(sizeof(*g));

    tsn_json_init();
    tsn_crypto_init();
    tsn_log_open(getenv("RIG_LOG") ? 2 : -1);
    snprintf(g->dir, sizeof(g->dir), "%s", dir);
    snprintf(g->sink, sizeof(g->sink), "%s/sink", dir);
    g->more_actions = sink_actions;
    g->arena = tsn_arena_new();
    return g;
}

static void rig_out(struct rig *g)
{
    if (g->engine)
        rig_shut(g);
    json_decref(g->info);
    tsn_arena_destroy(g->arena);
    free(g);
}

/* --- the child */

struct first_run {
    struct tsn_rec_run row;
    bool found;
};

static tsn_err first_fn(struct tsn_store *st, struct tsn_arena *a, void *user)
{
    struct first_run *f = user;
    struct tsn_list how = {.limit = 1};
    void *rows = NULL;
    size_t n = 0;
    tsn_err err = tsn_store_list(st, a, &tsn_table_run, &how, &rows, &n);

    f->found = n > 0;
    if (n)
        f->row = *(struct tsn_rec_run *)rows;
    return err;
}

static void decide_whatever_is_open(struct rig *g, const char *run)
{
    struct tsn_rec_task t;
    struct rig_get q = {NULL, run, &t};

    if (rig_do(g, rig_task_fn, &q, false) != 0)
        return;
    if (strcmp(t.kind, "ask") == 0)
        (void)rig_answer(g, "resp1", "r", &t, "{}");
    else if (strcmp(t.kind, "resolve") == 0)
        (void)rig_answer(g, "resp1", "responder", &t,
                         "{\"outcome\":\"done\",\"reason\":\"seen in the sink\"}");
    else if (rig_vote(g, "duty1", "r", &t, "approve") == TSN_ECONFLICT ||
             !tsn_json_bool(g->info, "decided", false))
        (void)rig_vote(g, "duty2", "r", &t, "approve");
}

static int child(const char *dir)
{
    struct rig *g = rig_in(dir);
    struct first_run f = {0};
    const char *run;
    bool over = false;

    rig_open(g);
    assert_int_equal(rig_do(g, first_fn, &f, false), 0);
    run = f.found ? f.row.id : rig_start(g, "long", NULL);
    for (int i = 0; i < 2000 && !over; i++) {
        decide_whatever_is_open(g, run);
        rig_settle(g, 2);
        over = tsn_run_over(rig_row(g, run).state);
    }
    rig_out(g);
    return over ? 0 : 3;
}

/* --- the parent */

static int start_child(const char *dir, const char *fault, const char *trace)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        if (fault)
            setenv("TOCSIN_FAULT", fault, 1);
        if (trace)
            setenv("TOCSIN_FAULT_TRACE", trace, 1);
        execl("/proc/self/exe", "test_engine_chaos", "child", dir, (char *)NULL);
        _exit(9);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static bool has_intent(const struct rig_chain *c, const char *idem)
{
    for (size_t i = 0; i < c->n; i++)
        if (strcmp(c->entries[i].entry.kind, "step.intent") == 0 && c->entries[i].entry.idem &&
            strcmp(c->entries[i].entry.idem, idem) == 0)
            return true;
    return false;
}

static void check_sink(struct rig *g, const struct rig_chain *c, const char *fault)
{
    char name[32], idem[64], seen[64][64];
    size_t n = 0;
    FILE *f = fopen(g->sink, "r");

    assert_non_null(f);
    while (fscanf(f, "%31s %63s", name, idem) == 2) {
        if (!has_intent(c, idem))
            fail_msg("%s: an effect without an intent: %s", fault, name);
        for (size_t i = 0; i < n; i++)
            if (strcmp(seen[i], idem) == 0 && strcmp(name, "sink.once") == 0)
                fail_msg("%s: done twice: %s", fault, idem);
        assert_true(n < 64);
        snprintf(seen[n++], sizeof(seen[0]), "%s", idem);
    }
    fclose(f);
}

static tsn_err verify_fn(struct tsn_store *st, struct tsn_arena *a, void *user)
{
    (void)a;
    return tsn_store_verify(st, NULL, NULL, user);
}

static void check_all(const char *dir, const char *fault)
{
    struct rig *g = rig_in(dir);
    struct first_run f;
    struct tsn_verify_result v;
    struct rig_chain c;
    int results = 0;

    rig_open(g);
    assert_int_equal(rig_do(g, first_fn, &f, false), 0);
    if (strcmp(f.row.state, "finished") != 0 || f.row.deliver_no != STEPS)
        fail_msg("%s: %s %s after %d steps", fault, f.row.state,
                 f.row.reason ? f.row.reason : "", (int)f.row.deliver_no);
    c = rig_chain(g, f.row.id);
    for (size_t i = 0; i < c.n; i++)
        results += strcmp(c.entries[i].entry.kind, "step.result") == 0;
    assert_int_equal(results, STEPS + UNDOS);
    check_sink(g, &c, fault);
    assert_int_equal(rig_do(g, verify_fn, &v, false), 0);
    if (v.verdict != TSN_VERIFIED)
        fail_msg("%s: log: %s %s", fault, v.diag.code, v.diag.what);
    rig_out(g);
}

static void fresh(char dir[64])
{
    char path[128], command[128];
    struct rig *g;

    snprintf(command, sizeof(command), "rm -rf '%s'", dir);
    if (dir[0])
        assert_int_equal(system(command), 0);
    snprintf(dir, 64, "/tmp/tsn-chaos-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/playbooks", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    g = rig_in(dir);
    rig_playbook(g, "long", body);
    rig_out(g);
}

static int lines_of(const char *path)
{
    FILE *f = fopen(path, "r");
    int n = 0, c;

    assert_non_null(f);
    while ((c = fgetc(f)) != EOF)
        n += c == '\n';
    fclose(f);
    return n;
}

static void killed_anywhere_it_goes_on(void **state)
{
    char dir[64] = "", trace[128], fault[32], command[128];
    int total, stride, killed = 0;

    (void)state;
    fresh(dir);
    snprintf(trace, sizeof(trace), "%s/trace", dir);
    assert_int_equal(start_child(dir, NULL, trace), 0);
    check_all(dir, "no fault");
    total = lines_of(trace);
    assert_true(total > 30);
    stride = getenv("TOCSIN_CHAOS_FULL") ? 1 : total / POINTS + 1;
    for (int n = 1; n <= total; n += stride) {
        int status;

        fresh(dir);
        snprintf(fault, sizeof(fault), "#%d", n);
        status = start_child(dir, fault, NULL);
        if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
            killed++;
        else if (status != 0)
            fail_msg("%s: child ended with %d", fault, status);
        status = start_child(dir, NULL, NULL);
        if (status != 0)
            fail_msg("%s: second life ended with %d", fault, status);
        check_all(dir, fault);
    }
    print_message("%d fault points, killed at %d of them\n", total, killed);
    assert_true(killed >= total / stride / 2);
    snprintf(command, sizeof(command), "rm -rf '%s'", dir);
    assert_int_equal(system(command), 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_anywhere_it_goes_on),
    };

    if (argc == 3 && strcmp(argv[1], "child") == 0)
        return child(argv[2]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
