/* plugin_manifest.c - see plugin_manifest.h. Blocking; before the loop runs. */
#include "action/plugin_manifest.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
    tsn_diag_hint(diag, "it can be: %s, %s%s%s", words[0], words[1], n > 2 ? ", " : "",
                  n > 2 ? words[2] : "");
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
    static const char *const effects[] = {"none", "external"};
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
    a->effect = effect == 0 ? TSN_EFFECT_NONE : TSN_EFFECT_EXTERNAL;
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
    for (size_t i = 0; i < n; i++) {
        bool found = !actions[i].undo;

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

tsn_err tsn_manifest_read(struct tsn_arena *arena, const char *dir, const char *name,
                          struct tsn_manifest *out, struct tsn_diag *diag)
{
    static const char *const known[] = {"name",    "version", "summary",  "program",
                                        "library", "actions", "settings", "concurrency"};
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
    if (!err)
        err = tsn_yaml_find(doc->root, "library")
                  ? read_library(arena, doc->root, dir, path, out, diag)
                  : read_program(arena, doc->root, dir, out, diag);
    if (!err)
        err = read_actions(arena, doc->root, out, diag);
    return err;
}
