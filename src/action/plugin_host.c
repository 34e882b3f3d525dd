/* plugin_host.c - exec plugins: one process each, JSON lines, restarted when it dies.
 *
 * Owns the processes and the calls in flight. A call waits until the plugin has described itself
 * and has room; a dead plugin makes open external calls unknown and open look-ups a retry.
 * Protocol: docs/plugin-protocol.md. Loop thread.
 */
#include "action/builtin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "action/plugin_int.h"
#include "core/clock.h"
#include "core/crypto.h"
#include "core/fault.h"
#include "core/json.h"
#include "core/log.h"
#include "core/secret.h"
#include "core/text.h"
#include "loop/loop.h"
#include "proc/child.h"

#define PLUGIN_MEMORY  "1073741824"
#define PLUGIN_FILES   "256"
#define RESTART_MIN_MS 200
#define RESTART_MAX_MS 60000
#define DESCRIBE_MS    10000
#define CANCEL_MS      3000

static void run(struct plugin *p);

void tsn_plugin_send(struct plugin *p, json_t *message)
{
    char *text = tsn_json_text(message);
    size_t n = strlen(text);

    /* A send that fails means the process is gone; its exit settles what was open. */
    tsn_child_send_line(p->child, text, n);
    tsn_wipe(text, n); /* a secret may be in it */
    free(text);
    json_decref(message);
}

static void unlink_flight(struct flight *f)
{
    struct flight **at = &f->plugin->flights;

    while (*at != f)
        at = &(*at)->next;
    *at = f->next;
}

static void flight_free(struct flight *f)
{
    tsn_timer_destroy(f->timer);
    free(f);
}

/* Ends one call: the flight is gone before the engine hears of it. */
static void settle(struct flight *f, enum tsn_outcome outcome, const json_t *result,
                   const struct tsn_diag *diag)
{
    struct tsn_call *call = f->call;

    unlink_flight(f);
    flight_free(f);
    if (!call)
        return;
    call->impl = NULL;
    call->done(call, outcome, result, diag);
}

static void send_call(struct plugin *p, const struct flight *f)
{
    const struct tsn_call *c = f->call;

    tsn_plugin_send(p,
                    json_pack("{s:s, s:I, s:s, s:O, s:s, s:I, s:s, s:s?}", "type",
                              f->probe ? "probe" : "start", "id", (json_int_t)f->id, "action",
                              c->action->name, "args", c->args, "key", c->idem, "attempt",
                              (json_int_t)c->attempt, "run", c->run, "case", c->case_id));
}

/* Sends what has room. A cancelled flight keeps its place until the plugin has answered. */
static void pump(struct plugin *p)
{
    int64_t busy = 0;

    if (!p->child || !p->described)
        return;
    for (struct flight *f = p->flights; f; f = f->next)
        busy += f->sent;
    for (struct flight *f = p->flights; f && busy < p->manifest.concurrency; f = f->next) {
        if (f->sent || !f->call)
            continue;
        f->sent = true;
        busy++;
        tsn_fault("plugin.before_send");
        send_call(p, f);
        tsn_fault("plugin.sent");
    }
}

static void broke_protocol(struct plugin *p, const char *what)
{
    tsn_log(TSN_LOG_ERROR, "plugin.broke_protocol", "plugin", p->manifest.name, "what", what,
            NULL);
    p->broke = what;
    tsn_child_kill(p->child);
}

static void on_described(struct plugin *p, const json_t *m)
{
    if (strcmp(tsn_json_str(m, "name", ""), p->manifest.name) != 0) {
        broke_protocol(p, "it described itself with another name");
        return;
    }
    p->described = true;
    p->failing = false;
    tsn_timer_disarm(p->timer);
    tsn_log(TSN_LOG_INFO, "plugin.ready", "plugin", p->manifest.name, NULL);
    pump(p);
}

