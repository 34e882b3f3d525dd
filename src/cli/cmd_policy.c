/* cmd_policy.c - clocks and policy documents. One thread; talks to the daemon, but for `check`. */
#include <stdlib.h>
#include <string.h>
#include "casework/policy.h"
#include "cli/client.h"
#include "cli/out.h"
#include "core/buf.h"
#include "core/json.h"

static void grid(struct tsn_cli *cli, const json_t *items, const char *const *titles,
                 const char *const *keys, size_t n)
{
    size_t i;
    json_t *item;
    struct tsn_grid *g = tsn_grid_new(cli, n);
    for (size_t k = 0; k < n; k++)
        tsn_grid_cell(g, TSN_DIM, titles[k]);
    json_array_foreach(items, i, item)
    {
        for (size_t k = 0; k < n; k++) {
            const json_t *v = json_object_get(item, keys[k]);
            const char *text = tsn_out_value(cli, v);
            if (!strcmp(keys[k], "due"))
                text = tsn_arena_printf(cli->arena, "%s  %s",
                                        tsn_out_time(cli, json_string_value(v)),
                                        tsn_out_left(cli, json_string_value(v)));
            tsn_grid_cell(g, k ? TSN_PLAIN : TSN_BOLD, text);
        }
    }
    tsn_grid_print(g, stdout, 0);
}

static int print(struct tsn_cli *cli, const char *path, const char *const *titles,
                 const char *const *keys, size_t n)
{
    json_t *out;
    int rc = tsn_client_get(cli, path, &out);
    if (rc)
        return rc;
    if (cli->json)
        tsn_out_json(cli, out);
    else if (json_array_size(json_object_get(out, "items")) == 0)
        tsn_out_say(cli, "none");
    else
        grid(cli, json_object_get(out, "items"), titles, keys, n);
    json_decref(out);
    return TSN_EXIT_OK;
}

int tsn_cmd_clock_list(struct tsn_cli *cli)
{
    static const char *const titles[] = {"CLOCK", "STATE", "DUE", "CASE", "OWNER", "WHAT"};
    static const char *const keys[] = {"clock", "state", "due", "case_name", "owner", "title"};
    const char *query = "";
    if ((cli->given & TSN_BIT(TSN_FLAG_CASE)) != 0)
        query = tsn_arena_printf(cli->arena, "?case=%s",
                                 tsn_client_escape(cli, cli->flag[TSN_FLAG_CASE]));
    const char *state = (cli->given & TSN_BIT(TSN_FLAG_ALL)) != 0 ? "all"
                        : (cli->given & TSN_BIT(TSN_FLAG_STATE)) != 0
                            ? cli->flag[TSN_FLAG_STATE]
                            : NULL;
    if (state)
        query = tsn_arena_printf(cli->arena, "%s%cstate=%s", query, query[0] ? '&' : '?',
                                 tsn_client_escape(cli, state));
    return print(cli, tsn_client_path(cli, "clocks%s", query), titles, keys, 6);
}

int tsn_cmd_policy_list(struct tsn_cli *cli)
{
    static const char *const titles[] = {"POLICY", "VERSION", "STATE",
                                         "KIND",   "OWNER",   "TITLE"};
    static const char *const keys[] = {"name", "version", "state", "kind", "owner", "title"};
    return print(cli,
                 tsn_client_path(cli, (cli->given & TSN_BIT(TSN_FLAG_ALL)) != 0
                                          ? "policies?state=all"
                                          : "policies"),
                 titles, keys, 6);
}

int tsn_cmd_policy_show(struct tsn_cli *cli)
{
    json_t *out;
    int rc = tsn_client_get(
        cli, tsn_client_path(cli, "policies/%s", tsn_client_escape(cli, cli->arg[0])), &out);
    if (rc)
        return rc;
    if (cli->json)
        tsn_out_json(cli, out);
    else
        tsn_out_text(cli, stdout, TSN_PLAIN, tsn_json_str(out, "body", ""));
    json_decref(out);
    return TSN_EXIT_OK;
}

static int read_file(struct tsn_cli *cli, const char *path, struct tsn_buf *b)
{
    tsn_buf_init(b, (size_t)1 << 20);
    tsn_err err = tsn_buf_read_file(b, path);
    if (!err)
        return 0;
    tsn_buf_free(b);
    return tsn_out_failf(cli, TSN_EXIT_NOT_FOUND, err, "C010", "", "%s: %s", path,
                         tsn_err_text(err));
}

int tsn_cmd_policy_check(struct tsn_cli *cli)
{
    int worst = TSN_EXIT_OK;
    for (size_t i = 0; i < cli->nargs; i++) {
        struct tsn_buf b;
        struct tsn_policy *p;
        struct tsn_diag diag;
        tsn_diag_init(&diag);
        int rc = read_file(cli, cli->arg[i], &b);
        if (rc)
            return rc;
        if (tsn_policy_parse(cli->arena, cli->arg[i], b.data ? b.data : "", b.len, &p, &diag)) {
            worst = tsn_out_fail(cli, TSN_EXIT_PROBLEMS, &diag);
        } else if (cli->json) {
            json_t *o = json_pack("{s:s, s:s, s:I, s:s, s:I}", "file", cli->arg[i], "name",
                                  p->name, "version", (json_int_t)p->version, "digest",
                                  p->digest, "clocks", (json_int_t)p->nclocks);
            tsn_out_json(cli, o);
            json_decref(o);
        } else {
            (void)printf("%s: %s@%lld (%s) is well formed\n", cli->arg[i], p->name,
                         (long long)p->version, tsn_policy_kind_names[p->kind]);
        }
        tsn_buf_free(&b);
    }
    return worst;
}

static int told(struct tsn_cli *cli, json_t *out)
{
    if (cli->json)
        tsn_out_json(cli, out);
    else
        (void)printf("%s@%lld is %s\n", tsn_json_str(out, "name", ""),
                     (long long)tsn_json_int(out, "version", 0),
                     tsn_json_str(out, "state", ""));
    json_decref(out);
    return TSN_EXIT_OK;
}

int tsn_cmd_policy_propose(struct tsn_cli *cli)
{
    struct tsn_buf b;
    json_t *out;
    int rc = read_file(cli, cli->arg[0], &b);
    if (rc)
        return rc;
    json_t *body = json_pack("{s:s}", "file", cli->arg[0]);
    json_object_set_new(body, "body", json_stringn(b.data ? b.data : "", b.len));
    tsn_buf_free(&b);
    rc = tsn_client_call(cli, "POST", tsn_client_path(cli, "policies"), body, NULL, &out);
    json_decref(body);
    return rc ? rc : told(cli, out);
}

/* "policy approve", "policy reject" */
int tsn_cmd_policy_decide(struct tsn_cli *cli)
{
    json_t *out;
    const char *reason =
        (cli->given & TSN_BIT(TSN_FLAG_REASON)) != 0 ? cli->flag[TSN_FLAG_REASON] : "";
    json_t *body = json_pack("{s:s, s:s}", "decision", strchr(cli->command->words, ' ') + 1,
                             "reason", reason);
    int rc = tsn_client_call(
        cli, "POST",
        tsn_client_path(cli, "policies/%s/decision", tsn_client_escape(cli, cli->arg[0])), body,
        NULL, &out);
    json_decref(body);
    return rc ? rc : told(cli, out);
}
