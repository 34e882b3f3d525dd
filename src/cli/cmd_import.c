/* cmd_import.c - `tocsin report import`: reports of another system, each taken in its own commit.
 *
 * The key of each is that system's number, so importing a newer export takes only what is new. One
 * thread; talks to the daemon.
 */
#include <string.h>

#include "cli/client.h"
#include "cli/out.h"
#include "core/buf.h"
#include "core/json.h"
#include "intake/foreign.h"

#define EXPORT_MAX ((size_t)64 << 20)

static int hand_in(struct tsn_cli *cli, const json_t *one, json_t *row)
{
    struct tsn_answer a;
    int rc = TSN_EXIT_OK;

    tsn_client_ask(cli, "POST", tsn_client_path(cli, "reports"), json_object_get(one, "report"),
                   tsn_json_str(one, "key", NULL), 0, &a);
    if (a.status == 200 || a.status == 202)
        json_object_update(row, a.body);
    else
        rc = tsn_out_fail(cli, a.exit, &a.diag);
    tsn_answer_free(&a);
    return rc;
}

static void say(struct tsn_cli *cli, const json_t *row)
{
    const char *skipped = tsn_json_str(row, "skipped", NULL);

    tsn_out_text(cli, stdout, TSN_PLAIN, tsn_json_str(row, "key", ""));
    if (skipped)
        (void)printf("  skipped (%s)\n", skipped);
    else
        (void)printf("  %s  %s%s\n", tsn_json_str(row, "receipt", ""),
                     tsn_json_str(row, "case", ""),
                     tsn_json_bool(row, "duplicate", false) ? "  (we had it)" : "");
}

int tsn_cmd_report_import(struct tsn_cli *cli)
{
    const char *file = cli->arg[0];
    json_t *list = NULL, *rows = json_array(), *one;
    struct tsn_diag diag;
    struct tsn_buf b;
    int rc = TSN_EXIT_OK;
    tsn_err err;
    size_t i;

    tsn_diag_init(&diag);
    tsn_buf_init(&b, EXPORT_MAX);
    err = tsn_buf_read_file(&b, strcmp(file, "-") == 0 ? "/dev/stdin" : file);
    if (err)
        rc = tsn_out_failf(cli, err == TSN_ENOTFOUND ? TSN_EXIT_NOT_FOUND : TSN_EXIT_FAILED,
                           err, "U008", "a file of at most 64 MiB", "cannot read %s", file);
    else if (tsn_foreign_reports(b.data ? b.data : "", b.len, &list, &diag) != 0)
        rc = tsn_out_fail(cli, TSN_EXIT_PROBLEMS, &diag);
    tsn_buf_free(&b);
    json_array_foreach(list, i, one)
    {
        const char *skipped = tsn_json_str(one, "skipped", NULL);
        json_t *row =
            json_pack("{s:O, s:s*}", "key", json_object_get(one, "key"), "skipped", skipped);

        if (!rc && !skipped)
            rc = hand_in(cli, one, row);
        if (rc) {
            json_decref(row);
            break; /* what was taken stays taken: the same file goes on where this ended */
        }
        if (!cli->json)
            say(cli, row);
        json_array_append_new(rows, row);
    }
    if (!rc && cli->json) {
        json_t *out = json_pack("{s:O}", "items", rows);

        tsn_out_json(cli, out);
        json_decref(out);
    }
    json_decref(rows);
    json_decref(list);
    return rc;
}
