/* cmd_feed_diff.c - feed diff: what matters in a later revision of a CSAF document. No daemon.
 * Owns nothing. One thread. */
#include <string.h>
#include "cli/out.h"
#include "core/buf.h"
#include "core/json.h"
#include "core/text.h"
#include "feed/feed.h"

#define FILE_MAX ((size_t)64 << 20)

static int read_json(struct tsn_cli *cli, const char *path, json_t **out)
{
    struct tsn_buf b;
    struct tsn_diag d;
    int rc = 0;
    tsn_diag_init(&d);
    tsn_buf_init(&b, FILE_MAX);
    tsn_err err = tsn_buf_read_file(&b, path);
    if (err) {
        rc = tsn_out_failf(cli, err == TSN_ENOTFOUND ? TSN_EXIT_NOT_FOUND : TSN_EXIT_FAILED,
                           err, "U008", "", "%s: %s", path, tsn_err_text(err));
    } else if (tsn_json_parse(b.len ? b.data : "", b.len, out, &d)) {
        (void)tsn_copy(d.code, sizeof(d.code), "F006");
        tsn_diag_at(&d, path, d.line, d.col);
        rc = tsn_out_fail(cli, TSN_EXIT_FAILED, &d);
    }
    tsn_buf_free(&b);
    return rc;
}

static void print(struct tsn_cli *cli, const json_t *diff)
{
    bool material = tsn_json_bool(diff, "material", false);
    size_t i;
    json_t *v;
    tsn_out_text(cli, stdout, material ? TSN_YELLOW : TSN_GREEN,
                 material ? "material" : "cosmetic");
    (void)printf("  ");
    tsn_out_text(cli, stdout, TSN_BOLD, tsn_json_str(diff, "id", ""));
    json_array_foreach(json_object_get(diff, "kinds"), i, v)
    {
        (void)printf("%s%s", i ? " " : "  ", json_string_value(v));
    }
    (void)printf("  +%lld -%lld", (long long)tsn_json_int(diff, "added", 0),
                 (long long)tsn_json_int(diff, "removed", 0));
    json_array_foreach(json_object_get(diff, "flags"), i, v)
    {
        (void)printf("%s%s", i ? " " : "  ", json_string_value(v));
    }
    (void)printf("\n");
    json_array_foreach(json_object_get(diff, "changes"), i, v)
    {
        bool added = strcmp(tsn_json_str(v, "change", ""), "added") == 0;
        tsn_out_text(cli, stdout, added ? TSN_GREEN : TSN_RED,
                     tsn_arena_printf(cli->arena, "  %c %s %s", added ? '+' : '-',
                                      tsn_json_str(v, "kind", ""),
                                      tsn_json_str(v, "text", "")));
        (void)printf("\n");
    }
}

int tsn_cmd_feed_diff(struct tsn_cli *cli)
{
    json_t *before = NULL, *after = NULL, *diff = NULL;
    struct tsn_diag d;
    tsn_diag_init(&d);
    int rc = read_json(cli, cli->arg[0], &before);
    if (!rc)
        rc = read_json(cli, cli->arg[1], &after);
    if (!rc && tsn_csaf_diff(before, after, &diff, &d))
        rc = tsn_out_fail(cli, TSN_EXIT_FAILED, &d);
    if (!rc) {
        rc = tsn_json_bool(diff, "material", false) ? TSN_EXIT_DIFFERENCES : TSN_EXIT_OK;
        if (!cli->json)
            print(cli, diff);
        else if (rc)
            tsn_out_json_not_ok(cli, diff, rc);
        else
            tsn_out_json(cli, diff);
    }
    json_decref(before);
    json_decref(after);
    json_decref(diff);
    return rc;
}
