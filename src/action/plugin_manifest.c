/* plugin_manifest.c - see plugin_manifest.h. Blocking; before the loop runs. */
#include "action/plugin_manifest.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "action/plugin_reach.h"
#include "core/secret.h"
#include "core/text.h"
#include "core/yaml.h"
#include "proc/child.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* An absolute path: with a slash it counts from the plugin's folder, else it is looked up. */
static const char *find_program(struct tsn_arena *arena, const char *dir, const char *word)
{
    static const char *const path[] = {"/usr/local/bin", "/usr/bin", "/bin"};

    if (word[0] == '/')
        return word;
    if (strchr(word, '/'))
        return tsn_arena_printf(arena, "%s/%s", dir, word);
    for (size_t i = 0; i < COUNT(path); i++) {
        const char *full = tsn_arena_printf(arena, "%s/%s", path[i], word);

        if (access(full, X_OK) == 0)
            return full;
    }
    return NULL;
}

static tsn_err read_program(struct tsn_arena *arena, const struct tsn_yaml *root,
                            const char *dir, struct tsn_manifest *out, struct tsn_diag *diag)
{
    const char *const *words = NULL;
    const char **argv;
    size_t n = 0;
    tsn_err err = tsn_yaml_strs(arena, root, "program", true, &words, &n, diag);

    if (err)
        return err;
    if (n == 0)
        return tsn_yaml_fail(root, diag, TSN_EINPUT, "R050", "`program` is empty");
    argv = tsn_arena_alloc(arena, (n + 1) * sizeof(*argv));
    memcpy(argv, words, n * sizeof(*argv));
    argv[0] = find_program(arena, dir, words[0]);
    if (!argv[0] || access(argv[0], X_OK) != 0) {
        tsn_diag_hint(diag, "install it, or write its path");
        return tsn_yaml_fail(tsn_yaml_find(root, "program"), diag, TSN_ENOTFOUND, "R050",
                             "the program `%s` is not there", words[0]);
    }
    out->argv = argv;
    return 0;
}

/* A C plugin is an exec plugin whose program is our own host with the library as an argument. */
static tsn_err read_library(struct tsn_arena *arena, const struct tsn_yaml *root,
                            const char *dir, const char *manifest, struct tsn_manifest *out,
                            struct tsn_diag *diag)
{
    const struct tsn_yaml *node = tsn_yaml_find(root, "library");
    const char *word = NULL, *path, **argv;
    char host[PATH_MAX], full[PATH_MAX], of[PATH_MAX];
    tsn_err err = tsn_yaml_str(root, "library", true, &word, diag);

    if (err)
        return err;
    if (tsn_yaml_find(root, "program"))
        return tsn_yaml_fail(node, diag, TSN_EINPUT, "R050",
                             "a plugin has a `program` or a `library`, not both");
    path = word[0] == '/' ? word : tsn_arena_printf(arena, "%s/%s", dir, word);
    if (access(path, R_OK) != 0 || !realpath(path, full) || !realpath(manifest, of)) {
        tsn_diag_hint(diag, "build it; the path counts from the plugin's folder");
        return tsn_yaml_fail(node, diag, TSN_ENOTFOUND, "R050", "the library `%s` is not there",
                             word);
    }
    err = tsn_child_find(host, sizeof(host), "tocsin-plugin-host", diag);
    if (err)
        return err;
    out->library = word;
    argv = tsn_arena_alloc(arena, 5 * sizeof(*argv));
    argv[0] = tsn_arena_strdup(arena, host);
    argv[1] = "--manifest";
    argv[2] = tsn_arena_strdup(arena, of);
    argv[3] = tsn_arena_strdup(arena, full);
    out->argv = argv;
    return 0;
}

/* A Lua connector is an exec plugin whose program is our own child with the file as an argument. */
static tsn_err read_lua(struct tsn_arena *arena, const struct tsn_yaml *root, const char *dir,
                        struct tsn_manifest *out, struct tsn_diag *diag)
{
    const struct tsn_yaml *node = tsn_yaml_find(root, "lua");
    const char *word = NULL, **argv;
    char host[PATH_MAX];
    tsn_err err = tsn_yaml_str(root, "lua", true, &word, diag);

