/* plugin_manifest.h - plugins/NAME/manifest.yaml: the program or library and what it can do. Reads a file:
 * before the loop runs. Everything lives in the arena. */
#pragma once

#include "action/action.h"

struct tsn_manifest {
    const char *name, *version, *summary;
    const char *const *argv; /* NULL-terminated; argv[0] absolute; for a library our host */
    const char *library;     /* of a C plugin, as in the manifest; else NULL */
    int64_t concurrency;     /* calls at once; 1 to 64 */
    const struct tsn_action *actions; /* names are NAME.verb; start, cancel, user not set */
    size_t nactions;
};

/* `name` NULL: the one the manifest says, else its folder's. */
tsn_err tsn_manifest_read(struct tsn_arena *arena, const char *dir, const char *name,
                          struct tsn_manifest *out, struct tsn_diag *diag);
