/* cmd_advisory.c - advisory lint and advisory draft: documents in files, without a daemon.
 *
 * Owns nothing. One thread. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "advisory/advisory_as.h"
#include "advisory/lint_other.h"
#include "cli/config.h"
#include "cli/out.h"
#include "cli/preview.h"
#include "cli/sarif.h"
#include "core/buf.h"
#include "core/json.h"

#define FILE_MAX ((size_t)64 << 20)

struct lint {
    struct tsn_cli *cli;
    json_t *rules, *results; /* of SARIF; rules: test -> rule */
    size_t files, unread, n[TSN_SEVERITIES];
    int exit; /* of a file that could not be read */
};

/* 0, or the message is out and this is the exit code. */
static int read_file(struct tsn_cli *cli, const char *path, struct tsn_buf *b)
{
    bool in = strcmp(path, "-") == 0;
    tsn_err err = tsn_buf_read_file(b, in ? "/dev/stdin" : path);
    if (!err)
        return 0;
    return tsn_out_failf(cli, err == TSN_ENOTFOUND ? TSN_EXIT_NOT_FOUND : TSN_EXIT_FAILED, err,
                         "U008", "", "%s: %s", in ? "standard input" : path, tsn_err_text(err));
}

/* --- findings as text -------------------------------------------------------------------- */

static void print_fix(struct tsn_cli *cli, const json_t *fix)
{
    char *value = NULL;
    const json_t *v = json_object_get(fix, "value");
    if (v)
        value = tsn_json_text(v);
    (void)printf("           fix: ");
    tsn_out_text(cli, stdout, TSN_GREEN,
                 tsn_arena_printf(cli->arena, "%s %s%s%s", tsn_json_str(fix, "op", ""),
                                  tsn_json_str(fix, "path", ""), value ? " with " : "",
                                  value ? value : ""));
    (void)printf("\n");
    free(value);
}

/* Why is said once for each test in a file. */
static void print_findings(struct tsn_cli *cli, const json_t *findings)
{
    json_t *told = json_object();
    size_t i;
    json_t *f;
    json_array_foreach(findings, i, f)
    {
        size_t s = tsn_severity_of(f);
        const char *test = tsn_json_str(f, "test", ""), *why = tsn_json_str(f, "why", "");
        const char *pointer = tsn_json_str(f, "pointer", "");
        (void)printf("  ");
        tsn_out_text(cli, stdout, tsn_severities[s].style,
                     tsn_arena_printf(cli->arena, "%-8s", tsn_severities[s].word));
        (void)printf(" %-8s ", test);
        tsn_out_text(cli, stdout, TSN_BOLD, *pointer ? pointer : "(document)");
        (void)printf("\n           ");
        tsn_out_text(cli, stdout, TSN_PLAIN, tsn_json_str(f, "message", ""));
        (void)printf("\n");
        if (*why && !json_object_get(told, test)) {
            (void)printf("           why: ");
            tsn_out_text(cli, stdout, TSN_DIM, why);
            (void)printf("\n");
            json_object_set_new(told, test, json_true());
        }
        if (json_object_get(f, "fix"))
            print_fix(cli, json_object_get(f, "fix"));
    }
    json_decref(told);
}

static const char *counts(struct tsn_cli *cli, const size_t *n)
{
    struct tsn_buf b;
    tsn_buf_init(&b, 256);
    for (size_t s = 0; s < TSN_SEVERITIES; s++)
        (void)tsn_buf_printf(&b, "%s%zu %s", s ? ", " : "", n[s],
                             n[s] == 1 ? tsn_severities[s].word : tsn_severities[s].many);
    const char *text = tsn_arena_strdup(cli->arena, b.data);
    tsn_buf_free(&b);
    return text;
}

/* --- findings for programs --------------------------------------------------------------- */

static void put_lines(const json_t *findings, const char *file)
{
    size_t i;
    json_t *f;
    json_array_foreach(findings, i, f)
    {
        json_t *line = json_copy(f);
        json_object_set_new(line, "type", json_string("finding"));
        json_object_set_new(line, "file", json_string(file));
        char *text = tsn_json_text(line);
        (void)fputs(text, stdout);
        (void)fputc('\n', stdout);
        free(text);
        json_decref(line);
    }
}

