/* cmd_playbook_check.c - playbook check: a dry run, and what it says. Nothing is sent. One thread. */
#include <stdlib.h>
#include <string.h>
#include "author/dry.h"
#include "cli/client.h"
#include "cli/playbook_world.h"
#include "core/buf.h"
#include "core/json.h"
#include "core/log.h"

#define FIXTURE_MAX ((size_t)16 << 20)

/* --- what starts it */

/* A report, { report }, { event, case } or a recorded run, as tsn_sim_start takes it. Steals `v`. */
static json_t *what_of(json_t *v)
{
    json_t *out = v;

    if (json_object_get(v, "fixture")) {
        json_t *c = json_object_get(v, "case"), *report = json_object_get(c, "report");
        out = json_pack("{s:O*, s:O*}", "event", json_object_get(v, "event"), "case", c);
        if (json_object_get(json_object_get(v, "event"), "report"))
            report = json_object_get(json_object_get(v, "event"), "report");
        if (report)
            json_object_set(out, "report", report);
        json_decref(v);
    } else if (json_object_get(v, "kind") && json_object_get(v, "text")) {
        out = json_pack("{s:o}", "report", v);
    }
    return out;
}

/* What the intake adds to a report is not part of what a reporter sends. */
static void strip_report(json_t *what)
{
    static const char *const sent[] = {
        "kind",       "title", "text",       "product",  "version", "contact", "severity",
        "indicators", "cves",  "references", "versions", "cwe",     "cvss"};
    json_t *report = json_object_get(what, "report"), *plain = json_object();

    for (size_t i = 0; report && i < sizeof(sent) / sizeof(sent[0]); i++) {
        if (json_object_get(report, sent[i]))
            json_object_set(plain, sent[i], json_object_get(report, sent[i]));
    }
    if (report)
        json_object_set(what, "report", plain);
    json_decref(plain);
}

static int read_json(struct tsn_cli *cli, const char *path, json_t **out)
{
    struct tsn_diag diag;
    struct tsn_buf b;

    tsn_diag_init(&diag);
    tsn_buf_init(&b, FIXTURE_MAX);
    tsn_err err = tsn_buf_read_file(&b, path);
    if (err)
        (void)tsn_diag_set(&diag, err, "L292", "%s: %s", path, tsn_err_text(err));
    else
        err = tsn_json_parse(b.data ? b.data : "", b.len, out, &diag);
    tsn_buf_free(&b);
    if (!err)
        return 0;
    tsn_diag_at(&diag, path, diag.line, diag.col);
    return tsn_out_fail(cli, err == TSN_ENOTFOUND ? TSN_EXIT_NOT_FOUND : TSN_EXIT_PROBLEMS,
                        &diag);
}

static int find_what(struct tsn_cli *cli, json_t **out, const char **case_name)
{
    const char *fixture = cli->flag[TSN_FLAG_FIXTURE], *like = cli->flag[TSN_FLAG_LIKE];
    json_t *v = NULL;
    int rc = 0;

    if (fixture)
        rc = read_json(cli, fixture, &v);
    else if (like)
        rc = tsn_client_get(
            cli, tsn_client_path(cli, "runs/%s/record", tsn_client_escape(cli, like)), &v);
    else
        v = json_pack("{s:{s:s, s:s, s:s, s:s, s:{s:s, s:s}}, s:{}, s:{s:s}}", "report", "kind",
                      "incident", "title", "A report", "text", "Made up by the dry run",
                      "product", "edge-gw", "contact", "mail", "reporter@example.com", "name",
                      "R. Porter", "event", "case", "title", "A case");
    if (rc)
        return rc;
    *case_name = like ? tsn_arena_strdup(cli->arena,
                                         tsn_json_str(json_object_get(v, "case"), "name", NULL))
                      : NULL;
    *out = what_of(v);
    strip_report(*out);
    return 0;
}

/* --- what is assumed */

static json_t *value_of(const char *text)
{
    json_t *v = NULL;

    if (tsn_json_parse(text, strlen(text), &v, NULL) == 0)
        return v;
    return json_string(text);
}

static int assume_one(struct tsn_cli *cli, json_t *out, const json_t *connectors,
                      const char *word)
{
    const char *equals = strchr(word, '=');

    if (!equals || equals == word)
        return tsn_out_failf(cli, TSN_EXIT_USAGE, TSN_EINPUT, "L286",
                             "--assume triage.severity=high",
                             "--assume %s: a name, =, and what it would say", word);
    const char *key = tsn_arena_strndup(cli->arena, word, (size_t)(equals - word)),
               *dot = strrchr(key, '.');
    json_t *value = value_of(equals + 1);
    const char *domain = dot ? tsn_arena_strndup(cli->arena, key, (size_t)(dot - key)) : "";
    if (!dot || strncmp(key, "wait:", 5) == 0 ||
        json_object_get(json_object_get(connectors, domain), dot + 1)) {
        json_object_set_new(out, key, value);
        return 0;
    }
    json_t *answer = json_object_get(out, domain);
    if (!answer) {
        answer = json_object();
        json_object_set_new(out, domain, answer);
    }
    json_object_set_new(answer, dot + 1, value);
    return 0;
}

