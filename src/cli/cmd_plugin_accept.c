/* cmd_plugin_accept.c - `tocsin plugin accept NAME`: writes the digest of a plugin's files into tocsin.yaml.
 *
 * Only that one value changes: comments, order and the rest of the file stay as they are, and the result is
 * read again before it takes the place of the old file. No daemon. One thread.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "action/plugin_pin.h"
#include "cli/config.h"
#include "cli/out.h"
#include "cli/plugin_check.h"
#include "core/yaml.h"

/* Where a value begins in the text; columns count characters. */
static size_t offset_of(const char *text, int line, int col)
{
    const char *p = text;
    for (int i = 1; i < line; i++)
        p = strchr(p, '\n') + 1;
    for (int i = 1; i < col; i++)
        for (p++; ((unsigned char)*p & 0xc0) == 0x80; p++)
            ;
    return (size_t)(p - text);
}

static size_t value_end(const char *text, const struct tsn_yaml *v)
{
    size_t at = offset_of(text, v->line, v->col);
    if (v->quoted)
        return at + 1 + strcspn(text + at + 1, text[at] == '"' ? "\"" : "'") + 1;
    return at + strlen(v->scalar);
}

static const struct tsn_yaml *item_of(const struct tsn_yaml_doc *doc, const char *name)
{
    const struct tsn_yaml *list = tsn_yaml_find(doc->root, "plugins");
    for (const struct tsn_yaml *i = list ? list->first : NULL; i; i = i->next) {
        const struct tsn_yaml *is = tsn_yaml_find(i, "name");
        if (is && is->type == TSN_YAML_SCALAR && strcmp(is->scalar, name) == 0)
            return i;
    }
    return NULL;
}

/* The text with the digest in it: in place of the old one, or behind the name. */
static const char *edited(struct tsn_cli *cli, const struct tsn_yaml_doc *doc,
                          const struct tsn_yaml *item, const char *digest)
{
    const struct tsn_yaml *name = tsn_yaml_find(item, "name"),
                          *old = tsn_yaml_find(item, "sha256");
    const char *text = doc->text;
    size_t from, to;
    if (old) {
        from = offset_of(text, old->line, old->col);
        to = value_end(text, old);
        return tsn_arena_printf(cli->arena, "%.*s%s%s", (int)from, text, digest, text + to);
    }
    from = value_end(text, name);
    to = from + strspn(text + from, " \t");
    if (text[to] == ',' || text[to] == '}') /* { name: x, ... } */
        return tsn_arena_printf(cli->arena, "%.*s, sha256: %s%s", (int)from, text, digest,
                                text + from);
    to = from + strcspn(text + from, "\n"); /* behind a comment */
    return tsn_arena_printf(cli->arena, "%.*s\n%*ssha256: %s%s", (int)to, text,
                            name->key_col - 1, "", digest, text + to);
}

static const struct tsn_plugin_config *configured(const struct tsn_config *c, const char *name)
{
    for (size_t i = 0; i < c->nplugins; i++) {
        if (strcmp(c->plugins[i].name, name) == 0)
            return &c->plugins[i];
    }
    return NULL;
}

