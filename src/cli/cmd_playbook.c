/* cmd_playbook.c - playbook list, new and lint: for authors, without a daemon.
 *
 * Files are described and looked at by a worker of the command's own (author/workshop.h). One thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "author/workshop.h"
#include "cli/playbook_world.h"
#include "cli/sarif.h"
#include "core/buf.h"
#include "core/json.h"
#include "core/text.h"
#include "engine/bundle.h"

enum { ERRORS, WARNINGS, INFOS, SEVERITIES };
static const struct {
    const char *word, *sarif;
    enum tsn_style style;
} severities[SEVERITIES] = {
    {"error", "error", TSN_RED}, {"warning", "warning", TSN_YELLOW}, {"info", "note", TSN_DIM}};

/* What the three commands share. */
struct shop {
    struct tsn_cli *cli;
    struct tsn_world world;
    struct tsn_workshop *workshop;
};

static int shop_open(struct shop *s, struct tsn_cli *cli, const char *dir)
{
    struct tsn_diag diag;
    int rc = tsn_world_load(cli, dir, &s->world);

    s->cli = cli;
    tsn_diag_init(&diag);
    if (!rc && tsn_workshop_open(&s->workshop, &diag))
        rc = tsn_out_fail(cli, TSN_EXIT_FAILED, &diag);
    return rc;
}

static const char *source_of(const json_t *bundle, const char *file)
{
    return tsn_json_str(json_object_get(bundle, "files"), file, "");
}

/* --- lint -------------------------------------------------------------------------------- */

struct lint {
    struct shop shop;
    json_t *connectors;
    json_t *rules, *results; /* of SARIF; rules: code -> rule */
    size_t files, n[SEVERITIES];
    int exit; /* of a file that could not be read */
};

static size_t severity_of(const json_t *finding)
{
    size_t i = 0;
    const char *word = tsn_json_str(finding, "severity", "error");
    while (i < SEVERITIES - 1 && strcmp(word, severities[i].word) != 0)
        i++;
    return i;
}

/* Line `line` of the source, cut where a terminal would wrap anyway. */
static const char *line_of(struct tsn_cli *cli, const char *source, int line)
{
    for (int i = 1; i < line && source; i++) {
        source = strchr(source, '\n');
        source = source ? source + 1 : NULL;
    }
    size_t n = source ? strcspn(source, "\r\n") : 0;
    return n ? tsn_arena_strndup(cli->arena, source, n < 160 ? n : 160) : NULL;
}

/* As in docs: message, place, line, caret with the fix beside it. */
static void print_finding(struct lint *l, const json_t *f, const char *path, const char *source)
{
    struct tsn_cli *cli = l->shop.cli;
    size_t s = severity_of(f);
    int line = (int)tsn_json_int(f, "line", 0), col = (int)tsn_json_int(f, "col", 0);
    const char *text = line_of(cli, source, line), *hint = tsn_json_str(f, "hint", "");

    tsn_out_text(
        cli, stdout, severities[s].style,
        tsn_arena_printf(cli->arena, "%s %s", severities[s].word, tsn_json_str(f, "code", "")));
    (void)printf(": ");
    tsn_out_text(cli, stdout, TSN_BOLD, tsn_json_str(f, "message", ""));
    (void)printf("\n  ");
    tsn_out_text(cli, stdout, TSN_DIM,
                 tsn_arena_printf(cli->arena, "%s:%d:%d", path, line, col));
    (void)printf("\n");
    if (text) {
        (void)printf("  %4d | ", line);
        tsn_out_text(cli, stdout, TSN_PLAIN, text);
        (void)printf("\n");
    }
    if (text && col > 0 && (size_t)col <= strlen(text) + 1) {
        (void)printf("       | ");
        for (int i = 0; i < col - 1; i++) /* tabs stay tabs, and a character has one column */
            if (((unsigned char)text[i] & 0xc0) != 0x80)
                (void)putchar(text[i] == '\t' ? '\t' : ' ');
        tsn_out_text(cli, stdout, severities[s].style, "^");
    } else if (*hint) {
        (void)printf("      ");
    }
    if (*hint) {
        (void)printf(" ");
        tsn_out_text(cli, stdout, TSN_GREEN, hint);
    }
    (void)printf("\n");
}

