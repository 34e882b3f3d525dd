/* codes.c - titles and pages of the message codes, out of codes.def. Pure; any thread. */
#include "core/diag.h"

#include <stddef.h>
#include <string.h>

static const struct {
    const char *code, *title, *page;
} rows[] = {
#define X(code, title, page) {code, title, page},
#include "core/codes.def"
#undef X
};

const char *tsn_code_title(const char *code)
{
    for (size_t i = 0; code && i < sizeof(rows) / sizeof(rows[0]); i++)
        if (strcmp(rows[i].code, code) == 0)
            return rows[i].title;
    return NULL;
}

const char *tsn_code_page(const char *code)
{
    for (size_t i = 0; code && i < sizeof(rows) / sizeof(rows[0]); i++)
        if (strcmp(rows[i].code, code) == 0)
            return rows[i].page;
    return NULL;
}
