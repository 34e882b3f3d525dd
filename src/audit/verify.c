/* verify.c - the log checked entry by entry. See verify.h. Pure; one thread at a time.
 *
 * Owns one record per chain. Codes: V001 text, V002 position, V003 chain, V004 leaf, V005 tree,
 * V006 ends of runs, V007 payload differs, V008 boot clock, V009 payload gone, V011 no head,
 * V012 stored end of a chain.
 */
#include "audit/verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/payload.h"
#include "core/mem.h"
#include "core/text.h"

#define BUCKETS       4096
#define ARENA_ENTRIES 64 /* that share an arena: making one costs as much as parsing */

/* Where a chain stands; a closed one must not go on and must end as its case was told. */
struct chain {
    struct chain *next;
    char name[64];
    int64_t count;
    int64_t last; /* seq of its last entry, -1 */
    uint8_t leaf[TSN_HASH_LEN];
    int64_t closed_at; /* seq of run.closed, -1 */
    int64_t ended_at;  /* seq of run.ended on the case's chain, -1 */
    bool stored;       /* its stored end was shown and is right */
};

/* A payload that is not there. An audit.erase entry behind it may say why. */
struct absent {
    int64_t seq;
    char case_id[27];
    bool covered;
};

struct tsn_verify {
    struct chain *chains[BUCKETS];
    struct tsn_tree tree;
    struct tsn_arena *arena; /* of the last entries */
    struct tsn_entry last;
    bool last_ok;
    bool partial; /* chains may begin anywhere */
    bool stored;  /* stored ends of chains are shown, so each chain must have one */
    struct absent *absent;
    size_t nabsent, absent_cap;
    int64_t last_prev; /* seq of the entry before it in its chain, -1 */
    bool payloads;     /* payloads are shown at all, so a missing one is a finding */
    bool payload_due;  /* the last entry commits to one that was not shown yet */
    char node[TSN_ENTRY_VALUE_MAX + 1], boot[9]; /* of the last entry, for its boot clock */
    int64_t boot_ns;
    struct tsn_verify_result result;
};

struct tsn_verify *tsn_verify_new(void)
{
    struct tsn_verify *v = tsn_alloc(sizeof(*v));

    tsn_tree_init(&v->tree);
    tsn_diag_init(&v->result.diag);
    v->result.bad_seq = -1;
    v->result.verdict = TSN_CANNOT_TELL;
    return v;
}

void tsn_verify_destroy(struct tsn_verify *v)
{
    if (!v)
        return;
    for (size_t i = 0; i < BUCKETS; i++) {
        struct chain *c = v->chains[i], *next;

        for (; c; c = next) {
            next = c->next;
            free(c);
        }
    }
    tsn_arena_destroy(v->arena);
    free(v->absent);
    free(v);
}

/* The first finding is the one to tell; what follows is often only its consequence. */
static void find(struct tsn_verify *v, int64_t seq, const char *code, const char *why)
{
    if (v->result.bad_seq >= 0 || v->result.verdict == TSN_TAMPERED)
        return;
    v->result.verdict = TSN_TAMPERED;
    v->result.bad_seq = seq;
    tsn_diag_hint(&v->result.diag, "do not rely on this log; keep it, it is evidence");
    tsn_diag_set(&v->result.diag, TSN_ETAMPERED, code, "entry %lld: %s", (long long)seq, why);
}

static struct chain *chain_of(struct tsn_verify *v, const char *name)
{
    uint32_t h = 2166136261u;
    struct chain **slot, *c;

    for (const char *s = name; *s; s++)
        h = (h ^ (unsigned char)*s) * 16777619u;
    slot = &v->chains[h % BUCKETS];
    for (c = *slot; c; c = c->next) {
        if (strcmp(c->name, name) == 0)
            return c;
    }
    c = tsn_alloc(sizeof(*c));
    snprintf(c->name, sizeof(c->name), "%s", name);
    c->last = c->closed_at = c->ended_at = -1;
    c->next = *slot;
    *slot = c;
    v->result.chains++;
    return c;
}

static void check_ended(struct tsn_verify *v, const struct tsn_entry *e)
{
    char name[64];
    struct chain *run;

    if (strcmp(e->kind, "run.ended") != 0)
        return;
    if (!e->run || !e->rlast) {
        find(v, e->seq, "V006", "run.ended does not say how the run's chain ends");
        return;
    }
    snprintf(name, sizeof(name), "run:%s", e->run);
    run = chain_of(v, name);
    if (v->partial && run->last < 0)
        return; /* nothing of it is here */
    if (run->closed_at < 0 && !v->partial)
        find(v, e->seq, "V006", "it ends a run whose chain is not closed");
    if (run->count != e->rlen || memcmp(run->leaf, e->rlast, TSN_HASH_LEN) != 0)
        find(v, e->seq, "V006", "the run's chain does not end as run.ended says");
    run->ended_at = e->seq;
}

