/* cmd_node.c - init, serve, tokens: what an operator does.
 *
 * Owns nothing. One thread; init needs no daemon.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "action/plugin_pin.h"
#include "cli/client.h"
#include "cli/cmd_config.h"
#include "cli/config.h"
#include "cli/node.h"
#include "cli/out.h"
#include "cli/plugin_check.h"
#include "core/clock.h"
#include "core/json.h"
#include "core/log.h"

/* --- init -------------------------------------------------------------------------------- */

static int cannot(struct tsn_cli *cli, const char *path)
{
    return tsn_out_failf(cli, TSN_EXIT_FAILED, tsn_err_from_errno(errno), "S024", "", "%s: %s",
                         path, strerror(errno));
}

/* -1 cannot be read, 0 empty, 1 made by init, 2 somebody else's. */
static int whose(const char *dir)
{
    DIR *d = opendir(dir);
    if (!d)
        return -1;
    int seen = 0;
    bool ours = false;
    for (const struct dirent *e; (e = readdir(d));) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        seen++;
        ours = ours || strcmp(e->d_name, "tocsin.yaml") == 0;
    }
    (void)closedir(d);
    return seen == 0 ? 0 : ours ? 1 : 2;
}

static int write_config(struct tsn_cli *cli, const char *dir, const char *path)
{
    struct tsn_buf text;
    char *whole = realpath(dir, NULL);
    char digest[TSN_PIN_LEN + 1];
    struct tsn_diag diag;
    tsn_buf_init(&text, (size_t)1 << 20);
    tsn_diag_init(&diag);
    /* What comes with tocsin is accepted with it. */
    bool edge = tsn_plugin_digest(tsn_plugin_dir(cli, "edge", NULL), NULL, digest, &diag) == 0;
    const struct tsn_config_init ci = {
        .organisation = cli->flag[TSN_FLAG_ORGANISATION],
        .domain = cli->flag[TSN_FLAG_DOMAIN],
        .listen = cli->flag[TSN_FLAG_LISTEN],
        .data_dir = "data",
        .person = cli->flag[TSN_FLAG_PERSON],
        .person_name = cli->flag[TSN_FLAG_NAME],
        .uid = (int64_t)getuid(),
        .edge_dir = whole ? tsn_arena_printf(cli->arena, "%s/edge", whole) : NULL,
        .edge_sha256 = edge ? digest : NULL,
    };
    free(whole);
    int rc = 0;
    if (tsn_config_default_text(&text, &ci)) {
        rc = tsn_out_failf(cli, TSN_EXIT_FAILED, TSN_EBUG, "S000", "",
                           "the default configuration could not be made");
    } else {
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
        bool good = fd >= 0 && write(fd, text.data, text.len) == (ssize_t)text.len;
        if (fd >= 0)
            good = fsync(fd) == 0 && close(fd) == 0 && good;
        if (!good)
            rc = cannot(cli, path);
    }
    tsn_buf_free(&text);
    return rc;
}

int tsn_cmd_init(struct tsn_cli *cli)
{
    const char *dir = cli->arg[0];
    if (mkdir(dir, 0750) != 0 && errno != EEXIST)
        return cannot(cli, dir);
    int who = whose(dir);
    if (who < 0)
        return cannot(cli, dir);
    if (who == 2)
        return tsn_out_failf(cli, TSN_EXIT_CONFLICT, TSN_ECONFLICT, "S025",
                             "Name a new or an empty one.", "%s is not empty", dir);
    const char *file = tsn_arena_printf(cli->arena, "%s/tocsin.yaml", dir);
    int rc = who == 0 ? write_config(cli, dir, file) : 0;
    if (rc)
        return rc;
    struct tsn_config *config;
    struct tsn_diag diag;
    tsn_diag_init(&diag);
    if (tsn_config_load(cli->arena, file, &config, &diag))
        return tsn_out_fail(cli, TSN_EXIT_PROBLEMS, &diag);
    if (mkdir(config->data_dir, 0700) != 0 && errno != EEXIST)
        return cannot(cli, config->data_dir);
    const struct tsn_store_config sc = {
        .path = config->database, .key_file = config->key_file, .create = true};
    struct tsn_store *st;
    /* A running daemon owns its database: then there is nothing to make. */
    bool there = access(config->database, F_OK) == 0;
    if (!there) {
        tsn_log_open(-1);
        if (tsn_store_open(&st, &sc, &diag))
            return tsn_out_fail(cli, TSN_EXIT_FAILED, &diag);
        tsn_store_close(st);
    }
    if (cli->json) {
        json_t *out = json_pack("{s:s, s:s, s:s, s:b}", "config", config->file, "data",
                                config->data_dir, "key", config->key_file, "existed", there);
        tsn_out_json(cli, out);
        json_decref(out);
        return TSN_EXIT_OK;
    }
    if (there)
        tsn_out_say(cli, "%s is set up already; nothing was changed.", dir);
    else
        tsn_out_say(cli,
                    "Made %s with tocsin.yaml, and %s with the database and the key file.\n"
                    "Keep a copy of %s elsewhere: without it nobody can read the cases.\n"
                    "Next:    tocsin serve --config %s",
                    dir, config->data_dir, config->key_file, file);
    return TSN_EXIT_OK;
}

