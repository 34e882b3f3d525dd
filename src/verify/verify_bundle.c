/* verify_bundle.c - a bundle, tiles or a proof on disk, checked to the last byte. See
 * tocsin_verify.h; the formats are in docs/audit.md. */
#include "verify/tocsin_verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define WIDTH      256
#define LEVELS     8
#define PROOF_HEAD "c2sp.org/tlog-proof@v1\n"

static bool starts(const char *s, size_t n, const char *with)
{
    return n >= strlen(with) && memcmp(s, with, strlen(with)) == 0;
}

/* --- entries that something opens or that are counted -------------------------------------------- */

struct kept {
    int64_t seq;
    struct entry e;
    unsigned char leaf[HASH];
};

static struct kept *list;
static size_t nlist, cap;

static void keep(int64_t seq, const struct entry *e, const unsigned char *leaf)
{
    if (nlist == cap) {
        cap = cap ? cap * 2 : 256;
        list = more(list, nlist * sizeof(*list), cap * sizeof(*list));
    }
    list[nlist].seq = seq;
    list[nlist].e = *e;
    memcpy(list[nlist++].leaf, leaf, HASH);
}

static void take(int64_t seq, const char *text, size_t len, bool part, bool hold,
                 unsigned char leaf[HASH])
{
    static struct entry e;

    log_add(seq, text, len, part, &e, leaf, NULL);
    if (hold)
        keep(seq, &e, leaf);
}

/* --- tiles ------------------------------------------------------------------------------------- */

/* A level: its tile being filled and the tree over that; a full tile is one leaf of the level above. */
static struct {
    unsigned char row[WIDTH][HASH];
    size_t width;
    uint64_t full;
    struct tree part;
} levels[LEVELS];
static int64_t taken; /* leaves so far */

static void tile_path(char out[96], int level, uint64_t n, size_t w)
{
    char number[32], all[64] = "";
    int at = 0, groups;

    (void)snprintf(number, sizeof(number), "%018llu", (unsigned long long)n);
    for (groups = 0; groups < 5 && memcmp(number + 3 * groups, "000", 3) == 0; groups++)
        ;
    for (; groups < 6; groups++)
        at += snprintf(all + at, sizeof(all) - (size_t)at, "%s%.3s%s", groups < 5 ? "x" : "",
                       number + 3 * groups, groups < 5 ? "/" : "");
    if (level < 0)
        at = snprintf(out, 96, "tile/entries/%s", all);
    else
        at = snprintf(out, 96, "tile/%d/%s", level, all);
    if (w < WIDTH)
        (void)snprintf(out + at, 96 - (size_t)at, ".p/%zu", w);
}

static void check_tile(int level)
{
    char path[96];
    struct bytes b;

    tile_path(path, level, levels[level].full, levels[level].width);
    b = files_read(path, "V120");
    if (b.n != levels[level].width * HASH || memcmp(b.p, levels[level].row, b.n) != 0)
        finding(TAMPERED, "V120", "%s is wrong", path);
    free(b.p);
}

static void level_add(int level, const unsigned char *hash)
{
    unsigned char up[HASH];

    memcpy(levels[level].row[levels[level].width++], hash, HASH);
    tree_add(&levels[level].part, hash);
    if (levels[level].width < WIDTH || level + 1 == LEVELS)
        return;
    check_tile(level);
    tree_root(&levels[level].part, up);
    memset(&levels[level].part, 0, sizeof(levels[level].part));
    levels[level].full++;
    levels[level].width = 0;
    level_add(level + 1, up);
}

/* The root over all leaves so far: the peaks of the levels, the lowest ones last. */
static void levels_root(unsigned char out[HASH])
{
    bool any = false;

    if (taken == 0)
        sha256(out, "", 0);
    for (int level = 0; level < LEVELS; level++)
        for (int i = levels[level].part.n; i > 0; i--) {
            if (any)
                join(out, levels[level].part.peak[i - 1], out);
            else
                memcpy(out, levels[level].part.peak[i - 1], HASH);
            any = true;
        }
}

static void take_leaf(const char *text, size_t len, bool ours, bool hold)
{
    unsigned char leaf[HASH], at[HASH];

    if (ours)
        take(taken, text, len, false, hold, leaf);
    else
        leaf_of(leaf, text, len);
    taken++;
    level_add(0, leaf);
    if (taken == memory_size()) {
        levels_root(at);
        memory_probe(at);
    }
}

