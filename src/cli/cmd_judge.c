/* cmd_judge.c - version compare, purl, cpe: the judgements that matching stands on, for anybody's
 * script. One answer a line; a bad line does not stop the rest. No daemon. One thread. */
#include <stdlib.h>
#include <string.h>
#include "cli/out.h"
#include "core/cpe.h"
#include "core/json.h"
#include "core/text.h"
#include "feed/purl.h"
#include "feed/version.h"

struct judging {
    struct tsn_cli *cli;
    const char *place; /* "standard input", or "argument" */
    int line;
    enum tsn_scheme scheme;
    const char *ecosystem;
    bool columns; /* from standard input: a line for a line */
    size_t good, bad;
};

/* Says on stderr what is wrong with `source`; the rest goes on. */
static void complain(struct judging *j, const char *code, const char *source, const char *what,
                     const char *hint)
{
    struct tsn_diag d;
    tsn_diag_init(&d);
    j->bad++;
    if (j->cli->json) {
        json_t *text = json_string(source); /* NULL when it is not UTF-8 */
        json_t *o = json_pack("{s:i, s:s, s:s, s:s, s:o}", "line", j->line, "code", code,
                              "detail", what, "hint", hint, "input", text ? text : json_null());
        tsn_out_json_not_ok(j->cli, o, TSN_EXIT_FAILED);
        json_decref(o);
        return;
    }
    (void)fflush(stdout); /* so that both streams read in order on a terminal */
    tsn_diag_set(&d, TSN_EINPUT, code, "%s", what);
    tsn_diag_hint(&d, "%s", hint);
    tsn_diag_at(&d, j->place, j->line, 1);
    (void)tsn_copy(d.source, sizeof(d.source), source);
    (void)tsn_out_fail(j->cli, TSN_EXIT_FAILED, &d);
}

static int outcome(const struct judging *j, int rc)
{
    return rc ? rc : j->bad == 0 ? TSN_EXIT_OK : j->good ? TSN_EXIT_PARTLY : TSN_EXIT_FAILED;
}

/* --- version compare ---------------------------------------------------------------------- */

#define PAIR_MAX (2 * TSN_VERSION_MAX + 4)

/* `?` where nobody can say: every pair has its line, so that input and output can be pasted. */
static void pair(struct judging *j, const char *a, const char *b)
{
    static const char *const signs[] = {"<", "=", ">", "?"};
    const char *sign = signs[tsn_version_compare(j->scheme, a, b) + 1];
    if (j->cli->json) {
        json_t *o = json_pack("{s:i, s:s, s:s, s:s*, s:s*, s:s}", "line", j->line, "ecosystem",
                              j->ecosystem, "scheme", tsn_scheme_name(j->scheme), "a", a, "b",
                              b, "order", sign);
        tsn_out_json(j->cli, o);
        json_decref(o);
    } else {
        (void)puts(sign);
    }
    if (*sign == '?')
        j->bad++;
    else
        j->good++;
}

static void pair_line(void *user, const char *line, int number)
{
    struct judging *j = user;
    const char *tab = strchr(line, '\t');
    j->line = number;
    if (!tab) {
        if (!j->cli->json)
            (void)puts("?");
        complain(j, "F101", line, "a line of pairs holds two versions with a tab between them",
                 "");
        return;
    }
    char *a = tsn_alloc(PAIR_MAX);
    (void)memcpy(a, line, (size_t)(tab - line));
    pair(j, a, tab + 1);
    free(a);
}

int tsn_cmd_version_compare(struct tsn_cli *cli)
{
    struct judging j = {.cli = cli, .place = "argument", .line = 1, .ecosystem = cli->arg[0]};
    j.scheme = tsn_scheme_find(j.ecosystem);
    if (j.scheme == TSN_SCHEME_NONE)
        return tsn_out_failf(cli, TSN_EXIT_USAGE, TSN_EINPUT, "F100",
                             "A purl type, a vers scheme or an OSV ecosystem: deb, rpm, npm, "
                             "PyPI, Maven, Go, Debian:12 and others; see docs/matching.md.",
                             "there is no version order for `%s`", j.ecosystem);
    if (cli->nargs == 3) {
        pair(&j, cli->arg[1], cli->arg[2]);
        return outcome(&j, 0);
    }
    if (cli->nargs == 2 && strcmp(cli->arg[1], "-") != 0)
        return tsn_out_failf(cli, TSN_EXIT_USAGE, TSN_EINPUT, "U003",
                             "tocsin version compare deb 1.2-1 1.2-2",
                             "the second version is missing");
    j.place = "standard input";
    return outcome(&j, tsn_cli_lines(cli, PAIR_MAX, pair_line, &j));
}

/* --- purl --------------------------------------------------------------------------------- */

static json_t *text_or_null(const char *s)
{
    return s ? json_string(s) : json_null();
}

static void show_part(const char *name, const char *value)
{
    if (value)
        (void)printf("  %-10s %s\n", name, value);
}

static void purl_json(struct judging *j, const char *text, const struct tsn_purl *p,
                      const char *canonical)
{
    json_t *q = json_object();
    for (size_t i = 0; i < p->nqualifiers; i++)
        json_object_set_new(q, p->qualifiers[i].key, json_string(p->qualifiers[i].value));
    /* In an object of their own: `type` is taken by the line's. */
    json_t *o =
        json_pack("{s:i, s:s, s:s, s:{s:s, s:o, s:s, s:o, s:o, s:o}}", "line", j->line, "input",
                  text, "purl", canonical, "parts", "type", p->type, "namespace",
                  text_or_null(p->ns), "name", p->name, "version", text_or_null(p->version),
                  "qualifiers", q, "subpath", text_or_null(p->subpath));
    tsn_out_json(j->cli, o);
    json_decref(o);
}

