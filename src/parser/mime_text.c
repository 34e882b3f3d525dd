/* mime_text.c - bytes of some character set to clean UTF-8; HTML to inert text.
 *
 * Nothing of HTML survives but its words and line breaks: no links, no pictures, no styles, so
 * there is nothing that a console could load (EFAIL). Control characters go, direction marks are
 * reported: they can make a text read differently from what it says.
 */
#include <iconv.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "core/text.h"
#include "parser/mime_int.h"

/* What senders use in practice; glibc keeps a conversion loaded while one descriptor is open. */
static const char *const charsets[] = {
    "ISO-8859-1",   "ISO-8859-2",   "ISO-8859-3",   "ISO-8859-4",   "ISO-8859-5",
    "ISO-8859-6",   "ISO-8859-7",   "ISO-8859-8",   "ISO-8859-9",   "ISO-8859-10",
    "ISO-8859-11",  "ISO-8859-13",  "ISO-8859-14",  "ISO-8859-15",  "ISO-8859-16",
    "WINDOWS-874",  "WINDOWS-1250", "WINDOWS-1251", "WINDOWS-1252", "WINDOWS-1253",
    "WINDOWS-1254", "WINDOWS-1255", "WINDOWS-1256", "WINDOWS-1257", "WINDOWS-1258",
    "KOI8-R",       "KOI8-U",       "IBM437",       "IBM850",       "IBM852",
    "IBM866",       "MACINTOSH",    "TIS-620",      "GB2312",       "GBK",
    "GB18030",      "HZ-GB-2312",   "BIG5",         "BIG5-HKSCS",   "EUC-JP",
    "ISO-2022-JP",  "SHIFT_JIS",    "WINDOWS-31J",  "EUC-KR",       "UHC",
    "ISO-2022-KR",  "JOHAB",        "EUC-TW",       "UTF-16",       "UTF-16LE",
    "UTF-16BE",     "UTF-32",       "US-ASCII",
};

void tsn_mime_charsets(void)
{
    static iconv_t held[sizeof(charsets) / sizeof(charsets[0])];
    char in[4] = "a", out[16];

    for (size_t i = 0; i < sizeof(charsets) / sizeof(charsets[0]); i++) {
        char *from = in, *to = out;
        size_t nin = 2, nout = sizeof(out);

        held[i] = iconv_open("UTF-8", charsets[i]);
        if (held[i] != (iconv_t)-1)
            (void)iconv(held[i], &from, &nin, &to, &nout);
    }
}

/* Converts; what cannot be converted becomes U+FFFD. False: no such character set. */
static bool convert(const char *charset, const char *p, size_t n, struct tsn_buf *out,
                    size_t *bad)
{
    iconv_t cd = iconv_open("UTF-8", charset);
    char buf[4096], *in = g_memdup2(p, n), *from = in;
    size_t left = n;

    if (cd == (iconv_t)-1) {
        g_free(in);
        return false;
    }
    while (left > 0 && !out->err) {
        char *to = buf;
        size_t room = sizeof(buf);
        size_t rc = iconv(cd, &from, &left, &to, &room);

        tsn_buf_put(out, buf, sizeof(buf) - room);
        if (rc == (size_t)-1 && errno != E2BIG && left > 0) {
            (*bad)++;
            tsn_buf_puts(out, "\xef\xbf\xbd");
            from++;
            left--;
        }
    }
    iconv_close(cd);
    g_free(in);
    return true;
}

/* The length of the UTF-8 character at p, 0 when it is none. */
static size_t utf8_len(const char *p, size_t n)
{
    for (size_t k = 1; k <= 4 && k <= n; k++) {
        if (tsn_utf8_valid(p, k))
            return k;
    }
    return 0;
}

static bool direction_mark(const char *p, size_t k)
{
    const unsigned char *u = (const unsigned char *)p;

    /* U+202A..U+202E, U+2066..U+2069 */
    return k == 3 && u[0] == 0xe2 &&
           ((u[1] == 0x80 && u[2] >= 0xaa && u[2] <= 0xae) ||
            (u[1] == 0x81 && u[2] >= 0xa6 && u[2] <= 0xa9));
}

