/* cmd_hook.c - `tocsin hook list|test`: webhooks that come in. Owns nothing. One thread; talks to the
 * daemon. */
#include <string.h>

#include "cli/cli_list.h"
#include "cli/client.h"
#include "cli/out.h"
#include "core/json.h"

int tsn_cmd_hook_list(struct tsn_cli *cli)
{
    static const struct tsn_column columns[] = {
        {"HOOK", "name", TSN_AS_TEXT},         {"PATH", "path", TSN_AS_TEXT},
        {"SCHEME", "scheme", TSN_AS_WORD},     {"BECOMES", "becomes", TSN_AS_TEXT},
        {"ACCEPTED", "accepted", TSN_AS_LEFT}, {"AGAIN", "duplicate", TSN_AS_LEFT},
        {"NO CASE", "unplaced", TSN_AS_LEFT},  {"REFUSED", "refused", TSN_AS_LEFT},
        {"LAST", "says", TSN_AS_TEXT}};
    json_t *page, *one;
    size_t i;
    int rc = tsn_client_get(cli, tsn_client_path(cli, "hooks"), &page);

    if (rc)
        return rc;
    if (cli->json) {
        tsn_out_json(cli, page);
    } else {
        json_array_foreach(json_object_get(page, "items"), i, one)
        {
            const json_t *last = json_object_get(one, "last");
            const char *why = tsn_json_str(last, "why", "");
            if (last && !json_is_null(last))
                json_object_set_new(one, "says",
                                    json_sprintf("%s%s%s", tsn_json_str(last, "outcome", ""),
                                                 why[0] ? ": " : "", why));
        }
        tsn_cli_rows(cli, json_object_get(page, "items"), columns,
                     sizeof(columns) / sizeof(columns[0]));
    }
    json_decref(page);
    return TSN_EXIT_OK;
}

/* What the hook says of the message that came last. */
static int last_of(struct tsn_cli *cli, const char *name, json_t **out)
{
    json_t *page, *one;
    size_t i;
    int rc = tsn_client_get(cli, tsn_client_path(cli, "hooks"), &page);

    *out = NULL;
    if (rc)
        return rc;
    json_array_foreach(json_object_get(page, "items"), i,
                       one) if (strcmp(tsn_json_str(one, "name", ""), name) == 0) *out =
        json_incref(json_object_get(one, "last"));
    json_decref(page);
    return TSN_EXIT_OK;
}

/* With --server it goes the way of real ones, through every proxy on it. */
int tsn_cmd_hook_test(struct tsn_cli *cli)
{
    const char *name = cli->arg[0];
    struct tsn_answer a;
    json_t *sample, *last, *v;
    const char *header;
    struct tsn_client_header headers[4];
    size_t n = 0;
    int rc = tsn_client_call(
        cli, "POST", tsn_client_path(cli, "hooks/%s/sample", tsn_client_escape(cli, name)),
        NULL, NULL, &sample);

    if (rc)
        return rc;
    json_object_foreach(json_object_get(sample, "headers"), header, v) if (n < 4) headers[n++] =
        (struct tsn_client_header){header, json_string_value(v)};
    tsn_client_send(cli, tsn_json_str(sample, "path", ""), headers, n,
                    tsn_json_str(sample, "body", ""), &a);
    rc = a.status ? last_of(cli, name, &last) : a.exit;
    if (a.status == 0) {
        rc = tsn_out_fail(cli, a.exit, &a.diag);
    } else if (!rc) {
        bool ok = a.status == 202 && strcmp(tsn_json_str(last, "outcome", ""), "test") == 0;
        rc = ok ? TSN_EXIT_OK : TSN_EXIT_PROBLEMS;
        if (cli->json) {
            json_t *out = json_pack("{s:b, s:i, s:O, s:O}", "ok", ok, "status", a.status,
                                    "sent", sample, "arrived", last);
            tsn_out_json(cli, out);
            json_decref(out);
        } else if (ok) {
            tsn_out_say(cli,
                        "ok: %lld bytes came as they were sent, and a key of hook %s signed "
                        "them; nothing was started",
                        (long long)tsn_json_int(last, "bytes", 0), name);
        } else {
            struct tsn_diag diag;
            tsn_diag_init(&diag);
            (void)tsn_diag_set(&diag, TSN_EUNAUTH, tsn_json_str(last, "code", "H080"),
                               "sent %lld bytes, %lld came: %s",
                               (long long)tsn_json_int(sample, "bytes", 0),
                               (long long)tsn_json_int(last, "bytes", 0),
                               tsn_json_str(last, "why", "another message came meanwhile"));
            tsn_diag_hint(&diag, "%s", tsn_json_str(last, "hint", "try it again"));
            (void)tsn_out_fail(cli, rc, &diag);
        }
        json_decref(last);
    }
    tsn_answer_free(&a);
    json_decref(sample);
    return rc;
}
