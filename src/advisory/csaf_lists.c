/* csaf_lists.c - does this language tag exist, is this the name of that weakness? Any thread. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include "advisory/csaf_check.h"
#include "advisory/csaf_tables.h"
#include "core/cwe.h"

const char *tsn_csaf_cwe_name(const char *id)
{
    return tsn_cwe_name(tsn_cwe_number(id));
}

enum tsn_cwe_known tsn_csaf_cwe_known(const char *id, const char *name)
{
    unsigned number = tsn_cwe_number(id);
    return tsn_cwe_in(number, name)   ? TSN_CWE_OK
           : tsn_cwe_in(number, NULL) ? TSN_CWE_OTHER_NAME
                                      : TSN_CWE_UNKNOWN;
}

const char *tsn_csaf_cwe_version(const char *id, const char *name)
{
    unsigned bits = tsn_cwe_in(tsn_cwe_number(id), name);
    const char *found = NULL;
    for (size_t v = 0; tsn_cwe_versions[v]; v++) {
        found = bits & (1u << v) ? tsn_cwe_versions[v] : found;
    }
    return found;
}

enum tsn_cwe_known tsn_csaf_cwe_known_in(const char *id, const char *name, const char *version)
{
    for (size_t v = 0; tsn_cwe_versions[v]; v++) {
        if (strcmp(tsn_cwe_versions[v], version) == 0) {
            if (tsn_cwe_in(tsn_cwe_number(id), name) & (1u << v)) {
                return TSN_CWE_OK;
            }
            return tsn_csaf_cwe_known(id, "") == TSN_CWE_UNKNOWN ? TSN_CWE_UNKNOWN
                                                                 : TSN_CWE_OTHER_NAME;
        }
    }
    return tsn_csaf_cwe_known(id, name); /* a version that is not in the tables */
}

/* Is the code of n bytes one of the blank-separated lower-case codes? */
static bool listed(const char *codes, const char *p, size_t n)
{
    for (const char *c = codes; *c;) {
        size_t len = strcspn(c, " ");
        if (len == n && strncasecmp(c, p, n) == 0) {
            return true;
        }
        c += len + 1;
    }
    return false;
}

static bool letters(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!isalpha((unsigned char)p[i])) {
            return false;
        }
    }
    return true;
}

bool tsn_csaf_lang_exists(const char *tag)
{
    if (!tsn_csaf_is_lang(tag)) {
        return false;
    }
    size_t n = strcspn(tag, "-");
    if (n == 1) {
        return true; /* i-default, i-mingo, x-...: private or grandfathered */
    }
    if (n > 3) {
        return false; /* none of 4 to 8 letters is registered */
    }
    size_t a = (size_t)(tolower((unsigned char)tag[0]) - 'a');
    size_t b = (size_t)(tolower((unsigned char)tag[1]) - 'a');
    size_t c = n == 3 ? (size_t)(tolower((unsigned char)tag[2]) - 'a' + 1) : 0;
    size_t bit = (a * 26 + b) * 27 + c;
    if (!(tsn_lang_bits[bit >> 3] & (1u << (bit & 7)))) {
        return false;
    }
    /* Subtags that only scripts and regions can be; extensions and private use end the walk. */
    const char *p = tag + n;
    bool region = false;
    while (*p == '-') {
        size_t len = strcspn(++p, "-");
        if (len == 1) {
            break;
        }
        bool script = len == 4 && letters(p, 4) && !region;
        bool place = !region && ((len == 2 && letters(p, 2)) ||
                                 (len == 3 && isdigit((unsigned char)p[0])));
        if (script && !(strncasecmp(p, "qa", 2) == 0 && tolower((unsigned char)p[2]) <= 'b') &&
            !listed(tsn_lang_scripts, p, len)) {
            return false;
        }
        if (place) {
            region = true;
            bool private =
                len == 2 && (strncasecmp(p, "q", 1) == 0 || strncasecmp(p, "x", 1) == 0);
            if (!private && !listed(tsn_lang_regions, p, len)) {
                return false;
            }
        }
        p += len;
    }
    return true;
}
