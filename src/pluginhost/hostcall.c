/* hostcall.c - calls from start to their one completion, and what is said to the core.
 *
 * Owns the open calls. Messages come on the main thread; completions, log lines and allocations
 * come on any. `lock` guards the list and the arenas, never held while the plugin runs or a
 * message is written; `out_lock` keeps lines whole.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/schema.h"
#include "core/secret.h"
#include "pluginhost/pluginhost.h"

#define CALLS_MAX  256
#define ARENA_MAX  ((size_t)64 << 20)
#define RESULT_MAX (1000u << 10) /* a line holds 1 MiB, this and what is around it */
#define LOG_MAX    4000

struct call {
    struct call *next;
    struct tocsin_call pub; /* what the plugin sees */
    struct tsn_arena *arena;
    struct tsn_ph_action *action;
    size_t used; /* bytes given out of the arena */
    int64_t id;  /* the core's */
    bool probe, started;
    bool over; /* completed: out of the list, freed with the last pin */
    int pins;  /* functions of the plugin that were given it and have not returned */
};

/* The value of a handle; older ones stay, since a plugin may still use them. */
struct secret {
    struct secret *next;
    const char *handle, *value; /* value NULL: there is none */
};

static struct {
    pthread_mutex_t lock, out_lock;
    struct tsn_ph_lib *lib;
    struct tsn_arena *arena; /* settings */
    const json_t *settings;
    struct secret *secrets;
    size_t awaited;     /* secrets asked for at the start and not answered yet */
    struct call *calls; /* in order of arrival */
    uint64_t last;      /* handles are generations: never used twice */
    int out_fd, wake_fd;
    bool described;
} host = {.lock = PTHREAD_MUTEX_INITIALIZER, .out_lock = PTHREAD_MUTEX_INITIALIZER};

static void write_all(const char *p, size_t n)
{
    while (n > 0) {
        ssize_t k = write(host.out_fd, p, n);

        if (k > 0) {
            p += k;
            n -= (size_t)k;
        } else if (k < 0 && errno == EAGAIN) {
            struct pollfd wait = {.fd = host.out_fd, .events = POLLOUT};

            poll(&wait, 1, -1);
        } else if (k < 0 && errno != EINTR) {
            _exit(0); /* the core is gone */
        }
    }
}

/* Takes the message; one whole line, whoever else writes. */
static void say(json_t *message)
{
    char *text = tsn_json_text(message);
    size_t n = strlen(text);

    text[n] = '\n'; /* in place of the terminator: one write a line */
    pthread_mutex_lock(&host.out_lock);
    write_all(text, n + 1);
    pthread_mutex_unlock(&host.out_lock);
    free(text);
    json_decref(message);
}

static void say_log(const char *level, const char *text)
{
    char cut[LOG_MAX];
    json_t *message;
    size_t n = strnlen(text, sizeof(cut) - 1);

    memcpy(cut, text, n);
    cut[n] = '\0';
    /* Not text, or cut inside a character: drop bytes at the end until it is. */
    do {
        message = json_pack("{s:s, s:s, s:s}", "type", "log", "level", level, "text", cut);
        if (!message && n > 0)
            cut[--n] = '\0';
    } while (!message && n > 0);
    if (message)
        say(message);
}

static void say_end(int64_t id, const char *outcome, const char *code, const char *why)
{
    say(json_pack("{s:s, s:I, s:s, s:{s:s, s:s}}", "type", "result", "id", (json_int_t)id,
                  "outcome", outcome, "error", "code", code, "message", why));
}

/* --- under the lock ------------------------------------------------------------------------ */

static void free_if_done(struct call *c)
{
    if (c->over && c->pins == 0)
        tsn_arena_destroy(c->arena); /* the call itself lives in it */
}

static void end_locked(struct call *c)
{
    struct call **at = &host.calls;

    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    c->over = true;
    if (c->started)
        c->action->running--;
}

static void unpin(struct call *c)
{
    pthread_mutex_lock(&host.lock);
    c->pins--;
    free_if_done(c);
    pthread_mutex_unlock(&host.lock);
}

static struct call *find_handle(uint64_t handle)
{
    struct call *c = host.calls;

    while (c && (c->pub.handle != handle || !c->started))
        c = c->next;
    return c;
}

/* --- what the plugin may call, any thread -------------------------------------------------- */

static void give_log(uint32_t level, const char *text)
{
    static const char *const names[] = {"info", "debug", "info", "warn", "error"};

    say_log(names[level <= TOCSIN_LOG_ERROR ? level : 0], text ? text : "");
}

