/* advisory_diff.h - what changed between two versions of a CSAF document, in words and as a level.
 *
 * Levels as CSAF 2.0 3.1.11.2 says: major when a reader must match his assets anew (product tree,
 * vulnerabilities added or removed, lists of affected products, removals from fixed and not
 * affected lists), minor for other content, patch for wording that changes no fact (spelling,
 * blanks, punctuation). Tracking does not count. Pure; any thread. */
#pragma once

#include <jansson.h>

enum tsn_diff_level { TSN_DIFF_NONE, TSN_DIFF_PATCH, TSN_DIFF_MINOR, TSN_DIFF_MAJOR };

/* "none" "patch" "minor" "major". */
const char *tsn_diff_level_text(enum tsn_diff_level level);
/* *words: list of sentences, new reference; may be NULL. */
enum tsn_diff_level tsn_advisory_diff(const json_t *before, const json_t *after,
                                      json_t **words);

/* The number after `before` ("3" or "1.2.3") for a change of this level; integer versions count
 * one up. out: at least 40 bytes. */
void tsn_version_next(const char *before, enum tsn_diff_level level, char *out, size_t cap);
