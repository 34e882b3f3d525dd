/* purl.c - package URLs by the purl specification and its type definitions. Pure. */
#include <stdlib.h>
#include <string.h>
#include "core/text.h"
#include "feed/purl.h"

/* --- rules of the types: what differs from "anything, case counts" --------------------------- */

enum { NS_NO = 1, NS_MUST = 2, NS_LOW = 4, NAME_LOW = 8, VERSION_LOW = 16 };

static const struct rule {
    const char *type;
    int flags;
    const char *needs; /* a qualifier */
} rules[] = {
    {"alpm", NS_MUST | NS_LOW | NAME_LOW, NULL},
    {"apk", NS_MUST | NS_LOW | NAME_LOW, NULL},
    {"bazel", NS_NO, NULL},
    {"bitbucket", NS_MUST | NS_LOW | NAME_LOW, NULL},
    {"bitnami", NS_NO | NAME_LOW, NULL},
    {"brew", NS_LOW | NAME_LOW, NULL},
    {"cargo", NS_NO, NULL},
    {"chrome-extension", NS_NO | NAME_LOW, NULL},
    {"cocoapods", NS_NO, NULL},
    {"composer", NS_MUST | NS_LOW | NAME_LOW, NULL},
    {"conda", NS_NO, NULL},
    {"cran", NS_NO, NULL},
    {"deb", NS_MUST | NS_LOW | NAME_LOW, NULL},
    {"gem", NS_NO, NULL},
    {"git", NS_MUST, NULL},
    {"github", NS_MUST | NS_LOW | NAME_LOW, NULL},
    {"golang", NS_MUST, NULL},
    {"hackage", NS_NO, NULL},
    {"hex", NS_LOW | NAME_LOW, NULL},
    {"huggingface", NS_MUST | VERSION_LOW, NULL},
    {"julia", NS_NO, "uuid"},
    {"luarocks", NS_LOW | NAME_LOW, NULL},
    {"maven", NS_MUST, NULL},
    {"mlflow", NS_NO, NULL},
    {"nuget", NS_NO, NULL},
    {"oci", NS_NO | NAME_LOW | VERSION_LOW, NULL},
    {"opam", NS_NO, NULL},
    {"otp", NS_NO | NAME_LOW, NULL},
    {"pub", NS_NO | NAME_LOW, NULL},
    {"pypi", NS_NO | NAME_LOW | VERSION_LOW, NULL},
    {"qpkg", NS_MUST | NS_LOW, NULL},
    {"rpm", NS_MUST | NS_LOW, NULL},
    {"swid", 0, "tag_id"},
    {"swift", NS_MUST, NULL},
    {"vcpkg", NS_NO, NULL},
    {"vscode-extension", NS_MUST | NS_LOW | NAME_LOW | VERSION_LOW, NULL},
    {"yocto", NS_LOW, NULL},
};

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}
static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}
static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static char *lowered(struct tsn_arena *arena, const char *s)
{
    char *out = tsn_arena_strdup(arena, s);
    for (char *p = out; *p; p++) {
        *p = lower(*p);
    }
    return out;
}

static tsn_err no(const char **why, const char *text)
{
    *why = text;
    return TSN_EINPUT;
}

/* Letters, digits, '.', '-', and for keys '_'; a letter first. */
static bool word(const char *s, bool key)
{
    if (!s || !is_lower(*s)) {
        return false;
    }
    for (; *s; s++) {
        if (!is_lower(*s) && !is_digit(*s) && *s != '.' && *s != '-' && !(key && *s == '_')) {
            return false;
        }
    }
    return true;
}

const char *tsn_purl_qualifier(const struct tsn_purl *p, const char *key)
{
    for (size_t i = 0; i < p->nqualifiers; i++) {
        if (strcmp(p->qualifiers[i].key, key) == 0) {
            return p->qualifiers[i].value;
        }
    }
    return NULL;
}

static bool chrome_ok(const struct tsn_purl *p)
{
    if (strlen(p->name) != 32 || strspn(p->name, "abcdefghijklmnop") != 32) {
        return false;
    }
    const char *v = p->version;
    for (int parts = 0; v; parts++) {
        size_t n = strspn(v, "0123456789");
        if (n == 0 || parts == 4 || (v[n] && v[n] != '.')) {
            return false;
        }
        v = v[n] ? v + n + 1 : NULL;
    }
    return true;
}

