/* test_loop.c - turns, the next-turn queue, timers and the mailbox. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/clock.h"
#include "core/mem.h"
#include "loop/loop.h"
#include "loop/mailbox.h"

static struct tsn_loop *loop;
static char trace[64];
static size_t ntrace;

static int setup(void **state)
{
    (void)state;
    ntrace = 0;
    trace[0] = '\0';
    return tsn_loop_open(&loop);
}

static int teardown(void **state)
{
    (void)state;
    tsn_loop_close(loop);
    return 0;
}

static void mark(char c)
{
    trace[ntrace++] = c;
    trace[ntrace] = '\0';
}

static void *letter(char c)
{
    static char letters[256][2];
    letters[(unsigned char)c][0] = c;
    return letters[(unsigned char)c];
}

static void say(void *user)
{
    mark(*(const char *)user);
}

static void say_then_later(void *user)
{
    mark(*(const char *)user);
    tsn_loop_later(loop, say, letter('z'));
    mark('.'); /* z has not run inside */
}

static void later_keeps_order(void **state)
{
    (void)state;
    tsn_loop_later(loop, say, letter('a'));
    tsn_loop_later(loop, say_then_later, letter('b'));
    tsn_loop_later(loop, say, letter('c'));
    tsn_loop_run(loop);
    assert_string_equal(trace, "ab.cz");
}

static int rounds;
static void forever(void *user)
{
    (void)user;
    rounds++;
    tsn_loop_later(loop, forever, NULL);
}

static void stop(void *user)
{
    (void)user;
    tsn_loop_stop(loop);
}

/* A task that always queues itself again must not starve timers. */
static void later_does_not_starve(void **state)
{
    (void)state;
    rounds = 0;
    struct tsn_timer *t = tsn_timer_new(loop, stop, NULL);
    tsn_timer_arm(t, 5);
    tsn_loop_later(loop, forever, NULL);
    tsn_loop_run(loop);
    assert_true(rounds > 1);
    tsn_timer_destroy(t);
    int before = rounds;
    tsn_loop_close(loop); /* ends although something is always queued */
    assert_true(rounds >= before);
    assert_int_equal(tsn_loop_open(&loop), 0);
}

static struct tsn_timer *zero;
static void again(void *user)
{
    (void)user;
    if (++rounds < 1000)
        tsn_timer_arm(zero, 0);
    else
        tsn_loop_stop(loop);
}

static void timer_zero_is_the_next_turn(void **state)
{
    (void)state;
    rounds = 0;
    zero = tsn_timer_new(loop, again, NULL);
    tsn_timer_arm(zero, 0);
    assert_int_equal(rounds, 0);
    tsn_loop_run(loop);
    assert_int_equal(rounds, 1000);
    tsn_timer_destroy(zero);
}

static void timers_in_order(void **state)
{
    (void)state;
    struct tsn_timer *a = tsn_timer_new(loop, say, letter('a'));
    struct tsn_timer *b = tsn_timer_new(loop, say, letter('b'));
    struct tsn_timer *c = tsn_timer_new(loop, say, letter('c'));
    int64_t start = tsn_clock_mono_ms();
    tsn_timer_arm(a, 30);
    tsn_timer_arm(b, 10);
    tsn_timer_arm(c, 20);
    tsn_timer_disarm(c);
    tsn_loop_run(loop);
    assert_string_equal(trace, "ba");
    assert_true(tsn_clock_mono_ms() - start >= 29);
    tsn_timer_arm(c, -5); /* in the past = at once; and it can be armed again */
    tsn_loop_run(loop);
    assert_string_equal(trace, "bac");
    tsn_timer_destroy(a);
    tsn_timer_destroy(b);
    tsn_timer_destroy(c);
    tsn_timer_destroy(NULL);
}

static int64_t simulated_now;

static int64_t simulated_ms(void *user)
{
    (void)user;
    return simulated_now;
}

/* A year passes without a moment of real time, in order; what is armed on the way fires too. */
static void simulated_time(void **state)
{
    const struct tsn_clock_source source = {.wall_ms = simulated_ms, .mono_ms = simulated_ms};
    const int64_t year = INT64_C(365) * 86400 * 1000;
    struct tsn_timer *a, *b, *c;
    (void)state;

    simulated_now = 1000;
    tsn_clock_set(&source);
    tsn_loop_simulate(loop);
    a = tsn_timer_new(loop, say, letter('a'));
    b = tsn_timer_new(loop, say, letter('b'));
    c = tsn_timer_new(loop, say_then_later, letter('c'));
    assert_true(tsn_loop_next_due(loop) == INT64_MAX);
    tsn_timer_arm(a, year);
    tsn_timer_arm(b, year);
    tsn_timer_arm(c, 1);
    tsn_timer_arm(a, year); /* armed again: now behind b */
    assert_int_equal(tsn_loop_next_due(loop), 1001);
    tsn_loop_run(loop); /* nothing fires by itself */
    assert_string_equal(trace, "");
    simulated_now = 1001;
    tsn_loop_fire(loop);
    assert_true(tsn_loop_pending(loop));
    tsn_loop_run(loop);
    assert_false(tsn_loop_pending(loop));
    assert_string_equal(trace, "c.z");
    simulated_now += year;
    tsn_timer_arm(c, 5);
    tsn_timer_destroy(c);
    tsn_loop_fire(loop);
    assert_string_equal(trace, "c.zba");
    assert_true(tsn_loop_next_due(loop) == INT64_MAX);
    tsn_timer_destroy(a);
    tsn_timer_destroy(b);
    tsn_clock_set(NULL);
}

