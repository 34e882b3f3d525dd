/* cmd_work.c - lists and submissions: status, report, case, run, task, feed.
 *
 * Owns nothing. One thread; talks to the daemon.
 */
#include <stdlib.h>
#include <string.h>
#include "cli/cli_list.h"
#include "cli/client.h"
#include "cli/out.h"
#include "core/buf.h"
#include "core/id.h"
#include "core/json.h"
#include "core/text.h"

int tsn_cmd_report_list(struct tsn_cli *cli)
{
    static const struct tsn_column columns[] = {{"RECEIPT", "name", TSN_AS_TEXT},
                                                {"KIND", "kind", TSN_AS_TEXT},
                                                {"RANK", "rank", TSN_AS_TEXT},
                                                {"CASE", "case_name", TSN_AS_TEXT},
                                                {"RECEIVED", "received_at", TSN_AS_TIME},
                                                {"TITLE", "title", TSN_AS_TEXT}};
    return TSN_CLI_LIST(cli, tsn_client_path(cli, "reports%s", tsn_cli_params(cli, NULL)),
                        columns);
}

int tsn_cmd_case_list(struct tsn_cli *cli)
{
    static const struct tsn_column columns[] = {
        {"CASE", "name", TSN_AS_TEXT},   {"STATE", "state", TSN_AS_WORD},
        {"PHASE", "phase", TSN_AS_TEXT}, {"SEVERITY", "severity", TSN_AS_WORD},
        {"KIND", "kind", TSN_AS_TEXT},   {"OPENED", "opened_at", TSN_AS_TIME},
        {"TITLE", "title", TSN_AS_TEXT}};
    return TSN_CLI_LIST(cli, tsn_client_path(cli, "cases%s", tsn_cli_params(cli, NULL)),
                        columns);
}

int tsn_cmd_advisory_list(struct tsn_cli *cli)
{
    static const struct tsn_column columns[] = {{"ADVISORY", "name", TSN_AS_TEXT},
                                                {"STATE", "state", TSN_AS_WORD},
                                                {"VERSION", "number", TSN_AS_TEXT},
                                                {"CHANGED", "updated_at", TSN_AS_TIME},
                                                {"TITLE", "title", TSN_AS_TEXT}};
    return TSN_CLI_LIST(cli, tsn_client_path(cli, "advisories%s", tsn_cli_params(cli, NULL)),
                        columns);
}

int tsn_cmd_advisory_notices(struct tsn_cli *cli)
{
    static const struct tsn_column columns[] = {
        {"TO", "to", TSN_AS_TEXT},       {"CUSTOMER", "customer", TSN_AS_TEXT},
        {"LIST", "list", TSN_AS_TEXT},   {"STAGE", "stage", TSN_AS_TEXT},
        {"STATE", "state", TSN_AS_WORD}, {"VERSION", "version", TSN_AS_TEXT},
        {"SINCE", "since", TSN_AS_TIME}};
    return TSN_CLI_LIST(
        cli, tsn_client_path(cli, "advisories/%s/notices", tsn_client_escape(cli, cli->arg[0])),
        columns);
}

int tsn_cmd_run_list(struct tsn_cli *cli)
{
    static const struct tsn_column columns[] = {
        {"RUN", "name", TSN_AS_TEXT},           {"STATE", "state", TSN_AS_WORD},
        {"PLAYBOOK", "playbook", TSN_AS_TEXT},  {"CASE", "case_name", TSN_AS_TEXT},
        {"STARTED", "started_at", TSN_AS_TIME}, {"WHY IT STOPPED", "reason", TSN_AS_TEXT}};
    return TSN_CLI_LIST(cli, tsn_client_path(cli, "runs%s", tsn_cli_params(cli, NULL)),
                        columns);
}