static int assumptions(struct tsn_cli *cli, const struct tsn_sim_config *sim, json_t **out)
{
    json_t *connectors = NULL;
    struct tsn_diag diag;
    int rc = 0;

    tsn_diag_init(&diag);
    *out = json_object();
    if (tsn_sim_connectors(sim, &connectors, &diag))
        return tsn_out_fail(cli, TSN_EXIT_PROBLEMS, &diag);
    for (size_t i = 0; i < cli->nset && !rc; i++)
        rc = assume_one(cli, *out, connectors, cli->set[i]);
    json_decref(connectors);
    return rc;
}

/* --- look-ups for real */

/* What the daemon said to each question; both ways of an approval ask the same. */
struct live {
    struct tsn_cli *cli;
    const char *case_name; /* whose data they are about; NULL = none of the daemon's */
    json_t *said;          /* "edge.plan_block {...}" -> its answer */
    int rc;                /* the message is out */
};

static tsn_err look(void *user, const char *action, const json_t *args, json_t **out,
                    struct tsn_diag *diag)
{
    struct live *live = user;
    struct tsn_cli *cli = live->cli;
    char *text = tsn_json_text(args);
    const char *question = tsn_arena_printf(cli->arena, "%s %s", action, text);

    free(text);
    *out = json_incref(json_object_get(live->said, question));
    if (*out)
        return 0;
    json_t *body = json_pack("{s:O, s:s*}", "args", args, "case", live->case_name);
    int rc = tsn_client_call(
        cli, "POST", tsn_client_path(cli, "actions/%s/look", tsn_client_escape(cli, action)),
        body, NULL, out);
    json_decref(body);
    if (rc) {
        live->rc = rc;
        return tsn_diag_set(diag, TSN_EIO, "L285", "%s could not be asked", action);
    }
    json_object_set(live->said, question, *out);
    return 0;
}

/* --- what comes out */

static const struct {
    const char *says, *shown;
    enum tsn_style style;
} words[] = {{"known", "known", TSN_GREEN},     {"acts", "would act", TSN_YELLOW},
             {"assumed", "assumed", TSN_DIM},   {"looked", "looked up", TSN_GREEN},
             {"unknown", "unknown", TSN_RED},   {"asks", "would ask", TSN_BOLD},
             {"waits", "would wait", TSN_BOLD}, {"stops", "UNKNOWN", TSN_RED},
             {"fails", "fails", TSN_RED},       {"ends", "ends", TSN_GREEN}};

static const char *short_json(struct tsn_cli *cli, const json_t *v, size_t most)
{
    char *text = v ? tsn_json_text(v) : NULL;
    const char *out = text ? tsn_arena_printf(cli->arena, "%.*s%s", (int)most, text,
                                              strlen(text) > most ? "..." : "")
                           : "";

    free(text);
    return out;
}

static void print_who(struct tsn_cli *cli, const json_t *line)
{
    const json_t *who = json_object_get(line, "who"),
                 *assumed = json_object_get(line, "assumed");
    size_t i;
    json_t *p;

    (void)printf("  role %s (", tsn_json_str(line, "role", "?"));
    json_array_foreach(who, i, p)
    {
        (void)printf("%s%s", i ? ", " : "", json_string_value(p));
    }
    (void)printf(")");
    if (tsn_json_int(line, "quorum", 1) > 1)
        (void)printf(", %lld of them", (long long)tsn_json_int(line, "quorum", 1));
    if (assumed)
        (void)printf("; assumed: %s", short_json(cli, assumed, 200));
}