static void destroy_self(void *user)
{
    struct tsn_timer **t = user;
    mark('d');
    tsn_timer_destroy(*t);
}

static void timer_destroys_itself_and_others(void **state)
{
    (void)state;
    struct tsn_timer *a, *b, *queued;
    a = tsn_timer_new(loop, destroy_self, &a);
    b = tsn_timer_new(loop, destroy_self, &b);
    queued = tsn_timer_new(loop, say, letter('x'));
    tsn_timer_arm(a, 0);
    tsn_timer_arm(b, 1);
    tsn_timer_arm(queued, 0);
    tsn_timer_destroy(queued); /* while it waits in the queue */
    tsn_loop_run(loop);
    assert_string_equal(trace, "dd");
}

static void stop_before_run_returns_at_once(void **state)
{
    (void)state;
    struct tsn_timer *t = tsn_timer_new(loop, say, letter('t'));
    tsn_timer_arm(t, 1);
    tsn_loop_stop(loop);
    tsn_loop_run(loop);
    assert_string_equal(trace, "");
    tsn_loop_run(loop); /* the request is used up */
    assert_string_equal(trace, "t");
    tsn_timer_destroy(t);
}

static void busy(void *user)
{
    (void)user;
    int64_t start = tsn_clock_mono_ms();
    while (tsn_clock_mono_ms() - start < 20)
        ;
}

static void worst_turn_counts_work_not_waiting(void **state)
{
    (void)state;
    struct tsn_timer *wait = tsn_timer_new(loop, say, letter('w'));
    tsn_timer_arm(wait, 120);
    tsn_loop_run(loop);
    assert_true(tsn_loop_worst_turn_us(loop) < 100000);
    struct tsn_timer *work = tsn_timer_new(loop, busy, NULL);
    struct tsn_timer *end = tsn_timer_new(loop, say, letter('e'));
    tsn_timer_arm(wait, 1);
    tsn_timer_arm(work, 5);
    tsn_timer_arm(end, 60);
    tsn_loop_run(loop);
    assert_true(tsn_loop_worst_turn_us(loop) >= 15000);
    assert_true(tsn_loop_worst_turn_us(loop) == 0);
    tsn_timer_destroy(wait);
    tsn_timer_destroy(work);
    tsn_timer_destroy(end);
}

/* --- mailbox --- */

#define SENDERS 4
#define EACH    5000

struct note {
    struct tsn_msg msg; /* first */
    int sender, number;
};

static struct tsn_mailbox *box;
static int next_number[SENDERS];
static int received;

static void on_notes(struct tsn_msg *first, void *user)
{
    (void)user;
    while (first) {
        struct note *n = (struct note *)first;
        first = first->next;
        assert_int_equal(n->number, next_number[n->sender]); /* each sender's order holds */
        next_number[n->sender]++;
        received++;
        free(n);
    }
    if (received == SENDERS * EACH)
        tsn_loop_stop(loop);
}

static void *sender(void *arg)
{
    int id = *(const int *)arg;
    for (int i = 0; i < EACH; i++) {
        struct note *n = tsn_alloc(sizeof(*n));
        n->sender = id;
        n->number = i;
        if (tsn_mailbox_send(box, &n->msg) != 0)
            abort();
    }
    return NULL;
}

static void mailbox_from_many_threads(void **state)
{
    (void)state;
    pthread_t threads[SENDERS];
    static int ids[SENDERS] = {0, 1, 2, 3};
    received = 0;
    for (int i = 0; i < SENDERS; i++)
        next_number[i] = 0;
    assert_int_equal(tsn_mailbox_open(&box, loop, on_notes, NULL), 0);
    for (int i = 0; i < SENDERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, sender, &ids[i]), 0);
    tsn_loop_run(loop);
    for (int i = 0; i < SENDERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(received, SENDERS * EACH);
    tsn_mailbox_close(box);
}

static tsn_err send_error;
static void on_last_notes(struct tsn_msg *first, void *user)
{
    (void)user;
    for (; first; first = first->next)
        received++;
    static struct tsn_msg late;
    send_error = tsn_mailbox_send(box, &late);
}

static void mailbox_close_delivers_what_waits(void **state)
{
    (void)state;
    struct tsn_msg a, b;
    received = 0;
    send_error = 0;
    assert_int_equal(tsn_mailbox_open(&box, loop, on_last_notes, NULL), 0);
    assert_int_equal(tsn_mailbox_send(box, &a), 0);
    assert_int_equal(tsn_mailbox_send(box, &b), 0);
    assert_int_equal(received, 0); /* never inside send */
    tsn_mailbox_close(box);
    assert_int_equal(received, 2);
    assert_int_equal(send_error, TSN_ECLOSED);
    tsn_loop_run(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(later_keeps_order, setup, teardown),
        cmocka_unit_test_setup_teardown(later_does_not_starve, setup, teardown),
        cmocka_unit_test_setup_teardown(timer_zero_is_the_next_turn, setup, teardown),
        cmocka_unit_test_setup_teardown(timers_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(simulated_time, setup, teardown),
        cmocka_unit_test_setup_teardown(timer_destroys_itself_and_others, setup, teardown),
        cmocka_unit_test_setup_teardown(stop_before_run_returns_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(worst_turn_counts_work_not_waiting, setup, teardown),
        cmocka_unit_test_setup_teardown(mailbox_from_many_threads, setup, teardown),
        cmocka_unit_test_setup_teardown(mailbox_close_delivers_what_waits, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
