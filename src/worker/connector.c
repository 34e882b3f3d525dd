/* connector.c - see connector.h. Owns the open calls. */
#include "worker/connector.h"

#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/json.h"
#include "core/mem.h"
#include "worker/box.h"

#define CALLS_MAX 256

struct call {
    struct call *next;
    int64_t id;
    int64_t asked; /* id of the `do` that is under way; 0 = none */
    json_t *input; /* of the tool: action, args, settings, ctx, stage, replies */
};

struct tsn_connector {
    char *name, *file;
    json_t *files, *settings;
    void (*say)(json_t *message);
    struct call *calls;
    size_t ncalls;
    int64_t last;
};

tsn_err tsn_connector_open(struct tsn_connector **out, const char *name, const char *file,
                           const char *source, void (*say)(json_t *message))
{
    json_t *text = json_string(source);

    *out = NULL;
    if (!text)
        return TSN_EINPUT; /* not UTF-8 */
    struct tsn_connector *c = tsn_alloc(sizeof(*c));
    c->name = tsn_strdup(name);
    c->file = tsn_strdup(file);
    c->files = json_object();
    json_object_set_new(c->files, file, text);
    c->say = say;
    *out = c;
    return 0;
}

static void drop(struct tsn_connector *c, struct call *call)
{
    struct call **at = &c->calls;

    while (*at != call)
        at = &(*at)->next;
    *at = call->next;
    c->ncalls--;
    json_decref(call->input);
    free(call);
}

void tsn_connector_close(struct tsn_connector *c)
{
    while (c->calls)
        drop(c, c->calls);
    json_decref(c->files);
    json_decref(c->settings);
    free(c->name);
    free(c->file);
    free(c);
}

static void say_failed(struct tsn_connector *c, int64_t id, const char *outcome,
                       const char *code, const char *message)
{
    c->say(json_pack("{s:s, s:I, s:s, s:{s:s, s:s}}", "type", "result", "id", (json_int_t)id,
                     "outcome", outcome, "error", "code", code, "message", message));
}

static void say_log(void *user, const char *level, const char *text)
{
    struct tsn_connector *c = user;
    json_t *m = json_pack("{s:s, s:s, s:s}", "type", "log", "level", level, "text", text);

    if (m)
        c->say(m);
}

/* The tool in a fresh box; false: what went wrong is in code and text. */
static bool play(struct tsn_connector *c, const json_t *input, json_t **out, char *code,
                 size_t code_cap, char *text, size_t cap)
{
    const struct tsn_box_config config = {
        .files = c->files, .seed = "connector", .author = true, .log = say_log, .user = c};
    struct tsn_box *box = NULL;
    tsn_err err = tsn_box_open(&box, &config);

    if (!err)
        err = tsn_box_tool(box, "connector", input, out);
    if (err && box) {
        const struct tsn_box_error *e = tsn_box_error(box);

        (void)snprintf(code, code_cap, "%s", e->code[0] ? e->code : "R010");
        if (e->file[0] && e->line > 0)
            (void)snprintf(text, cap, "%s (%s:%d)", e->text, e->file, e->line);
        else
            (void)snprintf(text, cap, "%s", e->text);
    } else if (err) {
        (void)snprintf(code, code_cap, "R010");
        (void)snprintf(text, cap, "no sandbox could be made");
    }
    tsn_box_close(box);
    return !err;
}

/* After the start, and after each reply. */
static void go_on(struct tsn_connector *c, struct call *call)
{
    char code[32] = "", text[1300] = "";
    json_t *out = NULL;
    int64_t stage = tsn_json_int(call->input, "stage", 0);

    if (!play(c, call->input, &out, code, sizeof(code), text, sizeof(text))) {
        /* Once a request has gone out nobody can say what it did. */
        say_failed(c, call->id, stage > 0 ? "unknown" : "fail", code, text);
        drop(c, call);
    } else if (json_object_get(out, "request")) {
        const json_t *request = json_object_get(out, "request");

        json_object_set(call->input, "stage", json_object_get(out, "stage"));
        call->asked = ++c->last;
        c->say(json_pack(
            "{s:s, s:I, s:I, s:O, s:O, s:O}", "type", "do", "id", (json_int_t)call->asked,
            "call", (json_int_t)call->id, "stage", json_object_get(out, "stage"), "action",
            json_object_get(request, "action"), "args", json_object_get(request, "args")));
    } else {
        json_t *m = json_pack("{s:s, s:I, s:O}", "type", "result", "id", (json_int_t)call->id,
                              "outcome", json_object_get(out, "outcome"));

        if (json_object_get(out, "result"))
            json_object_set(m, "result", json_object_get(out, "result"));
        if (json_object_get(out, "error"))
            json_object_set(m, "error", json_object_get(out, "error"));
        c->say(m);
        drop(c, call);
    }
    json_decref(out);
}

