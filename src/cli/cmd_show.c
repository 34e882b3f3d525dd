/* cmd_show.c - show, case timeline, run log: things and their story for eyes.
 *
 * Owns nothing. One thread; talks to the daemon.
 */
#include <stdlib.h>
#include <string.h>
#include "cli/client.h"
#include "cli/out.h"
#include "cli/plan.h"
#include "core/json.h"

static void line(struct tsn_cli *cli, const char *label, enum tsn_style style, const char *text)
{
    if (!text || !text[0] || strcmp(text, "-") == 0)
        return;
    (void)printf("%-11s", label);
    tsn_out_text(cli, stdout, style, text);
    (void)printf("\n");
}

static void headline(struct tsn_cli *cli, const char *title, const char *name, const char *word)
{
    tsn_out_text(cli, stdout, TSN_BOLD, title ? title : "(no title)");
    (void)printf("    ");
    tsn_out_text(cli, stdout, TSN_PLAIN, name ? name : "");
    if (word) {
        (void)printf("   ");
        tsn_out_text(cli, stdout, tsn_out_style_of(word), word);
    }
    (void)printf("\n");
}

static void child_rows(struct tsn_cli *cli, const char *label, const json_t *items,
                       const char *third)
{
    size_t i;
    json_t *item;
    json_array_foreach(items, i, item)
    {
        const char *state = tsn_json_str(item, "state", "");
        (void)printf("%-11s", i ? "" : label);
        tsn_out_text(cli, stdout, TSN_PLAIN, tsn_json_str(item, "name", ""));
        (void)printf("  ");
        tsn_out_text(cli, stdout, tsn_out_style_of(state), state);
        (void)printf("  ");
        tsn_out_text(cli, stdout, TSN_PLAIN, tsn_json_str(item, third, ""));
        (void)printf("\n");
    }
}

static void show_case(struct tsn_cli *cli, const json_t *c)
{
    headline(cli, tsn_json_str(c, "title", NULL), tsn_json_str(c, "name", NULL),
             tsn_json_str(c, "severity", NULL));
    line(cli, "State", TSN_PLAIN,
         tsn_arena_printf(cli->arena, "%s%s%s", tsn_json_str(c, "state", "?"),
                          tsn_json_str(c, "resolution", NULL) ? ", " : "",
                          tsn_json_str(c, "resolution", "")));
    line(cli, "Kind", TSN_PLAIN, tsn_json_str(c, "kind", NULL));
    line(cli, "Product", TSN_PLAIN, tsn_json_str(c, "product", NULL));
    line(cli, "TLP", TSN_PLAIN, tsn_json_str(c, "tlp", NULL));
    line(cli, "Opened", TSN_PLAIN, tsn_out_time(cli, tsn_json_str(c, "opened_at", NULL)));
    line(cli, "Closed", TSN_PLAIN, tsn_out_time(cli, tsn_json_str(c, "closed_at", NULL)));
    child_rows(cli, "Runs", json_object_get(c, "runs"), "playbook");
    child_rows(cli, "Tasks", json_object_get(c, "tasks"), "title");
    child_rows(cli, "Advisories", json_object_get(c, "advisories"), "title");
    tsn_out_say(cli, "  tocsin case timeline %s", tsn_json_str(c, "name", ""));
}

static void show_run(struct tsn_cli *cli, const json_t *r)
{
    const char *state = tsn_json_str(r, "state", NULL);
    headline(cli, tsn_json_str(r, "playbook", NULL), tsn_json_str(r, "name", NULL), state);
    line(cli, "Case", TSN_PLAIN,
         tsn_arena_printf(cli->arena, "%s  %s", tsn_json_str(r, "case_name", ""),
                          tsn_json_str(r, "case_title", "")));
    line(cli, "Why", TSN_YELLOW, tsn_json_str(r, "reason", NULL));
    line(cli, "Started", TSN_PLAIN, tsn_out_time(cli, tsn_json_str(r, "started_at", NULL)));
    line(cli, "Wakes", TSN_PLAIN, tsn_out_time(cli, tsn_json_str(r, "wake_at", NULL)));
    line(cli, "Ended", TSN_PLAIN, tsn_out_time(cli, tsn_json_str(r, "ended_at", NULL)));
    line(cli, "Result", TSN_PLAIN, tsn_out_value(cli, json_object_get(r, "result")));
    child_rows(cli, "Tasks", json_object_get(r, "tasks"), "title");
    tsn_out_say(cli, "  tocsin run log %s", tsn_json_str(r, "name", ""));
}

