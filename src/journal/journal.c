/* journal.c - the replay machine (see journal.h).
 *
 * Owns copies of everything it was given, in one arena. Each path has one entry which goes
 * through: recorded or not, asked or not, settled or not, delivered or not. Once a divergence
 * was seen the machine answers nothing else any more: a diverged run must not go on by chance.
 * One thread.
 */
#include "journal/journal.h"

#include <stdlib.h>
#include <string.h>
#include "core/mem.h"

struct jentry {
    struct tsn_jitem item;
    uint32_t hash;
    bool recorded; /* was in the items given to new() */
    bool asked;    /* the code of this life has come to it */
};

struct tsn_journal {
    struct tsn_arena *arena;
    struct jentry **entries; /* in the order they came */
    size_t n, cap;
    struct jentry **slots; /* open addressing by path; size is a power of two */
    size_t nslots;
    struct jentry **order; /* order[deliver_no - 1] */
    size_t nsettled, order_cap;
    size_t ndelivered;
    bool diverged;
};

static uint32_t path_hash(const char *path)
{
    uint32_t h = 2166136261u;
    for (const char *p = path; *p; p++)
        h = (h ^ (unsigned char)*p) * 16777619u;
    return h;
}

static struct jentry *entry_find(const struct tsn_journal *j, const char *path)
{
    if (!j->nslots)
        return NULL;
    uint32_t h = path_hash(path);
    for (size_t i = h & (j->nslots - 1);; i = (i + 1) & (j->nslots - 1)) {
        struct jentry *e = j->slots[i];
        if (!e || (e->hash == h && strcmp(e->item.path, path) == 0))
            return e;
    }
}

static void slot_put(struct tsn_journal *j, struct jentry *e)
{
    size_t i = e->hash & (j->nslots - 1);
    while (j->slots[i])
        i = (i + 1) & (j->nslots - 1);
    j->slots[i] = e;
}

static struct jentry *entry_add(struct tsn_journal *j, const char *path)
{
    if (j->n == j->cap) {
        j->cap = j->cap ? j->cap * 2 : 64;
        j->entries = tsn_realloc(j->entries, j->cap * sizeof(struct jentry *));
    }
    if ((j->n + 1) * 2 > j->nslots) {
        free(j->slots);
        j->nslots = j->nslots ? j->nslots * 2 : 128;
        j->slots = tsn_alloc(j->nslots * sizeof(struct jentry *));
        for (size_t i = 0; i < j->n; i++)
            slot_put(j, j->entries[i]);
    }
    struct jentry *e = tsn_arena_alloc(j->arena, sizeof *e);
    e->item.path = tsn_arena_strdup(j->arena, path);
    e->hash = path_hash(path);
    j->entries[j->n++] = e;
    slot_put(j, e);
    return e;
}

static void order_room(struct tsn_journal *j, size_t need)
{
    if (need <= j->order_cap)
        return;
    size_t cap = j->order_cap ? j->order_cap : 64;
    while (cap < need)
        cap *= 2;
    j->order = tsn_realloc(j->order, cap * sizeof(struct jentry *));
    memset(j->order + j->order_cap, 0, (cap - j->order_cap) * sizeof(struct jentry *));
    j->order_cap = cap;
}

static bool item_sound(const struct tsn_jitem *it, size_t n)
{
    if (!it->path || !tsn_path_valid(it->path) || !it->name || !tsn_jkind_name(it->kind))
        return false;
    switch (it->state) {
    case TSN_J_INTENDED:
        return it->deliver_no == 0 && !it->outcome && !it->result;
    case TSN_J_SETTLED:
        return it->outcome && it->deliver_no >= 1 && (uint64_t)it->deliver_no <= n;
    }
    return false;
}

static tsn_err item_add(struct tsn_journal *j, const struct tsn_jitem *it, size_t n)
{
    if (!item_sound(it, n) || entry_find(j, it->path))
        return TSN_EINPUT;
    struct jentry *e = entry_add(j, it->path);
    const char *path = e->item.path;
    e->item = *it;
    e->item.path = path;
    e->item.name = tsn_arena_strdup(j->arena, it->name);
    e->item.outcome = tsn_arena_strdup(j->arena, it->outcome);
    e->item.result = tsn_arena_strdup(j->arena, it->result);
    e->recorded = true;
    if (it->state == TSN_J_INTENDED)
        return 0;
    if (!e->item.result)
        e->item.result = "null";
    if (j->order[it->deliver_no - 1])
        return TSN_EINPUT;
    j->order[it->deliver_no - 1] = e;
    j->nsettled++;
    return 0;
}

