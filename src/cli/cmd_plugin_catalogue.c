/* cmd_plugin_catalogue.c - `tocsin plugin catalogue`: docs/catalogue.md out of the manifests. No daemon.
 *
 * What each plugin can touch, what happens when nobody knows whether it did, and what takes it back. Reads
 * manifests only. One thread.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/out.h"
#include "cli/plugin_check.h"

static int compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A cell: no bar, no line end. */
static void cell(const char *text)
{
    for (; text && *text; text++) {
        if (*text == '|')
            (void)fputs("\\|", stdout);
        else
            (void)putchar(*text == '\n' ? ' ' : *text);
    }
}

static const char *verb_of(const char *action)
{
    const char *dot = action ? strrchr(action, '.') : NULL;

    return dot ? dot + 1 : "";
}

static void listed(const char *what, const char *const *list, bool *any)
{
    for (size_t i = 0; list && list[i]; i++) {
        (void)printf("%s%s`%s`",
                     i      ? ", "
                     : *any ? "; "
                            : "Its requests may go to ",
                     i ? "" : what, list[i]);
        *any = true;
    }
}

/* What plugin_reach.h lets a connector ask for. */
static void reach_of(const struct tsn_manifest *m)
{
    bool any = false;
    if (!m->lua)
        return;
    listed("", m->reach_hosts, &any);
    listed("programs ", m->reach_programs, &any);
    listed("mail to ", m->reach_mail, &any);
    (void)printf("%s what its settings name.\n\n", any ? "; and to" : "Its requests go to");
}

static void settings_of(const struct tsn_manifest *m)
{
    if (m->nsettings == 0)
        return;
    (void)printf("Settings: ");
    for (size_t i = 0; i < m->nsettings; i++) {
        const struct tsn_setting *s = &m->settings[i];

        (void)printf("%s`%s` (%s%s)", i ? ", " : "", s->name, s->type,
                     s->need ? ", needed" : "");
        if (s->summary) {
            (void)printf(" ");
            cell(s->summary);
        }
    }
    (void)printf(".\n\n");
}

static void one(const struct tsn_manifest *m)
{
    (void)printf("## %s\n\n", m->name);
    (void)printf("%s. %s.\n\n", m->summary && *m->summary ? m->summary : "No summary",
                 m->lua       ? "Lua connector"
                 : m->library ? "C plugin"
                              : "Program");
    settings_of(m);
    reach_of(m);
    (void)printf("| action | touches | in doubt | plan | undo | what it does |\n"
                 "| --- | --- | --- | --- | --- | --- |\n");
    for (size_t i = 0; i < m->nactions; i++) {
        const struct tsn_action *a = &m->actions[i];

        (void)printf("| `%s` | %s%s | %s | ", a->name, tsn_plugin_touches(a),
                     a->irreversible ? ", for good" : "", tsn_plugin_doubt(a));
        (void)printf(a->plan ? "`%s` | " : "%s| ", a->plan ? verb_of(a->plan) : "");
        (void)printf(a->undo ? "`%s` | " : "%s| ", a->undo ? verb_of(a->undo) : "");
        cell(a->summary);
        (void)printf(" |\n");
    }
    (void)printf("\n");
}

int tsn_cmd_plugin_catalogue(struct tsn_cli *cli)
{
    const char *dir = cli->nargs ? cli->arg[0] : tsn_place_shared(cli->arena, "plugins");
    const char *names[256];
    size_t n = 0;
    DIR *d = dir ? opendir(dir) : NULL;
    struct dirent *e;

    if (!d)
        return tsn_out_failf(cli, TSN_EXIT_NOT_FOUND, TSN_ENOTFOUND, "M040",
                             "give the folder that holds them: tocsin plugin catalogue DIR",
                             "no plugins folder%s%s", dir ? " at " : "", dir ? dir : "");
    while ((e = readdir(d)) != NULL && n < 256) {
        if (e->d_name[0] != '.')
            names[n++] = tsn_arena_strdup(cli->arena, e->d_name);
    }
    closedir(d);
    qsort(names, n, sizeof(names[0]), compare);
    (void)printf("# Plugins that come with tocsin\n\n"
                 "Made by `tocsin plugin catalogue` from the manifests; a test compares. "
                 "*Touches*: read looks, write changes "
                 "something outside, send tells people or systems outside something. *In "
                 "doubt*: what tocsin does when nobody "
                 "knows whether a call took effect (`repeat_safe` calls again with the same "
                 "key, `probe` asks the other side, "
                 "`ask` asks a person). `plan` is a look-up that says what the action would "
                 "do, `undo` takes it back.\n\n");
    for (size_t i = 0; i < n; i++) {
        struct tsn_manifest m;
        struct tsn_diag diag;
        const char *path = tsn_arena_printf(cli->arena, "%s/%s", dir, names[i]);

        tsn_diag_init(&diag);
        /* The declaration alone: a library need not be built, a program not be installed. */
        if (tsn_manifest_declared(cli->arena, path, &m, &diag) == 0)
            one(&m);
        else if (diag.err != TSN_ENOTFOUND)
            return tsn_out_fail(cli, TSN_EXIT_PROBLEMS, &diag);
    }
    return tsn_out_end(cli, TSN_EXIT_OK);
}
