/* dry.h - a dry run that does not lie: what is known, what would be done, and where nobody can know.
 *
 * The playbook runs in a simulation. Changes of our own records are played on scratch copies, so their
 * results are known. What connectors would do is listed and not done; a result that nobody gave is unknown,
 * and the run ends where the playbook looks into it. People decide as assumed; where nothing is assumed an
 * approval is followed both ways, and a question ends that path. Blocks; one thread.
 */
#pragma once

#include "author/sim.h"

struct tsn_dry_config {
    const struct tsn_sim_config *sim; /* dry is set here */
    const char *playbook;
    const json_t *what; /* as tsn_sim_start takes it */
    /* { "triage": { "severity": "high" }, "contain": "approve", "edge.plan_block": {...}, "wait:fixed":
     * "timeout" or {...} } */
    const json_t *assume;
};

/* *out: { playbook, complete, acts, lines: [ { says: known acts assumed looked unknown asks waits stops fails ends,
 * step, kind, name, args, effect, irreversible, undo, text, hint, line } ], otherwise: [ { id, lines,
 * complete } ] }: `otherwise` is what follows a rejection of each approval that was followed both ways. New
 * reference. */
tsn_err tsn_dry_run(const struct tsn_dry_config *config, json_t **out, struct tsn_diag *diag);
