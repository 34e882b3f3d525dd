/* test_store_records.c - every table, driven by its description: round trip, guards, lists. */
#include "store/store_lab.h"
#include "store/record_advisory.h"
#include "store/record_case.h"
#include "store/record_feed.h"
#include "store/record_ingest.h"
#include "store/record_log.h"
#include "store/record_run.h"
#include "store/record_system.h"

static const struct tsn_table *const tables[] = {
    &tsn_table_case,     &tsn_table_report,      &tsn_table_event,    &tsn_table_run,
    &tsn_table_task,     &tsn_table_playbook,    &tsn_table_token,    &tsn_table_feed,
    &tsn_table_document, &tsn_table_match,       &tsn_table_advisory, &tsn_table_release,
    &tsn_table_casekey,  &tsn_table_chain,       &tsn_table_meta,     &tsn_table_signal,
    &tsn_table_raw,      &tsn_table_observation, &tsn_table_revision, &tsn_table_decision,
    &tsn_table_feeddesk, &tsn_table_mapping};
#define NTABLES (sizeof(tables) / sizeof(tables[0]))

static const char **text_at(void *rec, const struct tsn_col *c)
{
    return (const char **)(void *)((char *)rec + c->offset);
}

static int64_t *int_at(void *rec, const struct tsn_col *c)
{
    return (int64_t *)(void *)((char *)rec + c->offset);
}

static struct tsn_blob *blob_at(void *rec, const struct tsn_col *c)
{
    return (struct tsn_blob *)(void *)((char *)rec + c->offset);
}

/* A record whose every column says where it belongs. */
static void *fill(struct tsn_arena *a, const struct tsn_table *t, const char *tag, bool nulls)
{
    void *rec = tsn_arena_alloc(a, t->size);

    for (size_t i = 0; i < t->ncols; i++) {
        const struct tsn_col *c = &t->cols[i];
        bool key = i == 0 || strcmp(c->name, "name") == 0 || strcmp(c->name, "dedupe") == 0 ||
                   strcmp(c->name, "key") == 0 || strcmp(c->name, "hash") == 0;

        if (nulls && !key && (int)i != t->case_col && c->type != TSN_COL_INT)
            continue;
        switch (c->type) {
        case TSN_COL_TEXT:
        case TSN_COL_SEALED:
            *text_at(rec, c) =
                tsn_arena_printf(a, "%s/%s/%s/\xc3\xa4'\"", t->name, c->name, tag);
            break;
        case TSN_COL_INT:
            *int_at(rec, c) = -((int64_t)1 << 62) + (int64_t)i * 1000 + tag[0];
            break;
        case TSN_COL_BLOB:
            blob_at(rec, c)->data = tsn_arena_printf(a, "%s\x01%zu", tag, i);
            blob_at(rec, c)->len = strlen(blob_at(rec, c)->data) + 1; /* with its NUL */
            break;
        }
    }
    if (t->case_col >= 0)
        *text_at(rec, &t->cols[t->case_col]) =
            t->case_col == 0 ? *text_at(rec, &t->cols[0]) : CASE1;
    return rec;
}

static void same(const struct tsn_table *t, void *a, void *b)
{
    for (size_t i = 0; i < t->ncols; i++) {
        const struct tsn_col *c = &t->cols[i];

        switch (c->type) {
        case TSN_COL_TEXT:
        case TSN_COL_SEALED:
            if (!*text_at(a, c) || !*text_at(b, c))
                assert_ptr_equal(*text_at(a, c), *text_at(b, c));
            else
                assert_string_equal(*text_at(a, c), *text_at(b, c));
            break;
        case TSN_COL_INT:
            assert_int_equal(*int_at(a, c), *int_at(b, c));
            break;
        case TSN_COL_BLOB:
            assert_int_equal(blob_at(a, c)->len, blob_at(b, c)->len);
            if (blob_at(a, c)->len)
                assert_memory_equal(blob_at(a, c)->data, blob_at(b, c)->data,
                                    blob_at(a, c)->len);
            break;
        }
    }
}

