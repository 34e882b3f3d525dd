/* test_buf.c - the byte buffer, the arena and the frame codec. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/buf.h"
#include "core/frame.h"
#include "core/mem.h"

static void test_grows_and_terminates(void **state)
{
    struct tsn_buf b;

    (void)state;
    tsn_buf_init(&b, 10000);
    assert_string_equal(b.data, ""); /* a string before anything is put */
    for (int i = 0; i < 1000; i++)
        assert_int_equal(tsn_buf_printf(&b, "%d,", i % 10), 0);
    assert_int_equal(b.len, 2000);
    assert_int_equal(strlen(b.data), 2000);
    tsn_buf_clear(&b);
    assert_string_equal(b.data, "");
    tsn_buf_free(&b);
    assert_int_equal(b.max, 10000);
    assert_int_equal(tsn_buf_puts(&b, "again"), 0);
    tsn_buf_free(&b);
}

static void test_cap_is_remembered(void **state)
{
    struct tsn_buf b;

    (void)state;
    tsn_buf_init(&b, 4);
    assert_int_equal(tsn_buf_put(&b, "abcd", 4), 0);
    assert_int_equal(tsn_buf_putc(&b, 'e'), TSN_ETOOBIG);
    assert_int_equal(tsn_buf_put(&b, "", 0), TSN_ETOOBIG); /* sticky */
    assert_int_equal(b.err, TSN_ETOOBIG);
    assert_string_equal(b.data, "abcd");
    tsn_buf_clear(&b);
    assert_int_equal(tsn_buf_put(&b, "x", SIZE_MAX), TSN_ETOOBIG); /* no overflow in the sum */
    tsn_buf_clear(&b);
    assert_int_equal(tsn_buf_printf(&b, "%s", "abcde"), TSN_ETOOBIG);
    assert_int_equal(b.len, 0);
    tsn_buf_free(&b);
}

static void test_long_printf(void **state)
{
    struct tsn_buf b;
    char text[1000];

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    tsn_buf_init(&b, 4096);
    assert_int_equal(tsn_buf_printf(&b, "<%s>", text), 0);
    assert_int_equal(b.len, sizeof(text) + 1);
    assert_int_equal(b.data[b.len - 1], '>');
    tsn_buf_free(&b);
}

static void test_shift_and_take(void **state)
{
    struct tsn_buf b;
    size_t n;
    char *p;

    (void)state;
    tsn_buf_init(&b, 100);
    p = tsn_buf_take(&b, &n);
    assert_int_equal(n, 0);
    assert_string_equal(p, "");
    free(p);
    tsn_buf_puts(&b, "hello world");
    tsn_buf_shift(&b, 0);
    tsn_buf_shift(&b, 6);
    assert_string_equal(b.data, "world");
    p = tsn_buf_take(&b, &n);
    assert_int_equal(n, 5);
    assert_string_equal(p, "world");
    assert_int_equal(b.len, 0);
    assert_string_equal(b.data, "");
    free(p);
    tsn_buf_puts(&b, "abc");
    tsn_buf_shift(&b, 3);
    assert_string_equal(b.data, "");
    tsn_buf_free(&b);
}

static void test_read_file(void **state)
{
    char path[] = "/tmp/tocsin-buf-XXXXXX";
    int fd = mkstemp(path);
    struct tsn_buf b;

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "12345", 5), 5);
    close(fd);
    tsn_buf_init(&b, 5);
    assert_int_equal(tsn_buf_read_file(&b, path), 0);
    assert_string_equal(b.data, "12345");
    tsn_buf_free(&b);
    tsn_buf_init(&b, 4);
    assert_int_equal(tsn_buf_read_file(&b, path), TSN_ETOOBIG);
    tsn_buf_free(&b);
    unlink(path);
    assert_int_equal(tsn_buf_read_file(&b, path), TSN_ENOTFOUND);
    assert_int_equal(tsn_buf_read_file(&b, "/tmp"), TSN_EIO); /* a folder */
    tsn_buf_free(&b);
}

static int order[3], norder;

static void note(void *p)
{
    order[norder++] = *(int *)p;
}

static void test_arena(void **state)
{
    struct tsn_arena *a = tsn_arena_new();
    int values[3] = {1, 2, 3};
    char *small, *large, *text;

    (void)state;
    small = tsn_arena_alloc(a, 1);
    large = tsn_arena_alloc(a, 100000);
    for (size_t i = 0; i < 100000; i++)
        assert_int_equal(large[i], 0);
    memset(large, 'x', 100000);
    for (int i = 0; i < 5000; i++) { /* many blocks, none overlapping another */
        text = tsn_arena_printf(a, "%d", i);
        assert_int_equal(atol(text), i);
        assert_int_equal((uintptr_t)text % 16, 0);
    }
    assert_int_equal(*small, 0);
    assert_int_equal(large[99999], 'x');
    assert_null(tsn_arena_strdup(a, NULL));
    assert_string_equal(tsn_arena_strndup(a, "abcdef", 3), "abc");
    for (int i = 0; i < 3; i++)
        tsn_arena_defer(a, note, &values[i]);
    tsn_arena_destroy(a);
    assert_int_equal(norder, 3);
    assert_int_equal(order[0], 3); /* newest first */
    assert_int_equal(order[2], 1);
    tsn_arena_destroy(NULL);
}

