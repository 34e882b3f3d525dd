/* act_exec.c - exec.NAME: programs of the configuration, started without a shell. Loop thread.
 *
 * Only what `exec:` lists can be started: an absolute program with a fixed list of words. A word that is a
 * placeholder as a whole ({field}) becomes one argument, whatever the value holds; a list ({field...}) one
 * argument each. Values that begin with a dash are refused: they could pass for options. Clean environment, own
 * session, limits by tocsin-exec, which also ends whatever the program started. The step's key is in TOCSIN_KEY.
 */
#include "action/builtin.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/json.h"
#include "core/text.h"
#include "proc/child.h"

#define ARGS_MAX  256
#define VALUE_MAX ((size_t)64 << 10)

struct exec_user {
    struct tsn_loop *loop;
    const struct tsn_exec_config *config;
    char shim[PATH_MAX];
};

struct running {
    struct tsn_call *call; /* NULL: nobody waits any more */
    struct tsn_child *child;
    struct tsn_buf out;
    bool too_much;
};

static const struct exec_user *user_of(const struct tsn_call *call)
{
    return call->action->user;
}

/* "{field}" or "{field...}" as a whole; the field's name, or NULL. */
static const char *placeholder(const char *word, char *name, size_t cap, bool *many)
{
    size_t n = strlen(word);

    if (n < 3 || word[0] != '{' || word[n - 1] != '}')
        return NULL;
    *many = n > 6 && strcmp(word + n - 4, "...}") == 0;
    n -= *many ? 5 : 2;
    (void)snprintf(name, cap, "%.*s", (int)n, word + 1);
    return name;
}

static tsn_err add(const struct tsn_call *call, const char *field, const json_t *v,
                   struct tsn_arena *a, const char **argv, size_t *n, struct tsn_diag *diag)
{
    const char *text = json_is_string(v) ? json_string_value(v)
                       : json_is_integer(v)
                           ? tsn_arena_printf(a, "%lld", (long long)json_integer_value(v))
                           : NULL;

    if (!text)
        return tsn_diag_set(diag, TSN_EINPUT, "R040",
                            "%s: `%s` must be a text or a whole number", call->action->name,
                            field);
    if (text[0] == '-')
        return tsn_diag_set(diag, TSN_EINPUT, "R058",
                            "%s: `%s` begins with a dash and could pass for an option",
                            call->action->name, field);
    if (!text[0] || strlen(text) > VALUE_MAX || *n >= ARGS_MAX)
        return tsn_diag_set(diag, TSN_EINPUT, "R058", "%s: `%s` is empty, too long or too many",
                            call->action->name, field);
    argv[(*n)++] = text;
    return 0;
}

/* Every argument must have its place: one that is not used would be lost silently. */
static tsn_err all_used(const struct tsn_call *call, struct tsn_diag *diag)
{
    const struct tsn_exec_config *c = user_of(call)->config;

    for (void *at = json_object_iter(call->args); at;
         at = json_object_iter_next(call->args, at)) {
        char name[80];
        bool many, used = c->input && strcmp(c->input, json_object_iter_key(at)) == 0;

        for (size_t i = 0; c->words[i]; i++)
            used = used || (placeholder(c->words[i], name, sizeof(name), &many) &&
                            strcmp(name, json_object_iter_key(at)) == 0);
        if (!used)
            return tsn_diag_set(diag, TSN_EINPUT, "R040", "%s does not take `%s`",
                                call->action->name, json_object_iter_key(at));
    }
    return 0;
}

static tsn_err arguments(const struct tsn_call *call, struct tsn_arena *a, const char **argv,
                         size_t *n, struct tsn_diag *diag)
{
    const struct tsn_exec_config *c = user_of(call)->config;
    tsn_err err = all_used(call, diag);

    for (size_t i = 0; c->words[i] && !err; i++) {
        char name[80];
        bool many = false;
        size_t k;
        json_t *one, *v;

        if (!placeholder(c->words[i], name, sizeof(name), &many)) {
            argv[(*n)++] = c->words[i];
            continue;
        }
        v = json_object_get(call->args, name);
        if (!many) {
            err = v ? add(call, name, v, a, argv, n, diag)
                    : tsn_diag_set(diag, TSN_EINPUT, "R040", "%s needs `%s`",
                                   call->action->name, name);
            continue;
        }
        if (!json_is_array(v))
            err = tsn_diag_set(diag, TSN_EINPUT, "R040", "%s: `%s` must be a list",
                               call->action->name, name);
        json_array_foreach(v, k, one)
        {
            if (!err)
                err = add(call, name, one, a, argv, n, diag);
        }
    }
    return err;
}

/* What it reads: the text of a field, byte for byte; *out NULL: nothing. */
static tsn_err input_of(const struct tsn_call *call, const json_t **out, struct tsn_diag *diag)
{
    const char *field = user_of(call)->config->input;

    *out = field ? json_object_get(call->args, field) : NULL;
    if (!field || json_is_string(*out))
        return 0;
    return tsn_diag_set(diag, TSN_EINPUT, "R040", "%s: `%s` must be a text: its input",
                        call->action->name, field);
}

static void on_line(struct tsn_child *child, const char *line, size_t len, void *user)
{
    struct running *r = user;

    if (tsn_buf_put(&r->out, line, len) != 0 || tsn_buf_putc(&r->out, '\n') != 0) {
        r->too_much = true;
        tsn_child_kill(child);
    }
}

static enum tsn_outcome outcome_of(const struct running *r, int64_t status, int signal,
                                   struct tsn_diag *diag)
{
    const struct tsn_exec_config *c = user_of(r->call)->config;
    bool reads = r->call->action->effect == TSN_EFFECT_NONE;

