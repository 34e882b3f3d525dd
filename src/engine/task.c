/* task.c - questions to people: asked and recorded in one op, expired by time.
 *
 * The decision itself is decide.c. Loop thread, but for the apply functions and tsn_task_insert.
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

#define QUORUM_MAX    20
#define ESCALATE_MAX  10
#define REMIND_MIN_MS 1000

tsn_err tsn_task_insert(struct tsn_store *st, struct tsn_arena *a, struct tsn_rec_task *t,
                        const char *prefix)
{
    char name[TSN_ULID_LEN + 8];
    struct tsn_rec_task taken;
    tsn_err err = 0;

    for (int chars = 4; chars <= TSN_ULID_LEN; chars++) {
        tsn_id_short(name, sizeof(name), prefix, t->id, chars);
        err = tsn_store_find(st, a, &tsn_table_task, "name", name, &taken);
        if (err)
            break;
    }
    if (err != TSN_ENOTFOUND)
        return err ? err : TSN_ECONFLICT;
    t->name = tsn_arena_strdup(a, name);
    return tsn_store_insert(st, &tsn_table_task, t);
}

tsn_err tsn_task_open_of(struct tsn_store *st, struct tsn_arena *a, const char *run_id,
                         const char *path, struct tsn_rec_task *out)
{
    struct tsn_filter filters[] = {
        {"run", TSN_CMP_EQ, run_id, 0},
        {"state", TSN_CMP_EQ, "open", 0},
        {"path", TSN_CMP_EQ, path, 0},
    };
    struct tsn_list how = {.filters = filters, .nfilters = path ? 3 : 2, .limit = 1};
    void *rows = NULL;
    size_t n = 0;
    tsn_err err = tsn_store_list(st, a, &tsn_table_task, &how, &rows, &n);

    if (err)
        return err;
    if (n == 0)
        return TSN_ENOTFOUND;
    *out = *(struct tsn_rec_task *)rows;
    return 0;
}

/* --- asking */

struct task_op {
    struct tsn_eop o;
    bool approve;
    const char *path, *request;
    json_t *spec; /* gets "seq" on the store thread */
    struct tsn_rest rest;
    bool rests;      /* out */
    int64_t wake_at; /* out: sooner than the playbook says, where a rule says so */
    struct tsn_rec_task task;
    char id[TSN_ULID_LEN + 1];
};

static void free_json(void *p)
{
    json_decref(p);
}

/* What the house has laid down. A sooner end stands in the request, as the playbook's own does. */
static tsn_err take_rule(struct task_op *x, struct tsn_store *st)
{
    struct tsn_arena *a = x->o.op.arena;
    int64_t due = x->task.due_at;
    tsn_err err = tsn_rule_apply(x->o.e, st, a, x->spec, &x->task);
    json_t *request;
    char *text;

    if (err || x->task.due_at == due)
        return err;
    if (tsn_json_parse(x->request, strlen(x->request), &request, NULL))
        return TSN_EINPUT;
    x->wake_at = x->task.due_at;
    if (x->rest.wake_at == 0 || x->wake_at < x->rest.wake_at)
        x->rest.wake_at = x->wake_at;
    json_object_set_new(json_object_get(request, "opts"), "wake_at", json_integer(x->wake_at));
    text = tsn_json_text(request);
    x->request = tsn_arena_strdup(a, text);
    free(text);
    json_decref(request);
    return 0;
}

