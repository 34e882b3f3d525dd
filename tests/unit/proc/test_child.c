/* test_child.c - starting, talking to and ending children. The child is this test itself, run
 * again with a part to play as its first argument. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <limits.h>
#include <errno.h>
#include <fcntl.h>
#include <cmocka.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/mem.h"
#include "loop/loop.h"
#include "proc/child.h"

static char self[PATH_MAX];

/* --- the parts a child plays --- */

static void write_all(int fd, const void *p, size_t n)
{
    const char *at = p;
    while (n > 0) {
        ssize_t w = write(fd, at, n);
        if (w <= 0)
            _exit(9);
        at += w;
        n -= (size_t)w;
    }
}

/* Sends every frame back with the type one higher; exits 7 at the end of input. */
static int play_echo(void)
{
    struct tsn_buf in, out;
    tsn_buf_init(&in, TSN_FRAME_MAX + (1u << 20));
    tsn_buf_init(&out, TSN_FRAME_MAX + 64);
    char *chunk = tsn_alloc(1u << 16);
    for (;;) {
        ssize_t n = read(3, chunk, 1u << 16);
        if (n <= 0)
            break;
        tsn_buf_put(&in, chunk, (size_t)n);
        struct tsn_frame f;
        size_t used;
        while (tsn_frame_get(&in, &f, &used) == 0 && used > 0) {
            tsn_buf_clear(&out);
            tsn_frame_put(&out, (uint8_t)(f.type + 1), f.payload, f.len);
            write_all(3, out.data, out.len);
            tsn_buf_shift(&in, used);
        }
    }
    free(chunk);
    tsn_buf_free(&in);
    tsn_buf_free(&out);
    return 7;
}

static int play_last_words(void)
{
    struct tsn_buf out;
    tsn_buf_init(&out, 1u << 20);
    for (int i = 0; i < 100; i++)
        tsn_frame_put(&out, 5, "bye", 3);
    write_all(3, out.data, out.len);
    write_all(2, "on stderr\nwithout an end", 24);
    abort();
}

static int play_descriptors(void)
{
    char text[64];
    int open = 0;
    for (int fd = 4; fd < 256; fd++)
        if (fcntl(fd, F_GETFD) != -1)
            open++;
    struct tsn_buf out;
    tsn_buf_init(&out, 4096);
    char cwd[PATH_MAX];
    int n = snprintf(text, sizeof(text), "%d %s %s", open, getcwd(cwd, sizeof(cwd)),
                     getenv("HOME") ? "home" : "bare");
    tsn_frame_put(&out, 1, text, (size_t)n);
    write_all(3, out.data, out.len);
    return getsid(0) == getpid() ? 0 : 8;
}

static int play(const char *part)
{
    if (strcmp(part, "echo") == 0)
        return play_echo();
    if (strcmp(part, "last-words") == 0)
        return play_last_words();
    if (strcmp(part, "descriptors") == 0)
        return play_descriptors();
    if (strcmp(part, "garbage") == 0) {
        write_all(3, "\377\377\377\377garbage", 11);
        pause();
    }
    if (strcmp(part, "deaf") == 0) /* neither reads nor ends */
        for (;;)
            pause();
    if (strcmp(part, "lines") == 0) {
        char line[256];
        while (fgets(line, sizeof(line), stdin))
            printf("got %s", line);
        printf("last line has no end");
        return 3;
    }
    if (strcmp(part, "long-line") == 0) {
        for (int i = 0; i < 100; i++)
            write_all(1, "0123456789", 10);
        pause();
    }
    if (strcmp(part, "family") == 0 || strcmp(part, "stray") == 0) {
        pid_t kid = fork();
        if (kid == 0) {
            if (part[0] == 's')
                setsid(); /* out of the group, still holding the output */
            sleep(part[0] == 's' ? 4 : 60);
            _exit(0);
        }
        printf("%d\n", (int)kid);
        fflush(stdout);
        if (part[0] == 's')
            return 0;
        pause();
    }
    if (strcmp(part, "closes-output") == 0) {
        close(1);
        pause();
    }
    return 99;
}

