/* test_feed_vers.c - ranges: those of vers-spec, own ones, and OSV records in both directions. */
#include <setjmp.h>
#include <stdbool.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "core/json.h"
#include "feed/vers.h"

static bool absent; /* the data outside the project */

static enum tsn_in has(const char *range, const char *version)
{
    struct tsn_arena *arena = tsn_arena_new();
    struct tsn_vers v;
    const char *why = "";
    if (tsn_vers_parse(arena, range, &v, &why) != 0) {
        fail_msg("%s: %s", range, why);
    }
    enum tsn_in in = tsn_vers_has(&v, version);
    tsn_arena_destroy(arena);
    return in;
}

static void test_own(void **state)
{
    (void)state;
    static const struct {
        const char *range, *version;
        enum tsn_in in;
    } rows[] = {
        {"vers:all/*", "any thing", TSN_IN_YES},
        {"vers:none/*", "1", TSN_IN_NO},
        {"vers:npm/*", "1.0.0", TSN_IN_YES},
        {"vers:npm/1.2.3", "1.2.3", TSN_IN_YES},
        {"vers:npm/1.2.3", "1.2.4", TSN_IN_NO},
        {"vers:npm/>=1.0.0|<2.0.0|>=3.0.0|<4.0.0", "1.9.9", TSN_IN_YES},
        {"vers:npm/>=1.0.0|<2.0.0|>=3.0.0|<4.0.0", "2.0.0", TSN_IN_NO},
        {"vers:npm/>=1.0.0|<2.0.0|>=3.0.0|<4.0.0", "3.5.0", TSN_IN_YES},
        {"vers:npm/>=1.0.0|<2.0.0|>=3.0.0|<4.0.0", "4.0.0", TSN_IN_NO},
        {"vers:npm/<4.0.0|>=1.0.0|>=3.0.0|<2.0.0", "2.5.0", TSN_IN_NO},
        {"vers:npm/<1.0.0|>=2.0.0", "0.1.0", TSN_IN_YES},
        {"vers:npm/<1.0.0|>=2.0.0", "1.5.0", TSN_IN_NO},
        {"vers:npm/<1.0.0|>=2.0.0", "9.0.0", TSN_IN_YES},
        {"vers:npm/<1.0.0|<2.0.0", "1.5.0", TSN_IN_YES},
        {"vers:npm/>1.0.0|>2.0.0", "1.5.0", TSN_IN_YES},
        {"vers:npm/>1.0.0", "1.0.0", TSN_IN_NO},
        {"vers:npm/<=1.0.0", "1.0.0", TSN_IN_YES},
        {"vers:npm/!=1.0.0", "1.0.0", TSN_IN_NO},
        {"vers:npm/!=1.0.0", "1.0.1", TSN_IN_YES},
        {"vers:npm/>=1.0.0|!=1.5.0|<2.0.0", "1.5.0", TSN_IN_NO},
        {"vers:npm/>=1.0.0|!=1.5.0|<2.0.0", "1.6.0", TSN_IN_YES},
        {"vers:deb/<1:2.36.1-8%2Bdeb11u1", "2.99", TSN_IN_YES},
        {"vers:deb/<1:2.36.1-8%2Bdeb11u1", "1:2.36.1-8+deb11u1", TSN_IN_NO},
        {"vers:rpm/>=4.0|<4.1-3.el9", "4.1-2.el9", TSN_IN_YES},
        {"vers:pypi/<1.0", "0.9-bulbasaur", TSN_IN_UNKNOWN},
        {"vers:generic/<4.0.517", "4.0.516", TSN_IN_YES},
        {"vers:generic/<4.0.517", "V4.0.517", TSN_IN_NO},
        {"vers:generic/<2.8.123", "2.8.123e", TSN_IN_UNKNOWN},
        {"vers:acme/<2.8.123", "2.8.122e", TSN_IN_YES},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        enum tsn_in in = has(rows[i].range, rows[i].version);
        if (in != rows[i].in) {
            fail_msg("%s in %s: got %d", rows[i].version, rows[i].range, (int)in);
        }
    }
}