/* Beside the old one, read back, then in its place. */
static tsn_err replace(struct tsn_cli *cli, const struct tsn_config *was, const char *text,
                       const char *name, const char *digest, struct tsn_diag *diag)
{
    const char *draft = tsn_arena_printf(cli->arena, "%s.new", was->file);
    struct tsn_config *now = NULL;
    const struct tsn_plugin_config *p;
    struct stat st;
    FILE *f = stat(was->file, &st) == 0 ? fopen(draft, "we") : NULL;
    /* The daemon's account must be able to read it afterwards as before. */
    bool good = f &&
                ((st.st_uid == geteuid() && st.st_gid == getegid()) ||
                 fchown(fileno(f), st.st_uid, st.st_gid) == 0) &&
                fchmod(fileno(f), st.st_mode & 07777) == 0 && fputs(text, f) >= 0 &&
                fflush(f) == 0 && fsync(fileno(f)) == 0;
    if (f)
        good = fclose(f) == 0 && good;
    if (!good) {
        (void)unlink(draft);
        return tsn_diag_set(diag, TSN_EIO, "C041", "%s cannot be written: %s", draft,
                            strerror(errno));
    }
    tsn_err err = tsn_config_look(cli->arena, draft, &now, diag);
    p = err ? NULL : configured(now, name);
    if (!p || !p->sha256 || strcmp(p->sha256, digest) != 0 || now->nplugins != was->nplugins)
        err =
            tsn_diag_set(diag, TSN_EBUG, "C041",
                         "the file is written in a way that cannot be edited: write sha256: %s "
                         "behind the plugin's name yourself",
                         digest);
    if (!err && rename(draft, was->file) != 0)
        err = tsn_diag_set(diag, TSN_EIO, "C041", "%s: %s", was->file, strerror(errno));
    if (err)
        (void)unlink(draft);
    return err;
}

static tsn_err find(struct tsn_cli *cli, const struct tsn_config *c, const char *name,
                    const struct tsn_plugin_config **p, const char **dir,
                    struct tsn_manifest *m, struct tsn_diag *diag)
{
    *p = configured(c, name);
    if (!*p) {
        tsn_diag_hint(diag, "accepted is what stands under `plugins:` of %s", c->file);
        return tsn_diag_set(diag, TSN_ENOTFOUND, "M040", "there is no plugin `%s`", name);
    }
    *dir = tsn_plugin_dir(cli, name, (*p)->dir);
    return tsn_manifest_read(cli->arena, *dir, name, m, diag);
}

int tsn_cmd_plugin_accept(struct tsn_cli *cli)
{
    const char *file = tsn_place_config(cli), *name = cli->arg[0], *dir = NULL;
    bool dry = cli->given & TSN_BIT(TSN_FLAG_DRY_RUN);
    const struct tsn_plugin_config *p;
    struct tsn_yaml_doc *doc = NULL;
    struct tsn_config *c;
    struct tsn_manifest m = {0};
    struct tsn_diag diag;
    char digest[TSN_PIN_LEN + 1];
    tsn_diag_init(&diag);
    if (!file)
        return tsn_out_failf(cli, TSN_EXIT_USAGE, TSN_EINPUT, "U004", "--config ./psirt",
                             "there is no tocsin.yaml here");
    tsn_err err = tsn_config_look(cli->arena, file, &c, &diag);
    if (!err)
        err = tsn_yaml_read_file(cli->arena, c->file, &doc, &diag);
    if (!err)
        err = find(cli, c, name, &p, &dir, &m, &diag);
    if (!err)
        err = tsn_plugin_digest(dir, m.library, digest, &diag);
    bool same = !err && p->sha256 && strcmp(p->sha256, digest) == 0;
    if (!err && !same && !dry)
        err =
            replace(cli, c, edited(cli, doc, item_of(doc, name), digest), name, digest, &diag);
    if (err)
        return tsn_out_fail(cli, tsn_out_exit_of(err), &diag);
    json_t *out = json_pack("{s:s, s:s, s:s, s:s?, s:b}", "plugin", name, "dir", dir, "sha256",
                            digest, "before", p->sha256, "changed", !same);
    if (cli->json)
        tsn_out_json(cli, out);
    else if (same)
        tsn_out_say(cli, "%s is accepted as it is: sha256 %s", name, digest);
    else
        tsn_out_say(cli, "%s %s: sha256 %s (before: %s)%s", dry ? "Would accept" : "Accepted",
                    name, digest, p->sha256 ? p->sha256 : "not accepted",
                    dry ? "" : "; takes effect when tocsin starts again");
    json_decref(out);
    return tsn_out_end(cli, dry && !same ? TSN_EXIT_DIFFERENCES : TSN_EXIT_OK);
}
