/* csaf_tables.h - the packed registry behind csaf_lists.c. Read-only; any thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>

extern const uint8_t tsn_lang_bits[];
extern const char tsn_lang_scripts[], tsn_lang_regions[]; /* codes in lower case with blanks */