static void test_wrong(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "vers:",
        "vers:npm",
        "vers:npm/",
        "vers:npm/|1",
        "vers:npm/1|",
        "vers:npm/1||2",
        "vers:npm/< 1",
        "vers:NPM/1",
        "vers:npm/<",
        "vers:npm/1%2",
        "vers:npm/1%zz",
        "vers:npm/1%00",
        "vers:all/1",
        "vers:none/1",
        "vers:npm/>*",
        "npm/1",
        "vers:npm/1|*",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct tsn_arena *arena = tsn_arena_new();
        struct tsn_vers v;
        const char *why = NULL;
        if (tsn_vers_parse(arena, wrong[i], &v, &why) != TSN_EINPUT) {
            fail_msg("%s was taken", wrong[i]);
        }
        assert_non_null(why);
        tsn_arena_destroy(arena);
    }
}

static json_t *cases(const char *file)
{
    char path[4096];
    const char *env = getenv("TOCSIN_DATA");
    (void)snprintf(path, sizeof path, "%s%s/versions/vers-spec/%s",
                   env ? env : TOCSIN_SOURCE_DIR, env ? "" : "/../shared/data", file);
    if (access(path, R_OK) != 0) {
        print_message("no %s: skipped\n", path);
        absent = true;
        skip();
    }
    json_t *doc = json_load_file(path, 0, NULL);
    assert_non_null(doc);
    return doc;
}

static void test_spec_containment(void **state)
{
    (void)state;
    static const char *const files[] = {"pypi_range_containment_test.json",
                                        "npm_range_containment_test.json"};
    for (size_t f = 0; f < 2; f++) {
        json_t *doc = cases(files[f]), *t;
        size_t i;
        assert_true(json_array_size(json_object_get(doc, "tests")) > 0);
        json_array_foreach(json_object_get(doc, "tests"), i, t)
        {
            const json_t *in = json_object_get(t, "input");
            const char *range = tsn_json_str(in, "vers", ""),
                       *version = tsn_json_str(in, "version", "");
            enum tsn_in want = json_is_true(json_object_get(t, "expected_output"));
            if (has(range, version) != want) {
                fail_msg("%s in %s", version, range);
            }
        }
        json_decref(doc);
    }
}

/* The parse tests want the canonical form only; a range out of order is none. */
static void test_spec_parse(void **state)
{
    (void)state;
    json_t *doc = cases("vers_canonical_parse_test.json"), *t;
    size_t i, k;
    json_array_foreach(json_object_get(doc, "tests"), i, t)
    {
        struct tsn_arena *arena = tsn_arena_new();
        struct tsn_vers v = {0};
        const char *why = "", *text = tsn_json_str(t, "input", "");
        bool good = tsn_vers_parse(arena, text, &v, &why) == 0;
        if (good && v.scheme != TSN_SCHEME_DATETIME && v.sorted) {
            good = v.canonical;
        }
        if (v.scheme == TSN_SCHEME_DATETIME) {
            good = good && !strchr(text, '%') && v.sorted;
        }
        if (good == json_is_true(json_object_get(t, "expected_failure"))) {
            fail_msg("%s", text);
        }
        json_t *want = json_object_get(json_object_get(t, "expected_output"),
                                       "version_constraints"),
               *part;
        json_array_foreach(want, k, part)
        {
            assert_string_equal(v.parts[k].version, json_string_value(json_array_get(part, 1)));
        }
        tsn_arena_destroy(arena);
    }
    json_decref(doc);
}

