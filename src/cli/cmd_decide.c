/* cmd_decide.c - approve, reject, answer, note: what a person says to a playbook.
 *
 * Approving without --plan first shows the plan and then decides about exactly that one: the
 * digest of what was shown goes with the decision. One thread; talks to the daemon.
 */
#include <stdlib.h>
#include <string.h>
#include "cli/client.h"
#include "cli/out.h"
#include "cli/plan.h"
#include "core/buf.h"
#include "core/json.h"
#include "core/text.h"

const json_t *tsn_plan_spec(const json_t *task)
{
    const json_t *spec = json_object_get(task, "spec");
    const json_t *args = json_object_get(spec, "args");
    return json_is_object(args) ? args : spec;
}

static void line(struct tsn_cli *cli, FILE *to, const char *label, const char *text)
{
    if (!text || !text[0] || strcmp(text, "-") == 0)
        return;
    (void)fprintf(to, "%-11s", label);
    tsn_out_text(cli, to, TSN_PLAIN, text);
    (void)fprintf(to, "\n");
}

/* A table whose members hold nothing themselves reads as words; the rest is JSON. */
static const char *in_words(struct tsn_cli *cli, const json_t *v)
{
    const char *key, *out = "";
    json_t *item;

    if (!json_is_object(v) || json_object_size(v) == 0)
        return tsn_out_value(cli, v);
    json_object_foreach((json_t *)(uintptr_t)v, key, item)
    {
        if (json_is_object(item) || json_is_array(item))
            return tsn_out_value(cli, v);
        out = tsn_arena_printf(cli->arena, "%s%s%s %s", out, *out ? ", " : "", key,
                               tsn_out_value(cli, item));
    }
    return out;
}

/* What the playbook shows: text as it is, lists and tables one member a line. */
static void show(struct tsn_cli *cli, FILE *to, const json_t *v, int depth)
{
    size_t i;
    const char *key;
    json_t *item;
    if (json_is_array(v)) {
        json_array_foreach(v, i, item)
        {
            (void)fprintf(to, "%*s+ ", depth * 2, "");
            tsn_out_text(cli, to, TSN_PLAIN, in_words(cli, item));
            (void)fprintf(to, "\n");
        }
    } else if (json_is_object(v)) {
        json_object_foreach((json_t *)(uintptr_t)v, key, item)
        {
            (void)fprintf(to, "%*s", depth * 2, "");
            tsn_out_text(cli, to, TSN_DIM, key);
            if ((json_is_object(item) || json_is_array(item)) && depth < 4) {
                (void)fprintf(to, "\n");
                show(cli, to, item, depth + 1);
            } else {
                (void)fprintf(to, "  ");
                tsn_out_text(cli, to, TSN_PLAIN, tsn_out_value(cli, item));
                (void)fprintf(to, "\n");
            }
        }
    } else if (v && !json_is_null(v)) {
        (void)fprintf(to, "%*s", depth * 2, "");
        tsn_out_text(cli, to, TSN_PLAIN, tsn_out_value(cli, v));
        (void)fprintf(to, "\n");
    }
}

/* What a field takes: "low | high", "yes | no", or its label. */
static const char *field_takes(struct tsn_cli *cli, const json_t *f, const char *type)
{
    const char *label = tsn_json_str(f, "label", tsn_json_str(f, "of", NULL)), *out = "";
    size_t i;
    json_t *v;

    json_array_foreach(json_object_get(f, "options"), i, v)
    {
        out =
            tsn_arena_printf(cli->arena, "%s%s%s", out, i ? " | " : "", tsn_out_value(cli, v));
    }
    if (strcmp(type, "flag") == 0)
        out = "yes | no";
    if (!*out)
        return label;
    return label ? tsn_arena_printf(cli->arena, "%s   %s", out, label) : out;
}

static bool is_needed(const json_t *f, const char *type)
{
    return tsn_json_bool(f, "required",
                         strcmp(type, "choice") == 0 || strcmp(type, "pick") == 0 ||
                             strcmp(type, "flag") == 0);
}

