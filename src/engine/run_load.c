/* run_load.c - brings a run back: row, bundle and journal from the reader, then to a worker.
 *
 * The LOAD frame is built on the reader thread, so a long journal costs the loop nothing. A run
 * goes to a worker only when no step of it is open; an open step is taken up here first.
 */
#include "engine/engine_impl.h"

#include <stdlib.h>
#include <string.h>
#include "core/clock.h"
#include "core/json.h"
#include "core/log.h"
#include "core/text.h"

struct load_op {
    struct tsn_eop o;
    const char *connectors;
    int64_t cpu_ms;
    /* out */
    bool found;
    struct tsn_rec_run row;
    struct tsn_past past;
    const char *meta;
    struct tsn_buf frame;
    const char *broken_code, *broken; /* what is on record cannot be used */
};

static void put_string(struct tsn_buf *b, const char *s)
{
    json_t *v = json_string(s ? s : "");
    char *text = v ? tsn_json_text(v) : NULL;

    (void)tsn_buf_puts(b, text ? text : "\"\"");
    free(text);
    json_decref(v);
}

static void put_member(struct tsn_buf *b, const char *key, const char *string)
{
    (void)tsn_buf_printf(b, ",\"%s\":", key);
    put_string(b, string);
}

static void put_item(struct tsn_buf *b, const struct tsn_past_step *s)
{
    char fp[65];

    tsn_hex(fp, s->fp, 32);
    (void)tsn_buf_printf(b, "{\"at_ms\":%lld,\"deliver_no\":%lld,\"fp\":\"%s\"",
                         (long long)s->at_ms, (long long)s->deliver_no, fp);
    put_member(b, "kind", s->kind);
    put_member(b, "name", s->name);
    put_member(b, "outcome", s->outcome);
    put_member(b, "path", s->path);
    (void)tsn_buf_printf(b, ",\"result\":%s,\"state\":\"settled\"}", s->result);
}

/* Same seed for the whole life of a run, from its id alone. */
static void seed_of(char out[2 * TSN_HASH_LEN + 1], const char *run_id)
{
    char text[64];
    uint8_t hash[TSN_HASH_LEN];
    int n = snprintf(text, sizeof(text), "tocsin-seed/v1\n%s", run_id);

    tsn_sha256_once(hash, text, (size_t)n);
    tsn_hex(out, hash, sizeof(hash));
}

static char *case_of(const char *input, const char *case_id)
{
    json_t *v = NULL, *found;
    char *text;

    (void)tsn_json_parse(input, strlen(input), &v, NULL);
    found = json_incref(json_object_get(v, "case"));
    if (!json_is_object(found)) {
        json_decref(found);
        found = json_pack("{s:s}", "id", case_id);
    }
    text = tsn_json_text(found);
    json_decref(found);
    json_decref(v);
    return text;
}

static tsn_err build_frame(struct load_op *l, const char *bundle)
{
    struct tsn_buf *b = &l->frame;
    char seed[2 * TSN_HASH_LEN + 1];
    const char *input = l->row.input ? l->row.input : "{}";
    char *c = case_of(input, l->row.case_id);

    seed_of(seed, l->row.id);
    (void)tsn_buf_printf(b, "{\"bundle\":%s,\"case\":%s,\"connectors\":%s,\"cpu_ms\":%lld",
                         bundle, c, l->connectors, (long long)l->cpu_ms);
    free(c);
    (void)tsn_buf_printf(b, ",\"input\":%s,\"items\":[", input);
    for (size_t i = 0; i < l->past.nsteps; i++) {
        if (i)
            (void)tsn_buf_putc(b, ',');
        put_item(b, &l->past.steps[i]);
    }
    (void)tsn_buf_printf(b, "],\"level\":%lld,\"memory\":%lld", (long long)l->row.level,
                         (long long)TSN_WORKER_MEMORY);
    put_member(b, "run", l->row.id);
    (void)tsn_buf_printf(b, ",\"seed\":\"%s\",\"started_at\":%lld}", seed,
                         (long long)l->row.started_at);
    return b->err;
}

static bool stands_still(const char *state)
{
    return tsn_run_over(state) || strcmp(state, "stuck") == 0 ||
           strcmp(state, "diverged") == 0 || strcmp(state, "in_doubt") == 0;
}

static tsn_err load_journal(struct load_op *l, struct tsn_store *st)
{
    struct tsn_arena *a = l->o.op.arena;
    /* Who waits has most likely still to be settled: only its open step matters then. */
    bool full = strcmp(l->row.state, "ready") == 0 || strcmp(l->row.state, "running") == 0;
    tsn_err err = tsn_past_read(st, a, l->o.run_id, full, &l->past);

    if (!err && !full && !l->past.open)
        err = tsn_past_read(st, a, l->o.run_id, true, &l->past);
    return err;
}

