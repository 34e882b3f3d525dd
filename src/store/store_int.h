/* store_int.h - what the parts of the SQLite backend share. Private to src/store. */
#pragma once

#include <sqlite3.h>
#include "store/store.h"

#define TSN_STMTS 256

struct tsn_stmt {
    struct tsn_stmt *next;
    char *sql;
    sqlite3_stmt *stmt;
};

/* Last position of a chain, cached; written back once per commit. */
struct tsn_chain_head {
    struct tsn_chain_head *next;
    char *chain;
    int64_t seq, rseq; /* -1 = the chain has no entry */
    uint8_t leaf[TSN_HASH_LEN];
    bool dirty;
};

/* What a savepoint must be able to take back. */
struct tsn_chain_undo {
    struct tsn_chain_head *head;
    int64_t seq, rseq;
    uint8_t leaf[TSN_HASH_LEN];
    bool dirty;
};

struct tsn_case_key {
    struct tsn_case_key *next;
    char *case_id;
    uint8_t key[TSN_KEY_LEN];
};

#define TSN_CHAIN_BUCKETS 4096
#define TSN_KEY_BUCKETS   256

struct tsn_store {
    int64_t last_ms; /* of the entry appended last */
    sqlite3 *db;
    struct tsn_store_view *view; /* of the reader's op; NULL = sees all */
    char *path;
    char node[80]; /* "node1,7" */
    char node_name[40];
    bool read_only, have_master, in_savepoint;
    bool epoch_raised;  /* in this transaction: an undo must read it again */
    size_t batch_bytes; /* bound since begin */
    tsn_err dead;       /* after a failed commit or a full disk: nothing works any more */
    uint8_t master[TSN_KEY_LEN];
    struct tsn_stmt *stmts[TSN_STMTS];
    struct tsn_tree tree, tree_saved;
    bool head_dirty;
    struct tsn_chain_head *chains[TSN_CHAIN_BUCKETS];
    size_t nchains;
    struct tsn_chain_undo *undo;
    size_t nundo, undo_cap;
    struct tsn_case_key *keys[TSN_KEY_BUCKETS];
    struct tsn_buf text, blob; /* of the entry being appended; the memory is used again */
    char clock[64];
    int64_t clock_at; /* monotonic ms of `clock` */
    char boot[9];
    bool erased;          /* in this transaction: no copy may stay in the write-ahead log */
    int64_t data_version; /* a reader: another connection has committed since */
    char *index_path;
    struct tsn_log_index *index; /* opened at first use; NULL before */
};

/* --- store_sqlite.c */

/* A cached, reset statement; NULL on error (*err set). */
sqlite3_stmt *tsn_sql(struct tsn_store *st, const char *sql, tsn_err *err);
/* Maps a result code; disk-level failures kill the store. */
tsn_err tsn_sql_err(struct tsn_store *st, int rc);
/* "what: why", at the database's path. */
tsn_err tsn_store_fail(struct tsn_store *st, struct tsn_diag *diag, tsn_err err,
                       const char *code, const char *what);
int tsn_sql_int(struct tsn_store *st, const char *sql); /* first column of the first row; -1 */
void tsn_make_private(const char *path); /* an empty file that only we may read */
tsn_err tsn_sql_exec(struct tsn_store *st, const char *sql);
/* Kills the store: what is on disk is unknown from here on. Returns err. */
tsn_err tsn_store_die(struct tsn_store *st, tsn_err err);
/* sqlite3_step for statements without rows; resets. */
tsn_err tsn_sql_done(struct tsn_store *st, sqlite3_stmt *s);
uint32_t tsn_store_hash(const char *s);

/* --- store_migrate.c */

/* Brings the layout to the newest of `files` (ended by a NULL name), copying the file first. S011 to S013,
 * S017. */
struct tsn_embedded;
tsn_err tsn_store_migrate(struct tsn_store *st, const struct tsn_embedded *files, bool create,
                          struct tsn_diag *diag);

/* Not there for the view in force; notes what is seen of closed cases. store_rows.c */
bool tsn_view_hides(struct tsn_store *st, const char *case_id);

/* --- store_log.c */
tsn_err tsn_log_load(struct tsn_store *st, struct tsn_diag *diag);
tsn_err tsn_log_flush(struct tsn_store *st); /* dirty heads and the head row, before a commit */
void tsn_log_save(struct tsn_store *st);     /* at a savepoint */
void tsn_log_restore(struct tsn_store *st);  /* back to it */
void tsn_log_settled(struct tsn_store *st);  /* after release or commit */
void tsn_log_free(struct tsn_store *st);
/* As tsn_store_scan, with the link to the chain's previous entry. */
typedef tsn_err tsn_log_scan_fn(int64_t seq, int64_t prev, const char *text, size_t len,
                                const uint8_t *leaf, const struct tsn_blob *blob,
                                const uint8_t *key, void *user);
tsn_err tsn_log_scan(struct tsn_store *st, int64_t from, tsn_log_scan_fn *fn, void *user);

/* --- store_proof.c: before the leaf goes into the tree */
tsn_err tsn_log_keep_nodes(struct tsn_store *st, const uint8_t leaf[TSN_HASH_LEN]);

/* --- store_key.c */
tsn_err tsn_key_load(struct tsn_store *st, const char *key_file, bool create,
                     struct tsn_diag *diag);
/* NULL with *err 0: there is none and none may be made (read-only), or no master key. */
const uint8_t *tsn_key_of(struct tsn_store *st, const char *case_id, tsn_err *err);
void tsn_key_forget(struct tsn_store *st);
