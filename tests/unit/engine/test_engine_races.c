/* Ops that meet: what was on its way when a cancel was written, steps that begin while their run is read, a
 * restart in the middle. Each was found by the simulation; here its order is forced by fault points. */
#include "unit/engine/engine_box.h"
#include <stdatomic.h>
#include "core/fault.h"

static struct rig *rig;
static char run_id[TSN_ULID_LEN + 1];
static int intents, cancel_at; /* which intent a cancel comes before; 0 = none */
static atomic_int slow_commits, slow_reads;

static void point(const char *name, void *user)
{
    struct tsn_actor who = {.person = "lead1", .auth = "token"};

    (void)user;
    if (strcmp(name, "writer.before_commit") == 0 && atomic_load(&slow_commits) > 0) {
        atomic_fetch_sub(&slow_commits, 1);
        usleep(200000);
    }
    if (strcmp(name, "engine.load.read") == 0 && atomic_load(&slow_reads) > 0) {
        atomic_fetch_sub(&slow_reads, 1);
        usleep(600000);
    }
    if (strcmp(name, "engine.intent.begin") != 0)
        return;
    intents++;
    if (intents == cancel_at)
        tsn_engine_cancel(rig->engine, &who, run_id, "not needed any more", NULL, NULL);
}

static int setup(void **state)
{
    int err = box_setup(state);

    rig = *state;
    intents = cancel_at = 0;
    atomic_store(&slow_commits, 0);
    atomic_store(&slow_reads, 0);
    run_id[0] = '\0';
    tsn_fault_hook(point, NULL);
    return err;
}

static int teardown(void **state)
{
    tsn_fault_hook(NULL, NULL);
    return rig_teardown(state);
}

static void start(struct rig *g, const char *name)
{
    snprintf(run_id, sizeof(run_id), "%s", rig_start(g, name, NULL));
}

/* The cancel is written first, the intent of the next effect is on its way behind it. */
static void no_effect_begins_behind_a_cancel(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "n", BOX "put(\"a\") put(\"b\") put(\"c\")");
    rig_open(g);
    cancel_at = 2;
    start(g, "n");
    rig_expect(g, run_id, "cancelled");
    assert_string_equal(did, "+a -a ");
    assert_int_equal(rig_count(g, run_id, "step.intent", "0.2", NULL, NULL), 0);
    assert_int_equal(rig_count(g, run_id, "run.unwinding", NULL, NULL, NULL), 1);
}

/* A step that the cancel ended must not be settled once more by what was on its way. */
static void no_step_ends_twice_behind_a_cancel(void **state)
{
    struct rig *g = *state;
    struct tsn_actor who = {.person = "lead1", .auth = "token"};

    rig_playbook(g, "t",
                 BOX
                 "put(\"a\")\nparallel { function() sleep \"1h\" end, function() sleep \"9s\" "
                 "end }");
    rig_open(g);
    start(g, "t");
    rig_expect(g, run_id, "waiting");
    struct tsn_run *r = tsn_runmap_find(g->engine, run_id);
    assert_non_null(r);
    struct tsn_step *s = tsn_step_find(r, "0.2b2.1");
    assert_non_null(s);
    /* In one turn: a person cancels, and the sleep is over. */
    tsn_engine_cancel(g->engine, &who, run_id, "not needed any more", NULL, NULL);
    s->wake_at = 1;
    tsn_run_due(r);
    rig_expect(g, run_id, "cancelled");
    assert_string_equal(did, "+a -a ");
    assert_int_equal(rig_count(g, run_id, "step.result", "0.2b2.1", NULL, NULL), 1);
    assert_int_equal(rig_count(g, run_id, "step.result", "0.2b1.1", "cancelled", NULL), 1);
}

/* The outcome of an effect that the cancel waits for counts, once, though it comes behind the cancel. */
static void what_is_waited_for_counts_behind_a_cancel(void **state)
{
    struct rig *g = *state;
    struct tsn_actor who = {.person = "lead1", .auth = "token"};

    rig_playbook(g, "w", BOX "put(\"a\") put(\"b\")");
    rig_open(g);
    hold_put = 1;
    held_call = NULL;
    start(g, "w");
    assert_true(rig_until(g, put_is_held, NULL, RIG_DEADLINE_MS));
    hold_put = 0;
    tsn_engine_cancel(g->engine, &who, run_id, "not needed any more", NULL, NULL);
    held_call->done(held_call, TSN_OUTCOME_OK, NULL, NULL);
    rig_expect(g, run_id, "cancelled");
    assert_string_equal(did, "+a -a ");
    assert_int_equal(rig_count(g, run_id, "step.result", "0.1", "ok", NULL), 1);
}

static bool on_its_way(struct rig *g, void *user)
{
    struct tsn_run *r = tsn_runmap_find(g->engine, run_id);
    struct tsn_step *s = r ? tsn_step_find(r, user) : NULL;

    return s && s->ops > 0 && r->phase == TSN_PHASE_STEP;
}

/* Its run is read again while the op that opens it is on its way, and what was read comes back after that op:
 * it is older, and must not begin the step anew. */
static void a_step_that_begins_while_its_run_is_read_begins_once(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "l",
                 "parallel { function() sleep \"1s\" end, function() sleep \"1200ms\" end }\n"
                 "return \"ok\"");
    rig_open(g);
    start(g, "l");
    atomic_store(&slow_commits, 1);
    assert_true(rig_until(g, on_its_way, (char[]){"0.1b1.1"}, RIG_DEADLINE_MS));
    atomic_store(&slow_reads, 1);
    tsn_engine_wake(g->engine, run_id);
    rig_expect(g, run_id, "finished");
    assert_int_equal(rig_count(g, run_id, "step.intent", "0.1b1.1", NULL, "sleep"), 1);
    assert_int_equal(rig_count(g, run_id, "step.intent", "0.1b2.1", NULL, "sleep"), 1);
    assert_int_equal(rig_count(g, run_id, "step.result", "0.1b1.1", "ok", NULL), 1);
}

/* A call with its intent on record may have happened: after a restart in the middle of a cancel a person is
 * asked, and what was done is taken back. */
static void a_restart_does_not_forget_what_a_cancel_waits_for(void **state)
{
    struct rig *g = *state;

    rig_playbook(g, "r", BOX "put(\"a\") put(\"b\")");
    rig_open(g);
    hold_put = 1;
    held_call = NULL;
    start(g, "r");
    assert_true(rig_until(g, put_is_held, NULL, RIG_DEADLINE_MS));
    assert_int_equal(rig_kill_run(g, run_id, "not needed"), 0);
    hold_put = 0;
    rig_crash(g);
    struct tsn_rec_task t = rig_task(g, run_id);
    assert_string_equal(t.kind, "resolve");
    assert_int_equal(rig_count(g, run_id, "step.in_doubt", "0.1", NULL, NULL), 1);
    assert_string_equal(did, "+a ");
    assert_int_equal(rig_answer(g, "resp1", "responder", &t,
                                "{\"outcome\":\"done\",\"reason\":\"seen in the firewall\"}"),
                     0);
    rig_expect(g, run_id, "cancelled");
    assert_string_equal(did, "+a -a ");
    assert_int_equal(rig_count(g, run_id, "step.result", "0.1", NULL, NULL), 1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(no_effect_begins_behind_a_cancel),
        T(no_step_ends_twice_behind_a_cancel),
        T(what_is_waited_for_counts_behind_a_cancel),
        T(a_step_that_begins_while_its_run_is_read_begins_once),
        T(a_restart_does_not_forget_what_a_cancel_waits_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
