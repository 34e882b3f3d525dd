/* store.h - durable state behind one narrow, blocking interface.
 *
 * Called only by the writer thread, by the reader thread (read-only connection, no append, put or
 * update), or by an offline command that owns the file. Higher layers hand `struct tsn_op` to
 * writer.h or reader.h; their apply functions call what stands here. SQL never leaves the backend.
 *
 * Inside one transaction everything an apply function does is one unit: its entries, its rows.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "audit/entry.h"
#include "audit/payload.h"
#include "audit/tree.h"
#include "core/mem.h"
#include "store/record.h"

struct tsn_store;

struct tsn_store_config {
    const char *path;     /* database file */
    const char *key_file; /* 32 random bytes, mode 0600: wraps the case keys. NULL: sealed
                               columns read as NULL and payloads do not open (auditor) */
    const char *node;     /* node name in entries; NULL = "node1" */
    bool read_only;
    bool create;       /* make file and schema when absent */
    const char *vfs;   /* SQLite VFS name for tests; NULL = default */
    const char *index; /* file of the log's index (log_index.h); NULL = a temporary one */
    bool scratch;      /* thrown away afterwards: nothing is synced, a power cut may cost it */
};

/* Opens, at first checkpointing with TRUNCATE (read-write), migrates forward (a copy is taken
 * first), refuses a newer schema (TSN_ESCHEMA), checks head and the last 1,000 entries
 * (TSN_ETAMPERED). diag gets S codes. Key file is created with `create`. */
tsn_err tsn_store_open(struct tsn_store **out, const struct tsn_store_config *config,
                       struct tsn_diag *diag);
void tsn_store_close(struct tsn_store *st);
/* 0, or the error after which nothing works any more: a failed commit, a full or broken disk. */
tsn_err tsn_store_dead(const struct tsn_store *st);
/* Bytes bound since begin: how the writer knows that a batch is large enough. */
size_t tsn_store_batch_bytes(const struct tsn_store *st);
/* Raises the durable epoch of this node by one, inside the current transaction; entries name it
 * from now on. The first is 1. */
tsn_err tsn_store_epoch_begin(struct tsn_store *st, int64_t *epoch_out);

/* Transactions: used by the writer and by offline commands. Savepoints let one op of a batch
 * fail alone. After a failed commit the store is dead: every call returns TSN_ECLOSED. */
tsn_err tsn_store_begin(struct tsn_store *st);
tsn_err tsn_store_commit(struct tsn_store *st);
void tsn_store_rollback(struct tsn_store *st);
tsn_err tsn_store_savepoint(struct tsn_store *st);
tsn_err tsn_store_release(struct tsn_store *st);
void tsn_store_undo(struct tsn_store *st); /* back to the savepoint, and release it */

/* --- the log -------------------------------------------------------------------------- */

/* The caller gives what happened; the store fills seq, id, time, clock, node, chain position
 * and commitments. `chain` by rule: run set and case_chain false: "run:<run>"; else case_id set:
 * "case:<case_id>"; else "sys". */
struct tsn_append {
    const char *kind, *actor, *auth; /* NULL auth = "none" */
    const char *case_id, *run;
    bool case_chain; /* an entry about a run in the chain of its case */
    const char *playbook, *step, *idem, *outcome, *reason, *from, *to, *tlp, *ret;
    int64_t ref, attempt; /* 0 attempt = absent; ref -1 = absent */
    int64_t rlen;         /* run.ended only; else 0 */
    const uint8_t *rlast;
    const struct tsn_field *fields; /* sealed payloads under the case key */
    size_t nfields;
};
#define TSN_APPEND_INIT                                                                        \
    {                                                                                          \
        .ref = -1                                                                              \
    }

/* Time of the entry that was appended last in this transaction. */
int64_t tsn_store_last_ms(const struct tsn_store *st);
tsn_err tsn_store_append(struct tsn_store *st, const struct tsn_append *in, int64_t *seq_out);

/* One stored entry, parsed; `blob` is the sealed payload (len 0: none or erased). */
struct tsn_logged {
    struct tsn_entry entry;
    const char *text;
    size_t text_len;
    uint8_t leaf[TSN_HASH_LEN];
    struct tsn_blob blob;
    int64_t prev; /* seq of the chain's previous entry, -1 at its start */
};
tsn_err tsn_store_entry(struct tsn_store *st, struct tsn_arena *arena, int64_t seq,
                        struct tsn_logged *out);
/* Last position of a chain; TSN_ENOTFOUND when it has none. */
tsn_err tsn_store_chain(struct tsn_store *st, const char *chain, int64_t *seq, int64_t *rseq,
                        uint8_t leaf[TSN_HASH_LEN]);
/* Entries of a chain in order, oldest first, the newest `limit` of them (0 = all). */
tsn_err tsn_store_walk(struct tsn_store *st, struct tsn_arena *arena, const char *chain,
                       size_t limit, struct tsn_logged **out, size_t *n);
