/* codes.c - title and page of every message code, from codes.def. Pure; any thread. */
#include "core/diag.h"

#include <stddef.h>
#include <string.h>

struct code_row {
    const char *code, *title, *page;
};

static const struct code_row rows[] = {
#define X(code, title, page) {code, title, page},
#include "core/codes.def"
#undef X
};

static const struct code_row *find(const char *code)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (strcmp(rows[i].code, code) == 0)
            return &rows[i];
    }
    return NULL;
}

const char *tsn_code_title(const char *code)
{
    const struct code_row *row = find(code);

    return row ? row->title : NULL;
}

const char *tsn_code_page(const char *code)
{
    const struct code_row *row = find(code);

    return row ? row->page : NULL;
}
