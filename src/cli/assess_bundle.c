/* assess_bundle.c - a bundle, tiles or a proof on disk, checked to the last byte. See assess.h. */
#include "cli/assess_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "audit/payload.h"
#include "core/text.h"

#define FILE_MAX_BYTES ((size_t)1 << 30)
#define LEVELS         8
#define PROOF_HEAD     "c2sp.org/tlog-proof@v1\n"

static bool is_proof(const char *path)
{
    char head[sizeof(PROOF_HEAD)] = "";
    FILE *f = fopen(path, "re");
    size_t n = f ? fread(head, 1, sizeof(PROOF_HEAD) - 1, f) : 0;

    if (f)
        (void)fclose(f);
    return n == sizeof(PROOF_HEAD) - 1 && memcmp(head, PROOF_HEAD, n) == 0;
}

static bool exists(const char *root, const char *name)
{
    char path[4096];
    struct stat info;

    (void)snprintf(path, sizeof(path), "%s/%s", root, name);
    return stat(path, &info) == 0;
}

bool tsn_assess_takes(const char *path)
{
    struct stat info;

    if (stat(path, &info) != 0)
        return false;
    if (S_ISDIR(info.st_mode))
        return exists(path, "manifest") || exists(path, "checkpoint") ||
               exists(path, "entries");
    return S_ISREG(info.st_mode) && (is_proof(path) || tsn_files_is_tar(path));
}

/* --- a log as it is taken in ------------------------------------------------------------------ */

struct kept {
    int64_t seq;
    struct tsn_entry entry;
    uint8_t leaf[TSN_HASH_LEN];
};

struct log {
    struct tsn_assess *j;
    struct tsn_verify *v;
    struct tsn_arena *arena;
    struct kept *list; /* by seq; entries live in the arena */
    size_t n, cap;
};

static void log_free(struct log *l)
{
    tsn_verify_destroy(l->v);
    tsn_arena_destroy(l->arena);
    free(l->list);
}

static struct kept *keep(struct log *l)
{
    if (l->n == l->cap) {
        l->cap = l->cap ? l->cap * 2 : 256;
        l->list = tsn_realloc(l->list, l->cap * sizeof(*l->list));
    }
    return &l->list[l->n++];
}

static tsn_err log_add(struct log *l, int64_t seq, const char *text, size_t len,
                       const uint8_t *leaf, bool hold)
{
    struct tsn_verify_result r;
    struct kept *k;
    struct tsn_diag diag;

    tsn_verify_add_at(l->v, seq, text, len, leaf);
    if (tsn_verify_tampered(l->v)) {
        tsn_verify_result(l->v, &r);
        return tsn_assess_find(l->j, TSN_TAMPERED, r.diag.code, "%s", r.diag.what);
    }
    if (!hold)
        return 0;
    k = keep(l);
    k->seq = seq;
    memcpy(k->leaf, leaf, TSN_HASH_LEN);
    tsn_diag_init(&diag);
    text = tsn_arena_strndup(l->arena, text, len);
    if (tsn_entry_parse(l->arena, text, len, &k->entry, &diag) != 0)
        return tsn_assess_find(l->j, TSN_TAMPERED, "V001", "entry %lld: %s", (long long)seq,
                               diag.what);
    return 0;
}

/* --- tiles ----------------------------------------------------------------------------------- */

struct tiles {
    struct tsn_assess *j;
    struct tsn_files *files;
    struct log *log; /* NULL: foreign entries, only hashed */
    bool hold;
    struct
    { /* a tile being filled and the tree over it; a full one is a leaf of the level above */
        uint8_t row[TSN_TILE_WIDTH][TSN_HASH_LEN];
        size_t width;
        uint64_t full;
        struct tsn_tree part;
    } level[LEVELS];
    struct tsn_buf buf, text;
    uint64_t taken;
};

static tsn_err check_tile(struct tiles *t, int level)
{
    size_t n = t->level[level].width * TSN_HASH_LEN;
    char path[96];
    tsn_err err;

    tsn_tile_path(path, level, t->level[level].full, (unsigned)t->level[level].width);
    err = tsn_files_read(t->files, path, &t->buf, "V120");
    if (!err && (t->buf.len != n || memcmp(t->buf.data, t->level[level].row, n) != 0))
        err = tsn_assess_find(t->j, TSN_TAMPERED, "V120", "%s is wrong", path);
    return err;
}

