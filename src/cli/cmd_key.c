/* cmd_key.c - `tocsin key list|import|export|rotate`: the PGP keys of mail.
 *
 * Owns nothing. One thread; talks to the daemon.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli_list.h"
#include "cli/client.h"
#include "cli/out.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/json.h"
#include "core/text.h"

#define KEYS_MAX ((size_t)8 << 20)

static void row(struct tsn_cli *cli, const json_t *key)
{
    int64_t end = tsn_json_int(key, "expires_ms", 0);
    const char *problem = tsn_json_str(key, "problem", NULL),
               *uid = json_string_value(json_array_get(json_object_get(key, "uids"), 0));
    char when[25] = "never";

    if (end)
        tsn_time_format(when, end);
    (void)printf("%s  %-7s  %-8s  %-10.10s  ", tsn_json_str(key, "fpr", ""),
                 tsn_json_bool(key, "ours", false)     ? "ours"
                 : tsn_json_bool(key, "secret", false) ? "secret"
                                                       : "public",
                 tsn_json_str(key, "state", ""), when);
    if (problem && strcmp(problem, tsn_json_str(key, "state", "")) != 0)
        tsn_out_text(cli, stdout, TSN_YELLOW, tsn_arena_printf(cli->arena, "%s  ", problem));
    tsn_out_text(cli, stdout, TSN_PLAIN, uid ? uid : "");
    (void)putchar('\n');
}

int tsn_cmd_key_list(struct tsn_cli *cli)
{
    json_t *out, *key;
    size_t i;
    int rc = tsn_client_get(cli, tsn_client_path(cli, "keys"), &out);

    if (rc)
        return rc;
    if (cli->json)
        tsn_out_json(cli, out);
    else
        json_array_foreach(json_object_get(out, "items"), i, key) row(cli, key);
    json_decref(out);
    return TSN_EXIT_OK;
}

int tsn_cmd_key_import(struct tsn_cli *cli)
{
    const char *file = cli->arg[0];
    json_t *body = json_object(), *out;
    struct tsn_buf b;
    char *text;
    tsn_err err;
    int rc;

    tsn_buf_init(&b, KEYS_MAX);
    err = tsn_buf_read_file(&b, strcmp(file, "-") == 0 ? "/dev/stdin" : file);
    if (err || b.len == 0) {
        tsn_buf_free(&b);
        json_decref(body);
        return tsn_out_failf(cli, err == TSN_ENOTFOUND ? TSN_EXIT_NOT_FOUND : TSN_EXIT_FAILED,
                             err ? err : TSN_EINPUT, "M001", "a key file of at most 8 MiB",
                             "cannot read %s", file);
    }
    text = tsn_alloc(4 * ((b.len + 2) / 3) + 1);
    tsn_base64(text, b.data, b.len);
    json_object_set_new(body, "key", json_string(text));
    free(text);
    tsn_buf_free(&b);
    tsn_client_reason(cli, body);
    rc = tsn_client_do(cli, "POST", tsn_client_path(cli, "keys"), body, &out);
    if (out)
        (void)printf("%s\n", tsn_json_str(out, "fpr", ""));
    json_decref(out);
    return rc;
}

int tsn_cmd_key_export(struct tsn_cli *cli)
{
    const char *to = cli->flag[TSN_FLAG_OUT], *armor;
    json_t *out;
    FILE *f;
    int rc = tsn_client_get(
        cli, tsn_client_path(cli, "keys/%s", tsn_client_escape(cli, cli->arg[0])), &out);

    if (rc)
        return rc;
    armor = tsn_json_str(out, "armor", "");
    if (cli->json && !to) {
        tsn_out_json(cli, out);
    } else {
        f = to ? fopen(to, "we") : stdout;
        if (!f || fputs(armor, f) < 0 || (to ? fclose(f) : fflush(f)) != 0)
            rc = tsn_out_failf(cli, TSN_EXIT_FAILED, TSN_EIO, "U008", "check the folder",
                               "cannot write %s: %s", to ? to : "the key", strerror(errno));
        else if (to)
            tsn_out_say(cli, "written: %s", to);
    }
    json_decref(out);
    return rc;
}

int tsn_cmd_key_rotate(struct tsn_cli *cli)
{
    json_t *body = json_object(), *out;
    int rc;

    tsn_client_reason(cli, body);
    rc = tsn_client_do(cli, "POST", tsn_client_path(cli, "keys-rotate"), body, &out);
    if (out) {
        (void)printf("%s\n", tsn_json_str(out, "fpr", ""));
        tsn_out_say(
            cli,
            "publish it, wait until it is known, then name it: mail: { pgp: { key: %s } } "
            "and start tocsin again",
            tsn_json_str(out, "fpr", ""));
    }
    json_decref(out);
    return rc;
}
