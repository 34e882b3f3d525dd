/* playbook_world.h - the world that author's commands play in: people, products, customers, connectors.
 *
 * From the configuration that --config or TOCSIN_CONFIG names, else one that is built in, so that specs
 * of the shipped playbooks mean the same everywhere. Everything lives in the command line's arena.
 * Private to src/cli. One thread; reads files.
 */
#pragma once

#include "author/sim.h"
#include "author/workshop.h"
#include "cli/config.h"
#include "cli/out.h"

struct tsn_world {
    const struct tsn_config *config;
    struct tsn_sim_config sim; /* playbook_dir set */
    const char *fixtures;      /* folder beside the playbooks */
};

/* `dir`: the playbooks' folder; NULL = the configuration's, else as installed. 0, or the message is out
 * and this is the exit code. */
int tsn_world_load(struct tsn_cli *cli, const char *dir, struct tsn_world *out);
/* A playbook by name ("customer-incident") or path: its folder and its name, in the arena; dir NULL for a
 * bare name. */
void tsn_world_name(struct tsn_cli *cli, const char *arg, const char **dir, const char **name);

/* A world with a worker that looks at files; what lint, list and new share. */
struct tsn_shop {
    struct tsn_cli *cli;
    struct tsn_world world;
    struct tsn_workshop *workshop; /* the caller closes it */
};
/* As tsn_world_load. */
int tsn_shop_open(struct tsn_shop *s, struct tsn_cli *cli, const char *dir);
