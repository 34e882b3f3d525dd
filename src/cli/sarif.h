/* sarif.h - findings as one SARIF 2.1.0 document on standard output. Private to src/cli. */
#pragma once

#include "cli/cli.h"

/* A path as a URI reference. In the arena. */
const char *tsn_sarif_uri(struct tsn_cli *cli, const char *path);
/* rules: id -> rule object. Both borrowed. */
void tsn_sarif_print(const json_t *rules, const json_t *results);
