/* test_feed_facts.c - facts of every CISA document, and the substance of real pairs of revisions
 * against their labels: what a rewrite changed that matters. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "feed/feed_int.h"
#include "unit/advisory/fixture.h"

static void one(const char *path, size_t *docs, size_t *rows)
{
    json_t *doc = read_json(path), *facts = NULL;
    struct tsn_diag diag;
    tsn_diag_init(&diag);
    assert_non_null(doc);
    if (tsn_csaf_facts(doc, &facts, &diag)) {
        fail_msg("%s: %s %s", path, diag.code, diag.what);
    }
    assert_true(json_array_size(json_object_get(facts, "products")) > 0);
    assert_int_equal(strlen(tsn_json_str(facts, "substance", "")), 64);
    assert_true(strlen(tsn_json_str(facts, "id", "")) > 0);
    *rows += json_array_size(json_object_get(facts, "products"));
    *docs += 1;
    json_decref(facts);
    json_decref(doc);
}

static void walk(const char *dir, size_t *docs, size_t *rows)
{
    DIR *d = opendir(dir);
    if (!d) {
        return;
    }
    for (struct dirent *e; (e = readdir(d));) {
        char path[2048];
        snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        size_t n = strlen(e->d_name);
        if (n > 5 && strcmp(e->d_name + n - 5, ".json") == 0) {
            if (strncmp(e->d_name, "ics", 3) == 0 || strncmp(e->d_name, "va-", 3) == 0) {
                one(path, docs, rows);
            }
        } else if (!strchr(e->d_name, '.')) {
            walk(path, docs, rows);
        }
    }
    closedir(d);
}

static void cisa(void **state)
{
    (void)state;
    size_t docs = 0, rows = 0;
    walk(data_path("csaf-cisa/csaf_files"), &docs, &rows);
    printf("%zu documents, %zu product rows\n", docs, rows);
    assert_true(docs > 400);
}

static void revisions(void **state)
{
    (void)state;
    json_t *labels = read_json(data_path("csaf-cisa-revisions/labels.json"));
    assert_non_null(labels);
    size_t i, wrong = 0, seen = 0;
    json_t *l;
    const json_t *list = json_is_array(labels) ? labels : json_object_get(labels, "pairs");
    json_array_foreach(list, i, l)
    {
        char a[512], b[512];
        const char *name = tsn_json_str(l, "pair", tsn_json_str(l, "file", ""));
        snprintf(a, sizeof a, "csaf-cisa-revisions/pairs/%s.old.json", name);
        snprintf(b, sizeof b, "csaf-cisa-revisions/pairs/%s.new.json", name);
        json_t *old = read_json(data_path(a)), *new = read_json(data_path(b));
        json_t *f = NULL, *g = NULL;
        assert_non_null(old);
        assert_non_null(new);
        assert_int_equal(tsn_csaf_facts(old, &f, NULL), 0);
        assert_int_equal(tsn_csaf_facts(new, &g, NULL), 0);
        bool changed =
            strcmp(tsn_json_str(f, "substance", ""), tsn_json_str(g, "substance", "")) != 0;
        if (changed != tsn_json_bool(l, "material", false)) {
            fprintf(stderr, "%s: material %d, found %d\n", name,
                    tsn_json_bool(l, "material", false), changed);
            wrong++;
        }
        seen++;
        json_decref(old);
        json_decref(new);
        json_decref(f);
        json_decref(g);
    }
    json_decref(labels);
    assert_true(seen >= 50);
    assert_int_equal(wrong, 0);
}

/* Hostile or odd documents: an error with F007 or facts, never a crash. */
static void odd(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool good;
    } rows[] = {
        {"[]", false},
        {"{\"document\":{\"csaf_version\":\"2.0\"}}", false},
        {"{\"document\":{\"csaf_version\":\"1.2\",\"title\":\"t\",\"tracking\":{\"id\":\"i\","
         "\"version\":\"1\",\"current_release_date\":\"2026\"}}}",
         false},
        {"{\"document\":{\"csaf_version\":\"2.0\",\"title\":\"t\",\"tracking\":{\"id\":\"i\","
         "\"version\":\"1\",\"current_release_date\":\"2026\"},\"notes\":7,\"publisher\":[]},"
         "\"product_tree\":{\"branches\":[1,{\"product\":[]},{\"branches\":{}}],"
         "\"relationships\":[{\"full_product_name\":{\"product_id\":\"a\",\"name\":\"n\"},"
         "\"product_reference\":\"a\",\"relates_to_product_reference\":\"a\"}]},"
         "\"vulnerabilities\":[{\"product_status\":{\"known_affected\":[\"a\",5]},"
         "\"scores\":[{}],\"remediations\":[1]}]}",
         true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        json_t *doc = NULL, *facts = NULL, *matches = NULL;
        struct tsn_diag diag;
        tsn_diag_init(&diag);
        assert_int_equal(tsn_json_parse(rows[i].text, strlen(rows[i].text), &doc, NULL), 0);
        tsn_err err = tsn_csaf_facts(doc, &facts, &diag);
        assert_int_equal(err == 0, rows[i].good);
        if (err) {
            assert_string_equal(diag.code, "F007");
        } else {
            assert_int_equal(tsn_match_facts(facts, NULL, &matches), 0);
        }
        json_decref(matches);
        json_decref(facts);
        json_decref(doc);
    }
}

int main(void)
{
    tsn_crypto_init();
    tsn_json_init();
    need_data("csaf-cisa-revisions/labels.json");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cisa),
        cmocka_unit_test(revisions),
        cmocka_unit_test(odd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
