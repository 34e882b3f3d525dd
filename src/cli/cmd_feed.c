/* cmd_feed.c - feeds and decisions: what came in, what it led to, and a person's word on both.
 * One thread; talks to the daemon. */
#include "cli/cli_list.h"
#include "cli/client.h"
#include "cli/out.h"
#include "core/json.h"
#include "core/text.h"

#include <stdio.h>
#include <string.h>

int tsn_cmd_feed_show(struct tsn_cli *cli)
{
    static const char *const keys[] = {"documents",   "observed",  "revised",
                                       "quarantined", "duplicate", "pending"};
    static const char *const said[] = {"trust", "storm", "paused_by", "error"};
    json_t *out;
    int rc = tsn_client_get(
        cli, tsn_client_path(cli, "feeds/%s", tsn_client_escape(cli, cli->arg[0])), &out);
    if (rc)
        return rc;
    if (cli->json) {
        tsn_out_json(cli, out);
    } else {
        const json_t *d = json_object_get(out, "decisions");
        struct tsn_grid *g = tsn_grid_new(cli, 2);
        for (size_t i = 0; i < 6; i++) {
            tsn_grid_cell(g, TSN_DIM, keys[i]);
            tsn_grid_cell(g, TSN_PLAIN, tsn_out_value(cli, json_object_get(out, keys[i])));
        }
        tsn_grid_cell(g, TSN_DIM, "decisions");
        tsn_grid_cell(g, TSN_PLAIN,
                      tsn_arena_printf(cli->arena, "%lld open, %lld held, %lld done",
                                       (long long)tsn_json_int(d, "open", 0),
                                       (long long)tsn_json_int(d, "held", 0),
                                       (long long)tsn_json_int(d, "done", 0)));
        for (size_t i = 0; i < 4; i++) {
            if (tsn_json_str(out, said[i], NULL)) {
                tsn_grid_cell(g, TSN_DIM, said[i]);
                tsn_grid_cell(g, TSN_BOLD, tsn_json_str(out, said[i], ""));
            }
        }
        tsn_grid_print(g, stdout, 0);
    }
    json_decref(out);
    return TSN_EXIT_OK;
}

/* --- decisions ----------------------------------------------------------------------------- */

int tsn_cmd_decision_list(struct tsn_cli *cli)
{
    static const struct tsn_column columns[] = {
        {"DECISION", "id", TSN_AS_TEXT},     {"STATE", "state", TSN_AS_WORD},
        {"VERDICT", "verdict", TSN_AS_WORD}, {"ADVISORY", "advisory", TSN_AS_TEXT},
        {"PRODUCT", "product", TSN_AS_TEXT}, {"BAND", "band", TSN_AS_TEXT},
        {"CASE", "case", TSN_AS_TEXT},       {"WHY", "reason", TSN_AS_TEXT}};
    return TSN_CLI_LIST(cli, tsn_client_path(cli, "decisions%s", tsn_cli_params(cli, NULL)),
                        columns);
}

int tsn_cmd_decision_show(struct tsn_cli *cli)
{
    static const char *const keys[] = {"advisory", "feed",   "state",      "verdict", "reason",
                                       "rule",     "band",   "product",    "case",    "run",
                                       "by",       "due_at", "decided_at", "digest",  "lua"};
    json_t *out, *v;
    const char *key;
    int rc = tsn_client_get(
        cli, tsn_client_path(cli, "decisions/%s", tsn_client_escape(cli, cli->arg[0])), &out);
    if (rc)
        return rc;
    if (cli->json) {
        tsn_out_json(cli, out);
    } else {
        struct tsn_grid *g = tsn_grid_new(cli, 2);
        for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
            v = json_object_get(out, keys[i]);
            if (v && !json_is_null(v)) {
                tsn_grid_cell(g, TSN_DIM, keys[i]);
                tsn_grid_cell(g, TSN_PLAIN, tsn_out_value(cli, v));
            }
        }
        json_object_foreach(json_object_get(json_object_get(out, "input"), "inputs"), key, v)
        {
            tsn_grid_cell(g, TSN_DIM, tsn_arena_printf(cli->arena, "from %s", key));
            tsn_grid_cell(g, TSN_PLAIN, tsn_out_value(cli, v));
        }
        tsn_grid_print(g, stdout, 0);
    }
    json_decref(out);
    return TSN_EXIT_OK;
}

/* --- a person's word -------------------------------------------------------------------------- */

