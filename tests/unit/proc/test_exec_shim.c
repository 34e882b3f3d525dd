/* test_exec_shim.c - tocsin-exec: usage, limits, the program it becomes, death with its parent.
 * Skipped where the program is not built. */
#include <limits.h>
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
#include <cmocka.h>

#include "core/log.h"
#include "loop/loop.h"
#include "proc/child.h"

static char shim[PATH_MAX];
static struct tsn_loop *loop;
static struct {
    char out[2048];
    int64_t status;
    int sig, exits;
} got;

static void on_line(struct tsn_child *c, const char *line, size_t len, void *user)
{
    (void)c;
    (void)len;
    (void)user;
    strncat(got.out, line, sizeof(got.out) - strlen(got.out) - 2);
    strncat(got.out, "|", 2);
}

static void on_exit_(struct tsn_child *c, int64_t status, int sig, void *user)
{
    (void)c;
    (void)user;
    got.exits++;
    got.status = status;
    got.sig = sig;
    tsn_loop_stop(loop);
}

static struct tsn_child *start(const char *const *argv)
{
    struct tsn_child_config cfg = {
        .name = "shim", .argv = argv, .lines = true, .on_line = on_line, .on_exit = on_exit_};
    struct tsn_child *c = NULL;
    struct tsn_diag diag;
    tsn_diag_init(&diag);
    memset(&got, 0, sizeof(got));
    assert_int_equal(tsn_child_start(&c, loop, &cfg, &diag), 0);
    return c;
}

static void run(const char *const *argv)
{
    start(argv);
    tsn_loop_run(loop);
    assert_int_equal(got.exits, 1);
}

static void stop_loop(void *user)
{
    (void)user;
    tsn_loop_stop(loop);
}

static int setup(void **state)
{
    (void)state;
    return tsn_loop_open(&loop);
}

static int teardown(void **state)
{
    (void)state;
    tsn_loop_close(loop);
    return 0;
}

static void becomes_the_program(void **state)
{
    (void)state;
    const char *argv[] = {shim,
                          "--memory",
                          "2000000000",
                          "--cpu",
                          "7",
                          "--files",
                          "33",
                          "--",
                          "/bin/sh",
                          "-c",
                          "ulimit -t; ulimit -n; echo \"$1\"; exit 5",
                          "sh",
                          "a b",
                          NULL};
    run(argv);
    assert_string_equal(got.out, "7|33|a b|");
    assert_int_equal(got.status, 5);
    const char *bare[] = {shim, "--", "/bin/sh", "-c", "grep NoNewPrivs /proc/self/status",
                          NULL};
    run(bare);
    assert_string_equal(got.out, "NoNewPrivs:\t1|");
}

static void says_why_it_cannot(void **state)
{
    (void)state;
    const char *missing[] = {shim, "--", "/nonexistent/plugin", NULL};
    run(missing);
    assert_int_equal(got.status, 127);
    const char *const bad[][6] = {
        {shim, NULL},
        {shim, "--", NULL},
        {shim, "--cpu", "x", "--", "/bin/true", NULL},
        {shim, "--cpu", "-1", "--", "/bin/true", NULL},
        {shim, "--what", "1", "--", "/bin/true", NULL},
        {shim, "--cpu", NULL},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        run(bad[i]);
        assert_int_equal(got.status, 2);
    }
}

static void cpu_time_ends(void **state)
{
    (void)state;
    const char *argv[] = {shim, "--cpu", "1", "--", "/bin/sh", "-c", "while :; do :; done",
                          NULL};
    run(argv);
    assert_true(got.sig == SIGXCPU || got.sig == SIGKILL);
}

static bool ends(const char *file)
{
    for (int i = 0; i < 500; i++) {
        FILE *f = fopen(file, "r");
        int pid = 0;
        bool there = f && fscanf(f, "%d", &pid) == 1;
        if (f)
            (void)fclose(f);
        if (there && kill(pid, 0) != 0)
            return true;
        usleep(20000);
    }
    return false;
}

