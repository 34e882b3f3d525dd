/* csaf_lists.c - does this language tag exist, is this the name of that weakness? Any thread. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include "advisory/csaf_check.h"
#include "advisory/csaf_tables.h"

/* Names of weaknesses that reports of a vendor mostly are about: lets a draft say only the id. */
static const struct {
    const char *id, *name;
} frequent[] = {
    {"CWE-20", "Improper Input Validation"},
    {"CWE-22",
     "Improper Limitation of a Pathname to a Restricted Directory ('Path Traversal')"},
    {"CWE-77",
     "Improper Neutralization of Special Elements used in a Command ('Command Injection')"},
    {"CWE-78", "Improper Neutralization of Special Elements used in an OS Command ('OS Command "
               "Injection')"},
    {"CWE-79", "Improper Neutralization of Input During Web Page Generation ('Cross-site "
               "Scripting')"},
    {"CWE-89", "Improper Neutralization of Special Elements used in an SQL Command ('SQL "
               "Injection')"},
    {"CWE-94", "Improper Control of Generation of Code ('Code Injection')"},
    {"CWE-119", "Improper Restriction of Operations within the Bounds of a Memory Buffer"},
    {"CWE-120", "Buffer Copy without Checking Size of Input ('Classic Buffer Overflow')"},
    {"CWE-121", "Stack-based Buffer Overflow"},
    {"CWE-122", "Heap-based Buffer Overflow"},
    {"CWE-125", "Out-of-bounds Read"},
    {"CWE-190", "Integer Overflow or Wraparound"},
    {"CWE-200", "Exposure of Sensitive Information to an Unauthorized Actor"},
    {"CWE-269", "Improper Privilege Management"},
    {"CWE-287", "Improper Authentication"},
    {"CWE-295", "Improper Certificate Validation"},
    {"CWE-306", "Missing Authentication for Critical Function"},
    {"CWE-311", "Missing Encryption of Sensitive Data"},
    {"CWE-319", "Cleartext Transmission of Sensitive Information"},
    {"CWE-327", "Use of a Broken or Risky Cryptographic Algorithm"},
    {"CWE-352", "Cross-Site Request Forgery (CSRF)"},
    {"CWE-362", "Concurrent Execution using Shared Resource with Improper Synchronization "
                "('Race Condition')"},
    {"CWE-400", "Uncontrolled Resource Consumption"},
    {"CWE-415", "Double Free"},
    {"CWE-416", "Use After Free"},
    {"CWE-434", "Unrestricted Upload of File with Dangerous Type"},
    {"CWE-476", "NULL Pointer Dereference"},
    {"CWE-502", "Deserialization of Untrusted Data"},
    {"CWE-522", "Insufficiently Protected Credentials"},
    {"CWE-601", "URL Redirection to Untrusted Site ('Open Redirect')"},
    {"CWE-611", "Improper Restriction of XML External Entity Reference"},
    {"CWE-770", "Allocation of Resources Without Limits or Throttling"},
    {"CWE-787", "Out-of-bounds Write"},
    {"CWE-798", "Use of Hard-coded Credentials"},
    {"CWE-862", "Missing Authorization"},
    {"CWE-863", "Incorrect Authorization"},
    {"CWE-918", "Server-Side Request Forgery (SSRF)"},
};

const char *tsn_csaf_cwe_name(const char *id)
{
    for (size_t i = 0; i < sizeof frequent / sizeof frequent[0]; i++) {
        if (strcmp(frequent[i].id, id) == 0) {
            return frequent[i].name;
        }
    }
    return NULL;
}

static uint32_t fnv1a(const char *s)
{
    uint32_t h = 2166136261u;
    for (; *s; s++) {
        h = (h ^ (uint8_t)*s) * 16777619u;
    }
    return h;
}

enum tsn_cwe_known tsn_csaf_cwe_known(const char *id, const char *name)
{
    if (!tsn_csaf_is_cwe(id)) {
        return TSN_CWE_UNKNOWN;
    }
    long number = strtol(id + 4, NULL, 10);
    enum tsn_cwe_known known = TSN_CWE_UNKNOWN;
    uint32_t hash = fnv1a(name);
    for (size_t i = 0; i < tsn_cwe_nrows; i++) {
        if (tsn_cwe_rows[i].id == number) {
            if (tsn_cwe_rows[i].name == hash) {
                return TSN_CWE_OK;
            }
            known = TSN_CWE_OTHER_NAME;
        }
    }
    return known;
}

/* Bits of the versions of CWE in which this is the name of that weakness. */
static unsigned cwe_versions(const char *id, const char *name)
{
    unsigned bits = 0;
    long number = tsn_csaf_is_cwe(id) ? strtol(id + 4, NULL, 10) : -1;
    uint32_t hash = fnv1a(name);
    for (size_t i = 0; i < tsn_cwe_nrows; i++) {
        if (tsn_cwe_rows[i].id == number && tsn_cwe_rows[i].name == hash) {
            bits |= tsn_cwe_rows[i].versions;
        }
    }
    return bits;
}

const char *tsn_csaf_cwe_version(const char *id, const char *name)
{
    unsigned bits = cwe_versions(id, name);
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
            if (cwe_versions(id, name) & (1u << v)) {
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
