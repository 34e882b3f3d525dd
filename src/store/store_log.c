/* store_log.c - the log: append, chains, head, walk and scan. Store thread.
 *
 * The tree and the chains' last positions are kept in memory and become the truth only with the
 * commit; a savepoint can take back what one op did to them.
 */
#include "store/store_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>
#include <time.h>

#include "core/clock.h"
#include "core/fault.h"
#include "core/id.h"
#include "core/log.h"
#include "core/text.h"

#define SEALED_MAX   ((size_t)64 << 20)
#define RECENT       1000
#define CHAINS_MAX   20000
#define FRONTIER_MAX (8 + TSN_TREE_LEVELS * TSN_HASH_LEN)

/* --- chains in memory --------------------------------------------------------------------- */

static struct tsn_chain_head *cached(struct tsn_store *st, const char *chain)
{
    struct tsn_chain_head *h = st->chains[tsn_store_hash(chain) % TSN_CHAIN_BUCKETS];

    while (h && strcmp(h->chain, chain) != 0)
        h = h->next;
    return h;
}

/* The stored end must be what the log says: an entry put behind a wrong one breaks the chain. */
static tsn_err check_end(struct tsn_store *st, const struct tsn_chain_head *h)
{
    tsn_err err;
    sqlite3_stmt *s = tsn_sql(st, "SELECT leaf FROM entry WHERE seq = ?1", &err);
    int rc;

    if (!s)
        return err;
    sqlite3_bind_int64(s, 1, h->seq);
    rc = sqlite3_step(s);
    if (rc == SQLITE_ROW)
        err = sqlite3_column_bytes(s, 0) == TSN_HASH_LEN &&
                      memcmp(sqlite3_column_blob(s, 0), h->leaf, TSN_HASH_LEN) == 0
                  ? 0
                  : TSN_ETAMPERED;
    else
        err = rc == SQLITE_DONE ? TSN_ETAMPERED : tsn_sql_err(st, rc);
    sqlite3_reset(s);
    return err;
}

static tsn_err load_chain(struct tsn_store *st, struct tsn_chain_head *h)
{
    tsn_err err;
    sqlite3_stmt *s = tsn_sql(st, "SELECT seq, rseq, leaf FROM chain WHERE chain = ?1", &err);
    int rc;

    if (!s)
        return err;
    h->seq = h->rseq = -1;
    sqlite3_bind_text(s, 1, h->chain, -1, SQLITE_STATIC);
    rc = sqlite3_step(s);
    if (rc == SQLITE_ROW) {
        h->seq = sqlite3_column_int64(s, 0);
        h->rseq = sqlite3_column_int64(s, 1);
        if (sqlite3_column_bytes(s, 2) == TSN_HASH_LEN)
            memcpy(h->leaf, sqlite3_column_blob(s, 2), TSN_HASH_LEN);
    } else {
        err = tsn_sql_err(st, rc);
    }
    sqlite3_reset(s);
    if (!err && rc == SQLITE_ROW)
        err = check_end(st, h);
    return err;
}

static tsn_err chain_head(struct tsn_store *st, const char *chain, struct tsn_chain_head **out)
{
    struct tsn_chain_head *h = cached(st, chain), **slot;
    tsn_err err;

    *out = h;
    if (h)
        return 0;
    h = tsn_alloc(sizeof(*h));
    h->chain = tsn_strdup(chain);
    err = load_chain(st, h);
    if (err) {
        free(h->chain);
        free(h);
        return err;
    }
    slot = &st->chains[tsn_store_hash(chain) % TSN_CHAIN_BUCKETS];
    h->next = *slot;
    *slot = h;
    st->nchains++;
    *out = h;
    return 0;
}

