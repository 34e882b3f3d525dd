/* cmd_mailbox.c - `tocsin mail receive|list|assign`: mails on their way into the daemon.
 *
 * Owns nothing. One thread; talks to the daemon.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/cli_list.h"
#include "cli/client.h"
#include "cli/out.h"
#include "core/buf.h"
#include "core/json.h"
#include "core/text.h"

#define MAIL_MAX  ((size_t)64 << 20)
#define MAIL_HEAD ((size_t)25 << 20) /* of a larger one: mail/mail.h */

/* Mail servers put an envelope line in front ("From a@b.example Tue Nov 24 ..."), which is no part of the
 * mail (RFC 4155) and another at each try. */
static void drop_envelope(struct tsn_buf *b)
{
    const char *end = b->len > 5 && memcmp(b->data, "From ", 5) == 0
                          ? memchr(b->data, '\n', b->len < 1000 ? b->len : 1000)
                          : NULL;

    if (end)
        tsn_buf_shift(b, (size_t)(end - b->data) + 1);
}

int tsn_cmd_mail_receive(struct tsn_cli *cli)
{
    struct tsn_answer a;
    struct tsn_buf b;
    char *raw;
    json_t *body;
    int exit = TSN_EXIT_OK;
    uint64_t whole = 0;
    tsn_err err;

    tsn_buf_init(&b, MAIL_MAX);
    err = tsn_buf_read_head(&b, cli->nargs ? cli->arg[0] : "/dev/stdin", MAIL_HEAD, &whole);
    if (err || b.len == 0) {
        tsn_buf_free(&b);
        return tsn_out_failf(cli, TSN_EXIT_FAILED, err ? err : TSN_EINPUT, "M001",
                             "the mail comes on standard input or as a file",
                             "no mail on standard input");
    }
    drop_envelope(&b);
    raw = tsn_alloc(4 * ((b.len + 2) / 3) + 1);
    tsn_base64(raw, b.data, b.len);
    body = json_pack("{s:s, s:s}", "raw", raw, "source", "pipe");
    if (whole > MAIL_MAX)
        json_object_set_new(body, "whole", json_integer((json_int_t)whole));
    free(raw);
    tsn_buf_free(&b);
    tsn_client_ask(cli, "POST", tsn_client_path(cli, "mails"), body, NULL, 0, &a);
    json_decref(body);
    if (a.status == 202) {
        if (cli->json)
            tsn_out_json(cli, a.body);
        else
            tsn_out_say(cli, "taken: %s%s", tsn_json_str(a.body, "mail", ""),
                        tsn_json_bool(a.body, "duplicate", false) ? " (we had it)" : "");
    } else if (a.status == 0 || a.status == 429 || a.status >= 500) {
        /* The mail server keeps it and tries again. */
        exit = tsn_out_failf(
            cli, TSN_EXIT_TRY_AGAIN, TSN_EBUSY, "M026",
            "it keeps waiting at the mail server; `tocsin status` shows the daemon",
            "not taken: %s", a.diag.what);
    } else {
        exit = tsn_out_fail(cli, a.exit, &a.diag);
    }
    tsn_answer_free(&a);
    return exit;
}

int tsn_cmd_mail_list(struct tsn_cli *cli)
{
    static const struct tsn_column columns[] = {
        {"MAIL", "mail", TSN_AS_TEXT}, {"STATE", "state", TSN_AS_WORD},
        {"CASE", "case", TSN_AS_TEXT}, {"RECEIVED", "received_at", TSN_AS_TIME},
        {"FROM", "from", TSN_AS_TEXT}, {"SUBJECT", "subject", TSN_AS_TEXT},
        {"WHY", "reason", TSN_AS_TEXT}};

    return TSN_CLI_LIST(cli, tsn_client_path(cli, "mails%s", tsn_cli_params(cli, NULL)),
                        columns);
}

int tsn_cmd_mail_assign(struct tsn_cli *cli)
{
    json_t *body = json_object(), *out;
    int rc;

    if (cli->given & TSN_BIT(TSN_FLAG_CASE))
        json_object_set_new(body, "case", json_string(cli->flag[TSN_FLAG_CASE]));
    tsn_client_reason(cli, body);
    rc = tsn_client_members(cli, body);
    if (rc) {
        json_decref(body);
        return rc;
    }
    rc = tsn_client_do(
        cli, "POST",
        tsn_client_path(cli, "mails/%s/assign", tsn_client_escape(cli, cli->arg[0])), body,
        &out);
    if (out)
        (void)printf("%s %s\n", tsn_json_str(out, "state", ""), tsn_json_str(out, "case", ""));
    json_decref(out);
    return rc;
}