static void test_frame_round(void **state)
{
    struct tsn_buf b;
    struct tsn_frame f;
    size_t used;

    (void)state;
    tsn_buf_init(&b, 1000);
    assert_int_equal(tsn_frame_put(&b, TSN_FRAME_WANT, "{\"a\":1}", 7), 0);
    assert_int_equal(tsn_frame_put(&b, TSN_FRAME_LOG, NULL, 0), 0);
    assert_int_equal(b.len, 13 + 6);
    assert_memory_equal(b.data, "\0\0\0\x09\x01\x14{", 7);
    assert_int_equal(tsn_frame_get(&b, &f, &used), 0);
    assert_int_equal(used, 13);
    assert_int_equal(f.type, TSN_FRAME_WANT);
    assert_int_equal(f.len, 7);
    assert_memory_equal(f.payload, "{\"a\":1}", 7);
    tsn_buf_shift(&b, used);
    assert_int_equal(tsn_frame_get(&b, &f, &used), 0);
    assert_int_equal(used, 6);
    assert_int_equal(f.len, 0);
    tsn_buf_free(&b);
}

/* Every way of cutting a frame asks for more and reads nothing. */
static void test_frame_truncated(void **state)
{
    struct tsn_buf whole, part;
    struct tsn_frame f;
    size_t used;

    (void)state;
    tsn_buf_init(&whole, 100);
    tsn_buf_init(&part, 100);
    tsn_frame_put(&whole, TSN_FRAME_HELLO, "abc", 3);
    for (size_t n = 0; n < whole.len; n++) {
        tsn_buf_clear(&part);
        tsn_buf_put(&part, whole.data, n);
        assert_int_equal(tsn_frame_get(&part, &f, &used), 0);
        assert_int_equal(used, 0);
    }
    tsn_buf_free(&whole);
    tsn_buf_free(&part);
}

static tsn_err get_bytes(const char *bytes, size_t n)
{
    struct tsn_buf b;
    struct tsn_frame f;
    size_t used;
    tsn_err err;

    tsn_buf_init(&b, 100);
    tsn_buf_put(&b, bytes, n);
    err = tsn_frame_get(&b, &f, &used);
    assert_int_equal(used, 0);
    tsn_buf_free(&b);
    return err;
}

static void test_frame_refused(void **state)
{
    struct tsn_buf b;

    (void)state;
    assert_int_equal(get_bytes("\x04\0\0\0", 4), 0);            /* 64 MiB exactly: wait */
    assert_int_equal(get_bytes("\x04\0\0\x01", 4), TSN_EINPUT); /* one more */
    assert_int_equal(get_bytes("\xff\xff\xff\xff", 4), TSN_EINPUT);
    assert_int_equal(get_bytes("\0\0\0\x01", 4), TSN_EINPUT);     /* no room for the head */
    assert_int_equal(get_bytes("\0\0\0\x09\x02", 5), TSN_EINPUT); /* another version */
    tsn_buf_init(&b, 9);
    assert_int_equal(tsn_frame_put(&b, 1, "abcd", 4), TSN_ETOOBIG);
    assert_int_equal(b.len, 0); /* all or nothing */
    tsn_buf_clear(&b);
    assert_int_equal(tsn_frame_put(&b, 1, "abc", 3), 0);
    assert_int_equal(tsn_frame_put(&b, 1, "abc", TSN_FRAME_MAX - 1), TSN_ETOOBIG);
    tsn_buf_free(&b);
}

static void test_markup(void **state)
{
    struct tsn_buf b;

    (void)state;
    tsn_buf_init(&b, 200);
    tsn_buf_markup(&b, "a<b>&\"c'\n\t\0\xc3\xa4", 13, '.', "\n");
    assert_string_equal(b.data, "a&lt;b&gt;&amp;&quot;c&#39;\n..\xc3\xa4");
    tsn_buf_clear(&b);
    tsn_buf_markup(&b, "\x01\t<", 3, '\0', "");
    assert_string_equal(b.data, "\x01\t&lt;");
    tsn_buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grows_and_terminates),
        cmocka_unit_test(test_cap_is_remembered),
        cmocka_unit_test(test_long_printf),
        cmocka_unit_test(test_shift_and_take),
        cmocka_unit_test(test_markup),
        cmocka_unit_test(test_read_file),
        cmocka_unit_test(test_arena),
        cmocka_unit_test(test_frame_round),
        cmocka_unit_test(test_frame_truncated),
        cmocka_unit_test(test_frame_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
