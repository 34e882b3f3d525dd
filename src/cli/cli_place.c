/* cli_place.c - where things are: configuration, data directory, socket, what comes with tocsin.
 *
 * Order: flag, environment, ./tocsin.yaml, /etc/tocsin/tocsin.yaml, and /var/lib/tocsin last.
 * Owns nothing. One thread; looks at files.
 */
#include "cli/cli.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli/config.h"
#include "core/buf.h"
#include "core/json.h"

static bool is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static const char *env(const char *name)
{
    const char *value = getenv(name);
    return value && value[0] ? value : NULL;
}

const char *tsn_place_config(struct tsn_cli *cli)
{
    if (cli->config_file) {
        /* A directory made by `tocsin init` names its file. */
        if (is_dir(cli->config_file))
            return tsn_arena_printf(cli->arena, "%s/tocsin.yaml", cli->config_file);
        return cli->config_file;
    }
    if (env("TOCSIN_CONFIG"))
        return env("TOCSIN_CONFIG");
    static const char *const usual[] = {"tocsin.yaml", "/etc/tocsin/tocsin.yaml"};
    for (size_t i = 0; i < 2; i++) {
        if (access(usual[i], R_OK) == 0)
            return usual[i];
    }
    return NULL;
}

/* The configuration, when there is one that loads: clients work without it too. */
static const struct tsn_config *config(struct tsn_cli *cli)
{
    struct tsn_config *c;
    struct tsn_diag diag;
    tsn_diag_init(&diag);
    const char *path = tsn_place_config(cli);
    return path && tsn_config_look(cli->arena, path, &c, &diag) == 0 ? c : NULL;
}

const char *tsn_place_data(struct tsn_cli *cli)
{
    if (cli->data)
        return cli->data;
    const struct tsn_config *c = config(cli);
    return c ? c->data_dir : "/var/lib/tocsin";
}

const char *tsn_place_socket(struct tsn_cli *cli)
{
    if (cli->socket)
        return cli->socket;
    if (!cli->data && !cli->config_file && env("TOCSIN_SOCKET"))
        return env("TOCSIN_SOCKET");
    if (!cli->data) {
        const struct tsn_config *c = config(cli);
        if (c)
            return c->socket;
        return "/run/tocsin/tocsin.sock";
    }
    /* ready.json says it when the daemon runs; else the default beside the database. */
    struct tsn_buf b;
    json_t *ready = NULL;
    const char *out = tsn_arena_printf(cli->arena, "%s/tocsin.sock", cli->data);
    tsn_buf_init(&b, 4096);
    if (tsn_buf_read_file(&b, tsn_arena_printf(cli->arena, "%s/ready.json", cli->data)) == 0 &&
        tsn_json_parse(b.data, b.len, &ready, NULL) == 0) {
        const char *socket = tsn_json_str(ready, "socket", NULL);
        if (socket)
            out = tsn_arena_strdup(cli->arena, socket);
    }
    json_decref(ready);
    tsn_buf_free(&b);
    return out;
}

const char *tsn_place_shared(struct tsn_arena *arena, const char *name)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    self[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(self, '/');
    if (!slash)
        return NULL;
    *slash = '\0';
    /* A build serves the source it was made of, an installed program what was installed with it. */
    bool built = strncmp(self, TOCSIN_BUILD_DIR, strlen(TOCSIN_BUILD_DIR)) == 0;
    const char *path = built ? tsn_arena_printf(arena, "%s/%s", TOCSIN_SOURCE_DIR, name)
                             : tsn_arena_printf(arena, "%s/../share/tocsin/%s", self, name);
    char full[PATH_MAX];
    return is_dir(path) && realpath(path, full) ? tsn_arena_strdup(arena, full) : NULL;
}
