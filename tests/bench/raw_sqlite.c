/* raw_sqlite.c - see raw_sqlite.h. */
#include "raw_sqlite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static const char schema[] =
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-16384;"
    "CREATE TABLE entry (seq INTEGER PRIMARY KEY, prev INTEGER NOT NULL, text TEXT NOT NULL,"
    " leaf BLOB NOT NULL, sealed BLOB) STRICT;"
    "CREATE TABLE run (id TEXT PRIMARY KEY NOT NULL, state TEXT, deliver_no INTEGER,"
    " wake_at INTEGER, input BLOB) STRICT, WITHOUT ROWID;"
    "CREATE TABLE chain (chain TEXT PRIMARY KEY NOT NULL, leaf BLOB, seq INTEGER, rseq INTEGER)"
    " STRICT, WITHOUT ROWID;";

struct raw {
    sqlite3 *db;
    sqlite3_stmt *insert, *update, *chain;
    char *text, *blob;
};

static int raw_open(struct raw *r, const struct raw_job *job)
{
    static const char *const sql[] = {
        "INSERT INTO entry (seq, prev, text, leaf, sealed) VALUES (?1, ?2, ?3, ?4, ?5)",
        "UPDATE run SET state = ?2, deliver_no = ?3, wake_at = ?4 WHERE id = ?1",
        "INSERT OR REPLACE INTO chain (chain, leaf, seq, rseq) VALUES (?1, ?2, ?3, ?4)"};
    sqlite3_stmt **to[] = {&r->insert, &r->update, &r->chain};
    char id[40];

    memset(r, 0, sizeof(*r));
    (void)unlink(job->path);
    if (sqlite3_open(job->path, &r->db) || sqlite3_exec(r->db, schema, NULL, NULL, NULL))
        return -1;
    for (size_t i = 0; i < 3; i++)
        if (sqlite3_prepare_v2(r->db, sql[i], -1, to[i], NULL))
            return -1;
    r->text = malloc(job->text + 1);
    r->blob = malloc(job->sealed + 1);
    if (!r->text || !r->blob)
        return -1;
    memset(r->text, 'x', job->text);
    memset(r->blob, 7, job->sealed);
    if (sqlite3_exec(r->db, "BEGIN", NULL, NULL, NULL))
        return -1;
    for (size_t i = 0; i < job->runs; i++) {
        char text[200];

        (void)snprintf(id, sizeof(id), "01JDB3QZ8Y000000000%07zu", i);
        (void)snprintf(text, sizeof(text),
                       "INSERT INTO run VALUES ('%s', 'running', 0, 0, zeroblob(300))", id);
        if (sqlite3_exec(r->db, text, NULL, NULL, NULL))
            return -1;
    }
    return sqlite3_exec(r->db, "COMMIT", NULL, NULL, NULL) ? -1 : 0;
}

static void raw_close(struct raw *r)
{
    sqlite3_finalize(r->insert);
    sqlite3_finalize(r->update);
    sqlite3_finalize(r->chain);
    sqlite3_close(r->db);
    free(r->text);
    free(r->blob);
}

static int run_row(struct raw *r, size_t i, size_t runs, const uint8_t *leaf)
{
    char id[40], chain[48];

    (void)snprintf(id, sizeof(id), "01JDB3QZ8Y000000000%07zu", i % runs);
    (void)snprintf(chain, sizeof(chain), "run:%s", id);
    sqlite3_bind_text(r->update, 1, id, -1, SQLITE_TRANSIENT);
    sqlite3_bind_text(r->update, 2, "running", -1, SQLITE_STATIC);
    sqlite3_bind_int64(r->update, 3, (int64_t)i);
    sqlite3_bind_int64(r->update, 4, 0);
    if (sqlite3_step(r->update) != SQLITE_DONE)
        return -1;
    sqlite3_reset(r->update);
    sqlite3_bind_text(r->chain, 1, chain, -1, SQLITE_TRANSIENT);
    sqlite3_bind_blob(r->chain, 2, leaf, 32, SQLITE_STATIC);
    sqlite3_bind_int64(r->chain, 3, (int64_t)i);
    sqlite3_bind_int64(r->chain, 4, (int64_t)i);
    if (sqlite3_step(r->chain) != SQLITE_DONE)
        return -1;
    sqlite3_reset(r->chain);
    return 0;
}

static int one(struct raw *r, const struct raw_job *job, size_t i)
{
    uint8_t leaf[32];

    memset(leaf, (int)i, sizeof(leaf));
    sqlite3_bind_int64(r->insert, 1, (int64_t)i);
    sqlite3_bind_int64(r->insert, 2, (int64_t)i - 1);
    sqlite3_bind_text(r->insert, 3, r->text, (int)job->text, SQLITE_STATIC);
    sqlite3_bind_blob(r->insert, 4, leaf, 32, SQLITE_STATIC);
    if (job->sealed)
        sqlite3_bind_blob(r->insert, 5, r->blob, (int)job->sealed, SQLITE_STATIC);
    if (sqlite3_step(r->insert) != SQLITE_DONE)
        return -1;
    sqlite3_reset(r->insert);
    return job->runs ? run_row(r, i, job->runs, leaf) : 0;
}

double raw_rate(const struct raw_job *job)
{
    struct raw r;
    double began, rate = -1;
    size_t batch = job->batch ? job->batch : 1;

    if (raw_open(&r, job))
        goto out;
    began = seconds();
    for (size_t i = 0; i < job->entries;) {
        if (sqlite3_exec(r.db, "BEGIN IMMEDIATE", NULL, NULL, NULL))
            goto out;
        for (size_t k = 0; k < batch && i < job->entries; k++, i++)
            if (one(&r, job, i))
                goto out;
        if (sqlite3_exec(r.db, "COMMIT", NULL, NULL, NULL))
            goto out;
    }
    rate = (double)job->entries / (seconds() - began);
out:
    raw_close(&r);
    return rate;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

double raw_commit_us(const char *path, size_t n, size_t text, size_t sealed)
{
    struct raw_job job = {.path = path, .text = text, .sealed = sealed};
    double *took = calloc(n, sizeof(*took)), median = -1;
    struct raw r;

    if (!took || raw_open(&r, &job))
        goto out;
    for (size_t i = 0; i < n; i++) {
        double began = seconds();

        if (sqlite3_exec(r.db, "BEGIN IMMEDIATE", NULL, NULL, NULL) || one(&r, &job, i) ||
            sqlite3_exec(r.db, "COMMIT", NULL, NULL, NULL))
            goto closed;
        took[i] = (seconds() - began) * 1e6;
    }
    qsort(took, n, sizeof(*took), by_value);
    median = took[n / 2];
closed:
    raw_close(&r);
out:
    free(took);
    return median;
}
