/* test_store_faults.c - a disk that is full, breaks or loses power, and a process that is killed,
 * at every point of a reference workload. Whatever happened: what was acknowledged is there after
 * the next start, the log verifies, and of no transaction only a part is found. */
#include "store/store_lab.h"
#include "store/vfs_fault.h"

#include <signal.h>
#include <sys/wait.h>

#include "core/text.h"
#include "loop/loop.h"
#include "store/record_system.h"
#include "store/store_int.h"
#include "store/writer.h"

#define ROUNDS 8 /* transactions of the workload */
/* Sanitizers slow every start down: there a part of the points is tried, another build tries all. */
#ifdef TOCSIN_SANITIZED
#define STEP  4
#define SEEDS 100
#else
#define STEP  1
#define SEEDS 400
#endif

/* One transaction: two ops that stay and one that is undone. */
static tsn_err transaction(struct tsn_store *st, int round)
{
    char name[40], secret[3000];
    struct tsn_rec_meta rec = {name, "x"};
    struct tsn_field f = {"args", secret, sizeof(secret)};
    struct tsn_append in = TSN_APPEND_INIT;
    tsn_err err = tsn_store_begin(st);

    memset(secret, 's', sizeof(secret));
    in.kind = "case.updated";
    in.actor = "svc:engine";
    in.fields = &f;
    in.nfields = 1;
    for (int op = 0; op < 3 && !err; op++) {
        in.case_id = round % 2 ? CASE1 : CASE2;
        (void)snprintf(name, sizeof(name), "w-%03d-%d", round, op);
        err = tsn_store_savepoint(st);
        if (!err)
            err = tsn_store_append(st, &in, NULL);
        if (!err)
            err = tsn_store_insert(st, &tsn_table_meta, &rec);
        if (err)
            break;
        if (op == 1) {
            tsn_store_undo(st);
            err = tsn_store_dead(st);
        } else {
            err = tsn_store_release(st);
        }
    }
    if (err) {
        tsn_store_rollback(st);
        return err;
    }
    return tsn_store_commit(st);
}

/* How many transactions were acknowledged; *err says why it stopped. */
static int workload(struct tsn_store *st, tsn_err *err)
{
    int acked = 0;

    *err = tsn_sql_exec(st, "PRAGMA wal_autocheckpoint=15"); /* several in so short a time */
    while (!*err && acked < ROUNDS) {
        *err = transaction(st, acked);
        if (!*err)
            acked++;
    }
    return acked;
}

/* The next start, on a good disk. Returns the transactions found, or -1 with a reason. */
static int recover(struct lab *l, int acked, const char **why)
{
    struct tsn_verify_result r;
    struct tsn_store *st;
    struct tsn_diag d;
    int64_t entries, rows, whole;
    int found;

    *why = NULL;
    tsn_diag_init(&d);
    if (lab_try(l, &st, false, &d) != 0) {
        *why = "it does not open";
        return -1;
    }
    if (tsn_store_verify(st, NULL, NULL, &r) != 0 || r.verdict != TSN_VERIFIED)
        *why = "it does not verify";
    tsn_store_close(st);
    if (*why)
        return -1;
    entries = lab_int(l, "SELECT count(*) FROM entry");
    rows = lab_int(l, "SELECT count(*) FROM meta WHERE name LIKE 'w-%'");
    whole = lab_int(l, "SELECT count(*) FROM (SELECT substr(name, 1, 5) AS t FROM meta WHERE "
                       "name LIKE 'w-%' GROUP BY t HAVING count(*) = 2)");
    found = (int)whole;
    if (rows != entries || rows != 2 * whole)
        *why = "a transaction is there in part";
    else if (lab_int(l, "SELECT count(*) FROM meta WHERE name LIKE 'w-%-1'") != 0)
        *why = "what was undone is there";
    else if (found < acked)
        *why = "something acknowledged is lost";
    else if (found > acked + 1)
        *why = "more is there than was tried";
    return *why ? -1 : found;
}

static struct tsn_store *fault_store(struct lab *l, tsn_err *err)
{
    struct tsn_store_config c = {
        .path = l->db, .key_file = l->key, .create = true, .vfs = "fault"};
    struct tsn_store *st = NULL;

