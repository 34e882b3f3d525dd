/* cmd_run.c - show, cancel, pause, resume, retry, resolve: what a person does to a run.
 *
 * Owns nothing. One thread; talks to the daemon.
 */
#include <string.h>
#include "cli/client.h"
#include "cli/out.h"
#include "core/buf.h"
#include "core/json.h"
#include "core/text.h"

static bool given(const struct tsn_cli *cli, enum tsn_flag flag)
{
    return cli->given & TSN_BIT(flag);
}

/* --reason, or what the terminal says; NULL after the error was printed. */
static const char *reason_of(struct tsn_cli *cli)
{
    const char *reason =
        given(cli, TSN_FLAG_REASON) ? cli->flag[TSN_FLAG_REASON] : tsn_out_ask(cli, "Why?");

    if (!reason)
        (void)tsn_out_failf(cli, TSN_EXIT_USAGE, TSN_EINPUT, "U004",
                            "The reason is kept in the log.", "--reason is missing");
    return reason;
}

/* As tsn_client_do: takes the body; with --json *out is NULL. */
static int post(struct tsn_cli *cli, const char *verb, json_t *body, json_t **out)
{
    return tsn_client_do(
        cli, "POST",
        tsn_client_path(cli, "runs/%s/%s", tsn_client_escape(cli, cli->arg[0]), verb), body,
        out);
}

/* --- start ------------------------------------------------------------------------------ */

/* "K=V" or "K=@FILE" into the object; the server checks types. */
static int put_input(struct tsn_cli *cli, const char *text, json_t *inputs)
{
    const char *eq = strchr(text, '='), *value = eq ? eq + 1 : NULL;
    struct tsn_buf b;
    tsn_err err = 0;

    if (!eq || eq == text)
        return tsn_out_failf(cli, TSN_EXIT_USAGE, TSN_EINPUT, "U002", "",
                             "--input wants NAME=VALUE, not `%s`", text);
    tsn_buf_init(&b, (size_t)48 << 10);
    if (value[0] == '@') {
        err = tsn_buf_read_file(&b, value + 1);
        value = tsn_arena_strndup(cli->arena, b.data ? b.data : "", b.len);
    }
    tsn_buf_free(&b);
    if (err)
        return tsn_out_failf(cli, TSN_EXIT_FAILED, err, "U008", "", "%s: %s", eq + 2,
                             tsn_err_text(err));
    if (json_object_set_new(inputs, tsn_arena_strndup(cli->arena, text, (size_t)(eq - text)),
                            json_string(value)))
        return tsn_out_failf(cli, TSN_EXIT_USAGE, TSN_EINPUT, "U002", "",
                             "--input is not valid UTF-8");
    return 0;
}

int tsn_cmd_run_start(struct tsn_cli *cli)
{
    json_t *inputs, *body, *out = NULL;
    int rc = 0;

    if (!given(cli, TSN_FLAG_CASE))
        return tsn_out_failf(cli, TSN_EXIT_USAGE, TSN_EINPUT, "U004",
                             "tocsin case list shows them.", "--case is missing");
    inputs = json_object();
    for (size_t i = 0; i < cli->nset && !rc; i++)
        rc = put_input(cli, cli->set[i], inputs);
    body = json_pack("{s:s, s:s, s:o}", "playbook", cli->arg[0], "case",
                     cli->flag[TSN_FLAG_CASE], "inputs", inputs);
    if (rc) {
        json_decref(body);
        return rc;
    }
    rc = tsn_client_do(cli, "POST", tsn_client_path(cli, "runs"), body, &out);
    if (out)
        tsn_out_say(cli, "%s: %s %s on %s", tsn_json_str(out, "result", ""),
                    tsn_json_str(out, "playbook", ""), tsn_json_str(out, "name", ""),
                    tsn_json_str(out, "case", ""));
    json_decref(out);
    return rc;
}

/* --- show ------------------------------------------------------------------------------- */

static void line(struct tsn_cli *cli, const char *label, enum tsn_style style, const char *text)
{
    if (!text || !text[0] || strcmp(text, "-") == 0)
        return;
    (void)printf("%-10s ", label);
    tsn_out_text(cli, stdout, style, text);
    (void)printf("\n");
}

