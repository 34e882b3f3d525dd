/* config_secret.c - secrets of the configuration: handles, the files behind some of them.
 *
 * A value is read here and put into core/secret.h; the configuration itself holds handles alone. Blocks
 * on files. Owns nothing; all in the arena.
 */
#include "cli/config_int.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "core/buf.h"
#include "core/crypto.h"
#include "core/secret.h"

static void note_use(struct tsn_conf *c, const struct tsn_yaml *at, const char *handle,
                     const char *origin)
{
    struct tsn_config *o = c->out;
    struct tsn_secret_use *longer =
        tsn_arena_alloc(c->arena, (o->nsecret_uses + 1) * sizeof(*longer));
    if (o->nsecret_uses)
        memcpy(longer, o->secret_uses, o->nsecret_uses * sizeof(*longer));
    longer[o->nsecret_uses++] =
        (struct tsn_secret_use){tsn_arena_strdup(c->arena, handle),
                                tsn_arena_printf(c->arena, "%s:%d", o->file, at->line), origin};
    o->secret_uses = longer;
}

/* The whole file but for line ends behind it (`line`: its first line). */
static tsn_err put_file(struct tsn_conf *c, const struct tsn_yaml *at, const char *path,
                        const char *handle, bool line)
{
    struct stat info;
    struct tsn_buf b;
    tsn_err err = 0;
    if (c->without_secrets)
        return 0;
    tsn_buf_init(&b, TSN_SECRET_MOST);
    if (stat(path, &info) == 0 && (info.st_mode & S_IROTH)) {
        err = tsn_yaml_fail(at, c->diag, TSN_EDENIED, "C041",
                            "everybody can read the secret in %.160s", path);
        tsn_diag_hint(c->diag, "chmod 600 %.200s", path);
    } else if (tsn_buf_read_file(&b, path)) {
        err = tsn_yaml_fail(at, c->diag, TSN_EINPUT, "C041", "cannot read %.200s", path);
        tsn_diag_hint(c->diag, "it holds the secret alone, at most 16 KiB");
    } else {
        size_t n = line ? strcspn(b.data ? b.data : "", "\r\n") : b.len;
        while (n > 0 && (b.data[n - 1] == '\n' || b.data[n - 1] == '\r'))
            n--;
        if (n == 0)
            err = tsn_yaml_fail(at, c->diag, TSN_EINPUT, "C041", "%.200s is empty", path);
        else if (tsn_secret_put(handle, b.data, n))
            err = tsn_yaml_fail(at, c->diag, TSN_EINPUT, "C041",
                                "%.200s holds a zero byte or cannot be kept in memory", path);
    }
    if (b.len)
        tsn_wipe(b.data, b.len);
    tsn_buf_free(&b);
    return err;
}

/* A systemd credential (LoadCredential= of the unit). */
static tsn_err put_credential(struct tsn_conf *c, const struct tsn_yaml *at, const char *name,
                              const char *handle)
{
    const char *dir = getenv("CREDENTIALS_DIRECTORY");
    if (c->without_secrets)
        return 0;
    if (!dir || !dir[0]) {
        tsn_diag_hint(c->diag, "LoadCredential=%s:PATH in the unit of tocsin", name);
        return tsn_yaml_fail(at, c->diag, TSN_ENOTFOUND, "C041",
                             "there is no credential `%s`: systemd handed over none", name);
    }
    return put_file(c, at, tsn_arena_printf(c->arena, "%s/%s", dir, name), handle, false);
}

tsn_err tsn_conf_handle(struct tsn_conf *c, const struct tsn_yaml *at, const char *text)
{
    tsn_err err = 0;
    if (strncmp(text, "credential:", 11) == 0)
        err = put_credential(c, at, text + 11, text);
    if (!err)
        note_use(c, at, text, NULL);
    return err;
}

tsn_err tsn_conf_secret(struct tsn_conf *c, const struct tsn_yaml *map, const char *key,
                        const char *file_key, bool need, const char **handle)
{
    const struct tsn_yaml *node = tsn_yaml_find(map, key);
    const struct tsn_yaml *file = tsn_yaml_find(map, file_key);
    const char *text = NULL, *path = NULL;
    tsn_err err = tsn_conf_text(c, map, key, need && !file, 100, &text);
    if (!err)
        err = tsn_conf_path(c, map, file_key, false, &path);
    if (err || (!text && (!path || !file))) /* a path is the text of `file` */
        return err;
    if (text && path)
        return tsn_yaml_fail(file, c->diag, TSN_EINPUT, "C040",
                             "`%s` and `%s` both say what the secret is", key, file_key);
    if (!text) {
        *handle = tsn_arena_printf(c->arena, "file:%s", path);
        note_use(c, file, *handle, "clear");
        return put_file(c, file, path, *handle, true);
    }
    if (!tsn_secret_is_handle(text)) {
        tsn_diag_hint(c->diag, "tocsin secret set NAME, then %s: secret:NAME", key);
        return tsn_yaml_fail(node, c->diag, TSN_EINPUT, "C047",
                             "`%s` is not secret:NAME or credential:NAME", key);
    }
    *handle = text;
    return tsn_conf_handle(c, node, text);
}

tsn_err tsn_conf_handles(struct tsn_conf *c, const struct tsn_yaml *node)
{
    tsn_err err = 0;
    if (node->type == TSN_YAML_SCALAR)
        return tsn_secret_is_handle(node->scalar) ? tsn_conf_handle(c, node, node->scalar) : 0;
    for (const struct tsn_yaml *i = node->first; i && !err; i = i->next)
        err = tsn_conf_handles(c, i);
    return err;
}

tsn_err tsn_conf_secrets(struct tsn_conf *c)
{
    static const char *const known[] = {"name", "file", "credential"};
    const struct tsn_yaml *list;
    size_t n;
    tsn_err err = tsn_conf_list(c, c->root, "secrets", false, &list, &n);
    for (const struct tsn_yaml *i = list; i && !err; i = i->next) {
        const char *name = NULL, *file = NULL, *credential = NULL, *handle;
        err = tsn_conf_item(c, i, "secrets");
        if (!err)
            err = tsn_yaml_known(i, "secrets", known, TSN_CONF_COUNT(known), c->diag);
        if (!err)
            err = tsn_conf_name(c, i, "name", true, &name);
        if (!err)
            err = tsn_conf_path(c, i, "file", false, &file);
        if (!err)
            err = tsn_conf_name(c, i, "credential", false, &credential);
        if (!err && (file != NULL) == (credential != NULL)) {
            tsn_diag_hint(c->diag, "one that is sealed in the store is not listed here");
            err = tsn_yaml_fail(i, c->diag, TSN_EINPUT, "C013",
                                "a secret of the configuration has a `file` or a `credential`");
        }
        if (err)
            break;
        handle = tsn_arena_printf(c->arena, "secret:%s", name);
        for (size_t k = 0; k < c->out->nsecret_uses && !err; k++)
            if (strcmp(c->out->secret_uses[k].handle, handle) == 0)
                err = tsn_yaml_fail(tsn_yaml_find(i, "name"), c->diag, TSN_EDUP, "C032",
                                    "`%s` stands in secrets twice", name);
        if (!err)
            err = file ? put_file(c, tsn_yaml_find(i, "file"), file, handle, false)
                       : put_credential(c, tsn_yaml_find(i, "credential"), credential, handle);
        note_use(c, i, handle, file ? "file" : "credential");
    }
    return err;
}
