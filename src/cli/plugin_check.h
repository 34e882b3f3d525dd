/* plugin_check.h - what the plugin commands share. One thread. */
#pragma once

#include "action/plugin_manifest.h"
#include "cli/cli.h"

/* By folder or by the name of one that comes with tocsin; *dir: its folder, absolute. M040, R050. */
tsn_err tsn_plugin_read(struct tsn_cli *cli, const char *what, const char **dir,
                        struct tsn_manifest *out, struct tsn_diag *diag);
/* cmd_plugin_spec.c: a Lua connector's functions against its manifest and its NAME_spec.lua; each check goes to
 * `said`. Blocks; before a loop of the process runs. */
void tsn_plugin_specs(struct tsn_cli *cli, const struct tsn_manifest *m, const char *dir,
                      void (*said)(void *user, bool good, const char *what, const char *why),
                      void *user);
/* Where a plugin of the configuration lies: its `dir`, else where plugins are installed. */
const char *tsn_plugin_dir(struct tsn_cli *cli, const char *name, const char *dir);
const char *tsn_plugin_folder(struct tsn_cli *cli, const char *what);
/* "read", "write" or "send". */
const char *tsn_plugin_touches(const struct tsn_action *a);
const char *tsn_plugin_doubt(const struct tsn_action *a);
