/* cmd_config.h - what commands share that begin with the configuration. One thread. */
#pragma once

#include "cli/cli.h"
#include "cli/config.h"

/* Loads it, or says why not and gives the exit code. `path` NULL: there is none (U008). */
int tsn_cmd_load(struct tsn_cli *cli, const char *path, int exit_code,
                 struct tsn_config **config);