    *err = tsn_store_open(&st, &c, NULL);
    return st;
}

/* Every call of a kind fails once, alone or with all after it. */
static void enumerate(int ops, int rc, bool for_good, bool torn, tsn_err want)
{
    long n = 1, stopped = 0;

    for (;; n += STEP) {
        struct lab l;
        struct tsn_store *st;
        struct tsn_append in = TSN_APPEND_INIT;
        const char *why;
        tsn_err err;
        int acked = 0;
        long hits;

        lab_open(&l);
        tsn_store_close(lab_store(&l, false)); /* the schema is not what this is about */
        memset(&vfs_plan, 0, sizeof(vfs_plan));
        vfs_plan.ops = ops;
        vfs_plan.at = n;
        vfs_plan.rc = rc;
        vfs_plan.for_good = for_good;
        vfs_plan.torn = torn;
        st = fault_store(&l, &err);
        if (st) {
            acked = workload(st, &err);
            if (err) {
                stopped++;
                assert_int_equal(err, want);
                assert_int_equal(tsn_store_dead(st), want);
                /* Dead for good, although the disk may work again. */
                assert_int_equal(tsn_store_begin(st), TSN_ECLOSED);
                assert_int_equal(tsn_store_commit(st), TSN_ECLOSED);
                in.kind = "audit.stop";
                in.actor = "svc:engine";
                assert_int_equal(tsn_store_append(st, &in, NULL), TSN_ECLOSED);
            }
            tsn_store_close(st);
        }
        hits = vfs_plan.hits;
        memset(&vfs_plan, 0, sizeof(vfs_plan));
        if (recover(&l, acked, &why) < 0)
            fail_msg("call %ld of kind %d, rc %d%s: after %d acknowledged: %s", n, ops, rc,
                     for_good ? " and on" : "", acked, why);
        lab_close(&l);
        if (hits == 0)
            break;
    }
    assert_true(n > 5);
    assert_true(stopped > 1 || ops == VFS_TRUNCATE);
}

static void test_full_disk(void **state)
{
    (void)state;
    enumerate(VFS_WRITE, SQLITE_FULL, true, true, TSN_ENOSPC);
    enumerate(VFS_WRITE, SQLITE_FULL, false, false, TSN_ENOSPC);
}

static void test_failed_write(void **state)
{
    (void)state;
    enumerate(VFS_WRITE, SQLITE_IOERR_WRITE, false, true, TSN_EIO);
    enumerate(VFS_WRITE, SQLITE_IOERR_WRITE, true, false, TSN_EIO);
}

static void test_failed_sync(void **state)
{
    (void)state;
    enumerate(VFS_SYNC, SQLITE_IOERR_FSYNC, false, false, TSN_EIO);
    enumerate(VFS_SYNC, SQLITE_IOERR_FSYNC, true, false, TSN_EIO);
}

/* The power goes at a random call; unsynced bytes are kept, torn or dropped at random. */
static int power_cut(uint64_t seed, bool careless, const char **why)
{
    struct lab l;
    struct tsn_store *st;
    tsn_err err;
    int acked = 0, found;
    char shm[128];

    lab_open(&l);
    tsn_store_close(lab_store(&l, false));
    memset(&vfs_plan, 0, sizeof(vfs_plan));
    vfs_keep_images = true;
    vfs_rng = seed * 7919 + 1;
    (void)vfs_random(2);
    vfs_plan.ops = VFS_WRITE | VFS_SYNC | VFS_TRUNCATE;
    vfs_plan.at = 1 + vfs_random(150);
    vfs_plan.rc = SQLITE_IOERR;
    vfs_plan.for_good = true;
    st = fault_store(&l, &err);
    if (st) {
        if (careless)
            assert_int_equal(tsn_sql_exec(st, "PRAGMA synchronous=OFF"), 0);
        acked = workload(st, &err);
        vfs_plan.at = 1; /* nothing after this instant reaches the disk */
        tsn_store_close(st);
    }
    vfs_power_cut(seed);
    (void)snprintf(shm, sizeof(shm), "%s-shm", l.db);
    (void)unlink(shm); /* never on a platter that matters: it is made anew */
    memset(&vfs_plan, 0, sizeof(vfs_plan));
    vfs_forget();
    found = recover(&l, acked, why);
    lab_close(&l);
    return found;
}