static void check_tiles(const struct checkpoint *c, bool ours, bool hold)
{
    unsigned char have[HASH];

    for (int64_t n = 0; n * WIDTH < c->size; n++) {
        int64_t left = c->size - n * WIDTH, w = left < WIDTH ? left : WIDTH;
        struct bytes b;
        char path[96];
        size_t at = 0;

        tile_path(path, -1, (uint64_t)n, (size_t)w);
        b = files_read(path, "V120");
        for (int64_t i = 0; i < w; i++) {
            const unsigned char *p = (const unsigned char *)b.p + at;
            size_t len;

            if (b.n - at < 2 || b.n - at - 2 < (len = (size_t)p[0] << 8 | p[1]))
                finding(TAMPERED, "V120", "entry %lld is cut", (long long)n * WIDTH + i);
            take_leaf(b.p + at + 2, len, ours, hold);
            at += 2 + len;
        }
        if (at != b.n)
            finding(TAMPERED, "V120", "there is more in %s", path);
        free(b.p);
    }
    for (int level = 0; level < LEVELS; level++)
        if (levels[level].width > 0)
            check_tile(level);
    levels_root(have);
    if (memcmp(have, c->root, HASH) != 0)
        finding(TAMPERED, "V005", "the entries do not give the checkpoint's root");
}

/* --- proofs -------------------------------------------------------------------------------------- */

struct proof {
    struct bytes extra; /* p NULL: none */
    int64_t index;
    int n;
    unsigned char hash[63][HASH];
    const char *note;
    size_t note_len;
};

static bool proof_parse(struct proof *out, const struct bytes *b)
{
    size_t at = sizeof(PROOF_HEAD) - 1, len;
    const char *line;
    unsigned char raw[48];

    memset(out, 0, sizeof(*out));
    if (!starts(b->p, b->n, PROOF_HEAD) || !next_line(b, &at, &line, &len))
        return false;
    if (starts(line, len, "extra ")) {
        long n;

        out->extra.p = need(len);
        n = unbase64((unsigned char *)out->extra.p, line + 6, len - 6);
        if (n < 0 || !next_line(b, &at, &line, &len))
            return false;
        out->extra.n = (size_t)n;
    }
    if (!starts(line, len, "index ") || !decimal_of(line + 6, len - 6, &out->index))
        return false;
    for (;;) {
        if (!next_line(b, &at, &line, &len))
            return false;
        if (len == 0)
            break;
        if (out->n == 63 || len != 44 || unbase64(raw, line, len) != HASH)
            return false;
        memcpy(out->hash[out->n++], raw, HASH);
    }
    out->note = b->p + at;
    out->note_len = b->n - at;
    return true;
}

/* RFC 9162, 2.1.3.2. */
static bool included(const struct proof *p, const struct checkpoint *c)
{
    uint64_t fn = (uint64_t)p->index, sn = (uint64_t)c->size - 1;
    unsigned char r[HASH];

    if (p->index >= c->size)
        return false;
    leaf_of(r, p->extra.p, p->extra.n);
    for (int i = 0; i < p->n; i++) {
        if (sn == 0)
            return false;
        if ((fn & 1) || fn == sn) {
            join(r, p->hash[i], r);
            while (!(fn & 1) && fn) {
                fn >>= 1;
                sn >>= 1;
            }
        } else {
            join(r, r, p->hash[i]);
        }
        fn >>= 1;
        sn >>= 1;
    }
    return sn == 0 && memcmp(r, c->root, HASH) == 0;
}

/* `c` without a note yet takes the proof's. */
static void proof_check(const struct proof *p, struct checkpoint *c)
{
    struct bytes note = {NULL, p->note_len};

    if (!c->note.p) {
        note.p = need(note.n + 1);
        memcpy(note.p, p->note, note.n);
        checkpoint_parse(c, note);
    }
    if (p->note_len != c->note.n || memcmp(p->note, c->note.p, c->note.n) != 0)
        finding(TAMPERED, "V116", "entry %lld: its proof has another checkpoint",
                (long long)p->index);
    if (p->extra.p && !included(p, c))
        finding(TAMPERED, "V116", "entry %lld: the proof does not show it in the log",
                (long long)p->index);
}

