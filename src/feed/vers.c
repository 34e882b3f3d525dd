/* vers.c - `vers:` ranges: parse, sort, contain. Pure. */
#include <stdlib.h>
#include <string.h>
#include "core/text.h"
#include "feed/vers.h"

static tsn_err no(const char **why, const char *text)
{
    *why = text;
    return TSN_EINPUT;
}

static enum tsn_vers_op operator(char **s) {
    static const struct {const char * text; enum tsn_vers_op op;}
ops[] = {{"<=", TSN_VERS_LE}, {">=", TSN_VERS_GE}, {"!=", TSN_VERS_NE},
         {"<", TSN_VERS_LT},  {">", TSN_VERS_GT},  {"=", TSN_VERS_EQ}};
for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
    size_t n = strlen(ops[i].text);
    if (strncmp(*s, ops[i].text, n) == 0) {
        *s += n;
        return ops[i].op;
    }
}
return TSN_VERS_EQ;
}

/* Insertion sort: parts mostly come in order, and there are few. */
static void sort(struct tsn_vers *v)
{
    v->sorted = v->canonical = true;
    for (size_t i = 0; i < v->n; i++) {
        if (!tsn_version_conforms(v->scheme, v->parts[i].version)) {
            v->sorted = v->canonical = false;
            return;
        }
        for (size_t k = i; k > 0; k--) {
            int c =
                tsn_version_compare(v->scheme, v->parts[k - 1].version, v->parts[k].version);
            if (c == TSN_VERSION_UNKNOWN) {
                v->sorted = v->canonical = false;
                return;
            }
            if (c < 0) {
                break;
            }
            v->canonical = false;
            if (c == 0) {
                break;
            }
            struct tsn_vers_part t = v->parts[k];
            v->parts[k] = v->parts[k - 1];
            v->parts[k - 1] = t;
        }
    }
}

static tsn_err parts(struct tsn_arena *arena, char *s, struct tsn_vers *out, const char **why)
{
    size_t max = 1;
    for (const char *p = s; *p; p++) {
        max += *p == '|';
    }
    if (max > TSN_VERS_PARTS) {
        return no(why, "it has too many parts");
    }
    out->parts = tsn_arena_alloc(arena, max * sizeof *out->parts);
    while (s) {
        char *next = strchr(s, '|');
        if (next) {
            *next++ = '\0';
        }
        struct tsn_vers_part p = {.op = operator(&s)};
        p.version = s;
        if (!*s || strchr("<>=!*", *s)) {
            return no(why, "a part has no version");
        }
        if (!tsn_percent_decode(s)) {
            return no(why, "a percent sign is not followed by two hex digits");
        }
        out->parts[out->n++] = p;
        s = next;
    }
    return 0;
}

tsn_err tsn_vers_parse(struct tsn_arena *arena, const char *text, struct tsn_vers *out,
                       const char **why)
{
    *out = (struct tsn_vers){0};
    if (strnlen(text, TSN_VERS_MAX + 1) > TSN_VERS_MAX) {
        return no(why, "it is too long");
    }
    if (strncmp(text, "vers:", 5) != 0) {
        return no(why, "it does not begin with vers:");
    }
    if (text[strcspn(text, " \t\r\n")]) {
        return no(why, "it has a blank");
    }
    char *s = tsn_arena_strdup(arena, text + 5);
    size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789.-");
    if (n == 0 || s[n] != '/') {
        return no(why, "the type is missing");
    }
    s[n] = '\0';
    out->type = s;
    s += n + 1;
    if (strcmp(out->type, "none") == 0 || strcmp(s, "*") == 0) {
        out->all = strcmp(out->type, "none") != 0;
        out->sorted = out->canonical = true;
        return strcmp(s, "*") == 0 ? 0 : no(why, "vers:none/* is the only form of none");
    }
    if (strcmp(out->type, "all") == 0) {
        return no(why, "vers:all/* is the only form of all");
    }
    if (parts(arena, s, out, why) != 0) {
        return TSN_EINPUT;
    }
    out->scheme = tsn_scheme_find(out->type);
    out->scheme = out->scheme == TSN_SCHEME_NONE ? TSN_SCHEME_GENERIC : out->scheme;
    sort(out);
    return 0;
}

/* Walks the sorted bounds. Of neighbours of one kind the widest counts: the first lower, the last
 * upper one. */
static enum tsn_in walk(const struct tsn_vers *v, const char *version)
{
    bool any = false, open = false, closed = false;
    for (size_t i = 0; i < v->n; i++) {
        enum tsn_vers_op op = v->parts[i].op;
        if (op == TSN_VERS_EQ || op == TSN_VERS_NE) {
            continue;
        }
        bool lower = op == TSN_VERS_GT || op == TSN_VERS_GE;
        int c = tsn_version_compare(v->scheme, version, v->parts[i].version);
        open = any ? open : !lower; /* an upper bound in front has no lower end */
        any = true;
        if (lower) {
            if (c < 0 || (c == 0 && op == TSN_VERS_GT)) {
                return open && !closed ? TSN_IN_YES : TSN_IN_NO;
            }
            open = true;
            closed = false;
        } else if (c < 0 || (c == 0 && op == TSN_VERS_LE)) {
            return open ? TSN_IN_YES : TSN_IN_NO;
        } else {
            closed = true;
        }
    }
    return open && !closed ? TSN_IN_YES : TSN_IN_NO;
}

enum tsn_in tsn_vers_has(const struct tsn_vers *v, const char *version)
{
    if (v->all || v->n == 0) {
        return v->all ? TSN_IN_YES : TSN_IN_NO;
    }
    bool known = v->sorted && tsn_version_conforms(v->scheme, version);
    for (size_t i = 0; i < v->n; i++) {
        int c = tsn_version_compare(v->scheme, version, v->parts[i].version);
        if (c == 0 && v->parts[i].op == TSN_VERS_EQ) {
            return TSN_IN_YES;
        }
        if (c == 0 && v->parts[i].op == TSN_VERS_NE) {
            return TSN_IN_NO;
        }
        known = known && c != TSN_VERSION_UNKNOWN;
    }
    if (!known) {
        return TSN_IN_UNKNOWN;
    }
    bool only_ne = true;
    for (size_t i = 0; i < v->n; i++) {
        only_ne = only_ne && v->parts[i].op == TSN_VERS_NE;
    }
    return only_ne ? TSN_IN_YES : walk(v, version);
}
