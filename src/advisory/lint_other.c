/* lint_other.c - CNA rules, OpenVEX rules, placeholders. Pure. */
#include "advisory/lint_other.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "advisory/csaf_check.h"
#include "advisory/csaf_view.h"
#include "core/buf.h"
#include "core/json.h"

#define AT(at, ...) (void)snprintf(at, sizeof at, __VA_ARGS__)

static void find(json_t *out, const char *test, const char *severity, const char *pointer,
                 const char *message, const char *why)
{
    json_array_append_new(out,
                          json_pack("{s:s,s:s,s:s,s:s,s:s}", "test", test, "severity", severity,
                                    "pointer", pointer, "message", message, "why", why));
}

static void error(json_t *out, const char *test, const char *pointer, const char *message,
                  const char *why)
{
    find(out, test, "error", pointer, message, why);
}

enum tsn_lint_kind tsn_lint_kind_of(const json_t *doc)
{
    if (strcmp(tsn_json_str(doc, "dataType", ""), "CVE_RECORD") == 0 ||
        json_object_get(doc, "cnaContainer") || json_object_get(doc, "cveMetadata")) {
        return TSN_LINT_CVE;
    }
    if (strstr(tsn_json_str(doc, "@context", ""), "openvex.dev/")) {
        return TSN_LINT_OPENVEX;
    }
    return TSN_LINT_CSAF;
}

/* --- CVE ----------------------------------------------------------------------------------------- */

static bool english(const char *lang)
{
    return strncasecmp(lang, "en", 2) == 0 &&
           (lang[2] == '\0' || lang[2] == '-' || lang[2] == '_');
}

/* Texts in several languages: each language once, one of them English. */
static void languages(json_t *out, const json_t *list, const char *at)
{
    json_t *seen = json_object(), *item;
    size_t i;
    bool any = false;
    char where[160];
    json_array_foreach(list, i, item)
    {
        const char *lang = tsn_json_str(item, "lang", "");
        AT(where, "%s/%zu", at, i);
        if (json_object_get(seen, lang)) {
            error(out, "cna.language", where, "a language is there twice",
                  "CVE Services takes one text of each language.");
        }
        json_object_set_new(seen, lang, json_true());
        any = any || english(lang);
        if (strlen(tsn_json_str(item, "value", "x")) == 0) {
            error(out, "cna.empty", where, "the text is empty", "An empty text says nothing.");
        }
    }
    if (!any) {
        error(out, "cna.english", at, "no text is in English",
              "The CVE Program asks for one description in English (rule 5.1).");
    }
    json_decref(seen);
}

static void affected(json_t *out, const json_t *list)
{
    bool some = false;
    size_t i, k;
    json_t *p, *v;
    json_array_foreach(list, i, p)
    {
        const char *status = tsn_json_str(p, "defaultStatus", "unknown");
        bool counts = strcmp(status, "unaffected") != 0 && json_object_get(p, "defaultStatus");
        json_array_foreach(json_object_get(p, "versions"), k, v)
        {
            counts = counts || strcmp(tsn_json_str(v, "status", ""), "unaffected") != 0;
        }
        some = some || counts;
    }
    if (!some) {
        error(out, "cna.affected", "/affected", "no product is affected or unknown",
              "A record names at least one affected product (CNA rule 5.1.3).");
    }
}

static bool speaks_of_credit(const char *s)
{
    static const char *const words[] = {"discovered by", "reported by", "found by",
                                        "credit to",     "credits to",  "thanks to"};
    for (size_t w = 0; w < sizeof words / sizeof words[0]; w++) {
        if (strcasestr(s, words[w])) {
            return true;
        }
    }
    return false;
}

static void container(json_t *out, const json_t *cna)
{
    size_t i, k;
    json_t *item, *d;
    bool type = false;
    char at[96];
    const json_t *rejected = json_object_get(cna, "rejectedReasons");
    if (rejected) {
        languages(out, rejected, "/rejectedReasons");
        return;
    }
    languages(out, json_object_get(cna, "descriptions"), "/descriptions");
    affected(out, json_object_get(cna, "affected"));
    json_array_foreach(json_object_get(cna, "problemTypes"), i, item)
    {
        json_array_foreach(json_object_get(item, "descriptions"), k, d)
        {
            type = type || strlen(tsn_json_str(d, "description", "")) > 3;
            const char *id = tsn_json_str(d, "cweId", NULL);
            AT(at, "/problemTypes/%zu/descriptions/%zu", i, k);
            if (id && tsn_csaf_cwe_known(id, "") == TSN_CWE_UNKNOWN) {
                error(out, "cna.cwe", at, "there is no such weakness",
                      "A weakness is looked up by its CWE id.");
            }
        }
    }
    json_array_foreach(json_object_get(cna, "impacts"), i, item)
    {
        type = true;
    }
    if (!type) {
        find(out, "cna.type", "warning", "/problemTypes",
             "no vulnerability type, root cause or impact",
             "A record says what kind of flaw it is (CNA rule 5.1.5).");
    }
    if (json_array_size(json_object_get(cna, "references")) == 0) {
        error(out, "cna.reference", "/references", "no reference",
              "A record names a public reference that says at least as much (CNA rule 5.3).");
    }
    json_array_foreach(json_object_get(cna, "descriptions"), i, item)
    {
        AT(at, "/descriptions/%zu", i);
        if (speaks_of_credit(tsn_json_str(item, "value", ""))) {
            find(out, "cna.credit", "warning", at, "the description names a finder",
                 "Credits have a place of their own; descriptions are copied everywhere.");
        }
    }
    if (!json_object_get(cna, "metrics")) {
        find(out, "cna.metrics", "info", "/metrics", "no score",
             "Records with CVSS and CWE are counted as enriched (erlcheck).");
    }
}