static void test_power_cut(void **state)
{
    const char *why;
    int lost = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        if (power_cut(seed, false, &why) < 0)
            fail_msg("seed %llu: %s", (unsigned long long)seed, why);
    }
    /* The test has teeth: without syncs the same cuts must lose something. */
    for (uint64_t seed = 1; seed <= 40; seed++)
        lost += power_cut(seed, true, &why) < 0;
    assert_true(lost > 5);
}

/* --- the process is killed, or told of an error, by fault points --------------------------- */

/* Runs the workload in a child under TOCSIN_FAULT=spec; its acknowledgements come by a pipe. */
static int in_child(struct lab *l, const char *spec, int *status)
{
    int fds[2], acked = 0;
    char c;
    pid_t child;

    assert_int_equal(pipe(fds), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct tsn_store_config config = {.path = l->db, .key_file = l->key, .create = true};
        struct tsn_store *st;
        tsn_err err;

        (void)setenv("TOCSIN_FAULT", spec, 1);
        if (tsn_store_open(&st, &config, NULL) != 0)
            _exit(9);
        err = tsn_sql_exec(st, "PRAGMA wal_autocheckpoint=15");
        for (int i = 0; i < ROUNDS && !err; i++) {
            err = transaction(st, i);
            if (!err && write(fds[1], "a", 1) != 1)
                _exit(9);
        }
        tsn_store_close(st);
        _exit(err == TSN_ENOSPC ? 1 : err == TSN_EIO ? 2 : err ? 3 : 0);
    }
    (void)close(fds[1]);
    while (read(fds[0], &c, 1) == 1)
        acked++;
    (void)close(fds[0]);
    assert_int_equal(waitpid(child, status, 0), child);
    return acked;
}

/* Must run before this process itself meets a fault point: the environment is read once. */
static void test_killed_anywhere(void **state)
{
    int n = 1, status = 1;

    (void)state;
    for (;; n += STEP) {
        struct lab l;
        char spec[32];
        const char *why;
        int acked;

        lab_open(&l);
        (void)snprintf(spec, sizeof(spec), "#%d", n);
        acked = in_child(&l, spec, &status);
        if (WIFEXITED(status)) {
            assert_int_equal(WEXITSTATUS(status), 0);
            assert_int_equal(acked, ROUNDS);
        } else {
            assert_int_equal(WTERMSIG(status), SIGKILL);
        }
        /* The parent must stay clean of fault points, so another child recovers. */
        pid_t child = fork();

        assert_true(child >= 0);
        if (child == 0)
            _exit(recover(&l, acked, &why) < 0 ? 1 : 0);
        int verdict;

        assert_int_equal(waitpid(child, &verdict, 0), child);
        if (!WIFEXITED(verdict) || WEXITSTATUS(verdict) != 0)
            fail_msg("killed at point %d after %d acknowledged: not recovered", n, acked);
        lab_close(&l);
        if (WIFEXITED(status))
            break;
    }
    assert_true(n > 2 * ROUNDS);
}

static void test_errors_from_outside(void **state)
{
    static const struct {
        const char *spec;
        int exit, acked;
    } cases[] = {{"store.commit:4=TSN_ENOSPC", 1, 3},
                 {"store.commit:1=TSN_EIO", 2, 0},
                 {"store.write:7=TSN_ENOSPC", 1, 2}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct lab l;
        int status, acked;

        lab_open(&l);
        acked = in_child(&l, cases[i].spec, &status);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), cases[i].exit);
        assert_int_equal(acked, cases[i].acked);
        lab_close(&l);
    }
}

/* --- the writer over a disk that fails ------------------------------------------------------ */

struct rig {
    struct tsn_loop *loop;
    int answered, deaths;
    tsn_err why;
};

struct job {
    struct tsn_op op;
    struct rig *rig;
    const char *value;
    bool swallow; /* an apply that hides what the disk said */
    char name[24];
};

