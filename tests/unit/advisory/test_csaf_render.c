/* test_csaf_render.c - real drafting cases become documents that our own judge accepts and that
 * say what the case said; and what the judge must find in documents made wrong on purpose. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include "advisory/advisory_as.h"
#include "unit/advisory/fixture.h"

static const struct tsn_publisher publisher = {.name = "Acme PSIRT",
                                               .namespace_url = "https://psirt.acme.example",
                                               .contact = "psirt@acme.example",
                                               .prefix = "ACME-SA"};

/* A case of the data folder as a model: only tracking is to be added. */
static void add_tracking(json_t *model, const char *id)
{
    json_object_set_new(model, "tracking",
                        json_pack("{s:s,s:s,s:s,s:s,s:s,s:[{s:s,s:s,s:s}]}", "id", id,
                                  "version", "1", "status", "final", "initial",
                                  "2026-11-24T08:00:00.000Z", "current",
                                  "2026-11-24T08:00:00.000Z", "history", "number", "1", "date",
                                  "2026-11-24T08:00:00.000Z", "summary", "Initial release"));
}

static void accepted(const json_t *doc, const char *name)
{
    json_t *findings = NULL;
    assert_int_equal(0, tsn_csaf_check(doc, &findings));
    if (json_array_size(findings) > 0) {
        char *text = tsn_json_text(findings);
        fprintf(stderr, "%s: %s\n", name, text);
        free(text);
    }
    assert_int_equal(0, json_array_size(findings));
    json_decref(findings);
}

/* The first finding is of this test. */
static void refused(json_t *doc, const char *test)
{
    json_t *findings = NULL;
    assert_int_equal(0, tsn_csaf_check(doc, &findings));
    bool there = false;
    size_t i;
    json_t *f;
    json_array_foreach(findings, i, f)
    {
        there = there || strcmp(tsn_json_str(f, "test", ""), test) == 0;
    }
    if (!there) {
        char *text = tsn_json_text(findings);
        fprintf(stderr, "wanted %s, found %s\n", test, text);
        free(text);
    }
    assert_true(there);
    json_decref(findings);
    json_decref(doc);
}

static void same_facts(const json_t *model, const json_t *doc)
{
    const json_t *before = json_object_get(model, "vulnerabilities");
    const json_t *after = json_object_get(doc, "vulnerabilities");
    assert_int_equal(json_array_size(before), json_array_size(after));
    size_t i, k;
    json_t *v, *s;
    json_array_foreach(before, i, v)
    {
        const json_t *w = json_array_get(after, i);
        assert_string_equal(tsn_json_str(v, "cve", ""), tsn_json_str(w, "cve", ""));
        assert_true(
            json_equal(json_object_get(v, "status"), json_object_get(w, "product_status")));
        assert_int_equal(json_array_size(json_object_get(v, "remediations")),
                         json_array_size(json_object_get(w, "remediations")));
        json_array_foreach(json_object_get(v, "scores"), k, s)
        {
            const json_t *o = json_array_get(json_object_get(w, "scores"), k);
            const json_t *cvss = json_object_get(o, "cvss_v3");
            cvss = cvss ? cvss : json_object_get(o, "cvss_v2");
            assert_string_equal(tsn_json_str(s, "vector", ""),
                                tsn_json_str(cvss, "vectorString", ""));
            assert_true(json_number_value(json_object_get(s, "base_score")) ==
                        json_number_value(json_object_get(cvss, "baseScore")));
        }
    }
}

