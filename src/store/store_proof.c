/* store_proof.c - kept nodes of the tree, proofs from them, checkpoints. See proof_store.h. */
#include "store/proof_store.h"
#include "store/record_log.h"

#include <stdio.h>
#include <string.h>

#include "store/store_int.h"

#define STRIDE 8 /* levels between kept nodes */

/* --- writing ------------------------------------------------------------------------------- */

static tsn_err keep(struct tsn_store *st, int level, uint64_t index, const uint8_t *hash)
{
    tsn_err err;
    sqlite3_stmt *s =
        tsn_sql(st, "INSERT OR REPLACE INTO node (level, idx, hash) VALUES (?1, ?2, ?3)", &err);

    if (!s)
        return err;
    sqlite3_bind_int(s, 1, level);
    sqlite3_bind_int64(s, 2, (sqlite3_int64)index);
    sqlite3_bind_blob(s, 3, hash, TSN_HASH_LEN, SQLITE_STATIC);
    return tsn_sql_done(st, s);
}

/* The leaf that completes 256, 65,536 ... of them completes nodes to keep. */
tsn_err tsn_log_keep_nodes(struct tsn_store *st, const uint8_t leaf[TSN_HASH_LEN])
{
    const struct tsn_tree *t = &st->tree;
    uint64_t after = t->size + 1;
    uint8_t carry[TSN_HASH_LEN];
    tsn_err err = 0;

    if (after % (1u << STRIDE) != 0)
        return 0;
    memcpy(carry, leaf, TSN_HASH_LEN);
    for (int level = 0; !err && level < TSN_TREE_LEVELS && ((t->size >> level) & 1); level++) {
        tsn_tree_node(carry, t->node[level], carry);
        if ((level + 1) % STRIDE == 0)
            err = keep(st, level + 1, (after >> (level + 1)) - 1, carry);
    }
    return err;
}

/* --- reading ------------------------------------------------------------------------------- */

static sqlite3_stmt *rows_of(struct tsn_store *st, int base, uint64_t from, uint64_t n,
                             tsn_err *err)
{
    sqlite3_stmt *s =
        base == 0
            ? tsn_sql(st, "SELECT leaf FROM entry WHERE seq >= ?1 AND seq < ?2 ORDER BY seq",
                      err)
            : tsn_sql(st,
                      "SELECT hash FROM node WHERE idx >= ?1 AND idx < ?2 AND level = ?3 "
                      "ORDER BY idx",
                      err);

    if (!s)
        return NULL;
    sqlite3_bind_int64(s, 1, (sqlite3_int64)from);
    sqlite3_bind_int64(s, 2, (sqlite3_int64)from + (sqlite3_int64)n);
    if (base != 0)
        sqlite3_bind_int(s, 3, base);
    return s;
}

tsn_err tsn_store_node(void *user, int level, uint64_t index, uint8_t out[TSN_HASH_LEN])
{
    struct tsn_store *st = user;
    int base = level / STRIDE * STRIDE, rc;
    uint64_t n = UINT64_C(1) << (level - base), got = 0;
    struct tsn_tree part;
    sqlite3_stmt *s;
    tsn_err err;

    if (index >= (UINT64_C(1) << 62) >> level)
        return TSN_EINPUT;
    s = rows_of(st, base, index << (level - base), n, &err);
    if (!s)
        return err;
    tsn_tree_init(&part);
    while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
        const uint8_t *hash = sqlite3_column_blob(s, 0);

        if (sqlite3_column_bytes(s, 0) != TSN_HASH_LEN) {
            err = TSN_ETAMPERED;
            break;
        }
        tsn_tree_append(&part, hash);
        got++;
    }
    if (!err)
        err = tsn_sql_err(st, rc);
    sqlite3_reset(s);
    if (!err && got != n)
        err = TSN_ENOTFOUND;
    if (!err)
        tsn_tree_root(&part, out);
    return err;
}

tsn_err tsn_store_root_at(struct tsn_store *st, uint64_t size, uint8_t root[TSN_HASH_LEN])
{
    const struct tsn_nodes nodes = {tsn_store_node, st};

    return tsn_proof_root(root, &nodes, size);
}

tsn_err tsn_store_consistency(struct tsn_store *st, uint64_t old_size, uint64_t size,
                              struct tsn_proof *out)
{
    const struct tsn_nodes nodes = {tsn_store_node, st};

    return tsn_proof_consistency(out, &nodes, old_size, size);
}

tsn_err tsn_store_inclusion(struct tsn_store *st, uint64_t index, uint64_t size,
                            struct tsn_proof *out)
{
    const struct tsn_nodes nodes = {tsn_store_node, st};

    return tsn_proof_inclusion(out, &nodes, index, size);
}

/* --- checkpoints --------------------------------------------------------------------------- */

tsn_err tsn_store_checkpoint(struct tsn_store *st, struct tsn_arena *arena,
                             struct tsn_rec_checkpoint *out)
{
    const struct tsn_list how = {.descending = true, .limit = 1};
    void *rows;
    size_t n;
    tsn_err err = tsn_store_list(st, arena, &tsn_table_checkpoint, &how, &rows, &n);

    if (!err && n == 0)
        err = TSN_ENOTFOUND;
    if (!err)
        *out = *(struct tsn_rec_checkpoint *)rows;
    return err;
}

tsn_err tsn_store_checkpoint_put(struct tsn_store *st, struct tsn_arena *arena,
                                 const struct tsn_rec_checkpoint *cp)
{
    struct tsn_rec_checkpoint same, last, row = *cp;
    char id[32];
    tsn_err err;

    (void)snprintf(id, sizeof(id), "%020lld", (long long)cp->size);
    row.id = id;
    err = tsn_store_get(st, arena, &tsn_table_checkpoint, id, &same);
    if (!err) { /* the same again, with more signatures, or handed out */
        row.kept = row.kept < same.kept ? same.kept : row.kept;
        row.sealed_at = same.sealed_at;
    } else if (err == TSN_ENOTFOUND) {
        err = tsn_store_checkpoint(st, arena, &last);
        /* One that was handed out may be older than the last. */
        if (!err && !last.kept && last.size < cp->size)
            err = tsn_store_delete(st, &tsn_table_checkpoint, last.id);
    }
    if (err == TSN_ENOTFOUND)
        err = 0;
    return err ? err : tsn_store_put(st, &tsn_table_checkpoint, &row);
}

tsn_err tsn_store_sealkey(struct tsn_store *st, struct tsn_arena *arena,
                          struct tsn_rec_sealkey *out)
{
    const struct tsn_filter used = {"until_size", TSN_CMP_EQ, NULL, 0};
    const struct tsn_list how = {
        .filters = &used, .nfilters = 1, .order = "epoch", .descending = true, .limit = 1};
    void *rows;
    size_t n;
    tsn_err err = tsn_store_list(st, arena, &tsn_table_sealkey, &how, &rows, &n);

    if (!err && n == 0)
        err = TSN_ENOTFOUND;
    if (!err)
        *out = *(struct tsn_rec_sealkey *)rows;
    return err;
}
