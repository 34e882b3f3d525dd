/* test_feed_version.c - version orders: every case of data/versions, dpkg as an oracle, and what
 * an order must have whatever it is given. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <spawn.h>
#include <sys/wait.h>
#include <cmocka.h>
#include <jansson.h>
#include "core/json.h"
#include "feed/version.h"

static bool absent; /* the data outside the project */

static const char *data(void)
{
    static char path[4096];
    const char *env = getenv("TOCSIN_DATA");
    if (env) {
        (void)snprintf(path, sizeof path, "%s/versions", env);
    } else {
        (void)snprintf(path, sizeof path, "%s/../shared/data/versions", TOCSIN_SOURCE_DIR);
    }
    if (access(path, R_OK) != 0) {
        print_message("no %s: skipped\n", path);
        absent = true;
        skip();
    }
    return path;
}

/* --- the files of osv-semantic: "A < B" --------------------------------------------------------- */

static size_t lines(const char *file, enum tsn_scheme scheme, size_t *bad)
{
    char path[4400], line[4096];
    (void)snprintf(path, sizeof path, "%s/osv-semantic/%s", data(), file);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    size_t n = 0;
    while (fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = '\0';
        char *op = strpbrk(line, " ");
        if (!op || strncmp(line, "//", 2) == 0 || *line == '#') {
            continue;
        }
        *op++ = '\0';
        int want = *op == '<' ? -1 : *op == '>';
        assert_true(strchr("<=>", *op) && op[1] == ' ');
        n++;
        int got = tsn_version_compare(scheme, line, op + 2);
        int back = tsn_version_compare(scheme, op + 2, line);
        if (got != want || back != -want) {
            print_message("%s: %s %c %s, got %d and %d\n", file, line, *op, op + 2, got, back);
            ++*bad;
        }
    }
    assert_int_equal(fclose(f), 0);
    return n;
}

static void test_osv_semantic(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        enum tsn_scheme scheme;
    } files[] = {
        {"alpine-versions-generated.txt", TSN_SCHEME_APK},
        {"alpine-versions.txt", TSN_SCHEME_APK},
        {"cran-versions-generated.txt", TSN_SCHEME_CRAN},
        {"cran-versions.txt", TSN_SCHEME_CRAN},
        {"debian-versions-generated.txt", TSN_SCHEME_DEB},
        {"debian-versions.txt", TSN_SCHEME_DEB},
        {"hackage-versions.txt", TSN_SCHEME_HACKAGE},
        {"maven-versions-generated.txt", TSN_SCHEME_MAVEN},
        {"maven-versions.txt", TSN_SCHEME_MAVEN},
        {"nuget-versions.txt", TSN_SCHEME_NUGET},
        {"packagist-versions-generated.txt", TSN_SCHEME_COMPOSER},
        {"packagist-versions.txt", TSN_SCHEME_COMPOSER},
        {"pub-versions.txt", TSN_SCHEME_PUB},
        {"pypi-versions-generated.txt", TSN_SCHEME_PYPI},
        {"pypi-versions.txt", TSN_SCHEME_PYPI},
        {"redhat-versions.txt", TSN_SCHEME_RPM},
        {"rubygems-versions-generated.txt", TSN_SCHEME_GEM},
        {"rubygems-versions.txt", TSN_SCHEME_GEM},
        {"semver-versions.txt", TSN_SCHEME_SEMVER},
    };
    size_t n = 0, bad = 0;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        n += lines(files[i].file, files[i].scheme, &bad);
    }
    print_message("%zu pairs, %zu wrong\n", n, bad);
    assert_true(n > 18000);
    assert_int_equal(bad, 0);
}

/* --- the files of vers-spec: an input list and its order, or equality ---------------------------- */

