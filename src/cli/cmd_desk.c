/* cmd_desk.c - many cases at once: search, figures, export, bulk; evidence; which policy applies.
 * One thread; talks to the daemon. */
#include <stdlib.h>
#include <string.h>
#include "cli/client.h"
#include "cli/out.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/json.h"
#include "core/text.h"

static int print_items(struct tsn_cli *cli, const char *path, const char *const *titles,
                       const char *const *keys, size_t n)
{
    json_t *out, *item;
    size_t i;
    int rc = tsn_client_get(cli, path, &out);
    if (rc)
        return rc;
    json_t *items = json_object_get(out, "items");
    if (cli->json) {
        tsn_out_json(cli, out);
    } else if (json_array_size(items) == 0) {
        tsn_out_say(cli, "none");
    } else {
        struct tsn_grid *g = tsn_grid_new(cli, n);
        for (size_t k = 0; k < n; k++)
            tsn_grid_cell(g, TSN_DIM, titles[k]);
        json_array_foreach(items, i, item) for (size_t k = 0; k < n; k++) tsn_grid_cell(
            g, k ? TSN_PLAIN : TSN_BOLD, tsn_out_value(cli, json_object_get(item, keys[k])));
        tsn_grid_print(g, stdout, 0);
    }
    json_decref(out);
    return TSN_EXIT_OK;
}

int tsn_cmd_case_search(struct tsn_cli *cli)
{
    static const char *const titles[] = {"CASE", "STATE", "PHASE", "SEVERITY", "TITLE"};
    static const char *const keys[] = {"name", "state", "phase", "severity", "title"};
    const char *words = "";
    for (size_t i = 0; i < cli->nargs; i++)
        words = tsn_arena_printf(cli->arena, "%s%s%s", words, i ? " " : "", cli->arg[i]);
    const char *limit =
        (cli->given & TSN_BIT(TSN_FLAG_LIMIT)) ? cli->flag[TSN_FLAG_LIMIT] : "50";
    return print_items(cli,
                       tsn_client_path(cli, "search?q=%s&limit=%s",
                                       tsn_client_escape(cli, words),
                                       tsn_client_escape(cli, limit)),
                       titles, keys, 5);
}

int tsn_cmd_report_duplicates(struct tsn_cli *cli)
{
    static const char *const titles[] = {"REPORT", "SCORE", "EARLIER"};
    static const char *const keys[] = {"name", "score", "earlier"};
    return print_items(
        cli, tsn_client_path(cli, "reports/%s/duplicates", tsn_client_escape(cli, cli->arg[0])),
        titles, keys, 3);
}

int tsn_cmd_case_figures(struct tsn_cli *cli)
{
    json_t *out, *s;
    size_t i;
    int rc = tsn_client_get(cli, tsn_client_path(cli, "case-figures"), &out);
    if (rc)
        return rc;
    if (cli->json) {
        tsn_out_json(cli, out);
    } else {
        static const char *const titles[] = {"PHASE", "NOW", "LEFT", "MEDIAN", "9 OF 10"};
        struct tsn_grid *g = tsn_grid_new(cli, 5);
        for (size_t k = 0; k < 5; k++)
            tsn_grid_cell(g, TSN_DIM, titles[k]);
        json_array_foreach(json_object_get(out, "stages"), i, s)
        {
            char median[32] = "-", most[32] = "-";
            if (json_object_get(s, "median_ms")) {
                tsn_duration_format(median, tsn_json_int(s, "median_ms", 0));
                tsn_duration_format(most, tsn_json_int(s, "p90_ms", 0));
            }
            tsn_grid_cell(g, TSN_BOLD, tsn_json_str(s, "phase", ""));
            tsn_grid_cell(g, TSN_PLAIN, tsn_out_value(cli, json_object_get(s, "now")));
            tsn_grid_cell(g, TSN_PLAIN, tsn_out_value(cli, json_object_get(s, "n")));
            tsn_grid_cell(g, TSN_PLAIN, median);
            tsn_grid_cell(g, TSN_PLAIN, most);
        }
        tsn_grid_print(g, stdout, 0);
    }
    json_decref(out);
    return TSN_EXIT_OK;
}

