/* run_step.c - a new step: checked, its intent committed, only then begun.
 *
 * Look-ups have no intent; what changes only our own store is applied inside the op that records
 * the outcome; everything else is intended first. Loop thread, but for the apply functions.
 */
#include "engine/engine_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/clock.h"
#include "core/fault.h"
#include "core/json.h"
#include "core/log.h"
#include "core/text.h"

void tsn_run_idem(char out[TSN_IDEM_LEN + 1], const char *run, const char *path)
{
    char text[160];
    uint8_t hash[TSN_HASH_LEN];
    int n = snprintf(text, sizeof(text), "tocsin-idem/v1\n%s\n%s", run, path);

    tsn_sha256_once(hash, text, (size_t)n);
    tsn_hex(out, hash, TSN_IDEM_LEN / 2);
}

char *tsn_step_request(const char *kind, const char *name, const json_t *args,
                       const json_t *opts)
{
    json_t *v = json_object();
    char *text;

    json_object_set_new(v, "kind", json_string(kind));
    json_object_set_new(v, "name", json_string(name));
    json_object_set_new(v, "args", args ? json_deep_copy(args) : json_object());
    json_object_set_new(v, "opts", opts ? json_deep_copy(opts) : json_object());
    text = tsn_json_text(v);
    json_decref(v);
    return text;
}

void tsn_step_fail(struct tsn_run *r, const char *code, const char *message)
{
    tsn_step_end(r, "fail", code,
                 json_pack("{s:{s:s,s:s}}", "error", "code", code, "message", message));
}

/* --- intent */

struct intent_op {
    struct tsn_eop o;
    const char *path, *name, *request, *idem;
    int64_t attempt;
};

static tsn_err intent_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct intent_op *in = (struct intent_op *)op;
    struct tsn_arena *a = op->arena;
    struct tsn_owned own;
    struct tsn_append e;
    struct tsn_field field = {"args", in->request, strlen(in->request)};
    tsn_err err = tsn_run_own(st, a, in->o.run_id, in->o.epoch, &own);

    if (err)
        return err;
    e = tsn_run_entry(a, &own.row, "step.intent");
    e.step = in->path;
    e.attempt = in->attempt;
    e.idem = in->idem;
    e.reason = in->name;
    if (in->attempt == 1) {
        e.fields = &field;
        e.nfields = 1;
    }
    err = tsn_store_append(st, &e, NULL);
    if (err)
        return err;
    own.row.state = "running";
    own.row.reason = NULL;
    own.row.attempts = 0;
    own.row.wake_at = 0;
    return tsn_run_save(st, &own, in->o.epoch);
}

static void intended(struct tsn_eop *o)
{
    struct tsn_run *r = o->run;

    tsn_fault("engine.intent.committed");
    if (!tsn_eop_ok(o))
        return;
    r->step.attempt = ((struct intent_op *)o)->attempt;
    r->step.last = TSN_LAST_INTENT;
    tsn_call_start(r);
}

/* The next try of the open call: intent n + 1, then the effect. */
static void intend(struct tsn_run *r)
{
    struct intent_op *in = tsn_eop_new(r->e, sizeof(*in), r, intent_apply, intended);
    struct tsn_arena *a = in->o.op.arena;

    in->path = tsn_arena_strdup(a, r->step.path);
    in->name = tsn_arena_strdup(a, r->step.name);
    in->request = tsn_arena_strdup(a, r->step.request);
    in->idem = tsn_arena_strdup(a, r->step.idem);
    in->attempt = r->step.attempt + 1;
    tsn_fault("engine.intent.begin");
    tsn_eop_submit(&in->o);
}

/* --- store effects: outcome and effect are one transaction */

static void free_json(void *p)
{
    json_decref(p);
}

struct effect_op {
    struct tsn_eop o;
    const struct tsn_action *action;
    struct tsn_call call;
    const char *request;
    char *result; /* canonical, in the arena */
    struct tsn_settled settled;
};

