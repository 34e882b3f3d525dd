/* dry.c - see dry.h. Owns one simulation at a time. */
#include "author/dry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "action/builtin.h"
#include "core/clock.h"
#include "core/json.h"
#include "core/text.h"

#define DECISIONS_MAX 200
#define BRANCHES_MAX  16

struct path {
    const struct tsn_dry_config *config;
    struct tsn_sim_config sim_config;
    struct tsn_sim *sim;
    const json_t *connectors;
    json_t *assume; /* of this path */
    json_t *lines;  /* of this path */
    json_t
        *open_up; /* ids of approvals that were taken as approved because nothing was assumed */
    bool complete, acts;
};

static json_t *add(struct path *p, const char *says, const char *text)
{
    json_t *line = json_pack("{s:s, s:s}", "says", says, "text", text);
    json_array_append_new(p->lines, line);
    return line;
}

/* --- lines out of what is on record */

static const json_t *action_row(const struct path *p, const char *action)
{
    const char *dot = strchr(action, '.');
    char domain[101];

    if (!dot)
        return NULL;
    (void)snprintf(domain, sizeof(domain), "%.*s", (int)(dot - action), action);
    return json_object_get(json_object_get(p->connectors, domain), dot + 1);
}

static void tell_call(struct path *p, json_t *line, const json_t *request, const json_t *result)
{
    const char *name = tsn_json_str(request, "name", "");
    const json_t *row = action_row(p, name);
    const char *effect = tsn_json_str(row, "effect", "store"),
               *undo = tsn_json_str(row, "undo", "");
    bool assumed = json_object_get(p->assume, name) != NULL;
    bool unknown = json_object_get(json_object_get(result, "result"), "tsn.unknown") != NULL;
    const char *outcome = tsn_json_str(result, "outcome", "");

    /* The one action whose arguments say whether it changes something. */
    if (strcmp(name, "http.request") == 0 &&
        tsn_action_http_reads(json_object_get(request, "args")))
        effect = "none";
    json_object_set_new(line, "effect", json_string(effect));
    if (strcmp(effect, "external") == 0) {
        p->acts = true;
        json_object_set_new(line, "says", json_string("acts"));
        json_object_set_new(line, "touches",
                            json_string(tsn_json_bool(row, "sends", false) ? "send" : "write"));
        json_object_set_new(line, "irreversible",
                            json_boolean(tsn_json_bool(row, "irreversible", false)));
        json_object_set_new(line, "undo", json_string(undo));
        json_object_set_new(line, "plan", json_string(tsn_json_str(row, "plan", "")));
    } else if (strcmp(effect, "none") == 0) {
        json_object_set_new(line, "touches", json_string("read"));
        json_object_set_new(line, "says",
                            json_string(assumed                          ? "assumed"
                                        : p->sim_config.look && !unknown ? "looked"
                                                                         : "unknown"));
        if (unknown)
            json_object_set_new(
                line, "hint",
                json_string(tsn_json_str(json_object_get(result, "result"), "why",
                                         "a look-up that was not made")));
    } else {
        json_object_set_new(line, "says", json_string("known"));
    }
    if (*outcome && strcmp(outcome, "ok") != 0)
        json_object_set(line, "error",
                        json_object_get(json_object_get(result, "result"), "error"));
}

static const json_t *entry_of(const json_t *entries, const char *kind, const char *step)
{
    size_t i;
    json_t *e;

    json_array_foreach(entries, i, e)
    {
        if (strcmp(tsn_json_str(e, "kind", ""), kind) == 0 &&
            strcmp(tsn_json_str(e, "step", ""), step) == 0)
            return e;
    }
    return NULL;
}

static const json_t *task_of(const json_t *seen, const char *step)
{
    size_t i;
    json_t *t;

    json_array_foreach(json_object_get(seen, "tasks"), i, t)
    {
        if (strcmp(tsn_json_str(t, "path", ""), step) == 0)
            return t;
    }
    return NULL;
}

static void tell_task(struct path *p, json_t *line, const json_t *seen, const char *step)
{
    const json_t *t = task_of(seen, step);
    const char *state = tsn_json_str(t, "state", "open"), *id = tsn_json_str(t, "id", "");

    json_object_set_new(line, "says", json_string("asks"));
    if (!t)
        return;
    json_object_set_new(line, "who", json_deep_copy(json_object_get(t, "may")));
    json_object_set_new(line, "role", json_string(tsn_json_str(t, "role", "")));
    json_object_set_new(line, "quorum", json_integer(tsn_json_int(t, "quorum", 1)));
    json_object_set_new(line, "state", json_string(state));
    if (strcmp(state, "open") != 0 && json_object_get(p->assume, id))
        json_object_set(line, "assumed", json_object_get(p->assume, id));
}

