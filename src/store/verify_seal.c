/* verify_seal.c - see verify_seal.h. Codes: V014 node, V015 checkpoint, V016 key. */
#include "store/verify_seal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/note.h"
#include "core/mem.h"
#include "core/text.h"
#include "store/proof_store.h"
#include "store/record_log.h"
#include "store/store_int.h"

#define STRIDE 8

struct key_seen {
    struct key_seen *next;
    char key[TSN_ENTRY_VALUE_MAX + 1];
    int64_t from, until;
    bool stored;
};

struct tsn_verify_seal {
    struct tsn_store *st;
    struct tsn_verify *v;
    struct tsn_arena *arena;
    struct tsn_tree tree;
    struct tsn_rec_checkpoint *cps; /* by size */
    size_t ncps, at;
    uint8_t *named; /* what an entry says of it: 1 kept, 2 handed out */
    uint8_t (*roots)[TSN_HASH_LEN];
    struct key_seen *keys;
    int64_t nodes;
    char *note;
};

struct tsn_verify_seal *tsn_verify_seal_new(struct tsn_store *st, struct tsn_verify *v)
{
    struct tsn_verify_seal *s = tsn_alloc(sizeof(*s));
    const struct tsn_list how = {.limit = 100000};
    void *rows = NULL;

    s->st = st;
    s->v = v;
    s->arena = tsn_arena_new();
    tsn_tree_init(&s->tree);
    if (tsn_store_list(st, s->arena, &tsn_table_checkpoint, &how, &rows, &s->ncps) != 0)
        s->ncps = 0;
    s->cps = rows;
    s->named = tsn_arena_alloc(s->arena, (s->ncps + 1) * sizeof(*s->named));
    s->roots = tsn_arena_alloc(s->arena, (s->ncps + 1) * sizeof(*s->roots));
    return s;
}

void tsn_verify_seal_destroy(struct tsn_verify_seal *s)
{
    struct key_seen *k, *next;

    if (!s)
        return;
    for (k = s->keys; k; k = next) {
        next = k->next;
        free(k);
    }
    free(s->note);
    tsn_arena_destroy(s->arena);
    free(s);
}

/* --- nodes --------------------------------------------------------------------------------- */

static tsn_err check_node(struct tsn_verify_seal *s, int level, uint64_t index,
                          const uint8_t *hash)
{
    tsn_err err;
    sqlite3_stmt *q =
        tsn_sql(s->st, "SELECT hash FROM node WHERE level = ?1 AND idx = ?2", &err);
    int rc;
    bool good;

    if (!q)
        return err;
    sqlite3_bind_int(q, 1, level);
    sqlite3_bind_int64(q, 2, (sqlite3_int64)index);
    rc = sqlite3_step(q);
    good = rc == SQLITE_ROW && sqlite3_column_bytes(q, 0) == TSN_HASH_LEN &&
           memcmp(sqlite3_column_blob(q, 0), hash, TSN_HASH_LEN) == 0;
    err = rc == SQLITE_ROW ? 0 : tsn_sql_err(s->st, rc);
    sqlite3_reset(q);
    s->nodes++;
    if (!err && !good)
        tsn_verify_find(s->v, (int64_t)((index + 1) << level) - 1, "V014",
                        "a kept node of the tree that ends with it is wrong or gone");
    return err;
}

/* As the writer keeps them: of 256, 65,536 ... leaves. */
static tsn_err check_nodes(struct tsn_verify_seal *s, const uint8_t *leaf)
{
    uint64_t after = s->tree.size + 1;
    uint8_t carry[TSN_HASH_LEN];
    tsn_err err = 0;

    memcpy(carry, leaf, TSN_HASH_LEN);
    for (int level = 0; !err && level < TSN_TREE_LEVELS && ((s->tree.size >> level) & 1);
         level++) {
        tsn_tree_node(carry, s->tree.node[level], carry);
        if ((level + 1) % STRIDE == 0)
            err = check_node(s, level + 1, (after >> (level + 1)) - 1, carry);
    }
    return err;
}

/* --- keys ---------------------------------------------------------------------------------- */

