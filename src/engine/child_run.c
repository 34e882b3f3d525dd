/* child_run.c - runs that a run starts: start, join, and the successor of a run that restarts.
 *
 * A child is made in the transaction that records its start, so it exists once. Its end settles the
 * parent's open join in the very transaction that ends it; a join that comes later finds it over.
 * What the parent's end means to it (its bond) stands in its row. Store thread, but for the functions
 * that take a step.
 */
#include "engine/engine_impl.h"

#include <stdlib.h>
#include <string.h>
#include "core/fault.h"
#include "core/json.h"
#include "core/log.h"
#include "core/text.h"
#include "store/record_run.h"

#define DEPTH_MAX 8

void tsn_owned_wake(struct tsn_arena *a, struct tsn_owned *own, const char *id, bool stops)
{
    struct tsn_wake *w = tsn_arena_alloc(a, sizeof(*w));

    w->id = tsn_arena_strdup(a, id);
    w->stops = stops;
    w->next = own->wakes;
    own->wakes = w;
}

void tsn_engine_wake_all(struct tsn_engine *e, const struct tsn_wake *w)
{
    for (; w; w = w->next) {
        struct tsn_run *r = w->stops ? tsn_runmap_find(e, w->id) : NULL;

        if (r)
            tsn_run_unwinds(r);
        else
            tsn_engine_wake(e, w->id);
    }
}

/* --- the end of a child, for its parent */

static json_t *child_error(const struct tsn_rec_run *child, const char *code)
{
    return json_pack("{s:{s:s, s:s}, s:s, s:s}", "error", "code", code ? code : "R030",
                     "message", child->reason ? child->reason : child->state, "run", child->id,
                     "state", child->state);
}

static void end_of_child(struct tsn_arena *a, const struct tsn_rec_run *child,
                         struct tsn_settle *in)
{
    json_t *result = NULL, *v;
    char *text;

    if (child->result)
        (void)tsn_json_parse(child->result, strlen(child->result), &result, NULL);
    if (strcmp(child->state, "finished") == 0) {
        v = json_pack("{s:o?}", "result", result ? result : json_null());
        in->outcome = "ok";
        in->reason = "joined";
    } else {
        v = child_error(child, tsn_json_str(json_object_get(result, "error"), "code", NULL));
        json_decref(result);
        in->outcome = "fail";
        in->reason = child->state;
    }
    text = tsn_json_text(v);
    in->result = tsn_arena_strdup(a, text);
    in->attempt = 1;
    in->ref = -1;
    free(text);
    json_decref(v);
}

/* Is it a join of a run that was started where this child was? */
static tsn_err joins(struct tsn_store *st, struct tsn_arena *a, const struct tsn_past_open *o,
                     const struct tsn_rec_run *child, bool *out)
{
    struct tsn_rec_run named;
    json_t *v = NULL;
    const char *id;
    tsn_err err = 0;

    *out = false;
    if (tsn_json_parse(o->request, strlen(o->request), &v, NULL))
        return TSN_ETAMPERED;
    id = tsn_json_str(json_object_get(v, "args"), "run", "");
    if (strcmp(tsn_json_str(v, "kind", ""), "join") == 0) {
        *out = strcmp(id, child->id) == 0;
        if (!*out)
            err = tsn_store_get(st, a, &tsn_table_run, id, &named);
        if (!*out && !err)
            *out = named.parent && strcmp(named.parent, child->parent) == 0 &&
                   strcmp(named.parent_path, child->parent_path) == 0;
    }
    json_decref(v);
    return err == TSN_ENOTFOUND ? 0 : err;
}

tsn_err tsn_child_ended(struct tsn_store *st, struct tsn_arena *a, struct tsn_owned *child,
                        int64_t epoch)
{
    struct tsn_owned own = {.next = NULL};
    struct tsn_past past;
    struct tsn_settle in = {0};
    struct tsn_settled out;
    bool yes = false, woken = false;
    tsn_err err = tsn_run_own(st, a, child->row.parent, epoch, &own);

    if (err)
        return err == TSN_ELOST ? 0 : err;
    err = tsn_past_read(st, a, own.row.id, false, &past);
    if (err)
        return err == TSN_ETAMPERED || err == TSN_ENOTFOUND ? 0 : err;
    for (size_t i = 0; i < past.nopen && !err; i++) {
        err = joins(st, a, &past.open[i], &child->row, &yes);
        if (err || !yes)
            continue;
        end_of_child(a, &child->row, &in);
        in.path = past.open[i].path;
        err = tsn_step_settle(st, a, &own, &in, &out);
        if (err)
            break;
        woken = true;
    }
    if (err || !woken)
        return err;
    own.row.state = "ready";
    own.row.reason = NULL;
    tsn_owned_wake(a, child, own.row.id, false);
    return tsn_run_save(st, &own, epoch);
}

