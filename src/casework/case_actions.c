/* case_actions.c - what a playbook may do to its case: the registered case.*, clock.* and report.*
 * actions, and their public twins for people.
 *
 * All are of effect `store`: they run on the writer thread inside the transaction that records
 * the step's outcome, so none of them can be in doubt. The case is the run's own. */
#include "casework/case_clocks.h"

#include <string.h>
#include "casework/living.h"
#include "core/clock.h"
#include "core/cwe.h"
#include "core/json.h"
#include "store/record_case.h"

static struct tsn_case_by by_call(const struct tsn_call *call)
{
    return (struct tsn_case_by){.service = "svc:engine", .run = call->run, .step = call->path};
}

/* Unknown members are misspelt ones: refused with a suggestion. */
static tsn_err known(const struct tsn_call *call, const char *const *names, size_t n,
                     struct tsn_diag *diag)
{
    if (call->args && !json_is_object(call->args) && json_array_size(call->args) != 0)
        return tsn_case_bad(diag, call->action->name, "wants a table");
    struct tsn_diag d;
    tsn_diag_init(&d);
    if (json_is_object(call->args) && tsn_json_known(call->args, names, n, &d)) {
        tsn_case_bad(diag, call->action->name, "%s", d.what);
        tsn_diag_hint(diag, "%s", d.hint);
        return TSN_EINPUT;
    }
    return 0;
}

/* Text member; absent: NULL. */
static tsn_err text(const struct tsn_call *call, const char *key, bool need, const char **out,
                    struct tsn_diag *diag)
{
    json_t *v = json_object_get(call->args, key);
    *out = NULL;
    if (!v || json_is_null(v))
        return need ? tsn_case_bad(diag, call->action->name, "`%s` is missing", key) : 0;
    if (!json_is_string(v))
        return tsn_case_bad(diag, call->action->name, "`%s` must be text", key);
    *out = json_string_value(v);
    return 0;
}

static tsn_err apply_set(struct tsn_store *st, struct tsn_arena *arena,
                         const struct tsn_call *call, int64_t now_ms, json_t **result,
                         struct tsn_diag *diag)
{
    struct tsn_case_by by = by_call(call);
    int64_t seq;
    json_t *changed = NULL;
    (void)now_ms;
    tsn_err err = tsn_case_change(st, arena, call->action->user, call->case_id, call->args, &by,
                                  &seq, &changed, diag);
    if (!err) {
        *result = json_object();
        const char *cwe = tsn_json_str(call->args, "cwe", NULL), *warn = NULL;
        if (cwe && tsn_cwe_judge(cwe, &warn, NULL) == 0 && warn)
            json_object_set_new(*result, "warning", json_sprintf("%s: %s", cwe, warn));
        json_object_set_new(*result, "changed", changed);
    }
    return err;
}

static tsn_err apply_note(struct tsn_store *st, struct tsn_arena *arena,
                          const struct tsn_call *call, int64_t now_ms, json_t **result,
                          struct tsn_diag *diag)
{
    static const char *const names[] = {"text"};
    struct tsn_case_by by = by_call(call);
    const char *note;
    int64_t seq;
    (void)now_ms;
    tsn_err err = known(call, names, 1, diag);
    if (!err)
        err = text(call, "text", true, &note, diag);
    if (!err)
        err = tsn_case_write_note(st, arena, call->case_id, note, &by, &seq, diag);
    if (!err) {
        *result = json_object();
        json_object_set_new(*result, "entry", json_integer(seq));
    }
    return err;
}

/* case:link(ticket): { link = anything }, or the thing's own table as the arguments. */
static tsn_err apply_link(struct tsn_store *st, struct tsn_arena *arena,
                          const struct tsn_call *call, int64_t now_ms, json_t **result,
                          struct tsn_diag *diag)
{
    struct tsn_case_by by = by_call(call);
    int64_t seq;
    json_t *link = json_object_get(call->args, "link");
    if (!link || json_object_size(call->args) != 1)
        link = call->args;
    tsn_err err = tsn_case_link(st, arena, call->case_id, link, &by, now_ms, &seq, diag);
    if (!err) {
        *result = json_object();
        json_object_set_new(*result, "linked", json_boolean(seq >= 0));
    }
    return err;
}