/* The value of a key that stands before any commitment; false = it has none. */
static bool value_of(const char *text, size_t len, const char *name, char *out, size_t cap)
{
    const char *at = memmem(text, len, name, strlen(name)), *end;

    if (!at)
        return false;
    at += strlen(name);
    end = memchr(at, '\n', len - (size_t)(at - text));
    if (!end || (size_t)(end - at) >= cap)
        return false;
    memcpy(out, at, (size_t)(end - at));
    out[end - at] = '\0';
    return true;
}

static void key_begins(struct tsn_verify_seal *s, const char *key, int64_t seq)
{
    struct key_seen *k = tsn_alloc(sizeof(*k));

    (void)tsn_copy(k->key, sizeof(k->key), key);
    k->from = seq;
    k->next = s->keys;
    s->keys = k;
}

static void keys_end(struct tsn_verify_seal *s, const char *but, int64_t seq)
{
    for (struct key_seen *k = s->keys; k; k = k->next)
        if (k->until == 0 && strcmp(k->key, but) != 0)
            k->until = seq > 0 ? seq : 1;
}

static void named_checkpoint(struct tsn_verify_seal *s, int64_t seq, const char *to,
                             uint8_t kept)
{
    char text[128], hex[2 * TSN_HASH_LEN + 1];

    for (size_t i = 0; i < s->at; i++) {
        tsn_hex(hex, s->roots[i], TSN_HASH_LEN);
        (void)snprintf(text, sizeof(text), "%lld/%s", (long long)s->cps[i].size, hex);
        if (strcmp(text, to) == 0) {
            if (s->named[i] < kept)
                s->named[i] = kept;
            return;
        }
    }
    tsn_verify_find(s->v, seq, "V015", "the checkpoint that it names is not there");
}

static void look_at(struct tsn_verify_seal *s, int64_t seq, const char *text, size_t len)
{
    char kind[64], to[TSN_ENTRY_VALUE_MAX + 1] = "", reason[TSN_ENTRY_VALUE_MAX + 1] = "";

    if (!memmem(text, len, "\nkind audit.", 12) ||
        !value_of(text, len, "\nkind ", kind, sizeof(kind)))
        return;
    (void)value_of(text, len, "\nto ", to, sizeof(to));
    (void)value_of(text, len, "\nreason ", reason, sizeof(reason));
    if (strcmp(kind, "audit.key.rotate") == 0 && strcmp(reason, "end") == 0)
        keys_end(s, to, seq);
    else if (strcmp(kind, "audit.key.rotate") == 0 || strcmp(kind, "audit.epoch.opened") == 0)
        key_begins(s, to, seq);
    else if (strcmp(kind, "audit.epoch.asked") == 0)
        keys_end(s, "", seq);
    else if (strcmp(kind, "audit.checkpoint") == 0)
        named_checkpoint(s, seq, to, strcmp(reason, "export") == 0 ? 2 : 1);
}

/* --- checkpoints --------------------------------------------------------------------------- */

static bool signed_by_a_key(const struct tsn_verify_seal *s, const struct tsn_note *note,
                            const struct tsn_checkpoint *c)
{
    struct tsn_note_key key;

    for (const struct key_seen *k = s->keys; k; k = k->next) {
        if (tsn_note_key_parse(&key, k->key, strlen(k->key)) == 0 &&
            strlen(key.name) == c->origin_len &&
            memcmp(key.name, c->origin, c->origin_len) == 0 &&
            tsn_note_check(note, &key, NULL) == 0)
            return true;
    }
    return false;
}