static tsn_err effect_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct effect_op *x = (struct effect_op *)op;
    struct tsn_arena *a = op->arena;
    struct tsn_settle s = {
        .path = x->call.path,
        .outcome = "ok",
        .reason = x->action->name,
        .request = x->request,
        .idem = x->call.idem,
        .attempt = 1,
        .ref = -1,
    };
    struct tsn_owned own;
    json_t *result = NULL;
    char *text;
    tsn_err err = tsn_run_own(st, a, x->o.run_id, x->o.epoch, &own);

    if (!err)
        err = x->action->apply(st, a, &x->call, x->o.now_ms, &result, &op->diag);
    if (err) {
        json_decref(result);
        return err;
    }
    text = result ? tsn_json_text(result) : tsn_strdup("{}");
    json_decref(result);
    x->result = tsn_arena_strdup(a, text);
    free(text);
    s.result = x->result;
    err = tsn_step_settle(st, a, &own, &s, &x->settled);
    if (err)
        return err;
    own.row.state = "running";
    own.row.reason = NULL;
    return tsn_run_save(st, &own, x->o.epoch);
}

static void effect_done(struct tsn_eop *o)
{
    struct effect_op *x = (struct effect_op *)o;
    struct tsn_run *r = o->run;

    tsn_fault("engine.store_effect.committed");
    /* The action refused: nothing of it is in the store, and the playbook sees why. */
    if (!r->dead && tsn_err_class(o->op.err) == TSN_CLASS_INPUT) {
        tsn_step_fail(r, tsn_code_word(o->op.diag.code, "R033"),
                      o->op.diag.what[0] ? o->op.diag.what : tsn_err_text(o->op.err));
        return;
    }
    if (tsn_eop_ok(o))
        tsn_run_settled(r, &x->settled, "ok", x->result);
}

static void effect_start(struct tsn_run *r)
{
    struct effect_op *x = tsn_eop_new(r->e, sizeof(*x), r, effect_apply, effect_done);
    struct tsn_arena *a = x->o.op.arena;

    x->action = r->step.action;
    x->request = tsn_arena_strdup(a, r->step.request);
    x->call.action = r->step.action;
    x->call.run = x->o.run_id;
    x->call.run_name = tsn_arena_strdup(a, r->name);
    x->call.case_id = tsn_arena_strdup(a, r->case_id);
    x->call.path = tsn_arena_strdup(a, r->step.path);
    x->call.idem = tsn_arena_strdup(a, r->step.idem);
    x->call.attempt = 1;
    x->call.args = json_deep_copy(r->step.args);
    tsn_arena_defer(a, free_json, x->call.args);
    tsn_eop_submit(&x->o);
}

/* --- calls */

static bool undo_known(struct tsn_run *r, struct tsn_diag *diag)
{
    const json_t *undo = json_object_get(r->step.opts, "undo");
    const char *name = tsn_json_str(undo, "action", NULL);

    if (!undo || json_is_null(undo))
        return true;
    if (name && tsn_registry_find(r->e->config.registry, name))
        return true;
    (void)tsn_registry_unknown(r->e->config.registry, name ? name : "", diag);
    return false;
}

static void want_call(struct tsn_run *r)
{
    struct tsn_diag diag;

    tsn_diag_init(&diag);
    r->step.action = tsn_registry_find(r->e->config.registry, r->step.name);
    if (!r->step.action)
        (void)tsn_registry_unknown(r->e->config.registry, r->step.name, &diag);
    /* What cannot be taken back as promised is not begun. */
    if (!r->step.action || !undo_known(r, &diag)) {
        tsn_step_fail(r, tsn_code_word(diag.code, "R011"), diag.what);
        return;
    }
    switch (r->step.action->effect) {
    case TSN_EFFECT_NONE:
        r->step.attempt = 1;
        tsn_call_start(r);
        break;
    case TSN_EFFECT_STORE:
        effect_start(r);
        break;
    case TSN_EFFECT_EXTERNAL:
        intend(r);
        break;
    }
}