static tsn_err level_add(struct tiles *t, int level, const uint8_t *hash)
{
    uint8_t up[TSN_HASH_LEN];
    tsn_err err;

    memcpy(t->level[level].row[t->level[level].width++], hash, TSN_HASH_LEN);
    tsn_tree_append(&t->level[level].part, hash);
    if (t->level[level].width < TSN_TILE_WIDTH || level + 1 == LEVELS)
        return 0;
    err = check_tile(t, level);
    if (err)
        return err;
    tsn_tree_root(&t->level[level].part, up);
    tsn_tree_init(&t->level[level].part);
    t->level[level].full++;
    t->level[level].width = 0;
    return level_add(t, level + 1, up);
}

/* Over all leaves so far. A level's tree holds at most 255 hashes: its nodes are 8 of the whole's. */
static void root_now(const struct tiles *t, uint8_t root[TSN_HASH_LEN])
{
    struct tsn_tree all;

    tsn_tree_init(&all);
    for (int level = 0; level < LEVELS; level++)
        for (int i = 0; i < 8 && 8 * level + i < TSN_TREE_LEVELS; i++)
            memcpy(all.node[8 * level + i], t->level[level].part.node[i], TSN_HASH_LEN);
    all.size = t->taken;
    tsn_tree_root(&all, root);
}

static tsn_err take_leaf(struct tiles *t, const char *text, size_t len)
{
    uint8_t leaf[TSN_HASH_LEN];
    int64_t seq = (int64_t)t->taken++;
    tsn_err err;

    tsn_entry_leaf(leaf, text, len);
    err = level_add(t, 0, leaf);
    if (err)
        return err;
    if (t->j->have_old && t->taken == t->j->old_size) {
        root_now(t, t->j->probe);
        t->j->probed = true;
    }
    t->j->entries++;
    return t->log ? log_add(t->log, seq, text, len, leaf, t->hold) : 0;
}

static tsn_err take_texts(struct tiles *t, uint64_t n, unsigned width)
{
    char path[96];
    const struct tsn_buf *b = &t->text;
    size_t at = 0;
    tsn_err err;

    tsn_tile_path(path, -1, n, width);
    err = tsn_files_read(t->files, path, &t->text, "V120");
    for (unsigned i = 0; !err && i < width; i++) {
        const uint8_t *p = (const uint8_t *)b->data + at;
        size_t len = b->len - at >= 2 ? (size_t)p[0] << 8 | p[1] : SIZE_MAX - 2;

        if (b->len - at < 2 || b->len - at - 2 < len)
            err = tsn_assess_find(t->j, TSN_TAMPERED, "V120", "entry %llu is cut",
                                  (unsigned long long)n * TSN_TILE_WIDTH + i);
        else
            err = take_leaf(t, b->data + at + 2, len);
        at += 2 + len;
    }
    if (!err && at != b->len)
        err = tsn_assess_find(t->j, TSN_TAMPERED, "V120", "there is more in %s", path);
    return err;
}

static tsn_err check_tiles(struct tsn_assess *j, struct tsn_files *files, struct log *log,
                           bool hold)
{
    struct tiles *t = tsn_alloc(sizeof(*t));
    uint8_t have[TSN_HASH_LEN];
    tsn_err err = 0;

    t->j = j;
    t->files = files;
    t->log = log;
    t->hold = hold;
    tsn_buf_init(&t->buf, FILE_MAX_BYTES);
    tsn_buf_init(&t->text, FILE_MAX_BYTES);
    for (uint64_t n = 0; !err && n * TSN_TILE_WIDTH < j->cp.size; n++) {
        uint64_t left = j->cp.size - n * TSN_TILE_WIDTH;

        err = take_texts(t, n, left < TSN_TILE_WIDTH ? (unsigned)left : TSN_TILE_WIDTH);
    }
    for (int level = 0; !err && level < LEVELS; level++)
        if (t->level[level].width > 0)
            err = check_tile(t, level);
    root_now(t, have);
    if (!err && memcmp(have, j->cp.root, TSN_HASH_LEN) != 0)
        err = tsn_assess_find(j, TSN_TAMPERED, "V005",
                              "the entries do not give the checkpoint's root");
    tsn_buf_free(&t->buf);
    tsn_buf_free(&t->text);
    free(t);
    return err;
}

