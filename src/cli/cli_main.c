/* cli_main.c - the program `tocsin`: flags over getopt_long, the command's row, one exit.
 *
 * Owns the parsed command line. One thread; `serve` starts others.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include "cli/cli.h"
#include "cli/out.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/crypto.h"
#include "core/json.h"
#include "core/text.h"

enum common {
    C_JSON,
    C_UTC,
    C_NO_INPUT,
    C_SERVER,
    C_SOCKET,
    C_CONFIG,
    C_DATA,
    C_AS,
    C_TIMEOUT,
    C_COLOR,
    C_NO_COLOR,
    C_VERSION,
    C_QUIET,
    C_VERBOSE,
    C_YES,
    C_HELP,
    C_COUNT
};
const struct tsn_flag_info tsn_common_flags[] = {
    [C_JSON] = {"json", NULL, "JSON on stdout, errors too (on stderr)"},
    [C_UTC] = {"utc", NULL, "times in UTC, not local"},
    [C_NO_INPUT] = {"no-input", NULL, "never ask on the terminal"},
    [C_SERVER] = {"server", "URL", "another tocsin; token from TOCSIN_TOKEN_FILE"},
    [C_SOCKET] = {"socket", "PATH", "its Unix socket"},
    [C_CONFIG] = {"config", "FILE", "tocsin.yaml, or the directory it is in"},
    [C_DATA] = {"data", "DIR", "data directory"},
    [C_AS] = {"as", "PERSON", "act as this person (daemon's owner, Unix socket)"},
    [C_TIMEOUT] = {"timeout", "DURATION", "give up after this long (30s)"},
    [C_COLOR] = {"color", "auto|always|never", "NO_COLOR and TERM=dumb count too"},
    [C_NO_COLOR] = {"no-color", NULL, "same as --color never"},
    [C_VERSION] = {"version", NULL, "same as `tocsin version`"},
    [C_QUIET] = {"quiet", NULL, "-q: nothing on success"},
    [C_VERBOSE] = {"verbose", NULL, "-v: what was sent and received"},
    [C_YES] = {"yes", NULL, "-y: do not ask for confirmation"},
    [C_HELP] = {"help", NULL, "-h: this page"},
    [C_COUNT] = {NULL, NULL, NULL},
};

/* --- flags ------------------------------------------------------------------------------- */

static int usage(struct tsn_cli *cli, const char *code, const char *hint, const char *what)
{
    return tsn_out_failf(cli, TSN_EXIT_USAGE, TSN_EINPUT, code, hint, "%s", what);
}

static int bad_flag(struct tsn_cli *cli, const char *word)
{
    const char *names[TSN_FLAGS + C_COUNT];
    size_t n = 0;
    for (int i = 0; i < TSN_FLAGS; i++)
        names[n++] = tsn_flag_infos[i].name;
    for (int i = 0; i < C_COUNT; i++)
        names[n++] = tsn_common_flags[i].name;
    const char *bare = word;
    while (*bare == '-')
        bare++;
    const char *name = tsn_arena_strndup(cli->arena, bare, strcspn(bare, "="));
    const char *near = tsn_suggest(name, names, n);
    return usage(cli, "U002",
                 near ? tsn_arena_printf(cli->arena, "Did you mean --%s?", near)
                      : "`tocsin help COMMAND` lists its flags.",
                 tsn_arena_printf(cli->arena, "there is no flag %s", word));
}

static int take_common(struct tsn_cli *cli, int which, const char *value)
{
    switch ((enum common)which) {
    case C_JSON:
        cli->json = true;
        break;
    case C_UTC:
        cli->utc = true;
        break;
    case C_NO_INPUT:
        cli->no_input = true;
        break;
    case C_SERVER:
        cli->server = value;
        break;
    case C_SOCKET:
        cli->socket = value;
        break;
    case C_CONFIG:
        cli->config_file = value;
        break;
    case C_DATA:
        cli->data = value;
        break;
    case C_AS:
        cli->as = value;
        if (!tsn_word_ok(value, 64))
            return usage(cli, "U002", "", "--as wants the id of a person");
        break;
    case C_TIMEOUT:
        if (tsn_duration_parse(value, &cli->timeout_ms) || cli->timeout_ms <= 0)
            return usage(cli, "U002", "Durations have units: 500ms, 30s, 10m, 2h.",
                         tsn_arena_printf(cli->arena, "--timeout %s is not a duration", value));
        break;
    case C_COLOR:
        if (strcmp(value, "auto") == 0)
            cli->colour = TSN_COLOUR_AUTO;
        else if (strcmp(value, "always") == 0)
            cli->colour = TSN_COLOUR_ALWAYS;
        else if (strcmp(value, "never") == 0)
            cli->colour = TSN_COLOUR_NEVER;
        else
            return usage(cli, "U002", "", "--color is auto, always or never");
        break;
    case C_NO_COLOR:
        cli->colour = TSN_COLOUR_NEVER;
        break;
    case C_VERSION:
        cli->command = tsn_command_find("version");
        break;
    case C_QUIET:
        cli->quiet = true;
        break;
    case C_VERBOSE:
        cli->verbose = true;
        break;
    case C_YES:
        cli->yes = true;
        break;
    case C_HELP:
        cli->help = true;
        break;
    case C_COUNT:
        break;
    }
    return 0;
}

