/* cmd_plugin.c - `tocsin plugin list|show`: what plugins there are and what each may do; no daemon.
 *
 * Reads manifests only: what a plugin may do is what its manifest says. Owns nothing. One thread.
 */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/plugin_check.h"
#include "cli/out.h"
#include "core/json.h"
#include "core/text.h"

const char *tsn_plugin_touches(const struct tsn_action *a)
{
    return a->effect == TSN_EFFECT_NONE ? "read" : a->sends ? "send" : "write";
}

const char *tsn_plugin_doubt(const struct tsn_action *a)
{
    if (a->effect == TSN_EFFECT_NONE)
        return "-";
    switch (a->doubt) {
    case TSN_DOUBT_REPEAT_SAFE:
        return "repeat_safe";
    case TSN_DOUBT_PROBE:
        return "probe";
    case TSN_DOUBT_ASK:
        break;
    }
    return "ask";
}

/* The folder of a name or path; NULL = neither. */
const char *tsn_plugin_folder(struct tsn_cli *cli, const char *what)
{
    const char *shared = tsn_place_shared(cli->arena, "plugins"), *dir;

    if (strchr(what, '/') ||
        access(tsn_arena_printf(cli->arena, "%s/manifest.yaml", what), R_OK) == 0)
        return what;
    dir = shared ? tsn_arena_printf(cli->arena, "%s/%s", shared, what) : NULL;
    return dir && access(tsn_arena_printf(cli->arena, "%s/manifest.yaml", dir), R_OK) == 0
               ? dir
               : NULL;
}

const char *tsn_plugin_dir(struct tsn_cli *cli, const char *name, const char *dir)
{
    const char *shared = tsn_place_shared(cli->arena, "plugins");
    return dir ? dir : tsn_arena_printf(cli->arena, "%s/%s", shared ? shared : "", name);
}

tsn_err tsn_plugin_read(struct tsn_cli *cli, const char *what, const char **dir,
                        struct tsn_manifest *out, struct tsn_diag *diag)
{
    char full[4096];
    *dir = tsn_plugin_folder(cli, what);
    if (!*dir || !realpath(*dir, full)) {
        tsn_diag_set(diag, TSN_ENOTFOUND, "M040", "there is no plugin `%s`", what);
        tsn_diag_hint(diag,
                      "`tocsin plugin list` shows those that come with tocsin; a folder needs "
                      "a manifest.yaml");
        return TSN_ENOTFOUND;
    }
    *dir = tsn_arena_strdup(cli->arena, full);
    return tsn_manifest_read(cli->arena, *dir, NULL, out, diag);
}

static json_t *settings_json(const struct tsn_manifest *m)
{
    json_t *out = json_array();

    for (size_t i = 0; i < m->nsettings; i++)
        json_array_append_new(out, json_pack("{s:s, s:s, s:b, s:s*}", "name",
                                             m->settings[i].name, "type", m->settings[i].type,
                                             "need", m->settings[i].need, "summary",
                                             m->settings[i].summary));
    return out;
}