static void test_every_table(void **state)
{
    struct tsn_arena *a = tsn_arena_new();
    struct lab l;
    struct tsn_store *st;

    (void)state;
    lab_open(&l);
    st = lab_store(&l, false);
    assert_int_equal(tsn_store_begin(st), 0);
    for (size_t i = 0; i < NTABLES; i++) {
        const struct tsn_table *t = tables[i];
        void *one = fill(a, t, "one", false), *two = fill(a, t, "two", true);
        void *back = tsn_arena_alloc(a, t->size);
        const char *key = *text_at(one, &t->cols[0]);

        if (tsn_store_insert(st, t, one) != 0)
            fail_msg("insert into %s", t->name);
        assert_int_equal(tsn_store_insert(st, t, two), 0);
        assert_int_equal(tsn_store_get(st, a, t, key, back), 0);
        same(t, one, back);
        assert_int_equal(tsn_store_get(st, a, t, *text_at(two, &t->cols[0]), back), 0);
        same(t, two, back);
        assert_int_equal(tsn_store_get(st, a, t, "nothing", back), TSN_ENOTFOUND);
        assert_int_equal(tsn_store_insert(st, t, one), TSN_ECONFLICT);
        /* put replaces all columns; the other row is not touched. */
        two = fill(a, t, "zwei", false);
        *text_at(two, &t->cols[0]) = key;
        if (t->case_col == 0)
            *text_at(two, &t->cols[t->case_col]) = key;
        assert_int_equal(tsn_store_put(st, t, two), 0);
        assert_int_equal(tsn_store_get(st, a, t, key, back), 0);
        same(t, two, back);
        assert_int_equal(tsn_store_delete(st, t, key), 0);
        assert_int_equal(tsn_store_get(st, a, t, key, back), TSN_ENOTFOUND);
        assert_int_equal(tsn_store_put(st, t, one), 0);
    }
    assert_int_equal(tsn_store_commit(st), 0);
    tsn_store_close(st);
    tsn_arena_destroy(a);
    lab_close(&l);
}

/* The descriptions and the SQL name the same columns in the same order. */
static void test_schema_fits(void **state)
{
    struct lab l;
    sqlite3 *db;

    (void)state;
    lab_open(&l);
    tsn_store_close(lab_store(&l, false));
    assert_int_equal(sqlite3_open(l.db, &db), SQLITE_OK);
    for (size_t i = 0; i < NTABLES; i++) {
        char sql[100];
        sqlite3_stmt *s;
        size_t n = 0;

        (void)snprintf(sql, sizeof(sql), "PRAGMA table_info(\"%s\")", tables[i]->name);
        assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
        for (; sqlite3_step(s) == SQLITE_ROW; n++) {
            static const char *const types[] = {[TSN_COL_TEXT] = "TEXT",
                                                [TSN_COL_INT] = "INTEGER",
                                                [TSN_COL_BLOB] = "BLOB",
                                                [TSN_COL_SEALED] = "BLOB"};

            assert_true(n < tables[i]->ncols);
            assert_string_equal((const char *)sqlite3_column_text(s, 1),
                                tables[i]->cols[n].name);
            assert_string_equal((const char *)sqlite3_column_text(s, 2),
                                types[tables[i]->cols[n].type]);
        }
        assert_int_equal(n, tables[i]->ncols);
        sqlite3_finalize(s);
    }
    sqlite3_close(db);
    lab_close(&l);
}

static bool file_has(const char *path, const char *what)
{
    struct tsn_buf b;
    bool has;

    tsn_buf_init(&b, (size_t)64 << 20);
    (void)tsn_buf_read_file(&b, path);
    has = b.len > 0 && memmem(b.data, b.len, what, strlen(what)) != NULL;
    tsn_buf_free(&b);
    return has;
}