static int take_flag(struct tsn_cli *cli, int which, const char *value)
{
    cli->given |= TSN_BIT(which);
    cli->flag[which] = value ? value : "";
    if (which == TSN_FLAG_SET || which == TSN_FLAG_INPUT || which == TSN_FLAG_ASSUME ||
        which == TSN_FLAG_INDICATOR || which == TSN_FLAG_TRUST || which == TSN_FLAG_WITNESS) {
        const char **list = which == TSN_FLAG_INDICATOR ? cli->indicator
                            : which == TSN_FLAG_TRUST   ? cli->trust
                            : which == TSN_FLAG_WITNESS ? cli->witness
                                                        : cli->set;
        size_t *n = which == TSN_FLAG_INDICATOR ? &cli->nindicator
                    : which == TSN_FLAG_TRUST   ? &cli->ntrust
                    : which == TSN_FLAG_WITNESS ? &cli->nwitness
                                                : &cli->nset;
        if (*n == TSN_LIST_MAX)
            return usage(cli, "U002", "", "a flag comes too often");
        list[(*n)++] = value;
    }
    return 0;
}

#define FIRST_FLAG   1000
#define FIRST_COMMON 2000

static void long_options(struct option *options)
{
    size_t n = 0;
    for (int i = 0; i < TSN_FLAGS; i++)
        options[n++] = (struct option){
            tsn_flag_infos[i].name, tsn_flag_infos[i].value ? required_argument : no_argument,
            NULL, FIRST_FLAG + i};
    for (int i = 0; i < C_COUNT; i++)
        options[n++] =
            (struct option){tsn_common_flags[i].name,
                            tsn_common_flags[i].value ? required_argument : no_argument, NULL,
                            FIRST_COMMON + i};
    options[n] = (struct option){NULL, 0, NULL, 0};
}

/* `-outcome:ok` is a term of a query and no bundle of flags; `!` means the same and is none. */
static void keep_terms(struct tsn_cli *cli, int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        size_t letters =
            argv[i][0] == '-' ? strspn(argv[i] + 1, "abcdefghijklmnopqrstuvwxyz") : 0;
        if (letters > 1 && argv[i][letters + 1] == ':')
            argv[i] = tsn_arena_printf(cli->arena, "!%s", argv[i] + 1);
    }
}

static int parse_flags(struct tsn_cli *cli, int argc, char **argv)
{
    struct option options[TSN_FLAGS + C_COUNT + 1];
    keep_terms(cli, argc, argv);
    long_options(options);
    opterr = 0;
    for (;;) {
        int at = optind;
        int c = getopt_long(argc, argv, ":qvyh", options, NULL);
        int rc = 0;
        if (c == -1)
            return 0;
        if (c == ':')
            rc = usage(cli, "U002", "",
                       tsn_arena_printf(cli->arena, "%s needs a value", argv[optind - 1]));
        else if (c == '?')
            rc = bad_flag(cli, optopt && optopt < FIRST_FLAG
                                   ? tsn_arena_printf(cli->arena, "-%c", optopt)
                                   : argv[at < optind - 1 ? optind - 1 : at]);
        else if (c >= FIRST_COMMON)
            rc = take_common(cli, c - FIRST_COMMON, optarg);
        else if (c >= FIRST_FLAG)
            rc = take_flag(cli, c - FIRST_FLAG, optarg);
        else
            rc = take_common(cli,
                             c == 'q'   ? C_QUIET
                             : c == 'v' ? C_VERBOSE
                             : c == 'y' ? C_YES
                                        : C_HELP,
                             NULL);
        if (rc)
            return rc;
    }
}