static void print_steps(struct tsn_cli *cli, const json_t *steps)
{
    struct tsn_grid *g;
    size_t i;
    json_t *s;

    if (json_array_size(steps) == 0)
        return;
    (void)printf("Steps\n");
    g = tsn_grid_new(cli, 5);
    json_array_foreach(steps, i, s)
    {
        const char *outcome = tsn_json_str(s, "outcome", "");
        const char *name = tsn_json_str(s, "name", "");

        tsn_grid_cell(g, TSN_DIM, tsn_json_str(s, "step", ""));
        tsn_grid_cell(g, TSN_PLAIN, tsn_json_str(s, "kind", ""));
        tsn_grid_cell(g, TSN_PLAIN, name);
        tsn_grid_cell(g, tsn_out_style_of(outcome), outcome);
        tsn_grid_cell(g, tsn_json_bool(s, "repeats", false) ? TSN_YELLOW : TSN_PLAIN,
                      tsn_json_str(s, "says", NULL));
    }
    tsn_grid_print(g, stdout, 2);
}

int tsn_cmd_run_show(struct tsn_cli *cli)
{
    const char *id = tsn_client_escape(cli, cli->arg[0]);
    json_t *run, *steps, *task;
    size_t i;
    int rc = tsn_client_get(cli, tsn_client_path(cli, "runs/%s", id), &run);

    if (rc)
        return rc;
    id = tsn_client_escape(cli, tsn_json_str(run, "id", ""));
    rc = tsn_client_get(cli, tsn_client_path(cli, "runs/%s/steps", id), &steps);
    if (rc) {
        json_decref(run);
        return rc;
    }
    json_object_set(run, "steps", json_object_get(steps, "items"));
    json_decref(steps);
    if (cli->json) {
        tsn_out_json(cli, run);
        json_decref(run);
        return TSN_EXIT_OK;
    }
    const char *state = tsn_json_str(run, "state", "");
    tsn_out_text(cli, stdout, TSN_BOLD, tsn_json_str(run, "playbook", ""));
    (void)printf("    %s   ", tsn_json_str(run, "name", ""));
    tsn_out_text(cli, stdout, tsn_out_style_of(state), state);
    (void)printf("\n");
    line(cli, "Case", TSN_PLAIN,
         tsn_arena_printf(cli->arena, "%s  %s", tsn_json_str(run, "case_name", ""),
                          tsn_json_str(run, "case_title", "")));
    line(cli, "Why", TSN_YELLOW, tsn_json_str(run, "reason", NULL));
    line(cli, "Started", TSN_PLAIN, tsn_out_time(cli, tsn_json_str(run, "started_at", NULL)));
    line(cli, "Wakes", TSN_PLAIN, tsn_out_time(cli, tsn_json_str(run, "wake_at", NULL)));
    line(cli, "Ended", TSN_PLAIN, tsn_out_time(cli, tsn_json_str(run, "ended_at", NULL)));
    print_steps(cli, json_object_get(run, "steps"));
    json_array_foreach(json_object_get(run, "tasks"), i, task)
    {
        if (strcmp(tsn_json_str(task, "state", ""), "open") != 0)
            continue;
        line(cli, "Waits for", TSN_BOLD,
             tsn_arena_printf(cli->arena, "%s  %s  %s", tsn_json_str(task, "name", ""),
                              tsn_json_str(task, "role", ""), tsn_json_str(task, "title", "")));
    }
    line(cli, "Next", TSN_BOLD, tsn_json_str(run, "next", NULL));
    json_decref(run);
    return TSN_EXIT_OK;
}

/* --- pause, resume, cancel ---------------------------------------------------------------- */

static int act(struct tsn_cli *cli, const char *verb, const char *done)
{
    const char *reason = reason_of(cli);
    json_t *body, *out;
    int rc;

    if (!reason)
        return TSN_EXIT_USAGE;
    body = json_pack("{s:s}", "reason", reason);
    if (!body)
        return tsn_out_failf(cli, TSN_EXIT_USAGE, TSN_EINPUT, "U002", "",
                             "--reason is not valid UTF-8");
    rc = post(cli, verb, body, &out);
    if (out)
        tsn_out_say(cli, "%s %s.  entry #%lld", done, cli->arg[0],
                    (long long)tsn_json_int(out, "entry", -1));
    json_decref(out);
    return rc;
}

int tsn_cmd_run_cancel(struct tsn_cli *cli)
{
    return act(cli, "cancel", "Cancelled");
}

int tsn_cmd_run_pause(struct tsn_cli *cli)
{
    return act(cli, "pause", "Paused");
}

