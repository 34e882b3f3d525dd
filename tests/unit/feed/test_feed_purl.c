/* test_feed_purl.c - package URLs against the whole purl test suite, and what it leaves out. */
#include <setjmp.h>
#include <stdbool.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "core/json.h"
#include "feed/purl.h"

static bool absent; /* the data outside the project */

static struct tsn_arena *arena;

static json_t *parts(const struct tsn_purl *p)
{
    json_t *q = p->nqualifiers ? json_object() : NULL;
    for (size_t i = 0; i < p->nqualifiers; i++) {
        json_object_set_new(q, p->qualifiers[i].key, json_string(p->qualifiers[i].value));
    }
    return json_pack("{s:s,s:s?,s:s,s:s?,s:s?,s:o?}", "type", p->type, "namespace", p->ns,
                     "name", p->name, "version", p->version, "subpath", p->subpath,
                     "qualifiers", q);
}

static tsn_err built(const json_t *in, struct tsn_purl *p, const char **why)
{
    json_t *q = json_object_get(in, "qualifiers"), *v;
    const char *key;
    *p = (struct tsn_purl){
        .type = tsn_json_str(in, "type", NULL),
        .ns = tsn_json_str(in, "namespace", NULL),
        .name = tsn_json_str(in, "name", NULL),
        .version = tsn_json_str(in, "version", NULL),
        .subpath = tsn_json_str(in, "subpath", NULL),
        .qualifiers = tsn_arena_alloc(arena, (json_object_size(q) + 1) * sizeof *p->qualifiers),
    };
    json_object_foreach(q, key, v)
    {
        p->qualifiers[p->nqualifiers++] =
            (struct tsn_purl_qualifier){key, json_string_value(v)};
    }
    return tsn_purl_canonical(arena, p, why);
}

static bool fits(const json_t *t, char **said)
{
    const char *kind = tsn_json_str(t, "test_type", ""), *why = "";
    const json_t *in = json_object_get(t, "input"),
                 *want = json_object_get(t, "expected_output");
    struct tsn_purl p;
    tsn_err err = json_is_object(in) ? built(in, &p, &why)
                                     : tsn_purl_parse(arena, json_string_value(in),
                                                      strcmp(kind, "parse") == 0, &p, &why);
    if (err) {
        *said = strdup(why);
        return json_is_true(json_object_get(t, "expected_failure"));
    }
    json_t *got = parts(&p);
    if (json_is_string(want)) {
        struct tsn_buf b;
        tsn_buf_init(&b, 1u << 20);
        tsn_purl_print(&p, &b);
        json_decref(got);
        got = json_string(b.data);
        tsn_buf_free(&b);
    }
    bool ok = json_equal(got, want);
    *said = json_dumps(got, JSON_ENCODE_ANY);
    json_decref(got);
    return ok && !json_is_true(json_object_get(t, "expected_failure"));
}

static size_t file(const char *path, size_t *bad)
{
    json_t *doc = json_load_file(path, 0, NULL), *t;
    assert_non_null(doc);
    size_t i, n = 0;
    json_array_foreach(json_object_get(doc, "tests"), i, t)
    {
        char *said = NULL;
        n++;
        if (!fits(t, &said)) {
            char *in = json_dumps(json_object_get(t, "input"), JSON_ENCODE_ANY);
            print_message("%s %s: got %s\n", tsn_json_str(t, "test_type", ""), in, said);
            free(in);
            ++*bad;
        }
        free(said);
    }
    json_decref(doc);
    return n;
}

static void test_suite(void **state)
{
    (void)state;
    char dir[4096], path[4400];
    const char *env = getenv("TOCSIN_DATA");
    (void)snprintf(dir, sizeof dir, "%s%s/purl/tests", env ? env : TOCSIN_SOURCE_DIR,
                   env ? "" : "/../shared/data");
    if (access(dir, R_OK) != 0) {
        print_message("no %s: skipped\n", dir);
        absent = true;
        skip();
    }
    arena = tsn_arena_new();
    size_t bad = 0, n;
    (void)snprintf(path, sizeof path, "%s/specification-test.json", dir);
    n = file(path, &bad);
    (void)snprintf(path, sizeof path, "%s/types", dir);
    DIR *d = opendir(path);
    assert_non_null(d);
    for (const struct dirent *e; (e = readdir(d));) {
        if (strstr(e->d_name, ".json")) {
            (void)snprintf(path, sizeof path, "%s/types/%s", dir, e->d_name);
            n += file(path, &bad);
        }
    }
    assert_int_equal(closedir(d), 0);
    tsn_arena_destroy(arena);
    print_message("%zu cases, %zu wrong\n", n, bad);
    assert_true(n > 350);
    assert_int_equal(bad, 0);
}

static void test_own(void **state)
{
    (void)state;
    static const char *const same[][2] = {
        {"pkg:deb/Debian/curl@1:7.74.0-1+deb11u1?arch=amd64&distro=",
         "pkg:deb/debian/curl@1:7.74.0-1%2Bdeb11u1?arch=amd64"},
        {"PKG://NPM/%40babel/core@7.0.0", "pkg:npm/%40babel/core@7.0.0"},
        {"pkg:npm/@babel/core", "pkg:npm/%40babel/core"},
        {"pkg:golang/github.com//x/y@v1#../a/./b/", "pkg:golang/github.com/x/y@v1#a/b"},
        {"pkg:generic/a%20b@1%2F2", "pkg:generic/a%20b@1%2F2"},
    };
    static const char *const wrong[] = {
        "",
        "pkg:",
        "pkg:npm",
        "pkg:npm/",
        "pkg:npm/a%",
        "pkg:npm/a%0",
        "pkg:npm/a%zz",
        "pkg:npm/a%00",
        "pkg:npm/a?x",
        "pkg:npm/a?x=1&x=2",
        "pkg:npm/a?1x=1",
        "pkg:n pm/a",
        "http://npm/a",
    };
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        arena = tsn_arena_new();
        struct tsn_purl p;
        struct tsn_buf b;
        const char *why = "";
        tsn_buf_init(&b, 1u << 16);
        assert_int_equal(tsn_purl_parse(arena, same[i][0], false, &p, &why), 0);
        tsn_purl_print(&p, &b);
        assert_string_equal(b.data, same[i][1]);
        tsn_buf_free(&b);
        tsn_arena_destroy(arena);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        arena = tsn_arena_new();
        struct tsn_purl p;
        const char *why = NULL;
        assert_int_equal(tsn_purl_parse(arena, wrong[i], false, &p, &why), TSN_EINPUT);
        assert_non_null(why);
        tsn_arena_destroy(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_suite),
                                       cmocka_unit_test(test_own)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed || !absent ? failed : 77;
}
