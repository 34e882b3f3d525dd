/* audit_rate.c - figures of `./dev bench audit`: one number a line, seconds of CPU or wall.
 *
 *   audit_rate append DIR N      N entries with a payload, 2,048 a commit, as tocsin writes them
 *   audit_rate rows DIR N FROM   the same bytes of FROM, inserted by plain SQL, 2,048 a commit
 *   audit_rate journal DIR N     rows of the same content made and sealed for replay alone: no
 *                                commitment, leaf, chain or tree
 *   audit_rate fill DIR N        N entries in cases of 100, sealed by a key that it prints
 *   audit_rate page DIR N        100 newest entries of a case, out of all
 *   audit_rate hash BUNDLE N     leaves and nodes of N entries of a bundle, without parsing
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "audit/note.h"
#include "audit/tlog.h"
#include "core/clock.h"
#include "core/id.h"
#include "core/log.h"
#include "store/proof_store.h"
#include "store/record_case.h"
#include "store/record_log.h"

#define BATCH 2048

static double cpu_now(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void must(bool ok, const char *what)
{
    if (ok)
        return;
    (void)fprintf(stderr, "audit_rate: %s\n", what);
    exit(1);
}

static struct tsn_store *open_store(const char *dir, bool read_only)
{
    char db[512], key[512];
    struct tsn_store_config c = {.path = db, .key_file = key};
    struct tsn_store *st = NULL;
    struct tsn_diag diag;

    (void)snprintf(db, sizeof(db), "%s/tocsin.db", dir);
    (void)snprintf(key, sizeof(key), "%s/tocsin.key", dir);
    c.read_only = read_only;
    c.create = !read_only;
    tsn_diag_init(&diag);
    must(tsn_store_open(&st, &c, &diag) == 0, diag.what);
    return st;
}

static void append(const char *dir, long n)
{
    static char payload[200];
    struct tsn_store *st = open_store(dir, false);
    struct tsn_field field = {"args", payload, sizeof(payload)};
    struct tsn_append in = TSN_APPEND_INIT;
    double cpu = cpu_now(CLOCK_PROCESS_CPUTIME_ID), wall = cpu_now(CLOCK_MONOTONIC);

    memset(payload, 'x', sizeof(payload));
    in.kind = "step.result";
    in.actor = "svc:engine";
    in.outcome = "ok";
    in.fields = &field;
    in.nfields = 1;
    for (long i = 0; i < n; i++) {
        if (i % BATCH == 0)
            must(tsn_store_begin(st) == 0, "begin");
        must(tsn_store_append(st, &in, NULL) == 0, "append");
        if (i % BATCH == BATCH - 1 || i == n - 1)
            must(tsn_store_commit(st) == 0, "commit");
    }
    printf("%.6f %.6f\n", cpu_now(CLOCK_PROCESS_CPUTIME_ID) - cpu,
           cpu_now(CLOCK_MONOTONIC) - wall);
    tsn_store_close(st);
}

struct raw {
    sqlite3_int64 prev;
    char *text, *leaf, *sealed;
    int text_len, sealed_len;
};

/* The rows themselves, without an entry made, hashed, sealed or chained. */
static void rows(const char *dir, long n, const char *from)
{
    char path[512];
    struct raw *list = calloc((size_t)n, sizeof(*list));
    sqlite3 *in, *out;
    sqlite3_stmt *s;
    double cpu, wall;

    (void)snprintf(path, sizeof(path), "%s/tocsin.db", from);
    must(list && sqlite3_open(path, &in) == SQLITE_OK, "open");
    sqlite3_prepare_v2(in, "SELECT prev, text, leaf, sealed FROM entry ORDER BY seq", -1, &s,
                       NULL);
    for (long i = 0; i < n && sqlite3_step(s) == SQLITE_ROW; i++) {
        list[i].prev = sqlite3_column_int64(s, 0);
        list[i].text_len = sqlite3_column_bytes(s, 1);
        list[i].text = strdup((const char *)sqlite3_column_text(s, 1));
        list[i].leaf = memcpy(malloc(32), sqlite3_column_blob(s, 2), 32);
        list[i].sealed_len = sqlite3_column_bytes(s, 3);
        list[i].sealed = memcpy(malloc((size_t)list[i].sealed_len), sqlite3_column_blob(s, 3),
                                (size_t)list[i].sealed_len);
    }
    sqlite3_finalize(s);
    sqlite3_close(in);
    tsn_store_close(open_store(dir, false)); /* the same layout, triggers and settings */
    (void)snprintf(path, sizeof(path), "%s/tocsin.db", dir);
    must(sqlite3_open(path, &out) == SQLITE_OK, "open");
    sqlite3_exec(
        out, "PRAGMA synchronous=FULL; PRAGMA secure_delete=ON; PRAGMA recursive_triggers=ON",
        NULL, NULL, NULL);
    sqlite3_prepare_v2(out,
                       "INSERT INTO entry (seq, prev, text, leaf, sealed) VALUES (?,?,?,?,?)",
                       -1, &s, NULL);
    cpu = cpu_now(CLOCK_PROCESS_CPUTIME_ID);
    wall = cpu_now(CLOCK_MONOTONIC);
    for (long i = 0; i < n; i++) {
        if (i % BATCH == 0)
            sqlite3_exec(out, "BEGIN IMMEDIATE", NULL, NULL, NULL);
        sqlite3_bind_int64(s, 1, i);
        sqlite3_bind_int64(s, 2, list[i].prev);
        sqlite3_bind_text(s, 3, list[i].text, list[i].text_len, SQLITE_STATIC);
        sqlite3_bind_blob(s, 4, list[i].leaf, 32, SQLITE_STATIC);
        sqlite3_bind_blob(s, 5, list[i].sealed, list[i].sealed_len, SQLITE_STATIC);
        must(sqlite3_step(s) == SQLITE_DONE, sqlite3_errmsg(out));
        sqlite3_reset(s);
        if (i % BATCH == BATCH - 1 || i == n - 1)
            sqlite3_exec(out, "COMMIT", NULL, NULL, NULL);
    }
    printf("%.6f %.6f\n", cpu_now(CLOCK_PROCESS_CPUTIME_ID) - cpu,
           cpu_now(CLOCK_MONOTONIC) - wall);
    exit(0);
}