static void sarif_add(struct lint *l, const json_t *findings, const char *file)
{
    const char *uri = tsn_sarif_uri(l->cli, file);
    size_t i;
    json_t *f;
    json_array_foreach(findings, i, f)
    {
        const char *test = tsn_json_str(f, "test", "");
        const json_t *fix = json_object_get(f, "fix");
        if (!json_object_get(l->rules, test))
            json_object_set_new(l->rules, test,
                                json_pack("{s:s, s:{s:s}, s:{s:s}}", "id", test,
                                          "shortDescription", "text",
                                          tsn_json_str(f, "why", test), "defaultConfiguration",
                                          "level", tsn_severities[tsn_severity_of(f)].sarif));
        json_t *r =
            json_pack("{s:s, s:s, s:{s:s}, s:[{s:{s:{s:s}}, s:[{s:s, s:s}]}]}", "ruleId", test,
                      "level", tsn_severities[tsn_severity_of(f)].sarif, "message", "text",
                      tsn_json_str(f, "message", ""), "locations", "physicalLocation",
                      "artifactLocation", "uri", uri, "logicalLocations", "fullyQualifiedName",
                      tsn_json_str(f, "pointer", ""), "kind", "member");
        if (fix)
            json_object_set_new(r, "properties", json_pack("{s:O}", "fix", fix));
        json_array_append_new(l->results, r);
    }
}

/* --- lint -------------------------------------------------------------------------------- */

static const char *const profiles[] = {"csaf-2.0", "csaf-2.1", "cve", "openvex"};

/* Another kind than the one asked for is one more finding. */
static void judge_version(json_t *findings, const json_t *doc, const char *profile)
{
    enum tsn_lint_kind kind = tsn_lint_kind_of(doc);
    const char *said = kind == TSN_LINT_CVE       ? "cve"
                       : kind == TSN_LINT_OPENVEX ? "openvex"
                                                  : NULL;
    const char *version = tsn_json_str(json_object_get(doc, "document"), "csaf_version", "2.0");
    bool other = said ? profile && strcmp(profile, said) != 0
                      : profile && (strncmp(profile, "csaf-", 5) != 0 ||
                                    strcmp(profile + 5, version) != 0);
    if (other)
        json_array_insert_new(
            findings, 0,
            json_pack("{s:s, s:s, s:s, s:s, s:s}", "test", "profile", "severity", "error",
                      "pointer", "/document/csaf_version", "message",
                      "the document is of another kind or version than --profile asks for",
                      "why", "A reader of one kind cannot read documents of another."));
}

static json_t *judge(const char *text, size_t len, const char *profile)
{
    struct tsn_diag diag;
    json_t *doc = NULL, *findings = NULL;
    tsn_diag_init(&diag);
    if (tsn_json_parse(text, len, &doc, &diag)) {
        return json_pack("[{s:s, s:s, s:s, s:s, s:s}]", "test", "json", "severity", "error",
                         "pointer", "", "message", diag.what, "why",
                         "CSAF documents are JSON; what is not JSON cannot be read by anyone.");
    }
    tsn_err err = 0;
    switch (tsn_lint_kind_of(doc)) {
    case TSN_LINT_CVE:
        err = tsn_lint_cve(doc, &findings);
        break;
    case TSN_LINT_OPENVEX:
        err = tsn_lint_openvex(doc, &findings);
        break;
    case TSN_LINT_CSAF:
        err = tsn_csaf_lint(doc, &findings);
        break;
    }
    if (err)
        findings = json_array();
    tsn_lint_placeholders(doc, findings);
    if (tsn_lint_kind_of(doc) == TSN_LINT_CSAF)
        tsn_lint_embargo(doc, NULL, findings);
    judge_version(findings, doc, profile);
    json_decref(doc);
    return findings;
}

static void one_file(struct lint *l, const char *path)
{
    struct tsn_cli *cli = l->cli;
    struct tsn_buf b;
    size_t n[TSN_SEVERITIES] = {0}, i;
    json_t *f;
    tsn_buf_init(&b, FILE_MAX);
    int rc = read_file(cli, path, &b);
    if (rc) {
        l->exit = rc;
        l->unread++;
        tsn_buf_free(&b);
        return;
    }
    json_t *findings = judge(b.data ? b.data : "", b.len, cli->flag[TSN_FLAG_PROFILE]);
    tsn_buf_free(&b);
    json_array_foreach(findings, i, f)
    {
        n[tsn_severity_of(f)]++;
    }
    for (size_t s = 0; s < TSN_SEVERITIES; s++)
        l->n[s] += n[s];
    l->files++;
    if (l->results) {
        sarif_add(l, findings, path);
    } else if (cli->json) {
        put_lines(findings, path);
    } else if (!cli->quiet || n[TSN_ERRORS]) {
        tsn_out_text(cli, stdout, TSN_PLAIN, path);
        (void)printf(": %s\n", counts(cli, n));
        print_findings(cli, findings);
    }
    json_decref(findings);
}

