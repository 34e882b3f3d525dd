/* foreign.c - each format's members and what they become in the neutral form. Pure. */
#include "intake/foreign.h"

#include <stdlib.h>
#include <string.h>

#include "casework/bounty.h"
#include "core/crypto.h"
#include "core/cwe.h"
#include "core/json.h"
#include "core/text.h"
#include "intake/intake.h"

#define TITLE_CHARS 200
#define TEXT_BYTES  65536
#define WORD_BYTES  200

static bool blank(const char *s)
{
    return !s || s[strspn(s, " \t\r\n")] == '\0';
}

static void put(json_t *out, const char *key, const char *value)
{
    if (!blank(value))
        json_object_set_new(out, key, tsn_json_clean(value, WORD_BYTES, WORD_BYTES, false));
}

/* Title and text are needed: one stands in for the other. */
static void put_words(json_t *out, const char *title, const char *text)
{
    if (blank(title))
        title = blank(text) ? "Report of another system" : text;
    json_object_set_new(
        out, "title",
        tsn_json_clean(title, strcspn(title, "\r\n") < 800 ? strcspn(title, "\r\n") : 800,
                       TITLE_CHARS, false));
    json_object_set_new(
        out, "text", tsn_json_clean(blank(text) ? title : text, TEXT_BYTES, TEXT_BYTES, true));
}

/* Only what is an address: a report must not fail for its contact. */
static void put_contact(json_t *out, const char *mail, const char *name, const char *org)
{
    json_t *contact = json_object();

    if (mail && tsn_mail_ok(mail))
        json_object_set_new(contact, "mail", json_string(mail));
    put(contact, "name", name);
    if (json_object_size(contact)) {
        put(contact, "organisation", org);
        json_object_set(out, "contact", contact);
    }
    json_decref(contact);
}

static void add(json_t *out, const char *source, const char *id, json_t *report,
                const char *skipped)
{
    uint8_t hash[TSN_HASH_LEN];
    char hex[2 * TSN_HASH_LEN + 1], key[160];

    /* Without a number of its own it is known by its content. */
    if (blank(id) || !tsn_word_ok(id, 100)) {
        tsn_json_digest(hash, report);
        tsn_hex(hex, hash, sizeof(hash));
        id = hex;
    } else {
        put(report, "foreign_id", id);
    }
    (void)snprintf(key, sizeof(key), "%s:%s", source, id);
    json_array_append_new(
        out, json_pack("{s:s, s:o, s:s*}", "key", key, "report", report, "skipped", skipped));
}

/* --- bounty platforms --- */

static void severity(json_t *out, const char *word)
{
    if (word && tsn_band_of(word) >= 0)
        json_object_set_new(out, "severity", json_string(word));
}

static void bounty(json_t *out, const json_t *row)
{
    static const char *const over[] = {"resolved",    "closed",         "not-applicable",
                                       "informative", "duplicate",      "spam",
                                       "wont_fix",    "not_applicable", NULL};
    const char *state = tsn_json_str(row, "state", ""), *skipped = NULL,
               *cve = tsn_json_str(row, "cve", NULL);
    json_t *report = json_pack("{s:s}", "kind", "weakness");

    for (size_t i = 0; over[i]; i++) {
        if (strcmp(state, over[i]) == 0)
            skipped = over[i];
    }
    put_words(report, tsn_json_str(row, "title", NULL), tsn_json_str(row, "text", NULL));
    put_contact(report, NULL, tsn_json_str(row, "reporter", NULL),
                tsn_json_str(row, "source", NULL));
    severity(report, tsn_json_str(row, "severity", NULL));
    put(report, "product", tsn_json_str(row, "target", NULL));
    if (cve && strncmp(cve, "CVE-", 4) == 0 && !strpbrk(cve, ", ;"))
        json_object_set_new(report, "cves", json_pack("[s]", cve));
    add(out, tsn_json_str(row, "source", "bounty"), tsn_json_str(row, "external_id", NULL),
        report, skipped);
}

/* --- VINCE --- */

static bool yes(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    const char *s = json_string_value(v);

    return json_is_true(v) || (s && (strcasecmp(s, "true") == 0 || strcasecmp(s, "yes") == 0));
}

