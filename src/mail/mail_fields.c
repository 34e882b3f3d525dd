/* mail_fields.c - what a mail's text says, offered as fields with their place; nothing decides.
 *
 * A person sees each with its line and takes it or not. Pure.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "casework/cvss.h"
#include "core/cve_id.h"
#include "core/cwe.h"
#include "core/diag.h"
#include "core/mem.h"
#include "core/text.h"
#include "mail/mail_read.h"

#define FIELDS_MAX 200
#define VALUE_MAX  300

static void put(json_t *out, const char *name, const char *value, size_t n, int line)
{
    char text[VALUE_MAX + 1];
    size_t i;
    json_t *had;

    while (n > 0 && isspace((unsigned char)value[n - 1]))
        n--;
    if (n == 0 || n > VALUE_MAX || json_array_size(out) >= FIELDS_MAX ||
        !tsn_utf8_valid(value, n))
        return;
    memcpy(text, value, n);
    text[n] = '\0';
    json_array_foreach(out, i, had)
    {
        if (strcmp(json_string_value(json_object_get(had, "name")), name) == 0 &&
            strcasecmp(json_string_value(json_object_get(had, "value")), text) == 0)
            return;
    }
    json_array_append_new(
        out, json_pack("{s:s, s:s, s:i}", "name", name, "value", text, "line", line));
}

/* "Label: value" lines, as reporters and templates write them. */
static void labelled(json_t *out, const char *s, size_t n, int line)
{
    static const struct {
        const char *label, *name;
    } labels[] = {{"product", "product"},
                  {"affected product", "product"},
                  {"affected products", "product"},
                  {"model", "product"},
                  {"version", "version"},
                  {"versions", "version"},
                  {"affected version", "version"},
                  {"affected versions", "version"},
                  {"firmware", "version"},
                  {"firmware version", "version"},
                  {"planned disclosure", "disclosure"},
                  {"disclosure date", "disclosure"},
                  {"disclosure deadline", "disclosure"},
                  {"deadline", "disclosure"},
                  {"publication date", "disclosure"},
                  {"embargo", "disclosure"},
                  {"credit", "credit"},
                  {"credits", "credit"},
                  {"exploited in the wild", "exploited"},
                  {"exploited", "exploited"},
                  {"publicly known", "public"},
                  {"public", "public"},
                  {"severity", "severity"},
                  {"fingerprint", "fingerprint"},
                  {"pgp fingerprint", "fingerprint"},
                  {"key fingerprint", "fingerprint"}};
    const char *colon, *value;
    size_t len;

    while (n > 0 && strchr(" \t>*-", *s)) {
        s++;
        n--;
    }
    colon = memchr(s, ':', n < 40 ? n : 40);
    if (!colon)
        return;
    len = (size_t)(colon - s);
    while (len > 0 && strchr(" \t*", s[len - 1]))
        len--;
    value = colon + 1;
    n -= (size_t)(value - s);
    while (n > 0 && strchr(" \t*", *value)) {
        value++;
        n--;
    }
    for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
        if (strlen(labels[i].label) == len && strncasecmp(labels[i].label, s, len) == 0)
            put(out, labels[i].name, value, n, line);
    }
}