/* Plaintext of one field (NUL-terminated in the arena). Errors as tsn_payload_open. */
tsn_err tsn_store_open_field(struct tsn_store *st, struct tsn_arena *arena,
                             const struct tsn_logged *e, const char *field, const char **out,
                             size_t *len);
void tsn_store_head(struct tsn_store *st, struct tsn_tree *out);
/* Raw scan for verification and export, seq order from `from`; fn returns 0 to go on. `key` is
 * the case key or NULL. */
typedef tsn_err tsn_store_scan_fn(int64_t seq, const char *text, size_t len,
                                  const uint8_t *leaf, const struct tsn_blob *blob,
                                  const uint8_t *key, void *user);
tsn_err tsn_store_scan(struct tsn_store *st, int64_t from, tsn_store_scan_fn *fn, void *user);
/* The stored head as it is on disk, not the one in memory: size and root. */
tsn_err tsn_store_stored_head(struct tsn_store *st, uint64_t *size, uint8_t root[TSN_HASH_LEN]);

/* --- what one reader may see ---------------------------------------------------------------- */

/* Rows of hidden cases (the case, and every row with a column case_id) and entries about them are
 * not there for what this connection reads until the view is taken away: not allowed and does not
 * exist are the same. `closed` cases are seen, and the first ones that were read are noted. Arrays
 * are sorted by strcmp; everything is borrowed. NULL = all. Not for the writing connection. */
struct tsn_store_view {
    const char *const *hidden, *const *closed;
    size_t nhidden, nclosed;
    const char *touched[8]; /* of closed */
    size_t ntouched;
};
void tsn_store_set_view(struct tsn_store *st, struct tsn_store_view *view);

/* --- records -------------------------------------------------------------------------- */

/* Insert: TSN_ECONFLICT when the key or a unique column is taken. */
tsn_err tsn_store_insert(struct tsn_store *st, const struct tsn_table *t, const void *rec);
/* Insert or replace by key. */
tsn_err tsn_store_put(struct tsn_store *st, const struct tsn_table *t, const void *rec);
/* Replaces the row by key only where column `guard` still holds `value`: TSN_ELOST when it does
 * not (an older epoch lost its run) or the row is gone. */
tsn_err tsn_store_update_if(struct tsn_store *st, const struct tsn_table *t, const void *rec,
                            const char *guard, int64_t value);
/* Same for a text column (a task that is still "open"). */
tsn_err tsn_store_update_if_text(struct tsn_store *st, const struct tsn_table *t,
                                 const void *rec, const char *guard, const char *value);
/* The same, but writes only the columns in which `after` differs from `before`: the row as it was
 * read (also bare), in the same transaction. */
tsn_err tsn_store_update_changed(struct tsn_store *st, const struct tsn_table *t,
                                 const void *before, const void *after, const char *guard,
                                 int64_t value);
tsn_err tsn_store_delete(struct tsn_store *st, const struct tsn_table *t, const char *key);
/* By key; TSN_ENOTFOUND. */
tsn_err tsn_store_get(struct tsn_store *st, struct tsn_arena *arena, const struct tsn_table *t,
                      const char *key, void *rec_out);
/* The same without blobs and sealed columns, which read as empty. */
tsn_err tsn_store_get_bare(struct tsn_store *st, struct tsn_arena *arena,
                           const struct tsn_table *t, const char *key, void *rec_out);
/* By another column, exact; first match. */
tsn_err tsn_store_find(struct tsn_store *st, struct tsn_arena *arena, const struct tsn_table *t,
                       const char *column, const char *value, void *rec_out);

enum tsn_cmp { TSN_CMP_EQ, TSN_CMP_NE, TSN_CMP_LT, TSN_CMP_GT, TSN_CMP_PREFIX };
struct tsn_filter {
    const char *column;
    enum tsn_cmp cmp;
    const char *text; /* for text columns; else NULL and: */
    int64_t number;
};
struct tsn_list {
    const struct tsn_filter *filters; /* all must hold */
    size_t nfilters;
    const char *order; /* column; NULL = key */
    bool descending;
    size_t limit;      /* 0 = 1,000; at most 100,000 */
    const char *after; /* key cursor: rows behind this key in order (order must be NULL) */
    bool skip_blobs;   /* blob and sealed columns read as empty */
};
/* *out: array of n structs of t->size in the arena. */
tsn_err tsn_store_list(struct tsn_store *st, struct tsn_arena *arena, const struct tsn_table *t,
                       const struct tsn_list *how, void **out, size_t *n);
tsn_err tsn_store_count(struct tsn_store *st, const struct tsn_table *t,
                        const struct tsn_filter *filters, size_t nfilters, int64_t *out);
/* Counter kept in `meta`: 1, 2, 3 ... per name. */
tsn_err tsn_store_next(struct tsn_store *st, const char *counter, int64_t *out);
