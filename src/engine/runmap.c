/* runmap.c - the runs this process knows: by id, by next wake, by last use, by turn.
 *
 * Owns struct tsn_run. A run that only sleeps is an id and a time here; everything else about it
 * is on disk. Loop thread.
 */
#include "engine/engine_impl.h"

#include <stdlib.h>
#include <string.h>
#include "core/clock.h"
#include "core/log.h"

#define SUSPECT_LOOK_MS 10
#define SUSPECT_WAIT_MS 2000  /* then the others stand back */
#define WAKE_LOOK_MS    60000 /* the wall clock may step: look at least this often */

static size_t bucket_of(const struct tsn_engine *e, const char *id)
{
    uint64_t h = 1469598103934665603u;

    for (; *id; id++)
        h = (h ^ (unsigned char)*id) * 1099511628211u;
    return (size_t)(h & (e->nbuckets - 1));
}

static void map_grow(struct tsn_engine *e)
{
    struct tsn_run **old = e->buckets;
    size_t n = e->nbuckets;

    e->nbuckets = n ? n * 2 : 256;
    e->buckets = tsn_alloc(e->nbuckets * sizeof(void *));
    for (size_t i = 0; i < n; i++) {
        struct tsn_run *r = old[i], *next;

        for (; r; r = next) {
            size_t b = bucket_of(e, r->id);

            next = r->hash_next;
            r->hash_next = e->buckets[b];
            e->buckets[b] = r;
        }
    }
    free(old);
}

struct tsn_run *tsn_runmap_find(struct tsn_engine *e, const char *id)
{
    struct tsn_run *r;

    if (!e->nbuckets)
        return NULL;
    for (r = e->buckets[bucket_of(e, id)]; r; r = r->hash_next)
        if (strcmp(r->id, id) == 0)
            return r;
    return NULL;
}

struct tsn_run *tsn_runmap_get(struct tsn_engine *e, const char *id)
{
    struct tsn_run *r = tsn_runmap_find(e, id);
    size_t b;

    if (r)
        return r;
    if (e->nruns >= e->nbuckets)
        map_grow(e);
    r = tsn_alloc(sizeof(*r));
    memcpy(r->id, id, TSN_ULID_LEN);
    r->e = e;
    r->refs = 1;
    b = bucket_of(e, id);
    r->hash_next = e->buckets[b];
    e->buckets[b] = r;
    e->nruns++;
    return r;
}

static void map_remove(struct tsn_engine *e, struct tsn_run *r)
{
    struct tsn_run **p = &e->buckets[bucket_of(e, r->id)];

    for (; *p; p = &(*p)->hash_next) {
        if (*p == r) {
            *p = r->hash_next;
            e->nruns--;
            return;
        }
    }
}

void tsn_run_undue(struct tsn_run *r)
{
    struct tsn_delivery *d;

    while ((d = r->due) != NULL) {
        r->due = d->next;
        free(d->outcome);
        free(d->result);
        free(d);
    }
    r->due_end = NULL;
}

/* What only a run that is being worked on needs. */
static void run_strip(struct tsn_run *r)
{
    tsn_steps_clear(r);
    tsn_undo_clear(r);
    tsn_run_undue(r);
    free(r->name);
    free(r->case_id);
    free(r->title);
    free(r->tips);
    json_decref(r->roles);
    r->name = r->case_id = r->title = NULL;
    r->tips = NULL;
    r->ntips = r->tips_cap = 0;
    r->roles = NULL;
}

void tsn_run_ref(struct tsn_run *r)
{
    r->refs++;
}

void tsn_run_unref(struct tsn_run *r)
{
    if (--r->refs > 0)
        return;
    TSN_ASSERT(r->dead && r->heap_pos == 0 && !r->in_lru);
    run_strip(r);
    free(r);
}

/* --- the heap: nearest wake first */

static void heap_put(struct tsn_engine *e, size_t pos, struct tsn_run *r)
{
    e->heap[pos - 1] = r;
    r->heap_pos = pos;
}