int tsn_cmd_advisory_lint(struct tsn_cli *cli)
{
    const char *profile = cli->flag[TSN_FLAG_PROFILE];
    size_t known = 0;
    while (profile && known < sizeof(profiles) / sizeof(profiles[0]) &&
           strcmp(profile, profiles[known]) != 0)
        known++;
    if (profile && known == sizeof(profiles) / sizeof(profiles[0]))
        return tsn_out_failf(
            cli, TSN_EXIT_USAGE, TSN_EINPUT, "U002",
            "Known: csaf-2.0, csaf-2.1, cve, openvex; without it the document says.",
            "there is no profile `%s`", profile);
    struct lint l = {.cli = cli};
    if (cli->given & TSN_BIT(TSN_FLAG_SARIF)) {
        l.rules = json_object();
        l.results = json_array();
    }
    for (size_t i = 0; i < cli->nargs; i++)
        one_file(&l, cli->arg[i]);
    int rc = l.n[TSN_ERRORS] ? TSN_EXIT_PROBLEMS : l.exit;
    if (l.results) {
        tsn_sarif_print(l.rules, l.results);
    } else if (cli->json) {
        json_t *out =
            json_pack("{s:s, s:I, s:I, s:I, s:I, s:I}", "profile", profile ? profile : "auto",
                      "files", (json_int_t)l.files, "unread", (json_int_t)l.unread, "errors",
                      (json_int_t)l.n[TSN_ERRORS], "warnings", (json_int_t)l.n[TSN_WARNINGS],
                      "infos", (json_int_t)l.n[TSN_INFOS]);
        if (rc)
            tsn_out_json_not_ok(cli, out, rc);
        else
            tsn_out_json(cli, out);
        json_decref(out);
    } else if (l.files > 1) {
        tsn_out_say(cli, "%zu documents: %s.", l.files, counts(cli, l.n));
    }
    json_decref(l.rules);
    json_decref(l.results);
    return rc;
}

/* --- draft ------------------------------------------------------------------------------- */

static int print_draft(struct tsn_cli *cli, const struct tsn_buf *text, enum tsn_as as)
{
    const struct tsn_as_format *format = &tsn_as_formats[as];
    if (!cli->json) {
        (void)fputs(text->data, stdout);
        if (format->json)
            (void)fputc('\n', stdout);
        return TSN_EXIT_OK;
    }
    json_t *value = NULL;
    const char *key = as == TSN_AS_MARKDOWN ? "markdown" : format->name;
    if (format->json && tsn_json_parse(text->data, text->len, &value, NULL))
        value = NULL;
    if (!value)
        value = json_stringn(text->data, text->len);
    json_t *out = json_pack("{s:o}", key, value);
    tsn_out_json(cli, out);
    json_decref(out);
    return TSN_EXIT_OK;
}

static const char *formats(struct tsn_cli *cli)
{
    const char *list = "Known:";
    for (size_t i = 0; i < TSN_AS_COUNT; i++)
        list = tsn_arena_printf(cli->arena, "%s %s%s", list, tsn_as_formats[i].name,
                                i + 1 < TSN_AS_COUNT ? "," : ".");
    return list;
}

/* Publisher of the configuration when --config names one; 0 or the exit code. */
static int find_publisher(struct tsn_cli *cli, const struct tsn_publisher **out)
{
    struct tsn_config *config;
    struct tsn_diag diag;
    *out = NULL;
    if (!cli->config_file)
        return 0;
    tsn_diag_init(&diag);
    if (tsn_config_load(cli->arena, tsn_place_config(cli), &config, &diag))
        return tsn_out_fail(cli, TSN_EXIT_PROBLEMS, &diag);
    *out = &config->publisher;
    return 0;
}

int tsn_cmd_advisory_draft(struct tsn_cli *cli)
{
    const char *from = cli->flag[TSN_FLAG_FROM], *to = cli->flag[TSN_FLAG_TO];
    if (!from || !to)
        return tsn_out_failf(cli, TSN_EXIT_USAGE, TSN_EINPUT, "U004",
                             "tocsin advisory draft --from flaw.case.json --to csaf",
                             "%s is missing", from ? "--to" : "--from");
    enum tsn_as as = tsn_as_find(to);
    if (as == TSN_AS_COUNT)
        return tsn_out_failf(cli, TSN_EXIT_USAGE, TSN_EINPUT, "U002", formats(cli),
                             "nothing is drafted as `%s`", to);
    const struct tsn_publisher *publisher;
    struct tsn_publisher named;
    struct tsn_diag diag;
    struct tsn_buf b, text;
    json_t *file = NULL, *model = NULL;
    tsn_diag_init(&diag);
    tsn_buf_init(&b, FILE_MAX);
    tsn_buf_init(&text, FILE_MAX);
    int rc = find_publisher(cli, &publisher);
    if (!rc)
        rc = read_file(cli, from, &b);
    if (!rc && (tsn_json_parse(b.data ? b.data : "", b.len, &file, &diag) ||
                tsn_advisory_case_model(file, publisher, &named, &model, &diag) ||
                tsn_advisory_as(model, &named, as, &text, &diag))) {
        if (!diag.file[0])
            tsn_diag_at(&diag, from, diag.line, diag.col);
        rc = tsn_out_fail(cli, TSN_EXIT_PROBLEMS, &diag);
    }
    if (!rc)
        rc = print_draft(cli, &text, as);
    json_decref(file);
    json_decref(model);
    tsn_buf_free(&b);
    tsn_buf_free(&text);
    return rc;
}

