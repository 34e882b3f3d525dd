/* sim_work.c - what happens in a simulation: triggers, people, events. Loop thread, but for the functions
 * that take a struct tsn_store. */
#include "author/sim_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/clock.h"
#include "core/id.h"
#include "core/json.h"
#include "core/text.h"
#include "engine/bundle.h"
#include "store/record_case.h"
#include "store/record_run.h"

/* --- one answer at a time */

struct waiting {
    bool done;
    tsn_err err;
    json_t *info;
    struct tsn_diag diag;
};

static void on_done(tsn_err err, int64_t seq, const json_t *info, const struct tsn_diag *diag,
                    void *user)
{
    struct waiting *w = user;

    (void)seq;
    w->done = true;
    w->err = err;
    w->info = info ? json_deep_copy(info) : NULL;
    if (diag)
        w->diag = *diag;
}

/* Waits for the answer, then until nothing moves. Takes the info. */
static tsn_err finish(struct tsn_sim *sim, struct waiting *w, struct tsn_diag *diag)
{
    while (!w->done && !sim->dead)
        uv_run(tsn_loop_uv(sim->loop), UV_RUN_ONCE);
    json_decref(w->info);
    w->info = NULL;
    if (w->err) {
        if (diag)
            *diag = w->diag;
        return w->err;
    }
    return tsn_sim_settle(sim, diag);
}

/* --- triggers */

static tsn_err rule_for(struct tsn_sim *sim, const char *playbook, struct tsn_diag *diag)
{
    const struct tsn_playbook *pb = tsn_engine_playbook(sim->engine, playbook);
    const struct tsn_diag *broken = tsn_sim_broken(sim, playbook);

    if (!pb && broken) {
        if (diag)
            *diag = *broken;
        return TSN_EINPUT;
    }
    if (!pb)
        return tsn_diag_set(diag, TSN_ENOTFOUND, "L281", "there is no playbook `%s` in %s",
                            playbook, sim->config.playbook_dir);
    if (sim->intake)
        tsn_intake_close(sim->intake);
    sim->intake = NULL;
    sim->rule = (struct tsn_rule){.on = tsn_arena_strdup(sim->arena, pb->on),
                                  .run = tsn_arena_strdup(sim->arena, playbook)};
    const struct tsn_intake_config ic = {.engine = sim->engine,
                                         .writer = sim->writer,
                                         .casework = sim->config.casework,
                                         .rules = &sim->rule,
                                         .nrules = 1};
    tsn_err err = tsn_intake_open(&sim->intake, &ic);
    if (!err)
        tsn_intake_refresh(sim->intake);
    return err;
}

struct newest {
    char run[32], case_id[32];
};

static tsn_err newest_run(struct tsn_store *st, struct tsn_arena *arena, void *user)
{
    struct newest *out = user;
    struct tsn_list how = {.descending = true, .limit = 1, .order = "id"};
    void *rows = NULL;
    size_t n = 0;
    tsn_err err = tsn_store_list(st, arena, &tsn_table_run, &how, &rows, &n);

    if (err || n == 0)
        return err ? err : TSN_ENOTFOUND;
    const struct tsn_rec_run *row = rows;
    (void)tsn_copy(out->run, sizeof(out->run), row->id);
    (void)tsn_copy(out->case_id, sizeof(out->case_id), row->case_id);
    return 0;
}

static tsn_err take_newest(struct tsn_sim *sim, struct tsn_diag *diag)
{
    struct tsn_arena *arena = tsn_arena_new();
    struct newest found;
    tsn_err err = tsn_sim_read(sim, arena, newest_run, &found);

    tsn_arena_destroy(arena);
    if (err || strcmp(found.run, sim->run) == 0)
        return tsn_diag_set(diag, TSN_ENOTFOUND, "L281", "%s did not start: nothing ran",
                            sim->rule.run);
    memcpy(sim->run, found.run, sizeof(sim->run));
    memcpy(sim->case_id, found.case_id, sizeof(sim->case_id));
    return 0;
}

