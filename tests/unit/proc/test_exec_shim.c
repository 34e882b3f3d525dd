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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