/* Sealed text never reaches the disk in clear, and a cell opens nowhere but in its place. */
static void test_sealed(void **state)
{
    struct tsn_arena *a = tsn_arena_new();
    struct tsn_rec_case one = {.id = CASE1,
                               .name = "PSIRT-1",
                               .title = "CANARY-title",
                               .facts = "CANARY-facts"},
                        two = {.id = CASE2, .name = "PSIRT-2", .title = "CANARY-other"}, back;
    struct tsn_rec_report r = {.id = "r1", .name = "TR-1", .body = "CANARY-body"}, rb;
    struct tsn_store_config auditor = {.read_only = true};
    struct tsn_store *st;
    struct lab l;
    char wal[128];

    (void)state;
    lab_open(&l);
    st = lab_store(&l, false);
    assert_int_equal(tsn_store_begin(st), 0);
    assert_int_equal(tsn_store_insert(st, &tsn_table_case, &one), 0);
    assert_int_equal(tsn_store_insert(st, &tsn_table_case, &two), 0);
    assert_int_equal(tsn_store_insert(st, &tsn_table_report, &r), 0);
    lab_append(st, "case.created", CASE1, NULL, "CANARY-payload");
    assert_int_equal(tsn_store_commit(st), 0);
    (void)snprintf(wal, sizeof(wal), "%s-wal", l.db);
    assert_true(file_has(wal, "PSIRT-1")); /* the probe itself works */
    assert_false(file_has(wal, "CANARY"));
    /* The report comes to a case: sealed anew under the key of that case. */
    r.case_id = CASE1;
    assert_int_equal(tsn_store_begin(st), 0);
    assert_int_equal(tsn_store_put(st, &tsn_table_report, &r), 0);
    assert_int_equal(tsn_store_commit(st), 0);
    assert_int_equal(tsn_store_get(st, a, &tsn_table_report, "r1", &rb), 0);
    assert_string_equal(rb.body, "CANARY-body");
    tsn_store_close(st);
    assert_true(file_has(l.db, "PSIRT-1"));
    assert_false(file_has(l.db, "CANARY"));
    /* Without the key file: NULL, no error. */
    auditor.path = l.db;
    assert_int_equal(tsn_store_open(&st, &auditor, NULL), 0);
    assert_int_equal(tsn_store_get(st, a, &tsn_table_case, CASE1, &back), 0);
    assert_null(back.title);
    assert_string_equal(back.name, "PSIRT-1");
    tsn_store_close(st);
    /* Moved to another column, another row, another case. */
    assert_int_equal(lab_sql(&l, "UPDATE \"case\" SET facts = title WHERE id = '" CASE1 "'"),
                     0);
    st = lab_store(&l, true);
    assert_int_equal(tsn_store_get(st, a, &tsn_table_case, CASE1, &back), TSN_ETAMPERED);
    tsn_store_close(st);
    assert_int_equal(lab_sql(&l, "UPDATE \"case\" SET title = (SELECT title FROM \"case\" WHERE"
                                 " id = '" CASE1 "') WHERE id = '" CASE2 "'"),
                     0);
    st = lab_store(&l, true);
    assert_int_equal(tsn_store_get(st, a, &tsn_table_case, CASE2, &back), TSN_ETAMPERED);
    tsn_store_close(st);
    tsn_arena_destroy(a);
    lab_close(&l);
}

static void test_guards(void **state)
{
    struct tsn_arena *a = tsn_arena_new();
    struct tsn_rec_run r = {.id = RUN1, .name = "r-1", .state = "ready", .epoch = 3}, back;
    struct tsn_rec_run other = {.id = RUN2, .name = "r-1"};
    struct tsn_rec_task task = {.id = "t1", .name = "ap-1", .state = "open"};
    struct tsn_rec_playbook pb = {.hash = "aa", .name = "p", .version = 4};
    struct tsn_rec_case nameless = {.id = CASE1};
    struct tsn_store *st;
    struct lab l;
    int64_t n;

    (void)state;
    lab_open(&l);
    st = lab_store(&l, false);
    assert_int_equal(tsn_store_begin(st), 0);
    assert_int_equal(tsn_store_insert(st, &tsn_table_run, &r), 0);
    assert_int_equal(tsn_store_insert(st, &tsn_table_run, &other), TSN_ECONFLICT);
    assert_int_equal(tsn_store_put(st, &tsn_table_run, &other), TSN_ECONFLICT);
    assert_int_equal(tsn_store_insert(st, &tsn_table_case, &nameless), TSN_EBUG);
    r.epoch = 4;
    r.state = "running";
    assert_int_equal(tsn_store_update_if(st, &tsn_table_run, &r, "epoch", 2), TSN_ELOST);
    assert_int_equal(tsn_store_get(st, a, &tsn_table_run, RUN1, &back), 0);
    assert_string_equal(back.state, "ready");
    assert_int_equal(tsn_store_update_if(st, &tsn_table_run, &r, "epoch", 3), 0);
    assert_int_equal(tsn_store_update_if(st, &tsn_table_run, &r, "epoch", 3), TSN_ELOST);
    assert_int_equal(tsn_store_update_if(st, &tsn_table_run, &other, "epoch", 0), TSN_ELOST);
    assert_int_equal(tsn_store_update_if(st, &tsn_table_run, &r, "no such", 0), TSN_EBUG);
    assert_int_equal(tsn_store_insert(st, &tsn_table_task, &task), 0);
    task.state = "approved";
    assert_int_equal(tsn_store_update_if_text(st, &tsn_table_task, &task, "state", "open"), 0);
    assert_int_equal(tsn_store_update_if_text(st, &tsn_table_task, &task, "state", "open"),
                     TSN_ELOST);
    assert_int_equal(tsn_store_insert(st, &tsn_table_playbook, &pb), 0);
    pb.hash = "bb";
    assert_int_equal(tsn_store_insert(st, &tsn_table_playbook, &pb), TSN_ECONFLICT);
    pb.version = 5;
    assert_int_equal(tsn_store_insert(st, &tsn_table_playbook, &pb), 0);
    for (int64_t i = 1; i < 4; i++) {
        assert_int_equal(tsn_store_next(st, "case.2026", &n), 0);
        assert_int_equal(n, i);
    }
    assert_int_equal(tsn_store_next(st, "case.2027", &n), 0);
    assert_int_equal(n, 1);
    assert_int_equal(tsn_store_commit(st), 0);
    tsn_store_close(st);
    tsn_arena_destroy(a);
    lab_close(&l);
}

