/* bundle_out.c - see bundle_out.h. Store thread. Owns the list of files while it writes. */
#include "store/bundle_out.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "core/text.h"
#include "store/proof_store.h"
#include "store/record_log.h"
#include "store/store_int.h"

#define FILE_MAX_BYTES ((size_t)1 << 30)
#define LEVELS         8

struct file {
    char *path;
    uint8_t hash[TSN_HASH_LEN];
};

struct writer {
    struct tsn_store *st;
    const struct tsn_bundle_order *order;
    const struct tsn_bundle_sink *sink;
    struct tsn_bundle_head head;
    struct tsn_bundle_done *done;
    const char *note;
    struct file *files;
    size_t nfiles, cap;
    struct tsn_buf openings, page, out;
    struct tsn_arena *arena;
    /* tiles: rows of hashes that are not full yet, and the bundle of entries */
    uint8_t rows[LEVELS][TSN_TILE_WIDTH][TSN_HASH_LEN];
    size_t width[LEVELS];
    uint64_t full[LEVELS];
    struct tsn_buf texts;
    uint64_t count;
};

static tsn_err put(struct writer *w, const char *path, const void *p, size_t n)
{
    if (w->nfiles == w->cap) {
        w->cap = w->cap ? w->cap * 2 : 64;
        w->files = tsn_realloc(w->files, w->cap * sizeof(*w->files));
    }
    w->files[w->nfiles].path = tsn_strdup(path);
    tsn_sha256_once(w->files[w->nfiles++].hash, p, n);
    return w->sink->put(path, p, n, w->sink->user);
}

static tsn_err put_buf(struct writer *w, const char *path, const struct tsn_buf *b)
{
    return b->err ? b->err : put(w, path, b->data ? b->data : "", b->len);
}

/* For the reader page. */
#define GONE "What this entry commits to does not stand beside it any more."

/* --- what is opened ------------------------------------------------------------------------- */

static tsn_err open_fields(struct writer *w, const struct tsn_entry *e,
                           const struct tsn_blob *blob, const uint8_t *key)
{
    struct tsn_payload_box box;
    struct tsn_buf salted;
    size_t at = 0;
    tsn_err err = 0;

    if (blob->len == 0 && e->ncommits > 0) {
        if (w->order->scope != TSN_BUNDLE_ALL)
            tsn_bundle_page_opening(&w->page, "gone", GONE, sizeof(GONE) - 1);
        return tsn_opening_print_gone(&w->openings, e->seq);
    }
    if (!key || blob->len == 0 || !w->order->may_open || !w->order->may_open(e, w->order->user))
        return 0;
    tsn_buf_init(&salted, FILE_MAX_BYTES);
    /* The order of the boxes is that of the commitments. */
    for (size_t i = 0; !err && i < e->ncommits; i++) {
        if (tsn_payload_next(blob->data, blob->len, &at, &box) != 0)
            break;
        tsn_buf_clear(&salted);
        err = tsn_payload_open_salted(e, &e->commits[i], &box, key, &salted);
        if (!err)
            err = tsn_opening_print(&w->openings, e->seq, box.name, &salted);
        if (!err && w->order->scope != TSN_BUNDLE_ALL)
            tsn_bundle_page_opening(&w->page, box.name, salted.data + TSN_SALT_LEN,
                                    salted.len - TSN_SALT_LEN);
        w->done->openings += !err;
    }
    if (salted.len)
        tsn_wipe(salted.data, salted.len);
    tsn_buf_free(&salted);
    return err;
}

/* --- single entries with proofs ---------------------------------------------------------------- */

static int by_seq(const void *a, const void *b)
{
    int64_t x = ((const struct tsn_logged *)a)->entry.seq,
            y = ((const struct tsn_logged *)b)->entry.seq;

    return (x > y) - (x < y);
}

struct gather {
    struct tsn_logged *list;
    size_t n, cap;
};

static void gather(struct gather *g, const struct tsn_logged *list, size_t n, int64_t to)
{
    for (size_t i = 0; i < n; i++) {
        if (to >= 0 && list[i].entry.seq > to)
            break;
        if (g->n == g->cap) {
            g->cap = g->cap ? g->cap * 2 : 64;
            g->list = tsn_realloc(g->list, g->cap * sizeof(*g->list));
        }
        g->list[g->n++] = list[i];
    }
}

