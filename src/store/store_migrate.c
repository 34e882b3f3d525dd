/* store_migrate.c - the layout of a database: made, brought up to date, or refused.
 *
 * sql/sqlite/NNNN_AREA.sql are embedded; all files of one number are one layout. The number is
 * SQLite's user_version, what the files say its application_id. Writer's thread, at open.
 */
#include "store/store_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/crypto.h"
#include "core/embed.h"
#include "core/fault.h"

static int newest_of(const struct tsn_embedded *files)
{
    int newest = 0;

    for (; files->name; files++) {
        int n = (int)strtol(files->name, NULL, 10);

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

    (void)snprintf(path, sizeof(path), "%s.before-%d", st->path, version + 1);
    tsn_make_private(path);
    rc = sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
    b = rc == SQLITE_OK ? sqlite3_backup_init(to, "main", st->db, "main") : NULL;
    rc = b ? sqlite3_backup_step(b, -1) : SQLITE_CANTOPEN;
    if (b && sqlite3_backup_finish(b) != SQLITE_OK)
        rc = SQLITE_IOERR;
    sqlite3_close(to);
    if (rc == SQLITE_DONE)
        return 0;
    return tsn_store_fail(st, diag, TSN_EIO, "S013",
                          "cannot copy the database before changing its layout");
}

/* What the files of a layout say, in 31 bits: words without comments, so that neither a remark nor a line
 * break is another layout. Kept as application_id; 0 = the files say nothing. */
static int fingerprint(const struct tsn_embedded *files, int v)
{
    uint8_t hash[TSN_HASH_LEN];
    struct tsn_buf words;
    bool gap = false;

    tsn_buf_init(&words, SIZE_MAX);
    for (; files->name; files++) {
        const char *c = (const char *)files->data;

        if (strtol(files->name, NULL, 10) != v)
            continue;
        while (c && *c) {
            if (c[0] == '-' && c[1] == '-') {
                c += strcspn(c, "\n");
                gap = true;
            } else if (strchr(" \t\r\n", *c)) {
                c++;
                gap = true;
            } else {
                if (gap)
                    tsn_buf_putc(&words, ' ');
                gap = false;
                tsn_buf_putc(&words, *c++);
            }
        }
        gap = true;
    }
    tsn_sha256_once(hash, words.data ? words.data : "", words.len);
    int out =
        words.len == 0 ? 0 : (hash[0] & 0x7f) << 24 | hash[1] << 16 | hash[2] << 8 | hash[3];
    tsn_buf_free(&words);
    return out;
}

/* A layout of the same number that says something else: columns would be misread. Its log can be read and
 * verified all the same. */
static tsn_err same_layout(struct tsn_store *st, const struct tsn_embedded *files, int have,
                           struct tsn_diag *diag)
{
    int want = fingerprint(files, have);

    if (st->read_only || want == 0 || tsn_sql_int(st, "PRAGMA application_id") == want)
        return 0;
    tsn_diag_hint(diag,
                  "open it with the build that made it, or begin a new one: tocsin init DIR");
    tsn_diag_at(diag, st->path, 0, 0);
    return tsn_diag_set(diag, TSN_ESCHEMA, "S017",
                        "this database was made by another build, whose tables differ");
}

/* All files of a layout, one area each, in one transaction. */
static tsn_err step(struct tsn_store *st, const struct tsn_embedded *files, int v)
{
    char sql[120];
    tsn_err err;
    int ran = 0;

    (void)snprintf(sql, sizeof(sql), "PRAGMA user_version=%d; PRAGMA application_id=%d", v,
                   fingerprint(files, v));
    err = tsn_sql_exec(st, "BEGIN IMMEDIATE");
    for (; !err && files->name; files++) {
        if (strtol(files->name, NULL, 10) != v)
            continue;
        err = tsn_sql_exec(st, (const char *)files->data);
        ran++;
    }
    if (!err && ran == 0)
        err = TSN_EBUG;
    if (!err)
        err = tsn_sql_exec(st, sql);
    tsn_fault("store.migrate");
    if (!err)
        err = tsn_sql_exec(st, "COMMIT");
    return err;
}

tsn_err tsn_store_migrate(struct tsn_store *st, const struct tsn_embedded *files, bool create,
                          struct tsn_diag *diag)
{
    int have = tsn_sql_int(st, "PRAGMA user_version"), newest = newest_of(files);
    tsn_err err = 0;

    if (have > newest) {
        tsn_diag_hint(diag,
                      "install the newer tocsin, or restore a copy made before the change");
        return tsn_store_fail(st, diag, TSN_ESCHEMA, "S012",
                              "this database was written by a newer version");
    }
    if (have > 0)
        err = same_layout(st, files, have, diag);
    if (err || have == newest)
        return err;
    /* An older file is changed by the writer alone; somebody else's database is never touched. */
    if (have > 0 && st->read_only) {
        tsn_diag_hint(diag,
                      "start tocsin serve once: it copies the file and changes its layout");
        return tsn_store_fail(st, diag, TSN_ESCHEMA, "S013",
                              "the database is of an older version");
    }
    if (have <= 0 && (st->read_only || !create ||
                      tsn_sql_int(st, "SELECT count(*) FROM sqlite_master") != 0))
        return tsn_store_fail(st, diag, TSN_ENOTFOUND, "S011",
                              "there is no tocsin database here");
    if (have > 0)
        err = copy_before(st, have, diag);
    for (int v = have + 1; !err && v <= newest; v++) {
        err = step(st, files, v);
        if (err)
            tsn_store_fail(st, diag, err, "S013",
                           "cannot bring the database to this version's layout");
    }
    return err;
}
