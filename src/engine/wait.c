/* wait.c - wait{}: signals are rows of a case, kept until one wait takes them.
 *
 * Taking is part of the transaction that settles the wait, on whichever side comes second: the
 * wait looks for an untaken signal, a signal looks for an open wait. So none is lost and none is
 * taken twice. Loop thread, but for the apply functions.
 */
#include "engine/engine_impl.h"

#include <stdlib.h>
#include <string.h>
#include "core/clock.h"
#include "core/fault.h"
#include "core/json.h"
#include "core/log.h"
#include "core/text.h"
#include "store/record_case.h"
#include "store/record_run.h"

/* "issue.key": a member, or a member of a member. A name that is there as it stands comes first. */
static json_t *member_of(const json_t *body, const char *name)
{
    json_t *v = json_object_get(body, name);
    const char *dot = v ? NULL : strchr(name, '.');
    char first[128];

    if (!dot || (size_t)(dot - name) >= sizeof(first))
        return v;
    memcpy(first, name, (size_t)(dot - name));
    first[dot - name] = '\0';
    return member_of(json_object_get(body, first), dot + 1);
}

static bool in_range(const json_t *test, const json_t *value)
{
    const json_t *min = json_object_get(test, "min"), *max = json_object_get(test, "max");

    return json_is_number(value) &&
           (!json_is_number(min) || json_number_value(value) >= json_number_value(min)) &&
           (!json_is_number(max) || json_number_value(value) <= json_number_value(max));
}

/* { min, max }, { prefix }, { is_not }: a test, when all its names are of these. */
static bool is_test(const json_t *v)
{
    static const char *const words[] = {"min", "max", "prefix", "is_not"};
    size_t known = 0;

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        known += json_object_get(v, words[i]) != NULL;
    return known > 0 && known == json_object_size(v);
}

static bool fits_test(const json_t *test, const json_t *value)
{
    const json_t *prefix = json_object_get(test, "prefix");
    const json_t *is_not = json_object_get(test, "is_not");

    if ((json_object_get(test, "min") || json_object_get(test, "max")) &&
        !in_range(test, value))
        return false;
    if (json_is_string(prefix) &&
        (!json_is_string(value) || strncmp(json_string_value(value), json_string_value(prefix),
                                           json_string_length(prefix)) != 0))
        return false;
    return !is_not || !json_equal(is_not, value);
}

/* A list: one of these. A test: passed. Anything else: equal. */
static bool fits_value(const json_t *want, const json_t *value)
{
    json_t *one;
    size_t i;

    if (is_test(want))
        return fits_test(want, value);
    if (json_equal(want, value))
        return true;
    json_array_foreach(want, i, one)
    {
        if (json_equal(one, value))
            return true;
    }
    return false;
}

/* Every member of `where` must fit the body. */
static bool matches(const json_t *where, const json_t *body)
{
    const char *key;
    json_t *value;

    json_object_foreach(tsn_json_walk(where), key, value)
    {
        if (!fits_value(value, member_of(body, key)))
            return false;
    }
    return true;
}

static bool matches_text(const json_t *where, const char *body)
{
    json_t *v = NULL;
    bool yes;

    if (json_object_size(where) == 0)
        return true;
    if (!body || tsn_json_parse(body, strlen(body), &v, NULL))
        return false;
    yes = matches(where, v);
    json_decref(v);
    return yes;
}

static const char *event_result(struct tsn_arena *a, const char *body)
{
    return tsn_arena_printf(a, "{\"event\":%s}", body ? body : "{}");
}

/* Settles the wait of a run with this signal; the row is saved. */
static tsn_err take_signal(struct tsn_store *st, struct tsn_arena *a, struct tsn_owned *own,
                           const char *path, struct tsn_rec_signal *sig, const char *state,
                           int64_t epoch, struct tsn_settle *in, struct tsn_settled *out)
{
    tsn_err err;

    sig->taken_by = own->row.id;
    err = tsn_store_put(st, &tsn_table_signal, sig);
    if (err)
        return err;
    in->path = path;
    in->outcome = "ok";
    in->reason = sig->event;
    in->result = event_result(a, sig->body);
    in->attempt = 1;
    in->ref = -1;
    err = tsn_step_settle(st, a, own, in, out);
    if (err)
        return err;
    own->row.state = state;
    own->row.reason = NULL;
    return tsn_run_save(st, own, epoch);
}