tsn_err tsn_bundle_case(struct tsn_store *st, struct tsn_arena *arena, const char *case_id,
                        int64_t to, struct tsn_logged **out, size_t *n_out)
{
    const char *chain = tsn_arena_printf(arena, "case:%s", case_id);
    struct gather g = {NULL, 0, 0};
    struct tsn_logged *list, *runs;
    size_t n, m;
    tsn_err err = tsn_store_walk(st, arena, chain, 0, &list, &n);

    if (!err)
        gather(&g, list, n, to);
    n = g.n;
    for (size_t i = 0; !err && i < n; i++) {
        if (strcmp(g.list[i].entry.kind, "run.opened") != 0 || !g.list[i].entry.run)
            continue;
        chain = tsn_arena_printf(arena, "run:%s", g.list[i].entry.run);
        err = tsn_store_walk(st, arena, chain, 0, &runs, &m);
        if (!err)
            gather(&g, runs, m, to);
    }
    if (g.n)
        qsort(g.list, g.n, sizeof(*g.list), by_seq);
    *out = tsn_arena_memdup(arena, g.list ? (void *)g.list : "", g.n * sizeof(*g.list));
    *n_out = err ? 0 : g.n;
    free(g.list);
    return err;
}

void tsn_bundle_root(uint8_t root[TSN_HASH_LEN], const struct tsn_logged *entries, size_t n)
{
    struct tsn_tree tree;

    tsn_tree_init(&tree);
    for (size_t i = 0; i < n; i++)
        tsn_tree_append(&tree, entries[i].leaf);
    tsn_tree_root(&tree, root);
}

static tsn_err put_entry(struct writer *w, const struct tsn_logged *e)
{
    char path[64];
    struct tsn_proof proof;
    tsn_err ignored;
    const uint8_t *key;
    tsn_err err = tsn_store_inclusion(w->st, (uint64_t)e->entry.seq, w->head.size, &proof);

    if (err)
        return err;
    tsn_buf_clear(&w->out);
    err = tsn_tlog_proof_print(&w->out, e->text, e->text_len, (uint64_t)e->entry.seq, &proof,
                               w->note);
    (void)snprintf(path, sizeof(path), "entries/%lld.tlog-proof", (long long)e->entry.seq);
    if (!err)
        err = put_buf(w, path, &w->out);
    tsn_bundle_page_entry(&w->page, &e->entry);
    w->done->entries++;
    w->done->last = e->entry.seq;
    key = w->order->may_open
              ? tsn_key_of(w->st, e->entry.case_id ? e->entry.case_id : "", &ignored)
              : NULL;
    return err ? err : open_fields(w, &e->entry, &e->blob, key);
}

static tsn_err put_case(struct writer *w)
{
    struct tsn_logged *list;
    size_t n;
    int64_t to = w->order->to >= 0 ? w->order->to : (int64_t)w->head.size - 1;
    tsn_err err = tsn_bundle_case(w->st, w->arena, w->order->case_id, to, &list, &n);

    for (size_t i = 0; !err && i < n; i++)
        err = put_entry(w, &list[i]);
    return err;
}

static tsn_err put_range(struct writer *w)
{
    tsn_err err = 0;

    for (int64_t seq = w->order->from; !err && seq <= w->order->to; seq++) {
        struct tsn_arena *a = tsn_arena_new();
        struct tsn_logged e;

        err = tsn_store_entry(w->st, a, seq, &e);
        if (!err)
            err = put_entry(w, &e);
        tsn_arena_destroy(a);
    }
    return err;
}

/* --- the whole log as tiles ----------------------------------------------------------------------- */

