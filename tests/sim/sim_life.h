/* sim_life.h - one simulated life of a run, judged. */
#pragma once

#include "sim_scenes.h"
#include <stdint.h>

struct tsn_store;

struct sim_life {
    uint64_t trace;   /* digest of all that happened */
    uint64_t history; /* of what a reader of the run sees of it */
    unsigned crashes;
};

/* Plays `scene` with this seed in an empty store and a folder with its playbooks; ends the process when
 * something is not as it must be. `hostile`: workers lie, and only effects are judged. */
void sim_live(const struct sim_scene *scene, const char *dir, uint64_t seed,
              struct tsn_store *st, bool faults, bool hostile, struct sim_life *life);
/* Says what is wrong with which seed, and ends the process. */
__attribute__((format(printf, 1, 2), noreturn)) void sim_die(const char *fmt, ...);
