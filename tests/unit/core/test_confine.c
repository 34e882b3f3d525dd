/* test_confine.c - fault points and confinement, each tried in a child process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/confine.h"
#include "core/fault.h"
#include "core/json.h"

/* Runs fn in a child; its wait status. */
static int in_child(int (*fn)(void))
{
    pid_t pid;
    int status;

    fflush(NULL);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct rlimit no_core = {0, 0};

        setrlimit(RLIMIT_CORE, &no_core);
        _exit(fn());
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void exits(int (*fn)(void), int want)
{
    int status = in_child(fn);

    if (!WIFEXITED(status) || WEXITSTATUS(status) != want)
        fail_msg("status %x instead of exit %d", (unsigned)status, want);
}

static void dies(int (*fn)(void), int sig)
{
    int status = in_child(fn);

    if (!WIFSIGNALED(status) || WTERMSIG(status) != sig)
        fail_msg("status %x instead of signal %d", (unsigned)status, sig);
}

static int points(void)
{
    tsn_fault("store.before_commit");
    tsn_fault("store.after_commit");
    tsn_fault("store.before_commit");
    if (tsn_fault_err("store.write") != 0)
        return 10;
    if (tsn_fault_err("store.write") != 0)
        return 11;
    return 0;
}

static const char *fault_spec;
static char trace_path[64];

static int with_spec(void)
{
    if (fault_spec)
        setenv("TOCSIN_FAULT", fault_spec, 1);
    if (trace_path[0])
        setenv("TOCSIN_FAULT_TRACE", trace_path, 1);
    return points();
}

/* Number of points that were passed before the end. */
static int traced(const char *spec, int sig)
{
    struct tsn_buf b;
    int n = 0;

    snprintf(trace_path, sizeof(trace_path), "/tmp/tocsin-trace-%d", (int)getpid());
    unlink(trace_path);
    fault_spec = spec;
    if (sig)
        dies(with_spec, sig);
    else
        exits(with_spec, 0);
    tsn_buf_init(&b, 10000);
    assert_int_equal(tsn_buf_read_file(&b, trace_path), 0);
    for (size_t i = 0; i < b.len; i++)
        n += b.data[i] == '\n';
    if (!sig)
        assert_string_equal(b.data, "1 store.before_commit\n2 store.after_commit\n"
                                    "3 store.before_commit\n4 store.write\n5 store.write\n");
    tsn_buf_free(&b);
    unlink(trace_path);
    trace_path[0] = '\0';
    return n;
}

static void test_faults(void **state)
{
    (void)state;
    assert_int_equal(traced(NULL, 0), 5);
    assert_int_equal(traced("store.after_commit", SIGKILL), 2);
    assert_int_equal(traced("store.before_commit", SIGKILL), 1);
    assert_int_equal(traced("store.before_commit:2", SIGKILL), 3);
    assert_int_equal(traced("store.write:2", SIGKILL),
                     5); /* a point that can fail can kill too */
    for (int i = 1; i <= 5; i++) {
        char spec[8];

        snprintf(spec, sizeof(spec), "#%d", i);
        assert_int_equal(traced(spec, SIGKILL), i);
    }
    assert_int_equal(traced("#6", 0), 5);
    assert_int_equal(traced("no.such", 0), 5);
    fault_spec = "store.write=TSN_ENOSPC";
    exits(with_spec, 10);
    fault_spec = "store.write:2=TSN_ENOSPC";
    exits(with_spec, 11);
    fault_spec = NULL;
    exits(with_spec, 0);
}

static int err_kind(void)
{
    setenv("TOCSIN_FAULT", "a.b=TSN_ENOSPC", 1);
    return tsn_fault_err("a.b") == TSN_ENOSPC && tsn_fault_err("a.b") == TSN_ENOSPC &&
                   tsn_fault_err("a.c") == 0
               ? 0
               : 1;
}

static void test_fault_errors_stay(void **state)
{
    (void)state;
    exits(err_kind, 0);
}

/* --- confinement ----------------------------------------------------------------------- */

static char weaker[512];

static int confined(enum tsn_role role, int keep)
{
    struct tsn_confine c = {
        .role = role, .channel_fd = keep, .memory_bytes = 1u << 30, .files = 64};

    tsn_json_init();
    return tsn_confine(&c, weaker, sizeof(weaker));
}

static int lua_works(void)
{
    int p[2];
    char *text, c;
    json_t *v;

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, p) || confined(TSN_ROLE_LUA, p[0]))
        return 1;
    if (write(p[0], "x", 1) >= 0) /* the other end was closed with the rest */
        return 2;
    if (errno != EPIPE)
        return 3;
    if (read(p[1], &c, 1) >= 0 || errno != EBADF)
        return 4;
    v = json_pack("{s:i}", "a", 1);
    text = tsn_json_text(v);
    json_decref(v);
    free(text);
    /* Enough memory for mmap and munmap, growth and shrinking. */
    for (size_t n = 1; n < 1u << 24; n *= 4) {
        char *m = malloc(n);

        if (!m)
            return 5;
        memset(m, 1, n);
        m = realloc(m, n * 2);
        if (!m)
            return 6;
        free(m);
    }
    return 0;
}