/* --- export ------------------------------------------------------------------------------------------ */

static int export_one(struct tsn_cli *cli, const char *ref, FILE *to)
{
    json_t *out;
    int rc = tsn_client_get(
        cli, tsn_client_path(cli, "cases/%s/export", tsn_client_escape(cli, ref)), &out);
    if (rc)
        return rc;
    char *text = tsn_json_text(out);
    (void)fprintf(to, "%s\n", text);
    free(text);
    json_decref(out);
    return ferror(to) ? TSN_EXIT_FAILED : TSN_EXIT_OK;
}

static int export_all(struct tsn_cli *cli, FILE *to)
{
    const char *after = "";
    int rc = TSN_EXIT_OK;
    while (!rc) {
        json_t *page, *item;
        size_t i;
        rc = tsn_client_get(cli,
                            tsn_client_path(cli, "cases?limit=200%s%s",
                                            after[0] ? "&after=" : "",
                                            tsn_client_escape(cli, after)),
                            &page);
        if (rc)
            break;
        json_array_foreach(json_object_get(page, "items"), i, item)
        {
            if (!rc)
                rc = export_one(cli, tsn_json_str(item, "id", ""), to);
        }
        const char *next = tsn_json_str(page, "next", NULL);
        after = next ? tsn_arena_strdup(cli->arena, next) : "";
        json_decref(page);
        if (!after[0])
            break;
    }
    return rc;
}

int tsn_cmd_case_export(struct tsn_cli *cli)
{
    const char *path = (cli->given & TSN_BIT(TSN_FLAG_OUT)) ? cli->flag[TSN_FLAG_OUT] : "-";
    bool all = (cli->given & TSN_BIT(TSN_FLAG_ALL)) != 0;
    if (all == (cli->nargs == 1))
        return tsn_out_failf(cli, TSN_EXIT_USAGE, TSN_EINPUT, "U002",
                             "`tocsin case export ID`, or --all", "name one case, or --all");
    FILE *to = strcmp(path, "-") == 0 ? stdout : fopen(path, "wx");
    if (!to)
        return tsn_out_failf(cli, TSN_EXIT_FAILED, TSN_EIO, "U002",
                             "an existing file is not overwritten", "cannot write %s", path);
    int rc = all ? export_all(cli, to) : export_one(cli, cli->arg[0], to);
    if (to != stdout && fclose(to) != 0 && !rc)
        rc = TSN_EXIT_FAILED;
    if (!rc && to != stdout)
        tsn_out_say(cli, "written to %s", path);
    return rc;
}

/* --- bulk, evidence, policy ------------------------------------------------------------------------------ */

int tsn_cmd_case_bulk(struct tsn_cli *cli)
{
    json_t *cases = json_array(), *args = json_object(), *out, *item;
    size_t i;
    int rc = tsn_cli_set_json(cli, args);
    for (size_t k = 1; k < cli->nargs; k++)
        json_array_append_new(cases, json_string(cli->arg[k]));
    json_t *body =
        json_pack("{s:s, s:o, s:o}", "operation", cli->arg[0], "args", args, "cases", cases);
    if (rc) {
        json_decref(body);
        return rc;
    }
    rc = tsn_client_do(cli, "POST", tsn_client_path(cli, "cases-act"), body, &out);
    if (out)
        json_array_foreach(json_object_get(out, "items"), i, item)(void)
            printf("%s done\n", tsn_json_str(item, "case", ""));
    json_decref(out);
    return rc;
}