/* " --set severity=... --set reason=...": the fields without which there is no answer. */
static const char *needed_fields(struct tsn_cli *cli, const json_t *fields)
{
    const char *key, *out = "";
    json_t *f;

    json_object_foreach((json_t *)(uintptr_t)fields, key, f)
    {
        if (is_needed(f, tsn_json_str(f, "type", "text")))
            out = tsn_arena_printf(cli->arena, "%s --set %s=...", out, key);
    }
    return *out ? out : " --set FIELD=VALUE ...";
}

static void print_fields(struct tsn_cli *cli, FILE *to, const json_t *fields)
{
    if (!json_is_object(fields))
        return;
    (void)fprintf(to, "Fields\n");
    struct tsn_grid *g = tsn_grid_new(cli, 4);
    const char *key;
    json_t *f;
    json_object_foreach((json_t *)(uintptr_t)fields, key, f)
    {
        const char *type = tsn_json_str(f, "type", "text");
        tsn_grid_cell(g, TSN_BOLD, key);
        tsn_grid_cell(g, TSN_PLAIN, type);
        tsn_grid_cell(g, TSN_PLAIN, is_needed(f, type) ? "needed" : "may be left out");
        tsn_grid_cell(g, TSN_PLAIN, field_takes(cli, f, type));
    }
    tsn_grid_print(g, to, 2);
}

void tsn_plan_print(struct tsn_cli *cli, FILE *to, const json_t *task)
{
    const json_t *spec = tsn_plan_spec(task);
    const char *kind = tsn_json_str(task, "kind", "");
    const char *name = tsn_json_str(task, "name", "");
    const char *state = tsn_json_str(task, "state", "");
    bool approve = strcmp(kind, "approve") == 0;
    size_t i;
    json_t *vote;
    tsn_out_text(cli, to, TSN_BOLD,
                 tsn_json_str(spec, "title", tsn_json_str(task, "title", kind)));
    (void)fprintf(to, "    %s   ", tsn_json_str(task, "case_name", ""));
    const char *severity = tsn_json_str(task, "severity", "");
    tsn_out_text(cli, to, tsn_out_style_of(severity), severity);
    (void)fprintf(to, "\n");
    line(cli, to, "Asked by",
         tsn_arena_printf(cli->arena, "%s (%s) step %s", tsn_json_str(task, "playbook", "?"),
                          tsn_json_str(task, "run_name", "?"),
                          tsn_json_str(task, "path", "?")));
    const json_t *not_by = json_object_get(spec, "not_by");
    line(cli, to, "Needs",
         tsn_arena_printf(
             cli->arena, "%lld of %s%s%s",
             (long long)(tsn_json_int(task, "quorum", 1) ? tsn_json_int(task, "quorum", 1) : 1),
             tsn_json_str(task, "role", "anybody"),
             not_by && !json_is_null(not_by) ? ", not " : "",
             not_by && !json_is_null(not_by) ? tsn_out_value(cli, not_by) : ""));
    const json_t *rule = json_object_get(spec, "rule");
    if (json_is_object(rule))
        line(cli, to, "Rule",
             tsn_arena_printf(cli->arena, "plan %s of %s: %s", tsn_json_str(rule, "plan", ""),
                              tsn_json_str(rule, "policy", ""),
                              tsn_json_str(rule, "because", "")));
    line(cli, to, "State",
         tsn_json_str(task, "decided_by", NULL)
             ? tsn_arena_printf(cli->arena, "%s by %s", state,
                                tsn_json_str(task, "decided_by", ""))
             : state);
    const char *due = tsn_json_str(task, "due_at", NULL);
    if (due && strcmp(state, "open") == 0)
        line(cli, to, "Due",
             tsn_arena_printf(cli->arena, "%s%s", tsn_out_left(cli, due),
                              approve ? ", then: reject" : ""));
    line(cli, to, "Effect", tsn_out_value(cli, json_object_get(spec, "effect")));
    line(cli, to, "Undo", tsn_out_value(cli, json_object_get(spec, "undo")));
    show(cli, to, json_object_get(spec, "show"), 1);
    print_fields(cli, to, json_object_get(spec, "fields"));
    json_array_foreach(json_object_get(task, "votes"), i, vote)
    {
        line(cli, to, i ? "" : "Votes", in_words(cli, vote));
    }
    const json_t *answer = json_object_get(task, "answer");
    if (json_is_object(answer))
        line(cli, to, "Answer", in_words(cli, answer));
    line(cli, to, "Plan", tsn_json_str(task, "digest", NULL));
    if (strcmp(state, "open") != 0)
        return;
    if (approve)
        tsn_out_say(
            cli, "  tocsin approve %s --reason \"...\"      tocsin reject %s --reason \"...\"",
            name, name);
    else
        tsn_out_say(cli, "  tocsin answer %s%s", name,
                    needed_fields(cli, json_object_get(spec, "fields")));
}