static void single_proof(const struct bytes *b)
{
    struct checkpoint c = {.size = 0};
    struct proof p;
    static struct entry e;
    const char *wrong;

    if (!proof_parse(&p, b))
        finding(TAMPERED, "V116", "the proof is malformed");
    proof_check(&p, &c);
    if (p.extra.p && starts(p.extra.p, p.extra.n, "tocsin-audit/v1\n")) {
        wrong = entry_parse(&e, p.extra.p, p.extra.n);
        if (wrong || e.seq != p.index)
            finding(TAMPERED, wrong ? "V001" : "V002", "entry %lld: %s", (long long)p.index,
                    wrong ? wrong : "it names another position");
    }
    printf("one entry, #%lld\n", (long long)p.index);
    settle(&c, "V116", p.extra.p ? NULL : "the proof is there and the entry is not");
    free(p.extra.p);
    free(c.note.p);
}

/* --- a bundle ------------------------------------------------------------------------------------------ */

struct scope {
    char kind; /* a c r */
    char case_id[27];
    int64_t from, to;
};

static bool scope_parse(struct scope *out, const char *line, size_t len)
{
    const char *space;

    memset(out, 0, sizeof(*out));
    if (len == 9 && memcmp(line, "scope all", 9) == 0) {
        out->kind = 'a';
        return true;
    }
    if (len == 37 && memcmp(line, "scope case ", 11) == 0) {
        out->kind = 'c';
        memcpy(out->case_id, line + 11, 26);
        return strspn(out->case_id, "0123456789ABCDEFGHJKMNPQRSTVWXYZ") == 26 &&
               out->case_id[0] <= '7';
    }
    if (!starts(line, len, "scope range "))
        return false;
    out->kind = 'r';
    line += 12;
    len -= 12;
    space = memchr(line, ' ', len);
    return space && decimal_of(line, (size_t)(space - line), &out->from) &&
           decimal_of(space + 1, len - (size_t)(space + 1 - line), &out->to);
}

/* Nothing that is not looked at may hide among what is signed for. */
static void check_names(const struct scope *s, int64_t size)
{
    static const char *const known[] = {"README.txt", "checkpoint", "consistency", "index.html",
                                        "manifest",   "openings",   "policy",      "verify.py"};
    const char *parts = s->kind == 'a' ? "tile/" : "entries/";
    int64_t tiles = 0, due = (size + WIDTH - 1) / WIDTH;

    for (int64_t n = size; n > 0; n /= WIDTH)
        due += (n + WIDTH - 1) / WIDTH;
    for (size_t i = 0; i < files_count(); i++) {
        const char *name = files_name(i);
        bool good = starts(name, strlen(name), parts);

        tiles += good;
        for (size_t k = 0; !good && k < sizeof(known) / sizeof(known[0]); k++)
            good = strcmp(name, known[k]) == 0;
        if (!good)
            finding(TAMPERED, "V110", "%s does not belong to such a bundle", name);
    }
    if (s->kind == 'a' && tiles != due)
        finding(TAMPERED, "V110", "there are tiles too many or too few");
}