/* One line for each step, in the order in which it first stands on record. */
static void tell_steps(struct path *p, const json_t *seen)
{
    const json_t *entries = json_object_get(seen, "entries");
    json_t *told = json_object(), *e;
    size_t i;

    json_array_foreach(entries, i, e)
    {
        const char *step = tsn_json_str(e, "step", NULL);
        const json_t *request = json_object_get(e, "args");
        const char *kind = tsn_json_str(request, "kind", NULL);

        if (!step || !kind || strcmp(tsn_json_str(e, "chain", ""), "run") != 0 ||
            json_object_get(told, step))
            continue;
        json_object_set_new(told, step, json_true());
        json_t *line = add(p, "known", "");
        json_object_set_new(line, "step", json_string(step));
        json_object_set_new(line, "kind", json_string(kind));
        json_object_set_new(line, "name", json_string(tsn_json_str(request, "name", "")));
        json_object_set(line, "args", json_object_get(request, "args"));
        if (strcmp(kind, "call") == 0)
            tell_call(p, line, request, entry_of(entries, "step.result", step));
        else if (strcmp(kind, "ask") == 0 || strcmp(kind, "approve") == 0)
            tell_task(p, line, seen, step);
        else
            json_object_set_new(line, "says", json_string("waits"));
    }
    json_decref(told);
}

static void tell_end(struct path *p, const json_t *seen)
{
    const json_t *run = json_object_get(seen, "run"), *c = json_object_get(seen, "case");
    const json_t *error = json_object_get(json_object_get(run, "result"), "error");
    const char *state = tsn_json_str(run, "state", "");
    json_t *line;

    if (strcmp(state, "finished") == 0 || tsn_json_bool(run, "returned", false)) {
        p->complete = true;
        line = add(p, "ends", tsn_json_str(c, "state", ""));
        json_object_set_new(line, "resolution", json_string(tsn_json_str(c, "resolution", "")));
        return;
    }
    bool unknown = strcmp(tsn_json_str(error, "code", ""), "L285") == 0;
    line = add(
        p, unknown ? "stops" : "fails",
        tsn_json_str(error, "message", tsn_json_str(run, "reason", "the run does not go on")));
    json_object_set_new(line, "code", json_string(tsn_json_str(error, "code", "")));
    json_object_set_new(line, "file", json_string(tsn_json_str(error, "file", "")));
    json_object_set_new(line, "line", json_integer(tsn_json_int(error, "line", 0)));
    json_object_set_new(line, "hint",
                        json_string(unknown ? "say what it would be: --assume ACTION='{ ... }'"
                                            : tsn_json_str(error, "hint", "")));
    p->complete = !unknown; /* that it fails is known */
}

/* --- people, time and events as assumed */

static tsn_err order_answers(struct path *p)
{
    const char *key;
    json_t *value;

    json_object_foreach(p->assume, key, value)
    {
        if (action_row(p, key))
            tsn_sim_answers(p->sim, key, "ok", value, NULL, NULL, 0);
    }
    return 0;
}

/* True: somebody decided; false: nothing is assumed, and the path ends here. */
static bool decide(struct path *p, const json_t *task, struct tsn_diag *diag, tsn_err *err)
{
    const char *id = tsn_json_str(task, "id", ""), *kind = tsn_json_str(task, "kind", "");
    const json_t *given = json_object_get(p->assume, id), *may = json_object_get(task, "may");
    bool approve = strcmp(kind, "approve") == 0;

    if (approve && !given) {
        json_object_set_new(p->assume, id, json_string("approve"));
        json_array_append_new(p->open_up, json_string(id));
        given = json_object_get(p->assume, id);
    }
    if (!given || (approve != json_is_string(given)) || strcmp(kind, "resolve") == 0) {
        json_t *line = add(p, "stops", "what follows depends on what people answer");
        json_object_set_new(line, "name", json_string(id));
        json_object_set(line, "fields", json_object_get(task, "fields"));
        return false;
    }
    if (json_array_size(may) == 0) {
        json_t *line = add(p, "stops", "nobody may decide this: no person has the role");
        json_object_set_new(line, "name", json_string(id));
        return false;
    }
    const char *verb = approve ? json_string_value(given) : "answer";
    size_t votes = json_array_size(json_object_get(task, "votes"));
    const char *person =
        json_string_value(json_array_get(may, votes < json_array_size(may) ? votes : 0));
    *err = tsn_sim_decide(p->sim, verb, id, person, "assumed by the dry run",
                          approve ? NULL : given, diag);
    return *err == 0;
}

/* The request of an open step of this kind; NULL = none. */
static const json_t *open_step(const json_t *seen, const char *kind)
{
    const json_t *entries = json_object_get(seen, "entries");
    size_t i;
    json_t *e;

    json_array_foreach(entries, i, e)
    {
        const json_t *request = json_object_get(e, "args");
        if (strcmp(tsn_json_str(e, "kind", ""), "step.intent") == 0 &&
            strcmp(tsn_json_str(request, "kind", ""), kind) == 0 &&
            !entry_of(entries, "step.result", tsn_json_str(e, "step", "")))
            return request;
    }
    return NULL;
}