static tsn_err apply_close(struct tsn_store *st, struct tsn_arena *arena,
                           const struct tsn_call *call, int64_t now_ms, json_t **result,
                           struct tsn_diag *diag)
{
    static const char *const names[] = {"resolution", "reason"};
    struct tsn_case_by by = by_call(call);
    const char *resolution, *reason;
    int64_t seq;
    tsn_err err = known(call, names, 2, diag);
    if (!err)
        err = text(call, "resolution", true, &resolution, diag);
    if (!err)
        err = text(call, "reason", false, &reason, diag);
    if (err)
        return err;
    if (reason && !reason[0])
        reason = NULL;
    err = tsn_case_close(st, arena, call->case_id, resolution, reason, &by, now_ms, &seq, diag);
    if (!err) {
        *result = json_object();
        json_object_set_new(*result, "state", json_string("closed"));
        json_object_set_new(*result, "resolution", json_string(resolution));
    }
    return err;
}

static tsn_err apply_get(struct tsn_store *st, struct tsn_arena *arena,
                         const struct tsn_call *call, int64_t now_ms, json_t **result,
                         struct tsn_diag *diag)
{
    struct tsn_rec_case c;
    (void)now_ms;
    tsn_err err = known(call, NULL, 0, diag);
    if (!err)
        err = tsn_case_load(st, arena, call->case_id, &c, diag);
    if (!err)
        *result = tsn_case_json(&c);
    return err;
}

/* Product ids from the arguments, else the product of the case, else the products that an
 * upstream event named when the case opened. */
static tsn_err products_of(const struct tsn_call *call, const struct tsn_rec_case *c,
                           json_t *ids, struct tsn_diag *diag)
{
    const struct tsn_casework_config *config = call->action->user;
    json_t *given = json_object_get(call->args, "products");
    json_t *one = json_object_get(call->args, "product");
    json_t *facts = tsn_case_facts(c), *list = json_array(), *v;
    tsn_err err = 0;
    size_t i;
    if (given && !json_is_array(given) && json_object_size(given) != 0) {
        err = tsn_case_bad(diag, call->action->name, "`products` must be a list");
        goto out;
    }
    if (given)
        json_array_extend(list, json_is_array(given) ? given : list);
    if (one)
        json_array_append(list, one);
    if (!given && !one && c->product)
        json_array_append_new(list, json_string(c->product));
    else if (!given && !one && json_is_array(json_object_get(facts, "products")))
        json_array_extend(list, json_object_get(facts, "products"));
    json_array_foreach(list, i, v)
    {
        const char *ref =
            json_is_string(v) ? json_string_value(v) : tsn_json_str(v, "id", NULL);
        const json_t *product = tsn_case_product(config, ref);
        if (!product) {
            /* Silence here would mean that nobody is told. */
            err = tsn_diag_set(diag, TSN_EINPUT, "R062",
                               "`%.100s` is not one of the configured products",
                               ref ? ref : "(not a text)");
            tsn_diag_hint(diag, "products: in the configuration lists them by id");
            goto out;
        }
        json_array_append(ids, json_object_get(product, "id"));
    }
out:
    json_decref(facts);
    json_decref(list);
    return err;
}

static tsn_err apply_affected(struct tsn_store *st, struct tsn_arena *arena,
                              const struct tsn_call *call, int64_t now_ms, json_t **result,
                              struct tsn_diag *diag)
{
    static const char *const names[] = {"product", "products"};
    struct tsn_rec_case c;
    (void)now_ms;
    tsn_err err = known(call, names, 2, diag);
    if (!err)
        err = tsn_case_load(st, arena, call->case_id, &c, diag);
    if (err)
        return err;
    json_t *ids = json_array();
    err = products_of(call, &c, ids, diag);
    if (!err)
        *result = tsn_case_customers(call->action->user, ids);
    json_decref(ids);
    return err;
}

