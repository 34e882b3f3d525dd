/* cmd_secret.c - `tocsin secret set|list|remove`. A value comes from the terminal, without an echo, or
 * from standard input; never from a flag or the environment, which others can see. One thread. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "cli/cli_list.h"
#include "cli/client.h"
#include "cli/out.h"
#include "core/crypto.h"
#include "core/json.h"
#include "core/secret.h"

/* One line of the terminal without showing it; the line end is not part of it. */
static bool ask(const char *question, char *out, size_t cap)
{
    struct termios was, quiet;
    bool set = tcgetattr(STDIN_FILENO, &was) == 0;
    if (set) {
        quiet = was;
        quiet.c_lflag &= ~(tcflag_t)ECHO;
        set = tcsetattr(STDIN_FILENO, TCSADRAIN, &quiet) == 0;
    }
    /* Only now: what is typed from here on is not shown. */
    (void)fprintf(stderr, "%s", question);
    (void)fflush(stderr);
    bool got = fgets(out, (int)cap, stdin) != NULL;
    if (set)
        (void)tcsetattr(STDIN_FILENO, TCSADRAIN, &was);
    (void)fputc('\n', stderr);
    if (got)
        out[strcspn(out, "\r\n")] = '\0';
    return got;
}

/* All of standard input but for line ends behind it; -1: too long, or a zero byte in it. */
static int read_all(char *out, size_t cap)
{
    size_t n = 0;
    for (;;) {
        ssize_t got = read(STDIN_FILENO, out + n, cap - 1 - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        n += (size_t)got;
        if (n == cap - 1)
            return -1;
    }
    while (n > 0 && (out[n - 1] == '\n' || out[n - 1] == '\r'))
        n--;
    out[n] = '\0';
    return strlen(out) == n ? 0 : -1;
}

static int take_value(struct tsn_cli *cli, char *value, size_t cap)
{
    char *again;
    bool same;
    if (!isatty(STDIN_FILENO)) {
        if (read_all(value, cap) == 0 && strlen(value) >= TSN_SECRET_LEAST)
            return 0;
        return tsn_out_failf(cli, TSN_EXIT_USAGE, TSN_EINPUT, "K002",
                             "it is text of 8 to 16384 bytes",
                             "standard input does not hold a secret");
    }
    if (cli->no_input)
        return tsn_out_failf(cli, TSN_EXIT_USAGE, TSN_EINPUT, "U004",
                             "give the value on standard input", "the value is missing");
    again = tsn_alloc(cap);
    same = ask("Value: ", value, cap) && ask("Again: ", again, cap) && !strcmp(value, again);
    tsn_wipe(again, cap);
    free(again);
    if (!same)
        return tsn_out_failf(cli, TSN_EXIT_USAGE, TSN_EINPUT, "K002", "try once more",
                             "the two are not the same");
    if (strlen(value) < TSN_SECRET_LEAST)
        return tsn_out_failf(cli, TSN_EXIT_USAGE, TSN_EINPUT, "K002",
                             "what is shorter cannot be hidden in logs",
                             "a secret has at least 8 bytes");
    return 0;
}

int tsn_cmd_secret_set(struct tsn_cli *cli)
{
    size_t cap = TSN_SECRET_MOST + 2;
    char *value = tsn_alloc(cap);
    json_t *body = NULL, *out;
    int rc = take_value(cli, value, cap);
    if (!rc) {
        body = json_pack("{s:s, s:s}", "name", cli->arg[0], "value", value);
        rc = body ? tsn_client_call(cli, "POST", tsn_client_path(cli, "secrets"), body, NULL,
                                    &out)
                  : tsn_out_failf(cli, TSN_EXIT_USAGE, TSN_EINPUT, "K002", "",
                                  "the value is not UTF-8 text");
    }
    tsn_wipe(value, cap);
    free(value);
    if (body)
        tsn_wipe((char *)(uintptr_t)tsn_json_str(body, "value", ""),
                 strlen(tsn_json_str(body, "value", "")));
    json_decref(body);
    if (rc)
        return rc;
    if (cli->json)
        tsn_out_json(cli, out);
    else
        tsn_out_say(cli, "%s secret:%s.  entry #%lld",
                    tsn_json_bool(out, "replaced", false) ? "Replaced" : "Set", cli->arg[0],
                    (long long)tsn_json_int(out, "entry", -1));
    json_decref(out);
    return TSN_EXIT_OK;
}

int tsn_cmd_secret_remove(struct tsn_cli *cli)
{
    json_t *out;
    int rc = tsn_client_do(
        cli, "DELETE", tsn_client_path(cli, "secrets/%s", tsn_client_escape(cli, cli->arg[0])),
        NULL, &out);
    if (out)
        tsn_out_say(cli, "Removed secret:%s.  entry #%lld", cli->arg[0],
                    (long long)tsn_json_int(out, "entry", -1));
    json_decref(out);
    return rc;
}

int tsn_cmd_secret_list(struct tsn_cli *cli)
{
    static const struct tsn_column columns[] = {
        {"SECRET", "name", TSN_AS_TEXT},   {"STATE", "state", TSN_AS_WORD},
        {"FROM", "from", TSN_AS_TEXT},     {"SET BY", "set_by", TSN_AS_TEXT},
        {"SET AT", "set_at", TSN_AS_TIME}, {"USED", "used", TSN_AS_TEXT},
    };
    return TSN_CLI_LIST(cli, tsn_client_path(cli, "secrets"), columns);
}