tsn_err tsn_lint_cve(const json_t *doc, json_t **findings)
{
    json_t *out = json_array();
    const json_t *cna = json_object_get(doc, "cnaContainer");
    const json_t *meta = json_object_get(doc, "cveMetadata");
    cna = cna ? cna : json_object_get(json_object_get(doc, "containers"), "cna");
    if (!json_is_object(cna)) {
        error(out, "cna.container", "", "there is no CNA container",
              "What a CNA says stands in containers/cna.");
    } else {
        container(out, cna);
    }
    if (meta && !tsn_csaf_is_cve(tsn_json_str(meta, "cveId", ""))) {
        error(out, "cna.id", "/cveMetadata/cveId", "is not a CVE id",
              "Records are found by id.");
    }
    *findings = out;
    return 0;
}

/* --- OpenVEX --------------------------------------------------------------------------------------- */

static void statement(json_t *out, const json_t *doc, const json_t *s, size_t i)
{
    char at[64];
    AT(at, "/statements/%zu", i);
    const char *status = tsn_json_str(s, "status", "");
    int64_t sec, nsec, dsec, dnsec;
    if (!*tsn_json_str(json_object_get(s, "vulnerability"), "name", "")) {
        error(out, "vex.vulnerability", at, "names no vulnerability",
              "A statement is about one vulnerability.");
    }
    if (json_array_size(json_object_get(s, "products")) == 0) {
        error(out, "vex.products", at, "names no product",
              "The schema lets it pass, but a statement about nothing cannot be applied.");
    }
    if (strcmp(status, "not_affected") == 0 && !json_object_get(s, "justification") &&
        !json_object_get(s, "impact_statement")) {
        error(out, "vex.justification", at, "not_affected without justification or impact",
              "Readers must be able to check why a product is not affected.");
    }
    if (strcmp(status, "affected") == 0 && !json_object_get(s, "action_statement")) {
        error(out, "vex.action", at, "affected without an action statement",
              "Readers must know what to do.");
    }
    if (strcmp(status, "not_affected") != 0 && json_object_get(s, "justification")) {
        error(out, "vex.stray", at, "only not_affected has a justification",
              "A justification for another status contradicts it.");
    }
    const char *when = tsn_json_str(s, "timestamp", NULL);
    const char *latest = tsn_json_str(doc, "last_updated", tsn_json_str(doc, "timestamp", ""));
    if (when && tsn_csaf_time(when, &sec, &nsec) && tsn_csaf_time(latest, &dsec, &dnsec) &&
        (sec > dsec || (sec == dsec && nsec > dnsec))) {
        find(out, "vex.time", "warning", at, "is later than the document",
             "The newest statement wins, so the times must be true.");
    }
}

tsn_err tsn_lint_openvex(const json_t *doc, json_t **findings)
{
    static const char *const needed[] = {"@id", "author", "timestamp", "version", "statements"};
    json_t *out = json_array(), *s;
    int64_t sec, nsec, later, lnsec;
    size_t i;
    for (i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        if (!json_object_get(doc, needed[i])) {
            char message[64];
            AT(message, "member \"%s\" is missing", needed[i]);
            error(out, "vex.schema", "", message, "OpenVEX 0.2.0 needs it.");
        }
    }
    if (strcmp(tsn_json_str(doc, "@context", ""), "https://openvex.dev/ns/v0.2.0") != 0) {
        error(out, "vex.context", "/@context", "is not https://openvex.dev/ns/v0.2.0",
              "The context says which rules hold.");
    }
    if (!json_is_integer(json_object_get(doc, "version")) ||
        tsn_json_int(doc, "version", 0) < 1) {
        error(out, "vex.version", "/version", "is not a whole number from 1 on",
              "Any change raises it, so that readers see what is new.");
    }
    const char *when = tsn_json_str(doc, "timestamp", "");
    const char *updated = tsn_json_str(doc, "last_updated", NULL);
    if (!tsn_csaf_time(when, &sec, &nsec)) {
        error(out, "vex.time", "/timestamp", "is not a date and time (RFC 3339)",
              "The newest statement wins, so the times must be true.");
    } else if (updated && tsn_csaf_time(updated, &later, &lnsec) && later < sec) {
        error(out, "vex.time", "/last_updated", "is earlier than timestamp",
              "A document is updated after it was made.");
    }
    json_array_foreach(json_object_get(doc, "statements"), i, s)
    {
        statement(out, doc, s, i);
    }
    *findings = out;
    return 0;
}

