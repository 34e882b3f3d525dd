/* cmd_plugin_test.c - `tocsin plugin test`: does a plugin keep to docs/plugin-protocol.md? No daemon.
 *
 * Talks to the real program, started as the daemon starts it. Nothing that changes the world is
 * called: look-ups are, with no arguments; what an external action did is only asked (probe) of a
 * key that was never used. Each check is said by itself; all of them are always made.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "cli/out.h"
#include "cli/plugin_check.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/json.h"
#include "core/rand.h"
#include "core/text.h"
#include "loop/loop.h"
#include "proc/child.h"

#define DESCRIBE_MS 10000
#define QUIET_MS    300

struct checking {
    struct tsn_cli *cli;
    struct tsn_loop *loop;
    struct tsn_timer *timer;
    struct tsn_child *child; /* NULL once it has ended */
    json_t *inbox;           /* messages not looked at yet */
    json_t *checks;
    char broke[200]; /* how a line broke the protocol, "" = none did */
    int64_t id;
    size_t failed;
    int signal;
    bool timed_out, ended;
};

static void said(struct checking *k, bool good, const char *what, const char *why)
{
    struct tsn_cli *cli = k->cli;

    k->failed += !good;
    json_array_append_new(k->checks, json_pack("{s:s, s:b, s:s*}", "check", what, "ok", good,
                                               "why", good ? NULL : why));
    if (cli->json)
        return;
    tsn_out_text(cli, stdout, good ? TSN_GREEN : TSN_RED, good ? "ok   " : "FAIL ");
    tsn_out_text(cli, stdout, TSN_PLAIN, what);
    if (!good) {
        (void)printf("\n     ");
        tsn_out_text(cli, stdout, TSN_PLAIN, why);
    }
    (void)putchar('\n');
}

/* --- the conversation ------------------------------------------------------------------------- */

static void say(struct checking *k, json_t *m)
{
    char *text = tsn_json_text(m);

    if (k->child)
        (void)tsn_child_send_line(k->child, text, strlen(text));
    free(text);
    json_decref(m);
}

static void on_line(struct tsn_child *c, const char *line, size_t len, void *user)
{
    static const char *const kinds[] = {"described", "result", "log", "secret", "do"};
    struct checking *k = user;
    json_t *m = NULL;
    const char *kind;
    bool known = false;

    (void)c;
    if (tsn_json_parse(line, len, &m, NULL) != 0 || !json_is_object(m)) {
        (void)snprintf(k->broke, sizeof(k->broke), "a line that is no JSON object: %.120s",
                       line);
        json_decref(m);
        tsn_loop_stop(k->loop);
        return;
    }
    kind = tsn_json_str(m, "type", "");
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        known = known || strcmp(kind, kinds[i]) == 0;
    if (!known)
        (void)snprintf(k->broke, sizeof(k->broke), "a message of the unknown type `%.60s`",
                       kind);
    if (strcmp(kind, "secret") == 0) /* no daemon, no value: one that opens nothing */
        say(k, json_pack("{s:s, s:O?, s:s}", "type", "secret", "handle",
                         json_object_get(m, "handle"), "value", "only-a-test"));
    if (strcmp(kind, "do") == 0) /* nothing goes out of a test */
        say(k, json_pack("{s:s, s:O?, s:s, s:{s:s, s:s}}", "type", "done", "id",
                         json_object_get(m, "id"), "outcome", "fail", "error", "code", "test",
                         "message", "a test sends nothing"));
    if (strcmp(kind, "do") == 0 || strcmp(kind, "log") == 0 || strcmp(kind, "secret") == 0)
        json_decref(m);
    else
        json_array_append_new(k->inbox, m);
    tsn_loop_stop(k->loop);
}

static void on_exit_(struct tsn_child *c, int64_t status, int signal, void *user)
{
    struct checking *k = user;

    (void)c;
    (void)status;
    k->child = NULL;
    k->ended = true;
    k->signal = signal;
    tsn_loop_stop(k->loop);
}

static void on_timer(void *user)
{
    struct checking *k = user;

    k->timed_out = true;
    tsn_loop_stop(k->loop);
}

/* The next message, a new reference; NULL after `ms`, at its end, or when the protocol is broken. */
static json_t *next(struct checking *k, int64_t ms)
{
    k->timed_out = false;
    tsn_timer_arm(k->timer, ms);
    while (json_array_size(k->inbox) == 0 && !k->timed_out && !k->ended && !k->broke[0])
        tsn_loop_run(k->loop);
    tsn_timer_disarm(k->timer);
    if (json_array_size(k->inbox) == 0)
        return NULL;
    json_t *m = json_incref(json_array_get(k->inbox, 0));
    json_array_remove(k->inbox, 0);
    return m;
}