static tsn_err apply_update(struct tsn_store *st, struct tsn_arena *arena,
                            const struct tsn_call *call, int64_t now_ms, json_t **result,
                            struct tsn_diag *diag)
{
    static const char *const names[] = {"state", "message"};
    struct tsn_case_by by = by_call(call);
    const char *state, *message;
    int64_t seq;
    tsn_err err = known(call, names, 2, diag);
    if (!err)
        err = text(call, "state", false, &state, diag);
    if (!err)
        err = text(call, "message", false, &message, diag);
    if (!err)
        err = tsn_case_report_update(st, arena, call->case_id, state, message, &by, now_ms,
                                     &seq, diag);
    if (!err) {
        *result = json_object();
        json_object_set_new(*result, "entry", json_integer(seq));
    }
    return err;
}

/* due = "24h" counts from now; at = "2026-11-24T19:23:00Z" is a time. */
static tsn_err due_of(const struct tsn_call *call, int64_t now_ms, int64_t *due_at,
                      struct tsn_diag *diag)
{
    json_t *due = json_object_get(call->args, "due"), *at = json_object_get(call->args, "at");
    int64_t ms = 0;
    if (!due == !at)
        return tsn_case_bad(diag, "clock.start", "wants either `due` or `at`");
    if (at) {
        if (!json_is_string(at) || tsn_time_parse(json_string_value(at), due_at))
            return tsn_case_bad(diag, "clock.start", "`at` must be a time such as %s",
                                "2026-11-24T19:23:00Z");
        return 0;
    }
    if (json_is_integer(due))
        ms = json_integer_value(due);
    else if (!json_is_string(due) || tsn_duration_parse(json_string_value(due), &ms))
        ms = -1;
    if (ms < 0 || ms > INT64_C(100) * 366 * 86400 * 1000) {
        tsn_case_bad(diag, "clock.start", "`due` must be a duration");
        tsn_diag_hint(diag, "with its unit: \"24h\", \"5d\"");
        return TSN_EINPUT;
    }
    *due_at = now_ms + ms;
    return 0;
}

/* A clock of a pack: the playbook says that its start or stop is a fact now. *row: the clock as it
 * then stands; state "" when the pack does not make it run here. */
static tsn_err by_pack(struct tsn_store *st, struct tsn_arena *arena,
                       const struct tsn_call *call, const char *name, bool start,
                       int64_t now_ms, struct tsn_rec_track *row, struct tsn_diag *diag)
{
    const struct tsn_casework_config *config = call->action->user;
    const struct tsn_policy_set *set = tsn_policies_now(config ? config->policies : NULL);
    const struct tsn_clock_def *d = tsn_policies_clock(set, name);
    struct tsn_case_by by = by_call(call);
    struct tsn_case_work w;
    *row = (struct tsn_rec_track){.state = ""};
    if (!d || d->at)
        return 0;
    tsn_err err = tsn_case_work_open(&w, st, arena, config, call->case_id, &by, now_ms, diag);
    if (err)
        return err;
    err = tsn_track_get(&w, TSN_TRACK_OBLIGATION, name, row);
    if (!err && (start || strcmp(row->state, "not_applicable") != 0))
        err = tsn_case_instant(&w, start ? d->start[0] : d->stop[0], now_ms, NULL, false, diag);
    if (!err)
        err = tsn_case_settle_clocks(&w, diag);
    if (!err)
        err = tsn_track_get(&w, TSN_TRACK_OBLIGATION, name, row);
    if (!err && (!row->data || !strcmp(row->state, "armed")))
        row->state = "";
    return tsn_case_work_close(&w, err, diag);
}