static void check_chain(struct tsn_verify *v, const struct tsn_entry *e, const uint8_t *leaf)
{
    struct chain *c = chain_of(v, e->chain);
    static const uint8_t zeros[TSN_HASH_LEN];

    if (v->partial && c->last < 0)
        c->count = e->rseq; /* here it begins; what it continues is not shown */
    if (e->rseq != c->count)
        find(v, e->seq, "V003", "its chain has a gap or a repetition");
    else if ((c->last >= 0 || c->count == 0) &&
             memcmp(e->rprev, c->count ? c->leaf : zeros, TSN_HASH_LEN) != 0)
        find(v, e->seq, "V003", "it does not continue its chain");
    if (c->closed_at >= 0)
        find(v, e->seq, "V006", "its run was closed before");
    v->last_prev = c->last;
    c->last = e->seq;
    c->count = e->rseq + 1;
    memcpy(c->leaf, leaf, TSN_HASH_LEN);
    if (strcmp(e->kind, "run.closed") == 0)
        c->closed_at = e->seq;
}

/* Boot time cannot go back while one start of one node writes within one boot. */
static void check_clock(struct tsn_verify *v, const struct tsn_entry *e)
{
    const char *boot =
        strchr(strchr(e->clock, ',') + 1, ',') + 1; /* parsing checked the form */
    int64_t ns = 0;

    if (tsn_parse_int(boot + 9, 0, INT64_MAX, &ns) != 0)
        return;
    if (ns < v->boot_ns && strncmp(v->boot, boot, 8) == 0 && strcmp(v->node, e->node) == 0)
        find(v, e->seq, "V008", "its boot clock is behind that of the entry before");
    (void)tsn_copy(v->boot, sizeof(v->boot), boot); /* cuts behind the eight digits */
    (void)tsn_copy(v->node, sizeof(v->node), e->node);
    v->boot_ns = ns;
}

/* The next entry, or the end, has come and the payload of the last one has not. */
static void check_payload_came(struct tsn_verify *v)
{
    if (v->payload_due && v->payloads) {
        struct absent *a;

        if (v->nabsent == v->absent_cap) {
            v->absent_cap = v->absent_cap ? v->absent_cap * 2 : 64;
            v->absent = tsn_realloc(v->absent, v->absent_cap * sizeof(*v->absent));
        }
        a = &v->absent[v->nabsent++];
        a->seq = v->last.seq;
        a->covered = false;
        (void)tsn_copy(a->case_id, sizeof(a->case_id), v->last.case_id ? v->last.case_id : "");
    }
    v->payload_due = false;
}

/* audit.erase: `from` is the position of an entry, or `case` for all that stood beside the entries of
 * its case when it was written. */
static void check_erase(struct tsn_verify *v, const struct tsn_entry *e)
{
    bool whole = e->from && strcmp(e->from, "case") == 0 && e->case_id;
    int64_t seq = -1;

    if (strcmp(e->kind, "audit.erase") != 0 || !e->from)
        return;
    if (!whole && tsn_parse_int(e->from, 0, INT64_MAX, &seq) != 0)
        return;
    for (size_t i = 0; i < v->nabsent; i++) {
        struct absent *a = &v->absent[i];

        if (!a->covered && (whole ? strcmp(a->case_id, e->case_id) == 0 : a->seq == seq)) {
            a->covered = true;
            v->result.payloads_erased++;
        }
    }
}

static void check_absent(struct tsn_verify *v)
{
    for (size_t i = 0; i < v->nabsent; i++) {
        if (!v->absent[i].covered) {
            find(v, v->absent[i].seq, "V009",
                 "it commits to a payload, which is gone, and no audit.erase covers it");
            return;
        }
    }
}

static void add(struct tsn_verify *v, int64_t seq, const char *text, size_t len,
                const uint8_t *leaf, bool gaps)
{
    uint8_t computed[TSN_HASH_LEN];
    struct tsn_diag diag;

    check_payload_came(v);
    if (v->result.entries % ARENA_ENTRIES == 0) {
        tsn_arena_destroy(v->arena);
        v->arena = tsn_arena_new();
    }
    v->last_ok = false;
    if (gaps)
        memcpy(computed, leaf, TSN_HASH_LEN);
    else
        tsn_entry_leaf(computed, text, len);
    if (!gaps && (uint64_t)seq != v->tree.size)
        find(v, (int64_t)v->tree.size, "V002", "it is missing, or stands at another position");
    if (!gaps)
        tsn_tree_append(&v->tree, computed);
    v->result.entries++;
    if (leaf && memcmp(leaf, computed, TSN_HASH_LEN) != 0)
        find(v, seq, "V004", "its text does not have its leaf hash");
    tsn_diag_init(&diag);
    if (tsn_entry_parse(v->arena, text, len, &v->last, &diag) != 0) {
        find(v, seq, "V001", diag.what[0] ? diag.what : "it is not an entry");
        return;
    }
    v->last_ok = true;
    if (v->last.seq != seq)
        find(v, seq, "V002", "it says that it stands at another position");
    if (v->last.ref >= seq)
        find(v, seq, "V002", "it refers to an entry that comes after it");
    check_chain(v, &v->last, computed);
    check_ended(v, &v->last);
    check_clock(v, &v->last);
    check_erase(v, &v->last);
    v->payload_due = v->last.ncommits > 0;
}