void tsn_run_resume_call(struct tsn_run *r)
{
    const struct tsn_action *a = tsn_registry_find(r->e->config.registry, r->step.name);
    struct tsn_diag diag;

    r->step.action = a;
    if (r->step.last == TSN_LAST_RETRY && a) {
        intend(r);
        return;
    }
    if (r->step.last == TSN_LAST_RETRY) { /* nothing happened, and nothing can any more */
        tsn_diag_init(&diag);
        (void)tsn_registry_unknown(r->e->config.registry, r->step.name, &diag);
        tsn_step_fail(r, tsn_code_word(diag.code, "R011"), diag.what);
        return;
    }
    /* An intent and no outcome: an older life of this process got no further. */
    tsn_log(TSN_LOG_WARN, "step.in_doubt", "run", r->id, "step", r->step.path, "action",
            r->step.name, NULL);
    if (a && a->effect == TSN_EFFECT_EXTERNAL && a->doubt == TSN_DOUBT_REPEAT_SAFE)
        tsn_call_repeat(r);
    else
        tsn_step_doubt(r);
}

/* --- WANT */

/* NULL = fine; else what is wrong with it. A worker that gets here with nonsense is broken. */
static const char *want_wrong(const struct tsn_run *r, const json_t *want)
{
    const char *path = tsn_json_str(want, "path", "");
    const char *fp = tsn_json_str(want, "fp", "");
    const json_t *args = json_object_get(want, "args");
    char next[TSN_PATH_MAX + 1] = "0.1", hex[65];
    enum tsn_jkind kind;
    uint8_t hash[32];

    if (!tsn_path_valid(path) || !json_is_object(args))
        return "malformed step request";
    if (r->last_path[0]) {
        memcpy(next, r->last_path, sizeof(next));
        if (tsn_path_next(next, sizeof(next)))
            return "its journal has a path without a successor";
    }
    if (strcmp(path, next) != 0)
        return "step request out of order";
    if (tsn_jkind_parse(tsn_json_str(want, "kind", ""), &kind))
        return "step request of an unknown kind";
    tsn_json_digest(hash, args);
    tsn_hex(hex, hash, sizeof(hash));
    if (strcmp(hex, fp) != 0)
        return "fingerprint of the arguments is wrong";
    return NULL;
}

static void take_step(struct tsn_run *r, const json_t *want)
{
    struct tsn_step *s = &r->step;
    json_t *opts = json_object_get(want, "opts");

    tsn_step_clear(s);
    (void)tsn_copy(s->path, sizeof(s->path), tsn_json_str(want, "path", ""));
    (void)tsn_jkind_parse(tsn_json_str(want, "kind", ""), &s->kind);
    s->name = tsn_strdup(tsn_json_str(want, "name", ""));
    s->args = json_deep_copy(json_object_get(want, "args"));
    s->opts = json_is_object(opts) ? json_deep_copy(opts) : json_object();
    s->request = tsn_step_request(tsn_jkind_name(s->kind), s->name, s->args, s->opts);
    tsn_run_idem(s->idem, r->id, s->path);
    s->last = TSN_LAST_NONE;
}

void tsn_run_want(struct tsn_run *r, const json_t *want)
{
    const char *wrong = want_wrong(r, want);

    if (wrong) {
        tsn_run_stuck(r, "R070", wrong);
        return;
    }
    take_step(r, want);
    r->phase = TSN_PHASE_STEP;
    tsn_run_touch(r);
    if (r->deliver_no >= TSN_RUN_STEPS_MAX) {
        tsn_run_fail(r, "R072", "the run has reached 10,000 steps");
        return;
    }
    if (strlen(r->step.request) > TSN_WANT_MAX) {
        tsn_run_fail(r, "R036", "the arguments of a step are over 1 MiB");
        return;
    }
    /* These two stand in clear in the log. */
    if ((r->step.kind == TSN_J_CALL || r->step.kind == TSN_J_WAIT) &&
        !tsn_word_ok(r->step.name, 128)) {
        tsn_step_fail(
            r, "R036",
            "the name of an action or event is 1 to 128 plain characters without spaces");
        return;
    }
    switch (r->step.kind) {
    case TSN_J_CALL:
        want_call(r);
        return;
    case TSN_J_SLEEP:
        tsn_step_sleep(r);
        return;
    case TSN_J_WAIT:
        tsn_step_wait(r);
        return;
    case TSN_J_ASK:
    case TSN_J_APPROVE:
        tsn_step_task(r);
        return;
    case TSN_J_START:
    case TSN_J_JOIN:
    case TSN_J_PARALLEL:
    case TSN_J_UNDO:
    case TSN_J_RESTART:
    case TSN_J_END:
        tsn_step_fail(r, "R036", "this kind of step is not offered");
        return;
    }
}