static void drafting_cases(void **state)
{
    (void)state;
    DIR *d = opendir(data_path("drafting-cases"));
    if (!d) {
        skip();
    }
    size_t n = 0;
    for (struct dirent *e; (e = readdir(d));) {
        if (!strstr(e->d_name, ".case.json")) {
            continue;
        }
        char rest[512];
        snprintf(rest, sizeof rest, "drafting-cases/%s", e->d_name);
        json_t *model = read_json(data_path(rest)), *doc = NULL, *again = NULL;
        assert_non_null(model);
        add_tracking(model, "ACME-SA-2026-001");
        struct tsn_diag diag;
        tsn_diag_init(&diag);
        if (tsn_csaf_render(model, &publisher, TSN_CSAF_20, &doc, &diag)) {
            fprintf(stderr, "%s: %s %s\n", e->d_name, diag.code, diag.what);
        }
        assert_non_null(doc);
        accepted(doc, e->d_name);
        same_facts(model, doc);
        /* The same model gives the same bytes. */
        assert_int_equal(0, tsn_csaf_render(model, &publisher, TSN_CSAF_20, &again, &diag));
        assert_true(json_equal(doc, again));
        struct tsn_buf b;
        tsn_buf_init(&b, 1u << 20);
        assert_int_equal(0, tsn_advisory_markdown(doc, &b));
        const json_t *v = json_array_get(json_object_get(model, "vulnerabilities"), 0);
        assert_non_null(strstr(b.data, tsn_json_str(v, "cve", "?")));
        assert_non_null(strstr(b.data, "## Revision history"));
        tsn_buf_free(&b);
        json_decref(model);
        json_decref(doc);
        json_decref(again);
        n++;
    }
    closedir(d);
    printf("%zu cases\n", n);
    assert_true(n > 10);
}

/* A small valid security advisory to be broken. */
static json_t *sample(void)
{
    json_t *model = json_pack(
        "{s:s,s:s,s:[{s:s,s:s,s:s,s:s},{s:s,s:s,s:s,s:s}],"
        "s:[{s:s,s:s,s:s,s:{s:[s],s:[s]},s:[{s:s}],s:[{s:s,s:s}]}]}",
        "title", "A hole", "summary", "Summary text", "products", "ref", "P1", "vendor", "Acme",
        "product", "Edge", "version_range", "<9.4.2", "ref", "P2", "vendor", "Acme", "product",
        "Edge", "version", "9.4.2", "vulnerabilities", "cve", "CVE-2026-12345", "cwe",
        "CWE-787", "description", "Out of bounds", "status", "known_affected", "P1", "fixed",
        "P2", "scores", "vector", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
        "remediations", "category", "vendor_fix", "details", "Update to 9.4.2");
    assert_non_null(model);
    add_tracking(model, "ACME-SA-2026-001");
    json_t *doc = NULL;
    assert_int_equal(0, tsn_csaf_render(model, &publisher, TSN_CSAF_20, &doc, NULL));
    json_decref(model);
    return doc;
}

static json_t *at(json_t *doc, const char *path)
{
    char part[128];
    while (*path) {
        size_t n = strcspn(path, "/");
        snprintf(part, sizeof part, "%.*s", (int)n, path);
        doc = json_is_array(doc) ? json_array_get(doc, (size_t)atoi(part))
                                 : json_object_get(doc, part);
        assert_non_null(doc);
        path += n + (path[n] == '/');
    }
    return doc;
}

/* The document with one member set (NULL value: removed). */
static json_t *with(const char *path, const char *key, json_t *value)
{
    json_t *doc = sample();
    json_t *o = at(doc, path);
    if (value) {
        json_object_set_new(o, key, value);
    } else {
        json_object_del(o, key);
    }
    return doc;
}

#define VULN     "vulnerabilities/0"
#define TRACKING "document/tracking"