int tsn_cmd_feed_list(struct tsn_cli *cli)
{
    static const struct tsn_column columns[] = {
        {"FEED", "name", TSN_AS_TEXT},           {"KIND", "kind", TSN_AS_TEXT},
        {"DOCUMENTS", "documents", TSN_AS_TEXT}, {"LAST POLL", "polled_at", TSN_AS_TIME},
        {"LAST GOOD", "ok_at", TSN_AS_TIME},     {"ALARM", "alarm", TSN_AS_TEXT},
        {"ERROR", "error", TSN_AS_TEXT}};
    return TSN_CLI_LIST(cli, tsn_client_path(cli, "feeds"), columns);
}

/* --- tasks and status ---------------------------------------------------------------------- */

/* Leaves only what the caller may decide, by the daemon's own judgement. */
static void only_mine(json_t *tasks)
{
    for (size_t i = json_array_size(tasks); i-- > 0;) {
        if (!tsn_json_bool(json_array_get(tasks, i), "mine", false))
            json_array_remove(tasks, i);
    }
}

static const struct tsn_column task_columns[] = {
    {"TASK", "name", TSN_AS_TEXT},         {"KIND", "kind", TSN_AS_TEXT},
    {"STATE", "state", TSN_AS_WORD},       {"CASE", "case_name", TSN_AS_TEXT},
    {"SEVERITY", "severity", TSN_AS_WORD}, {"ROLE", "role", TSN_AS_TEXT},
    {"DUE", "due_at", TSN_AS_LEFT},        {"TITLE", "title", TSN_AS_TEXT}};

int tsn_cmd_task_list(struct tsn_cli *cli)
{
    json_t *out;
    bool open_only = !(cli->given & (TSN_BIT(TSN_FLAG_ALL) | TSN_BIT(TSN_FLAG_STATE)));
    int rc = tsn_client_get(
        cli,
        tsn_client_path(cli, "tasks%s", tsn_cli_params(cli, open_only ? "state=open" : NULL)),
        &out);
    if (rc)
        return rc;
    if (cli->given & TSN_BIT(TSN_FLAG_MINE))
        only_mine(json_object_get(out, "items"));
    if (cli->json)
        tsn_out_json(cli, out);
    else
        tsn_cli_rows(cli, json_object_get(out, "items"), task_columns, 8);
    json_decref(out);
    return rc;
}

static void heading(struct tsn_cli *cli, const char *text)
{
    tsn_out_text(cli, stdout, TSN_BOLD, text);
}

static void status_feeds(struct tsn_cli *cli, const json_t *feeds)
{
    size_t i, bad = 0;
    json_t *feed;
    const char *names = "";
    json_array_foreach(feeds, i, feed)
    {
        const char *error = tsn_json_str(feed, "error", NULL),
                   *alarm = tsn_json_str(feed, "alarm", NULL);
        if (alarm) {
            bad++;
            names = tsn_arena_printf(cli->arena, "%s %s (%s)", names,
                                     tsn_json_str(feed, "name", "?"), alarm);
        } else if (error && error[0]) {
            bad++;
            names =
                tsn_arena_printf(cli->arena, "%s %s", names, tsn_json_str(feed, "name", "?"));
        }
    }
    if (json_array_size(feeds) == 0)
        return;
    (void)printf(" · feeds %zu good", json_array_size(feeds) - bad);
    if (bad) {
        (void)printf(", %zu in trouble:", bad);
        tsn_out_text(cli, stdout, TSN_RED, names);
    }
}

/* What nobody will go on with by itself: one line a run, with why. */
static void status_stopped(struct tsn_cli *cli, const json_t *runs)
{
    size_t i;
    json_t *run;
    if (json_array_size(runs) == 0)
        return;
    heading(cli, "STOPPED");
    (void)printf("    %zu\n", json_array_size(runs));
    struct tsn_grid *g = tsn_grid_new(cli, 6);
    json_array_foreach(runs, i, run)
    {
        const char *state = tsn_json_str(run, "state", NULL);
        tsn_grid_cell(g, TSN_BOLD, tsn_json_str(run, "name", NULL));
        tsn_grid_cell(g, tsn_out_style_of(state), state);
        tsn_grid_cell(g, TSN_PLAIN, tsn_json_str(run, "playbook", NULL));
        tsn_grid_cell(g, TSN_PLAIN, tsn_json_str(run, "case_name", NULL));
        tsn_grid_cell(g, TSN_PLAIN, tsn_json_str(run, "reason", NULL));
        tsn_grid_cell(g, TSN_DIM, tsn_json_str(run, "next", NULL));
    }
    tsn_grid_print(g, stdout, 2);
}