static size_t listed(struct tsn_store *st, struct tsn_arena *a, const struct tsn_list *how,
                     char *names, size_t cap)
{
    void *out;
    size_t n;

    assert_int_equal(tsn_store_list(st, a, &tsn_table_run, how, &out, &n), 0);
    names[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        const struct tsn_rec_run *r = (struct tsn_rec_run *)out + i;
        size_t len = strlen(names);

        (void)snprintf(names + len, cap - len, "%s%s", i ? " " : "", r->name);
    }
    return n;
}

static void test_lists(void **state)
{
    static const struct tsn_rec_run rows[] = {
        {.id = "1", .name = "r-abc", .state = "ready", .wake_at = 30, .input = "x"},
        {.id = "2", .name = "r-abd", .state = "ready", .wake_at = 10, .case_id = CASE1},
        {.id = "3", .name = "r-ab", .state = "failed", .wake_at = 10, .case_id = CASE1},
        {.id = "4", .name = "r-b%", .state = NULL, .wake_at = 20},
        {.id = "5", .name = "R-abc", .state = "ready", .wake_at = 40},
    };
    struct tsn_arena *a = tsn_arena_new();
    struct tsn_store *st;
    struct lab l;
    char got[200];
    void *out;
    size_t n;
    int64_t count;

    (void)state;
    lab_open(&l);
    st = lab_store(&l, false);
    assert_int_equal(tsn_store_begin(st), 0);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(tsn_store_insert(st, &tsn_table_run, &rows[i]), 0);
    assert_int_equal(tsn_store_commit(st), 0);
#define LIST(want, ...)                                                                        \
    do {                                                                                       \
        struct tsn_list how = {__VA_ARGS__};                                                   \
        listed(st, a, &how, got, sizeof(got));                                                 \
        assert_string_equal(got, want);                                                        \
    } while (0)
#define FILTERS(...)                                                                           \
    .filters = (struct tsn_filter[]){__VA_ARGS__},                                             \
    .nfilters = sizeof((struct tsn_filter[]){__VA_ARGS__}) / sizeof(struct tsn_filter)
    LIST("r-abc r-abd r-ab r-b% R-abc", .limit = 0);
    LIST("R-abc r-b% r-ab r-abd r-abc", .descending = true);
    LIST("r-abc r-abd", .limit = 2);
    LIST("r-ab r-b%", .limit = 2, .after = "2");
    LIST("r-abd r-abc", .after = "3", .descending = true);
    LIST("r-abd r-ab r-b% r-abc R-abc", .order = "wake_at");
    LIST("R-abc r-abc r-b% r-ab r-abd", .order = "wake_at", .descending = true);
    LIST("r-abc r-abd R-abc", FILTERS({"state", TSN_CMP_EQ, "ready", 0}));
    LIST("r-ab r-b%", FILTERS({"state", TSN_CMP_NE, "ready", 0}));
    LIST("r-abd",
         FILTERS({"state", TSN_CMP_EQ, "ready", 0}, {"case_id", TSN_CMP_EQ, CASE1, 0}));
    LIST("r-abc r-abd r-ab", FILTERS({"name", TSN_CMP_PREFIX, "r-ab", 0}));
    LIST("r-b%", FILTERS({"name", TSN_CMP_PREFIX, "r-b%", 0}));
    LIST("", FILTERS({"name", TSN_CMP_PREFIX, "r_", 0}));
    LIST("r-abc R-abc", FILTERS({"wake_at", TSN_CMP_GT, NULL, 20}));
    LIST("r-abd r-ab", FILTERS({"wake_at", TSN_CMP_LT, NULL, 20}));
    LIST("", FILTERS({"name", TSN_CMP_EQ, "' OR 1=1 --", 0}));
#undef LIST
    /* What cannot be asked. */
    struct tsn_list bad = {FILTERS({"input", TSN_CMP_EQ, "x", 0})};
    assert_int_equal(tsn_store_list(st, a, &tsn_table_run, &bad, &out, &n), TSN_EBUG);
    struct tsn_list unknown = {FILTERS({"name\" OR 1=1", TSN_CMP_EQ, "x", 0})};
    assert_int_equal(tsn_store_list(st, a, &tsn_table_run, &unknown, &out, &n), TSN_EBUG);
    struct tsn_list order = {.order = "id; DROP TABLE run"};
    assert_int_equal(tsn_store_list(st, a, &tsn_table_run, &order, &out, &n), TSN_EBUG);
    struct tsn_list light = {.limit = 1, .skip_blobs = true};
    assert_int_equal(tsn_store_list(st, a, &tsn_table_run, &light, &out, &n), 0);
    assert_null(((struct tsn_rec_run *)out)->input);
    struct tsn_filter ready = {"state", TSN_CMP_EQ, "ready", 0};
    assert_int_equal(tsn_store_count(st, &tsn_table_run, &ready, 1, &count), 0);
    assert_int_equal(count, 3);
    struct tsn_rec_run back;
    assert_int_equal(tsn_store_find(st, a, &tsn_table_run, "name", "r-abd", &back), 0);
    assert_string_equal(back.id, "2");
    assert_int_equal(tsn_store_find(st, a, &tsn_table_run, "name", "r-xyz", &back),
                     TSN_ENOTFOUND);
    assert_int_equal(tsn_store_find(st, a, &tsn_table_run, "name", NULL, &back), TSN_ENOTFOUND);
    tsn_store_close(st);
    tsn_arena_destroy(a);
    lab_close(&l);
}