static bool word_char(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* CVE-YYYY-NNNN (four and more digits) and CWE-N. */
static void identifiers(json_t *out, const char *s, size_t n, int line)
{
    for (size_t i = 0; i + 5 <= n; i++) {
        bool cve = strncasecmp(s + i, "CVE-", 4) == 0;
        size_t end = i + 4, digits;
        char text[40];

        if ((!cve && strncasecmp(s + i, "CWE-", 4) != 0) || (i > 0 && word_char(s[i - 1])))
            continue;
        if (cve) {
            for (digits = 0; digits < 4 && end < n && isdigit((unsigned char)s[end]); digits++)
                end++;
            if (digits != 4 || end >= n || s[end] != '-')
                continue;
            end++;
        }
        for (digits = 0; end < n && isdigit((unsigned char)s[end]); digits++)
            end++;
        if (digits < (cve ? 4u : 1u) || digits > (cve ? 19u : 5u) ||
            (end < n && word_char(s[end])))
            continue;
        (void)snprintf(text, sizeof(text), "%s%.*s", cve ? "CVE-" : "CWE-", (int)(end - i - 4),
                       s + i + 4);
        if (cve ? tsn_cve_id_ok(text) : tsn_cwe_number(text) != 0)
            put(out, cve ? "cve" : "cwe", text, strlen(text), line);
        i = end - 1;
    }
}

/* The reporter's own score: kept beside ours, for reference. */
static void vectors(json_t *out, const char *s, size_t n, int line)
{
    for (size_t i = 0; i + 8 < n; i++) {
        size_t end = i;
        struct tsn_cvss v;
        struct tsn_diag d;
        char text[TSN_CVSS_VECTOR_MAX];

        if (strncmp(s + i, "CVSS:", 5) != 0 &&
            !(strncmp(s + i, "AV:", 3) == 0 && (i == 0 || !strchr("/:", s[i - 1]))))
            continue;
        while (end < n && (isalnum((unsigned char)s[end]) || strchr(":/.", s[end])))
            end++;
        while (end > i && s[end - 1] == '.') /* of the sentence */
            end--;
        if (end - i < sizeof(text)) {
            memcpy(text, s + i, end - i);
            text[end - i] = '\0';
            tsn_diag_init(&d);
            if (tsn_cvss_parse(text, &v, &d) == 0)
                put(out, "cvss", text, end - i, line);
        }
        i = end;
    }
}

static void known_products(json_t *out, const char *s, size_t n, int line,
                           const char *const *products)
{
    for (; products && *products; products++) {
        size_t len = strlen(*products);

        for (size_t i = 0; len && i + len <= n; i++) {
            if (strncasecmp(s + i, *products, len) == 0 && (i == 0 || !word_char(s[i - 1])) &&
                (i + len == n || !word_char(s[i + len])))
                put(out, "known_product", *products, len, line);
        }
    }
}

json_t *tsn_mail_fields(const char *subject, const char *text, const char *const *products)
{
    json_t *out = json_array();
    const char *at = text;

    /* Line 0 is the subject. */
    if (subject) {
        identifiers(out, subject, strlen(subject), 0);
        known_products(out, subject, strlen(subject), 0, products);
    }
    for (int line = 1; at && *at && line < 20000; line++) {
        size_t n = strcspn(at, "\n");

        if (n < 4000) {
            labelled(out, at, n, line);
            identifiers(out, at, n, line);
            vectors(out, at, n, line);
            known_products(out, at, n, line, products);
        }
        at += n + (at[n] == '\n');
    }
    return out;
}

/* --- incident or weakness --- */

static int weigh(const char *s, const char *const *words)
{
    int sum = 0;

    for (; s && *words; words++) {
        if (strcasestr(s, *words))
            sum++;
    }
    return sum;
}

const char *tsn_mail_kind(const char *subject, const char *text)
{
    /* Something happens to somebody now, against something is weak. */
    static const char *const incident[] = {"incident",
                                           "compromis",
                                           "breach",
                                           "intrusion",
                                           "under attack",
                                           "attacked",
                                           "attacker",
                                           "ransom",
                                           "suspicious",
                                           "unauthorized access",
                                           "unauthorised access",
                                           "we observed",
                                           "we see traffic",
                                           "our network",
                                           "our devices",
                                           "our units",
                                           "our customers",
                                           "outage",
                                           "forensic",
                                           "indicators of",
                                           "malware",
                                           "exfiltrat",
                                           "backdoor",
                                           NULL};
    static const char *const weakness[] = {
        "vulnerab",   "cwe-",      "cvss:",      "proof of concept",
        "poc",        "injection", "overflow",   "xss",
        "csrf",       "ssrf",      "bypass",     "disclosure",
        "researcher", "advisory",  "use after",  "out-of-bounds",
        "traversal",  "hardcoded", "hard-coded", "cve-",
        "exploit",    "privilege", NULL};
    int now = 3 * weigh(subject, incident) + weigh(text, incident);
    int weak = 3 * weigh(subject, weakness) + weigh(text, weakness);

    return now > weak ? "incident" : "weakness";
}
