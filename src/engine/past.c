/* past.c - reads a run's chain back as steps: what is settled, what is open.
 *
 * The chain is the journal: step.intent, task.asked and approval.requested open a step,
 * step.result settles one, step.retry and step.in_doubt say how far an open one got. Everything
 * else in the chain is for readers. Store thread (writer or reader).
 */
#include "engine/engine_impl.h"

#include <stdio.h>
#include <string.h>
#include "core/json.h"
#include "core/text.h"

static tsn_err past_args(struct tsn_store *st, struct tsn_arena *a, const struct tsn_logged *e,
                         const char **out)
{
    size_t len;

    return tsn_store_open_field(st, a, e, "args", out, &len);
}

/* Kind, name and fingerprint out of { args, kind, name, opts }. */
static tsn_err past_identify(struct tsn_arena *a, const char *request, struct tsn_past_step *s)
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
    const struct tsn_logged *opener; /* entry that carries the open step's request */
    bool full;
};

static tsn_err read_result(struct reading *r, const struct tsn_logged *e)
{
    struct tsn_past *p = r->past;
    struct tsn_past_step *s = &p->steps[p->nsteps];
    bool mine = p->open && strcmp(p->open_path, e->entry.step) == 0;
    const struct tsn_logged *asked = mine ? r->opener : e;
    size_t len;
    tsn_err err;

    /* One step at a time: a result beside an open step cannot be. */
    if (p->open && !mine)
        return TSN_ETAMPERED;
    p->nsteps++;
    p->open = false;
    (void)tsn_copy(p->last_path, sizeof(p->last_path), e->entry.step);
    if (!r->full)
        return 0;
    s->path = e->entry.step;
    s->outcome = e->entry.outcome ? e->entry.outcome : "ok";
    s->deliver_no = (int64_t)p->nsteps;
    s->at_ms = e->entry.time_ms;
    err = past_args(r->st, r->arena, asked, &s->request);
    if (!err)
        err = tsn_store_open_field(r->st, r->arena, e, "result", &s->result, &len);
    if (!err)
        err = past_identify(r->arena, s->request, s);
    return err;
}

static tsn_err read_entry(struct reading *r, const struct tsn_logged *e)
{
    struct tsn_past *p = r->past;
    const char *kind = e->entry.kind, *step = e->entry.step;

    if (!step || !tsn_path_valid(step))
        return 0;
    if (strcmp(kind, "step.result") == 0)
        return read_result(r, e);
    if (opens_step(kind)) {
        if (!p->open || strcmp(p->open_path, step) != 0) {
            if (p->open)
                return TSN_ETAMPERED;
            p->open = true;
            (void)tsn_copy(p->open_path, sizeof(p->open_path), step);
            r->opener = e;
            p->open_seq = e->entry.seq;
        }
        p->open_last = TSN_LAST_INTENT;
        p->open_attempt = e->entry.attempt > 0 ? e->entry.attempt : 1;
    } else if (p->open && strcmp(p->open_path, step) == 0) {
        if (strcmp(kind, "step.retry") == 0)
            p->open_last = TSN_LAST_RETRY;
        else if (strcmp(kind, "step.in_doubt") == 0)
            p->open_last = TSN_LAST_DOUBT;
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
    if (!err && out->open)
        err = past_args(st, a, r.opener, &out->open_request);
    return err;
}