static void purl_lines(const struct tsn_purl *p)
{
    show_part("type", p->type);
    show_part("namespace", p->ns);
    show_part("name", p->name);
    show_part("version", p->version);
    for (size_t i = 0; i < p->nqualifiers; i++)
        (void)printf("  %-10s %s=%s\n", "qualifier", p->qualifiers[i].key,
                     p->qualifiers[i].value);
    show_part("subpath", p->subpath);
}

/* Behind the canonical form: a line in, a line out. */
static void purl_columns(const struct tsn_purl *p)
{
    (void)printf("\t%s\t%s\t%s\t%s\t%s", p->type, p->ns ? p->ns : "-", p->name,
                 p->version ? p->version : "-", p->nqualifiers ? "" : "-");
    for (size_t i = 0; i < p->nqualifiers; i++)
        (void)printf("%s%s=%s", i ? "&" : "", p->qualifiers[i].key, p->qualifiers[i].value);
    (void)printf("\t%s", p->subpath ? p->subpath : "-");
}

static void one_purl(void *user, const char *text, int number)
{
    struct judging *j = user;
    struct tsn_arena *arena = tsn_arena_new();
    struct tsn_purl p;
    struct tsn_buf b;
    const char *why = "";
    j->line = number;
    tsn_buf_init(&b, 8 * TSN_PURL_MAX);
    bool utf8 = tsn_utf8_valid(text, strlen(text));
    if (!utf8 || tsn_purl_parse(arena, text, TSN_PURL_STRICT, &p, &why)) {
        if (j->columns && !j->cli->json)
            (void)puts("-");
        complain(
            j, "F102", text,
            tsn_arena_printf(arena, "not a package URL: %s", utf8 ? why : "it is not UTF-8"),
            "pkg:TYPE/NAMESPACE/NAME@VERSION?QUALIFIERS#SUBPATH");
    } else {
        j->good++;
        tsn_purl_print(&p, &b);
        if (j->cli->json) {
            purl_json(j, text, &p, b.data);
        } else {
            (void)fputs(b.data, stdout);
            if (!j->cli->quiet && j->columns)
                purl_columns(&p);
            (void)putchar('\n');
            if (!j->cli->quiet && !j->columns)
                purl_lines(&p);
        }
    }
    tsn_buf_free(&b);
    tsn_arena_destroy(arena);
}

/* Arguments, and `-` or nothing for standard input. */
static int each(struct judging *j, size_t cap,
                void (*one)(void *user, const char *text, int number))
{
    struct tsn_cli *cli = j->cli;
    int rc = 0;
    for (size_t i = 0; !rc && i < (cli->nargs ? cli->nargs : 1); i++) {
        if (cli->nargs == 0 || strcmp(cli->arg[i], "-") == 0) {
            j->place = "standard input";
            j->columns = true;
            rc = tsn_cli_lines(cli, cap, one, j);
        } else {
            j->place = "argument";
            j->columns = false;
            one(j, cli->arg[i], (int)i + 1);
        }
    }
    return outcome(j, rc);
}

int tsn_cmd_purl(struct tsn_cli *cli)
{
    struct judging j = {.cli = cli};
    return each(&j, TSN_PURL_MAX + 2, one_purl);
}

/* --- cpe ---------------------------------------------------------------------------------- */

static void one_cpe(void *user, const char *text, int number)
{
    struct judging *j = user;
    struct tsn_arena *arena = tsn_arena_new();
    struct tsn_cpe c;
    struct tsn_buf b;
    const char *why = "";
    j->line = number;
    tsn_buf_init(&b, 4 * TSN_CPE_MAX);
    if (tsn_cpe_parse(arena, text, &c, &why)) {
        if (j->columns && !j->cli->json)
            (void)puts("-");
        complain(j, "F103", text, tsn_arena_printf(arena, "not a CPE name: %s", why),
                 "cpe:2.3:PART:VENDOR:PRODUCT:VERSION:UPDATE:EDITION:LANGUAGE:SW_EDITION:"
                 "TARGET_SW:TARGET_HW:OTHER");
    } else {
        j->good++;
        tsn_cpe_print(&c, &b);
        json_t *o = json_pack("{s:i, s:s, s:s}", "line", j->line, "input", text, "cpe", b.data);
        if (!j->cli->json)
            (void)puts(b.data);
        for (int i = 0; i < TSN_CPE_PARTS; i++) {
            const char *plain = tsn_cpe_plain(arena, &c, (enum tsn_cpe_part)i);
            json_object_set_new(o, tsn_cpe_part_names[i], json_string(plain));
            if (!j->cli->json && !j->cli->quiet && !j->columns && strcmp(c.part[i], "*") != 0)
                show_part(tsn_cpe_part_names[i], plain);
        }
        if (j->cli->json)
            tsn_out_json(j->cli, o);
        json_decref(o);
    }
    tsn_buf_free(&b);
    tsn_arena_destroy(arena);
}

int tsn_cmd_cpe(struct tsn_cli *cli)
{
    struct judging j = {.cli = cli};
    return each(&j, TSN_CPE_MAX + 2, one_cpe);
}