tsn_err tsn_journal_new(struct tsn_journal **out, const struct tsn_jitem *items, size_t n)
{
    struct tsn_journal *j = tsn_alloc(sizeof *j);
    tsn_err err = 0;

    *out = NULL;
    j->arena = tsn_arena_new();
    order_room(j, n + 1);
    for (size_t i = 0; i < n && !err; i++)
        err = item_add(j, &items[i], n);
    /* Distinct numbers within 1..n: without a gap when the first nsettled are all there. */
    for (size_t i = 0; i < j->nsettled && !err; i++) {
        if (!j->order[i])
            err = TSN_EINPUT;
    }
    if (err) {
        tsn_journal_destroy(j);
        return err;
    }
    *out = j;
    return 0;
}

void tsn_journal_destroy(struct tsn_journal *j)
{
    if (!j)
        return;
    tsn_arena_destroy(j->arena);
    free(j->entries);
    free(j->slots);
    free(j->order);
    free(j);
}

const struct tsn_jitem *tsn_journal_at(const struct tsn_journal *j, const char *path)
{
    const struct jentry *e = entry_find(j, path);

    return e && e->recorded ? &e->item : NULL;
}

enum tsn_jverdict tsn_journal_ask(struct tsn_journal *j, const struct tsn_jrequest *req,
                                  const struct tsn_jitem **recorded)
{
    const struct tsn_jitem *unused;

    if (!recorded)
        recorded = &unused;
    *recorded = NULL;
    if (j->diverged)
        return TSN_J_DIVERGED;
    if (!req->path || !req->name || !tsn_path_valid(req->path) || !tsn_jkind_name(req->kind)) {
        j->diverged = true;
        return TSN_J_DIVERGED;
    }
    struct jentry *e = entry_find(j, req->path);
    if (!e) {
        e = entry_add(j, req->path);
        e->item.kind = req->kind;
        e->item.name = tsn_arena_strdup(j->arena, req->name);
        memcpy(e->item.fp, req->fp, sizeof req->fp);
        e->item.state = TSN_J_INTENDED;
        e->asked = true;
        return TSN_J_NEW;
    }
    if (e->asked) {
        j->diverged = true;
        return TSN_J_DIVERGED;
    }
    *recorded = &e->item;
    if (e->item.kind != req->kind || strcmp(e->item.name, req->name) != 0 ||
        memcmp(e->item.fp, req->fp, sizeof req->fp) != 0) {
        j->diverged = true;
        return TSN_J_DIVERGED;
    }
    e->asked = true;
    switch (e->item.state) {
    case TSN_J_INTENDED:
        return TSN_J_PENDING;
    case TSN_J_SETTLED:
        return TSN_J_REPLAYED;
    }
    return TSN_J_DIVERGED;
}

tsn_err tsn_journal_settle(struct tsn_journal *j, const char *path, int64_t deliver_no,
                           int64_t at_ms, const char *outcome, const char *result)
{
    struct jentry *e = path && tsn_path_valid(path) ? entry_find(j, path) : NULL;

    if (!e || !outcome || e->item.state != TSN_J_INTENDED ||
        deliver_no != (int64_t)j->nsettled + 1)
        return TSN_EINPUT;
    order_room(j, j->nsettled + 1);
    e->item.state = TSN_J_SETTLED;
    e->item.deliver_no = deliver_no;
    e->item.at_ms = at_ms;
    e->item.outcome = tsn_arena_strdup(j->arena, outcome);
    e->item.result = result ? tsn_arena_strdup(j->arena, result) : "null";
    j->order[j->nsettled++] = e;
    return 0;
}

const struct tsn_jitem *tsn_journal_next(struct tsn_journal *j)
{
    if (j->diverged || j->ndelivered == j->nsettled)
        return NULL;
    struct jentry *e = j->order[j->ndelivered];
    if (!e->asked)
        return NULL;
    j->ndelivered++;
    return &e->item;
}

bool tsn_journal_settled(const struct tsn_journal *j, const char *path)
{
    const struct jentry *e = entry_find(j, path);

    return e && e->item.state == TSN_J_SETTLED;
}

bool tsn_journal_caught_up(const struct tsn_journal *j)
{
    return j->ndelivered == j->nsettled;
}

const struct tsn_jitem *tsn_journal_unasked(const struct tsn_journal *j)
{
    for (size_t i = 0; i < j->n; i++) {
        if (j->entries[i]->recorded && !j->entries[i]->asked)
            return &j->entries[i]->item;
    }
    return NULL;
}
