/* cmd_playbook_debug.c - playbook debug and run export-fixture: a recorded run, stepped through. One thread;
 * `debug` of a file needs no daemon, and nothing is sent ever. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "author/replay.h"
#include "cli/client.h"
#include "cli/playbook_world.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/json.h"
#include "core/log.h"
#include "core/text.h"
#include "engine/bundle.h"

#define RECORD_MAX ((size_t)64 << 20)

/* A file when there is one of that name, else the daemon's run. */
static int find_record(struct tsn_cli *cli, const char *arg, json_t **out)
{
    struct tsn_diag diag;
    struct tsn_buf b;

    if (access(arg, R_OK) != 0)
        return tsn_client_get(
            cli, tsn_client_path(cli, "runs/%s/record", tsn_client_escape(cli, arg)), out);
    tsn_diag_init(&diag);
    tsn_buf_init(&b, RECORD_MAX);
    tsn_err err = tsn_buf_read_file(&b, arg);
    if (!err)
        err = tsn_json_parse(b.data ? b.data : "", b.len, out, &diag);
    tsn_buf_free(&b);
    if (!err)
        return 0;
    if (!diag.code[0])
        (void)tsn_diag_set(&diag, err, "U008", "%s: %s", arg, tsn_err_text(err));
    tsn_diag_at(&diag, arg, diag.line, diag.col);
    return tsn_out_fail(cli, TSN_EXIT_PROBLEMS, &diag);
}

int tsn_cmd_run_export_fixture(struct tsn_cli *cli)
{
    const char *to = cli->flag[TSN_FLAG_OUT];
    json_t *record = NULL;
    int rc = tsn_client_get(
        cli, tsn_client_path(cli, "runs/%s/record", tsn_client_escape(cli, cli->arg[0])),
        &record);

    if (rc)
        return rc;
    char *text = json_dumps(record, JSON_INDENT(2) | JSON_SORT_KEYS);
    FILE *f = !to || strcmp(to, "-") == 0 ? stdout : fopen(to, "we");
    bool good = f && fputs(text, f) >= 0 && fputc('\n', f) >= 0;
    if (f && f != stdout)
        good = fclose(f) == 0 && good;
    if (!good)
        rc = tsn_out_failf(cli, TSN_EXIT_FAILED, TSN_EIO, "U008", "", "%s cannot be written",
                           to ? to : "-");
    else if (f != stdout)
        tsn_out_say(cli,
                    "wrote %s. It holds what the run saw: look through it before you share it.",
                    to);
    free(text);
    json_decref(record);
    return rc;
}

/* --- what is shown ------------------------------------------------------------------------ */

struct debugging {
    struct tsn_cli *cli;
    struct tsn_replay *replay;
    const json_t *record, *connectors;
    const json_t *files; /* of the bundle that runs */
    const char *main;
};

static const char *brief(struct tsn_cli *cli, const json_t *v)
{
    char *text = v ? tsn_json_text(v) : NULL;
    const char *out = text ? tsn_arena_printf(cli->arena, "%.*s%s", 300, text,
                                              strlen(text) > 300 ? "..." : "")
                           : "";

    free(text);
    return out;
}

static const char *source_line(struct debugging *d, int64_t line)
{
    const char *p = tsn_json_str(d->files, d->main, "");

    for (int64_t i = 1; i < line && p; i++) {
        p = strchr(p, '\n');
        p = p ? p + 1 : NULL;
    }
    return p && line > 0 ? tsn_arena_strndup(d->cli->arena, p, strcspn(p, "\r\n")) : NULL;
}

static void print_want(struct debugging *d, const json_t *want)
{
    struct tsn_cli *cli = d->cli;
    int64_t line = tsn_json_int(want, "line", 0);
    const char *text = source_line(d, line);
    const json_t *recorded = json_object_get(want, "recorded");

    (void)printf("  asks   %-6s ", tsn_json_str(want, "path", ""));
    tsn_out_text(cli, stdout, TSN_BOLD,
                 tsn_arena_printf(cli->arena, "%s %s", tsn_json_str(want, "kind", ""),
                                  tsn_json_str(want, "name", "")));
    (void)printf(" ");
    tsn_out_text(cli, stdout, TSN_PLAIN, brief(cli, json_object_get(want, "args")));
    (void)printf("\n");
    if (text) {
        (void)printf("  %4lld | ", (long long)line);
        tsn_out_text(cli, stdout, TSN_DIM, text);
        (void)printf("\n");
    }
    if (recorded) {
        (void)printf("         then  ");
        tsn_out_text(cli, stdout, tsn_out_style_of(tsn_json_str(recorded, "outcome", "")),
                     tsn_json_str(recorded, "outcome", ""));
        (void)printf(" ");
        tsn_out_text(cli, stdout, TSN_DIM, brief(cli, json_object_get(recorded, "result")));
        (void)printf("\n");
    } else {
        (void)printf("         (nothing is on record for it)\n");
    }
}

