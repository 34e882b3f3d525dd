/* The replay machine over whole histories: order of delivery, broken records, ends, paths, and
 * random lives with kills where the code must see the same trace each time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "journal/journal.h"

static struct tsn_jitem item(const char *path, int64_t deliver_no)
{
    struct tsn_jitem it = {
        .path = path, .kind = TSN_J_CALL, .name = "a.b", .at_ms = deliver_no};
    if (deliver_no) {
        it.state = TSN_J_SETTLED;
        it.deliver_no = deliver_no;
        it.outcome = "ok";
        it.result = "{}";
    }
    return it;
}

static enum tsn_jverdict ask(struct tsn_journal *j, const char *path)
{
    struct tsn_jrequest r = {.path = path, .kind = TSN_J_CALL, .name = "a.b"};
    return tsn_journal_ask(j, &r, NULL);
}

static void delivers_in_recorded_order(void **unused)
{
    /* Branch 2 answered before branch 1, and both asked in branch order. */
    struct tsn_jitem items[] = {item("0.1b1.1", 3), item("0.1b2.1", 1), item("0.1b1.2", 0),
                                item("0.1b2.2", 2)};
    struct tsn_journal *j;
    (void)unused;
    assert_int_equal(tsn_journal_new(&j, items, 4), 0);
    assert_null(tsn_journal_next(j));
    assert_int_equal(ask(j, "0.1b1.1"), TSN_J_REPLAYED);
    assert_null(tsn_journal_next(j)); /* its turn is third */
    assert_int_equal(ask(j, "0.1b2.1"), TSN_J_REPLAYED);
    assert_string_equal(tsn_journal_next(j)->path, "0.1b2.1");
    assert_null(tsn_journal_next(j)); /* second was not asked yet */
    assert_int_equal(ask(j, "0.1b2.2"), TSN_J_REPLAYED);
    assert_string_equal(tsn_journal_next(j)->path, "0.1b2.2");
    assert_string_equal(tsn_journal_next(j)->path, "0.1b1.1");
    assert_true(tsn_journal_caught_up(j));
    assert_int_equal(ask(j, "0.1b1.2"), TSN_J_PENDING);
    assert_int_equal(tsn_journal_settle(j, "0.1b1.2", 4, 44, "fail", "{\"error\":{}}"), 0);
    const struct tsn_jitem *it = tsn_journal_next(j);
    assert_string_equal(it->path, "0.1b1.2");
    assert_string_equal(it->outcome, "fail");
    assert_int_equal(it->at_ms, 44);
    assert_int_equal(ask(j, "0.2"), TSN_J_NEW);
    tsn_journal_destroy(j);
}

static void refuses_broken_records(void **unused)
{
    struct {
        const char *what;
        struct tsn_jitem items[3];
        size_t n;
    } rows[] = {
        {"path twice", {item("0.1", 1), item("0.1", 2)}, 2},
        {"number twice", {item("0.1", 1), item("0.2", 1)}, 2},
        {"gap", {item("0.1", 1), item("0.2", 3), item("0.3", 0)}, 3},
        {"does not start at 1", {item("0.1", 2), item("0.2", 0)}, 2},
        {"number too high", {item("0.1", 9)}, 1},
        {"negative number", {item("0.1", -1)}, 1},
        {"bad path", {item("1.1", 1)}, 1},
        {"no path", {item(NULL, 1)}, 1},
        {"settled without a number", {item("0.1", 1)}, 1},
        {"settled without an outcome", {item("0.1", 1)}, 1},
        {"intended with a number", {item("0.1", 0)}, 1},
        {"intended with an outcome", {item("0.1", 0)}, 1},
        {"no such kind", {item("0.1", 1)}, 1},
        {"no name", {item("0.1", 1)}, 1},
    };
    (void)unused;
    rows[8].items[0].deliver_no = 0;
    rows[9].items[0].outcome = NULL;
    rows[10].items[0].deliver_no = 1;
    rows[11].items[0].outcome = "ok";
    rows[12].items[0].kind = (enum tsn_jkind)12;
    rows[13].items[0].name = NULL;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct tsn_journal *j = (struct tsn_journal *)&rows;
        if (tsn_journal_new(&j, rows[i].items, rows[i].n) != TSN_EINPUT || j)
            fail_msg("%s was accepted", rows[i].what);
    }
}

static void ends_with_steps_left(void **unused)
{
    struct tsn_jitem items[] = {item("0.1", 1), item("0.2", 2), item("0.3", 0)};
    struct tsn_journal *j;
    (void)unused;
    assert_int_equal(tsn_journal_new(&j, items, 3), 0);
    assert_int_equal(ask(j, "0.1"), TSN_J_REPLAYED);
    assert_string_equal(tsn_journal_unasked(j)->path, "0.2");
    assert_int_equal(ask(j, "0.2"), TSN_J_REPLAYED);
    assert_string_equal(tsn_journal_unasked(j)->path, "0.3");
    assert_int_equal(ask(j, "0.3"), TSN_J_PENDING);
    assert_null(tsn_journal_unasked(j));
    tsn_journal_destroy(j);
    tsn_journal_destroy(NULL);
}

