/* Every state of a step meets every event, as a table. The last test fails when a pair of state
 * and event has no row, so a new state or event cannot come without its rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "journal/journal.h"

/* States of the step at 0.1 (S_DIVERGED: of the machine). */
enum state {
    S_ABSENT,          /* never heard of */
    S_ASKED,           /* asked in this life, was new */
    S_INTENDED,        /* intent on record, not asked yet */
    S_PENDING,         /* intent on record, asked */
    S_RECORDED,        /* outcome on record, not asked yet */
    S_REPLAYED,        /* outcome on record, asked, not delivered */
    S_SETTLED_LIVE,    /* was new, outcome came, not delivered */
    S_SETTLED_UNASKED, /* intent on record, outcome came before the code asked */
    S_DELIVERED,       /* handed to the code */
    S_DIVERGED,
    N_STATES
};
enum event {
    E_ASK_SAME,
    E_ASK_OTHER_KIND,
    E_ASK_OTHER_NAME,
    E_ASK_OTHER_FP,
    E_ASK_BAD_PATH,
    E_SETTLE,          /* with the next deliver_no */
    E_SETTLE_AGAIN_NO, /* with a number already used, or 0 */
    E_SETTLE_GAP,      /* with a number too high */
    E_NEXT,
    E_CAUGHT_UP,
    E_END, /* unasked: the code has returned */
    N_EVENTS
};
static const char *const state_names[N_STATES] = {
    "absent",   "asked",        "intended",        "pending",   "recorded",
    "replayed", "settled live", "settled unasked", "delivered", "diverged"};
static const char *const event_names[N_EVENTS] = {
    "ask same", "ask other kind",    "ask other name", "ask other fp", "ask bad path",
    "settle",   "settle old number", "settle gap",     "next",         "caught up",
    "end"};

/* What must come out: a verdict, an error, or yes and no. */
enum want {
    W_NEW = TSN_J_NEW,
    W_PENDING = TSN_J_PENDING,
    W_REPLAYED = TSN_J_REPLAYED,
    W_DIVERGED = TSN_J_DIVERGED, /* with the recorded side */
    W_DIVERGED_ALONE = 10,       /* nothing recorded to show */
    W_OK,
    W_INPUT,
    W_ITEM,
    W_NONE,
    W_TRUE,
    W_FALSE
};

struct row {
    enum state state;
    enum event event;
    enum want want;
};

#define ASKS(s, same, other)                                                                   \
    {s, E_ASK_SAME, same}, {s, E_ASK_OTHER_KIND, other}, {s, E_ASK_OTHER_NAME, other},         \
        {s, E_ASK_OTHER_FP, other},                                                            \
    {                                                                                          \
        s, E_ASK_BAD_PATH, W_DIVERGED_ALONE                                                    \
    }
#define SETTLES(s, right)                                                                      \
    {s, E_SETTLE, right}, {s, E_SETTLE_AGAIN_NO, W_INPUT},                                     \
    {                                                                                          \
        s, E_SETTLE_GAP, W_INPUT                                                               \
    }