/* --- the wait comes */

struct wait_op {
    struct tsn_eop o;
    const char *path, *request, *event;
    const json_t *where;
    struct tsn_rest rest;
    bool rests, taken; /* out */
    struct tsn_settle in;
    struct tsn_settled out;
};

static tsn_err find_signal(struct tsn_store *st, struct tsn_arena *a, const char *case_id,
                           const struct wait_op *x, struct tsn_rec_signal **out)
{
    struct tsn_filter filters[] = {
        {"case_id", TSN_CMP_EQ, case_id, 0},
        {"event", TSN_CMP_EQ, x->event, 0},
        {"taken_by", TSN_CMP_EQ, "", 0},
    };
    struct tsn_list how = {.filters = filters, .nfilters = 3};
    void *rows = NULL;
    struct tsn_rec_signal *s;
    size_t n = 0;
    tsn_err err = tsn_store_list(st, a, &tsn_table_signal, &how, &rows, &n);

    *out = NULL;
    s = rows;
    for (size_t i = 0; !err && i < n && !*out; i++)
        if (matches_text(x->where, s[i].body))
            *out = &s[i];
    return err;
}

static tsn_err wait_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct wait_op *x = (struct wait_op *)op;
    struct tsn_arena *a = op->arena;
    struct tsn_field field = {"args", x->request, strlen(x->request)};
    struct tsn_rec_signal *sig;
    struct tsn_owned own;
    struct tsn_append e;
    tsn_err err = tsn_eop_own(&x->o, st, &own);

    x->taken = false;
    if (err)
        return err;
    e = tsn_run_entry(a, &own.row, "step.intent");
    e.step = x->path;
    e.attempt = 1;
    e.reason = tsn_arena_printf(a, "wait:%s", x->event);
    e.fields = &field;
    e.nfields = 1;
    err = tsn_store_append(st, &e, NULL);
    if (!err)
        err = find_signal(st, a, own.row.case_id, x, &sig);
    if (err)
        return err;
    if (sig) {
        x->taken = true;
        return take_signal(st, a, &own, x->path, sig, "running", x->o.epoch, &x->in, &x->out);
    }
    x->rests = tsn_rest_put(&own, &x->rest, tsn_arena_printf(a, "waits for %s", x->event));
    return tsn_run_save(st, &own, x->o.epoch);
}

static void wait_done(struct tsn_eop *o)
{
    struct wait_op *x = (struct wait_op *)o;

    tsn_fault("engine.wait.committed");
    if (!tsn_eop_ok(o))
        return;
    /* A signal settles it behind our back, in its own op: the run is loaded again then. */
    if (x->taken)
        tsn_step_settled(o->step, &x->out, "ok", x->in.result);
    else
        tsn_step_rests(o->step, x->rests);
}

static void free_json(void *p)
{
    json_decref(p);
}

void tsn_step_wait(struct tsn_step *s)
{
    int64_t within = tsn_json_int(s->args, "within_ms", 0);
    json_t *where = json_object_get(s->args, "where");
    struct wait_op *x;

    if (s->wake_at < 0 || within < 0 || within > TSN_STEP_FOREVER ||
        (where && !json_is_object(where) && !json_is_null(where))) {
        tsn_step_fail(s, "R036", "wait needs an event, and takes where (a table) and within");
        return;
    }
    x = tsn_eop_of_step(s, sizeof(*x), wait_apply, wait_done);
    x->path = tsn_arena_strdup(x->o.op.arena, s->path);
    x->request = tsn_arena_strdup(x->o.op.arena, s->request);
    x->event = tsn_arena_strdup(x->o.op.arena, s->name);
    if (json_is_object(where)) {
        where = json_deep_copy(where);
        x->where = where;
        tsn_arena_defer(x->o.op.arena, free_json, where);
    }
    x->rest = tsn_run_rest(s->run);
    tsn_eop_submit(&x->o);
}

