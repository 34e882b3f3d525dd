/* cmd_demo.c - `tocsin demo`: the whole story in a folder of its own, in under a minute.
 *
 * A customer's incident and an upstream vendor's advisory each start a playbook; people answer;
 * the daemon is killed in the middle of both; the log verifies at the end. Everything is done
 * through this program's own commands. At a terminal a person answers the approval.
 */
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/demo.h"
#include "cli/out.h"
#include "core/clock.h"
#include "core/json.h"

#define WORDS(...)                                                                             \
    (const char *const[])                                                                      \
    {                                                                                          \
        __VA_ARGS__, NULL                                                                      \
    }
#define PATIENCE_MS 20000

static const char *text_of(struct tsn_demo *d, const json_t *obj, const char *key)
{
    return tsn_arena_strdup(d->cli->arena, tsn_json_str(obj, key, ""));
}

static bool task_is(const json_t *task, const char *kind, const char *step)
{
    return strcmp(tsn_json_str(task, "kind", ""), kind) == 0 &&
           (!step || strcmp(tsn_json_str(task, "step_name", ""), step) == 0);
}

static void in_vain(struct tsn_demo *d, const char *what, const char *which)
{
    (void)tsn_out_failf(d->cli, TSN_EXIT_FAILED, TSN_ETIMEOUT, "S090",
                        tsn_arena_printf(d->cli->arena, "look at %s/serve.log", d->dir),
                        "the demo waited in vain for %s: %s", what, which);
}

/* Name of the first open task of this kind and step; waits for it. NULL: it never came. */
static const char *wait_task(struct tsn_demo *d, const char *kind, const char *step)
{
    int64_t end = tsn_clock_mono_ms() + PATIENCE_MS;

    while (tsn_clock_mono_ms() < end) {
        const char *name = NULL;
        json_t *out = NULL, *task;
        size_t i;

        tsn_demo_tocsin(d, false, NULL, WORDS("task", "list", "--state", "open"), &out);
        json_array_foreach(json_object_get(out, "items"), i, task)
        {
            if (!name && task_is(task, kind, step))
                name = text_of(d, task, "name");
            /* A kill fell between intent and outcome: the demo's person looked at the firewall. */
            else if (task_is(task, "resolve", NULL))
                tsn_demo_tocsin(d, true, "resp1",
                                WORDS("answer", tsn_json_str(task, "name", ""), "--set",
                                      "outcome=retry", "--set",
                                      "reason=the rules are not on the firewall"),
                                NULL);
        }
        json_decref(out);
        if (name)
            return name;
        poll(NULL, 0, 50);
    }
    in_vain(d, "somebody to be asked", step ? step : kind);
    return NULL;
}

/* Whether a case is among the open ones; NULL name = the newest of the kind, which is stored. */
static bool is_open(struct tsn_demo *d, const char *kind, const char **name)
{
    json_t *out = NULL, *c;
    bool found = false;
    size_t i;

    tsn_demo_tocsin(d, false, NULL, WORDS("case", "list", "--state", "open"), &out);
    json_array_foreach(json_object_get(out, "items"), i, c)
    {
        if (!*name && strcmp(tsn_json_str(c, "kind", ""), kind) == 0)
            *name = text_of(d, c, "name");
        found = found || (*name && strcmp(tsn_json_str(c, "name", ""), *name) == 0);
    }
    json_decref(out);
    return found;
}

static bool wait_closed(struct tsn_demo *d, const char *kind, const char **name)
{
    int64_t end = tsn_clock_mono_ms() + PATIENCE_MS;

    while (tsn_clock_mono_ms() < end) {
        if (!is_open(d, kind, name))
            return true;
        poll(NULL, 0, 50);
    }
    in_vain(d, "a case to close", *name ? *name : kind);
    return false;
}

static int restart(struct tsn_demo *d)
{
    int64_t began = tsn_clock_mono_ms();
    int rc;

    tsn_demo_say(d, "  ! kill -9 of the daemon, pid %d ... and it is started again",
                 (int)d->serve);
    tsn_demo_kill(d);
    rc = tsn_demo_serve(d);
    if (rc == 0)
        tsn_demo_say(d, "  it is ready again after %lld ms and goes on",
                     (long long)(tsn_clock_mono_ms() - began));
    return rc;
}

/* The person at the terminal, or nobody: then it is approved. */
static bool person_approves(struct tsn_demo *d, const char *task)
{
    char line[256];

    if (!d->ask)
        return true;
    fprintf(stderr, "\n  You are Dan, duty manager. Approve %s? [Y/n] ", task);
    fflush(stderr);
    if (!fgets(line, sizeof(line), stdin))
        return true;
    return line[0] != 'n' && line[0] != 'N';
}

