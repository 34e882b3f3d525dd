/* test_yaml.c - what configuration is accepted, and that each mistake points at its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/buf.h"
#include "core/yaml.h"

static struct tsn_arena *arena;
static struct tsn_diag diag;

static int setup(void **state)
{
    (void)state;
    arena = tsn_arena_new();
    tsn_diag_init(&diag);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    tsn_arena_destroy(arena);
    return 0;
}

static const struct tsn_yaml *good(const char *text)
{
    struct tsn_yaml_doc *doc;

    if (tsn_yaml_parse(arena, "t.yaml", text, strlen(text), &doc, &diag) != 0)
        fail_msg("%s %s:%d:%d", diag.what, diag.file, diag.line, diag.col);
    return doc->root;
}

static void bad(const char *text, tsn_err err, const char *code, int line, int col)
{
    struct tsn_yaml_doc *doc = (struct tsn_yaml_doc *)1;

    tsn_diag_init(&diag);
    assert_int_equal(tsn_yaml_parse(arena, "t.yaml", text, strlen(text), &doc, &diag), err);
    assert_null(doc);
    assert_string_equal(diag.code, code);
    assert_string_equal(diag.file, "t.yaml");
    assert_int_equal(diag.line, line);
    assert_int_equal(diag.col, col);
    assert_int_equal(tsn_yaml_parse(arena, "t.yaml", text, strlen(text), &doc, NULL), err);
}

static void test_tree(void **state)
{
    const struct tsn_yaml *r = good("# top\nname: edge\nlist:\n  - a\n  - { k: \"7\", d: 2h }\n"
                                    "empty:\ntext: |\n  one\n  two\n");
    const struct tsn_yaml *list = tsn_yaml_find(r, "list"), *item;

    (void)state;
    assert_int_equal(r->type, TSN_YAML_MAP);
    assert_string_equal(tsn_yaml_find(r, "name")->scalar, "edge");
    assert_int_equal(list->type, TSN_YAML_LIST);
    assert_string_equal(list->first->scalar, "a");
    assert_int_equal(list->first->line, 4);
    assert_int_equal(list->first->col, 5);
    item = list->first->next;
    assert_true(tsn_yaml_find(item, "k")->quoted);
    assert_int_equal(tsn_yaml_find(item, "d")->key_col, 15);
    assert_int_equal(tsn_yaml_find(item, "d")->col, 18);
    assert_string_equal(tsn_yaml_find(r, "empty")->scalar, "");
    assert_string_equal(tsn_yaml_find(r, "text")->scalar, "one\ntwo\n");
    assert_null(tsn_yaml_find(r, "nothing"));
    assert_null(tsn_yaml_find(list, "a"));
    assert_null(tsn_yaml_find(NULL, "a"));
}

static void test_refused(void **state)
{
    (void)state;
    bad("", TSN_EINPUT, "C002", 1, 1);
    bad("# only a comment\n", TSN_EINPUT, "C002", 1, 1);
    bad("a: &x 1\nb: 2\n", TSN_EINPUT, "C003", 1, 4);
    bad("a: 1\nb: *a\n", TSN_EINPUT, "C003", 2, 4);
    bad("a: 1\n<<: { b: 1 }\n", TSN_EINPUT, "C003", 2, 1);
    bad("a: !!str 1\n", TSN_EINPUT, "C004", 1, 4);
    bad("a: !secret { x: 1 }\n", TSN_EINPUT, "C004", 1, 4);
    bad("a: ! 1\n", TSN_EINPUT, "C004", 1, 4);
    bad("!!str a: 1\n", TSN_EINPUT, "C004", 1, 1);
    bad("a: 1\nb: 2\na: 3\n", TSN_EDUP, "C005", 3, 1);
    assert_non_null(strstr(diag.what, "line 1"));
    bad("a: { x: 1, \"x\": 2 }\n", TSN_EDUP, "C005", 1, 12);
    bad("? [a, b]\n: 1\n", TSN_EINPUT, "C006", 1, 3);
    bad("a: \"x\\0y\"\n", TSN_EINPUT, "C007", 1, 4);
    bad("\"a\\0b\": 1\n", TSN_EINPUT, "C007", 1, 1);
    bad("a: 1\n---\nb: 2\n", TSN_EINPUT, "C009", 2, 1);
}

static void test_syntax(void **state)
{
    static const char *const texts[] = {
        "a: [1, 2\n",  "a: {b: 1\n", "a: \"open\n",
        "a: b: c\n",   "\tx: 1\n",   "a: 1\n  b: 2\n",
        "- a\nb: 1\n", "a: @x\n",    "%YAML 9.9\n---\na: 1\n",
        "a: |x\n",     "}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct tsn_yaml_doc *doc;

        tsn_diag_init(&diag);
        if (tsn_yaml_parse(arena, "t", texts[i], strlen(texts[i]), &doc, &diag) != TSN_EINPUT)
            fail_msg("accepted: %s", texts[i]);
        assert_string_equal(diag.code, "C001");
        assert_true(diag.line >= 1);
    }
}

static void test_limits(void **state)
{
    struct tsn_yaml_doc *doc;
    struct tsn_buf b;

    (void)state;
    bad("[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]", TSN_EINPUT, "C008", 1, 17);
    bad("a: \xff\n", TSN_EINPUT, "C001", 0, 0);
    tsn_buf_init(&b, 4u << 20);
    while (b.len <= 1u << 20)
        tsn_buf_puts(&b, "# filling\n");
    assert_int_equal(tsn_yaml_parse(arena, "t", b.data, b.len, &doc, &diag), TSN_ETOOBIG);
    tsn_buf_clear(&b);
    tsn_buf_puts(&b, "[");
    while (b.len < 400000)
        tsn_buf_puts(&b, "1,1,");
    tsn_buf_puts(&b, "1]");
    assert_int_equal(tsn_yaml_parse(arena, "t", b.data, b.len, &doc, &diag), TSN_EINPUT);
    assert_string_equal(diag.code, "C008");
    tsn_buf_free(&b);
}

static void test_unknown_key(void **state)
{
    static const char *const known[] = {"name", "kind", "url", "every", "interval", "trust"};
    const struct tsn_yaml *r = good("feeds:\n  - { name: osv, intervall: 15m }\n");
    const struct tsn_yaml *feed = tsn_yaml_find(r, "feeds")->first;
    struct tsn_buf b;

    (void)state;
    assert_int_equal(tsn_yaml_known(feed, "a feed", known, 6, &diag), TSN_EFIELD);
    assert_string_equal(diag.code, "C012");
    assert_int_equal(diag.line, 2);
    assert_int_equal(diag.col, 18);
    assert_non_null(strstr(diag.hint, "did you mean `interval`?"));
    assert_non_null(strstr(diag.hint, "name, kind, url, every"));
    tsn_buf_init(&b, 4096);
    tsn_diag_print(&diag, &b);
    assert_non_null(strstr(b.data, "error C012: a feed does not have `intervall`\n"
                                   "  t.yaml:2:18\n"
                                   "     2 |   - { name: osv, intervall: 15m }\n"
                                   "       |                  ^^^^^^^^^\n"));
    tsn_buf_free(&b);
    assert_int_equal(tsn_yaml_known(tsn_yaml_find(r, "feeds"), "x", known, 6, &diag),
                     TSN_EINPUT);
    assert_string_equal(diag.code, "C014");
}

static void test_typed(void **state)
{
    const struct tsn_yaml *r = good(
        "s: hello\ni: 42\nq: \"42\"\nb: true\nf: no\nd: 15m\nn: 24\nl: [ a, b ]\nm: { x: 1 }\n"
        "e:\nmixed: [ a, { b: 1 } ]\n");
    const char *s = "old";
    const char *const *list;
    size_t n = 9;
    int64_t v = 5;
    bool flag = false;

    (void)state;
    assert_int_equal(tsn_yaml_str(r, "s", true, &s, &diag), 0);
    assert_string_equal(s, "hello");
    assert_int_equal(tsn_yaml_str(r, "none", false, &s, &diag), 0);
    assert_string_equal(s, "hello"); /* keeps its value */
    assert_int_equal(tsn_yaml_str(r, "none", true, &s, &diag), TSN_EINPUT);
    assert_string_equal(diag.code, "C013");
    assert_int_equal(tsn_yaml_str(r, "e", true, &s, &diag), TSN_EINPUT);
    assert_string_equal(diag.code, "C013");
    assert_int_equal(tsn_yaml_str(r, "m", true, &s, &diag), TSN_EINPUT);
    assert_string_equal(diag.code, "C014");
    assert_int_equal(diag.line, 9);
    assert_int_equal(diag.col, 4);

    assert_int_equal(tsn_yaml_int(r, "i", true, 0, 100, &v, &diag), 0);
    assert_int_equal(v, 42);
    assert_int_equal(tsn_yaml_int(r, "i", true, 0, 41, &v, &diag), TSN_EINPUT);
    assert_int_equal(tsn_yaml_int(r, "q", true, 0, 100, &v, &diag), TSN_EINPUT); /* quoted */
    assert_int_equal(tsn_yaml_int(r, "s", true, 0, 100, &v, &diag), TSN_EINPUT);
    assert_string_equal(diag.code, "C014");
    assert_int_equal(v, 42);

    assert_int_equal(tsn_yaml_bool(r, "b", true, &flag, &diag), 0);
    assert_true(flag);
    assert_int_equal(tsn_yaml_bool(r, "f", true, &flag, &diag), TSN_EINPUT); /* no YAML 1.1 */
    assert_true(flag);

    assert_int_equal(tsn_yaml_duration(r, "d", true, &v, &diag), 0);
    assert_int_equal(v, 15 * 60000);
    assert_int_equal(tsn_yaml_duration(r, "n", true, &v, &diag), TSN_EINPUT);
    assert_string_equal(diag.code, "C021");
    assert_string_equal(diag.what, "`24` needs a unit");
    assert_int_equal(diag.line, 7);
    assert_int_equal(diag.col, 4);
    assert_non_null(strstr(diag.hint, "24h"));
    assert_int_equal(tsn_yaml_duration(r, "s", true, &v, &diag), TSN_EINPUT);
    assert_string_equal(diag.code, "C014");

    assert_int_equal(tsn_yaml_strs(arena, r, "l", true, &list, &n, &diag), 0);
    assert_int_equal(n, 2);
    assert_string_equal(list[1], "b");
    assert_null(list[2]);
    assert_int_equal(tsn_yaml_strs(arena, r, "s", true, &list, &n, &diag), 0);
    assert_int_equal(n, 1);
    assert_string_equal(list[0], "hello");
    assert_null(list[1]);
    assert_int_equal(tsn_yaml_strs(arena, r, "mixed", true, &list, &n, &diag), TSN_EINPUT);
    assert_int_equal(tsn_yaml_strs(arena, r, "m", true, &list, &n, &diag), TSN_EINPUT);
    assert_int_equal(tsn_yaml_strs(arena, r, "zip", true, &list, &n, &diag), TSN_EINPUT);
    assert_int_equal(tsn_yaml_strs(arena, r, "zip", false, &list, &n, &diag), 0);
}

static void test_files(void **state)
{
    char path[] = "/tmp/tocsin-yaml-XXXXXX";
    int fd = mkstemp(path);
    struct tsn_yaml_doc *doc;

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "a: 1\r\nb: [\r\n", 12), 12);
    close(fd);
    assert_int_equal(tsn_yaml_read_file(arena, path, &doc, &diag), TSN_EINPUT);
    assert_string_equal(diag.file, path);
    unlink(path);
    assert_int_equal(tsn_yaml_read_file(arena, path, &doc, &diag), TSN_ENOTFOUND);
    assert_string_equal(diag.code, "C010");
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_tree),  T(test_refused),     T(test_syntax), T(test_limits),
        T(test_typed), T(test_unknown_key), T(test_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
