/* undo.c - taking back: a call's undo, newest first, as steps of the engine's own.
 *
 * What can be taken back stands with the call's intent. It is run when the run fails or is cancelled,
 * when the playbook says case:unwind(), or when its time is up (`expires`), each undo once, at a path
 * made from the call's: 0.6u takes 0.6 back. Nothing interrupts an undo; one that fails leaves the
 * run stuck for a person. A run that has something to take back first is not over: run.unwinding
 * says how it will end. Loop thread, but for the functions that take a store.
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

/* A pending one. Strings are malloc'ed. */
struct tsn_undo {
    struct tsn_undo *next; /* older */
    char path[TSN_PATH_MAX + 1];
    char *action, *args;
    int64_t no, nth, due_at;
};

static void undo_free(struct tsn_undo *u)
{
    free(u->action);
    free(u->args);
    free(u);
}

void tsn_undo_clear(struct tsn_run *r)
{
    struct tsn_undo *u;

    while ((u = r->undos) != NULL) {
        r->undos = u->next;
        undo_free(u);
    }
    free(r->ending);
    free(r->ending_code);
    free(r->ending_args);
    r->ending = r->ending_code = r->ending_args = NULL;
}

bool tsn_undo_pending(const struct tsn_run *r)
{
    return r->undos != NULL;
}

/* --- the step of one */

static struct tsn_step *step_of(struct tsn_run *r, const struct tsn_undo *u)
{
    char path[TSN_PATH_MAX + 1];
    struct tsn_step *s;
    json_t *args = NULL;

    if (tsn_path_undo(path, sizeof(path), u->path, u->nth))
        return NULL;
    s = tsn_step_find(r, path);
    if (s)
        return s;
    (void)tsn_json_parse(u->args, strlen(u->args), &args, NULL);
    s = tsn_step_new(r, path);
    s->kind = TSN_J_UNDO;
    s->name = tsn_strdup(u->action);
    s->args = args ? args : json_object();
    s->opts = json_object();
    s->request = tsn_step_request("undo", s->name, s->args, s->opts);
    return s;
}

static void undo_add(struct tsn_run *r, struct tsn_undo *u)
{
    struct tsn_undo **at = &r->undos;

    while (*at && (*at)->no > u->no)
        at = &(*at)->next;
    u->next = *at;
    *at = u;
    if (u->due_at > 0) {
        struct tsn_step *s = step_of(r, u);

        if (s && !tsn_step_busy(s) && s->last == TSN_LAST_NONE) {
            s->rests = true;
            s->wake_at = u->due_at;
            if (r->wake_at == 0 || s->wake_at < r->wake_at)
                tsn_run_wake_at(r, s->wake_at);
        }
    }
}

void tsn_undo_note(struct tsn_run *r, const char *path, const json_t *undo, int64_t no,
                   int64_t at_ms)
{
    int64_t after = tsn_json_int(undo, "after_ms", 0);
    struct tsn_undo *u;

    if (!tsn_json_str(undo, "action", NULL))
        return;
    u = tsn_alloc(sizeof(*u));
    (void)tsn_copy(u->path, sizeof(u->path), path);
    u->action = tsn_strdup(tsn_json_str(undo, "action", ""));
    u->args = tsn_json_text(json_object_get(undo, "args"));
    u->no = no;
    u->nth = 1;
    u->due_at = after > 0 ? at_ms + after : 0;
    undo_add(r, u);
}

void tsn_undo_load(struct tsn_run *r, const struct tsn_past *past)
{
    tsn_undo_clear(r);
    for (size_t i = 0; i < past->nundos; i++) {
        const struct tsn_past_undo *p = &past->undos[i];
        struct tsn_undo *u;

        if (p->done)
            continue;
        u = tsn_alloc(sizeof(*u));
        (void)tsn_copy(u->path, sizeof(u->path), p->path);
        u->action = tsn_strdup(p->action);
        u->args = tsn_strdup(p->args);
        u->no = p->no;
        u->nth = p->nth;
        u->due_at = p->due_at;
        undo_add(r, u);
    }
    r->ending = tsn_strdup(past->ending);
    r->ending_code = tsn_strdup(past->ending_code);
    r->ending_args = tsn_strdup(past->ending_args);
}

static void begin(struct tsn_step *s)
{
    s->rests = false;
    s->wake_at = 0;
    s->run->rested = false;
    tsn_log(TSN_LOG_INFO, "undo.begun", "run", s->run->id, "step", s->path, "action", s->name,
            NULL);
    tsn_step_call(s);
}

void tsn_step_undo_due(struct tsn_step *s)
{
    begin(s);
}

/* --- case:unwind() */

void tsn_step_unwind(struct tsn_step *s)
{
    tsn_step_fork(s); /* on record as begun; then tsn_undo_next */
}

void tsn_step_unwind_resume(struct tsn_step *s)
{
    tsn_undo_next(s->run);
}

/* --- one after the other */

static struct tsn_step *unwinder(const struct tsn_run *r)
{
    struct tsn_step *s = r->steps;