static void said_error(struct tsn_diag *diag, enum tsn_outcome outcome, const json_t *error)
{
    const char *code = tsn_json_str(error, "code", "failed"),
               *why = tsn_json_str(error, "message", "the plugin gave no reason");

    tsn_diag_init(diag);
    /* Our own code for it: the playbook's author is at fault, nobody outside was asked. */
    if (outcome == TSN_OUTCOME_FAIL && strcmp(code, "R040") == 0)
        tsn_diag_set(diag, TSN_EINPUT, "R040", "%s", why);
    else if (outcome == TSN_OUTCOME_UNKNOWN)
        tsn_diag_set(diag, TSN_EOUTCOME, "R043", "%s: %s", code, why);
    else
        tsn_diag_set(diag, TSN_EREMOTE, "R053", "%s: %s", code, why);
}

static void on_result(struct plugin *p, const json_t *m)
{
    const char *word = tsn_json_str(m, "outcome", "");
    const json_t *error = json_object_get(m, "error");
    int64_t id = tsn_json_int(m, "id", -1);
    enum tsn_outcome outcome;
    struct tsn_diag diag;
    struct flight *f = p->flights;

    while (f && (f->id != id || !f->sent))
        f = f->next;
    if (!f) {
        /* Twice, or after a cancel that has been answered: the first answer counted. */
        tsn_log(TSN_LOG_WARN, "plugin.late_result", "plugin", p->manifest.name, NULL);
        return;
    }
    if (strcmp(word, "ok") == 0)
        outcome = TSN_OUTCOME_OK;
    else if (strcmp(word, "fail") == 0)
        outcome = TSN_OUTCOME_FAIL;
    else if (strcmp(word, "retry") == 0)
        outcome = TSN_OUTCOME_RETRY;
    else if (strcmp(word, "unknown") == 0)
        outcome = TSN_OUTCOME_UNKNOWN;
    else {
        broke_protocol(p, "a result without ok, fail, retry or unknown");
        return;
    }
    tsn_plugin_do_cancel(p, id); /* it does not wait for them any more */
    if (f->call)
        f->call->retry_after_ms = f->retry_after_ms;
    tsn_fault("plugin.result");
    p->restart_ms = RESTART_MIN_MS; /* it does work; describing itself alone proves nothing */
    said_error(&diag, outcome, error);
    settle(f, outcome, json_object_get(m, "result"), outcome == TSN_OUTCOME_OK ? NULL : &diag);
    pump(p);
}

static void on_line(struct tsn_child *c, const char *line, size_t len, void *user)
{
    struct plugin *p = user;
    const char *type;
    json_t *m = NULL;

    (void)c;
    if (tsn_json_parse(line, len, &m, NULL) != 0 || !json_is_object(m)) {
        json_decref(m);
        broke_protocol(p, "a line that is not a JSON object");
        return;
    }
    type = tsn_json_str(m, "type", "");
    if (strcmp(type, "described") == 0)
        on_described(p, m);
    else if (strcmp(type, "result") == 0)
        on_result(p, m);
    else if (strcmp(type, "do") == 0)
        tsn_plugin_do(p, m);
    else if (strcmp(type, "secret") == 0)
        tsn_plugin_secret(p, m);
    else if (strcmp(type, "log") == 0)
        tsn_log(TSN_LOG_INFO, "plugin.said", "plugin", p->manifest.name, "text",
                tsn_json_str(m, "text", ""), NULL);
    else
        broke_protocol(p, "a message of no known type");
    json_decref(m);
}

static void plugin_free(struct plugin *p)
{
    struct tsn_plugins *host = p->host;
    struct plugin **at = &host->list;

    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
    while (p->flights) {
        struct flight *f = p->flights;

        p->flights = f->next;
        if (f->call)
            f->call->impl = NULL;
        flight_free(f);
    }
    tsn_timer_destroy(p->timer);
    json_decref(p->settings);
    json_decref(p->asked);
    tsn_arena_destroy(p->arena);
    free(p);
    if (host->closing && !host->list)
        free(host);
}

