/* cwe.c - see cwe.h; the facts stand in cwe_table.c. Pure; any thread. */
#include "core/cwe.h"

#include <string.h>

/* Names of weaknesses that reports of a vendor mostly are about: lets a draft say only the id. */
static const struct {
    uint16_t id;
    const char *name;
} frequent[] = {
    {20, "Improper Input Validation"},
    {22, "Improper Limitation of a Pathname to a Restricted Directory ('Path Traversal')"},
    {77, "Improper Neutralization of Special Elements used in a Command ('Command Injection')"},
    {78, "Improper Neutralization of Special Elements used in an OS Command ('OS Command "
         "Injection')"},
    {79, "Improper Neutralization of Input During Web Page Generation ('Cross-site "
         "Scripting')"},
    {89, "Improper Neutralization of Special Elements used in an SQL Command ('SQL "
         "Injection')"},
    {94, "Improper Control of Generation of Code ('Code Injection')"},
    {119, "Improper Restriction of Operations within the Bounds of a Memory Buffer"},
    {120, "Buffer Copy without Checking Size of Input ('Classic Buffer Overflow')"},
    {121, "Stack-based Buffer Overflow"},
    {122, "Heap-based Buffer Overflow"},
    {125, "Out-of-bounds Read"},
    {190, "Integer Overflow or Wraparound"},
    {200, "Exposure of Sensitive Information to an Unauthorized Actor"},
    {269, "Improper Privilege Management"},
    {287, "Improper Authentication"},
    {295, "Improper Certificate Validation"},
    {306, "Missing Authentication for Critical Function"},
    {311, "Missing Encryption of Sensitive Data"},
    {319, "Cleartext Transmission of Sensitive Information"},
    {327, "Use of a Broken or Risky Cryptographic Algorithm"},
    {352, "Cross-Site Request Forgery (CSRF)"},
    {362, "Concurrent Execution using Shared Resource with Improper Synchronization "
          "('Race Condition')"},
    {400, "Uncontrolled Resource Consumption"},
    {415, "Double Free"},
    {416, "Use After Free"},
    {434, "Unrestricted Upload of File with Dangerous Type"},
    {476, "NULL Pointer Dereference"},
    {502, "Deserialization of Untrusted Data"},
    {522, "Insufficiently Protected Credentials"},
    {601, "URL Redirection to Untrusted Site ('Open Redirect')"},
    {611, "Improper Restriction of XML External Entity Reference"},
    {770, "Allocation of Resources Without Limits or Throttling"},
    {787, "Out-of-bounds Write"},
    {798, "Use of Hard-coded Credentials"},
    {862, "Missing Authorization"},
    {863, "Incorrect Authorization"},
    {918, "Server-Side Request Forgery (SSRF)"},
};

unsigned tsn_cwe_number(const char *s)
{
    unsigned n = 0;
    if (strncmp(s, "CWE-", 4) != 0 || s[4] < '1' || s[4] > '9' || strlen(s) > 10)
        return 0;
    for (s += 4; *s; s++) {
        if (*s < '0' || *s > '9')
            return 0;
        n = n * 10 + (unsigned)(*s - '0');
    }
    return n;
}

const char *tsn_cwe_name(unsigned number)
{
    for (size_t i = 0; i < sizeof frequent / sizeof frequent[0]; i++)
        if (frequent[i].id == number)
            return frequent[i].name;
    return NULL;
}

static uint32_t fnv1a(const char *s)
{
    uint32_t h = 2166136261u;
    for (; *s; s++)
        h = (h ^ (uint8_t)*s) * 16777619u;
    return h;
}

/* The first row of a weakness; tsn_cwe_nrows = there is none. */
static size_t first_row(unsigned number)
{
    size_t low = 0, high = tsn_cwe_nrows;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (tsn_cwe_rows[mid].id < number)
            low = mid + 1;
        else
            high = mid;
    }
    return low < tsn_cwe_nrows && tsn_cwe_rows[low].id == number ? low : tsn_cwe_nrows;
}

unsigned tsn_cwe_in(unsigned number, const char *name)
{
    unsigned bits = 0;
    uint32_t hash = name ? fnv1a(name) : 0;
    for (size_t i = first_row(number); i < tsn_cwe_nrows && tsn_cwe_rows[i].id == number; i++)
        if (!name || tsn_cwe_rows[i].name == hash)
            bits |= tsn_cwe_rows[i].versions;
    return bits;
}

const struct tsn_cwe_row *tsn_cwe_find(unsigned number, const char *version)
{
    const struct tsn_cwe_row *found = NULL;
    unsigned wanted = 0;
    for (size_t v = 0; version && tsn_cwe_versions[v]; v++)
        if (!strcmp(tsn_cwe_versions[v], version))
            wanted = 1u << v;
    for (size_t i = first_row(number); i < tsn_cwe_nrows && tsn_cwe_rows[i].id == number; i++) {
        const struct tsn_cwe_row *r = &tsn_cwe_rows[i];
        if (version ? (r->versions & wanted) != 0
                    : !found || r->versions > found->versions) /* the highest bit decides */
            found = r;
    }
    return found;
}

const char *tsn_cwe_status_text(unsigned status)
{
    static const char *const words[] = {"Deprecated", "Incomplete", "Draft", "Stable"};
    return status < sizeof words / sizeof words[0] ? words[status] : "";
}

const char *tsn_cwe_usage_text(unsigned usage)
{
    static const char *const words[] = {"", "Allowed", "Allowed-with-Review", "Discouraged",
                                        "Prohibited"};
    return usage < sizeof words / sizeof words[0] ? words[usage] : "";
}

tsn_err tsn_cwe_judge(const char *s, const char **warn, struct tsn_diag *diag)
{
    unsigned number = tsn_cwe_number(s);
    const struct tsn_cwe_row *row = number ? tsn_cwe_find(number, NULL) : NULL;
    *warn = NULL;
    if (!number) {
        tsn_diag_set(diag, TSN_EINPUT, "W081", "`%.40s` is not a CWE id", s);
        tsn_diag_hint(diag, "CWE- and a number without leading zeros: CWE-787");
        return TSN_EINPUT;
    }
    if (!row)
        *warn = "no version of CWE that tocsin knows (4.9 to 4.20) lists it";
    else if (row->status == TSN_CWE_DEPRECATED)
        *warn = "CWE has deprecated it: map to the weakness that replaces it";
    else if (row->usage == TSN_CWE_PROHIBITED)
        *warn = "CWE prohibits mapping a vulnerability to it: it is a category or too abstract";
    else if (row->usage == TSN_CWE_DISCOURAGED)
        *warn = "CWE discourages mapping to it: look for a more specific one below it";
    else if (row->usage == TSN_CWE_REVIEW)
        *warn = "CWE allows mapping to it with review: check that none below it fits better";
    return 0;
}
