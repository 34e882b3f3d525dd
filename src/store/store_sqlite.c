/* store_sqlite.c - the SQLite connection: open, migrate, transactions, statements.
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

uint32_t tsn_store_hash(const char *s)
{
    uint32_t h = 2166136261u; /* FNV-1a */

    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * 16777619u;
    return h;
}

tsn_err tsn_sql_err(struct tsn_store *st, int rc)
{
    tsn_err err;

    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return 0;
    case SQLITE_CONSTRAINT:
        return TSN_ECONFLICT;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return TSN_EBUSY;
    case SQLITE_TOOBIG:
        return TSN_ETOOBIG;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return TSN_EDENIED;
    case SQLITE_FULL:
        err = TSN_ENOSPC;
        break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        err = TSN_ETAMPERED;
        break;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_NOMEM:
        err = TSN_EIO;
        break;
    default:
        tsn_log(TSN_LOG_ERROR, "store.sql_failed", "why", st->db ? sqlite3_errmsg(st->db) : "",
                NULL);
        return TSN_EBUG;
    }
    /* What was written is unknown from here on: only a new start may go on. */
    if (!st->read_only && !st->dead) {
        st->dead = err;
        tsn_log(TSN_LOG_ERROR, "store.died", "why", st->db ? sqlite3_errmsg(st->db) : "", NULL);
    }
    return err;
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

/* --- transactions ------------------------------------------------------------------------- */

tsn_err tsn_store_begin(struct tsn_store *st)
{
    return tsn_sql_exec(st, st->read_only ? "BEGIN" : "BEGIN IMMEDIATE");
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
    if (err) {
        /* Unknown, not failed: the row may be on disk although the sync was not confirmed. */
        if (!st->dead)
            st->dead = err;
        return err;
    }
    tsn_log_settled(st);
    return 0;
}

void tsn_store_rollback(struct tsn_store *st)
{
    struct tsn_diag diag;

    if (!sqlite3_get_autocommit(st->db))
        sqlite3_exec(st->db, "ROLLBACK", NULL, NULL, NULL);
    if (st->read_only || st->dead)
        return;
    tsn_key_forget(st);
    tsn_log_free(st);
    if (tsn_log_load(st, &diag) != 0)
        st->dead = TSN_EIO;
}

tsn_err tsn_store_savepoint(struct tsn_store *st)
{
    tsn_err err = tsn_sql_exec(st, "SAVEPOINT op");

    if (!err)
        tsn_log_save(st);
    return err;
}

tsn_err tsn_store_release(struct tsn_store *st)
{
    st->in_savepoint = false;
    return tsn_sql_exec(st, "RELEASE op");
}

void tsn_store_undo(struct tsn_store *st)
{
    tsn_log_restore(st);
    tsn_key_forget(st);
    tsn_sql_exec(st, "ROLLBACK TO op");
    tsn_sql_exec(st, "RELEASE op");
}

/* --- opening ------------------------------------------------------------------------------- */

static tsn_err fail(struct tsn_store *st, struct tsn_diag *diag, tsn_err err, const char *code,
                    const char *what)
{
    tsn_diag_at(diag, st->path, 0, 0);
    return tsn_diag_set(diag, err, code, "%s: %s", what,
                        st->db ? sqlite3_errmsg(st->db) : tsn_err_text(err));
}

static int pragma_int(struct tsn_store *st, const char *sql)
{
    sqlite3_stmt *s = NULL;
    int v = -1;

    if (sqlite3_prepare_v2(st->db, sql, -1, &s, NULL) == SQLITE_OK &&
        sqlite3_step(s) == SQLITE_ROW)
        v = sqlite3_column_int(s, 0);
    sqlite3_finalize(s);
    return v;
}