/* The parent is over: children that go with it. */
tsn_err tsn_children_end(struct tsn_store *st, struct tsn_arena *a, struct tsn_owned *parent,
                         int64_t epoch, int64_t now_ms)
{
    struct tsn_filter f[] = {{"parent", TSN_CMP_EQ, parent->row.id, 0},
                             {"ended_at", TSN_CMP_EQ, NULL, 0},
                             {"bond", TSN_CMP_EQ, "cancel", 0}};
    struct tsn_list how = {.filters = f, .nfilters = 3};
    struct tsn_rec_run *rows;
    void *list = NULL;
    size_t n = 0;
    tsn_err err = tsn_store_list(st, a, &tsn_table_run, &how, &list, &n);

    rows = list;
    for (size_t i = 0; i < n && !err; i++) {
        struct tsn_owned own = {.row = rows[i], .guard = rows[i].epoch};

        tsn_run_unhold(a, &own.row);
        if (strcmp(own.row.state, "cancelling") == 0)
            continue;
        err = tsn_run_cancel(st, a, &own, "svc:engine", "svc",
                             "the run that started it has ended", epoch, now_ms);
        tsn_owned_wake(a, parent, own.row.id, true);
        for (const struct tsn_wake *w = own.wakes; w && !err; w = w->next)
            tsn_owned_wake(a, parent, w->id, w->stops);
    }
    return err;
}

/* --- start */

struct start_op {
    struct tsn_eop o;
    const char *path, *request, *playbook, *input, *bond, *result;
    struct tsn_settled out;
    const char *child;
};

/* How many runs stand above it. */
static tsn_err depth_of(struct tsn_store *st, struct tsn_arena *a, const char *parent, int *out)
{
    struct tsn_rec_run row;
    tsn_err err = 0;

    for (*out = 0; parent && *out < DEPTH_MAX && !err; ++*out) {
        err = tsn_store_get(st, a, &tsn_table_run, parent, &row);
        parent = err ? NULL : row.parent;
    }
    return err == TSN_ENOTFOUND ? 0 : err;
}

static const char *input_for(struct tsn_arena *a, const struct tsn_rec_run *parent,
                             const char *event)
{
    json_t *v = NULL, *c, *e = NULL;
    const char *kept;
    char *text;

    if (parent->input)
        (void)tsn_json_parse(parent->input, strlen(parent->input), &v, NULL);
    c = json_incref(json_object_get(v, "case"));
    json_decref(v);
    (void)tsn_json_parse(event, strlen(event), &e, NULL);
    v = json_object();
    if (c)
        json_object_set_new(v, "case", c);
    json_object_set_new(v, "event", e ? e : json_object());
    text = tsn_json_text(v);
    kept = tsn_arena_strdup(a, text);
    free(text);
    json_decref(v);
    return kept;
}

static tsn_err start_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct start_op *x = (struct start_op *)op;
    struct tsn_arena *a = op->arena;
    struct tsn_owned own;
    struct tsn_rec_playbook pb;
    struct tsn_rec_run child;
    struct tsn_actor by = {.auth = "svc"};
    struct tsn_run_new in = {.ref = -1, .by = &by, .bond = x->bond, .parent_path = x->path};
    struct tsn_settle s = {.path = x->path,
                           .outcome = "ok",
                           .reason = "started",
                           .request = x->request,
                           .attempt = 1,
                           .ref = -1};
    int depth;
    tsn_err err = tsn_eop_own_whole(&x->o, st, &own);

    if (!err)
        err = depth_of(st, a, own.row.parent, &depth);
    if (err)
        return err;
    if (depth >= DEPTH_MAX)
        return tsn_diag_set(&op->diag, TSN_EINPUT, "R104", "runs that start runs, %d deep",
                            DEPTH_MAX);
    err = tsn_playbook_version(st, a, x->playbook, 0, &pb);
    if (err == TSN_ENOTFOUND)
        return tsn_diag_set(&op->diag, TSN_EINPUT, "R103", "there is no playbook %s",
                            x->playbook);
    if (err)
        return err;
    in.parent = own.row.id;
    in.case_id = own.row.case_id;
    in.playbook_hash = pb.hash;
    in.playbook_title = tsn_arena_printf(a, "%s@%lld", pb.name, (long long)pb.version);
    in.input = input_for(a, &own.row, x->input);
    err = tsn_run_create(st, a, &in, x->o.now_ms, &child);
    if (err)
        return err;
    x->child = child.id;
    x->result = s.result =
        tsn_arena_printf(a, "{\"name\":\"%s\",\"run\":\"%s\"}", child.name, child.id);
    err = tsn_step_settle(st, a, &own, &s, &x->out);
    if (err)
        return err;
    tsn_run_works(&own);
    return tsn_run_save(st, &own, x->o.epoch);
}