/* Only what differs is written: what was read bare stays as it is on disk. */
static void test_changes(void **state)
{
    struct lab l;
    struct tsn_arena *a = tsn_arena_new();
    struct tsn_rec_run r = {.id = RUN1,
                            .name = "r-1",
                            .case_id = CASE1,
                            .state = "ready",
                            .reason = "why",
                            .input = "{\"a\":1}",
                            .epoch = 3,
                            .wake_at = 9};
    struct tsn_rec_run before, after, back;

    (void)state;
    lab_open(&l);
    struct tsn_store *st = lab_store(&l, false);
    assert_int_equal(tsn_store_begin(st), 0);
    assert_int_equal(tsn_store_insert(st, &tsn_table_run, &r), 0);
    assert_int_equal(tsn_store_get_bare(st, a, &tsn_table_run, RUN1, &before), 0);
    assert_null(before.input);
    after = before;
    after.state = "running";
    after.reason = NULL;
    after.epoch = 4;
    assert_int_equal(tsn_store_update_changed(st, &tsn_table_run, &before, &after, "epoch", 2),
                     TSN_ELOST);
    assert_int_equal(tsn_store_update_changed(st, &tsn_table_run, &before, &after, "epoch", 3),
                     0);
    assert_int_equal(tsn_store_get(st, a, &tsn_table_run, RUN1, &back), 0);
    assert_string_equal(back.state, "running");
    assert_null(back.reason);
    assert_int_equal(back.epoch, 4);
    assert_int_equal(back.wake_at, 9);
    assert_string_equal(back.input, "{\"a\":1}");
    /* A sealed column that is new is sealed; nothing changed is still guarded. */
    before = after;
    after.result = "[]";
    assert_int_equal(tsn_store_update_changed(st, &tsn_table_run, &before, &after, "epoch", 4),
                     0);
    assert_int_equal(tsn_store_update_changed(st, &tsn_table_run, &after, &after, "epoch", 4),
                     0);
    assert_int_equal(tsn_store_update_changed(st, &tsn_table_run, &after, &after, "epoch", 3),
                     TSN_ELOST);
    assert_int_equal(tsn_store_update_changed(st, &tsn_table_run, &after, &after, "no such", 3),
                     TSN_EBUG);
    assert_int_equal(tsn_store_get(st, a, &tsn_table_run, RUN1, &back), 0);
    assert_string_equal(back.result, "[]");
    assert_string_equal(back.input, "{\"a\":1}");
    assert_int_equal(tsn_store_commit(st), 0);
    tsn_store_close(st);
    tsn_arena_destroy(a);
    lab_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_table), cmocka_unit_test(test_schema_fits),
        cmocka_unit_test(test_sealed),      cmocka_unit_test(test_guards),
        cmocka_unit_test(test_lists),       cmocka_unit_test(test_changes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
