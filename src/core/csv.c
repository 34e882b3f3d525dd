/* csv.c - cells of RFC 4180. See csv.h. */
#include "core/csv.h"

#include <string.h>

static int is_number(const char *s, size_t n)
{
    size_t i = n > 0 && (s[0] == '-' || s[0] == '+');

    if (i == n)
        return 0;
    for (; i < n; i++) {
        if ((s[i] < '0' || s[i] > '9') && s[i] != '.')
            return 0;
    }
    return 1;
}

void tsn_csv_cell(struct tsn_buf *out, const char *text, size_t len)
{
    int formula = len > 0 && strchr("=+-@\t\r", text[0]) && !is_number(text, len);
    int quotes = formula;

    for (size_t i = 0; i < len && !quotes; i++)
        quotes = strchr(",\"\r\n", text[i]) && text[i];
    if (quotes)
        tsn_buf_putc(out, '"');
    if (formula)
        tsn_buf_putc(out, '\'');
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '"')
            tsn_buf_putc(out, '"');
        tsn_buf_putc(out, text[i]);
    }
    if (quotes)
        tsn_buf_putc(out, '"');
}

/* One cell; what ends it stays. */
static tsn_err cell_at(struct tsn_arena *arena, const char **at, const char **out)
{
    const char *p = *at;
    if (*p != '"') {
        size_t n = strcspn(p, ",\r\n");
        *out = tsn_arena_strndup(arena, p, n);
        *at = p + n;
        return 0;
    }
    char *to = tsn_arena_alloc(arena, strlen(p)), *q = to;
    for (p++; *p && (*p != '"' || p[1] == '"'); p++) {
        *q++ = *p;
        p += *p == '"';
    }
    *q = '\0';
    *out = to;
    *at = p + 1;
    return *p == '"' ? 0 : TSN_EINPUT;
}

tsn_err tsn_csv_record(struct tsn_arena *arena, const char **at, const char **cells, size_t max,
                       size_t *n)
{
    *n = 0;
    *at += strspn(*at, "\r\n");
    if (!**at)
        return TSN_ENOTFOUND;
    for (;;) {
        if (*n == max || cell_at(arena, at, &cells[*n]) != 0)
            return TSN_EINPUT;
        ++*n;
        if (**at != ',')
            break;
        ++*at;
    }
    return **at == '\0' || **at == '\r' || **at == '\n' ? 0 : TSN_EINPUT;
}