static void remember(struct tsn_store *st, struct tsn_chain_head *h)
{
    struct tsn_chain_undo *u;

    if (!st->in_savepoint)
        return;
    if (st->nundo == st->undo_cap) {
        st->undo_cap = st->undo_cap ? st->undo_cap * 2 : 16;
        st->undo = tsn_realloc(st->undo, st->undo_cap * sizeof(*st->undo));
    }
    u = &st->undo[st->nundo++];
    u->head = h;
    u->seq = h->seq;
    u->rseq = h->rseq;
    u->dirty = h->dirty;
    memcpy(u->leaf, h->leaf, TSN_HASH_LEN);
}

void tsn_log_save(struct tsn_store *st)
{
    st->tree_saved = st->tree;
    st->nundo = 0;
    st->in_savepoint = true;
}

void tsn_log_restore(struct tsn_store *st)
{
    st->tree = st->tree_saved;
    while (st->nundo > 0) {
        struct tsn_chain_undo *u = &st->undo[--st->nundo];

        u->head->seq = u->seq;
        u->head->rseq = u->rseq;
        u->head->dirty = u->dirty;
        memcpy(u->head->leaf, u->leaf, TSN_HASH_LEN);
    }
    st->in_savepoint = false;
}

static void forget_chains(struct tsn_store *st)
{
    for (size_t i = 0; i < TSN_CHAIN_BUCKETS; i++) {
        struct tsn_chain_head *h = st->chains[i], *next;

        for (; h; h = next) {
            next = h->next;
            free(h->chain);
            free(h);
        }
        st->chains[i] = NULL;
    }
    st->nchains = 0;
    st->nundo = 0;
}

void tsn_log_settled(struct tsn_store *st)
{
    st->in_savepoint = false;
    /* All is written back after a commit, so the cache can be dropped at any size. */
    if (st->nchains > CHAINS_MAX)
        forget_chains(st);
}

void tsn_log_free(struct tsn_store *st)
{
    forget_chains(st);
    st->in_savepoint = false;
    st->head_dirty = false;
    tsn_buf_free(&st->text);
    tsn_buf_free(&st->blob);
}

static tsn_err flush_chain(struct tsn_store *st, struct tsn_chain_head *h)
{
    tsn_err err;
    sqlite3_stmt *s = tsn_sql(
        st, "INSERT OR REPLACE INTO chain (chain, leaf, seq, rseq) VALUES (?1, ?2, ?3, ?4)",
        &err);

    if (!s)
        return err;
    sqlite3_bind_text(s, 1, h->chain, -1, SQLITE_STATIC);
    sqlite3_bind_blob(s, 2, h->leaf, TSN_HASH_LEN, SQLITE_STATIC);
    sqlite3_bind_int64(s, 3, h->seq);
    sqlite3_bind_int64(s, 4, h->rseq);
    err = tsn_sql_done(st, s);
    if (!err)
        h->dirty = false;
    return err;
}

tsn_err tsn_log_flush(struct tsn_store *st)
{
    uint8_t frontier[FRONTIER_MAX], root[TSN_HASH_LEN];
    sqlite3_stmt *s;
    tsn_err err = 0;

    if (!st->head_dirty)
        return 0;
    for (size_t i = 0; i < TSN_CHAIN_BUCKETS && !err; i++) {
        for (struct tsn_chain_head *h = st->chains[i]; h && !err; h = h->next) {
            if (h->dirty)
                err = flush_chain(st, h);
        }
    }
    if (err)
        return err;
    tsn_tree_root(&st->tree, root);
    s = tsn_sql(st, "INSERT OR REPLACE INTO head (id, frontier, root) VALUES (1, ?1, ?2)",
                &err);
    if (!s)
        return err;
    sqlite3_bind_blob(s, 1, frontier, (int)tsn_tree_pack(&st->tree, frontier, sizeof(frontier)),
                      SQLITE_STATIC);
    sqlite3_bind_blob(s, 2, root, TSN_HASH_LEN, SQLITE_STATIC);
    err = tsn_sql_done(st, s);
    if (!err)
        st->head_dirty = false;
    return err;
}