/* --- approve and reject ---------------------------------------------------------------------- */

static int decide(struct tsn_cli *cli, const char *decision)
{
    const char *id = tsn_client_escape(cli, cli->arg[0]);
    const char *digest = cli->given & TSN_BIT(TSN_FLAG_PLAN) ? cli->flag[TSN_FLAG_PLAN] : NULL;
    const char *reason =
        cli->given & TSN_BIT(TSN_FLAG_REASON) ? cli->flag[TSN_FLAG_REASON] : NULL;
    bool approve = strcmp(decision, "approve") == 0;
    json_t *task = NULL, *out;
    if (!digest) {
        int rc = tsn_client_get(cli, tsn_client_path(cli, "tasks/%s", id), &task);
        if (rc)
            return rc;
        digest = tsn_json_str(task, "digest", NULL);
        if (approve && !cli->json && !cli->quiet &&
            strcmp(tsn_json_str(task, "state", ""), "open") == 0) {
            /* The plan goes to stderr: it is words about what is going to happen. */
            bool quiet = cli->quiet;
            cli->quiet = true;
            tsn_plan_print(cli, stderr, task);
            cli->quiet = quiet;
        }
        id = tsn_client_escape(cli, tsn_json_str(task, "name", cli->arg[0]));
    }
    if (!reason)
        reason = tsn_out_ask(cli, approve ? "Why is this right?" : "Why not?");
    if (!reason) {
        json_decref(task);
        return tsn_out_failf(cli, TSN_EXIT_USAGE, TSN_EINPUT, "U004",
                             "The reason is kept in the log.", "--reason is missing");
    }
    json_t *body = json_pack("{s:s, s:s}", "decision", decision, "reason", reason);
    if (!body) {
        json_decref(task);
        return tsn_out_failf(cli, TSN_EXIT_USAGE, TSN_EINPUT, "U002", "",
                             "--reason is not valid UTF-8");
    }
    if (digest)
        json_object_set_new(body, "plan_digest", json_string(digest));
    int rc = tsn_client_do(cli, "POST", tsn_client_path(cli, "approvals/%s/decision", id), body,
                           &out);
    json_decref(task);
    if (out)
        tsn_out_say(cli, "%s.  entry #%lld", approve ? "Approved" : "Rejected",
                    (long long)tsn_json_int(out, "entry", -1));
    json_decref(out);
    return rc;
}

int tsn_cmd_approve(struct tsn_cli *cli)
{
    return decide(cli, "approve");
}

int tsn_cmd_reject(struct tsn_cli *cli)
{
    return decide(cli, "reject");
}

/* --- answer ------------------------------------------------------------------------------ */

static int misfit(struct tsn_cli *cli, const char *key, const char *what, const json_t *options)
{
    return tsn_out_failf(
        cli, TSN_EXIT_USAGE, TSN_EINPUT, "U006",
        options ? tsn_arena_printf(cli->arena, "One of %s", tsn_out_value(cli, options)) : "",
        "%s: %s", key, what);
}