static const char *silence(const struct checking *k)
{
    return k->broke[0] ? k->broke : k->ended ? "the program ended" : "no answer in time";
}

static int64_t call(struct checking *k, const char *type, const char *action)
{
    uint8_t bits[16];
    char key[33];

    tsn_rand_bytes(bits, sizeof(bits));
    tsn_hex(key, bits, sizeof(bits));
    say(k, json_pack("{s:s, s:I, s:s, s:{}, s:s, s:i, s:s, s:n}", "type", type, "id",
                     (json_int_t)++k->id, "action", action, "args", "key", key, "attempt", 1,
                     "run", "01TEST", "case"));
    return k->id;
}

/* The outcome of the result for `id` ("" when what came is none), and why not. */
static const char *outcome(struct checking *k, int64_t id, int64_t ms, const char **why)
{
    static const char *const words[] = {"ok", "fail", "retry", "unknown"};
    json_t *m = next(k, ms);
    const char *got = "";

    *why = silence(k);
    if (!m)
        return "";
    *why = "the outcome is none of ok, fail, retry, unknown";
    if (strcmp(tsn_json_str(m, "type", ""), "result") != 0 || tsn_json_int(m, "id", -1) != id)
        *why = "the answer is not a result with the id of the call";
    else
        for (size_t i = 0; i < 4; i++) {
            if (strcmp(tsn_json_str(m, "outcome", ""), words[i]) == 0)
                got = words[i];
        }
    if (strcmp(got, "ok") == 0 && !json_is_object(json_object_get(m, "result"))) {
        *why = "an ok without a `result` object";
        got = "";
    } else if (*got && strcmp(got, "ok") != 0 &&
               !tsn_json_str(json_object_get(m, "error"), "message", NULL)) {
        *why = "an outcome other than ok needs error: { code, message }";
        got = "";
    }
    json_decref(m);
    return got;
}

/* --- the checks -------------------------------------------------------------------------------- */

static bool describes(struct checking *k, const struct tsn_manifest *m, const json_t *settings)
{
    json_t *got;
    bool good;

    say(k,
        json_pack("{s:s, s:i, s:O}", "type", "describe", "protocol", 1, "settings", settings));
    got = next(k, DESCRIBE_MS);
    good = got && strcmp(tsn_json_str(got, "type", ""), "described") == 0 &&
           strcmp(tsn_json_str(got, "name", ""), m->name) == 0;
    said(k, good, "it describes itself within 10 s, by the name of its folder",
         got ? "the answer is not `described` with the manifest's name" : silence(k));
    json_decref(got);
    return good;
}

static void lookups(struct checking *k, const struct tsn_manifest *m)
{
    for (size_t i = 0; i < m->nactions; i++) {
        const struct tsn_action *a = &m->actions[i];
        const char *why, *got;
        char what[200];

        if (a->effect != TSN_EFFECT_NONE)
            continue;
        got =
            outcome(k, call(k, "start", a->name), a->timeout_ms ? a->timeout_ms : 60000, &why);
        (void)snprintf(what, sizeof(what), "%s without arguments ends in a result", a->name);
        said(k, *got != '\0', what, why);
    }
}

static void probes(struct checking *k, const struct tsn_manifest *m)
{
    for (size_t i = 0; i < m->nactions; i++) {
        const struct tsn_action *a = &m->actions[i];
        const char *why, *got;
        char what[200];

        if (a->effect == TSN_EFFECT_NONE || a->doubt != TSN_DOUBT_PROBE)
            continue;
        got =
            outcome(k, call(k, "probe", a->name), a->timeout_ms ? a->timeout_ms : 60000, &why);
        (void)snprintf(what, sizeof(what), "probe of %s with a key never used does not say ok",
                       a->name);
        said(k, *got && strcmp(got, "ok") != 0, what, *got ? "it says that it was done" : why);
    }
}

static void manners(struct checking *k, const struct tsn_manifest *m)
{
    const char *why, *got;
    json_t *more;

    say(k, json_pack("{s:s, s:i}", "type", "of a later version", "answer", 42));
    say(k, json_pack("{s:s, s:i}", "type", "cancel", "id", 999999));
    more = next(k, QUIET_MS);
    said(k, !more && !k->ended && !k->broke[0],
         "messages it does not know, and the cancel of a call that is over, change nothing",
         more ? "it answered" : silence(k));
    json_decref(more);
    got = outcome(
        k, call(k, "start", tsn_arena_printf(k->cli->arena, "%s.no_such_action", m->name)),
        DESCRIBE_MS, &why);
    said(k, strcmp(got, "fail") == 0, "an action it does not have fails",
         *got ? "the outcome is not `fail`" : why);
}

