/* cmd_customer.c - `tocsin customer list|show|add|edit|remove|import`: who is told of what they have.
 *
 * Owns nothing. One thread; talks to the daemon.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/cli_list.h"
#include "cli/client.h"
#include "cli/out.h"
#include "core/buf.h"
#include "core/csv.h"
#include "core/json.h"

#define FILE_MAX    ((size_t)12 << 20)
#define COLUMNS_MAX 32

int tsn_cmd_customer_list(struct tsn_cli *cli)
{
    static const struct tsn_column columns[] = {
        {"CUSTOMER", "name", TSN_AS_TEXT},     {"MAIL", "mail", TSN_AS_TEXT},
        {"CONTRACT", "contract", TSN_AS_TEXT}, {"PRODUCTS", "products", TSN_AS_TEXT},
        {"FROM", "origin", TSN_AS_TEXT},       {"CHANGED", "changed_at", TSN_AS_TIME}};
    const char *product = cli->flag[TSN_FLAG_PRODUCT];
    return TSN_CLI_LIST(cli,
                        tsn_client_path(cli, "customers%s%s", product ? "?product=" : "",
                                        product ? tsn_client_escape(cli, product) : ""),
                        columns);
}

static const char *path_of(struct tsn_cli *cli)
{
    return tsn_client_path(cli, "customers/%s", tsn_client_escape(cli, cli->arg[0]));
}

static void print_one(struct tsn_cli *cli, const json_t *c)
{
    static const char *const keys[] = {"mail",   "products", "contract", "country",   "key",
                                       "attach", "language", "origin",   "changed_by"};
    tsn_out_text(cli, stdout, TSN_BOLD, tsn_json_str(c, "name", ""));
    (void)putchar('\n');
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const json_t *v = json_object_get(c, keys[i]);
        if (!v)
            continue;
        (void)printf("  %-11s ", keys[i]);
        tsn_out_text(cli, stdout, TSN_PLAIN, tsn_out_value(cli, v));
        (void)putchar('\n');
    }
}

int tsn_cmd_customer_show(struct tsn_cli *cli)
{
    json_t *out;
    int rc = tsn_client_get(cli, path_of(cli), &out);
    if (rc)
        return rc;
    if (cli->json)
        tsn_out_json(cli, out);
    else
        print_one(cli, out);
    json_decref(out);
    return TSN_EXIT_OK;
}

/* "a, b;c" as a list. */
static json_t *words_of(struct tsn_cli *cli, const char *text, const char *between)
{
    json_t *list = json_array();
    for (const char *p = text; *p;) {
        size_t n = strcspn(p, between);
        if (n)
            json_array_append_new(list, json_string(tsn_arena_strndup(cli->arena, p, n)));
        p += n;
        p += strspn(p, between);
    }
    return list;
}

/* Lists may be written as words: products=a,b. */
static void lists(struct tsn_cli *cli, json_t *members, const char *between)
{
    static const char *const keys[] = {"products", "attach"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const char *text = tsn_json_str(members, keys[i], NULL);
        if (text)
            json_object_set_new(members, keys[i], words_of(cli, text, between));
    }
}

static int send_one(struct tsn_cli *cli, const char *method, const char *path, json_t *body)
{
    json_t *out;
    int rc = tsn_client_members(cli, body);
    if (rc) {
        json_decref(body);
        return rc;
    }
    if (cli->flag[TSN_FLAG_MAIL])
        json_object_set_new(body, "mail", json_string(cli->flag[TSN_FLAG_MAIL]));
    if (cli->flag[TSN_FLAG_PRODUCT])
        json_object_set_new(body, "products", json_string(cli->flag[TSN_FLAG_PRODUCT]));
    lists(cli, body, ", ");
    tsn_client_reason(cli, body);
    rc = tsn_client_do(cli, method, path, body, &out);
    if (out)
        (void)printf("%s  %s\n", tsn_json_str(out, "name", ""),
                     tsn_json_str(out, "change", ""));
    json_decref(out);
    return rc;
}

int tsn_cmd_customer_add(struct tsn_cli *cli)
{
    return send_one(cli, "POST", tsn_client_path(cli, "customers"),
                    json_pack("{s:s}", "name", cli->arg[0]));
}

int tsn_cmd_customer_edit(struct tsn_cli *cli)
{
    return send_one(cli, "PUT", path_of(cli), json_object());
}

