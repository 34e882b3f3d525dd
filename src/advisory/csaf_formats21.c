/* csaf_formats21.c - whole-string formats that CSAF 2.1 adds. Pure. */
#include <ctype.h>
#include <string.h>
#include "advisory/csaf_check.h"

bool tsn_csaf_is_hash_lower(const char *s)
{
    size_t n = strspn(s, "0123456789abcdef");
    return n >= 32 && s[n] == '\0';
}

bool tsn_csaf_is_algorithm(const char *s)
{
    return *s && *s != '-' && s[strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0';
}

/* xxxxxxxx-xxxx-4xxx-xxxx-xxxxxxxxxxxx, or 0 or f everywhere. */
bool tsn_csaf_is_sharing_id(const char *s)
{
    static const char shape[] = "hhhhhhhh-hhhh-4hhh-hhhh-hhhhhhhhhhhh";
    char same = *s;
    bool four = true, uniform = same == '0' || same == 'f';
    if (strlen(s) != sizeof shape - 1) {
        return false;
    }
    for (size_t i = 0; shape[i]; i++) {
        bool dash = shape[i] == '-';
        if (dash != (s[i] == '-') || (!dash && !strchr("0123456789abcdef", s[i]))) {
            return false;
        }
        four = four && (shape[i] != '4' || s[i] == '4');
        uniform = uniform && (dash || s[i] == same);
    }
    return four || uniform;
}

static size_t digits(const char *s)
{
    return strspn(s, "0123456789");
}

bool tsn_csaf_is_cwe_version(const char *s)
{
    size_t n = digits(s);
    if (n == 0 || *s == '0' || s[n] != '.') {
        return false;
    }
    s += n + 1;
    n = digits(s);
    if (n == 0 || (n > 1 && *s == '0')) {
        return false;
    }
    s += n;
    return *s == '\0' || (*s == '.' && digits(s + 1) > 0 && s[1 + digits(s + 1)] == '\0');
}

bool tsn_csaf_is_ratio(const char *s)
{
    size_t n = strlen(s);
    if (n < 3 || s[1] != '.') {
        return false;
    }
    return *s == '0' ? digits(s + 2) == n - 2 : *s == '1' && strspn(s + 2, "0") == n - 2;
}