/* --- serve ------------------------------------------------------------------------------- */

int tsn_cmd_load(struct tsn_cli *cli, const char *path, int exit_code,
                 struct tsn_config **config)
{
    struct tsn_diag diag;
    tsn_diag_init(&diag);
    if (!path)
        return tsn_out_failf(cli, exit_code, TSN_ENOTFOUND, "U008",
                             "Make one with `tocsin init DIR`, or name it with --config.",
                             "there is no tocsin.yaml here or in /etc/tocsin");
    if (tsn_config_load(cli->arena, path, config, &diag))
        return tsn_out_fail(cli, exit_code, &diag);
    return TSN_EXIT_OK;
}

int tsn_cmd_serve(struct tsn_cli *cli)
{
    struct tsn_config *config;
    struct tsn_diag diag;
    tsn_diag_init(&diag);
    int rc = tsn_cmd_load(cli, tsn_place_config(cli), TSN_EXIT_FAILED, &config);
    if (rc)
        return rc;
    const struct tsn_node_config in = {
        .config = config,
        .shared_playbooks = tsn_place_shared(cli->arena, "playbooks"),
        .shared_plugins = tsn_place_shared(cli->arena, "plugins"),
        .shared_policies = tsn_place_shared(cli->arena, "playbooks/policies"),
        .shared_templates = tsn_place_shared(cli->arena, "playbooks/templates"),
        .verbose = cli->verbose,
    };
    tsn_err err = tsn_node_run(&in, &diag);
    if (!err)
        return TSN_EXIT_OK;
    /* A refused lock is a conflict; all else that stops a start is simply failed. */
    return tsn_out_fail(cli,
                        err == TSN_ECONFLICT                          ? TSN_EXIT_CONFLICT
                        : err == TSN_ETAMPERED && diag.code[0] == 'V' ? TSN_EXIT_TAMPERED
                                                                      : TSN_EXIT_FAILED,
                        &diag);
}

/* --- tokens ------------------------------------------------------------------------------ */

int tsn_cmd_token_create(struct tsn_cli *cli)
{
    int64_t lasts = (int64_t)365 * 24 * 3600 * 1000;
    const char *expires = cli->flag[TSN_FLAG_EXPIRES];
    if (!(cli->given & TSN_BIT(TSN_FLAG_SCOPE)))
        return tsn_out_failf(cli, TSN_EXIT_USAGE, TSN_EINPUT, "U004",
                             "Scopes: report:submit, read, decide, admin.",
                             "--scope is missing");
    if (expires && (tsn_duration_parse(expires, &lasts) || lasts <= 0))
        return tsn_out_failf(cli, TSN_EXIT_USAGE, TSN_EINPUT, "U002",
                             "Durations have units: 12h, 90d.",
                             "--expires %s is not a duration", expires);
    char until[25];
    tsn_time_format(until, tsn_clock_wall_ms() + lasts);
    json_t *body = json_pack("{s:s, s:s, s:s}", "person", cli->arg[0], "scopes",
                             cli->flag[TSN_FLAG_SCOPE], "expires_at", until);
    if (cli->flag[TSN_FLAG_FOR])
        json_object_set_new(body, "purpose", json_string(cli->flag[TSN_FLAG_FOR]));
    json_t *out;
    int rc = tsn_client_do(cli, "POST", tsn_client_path(cli, "tokens"), body, &out);
    if (out) {
        (void)printf("%s\n", tsn_json_str(out, "token", ""));
        tsn_out_say(cli,
                    "Token %s of %s until %s. It is not shown again; keep it in a file of mode "
                    "0600.",
                    tsn_json_str(out, "id", ""), cli->arg[0],
                    tsn_out_time(cli, tsn_json_str(out, "expires_at", NULL)));
    }
    json_decref(out);
    return rc;
}

int tsn_cmd_token_revoke(struct tsn_cli *cli)
{
    json_t *out;
    int rc = tsn_client_do(
        cli, "DELETE", tsn_client_path(cli, "tokens/%s", tsn_client_escape(cli, cli->arg[0])),
        NULL, &out);
    if (out)
        tsn_out_say(cli, "Revoked %s.", tsn_json_str(out, "id", ""));
    json_decref(out);
    return rc;
}