/* --- proofs ---------------------------------------------------------------------------------- */

/* Takes the checkpoint from it when there is none yet; `leaf` is of its entry. `extra` is the caller's to free. */
static tsn_err check_proof(struct tsn_assess *j, const struct tsn_buf *file,
                           struct tsn_tlog_proof *p, uint8_t leaf[TSN_HASH_LEN])
{
    if (tsn_tlog_proof_parse(p, file->data ? file->data : "", file->len) != 0)
        return tsn_assess_find(j, TSN_TAMPERED, "V116", "a proof is malformed");
    if (!j->have_cp && tsn_assess_checkpoint(j, p->note, p->note_len) != 0)
        return TSN_ETAMPERED;
    if (p->note_len != j->note_len || memcmp(p->note, j->note, j->note_len) != 0)
        return tsn_assess_find(j, TSN_TAMPERED, "V116",
                               "entry %llu: its proof has another checkpoint",
                               (unsigned long long)p->index);
    if (!p->extra)
        return 0;
    tsn_entry_leaf(leaf, p->extra, p->extra_len);
    if (tsn_proof_check_inclusion(&p->proof, p->index, j->cp.size, leaf, j->cp.root) != 0)
        return tsn_assess_find(j, TSN_TAMPERED, "V116",
                               "entry %llu: the proof does not show it in the log",
                               (unsigned long long)p->index);
    return 0;
}

static void judge_proof(struct tsn_assess *j, const char *path)
{
    struct tsn_tlog_proof p = {.extra = NULL};
    uint8_t leaf[TSN_HASH_LEN];
    struct tsn_buf b;
    struct tsn_entry e;
    struct tsn_diag diag;
    tsn_err err;

    tsn_buf_init(&b, 1u << 20);
    tsn_diag_init(&diag);
    if (tsn_buf_read_file(&b, path) != 0) {
        (void)tsn_assess_find(j, TSN_UNUSABLE, "V118", "%s cannot be read", path);
        goto out;
    }
    err = check_proof(j, &b, &p, leaf);
    if (err)
        goto out;
    j->what = tsn_arena_printf(j->arena, "one entry, #%llu", (unsigned long long)p.index);
    j->entries = 1;
    if (!p.extra) {
        tsn_assess_cannot(j, "V116", "the proof is there and the entry is not");
        goto out;
    }
    if (p.extra_len >= 16 && memcmp(p.extra, "tocsin-audit/v1\n", 16) == 0) {
        if (tsn_entry_parse(j->arena, p.extra, p.extra_len, &e, &diag) != 0)
            (void)tsn_assess_find(j, TSN_TAMPERED, "V001", "entry %llu: %s",
                                  (unsigned long long)p.index, diag.what);
        else if ((uint64_t)e.seq != p.index)
            (void)tsn_assess_find(j, TSN_TAMPERED, "V002",
                                  "entry %llu: it names another position",
                                  (unsigned long long)p.index);
    }
out:
    tsn_tlog_proof_free(&p);
    tsn_buf_free(&b);
}

/* --- the files of a bundle ----------------------------------------------------------------------- */

/* Nothing that no verifier looks at may hide among what is signed for. */
static tsn_err check_names(struct tsn_assess *j, const struct tsn_bundle_head *h,
                           const struct tsn_files *have)
{
    static const char *const known[] = {"README.txt", "checkpoint", "consistency", "index.html",
                                        "manifest",   "openings",   "policy",      "verify.py"};
    const char *parts = h->scope == TSN_BUNDLE_ALL ? "tile/" : "entries/";
    uint64_t tiles = 0, due = (h->size + TSN_TILE_WIDTH - 1) / TSN_TILE_WIDTH;

    for (uint64_t n = h->size; n > 0; n /= TSN_TILE_WIDTH)
        due += (n + TSN_TILE_WIDTH - 1) / TSN_TILE_WIDTH;
    for (size_t i = 0; i < tsn_files_count(have); i++) {
        const char *name = tsn_files_name(have, i);
        bool good = strncmp(name, parts, strlen(parts)) == 0;

        tiles += good;
        for (size_t k = 0; !good && k < sizeof(known) / sizeof(known[0]); k++)
            good = strcmp(name, known[k]) == 0;
        if (!good)
            return tsn_assess_find(j, TSN_TAMPERED, "V110",
                                   "%s does not belong to such a bundle", name);
    }
    if (h->scope == TSN_BUNDLE_ALL && tiles != due)
        return tsn_assess_find(j, TSN_TAMPERED, "V110", "there are tiles too many or too few");
    return 0;
}

