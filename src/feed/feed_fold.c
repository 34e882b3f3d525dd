/* feed_fold.c - names of vendors and products as comparable keys. Pure; any thread.
 *
 * "Siemens A.G.", "SIEMENS AG " and "Siemens" are one vendor. Doubly encoded UTF-8, which real
 * feeds hold, is repaired first; accents of Latin letters are dropped. */
#include <ctype.h>
#include <string.h>
#include "core/text.h"
#include "feed/fold.h"

/* U+00C0 to U+017F as ASCII letters; '*' = two letters (below), ' ' = not a letter. */
static const char latin[] = "AAAAAA*CEEEEIIIIDNOOOOO OUUUUY**aaaaaa*ceeeeiiiidnooooo ouuuuy*y"
                            "AaAaAaCcCcCcCcDdDdEeEeEeEeEeGgGgGgGgHhHhIiIiIiIiIi**JjKkkLlLlLlL"
                            "lLlNnNnNnnNnOoOoOo**RrRrRrSsSsSsSsTtTtTtUuUuUuUuUuUuWwYyYZzZzZzs";

static const char *pair(unsigned cp)
{
    switch (cp) {
    case 0xC6:
    case 0xE6:
        return "ae";
    case 0xDE:
    case 0xFE:
        return "th";
    case 0xDF:
        return "ss";
    case 0x132:
    case 0x133:
        return "ij";
    case 0x152:
    case 0x153:
        return "oe";
    default:
        return "";
    }
}

/* One code point of valid UTF-8. */
static size_t decode(const char *s, unsigned *cp)
{
    const unsigned char *u = (const unsigned char *)s;
    if (u[0] < 0x80) {
        *cp = u[0];
        return 1;
    }
    if (u[0] < 0xE0) {
        *cp = (unsigned)(u[0] & 0x1F) << 6 | (u[1] & 0x3F);
        return 2;
    }
    if (u[0] < 0xF0) {
        *cp = (unsigned)(u[0] & 0x0F) << 12 | (unsigned)(u[1] & 0x3F) << 6 | (u[2] & 0x3F);
        return 3;
    }
    *cp = 0x10000; /* beyond what is folded */
    return 4;
}

/* UTF-8 that was taken for Latin-1 and encoded again: every code point is below 256 and as
 * bytes they are UTF-8 with something beyond ASCII in it. */
static bool repair(const char *s, struct tsn_buf *out)
{
    bool wide = false;
    tsn_buf_clear(out);
    while (*s) {
        unsigned cp;
        s += decode(s, &cp);
        if (cp > 0xFF) {
            return false;
        }
        wide = wide || cp >= 0x80;
        tsn_buf_putc(out, (char)cp);
    }
    return wide && tsn_utf8_valid(out->data, out->len);
}

/* Lower-case words with single blanks; dots inside vanish ("S.A." is "sa"). */
static void letters(const char *s, struct tsn_buf *out)
{
    bool gap = false;
    while (*s) {
        unsigned cp;
        const char *start = s;
        size_t n = decode(s, &cp);
        s += n;
        if (cp == '.' || cp == '\'') {
            continue;
        }
        char one[8];
        one[0] = '\0';
        if (cp < 0x80) {
            one[0] = isalnum((int)cp) ? (char)tolower((int)cp) : '\0';
            one[1] = '\0';
        } else if (cp >= 0xC0 && cp < 0x180 && cp - 0xC0 < sizeof latin - 1) {
            char c = latin[cp - 0xC0];
            if (c == '*') {
                tsn_copy(one, sizeof one, pair(cp));
            } else if (c != ' ') {
                one[0] = (char)tolower((unsigned char)c);
                one[1] = '\0';
            }
        } else if (cp == 0xA0 || cp == 0xAE || (cp >= 0x2000 && cp < 0x2070) || cp == 0x2122) {
            one[0] = '\0'; /* blanks, dashes, quotes, trade marks */
        } else {
            memcpy(one, start, n);
            one[n] = '\0';
        }
        if (cp == '&') {
            tsn_buf_puts(out, out->len ? " and" : "and");
            gap = true;
        } else if (one[0] == '\0') {
            gap = cp != 0xAE && cp != 0x2122;
        } else {
            if (gap && out->len) {
                tsn_buf_putc(out, ' ');
            }
            gap = false;
            if (one[1]) {
                tsn_buf_puts(out, one);
            } else {
                tsn_buf_putc(out, one[0]);
            }
        }
    }
}

static bool legal(const char *word)
{
    static const char *const forms[] = {
        "inc", "incorporated", "corp", "corporation", "co",  "company", "gmbh", "mbh", "ag",
        "kg",  "kgaa",         "ltd",  "limited",     "llc", "llp",     "lp",   "plc", "sa",
        "srl", "spa",          "sas",  "bv",          "nv",  "oy",      "oyj",  "ab",  "as",
        "aps", "pty",          "pte",  "se",          "kk",  "sarl",    "doo",  "zrt", "kft",
        "sro", "ohg",          "eg",   "ev",          "asa", "bhd",     "pvt",  "and",
    };
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (strcmp(forms[i], word) == 0) {
            return true;
        }
    }
    return false;
}

/* ASCII alone: nothing to repair. */
static bool plain(const char *s)
{
    while (*s && (unsigned char)*s < 0x80) {
        s++;
    }
    return !*s;
}

void tsn_feed_words(const char *name, bool vendor, struct tsn_buf *out)
{
    struct tsn_buf fixed;
    tsn_buf_init(&fixed, 1u << 20);
    tsn_buf_clear(out);
    if (plain(name)) {
        letters(name, out);
    } else if (tsn_utf8_valid(name, strlen(name))) {
        letters(repair(name, &fixed) ? fixed.data : name, out);
    }
    tsn_buf_free(&fixed);
    if (!vendor) {
        return;
    }
    for (;;) {
        char *last = out->len ? strrchr(out->data, ' ') : NULL;
        if (!last || !legal(last + 1)) {
            return;
        }
        *last = '\0';
        out->len = (size_t)(last - out->data);
    }
}

void tsn_feed_fold(const char *name, bool vendor, struct tsn_buf *out)
{
    tsn_feed_words(name, vendor, out);
    size_t n = 0;
    for (size_t i = 0; i < out->len; i++) {
        if (out->data[i] != ' ') {
            out->data[n++] = out->data[i];
        }
    }
    if (out->len) {
        out->len = n;
        out->data[n] = '\0';
    }
}
