/* test_feed_pure.c - lists, paths, hashes, names and matches: tables without store or network. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include "core/json.h"
#include "feed/feed_int.h"

static void csv(void **state)
{
    (void)state;
    static const char list[] =
        "\xEF\xBB\xBF"
        "path,current_release_date\r\n"
        "\"2023/b.json\",\"2023-02-01T00:00:00Z\"\r\n"
        "csaf_files/OT/white/2024/a.json , 2024-05-30T06:00:00.000000Z\n"
        "\n"
        "\"2023/with \"\"quotes\"\", and comma.json\",2023-01-01T00:00:00Z,more\n"
        "2023/b.json,2023-03-01T00:00:00Z\n"
        "2023/b.json,2021-03-01T00:00:00Z\n"
        "alone\n"
        "x.json,yesterday\n"
        "\"never closed,2023-01-01T00:00:00Z\n"
        "last.json,2023-01-01T00:00:00";
    struct tsn_arena *arena = tsn_arena_new();
    struct tsn_feed_rows rows;
    tsn_feed_csv(arena, list, sizeof list - 1, &rows);
    assert_int_equal(rows.n, 4);
    assert_int_equal(rows.bad, 4);
    assert_string_equal(rows.rows[0].path, "csaf_files/OT/white/2024/a.json");
    assert_string_equal(rows.rows[0].time, "2024-05-30T06:00:00.000000Z");
    assert_string_equal(rows.rows[1].path, "2023/with \"quotes\", and comma.json");
    assert_string_equal(rows.rows[2].path, "2023/b.json"); /* where its latest time stands */
    assert_string_equal(rows.rows[2].time, "2023-03-01T00:00:00Z");
    assert_string_equal(rows.rows[3].path, "last.json");
    tsn_feed_csv(arena, "", 0, &rows);
    assert_int_equal(rows.n, 0);
    tsn_arena_destroy(arena);
}

static void paths(void **state)
{
    (void)state;
    static const char *const good[] = {"a.json", "2024/a-b_c.json", "x/y/z.JSON", "a b.json",
                                       "..a/b.json"};
    static const char *const bad[] = {
        "",          "/a.json",         "../a.json", "a/../b.json", "./a.json",
        "a//b.json", "http://x/a.json", "c:a.json",  "a\\b.json",   "a%2e%2e/b.json",
        "a?b.json",  "a#b.json",        "a.txt",     ".json",       "a\nb.json",
        "a/..",      "//h/a.json"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(tsn_feed_path_ok(good[i], NULL), 0);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct tsn_diag diag;
        tsn_diag_init(&diag);
        assert_int_equal(tsn_feed_path_ok(bad[i], &diag), TSN_EINPUT);
        assert_string_equal(diag.code, "F003");
    }
    char *huge = tsn_alloc(1000);
    memset(huge, 'a', 990);
    memcpy(huge + 990, ".json", 6);
    assert_int_equal(tsn_feed_path_ok(huge, NULL), TSN_EINPUT);
    free(huge);
}

static void resolving(void **state)
{
    (void)state;
    static const struct {
        const char *url, *path;
        enum tsn_feed_base base;
        const char *want; /* NULL = nothing */
    } rows[] = {
        {"http://h/", "2024/a.json", TSN_FEED_BELOW, "http://h/2024/a.json"},
        {"http://h/", "2024/a.json", TSN_FEED_OVERLAP, NULL},
        {"http://h/", "2024/a.json", TSN_FEED_YEAR, NULL},
        {"http://h/", "2024/a.json", TSN_FEED_ROOT, NULL},
        {"http://h:81/csaf_files/OT/white/", "csaf_files/OT/white/2024/a.json",
         TSN_FEED_OVERLAP, "http://h:81/csaf_files/OT/white/2024/a.json"},
        {"http://h/mirror/csaf_files/OT/white/", "csaf_files/OT/white/2024/a.json",
         TSN_FEED_OVERLAP, "http://h/mirror/csaf_files/OT/white/2024/a.json"},
        {"http://h/", "csaf_files/OT/white/2024/a.json", TSN_FEED_YEAR, "http://h/2024/a.json"},
        {"http://h/x/", "csaf/2024/a.json", TSN_FEED_ROOT, "http://h/csaf/2024/a.json"},
        {"http://h/xwhite/", "white/a.json", TSN_FEED_OVERLAP, NULL},
        {"http://h/", "a b\xC3\xA9.json", TSN_FEED_BELOW, "http://h/a%20b%C3%A9.json"},
    };
    struct tsn_buf b;
    tsn_buf_init(&b, 4096);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bool got = tsn_feed_resolve(rows[i].url, rows[i].path, rows[i].base, &b);
        assert_int_equal(got, rows[i].want != NULL);
        if (got) {
            assert_string_equal(b.data, rows[i].want);
        }
    }
    tsn_buf_free(&b);
}

