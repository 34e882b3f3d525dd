/* cmd_seal.c - audit head, new-epoch, rotate-key: what is signed, and what two people do together.
 *
 * Owns nothing. One thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "cli/client.h"
#include "cli/out.h"
#include "core/json.h"

int tsn_cmd_audit_head(struct tsn_cli *cli)
{
    const char *path = cli->given & TSN_BIT(TSN_FLAG_OUT) ? cli->flag[TSN_FLAG_OUT] : "-";
    json_t *out;
    int rc = tsn_client_get(cli, tsn_client_path(cli, "audit/checkpoint"), &out);
    if (rc)
        return rc;
    const char *note = tsn_json_str(out, "note", NULL);
    if (!note) {
        json_decref(out);
        return tsn_out_failf(cli, TSN_EXIT_NOT_FOUND, TSN_ENOTFOUND, "V105",
                             "The first one comes within a second of the first entry.",
                             "no checkpoint is signed yet");
    }
    if (strcmp(path, "-") != 0) {
        FILE *f = fopen(path, "we");
        bool good = f && fputs(note, f) >= 0;
        if (f)
            good = fclose(f) == 0 && good;
        if (!good) {
            json_decref(out);
            return tsn_out_failf(cli, TSN_EXIT_FAILED, tsn_err_from_errno(errno), "U008", "",
                                 "%s: %s", path, strerror(errno));
        }
    }
    if (cli->json)
        tsn_out_json(cli, out);
    else if (strcmp(path, "-") == 0)
        (void)fputs(note, stdout);
    if (!cli->json)
        tsn_out_say(cli, "%lld entries, %lld of %lld witnesses. Key: %s",
                    (long long)tsn_json_int(out, "size", 0),
                    (long long)tsn_json_int(out, "cosigned", 0),
                    (long long)tsn_json_int(out, "witnesses", 0), tsn_json_str(out, "key", ""));
    json_decref(out);
    return TSN_EXIT_OK;
}

/* The first person gives --reason and sees what to agree to; the second gives --plan. */
static int two_people(struct tsn_cli *cli, const char *path, json_t *body, const char *again)
{
    const char *plan = cli->given & TSN_BIT(TSN_FLAG_PLAN) ? cli->flag[TSN_FLAG_PLAN] : NULL;
    const char *reason =
        cli->given & TSN_BIT(TSN_FLAG_REASON) ? cli->flag[TSN_FLAG_REASON] : NULL;
    json_t *out;
    if (!plan == !reason) {
        json_decref(body);
        return tsn_out_failf(cli, TSN_EXIT_USAGE, TSN_EINPUT, "U004",
                             "The first person gives --reason, the second --plan.",
                             "either --reason or --plan");
    }
    if (plan)
        json_object_set_new(body, "digest", json_string(plan));
    else
        json_object_set_new(body, "reason", json_string(reason));
    int rc = tsn_client_call(cli, "POST", tsn_client_path(cli, "%s", path), body, NULL, &out);
    json_decref(body);
    if (rc)
        return rc;
    if (cli->json) {
        tsn_out_json(cli, out);
    } else if (strcmp(tsn_json_str(out, "state", ""), "waits") == 0) {
        tsn_out_text(cli, stdout, TSN_PLAIN, tsn_json_str(out, "shown", ""));
        (void)printf("reason     %s\nasked by   %s\n", tsn_json_str(out, "reason", ""),
                     tsn_json_str(out, "asked_by", ""));
        tsn_out_say(cli, "A second person must agree within the hour:\n  tocsin %s --plan %s",
                    again, tsn_json_str(out, "digest", ""));
    } else {
        (void)printf("Done: asked by %s, agreed by %s.\nkey        %s\n",
                     tsn_json_str(out, "asked_by", ""), tsn_json_str(out, "agreed_by", ""),
                     tsn_json_str(out, "key", ""));
        tsn_out_say(cli, "Give the key to your auditors.");
    }
    json_decref(out);
    return TSN_EXIT_OK;
}

int tsn_cmd_audit_new_epoch(struct tsn_cli *cli)
{
    return two_people(cli, "audit/epoch", json_object(), "audit new-epoch");
}

int tsn_cmd_audit_rotate_key(struct tsn_cli *cli)
{
    bool end = strcmp(cli->arg[0], "end") == 0;
    if (!end && strcmp(cli->arg[0], "begin") != 0)
        return tsn_out_failf(cli, TSN_EXIT_USAGE, TSN_EINPUT, "U002",
                             "begin: both keys sign; end: the new one alone.",
                             "`%s` is neither begin nor end", cli->arg[0]);
    return two_people(cli, "audit/key", json_pack("{s:b}", "end", end),
                      end ? "audit rotate-key end" : "audit rotate-key begin");
}