static void shows_the_recorded_side(void **unused)
{
    struct tsn_jitem items[] = {item("0.1", 1)};
    struct tsn_jrequest r = {.path = "0.1", .kind = TSN_J_ASK, .name = "triage"};
    const struct tsn_jitem *recorded = NULL;
    struct tsn_journal *j;
    (void)unused;
    items[0].fp[0] = 0xab;
    assert_int_equal(tsn_journal_new(&j, items, 1), 0);
    assert_int_equal(tsn_journal_ask(j, &r, &recorded), TSN_J_DIVERGED);
    assert_int_equal(recorded->kind, TSN_J_CALL);
    assert_string_equal(recorded->name, "a.b");
    assert_int_equal(recorded->fp[0], 0xab);
    assert_int_equal(ask(j, "0.1"), TSN_J_DIVERGED); /* for good */
    assert_int_equal(ask(j, "0.9"), TSN_J_DIVERGED);
    tsn_journal_destroy(j);
}

static void many_live_steps(void **unused)
{
    struct tsn_journal *j;
    char path[TSN_PATH_MAX + 1] = "0.1";
    (void)unused;
    assert_int_equal(tsn_journal_new(&j, NULL, 0), 0);
    for (int64_t i = 1; i <= 10000; i++) {
        assert_int_equal(ask(j, path), TSN_J_NEW);
        assert_int_equal(tsn_journal_settle(j, path, i, i, "ok", NULL), 0);
        const struct tsn_jitem *it = tsn_journal_next(j);
        assert_non_null(it);
        assert_string_equal(it->path, path);
        assert_string_equal(it->result, "null");
        assert_int_equal(tsn_path_next(path, sizeof path), 0);
    }
    assert_string_equal(path, "0.10001");
    tsn_journal_destroy(j);
}