static int decide(struct tsn_demo *d, const char *person, const char *verb, const char *task,
                  const char *reason)
{
    return tsn_demo_tocsin(d, true, person, WORDS(verb, task, "--reason", reason), NULL);
}

static int incident(struct tsn_demo *d, const char **case_name)
{
    json_t *out = NULL;
    const char *task;
    bool yes;

    tsn_demo_chapter(d, "A customer reports an incident");
    if (tsn_demo_tocsin(d, true, NULL,
                        WORDS("report", "submit", "--kind", "incident", "--title",
                              "Session tokens replayed", "--product", "edge-gw", "--mail",
                              "soc@customer-a.example", "--name", "Customer A", "--indicator",
                              "203.0.113.7", "--indicator", "203.0.113.9", "--text",
                              "Our SOC sees sessions from two addresses that are not ours."),
                        &out) != 0)
        return TSN_EXIT_FAILED;
    *case_name = text_of(d, out, "case");
    tsn_demo_say(d, "  accepted and on disk: case %s, receipt %s", *case_name,
                 tsn_json_str(out, "receipt", "?"));
    json_decref(out);

    tsn_demo_chapter(d, "The playbook acknowledges and asks a responder");
    task = wait_task(d, "ask", "triage");
    if (!task)
        return TSN_EXIT_FAILED;
    tsn_demo_tocsin(d, true, "resp1",
                    WORDS("answer", task, "--set", "severity=critical", "--set",
                          "product=edge-gw", "--set", "exploited=true", "--set",
                          "reason=tokens replayed from two addresses"),
                    NULL);

    tsn_demo_chapter(d, "Containment needs a second person");
    task = wait_task(d, "approve", "contain");
    if (!task)
        return TSN_EXIT_FAILED;
    tsn_demo_print(d, WORDS("show", task));
    tsn_demo_say(d, "  Rita is a duty manager too, but she did the triage and may not:");
    decide(d, "resp1", "approve", task, "I know it is right");
    yes = person_approves(d, task);
    decide(d, "duty1", yes ? "approve" : "reject", task,
           yes ? "attacker addresses, confirmed with the customer" : "not convinced");
    if (restart(d) != 0)
        return TSN_EXIT_FAILED;

    tsn_demo_chapter(d, "An advisory is drafted; two people must release it");
    task = wait_task(d, "approve", "notify");
    if (!task)
        return TSN_EXIT_FAILED;
    decide(d, "lead1", "approve", task, "text and recipients are right");
    decide(d, "lead2", "approve", task, "checked as second person");

    tsn_demo_chapter(d, "The customers are told; somebody says when it is over");
    task = wait_task(d, "ask", "over/1");
    if (!task)
        return TSN_EXIT_FAILED;
    tsn_demo_tocsin(d, true, "resp1",
                    WORDS("answer", task, "--set", "cause=product-caused", "--set",
                          "weakness=false", "--set", "watch=none", "--set",
                          "lessons=bind tokens to addresses"),
                    NULL);
    return wait_closed(d, "incident", case_name) ? 0 : TSN_EXIT_FAILED;
}

static int upstream(struct tsn_demo *d, const char **case_name)
{
    json_t *out = NULL;
    const char *task;

    tsn_demo_chapter(d, "An upstream vendor's advisories are polled");
    /* The vendor's server was held until now, so that the poll is seen here. */
    kill(d->provider, SIGCONT);
    if (tsn_demo_tocsin(d, true, NULL, WORDS("feed", "poll", "example-vendors"), &out) != 0)
        return TSN_EXIT_FAILED;
    tsn_demo_say(d, "  %lld documents fetched, %lld quarantined, %lld runs started",
                 (long long)tsn_json_int(out, "fetched", 0),
                 (long long)tsn_json_int(out, "quarantined", 0),
                 (long long)tsn_json_int(out, "runs", 0));
    json_decref(out);
    task = wait_task(d, "ask", NULL);
    if (!task || restart(d) != 0)
        return TSN_EXIT_FAILED;
    for (task = wait_task(d, "ask", NULL); task;) {
        json_t *left = NULL, *first;

        tsn_demo_tocsin(d, true, "resp1",
                        WORDS("answer", task, "--set", "status=affected", "--set",
                              "why=we call the affected function", "--set", "fix_in=9.4.2"),
                        NULL);
        poll(NULL, 0, 300);
        tsn_demo_tocsin(d, false, NULL,
                        WORDS("task", "list", "--state", "open", "--kind", "ask"), &left);
        first = json_array_get(json_object_get(left, "items"), 0);
        task = first ? text_of(d, first, "name") : NULL;
        json_decref(left);
    }
    task = wait_task(d, "approve", "publish");
    if (!task)
        return TSN_EXIT_FAILED;
    is_open(d, "upstream", case_name);
    decide(d, "lead1", "approve", task, "verdict and text are right");
    if (!wait_closed(d, "upstream", case_name))
        return TSN_EXIT_FAILED;

    tsn_demo_say(d, "  the same documents again start nothing:");
    tsn_demo_tocsin(d, true, NULL, WORDS("feed", "poll", "example-vendors"), &out);
    tsn_demo_say(d, "  %lld new, %lld runs", (long long)tsn_json_int(out, "new", 0),
                 (long long)tsn_json_int(out, "runs", 0));
    json_decref(out);
    return 0;
}