static void *give_memory(uint64_t handle, size_t n)
{
    struct call *c;
    void *p = NULL;

    pthread_mutex_lock(&host.lock);
    c = find_handle(handle);
    if (c && n > 0 && n <= ARENA_MAX - c->used) {
        c->used += n;
        p = tsn_arena_alloc(c->arena, n);
    }
    pthread_mutex_unlock(&host.lock);
    return p;
}

static const char *give_setting(const char *name)
{
    /* Made once before the first call, only read since. */
    return name ? tsn_json_str(host.settings, name, NULL) : NULL;
}

static const char *give_secret(const char *setting)
{
    const char *handle = give_setting(setting), *value = NULL;

    pthread_mutex_lock(&host.lock);
    for (const struct secret *s = handle ? host.secrets : NULL; s; s = s->next) {
        if (strcmp(s->handle, handle) == 0) {
            value = s->value;
            break; /* the newest comes first */
        }
    }
    pthread_mutex_unlock(&host.lock);
    return value;
}

/* The message for a completion. What the plugin says is input: a result nobody can read leaves
 * an external call in doubt, because it may well have happened. */
static void say_result(const struct call *c, uint32_t status, const char *json, size_t len)
{
    static const char *const words[] = {"", "ok", "fail", "retry", "unknown"};
    const char *doubt = c->action->a.effect == TOCSIN_EFFECT_NONE ? "fail" : "unknown";
    json_t *value = NULL;

    if (status < TOCSIN_OK || status > TOCSIN_UNKNOWN) {
        say_end(c->id, doubt, "bad_status", "the plugin gave a status that there is not");
        return;
    }
    if (len > RESULT_MAX) {
        say_end(c->id, doubt, "too_big", "the plugin's result is over 1,000 KiB");
        return;
    }
    if (!json)
        value = json_object();
    else if (tsn_json_parse(json, len, &value, NULL) != 0 || !json_is_object(value)) {
        json_decref(value);
        say_end(c->id, status == TOCSIN_OK ? doubt : words[status], "bad_result",
                "what the plugin gave is no JSON object");
        return;
    }
    say(json_pack("{s:s, s:I, s:s, s:o}", "type", "result", "id", (json_int_t)c->id, "outcome",
                  words[status], status == TOCSIN_OK ? "result" : "error", value));
}

/* {"happened": ...} in the protocol's words: ok, with what else it knows of the result, or fail, which is done again.
 * Whatever is neither leaves it unknown. */
static void say_probed(const struct call *c, uint32_t status, const char *json, size_t len)
{
    json_t *value = NULL, *happened;

    if (status != TOCSIN_OK || len > RESULT_MAX || !json ||
        tsn_json_parse(json, len, &value, NULL) != 0 ||
        !json_is_boolean(happened = json_object_get(value, "happened")))
        say_end(c->id, "unknown", "no_answer", "the plugin cannot tell");
    else if (json_is_false(happened))
        say_end(c->id, "fail", "not_happened", "the call did not take effect");
    else {
        json_object_del(value, "happened");
        say(json_pack("{s:s, s:I, s:s, s:O}", "type", "result", "id", (json_int_t)c->id,
                      "outcome", "ok", "result", value));
    }
    json_decref(value);
}

static int complete(uint64_t handle, uint32_t status, const char *json, size_t len)
{
    uint64_t one = 1;
    struct call *c;
    char text[120];

    pthread_mutex_lock(&host.lock);
    c = find_handle(handle);
    if (c) {
        end_locked(c);
        c->pins++; /* json may lie in its arena */
    }
    pthread_mutex_unlock(&host.lock);
    if (!c) {
        snprintf(text, sizeof(text), "dropped: a completion of call %llu, which is over",
                 (unsigned long long)handle);
        say_log("warn", text);
        return -1;
    }
    if (c->probe)
        say_probed(c, status, json, len);
    else
        say_result(c, status, json, len);
    unpin(c);
    if (write(host.wake_fd, &one, sizeof(one)) < 0)
        return 0; /* full: the main thread is awake anyway */
    return 0;
}

static const struct tocsin_host table = {
    .size = sizeof(table),
    .abi_major = TOCSIN_ABI_MAJOR,
    .abi_minor = TOCSIN_ABI_MINOR,
    .log = give_log,
    .alloc = give_memory,
    .setting = give_setting,
    .complete = complete,
    .secret = give_secret,
};

/* --- what the core says, main thread ------------------------------------------------------- */

void tsn_ph_open(struct tsn_ph_lib *lib, int out_fd, int wake_fd)
{
    host.lib = lib;
    host.out_fd = out_fd;
    host.wake_fd = wake_fd;
    host.arena = tsn_arena_new();
}