/* Text to the type the field wants; the server checks again. */
static int typed(struct tsn_cli *cli, const json_t *field, const char *key, const char *text,
                 json_t **out)
{
    const char *type = tsn_json_str(field, "type", "text");
    if (strcmp(type, "flag") == 0) {
        static const char *const yes[] = {"true", "yes", "y", "1"}, *const no[] = {"false",
                                                                                   "no", "n",
                                                                                   "0"};
        for (size_t i = 0; i < 4; i++) {
            if (strcmp(text, yes[i]) == 0)
                *out = json_true();
            else if (strcmp(text, no[i]) == 0)
                *out = json_false();
        }
        return *out ? 0 : misfit(cli, key, "wants true or false", NULL);
    }
    if (strcmp(type, "number") == 0) {
        int64_t n;
        char *end;
        if (tsn_parse_int(text, INT64_MIN, INT64_MAX, &n) == 0) {
            *out = json_integer(n);
            return 0;
        }
        double d = strtod(text, &end);
        *out = end != text && *end == '\0' ? json_real(d) : NULL; /* NULL for inf and nan too */
        return *out ? 0 : misfit(cli, key, "wants a number", NULL);
    }
    const json_t *options = json_object_get(field, "options");
    if (strcmp(type, "choice") == 0 && json_is_array(options)) {
        size_t i;
        json_t *v;
        json_array_foreach(options, i, v)
        {
            if (json_is_string(v) && strcmp(json_string_value(v), text) == 0)
                *out = json_string(text);
        }
        return *out ? 0 : misfit(cli, key, "is not one of the choices", options);
    }
    *out = json_string(text);
    return *out ? 0 : misfit(cli, key, "is not valid UTF-8", NULL);
}

static int put_set(struct tsn_cli *cli, const json_t *fields, const char *set, json_t *answer)
{
    const char *eq = strchr(set, '=');
    if (!eq || eq == set)
        return tsn_out_failf(cli, TSN_EXIT_USAGE, TSN_EINPUT, "U002", "",
                             "--set wants FIELD=VALUE, not `%s`", set);
    const char *key = tsn_arena_strndup(cli->arena, set, (size_t)(eq - set));
    const json_t *field = json_object_get(fields, key);
    if (json_is_object(fields) && !field) {
        const char *names[64];
        size_t n = 0;
        const char *name;
        json_t *v;
        json_object_foreach((json_t *)(uintptr_t)fields, name, v)
        {
            if (n < 64)
                names[n++] = name;
        }
        const char *near = tsn_suggest(key, names, n);
        return tsn_out_failf(cli, TSN_EXIT_USAGE, TSN_EFIELD, "U006",
                             near ? tsn_arena_printf(cli->arena, "Did you mean `%s`?", near)
                                  : "`tocsin show ID` lists the fields.",
                             "the task has no field `%s`", key);
    }
    json_t *value = NULL;
    int rc = typed(cli, field, key, eq + 1, &value);
    if (!rc)
        json_object_set_new(answer, key, value);
    return rc;
}

/* Nothing given: ask for each field, where somebody can be asked. */
static int ask_fields(struct tsn_cli *cli, const json_t *fields, json_t *answer)
{
    if (!tsn_out_can_ask(cli)) {
        struct tsn_buf b;
        tsn_buf_init(&b, 4096);
        const char *key;
        json_t *v;
        json_object_foreach((json_t *)(uintptr_t)fields, key, v)
        {
            (void)tsn_buf_printf(&b, " --set %s=...", key);
        }
        int rc = tsn_out_failf(cli, TSN_EXIT_USAGE, TSN_EINPUT, "U004", "",
                               "give the fields:%s", b.data ? b.data : "");
        tsn_buf_free(&b);
        return rc;
    }
    const char *key;
    json_t *field;
    json_object_foreach((json_t *)(uintptr_t)fields, key, field)
    {
        const json_t *options = json_object_get(field, "options");
        const char *text =
            tsn_out_ask(cli, tsn_arena_printf(cli->arena, "%s %s:", key,
                                              options ? tsn_out_value(cli, options)
                                                      : tsn_json_str(field, "label", "")));
        if (!text)
            continue;
        json_t *value = NULL;
        int rc = typed(cli, field, key, text, &value);
        if (rc)
            return rc;
        json_object_set_new(answer, key, value);
    }
    return TSN_EXIT_OK;
}

