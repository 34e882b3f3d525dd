/* cmd_playbook.c - playbook list and new: for authors, without a daemon.
 *
 * Files are described by a worker of the command's own (author/workshop.h). One thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli/playbook_world.h"
#include "core/buf.h"
#include "core/json.h"
#include "core/text.h"
#include "engine/bundle.h"

/* --- list -------------------------------------------------------------------------------- */

static void list_row(struct tsn_cli *cli, struct tsn_grid *grid, json_t *rows, const char *file,
                     const json_t *answer, bool spec)
{
    const json_t *meta = json_object_get(answer, "meta"), *e = json_object_get(answer, "error");

    json_array_append_new(
        rows, json_pack("{s:s, s:b, s:s*, s:s*, s:s*, s:s*, s:b}", "file", file, "ok",
                        meta != NULL, "name", tsn_json_str(meta, "name", NULL), "title",
                        tsn_json_str(meta, "title", NULL), "on", tsn_json_str(meta, "on", NULL),
                        "error", tsn_json_str(e, "error", NULL), "spec", spec));
    tsn_grid_cell(grid, TSN_BOLD, meta ? tsn_json_str(meta, "name", file) : file);
    tsn_grid_cell(grid, TSN_PLAIN, tsn_json_str(meta, "on", "-"));
    tsn_grid_cell(grid, spec ? TSN_GREEN : TSN_DIM, spec ? "yes" : "no");
    if (meta)
        tsn_grid_cell(grid, TSN_PLAIN, tsn_json_str(meta, "title", ""));
    else
        tsn_grid_cell(grid, TSN_RED,
                      tsn_arena_printf(
                          cli->arena, "%s line %lld: %s", tsn_json_str(e, "code", "L001"),
                          (long long)tsn_json_int(e, "line", 0), tsn_json_str(e, "error", "")));
}

static bool has_spec(struct tsn_cli *cli, const char *dir, const char *file)
{
    return access(tsn_arena_printf(cli->arena, "%s/%.*s_spec.lua", dir, (int)strlen(file) - 4,
                                   file),
                  R_OK) == 0;
}

/* What steps can call: effect, how it is taken back, what it is for. */
static int list_connectors(struct tsn_shop *s)
{
    struct tsn_cli *cli = s->cli;
    struct tsn_diag diag;
    json_t *connectors = NULL, *verbs, *row;
    const char *domain, *verb;

    tsn_diag_init(&diag);
    if (tsn_sim_connectors(&s->world.sim, &connectors, &diag))
        return tsn_out_fail(cli, TSN_EXIT_PROBLEMS, &diag);
    if (cli->json) {
        json_t *out = json_pack("{s:O}", "connectors", connectors);
        tsn_out_json(cli, out);
        json_decref(out);
        json_decref(connectors);
        return TSN_EXIT_OK;
    }
    struct tsn_grid *grid = tsn_grid_new(cli, 4);
    static const char *const head[] = {"ACTION", "EFFECT", "TAKEN BACK BY", "WHAT"};
    for (size_t i = 0; i < 4; i++)
        tsn_grid_cell(grid, TSN_DIM, head[i]);
    json_object_foreach(connectors, domain, verbs)
    {
        json_object_foreach(verbs, verb, row)
        {
            const char *undo = tsn_json_str(row, "undo", "");
            tsn_grid_cell(grid, TSN_BOLD, tsn_arena_printf(cli->arena, "%s.%s", domain, verb));
            tsn_grid_cell(grid, TSN_PLAIN, tsn_json_str(row, "effect", ""));
            tsn_grid_cell(grid, TSN_PLAIN,
                          *undo                                       ? undo
                          : tsn_json_bool(row, "irreversible", false) ? "(cannot be)"
                                                                      : "-");
            tsn_grid_cell(grid, TSN_PLAIN, tsn_json_str(row, "summary", ""));
        }
    }
    tsn_grid_print(grid, stdout, 0);
    json_decref(connectors);
    return TSN_EXIT_OK;
}

