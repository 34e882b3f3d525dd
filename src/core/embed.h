/* embed.h - files compiled into the program by tocsin_embed() in CMakeLists.txt: SQL
 * migrations, the Lua prelude. Tables end with a NULL name; data is NUL-terminated behind len. */
#pragma once

#include <stddef.h>

struct tsn_embedded {
    const char *name;
    const unsigned char *data;
    size_t len;
};

extern const struct tsn_embedded tsn_sql_sqlite[];
extern const struct tsn_embedded tsn_prelude[];
extern const struct tsn_embedded tsn_form_assets[];   /* src/form: style and script */
extern const struct tsn_embedded tsn_noise_data[];    /* src/intake/noise.json */
extern const struct tsn_embedded tsn_verify_script[]; /* src/verify/verify.py */
extern const struct tsn_embedded tsn_author[]; /* src/worker/author: the author's tools */
