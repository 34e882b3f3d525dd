/* csaf_lint.c - all tests of CSAF 2.0 over one document: what is wrong, how bad, why, and the
 * change that mends it. Pure; any thread. */
#include <stdio.h>
#include <string.h>
#include "advisory/advisory.h"
#include "advisory/csaf_check21.h"
#include "casework/cvss.h"
#include "core/buf.h"
#include "core/json.h"

#define PER_TEST    100 /* findings that are kept of one optional or informative test */
#define ONLY21      500 /* of all those together that 2.1 alone has */
#define POINTER_MAX 8192

/* The value at /vulnerabilities/V/... : only pointers that our own tests made. */
static const json_t *at_pointer(const json_t *doc, const char *pointer)
{
    const json_t *v = doc;
    char token[64];
    for (const char *p = pointer; v && *p == '/';) {
        size_t n = strcspn(++p, "/"), index;
        if (n >= sizeof token) {
            return NULL;
        }
        memcpy(token, p, n);
        token[n] = '\0';
        if (json_is_array(v)) {
            v = sscanf(token, "%zu", &index) == 1 ? json_array_get(v, index) : NULL;
        } else {
            v = json_object_get(v, token);
        }
        p += n;
    }
    return v;
}

/* What a member of a CVSS object must be by its vector; NULL = that does not say. */
static json_t *from_vector(const json_t *cvss, const char *member)
{
    struct tsn_cvss v;
    if (tsn_cvss_parse(tsn_json_str(cvss, "vectorString", ""), &v, NULL)) {
        return NULL;
    }
    tsn_csaf_complete(cvss, &v);
    const struct {
        const char *score, *severity;
        int tenths;
    } numbers[] = {
        {"baseScore", "baseSeverity", v.base},
        {"temporalScore", "temporalSeverity", v.temporal},
        {"environmentalScore", "environmentalSeverity", v.environmental},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (strcmp(member, numbers[i].score) == 0) {
            return json_real(numbers[i].tenths / 10.0);
        }
        if (strcmp(member, numbers[i].severity) == 0 && v.version != TSN_CVSS_20) {
            return json_string(tsn_cvss_severity(numbers[i].tenths));
        }
    }
    const struct tsn_cvss_metric *table = tsn_cvss_metrics(v.version);
    for (size_t m = 0; table[m].name; m++) {
        if (strcmp(table[m].json, member) != 0) {
            continue;
        }
        for (size_t i = 0; v.value[m] && table[m].values[i].value; i++) {
            if (strcmp(table[m].values[i].value, v.value[m]) == 0) {
                return json_string(table[m].values[i].json);
            }
        }
        return json_string("NOT_DEFINED");
    }
    return NULL;
}

/* 6.1.9 and 6.1.10 begin their message with the member that disagrees; 6.1.11 has one official
 * name for an id. */
static void mend(struct tsn_csaf_check *c, json_t *finding)
{
    const char *test = tsn_json_str(finding, "test", "");
    const char *pointer = tsn_json_str(finding, "pointer", "");
    const char *message = tsn_json_str(finding, "message", "");
    const char *member = NULL;
    json_t *value = NULL;
    char first[48];
    if (strcmp(test, "6.1.9") == 0 || strcmp(test, "6.1.10") == 0) {
        size_t n = strcspn(message, " ");
        n = n < sizeof first - 1 ? n : sizeof first - 1;
        memcpy(first, message, n);
        first[n] = '\0';
        member = first;
        value = from_vector(at_pointer(c->doc, pointer), member);
    } else if (strcmp(test, "6.1.11") == 0) {
        const json_t *cwe = at_pointer(c->doc, pointer);
        const char *name = tsn_csaf_cwe_name(tsn_json_str(cwe, "id", ""));
        member = "name";
        value = name ? json_string(name) : NULL;
    }
    if (value) {
        struct tsn_buf path;
        tsn_buf_init(&path, POINTER_MAX);
        tsn_buf_printf(&path, "%s/%s", pointer, member);
        c->last = finding;
        tsn_csaf_fix(c, "replace", path.data, value);
        tsn_buf_free(&path);
    }
}

static void run(struct tsn_csaf_check *c, const struct tsn_csaf_test *tests)
{
    for (; tests->id; tests++) {
        c->limit = json_array_size(c->findings) + PER_TEST;
        c->dropped = 0;
        tests->run(c);
        if (c->dropped > 0) {
            size_t n = c->dropped;
            c->limit++;
            tsn_csaf_find(c, tests->id, "", "and %zu more like these", n);
        }
    }
}

/* Recommended and informative tests that 2.1 words as 2.0 its optional and informative ones. */
static bool kept_in_21(const char *test)
{
    static const char *const ids[] = {
        "6.2.1",  "6.2.2",  "6.2.3",  "6.2.5",  "6.2.6",  "6.2.7",  "6.2.8",  "6.2.9", "6.2.11",
        "6.2.12", "6.2.14", "6.2.15", "6.2.16", "6.2.17", "6.2.19", "6.3.1",  "6.3.2", "6.3.3",
        "6.3.4",  "6.3.5",  "6.3.6",  "6.3.7",  "6.3.8",  "6.3.9",  "6.3.10", "6.3.11"};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        if (strcmp(test, ids[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void run_kept(struct tsn_csaf_check *v, void *user)
{
    const struct tsn_csaf_test *const groups[] = {tsn_csaf_optional_product,
                                                  tsn_csaf_optional_doc, tsn_csaf_informative};
    (void)user;
    for (size_t g = 0; g < 3; g++) {
        for (const struct tsn_csaf_test *t = groups[g]; t->id; t++) {
            const struct tsn_csaf_test one[] = {*t, {0}};
            if (kept_in_21(t->id)) {
                run(v, one);
            }
        }
    }
}

/* Their tests look at things together, so they share one number of findings. */
static void run_only21(struct tsn_csaf_check *c)
{
    c->limit = json_array_size(c->findings) + ONLY21;
    c->dropped = 0;
    tsn_csaf_recommended21(c);
    tsn_csaf_recommended21_tree(c);
    if (c->dropped > 0) {
        size_t n = c->dropped;
        c->limit++;
        tsn_csaf_find(c, "6.2.x", "", "and %zu more of the tests that 2.1 alone has", n);
    }
}

tsn_err tsn_csaf_lint(const json_t *doc, json_t **findings)
{
    struct tsn_csaf_check c;
    size_t i;
    json_t *f;
    tsn_csaf_begin(&c, doc);
    tsn_csaf_mandatory(&c);
    json_array_foreach(c.findings, i, f)
    {
        mend(&c, f);
    }
    if (tsn_csaf_is_21(doc)) {
        tsn_csaf_as_20(&c, run_kept, NULL);
        run_only21(&c);
    } else {
        run(&c, tsn_csaf_optional_product);
        run(&c, tsn_csaf_optional_doc);
        run(&c, tsn_csaf_informative);
    }
    json_array_foreach(c.findings, i, f)
    {
        const char *test = tsn_json_str(f, "test", "");
        const char *severity = strncmp(test, "6.2.", 4) == 0   ? "warning"
                               : strncmp(test, "6.3.", 4) == 0 ? "info"
                                                               : "error";
        json_object_set_new(f, "severity", json_string(severity));
        json_object_set_new(f, "why", json_string(tsn_csaf_why(test)));
    }
    *findings = tsn_csaf_end(&c);
    return 0;
}
