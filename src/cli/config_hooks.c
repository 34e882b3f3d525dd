/* config_hooks.c - `hooks:` of the configuration: who may send webhooks, and what they become.
 * Owns nothing; all in the arena. Reads the key files. */
#include "cli/config_int.h"

#include <string.h>
#include <sys/stat.h>
#include "core/buf.h"
#include "core/crypto.h"
#include "intake/hook.h"

/* The first line of a file. */
static tsn_err take_key(struct tsn_conf *c, const struct tsn_yaml *map, const char *name,
                        bool need, struct tsn_hook_key *keys, size_t *n)
{
    const char *path = NULL;
    const struct tsn_yaml *node = tsn_yaml_find(map, name);
    struct tsn_diag why;
    struct tsn_buf buf;
    struct stat info;
    tsn_err err = tsn_conf_path(c, map, name, need, &path);
    if (err || !path)
        return err;
    tsn_diag_init(&why);
    tsn_buf_init(&buf, 4096);
    if (stat(path, &info) == 0 && (info.st_mode & S_IROTH)) {
        err = tsn_yaml_fail(node, c->diag, TSN_EDENIED, "C041",
                            "everybody can read the key in %.160s", path);
        tsn_diag_hint(c->diag, "chmod 600 %.200s", path);
    } else if (tsn_buf_read_file(&buf, path)) {
        err = tsn_yaml_fail(node, c->diag, TSN_EINPUT, "C041", "cannot read %.200s", path);
        tsn_diag_hint(c->diag, "it holds the key alone, on one line: whsec_...");
    } else if (tsn_hook_key_parse(buf.data, strcspn(buf.data, "\r\n"), &keys[*n], &why)) {
        err =
            tsn_yaml_fail(node, c->diag, TSN_EINPUT, "C041", "%.160s: %.100s", path, why.what);
        tsn_diag_hint(c->diag,
                      "a new one: printf 'whsec_%%s\\n' \"$(openssl rand -base64 32)\"");
    } else {
        (*n)++;
    }
    if (buf.len)
        tsn_wipe(buf.data, buf.len);
    tsn_buf_free(&buf);
    return err;
}

static void drop(void *p)
{
    json_decref(p);
}

static tsn_err take_scheme(struct tsn_conf *c, const struct tsn_yaml *i, struct tsn_hook *h)
{
    static const char *const schemes[] = {"standard", "github", "hmac"};
    static const char *const encodings[] = {"hex", "base64"};
    const char *scheme = "standard", *encoding = "hex";
    tsn_err err = 0;
    if (tsn_yaml_find(i, "scheme"))
        err = tsn_conf_word(c, i, "scheme", schemes, TSN_CONF_COUNT(schemes), &scheme);
    h->scheme = strcmp(scheme, "github") == 0 ? TSN_HOOK_GITHUB
                : strcmp(scheme, "hmac") == 0 ? TSN_HOOK_HMAC
                                              : TSN_HOOK_STANDARD;
    if (h->scheme == TSN_HOOK_GITHUB)
        h->type_header = "X-GitHub-Event";
    if (!err)
        err = tsn_conf_text(c, i, "header", h->scheme == TSN_HOOK_HMAC, 100, &h->header);
    if (!err)
        err = tsn_conf_text(c, i, "prefix", false, 40, &h->prefix);
    if (!err && tsn_yaml_find(i, "encoding"))
        err = tsn_conf_word(c, i, "encoding", encodings, TSN_CONF_COUNT(encodings), &encoding);
    if (!err)
        err = tsn_conf_text(c, i, "type_header", false, 100, &h->type_header);
    h->base64 = strcmp(encoding, "base64") == 0;
    for (const char *const *only = (const char *const[]){"header", "prefix", "encoding", NULL};
         *only && !err; only++)
        if (h->scheme != TSN_HOOK_HMAC && tsn_yaml_find(i, *only))
            err = tsn_yaml_fail(tsn_yaml_find(i, *only), c->diag, TSN_EINPUT, "C040",
                                "`%s` is for scheme hmac; %s has its own", *only, scheme);
    return err;
}

static tsn_err take_use(struct tsn_conf *c, const struct tsn_yaml *i, struct tsn_hook *h)
{
    const struct tsn_yaml *report = tsn_yaml_find(i, "report");
    tsn_err err = tsn_conf_text(c, i, "case", false, 300, &h->case_at);
    if (err)
        return err;
    if ((report != NULL) == (h->case_at != NULL)) {
        err = tsn_yaml_fail(i, c->diag, TSN_EINPUT, "C013",
                            "hook `%s` needs one of `report` and `case`", h->name);
        tsn_diag_hint(c->diag, "case: /issue/key says where the case's name stands; report: { "
                               "title: /issue/title, ... } makes reports");
        return err;
    }
    if (h->case_at && h->case_at[0] != '/')
        return tsn_yaml_fail(tsn_yaml_find(i, "case"), c->diag, TSN_EINPUT, "C014",
                             "`case` is a JSON pointer: it begins with /");
    if (report && report->type != TSN_YAML_MAP)
        return tsn_yaml_fail(report, c->diag, TSN_EINPUT, "C014",
                             "`report` must be a group of member: value");
    if (report) {
        json_t *v = tsn_conf_json(report);
        h->report = v;
        tsn_arena_defer(c->arena, drop, v);
    }
    return 0;
}

tsn_err tsn_conf_hooks(struct tsn_conf *c)
{
    static const char *const known[] = {"name",   "scheme", "key_file", "old_key_file",
                                        "header", "prefix", "encoding", "type_header",
                                        "case",   "report"};
    const struct tsn_yaml *list;
    size_t n, at = 0;
    tsn_err err = tsn_conf_list(c, c->root, "hooks", false, &list, &n);
    struct tsn_hook *all = tsn_arena_alloc(c->arena, (n + 1) * sizeof *all);
    for (const struct tsn_yaml *i = list; i && !err; i = i->next) {
        struct tsn_hook *h = &all[at];
        struct tsn_hook_key *keys = tsn_arena_alloc(c->arena, 2 * sizeof *keys);
        err = tsn_conf_item(c, i, "hooks");
        if (!err)
            err = tsn_yaml_known(i, "hooks", known, TSN_CONF_COUNT(known), c->diag);
        if (!err)
            err = tsn_conf_name(c, i, "name", true, &h->name);
        for (size_t k = 0; k < at && !err; k++)
            if (!strcmp(all[k].name, h->name))
                err = tsn_yaml_fail(tsn_yaml_find(i, "name"), c->diag, TSN_EINPUT, "C032",
                                    "there are two hooks `%s`", h->name);
        if (!err)
            err = take_scheme(c, i, h);
        if (!err)
            err = take_key(c, i, "key_file", true, keys, &h->nkeys);
        if (!err)
            err = take_key(c, i, "old_key_file", false, keys, &h->nkeys);
        h->keys = keys;
        if (!err)
            err = take_use(c, i, h);
        at++;
    }
    c->out->hooks = all;
    c->out->nhooks = at;
    return err;
}