/* Children that leave group and session, and whose parents are gone. */
#define STRAYS                                                                                 \
    "setsid sh -c 'echo $$ > \"$0/a\"; exec sleep 600 >/dev/null 2>&1' \"$1\" & "              \
    "(setsid sh -c 'trap \"\" TERM HUP; setsid sleep 600 >/dev/null 2>&1 & echo $! > "         \
    "\"$0/b\"' \"$1\" &) ; "                                                                   \
    "while ! [ -s \"$1/a\" ] || ! [ -s \"$1/b\" ]; do sleep 0.02; done; "

static void guards(void **state)
{
    (void)state;
    char dir[] = "/tmp/tsn-guard-XXXXXX", a[64], b[64];
    assert_non_null(mkdtemp(dir));
    (void)snprintf(a, sizeof(a), "%s/a", dir);
    (void)snprintf(b, sizeof(b), "%s/b", dir);
    const char *codes[] = {shim, "--guard", "0", "--", "/bin/sh", "-c", "exit 7", NULL};
    run(codes);
    assert_int_equal(got.status, 7);
    const char *dies[] = {shim, "--guard", "0", "--", "/bin/sh", "-c", "kill -USR1 $$", NULL};
    run(dies);
    assert_int_equal(got.sig, SIGUSR1);
    const char *nothing[] = {shim, "--guard", "0", "--", "/nonexistent", NULL};
    run(nothing);
    assert_int_equal(got.status, 127);
    /* It ends by itself and leaves strays behind. */
    const char *leaves[] = {shim, "--guard",       "0",  "--", "/bin/sh",
                            "-c", STRAYS "exit 3", "sh", dir,  NULL};
    run(leaves);
    assert_int_equal(got.status, 3);
    assert_true(ends(a) && ends(b));
    assert_int_equal(unlink(a) | unlink(b), 0);
    /* It is killed. */
    const char *stays[] = {
        shim, "--guard", "0", "--", "/bin/sh", "-c", STRAYS "echo up; sleep 600",
        "sh", dir,       NULL};
    struct tsn_child_config cfg = {.name = "shim",
                                   .argv = stays,
                                   .lines = true,
                                   .guarded = true,
                                   .on_line = on_line,
                                   .on_exit = on_exit_};
    struct tsn_child *c = NULL;
    memset(&got, 0, sizeof(got));
    assert_int_equal(tsn_child_start(&c, loop, &cfg, NULL), 0);
    for (int i = 0; i < 1000 && !strstr(got.out, "up"); i++) {
        tsn_loop_later(loop, stop_loop, NULL);
        tsn_loop_run(loop);
        usleep(10000);
    }
    assert_non_null(strstr(got.out, "up"));
    tsn_child_kill(c);
    tsn_loop_run(loop);
    assert_int_equal(got.exits, 1);
    assert_int_equal(got.sig, SIGKILL);
    assert_true(ends(a) && ends(b));
    assert_int_equal(unlink(a) | unlink(b) | rmdir(dir), 0);
}

/* Its core is killed: the guard hears of it and ends the rest. */
static void guards_after_its_core(void **state)
{
    (void)state;
    char dir[] = "/tmp/tsn-guard-XXXXXX", a[64], b[64];
    assert_non_null(mkdtemp(dir));
    (void)snprintf(a, sizeof(a), "%s/a", dir);
    (void)snprintf(b, sizeof(b), "%s/b", dir);
    pid_t core = fork();
    if (core == 0) {
        const char *argv[] = {shim, "--guard",          "0",  "--", "/bin/sh",
                              "-c", STRAYS "sleep 600", "sh", dir,  NULL};
        struct tsn_loop *own;
        struct tsn_child *c;
        struct tsn_child_config cfg = {
            .name = "x", .argv = argv, .lines = true, .guarded = true};
        if (tsn_loop_open(&own) != 0 || tsn_child_start(&c, own, &cfg, NULL) != 0)
            _exit(1);
        pause();
        _exit(0);
    }
    for (int i = 0; i < 1000 && (access(a, R_OK) != 0 || access(b, R_OK) != 0); i++)
        usleep(20000);
    usleep(100000);
    kill(core, SIGKILL);
    waitpid(core, NULL, 0);
    assert_true(ends(a) && ends(b));
    assert_int_equal(unlink(a) | unlink(b) | rmdir(dir), 0);
}

