/* bundle.h - playbook files in a folder: their names, their text, their modules.
 *
 * Blocks on files: before the loop runs, or in a command without a daemon. Sources are UTF-8 of at
 * most 1 MiB; a folder has at most 1,000 playbooks. Any thread.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include "core/diag.h"

/* Names of the playbooks, or of their specs, in `dir`, sorted; free with the next one. */
tsn_err tsn_bundle_files(const char *dir, bool specs, char ***out, size_t *n);
void tsn_bundle_files_free(char **names, size_t n);
/* The text of dir/name as a JSON string; NULL: diag (R039) says why. */
json_t *tsn_bundle_source(const char *dir, const char *name, struct tsn_diag *diag);
/* { "lib/text.lua": source } of what playbooks of `dir` may require; new reference, never NULL. A
 * module that cannot be read is told to `broken` (may be NULL) and left out. */
json_t *tsn_bundle_lib(const char *dir, void (*broken)(void *user, const struct tsn_diag *diag),
                       void *user);
/* { main, files } of dir/file with its modules; NULL: diag (R039) says why. New reference. */
json_t *tsn_bundle_whole(const char *dir, const char *file, struct tsn_diag *diag);