/* What one type does to its names besides folding case. */
static tsn_err special(struct tsn_arena *arena, struct tsn_purl *p, const char **why)
{
    bool pypi = strcmp(p->type, "pypi") == 0, pub = strcmp(p->type, "pub") == 0;
    if (pypi || pub) {
        char *name = tsn_arena_strdup(arena, p->name);
        for (char *c = name; *c; c++) {
            if (pypi && *c == '_') {
                *c = '-';
            } else if (pub && !is_lower(*c) && !is_digit(*c)) {
                *c = '_';
            }
        }
        p->name = name;
    } else if (strcmp(p->type, "chrome-extension") == 0 && !chrome_ok(p)) {
        return no(why, "not the id or version of a Chrome extension");
    } else if (strcmp(p->type, "cpan") == 0 && strstr(p->name, "::")) {
        return no(why, "cpan names distributions, not modules");
    } else if (strcmp(p->type, "mlflow") == 0) {
        const char *at = tsn_purl_qualifier(p, "repository_url");
        if (at && strstr(at, "databricks")) {
            p->name = lowered(arena, p->name);
        }
    }
    return 0;
}

static int by_key(const void *a, const void *b)
{
    const struct tsn_purl_qualifier *x = a, *y = b;
    return strcmp(x->key, y->key);
}

static tsn_err check_qualifiers(struct tsn_purl *p, const char **why)
{
    size_t kept = 0;
    for (size_t i = 0; i < p->nqualifiers; i++) {
        if (!word(p->qualifiers[i].key, true)) {
            return no(why, "a qualifier's key has a character that is not allowed");
        }
        if (*p->qualifiers[i].value) {
            p->qualifiers[kept++] = p->qualifiers[i];
        }
    }
    p->nqualifiers = kept;
    if (kept) {
        qsort(p->qualifiers, kept, sizeof p->qualifiers[0], by_key);
    }
    for (size_t i = 1; i < kept; i++) {
        if (strcmp(p->qualifiers[i].key, p->qualifiers[i - 1].key) == 0) {
            return no(why, "a qualifier occurs twice");
        }
    }
    return 0;
}

/* Empty segments are dropped; in a subpath "." and ".." too. NULL when nothing is left. */
static const char *segments(struct tsn_arena *arena, const char *s, bool dots)
{
    if (!s) {
        return NULL;
    }
    char *out = tsn_arena_strdup(arena, s);
    size_t n = 0;
    for (const char *p = s; *p;) {
        size_t len = strcspn(p, "/");
        bool skip =
            len == 0 ||
            (dots && ((len == 1 && *p == '.') || (len == 2 && p[0] == '.' && p[1] == '.')));
        if (!skip) {
            if (n) {
                out[n++] = '/';
            }
            memcpy(out + n, p, len);
            n += len;
        }
        p += len + (p[len] == '/');
    }
    out[n] = '\0';
    return n ? out : NULL;
}

static tsn_err canonical(struct tsn_arena *arena, struct tsn_purl *p, bool loose,
                         const char **why)
{
    if (!p->type || !*p->type) {
        return no(why, "the type is missing");
    }
    p->type = lowered(arena, p->type);
    if (!word(p->type, false)) {
        return no(why, "the type has a character that is not allowed");
    }
    if (!p->name || !*p->name) {
        return no(why, "the name is missing");
    }
    p->ns = segments(arena, p->ns, false);
    p->subpath = segments(arena, p->subpath, true);
    p->version = p->version && *p->version ? p->version : NULL;
    if (check_qualifiers(p, why) != 0) {
        return TSN_EINPUT;
    }
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        if (strcmp(rules[i].type, p->type) != 0) {
            continue;
        }
        int flags = rules[i].flags;
        if ((flags & NS_MUST) && !p->ns && !loose) {
            return no(why, "this type needs a namespace");
        }
        if ((flags & NS_NO) && p->ns && !loose) {
            return no(why, "this type has no namespace");
        }
        if (rules[i].needs && !tsn_purl_qualifier(p, rules[i].needs) && !loose) {
            return no(why, "a qualifier that this type needs is missing");
        }
        p->ns = p->ns && (flags & NS_LOW) ? lowered(arena, p->ns) : p->ns;
        p->name = flags & NAME_LOW ? lowered(arena, p->name) : p->name;
        p->version =
            p->version && (flags & VERSION_LOW) ? lowered(arena, p->version) : p->version;
    }
    return special(arena, p, why) != 0 && !loose ? TSN_EINPUT : 0;
}

tsn_err tsn_purl_canonical(struct tsn_arena *arena, struct tsn_purl *p, const char **why)
{
    return canonical(arena, p, false, why);
}

/* --- parsing -------------------------------------------------------------------------------- */