/* --- placeholders -------------------------------------------------------------------------------------- */

static bool whole_word(const char *s, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = s; (p = strstr(p, word)); p += n) {
        bool before = p > s && isalnum((unsigned char)p[-1]);
        if (!before && !isalnum((unsigned char)p[n])) {
            return true;
        }
    }
    return false;
}

static bool left_over(const char *s)
{
    /* Cut in two, so that these words are not found in this file. */
    static const char *const words[] = {"TO"
                                        "DO",
                                        "FIX"
                                        "ME",
                                        "TB"
                                        "D"};
    static const char *const parts[] = {"lorem ipsum", "<insert ", "[insert ", "CVE-YYYY-",
                                        "CVE-X"};
    for (size_t w = 0; w < sizeof words / sizeof words[0]; w++) {
        if (whole_word(s, words[w])) {
            return true;
        }
    }
    for (size_t w = 0; w < sizeof parts / sizeof parts[0]; w++) {
        if (strcasestr(s, parts[w])) {
            return true;
        }
    }
    const char *open = strstr(s, "${"), *mustache = strstr(s, "{{");
    return (open && strchr(open, '}')) || (mustache && strstr(mustache, "}}"));
}

/* Every text of the document, with its pointer. */
struct texts {
    void (*look)(const struct texts *t, const char *text, const char *pointer);
    json_t *findings;
    const struct tsn_lint_word *words; /* what must not be said; NULL-terminated by its text */
    const char *tlp;                   /* of the document, TLP 2.0; "" = none */
};

static void walk(const struct texts *t, const json_t *v, struct tsn_buf *at)
{
    union tsn_json_read r = {.in = v};
    size_t i, len = at->len;
    json_t *item;
    const char *key;
    if (json_is_string(v)) {
        t->look(t, json_string_value(v), at->data);
    }
    json_array_foreach(v, i, item)
    {
        tsn_buf_printf(at, "/%zu", i);
        walk(t, item, at);
        at->len = len;
        at->data[len] = '\0';
    }
    json_object_foreach(r.out, key, item)
    {
        tsn_buf_printf(at, "/%s", key);
        walk(t, item, at);
        at->len = len;
        at->data[len] = '\0';
    }
}

static void walk_all(const struct texts *t, const json_t *doc)
{
    struct tsn_buf at;
    tsn_buf_init(&at, 1u << 16);
    tsn_buf_puts(&at, "");
    walk(t, doc, &at);
    tsn_buf_free(&at);
}

static void look_left_over(const struct texts *t, const char *text, const char *pointer)
{
    if (left_over(text)) {
        find(t->findings, "placeholder", "warning", pointer, "a text that nobody filled in",
             "What is published cannot be taken back.");
    }
}

void tsn_lint_placeholders(const json_t *doc, json_t *findings)
{
    const struct texts t = {.look = look_left_over, .findings = findings};
    walk_all(&t, doc);
}

/* --- embargo ------------------------------------------------------------------------------------------- */

/* Longer labels first: AMBER+STRICT begins as AMBER does. */
static const struct {
    const char *label;
    int strict;
} tlps[] = {{"AMBER+STRICT", 3}, {"AMBER", 2}, {"GREEN", 1},
            {"CLEAR", 0},        {"WHITE", 0}, {"RED", 4}};

static int strictness(const char *label)
{
    for (size_t i = 0; i < sizeof tlps / sizeof tlps[0]; i++) {
        if (strncmp(label, tlps[i].label, strlen(tlps[i].label)) == 0) {
            return tlps[i].strict;
        }
    }
    return -1;
}

static void look_embargo(const struct texts *t, const char *text, const char *pointer)
{
    static const char *const phrases[] = {"under embargo",       "embargoed until",
                                          "embargo ends",        "do not publish before",
                                          "not for publication", "internal use only"};
    static const char why[] = "It says of itself that these readers may not see it.";
    for (const char *p = text; (p = strstr(p, "TLP:")); p += 4) {
        if (*t->tlp && strictness(p + 4) > strictness(t->tlp)) {
            find(t->findings, "embargo", "warning", pointer,
                 "the text is marked more strictly than the document", why);
            break;
        }
    }
    for (size_t i = 0; i < sizeof phrases / sizeof phrases[0]; i++) {
        if (strictness(t->tlp) == 0 && strcasestr(text, phrases[i])) {
            find(t->findings, "embargo", "warning", pointer,
                 "the text speaks of an embargo, and the document is for everybody", why);
            break;
        }
    }
    for (const struct tsn_lint_word *w = t->words; w && w->text; w++) {
        if (strcasestr(text, w->text)) {
            find(t->findings, "embargo", "error", pointer, w->what,
                 "It is not for the readers of this document.");
        }
    }
}

void tsn_lint_embargo(const json_t *doc, const struct tsn_lint_word *words, json_t *findings)
{
    const struct texts t = {
        .look = look_embargo, .findings = findings, .words = words, .tlp = tsn_view_tlp(doc)};
    walk_all(&t, doc);
}