static void drop_json(void *p)
{
    json_decref(p);
}

/* Every value as text, so that a plugin can be given it without copying. */
static void keep_settings(json_t *from)
{
    json_t *kept = json_object(), *value;
    const char *key;

    json_object_foreach(from, key, value)
    {
        char *text = json_is_string(value) ? NULL : tsn_json_text(value);

        json_object_set_new(kept, key, text ? json_string(text) : json_incref(value));
        free(text);
    }
    host.settings = kept;
    tsn_arena_defer(host.arena, drop_json, kept);
}

static json_t *schema(const char *text)
{
    json_t *v = NULL;

    if (text && tsn_json_parse(text, strlen(text), &v, NULL) != 0)
        return NULL;
    return v;
}

/* The core needs the name; the rest is for people and for `plugin` commands. */
static void say_described(void)
{
    const struct tsn_ph_lib *lib = host.lib;
    json_t *names = json_array(), *schemas = json_object(), *one;
    char abi[32];

    for (size_t i = 0; i < lib->nactions; i++) {
        const struct tocsin_action *a = &lib->actions[i].a;

        json_array_append_new(names, json_sprintf("%s.%s", lib->p.name, a->name));
        one = json_pack("{s:O*, s:o*}", "args", lib->actions[i].args, "result",
                        schema(a->result_schema));
        json_object_set_new(schemas, a->name, one);
    }
    snprintf(abi, sizeof(abi), "%u.%u", lib->p.abi_major, lib->p.abi_minor);
    say(json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:o}", "type", "described", "name",
                  lib->p.name, "version", lib->p.version, "licence", lib->p.licence, "abi", abi,
                  "actions", names, "schemas", schemas));
}

/* Before init and `described`: init may need the values already. */
static void ask_secrets(void)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)host.settings, key, value)
    {
        if (!tsn_secret_is_handle(json_string_value(value))) /* all are texts here */
            continue;
        host.awaited++;
        say(json_pack("{s:s, s:s}", "type", "secret", "handle", json_string_value(value)));
    }
}

static void keep_secret(const json_t *m)
{
    struct secret *s;

    pthread_mutex_lock(&host.lock);
    s = tsn_arena_alloc(host.arena, sizeof(*s));
    s->handle = tsn_arena_strdup(host.arena, tsn_json_str(m, "handle", ""));
    s->value = tsn_arena_strdup(host.arena, tsn_json_str(m, "value", NULL));
    s->next = host.secrets;
    host.secrets = s;
    pthread_mutex_unlock(&host.lock);
}

static tsn_err begin(struct tsn_diag *diag)
{
    if (!host.described) {
        if (host.lib->p.init && host.lib->p.init(&table) != 0)
            return tsn_diag_set(diag, TSN_EREMOTE, "R054",
                                "the plugin %s says that it cannot work", host.lib->p.name);
        host.described = true;
    }
    say_described();
    return 0;
}

static tsn_err on_describe(const json_t *m, struct tsn_diag *diag)
{
    if (!host.described && !host.settings) {
        keep_settings(json_object_get(m, "settings"));
        ask_secrets();
    }
    return host.awaited ? 0 : begin(diag);
}

static tsn_err on_secret(const json_t *m, struct tsn_diag *diag)
{
    keep_secret(m);
    return host.awaited && --host.awaited == 0 ? begin(diag) : 0;
}

static struct tsn_ph_action *find_action(const char *name)
{
    size_t n = strlen(host.lib->p.name);

    if (strncmp(name, host.lib->p.name, n) != 0 || name[n] != '.')
        return NULL;
    for (size_t i = 0; i < host.lib->nactions; i++)
        if (strcmp(host.lib->actions[i].a.name, name + n + 1) == 0)
            return &host.lib->actions[i];
    return NULL;
}

static struct call *new_call(const json_t *m, struct tsn_ph_action *action, bool probe)
{
    struct tsn_arena *arena = tsn_arena_new();
    struct call *c = tsn_arena_alloc(arena, sizeof(*c));
    const json_t *args = json_object_get(m, "args");
    char *text = json_is_object(args) ? tsn_json_text(args) : tsn_strdup("{}");

    c->arena = arena;
    c->action = action;
    c->probe = probe;
    c->id = tsn_json_int(m, "id", -1);
    c->pub.size = sizeof(c->pub);
    c->pub.host = &table;
    c->pub.attempt = (uint32_t)tsn_json_int(m, "attempt", 1);
    c->pub.action = action->a.name;
    c->pub.key = tsn_arena_strdup(arena, tsn_json_str(m, "key", ""));
    c->pub.run = tsn_arena_strdup(arena, tsn_json_str(m, "run", ""));
    c->pub.case_id = tsn_arena_strdup(arena, tsn_json_str(m, "case", NULL));
    c->pub.args = tsn_arena_strdup(arena, text);
    c->pub.args_len = strlen(text);
    free(text);
    return c;
}