    if (err)
        return err;
    if (tsn_yaml_find(root, "program") || tsn_yaml_find(root, "library"))
        return tsn_yaml_fail(node, diag, TSN_EINPUT, "R050",
                             "a plugin has one of `program`, `library` and `lua`");
    if (strchr(word, '/') || access(tsn_arena_printf(arena, "%s/%s", dir, word), R_OK) != 0) {
        tsn_diag_hint(diag, "the file lies in the plugin's folder");
        return tsn_yaml_fail(node, diag, TSN_ENOTFOUND, "R050", "the file `%s` is not there",
                             word);
    }
    err = tsn_child_find(host, sizeof(host), "tocsin-connector", diag);
    if (err)
        return err;
    argv = tsn_arena_alloc(arena, 4 * sizeof(*argv));
    argv[0] = tsn_arena_strdup(arena, host);
    argv[1] = out->name;
    argv[2] = tsn_arena_printf(arena, "%s/%s", dir, word);
    out->argv = argv;
    out->lua = word;
    return 0;
}

static tsn_err choose(const struct tsn_yaml *map, const char *key, bool need,
                      const char *const *words, size_t n, int *out, struct tsn_diag *diag)
{
    const char *word = NULL;
    tsn_err err = tsn_yaml_str(map, key, need, &word, diag);

    if (err || !word)
        return err;
    for (size_t i = 0; i < n; i++) {
        if (strcmp(words[i], word) == 0) {
            *out = (int)i;
            return 0;
        }
    }
    tsn_diag_hint(diag, "it can be: %s, %s%s%s%s%s", words[0], words[1], n > 2 ? ", " : "",
                  n > 2 ? words[2] : "", n > 3 ? ", " : "", n > 3 ? words[3] : "");
    return tsn_yaml_fail(tsn_yaml_find(map, key), diag, TSN_EINPUT, "R050",
                         "`%s` cannot be `%s`", key, word);
}

static tsn_err read_action(struct tsn_arena *arena, const char *plugin,
                           const struct tsn_yaml *node, struct tsn_action *a,
                           struct tsn_diag *diag)
{
    static const char *const known[] = {"name",     "summary",     "effect",    "doubt",
                                        "timeout",  "undo",        "secret",    "irreversible",
                                        "attempts", "retry_first", "retry_max", "retry_within",
                                        "at_once",  "per_minute",  "plan",      "recipients"};
    static const char *const effects[] = {"none", "external", "read", "write", "send"};
    static const char *const doubts[] = {"repeat_safe", "probe", "ask"};
    int effect = -1, doubt = TSN_DOUBT_ASK;
    const char *verb = NULL, *undo = NULL, *plan = NULL;
    int64_t attempts = 0, at_once = 0, per_minute = 0;
    tsn_err err = tsn_yaml_known(node, "an action", known, COUNT(known), diag);