static void on_start(struct tsn_connector *c, const json_t *m, bool probe)
{
    const char *action = tsn_json_str(m, "action", ""), *dot = strrchr(action, '.');
    int64_t id = tsn_json_int(m, "id", -1);
    json_t *ctx, *args = json_object_get(m, "args");
    struct call *call;

    if (c->ncalls == CALLS_MAX) {
        say_failed(c, id, "retry", "busy", "too many open calls");
        return;
    }
    ctx = json_pack("{s:s, s:s, s:s*, s:I, s:I}", "key", tsn_json_str(m, "key", ""), "run",
                    tsn_json_str(m, "run", ""), "case", tsn_json_str(m, "case", NULL),
                    "attempt", (json_int_t)tsn_json_int(m, "attempt", 1), "now",
                    (json_int_t)(tsn_clock_wall_ms() / 1000));
    call = tsn_alloc(sizeof(*call));
    call->id = id;
    /* Whether a call took effect is the look-up `probe_VERB`, where the connector has one. */
    call->input =
        json_pack("{s:s, s:o, s:O, s:O, s:o, s:i, s:[]}", "file", c->file, "action",
                  json_sprintf("%s%s", probe ? "probe_" : "", dot ? dot + 1 : action), "args",
                  args, "settings", c->settings, "ctx", ctx, "stage", 0, "replies");
    call->next = c->calls;
    c->calls = call;
    c->ncalls++;
    go_on(c, call);
}

static void on_done(struct tsn_connector *c, const json_t *m)
{
    int64_t id = tsn_json_int(m, "id", -1);
    const char *outcome = tsn_json_str(m, "outcome", "unknown");
    struct call *call = c->calls;
    json_t *reply;

    while (call && call->asked != id)
        call = call->next;
    if (!call)
        return; /* of a call that was cancelled */
    call->asked = 0;
    if (strcmp(outcome, "ok") != 0) {
        json_t *r =
            json_pack("{s:s, s:I, s:s, s:O?}", "type", "result", "id", (json_int_t)call->id,
                      "outcome", outcome, "error", json_object_get(m, "error"));
        c->say(r);
        drop(c, call);
        return;
    }
    reply = json_object_get(m, "result");
    /* Stages that were left out have an empty reply: positions stay those of the stages. */
    while ((int64_t)json_array_size(json_object_get(call->input, "replies")) <
           tsn_json_int(call->input, "stage", 1) - 1)
        json_array_append_new(json_object_get(call->input, "replies"), json_object());
    json_array_append(json_object_get(call->input, "replies"), reply);
    go_on(c, call);
}

static void on_cancel(struct tsn_connector *c, const json_t *m)
{
    int64_t id = tsn_json_int(m, "id", -1);
    struct call *call = c->calls;

    while (call && call->id != id)
        call = call->next;
    if (!call)
        return;
    say_failed(c, id, "unknown", "cancelled", "given up while its request was under way");
    drop(c, call);
}

tsn_err tsn_connector_message(struct tsn_connector *c, const json_t *m)
{
    const char *type = tsn_json_str(m, "type", "");

    if (strcmp(type, "describe") == 0) {
        json_t *settings = json_object_get(m, "settings");

        json_decref(c->settings);
        c->settings = json_is_object(settings) ? json_incref(settings) : json_object();
        c->say(json_pack("{s:s, s:s}", "type", "described", "name", c->name));
    } else if (!c->settings) {
        return TSN_EINPUT;
    } else if (strcmp(type, "start") == 0 || strcmp(type, "probe") == 0) {
        if (!json_is_object(json_object_get(m, "args")))
            return TSN_EINPUT;
        on_start(c, m, type[0] == 'p');
    } else if (strcmp(type, "done") == 0) {
        on_done(c, m);
    } else if (strcmp(type, "cancel") == 0) {
        on_cancel(c, m);
    }
    return 0; /* later versions of the core may say more */
}
