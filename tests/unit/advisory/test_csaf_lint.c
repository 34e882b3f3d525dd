/* test_csaf_lint.c - each optional and informative test once broken and once whole, severities,
 * and fixes that mend what they promise to mend. Needs no data from outside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include "advisory/advisory.h"
#include "unit/advisory/fixture.h"

/* Nothing at all is to be said about this one. */
static const char clean[] =
    "{'document':{'category':'csaf_security_advisory','csaf_version':'2.0',"
    "'distribution':{'tlp':{'label':'WHITE'}},'lang':'en',"
    "'publisher':{'category':'vendor','name':'Acme','namespace':'https://acme.example.com'},"
    "'references':[{'category':'self','summary':'This','url':"
    "'https://acme.example.com/2026/acme-2026_1.json'}],"
    "'title':'Flaw in the gateway','tracking':{'current_release_date':'2026-02-02T00:00:00Z',"
    "'id':'ACME-2026:1','initial_release_date':'2026-01-01T00:00:00Z','revision_history':["
    "{'date':'2026-01-01T00:00:00Z','number':'1.0.0','summary':'First'},"
    "{'date':'2026-02-02T00:00:00Z','number':'1.1.0','summary':'Second'}],"
    "'status':'final','version':'1.1.0'}},"
    "'product_tree':{'branches':[{'branches':[{'branches':[{'category':'product_version',"
    "'name':'1.0','product':{'name':'Acme Gate 1.0','product_id':'P1',"
    "'product_identification_helper':{'hashes':[{'file_hashes':[{'algorithm':'sha256','value':"
    "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'}],'filename':'gate'}]"
    "}}},{'category':'product_version','name':'2.0','product':{'name':'Acme Gate 2.0',"
    "'product_id':'P2','product_identification_helper':{'cpe':'cpe:/a:acme:gate:2.0'}}}],"
    "'category':'product_name','name':'Gate'}],'category':'vendor','name':'Acme'}]},"
    "'vulnerabilities':[{'cve':'CVE-2026-1000','cwe':{'id':'CWE-79','name':'Improper "
    "Neutralization of Input During Web Page Generation (\\'Cross-site Scripting\\')'},"
    "'involvements':[{'date':'2026-01-01T00:00:00Z','party':'vendor','status':'completed'}],"
    "'notes':[{'category':'summary','text':'A vulnerability in the interface.'}],"
    "'product_status':{'fixed':['P2'],'known_affected':['P1']},"
    "'remediations':[{'category':'vendor_fix','details':'Update.','product_ids':['P1']}],"
    "'scores':[{'cvss_v3':{'baseScore':9.8,'baseSeverity':'CRITICAL','vectorString':"
    "'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H','version':'3.1'},'products':['P1']}]}]}";

/* Single quotes stand for double ones, \' for itself. */
static json_t *parse(const char *quoted)
{
    char *text = strdup(quoted);
    size_t to = 0;
    for (size_t i = 0; quoted[i]; i++) {
        if (quoted[i] == '\\' && quoted[i + 1] == '\'') {
            text[to++] = quoted[++i];
        } else {
            text[to++] = quoted[i] == '\'' ? '"' : quoted[i];
        }
    }
    text[to] = '\0';
    json_t *v = NULL;
    struct tsn_diag diag;
    tsn_diag_init(&diag);
    if (tsn_json_parse(text, to, &v, &diag)) {
        fail_msg("%s: %s", text, diag.what);
    }
    free(text);
    return v;
}

/* One operation of RFC 6902; value is borrowed. */
static void apply(json_t *doc, const char *op, const char *path, json_t *value)
{
    json_t *at = doc;
    char token[64];
    for (;;) {
        size_t n = strcspn(++path, "/");
        assert_true(n < sizeof token);
        memcpy(token, path, n);
        token[n] = '\0';
        path += n;
        char *tilde = strstr(token, "~0");
        if (tilde) {
            memmove(tilde + 1, tilde + 2, strlen(tilde + 1));
        }
        if (!*path) {
            break;
        }
        at = json_is_array(at) ? json_array_get(at, (size_t)strtoul(token, NULL, 10))
                               : json_object_get(at, token);
        assert_non_null(at);
    }
    size_t index = (size_t)strtoul(token, NULL, 10);
    if (strcmp(op, "remove") == 0) {
        assert_int_equal(0, json_is_array(at) ? json_array_remove(at, index)
                                              : json_object_del(at, token));
    } else if (json_is_array(at)) {
        assert_int_equal(0, index < json_array_size(at) ? json_array_set(at, index, value)
                                                        : json_array_append(at, value));
    } else {
        assert_int_equal(0, json_object_set(at, token, value));
    }
}