static tsn_err load_all(struct load_op *l, struct tsn_store *st)
{
    struct tsn_arena *a = l->o.op.arena;
    struct tsn_rec_playbook pb;
    tsn_err err = tsn_store_get(st, a, &tsn_table_run, l->o.run_id, &l->row);

    if (err == TSN_ENOTFOUND)
        return 0;
    if (err)
        return err;
    l->found = true;
    if (stands_still(l->row.state))
        return 0;
    l->broken_code = "R070";
    err = load_journal(l, st);
    if (err)
        return err;
    l->broken_code = "R039";
    err = tsn_store_get(st, a, &tsn_table_playbook, l->row.playbook, &pb);
    if (err)
        return err;
    l->meta = pb.meta;
    if (!l->past.open)
        err = build_frame(l, pb.bundle);
    return err;
}

static void free_frame(void *p)
{
    tsn_buf_free(p);
}

static tsn_err load_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct load_op *l = (struct load_op *)op;
    tsn_err err;

    l->found = false;
    l->broken_code = NULL;
    tsn_buf_clear(&l->frame);
    err = load_all(l, st);
    if (err == TSN_ETAMPERED || err == TSN_ENOTFOUND || err == TSN_ETOOBIG ||
        err == TSN_EINPUT) {
        l->broken = tsn_arena_printf(op->arena, "its journal cannot be read back: %s",
                                     tsn_err_text(err));
        return 0;
    }
    return err;
}

/* Room for one more Lua state: the longest unused one that waits for an outcome goes. */
static void evict(struct tsn_engine *e, struct tsn_worker *w)
{
    for (struct tsn_run *r = e->lru_first; r && w->runs >= e->config.resident;
         r = r->lru_next) {
        if (r->worker == w && r->phase == TSN_PHASE_STEP) {
            tsn_log(TSN_LOG_DEBUG, "run.evicted", "run", r->id, NULL);
            tsn_run_unload(r);
            return;
        }
    }
}

static void send_load(struct tsn_run *r, const struct tsn_buf *frame)
{
    struct tsn_worker *w = tsn_pool_pick(r->e);

    if (w) {
        evict(r->e, w);
        r->worker = w;
        w->runs++;
        r->phase = TSN_PHASE_ACTIVE;
        r->began = false;
        tsn_run_touch(r);
        if (r->deliver_no > 0)
            r->e->stats.replays++;
        else
            r->e->stats.started++;
        if (tsn_worker_activate(w, r, TSN_FRAME_LOAD, frame->data, frame->len))
            return;
        tsn_run_unload(r);
    }
    tsn_run_reload(r); /* waits in the queue until a worker is up */
}

static bool take_open_step(struct tsn_run *r, const struct tsn_past *past)
{
    struct tsn_step *s = &r->step;
    json_t *v = NULL;
    bool ok;

    tsn_step_clear(s);
    if (tsn_json_parse(past->open_request, strlen(past->open_request), &v, NULL))
        return false;
    (void)tsn_copy(s->path, sizeof(s->path), past->open_path);
    s->name = tsn_strdup(tsn_json_str(v, "name", ""));
    s->args = json_incref(json_object_get(v, "args"));
    s->opts = json_incref(json_object_get(v, "opts"));
    s->request = tsn_strdup(past->open_request);
    s->attempt = past->open_attempt;
    s->last = past->open_last;
    tsn_run_idem(s->idem, r->id, s->path);
    ok = tsn_jkind_parse(tsn_json_str(v, "kind", ""), &s->kind) == 0;
    json_decref(v);
    return ok;
}

static void take_up(struct tsn_run *r, int64_t wake_at)
{
    r->phase = TSN_PHASE_STEP;
    if (r->step.kind == TSN_J_CALL) {
        tsn_run_resume_call(r);
    } else if (wake_at > 0 && wake_at <= tsn_clock_wall_ms()) {
        tsn_run_wake_at(r, 0);
        tsn_run_due(r);
    } else {
        tsn_run_park(r, wake_at);
    }
}

static void fill(struct tsn_run *r, const struct load_op *l)
{
    json_t *meta = NULL;

    free(r->name);
    free(r->case_id);
    free(r->title);
    json_decref(r->roles);
    r->name = tsn_strdup(l->row.name);
    r->case_id = tsn_strdup(l->row.case_id);
    r->title = tsn_strdup(l->row.title);
    r->deliver_no = l->row.deliver_no;
    memcpy(r->last_path, l->past.last_path, sizeof(r->last_path));
    (void)tsn_json_parse(l->meta ? l->meta : "{}", strlen(l->meta ? l->meta : "{}"), &meta,
                         NULL);
    r->roles = json_incref(json_object_get(meta, "roles"));
    json_decref(meta);
}