static tsn_err task_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct task_op *x = (struct task_op *)op;
    struct tsn_arena *a = op->arena;
    struct tsn_field fields[2];
    struct tsn_owned own;
    struct tsn_append e;
    int64_t seq;
    char *text;
    tsn_err err = tsn_eop_own(&x->o, st, &own);

    if (err)
        return err;
    x->task.run = own.row.id;
    x->task.case_id = own.row.case_id;
    err = take_rule(x, st);
    if (err)
        return err;
    e = tsn_run_entry(a, &own.row, x->approve ? "approval.requested" : "task.asked");
    e.step = x->path;
    e.attempt = 1;
    e.reason = x->approve ? "approve" : "ask";
    e.fields = fields;
    fields[e.nfields++] = (struct tsn_field){"args", x->request, strlen(x->request)};
    if (json_is_object(json_object_get(x->spec, "rule"))) {
        text = tsn_json_text(json_object_get(x->spec, "rule"));
        fields[e.nfields++] =
            (struct tsn_field){"note", tsn_arena_strdup(a, text), strlen(text)};
        free(text);
    }
    err = tsn_store_append(st, &e, &seq);
    if (err)
        return err;
    json_object_set_new(x->spec, "seq", json_integer(seq));
    x->task.nudge_at = tsn_nudge_next(x->spec, x->task.opened_at, x->task.due_at);
    if (x->approve)
        err = tsn_plan_bind(x->o.e->config.registry, st, a, x->spec, &x->task);
    if (err)
        return err;
    text = tsn_json_text(x->spec);
    x->task.spec = tsn_arena_strdup(a, text);
    free(text);
    err = tsn_task_insert(st, a, &x->task, x->approve ? "ap-" : "as-");
    if (err)
        return err;
    x->rests = tsn_rest_put(
        &own, &x->rest, tsn_arena_printf(a, "waits for %s: %s", x->task.role, x->task.name));
    return tsn_run_save(st, &own, x->o.epoch);
}

static void task_done(struct tsn_eop *o)
{
    struct task_op *x = (struct task_op *)o;

    tsn_fault("engine.task.committed");
    if (!tsn_eop_ok(o))
        return;
    tsn_log(TSN_LOG_INFO, "task.opened", "run", o->run_id, "task", x->task.name, NULL);
    tsn_sweep_at(o->e, x->task.nudge_at);
    if (x->wake_at > 0)
        o->step->wake_at = x->wake_at;
    tsn_step_rests(o->step, x->rests);
}

/* What the playbook calls "triage" is a key of its roles, or a role itself. */
static const char *role_of(const struct tsn_run *r, const char *key)
{
    return tsn_json_str(r->roles, key, key);
}

static bool names_of(const json_t *v)
{
    size_t i;
    json_t *one;

    if (!v || json_is_null(v) || json_is_string(v))
        return true;
    if (!json_is_array(v))
        return false;
    json_array_foreach(v, i, one) if (!json_is_string(one)) return false;
    return true;
}

/* Later and later, and to somebody. */
static bool chain_ok(const struct tsn_step *s)
{
    const json_t *chain = json_object_get(s->args, "escalate"), *up;
    int64_t last = 0;

    if (!chain || json_is_null(chain))
        return true;
    if (!json_is_array(chain) || json_array_size(chain) > ESCALATE_MAX)
        return false;
    for (size_t i = 0; i < json_array_size(chain); i++) {
        int64_t after;

        up = json_array_get(chain, i);
        after = tsn_json_int(up, "after_ms", 0);
        if (after <= last || after > TSN_STEP_FOREVER ||
            !tsn_word_ok(role_of(s->run, tsn_json_str(up, "to", "")), 64))
            return false;
        last = after;
    }
    return true;
}

/* What nobody's silence means must be an answer that somebody could have given. */
static const char *late_wrong(const struct tsn_step *s, struct tsn_diag *diag)
{
    const json_t *late = json_object_get(s->args, "on_timeout");
    json_t *taken = NULL;
    tsn_err err;

    if (!late || json_is_null(late))
        return NULL;
    if (!json_is_object(late))
        return "on_timeout of ask is a table of answers";
    err = tsn_answer_check(json_object_get(s->args, "fields"), s->run->e->config.picks, late,
                           &taken, diag);
    json_decref(taken);
    return err ? diag->what : NULL;
}