static void broken_on_purpose(void **state)
{
    (void)state;
    json_t *doc = sample();
    accepted(doc, "sample");
    json_decref(doc);
    refused(with("document", "title", NULL), "schema");
    refused(with("document", "csaf_version", json_string("2.1")), "schema");
    refused(with("document/publisher", "namespace", json_string("not a uri")), "schema");
    refused(with(TRACKING, "current_release_date", json_string("2026-02-30T00:00:00Z")),
            "schema");
    refused(with("document", "lang", json_string("e")), "schema");
    refused(with(VULN, "cve", json_string("CVE-26-1")), "schema");
    refused(with(VULN, "remediations", json_array()), "schema");
    refused(with(VULN "/product_status", "known_affected", json_pack("[s,s]", "P1", "P1")),
            "schema");
    refused(with(VULN "/product_status", "fixed", json_pack("[s]", "P9")), "6.1.1");
    refused(with("product_tree", "full_product_names",
                 json_pack("[{s:s,s:s}]", "name", "X", "product_id", "P1")),
            "6.1.2");
    refused(with("product_tree", "relationships",
                 json_pack("[{s:s,s:s,s:s,s:{s:s,s:s}}]", "category", "installed_on",
                           "product_reference", "R1", "relates_to_product_reference", "P1",
                           "full_product_name", "name", "R", "product_id", "R1")),
            "6.1.3");
    refused(with(VULN "/remediations/0", "group_ids", json_pack("[s]", "G1")), "6.1.4");
    refused(with("product_tree", "product_groups",
                 json_pack("[{s:s,s:[s,s]},{s:s,s:[s,s]}]", "group_id", "G", "product_ids",
                           "P1", "P2", "group_id", "G", "product_ids", "P1", "P2")),
            "6.1.5");
    refused(with(VULN "/product_status", "fixed", json_pack("[s,s]", "P1", "P2")), "6.1.6");
    doc = sample();
    json_array_append(at(doc, VULN "/scores"), at(doc, VULN "/scores/0"));
    refused(doc, "6.1.7");
    refused(with(VULN "/scores/0/cvss_v3", "baseSeverity", NULL), "6.1.8");
    refused(with(VULN "/scores/0/cvss_v3", "baseScore", json_real(9.7)), "6.1.9");
    refused(with(VULN "/scores/0/cvss_v3", "baseSeverity", json_string("HIGH")), "6.1.9");
    refused(with(VULN "/scores/0/cvss_v3", "attackVector", json_string("LOCAL")), "6.1.10");
    refused(with(VULN "/cwe", "name", json_string("Out-of-bounds Wriite")), "6.1.11");
    refused(with(VULN "/cwe", "id", json_string("CWE-999999")), "6.1.11");
    refused(with("document", "lang", json_string("qz")), "6.1.12");
    refused(with("document", "lang", json_string("en-ZX")), "6.1.12");
    refused(with("product_tree/branches/0/branches/0/branches/0/product",
                 "product_identification_helper",
                 json_pack("{s:s}", "purl", "pkg:maven/@1.3.4")),
            "6.1.13");
    refused(with("document/publisher", "category", json_string("translator")), "6.1.15");
    refused(with(TRACKING, "version", json_string("2")), "6.1.16");
    doc = with(TRACKING, "version", json_string("0"));
    json_object_set_new(at(doc, TRACKING "/revision_history/0"), "number", json_string("0"));
    refused(json_incref(doc), "6.1.17");
    refused(doc, "6.1.18");
    doc = with(TRACKING, "version", json_string("1.0.0-rc1"));
    json_object_set_new(at(doc, TRACKING "/revision_history/0"), "number",
                        json_string("1.0.0-rc1"));
    refused(json_incref(doc), "6.1.19");
    refused(doc, "6.1.20");
    doc = with(TRACKING, "version", json_string("2"));
    json_object_set_new(at(doc, TRACKING "/revision_history/0"), "number", json_string("2"));
    refused(doc, "6.1.21");
    doc = sample();
    json_array_append(at(doc, TRACKING "/revision_history"),
                      at(doc, TRACKING "/revision_history/0"));
    refused(doc, "6.1.22");
    doc = sample();
    json_array_append(at(doc, "vulnerabilities"), at(doc, VULN));
    refused(doc, "6.1.23");
    refused(with(VULN, "involvements",
                 json_pack("[{s:s,s:s,s:s},{s:s,s:s,s:s}]", "party", "vendor", "status", "open",
                           "date", "2026-01-01T00:00:00Z", "party", "vendor", "status",
                           "completed", "date", "2026-01-01T01:00:00+01:00")),
            "6.1.24");
    refused(with("product_tree/branches/0/branches/0/branches/0/product",
                 "product_identification_helper",
                 json_pack("{s:[{s:s,s:[{s:s,s:s},{s:s,s:s}]}]}", "hashes", "filename", "f",
                           "file_hashes", "algorithm", "sha256", "value",
                           "00112233445566778899aabbccddeeff", "algorithm", "sha256", "value",
                           "00112233445566778899aabbccddeefe")),
            "6.1.25");
    refused(with("document", "category", json_string("Security-Advisory")), "6.1.26");
    refused(with("document", "category", json_string("csaf_informational_advisory")),
            "6.1.27.3");
    refused(with("document", "category", json_string("csaf_informational_advisory")),
            "6.1.27.2");
    doc = with("document", "notes", NULL);
    json_object_set_new(at(doc, "document"), "category",
                        json_string("csaf_security_incident_response"));
    refused(doc, "6.1.27.1");
    refused(with("", "product_tree", NULL), "6.1.27.4");
    refused(with(VULN, "notes", NULL), "6.1.27.5");
    refused(with(VULN, "product_status", NULL), "6.1.27.6");
    doc = with("document", "category", json_string("csaf_vex"));
    json_object_del(at(doc, VULN), "product_status");
    json_object_del(at(doc, VULN), "cve");
    refused(json_incref(doc), "6.1.27.7");
    refused(doc, "6.1.27.8");
    doc = with("document", "category", json_string("csaf_vex"));
    json_object_set_new(at(doc, VULN "/product_status"), "known_not_affected",
                        json_pack("[s]", "P2"));
    refused(doc, "6.1.27.9");
    doc = with("document", "category", json_string("csaf_vex"));
    json_object_del(at(doc, VULN), "remediations");
    refused(doc, "6.1.27.10");
    refused(with("", "vulnerabilities", NULL), "6.1.27.11");
    refused(with("document", "source_lang", json_string("en")), "6.1.28");
    refused(with(VULN "/remediations/0", "product_ids", NULL), "6.1.29");
    refused(with(TRACKING, "version", json_string("1.0.0")), "6.1.30");
    refused(with("product_tree/branches/0/branches/0/branches/1", "name",
                 json_string("9.4.2 and later")),
            "6.1.31");
    refused(with(VULN, "flags", json_pack("[{s:s}]", "label", "component_not_present")),
            "6.1.32");
    refused(with(VULN, "flags",
                 json_pack("[{s:s,s:[s]},{s:s,s:[s]}]", "label", "component_not_present",
                           "product_ids", "P2", "label", "vulnerable_code_not_present",
                           "product_ids", "P2")),
            "6.1.33");
    doc = with(TRACKING, "version", json_string("2"));
    json_array_append_new(at(doc, TRACKING "/revision_history"),
                          json_pack("{s:s,s:s,s:s}", "number", "2", "date",
                                    "2020-01-01T00:00:00Z", "summary", "earlier"));
    refused(doc, "6.1.14");
}

