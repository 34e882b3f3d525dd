/* cmd_plugin_new.c - `tocsin plugin new NAME --kind exec|c|lua`: a folder that works as it is. No daemon.
 *
 * Files that are there are never replaced. Owns nothing. One thread.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/out.h"
#include "cli/plugin_check.h"
#include "core/buf.h"
#include "core/json.h"

static const char exec_manifest[] =
    "# What the plugin is and what it may do: docs/plugin-protocol.md. Reviewed with the "
    "configuration.\n"
    "name: NAME\n"
    "version: 0.1.0\n"
    "summary: What NAME does, in one line\n"
    "program: [ python3, NAME.py ]\n"
    "concurrency: 4\n"
    "settings:\n"
    "  - { name: greeting, type: text, summary: how it greets }\n"
    "actions:\n"
    "  - { name: look, summary: A look-up that changes nothing, effect: read }\n"
    "  - { name: act, summary: \"Changes something outside: { what }\", effect: write, doubt: "
    "ask, timeout: 30s }\n";
static const char exec_program[] =
    "\"\"\"NAME: reads JSON lines, writes JSON lines (docs/plugin-protocol.md). stderr goes to "
    "tocsin's log.\"\"\"\n"
    "import json\n"
    "import sys\n"
    "\n"
    "settings = {}\n"
    "\n"
    "\n"
    "def send(message):\n"
    "    sys.stdout.write(json.dumps(message) + \"\\n\")\n"
    "    sys.stdout.flush()\n"
    "\n"
    "\n"
    "def look(args, key):\n"
    "    return \"ok\", {\"greeting\": settings.get(\"greeting\", \"hello\")}\n"
    "\n"
    "\n"
    "def act(args, key):\n"
    "    # `key` is the same for every try of a step: hand it on, or remember it.\n"
    "    if \"what\" not in args:\n"
    "        return \"fail\", {\"code\": \"bad_request\", \"message\": \"missing argument: "
    "what\"}\n"
    "    return \"ok\", {\"did\": args[\"what\"]}\n"
    "\n"
    "\n"
    "ACTIONS = {\"NAME.look\": look, \"NAME.act\": act}\n"
    "\n"
    "for line in sys.stdin:\n"
    "    message = json.loads(line)\n"
    "    if message[\"type\"] == \"describe\":\n"
    "        settings = message[\"settings\"]\n"
    "        send({\"type\": \"described\", \"name\": \"NAME\", \"actions\": "
    "sorted(ACTIONS)})\n"
    "    elif message[\"type\"] == \"start\":\n"
    "        action = ACTIONS.get(message[\"action\"])\n"
    "        outcome, value = action(message[\"args\"], message[\"key\"]) if action else (\n"
    "            \"fail\", {\"code\": \"no_action\", \"message\": \"there is no such "
    "action\"})\n"
    "        send({\"type\": \"result\", \"id\": message[\"id\"], \"outcome\": outcome,\n"
    "              \"result\" if outcome == \"ok\" else \"error\": value})\n";
static const char lua_manifest[] =
    "# What the connector is and what it may do: docs/connectors.md. Reviewed with the "
    "configuration.\n"
    "name: NAME\n"
    "version: 0.1.0\n"
    "summary: What NAME does, in one line\n"
    "lua: NAME.lua\n"
    "concurrency: 4\n"
    "settings:\n"
    "  - { name: url, type: url, need: true, summary: the server }\n"
    "  - { name: token, type: secret, need: true }\n"
    "actions:\n"
    "  - { name: find, summary: \"What is there: { key }\", effect: read }\n"
    "  - { name: create, summary: \"One for each key: { key, title }\", effect: write, doubt: "
    "repeat_safe }\n";
static const char lua_program[] =
    "-- NAME.lua - pure functions from arguments to a request, from the reply to a result: "
    "docs/connectors.md\n"
    "local function ask(method, path, ctx, json, accept)\n"
    "  return http { method = method, url = ctx.settings.url .. path, json = json, accept = "
    "accept,\n"
    "    headers = { Authorization = bearer(ctx.settings.token) } }\n"
    "end\n"
    "\n"
    "local function search(args, ctx)\n"
    "  return ask(\"GET\", \"/things?key=\" .. urlencode(args.key or ctx.case or ctx.key), "
    "ctx)\n"
    "end\n"
    "\n"
    "return connector {\n"
    "  find = {\n"
    "    request = search,\n"
    "    response = function(reply)\n"
    "      return reply.json and reply.json[1] or { found = false }\n"
    "    end,\n"
    "  },\n"
    "  -- Looked for before it is made, so that a repeat makes nothing twice.\n"
    "  create = {\n"
    "    { request = search, response = function(reply)\n"
    "        return reply.json and reply.json[1]\n"
    "      end },\n"
    "    { request = function(args, ctx)\n"
    "        return ask(\"POST\", \"/things\", ctx, { key = args.key or ctx.case or ctx.key, "
    "title = args.title })\n"
    "      end,\n"
    "      response = function(reply)\n"
    "        return { id = reply.json.id }\n"
    "      end },\n"
    "  },\n"
    "}\n";
static const char lua_spec[] =
    "local settings = { url = \"https://things.example\", token = \"secret:NAME\" }\n"
    "return {\n"
    "  { name = \"is there already\", action = \"create\", args = { key = \"k\", title = \"t\" "
    "}, settings = settings,\n"
    "    requests = { { method = \"GET\", url = \"https://things.example/things?key=k\" } },\n"
    "    replies = { { status = 200, json = { { id = 7 } } } }, result = { id = 7 } },\n"
    "  { name = \"looks, then makes it\", action = \"create\", args = { key = \"k\", title = "
    "\"t\" }, settings = settings,\n"
    "    requests = { {}, { method = \"POST\", json = { key = \"k\", title = \"t\" } } },\n"
    "    replies = { { json = {} }, { status = 201, json = { id = 8 } } }, result = { id = 8 } "
    "},\n"
    "  { name = \"none\", action = \"find\", settings = settings, replies = { { json = {} } }, "
    "result = { found = false } },\n"
    "}\n";
static const char c_manifest[] =
    "# What the plugin is and what it may do: docs/plugin-abi.md. Build NAME.so before it is "
    "used (make).\n"
    "name: NAME\n"
    "library: NAME.so\n"
    "concurrency: 4\n"
    "actions:\n"
    "  - { name: look, summary: A look-up that changes nothing, effect: read }\n";
static const char c_program[] =
    "/* NAME.c - a plugin of tocsin: docs/plugin-abi.md, include/tocsin/plugin.h. */\n"
    "#include <string.h>\n"
    "#include <tocsin/plugin.h>\n"
    "\n"
    "static void look(struct tocsin_call *call)\n"
    "{\n"
    "    static const char result[] = \"{\\\"greeting\\\":\\\"hello\\\"}\";\n"
    "\n"
    "    call->host->complete(call->handle, TOCSIN_OK, result, strlen(result));\n"
    "}\n"
    "\n"
    "static const struct tocsin_action action_look = {\n"
    "    TOCSIN_ACTION_HEAD, TOCSIN_EFFECT_NONE, 0, 0, 0, 0, \"look\", \"A look-up\", 0, 0, "
    "look, 0, 0};\n"
    "static const struct tocsin_action *const actions[] = {&action_look, 0};\n"
    "static const struct tocsin_plugin plugin = {\n"
    "    TOCSIN_PLUGIN_HEAD, \"NAME\", \"0.1.0\", \"Apache-2.0\", actions, 0, 0};\n"
    "\n"
    "const struct tocsin_plugin *tocsin_plugin_entry(void)\n"
    "{\n"
    "    return &plugin;\n"
    "}\n";