/* --- the command ------------------------------------------------------------------------- */

#define NAMES_MAX 512 /* names looked at for a suggestion */

static int unknown_command(struct tsn_cli *cli, const char *one, const char *two)
{
    const char *names[NAMES_MAX];
    size_t n = 0, len = strlen(one);
    struct tsn_command_place at;
    const struct tsn_command *c;
    struct tsn_buf can; /* what may follow when `one` is the first word of several: `case` */

    tsn_buf_init(&can, 1024);
    tsn_command_first(&at);
    while ((c = tsn_command_next(&at))) {
        if (n < NAMES_MAX)
            names[n++] = c->words;
        if (strncmp(c->words, one, len) == 0 && c->words[len] == ' ')
            (void)tsn_buf_printf(&can, "%s%s", can.len ? ", " : "", c->words + len + 1);
    }
    const char *follow = can.len ? tsn_arena_strdup(cli->arena, can.data) : NULL;
    tsn_buf_free(&can);
    if (follow)
        return usage(cli, "U001", tsn_arena_printf(cli->arena, "%s can: %s", one, follow),
                     two ? tsn_arena_printf(cli->arena, "%s has no `%s`", one, two)
                         : tsn_arena_printf(cli->arena, "`%s` needs one more word", one));
    const char *both = two ? tsn_arena_printf(cli->arena, "%s %s", one, two) : one;
    const char *near = tsn_suggest(both, names, n);
    if (!near)
        near = tsn_suggest(one, names, n);
    return usage(cli, "U001",
                 near ? tsn_arena_printf(cli->arena, "Did you mean `tocsin %s`?", near)
                      : "`tocsin help` lists the commands.",
                 tsn_arena_printf(cli->arena, "there is no command `%s`", one));
}

static int find_command(struct tsn_cli *cli, int argc, char **argv)
{
    int at = optind;
    if (cli->command)
        return 0;
    if (at >= argc) {
        cli->command = tsn_command_find("help"); /* bare `tocsin` */
        cli->help = false;
        return 0;
    }
    const char *one = argv[at], *two = at + 1 < argc ? argv[at + 1] : NULL;
    if (two)
        cli->command = tsn_command_find(tsn_arena_printf(cli->arena, "%s %s", one, two));
    if (cli->command) {
        at += 2;
    } else {
        cli->command = tsn_command_find(one);
        if (!cli->command)
            return unknown_command(cli, one, two);
        at++;
    }
    for (; at < argc; at++) {
        if (cli->nargs == sizeof(cli->arg) / sizeof(cli->arg[0]))
            return usage(cli, "U003", "", "too many arguments");
        cli->arg[cli->nargs++] = argv[at];
    }
    return 0;
}

static int check_command(struct tsn_cli *cli)
{
    const struct tsn_command *c = cli->command;
    const char *hint = tsn_arena_printf(cli->arena, "For example: %s", c->example);
    tsn_flagset wrong = cli->given & ~c->flags;
    for (int i = 0; wrong && i < TSN_FLAGS; i++) {
        if (wrong & TSN_BIT(i))
            return usage(cli, "U002", hint,
                         tsn_arena_printf(cli->arena, "`%s` does not take --%s", c->words,
                                          tsn_flag_infos[i].name));
    }
    if (cli->nargs < c->least)
        return usage(cli, "U003", hint,
                     tsn_arena_printf(cli->arena, "`%s` needs %s", c->words, c->args));
    if (cli->nargs > c->most)
        return usage(
            cli, "U003", hint,
            tsn_arena_printf(cli->arena, "`%s` takes no `%s`", c->words, cli->arg[c->most]));
    return 0;
}

int main(int argc, char **argv)
{
    struct tsn_cli cli = {.arena = tsn_arena_new()};
    tsn_crypto_init();
    tsn_json_init();
    /* Errors of the parsing itself follow --json too, wherever it stands. */
    for (int i = 1; i < argc; i++)
        cli.json = cli.json || strcmp(argv[i], "--json") == 0;
    int rc = parse_flags(&cli, argc, argv);
    tsn_out_init(&cli);
    if (!rc)
        rc = find_command(&cli, argc, argv);
    if (!rc && cli.help)
        rc = tsn_help_command(&cli, cli.command);
    else if (!rc && !(rc = check_command(&cli)))
        rc = cli.command->run(&cli);
    rc = tsn_out_end(&cli, rc);
    tsn_arena_destroy(cli.arena);
    return rc;
}