static void clean(struct tsn_mime *m, const char *path, const char *p, size_t n,
                  struct tsn_buf *out)
{
    bool marks = false, bad = false;

    for (size_t i = 0; i < n && !out->err;) {
        size_t k = utf8_len(p + i, n - i);
        unsigned char c = (unsigned char)p[i];

        if (k == 0) {
            bad = true;
            tsn_buf_puts(out, "\xef\xbf\xbd");
            i++;
            continue;
        }
        marks = marks || direction_mark(p + i, k);
        if (c == '\r') {
            tsn_buf_putc(out, '\n');
            i += i + 1 < n && p[i + 1] == '\n' ? 2 : 1;
            continue;
        }
        if (k > 1 || c == '\n' || c == '\t' || (c >= 0x20 && c != 0x7f))
            tsn_buf_put(out, p + i, k);
        i += k;
    }
    if (bad)
        tsn_mime_problem(m, "bad-characters", path,
                         "bytes that its character set does not have; shown as U+FFFD");
    if (marks)
        tsn_mime_problem(m, "direction-marks", path,
                         "holds marks that change the direction of writing: the text may read "
                         "differently from what it says");
}

void tsn_mime_utf8(struct tsn_mime *m, const char *path, const char *charset, const char *p,
                   size_t n, struct tsn_buf *out)
{
    struct tsn_buf wide;
    size_t bad = 0;
    char text[160];

    if (n > TSN_MIME_TEXT_MAX) {
        n = TSN_MIME_TEXT_MAX;
        tsn_mime_problem(m, "text-cut", path, "longer than 1 MiB; the rest is not shown");
    }
    if (charset && (strcasecmp(charset, "utf-8") == 0 || strcasecmp(charset, "utf8") == 0 ||
                    strcasecmp(charset, "us-ascii") == 0))
        charset = NULL;
    if (!charset && tsn_utf8_valid(p, n)) {
        clean(m, path, p, n, out);
        return;
    }
    tsn_buf_init(&wide, 4 * TSN_MIME_TEXT_MAX + 16);
    if (charset && strncasecmp(charset, "utf-7", 5) == 0)
        charset = "x-utf-7"; /* can hide anything from a filter; nobody sends it any more */
    if (!charset) {
        tsn_mime_problem(m, "charset-unstated", path,
                         "not UTF-8 and no character set stated; read as windows-1252");
        (void)convert("WINDOWS-1252", p, n, &wide, &bad);
    } else if (!convert(charset, p, n, &wide, &bad)) {
        (void)snprintf(text, sizeof(text), "character set \"%.60s\" is not known; read as %s",
                       charset, tsn_utf8_valid(p, n) ? "UTF-8" : "windows-1252");
        tsn_mime_problem(m, "charset-unknown", path, text);
        if (tsn_utf8_valid(p, n))
            tsn_buf_put(&wide, p, n);
        else
            (void)convert("WINDOWS-1252", p, n, &wide, &bad);
    }
    if (bad)
        tsn_mime_problem(m, "bad-characters", path,
                         "bytes that its character set does not have; shown as U+FFFD");
    clean(m, path, wide.data, wide.len, out);
    tsn_buf_free(&wide);
}

/* --- HTML --- */

static const struct {
    const char *name, *text;
} entities[] = {
    {"lt", "<"},          {"gt", ">"},         {"amp", "&"},         {"quot", "\""},
    {"apos", "'"},        {"nbsp", " "},       {"copy", "\u00a9"},   {"reg", "\u00ae"},
    {"mdash", "\u2014"},  {"ndash", "\u2013"}, {"hellip", "\u2026"}, {"lsquo", "\u2018"},
    {"rsquo", "\u2019"},  {"ldquo", "\u201c"}, {"rdquo", "\u201d"},  {"auml", "\u00e4"},
    {"ouml", "\u00f6"},   {"uuml", "\u00fc"},  {"szlig", "\u00df"},  {"eacute", "\u00e9"},
    {"middot", "\u00b7"}, {"euro", "\u20ac"}};