static void paths(void **unused)
{
    static const char *const good[] = {"0.1", "0.10", "0.4b2.1", "0.4b2.1b3.12", "0.999999999"};
    static const char *const bad[] = {
        "",
        "0",
        "0.",
        "0.0",
        "0.01",
        "1.1",
        "0.1.",
        "0.1b",
        "0.1b2",
        "0.1b2.",
        "0.b1",
        "0.1b0.1",
        "0.1.2",
        "0.1b2.1.1",
        "a",
        "0.1 ",
        " 0.1",
        "0.-1",
        "0.1234567890",
        "0.1b2b3.1",
        "0.1b1.1b1.1b1.1b1.1b1.1b1.1b1.1b1.1b1.1b1.1b1.1b1.1b1.1b1.1b1.1b1.1"};
    (void)unused;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(tsn_path_valid(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char copy[80];
        snprintf(copy, sizeof copy, "%s", bad[i]);
        if (tsn_path_valid(bad[i]))
            fail_msg("`%s` passes as a path", bad[i]);
        assert_int_equal(tsn_path_next(copy, sizeof copy), TSN_EINPUT);
        assert_string_equal(copy, bad[i]);
    }
    static const char *const next[][2] = {{"0.1", "0.2"},
                                          {"0.9", "0.10"},
                                          {"0.99", "0.100"},
                                          {"0.4b2.1", "0.4b2.2"},
                                          {"0.4b2.19", "0.4b2.20"}};
    for (size_t i = 0; i < sizeof next / sizeof next[0]; i++) {
        char copy[TSN_PATH_MAX + 1];
        snprintf(copy, sizeof copy, "%s", next[i][0]);
        assert_int_equal(tsn_path_next(copy, sizeof copy), 0);
        assert_string_equal(copy, next[i][1]);
    }
    char tight[4] = "0.9";
    assert_int_equal(tsn_path_next(tight, sizeof tight), TSN_ETOOBIG);
    assert_string_equal(tight, "0.9");
    char last[] = "0.999999999";
    assert_int_equal(tsn_path_next(last, sizeof last), TSN_ETOOBIG);
}

static void kinds(void **unused)
{
    (void)unused;
    for (int k = TSN_J_CALL; k <= TSN_J_END; k++) {
        enum tsn_jkind got = TSN_J_END;
        assert_int_equal(tsn_jkind_parse(tsn_jkind_name((enum tsn_jkind)k), &got), 0);
        assert_int_equal(got, k);
    }
    enum tsn_jkind got;
    assert_int_equal(tsn_jkind_parse("Call", &got), TSN_EINPUT);
    assert_int_equal(tsn_jkind_parse("", &got), TSN_EINPUT);
    assert_int_equal(tsn_jkind_parse(NULL, &got), TSN_EINPUT);
    assert_null(tsn_jkind_name((enum tsn_jkind)0));
    assert_null(tsn_jkind_name((enum tsn_jkind)12));
}

/* --- random lives ------------------------------------------------------------------------- */

enum { BRANCHES = 3, STEPS = 5, MAX_ITEMS = BRANCHES * STEPS };

/* The world: what is on disk, and which effects are open. Completion order is random. */
struct world {
    struct tsn_jitem items[MAX_ITEMS];
    char paths[MAX_ITEMS][TSN_PATH_MAX + 1];
    size_t n;
    int64_t deliver_no;
};

static uint64_t rng_state;
static unsigned rnd(unsigned n)
{
    rng_state = rng_state * 6364136223846793005ull + 1442695040888963407ull;
    return (unsigned)(rng_state >> 33) % n;
}

static void world_intend(struct world *w, const char *path)
{
    snprintf(w->paths[w->n], sizeof w->paths[0], "%s", path);
    w->items[w->n] = item(w->paths[w->n], 0);
    w->n++;
}

/* One life of a program with three branches of five steps; the trace is what it saw. Returns
 * true when it finished. */
static bool live(struct world *w, char *trace, size_t cap, unsigned kill_after)
{
    struct tsn_journal *j;
    unsigned at[BRANCHES] = {0}, done = 0, events = 0;
    size_t len = 0;

    trace[0] = '\0';
    assert_int_equal(tsn_journal_new(&j, w->items, w->n), 0);
    for (unsigned b = 0; b < BRANCHES; b++) {
        char path[TSN_PATH_MAX + 1];
        snprintf(path, sizeof path, "0.1b%u.1", b + 1);
        enum tsn_jverdict v = ask(j, path);
        assert_int_not_equal(v, TSN_J_DIVERGED);
        if (v == TSN_J_NEW)
            world_intend(w, path);
    }
    while (done < BRANCHES && events++ < kill_after) {
        const struct tsn_jitem *it = tsn_journal_next(j);
        if (!it) {
            assert_true(tsn_journal_caught_up(j));
            size_t open[MAX_ITEMS], k = 0;
            for (size_t i = 0; i < w->n; i++) {
                if (w->items[i].state == TSN_J_INTENDED)
                    open[k++] = i;
            }
            assert_true(k > 0);
            struct tsn_jitem *s = &w->items[open[rnd((unsigned)k)]];
            s->state = TSN_J_SETTLED;
            s->deliver_no = ++w->deliver_no;
            s->outcome = "ok";
            s->result = "{}";
            assert_int_equal(
                tsn_journal_settle(j, s->path, s->deliver_no, 0, s->outcome, s->result), 0);
            continue;
        }
        len += (size_t)snprintf(trace + len, cap - len, "%s ", it->path);
        unsigned b = (unsigned)(it->path[4] - '1');
        if (++at[b] == STEPS) {
            done++;
            continue;
        }
        char path[TSN_PATH_MAX + 1];
        snprintf(path, sizeof path, "%s", it->path);
        assert_int_equal(tsn_path_next(path, sizeof path), 0);
        enum tsn_jverdict v = ask(j, path);
        assert_int_not_equal(v, TSN_J_DIVERGED);
        if (v == TSN_J_NEW)
            world_intend(w, path);
    }
    bool finished = done == BRANCHES;
    if (finished)
        assert_null(tsn_journal_unasked(j));
    tsn_journal_destroy(j);
    return finished;
}

static void same_trace_in_every_life(void **unused)
{
    (void)unused;
    for (uint64_t seed = 1; seed <= 2000; seed++) {
        struct world w;
        char before[512] = "", now[512];
        memset(&w, 0, sizeof w);
        rng_state = seed;
        for (int lives = 0; lives < 200; lives++) {
            bool finished = live(&w, now, sizeof now, 1 + rnd(40));
            size_t n = strlen(before) < strlen(now) ? strlen(before) : strlen(now);
            if (strncmp(before, now, n) != 0)
                fail_msg("seed %u: `%s` became `%s`", (unsigned)seed, before, now);
            if (strlen(now) > strlen(before))
                snprintf(before, sizeof before, "%s", now);
            if (finished)
                break;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delivers_in_recorded_order),
        cmocka_unit_test(refuses_broken_records),
        cmocka_unit_test(ends_with_steps_left),
        cmocka_unit_test(shows_the_recorded_side),
        cmocka_unit_test(many_live_steps),
        cmocka_unit_test(paths),
        cmocka_unit_test(kinds),
        cmocka_unit_test(same_trace_in_every_life),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