static tsn_err put_tile(struct writer *w, int level)
{
    char path[96];
    struct tsn_tree part;
    uint8_t root[TSN_HASH_LEN];
    tsn_err err;

    tsn_tile_path(path, level, w->full[level], (unsigned)w->width[level]);
    err = put(w, path, w->rows[level], w->width[level] * TSN_HASH_LEN);
    if (err || w->width[level] < TSN_TILE_WIDTH || level + 1 == LEVELS)
        return err;
    tsn_tree_init(&part);
    for (size_t i = 0; i < TSN_TILE_WIDTH; i++)
        tsn_tree_append(&part, w->rows[level][i]);
    tsn_tree_root(&part, root);
    w->full[level]++;
    w->width[level] = 0;
    memcpy(w->rows[level + 1][w->width[level + 1]++], root, TSN_HASH_LEN);
    return w->width[level + 1] == TSN_TILE_WIDTH ? put_tile(w, level + 1) : 0;
}

static tsn_err put_texts(struct writer *w, unsigned width)
{
    char path[96];
    tsn_err err;

    tsn_tile_path(path, -1, (w->count - 1) / TSN_TILE_WIDTH, width);
    err = put_buf(w, path, &w->texts);
    tsn_buf_clear(&w->texts);
    return err;
}

static tsn_err add_leaf(int64_t seq, const char *text, size_t len, const uint8_t *leaf,
                        const struct tsn_blob *blob, const uint8_t *key, void *user)
{
    struct writer *w = user;
    struct tsn_entry e;
    struct tsn_arena *a;
    tsn_err err = 0;

    if (w->count == w->head.size)
        return TSN_ECANCELLED; /* behind the checkpoint: the end */
    if ((uint64_t)seq != w->count || len > 0xffff)
        return TSN_ETAMPERED;
    (void)tsn_buf_putc(&w->texts, (char)(len >> 8));
    (void)tsn_buf_putc(&w->texts, (char)(len & 0xff));
    (void)tsn_buf_put(&w->texts, text, len);
    memcpy(w->rows[0][w->width[0]++], leaf, TSN_HASH_LEN);
    w->count++;
    w->done->entries++;
    w->done->last = seq;
    if (blob->len == 0 ? memmem(text, len, "\nc.", 3) != NULL : w->order->may_open && key) {
        a = tsn_arena_new();
        err = tsn_entry_parse(a, text, len, &e, NULL);
        if (!err)
            err = open_fields(w, &e, blob, key);
        tsn_arena_destroy(a);
    }
    if (!err && w->width[0] == TSN_TILE_WIDTH) {
        err = put_texts(w, TSN_TILE_WIDTH);
        if (!err)
            err = put_tile(w, 0);
    }
    return err;
}

static tsn_err put_all(struct writer *w)
{
    tsn_err err = tsn_store_scan(w->st, 0, add_leaf, w);

    if (err == TSN_ECANCELLED)
        err = 0;
    if (!err && w->count != w->head.size)
        err = TSN_ENOTFOUND;
    if (!err && w->width[0] > 0)
        err = put_texts(w, (unsigned)w->width[0]);
    for (int level = 0; !err && level < LEVELS; level++)
        if (w->width[level] > 0)
            err = put_tile(w, level);
    return err;
}

/* --- that it continues what was handed out before ---------------------------------------------------- */

#define EARLIER_MAX 256 /* newest; under 2 KiB each. Who has an older one names it */

/* Sizes of checkpoints that were handed out and the one that is asked for, rising. */
static tsn_err earlier_sizes(struct writer *w, uint64_t sizes[EARLIER_MAX + 1], size_t *n)
{
    tsn_err err;
    sqlite3_stmt *q =
        tsn_sql(w->st,
                "SELECT size FROM (SELECT size FROM checkpoint WHERE kept = 2 AND "
                "size > 0 AND size < ?1 ORDER BY size DESC LIMIT ?3) UNION "
                "SELECT ?2 WHERE ?2 > 0 AND ?2 < ?1 ORDER BY 1",
                &err);
    int rc = SQLITE_DONE;

    *n = 0;
    if (!q)
        return err;
    sqlite3_bind_int64(q, 1, (sqlite3_int64)w->head.size);
    sqlite3_bind_int64(q, 2, (sqlite3_int64)w->order->since);
    sqlite3_bind_int(q, 3, EARLIER_MAX);
    while (*n <= EARLIER_MAX && (rc = sqlite3_step(q)) == SQLITE_ROW)
        sizes[(*n)++] = (uint64_t)sqlite3_column_int64(q, 0);
    sqlite3_reset(q);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : tsn_sql_err(w->st, rc);
}

