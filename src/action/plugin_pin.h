/* plugin_pin.h - the digest of a plugin's folder: what the configuration pins, what an entry names.
 *
 * SHA-256 over one line for each regular file below the folder, sorted by path: "<sha256 of the bytes> <path>
 * LF". Hidden files and __pycache__ are no part of a plugin. A symbolic link, a device, more than 1,000
 * files or 64 MiB are refused (R055): what cannot be seen whole cannot be accepted. An absolute `library`
 * of the manifest counts as one more file. Blocks on files; any thread.
 */
#pragma once

#include "core/crypto.h"
#include "core/diag.h"

#define TSN_PIN_LEN (2 * TSN_HASH_LEN)

tsn_err tsn_plugin_digest(const char *dir, const char *library, char out[TSN_PIN_LEN + 1],
                          struct tsn_diag *diag);