/* Calls that were never sent to a plugin that does not come up: nothing happened. */
static void give_back(struct flight *f)
{
    struct tsn_diag diag;

    tsn_diag_init(&diag);
    tsn_diag_set(&diag, TSN_EREMOTE, "R051", "plugin %s does not run",
                 f->plugin->manifest.name);
    tsn_diag_hint(&diag, "its own words are in the log of tocsin");
    /* Refused stays refused until a person has looked. */
    if (f->plugin->refused.code[0])
        settle(f, TSN_OUTCOME_FAIL, NULL, &f->plugin->refused);
    else
        settle(f, TSN_OUTCOME_RETRY, NULL, &diag);
}

static void settle_dead(struct flight *f, const char *how)
{
    const char *name = f->plugin->manifest.name;
    struct tsn_diag diag;

    tsn_diag_init(&diag);
    if (f->call && f->call->action->effect == TSN_EFFECT_NONE) {
        tsn_diag_set(&diag, TSN_EREMOTE, f->plugin->broke ? "R052" : "R051",
                     "plugin %s died (%s) while it looked up", name, how);
        settle(f, TSN_OUTCOME_RETRY, NULL, &diag);
    } else {
        tsn_diag_set(&diag, TSN_EOUTCOME, "R043", "plugin %s died (%s) while it worked", name,
                     how);
        settle(f, TSN_OUTCOME_UNKNOWN, NULL, &diag);
    }
}

/* The next call to settle. Looked for from the start each time, because hearing of one end the
 * engine may cancel or start any other; calls newer than `last_id` have their own timer. */
static struct flight *next_flight(struct plugin *p, bool sent, int64_t last_id)
{
    struct flight *f = p->flights;

    /* The analyser does not see that f->plugin is p, so that settle took f out of this list. */
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
    while (f && (f->sent != sent || f->id > last_id))
        f = f->next;
    return f;
}

static void restart_later(struct plugin *p)
{
    int64_t last_id = p->host->next_id;
    struct flight *f;

    tsn_timer_arm(p->timer, p->restart_ms);
    p->restart_ms = p->restart_ms * 2 < RESTART_MAX_MS ? p->restart_ms * 2 : RESTART_MAX_MS;
    while (p->failing && (f = next_flight(p, false, last_id)) != NULL)
        give_back(f);
}

static void on_exit_of(struct tsn_child *c, int64_t status, int signal, void *user)
{
    struct plugin *p = user;
    struct flight *f;
    char how[80];

    (void)c;
    p->child = NULL;
    tsn_plugin_do_cancel(p, -1);
    p->failing = !p->described;
    p->described = false;
    if (p->host->closing) {
        plugin_free(p);
        return;
    }
    if (p->broke)
        snprintf(how, sizeof(how), "%s", p->broke);
    else
        snprintf(how, sizeof(how), signal ? "signal %d" : "exit code %d",
                 signal ? signal : (int)status);
    tsn_log(TSN_LOG_WARN, "plugin.died", "plugin", p->manifest.name, "how", how, NULL);
    if (tsn_clock_mono_ms() - p->started_ms > RESTART_MAX_MS)
        p->restart_ms = RESTART_MIN_MS; /* a rare death */
    while ((f = next_flight(p, true, p->host->next_id)) != NULL)
        settle_dead(f, how);
    p->broke = NULL;
    restart_later(p);
}

/* --- which files it is -------------------------------------------------------------------------- */

static void tell_loaded(struct plugin *p)
{
    const struct tsn_plugin_loaded what = {.name = p->manifest.name,
                                           .version = p->manifest.version,
                                           .digest = p->digest,
                                           .refused =
                                               p->refused.code[0] ? p->refused.what : NULL};

    if (p->host->loaded)
        p->host->loaded(p->host->loaded_user, &what);
}