static void print_place(struct debugging *d, const json_t *place)
{
    struct tsn_cli *cli = d->cli;
    const json_t *diverged = json_object_get(place, "diverged"),
                 *end = json_object_get(place, "end");
    char now[25];
    size_t i;
    json_t *want;

    tsn_time_format(now, tsn_json_int(place, "now", 0));
    tsn_out_text(cli, stdout, TSN_BOLD,
                 tsn_arena_printf(cli->arena, "%lld of %lld",
                                  (long long)tsn_json_int(place, "at", 0),
                                  (long long)tsn_json_int(place, "of", 0)));
    (void)printf("  %s\n", tsn_out_time(cli, now));
    json_array_foreach(json_object_get(place, "wants"), i, want)
    {
        print_want(d, want);
    }
    if (diverged) {
        tsn_out_text(cli, stdout, TSN_RED,
                     tsn_arena_printf(cli->arena, "  diverges at %s",
                                      tsn_json_str(diverged, "path", "")));
        (void)printf("\n    recorded: %s\n    asks now: %s\n",
                     brief(cli, json_object_get(diverged, "recorded")),
                     brief(cli, json_object_get(diverged, "asked")));
    }
    if (end) {
        (void)printf("  %s", tsn_json_str(end, "says", ""));
        if (json_object_get(end, "error"))
            (void)printf(" %s: %s at %s:%lld", tsn_json_str(end, "code", ""),
                         tsn_json_str(end, "error", ""), tsn_json_str(end, "file", ""),
                         (long long)tsn_json_int(end, "line", 0));
        (void)printf("\n");
    }
}

static int go(struct debugging *d, int64_t n, json_t **place)
{
    struct tsn_diag diag;

    tsn_diag_init(&diag);
    if (tsn_replay_go(d->replay, n, &diag))
        return tsn_out_fail(d->cli, TSN_EXIT_FAILED, &diag);
    *place = tsn_replay_place(d->replay);
    return 0;
}

static int show_at(struct debugging *d, int64_t n)
{
    json_t *place = NULL;
    int rc = go(d, n, &place);

    if (!rc && d->cli->json)
        tsn_out_json(d->cli, place);
    else if (!rc)
        print_place(d, place);
    if (!rc && json_object_get(place, "diverged"))
        rc = TSN_EXIT_DIFFERENCES;
    json_decref(place);
    return rc;
}

static int64_t length(struct debugging *d)
{
    return tsn_replay_length(d->replay);
}

/* --- finding places ------------------------------------------------------------------------- */

static bool is_effect(const struct debugging *d, const json_t *want)
{
    const char *name = tsn_json_str(want, "name", ""), *dot = strchr(name, '.');

    if (strcmp(tsn_json_str(want, "kind", ""), "call") != 0 || !dot)
        return false;
    const json_t *verbs = json_object_get(
        d->connectors, tsn_arena_strndup(d->cli->arena, name, (size_t)(dot - name)));
    return strcmp(tsn_json_str(json_object_get(verbs, dot + 1), "effect", ""), "external") == 0;
}

/* Is what is asked here where the person wants to be? NULL place: any effect. */
static bool fits(const struct debugging *d, const json_t *want, const char *place)
{
    int64_t line;

    if (!place)
        return is_effect(d, want);
    if (strncmp(place, "line:", 5) == 0)
        return tsn_parse_int(place + 5, 1, 100000000, &line) == 0 &&
               line == tsn_json_int(want, "line", 0);
    if (strncmp(place, "step:", 5) == 0)
        place += 5;
    return strcmp(place, tsn_json_str(want, "path", "")) == 0 ||
           strcmp(place, tsn_json_str(want, "name", "")) == 0;
}

/* The next place behind `from` that asks for it; -1 = none. */
static int64_t find(struct debugging *d, int64_t from, const char *where)
{
    for (int64_t n = from; n <= length(d); n++) {
        json_t *place = NULL, *want;
        size_t i;
        bool found = false;

        if (go(d, n, &place))
            return -1;
        json_array_foreach(json_object_get(place, "wants"), i, want)
        {
            found = found || fits(d, want, where);
        }
        found = found && tsn_json_int(place, "at", 0) == n;
        json_decref(place);
        if (found)
            return n;
    }
    return -1;
}

/* --- at the prompt ---------------------------------------------------------------------------- */

static const char keys[] =
    "s step   n next effect   b back   g N go to N   k PLACE go on to 0.4, edge.apply or "
    "line:31\n"
    "p PATH print (case.title, event, last.result.rules)   w where   q quit\n";

static void print_value(struct debugging *d, const char *path)
{
    json_t *place = tsn_replay_place(d->replay);
    const json_t *v;
    char part[200];

    json_object_set(place, "case", json_object_get(d->record, "case"));
    json_object_set(place, "event", json_object_get(d->record, "event"));
    v = place;
    while (v && *path) {
        size_t n = strcspn(path, ".");
        (void)snprintf(part, sizeof(part), "%.*s",
                       (int)(n < sizeof(part) ? n : sizeof(part) - 1), path);
        v = json_is_array(v) ? json_array_get(v, (size_t)strtoul(part, NULL, 10))
                             : json_object_get(v, part);
        path += n + (path[n] == '.');
    }
    char *text = v ? json_dumps(v, JSON_INDENT(2) | JSON_SORT_KEYS | JSON_ENCODE_ANY) : NULL;
    tsn_out_text(d->cli, stdout, TSN_PLAIN, text ? text : "nothing is there");
    (void)printf("\n");
    free(text);
    json_decref(place);
}

