/* test_store_proof.c - proofs from the stored log, kept nodes, checkpoints beside it. */
#include "store/store_lab.h"

#include "audit/note.h"
#include "store/proof_store.h"
#include "store/record_log.h"

#define MANY 66000 /* past the first node of level 16 */

static void append_some(struct tsn_store *st, int n)
{
    struct tsn_append in = TSN_APPEND_INIT;

    in.kind = "audit.start";
    in.actor = "svc:core";
    assert_int_equal(tsn_store_begin(st), 0);
    for (int i = 0; i < n; i++)
        assert_int_equal(tsn_store_append(st, &in, NULL), 0);
    assert_int_equal(tsn_store_commit(st), 0);
}

/* What the log's own frontier says, independent of nodes. */
static void test_proofs_of_a_long_log(void **state)
{
    static const uint64_t sizes[] = {1, 2, 255, 256, 257, 511, 1000, 65535, 65536, 65537, MANY};
    const size_t n = sizeof(sizes) / sizeof(sizes[0]);
    struct lab l;
    struct tsn_store *st;
    struct tsn_tree tree;
    uint8_t roots[11][TSN_HASH_LEN], root[TSN_HASH_LEN];
    struct tsn_proof p;
    struct tsn_arena *a = tsn_arena_new();
    struct tsn_logged e;

    (void)state;
    lab_open(&l);
    st = lab_store(&l, false);
    for (size_t i = 0; i < n; i++) {
        append_some(st, (int)(sizes[i] - (i ? sizes[i - 1] : 0)));
        tsn_store_head(st, &tree);
        assert_int_equal(tree.size, sizes[i]);
        tsn_tree_root(&tree, roots[i]);
    }
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(tsn_store_root_at(st, sizes[i], root), 0);
        assert_memory_equal(root, roots[i], TSN_HASH_LEN);
        for (size_t j = i; j < n; j++) {
            assert_int_equal(tsn_store_consistency(st, sizes[i], sizes[j], &p), 0);
            assert_int_equal(
                tsn_proof_check_consistency(&p, sizes[i], roots[i], sizes[j], roots[j]), 0);
        }
        for (size_t j = 0; j < i; j++) {
            assert_int_equal(tsn_store_inclusion(st, sizes[j], sizes[i], &p), 0);
            assert_int_equal(tsn_store_entry(st, a, (int64_t)sizes[j], &e), 0);
            assert_int_equal(
                tsn_proof_check_inclusion(&p, sizes[j], sizes[i], e.leaf, roots[i]), 0);
        }
    }
    assert_int_equal(tsn_store_root_at(st, MANY + 1, root), TSN_ENOTFOUND);
    tsn_store_close(st);
    tsn_arena_destroy(a);
    lab_close(&l);
}

/* Nodes go with the transaction that made them. */
static void test_undone_entries_leave_no_node(void **state)
{
    struct tsn_append in = TSN_APPEND_INIT;
    struct lab l;
    struct tsn_store *st;
    struct tsn_verify_result r;

    (void)state;
    in.kind = "audit.start";
    in.actor = "svc:core";
    lab_open(&l);
    st = lab_store(&l, false);
    append_some(st, 250);
    assert_int_equal(tsn_store_begin(st), 0);
    assert_int_equal(tsn_store_savepoint(st), 0);
    for (int i = 0; i < 20; i++)
        assert_int_equal(tsn_store_append(st, &in, NULL), 0);
    tsn_store_undo(st);
    assert_int_equal(tsn_store_commit(st), 0);
    append_some(st, 300);
    tsn_store_close(st);
    lab_verify(&l, &r);
    assert_int_equal(r.verdict, TSN_VERIFIED);
    assert_int_equal(r.entries, 550);
    lab_close(&l);
}

static void expect_code(struct lab *l, const char *sql, const char *code)
{
    struct tsn_verify_result r;

    lab_sql(l, sql);
    lab_verify(l, &r);
    assert_int_equal(r.verdict, TSN_TAMPERED);
    assert_string_equal(r.diag.code, code);
}

static void test_changed_nodes_and_keys_are_found(void **state)
{
    struct lab l;
    struct tsn_store *st;
    struct tsn_verify_result r;

    (void)state;
    lab_open(&l);
    st = lab_store(&l, false);
    append_some(st, 600);
    tsn_store_close(st);
    lab_verify(&l, &r);
    assert_int_equal(r.verdict, TSN_VERIFIED);
    expect_code(&l,
                "CREATE TABLE keep AS SELECT * FROM node; UPDATE node SET hash = zeroblob(32)",
                "V014");
    expect_code(&l, "DELETE FROM node; INSERT INTO node SELECT * FROM keep WHERE idx = 0",
                "V014");
    expect_code(&l,
                "DELETE FROM node; INSERT INTO node SELECT * FROM keep; "
                "INSERT INTO node VALUES (8, 2, zeroblob(32))",
                "V014");
    expect_code(&l,
                "DELETE FROM node; INSERT INTO node SELECT * FROM keep; "
                "INSERT INTO sealkey VALUES ('a/1+00000000+AA==', 'a/1', 1, 0, 0)",
                "V016");
    expect_code(&l,
                "DELETE FROM sealkey; INSERT INTO checkpoint VALUES "
                "('00000000000000000007', 'nonsense', 7, 0, 0)",
                "V015");
    lab_sql(&l, "DELETE FROM checkpoint; DROP TABLE keep");
    lab_verify(&l, &r);
    assert_int_equal(r.verdict, TSN_VERIFIED);
    lab_close(&l);
}

static void test_only_named_checkpoints_stay(void **state)
{
    struct lab l;
    struct tsn_store *st;
    struct tsn_arena *a = tsn_arena_new();
    struct tsn_rec_checkpoint cp = {.note = "x"}, out;
    int64_t n;

    (void)state;
    lab_open(&l);
    st = lab_store(&l, false);
    assert_int_equal(tsn_store_checkpoint(st, a, &out), TSN_ENOTFOUND);
    assert_int_equal(tsn_store_begin(st), 0);
    for (cp.size = 1; cp.size <= 5; cp.size++) {
        cp.kept = cp.size == 2;
        assert_int_equal(tsn_store_checkpoint_put(st, a, &cp), 0);
    }
    cp.size = 5;
    cp.note = "y"; /* more signatures */
    assert_int_equal(tsn_store_checkpoint_put(st, a, &cp), 0);
    assert_int_equal(tsn_store_commit(st), 0);
    assert_int_equal(tsn_store_count(st, &tsn_table_checkpoint, NULL, 0, &n), 0);
    assert_int_equal(n, 2);
    assert_int_equal(tsn_store_checkpoint(st, a, &out), 0);
    assert_int_equal(out.size, 5);
    assert_string_equal(out.note, "y");
    tsn_store_close(st);
    tsn_arena_destroy(a);
    lab_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_proofs_of_a_long_log),
        cmocka_unit_test(test_undone_entries_leave_no_node),
        cmocka_unit_test(test_changed_nodes_and_keys_are_found),
        cmocka_unit_test(test_only_named_checkpoints_stay),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
