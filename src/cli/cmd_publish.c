/* cmd_publish.c - the life of an advisory from the command line: new, edit, review, publish ...
 *
 * One function serves every verb, since all have one shape over HTTP. One thread; talks to the
 * daemon.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "advisory/advisory_as.h"
#include "cli/client.h"
#include "cli/out.h"
#include "cli/preview.h"
#include "core/json.h"

static const char *path_of(struct tsn_cli *cli, const char *tail)
{
    return tsn_client_path(cli, "advisories/%s%s%s", tsn_client_escape(cli, cli->arg[0]),
                           *tail ? "/" : "", tail);
}

static int print_one(struct tsn_cli *cli, json_t *out)
{
    if (cli->json) {
        json_object_del(out, "csaf");
        json_object_del(out, "markdown");
        tsn_out_json(cli, out);
    } else {
        const char *at = tsn_json_str(out, "publish_at", NULL);
        (void)printf("%s  %s  version %s%s%s\n%s\n", tsn_json_str(out, "name", ""),
                     tsn_json_str(out, "state", ""), tsn_json_str(out, "number", ""),
                     at ? "  at " : "", at ? at : "", tsn_json_str(out, "digest", ""));
    }
    json_decref(out);
    return TSN_EXIT_OK;
}

/* "csaf,web" as a list. */
static json_t *ways(const char *text)
{
    json_t *list = json_array();
    while (*text) {
        size_t n = strcspn(text, ", ");
        if (n)
            json_array_append_new(list, json_stringn(text, n));
        text += n + (text[n] != '\0');
    }
    return list;
}

/* In the conditional: nothing of it has happened. */
static void print_plan(struct tsn_cli *cli, const json_t *plan)
{
    const json_t *mails = json_object_get(plan, "mails"), *one;
    size_t i;
    tsn_out_say(cli, "Would publish, and has not:");
    json_array_foreach(json_object_get(plan, "cve"), i, one)
    {
        (void)printf("  record  %s\n", tsn_json_str(one, "cve", ""));
    }
    json_array_foreach(mails, i, one)
    {
        (void)printf("  mail    ");
        tsn_out_text(
            cli, stdout, TSN_PLAIN,
            tsn_arena_printf(cli->arena, "%s (%s, list %s%s)  %s", tsn_json_str(one, "to", ""),
                             tsn_json_str(one, "customer", ""), tsn_json_str(one, "list", ""),
                             json_object_get(one, "encrypt") ? ", encrypted" : "",
                             tsn_json_str(one, "subject", "")));
        (void)printf("\n");
    }
}

/* The verb is the second word of the command; flags become members where the verb knows them. */
int tsn_cmd_advisory_verb(struct tsn_cli *cli)
{
    const char *verb = strchr(cli->command->words, ' ') + 1;
    bool edits = strcmp(verb, "edit") == 0,
         ends = strcmp(verb, "withdraw") == 0 || strcmp(verb, "supersede") == 0;
    json_t *body = json_object(), *set = edits ? json_object() : body, *out = NULL;
    int rc = tsn_client_members(cli, set);
    if (edits)
        json_object_set_new(body, "set", set);
    const struct {
        enum tsn_flag flag;
        const char *name;
    } flags[] = {{TSN_FLAG_REASON, ends                                    ? "reason"
                                   : edits || strcmp(verb, "publish") == 0 ? "change"
                                                                           : "note"},
                 {TSN_FLAG_PLAN, "digest"},
                 {TSN_FLAG_AT, "at"},
                 {TSN_FLAG_STATE, "status"}};
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        if (cli->given & TSN_BIT(flags[i].flag))
            json_object_set_new(body, flags[i].name, json_string(cli->flag[flags[i].flag]));
    }
    if (cli->given & TSN_BIT(TSN_FLAG_TO))
        json_object_set_new(body, "to", ways(cli->flag[TSN_FLAG_TO]));
    if (cli->given & TSN_BIT(TSN_FLAG_DRY_RUN))
        json_object_set_new(body, "dry_run", json_true());
    if (!rc)
        rc = tsn_client_call(cli, "POST", path_of(cli, verb), body, NULL, &out);
    json_decref(body);
    if (!rc && !cli->json && json_object_get(out, "plan"))
        print_plan(cli, json_object_get(out, "plan"));
    return rc ? rc : print_one(cli, out);
}

int tsn_cmd_advisory_new(struct tsn_cli *cli)
{
    json_t *body = json_object(), *out = NULL;
    int rc = tsn_client_members(cli, body);
    if (cli->flag[TSN_FLAG_CASE])
        json_object_set_new(body, "case", json_string(cli->flag[TSN_FLAG_CASE]));
    if (cli->flag[TSN_FLAG_TITLE])
        json_object_set_new(body, "title", json_string(cli->flag[TSN_FLAG_TITLE]));
    if (!rc)
        rc = tsn_client_call(cli, "POST", tsn_client_path(cli, "advisories"), body, NULL, &out);
    json_decref(body);
    return rc ? rc : print_one(cli, out);
}

int tsn_cmd_advisory_show(struct tsn_cli *cli)
{
    json_t *out;
    int rc = tsn_client_get(cli, path_of(cli, ""), &out);
    if (rc)
        return rc;
    if (!cli->json)
        return print_one(cli, out);
    tsn_out_json(cli, out);
    json_decref(out);
    return TSN_EXIT_OK;
}

