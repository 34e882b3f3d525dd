/* cmd_log.c - audit log: entries by query, through the daemon. Owns nothing. One thread. */
#include <stdlib.h>
#include <string.h>
#include "cli/client.h"
#include "cli/out.h"
#include "core/buf.h"
#include "core/json.h"
#include "core/text.h"
#include "store/log_query.h"

#define PAGE 1000

/* The words of the command line are the query. */
const char *tsn_cli_query(struct tsn_cli *cli)
{
    const char *q = "";

    for (size_t i = 0; i < cli->nargs; i++)
        q = tsn_arena_printf(cli->arena, "%s%s%s", q, i ? " " : "", cli->arg[i]);
    return q;
}

static const char *param(struct tsn_cli *cli, const char *name, const char *value)
{
    return value && value[0]
               ? tsn_arena_printf(cli->arena, "&%s=%s", name, tsn_client_escape(cli, value))
               : "";
}

/* One page; `older` or `next` in it says where to go on. */
static int page(struct tsn_cli *cli, const char *query, const char *from, const char *before,
                int64_t limit, json_t **out)
{
    return tsn_client_get(cli,
                          tsn_client_path(cli, "audit/entries?limit=%lld%s%s%s",
                                          (long long)limit, param(cli, "q", query),
                                          param(cli, "from", from),
                                          param(cli, "before", before)),
                          out);
}

/* Pages until there are enough or the log ends: a page may come back short. */
static int collect(struct tsn_cli *cli, int64_t limit, json_t *items, const char **next,
                   bool up)
{
    const char *query = tsn_cli_query(cli);
    const char *from = cli->given & TSN_BIT(TSN_FLAG_FROM) ? cli->flag[TSN_FLAG_FROM] : NULL;
    const char *before =
        cli->given & TSN_BIT(TSN_FLAG_BEFORE) ? cli->flag[TSN_FLAG_BEFORE] : NULL;

    for (*next = NULL;;) {
        int64_t want = limit - (int64_t)json_array_size(items);
        json_t *out = NULL, *e;
        size_t i;
        int rc = page(cli, query, from, before, want < PAGE ? want : PAGE, &out);

        if (rc)
            return rc;
        json_array_foreach(json_object_get(out, "items"), i, e)
        {
            if (up)
                json_array_append(items, e);
            else
                json_array_insert(items, i, e); /* older ones go before */
        }
        *next = tsn_arena_strdup(cli->arena, tsn_json_str(out, up ? "next" : "older", NULL));
        json_decref(out);
        if (!*next || (int64_t)json_array_size(items) >= limit)
            return 0;
        if (up)
            from = *next;
        else
            before = *next;
    }
}

static const char *change_of(struct tsn_cli *cli, const json_t *e)
{
    const char *from = tsn_json_str(e, "from", NULL), *to = tsn_json_str(e, "to", NULL);

    if (!from && !to)
        return "";
    return tsn_arena_printf(cli->arena, "%s -> %s", from ? from : "-", to ? to : "-");
}

static void print_table(struct tsn_cli *cli, const json_t *items)
{
    struct tsn_grid *g = tsn_grid_new(cli, 8);
    size_t i;
    json_t *e;

    json_array_foreach(items, i, e)
    {
        const char *outcome = tsn_json_str(e, "outcome", NULL);

        tsn_grid_cell(
            g, TSN_BOLD,
            tsn_arena_printf(cli->arena, "#%lld", (long long)tsn_json_int(e, "seq", -1)));
        tsn_grid_cell(g, TSN_PLAIN, tsn_out_time(cli, tsn_json_str(e, "time", NULL)));
        tsn_grid_cell(g, TSN_PLAIN, tsn_json_str(e, "kind", NULL));
        tsn_grid_cell(g, TSN_PLAIN, tsn_json_str(e, "actor", NULL));
        tsn_grid_cell(g, tsn_out_style_of(outcome), outcome);
        tsn_grid_cell(g, TSN_PLAIN, tsn_json_str(e, "reason", NULL));
        tsn_grid_cell(g, TSN_PLAIN, change_of(cli, e));
        tsn_grid_cell(g, TSN_DIM, tsn_json_str(e, "chain", NULL));
    }
    tsn_grid_print(g, stdout, 0);
}

int tsn_cmd_audit_log(struct tsn_cli *cli)
{
    const char *text = cli->given & TSN_BIT(TSN_FLAG_LIMIT) ? cli->flag[TSN_FLAG_LIMIT] : "100";
    bool up = cli->given & TSN_BIT(TSN_FLAG_FROM);
    const char *next;
    int64_t limit;

    if (tsn_parse_int(text, 1, 1000000, &limit))
        return tsn_out_failf(cli, TSN_EXIT_USAGE, TSN_EINPUT, "U002", "",
                             "--limit must be a number from 1 to 1000000");
    json_t *items = json_array();
    int rc = collect(cli, limit, items, &next, up);
    if (!rc && cli->json) {
        json_t *out = json_pack("{s:O, s:s?}", "items", items, up ? "next" : "older", next);
        tsn_out_json(cli, out);
        json_decref(out);
    } else if (!rc) {
        print_table(cli, items);
        if (next)
            tsn_out_say(cli, "... %s: tocsin audit log %s --%s %s", up ? "more" : "older",
                        tsn_cli_query(cli), up ? "from" : "before", next);
    }
    json_decref(items);
    return rc;
}
