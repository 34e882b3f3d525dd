/* plan.h - a task as a person must see it before deciding: what, why, effect, undo, digest.
 * One thread. */
#pragma once

#include "cli/cli.h"

void tsn_plan_print(struct tsn_cli *cli, FILE *to, const json_t *task);
/* The step's arguments inside a task: title, role, show, fields ... (borrowed). */
const json_t *tsn_plan_spec(const json_t *task);