/* --- appending ------------------------------------------------------------------------------ */

/* Kernel's opinion of the wall clock, renewed at most once a second. */
static const char *clock_text(struct tsn_store *st)
{
    struct timex tx = {.modes = 0};
    int64_t now = tsn_clock_mono_ms();
    int state;

    if (!st->clock[0] || now - st->clock_at >= 1000 || now < st->clock_at) {
        state = adjtimex(&tx);
        st->clock_at = now;
        snprintf(st->clock, sizeof(st->clock), "%c,%ld,%s",
                 state >= 0 && state != TIME_ERROR && !(tx.status & STA_UNSYNC) ? 's' : 'u',
                 state >= 0 ? tx.maxerror : 0L, st->boot);
    }
    return st->clock;
}

static void fill_entry(struct tsn_store *st, const struct tsn_append *in, struct tsn_entry *e)
{
    tsn_entry_init(e);
    e->seq = (int64_t)st->tree.size;
    e->time_ms = tsn_clock_wall_ms();
    e->node = st->node;
    e->kind = in->kind;
    e->actor = in->actor;
    e->auth = in->auth ? in->auth : "none";
    e->case_id = in->case_id;
    e->run = in->run;
    e->ref = in->ref;
    e->playbook = in->playbook;
    e->step = in->step;
    e->attempt = in->attempt > 0 ? in->attempt : -1;
    e->idem = in->idem;
    e->outcome = in->outcome;
    e->reason = in->reason;
    e->from = in->from;
    e->to = in->to;
    e->tlp = in->tlp;
    e->ret = in->ret;
    if (in->rlast) {
        e->rlen = in->rlen;
        e->rlast = in->rlast;
    }
}

static tsn_err insert(struct tsn_store *st, int64_t seq, int64_t prev,
                      const struct tsn_buf *text, const uint8_t *leaf,
                      const struct tsn_buf *blob)
{
    tsn_err err;
    sqlite3_stmt *s = tsn_sql(
        st, "INSERT INTO entry (seq, prev, text, leaf, sealed) VALUES (?1, ?2, ?3, ?4, ?5)",
        &err);

    if (!s)
        return err;
    sqlite3_bind_int64(s, 1, seq);
    sqlite3_bind_int64(s, 2, prev);
    sqlite3_bind_text(s, 3, text->data, (int)text->len, SQLITE_STATIC);
    sqlite3_bind_blob(s, 4, leaf, TSN_HASH_LEN, SQLITE_STATIC);
    if (blob->len > 0)
        sqlite3_bind_blob64(s, 5, blob->data, blob->len, SQLITE_STATIC);
    return tsn_sql_done(st, s);
}

#ifdef TOCSIN_MUTANT
/* tests/audit/mutant.c: as if the call that writes this entry were not in the source. */
bool tsn_mutated(const char *kind);
#endif

static void put_chain(char out[64], const char *kind, const char *id)
{
    size_t n = strlen(kind);

    (void)tsn_copy(out, 64, kind);
    (void)tsn_copy(out + n, 64 - n, id);
}

/* For the next entry; what a large payload took is given back. */
static void clear(struct tsn_buf *b)
{
    if (b->cap > 64 * 1024)
        tsn_buf_free(b);
    tsn_buf_clear(b);
}

