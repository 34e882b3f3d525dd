/* recover.c - the start: a new epoch, playbooks deployed, every unfinished run goes on.
 *
 * Each run goes on as its state says: ready and running ones are loaded, waiting and parked ones are
 * times on disk that a sweep finds, in_doubt, stuck, diverged and paused ones wait for a person. No
 * row is written for that: the epoch of a row is behind ours until our first write to it, and who
 * wrote before cannot any more, because only one process has the store. Loop thread, but for the apply functions.
 */
#include "engine/engine_impl.h"

#include <stdlib.h>
#include <string.h>
#include "core/clock.h"
#include "core/fault.h"
#include "core/json.h"
#include "core/log.h"
#include "core/text.h"
#include "store/record_run.h"

#define PAGE 500

struct taken {
    const char *id;
};

struct deployed {
    const char *hash, *name, *meta, *bundle;
    int64_t version;
};

struct recover_op {
    struct tsn_eop o;
    struct deployed *playbooks;
    size_t nplaybooks;
    /* out */
    int64_t epoch;
    struct taken *runs;
    size_t nruns, cap;
};

/* --- playbooks */

tsn_err tsn_playbook_version(struct tsn_store *st, struct tsn_arena *a, const char *name,
                             int64_t version, struct tsn_rec_playbook *out)
{
    struct tsn_filter f[] = {{"name", TSN_CMP_EQ, name, 0},
                             {"version", TSN_CMP_EQ, NULL, version}};
    struct tsn_list how = {.filters = f,
                           .nfilters = version > 0 ? 2 : 1,
                           .order = "version",
                           .descending = true,
                           .limit = 1};
    void *rows = NULL;
    size_t n = 0;
    tsn_err err = tsn_store_list(st, a, &tsn_table_playbook, &how, &rows, &n);

    if (!err && n)
        *out = *(struct tsn_rec_playbook *)rows;
    return err || n ? err : TSN_ENOTFOUND;
}

static tsn_err deploy(struct recover_op *x, struct tsn_store *st, struct deployed *d)
{
    struct tsn_arena *a = x->o.op.arena;
    struct tsn_append e = TSN_APPEND_INIT;
    struct tsn_rec_playbook row;
    tsn_err err = tsn_store_get(st, a, &tsn_table_playbook, d->hash, &row);

    if (!err) {
        d->version = row.version;
        return 0;
    }
    if (err != TSN_ENOTFOUND)
        return err;
    err = tsn_playbook_version(st, a, d->name, 0, &row);
    if (err && err != TSN_ENOTFOUND)
        return err;
    d->version = err ? 1 : row.version + 1;
    row = (struct tsn_rec_playbook){.hash = d->hash,
                                    .name = d->name,
                                    .meta = d->meta,
                                    .bundle = d->bundle,
                                    .version = d->version,
                                    .deployed_at = x->o.now_ms};
    err = tsn_store_insert(st, &tsn_table_playbook, &row);
    if (err)
        return err;
    e.kind = "playbook.deployed";
    e.actor = "svc:engine";
    e.playbook = tsn_arena_printf(a, "%s@%lld@%.16s", d->name, (long long)d->version, d->hash);
    return tsn_store_append(st, &e, NULL);
}

/* --- runs */

static void note(struct recover_op *x, const struct tsn_rec_run *row)
{
    if (x->nruns == x->cap) {
        x->cap = x->cap ? x->cap * 2 : 256;
        x->runs = tsn_realloc(x->runs, x->cap * sizeof(*x->runs));
    }
    x->runs[x->nruns++].id = row->id;
}

static tsn_err take_over(struct recover_op *x, struct tsn_store *st, const char *state)
{
    struct tsn_filter f = {"state", TSN_CMP_EQ, state, 0};
    struct tsn_list how = {.filters = &f, .nfilters = 1, .limit = PAGE, .skip_blobs = true};
    size_t n = 0;
    tsn_err err;

    do {
        struct tsn_rec_run *rows;
        void *list = NULL;

        err = tsn_store_list(st, x->o.op.arena, &tsn_table_run, &how, &list, &n);
        rows = list;
        for (size_t i = 0; i < n && !err; i++)
            note(x, &rows[i]);
        if (n)
            how.after = rows[n - 1].id;
    } while (!err && n == PAGE);
    return err;
}

