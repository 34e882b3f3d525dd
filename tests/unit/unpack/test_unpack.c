/* test_unpack.c - archives through the child that opens them: every format, and everything hostile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "core/json.h"
#include "core/log.h"
#include "core/mem.h"
#include "loop/loop.h"
#include "proc/unpack.h"
#include "unpack/packed.h"

enum kind { ZIP, TAR, RAW };

static int memory_file(void)
{
    int fd = memfd_create("t", MFD_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

/* --- making them --- */

static struct archive *writer(int fd, enum kind kind, int filter)
{
    struct archive *a = archive_write_new();
    assert_int_equal(archive_write_add_filter(a, filter), ARCHIVE_OK);
    if (kind == ZIP)
        assert_int_equal(archive_write_set_format_zip(a), ARCHIVE_OK);
    else if (kind == TAR)
        assert_int_equal(archive_write_set_format_pax_restricted(a), ARCHIVE_OK);
    else
        assert_int_equal(archive_write_set_format_raw(a), ARCHIVE_OK);
    assert_int_equal(archive_write_open_fd(a, fd), ARCHIVE_OK);
    return a;
}

static void add_as(struct archive *a, const char *name, const void *p, size_t n, unsigned type,
                   const char *link)
{
    struct archive_entry *e = archive_entry_new();
    archive_entry_set_pathname(e, name);
    archive_entry_set_filetype(e, type);
    archive_entry_set_perm(e, 0644);
    if (link)
        archive_entry_set_symlink(e, link);
    archive_entry_set_size(e, (la_int64_t)n);
    assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
    if (n)
        assert_int_equal(archive_write_data(a, p, n), (la_ssize_t)n);
    archive_entry_free(e);
}

static void add(struct archive *a, const char *name, const char *text)
{
    add_as(a, name, text, strlen(text), AE_IFREG, NULL);
}

static int finish(struct archive *a, int fd)
{
    assert_int_equal(archive_write_close(a), ARCHIVE_OK);
    archive_write_free(a);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

/* --- reading them through the child --- */

struct seen {
    struct tsn_loop *loop;
    struct tsn_unpack *u;
    int out;
    size_t n, slices;
    uint64_t refused, bytes;
    char names[4000], first[400], why[400], texts[4000];
    bool stop_at_first;
};

static void on_slice(const struct tsn_unpack_slice *s, void *user)
{
    struct seen *g = user;
    g->slices++;
    g->n += s->n;
    g->refused += s->refused;
    if (s->refused && !g->first[0])
        snprintf(g->first, sizeof g->first, "%s", s->first_refused);
    for (size_t i = 0; i < s->n; i++) {
        char text[64] = "";
        ssize_t k = pread(g->out, text, sizeof text - 1, (off_t)s->entries[i].at);
        assert_true(k > 0);
        g->bytes += s->entries[i].size;
        size_t a = strlen(g->names), b = strlen(g->texts);
        snprintf(g->names + a, sizeof g->names - a, "%s|", s->entries[i].name);
        snprintf(g->texts + b, sizeof g->texts - b, "%.*s|",
                 (int)(s->entries[i].size < 20 ? s->entries[i].size : 20), text);
        if (s->entries[i].size < 60)
            assert_int_equal(text[s->entries[i].size], '\0');
    }
    if (g->stop_at_first) {
        tsn_unpack_stop(g->u);
    } else if (!s->end) {
        tsn_unpack_more(g->u);
    }
}

static void on_failed(const struct tsn_diag *why, void *user)
{
    struct seen *g = user;
    assert_string_equal(why->code, "F120");
    snprintf(g->why, sizeof g->why, "%s", why->what);
}

static void unpack(struct seen *g, int in, bool single, uint64_t entry_max)
{
    bool stop = g->stop_at_first;
    struct tsn_diag d;
    tsn_diag_init(&d);
    *g = (struct seen){.stop_at_first = stop, .out = memory_file()};
    assert_int_equal(tsn_loop_open(&g->loop), 0);
    const struct tsn_unpack_config cfg = {.in = in,
                                          .out = g->out,
                                          .single = single,
                                          .entry_max = entry_max,
                                          .total_max = (uint64_t)64 << 20,
                                          .slice = on_slice,
                                          .failed = on_failed,
                                          .user = g};
    assert_int_equal(tsn_unpack_start(&g->u, g->loop, &cfg, &d), 0);
    tsn_loop_run(g->loop); /* until the child is gone */
    tsn_loop_close(g->loop);
    close(g->out);
    close(in);
}

#define MIB ((uint64_t)1 << 20)

static void formats(void **state)
{
    static const struct {
        enum kind kind;
        int filter;
    } all[] = {{ZIP, ARCHIVE_FILTER_NONE},  {TAR, ARCHIVE_FILTER_NONE},
               {TAR, ARCHIVE_FILTER_GZIP},  {TAR, ARCHIVE_FILTER_XZ},
               {TAR, ARCHIVE_FILTER_BZIP2}, {TAR, ARCHIVE_FILTER_ZSTD}};
    struct seen g = {0};
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        int fd = memory_file();
        struct archive *a = writer(fd, all[i].kind, all[i].filter);
        add(a, "2024/a.json", "{\"a\":1}");
        add_as(a, "2024/", NULL, 0, AE_IFDIR, NULL);
        add(a, "b.json", "{\"b\":2}");
        unpack(&g, finish(a, fd), false, MIB);
        assert_string_equal(g.why, "");
        assert_string_equal(g.names, "2024/a.json|b.json|");
        assert_string_equal(g.texts, "{\"a\":1}|{\"b\":2}|");
        assert_int_equal(g.slices, 1);
    }
    static const int filters[] = {ARCHIVE_FILTER_GZIP, ARCHIVE_FILTER_XZ, ARCHIVE_FILTER_BZIP2,
                                  ARCHIVE_FILTER_ZSTD, ARCHIVE_FILTER_NONE};
    for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++) {
        int fd = memory_file();
        struct archive *a = writer(fd, RAW, filters[i]);
        add(a, "whatever", "Package: x\n");
        unpack(&g, finish(a, fd), true, MIB);
        assert_string_equal(g.why, "");
        assert_string_equal(g.texts, "Package: x\n|");
    }
}

