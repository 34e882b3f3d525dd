/* csaf_tables.h - the packed registries behind csaf_lists.c. Read-only; any thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct tsn_cwe_row {
    uint16_t id;
    uint16_t versions; /* bit n: tsn_cwe_versions[n] has it */
    uint32_t name;     /* FNV-1a of the name */
};
extern const struct tsn_cwe_row tsn_cwe_rows[]; /* by id; several rows where a name changed */
extern const size_t tsn_cwe_nrows;
extern const char *const tsn_cwe_versions[]; /* oldest first; ends with NULL */
extern const uint8_t tsn_lang_bits[];
extern const char tsn_lang_scripts[], tsn_lang_regions[]; /* codes in lower case with blanks */
