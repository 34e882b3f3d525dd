/* connector.h - the Lua connector of one process: calls of the plugin protocol, played in boxes.
 *
 * Speaks docs/plugin-protocol.md for a file of pure functions (author/35_connector.lua). A call is a list of
 * stages; each is computed in a box of its own, and its request goes to the core as `do`. Holds no secret: the
 * settings have handles, and the core fills in values. Main thread.
 */
#pragma once

#include <jansson.h>
#include "core/err.h"

struct tsn_connector;

/* `name`: the plugin's; `file`: the source's own name for messages. `say` sends one message (takes it). */
tsn_err tsn_connector_open(struct tsn_connector **out, const char *name, const char *file,
                           const char *source, void (*say)(json_t *message));
void tsn_connector_close(struct tsn_connector *c);
/* One message of the core. TSN_EINPUT: not the protocol. */
tsn_err tsn_connector_message(struct tsn_connector *c, const json_t *m);
