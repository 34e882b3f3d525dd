/* store_sqlite.c - the SQLite connection: open, transactions, statements.
 *
 * One connection writes and checkpoints. Its thread is the writer (or an offline command).
 */
#include "store/store_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/embed.h"
#include "core/fault.h"
#include "core/log.h"
#include "core/text.h"
#include "store/log_index_int.h"
#include "store/record_system.h"

uint32_t tsn_store_hash(const char *s)
{
    uint32_t h = 2166136261u; /* FNV-1a */

    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * 16777619u;
    return h;
}

tsn_err tsn_store_die(struct tsn_store *st, tsn_err err)
{
    /* A reader writes nothing: its next read may well succeed. */
    if (!st->read_only && !st->dead) {
        st->dead = err;
        tsn_log(TSN_LOG_ERROR, "store.died", "error", tsn_err_text(err), "why",
                st->db ? sqlite3_errmsg(st->db) : "", NULL);
    }
    return err;
}

tsn_err tsn_sql_err(struct tsn_store *st, int rc)
{
    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return 0;
    case SQLITE_CONSTRAINT:
        if (rc == SQLITE_CONSTRAINT_UNIQUE || rc == SQLITE_CONSTRAINT_PRIMARYKEY ||
            rc == SQLITE_CONSTRAINT_ROWID)
            return TSN_ECONFLICT;
        break; /* a missing value or an append-only guard: the caller's bug */
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
        return TSN_EBUSY;
    case SQLITE_TOOBIG:
        return TSN_ETOOBIG;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        /* Asked of a reader: a bug. For the writer the disk has become read-only. */
        return st->read_only ? TSN_EDENIED : tsn_store_die(st, TSN_EIO);
    case SQLITE_FULL:
        return tsn_store_die(st, TSN_ENOSPC);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return tsn_store_die(st, TSN_ETAMPERED);
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_NOMEM:
        return tsn_store_die(st, TSN_EIO);
    default:
        break;
    }
    tsn_log(TSN_LOG_ERROR, "store.sql_failed", "why", st->db ? sqlite3_errmsg(st->db) : "",
            NULL);
    return TSN_EBUG;
}

sqlite3_stmt *tsn_sql(struct tsn_store *st, const char *sql, tsn_err *err)
{
    struct tsn_stmt **slot = &st->stmts[tsn_store_hash(sql) % TSN_STMTS], *s;
    sqlite3_stmt *stmt = NULL;
    int rc;

    *err = 0;
    if (st->dead) {
        *err = TSN_ECLOSED;
        return NULL;
    }
    for (s = *slot; s; s = s->next) {
        if (strcmp(s->sql, sql) != 0)
            continue;
        sqlite3_reset(s->stmt);
        sqlite3_clear_bindings(s->stmt);
        return s->stmt;
    }
    rc = sqlite3_prepare_v3(st->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL);
    if (rc != SQLITE_OK) {
        *err = tsn_sql_err(st, rc);
        return NULL;
    }
    s = tsn_alloc(sizeof(*s));
    s->sql = tsn_strdup(sql);
    s->stmt = stmt;
    s->next = *slot;
    *slot = s;
    return stmt;
}

tsn_err tsn_sql_done(struct tsn_store *st, sqlite3_stmt *s)
{
    tsn_err err = tsn_sql_err(st, sqlite3_step(s));

    sqlite3_reset(s);
    return err;
}

tsn_err tsn_sql_exec(struct tsn_store *st, const char *sql)
{
    if (st->dead)
        return TSN_ECLOSED;
    return tsn_sql_err(st, sqlite3_exec(st->db, sql, NULL, NULL, NULL));
}

tsn_err tsn_store_dead(const struct tsn_store *st)
{
    return st->dead;
}

size_t tsn_store_batch_bytes(const struct tsn_store *st)
{
    return st->batch_bytes;
}

