/* test_store_tamper.c - somebody with the sqlite3 shell changes the database: verify must find
 * it and name the first wrong entry. Every entry, every kind of change, every byte. */
#include "store/store_lab.h"

#define GUARDS_OFF                                                                             \
    "DROP TRIGGER IF EXISTS entry_no_update; DROP TRIGGER IF EXISTS entry_no_delete;"          \
    "DROP TRIGGER IF EXISTS entry_no_replace; DROP TRIGGER IF EXISTS entry_erase_only;"

static struct lab whole; /* the untouched database; every test works on a copy */

static int make_whole(void **state)
{
    struct tsn_store *st;

    (void)state;
    lab_open(&whole);
    st = lab_store(&whole, false);
    lab_story(st);
    tsn_store_close(st);
    assert_int_equal(lab_sql(&whole, GUARDS_OFF "PRAGMA wal_checkpoint(TRUNCATE);"), SQLITE_OK);
    return 0;
}

static int drop_whole(void **state)
{
    (void)state;
    lab_close(&whole);
    return 0;
}

static void copy_file(const char *from, const char *to)
{
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    char buf[65536];
    size_t n;

    assert_non_null(in);
    assert_non_null(out);
    while ((n = fread(buf, 1, sizeof(buf), in)) > 0)
        assert_int_equal(fwrite(buf, 1, n, out), n);
    (void)fclose(in);
    assert_int_equal(fclose(out), 0);
}

static void lab_copy(struct lab *l)
{
    char cmd[256];

    lab_open(l);
    copy_file(whole.db, l->db);
    (void)snprintf(cmd, sizeof(cmd), "cp -p '%s' '%s'", whole.key, l->key);
    assert_int_equal(system(cmd), 0);
}

/* Applies sql to a copy and expects TAMPERED at `seq` (-2: anywhere). */
static void expect(const char *sql, int64_t seq)
{
    struct tsn_verify_result r;
    struct lab l;

    lab_copy(&l);
    if (lab_sql(&l, sql) != SQLITE_OK)
        fail_msg("cannot run: %s", sql);
    lab_verify(&l, &r);
    if (r.verdict != TSN_TAMPERED)
        fail_msg("not found: %s", sql);
    if (seq != -2 && r.bad_seq != seq)
        fail_msg("%s: found at %lld (%s %s), expected %lld", sql, (long long)r.bad_seq,
                 r.diag.code, r.diag.what, (long long)seq);
    assert_int_equal(r.diag.code[0], 'V');
    lab_close(&l);
}

static void test_every_entry(void **state)
{
    char sql[512];

    (void)state;
    for (int i = 0; i < LAB_STORY; i++) {
        (void)snprintf(sql, sizeof(sql),
                       "UPDATE entry SET text = replace(text, 'actor svc:engine',"
                       " 'actor svc:forger') WHERE seq = %d",
                       i);
        expect(sql, i);
        (void)snprintf(sql, sizeof(sql), "UPDATE entry SET leaf = zeroblob(32) WHERE seq = %d",
                       i);
        expect(sql, i);
        (void)snprintf(sql, sizeof(sql), "UPDATE entry SET leaf = zeroblob(31) WHERE seq = %d",
                       i);
        expect(sql, i);
        (void)snprintf(sql, sizeof(sql), "UPDATE entry SET prev = prev + 1 WHERE seq = %d", i);
        expect(sql, i);
        (void)snprintf(sql, sizeof(sql), "DELETE FROM entry WHERE seq = %d", i);
        expect(sql, i);
        /* Deleted, and the others moved up to hide it. */
        (void)snprintf(sql, sizeof(sql),
                       "DELETE FROM entry WHERE seq = %d;"
                       "UPDATE entry SET seq = seq - 1 WHERE seq > %d",
                       i, i);
        expect(sql, i);
        /* Cut here. */
        (void)snprintf(sql, sizeof(sql), "DELETE FROM entry WHERE seq >= %d", i);
        expect(sql, i);
        /* A copy of this one put in front of it. */
        (void)snprintf(sql, sizeof(sql),
                       "UPDATE entry SET seq = seq + 1000 WHERE seq >= %d;"
                       "UPDATE entry SET seq = seq - 999 WHERE seq >= 1000;"
                       "INSERT INTO entry SELECT %d, prev, text, leaf, sealed FROM entry"
                       " WHERE seq = %d",
                       i, i, i + 1);
        expect(sql, i + 1);
        for (int k = i + 1; k < LAB_STORY; k++) { /* two exchanged, with all they have */
            (void)snprintf(sql, sizeof(sql),
                           "UPDATE entry SET seq = -1 WHERE seq = %d;"
                           "UPDATE entry SET seq = %d WHERE seq = %d;"
                           "UPDATE entry SET seq = %d WHERE seq = -1",
                           i, i, k, k);
            expect(sql, i);
        }
    }
    expect(
        "INSERT INTO entry SELECT seq + 1, prev, text, leaf, sealed FROM entry WHERE seq = 8",
        LAB_STORY);
    expect("DELETE FROM entry", 0);
}

