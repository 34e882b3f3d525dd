/* mime_pgp.c - PGP inside a text part: encrypted or clear-signed blocks, and public keys.
 *
 * What gpg shall see is cut out here byte for byte; what stands around a block is not covered by
 * it, is kept apart from it ("outside"), and is said: joining the two is how EFAIL reads mail.
 */
#include <string.h>

#include "parser/mime_int.h"

#define BLOCKS_MAX 10
#define KEY_BEGIN  "-----BEGIN PGP PUBLIC KEY BLOCK-----"
#define KEY_END    "-----END PGP PUBLIC KEY BLOCK-----"

/* The marker at the start of a line at or behind `from`; n when there is none. */
static size_t line_with(const char *s, size_t n, size_t from, const char *marker)
{
    size_t len = strlen(marker);

    for (size_t i = from; i + len <= n; i++) {
        const char *hit = memchr(s + i, '-', n - i);

        if (!hit)
            return n;
        i = (size_t)(hit - s);
        if (i + len <= n && memcmp(hit, marker, len) == 0 && (i == 0 || s[i - 1] == '\n'))
            return i;
        while (i + 1 < n && s[i + 1] == '-')
            i++;
    }
    return n;
}

static size_t line_end(const char *s, size_t n, size_t at)
{
    const char *nl = at < n ? memchr(s + at, '\n', n - at) : NULL;

    return nl ? (size_t)(nl - s) + 1 : n;
}

static bool blank(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!g_ascii_isspace(s[i]))
            return false;
    }
    return true;
}

/* The words of a clear-signed block (RFC 4880 7): behind the Hash lines, dashes unescaped. */
static void signed_words(struct tsn_mime *m, const char *path, const char *s, size_t n)
{
    size_t at = line_end(s, n, 0), stop = line_with(s, n, at, "-----BEGIN PGP SIGNATURE-----");
    struct tsn_buf inner;

    while (at < stop && !blank(s + at, line_end(s, n, at) - at))
        at = line_end(s, n, at);
    at = line_end(s, n, at);
    tsn_buf_init(&inner, TSN_MIME_TEXT_MAX + 1);
    while (at < stop) {
        size_t end = line_end(s, n, at), from = at;

        if (end > stop)
            end = stop;
        if (end - from >= 2 && memcmp(s + from, "- ", 2) == 0)
            from += 2;
        tsn_buf_put(&inner, s + from, end - from);
        at = end;
    }
    if (m->text.len)
        tsn_buf_puts(&m->text, "\n");
    tsn_mime_utf8(m, path, NULL, inner.data, inner.len, &m->text);
    tsn_buf_free(&inner);
}

void tsn_mime_key(struct tsn_mime *m, const char *path, const char *s, size_t n, size_t at,
                  size_t len)
{
    json_int_t line = 1;

    for (size_t i = 0; i < at && i < n; i++)
        line += s[i] == '\n';
    if (json_array_size(m->keys) < BLOCKS_MAX)
        json_array_append_new(m->keys, json_pack("{s:s, s:I, s:I, s:o}", "part", path, "line",
                                                 line, "at", (json_int_t)at, "data",
                                                 tsn_mime_data(s + at, len)));
}

void tsn_mime_keys(struct tsn_mime *m, const char *path, const char *s, size_t n)
{
    for (size_t at = 0, end; (at = line_with(s, n, at, KEY_BEGIN)) < n; at = end) {
        end = line_end(s, n, line_with(s, n, at, KEY_END));
        tsn_mime_key(m, path, s, n, at, end - at);
    }
}

bool tsn_mime_inline_pgp(struct tsn_mime *m, const char *path, const char *s, size_t n)
{
    static const struct {
        const char *begin, *end, *kind;
    } blocks[] = {
        {"-----BEGIN PGP MESSAGE-----", "-----END PGP MESSAGE-----", "encrypted"},
        {"-----BEGIN PGP SIGNED MESSAGE-----", "-----END PGP SIGNATURE-----", "signed"},
        {KEY_BEGIN, KEY_END, "key"}};
    struct tsn_buf outside;
    size_t at = 0;
    bool any = false;

    tsn_buf_init(&outside, TSN_MIME_TEXT_MAX);
    for (int round = 0; round < BLOCKS_MAX; round++) {
        size_t best = n, which = 0, end;

        for (size_t i = 0; i < 3; i++) {
            size_t hit = line_with(s, n, at, blocks[i].begin);

            if (hit < best) {
                best = hit;
                which = i;
            }
        }
        if (best == n)
            break;
        tsn_buf_put(&outside, s + at, best - at);
        end = line_with(s, n, best, blocks[which].end);
        if (end == n)
            tsn_mime_problem(m, "pgp-cut", path, "a PGP block that never ends");
        end = line_end(s, n, end);
        at = end;
        if (which == 2) {
            tsn_mime_key(m, path, s, n, best, end - best);
            continue;
        }
        any = true;
        json_array_append_new(m->crypto,
                              json_pack("{s:s, s:s, s:b, s:o}", "kind", blocks[which].kind,
                                        "path", path, "inline", 1, "data",
                                        tsn_mime_data(s + best, end - best)));
        if (which == 1)
            signed_words(m, path, s + best, end - best);
    }
    if (any) {
        tsn_buf_put(&outside, s + at, n - at);
        if (!blank(outside.data, outside.len))
            tsn_mime_problem(m, "text-outside-pgp", path,
                             "text around a PGP block that neither encryption nor signature "
                             "covers");
    }
    tsn_buf_free(&outside);
    return any;
}