/* A clock of the playbook's own ticks and warns like the others. */
static tsn_err own_row(struct tsn_store *st, struct tsn_arena *arena,
                       const struct tsn_call *call, const json_t *clock, int64_t now_ms,
                       struct tsn_diag *diag)
{
    struct tsn_case_by by = by_call(call);
    struct tsn_case_work w;
    struct tsn_rec_track row;
    const char *name = tsn_json_str(clock, "name", "");
    tsn_err err =
        tsn_case_work_open(&w, st, arena, call->action->user, call->case_id, &by, now_ms, diag);
    if (err)
        return err;
    err = tsn_track_get(&w, TSN_TRACK_OBLIGATION, name, &row);
    bool met = json_object_get(clock, "met_at") != NULL;
    json_t *data = tsn_track_data(&row);
    json_object_set_new(data, "adhoc", json_true());
    json_object_set(data, "title", json_object_get(clock, "name"));
    json_object_set(data, "start", json_object_get(clock, "started_at"));
    json_object_set(data, "due", json_object_get(clock, "due_at"));
    if (json_object_get(clock, "owner"))
        json_object_set(data, "owner", json_object_get(clock, "owner"));
    if (met)
        json_object_set(data, "met_at", json_object_get(clock, "met_at"));
    struct tsn_track_how how = {.data = data, .next_at = met ? 0 : now_ms};
    const char *to = met && !strcmp(row.state, "running") ? "met" : met ? row.state : "running";
    /* clock.started and clock.met are its entries. */
    if (!err)
        err = tsn_track_put(&w, TSN_TRACK_OBLIGATION, name, to, &how);
    json_decref(data);
    return tsn_case_work_close(&w, err, diag);
}

static json_t *row_json(const struct tsn_rec_track *row)
{
    static const char *const pairs[][2] = {
        {"start", "started_at"}, {"due", "due_at"}, {"owner", "owner"}, {"met_at", "met_at"}};
    json_t *data = tsn_track_data(row), *out = json_object();
    json_object_set_new(out, "name", json_string(row->subject));
    json_object_set_new(out, "state", json_string(row->state));
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        if (json_object_get(data, pairs[i][0]))
            json_object_set(out, pairs[i][1], json_object_get(data, pairs[i][0]));
    json_decref(data);
    return out;
}

static tsn_err apply_clock_start(struct tsn_store *st, struct tsn_arena *arena,
                                 const struct tsn_call *call, int64_t now_ms, json_t **result,
                                 struct tsn_diag *diag)
{
    static const char *const names[] = {"name", "due", "at", "owner"};
    struct tsn_case_by by = by_call(call);
    struct tsn_rec_track row = {.state = ""};
    const char *name, *owner;
    int64_t due_at = 0;
    tsn_err err = known(call, names, 4, diag);
    if (!err)
        err = text(call, "name", true, &name, diag);
    if (!err)
        err = text(call, "owner", false, &owner, diag);
    if (!err)
        err = due_of(call, now_ms, &due_at, diag);
    if (!err)
        err = by_pack(st, arena, call, name, true, now_ms, &row, diag);
    if (!err && row.state[0]) {
        *result = row_json(&row); /* the pack's times count, not the playbook's */
        return 0;
    }
    if (!err)
        err = tsn_case_clock_start(st, arena, call->case_id, name, due_at, owner, &by, now_ms,
                                   result, diag);
    if (!err)
        err = own_row(st, arena, call, *result, now_ms, diag);
    return err;
}

