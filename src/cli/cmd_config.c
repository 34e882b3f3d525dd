/* cmd_config.c - `tocsin config check`: is the configuration good, and what will not work as it stands? No daemon:
 * the store is read beside one that runs. Owns nothing. One thread.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "action/plugin_pin.h"
#include "author/workshop.h"
#include "cli/cmd_config.h"
#include "cli/out.h"
#include "cli/plugin_check.h"
#include "core/json.h"
#include "core/log.h"
#include "core/secret.h"
#include "store/record_system.h"
#include "store/store.h"

struct checks {
    struct tsn_cli *cli;
    json_t *list;
    size_t bad;
};

static void check(struct checks *c, const char *id, const char *result, const char *text)
{
    json_array_append_new(
        c->list, json_pack("{s:s, s:s, s:s}", "id", id, "result", result, "text", text));
    if (strcmp(result, "fail") == 0)
        c->bad++;
    if (c->cli->json || c->cli->quiet)
        return;
    (void)printf("  ");
    tsn_out_text(c->cli, stdout,
                 strcmp(result, "ok") == 0     ? TSN_GREEN
                 : strcmp(result, "warn") == 0 ? TSN_YELLOW
                                               : TSN_RED,
                 strcmp(result, "ok") == 0     ? "ok  "
                 : strcmp(result, "warn") == 0 ? "warn"
                                               : "FAIL");
    (void)printf(" %-11s", id);
    tsn_out_text(c->cli, stdout, TSN_PLAIN, text);
    (void)printf("\n");
}

static void check_playbooks(struct checks *c, const struct tsn_config *config)
{
    struct tsn_arena *a = c->cli->arena;
    const char *dir =
        config->playbook_dir ? config->playbook_dir : tsn_place_shared(a, "playbooks");
    if (!dir || access(dir, R_OK | X_OK) != 0) {
        check(c, "playbooks", "fail",
              tsn_arena_printf(a, "%s cannot be read", dir ? dir : "no directory: it"));
        return;
    }
    for (size_t i = 0; i < config->nrules; i++) {
        const char *file = tsn_arena_printf(a, "%s/%s.lua", dir, config->rules[i].run);
        if (access(file, R_OK) != 0)
            check(c, "rules", "warn",
                  tsn_arena_printf(a, "%s runs `%s`, and %s is not there", config->rules[i].on,
                                   config->rules[i].run, file));
    }
    check(c, "playbooks", "ok", dir);
}

/* Settings whose name says that they are secret, and that are no handle. */
static void check_clear(struct checks *c, const char *plugin, const json_t *v, const char *name)
{
    static const char *const words[] = {"password",    "token",         "secret",
                                        "api_key",     "password_file", "token_file",
                                        "secret_file", "key_file"};
    const json_t *one;
    const char *key;
    size_t i;
    json_object_foreach((json_t *)(uintptr_t)v, key, one) check_clear(c, plugin, one, key);
    json_array_foreach(v, i, one) check_clear(c, plugin, one, name);
    if (!json_is_string(v) || tsn_secret_is_handle(json_string_value(v)))
        return;
    for (i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(words[i], name) == 0)
            check(c, "secrets", "warn",
                  tsn_arena_printf(c->cli->arena,
                                   "plugin %s: the setting `%s` is a secret in clear: tocsin "
                                   "secret set NAME, then secret:NAME",
                                   plugin, name));
}

static void check_plugins(struct checks *c, const struct tsn_config *config)
{
    struct tsn_arena *a = c->cli->arena;
    for (size_t i = 0; i < config->nplugins; i++) {
        const struct tsn_plugin_config *p = &config->plugins[i];
        const char *dir = tsn_plugin_dir(c->cli, p->name, p->dir);
        struct tsn_manifest m = {0};
        struct tsn_diag diag;
        char digest[TSN_PIN_LEN + 1];
        json_t *settings = NULL;
        if (p->settings &&
            tsn_json_parse(p->settings, strlen(p->settings), &settings, NULL) == 0)
            check_clear(c, p->name, settings, "");
        tsn_diag_init(&diag);
        if (tsn_manifest_declared(a, dir, &m, &diag) ||
            tsn_manifest_settings(&m, settings, &diag) ||
            tsn_plugin_digest(dir, m.library, digest, &diag))
            check(c, "plugins", "fail", tsn_arena_printf(a, "%s: %s", p->name, diag.what));
        else if (!p->sha256 || strcmp(p->sha256, digest) != 0)
            /* No reason to hold back everything else: a unit may ask us before each start. */
            check(c, "plugins", "warn",
                  tsn_arena_printf(a,
                                   "%s in %s %s and will not be started: tocsin plugin accept "
                                   "%s",
                                   p->name, dir,
                                   p->sha256 ? "has changed since it was accepted"
                                             : "is not accepted yet",
                                   p->name));
        else
            check(c, "plugins", "ok", tsn_arena_printf(a, "%s in %s", p->name, dir));
        json_decref(settings);
    }
}

/* --- secrets ------------------------------------------------------------------------------- */