int tsn_cmd_playbook_list(struct tsn_cli *cli)
{
    struct tsn_shop s = {0};
    struct tsn_diag diag;
    char **names = NULL;
    size_t n = 0;
    const char *dir = cli->nargs ? cli->arg[0] : NULL;
    int rc = tsn_shop_open(&s, cli, dir);

    tsn_diag_init(&diag);
    if (!rc && (cli->given & TSN_BIT(TSN_FLAG_CONNECTORS))) {
        rc = list_connectors(&s);
        tsn_workshop_close(s.workshop);
        return rc;
    }
    if (!rc && tsn_bundle_files(s.world.sim.playbook_dir, false, &names, &n))
        rc = tsn_out_failf(cli, TSN_EXIT_NOT_FOUND, TSN_ENOTFOUND, "R039",
                           "name a folder of playbooks", "%s cannot be read",
                           s.world.sim.playbook_dir);
    if (rc) {
        tsn_workshop_close(s.workshop);
        return rc;
    }
    struct tsn_grid *grid = tsn_grid_new(cli, 4);
    json_t *rows = json_array();
    static const char *const head[] = {"NAME", "ON", "SPEC", "TITLE"};
    for (size_t i = 0; i < 4; i++)
        tsn_grid_cell(grid, TSN_DIM, head[i]);
    for (size_t i = 0; i < n; i++) {
        json_t *bundle = tsn_bundle_whole(s.world.sim.playbook_dir, names[i], &diag),
               *answer = NULL;
        if (bundle && tsn_workshop_describe(s.workshop, names[i], bundle, &answer, &diag) == 0)
            list_row(cli, grid, rows, names[i], answer,
                     has_spec(cli, s.world.sim.playbook_dir, names[i]));
        json_decref(answer);
        json_decref(bundle);
    }
    tsn_bundle_files_free(names, n);
    if (cli->json) {
        json_t *out = json_pack("{s:O}", "playbooks", rows);
        tsn_out_json(cli, out);
        json_decref(out);
    }
    if (!cli->json)
        tsn_grid_print(grid, stdout, 0);
    json_decref(rows);
    tsn_workshop_close(s.workshop);
    return TSN_EXIT_OK;
}

/* --- new --------------------------------------------------------------------------------- */

/* Never over a file that is there. */
static int write_new(struct tsn_cli *cli, const char *path, const char *text, bool keep)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    size_t n = strlen(text);

    if (fd < 0 && errno == EEXIST && keep)
        return 0;
    bool good = fd >= 0 && write(fd, text, n) == (ssize_t)n;
    if (fd >= 0)
        good = close(fd) == 0 && good;
    if (good) {
        tsn_out_say(cli, "wrote %s", path);
        return 0;
    }
    return tsn_out_failf(cli, errno == EEXIST ? TSN_EXIT_CONFLICT : TSN_EXIT_FAILED, TSN_EIO,
                         "U008", "", "%s: %s", path, strerror(errno));
}

static const char plain_playbook[] =
    "-- What this is for, in a sentence or two.\n"
    "return playbook {\n"
    "  name  = \"NAME\",\n"
    "  title = \"What people see\",\n"
    "  on    = \"report.accepted\",\n"
    "  roles = { triage = \"responder\" },\n"
    "\n"
    "  run = function(case)\n"
    "    local t = ask {\n"
    "      id = \"triage\", role = \"triage\", title = \"Look at \" .. case.name, within = "
    "\"2d\",\n"
    "      fields = { severity = choice { \"low\", \"high\" }, reason = text { required = true "
    "} },\n"
    "    }\n"
    "    case:set { severity = t.severity, reason = t.reason }\n"
    "    return case:close { resolution = \"handled\" }\n"
    "  end,\n"
    "}\n";

static const char plain_spec[] =
    "-- tocsin playbook test NAME\n"
    "describe(\"NAME\", function()\n"
    "  local report = { kind = \"weakness\", title = \"A title\", text = \"What happened\" }\n"
    "\n"
    "  it(\"closes the case when somebody has looked at it\", function()\n"
    "    local s = sim.start(\"NAME\", { report = report })\n"
    "    s:answer(\"triage\", { severity = \"high\", reason = \"seen\" }, \"resp1\")\n"
    "    assert.closed(s, \"handled\")\n"
    "  end)\n"
    "end)\n";

static const char luarc[] =
    "{\n"
    "  \"$schema\": "
    "\"https://raw.githubusercontent.com/LuaLS/vscode-lua/master/setting/schema.json\",\n"
    "  \"runtime.version\": \"Lua 5.4\",\n"
    "  \"runtime.builtin\": { \"basic\": \"disable\", \"bit\": \"disable\", \"coroutine\": "
    "\"disable\",\n"
    "    \"debug\": \"disable\", \"io\": \"disable\", \"math\": \"disable\", \"os\": "
    "\"disable\",\n"
    "    \"package\": \"disable\", \"string\": \"disable\", \"table\": \"disable\", \"utf8\": "
    "\"disable\" },\n"
    "  \"workspace.library\": [ \".tocsin/tocsin.lua\" ]\n"
    "}\n";

static char *fill(const char *text, const char *from, const char *name)
{
    struct tsn_buf b;

    tsn_buf_init(&b, (size_t)4 << 20);
    (void)tsn_buf_puts(&b, "");
    for (const char *p = text; *p;) {
        const char *q = strstr(p, from);
        if (!q)
            q = p + strlen(p);
        (void)tsn_buf_put(&b, p, (size_t)(q - p));
        if (*q)
            (void)tsn_buf_puts(&b, name);
        p = *q ? q + strlen(from) : q;
    }
    return tsn_buf_take(&b, NULL);
}