    if (!err)
        err = tsn_yaml_str(node, "name", true, &verb, diag);
    if (!err && !(tsn_word_ok(verb, 60) && !strpbrk(verb, ".:/")))
        err = tsn_yaml_fail(node, diag, TSN_EINPUT, "R050", "`%s` cannot be an action's name",
                            verb);
    if (!err)
        err = tsn_yaml_str(node, "summary", false, &a->summary, diag);
    if (!err)
        err = choose(node, "effect", true, effects, COUNT(effects), &effect, diag);
    if (!err)
        err = choose(node, "doubt", false, doubts, COUNT(doubts), &doubt, diag);
    if (!err)
        err = tsn_yaml_duration(node, "timeout", false, &a->timeout_ms, diag);
    if (!err)
        err = tsn_yaml_str(node, "undo", false, &undo, diag);
    if (!err)
        err = tsn_yaml_str(node, "plan", false, &plan, diag);
    if (!err)
        err = tsn_yaml_bool(node, "secret", false, &a->secret_args, diag);
    if (!err)
        err = tsn_yaml_bool(node, "irreversible", false, &a->irreversible, diag);
    if (!err)
        err = tsn_yaml_str(node, "recipients", false, &a->recipients, diag);
    if (!err && a->recipients && effect == 0)
        err = tsn_yaml_fail(
            tsn_yaml_find(node, "recipients"), diag, TSN_EINPUT, "R050",
            "a look-up has no `recipients`: what is told to somebody is external");
    if (!err)
        err = tsn_yaml_int(node, "attempts", false, 1, 100, &attempts, diag);
    if (!err)
        err = tsn_yaml_duration(node, "retry_first", false, &a->retry_first_ms, diag);
    if (!err)
        err = tsn_yaml_duration(node, "retry_max", false, &a->retry_max_ms, diag);
    if (!err)
        err = tsn_yaml_duration(node, "retry_within", false, &a->retry_within_ms, diag);
    if (!err)
        err = tsn_yaml_int(node, "at_once", false, 1, 1000, &at_once, diag);
    if (!err)
        err = tsn_yaml_int(node, "per_minute", false, 1, 100000, &per_minute, diag);
    if (err)
        return err;
    a->name = tsn_arena_printf(arena, "%s.%s", plugin, verb);
    a->effect = effect == 0 || effect == 2 ? TSN_EFFECT_NONE : TSN_EFFECT_EXTERNAL;
    a->sends = effect == 4;
    a->doubt = (enum tsn_doubt)doubt;
    a->attempts = (int)attempts;
    a->at_once = (int)at_once;
    a->per_minute = (int)per_minute;
    a->undo = undo ? tsn_arena_printf(arena, "%s.%s", plugin, undo) : NULL;
    a->plan = plan ? tsn_arena_printf(arena, "%s.%s", plugin, plan) : NULL;
    return 0;
}

static tsn_err read_actions(struct tsn_arena *arena, const struct tsn_yaml *root,
                            struct tsn_manifest *out, struct tsn_diag *diag)
{
    const struct tsn_yaml *list = tsn_yaml_find(root, "actions");
    struct tsn_action *actions;
    size_t n = 0;
    tsn_err err;

    if (!list || list->type != TSN_YAML_LIST || !list->first)
        return tsn_yaml_fail(list ? list : root, diag, TSN_EINPUT, "R050",
                             "`actions` must list what the plugin can do");
    for (const struct tsn_yaml *c = list->first; c; c = c->next)
        n++;
    actions = tsn_arena_alloc(arena, n * sizeof(*actions));
    out->actions = actions;
    for (const struct tsn_yaml *c = list->first; c; c = c->next) {
        err = read_action(arena, out->name, c, &actions[out->nactions], diag);
        if (err)
            return err;
        for (size_t i = 0; i < out->nactions; i++) {
            if (strcmp(actions[i].name, actions[out->nactions].name) == 0)
                return tsn_yaml_fail(c, diag, TSN_EDUP, "R050", "`%s` stands here twice",
                                     actions[i].name);
        }
        out->nactions++;
    }
    bool sends = false;
    for (size_t i = 0; i < n; i++)
        sends = sends || actions[i].sends;
    for (size_t i = 0; i < n; i++) {
        bool found = !actions[i].undo;

        /* Where it sends to is nobody's tool: a question tells something there as well. */
        if (actions[i].effect == TSN_EFFECT_NONE)
            actions[i].sends = sends;

        for (size_t k = 0; !found && k < n; k++)
            found = strcmp(actions[k].name, actions[i].undo) == 0;
        if (!found)
            return tsn_yaml_fail(list, diag, TSN_ENOTFOUND, "R050",
                                 "%s names an undo that the plugin does not have",
                                 actions[i].name);
        found = !actions[i].plan;
        for (size_t k = 0; !found && k < n; k++)
            found = strcmp(actions[k].name, actions[i].plan) == 0 &&
                    actions[k].effect == TSN_EFFECT_NONE;
        if (!found)
            return tsn_yaml_fail(list, diag, TSN_ENOTFOUND, "R050",
                                 "%s names a plan that is no look-up of the plugin",
                                 actions[i].name);
    }
    return 0;
}