static size_t spec(const char *file, size_t *bad)
{
    char path[4400];
    (void)snprintf(path, sizeof path, "%s/vers-spec/%s", data(), file);
    json_t *doc = json_load_file(path, 0, NULL), *t;
    assert_non_null(doc);
    size_t i, n = 0;
    json_array_foreach(json_object_get(doc, "tests"), i, t)
    {
        const json_t *input = json_object_get(t, "input"),
                     *want = json_object_get(t, "expected_output");
        enum tsn_scheme scheme = tsn_scheme_find(tsn_json_str(input, "input_scheme", ""));
        const json_t *list = json_is_array(want) ? want : json_object_get(input, "versions");
        for (size_t k = 1; k < json_array_size(list); k++) {
            const char *a = json_string_value(json_array_get(list, k - 1));
            const char *b = json_string_value(json_array_get(list, k));
            int c = tsn_version_compare(scheme, a, b);
            bool ok = json_is_array(want) ? c == -1 || c == 0
                                          : (c == 0) == json_is_true(want) && c != 2;
            n++;
            if (!ok) {
                print_message("%s: %s and %s, got %d\n", file, a, b, c);
                ++*bad;
            }
        }
    }
    json_decref(doc);
    return n;
}

static void test_vers_spec(void **state)
{
    (void)state;
    static const char *const files[] = {
        "alpine_version_cmp_test.json",  "alpm_version_cmp_test.json",
        "conan_version_cmp_test.json",   "datetime_version_cmp_test.json",
        "gentoo_version_cmp_test.json",  "lexicographic-test.json",
        "maven_version_cmp_test.json",   "nuget_version_cmp_test.json",
        "openssl_version_cmp_test.json",
    };
    size_t n = 0, bad = 0;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        n += spec(files[i], &bad);
    }
    print_message("%zu pairs, %zu wrong\n", n, bad);
    assert_true(n > 900);
    assert_int_equal(bad, 0);
}

/* --- dpkg itself ------------------------------------------------------------------------------------ */

static uint32_t seed = 7;
static uint32_t rnd(uint32_t below)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % below;
}

static void random_version(char *out, const char *alphabet, size_t max)
{
    size_t n = 1 + rnd((uint32_t)max), letters = strlen(alphabet);
    for (size_t i = 0; i < n; i++) {
        out[i] = alphabet[rnd((uint32_t)letters)];
    }
    out[n] = '\0';
}

extern char **environ;

static bool dpkg_says(const char *a, const char *op, const char *b)
{
    char *argv[] = {
        strdup("dpkg"), strdup("--compare-versions"), strdup(a), strdup(op), strdup(b), NULL};
    pid_t pid;
    int status = -1;
    assert_int_equal(posix_spawnp(&pid, "dpkg", NULL, NULL, argv, environ), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    for (int i = 0; argv[i]; i++) {
        free(argv[i]);
    }
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) <= 1);
    return WEXITSTATUS(status) == 0;
}

static void test_dpkg(void **state)
{
    (void)state;
    if (access("/usr/bin/dpkg", X_OK) != 0) {
        print_message("no dpkg: skipped\n");
        skip();
    }
    static const char *const ops[] = {"lt", "eq", "gt"};
    for (int i = 0; i < 400; i++) {
        /* Short, from few characters, so that close neighbours are frequent. */
        char a[32] = "1", b[32] = "1";
        random_version(a + 1, "001~+.ab-", 6);
        random_version(b + 1, "001~+.ab-", 6);
        if (a[strlen(a) - 1] == '-' || b[strlen(b) - 1] == '-') {
            continue; /* an empty revision is an error to dpkg */
        }
        int c = tsn_version_compare(TSN_SCHEME_DEB, a, b);
        assert_in_range(c + 1, 0, 2);
        if (!dpkg_says(a, ops[c + 1], b)) {
            fail_msg("dpkg does not say %s %s %s", a, ops[c + 1], b);
        }
    }
}

/* --- whatever it is given ----------------------------------------------------------------------------- */