static tsn_err recover_apply(struct tsn_op *op, struct tsn_store *st)
{
    static const char *const states[] = {"ready", "running", "cancelling"};
    struct recover_op *x = (struct recover_op *)op;
    tsn_err err = tsn_store_epoch_begin(st, &x->epoch);

    x->nruns = 0;
    if (!err)
        err = tsn_pages_recover(st, op->arena, x->o.now_ms);
    for (size_t i = 0; i < x->nplaybooks && !err; i++)
        err = deploy(x, st, &x->playbooks[i]);
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]) && !err; i++)
        err = take_over(x, st, states[i]);
    return err;
}

/* --- ready */

static void publish(struct tsn_engine *e, const struct recover_op *x)
{
    e->playbooks = tsn_alloc((x->nplaybooks + 1) * sizeof(*e->playbooks));
    for (size_t i = 0; i < e->nfiles; i++) {
        struct tsn_pbfile *f = &e->files[i];
        struct tsn_playbook *p = &e->playbooks[e->nplaybooks];

        if (f->broken)
            continue;
        p->name = tsn_json_str(f->meta, "name", "");
        p->hash = f->hash;
        p->title = tsn_json_str(f->meta, "title", p->name);
        p->on = tsn_json_str(f->meta, "on", "");
        p->file = f->file;
        p->meta = f->meta;
        p->version = x->playbooks[e->nplaybooks].version;
        e->nplaybooks++;
    }
}

/* { "edge": ["apply", "plan_block"] }: what `use` may name. */
static void list_connectors(struct tsn_engine *e)
{
    const struct tsn_action *const *actions;
    size_t n = tsn_registry_list(e->config.registry, &actions);

    e->connectors = json_object();
    for (size_t i = 0; i < n; i++) {
        const char *name = actions[i]->name, *dot = strchr(name, '.');
        char domain[128];
        json_t *verbs;

        /* `run` is the engine's own, not for `use`. */
        if (!dot || (size_t)(dot - name) >= sizeof(domain) || strncmp(name, "run.", 4) == 0)
            continue;
        memcpy(domain, name, (size_t)(dot - name));
        domain[dot - name] = '\0';
        verbs = json_object_get(e->connectors, domain);
        if (!verbs) {
            verbs = json_array();
            json_object_set_new(e->connectors, domain, verbs);
        }
        json_array_append_new(verbs, json_string(dot + 1));
    }
    e->connectors_text = tsn_json_text(e->connectors);
}

static void take_up(struct tsn_engine *e, const struct recover_op *x)
{
    for (size_t i = 0; i < x->nruns; i++) {
        const struct taken *t = &x->runs[i];

        tsn_engine_wake(e, t->id);
    }
    tsn_sweep_at(e, 1);
}

static void recovered(struct tsn_eop *o)
{
    struct recover_op *x = (struct recover_op *)o;
    struct tsn_engine *e = o->e;

    tsn_fault("engine.recovered");
    if (o->op.err) {
        tsn_log(TSN_LOG_ERROR, "engine.not_ready", "error", tsn_err_name(o->op.err), "why",
                o->op.diag.what, NULL);
        return;
    }
    e->epoch = x->epoch;
    publish(e, x);
    list_connectors(e);
    e->ready = true;
    tsn_log(TSN_LOG_INFO, "engine.ready", NULL);
    if (e->ready_fn)
        e->ready_fn(e->ready_user);
    if (!e->closing)
        take_up(e, x);
}

static void free_runs(void *p)
{
    struct recover_op *x = p;

    free(x->runs);
}

void tsn_recover_begin(struct tsn_engine *e)
{
    struct recover_op *x;
    struct tsn_arena *a;

    if (e->recovering)
        return;
    e->recovering = true;
    x = tsn_eop_new(e, sizeof(*x), NULL, recover_apply, recovered);
    a = x->o.op.arena;
    x->playbooks = tsn_arena_alloc(a, (e->nfiles + 1) * sizeof(*x->playbooks));
    for (size_t i = 0; i < e->nfiles; i++) {
        struct tsn_pbfile *f = &e->files[i];
        struct deployed *d = &x->playbooks[x->nplaybooks];
        char *meta;

        if (f->broken)
            continue;
        meta = tsn_json_text(f->meta);
        d->meta = tsn_arena_strdup(a, meta);
        free(meta);
        d->hash = tsn_arena_strdup(a, f->hash);
        d->name = tsn_arena_strdup(a, tsn_json_str(f->meta, "name", ""));
        d->bundle = tsn_arena_strdup(a, f->bundle);
        x->nplaybooks++;
    }
    tsn_arena_defer(a, free_runs, x);
    tsn_eop_submit(&x->o);
}
