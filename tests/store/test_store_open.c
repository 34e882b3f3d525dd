/* test_store_open.c - opening: fresh, older, newer and foreign files, key files, read-only
 * places, a second process that holds the file. */
#include "store/store_lab.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "core/embed.h"
#include "store/record_system.h"
#include "store/store_int.h"

static void refused(struct lab *l, bool read_only, tsn_err want, const char *code)
{
    struct tsn_store *st;
    struct tsn_diag d;
    tsn_err err;

    tsn_diag_init(&d);
    err = lab_try(l, &st, read_only, &d);
    if (err != want || strcmp(d.code, code) != 0)
        fail_msg("got %s %s (%s), expected %s %s", tsn_err_name(err), d.code, d.what,
                 tsn_err_name(want), code);
}

static void test_versions(void **state)
{
    struct lab l;

    (void)state;
    lab_open(&l);
    refused(&l, true, TSN_ENOTFOUND, "S011"); /* there is nothing */
    tsn_store_close(lab_store(&l, false));
    tsn_store_close(lab_store(&l, false));
    tsn_store_close(lab_store(&l, true));
    assert_int_equal(lab_sql(&l, "PRAGMA user_version=999"), SQLITE_OK);
    refused(&l, false, TSN_ESCHEMA, "S012");
    refused(&l, true, TSN_ESCHEMA, "S012");
    assert_int_equal(lab_int(&l, "PRAGMA user_version"), 999);
    lab_close(&l);
}

/* A database of somebody else is refused and stays as it is. */
static void test_foreign(void **state)
{
    struct lab l;
    FILE *f;

    (void)state;
    lab_open(&l);
    assert_int_equal(lab_sql(&l, "CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)"), 0);
    refused(&l, false, TSN_ENOTFOUND, "S011");
    assert_int_equal(lab_int(&l, "SELECT count(*) FROM sqlite_master"), 1);
    lab_close(&l);
    lab_open(&l);
    f = fopen(l.db, "wb");
    assert_non_null(f);
    for (int i = 0; i < 1000; i++)
        (void)fputs("this is not a database\n", f);
    (void)fclose(f);
    refused(&l, false, TSN_ETAMPERED, "S011");
    lab_close(&l);
}

static const struct tsn_embedded next_schema[] = {
    {"0001_log.sql", NULL, 0},
    {"0002_more.sql", (const unsigned char *)"CREATE TABLE more (x INTEGER) STRICT;", 0},
    {"0003_again.sql", (const unsigned char *)"ALTER TABLE more ADD COLUMN y TEXT;", 0},
    {"0003_other.sql", (const unsigned char *)"CREATE TABLE other (x INTEGER) STRICT;", 0},
    {NULL, NULL, 0}};
static const struct tsn_embedded broken_schema[] = {
    {"0001_log.sql", NULL, 0},
    {"0002_more.sql",
     (const unsigned char *)"CREATE TABLE more (x INTEGER) STRICT; DELETE FROM nothing;", 0},
    {NULL, NULL, 0}};

