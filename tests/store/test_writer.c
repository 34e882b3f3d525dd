/* test_writer.c - the writer and reader threads: grouping, order, lanes, limits, death, close. */
#include "store/store_lab.h"

#include <stdatomic.h>

#include "core/clock.h"
#include "loop/loop.h"
#include "store/reader.h"
#include "store/record_system.h"
#include "store/writer.h"

struct rig {
    struct lab l;
    struct tsn_loop *loop;
    struct tsn_writer *w;
    int done, failed, want;
    int order[8192];
    int deaths;
    tsn_err why;
    atomic_bool gate; /* ops that hold wait for it */
};

struct job {
    struct tsn_op op;
    struct rig *rig;
    int n;
    bool hold, fail;
    size_t bytes;
    struct tsn_rec_meta rec;
};

static tsn_err apply(struct tsn_op *op, struct tsn_store *st)
{
    struct job *j = (struct job *)op;
    struct tsn_append in = TSN_APPEND_INIT;
    tsn_err err;

    while (j->hold && !atomic_load(&j->rig->gate))
        (void)usleep(200);
    in.kind = "audit.query";
    in.actor = "svc:engine";
    err = tsn_store_append(st, &in, NULL);
    if (!err)
        err = tsn_store_insert(st, &tsn_table_meta, &j->rec);
    if (!err && j->fail)
        err = tsn_diag_set(&op->diag, TSN_EDENIED, "A007", "no");
    return err;
}

static void done(struct tsn_op *op)
{
    struct job *j = (struct job *)op;
    struct rig *rig = j->rig;

    if (rig->done < 8192)
        rig->order[rig->done] = j->n;
    rig->done++;
    rig->failed += op->err != 0;
    if (op->err)
        assert_string_equal(op->diag.code, "A007");
    tsn_op_destroy(op);
    if (rig->done == rig->want)
        tsn_loop_stop(rig->loop);
}

static struct job *job(struct rig *rig, int n)
{
    struct job *j = tsn_op_new(sizeof(*j), apply, done, rig);

    j->rig = rig;
    j->n = n;
    j->rec.name = tsn_arena_printf(j->op.arena, "job-%d", n);
    j->rec.value = "x";
    return j;
}

static void on_dead(tsn_err err, void *user)
{
    struct rig *rig = user;

    rig->deaths++;
    rig->why = err;
    tsn_loop_stop(rig->loop);
}

static void too_late(void *user)
{
    (void)user;
    fail_msg("nothing happened for 30 s");
}

static void rig_run(struct rig *rig, int want)
{
    struct tsn_timer *t = tsn_timer_new(rig->loop, too_late, rig);

    rig->want = want;
    tsn_timer_arm(t, 30000);
    if (rig->done < want)
        tsn_loop_run(rig->loop);
    tsn_timer_destroy(t);
}

static void rig_open(struct rig *rig)
{
    memset(rig, 0, sizeof(*rig));
    lab_open(&rig->l);
    assert_int_equal(tsn_loop_open(&rig->loop), 0);
    assert_int_equal(
        tsn_writer_open(&rig->w, rig->loop, lab_store(&rig->l, false), on_dead, rig), 0);
}

static void rig_close(struct rig *rig)
{
    tsn_writer_close(rig->w);
    tsn_loop_close(rig->loop);
}

static void test_groups_and_order(void **state)
{
    struct rig rig;
    struct tsn_writer_stats s;
    struct tsn_verify_result r;

    (void)state;
    rig_open(&rig);
    for (int i = 0; i < 5000; i++) {
        struct job *j = job(&rig, i);

        j->fail = i % 10 == 3;
        j->hold = i == 0; /* the rest queues up behind it, however fast the disk is */
        assert_int_equal(tsn_writer_submit(rig.w, &j->op, TSN_LANE_RUNS), 0);
    }
    atomic_store(&rig.gate, true);
    rig_run(&rig, 5000);
    for (int i = 0; i < 5000; i++)
        assert_int_equal(rig.order[i], i);
    assert_int_equal(rig.failed, 500);
    tsn_writer_stats(rig.w, &s);
    assert_int_equal(s.ops, 5000);
    assert_int_equal(s.failed, 500);
    assert_int_equal(s.queued, 0);
    assert_in_range(s.batches, 2, 4); /* what waits together commits together */
    rig_close(&rig);
    /* What failed left neither entry nor row; what did not is there. */
    assert_int_equal(lab_int(&rig.l, "SELECT count(*) FROM entry"), 4500);
    assert_int_equal(lab_int(&rig.l, "SELECT count(*) FROM meta WHERE name LIKE 'job-%'"),
                     4500);
    lab_verify(&rig.l, &r);
    assert_int_equal(r.verdict, TSN_VERIFIED);
    lab_close(&rig.l);
}

/* Bulk work waits behind runs, but never for ever. */
static void test_lanes(void **state)
{
    struct rig rig;
    struct job *first;
    int last_run = -1, bulk_before = 0;

    (void)state;
    rig_open(&rig);
    first = job(&rig, 9999);
    first->hold = true; /* keeps the thread busy while the queues fill */
    assert_int_equal(tsn_writer_submit(rig.w, &first->op, TSN_LANE_RUNS), 0);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(tsn_writer_submit(rig.w, &job(&rig, 1000 + i)->op, TSN_LANE_BULK), 0);
    for (int i = 0; i < 100; i++)
        assert_int_equal(tsn_writer_submit(rig.w, &job(&rig, i)->op, TSN_LANE_RUNS), 0);
    atomic_store(&rig.gate, true);
    rig_run(&rig, 1101);
    for (int i = 0; i < 1101; i++)
        if (rig.order[i] < 100)
            last_run = i;
    for (int i = 0; i < last_run; i++)
        bulk_before += rig.order[i] >= 1000 && rig.order[i] < 9999;
    assert_true(last_run > 0);
    assert_true(bulk_before <= 128); /* at most the slice of a batch that had begun */
    rig_close(&rig);
    lab_close(&rig.l);
}

