/* verify.c - the log checked entry by entry. See verify.h. Pure. */
#include "audit/verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/payload.h"
#include "core/mem.h"

#define BUCKETS 4096

/* Where a chain stands; `closed` chains must not go on, `promised` ones must end as told. */
struct chain {
    struct chain *next;
    char name[64];
    int64_t count;
    uint8_t leaf[TSN_HASH_LEN];
    int64_t closed_at; /* seq of run.closed, -1 */
    int64_t ended_at;  /* seq of run.ended on the case's chain, -1 */
};

struct tsn_verify {
    struct chain *chains[BUCKETS];
    struct tsn_tree tree;
    struct tsn_arena *arena; /* of the last entry */
    struct tsn_entry last;
    bool last_ok;
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
    c->closed_at = c->ended_at = -1;
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
    if (run->count != e->rlen || memcmp(run->leaf, e->rlast, TSN_HASH_LEN) != 0)
        find(v, e->seq, "V006", "the run's chain does not end as run.ended says");
    run->ended_at = e->seq;
}

static void check_chain(struct tsn_verify *v, const struct tsn_entry *e, const uint8_t *leaf)
{
    struct chain *c = chain_of(v, e->chain);
    static const uint8_t zeros[TSN_HASH_LEN];

    if (e->rseq != c->count)
        find(v, e->seq, "V003", "its chain has a gap or a repetition");
    else if (memcmp(e->rprev, c->count ? c->leaf : zeros, TSN_HASH_LEN) != 0)
        find(v, e->seq, "V003", "it does not continue its chain");
    if (c->closed_at >= 0)
        find(v, e->seq, "V006", "its run was closed before");
    c->count = e->rseq + 1;
    memcpy(c->leaf, leaf, TSN_HASH_LEN);
    if (strcmp(e->kind, "run.closed") == 0)
        c->closed_at = e->seq;
}

void tsn_verify_add(struct tsn_verify *v, int64_t seq, const char *text, size_t len,
                    const uint8_t *leaf)
{
    uint8_t computed[TSN_HASH_LEN];
    struct tsn_diag diag;

    tsn_arena_destroy(v->arena);
    v->arena = tsn_arena_new();
    v->last_ok = false;
    tsn_entry_leaf(computed, text, len);
    if ((uint64_t)seq != v->tree.size)
        find(v, (int64_t)v->tree.size, "V002", "it is missing, or stands at another position");
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
    check_chain(v, &v->last, computed);
    check_ended(v, &v->last);
}

void tsn_verify_payload(struct tsn_verify *v, const void *blob, size_t len, const uint8_t *key)
{
    struct tsn_payload_box box;
    size_t at = 0;
    tsn_err err;

    if (!v->last_ok || len == 0)
        return;
    while ((err = tsn_payload_next(blob, len, &at, &box)) == 0) {
        const struct tsn_commit *c = NULL;

        for (size_t i = 0; i < v->last.ncommits; i++) {
            if (strcmp(v->last.commits[i].name, box.name) == 0)
                c = &v->last.commits[i];
        }
        if (!c) {
            find(v, v->last.seq, "V007",
                 "a payload stands beside it that it does not commit to");
        } else if (!key) {
            v->result.payloads_sealed++;
        } else if (tsn_payload_open_box(&v->last, c, &box, key, NULL) != 0) {
            find(v, v->last.seq, "V007", "its payload does not match its commitment");
        } else {
            v->result.payloads_opened++;
        }
    }
    if (err != TSN_ENOTFOUND)
        find(v, v->last.seq, "V007", "its payload is damaged");
}

void tsn_verify_finish(struct tsn_verify *v, uint64_t size, const uint8_t *root)
{
    uint8_t computed[TSN_HASH_LEN];

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
            if (c->closed_at >= 0 && c->ended_at < 0)
                find(v, c->closed_at, "V006",
                     "its run was closed but its case does not say so");
        }
    }
    if (v->result.verdict != TSN_TAMPERED)
        v->result.verdict = root ? TSN_VERIFIED : TSN_CANNOT_TELL;
}

void tsn_verify_result(const struct tsn_verify *v, struct tsn_verify_result *out)
{
    *out = v->result;
}
