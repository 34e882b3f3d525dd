/* cmd_match.c - match: an SBOM against folders of advisories, without a daemon. For a person, for a
 * pipeline, as SARIF or as CycloneDX VEX. Owns nothing. One thread. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "cli/match_out.h"
#include "cli/out.h"
#include "core/buf.h"
#include "core/json.h"
#include "core/text.h"
#include "feed/format.h"
#include "feed/judge.h"

#define FILE_MAX  ((size_t)256 << 20)
#define DEPTH_MAX 32

struct matching {
    struct tsn_cli *cli;
    struct tsn_judge *judge;
    json_t *late; /* EPSS files: read when the names that matter are known */
    size_t read, ignored, bad;
};

/* --- documents ----------------------------------------------------------------------------- */

static bool ends(const char *s, const char *tail)
{
    size_t n = strlen(s), m = strlen(tail);
    return n >= m && strcasecmp(s + n - m, tail) == 0;
}

static bool readable(const char *path)
{
    return ends(path, ".json") || ends(path, ".yaml") || ends(path, ".yml") ||
           ends(path, ".csv") || ends(path, ".txt") || ends(path, "/list");
}

static void one_document(struct matching *m, const char *path, bool asked)
{
    struct tsn_buf b;
    struct tsn_diag d;
    enum tsn_format format;
    tsn_diag_init(&d);
    tsn_buf_init(&b, FILE_MAX);
    tsn_err err = tsn_buf_read_file(&b, path);
    if (err) {
        m->bad++;
        (void)tsn_out_failf(m->cli, TSN_EXIT_FAILED, err, "U008", "", "%s: %s", path,
                            tsn_err_text(err));
    } else {
        const char *text = b.len ? b.data : "";
        /* A list with the names of documents lies beside them in every mirror. */
        bool table = !asked && (ends(path, ".csv") || ends(path, ".txt")) &&
                     strncmp(text, "#model", 6) != 0 && !strstr(text, "] DSA-") &&
                     !strstr(text, "] DLA-");
        tsn_judge_document(m->judge, path, false);
        err = table ? 0
                    : tsn_format_read_text(path, text, b.len, tsn_judge_sink(m->judge), &format,
                                           &d);
        if (table ||
            (err && !asked && strcmp(d.code, "F110") == 0 && format == TSN_FORMAT_NONE)) {
            m->ignored++;
        } else if (err) {
            m->bad++;
            if (!d.file[0])
                tsn_diag_at(&d, path, d.line, d.col);
            (void)tsn_out_fail(m->cli, TSN_EXIT_FAILED, &d);
        } else {
            m->read++;
        }
    }
    tsn_buf_free(&b);
}

static int not_dots(const struct dirent *d)
{
    return d->d_name[0] != '.';
}

static void walk(struct matching *m, const char *path, int depth)
{
    struct dirent **names = NULL;
    int n = depth > DEPTH_MAX ? -1 : scandir(path, &names, not_dots, alphasort);
    if (n < 0) {
        m->bad++;
        (void)tsn_out_failf(m->cli, TSN_EXIT_FAILED, TSN_EIO, "U008", "",
                            "%s: the folder cannot be read", path);
        return;
    }
    for (int i = 0; i < n; i++) {
        const char *below = tsn_arena_printf(m->cli->arena, "%s%s%s", path,
                                             ends(path, "/") ? "" : "/", names[i]->d_name);
        struct stat st;
        free(names[i]);
        if (lstat(below, &st) != 0)
            continue;
        if (S_ISDIR(st.st_mode))
            walk(m, below, depth + 1);
        else if (S_ISREG(st.st_mode) && ends(below, ".csv") && readable(below))
            json_array_append_new(m->late, json_string(below));
        else if (S_ISREG(st.st_mode) && readable(below))
            one_document(m, below, false);
    }
    free((void *)names);
}

static int against(struct matching *m, const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return tsn_out_failf(m->cli, TSN_EXIT_NOT_FOUND, TSN_ENOTFOUND, "U008", "",
                             "%s: there is no such file or folder", path);
    if (S_ISDIR(st.st_mode))
        walk(m, path, 0);
    else if (ends(path, ".csv"))
        json_array_append_new(m->late, json_string(path));
    else
        one_document(m, path, true);
    return 0;
}

/* --- the SBOM ------------------------------------------------------------------------------ */

static int read_sbom(struct tsn_cli *cli, const char *path, json_t **doc, struct tsn_sbom *sbom)
{
    struct tsn_buf b;
    struct tsn_diag d;
    bool in = strcmp(path, "-") == 0;
    int rc = 0;
    tsn_diag_init(&d);
    tsn_buf_init(&b, FILE_MAX);
    tsn_err err = tsn_buf_read_file(&b, in ? "/dev/stdin" : path);
    if (err) {
        rc = tsn_out_failf(cli, err == TSN_ENOTFOUND ? TSN_EXIT_NOT_FOUND : TSN_EXIT_FAILED,
                           err, "U008", "", "%s: %s", in ? "standard input" : path,
                           tsn_err_text(err));
    } else if (tsn_json_parse(b.len ? b.data : "", b.len, doc, &d) ||
               tsn_sbom_read(cli->arena, *doc, sbom, &d)) {
        if (strcmp(d.code, "H010") == 0)
            (void)tsn_copy(d.code, sizeof(d.code), "I001");
        if (!d.file[0])
            tsn_diag_at(&d, in ? "standard input" : path, d.line, d.col);
        rc = tsn_out_fail(cli, TSN_EXIT_FAILED, &d);
    }
    tsn_buf_free(&b);
    return rc;
}