static void show_report(struct tsn_cli *cli, const json_t *r)
{
    headline(cli, tsn_json_str(r, "title", NULL), tsn_json_str(r, "name", NULL),
             tsn_json_str(r, "kind", NULL));
    line(cli, "Received", TSN_PLAIN, tsn_out_time(cli, tsn_json_str(r, "received_at", NULL)));
    const char *key;
    json_t *value;
    json_t *body = json_object_get(r, "report");
    json_object_foreach(body, key, value)
    {
        line(cli, key, TSN_PLAIN, tsn_out_value(cli, value));
    }
}

static void show_plain(struct tsn_cli *cli, const json_t *o)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)o, key, value)
    {
        line(cli, tsn_arena_printf(cli->arena, "%s ", key), TSN_PLAIN,
             tsn_out_value(cli, value));
    }
}

static void show_advisory(struct tsn_cli *cli, const json_t *a)
{
    headline(cli, tsn_json_str(a, "title", NULL), tsn_json_str(a, "name", NULL),
             tsn_json_str(a, "state", NULL));
    line(cli, "Version", TSN_PLAIN, tsn_out_value(cli, json_object_get(a, "version")));
    line(cli, "Digest", TSN_PLAIN, tsn_json_str(a, "digest", NULL));
    (void)printf("\n");
    tsn_out_text(cli, stdout, TSN_PLAIN, tsn_json_str(a, "markdown", ""));
    (void)printf("\n");
}

int tsn_cmd_show(struct tsn_cli *cli)
{
    json_t *out;
    int rc = tsn_client_get(
        cli, tsn_client_path(cli, "show/%s", tsn_client_escape(cli, cli->arg[0])), &out);
    if (rc)
        return rc;
    const char *kind = tsn_json_str(out, "kind", "");
    const json_t *item = json_object_get(out, kind);
    if (cli->json)
        tsn_out_json(cli, out);
    else if (strcmp(kind, "case") == 0)
        show_case(cli, item);
    else if (strcmp(kind, "run") == 0)
        show_run(cli, item);
    else if (strcmp(kind, "task") == 0)
        tsn_plan_print(cli, stdout, item);
    else if (strcmp(kind, "report") == 0)
        show_report(cli, item);
    else if (strcmp(kind, "advisory") == 0)
        show_advisory(cli, item);
    else
        show_plain(cli, item);
    json_decref(out);
    return TSN_EXIT_OK;
}

/* --- stories ------------------------------------------------------------------------------ */