/* A whole log shows it by itself. */
static tsn_err put_consistency(struct writer *w)
{
    uint64_t sizes[EARLIER_MAX + 1];
    struct tsn_earlier e;
    size_t n;
    tsn_err err = w->head.scope == TSN_BUNDLE_ALL ? 0 : earlier_sizes(w, sizes, &n);

    if (err || w->head.scope == TSN_BUNDLE_ALL || n == 0)
        return err;
    tsn_buf_clear(&w->out);
    for (size_t i = 0; !err && i < n; i++) {
        e.size = sizes[i];
        err = tsn_store_root_at(w->st, e.size, e.root);
        if (!err)
            err = tsn_store_consistency(w->st, e.size, w->head.size, &e.proof);
        if (!err)
            err = tsn_earlier_print(&w->out, &e);
    }
    return err ? err : put_buf(w, "consistency", &w->out);
}

/* --- the whole -------------------------------------------------------------------------------------- */

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct file *)a)->path, ((const struct file *)b)->path);
}

static tsn_err put_policy(struct writer *w)
{
    const struct tsn_list how = {.limit = 1000};
    struct tsn_rec_sealkey *rows;
    void *list;
    size_t n;
    tsn_err err = tsn_store_list(w->st, w->arena, &tsn_table_sealkey, &how, &list, &n);

    rows = list;
    tsn_buf_clear(&w->out);
    (void)tsn_buf_puts(&w->out, "# what whoever made this bundle says; take keys you trust\n");
    for (size_t i = 0; !err && i < n; i++)
        if (strcmp(rows[i].origin ? rows[i].origin : "", w->head.origin) == 0)
            (void)tsn_buf_printf(&w->out, "log %s\n", rows[i].key);
    (void)tsn_buf_puts(&w->out, "quorum none\n");
    return err ? err : put_buf(w, "policy", &w->out);
}

static tsn_err put_manifest(struct writer *w)
{
    char hex[2 * TSN_HASH_LEN + 1];
    tsn_err err;

    tsn_buf_clear(&w->out);
    err = tsn_bundle_head_print(&w->out, &w->head);
    qsort(w->files, w->nfiles, sizeof(*w->files), by_path);
    for (size_t i = 0; i < w->nfiles; i++) {
        tsn_hex(hex, w->files[i].hash, TSN_HASH_LEN);
        (void)tsn_buf_printf(&w->out, "sha256 %s %s\n", hex, w->files[i].path);
    }
    if (!err)
        err = w->out.err;
    return err ? err : w->sink->put("manifest", w->out.data, w->out.len, w->sink->user);
}

static tsn_err put_rest(struct writer *w)
{
    tsn_err err = put_buf(w, "openings", &w->openings);

    tsn_bundle_page_end(&w->page);
    if (!err)
        err = put_buf(w, "index.html", &w->page);
    if (!err)
        err = put(w, "checkpoint", w->note, strlen(w->note));
    if (!err)
        err = put_consistency(w);
    if (!err)
        err = put_policy(w);
    if (!err)
        err = put(w, "verify.py", w->order->script, w->order->script_len);
    if (!err) {
        tsn_buf_clear(&w->out);
        tsn_bundle_readme(&w->out, &w->head);
        err = put_buf(w, "README.txt", &w->out);
    }
    return err ? err : put_manifest(w);
}

/* What the recipient holds must be an earlier state of this log. */
static tsn_err check_since(struct writer *w, struct tsn_diag *diag)
{
    const struct tsn_bundle_order *o = w->order;
    uint8_t root[TSN_HASH_LEN];
    tsn_err err;

    if (o->since == 0)
        return 0;
    if (o->since > w->head.size)
        return tsn_diag_set(
            diag, TSN_ETAMPERED, "V115",
            "the recipient has a checkpoint of %llu entries, and this log's last "
            "one has %llu",
            (unsigned long long)o->since, (unsigned long long)w->head.size);
    err = tsn_store_root_at(w->st, o->since, root);
    if (!err && o->since_root && memcmp(root, o->since_root, TSN_HASH_LEN) != 0)
        err = tsn_diag_set(
            diag, TSN_ETAMPERED, "V115",
            "the recipient's checkpoint of %llu entries is of another log: its root "
            "is not the one that this log had",
            (unsigned long long)o->since);
    return err;
}