static void load_epoch(struct tsn_store *st)
{
    struct tsn_rec_meta meta;
    struct tsn_arena *a = tsn_arena_new();
    int64_t epoch = 0;

    if (tsn_store_get(st, a, &tsn_table_meta, "node_epoch", &meta) == 0 && meta.value)
        (void)tsn_parse_int(meta.value, 0, INT64_MAX, &epoch);
    (void)snprintf(st->node, sizeof(st->node), "%s,%lld", st->node_name, (long long)epoch);
    st->epoch_raised = false;
    tsn_arena_destroy(a);
}

tsn_err tsn_store_epoch_begin(struct tsn_store *st, int64_t *epoch_out)
{
    tsn_err err = tsn_store_next(st, "node_epoch", epoch_out);

    if (!err) {
        (void)snprintf(st->node, sizeof(st->node), "%s,%lld", st->node_name,
                       (long long)*epoch_out);
        st->epoch_raised = true;
    }
    return err;
}

static tsn_err settle_wal(struct tsn_store *st);

/* --- transactions ------------------------------------------------------------------------- */

/* A key that was destroyed must not live on in a reader. */
static tsn_err forget_stale(struct tsn_store *st)
{
    tsn_err err;
    sqlite3_stmt *s = tsn_sql(st, "PRAGMA data_version", &err);
    int64_t now = 0;

    if (!s)
        return err;
    if (sqlite3_step(s) == SQLITE_ROW)
        now = sqlite3_column_int64(s, 0);
    sqlite3_reset(s);
    if (now != st->data_version)
        tsn_key_forget(st);
    st->data_version = now;
    return 0;
}

tsn_err tsn_store_begin(struct tsn_store *st)
{
    tsn_err err;

    st->batch_bytes = 0;
    st->erased = false;
    err = tsn_sql_exec(st, st->read_only ? "BEGIN" : "BEGIN IMMEDIATE");
    return !err && st->read_only ? forget_stale(st) : err;
}

tsn_err tsn_store_commit(struct tsn_store *st)
{
    tsn_err err;

    if (st->dead)
        return TSN_ECLOSED;
    if (st->read_only)
        return tsn_sql_exec(st, "COMMIT");
    err = tsn_log_flush(st);
    if (!err)
        err = tsn_fault_err("store.commit");
    if (!err)
        err = tsn_sql_exec(st, "COMMIT");
    /* Unknown, not failed: the row may be on disk although the sync was not confirmed. */
    if (err)
        return tsn_store_die(st, err);
    tsn_log_settled(st);
    st->epoch_raised = false;
    if (st->erased && settle_wal(st))
        tsn_log(TSN_LOG_WARN, "store.erased_in_wal", "why",
                "a reader holds the write-ahead log; what was erased leaves it with the next "
                "checkpoint",
                NULL);
    st->erased = false;
    return 0;
}

void tsn_store_rollback(struct tsn_store *st)
{
    if (!sqlite3_get_autocommit(st->db))
        (void)sqlite3_exec(st->db, "ROLLBACK", NULL, NULL, NULL);
    if (st->read_only || st->dead)
        return;
    tsn_key_forget(st);
    tsn_log_free(st);
    if (tsn_log_load(st, NULL) != 0)
        (void)tsn_store_die(st, TSN_EIO);
    if (st->epoch_raised)
        load_epoch(st);
}

static tsn_err exec_cached(struct tsn_store *st, const char *sql)
{
    tsn_err err;
    sqlite3_stmt *s = tsn_sql(st, sql, &err);

    return s ? tsn_sql_done(st, s) : err;
}

tsn_err tsn_store_savepoint(struct tsn_store *st)
{
    tsn_err err = exec_cached(st, "SAVEPOINT op");

    if (!err)
        tsn_log_save(st);
    return err;
}

tsn_err tsn_store_release(struct tsn_store *st)
{
    st->in_savepoint = false;
    return exec_cached(st, "RELEASE op");
}

void tsn_store_undo(struct tsn_store *st)
{
    tsn_err err;

    tsn_log_restore(st);
    tsn_key_forget(st); /* one of them may have been made by what is undone */
    err = exec_cached(st, "ROLLBACK TO op");
    if (!err)
        err = exec_cached(st, "RELEASE op");
    /* SQLite may have given up the whole transaction by itself; going on would commit a part. */
    if (err)
        (void)tsn_store_die(st, err);
    else if (st->epoch_raised)
        load_epoch(st);
}