static tsn_err apply_clock_met(struct tsn_store *st, struct tsn_arena *arena,
                               const struct tsn_call *call, int64_t now_ms, json_t **result,
                               struct tsn_diag *diag)
{
    static const char *const names[] = {"name"};
    struct tsn_case_by by = by_call(call);
    struct tsn_rec_track row = {.state = ""};
    struct tsn_rec_case c;
    const char *name;
    tsn_err err = known(call, names, 1, diag);
    if (!err)
        err = text(call, "name", true, &name, diag);
    if (!err)
        err = tsn_case_load(st, arena, call->case_id, &c, diag);
    if (err)
        return err;
    json_t *facts = tsn_case_facts(&c);
    bool own = json_object_get(json_object_get(facts, TSN_FACT_CLOCKS), name) != NULL;
    json_decref(facts);
    if (!own)
        err = by_pack(st, arena, call, name, false, now_ms, &row, diag);
    if (!err && row.state[0]) {
        *result = row_json(&row);
        return 0;
    }
    if (!err)
        err = tsn_case_clock_met(st, arena, call->case_id, name, &by, now_ms, result, diag);
    if (!err)
        err = own_row(st, arena, call, *result, now_ms, diag);
    return err;
}

static const struct tsn_action actions[] = {
    {.name = "case.set", .summary = "Set severity, product and facts", .apply = apply_set},
    {.name = "case.note", .summary = "Write a note into the log", .apply = apply_note},
    {.name = "case.link", .summary = "Link a ticket or a page", .apply = apply_link},
    {.name = "case.close", .summary = "Close with a resolution", .apply = apply_close},
    {.name = "case.get", .summary = "The case as it is now", .apply = apply_get},
    {.name = "case.affected_customers",
     .summary = "Customers who have the affected products",
     .apply = apply_affected},
    {.name = "report.update",
     .summary = "State and word to the reporter's record",
     .sends = true,
     .apply = apply_update},
    {.name = "clock.start",
     .summary = "Start a promise or deadline",
     .apply = apply_clock_start},
    {.name = "clock.met", .summary = "The promise was kept", .apply = apply_clock_met},
};

/* What was changed may change what is seen of the case. */
static tsn_err apply_settled(struct tsn_store *st, struct tsn_arena *arena,
                             const struct tsn_call *call, int64_t now_ms, json_t **result,
                             struct tsn_diag *diag)
{
    struct tsn_case_by by = by_call(call);
    const struct tsn_action *own = actions;
    while (strcmp(own->name, call->action->name) != 0)
        own++;
    tsn_err err = own->apply(st, arena, call, now_ms, result, diag);
    if (!err)
        err = tsn_case_settle(st, arena, call->action->user, call->case_id, &by, now_ms, diag);
    return err;
}

tsn_err tsn_casework_register(struct tsn_registry *r, const struct tsn_casework_config *config)
{
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        struct tsn_action a = actions[i];
        a.effect = TSN_EFFECT_STORE;
        a.apply = apply_settled;
        /* apply_* read it through a pointer to const again. */
        a.user = (void *)(uintptr_t)config;
        tsn_err err = tsn_registry_add(r, &a);
        if (err)
            return err;
    }
    tsn_err err = tsn_case_ops_register(r, config);
    return err ? err : tsn_registry_add_living(r, tsn_case_living, (void *)(uintptr_t)config);
}

/* --- the same for people (api) ------------------------------------------------------------- */

tsn_err tsn_case_set(struct tsn_store *st, struct tsn_arena *arena, const char *case_id,
                     const json_t *changes, const struct tsn_actor *by, const char *run,
                     const char *step, int64_t now_ms, int64_t *seq, struct tsn_diag *diag)
{
    struct tsn_case_by who = {.actor = by, .run = run, .step = step};
    json_t *changed = NULL;
    int64_t ignored;
    (void)now_ms;
    tsn_err err = tsn_case_change(st, arena, NULL, case_id, changes, &who, seq ? seq : &ignored,
                                  &changed, diag);
    json_decref(changed);
    return err;
}

tsn_err tsn_case_note(struct tsn_store *st, struct tsn_arena *arena, const char *case_id,
                      const char *note, const struct tsn_actor *by, const char *run,
                      const char *step, int64_t now_ms, int64_t *seq, struct tsn_diag *diag)
{
    struct tsn_case_by who = {.actor = by, .run = run, .step = step};
    int64_t ignored;
    (void)now_ms;
    return tsn_case_write_note(st, arena, case_id, note, &who, seq ? seq : &ignored, diag);
}