static void loaded(struct tsn_eop *o)
{
    struct load_op *l = (struct load_op *)o;
    struct tsn_run *r = o->run;
    struct tsn_engine *e = o->e;
    bool again = r->again;

    e->loading--;
    if (!tsn_eop_ok(o)) {
        tsn_run_pump(e);
        return;
    }
    r->again = false;
    r->phase = TSN_PHASE_IDLE;
    if (again) {
        tsn_run_enqueue(r); /* what was read is older than what woke it */
    } else if (!l->found || stands_still(l->row.state) ||
               (l->row.epoch != 0 && l->row.epoch != e->epoch)) {
        tsn_run_forget(r);
    } else if (l->broken) {
        tsn_run_stuck(r, l->broken_code, l->broken);
    } else if ((int64_t)l->past.nsteps != l->row.deliver_no) {
        tsn_run_stuck(r, "R070", "the journal has another number of results than the run");
    } else {
        fill(r, l);
        if (!l->past.open)
            send_load(r, &l->frame);
        else if (take_open_step(r, &l->past))
            take_up(r, l->row.wake_at);
        else
            tsn_run_stuck(r, "R070", "the open step cannot be read back");
    }
    tsn_run_pump(e);
}

static void load_start(struct tsn_run *r)
{
    struct tsn_engine *e = r->e;
    struct load_op *l = tsn_eop_new(e, sizeof(*l), r, load_apply, loaded);

    l->o.reads = true;
    l->connectors = e->connectors_text;
    l->cpu_ms = e->config.cpu_ms;
    tsn_buf_init(&l->frame, TSN_FRAME_MAX - TSN_FRAME_HEAD);
    tsn_arena_defer(l->o.op.arena, free_frame, &l->frame);
    r->phase = TSN_PHASE_LOADING;
    r->again = false;
    e->loading++;
    tsn_eop_submit(&l->o);
}

void tsn_run_pump(struct tsn_engine *e)
{
    struct tsn_run *r;

    while (!e->closing && e->ready && e->loading < TSN_LOADS_MAX && tsn_pool_up(e) &&
           (r = tsn_run_dequeue(e)) != NULL) {
        load_start(r);
        tsn_run_unref(r); /* the queue's; the op has its own */
    }
}

void tsn_run_reload(struct tsn_run *r)
{
    struct tsn_engine *e = r->e;

    tsn_step_clear(&r->step);
    tsn_run_unload(r);
    if (r->phase != TSN_PHASE_QUEUED)
        tsn_run_enqueue(r);
    tsn_run_pump(e);
}

void tsn_run_due(struct tsn_run *r)
{
    switch (r->phase) {
    case TSN_PHASE_IDLE:
        tsn_run_enqueue(r);
        tsn_run_pump(r->e);
        return;
    case TSN_PHASE_STEP:
        break;
    case TSN_PHASE_QUEUED:
    case TSN_PHASE_LOADING:
    case TSN_PHASE_ACTIVE:
    case TSN_PHASE_ENDING:
        return; /* looked at when it gets there */
    }
    switch (r->step.kind) {
    case TSN_J_SLEEP:
        tsn_step_sleep_due(r);
        return;
    case TSN_J_WAIT:
        tsn_step_wait_due(r);
        return;
    case TSN_J_ASK:
    case TSN_J_APPROVE:
        tsn_step_task_due(r);
        return;
    case TSN_J_CALL:
    case TSN_J_START:
    case TSN_J_JOIN:
    case TSN_J_PARALLEL:
    case TSN_J_UNDO:
    case TSN_J_RESTART:
    case TSN_J_END:
        return;
    }
}

void tsn_engine_wake(struct tsn_engine *e, const char *run_id)
{
    struct tsn_run *r;

    /* Before that, recovery finds it. */
    if (!e->ready || e->closing || !tsn_id_valid(run_id))
        return;
    r = tsn_runmap_get(e, run_id);
    switch (r->phase) {
    case TSN_PHASE_IDLE:
        tsn_run_enqueue(r);
        break;
    case TSN_PHASE_LOADING:
        r->again = true;
        break;
    case TSN_PHASE_QUEUED:
    case TSN_PHASE_ACTIVE:
    case TSN_PHASE_STEP:
    case TSN_PHASE_ENDING:
        break;
    }
    tsn_run_pump(e);
}
