/* plugin_reach.h - where the requests of a Lua connector may go: hosts, programs, mail addresses. Loop thread.
 *
 * What its manifest lists under `reach:`, which is reviewed and pinned with it, and what its own settings name:
 * addresses (also such as lie in a secret) by their origin, mail addresses. Nothing else, whatever the
 * connector's functions say.
 */
#pragma once

#include "action/plugin_manifest.h"
#include "core/yaml.h"

/* reach: { hosts: [ api.example ], programs: [ whois ], mail: [ "@acme.example", soc@b.example, any ] } of a
 * manifest. hosts: https on its usual port. R050. */
tsn_err tsn_plugin_reach_read(struct tsn_arena *arena, const struct tsn_yaml *root,
                              struct tsn_manifest *out, struct tsn_diag *diag);
/* May this connector make this request, with all secrets in their places? TSN_EDENIED, R059. */
tsn_err tsn_plugin_reach_check(const struct tsn_manifest *m, const json_t *settings,
                               const char *action, const json_t *args, struct tsn_diag *diag);
