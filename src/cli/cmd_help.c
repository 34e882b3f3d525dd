/* cmd_help.c - help, explain, version: pages made from the same tables that do the work.
 *
 * Owns nothing. One thread; needs no daemon.
 */
#include <stdlib.h>
#include <string.h>
#include "cli/out.h"
#include "core/buf.h"
#include "core/json.h"
#include "core/text.h"

static const struct {
    int code;
    const char *meaning;
} exit_table[] = {
    {TSN_EXIT_OK, "done; an empty list is done, a closed pipe too"},
    {TSN_EXIT_FAILED, "failed; stderr says why, with a code for `tocsin explain`"},
    {TSN_EXIT_USAGE, "wrong usage"},
    {TSN_EXIT_PARTLY, "partly done; each item's result is in the JSON"},
    {TSN_EXIT_NOT_FOUND, "no such thing"},
    {TSN_EXIT_CONFLICT, "it changed, was already decided, or exists"},
    {TSN_EXIT_DENIED, "not allowed: log in, wrong role, or four eyes"},
    {TSN_EXIT_UNREACHABLE, "server not reachable or not ready"},
    {TSN_EXIT_GAVE_UP, "gave up waiting"},
    {TSN_EXIT_PROBLEMS, "checks found problems (config, lint)"},
    {TSN_EXIT_DIFFERENCES, "differences or effects found"},
    {TSN_EXIT_TAMPERED, "audit: tampering or a gap found"},
    {TSN_EXIT_CANNOT_TELL, "audit: cannot tell (no key given, no witness, too old)"},
    {TSN_EXIT_UNUSABLE, "audit: unusable, not a log that this program reads"},
    {TSN_EXIT_RUN_FAILED, "the run you waited for failed"},
    {TSN_EXIT_REJECTED, "a person rejected it"},
    {TSN_EXIT_CANCELLED, "it was cancelled"},
    {TSN_EXIT_WAITS, "it waits for a person"},
    {TSN_EXIT_TRY_AGAIN, "not now: a mail server tries again"},
    {TSN_EXIT_INTERRUPTED, "interrupted"},
};
#define NEXITS (sizeof(exit_table) / sizeof(exit_table[0]))

static int help_exit_codes(struct tsn_cli *cli)
{
    if (cli->json) {
        json_t *list = json_array();
        for (size_t i = 0; i < NEXITS; i++)
            json_array_append_new(list, json_pack("{s:i, s:s}", "code", exit_table[i].code,
                                                  "meaning", exit_table[i].meaning));
        json_t *out = json_pack("{s:o}", "exit_codes", list);
        tsn_out_json(cli, out);
        json_decref(out);
        return TSN_EXIT_OK;
    }
    for (size_t i = 0; i < NEXITS; i++)
        (void)printf("%4d  %s\n", exit_table[i].code, exit_table[i].meaning);
    (void)printf("\nAny other code that is not 0 is a failure; new codes may be added.\n");
    return TSN_EXIT_OK;
}