/* --- preview of a file ------------------------------------------------------------------- */

/* A case file, or a CSAF document as its readers see it; 0 or the exit code. */
static int render_file(struct tsn_cli *cli, const json_t *file, enum tsn_as as,
                       struct tsn_buf *text, struct tsn_diag *diag)
{
    const struct tsn_publisher *publisher;
    struct tsn_publisher named;
    json_t *model = NULL;
    tsn_err err;
    int rc = 0;
    if (json_object_get(json_object_get(file, "document"), "csaf_version")) {
        err = as == TSN_AS_HTML       ? tsn_advisory_html(file, text)
              : as == TSN_AS_MARKDOWN ? tsn_advisory_markdown(file, text)
              : as == TSN_AS_TEXT     ? tsn_advisory_text(file, text)
                                      : TSN_EINPUT;
        if (err == TSN_EINPUT)
            tsn_diag_set(diag, err, "D100", "a CSAF document is shown as html, md or text");
        return err ? TSN_EXIT_PROBLEMS : 0;
    }
    rc = find_publisher(cli, &publisher);
    if (!rc && (tsn_advisory_case_model(file, publisher, &named, &model, diag) ||
                tsn_advisory_as(model, &named, as, text, diag)))
        rc = TSN_EXIT_PROBLEMS;
    json_decref(model);
    return rc;
}

/* In a folder of this user alone, kept: the program that shows it reads it later. Ends as that program. */
static int open_page(struct tsn_cli *cli, const struct tsn_buf *text, enum tsn_as as)
{
    const char *suffix = tsn_as_formats[as].suffix, *dir = getenv("TMPDIR"),
               *program = getenv("BROWSER");
    char *path = tsn_arena_printf(cli->arena, "%s/tocsin-XXXXXX%s", dir ? dir : "/tmp", suffix);
    int fd = mkstemps(path, (int)strlen(suffix));
    bool good = fd >= 0 && write(fd, text->data, text->len) == (ssize_t)text->len;
    if (fd >= 0)
        good = close(fd) == 0 && good;
    if (!good)
        return tsn_out_failf(cli, TSN_EXIT_FAILED, TSN_EIO, "U008", "", "%s cannot be written",
                             path);
    tsn_out_say(cli, "%s", path);
    (void)fflush(NULL);
    program = program && *program && !strchr(program, ':') ? program : "xdg-open";
    (void)execlp(program, program, path, (char *)NULL);
    return tsn_out_failf(cli, TSN_EXIT_FAILED, TSN_ENOTFOUND, "U008",
                         "set BROWSER to the program that shows pages",
                         "%s cannot be started; the page lies at %s", program, path);
}

int tsn_preview_text(struct tsn_cli *cli, const struct tsn_buf *text, enum tsn_as as)
{
    return cli->given & TSN_BIT(TSN_FLAG_OPEN) ? open_page(cli, text, as)
                                               : print_draft(cli, text, as);
}

int tsn_preview_file(struct tsn_cli *cli, enum tsn_as as)
{
    struct tsn_diag diag;
    struct tsn_buf b, text;
    json_t *file = NULL;
    tsn_diag_init(&diag);
    tsn_buf_init(&b, FILE_MAX);
    tsn_buf_init(&text, FILE_MAX);
    int rc = read_file(cli, cli->arg[0], &b);
    if (!rc) {
        rc = tsn_json_parse(b.data ? b.data : "", b.len, &file, &diag)
                 ? TSN_EXIT_PROBLEMS
                 : render_file(cli, file, as, &text, &diag);
        if (rc && !diag.file[0])
            tsn_diag_at(&diag, cli->arg[0], diag.line, diag.col);
        if (rc)
            rc = tsn_out_fail(cli, rc, &diag);
        else
            rc = tsn_preview_text(cli, &text, as);
    }
    json_decref(file);
    tsn_buf_free(&b);
    tsn_buf_free(&text);
    return rc;
}
