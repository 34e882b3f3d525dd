/* cmd_feed.c - feeds and decisions: what came in, what it led to, and a person's word on both.
 * One thread; talks to the daemon. */
#include "cli/cli_list.h"
#include "cli/client.h"
#include "cli/out.h"
#include "core/json.h"

#include <stdio.h>

int tsn_cmd_feed_show(struct tsn_cli *cli)
{
    static const char *const keys[] = {"documents",   "observed",  "revised",
                                       "quarantined", "duplicate", "pending"};
    static const char *const said[] = {"trust", "storm", "paused_by", "error"};
    json_t *out;
    int rc = tsn_client_get(
        cli, tsn_client_path(cli, "feeds/%s", tsn_client_escape(cli, cli->arg[0])), &out);
    if (rc)
        return rc;
    if (cli->json) {
        tsn_out_json(cli, out);
    } else {
        const json_t *d = json_object_get(out, "decisions");
        struct tsn_grid *g = tsn_grid_new(cli, 2);
        for (size_t i = 0; i < 6; i++) {
            tsn_grid_cell(g, TSN_DIM, keys[i]);
            tsn_grid_cell(g, TSN_PLAIN, tsn_out_value(cli, json_object_get(out, keys[i])));
        }
        tsn_grid_cell(g, TSN_DIM, "decisions");
        tsn_grid_cell(g, TSN_PLAIN,
                      tsn_arena_printf(cli->arena, "%lld open, %lld held, %lld done",
                                       (long long)tsn_json_int(d, "open", 0),
                                       (long long)tsn_json_int(d, "held", 0),
                                       (long long)tsn_json_int(d, "done", 0)));
        for (size_t i = 0; i < 4; i++) {
            if (tsn_json_str(out, said[i], NULL)) {
                tsn_grid_cell(g, TSN_DIM, said[i]);
                tsn_grid_cell(g, TSN_BOLD, tsn_json_str(out, said[i], ""));
            }
        }
        tsn_grid_print(g, stdout, 0);
    }
    json_decref(out);
    return TSN_EXIT_OK;
}

/* --- decisions ----------------------------------------------------------------------------- */

int tsn_cmd_decision_list(struct tsn_cli *cli)
{
    static const struct tsn_column columns[] = {
        {"DECISION", "id", TSN_AS_TEXT},     {"STATE", "state", TSN_AS_WORD},
        {"VERDICT", "verdict", TSN_AS_WORD}, {"ADVISORY", "advisory", TSN_AS_TEXT},
        {"PRODUCT", "product", TSN_AS_TEXT}, {"BAND", "band", TSN_AS_TEXT},
        {"CASE", "case", TSN_AS_TEXT},       {"WHY", "reason", TSN_AS_TEXT}};
    return TSN_CLI_LIST(cli, tsn_client_path(cli, "decisions%s", tsn_cli_params(cli, NULL)),
                        columns);
}

int tsn_cmd_decision_show(struct tsn_cli *cli)
{
    static const char *const keys[] = {"advisory", "feed",   "state",      "verdict", "reason",
                                       "rule",     "band",   "product",    "case",    "run",
                                       "by",       "due_at", "decided_at", "digest"};
    json_t *out, *v;
    const char *key;
    int rc = tsn_client_get(
        cli, tsn_client_path(cli, "decisions/%s", tsn_client_escape(cli, cli->arg[0])), &out);
    if (rc)
        return rc;
    if (cli->json) {
        tsn_out_json(cli, out);
    } else {
        struct tsn_grid *g = tsn_grid_new(cli, 2);
        for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
            v = json_object_get(out, keys[i]);
            if (v && !json_is_null(v)) {
                tsn_grid_cell(g, TSN_DIM, keys[i]);
                tsn_grid_cell(g, TSN_PLAIN, tsn_out_value(cli, v));
            }
        }
        json_object_foreach(json_object_get(json_object_get(out, "input"), "inputs"), key, v)
        {
            tsn_grid_cell(g, TSN_DIM, tsn_arena_printf(cli->arena, "from %s", key));
            tsn_grid_cell(g, TSN_PLAIN, tsn_out_value(cli, v));
        }
        tsn_grid_print(g, stdout, 0);
    }
    json_decref(out);
    return TSN_EXIT_OK;
}