static void names(void **state)
{
    static const char *const bad[] = {"",     "/etc/passwd", "../x.json",  "a/../../x.json",
                                      "a\\b", "C:x.json",    "a\x01.json", "\xff\xfe.json",
                                      ".."};
    struct seen g = {0};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_non_null(tsn_unpack_name(bad[i]));
    assert_null(tsn_unpack_name("cves/2024/1xxx/CVE-2024-1234.json"));
    assert_null(tsn_unpack_name("a..b/c.json"));
    int fd = memory_file();
    struct archive *a = writer(fd, TAR, ARCHIVE_FILTER_NONE);
    add(a, "../../etc/cron.d/x.json", "{}");
    add_as(a, "link.json", NULL, 0, AE_IFLNK, "/etc/passwd");
    add_as(a, "dev.json", NULL, 0, AE_IFCHR, NULL);
    add(a, "good.json", "{}");
    unpack(&g, finish(a, fd), false, MIB);
    assert_string_equal(g.names, "good.json|");
    assert_int_equal(g.refused, 3);
    assert_non_null(strstr(g.first, "leads out of the archive"));
}

static void sizes(void **state)
{
    struct seen g = {0};
    size_t n = 200u << 20;
    char *zeros = calloc(1, n);
    (void)state;
    assert_non_null(zeros);
    /* A bomb as one file, and as an entry. */
    int fd = memory_file();
    struct archive *a = writer(fd, RAW, ARCHIVE_FILTER_GZIP);
    add_as(a, "x", zeros, n, AE_IFREG, NULL);
    unpack(&g, finish(a, fd), true, (uint64_t)256 << 20);
    assert_non_null(strstr(g.why, "bomb"));
    fd = memory_file();
    a = writer(fd, RAW, ARCHIVE_FILTER_XZ);
    add_as(a, "x", zeros, 30u << 20, AE_IFREG, NULL);
    unpack(&g, finish(a, fd), true, 8 * MIB);
    assert_non_null(strstr(g.why, "more comes out of it than is allowed"));
    fd = memory_file();
    a = writer(fd, ZIP, ARCHIVE_FILTER_NONE);
    for (int i = 0; i < 12; i++)
        add_as(a, "x.json", zeros, 10u << 20, AE_IFREG, NULL);
    unpack(&g, finish(a, fd), false, 16 * MIB);
    assert_non_null(strstr(g.why, "bomb"));
    /* One too large is passed over, what is behind it comes. */
    fd = memory_file();
    a = writer(fd, TAR, ARCHIVE_FILTER_GZIP);
    add_as(a, "big.json", zeros, 3u << 20, AE_IFREG, NULL);
    add(a, "small.json", "{\"s\":1}");
    unpack(&g, finish(a, fd), false, MIB);
    assert_string_equal(g.why, "");
    assert_string_equal(g.texts, "{\"s\":1}|");
    assert_non_null(strstr(g.first, "too large"));
    free(zeros);
}