/* What keeps old code in use. */
static void status_versions(struct tsn_cli *cli, const json_t *old)
{
    const json_t *v;
    size_t i;
    if (json_array_size(old) == 0)
        return;
    heading(cli, "OLD CODE");
    (void)printf(" ");
    json_array_foreach(old, i, v)
    {
        int64_t runs = tsn_json_int(v, "runs", 0);
        (void)printf("%s%s@%lld: %lld open %s (newest is @%lld)", i ? ", " : "",
                     tsn_json_str(v, "playbook", "?"), (long long)tsn_json_int(v, "version", 0),
                     (long long)runs, runs == 1 ? "run" : "runs",
                     (long long)tsn_json_int(v, "newest", 0));
    }
    (void)printf("  (tocsin run move ID --dry-run)\n");
}

/* "responder", "responder+duty-manager (reminded 3 times)". */
static const char *asked_of(struct tsn_cli *cli, const json_t *task)
{
    const json_t *spec = json_object_get(task, "spec"), *roles = json_object_get(spec, "roles");
    const char *out = tsn_json_str(task, "role", "");
    int64_t reminded = tsn_json_int(spec, "reminded", 0);
    for (size_t i = 1; i < json_array_size(roles); i++) {
        const char *role = json_string_value(json_array_get(roles, i));
        out = tsn_arena_printf(cli->arena, "%s+%s", out, role ? role : "?");
    }
    if (reminded > 0)
        out = tsn_arena_printf(cli->arena, "%s (reminded %lldx)", out, (long long)reminded);
    return out;
}

/* Only what needs somebody. */
static void status_publication(struct tsn_cli *cli, const json_t *p)
{
    int64_t held = tsn_json_int(p, "held", 0);
    const char *reason = tsn_json_str(p, "reason", NULL);
    if (reason)
        tsn_out_text(cli, stdout, TSN_RED,
                     tsn_arena_printf(cli->arena, " · publishing fails: %s", reason));
    const char *key = tsn_json_str(json_object_get(p, "key"), "problem", NULL);
    if (key)
        tsn_out_text(cli, stdout, TSN_YELLOW,
                     tsn_arena_printf(cli->arena, " · signing key: %s", key));
    if (held)
        tsn_out_text(
            cli, stdout, TSN_RED,
            tsn_arena_printf(cli->arena, " · %lld releases are held", (long long)held));
}

/* A key of ours that ends soon, or has: answers are then not believed. */
static void status_keys(struct tsn_cli *cli, const json_t *keys)
{
    const json_t *key;
    size_t i;
    json_array_foreach(keys, i, key)
    {
        const char *problem = tsn_json_str(key, "problem", NULL);
        if (!problem)
            continue;
        heading(cli, "KEY");
        (void)printf("      ");
        tsn_out_text(cli, stdout, TSN_YELLOW, problem);
        (void)printf("  %s  %.10s  (tocsin key rotate)\n", tsn_json_str(key, "fpr", ""),
                     tsn_json_str(key, "expires_at", "never"));
    }
}

static void status_secrets(struct tsn_cli *cli, const json_t *missing)
{
    const json_t *one;
    size_t i;
    json_array_foreach(missing, i, one)
    {
        const char *handle = tsn_json_str(one, "handle", "");
        bool ours = strncmp(handle, "secret:", 7) == 0;
        heading(cli, "SECRET");
        (void)printf("   ");
        tsn_out_text(cli, stdout, TSN_YELLOW, "nobody has set ");
        tsn_out_text(cli, stdout, TSN_YELLOW, handle);
        (void)printf("  %s%s%s\n", ours ? "(tocsin secret set " : "(",
                     ours ? handle + 7 : tsn_json_str(one, "where", ""), ")");
    }
}

