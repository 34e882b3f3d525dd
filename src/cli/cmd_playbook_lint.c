/* cmd_playbook_lint.c - playbook lint: mistakes that can be seen without running anything.
 *
 * Files are looked at by a worker of the command's own (author/workshop.h); what they say comes out as
 * text with carets, JSON lines or SARIF. One thread; no daemon.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli/playbook_world.h"
#include "cli/sarif.h"
#include "core/buf.h"
#include "core/json.h"
#include "core/text.h"
#include "engine/bundle.h"

static const char *source_of(const json_t *bundle, const char *file)
{
    return tsn_json_str(json_object_get(bundle, "files"), file, "");
}

struct lint {
    struct tsn_shop shop;
    json_t *connectors;
    json_t *rules, *results; /* of SARIF; rules: code -> rule */
    size_t files, n[TSN_SEVERITIES];
    int exit; /* of a file that could not be read */
};

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
    size_t s = tsn_severity_of(f);
    int line = (int)tsn_json_int(f, "line", 0), col = (int)tsn_json_int(f, "col", 0);
    const char *text = line_of(cli, source, line), *hint = tsn_json_str(f, "hint", "");

    tsn_out_text(cli, stdout, tsn_severities[s].style,
                 tsn_arena_printf(cli->arena, "%s %s", tsn_severities[s].word,
                                  tsn_json_str(f, "code", "")));
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
        tsn_out_text(cli, stdout, tsn_severities[s].style, "^");
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
    const char *level = tsn_severities[tsn_severity_of(f)].sarif, *title = tsn_code_title(code);

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
        size_t s = tsn_severity_of(f);
        l->n[s]++;
        if (l->results) {
            sarif_add(l, f, path);
        } else if (l->shop.cli->json) {
            print_json(f, path);
        } else if (!l->shop.cli->quiet || s == TSN_ERRORS) {
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
    int rc = l->n[TSN_ERRORS] || (strict && l->n[TSN_WARNINGS]) ? TSN_EXIT_PROBLEMS : l->exit;

    if (l->results) {
        tsn_sarif_print(l->rules, l->results);
    } else if (cli->json) {
        json_t *out =
            json_pack("{s:I, s:I, s:I, s:I}", "files", (json_int_t)l->files, "errors",
                      (json_int_t)l->n[TSN_ERRORS], "warnings", (json_int_t)l->n[TSN_WARNINGS],
                      "infos", (json_int_t)l->n[TSN_INFOS]);
        if (rc)
            tsn_out_json_not_ok(cli, out, rc);
        else
            tsn_out_json(cli, out);
        json_decref(out);
    } else if (!l->exit) {
        tsn_out_say(cli, "%zu file%s: %zu error%s, %zu warning%s, %zu info%s.", l->files,
                    l->files == 1 ? "" : "s", l->n[TSN_ERRORS],
                    l->n[TSN_ERRORS] == 1 ? "" : "s", l->n[TSN_WARNINGS],
                    l->n[TSN_WARNINGS] == 1 ? "" : "s", l->n[TSN_INFOS],
                    l->n[TSN_INFOS] == 1 ? "" : "s");
    }
    return rc;
}

int tsn_cmd_playbook_lint(struct tsn_cli *cli)
{
    struct lint l = {0};
    struct tsn_diag diag;
    int rc = tsn_shop_open(&l.shop, cli, NULL);

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