static void heap_up(struct tsn_engine *e, size_t pos, struct tsn_run *r)
{
    while (pos > 1 && e->heap[pos / 2 - 1]->wake_at > r->wake_at) {
        heap_put(e, pos, e->heap[pos / 2 - 1]);
        pos /= 2;
    }
    heap_put(e, pos, r);
}

static void heap_down(struct tsn_engine *e, size_t pos, struct tsn_run *r)
{
    for (;;) {
        size_t child = pos * 2;

        if (child > e->heap_n)
            break;
        if (child < e->heap_n && e->heap[child]->wake_at < e->heap[child - 1]->wake_at)
            child++;
        if (e->heap[child - 1]->wake_at >= r->wake_at)
            break;
        heap_put(e, pos, e->heap[child - 1]);
        pos = child;
    }
    heap_put(e, pos, r);
}

static void heap_remove(struct tsn_engine *e, struct tsn_run *r)
{
    size_t pos = r->heap_pos;
    struct tsn_run *last;

    if (pos == 0)
        return;
    r->heap_pos = 0;
    last = e->heap[--e->heap_n];
    if (last == r)
        return;
    if (pos > 1 && e->heap[pos / 2 - 1]->wake_at > last->wake_at)
        heap_up(e, pos, last);
    else
        heap_down(e, pos, last);
}

void tsn_wake_arm(struct tsn_engine *e)
{
    int64_t ms, at = e->heap_n ? e->heap[0]->wake_at : 0;

    if (e->closing || !e->wake_timer)
        return;
    if (e->disk_at > 0 && (at == 0 || e->disk_at < at))
        at = e->disk_at;
    if (at == 0) {
        tsn_timer_disarm(e->wake_timer);
        return;
    }
    ms = at - tsn_clock_wall_ms();
    if (ms < 0)
        ms = 0;
    if (ms > WAKE_LOOK_MS)
        ms = WAKE_LOOK_MS;
    tsn_timer_arm(e->wake_timer, ms);
}

void tsn_run_wake_at(struct tsn_run *r, int64_t wake_at)
{
    struct tsn_engine *e = r->e;

    heap_remove(e, r);
    r->wake_at = wake_at;
    if (wake_at > 0) {
        if (e->heap_n == e->heap_cap) {
            e->heap_cap = e->heap_cap ? e->heap_cap * 2 : 64;
            e->heap = tsn_realloc(e->heap, e->heap_cap * sizeof(void *));
        }
        e->heap_n++;
        heap_up(e, e->heap_n, r);
    }
    tsn_wake_arm(e);
}

void tsn_runmap_tick(void *engine)
{
    struct tsn_engine *e = engine;
    int64_t now = tsn_clock_wall_ms();

    while (e->heap_n > 0 && e->heap[0]->wake_at <= now) {
        struct tsn_run *r = e->heap[0];

        heap_remove(e, r);
        r->wake_at = 0;
        tsn_run_due(r);
    }
    if (e->disk_at > 0 && e->disk_at <= now)
        tsn_sweep_run(e);
    tsn_wake_arm(e);
}

/* --- last use */

void tsn_run_unlist(struct tsn_run *r)
{
    struct tsn_engine *e = r->e;

    if (!r->in_lru)
        return;
    if (r->lru_prev)
        r->lru_prev->lru_next = r->lru_next;
    else
        e->lru_first = r->lru_next;
    if (r->lru_next)
        r->lru_next->lru_prev = r->lru_prev;
    else
        e->lru_last = r->lru_prev;
    r->lru_prev = r->lru_next = NULL;
    r->in_lru = false;
    e->stats.resident--;
}

void tsn_run_touch(struct tsn_run *r)
{
    struct tsn_engine *e = r->e;

    tsn_run_unlist(r);
    r->lru_prev = e->lru_last;
    if (e->lru_last)
        e->lru_last->lru_next = r;
    else
        e->lru_first = r;
    e->lru_last = r;
    r->in_lru = true;
    e->stats.resident++;
}

/* --- the ready queue */