/* Its time is up. Still open, or a signal came first and this op changes nothing. */
static tsn_err expire_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct wait_op *x = (struct wait_op *)op;
    struct tsn_past past;
    struct tsn_owned own;
    tsn_err err = tsn_run_own(st, op->arena, x->o.run_id, x->o.epoch, &own);

    x->taken = false;
    if (!err)
        err = tsn_past_read(st, op->arena, x->o.run_id, false, &past);
    if (err || !tsn_past_find(&past, x->path))
        return err;
    x->taken = true;
    x->in = (struct tsn_settle){.path = x->path,
                                .outcome = "timeout",
                                .reason = "timeout",
                                .result = "{}",
                                .attempt = 1,
                                .ref = -1};
    err = tsn_step_settle(st, op->arena, &own, &x->in, &x->out);
    if (err)
        return err;
    own.row.state = "running";
    own.row.reason = NULL;
    return tsn_run_save(st, &own, x->o.epoch);
}

static void expire_done(struct tsn_eop *o)
{
    struct wait_op *x = (struct wait_op *)o;

    if (!tsn_eop_ok(o))
        return;
    if (x->taken)
        tsn_step_settled(o->step, &x->out, "timeout", "{}");
    else
        tsn_run_reload(o->run);
}

void tsn_step_wait_due(struct tsn_step *s)
{
    struct wait_op *x = tsn_eop_of_step(s, sizeof(*x), expire_apply, expire_done);

    x->path = tsn_arena_strdup(x->o.op.arena, s->path);
    tsn_eop_submit(&x->o);
}

/* --- the signal comes */

/* One signal, in whatever transaction. */
struct offering {
    struct tsn_arena *a;
    int64_t epoch;
    struct tsn_rec_signal sig;
    const char *woken; /* out: run that took it */
};

struct signal_op {
    struct tsn_eop o;
    struct tsn_signal_new fresh;
    struct tsn_signal_out out;
    tsn_engine_done *done;
    void *user;
};

static tsn_err fits(struct offering *x, const struct tsn_past_open *o, bool *out)
{
    json_t *v = NULL;
    tsn_err err = tsn_json_parse(o->request, strlen(o->request), &v, NULL);

    if (err)
        return err;
    *out = strcmp(tsn_json_str(v, "kind", ""), "wait") == 0 &&
           strcmp(tsn_json_str(v, "name", ""), x->sig.event) == 0 &&
           matches_text(json_object_get(json_object_get(v, "args"), "where"), x->sig.body);
    json_decref(v);
    return 0;
}

/* The first open wait of one run that is for this signal. */
static tsn_err offer(struct offering *x, struct tsn_store *st, const char *run_id)
{
    struct tsn_past past;
    struct tsn_owned own;
    struct tsn_settle in = {0};
    struct tsn_settled out;
    bool yes = false;
    tsn_err err = tsn_run_own(st, x->a, run_id, x->epoch, &own);

    if (err == TSN_ELOST)
        return 0;
    if (!err)
        err = tsn_past_read(st, x->a, run_id, false, &past);
    if (err)
        return err;
    for (size_t i = 0; i < past.nopen && !err && !yes; i++) {
        err = fits(x, &past.open[i], &yes);
        if (err || !yes)
            continue;
        x->woken = own.row.id;
        err = take_signal(st, x->a, &own, past.open[i].path, &x->sig, "ready", x->epoch, &in,
                          &out);
    }
    return err;
}

static tsn_err offer_all(struct offering *x, struct tsn_store *st)
{
    /* With several branches one may wait while another runs. */
    static const char *const states[] = {"waiting", "parked", "in_doubt",
                                         "running", "ready",  "paused"};
    tsn_err err = 0;

    for (size_t s = 0; s < sizeof(states) / sizeof(states[0]) && !err && !x->woken; s++) {
        struct tsn_filter filters[] = {
            {"case_id", TSN_CMP_EQ, x->sig.case_id, 0},
            {"state", TSN_CMP_EQ, states[s], 0},
        };
        struct tsn_list how = {.filters = filters, .nfilters = 2, .skip_blobs = true};
        struct tsn_rec_run *runs;
        void *rows = NULL;
        size_t n = 0;

        err = tsn_store_list(st, x->a, &tsn_table_run, &how, &rows, &n);
        runs = rows;
        for (size_t i = 0; i < n && !err && !x->woken; i++)
            err = offer(x, st, runs[i].id);
    }
    return err;
}

