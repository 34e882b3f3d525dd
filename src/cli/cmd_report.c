/* cmd_report.c - audit report: through the daemon, or straight from a database file.
 *
 * The daemon's way is an entry of the log. The file's way opens it read-only and makes an index of
 * its own; nobody can write an entry into a copy, so none is made. Owns nothing. One thread.
 */
#include <stdlib.h>
#include <string.h>
#include "cli/client.h"
#include "cli/out.h"
#include "core/clock.h"
#include "core/csv.h"
#include "core/id.h"
#include "core/json.h"
#include "core/log.h"
#include "core/text.h"
#include "store/log_report.h"
#include "store/record_case.h"

#define PAGE    10000
#define ROW_MAX ((size_t)1 << 20)

static const char *given(const struct tsn_cli *cli, enum tsn_flag flag)
{
    return cli->given & TSN_BIT(flag) ? cli->flag[flag] : NULL;
}

/* --- from a file ----------------------------------------------------------------------------- */

static tsn_err take_time(const struct tsn_cli *cli, enum tsn_flag flag, int64_t *out,
                         struct tsn_diag *diag)
{
    const char *text = given(cli, flag);
    char full[40];

    *out = 0;
    if (!text)
        return 0;
    (void)snprintf(full, sizeof(full), "%.24s%s", text,
                   strlen(text) != 10       ? ""
                   : flag == TSN_FLAG_UNTIL ? "T23:59:59.999Z"
                                            : "T00:00:00Z");
    if (tsn_time_parse(full, out) == 0)
        return 0;
    return tsn_diag_set(diag, TSN_EINPUT, "U002",
                        "`%.60s` is neither a date nor an RFC 3339 time", text);
}

static tsn_err case_of(const struct tsn_cli *cli, struct tsn_store *st, const char **id,
                       struct tsn_diag *diag)
{
    const char *ref = given(cli, TSN_FLAG_CASE);
    struct tsn_rec_case c;
    tsn_err err;

    *id = ref;
    if (!ref || tsn_id_valid(ref))
        return 0;
    err = tsn_store_find(st, cli->arena, &tsn_table_case, "name", ref, &c);
    *id = c.id;
    return err == TSN_ENOTFOUND
               ? tsn_diag_set(diag, err, "H031", "there is no case `%.60s`", ref)
               : err;
}

static tsn_err ask_file(struct tsn_cli *cli, const struct tsn_log_report *r, int64_t limit,
                        json_t **out, struct tsn_diag *diag)
{
    struct tsn_log_asked asked = {.seed = given(cli, TSN_FLAG_SEED), .limit = (size_t)limit};
    struct tsn_log_index *ix;
    struct tsn_place place;
    struct tsn_store *st;
    uint64_t left;
    tsn_err err;

    tsn_log_open(-1);
    tsn_place_database(cli, cli->arg[1], &place);
    err = tsn_place_open(&place, &st, diag);
    if (err)
        return err;
    if (!place.key)
        tsn_out_say(cli, "the key file is not beside it: what stands sealed reads as nothing");
    err = take_time(cli, TSN_FLAG_SINCE, &asked.since_ms, diag);
    if (!err)
        err = take_time(cli, TSN_FLAG_UNTIL, &asked.until_ms, diag);
    if (!err)
        err = take_time(cli, TSN_FLAG_AT, &asked.now_ms, diag);
    if (!asked.now_ms)
        asked.now_ms = tsn_clock_wall_ms();
    if (!err)
        err = case_of(cli, st, &asked.case_id, diag);
    if (!err)
        err = tsn_log_index(st, &ix, diag);
    if (!err)
        err = tsn_log_index_more(ix, 0, &left, diag);
    if (!err)
        err = tsn_log_report_json(ix, r, &asked, out, diag);
    tsn_store_close(st);
    return err;
}

/* --- from the daemon --------------------------------------------------------------------------- */

static const char *param(struct tsn_cli *cli, const char *name, enum tsn_flag flag)
{
    const char *value = given(cli, flag);

    return value ? tsn_arena_printf(cli->arena, "&%s=%s", name, tsn_client_escape(cli, value))
                 : "";
}

static int ask_daemon(struct tsn_cli *cli, int64_t limit, json_t **out)
{
    const char *rest = tsn_arena_printf(
        cli->arena, "%s%s%s%s%s", param(cli, "case", TSN_FLAG_CASE),
        param(cli, "since", TSN_FLAG_SINCE), param(cli, "until", TSN_FLAG_UNTIL),
        param(cli, "at", TSN_FLAG_AT), param(cli, "seed", TSN_FLAG_SEED));
    int64_t have = 0;

    for (*out = NULL;;) {
        int64_t want = limit - have < PAGE ? limit - have : PAGE, next;
        json_t *part;
        int rc = tsn_client_get(cli,
                                tsn_client_path(cli, "audit/reports/%s?limit=%lld&after=%lld%s",
                                                tsn_client_escape(cli, cli->arg[0]),
                                                (long long)want, (long long)have, rest),
                                &part);

        if (rc)
            return rc;
        next = tsn_json_int(part, "next", -1);
        have += (int64_t)json_array_size(json_object_get(part, "rows"));
        if (*out) {
            json_array_extend(json_object_get(*out, "rows"), json_object_get(part, "rows"));
            json_object_set(*out, "next", json_object_get(part, "next"));
            json_decref(part);
        } else {
            *out = part;
        }
        if (next < 0 || have >= limit)
            return 0;
    }
}

/* --- showing ------------------------------------------------------------------------------- */