static void queue_put(struct tsn_run **first, struct tsn_run **last, struct tsn_run *r)
{
    if (*last)
        (*last)->queue_next = r;
    else
        *first = r;
    *last = r;
}

void tsn_run_enqueue(struct tsn_run *r)
{
    struct tsn_engine *e = r->e;

    TSN_ASSERT(r->phase != TSN_PHASE_QUEUED && !r->dead);
    r->phase = TSN_PHASE_QUEUED;
    r->queue_next = NULL;
    tsn_run_ref(r);
    if (!r->mark && tsn_marks_count(e->marks, r->id) > 0) {
        if (!e->suspect_first)
            e->suspect_since = tsn_clock_mono_ms();
        queue_put(&e->suspect_first, &e->suspect_last, r);
        tsn_timer_arm(e->suspect_timer, SUSPECT_LOOK_MS);
        return;
    }
    queue_put(&e->queue_first, &e->queue_last, r);
}

/* The reference of the queue goes to the caller; forgotten runs are skipped. */
static struct tsn_run *queue_take(struct tsn_run **first, struct tsn_run **last)
{
    struct tsn_run *r;

    while ((r = *first) != NULL) {
        *first = r->queue_next;
        if (!*first)
            *last = NULL;
        r->queue_next = NULL;
        if (!r->dead)
            return r;
        tsn_run_unref(r);
    }
    return NULL;
}

struct tsn_run *tsn_run_dequeue(struct tsn_engine *e)
{
    return queue_take(&e->queue_first, &e->queue_last);
}

/* --- runs that the core may have died of: marks.h */

bool tsn_run_stands_back(const struct tsn_engine *e)
{
    return e->suspect_first &&
           (!e->queue_first || tsn_clock_mono_ms() - e->suspect_since > SUSPECT_WAIT_MS);
}

struct tsn_run *tsn_run_suspect(struct tsn_engine *e)
{
    struct tsn_run *r;

    if (!tsn_run_stands_back(e) || e->loading > 0 || tsn_marks_active(e->marks) > 0)
        return NULL;
    r = queue_take(&e->suspect_first, &e->suspect_last);
    e->suspect_since = tsn_clock_mono_ms();
    return r;
}

void tsn_run_unmark(struct tsn_run *r)
{
    tsn_marks_clear(r->e->marks, r->mark);
    r->mark = 0;
}

void tsn_runmap_suspects(void *engine)
{
    struct tsn_engine *e = engine;

    tsn_run_pump(e);
    if (e->suspect_first && !e->closing)
        tsn_timer_arm(e->suspect_timer, SUSPECT_LOOK_MS);
}

/* --- leaving */

void tsn_run_unload(struct tsn_run *r)
{
    if (r->worker)
        tsn_worker_drop(r->worker, r);
    r->worker = NULL;
    tsn_run_unlist(r);
}

void tsn_run_forget(struct tsn_run *r)
{
    if (r->dead)
        return;
    r->dead = true;
    tsn_run_unmark(r);
    tsn_steps_clear(r);
    tsn_run_unload(r);
    heap_remove(r->e, r);
    tsn_wake_arm(r->e);
    map_remove(r->e, r);
    tsn_run_unref(r);
}

void tsn_run_park(struct tsn_run *r, int64_t wake_at)
{
    if (r->dead)
        return;
    tsn_sweep_at(r->e, wake_at);
    tsn_run_forget(r);
}

void tsn_runmap_close(struct tsn_engine *e)
{
    struct tsn_run *r, *next;

    for (size_t i = 0; i < e->nbuckets; i++) {
        for (r = e->buckets[i]; r; r = next) {
            next = r->hash_next;
            tsn_run_forget(r);
        }
    }
    while ((r = tsn_run_dequeue(e)) != NULL ||
           (r = queue_take(&e->suspect_first, &e->suspect_last)) != NULL)
        tsn_run_unref(r);
    free(e->buckets);
    free(e->heap);
    e->buckets = NULL;
    e->heap = NULL;
    e->nbuckets = 0;
}