/* Any JSON at all: findings, no crash. */
static void any_json(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{}",
        "{\"document\":1}",
        "{\"document\":[],\"product_tree\":7,\"vulnerabilities\":{}}",
        "{\"document\":{\"tracking\":{\"revision_history\":[1,{},{\"number\":7}]}},"
        "\"product_tree\":{\"branches\":[{\"branches\":[[]],\"product\":\"x\"}],"
        "\"relationships\":[{}],\"product_groups\":[{\"group_id\":\"G\",\"product_ids\":3}]},"
        "\"vulnerabilities\":[null,{\"scores\":[{\"cvss_v3\":{\"vectorString\":\"\"}}],"
        "\"flags\":[{\"group_ids\":[\"G\",4]}],\"product_status\":[1]}]}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        json_t *doc = NULL, *findings = NULL;
        assert_int_equal(0, tsn_json_parse(texts[i], strlen(texts[i]), &doc, NULL));
        assert_int_equal(0, tsn_csaf_check(doc, &findings));
        assert_true(json_array_size(findings) > 0);
        json_decref(findings);
        struct tsn_buf b;
        tsn_buf_init(&b, 1u << 20);
        (void)tsn_advisory_markdown(doc, &b);
        tsn_buf_free(&b);
        json_decref(doc);
    }
}