/* What a journal needs without being an audit log: the text, the sealed payload, the row. */
static void journal(const char *dir, long n)
{
    static const uint8_t key[TSN_KEY_LEN] = {1};
    static char payload[200];
    char path[512], id[TSN_ULID_LEN + 1];
    struct tsn_buf text, box;
    struct tsn_diag diag;
    struct timespec boot;
    sqlite3 *out;
    sqlite3_stmt *s;
    double cpu, wall;

    memset(payload, 'x', sizeof(payload));
    tsn_store_close(open_store(dir, false));
    (void)snprintf(path, sizeof(path), "%s/tocsin.db", dir);
    must(sqlite3_open(path, &out) == SQLITE_OK, "open");
    sqlite3_exec(
        out, "PRAGMA synchronous=FULL; PRAGMA secure_delete=ON; PRAGMA recursive_triggers=ON",
        NULL, NULL, NULL);
    sqlite3_prepare_v2(out,
                       "INSERT INTO entry (seq, prev, text, leaf, sealed) VALUES (?,?,?,?,?)",
                       -1, &s, NULL);
    tsn_buf_init(&text, TSN_ENTRY_MAX);
    tsn_buf_init(&box, 1 << 16);
    tsn_diag_init(&diag);
    cpu = cpu_now(CLOCK_PROCESS_CPUTIME_ID);
    wall = cpu_now(CLOCK_MONOTONIC);
    for (long i = 0; i < n; i++) {
        struct tsn_entry e;
        char clock[96];

        if (i % BATCH == 0)
            sqlite3_exec(out, "BEGIN IMMEDIATE", NULL, NULL, NULL);
        tsn_entry_init(&e);
        tsn_id_new(id);
        clock_gettime(CLOCK_BOOTTIME, &boot);
        (void)snprintf(clock, sizeof(clock), "u,16000000,567c94e7,%lld",
                       (long long)boot.tv_sec * 1000000000 + boot.tv_nsec);
        e.seq = e.rseq = i;
        e.id = id;
        e.clock = clock;
        e.time_ms = tsn_clock_wall_ms();
        e.node = "node1,0";
        e.kind = "step.result";
        e.actor = "svc:engine";
        e.auth = "none";
        e.chain = "sys";
        e.outcome = "ok";
        tsn_buf_clear(&text);
        tsn_buf_clear(&box);
        must(tsn_entry_print(&text, &e, &diag) == 0 &&
                 tsn_seal(&box, key, "x", 1, payload, sizeof(payload)) == 0,
             "print");
        sqlite3_bind_int64(s, 1, i);
        sqlite3_bind_int64(s, 2, i - 1);
        sqlite3_bind_text(s, 3, text.data, (int)text.len, SQLITE_STATIC);
        sqlite3_bind_blob(s, 4, key, 32, SQLITE_STATIC);
        sqlite3_bind_blob(s, 5, box.data, (int)box.len, SQLITE_STATIC);
        must(sqlite3_step(s) == SQLITE_DONE, sqlite3_errmsg(out));
        sqlite3_reset(s);
        if (i % BATCH == BATCH - 1 || i == n - 1)
            sqlite3_exec(out, "COMMIT", NULL, NULL, NULL);
    }
    printf("%.6f %.6f\n", cpu_now(CLOCK_PROCESS_CPUTIME_ID) - cpu,
           cpu_now(CLOCK_MONOTONIC) - wall);
    exit(0);
}

