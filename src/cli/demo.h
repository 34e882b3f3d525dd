/* demo.h - what the demo's parts share: its folder, its processes, and the one way it does things,
 * which is to run this program's own commands as the people of the story would.
 * Private to src/cli. One thread; blocks. */
#pragma once

#include <sys/types.h>
#include "cli/cli.h"

struct tsn_demo {
    struct tsn_cli *cli;
    const char *dir, *config, *self; /* absolute */
    pid_t serve, provider;           /* 0 = not running */
    int provider_port;
    bool ask; /* a person at the terminal decides the approval */
    int64_t began_ms;
};

/* --- demo_run.c: processes -------------------------------------------------------------- */

/* Runs `tocsin ARGS --config ... --json` as `person` (NULL: the operator). The words are shown
 * as a person would type them when `show`. *out (optional) gets the JSON of stdout. Returns the
 * exit code, -1 when it could not be run. `args` is NULL-terminated. */
int tsn_demo_tocsin(struct tsn_demo *d, bool show, const char *person, const char *const *args,
                    json_t **out);
/* The same with the human output passed through, indented. */
int tsn_demo_print(struct tsn_demo *d, const char *const *args);
int tsn_demo_serve(struct tsn_demo *d); /* starts, waits until ready; 0 or an exit code */
void tsn_demo_kill(struct tsn_demo *d); /* kill -9 of the daemon */
int tsn_demo_provider(struct tsn_demo *d, const char *folder); /* python3 -m http.server */
void tsn_demo_end(struct tsn_demo *d);                         /* stops everything */

/* --- demo_files.c ------------------------------------------------------------------------- */

/* Folder, configuration, empty database. */
int tsn_demo_files(struct tsn_demo *d);

void tsn_demo_say(struct tsn_demo *d, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* A headline with the time since the demo began. */
void tsn_demo_chapter(struct tsn_demo *d, const char *title);