static void print_json(const json_t *f, const char *path)
{
    json_t *line = json_copy((json_t *)(uintptr_t)f);
    json_object_set_new(line, "type", json_string("finding"));
    json_object_set_new(line, "file", json_string(path));
    char *text = tsn_json_text(line);
    (void)fputs(text, stdout);
    (void)fputc('\n', stdout);
    free(text);
    json_decref(line);
}

static void sarif_add(struct lint *l, const json_t *f, const char *path)
{
    const char *code = tsn_json_str(f, "code", ""), *hint = tsn_json_str(f, "hint", NULL);
    const char *level = severities[severity_of(f)].sarif, *title = tsn_code_title(code);

    if (!json_object_get(l->rules, code))
        json_object_set_new(l->rules, code,
                            json_pack("{s:s, s:{s:s}, s:{s:s}}", "id", code, "shortDescription",
                                      "text", title ? title : code, "defaultConfiguration",
                                      "level", level));
    json_t *r = json_pack("{s:s, s:s, s:{s:s}, s:[{s:{s:{s:s}, s:{s:I, s:I}}}]}", "ruleId",
                          code, "level", level, "message", "text",
                          tsn_json_str(f, "message", ""), "locations", "physicalLocation",
                          "artifactLocation", "uri", tsn_sarif_uri(l->shop.cli, path), "region",
                          "startLine", (json_int_t)tsn_json_int(f, "line", 1), "startColumn",
                          (json_int_t)tsn_json_int(f, "col", 1));
    if (hint)
        json_object_set_new(r, "properties", json_pack("{s:s}", "fix", hint));
    json_array_append_new(l->results, r);
}

static void report(struct lint *l, const json_t *findings, const char *path, const char *source)
{
    size_t i;
    json_t *f;

    json_array_foreach(findings, i, f)
    {
        size_t s = severity_of(f);
        l->n[s]++;
        if (l->results) {
            sarif_add(l, f, path);
        } else if (l->shop.cli->json) {
            print_json(f, path);
        } else if (!l->shop.cli->quiet || s == ERRORS) {
            print_finding(l, f, path, source);
        }
    }
}

/* What loading the file says: syntax, unknown connectors, a wrong description. */
static json_t *loaded(struct lint *l, const char *file, const json_t *bundle,
                      struct tsn_diag *diag)
{
    json_t *answer = NULL, *findings = json_array();

    if (tsn_workshop_describe(l->shop.workshop, file, bundle, &answer, diag)) {
        json_array_append_new(findings, json_pack("{s:s, s:s, s:s, s:i, s:i}", "severity",
                                                  "error", "code", diag->code, "message",
                                                  diag->what, "line", 1, "col", 1));
    } else if (!tsn_json_bool(answer, "ok", false)) {
        json_t *e = json_object_get(answer, "error");
        json_t *f =
            json_pack("{s:s, s:s, s:s, s:I, s:I}", "severity", "error", "code",
                      tsn_json_str(e, "code", "L001"), "message", tsn_json_str(e, "error", ""),
                      "line", (json_int_t)tsn_json_int(e, "line", 1), "col",
                      (json_int_t)tsn_json_int(e, "col", 1));
        if (json_object_get(e, "hint"))
            json_object_set(f, "hint", json_object_get(e, "hint"));
        json_array_append_new(findings, f);
    }
    json_decref(answer);
    return findings;
}