static size_t entity(const char *p, size_t n, struct tsn_buf *out)
{
    const char *end = memchr(p, ';', n < 12 ? n : 12);
    char name[12], utf8[8];
    size_t len;

    if (!end || end == p + 1)
        return 0;
    len = (size_t)(end - p) - 1;
    memcpy(name, p + 1, len);
    name[len] = '\0';
    if (name[0] == '#') {
        bool hex = name[1] == 'x' || name[1] == 'X';
        guint64 c = g_ascii_strtoull(name + (hex ? 2 : 1), NULL, hex ? 16 : 10);

        if (c < 0x20 || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
            return len + 2; /* nothing that may be shown */
        tsn_buf_put(out, utf8, (size_t)g_unichar_to_utf8((gunichar)c, utf8));
        return len + 2;
    }
    for (size_t i = 0; i < sizeof(entities) / sizeof(entities[0]); i++) {
        if (strcmp(entities[i].name, name) == 0) {
            tsn_buf_puts(out, entities[i].text);
            return len + 2;
        }
    }
    return 0;
}

static bool named(const char *tag, size_t n, const char *const *names)
{
    size_t len = 0;

    while (len < n && (g_ascii_isalnum(tag[len])))
        len++;
    for (; *names; names++) {
        if (strlen(*names) == len && g_ascii_strncasecmp(*names, tag, len) == 0)
            return true;
    }
    return false;
}

/* Skips to behind </name>; everything, when it never comes. */
static size_t behind(const char *p, size_t n, size_t at, const char *name)
{
    size_t len = strlen(name);

    for (; at + len + 2 < n; at++) {
        if (p[at] == '<' && p[at + 1] == '/' && g_ascii_strncasecmp(p + at + 2, name, len) == 0)
            return at;
    }
    return n;
}

/* Collapses blanks; at most one empty line. */
static void put_text(struct tsn_buf *out, char c)
{
    char last = out->len ? out->data[out->len - 1] : '\n';

    if (c == '\n') {
        while (out->len && out->data[out->len - 1] == ' ')
            out->len--;
        if (out->len < 2 || out->data[out->len - 1] != '\n' || out->data[out->len - 2] != '\n')
            tsn_buf_putc(out, '\n');
    } else if (c != ' ' || (last != ' ' && last != '\n')) {
        tsn_buf_putc(out, c);
    }
}

void tsn_mime_html_text(const char *p, size_t n, struct tsn_buf *out)
{
    static const char *const breaks[] = {"br", "p",     "div",        "tr",  "li", "ul",
                                         "ol", "table", "h1",         "h2",  "h3", "h4",
                                         "h5", "h6",    "blockquote", "pre", "hr", NULL};
    static const char *const hidden[] = {"script",   "style", "head",   "title",  "template",
                                         "noscript", "svg",   "iframe", "object", NULL};

    for (size_t i = 0; i < n && !out->err;) {
        if (p[i] == '<') {
            size_t end = i + 1;
            const char *tag = p + i + 1;
            size_t left = n - i - 1;

            if (left >= 3 && memcmp(tag, "!--", 3) == 0) {
                const char *stop = g_strstr_len(tag, (gssize)left, "-->");

                i = stop ? (size_t)(stop - p) + 3 : n;
                continue;
            }
            while (end < n && p[end] != '>')
                end++;
            for (const char *const *h = hidden; *h; h++) {
                const char *const one[] = {*h, NULL};

                if (named(tag, left, one))
                    end = behind(p, n, end, *h);
            }
            if (end < n && p[end] == '<') { /* the closing tag of something hidden */
                while (end < n && p[end] != '>')
                    end++;
            } else if (left && named(tag[0] == '/' ? tag + 1 : tag,
                                     tag[0] == '/' ? left - 1 : left, breaks)) {
                put_text(out, '\n');
            }
            i = end < n ? end + 1 : n;
            continue;
        }
        if (p[i] == '&') {
            size_t k = entity(p + i, n - i, out);

            if (k) {
                i += k;
                continue;
            }
        }
        put_text(out, p[i] == '\n' || p[i] == '\t' || p[i] == '\r' ? ' ' : p[i]);
        i++;
    }
}