/* One bit of every byte of every column of every entry. */
static void test_every_byte(void **state)
{
    static const char *const columns[] = {"text", "leaf", "sealed"};
    struct lab l;
    sqlite3 *db;
    sqlite3_stmt *get, *put;
    struct tsn_store *st;
    size_t tried = 0;

    (void)state;
    lab_copy(&l);
    assert_int_equal(sqlite3_open(l.db, &db), SQLITE_OK);
    /* One reader for all: opening for each of the thousands of changes would take minutes. */
    st = lab_store(&l, true);
    for (size_t c = 0; c < 3; c++) {
        char sql[200];

        (void)snprintf(sql, sizeof(sql), "SELECT CAST(%s AS BLOB) FROM entry WHERE seq = ?1",
                       columns[c]);
        assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &get, NULL), SQLITE_OK);
        (void)snprintf(sql, sizeof(sql), "UPDATE entry SET %s = %s WHERE seq = ?1", columns[c],
                       c == 0 ? "CAST(?2 AS TEXT)" : "?2");
        assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &put, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, "PRAGMA synchronous=OFF", NULL, NULL, NULL), 0);
        for (int seq = 0; seq < LAB_STORY; seq++) {
            unsigned char *bytes;
            int n;

            sqlite3_bind_int(get, 1, seq);
            assert_int_equal(sqlite3_step(get), SQLITE_ROW);
            n = sqlite3_column_bytes(get, 0);
            bytes = malloc((size_t)n + 1);
            assert_non_null(bytes);
            if (n > 0)
                memcpy(bytes, sqlite3_column_blob(get, 0), (size_t)n);
            sqlite3_reset(get);
            for (int i = 0; i <= n; i++) { /* the last turn puts the right bytes back */
                struct tsn_verify_result r;

                if (n == 0)
                    break;
                if (i < n)
                    bytes[i] ^= (unsigned char)(1 << (i % 7));
                sqlite3_bind_int(put, 1, seq);
                sqlite3_bind_blob(put, 2, bytes, n, SQLITE_STATIC);
                assert_int_equal(sqlite3_step(put), SQLITE_DONE);
                sqlite3_reset(put);
                assert_int_equal(tsn_store_verify(st, NULL, NULL, &r), 0);
                if (i == n) {
                    assert_int_equal(r.verdict, TSN_VERIFIED);
                    break;
                }
                if (r.verdict != TSN_TAMPERED || r.bad_seq != seq)
                    fail_msg("%s of %d, byte %d: verdict %d at %lld", columns[c], seq, i,
                             (int)r.verdict, (long long)r.bad_seq);
                bytes[i] ^= (unsigned char)(1 << (i % 7));
                tried++;
            }
            free(bytes);
        }
        sqlite3_finalize(get);
        sqlite3_finalize(put);
    }
    assert_true(tried > 3000);
    tsn_store_close(st);
    sqlite3_close(db);
    lab_close(&l);
}