int tsn_cmd_run_resume(struct tsn_cli *cli)
{
    return act(cli, "resume", "Resumed");
}

/* --- retry ------------------------------------------------------------------------------ */

static void print_plan(struct tsn_cli *cli, const json_t *out)
{
    const json_t *plan = json_object_get(out, "plan");
    const json_t *again = json_object_get(plan, "again");

    (void)printf("%s would go on from %s; %lld steps are kept as they are on record\n",
                 tsn_json_str(out, "name", cli->arg[0]), tsn_json_str(plan, "from", "?"),
                 (long long)tsn_json_int(plan, "kept", 0));
    if (json_array_size(again) == 0)
        (void)printf("Nothing that was done would be done again.\n");
    print_steps(cli, again);
}

/* "@4" or "4". */
static int version_of(struct tsn_cli *cli, json_t *body)
{
    const char *text = cli->flag[TSN_FLAG_TO];
    int64_t n;

    if (text[0] == '@')
        text++;
    if (tsn_parse_int(text, 1, 1000000, &n))
        return tsn_out_failf(cli, TSN_EXIT_USAGE, TSN_EINPUT, "U002", "",
                             "--to wants a version, such as @4");
    json_object_set_new(body, "version", json_integer(n));
    return 0;
}

int tsn_cmd_run_retry(struct tsn_cli *cli)
{
    bool dry = given(cli, TSN_FLAG_DRY_RUN);
    const char *reason = dry ? "" : reason_of(cli);
    json_t *body, *out = NULL;
    int rc = 0;

    if (!reason)
        return TSN_EXIT_USAGE;
    body = json_pack("{s:s, s:b}", "reason", reason, "dry_run", dry);
    if (!body)
        return tsn_out_failf(cli, TSN_EXIT_USAGE, TSN_EINPUT, "U002", "",
                             "--reason is not valid UTF-8");
    if (given(cli, TSN_FLAG_FROM))
        json_object_set_new(body, "from", json_string(cli->flag[TSN_FLAG_FROM]));
    if (given(cli, TSN_FLAG_TO))
        rc = version_of(cli, body);
    if (rc) {
        json_decref(body);
        return rc;
    }
    rc = post(cli, "retry", body, &out);
    if (out && dry)
        print_plan(cli, out);
    else if (out)
        tsn_out_say(cli, "%s goes on%s%s.  entry #%lld", cli->arg[0],
                    json_object_get(out, "new_name") ? " as " : "",
                    tsn_json_str(out, "new_name", ""),
                    (long long)tsn_json_int(out, "entry", -1));
    json_decref(out);
    return rc;
}

/* --- versions --------------------------------------------------------------------------- */

static const char *asked_of(struct tsn_cli *cli, const json_t *v)
{
    if (!json_is_object(v))
        return "nothing";
    return tsn_arena_printf(cli->arena, "%s %s", tsn_json_str(v, "kind", ""),
                            tsn_json_str(v, "name", ""));
}

static void print_verdict(struct tsn_cli *cli, const json_t *v)
{
    const char *name = tsn_json_str(v, "name", "");

    if (tsn_json_bool(v, "fits", false)) {
        (void)printf("  %-8s same so far%s\n", name,
                     tsn_json_bool(v, "ends", false) ? "; it would end now" : "");
        return;
    }
    (void)printf("  %-8s ", name);
    tsn_out_text(cli, stdout, TSN_RED, "DIVERGES");
    (void)printf(" at step %s, line %lld: recorded %s, new code asks %s",
                 tsn_json_str(v, "path", "?"), (long long)tsn_json_int(v, "line", 0),
                 asked_of(cli, json_object_get(v, "recorded")),
                 asked_of(cli, json_object_get(v, "asked")));
    if (tsn_json_str(v, "error", NULL)) {
        (void)printf("; ");
        tsn_out_text(cli, stdout, TSN_PLAIN, tsn_json_str(v, "error", ""));
    }
    (void)printf("\n");
}

static int ask_version(struct tsn_cli *cli, const char *path, json_t **out)
{
    bool dry = given(cli, TSN_FLAG_DRY_RUN);
    const char *reason = dry ? "" : reason_of(cli);
    json_t *body;
    int rc = 0;

    if (!reason)
        return TSN_EXIT_USAGE;
    body = json_pack("{s:s, s:b}", "reason", reason, "dry_run", dry);
    if (!body)
        return tsn_out_failf(cli, TSN_EXIT_USAGE, TSN_EINPUT, "U002", "",
                             "--reason is not valid UTF-8");
    if (given(cli, TSN_FLAG_TO))
        rc = version_of(cli, body);
    if (!rc)
        rc = tsn_client_call(cli, "POST", path, body, NULL, out);
    json_decref(body);
    return rc;
}

