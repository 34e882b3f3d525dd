/* form_data.c - strict readers of both forms of a form. Pure. */
#include "form/form_data.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/text.h"

#define BOUNDARY_MAX 70
#define HEAD_MAX     2000

static tsn_err add_field(struct tsn_arena *arena, struct tsn_form_data *out, const char *name,
                         const char *p, size_t n)
{
    char *text;
    size_t at = 0;

    if (out->n == TSN_FORM_PARTS || memchr(p, '\0', n) || !tsn_utf8_valid(p, n))
        return TSN_EINPUT;
    text = tsn_arena_alloc(arena, n + 1);
    for (size_t i = 0; i < n; i++) {
        if (p[i] != '\r')
            text[at++] = p[i];
        else if (i + 1 == n || p[i + 1] != '\n')
            text[at++] = '\n';
    }
    out->part[out->n++] = (struct tsn_form_part){.name = name, .data = text, .len = at};
    return 0;
}

/* --- application/x-www-form-urlencoded --- */

static tsn_err url_text(struct tsn_arena *arena, const char *p, size_t n, const char **out,
                        size_t *len)
{
    char *text = tsn_arena_strndup(arena, p, n), *at = text;

    if (strlen(text) != n)
        return TSN_EINPUT;
    for (char *c = text; *c; c++)
        *c = (char)(*c == '+' ? ' ' : *c);
    for (const char *c = text; *c; c++, at++) {
        int high = *c == '%' ? tsn_hex_digit(c[1]) : -1,
            low = high >= 0 ? tsn_hex_digit(c[2]) : -1;

        if (*c == '%' && low < 0)
            return TSN_EINPUT;
        *at = low >= 0 ? (char)(high << 4 | low) : *c;
        c += low >= 0 ? 2 : 0;
    }
    *len = (size_t)(at - text);
    *at = '\0';
    *out = text;
    return 0;
}

static tsn_err urlencoded(struct tsn_arena *arena, const char *p, size_t n,
                          struct tsn_form_data *out)
{
    const char *end = p + n;

    while (p < end) {
        const char *amp = memchr(p, '&', (size_t)(end - p)), *to = amp ? amp : end;
        const char *eq = memchr(p, '=', (size_t)(to - p)), *name, *value;
        size_t name_len, value_len;

        if (!eq || url_text(arena, p, (size_t)(eq - p), &name, &name_len) != 0 ||
            url_text(arena, eq + 1, (size_t)(to - eq - 1), &value, &value_len) != 0 ||
            strlen(name) != name_len || add_field(arena, out, name, value, value_len) != 0)
            return TSN_EINPUT;
        p = amp ? amp + 1 : end;
    }
    return 0;
}

/* --- multipart/form-data --- */

/* The value of a parameter, quoted or a token; NULL: none. `p` up to `end` is one header value. */
static const char *parameter(struct tsn_arena *arena, const char *p, const char *end,
                             const char *name)
{
    size_t want = strlen(name);

    while (p < end && (p = memchr(p, ';', (size_t)(end - p))) != NULL) {
        const char *eq, *from, *semi;

        for (p++; p < end && (*p == ' ' || *p == '\t'); p++)
            ;
        eq = memchr(p, '=', (size_t)(end - p));
        if (!eq)
            return NULL;
        from = eq + 1;
        if (from < end && *from == '"') {
            const char *close = memchr(from + 1, '"', (size_t)(end - from - 1));

            if (!close)
                return NULL;
            if ((size_t)(eq - p) == want && strncasecmp(p, name, want) == 0)
                return tsn_arena_strndup(arena, from + 1, (size_t)(close - from - 1));
            p = close + 1;
        } else {
            semi = from < end ? memchr(from, ';', (size_t)(end - from)) : NULL;
            if ((size_t)(eq - p) == want && strncasecmp(p, name, want) == 0)
                return tsn_arena_strndup(arena, from, (size_t)((semi ? semi : end) - from));
            p = from;
        }
    }
    return NULL;
}

/* Browsers write a quote in a name as %22 and line ends as %0D%0A; folders are cut off. */
static const char *file_name(struct tsn_arena *arena, const char *raw)
{
    char *text = tsn_arena_strdup(arena, raw), *at = text;
    const char *last = text;

    for (const char *c = text; *c; c++) {
        if (*c == '/' || *c == '\\')
            last = c + 1;
    }
    for (const char *c = last; *c; c++) {
        if (strncasecmp(c, "%22", 3) == 0 || strncasecmp(c, "%0D", 3) == 0 ||
            strncasecmp(c, "%0A", 3) == 0) {
            *at++ = '_';
            c += 2;
        } else {
            *at++ = (unsigned char)*c < 0x20 || *c == 0x7f ? '_' : *c;
        }
    }
    *at = '\0';
    while (*text == '.')
        text++;
    if (!tsn_utf8_valid(text, strlen(text)) || strlen(text) > 200)
        return "file";
    return text;
}

