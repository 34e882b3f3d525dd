/* jpath.c - names of step kinds, and the grammar of paths:
 *
 *   path   = "0." number { "b" number "." number }
 *   undo   = path "u" [ number ]
 *   number = "1".."9" { digit }        (at most nine digits)
 *
 * Pure; any thread.
 */
#include "journal/journal.h"

#include <stdio.h>
#include <string.h>

static const char *const kind_names[] = {
    [TSN_J_CALL] = "call",       [TSN_J_SLEEP] = "sleep",       [TSN_J_WAIT] = "wait",
    [TSN_J_ASK] = "ask",         [TSN_J_APPROVE] = "approve",   [TSN_J_START] = "start",
    [TSN_J_JOIN] = "join",       [TSN_J_PARALLEL] = "parallel", [TSN_J_UNDO] = "undo",
    [TSN_J_RESTART] = "restart", [TSN_J_END] = "end",
};

const char *tsn_jkind_name(enum tsn_jkind kind)
{
    size_t i = (size_t)kind;
    return i < sizeof kind_names / sizeof kind_names[0] ? kind_names[i] : NULL;
}

tsn_err tsn_jkind_parse(const char *name, enum tsn_jkind *out)
{
    for (int i = TSN_J_CALL; name && i <= TSN_J_END; i++) {
        if (strcmp(kind_names[i], name) == 0) {
            *out = (enum tsn_jkind)i;
            return 0;
        }
    }
    return TSN_EINPUT;
}

/* Steps over one number; NULL when there is none. */
static const char *number_skip(const char *p)
{
    size_t n = strspn(p, "0123456789");
    return n >= 1 && n <= 9 && *p != '0' ? p + n : NULL;
}

bool tsn_path_valid(const char *path)
{
    if (strnlen(path, TSN_PATH_MAX + 1) > TSN_PATH_MAX || strncmp(path, "0.", 2) != 0)
        return false;
    const char *p = number_skip(path + 2);
    while (p && *p == 'b') {
        p = number_skip(p + 1);
        p = p && *p == '.' ? number_skip(p + 1) : NULL;
    }
    return p && *p == '\0';
}

tsn_err tsn_path_undo(char *out, size_t cap, const char *path, int64_t nth)
{
    int n = nth > 1 ? snprintf(out, cap, "%su%lld", path, (long long)nth)
                    : snprintf(out, cap, "%su", path);

    if (!tsn_path_valid(path) || nth < 1 || nth > 999)
        return TSN_EINPUT;
    return n > 0 && (size_t)n < cap && n <= TSN_PATH_MAX ? 0 : TSN_ETOOBIG;
}

size_t tsn_path_undoes(const char *path)
{
    char base[TSN_PATH_MAX + 1];
    const char *u = strchr(path, 'u'), *end;

    if (!u || (size_t)(u - path) > TSN_PATH_MAX)
        return 0;
    memcpy(base, path, (size_t)(u - path));
    base[u - path] = '\0';
    end = u[1] ? number_skip(u + 1) : u + 1;
    return end && !*end && tsn_path_valid(base) ? (size_t)(u - path) : 0;
}

tsn_err tsn_path_next(char *path, size_t cap)
{
    if (!tsn_path_valid(path))
        return TSN_EINPUT;
    char *last = strrchr(path, '.') + 1;
    unsigned long n = 0;
    for (const char *p = last; *p; p++)
        n = n * 10 + (unsigned long)(*p - '0');
    if (n >= 999999999ul)
        return TSN_ETOOBIG;
    char digits[16];
    int len = snprintf(digits, sizeof digits, "%lu", n + 1);
    size_t total = (size_t)(last - path) + (size_t)len;
    if (total > TSN_PATH_MAX || total >= cap)
        return TSN_ETOOBIG;
    memcpy(last, digits, (size_t)len + 1);
    return 0;
}