static tsn_err parse_qualifiers(struct tsn_arena *arena, char *s, enum tsn_purl_how how,
                                struct tsn_purl *out, const char **why)
{
    size_t max = 1;
    for (const char *p = s; *p; p++) {
        max += *p == '&';
    }
    out->qualifiers = tsn_arena_alloc(arena, max * sizeof *out->qualifiers);
    while (s) {
        char *next = strchr(s, '&');
        if (next) {
            *next++ = '\0';
        }
        char *value = strchr(s, '=');
        if (!value) {
            if (*s) {
                return no(why, "a qualifier has no value");
            }
            s = next;
            continue;
        }
        *value++ = '\0';
        if (how == TSN_PURL_STRICT && !is_lower(*s)) {
            return no(why, "a qualifier's key does not begin with a small letter");
        }
        if (!tsn_percent_decode(value)) {
            return no(why, "a percent sign is not followed by two hex digits");
        }
        out->qualifiers[out->nqualifiers++] =
            (struct tsn_purl_qualifier){lowered(arena, s), value};
        s = next;
    }
    return 0;
}

/* The version follows the last '@', unless that begins a segment before the last one: @scope/. */
static char *version_at(char *s)
{
    char *at = strrchr(s, '@');
    return at && (at == s || at[-1] == '/') && strchr(at, '/') ? NULL : at;
}

static bool decode_all(struct tsn_purl *p, char *ns, char *name, char *version, char *subpath)
{
    p->ns = ns;
    p->name = name;
    p->version = version;
    p->subpath = subpath;
    return (!ns || tsn_percent_decode(ns)) && tsn_percent_decode(name) &&
           (!version || tsn_percent_decode(version)) &&
           (!subpath || tsn_percent_decode(subpath));
}

tsn_err tsn_purl_parse(struct tsn_arena *arena, const char *text, enum tsn_purl_how how,
                       struct tsn_purl *out, const char **why)
{
    *out = (struct tsn_purl){0};
    if (strnlen(text, TSN_PURL_MAX + 1) > TSN_PURL_MAX) {
        return no(why, "it is too long");
    }
    if (strncasecmp(text, "pkg:", 4) != 0) {
        return no(why, "it does not begin with pkg:");
    }
    char *s = tsn_arena_strdup(arena, text + 4);
    s += strspn(s, "/");
    char *subpath = strrchr(s, '#');
    if (subpath) {
        *subpath++ = '\0';
    }
    char *query = strrchr(s, '?');
    if (query) {
        *query++ = '\0';
    }
    char *rest = strchr(s, '/');
    if (!rest) {
        return no(why, "the type or the name is missing");
    }
    *rest++ = '\0';
    out->type = s;
    if (query && parse_qualifiers(arena, query, how, out, why) != 0) {
        return TSN_EINPUT;
    }
    char *version = version_at(rest);
    if (version) {
        *version++ = '\0';
    }
    /* git: the host, then the whole path is the name. */
    char *slash = strcasecmp(s, "git") == 0 ? strchr(rest, '/') : strrchr(rest, '/');
    char *name = slash ? slash + 1 : rest;
    if (slash) {
        *slash = '\0';
    }
    if (!decode_all(out, slash ? rest : NULL, name, version, subpath)) {
        return no(why, "a percent sign is not followed by two hex digits");
    }
    return canonical(arena, out, how == TSN_PURL_LOOSE, why);
}

/* --- printing --------------------------------------------------------------------------------- */

static void encode(struct tsn_buf *out, const char *s, bool slash)
{
    for (; *s; s++) {
        if (is_lower(lower(*s)) || is_digit(*s) || strchr(".-_~:", *s) ||
            (slash && *s == '/')) {
            tsn_buf_putc(out, *s);
        } else {
            tsn_buf_printf(out, "%%%02X", (unsigned char)*s);
        }
    }
}

void tsn_purl_print(const struct tsn_purl *p, struct tsn_buf *out)
{
    tsn_buf_printf(out, "pkg:%s/", p->type);
    if (p->ns) {
        encode(out, p->ns, true);
        tsn_buf_putc(out, '/');
    }
    encode(out, p->name, strcmp(p->type, "git") == 0);
    if (p->version) {
        tsn_buf_putc(out, '@');
        encode(out, p->version, false);
    }
    for (size_t i = 0; i < p->nqualifiers; i++) {
        tsn_buf_printf(out, "%c%s=", i ? '&' : '?', p->qualifiers[i].key);
        encode(out, p->qualifiers[i].value, false);
    }
    if (p->subpath) {
        tsn_buf_putc(out, '#');
        encode(out, p->subpath, true);
    }
}