/* A checkpoint over all of it, by a key of its own. */
static void seal_all(struct tsn_store *st)
{
    uint8_t seed[32] = {7}, pub[32], root[TSN_HASH_LEN];
    struct tsn_note_key key;
    struct tsn_tree head;
    struct tsn_buf body, note, text;
    struct tsn_arena *a = tsn_arena_new();
    struct tsn_rec_checkpoint cp = {.kept = 0};
    struct tsn_rec_sealkey row = {.origin = "bench/1", .epoch = 1};
    struct tsn_append e = TSN_APPEND_INIT;

    tsn_sign_public(pub, seed);
    must(tsn_note_key_make(&key, "bench/1", TSN_NOTE_ED25519, pub) == 0, "key");
    tsn_buf_init(&body, 4096);
    tsn_buf_init(&note, 4096);
    tsn_buf_init(&text, 4096);
    must(tsn_note_key_print(&text, &key) == 0, "key");
    must(tsn_store_begin(st) == 0, "begin");
    e.kind = "audit.key.rotate";
    e.actor = "svc:sealer";
    e.reason = "first";
    e.to = row.key = text.data;
    must(tsn_store_append(st, &e, &row.from_size) == 0, "entry");
    must(tsn_store_put(st, &tsn_table_sealkey, &row) == 0, "key");
    tsn_store_head(st, &head);
    tsn_tree_root(&head, root);
    must(tsn_checkpoint_print(&body, "bench/1", head.size, root) == 0, "checkpoint");
    (void)tsn_buf_put(&note, body.data, body.len);
    (void)tsn_buf_putc(&note, '\n');
    must(tsn_note_sign(&note, &key, seed, body.data, body.len, 0) == 0, "sign");
    cp.note = note.data;
    cp.size = (int64_t)head.size;
    must(tsn_store_checkpoint_put(st, a, &cp) == 0, "checkpoint");
    must(tsn_store_commit(st) == 0, "commit");
    printf("%s\n", text.data);
    tsn_arena_destroy(a);
    tsn_buf_free(&body);
    tsn_buf_free(&note);
    tsn_buf_free(&text);
}

static void fill(const char *dir, long n)
{
    struct tsn_store *st = open_store(dir, false);
    char(*cases)[TSN_ULID_LEN + 1] = calloc((size_t)n / 100 + 1, sizeof(*cases));
    struct tsn_append in = TSN_APPEND_INIT;
    struct tsn_rec_case c = {.kind = "incident", .state = "open"};
    char name[40];

    in.kind = "case.note";
    in.actor = "u:resp1";
    for (long i = 0; i < n; i++) {
        long which = i % (n / 100);

        if (i % BATCH == 0)
            must(tsn_store_begin(st) == 0, "begin");
        if (i < n / 100) {
            tsn_id_new(cases[i]);
            (void)snprintf(name, sizeof(name), "CASE-%ld", i);
            c.id = cases[i];
            c.name = name;
            must(tsn_store_insert(st, &tsn_table_case, &c) == 0, "case");
        }
        in.case_id = cases[which];
        must(tsn_store_append(st, &in, NULL) == 0, "append");
        if (i % BATCH == BATCH - 1 || i == n - 1)
            must(tsn_store_commit(st) == 0, "commit");
    }
    seal_all(st);
    tsn_store_close(st);
    free(cases);
}