static void vince(json_t *out, const json_t *v)
{
    static const char *const told[][2] = {{"vul_exploit", "How it is exploited"},
                                          {"vul_impact", "Impact"},
                                          {"vul_discovery", "How it was found"},
                                          {"disclosure_plans", "Plans to disclose"},
                                          {"comments", "Comments"}};
    json_t *report = json_pack("{s:s}", "kind", "weakness");
    const char *name = tsn_json_str(v, "contact_name", NULL);
    struct tsn_buf b;

    tsn_buf_init(&b, (size_t)1 << 20);
    tsn_buf_puts(&b, tsn_json_str(v, "vul_description", ""));
    for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
        const char *text = tsn_json_str(v, told[i][0], NULL);

        if (!blank(text))
            tsn_buf_printf(&b, "\n\n%s: %s", told[i][1], text);
    }
    if (yes(v, "vul_public"))
        tsn_buf_puts(&b, "\n\nIt is public.");
    if (yes(v, "vul_exploited"))
        tsn_buf_puts(&b, "\n\nIt is exploited.");
    put_words(report, tsn_json_str(v, "title", NULL), b.data);
    tsn_buf_free(&b);
    put_contact(report, tsn_json_str(v, "contact_email", NULL), name,
                tsn_json_str(v, "contact_org", NULL));
    put(report, "product", tsn_json_str(v, "product_name", NULL));
    put(report, "version", tsn_json_str(v, "product_version", NULL));
    if (yes(v, "credit_release"))
        put(report, "credit", name);
    add(out, "vince", tsn_json_str(v, "vrf_id", NULL), report, NULL);
}

/* --- CSAF --- */

/* The first product and version that the tree names. */
static void csaf_product(const json_t *branches, json_t *report, int depth)
{
    const json_t *one;
    size_t i;

    json_array_foreach(branches, i, one)
    {
        const char *what = tsn_json_str(one, "category", "");

        if (strcmp(what, "product_name") == 0 && !json_object_get(report, "product"))
            put(report, "product", tsn_json_str(one, "name", NULL));
        if (strncmp(what, "product_version", 15) == 0 && !json_object_get(report, "version"))
            put(report, "version", tsn_json_str(one, "name", NULL));
        if (depth < 16)
            csaf_product(json_object_get(one, "branches"), report, depth + 1);
    }
}

static const char *csaf_vector(const json_t *vuln)
{
    static const char *const kinds[] = {"cvss_v4", "cvss_v3", "cvss_v2"};
    const json_t *scores = json_object_get(vuln, "scores"),
                 *metrics = json_object_get(vuln, "metrics"),
                 *list = json_is_array(metrics) ? metrics : scores, *one;
    size_t i;

    json_array_foreach(list, i, one)
    {
        const json_t *c = json_object_get(one, "content");

        for (size_t k = 0; k < 3; k++) {
            const char *v =
                tsn_json_str(json_object_get(c ? c : one, kinds[k]), "vectorString", NULL);

            if (v)
                return v;
        }
    }
    return NULL;
}

static void csaf_notes(struct tsn_buf *b, const json_t *notes)
{
    const json_t *one;
    size_t i;

    json_array_foreach(notes, i, one)
    {
        if (!blank(tsn_json_str(one, "text", NULL)))
            tsn_buf_printf(b, "%s%s", b->len ? "\n\n" : "", tsn_json_str(one, "text", ""));
    }
}