static void goodbye(struct checking *k)
{
    if (k->child)
        tsn_child_finish(k->child);
    k->broke[0] = '\0';
    tsn_timer_arm(k->timer, 5000);
    k->timed_out = false;
    while (!k->ended && !k->timed_out)
        tsn_loop_run(k->loop);
    said(k, k->ended && k->signal == 0, "it ends by itself when tocsin hangs up",
         "it had to be killed after 2 s");
}

static json_t *read_settings(struct tsn_cli *cli, int *exit)
{
    struct tsn_buf b;
    struct tsn_diag diag;
    json_t *out = NULL;

    *exit = 0;
    if (!(cli->given & TSN_BIT(TSN_FLAG_FILE)))
        return json_object();
    tsn_diag_init(&diag);
    tsn_buf_init(&b, 1u << 20);
    if (tsn_buf_read_file(&b, cli->flag[TSN_FLAG_FILE]) != 0)
        *exit = tsn_out_failf(cli, TSN_EXIT_NOT_FOUND, TSN_ENOTFOUND, "M040",
                              "it holds the plugin's settings as one JSON object",
                              "cannot read %s", cli->flag[TSN_FLAG_FILE]);
    else if (tsn_json_parse(b.data, b.len, &out, &diag) != 0)
        *exit = tsn_out_fail(cli, TSN_EXIT_USAGE, &diag);
    tsn_buf_free(&b);
    return out;
}

static int start(struct checking *k, const struct tsn_manifest *m, const char *dir)
{
    char shim[PATH_MAX];
    const char *argv[72] = {shim, "--memory", "1073741824", "--files", "256", "--"};
    const struct tsn_child_config cfg = {.name = m->name,
                                         .argv = argv,
                                         .cwd = dir,
                                         .lines = true,
                                         .on_line = on_line,
                                         .on_exit = on_exit_,
                                         .user = k};
    struct tsn_diag diag;
    size_t n = 6;
    tsn_err err;

    for (size_t i = 0; m->argv[i] && n + 1 < sizeof(argv) / sizeof(argv[0]); i++)
        argv[n++] = m->argv[i];
    tsn_diag_init(&diag);
    err = tsn_child_find(shim, sizeof(shim), "tocsin-exec", &diag);
    if (!err)
        err = tsn_child_start(&k->child, k->loop, &cfg, &diag);
    return err ? tsn_out_fail(k->cli, TSN_EXIT_FAILED, &diag) : 0;
}

static void said_of_spec(void *user, bool good, const char *what, const char *why)
{
    said(user, good, what, why);
}

int tsn_cmd_plugin_test(struct tsn_cli *cli)
{
    struct checking k = {.cli = cli};
    struct tsn_manifest m;
    struct tsn_diag diag;
    const char *dir;
    int exit;
    json_t *settings = read_settings(cli, &exit), *out;
    tsn_err err;

    if (exit)
        return exit;
    tsn_diag_init(&diag);
    err = tsn_plugin_read(cli, cli->arg[0], &dir, &m, &diag);
    k.checks = json_array();
    if (!err && m.lua)
        tsn_plugin_specs(cli, &m, dir, said_of_spec, &k);
    if (!err)
        err = tsn_loop_open(&k.loop);
    if (err) {
        json_decref(settings);
        return tsn_out_fail(cli, tsn_out_exit_of(err), &diag);
    }
    k.inbox = json_array();
    k.timer = tsn_timer_new(k.loop, on_timer, &k);
    said(&k, true, "its manifest says what it is and what it may do", "");
    exit = start(&k, &m, dir);
    if (!exit && describes(&k, &m, settings)) {
        manners(&k, &m);
        lookups(&k, &m);
        probes(&k, &m);
    }
    if (!exit) {
        said(&k, !k.broke[0], "every line it wrote is a message of the protocol", k.broke);
        goodbye(&k);
        exit = k.failed ? TSN_EXIT_PROBLEMS : TSN_EXIT_OK;
        out = json_pack("{s:s, s:O, s:I}", "plugin", m.name, "checks", k.checks, "failed",
                        (json_int_t)k.failed);
        if (cli->json && k.failed)
            tsn_out_json_not_ok(cli, out, exit);
        else if (cli->json)
            tsn_out_json(cli, out);
        else
            tsn_out_say(cli,
                        "%zu checks, %zu failed; actions that change something were not called",
                        json_array_size(k.checks), k.failed);
        json_decref(out);
    }
    tsn_timer_destroy(k.timer);
    tsn_loop_close(k.loop);
    json_decref(k.inbox);
    json_decref(k.checks);
    json_decref(settings);
    return tsn_out_end(cli, exit);
}