/* Posts and says what is so now. Takes `body`. */
static int say(struct tsn_cli *cli, const char *path, json_t *body, const char *now)
{
    json_t *out;
    int rc = tsn_client_do(cli, "POST", path, body, &out);
    if (out)
        tsn_out_say(cli, "%s %s", cli->arg[0], now);
    json_decref(out);
    return rc;
}

static const char *feed_path(struct tsn_cli *cli, const char *verb)
{
    return tsn_client_path(cli, "feeds/%s/%s", tsn_client_escape(cli, cli->arg[0]), verb);
}

/* "every=15m speaks_for=https://a,https://b parallel=4" */
static int take_pairs(struct tsn_cli *cli, json_t *body, size_t from)
{
    for (size_t i = from; i < cli->nargs; i++) {
        const char *eq = strchr(cli->arg[i], '=');
        if (!eq || eq == cli->arg[i])
            return tsn_out_failf(cli, TSN_EXIT_USAGE, TSN_EINPUT, "U004", "as in every=15m",
                                 "`%s` is not a key and its value", cli->arg[i]);
        const char *key =
            tsn_arena_strndup(cli->arena, cli->arg[i], (size_t)(eq - cli->arg[i]));
        if (strcmp(key, "reach") == 0 || strcmp(key, "speaks_for") == 0) {
            json_t *list = json_array();
            for (const char *p = eq + 1; *p;) {
                size_t n = strcspn(p, ",");
                json_array_append_new(list, json_stringn(p, n));
                p += n + (p[n] == ',');
            }
            json_object_set_new(body, key, list);
        } else if (strcmp(key, "parallel") == 0) {
            int64_t n = -1; /* what is no number is refused by the daemon */
            (void)tsn_parse_int(eq + 1, 0, 1000, &n);
            json_object_set_new(body, key, json_integer(n));
        } else {
            json_object_set_new(body, key, json_string(eq + 1));
        }
    }
    return 0;
}

int tsn_cmd_feed_add(struct tsn_cli *cli)
{
    json_t *body = json_pack("{s:s,s:s}", "kind", cli->arg[1],
                             strstr(cli->arg[2], "://") ? "url" : "domain", cli->arg[2]);
    int rc = take_pairs(cli, body, 3);
    if (rc) {
        json_decref(body);
        return rc;
    }
    tsn_client_reason(cli, body);
    return say(cli, feed_path(cli, "add"), body, "is polled now; `tocsin feed list` shows it");
}

int tsn_cmd_feed_remove(struct tsn_cli *cli)
{
    json_t *body = json_object();
    tsn_client_reason(cli, body);
    return say(cli, feed_path(cli, "remove"), body, "is polled no more; what it brought stays");
}

int tsn_cmd_feed_pause(struct tsn_cli *cli)
{
    json_t *body = json_object();
    tsn_client_reason(cli, body);
    return say(cli, feed_path(cli, "pause"), body, "is polled no more until `feed resume`");
}

int tsn_cmd_feed_resume(struct tsn_cli *cli)
{
    json_t *body = json_object();
    tsn_client_reason(cli, body);
    return say(cli, feed_path(cli, "resume"), body, "is polled again");
}

int tsn_cmd_feed_trust(struct tsn_cli *cli)
{
    json_t *body = json_pack("{s:s}", "trust", cli->arg[1]);
    tsn_client_reason(cli, body);
    return say(cli, feed_path(cli, "trust"), body, "is judged with this trust from now on");
}

int tsn_cmd_feed_quarantine(struct tsn_cli *cli)
{
    static const struct tsn_column columns[] = {{"DOCUMENT", "path", TSN_AS_TEXT},
                                                {"SEEN", "seen_at", TSN_AS_TIME},
                                                {"IN FORCE", "in_force", TSN_AS_TEXT},
                                                {"WHY", "reason", TSN_AS_TEXT}};
    return TSN_CLI_LIST(cli,
                        tsn_arena_printf(cli->arena, "%s%s", feed_path(cli, "quarantine"),
                                         tsn_cli_params(cli, NULL)),
                        columns);
}

int tsn_cmd_feed_retry(struct tsn_cli *cli)
{
    json_t *out, *body = json_object();
    if (cli->nargs > 1)
        json_object_set_new(body, "path", json_string(cli->arg[1]));
    tsn_client_reason(cli, body);
    int rc = tsn_client_do(cli, "POST", feed_path(cli, "retry"), body, &out);
    if (out)
        tsn_out_say(cli, "%lld documents are asked for again",
                    (long long)tsn_json_int(out, "released", 0));
    json_decref(out);
    return rc;
}