static void check_checkpoint(struct tsn_verify_seal *s, size_t i)
{
    const struct tsn_rec_checkpoint *row = &s->cps[i];
    struct tsn_checkpoint c;
    struct tsn_note note;
    char id[32];
    int64_t seq = row->size > 0 ? row->size - 1 : 0;

    (void)snprintf(id, sizeof(id), "%020lld", (long long)row->size);
    if (!row->note || tsn_note_parse(&note, row->note, strlen(row->note)) != 0 ||
        tsn_checkpoint_parse(&c, note.text, note.len) != 0 || strcmp(id, row->id) != 0 ||
        (int64_t)c.size != row->size)
        tsn_verify_find(s->v, seq, "V015", "the checkpoint that ends with it is damaged");
    else if (i >= s->at)
        tsn_verify_find(s->v, (int64_t)s->tree.size, "V015",
                        "a checkpoint covers more entries than there are");
    else if (memcmp(c.root, s->roots[i], TSN_HASH_LEN) != 0)
        tsn_verify_find(s->v, seq, "V015", "the checkpoint that ends with it has another root");
    else if (!signed_by_a_key(s, &note, &c))
        tsn_verify_find(s->v, seq, "V015",
                        "the checkpoint that ends with it has no signature of a key that the "
                        "log names");
    else if (row->kept != s->named[i])
        tsn_verify_find(s->v, seq, "V015",
                        "the checkpoint that ends with it is kept and no entry says so, or the "
                        "reverse");
    else {
        free(s->note);
        s->note = tsn_strdup(row->note);
    }
}

tsn_err tsn_verify_seal_add(struct tsn_verify_seal *s, int64_t seq, const char *text,
                            size_t len)
{
    uint8_t leaf[TSN_HASH_LEN];
    tsn_err err = 0;

    tsn_entry_leaf(leaf, text, len);
    if ((s->tree.size + 1) % (1u << STRIDE) == 0)
        err = check_nodes(s, leaf);
    tsn_tree_append(&s->tree, leaf);
    while (s->at < s->ncps && s->cps[s->at].size <= (int64_t)s->tree.size)
        tsn_tree_root(&s->tree, s->roots[s->at++]);
    look_at(s, seq, text, len);
    return err;
}

/* --- the end ------------------------------------------------------------------------------- */

static tsn_err check_keys(struct tsn_verify_seal *s)
{
    const struct tsn_list how = {.limit = 10000};
    struct tsn_rec_sealkey *rows;
    void *list;
    size_t n;
    tsn_err err = tsn_store_list(s->st, s->arena, &tsn_table_sealkey, &how, &list, &n);

    rows = list;
    for (size_t i = 0; !err && i < n; i++) {
        struct key_seen *k = s->keys;
        const char *origin = rows[i].origin ? rows[i].origin : "";
        const char *slash = strrchr(origin, '/');
        int64_t epoch = 0;

        while (k && strcmp(k->key, rows[i].key) != 0)
            k = k->next;
        if (!k || k->stored || k->from != rows[i].from_size || k->until != rows[i].until_size ||
            strncmp(k->key, origin, strlen(origin)) != 0 || k->key[strlen(origin)] != '+' ||
            !slash || tsn_parse_int(slash + 1, 1, INT64_MAX, &epoch) != 0 ||
            epoch != rows[i].epoch) {
            tsn_verify_find(s->v, k ? k->from : rows[i].from_size, "V016",
                            "a signing key is not what the entries say");
            return 0;
        }
        k->stored = true;
    }
    for (const struct key_seen *k = s->keys; !err && k; k = k->next)
        if (!k->stored)
            tsn_verify_find(s->v, k->from, "V016", "the signing key that it names is gone");
    return err;
}

static tsn_err check_count(struct tsn_verify_seal *s)
{
    tsn_err err;
    sqlite3_stmt *q = tsn_sql(s->st, "SELECT count(*) FROM node", &err);
    int64_t n = -1;

    if (!q)
        return err;
    if (sqlite3_step(q) == SQLITE_ROW)
        n = sqlite3_column_int64(q, 0);
    sqlite3_reset(q);
    if (n != s->nodes)
        tsn_verify_find(s->v, (int64_t)s->tree.size, "V014",
                        "nodes are kept of entries that are not there");
    return 0;
}

tsn_err tsn_verify_seal_finish(struct tsn_verify_seal *s)
{
    tsn_err err = check_count(s);

    if (!err)
        err = check_keys(s);
    for (size_t i = 0; !err && i < s->ncps; i++)
        check_checkpoint(s, i);
    return err;
}

char *tsn_verify_seal_take_note(struct tsn_verify_seal *s)
{
    char *note = s->note;

    s->note = NULL;
    return note;
}