tsn_err tsn_store_append(struct tsn_store *st, const struct tsn_append *in, int64_t *seq_out)
{
    char chain[64], id[TSN_ULID_LEN + 1], clock[96];
    struct tsn_chain_head *head;
    struct tsn_buf *text = &st->text, *blob = &st->blob;
    struct tsn_entry e;
    struct tsn_diag diag;
    uint8_t leaf[TSN_HASH_LEN];
    struct timespec boot;
    const uint8_t *key;
    tsn_err err;

    if (st->dead || st->read_only)
        return st->dead ? TSN_ECLOSED : TSN_EDENIED;
#ifdef TOCSIN_MUTANT
    if (tsn_mutated(in->kind)) {
        if (seq_out)
            *seq_out = (int64_t)st->tree.size - 1;
        return 0;
    }
#endif
    tsn_fault("store.append");
    tsn_diag_init(&diag);
    if (in->run && !in->case_chain)
        put_chain(chain, "run:", in->run);
    else if (in->case_id)
        put_chain(chain, "case:", in->case_id);
    else
        put_chain(chain, "sys", "");
    err = tsn_fault_err("store.write");
    if (err) {
        (void)tsn_store_die(st, err);
        goto out;
    }
    err = chain_head(st, chain, &head);
    if (err)
        goto out;
    fill_entry(st, in, &e);
    tsn_id_new(id);
    clock_gettime(CLOCK_BOOTTIME, &boot);
    snprintf(clock, sizeof(clock), "%s,%lld", clock_text(st),
             (long long)boot.tv_sec * 1000000000 + boot.tv_nsec);
    e.id = id;
    e.clock = clock;
    e.chain = chain;
    e.rseq = head->rseq + 1;
    if (head->rseq >= 0)
        memcpy(e.rprev, head->leaf, TSN_HASH_LEN);
    if (in->nfields > 0) {
        key = tsn_key_of(st, in->case_id ? in->case_id : "", &err);
        if (!key && !err)
            err = TSN_EDENIED;
        if (!err)
            err = tsn_payload_seal(&e, blob, key, in->fields, in->nfields);
        if (err)
            goto out;
    }
    err = tsn_entry_print(text, &e, &diag);
    if (err) {
        /* A value that cannot stand in an entry is our bug: every caller must give short codes. */
        tsn_log(TSN_LOG_ERROR, "store.entry_refused", "kind", in->kind, "why", diag.what, NULL);
        goto out;
    }
    tsn_entry_leaf(leaf, text->data, text->len);
    err = insert(st, e.seq, head->seq, text, leaf, blob);
    if (!err)
        err = tsn_log_keep_nodes(st, leaf);
    if (err)
        goto out;
    remember(st, head);
    head->seq = e.seq;
    head->rseq = e.rseq;
    head->dirty = true;
    memcpy(head->leaf, leaf, TSN_HASH_LEN);
    tsn_tree_append(&st->tree, leaf);
    st->head_dirty = true;
    st->batch_bytes += text->len + blob->len;
    st->last_ms = e.time_ms;
    if (seq_out)
        *seq_out = e.seq;
out:
    clear(text);
    clear(blob);
    return err;
}

int64_t tsn_store_last_ms(const struct tsn_store *st)
{
    return st->last_ms;
}

/* --- reading -------------------------------------------------------------------------------- */

static tsn_err take_row(struct tsn_arena *arena, sqlite3_stmt *s, struct tsn_logged *out)
{
    size_t text_len = (size_t)sqlite3_column_bytes(s, 1);
    const void *leaf = sqlite3_column_blob(s, 2), *sealed;

    memset(out, 0, sizeof(*out));
    out->prev = sqlite3_column_int64(s, 0);
    out->text = tsn_arena_memdup(arena, sqlite3_column_text(s, 1), text_len);
    out->text_len = text_len;
    if (!leaf || sqlite3_column_bytes(s, 2) != TSN_HASH_LEN)
        return TSN_ETAMPERED;
    memcpy(out->leaf, leaf, TSN_HASH_LEN);
    sealed = sqlite3_column_blob(s, 3);
    if (sealed) {
        out->blob.len = (size_t)sqlite3_column_bytes(s, 3);
        out->blob.data = tsn_arena_memdup(arena, sealed, out->blob.len);
    }
    return tsn_entry_parse(arena, out->text, out->text_len, &out->entry, NULL) ? TSN_ETAMPERED
                                                                               : 0;
}