static int by_seq(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static size_t take_proofs(const struct scope *s, struct checkpoint *c)
{
    int64_t *seqs = need((files_count() + 1) * sizeof(*seqs));
    size_t n = 0;

    for (size_t i = 0; i < files_count(); i++) {
        const char *name = files_name(i), *dot;

        if (!starts(name, strlen(name), "entries/"))
            continue;
        name += 8;
        dot = strchr(name, '.');
        if (!dot || strcmp(dot, ".tlog-proof") != 0 ||
            !decimal_of(name, (size_t)(dot - name), &seqs[n++]))
            finding(TAMPERED, "V110", "entries/%s does not belong there", name);
    }
    qsort(seqs, n, sizeof(*seqs), by_seq);
    for (size_t i = 0; i < n; i++) {
        char name[64];
        unsigned char leaf[HASH];
        struct bytes b;
        struct proof p;

        (void)snprintf(name, sizeof(name), "entries/%lld.tlog-proof", (long long)seqs[i]);
        b = files_read(name, "V110");
        if (!proof_parse(&p, &b))
            finding(TAMPERED, "V116", "%s is malformed", name);
        proof_check(&p, c);
        if (!p.extra.p || p.index != seqs[i])
            finding(TAMPERED, "V116", "%s is of another entry, or has none", name);
        take(seqs[i], p.extra.p, p.extra.n, s->kind == 'r', true, leaf);
        if (s->kind == 'r' && seqs[i] != s->from + (int64_t)i)
            finding(TAMPERED, "V119", "the range has a gap before %lld", (long long)seqs[i]);
        free(p.extra.p);
        free(b.p);
    }
    if (s->kind == 'r' && s->to - s->from + 1 != (int64_t)n)
        finding(TAMPERED, "V119", "the range is not %lld to %lld", (long long)s->from,
                (long long)s->to);
    free(seqs);
    return n;
}

static bool opened_before(size_t upto, const char *run)
{
    for (size_t i = 0; i < upto; i++)
        if (strcmp(list[i].e.kind, "run.opened") == 0 && strcmp(list[i].e.run, run) == 0)
            return true;
    return false;
}

/* NULL: complete. */
static const char *check_case(const char *case_id)
{
    const struct kept *last = nlist ? &list[nlist - 1] : NULL;
    struct tree t = {.size = 0};
    unsigned char have[HASH];
    char text[2 * HASH + 1], name[40];

    for (size_t i = 0; i < nlist; i++) {
        const struct entry *e = &list[i].e;

        if (strcmp(e->case_id, case_id) != 0 || strcmp(e->chain, "sys") == 0)
            finding(TAMPERED, "V119", "entry %lld is not of this case", (long long)e->seq);
        if (e->chain[0] == 'r' && !opened_before(i, e->chain + 4))
            finding(TAMPERED, "V119", "entry %lld is of a run that was not opened",
                    (long long)e->seq);
        (void)snprintf(name, sizeof(name), "run:%s", e->run);
        if (strcmp(e->kind, "run.opened") == 0 && !log_has_chain(name))
            finding(TAMPERED, "V119", "a run was opened at %lld and has no entry here",
                    (long long)e->seq);
    }
    if (!last || strcmp(last->e.kind, "audit.export") != 0 || !last->e.rlast[0])
        return "nothing shows that no later entry of the case was left out";
    for (size_t i = 0; i + 1 < nlist; i++)
        tree_add(&t, list[i].leaf);
    tree_root(&t, have);
    hex(text, have);
    if (last->e.rlen != (int64_t)t.size || strcmp(last->e.rlast, text) != 0)
        finding(TAMPERED, "V119", "entry %lld counts %lld entries of the case, not these",
                (long long)last->seq, (long long)last->e.rlen);
    return NULL;
}

static const struct kept *kept_at(int64_t seq)
{
    size_t lo = 0, hi = nlist;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (list[mid].seq < seq)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < nlist && list[lo].seq == seq ? &list[lo] : NULL;
}

/* SEQ FIELD SALT PAYLOAD: SHA-256("tocsin-commit/v1" LF field LF salt payload) is committed to. */
static bool opening_ok(const char *line, size_t len, int64_t *seq, char field[16])
{
    const char *end = line + len, *f = memchr(line, ' ', len);
    const char *salt = f ? memchr(f + 1, ' ', (size_t)(end - f - 1)) : NULL;
    const char *payload = salt ? memchr(salt + 1, ' ', (size_t)(end - salt - 1)) : NULL;
    const struct kept *k;
    unsigned char *in, hash[HASH];
    char text[2 * HASH + 1];
    size_t n, head;
    long got;
    bool good = false;

    if (!payload || !decimal_of(line, (size_t)(f - line), seq))
        return false;
    n = (size_t)(salt - f - 1);
    if (n == 0 || n > 15)
        return false;
    memcpy(field, f + 1, n);
    field[n] = '\0';
    in = need(64 + len);
    head = (size_t)snprintf((char *)in, 64, "tocsin-commit/v1\n%s\n", field);
    got = unbase64(in + head, salt + 1, (size_t)(payload - salt - 1));
    if (got == 32) {
        got = unbase64(in + head + 32, payload + 1, (size_t)(end - payload - 1));
        if (got >= 0) {
            sha256(hash, in, head + 32 + (size_t)got);
            hex(text, hash);
            k = kept_at(*seq);
            for (int i = 0; k && i < k->e.ncommits; i++)
                good |= strcmp(k->e.commit[i].name, field) == 0 &&
                        strcmp(k->e.commit[i].value, text) == 0;
        }
    }
    free(in);
    return good;
}

/* SEQ gone: what the entry commits to does not stand beside it any more. */
static bool gone_ok(const char *line, size_t len, int64_t *seq)
{
    const struct kept *k = NULL;

    if (len > 5 && memcmp(line + len - 5, " gone", 5) == 0 && decimal_of(line, len - 5, seq))
        k = kept_at(*seq);
    if (!k || k->e.ncommits == 0)
        return false;
    log_gone(&k->e);
    return true;
}

static size_t check_openings(const struct bytes *b)
{
    size_t at = 0, len, n = 0;
    const char *line;
    int64_t before = -1, seq;
    char last[16] = "", field[16];

    while (next_line(b, &at, &line, &len)) {
        bool is_gone = gone_ok(line, len, &seq);

        if ((!is_gone && !opening_ok(line, len, &seq, field)) || seq < before ||
            (seq == before && (is_gone || strcmp(field, last) <= 0)))
            finding(
                TAMPERED, "V117",
                "opening %zu is malformed, out of order, or not what its entry committed to",
                n + 1);
        before = seq;
        /* Nothing of an entry whose payload is gone may be opened as well. */
        memcpy(last, is_gone ? "~" : field, is_gone ? 2 : sizeof(last));
        n += !is_gone;
    }
    if (at != b->n)
        finding(TAMPERED, "V117", "the openings are cut");
    return n;
}

/* --- that it continues what was handed out before ------------------------------------------------------ */

/* RFC 9162, 2.1.4.2: `older` of m leaves and `c`, 0 < m < c->size. */
static bool continues(const unsigned char *older, int64_t m, const unsigned char (*hash)[HASH],
                      int n, const struct checkpoint *c)
{
    uint64_t fn = (uint64_t)m - 1, sn = (uint64_t)c->size - 1;
    unsigned char fr[HASH], sr[HASH];
    int i = 0;

    while (fn & 1) {
        fn >>= 1;
        sn >>= 1;
    }
    if (fn > 0 && n == 0)
        return false;
    /* Where m is a power of two the older root stands for the first hash. */
    memcpy(fr, fn > 0 ? hash[i++] : older, HASH);
    memcpy(sr, fr, HASH);
    for (; i < n; i++) {
        if (sn == 0)
            return false;
        if ((fn & 1) || fn == sn) {
            join(fr, hash[i], fr);
            join(sr, hash[i], sr);
            while (!(fn & 1) && fn) {
                fn >>= 1;
                sn >>= 1;
            }
        } else {
            join(sr, sr, hash[i]);
        }
        fn >>= 1;
        sn >>= 1;
    }
    return sn == 0 && memcmp(fr, older, HASH) == 0 && memcmp(sr, c->root, HASH) == 0;
}

/* `SIZE ROOT` and the hashes of a proof, a line each; sizes rise. */
static void check_consistency(const struct checkpoint *c)
{
    struct bytes b = files_read("consistency", "V110");
    unsigned char hash[64][HASH], root[48], raw[48];
    size_t at = 0, next, len;
    const char *line, *space;
    int64_t before = 0, size = 0;
    bool good = true;
    int n;

    for (; good && at < b.n; before = size) {
        good = next_line(&b, &at, &line, &len) && (space = memchr(line, ' ', len)) &&
               decimal_of(line, (size_t)(space - line), &size) && size > before &&
               size < c->size && len - (size_t)(space + 1 - line) == 44 &&
               unbase64(root, space + 1, 44) == HASH;
        next = at;
        for (n = 0; good && next_line(&b, &next, &line, &len) && !memchr(line, ' ', len); n++) {
            good = n < 64 && len == 44 && unbase64(raw, line, len) == HASH;
            if (good)
                memcpy(hash[n], raw, HASH);
            at = next;
        }
        good = good && continues(root, size, hash, n, c);
        if (good && size == memory_size())
            memory_probe(root);
    }
    if (!good)
        finding(TAMPERED, "V121",
                "a proof of consistency, behind that of %lld entries, is malformed or does not "
                "lead to the checkpoint",
                (long long)before);
    free(b.p);
}

static void bundle(void)
{
    struct bytes manifest = files_read("manifest", "V110"), openings;
    struct checkpoint c;
    struct scope s;
    const char *line, *why_not = NULL, *code = "V119";
    size_t at = 17, len, n, erased;
    int64_t size, lost;
    char origin[256] = "", lost_why[128];

    if (!starts(manifest.p, manifest.n, "tocsin-bundle/v1\n") ||
        !next_line(&manifest, &at, &line, &len) || !scope_parse(&s, line, len) ||
        !next_line(&manifest, &at, &line, &len) || !starts(line, len, "origin ") || len > 262)
        finding(TAMPERED, "V110", "the manifest is not one");
    memcpy(origin, line + 7, len - 7);
    if (!next_line(&manifest, &at, &line, &len) || !starts(line, len, "size ") ||
        !decimal_of(line + 5, len - 5, &size))
        finding(TAMPERED, "V110", "the manifest is not one");
    files_listed(&manifest, at);
    checkpoint_parse(&c, files_read("checkpoint", "V110"));
    if (size != c.size || strcmp(origin, c.origin) != 0)
        finding(TAMPERED, "V110", "manifest and checkpoint name another log or size");
    check_names(&s, size);
    openings = files_read("openings", "V110");
    if (s.kind == 'a') {
        check_tiles(&c, true, openings.n > 0);
        n = (size_t)c.size;
    } else {
        n = take_proofs(&s, &c);
    }
    if (s.kind == 'c')
        why_not = check_case(s.case_id);
    if (s.kind != 'r')
        log_closes();
    len = check_openings(&openings);
    if (files_has("consistency"))
        check_consistency(&c);
    files_rest();
    for (size_t i = 0; i < nlist; i++)
        log_erase(&list[i].e);
    erased = log_erased(&lost);
    /* The entry that says why may stand behind the checkpoint or the range. */
    if (lost >= 0 && !why_not) {
        (void)snprintf(
            lost_why, sizeof(lost_why),
            "entry %lld: what it commits to is gone, and no audit.erase here says why",
            (long long)lost);
        code = "V009";
        why_not = lost_why;
    }
    printf("%s %s, %zu entries, %zu opened",
           s.kind == 'a'   ? "all"
           : s.kind == 'c' ? "case"
                           : "range",
           s.case_id, n, len);
    if (erased)
        printf(", %zu erased and covered", erased);
    puts("");
    settle(&c, code, why_not);
    free(c.note.p);
    free(openings.p);
    free(manifest.p);
    free(list);
}

/* --- what it is -------------------------------------------------------------------------------------- */

static bool only_tiles(void)
{
    size_t n = files_count(), tiles = 0;

    for (size_t i = 0; i < n; i++)
        tiles += starts(files_name(i), strlen(files_name(i)), "tile/");
    return files_has("checkpoint") && tiles > 0 && tiles + 1 == n;
}

static bool is_proof(const char *path)
{
    char head[sizeof(PROOF_HEAD)] = "";
    FILE *f = fopen(path, "rb");
    size_t n = f ? fread(head, 1, sizeof(head) - 1, f) : 0;

    if (f)
        (void)fclose(f);
    return n == sizeof(head) - 1 && strcmp(head, PROOF_HEAD) == 0;
}

bool bundle_takes(const char *path)
{
    struct stat info;

    if (stat(path, &info) != 0)
        return false;
    return S_ISDIR(info.st_mode) ||
           (S_ISREG(info.st_mode) && (is_proof(path) || files_is_tar(path)));
}

void bundle_verify(const char *path)
{
    struct bytes b;
    struct checkpoint c;

    if (is_proof(path)) {
        if (!read_file(&b, path, ""))
            finding(UNUSABLE, "V118", "%s cannot be read", path);
        single_proof(&b);
        free(b.p);
        return;
    }
    files_open(path);
    if (files_has("manifest")) {
        bundle();
    } else if (only_tiles()) {
        checkpoint_parse(&c, files_read("checkpoint", "V111"));
        check_tiles(&c, false, false);
        printf("tiles, %lld entries\n", (long long)c.size);
        settle(&c, "", NULL);
        free(c.note.p);
    } else {
        finding(UNUSABLE, "V118", "%s is neither a bundle, nor tiles, nor a proof", path);
    }
    files_close();
}