static int lua_works_quietly(void)
{
    signal(SIGPIPE, SIG_IGN);
    return lua_works();
}

static int lua_opens(void)
{
    return confined(TSN_ROLE_LUA, -1) ? 1 : open("/etc/passwd", O_RDONLY) >= 0 ? 2 : 3;
}

static int lua_connects(void)
{
    return confined(TSN_ROLE_LUA, -1) ? 1 : socket(AF_INET, SOCK_STREAM, 0) >= 0 ? 2 : 3;
}

static int lua_execs(void)
{
    if (confined(TSN_ROLE_LUA, -1))
        return 1;
    execl("/bin/true", "true", (char *)NULL);
    return 3;
}

static int lua_forks(void)
{
    return confined(TSN_ROLE_LUA, -1) ? 1 : fork() == 0 ? 0 : 3;
}

static int lua_maps_code(void)
{
    if (confined(TSN_ROLE_LUA, -1))
        return 1;
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                0) == MAP_FAILED
               ? 3
               : 2;
}

static int lua_aborts(void)
{
    if (confined(TSN_ROLE_LUA, -1))
        return 1;
    abort();
}

static int exec_role(void)
{
    if (confined(TSN_ROLE_EXEC, -1))
        return 1;
    if (unshare(CLONE_NEWNS) == 0 || errno != EPERM)
        return 2;
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0 || errno != EPERM)
        return 3;
    if (open("/etc/passwd", O_RDONLY) < 0)
        return 4;
    execl("/bin/true", "true", (char *)NULL);
    return 5;
}

static int filter_is_possible(void)
{
    if (confined(TSN_ROLE_LUA, -1))
        return 1;
    return strstr(weaker, "filter") ? 1 : 0;
}

static int short_room(void)
{
    struct tsn_confine c = {.role = TSN_ROLE_EXEC, .channel_fd = -1};

    return tsn_confine(&c, NULL, 0) ? 1 : 0; /* nobody has to listen */
}

static void test_confined(void **state)
{
    (void)state;
    if (in_child(filter_is_possible) != 0) {
        print_message("skipped: this kernel takes no system-call filter\n");
        skip();
    }
    exits(lua_works_quietly, 0);
    dies(lua_connects, SIGSYS);
    dies(lua_execs, SIGSYS);
#ifndef TOCSIN_SANITIZED
    /* The sanitizers' run time needs these calls for its reports. */
    dies(lua_opens, SIGSYS);
    dies(lua_forks, SIGSYS);
    dies(lua_maps_code, SIGSYS);
    exits(exec_role, 0);
#else
    (void)lua_opens, (void)lua_forks, (void)lua_maps_code;
    exits(exec_role, 0);
#endif
    dies(lua_aborts, SIGABRT);
    exits(short_room, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_fault_errors_stay),
        cmocka_unit_test(test_confined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