static tsn_err read_settings(struct tsn_arena *arena, const struct tsn_yaml *root,
                             struct tsn_manifest *out, struct tsn_diag *diag)
{
    static const char *const known[] = {"name", "type", "need", "summary"};
    static const char *const types[] = {"text",   "url",  "number", "flag",
                                        "secret", "list", "any"};
    const struct tsn_yaml *list = tsn_yaml_find(root, "settings");
    struct tsn_setting *made;
    size_t n = 0;
    tsn_err err = 0;

    if (!list)
        return 0;
    if (list->type != TSN_YAML_LIST)
        return tsn_yaml_fail(list, diag, TSN_EINPUT, "R050",
                             "`settings` must list what the plugin can be told");
    for (const struct tsn_yaml *i = list->first; i; i = i->next)
        n++;
    made = tsn_arena_alloc(arena, (n + 1) * sizeof(*made));
    for (const struct tsn_yaml *i = list->first; i && !err; i = i->next) {
        struct tsn_setting *s = &made[out->nsettings];
        int type = 0;

        err = tsn_yaml_known(i, "a setting", known, COUNT(known), diag);
        if (!err)
            err = tsn_yaml_str(i, "name", true, &s->name, diag);
        if (!err)
            err = choose(i, "type", true, types, COUNT(types), &type, diag);
        if (!err)
            err = tsn_yaml_bool(i, "need", false, &s->need, diag);
        if (!err)
            err = tsn_yaml_str(i, "summary", false, &s->summary, diag);
        s->type = types[type];
        out->nsettings++;
    }
    out->settings = made;
    return err;
}

void tsn_manifest_reach(struct tsn_action *a, bool internal, const json_t *settings)
{
    const char *url = json_string_value(json_object_get(settings, "url"));

    a->internal = internal;
    /* An address that is a secret is known to nobody before it is used. */
    if (url && !tsn_secret_is_handle(url))
        a->goes_to = url;
}

static bool fits(const struct tsn_setting *s, const json_t *v)
{
    const char *text = json_string_value(v);

    if (strcmp(s->type, "secret") == 0)
        return text && tsn_secret_is_handle(text);
    if (strcmp(s->type, "url") == 0)
        return text &&
               (strncmp(text, "http://", 7) == 0 || strncmp(text, "https://", 8) == 0) &&
               text[strlen(text) - 1] != '/';
    if (strcmp(s->type, "text") == 0)
        return text && text[0];
    if (strcmp(s->type, "number") == 0)
        return json_is_number(v);
    if (strcmp(s->type, "flag") == 0)
        return json_is_boolean(v);
    return strcmp(s->type, "list") != 0 || json_is_array(v);
}

static tsn_err wrong(const struct tsn_manifest *m, const struct tsn_setting *s,
                     struct tsn_diag *diag)
{
    if (strcmp(s->type, "secret") == 0)
        tsn_diag_hint(diag, "tocsin secret set NAME, then %s: secret:NAME", s->name);
    else if (strcmp(s->type, "url") == 0)
        tsn_diag_hint(diag, "https://host.example, without a slash at its end");
    return tsn_diag_set(diag, TSN_EINPUT, "R056", "plugin %s: the setting `%s` must be a %s",
                        m->name, s->name, s->type);
}

tsn_err tsn_manifest_settings(const struct tsn_manifest *m, const json_t *settings,
                              struct tsn_diag *diag)
{
    const char *names[64];
    size_t n = 0;

