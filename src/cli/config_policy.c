/* config_policy.c - policies: where the documents lie, read when the daemon starts. Blocks on files. */
#include "cli/config_int.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "core/crypto.h"

#define FILES_MAX 200

tsn_err tsn_conf_policies(struct tsn_conf *c)
{
    static const char *const known[] = {"dir"};
    const struct tsn_yaml *map;
    tsn_err err = tsn_conf_map(c, "policies", &map);
    if (!err && map)
        err = tsn_yaml_known(map, "policies", known, 1, c->diag);
    if (!err && map)
        err = tsn_conf_path(c, map, "dir", true, &c->out->policy_dir);
    return err;
}

tsn_err tsn_conf_vince(struct tsn_conf *c)
{
    static const char *const known[] = {"url", "token", "token_file", "reach"};
    static const char *const none[] = {NULL};
    const struct tsn_yaml *map;
    c->out->vince.reach = none;
    tsn_err err = tsn_conf_map(c, "vince", &map);
    if (err || !map)
        return err;
    err = tsn_yaml_known(map, "vince", known, 4, c->diag);
    if (!err)
        err = tsn_conf_url(c, map, "url", true, TSN_URL_FOLDER, &c->out->vince.url);
    if (!err)
        err = tsn_conf_secret(c, map, "token", "token_file", true, &c->out->vince.token);
    if (!err)
        err = tsn_conf_reach(c, map, "reach", &c->out->vince.reach);
    if (err)
        return err;
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

tsn_err tsn_config_policy_files(struct tsn_arena *arena, const char *dir,
                                struct tsn_policy_file **out, size_t *n, struct tsn_diag *diag)
{
    const char *names[FILES_MAX];
    DIR *d = dir ? opendir(dir) : NULL;
    tsn_err err = 0;
    *out = NULL;
    *n = 0;
    if (!dir)
        return 0;
    if (!d)
        return tsn_diag_set(diag, TSN_ENOTFOUND, "C041", "cannot read the folder %.200s", dir);
    for (struct dirent *e; (e = readdir(d)) && *n < FILES_MAX;) {
        size_t len = strlen(e->d_name);
        if (e->d_name[0] != '.' && len > 5 && !strcmp(e->d_name + len - 5, ".yaml"))
            names[(*n)++] = tsn_arena_strdup(arena, e->d_name);
    }
    (void)closedir(d);
    qsort(names, *n, sizeof names[0], by_name);
    *out = tsn_arena_alloc(arena, (*n + 1) * sizeof **out);
    for (size_t i = 0; i < *n && !err; i++) {
        struct tsn_buf b;
        const char *path = tsn_arena_printf(arena, "%s/%s", dir, names[i]);
        tsn_buf_init(&b, (size_t)1 << 20);
        err = tsn_buf_read_file(&b, path);
        if (err)
            tsn_diag_set(diag, err, "C041", "cannot read %.200s", path);
        else
            (*out)[i] = (struct tsn_policy_file){path, tsn_arena_strndup(arena, b.data, b.len)};
        tsn_buf_free(&b);
    }
    return err;
}
