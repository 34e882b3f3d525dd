/* hostlib.c - loads the shared object, checks what it says of itself, compares the manifest.
 * Main thread, before the first call. */
#include <ctype.h>
#include <dlfcn.h>
#include <string.h>

#include "core/schema.h"
#include "core/text.h"
#include "core/yaml.h"
#include "pluginhost/pluginhost.h"

#define ACTIONS_MAX 256
/* What the first version had: less cannot work. */
#define PLUGIN_LEAST (offsetof(struct tocsin_plugin, actions) + sizeof(void *))
#define ACTION_LEAST (offsetof(struct tocsin_action, start) + sizeof(void *))

/* As much of a struct as its maker and we both know; the rest stays 0. */
static void take_known(void *out, size_t cap, const void *from, uint32_t size)
{
    memset(out, 0, cap);
    memcpy(out, from, size < cap ? size : cap);
}

static bool name_ok(const char *s)
{
    size_t n = s ? strlen(s) : 0;

    for (size_t i = 0; i < n; i++)
        if (!(islower((unsigned char)s[i]) || isdigit((unsigned char)s[i]) || s[i] == '_' ||
              s[i] == '-'))
            return false;
    return n > 0 && n <= 60;
}

static tsn_err refuse(struct tsn_diag *diag, const char *what, const char *name)
{
    return tsn_diag_set(diag, TSN_EINPUT, "R054", "the library's action `%s`: %s",
                        name ? name : "?", what);
}

static tsn_err check_schema(const char *text, const char *which, const char *name,
                            struct tsn_diag *diag)
{
    json_t *v = NULL;
    tsn_err err;

    if (!text)
        return 0;
    err = tsn_json_parse(text, strlen(text), &v, NULL);
    if (!err && !json_is_object(v))
        err = TSN_EINPUT;
    json_decref(v);
    return err ? refuse(diag, which, name) : 0;
}

static void drop_schema(void *p)
{
    json_decref(p);
}

/* Of arguments, which are held against it: with a keyword that is not checked it would promise more. */
static tsn_err take_schema(struct tsn_ph_lib *lib, struct tsn_ph_action *action,
                           struct tsn_diag *diag)
{
    const char *text = action->a.args_schema;
    char why[TSN_SCHEMA_WHY];

    if (!text)
        return 0;
    if (tsn_json_parse(text, strlen(text), &action->args, NULL) != 0)
        return TSN_EINPUT; /* check_action has said so */
    tsn_arena_defer(lib->arena, drop_schema, action->args);
    if (tsn_schema_good(action->args, why))
        return 0;
    return tsn_diag_set(diag, TSN_EINPUT, "R054",
                        "the library's action `%s`: in its schema of arguments %s",
                        action->a.name, why);
}

static tsn_err check_action(const struct tocsin_action *a, struct tsn_diag *diag)
{
    if (!name_ok(a->name))
        return refuse(diag, "names are made of a-z, 0-9, _ and -", a->name);
    if (!a->start)
        return refuse(diag, "it has no start function", a->name);
    if (a->effect != TOCSIN_EFFECT_NONE && a->effect != TOCSIN_EFFECT_EXTERNAL)
        return refuse(diag, "it has no effect that this host knows", a->name);
    if (a->effect == TOCSIN_EFFECT_EXTERNAL && (a->doubt < 1 || a->doubt > TOCSIN_DOUBT_PROBE))
        return refuse(diag, "it has no in-doubt class that this host knows", a->name);
    if (check_schema(a->args_schema, "its schema of arguments is no JSON object", a->name,
                     diag) != 0)
        return TSN_EINPUT;
    return check_schema(a->result_schema, "its schema of results is no JSON object", a->name,
                        diag);
}

static tsn_err take_actions(struct tsn_ph_lib *lib, struct tsn_diag *diag)
{
    const struct tocsin_action *const *list = lib->p.actions;
    size_t n = 0;
    tsn_err err = 0;

    while (list && list[n] && n <= ACTIONS_MAX)
        n++;
    if (n == 0 || n > ACTIONS_MAX)
        return tsn_diag_set(diag, TSN_EINPUT, "R054", "the library has no actions, or over %d",
                            ACTIONS_MAX);
    lib->actions = tsn_arena_alloc(lib->arena, n * sizeof(*lib->actions));
    for (size_t i = 0; i < n && !err; i++) {
        struct tocsin_action *a = &lib->actions[i].a;

        if (list[i]->size < ACTION_LEAST)
            return refuse(diag, "its struct is shorter than any version's", NULL);
        take_known(a, sizeof(*a), list[i], list[i]->size);
        err = check_action(a, diag);
        if (!err)
            err = take_schema(lib, &lib->actions[i], diag);
        for (size_t k = 0; k < i && !err; k++)
            if (strcmp(a->name, lib->actions[k].a.name) == 0)
                err = refuse(diag, "it stands there twice", a->name);
        lib->nactions++;
    }
    return err;
}

/* The major is read first: behind it another major may have anything. */
static tsn_err take_plugin(struct tsn_ph_lib *lib, const struct tocsin_plugin *from,
                           struct tsn_diag *diag)
{
    if (from->abi_major != TOCSIN_ABI_MAJOR ||
        (from->abi_minor > TOCSIN_ABI_MINOR && from->size >= PLUGIN_LEAST))
        return tsn_diag_set(
            diag, TSN_ESCHEMA, "R054",
            "the library was made for plugin ABI %u.%u, this tocsin has %d.%d: "
            "%s",
            from->abi_major, from->abi_minor, TOCSIN_ABI_MAJOR, TOCSIN_ABI_MINOR,
            from->abi_major < TOCSIN_ABI_MAJOR ? "build it anew against this tocsin's plugin.h"
                                               : "install a newer tocsin, or an older plugin");
    if (from->size < PLUGIN_LEAST)
        return tsn_diag_set(diag, TSN_EINPUT, "R054",
                            "the library's description is shorter than any version's");
    take_known(&lib->p, sizeof(lib->p), from, from->size);
    if (!name_ok(lib->p.name) || !lib->p.version || !lib->p.licence)
        return tsn_diag_set(diag, TSN_EINPUT, "R054",
                            "the library gives no good name, no version or no licence");
    return take_actions(lib, diag);
}