    while (s && (s->kind != TSN_J_UNDO || tsn_path_undoes(s->path) || s->fresh))
        s = s->next;
    return s;
}

static bool being_undone(const struct tsn_run *r)
{
    for (const struct tsn_step *s = r->steps; s; s = s->next)
        if (tsn_path_undoes(s->path) && (!s->rests || s->last == TSN_LAST_DOUBT))
            return true;
    return false;
}

/* Something of the playbook's own is still open. */
static bool others_open(const struct tsn_run *r)
{
    for (const struct tsn_step *s = r->steps; s; s = s->next)
        if (!tsn_path_undoes(s->path))
            return true;
    return false;
}

/* Who returned keeps what was done, but for what expires. */
static bool left_to_undo(const struct tsn_run *r)
{
    const struct tsn_undo *u = r->undos;

    if (r->ending && strcmp(r->ending, "ok") == 0)
        while (u && u->due_at == 0)
            u = u->next;
    return u != NULL;
}

static void end_as_promised(struct tsn_run *r)
{
    json_t *args = NULL;

    (void)tsn_json_parse(r->ending_args ? r->ending_args : "{}",
                         strlen(r->ending_args ? r->ending_args : "{}"), &args, NULL);
    tsn_run_end_as(r, r->ending, r->ending_code, tsn_json_str(args, "reason", NULL),
                   json_object_get(args, "result"));
    json_decref(args);
}

void tsn_undo_next(struct tsn_run *r)
{
    struct tsn_step *asked, *s;
    bool all;

    if (r->dead || (r->phase != TSN_PHASE_STEP && r->phase != TSN_PHASE_ACTIVE))
        return;
    asked = unwinder(r);
    all = asked || (r->ending && strcmp(r->ending, "ok") != 0);
    if (being_undone(r) || (asked && asked->ops > 0) || (r->ending && others_open(r))) {
        tsn_run_settle_down(r);
        return;
    }
    if (all && r->undos) {
        s = step_of(r, r->undos);
        if (s)
            begin(s);
        else
            tsn_run_stuck(r, "R102", "its path is too long to be taken back");
    } else if (asked) {
        tsn_step_end(asked, "ok", "unwind", json_object());
    } else if (r->ending && !left_to_undo(r)) {
        end_as_promised(r);
    } else {
        tsn_run_settle_down(r);
    }
}

void tsn_undo_settled(struct tsn_step *s, const char *outcome, const char *result)
{
    struct tsn_run *r = s->run;
    size_t len = tsn_path_undoes(s->path);
    struct tsn_undo **at = &r->undos, *u;
    json_t *v = NULL;
    char why[400];

    while (*at && (strncmp((*at)->path, s->path, len) != 0 || (*at)->path[len]))
        at = &(*at)->next;
    u = *at;
    r->rested = false;
    if (strcmp(outcome, "ok") == 0) {
        if (u) {
            *at = u->next;
            undo_free(u);
        }
        tsn_step_remove(s);
        if (r->held)
            tsn_run_stand(r);
        else
            tsn_undo_next(r);
        return;
    }
    (void)tsn_json_parse(result, strlen(result), &v, NULL);
    (void)snprintf(why, sizeof(why), "%.60s at %.63s could not be taken back: %.150s", s->name,
                   s->path, tsn_json_str(json_object_get(v, "error"), "message", outcome));
    json_decref(v);
    tsn_step_remove(s);
    tsn_run_stuck(r, "R102", why);
}

/* --- the store's side: how a run ends when something is to be taken back first */

static bool keeps_open(const struct tsn_past_open *o, const char *outcome)
{
    json_t *v = NULL;
    bool keeps;

    if (tsn_path_undoes(o->path))
        return true;
    if (strcmp(outcome, "ok") == 0 || o->last == TSN_LAST_RETRY ||
        tsn_json_parse(o->request, strlen(o->request), &v, NULL))
        return false;
    keeps = strcmp(tsn_json_str(v, "kind", ""), "call") == 0 &&
            tsn_json_str(json_object_get(json_object_get(v, "opts"), "undo"), "action", NULL);
    json_decref(v);
    return keeps;
}

/* What was open gets an honest outcome: an effect that was begun may have happened. */
static tsn_err settle_one(struct tsn_store *st, struct tsn_arena *a, struct tsn_owned *own,
                          int64_t ref, const struct tsn_past_open *o)
{
    struct tsn_settle in = {.reason = "cancelled", .result = "{}", .ref = ref};
    struct tsn_settled out;
    json_t *v = NULL;
    bool call;

    call = tsn_path_undoes(o->path) ||
           (tsn_json_parse(o->request, strlen(o->request), &v, NULL) == 0 &&
            strcmp(tsn_json_str(v, "kind", ""), "call") == 0);
    json_decref(v);
    in.path = o->path;
    in.outcome = call && o->last != TSN_LAST_RETRY ? "unknown" : "cancelled";
    in.attempt = o->attempt;
    return tsn_step_settle(st, a, own, &in, &out);
}