/* Head and note from the checkpoint; it must reach as far as what is asked for. */
static tsn_err take_checkpoint(struct writer *w, struct tsn_diag *diag)
{
    const struct tsn_bundle_order *o = w->order;
    struct tsn_rec_checkpoint row;
    struct tsn_checkpoint c;
    struct tsn_note note;
    tsn_err err = 0;

    w->note = o->note;
    if (!w->note) {
        err = tsn_store_checkpoint(w->st, w->arena, &row);
        w->note = err ? NULL : row.note;
    }
    if (err == TSN_ENOTFOUND)
        return tsn_diag_set(diag, err, "V105", "this log has no checkpoint yet");
    if (err)
        return err;
    if (!w->note || tsn_note_parse(&note, w->note, strlen(w->note)) != 0 ||
        tsn_checkpoint_parse(&c, note.text, note.len) != 0)
        return tsn_diag_set(diag, TSN_ETAMPERED, "V015", "the checkpoint is damaged");
    w->head.scope = o->scope;
    w->head.size = c.size;
    (void)snprintf(w->head.origin, sizeof(w->head.origin), "%.*s", (int)c.origin_len, c.origin);
    (void)tsn_copy(w->head.case_id, sizeof(w->head.case_id), o->case_id ? o->case_id : "");
    w->head.from = o->from;
    w->head.to = o->to;
    w->done->size = c.size;
    if (o->scope != TSN_BUNDLE_ALL && o->to >= (int64_t)c.size)
        return tsn_diag_set(diag, TSN_ENOTFOUND, "V105",
                            "the last checkpoint covers %llu entries, and #%lld is behind it",
                            (unsigned long long)c.size, (long long)o->to);
    return 0;
}

tsn_err tsn_bundle_write(struct tsn_store *st, const struct tsn_bundle_order *order,
                         const struct tsn_bundle_sink *sink, struct tsn_bundle_done *out,
                         struct tsn_diag *diag)
{
    struct writer *w = tsn_alloc(sizeof(*w));
    bool own = sqlite3_get_autocommit(st->db) != 0;
    tsn_err err = own ? tsn_store_begin(st) : 0;

    memset(out, 0, sizeof(*out));
    out->last = -1;
    w->st = st;
    w->order = order;
    w->sink = sink;
    w->done = out;
    w->arena = tsn_arena_new();
    tsn_buf_init(&w->openings, FILE_MAX_BYTES);
    tsn_buf_init(&w->page, FILE_MAX_BYTES);
    tsn_buf_init(&w->out, FILE_MAX_BYTES);
    tsn_buf_init(&w->texts, FILE_MAX_BYTES);
    if (!err)
        err = take_checkpoint(w, diag);
    if (!err)
        err = check_since(w, diag);
    if (!err) {
        tsn_bundle_page_begin(&w->page, &w->head, order->title);
        err = order->scope == TSN_BUNDLE_ALL    ? put_all(w)
              : order->scope == TSN_BUNDLE_CASE ? put_case(w)
                                                : put_range(w);
    }
    if (!err)
        err = put_rest(w);
    out->files = w->nfiles + 1;
    if (own)
        tsn_store_rollback(st);
    for (size_t i = 0; i < w->nfiles; i++)
        free(w->files[i].path);
    free(w->files);
    if (w->openings.len)
        tsn_wipe(w->openings.data, w->openings.len);
    tsn_buf_free(&w->openings);
    tsn_buf_free(&w->page);
    tsn_buf_free(&w->out);
    tsn_buf_free(&w->texts);
    tsn_arena_destroy(w->arena);
    free(w);
    if (err && !diag->code[0])
        (void)tsn_diag_set(diag, err, "V013", "the log cannot be handed out: %s",
                           tsn_err_text(err));
    return err;
}
