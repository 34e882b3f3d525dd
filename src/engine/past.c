/* past.c - reads a run's chain back as steps: what is settled, what is open.
 *
 * The chain is the journal: step.intent, task.asked and approval.requested open a step,
 * step.result settles one, step.retry and step.in_doubt say how far an open one got. Everything
 * else in the chain is for readers. Store thread (writer or reader).
 */
#include "engine/engine_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/json.h"
#include "core/text.h"

static tsn_err past_args(struct tsn_store *st, struct tsn_arena *a, const struct tsn_logged *e,
                         const char **out)
{
    size_t len;

    return tsn_store_open_field(st, a, e, "args", out, &len);
}

tsn_err tsn_past_identify(struct tsn_arena *a, const char *request, struct tsn_past_step *s)
{
    json_t *v = NULL;
    tsn_err err = tsn_json_parse(request, strlen(request), &v, NULL);

    if (err)
        return TSN_ETAMPERED;
    s->kind = tsn_arena_strdup(a, tsn_json_str(v, "kind", ""));
    s->name = tsn_arena_strdup(a, tsn_json_str(v, "name", ""));
    tsn_json_digest(s->fp, json_object_get(v, "args"));
    json_decref(v);
    return 0;
}

static bool opens_step(const char *kind)
{
    return strcmp(kind, "step.intent") == 0 || strcmp(kind, "task.asked") == 0 ||
           strcmp(kind, "approval.requested") == 0;
}

struct reading {
    struct tsn_store *st;
    struct tsn_arena *arena;
    struct tsn_past *past;
    size_t cap, undo_cap;
    bool full;
};

static struct tsn_past_open *open_find(const struct tsn_past *p, const char *path)
{
    for (size_t i = p->nopen; i > 0; i--)
        if (strcmp(p->open[i - 1].path, path) == 0)
            return &p->open[i - 1];
    return NULL;
}

const struct tsn_past_open *tsn_past_find(const struct tsn_past *p, const char *path)
{
    return open_find(p, path);
}

static struct tsn_past_open *open_add(struct reading *r)
{
    struct tsn_past *p = r->past;

    if (p->nopen == r->cap) {
        struct tsn_past_open *more;

        r->cap = r->cap ? r->cap * 2 : 4;
        more = tsn_arena_alloc(r->arena, r->cap * sizeof(*more));
        if (p->nopen)
            memcpy(more, p->open, p->nopen * sizeof(*more));
        p->open = more;
    }
    memset(&p->open[p->nopen], 0, sizeof(*p->open));
    return &p->open[p->nopen++];
}

static void open_drop(struct tsn_past *p, struct tsn_past_open *o)
{
    size_t after = p->nopen - (size_t)(o - p->open) - 1;

    memmove(o, o + 1, after * sizeof(*o));
    p->nopen--;
}

/* --- what can be taken back */

/* A call that worked, and says how it is taken back. */
static tsn_err note_undo(struct reading *r, const struct tsn_past_step *s)
{
    struct tsn_past *p = r->past;
    struct tsn_past_undo *u;
    json_t *v = NULL, *undo;
    int64_t after;
    char *args;

    if (!strstr(s->request, "\"undo\""))
        return 0;
    if (tsn_json_parse(s->request, strlen(s->request), &v, NULL))
        return TSN_ETAMPERED;
    undo = json_object_get(json_object_get(v, "opts"), "undo");
    if (!tsn_json_str(undo, "action", NULL)) {
        json_decref(v);
        return 0;
    }
    if (p->nundos == r->undo_cap) {
        struct tsn_past_undo *more;

        r->undo_cap = r->undo_cap ? r->undo_cap * 2 : 4;
        more = tsn_arena_alloc(r->arena, r->undo_cap * sizeof(*more));
        if (p->nundos)
            memcpy(more, p->undos, p->nundos * sizeof(*more));
        p->undos = more;
    }
    u = &p->undos[p->nundos++];
    memset(u, 0, sizeof(*u));
    u->path = s->path;
    u->action = tsn_arena_strdup(r->arena, tsn_json_str(undo, "action", ""));
    args = tsn_json_text(json_object_get(undo, "args"));
    u->args = tsn_arena_strdup(r->arena, args);
    free(args);
    after = tsn_json_int(undo, "after_ms", 0);
    u->due_at = after > 0 ? s->at_ms + after : 0;
    u->no = s->deliver_no;
    u->nth = 1;
    json_decref(v);
    return 0;
}