static json_t *lint(const json_t *doc)
{
    json_t *findings = NULL;
    assert_int_equal(0, tsn_csaf_lint(doc, &findings));
    return findings;
}

/* First finding of a test, or NULL. */
static const json_t *first(const json_t *findings, const char *test)
{
    size_t i;
    json_t *f;
    json_array_foreach(findings, i, f)
    {
        if (strcmp(tsn_json_str(f, "test", ""), test) == 0) {
            return f;
        }
    }
    return NULL;
}

#define TRACKING "/document/tracking"
#define VULN     "/vulnerabilities/0"
#define LEAVES   "/product_tree/branches/0/branches/0/branches"
#define HELPER   LEAVES "/0/product/product_identification_helper"
#define CVSS     VULN "/scores/0/cvss_v3"
#define FIXED_SCORE(metrics)                                                                   \
    "{'cvss_v3':{'baseScore':6.5,'baseSeverity':'MEDIUM'," metrics "'vectorString':"           \
    "'CVSS:3.1/AV:L/AC:L/PR:H/UI:R/S:U/C:H/I:H/A:H','version':'3.1'},'products':['P2']}"
#define FILE_HASHES(algorithm, value)                                                          \
    "[{'file_hashes':[{'algorithm':'" algorithm "','value':'" value "'}],'filename':'f'}]"
#define H32 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* What is done to the clean document (value NULL = removed), which test then speaks (NULL =
 * none), where, and whether it knows the fix. */