static void test_any_text(void **state)
{
    (void)state;
    for (int s = TSN_SCHEME_SEMVER; s <= TSN_SCHEME_DATETIME; s++) {
        for (int i = 0; i < 4000; i++) {
            char a[32], b[32];
            random_version(a, "0019a.b-_~^+:!prcv\xc3#", 10);
            random_version(b, "0019a.b-_~^+:!prcv\xc3#", 10);
            enum tsn_scheme scheme = (enum tsn_scheme)s;
            int c = tsn_version_compare(scheme, a, b), d = tsn_version_compare(scheme, b, a);
            if (c == TSN_VERSION_UNKNOWN ? d != c : d != -c) {
                fail_msg("%s: %s and %s: %d, back %d", tsn_scheme_name(scheme), a, b, c, d);
            }
            c = tsn_version_compare(scheme, a, a);
            if (c != 0 && c != TSN_VERSION_UNKNOWN) {
                fail_msg("%s: %s is not itself", tsn_scheme_name(scheme), a);
            }
        }
    }
}

static void test_edges(void **state)
{
    (void)state;
    assert_int_equal(tsn_version_compare(TSN_SCHEME_NONE, "1", "1"), TSN_VERSION_UNKNOWN);
    assert_int_equal(tsn_version_compare(TSN_SCHEME_SEMVER, "", "1"), TSN_VERSION_UNKNOWN);
    assert_int_equal(tsn_scheme_find("Debian:12"), TSN_SCHEME_DEB);
    assert_int_equal(tsn_scheme_find("crates.io"), TSN_SCHEME_SEMVER);
    assert_int_equal(tsn_scheme_find("Red Hat:enterprise_linux:9"), TSN_SCHEME_RPM);
    assert_int_equal(tsn_scheme_find("nonsense"), TSN_SCHEME_NONE);
    assert_int_equal(tsn_scheme_find(""), TSN_SCHEME_NONE);
    /* npm, Go */
    assert_int_equal(tsn_version_compare(TSN_SCHEME_NPM, "=v1.2.3", "1.2.3"), 0);
    assert_int_equal(tsn_version_compare(TSN_SCHEME_GO, "v2.0.0+incompatible", "v2.0.0"), 0);
    assert_int_equal(tsn_version_compare(TSN_SCHEME_GO, "v0.0.0-20190101000000-abcdef012345",
                                         "v0.0.0-20200101000000-000000000000"),
                     -1);
    assert_int_equal(tsn_version_compare(TSN_SCHEME_GO, "go1.20rc1", "go1.20"), -1);
    /* generic: numbers decide, words do not */
    assert_int_equal(tsn_version_compare(TSN_SCHEME_GENERIC, "V4.33", "v4.4"), 1);
    assert_int_equal(tsn_version_compare(TSN_SCHEME_GENERIC, "4.0", "4.0.0"), 0);
    assert_int_equal(tsn_version_compare(TSN_SCHEME_GENERIC, "2.8.123e", "2.8.123"),
                     TSN_VERSION_UNKNOWN);
    assert_int_equal(tsn_version_compare(TSN_SCHEME_GENERIC, "2.8.124e", "2.8.123"), 1);
    assert_int_equal(tsn_version_compare(TSN_SCHEME_GENERIC, "R5 build 7", "r5 build 8"), -1);
    /* longer than is compared */
    char *big = calloc(1, TSN_VERSION_MAX + 2);
    assert_non_null(big);
    memset(big, '9', TSN_VERSION_MAX);
    assert_int_equal(tsn_version_compare(TSN_SCHEME_SEMVER, big, "1"), 1);
    big[TSN_VERSION_MAX] = '9';
    assert_int_equal(tsn_version_compare(TSN_SCHEME_SEMVER, big, "1"), TSN_VERSION_UNKNOWN);
    free(big);
    assert_false(tsn_version_conforms(TSN_SCHEME_PYPI, "0.1-bulbasaur"));
    assert_true(tsn_version_conforms(TSN_SCHEME_PYPI, "1!1.0.post1.dev2+Ubuntu.1"));
    assert_false(tsn_version_conforms(TSN_SCHEME_DEB, "a:1"));
    assert_false(tsn_version_conforms(TSN_SCHEME_DATETIME, "2024-01-01t00:00:00z"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_osv_semantic), cmocka_unit_test(test_vers_spec),
        cmocka_unit_test(test_dpkg),         cmocka_unit_test(test_any_text),
        cmocka_unit_test(test_edges),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed || !absent ? failed : 77;
}