static int nested(int depth)
{
    int fd = memory_file();
    struct archive *a = writer(fd, ZIP, ARCHIVE_FILTER_NONE);
    if (depth == 0) {
        add(a, "cves/CVE-2024-1.json", "{\"in\":1}");
    } else {
        int inner = nested(depth - 1);
        static char bytes[1u << 16];
        ssize_t n = read(inner, bytes, sizeof bytes);
        assert_true(n > 0);
        close(inner);
        add_as(a, "cves.zip", bytes, (size_t)n, AE_IFREG, NULL);
    }
    return finish(a, fd);
}

static void nesting(void **state)
{
    struct seen g = {0};
    (void)state;
    unpack(&g, nested(1), false, MIB);
    assert_string_equal(g.why, "");
    assert_string_equal(g.texts, "{\"in\":1}|");
    unpack(&g, nested(2), false, MIB);
    assert_non_null(strstr(g.why, "archive in an archive in an archive"));
}

static void damaged(void **state)
{
    static const int filters[] = {ARCHIVE_FILTER_GZIP, ARCHIVE_FILTER_XZ, ARCHIVE_FILTER_ZSTD};
    struct seen g = {0};
    static char bytes[1u << 18], noise[60000];
    (void)state;
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (char)(i * 7919u >> 5);
    for (size_t k = 0; k < 3; k++) {
        int fd = memory_file();
        struct archive *a = writer(fd, TAR, filters[k]);
        add_as(a, "n.json", noise, sizeof noise, AE_IFREG, NULL);
        add(a, "m.json", "{}");
        fd = finish(a, fd);
        ssize_t n = read(fd, bytes, sizeof bytes);
        close(fd);
        /* Cut, and turned over in the middle; only xz has a sum that libarchive looks at. */
        for (int turn = 0; turn < (filters[k] == ARCHIVE_FILTER_XZ ? 2 : 1); turn++) {
            int cut = memory_file();
            size_t len = turn ? (size_t)n : (size_t)n / 2;
            if (turn)
                bytes[n / 3] ^= 0x55;
            assert_int_equal(write(cut, bytes, len), (ssize_t)len);
            lseek(cut, 0, SEEK_SET);
            unpack(&g, cut, false, MIB);
            assert_true(g.why[0]);
        }
    }
    int garbage = memory_file();
    assert_int_equal(write(garbage, "this is no archive at all", 25), 25);
    lseek(garbage, 0, SEEK_SET);
    unpack(&g, garbage, false, MIB);
    assert_non_null(strstr(g.why, "damaged"));
    unpack(&g, memory_file(), false, MIB);
    assert_string_equal(g.why, "it is empty");
}

static void slices(void **state)
{
    struct seen g = {0};
    int fd = memory_file();
    struct archive *a = writer(fd, ZIP, ARCHIVE_FILTER_NONE);
    (void)state;
    for (int i = 0; i < 1200; i++) {
        char name[32];
        snprintf(name, sizeof name, "%d.json", i);
        add(a, name, "{\"n\":12}");
    }
    fd = finish(a, fd);
    int again = dup(fd);
    unpack(&g, fd, false, MIB);
    assert_string_equal(g.why, "");
    assert_int_equal(g.n, 1200);
    assert_int_equal(g.slices, 3);
    assert_int_equal(g.bytes, 1200 * 8);
    /* Nobody wants the rest. */
    lseek(again, 0, SEEK_SET);
    g.stop_at_first = true;
    unpack(&g, again, false, MIB);
    assert_int_equal(g.slices, 1);
    assert_string_equal(g.why, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats), cmocka_unit_test(names),   cmocka_unit_test(sizes),
        cmocka_unit_test(nesting), cmocka_unit_test(damaged), cmocka_unit_test(slices),
    };
    tsn_json_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
