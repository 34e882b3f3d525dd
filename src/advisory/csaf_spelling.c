/* csaf_spelling.c - 6.3.8: misspelt words, without a dictionary.
 *
 * Knows the longer words that advisories are made of, and names a word that is one of them but
 * for two letters swapped, one left out or one too many inside. So it finds typing mistakes in
 * those words only, and never calls a name or a rare word wrong. English. Pure. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "advisory/csaf_check.h"
#include "core/buf.h"
#include "core/json.h"

#define WORD_MIN    8
#define WORD_MAX    24
#define POINTER_MAX 65536

static const char *const words[] = {
    "accessible",      "administrator",   "advisories",     "advisory",
    "affected",        "allocation",      "allowing",       "application",
    "applications",    "arbitrary",       "attacker",       "attackers",
    "authenticated",   "authentication",  "authenticity",   "authorization",
    "available",       "availability",    "certificate",    "certificates",
    "command",         "commands",        "communication",  "component",
    "components",      "compromise",      "compromised",    "condition",
    "confidentiality", "configuration",   "configured",     "connection",
    "connections",     "contains",        "control",        "controller",
    "controllers",     "corruption",      "credentials",    "critical",
    "cryptographic",   "customer",        "customers",      "database",
    "deserialization", "directory",       "disclosure",     "document",
    "documentation",   "download",        "elevation",      "encryption",
    "environment",     "escalation",      "execution",      "exhaustion",
    "exploitable",     "exploitation",    "exploited",      "firmware",
    "following",       "function",        "functionality",  "hardcoded",
    "identified",      "impersonate",     "implementation", "improper",
    "improperly",      "incorrect",       "information",    "injection",
    "installation",    "installed",       "integrity",      "interface",
    "internet",        "malicious",       "management",     "mechanism",
    "mitigation",      "mitigations",     "multiple",       "necessary",
    "neutralization",  "occurred",        "occurrence",     "operating",
    "overflow",        "parameter",       "parameters",     "password",
    "passwords",       "permission",      "permissions",    "privilege",
    "privileged",      "privileges",      "processing",     "product",
    "products",        "protection",      "protocol",       "published",
    "recommended",     "recommends",      "remediation",    "remediations",
    "remotely",        "reported",        "researcher",     "researchers",
    "resource",        "resources",       "restricted",     "restriction",
    "security",        "sensitive",       "separate",       "serialization",
    "software",        "specially",       "specifically",   "successful",
    "successfully",    "sufficient",      "supported",      "tampering",
    "temporary",       "unauthenticated", "unauthorized",   "uncontrolled",
    "unexpected",      "untrusted",       "validation",     "vendor",
    "verification",    "version",         "versions",       "vulnerabilities",
    "vulnerability",   "vulnerable",      "weakness",       "weaknesses",
    "workaround",      "workarounds",     "workstation",    NULL,
};

/* Is `w` of n letters `good` but for one slip between its first and last letter? */
static bool slip(const char *w, size_t n, const char *good, size_t m)
{
    size_t i = 0, k = 0;
    while (i < n && i < m && w[i] == good[i]) {
        i++;
    }
    while (k < n - i && k < m - i && w[n - 1 - k] == good[m - 1 - k]) {
        k++;
    }
    if (i == 0 || k == 0) {
        return false;
    }
    if (n == m) {
        return n - i - k == 2 && w[i] == good[i + 1] && w[i + 1] == good[i];
    }
    return n < m ? m - n == 1 && i + k == n : n - m == 1 && i + k == m;
}

/* The word that was meant, or NULL. */
static const char *meant(const char *w, size_t n)
{
    const char *best = NULL;
    for (const char *const *good = words; *good; good++) {
        const char *g = *good;
        if (g[0] != w[0]) {
            continue;
        }
        size_t m = strlen(g);
        if (m == n && memcmp(g, w, n) == 0) {
            return NULL;
        }
        if (m >= WORD_MIN && m + 1 >= n && n + 1 >= m && g[m - 1] == w[n - 1] &&
            slip(w, n, g, m)) {
            best = g;
        }
    }
    return best;
}

/* Letters that blanks or punctuation divide; what has digits, signs or a second capital is a
 * name, not a word. */
static void one_text(struct tsn_csaf_check *c, const char *text, const char *pointer)
{
    for (const char *p = text; *p;) {
        size_t all = strcspn(p, " \t\r\n"), from = 0, n;
        while (from < all && strchr("(\"'", p[from])) {
            from++;
        }
        n = all - from;
        while (n > 0 && strchr(".,;:!?)\"'", p[from + n - 1])) {
            n--;
        }
        char low[WORD_MAX];
        size_t i = 0;
        if (n >= WORD_MIN - 1 && n < WORD_MAX) {
            for (; i < n; i++) {
                char ch = p[from + i];
                bool small = ch >= 'a' && ch <= 'z';
                bool big = i == 0 && ch >= 'A' && ch <= 'Z';
                if (!small && !big) {
                    break;
                }
                low[i] = (char)tolower((unsigned char)ch);
            }
        }
        const char *good = i > 0 && i == n ? meant(low, n) : NULL;
        if (good) {
            tsn_csaf_find(c, "6.3.8", pointer, "\"%.*s\": is \"%s\" meant?", (int)n, p + from,
                          good);
        }
        p += all + (p[all] != '\0');
    }
}

static bool among(const char *key, const char *const *list)
{
    while (*list && strcmp(*list, key) != 0) {
        list++;
    }
    return *list != NULL;
}

static void walk(struct tsn_csaf_check *c, const json_t *v, struct tsn_buf *at, bool texts)
{
    static const char *const one[] = {"audience", "details",      "issuing_authority",
                                      "name",     "organization", "summary",
                                      "text",     "title",        NULL};
    static const char *const many[] = {"aliases", "entitlements", "names", NULL};
    union {
        const json_t *in;
        json_t *out;
    } o = {v}; /* jansson's iterators take no const, but change nothing */
    const char *key;
    json_t *item;
    size_t i, len = at->len;
    if (json_is_string(v) && texts) {
        one_text(c, json_string_value(v), at->data);
        return;
    }
    json_object_foreach(o.out, key, item)
    {
        /* Members that CSAF knows need no escape in a pointer. */
        if (!strpbrk(key, "~/")) {
            tsn_buf_printf(at, "/%s", key);
            walk(c, item, at, among(key, json_is_string(item) ? one : many));
            at->len = len;
            at->data[len] = '\0';
        }
    }
    json_array_foreach(v, i, item)
    {
        tsn_buf_printf(at, "/%zu", i);
        walk(c, item, at, texts);
        at->len = len;
        at->data[len] = '\0';
    }
}

void tsn_csaf_spelling(struct tsn_csaf_check *c)
{
    const char *lang = tsn_json_str(c->document, "lang", NULL);
    if (!lang) {
        return;
    }
    size_t n = strcspn(lang, "-");
    if (n != 2 || strncasecmp(lang, "en", 2) != 0) {
        tsn_csaf_find(c, "6.3.8", "/document/lang",
                      "the spelling of \"%.60s\" cannot be checked here", lang);
        return;
    }
    struct tsn_buf at;
    tsn_buf_init(&at, POINTER_MAX);
    tsn_buf_puts(&at, "");
    walk(c, c->doc, &at, false);
    tsn_buf_free(&at);
}
