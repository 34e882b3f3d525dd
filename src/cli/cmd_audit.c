/* cmd_audit.c - audit log, verify, export: what an auditor asks.
 *
 * verify and export open the database themselves, read-only, so they need no daemon and work on a
 * copy. Owns nothing. One thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli/client.h"
#include "cli/out.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/json.h"
#include "core/text.h"
#include "store/export.h"
#include "store/verify_store.h"

/* --- log --------------------------------------------------------------------------------- */

int tsn_cmd_audit_log(struct tsn_cli *cli)
{
    json_t *out;
    const char *from = cli->given & TSN_BIT(TSN_FLAG_FROM)
                           ? tsn_arena_printf(cli->arena, "&from=%s",
                                              tsn_client_escape(cli, cli->flag[TSN_FLAG_FROM]))
                           : "";
    const char *limit =
        cli->given & TSN_BIT(TSN_FLAG_LIMIT) ? cli->flag[TSN_FLAG_LIMIT] : "100";
    int rc = tsn_client_get(cli,
                            tsn_client_path(cli, "audit/entries?limit=%s%s",
                                            tsn_client_escape(cli, limit), from),
                            &out);
    if (rc)
        return rc;
    if (cli->json) {
        tsn_out_json(cli, out);
        json_decref(out);
        return TSN_EXIT_OK;
    }
    struct tsn_grid *g = tsn_grid_new(cli, 6);
    size_t i;
    json_t *e;
    json_array_foreach(json_object_get(out, "items"), i, e)
    {
        const char *outcome = tsn_json_str(e, "outcome", NULL);
        tsn_grid_cell(g, TSN_BOLD,
                      tsn_arena_printf(cli->arena, "#%lld",
                                       (long long)tsn_json_int(e, "seq", -1)));
        tsn_grid_cell(g, TSN_PLAIN, tsn_out_time(cli, tsn_json_str(e, "time", NULL)));
        tsn_grid_cell(g, TSN_PLAIN, tsn_json_str(e, "kind", NULL));
        tsn_grid_cell(g, TSN_PLAIN, tsn_json_str(e, "actor", NULL));
        tsn_grid_cell(g, tsn_out_style_of(outcome), outcome);
        tsn_grid_cell(g, TSN_DIM, tsn_json_str(e, "chain", NULL));
    }
    tsn_grid_print(g, stdout, 0);
    const char *next = tsn_json_str(out, "next", NULL);
    if (next)
        tsn_out_say(cli, "... more: tocsin audit log --from %s", next);
    json_decref(out);
    return TSN_EXIT_OK;
}