static const char c_make[] =
    "# tocsin-plugin.pc comes with `cmake --install BUILD --component plugin`.\n"
    "NAME.so: NAME.c\n"
    "\t$(CC) -std=c11 -Wall -Wextra -O2 -fPIC -shared $$(pkg-config --cflags tocsin-plugin) -o "
    "$@ $<\n";

struct draft {
    const char *file, *text;
};

static const struct {
    const char *kind;
    struct draft drafts[3];
} kinds[] = {
    {"exec", {{"manifest.yaml", exec_manifest}, {"NAME.py", exec_program}}},
    {"lua",
     {{"manifest.yaml", lua_manifest}, {"NAME.lua", lua_program}, {"NAME_spec.lua", lua_spec}}},
    {"c", {{"manifest.yaml", c_manifest}, {"NAME.c", c_program}, {"Makefile", c_make}}},
};

static void fill(struct tsn_buf *out, const char *text, const char *name)
{
    for (const char *at; (at = strstr(text, "NAME")) != NULL; text = at + 4) {
        (void)tsn_buf_put(out, text, (size_t)(at - text));
        (void)tsn_buf_puts(out, name);
    }
    (void)tsn_buf_puts(out, text);
}

static int write_new(struct tsn_cli *cli, const char *dir, const char *name,
                     const struct draft *d)
{
    struct tsn_buf path, text;
    int rc = 0;

    tsn_buf_init(&path, 4096);
    tsn_buf_init(&text, 1u << 16);
    (void)tsn_buf_printf(&path, "%s/", dir);
    fill(&path, d->file, name);
    fill(&text, d->text, name);
    FILE *f = fopen(path.data, "wxe"); /* never over what is there */
    bool good = f && fwrite(text.data, 1, text.len, f) == text.len;
    if (f)
        good = fclose(f) == 0 && good;
    if (!good)
        rc = tsn_out_failf(cli, TSN_EXIT_CONFLICT, TSN_ECONFLICT, "M041", "choose another name",
                           "%s cannot be made: %s", path.data, strerror(errno));
    tsn_buf_free(&path);
    tsn_buf_free(&text);
    return rc;
}