static tsn_err job_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct job *j = (struct job *)op;
    struct tsn_rec_meta rec = {j->name, j->value};
    struct tsn_append in = TSN_APPEND_INIT;
    tsn_err err;

    in.kind = "audit.query";
    in.actor = "svc:engine";
    err = tsn_store_append(st, &in, NULL);
    if (!err)
        err = tsn_store_insert(st, &tsn_table_meta, &rec);
    return j->swallow ? 0 : err;
}

static void job_done(struct tsn_op *op)
{
    struct job *j = (struct job *)op;

    j->rig->answered++;
    assert_int_equal(op->err, 0);
    tsn_op_destroy(op);
}

static void died(tsn_err err, void *user)
{
    struct rig *rig = user;

    rig->deaths++;
    rig->why = err;
    tsn_loop_stop(rig->loop);
}

static void never(void *user)
{
    (void)user;
    fail_msg("nothing happened for 30 s");
}

static void writer_over(int ops, int rc, tsn_err want, bool swallow)
{
    struct lab l;
    struct rig rig = {NULL, 0, 0, 0};
    struct tsn_writer *w;
    struct tsn_timer *t;
    struct tsn_store *st;
    struct job *j;
    tsn_err err;
    /* Larger than the page cache: the disk is written, and says no, before the commit. */
    char *large = tsn_alloc(4000001);

    memset(large, 'x', 4000000);
    lab_open(&l);
    tsn_store_close(lab_store(&l, false));
    memset(&vfs_plan, 0, sizeof(vfs_plan));
    st = fault_store(&l, &err);
    assert_non_null(st);
    assert_int_equal(tsn_loop_open(&rig.loop), 0);
    assert_int_equal(tsn_writer_open(&w, rig.loop, st, died, &rig), 0);
    t = tsn_timer_new(rig.loop, never, NULL);
    tsn_timer_arm(t, 30000);
    vfs_plan.ops = ops;
    vfs_plan.at = 1;
    vfs_plan.rc = rc;
    for (int i = 0; i < 20; i++) {
        j = tsn_op_new(sizeof(*j), job_apply, job_done, NULL);
        j->rig = &rig;
        j->swallow = swallow;
        j->value = swallow ? large : "x";
        (void)snprintf(j->name, sizeof(j->name), "w-%d", i);
        err = tsn_writer_submit(w, &j->op, TSN_LANE_RUNS);
        if (err) { /* its thread was quicker: it is dead already */
            assert_int_equal(err, TSN_ECLOSED);
            assert_true(i > 0);
            tsn_op_destroy(&j->op);
        }
    }
    tsn_loop_run(rig.loop);
    assert_int_equal(rig.deaths, 1);
    assert_int_equal(rig.why, want);
    assert_int_equal(rig.answered, 0);
    j = tsn_op_new(sizeof(*j), job_apply, job_done, NULL);
    assert_int_equal(tsn_writer_submit(w, &j->op, TSN_LANE_RUNS), TSN_ECLOSED);
    tsn_op_destroy(&j->op);
    tsn_timer_destroy(t);
    tsn_writer_close(w);
    tsn_loop_close(rig.loop);
    assert_int_equal(rig.answered, 0);
    assert_int_equal(rig.deaths, 1);
    memset(&vfs_plan, 0, sizeof(vfs_plan));
    free(large);
    lab_close(&l);
}

static void test_writer_dies(void **state)
{
    (void)state;
    writer_over(VFS_SYNC, SQLITE_IOERR_FSYNC, TSN_EIO, false);
    writer_over(VFS_WRITE, SQLITE_FULL, TSN_ENOSPC, false);
    writer_over(VFS_WRITE, SQLITE_FULL, TSN_ENOSPC, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_killed_anywhere), cmocka_unit_test(test_errors_from_outside),
        cmocka_unit_test(test_full_disk),       cmocka_unit_test(test_failed_write),
        cmocka_unit_test(test_failed_sync),     cmocka_unit_test(test_power_cut),
        cmocka_unit_test(test_writer_dies),
    };

    vfs_register();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
