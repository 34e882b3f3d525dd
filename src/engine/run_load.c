/* run_load.c - brings a run back: row, bundle and journal from the reader, then to a worker.
 *
 * The LOAD frame is built on the reader thread, so a long journal costs the loop nothing. What is
 * on record decides: open steps are taken up here, but for those this process is at already, and
 * the worker gets the run unless all of it only waits.
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

struct load_op {
    struct tsn_eop o;
    const char *connectors;
    int64_t cpu_ms;
    bool dry;
    /* out */
    bool found, held;
    struct tsn_rec_run row;
    const char
        *seed_run; /* whose seed and start it has: its own id, or where it goes on from */
    struct tsn_past past;
    const char *meta;
    struct tsn_buf frame;
    const char *broken_code, *broken; /* what is on record cannot be used */
    const char *as;                   /* id that the worker is told; NULL = its own */
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

static void put_identity(struct tsn_buf *b, const struct tsn_past_step *s)
{
    char fp[65];

    tsn_hex(fp, s->fp, 32);
    (void)tsn_buf_printf(b, "{\"at_ms\":%lld,\"fp\":\"%s\"", (long long)s->at_ms, fp);
    put_member(b, "kind", s->kind);
    put_member(b, "name", s->name);
    put_member(b, "path", s->path);
}

static void put_item(struct tsn_buf *b, const struct tsn_past_step *s)
{
    put_identity(b, s);
    put_member(b, "outcome", s->outcome);
    (void)tsn_buf_printf(b, ",\"deliver_no\":%lld,\"result\":%s,\"state\":\"settled\"}",
                         (long long)s->deliver_no, s->result);
}

static tsn_err put_open(struct tsn_buf *b, struct tsn_arena *a, const struct tsn_past_open *o)
{
    struct tsn_past_step s = {.path = o->path, .at_ms = o->at_ms};
    tsn_err err = tsn_past_identify(a, o->request, &s);

    if (err)
        return err;
    put_identity(b, &s);
    return tsn_buf_puts(b, ",\"state\":\"intended\"}");
}

static tsn_err put_items(struct load_op *l)
{
    struct tsn_buf *b = &l->frame;
    tsn_err err = 0;

    for (size_t i = 0; i < l->past.nsteps; i++) {
        if (i)
            (void)tsn_buf_putc(b, ',');
        put_item(b, &l->past.steps[i]);
    }
    for (size_t i = 0, n = l->past.nsteps; i < l->past.nopen && !err; i++) {
        if (tsn_path_undoes(l->past.open[i].path))
            continue; /* the engine's own */
        if (n++)
            (void)tsn_buf_putc(b, ',');
        err = put_open(b, l->o.op.arena, &l->past.open[i]);
    }
    return err;
}

/* Same seed for the whole life of a run, from its id alone. */
void tsn_run_seed(char out[2 * TSN_HASH_LEN + 1], const char *run_id)
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
    tsn_err err;

    tsn_run_seed(seed, l->seed_run);
    (void)tsn_buf_printf(b, "{\"bundle\":%s,\"case\":%s,\"connectors\":%s,\"cpu_ms\":%lld",
                         bundle, c, l->connectors, (long long)l->cpu_ms);
    free(c);
    (void)tsn_buf_printf(b, ",\"input\":%s,\"items\":[", input);
    err = put_items(l);
    (void)tsn_buf_printf(b, "],\"level\":%lld,\"memory\":%lld", (long long)l->row.level,
                         (long long)TSN_WORKER_MEMORY);
    put_member(b, "run", l->as ? l->as : l->row.id);
    if (l->dry)
        (void)tsn_buf_puts(b, ",\"dry\":true");
    (void)tsn_buf_printf(b, ",\"seed\":\"%s\",\"started_at\":%lld}", seed,
                         (long long)l->row.started_at);
    return err ? err : b->err;
}

static bool stands_still(const char *state)
{
    return tsn_run_over(state) || strcmp(state, "stuck") == 0 ||
           strcmp(state, "diverged") == 0 || strcmp(state, "queued") == 0;
}

