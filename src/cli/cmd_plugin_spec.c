/* cmd_plugin_spec.c - the part of `tocsin plugin test` that plays a Lua connector's spec. No daemon.
 *
 * The functions run in a worker, confined as in earnest, without any network: a spec gives the replies. Owns
 * nothing. One thread.
 */
#include <stdlib.h>
#include <string.h>

#include "author/workshop.h"
#include "cli/plugin_check.h"
#include "core/buf.h"
#include "core/json.h"

static bool add_file(json_t *files, const char *dir, const char *name, struct tsn_arena *a)
{
    struct tsn_buf b;
    bool good;

    tsn_buf_init(&b, 1u << 20);
    good = tsn_buf_read_file(&b, tsn_arena_printf(a, "%s/%s", dir, name)) == 0 &&
           json_object_set_new(files, name, json_stringn(b.data ? b.data : "", b.len)) == 0;
    tsn_buf_free(&b);
    return good;
}

/* What the manifest names is there, and nothing else is. A probe is a method of its own. */
static void methods(struct tsn_workshop *w, const struct tsn_manifest *m, const json_t *files,
                    void (*said)(void *user, bool good, const char *what, const char *why),
                    void *user)
{
    static const char what[] = "its functions are those of the manifest";
    json_t *names = json_array(), *input, *out = NULL;
    struct tsn_diag diag;
    char *text;

    for (size_t i = 0; i < m->nactions; i++) {
        const struct tsn_action *a = &m->actions[i];
        const char *verb = strrchr(a->name, '.') + 1;

        json_array_append_new(names, json_string(verb));
        if (a->effect == TSN_EFFECT_EXTERNAL && a->doubt == TSN_DOUBT_PROBE)
            json_array_append_new(names, json_sprintf("probe_%s", verb));
    }
    input = json_pack("{s:s, s:o, s:O}", "file", m->lua, "actions", names, "files", files);
    tsn_diag_init(&diag);
    if (tsn_workshop_tool(w, "connector_check", input, &out, &diag) != 0) {
        said(user, false, what, diag.what);
    } else {
        bool good = json_array_size(json_object_get(out, "missing")) == 0 &&
                    json_array_size(json_object_get(out, "more")) == 0;

        text = tsn_json_text(out);
        said(user, good, what, text);
        free(text);
    }
    json_decref(out);
    json_decref(input);
}

void tsn_plugin_specs(struct tsn_cli *cli, const struct tsn_manifest *m, const char *dir,
                      void (*said)(void *user, bool good, const char *what, const char *why),
                      void *user)
{
    const char *spec = tsn_arena_printf(cli->arena, "%s_spec.lua", m->name);
    json_t *files = json_object(), *input, *out = NULL, *one;
    struct tsn_workshop *w = NULL;
    struct tsn_diag diag;
    size_t i;

    tsn_diag_init(&diag);
    if (!add_file(files, dir, m->lua, cli->arena) || tsn_workshop_open(&w, &diag) != 0) {
        said(user, false, "its file can be read", diag.what);
        json_decref(files);
        return;
    }
    methods(w, m, files, said, user);
    if (!add_file(files, dir, spec, cli->arena)) {
        said(user, false, "it has a spec",
             tsn_arena_printf(cli->arena, "there is no %s", spec));
    } else {
        input = json_pack("{s:s, s:s, s:O}", "file", m->lua, "spec", spec, "files", files);
        if (tsn_workshop_tool(w, "connector_spec", input, &out, &diag) != 0)
            said(user, false, "its spec runs", diag.what);
        json_array_foreach(json_object_get(out, "results"), i, one)
        {
            const char *why = tsn_json_str(one, "why", NULL);

            said(user, !why,
                 tsn_arena_printf(cli->arena, "spec: %s", tsn_json_str(one, "name", "?")),
                 why ? why : "");
        }
        if (out && i == 0)
            said(user, false, "its spec runs", "it has no cases");
        json_decref(out);
        json_decref(input);
    }
    tsn_workshop_close(w);
    json_decref(files);
}