int tsn_cmd_customer_remove(struct tsn_cli *cli)
{
    json_t *out;
    int rc = tsn_client_do(cli, "DELETE", path_of(cli), NULL, &out);
    if (out)
        (void)printf("%s  removed\n", tsn_json_str(out, "name", ""));
    json_decref(out);
    return rc;
}

/* --- import ------------------------------------------------------------------------------------- */

static int wrong_file(struct tsn_cli *cli, const char *what)
{
    return tsn_out_failf(cli, TSN_EXIT_PROBLEMS, TSN_EINPUT, "U008",
                         "JSON: a list of { name, mail, products, contract ... }; CSV: a line "
                         "of these names, then one line each, products with blanks between",
                         "%s: %s", cli->arg[0], what);
}

/* The first line names the members; empty cells say nothing. */
static int from_csv(struct tsn_cli *cli, const char *text, json_t *into)
{
    const char *names[COLUMNS_MAX], *cells[COLUMNS_MAX], *at = text;
    size_t columns, n, line = 1;
    tsn_err err = tsn_csv_record(cli->arena, &at, names, COLUMNS_MAX, &columns);
    while (!err) {
        json_t *one;
        line++;
        err = tsn_csv_record(cli->arena, &at, cells, COLUMNS_MAX, &n);
        if (err)
            break;
        if (n != columns)
            return wrong_file(cli,
                              tsn_arena_printf(cli->arena, "record %zu has %zu cells, not %zu",
                                               line, n, columns));
        one = json_object();
        for (size_t i = 0; i < n; i++) {
            if (*cells[i])
                json_object_set_new(one, names[i], json_string(cells[i]));
        }
        lists(cli, one, " ;,");
        json_array_append_new(into, one);
    }
    return err == TSN_ENOTFOUND
               ? 0
               : wrong_file(cli, tsn_arena_printf(cli->arena, "record %zu is no CSV", line));
}

static int read_list(struct tsn_cli *cli, json_t *into)
{
    struct tsn_buf b;
    struct tsn_diag diag;
    json_t *file = NULL;
    const char *text;
    int rc = 0;
    tsn_diag_init(&diag);
    tsn_buf_init(&b, FILE_MAX);
    tsn_err err =
        tsn_buf_read_file(&b, strcmp(cli->arg[0], "-") == 0 ? "/dev/stdin" : cli->arg[0]);
    text = b.len ? b.data : "";
    if (err) {
        rc = tsn_out_failf(cli, err == TSN_ENOTFOUND ? TSN_EXIT_NOT_FOUND : TSN_EXIT_FAILED,
                           err, "U008", "", "%s: %s", cli->arg[0], tsn_err_text(err));
    } else if (text[strspn(text, " \t\r\n")] == '[' || text[strspn(text, " \t\r\n")] == '{') {
        if (tsn_json_parse(text, b.len, &file, &diag)) {
            tsn_diag_at(&diag, cli->arg[0], diag.line, diag.col);
            rc = tsn_out_fail(cli, TSN_EXIT_PROBLEMS, &diag);
        } else {
            json_array_extend(into,
                              json_is_array(file) ? file : json_object_get(file, "customers"));
        }
    } else {
        rc = from_csv(cli, text, into);
    }
    json_decref(file);
    tsn_buf_free(&b);
    return rc || json_array_size(into) ? rc : wrong_file(cli, "there is no customer in it");
}

int tsn_cmd_customer_import(struct tsn_cli *cli)
{
    json_t *list = json_array(), *out, *body;
    int rc = read_list(cli, list);
    if (rc) {
        json_decref(list);
        return rc;
    }
    body = json_pack("{s:o}", "customers", list);
    tsn_client_reason(cli, body);
    if (cli->given & TSN_BIT(TSN_FLAG_DRY_RUN))
        json_object_set_new(body, "dry_run", json_true());
    rc = tsn_client_do(cli, "POST", tsn_client_path(cli, "customers"), body, &out);
    if (out)
        (void)printf("%s%lld added, %lld changed, %lld as before\n",
                     json_object_get(out, "dry_run") ? "would be: " : "",
                     (long long)tsn_json_int(out, "added", 0),
                     (long long)tsn_json_int(out, "changed", 0),
                     (long long)tsn_json_int(out, "same", 0));
    json_decref(out);
    return rc;
}