tsn_err tsn_store_entry(struct tsn_store *st, struct tsn_arena *arena, int64_t seq,
                        struct tsn_logged *out)
{
    tsn_err err;
    sqlite3_stmt *s =
        tsn_sql(st, "SELECT prev, text, leaf, sealed FROM entry WHERE seq = ?1", &err);
    int rc;

    if (!s)
        return err;
    sqlite3_bind_int64(s, 1, seq);
    rc = sqlite3_step(s);
    if (rc == SQLITE_ROW)
        err = take_row(arena, s, out);
    else
        err = rc == SQLITE_DONE ? TSN_ENOTFOUND : tsn_sql_err(st, rc);
    sqlite3_reset(s);
    return !err && tsn_view_hides(st, out->entry.case_id) ? TSN_ENOTFOUND : err;
}

tsn_err tsn_store_chain(struct tsn_store *st, const char *chain, int64_t *seq, int64_t *rseq,
                        uint8_t leaf[TSN_HASH_LEN])
{
    struct tsn_chain_head *h;
    tsn_err err;

    /* Another connection writes: what a reader remembers would grow old. */
    if (st->read_only)
        forget_chains(st);
    err = chain_head(st, chain, &h);
    if (err)
        return err;
    if (h->rseq < 0)
        return TSN_ENOTFOUND;
    if (seq)
        *seq = h->seq;
    if (rseq)
        *rseq = h->rseq;
    if (leaf)
        memcpy(leaf, h->leaf, TSN_HASH_LEN);
    return 0;
}

tsn_err tsn_store_walk(struct tsn_store *st, struct tsn_arena *arena, const char *chain,
                       size_t limit, struct tsn_logged **out, size_t *n_out)
{
    int64_t seq, rseq;
    struct tsn_logged *list;
    size_t n;
    tsn_err err = tsn_store_chain(st, chain, &seq, &rseq, NULL);

    *out = NULL;
    *n_out = 0;
    if (err == TSN_ENOTFOUND)
        return 0;
    if (err)
        return err;
    n = (size_t)rseq + 1;
    if (limit && n > limit)
        n = limit;
    list = tsn_arena_alloc(arena, n * sizeof(*list));
    for (size_t i = n; i > 0; i--) {
        struct tsn_logged *e = &list[i - 1];

        err = tsn_store_entry(st, arena, seq, e);
        if (err == TSN_ENOTFOUND && st->view)
            return TSN_ENOTFOUND; /* a hidden case has no chain */
        if (err == TSN_ENOTFOUND)
            err = TSN_ETAMPERED;
        if (err)
            return err;
        /* `prev` is beside the text, not in it: the text decides. */
        if (e->entry.seq != seq || e->entry.rseq != rseq-- ||
            strcmp(e->entry.chain, chain) != 0)
            return TSN_ETAMPERED;
        seq = e->prev;
    }
    *out = list;
    *n_out = n;
    return 0;
}

tsn_err tsn_store_open_field(struct tsn_store *st, struct tsn_arena *arena,
                             const struct tsn_logged *e, const char *field, const char **out,
                             size_t *len)
{
    struct tsn_buf plain;
    const uint8_t *key;
    tsn_err err;

    if (e->blob.len == 0)
        return TSN_ENOTFOUND;
    key = tsn_key_of(st, e->entry.case_id ? e->entry.case_id : "", &err);
    if (!key)
        return err ? err : TSN_ENOTFOUND;
    tsn_buf_init(&plain, SEALED_MAX);
    err = tsn_payload_open(&e->entry, e->blob.data, e->blob.len, key, field, &plain);
    if (!err) {
        *out = tsn_arena_strndup(arena, plain.data ? plain.data : "", plain.len);
        if (len)
            *len = plain.len;
    }
    tsn_buf_free(&plain);
    return err;
}