static int check(struct tsn_demo *d, const char *incident, const char *upstream)
{
    int code;

    tsn_demo_chapter(d, "What happened, and the proof");
    tsn_demo_print(d, WORDS("case", "timeline", incident));
    tsn_demo_print(d, WORDS("case", "timeline", upstream));
    code = tsn_demo_print(d, WORDS("audit", "verify"));
    if (code != 0)
        return code;
    tsn_demo_say(
        d,
        "\nThe daemon is being stopped. Everything is in %s:\n"
        "  mail/new/            what the reporter and the customers got\n"
        "  edge/*.json          the rules on the two firewalls\n"
        "  tocsin.yaml          the configuration\n"
        "Go on:  tocsin serve --config %s     then, elsewhere:\n"
        "        tocsin status --config %s\n"
        "Cheat:  python3 -c 'import sqlite3; d = sqlite3.connect(\"%s/data/tocsin.db\"); \\\n"
        "          d.execute(\"DROP TRIGGER entry_no_update\"); \\\n"
        "          d.execute(\"UPDATE entry SET text = replace(text, \\\"duty1\\\", "
        "\\\"lead1\\\")\"); d.commit()'\n"
        "        tocsin audit verify %s/data       says TAMPERED, with the entry\n",
        d->dir, d->config, d->config, d->dir, d->dir);
    return 0;
}

int tsn_cmd_demo(struct tsn_cli *cli)
{
    struct tsn_demo d = {.cli = cli, .began_ms = tsn_clock_mono_ms()};
    const char *folder = tsn_place_shared(cli->arena, "playbooks/fixtures/provider");
    const char *incident_case = NULL, *upstream_case = NULL;
    char self[PATH_MAX], here[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    int rc;

    if (n <= 0 || !getcwd(here, sizeof(here)))
        return tsn_out_failf(cli, TSN_EXIT_FAILED, TSN_EIO, "S090", "",
                             "cannot find out where this program is");
    self[n] = '\0';
    d.self = self;
    d.dir = cli->nargs ? cli->arg[0] : "demo";
    if (d.dir[0] != '/')
        d.dir = tsn_arena_printf(cli->arena, "%s/%s", here, d.dir);
    d.config = tsn_arena_printf(cli->arena, "%s/tocsin.yaml", d.dir);
    d.ask = !cli->yes && !cli->no_input && isatty(0) && isatty(2);
    if (!folder || tsn_demo_provider(&d, folder) != 0)
        return tsn_out_failf(cli, TSN_EXIT_FAILED, TSN_ENOTFOUND, "S090",
                             "install python3, and tocsin as a whole (share/tocsin)",
                             "the demo's upstream provider cannot be started");
    kill(d.provider, SIGSTOP);
    tsn_demo_chapter(&d, "A daemon in a folder of its own");
    tsn_demo_say(&d, "  %s", d.dir);
    rc = tsn_demo_files(&d);
    if (rc == 0)
        rc = tsn_demo_serve(&d);
    if (rc == 0)
        rc = incident(&d, &incident_case);
    if (rc == 0)
        rc = upstream(&d, &upstream_case);
    if (rc == 0)
        rc = check(&d, incident_case, upstream_case);
    tsn_demo_end(&d);
    if (rc == 0 && cli->json) {
        json_t *out = json_pack("{s:s, s:s?, s:s?, s:I}", "dir", d.dir, "incident",
                                incident_case, "upstream", upstream_case, "took_ms",
                                (json_int_t)(tsn_clock_mono_ms() - d.began_ms));
        tsn_out_json(cli, out);
        json_decref(out);
    }
    return rc;
}