static int by_time(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void page(const char *dir, long total)
{
    struct tsn_store *st = open_store(dir, true);
    struct tsn_rec_case c;
    double took[200];

    for (int i = 0; i < 200; i++) {
        struct tsn_arena *a = tsn_arena_new();
        struct tsn_logged *list;
        char name[40], chain[64];
        size_t n;
        double wall;

        (void)snprintf(name, sizeof(name), "CASE-%ld", i * 37L % (total / 100));
        must(tsn_store_find(st, a, &tsn_table_case, "name", name, &c) == 0, "find");
        (void)snprintf(chain, sizeof(chain), "case:%s", c.id);
        wall = cpu_now(CLOCK_MONOTONIC);
        must(tsn_store_walk(st, a, chain, 100, &list, &n) == 0 && n == 100, "walk");
        wall = cpu_now(CLOCK_MONOTONIC) - wall;
        took[i] = wall;
        tsn_arena_destroy(a);
    }
    qsort(took, 200, sizeof(took[0]), by_time);
    printf("%.6f\n", took[190]); /* 95 of 100 are quicker */
    tsn_store_close(st);
}

/* Reads the bundle as a verifier must, and hashes; nothing is parsed or compared. */
static void hash(const char *dir, long n)
{
    struct tsn_tree tree;
    uint8_t leaf[TSN_HASH_LEN], root[TSN_HASH_LEN];
    double cpu = cpu_now(CLOCK_PROCESS_CPUTIME_ID);

    tsn_tree_init(&tree);
    for (long at = 0; at < n; at += TSN_TILE_WIDTH) {
        char name[96], path[640];
        struct tsn_buf b;
        size_t i = 0;

        tsn_tile_path(name, -1, (uint64_t)at / TSN_TILE_WIDTH,
                      n - at < TSN_TILE_WIDTH ? (unsigned)(n - at) : TSN_TILE_WIDTH);
        (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
        tsn_buf_init(&b, 1u << 24);
        must(tsn_buf_read_file(&b, path) == 0, path);
        tsn_sha256_once(root, b.data, b.len); /* the file's own hash, as the manifest asks */
        while (i < b.len) {
            size_t len = (size_t)(uint8_t)b.data[i] << 8 | (uint8_t)b.data[i + 1];

            tsn_entry_leaf(leaf, b.data + i + 2, len);
            tsn_tree_append(&tree, leaf);
            i += 2 + len;
        }
        tsn_buf_free(&b);
    }
    tsn_tree_root(&tree, root);
    printf("%.6f\n", cpu_now(CLOCK_PROCESS_CPUTIME_ID) - cpu);
}

int main(int argc, char **argv)
{
    const char *what = argc > 2 ? argv[1] : "";

    tsn_crypto_init();
    tsn_log_open(-1);
    if (strcmp(what, "append") == 0 && argc == 4)
        append(argv[2], strtol(argv[3], NULL, 10));
    else if (strcmp(what, "rows") == 0 && argc == 5)
        rows(argv[2], strtol(argv[3], NULL, 10), argv[4]);
    else if (strcmp(what, "journal") == 0 && argc == 4)
        journal(argv[2], strtol(argv[3], NULL, 10));
    else if (strcmp(what, "fill") == 0 && argc == 4)
        fill(argv[2], strtol(argv[3], NULL, 10));
    else if (strcmp(what, "page") == 0 && argc == 4)
        page(argv[2], strtol(argv[3], NULL, 10));
    else if (strcmp(what, "hash") == 0 && argc == 4)
        hash(argv[2], strtol(argv[3], NULL, 10));
    else
        return 2;
    return 0;
}