void tsn_verify_add(struct tsn_verify *v, int64_t seq, const char *text, size_t len,
                    const uint8_t *leaf)
{
    add(v, seq, text, len, leaf, false);
}

void tsn_verify_add_at(struct tsn_verify *v, int64_t seq, const char *text, size_t len,
                       const uint8_t *leaf)
{
    add(v, seq, text, len, leaf, true);
}

void tsn_verify_partial(struct tsn_verify *v)
{
    v->partial = true;
}

void tsn_verify_prev(struct tsn_verify *v, int64_t prev)
{
    if (v->last_ok && prev != v->last_prev)
        find(v, v->last.seq, "V003", "its stored link leads to another entry than its chain");
}

void tsn_verify_chain(struct tsn_verify *v, const char *chain, int64_t seq, int64_t rseq,
                      const uint8_t *leaf)
{
    struct chain *c;
    char why[160];

    /* A damaged log explains damaged ends; and its chains were not all seen. */
    if (v->result.verdict == TSN_TAMPERED)
        return;
    if (strlen(chain) < sizeof(c->name)) {
        c = chain_of(v, chain);
        if (c->last == seq && c->count == rseq + 1 && leaf &&
            memcmp(c->leaf, leaf, TSN_HASH_LEN) == 0) {
            c->stored = v->stored = true;
            return;
        }
    }
    (void)snprintf(why, sizeof(why), "the stored end of chain %.60s is not where it ends",
                   chain);
    find(v, seq < 0 ? 0 : seq, "V012", why);
}

void tsn_verify_payload(struct tsn_verify *v, const void *blob, size_t len, const uint8_t *key)
{
    const struct tsn_entry *e = &v->last;
    struct tsn_payload_box box;
    size_t at = 0, n = 0;
    tsn_err err;

    v->payloads = true;
    if (!v->last_ok)
        return;
    if (len == 0) {
        check_payload_came(v);
        return;
    }
    v->payload_due = false;
    /* Sealing writes the fields in the order of the commitments: anything else was touched. */
    while ((err = tsn_payload_next(blob, len, &at, &box)) == 0) {
        if (n == e->ncommits || strcmp(e->commits[n].name, box.name) != 0) {
            find(v, e->seq, "V007", "a payload stands beside it that it does not commit to");
            return;
        }
        if (!key)
            v->result.payloads_sealed++;
        else if (tsn_payload_open_box(e, &e->commits[n], &box, key, NULL) == 0)
            v->result.payloads_opened++;
        else
            find(v, e->seq, "V007", "its payload does not match its commitment");
        n++;
    }
    if (err != TSN_ENOTFOUND)
        find(v, e->seq, "V007", "its payload is damaged");
    else if (n < e->ncommits)
        find(v, e->seq, "V009", "it commits to a payload, which is gone");
}

void tsn_verify_find(struct tsn_verify *v, int64_t seq, const char *code, const char *why)
{
    find(v, seq, code, why);
}

void tsn_verify_closes(struct tsn_verify *v)
{
    const struct chain *open = NULL; /* the first closed run whose case was not told */

    for (size_t i = 0; i < BUCKETS; i++)
        for (const struct chain *c = v->chains[i]; c; c = c->next)
            if (c->closed_at >= 0 && c->ended_at < 0 &&
                (!open || c->closed_at < open->closed_at))
                open = c;
    if (open)
        find(v, open->closed_at, "V006", "its run was closed but its case does not say so");
}

void tsn_verify_finish(struct tsn_verify *v, uint64_t size, const uint8_t *root)
{
    uint8_t computed[TSN_HASH_LEN];
    const struct chain *lost = NULL; /* the first chain without a stored end */

    check_payload_came(v);
    check_absent(v);
    tsn_tree_root(&v->tree, computed);
    memcpy(v->result.root, computed, TSN_HASH_LEN);
    if (root && v->tree.size != size)
        find(v, (int64_t)(v->tree.size < size ? v->tree.size : size), "V005",
             v->tree.size < size ? "it is missing at the end" : "it stands behind the head");
    if (root && memcmp(root, computed, TSN_HASH_LEN) != 0)
        find(v, (int64_t)v->tree.size, "V005",
             "the root of the tree is not the one of the head");
    for (size_t i = 0; i < BUCKETS; i++) {
        for (const struct chain *c = v->chains[i]; c; c = c->next) {
            if (v->stored && !c->stored && (!lost || c->last < lost->last))
                lost = c;
        }
    }
    tsn_verify_closes(v);
    if (lost)
        find(v, lost->last, "V012", "the stored end of its chain is gone");
    if (v->result.verdict == TSN_TAMPERED)
        return;
    v->result.verdict = root ? TSN_VERIFIED : TSN_CANNOT_TELL;
    if (!root)
        tsn_diag_set(&v->result.diag, TSN_ENOTFOUND, "V011",
                     "there is no head: entries cut from the end would not show");
}

bool tsn_verify_tampered(const struct tsn_verify *v)
{
    return v->result.verdict == TSN_TAMPERED;
}

void tsn_verify_result(const struct tsn_verify *v, struct tsn_verify_result *out)
{
    *out = v->result;
}