static json_t *manifest_json(const struct tsn_manifest *m, const char *dir)
{
    json_t *actions = json_array();

    for (size_t i = 0; i < m->nactions; i++) {
        const struct tsn_action *a = &m->actions[i];

        json_array_append_new(
            actions,
            json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:b, s:b, s:s*, s:s*}", "name", a->name,
                      "summary", a->summary ? a->summary : "", "effect",
                      a->effect == TSN_EFFECT_NONE ? "none" : "external", "doubt",
                      tsn_plugin_doubt(a), "touches", tsn_plugin_touches(a), "timeout_ms",
                      (json_int_t)(a->timeout_ms ? a->timeout_ms : 60000), "irreversible",
                      a->irreversible, "secret", a->secret_args, "undo", a->undo, "plan",
                      a->plan));
    }
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:o, s:o}", "name", m->name, "kind",
                     m->lua       ? "lua"
                     : m->library ? "library"
                                  : "program",
                     "version", m->version, "summary", m->summary, "dir", dir, "concurrency",
                     (json_int_t)m->concurrency, "settings", settings_json(m), "actions",
                     actions);
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int tsn_cmd_plugin_list(struct tsn_cli *cli)
{
    const char *dir = cli->nargs ? cli->arg[0] : tsn_place_shared(cli->arena, "plugins");
    const char *names[256];
    size_t n = 0;
    DIR *d = dir ? opendir(dir) : NULL;
    struct dirent *e;
    json_t *items = json_array(), *out;
    struct tsn_grid *g = tsn_grid_new(cli, 4);
    int exit = TSN_EXIT_OK;

    if (!d)
        return tsn_out_failf(cli, TSN_EXIT_NOT_FOUND, TSN_ENOTFOUND, "M040",
                             "give the folder that holds them: tocsin plugin list DIR",
                             "no plugins folder%s%s", dir ? " at " : "", dir ? dir : "");
    while ((e = readdir(d)) != NULL && n < 256) {
        if (e->d_name[0] != '.' &&
            access(tsn_arena_printf(cli->arena, "%s/%s/manifest.yaml", dir, e->d_name), R_OK) ==
                0)
            names[n++] = tsn_arena_strdup(cli->arena, e->d_name);
    }
    closedir(d);
    qsort(names, n, sizeof(names[0]), compare);
    tsn_grid_cell(g, TSN_DIM, "PLUGIN");
    tsn_grid_cell(g, TSN_DIM, "VERSION");
    tsn_grid_cell(g, TSN_DIM, "ACTIONS");
    tsn_grid_cell(g, TSN_DIM, "WHAT IT DOES");
    for (size_t i = 0; i < n; i++) {
        struct tsn_manifest m;
        struct tsn_diag diag;
        const char *full;

        tsn_diag_init(&diag);
        if (tsn_plugin_read(cli, tsn_arena_printf(cli->arena, "%s/%s", dir, names[i]), &full,
                            &m, &diag) != 0) {
            /* One that is not built yet, or wrong, does not hide the others. */
            tsn_grid_cell(g, TSN_PLAIN, names[i]);
            tsn_grid_cell(g, TSN_YELLOW, "-");
            tsn_grid_cell(g, TSN_PLAIN, "-");
            tsn_grid_cell(g, TSN_YELLOW, tsn_arena_strdup(cli->arena, diag.what));
            json_array_append_new(items, json_pack("{s:s, s:s, s:s}", "name", names[i], "code",
                                                   diag.code, "problem", diag.what));
            continue;
        }
        json_array_append_new(items, manifest_json(&m, full));
        tsn_grid_cell(g, TSN_BOLD, m.name);
        tsn_grid_cell(g, TSN_PLAIN, m.version);
        tsn_grid_cell(g, TSN_PLAIN, tsn_arena_printf(cli->arena, "%zu", m.nactions));
        tsn_grid_cell(g, TSN_PLAIN, m.summary);
    }
    out = json_pack("{s:o}", "items", items);
    if (cli->json)
        tsn_out_json(cli, out);
    else
        tsn_grid_print(g, stdout, 0);
    json_decref(out);
    return tsn_out_end(cli, exit);
}

int tsn_cmd_plugin_show(struct tsn_cli *cli)
{
    struct tsn_manifest m;
    struct tsn_diag diag;
    struct tsn_grid *g;
    const char *dir;
    json_t *out;
    tsn_err err;

    tsn_diag_init(&diag);
    err = tsn_plugin_read(cli, cli->arg[0], &dir, &m, &diag);
    if (err)
        return tsn_out_fail(cli, tsn_out_exit_of(err), &diag);
    out = manifest_json(&m, dir);
    if (cli->json) {
        tsn_out_json(cli, out);
        json_decref(out);
        return tsn_out_end(cli, TSN_EXIT_OK);
    }
    json_decref(out);
    (void)printf("%s %s  %s\n%s\n\n", m.name, m.version, m.summary, dir);
    g = tsn_grid_new(cli, 6);
    tsn_grid_cell(g, TSN_DIM, "ACTION");
    tsn_grid_cell(g, TSN_DIM, "EFFECT");
    tsn_grid_cell(g, TSN_DIM, "IN DOUBT");
    tsn_grid_cell(g, TSN_DIM, "UNDO");
    tsn_grid_cell(g, TSN_DIM, "TIMEOUT");
    tsn_grid_cell(g, TSN_DIM, "WHAT IT DOES");
    for (size_t i = 0; i < m.nactions; i++) {
        const struct tsn_action *a = &m.actions[i];

        tsn_grid_cell(g, TSN_BOLD, a->name);
        tsn_grid_cell(g, a->effect == TSN_EFFECT_NONE ? TSN_PLAIN : TSN_YELLOW,
                      tsn_plugin_touches(a));
        tsn_grid_cell(g, TSN_PLAIN, tsn_plugin_doubt(a));
        tsn_grid_cell(g, TSN_PLAIN, a->undo ? a->undo : "-");
        tsn_grid_cell(
            g, TSN_PLAIN,
            tsn_arena_printf(cli->arena, "%lld s",
                             (long long)(a->timeout_ms ? a->timeout_ms : 60000) / 1000));
        tsn_grid_cell(g, TSN_PLAIN, a->summary ? a->summary : "");
    }
    tsn_grid_print(g, stdout, 0);
    return tsn_out_end(cli, TSN_EXIT_OK);
}