static bool path_in(const struct tsn_past_open *list, size_t n, const char *path)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i].path, path) == 0)
            return true;
    return false;
}

/* Voids what people were still asked, but for steps that are waited for. */
static tsn_err void_tasks(struct tsn_store *st, struct tsn_arena *a, const char *run_id,
                          int64_t now_ms, const struct tsn_past_open *kept, size_t nkept)
{
    struct tsn_filter filters[] = {
        {"run", TSN_CMP_EQ, run_id, 0},
        {"state", TSN_CMP_EQ, "open", 0},
    };
    struct tsn_list how = {.filters = filters, .nfilters = 2};
    struct tsn_rec_task *tasks;
    void *rows = NULL;
    size_t n = 0;
    tsn_err err = tsn_store_list(st, a, &tsn_table_task, &how, &rows, &n);

    tasks = rows;
    for (size_t i = 0; i < n && !err; i++) {
        if (path_in(kept, nkept, tasks[i].path ? tasks[i].path : ""))
            continue;
        tasks[i].state = "void";
        tasks[i].decided_by = "tocsin";
        tasks[i].closed_at = now_ms;
        tasks[i].nudge_at = 0;
        err = tsn_store_update_if_text(st, &tsn_table_task, &tasks[i], "state", "open");
    }
    return err;
}

static tsn_err append_unwinding(struct tsn_store *st, struct tsn_arena *a,
                                struct tsn_owned *own, const struct tsn_ending *how)
{
    struct tsn_append e = tsn_run_entry(a, &own->row, "run.unwinding");
    struct tsn_field field = {"args", NULL, 0};
    json_t *v = json_object(), *result = NULL;
    tsn_err err;
    char *text;

    (void)tsn_json_parse(how->result, strlen(how->result), &result, NULL);
    if (how->reason)
        json_object_set_new(v, "reason", json_string(how->reason));
    json_object_set_new(v, "result", result ? result : json_null());
    text = tsn_json_text(v);
    json_decref(v);
    field.data = text;
    field.len = strlen(text);
    e.outcome = how->outcome;
    e.reason = how->code;
    e.ref = how->ref;
    e.fields = &field;
    e.nfields = 1;
    err = tsn_store_append(st, &e, NULL);
    free(text);
    return err;
}

static void rest_until(struct tsn_arena *a, struct tsn_owned *own, const struct tsn_ending *how,
                       int64_t due_at, size_t pending)
{
    char at[25];

    own->row.attempts = 0;
    if (due_at > 0 && strcmp(how->outcome, "ok") == 0) {
        tsn_time_format(at, due_at);
        own->row.state = "parked";
        own->row.reason =
            tsn_arena_printf(a, "has ended; takes back what expires, next at %s", at);
        own->row.wake_at = due_at;
        return;
    }
    own->row.state = "cancelling";
    own->row.reason = tsn_arena_printf(a, "%s takes %zu %s back, then ends: %s", "R101",
                                       pending, pending == 1 ? "step" : "steps",
                                       how->reason ? how->reason : how->outcome);
    own->row.wake_at = 0;
}

tsn_err tsn_run_wind_up(struct tsn_store *st, struct tsn_arena *a, struct tsn_owned *own,
                        const struct tsn_ending *how, bool look, int64_t now_ms, bool *closed)
{
    bool ok = strcmp(how->outcome, "ok") == 0;
    struct tsn_past past;
    struct tsn_past_open *kept = NULL;
    size_t nkept = 0, pending = 0;
    int64_t due_at = 0;
    tsn_err err = tsn_past_read(st, a, own->row.id, look, &past);

    *closed = true;
    /* A journal that cannot be read must not keep a run alive. */
    if (err == TSN_ETAMPERED || err == TSN_ENOTFOUND) {
        memset(&past, 0, sizeof(past));
        err = 0;
    }
    if (err)
        return err;
    kept = tsn_arena_alloc(a, (past.nopen + 1) * sizeof(*kept));
    for (size_t i = 0; i < past.nopen && !err; i++) {
        if (look && keeps_open(&past.open[i], how->outcome))
            kept[nkept++] = past.open[i];
        else
            err = settle_one(st, a, own, how->ref, &past.open[i]);
    }
    for (size_t i = 0; look && i < past.nundos; i++) {
        const struct tsn_past_undo *u = &past.undos[i];

        if (u->done || (ok && u->due_at == 0))
            continue;
        pending++;
        if (u->due_at > 0 && (due_at == 0 || u->due_at < due_at))
            due_at = u->due_at;
    }
    if (!err)
        err = void_tasks(st, a, own->row.id, now_ms, kept, nkept);
    if (err)
        return err;
    if (pending + nkept == 0)
        return tsn_run_close(st, a, own, how->state, how->outcome, how->code, how->reason,
                             how->result, now_ms);
    *closed = false;
    own->row.unwinding = 1;
    rest_until(a, own, how, nkept ? 0 : due_at, pending + nkept);
    return append_unwinding(st, a, own, how);
}