static tsn_err harden(struct tsn_store *st)
{
    static const char *const writer[] = {
        "PRAGMA journal_mode=WAL",
        /* Rewrites and syncs what a crashed commit may have left unsynced, before the head is
         * read. */
        "PRAGMA wal_checkpoint(TRUNCATE)",
        "PRAGMA synchronous=FULL",
        "PRAGMA journal_size_limit=67108864",
        "PRAGMA recursive_triggers=ON",
    };
    tsn_err err = 0;

    sqlite3_db_config(st->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(st->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(st->db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
    sqlite3_busy_timeout(st->db, 5000);
    sqlite3_extended_result_codes(st->db, 1);
    err = tsn_sql_exec(st, "PRAGMA temp_store=MEMORY");
    for (size_t i = 0; !err && !st->read_only && i < sizeof(writer) / sizeof(writer[0]); i++)
        err = tsn_sql_exec(st, writer[i]);
    return err;
}

static int newest_schema(void)
{
    int newest = 0;

    for (const struct tsn_embedded *f = tsn_sql_sqlite; f->name; f++) {
        int n = (int)strtol(f->name, NULL, 10);

        if (n > newest)
            newest = n;
    }
    return newest;
}

/* A consistent copy beside the file, by the backup API. */
static tsn_err copy_before(struct tsn_store *st, int version, struct tsn_diag *diag)
{
    char path[4096];
    sqlite3 *to = NULL;
    sqlite3_backup *b;
    int rc;

    snprintf(path, sizeof(path), "%s.before-%d", st->path, version + 1);
    rc = sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
    b = rc == SQLITE_OK ? sqlite3_backup_init(to, "main", st->db, "main") : NULL;
    rc = b ? sqlite3_backup_step(b, -1) : SQLITE_CANTOPEN;
    if (b)
        sqlite3_backup_finish(b);
    sqlite3_close(to);
    if (rc == SQLITE_DONE)
        return 0;
    return fail(st, diag, TSN_EIO, "S013",
                "cannot copy the database before changing its layout");
}

static tsn_err migrate(struct tsn_store *st, bool create, struct tsn_diag *diag)
{
    int have = pragma_int(st, "PRAGMA user_version"), newest = newest_schema();
    char sql[64];
    tsn_err err = 0;

    if (have > newest) {
        tsn_diag_hint(diag, "install the newer tsn, or restore a copy made before the change");
        return fail(st, diag, TSN_ESCHEMA, "S012",
                    "this database was written by a newer version");
    }
    if (have == newest)
        return 0;
    if (st->read_only || (have == 0 && !create))
        return fail(st, diag, have ? TSN_ESCHEMA : TSN_ENOTFOUND, "S011",
                    "there is no tocsin database here");
    if (have > 0)
        err = copy_before(st, have, diag);
    for (int v = have + 1; !err && v <= newest; v++) {
        const struct tsn_embedded *f = tsn_sql_sqlite;

        while (f->name && strtol(f->name, NULL, 10) != v)
            f++;
        snprintf(sql, sizeof(sql), "PRAGMA user_version=%d", v);
        err = tsn_sql_exec(st, "BEGIN IMMEDIATE");
        if (!err)
            err = f->name ? tsn_sql_exec(st, (const char *)f->data) : TSN_EBUG;
        if (!err)
            err = tsn_sql_exec(st, sql);
        if (!err)
            err = tsn_sql_exec(st, "COMMIT");
        if (err)
            fail(st, diag, err, "S013", "cannot bring the database to this version's layout");
    }
    return err;
}

static tsn_err open_file(struct tsn_store *st, const struct tsn_store_config *config,
                         struct tsn_diag *diag)
{
    int flags = config->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
    char uri[4096];
    int rc, fd;

    if (config->create && !config->read_only) {
        flags |= SQLITE_OPEN_CREATE;
        /* Made here so that nobody else can read it from its first byte on. */
        fd = open(config->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd >= 0)
            close(fd);
    }
    rc = sqlite3_open_v2(config->path, &st->db, flags | SQLITE_OPEN_NOMUTEX, config->vfs);
    if (rc == SQLITE_OK && config->read_only && pragma_int(st, "PRAGMA user_version") < 0) {
        /* A copy on read-only media has no -shm file and cannot get one. */
        sqlite3_close(st->db);
        snprintf(uri, sizeof(uri), "file:%s?immutable=1", config->path);
        rc = sqlite3_open_v2(uri, &st->db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI,
                             config->vfs);
    }
    if (rc == SQLITE_OK)
        return 0;
    return fail(st, diag, access(config->path, F_OK) == 0 ? TSN_EIO : TSN_ENOTFOUND, "S011",
                "cannot open the database");
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

static void load_epoch(struct tsn_store *st)
{
    struct tsn_rec_meta meta;
    struct tsn_arena *a = tsn_arena_new();
    int64_t epoch = 0;

    if (tsn_store_get(st, a, &tsn_table_meta, "node_epoch", &meta) == 0 && meta.value)
        tsn_parse_int(meta.value, 0, INT64_MAX, &epoch);
    snprintf(st->node, sizeof(st->node), "%s,%lld", st->node_name, (long long)epoch);
    tsn_arena_destroy(a);
}

tsn_err tsn_store_epoch_begin(struct tsn_store *st, int64_t *epoch_out)
{
    tsn_err err = tsn_store_next(st, "node_epoch", epoch_out);

    if (!err)
        snprintf(st->node, sizeof(st->node), "%s,%lld", st->node_name, (long long)*epoch_out);
    return err;
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
    tsn_copy(st->node_name, sizeof(st->node_name), config->node ? config->node : "node1");
    tsn_tree_init(&st->tree);
    read_boot_id(st);
    err = open_file(st, config, diag);
    if (!err) {
        err = harden(st);
        if (err)
            fail(st, diag, err, "S011", "cannot open the database");
    }
    if (!err)
        err = migrate(st, config->create, diag);
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
    free(st->path);
    free(st);
}
