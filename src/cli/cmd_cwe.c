/* cmd_cwe.c - cwe, cve: which weaknesses exist and may be mapped to; ids and blocks of them. One answer
 * a line; a bad line does not stop the rest. No daemon. One thread. */
#include <inttypes.h>
#include <string.h>
#include "cli/out.h"
#include "core/cve_id.h"
#include "core/cwe.h"
#include "core/text.h"

#define LINE_MAX_BYTES 200
#define CWE_PAGE       "https://cwe.mitre.org/data/definitions/%u.html"

struct asking {
    struct tsn_cli *cli;
    const char *place; /* "standard input", or "argument" */
    bool columns;      /* from standard input: a line for a line */
    int line;
    size_t good, bad;
    const struct tsn_cve_block *within; /* cve: what ids are looked for in; NULL = not asked */
};

static void complain(struct asking *a, const char *source, struct tsn_diag *d)
{
    a->bad++;
    if (a->cli->json) {
        json_t *text = json_string(source); /* NULL when it is not UTF-8 */
        json_t *o =
            json_pack("{s:i, s:s, s:s, s:s, s:o}", "line", a->line, "code", d->code, "detail",
                      d->what, "hint", d->hint, "input", text ? text : json_null());
        tsn_out_json_not_ok(a->cli, o, TSN_EXIT_FAILED);
        json_decref(o);
        return;
    }
    if (a->columns)
        (void)puts("-");
    (void)fflush(stdout); /* so that both streams read in order on a terminal */
    tsn_diag_at(d, a->place, a->line, 1);
    (void)tsn_copy(d->source, sizeof(d->source), source);
    (void)tsn_out_fail(a->cli, TSN_EXIT_FAILED, d);
}

static int each(struct asking *a, void (*one)(void *user, const char *text, int number))
{
    int rc = 0;
    for (size_t i = 0; !rc && i < a->cli->nargs; i++) {
        bool lines = strcmp(a->cli->arg[i], "-") == 0;
        a->place = lines ? "standard input" : "argument";
        a->columns = lines;
        if (lines)
            rc = tsn_cli_lines(a->cli, LINE_MAX_BYTES, one, a);
        else
            one(a, a->cli->arg[i], (int)i + 1);
    }
    return rc ? rc : a->bad == 0 ? TSN_EXIT_OK : a->good ? TSN_EXIT_PARTLY : TSN_EXIT_FAILED;
}

/* --- cwe ------------------------------------------------------------------------------------------- */

/* "4.9 to 4.20", "4.14"; the table has no weakness that left and came back. */
static const char *span(struct tsn_cli *cli, unsigned bits)
{
    const char *first = NULL, *last = NULL;
    for (size_t v = 0; tsn_cwe_versions[v]; v++)
        if (bits & (1u << v)) {
            first = first ? first : tsn_cwe_versions[v];
            last = tsn_cwe_versions[v];
        }
    return !first          ? "-"
           : first == last ? first
                           : tsn_arena_printf(cli->arena, "%s to %s", first, last);
}

static json_t *versions_json(unsigned bits)
{
    json_t *list = json_array();
    for (size_t v = 0; tsn_cwe_versions[v]; v++)
        if (bits & (1u << v))
            json_array_append_new(list, json_string(tsn_cwe_versions[v]));
    return list;
}

static json_t *cwe_json(struct tsn_cli *cli, unsigned number, const char *warn)
{
    const struct tsn_cwe_row *now = tsn_cwe_find(number, NULL);
    json_t *o = json_pack("{s:s, s:o, s:s*, s:s*}", "cwe",
                          tsn_arena_printf(cli->arena, "CWE-%u", number), "versions",
                          versions_json(tsn_cwe_in(number, NULL)), "name", tsn_cwe_name(number),
                          "warning", warn);
    json_object_set_new(o, "page", json_sprintf(CWE_PAGE, number));
    json_object_set_new(o, "known", json_boolean(now != NULL));
    if (now)
        json_object_update_new(o, json_pack("{s:s, s:s}", "status",
                                            tsn_cwe_status_text(now->status), "usage",
                                            tsn_cwe_usage_text(now->usage)));
    json_t *history = json_array();
    for (size_t i = 0; i < tsn_cwe_nrows; i++)
        if (tsn_cwe_rows[i].id == number)
            json_array_append_new(
                history, json_pack("{s:o, s:s, s:s}", "versions",
                                   versions_json(tsn_cwe_rows[i].versions), "status",
                                   tsn_cwe_status_text(tsn_cwe_rows[i].status), "usage",
                                   tsn_cwe_usage_text(tsn_cwe_rows[i].usage)));
    json_object_set_new(o, "history", history);
    return o;
}

static void cwe_page(struct asking *a, unsigned number, const char *warn)
{
    struct tsn_cli *cli = a->cli;
    const struct tsn_cwe_row *now = tsn_cwe_find(number, NULL);
    const char *name = tsn_cwe_name(number);
    tsn_out_text(cli, stdout, TSN_BOLD, tsn_arena_printf(cli->arena, "CWE-%u", number));
    (void)printf("%s%s\n", name ? "  " : "", name ? name : "");
    if (now) {
        (void)printf("  status    %s\n  mapping   %s\n  versions  %s\n",
                     tsn_cwe_status_text(now->status), tsn_cwe_usage_text(now->usage),
                     span(cli, tsn_cwe_in(number, NULL)));
        for (size_t i = 0; i < tsn_cwe_nrows; i++)
            if (tsn_cwe_rows[i].id == number && &tsn_cwe_rows[i] != now)
                (void)printf("  before    %s, %s in %s\n",
                             tsn_cwe_status_text(tsn_cwe_rows[i].status),
                             tsn_cwe_usage_text(tsn_cwe_rows[i].usage),
                             span(cli, tsn_cwe_rows[i].versions));
    }
    if (warn) {
        (void)printf("  ");
        tsn_out_text(cli, stdout, TSN_YELLOW,
                     tsn_arena_printf(cli->arena, "note      %s", warn));
        (void)putchar('\n');
    }
    (void)printf("  page      " CWE_PAGE "\n", number);
}

