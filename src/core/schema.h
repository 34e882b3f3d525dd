/* schema.h - a value held against a JSON Schema (draft 2020-12), of which these keywords are known:
 * type (one or a list), properties, required, additionalProperties (true, false), items (one schema),
 * enum, minimum, maximum, minLength, maxLength (characters), minItems, maxItems; title, description and
 * default say nothing about what fits. Any other is refused, because to pass over it would let pass what
 * its author meant to refuse.
 *
 * A table of Lua that is empty is written as {}: where a list may stand and no object, {} is a list of
 * length 0. Pure; any thread. `why` gets one line of text: a JSON pointer and what is wanted there, never
 * a part of the value but its names.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#define TSN_SCHEMA_WHY 300 /* bytes of `why`, with the zero */

/* Is it a schema of these keywords? The pointer is into the schema. */
bool tsn_schema_good(const json_t *schema, char why[TSN_SCHEMA_WHY]);
/* Does the value fit a good schema? The pointer is into the value. */
bool tsn_schema_fits(const json_t *schema, const json_t *value, char why[TSN_SCHEMA_WHY]);