/* Lua has seen all that is on record: only its open steps matter. */
static bool only_waits(const struct load_op *l)
{
    const char *state = l->row.state;

    return l->past.nopen > 0 &&
           (strcmp(state, "waiting") == 0 || strcmp(state, "parked") == 0 ||
            strcmp(state, "in_doubt") == 0);
}

/* A run that goes on for another one sees that one's randomness and beginning. */
static tsn_err load_origin(struct load_op *l, struct tsn_store *st)
{
    struct tsn_rec_run first;
    tsn_err err;

    l->seed_run = l->row.id;
    if (!l->row.origin)
        return 0;
    err = tsn_store_get(st, l->o.op.arena, &tsn_table_run, l->row.origin, &first);
    if (err)
        return err;
    l->seed_run = l->row.origin;
    l->row.started_at = first.started_at;
    return 0;
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
    tsn_fault_of("engine.load", l->row.title);
    l->held = l->row.held != NULL;
    tsn_run_unhold(a, &l->row);
    if (stands_still(l->row.state))
        return 0;
    err = load_origin(l, st);
    if (err)
        return err;
    l->broken_code = "R070";
    err = tsn_past_read(st, a, l->o.run_id, true, &l->past);
    if (err)
        return err;
    l->broken_code = "R039";
    err = tsn_store_get(st, a, &tsn_table_playbook, l->row.playbook, &pb);
    if (err)
        return err;
    l->meta = pb.meta;
    if (!only_waits(l) && !l->past.ending)
        err = build_frame(l, pb.bundle);
    return err;
}

tsn_err tsn_dry_frame(struct tsn_store *st, struct tsn_arena *a, const struct tsn_engine *e,
                      const char *run_id, const char *as, const char *bundle,
                      struct tsn_buf *frame)
{
    struct load_op l = {.connectors = e->connectors_text,
                        .cpu_ms = e->config.cpu_ms,
                        .as = as,
                        .frame = *frame};
    tsn_err err = tsn_store_get(st, a, &tsn_table_run, run_id, &l.row);

    l.o.op.arena = a;
    if (!err)
        err = load_origin(&l, st);
    if (!err)
        err = tsn_past_read(st, a, run_id, true, &l.past);
    if (!err)
        err = build_frame(&l, bundle);
    *frame = l.frame;
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
    tsn_fault("engine.load.read");
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
        r->phase = TSN_PHASE_STEP;
    }
    tsn_run_reload(r); /* waits in the queue until a worker is up */
}

/* --- what is on record against what this process is at */

static bool settled_there(const struct tsn_past *past, const char *path)
{
    for (size_t i = past->nsteps; i > 0; i--)
        if (strcmp(past->steps[i - 1].path, path) == 0)
            return true;
    return false;
}

/* What is under way stays; all else is made anew from the record. */
static void drop_idle_steps(struct tsn_run *r, const struct tsn_past *past)
{
    struct tsn_step *next;

    for (struct tsn_step *s = r->steps; s; s = next) {
        next = s->next;
        if (!tsn_step_busy(s) || settled_there(past, s->path))
            tsn_step_remove(s);
    }
}

static bool take_open_step(struct tsn_run *r, const struct tsn_past_open *o)
{
    struct tsn_step *s;
    json_t *v = NULL;
    bool ok;

    if (tsn_step_find(r, o->path))
        return true;
    if (tsn_json_parse(o->request, strlen(o->request), &v, NULL))
        return false;
    s = tsn_step_new(r, o->path);
    s->name = tsn_strdup(tsn_json_str(v, "name", ""));
    s->args = json_incref(json_object_get(v, "args"));
    s->opts = json_incref(json_object_get(v, "opts"));
    s->request = tsn_strdup(o->request);
    s->attempt = o->attempt;
    s->last = o->last;
    ok = tsn_jkind_parse(tsn_json_str(v, "kind", ""), &s->kind) == 0;
    s->rests = tsn_step_waits(s) || s->last == TSN_LAST_DOUBT;
    if (tsn_step_waits(s))
        s->wake_at = tsn_json_int(s->opts, "wake_at", 0);
    json_decref(v);
    return ok;
}