/* Both looks name some mistakes alike: a code at a line is told once. */
static bool told(const json_t *findings, const json_t *f)
{
    size_t i;
    json_t *o;
    json_array_foreach(findings, i, o)
    {
        if (strcmp(tsn_json_str(o, "code", ""), tsn_json_str(f, "code", "")) == 0 &&
            tsn_json_int(o, "line", 0) == tsn_json_int(f, "line", 0))
            return true;
    }
    return false;
}

/* `module`: of lib/, which returns no playbook. */
static json_t *judge(struct lint *l, const char *file, const json_t *bundle, bool module)
{
    bool spec = strlen(file) > 9 && strcmp(file + strlen(file) - 9, "_spec.lua") == 0;
    struct tsn_diag diag;
    json_t *output = NULL;

    tsn_diag_init(&diag);
    json_t *first = spec || module ? json_array() : loaded(l, file, bundle, &diag);
    const char *code = tsn_json_str(json_array_get(first, 0), "code", "");
    if (strcmp(code, "L001") == 0 || strcmp(code, "L002") == 0)
        return first; /* there is no tree to look at */
    json_t *input =
        json_pack("{s:s, s:s, s:O, s:b}", "file", file, "source", source_of(bundle, file),
                  "connectors", l->connectors, "spec", spec);
    tsn_err err = tsn_workshop_tool(l->shop.workshop, "lint", input, &output, &diag);
    json_decref(input);
    if (err) {
        json_array_append_new(first, json_pack("{s:s, s:s, s:s, s:i, s:i}", "severity", "error",
                                               "code", diag.code, "message", diag.what, "line",
                                               diag.line ? diag.line : 1, "col", 1));
        return first;
    }
    json_t *findings = json_incref(json_object_get(output, "findings")), *f;
    size_t i;
    json_array_foreach(first, i, f)
    {
        if (!told(findings, f))
            json_array_insert(findings, 0, f);
    }
    json_decref(first);
    json_decref(output);
    return findings;
}

static void lint_file(struct lint *l, const char *dir, const char *file)
{
    struct tsn_cli *cli = l->shop.cli;
    const char *path =
        strcmp(dir, ".") == 0 ? file : tsn_arena_printf(cli->arena, "%s/%s", dir, file);
    struct tsn_diag diag;

    tsn_diag_init(&diag);
    json_t *bundle = tsn_bundle_whole(dir, file, &diag);
    if (!bundle) {
        tsn_diag_at(&diag, path, 0, 0);
        l->exit = tsn_out_fail(
            cli, diag.err == TSN_ENOTFOUND ? TSN_EXIT_NOT_FOUND : TSN_EXIT_FAILED, &diag);
        return;
    }
    size_t n = strlen(dir);
    bool module = n >= 3 && strcmp(dir + n - 3, "lib") == 0 && (n == 3 || dir[n - 4] == '/');
    json_t *findings = judge(l, file, bundle, module);
    report(l, findings, path, source_of(bundle, file));
    l->files++;
    json_decref(findings);
    json_decref(bundle);
}

static void lint_names(struct lint *l, const char *dir, bool specs)
{
    char **names;
    size_t n;
    if (tsn_bundle_files(dir, specs, &names, &n))
        return;
    for (size_t i = 0; i < n; i++)
        lint_file(l, dir, names[i]);
    tsn_bundle_files_free(names, n);
}

static void lint_folder(struct lint *l, const char *dir)
{
    lint_names(l, dir, false);
    lint_names(l, dir, true);
    lint_names(l, tsn_arena_printf(l->shop.cli->arena, "%s/lib", dir), false);
}

static bool is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static void lint_argument(struct lint *l, const char *arg)
{
    struct tsn_cli *cli = l->shop.cli;
    const char *slash = strrchr(arg, '/');

    if (is_dir(arg))
        lint_folder(l, arg);
    else if (strchr(arg, '/') || strchr(arg, '.'))
        lint_file(l, slash ? tsn_arena_strndup(cli->arena, arg, (size_t)(slash - arg)) : ".",
                  slash ? slash + 1 : arg);
    else
        lint_file(l, l->shop.world.sim.playbook_dir,
                  tsn_arena_printf(cli->arena, "%s.lua", arg));
}

