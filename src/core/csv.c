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