/* The id of the `case` line, which stands before any commitment. */
static const char *case_of(const char *text, size_t len, char out[TSN_ULID_LEN + 1])
{
    const char *at = memmem(text, len, "\ncase ", 6);

    out[0] = '\0';
    if (at && (size_t)(text + len - at) > 6 + TSN_ULID_LEN) {
        memcpy(out, at + 6, TSN_ULID_LEN);
        out[TSN_ULID_LEN] = '\0';
    }
    return out;
}

tsn_err tsn_log_scan(struct tsn_store *st, int64_t from, tsn_log_scan_fn *fn, void *user)
{
    tsn_err err;
    sqlite3_stmt *s = tsn_sql(
        st, "SELECT seq, prev, text, leaf, sealed FROM entry WHERE seq >= ?1 ORDER BY seq",
        &err);
    int rc = SQLITE_DONE;

    if (!s)
        return err;
    sqlite3_bind_int64(s, 1, from);
    while (!err && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(s, 2);
        size_t len = (size_t)sqlite3_column_bytes(s, 2);
        const void *leaf = sqlite3_column_blob(s, 3);
        struct tsn_blob blob = {sqlite3_column_blob(s, 4), (size_t)sqlite3_column_bytes(s, 4)};
        static const uint8_t no_leaf[TSN_HASH_LEN];
        char id[TSN_ULID_LEN + 1];
        const uint8_t *key = NULL;
        tsn_err ignored;

        if (sqlite3_column_bytes(s, 3) != TSN_HASH_LEN)
            leaf = no_leaf; /* matches no text: found as such */
        if (blob.len > 0)
            key = tsn_key_of(st, case_of(text ? text : "", len, id), &ignored);
        err = fn(sqlite3_column_int64(s, 0), sqlite3_column_int64(s, 1), text ? text : "", len,
                 leaf, &blob, key, user);
    }
    if (!err)
        err = tsn_sql_err(st, rc);
    sqlite3_reset(s);
    return err;
}

struct plain_scan {
    tsn_store_scan_fn *fn;
    void *user;
};

static tsn_err without_prev(int64_t seq, int64_t prev, const char *text, size_t len,
                            const uint8_t *leaf, const struct tsn_blob *blob,
                            const uint8_t *key, void *user)
{
    const struct plain_scan *p = user;

    (void)prev;
    return p->fn(seq, text, len, leaf, blob, key, p->user);
}

tsn_err tsn_store_scan(struct tsn_store *st, int64_t from, tsn_store_scan_fn *fn, void *user)
{
    struct plain_scan p = {fn, user};

    return tsn_log_scan(st, from, without_prev, &p);
}

static tsn_err read_head(struct tsn_store *st, struct tsn_tree *tree,
                         uint8_t root[TSN_HASH_LEN])
{
    tsn_err err;
    sqlite3_stmt *s;
    int rc;

    tsn_tree_init(tree);
    tsn_tree_root(tree, root);
    s = tsn_sql(st, "SELECT frontier, root FROM head WHERE id = 1", &err);
    if (!s)
        return err;
    rc = sqlite3_step(s);
    if (rc == SQLITE_ROW) {
        if (sqlite3_column_bytes(s, 1) != TSN_HASH_LEN ||
            tsn_tree_unpack(tree, sqlite3_column_blob(s, 0),
                            (size_t)sqlite3_column_bytes(s, 0)) != 0)
            err = TSN_ETAMPERED;
        else
            memcpy(root, sqlite3_column_blob(s, 1), TSN_HASH_LEN);
    } else {
        err = tsn_sql_err(st, rc);
    }
    sqlite3_reset(s);
    return err;
}

tsn_err tsn_store_stored_head(struct tsn_store *st, uint64_t *size, uint8_t root[TSN_HASH_LEN])
{
    struct tsn_tree tree;
    tsn_err err = read_head(st, &tree, root);

    if (!err)
        *size = tree.size;
    return err;
}

