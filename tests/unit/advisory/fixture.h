/* fixture.h - where test data is, and reading it. Test data outside the project may be absent. */
#pragma once

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include "core/buf.h"
#include "core/json.h"

/* Path below $TOCSIN_DATA or ../shared/data beside the source. */
static inline const char *data_path(const char *rest)
{
    static char path[4][1024];
    static unsigned turn;
    char *out = path[turn++ % 4];
    const char *dir = getenv("TOCSIN_DATA");
    if (dir) {
        snprintf(out, 1024, "%s/%s", dir, rest);
    } else {
        snprintf(out, 1024, "%s/../shared/data/%s", TOCSIN_SOURCE_DIR, rest);
    }
    return out;
}

static inline json_t *read_json(const char *path)
{
    struct tsn_buf b;
    tsn_buf_init(&b, 64u << 20);
    json_t *doc = NULL;
    if (tsn_buf_read_file(&b, path) == 0) {
        struct tsn_diag diag;
        tsn_diag_init(&diag);
        if (tsn_json_parse(b.data, b.len, &doc, &diag)) {
            fprintf(stderr, "%s: %s\n", path, diag.what);
            doc = NULL;
        }
    }
    tsn_buf_free(&b);
    return doc;
}

/* Skips the whole test program with a word where the data is absent. */
static inline void need_data(const char *folder)
{
    FILE *f = fopen(data_path(folder), "r");
    if (!f) {
        printf("SKIP: no %s\n", data_path(folder));
        exit(77);
    }
    fclose(f);
}
