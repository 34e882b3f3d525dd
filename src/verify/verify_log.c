/* verify_log.c - entries in their order: positions, chains, closes, the boot clock. One record a
 * chain. See tocsin_verify.h. */
#include "verify/tocsin_verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 65536

struct chain {
    struct chain *next;
    char name[40];
    int64_t count, last;     /* entries; position of the last one, -1 */
    char leaf[2 * HASH + 1]; /* of the last one */
    int64_t closed, told;    /* positions of run.closed and run.ended, -1 */
};

static struct chain *chains[BUCKETS];
static char last_node[513], last_boot[9]; /* of the entry before; node "" at first */
static int64_t last_ns;

static struct chain **slot_of(const char *name)
{
    unsigned h = 5381;

    for (const char *s = name; *s; s++)
        h = h * 33 + (unsigned char)*s;
    return &chains[h % BUCKETS];
}

static struct chain *find_chain(const char *name)
{
    struct chain *c = *slot_of(name);

    while (c && strcmp(c->name, name) != 0)
        c = c->next;
    return c;
}

static struct chain *chain_named(const char *name)
{
    struct chain *c = find_chain(name), **slot;

    if (c)
        return c;
    c = need(sizeof(*c));
    slot = slot_of(name);
    (void)snprintf(c->name, sizeof(c->name), "%s", name);
    memset(c->leaf, '0', 2 * HASH);
    c->last = c->closed = c->told = -1;
    c->next = *slot;
    *slot = c;
    return c;
}

bool log_has_chain(const char *name)
{
    return find_chain(name) != NULL;
}

static void check_ended(const struct entry *e, bool part)
{
    char name[40];
    struct chain *run;

    if (strcmp(e->kind, "run.ended") != 0)
        return;
    if (!e->run[0] || !e->rlast[0])
        finding(TAMPERED, "V006", "entry %lld: run.ended without run or rlast",
                (long long)e->seq);
    (void)snprintf(name, sizeof(name), "run:%s", e->run);
    run = find_chain(name);
    if (!run && part)
        return;
    if (!run || (run->closed < 0 && !part))
        finding(TAMPERED, "V006", "entry %lld: it ends a run that is not closed",
                (long long)e->seq);
    if (run->count != e->rlen || strcmp(run->leaf, e->rlast) != 0)
        finding(TAMPERED, "V006", "entry %lld: the run's chain does not end as it says",
                (long long)e->seq);
    run->told = e->seq;
}

static void check_clock(const struct entry *e)
{
    if (e->boot_ns < 0)
        return;
    if (strcmp(e->node, last_node) == 0 && strcmp(e->boot, last_boot) == 0 &&
        e->boot_ns < last_ns)
        finding(TAMPERED, "V008",
                "entry %lld: its boot clock is behind that of the entry before",
                (long long)e->seq);
    memcpy(last_node, e->node, strlen(e->node) + 1);
    memcpy(last_boot, e->boot, sizeof(last_boot));
    last_ns = e->boot_ns;
}

void log_add(int64_t at, const char *text, size_t len, bool part, struct entry *e,
             unsigned char leaf[HASH], int64_t *prev)
{
    static const char zeros[] =
        "0000000000000000000000000000000000000000000000000000000000000000";
    const char *wrong = entry_parse(e, text, len);
    struct chain *c;

    if (wrong)
        finding(TAMPERED, "V001", "entry %lld: %s", (long long)at, wrong);
    if (e->seq != at || e->ref >= at)
        finding(TAMPERED, "V002",
                "entry %lld: it names another position, or refers to a later one",
                (long long)at);
    c = chain_named(e->chain);
    if (part && c->last < 0) {
        if (e->rseq == 0 && strcmp(e->rprev, zeros) != 0)
            finding(TAMPERED, "V003", "entry %lld: it does not begin its chain", (long long)at);
    } else if (e->rseq != c->count || strcmp(e->rprev, c->leaf) != 0) {
        finding(TAMPERED, "V003", "entry %lld: it does not continue its chain", (long long)at);
    }
    if (c->closed >= 0)
        finding(TAMPERED, "V006", "entry %lld: its run was closed before", (long long)at);
    leaf_of(leaf, text, len);
    if (prev)
        *prev = c->last;
    c->last = at;
    c->count = e->rseq + 1;
    hex(c->leaf, leaf);
    if (strcmp(e->kind, "run.closed") == 0)
        c->closed = at;
    check_ended(e, part);
    check_clock(e);
}

void log_closes(void)
{
    const struct chain *first = NULL;

    for (size_t i = 0; i < BUCKETS; i++)
        for (const struct chain *c = chains[i]; c; c = c->next)
            if (c->closed >= 0 && c->told < 0 && (!first || c->closed < first->closed))
                first = c;
    if (first)
        finding(TAMPERED, "V006", "entry %lld: its run was closed but its case does not say so",
                (long long)first->closed);
}

/* --- erasure ---------------------------------------------------------------------------------- */

struct gone {
    struct gone *next; /* older */
    int64_t seq;
    char case_id[27];
    bool covered;
};

static struct gone *gone; /* newest first */

void log_gone(const struct entry *e)
{
    struct gone *g = need(sizeof(*g));

    g->seq = e->seq;
    memcpy(g->case_id, e->case_id, sizeof(g->case_id));
    g->next = gone;
    gone = g;
}

/* `from` is the position of an entry, or the word case for everything that stood beside the entries
 * of its case so far. */
void log_erase(const struct entry *e)
{
    bool whole = strcmp(e->from, "case") == 0 && e->case_id[0];
    char seq[24];

    if (strcmp(e->kind, "audit.erase") != 0)
        return;
    for (struct gone *g = gone; g; g = g->next) {
        (void)snprintf(seq, sizeof(seq), "%lld", (long long)g->seq);
        if (g->seq < e->seq &&
            (whole ? strcmp(g->case_id, e->case_id) == 0 : strcmp(e->from, seq) == 0))
            g->covered = true;
    }
}

size_t log_erased(int64_t *lost)
{
    size_t n = 0;

    *lost = -1;
    for (const struct gone *g = gone; g; g = g->next) {
        n += g->covered;
        *lost = g->covered ? *lost : g->seq; /* the oldest one */
    }
    return n;
}

void log_free(void)
{
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct chain *c = chains[i], *next; c; c = next) {
            next = c->next;
            free(c);
        }
    for (struct gone *next; gone; gone = next) {
        next = gone->next;
        free(gone);
    }
}
