/* cmd_ssvc.c - ssvc: the decision tables, and what one of them says. No daemon. One thread. */
#include <string.h>
#include "casework/ssvc.h"
#include "cli/out.h"
#include "core/json.h"

/* "none, public-poc, active" */
static const char *joined(struct tsn_cli *cli, const json_t *list)
{
    const char *out = "";
    size_t i;
    json_t *v;
    json_array_foreach(list, i, v)
    {
        out = tsn_arena_printf(cli->arena, "%s%s%s", out, i ? ", " : "", json_string_value(v));
    }
    return out;
}

static int show_tables(struct tsn_cli *cli, const struct tsn_ssvc_table *only)
{
    json_t *list = tsn_ssvc_tables_json(only), *t, *p;
    size_t i, k;
    if (cli->json) {
        json_t *o = json_pack("{s:O}", "items", list);
        tsn_out_json(cli, o);
        json_decref(o);
        json_decref(list);
        return TSN_EXIT_OK;
    }
    struct tsn_grid *g = tsn_grid_new(cli, 2);
    json_array_foreach(list, i, t)
    {
        tsn_grid_cell(g, TSN_BOLD, tsn_json_str(t, "table", ""));
        tsn_grid_cell(g, TSN_PLAIN,
                      tsn_arena_printf(cli->arena, "%s %s", tsn_json_str(t, "name", ""),
                                       tsn_json_str(t, "version", "")));
        json_array_foreach(json_object_get(t, "points"), k, p)
        {
            tsn_grid_cell(g, TSN_PLAIN,
                          tsn_arena_printf(cli->arena, "  %s", tsn_json_str(p, "point", "")));
            tsn_grid_cell(g, TSN_PLAIN, joined(cli, json_object_get(p, "values")));
        }
        tsn_grid_cell(g, TSN_DIM, "  outcome");
        tsn_grid_cell(g, TSN_DIM,
                      joined(cli, json_object_get(json_object_get(t, "outcome"), "values")));
    }
    tsn_grid_print(g, stdout, 0);
    json_decref(list);
    return TSN_EXIT_OK;
}

static void show_decision(struct tsn_cli *cli, const json_t *made)
{
    const char *outcome = tsn_json_str(made, "outcome", NULL);
    size_t i;
    json_t *v;
    if (outcome)
        tsn_out_text(cli, stdout, TSN_BOLD, outcome);
    else
        (void)printf("open: %s", joined(cli, json_object_get(made, "possible")));
    (void)putchar('\n');
    if (cli->quiet)
        return;
    (void)printf("  by %s %s\n", tsn_json_str(made, "name", ""),
                 tsn_json_str(made, "version", ""));
    json_array_foreach(json_object_get(made, "points"), i, v)
    {
        const json_t *from = json_object_get(v, "from");
        (void)printf("  %s = %s%s%s%s\n", tsn_json_str(v, "point", ""),
                     tsn_json_str(v, "value", ""), from ? " (from " : "",
                     from ? joined(cli, from) : "", from ? ")" : "");
    }
    json_array_foreach(json_object_get(made, "missing"), i, v)
    {
        (void)printf("  %s is missing\n", json_string_value(v));
    }
    json_array_foreach(json_object_get(made, "because"), i, v)
    {
        (void)printf("  with %s = %s it would be %s\n", tsn_json_str(v, "point", ""),
                     tsn_json_str(v, "value", ""), tsn_json_str(v, "instead", ""));
    }
}

int tsn_cmd_ssvc(struct tsn_cli *cli)
{
    struct tsn_diag d;
    tsn_diag_init(&d);
    if (cli->nargs == 0)
        return show_tables(cli, NULL);
    const struct tsn_ssvc_table *t = tsn_ssvc_find(cli->arg[0], &d);
    if (!t)
        return tsn_out_fail(cli, TSN_EXIT_USAGE, &d);
    if (cli->nargs == 1)
        return show_tables(cli, t);
    json_t *given = json_object(), *made = NULL;
    for (size_t i = 1; i < cli->nargs; i++) {
        const char *eq = strchr(cli->arg[i], '=');
        if (!eq || eq == cli->arg[i] || !eq[1]) {
            json_decref(given);
            return tsn_out_failf(cli, TSN_EXIT_USAGE, TSN_EINPUT, "U003",
                                 "tocsin ssvc supplier exploitation=active utility=efficient",
                                 "`%s` is not POINT=VALUE", cli->arg[i]);
        }
        json_t *value = json_string(eq + 1);
        json_object_set_new(
            given, tsn_arena_strndup(cli->arena, cli->arg[i], (size_t)(eq - cli->arg[i])),
            value ? value : json_string(""));
    }
    tsn_err err = tsn_ssvc_decide(t, given, &made, &d);
    json_decref(given);
    if (err)
        return tsn_out_fail(cli, TSN_EXIT_USAGE, &d);
    bool decided = json_is_string(json_object_get(made, "outcome"));
    if (cli->json)
        tsn_out_json(cli, made);
    else
        show_decision(cli, made);
    json_decref(made);
    return decided ? TSN_EXIT_OK : TSN_EXIT_PARTLY;
}