int tsn_cmd_case_attach(struct tsn_cli *cli)
{
    struct tsn_buf b;
    json_t *out;
    const char *slash = strrchr(cli->arg[1], '/'), *name = slash ? slash + 1 : cli->arg[1];
    tsn_buf_init(&b, (size_t)8 << 20);
    tsn_err err = tsn_buf_read_file(&b, cli->arg[1]);
    if (err) {
        tsn_buf_free(&b);
        return tsn_out_failf(cli, err == TSN_ETOOBIG ? TSN_EXIT_USAGE : TSN_EXIT_NOT_FOUND, err,
                             err == TSN_ETOOBIG ? "W040" : "C010", "", "%s: %s", cli->arg[1],
                             tsn_err_text(err));
    }
    char *text = tsn_alloc(4 * ((b.len + 2) / 3) + 1);
    (void)tsn_base64(text, b.data ? b.data : "", b.len);
    json_t *body = json_pack("{s:s, s:{s:s, s:s}}", "operation", "evidence.add", "args", "name",
                             name, "base64", text);
    free(text);
    tsn_buf_free(&b);
    int rc = tsn_client_call(
        cli, "POST", tsn_client_path(cli, "cases/%s/act", tsn_client_escape(cli, cli->arg[0])),
        body, NULL, &out);
    json_decref(body);
    if (rc)
        return rc;
    if (cli->json)
        tsn_out_json(cli, out);
    else
        (void)printf("%s  %s\n", tsn_json_str(out, "evidence", ""),
                     tsn_json_str(out, "digest", ""));
    json_decref(out);
    return TSN_EXIT_OK;
}

static void explain_list(struct tsn_cli *cli, const json_t *list, const char *what,
                         const char *name, bool only_fits)
{
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item)
    {
        bool fits = tsn_json_bool(item, "fits", false);
        if (only_fits && !fits && !tsn_json_bool(item, "planned", false))
            continue;
        (void)printf("%s %s ", fits ? "+" : "-", what);
        tsn_out_text(cli, stdout, fits ? TSN_BOLD : TSN_DIM, tsn_json_str(item, name, ""));
        (void)printf(" (%s): ", tsn_json_str(item, "policy", ""));
        tsn_out_text(cli, stdout, TSN_PLAIN, tsn_json_str(item, "because", ""));
        (void)printf("\n");
    }
}

/* What was asked in this case, and which rule said who decides. */
static void explain_asked(struct tsn_cli *cli, const json_t *list)
{
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item)
    {
        const json_t *rule = json_object_get(item, "rule");
        (void)printf("* %s ", tsn_json_str(item, "task", ""));
        tsn_out_text(cli, stdout, TSN_BOLD, tsn_json_str(item, "id", ""));
        (void)printf(" (%s): %lld of %s, ", tsn_json_str(item, "state", ""),
                     (long long)tsn_json_int(item, "people", 1),
                     tsn_json_str(item, "role", ""));
        if (json_is_object(rule))
            (void)printf("by plan %s of %s, because ", tsn_json_str(rule, "plan", ""),
                         tsn_json_str(rule, "policy", ""));
        tsn_out_text(cli, stdout, TSN_PLAIN,
                     tsn_json_str(rule, "because", "as the playbook says"));
        (void)printf("\n");
    }
}

int tsn_cmd_policy_explain(struct tsn_cli *cli)
{
    json_t *out;
    int rc = tsn_client_get(
        cli, tsn_client_path(cli, "cases/%s/policy", tsn_client_escape(cli, cli->arg[0])),
        &out);
    if (rc)
        return rc;
    if (cli->json) {
        tsn_out_json(cli, out);
    } else {
        json_t *plan = json_object_get(out, "plan");
        (void)printf("%s: plan ", tsn_json_str(out, "case", ""));
        tsn_out_text(cli, stdout, TSN_BOLD, tsn_json_str(plan, "id", "none"));
        (void)printf(" of %s\n", tsn_json_str(plan, "policy", "no policy"));
        static const char *const says[] = {"playbooks", "notify", "recipients"};
        for (size_t i = 0; i < sizeof says / sizeof says[0]; i++)
            if (json_object_get(plan, says[i]))
                (void)printf("  %s: %s\n", says[i],
                             tsn_out_value(cli, json_object_get(plan, says[i])));
        const json_t *unknown = json_object_get(out, "no_such_clocks");
        if (json_array_size(unknown) > 0)
            (void)printf("  ! no policy defines these clocks of the plan: %s\n",
                         tsn_out_value(cli, unknown));
        explain_list(cli, json_object_get(out, "considered"), "plan", "plan", false);
        explain_list(cli, json_object_get(out, "clocks"), "clock", "clock", true);
        explain_list(cli, json_object_get(out, "jurisdictions"), "rule", "rule", false);
        explain_asked(cli, json_object_get(out, "asked"));
    }
    json_decref(out);
    return TSN_EXIT_OK;
}