int tsn_cmd_feed_accept(struct tsn_cli *cli)
{
    json_t *body = json_pack("{s:s}", "path", cli->arg[1]);
    tsn_client_reason(cli, body);
    return say(cli, feed_path(cli, "accept"), body, "holds this document back no more");
}

int tsn_cmd_feed_release(struct tsn_cli *cli)
{
    json_t *out, *body = json_pack("{s:s}", "how", cli->nargs > 1 ? cli->arg[1] : "release");
    int64_t n = 0;
    if (cli->nargs > 2 && tsn_parse_int(cli->arg[2], 0, 1000000, &n)) {
        json_decref(body);
        return tsn_out_failf(cli, TSN_EXIT_USAGE, TSN_EINPUT, "U004", "as in `sample 5`",
                             "`%s` is not a number of decisions", cli->arg[2]);
    }
    if (cli->nargs > 2)
        json_object_set_new(body, "n", json_integer(n));
    tsn_client_reason(cli, body);
    int rc = tsn_client_do(cli, "POST", feed_path(cli, "release"), body, &out);
    if (out)
        tsn_out_say(cli, "%lld decisions go on, %lld are dropped",
                    (long long)tsn_json_int(out, "released", 0),
                    (long long)tsn_json_int(out, "dropped", 0));
    json_decref(out);
    return rc;
}

int tsn_cmd_feed_replay(struct tsn_cli *cli)
{
    const char *path = feed_path(cli, "replay"), *key;
    json_t *out, *item, *v;
    size_t i;
    if (!(cli->given & TSN_BIT(TSN_FLAG_DRY_RUN)))
        return tsn_out_failf(cli, TSN_EXIT_USAGE, TSN_EINPUT, "U004",
                             "give --dry-run; one decision is made by `tocsin decision run ID`",
                             "a decision is made once: only what would be so is shown");
    if (cli->given & TSN_BIT(TSN_FLAG_SINCE))
        path = tsn_arena_printf(cli->arena, "%s?since=%s", path,
                                tsn_client_escape(cli, cli->flag[TSN_FLAG_SINCE]));
    int rc = tsn_client_get(cli, path, &out);
    if (rc)
        return rc;
    if (cli->json) {
        tsn_out_json(cli, out);
        json_decref(out);
        return TSN_EXIT_OK;
    }
    struct tsn_grid *g = tsn_grid_new(cli, 5);
    static const char *const heads[] = {"ADVISORY", "PRODUCT", "WAS", "WOULD BE", "BY"};
    for (size_t k = 0; k < 5; k++)
        tsn_grid_cell(g, TSN_DIM, heads[k]);
    json_array_foreach(json_object_get(out, "items"), i, item)
    {
        const json_t *would = json_object_get(item, "would");
        const char *was = tsn_json_str(item, "was", ""),
                   *now = tsn_json_str(would, "verdict", "");
        tsn_grid_cell(g, TSN_BOLD, tsn_json_str(item, "advisory", ""));
        tsn_grid_cell(g, TSN_PLAIN, tsn_json_str(item, "product", "-"));
        tsn_grid_cell(g, TSN_PLAIN, *was ? was : "open");
        tsn_grid_cell(g, strcmp(was, now) ? TSN_BOLD : TSN_DIM, now);
        tsn_grid_cell(g, TSN_PLAIN, tsn_json_str(would, "rule", "-"));
    }
    tsn_grid_print(g, stdout, 0);
    json_object_foreach(json_object_get(out, "would"), key, v)
    {
        tsn_out_say(cli, "%s: %lld", key, (long long)json_integer_value(v));
    }
    json_decref(out);
    return TSN_EXIT_OK;
}

static int decide(struct tsn_cli *cli, const char *verb, const char *now)
{
    json_t *body = json_object();
    tsn_client_reason(cli, body);
    return say(
        cli, tsn_client_path(cli, "decisions/%s/%s", tsn_client_escape(cli, cli->arg[0]), verb),
        body, now);
}

int tsn_cmd_decision_run(struct tsn_cli *cli)
{
    return decide(cli, "run", "goes on now");
}

int tsn_cmd_decision_drop(struct tsn_cli *cli)
{
    return decide(cli, "drop", "starts nothing");
}

int tsn_cmd_match_decide(struct tsn_cli *cli)
{
    json_t *body = json_pack("{s:s}", "verdict", cli->arg[1]);
    tsn_client_reason(cli, body);
    if (cli->given & TSN_BIT(TSN_FLAG_ALL))
        json_object_set_new(body, "always", json_true());
    return say(cli,
               tsn_client_path(cli, "matches/%s/decide", tsn_client_escape(cli, cli->arg[0])),
               body, "is decided; later revisions keep to it");
}