static void hashes(void **state)
{
    (void)state;
    static const char abc256[] =
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    static const char abc512[] =
        "DDAF35A193617ABACC417349AE20413112E6FA4E89A97EA20A9EEEE64B55D39A"
        "2192992A274FC1A836BA3C23A3FEEBBD454D4423643CE80E2A9AC94FA54CA49F  abc.json\n";
    assert_int_equal(tsn_feed_hash_fits(abc256, sizeof abc256 - 1, "abc", 3, NULL), 0);
    assert_int_equal(tsn_feed_hash_fits(abc512, sizeof abc512 - 1, "abc", 3, NULL), 0);
    assert_int_equal(tsn_feed_hash_fits(abc256, sizeof abc256 - 1, "abd", 3, NULL),
                     TSN_ETAMPERED);
    assert_int_equal(tsn_feed_hash_fits(abc256, 40, "abc", 3, NULL), TSN_EINPUT);
    assert_int_equal(tsn_feed_hash_fits("<html>", 6, "abc", 3, NULL), TSN_EINPUT);
    assert_int_equal(tsn_feed_hash_fits("", 0, "abc", 3, NULL), TSN_EINPUT);
}

static void names(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool vendor, same;
    } rows[] = {
        {"Siemens A.G.", "SIEMENS AG ", true, true},
        {"Siemens", "Siemens AG", true, true},
        {"Example Libraries Inc.", "example-libraries", true, true},
        {"Foo GmbH & Co. KG", "foo", true, true},
        {"Johnson & Johnson", "Johnson and Johnson", true, true},
        {"Le\xC3\xA3o", "Leao", true, true},
        {"Le\xC3\x83\xC2\xA3o", "Le\xC3\xA3o", true, true}, /* doubly encoded */
        {"M\xC3\xBCller S.p.A.", "Muller", true, true},
        {"Stra\xC3\x9F"
         "e",
         "Strasse", false, true},
        {"MicroFocus", "Micro Focus", true, true},
        {"Foo\xC2\xAE Bar\xE2\x84\xA2", "foo bar", false, true},
        {"Co", "Corp", true, false}, /* a name is never stripped to nothing */
        {"Edge Gateway Ltd", "Edge Gateway", false, false},
        {"libfoo", "libfoo2", false, false},
        {"Alpha", "Beta", true, false},
    };
    struct tsn_buf a, b;
    tsn_buf_init(&a, 4096);
    tsn_buf_init(&b, 4096);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        tsn_feed_fold(rows[i].a, rows[i].vendor, &a);
        tsn_feed_fold(rows[i].b, rows[i].vendor, &b);
        if ((strcmp(a.data, b.data) == 0) != rows[i].same) {
            fail_msg("\"%s\" is \"%s\", \"%s\" is \"%s\"", rows[i].a, a.data, rows[i].b,
                     b.data);
        }
    }
    tsn_feed_fold("", true, &a);
    assert_string_equal(a.data, "");
    tsn_buf_free(&a);
    tsn_buf_free(&b);
}