/* NULL = fine. */
static const char *task_wrong(const struct tsn_step *s, struct tsn_diag *diag)
{
    const json_t *args = s->args;
    bool approve = s->kind == TSN_J_APPROVE;
    int64_t quorum = tsn_json_int(args, "quorum", 1);
    int64_t within = tsn_json_int(args, "within_ms", 0);
    const json_t *late = json_object_get(args, "on_timeout");

    if (!tsn_json_str(args, "title", NULL) || !tsn_json_str(args, "role", NULL))
        return "ask and approve need a title and a role";
    if (!tsn_word_ok(role_of(s->run, tsn_json_str(args, "role", "")), 64))
        return "a role is a word of up to 64 plain characters";
    if (quorum < 1 || quorum > QUORUM_MAX || (!approve && quorum != 1))
        return "quorum is 1 to 20, and only for approve";
    if (within < 0 || within > TSN_STEP_FOREVER)
        return "within is a duration of up to 10 years";
    if (!names_of(json_object_get(args, "not_by")) || !names_of(json_object_get(args, "to")))
        return "not_by and to are a person or a list of persons";
    if (tsn_json_int(args, "remind_ms", REMIND_MIN_MS) < REMIND_MIN_MS)
        return "remind is a duration of at least a second";
    if (!chain_ok(s))
        return "escalate is up to 10 of { after, to }, each later than the one before";
    if (approve && late && strcmp(tsn_json_str(args, "on_timeout", ""), "reject") != 0)
        return "on_timeout of an approval can only be \"reject\": silence never allows "
               "anything";
    if (!approve && tsn_answer_fields(json_object_get(args, "fields"), diag))
        return diag->what;
    return approve ? NULL : late_wrong(s, diag);
}

static json_t *spec_of(const struct tsn_step *s, const char *role)
{
    static const char *const kept[] = {"title",  "role",      "fields",    "show",
                                       "quorum", "not_by",    "within_ms", "on_timeout",
                                       "to",     "remind_ms", "policy"};
    json_t *spec = json_object(), *up;
    size_t n;

    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        json_t *v = json_object_get(s->args, kept[i]);

        if (v)
            json_object_set_new(spec, kept[i], json_deep_copy(v));
    }
    if (json_is_array(json_object_get(s->args, "escalate")))
        json_object_set_new(spec, "escalate",
                            json_deep_copy(json_object_get(s->args, "escalate")));
    json_array_foreach(json_object_get(spec, "escalate"), n, up)
        json_object_set_new(up, "to", json_string(role_of(s->run, tsn_json_str(up, "to", ""))));
    json_object_set_new(spec, "roles", json_pack("[s]", role));
    json_object_set_new(spec, "name", json_string(s->name));
    return spec;
}

void tsn_step_task(struct tsn_step *s)
{
    struct tsn_diag diag;
    const char *wrong, *role;
    struct task_op *x;
    struct tsn_arena *a;
    int64_t quorum;

    tsn_diag_init(&diag);
    wrong = task_wrong(s, &diag);
    if (wrong) {
        tsn_step_fail(s, "R036", wrong);
        return;
    }
    role = role_of(s->run, tsn_json_str(s->args, "role", ""));
    quorum = tsn_json_int(s->args, "quorum", 1);
    x = tsn_eop_of_step(s, sizeof(*x), task_apply, task_done);
    a = x->o.op.arena;
    x->approve = s->kind == TSN_J_APPROVE;
    x->path = tsn_arena_strdup(a, s->path);
    x->request = tsn_arena_strdup(a, s->request);
    x->rest = tsn_run_rest(s->run);
    x->spec = spec_of(s, role);
    tsn_arena_defer(a, free_json, x->spec);
    tsn_id_new(x->id);
    x->task.id = x->id;
    x->task.path = x->path;
    x->task.kind = x->approve ? "approve" : "ask";
    x->task.state = "open";
    x->task.role = tsn_arena_strdup(a, role);
    x->task.votes = "[]";
    x->task.quorum = quorum;
    x->task.opened_at = x->o.now_ms;
    x->task.due_at = s->wake_at;
    tsn_eop_submit(&x->o);
}

/* --- nobody decided in time */

struct expire_op {
    struct tsn_eop o;
    const char *path;
    bool expired; /* out: false = somebody was faster */
    struct tsn_settle in;
    struct tsn_settled out;
};

