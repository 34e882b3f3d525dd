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

static bool word_char(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* A line that is looked at. */
struct look {
    json_t *out;
    const struct tsn_mail_source *in;
    const char *const *products;
    const char *s;  /* the line */
    size_t n, from; /* bytes before it in the text */
    int64_t line;
};

void tsn_mail_field(json_t *out, const struct tsn_mail_source *in, const char *name,
                    const char *value, size_t n, int64_t line, size_t at)
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
    had = json_pack("{s:s, s:s, s:I, s:I, s:s*}", "name", name, "value", text, "line",
                    (json_int_t)line, "at", (json_int_t)at, "part", in->part);
    if (in->outside) /* beside what was encrypted: anybody may have put it there */
        json_object_set_new(had, "outside", json_true());
    json_array_append_new(out, had);
}

/* `at`: where in the line it was found. */
static void put(const struct look *l, const char *name, const char *value, size_t n,
                const char *at)
{
    tsn_mail_field(l->out, l->in, name, value, n, l->line, l->from + (size_t)(at - l->s));
}

/* "Label: value" lines, as reporters and templates write them. */
static void labelled(const struct look *l)
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
    const char *s = l->s, *colon, *value;
    size_t n = l->n, len;

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
            put(l, labels[i].name, value, n, value);
    }
}

/* CVE-YYYY-NNNN (four and more digits) and CWE-N. */
static void identifiers(const struct look *l)
{
    const char *s = l->s;
    size_t n = l->n;

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
            put(l, cve ? "cve" : "cwe", text, strlen(text), s + i);
        i = end - 1;
    }
}

/* The reporter's own score: kept beside ours, for reference. */
static void vectors(const struct look *l)
{
    const char *s = l->s;
    size_t n = l->n;

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
                put(l, "cvss", text, end - i, s + i);
        }
        i = end;
    }
}

/* "9.2", "v9.2.1-rc1", "version 9.2", "firmware 9.2" right behind a product's name. */
static void version_behind(const struct look *l, const char *p)
{
    static const char *const words[] = {"version", "firmware", "release", "v", NULL};
    const char *end = l->s + l->n, *from;
    bool dot = false;

    for (int round = 0; round < 2; round++) {
        while (p < end && strchr(" \t(,", *p))
            p++;
        for (const char *const *w = words; *w && round == 0; w++) {
            size_t len = strlen(*w);

            if ((size_t)(end - p) > len && strncasecmp(p, *w, len) == 0 &&
                !isalpha((unsigned char)p[len])) {
                p += len;
                break;
            }
        }
    }
    for (from = p; p < end && (word_char(*p) || strchr(".-+", *p)); p++)
        dot = dot || *p == '.';
    while (p > from && strchr(".-+", p[-1])) /* of the sentence */
        p--;
    if (p > from && isdigit((unsigned char)*from) && p - from <= 40 &&
        (dot || p - from <= 4)) /* a number alone may be anything, a short one a version */
        put(l, "version", from, (size_t)(p - from), from);
}

static void known_products(const struct look *l)
{
    for (const char *const *product = l->products; product && *product; product++) {
        size_t len = strlen(*product);

        for (size_t i = 0; len && i + len <= l->n; i++) {
            if (strncasecmp(l->s + i, *product, len) != 0 ||
                (i > 0 && word_char(l->s[i - 1])) ||
                (i + len < l->n && word_char(l->s[i + len])))
                continue;
            put(l, "known_product", *product, len, l->s + i);
            version_behind(l, l->s + i + len);
        }
    }
}

/* "2026-12-24", with a time behind it or not. */
static size_t date_at(const char *s, size_t n)
{
    static const char form[] = "dddd-dd-dd";

    if (n < sizeof(form) - 1)
        return 0;
    for (size_t i = 0; i < sizeof(form) - 1; i++) {
        if (form[i] == 'd' ? !isdigit((unsigned char)s[i]) : s[i] != '-')
            return 0;
    }
    return n > 10 && isdigit((unsigned char)s[10]) ? 0 : 10;
}

/* "90 days", "90-day" */
static size_t days_at(const char *s, size_t n)
{
    size_t i = 0, from;

    while (i < n && i < 4 && isdigit((unsigned char)s[i]))
        i++;
    from = i;
    if (i == 0 || i == n || !strchr(" -", s[i]))
        return 0;
    i++;
    if (n - i < 3 || strncasecmp(s + i, "day", 3) != 0)
        return 0;
    i += n - i > 3 && (s[i + 3] | 0x20) == 's' ? 4 : 3;
    return i > from && (i == n || !word_char(s[i])) ? i : 0;
}

/* A date or a number of days in a line that is about publishing. */
static void deadlines(const struct look *l)
{
    static const char *const about[] = {"publi",     "disclos", "deadline", "embargo",
                                        "go public", "present", NULL};
    char line[1024];
    bool meant = false;

    if (l->n >= sizeof(line))
        return;
    memcpy(line, l->s, l->n);
    line[l->n] = '\0';
    for (const char *const *w = about; *w && !meant; w++)
        meant = strcasestr(line, *w) != NULL;
    for (size_t i = 0; meant && i < l->n; i++) {
        size_t len = i > 0 && (word_char(l->s[i - 1]) || l->s[i - 1] == '-')
                         ? 0
                         : date_at(l->s + i, l->n - i);

        if (len == 0 && (i == 0 || !word_char(l->s[i - 1])))
            len = days_at(l->s + i, l->n - i);
        if (len) {
            put(l, "disclosure", l->s + i, len, l->s + i);
            i += len - 1;
        }
    }
}

void tsn_mail_fields(json_t *out, const struct tsn_mail_source *in, const char *const *products)
{
    struct look l = {.out = out, .in = in, .products = products, .line = in->subject ? 0 : 1};

    for (const char *at = in->text; at && *at && l.line < 20000; l.line++) {
        l.s = at;
        l.n = strcspn(at, "\n");
        l.from = (size_t)(at - in->text);
        if (l.n < 4000) {
            identifiers(&l);
            known_products(&l);
        }
        if (l.n < 4000 && !in->subject) {
            labelled(&l);
            vectors(&l);
            deadlines(&l);
        }
        at += l.n + (at[l.n] == '\n');
    }
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