static const struct {
    const char *path, *value, *test, *pointer;
    bool fix;
} table[] = {
    {VULN "/product_status/fixed", NULL, "6.2.1", LEAVES "/1/product/product_id", false},
    {VULN "/remediations", NULL, "6.2.2", VULN "/product_status/known_affected/0", false},
    {VULN "/product_status/under_investigation", "['P2']", "6.2.2",
     VULN "/product_status/under_investigation/0", false},
    {VULN "/scores", NULL, "6.2.3", VULN "/product_status/known_affected/0", false},
    {TRACKING "/revision_history/1/number", "'1.1.0+7'", "6.2.4",
     TRACKING "/revision_history/1/number", true},
    {TRACKING "/initial_release_date", "'2025-12-31T23:59:59+00:00'", "6.2.5",
     TRACKING "/initial_release_date", false},
    {TRACKING "/initial_release_date", "'2026-01-01T02:00:00+02:00'", NULL, NULL, false},
    {TRACKING "/current_release_date", "'2026-02-02T00:30:00+01:00'", "6.2.6",
     TRACKING "/current_release_date", true},
    {VULN "/involvements/0/date", NULL, "6.2.7", VULN "/involvements/0", false},
    {HELPER "/hashes", FILE_HASHES("md5", H32), "6.2.8", HELPER "/hashes/0/file_hashes", false},
    {HELPER "/hashes", FILE_HASHES("sha1", H32 "aaaaaaaa"), "6.2.9",
     HELPER "/hashes/0/file_hashes", false},
    {"/document/distribution", "{'text':'x'}", "6.2.10", "/document/distribution/tlp/label",
     false},
    {"/document/references/0/url", "'https://acme.example.com/2026/acme-2026-1.json'", "6.2.11",
     "/document/references", false},
    {"/document/references/0/url", "'http://acme.example.com/acme-2026_1.json'", "6.2.11",
     "/document/references", false},
    {"/document/lang", NULL, "6.2.12", "/document/lang", false},
    {"/document/publisher",
     "{'name':'A','category':'vendor','namespace':'https://a.example.com'}", "6.2.13",
     "/document/publisher", false},
    {"/document/lang", "'en-XP'", "6.2.14", "/document/lang", false},
    {"/document/lang", "'en-Qaab'", "6.2.14", "/document/lang", false},
    {"/document/lang", "'en-US'", NULL, NULL, false},
    {"/document/lang", "'en-x-acme'", "6.2.14", "/document/lang", false},
    {"/document/lang", "'i-default'", "6.2.15", "/document/lang", false},
    {LEAVES "/1/product/product_identification_helper", NULL, "6.2.16", LEAVES "/1/product",
     false},
    {VULN "/ids", "[{'system_name':'x','text':'CVE-2026-1000'}]", "6.2.17", VULN "/ids/0",
     true},
    {VULN "/ids", "[{'system_name':'x','text':'CVE-2026-1001'}]", "6.2.17", VULN "/ids/0",
     false},
    {LEAVES "/0/category", "'product_version_range'", "6.2.18", LEAVES "/0/name", false},
    {VULN "/scores/1", FIXED_SCORE(""), "6.2.19", VULN "/product_status/fixed/0", false},
    {VULN "/scores/1",
     FIXED_SCORE("'modifiedAvailabilityImpact':'NONE','modifiedConfidentialityImpact':'NONE',"
                 "'modifiedIntegrityImpact':'NONE',"),
     NULL, NULL, false},
    {VULN "/a~0b", "{'x':1}", "6.2.20", VULN "/a~0b", true},
    {CVSS "/x", "1", "6.2.20", CVSS "/x", true},
    {VULN "/scores/0",
     "{'cvss_v2':{'baseScore':10.0,'vectorString':'AV:N/AC:L/Au:N/C:C/I:C/"
     "A:C','version':'2.0'},"
     "'products':['P1']}",
     "6.3.1", VULN "/scores/0", false},
    {CVSS,
     "{'baseScore':9.8,'baseSeverity':'CRITICAL','vectorString':"
     "'CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H','version':'3.0'}",
     "6.3.2", CVSS, false},
    {VULN "/cve", NULL, "6.3.3", VULN, false},
    {VULN "/cwe", NULL, "6.3.4", VULN, false},
    {HELPER "/hashes", FILE_HASHES("sha224", H32 "aaaaaaaaaaaaaaaaaaaaaaaa"), "6.3.5",
     HELPER "/hashes/0/file_hashes/0/value", false},
    {"/document/publisher/namespace", "'https://acme.invalid'", "6.3.6",
     "/document/publisher/namespace", false},
    {"/document/publisher/namespace", "'https://me@acme.com:8443/'", NULL, NULL, false},
    {"/document/publisher/namespace", "'https://intranet/x'", "6.3.6",
     "/document/publisher/namespace", false},
    {"/document/references/0/url", "'https://acme.test/acme-2026_1.json'", "6.3.7",
     "/document/references/0/url", false},
    {VULN "/notes/0/text", "'Secruity is lost.'", "6.3.8", VULN "/notes/0/text", false},
    {VULN "/remediations/0/entitlements", "['x','For costumers, custmers']", "6.3.8",
     VULN "/remediations/0/entitlements/1", false},
    {"/product_tree/branches/0/name", "'Acme Secruity'", "6.3.8",
     "/product_tree/branches/0/name", false},
    {"/document/title", "'Two vulnerabilites, here'", "6.3.8", "/document/title", false},
    {"/document/title", "'SecurityGate, securities, versioning, commanded'", NULL, NULL, false},
    {"/document/lang", "'de'", "6.3.8", "/document/lang", false},
    {LEAVES "/0/category", "'patch_level'", "6.3.9", LEAVES "/0/product", false},
    {LEAVES "/0/category", "'product_version_range'", "6.3.10", LEAVES "/0", false},
    {LEAVES "/0/name", "'v1.0'", "6.3.11", LEAVES "/0/name", true},
    {LEAVES "/0/name", "'vesuvius'", NULL, NULL, false},
    {CVSS "/baseScore", "9.1", "6.1.9", CVSS, true},
    {CVSS "/baseSeverity", "'HIGH'", "6.1.9", CVSS, true},
    {CVSS "/attackVector", "'LOCAL'", "6.1.10", CVSS, true},
    {VULN "/cwe/name", "'Cross-site Scripting'", "6.1.11", VULN "/cwe", true},
};

static void silent(void **state)
{
    (void)state;
    json_t *doc = parse(clean), *findings = lint(doc);
    char *text = tsn_json_text(findings);
    assert_string_equal("[]", text);
    free(text);
    json_decref(findings);
    json_decref(doc);
}