struct event_op {
    struct tsn_op op;
    struct tsn_sim *sim;
    const json_t *body;
    struct tsn_case_new fresh;
    struct tsn_event_new ev;
    struct tsn_event_out out;
    struct waiting *waiting;
};

static const struct tsn_actor trigger = {.person = NULL, .auth = "svc"};

/* A case that a report opened has that report: facts alone would be less than a node has. */
static tsn_err came_with(struct event_op *x, struct tsn_store *st)
{
    const json_t *report = json_object_get(x->fresh.facts, "report");
    char id[TSN_ULID_LEN + 1];
    struct tsn_rec_report row, before;

    if (!json_is_object(report))
        return 0;
    char *text = tsn_json_text(report);
    tsn_id_new(id);
    row = (struct tsn_rec_report){
        .id = id,
        .name = tsn_json_str(x->fresh.facts, "receipt", "TR-0000-0000-0000-0001"),
        .case_id = x->out.rcase.id,
        .kind = x->fresh.kind,
        .source = "spec",
        .body = text,
        .received_at = tsn_sim_now(x->sim)};
    /* A spec that starts twice means the report of the last start by that receipt. */
    tsn_err err = tsn_store_find(st, x->op.arena, &tsn_table_report, "name", row.name, &before);
    if (!err) {
        before.name = tsn_arena_printf(x->op.arena, "before-%s", before.id);
        err = tsn_store_put(st, &tsn_table_report, &before);
    }
    if (!err || err == TSN_ENOTFOUND)
        err = tsn_store_insert(st, &tsn_table_report, &row);
    if (!err)
        err = tsn_case_report_came(st, x->op.arena, x->sim->config.casework, &row, &trigger,
                                   tsn_sim_now(x->sim), &x->op.diag);
    free(text);
    return err;
}

static tsn_err event_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct event_op *x = (struct event_op *)op;

    tsn_err err = tsn_event_accept(st, op->arena, x->sim->intake, &x->ev, tsn_sim_now(x->sim),
                                   &x->out, &op->diag);
    return err ? err : came_with(x, st);
}

static void event_done(struct tsn_op *op)
{
    struct event_op *x = (struct event_op *)op;

    for (size_t i = 0; !op->err && i < x->out.nruns; i++)
        tsn_engine_wake(x->sim->engine, x->out.runs[i]);
    x->waiting->done = true;
    x->waiting->err = op->err;
    x->waiting->diag = op->diag;
    tsn_op_destroy(op);
}

static tsn_err start_event(struct tsn_sim *sim, const json_t *what, struct waiting *w)
{
    const json_t *event = json_object_get(what, "event"), *c = json_object_get(what, "case");
    struct event_op *x = tsn_op_new(sizeof(*x), event_apply, event_done, NULL);

    x->sim = sim;
    x->waiting = w;
    x->body = event;
    x->fresh =
        (struct tsn_case_new){.kind = tsn_json_str(c, "kind", "weakness"),
                              .title = tsn_json_str(c, "title", "A case of the simulation"),
                              .severity = tsn_json_str(c, "severity", NULL),
                              .product = tsn_json_str(c, "product", NULL),
                              .tlp = tsn_json_str(c, "tlp", NULL),
                              .facts = json_object_get(c, "facts"),
                              .by = &trigger};
    x->ev = (struct tsn_event_new){
        .source = "spec",
        .dedupe = tsn_arena_printf(x->op.arena, "%lld", (long long)++sim->starts),
        .kind = sim->rule.on,
        .body = event,
        .open = &x->fresh,
        .by = &trigger};
    tsn_err err = tsn_writer_submit(sim->writer, &x->op, TSN_LANE_RUNS);
    if (err)
        tsn_op_destroy(&x->op);
    return err;
}