int tsn_cmd_plugin_new(struct tsn_cli *cli)
{
    const char *arg = cli->arg[0], *slash = strrchr(arg, '/'), *name = slash ? slash + 1 : arg;
    const char *kind = cli->given & TSN_BIT(TSN_FLAG_KIND) ? cli->flag[TSN_FLAG_KIND] : "lua";
    size_t k = 0, n = sizeof(kinds) / sizeof(kinds[0]);
    int rc = 0;

    while (k < n && strcmp(kinds[k].kind, kind) != 0)
        k++;
    if (k == n)
        return tsn_out_failf(cli, TSN_EXIT_USAGE, TSN_EINPUT, "U002", "exec, c or lua",
                             "there is no kind `%s`", kind);
    if (!*name || strlen(name) > 40 ||
        strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(name))
        return tsn_out_failf(
            cli, TSN_EXIT_USAGE, TSN_EINPUT, "M041", "tocsin plugin new my_plugin",
            "`%s` cannot be a plugin's name: small letters, digits and _", name);
    if (mkdir(arg, 0777) != 0 && errno != EEXIST)
        return tsn_out_failf(cli, TSN_EXIT_FAILED, TSN_EIO, "M041", "", "%s: %s", arg,
                             strerror(errno));
    for (size_t i = 0; i < 3 && kinds[k].drafts[i].file && !rc; i++)
        rc = write_new(cli, arg, name, &kinds[k].drafts[i]);
    if (rc)
        return rc;
    if (cli->json) {
        json_t *out = json_pack("{s:s, s:s, s:s}", "name", name, "dir", arg, "kind", kind);
        tsn_out_json(cli, out);
        json_decref(out);
    }
    tsn_out_say(cli, "Next:  %stocsin plugin test %s", *kind == 'c' ? "make there, then  " : "",
                arg);
    return tsn_out_end(cli, TSN_EXIT_OK);
}
