/* cmd_bounty.c - bounty programmes: submissions, the announcement, exports of other platforms. One
 * thread; talks to the daemon. */
#include <stdlib.h>
#include <string.h>
#include "casework/bounty.h"
#include "cli/client.h"
#include "cli/out.h"
#include "core/buf.h"
#include "core/json.h"

int tsn_cmd_bounty_list(struct tsn_cli *cli)
{
    static const char *const titles[] = {"REPORT", "STATE",  "PROGRAMME",
                                         "BAND",   "AMOUNT", "WHY"};
    static const char *const keys[] = {"name", "state", "programme", "band", "amount", "why"};
    json_t *out, *item;
    size_t i;
    const char *query =
        (cli->given & TSN_BIT(TSN_FLAG_STATE))
            ? tsn_arena_printf(cli->arena, "?state=%s",
                               tsn_client_escape(cli, cli->flag[TSN_FLAG_STATE]))
            : "";
    int rc = tsn_client_get(cli, tsn_client_path(cli, "bounty%s", query), &out);
    if (rc)
        return rc;
    if (cli->json) {
        tsn_out_json(cli, out);
    } else {
        struct tsn_grid *g = tsn_grid_new(cli, 6);
        for (size_t k = 0; k < 6; k++)
            tsn_grid_cell(g, TSN_DIM, titles[k]);
        json_array_foreach(json_object_get(out, "items"), i, item)
        {
            for (size_t k = 0; k < 6; k++)
                tsn_grid_cell(g, k ? TSN_PLAIN : TSN_BOLD,
                              tsn_out_value(cli, json_object_get(item, keys[k])));
        }
        tsn_grid_print(g, stdout, 0);
    }
    json_decref(out);
    return TSN_EXIT_OK;
}

int tsn_cmd_bounty_announcement(struct tsn_cli *cli)
{
    json_t *out;
    const char *query = "";
    static const struct {
        enum tsn_flag flag;
        const char *name;
    } map[] = {{TSN_FLAG_SINCE, "since"}, {TSN_FLAG_UNTIL, "until"}};
    for (size_t i = 0; i < 2; i++)
        if (cli->given & TSN_BIT(map[i].flag))
            query =
                tsn_arena_printf(cli->arena, "%s%c%s=%s", query, query[0] ? '&' : '?',
                                 map[i].name, tsn_client_escape(cli, cli->flag[map[i].flag]));
    int rc = tsn_client_get(cli, tsn_client_path(cli, "bounty-announcement%s", query), &out);
    if (rc)
        return rc;
    if (cli->json)
        tsn_out_json(cli, out);
    else
        tsn_out_text(cli, stdout, TSN_PLAIN, tsn_json_str(out, "markdown", ""));
    json_decref(out);
    return TSN_EXIT_OK;
}

/* --- import ------------------------------------------------------------------------------------------ */

/* Title without line ends, at most 200 characters. */
static const char *title_of(struct tsn_cli *cli, const char *text)
{
    char *s = tsn_arena_strdup(cli->arena, text);
    size_t chars = 0;
    for (char *p = s; *p; p++) {
        chars += ((unsigned char)*p & 0xc0) != 0x80;
        if (chars > 200) {
            *p = 0;
            break;
        }
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = ' ';
    }
    return s;
}

static json_t *report_of(struct tsn_cli *cli, const json_t *one)
{
    const char *text = tsn_json_str(one, "text", "");
    json_t *rest = json_copy((json_t *)(uintptr_t)one);
    json_t *r = json_pack("{s:s, s:s}", "kind", "weakness", "title",
                          title_of(cli, tsn_json_str(one, "title", "untitled")));
    /* Finders of platforms have no address here: who it was stands with the rest of the row. */
    json_object_del(rest, "text");
    char *raw = tsn_json_text(rest);
    json_decref(rest);
    json_object_set_new(
        r, "text",
        json_string(tsn_arena_printf(cli->arena, "%.58000s%s[imported: %.3000s]", text,
                                     text[0] ? "\n\n" : "", raw)));
    free(raw);
    int band = tsn_band_of(tsn_json_str(one, "severity", ""));
    if (band >= 0)
        json_object_set_new(r, "severity", json_string(tsn_band_name((enum tsn_band)band)));
    if (cli->given & TSN_BIT(TSN_FLAG_PRODUCT))
        json_object_set_new(r, "product", json_string(cli->flag[TSN_FLAG_PRODUCT]));
    return r;
}

static int enter(struct tsn_cli *cli, const json_t *one, const char *case_name,
                 const char *receipt)
{
    struct tsn_answer a;
    json_t *body =
        json_pack("{s:s, s:{s:s, s:s, s:s, s:s, s:s*}}", "operation", "bounty.enter", "args",
                  "report", receipt, "programme", cli->flag[TSN_FLAG_PROGRAMME], "site",
                  tsn_json_str(one, "target", "unknown"), "weakness",
                  tsn_json_str(one, "weakness", "unknown"), "arrival",
                  tsn_json_str(one, "arrival", NULL));
    tsn_client_ask(cli, "POST",
                   tsn_client_path(cli, "cases/%s/act", tsn_client_escape(cli, case_name)),
                   body, NULL, 0, &a);
    json_decref(body);
    int rc = a.exit;
    if (rc && !strcmp(a.diag.code, "W001")) /* entered by an earlier import */
        rc = 0;
    else if (rc)
        (void)tsn_out_fail(cli, rc, &a.diag);
    tsn_answer_free(&a);
    return rc;
}

int tsn_cmd_bounty_import(struct tsn_cli *cli)
{
    struct tsn_buf b;
    struct tsn_diag diag;
    json_t *list = NULL, *one;
    size_t i, fresh = 0, known = 0;
    int rc = 0;
    tsn_diag_init(&diag);
    tsn_buf_init(&b, (size_t)64 << 20);
    tsn_err err = tsn_buf_read_file(&b, cli->arg[0]);
    if (err) {
        tsn_buf_free(&b);
        return tsn_out_failf(cli, TSN_EXIT_NOT_FOUND, err, "C010", "", "%s: %s", cli->arg[0],
                             tsn_err_text(err));
    }
    err = tsn_bounty_read_export(b.data ? b.data : "", b.len, &list, &diag);
    tsn_buf_free(&b);
    if (err)
        return tsn_out_fail(cli, TSN_EXIT_PROBLEMS, &diag);
    json_array_foreach(list, i, one)
    {
        json_t *report = report_of(cli, one), *out = NULL;
        const char *key =
            tsn_arena_printf(cli->arena, "%s:%s", tsn_json_str(one, "source", "import"),
                             tsn_json_str(one, "external_id", ""));
        rc = tsn_client_call(cli, "POST", tsn_client_path(cli, "reports"), report, key, &out);
        json_decref(report);
        if (rc)
            break;
        if (tsn_json_bool(out, "duplicate", false))
            known++;
        else
            fresh++;
        if (cli->given & TSN_BIT(TSN_FLAG_PROGRAMME))
            rc = enter(cli, one, tsn_json_str(out, "case", ""),
                       tsn_json_str(out, "receipt", ""));
        json_decref(out);
        if (rc)
            break;
    }
    json_t *sum = json_pack("{s:I, s:I, s:I}", "read", (json_int_t)json_array_size(list), "new",
                            (json_int_t)fresh, "known", (json_int_t)known);
    json_decref(list);
    if (!rc && cli->json)
        tsn_out_json(cli, sum);
    else if (!rc)
        (void)printf("%zu new, %zu known\n", fresh, known);
    json_decref(sum);
    return rc;
}