static bool take_open_steps(struct tsn_run *r, const struct tsn_past *past)
{
    drop_idle_steps(r, past);
    for (size_t i = 0; i < past->nopen; i++)
        if (!take_open_step(r, &past->open[i]))
            return false;
    return true;
}

/* Open calls that nobody is at: begun by an older life of this process. Times that are up. */
static void take_up(struct tsn_run *r)
{
    struct tsn_step *next;

    for (struct tsn_step *s = r->steps; s; s = next) {
        next = s->next;
        if (tsn_step_busy(s) || s->rests)
            continue;
        if (s->kind == TSN_J_CALL || tsn_path_undoes(s->path))
            tsn_step_resume_call(s);
        else if (s->kind == TSN_J_UNDO)
            tsn_step_unwind_resume(s);
    }
    tsn_run_due(r);
}

/* Lua has had its last word: what it left open ends, then what is to be taken back is. */
static void wind_up(struct tsn_run *r)
{
    struct tsn_step *next;

    for (struct tsn_step *s = r->steps; s; s = next) {
        next = s->next;
        if (!tsn_path_undoes(s->path) && !s->dismissed)
            tsn_step_dismiss(s);
    }
    take_up(r);
    tsn_undo_next(r);
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
    r->rested = only_waits(l) || (l->past.ending && l->row.wake_at > 0);
    r->ntips = 0;
    for (size_t i = 0; i < l->past.nsteps; i++)
        tsn_run_tip_set(r, l->past.steps[i].path);
    for (size_t i = 0; i < l->past.nopen; i++)
        if (!tsn_path_undoes(l->past.open[i].path))
            tsn_run_tip_set(r, l->past.open[i].path);
    (void)tsn_json_parse(l->meta ? l->meta : "{}", strlen(l->meta ? l->meta : "{}"), &meta,
                         NULL);
    r->roles = json_incref(json_object_get(meta, "roles"));
    json_decref(meta);
}

static void go_on(struct tsn_run *r, struct load_op *l)
{
    fill(r, l);
    if (!take_open_steps(r, &l->past)) {
        tsn_run_stuck(r, "R070", "an open step cannot be read back");
        return;
    }
    tsn_undo_load(r, &l->past);
    r->phase = TSN_PHASE_STEP;
    r->held = l->held;
    if (r->held) {
        tsn_run_ref(r);
        tsn_run_due(r); /* times go on, and what they settle is kept */
        tsn_run_stand(r);
        tsn_run_unref(r);
        return;
    }
    tsn_run_ref(r);
    if (r->ending) {
        wind_up(r);
    } else {
        if (!only_waits(l))
            send_load(r, &l->frame);
        if (!r->dead)
            take_up(r);
    }
    tsn_run_settle_down(r);
    tsn_run_unref(r);
}

static bool writes(const struct tsn_run *r)
{
    for (const struct tsn_step *s = r->steps; s; s = s->next)
        if (s->ops > 0)
            return true;
    return r->phase == TSN_PHASE_QUEUED || r->resting;
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
    if (again)
        tsn_run_enqueue(r); /* what was read is older than what woke it */
    else if (!l->found || stands_still(l->row.state) || l->row.epoch > e->epoch)
        tsn_run_forget(r);
    else if (l->broken)
        tsn_run_stuck(r, l->broken_code, l->broken);
    else if ((int64_t)l->past.nsteps != l->row.deliver_no)
        tsn_run_stuck(r, "R070", "the journal has another number of results than the run");
    else
        go_on(r, l);
    /* The worker has the word, an op says more, or it waits for others. */
    if (!r->dead && r->phase != TSN_PHASE_ACTIVE && r->phase != TSN_PHASE_ENDING && !writes(r))
        tsn_run_unmark(r);
    tsn_run_pump(e);
}