static void start_done(struct tsn_eop *o)
{
    struct start_op *x = (struct start_op *)o;
    struct tsn_step *s = o->step;

    tsn_fault("engine.child.committed");
    if (!o->op.err)
        tsn_engine_wake(o->e, x->child);
    if (!s->gone && !o->run->dead && tsn_err_class(o->op.err) == TSN_CLASS_INPUT)
        tsn_step_fail(s, tsn_code_word(o->op.diag.code, "R103"), o->op.diag.what);
    else if (tsn_eop_ok(o))
        tsn_step_settled(s, &x->out, "ok", x->result);
}

void tsn_step_start(struct tsn_step *s)
{
    struct start_op *x = tsn_eop_of_step(s, sizeof(*x), start_apply, start_done);
    struct tsn_arena *a = x->o.op.arena;
    char *input = tsn_json_text(json_object_get(s->args, "input"));

    x->path = tsn_arena_strdup(a, s->path);
    x->request = tsn_arena_strdup(a, s->request);
    x->playbook = tsn_arena_strdup(a, s->name);
    x->input = tsn_arena_strdup(a, input);
    x->bond =
        strcmp(tsn_json_str(s->args, "on_end", "cancel"), "leave") == 0 ? "leave" : "cancel";
    free(input);
    tsn_eop_submit(&x->o);
}

/* --- join */

struct join_op {
    struct tsn_eop o;
    const char *path, *request, *child;
    struct tsn_rest rest;
    bool rests, over; /* out */
    struct tsn_settle in;
    struct tsn_settled out;
};

/* A child that restarted is followed: the newest run of the same start. */
static tsn_err child_now(struct tsn_store *st, struct tsn_arena *a, const char *parent,
                         const char *id, struct tsn_rec_run *out)
{
    struct tsn_filter f[] = {{"parent", TSN_CMP_EQ, parent, 0},
                             {"parent_path", TSN_CMP_EQ, NULL, 0}};
    struct tsn_list how = {.filters = f, .nfilters = 2, .descending = true, .limit = 1};
    void *rows = NULL;
    size_t n = 0;
    tsn_err err = tsn_store_get(st, a, &tsn_table_run, id, out);

    if (err || !out->parent || strcmp(out->parent, parent) != 0)
        return err ? err : TSN_ENOTFOUND;
    f[1].text = out->parent_path;
    err = tsn_store_list(st, a, &tsn_table_run, &how, &rows, &n);
    if (!err && n)
        *out = *(struct tsn_rec_run *)rows;
    return err;
}

static tsn_err join_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct join_op *x = (struct join_op *)op;
    struct tsn_arena *a = op->arena;
    struct tsn_field field = {"args", x->request, strlen(x->request)};
    struct tsn_rec_run child;
    struct tsn_owned own;
    struct tsn_append e;
    tsn_err err = tsn_eop_own(&x->o, st, &own);

    x->over = false;
    if (!err)
        err = child_now(st, a, x->o.run_id, x->child, &child);
    if (err == TSN_ENOTFOUND)
        return tsn_diag_set(&op->diag, TSN_EINPUT, "R103", "it did not start a run %s",
                            x->child);
    if (err)
        return err;
    e = tsn_run_entry(a, &own.row, "step.intent");
    e.step = x->path;
    e.attempt = 1;
    e.reason = "join";
    e.fields = &field;
    e.nfields = 1;
    err = tsn_store_append(st, &e, NULL);
    if (err)
        return err;
    x->over = tsn_run_over(child.state);
    if (!x->over) {
        x->rests =
            tsn_rest_put(&own, &x->rest, tsn_arena_printf(a, "waits for %s", child.name));
        return tsn_run_save(st, &own, x->o.epoch);
    }
    end_of_child(a, &child, &x->in);
    x->in.path = x->path;
    err = tsn_step_settle(st, a, &own, &x->in, &x->out);
    if (err)
        return err;
    tsn_run_works(&own);
    return tsn_run_save(st, &own, x->o.epoch);
}

static void join_done(struct tsn_eop *o)
{
    struct join_op *x = (struct join_op *)o;
    struct tsn_step *s = o->step;

    tsn_fault("engine.join.committed");
    if (!s->gone && !o->run->dead && tsn_err_class(o->op.err) == TSN_CLASS_INPUT) {
        tsn_step_fail(s, "R103", o->op.diag.what);
        return;
    }
    if (!tsn_eop_ok(o))
        return;
    if (x->over)
        tsn_step_settled(s, &x->out, x->in.outcome, x->in.result);
    else
        tsn_step_rests(s, x->rests);
}

