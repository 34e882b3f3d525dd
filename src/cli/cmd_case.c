/* cmd_case.c - operations on a case and where its tracks stand.
 *
 * Every operation has the same shape, so one function serves them all: `case do ID OPERATION`, and
 * the commands whose words are the operation's name (`embargo propose ID`). One thread; talks to
 * the daemon.
 */
#include <string.h>
#include "cli/client.h"
#include "cli/out.h"
#include "core/json.h"

/* K=V of --set: true, false, numbers, JSON lists and objects are such, everything else is text. */
int tsn_cli_set_json(struct tsn_cli *cli, json_t *args)
{
    for (size_t i = 0; i < cli->nset; i++) {
        const char *eq = strchr(cli->set[i], '=');
        if (!eq || eq == cli->set[i])
            return tsn_out_failf(cli, TSN_EXIT_USAGE, TSN_EINPUT, "U002", "",
                                 "--set wants NAME=VALUE, not `%.64s`", cli->set[i]);
        const char *key =
            tsn_arena_strndup(cli->arena, cli->set[i], (size_t)(eq - cli->set[i]));
        json_t *value = NULL;
        const char *text = eq + 1;
        bool special =
            !strcmp(text, "true") || !strcmp(text, "false") || text[0] == '[' || text[0] == '{';
        if (special)
            value = json_loads(text, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
        if (!value)
            value = json_string(text);
        if (!value)
            return tsn_out_failf(cli, TSN_EXIT_USAGE, TSN_EINPUT, "U002", "",
                                 "the value of `%.64s` is not UTF-8", key);
        json_object_set_new(args, key, value);
    }
    if (cli->given & TSN_BIT(TSN_FLAG_REASON))
        json_object_set_new(args, "reason", json_string(cli->flag[TSN_FLAG_REASON]));
    return 0;
}

static int do_op(struct tsn_cli *cli, const char *ref, const char *operation)
{
    json_t *args = json_object(), *out = NULL;
    int rc = tsn_cli_set_json(cli, args);
    json_t *body = json_pack("{s:s, s:o}", "operation", operation, "args", args);
    if (!rc)
        rc = tsn_client_call(cli, "POST",
                             tsn_client_path(cli, "cases/%s/act", tsn_client_escape(cli, ref)),
                             body, NULL, &out);
    json_decref(body);
    if (rc)
        return rc;
    if (cli->json) {
        tsn_out_json(cli, out);
    } else {
        const char *key;
        json_t *v;
        json_object_foreach(out, key, v)
        {
            (void)printf("%s: ", key);
            if (json_is_object(v) || json_is_array(v)) {
                char *text = tsn_json_text(v);
                tsn_out_text(cli, stdout, TSN_PLAIN, text);
                free(text);
            } else {
                tsn_out_text(cli, stdout, TSN_PLAIN, tsn_out_value(cli, v));
            }
            (void)printf("\n");
        }
    }
    json_decref(out);
    return TSN_EXIT_OK;
}

int tsn_cmd_case_do(struct tsn_cli *cli)
{
    return do_op(cli, cli->arg[0], cli->arg[1]);
}

/* "case tell": what happened, for a playbook that waits for it. */
int tsn_cmd_case_tell(struct tsn_cli *cli)
{
    json_t *fields = json_object(), *out = NULL;
    int rc = tsn_cli_set_json(cli, fields);
    if (rc) {
        json_decref(fields);
        return rc;
    }
    rc = tsn_client_do(
        cli, "POST",
        tsn_client_path(cli, "cases/%s/events", tsn_client_escape(cli, cli->arg[0])),
        json_pack("{s:s, s:o}", "event", cli->arg[1], "body", fields), &out);
    if (out)
        tsn_out_say(cli, tsn_json_bool(out, "taken", false)
                             ? "told: a run goes on"
                             : "told: nothing waits for it yet, it is kept");
    json_decref(out);
    return rc;
}

/* "embargo propose": the operation embargo.propose. */
int tsn_cmd_case_op(struct tsn_cli *cli)
{
    char *name = tsn_arena_strdup(cli->arena, cli->command->words);
    char *space = strchr(name, ' ');
    if (space)
        *space = '.';
    return do_op(cli, cli->arg[0], name);
}

int tsn_cmd_case_operations(struct tsn_cli *cli)
{
    json_t *out, *item;
    size_t i;
    int rc = tsn_client_get(cli, tsn_client_path(cli, "case-operations"), &out);
    if (rc)
        return rc;
    if (cli->json) {
        tsn_out_json(cli, out);
    } else {
        struct tsn_grid *g = tsn_grid_new(cli, 4);
        static const char *const titles[] = {"OPERATION", "WHO", "ARGUMENTS (! needed)",
                                             "WHAT"};
        static const char *const keys[] = {"name", "who", "arguments", "summary"};
        for (size_t k = 0; k < 4; k++)
            tsn_grid_cell(g, TSN_DIM, titles[k]);
        json_array_foreach(json_object_get(out, "items"), i, item) for (size_t k = 0; k < 4;
                                                                        k++)
            tsn_grid_cell(g, k ? TSN_PLAIN : TSN_BOLD, tsn_json_str(item, keys[k], ""));
        tsn_grid_print(g, stdout, 0);
    }
    json_decref(out);
    return TSN_EXIT_OK;
}

int tsn_cmd_case_tracks(struct tsn_cli *cli)
{
    json_t *out, *list, *item;
    const char *track;
    size_t i;
    int rc = tsn_client_get(
        cli, tsn_client_path(cli, "cases/%s/tracks", tsn_client_escape(cli, cli->arg[0])),
        &out);
    if (rc)
        return rc;
    if (cli->json) {
        tsn_out_json(cli, out);
        json_decref(out);
        return TSN_EXIT_OK;
    }
    json_t *phase = json_object_get(out, "phase");
    (void)printf("%s  ", tsn_json_str(out, "case", ""));
    tsn_out_text(cli, stdout, TSN_BOLD, tsn_json_str(phase, "name", ""));
    const char *needs = "";
    json_array_foreach(json_object_get(phase, "next_needs"), i, item) needs =
        tsn_arena_printf(cli->arena, "%s%s%s", needs, i ? ", " : "", json_string_value(item));
    (void)printf("  (%s)%s%s\n", tsn_json_str(phase, "workflow", ""),
                 needs[0] ? "  next needs: " : "", needs);
    struct tsn_grid *g = tsn_grid_new(cli, 4);
    static const char *const titles[] = {"TRACK", "STATE", "SINCE", "WHAT"};
    for (size_t k = 0; k < 4; k++)
        tsn_grid_cell(g, TSN_DIM, titles[k]);
    json_object_foreach(out, track, list)
    {
        if (!json_is_array(list))
            continue;
        json_array_foreach(list, i, item)
        {
            tsn_grid_cell(g, TSN_PLAIN, track);
            tsn_grid_cell(g, TSN_BOLD, tsn_json_str(item, "state", ""));
            tsn_grid_cell(g, TSN_PLAIN, tsn_out_time(cli, tsn_json_str(item, "since", NULL)));
            tsn_grid_cell(g, TSN_PLAIN, tsn_json_str(item, "name", ""));
        }
    }
    tsn_grid_print(g, stdout, 0);
    json_decref(out);
    return TSN_EXIT_OK;
}
