/* start.c - a run started by hand: on a case that is there, with the inputs its playbook asks for.
 *
 * The playbook declares `inputs` with the same fields as ask{}; they are checked by the same function.
 * The run sees them as ev.inputs. Loop thread, but for apply_start. */
#include "intake/intake_int.h"

#include <string.h>
#include "core/clock.h"
#include "core/fault.h"
#include "core/json.h"
#include "core/text.h"
#include "store/record_case.h"

struct start_op {
    struct tsn_op op; /* first */
    struct tsn_intake *in;
    struct tsn_actor who;
    struct tsn_rule_target target;
    const char *case_ref;
    json_t *body;
    int64_t now_ms;
    tsn_engine_done *done;
    void *user;
    /* outputs of apply */
    struct tsn_admission_out got;
    const char *case_name;
};

static tsn_err admit(struct start_op *s, struct tsn_store *st, const struct tsn_rec_case *c)
{
    json_t *input = json_object();
    json_object_set(input, "event", s->body);
    json_object_set_new(input, "case", tsn_case_frozen(c));
    char *text = tsn_json_text(input), *body = tsn_json_text(s->body);
    json_decref(input);
    const struct tsn_admission ask = {
        .run = {.playbook_hash = s->target.hash,
                .playbook_title = s->target.title,
                .case_id = c->id,
                .input = text,
                .key = tsn_event_key(s->op.arena, &s->target, s->body),
                .by = &s->who,
                .ref = -1},
        .policy = s->target.policy,
        .event = "manual.start",
        .body = body,
        .epoch = s->target.epoch};
    tsn_err err = tsn_run_admit(st, s->op.arena, &ask, s->now_ms, &s->got);
    free(text);
    free(body);
    return err;
}

static tsn_err apply_start(struct tsn_op *op, struct tsn_store *st)
{
    struct start_op *s = (struct start_op *)op;
    struct tsn_rec_case c;
    tsn_err err = tsn_case_find(st, op->arena, s->case_ref, &c, &op->diag);
    if (err)
        return err;
    if (strcmp(c.state ? c.state : "", "open") != 0)
        return tsn_diag_set(&op->diag, TSN_ECONFLICT, "R061", "%s is closed", c.name);
    s->case_name = c.name;
    return admit(s, st, &c);
}

static const char *word_of(enum tsn_admitted what)
{
    switch (what) {
    case TSN_ADMITTED_RUN:
        return "started";
    case TSN_ADMITTED_QUEUED:
        return "queued";
    case TSN_ADMITTED_JOINED:
        return "joined";
    case TSN_ADMITTED_DROPPED:
        return "dropped";
    }
    return "";
}

static void start_done(struct tsn_op *op)
{
    struct start_op *s = (struct start_op *)op;
    struct tsn_intake *in = s->in;
    json_t *info = NULL;
    tsn_fault("intake.start.committed");
    if (!op->err)
        info =
            json_pack("{s:s, s:s, s:s, s:s, s:s}", "run", s->got.run.id, "name",
                      s->got.run.name, "case", s->case_name, "playbook",
                      s->got.run.title ? s->got.run.title : "", "result", word_of(s->got.what));
    s->done(op->err, -1, info, op->err ? &op->diag : NULL, s->user);
    json_decref(info);
    const char *const wakes[] = {s->got.wake[0], s->got.wake[1], s->got.ended};
    for (size_t i = 0; !op->err && i < 3; i++)
        if (wakes[i] && !in->closed && in->config.engine)
            tsn_engine_wake(in->config.engine, wakes[i]);
    tsn_op_destroy(op);
    tsn_intake_release(in);
}

static void drop_json(void *p)
{
    json_decref(p);
}

static tsn_err unknown(const struct tsn_engine *e, const char *name, struct tsn_diag *diag)
{
    const struct tsn_playbook *all;
    size_t n = tsn_engine_playbooks(e, &all);
    const char *names[128], *near;
    for (size_t i = 0; i < n && i < 128; i++)
        names[i] = all[i].name;
    near = tsn_suggest(name, names, n < 128 ? n : 128);
    if (near)
        tsn_diag_hint(diag, "did you mean %s?", near);
    return tsn_diag_set(diag, TSN_ENOTFOUND, "R209", "there is no playbook `%.80s`", name);
}

void tsn_intake_start(struct tsn_intake *in, const struct tsn_actor *who, const char *playbook,
                      const char *case_ref, const json_t *inputs, tsn_engine_done *done,
                      void *user)
{
    struct tsn_diag diag;
    json_t *taken = NULL;
    tsn_diag_init(&diag);
    const struct tsn_playbook *p = tsn_engine_playbook(in->config.engine, playbook);
    tsn_err err = 0;
    if (in->closed || !tsn_engine_ready(in->config.engine))
        err = tsn_diag_set(&diag, TSN_EBUSY, "H025", "tocsin is starting or stopping");
    else if (!p)
        err = unknown(in->config.engine, playbook, &diag);
    else
        err = tsn_engine_inputs(in->config.engine, p, inputs, &taken, &diag);
    if (err) {
        done(err, -1, NULL, &diag, user);
        return;
    }
    struct start_op *s = tsn_op_new(sizeof *s, apply_start, start_done, user);
    struct tsn_arena *a = s->op.arena;
    s->in = in;
    s->done = done;
    s->user = user;
    s->now_ms = tsn_clock_wall_ms();
    s->who.person = tsn_arena_strdup(a, who->person);
    s->who.auth = tsn_arena_strdup(a, who->auth);
    s->case_ref = tsn_arena_strdup(a, case_ref);
    tsn_intake_target(in, p, &s->target);
    s->body = json_pack("{s:s, s:o}", "kind", "manual.start", "inputs", taken);
    tsn_arena_defer(a, drop_json, s->body);
    tsn_intake_hold(in);
    err = tsn_writer_submit(in->config.writer, &s->op, TSN_LANE_RUNS);
    if (err) {
        tsn_op_destroy(&s->op);
        tsn_intake_release(in);
        (void)tsn_diag_set(&diag, err, "H025", "too busy to start a run now");
        done(err, -1, NULL, &diag, user);
    }
}