int tsn_cmd_answer(struct tsn_cli *cli)
{
    json_t *task, *out = NULL, *answer = json_object();
    int rc = tsn_client_get(
        cli, tsn_client_path(cli, "tasks/%s", tsn_client_escape(cli, cli->arg[0])), &task);
    const json_t *fields = rc ? NULL : json_object_get(tsn_plan_spec(task), "fields");
    for (size_t i = 0; !rc && i < cli->nset; i++)
        rc = put_set(cli, fields, cli->set[i], answer);
    if (!rc && cli->nset == 0 && json_object_size(fields) > 0)
        rc = ask_fields(cli, fields, answer);
    if (!rc)
        rc = tsn_client_do(
            cli, "POST",
            tsn_client_path(cli, "tasks/%s/answer",
                            tsn_client_escape(cli, tsn_json_str(task, "name", cli->arg[0]))),
            json_pack("{s:O}", "answer", answer), &out);
    if (out)
        tsn_out_say(cli, "Answered.  entry #%lld", (long long)tsn_json_int(out, "entry", -1));
    json_decref(out);
    json_decref(answer);
    json_decref(task);
    return rc;
}

/* --- delegate ---------------------------------------------------------------------------- */

int tsn_cmd_task_delegate(struct tsn_cli *cli)
{
    const char *reason = cli->given & TSN_BIT(TSN_FLAG_REASON) ? cli->flag[TSN_FLAG_REASON]
                                                               : tsn_out_ask(cli, "Why?");
    json_t *body, *out;
    int rc;
    if (!reason)
        return tsn_out_failf(cli, TSN_EXIT_USAGE, TSN_EINPUT, "U004",
                             "The reason is kept in the log.", "--reason is missing");
    body = json_pack("{s:s, s:s}", "to", cli->arg[1], "reason", reason);
    if (!body)
        return tsn_out_failf(cli, TSN_EXIT_USAGE, TSN_EINPUT, "U002", "",
                             "the reason is not valid UTF-8");
    rc = tsn_client_do(
        cli, "POST",
        tsn_client_path(cli, "tasks/%s/delegate", tsn_client_escape(cli, cli->arg[0])), body,
        &out);
    if (out)
        tsn_out_say(cli, "%s may decide %s as well.  entry #%lld", cli->arg[1], cli->arg[0],
                    (long long)tsn_json_int(out, "entry", -1));
    json_decref(out);
    return rc;
}

/* --- note -------------------------------------------------------------------------------- */

int tsn_cmd_note(struct tsn_cli *cli)
{
    const char *text = cli->nargs == 2 ? cli->arg[1] : tsn_out_ask(cli, "Note:");
    if (!text)
        return tsn_out_failf(cli, TSN_EXIT_USAGE, TSN_EINPUT, "U004", "", "TEXT is missing");
    if (strcmp(text, "-") == 0) {
        struct tsn_buf b;
        tsn_buf_init(&b, 65536);
        tsn_err err = tsn_buf_read_file(&b, "/dev/stdin");
        text = tsn_arena_strndup(cli->arena, b.data ? b.data : "", b.len);
        tsn_buf_free(&b);
        if (err)
            return tsn_out_failf(cli, TSN_EXIT_FAILED, err, "U008", "", "standard input: %s",
                                 tsn_err_text(err));
    }
    json_t *body = json_pack("{s:s}", "text", text), *out;
    if (!body)
        return tsn_out_failf(cli, TSN_EXIT_USAGE, TSN_EINPUT, "U002", "",
                             "the note is not valid UTF-8");
    int rc = tsn_client_do(
        cli, "POST",
        tsn_client_path(cli, "cases/%s/notes", tsn_client_escape(cli, cli->arg[0])), body,
        &out);
    if (out)
        tsn_out_say(cli, "Noted.  entry #%lld", (long long)tsn_json_int(out, "entry", -1));
    json_decref(out);
    return rc;
}