static void markdown_is_inert(void **state)
{
    (void)state;
    json_t *doc =
        with("document", "title", json_string("<img src=x> [a](javascript:b) `c` | d\n# e"));
    struct tsn_buf b;
    tsn_buf_init(&b, 1u << 20);
    assert_int_equal(0, tsn_advisory_markdown(doc, &b));
    assert_non_null(strstr(b.data, "# \\<img src=x\\>"));
    assert_null(strstr(b.data, " <img"));
    assert_null(strstr(b.data, " [a]("));
    assert_null(strstr(b.data, "\n# e"));
    assert_non_null(strstr(b.data, "| Acme Edge | \\<9.4.2 | affected |"));
    assert_non_null(strstr(b.data, "CVSS 3.1: **9.8 CRITICAL**"));
    tsn_buf_free(&b);
    json_decref(doc);
}

/* What CSAF 2.0 has no label for becomes what the publisher wants; what has ended, a profile of 2.1. */
static void labels_and_ends(void **state)
{
    (void)state;
    static const struct {
        const char *policy, *label;
    } policies[] = {{NULL, "AMBER"}, {"amber", "AMBER"}, {"red", "RED"}, {"refuse", NULL}};
    json_t *model = json_pack("{s:s,s:s,s:[{s:s,s:s,s:s}],s:[{s:s,s:s,s:s}]}", "title",
                              "Notice", "tlp", "TLP:AMBER+STRICT", "notes", "category",
                              "description", "title", "Reasoning for Withdrawal", "text",
                              "It is not ours.", "references", "category", "external",
                              "summary", "More", "url", "https://psirt.acme.example/1");
    add_tracking(model, "ACME-SA-2026-009");
    for (size_t i = 0; i < sizeof policies / sizeof policies[0]; i++) {
        struct tsn_publisher who = publisher;
        json_t *doc = NULL, *newer = NULL;
        who.amber_strict = policies[i].policy;
        assert_int_equal(0, tsn_csaf_render(model, &who, TSN_CSAF_20, &doc, NULL));
        assert_int_equal(0, tsn_csaf_render(model, &who, TSN_CSAF_21, &newer, NULL));
        const json_t *d = at(doc, "document/distribution"),
                     *d21 = at(newer, "document/distribution/tlp");
        assert_string_equal(tsn_json_str(d21, "label", ""), "AMBER+STRICT");
        if (policies[i].label) {
            accepted(doc, "amber+strict");
            assert_string_equal(tsn_json_str(json_object_get(d, "tlp"), "label", ""),
                                policies[i].label);
            assert_non_null(strstr(tsn_json_str(d, "text", ""), "organisation"));
        } else {
            refused(json_incref(doc), "schema"); /* takes it */
        }
        json_decref(doc);
        json_decref(newer);
    }
    json_t *history = json_object_get(json_object_get(model, "tracking"), "history"),
           *doc = NULL;
    json_array_append_new(history, json_pack("{s:s,s:s,s:s}", "number", "2", "date",
                                             "2026-11-24T09:00:00.000Z", "summary", "Over"));
    json_object_set_new(json_object_get(model, "tracking"), "version", json_string("2"));
    json_object_set_new(json_object_get(model, "tracking"), "current",
                        json_string("2026-11-24T09:00:00.000Z"));
    json_object_set_new(model, "tlp", json_string("CLEAR"));
    json_object_set_new(model, "ended", json_string("withdrawn"));
    assert_int_equal(0, tsn_csaf_render(model, &publisher, TSN_CSAF_21, &doc, NULL));
    accepted(doc, "withdrawn");
    assert_string_equal(tsn_json_str(at(doc, "document"), "category", ""), "csaf_withdrawn");
    json_decref(doc);
    json_decref(model);
}

int main(void)
{
    tsn_json_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drafting_cases),    cmocka_unit_test(broken_on_purpose),
        cmocka_unit_test(any_json),          cmocka_unit_test(labels_and_ends),
        cmocka_unit_test(markdown_is_inert),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
