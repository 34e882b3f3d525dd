/* tocsin_verify.c - tocsin-verify FILE: every text, leaf, position, chain, close and the root.
 *
 * Stops at the first finding. Memory: one record a chain, and one an erased payload. See tocsin_verify.h.
 */
#include "verify/tocsin_verify.h"

#include <errno.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 65536

enum { VERIFIED = 0, TAMPERED = 20, CANNOT_TELL = 21, UNUSABLE = 22 };

struct chain {
    struct chain *next;
    char name[40];
    int64_t count, last;     /* entries; position of the last one, -1 */
    char leaf[2 * HASH + 1]; /* of the last one */
    int64_t closed, told;    /* positions of run.closed and run.ended, -1 */
};

/* Roots of complete trees, each smaller than the one below it. */
struct peak {
    int height;
    unsigned char hash[HASH];
};

struct gone {
    struct gone *next; /* older */
    int64_t seq;
    char case_id[27];
    bool covered;
};

static struct chain *chains[BUCKETS];
static struct gone *gone; /* newest first */
static size_t ngone;
static struct peak peaks[64];
static size_t npeaks;
static struct entry before; /* the entry before this one; node "" at first */

static void hex(char out[2 * HASH + 1], const unsigned char *p)
{
    for (int i = 0; i < HASH; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", p[i]);
}

static void join(unsigned char out[HASH], const unsigned char *left, const unsigned char *right)
{
    unsigned char in[1 + 2 * HASH];

    in[0] = 1;
    memcpy(in + 1, left, HASH);
    memcpy(in + 1 + HASH, right, HASH);
    SHA256(in, sizeof(in), out);
}

static void add_leaf(const unsigned char *leaf)
{
    struct peak p = {.height = 0};

    memcpy(p.hash, leaf, HASH);
    for (; npeaks > 0 && peaks[npeaks - 1].height == p.height; p.height++)
        join(p.hash, peaks[--npeaks].hash, p.hash);
    peaks[npeaks++] = p;
}

static void root_of(char out[2 * HASH + 1])
{
    unsigned char h[HASH];

    SHA256((const unsigned char *)"", 0, h);
    for (size_t i = npeaks; i > 0; i--) {
        if (i == npeaks)
            memcpy(h, peaks[i - 1].hash, HASH);
        else
            join(h, peaks[i - 1].hash, h);
    }
    hex(out, h);
}

static struct chain *chain_named(const char *name)
{
    unsigned h = 5381;
    struct chain *c;

    for (const char *s = name; *s; s++)
        h = h * 33 + (unsigned char)*s;
    for (c = chains[h % BUCKETS]; c; c = c->next)
        if (strcmp(c->name, name) == 0)
            return c;
    c = calloc(1, sizeof(*c));
    if (!c) {
        (void)fputs("UNUSABLE  out of memory\n", stdout);
        exit(UNUSABLE);
    }
    (void)snprintf(c->name, sizeof(c->name), "%s", name);
    memset(c->leaf, '0', 2 * HASH);
    c->last = c->closed = c->told = -1;
    c->next = chains[h % BUCKETS];
    chains[h % BUCKETS] = c;
    return c;
}

/* What is gone, and whether an audit.erase entry behind it says so: its `from` is the position of an
 * entry, or the word case for everything that stood beside the entries of its case so far. */
static void note_gone(const struct entry *e)
{
    struct gone *g = calloc(1, sizeof(*g));

    if (!g) {
        (void)fputs("UNUSABLE  out of memory\n", stdout);
        exit(UNUSABLE);
    }
    g->seq = e->seq;
    memcpy(g->case_id, e->case_id, sizeof(g->case_id));
    g->next = gone;
    gone = g;
    ngone++;
}

static void check_erase(const struct entry *e)
{
    bool whole = strcmp(e->from, "case") == 0 && e->case_id[0];
    char seq[24];

    if (strcmp(e->kind, "audit.erase") != 0)
        return;
    for (struct gone *g = gone; g; g = g->next) {
        (void)snprintf(seq, sizeof(seq), "%lld", (long long)g->seq);
        if (whole ? strcmp(g->case_id, e->case_id) == 0 : strcmp(e->from, seq) == 0)
            g->covered = true;
    }
}

static const char *check_ended(const struct entry *e)
{
    char name[40];
    struct chain *run;

    if (strcmp(e->kind, "run.ended") != 0)
        return NULL;
    if (!e->run[0] || !e->rlast[0])
        return "run.ended without run or rlast";
    (void)snprintf(name, sizeof(name), "run:%s", e->run);
    run = chain_named(name);
    if (run->closed < 0)
        return "it ends a run that is not closed";
    if (run->count != e->rlen || strcmp(run->leaf, e->rlast) != 0)
        return "the run's chain does not end as it says";
    run->told = e->seq;
    return NULL;
}

/* NULL, or what is wrong with the entry at position `at`. */
static const char *check(const struct row *row, int64_t at)
{
    static unsigned char prefixed[1 << 16];
    unsigned char leaf[HASH], *text = prefixed;
    char leaf_hex[2 * HASH + 1];
    const char *wrong;
    struct entry e;
    struct chain *c;
    int64_t last;

    if (row->seq != at)
        return "it stands at another position: one is missing, or moved";
    if (row->not_text || row->entry_len >= sizeof(prefixed))
        return "it is not an entry";
    text[0] = 0;
    memcpy(text + 1, row->entry, row->entry_len);
    SHA256(text, row->entry_len + 1, leaf);
    hex(leaf_hex, leaf);
    if (strcmp(row->leaf, leaf_hex) != 0)
        return "its text does not have its leaf hash";
    wrong = entry_parse(&e, row->entry, row->entry_len);
    if (wrong)
        return wrong;
    if (e.seq != at || e.ref >= at)
        return "it names another position, or refers to a later one";
    c = chain_named(e.chain);
    if (e.rseq != c->count || strcmp(e.rprev, c->leaf) != 0)
        return "it does not continue its chain";
    if (c->closed >= 0)
        return "its run was closed before";
    last = c->last;
    c->last = at;
    c->count++;
    memcpy(c->leaf, leaf_hex, sizeof(leaf_hex));
    if (strcmp(e.kind, "run.closed") == 0)
        c->closed = at;
    wrong = check_ended(&e);
    if (wrong)
        return wrong;
    if (row->prev != last)
        return "its stored link leads elsewhere";
    if (row->gone)
        note_gone(&e);
    check_erase(&e);
    if (e.boot_ns >= 0) {
        if (strcmp(e.node, before.node) == 0 && strcmp(e.boot, before.boot) == 0 &&
            e.boot_ns < before.boot_ns)
            return "its boot clock is behind that of the entry before";
        before = e;
    }
    add_leaf(leaf);
    return NULL;
}

static const char *check_closes(int64_t *at)
{
    const struct chain *first = NULL;

    for (size_t i = 0; i < BUCKETS; i++)
        for (const struct chain *c = chains[i]; c; c = c->next)
            if (c->closed >= 0 && c->told < 0 && (!first || c->closed < first->closed))
                first = c;
    if (!first)
        return NULL;
    *at = first->closed;
    return "its run was closed but its case does not say so";
}

static int say(int verdict, int64_t at, const char *what)
{
    const char *word = verdict == TAMPERED   ? "TAMPERED"
                       : verdict == UNUSABLE ? "UNUSABLE"
                                             : "CANNOT TELL";

    printf("%s  %s %lld: %s\n", word, verdict == UNUSABLE ? "line" : "entry", (long long)at,
           what);
    return verdict;
}

static int verify(FILE *f)
{
    struct row row = {.is_head = false};
    char *line = NULL, root[2 * HASH + 1];
    const char *wrong = NULL;
    size_t cap = 0;
    ssize_t len;
    int64_t n = 0, lost = -1;
    int verdict = VERIFIED;

    while (verdict == VERIFIED && (len = getline(&line, &cap, f)) > 0) {
        if (row.is_head) /* lines behind the head */
            verdict = say(UNUSABLE, n + 2, "there is more behind the head");
        else if (line[len - 1] != '\n' || !row_parse(&row, line, (size_t)len - 1))
            verdict = say(UNUSABLE, n + 1, "not a line of `tocsin audit export`, or cut");
        else if (!row.is_head && (wrong = check(&row, n)) != NULL)
            verdict = say(TAMPERED, n, wrong);
        else if (!row.is_head)
            n++;
    }
    free(line);
    if (verdict != VERIFIED)
        return verdict;
    if (ferror(f))
        return say(UNUSABLE, n + 1, strerror(errno));
    root_of(root);
    if (row.is_head && row.size != n)
        return say(TAMPERED, n < row.size ? n : row.size,
                   "the head has another number of entries");
    if (row.is_head && strcmp(row.root, root) != 0)
        return say(TAMPERED, n, "the root is not that of the head");
    wrong = check_closes(&n);
    if (wrong)
        return say(TAMPERED, n, wrong);
    for (const struct gone *g = gone; g; g = g->next)
        lost = g->covered ? lost : g->seq; /* the oldest one */
    if (lost >= 0)
        return say(TAMPERED, lost, "what it commits to is gone, and nothing says why");
    if (!row.is_head)
        return say(n ? CANNOT_TELL : UNUSABLE, n, "there is no head: a cut would not show");
    printf("VERIFIED  %lld entries, root %s\n", (long long)row.size, root);
    if (ngone)
        printf("erased    %zu payloads, each covered by an audit.erase entry\n", ngone);
    puts("not proved: that the whole log was not exchanged (compare size and root with ones "
         "you");
    puts("kept, or a signed checkpoint), the sealed payloads, and that statements are true");
    return VERIFIED;
}

int main(int argc, char **argv)
{
    FILE *f;
    int verdict;

    if (argc != 2 || (argv[1][0] == '-' && argv[1][1])) {
        (void)fputs(
            "usage: tocsin-verify FILE   (what `tocsin audit export` wrote; - = stdin)\n"
            "exits: 0 verified, 20 tampered, 21 cannot tell, 22 unusable\n",
            stderr);
        return UNUSABLE;
    }
    f = strcmp(argv[1], "-") == 0 ? stdin : fopen(argv[1], "rb");
    if (!f)
        return say(UNUSABLE, 0, strerror(errno));
    verdict = verify(f);
    if (f != stdin)
        (void)fclose(f);
    for (struct gone *next; gone; gone = next) {
        next = gone->next;
        free(gone);
    }
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct chain *c = chains[i], *next; c; c = next) {
            next = c->next;
            free(c);
        }
    return verdict;
}
