/* plugin_manifest.h - plugins/NAME/manifest.yaml: the program or library and what it can do. Reads a file:
 * before the loop runs. Everything lives in the arena. */
#pragma once

#include "action/action.h"

/* A setting that the plugin knows. Types: text, url (http or https), number, flag, secret (a handle), list,
 * any. */
struct tsn_setting {
    const char *name, *type, *summary;
    bool need;
};

struct tsn_manifest {
    const char *name, *version, *summary;
    const char *const *argv; /* NULL-terminated; argv[0] absolute; our host for others */
    const char *lua;         /* file of a Lua connector, as in the manifest; else NULL */
    const char *library;     /* of a C plugin, as in the manifest; else NULL */
    int64_t concurrency;     /* calls at once; 1 to 64 */
    const char *const *reach_hosts, *const *reach_programs,
                                        *const *reach_mail; /* plugin_reach.h */
    const struct tsn_action *actions; /* names are NAME.verb; start, cancel, user not set */
    size_t nactions;
    const struct tsn_setting *settings; /* NULL: it does not say; anything goes */
    size_t nsettings;
};

/* Where an action of a plugin that is configured so goes to: `internal` and `goes_to`. The URL is borrowed from
 * the settings. */
void tsn_manifest_reach(struct tsn_action *a, bool internal, const json_t *settings);
/* Do these settings (an object) fit? R056. */
tsn_err tsn_manifest_settings(const struct tsn_manifest *m, const json_t *settings,
                              struct tsn_diag *diag);
/* `name` NULL: the one the manifest says, else its folder's. */
tsn_err tsn_manifest_read(struct tsn_arena *arena, const char *dir, const char *name,
                          struct tsn_manifest *out, struct tsn_diag *diag);
/* The same without program, library and file being there: what is declared. argv is not set. */
tsn_err tsn_manifest_declared(struct tsn_arena *arena, const char *dir,
                              struct tsn_manifest *out, struct tsn_diag *diag);