/* --- opening ------------------------------------------------------------------------------- */

tsn_err tsn_store_fail(struct tsn_store *st, struct tsn_diag *diag, tsn_err err,
                       const char *code, const char *what)
{
    const char *why = st->db && (sqlite3_errcode(st->db) & 0xff) != SQLITE_OK
                          ? sqlite3_errmsg(st->db)
                          : tsn_err_text(err);

    tsn_diag_at(diag, st->path, 0, 0);
    return tsn_diag_set(diag, err, code, "%s: %s", what, why);
}

int tsn_sql_int(struct tsn_store *st, const char *sql)
{
    sqlite3_stmt *s = NULL;
    int v = -1;

    if (sqlite3_prepare_v2(st->db, sql, -1, &s, NULL) == SQLITE_OK &&
        sqlite3_step(s) == SQLITE_ROW)
        v = sqlite3_column_int(s, 0);
    sqlite3_finalize(s);
    return v;
}

/* Rewrites and syncs what a crashed commit may have left unsynced, before the head is read. */
static tsn_err settle_wal(struct tsn_store *st)
{
    int left = 0, done = 0;
    int rc = sqlite3_wal_checkpoint_v2(st->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, &left, &done);

    return tsn_sql_err(st, rc);
}

static tsn_err harden(struct tsn_store *st, bool scratch)
{
    static const char *const writer[] = {
        /* First, so that the checkpoint below syncs. */
        "PRAGMA synchronous=FULL",
        "PRAGMA journal_mode=WAL",
        "PRAGMA journal_size_limit=67108864",
        "PRAGMA recursive_triggers=ON",
        "PRAGMA secure_delete=ON", /* an erased payload leaves no copy in free pages */
    };
    tsn_err err = tsn_sql_exec(st, "PRAGMA temp_store=MEMORY");

    for (size_t i = 0; !err && !st->read_only && i < sizeof(writer) / sizeof(writer[0]); i++)
        err = tsn_sql_exec(st, writer[i]);
    if (!err && !st->read_only && scratch)
        err = tsn_sql_exec(st, "PRAGMA synchronous=OFF");
    if (!err && !st->read_only)
        err = settle_wal(st);
    return err;
}

void tsn_make_private(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd >= 0)
        close(fd);
}

/* "file:" URI of a path: what has a meaning in URIs is escaped. */
static void put_uri(struct tsn_buf *uri, const char *path)
{
    tsn_buf_puts(uri, "file:");
    for (; *path; path++) {
        if (strchr("%?#", *path))
            tsn_buf_printf(uri, "%%%02X", (unsigned)(unsigned char)*path);
        else
            tsn_buf_putc(uri, *path);
    }
    tsn_buf_puts(uri, "?immutable=1");
}

/* Nothing waits in the write-ahead log, so the main file alone is the whole database. */
static bool wal_empty(const char *path)
{
    char wal[4096];
    struct stat info;

    (void)snprintf(wal, sizeof(wal), "%s-wal", path);
    return stat(wal, &info) != 0 ? errno == ENOENT : info.st_size == 0;
}

/* What SQLite says when it cannot make that file; not busy or damaged, which are other matters. */
static bool no_shm(int rc)
{
    return (rc & 0xff) == SQLITE_CANTOPEN || (rc & 0xff) == SQLITE_READONLY;
}