/* --- the parent --- */

static struct tsn_loop *loop;
static struct {
    int frames, lines, exits;
    int64_t status;
    int sig;
    uint8_t type;
    size_t len;
    uint64_t sum;
    char text[512];
    int after_exit;
    void (*on_first)(struct tsn_child *c);
} got;

static uint64_t sum_of(const char *p, size_t n)
{
    uint64_t h = 14695981039346656037u;
    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)p[i]) * 1099511628211u;
    return h;
}

static void on_frame(struct tsn_child *c, const struct tsn_frame *f, void *user)
{
    (void)user;
    got.after_exit += got.exits;
    got.type = f->type;
    got.len = f->len;
    got.sum = sum_of(f->payload, f->len);
    if (f->len < sizeof(got.text)) {
        memcpy(got.text, f->payload, f->len);
        got.text[f->len] = '\0';
    }
    if (got.frames++ == 0 && got.on_first)
        got.on_first(c);
}

static void on_line(struct tsn_child *c, const char *line, size_t len, void *user)
{
    (void)user;
    got.after_exit += got.exits;
    assert_int_equal(strlen(line), len);
    strncat(got.text, line, sizeof(got.text) - strlen(got.text) - 2);
    strncat(got.text, "|", 2);
    if (got.lines++ == 0 && got.on_first)
        got.on_first(c);
}

static void on_exit_(struct tsn_child *c, int64_t status, int sig, void *user)
{
    (void)user;
    got.exits++;
    got.status = status;
    got.sig = sig;
    /* All of these must be harmless now. */
    assert_int_equal(tsn_child_send(c, 1, "x", 1), TSN_ECLOSED);
    tsn_child_kill(c);
    tsn_child_finish(c);
    tsn_loop_stop(loop);
}

static int setup(void **state)
{
    (void)state;
    memset(&got, 0, sizeof(got));
    return tsn_loop_open(&loop);
}

static int teardown(void **state)
{
    (void)state;
    tsn_loop_close(loop);
    return 0;
}

static struct tsn_child *start(const char *part, bool lines, size_t max_line)
{
    const char *argv[] = {self, part, NULL};
    struct tsn_child_config cfg = {.name = part,
                                   .argv = argv,
                                   .lines = lines,
                                   .max_line = max_line,
                                   .on_frame = on_frame,
                                   .on_line = on_line,
                                   .on_exit = on_exit_};
    struct tsn_child *c = NULL;
    struct tsn_diag diag;
    tsn_diag_init(&diag);
    assert_int_equal(tsn_child_start(&c, loop, &cfg, &diag), 0);
    assert_true(tsn_child_pid(c) > 0);
    return c;
}

static void frames_go_both_ways(void **state)
{
    (void)state;
    struct tsn_child *c = start("echo", false, 0);
    for (int i = 0; i < 50; i++)
        assert_int_equal(tsn_child_send(c, 20, "hello", 5), 0);
    assert_int_equal(tsn_child_send(c, 30, "", 0), 0);
    tsn_child_finish(c); /* what waits still goes out, and the answers come in */
    assert_int_equal(tsn_child_send(c, 20, "late", 4), TSN_ECLOSED);
    tsn_loop_run(loop);
    assert_int_equal(got.frames, 51);
    assert_int_equal(got.type, 31);
    assert_int_equal(got.len, 0);
    assert_int_equal(got.exits, 1);
    assert_int_equal(got.status, 7);
    assert_int_equal(got.after_exit, 0);
}

static void finish_it(struct tsn_child *c)
{
    tsn_child_finish(c);
}