/* --- entries of a bundle --------------------------------------------------------------------------- */

static int by_seq(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static tsn_err list_seqs(struct tsn_assess *j, const struct tsn_files *have, int64_t *seqs,
                         size_t *n)
{
    *n = 0;
    for (size_t i = 0; i < tsn_files_count(have); i++) {
        const char *name = tsn_files_name(have, i), *dot;
        char digits[24] = "";

        if (strncmp(name, "entries/", 8) != 0)
            continue;
        name += 8;
        dot = strchr(name, '.');
        if (dot && (size_t)(dot - name) < sizeof(digits))
            memcpy(digits, name, (size_t)(dot - name));
        if (!dot || strcmp(dot, ".tlog-proof") != 0 ||
            strspn(digits, "0123456789") != strlen(digits) || (digits[0] == '0' && digits[1]) ||
            tsn_parse_int(digits, 0, INT64_MAX, &seqs[*n]) != 0)
            return tsn_assess_find(j, TSN_TAMPERED, "V110", "entries/%s does not belong there",
                                   name);
        (*n)++;
    }
    qsort(seqs, *n, sizeof(*seqs), by_seq);
    return 0;
}

static tsn_err take_proofs(struct tsn_assess *j, struct tsn_files *files, struct log *l,
                           const int64_t *seqs, size_t n)
{
    uint8_t leaf[TSN_HASH_LEN];
    struct tsn_buf b;
    tsn_err err = 0;

    tsn_buf_init(&b, 1u << 20);
    for (size_t i = 0; !err && i < n; i++) {
        struct tsn_tlog_proof p = {.extra = NULL};
        char name[64];

        (void)snprintf(name, sizeof(name), "entries/%lld.tlog-proof", (long long)seqs[i]);
        err = tsn_files_read(files, name, &b, "V110");
        if (!err)
            err = check_proof(j, &b, &p, leaf);
        if (!err && (!p.extra || p.index != (uint64_t)seqs[i]))
            err = tsn_assess_find(j, TSN_TAMPERED, "V116",
                                  "entry %lld: its proof is of another, or has no entry",
                                  (long long)seqs[i]);
        if (!err)
            err = log_add(l, seqs[i], p.extra, p.extra_len, leaf, true);
        tsn_tlog_proof_free(&p);
    }
    tsn_buf_free(&b);
    j->entries = n;
    return err;
}

static bool is_opened(const struct log *l, size_t upto, const char *run)
{
    for (size_t i = 0; i < upto; i++)
        if (strcmp(l->list[i].entry.kind, "run.opened") == 0 && l->list[i].entry.run &&
            strcmp(l->list[i].entry.run, run) == 0)
            return true;
    return false;
}

static bool has_chain(const struct log *l, const char *run)
{
    for (size_t i = 0; i < l->n; i++)
        if (strncmp(l->list[i].entry.chain, "run:", 4) == 0 &&
            strcmp(l->list[i].entry.chain + 4, run) == 0)
            return true;
    return false;
}

/* Every chain of the case from its start, ended by the export's own count. */
static tsn_err check_case(struct tsn_assess *j, const struct log *l, const char *case_id)
{
    const struct kept *last = l->n ? &l->list[l->n - 1] : NULL;
    struct tsn_tree tree;
    uint8_t root[TSN_HASH_LEN];

    for (size_t i = 0; i < l->n; i++) {
        const struct tsn_entry *e = &l->list[i].entry;

        if (!e->case_id || strcmp(e->case_id, case_id) != 0 || strcmp(e->chain, "sys") == 0)
            return tsn_assess_find(j, TSN_TAMPERED, "V119", "entry %lld is not of this case",
                                   (long long)e->seq);
        if (strncmp(e->chain, "run:", 4) == 0 && !is_opened(l, i, e->chain + 4))
            return tsn_assess_find(j, TSN_TAMPERED, "V119",
                                   "entry %lld is of a run that was not opened",
                                   (long long)e->seq);
        if (strcmp(e->kind, "run.opened") == 0 && !has_chain(l, e->run ? e->run : ""))
            return tsn_assess_find(j, TSN_TAMPERED, "V119",
                                   "a run was opened at %lld and has no entry here",
                                   (long long)e->seq);
    }
    if (!last || strcmp(last->entry.kind, "audit.export") != 0 || !last->entry.rlast) {
        tsn_assess_cannot(j, "V119",
                          "nothing shows that no later entry of the case was left out");
        return 0;
    }
    tsn_tree_init(&tree);
    for (size_t i = 0; i + 1 < l->n; i++)
        tsn_tree_append(&tree, l->list[i].leaf);
    tsn_tree_root(&tree, root);
    if (last->entry.rlen != (int64_t)tree.size ||
        memcmp(last->entry.rlast, root, TSN_HASH_LEN) != 0)
        return tsn_assess_find(j, TSN_TAMPERED, "V119",
                               "entry %lld counts %lld entries of the case, not these",
                               (long long)last->seq, (long long)last->entry.rlen);
    return 0;
}

static const struct kept *find_kept(const struct log *l, int64_t seq)
{
    size_t lo = 0, hi = l->n;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (l->list[mid].seq < seq)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < l->n && l->list[lo].seq == seq ? &l->list[lo] : NULL;
}

static tsn_err check_opening(struct tsn_assess *j, const struct log *l,
                             const struct tsn_opening *o)
{
    const struct kept *k = find_kept(l, o->seq);
    uint8_t have[TSN_HASH_LEN];

    for (size_t i = 0; k && i < k->entry.ncommits; i++)
        if (strcmp(k->entry.commits[i].name, o->field) == 0 &&
            tsn_payload_commit(have, o->field, o->salted.data, o->salted.len) == 0 &&
            memcmp(have, k->entry.commits[i].value, TSN_HASH_LEN) == 0) {
            j->openings++;
            return 0;
        }
    return tsn_assess_find(j, TSN_TAMPERED, "V117",
                           "entry %lld: what is opened is not what it committed to",
                           (long long)o->seq);
}

/* --- what is gone: an audit.erase entry behind it says why ------------------------------------------ */

struct gone {
    const struct kept **list;
    size_t n, cap;
};

static tsn_err take_gone(struct tsn_assess *j, const struct log *l, int64_t seq, struct gone *g)
{
    const struct kept *k = find_kept(l, seq);

    if (!k || k->entry.ncommits == 0)
        return tsn_assess_find(j, TSN_TAMPERED, "V117",
                               "entry %lld: nothing that it commits to can be gone",
                               (long long)seq);
    if (g->n == g->cap) {
        g->cap = g->cap ? g->cap * 2 : 64;
        g->list = tsn_realloc(g->list, g->cap * sizeof(const struct kept *));
    }
    g->list[g->n++] = k;
    return 0;
}

static bool covers(const struct tsn_entry *erase, const struct tsn_entry *e)
{
    char digits[24];

    if (e->seq >= erase->seq || !erase->from)
        return false;
    if (strcmp(erase->from, "case") == 0)
        return erase->case_id && e->case_id && strcmp(erase->case_id, e->case_id) == 0;
    (void)snprintf(digits, sizeof(digits), "%lld", (long long)e->seq);
    return strcmp(erase->from, digits) == 0;
}

/* The entry that says why may stand behind the checkpoint or the range: then it cannot be told. */
static void check_gone(struct tsn_assess *j, const struct log *l, struct gone *g)
{
    size_t left = g->n;

    for (size_t i = 0; i < l->n; i++)
        for (size_t k = 0; strcmp(l->list[i].entry.kind, "audit.erase") == 0 && k < g->n; k++)
            if (g->list[k] && covers(&l->list[i].entry, &g->list[k]->entry)) {
                g->list[k] = NULL;
                left--;
            }
    j->erased = g->n - left;
    for (size_t k = 0; k < g->n; k++)
        if (g->list[k])
            tsn_assess_cannot(
                j, "V009",
                "entry %lld: what it commits to is gone, and no audit.erase here says why",
                (long long)g->list[k]->seq);
}

static tsn_err check_openings(struct tsn_assess *j, const struct log *l,
                              const struct tsn_buf *b)
{
    struct tsn_opening o;
    struct gone gone = {NULL, 0, 0};
    char field[16] = "";
    int64_t seq = -1;
    size_t at = 0;
    tsn_err err = 0;

    tsn_buf_init(&o.salted, FILE_MAX_BYTES);
    while (!err && at < b->len) {
        const char *line = b->data + at, *end = memchr(line, '\n', b->len - at);

        if (!end || tsn_opening_parse(&o, line, (size_t)(end - line)) != 0 || o.seq < seq ||
            (o.seq == seq && strcmp(o.field, field) <= 0)) {
            err = tsn_assess_find(j, TSN_TAMPERED, "V117",
                                  "an opening is malformed, cut or out of order");
            break;
        }
        seq = o.seq;
        /* Nothing of an entry whose payload is gone may be opened as well. */
        (void)tsn_copy(field, sizeof(field), o.field[0] ? o.field : "~");
        err = o.field[0] ? check_opening(j, l, &o) : take_gone(j, l, o.seq, &gone);
        at = (size_t)(end + 1 - b->data);
    }
    if (!err)
        check_gone(j, l, &gone);
    free((void *)gone.list);
    tsn_buf_free(&o.salted);
    return err;
}

static tsn_err check_proofs(struct tsn_assess *j, struct tsn_files *files, struct log *l,
                            const struct tsn_bundle_head *h)
{
    int64_t *seqs = tsn_alloc((tsn_files_count(files) + 1) * sizeof(*seqs));
    size_t n;
    tsn_err err = list_seqs(j, files, seqs, &n);

    if (!err)
        err = take_proofs(j, files, l, seqs, n);
    for (size_t i = 0; !err && h->scope == TSN_BUNDLE_RANGE && i < n; i++)
        if (seqs[i] != h->from + (int64_t)i)
            n = 0; /* a gap */
    if (!err && h->scope == TSN_BUNDLE_RANGE && h->to - h->from + 1 != (int64_t)n)
        err = tsn_assess_find(j, TSN_TAMPERED, "V119",
                              "the range is not %lld to %lld without a gap", (long long)h->from,
                              (long long)h->to);
    if (!err && h->scope == TSN_BUNDLE_CASE)
        err = check_case(j, l, h->case_id);
    free(seqs);
    return err;
}

/* The log at earlier sizes, each with the proof that the checkpoint continues it; rising. */
static tsn_err check_consistency(struct tsn_assess *j, struct tsn_files *files)
{
    struct tsn_earlier e;
    struct tsn_buf b;
    uint64_t before = 0;
    tsn_err err = 0;

    tsn_buf_init(&b, FILE_MAX_BYTES);
    if (tsn_files_has(files, "consistency"))
        err = tsn_files_read(files, "consistency", &b, "V110");
    for (const char *at = b.data, *end = b.data + b.len; !err && b.len && at < end;) {
        if (tsn_earlier_parse(&e, &at, end) != 0 || e.size <= before || e.size >= j->cp.size ||
            tsn_proof_check_consistency(&e.proof, e.size, e.root, j->cp.size, j->cp.root) != 0)
            err = tsn_assess_find(j, TSN_TAMPERED, "V121",
                                  "a proof of consistency, behind that of %llu entries, is "
                                  "malformed or does not lead to the checkpoint",
                                  (unsigned long long)before);
        before = e.size;
        if (!err && j->have_old && e.size == j->old_size) {
            memcpy(j->probe, e.root, TSN_HASH_LEN);
            j->probed = true;
        }
    }
    tsn_buf_free(&b);
    return err;
}

static void judge_manifest(struct tsn_assess *j, struct tsn_files *files, struct log *l)
{
    struct tsn_bundle_head h;
    struct tsn_buf b, manifest;
    struct tsn_verify_result r;
    size_t used;
    tsn_err err;

    tsn_buf_init(&b, FILE_MAX_BYTES);
    tsn_buf_init(&manifest, FILE_MAX_BYTES);
    err = tsn_files_read(files, "manifest", &manifest, "V110");
    if (!err &&
        tsn_bundle_head_parse(&h, manifest.data ? manifest.data : "", manifest.len, &used) != 0)
        err = tsn_assess_find(j, TSN_TAMPERED, "V110", "the manifest is not one");
    if (!err)
        err = tsn_files_listed(files, manifest.data + used, manifest.len - used);
    if (!err)
        err = check_names(j, &h, files);
    if (!err)
        err = tsn_files_read(files, "checkpoint", &b, "V110");
    if (!err)
        err = tsn_assess_checkpoint(j, b.data ? b.data : "", b.len);
    if (!err && (h.size != j->cp.size || strlen(h.origin) != j->cp.origin_len ||
                 memcmp(h.origin, j->cp.origin, j->cp.origin_len) != 0))
        err = tsn_assess_find(j, TSN_TAMPERED, "V110",
                              "manifest and checkpoint name another log or size");
    if (err)
        goto out;
    if (h.scope == TSN_BUNDLE_RANGE)
        tsn_verify_partial(l->v);
    if (tsn_files_read(files, "openings", &b, "V110") != 0)
        goto out;
    /* Entries of a whole log are held only when something opens them. */
    err = h.scope == TSN_BUNDLE_ALL ? check_tiles(j, files, l, b.len > 0)
                                    : check_proofs(j, files, l, &h);
    if (!err && h.scope != TSN_BUNDLE_RANGE) {
        tsn_verify_closes(l->v);
        tsn_verify_result(l->v, &r);
        if (r.verdict == TSN_TAMPERED)
            err = tsn_assess_find(j, TSN_TAMPERED, r.diag.code, "%s", r.diag.what);
    }
    if (!err)
        err = check_openings(j, l, &b);
    if (!err)
        err = check_consistency(j, files);
    if (!err)
        (void)tsn_files_rest(files);
    j->what = tsn_arena_printf(
        j->arena, "%s%s, %llu entries, %llu opened%s",
        h.scope == TSN_BUNDLE_ALL ? "all"
        : h.scope == TSN_BUNDLE_CASE
            ? "case "
            : tsn_arena_printf(j->arena, "range %lld %lld", (long long)h.from, (long long)h.to),
        h.scope == TSN_BUNDLE_CASE ? h.case_id : "", (unsigned long long)j->entries,
        (unsigned long long)j->openings,
        j->erased ? tsn_arena_printf(j->arena, ", %llu erased and covered",
                                     (unsigned long long)j->erased)
                  : "");
out:
    tsn_buf_free(&b);
    tsn_buf_free(&manifest);
}

static bool only_tiles(const struct tsn_files *files)
{
    size_t n = tsn_files_count(files), tiles = 0;

    for (size_t i = 0; i < n; i++)
        tiles += strncmp(tsn_files_name(files, i), "tile/", 5) == 0;
    return tsn_files_has(files, "checkpoint") && tiles > 0 && tiles + 1 == n;
}

static void judge_tiles(struct tsn_assess *j, struct tsn_files *files)
{
    struct tsn_buf b;

    tsn_buf_init(&b, TSN_NOTE_MAX + 1);
    if (tsn_files_read(files, "checkpoint", &b, "V111") == 0 &&
        tsn_assess_checkpoint(j, b.data, b.len) == 0)
        (void)check_tiles(j, files, NULL, false);
    j->what = tsn_arena_printf(j->arena, "tiles, %llu entries", (unsigned long long)j->entries);
    tsn_buf_free(&b);
}

void tsn_assess_path(struct tsn_assess *j, const char *path)
{
    struct log l = {.j = j};
    struct tsn_files *files;

    if (is_proof(path)) {
        judge_proof(j, path);
        return;
    }
    files = tsn_files_open(j, path);
    if (!files)
        return;
    l.arena = tsn_arena_new();
    l.v = tsn_verify_new();
    if (tsn_files_has(files, "manifest"))
        judge_manifest(j, files, &l);
    else if (only_tiles(files))
        judge_tiles(j, files);
    else
        (void)tsn_assess_find(j, TSN_UNUSABLE, "V118",
                              "%s is neither a bundle, nor tiles, nor a proof", path);
    tsn_files_close(files);
    log_free(&l);
}
