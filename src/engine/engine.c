/* engine.c - opens and closes the engine, and what it tells about itself.
 *
 * Owns the workers, the runs in memory and the ops on their way. After close it lives on until
 * the last op and the last worker have come back. Loop thread.
 */
#include "engine/engine_impl.h"

#include <stdlib.h>
#include <string.h>
#include "core/fault.h"
#include "core/log.h"

#define WORKERS  2
#define RESIDENT 256
#define CPU_MS   250
#define WALL_MS  2000
#define PARK_MS  10000

void tsn_engine_ref(struct tsn_engine *e)
{
    e->refs++;
}

void tsn_engine_unref(struct tsn_engine *e)
{
    if (--e->refs > 0)
        return;
    tsn_playbooks_close(e);
    json_decref(e->connectors);
    free(e->connectors_text);
    free(e->workers);
    free(e->playbook_dir);
    free(e);
}

static void set_defaults(struct tsn_engine_config *c)
{
    if (c->workers <= 0)
        c->workers = WORKERS;
    if (c->resident == 0)
        c->resident = RESIDENT;
    if (c->cpu_ms <= 0)
        c->cpu_ms = CPU_MS;
    if (c->wall_ms <= 0)
        c->wall_ms = WALL_MS;
    if (c->park_ms <= 0)
        c->park_ms = PARK_MS;
}

/* patched(id): the entry is all there is to it. */
static tsn_err patched_apply(struct tsn_store *st, struct tsn_arena *arena,
                             const struct tsn_call *call, int64_t now_ms, json_t **result,
                             struct tsn_diag *diag)
{
    (void)st;
    (void)arena;
    (void)call;
    (void)now_ms;
    (void)diag;
    *result = json_object();
    return 0;
}

static tsn_err own_actions(struct tsn_registry *r)
{
    const struct tsn_action patched = {.name = "run.patched",
                                       .summary = "notes that a run goes the way of newer code",
                                       .effect = TSN_EFFECT_STORE,
                                       .apply = patched_apply};
    tsn_err err = tsn_registry_add(r, &patched);

    return err == TSN_EDUP ? 0 : err;
}

tsn_err tsn_engine_open(struct tsn_engine **out, const struct tsn_engine_config *config,
                        void (*ready)(void *user), void *user, struct tsn_diag *diag)
{
    struct tsn_engine *e = tsn_alloc(sizeof(*e));
    tsn_err err;

    *out = NULL;
    e->refs = 1;
    e->config = *config;
    set_defaults(&e->config);
    e->playbook_dir = tsn_strdup(config->playbook_dir);
    e->ready_fn = ready;
    e->ready_user = user;
    e->wake_timer = tsn_timer_new(config->loop, tsn_runmap_tick, e);
    e->suspect_timer = tsn_timer_new(config->loop, tsn_runmap_suspects, e);
    err = config->marks ? tsn_marks_open(&e->marks, config->marks, diag) : 0;
    if (!err)
        err = own_actions(config->registry);
    if (!err)
        err = tsn_playbooks_read(e, diag);
    if (!err)
        err = tsn_pool_open(e, diag);
    if (err) {
        tsn_engine_close(e);
        return err;
    }
    *out = e;
    return 0;
}

void tsn_engine_close(struct tsn_engine *e)
{
    if (!e || e->closing)
        return;
    e->closing = true;
    tsn_dry_lost(e, NULL);
    tsn_pages_close(e);
    tsn_runmap_close(e);
    tsn_pool_close(e);
    tsn_gates_close(e);
    tsn_eop_close(e);
    tsn_timer_destroy(e->wake_timer);
    tsn_timer_destroy(e->suspect_timer);
    e->wake_timer = e->suspect_timer = NULL;
    tsn_marks_close(e->marks);
    e->marks = NULL;
    tsn_engine_unref(e);
}

bool tsn_engine_ready(const struct tsn_engine *e)
{
    return e && e->ready;
}

static bool worker_quiet(const struct tsn_worker *w)
{
    return w->up && w->expected == 0 && !w->active[0] && w->describing < 0;
}

static bool run_quiet(const struct tsn_run *r)
{
    return r->phase == TSN_PHASE_IDLE || r->phase == TSN_PHASE_STEP;
}

bool tsn_engine_quiet(const struct tsn_engine *e)
{
    if (!e->ready || e->later_first || e->loading)
        return false;
    for (size_t i = 0; i < e->nworkers; i++) {
        if (!worker_quiet(&e->workers[i]))
            return false;
    }
    for (size_t i = 0; i < e->nbuckets; i++) {
        for (const struct tsn_run *r = e->buckets[i]; r; r = r->hash_next) {
            if (!run_quiet(r))
                return false;
        }
    }
    return true;
}

int64_t tsn_engine_epoch(const struct tsn_engine *e)
{
    return e && e->ready ? e->epoch : 0;
}

tsn_err tsn_engine_inputs(const struct tsn_engine *e, const struct tsn_playbook *p,
                          const json_t *given, json_t **out, struct tsn_diag *diag)
{
    return tsn_answer_check(json_object_get(p->meta, "inputs"), e->config.picks, given, out,
                            diag);
}

void tsn_engine_stats(const struct tsn_engine *e, struct tsn_engine_stats *out)
{
    memset(out, 0, sizeof(*out));
    if (e)
        *out = e->stats;
}
