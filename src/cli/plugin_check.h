/* plugin_check.h - what the plugin commands share. One thread. */
#pragma once

#include "action/plugin_manifest.h"
#include "cli/cli.h"

/* By folder or by the name of one that comes with tocsin; *dir: its folder, absolute. M040, R050. */
tsn_err tsn_plugin_read(struct tsn_cli *cli, const char *what, const char **dir,
                        struct tsn_manifest *out, struct tsn_diag *diag);
const char *tsn_plugin_folder(struct tsn_cli *cli, const char *what);
const char *tsn_plugin_doubt(const struct tsn_action *a);