static bool pass_time(struct path *p, const json_t *seen, struct tsn_diag *diag, tsn_err *err)
{
    const json_t *wait = open_step(seen, "wait"), *sleep = open_step(seen, "sleep");
    char key[160];

    if (!wait && !sleep) {
        (void)add(p, "stops", "nothing goes on, and nobody is asked");
        return false;
    }
    if (!wait) {
        *err = tsn_sim_advance(p->sim, tsn_json_int(json_object_get(sleep, "args"), "ms", 1),
                               diag);
        return *err == 0;
    }
    (void)snprintf(key, sizeof(key), "wait:%.150s", tsn_json_str(wait, "name", ""));
    const json_t *given = json_object_get(p->assume, key);
    if (!given) {
        json_t *line = add(p, "stops", "what follows depends on an event from outside");
        json_object_set_new(line, "name", json_string(key));
        return false;
    }
    if (json_is_string(given)) {
        int64_t ms = tsn_json_int(json_object_get(wait, "args"), "within_ms", 0);
        *err = tsn_sim_advance(p->sim, ms > 0 ? ms : 1, diag);
    } else {
        *err = tsn_sim_signal(p->sim, tsn_json_str(wait, "name", ""), given, diag);
    }
    return *err == 0;
}

static const json_t *open_task(const json_t *seen)
{
    size_t i;
    json_t *t;

    json_array_foreach(json_object_get(seen, "tasks"), i, t)
    {
        if (strcmp(tsn_json_str(t, "state", ""), "open") == 0)
            return t;
    }
    return NULL;
}

static bool is_over(const json_t *run)
{
    const char *state = tsn_json_str(run, "state", "");

    return tsn_json_bool(run, "returned", false) || strcmp(state, "finished") == 0 ||
           strcmp(state, "failed") == 0 || strcmp(state, "cancelled") == 0 ||
           strcmp(state, "stuck") == 0 || strcmp(state, "diverged") == 0;
}

static tsn_err follow(struct path *p, struct tsn_diag *diag)
{
    tsn_err err = tsn_sim_start(p->sim, p->config->playbook, p->config->what, diag);

    for (int i = 0; !err && i < DECISIONS_MAX; i++) {
        json_t *seen = NULL, *later = p->lines;
        bool go_on = false;

        err = tsn_sim_look(p->sim, &seen, diag);
        if (err)
            return err;
        bool over = is_over(json_object_get(seen, "run"));
        /* Steps are told in one go at the end of the path; what stops it goes behind them. */
        p->lines = json_array();
        if (!over) {
            const json_t *task = open_task(seen);
            go_on = task ? decide(p, task, diag, &err) : pass_time(p, seen, diag, &err);
        }
        if (!go_on) {
            json_t *tail = p->lines;
            p->lines = later;
            tell_steps(p, seen);
            if (over)
                tell_end(p, seen);
            json_array_extend(p->lines, tail);
            json_decref(tail);
            json_decref(seen);
            return err;
        }
        json_decref(p->lines);
        p->lines = later;
        json_decref(seen);
    }
    if (!err)
        (void)add(p, "stops", "more decisions than a dry run follows");
    return err;
}

static tsn_err one_path(struct path *p, struct tsn_diag *diag)
{
    tsn_err err = tsn_sim_open(&p->sim, &p->sim_config, diag);

    if (!err)
        err = order_answers(p);
    if (!err)
        err = follow(p, diag);
    tsn_sim_close(p->sim);
    p->sim = NULL;
    return err;
}

tsn_err tsn_dry_run(const struct tsn_dry_config *config, json_t **out, struct tsn_diag *diag)
{
    json_t *connectors = NULL, *otherwise = json_array(), *id;
    tsn_err err = tsn_sim_connectors(config->sim, &connectors, diag);
    struct path p = {.config = config, .sim_config = *config->sim, .connectors = connectors};
    size_t i;

    *out = NULL;
    if (err) {
        json_decref(otherwise);
        return err;
    }
    p.sim_config.dry = true;
    p.assume = config->assume ? json_deep_copy(config->assume) : json_object();
    p.lines = json_array();
    p.open_up = json_array();
    err = one_path(&p, diag);
    json_array_foreach(p.open_up, i, id)
    {
        if (err || i >= BRANCHES_MAX)
            break;
        struct path no = p;
        no.assume = config->assume ? json_deep_copy(config->assume) : json_object();
        for (size_t k = 0; k < i; k++) /* the way to it is the one that was followed */
            json_object_set_new(no.assume, json_string_value(json_array_get(p.open_up, k)),
                                json_string("approve"));
        json_object_set_new(no.assume, json_string_value(id), json_string("reject"));
        no.lines = json_array();
        no.open_up = json_array();
        no.complete = no.acts = false;
        err = one_path(&no, diag);
        p.complete = p.complete && no.complete;
        p.acts = p.acts || no.acts;
        json_array_append_new(otherwise, json_pack("{s:O, s:o, s:b}", "id", id, "lines",
                                                   no.lines, "complete", no.complete));
        json_decref(no.assume);
        json_decref(no.open_up);
    }
    *out = json_pack("{s:s, s:b, s:b, s:o, s:o}", "playbook", config->playbook, "complete",
                     p.complete, "acts", p.acts, "lines", p.lines, "otherwise", otherwise);
    json_decref(p.assume);
    json_decref(p.open_up);
    json_decref(connectors);
    if (err) {
        json_decref(*out);
        *out = NULL;
    }
    return err;
}