/* One row of a document against one product of ours. */
static void matching(void **state)
{
    (void)state;
    static const char ours[] =
        "[{\"id\":\"gw\",\"name\":\"Edge Gateway\",\"vendor\":\"Acme\",\"owner\":\"o\","
        "\"components\":[{\"vendor\":\"Example Libraries\",\"product\":\"libfoo\","
        "\"version\":\"2.4.0\"}]}]";
    static const struct {
        const char *row, *want; /* NULL = no match */
    } rows[] = {
        {"{\"vendor\":\"Example Libraries Inc.\",\"product\":\"LibFoo\",\"version\":\"<2.4.1\","
         "\"range\":true,\"name\":\"x\",\"status\":\"affected\"}",
         "likely"},
        {"{\"vendor\":\"Example "
         "Libraries\",\"product\":\"libfoo\",\"version\":\"vers:generic/>=2.0|<2.4.1\","
         "\"range\":true,\"name\":\"x\",\"status\":\"affected\"}",
         "certain"},
        {"{\"vendor\":\"Example "
         "Libraries\",\"product\":\"libfoo\",\"version\":\"vers:generic/<2.4.0\","
         "\"range\":true,\"name\":\"x\",\"status\":\"affected\"}",
         NULL},
        {"{\"vendor\":\"Example Libraries\",\"product\":\"libfoo\",\"version\":\"vers:all/*\","
         "\"range\":true,\"name\":\"x\",\"status\":\"affected\"}",
         "certain"},
        {"{\"vendor\":\"Example "
         "Libraries\",\"product\":\"libfoo\",\"version\":\"vers:generic/>=2.4.0\","
         "\"range\":true,\"name\":\"x\",\"status\":\"fixed\"}",
         "guess"},
        {"{\"vendor\":\"Example "
         "Libraries\",\"product\":\"libfoo\",\"version\":\"vers:generic/>=2.4.1\","
         "\"range\":true,\"name\":\"x\",\"status\":\"fixed\"}",
         NULL},
        {"{\"vendor\":\"Example "
         "Libraries\",\"product\":\"libfoo\",\"version\":\"vers:generic/<2.4.0b\","
         "\"range\":true,\"name\":\"x\",\"status\":\"affected\"}",
         "likely"},
        {"{\"vendor\":\"Example "
         "Libraries\",\"product\":\"libfoo\",\"version\":\"vers:generic/<\","
         "\"range\":true,\"name\":\"x\",\"status\":\"affected\"}",
         "likely"},
        {"{\"vendor\":\"Example Libraries\",\"product\":\"libfoo\",\"version\":\"v2.4.0\","
         "\"name\":\"x\",\"status\":\"affected\"}",
         "certain"},
        {"{\"vendor\":\"Example Libraries\",\"product\":\"libfoo\",\"version\":\"2.4.0\","
         "\"name\":\"x\",\"status\":\"fixed\"}",
         "guess"},
        {"{\"vendor\":\"Example Libraries\",\"product\":\"libfoo\",\"version\":\"2.4.1\","
         "\"name\":\"x\",\"status\":\"fixed\"}",
         "likely"},
        {"{\"vendor\":\"Example Libraries\",\"product\":\"libfoo\",\"version\":\"2.4.0\","
         "\"name\":\"x\",\"status\":\"not_affected\"}",
         NULL},
        {"{\"vendor\":\"Somebody\",\"product\":\"libfoo\",\"version\":\"2.4.0\",\"name\":\"x\","
         "\"status\":\"affected\"}",
         "guess"},
        {"{\"vendor\":\"Example Libraries\",\"product\":\"libbar\",\"version\":\"2.4.0\","
         "\"name\":\"x\",\"status\":\"affected\"}",
         NULL},
        {"{\"vendor\":\"\",\"product\":\"\",\"version\":\"\",\"name\":\"Example Libraries "
         "libfoo "
         "2.4\",\"status\":\"affected\"}",
         "likely"},
        {"{\"vendor\":\"\",\"product\":\"\",\"version\":\"\",\"name\":\"libfoo 2.4\","
         "\"status\":\"affected\"}",
         "guess"},
        {"{\"vendor\":\"\",\"product\":\"\",\"version\":\"\",\"name\":\"libfoobar 2.4\","
         "\"status\":\"affected\"}",
         NULL},
        {"{\"vendor\":\"ACME "
         "Corp\",\"product\":\"Edge-Gateway\",\"version\":\"9\",\"name\":\"x\","
         "\"status\":\"affected\"}",
         "likely"},
        {"{\"vendor\":\"Example Libraries\",\"product\":\"Example Libraries libfoo\","
         "\"version\":\"\",\"name\":\"x\",\"status\":\"affected\"}",
         "likely"},
    };
    json_t *products = NULL;
    assert_int_equal(tsn_json_parse(ours, strlen(ours), &products, NULL), 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        json_t *row = NULL, *matches = NULL;
        assert_int_equal(tsn_json_parse(rows[i].row, strlen(rows[i].row), &row, NULL), 0);
        json_t *facts = json_pack("{s:[o]}", "products", row);
        assert_int_equal(tsn_match_facts(facts, products, &matches), 0);
        const char *got = tsn_json_str(json_array_get(matches, 0), "certainty", NULL);
        if ((got == NULL) != (rows[i].want == NULL) ||
            (got && strcmp(got, rows[i].want) != 0)) {
            fail_msg("row %zu: want %s, got %s", i, rows[i].want ? rows[i].want : "-",
                     got ? got : "-");
        }
        json_decref(matches);
        json_decref(facts);
    }
    json_decref(products);
}

int main(void)
{
    tsn_json_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(csv),    cmocka_unit_test(paths), cmocka_unit_test(resolving),
        cmocka_unit_test(hashes), cmocka_unit_test(names), cmocka_unit_test(matching),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