void tsn_step_join(struct tsn_step *s)
{
    const char *child = tsn_json_str(s->args, "run", "");
    struct join_op *x;

    if (!tsn_id_valid(child)) {
        tsn_step_fail(s, "R103", "join takes what start returned");
        return;
    }
    x = tsn_eop_of_step(s, sizeof(*x), join_apply, join_done);
    x->path = tsn_arena_strdup(x->o.op.arena, s->path);
    x->request = tsn_arena_strdup(x->o.op.arena, s->request);
    x->child = tsn_arena_strdup(x->o.op.arena, child);
    x->rest = tsn_run_rest(s->run);
    tsn_eop_submit(&x->o);
}

/* --- restart */

struct restart_op {
    struct tsn_eop o;
    const char *path, *request, *state;
    const char *next; /* out */
    const struct tsn_wake *wakes;
};

static const char *input_again(struct tsn_arena *a, const struct tsn_rec_run *row,
                               const char *state)
{
    json_t *v = NULL, *s = NULL;
    const char *kept;
    char *text;

    if (row->input)
        (void)tsn_json_parse(row->input, strlen(row->input), &v, NULL);
    if (!v)
        v = json_object();
    (void)tsn_json_parse(state, strlen(state), &s, NULL);
    json_object_set_new(v, "state", s ? s : json_null());
    text = tsn_json_text(v);
    kept = tsn_arena_strdup(a, text);
    free(text);
    json_decref(v);
    return kept;
}

static tsn_err restart_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct restart_op *x = (struct restart_op *)op;
    struct tsn_arena *a = op->arena;
    struct tsn_owned own = {.next = NULL};
    struct tsn_actor by = {.auth = "svc"};
    struct tsn_run_new in = {.by = &by};
    struct tsn_settle s = {.path = x->path,
                           .outcome = "ok",
                           .reason = "restarted",
                           .request = x->request,
                           .result = "{}",
                           .attempt = 1,
                           .ref = -1};
    struct tsn_settled out;
    struct tsn_rec_run fresh;
    tsn_err err = tsn_run_own_whole(st, a, x->o.run_id, x->o.epoch, &own);

    if (!err)
        err = tsn_step_settle(st, a, &own, &s, &out);
    if (err)
        return err;
    in.ref = out.seq;
    in.parent = own.row.parent;
    in.parent_path = own.row.parent_path;
    in.bond = own.row.bond;
    in.playbook_hash = own.row.playbook;
    in.playbook_title = own.row.title;
    in.case_id = own.row.case_id;
    in.key = own.row.key;
    in.input = input_again(a, &own.row, x->state);
    err = tsn_run_create(st, a, &in, x->o.now_ms, &fresh);
    if (err)
        return err;
    x->next = fresh.id;
    /* Its successor is what its parent joins, and has its key. */
    own.row.parent = own.row.key = NULL;
    err = tsn_run_close(st, a, &own, "finished", "ok", "restarted", NULL,
                        tsn_arena_printf(a, "{\"restarted\":\"%s\"}", fresh.name), x->o.now_ms);
    x->wakes = own.wakes;
    own.row.parent = in.parent;
    own.row.key = in.key;
    return err ? err : tsn_run_save(st, &own, x->o.epoch);
}

static void restart_done(struct tsn_eop *o)
{
    struct restart_op *x = (struct restart_op *)o;

    tsn_fault("engine.restart.committed");
    if (!tsn_eop_ok(o))
        return;
    o->e->stats.finished++;
    tsn_engine_wake(o->e, x->next);
    tsn_engine_wake_all(o->e, x->wakes);
    tsn_run_forget(o->run);
}

void tsn_step_restart(struct tsn_step *s)
{
    struct restart_op *x;
    char *state;

    if (strchr(s->path, 'b') || s->next || s->run->steps != s) {
        tsn_step_fail(s, "R105", "restart is for the main branch, when no other is open");
        return;
    }
    if (tsn_undo_pending(s->run)) {
        tsn_step_fail(s, "R105", "there is something to take back yet: case:unwind() first");
        return;
    }
    x = tsn_eop_of_step(s, sizeof(*x), restart_apply, restart_done);
    state = tsn_json_text(json_object_get(s->args, "state"));
    x->path = tsn_arena_strdup(x->o.op.arena, s->path);
    x->request = tsn_arena_strdup(x->o.op.arena, s->request);
    x->state = tsn_arena_strdup(x->o.op.arena, state);
    free(state);
    tsn_eop_submit(&x->o);
}
