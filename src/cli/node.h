/* node.h - the daemon: everything started in one order and stopped in the reverse one.
 * Main thread, which becomes the loop thread. */
#pragma once

#include "cli/config.h"

struct tsn_node_config {
    const struct tsn_config *config;
    const char *shared_playbooks, *shared_plugins, *shared_templates,
        *shared_policies; /* NULL = not installed */
    bool verbose;
};
/* Runs until SIGTERM or SIGINT. Returns 0, or an error that diag explains. */
tsn_err tsn_node_run(const struct tsn_node_config *in, struct tsn_diag *diag);