static void print_csv(const json_t *columns, const json_t *rows)
{
    struct tsn_buf b;
    size_t i, k;
    json_t *row, *v;

    tsn_buf_init(&b, ROW_MAX);
    json_array_foreach(columns, k, v)
    {
        if (k)
            tsn_buf_putc(&b, ',');
        tsn_csv_cell(&b, json_string_value(v), json_string_length(v));
    }
    (void)printf("%s\r\n", b.data ? b.data : "");
    json_array_foreach(rows, i, row)
    {
        tsn_buf_clear(&b);
        json_array_foreach(row, k, v)
        {
            if (k)
                tsn_buf_putc(&b, ',');
            if (json_is_integer(v))
                tsn_buf_printf(&b, "%lld", (long long)json_integer_value(v));
            else if (json_is_string(v))
                tsn_csv_cell(&b, json_string_value(v), json_string_length(v));
        }
        (void)printf("%s\r\n", b.data ? b.data : "");
    }
    tsn_buf_free(&b);
}

static const char *shown(struct tsn_cli *cli, const char *column, const json_t *v)
{
    size_t n = strlen(column);
    bool is_time = strcmp(column, "time") == 0 || (n > 3 && strcmp(column + n - 3, "_at") == 0);

    if (json_is_null(v))
        return "-";
    if (json_is_integer(v))
        return tsn_arena_printf(cli->arena, "%lld", (long long)json_integer_value(v));
    if (is_time && json_is_string(v))
        return tsn_out_time(cli, json_string_value(v));
    /* A hash is for JSON and CSV. */
    return json_string_length(v) == 64
               ? tsn_arena_printf(cli->arena, "%.12s..", json_string_value(v))
               : json_string_value(v);
}

static void print_table(struct tsn_cli *cli, const json_t *columns, const json_t *rows)
{
    struct tsn_grid *g = tsn_grid_new(cli, json_array_size(columns));
    size_t i, k;
    json_t *row, *v;

    json_array_foreach(columns, k, v) tsn_grid_cell(g, TSN_DIM, json_string_value(v));
    json_array_foreach(rows, i, row)
    {
        json_array_foreach(row, k, v)
        {
            const char *column = json_string_value(json_array_get(columns, k));

            tsn_grid_cell(g, TSN_PLAIN, shown(cli, column, v));
        }
    }
    if (json_array_size(rows))
        tsn_grid_print(g, stdout, 0);
}

/* Rows as objects: what a script wants. */
static void print_json(struct tsn_cli *cli, json_t *out)
{
    json_t *columns = json_object_get(out, "columns"), *items = json_array(), *row, *name;
    size_t i, k;

    json_array_foreach(json_object_get(out, "rows"), i, row)
    {
        json_t *item = json_object();

        json_array_foreach(columns, k, name)
            json_object_set(item, json_string_value(name), json_array_get(row, k));
        json_array_append_new(items, item);
    }
    json_object_set_new(out, "items", items);
    json_object_del(out, "rows");
    tsn_out_json(cli, out);
}

static int list_reports(struct tsn_cli *cli)
{
    json_t *out = tsn_log_reports_json(), *r;
    size_t i;

    if (cli->json) {
        tsn_out_json(cli, out);
    } else {
        struct tsn_grid *g = tsn_grid_new(cli, 3);

        json_array_foreach(json_object_get(out, "items"), i, r)
        {
            tsn_grid_cell(g, TSN_BOLD, tsn_json_str(r, "name", ""));
            tsn_grid_cell(g, TSN_PLAIN, tsn_json_str(r, "question", ""));
            tsn_grid_cell(g, TSN_DIM, tsn_json_str(r, "anchor", ""));
        }
        tsn_grid_print(g, stdout, 0);
    }
    json_decref(out);
    return TSN_EXIT_OK;
}

int tsn_cmd_audit_report(struct tsn_cli *cli)
{
    const struct tsn_log_report *r;
    struct tsn_diag diag;
    int64_t limit = TSN_LOG_ROWS_MAX;
    json_t *out = NULL;
    int rc = 0;
    tsn_err err;

    tsn_diag_init(&diag);
    if (cli->nargs == 0)
        return list_reports(cli);
    if (given(cli, TSN_FLAG_LIMIT) &&
        tsn_parse_int(cli->flag[TSN_FLAG_LIMIT], 1, TSN_LOG_ROWS_MAX, &limit))
        return tsn_out_failf(cli, TSN_EXIT_USAGE, TSN_EINPUT, "U002", "",
                             "--limit must be a number from 1 to %d", TSN_LOG_ROWS_MAX);
    r = tsn_log_report_find(cli->arg[0], &diag);
    if (!r)
        return tsn_out_fail(cli, TSN_EXIT_NOT_FOUND, &diag);
    if (cli->nargs == 2) {
        err = ask_file(cli, r, limit, &out, &diag);
        if (err)
            return tsn_out_fail(
                cli, err == TSN_ENOTFOUND ? TSN_EXIT_NOT_FOUND : tsn_out_exit_of(err), &diag);
    } else {
        rc = ask_daemon(cli, limit, &out);
        if (rc)
            return rc;
    }
    if (cli->json) {
        print_json(cli, out);
    } else if (given(cli, TSN_FLAG_CSV)) {
        print_csv(json_object_get(out, "columns"), json_object_get(out, "rows"));
    } else {
        size_t n = json_array_size(json_object_get(out, "rows"));

        print_table(cli, json_object_get(out, "columns"), json_object_get(out, "rows"));
        tsn_out_say(cli, "%s: %zu row%s%s", r->question, n, n == 1 ? "" : "s",
                    json_is_null(json_object_get(out, "next")) ? "" : ", and more");
    }
    json_decref(out);
    return TSN_EXIT_OK;
}
