/* cmd_watch.c - follow a run, case or task until it ends or needs a person.
 *
 * Polls; a daemon that restarts meanwhile is waited for, within --timeout. One line for each
 * change. Owns nothing. One thread.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "cli/client.h"
#include "cli/out.h"
#include "core/clock.h"
#include "core/json.h"
#include "core/text.h"

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal_number)
{
    (void)signal_number;
    interrupted = 1;
}

/* What one look says. `exit` is -1 while it goes on. */
struct look {
    int exit;
    const char *state;  /* for the line */
    const char *waits;  /* the open task's name, or NULL */
    const char *detail; /* why it stopped, or the task's title */
};

static const json_t *open_task(const json_t *tasks)
{
    size_t i;
    json_t *t;
    json_array_foreach(tasks, i, t)
    {
        if (strcmp(tsn_json_str(t, "state", ""), "open") == 0)
            return t;
    }
    return NULL;
}

/* Did people refuse the last thing they were asked to approve? */
static bool last_rejected(const json_t *tasks)
{
    const json_t *last = NULL;
    size_t i;
    json_t *t;
    json_array_foreach(tasks, i, t)
    {
        const char *closed = tsn_json_str(t, "closed_at", NULL);
        if (strcmp(tsn_json_str(t, "kind", ""), "approve") != 0 || !closed)
            continue;
        if (!last || strcmp(closed, tsn_json_str(last, "closed_at", "")) >= 0)
            last = t;
    }
    const char *state = tsn_json_str(last, "state", "");
    return last && (strcmp(state, "rejected") == 0 || strcmp(state, "expired") == 0);
}

static void waits_for(struct tsn_cli *cli, struct look *look, const json_t *tasks)
{
    const json_t *t = open_task(tasks);
    if (!t)
        return;
    look->waits = tsn_arena_strdup(cli->arena, tsn_json_str(t, "name", ""));
    look->detail = tsn_arena_strdup(cli->arena, tsn_json_str(t, "title", ""));
}

static int exit_of_run(const json_t *run, const json_t *tasks)
{
    const char *state = tsn_json_str(run, "state", "");
    if (strcmp(state, "finished") == 0)
        return last_rejected(tasks) ? TSN_EXIT_REJECTED : TSN_EXIT_OK;
    if (strcmp(state, "failed") == 0 || strcmp(state, "stuck") == 0 ||
        strcmp(state, "diverged") == 0)
        return TSN_EXIT_RUN_FAILED;
    return strcmp(state, "cancelled") == 0 ? TSN_EXIT_CANCELLED : -1;
}

static void look_at_run(struct tsn_cli *cli, const json_t *run, struct look *out)
{
    const json_t *tasks = json_object_get(run, "tasks");
    out->state = tsn_arena_strdup(cli->arena, tsn_json_str(run, "state", "?"));
    out->detail = tsn_arena_strdup(cli->arena, tsn_json_str(run, "reason", ""));
    out->exit = exit_of_run(run, tasks);
    if (out->exit < 0)
        waits_for(cli, out, tasks);
}

/* A case is done when it is closed, or when none of its runs goes on: the worst one counts. */
static void look_at_case(struct tsn_cli *cli, const json_t *c, struct look *out)
{
    const json_t *runs = json_object_get(c, "runs"), *tasks = json_object_get(c, "tasks");
    out->state = tsn_arena_strdup(cli->arena, tsn_json_str(c, "state", "?"));
    int worst = json_array_size(runs) ? 0 : -1;
    size_t i;
    json_t *run;
    json_array_foreach(runs, i, run)
    {
        int exit_code = exit_of_run(run, tasks);
        if (exit_code < 0) {
            worst = -1;
            break;
        }
        if (exit_code > 0 && (worst == 0 || exit_code == TSN_EXIT_RUN_FAILED))
            worst = exit_code;
    }
    out->exit = worst;
    if (worst < 0 && json_array_size(runs) == 0 && strcmp(out->state, "closed") == 0)
        out->exit = TSN_EXIT_OK;
    if (out->exit < 0)
        waits_for(cli, out, tasks);
}

static void look_at_task(struct tsn_cli *cli, const json_t *t, struct look *out)
{
    const char *state = tsn_json_str(t, "state", "?");
    out->state = tsn_arena_strdup(cli->arena, state);
    if (strcmp(state, "open") == 0) {
        out->waits = tsn_arena_strdup(cli->arena, tsn_json_str(t, "name", ""));
        out->detail = tsn_arena_strdup(cli->arena, tsn_json_str(t, "title", ""));
    } else if (strcmp(state, "rejected") == 0 || strcmp(state, "expired") == 0) {
        out->exit = TSN_EXIT_REJECTED;
    } else if (strcmp(state, "void") == 0) {
        out->exit = TSN_EXIT_CANCELLED;
    } else {
        out->exit = TSN_EXIT_OK;
    }
}