static void look_at_files(struct plugin *p)
{
    tsn_diag_init(&p->refused);
    if (tsn_plugin_digest(p->dir, p->manifest.library, p->digest, &p->refused) != 0)
        return;
    if (p->pin && strcmp(p->pin, p->digest) == 0)
        return;
    (void)tsn_diag_set(
        &p->refused, TSN_EDENIED, "R055",
        p->pin ? "plugin %s is not the one that was accepted: its files have sha256 %s"
               : "plugin %s is not accepted yet: its files have sha256 %s",
        p->manifest.name, p->digest);
    tsn_diag_hint(&p->refused, "look at %s in %s, then: tocsin plugin accept %s",
                  p->pin ? "what changed" : "what it is", p->dir, p->manifest.name);
}

/* Only files that may run are run; what is new about them is told once. */
static void run_if_accepted(struct plugin *p)
{
    bool refused = p->refused.code[0] != '\0';

    if (strcmp(p->told, p->digest) != 0) {
        memcpy(p->told, p->digest, sizeof(p->told));
        tell_loaded(p);
    }
    if (!refused) {
        run(p);
        return;
    }
    tsn_log(TSN_LOG_ERROR, "plugin.refused", "code", p->refused.code, "plugin",
            p->manifest.name, "why", p->refused.what, "hint", p->refused.hint, NULL);
    p->failing = true;
    restart_later(p);
}

static void look_job(uv_work_t *work)
{
    look_at_files(work->data);
}

static void look_done(uv_work_t *work, int status)
{
    struct plugin *p = work->data;

    (void)status;
    p->looking = false;
    if (p->host->closing)
        plugin_free(p);
    else
        run_if_accepted(p);
}

static void on_timer(void *user)
{
    struct plugin *p = user;

    if (p->child) {
        broke_protocol(p, "it did not describe itself in time");
        return;
    }
    p->work.data = p;
    p->looking = uv_queue_work(tsn_loop_uv(p->host->loop), &p->work, look_job, look_done) == 0;
    if (!p->looking)
        restart_later(p);
}

void tsn_plugins_watch(struct tsn_plugins *host,
                       void (*fn)(void *user, const struct tsn_plugin_loaded *what), void *user)
{
    host->loaded = fn;
    host->loaded_user = user;
    for (struct plugin *p = host->list; p; p = p->next)
        tell_loaded(p);
}

static void run(struct plugin *p)
{
    const char *argv[32] = {p->host->shim, "--memory",   PLUGIN_MEMORY,
                            "--files",     PLUGIN_FILES, "--"};
    struct tsn_child_config config = {
        .argv = argv, .cwd = p->dir, .lines = true, .on_line = on_line, .on_exit = on_exit_of};
    struct tsn_diag diag;
    char name[80];
    size_t n = 6;

    for (size_t i = 0; p->manifest.argv[i] && n < 31; i++)
        argv[n++] = p->manifest.argv[i];
    snprintf(name, sizeof(name), "plugin %s", p->manifest.name);
    config.name = name;
    config.user = p;
    tsn_diag_init(&diag);
    if (tsn_child_start(&p->child, p->host->loop, &config, &diag) != 0) {
        p->child = NULL;
        tsn_log(TSN_LOG_ERROR, "plugin.not_started", "plugin", p->manifest.name, "why",
                diag.what, NULL);
        p->failing = true;
        restart_later(p);
        return;
    }
    p->started_ms = tsn_clock_mono_ms();
    tsn_timer_arm(p->timer, DESCRIBE_MS);
    json_decref(p->asked);
    p->asked = NULL;
    tsn_plugin_send(p, json_pack("{s:s, s:i, s:O}", "type", "describe", "protocol", 1,
                                 "settings", p->settings));
}

static void on_flight_timer(void *user)
{
    struct flight *f = user;

    if (!f->sent)
        give_back(f);
    else if (f->plugin->child)
        broke_protocol(f->plugin, "it did not answer a cancel in time");
}

static tsn_err take_off(struct tsn_call *call, bool probe)
{
    struct plugin *p = call->action->user;
    struct flight *f = tsn_alloc(sizeof(*f)), **at = &p->flights;

    f->probe = probe;
    f->plugin = p;
    f->call = call;
    f->id = ++p->host->next_id;
    f->timer = tsn_timer_new(p->host->loop, on_flight_timer, f);
    call->impl = f;
    while (*at)
        at = &(*at)->next;
    *at = f;
    /* While it waits for its next try there is nobody to send to: say so in the next turn. */
    if (p->failing && !p->child)
        tsn_timer_arm(f->timer, 0);
    pump(p);
    return 0;
}