static const struct {
    const char *name, *page;
} topics[] = {
    {"words", "report     what came in\n"
              "case       what we work on: PSIRT-2026-0142\n"
              "run        a playbook at work on a case: r-7k3m\n"
              "step       one effect of a run\n"
              "task       one question to a person: ap-7k3m to approve, as-2x9d to answer\n"
              "match      an upstream item that fits one of our products\n"
              "advisory   what we publish\n"
              "entry      one line of the audit log: #18140\n\n"
              "Any unique prefix of an id works; `tocsin show ID` knows every kind.\n"},
    {"query",
     "The language of `tocsin audit log` and of /api/v1/audit/entries?q=\n\n"
     "  kind:step.result            one value\n"
     "  outcome:fail,unknown        any of them\n"
     "  kind:approval.*             what begins so\n"
     "  -actor:svc:*                not\n"
     "  actor:resp1                 the person; svc:engine and op:owner as they are\n"
     "  case:PSIRT-2026-0142        also run:r-7k3m\n"
     "  seq:18000..18200            also ref: and attempt:, with > >= < <=\n"
     "  since:7d until:2026-11-24   also time:2026-11-24 and time:A..B\n"
     "  tlp:<=amber                 clear, green, amber, amber+strict, red\n"
     "  mail.send                   a word alone: in any word that stands in clear\n"
     "  text:\"kind:x\"              in quotation marks nothing has a meaning\n\n"
     "All terms must hold. Fields: seq time kind actor auth case run chain ref playbook step "
     "attempt\nidem outcome reason from to tlp node text. Examples:\n\n"
     "  tocsin audit log case:PSIRT-2026-0142 -actor:svc:*\n"
     "  tocsin audit log kind:step.result -outcome:ok since:7d\n"
     "  tocsin audit log kind:approval.granted actor:lead1 time:2026-11-24\n"
     "  tocsin audit log ref:18128\n\n"
     "Asking is an entry itself (audit.query), equal questions of an hour one.\n"},
    {"environment", "TOCSIN_CONFIG      tocsin.yaml, when --config is not given\n"
                    "TOCSIN_SOCKET      Unix socket of the daemon, when nothing else names it\n"
                    "TOCSIN_TOKEN_FILE  file with the token for --server (mode 0600)\n"
                    "NO_COLOR           not empty: no colours; TERM=dumb too\n\n"
                    "Without any of these the daemon is found through ./tocsin.yaml, then "
                    "/etc/tocsin/tocsin.yaml.\n"},
};
#define NTOPICS (sizeof(topics) / sizeof(topics[0]))

static json_t *flags_json(tsn_flagset bits)
{
    json_t *out = json_array();
    for (int i = 0; i < TSN_FLAGS; i++) {
        if (bits & TSN_BIT(i)) {
            json_t *f = json_pack("{s:s, s:s}", "name", tsn_flag_infos[i].name, "summary",
                                  tsn_flag_infos[i].summary);
            if (tsn_flag_infos[i].value)
                json_object_set_new(f, "value", json_string(tsn_flag_infos[i].value));
            json_array_append_new(out, f);
        }
    }
    return out;
}

static json_t *command_json(const struct tsn_command *c)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:o}", "command", c->words, "args", c->args,
                     "summary", c->summary, "example", c->example, "flags",
                     flags_json(c->flags));
}

static void flag_line(const struct tsn_flag_info *f)
{
    char left[64];
    (void)snprintf(left, sizeof(left), "--%s%s%s", f->name, f->value ? " " : "",
                   f->value ? f->value : "");
    (void)printf("  %-28s %s\n", left, f->summary);
}

static void common_lines(void)
{
    (void)printf("\nFlags of every command\n");
    for (const struct tsn_flag_info *f = tsn_common_flags; f->name; f++)
        flag_line(f);
}

static int overview(struct tsn_cli *cli)
{
    struct tsn_command_place at;
    const struct tsn_command *c;
    const char *group = NULL;

    if (cli->json) {
        json_t *list = json_array();
        tsn_command_first(&at);
        while ((c = tsn_command_next(&at)))
            json_array_append_new(list, command_json(c));
        json_t *out = json_pack("{s:o}", "commands", list);
        tsn_out_json(cli, out);
        json_decref(out);
        return TSN_EXIT_OK;
    }
    (void)printf("tocsin runs incident-response playbooks for a PSIRT.\n");
    tsn_command_first(&at);
    while ((c = tsn_command_next(&at))) {
        if (!group || strcmp(at.group, group) != 0) {
            group = at.group;
            (void)printf("\n");
            tsn_out_text(cli, stdout, TSN_BOLD, group);
            (void)printf("\n");
        }
        char left[64];
        (void)snprintf(left, sizeof(left), "%s %s", c->words, c->args);
        (void)printf("  tocsin %-29s %s\n", left, c->summary);
    }
    common_lines();
    (void)printf("\nTopics: tocsin help exit-codes | words | query | environment\n"
                 "First:  tocsin init ./psirt && tocsin serve --config ./psirt\n");
    return TSN_EXIT_OK;
}