/* Here alone arguments reach the plugin: what does not fit its schema is refused before it has begun. */
static bool refuse_args(const struct tsn_ph_action *action, int64_t id, const json_t *args)
{
    char why[TSN_SCHEMA_WHY], said[TSN_SCHEMA_WHY + 40];

    if (!action->args || tsn_schema_fits(action->args, args, why))
        return false;
    (void)snprintf(said, sizeof(said), "in the arguments %s", why);
    say_end(id, "fail", "R040", said);
    return true;
}

static void on_start(const json_t *m, bool probe)
{
    struct tsn_ph_action *action = find_action(tsn_json_str(m, "action", ""));
    int64_t id = tsn_json_int(m, "id", -1);
    struct call *c, **at = &host.calls;
    size_t n = 0;

    if (!action) {
        say_end(id, "fail", "no_action", "the plugin has no such action");
        return;
    }
    if (probe && !action->a.probe) {
        say_end(id, "unknown", "no_probe", "the plugin cannot tell");
        return;
    }
    if (!probe && refuse_args(action, id, json_object_get(m, "args")))
        return;
    c = new_call(m, action, probe);
    pthread_mutex_lock(&host.lock);
    for (; *at; at = &(*at)->next)
        n++;
    if (n < CALLS_MAX) {
        c->pub.handle = ++host.last;
        *at = c;
    }
    pthread_mutex_unlock(&host.lock);
    if (n < CALLS_MAX) {
        tsn_ph_pump();
        return;
    }
    tsn_arena_destroy(c->arena);
    say_end(id, "retry", "busy", "the plugin host has too many open calls");
}

static bool has_room(const struct call *c)
{
    const struct tsn_ph_action *a = c->action;

    return !c->started && (c->probe || a->a.concurrency == 0 || a->running < a->a.concurrency);
}

void tsn_ph_pump(void)
{
    struct call *c;

    for (;;) {
        pthread_mutex_lock(&host.lock);
        c = host.calls;
        while (c && !has_room(c))
            c = c->next;
        if (c) {
            c->started = true;
            c->action->running++;
            c->pins++;
        }
        pthread_mutex_unlock(&host.lock);
        if (!c)
            return;
        if (c->probe)
            c->action->a.probe(&c->pub);
        else
            c->action->a.start(&c->pub);
        unpin(c);
    }
}

static void on_cancel(const json_t *m)
{
    int64_t id = tsn_json_int(m, "id", -1);
    bool started = false, gone;
    struct call *c;

    pthread_mutex_lock(&host.lock);
    c = host.calls;
    while (c && c->id != id)
        c = c->next;
    if (c) {
        started = c->started;
        c->pins++;
        if (!started)
            end_locked(c);
    }
    pthread_mutex_unlock(&host.lock);
    if (!c)
        return; /* its result is on the way */
    if (!started)
        say_end(id, "retry", "cancelled", "cancelled before it began");
    else if (c->action->a.cancel && c->action->a.cancel(&c->pub) != 0) {
        pthread_mutex_lock(&host.lock);
        gone = c->over; /* it was completed just now */
        if (!gone)
            end_locked(c);
        pthread_mutex_unlock(&host.lock);
        if (!gone)
            say_end(id, "unknown", "cancelled", "the plugin gave it up when it was cancelled");
    }
    unpin(c);
    tsn_ph_pump();
}

tsn_err tsn_ph_message(const json_t *m, struct tsn_diag *diag)
{
    const char *type = tsn_json_str(m, "type", "");

    if (strcmp(type, "describe") == 0)
        return on_describe(m, diag);
    if (strcmp(type, "secret") == 0)
        return on_secret(m, diag);
    if (strcmp(type, "start") == 0 || strcmp(type, "probe") == 0) {
        if (!host.described)
            return tsn_diag_set(diag, TSN_EINPUT, "R054", "a call before `describe`");
        on_start(m, type[0] == 'p');
    } else if (strcmp(type, "cancel") == 0) {
        on_cancel(m);
    }
    return 0; /* later versions of the core may say more */
}

/* Frees nothing: a thread of a call that was given up may still ask for a setting. */
bool tsn_ph_close(void)
{
    bool idle;

    pthread_mutex_lock(&host.lock);
    idle = host.calls == NULL;
    pthread_mutex_unlock(&host.lock);
    if (host.described && host.lib->p.stop)
        host.lib->p.stop();
    return idle;
}
