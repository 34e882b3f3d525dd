/* log_index.c - makes the index of the log, keeps it up to date, throws it away. See the header.
 * Reader thread, or an offline command. */
#include "store/log_index.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/embed.h"
#include "core/log.h"
#include "core/text.h"
#include "store/log_index_int.h"

/* Raised with every change of index.sql, or of what is put in. */
#define LAYOUT 1
#define SLICE  4096  /* entries in one arena */
#define COMMIT 65536 /* entries in one transaction of the index */

extern const struct tsn_embedded tsn_sql_index[];

int tsn_tlp_rank(const char *tlp)
{
    static const char *const words[] = {"clear", "green", "amber", "amber+strict", "red"};

    for (int i = 0; tlp && i < (int)(sizeof(words) / sizeof(words[0])); i++) {
        if (strcasecmp(words[i], tlp) == 0)
            return i;
    }
    return -1;
}

tsn_err tsn_log_failed(struct tsn_log_index *ix, struct tsn_diag *diag)
{
    tsn_diag_hint(diag,
                  "the index is made again at the next start when its file is removed: %s",
                  ix->path ? ix->path : "it is a temporary one");
    return tsn_diag_set(diag, TSN_EIO, "V200", "the index of the log: %s",
                        ix->db ? sqlite3_errmsg(ix->db) : "cannot be opened");
}

tsn_err tsn_log_sql(struct tsn_log_index *ix, const char *sql, sqlite3_stmt **out,
                    struct tsn_diag *diag)
{
    *out = NULL;
    return sqlite3_prepare_v2(ix->db, sql, -1, out, NULL) == SQLITE_OK
               ? 0
               : tsn_log_failed(ix, diag);
}

static bool run_sql(struct tsn_log_index *ix, const char *sql)
{
    return sqlite3_exec(ix->db, sql, NULL, NULL, NULL) == SQLITE_OK;
}

static int64_t ask_int(struct tsn_log_index *ix, const char *sql, int64_t otherwise)
{
    sqlite3_stmt *s = NULL;
    int64_t v = otherwise;

    if (sqlite3_prepare_v2(ix->db, sql, -1, &s, NULL) == SQLITE_OK &&
        sqlite3_step(s) == SQLITE_ROW && sqlite3_column_type(s, 0) == SQLITE_INTEGER)
        v = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return v;
}

/* --- opening ------------------------------------------------------------------------------ */

/* The last entry taken must be an entry of this log. */
static bool fits(struct tsn_log_index *ix)
{
    sqlite3_stmt *s = NULL;
    tsn_err err;
    char leaf[2 * TSN_HASH_LEN + 1] = "", hex[2 * TSN_HASH_LEN + 1];
    bool ok;

    if (ask_int(ix, "PRAGMA user_version", 0) != LAYOUT)
        return false;
    ix->size = (uint64_t)(ask_int(ix, "SELECT max(seq) FROM main.entry", -1) + 1);
    if (ix->size == 0)
        return true;
    if (sqlite3_prepare_v2(ix->db, "SELECT leaf FROM main.entry ORDER BY seq DESC LIMIT 1", -1,
                           &s, NULL) == SQLITE_OK &&
        sqlite3_step(s) == SQLITE_ROW)
        (void)tsn_copy(leaf, sizeof(leaf), (const char *)sqlite3_column_text(s, 0));
    sqlite3_finalize(s);
    /* Bare, since whoever opens it may not see that entry. */
    s = tsn_sql(ix->st, "SELECT leaf FROM entry WHERE seq = ?1", &err);
    if (!s)
        return false;
    sqlite3_bind_int64(s, 1, (int64_t)ix->size - 1);
    ok = sqlite3_step(s) == SQLITE_ROW && sqlite3_column_bytes(s, 0) == TSN_HASH_LEN;
    if (ok)
        tsn_hex(hex, sqlite3_column_blob(s, 0), TSN_HASH_LEN);
    sqlite3_reset(s);
    return ok && strcmp(hex, leaf) == 0;
}