/* The head of one part; `end` stands behind its last header line. */
static tsn_err part_head(struct tsn_arena *arena, const char *p, const char *end,
                         struct tsn_form_part *out)
{
    bool said = false;

    out->type = "application/octet-stream";
    while (p < end) {
        const char *stop = memmem(p, (size_t)(end - p), "\r\n", 2), *line = stop ? stop : end;

        if (strncasecmp(p, "Content-Disposition:", 20) == 0 && line - p > 20) {
            const char *name = parameter(arena, p, line, "name"),
                       *file = parameter(arena, p, line, "filename");

            if (said || !name || !memmem(p, (size_t)(line - p), "form-data", 9))
                return TSN_EINPUT;
            said = true;
            out->name = name;
            out->filename = file ? file_name(arena, file) : NULL;
        } else if (strncasecmp(p, "Content-Type:", 13) == 0 && line - p > 13) {
            size_t n = (size_t)(line - p) - 13, skip = strspn(p + 13, " \t");
            const char *type = tsn_arena_strndup(arena, p + 13 + skip, n - skip);

            type = tsn_arena_strndup(arena, type, strcspn(type, "; \t"));
            if (tsn_word_ok(type, 100))
                out->type = type;
        } else if (strncasecmp(p, "Content-Transfer-Encoding:", 26) == 0) {
            return TSN_EINPUT; /* RFC 7578 4.7: not used */
        }
        p = stop ? stop + 2 : end;
    }
    return said ? 0 : TSN_EINPUT;
}

static tsn_err multipart(struct tsn_arena *arena, const char *boundary, const char *p, size_t n,
                         struct tsn_form_data *out)
{
    char mark[BOUNDARY_MAX + 5];
    size_t mark_len = (size_t)snprintf(mark, sizeof(mark), "\r\n--%s", boundary);
    const char *end = p + n;

    /* The first one stands at the very beginning: browsers send no preamble. */
    if (n < mark_len || memcmp(p, mark + 2, mark_len - 2) != 0)
        return TSN_EINPUT;
    p += mark_len - 2;
    for (;;) {
        struct tsn_form_part part = {0};
        const char *head_end, *next;

        if (end - p >= 2 && memcmp(p, "--", 2) == 0)
            return 0;
        if (out->n == TSN_FORM_PARTS || end - p < 2 || memcmp(p, "\r\n", 2) != 0)
            return TSN_EINPUT;
        head_end = memmem(p, (size_t)(end - p), "\r\n\r\n", 4);
        if (!head_end || head_end - p > HEAD_MAX ||
            part_head(arena, p + 2, head_end, &part) != 0)
            return TSN_EINPUT;
        part.data = head_end + 4;
        next = memmem(head_end + 2, (size_t)(end - head_end - 2), mark, mark_len);
        if (!next || next + 2 < part.data)
            return TSN_EINPUT;
        part.len = next < part.data ? 0 : (size_t)(next - part.data);
        if (part.filename)
            out->part[out->n++] = part;
        else if (add_field(arena, out, part.name, part.data, part.len) != 0)
            return TSN_EINPUT;
        p = next + mark_len;
    }
}

tsn_err tsn_form_parse(struct tsn_arena *arena, const char *content_type, const char *body,
                       size_t len, struct tsn_form_data *out)
{
    static const char url[] = "application/x-www-form-urlencoded",
                      multi[] = "multipart/form-data";
    const char *boundary;

    memset(out, 0, sizeof(*out));
    if (!content_type)
        return TSN_EINPUT;
    if (strncasecmp(content_type, url, sizeof(url) - 1) == 0)
        return urlencoded(arena, body, len, out);
    if (strncasecmp(content_type, multi, sizeof(multi) - 1) != 0)
        return TSN_EINPUT;
    boundary = parameter(arena, content_type, content_type + strlen(content_type), "boundary");
    if (!boundary || !*boundary || strlen(boundary) > BOUNDARY_MAX)
        return TSN_EINPUT;
    return multipart(arena, boundary, body, len, out);
}

const char *tsn_form_field(const struct tsn_form_data *d, const char *name)
{
    for (size_t i = 0; i < d->n; i++) {
        if (!d->part[i].filename && strcmp(d->part[i].name, name) == 0)
            return d->part[i].data;
    }
    return "";
}