static void configure(struct tsn_store *st)
{
    sqlite3_extended_result_codes(st->db, 1);
    sqlite3_busy_timeout(st->db, 5000);
    sqlite3_db_config(st->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(st->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(st->db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
}

static tsn_err open_file(struct tsn_store *st, const struct tsn_store_config *config,
                         struct tsn_diag *diag)
{
    int flags = config->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
    struct tsn_buf uri;
    int rc;

    /* Made here so that nobody else can read it from its first byte on. */
    if (config->create && !config->read_only)
        tsn_make_private(config->path);
    flags |= SQLITE_OPEN_NOMUTEX;
    rc = sqlite3_open_v2(config->path, &st->db, flags, config->vfs);
    if (rc == SQLITE_OK) {
        configure(st);
        /* A copy on read-only media has no -shm file and cannot get one. */
        if (config->read_only && tsn_sql_int(st, "PRAGMA user_version") < 0 &&
            no_shm(sqlite3_errcode(st->db)) && wal_empty(config->path)) {
            sqlite3_close(st->db);
            st->db = NULL;
            tsn_buf_init(&uri, 16384);
            put_uri(&uri, config->path);
            rc = sqlite3_open_v2(uri.data, &st->db, flags | SQLITE_OPEN_URI, config->vfs);
            tsn_buf_free(&uri);
            if (rc == SQLITE_OK)
                configure(st);
        }
    }
    if (rc == SQLITE_OK)
        return 0;
    return tsn_store_fail(st, diag, access(config->path, F_OK) == 0 ? TSN_EIO : TSN_ENOTFOUND,
                          "S011", "cannot open the database");
}

static void read_boot_id(struct tsn_store *st)
{
    struct tsn_buf b;

    tsn_copy(st->boot, sizeof(st->boot), "00000000");
    tsn_buf_init(&b, 256);
    if (tsn_buf_read_file(&b, "/proc/sys/kernel/random/boot_id") == 0 && b.len >= 8 &&
        strspn(b.data, "0123456789abcdef") >= 8) {
        b.data[8] = '\0';
        tsn_copy(st->boot, sizeof(st->boot), b.data);
    }
    tsn_buf_free(&b);
}

tsn_err tsn_store_open(struct tsn_store **out, const struct tsn_store_config *config,
                       struct tsn_diag *diag)
{
    struct tsn_store *st = tsn_alloc(sizeof(*st));
    struct tsn_diag own;
    tsn_err err;

    if (!diag) {
        tsn_diag_init(&own);
        diag = &own;
    }
    st->path = tsn_strdup(config->path);
    st->read_only = config->read_only;
    st->index_path = tsn_strdup(config->index);
    if (!tsn_copy(st->node_name, sizeof(st->node_name),
                  config->node ? config->node : "node1") ||
        !tsn_word_ok(st->node_name, sizeof(st->node_name)) || strchr(st->node_name, ',')) {
        tsn_store_close(st);
        return tsn_diag_set(
            diag, TSN_EINPUT, "S011",
            "the node's name must be one word without a comma, at most %zu bytes",
            sizeof(st->node_name) - 1);
    }
    tsn_tree_init(&st->tree);
    read_boot_id(st);
    err = open_file(st, config, diag);
    if (!err) {
        err = harden(st, config->scratch);
        if (err == TSN_EBUSY)
            tsn_store_fail(st, diag, err, "S016", "another process holds the database");
        else if (err)
            tsn_store_fail(st, diag, err, "S011", "cannot open the database");
    }
    if (!err)
        err = tsn_store_migrate(st, tsn_sql_sqlite, config->create, diag);
    if (!err)
        err = tsn_key_load(st, config->key_file, config->create && !config->read_only, diag);
    if (!err)
        err = tsn_log_load(st, diag);
    if (err) {
        tsn_store_close(st);
        return err;
    }
    load_epoch(st);
    *out = st;
    return 0;
}

void tsn_store_close(struct tsn_store *st)
{
    if (!st)
        return;
    tsn_log_index_close(st->index);
    tsn_log_free(st);
    tsn_key_forget(st);
    for (size_t i = 0; i < TSN_STMTS; i++) {
        struct tsn_stmt *s = st->stmts[i], *next;

        for (; s; s = next) {
            next = s->next;
            sqlite3_finalize(s->stmt);
            free(s->sql);
            free(s);
        }
    }
    if (st->db)
        sqlite3_close(st->db);
    tsn_wipe(st->master, sizeof(st->master));
    free(st->undo);
    free(st->index_path);
    free(st->path);
    free(st);
}