void tsn_store_head(struct tsn_store *st, struct tsn_tree *out)
{
    uint8_t root[TSN_HASH_LEN];

    /* Another connection writes: the file is the truth for a reader. */
    if (!st->read_only || read_head(st, out, root) != 0)
        *out = st->tree;
}

/* --- at start -------------------------------------------------------------------------------- */

static tsn_err tampered(struct tsn_store *st, struct tsn_diag *diag, int64_t seq,
                        const char *why)
{
    tsn_diag_at(diag, st->path, 0, 0);
    tsn_diag_hint(diag, "keep the file, it is evidence; run: tocsin audit verify %.200s",
                  st->path);
    return tsn_diag_set(diag, TSN_ETAMPERED, "S014", "the log does not verify: %s (entry %lld)",
                        why, (long long)seq);
}

struct recent {
    int64_t next, bad;
    struct tsn_tree part; /* over the block being read */
    const struct tsn_tree *tree;
    int64_t block_end; /* where it ends; its root is node[level] of the frontier */
    int level;
};

/* The frontier's nodes from the top cover the log from its start: find the block at `next`. */
static void enter_block(struct recent *r)
{
    uint64_t at = 0;

    r->level = -1;
    tsn_tree_init(&r->part);
    for (int level = TSN_TREE_LEVELS - 1; level >= 0; level--) {
        if (!((r->tree->size >> level) & 1))
            continue;
        if (at == (uint64_t)r->next) {
            r->level = level;
            r->block_end = (int64_t)(at + ((uint64_t)1 << level));
            return;
        }
        at += (uint64_t)1 << level;
    }
}

static tsn_err check_recent(int64_t seq, const char *text, size_t len, const uint8_t *leaf,
                            const struct tsn_blob *blob, const uint8_t *key, void *user)
{
    struct recent *r = user;
    uint8_t now[TSN_HASH_LEN];

    (void)blob;
    (void)key;
    if (r->level < 0)
        enter_block(r);
    tsn_entry_leaf(now, text, len);
    r->bad = seq;
    if (seq != r->next++ || memcmp(leaf, now, TSN_HASH_LEN) != 0)
        return TSN_ETAMPERED;
    if (r->level >= 0) {
        tsn_tree_append(&r->part, now);
        if (r->next == r->block_end) {
            tsn_tree_root(&r->part, now);
            if (memcmp(now, r->tree->node[r->level], TSN_HASH_LEN) != 0)
                return TSN_ETAMPERED;
            r->level = -1;
        }
    }
    r->bad = -1;
    return 0;
}

tsn_err tsn_log_load(struct tsn_store *st, struct tsn_diag *diag)
{
    uint8_t root[TSN_HASH_LEN], computed[TSN_HASH_LEN];
    struct recent r = {.bad = -1, .tree = &st->tree, .level = -1};
    uint64_t size;
    tsn_err err;

    tsn_buf_init(&st->text, TSN_ENTRY_MAX);
    tsn_buf_init(&st->blob, SEALED_MAX);
    err = read_head(st, &st->tree, root);
    /* A reader opens beside a writer, or to find out what is wrong with the file. */
    if (st->read_only)
        return 0;
    if (err)
        return tampered(st, diag, 0, "its head cannot be read");
    size = st->tree.size;
    tsn_tree_root(&st->tree, computed);
    if (memcmp(root, computed, TSN_HASH_LEN) != 0)
        return tampered(st, diag, (int64_t)size, "the root of its head is wrong");
    r.next = size > RECENT ? (int64_t)size - RECENT : 0;
    err = tsn_store_scan(st, r.next, check_recent, &r);
    if (err == TSN_ETAMPERED && r.bad >= 0)
        return tampered(st, diag, r.bad, "an entry was changed");
    if (err)
        return tsn_diag_set(diag, err, "S011", "cannot read the log: %s", tsn_err_text(err));
    if ((uint64_t)r.next != size)
        return tampered(st, diag, r.next, "entries are missing or too many");
    return 0;
}