static void each(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        json_t *doc = parse(clean);
        json_t *value = table[i].value ? parse(table[i].value) : NULL;
        apply(doc, value ? "replace" : "remove", table[i].path, value);
        json_decref(value);
        json_t *findings = lint(doc);
        char *text = tsn_json_text(findings);
        if (!table[i].test) {
            if (json_array_size(findings)) {
                fail_msg("row %zu: %s", i, text);
            }
        } else {
            const json_t *f = first(findings, table[i].test);
            if (!f || strcmp(tsn_json_str(f, "pointer", ""), table[i].pointer) != 0 ||
                !json_object_get(f, "fix") == table[i].fix) {
                fail_msg("row %zu, %s: %s", i, table[i].test, text);
            }
            const char *severity = table[i].test[2] == '1'   ? "error"
                                   : table[i].test[2] == '2' ? "warning"
                                                             : "info";
            assert_string_equal(severity, tsn_json_str(f, "severity", ""));
            assert_true(strlen(tsn_json_str(f, "why", "")) > 20);
        }
        free(text);
        json_decref(findings);
        json_decref(doc);
    }
}

/* After the fix the test is silent about this place. */
static void fixes(void **state)
{
    (void)state;
    size_t mended = 0;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (!table[i].fix) {
            continue;
        }
        json_t *doc = parse(clean), *value = table[i].value ? parse(table[i].value) : NULL;
        apply(doc, value ? "replace" : "remove", table[i].path, value);
        json_decref(value);
        json_t *findings = lint(doc);
        const json_t *fix = json_object_get(first(findings, table[i].test), "fix");
        apply(doc, tsn_json_str(fix, "op", ""), tsn_json_str(fix, "path", ""),
              json_object_get(fix, "value"));
        json_t *after = lint(doc);
        if (first(after, table[i].test)) {
            fail_msg("row %zu: %s stays", i, table[i].test);
        }
        mended++;
        json_decref(after);
        json_decref(findings);
        json_decref(doc);
    }
    assert_true(mended >= 8);
}

/* A loud test does not drown the others, and says how much it leaves out. */
static void many(void **state)
{
    (void)state;
    json_t *doc = parse(clean), *list = json_array(), *leaf = parse("'v2'");
    for (int i = 0; i < 700; i++) {
        json_t *p = json_object();
        char id[16];
        snprintf(id, sizeof id, "X%d", i);
        json_object_set_new(p, "name", json_string(id));
        json_object_set_new(p, "product_id", json_string(id));
        json_array_append_new(list, p);
    }
    json_object_set_new(json_object_get(doc, "product_tree"), "full_product_names", list);
    apply(doc, "replace", LEAVES "/0/name", leaf);
    json_decref(leaf);
    json_t *findings = lint(doc), *f;
    size_t i, n = 0;
    json_array_foreach(findings, i, f)
    {
        n += strcmp(tsn_json_str(f, "test", ""), "6.2.16") == 0;
    }
    assert_int_equal(101, n);
    assert_non_null(first(findings, "6.3.11"));
    char *text = tsn_json_text(findings);
    assert_non_null(strstr(text, "and 600 more like these"));
    free(text);
    json_decref(findings);
    json_decref(doc);
}

/* Any JSON is judged without a crash, and refused. */
static void shapes(void **state)
{
    (void)state;
    static const char *const odd[] = {
        "[]",
        "null",
        "1",
        "'x'",
        "{}",
        "{'document':1,'product_tree':[],'vulnerabilities':{}}",
        "{'document':{'lang':1,'tracking':{'revision_history':[1,{'number':2}]},"
        "'references':[1]},'product_tree':{'branches':[1,{'branches':1,'product':2}],"
        "'full_product_names':[3],'relationships':[4]},'vulnerabilities':[1,{'scores':[1,"
        "{'cvss_v2':1,'cvss_v3':[],'products':1}],'product_status':{'fixed':[1]},'ids':[1],"
        "'involvements':[2],'product_status2':3}]}"};
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        json_t *doc = parse(odd[i]), *findings = lint(doc);
        assert_non_null(first(findings, "schema"));
        json_decref(findings);
        json_decref(doc);
    }
}

int main(void)
{
    tsn_json_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(silent), cmocka_unit_test(each),   cmocka_unit_test(fixes),
        cmocka_unit_test(many),   cmocka_unit_test(shapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
