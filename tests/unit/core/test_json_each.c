/* test_json_each.c - values one at a time, and the same verdict on hostile texts as the parser has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/json.h"
#include "core/json_each.h"
#include "unit/advisory/fixture.h"

static const char *const whole[] = {NULL};

static void values(void **state)
{
    static const char text[] =
        "\xEF\xBB\xBF { \"a\" : [ {\"x\":\"]\"} , 2.5e3 ,\"s\\\"\", null,[ ] ],\n"
        "\"feed\":{\"t\":1,\"entry\":{\"k\\u0041\":{\"v\":[1]},\"\":true}},\"z\":{} }";
    static const char *const list[] = {"a", NULL}, *const deep[] = {"feed", "entry", NULL},
                             *const none[] = {"feed", "x", NULL},
                             *const v[] = {"feed", "t", NULL};
    static const char *const want[] = {"{\"x\":\"]\"}", "2.5e3", "\"s\\\"\"", "null", "[ ]"};
    struct tsn_json_each e = {0};
    struct tsn_buf key;
    const char *value;
    size_t n, i = 0;
    json_t *rest = NULL;
    (void)state;
    tsn_buf_init(&key, 100);
    struct tsn_diag d;
    tsn_diag_init(&d);
    if (tsn_json_each_begin(&e, text, sizeof text - 1, list, &d)) {
        fail_msg("%s", d.what);
    }
    for (; tsn_json_each_next(&e, &key, &value, &n); i++) {
        assert_int_equal(n, strlen(want[i]));
        assert_memory_equal(value, want[i], n);
    }
    assert_int_equal(i, 5);
    assert_int_equal(tsn_json_each_rest(&e, &rest, NULL), 0);
    assert_int_equal(json_array_size(json_object_get(rest, "a")), 0);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(rest, "feed"), "t")),
                     1);
    json_decref(rest);
    assert_int_equal(tsn_json_each_begin(&e, text, sizeof text - 1, deep, NULL), 0);
    assert_true(tsn_json_each_next(&e, &key, &value, &n));
    assert_string_equal(key.data, "kA");
    size_t kept = e.at;
    assert_true(tsn_json_each_next(&e, &key, &value, &n));
    assert_int_equal(key.len, 0);
    assert_false(tsn_json_each_next(&e, &key, &value, &n));
    e.at = kept; /* a place may be come back to */
    assert_true(tsn_json_each_next(&e, &key, &value, &n));
    assert_memory_equal(value, "true", n);
    assert_int_equal(tsn_json_each_begin(&e, text, sizeof text - 1, none, NULL), TSN_ENOTFOUND);
    assert_true(tsn_json_find(text, sizeof text - 1, v, &value, &n));
    assert_memory_equal(value, "1", n);
    assert_false(tsn_json_find(text, sizeof text - 1, none, &value, &n));
    assert_int_equal(tsn_json_each_begin(&e, "{\"a\":[],\"a\":[]}", 15, list, NULL),
                     TSN_EINPUT);
    tsn_buf_free(&key);
}

/* Every text of the suite: the scanner refuses what the parser refuses and takes what it takes. */
static void hostile(void **state)
{
    char path[1024];
    size_t seen = 0;
    (void)state;
    DIR *d = opendir(data_path("hostile/JSONTestSuite"));
    if (!d) {
        skip();
    }
    for (struct dirent *e; (e = readdir(d));) {
        struct tsn_json_each each = {0};
        struct tsn_buf b;
        if (e->d_name[0] == '.') {
            continue;
        }
        snprintf(path, sizeof path, "%s/%s", data_path("hostile/JSONTestSuite"), e->d_name);
        tsn_buf_init(&b, 1u << 20);
        assert_int_equal(tsn_buf_read_file(&b, path), 0);
        tsn_err err = tsn_json_each_begin(&each, b.len ? b.data : "", b.len, whole, NULL);
        if (e->d_name[0] == 'n' && err != TSN_EINPUT) {
            fail_msg("%s was taken", e->d_name);
        }
        if (e->d_name[0] == 'y' && err == TSN_EINPUT) {
            fail_msg("%s was refused", e->d_name);
        }
        /* Cut anywhere: refused, or the value was over; never read past the end. */
        for (size_t n = 0; n < b.len && n < 200; n++) {
            char *cut = malloc(n ? n : 1);
            memcpy(cut, b.data, n);
            (void)tsn_json_each_begin(&each, cut, n, whole, NULL);
            free(cut);
        }
        tsn_buf_free(&b);
        seen++;
    }
    closedir(d);
    assert_true(seen > 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(values), cmocka_unit_test(hostile)};
    tsn_json_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