static void one_cwe(void *user, const char *text, int line)
{
    struct asking *a = user;
    struct tsn_diag d;
    const char *warn;
    a->line = line;
    tsn_diag_init(&d);
    if (tsn_cwe_judge(text, &warn, &d)) {
        complain(a, text, &d);
        return;
    }
    unsigned number = tsn_cwe_number(text);
    const struct tsn_cwe_row *now = tsn_cwe_find(number, NULL);
    /* What does not exist is bad, what is only not liked is an answer. */
    if (now)
        a->good++;
    else
        a->bad++;
    if (a->cli->json) {
        json_t *o = cwe_json(a->cli, number, warn);
        json_object_set_new(o, "line", json_integer(line));
        tsn_out_json(a->cli, o);
        json_decref(o);
    } else if (a->columns) {
        (void)printf("%s\t%s\t%s\t%s\n", text, now ? tsn_cwe_status_text(now->status) : "-",
                     now ? tsn_cwe_usage_text(now->usage) : "unknown",
                     span(a->cli, tsn_cwe_in(number, NULL)));
    } else {
        cwe_page(a, number, warn);
    }
}

static int cwe_list(struct tsn_cli *cli)
{
    json_t *items = json_array();
    struct tsn_grid *g = tsn_grid_new(cli, 5);
    static const char *const heads[] = {"CWE", "STATUS", "MAPPING", "VERSIONS", "NAME"};
    for (size_t i = 0; i < 5 && !cli->json; i++)
        tsn_grid_cell(g, TSN_DIM, heads[i]);
    for (size_t i = 0; i < tsn_cwe_nrows; i++) {
        unsigned n = tsn_cwe_rows[i].id;
        const char *warn = NULL, *id = tsn_arena_printf(cli->arena, "CWE-%u", n);
        if (i && tsn_cwe_rows[i - 1].id == n)
            continue;
        (void)tsn_cwe_judge(id, &warn, NULL);
        const struct tsn_cwe_row *now = tsn_cwe_find(n, NULL);
        if (cli->json) {
            json_array_append_new(items, cwe_json(cli, n, warn));
            continue;
        }
        tsn_grid_cell(g, TSN_PLAIN, id);
        tsn_grid_cell(g, TSN_PLAIN, tsn_cwe_status_text(now->status));
        tsn_grid_cell(g, now->usage >= TSN_CWE_DISCOURAGED ? TSN_YELLOW : TSN_PLAIN,
                      tsn_cwe_usage_text(now->usage));
        tsn_grid_cell(g, TSN_PLAIN, span(cli, tsn_cwe_in(n, NULL)));
        tsn_grid_cell(g, TSN_PLAIN, tsn_cwe_name(n) ? tsn_cwe_name(n) : "");
    }
    if (cli->json) {
        json_t *o = json_pack("{s:O}", "items", items);
        tsn_out_json(cli, o);
        json_decref(o);
    }
    tsn_grid_print(g, stdout, 0);
    json_decref(items);
    return TSN_EXIT_OK;
}

int tsn_cmd_cwe(struct tsn_cli *cli)
{
    struct asking a = {.cli = cli};
    return cli->nargs == 0 ? cwe_list(cli) : each(&a, one_cwe);
}

/* --- cve ------------------------------------------------------------------------------------------- */

static void one_cve(void *user, const char *text, int line)
{
    struct asking *a = user;
    struct tsn_cve_block b;
    struct tsn_diag d;
    a->line = line;
    tsn_diag_init(&d);
    if (tsn_cve_block_parse(text, &b, &d)) {
        complain(a, text, &d);
        return;
    }
    char first[TSN_CVE_ID_MAX], last[TSN_CVE_ID_MAX];
    const struct tsn_cve_id low = {b.year, b.first}, high = {b.year, b.last};
    int64_t count = b.last - b.first + 1;
    bool in = !a->within ||
              (tsn_cve_block_has(a->within, &low) && tsn_cve_block_has(a->within, &high));
    tsn_cve_id_print(&low, first);
    tsn_cve_id_print(&high, last);
    if (in)
        a->good++;
    else
        a->bad++;
    if (a->cli->json) {
        json_t *o = json_pack("{s:i, s:s, s:s, s:i, s:I}", "line", line, "first", first, "last",
                              last, "year", b.year, "count", (json_int_t)count);
        if (a->within)
            json_object_set_new(o, "inside", json_boolean(in));
        tsn_out_json(a->cli, o);
        json_decref(o);
        return;
    }
    (void)printf("%s", first);
    if (count > 1)
        (void)printf("..%s\t%" PRId64, last, count);
    (void)printf("%s\n", !a->within ? "" : in ? "\tinside" : "\toutside");
}

int tsn_cmd_cve(struct tsn_cli *cli)
{
    struct tsn_cve_block within;
    struct asking a = {.cli = cli};
    struct tsn_diag d;
    tsn_diag_init(&d);
    if (cli->flag[TSN_FLAG_WITHIN]) {
        if (tsn_cve_block_parse(cli->flag[TSN_FLAG_WITHIN], &within, &d))
            return tsn_out_fail(cli, TSN_EXIT_USAGE, &d);
        a.within = &within;
    }
    return each(&a, one_cve);
}