int tsn_cmd_advisory_diff(struct tsn_cli *cli)
{
    json_t *out, *word;
    size_t i;
    const char *from = cli->flag[TSN_FLAG_FROM], *to = cli->flag[TSN_FLAG_TO];
    const char *tail = tsn_arena_printf(cli->arena, "diff%s%s%s%s", from ? "?from=" : "",
                                        from ? tsn_client_escape(cli, from) : "",
                                        to ? from ? "&until=" : "?until=" : "",
                                        to ? tsn_client_escape(cli, to) : "");
    int rc = tsn_client_get(cli, path_of(cli, tail), &out);
    if (rc)
        return rc;
    if (cli->json) {
        tsn_out_json(cli, out);
    } else {
        const char *before = tsn_json_str(out, "from", NULL);
        (void)printf("%s: %s%s%s, %s\n", tsn_json_str(out, "name", ""), before ? before : "",
                     before ? " to " : "version ", tsn_json_str(out, "to", ""),
                     tsn_json_str(out, "level", ""));
        json_array_foreach(json_object_get(out, "changes"), i, word)
        {
            (void)printf("  ");
            tsn_out_text(cli, stdout, TSN_PLAIN, json_string_value(word));
            (void)printf("\n");
        }
    }
    json_decref(out);
    return TSN_EXIT_OK;
}

/* NAME@2 is a version that was released: the name, and its number or NULL. */
static const char *version_of(struct tsn_cli *cli, const char **number)
{
    const char *at = strchr(cli->arg[0], '@');
    *number = at ? at + 1 : NULL;
    return at ? tsn_arena_strndup(cli->arena, cli->arg[0], (size_t)(at - cli->arg[0]))
              : cli->arg[0];
}

/* Files are named with a folder or a suffix, advisories never. */
static bool is_file(const char *arg)
{
    return strcmp(arg, "-") == 0 || strchr(arg, '/') || strchr(arg, '.');
}

/* The model comes from the daemon and is rendered here, by the same code. */
int tsn_cmd_advisory_preview(struct tsn_cli *cli)
{
    json_t *out;
    const char *to = cli->flag[TSN_FLAG_TO], *at;
    const char *id = version_of(cli, &at);
    if (!to)
        to = cli->given & TSN_BIT(TSN_FLAG_OPEN) ? "html" : "text";
    to = !strcmp(to, "page") ? "html" : !strcmp(to, "mail") ? "text" : to;
    enum tsn_as as = tsn_as_find(to);
    if (as == TSN_AS_COUNT)
        return tsn_out_failf(cli, TSN_EXIT_USAGE, TSN_EINPUT, "U002",
                             "Known: csaf, csaf-2.1, cve, openvex, osv, html, md, text.",
                             "nothing is rendered as `%s`", to);
    if (is_file(cli->arg[0]))
        return tsn_preview_file(cli, as);
    int rc =
        tsn_client_get(cli,
                       tsn_client_path(cli, "advisories/%s/as?raw=1&kind=%s%s%s",
                                       tsn_client_escape(cli, id), tsn_client_escape(cli, to),
                                       at ? "&at=" : "", at ? tsn_client_escape(cli, at) : ""),
                       &out);
    if (rc)
        return rc;
    if (cli->given & TSN_BIT(TSN_FLAG_OPEN)) {
        struct tsn_buf text;
        tsn_buf_init(&text, SIZE_MAX);
        (void)tsn_buf_puts(&text, tsn_json_str(out, "text", ""));
        rc = tsn_preview_text(cli, &text, as);
        tsn_buf_free(&text);
    } else if (cli->json) {
        tsn_out_json(cli, out);
    } else {
        (void)fputs(tsn_json_str(out, "text", ""), stdout);
        if (tsn_as_formats[as].json)
            (void)fputc('\n', stdout);
    }
    json_decref(out);
    return rc;
}

static int put_file(struct tsn_cli *cli, const char *path, const char *text)
{
    FILE *f = fopen(path, "we");
    bool ok = f && fputs(text, f) >= 0;
    ok = f && fclose(f) == 0 && ok;
    return ok ? 0
              : tsn_out_failf(cli, TSN_EXIT_FAILED, TSN_EIO, "U008", "", "%s: %s", path,
                              strerror(errno));
}

/* Every rendering that has something to say, as files NAME.json, NAME.html ... in DIR. */
int tsn_cmd_advisory_export(struct tsn_cli *cli)
{
    json_t *written = json_array();
    int rc = 0;
    for (size_t i = 0; !rc && i < TSN_AS_COUNT; i++) {
        struct tsn_answer a;
        const char *path =
            tsn_client_path(cli, "advisories/%s/as?raw=1&kind=%s",
                            tsn_client_escape(cli, cli->arg[0]), tsn_as_formats[i].name);
        tsn_client_ask(cli, "GET", path, NULL, NULL, 0, &a);
        bool nothing = a.diag.code[0] && strcmp(a.diag.code, "D100") == 0;
        if (a.status == 200) {
            const char *file = tsn_arena_printf(cli->arena, "%s/%s%s", cli->arg[1], cli->arg[0],
                                                tsn_as_formats[i].suffix);
            rc = put_file(cli, file, tsn_json_str(a.body, "text", ""));
            json_array_append_new(written, json_string(file));
        } else if (!nothing) {
            rc = tsn_out_fail(cli, a.exit, &a.diag);
        }
        tsn_answer_free(&a);
    }
    if (!rc && cli->json) {
        json_t *out = json_pack("{s:O}", "files", written);
        tsn_out_json(cli, out);
        json_decref(out);
    } else if (!rc) {
        size_t i;
        json_t *file;
        json_array_foreach(written, i, file)
        {
            (void)printf("%s\n", json_string_value(file));
        }
    }
    json_decref(written);
    return rc;
}
