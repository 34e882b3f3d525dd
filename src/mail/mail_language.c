/* mail_language.c - which language a text is in, as far as answers need it: en, de, zh, ja or none.
 *
 * By script first: kana are Japanese, Han without kana is Chinese. Then by the small words that a text
 * cannot do without; where they do not decide clearly, nothing is said. Pure. */
#include <ctype.h>
#include <string.h>

#include "mail/mail_read.h"

#define LOOK_BYTES 20000

static unsigned sign_at(const char *s, size_t *len)
{
    unsigned char c = (unsigned char)s[0];

    *len = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    if (*len == 1)
        return c;
    unsigned v = c & (0xffu >> (*len + 1));

    for (size_t i = 1; i < *len; i++) {
        if (((unsigned char)s[i] & 0xc0) != 0x80) {
            *len = i;
            return 0;
        }
        v = v << 6 | ((unsigned char)s[i] & 0x3f);
    }
    return v;
}

static bool among(const char *word, size_t n, const char *const *list)
{
    for (; *list; list++) {
        if (strlen(*list) == n && strncasecmp(word, *list, n) == 0)
            return true;
    }
    return false;
}

const char *tsn_mail_language(const char *text)
{
    static const char *const english[] = {"the",  "and",  "is",   "of",  "to", "in",
                                          "with", "that", "this", "was", NULL};
    static const char *const german[] = {"der", "die",  "das", "und", "ist", "nicht", "mit",
                                         "ein", "eine", "wir", "von", "ich", NULL};
    size_t kana = 0, han = 0, letters = 0, en = 0, de = 0, len;

    for (const char *p = text, *end = text + strnlen(text, LOOK_BYTES); p < end; p += len) {
        unsigned v = sign_at(p, &len);

        kana += v >= 0x3040 && v <= 0x30ff;
        han += v >= 0x4e00 && v <= 0x9fff;
        if (v < 0x80 && isalpha((int)v)) {
            size_t n = strspn(p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");

            en += among(p, n, english);
            de += among(p, n, german);
            letters += n;
            len = n;
        }
    }
    /* Names and commands are Latin in every language. */
    if (kana + han >= 10 && (kana + han) * 3 >= letters / 4)
        return kana * 10 >= han ? "ja" : "zh";
    if (de >= 3 && de > en * 2)
        return "de";
    return en >= 3 && en > de * 2 ? "en" : NULL;
}