/* The tasks that this person may decide, or those that others must. */
static void status_tasks(struct tsn_cli *cli, const json_t *tasks, bool mine)
{
    struct tsn_grid *g = tsn_grid_new(cli, 6);
    size_t i, n = 0;
    json_t *task;

    json_array_foreach(tasks, i, task)
    {
        const char *severity = tsn_json_str(task, "severity", NULL);

        if (tsn_json_bool(task, "mine", false) != mine)
            continue;
        n++;
        tsn_grid_cell(g, TSN_BOLD, tsn_json_str(task, "name", NULL));
        tsn_grid_cell(g, TSN_PLAIN, asked_of(cli, task));
        tsn_grid_cell(g, TSN_PLAIN, tsn_json_str(task, "case_name", NULL));
        tsn_grid_cell(g, TSN_PLAIN, tsn_json_str(task, "title", NULL));
        tsn_grid_cell(g, tsn_out_style_of(severity), severity);
        tsn_grid_cell(g, TSN_PLAIN, tsn_out_left(cli, tsn_json_str(task, "due_at", NULL)));
    }
    if (n || mine) {
        heading(cli, mine ? "NEEDS YOU" : "NEEDS OTHERS");
        (void)printf("  %zu\n", n);
    }
    tsn_grid_print(g, stdout, 2);
}

/* What to look at next: what is mine, then what stopped, then what others must do. */
static const char *status_next(const json_t *tasks, const json_t *stopped)
{
    size_t i;
    json_t *task;

    json_array_foreach(tasks, i, task)
    {
        if (tsn_json_bool(task, "mine", false))
            return tsn_json_str(task, "name", NULL);
    }
    return json_array_size(stopped) ? tsn_json_str(json_array_get(stopped, 0), "name", NULL)
                                    : tsn_json_str(json_array_get(tasks, 0), "name", NULL);
}

int tsn_cmd_status(struct tsn_cli *cli)
{
    json_t *out;
    int rc = tsn_client_get(cli, tsn_client_path(cli, "status"), &out);
    if (rc)
        return rc;
    json_t *tasks = json_object_get(out, "needs_you");
    if (cli->given & TSN_BIT(TSN_FLAG_MINE))
        only_mine(tasks);
    if (cli->json) {
        tsn_out_json(cli, out);
        json_decref(out);
        return TSN_EXIT_OK;
    }
    status_tasks(cli, tasks, true);
    status_tasks(cli, tasks, false);
    status_stopped(cli, json_object_get(out, "stopped"));
    status_versions(cli, json_object_get(out, "old_versions"));
    const json_t *runs = json_object_get(out, "runs");
    int64_t waiting = tsn_json_int(runs, "waiting", 0) + tsn_json_int(runs, "parked", 0);
    int64_t working = tsn_json_int(runs, "running", 0) + tsn_json_int(runs, "ready", 0);
    int64_t trouble = tsn_json_int(runs, "stuck", 0) + tsn_json_int(runs, "diverged", 0) +
                      tsn_json_int(runs, "in_doubt", 0);
    heading(cli, "OPEN");
    (void)printf("     %lld cases · %lld runs wait, %lld work",
                 (long long)tsn_json_int(json_object_get(out, "cases"), "open", 0),
                 (long long)waiting, (long long)working);
    if (trouble) {
        (void)printf(", ");
        tsn_out_text(cli, stdout, TSN_RED,
                     tsn_arena_printf(cli->arena, "%lld need help", (long long)trouble));
    }
    status_feeds(cli, json_object_get(out, "feeds"));
    status_publication(cli, json_object_get(out, "publication"));
    (void)printf("\n");
    status_keys(cli, json_object_get(out, "keys"));
    status_secrets(cli, json_object_get(out, "secrets_missing"));
    heading(cli, "AUDIT");
    (void)printf("    %lld entries\n",
                 (long long)tsn_json_int(json_object_get(out, "audit"), "entries", 0));
    if (!tsn_json_bool(out, "ready", true)) {
        tsn_out_text(cli, stdout, TSN_RED, "NOT READY");
        size_t i;
        json_t *reason;
        json_array_foreach(json_object_get(out, "reasons"), i, reason)
        {
            (void)printf("%s", i ? "; " : "  ");
            tsn_out_text(cli, stdout, TSN_PLAIN, json_string_value(reason));
        }
        (void)printf("\n");
    }
    const char *first = status_next(tasks, json_object_get(out, "stopped"));
    if (first)
        tsn_out_say(cli, "Next:    tocsin show %s", first);
    json_decref(out);
    return TSN_EXIT_OK;
}