static const char *text_in(struct tsn_arena *a, json_t *v)
{
    char *text = tsn_json_text(v);
    const char *kept = tsn_arena_strdup(a, text);

    free(text);
    json_decref(v);
    return kept;
}

static json_t *late_answers(const json_t *spec, const char *at)
{
    json_t *given = json_object_get(spec, "on_timeout"), *v;

    if (!json_is_object(given))
        return NULL;
    v = json_deep_copy(given);
    json_object_set_new(v, "by", json_string("timeout"));
    json_object_set_new(v, "at", json_string(at));
    return v;
}

static void late_result(struct expire_op *x, const struct tsn_rec_task *t)
{
    struct tsn_arena *a = x->o.op.arena;
    json_t *spec = NULL, *votes = NULL, *v;
    char at[25];

    tsn_time_format(at, x->o.now_ms);
    if (t->spec)
        (void)tsn_json_parse(t->spec, strlen(t->spec), &spec, NULL);
    if (t->votes)
        (void)tsn_json_parse(t->votes, strlen(t->votes), &votes, NULL);
    x->in = (struct tsn_settle){.path = x->path,
                                .outcome = "ok",
                                .reason = "timeout",
                                .attempt = 1,
                                .ref = tsn_json_int(spec, "seq", -1)};
    if (strcmp(t->kind, "approve") == 0) {
        v = json_pack("{s:b, s:s, s:s, s:s, s:O}", "ok", 0, "by", "timeout", "reason",
                      "nobody decided in time", "at", at, "votes", votes);
        if (!v)
            v = json_pack("{s:b, s:s, s:s, s:s, s:[]}", "ok", 0, "by", "timeout", "reason",
                          "nobody decided in time", "at", at, "votes");
    } else {
        v = late_answers(spec, at);
        if (!v) {
            x->in.outcome = "timeout";
            v = json_pack("{s:{s:s,s:s}}", "error", "code", "R035", "message",
                          "nobody answered in time");
        }
    }
    x->in.result = text_in(a, v);
    json_decref(spec);
    json_decref(votes);
}

static tsn_err expire_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct expire_op *x = (struct expire_op *)op;
    struct tsn_arena *a = op->arena;
    struct tsn_rec_task t;
    struct tsn_owned own;
    struct tsn_append e;
    tsn_err err = tsn_run_own(st, a, x->o.run_id, x->o.epoch, &own);

    x->expired = false;
    if (err)
        return err;
    err = tsn_task_open_of(st, a, x->o.run_id, x->path, &t);
    if (err == TSN_ENOTFOUND)
        return 0;
    if (err)
        return err;
    x->expired = true;
    late_result(x, &t);
    e = tsn_run_entry(a, &own.row,
                      strcmp(t.kind, "approve") == 0 ? "approval.expired" : "task.expired");
    e.step = t.path;
    e.outcome = "timeout";
    e.ref = x->in.ref;
    err = tsn_store_append(st, &e, NULL);
    if (err)
        return err;
    t.state = "expired";
    t.decided_by = "timeout";
    t.answer = x->in.result;
    t.closed_at = x->o.now_ms;
    t.nudge_at = 0;
    err = tsn_store_update_if_text(st, &tsn_table_task, &t, "state", "open");
    if (!err)
        err = tsn_step_settle(st, a, &own, &x->in, &x->out);
    if (err)
        return err;
    own.row.state = "running";
    own.row.reason = NULL;
    return tsn_run_save(st, &own, x->o.epoch);
}

static void expire_done(struct tsn_eop *o)
{
    struct expire_op *x = (struct expire_op *)o;

    tsn_fault("engine.expiry.committed");
    if (!tsn_eop_ok(o))
        return;
    if (x->expired)
        tsn_step_settled(o->step, &x->out, x->in.outcome, x->in.result);
    else
        tsn_run_reload(o->run);
}

void tsn_step_task_due(struct tsn_step *s)
{
    struct expire_op *x = tsn_eop_of_step(s, sizeof(*x), expire_apply, expire_done);

    x->path = tsn_arena_strdup(x->o.op.arena, s->path);
    tsn_eop_submit(&x->o);
}