int tsn_cmd_run_move(struct tsn_cli *cli)
{
    json_t *out = NULL;
    int rc = ask_version(
        cli, tsn_client_path(cli, "runs/%s/move", tsn_client_escape(cli, cli->arg[0])), &out);

    if (rc)
        return rc;
    rc = tsn_json_bool(out, "fits", false) ? TSN_EXIT_OK : TSN_EXIT_DIFFERENCES;
    if (cli->json)
        tsn_out_json(cli, out);
    else {
        print_verdict(cli, out);
        if (!given(cli, TSN_FLAG_DRY_RUN))
            tsn_out_say(cli, "%s goes on with %s.  entry #%lld", tsn_json_str(out, "name", ""),
                        tsn_json_str(out, "to", ""), (long long)tsn_json_int(out, "entry", -1));
    }
    json_decref(out);
    return rc;
}

int tsn_cmd_playbook_deploy(struct tsn_cli *cli)
{
    json_t *out = NULL, *run;
    size_t i, bad = 0;
    int rc = ask_version(
        cli, tsn_client_path(cli, "playbooks/%s/deploy", tsn_client_escape(cli, cli->arg[0])),
        &out);

    if (rc)
        return rc;
    json_array_foreach(json_object_get(out, "runs"), i, run) bad +=
        !tsn_json_bool(run, "fits", false);
    if (cli->json) {
        tsn_out_json(cli, out);
    } else {
        size_t n = json_array_size(json_object_get(out, "runs"));

        (void)printf("%s: %zu open runs on older versions, replayed on this one%s\n",
                     cli->arg[0], n, n ? ":" : "");
        json_array_foreach(json_object_get(out, "runs"), i, run) print_verdict(cli, run);
        if (n)
            (void)printf("They stay on their versions; tocsin run move takes one that fits.\n");
        if (!given(cli, TSN_FLAG_DRY_RUN))
            tsn_out_say(cli, "%s@%lld is live.  entry #%lld", cli->arg[0],
                        (long long)tsn_json_int(out, "version", 0),
                        (long long)tsn_json_int(out, "entry", -1));
    }
    json_decref(out);
    return bad && given(cli, TSN_FLAG_DRY_RUN) ? TSN_EXIT_DIFFERENCES : TSN_EXIT_OK;
}

/* --- resolve ---------------------------------------------------------------------------- */

int tsn_cmd_run_resolve(struct tsn_cli *cli)
{
    static const enum tsn_flag flags[] = {TSN_FLAG_DONE, TSN_FLAG_FAILED, TSN_FLAG_RETRY};
    const char *outcome = NULL, *reason;
    json_t *body, *out;
    int n = 0, rc;

    for (size_t i = 0; i < 3; i++) {
        if (given(cli, flags[i])) {
            outcome = tsn_flag_infos[flags[i]].name;
            n++;
        }
    }
    if (n != 1)
        return tsn_out_failf(cli, TSN_EXIT_USAGE, TSN_EINPUT, n ? "U002" : "U004",
                             "--done: it happened. --failed: it did not. --retry: do it again.",
                             "say what became of it with one of --done, --failed, --retry");
    reason = reason_of(cli);
    if (!reason)
        return TSN_EXIT_USAGE;
    body = json_pack("{s:s, s:s}", "outcome", outcome, "reason", reason);
    if (!body)
        return tsn_out_failf(cli, TSN_EXIT_USAGE, TSN_EINPUT, "U002", "",
                             "--reason is not valid UTF-8");
    if (given(cli, TSN_FLAG_RESULT))
        json_object_set_new(body, "result", json_string(cli->flag[TSN_FLAG_RESULT]));
    if (given(cli, TSN_FLAG_STEP))
        json_object_set_new(body, "step", json_string(cli->flag[TSN_FLAG_STEP]));
    rc = post(cli, "resolve", body, &out);
    if (out)
        tsn_out_say(cli, "Settled as %s.  entry #%lld", outcome,
                    (long long)tsn_json_int(out, "entry", -1));
    json_decref(out);
    return rc;
}