static int lint_end(struct lint *l)
{
    struct tsn_cli *cli = l->shop.cli;
    bool strict = (cli->given & TSN_BIT(TSN_FLAG_STRICT)) != 0;
    int rc = l->n[ERRORS] || (strict && l->n[WARNINGS]) ? TSN_EXIT_PROBLEMS : l->exit;

    if (l->results) {
        tsn_sarif_print(l->rules, l->results);
    } else if (cli->json) {
        json_t *out = json_pack("{s:I, s:I, s:I, s:I}", "files", (json_int_t)l->files, "errors",
                                (json_int_t)l->n[ERRORS], "warnings",
                                (json_int_t)l->n[WARNINGS], "infos", (json_int_t)l->n[INFOS]);
        if (rc)
            tsn_out_json_not_ok(cli, out, rc);
        else
            tsn_out_json(cli, out);
        json_decref(out);
    } else if (!l->exit) {
        tsn_out_say(cli, "%zu file%s: %zu error%s, %zu warning%s, %zu info%s.", l->files,
                    l->files == 1 ? "" : "s", l->n[ERRORS], l->n[ERRORS] == 1 ? "" : "s",
                    l->n[WARNINGS], l->n[WARNINGS] == 1 ? "" : "s", l->n[INFOS],
                    l->n[INFOS] == 1 ? "" : "s");
    }
    return rc;
}

int tsn_cmd_playbook_lint(struct tsn_cli *cli)
{
    struct lint l = {0};
    struct tsn_diag diag;
    int rc = shop_open(&l.shop, cli, NULL);

    tsn_diag_init(&diag);
    if (!rc && tsn_sim_connectors(&l.shop.world.sim, &l.connectors, &diag))
        rc = tsn_out_fail(cli, TSN_EXIT_PROBLEMS, &diag);
    if (!rc) {
        if (cli->given & TSN_BIT(TSN_FLAG_SARIF)) {
            l.rules = json_object();
            l.results = json_array();
        }
        for (size_t i = 0; i < cli->nargs; i++)
            lint_argument(&l, cli->arg[i]);
        if (cli->nargs == 0)
            lint_folder(&l, l.shop.world.sim.playbook_dir);
        rc = lint_end(&l);
    }
    json_decref(l.connectors);
    json_decref(l.rules);
    json_decref(l.results);
    tsn_workshop_close(l.shop.workshop);
    return rc;
}

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
static int list_connectors(struct shop *s)
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
    struct shop s = {0};
    struct tsn_diag diag;
    char **names = NULL;
    size_t n = 0;
    const char *dir = cli->nargs ? cli->arg[0] : NULL;
    int rc = shop_open(&s, cli, dir);

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
static int write_meta(struct shop *s, const char *dir)
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

static int copy_from(struct shop *s, const char *from, const char *name, const char *path,
                     const char *spec)
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
    struct shop s = {0};

    tsn_world_name(cli, cli->arg[0], &dir, &name);
    if (strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_") != strlen(name) || !*name ||
        strlen(name) > 60)
        return tsn_out_failf(
            cli, TSN_EXIT_USAGE, TSN_EINPUT, "L004", "tocsin playbook new my-playbook",
            "`%s` cannot be a playbook's name: small letters, digits, - and _", name);
    dir = dir ? dir : ".";
    int rc = shop_open(&s, cli, NULL);
    const char *path = tsn_arena_printf(cli->arena, "%s/%s.lua", dir, name);
    const char *spec = tsn_arena_printf(cli->arena, "%s/%s_spec.lua", dir, name);
    if (!rc && from) {
        rc = copy_from(&s, from, name, path, spec);
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