static void test_beside_the_log(void **state)
{
    (void)state;
    expect("UPDATE head SET root = zeroblob(32)", -2);
    expect("UPDATE head SET frontier = zeroblob(8)", -2);
    expect("UPDATE head SET frontier = x'00'", -2);
    expect("DELETE FROM head", -2);
    expect("UPDATE chain SET seq = seq - 1 WHERE chain = 'sys'", -2);
    expect("UPDATE chain SET rseq = 0 WHERE chain = 'run:" RUN1 "'", -2);
    expect("UPDATE chain SET leaf = zeroblob(32) WHERE chain = 'sys'", -2);
    expect("DELETE FROM chain WHERE chain = 'sys'", 8);
    expect("INSERT INTO chain VALUES ('case:" RUN2 "', zeroblob(32), 3, 0)", -2);
    /* Payloads exchanged between two entries of one case. */
    expect("UPDATE entry SET sealed = (SELECT sealed FROM entry WHERE seq = 2) WHERE seq = 3",
           3);
    expect("UPDATE entry SET sealed = (SELECT sealed FROM entry WHERE seq = 3) WHERE seq = 5",
           5);
}

/* The end of the chain is not where the table says: nothing may be put behind it. */
static void test_forged_end_is_not_followed(void **state)
{
    struct lab l;
    struct tsn_store *st;
    struct tsn_append in = TSN_APPEND_INIT;

    (void)state;
    lab_copy(&l);
    assert_int_equal(lab_sql(&l, "UPDATE chain SET leaf = zeroblob(32) WHERE chain = 'sys'"),
                     SQLITE_OK);
    st = lab_store(&l, false);
    assert_int_equal(tsn_store_begin(st), 0);
    in.kind = "audit.start";
    in.actor = "svc:engine";
    assert_int_equal(tsn_store_append(st, &in, NULL), TSN_ETAMPERED);
    tsn_store_close(st);
    lab_close(&l);
}

/* Walking follows `prev`, which no hash covers; the texts decide. */
static void test_forged_link_is_not_followed(void **state)
{
    struct lab l;
    struct tsn_store *st;
    struct tsn_arena *a = tsn_arena_new();
    struct tsn_logged *list;
    size_t n;

    (void)state;
    lab_copy(&l);
    assert_int_equal(lab_sql(&l, "UPDATE entry SET prev = 1 WHERE seq = 5"), SQLITE_OK);
    st = lab_store(&l, false);
    assert_int_equal(tsn_store_walk(st, a, "run:" RUN1, 0, &list, &n), TSN_ETAMPERED);
    tsn_store_close(st);
    tsn_arena_destroy(a);
    lab_close(&l);
}

/* Pages overwritten: whatever SQLite makes of it, the answer is a verdict and never VERIFIED. */
static void test_damaged_file(void **state)
{
    unsigned long size;
    FILE *f;

    (void)state;
    f = fopen(whole.db, "rb");
    assert_non_null(f);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    size = (unsigned long)ftell(f);
    (void)fclose(f);
    for (unsigned long at = 4096; at < size; at += 4096) {
        struct tsn_verify_result r;
        struct tsn_store *st;
        struct lab l;
        char junk[4096];

        lab_copy(&l);
        memset(junk, 0xa5, sizeof(junk));
        f = fopen(l.db, "r+b");
        assert_non_null(f);
        assert_int_equal(fseek(f, (long)at, SEEK_SET), 0);
        assert_int_equal(fwrite(junk, 1, sizeof(junk), f), sizeof(junk));
        (void)fclose(f);
        if (lab_try(&l, &st, true, NULL) == 0) {
            memset(&r, 0, sizeof(r));
            if (tsn_store_verify(st, NULL, NULL, &r) == 0 && r.verdict == TSN_VERIFIED)
                assert_int_equal(r.entries, LAB_STORY); /* another table's page */
            tsn_store_close(st);
        }
        lab_close(&l);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_entry),
        cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_beside_the_log),
        cmocka_unit_test(test_forged_end_is_not_followed),
        cmocka_unit_test(test_forged_link_is_not_followed),
        cmocka_unit_test(test_damaged_file),
    };

    return cmocka_run_group_tests(tests, make_whole, drop_whole);
}