tsn_err tsn_signal_put(struct tsn_store *st, struct tsn_arena *a, int64_t epoch,
                       const struct tsn_signal_new *fresh, int64_t now_ms,
                       struct tsn_signal_out *out, struct tsn_diag *diag)
{
    struct offering x = {.a = a, .epoch = epoch};
    struct tsn_append e = TSN_APPEND_INIT;
    struct tsn_rec_case c;
    char id[TSN_ULID_LEN + 1];
    tsn_err err;

    *out = (struct tsn_signal_out){0};
    /* A word, as a step's name must be: no wait could ever take another. */
    if (!tsn_word_ok(fresh->event, 128))
        return tsn_diag_set(diag, TSN_EINPUT, "R036",
                            "an event's name is 1 to 128 plain characters without spaces");
    err = tsn_store_get(st, a, &tsn_table_case, fresh->case_id, &c);
    if (err == TSN_ENOTFOUND)
        return tsn_diag_set(diag, err, "H031", "there is no case %s", fresh->case_id);
    if (err)
        return err;
    tsn_id_new(id);
    x.sig = (struct tsn_rec_signal){.id = id,
                                    .case_id = fresh->case_id,
                                    .event = fresh->event,
                                    .body = fresh->body,
                                    .taken_by = "",
                                    .received_at = now_ms};
    const char *args = tsn_arena_printf(a, "{\"event\":\"%s\",\"signal\":%s}", id, fresh->body);
    struct tsn_field field = {"args", args, strlen(args)};
    e.kind = "signal.received";
    e.actor = fresh->actor ? fresh->actor : "svc:engine";
    if (fresh->auth)
        e.auth = fresh->auth;
    e.case_id = fresh->case_id;
    e.run = fresh->run;
    e.case_chain = true;
    e.reason = fresh->event;
    e.ref = fresh->cause > 0 ? fresh->cause - 1 : -1;
    e.fields = &field;
    e.nfields = 1;
    err = tsn_store_append(st, &e, &out->seq);
    if (!err)
        err = tsn_store_insert(st, &tsn_table_signal, &x.sig);
    if (!err)
        err = offer_all(&x, st);
    out->woken = x.woken;
    return err;
}

static tsn_err signal_apply(struct tsn_op *op, struct tsn_store *st)
{
    struct signal_op *x = (struct signal_op *)op;

    return tsn_signal_put(st, op->arena, x->o.epoch, &x->fresh, x->o.now_ms, &x->out,
                          &op->diag);
}

static void signal_done(struct tsn_eop *o)
{
    struct signal_op *x = (struct signal_op *)o;

    tsn_fault("engine.signal.committed");
    if (!o->op.err && x->out.woken)
        tsn_engine_wake(o->e, x->out.woken);
    if (x->done)
        x->done(o->op.err, x->out.seq, NULL, &o->op.diag, x->user);
}

void tsn_engine_signal(struct tsn_engine *e, const char *case_id, const char *event,
                       const json_t *body, tsn_engine_done *done, void *user)
{
    struct signal_op *x = tsn_eop_new(e, sizeof(*x), NULL, signal_apply, signal_done);
    struct tsn_arena *a = x->o.op.arena;
    char *text = body ? tsn_json_text(body) : tsn_strdup("{}");

    x->o.impatient = true;
    x->done = done;
    x->user = user;
    x->fresh = (struct tsn_signal_new){.case_id = tsn_arena_strdup(a, case_id),
                                       .event = tsn_arena_strdup(a, event),
                                       .body = tsn_arena_strdup(a, text)};
    free(text);
    tsn_eop_submit(&x->o);
}