static void load_start(struct tsn_run *r)
{
    struct tsn_engine *e = r->e;
    struct load_op *l = tsn_eop_new(e, sizeof(*l), r, load_apply, loaded);

    l->o.reads = true;
    l->connectors = e->connectors_text;
    l->cpu_ms = e->config.cpu_ms;
    l->dry = e->config.dry;
    tsn_buf_init(&l->frame, TSN_FRAME_MAX - TSN_FRAME_HEAD);
    tsn_arena_defer(l->o.op.arena, free_frame, &l->frame);
    r->phase = TSN_PHASE_LOADING;
    r->again = false;
    e->loading++;
    tsn_eop_submit(&l->o);
}

/* What the core died of again and again is not loaded any more; a person looks at it. */
static void start(struct tsn_run *r)
{
    struct tsn_engine *e = r->e;
    unsigned count = tsn_marks_count(e->marks, r->id);

    if (!r->mark)
        r->mark = tsn_marks_set(e->marks, r->id);
    if (count >= TSN_MARKS_STUCK) {
        r->phase = TSN_PHASE_IDLE;
        tsn_run_stuck(r, "R025",
                      "tocsin itself died again and again while it was at this run; "
                      "the others go on");
    } else {
        load_start(r);
    }
    tsn_run_unref(r); /* the queue's; the op has its own */
}

void tsn_run_pump(struct tsn_engine *e)
{
    struct tsn_run *r;

    while (!e->closing && e->ready && e->loading < TSN_LOADS_MAX && tsn_pool_up(e) &&
           !tsn_run_stands_back(e) && (r = tsn_run_dequeue(e)) != NULL)
        start(r);
    if (!e->closing && e->ready && tsn_pool_up(e) && (r = tsn_run_suspect(e)) != NULL)
        start(r);
}

void tsn_run_reload(struct tsn_run *r)
{
    struct tsn_engine *e = r->e;
    struct tsn_step *next;

    switch (r->phase) {
    case TSN_PHASE_IDLE:
    case TSN_PHASE_STEP:
        break;
    case TSN_PHASE_LOADING:
    case TSN_PHASE_ACTIVE:
        r->again = true;
        return;
    case TSN_PHASE_QUEUED:
    case TSN_PHASE_ENDING:
        return;
    }
    for (struct tsn_step *s = r->steps; s; s = next) {
        next = s->next;
        if (s->fresh)
            tsn_step_remove(s);
    }
    tsn_run_undue(r);
    tsn_run_unload(r);
    tsn_run_enqueue(r);
    tsn_run_pump(e);
}

static void step_due(struct tsn_step *s)
{
    s->rests = false;
    s->wake_at = 0;
    switch (s->kind) {
    case TSN_J_SLEEP:
        tsn_step_sleep_due(s);
        return;
    case TSN_J_WAIT:
    case TSN_J_JOIN:
        tsn_step_wait_due(s);
        return;
    case TSN_J_ASK:
    case TSN_J_APPROVE:
        tsn_step_task_due(s);
        return;
    case TSN_J_UNDO:
        tsn_step_undo_due(s);
        return;
    case TSN_J_CALL:
    case TSN_J_START:
    case TSN_J_PARALLEL:
    case TSN_J_RESTART:
    case TSN_J_END:
        return;
    }
}

void tsn_run_due(struct tsn_run *r)
{
    int64_t now = tsn_clock_wall_ms(), next = 0;

    switch (r->phase) {
    case TSN_PHASE_IDLE:
        tsn_run_enqueue(r);
        tsn_run_pump(r->e);
        return;
    case TSN_PHASE_STEP:
    case TSN_PHASE_ACTIVE:
        break;
    case TSN_PHASE_QUEUED:
    case TSN_PHASE_LOADING:
    case TSN_PHASE_ENDING:
        return; /* looked at when it gets there */
    }
    for (struct tsn_step *s = r->steps; s; s = s->next) {
        if (!s->rests || s->wake_at == 0)
            continue;
        if (s->wake_at <= now)
            step_due(s);
        else if (next == 0 || s->wake_at < next)
            next = s->wake_at;
    }
    tsn_run_wake_at(r, next);
}

void tsn_engine_wake(struct tsn_engine *e, const char *run_id)
{
    /* Before that, recovery finds it. */
    if (!e->ready || e->closing || !tsn_id_valid(run_id))
        return;
    tsn_run_reload(tsn_runmap_get(e, run_id));
}