static const struct row rows[] = {
    ASKS(S_ABSENT, W_NEW, W_NEW),
    SETTLES(S_ABSENT, W_INPUT),
    {S_ABSENT, E_NEXT, W_NONE},
    {S_ABSENT, E_CAUGHT_UP, W_TRUE},
    {S_ABSENT, E_END, W_NONE},

    ASKS(S_ASKED, W_DIVERGED_ALONE, W_DIVERGED_ALONE),
    SETTLES(S_ASKED, W_OK),
    {S_ASKED, E_NEXT, W_NONE},
    {S_ASKED, E_CAUGHT_UP, W_TRUE},
    {S_ASKED, E_END, W_NONE},

    ASKS(S_INTENDED, W_PENDING, W_DIVERGED),
    SETTLES(S_INTENDED, W_OK),
    {S_INTENDED, E_NEXT, W_NONE},
    {S_INTENDED, E_CAUGHT_UP, W_TRUE},
    {S_INTENDED, E_END, W_ITEM},

    ASKS(S_PENDING, W_DIVERGED_ALONE, W_DIVERGED_ALONE),
    SETTLES(S_PENDING, W_OK),
    {S_PENDING, E_NEXT, W_NONE},
    {S_PENDING, E_CAUGHT_UP, W_TRUE},
    {S_PENDING, E_END, W_NONE},

    ASKS(S_RECORDED, W_REPLAYED, W_DIVERGED),
    SETTLES(S_RECORDED, W_INPUT),
    {S_RECORDED, E_NEXT, W_NONE},
    {S_RECORDED, E_CAUGHT_UP, W_FALSE},
    {S_RECORDED, E_END, W_ITEM},

    ASKS(S_REPLAYED, W_DIVERGED_ALONE, W_DIVERGED_ALONE),
    SETTLES(S_REPLAYED, W_INPUT),
    {S_REPLAYED, E_NEXT, W_ITEM},
    {S_REPLAYED, E_CAUGHT_UP, W_FALSE},
    {S_REPLAYED, E_END, W_NONE},

    ASKS(S_SETTLED_LIVE, W_DIVERGED_ALONE, W_DIVERGED_ALONE),
    SETTLES(S_SETTLED_LIVE, W_INPUT),
    {S_SETTLED_LIVE, E_NEXT, W_ITEM},
    {S_SETTLED_LIVE, E_CAUGHT_UP, W_FALSE},
    {S_SETTLED_LIVE, E_END, W_NONE},

    ASKS(S_SETTLED_UNASKED, W_REPLAYED, W_DIVERGED),
    SETTLES(S_SETTLED_UNASKED, W_INPUT),
    {S_SETTLED_UNASKED, E_NEXT, W_NONE},
    {S_SETTLED_UNASKED, E_CAUGHT_UP, W_FALSE},
    {S_SETTLED_UNASKED, E_END, W_ITEM},

    ASKS(S_DELIVERED, W_DIVERGED_ALONE, W_DIVERGED_ALONE),
    SETTLES(S_DELIVERED, W_INPUT),
    {S_DELIVERED, E_NEXT, W_NONE},
    {S_DELIVERED, E_CAUGHT_UP, W_TRUE},
    {S_DELIVERED, E_END, W_NONE},

    ASKS(S_DIVERGED, W_DIVERGED_ALONE, W_DIVERGED_ALONE),
    SETTLES(S_DIVERGED, W_INPUT),
    {S_DIVERGED, E_NEXT, W_NONE},
    {S_DIVERGED, E_CAUGHT_UP, W_FALSE},
    {S_DIVERGED, E_END, W_ITEM},
};

static struct tsn_jrequest request(const char *path)
{
    struct tsn_jrequest r = {.path = path, .kind = TSN_J_CALL, .name = "edge.apply"};
    memset(r.fp, 7, sizeof r.fp);
    return r;
}

static struct tsn_jitem item(const char *path, int64_t deliver_no)
{
    struct tsn_jitem it = {
        .path = path, .kind = TSN_J_CALL, .name = "edge.apply", .at_ms = 1000};
    memset(it.fp, 7, sizeof it.fp);
    if (deliver_no) {
        it.state = TSN_J_SETTLED;
        it.deliver_no = deliver_no;
        it.outcome = "ok";
        it.result = "{\"n\":1}";
    }
    return it;
}

/* A machine whose step 0.1 is in state `s`. *next_no: the number a right settle has. */
static struct tsn_journal *in_state(enum state s, int64_t *next_no)
{
    struct tsn_journal *j = NULL;
    struct tsn_jitem settled = item("0.1", 1), open = item("0.1", 0);
    struct tsn_jrequest r = request("0.1"), other = request("0.1");