/* --- report submit ------------------------------------------------------------------------- */

/* TEXT, `-` for standard input, @FILE; NULL after an error was printed. */
static const char *text_of(struct tsn_cli *cli, const char *value)
{
    if (strcmp(value, "-") != 0 && value[0] != '@')
        return value;
    const char *path = value[0] == '@' ? value + 1 : "/dev/stdin";
    struct tsn_buf b;
    tsn_buf_init(&b, (size_t)1 << 20);
    tsn_err err = tsn_buf_read_file(&b, path);
    const char *out = err ? NULL : tsn_arena_strndup(cli->arena, b.data ? b.data : "", b.len);
    tsn_buf_free(&b);
    if (err)
        (void)tsn_out_failf(cli, TSN_EXIT_FAILED, err, "U008", "", "%s: %s", path,
                            tsn_err_text(err));
    return out;
}

static int report_from_file(struct tsn_cli *cli, const char *path, json_t **out)
{
    const char *text =
        text_of(cli, strcmp(path, "-") == 0 ? path : tsn_arena_printf(cli->arena, "@%s", path));
    if (!text)
        return TSN_EXIT_FAILED;
    struct tsn_diag diag;
    tsn_diag_init(&diag);
    if (tsn_json_parse(text, strlen(text), out, &diag)) {
        tsn_diag_at(&diag, path, diag.line, diag.col);
        return tsn_out_fail(cli, TSN_EXIT_FAILED, &diag);
    }
    return 0;
}

static int report_from_flags(struct tsn_cli *cli, json_t **out)
{
    static const struct {
        enum tsn_flag flag;
        const char *key, *question;
    } fields[] = {
        {TSN_FLAG_TITLE, "title", "Title:"},
        {TSN_FLAG_PRODUCT, "product", "Product:"},
        {TSN_FLAG_TEXT, "text", "What happened:"},
        {TSN_FLAG_SEVERITY, "severity", NULL},
        {TSN_FLAG_CWE, "cwe", NULL},
        {TSN_FLAG_CVSS, "cvss", NULL},
    };
    json_t *r = json_object();
    const char *kind =
        cli->given & TSN_BIT(TSN_FLAG_KIND) ? cli->flag[TSN_FLAG_KIND] : "incident";
    json_object_set_new(r, "kind", json_string(kind));
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        const char *value =
            cli->given & TSN_BIT(fields[i].flag) ? cli->flag[fields[i].flag] : NULL;
        if (!value && fields[i].question) {
            value = tsn_out_ask(cli, fields[i].question);
            if (!value && fields[i].flag == TSN_FLAG_TITLE) {
                json_decref(r);
                return tsn_out_failf(cli, TSN_EXIT_USAGE, TSN_EINPUT, "U004", "",
                                     "--title is missing");
            }
        }
        if (value && fields[i].flag == TSN_FLAG_TEXT && !(value = text_of(cli, value))) {
            json_decref(r);
            return TSN_EXIT_FAILED;
        }
        if (value)
            json_object_set_new(r, fields[i].key, json_string(value));
    }
    if (cli->given & TSN_BIT(TSN_FLAG_AFFECTED)) {
        json_t *versions = json_array();
        char *list = tsn_arena_strdup(cli->arena, cli->flag[TSN_FLAG_AFFECTED]), *save = NULL;
        for (char *v = strtok_r(list, ",", &save); v; v = strtok_r(NULL, ",", &save))
            json_array_append_new(versions, json_string(v + strspn(v, " ")));
        json_object_set_new(r, "versions", versions);
    }
    json_t *contact = json_object();
    if (cli->given & TSN_BIT(TSN_FLAG_MAIL))
        json_object_set_new(contact, "mail", json_string(cli->flag[TSN_FLAG_MAIL]));
    if (cli->given & TSN_BIT(TSN_FLAG_NAME))
        json_object_set_new(contact, "name", json_string(cli->flag[TSN_FLAG_NAME]));
    if (json_object_size(contact))
        json_object_set(r, "contact", contact);
    json_decref(contact);
    if (cli->nindicator) {
        json_t *indicators = json_array();
        for (size_t i = 0; i < cli->nindicator; i++)
            json_array_append_new(indicators, json_string(cli->indicator[i]));
        json_object_set_new(r, "indicators", indicators);
    }
    *out = r;
    return 0;
}