tsn_err tsn_ph_load(struct tsn_ph_lib **out, const char *path, struct tsn_diag *diag)
{
    struct tsn_arena *arena = tsn_arena_new();
    struct tsn_ph_lib *lib = tsn_arena_alloc(arena, sizeof(*lib));
    const struct tocsin_plugin *(*entry)(void) = NULL;
    const struct tocsin_plugin *described;
    void *symbol;
    tsn_err err;

    lib->arena = arena;
    /* Now, not lazily: a missing symbol is found before the first call, not in the middle of it. */
    lib->dl = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    symbol = lib->dl ? dlsym(lib->dl, "tocsin_plugin_entry") : NULL;
    if (!symbol) {
        err = tsn_diag_set(diag, TSN_ENOTFOUND, "R054", "the library cannot be loaded: %s",
                           dlerror());
        goto out;
    }
    memcpy(&entry, &symbol, sizeof(entry)); /* ISO C has no cast from data to function */
    described = entry();
    err = described ? take_plugin(lib, described, diag)
                    : tsn_diag_set(diag, TSN_EINPUT, "R054", "the library describes nothing");
out:
    if (err)
        tsn_arena_destroy(arena);
    else
        *out = lib;
    return err;
}

void tsn_ph_unload(struct tsn_ph_lib *lib)
{
    tsn_arena_destroy(lib->arena);
}

static const struct tocsin_action *find(const struct tsn_ph_lib *lib, const char *name)
{
    for (size_t i = 0; i < lib->nactions; i++)
        if (strcmp(lib->actions[i].a.name, name) == 0)
            return &lib->actions[i].a;
    return NULL;
}

static tsn_err agree_on(const struct tsn_yaml *node, const struct tsn_ph_lib *lib,
                        struct tsn_diag *diag)
{
    static const char *const effects[] = {"", "none", "external"};
    static const char *const doubts[] = {"", "ask", "repeat_safe", "probe"};
    const char *name = "", *effect = "", *doubt = "ask";
    const struct tocsin_action *a;
    bool secret = false;
    tsn_err err = tsn_yaml_str(node, "name", true, &name, diag);

    if (!err)
        err = tsn_yaml_str(node, "effect", true, &effect, diag);
    if (!err)
        err = tsn_yaml_str(node, "doubt", false, &doubt, diag);
    if (!err)
        err = tsn_yaml_bool(node, "secret", false, &secret, diag);
    if (err)
        return err;
    a = find(lib, name);
    if (!a)
        return tsn_yaml_fail(node, diag, TSN_EINPUT, "R054",
                             "the manifest has the action `%s`, the library has not", name);
    /* read is a look-up; write and send change something. */
    bool looks = strcmp(effect, "none") == 0 || strcmp(effect, "read") == 0;
    if (looks != (a->effect == TOCSIN_EFFECT_NONE))
        return tsn_yaml_fail(node, diag, TSN_EINPUT, "R054",
                             "the effect of `%s` is %s in the manifest and %s in the library",
                             name, effect, effects[a->effect]);
    if (a->effect == TOCSIN_EFFECT_EXTERNAL && strcmp(doubt, doubts[a->doubt]) != 0)
        return tsn_yaml_fail(
            node, diag, TSN_EINPUT, "R054",
            "the in-doubt class of `%s` is %s in the manifest and %s in the library", name,
            doubt, doubts[a->doubt]);
    if (secret != (a->secret != 0))
        return tsn_yaml_fail(node, diag, TSN_EINPUT, "R054",
                             "the arguments of `%s` are secret only in the %s", name,
                             secret ? "manifest" : "library");
    return 0;
}

tsn_err tsn_ph_agree(const struct tsn_ph_lib *lib, const char *manifest, struct tsn_diag *diag)
{
    struct tsn_arena *arena = tsn_arena_new();
    const struct tsn_yaml *list, *node;
    struct tsn_yaml_doc *doc = NULL;
    const char *name = "", *has;
    tsn_err err = tsn_yaml_read_file(arena, manifest, &doc, diag);

    if (!err)
        err = tsn_yaml_str(doc->root, "name", true, &name, diag);
    if (!err && strcmp(name, lib->p.name) != 0)
        err = tsn_yaml_fail(doc->root, diag, TSN_EINPUT, "R054",
                            "the manifest is of `%s`, the library is `%s`", name, lib->p.name);
    list = err ? NULL : tsn_yaml_find(doc->root, "actions");
    for (node = list ? list->first : NULL; node && !err; node = node->next)
        err = agree_on(node, lib, diag);
    for (size_t i = 0; i < lib->nactions && !err; i++) {
        bool found = false;

        for (node = list ? list->first : NULL; node && !found; node = node->next) {
            has = "";
            (void)tsn_yaml_str(node, "name", false, &has, NULL);
            found = strcmp(has, lib->actions[i].a.name) == 0;
        }
        if (!found)
            err = tsn_yaml_fail(list ? list : doc->root, diag, TSN_EINPUT, "R054",
                                "the library has the action `%s`, the manifest has not",
                                lib->actions[i].a.name);
    }
    tsn_arena_destroy(arena);
    return err;
}
