/* plugin_express.h - what a Lua connector cannot know itself: secrets, and what is computed from them.
 *
 * In a request an object with one name is an expression: {"$secret": HANDLE}, {"$join": [e, ...]}, {"$base64":
 * e}, {"$hmac_sha256": {key, over, base64_after?, as: hex|base64}}, {"$ed25519": {key, over, base64_after?}},
 * {"$body": true}; a name of data that begins with $ is written with two. A key with base64_after is base64 behind that prefix (Standard Webhooks: whsec_, whsk_). Source
 * of both signatures: Standard Webhooks 1.0, RFC 2104, RFC 8032. Loop thread.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include "core/diag.h"

/* The value with every expression in it replaced by its text: a new reference. Handles must stand in `settings`.
 * TSN_EINPUT (R057), TSN_EDENIED (K004), TSN_ENOTFOUND (K001). `body`: what {"$body"} stands for; NULL: it may
 * not be used here. */
tsn_err tsn_plugin_express(const json_t *value, const json_t *settings, const char *body,
                           json_t **out, struct tsn_diag *diag);
/* Does this text stand somewhere in the settings? */
bool tsn_plugin_names(const json_t *settings, const char *handle);