static void test_osv(void **state)
{
    (void)state;
    static const struct {
        const char *affected, *version;
        enum tsn_in in;
    } rows[] = {
        /* order of events does not count, two intervals do */
        {"{'package':{'ecosystem':'PyPI'},'ranges':[{'type':'ECOSYSTEM','events':["
         "{'fixed':'4.2.1'},{'introduced':'5.0'},{'introduced':'0'},{'fixed':'5.0.3'}]}]}",
         "4.2", TSN_IN_YES},
        {"{'package':{'ecosystem':'PyPI'},'ranges':[{'type':'ECOSYSTEM','events':["
         "{'fixed':'4.2.1'},{'introduced':'5.0'},{'introduced':'0'},{'fixed':'5.0.3'}]}]}",
         "4.2.1", TSN_IN_NO},
        {"{'package':{'ecosystem':'PyPI'},'ranges':[{'type':'ECOSYSTEM','events':["
         "{'fixed':'4.2.1'},{'introduced':'5.0'},{'introduced':'0'},{'fixed':'5.0.3'}]}]}",
         "5.0.2", TSN_IN_YES},
        {"{'package':{'ecosystem':'PyPI'},'ranges':[{'type':'ECOSYSTEM','events':["
         "{'fixed':'4.2.1'},{'introduced':'5.0'},{'introduced':'0'},{'fixed':'5.0.3'}]}]}",
         "5.0.3", TSN_IN_NO},
        {"{'ranges':[{'type':'SEMVER','events':[{'introduced':'0'}]}]}", "0.0.0-0", TSN_IN_YES},
        {"{'ranges':[{'type':'SEMVER','events':[{'introduced':'1.0.0'},{'last_affected':'1.2.0'"
         "}]}]}",
         "1.2.0", TSN_IN_YES},
        {"{'ranges':[{'type':'SEMVER','events':[{'introduced':'1.0.0'},{'last_affected':'1.2.0'"
         "}]}]}",
         "1.2.1", TSN_IN_NO},
        {"{'ranges':[{'type':'SEMVER','events':[{'introduced':'0'},{'limit':'2.0.0'}]}]}",
         "2.0.0", TSN_IN_NO},
        {"{'ranges':[{'type':'SEMVER','events':[{'introduced':'0'},{'limit':'2.0.0'}]}]}",
         "1.0.0", TSN_IN_YES},
        /* fixed and introduced again at one version */
        {"{'ranges':[{'type':'SEMVER','events':[{'introduced':'0'},{'introduced':'2.0.0'},"
         "{'fixed':'2.0.0'}]}]}",
         "2.0.0", TSN_IN_YES},
        /* versions are a union with ranges, and each range stands alone */
        {"{'package':{'ecosystem':'npm'},'versions':['9.9.9'],'ranges':[{'type':'SEMVER','"
         "events':["
         "{'introduced':'1.0.0'},{'fixed':'2.0.0'}]}]}",
         "9.9.9", TSN_IN_YES},
        {"{'package':{'ecosystem':'npm'},'versions':['9.9.9'],'ranges':[{'type':'SEMVER','"
         "events':["
         "{'introduced':'1.0.0'},{'fixed':'2.0.0'}]}]}",
         "1.5.0", TSN_IN_YES},
        {"{'package':{'ecosystem':'npm'},'versions':['9.9.9']}", "9.9.8", TSN_IN_NO},
        {"{'ranges':[{'type':'SEMVER','events':[{'introduced':'1.0.0'},{'fixed':'2.0.0'}]},"
         "{'type':'SEMVER','events':[{'introduced':'3.0.0'}]}]}",
         "3.1.0", TSN_IN_YES},
        {"{'package':{'ecosystem':'Debian:12'},'ranges':[{'type':'ECOSYSTEM','events':["
         "{'introduced':'0'},{'fixed':'1:1.0-2+deb12u1'}]}]}",
         "1:1.0-2", TSN_IN_YES},
        /* written wrongly, without history, without an order, without anything */
        {"{'ranges':[{'type':'SEMVER','events':[{'introduced':'6.13.0'},{'fixed':'6.12.81'}]}]"
         "}",
         "6.13.1", TSN_IN_UNKNOWN},
        {"{'ranges':[{'type':'GIT','events':[{'introduced':'0'},{'fixed':'abcd'}]}]}", "1.0",
         TSN_IN_UNKNOWN},
        {"{'ranges':[{'type':'GIT','events':[{'introduced':'0'},{'fixed':'abcd'}]}]}", "abcd",
         TSN_IN_NO},
        {"{'package':{'ecosystem':'Nowhere'},'ranges':[{'type':'ECOSYSTEM','events':["
         "{'introduced':'0'},{'fixed':'2'}]}]}",
         "1", TSN_IN_UNKNOWN},
        {"{'package':{'ecosystem':'PyPI'},'ranges':[{'type':'ECOSYSTEM','events':["
         "{'introduced':'0'},{'fixed':'2'}]}]}",
         "0.1-bulbasaur", TSN_IN_UNKNOWN},
        {"{}", "1", TSN_IN_UNKNOWN},
        {"{'ranges':[{'type':'SEMVER','events':[]}]}", "1.0.0", TSN_IN_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[600];
        (void)snprintf(text, sizeof text, "%s", rows[i].affected);
        for (char *p = text; *p; p++) {
            *p = *p == '\'' ? '"' : *p;
        }
        json_t *a = json_loads(text, 0, NULL);
        assert_non_null(a);
        enum tsn_in in = tsn_osv_has(a, rows[i].version);
        if (in != rows[i].in) {
            fail_msg("%s in %s: got %d", rows[i].version, text, (int)in);
        }
        json_decref(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own),
        cmocka_unit_test(test_wrong),
        cmocka_unit_test(test_spec_containment),
        cmocka_unit_test(test_spec_parse),
        cmocka_unit_test(test_osv),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed || !absent ? failed : 77;
}