static int prompt(struct debugging *d)
{
    char line[400];
    int64_t at = 0, n;
    int rc = show_at(d, 0);

    if (isatty(0))
        (void)fputs(keys, stderr);
    while (rc == 0 || rc == TSN_EXIT_DIFFERENCES) {
        if (isatty(0))
            (void)fputs("> ", stderr);
        if (!fgets(line, sizeof(line), stdin))
            break;
        line[strcspn(line, "\r\n")] = '\0';
        const char *rest = line[0] && line[1] == ' ' ? line + 2 : "";
        switch (line[0]) {
        case 's':
        case '\0':
            at = at < length(d) ? at + 1 : at;
            break;
        case 'b':
            at = at > 0 ? at - 1 : 0;
            break;
        case 'n':
        case 'k':
            n = find(d, at + 1, line[0] == 'k' ? rest : NULL);
            if (n < 0)
                (void)printf("no such place behind this one\n");
            at = n < 0 ? at : n;
            break;
        case 'g':
            if (tsn_parse_int(rest, 0, INT64_MAX, &n) == 0)
                at = n < length(d) ? n : length(d);
            break;
        case 'p':
            print_value(d, rest);
            continue;
        case 'w':
            break;
        case 'q':
            return TSN_EXIT_OK;
        default:
            (void)fputs(keys, stderr);
            continue;
        }
        rc = show_at(d, at);
    }
    return rc;
}

static int run_debug(struct debugging *d)
{
    struct tsn_cli *cli = d->cli;
    const char *at = cli->flag[TSN_FLAG_GOTO], *where = cli->flag[TSN_FLAG_BREAK];
    int64_t n = 0;
    int rc = 0;

    if (at) {
        if (tsn_parse_int(at, 0, INT64_MAX, &n))
            return tsn_out_failf(cli, TSN_EXIT_USAGE, TSN_EINPUT, "U002", "--at 3",
                                 "--at %s is not a number", at);
        return show_at(d, n);
    }
    if (where) {
        n = find(d, 0, where);
        if (n < 0)
            return tsn_out_failf(cli, TSN_EXIT_NOT_FOUND, TSN_ENOTFOUND, "U002",
                                 "--break 0.4, edge.apply or line:31",
                                 "the run never gets to %s", where);
        return show_at(d, n);
    }
    if (!(cli->given & TSN_BIT(TSN_FLAG_ALL)) && !cli->json && !cli->flag[TSN_FLAG_WITH])
        return prompt(d);
    if (!(cli->given & TSN_BIT(TSN_FLAG_ALL)))
        return show_at(d, length(d));
    for (n = 0; n <= length(d) && !rc; n++)
        rc = show_at(d, n);
    return rc;
}

int tsn_cmd_playbook_debug(struct tsn_cli *cli)
{
    const char *with = cli->flag[TSN_FLAG_WITH], *dir, *name;
    json_t *record = NULL, *connectors = NULL, *bundle = NULL;
    struct tsn_workshop *w = NULL;
    struct tsn_world world;
    struct tsn_diag diag;

    tsn_diag_init(&diag);
    int rc = find_record(cli, cli->arg[0], &record);
    if (!rc)
        rc = tsn_world_load(cli, NULL, &world);
    if (!cli->verbose)
        tsn_log_open(-1);
    if (!rc && with) {
        tsn_world_name(cli, with, &dir, &name);
        bundle = tsn_bundle_whole(dir ? dir : world.sim.playbook_dir,
                                  tsn_arena_printf(cli->arena, "%s.lua", name), &diag);
        if (!bundle)
            rc = tsn_out_fail(cli, TSN_EXIT_NOT_FOUND, &diag);
    }
    if (!rc &&
        (tsn_workshop_open(&w, &diag) || tsn_sim_connectors(&world.sim, &connectors, &diag)))
        rc = tsn_out_fail(cli, TSN_EXIT_FAILED, &diag);
    const json_t *runs = bundle ? bundle : json_object_get(record, "bundle");
    struct debugging d = {.cli = cli,
                          .record = record,
                          .connectors = connectors,
                          .files = json_object_get(runs, "files"),
                          .main = tsn_json_str(runs, "main", "")};
    if (!rc && tsn_replay_open(&d.replay, w, record, bundle, connectors, &diag))
        rc = tsn_out_fail(cli, TSN_EXIT_PROBLEMS, &diag);
    if (!rc)
        rc = run_debug(&d);
    tsn_replay_close(d.replay);
    tsn_workshop_close(w);
    json_decref(record);
    json_decref(connectors);
    json_decref(bundle);
    return rc;
}
