/* spec.h - runs one *_spec.lua: its Lua in a confined worker, what it plays in a simulation.
 *
 * Each test has a simulation of its own. With crash_each_step a test that passes is played a second time
 * with a crash behind every outcome that is committed, and must pass again with the same visible history
 * and the same calls. Blocks; one thread.
 */
#pragma once

#include "author/sim.h"
#include "author/workshop.h"

struct tsn_spec_result {
    const char *name; /* "customer incident rejects containment ..." */
    bool ok;
    bool crashing; /* failed only in the life with crashes */
    const char *code, *message, *hint, *file;
    int line;
    int64_t took_ms;  /* real time */
    int64_t outcomes; /* steps committed in the first life */
    int64_t crashes;  /* in the second one */
};

struct tsn_spec_config {
    const struct tsn_sim_config *sim;
    const char *fixtures; /* folder of fixture "name" */
    const char *file;     /* name in the bundle */
    const json_t *bundle;
    const char *filter; /* only tests whose name has this; NULL = all */
    bool crash_each_step;
    void (*on_result)(const struct tsn_spec_result *r, void *user); /* as each test ends */
    void *user;
};

/* TSN_EINPUT, TSN_EKILLED: the spec itself does not load or went wrong outside of a test. */
tsn_err tsn_spec_run(struct tsn_workshop *w, const struct tsn_spec_config *config,
                     struct tsn_diag *diag);