int tsn_help_command(struct tsn_cli *cli, const struct tsn_command *c)
{
    if (!c)
        return overview(cli);
    if (cli->json) {
        json_t *out = json_pack("{s:o}", "help", command_json(c));
        tsn_out_json(cli, out);
        json_decref(out);
        return TSN_EXIT_OK;
    }
    (void)printf("tocsin %s%s%s\n  %s\n\nExample\n  %s\n", c->words, c->args[0] ? " " : "",
                 c->args, c->summary, c->example);
    if (c->flags) {
        (void)printf("\nFlags\n");
        for (int i = 0; i < TSN_FLAGS; i++) {
            if (c->flags & TSN_BIT(i))
                flag_line(&tsn_flag_infos[i]);
        }
    }
    common_lines();
    return TSN_EXIT_OK;
}

int tsn_cmd_help(struct tsn_cli *cli)
{
    if (cli->nargs == 0)
        return overview(cli);
    const char *words = cli->nargs == 2
                            ? tsn_arena_printf(cli->arena, "%s %s", cli->arg[0], cli->arg[1])
                            : cli->arg[0];
    if (strcmp(words, "exit-codes") == 0)
        return help_exit_codes(cli);
    for (size_t i = 0; i < NTOPICS; i++) {
        if (strcmp(topics[i].name, words) == 0) {
            if (cli->json) {
                json_t *out = json_pack("{s:s, s:s}", "topic", words, "page", topics[i].page);
                tsn_out_json(cli, out);
                json_decref(out);
            } else {
                (void)fputs(topics[i].page, stdout);
            }
            return TSN_EXIT_OK;
        }
    }
    const struct tsn_command *c = tsn_command_find(words);
    if (c)
        return tsn_help_command(cli, c);
    /* A group: its commands. */
    size_t len = strlen(words), n = 0;
    struct tsn_command_place at;
    tsn_command_first(&at);
    while ((c = tsn_command_next(&at))) {
        if (strncmp(c->words, words, len) == 0 && c->words[len] == ' ') {
            if (n++)
                (void)printf("\n");
            (void)printf("tocsin %s %s\n  %s\n  %s\n", c->words, c->args, c->summary,
                         c->example);
        }
    }
    if (n)
        return TSN_EXIT_OK;
    return tsn_out_failf(cli, TSN_EXIT_NOT_FOUND, TSN_ENOTFOUND, "U001",
                         "`tocsin help` lists commands and topics.", "there is no help on `%s`",
                         words);
}

int tsn_cmd_explain(struct tsn_cli *cli)
{
    if (cli->nargs == 2)
        return tsn_cmd_explain_match(cli);
    char code[8];
    if (!tsn_copy(code, sizeof(code), cli->arg[0]))
        code[0] = '\0';
    if (code[0] >= 'a' && code[0] <= 'z')
        code[0] = (char)(code[0] - 32);
    const char *title = tsn_code_title(code), *page = tsn_code_page(code);
    if (!title || !page)
        return tsn_out_failf(cli, TSN_EXIT_NOT_FOUND, TSN_ENOTFOUND, "U005",
                             "Codes stand in messages: error C012: ...",
                             "there is no message code `%s`", cli->arg[0]);
    if (cli->json) {
        json_t *out = json_pack("{s:s, s:s, s:s}", "code", code, "title", title, "page", page);
        tsn_out_json(cli, out);
        json_decref(out);
        return TSN_EXIT_OK;
    }
    tsn_out_text(cli, stdout, TSN_BOLD, tsn_arena_printf(cli->arena, "%s: %s", code, title));
    (void)printf("\n\n");
    /* Wrapped at 78 columns. */
    size_t column = 0;
    for (const char *p = page; *p;) {
        size_t len = strcspn(p, " ");
        if (column > 0 && column + 1 + len > 78) {
            (void)printf("\n");
            column = 0;
        }
        (void)printf("%s%.*s", column ? " " : "", (int)len, p);
        column += len + (column ? 1 : 0);
        p += len;
        p += strspn(p, " ");
    }
    (void)printf("\n");
    return TSN_EXIT_OK;
}

int tsn_cmd_version(struct tsn_cli *cli)
{
    if (cli->json) {
        json_t *out = json_pack("{s:s, s:s}", "name", "tocsin", "version", TOCSIN_VERSION);
        tsn_out_json(cli, out);
        json_decref(out);
    } else {
        (void)printf("tocsin %s\n", TOCSIN_VERSION);
    }
    return TSN_EXIT_OK;
}