/* The file for language servers is what this version offers: written again each time. */
static int write_meta(struct tsn_shop *s, const char *dir)
{
    const char *folder = tsn_arena_printf(s->cli->arena, "%s/.tocsin", dir);
    struct tsn_diag diag;
    json_t *out = NULL;

    tsn_diag_init(&diag);
    if (tsn_workshop_tool(s->workshop, "meta", NULL, &out, &diag))
        return tsn_out_fail(s->cli, TSN_EXIT_FAILED, &diag);
    (void)mkdir(folder, 0755);
    const char *path = tsn_arena_printf(s->cli->arena, "%s/tocsin.lua", folder);
    (void)unlink(path);
    int rc = write_new(s->cli, path, tsn_json_str(out, "text", ""), false);
    json_decref(out);
    return rc;
}

/* What the text requires comes along, unless it is there: `require "lib.psirt"` is lib/psirt.lua. */
static int copy_modules(struct tsn_shop *s, const char *from_dir, const char *to_dir,
                        const char *text)
{
    static const char word[] = "require \"lib.";
    struct tsn_arena *a = s->cli->arena;
    int rc = 0;

    for (const char *p = strstr(text, word); p && !rc; p = strstr(p, word)) {
        struct tsn_diag diag;

        p += sizeof(word) - 1;
        const char *file = tsn_arena_printf(a, "lib/%.*s.lua", (int)strcspn(p, "\"\n"), p);
        tsn_diag_init(&diag);
        json_t *module = tsn_bundle_source(from_dir, file, &diag);
        if (!module)
            continue; /* lint will say so */
        (void)mkdir(tsn_arena_printf(a, "%s/lib", to_dir), 0755);
        rc = write_new(s->cli, tsn_arena_printf(a, "%s/%s", to_dir, file),
                       json_string_value(module), true);
        json_decref(module);
    }
    return rc;
}

static int copy_from(struct tsn_shop *s, const char *from, const char *name, const char *to_dir,
                     const char *path, const char *spec)
{
    const char *dir, *stem;
    struct tsn_diag diag;

    tsn_world_name(s->cli, from, &dir, &stem);
    if (!dir)
        dir = s->world.sim.playbook_dir;
    tsn_diag_init(&diag);
    json_t *text =
        tsn_bundle_source(dir, tsn_arena_printf(s->cli->arena, "%s.lua", stem), &diag);
    if (!text)
        return tsn_out_failf(s->cli, TSN_EXIT_NOT_FOUND, TSN_ENOTFOUND, "L281",
                             "tocsin playbook list", "there is no playbook `%s` in %s", stem,
                             dir);
    char *filled = fill(json_string_value(text), stem, name);
    int rc = write_new(s->cli, path, filled, false);
    free(filled);
    if (!rc)
        rc = copy_modules(s, dir, to_dir, json_string_value(text));
    json_decref(text);
    text = tsn_bundle_source(dir, tsn_arena_printf(s->cli->arena, "%s_spec.lua", stem), &diag);
    if (!rc && text) {
        filled = fill(json_string_value(text), stem, name);
        rc = write_new(s->cli, spec, filled, true);
        free(filled);
    }
    json_decref(text);
    return rc;
}

int tsn_cmd_playbook_new(struct tsn_cli *cli)
{
    const char *dir, *name, *from = cli->flag[TSN_FLAG_FROM];
    struct tsn_shop s = {0};

    tsn_world_name(cli, cli->arg[0], &dir, &name);
    if (strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_") != strlen(name) || !*name ||
        strlen(name) > 60)
        return tsn_out_failf(
            cli, TSN_EXIT_USAGE, TSN_EINPUT, "L004", "tocsin playbook new my-playbook",
            "`%s` cannot be a playbook's name: small letters, digits, - and _", name);
    dir = dir ? dir : ".";
    int rc = tsn_shop_open(&s, cli, NULL);
    const char *path = tsn_arena_printf(cli->arena, "%s/%s.lua", dir, name);
    const char *spec = tsn_arena_printf(cli->arena, "%s/%s_spec.lua", dir, name);
    if (!rc && from) {
        rc = copy_from(&s, from, name, dir, path, spec);
    } else if (!rc) {
        char *text = fill(plain_playbook, "NAME", name);
        rc = write_new(cli, path, text, false);
        free(text);
        text = fill(plain_spec, "NAME", name);
        if (!rc)
            rc = write_new(cli, spec, text, true);
        free(text);
    }
    if (!rc)
        rc = write_new(cli, tsn_arena_printf(cli->arena, "%s/.luarc.json", dir), luarc, true);
    if (!rc)
        rc = write_meta(&s, dir);
    if (!rc && cli->json) {
        json_t *out = json_pack("{s:s, s:s, s:s}", "name", name, "file", path, "spec", spec);
        tsn_out_json(cli, out);
        json_decref(out);
    }
    if (!rc)
        tsn_out_say(cli,
                    "Next:  tocsin playbook lint %s   tocsin playbook test %s   tocsin "
                    "playbook check %s",
                    path, path, path);
    tsn_workshop_close(s.workshop);
    return rc;
}
