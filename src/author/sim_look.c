/* sim_look.c - what is so in a simulation: the current run as data. Loop thread, but for the functions that
 * take a struct tsn_store. */
#include "author/sim_int.h"

#include <string.h>
#include "core/json.h"
#include "core/text.h"
#include "store/record_case.h"
#include "store/record_run.h"

struct looking {
    struct tsn_sim *sim;
    json_t *out;
};

static void put(json_t *o, const char *key, const char *value)
{
    if (value && *value)
        json_object_set_new(o, key, json_string(value));
}

static void put_parsed(json_t *o, const char *key, const char *text)
{
    json_t *v = NULL;

    if (text && tsn_json_parse(text, strlen(text), &v, NULL) == 0)
        json_object_set_new(o, key, v);
}

static void put_field(struct tsn_store *st, struct tsn_arena *a, const struct tsn_logged *e,
                      const char *field, json_t *o)
{
    const char *text;
    size_t len;

    if (tsn_store_open_field(st, a, e, field, &text, &len) == 0)
        put_parsed(o, field, text);
}

static json_t *entry_json(struct tsn_store *st, struct tsn_arena *a, const struct tsn_logged *l,
                          const char *chain)
{
    const struct tsn_entry *e = &l->entry;
    json_t *o = json_object();

    json_object_set_new(o, "seq", json_integer(e->seq));
    json_object_set_new(o, "at", json_integer(e->time_ms));
    put(o, "chain", chain);
    put(o, "kind", e->kind);
    put(o, "actor", e->actor);
    put(o, "step", e->step);
    put(o, "outcome", e->outcome);
    put(o, "reason", e->reason);
    put(o, "from", e->from);
    put(o, "to", e->to);
    put_field(st, a, l, "args", o);
    put_field(st, a, l, "result", o);
    put_field(st, a, l, "note", o);
    put_field(st, a, l, "diff", o);
    return o;
}

static tsn_err put_chain(struct tsn_store *st, struct tsn_arena *a, const char *chain,
                         const char *id, json_t *list)
{
    struct tsn_logged *entries = NULL;
    size_t n = 0;
    tsn_err err =
        tsn_store_walk(st, a, tsn_arena_printf(a, "%s:%s", chain, id), 0, &entries, &n);

    if (err == TSN_ENOTFOUND)
        return 0;
    for (size_t i = 0; !err && i < n; i++)
        json_array_append_new(list, entry_json(st, a, &entries[i], chain));
    return err;
}

static json_t *task_json(const struct tsn_sim *sim, const struct tsn_rec_task *t)
{
    static const char *const shown[] = {"title", "show",   "fields",
                                        "roles", "not_by", "escalate"};
    json_t *o = json_object(), *spec = NULL, *may = json_array();

    (void)tsn_json_parse(t->spec, strlen(t->spec), &spec, NULL);
    put(o, "id", tsn_sim_task_id(t, spec));
    put(o, "path", t->path);
    put(o, "kind", t->kind);
    put(o, "state", t->state);
    put(o, "role", t->role);
    put(o, "by", t->decided_by);
    for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
        json_t *v = json_object_get(spec, shown[i]);
        if (v)
            json_object_set(o, shown[i], v);
    }
    json_object_set_new(o, "quorum", json_integer(t->quorum));
    json_object_set_new(o, "opened_at", json_integer(t->opened_at));
    json_object_set_new(o, "due_at", json_integer(t->due_at));
    put_parsed(o, "votes", t->votes);
    put_parsed(o, "answer", t->answer);
    for (size_t i = 0; i < sim->config.npeople; i++) {
        const struct tsn_sim_person *p = &sim->config.people[i];
        const struct tsn_actor who = {.person = p->id, .roles = p->roles, .auth = "spec"};
        if (tsn_engine_may_decide(t->role, spec, json_object_get(o, "votes"), &who))
            json_array_append_new(may, json_string(p->id));
    }
    json_object_set_new(o, "may", may);
    json_decref(spec);
    return o;
}

static tsn_err put_tasks(struct looking *l, struct tsn_store *st, struct tsn_arena *a)
{
    const struct tsn_filter filter = {"run", TSN_CMP_EQ, l->sim->run, 0};
    const struct tsn_list how = {.filters = &filter, .nfilters = 1};
    json_t *list = json_array();
    void *rows = NULL;
    size_t n = 0;
    tsn_err err = tsn_store_list(st, a, &tsn_table_task, &how, &rows, &n);

    json_object_set_new(l->out, "tasks", list);
    for (size_t i = 0; !err && i < n; i++)
        json_array_append_new(list, task_json(l->sim, &((const struct tsn_rec_task *)rows)[i]));
    return err;
}

static tsn_err look(struct tsn_store *st, struct tsn_arena *a, void *user)
{
    struct looking *l = user;
    json_t *run = json_object(), *entries = json_array();
    struct tsn_rec_run row;
    struct tsn_rec_case c;
    tsn_err err = tsn_store_get(st, a, &tsn_table_run, l->sim->run, &row);

    json_object_set_new(l->out, "run", run);
    json_object_set_new(l->out, "entries", entries);
    if (err)
        return err;
    put(run, "id", row.id);
    put(run, "name", row.name);
    put(run, "title", row.title);
    put(run, "state", row.state);
    put(run, "reason", row.reason);
    /* The playbook has returned; the run only waits to take back what expires. */
    json_object_set_new(run, "returned",
                        json_boolean(row.unwinding && strcmp(row.state, "parked") == 0));
    put_parsed(run, "result", row.result);
    json_object_set_new(run, "started_at", json_integer(row.started_at));
    err = tsn_store_get(st, a, &tsn_table_case, row.case_id, &c);
    if (!err) {
        json_object_set_new(l->out, "case", tsn_case_json(&c));
        err = put_chain(st, a, "run", row.id, entries);
    }
    if (!err)
        err = put_chain(st, a, "case", row.case_id, entries);
    return err ? err : put_tasks(l, st, a);
}

tsn_err tsn_sim_look(struct tsn_sim *sim, json_t **out, struct tsn_diag *diag)
{
    struct tsn_arena *arena = tsn_arena_new();
    struct looking l = {.sim = sim, .out = json_object()};
    tsn_err err = sim->run[0] ? tsn_sim_read(sim, arena, look, &l) : 0;

    tsn_arena_destroy(arena);
    if (err) {
        json_decref(l.out);
        return tsn_diag_set(diag, err, "L280", "the run cannot be read: %s", tsn_err_text(err));
    }
    json_object_set_new(l.out, "now", json_integer(tsn_sim_now(sim)));
    json_object_set_new(l.out, "calls", json_deep_copy(sim->calls));
    *out = l.out;
    return 0;
}