static void close_db(struct tsn_log_index *ix)
{
    sqlite3_close(ix->db);
    ix->db = NULL;
    ix->views = false;
}

static tsn_err open_db(struct tsn_log_index *ix)
{
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    int fd;

    if (ix->path) {
        fd = open(ix->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0)
            return tsn_err_from_errno(errno);
        close(fd);
    }
    if (sqlite3_open_v2(ix->path ? ix->path : "", &ix->db, flags, NULL) != SQLITE_OK)
        return TSN_EIO;
    sqlite3_extended_result_codes(ix->db, 1);
    sqlite3_db_config(ix->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(ix->db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
    /* One process has it; a power cut may lose the end of it and must not break it. */
    if (!run_sql(ix, "PRAGMA locking_mode=EXCLUSIVE") ||
        !run_sql(ix, ix->path ? "PRAGMA journal_mode=WAL" : "PRAGMA journal_mode=OFF") ||
        !run_sql(ix, "PRAGMA journal_size_limit=16777216") ||
        !run_sql(ix, "PRAGMA synchronous=NORMAL") || !run_sql(ix, "PRAGMA temp_store=MEMORY") ||
        !run_sql(ix, "PRAGMA cache_size=-16384"))
        return TSN_EIO;
    return tsn_log_functions(ix);
}

static tsn_err make_layout(struct tsn_log_index *ix)
{
    const struct tsn_embedded *f = tsn_sql_index;
    char sql[64];

    while (f->name && strcmp(f->name, "index.sql") != 0)
        f++;
    (void)snprintf(sql, sizeof(sql), "PRAGMA user_version=%d", LAYOUT);
    return f->name && run_sql(ix, "BEGIN") && run_sql(ix, (const char *)f->data) &&
                   run_sql(ix, sql) && run_sql(ix, "COMMIT")
               ? 0
               : TSN_EIO;
}

static void remove_file(const struct tsn_log_index *ix)
{
    static const char *const ends[] = {"", "-wal", "-shm", "-journal"};
    char path[4096];

    for (size_t i = 0; ix->path && i < sizeof(ends) / sizeof(ends[0]); i++) {
        (void)snprintf(path, sizeof(path), "%s%s", ix->path, ends[i]);
        (void)unlink(path);
    }
}

/* Nothing in it is worth keeping: every failure ends in an empty one. */
static tsn_err start_over(struct tsn_log_index *ix)
{
    tsn_err err;

    if (ix->db)
        close_db(ix);
    remove_file(ix);
    ix->size = 0;
    err = open_db(ix);
    return err ? err : make_layout(ix);
}

tsn_err tsn_log_index(struct tsn_store *st, struct tsn_log_index **out, struct tsn_diag *diag)
{
    struct tsn_log_index *ix = st->index;
    tsn_err err = 0;

    if (!ix) {
        ix = tsn_alloc(sizeof(*ix));
        ix->st = st;
        ix->path = tsn_strdup(st->index_path);
        if (open_db(ix) || !fits(ix))
            err = start_over(ix);
        if (err && ix->path) {
            /* A full or read-only disk: then without a file. */
            tsn_log(TSN_LOG_WARN, "store.index_temporary", "file", ix->path, "error",
                    tsn_err_name(err), NULL);
            free(ix->path);
            ix->path = NULL;
            err = start_over(ix);
        }
        if (err) {
            (void)tsn_log_failed(ix, diag);
            tsn_log_index_close(ix);
            return err;
        }
        st->index = ix;
    }
    *out = ix;
    return 0;
}

void tsn_log_index_close(struct tsn_log_index *ix)
{
    if (!ix)
        return;
    sqlite3_close(ix->db);
    free(ix->marks);
    free(ix->path);
    free(ix);
}

/* --- taking entries ------------------------------------------------------------------------ */

static void text_or_null(sqlite3_stmt *s, int at, const char *value)
{
    if (value)
        sqlite3_bind_text(s, at, value, -1, SQLITE_STATIC);
    else
        sqlite3_bind_null(s, at);
}

static void int_or_null(sqlite3_stmt *s, int at, int64_t value)
{
    if (value >= 0)
        sqlite3_bind_int64(s, at, value);
    else
        sqlite3_bind_null(s, at);
}

static const char INSERT[] =
    "INSERT INTO main.entry (seq, time, synced, maxerr, boot, mono, node, kind, actor, auth, "
    "case_id,"
    " run, chain, rseq, ref, playbook, step, attempt, idem, outcome, reason, \"from\", \"to\","
    " tlp, ret, fields, leaf) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13,"
    " ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27)";

struct filling {
    struct tsn_log_index *ix;
    sqlite3_stmt *insert, *hour;
    int64_t hour_now, first, last; /* the hour at hand, not yet written */
};

static bool put_hour(struct filling *f)
{
    bool ok = true;

    if (f->hour_now >= 0) {
        sqlite3_bind_int64(f->hour, 1, f->hour_now);
        sqlite3_bind_int64(f->hour, 2, f->first);
        sqlite3_bind_int64(f->hour, 3, f->last);
        ok = sqlite3_step(f->hour) == SQLITE_DONE;
        sqlite3_reset(f->hour);
    }
    f->hour_now = -1;
    return ok;
}

/* "s,500,1a2b3c4d,123456" */
static void bind_clock(sqlite3_stmt *s, const char *clock)
{
    const char *boot = clock ? strchr(clock, ',') : NULL, *mono;
    char *end;

    if (boot)
        boot = strchr(boot + 1, ',');
    mono = boot ? strchr(boot + 1, ',') : NULL;
    if (!mono)
        return;
    sqlite3_bind_int(s, 3, clock[0] == 's');
    sqlite3_bind_int64(s, 4, strtoll(clock + 2, &end, 10));
    sqlite3_bind_text(s, 5, boot + 1, (int)(mono - boot - 1), SQLITE_STATIC);
    sqlite3_bind_int64(s, 6, strtoll(mono + 1, &end, 10));
}

static bool put_entry(struct filling *f, int64_t seq, const struct tsn_entry *e,
                      const uint8_t *leaf)
{
    sqlite3_stmt *s = f->insert;
    char hex[2 * TSN_HASH_LEN + 1], fields[TSN_ENTRY_FIELDS_MAX * 17 + 1] = "";
    int64_t hour = e->time_ms / 3600000;
    const char *texts[] = {e->node, e->kind, e->actor, e->auth, e->case_id, e->run, e->chain};
    const char *tail[] = {e->idem, e->outcome, e->reason, e->from, e->to, e->tlp, e->ret};
    size_t at = 0;
    bool ok;

    if (hour != f->hour_now) {
        if (!put_hour(f))
            return false;
        f->hour_now = hour;
        f->first = seq;
    }
    f->last = seq;
    tsn_hex(hex, leaf, TSN_HASH_LEN);
    for (size_t i = 0; i < e->ncommits; i++)
        at += (size_t)snprintf(fields + at, sizeof(fields) - at, "%s%s", i ? "," : "",
                               e->commits[i].name);
    sqlite3_bind_int64(s, 1, seq);
    sqlite3_bind_int64(s, 2, e->time_ms);
    bind_clock(s, e->clock);
    for (int i = 0; i < 7; i++)
        text_or_null(s, 7 + i, texts[i]);
    int_or_null(s, 14, e->rseq);
    int_or_null(s, 15, e->ref);
    text_or_null(s, 16, e->playbook);
    text_or_null(s, 17, e->step);
    int_or_null(s, 18, e->attempt);
    for (int i = 0; i < 7; i++)
        text_or_null(s, 19 + i, tail[i]);
    text_or_null(s, 26, e->ncommits ? fields : NULL);
    sqlite3_bind_text(s, 27, hex, 2 * TSN_HASH_LEN, SQLITE_STATIC);
    ok = sqlite3_step(s) == SQLITE_DONE;
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
    return ok;
}

/* One slice: reads the log, writes the index. *n gets how many there were. */
static tsn_err slice(struct filling *f, uint64_t most, uint64_t *n)
{
    struct tsn_store *st = f->ix->st;
    struct tsn_arena *a = tsn_arena_new();
    tsn_err err;
    sqlite3_stmt *s = tsn_sql(
        st, "SELECT seq, text, leaf FROM entry WHERE seq >= ?1 ORDER BY seq LIMIT ?2", &err);
    int rc = SQLITE_DONE;

    *n = 0;
    if (s) {
        sqlite3_bind_int64(s, 1, (int64_t)f->ix->size);
        sqlite3_bind_int64(s, 2, (int64_t)most);
    }
    while (s && !err && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        int64_t seq = sqlite3_column_int64(s, 0);
        const char *text = (const char *)sqlite3_column_text(s, 1);
        const uint8_t *leaf = sqlite3_column_blob(s, 2);
        struct tsn_entry e;

        if (seq != (int64_t)f->ix->size || !text ||
            sqlite3_column_bytes(s, 2) != TSN_HASH_LEN ||
            tsn_entry_parse(a, text, (size_t)sqlite3_column_bytes(s, 1), &e, NULL))
            err = TSN_ETAMPERED;
        else if (!put_entry(f, seq, &e, leaf))
            err = TSN_EIO;
        if (!err) {
            f->ix->size++;
            (*n)++;
        }
    }
    if (s && !err)
        err = tsn_sql_err(st, rc);
    if (s)
        sqlite3_reset(s);
    tsn_arena_destroy(a);
    return err;
}

static tsn_err fill(struct tsn_log_index *ix, uint64_t most)
{
    static const char hour[] =
        "INSERT INTO main.hour (hour, first, last) VALUES (?1, ?2, ?3) ON CONFLICT (hour) DO "
        "UPDATE"
        " SET first = min(first, excluded.first), last = max(last, excluded.last)";
    struct filling f = {.ix = ix, .hour_now = -1};
    uint64_t before = ix->size, n = 1;
    tsn_err err = 0;

    if (!run_sql(ix, "BEGIN"))
        return TSN_EIO;
    if (sqlite3_prepare_v2(ix->db, INSERT, -1, &f.insert, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(ix->db, hour, -1, &f.hour, NULL) != SQLITE_OK)
        err = TSN_EIO;
    for (uint64_t done = 0; !err && n > 0 && done < most; done += n) {
        uint64_t part = most - done > SLICE ? SLICE : most - done;

        err = slice(&f, part, &n);
    }
    if (!err && !put_hour(&f))
        err = TSN_EIO;
    sqlite3_finalize(f.insert);
    sqlite3_finalize(f.hour);
    if (!run_sql(ix, err ? "ROLLBACK" : "COMMIT") && !err)
        err = TSN_EIO;
    if (err)
        ix->size = before;
    return err;
}

tsn_err tsn_log_index_more(struct tsn_log_index *ix, uint64_t most, uint64_t *left,
                           struct tsn_diag *diag)
{
    uint8_t root[TSN_HASH_LEN];
    uint64_t size = 0;
    int again = 0;
    tsn_err err = tsn_store_stored_head(ix->st, &size, root);

    *left = 0;
    if (err)
        return tsn_diag_set(diag, err, "V200", "the head of the log cannot be read");
    if (most == 0 || most > size - ix->size)
        most = ix->size < size ? size - ix->size : 0;
    for (uint64_t want = ix->size + most; !err && ix->size < want;) {
        err = fill(ix, want - ix->size < COMMIT ? want - ix->size : COMMIT);
        if (err == TSN_EIO) { /* the index's own file: once more from nothing */
            tsn_log(TSN_LOG_WARN, "store.index_again", "why", sqlite3_errmsg(ix->db), NULL);
            err = again++ ? TSN_EIO : start_over(ix);
        }
    }
    if (err == TSN_ETAMPERED) {
        tsn_diag_hint(diag, "run: tocsin audit verify");
        return tsn_diag_set(diag, err, "V201", "entry %llu of the log cannot be read",
                            (unsigned long long)ix->size);
    }
    if (err)
        return tsn_log_failed(ix, diag);
    *left = size > ix->size ? size - ix->size : 0;
    return 0;
}