    if (r->too_much)
        (void)tsn_diag_set(diag, TSN_ETOOBIG, "R058", "%s wrote more than %zu bytes",
                           r->call->action->name, c->output);
    else if (signal)
        (void)tsn_diag_set(diag, TSN_EREMOTE, "R058", "%s was ended by signal %d",
                           r->call->action->name, signal);
    else if (status == 126 || status == 127)
        (void)tsn_diag_set(diag, TSN_EREMOTE, "R058", "%s cannot be started: %s",
                           r->call->action->name, c->words[0]);
    else if (status != 0)
        (void)tsn_diag_set(diag, TSN_EREMOTE, "R058", "%s ended with exit code %lld",
                           r->call->action->name, (long long)status);
    else
        return TSN_OUTCOME_OK;
    /* Cut short it may have done anything; an exit code is its own word that it did not. */
    return !reads && (r->too_much || signal) ? TSN_OUTCOME_UNKNOWN : TSN_OUTCOME_FAIL;
}

static void on_exit_of(struct tsn_child *child, int64_t status, int signal, void *user)
{
    struct running *r = user;
    struct tsn_call *call = r->call;
    struct tsn_diag diag;
    json_t *result = NULL;
    enum tsn_outcome outcome;

    (void)child;
    if (call) {
        tsn_diag_init(&diag);
        outcome = outcome_of(r, status, signal, &diag);
        result = json_pack("{s:I, s:s%}", "exit", (json_int_t)status, "text",
                           r->out.data ? r->out.data : "", r->out.len);
        if (!result)
            result = json_pack("{s:I, s:s}", "exit", (json_int_t)status, "text", "(not UTF-8)");
        call->impl = NULL;
        call->done(call, outcome, result, outcome == TSN_OUTCOME_OK ? NULL : &diag);
    }
    json_decref(result);
    tsn_buf_free(&r->out);
    free(r);
}

static tsn_err start(struct tsn_call *call, struct tsn_diag *diag)
{
    const struct exec_user *u = user_of(call);
    struct tsn_arena *a = tsn_arena_new();
    struct running *r = tsn_alloc(sizeof(*r));
    const char **argv = tsn_arena_alloc(a, (ARGS_MAX + 20) * sizeof(*argv));
    const char *env[] = {"PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8",
                         tsn_arena_printf(a, "TOCSIN_KEY=%s", call->idem), NULL};
    const struct tsn_child_config config = {.name = call->action->name,
                                            .argv = argv,
                                            .env = env,
                                            .lines = true,
                                            .guarded = true,
                                            .max_line = u->config->output,
                                            .on_line = on_line,
                                            .on_exit = on_exit_of,
                                            .user = r};
    const json_t *input = NULL;
    size_t n = 0;
    tsn_err err;

    argv[n++] = u->shim;
    argv[n++] = "--memory";
    argv[n++] = tsn_arena_printf(a, "%lld", (long long)u->config->memory);
    argv[n++] = "--cpu";
    argv[n++] = tsn_arena_printf(a, "%lld", (long long)u->config->cpu_s);
    argv[n++] = "--files";
    argv[n++] = "64";
    argv[n++] = "--guard";
    argv[n++] = tsn_arena_printf(a, "%lld", (long long)u->config->processes);
    argv[n++] = "--";
    err = arguments(call, a, argv, &n, diag);
    if (!err)
        err = input_of(call, &input, diag);
    tsn_buf_init(&r->out, u->config->output);
    r->call = call;
    if (!err)
        err = tsn_child_start(&r->child, u->loop, &config, diag);
    if (err) {
        tsn_buf_free(&r->out);
        free(r);
    } else {
        call->impl = r;
        /* One that ends without reading it has said so by its exit code. */
        (void)tsn_child_send_input(r->child, input ? json_string_value(input) : "",
                                   json_string_length(input));
    }
    tsn_arena_destroy(a);
    return err;
}

static void cancel(struct tsn_call *call)
{
    struct running *r = call->impl;

    if (!r)
        return;
    call->impl = NULL;
    r->call = NULL; /* freed when it has ended */
    tsn_child_kill(r->child);
}

struct tsn_action tsn_action_exec(const struct tsn_exec_config *config, char name[100])
{
    (void)snprintf(name, 100, "exec.%s", config->name);
    return (struct tsn_action){
        .name = name,
        .summary = config->summary,
        .effect = config->reads ? TSN_EFFECT_NONE : TSN_EFFECT_EXTERNAL,
        .sends = config->sends,
        .doubt = config->repeat_safe ? TSN_DOUBT_REPEAT_SAFE : TSN_DOUBT_ASK,
        .timeout_ms = config->timeout_ms,
        /* What ended badly once is for the playbook to judge, unless a repeat is harmless. */
        .attempts = config->repeat_safe ? 0 : 1,
    };
}

tsn_err tsn_action_exec_register(struct tsn_registry *reg, struct tsn_loop *loop,
                                 const struct tsn_exec_config *config, struct tsn_diag *diag)
{
    struct exec_user *u = tsn_alloc(sizeof(*u));
    char name[100];
    struct tsn_action action = tsn_action_exec(config, name);
    tsn_err err = tsn_child_find(u->shim, sizeof(u->shim), "tocsin-exec", diag);

    action.start = start;
    action.cancel = cancel;
    action.user = u;
    u->loop = loop;
    u->config = config;
    tsn_registry_defer(reg, free, u);
    return err ? err : tsn_registry_add(reg, &action);
}