static void input_and_its_end(void **state)
{
    (void)state;
    const char *argv[] = {shim, "--guard", "0", "--", "/usr/bin/od", "-An", "-c", NULL};
    struct tsn_child *c = start(argv);
    assert_int_equal(tsn_child_send_input(c, "a\n\0b", 4), 0);
    assert_int_equal(tsn_child_send_input(c, "c", 1), TSN_ECLOSED); /* only once */
    tsn_loop_run(loop);
    assert_string_equal(got.out, "   a  \\n  \\0   b|");
    const char *bare[] = {shim, "--guard", "0", "--", "/bin/cat", NULL};
    c = start(bare);
    assert_int_equal(tsn_child_send_input(c, "", 0), 0);
    tsn_loop_run(loop);
    assert_int_equal(got.status, 0);
}

/* Nobody but an ordinary user has a limit of processes. */
static void processes_are_counted(void **state)
{
    (void)state;
    static const char bomb[] =
        "n=0; for i in 1 2 3 4 5 6 7 8 9 10; do sleep 600 >/dev/null & n=$i; done; echo $n";
    const char *argv[] = {"/usr/bin/setpriv",
                          "--reuid=65533",
                          "--clear-groups",
                          shim,
                          "--guard",
                          "0",
                          "--",
                          "/bin/sh",
                          "-c",
                          bomb,
                          NULL};
    if (getuid() != 0) {
        skip();
        return;
    }
    run(argv);
    if (strcmp(got.out, "10|") != 0) {
        skip(); /* that user cannot reach our build */
        return;
    }
    argv[5] = "6";
    run(argv);
    assert_string_not_equal(got.out, "10|");
    assert_int_not_equal(got.status, 0); /* sh: Cannot fork */
}

/* A core that is killed leaves no plugin behind. */
static void dies_with_its_parent(void **state)
{
    (void)state;
    int pipe_fd[2];
    assert_int_equal(pipe(pipe_fd), 0);
    pid_t core = fork();
    if (core == 0) {
        const char *argv[] = {shim, "--", "/bin/sh", "-c", "exec sleep 60", NULL};
        struct tsn_loop *own;
        struct tsn_child *c;
        struct tsn_child_config cfg = {.name = "x", .argv = argv, .lines = true};
        if (tsn_loop_open(&own) != 0 || tsn_child_start(&c, own, &cfg, NULL) != 0)
            _exit(1);
        int pid = tsn_child_pid(c);
        usleep(300000); /* the shim has set itself up by then */
        if (write(pipe_fd[1], &pid, sizeof(pid)) != sizeof(pid))
            _exit(1);
        pause();
        _exit(0);
    }
    int pid = 0;
    assert_int_equal(read(pipe_fd[0], &pid, sizeof(pid)), sizeof(pid));
    assert_int_equal(kill(pid, 0), 0);
    kill(core, SIGKILL);
    waitpid(core, NULL, 0);
    bool gone = false;
    for (int i = 0; i < 100 && !gone; i++) {
        char path[64], text[256] = "";
        snprintf(path, sizeof(path), "/proc/%d/stat", pid);
        FILE *f = fopen(path, "r");
        if (f) {
            text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
            fclose(f);
        }
        const char *end = strrchr(text, ')');
        gone = !f || (end && end[2] == 'Z');
        usleep(20000);
    }
    assert_true(gone);
    close(pipe_fd[0]);
    close(pipe_fd[1]);
}

int main(void)
{
    struct tsn_diag diag;
    tsn_diag_init(&diag);
    tsn_log_level_set(TSN_LOG_ERROR);
    if (tsn_child_find(shim, sizeof(shim), "tocsin-exec", &diag) != 0) {
        fprintf(stderr, "skipped: %s\n", diag.what);
        return 77;
    }
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(becomes_the_program),
        T(says_why_it_cannot),
        T(cpu_time_ends),
        T(dies_with_its_parent),
        T(guards),
        T(guards_after_its_core),
        T(input_and_its_end),
        T(processes_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
