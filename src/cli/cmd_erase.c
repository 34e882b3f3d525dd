/* cmd_erase.c - audit erase: one person asks with --basis and --reason, another agrees with --agree.
 * Owns nothing. One thread. */
#include <string.h>
#include "cli/client.h"
#include "cli/out.h"
#include "core/json.h"

static const char *given(const struct tsn_cli *cli, enum tsn_flag flag)
{
    return cli->given & TSN_BIT(flag) ? cli->flag[flag] : NULL;
}

static int usage(struct tsn_cli *cli, const char *what)
{
    return tsn_out_failf(
        cli, TSN_EXIT_USAGE, TSN_EINPUT, "U004",
        "tocsin audit erase TARGET --basis gdpr-17 --reason TEXT, then another "
        "person: tocsin audit erase --agree ENTRY",
        "%s", what);
}

int tsn_cmd_audit_erase(struct tsn_cli *cli)
{
    const char *agree = given(cli, TSN_FLAG_AGREE), *basis = given(cli, TSN_FLAG_BASIS);
    const char *reason = given(cli, TSN_FLAG_REASON), *path = "audit/erasures";
    json_t *out, *body = json_object();
    int rc;

    if (agree && (cli->nargs || basis || reason)) {
        json_decref(body);
        return usage(cli, "--agree stands alone");
    }
    if (!agree && (!cli->nargs || !basis || !reason)) {
        json_decref(body);
        return usage(cli, "a target, --basis and --reason are needed");
    }
    if (agree) {
        path = tsn_arena_printf(cli->arena, "audit/erasures/%s",
                                tsn_client_escape(cli, agree[0] == '#' ? agree + 1 : agree));
    } else {
        json_object_set_new(body, "target", json_string(cli->arg[0]));
        json_object_set_new(body, "basis", json_string(basis));
        json_object_set_new(body, "reason", json_string(reason));
    }
    rc = tsn_client_call(cli, "POST", tsn_client_path(cli, "%s", path), body, NULL, &out);
    json_decref(body);
    if (rc)
        return rc;
    if (cli->json)
        tsn_out_json(cli, out);
    else if (strcmp(tsn_json_str(out, "state", ""), "waits") == 0)
        tsn_out_say(cli,
                    "Nothing is erased yet. Another person agrees within a week:\n"
                    "  tocsin audit erase --agree %lld",
                    (long long)tsn_json_int(out, "entry", -1));
    else
        tsn_out_say(cli, "%lld payloads are destroyed; entry #%lld says so for ever.",
                    (long long)tsn_json_int(out, "payloads", 0),
                    (long long)tsn_json_int(out, "entry", -1));
    json_decref(out);
    return TSN_EXIT_OK;
}