    for (size_t i = 0; i < m->nsettings; i++) {
        const json_t *v = json_object_get(settings, m->settings[i].name);

        if (n < COUNT(names))
            names[n++] = m->settings[i].name;
        if (!v && m->settings[i].need) {
            tsn_diag_hint(diag, "%s", m->settings[i].summary ? m->settings[i].summary : "");
            return tsn_diag_set(diag, TSN_EINPUT, "R056", "plugin %s needs the setting `%s`",
                                m->name, m->settings[i].name);
        }
        if (v && !fits(&m->settings[i], v))
            return wrong(m, &m->settings[i], diag);
    }
    for (void *at = json_object_iter((json_t *)(uintptr_t)settings); at && m->settings;
         at = json_object_iter_next((json_t *)(uintptr_t)settings, at)) {
        const char *key = json_object_iter_key(at), *near;
        size_t i = 0;

        while (i < n && strcmp(names[i], key) != 0)
            i++;
        if (i < n)
            continue;
        near = tsn_suggest(key, names, n);
        if (near)
            tsn_diag_hint(diag, "did you mean `%s`?", near);
        return tsn_diag_set(diag, TSN_EINPUT, "R056", "plugin %s has no setting `%s`", m->name,
                            key);
    }
    return 0;
}

/* Which of the three it is, and that it is there. */
static tsn_err read_what(struct tsn_arena *arena, const struct tsn_yaml *root, const char *dir,
                         const char *path, struct tsn_manifest *out, struct tsn_diag *diag)
{
    if (tsn_yaml_find(root, "lua"))
        return read_lua(arena, root, dir, out, diag);
    return tsn_yaml_find(root, "library") ? read_library(arena, root, dir, path, out, diag)
                                          : read_program(arena, root, dir, out, diag);
}

static tsn_err read_manifest(struct tsn_arena *arena, const char *dir, const char *name,
                             bool declared, struct tsn_manifest *out, struct tsn_diag *diag)
{
    static const char *const known[] = {"name", "version", "summary",  "program",     "library",
                                        "lua",  "actions", "settings", "concurrency", "reach"};
    struct tsn_yaml_doc *doc;
    const char *path = tsn_arena_printf(arena, "%s/manifest.yaml", dir),
               *slash = strrchr(dir, '/'),
               *says = name    ? name
                       : slash ? slash + 1
                               : dir;
    tsn_err err;

    memset(out, 0, sizeof(*out));
    out->name = tsn_arena_strdup(arena, says);
    out->version = out->summary = "";
    out->concurrency = 1;
    err = tsn_yaml_read_file(arena, path, &doc, diag);
    if (!err)
        err = tsn_yaml_known(doc->root, "a plugin's manifest", known, COUNT(known), diag);
    if (!err)
        err = tsn_yaml_str(doc->root, "name", false, &says, diag);
    out->name = tsn_arena_strdup(arena, says);
    if (!err && name && strcmp(says, name) != 0)
        err = tsn_yaml_fail(tsn_yaml_find(doc->root, "name"), diag, TSN_EINPUT, "R050",
                            "this is the plugin `%s`, not `%s`", says, name);
    if (!err)
        err = tsn_yaml_str(doc->root, "version", false, &out->version, diag);
    if (!err)
        err = tsn_yaml_str(doc->root, "summary", false, &out->summary, diag);
    if (!err)
        err = tsn_yaml_int(doc->root, "concurrency", false, 1, 64, &out->concurrency, diag);
    if (!err && declared)
        err = tsn_yaml_str(doc->root, "lua", false, &out->lua, diag);
    if (!err && declared)
        err = tsn_yaml_str(doc->root, "library", false, &out->library, diag);
    if (!err && !declared)
        err = read_what(arena, doc->root, dir, path, out, diag);
    if (!err)
        err = read_settings(arena, doc->root, out, diag);
    if (!err)
        err = tsn_plugin_reach_read(arena, doc->root, out, diag);
    if (!err)
        err = read_actions(arena, doc->root, out, diag);
    return err;
}

tsn_err tsn_manifest_read(struct tsn_arena *arena, const char *dir, const char *name,
                          struct tsn_manifest *out, struct tsn_diag *diag)
{
    return read_manifest(arena, dir, name, false, out, diag);
}

tsn_err tsn_manifest_declared(struct tsn_arena *arena, const char *dir,
                              struct tsn_manifest *out, struct tsn_diag *diag)
{
    return read_manifest(arena, dir, NULL, true, out, diag);
}