tsn_err tsn_sim_start(struct tsn_sim *sim, const char *playbook, const json_t *what,
                      struct tsn_diag *diag)
{
    struct waiting w = {0};
    tsn_err err = rule_for(sim, playbook, diag);
    const json_t *report = json_object_get(what, "report");

    if (err)
        return err;
    tsn_diag_init(&w.diag);
    if (report && strcmp(sim->rule.on, "report.accepted") == 0) {
        tsn_intake_report(sim->intake, &trigger, "spec", NULL, report, on_done, &w);
    } else {
        err = start_event(sim, what, &w);
        if (err)
            return tsn_diag_set(diag, err, "L280", "the event is not taken");
    }
    err = finish(sim, &w, diag);
    return err ? err : take_newest(sim, diag);
}

/* --- people and events */

struct find_task {
    const char *run, *id;
    const json_t *want; /* unused by ask and approve */
    char task[32], digest[80];
    char why[200]; /* where the run stands, when nobody is asked */
};

const char *tsn_sim_task_id(const struct tsn_rec_task *t, json_t *spec)
{
    const char *id = tsn_json_str(spec, "name", NULL);

    return id ? id : t->path;
}

/* "failed (W001: ...)" */
static void tell_state(struct tsn_store *st, struct tsn_arena *arena, struct find_task *f)
{
    struct tsn_rec_run row;
    json_t *result = NULL;

    if (tsn_store_get(st, arena, &tsn_table_run, f->run, &row))
        return;
    if (row.result)
        (void)tsn_json_parse(row.result, strlen(row.result), &result, NULL);
    const json_t *error = json_object_get(result, "error");
    (void)snprintf(f->why, sizeof(f->why), "%.20s%s%.10s%s%.140s%s", row.state,
                   error ? " (" : "", tsn_json_str(error, "code", ""), error ? ": " : "",
                   tsn_json_str(error, "message", ""), error ? ")" : "");
    json_decref(result);
}

static tsn_err find_task(struct tsn_store *st, struct tsn_arena *arena, void *user)
{
    struct find_task *f = user;
    const struct tsn_filter filters[] = {{"run", TSN_CMP_EQ, f->run, 0},
                                         {"state", TSN_CMP_EQ, "open", 0}};
    const struct tsn_list how = {.filters = filters, .nfilters = 2};
    void *rows = NULL;
    size_t n = 0;
    tsn_err err = tsn_store_list(st, arena, &tsn_table_task, &how, &rows, &n);
    const struct tsn_rec_task *list = rows;

    for (size_t i = 0; i < n && !err; i++) {
        json_t *spec = NULL;

        (void)tsn_json_parse(list[i].spec, strlen(list[i].spec), &spec, NULL);
        if (strcmp(tsn_sim_task_id(&list[i], spec), f->id) == 0) {
            (void)tsn_copy(f->task, sizeof(f->task), list[i].id);
            (void)tsn_copy(f->digest, sizeof(f->digest), list[i].digest ? list[i].digest : "");
        }
        json_decref(spec);
    }
    if (!err && !f->task[0])
        tell_state(st, arena, f);
    return err;
}

static const struct tsn_sim_person *person_of(const struct tsn_sim *sim, const char *id)
{
    for (size_t i = 0; id && i < sim->config.npeople; i++) {
        if (strcmp(sim->config.people[i].id, id) == 0)
            return &sim->config.people[i];
    }
    return NULL;
}

static tsn_err actor_of(const struct tsn_sim *sim, const char *person, struct tsn_actor *out,
                        struct tsn_diag *diag)
{
    const struct tsn_sim_person *p = person_of(sim, person);

    if (!p)
        return tsn_diag_set(diag, TSN_ENOTFOUND, "L282", "there is nobody called `%s`",
                            person ? person : "");
    *out = (struct tsn_actor){.person = p->id, .roles = p->roles, .auth = "token"};
    return 0;
}