/* "a,b" as a list. */
static const char *const *listed(struct tsn_cli *cli, const char *commas)
{
    if (!commas)
        return NULL;
    size_t n = 1;
    for (const char *p = commas; *p; p++)
        n += *p == ',';
    const char **out = tsn_arena_alloc(cli->arena, (n + 1) * sizeof *out);
    char *copy = tsn_arena_strdup(cli->arena, commas), *save = NULL;
    n = 0;
    for (char *s = strtok_r(copy, ",", &save); s; s = strtok_r(NULL, ",", &save))
        out[n++] = s;
    return out;
}

static int form_of(struct tsn_cli *cli, enum tsn_match_form *form)
{
    static const char *const names[] = {"table", "json", "sarif", "vex", "tsv"};
    const char *to = cli->flag[TSN_FLAG_TO];
    *form = cli->given & TSN_BIT(TSN_FLAG_SARIF) ? TSN_MATCH_SARIF
            : cli->given & TSN_BIT(TSN_FLAG_TSV) ? TSN_MATCH_TSV
            : cli->json                          ? TSN_MATCH_JSON
                                                 : TSN_MATCH_TABLE;
    for (size_t i = 0; to && i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i], to) == 0) {
            *form = (enum tsn_match_form)i;
            cli->json = cli->json || *form == TSN_MATCH_JSON;
            return 0;
        }
    }
    return to ? tsn_out_failf(cli, TSN_EXIT_USAGE, TSN_EINPUT, "U002",
                              "Known: table, json, sarif, vex, tsv.",
                              "matches are not written as `%s`", to)
              : 0;
}

static void say_lint(struct tsn_cli *cli, const struct tsn_sbom *s)
{
    if (s->no_purl || s->bad_purl || s->no_version || s->unknown_type)
        tsn_out_say(
            cli,
            "Of %zu components %zu have no purl, %zu one that cannot be read, %zu one of a "
            "type that does not exist, %zu no version: they are found by CPE and name "
            "only, or not at all.",
            s->seen, s->no_purl, s->bad_purl, s->unknown_type, s->no_version);
}

static int judge(struct matching *m, const struct tsn_sbom *sbom, const json_t *doc,
                 enum tsn_match_form form)
{
    struct tsn_cli *cli = m->cli;
    struct tsn_diag d;
    tsn_diag_init(&d);
    m->judge = tsn_judge_new(cli->arena, sbom, listed(cli, cli->flag[TSN_FLAG_TRUST]));
    int rc = against(m, cli->flag[TSN_FLAG_AGAINST]);
    for (size_t i = 0; !rc && i < cli->nargs; i++)
        rc = against(m, cli->arg[i]);
    if (!rc) {
        size_t i;
        json_t *late;
        tsn_judge_document(m->judge, cli->flag[TSN_FLAG_SBOM], true);
        if (sbom->vex)
            (void)tsn_format_read(doc, tsn_judge_sink(m->judge), &d);
        json_array_foreach(m->late, i, late)
        {
            one_document(m, json_string_value(late), false);
        }
        json_t *result = tsn_judge_result(m->judge);
        json_t *counts = json_object_get(result, "counts");
        json_object_set_new(counts, "documents", json_integer((json_int_t)m->read));
        json_object_set_new(counts, "ignored", json_integer((json_int_t)m->ignored));
        json_object_set_new(counts, "unread", json_integer((json_int_t)m->bad));
        if (form == TSN_MATCH_TABLE)
            say_lint(cli, sbom);
        rc = tsn_json_int(counts, "affected", 0) || tsn_json_int(counts, "unknown", 0)
                 ? TSN_EXIT_PROBLEMS
             : m->bad ? (m->read ? TSN_EXIT_PARTLY : TSN_EXIT_FAILED)
                      : TSN_EXIT_OK;
        tsn_match_print(cli, form, sbom, result, rc);
        json_decref(result);
    }
    tsn_judge_free(m->judge);
    return rc;
}

int tsn_cmd_match(struct tsn_cli *cli)
{
    struct matching m = {.cli = cli, .late = json_array()};
    struct tsn_sbom sbom = {0};
    enum tsn_match_form form;
    json_t *doc = NULL;
    int rc = form_of(cli, &form);
    if (!rc && (!cli->flag[TSN_FLAG_SBOM] || !cli->flag[TSN_FLAG_AGAINST]))
        rc = tsn_out_failf(cli, TSN_EXIT_USAGE, TSN_EINPUT, "U004",
                           "tocsin match --sbom gw500.cdx.json --against ./osv",
                           "%s is missing", cli->flag[TSN_FLAG_SBOM] ? "--against" : "--sbom");
    if (!rc)
        rc = read_sbom(cli, cli->flag[TSN_FLAG_SBOM], &doc, &sbom);
    if (!rc)
        rc = judge(&m, &sbom, doc, form);
    json_decref(doc);
    json_decref(m.late);
    return rc;
}