int tsn_cmd_report_submit(struct tsn_cli *cli)
{
    json_t *report = NULL, *out = NULL;
    char key[TSN_ULID_LEN + 1];
    int rc = cli->given & TSN_BIT(TSN_FLAG_FILE)
                 ? report_from_file(cli, cli->flag[TSN_FLAG_FILE], &report)
                 : report_from_flags(cli, &report);
    if (rc)
        return rc;
    tsn_id_new(key);
    const char *use = cli->given & TSN_BIT(TSN_FLAG_KEY) ? cli->flag[TSN_FLAG_KEY] : key;
    if (!tsn_word_ok(use, 255)) {
        json_decref(report);
        return tsn_out_failf(cli, TSN_EXIT_USAGE, TSN_EINPUT, "U002", "",
                             "--idempotency-key must be 1 to 255 visible ASCII characters");
    }
    if (cli->verbose)
        tsn_out_say(cli, "Idempotency-Key: %s", use);
    rc = tsn_client_call(cli, "POST", tsn_client_path(cli, "reports"), report, use, &out);
    json_decref(report);
    if (rc)
        return rc;
    if (cli->json) {
        tsn_out_json(cli, out);
    } else if (!cli->quiet) {
        const char *c = tsn_json_str(out, "case_name", tsn_json_str(out, "case", "?"));
        (void)printf("%s\n", tsn_json_str(out, "receipt", "?"));
        tsn_out_say(cli, "%s. Case %s.  entry #%lld",
                    tsn_json_bool(out, "duplicate", false)
                        ? "Known already, nothing new started"
                        : "Received",
                    c, (long long)tsn_json_int(out, "entry", -1));
    }
    json_decref(out);
    return TSN_EXIT_OK;
}

/* --- feed poll ----------------------------------------------------------------- */

int tsn_cmd_feed_poll(struct tsn_cli *cli)
{
    json_t *out, *body = json_object();
    if (!cli->timeout_ms)
        cli->timeout_ms = (int64_t)10 * 60 * 1000;
    if (cli->given & TSN_BIT(TSN_FLAG_ALL))
        json_object_set_new(body, "whole", json_true());
    int rc = tsn_client_call(
        cli, "POST", tsn_client_path(cli, "feeds/%s/poll", tsn_client_escape(cli, cli->arg[0])),
        body, NULL, &out);
    json_decref(body);
    if (rc)
        return rc;
    int64_t held = tsn_json_int(out, "quarantined", 0);
    if (cli->json) {
        tsn_out_json(cli, out);
    } else if (!cli->quiet) {
        static const char *const words[] = {"listed",    "fetched",     "new",     "changed",
                                            "unchanged", "quarantined", "matches", "runs"};
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
            (void)printf("%s%s %lld", i ? ", " : "", words[i],
                         (long long)tsn_json_int(out, words[i], 0));
        (void)printf("\n");
        if (held)
            tsn_out_say(cli, "%lld documents are held back; the log says why", (long long)held);
    }
    json_decref(out);
    return TSN_EXIT_OK;
}