static tsn_err start(struct tsn_call *call, struct tsn_diag *diag)
{
    (void)diag;
    return take_off(call, false);
}

static tsn_err probe(struct tsn_call *call, struct tsn_diag *diag)
{
    (void)diag;
    return take_off(call, true);
}

static void cancel(struct tsn_call *call)
{
    struct flight *f = call->impl;

    if (!f)
        return;
    call->impl = NULL;
    f->call = NULL;
    if (!f->sent) {
        unlink_flight(f);
        flight_free(f);
        return;
    }
    /* Without a process its end is just being settled, this call with it. */
    if (!f->plugin->child)
        return;
    tsn_plugin_do_cancel(f->plugin, f->id);
    tsn_plugin_send(f->plugin,
                    json_pack("{s:s, s:I}", "type", "cancel", "id", (json_int_t)f->id));
    tsn_timer_arm(f->timer, CANCEL_MS);
}

tsn_err tsn_plugins_open(struct tsn_plugins **out, struct tsn_loop *loop,
                         struct tsn_registry *r, struct tsn_diag *diag)
{
    struct tsn_plugins *host = tsn_alloc(sizeof(*host));
    tsn_err err = tsn_child_find(host->shim, sizeof(host->shim), "tocsin-exec", diag);

    if (err) {
        free(host);
        return err;
    }
    host->loop = loop;
    host->registry = r;
    tsn_secret_watch(tsn_plugin_secret_changed, host);
    *out = host;
    return 0;
}

tsn_err tsn_plugin_add(struct tsn_plugins *host, const struct tsn_plugin_config *config,
                       struct tsn_diag *diag)
{
    struct plugin *p = tsn_alloc(sizeof(*p));
    tsn_err err;

    p->host = host;
    p->arena = tsn_arena_new();
    p->restart_ms = RESTART_MIN_MS;
    p->dir = tsn_arena_strdup(p->arena, config->dir);
    p->pin = tsn_arena_strdup(p->arena, config->sha256);
    if (!config->settings ||
        tsn_json_parse(config->settings, strlen(config->settings), &p->settings, NULL) != 0)
        p->settings = json_object();
    err = tsn_manifest_read(p->arena, p->dir, config->name, &p->manifest, diag);
    if (!err)
        err = tsn_manifest_settings(&p->manifest, p->settings, diag);
    for (size_t i = 0; !err && i < p->manifest.nactions; i++) {
        struct tsn_action action = p->manifest.actions[i];

        tsn_manifest_reach(&action, config->internal, p->settings);
        action.start = start;
        action.probe = action.doubt == TSN_DOUBT_PROBE ? probe : NULL;
        action.cancel = cancel;
        action.user = p;
        err = tsn_registry_add(host->registry, &action);
        if (err)
            tsn_diag_set(diag, err, "R050", "the action %s exists already", action.name);
    }
    if (err) {
        json_decref(p->settings);
        tsn_arena_destroy(p->arena);
        free(p);
        return err;
    }
    p->timer = tsn_timer_new(host->loop, on_timer, p);
    p->next = host->list;
    host->list = p;
    /* Before the loop runs, so it may read files. */
    look_at_files(p);
    run_if_accepted(p);
    return 0;
}

void tsn_plugins_close(struct tsn_plugins *host)
{
    struct plugin *p, *next;

    if (!host)
        return;
    tsn_secret_watch(NULL, NULL);
    host->closing = true;
    if (!host->list) {
        free(host);
        return;
    }
    for (p = host->list; p; p = next) {
        next = p->next;
        if (p->child)
            tsn_child_kill(p->child); /* freed in on_exit_of */
        else if (!p->looking)
            plugin_free(p); /* else in look_done */
    }
}