static void csaf(json_t *out, const json_t *root)
{
    const json_t *doc = json_object_get(root, "document"),
                 *vulns = json_object_get(root, "vulnerabilities"),
                 *first = json_array_get(vulns, 0), *one;
    json_t *report = json_pack("{s:s}", "kind", "weakness"), *cves = json_array();
    const char *cwe = tsn_json_str(
        json_object_get(first, "cwe"), "id",
        tsn_json_str(json_array_get(json_object_get(first, "cwes"), 0), "id", NULL));
    struct tsn_buf b;
    size_t i;

    tsn_buf_init(&b, (size_t)4 << 20);
    csaf_notes(&b, json_object_get(doc, "notes"));
    json_array_foreach(vulns, i, one)
    {
        const char *cve = tsn_json_str(one, "cve", NULL);

        csaf_notes(&b, json_object_get(one, "notes"));
        if (cve && json_array_size(cves) < 100)
            json_array_append_new(cves, json_string(cve));
    }
    put_words(report, tsn_json_str(doc, "title", NULL), b.data);
    tsn_buf_free(&b);
    if (json_array_size(cves))
        json_object_set(report, "cves", cves);
    json_decref(cves);
    if (cwe && tsn_cwe_number(cwe))
        json_object_set_new(report, "cwe", json_string(cwe));
    if (csaf_vector(first))
        json_object_set_new(report, "cvss", json_string(csaf_vector(first)));
    csaf_product(json_object_get(json_object_get(root, "product_tree"), "branches"), report, 0);
    put_contact(report, NULL, tsn_json_str(json_object_get(doc, "publisher"), "name", NULL),
                NULL);
    add(out, "csaf", tsn_json_str(json_object_get(doc, "tracking"), "id", NULL), report, NULL);
}

/* --- HackerOne, one report as its webhooks and API have it --- */

/* The reader of exports knows lists. */
static bool hackerone(json_t *out, json_t *v)
{
    json_t *rows = NULL, *one, *list;
    struct tsn_diag diag;
    char *text;
    size_t i;
    tsn_err err;

    if (strcmp(tsn_json_str(v, "type", ""), "report") != 0 ||
        !json_is_object(json_object_get(v, "attributes")))
        return false;
    list = json_pack("{s:[O]}", "data", v);
    text = tsn_json_text(list);
    json_decref(list);
    tsn_diag_init(&diag);
    err = tsn_bounty_read_export(text, strlen(text), &rows, &diag);
    free(text);
    if (err)
        return false;
    json_array_foreach(rows, i, one) bounty(out, one);
    json_decref(rows);
    return true;
}

/* --- which is it --- */

static bool is_vince(const json_t *v)
{
    return json_is_string(json_object_get(v, "vul_description"));
}

/* One object; false: none of these. */
static bool one_of(json_t *out, json_t *v)
{
    if (json_is_object(json_object_get(v, "document")))
        csaf(out, v);
    else if (is_vince(v))
        vince(out, v);
    else if (json_is_string(json_object_get(v, "kind")) &&
             json_is_string(json_object_get(v, "text")))
        add(out, "tocsin", tsn_json_str(v, "foreign_id", NULL), json_deep_copy(v), NULL);
    else
        return hackerone(out, v);
    return true;
}

tsn_err tsn_foreign_report(const json_t *value, json_t **out, const char **key,
                           const char **skipped)
{
    json_t *list = json_array(), *row;

    *out = NULL;
    if (json_is_object(value) && one_of(list, (json_t *)(uintptr_t)value) &&
        json_array_size(list) == 1)
        *out = json_incref(json_array_get(list, 0));
    json_decref(list);
    row = *out;
    if (!row)
        return TSN_EINPUT;
    *key = tsn_json_str(row, "key", "");
    *skipped = tsn_json_str(row, "skipped", NULL);
    return 0;
}

tsn_err tsn_foreign_reports(const char *bytes, size_t len, json_t **out, struct tsn_diag *diag)
{
    json_t *root = NULL, *list = json_array(), *rows = NULL, *one;
    bool known = tsn_json_parse(bytes, len, &root, NULL) == 0;
    tsn_err err = 0;
    size_t i;

    if (known && json_is_array(root)) {
        known = json_array_size(root) > 0;
        json_array_foreach(root, i, one) known = known && one_of(list, one);
    } else if (known) {
        known = one_of(list, root);
    }
    if (!known) {
        json_array_clear(list);
        err = tsn_bounty_read_export(bytes, len, &rows, diag);
        json_array_foreach(rows, i, one) bounty(list, one);
    }
    if (err) {
        tsn_diag_set(diag, TSN_EINPUT, "I010", "this is no report of a system that is known");
        tsn_diag_hint(diag, "HackerOne or Bugcrowd exports, VINCE reports, CSAF documents, the "
                            "neutral form of docs/form.md");
    }
    json_decref(rows);
    json_decref(root);
    if (err) {
        json_decref(list);
        return TSN_EINPUT;
    }
    *out = list;
    return 0;
}