int tsn_cmd_case_timeline(struct tsn_cli *cli)
{
    json_t *out;
    int rc = tsn_client_get(
        cli, tsn_client_path(cli, "cases/%s/timeline", tsn_client_escape(cli, cli->arg[0])),
        &out);
    if (rc)
        return rc;
    if (cli->json) {
        tsn_out_json(cli, out);
        json_decref(out);
        return TSN_EXIT_OK;
    }
    bool all = cli->given & TSN_BIT(TSN_FLAG_ALL);
    const json_t *c = json_object_get(out, "case");
    headline(cli, tsn_json_str(c, "title", NULL), tsn_json_str(c, "name", NULL),
             tsn_json_str(c, "severity", NULL));
    size_t i, hidden = 0;
    json_t *e;
    const char *day = "";
    struct tsn_grid *g = NULL;
    json_array_foreach(json_object_get(out, "items"), i, e)
    {
        if (tsn_json_bool(e, "quiet", false) && !all) {
            hidden++;
            continue;
        }
        /* "2026-11-24 10:15:02 +0100": the day once, then the time of day. */
        const char *when = tsn_out_time(cli, tsn_json_str(e, "time", NULL));
        const char *date = tsn_arena_strndup(cli->arena, when, strcspn(when, " "));
        if (strcmp(date, day) != 0) {
            if (g)
                tsn_grid_print(g, stdout, 0);
            g = tsn_grid_new(cli, 4);
            tsn_grid_print(g, stdout, 0);
            const char *zone = strrchr(when, ' ');
            tsn_out_text(cli, stdout, TSN_DIM,
                         tsn_arena_printf(cli->arena, "%s%s", date,
                                          zone && strchr("+-", zone[1]) ? zone : " UTC"));
            (void)printf("\n");
            day = date;
        }
        const char *clock = strchr(when, ' ');
        const char *word = tsn_json_str(e, "word", tsn_json_str(e, "kind", ""));
        const char *text = tsn_json_str(e, "text", "");
        const char *outcome = tsn_json_str(e, "outcome", NULL);
        tsn_grid_cell(g, TSN_PLAIN, clock ? tsn_arena_strndup(cli->arena, clock + 1, 8) : when);
        tsn_grid_cell(
            g, tsn_out_style_of(outcome && strcmp(outcome, "ok") != 0 ? outcome : word), word);
        tsn_grid_cell(g, TSN_PLAIN, text);
        tsn_grid_cell(
            g, TSN_DIM,
            tsn_arena_printf(cli->arena, "#%lld", (long long)tsn_json_int(e, "seq", -1)));
    }
    if (g)
        tsn_grid_print(g, stdout, 0);
    if (hidden)
        tsn_out_say(cli, "       %zu quiet entries hidden (--all)", hidden);
    json_decref(out);
    return TSN_EXIT_OK;
}

int tsn_cmd_run_log(struct tsn_cli *cli)
{
    json_t *out;
    const char *limit =
        cli->given & TSN_BIT(TSN_FLAG_LIMIT)
            ? tsn_arena_printf(cli->arena, "?limit=%s",
                               tsn_client_escape(cli, cli->flag[TSN_FLAG_LIMIT]))
            : "";
    int rc = tsn_client_get(
        cli, tsn_client_path(cli, "runs/%s/log%s", tsn_client_escape(cli, cli->arg[0]), limit),
        &out);
    if (rc)
        return rc;
    if (cli->json) {
        tsn_out_json(cli, out);
        json_decref(out);
        return TSN_EXIT_OK;
    }
    const json_t *run = json_object_get(out, "run");
    headline(cli, tsn_json_str(run, "playbook", NULL), tsn_json_str(run, "name", NULL),
             tsn_json_str(run, "state", NULL));
    struct tsn_grid *g = tsn_grid_new(cli, 6);
    size_t i;
    json_t *e;
    json_array_foreach(json_object_get(out, "items"), i, e)
    {
        const char *outcome = tsn_json_str(e, "outcome", NULL);
        const json_t *fields = json_object_get(e, "fields");
        const char *what = json_object_size(fields) ? tsn_out_value(cli, fields) : "";
        if (strlen(what) > 100)
            what = tsn_arena_printf(cli->arena, "%.97s...", what);
        tsn_grid_cell(
            g, TSN_DIM,
            tsn_arena_printf(cli->arena, "#%lld", (long long)tsn_json_int(e, "seq", -1)));
        tsn_grid_cell(g, TSN_PLAIN, tsn_out_time(cli, tsn_json_str(e, "time", NULL)));
        tsn_grid_cell(g, TSN_PLAIN, tsn_json_str(e, "step", NULL));
        tsn_grid_cell(g, TSN_PLAIN, tsn_json_str(e, "kind", NULL));
        tsn_grid_cell(g, tsn_out_style_of(outcome), outcome);
        tsn_grid_cell(g, TSN_DIM, what);
    }
    tsn_grid_print(g, stdout, 0);
    json_decref(out);
    return TSN_EXIT_OK;
}
