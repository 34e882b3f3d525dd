/* id.h - identifiers: ULIDs for everything stored, short names for people.
 *
 * A ULID is 26 characters of Crockford base32, time first, so ids sort by age. Within one
 * process each new one is greater than the last. Any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TSN_ULID_LEN 26
void tsn_id_new(char out[TSN_ULID_LEN + 1]);
bool tsn_id_valid(const char *s);
/* "r-7k3m": prefix, then the last `chars` characters of the ULID in lower case. The caller
 * lengthens it while the name is taken. `out` holds at least strlen(prefix) + chars + 1. */
void tsn_id_short(char *out, size_t cap, const char *prefix, const char *ulid, int chars);