/* A batch is cut by its bytes; nothing is lost or answered twice over that. */
static void test_large_ops(void **state)
{
    struct rig rig;
    struct tsn_writer_stats s;
    struct job *first;
    char *big = tsn_alloc(400001);

    (void)state;
    memset(big, 'b', 400000);
    rig_open(&rig);
    first = job(&rig, 0);
    first->hold = true;
    assert_int_equal(tsn_writer_submit(rig.w, &first->op, TSN_LANE_RUNS), 0);
    for (int i = 1; i < 41; i++) {
        struct job *j = job(&rig, i);

        j->rec.value = big;
        assert_int_equal(
            tsn_writer_submit(rig.w, &j->op, i % 2 ? TSN_LANE_RUNS : TSN_LANE_BULK), 0);
    }
    atomic_store(&rig.gate, true);
    rig_run(&rig, 41);
    tsn_writer_stats(rig.w, &s);
    assert_int_equal(s.ops, 41);
    assert_true(s.batches >= 13);
    for (int i = 1; i < 20; i++)
        assert_int_equal(rig.order[i], 2 * i - 1); /* the lane of runs, in order, first */
    rig_close(&rig);
    assert_int_equal(lab_int(&rig.l, "SELECT count(*) FROM meta WHERE name LIKE 'job-%'"), 41);
    lab_close(&rig.l);
    free(big);
}

static void test_full_queue(void **state)
{
    struct rig rig;
    struct job *j = NULL;
    int taken = 1;

    (void)state;
    rig_open(&rig);
    j = job(&rig, 0);
    j->hold = true;
    assert_int_equal(tsn_writer_submit(rig.w, &j->op, TSN_LANE_RUNS), 0);
    assert_false(tsn_writer_full(rig.w));
    for (;; taken++) {
        j = job(&rig, taken);
        if (tsn_writer_submit(rig.w, &j->op, TSN_LANE_BULK) != 0)
            break;
    }
    assert_int_equal(tsn_writer_submit(rig.w, &j->op, TSN_LANE_RUNS), TSN_EFULL);
    tsn_op_destroy(&j->op); /* not taken: still ours */
    assert_true(tsn_writer_full(rig.w));
    assert_true(taken >= TSN_WRITER_QUEUE);
    atomic_store(&rig.gate, true);
    /* Close drains: each op that was taken is answered. */
    tsn_writer_close(rig.w);
    assert_int_equal(rig.done, taken);
    tsn_loop_close(rig.loop);
    lab_close(&rig.l);
}

static void test_closed(void **state)
{
    struct rig rig;

    (void)state;
    rig_open(&rig);
    for (int i = 0; i < 50; i++)
        assert_int_equal(tsn_writer_submit(rig.w, &job(&rig, i)->op, TSN_LANE_RUNS), 0);
    rig_close(&rig);
    assert_int_equal(rig.done, 50);
    assert_int_equal(rig.deaths, 0);
    assert_int_equal(lab_int(&rig.l, "SELECT count(*) FROM entry"), 50);
    lab_close(&rig.l);
}

/* --- the reader ----------------------------------------------------------------------------- */

struct question {
    struct tsn_op op;
    struct rig *rig;
    int64_t count;
};

static tsn_err ask(struct tsn_op *op, struct tsn_store *st)
{
    struct question *q = (struct question *)op;

    return tsn_store_count(st, &tsn_table_meta, NULL, 0, &q->count);
}

static tsn_err ask_to_write(struct tsn_op *op, struct tsn_store *st)
{
    struct tsn_rec_meta rec = {"written-by-reader", "x"};

    (void)op;
    return tsn_store_put(st, &tsn_table_meta, &rec);
}

static void answered(struct tsn_op *op)
{
    struct question *q = (struct question *)op;

    q->rig->order[q->rig->done++] = op->err ? -1 : (int)q->count;
    if (q->rig->done == q->rig->want)
        tsn_loop_stop(q->rig->loop);
    tsn_op_destroy(op);
}

static void submit_question(struct rig *rig, struct tsn_reader *reader,
                            tsn_err (*fn)(struct tsn_op *, struct tsn_store *))
{
    struct question *q = tsn_op_new(sizeof(*q), fn, answered, rig);

    q->rig = rig;
    assert_int_equal(tsn_reader_submit(reader, &q->op), 0);
}

static void test_reader(void **state)
{
    struct rig rig;
    struct tsn_reader *reader;

    (void)state;
    rig_open(&rig);
    assert_int_equal(tsn_reader_open(&reader, rig.loop, lab_store(&rig.l, true)), 0);
    for (int i = 0; i < 10; i++)
        assert_int_equal(tsn_writer_submit(rig.w, &job(&rig, i)->op, TSN_LANE_RUNS), 0);
    rig_run(&rig, 10);
    rig.done = 0;
    submit_question(&rig, reader, ask); /* what was answered is there for every reader */
    submit_question(&rig, reader, ask_to_write);
    submit_question(&rig, reader, ask); /* and it goes on after an error */
    rig_run(&rig, 3);
    assert_int_equal(rig.order[0], 10);
    assert_int_equal(rig.order[1], -1);
    assert_int_equal(rig.order[2], 10);
    tsn_reader_close(reader);
    rig_close(&rig);
    lab_close(&rig.l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_groups_and_order), cmocka_unit_test(test_lanes),
        cmocka_unit_test(test_large_ops),        cmocka_unit_test(test_full_queue),
        cmocka_unit_test(test_closed),           cmocka_unit_test(test_reader),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