static void a_giant_frame_arrives_whole(void **state)
{
    (void)state;
    size_t n = 40u << 20;
    char *p = tsn_alloc(n);
    for (size_t i = 0; i < n; i += 61)
        p[i] = (char)(i * 7);
    struct tsn_child *c = start("echo", false, 0);
    assert_int_equal(tsn_child_send(c, 9, p, n), 0);
    assert_true(tsn_child_unsent(c) > 0);
    got.on_first = finish_it;
    tsn_loop_run(loop);
    assert_int_equal(got.frames, 1);
    assert_int_equal(got.len, n);
    assert_true(got.sum == sum_of(p, n));
    assert_int_equal(got.status, 7);
    free(p);
}

static void words_before_a_crash_are_heard(void **state)
{
    (void)state;
    start("last-words", false, 0);
    tsn_loop_run(loop);
    assert_int_equal(got.frames, 100);
    assert_int_equal(got.exits, 1);
    assert_int_equal(got.sig, SIGABRT);
    assert_int_equal(got.after_exit, 0);
}

static void nothing_is_inherited(void **state)
{
    (void)state;
    int leak = open("/dev/null", O_RDONLY); /* on purpose without CLOEXEC */
    setenv("HOME", "/secret", 1);
    start("descriptors", false, 0);
    tsn_loop_run(loop);
    assert_string_equal(got.text, "0 / bare");
    assert_int_equal(got.status, 0); /* leads its own session */
    close(leak);
}

static void garbage_ends_the_child(void **state)
{
    (void)state;
    start("garbage", false, 0);
    tsn_loop_run(loop);
    assert_int_equal(got.frames, 0);
    assert_int_equal(got.sig, SIGKILL);
}

static void a_deaf_child_fills_the_queue(void **state)
{
    (void)state;
    struct tsn_child *c = start("deaf", false, 0);
    size_t n = 8u << 20;
    char *p = tsn_alloc(n);
    int sent = 0;
    tsn_err err;
    while ((err = tsn_child_send(c, 1, p, n)) == 0)
        sent++;
    assert_int_equal(err, TSN_EFULL);
    assert_in_range(sent, 7, 8);
    assert_in_range(tsn_child_unsent(c), n, 64u << 20);
    assert_int_equal(tsn_child_send(c, 1, p, (64u << 20) + 1), TSN_ETOOBIG);
    int64_t start_ms = tsn_clock_mono_ms();
    tsn_child_finish(c); /* it does not end by itself */
    tsn_loop_run(loop);
    assert_int_equal(got.sig, SIGKILL);
    assert_in_range(tsn_clock_mono_ms() - start_ms, 1900, 10000);
    free(p);
}

static void kill_is_at_once(void **state)
{
    (void)state;
    struct tsn_child *c = start("deaf", false, 0);
    tsn_child_kill(c);
    tsn_child_kill(c);
    tsn_loop_run(loop);
    assert_int_equal(got.exits, 1);
    assert_int_equal(got.sig, SIGKILL);
}

static void lines_go_both_ways(void **state)
{
    (void)state;
    struct tsn_child *c = start("lines", true, 0);
    assert_int_equal(tsn_child_send_line(c, "one", 3), 0);
    assert_int_equal(tsn_child_send_line(c, "two\r", 4), 0);
    assert_int_equal(tsn_child_send_line(c, "not\none", 7), TSN_EINPUT);
    tsn_child_finish(c);
    tsn_loop_run(loop);
    assert_string_equal(got.text, "got one|got two|last line has no end|");
    assert_int_equal(got.status, 3);
}

static void a_line_over_the_limit_ends_the_child(void **state)
{
    (void)state;
    start("long-line", true, 500);
    tsn_loop_run(loop);
    assert_int_equal(got.lines, 0);
    assert_int_equal(got.sig, SIGKILL);
}

static void kill_it(struct tsn_child *c)
{
    tsn_child_kill(c);
}