/* The names that the store holds, or NULL: it is not there, or cannot be read now. */
static json_t *stored_names(struct tsn_arena *a, const struct tsn_config *config)
{
    const struct tsn_store_config sc = {.path = config->database, .read_only = true};
    const struct tsn_list how = {.limit = 10000};
    struct tsn_store *st;
    struct tsn_diag diag;
    json_t *names;
    void *rows;
    size_t n;
    tsn_diag_init(&diag);
    tsn_log_open(-1);
    if (access(config->database, R_OK) != 0 || tsn_store_open(&st, &sc, &diag))
        return NULL;
    names = json_object();
    if (tsn_store_list(st, a, &tsn_table_secret, &how, &rows, &n))
        n = 0;
    for (size_t i = 0; i < n; i++)
        json_object_set_new(names, ((struct tsn_rec_secret *)rows)[i].name, json_true());
    tsn_store_close(st);
    return names;
}

/* Somewhere in the file that says where a value is? */
static bool from_file(const struct tsn_config *c, const char *handle)
{
    for (size_t i = 0; i < c->nsecret_uses; i++)
        if (c->secret_uses[i].origin && strcmp(c->secret_uses[i].handle, handle) == 0)
            return true;
    return false;
}

/* Names what is missing with the command that sets it, and each file that holds a value in clear. */
static void check_secrets(struct checks *c, const struct tsn_config *config)
{
    struct tsn_arena *a = c->cli->arena;
    json_t *stored = stored_names(a, config), *said = json_object();
    size_t missing = 0, clear = 0, used = 0;
    for (size_t i = 0; i < config->nsecret_uses; i++) {
        const struct tsn_secret_use *u = &config->secret_uses[i];
        if (u->origin && strcmp(u->origin, "clear") == 0) {
            clear++;
            check(
                c, "secrets", "warn",
                tsn_arena_printf(a,
                                 "%s: %s holds a secret in clear: tocsin secret set NAME, then "
                                 "secret:NAME in its place",
                                 u->where, u->handle + 5));
        }
        used += !u->origin;
        if (u->origin || strncmp(u->handle, "secret:", 7) != 0 || !stored ||
            from_file(config, u->handle) || json_object_get(stored, u->handle + 7) ||
            json_object_get(said, u->handle))
            continue;
        json_object_set_new(said, u->handle, json_true());
        missing++;
        check(c, "secrets", "warn",
              tsn_arena_printf(a, "%s: nobody has set %s: tocsin secret set %s", u->where,
                               u->handle, u->handle + 7));
    }
    if (config->nsecret_uses && !missing && !clear)
        check(c, "secrets", "ok",
              stored ? tsn_arena_printf(a, "%zu named, none missing", used)
                     : "there is no store yet that could hold them");
    json_decref(stored);
    json_decref(said);
}

/* The file of predicates, loaded as it will be, has the functions that rules name. */
static void check_predicates(struct checks *c, const struct tsn_config *config)
{
    const struct tsn_decide_config *d = &config->decide;
    struct tsn_workshop *w = NULL;
    struct tsn_diag diag;
    json_t *names = json_array(), *input, *rule, *out = NULL;
    size_t i;
    json_array_foreach(d->rules, i, rule)
    {
        const char *name = tsn_json_str(rule, "lua", NULL);
        if (name)
            json_array_append_new(names, json_string(name));
    }
    input = json_pack("{s:s, s:{s:s}, s:o}", "file", d->lua_name, "files", d->lua_name, d->lua,
                      "names", names);
    tsn_diag_init(&diag);
    tsn_err err = tsn_workshop_open(&w, &diag);
    if (!err)
        err = tsn_workshop_tool(w, "predicates_check", input, &out, &diag);
    if (err) {
        check(c, "predicates", "fail",
              tsn_arena_printf(c->cli->arena, "%s (%s:%d)", diag.what, d->lua_name, diag.line));
    } else if (tsn_json_int(out, "n", 0) > 0) {
        const json_t *missing = json_array_get(json_object_get(out, "missing"), 0);
        check(c, "predicates", "fail",
              tsn_arena_printf(c->cli->arena, "%s has no function `%s`", d->lua_name,
                               json_string_value(missing)));
    } else {
        check(c, "predicates", "ok",
              tsn_arena_printf(c->cli->arena, "%zu rules ask %s", json_array_size(names),
                               d->lua_name));
    }
    json_decref(out);
    json_decref(input);
    tsn_workshop_close(w);
}

int tsn_cmd_config_check(struct tsn_cli *cli)
{
    const char *path = cli->nargs ? cli->arg[0] : tsn_place_config(cli);
    struct tsn_config *config = NULL;
    int rc = tsn_cmd_load(cli, path, TSN_EXIT_PROBLEMS, &config);
    if (rc || !config)
        return rc;
    struct checks c = {cli, json_array(), 0};
    if (!cli->json && !cli->quiet)
        (void)printf("%s\n", config->file);
    check(&c, "schema", "ok",
          tsn_arena_printf(cli->arena, "%zu people, %zu rules, %zu feeds, %zu plugins",
                           config->npeople, config->nrules, config->nfeeds, config->nplugins));
    check_playbooks(&c, config);
    check_plugins(&c, config);
    if (config->decide.lua)
        check_predicates(&c, config);
    check_secrets(&c, config);
    rc = c.bad ? TSN_EXIT_PROBLEMS : TSN_EXIT_OK;
    json_t *out = json_pack("{s:s, s:o}", "file", config->file, "checks", c.list);
    if (rc)
        tsn_out_json_not_ok(cli, out, rc);
    else
        tsn_out_json(cli, out);
    json_decref(out);
    if (rc)
        tsn_out_say(cli, "%zu problem%s.", c.bad, c.bad == 1 ? "" : "s");
    return rc;
}
