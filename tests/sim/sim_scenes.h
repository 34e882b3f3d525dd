/* sim_scenes.h - what the simulated runs do, and what must be true of each when it is over. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct sim_scene {
    const char *name;
    const char *text;              /* main.lua */
    bool children;                 /* child.lua and broken.lua stand beside it */
    bool cancelled;                /* a person cancels it at some time */
    const char *state;             /* it ends as; cancelled: it may have finished before */
    const char *result;            /* NULL = none */
    const char *const *taken_back; /* names of effects that must be undone, once; NULL = none */
};

extern const char sim_child_text[], sim_broken_text[];
const struct sim_scene *sim_scenes(size_t *n);
/* The scene that this seed plays. */
const struct sim_scene *sim_scene_of(unsigned long long seed);