/* Waits until the process is gone or a zombie of init. */
static bool gone(int pid)
{
    for (int i = 0; i < 100; i++) {
        char path[64], text[256] = "";
        snprintf(path, sizeof(path), "/proc/%d/stat", pid);
        FILE *f = fopen(path, "r");
        if (!f)
            return true;
        size_t n = fread(text, 1, sizeof(text) - 1, f);
        fclose(f);
        text[n] = '\0';
        char *end = strrchr(text, ')');
        if (end && (end[2] == 'Z' || end[2] == 'X'))
            return true;
        usleep(20000);
    }
    return false;
}

static void the_whole_family_is_killed(void **state)
{
    (void)state;
    start("family", true, 0);
    got.on_first = kill_it;
    tsn_loop_run(loop);
    int kid = atoi(got.text); /* NOLINT: a number by our own child */
    assert_true(kid > 1);
    assert_true(gone(kid));
}

static void a_stray_grandchild_does_not_hold_us(void **state)
{
    (void)state;
    int64_t start_ms = tsn_clock_mono_ms();
    start("stray", true, 0);
    tsn_loop_run(loop);
    assert_int_equal(got.exits, 1);
    assert_int_equal(got.status, 0);
    assert_true(tsn_clock_mono_ms() - start_ms < 3500);
}

static void closing_its_output_ends_it(void **state)
{
    (void)state;
    start("closes-output", true, 0);
    tsn_loop_run(loop);
    assert_int_equal(got.sig, SIGKILL);
}

static void what_cannot_start_says_so(void **state)
{
    (void)state;
    const char *argv[] = {"/nonexistent/program", NULL};
    struct tsn_child_config cfg = {.name = "none", .argv = argv, .on_exit = on_exit_};
    struct tsn_child *c;
    struct tsn_diag diag;
    tsn_diag_init(&diag);
    assert_int_equal(tsn_child_start(&c, loop, &cfg, &diag), TSN_ENOTFOUND);
    assert_null(c);
    assert_string_equal(diag.code, "S040");
    assert_non_null(strstr(diag.what, "/nonexistent/program"));
    argv[0] = "relative";
    assert_int_equal(tsn_child_start(&c, loop, &cfg, &diag), TSN_EBUG);
    tsn_loop_run(loop);
    assert_int_equal(got.exits, 0);
}

static void find_looks_beside_us(void **state)
{
    (void)state;
    char path[PATH_MAX];
    struct tsn_diag diag;
    tsn_diag_init(&diag);
    assert_int_equal(tsn_child_find(path, sizeof(path), "test_child", &diag), 0);
    assert_string_equal(path, self);
    assert_int_equal(tsn_child_find(path, sizeof(path), "tocsin-nothing", &diag),
                     TSN_ENOTFOUND);
    assert_string_equal(diag.code, "S041");
    assert_int_equal(tsn_child_find(path, sizeof(path), "../x", &diag), TSN_EBUG);
}

int main(int argc, char **argv)
{
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    self[n > 0 ? n : 0] = '\0';
    if (argc > 1)
        return play(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(frames_go_both_ways, setup, teardown),
        cmocka_unit_test_setup_teardown(a_giant_frame_arrives_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(words_before_a_crash_are_heard, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_is_inherited, setup, teardown),
        cmocka_unit_test_setup_teardown(garbage_ends_the_child, setup, teardown),
        cmocka_unit_test_setup_teardown(a_deaf_child_fills_the_queue, setup, teardown),
        cmocka_unit_test_setup_teardown(kill_is_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(lines_go_both_ways, setup, teardown),
        cmocka_unit_test_setup_teardown(a_line_over_the_limit_ends_the_child, setup, teardown),
        cmocka_unit_test_setup_teardown(the_whole_family_is_killed, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stray_grandchild_does_not_hold_us, setup, teardown),
        cmocka_unit_test_setup_teardown(closing_its_output_ends_it, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_start_says_so, setup, teardown),
        cmocka_unit_test_setup_teardown(find_looks_beside_us, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