static void say(struct tsn_cli *cli, const char *id, const struct look *l)
{
    if (cli->json) {
        json_t *line =
            json_pack("{s:s, s:s, s:s}", "type", "progress", "id", id, "state", l->state);
        if (l->waits)
            json_object_set_new(line, "waits_for", json_string(l->waits));
        char *text = tsn_json_text(line);
        (void)fprintf(stderr, "%s\n", text);
        free(text);
        json_decref(line);
        return;
    }
    if (cli->quiet)
        return;
    char now[25];
    tsn_time_format(now, tsn_clock_wall_ms());
    (void)fprintf(stderr, "%s  ", tsn_out_time(cli, now));
    tsn_out_text(cli, stderr, tsn_out_style_of(l->state), l->state);
    if (l->waits)
        (void)fprintf(stderr, "  waits for %s", l->waits);
    if (l->detail && l->detail[0]) {
        (void)fprintf(stderr, "  ");
        tsn_out_text(cli, stderr, TSN_PLAIN, l->detail);
    }
    (void)fprintf(stderr, "\n");
}

static int finish(struct tsn_cli *cli, const json_t *shown, int exit_code)
{
    if (exit_code == TSN_EXIT_OK)
        tsn_out_json(cli, shown);
    else
        tsn_out_json_not_ok(cli, shown, exit_code);
    return exit_code;
}

/* One look, one line when something changed. Returns the exit code, or -1 to go on. */
static int once(struct tsn_cli *cli, const char *path, int64_t left, bool blocked, bool *seen,
                char before[200])
{
    struct tsn_answer a;
    tsn_client_ask(cli, "GET", path, NULL, NULL,
                   left > 10000 ? 10000
                   : left > 100 ? left
                                : 100,
                   &a);
    bool away = a.exit == TSN_EXIT_UNREACHABLE || a.exit == TSN_EXIT_GAVE_UP;
    /* A restart is no reason to stop watching; a daemon that never was there is. */
    if (a.exit) {
        tsn_answer_free(&a);
        return away && (*seen || cli->timeout_ms) ? -1 : tsn_out_fail(cli, a.exit, &a.diag);
    }
    const char *kind = tsn_json_str(a.body, "kind", "");
    const json_t *item = json_object_get(a.body, kind);
    struct look l = {.exit = -1, .state = "", .detail = ""};
    *seen = true;
    if (strcmp(kind, "run") == 0) {
        look_at_run(cli, item, &l);
    } else if (strcmp(kind, "case") == 0) {
        look_at_case(cli, item, &l);
    } else if (strcmp(kind, "task") == 0) {
        look_at_task(cli, item, &l);
    } else {
        int rc = tsn_out_failf(cli, TSN_EXIT_USAGE, TSN_EINPUT, "U003", "",
                               "only runs, cases and tasks can be watched, not this: %s", kind);
        tsn_answer_free(&a);
        return rc;
    }
    char line[200];
    (void)snprintf(line, sizeof(line), "%s %s", l.state, l.waits ? l.waits : "");
    if (strcmp(line, before) != 0)
        say(cli, cli->arg[0], &l);
    (void)tsn_copy(before, sizeof(line), line);
    if (l.exit < 0 && blocked && l.waits)
        l.exit = TSN_EXIT_WAITS;
    int rc = l.exit < 0 ? -1 : finish(cli, a.body, l.exit);
    tsn_answer_free(&a);
    return rc;
}

int tsn_cmd_watch(struct tsn_cli *cli)
{
    const char *until =
        cli->given & TSN_BIT(TSN_FLAG_UNTIL) ? cli->flag[TSN_FLAG_UNTIL] : "done";
    bool blocked = strcmp(until, "blocked") == 0;
    if (!blocked && strcmp(until, "done") != 0)
        return tsn_out_failf(cli, TSN_EXIT_USAGE, TSN_EINPUT, "U002", "",
                             "--until is blocked or done");
    struct sigaction act = {.sa_handler = on_interrupt};
    (void)sigaction(SIGINT, &act, NULL);
    const char *path = tsn_client_path(cli, "show/%s", tsn_client_escape(cli, cli->arg[0]));
    if (!cli->server)
        cli->socket = tsn_place_socket(cli);
    int64_t end = cli->timeout_ms ? tsn_clock_mono_ms() + cli->timeout_ms : INT64_MAX;
    char before[200] = "";
    bool seen = false;
    struct tsn_arena *whole = cli->arena;
    for (;;) {
        /* Hours of watching must not grow: each look has its own memory. */
        cli->arena = tsn_arena_new();
        int rc = once(cli, path, end - tsn_clock_mono_ms(), blocked, &seen, before);
        tsn_arena_destroy(cli->arena);
        cli->arena = whole;
        if (rc >= 0)
            return rc;
        if (tsn_clock_mono_ms() >= end)
            return tsn_out_failf(cli, TSN_EXIT_GAVE_UP, TSN_ETIMEOUT, "U007",
                                 "It goes on by itself; watch again whenever you like.",
                                 "%s did not get there in time", cli->arg[0]);
        struct timespec pause = {.tv_nsec = 200L * 1000 * 1000};
        (void)nanosleep(&pause, NULL);
        if (interrupted)
            return TSN_EXIT_INTERRUPTED;
    }
}
