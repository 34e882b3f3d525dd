/* test_store_log.c - the log in the store: positions, chains, undo, reading, verification. */
#include "store/store_lab.h"

#include <sys/stat.h>

#include "store/export.h"
#include "store/record_system.h"

static void test_story_verifies(void **state)
{
    struct lab l;
    struct tsn_store *st;
    struct tsn_verify_result r;
    struct tsn_logged *list;
    struct tsn_arena *a = tsn_arena_new();
    struct stat info;
    size_t n, len;
    const char *plain;

    (void)state;
    lab_open(&l);
    st = lab_store(&l, false);
    lab_story(st);
    assert_int_equal(tsn_store_walk(st, a, "run:" RUN1, 0, &list, &n), 0);
    assert_int_equal(n, 4);
    assert_string_equal(list[0].entry.kind, "run.opened");
    assert_string_equal(list[3].entry.kind, "run.closed");
    assert_int_equal(list[1].prev, 2);
    assert_int_equal(tsn_store_open_field(st, a, &list[1], "args", &plain, &len), 0);
    assert_string_equal(plain, "{\"to\":\"a@example\"}");
    assert_int_equal(tsn_store_open_field(st, a, &list[2], "args", &plain, &len),
                     TSN_ENOTFOUND);
    assert_int_equal(tsn_store_walk(st, a, "run:" RUN1, 2, &list, &n), 0);
    assert_int_equal(n, 2);
    assert_string_equal(list[0].entry.kind, "step.result");
    assert_int_equal(tsn_store_walk(st, a, "run:" RUN2, 0, &list, &n), 0);
    assert_int_equal(n, 0);
    assert_int_equal(tsn_store_chain(st, "run:" RUN2, NULL, NULL, NULL), TSN_ENOTFOUND);
    tsn_store_close(st);
    assert_int_equal(stat(l.db, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(stat(l.key, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(info.st_size, 32);
    lab_verify(&l, &r);
    assert_int_equal(r.verdict, TSN_VERIFIED);
    assert_int_equal(r.entries, LAB_STORY);
    assert_int_equal(r.chains, 4);
    assert_int_equal(r.payloads_opened, 4);
    assert_int_equal(r.payloads_sealed, 0);
    /* Without the key the log still verifies; payloads only stay sealed. */
    assert_int_equal(unlink(l.key), 0);
    lab_verify(&l, &r);
    assert_int_equal(r.verdict, TSN_VERIFIED);
    assert_int_equal(r.payloads_sealed, 4);
    tsn_arena_destroy(a);
    lab_close(&l);
}

/* After a restart chains, tree and positions go on as if nothing had been. */
static void test_goes_on(void **state)
{
    struct lab l;
    struct tsn_verify_result r;

    (void)state;
    lab_open(&l);
    for (int i = 0; i < 40; i++) {
        struct tsn_store *st = lab_store(&l, false);

        for (int k = 0; k < 3; k++) {
            assert_int_equal(tsn_store_begin(st), 0);
            lab_append(st, "case.updated", CASE1, NULL, "{}");
            lab_append(st, "step.intent", CASE2, RUN2, NULL);
            assert_int_equal(tsn_store_commit(st), 0);
        }
        tsn_store_close(st);
    }
    lab_verify(&l, &r);
    assert_int_equal(r.verdict, TSN_VERIFIED);
    assert_int_equal(r.entries, 240);
    lab_close(&l);
}

/* More entries than the start-up check reads, so that it begins inside the tree. */
static void test_long_log_opens(void **state)
{
    struct lab l;
    struct tsn_store *st;
    struct tsn_diag d;

    (void)state;
    lab_open(&l);
    st = lab_store(&l, false);
    assert_int_equal(tsn_store_begin(st), 0);
    for (int i = 0; i < 2345; i++)
        lab_append(st, "audit.query", NULL, NULL, NULL);
    assert_int_equal(tsn_store_commit(st), 0);
    tsn_store_close(st);
    st = lab_store(&l, false);
    tsn_store_close(st);
    /* Two entries among the last thousand exchanged, each with its own leaf. */
    assert_int_equal(
        lab_sql(&l, "DROP TRIGGER entry_no_update;"
                    "UPDATE entry SET text = (SELECT text FROM entry WHERE seq = 2100),"
                    " leaf = (SELECT leaf FROM entry WHERE seq = 2100) WHERE seq = 2200"),
        SQLITE_OK);
    tsn_diag_init(&d);
    assert_int_equal(lab_try(&l, &st, false, &d), TSN_ETAMPERED);
    assert_string_equal(d.code, "S014");
    lab_close(&l);
}

static void test_undo_and_rollback(void **state)
{
    struct lab l;
    struct tsn_store *st;
    struct tsn_verify_result r;
    struct tsn_tree before, after;
    struct tsn_rec_meta rec = {"x", "1"};
    int64_t epoch;

    (void)state;
    lab_open(&l);
    st = lab_store(&l, false);
    assert_int_equal(tsn_store_begin(st), 0);
    assert_int_equal(tsn_store_savepoint(st), 0);
    lab_append(st, "case.created", CASE1, NULL, "{}");
    assert_int_equal(tsn_store_release(st), 0);
    tsn_store_head(st, &before);
    /* This op made a key, a chain, an entry, a row and an epoch; all of it must go. */
    assert_int_equal(tsn_store_savepoint(st), 0);
    lab_append(st, "case.updated", CASE1, NULL, "{}");
    lab_append(st, "case.created", CASE2, NULL, "{\"lost\":1}");
    assert_int_equal(tsn_store_insert(st, &tsn_table_meta, &rec), 0);
    assert_int_equal(tsn_store_epoch_begin(st, &epoch), 0);
    assert_int_equal(epoch, 1);
    tsn_store_undo(st);
    tsn_store_head(st, &after);
    assert_int_equal(before.size, after.size);
    assert_int_equal(tsn_store_chain(st, "case:" CASE2, NULL, NULL, NULL), TSN_ENOTFOUND);
    assert_int_equal(tsn_store_savepoint(st), 0);
    lab_append(st, "case.created", CASE2, NULL, "{\"kept\":1}");
    assert_int_equal(tsn_store_release(st), 0);
    assert_int_equal(tsn_store_commit(st), 0);
    /* A whole transaction. */
    assert_int_equal(tsn_store_begin(st), 0);
    lab_append(st, "case.updated", CASE1, NULL, "{}");
    tsn_store_rollback(st);
    assert_int_equal(tsn_store_begin(st), 0);
    assert_int_equal(tsn_store_epoch_begin(st, &epoch), 0);
    assert_int_equal(epoch, 1);
    lab_append(st, "case.updated", CASE1, NULL, "{}");
    assert_int_equal(tsn_store_commit(st), 0);
    tsn_store_close(st);
    lab_verify(&l, &r);
    assert_int_equal(r.verdict, TSN_VERIFIED);
    assert_int_equal(r.entries, 3);
    assert_int_equal(r.payloads_opened, 3);
    assert_int_equal(
        lab_int(&l, "SELECT count(*) FROM entry WHERE text LIKE '%\nnode node1,0\n%'"), 2);
    assert_int_equal(
        lab_int(&l, "SELECT count(*) FROM entry WHERE text LIKE '%\nnode node1,1\n%'"), 1);
    lab_close(&l);
}

/* The guards stop slips by plain SQL; erasing a payload stays possible, replacing it does not. */
static void test_append_only(void **state)
{
    static const char *const refused[] = {
        "UPDATE entry SET text = 'x' WHERE seq = 1",
        "UPDATE entry SET leaf = x'00' WHERE seq = 1",
        "UPDATE entry SET prev = 0 WHERE seq = 1",
        "UPDATE entry SET seq = 99 WHERE seq = 1",
        "UPDATE entry SET sealed = x'00' WHERE seq = 1",
        "DELETE FROM entry WHERE seq = 8",
        "DELETE FROM entry",
        "INSERT INTO entry VALUES (1, -1, 'x', x'00', NULL)",
        "REPLACE INTO entry VALUES (1, -1, 'x', x'00', NULL)",
        "PRAGMA recursive_triggers=OFF; REPLACE INTO entry VALUES (8, -1, 'x', x'00', NULL)",
        "INSERT INTO entry VALUES (1, -1, 'x', x'00', NULL) ON CONFLICT DO UPDATE SET text = "
        "'x'",
        "INSERT INTO entry VALUES (100, -1, 'x', x'00', NULL)",
    };
    struct lab l;
    struct tsn_store *st;
    struct tsn_verify_result r;

    (void)state;
    lab_open(&l);
    st = lab_store(&l, false);
    lab_story(st);
    tsn_store_close(st);
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        if (lab_sql(&l, refused[i]) == SQLITE_OK)
            fail_msg("allowed: %s", refused[i]);
    }
    lab_verify(&l, &r);
    assert_int_equal(r.verdict, TSN_VERIFIED);
    assert_int_equal(lab_sql(&l, "UPDATE entry SET sealed = NULL WHERE seq = 3"), SQLITE_OK);
    lab_verify(&l, &r);
    assert_int_equal(r.verdict, TSN_TAMPERED);
    assert_string_equal(r.diag.code, "V009");
    assert_int_equal(r.bad_seq, 3);
    lab_close(&l);
}

static tsn_err count_line(const char *line, size_t len, void *user)
{
    int *n = user;

    assert_int_equal(strlen(line), len);
    assert_null(strchr(line, '\n'));
    (*n)++;
    return 0;
}

static tsn_err stop_line(const char *line, size_t len, void *user)
{
    (void)line;
    (void)len;
    (void)user;
    return TSN_EIO;
}

static void test_export(void **state)
{
    struct lab l;
    struct tsn_store *st;
    int n = 0;

    (void)state;
    lab_open(&l);
    st = lab_store(&l, false);
    lab_story(st);
    tsn_store_close(st);
    st = lab_store(&l, true);
    assert_int_equal(tsn_store_export(st, count_line, &n), 0);
    assert_int_equal(n, LAB_STORY + 1);
    assert_int_equal(tsn_store_export(st, stop_line, NULL), TSN_EIO);
    tsn_store_close(st);
    lab_close(&l);
}

/* Bad appends change nothing and say so. */
static void test_append_refuses(void **state)
{
    struct lab l;
    struct tsn_store *st;
    struct tsn_append in = TSN_APPEND_INIT;
    struct tsn_tree t;

    (void)state;
    lab_open(&l);
    st = lab_store(&l, false);
    assert_int_equal(tsn_store_begin(st), 0);
    in.kind = "step.intent";
    in.actor = "svc:engine";
    in.reason = "two words";
    assert_int_equal(tsn_store_append(st, &in, NULL), TSN_EINPUT);
    in.reason = NULL;
    in.case_id = "PSIRT-2026-0001";
    assert_int_equal(tsn_store_append(st, &in, NULL), TSN_EINPUT);
    in.case_id = NULL;
    assert_int_equal(tsn_store_append(st, &in, NULL), 0);
    tsn_store_head(st, &t);
    assert_int_equal(t.size, 1);
    assert_int_equal(tsn_store_commit(st), 0);
    tsn_store_close(st);
    st = lab_store(&l, true);
    assert_int_not_equal(tsn_store_append(st, &in, NULL), 0);
    tsn_store_close(st);
    lab_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_story_verifies), cmocka_unit_test(test_goes_on),
        cmocka_unit_test(test_long_log_opens), cmocka_unit_test(test_undo_and_rollback),
        cmocka_unit_test(test_append_only),    cmocka_unit_test(test_export),
        cmocka_unit_test(test_append_refuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