static void test_migration_copies_first(void **state)
{
    struct lab l;
    struct tsn_store *st;
    struct tsn_diag d;
    struct stat info;
    struct lab copy;

    (void)state;
    lab_open(&l);
    st = lab_store(&l, false);
    lab_story(st);
    /* One that fails half way leaves everything as it was. */
    tsn_diag_init(&d);
    assert_int_not_equal(tsn_store_migrate(st, broken_schema, false, &d), 0);
    assert_string_equal(d.code, "S013");
    tsn_store_close(st);
    assert_int_equal(lab_int(&l, "PRAGMA user_version"), 1);
    assert_int_equal(lab_int(&l, "SELECT count(*) FROM sqlite_master WHERE name = 'more'"), 0);
    st = lab_store(&l, false);
    assert_int_equal(tsn_store_migrate(st, next_schema, false, &d), 0);
    tsn_store_close(st);
    assert_int_equal(lab_int(&l, "PRAGMA user_version"), 3);
    assert_int_equal(lab_int(&l, "SELECT count(*) FROM pragma_table_info('more')"), 2);
    assert_int_equal(lab_int(&l, "SELECT count(*) FROM pragma_table_info('other')"), 1);
    refused(&l, false, TSN_ESCHEMA, "S012"); /* this version knows less */
    /* The copy is whole, private and of the old layout. */
    copy = l;
    (void)snprintf(copy.db, sizeof(copy.db), "%s/t.db.before-2", l.dir);
    assert_int_equal(stat(copy.db, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(lab_int(&copy, "PRAGMA user_version"), 1);
    st = lab_store(&copy, false);
    tsn_store_close(st);
    assert_int_equal(lab_int(&copy, "SELECT count(*) FROM entry"), LAB_STORY);
    lab_close(&l);
}

/* Between two releases the tables of a layout change and its number does not. */
static void test_a_layout_of_another_build(void **state)
{
    struct lab l;
    struct tsn_store *st;

    (void)state;
    lab_open(&l);
    tsn_store_close(lab_store(&l, false));
    int made = lab_int(&l, "PRAGMA application_id");
    assert_int_not_equal(made, 0);
    assert_int_equal(lab_sql(&l, "PRAGMA application_id=1"), SQLITE_OK);
    refused(&l, false, TSN_ESCHEMA, "S017");
    assert_int_equal(lab_int(&l, "PRAGMA user_version"), 1);
    st = lab_store(&l, true); /* looking is allowed */
    tsn_store_close(st);
    char sql[60];
    (void)snprintf(sql, sizeof(sql), "PRAGMA application_id=%d", made);
    assert_int_equal(lab_sql(&l, sql), SQLITE_OK);
    tsn_store_close(lab_store(&l, false));
    lab_close(&l);
}

static void test_key_files(void **state)
{
    struct lab l;
    char moved[128], cmd[300];
    struct stat info;

    (void)state;
    lab_open(&l);
    (void)snprintf(moved, sizeof(moved), "%s.moved", l.key);
    tsn_store_close(lab_store(&l, false));
    assert_int_equal(chmod(l.key, 0644), 0);
    refused(&l, false, TSN_EDENIED, "S015");
    assert_int_equal(chmod(l.key, 0600), 0);
    struct tsn_store *st = lab_store(&l, false);
    lab_story(st);
    tsn_store_close(st);
    /* Lost: a new one must not be made, it would open nothing of what is there. */
    assert_int_equal(rename(l.key, moved), 0);
    refused(&l, false, TSN_ENOTFOUND, "S015");
    assert_int_not_equal(stat(l.key, &info), 0);
    /* Of another database. */
    (void)snprintf(cmd, sizeof(cmd), "head -c 32 /dev/urandom > %s; chmod 600 %s", l.key,
                   l.key);
    assert_int_equal(system(cmd), 0);
    refused(&l, false, TSN_ETAMPERED, "S015");
    (void)snprintf(cmd, sizeof(cmd), "head -c 31 %s > %s", moved, l.key);
    assert_int_equal(system(cmd), 0);
    refused(&l, false, TSN_EINPUT, "S015");
    assert_int_equal(rename(moved, l.key), 0);
    /* What a crash while making the key left behind does not matter. */
    (void)snprintf(cmd, sizeof(cmd), "printf x > %s.new", l.key);
    assert_int_equal(system(cmd), 0);
    tsn_store_close(lab_store(&l, false));
    lab_close(&l);
}

static void test_node_names(void **state)
{
    static const char *const bad[] = {"a,b", "a b", "", "caf\xc3\xa9",
                                      "0123456789012345678901234567890123456789"};
    struct lab l;
    struct tsn_store *st;

    (void)state;
    lab_open(&l);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct tsn_store_config c = {.path = l.db, .node = bad[i], .create = true};

        assert_int_equal(tsn_store_open(&st, &c, NULL), TSN_EINPUT);
    }
    lab_close(&l);
}

/* A copy on read-only media: no -shm can be made. Run as nobody, since root may write anywhere. */
static void test_read_only_place(void **state)
{
    struct lab l;
    struct tsn_store *st;
    pid_t child;
    int status;

    (void)state;
    lab_open(&l);
    st = lab_store(&l, false);
    lab_story(st);
    tsn_store_close(st);
    if (getuid() != 0)
        (void)chmod(l.dir, 0500);
    assert_int_equal(chmod(l.db, 0444), 0);
    if (getuid() == 0)
        assert_int_equal(chmod(l.dir, 0555), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct tsn_store_config c = {.path = l.db, .read_only = true};
        struct tsn_verify_result r = {.verdict = TSN_UNUSABLE};

        if (getuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
            _exit(3);
        if (tsn_store_open(&st, &c, NULL) != 0)
            _exit(4);
        if (tsn_store_verify(st, NULL, NULL, &r) != 0 || r.verdict != TSN_VERIFIED)
            _exit(5);
        tsn_store_close(st);
        _exit(r.entries == LAB_STORY ? 0 : 6);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(chmod(l.dir, 0700), 0);
    lab_close(&l);
}

/* A reader beside a writer sees each commit, whole, and nothing before it. */
static void test_reader_beside_writer(void **state)
{
    struct lab l;
    struct tsn_store *w, *r;
    struct tsn_arena *a = tsn_arena_new();
    struct tsn_rec_meta rec = {"x", "1"}, back;
    struct tsn_tree t;
    int64_t seq;

    (void)state;
    lab_open(&l);
    w = lab_store(&l, false);
    r = lab_store(&l, true);
    assert_int_equal(tsn_store_begin(w), 0);
    assert_int_equal(tsn_store_insert(w, &tsn_table_meta, &rec), 0);
    lab_append(w, "audit.start", NULL, NULL, NULL);
    assert_int_equal(tsn_store_get(r, a, &tsn_table_meta, "x", &back), TSN_ENOTFOUND);
    tsn_store_head(r, &t);
    assert_int_equal(t.size, 0);
    assert_int_equal(tsn_store_commit(w), 0);
    assert_int_equal(tsn_store_get(r, a, &tsn_table_meta, "x", &back), 0);
    tsn_store_head(r, &t);
    assert_int_equal(t.size, 1);
    assert_int_equal(tsn_store_chain(r, "sys", &seq, NULL, NULL), 0);
    assert_int_equal(seq, 0);
    assert_int_equal(tsn_store_begin(w), 0);
    lab_append(w, "audit.stop", NULL, NULL, NULL);
    assert_int_equal(tsn_store_commit(w), 0);
    assert_int_equal(tsn_store_chain(r, "sys", &seq, NULL, NULL), 0);
    assert_int_equal(seq, 1);
    /* A reader does not write, and trying does not hurt it. */
    assert_int_not_equal(tsn_store_put(r, &tsn_table_meta, &rec), 0);
    assert_int_equal(tsn_store_dead(r), 0);
    tsn_store_close(r);
    tsn_store_close(w);
    tsn_arena_destroy(a);
    lab_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_foreign),
        cmocka_unit_test(test_migration_copies_first),
        cmocka_unit_test(test_a_layout_of_another_build),
        cmocka_unit_test(test_key_files),
        cmocka_unit_test(test_node_names),
        cmocka_unit_test(test_read_only_place),
        cmocka_unit_test(test_reader_beside_writer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