    other.name = "edge.remove";
    *next_no = 1;
    switch (s) {
    case S_ABSENT:
        assert_int_equal(tsn_journal_new(&j, NULL, 0), 0);
        break;
    case S_ASKED:
        assert_int_equal(tsn_journal_new(&j, NULL, 0), 0);
        assert_int_equal(tsn_journal_ask(j, &r, NULL), TSN_J_NEW);
        break;
    case S_INTENDED:
        assert_int_equal(tsn_journal_new(&j, &open, 1), 0);
        break;
    case S_PENDING:
        assert_int_equal(tsn_journal_new(&j, &open, 1), 0);
        assert_int_equal(tsn_journal_ask(j, &r, NULL), TSN_J_PENDING);
        break;
    case S_RECORDED:
        assert_int_equal(tsn_journal_new(&j, &settled, 1), 0);
        *next_no = 2;
        break;
    case S_REPLAYED:
        assert_int_equal(tsn_journal_new(&j, &settled, 1), 0);
        assert_int_equal(tsn_journal_ask(j, &r, NULL), TSN_J_REPLAYED);
        *next_no = 2;
        break;
    case S_SETTLED_LIVE:
        assert_int_equal(tsn_journal_new(&j, NULL, 0), 0);
        assert_int_equal(tsn_journal_ask(j, &r, NULL), TSN_J_NEW);
        assert_int_equal(tsn_journal_settle(j, "0.1", 1, 5, "ok", "{}"), 0);
        *next_no = 2;
        break;
    case S_SETTLED_UNASKED:
        assert_int_equal(tsn_journal_new(&j, &open, 1), 0);
        assert_int_equal(tsn_journal_settle(j, "0.1", 1, 5, "ok", "{}"), 0);
        *next_no = 2;
        break;
    case S_DELIVERED:
        assert_int_equal(tsn_journal_new(&j, &settled, 1), 0);
        assert_int_equal(tsn_journal_ask(j, &r, NULL), TSN_J_REPLAYED);
        assert_non_null(tsn_journal_next(j));
        *next_no = 2;
        break;
    case S_DIVERGED:
        assert_int_equal(tsn_journal_new(&j, &settled, 1), 0);
        assert_int_equal(tsn_journal_ask(j, &other, NULL), TSN_J_DIVERGED);
        *next_no = 2;
        break;
    case N_STATES:
        break;
    }
    return j;
}

static enum want ask(struct tsn_journal *j, const struct tsn_jrequest *r)
{
    const struct tsn_jitem *recorded = NULL;
    enum tsn_jverdict v = tsn_journal_ask(j, r, &recorded);
    if (v == TSN_J_DIVERGED && !recorded)
        return W_DIVERGED_ALONE;
    if (v == TSN_J_NEW)
        assert_null(recorded);
    else
        assert_string_equal(recorded->path, "0.1");
    return (enum want)v;
}

static enum want settle(struct tsn_journal *j, int64_t no)
{
    tsn_err err = tsn_journal_settle(j, "0.1", no, 77, "ok", "{}");
    return err == 0 ? W_OK : err == TSN_EINPUT ? W_INPUT : W_NONE;
}

static enum want play(struct tsn_journal *j, enum event event, int64_t next_no)
{
    struct tsn_jrequest r = request("0.1");
    switch (event) {
    case E_ASK_SAME:
        return ask(j, &r);
    case E_ASK_OTHER_KIND:
        r.kind = TSN_J_WAIT;
        return ask(j, &r);
    case E_ASK_OTHER_NAME:
        r.name = "edge.applyy";
        return ask(j, &r);
    case E_ASK_OTHER_FP:
        r.fp[31] ^= 1;
        return ask(j, &r);
    case E_ASK_BAD_PATH:
        r.path = "0.01";
        return ask(j, &r);
    case E_SETTLE:
        return settle(j, next_no);
    case E_SETTLE_AGAIN_NO:
        return settle(j, next_no - 1);
    case E_SETTLE_GAP:
        return settle(j, next_no + 1);
    case E_NEXT:
        return tsn_journal_next(j) ? W_ITEM : W_NONE;
    case E_CAUGHT_UP:
        return tsn_journal_caught_up(j) ? W_TRUE : W_FALSE;
    case E_END:
        return tsn_journal_unasked(j) ? W_ITEM : W_NONE;
    case N_EVENTS:
        break;
    }
    return W_NONE;
}

static void every_row(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t no;
        struct tsn_journal *j = in_state(rows[i].state, &no);
        enum want got = play(j, rows[i].event, no);
        if (got != rows[i].want)
            fail_msg("%s x %s: want %d, got %d", state_names[rows[i].state],
                     event_names[rows[i].event], rows[i].want, got);
        tsn_journal_destroy(j);
    }
}

static void every_pair_has_a_row(void **unused)
{
    int seen[N_STATES][N_EVENTS] = {{0}};
    int missing = 0;
    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        seen[rows[i].state][rows[i].event]++;
    for (int s = 0; s < N_STATES; s++) {
        for (int e = 0; e < N_EVENTS; e++) {
            if (seen[s][e] != 1) {
                print_error("%s x %s: %d rows\n", state_names[s], event_names[e], seen[s][e]);
                missing++;
            }
        }
    }
    print_message("%d states x %d events covered\n", (int)N_STATES, (int)N_EVENTS);
    assert_int_equal(missing, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row),
        cmocka_unit_test(every_pair_has_a_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