static void print_line(struct tsn_cli *cli, const json_t *line, int indent)
{
    const char *says = tsn_json_str(line, "says", ""), *step = tsn_json_str(line, "step", "");
    const char *name = tsn_json_str(line, "name", ""), *kind = tsn_json_str(line, "kind", "");
    size_t w = 0;

    while (w + 1 < sizeof(words) / sizeof(words[0]) && strcmp(words[w].says, says) != 0)
        w++;
    (void)printf("%*s", indent, "");
    tsn_out_text(cli, stdout, words[w].style,
                 tsn_arena_printf(cli->arena, "%-10s", words[w].shown));
    (void)printf(" %-6s ", step);
    tsn_out_text(cli, stdout, TSN_BOLD, *name ? name : kind);
    if (strcmp(says, "asks") == 0) {
        print_who(cli, line);
    } else if (strcmp(says, "ends") == 0) {
        (void)printf("the case is %s: %s", tsn_json_str(line, "text", ""),
                     tsn_json_str(line, "resolution", "-"));
    } else if (json_object_get(line, "args")) {
        (void)printf(" ");
        tsn_out_text(cli, stdout, TSN_PLAIN,
                     short_json(cli, json_object_get(line, "args"), 160));
    } else {
        (void)printf("%s%s", *name ? ": " : "", tsn_json_str(line, "text", ""));
    }
    if (strcmp(tsn_json_str(line, "touches", ""), "send") == 0)
        tsn_out_text(cli, stdout, TSN_YELLOW, "  tells others");
    if (tsn_json_bool(line, "irreversible", false))
        tsn_out_text(cli, stdout, TSN_RED, "  cannot be taken back");
    if (*tsn_json_str(line, "undo", ""))
        tsn_out_text(
            cli, stdout, TSN_DIM,
            tsn_arena_printf(cli->arena, "  taken back by %s", tsn_json_str(line, "undo", "")));
    if (*tsn_json_str(line, "plan", ""))
        tsn_out_text(
            cli, stdout, TSN_DIM,
            tsn_arena_printf(cli->arena, "  planned by %s", tsn_json_str(line, "plan", "")));
    (void)printf("\n");
    if (*tsn_json_str(line, "file", ""))
        (void)printf("%*s%s:%lld\n", indent + 18, "", tsn_json_str(line, "file", ""),
                     (long long)tsn_json_int(line, "line", 0));
    if (*tsn_json_str(line, "hint", "")) {
        (void)printf("%*s", indent + 18, "");
        tsn_out_text(cli, stdout, TSN_GREEN, tsn_json_str(line, "hint", ""));
        (void)printf("\n");
    }
    if (json_object_get(line, "fields"))
        (void)printf("%*ssay what they answer: --assume %s.FIELD=VALUE   fields: %s\n",
                     indent + 18, "", name,
                     short_json(cli, json_object_get(line, "fields"), 300));
    else if (strncmp(name, "wait:", 5) == 0 && strcmp(says, "stops") == 0)
        (void)printf("%*ssay what happens: --assume %s=timeout, or the event as JSON\n",
                     indent + 18, "", name);
}

static void print_lines(struct tsn_cli *cli, const json_t *lines, int indent)
{
    size_t i;
    json_t *line;

    json_array_foreach(lines, i, line)
    {
        print_line(cli, line, indent);
    }
}

/* What differs from the path that was followed: everything from the rejected approval on. */
static void print_otherwise(struct tsn_cli *cli, const json_t *branch)
{
    const char *id = tsn_json_str(branch, "id", "");
    const json_t *lines = json_object_get(branch, "lines");
    bool there = false;
    size_t i;
    json_t *line;

    (void)printf("\nIf %s is rejected, or nobody decides in time (later approvals are taken as "
                 "given):\n",
                 id);
    json_array_foreach(lines, i, line)
    {
        if (there)
            print_line(cli, line, 2);
        there = there || strcmp(tsn_json_str(line, "name", ""), id) == 0;
    }
}

static void print_all(struct tsn_cli *cli, const json_t *out)
{
    size_t i;
    json_t *branch;

    print_lines(cli, json_object_get(out, "lines"), 0);
    json_array_foreach(json_object_get(out, "otherwise"), i, branch)
    {
        print_otherwise(cli, branch);
    }
    tsn_out_say(cli, "%s",
                tsn_json_bool(out, "complete", false)
                    ? "Nothing was sent. Every path above is followed to its end."
                    : "Nothing was sent. What follows an UNKNOWN is not shown, because it "
                      "would be made up.");
}

int tsn_cmd_playbook_check(struct tsn_cli *cli)
{
    const char *dir, *name;
    struct tsn_world world;
    struct tsn_diag diag;
    json_t *what = NULL, *assume = NULL, *out = NULL;
    struct live live = {.cli = cli, .said = json_object()};

    tsn_diag_init(&diag);
    tsn_world_name(cli, cli->arg[0], &dir, &name);
    int rc = tsn_world_load(cli, dir, &world);
    if (!rc)
        rc = find_what(cli, &what, &live.case_name);
    if (!rc)
        rc = assumptions(cli, &world.sim, &assume);
    if (!cli->verbose)
        tsn_log_open(-1);
    const struct tsn_dry_config dc = {
        .sim = &world.sim, .playbook = name, .what = what, .assume = assume};
    if (!rc && (cli->given & TSN_BIT(TSN_FLAG_LIVE_READS))) {
        world.sim.look = look;
        world.sim.look_user = &live;
    }
    if (!rc && tsn_dry_run(&dc, &out, &diag))
        rc = tsn_out_fail(
            cli, diag.err == TSN_ENOTFOUND ? TSN_EXIT_NOT_FOUND : TSN_EXIT_PROBLEMS, &diag);
    if (!rc)
        rc = live.rc;
    if (!rc) {
        bool acts =
            tsn_json_bool(out, "acts", false) && (cli->given & TSN_BIT(TSN_FLAG_EXIT_EFFECTS));
        if (cli->json && acts)
            tsn_out_json_not_ok(cli, out, TSN_EXIT_DIFFERENCES);
        else if (cli->json)
            tsn_out_json(cli, out);
        else
            print_all(cli, out);
        rc = acts ? TSN_EXIT_DIFFERENCES : TSN_EXIT_OK;
    }
    json_decref(what);
    json_decref(assume);
    json_decref(out);
    json_decref(live.said);
    return rc;
}