static tsn_err read_undone(struct reading *r, const struct tsn_logged *e)
{
    struct tsn_past *p = r->past;
    struct tsn_past_open *o = open_find(p, e->entry.step);
    size_t len = tsn_path_undoes(e->entry.step);

    if (o)
        open_drop(p, o);
    for (size_t i = 0; i < p->nundos; i++) {
        struct tsn_past_undo *u = &p->undos[i];

        if (strncmp(u->path, e->entry.step, len) != 0 || u->path[len])
            continue;
        if (e->entry.outcome && strcmp(e->entry.outcome, "ok") == 0)
            u->done = true;
        else
            u->nth++;
    }
    return 0;
}

static tsn_err read_ending(struct reading *r, const struct tsn_logged *e)
{
    const char *args;
    tsn_err err = past_args(r->st, r->arena, e, &args);

    if (err)
        return err;
    r->past->ending = e->entry.outcome ? e->entry.outcome : "fail";
    r->past->ending_code = e->entry.reason;
    r->past->ending_args = args;
    return 0;
}

static tsn_err read_result(struct reading *r, const struct tsn_logged *e)
{
    struct tsn_past *p = r->past;
    struct tsn_past_step *s;
    struct tsn_past_open *o = open_find(p, e->entry.step);
    const struct tsn_logged *asked = o ? o->opener : e;
    size_t len;
    tsn_err err;

    if (o)
        open_drop(p, o);
    p->nsteps++;
    if (!r->full)
        return 0;
    s = &p->steps[p->nsteps - 1];
    s->path = e->entry.step;
    s->outcome = e->entry.outcome ? e->entry.outcome : "ok";
    s->deliver_no = (int64_t)p->nsteps;
    s->at_ms = e->entry.time_ms;
    s->seq = e->entry.seq;
    if (e->entry.reason && strcmp(e->entry.reason, TSN_TAKEN_OVER) == 0) {
        /* Another run did it: what the playbook saw then is what it sees now. */
        s->seq = e->entry.ref;
        err = tsn_run_time_of(r->st, r->arena, e->entry.ref, &s->at_ms);
        if (err)
            return err;
    }
    err = past_args(r->st, r->arena, asked, &s->request);
    if (!err)
        err = tsn_store_open_field(r->st, r->arena, e, "result", &s->result, &len);
    if (!err)
        err = tsn_past_identify(r->arena, s->request, s);
    if (!err && strcmp(s->kind, "call") == 0 && strcmp(s->outcome, "ok") == 0)
        err = note_undo(r, s);
    return err;
}

static tsn_err read_entry(struct reading *r, const struct tsn_logged *e)
{
    const char *kind = e->entry.kind, *step = e->entry.step;
    struct tsn_past_open *o;

    if (strcmp(kind, "run.unwinding") == 0)
        return read_ending(r, e);
    if (!step || (!tsn_path_valid(step) && !tsn_path_undoes(step)))
        return 0;
    if (strcmp(kind, "step.result") == 0)
        return tsn_path_undoes(step) ? read_undone(r, e) : read_result(r, e);
    o = open_find(r->past, step);
    if (opens_step(kind)) {
        if (!o) {
            o = open_add(r);
            o->path = step;
            o->opener = e;
            o->seq = e->entry.seq;
            o->at_ms = e->entry.time_ms;
        }
        o->last = TSN_LAST_INTENT;
        o->attempt = e->entry.attempt > 0 ? e->entry.attempt : 1;
    } else if (o) {
        if (strcmp(kind, "step.retry") == 0)
            o->last = TSN_LAST_RETRY;
        else if (strcmp(kind, "step.in_doubt") == 0)
            o->last = TSN_LAST_DOUBT;
    }
    return 0;
}

tsn_err tsn_past_read(struct tsn_store *st, struct tsn_arena *a, const char *run_id, bool full,
                      struct tsn_past *out)
{
    struct reading r = {.st = st, .arena = a, .past = out, .full = full};
    struct tsn_logged *entries = NULL;
    char chain[TSN_ULID_LEN + 8];
    size_t n = 0;
    tsn_err err;

    memset(out, 0, sizeof(*out));
    (void)snprintf(chain, sizeof(chain), "run:%s", run_id);
    err = tsn_store_walk(st, a, chain, 0, &entries, &n);
    if (err)
        return err;
    if (full)
        out->steps = tsn_arena_alloc(a, (n + 1) * sizeof(*out->steps));
    for (size_t i = 0; i < n && !err; i++)
        err = read_entry(&r, &entries[i]);
    for (size_t i = 0; i < out->nopen && !err; i++)
        err = past_args(st, a, out->open[i].opener, &out->open[i].request);
    return err;
}
