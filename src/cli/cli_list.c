/* cli_list.c - lists of the daemon as columns or JSON, and the query the flags make. */
#include "cli/cli_list.h"

#include "cli/client.h"
#include "cli/out.h"
#include "core/json.h"

const char *tsn_cli_params(struct tsn_cli *cli, const char *extra)
{
    static const struct {
        enum tsn_flag flag;
        const char *name;
    } map[] = {
        {TSN_FLAG_STATE, "state"}, {TSN_FLAG_CASE, "case"},         {TSN_FLAG_RUN, "run"},
        {TSN_FLAG_KIND, "kind"},   {TSN_FLAG_PLAYBOOK, "playbook"}, {TSN_FLAG_LIMIT, "limit"},
        {TSN_FLAG_FROM, "from"},
    };
    const char *out = extra ? tsn_arena_printf(cli->arena, "?%s", extra) : "";
    for (size_t i = 0; i < sizeof(map) / sizeof(map[0]); i++) {
        if (cli->given & TSN_BIT(map[i].flag))
            out = tsn_arena_printf(cli->arena, "%s%c%s=%s", out, out[0] ? '&' : '?',
                                   map[i].name, tsn_client_escape(cli, cli->flag[map[i].flag]));
    }
    return out;
}

void tsn_cli_rows(struct tsn_cli *cli, const json_t *items, const struct tsn_column *columns,
                  size_t n)
{
    if (json_array_size(items) == 0) {
        tsn_out_say(cli, "none");
        return;
    }
    struct tsn_grid *g = tsn_grid_new(cli, n);
    for (size_t i = 0; i < n; i++)
        tsn_grid_cell(g, TSN_DIM, columns[i].title);
    size_t at;
    json_t *item;
    json_array_foreach(items, at, item)
    {
        for (size_t i = 0; i < n; i++) {
            const json_t *v = json_object_get(item, columns[i].key);
            const char *text = tsn_out_value(cli, v);
            enum tsn_style style = TSN_PLAIN;
            if (columns[i].as == TSN_AS_TIME)
                text = tsn_out_time(cli, json_string_value(v));
            else if (columns[i].as == TSN_AS_LEFT)
                text = tsn_out_left(cli, json_string_value(v));
            else if (columns[i].as == TSN_AS_WORD)
                style = tsn_out_style_of(text);
            tsn_grid_cell(g, style, text);
        }
    }
    tsn_grid_print(g, stdout, 0);
}

int tsn_cli_list(struct tsn_cli *cli, const char *path, const struct tsn_column *columns,
                 size_t n)
{
    json_t *out;
    int rc = tsn_client_get(cli, path, &out);
    if (rc)
        return rc;
    if (cli->json) {
        tsn_out_json(cli, out);
    } else {
        tsn_cli_rows(cli, json_object_get(out, "items"), columns, n);
        const char *next = tsn_json_str(out, "next", NULL);
        if (next)
            tsn_out_say(cli, "... more; --limit N shows up to 1,000");
    }
    json_decref(out);
    return TSN_EXIT_OK;
}