tsn_err tsn_sim_decide(struct tsn_sim *sim, const char *verb, const char *id,
                       const char *person, const char *reason, const json_t *answer,
                       struct tsn_diag *diag)
{
    struct tsn_arena *arena = tsn_arena_new();
    struct find_task f = {.run = sim->run, .id = id};
    struct waiting w = {0};
    struct tsn_actor who;
    tsn_err err = actor_of(sim, person, &who, diag);

    tsn_diag_init(&w.diag);
    if (!err)
        err = tsn_sim_read(sim, arena, find_task, &f);
    tsn_arena_destroy(arena);
    if (!err && !f.task[0])
        err = tsn_diag_set(diag, TSN_ENOTFOUND, "L282",
                           "nobody is asked `%s` now: the run is %s", id, f.why);
    if (err)
        return err;
    json_t *copy = answer ? json_deep_copy(answer) : json_object();
    const struct tsn_decision d = {.task = f.task,
                                   .verb = verb,
                                   .reason = reason && *reason ? reason : "as the spec says",
                                   .digest = f.digest[0] ? f.digest : NULL,
                                   .plan_seen = true,
                                   .answer = copy};
    tsn_engine_decide(sim->engine, &who, &d, on_done, &w);
    err = finish(sim, &w, diag);
    json_decref(copy);
    return err;
}

struct act_op {
    struct tsn_op op;
    struct tsn_sim *sim;
    struct tsn_case_act act;
    json_t *result;
    int64_t seq;
    struct waiting *waiting;
};

static tsn_err act_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct act_op *x = (struct act_op *)op;

    json_decref(x->result);
    x->result = NULL;
    return tsn_case_act(st, op->arena, x->sim->config.casework, &x->act, &x->result, &x->seq,
                        &op->diag);
}

static void act_done(struct tsn_op *op)
{
    struct act_op *x = (struct act_op *)op;

    x->waiting->done = true;
    x->waiting->err = op->err;
    x->waiting->diag = op->diag;
    json_decref(x->result);
    tsn_op_destroy(op);
}

tsn_err tsn_sim_act(struct tsn_sim *sim, const char *op, const json_t *args, const char *person,
                    struct tsn_diag *diag)
{
    struct waiting w = {0};
    struct tsn_actor who;
    tsn_err err = actor_of(sim, person, &who, diag);

    if (err)
        return err;
    struct act_op *x = tsn_op_new(sizeof(*x), act_apply, act_done, NULL);
    x->sim = sim;
    x->waiting = &w;
    x->act = (struct tsn_case_act){.case_id = sim->case_id,
                                   .op = op,
                                   .args = args,
                                   .by = &who,
                                   .now_ms = tsn_sim_now(sim)};
    if (tsn_writer_submit(sim->writer, &x->op, TSN_LANE_RUNS)) {
        tsn_op_destroy(&x->op);
        return tsn_diag_set(diag, TSN_EBUSY, "L280", "the operation is not taken");
    }
    return finish(sim, &w, diag);
}

tsn_err tsn_sim_signal(struct tsn_sim *sim, const char *event, const json_t *body,
                       struct tsn_diag *diag)
{
    json_t *copy = body ? json_deep_copy(body) : json_object();
    struct waiting w = {0};

    tsn_diag_init(&w.diag);
    tsn_engine_signal(sim->engine, sim->case_id, event, copy, on_done, &w);
    tsn_err err = finish(sim, &w, diag);
    json_decref(copy);
    return err;
}

tsn_err tsn_sim_cancel(struct tsn_sim *sim, const char *person, const char *reason,
                       struct tsn_diag *diag)
{
    struct waiting w = {0};
    struct tsn_actor who;
    tsn_err err = actor_of(sim, person, &who, diag);

    tsn_diag_init(&w.diag);
    if (err)
        return err;
    tsn_engine_cancel(sim->engine, &who, sim->run, reason, on_done, &w);
    return finish(sim, &w, diag);
}
